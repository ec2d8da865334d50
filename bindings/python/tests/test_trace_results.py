"""What inference-perf, AIPerf, GuideLLM and GenAI-Perf save of each request: own numbers in their forms."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from batching import RecordedRequests, Trace, TraceError, measure, read_runs, read_trace

EPOCH = 1_759_813_207_532_900_363
"""Nanoseconds; a double of them has steps of 256."""
FAILED = "a failed request (recorded has it)"


def read(directory: Path, content: object, **options: Any) -> Trace:
    return read_trace(written(directory, content), **options)


def written(directory: Path, content: object) -> Path:
    path = directory / "results"
    lines = content if isinstance(content, tuple) else (content,)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def recorded(trace: Trace) -> RecordedRequests:
    assert trace.recorded is not None
    return trace.recorded


def lists(answered: RecordedRequests) -> list[list[float]]:
    """The token times of each request."""
    times, offsets = answered.token_times, answered.token_offsets
    assert times is not None
    assert offsets is not None
    return [times[begin:end].tolist() for begin, end in pairwise(offsets)]


def aiperf(start: int, metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {
        "session_num": 0,
        "request_start_ns": EPOCH + start,
        "benchmark_phase": "profiling",
        "was_cancelled": False,
    }
    error = more.pop("error", None)
    return {"metadata": metadata | more, "metrics": metrics, "error": error}


def told(value: object, unit: str = "ms") -> dict[str, object]:
    return {"value": value, "unit": unit}


def test_aiperf(tmp_path: Path) -> None:
    answered = {
        "input_sequence_length": told(550, "tokens"),
        "output_sequence_length": told(3, "tokens"),
        "time_to_first_token": told(250.0),
        "inter_chunk_latency": told([125.0, 125.0]),
        "request_latency": told(500.0),
    }
    unstreamed = {
        "input_sequence_length": told(10, "tokens"),
        "output_token_count": told(5, "tokens"),
        "request_latency": told(2.0, "sec"),
    }
    trace = read(
        tmp_path,
        (
            aiperf(-(10**9), answered, benchmark_phase="warmup"),
            aiperf(1, answered),
            aiperf(1_000_000_001, unstreamed, request_end_ns=EPOCH + 9 * 10**9),
            aiperf(
                2_000_000_001,
                {"error_isl": told(7, "tokens")},
                error={"code": 499},
                request_end_ns=EPOCH + 2 * 10**9 + 2,
            ),
            aiperf(3, answered | {"request_latency": told("soon")}),
        ),
    )
    assert trace.format == "aiperf"
    assert trace.skipped == {"a request of the warm-up": 1, FAILED: 2}
    assert trace.requests.arrival_time is not None
    assert trace.requests.arrival_time.tolist() == [0.0, 1.0]
    assert trace.requests.output_length.tolist() == [3, 5]
    run = recorded(trace)
    assert lists(run)[:3] == [[0.25, 0.375, 0.5], [], []]
    assert run.end_time[:2].tolist() == [0.5, 3.0]
    assert run.success is not None
    assert run.success.tolist() == [True, True, False, False]
    assert run.prompt_length is not None
    assert run.prompt_length.tolist() == [550, 10, 7, 550]
    metrics = measure(run, convention="aiperf")
    # From the first start to the last answer; TPOT = (0.5 - 0.25) / 2.
    assert (metrics.completed, metrics.failed, metrics.duration) == (2, 2, 3.0)
    assert (metrics.ttft.mean, metrics.tpot.mean, metrics.itl.count, metrics.e2e.mean) == (0.25, 0.125, 2, 1.25)


@pytest.mark.parametrize("nested", [False, True])
def test_inference_perf_of_both_forms(tmp_path: Path, nested: bool) -> None:
    def info(prompt: int, **response: object) -> dict[str, object]:
        if nested:
            return {"request_metrics": {"text": {"input_tokens": prompt}}, "response_metrics": response}
        return {"input_tokens": prompt, **response}

    # On a monotonic clock; chunks of several tokens have one time for each.
    times = [100.5, 100.5, 102.0]
    content = [
        {
            "start_time": 100.0,
            "end_time": 102.5,
            "info": info(40, output_tokens=3, output_token_times=times),
            "error": None,
        },
        {"start_time": 101.0, "end_time": 101.5, "info": info(25, output_tokens=0), "error": {"error_type": "504"}},
        {
            "start_time": 101.0,
            "end_time": 103.0,
            "info": info(9, output_tokens=4, output_token_times=[]),
            "error": None,
        },
        {"start_time": 104.0, "info": info(9, output_tokens=4), "error": None},
        {"start_time": 104.0, "end_time": 103.0, "info": info(9, output_tokens=4), "error": None},
    ]
    trace = read(tmp_path, content)
    assert trace.format == "inference-perf"
    assert trace.skipped == {
        FAILED: 1,
        "end_time is no time from 0 to 9223372036 s": 1,
        "times that are not in order": 1,
    }
    run = recorded(trace)
    assert lists(run) == [[0.5, 0.5, 2.0], [], []]
    assert run.end_time.tolist() == [2.5, 1.5, 3.0]
    metrics = measure(run)
    # TPOT = (2.5 - 0.5) / 2; of what was not streamed there is none.
    assert (metrics.completed, metrics.failed, metrics.tpot.mean, metrics.e2e.mean) == (2, 1, 1.0, 2.25)


def guidellm(start: float | None, first: float | None, end: float | None, prompt: int, output: int) -> dict[str, Any]:
    timings = {"request_start": start, "first_token_iteration": first, "last_token_iteration": end, "request_end": end}
    return {"request_id": "r", "info": {"timings": timings}, "prompt_tokens": prompt, "output_tokens": output}


def test_guidellm(tmp_path: Path) -> None:
    first = {
        "duration": 10.0,
        "requests": {
            "successful": [guidellm(1000.0, 1000.25, 1001.25, 50, 5), guidellm(1000.5, 1001.0, 1002.5, 60, 1)],
            "incomplete": [guidellm(1001.0, 1001.5, None, 70, 3), guidellm(None, None, None, 70, 0)],
            "errored": [guidellm(1001.0, None, 1001.5, 80, 0)],
        },
    }
    # As before 0.4.
    row = {"start_time": 7.0, "first_token_time": 7.5, "end_time": 9.0, "prompt_tokens": 3, "output_tokens": 4}
    second = {"requests": {"successful": [row], "incomplete": [], "errored": []}}
    path = written(tmp_path, {"metadata": {"version": 2}, "benchmarks": [first, second]})
    with pytest.raises(TraceError, match="has 2 runs"):
        read_trace(path)
    runs = read_runs(path)
    assert [trace.format for trace in runs] == ["guidellm"] * 2
    assert runs[0].skipped == {FAILED: 2, "a request that was not sent": 1}
    metrics = measure(recorded(runs[0]))
    assert (metrics.completed, metrics.failed, metrics.duration, metrics.request_throughput) == (2, 2, 10.0, 0.2)
    assert (metrics.ttft.mean, metrics.e2e.mean) == ((0.25 + 0.5) / 2, (1.25 + 2.0) / 2)
    # Of the request with more than one token: (1.25 - 0.25) / 4.
    assert metrics.tpot.mean == 0.25
    last = recorded(read_trace(path, run=-1))
    assert (last.end_time.tolist(), last.first_token_time.tolist()) == ([2.0], [0.5])  # type: ignore[union-attr]


def chunk(text: str | None, **more: Any) -> dict[str, str]:
    delta = {"role": "assistant"} if text is None else {"content": text}
    return {"response": f"data: {json.dumps({'choices': [{'delta': delta}], **more})}\n\n"}


def test_genai_perf(tmp_path: Path) -> None:
    def request(outputs: list[dict[str, str]], prompt: str = "one two three") -> dict[str, Any]:
        messages = [{"role": "user", "content": prompt}]
        return {
            "timestamp": EPOCH,
            "request_inputs": {"payload": json.dumps({"messages": messages, "stream": True})},
            "response_timestamps": [EPOCH + 10**9 * (1 + place) for place in range(len(outputs))],
            "response_outputs": outputs,
        }

    done = {"response": "data: [DONE]\n\n"}
    content = {
        "service_kind": "openai",
        "experiments": [
            {
                "experiment": {"mode": "concurrency", "value": 1},
                "requests": [
                    request([chunk(None), chunk("a b"), chunk(" c"), chunk(""), done]),
                    request([chunk("d"), chunk("e", usage={"prompt_tokens": 9, "completion_tokens": 6}), done]),
                    request([chunk(None), done]),
                    {"timestamp": EPOCH},
                ],
            }
        ],
    }
    trace = read(tmp_path, content)
    assert trace.format == "genai-perf"
    assert trace.skipped == {FAILED: 1, "response_timestamps and response_outputs that are not equally long": 1}
    # The role, what is empty, and the end are no tokens.
    assert lists(recorded(trace)) == [[2.0, 3.0], [1.0, 2.0], []]
    assert trace.requests.output_length.tolist() == [2, 6]
    assert trace.requests.prompt_length is not None
    assert trace.requests.prompt_length.tolist() == [0, 9]
    counted = read(tmp_path, content, count_tokens=lambda text: len(text.split()))
    assert counted.requests.output_length.tolist() == [3, 1]
    assert counted.requests.prompt_length is not None
    assert counted.requests.prompt_length.tolist() == [3, 3]


def test_genai_perf_of_triton(tmp_path: Path) -> None:
    outputs = [{"text_output": "I"}, {"text_output": " like"}, {"text_output": " dogs"}]
    request = {
        "timestamp": 1,
        "request_inputs": {"text_input": "a b"},
        "response_timestamps": [3, 5, 8],
        "response_outputs": outputs,
    }
    trace = read(tmp_path, {"experiments": [{"requests": [request]}]}, count_tokens=lambda text: len(text.split()))
    assert lists(recorded(trace)) == [[2e-9, 4e-9, 7e-9]]
    assert trace.requests.output_length.tolist() == [3]


@pytest.mark.parametrize("content", [{"benchmarks": []}, {"experiments": [{}]}, {"benchmarks": [{"requests": {}}]}])
def test_results_without_requests_are_an_error_that_names_the_file(tmp_path: Path, content: object) -> None:
    with pytest.raises(TraceError, match=r"results has no usable row"):
        read(tmp_path, content)


def test_summaries_of_tools_are_no_traces(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="is of no known format"):
        read(tmp_path, {"request_throughput": {"unit": "requests/sec", "avg": 1.0}, "input_config": {}})
