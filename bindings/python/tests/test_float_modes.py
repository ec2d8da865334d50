"""The same bytes in every floating-point mode of the thread: rounding, and subnormal numbers flushed to 0.

A library that was compiled with -ffast-math sets such a mode in the thread that loads it.
"""

import ctypes
import platform
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import (
    SLO,
    Accumulator,
    AffineTime,
    CompletedColumns,
    GammaArrivals,
    LiveEngine,
    LognormalLengths,
    PolicyDecision,
    PolicyView,
    RecordedRequests,
    RequestColumns,
    aiperf_metrics,
    calculate_arithmetic_intensity_with_batch,
    calculate_batch_metrics,
    compare_batching_strategies,
    distribution,
    generate_conversation_workload,
    generate_requests,
    load_over_time,
    measure,
    optimal_batch_size,
    read_trace,
    request_latencies,
    sglang_metrics,
    simulate,
    simulate_continuous,
    simulate_static,
    vllm_bench_json,
    vllm_metrics,
    write_results,
    write_schedule_trace,
    write_vllm_bench,
)

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the modes are set by bits of MXCSR")

_C = ctypes.CDLL("libm.so.6")
_STATE = ctypes.c_uint32 * 8
"""fenv_t of x86-64: seven words of the x87 unit, then MXCSR."""
DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""Told to the files of a run: without it, two of them differ where a second has passed between them."""
ROUNDINGS = {"nearest": 0x0000, "down": 0x2000, "up": 0x4000, "towards zero": 0x6000}
FLUSHES = {"kept": 0x0000, "flushed": 0x8040}
MODES = {
    f"{rounding}, subnormal numbers {flush}": bits | more
    for rounding, bits in ROUNDINGS.items()
    for flush, more in FLUSHES.items()
    if bits | more
}


@contextmanager
def mode(bits: int) -> Iterator[Callable[[], int]]:
    """These bits in MXCSR of this thread. Gives what asks for them."""

    def now() -> int:
        state = _STATE()
        _C.fegetenv(state)
        return int(state[7])

    state = _STATE()
    _C.fegetenv(state)
    changed = _STATE(*state)
    changed[7] = (changed[7] & ~0xE040) | bits
    try:
        _C.fesetenv(changed)
        yield lambda: now() & 0xE040
    finally:
        _C.fesetenv(state)


# Made in the standard mode.
COUNT = 60
INDEX = np.arange(COUNT)
ARRIVALS = INDEX * 0.0137 + 1e-9 / 3
PROMPTS, OUTPUTS = 1 + INDEX * 37 % 200, 1 + INDEX * 11 % 23
REQUESTS = RequestColumns(OUTPUTS, PROMPTS, ARRIVALS)
STARTS = ARRIVALS + 0.1 / 3
FIRST = STARTS + 0.2 / 7
ENDS = FIRST + 0.01 * OUTPUTS / 3
RECORDED = RecordedRequests(ENDS, OUTPUTS, arrival_time=ARRIVALS, first_token_time=FIRST, prompt_length=PROMPTS)
COMPLETED = CompletedColumns(STARTS, ENDS, OUTPUTS, ARRIVALS, FIRST)
VALUES = np.where(
    INDEX % 3 == 0, 5e-324 * (INDEX + 1), np.where(INDEX % 3 == 1, -1 / (INDEX + 3.0), 1e9 + INDEX * 1e-7)
)
TIME = AffineTime(base=0.01 / 3, per_prefill_token=1e-5 / 7, per_decode_token=1e-6, per_context_token=1e-9 / 3)
SLOS = SLO(ttft=0.1 / 3, e2e=0.4 / 3)


def told(value: object) -> bytes:
    """Bytes that are the same only if the value is, to the last bit."""
    match value:
        case None | bool() | int() | str():
            return repr(value).encode()
        case float():
            return struct.pack("<d", value)
        case bytes():
            return value
        case np.ndarray():
            return value.tobytes()
        case dict():
            return b"".join(told(key) + told(value[key]) for key in value)
        case list() | tuple():
            return b"".join(told(each) for each in value)
        case np.generic():
            return told(value.item())
    return told({name: each for name, each in vars(value).items() if not name.startswith("_")})


def policy(view: PolicyView, decision: PolicyDecision) -> None:
    """Admits what fits."""
    decision.decode_rest = True
    rows = np.arange(view.running_count, min(view.count, view.max_num_seqs))
    decision.schedule(rows, view.uncomputed_tokens[rows])


def live() -> object:
    """What an engine tells in slices, and of what would be."""
    engine = LiveEngine(max_num_seqs=8, iteration_time=TIME)
    engine.submit_columns(REQUESTS)
    engine.advance(0.4 / 3)
    estimate = engine.estimate(prompt_length=77, output_length=11)
    copy = LiveEngine.load(engine.save())
    copy.advance()
    return [estimate, engine.save(), copy.poll_columns(), copy.state.clock]


def accumulated() -> object:
    """The metrics and bytes of live traffic."""
    live = Accumulator(slo=SLOS)
    for request in range(COUNT):
        live.arrived(request, ARRIVALS[request], int(PROMPTS[request]))
        live.tokens(request, FIRST[request])
        live.tokens(request, ENDS[request], int(OUTPUTS[request]))
        live.finished(request, ENDS[request])
    return [live.measure(), live.save(), live.prometheus("model")]


def logged() -> Any:
    """A run with all there is to tell."""
    return simulate(
        REQUESTS, max_num_seqs=8, iteration_time=TIME, attribution=True, log_iterations=True, log_decisions=True
    )


def written(suffix: str) -> Callable[[Path], object]:
    """The results of a run as a file, and what is read back."""

    def work(folder: Path) -> object:
        path = folder / f"results.{suffix}"
        write_results(logged(), path)
        trace = read_trace(path)
        return [path.read_bytes() if suffix != "parquet" else b"", trace.requests]

    return work


def traced(folder: Path) -> object:
    """The schedule of a run as a trace."""
    write_schedule_trace(logged(), folder / "schedule.json")
    return (folder / "schedule.json").read_bytes()


def benched(folder: Path) -> object:
    """A run as a file of vLLM's bench serve."""
    write_vllm_bench(logged(), folder / "bench.json", detailed=True, date=DATE)
    return (folder / "bench.json").read_bytes()


