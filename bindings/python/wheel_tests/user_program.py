"""A user's program: as much of the package as one program holds, with a type written down for what comes out of it.

test_wheel.py has mypy check it against the installed package, and runs it there.
"""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

import batching
from batching import (
    SLO,
    Accumulator,
    AccumulatorEvent,
    AffineTime,
    Arrivals,
    Attribution,
    BatchingError,
    BatchingValueError,
    BatchMetrics,
    CompletedColumns,
    ConstantArrivals,
    DecisionLog,
    Distribution,
    EmpiricalLengths,
    EndReason,
    Event,
    FixedLengths,
    GammaArrivals,
    Iteration,
    IterationLog,
    Lengths,
    Load,
    LognormalLengths,
    MissingExtraError,
    PoissonArrivals,
    Policy,
    Progress,
    QueueOrder,
    Ramp,
    RecordedRequests,
    Request,
    RequestColumns,
    RequestLatency,
    RequestStatus,
    Result,
    ServingMetrics,
    Sessions,
    SharedPrefixes,
    StrategyComparison,
    TextbookResult,
    Trace,
    UniformLengths,
    ZipfLengths,
)


class Labelled(Request):
    """A request of the user's own kind: the simulators give back what they were given."""

    label: str = "labelled"


def learn() -> float:
    """The lesson: lists of requests, static against continuous."""
    lengths_and_arrivals = [(50, 0.0), (200, 0.1), (30, 0.2), (150, 0.3)]
    requests = [Labelled(i, 100, length, arrival) for i, (length, arrival) in enumerate(lengths_and_arrivals)]
    completed, total_time, throughput = batching.continuous_batch_simulation(requests, 2, time_per_token=0.01)
    latency: RequestLatency = batching.calculate_request_latency(completed[0])
    metrics: BatchMetrics = batching.calculate_batch_metrics(completed, total_time)
    comparison: StrategyComparison = batching.compare_batching_strategies(requests, 2)
    first: float | None = completed[0].first_token_time
    assert first is not None
    assert latency["time_to_first_token"] == first - completed[0].arrival_time
    assert comparison["throughput_improvement"] > 1.0
    assert metrics["total_tokens"] == 430
    assert throughput == 430 / total_time
    return metrics["avg_latency"]


def plan() -> int:
    """Capacity, in plain numbers."""
    intensity: float = batching.calculate_arithmetic_intensity_with_batch(32, 16e9)
    assert intensity > 0
    size: int = batching.optimal_batch_size(80e9, 16e9, 131_072, 4_096)
    return size


def generate() -> list[RequestColumns]:
    """Workloads of every kind."""
    kinds: list[tuple[Arrivals, Lengths, Lengths]] = [
        (PoissonArrivals(20.0), LognormalLengths(median=200, sigma=1.0), UniformLengths(1, 50)),
        (GammaArrivals(20.0, burstiness=0.5), ZipfLengths(1, 500, exponent=1.2), EmpiricalLengths([10, 20, 30])),
        (ConstantArrivals(20.0, ramp=Ramp(40.0, num_requests=100)), FixedLengths(64), FixedLengths(16)),
    ]
    generated = [
        batching.generate_requests(200, arrivals=arrivals, prompt_length=prompt, output_length=output, seed=3)
        for arrivals, prompt, output in kinds
    ]
    shared = batching.generate_requests(
        200,
        arrivals=PoissonArrivals(20.0),
        prompt_length=FixedLengths(64),
        output_length=FixedLengths(16),
        prefixes=SharedPrefixes(groups=4, length=64),
        sessions=Sessions(turns=(1, 3), think_time=2.0),
    )
    hashes: npt.NDArray[np.int64] | None = shared.hash_ids
    assert hashes is not None
    generated += [shared, batching.generate_conversation_workload(200), batching.generate_workload(200)]
    return generated


def serve(requests: RequestColumns) -> tuple[dict[Policy, Result], int]:
    """The engine, with callbacks that are checked: what they are told, and what they answer."""
    told: list[int] = []

    def seconds(iteration: Iteration) -> float:
        return 0.005 + 1e-5 * iteration.prefill_tokens + 1e-6 * iteration.context_tokens

    def watch(progress: Progress) -> None:
        told.append(progress.finished)

    policies: tuple[Policy, ...] = ("vllm", "orca", "static")
    order: QueueOrder = "shortest_output"
    runs: dict[Policy, Result] = {
        policy: batching.simulate(
            requests,
            policy=policy,
            queue_order=order,
            max_num_seqs=16,
            num_gpu_blocks=2_000,
            iteration_time=seconds,
            progress=watch,
            progress_interval=10,
            log_iterations=True,
            log_decisions=True,
            attribution=True,
        )
        for policy in policies
    }
    again = batching.simulate(requests, max_num_seqs=16, iteration_time=AffineTime(base=0.005, per_decode_token=1e-5))
    assert again.end_reason is EndReason.COMPLETED
    return runs, len(told)


