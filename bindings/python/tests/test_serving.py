"""The metrics of serving runs: against NumPy on random runs, against measured runs, and what each convention says."""

import gzip
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batching
from batching import SLO, RecordedRequests, distribution, measure

DATA = os.environ.get("BATCHING_DATA", "")
MEASURED = Path(DATA) / "measured"
NUMPY_METHODS = {"linear": "linear", "inverse_cdf": "inverted_cdf", "nearest": "nearest"}
SHARES = (0, 1, 5, 25, 50, 75, 90, 99, 99.9, 100)

# Whole microseconds, as doubles hold them exactly enough.
GAPS = st.lists(st.integers(0, 5_000_000), max_size=8)
REQUEST = st.tuples(
    st.integers(0, 10**9),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    GAPS,
    st.booleans(),
    st.none() | st.integers(0, 10**9),
)


def run_of(requests: list[Any]) -> tuple[RecordedRequests, list[dict[str, Any]]]:
    """A recorded run, and the same as rows of microseconds."""
    rows, times, offsets = [], [], [0]
    for client, queue, prefill, gaps, success, wait in requests:
        # Without a wait it is not known when the request arrived at its client.
        arrival = client + (wait or 0)
        tokens = np.cumsum([arrival + queue + prefill, *gaps]).tolist()
        rows.append(
            {"arrival": arrival, "start": arrival + queue, "tokens": tokens, "end": tokens[-1], "success": success}
            | {"client": None if wait is None else client}
        )
        times += tokens
        offsets.append(len(times))
    recorded = RecordedRequests(
        [row["end"] / 1e6 if row["success"] else math.nan for row in rows],
        [len(row["tokens"]) for row in rows],
        arrival_time=[row["arrival"] / 1e6 for row in rows],
        start_time=[row["start"] / 1e6 for row in rows],
        prompt_length=[7] * len(rows),
        success=np.array([row["success"] for row in rows], bool),
        token_times=np.array(times, float) / 1e6,
        token_offsets=offsets,
        client_arrival_time=[math.nan if row["client"] is None else row["client"] / 1e6 for row in rows],
    )
    return recorded, rows


