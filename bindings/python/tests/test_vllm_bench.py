"""A simulation told in vLLM's schema: its fields, and its figures against vLLM's own definitions done slowly."""

import gzip
import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batching
import closed_loop_by_hand as by_hand
from batching import SLO, RequestColumns, Result, vllm_bench_json, write_vllm_bench
from batching._output.vllm_bench import _repeated
from oracle import bench

DATA = Path(os.environ.get("BATCHING_DATA", "")) / "metrics"
PERCENTILES = [0, 25, 90, 99, 99.9, 100]
METRICS: Any = ["ttft", "tpot", "itl", "e2el"]

# vLLM 0.33's names: those it always writes, and those of --save-detailed.
ALWAYS = {
    *("date", "endpoint_type", "backend", "label", "model_id", "tokenizer_id", "num_prompts", "request_rate"),
    *("burstiness", "max_concurrency", "duration", "completed", "failed", "total_input_tokens"),
    *("total_output_tokens", "request_throughput", "request_goodput", "output_throughput"),
    *("total_token_throughput", "max_output_tokens_per_s", "max_concurrent_requests", "rtfx", "latencies"),
    "queue_times",
}
DETAILED = {"input_lens", "output_lens", "start_times", "ttfts", "itls", "generated_texts", "errors"}


def engine_run(**settings: Any) -> Result:
    """Some finish, some are preempted, some are rejected, and some are cut off by the time limit."""
    requests = batching.generate_workload(400, arrival_rate=40.0)
    prompts = np.asarray(requests.prompt_length).copy()
    prompts[3] = 2000
    columns = RequestColumns(requests.output_length, prompts, requests.arrival_time)
    model = batching.AffineTime(base=0.004, per_prefill_token=2e-5, per_decode_token=1e-5)
    return batching.simulate(columns, num_gpu_blocks=100, iteration_time=model, time_limit=30.0, **settings)


def told(result: Any, **settings: Any) -> dict[str, Any]:
    return vllm_bench_json(
        result, detailed=True, percentile_metrics=METRICS, metric_percentiles=PERCENTILES, **settings
    )


@pytest.mark.parametrize("logged", [True, False])
def test_figures_are_those_of_the_detailed_arrays(*, logged: bool) -> None:
    result = engine_run(log_iterations=logged, log_decisions=logged)
    assert result.finished
    assert result.rejected
    assert result.unfinished
    assert result.total_preemptions
    fields = told(result)
    samples = bench.sampled(fields)
    for metric in METRICS:
        for name, expected in bench.statistics(metric, samples[metric], PERCENTILES).items():
            assert fields[name] == pytest.approx(expected, rel=1e-12, abs=1e-9 if "std" in name else 0), name
    tokens, requests = bench.most_per_second(fields)
    assert fields["max_concurrent_requests"] == requests
    # Evenly spaced tokens fall on fractions of a nanosecond, which the slow one rounds: some may change seconds.
    assert fields["max_output_tokens_per_s"] == pytest.approx(tokens, abs=0 if logged else 2)


@pytest.mark.parametrize("logged", [True, False])
def test_detailed_arrays_are_the_results(*, logged: bool) -> None:
    result = engine_run(log_iterations=logged, log_decisions=logged)
    fields = told(result)
    arrivals, prompts = result.requests.arrival_time, result.requests.prompt_length
    assert arrivals is not None
    assert prompts is not None
    assert fields["start_times"] == arrivals.tolist()
    assert fields["input_lens"] == prompts.tolist()
    assert fields["num_prompts"] == len(result)
    for index in range(len(result)):
        finished = result.status[index] == batching.RequestStatus.FINISHED
        count = int(result.tokens_generated[index]) if finished else 0
        assert fields["output_lens"][index] == count
        assert len(fields["itls"][index]) == max(0, count - 1)
        assert bool(fields["errors"][index]) is not bool(finished)
        if finished:
            assert fields["ttfts"][index] == pytest.approx(result.first_token_time[index] - arrivals[index], abs=1e-9)
            assert fields["queue_times"][index] == pytest.approx(result.start_time[index] - arrivals[index], abs=1e-9)
            end = arrivals[index] + fields["ttfts"][index] + sum(fields["itls"][index])
            assert end == pytest.approx(result.end_time[index], abs=1e-8)
            assert fields["latencies"][index] == pytest.approx(result.end_time[index] - arrivals[index], abs=1e-9)
        else:
            assert fields["ttfts"][index] == fields["latencies"][index] == 0.0
    assert fields["completed"] == result.finished
    assert fields["failed"] == result.rejected + result.unfinished
    assert fields["duration"] == result.total_time
    assert fields["total_output_tokens"] == sum(fields["output_lens"])
    assert fields["output_throughput"] == fields["total_output_tokens"] / result.total_time


