"""Calls batching_simulate with what no caller should pass. Run in a process of its own by test_hostile_calls.py.

Each call must return a status, say why, and leave its outputs as they were; a run that fails on its way, its summary.
Prints "alive" at the end.
"""

import ctypes
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from batching._ffi.calls import initialised, pointer
from batching._ffi.generated import constants, structs
from batching._ffi.loader import library
from hostile_calls import (
    BAD_COUNTS,
    BAD_SIZES,
    COUNT,
    SENTINEL,
    Outputs,
    bad_structures,
    by_reference,
    changed,
    refused,
    requests,
)

IDS = np.arange(8)
OFFSETS = np.array([0, 2, 4, 6, 8])


class EngineOutputs(Outputs):
    """With the columns that only the engine fills, and logs."""

    def __init__(self) -> None:
        super().__init__()
        more = [np.full(COUNT, SENTINEL, np.int32) for _ in range(3)]
        self.results.preemptions, self.results.prefix_cached_tokens, self.results.status = map(pointer, more)
        self.columns += more
        self.iteration_log = initialised(structs.batching_iteration_log)
        self.decision_log = initialised(structs.batching_decision_log)
        for log in (self.iteration_log, self.decision_log):
            log.capacity = COUNT
            log.count = SENTINEL
        times, events = np.full(COUNT, SENTINEL, float), np.full(COUNT, SENTINEL, np.int32)
        self.iteration_log.time = pointer(times)
        self.decision_log.event = pointer(events)
        self.columns += [times, events]

    def check_untouched(self) -> None:
        super().check_untouched()
        assert self.iteration_log.count == self.decision_log.count == SENTINEL


def config(**changes: Any) -> Any:
    return changed(initialised(structs.batching_engine_config), changes)


def run(of: Any, on: Any, outputs: EngineOutputs) -> int:
    status: int = library.batching_simulate(
        by_reference(of), by_reference(on), ctypes.byref(outputs.results), ctypes.byref(outputs.summary)
    )
    return status


BAD_WORDS = [-1, 1, 99, 101, 2**31 - 1, -(2**31)]
BAD_SWITCHES = [-1, 2, 2**31 - 1, -(2**31)]
NEGATIVE = [-1, -(2**63)]
BAD_LENGTHS = [*NEGATIVE, 2_000_000_001, 2**63 - 1]
BAD_TIMES = [math.nan, math.inf, -math.inf, -1.0, -5e-324, 1e10, 1.8e308]

# What each field must not be, whatever the others are.
BAD_FIELDS: dict[str, list[Any]] = {
    "struct_size": BAD_SIZES,
    "reserved": [1, 2**32 - 1],
    **dict.fromkeys(["policy", "queue_order", "time_model"], BAD_WORDS),
    **dict.fromkeys(["max_num_seqs", "max_num_batched_tokens", "long_prefill_token_threshold"], BAD_LENGTHS),
    **dict.fromkeys(["max_model_len", "iteration_limit", "progress_interval"], NEGATIVE),
    **dict.fromkeys(["disable_chunked_prefill", "disable_reserve_full_isl", "async_scheduling"], BAD_SWITCHES),
    **dict.fromkeys(["instant_prefill", "enable_prefix_caching", "admit_oversized"], BAD_SWITCHES),
    **dict.fromkeys(["max_queue_delay", "time_limit", "time_base"], BAD_TIMES),
    "num_gpu_blocks": [*BAD_LENGTHS, 1],
    "block_size": [-1, 65_537, 2**31 - 1, -(2**31)],
    "watermark": [math.nan, math.inf, -1.0, 1.0, 1e308],
}
AFFINE_TERMS = ["time_per_prefill_token", "time_per_decode_token", "time_per_context_token", "time_per_prefill_context"]
CONTRADICTIONS: list[dict[str, Any]] = [
    {"enable_prefix_caching": 1},
    {"enable_prefix_caching": 1, "num_gpu_blocks": 9, "policy": constants.BATCHING_POLICY_ORCA},
    {"enable_prefix_caching": 1, "num_gpu_blocks": 9, "instant_prefill": 1},
    {"max_num_seqs": 10, "max_num_batched_tokens": 9},
    {"time_model": constants.BATCHING_TIME_CALLBACK},
]


def bad_configs() -> list[Any]:
    bad = [config(**{name: value}) for name, values in BAD_FIELDS.items() for value in values]
    terms = [{name: value} for name in AFFINE_TERMS for value in BAD_TIMES]
    bad += [config(time_model=constants.BATCHING_TIME_AFFINE, **term) for term in terms]
    return bad + [config(**fields) for fields in CONTRADICTIONS]


def bad_hashes() -> Iterator[Any]:
    ids = pointer(IDS)
    yield requests(hash_ids=ids)
    for offsets in ([1, 2, 4, 6, 8], [-1, 2, 4, 6, 8], [0, 2**62, 4, 6, 8], [0, 2, 1, 6, 8], [0, -(2**63), 0, 0, 0]):
        column = np.array(offsets)
        yield requests(hash_ids=ids, hash_offsets=pointer(column))
    for size in (-1, -(2**31), 17, 2**31 - 1):
        yield requests(hash_ids=ids, hash_offsets=pointer(OFFSETS), hash_block_size=size)
    for flag in (-1, 2, 2**31 - 1):
        yield requests(hash_ids=ids, hash_offsets=pointer(OFFSETS), hash_covers_output=flag)


