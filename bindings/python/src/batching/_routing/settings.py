"""What a router is made of: its settings, and the struct of C that says them."""

import ctypes
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypedDict, TypeVar, get_type_hints

import numpy.typing as npt

from batching._ffi.arguments import float64_column, int32_column, int64_column, integer, number, shown, word
from batching._ffi.calls import pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, structs

RouterName = choices.RouterName


class RouterSettings(TypedDict, total=False):
    """The keyword arguments of Router, which says what they are."""

    ties: choices.TiesName
    seed: int
    block_size: int | None
    stats_window: float | None
    round_robin_rule: choices.RoundRobinRuleName
    vllm_dp_rule: choices.VllmDpRuleName
    cache_aware_rule: choices.CacheAwareRuleName
    client_count: int | None
    client_index: int
    use_kv_events: bool
    track_prefill_tokens: bool
    assume_kv_reuse: bool
    overlap_score_credit: float | None
    overlap_score_credit_decay: float
    prefill_load_scale: float | None
    decode_active_request_weight: float
    temperature: float
    queue_threshold: float | None
    max_num_batched_tokens: int | None
    waiting_order: choices.WaitingOrderName
    index_ttl: float | None
    cache_threshold: float | None
    balance_abs_threshold: int | None
    balance_rel_threshold: float | None
    eviction_interval: float | None
    max_tree_size: int | None
    match_rate_threshold: float | None
    imbalanced_threshold: int | None
    chunk_size: int | None
    prefix_min_match_length: int
    aibrix_imbalance: int | None
    scorer: Sequence[str] | None
    scorer_weight: npt.ArrayLike | None
    scorer_threshold: npt.ArrayLike | None
    scorer_max_busy: npt.ArrayLike | None
    max_prefix_blocks: int | None
    lru_blocks_per_worker: int | None


# What C calls otherwise, in the sentences of errors.
NAMES: Final = {r"weight(?=\[)": "weights", r"name(?=\[)": "names"}

_CHOICES: Final[Mapping[str, Mapping[str, int]]] = {
    "ties": choices.TIES_NAMES,
    "round_robin_rule": choices.ROUND_ROBIN_RULE_NAMES,
    "vllm_dp_rule": choices.VLLM_DP_RULE_NAMES,
    "cache_aware_rule": choices.CACHE_AWARE_RULE_NAMES,
    "waiting_order": choices.WAITING_ORDER_NAMES,
}
# What C says the other way round.
_SWITCHES: Final = {
    "use_kv_events": "no_kv_events",
    "track_prefill_tokens": "no_prefill_tokens",
    "assume_kv_reuse": "no_kv_reuse",
}
_SCORERS: Final = {member.name.lower(): member.value for member in choices.Scorer}
# 0 is the default in C. Here None is, and 0 is a value, which C calls -1, ...
_FACTORS_WITH_ZERO: Final = (
    "overlap_score_credit",
    "prefill_load_scale",
    "queue_threshold",
    "cache_threshold",
    "balance_rel_threshold",
    "match_rate_threshold",
)
_COUNTS_WITH_ZERO: Final = ("balance_abs_threshold", "max_tree_size", "imbalanced_threshold", "aibrix_imbalance")
# ... or a mistake.
_POSITIVE_SECONDS: Final = ("stats_window", "index_ttl")
_POSITIVE_COUNTS: Final = (
    "block_size",
    "client_count",
    "max_num_batched_tokens",
    "chunk_size",
    "max_prefix_blocks",
    "lru_blocks_per_worker",
)
# The default is 0 in both.
_FACTORS: Final = ("overlap_score_credit_decay", "decode_active_request_weight", "temperature")
_COUNTS: Final = ("client_index", "prefix_min_match_length")

_INT32: Final = ("client_count", "client_index")


def set_settings(config: structs.batching_router_config, settings: Mapping[str, Any]) -> list[Any]:
    """Write settings into the struct of C. Returns the columns, which must live as long as it."""
    for name, value in settings.items():
        if name in _CHOICES:
            setattr(config, name, word(value, name, _CHOICES[name]))
        elif name in _SWITCHES:
            if not isinstance(value, bool):
                raise TypeError(f"{name} is {shown(value)}: must be True or False")
            setattr(config, _SWITCHES[name], int(not value))
        elif name == "seed":
            config.seed = integer(value, name, 0, 2**64 - 1)
        elif name.startswith("scorer"):
            continue
        elif name not in RouterSettings.__annotations__:
            raise TypeError(f"Router() got an unexpected keyword argument {name!r}")
        elif value is not None:
            setattr(config, name, _number(name, value))
    return _set_scorers(config, settings)