def test_by_hand() -> None:
    """Two slots, 0.5 s an iteration. Request 0: tokens at 0.5 and 1.0; request 1: at 0.5; request 2 waits for 1's slot:
    at 1.0, 1.5 and 2.0.
    """
    fields = told(batching.simulate_continuous(RequestColumns([2, 1, 3], prompt_length=[10, 20, 30]), 2, 0.5))
    assert fields["ttfts"] == [0.5, 0.5, 1.0]
    assert fields["latencies"] == [1.0, 0.5, 2.0]
    assert fields["queue_times"] == [0.0, 0.0, 0.5]
    assert fields["itls"] == [[0.5], [], [0.5, 0.5]]
    assert (fields["duration"], fields["completed"], fields["failed"]) == (2.0, 3, 0)
    assert (fields["total_input_tokens"], fields["total_output_tokens"]) == (60, 6)
    assert fields["output_throughput"] == 3.0
    assert fields["total_token_throughput"] == 33.0
    assert fields["mean_ttft_ms"] == pytest.approx(2000 / 3)
    assert fields["p25_ttft_ms"] == 500.0
    assert fields["mean_itl_ms"] == 500.0
    assert fields["std_tpot_ms"] == 0.0
    # In [1, 2): 1.0 twice and 1.5 once; [0, 1) has two, [2, 3) one. All three are there in [0, 1).
    assert fields["max_output_tokens_per_s"] == 3
    assert fields["max_concurrent_requests"] == 3


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 4)), max_size=12), st.floats(0, 100))
def test_the_distribution_of_repeated_values_is_numpys(pairs: list[tuple[float, int]], share: float) -> None:
    values, counts = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs], np.int64)
    told = _repeated(values, counts, [share])
    sample = np.repeat(values, counts) if pairs else np.zeros(1)
    assert told.count == counts.sum()
    assert told.mean == pytest.approx(sample.mean(), rel=1e-12, abs=1e-300)
    assert told.median == pytest.approx(np.median(sample), rel=1e-12, abs=1e-300)
    assert told.std == pytest.approx(sample.std(), rel=1e-9, abs=1e-9)
    assert told.percentiles[share] == pytest.approx(np.percentile(sample, share), rel=1e-11, abs=1e-12)
    assert (told.min, told.max) == (sample.min(), sample.max())


def test_goodput() -> None:
    """The run above: TTFT 0.5, 0.5, 1.0 s; E2E 1.0, 0.5, 2.0 s; in 2.0 s. An objective that is just met is met."""
    result = batching.simulate_continuous(RequestColumns([2, 1, 3]), 2, 0.5)
    assert vllm_bench_json(result, slo=SLO(ttft=0.5))["request_goodput"] == 1.0
    assert vllm_bench_json(result, slo=SLO(ttft=0.5, e2e=0.9))["request_goodput"] == 0.5
    with pytest.raises(ValueError, match=r"slo\.itl is given: the run must have log_iterations and log_decisions"):
        vllm_bench_json(result, slo=SLO(itl=0.5))
    logged = batching.simulate(RequestColumns([2]), iteration_time=0.5, log_iterations=True, log_decisions=True)
    assert vllm_bench_json(logged, slo=SLO(itl=0.5))["request_goodput"] == 1.0
    assert vllm_bench_json(logged, slo=SLO(itl=0.4))["request_goodput"] == 0.0