def look(run: Result) -> int:
    """What a run tells: columns, logs, attribution, load."""
    end_time: npt.NDArray[np.float64] = run.end_time
    status: npt.NDArray[np.int32] = run.status
    finished: npt.NDArray[np.bool_] = status == RequestStatus.FINISHED
    assert finished.all()
    assert float(end_time.max()) == run.total_time
    log: IterationLog | None = run.iteration_log
    decisions: DecisionLog | None = run.decision_log
    attribution: Attribution | None = run.attribution
    assert log is not None
    assert decisions is not None
    assert attribution is not None
    starts: npt.NDArray[np.float64] = log.start_time
    assert len(starts) == run.iterations
    assert int((decisions.event == Event.FINISHED).sum()) == len(end_time)
    names: list[str] = [band.dominant for band in attribution.bands((0, 50, 100))]
    assert len(names) == 2
    load: Load = run.load(timeline=10)
    assert load.timeline is not None
    completed: CompletedColumns = run.completed()
    queue: npt.NDArray[np.float64] = batching.request_latencies(completed).queue_time
    left: npt.NDArray[np.int32] = batching.remaining_tokens([3, 4], [3, 1])
    assert left.tolist() == [0, 3]
    return len(queue)


def measure(run: Result) -> ServingMetrics:
    """The same run by the definitions of three tools."""
    recorded: RecordedRequests = run.recorded()
    metrics: ServingMetrics = batching.measure(recorded, percentiles=(50, 99), slo=SLO(ttft=0.5, tpot=0.05))
    sample: Distribution = metrics.ttft
    tail: float = sample.percentiles[99]
    assert tail >= sample.median
    rows: dict[str, dict[str, float | None]] = batching.aiperf_metrics(recorded)
    concurrency: dict[str, float] = batching.aiperf_effective_concurrency(recorded)
    assert rows
    assert concurrency
    assert batching.vllm_metrics(recorded)["completed"] == batching.sglang_metrics(recorded)["completed"]
    values: Distribution = batching.distribution([1.0, 2.0, 3.0])
    assert values.mean == 2.0
    return metrics


def watch_traffic() -> str:
    """Live traffic: events one by one and in columns, bytes, and a scrape."""
    live = Accumulator(window=60.0, slo=SLO(ttft=0.5))
    live.arrived(7, time=10.0, prompt_length=100)
    live.tokens(7, time=10.25)
    live.finished(7, time=10.5, reason="stop")
    elsewhere = Accumulator(window=60.0, slo=SLO(ttft=0.5))
    elsewhere.add([1, 1], [11.0, 11.5], [AccumulatorEvent.ARRIVED, AccumulatorEvent.FAILED], [5, 0])
    data: bytes = elsewhere.save()
    live.merge(Accumulator.load(data))
    assert live.state.arrived == 2
    assert live.measure("window").failed == 1
    return live.prometheus("my-model")


def save(run: Result, folder: Path) -> None:
    """Files: some are written with what is there, others with an extra, or a sentence says which."""
    batching.write_vllm_bench(run, folder / "bench.json", detailed=True)
    batching.write_schedule_trace(run, folder / "schedule.json", (0.0, 1.0))
    document: dict[str, object] = batching.vllm_bench_json(run)
    assert document["completed"] == run.finished
    try:
        batching.write_results(run, folder / "results.parquet")
        trace: Trace = batching.read_trace(folder / "bench.json")
        requests: RequestColumns = trace.requests
        skipped: dict[str, int] = dict(trace.skipped)
        assert len(requests) == len(run.end_time)
        assert not skipped
    except MissingExtraError as error:
        assert "batching[traces]" in str(error)


def refuse() -> str:
    """Bad input is an exception of the package that is also a built-in one."""
    try:
        batching.simulate_static(RequestColumns([5, -3]), 2)
    except ValueError as error:
        kind: type[BatchingError] = BatchingValueError
        return str(error) if isinstance(error, kind) else "an exception that is not the package's"
    raise AssertionError("a negative length was taken")


def main() -> None:
    """All of it."""
    assert learn() == 1.275
    assert plan() > 0
    workloads = generate()
    textbook: TextbookResult = batching.simulate_continuous(workloads[0], 8)
    load: Load = batching.load_over_time(textbook.recorded(), slots=8)
    assert load.mean_running > 0
    runs, told = serve(workloads[0])
    assert told > 0
    assert look(runs["vllm"]) == len(workloads[0])
    goodput: float | None = measure(runs["vllm"]).request_goodput
    assert goodput is not None
    assert goodput > 0
    assert "my-model" in watch_traffic()
    assert refuse() == "output_length[1] is -3: must be at least 1"
    with tempfile.TemporaryDirectory() as folder:
        save(runs["vllm"], Path(folder))
    print("everything was as expected")


if __name__ == "__main__":
    main()
