"""A modern serving engine in one call: vLLM's scheduler, and the policies to compare it with."""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._columns.requests import Request, request_columns, rows
from batching._engine.attribution import Attribution, attributed_columns
from batching._engine.callbacks import Callbacks, Iteration, Progress
from batching._engine.config import AffineTime, Policy, QueueOrder, configured, positive, positive_or_none, switch
from batching._engine.logs import DecisionLog, IterationLog, LogCollector, decision_collector, iteration_collector
from batching._engine.policy import CustomPolicy
from batching._engine.result import COLUMNS, PADDED_POLICIES, Result
from batching._ffi import abi
from batching._ffi.arguments import number, shown
from batching._ffi.calls import Float64Array, check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.loader import library
from batching._ffi.memory import allocated, check_fits

_RESULT_BYTES_PER_REQUEST: Final = 48


def simulate(
    requests: RequestColumns | Sequence[Request],
    *,
    policy: Policy | CustomPolicy = "vllm",
    queue_order: QueueOrder = "arrival",
    max_num_seqs: int = 256,
    max_num_batched_tokens: int | None = None,
    long_prefill_token_threshold: int = 0,
    max_model_len: int | None = None,
    enable_chunked_prefill: bool = True,
    scheduler_reserve_full_isl: bool = True,
    async_scheduling: bool = False,
    instant_prefill: bool = False,
    max_queue_delay: float = 0.0,
    num_gpu_blocks: int | None = None,
    block_size: int = 16,
    enable_prefix_caching: bool = False,
    watermark: float = 0.0,
    admit_oversized: bool = False,
    iteration_time: float | AffineTime | Callable[[Iteration], float] = 0.01,
    time_limit: float | None = None,
    iteration_limit: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    progress_interval: int = 4096,
    log_iterations: bool = False,
    log_decisions: bool = False,
    log_queues: bool = False,
    attribution: bool = False,
) -> Result:
    """Simulate a serving engine on requests, iteration by iteration.

    The arguments have vLLM's names. "The engine" in the README and "Engine" in batching.h say what each policy
    decides, and where a default differs from vLLM's.

    Args:
        requests: RequestColumns, or Request objects; in any order of arrival.
        policy: "vllm" decides what vLLM V1's scheduler decides; "continuous", "orca", "static" and "dynamic" are what
            to compare it with. Or a policy of your own: a function of a PolicyView and a PolicyDecision, called once
            for each iteration. "Engine: your policy" in batching.h says what it may decide.
        queue_order: in which order the waiting are admitted. By "priority", the least urgent is preempted first.
        max_num_seqs: the most requests that run at once; the batch of static and dynamic.
        max_num_batched_tokens: vllm: the most tokens in an iteration. None: 2048, or max_num_seqs if that is more.
        long_prefill_token_threshold: vllm: the most tokens of one request in an iteration. 0: no such limit.
        max_model_len: the most tokens of a request. None: no limit.
        enable_chunked_prefill: vllm: whether a prompt may be computed over several iterations.
        scheduler_reserve_full_isl: vllm: whether a request is admitted only when its whole prompt fits.
        async_scheduling: vllm: whether an iteration is scheduled before the output of the one before is known.
        instant_prefill: whether prompts cost neither tokens nor time.
        max_queue_delay: dynamic: seconds after which a batch starts though it is not full.
        num_gpu_blocks: KV blocks, vLLM's null block included. None: no limit.
        block_size: tokens in a KV block.
        enable_prefix_caching: vllm: whether blocks are found again by their content, the hash_ids of the requests.
        watermark: vllm: share of the blocks that must stay free when a request is admitted beside others.
        admit_oversized: whether a request that can never fit waits for ever, instead of being rejected.
        iteration_time: seconds; or an AffineTime; or a function that is asked for each iteration.
        time_limit: no iteration starts at or after this many seconds.
        iteration_limit: no more iterations than this.
        progress: called as the run goes on; raise in it to stop the run.
        progress_interval: iterations between two calls of progress.
        log_iterations: whether to keep a row for each iteration: Result.iteration_log.
        log_decisions: whether to keep a row for each decision: Result.decision_log.
        log_queues: whether that tells also who is running and who is waiting in each iteration.
        attribution: whether the result tells into which parts the time of each request falls. A function for
            iteration_time is then asked a second time for iterations with prefill and decodes: what they would take
            without the prefill.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, two contradict each other, a policy of your own decides what it may
            not, or the clock would pass 9223372036 seconds.
        MemoryError: the results do not fit.
        Whatever a callback raises, and whatever a handler of a signal raises meanwhile: KeyboardInterrupt at Ctrl-C.

    Time: about 20 ns an iteration and 100 ns a request, however many are running, unless it is logged or asks back.
    Releases the interpreter's lock.
    """
    columns = requests if isinstance(requests, RequestColumns) else request_columns(rows(requests, "requests"))
    callbacks = Callbacks()
    settings: dict[str, Any] = {
        "policy": policy,
        "queue_order": queue_order,
        "max_num_seqs": max_num_seqs,
        "max_num_batched_tokens": max_num_batched_tokens,
        "long_prefill_token_threshold": long_prefill_token_threshold,
        "max_model_len": max_model_len,
        "enable_chunked_prefill": enable_chunked_prefill,
        "scheduler_reserve_full_isl": scheduler_reserve_full_isl,
        "async_scheduling": async_scheduling,
        "instant_prefill": instant_prefill,
        "max_queue_delay": max_queue_delay,
        "num_gpu_blocks": num_gpu_blocks,
        "block_size": block_size,
        "enable_prefix_caching": enable_prefix_caching,
        "watermark": watermark,
        "admit_oversized": admit_oversized,
        "iteration_time": iteration_time,
    }
    config, names = configured(callbacks, **settings)
    config.iteration_limit = positive_or_none(iteration_limit, "iteration_limit")
    config.progress_interval = positive(progress_interval, "progress_interval")
    config.time_limit = _time_limit(time_limit)
    if progress is not None:
        if not callable(progress):
            raise TypeError(f"progress is {shown(progress)}: must be a function or None")
        config.progress_callback = callbacks.progress(progress)
    iterations: LogCollector | None = None
    decisions: LogCollector | None = None
    if switch(log_iterations, "log_iterations"):
        iterations = iteration_collector(callbacks)
        config.iteration_log = ctypes.pointer(iterations.log)
    # Both are looked at, so that a mistake in either is found.
    if switch(log_decisions, "log_decisions") | switch(log_queues, "log_queues"):
        decisions = decision_collector(callbacks, include_queues=bool(log_queues))
        config.decision_log = ctypes.pointer(decisions.log)
    attributed = attributed_columns(len(columns)) if switch(attribution, "attribution") else None
    held: Float64Array | None = None
    if attributed is not None:
        held = attributed["held_in_batch"]
    elif policy in PADDED_POLICIES and callable(iteration_time):
        # Later it cannot be had: the function need not answer the same once more.
        held = allocated(len(columns), np.float64, "the number of requests")
    outputs, summary = _run(config, columns, callbacks, attributed or _only_held(held), names)
    settings |= {
        "max_num_batched_tokens": config.max_num_batched_tokens,
        "time_limit": time_limit,
        "iteration_limit": iteration_limit,
    }
    return Result(
        requests=columns,
        policy=policy if isinstance(policy, str) else "custom",
        max_num_seqs=config.max_num_seqs,
        settings=settings,
        columns=outputs,
        summary=summary,
        time_limit=config.time_limit,
        iteration_log=None if iterations is None else IterationLog(iterations.columns()),
        decision_log=None if decisions is None else DecisionLog(decisions.columns()),
        attribution=None if attributed is None else Attribution(attributed, outputs["status"]),
        held_in_batch=held,
        held_again=partial(_held_again, columns, settings),
    )


