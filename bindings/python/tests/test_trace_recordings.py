"""Recordings of runs: what vllm bench serve, SGLang's bench_serving and LLMServingSim save, and tables with an end."""

import gzip
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import (
    SLO,
    AffineTime,
    RequestColumns,
    Result,
    Trace,
    TraceError,
    measure,
    read_runs,
    read_trace,
    simulate,
    write_results,
    write_vllm_bench,
)

DATA = Path(os.environ.get("BATCHING_DATA", "/nowhere"))

VLLM: dict[str, Any] = {
    "date": "20260101-000000",
    "endpoint_type": "openai",
    "backend": "openai",
    "model_id": "m",
    "request_rate": "inf",
    "duration": 3.0,
    "completed": 2,
    "total_token_throughput": 1.0,
    # On the client's clock; the second was sent first, the third failed in mid-stream, the fourth was refused.
    "input_lens": [10, 11, 12, 13],
    "output_lens": [3, 1, 0, 0],
    "start_times": [1000.5, 1000.25, 1001.0, 1001.0],
    "ttfts": [0.5, 0.125, 0.25, 0.0],
    "itls": [[0.25, 0.125], [], [0.5], []],
    "generated_texts": ["a", "b", "", ""],
    "errors": ["", "", "stream reset", ""],
}
SGLANG: dict[str, Any] = {
    "backend": "sglang",
    "request_rate": math.inf,
    "total_output_tokens_retokenized": 4,
    **{name: VLLM[name] for name in ("input_lens", "output_lens", "ttfts", "itls", "generated_texts", "errors")},
}
MEASURED = [
    {
        "request_id": f"bench-{index}",
        "input_toks": 10 + index,
        "output_toks": 2 + index,
        # Another clock than the rest, and another order.
        "arrival_time": 1787267980.0 - index,
        "queued_ts": 27536.5 + index,
        "scheduled_ts": 27536.5 + 2 * index,
        "first_token_ts": 27537.0 + 2 * index,
        "last_token_ts": 27540.25 + 2 * index,
    }
    for index in range(2)
]

RECORDINGS = {
    "vllm": json.dumps(VLLM),
    "vllm appended": json.dumps(VLLM) + "\n" + json.dumps(VLLM | {"start_times": [2000.0] * 4}) + "\n",
    "vllm indented": json.dumps(VLLM, indent=2),
    "sglang": json.dumps(SGLANG) + "\n",
    "llmservingsim": "".join(json.dumps(row) + "\n" for row in MEASURED),
    "csv": "arrival_time,start_time,first_token_time,end_time,prompt_length,output_length\n1,2,3,4,10,5\n2,,,,11,6\n",
}


def read(directory: Path, content: str | bytes, **options: Any) -> Trace:
    path = directory / "recording"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_trace(path, **options)


def listed(column: Any) -> list[Any]:
    """A column with None for NaN, which equals nothing."""
    return [None if isinstance(value, float) and math.isnan(value) else value for value in column.tolist()]


def recorded(trace: Trace) -> dict[str, Any]:
    """All columns of the recording."""
    assert trace.recorded is not None
    names = "arrival_time start_time first_token_time end_time prompt_length output_length success token_times"
    columns = {name: getattr(trace.recorded, name) for name in (*names.split(), "token_offsets")}
    return {name: None if column is None else listed(column) for name, column in columns.items()}


@pytest.mark.parametrize("form", ["vllm", "vllm indented"])
@pytest.mark.parametrize("gz", [False, True])
def test_vllm(tmp_path: Path, form: str, gz: bool) -> None:
    content = RECORDINGS[form].encode()
    trace = read(tmp_path, gzip.compress(content) if gz else content)
    assert trace.format == "vllm"
    # Relative to the earliest, which is the second: 0.25, 0, 0.75, 0.75.
    assert recorded(trace) == {
        "arrival_time": [0.25, 0.0, 0.75, 0.75],
        "start_time": None,
        "first_token_time": [0.75, 0.125, 1.0, None],
        "end_time": [1.125, 0.125, 1.5, None],
        "prompt_length": [10, 11, 12, 13],
        "output_length": [3, 1, 0, 0],
        "success": [True, True, False, False],
        "token_times": [0.75, 1.0, 1.125, 0.125, 1.0, 1.5],
        "token_offsets": [0, 3, 4, 6, 6],
    }
    # Only those that succeeded can be simulated.
    assert trace.requests.output_length.tolist() == [3, 1]
    assert trace.requests.prompt_length is not None
    assert trace.requests.prompt_length.tolist() == [10, 11]
    assert trace.requests.arrival_time is not None
    assert trace.requests.arrival_time.tolist() == [0.25, 0.0]
    assert trace.skipped == {"a failed request (recorded has it)": 2}


