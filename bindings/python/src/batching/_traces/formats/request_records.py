"""What inference-perf, AIPerf, GuideLLM and GenAI-Perf save of each request.

- inference-perf, per_request_lifecycle_metrics.json: an array of requests; seconds on a monotonic clock.
- AIPerf, profile_export.jsonl: a line for each request; nanoseconds since 1970, and metrics with their units.
- GuideLLM, benchmarks.json: runs, each with the requests that were successful, incomplete and errored; seconds since
  1970. An incomplete request got no answer, so that it has failed.
- GenAI-Perf, profile_export.json: runs, each with requests; nanoseconds. It holds the text, not the tokens.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeGuard

from batching._ffi.arguments import INT32_MAX
from batching._traces.formats.conversations import CountTokens
from batching._traces.formats.genai_perf import genai_perf_record
from batching._traces.formats.json_rows import nanoseconds, objects, whole
from batching._traces.formats.recordings import NOT_IN_ORDER, Record, Recording, chosen
from batching._traces.formats.rows import NANOSECONDS, Rows, no_integer, no_time
from batching._traces.formats.source import Source
from batching._traces.trace import Trace

NOT_SENT: Final = "a request that was not sent"
WARM_UP: Final = "a request of the warm-up"
NO_REQUEST: Final = "no request"

_PER_UNIT: Final = {"ns": 1, "us": 10**3, "ms": 10**6, "s": NANOSECONDS, "sec": NANOSECONDS, "seconds": NANOSECONDS}
Values = Mapping[str, Any]


def read(source: Source, known: str, run: int | None, count_tokens: CountTokens | None) -> list[Trace]:
    """The traces of all runs in a file, or of one."""
    rows = Rows(source)
    runs = chosen(source, list(_runs(rows, source, known, count_tokens)), run)
    if not runs:
        # Which says why there is none.
        rows.taken()
    traces = []
    for duration, records in runs:
        one = Rows(source)
        recording = Recording(duration=duration)
        for record in records:
            reason = record if isinstance(record, str) else recording.add(record)
            if reason is not None:
                one.skip(reason)
        # What is no run belongs to none, and so to each.
        one.skipped.update(rows.skipped)
        traces.append(recording.trace(one, known))
    return traces


def _runs(
    rows: Rows, source: Source, known: str, count_tokens: CountTokens | None
) -> Iterator[tuple[object, Iterable[Record | str]]]:
    """The duration of each run, if it is known, and its requests."""
    if known == "inference-perf":
        yield None, map(_inference_perf, objects(rows, source))
    elif known == "aiperf":
        yield None, map(_aiperf, objects(rows, source))
    elif known == "guidellm":
        for report in objects(rows, source):
            for benchmark in filter(_is_object, _list(report, "benchmarks")):
                yield benchmark.get("duration"), list(_guidellm(benchmark))
    else:
        for report in objects(rows, source):
            for experiment in filter(_is_object, _list(report, "experiments")):
                requests = _list(experiment, "requests")
                yield (
                    None,
                    [
                        genai_perf_record(request, count_tokens) if _is_object(request) else NO_REQUEST
                        for request in requests
                    ],
                )


def _inference_perf(value: Values) -> Record | str:
    start, end = (nanoseconds(value.get(name), NANOSECONDS) for name in ("start_time", "end_time"))
    if start is None:
        return no_time("start_time")
    success = not value.get("error")
    if end is None and success:
        return no_time("end_time")
    info = _object(value, "info")
    response = info | _object(info, "response_metrics")
    sent = _object(info, "request_metrics")
    prompt = _told((info, "input_tokens"), (sent, "input_tokens"), (_object(sent, "text"), "input_tokens"))
    tokens = [nanoseconds(time, NANOSECONDS) for time in _list(response, "output_token_times")]
    if None in tokens:
        return no_time("output_token_times")
    output = response.get("output_tokens", len(tokens))
    first = tokens[0] if tokens else None
    return _checked(prompt, output, start=start, tokens=tokens, first_token=first, end=end, success=success)


def _aiperf(value: Values) -> Record | str:
    metadata, metrics = _object(value, "metadata"), _object(value, "metrics")
    if metadata.get("benchmark_phase", "profiling") != "profiling":
        return WARM_UP
    start = nanoseconds(metadata.get("request_start_ns"), 1)
    if start is None:
        return no_time("request_start_ns")
    prompt, output = (
        _told(*((_object(metrics, name), "value") for name in names))
        for names in (("input_sequence_length", "error_isl"), ("output_sequence_length", "output_token_count"))
    )
    latency, first = _metric(metrics, "request_latency"), _metric(metrics, "time_to_first_token")
    end = nanoseconds(metadata.get("request_end_ns"), 1) if latency is None else start + latency
    success = not value.get("error") and not metadata.get("was_cancelled") and end is not None
    tokens = [] if first is None else [start + first]
    for gap in _list(_object(metrics, "inter_chunk_latency"), "value") if tokens else []:
        length = nanoseconds(gap, _unit(metrics, "inter_chunk_latency"))
        if length is None:
            return no_time("inter_chunk_latency")
        tokens.append(tokens[-1] + length)
    first = tokens[0] if tokens else None
    return _checked(prompt, output, start=start, tokens=tokens, first_token=first, end=end, success=success)


def _guidellm(benchmark: Values) -> Iterator[Record | str]:
    requests = _object(benchmark, "requests")
    for kind in ("successful", "incomplete", "errored"):
        for request in _list(requests, kind):
            yield _guidellm_request(request, success=kind == "successful") if _is_object(request) else NO_REQUEST


def _guidellm_request(request: Values, *, success: bool) -> Record | str:
    timings = _object(_object(request, "info"), "timings") or request
    # The second of each pair is the name of versions before 0.4.
    start, first, end = (
        next((nanoseconds(timings[name], NANOSECONDS) for name in names if timings.get(name) is not None), None)
        for names in (
            ("request_start", "start_time"),
            ("first_token_iteration", "first_token_time"),
            ("request_end", "end_time"),
        )
    )
    if start is None:
        return NOT_SENT if not success else no_time("request_start")
    if end is None and success:
        return no_time("request_end")
    prompt, output = (
        _told((request, name), (_object(request, metrics), "total_tokens"), (_object(request, metrics), "text_tokens"))
        for name, metrics in (("prompt_tokens", "input_metrics"), ("output_tokens", "output_metrics"))
    )
    return _checked(prompt, output, start=start, tokens=(), first_token=first, end=end, success=success)


def _checked(prompt: object, output: object, **times: Any) -> Record | str:
    prompt_length, output_length = whole(prompt, 0, INT32_MAX), whole(output, 0, INT32_MAX)
    if prompt_length is None:
        return no_integer("prompt tokens", 0)
    if output_length is None:
        return no_integer("output tokens", 0)
    if list(times["tokens"]) != sorted(times["tokens"]):
        return NOT_IN_ORDER
    return Record(prompt_length, output_length, **times)


def _is_object(value: object) -> TypeGuard[Values]:
    return isinstance(value, dict)


def _object(value: Values, name: str) -> dict[str, Any]:
    """The object under a name; an empty one if there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _list(value: Values, name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _told(*places: tuple[Values, str]) -> object:
    """The first of several values that there is; 0 if none is."""
    return next((value for values, name in places if (value := values.get(name)) is not None), 0)


def _metric(metrics: Values, name: str) -> int | None:
    """Nanoseconds of a metric of AIPerf."""
    return nanoseconds(_object(metrics, name).get("value"), _unit(metrics, name))


def _unit(metrics: Values, name: str) -> int:
    return _PER_UNIT.get(str(_object(metrics, name).get("unit")), 10**6)