def _held_again(requests: RequestColumns, settings: dict[str, Any]) -> Float64Array | None:
    """The same input gives the same run."""
    return simulate(requests, **settings, attribution=True)._held_in_batch


def _only_held(held: Float64Array | None) -> dict[str, npt.NDArray[Any]] | None:
    """Of the parts of the attribution, the one that tells how well the slots of a batch were used."""
    return None if held is None else {"held_in_batch": held}


def _run(
    config: abi.Config,
    columns: RequestColumns,
    callbacks: Callbacks,
    attributed: dict[str, npt.NDArray[Any]] | None,
    names: dict[str, str],
) -> tuple[dict[str, npt.NDArray[Any]], abi.Summary]:
    count = len(columns)
    check_fits(count, _RESULT_BYTES_PER_REQUEST, "the number of requests")
    outputs = {name: allocated(count, dtype, "the number of requests") for name, dtype in COLUMNS.items()}
    results = initialised(abi.Results)
    results.capacity = count
    for name, column in outputs.items():
        setattr(results, name, pointer(column))
    if attributed is not None:
        attribution = initialised(abi.Attribution)
        attribution.capacity = count
        for name, column in attributed.items():
            setattr(attribution, name, pointer(column))
        config.attribution = ctypes.pointer(attribution)
    summary = initialised(abi.Summary)
    requests = columns._structure()
    status = callbacks.run(
        library.batching_simulate,
        ctypes.byref(config),
        ctypes.byref(requests),
        ctypes.byref(results),
        ctypes.byref(summary),
    )
    check(status, names)
    return outputs, summary


def _time_limit(value: object) -> float:
    if value is None:
        return 0.0
    seconds = number(value, "time_limit")
    if seconds == 0:
        raise BatchingValueError("time_limit is 0.0: must be above 0, or None")
    return seconds