def test_each_of_appended_runs_has_a_clock_of_its_own(tmp_path: Path) -> None:
    content = RECORDINGS["vllm appended"]
    path = tmp_path / "recording"
    path.write_text(content + "broken {\n")
    with pytest.raises(TraceError, match=r"recording has 2 runs, each on a clock of its own: say which with run"):
        read_trace(path)
    first, second = read_runs(path)
    assert recorded(first)["arrival_time"] == [0.25, 0.0, 0.75, 0.75]
    assert first.skipped == second.skipped == {"a failed request (recorded has it)": 2, "no JSON": 1}
    for run in (1, -1):
        one = read(tmp_path, content, run=run)
        assert recorded(one) == recorded(second)
        assert recorded(one)["arrival_time"] == [0.0] * 4
        assert len(one.requests) == 2
    # One that was saved without details is not in the way.
    summary = {key: value for key, value in VLLM.items() if not isinstance(value, list)}
    mixed = read(tmp_path, json.dumps(summary) + "\n" + json.dumps(VLLM) + "\n")
    assert recorded(mixed) == recorded(first)
    assert [count for reason, count in mixed.skipped.items() if "without details" in reason] == [1]
    with pytest.raises(TraceError, match="has 2 runs: there is none of the number 2"):
        read(tmp_path, content, run=2)


def test_sglang_does_not_tell_when_a_request_was_sent(tmp_path: Path) -> None:
    trace = read(tmp_path, RECORDINGS["sglang"])
    assert trace.format == "sglang"
    assert trace.requests.arrival_time is None
    columns = recorded(trace)
    assert columns["arrival_time"] is None
    assert columns["first_token_time"] == [0.5, 0.125, 0.25, None]
    assert columns["end_time"] == [0.875, 0.125, 0.75, None]
    assert columns["token_times"] == [0.5, 0.75, 0.875, 0.125, 0.25, 0.75]
    assert columns["success"] == [True, True, False, False]


def test_a_result_without_details_says_how_to_save_them(tmp_path: Path) -> None:
    for recording, name, option in ((VLLM, "vllm", "--save-detailed"), (SGLANG, "sglang", "--output-details")):
        summary = {key: value for key, value in recording.items() if not isinstance(value, list)}
        with pytest.raises(TraceError, match=f"has no usable row .*{option}"):
            read(tmp_path, json.dumps(summary))
        unequal = recording | {"ttfts": [0.5]}
        with pytest.raises(TraceError, match="a run whose lists are not equally long"):
            read(tmp_path, json.dumps(unequal), format=name)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("input_lens", [True, "5", None, -1, 2**31, 1.5, math.nan], "input_lens is no integer from 0 to 2147483647"),
        ("output_lens", [True, "5", None, -1, 2**31, 1.5, math.nan], "output_lens is no integer from 0 to 2147483647"),
        (
            "start_times",
            [True, "5", None, math.nan, math.inf, 1e10, 10**30, -1.0],
            "start_times is no time from 0 to 9223372036 s",
        ),
        ("ttfts", [True, "5", None, -0.5, math.nan, math.inf, 1e10], "ttfts is no time from 0 to 9223372036 s"),
        (
            "itls",
            [
                True,
                0.5,
                None,
                [True],
                ["5"],
                [-0.5],
                [math.nan],
                [9223372036.0],
                [9223371035.75],
                [5e9, 5e9],
                [10**400],
                {},
            ],
            "itls that are no list of times, or go on beyond 9223372036 s",
        ),
        ("errors", [5, [], {}, True], "errors that are no text"),
    ],
)
def test_values_that_are_none(tmp_path: Path, name: str, values: list[Any], reason: str) -> None:
    for value in values:
        lists: dict[str, list[Any]] = {key: list(item) for key, item in VLLM.items() if isinstance(item, list)}
        lists[name][1] = value
        trace = read(tmp_path, json.dumps(VLLM | lists))
        # The earliest of the others is the first.
        assert recorded(trace)["arrival_time"] == [0.0, 0.5, 0.5], value
        assert recorded(trace)["token_times"] == [0.5, 0.75, 0.875, 0.75, 1.25], value
        assert trace.skipped == {"a failed request (recorded has it)": 2, reason: 1}, value