def _number(name: str, value: object) -> float | int:
    most = 2**31 - 1 if name in _INT32 else 2**63 - 1
    if name in _FACTORS:
        return number(value, name)
    if name in _COUNTS:
        return integer(value, name, 0, most)
    if name in _POSITIVE_COUNTS:
        return integer(value, name, 1, most)
    if name in _COUNTS_WITH_ZERO:
        return integer(value, name, 0, most) or -1
    given = number(value, name)
    if name == "eviction_interval" and given == math.inf:
        return -1.0
    if name in _FACTORS_WITH_ZERO:
        if not given >= 0:
            raise BatchingValueError(f"{name} is {shown(given)}: must be at least 0")
        return given or -1.0
    if not given > 0:
        raise BatchingValueError(f"{name} is {shown(given)}: must be greater than 0")
    return given


def _set_scorers(config: structs.batching_router_config, settings: Mapping[str, Any]) -> list[Any]:
    scorers = settings.get("scorer")
    columns = {name: settings.get(name) for name in ("scorer_weight", "scorer_threshold", "scorer_max_busy")}
    if scorers is None:
        for name, column in columns.items():
            if column is not None:
                raise BatchingValueError(f"{name} is given without scorer: must be None")
        return []
    if isinstance(scorers, str) or not isinstance(scorers, Sequence):
        raise TypeError(f"scorer is {shown(scorers)}: must be a list of names")
    if not scorers:
        raise BatchingValueError("scorer is empty: must name at least one")
    values = [word(one, f"scorer[{index}]", _SCORERS) for index, one in enumerate(scorers)]
    kept: list[Any] = [int32_column(values, "scorer")]
    config.scorer_count = len(values)
    config.scorer = pointer(kept[0])
    for name, column in columns.items():
        if column is None:
            continue
        numbers = float64_column(column, name)
        if len(numbers) != len(values):
            raise BatchingValueError(f"{name} has {len(numbers)} elements: must have as many as scorer, {len(values)}")
        if name == "scorer_max_busy":
            # As of the other settings: 0 is a value here.
            if not (numbers >= 0).all():
                index = int((~(numbers >= 0)).argmax())
                raise BatchingValueError(f"{name}[{index}] is {shown(float(numbers[index]))}: must be at least 0")
            numbers = numbers.copy()
            numbers[numbers == 0] = -1
        kept.append(numbers)
        setattr(config, name, pointer(numbers))
    return kept


def set_workers(config: structs.batching_router_config, names: Sequence[str] | None, weights: Any) -> list[Any]:
    """Write what each worker is called and weighs into the struct of C. Returns what must live as long as it."""
    kept: list[Any] = []
    if weights is not None:
        column = int64_column(weights, "weights")
        _check_count("weights", len(column), config.workers)
        kept.append(column)
        config.weight = pointer(column)
    if names is not None:
        if isinstance(names, str) or not isinstance(names, Sequence):
            raise TypeError(f"names is {shown(names)}: must be a list of strings")
        _check_count("names", len(names), config.workers)
        texts = (ctypes.c_char_p * len(names))(*(c_string(name, f"names[{i}]") for i, name in enumerate(names)))
        kept.append(texts)
        config.name = texts
    return kept


def _check_count(what: str, count: int, workers: int) -> None:
    if count != workers:
        raise BatchingValueError(f"{what} has {count} elements: must have as many as there are workers, {workers}")


def c_string(value: object, name: str) -> bytes:
    """What C reads up to its end."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown(value)}: must be a string")
    if "\0" in value:
        raise BatchingValueError(f"{name} is {shown(value)}: must not have a NUL character")
    return value.encode("utf-8", "surrogatepass")


FunctionType = TypeVar("FunctionType", bound=Callable[..., Any])


def takes_router_settings(function: FunctionType) -> FunctionType:
    """Show `help` which keywords the last parameter, **settings, stands for."""
    signature = inspect.signature(function)
    others = list(signature.parameters.values())[:-1]
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_shown_default(name), annotation=kind)
        for name, kind in get_type_hints(RouterSettings).items()
    ]
    function.__signature__ = signature.replace(parameters=[*others, *keywords])  # type: ignore[attr-defined]
    return function


def _shown_default(name: str) -> object:
    if name in _CHOICES:
        return next(iter(_CHOICES[name]))
    if name in _SWITCHES:
        return True
    return 0 if name in (*_FACTORS, *_COUNTS, "seed") else None
