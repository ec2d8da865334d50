"""How an engine is configured: what `simulate` and `LiveEngine` have in common."""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, Final, Literal

import numpy as np

from batching._engine.callbacks import Callbacks, Iteration
from batching._engine.policy import CustomPolicy
from batching._ffi import abi
from batching._ffi.arguments import INT64_MAX, integer, number, shown
from batching._ffi.calls import initialised
from batching._ffi.errors import BatchingValueError

Policy = Literal["vllm", "static", "dynamic", "continuous", "orca"]
"""Who decides which requests compute how many tokens: see `simulate`."""
QueueOrder = Literal["arrival", "priority", "shortest_output"]
"""In which order the waiting are admitted: see `simulate`."""

DEFAULTS: Final[dict[str, Any]] = {
    "policy": "vllm",
    "queue_order": "arrival",
    "max_num_seqs": 256,
    "long_prefill_token_threshold": 0,
    "max_model_len": None,
    "enable_chunked_prefill": True,
    "scheduler_reserve_full_isl": True,
    "async_scheduling": False,
    "instant_prefill": False,
    "max_queue_delay": 0.0,
    "num_gpu_blocks": None,
    "block_size": 16,
    "enable_prefix_caching": False,
    "watermark": 0.0,
    "admit_oversized": False,
    "iteration_time": 0.01,
    "time_limit": None,
    "iteration_limit": None,
}
"""What `simulate` is told where nothing else is said. max_num_batched_tokens depends on max_num_seqs."""

# What the C interface calls otherwise.
NAMES: Final = {
    "enable_prefix_caching is 1: must be 0": "enable_prefix_caching is True: must be False",
    "async_scheduling is 1: must be 0": "async_scheduling is True: must be False",
    "time_per_prefill_token": "iteration_time.per_prefill_token",
    "time_per_decode_token": "iteration_time.per_decode_token",
    "time_per_context_token": "iteration_time.per_context_token",
    "time_per_prefill_context": "iteration_time.per_prefill_context",
    "time_callback's answer": "iteration_time's answer",
    "time_callback is NULL": "iteration_time is None",
    "policy_callback is NULL": "policy is None",
}


@dataclass(frozen=True)
class AffineTime:
    """base + per_prefill_token x prefill tokens + per_decode_token x decoding sequences + per_context_token x context
    tokens + per_prefill_context x the sum over prefill chunks of tokens x context. Seconds; each at least 0.

    What the terms count is told at `Iteration`.
    """

    base: float = 0.0
    per_prefill_token: float = 0.0
    per_decode_token: float = 0.0
    per_context_token: float = 0.0
    per_prefill_context: float = 0.0


def configured(
    callbacks: Callbacks,
    *,
    policy: Policy | CustomPolicy,
    queue_order: QueueOrder,
    max_num_seqs: int,
    max_num_batched_tokens: int | None,
    long_prefill_token_threshold: int,
    max_model_len: int | None,
    enable_chunked_prefill: bool,
    scheduler_reserve_full_isl: bool,
    async_scheduling: bool,
    instant_prefill: bool,
    max_queue_delay: float,
    num_gpu_blocks: int | None,
    block_size: int,
    enable_prefix_caching: bool,
    watermark: float,
    admit_oversized: bool,
    iteration_time: float | AffineTime | Callable[[Iteration], float],
) -> tuple[abi.Config, dict[str, str]]:
    """The configuration that the arguments of `simulate` describe, and what the C interface calls otherwise."""
    config = initialised(abi.Config)
    _set_policy(config, policy, callbacks)
    config.queue_order = _choice(queue_order, "queue_order", abi.QUEUE_ORDERS)
    if config.policy_callback and queue_order != "arrival":
        raise BatchingValueError(
            f"queue_order is {shown(queue_order)}: must be 'arrival' with a policy of your own, which orders all"
        )
    config.max_num_seqs = positive(max_num_seqs, "max_num_seqs")
    if max_num_batched_tokens is None:
        # The default of the C interface, written down since a result tells it.
        max_num_batched_tokens = max(2048, config.max_num_seqs)
    config.max_num_batched_tokens = positive(max_num_batched_tokens, "max_num_batched_tokens")
    config.long_prefill_token_threshold = integer(long_prefill_token_threshold, "long_prefill_token_threshold")
    config.max_model_len = positive_or_none(max_model_len, "max_model_len")
    config.num_gpu_blocks = positive_or_none(num_gpu_blocks, "num_gpu_blocks")
    config.block_size = integer(block_size, "block_size", 1, 65_536)
    config.max_queue_delay = number(max_queue_delay, "max_queue_delay")
    config.watermark = number(watermark, "watermark")
    config.disable_chunked_prefill = not switch(enable_chunked_prefill, "enable_chunked_prefill")
    config.disable_reserve_full_isl = not switch(scheduler_reserve_full_isl, "scheduler_reserve_full_isl")
    config.async_scheduling = switch(async_scheduling, "async_scheduling")
    config.instant_prefill = switch(instant_prefill, "instant_prefill")
    config.enable_prefix_caching = switch(enable_prefix_caching, "enable_prefix_caching")
    config.admit_oversized = switch(admit_oversized, "admit_oversized")
    _set_iteration_time(config, iteration_time, callbacks)
    base = "iteration_time.base" if isinstance(iteration_time, AffineTime) else "iteration_time"
    return config, {**NAMES, "time_base": base}


def _set_iteration_time(config: abi.Config, model: Any, callbacks: Callbacks) -> None:
    if isinstance(model, AffineTime):
        config.time_model = abi.TIME_AFFINE
        names = ("base", "per_prefill_token", "per_decode_token", "per_context_token", "per_prefill_context")
        values = [number(value, f"iteration_time.{name}") for name, value in zip(names, astuple(model), strict=True)]
        fields = ("time_base", *(f"time_{name}" for name in names[1:]))
        for field, value in zip(fields, values, strict=True):
            setattr(config, field, value)
    elif callable(model):
        config.time_model = abi.TIME_CALLBACK
        config.time_callback = callbacks.iteration_time(model)
    else:
        config.time_model = abi.TIME_CONSTANT
        config.time_base = number(model, "iteration_time")


def _set_policy(config: abi.Config, policy: Any, callbacks: Callbacks) -> None:
    if callable(policy):
        config.policy = abi.POLICIES["custom"]
        config.policy_callback = callbacks.policy(policy)
    else:
        named = {name: value for name, value in abi.POLICIES.items() if name != "custom"}
        config.policy = _choice(policy, "policy", named, ", or a function")


def _choice(value: object, name: str, choices: dict[str, int], otherwise: str = "") -> int:
    if isinstance(value, str) and value in choices:
        return choices[value]
    known = ", ".join(repr(choice) for choice in choices)
    error = BatchingValueError if isinstance(value, str) else TypeError
    raise error(f"{name} is {shown(value)}: must be one of {known}{otherwise}")


def switch(value: object, name: str) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{name} is {shown(value)}: must be True or False")


def positive(value: object, name: str) -> int:
    """Where 0 would be the default in the C interface, it is an error here."""
    return integer(value, name, 1, INT64_MAX)


def positive_or_none(value: object, name: str) -> int:
    return 0 if value is None else positive(value, name)