def test_gaps_of_logged_runs_show_stalls() -> None:
    """One decodes while a prompt of 100 tokens, 0.1 s of work, is computed: one gap is long."""
    requests = RequestColumns([10, 1], prompt_length=[1, 100], arrival_time=[0.0, 0.035])
    model = batching.AffineTime(base=0.01, per_prefill_token=0.001)
    settings: dict[str, Any] = {"iteration_time": model, "max_num_batched_tokens": 2048}
    logged = told(batching.simulate(requests, log_iterations=True, log_decisions=True, **settings))
    assert str(logged["token_times"]).startswith("simulated")
    # 0.011 s with its own prompt token, then 0.01 s each, but for the one with the other's prompt.
    assert sorted(logged["itls"][0]) == pytest.approx([0.01] * 8 + [0.11])
    even = told(batching.simulate(requests, **settings))
    assert even["token_times"].startswith("evenly")
    assert even["itls"][0] == pytest.approx([(8 * 0.01 + 0.11) / 9] * 9)
    assert even["mean_itl_ms"] == pytest.approx(logged["mean_itl_ms"])


def test_fields() -> None:
    result = batching.simulate(RequestColumns([3, 2]))
    brief = vllm_bench_json(result)
    statistics = {f"{word}_{metric}_ms" for word in ("mean", "median", "std", "p99") for metric in METRICS[:3]}
    assert set(brief) == ALWAYS | statistics | {"token_times"}
    assert set(vllm_bench_json(result, detailed=True)) == set(brief) | DETAILED
    assert brief["request_rate"] == "inf"
    assert brief["request_goodput"] is None
    some = vllm_bench_json(
        result,
        percentile_metrics=["e2el"],
        metric_percentiles=[50, 99.9],
        request_rate=4.0,
        label="a",
        model_id="m",
        max_concurrency=7,
        metadata={"gpu": "none"},
        date=datetime(2024, 5, 10, 1, 2, 3, tzinfo=UTC),
    )
    names = {name for name in some if name.endswith("_ms")}
    assert names == {"mean_e2el_ms", "median_e2el_ms", "std_e2el_ms", "p50_e2el_ms", "p99.9_e2el_ms"}
    assert (some["request_rate"], some["label"], some["model_id"], some["tokenizer_id"]) == (4.0, "a", "m", "m")
    assert (some["max_concurrency"], some["gpu"], some["date"]) == (7, "none", "20240510-010203")


@pytest.mark.parametrize("logs", [True, False])
def test_nothing_finished(*, logs: bool) -> None:
    for columns in (RequestColumns([]), RequestColumns([5], prompt_length=[100])):
        result = batching.simulate(columns, max_model_len=50, log_iterations=logs, log_decisions=logs)
        fields = told(result)
        assert (fields["completed"], fields["failed"]) == (0, len(columns))
        assert (fields["mean_ttft_ms"], fields["p99.9_itl_ms"], fields["output_throughput"]) == (0.0, 0.0, 0.0)
        assert (fields["max_output_tokens_per_s"], fields["max_concurrent_requests"]) == (0, 0)
        json.dumps(fields, allow_nan=False)


def test_all_at_once() -> None:
    """Iterations without time: every token at 0.0."""
    fields = told(batching.simulate(RequestColumns([5, 2]), iteration_time=0.0))
    assert (fields["duration"], fields["output_throughput"]) == (0.0, 0.0)
    assert fields["max_output_tokens_per_s"] == 7


def test_written(tmp_path: Path) -> None:
    result = engine_run()
    date = datetime(2024, 5, 10, tzinfo=UTC)
    write_vllm_bench(result, tmp_path / "bench.json", detailed=True, date=date)
    assert json.loads((tmp_path / "bench.json").read_text()) == vllm_bench_json(result, detailed=True, date=date)
    with pytest.raises(ValueError, match=r"must end in \.json"):
        write_vllm_bench(result, tmp_path / "bench.txt")
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        write_vllm_bench(result, tmp_path / "missing" / "bench.json")