def call_with_bad_structures() -> None:
    for bad in bad_configs():
        outputs = EngineOutputs()
        refused(run(bad, requests(), outputs), outputs)
    for bad in bad_structures(requests) + [requests(count=count, output_length=None) for count in BAD_COUNTS]:
        outputs = EngineOutputs()
        refused(run(None, bad, outputs), outputs)
    caching = config(enable_prefix_caching=1, num_gpu_blocks=1_000)
    for bad in bad_hashes():
        outputs = EngineOutputs()
        refused(run(caching, bad, outputs), outputs)
    for length in (0, -(2**31)):
        outputs, lengths = EngineOutputs(), np.array([1, 1, length, 1], np.int32)
        refused(run(None, requests(output_length=pointer(lengths)), outputs), outputs)
    for time in BAD_TIMES:
        outputs, times = EngineOutputs(), np.array([0.0, 0.0, time, 0.0])
        refused(run(None, requests(arrival_time=pointer(times)), outputs), outputs)
    for name, value in [("capacity", COUNT - 1), ("capacity", -1), ("struct_size", 0), ("reserved", 9)]:
        outputs = EngineOutputs()
        changed(outputs.results, {name: value})
        refused(run(None, requests(), outputs), outputs)
    for size in BAD_SIZES:
        outputs = EngineOutputs()
        outputs.summary.struct_size = size
        refused(run(None, requests(), outputs), outputs)


def call_with_bad_logs() -> None:
    takes = structs.batching_log_callback(lambda _rows, _data: 0)
    bad: list[dict[str, Any]] = [{"struct_size": size} for size in BAD_SIZES]
    bad += [{"reserved": 1}, {"capacity": -1}, {"capacity": -(2**63)}, {"capacity": 0, "callback": takes}]
    for name in ("iteration_log", "decision_log"):
        for changes in bad + ([{"include_queues": 2}, {"reserved_2": 1}] if name == "decision_log" else []):
            outputs = EngineOutputs()
            log = changed(getattr(outputs, name), changes)
            refused(run(config(**{name: ctypes.pointer(log)}), requests(), outputs), outputs)


def call_with_bad_callbacks() -> None:
    """What a run that fails on its way has written may be there; of its summary nothing."""

    def answer(seconds: float, status: int) -> Any:
        def call(_iteration: Any, result: Any, _data: Any) -> int:
            result[0] = seconds
            return status

        return structs.batching_iteration_time_callback(call)

    def ended(of: Any, expected: bytes) -> None:
        outputs = EngineOutputs()
        assert library.batching_status_name(run(of, requests(), outputs)) == expected
        assert library.batching_last_error()
        assert outputs.summary.total_time == SENTINEL

    invalid, cancelled = b"BATCHING_ERROR_INVALID_ARGUMENT", b"BATCHING_ERROR_CANCELLED"
    for seconds in (math.nan, math.inf, -math.inf, -1e-300, 1e10, 1.8e308):
        time = answer(seconds, 0)
        ended(config(time_model=constants.BATCHING_TIME_CALLBACK, time_callback=time), invalid)
    for status in (1, -1, 2**31 - 1, -(2**31)):
        time = answer(math.nan, status)
        ended(config(time_model=constants.BATCHING_TIME_CALLBACK, time_callback=time), cancelled)
        progress = structs.batching_progress_callback(lambda _progress, _data, status=status: status)
        ended(config(progress_callback=progress, progress_interval=1), cancelled)
        takes = structs.batching_log_callback(lambda _rows, _data, status=status: status)
        logs = {"iteration_log": structs.batching_iteration_log, "decision_log": structs.batching_decision_log}
        for name, structure in logs.items():
            log = changed(initialised(structure), {"capacity": 1, "callback": takes})
            ended(config(**{name: ctypes.pointer(log)}), cancelled)
    full = answer(9223372036.0, 0)
    ended(config(time_model=constants.BATCHING_TIME_CALLBACK, time_callback=full), b"BATCHING_ERROR_OVERFLOW")


def call_with_nothing_to_fill() -> None:
    good = requests()
    assert library.batching_simulate(None, ctypes.byref(good), None, None) == constants.BATCHING_OK
    huge = config(
        max_num_seqs=2_000_000_000,
        max_num_batched_tokens=2_000_000_000,
        long_prefill_token_threshold=2_000_000_000,
        max_model_len=2**63 - 1,
        num_gpu_blocks=2_000_000_000,
        block_size=65_536,
        iteration_limit=2**63 - 1,
        progress_interval=2**63 - 1,
    )
    assert library.batching_simulate(ctypes.byref(huge), ctypes.byref(good), None, None) == constants.BATCHING_OK
    log = initialised(structs.batching_iteration_log)
    of = config(iteration_log=ctypes.pointer(log))
    assert library.batching_simulate(ctypes.byref(of), ctypes.byref(good), None, None) == constants.BATCHING_OK
    # Without columns the rows are counted: the longest output is 5 tokens.
    assert log.count == 5


if __name__ == "__main__":
    call_with_bad_structures()
    call_with_bad_logs()
    call_with_bad_callbacks()
    call_with_nothing_to_fill()
    print("alive")