@pytest.mark.parametrize("convention", ["vllm", "sglang", "aiperf"])
def test_a_run_that_only_failed_is_an_answer(tmp_path: Path, convention: Any) -> None:
    failed = VLLM | {"errors": ["refused"] * 4, "output_lens": [0] * 4, "ttfts": [0.0] * 4, "itls": [[]] * 4}
    for content in (
        json.dumps(failed),
        "arrival_time,end_time,prompt_length,output_length\n0,,10,0\n1,,11,\n2,NA,12,0\n3,,,\n",
        json.dumps(
            [{"start_time": index, "end_time": 9, "info": {}, "error": {"error_type": "504"}} for index in range(4)]
        ),
    ):
        trace = read(tmp_path, content)
        assert (len(trace.requests), trace.skipped) == (0, {"a failed request (recorded has it)": 4})
        assert trace.recorded is not None
        metrics = measure(trace.recorded, convention=convention, slo=SLO(ttft=1.0, e2e=1.0))
        assert (metrics.completed, metrics.failed, metrics.slo_attainment, metrics.good) == (0, 4, 0.0, 0)
        assert metrics.request_throughput == metrics.output_throughput == metrics.concurrency == 0.0


def test_llmservingsim_measured(tmp_path: Path) -> None:
    broken = [
        MEASURED[0] | {"first_token_ts": 27536.0},
        MEASURED[0] | {"queued_ts": None},
        MEASURED[0] | {"output_toks": 0},
        MEASURED[0] | {"input_toks": -1},
    ]
    trace = read(tmp_path, RECORDINGS["llmservingsim"] + "".join(json.dumps(row) + "\n" for row in broken))
    assert trace.format == "llmservingsim"
    columns = recorded(trace)
    assert columns.pop("token_times") is columns.pop("token_offsets") is columns.pop("success") is None
    assert columns == {
        "arrival_time": [0.0, 1.0],
        "start_time": [0.0, 2.0],
        "first_token_time": [0.5, 2.5],
        "end_time": [3.75, 5.75],
        "prompt_length": [10, 11],
        "output_length": [2, 3],
    }
    assert trace.requests.arrival_time is not None
    assert trace.requests.arrival_time.tolist() == [0.0, 1.0]
    assert trace.skipped == {
        "queued_ts, scheduled_ts, first_token_ts, last_token_ts not in order": 1,
        "queued_ts is no time from 0 to 9223372036 s": 1,
        "output_toks is no integer from 1 to 2147483647": 1,
        "input_toks is no integer from 0 to 2147483647": 1,
    }


def test_a_table_with_ends_is_a_recording(tmp_path: Path) -> None:
    broken = "3,4,5,2,1,1\n3,4,5,-6,1,1\n3,4,x,6,1,1\n"
    trace = read(tmp_path, RECORDINGS["csv"] + broken)
    columns = recorded(trace)
    assert columns.pop("token_times") is columns.pop("token_offsets") is None
    # Relative to the earliest arrival, 1.0. The second never ended, so that it has failed.
    assert columns == {
        "arrival_time": [0.0, 1.0],
        "start_time": [1.0, None],
        "first_token_time": [2.0, None],
        "end_time": [3.0, None],
        "prompt_length": [10, 11],
        "output_length": [5, 0],
        "success": [True, False],
    }
    assert trace.requests.output_length.tolist() == [5, 6]
    assert trace.skipped == {
        "arrival, start_time, first_token_time, end_time not in order": 1,
        "end_time is no time from 0 to 9223372036 s": 1,
        "first_token_time is no time from 0 to 9223372036 s": 1,
    }


