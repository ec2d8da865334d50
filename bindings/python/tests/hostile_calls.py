"""Calls every C function with what no caller should pass. Run in a process of its own by test_hostile_calls.py.

Each call must return a status, say why, and leave its outputs as they were. Prints "alive" at the end.
"""

import ctypes
import math
from typing import Any

import numpy as np

from batching._ffi.calls import initialised, pointer
from batching._ffi.generated import constants, functions, structs
from batching._ffi.loader import library

COUNT = 4
SENTINEL = -77

OUTPUTS = np.array([3, 1, 2, 5], np.int32)
TIMES = np.array([0.0, 1.0, 2.0, 3.0])
LATER = TIMES + 1.0


def requests(**changes: Any) -> Any:
    structure = initialised(structs.batching_requests)
    structure.count = COUNT
    structure.output_length = pointer(OUTPUTS)
    return changed(structure, changes)


def completed(**changes: Any) -> Any:
    structure = initialised(structs.batching_completed)
    structure.count = COUNT
    structure.start_time, structure.end_time = pointer(TIMES), pointer(LATER)
    structure.tokens_generated = pointer(OUTPUTS)
    return changed(structure, changes)


def changed(structure: Any, changes: dict[str, Any]) -> Any:
    for name, value in changes.items():
        setattr(structure, name, value)
    return structure


class Outputs:
    """Columns and structs to write to, filled with a sentinel."""

    def __init__(self) -> None:
        self.columns = [np.full(COUNT, SENTINEL, kind) for kind in (float, float, float, np.int32, np.int64)]
        self.results = initialised(structs.batching_results)
        self.results.capacity = COUNT
        self.latencies = initialised(structs.batching_latencies)
        self.latencies.capacity = COUNT
        start, first_token, end, tokens, order = (pointer(column) for column in self.columns)
        self.results.start_time, self.results.first_token_time, self.results.end_time = start, first_token, end
        self.results.tokens_generated, self.results.completion_order = tokens, order
        self.latencies.queue_time, self.latencies.processing_time, self.latencies.total_latency = (
            start,
            first_token,
            end,
        )
        self.summary = changed(initialised(structs.batching_summary), {"total_time": SENTINEL})
        self.metrics = changed(initialised(structs.batching_batch_metrics), {"throughput": SENTINEL})
        self.comparison = changed(initialised(structs.batching_comparison), {"static_throughput": SENTINEL})

    def check_untouched(self) -> None:
        for column in self.columns:
            assert (column == SENTINEL).all(), column
        assert self.summary.total_time == SENTINEL
        assert self.metrics.throughput == SENTINEL
        assert self.comparison.static_throughput == SENTINEL


def refused(status: int, outputs: Outputs) -> None:
    assert status != constants.BATCHING_OK
    assert library.batching_status_name(status).startswith(b"BATCHING_ERROR_")
    assert library.batching_last_error()
    outputs.check_untouched()


BAD_SIZES = [0, 1, 7, 8, 24, 4104, 2**31, 2**32 - 1]
BAD_COUNTS = [-1, -(2**63), 2_000_000_001, 2**62, 2**63 - 1]


def bad_structures(make: Any) -> list[Any]:
    bad: list[Any] = [None]
    bad += [make(struct_size=size) for size in BAD_SIZES]
    bad += [make(reserved=1), make(reserved=2**32 - 1)]
    bad += [make(count=count) for count in BAD_COUNTS]
    return bad


def by_reference(structure: Any) -> Any:
    return None if structure is None else ctypes.byref(structure)


def call_simulators() -> None:
    null_columns = [requests(count=count, output_length=None) for count in BAD_COUNTS]
    for structure in bad_structures(requests) + null_columns:
        for run in (library.batching_static_simulate, library.batching_continuous_simulate):
            outputs = Outputs()
            refused(run(by_reference(structure), 2, 0.01, outputs.results, outputs.summary), outputs)
        outputs = Outputs()
        refused(library.batching_strategies_compare(by_reference(structure), 2, 0.01, outputs.comparison), outputs)
    good = requests()
    for run in (library.batching_static_simulate, library.batching_continuous_simulate):
        for batch_size, step in [(0, 0.01), (-(2**63), 0.01), (2, math.nan), (2, -0.0), (2**63 - 1, 1e308)]:
            outputs = Outputs()
            refused(run(good, batch_size, step, outputs.results, outputs.summary), outputs)
        for name, value in [("capacity", COUNT - 1), ("capacity", -1), ("struct_size", 0), ("reserved", 9)]:
            outputs = Outputs()
            changed(outputs.results, {name: value})
            refused(run(good, 2, 0.01, outputs.results, outputs.summary), outputs)
        for size in BAD_SIZES:
            outputs = Outputs()
            outputs.summary.struct_size = size
            refused(run(good, 2, 0.01, outputs.results, outputs.summary), outputs)
        assert run(good, 2, 0.01, None, None) == constants.BATCHING_OK
        assert run(good, 2**63 - 1, 0.01, None, None) == constants.BATCHING_OK
    outputs = Outputs()
    refused(library.batching_strategies_compare(good, 2, 0.01, None), outputs)


def call_metrics() -> None:
    required = [completed(**{name: None}) for name in ("start_time", "end_time", "tokens_generated")]
    for structure in bad_structures(completed) + required:
        outputs = Outputs()
        refused(library.batching_latencies_calculate(by_reference(structure), outputs.latencies), outputs)
        refused(library.batching_batch_metrics_calculate(by_reference(structure), 9.0, outputs.metrics), outputs)
    outputs = Outputs()
    outputs.latencies.capacity = COUNT - 1
    refused(library.batching_latencies_calculate(completed(), outputs.latencies), outputs)
    refused(library.batching_latencies_calculate(completed(), None), outputs)
    refused(library.batching_batch_metrics_calculate(completed(), 9.0, None), outputs)
    refused(library.batching_batch_metrics_calculate(completed(), math.nan, outputs.metrics), outputs)
    lengths = pointer(OUTPUTS)
    for count in BAD_COUNTS:
        refused(
            library.batching_remaining_tokens_calculate(count, lengths, lengths, outputs.results.tokens_generated),
            outputs,
        )
        refused(library.batching_remaining_tokens_calculate(count, None, None, None), outputs)


def call_the_rest() -> None:
    outputs = Outputs()
    for name, signature in functions.FUNCTIONS.items():
        if name.endswith("_init"):
            function = getattr(library, name)
            structure = signature.argtypes[0]._type_()
            refused(function(None, ctypes.sizeof(structure)), outputs)
            for size in BAD_SIZES:
                refused(function(ctypes.byref(structure), size), outputs)
            assert bytes(structure) == bytes(ctypes.sizeof(structure))
    refused(library.batching_arithmetic_intensity_calculate(1, 1.0, 2.0, None), outputs)
    refused(library.batching_optimal_batch_size_calculate(1.0, 1.0, 1.0, 1, None), outputs)
    lengths = outputs.results.tokens_generated
    for count in BAD_COUNTS:
        refused(library.batching_workload_generate(None, count, None, lengths, None), outputs)
        refused(library.batching_workload_generate(None, count, None, None, None), outputs)
    for size in BAD_SIZES:
        workload = initialised(structs.batching_workload)
        workload.struct_size = size
        refused(library.batching_workload_generate(workload, 4, None, lengths, None), outputs)
    for status in (-1, 1, 2**31 - 1, -(2**31)):
        assert library.batching_status_name(status) == b"unknown status"


if __name__ == "__main__":
    call_simulators()
    call_metrics()
    call_the_rest()
    print("alive")