CALLS: dict[str, Callable[[Path], object]] = {
    "generate": lambda _: generate_requests(
        COUNT, arrivals=GammaArrivals(3.0, 0.7), prompt_length=LognormalLengths(77.7, 0.9)
    ),
    "static": lambda _: simulate_static(REQUESTS, 8, 0.01 / 3),
    "continuous": lambda _: simulate_continuous(REQUESTS, 8, 0.01 / 3),
    "compare": lambda _: compare_batching_strategies(REQUESTS, 8, 0.01 / 3),
    "simulate": lambda _: logged(),
    "simulate, a function for the time": lambda _: simulate(REQUESTS, iteration_time=lambda _: 0.0123456789012),
    "simulate, a policy": lambda _: simulate(REQUESTS, policy=policy, max_num_seqs=8, iteration_time=TIME),
    "live engine": lambda _: live(),
    "accumulator": lambda _: accumulated(),
    "measure": lambda _: measure(RECORDED, slo=SLOS),
    "measure a run": lambda _: logged().measure(slo=SLOS),
    "load": lambda _: load_over_time(RECORDED),
    "load of a run": lambda _: logged().load(),
    "distribution": lambda _: distribution(VALUES),
    "latencies": lambda _: request_latencies(COMPLETED),
    "batch metrics": lambda _: calculate_batch_metrics(COMPLETED, 2.0),
    "capacity": lambda _: [
        calculate_arithmetic_intensity_with_batch(3, 1e9, 0.1),
        optimal_batch_size(80.0, 0.0, 0.1 / 3, 10),
    ],
    "vllm metrics": lambda _: vllm_metrics(RECORDED),
    "sglang metrics": lambda _: sglang_metrics(RECORDED),
    "aiperf metrics": lambda _: aiperf_metrics(RECORDED),
    "vllm bench": lambda _: vllm_bench_json(logged(), date=DATE),
    "vllm bench as a file": benched,
    "table": lambda _: str(logged().measure(slo=SLOS)) + repr(logged()),
    "conversations": lambda _: generate_conversation_workload(COUNT),
    "schedule": traced,
    "CSV": written("csv"),
    "JSON": written("json"),
    "Parquet": written("parquet"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_the_same_bytes_in_every_mode(call: Callable[[Path], object], tmp_path: Path) -> None:
    expected = told(call(tmp_path))
    differing = []
    for name, bits in MODES.items():
        with mode(bits) as now:
            got = call(tmp_path)
            left = now()
        if left != bits:
            differing.append(f"{name}: the mode is another afterwards")
        if told(got) != expected:
            differing.append(name)
    assert differing == []
