"""What an autoscaler is made of: its settings, and the struct of C that says them."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypedDict, TypeVar, get_type_hints

from batching._ffi.arguments import integer, number, shown, word
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, structs

AutoscalerName = choices.AutoscalerName


class AutoscalerSettings(TypedDict, total=False):
    """The keyword arguments of Autoscaler, which says what they are."""

    min_replicas: int
    max_replicas: int | None
    interval: float | None
    scaling_metric: choices.ScalingMetricName
    target: float | None
    tolerance: float | None
    up_window: float
    down_window: float | None
    up_percent: float | None
    up_replicas: int | None
    up_period: float | None
    down_percent: float | None
    down_replicas: int
    down_period: float | None
    activation: float
    cooldown: float | None
    max_kv_tokens: int | None
    component: choices.ComponentName
    scaling_target: choices.ScalingTargetName
    load_step: bool
    while_starting: bool
    context_length: int | None
    min_endpoint: int | None
    prefill_up_tokens: int
    prefill_down_tokens: int
    decode_up_percent: float
    decode_down_percent: float
    ttft_sla: float | None
    itl_sla: float | None
    down_sensitivity: float | None
    throughput_interval: float | None
    throughput_step: int | None
    gpu_budget: float | None
    gpus_per_replica: int | None
    kv_threshold: float | None
    queue_threshold: float | None
    up_threshold: float | None
    down_boundary: float | None
    max_num_batched_tokens: int | None
    max_num_seqs: int | None


_CHOICES: Final[Mapping[str, Mapping[str, int]]] = {
    "scaling_metric": choices.SCALING_METRIC_NAMES,
    "component": choices.COMPONENT_NAMES,
    "scaling_target": choices.SCALING_TARGET_NAMES,
}
# What C says the other way round, and what it says alike.
_SWITCHES: Final = {"load_step": ("no_load_step", True), "while_starting": ("while_starting", False)}
# 0 is the default in C. Here None is, and 0 is a value, which C calls -1, ...
_NUMBERS_WITH_ZERO: Final = ("tolerance", "down_window", "up_percent", "down_percent", "cooldown", "down_sensitivity")
_COUNTS_WITH_ZERO: Final = ("min_replicas", "up_replicas")
# ... or a mistake.
_POSITIVE_NUMBERS: Final = (
    "interval",
    "target",
    "up_period",
    "down_period",
    "ttft_sla",
    "itl_sla",
    "throughput_interval",
    "kv_threshold",
    "queue_threshold",
    "up_threshold",
    "down_boundary",
)
_POSITIVE_COUNTS: Final = (
    "max_replicas",
    "max_kv_tokens",
    "context_length",
    "min_endpoint",
    "throughput_step",
    "gpus_per_replica",
    "max_num_batched_tokens",
    "max_num_seqs",
)
# The default is 0 in both.
_NUMBERS: Final = ("up_window", "activation", "decode_up_percent", "decode_down_percent")
_COUNTS: Final = ("down_replicas", "prefill_up_tokens", "prefill_down_tokens")


def set_settings(config: structs.batching_autoscaler_config, settings: Mapping[str, Any]) -> None:
    """Write settings into the struct of C."""
    for name, value in settings.items():
        if name in _CHOICES:
            setattr(config, name, word(value, name, _CHOICES[name]))
        elif name in _SWITCHES:
            if not isinstance(value, bool):
                raise TypeError(f"{name} is {shown(value)}: must be True or False")
            field, default = _SWITCHES[name]
            setattr(config, field, int(value != default))
        elif name not in AutoscalerSettings.__annotations__:
            raise TypeError(f"Autoscaler() got an unexpected keyword argument {name!r}")
        elif value is not None or name in (*_NUMBERS, *_COUNTS, "min_replicas"):
            setattr(config, name, _number(name, value))


def _number(name: str, value: object) -> float | int:
    if name in _NUMBERS:
        return number(value, name)
    if name in _COUNTS:
        return integer(value, name, 0)
    if name in _POSITIVE_COUNTS:
        return integer(value, name, 1)
    if name in _COUNTS_WITH_ZERO:
        return integer(value, name, 0) or -1
    if name == "gpu_budget":
        return -1 if value == math.inf else integer(value, name, 1)
    given = number(value, name)
    if name in _NUMBERS_WITH_ZERO:
        if not given >= 0:
            raise BatchingValueError(f"{name} is {shown(given)}: must be at least 0")
        return given or -1.0
    if not given > 0:
        raise BatchingValueError(f"{name} is {shown(given)}: must be greater than 0")
    return given


FunctionType = TypeVar("FunctionType", bound=Callable[..., Any])


def takes_autoscaler_settings(function: FunctionType) -> FunctionType:
    """Show `help` which keywords the last parameter, **settings, stands for."""
    signature = inspect.signature(function)
    others = list(signature.parameters.values())[:-1]
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_shown_default(name), annotation=kind)
        for name, kind in get_type_hints(AutoscalerSettings).items()
    ]
    function.__signature__ = signature.replace(parameters=[*others, *keywords])  # type: ignore[attr-defined]
    return function


def _shown_default(name: str) -> object:
    if name in _CHOICES:
        return next(iter(_CHOICES[name]))
    if name in _SWITCHES:
        return _SWITCHES[name][1]
    if name == "min_replicas":
        return 1
    return 0 if name in (*_NUMBERS, *_COUNTS) else None