def test_ends_beside_arrivals_of_another_unit_are_no_recording(tmp_path: Path) -> None:
    for arrival in (
        "arrival_time_ms,end_time,output_length\n5,6,7\n",
        "time,end_time,output_length\n2024-01-01 00:00:00,6,7\n",
    ):
        assert read(tmp_path, arrival).recorded is None


@pytest.fixture(scope="module")
def simulated() -> Result:
    requests = RequestColumns([30, 1, 5, 200], [100, 20, 0, 9000], [0.25, 1.5, 0.0, 2.0])
    # The last does not fit, so that it is rejected.
    settings: dict[str, Any] = {"num_gpu_blocks": 100, "log_iterations": True, "log_decisions": True}
    return simulate(requests, iteration_time=AffineTime(base=0.01, per_prefill_token=1e-5), **settings)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_results_that_were_written_are_read_back(tmp_path: Path, simulated: Result, suffix: str) -> None:
    path = tmp_path / f"results.{suffix}"
    write_results(simulated, path)
    trace = read_trace(path)
    assert (trace.format, trace.skipped) == (suffix, {})
    for name in ("arrival_time", "prompt_length", "output_length"):
        assert getattr(trace.requests, name).tolist() == getattr(simulated.requests, name).tolist()
    assert recorded(trace)["success"] == [True, True, True, False]
    for name in ("start_time", "first_token_time", "end_time"):
        assert recorded(trace)[name] == listed(getattr(simulated, name))
    assert trace.recorded is not None
    assert measure(trace.recorded).e2e == measure(simulated.recorded()).e2e


def test_a_simulation_in_vllms_schema_is_read_back(tmp_path: Path, simulated: Result) -> None:
    path = tmp_path / "bench.json"
    write_vllm_bench(simulated, path, detailed=True)
    trace = read_trace(path)
    assert trace.format == "vllm"
    assert trace.skipped == {"a failed request (recorded has it)": 1}
    assert trace.requests.output_length.tolist() == [30, 1, 5]
    assert trace.recorded is not None
    ours, theirs = measure(trace.recorded), measure(simulated.recorded())
    assert (ours.completed, ours.failed, theirs.completed) == (3, 1, 3)
    for name in ("ttft", "tpot", "e2e"):
        assert getattr(ours, name).mean == pytest.approx(getattr(theirs, name).mean, rel=1e-9)


DATASETS = ["tiny3", "all_equal50", "outlen_mixed60", "failures40", "lognormal1000"]


def inputs(name: str) -> dict[str, Any]:
    for path in (DATA / "metrics" / "inputs" / f"{name}.json", DATA / "metrics" / "inputs" / f"{name}.json.gz"):
        if path.exists():
            text = path.read_bytes()
            data: dict[str, Any] = json.loads(gzip.decompress(text) if path.suffix == ".gz" else text)
            return data
    pytest.skip("needs the recordings of the metrics, in the directory that BATCHING_DATA names")


def detailed(data: dict[str, Any]) -> dict[str, list[Any]]:
    """The lists that the tools save, made of a data set: seconds were given to them as microseconds / 1e6."""
    requests = data["requests"]
    return {
        "input_lens": [request["prompt_len"] for request in requests],
        "output_lens": [request["output_len"] for request in requests],
        "ttfts": [request["ttft_us"] / 1e6 for request in requests],
        "itls": [[gap / 1e6 for gap in request["itl_us"]] for request in requests],
        "errors": [request["error"] for request in requests],
    }


