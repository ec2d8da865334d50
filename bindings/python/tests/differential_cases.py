"""Prints what Python makes of Tests/differential/cases.txt, whose head describes both formats.

Swift and C have the same program; the three outputs must be equal, byte for byte.
"""

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batching import (
    SLO,
    Accumulator,
    AffineTime,
    Client,
    GammaArrivals,
    LiveEngine,
    LognormalLengths,
    Ramp,
    RecordedRequests,
    RequestColumns,
    Result,
    RooflineTime,
    Sessions,
    SharedPrefixes,
    TableTime,
    TextbookResult,
    ZipfLengths,
    generate_requests,
    generate_workload,
    load_over_time,
    measure,
    simulate,
    simulate_continuous,
    simulate_static,
)
from oracle.attribution import PARTS

CASES = Path(__file__).parents[3] / "Tests" / "differential" / "cases.txt"

_OFFSET_BASIS = 0xCBF29CE484222325
_PRIME = 0x100000001B3


def fnv1a(*columns: npt.NDArray[Any] | None) -> int:
    """FNV-1a, 64 bits, over the little-endian bytes of whole columns one after another."""
    value = _OFFSET_BASIS
    for column in columns:
        assert column is not None
        for byte in column.astype(column.dtype.newbyteorder("<")).tobytes():
            value = (value ^ byte) * _PRIME & 0xFFFFFFFFFFFFFFFF
    return value


def hexadecimal(value: float) -> str:
    """The bit pattern of a double, or an integer itself, in 16 digits."""
    bits: int = value if isinstance(value, int) else struct.unpack("<Q", struct.pack("<d", value))[0]
    return f"{bits:016x}"


def simulated(kind: str, requests: RequestColumns, batch: int, time_per_token: float) -> TextbookResult | Result:
    """What the simulator of a case tells."""
    if kind in {"static", "continuous"}:
        return {"static": simulate_static, "continuous": simulate_continuous}[kind](requests, batch, time_per_token)
    return simulate(requests, attribution=True, **engine_options(kind, batch, time_per_token))


def case_lines(number: int, line: str) -> list[str]:
    """The eleven lines that a case gives."""
    kind, seed, count, batch, time_per_token, rate = line.split(" ")
    requests = generate_workload(int(count), (50, 200), (1, 400), arrival_rate=float(rate), seed=int(seed))
    result = simulated(kind, requests, int(batch), float(time_per_token))
    workload_hash = fnv1a(requests.prompt_length, requests.output_length, requests.arrival_time)
    result_hash = fnv1a(result.start_time, result.first_token_time, result.end_time, result.completion_order)
    metrics = " ".join(f"{name}={hexadecimal(value)}" for name, value in _items(result.metrics()))
    run = f"total={hexadecimal(result.total_time)} throughput={hexadecimal(result.throughput)}"
    return [
        f"case {number} workload hash={workload_hash:016x}",
        f"case {number} {kind} {run} hash={result_hash:016x}",
        f"case {number} metrics {metrics}",
        f"case {number} load {load_fields(requests, result, int(batch))}",
        f"case {number} accumulator {accumulator_fields(requests, result)}",
        f"case {number} serving {serving_fields(requests, result)}",
        f"case {number} shaped {shaped_fields(int(count), int(seed))}",
        f"case {number} live {live_fields(kind, requests, int(batch), float(time_per_token))}",
        f"case {number} ends {ends_fields(kind, requests, int(batch), float(time_per_token))}",
        f"case {number} closed {closed_fields(kind, requests, int(batch), float(time_per_token))}",
        f"case {number} times {times_fields(kind, requests, int(batch), float(time_per_token))}",
    ]


def engine_options(kind: str, batch: int, time_per_token: float) -> dict[str, Any]:
    """The configuration of the engine in a case."""
    time = AffineTime(time_per_token, 2e-5, 5e-5, 4e-8, 4.6e-10)
    return {
        "max_num_seqs": batch,
        "num_gpu_blocks": 200,
        "async_scheduling": kind == "async",
        "iteration_time": time,
    }