def samples_of(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The samples by their definitions, in seconds."""
    answered = [row for row in rows if row["success"]]
    known = [row for row in answered if row["client"] is not None]
    return {
        "ttft": [(row["tokens"][0] - row["arrival"]) / 1e6 for row in answered],
        "tpot": [
            (row["end"] - row["tokens"][0]) / 1e6 / (len(row["tokens"]) - 1)
            for row in answered
            if len(row["tokens"]) > 1
        ],
        "itl": [gap / 1e6 for row in answered for gap in np.diff(row["tokens"])],
        "e2e": [(row["end"] - row["arrival"]) / 1e6 for row in answered],
        "queue_time": [(row["start"] - row["arrival"]) / 1e6 for row in answered],
        "normalized_latency": [(row["end"] - row["arrival"]) / 1e6 / len(row["tokens"]) for row in answered],
        "client_queue_time": [(row["arrival"] - row["client"]) / 1e6 for row in known],
        "e2e_including_client_queue": [(row["end"] - row["client"]) / 1e6 for row in known],
    }


@given(st.lists(REQUEST, max_size=30), st.sampled_from(list(NUMPY_METHODS)))
def test_samples_are_what_numpy_makes_of_them(requests: list[Any], method: Any) -> None:
    recorded, rows = run_of(requests)
    metrics = measure(recorded, percentiles=SHARES, percentile_method=method)
    for name, values in samples_of(rows).items():
        found = getattr(metrics, name)
        assert found.count == len(values)
        if not values:
            assert (found.mean, found.std, found.max, set(found.percentiles.values())) == (0, 0, 0, {0.0})
            continue
        assert found.mean == pytest.approx(np.mean(values), rel=1e-12, abs=1e-15)
        assert found.sum == pytest.approx(np.sum(values), rel=1e-12, abs=1e-15)
        assert found.median == pytest.approx(np.median(values), rel=1e-12, abs=1e-15)
        assert found.std == pytest.approx(np.std(values), rel=1e-9, abs=1e-9)
        assert (found.min, found.max) == pytest.approx((min(values), max(values)), rel=1e-12, abs=1e-15)
        # Ranks are looked for in the integers, where equal values are equal; NumPy's have been divided.
        expected = np.percentile(values, SHARES, method=NUMPY_METHODS[method])  # type: ignore[call-overload]
        assert list(found.percentiles.values()) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(st.lists(REQUEST, min_size=1, max_size=30), st.integers(1, 10**7), st.integers(1, 10**6), st.integers(1, 10**7))
def test_goodput_is_counted_by_its_definition(requests: list[Any], ttft: int, tpot: int, e2e: int) -> None:
    recorded, rows = run_of(requests)
    # Also objectives that a request meets with equality.
    answered = [row for row in rows if row["success"]]
    if answered:
        e2e = answered[0]["end"] - answered[0]["arrival"] or e2e
    for convention in ("vllm", "sglang", "aiperf"):
        slo = SLO(ttft=ttft / 1e6, tpot=tpot / 1e6, e2e=e2e / 1e6)
        metrics = measure(recorded, convention=convention, slo=slo, duration=2.0)
        good = 0
        for row in answered:
            count = len(row["tokens"])
            keeps_tpot = convention != "aiperf"
            if count > 1:
                keeps_tpot = row["end"] - row["tokens"][0] <= tpot * (count - 1)
            keeps_ttft = row["tokens"][0] - row["arrival"] <= ttft
            good += keeps_ttft and keeps_tpot and row["end"] - row["arrival"] <= e2e
        assert metrics.good == good
        assert metrics.request_goodput == good / 2.0
        assert metrics.slo_attainment == good / len(rows)


def test_the_client_queue_is_printed_where_there_is_one() -> None:
    sent = RecordedRequests([3.0, 4.0], [5, 5], arrival_time=[1.0, 2.5])
    assert "client" not in str(measure(sent))
    held_back = RecordedRequests([3.0, 4.0], [5, 5], arrival_time=[1.0, 2.5], client_arrival_time=[0.5, math.nan])
    lines = [line.split() for line in str(measure(held_back, percentiles=[50])).splitlines()]
    # One is known: 1.0 - 0.5, and 3.0 - 0.5, are all of their figures.
    half, both = ["500", "ms"], ["2.5", "s"]
    assert ["client", "queue", "time", "1", *half, "0", "s", *half * 3] in lines
    assert ["E2E", "with", "client", "queue", "1", *both, "0", "s", *both * 3] in lines


@given(st.lists(st.floats(allow_nan=False), max_size=60), st.sampled_from(list(NUMPY_METHODS)))
def test_percentiles_of_any_doubles_are_numpys(values: list[float], method: Any) -> None:
    finite = [value for value in values if math.isfinite(value) and abs(value) < 1e150]
    found = distribution(finite, SHARES, method)
    if finite:
        expected = np.percentile(finite, SHARES, method=NUMPY_METHODS[method])  # type: ignore[call-overload]
        assert list(found.percentiles.values()) == pytest.approx(expected, rel=1e-12, abs=1e-300)
        assert (found.min, found.max) == (min(finite), max(finite))
    ranks = distribution(values, SHARES, "nearest").percentiles
    if values:
        order = sorted(values)
        assert list(ranks.values()) == [order[round((len(values) - 1) * (share / 100))] for share in SHARES]


def test_a_sample_of_a_million_of_few_values_and_of_many() -> None:
    random = np.random.default_rng(1)
    for values in (random.integers(0, 5, 1_000_000).astype(float), random.lognormal(0, 3, 1_000_000), np.ones(10**6)):
        found = distribution(values, SHARES)
        assert list(found.percentiles.values()) == pytest.approx(np.percentile(values, SHARES), rel=1e-13)
        assert found.mean == pytest.approx(math.fsum(values) / 1e6, rel=1e-13)
        assert found.std == pytest.approx(np.std(values), rel=1e-9)


@pytest.mark.parametrize("run", ["RTX4090_Llama-3.1-8B", "RTXPRO6000_Llama-3.1-8B"])
@pytest.mark.skipif(
    not DATA or not MEASURED.is_dir(), reason="needs the measured runs, in the directory that BATCHING_DATA names"
)
def test_measured_runs_have_the_metrics_of_their_summaries(run: str) -> None:
    lines = gzip.decompress((MEASURED / f"{run}.requests.jsonl.gz").read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines]
    # The other times are those of a monotonic clock, so the arrival is when the request was queued.
    origin = min(row["queued_ts"] for row in rows)
    recorded = RecordedRequests(
        [row["last_token_ts"] - origin for row in rows],
        [row["output_toks"] for row in rows],
        arrival_time=[row["queued_ts"] - origin for row in rows],
        first_token_time=[row["first_token_ts"] - origin for row in rows],
    )
    metrics = measure(recorded, percentiles=(50, 90, 95, 99))
    compared = 0
    for name, shown in summary_of(run).items():
        sample = {"TTFT": metrics.ttft, "TPOT": metrics.tpot, "Latency": metrics.e2e, "E2E": metrics.e2e}[name[0]]
        statistic = name[1].removeprefix("p")
        value = sample.percentiles[float(statistic)] if statistic.isdigit() else getattr(sample, statistic)
        digits = len(shown.split(".")[1]) if "." in shown else 0
        assert f"{value * 1e3:.{digits}f}" == shown.replace(",", "")
        compared += 1
    assert compared == 15


def summary_of(run: str) -> dict[tuple[str, str], str]:
    """(metric, statistic) to the measured figure in milliseconds, as it is printed."""
    found: dict[tuple[str, str], str] = {}
    for line in (MEASURED / f"{run}.summary.txt").read_text().splitlines():
        words = line.split()
        if len(words) >= 4 and words[0] in {"TTFT", "TPOT", "Latency", "E2E"}:
            found[words[0], words[1].lower()] = words[2]
    return found


def test_an_answer_without_tokens_counts_as_the_convention_says() -> None:
    recorded = RecordedRequests([1.0, 2.0], [0, 5], prompt_length=[10, 10])
    assert [measure(recorded, convention=name).total_output_tokens for name in ("vllm", "sglang", "aiperf")] == [
        6,
        5,
        5,
    ]


def test_the_duration_is_as_the_convention_says() -> None:
    recorded = RecordedRequests([5.0, 2.0], [1, 1], arrival_time=[0.5, 1.0], success=np.array([False, True]))
    assert [measure(recorded, convention=name).duration for name in ("vllm", "sglang", "aiperf")] == [4.5, 4.5, 1.0]
    assert measure(recorded, duration=10.0).request_throughput == 0.1


def test_an_objective_on_itl_is_met_if_every_gap_is() -> None:
    recorded = RecordedRequests([3.0, 3.0], [3, 3], token_times=[1.0, 1.5, 3.0, 1.0, 2.0, 3.0], token_offsets=[0, 3, 6])
    metrics = measure(recorded, slo=SLO(itl=1.0))
    assert (metrics.good, metrics.slo_attainment_by_metric) == (1, {"itl": 0.5})
    assert metrics.itl.count == 4


def test_an_objective_on_itl_needs_token_times() -> None:
    with pytest.raises(ValueError, match=r"slo_itl is given: token_times must be, too"):
        measure(RecordedRequests([3.0], [3]), slo=SLO(itl=1.0))
    assert measure(RecordedRequests([], []), slo=SLO(itl=1.0)).good == 0


def test_a_run_with_both_logs_has_its_itl() -> None:
    # Two requests of three tokens in iterations of 0.5 s, the second of which arrives with the first's second token.
    requests = batching.RequestColumns([3, 3], [1, 1], [0.0, 1.0])
    result = batching.simulate(requests, iteration_time=0.5, log_iterations=True, log_decisions=True)
    found = result.measure(slo=SLO(itl=0.5)).itl
    assert (found.count, found.min, found.max) == (4, 0.5, 0.5)
    assert batching.simulate(requests, iteration_time=0.5).measure().itl.count == 0


def test_unknown_first_tokens_are_in_no_sample_of_a_tool() -> None:
    recorded = RecordedRequests(
        [2.0, 3.0], [5, 4], token_times=[1.0, 1.5, 2.5, 3.0], token_offsets=[0, 0, 4], prompt_length=[1, 1]
    )
    told = batching.aiperf_metrics(recorded)
    assert told["time_to_first_token"]["avg"] == 1000.0
    assert told["time_to_first_token"]["count"] == 1
    assert told["inter_token_latency"]["avg"] == pytest.approx(2000 / 3)
    assert told["request_latency"]["count"] == 2


def test_a_run_without_answers_has_no_concurrency_and_no_steady_state() -> None:
    failed = RecordedRequests([math.nan], [0], success=np.array([False]))
    for tell in (batching.aiperf_effective_concurrency, batching.sglang_steady_state):
        with pytest.raises(batching.BatchingValueError, match="no answered request that takes any time"):
            tell(failed)
    assert batching.vllm_metrics(failed)["max_concurrent_requests"] == 0
    assert batching.aiperf_metrics(failed)["adj_request_latency"]["min"] == math.inf


def test_without_objectives_there_is_no_goodput() -> None:
    metrics = measure(RecordedRequests([1.0], [1]))
    assert (metrics.good, metrics.request_goodput, metrics.slo_attainment) == (None, None, None)
    assert metrics.slo_attainment_by_metric == {}
    assert metrics.to_dict()["e2e"]["mean"] == 1.0


def test_a_run_of_the_engine_is_measured() -> None:
    requests = batching.generate_workload(500, seed=3)
    result = batching.simulate(requests)
    metrics = result.measure(slo=SLO(e2e=3.0))
    assert requests.arrival_time is not None
    latencies = result.end_time - requests.arrival_time
    assert metrics.e2e.mean == pytest.approx(latencies.mean(), rel=1e-12)
    assert metrics.ttft.percentiles[99] == pytest.approx(
        np.percentile(result.first_token_time - requests.arrival_time, 99), rel=1e-12
    )
    # Little's law, over the time from the first arrival.
    assert metrics.concurrency == pytest.approx(latencies.sum() / metrics.duration, rel=1e-12)
    textbook = batching.simulate_continuous(requests, 8)
    assert textbook.measure().e2e.mean == pytest.approx(textbook.metrics()["avg_latency"], rel=1e-12)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"end_time": [-1.0]}, "end_time[0] is -1.0: must be between 0 and 9223372036 seconds"),
        ({"end_time": [math.nan]}, "end_time[0] is nan: must be between 0"),
        ({"output_length": [-1]}, "output_length[0] is -1: must be at least 0"),
        ({"arrival_time": [2.0]}, "end_time[0] is 1.0: must not be before arrival_time[0], which is 2.0"),
        ({"first_token_time": [1.5]}, "end_time[0] is 1.0: must not be before first_token_time[0]"),
        ({"start_time": [0.9], "first_token_time": [0.5]}, "first_token_time[0] is 0.5: must not be before start_time"),
        ({"prompt_length": [-2]}, "prompt_length[0] is -2"),
        ({"token_times": [0.5, 0.2], "token_offsets": [0, 2]}, "token_times[1] is 0.2: must not be before"),
        ({"token_times": [0.5, math.nan], "token_offsets": [0, 2]}, "token_times[1] is nan"),
        ({"token_times": [0.5]}, "token_times and token_offsets must be given together"),
        ({"token_times": [0.5], "token_offsets": [0, 2]}, "token_offsets go from 0 to 2"),
        ({"token_times": [0.5], "token_offsets": [0]}, "token_offsets has 1 element"),
    ],
)
def test_a_bad_run_is_named(columns: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"end_time": [1.0], "output_length": [3]} | columns
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the sentence is looked at below)
        measure(RecordedRequests(**given))
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"convention": "genai-perf"}, "convention is 'genai-perf': must be one of 'vllm', 'sglang', 'aiperf'"),
        ({"percentile_method": "midpoint"}, "percentile_method is 'midpoint'"),
        ({"percentiles": [50, 101]}, "percentiles[1] is 101.0: must be between 0 and 100"),
        ({"percentiles": [math.nan]}, "percentiles[0] is nan"),
        ({"percentiles": [50] * 1001}, "percentile_count is 1001"),
        ({"duration": 0.0}, "duration is 0.0: must be greater than 0"),
        ({"duration": math.inf}, "duration is inf"),
        ({"slo": SLO(ttft=-1.0)}, "slo.ttft is -1.0"),
    ],
)
def test_a_bad_option_is_named(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the sentence is looked at below)
        measure(RecordedRequests([1.0], [3]), **options)
    assert sentence in str(raised.value)


def test_a_value_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"values\[1\] is nan: must be a number"):
        distribution([1.0, math.nan])