def test_bad_arguments() -> None:
    result: Any = batching.simulate(RequestColumns([3]))
    with pytest.raises(ValueError, match=r"percentiles\[1\] is 101"):
        vllm_bench_json(result, metric_percentiles=[50, 101])
    with pytest.raises(ValueError, match=r"percentiles\[0\] is nan"):
        vllm_bench_json(result, metric_percentiles=[float("nan")])
    with pytest.raises(ValueError, match="percentile_metrics has 'latency': must be of ttft, tpot, itl, e2el"):
        vllm_bench_json(result, percentile_metrics=["latency"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="metadata has 'completed'"):
        vllm_bench_json(result, metadata={"completed": 3})
    with pytest.raises(TypeError, match="result is None"):
        vllm_bench_json(None)  # type: ignore[arg-type]


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the recordings, in the directory that BATCHING_DATA names")
@pytest.mark.parametrize("name", ["tiny3", "all_equal50", "outlen_mixed60", "failures40", "lognormal1000"])
def test_the_slow_one_is_vllm(name: str) -> None:
    """What the figures above are compared with gives what vLLM's own function gave."""
    plain = DATA / "inputs" / f"{name}.json"
    text = plain.read_text() if plain.exists() else gzip.decompress(plain.with_suffix(".json.gz").read_bytes()).decode()
    requests = json.loads(text)["requests"]
    recorded = json.loads((DATA / "vllm" / f"{name}.json").read_text())["metrics"]
    detail = {
        "errors": ["" if request["success"] else "failed" for request in requests],
        "start_times": [request["start_us"] / 1e6 for request in requests],
        "ttfts": [request["ttft_us"] / 1e6 for request in requests],
        "itls": [[gap / 1e6 for gap in request["itl_us"]] for request in requests],
        "latencies": [request["latency_us"] / 1e6 for request in requests],
        # Without a tokenizer vLLM takes an unknown length as 1.
        "output_lens": [request["output_len"] or 1 for request in requests],
    }
    most = bench.most_per_second(detail, rounding=True)
    assert most == (recorded["max_output_tokens_per_s"], recorded["max_concurrent_requests"])
    samples = bench.sampled(detail)
    for metric in METRICS:
        shares = [share for share, _ in recorded[f"percentiles_{metric}_ms"]]
        expected = {f"{word}_{metric}_ms": recorded[f"{word}_{metric}_ms"] for word in ("mean", "median", "std")}
        fields = bench.statistics(metric, samples[metric], shares)
        for name_of, value in expected.items():
            assert fields[name_of] == pytest.approx(value, rel=1e-12, abs=1e-9), name_of
        values = [fields[key] for key in fields if key.startswith("p") and key[1].isdigit()]
        assert values == pytest.approx([value for _, value in recorded[f"percentiles_{metric}_ms"]], rel=1e-12)


@pytest.mark.parametrize("count", [0, 1, 256, 257, 700])
def test_a_file_holds_what_json_dumps_gives(tmp_path: Path, count: int) -> None:
    result = batching.simulate(RequestColumns(np.full(count, 3, np.int32)))
    path, settings = tmp_path / "run.json", {"detailed": True, "date": datetime(2026, 1, 1, tzinfo=UTC)}
    metadata: Any = {"é": [1, [2]], "long": list(range(1000)), "nested": {"a": 1}, "none": None}
    write_vllm_bench(result, path, metadata=metadata, burstiness=math.inf, **settings)  # type: ignore[arg-type]
    told = vllm_bench_json(result, metadata=metadata, burstiness=math.inf, **settings)  # type: ignore[arg-type]
    assert told["burstiness"] == "inf"
    assert path.read_text() == json.dumps(told) + "\n"


def test_a_closed_loop_by_hand() -> None:
    """As vLLM's: what a request waits for the semaphore of max_concurrency is in no latency."""
    result = by_hand.two_in_flight(log_iterations=True, log_decisions=True)
    fields = told(result)
    assert fields["max_concurrency"] == 2
    # In vLLM's file a request is in every second that it touches, 1 also in the one after 1 s.
    assert fields["max_concurrent_requests"] == 3
    assert fields["start_times"] == by_hand.SENT
    assert fields["ttfts"] == [1.0, 1.0, 1.0, 1.0]
    assert fields["itls"] == [[1.0], [], [1.0, 1.0], []]
    assert fields["latencies"] == by_hand.E2E
    assert (fields["duration"], fields["num_prompts"], fields["request_throughput"]) == (4.0, 4, 1.0)
    assert told(result, max_concurrency=3)["max_concurrency"] == 3
    assert told(batching.simulate(by_hand.REQUESTS))["max_concurrency"] is None
    # What was not sent is not in the file, as in vLLM's.
    cut = told(by_hand.two_in_flight(time_limit=1.0))
    assert (cut["num_prompts"], cut["completed"], cut["failed"]) == (3, 1, 2)
