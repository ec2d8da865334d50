"""Inputs made after public reports, each with the value that is right: in the directory reports of BATCHING_DATA."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from batching import SLO, RecordedRequests, ServingMetrics, Trace, measure, read_runs, read_trace, simulate

pytest.importorskip("pyarrow")

REPORTS = Path(os.environ.get("BATCHING_DATA", "/nowhere")) / "reports"
FAILED = "a failed request (recorded has it)"

pytestmark = pytest.mark.skipif(
    not REPORTS.is_dir(), reason="needs the inputs after reports, in the directory that BATCHING_DATA names"
)


def rows(trace: Trace) -> list[tuple[float, int, int]]:
    """Arrival, prompt and output of each request."""
    requests = trace.requests
    assert requests.arrival_time is not None
    assert requests.prompt_length is not None
    return list(
        zip(
            requests.arrival_time.tolist(),
            requests.prompt_length.tolist(),
            requests.output_length.tolist(),
            strict=True,
        )
    )


def recorded(trace: Trace) -> RecordedRequests:
    assert trace.recorded is not None
    return trace.recorded


def test_azure_with_quoted_cells() -> None:
    trace = read_trace(REPORTS / "r01_azure_quoted_strings.csv")
    assert (trace.format, trace.skipped) == ("azure", {})
    assert rows(trace) == [(0.0, 612, 35), (2.5, 88, 7), (2.5000001, 1501, 240)]


def test_mooncake_whose_first_row_has_no_time() -> None:
    trace = read_trace(REPORTS / "r02_mooncake_first_row_untimed.jsonl")
    assert (trace.format, sum(trace.skipped.values())) == ("mooncake", 1)
    assert rows(trace) == [(0.0, 1536, 9), (1.0, 1024, 4)]
    assert trace.requests.hash_ids is not None
    assert trace.requests.hash_ids.tolist() == [11, 12, 13, 11, 14]


def test_vllm_latencies_where_nothing_was_streamed() -> None:
    metrics = measure(recorded(read_trace(REPORTS / "r03_vllm_latencies_unstreamed.json")))
    assert metrics.e2e.mean == 2.0
    assert metrics.tpot.mean == pytest.approx((1.5 / 99 + 2.5 / 49) / 2, rel=1e-12)
    assert metrics.duration == 4.0


def as_the_file_says(metrics: ServingMetrics, completed: int, duration: float, requests: float, tokens: float) -> None:
    assert (metrics.completed, metrics.duration) == (completed, duration)
    assert (metrics.request_throughput, metrics.output_throughput) == (requests, tokens)


def test_the_duration_is_that_of_the_client() -> None:
    answered = recorded(read_trace(REPORTS / "r04_vllm_duration_of_client.json"))
    as_the_file_says(measure(answered), 4, 2.0, 2.0, 10.0)
    as_the_file_says(measure(answered, duration=4.0), 4, 4.0, 1.0, 5.0)
    # By AIPerf's definition it is from the first start, 5000, to the last answer, 5001 + 0.6.
    assert measure(answered, convention="aiperf").duration == pytest.approx(1.6, rel=1e-12)


def test_appended_runs_are_runs() -> None:
    first, second = read_runs(REPORTS / "r05_vllm_two_appended_runs.jsonl")
    as_the_file_says(measure(recorded(first)), 4, 2.0, 2.0, 10.0)
    as_the_file_says(measure(recorded(second)), 2, 1.25, 1.6, 8.0)
    assert rows(second) == [(0.0, 10, 5), (0.0, 10, 5)]


def test_a_run_of_failures_is_an_answer() -> None:
    trace = read_trace(REPORTS / "r06_vllm_all_failed.json")
    assert (len(trace.requests), trace.skipped) == (0, {FAILED: 2})
    metrics = measure(recorded(trace), slo=SLO(ttft=1.0))
    assert (metrics.failed, metrics.slo_attainment) == (2, 0.0)
    as_the_file_says(metrics, 0, 3.0, 0.0, 0.0)


def test_a_failure_needs_no_output() -> None:
    trace = read_trace(REPORTS / "r07_recording_failures_without_output.csv")
    assert (rows(trace), trace.skipped) == ([(0.0, 40, 6)], {FAILED: 2})
    metrics = measure(recorded(trace), slo=SLO(ttft=1.0))
    assert (metrics.completed, metrics.failed, metrics.slo_attainment) == (1, 2, 1 / 3)


def test_a_time_under_another_name() -> None:
    trace = read_trace(REPORTS / "r08_csv_time_column_not_known.csv")
    assert rows(trace) == [(0.0, 10, 5), (600.0, 20, 7)]


def test_dates_in_json() -> None:
    assert rows(read_trace(REPORTS / "r09_json_iso_dates.jsonl")) == [(0.0, 10, 5), (1.5, 12, 6)]


@pytest.mark.parametrize(("block_size", "found"), [(16, 240), (32, 224), (64, 192), (784, 0)])
def test_ids_of_16_tokens_name_coarser_blocks(block_size: int, found: int) -> None:
    requests = read_trace(REPORTS / "r10_bailian_ids_of_16.jsonl").requests
    run = simulate(requests, block_size=block_size, num_gpu_blocks=100, enable_prefix_caching=True)
    assert run.prefix_cached_tokens.tolist() == [0, found]


def test_later_turns_of_sessions_come_a_delay_after_the_turns_before() -> None:
    trace = read_trace(REPORTS / "r11_mooncake_sessions_delay.jsonl")
    assert (trace.format, trace.skipped) == ("mooncake", {})
    assert rows(trace) == [(0.0, 512, 10), (0.0, 1024, 10), (0.1, 512, 10), (0.1, 1024, 10)]
    requests = trace.requests
    assert requests.session is not None
    assert requests.delay is not None
    assert requests.session.tolist() == [0, 0, 1, 1]
    # 500 and 250 milliseconds.
    assert requests.delay.tolist() == [0.0, 0.5, 0.0, 0.25]
    assert requests.hash_offsets is not None
    assert requests.hash_offsets.tolist() == [0, 1, 3, 4, 6]


def test_inference_perf() -> None:
    trace = read_trace(REPORTS / "r14_inference_perf_per_request.json")
    assert (trace.format, rows(trace), trace.skipped) == ("inference-perf", [(0.0, 40, 3)], {FAILED: 1})
    answered = recorded(trace)
    assert answered.token_times is not None
    assert answered.token_times.tolist() == [0.5, 1.0, 2.0]
    metrics = measure(answered)
    assert (metrics.completed, metrics.failed, metrics.e2e.mean) == (1, 1, 2.0)
    assert np.isclose(metrics.tpot.mean, 1.5 / 2)


@pytest.mark.parametrize("name", ["r13_results_lose_hash_ids.py", "r15_burstiness_infinite.py"])
def test_programs_end_well(name: str) -> None:
    subprocess.run([sys.executable, str(REPORTS / name)], check=True, capture_output=True, timeout=120)
