"""The metrics against NumPy, and against a union of intervals that is formed the long way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batching import CompletedColumns, calculate_batch_metrics, generate_workload, request_latencies, simulate_static
from oracle.simulators import seconds

# Times in nanoseconds, few enough that intervals touch, overlap and coincide.
TIMES = st.integers(0, 30).map(lambda step: step * 250_000_000)
REQUESTS = st.lists(
    st.tuples(TIMES, TIMES, TIMES, TIMES, st.booleans(), st.integers(1, 2**31 - 1)), min_size=1, max_size=30
)
TOTAL = st.integers(1, 40).map(lambda step: step * 200_000_000)

Row = tuple[int, int, int, int, bool, int]


def completed(rows: list[Row]) -> tuple[CompletedColumns, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    """Columns, and the nanoseconds behind them as rows of arrival, start, first token, end."""
    times = np.sort(np.array([row[:4] for row in rows], np.int64), axis=1)
    arrival, start, first, end = ([seconds(int(time)) for time in column] for column in times.T)
    known = [time if row[4] else np.nan for time, row in zip(first, rows, strict=True)]
    tokens = [row[5] for row in rows]
    return CompletedColumns(start, end, tokens, arrival, known), times


def first_token_latency(times: "np.ndarray[tuple[int], np.dtype[np.int64]]", row: Row) -> float:
    arrival, start, first, end = (int(time) for time in times)
    if row[4]:
        return (first - arrival) / 1e9
    return (start - arrival) / 1e9 + (end - start) / 1e9 / row[5]


@given(rows=REQUESTS, total=TOTAL)
def test_metrics_agree_with_numpy(rows: list[Row], total: int) -> None:
    columns, times = completed(rows)
    total_time = seconds(total)
    metrics = calculate_batch_metrics(columns, total_time)
    latency = (times[:, 3] - times[:, 0]) / 1e9
    tokens = sum(row[5] for row in rows)
    first = [first_token_latency(line, row) for line, row in zip(times, rows, strict=True)]
    assert metrics["total_tokens"] == tokens
    assert metrics["throughput"] == tokens / total_time
    assert metrics["avg_latency"] == pytest.approx(latency.mean(), rel=1e-12)
    for percent in (50, 95, 99):
        assert metrics[f"p{percent}_latency"] == pytest.approx(np.percentile(latency, percent), rel=1e-12)  # type: ignore[literal-required]
    assert metrics["avg_queue_time"] == pytest.approx(((times[:, 1] - times[:, 0]) / 1e9).mean(), rel=1e-12)
    assert metrics["avg_time_to_first_token"] == pytest.approx(np.mean(first), rel=1e-12)


@given(rows=REQUESTS, total=TOTAL)
def test_utilization_is_the_length_of_the_union(rows: list[Row], total: int) -> None:
    columns, times = completed(rows)
    # All times are multiples of 50 ms: look at each such step and ask whether any request was being processed.
    step = 50_000_000
    busy = sum(
        any(start <= begin and begin + step <= end for start, end in times[:, (1, 3)].tolist())
        for begin in range(0, total, step)
    )
    utilization = calculate_batch_metrics(columns, seconds(total))["gpu_utilization"]
    assert utilization == pytest.approx(busy * step / total, rel=1e-12)
    assert 0.0 <= utilization <= 1.0


@given(rows=REQUESTS, order=st.randoms(use_true_random=False))
def test_the_order_of_the_requests_does_not_matter(rows: list[Row], order: "st.DataObject") -> None:
    shuffled = rows.copy()
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert calculate_batch_metrics(completed(rows)[0], 2.0) == pytest.approx(
        calculate_batch_metrics(completed(shuffled)[0], 2.0), rel=1e-12
    )


@given(rows=REQUESTS)
def test_latencies_of_each_request(rows: list[Row]) -> None:
    columns, times = completed(rows)
    latencies = request_latencies(columns)
    arrival, start, _, end = times.T
    assert latencies.queue_time.tolist() == [seconds(int(time)) for time in start - arrival]
    assert latencies.processing_time.tolist() == [seconds(int(time)) for time in end - start]
    assert latencies.total_latency.tolist() == [seconds(int(time)) for time in end - arrival]
    first = [first_token_latency(line, row) for line, row in zip(times, rows, strict=True)]
    assert latencies.time_to_first_token.tolist() == pytest.approx(first, rel=1e-12)


def test_percentiles_of_many_requests() -> None:
    result = simulate_static(generate_workload(30_001, arrival_rate=20.0), 64, 0.01)
    assert result.arrival_time is not None
    latency = result.end_time - result.arrival_time
    metrics = result.metrics()
    assert metrics["p50_latency"] == pytest.approx(np.percentile(latency, 50), rel=1e-12)
    assert metrics["p95_latency"] == pytest.approx(np.percentile(latency, 95), rel=1e-12)
    assert metrics["p99_latency"] == pytest.approx(np.percentile(latency, 99), rel=1e-12)
    assert metrics["gpu_utilization"] == pytest.approx(result.busy_time / result.total_time, rel=1e-12)


def test_columns_left_out_have_their_defaults() -> None:
    left_out = request_latencies(CompletedColumns([1.0, 2.0], [3.0, 6.0], [4, 2]))
    assert left_out.total_latency.tolist() == [3.0, 6.0]
    assert left_out.time_to_first_token.tolist() == [1.0 + 2.0 / 4, 2.0 + 4.0 / 2]
    assert repr(left_out) == "LatencyColumns(2 requests, mean latency 4.5 s)"


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (CompletedColumns([1.0], [0.5], [1]), r"end_time\[0\] is 0\.5"),
        (CompletedColumns([1.0], [2.0], [1], [1.5]), r"start_time\[0\] is 1\.0"),
        (CompletedColumns([1.0], [2.0], [1], None, [2.5]), r"first_token_time\[0\] is 2\.5"),
        (CompletedColumns([1.0], [2.0], [1], None, [0.5]), r"first_token_time\[0\] is 0\.5"),
        (CompletedColumns([1.0], [2.0], [-1]), r"tokens_generated\[0\] is -1"),
        (CompletedColumns([1.0], [2.0], [0]), r"tokens_generated\[0\] is 0"),
    ],
)
def test_times_that_contradict_each_other(columns: CompletedColumns, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        request_latencies(columns)
    with pytest.raises(ValueError, match=sentence):
        calculate_batch_metrics(columns, 3.0)


@pytest.mark.parametrize("total_time", [0.0, -1.0, float("nan"), float("inf"), 1e10])
def test_total_time_out_of_range(total_time: float) -> None:
    with pytest.raises(ValueError, match="total_time is "):
        calculate_batch_metrics(CompletedColumns([1.0], [2.0], [1]), total_time)