def load_fields(requests: RequestColumns, result: TextbookResult | Result, slots: int) -> str:
    """The load over time, and where the time of the requests went if the engine ran."""
    recorded = RecordedRequests(
        result.end_time,
        result.tokens_generated,
        arrival_time=requests.arrival_time,
        start_time=result.start_time,
        prompt_length=requests.prompt_length,
    )
    load = load_over_time(recorded, slots=slots)
    names = ("mean_running", "mean_waiting", "mean_tokens", "peak_tokens", "wasted_slot_share")
    fields = [f"{name}={hexadecimal(getattr(load, name))}" for name in names]
    parts: list[npt.NDArray[Any]] = []
    if isinstance(result, Result):
        # Of an open loop, in which none waits at its client.
        parts = [getattr(result.attribution, name) for name in PARTS if name != "waiting_for_client"]
    return " ".join([*fields, f"attribution={fnv1a(*parts):016x}"])


def accumulator_fields(requests: RequestColumns, result: TextbookResult | Result) -> str:
    """What an accumulator has become that was told of the requests, one after the other."""
    accumulator = Accumulator(slo=SLO(ttft=0.5))
    assert requests.arrival_time is not None
    assert requests.prompt_length is not None
    assert result.first_token_time is not None
    columns = (requests.arrival_time, requests.prompt_length, result.start_time, result.first_token_time)
    rows = zip(*columns, result.end_time, result.tokens_generated, strict=True)
    for request, (arrival, prompt, start, first_token, end, tokens) in enumerate(rows):
        accumulator.arrived(request, arrival, prompt)
        accumulator.started(request, start)
        accumulator.tokens(request, first_token)
        accumulator.tokens(request, end, int(tokens) - 1)
        accumulator.finished(request, end)
    state = np.frombuffer(accumulator.save(), np.uint8)
    text = np.frombuffer(accumulator.prometheus("m").encode(), np.uint8)
    return f"state={fnv1a(state):016x} prometheus={fnv1a(text):016x}"


def serving_fields(requests: RequestColumns, result: TextbookResult | Result) -> str:
    """The serving metrics, of requests whose tokens came first and last."""
    assert result.first_token_time is not None
    recorded = RecordedRequests(
        result.end_time,
        result.tokens_generated,
        arrival_time=requests.arrival_time,
        start_time=result.start_time,
        first_token_time=result.first_token_time,
        prompt_length=requests.prompt_length,
        token_times=np.column_stack([result.first_token_time, result.end_time]).ravel(),
        token_offsets=2 * np.arange(len(result.end_time) + 1),
    )
    slo = SLO(ttft=0.5, tpot=0.02, itl=1.0, e2e=10.0)
    metrics = measure(recorded, percentiles=(50, 90, 99), slo=slo, slo_due_by=20.0)
    totals = [getattr(metrics, name) for name in _TOTALS]
    totals += [metrics.slo_attainment_by_metric[name] for name in ("ttft", "tpot", "itl", "e2e")]
    distributions = []
    for name in ("ttft", "tpot", "itl", "e2e", "queue_time", "normalized_latency"):
        sample = getattr(metrics, name)
        distributions += [getattr(sample, figure) for figure in ("count", "mean", "median", "std", "min", "max", "sum")]
        distributions += [sample.percentiles[percentile] for percentile in (50, 90, 99)]
    return f"totals={fnv1a(*map(_word, totals)):016x} distributions={fnv1a(*map(_word, distributions)):016x}"


_TOTALS = (
    "duration",
    "completed",
    "failed",
    "total_input_tokens",
    "total_output_tokens",
    "request_throughput",
    "input_throughput",
    "output_throughput",
    "total_token_throughput",
    "concurrency",
    "judged",
    "good",
    "request_goodput",
    "slo_attainment",
)


def _word(value: float) -> npt.NDArray[Any]:
    """A column of one number."""
    return np.array([value], np.int64 if isinstance(value, int) else np.float64)


def shaped_fields(count: int, seed: int) -> str:
    """Requests that arrive in clumps, differ much in length, and share prefixes and conversations."""
    requests = generate_requests(
        count,
        GammaArrivals(
            10.0, burstiness=0.5, ramp=Ramp(20.0, num_requests=100), burst_size=2, on_time=30.0, off_time=5.0
        ),
        LognormalLengths(100, 1.0, 50, 200),
        ZipfLengths(1, 400, 1.1),
        prefixes=SharedPrefixes(10, 64, 1.0),
        sessions=Sessions((1, 4), think_time=5.0),
        seed=seed,
    )
    workload = fnv1a(requests.prompt_length, requests.output_length, requests.arrival_time)
    return f"workload={workload:016x} hash_ids={fnv1a(requests.hash_offsets, requests.hash_ids):016x}"