@pytest.mark.parametrize("tool", ["vllm", "sglang"])
@pytest.mark.parametrize("name", DATASETS)
def test_the_latencies_of_the_tools_are_in_the_recording(tmp_path: Path, name: str, tool: str) -> None:
    data = inputs(name)
    run: dict[str, Any] = dict(detailed(data))
    if tool == "vllm":
        # A clock that began a while ago.
        run["start_times"] = [(27536_000_000 + request["start_us"]) / 1e6 for request in data["requests"]]
    trace = read(tmp_path, json.dumps(run))
    assert trace.format == tool
    answered = trace.recorded
    assert answered is not None
    assert answered.success is not None
    assert answered.first_token_time is not None
    assert answered.token_times is not None
    assert answered.token_offsets is not None
    requests = data["requests"]
    assert answered.success.tolist() == [request["success"] for request in requests]
    sent = np.zeros(len(requests)) if answered.arrival_time is None else answered.arrival_time
    if tool == "vllm":
        earliest = min(request["start_us"] for request in requests)
        assert sent == pytest.approx([(request["start_us"] - earliest) / 1e6 for request in requests], abs=1e-9)
    good = answered.success
    ttft, e2e, output = (
        (answered.first_token_time - sent)[good],
        (answered.end_time - sent)[good],
        answered.output_length[good],
    )
    itl = np.concatenate([
        np.diff(answered.token_times[begin:end])
        for begin, end, counted in zip(answered.token_offsets, answered.token_offsets[1:], good, strict=False)
        if counted
    ])  # fmt: skip
    tpot = ((e2e - ttft)[output > 1]) / (output[output > 1] - 1)
    figures = json.loads((DATA / "metrics" / tool / f"{name}.json").read_text())["metrics"]
    e2e_name = "e2el" if tool == "vllm" else "e2e_latency"
    for figure, values in (("ttft", ttft), ("tpot", tpot), ("itl", itl), (e2e_name, e2e)):
        for statistic, of in (("mean", np.mean), ("median", np.median)):
            # The clock has nanoseconds, and doubles have eleven digits of them after 27,536 s.
            assert 1000 * of(values) == pytest.approx(figures[f"{statistic}_{figure}_ms"], rel=1e-9, abs=1e-9)
    assert figures["completed"] == int(good.sum())
    measured = measure(answered, duration=data["duration_us"] / 1e6)
    assert (measured.completed, measured.failed) == (figures["completed"], len(good) - figures["completed"])
    assert measured.total_input_tokens == figures["total_input"]
    # What succeeded without any output cannot be simulated.
    assert len(trace.requests) == int((output > 0).sum())


@pytest.mark.parametrize("name", ["RTX4090_Llama-3.1-8B", "RTXPRO6000_Llama-3.1-8B"])
def test_measured_runs_as_their_summaries_say(name: str) -> None:
    path = DATA / "measured" / f"{name}.requests.jsonl.gz"
    if not path.exists():
        pytest.skip("needs the measured runs, in the directory that BATCHING_DATA names")
    trace = read_trace(path)
    assert (trace.format, trace.skipped, len(trace.requests)) == ("llmservingsim", {}, 300)
    answered = trace.recorded
    assert answered is not None
    assert answered.arrival_time is not None
    assert answered.first_token_time is not None
    ttft, e2e = answered.first_token_time - answered.arrival_time, answered.end_time - answered.arrival_time
    many = answered.output_length > 1
    tpot = (answered.end_time - answered.first_token_time)[many] / (answered.output_length[many] - 1)
    summary = {
        line[:24].strip(): float(line.split()[-3])
        for line in (DATA / "measured" / f"{name}.summary.txt").read_text().splitlines()
        if line.endswith("%") and not line.endswith("Diff%")
    }
    for figure, values in (("TTFT", ttft), ("TPOT", tpot), ("Latency", e2e)):
        assert summary[f"{figure} Mean"] == pytest.approx(1000 * values.mean(), abs=0.05001)
        assert summary[f"{figure} Median"] == pytest.approx(1000 * np.median(values), abs=0.05001)
        for percentile in (90, 95, 99):
            assert summary[f"{figure} P{percentile}"] == pytest.approx(
                1000 * np.percentile(values, percentile), abs=0.05001
            )