def live_fields(kind: str, requests: RequestColumns, batch: int, time_per_token: float) -> str:
    """A live engine in the middle of its requests, and what would become of one more."""
    engine = LiveEngine(**engine_options(kind, batch, time_per_token))
    engine.submit_columns(requests)
    assert requests.arrival_time is not None
    middle = requests.arrival_time[len(requests) // 2] if len(requests) else 0.0
    engine.advance(float(middle) + 1.0)
    state = fnv1a(np.frombuffer(engine.save(), np.uint8))
    estimate = engine.estimate(prompt_length=100, output_length=50)
    times = np.array([estimate.start_time, estimate.first_token_time, estimate.end_time])
    return f"state={state:016x} estimate={fnv1a(times):016x}"


def ends_fields(kind: str, requests: RequestColumns, batch: int, time_per_token: float) -> str:
    """What becomes of requests of which some get fewer tokens than they asked for, and some leave."""
    index = np.arange(len(requests))
    assert requests.arrival_time is not None
    result = simulate(
        requests.replace(
            max_tokens=requests.output_length + index % 3,
            abort_time=np.where(index % 7 == 3, requests.arrival_time + index % 11 / 4, np.nan),
        ),
        **engine_options(kind, batch, time_per_token),
    )
    told = (result.start_time, result.first_token_time, result.end_time, result.completion_order)
    ends = fnv1a(*told, result.tokens_generated, result.status)
    return f"hash={ends:016x} aborted={hexadecimal(result.aborted)}"


def closed_fields(kind: str, requests: RequestColumns, batch: int, time_per_token: float) -> str:
    """What becomes of seven sessions that clients send, of which some think for long, and few may be in flight."""
    index = np.arange(len(requests))
    result = simulate(
        requests.replace(arrival_time=None, session=index % 7, delay=index % 4 / 8),
        client=Client(
            max_concurrency=3, clients=5, ramp_up=1.0, think_time=0.5, think_times="lognormal", think_time_sigma=1.0,
            seed=9,
        ),
        attribution=True,
        **engine_options(kind, batch, time_per_token),
    )  # fmt: skip
    assert result.attribution is not None
    told = (result.arrival_time, result.sent_time, result.end_time, result.attribution.waiting_for_client)
    closed = fnv1a(*told, result.tokens_generated, result.status)
    return f"hash={closed:016x} not_sent={hexadecimal(result.not_sent)}"


_TABLE = TableTime(
    linear_tokens=(1, 64, 512),
    linear_seconds=(0.004, 0.005, 0.0131),
    head_sequences=(1, 48),
    head_seconds=(0.0002, 0.00031),
    decode_sequences=(1, 48),
    decode_contexts=(100, 7000, 20000),
    decode_seconds=((0.0001, 0.0007, 0.0019), (0.0003, 0.0009, 0.0021)),
    prefill_tokens=(16, 300),
    prefill_contexts=(0, 1000),
    prefill_seconds=((0.0001, 0.0003), (0.0011, 0.0047)),
    decode_scale=1.1,
    per_iteration=0.001,
    per_sequence=5e-6,
    per_prefill_iteration=0.0003,
)


def times_fields(kind: str, requests: RequestColumns, batch: int, time_per_token: float) -> str:
    """What becomes of the workload with the times of a model on two GPUs, and with those of a table."""
    roofline = RooflineTime.for_deployment("Mixtral-8x7B", "H100-SXM", 2, dtype="fp8")
    options = engine_options(kind, batch, time_per_token)
    hashes = []
    for time in (roofline, _TABLE):
        result = simulate(requests, **{**options, "iteration_time": time})
        hashes.append(fnv1a(result.start_time, result.first_token_time, result.end_time, result.completion_order))
    return f"roofline={hashes[0]:016x} table={hashes[1]:016x}"


def _items(metrics: Any) -> list[tuple[str, float]]:
    names = (
        "throughput",
        "total_tokens",
        "avg_latency",
        "p50_latency",
        "p95_latency",
        "p99_latency",
        "avg_queue_time",
        "avg_time_to_first_token",
        "gpu_utilization",
    )
    return [(name, metrics[name]) for name in names]


def all_lines(cases: Path) -> list[str]:
    """The lines of every case of a file."""
    lines = [line for line in cases.read_text(encoding="ascii").splitlines() if line and not line.startswith("#")]
    return [output for number, line in enumerate(lines, start=1) for output in case_lines(number, line)]


if __name__ == "__main__":
    sys.stdout.reconfigure(newline="\n")  # type: ignore[union-attr]
    print("\n".join(all_lines(Path(sys.argv[1]) if len(sys.argv) > 1 else CASES)))
