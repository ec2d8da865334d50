"""OpenTelemetry's spans of model calls: which are requests, and which are the turns of a session."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batching import Trace, TraceError, measure, read_trace, simulate

EPOCH = 1_700_000_000_000_000_001
SECOND = 10**9
FAILED = "a failed request (recorded has it)"

Written = Callable[[bytes | str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(content: bytes | str) -> Path:
        path = tmp_path / "spans.json"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def value(told: object) -> dict[str, object]:
    """A value as documents have it: integers of 64 bits are texts."""
    if isinstance(told, int):
        return {"intValue": str(told)}
    return {"doubleValue": told} if isinstance(told, float) else {"stringValue": told}


def span(start: float | None, end: float | None, **more: Any) -> dict[str, Any]:
    """A span from one second to another; the names of attributes have __ for a dot."""
    own: dict[str, Any] = {
        name: more.pop(name) for name in ("traceId", "spanId", "parentSpanId", "status", "kind") if name in more
    }
    times = {"startTimeUnixNano": start, "endTimeUnixNano": end}
    attributes = [{"key": name.replace("__", "."), "value": value(told)} for name, told in more.items()]
    return {
        "name": "chat m",
        **{name: str(EPOCH + round(time * SECOND)) for name, time in times.items() if time is not None},
        "attributes": [{"key": "gen_ai.request.model", "value": {"stringValue": "m"}}, *attributes],
        **own,
    }


def call(prompt: object, output: object, start: float, end: float, **more: Any) -> dict[str, Any]:
    tokens = {"gen_ai__usage__input_tokens": prompt, "gen_ai__usage__output_tokens": output}
    return span(start, end, gen_ai__operation__name="chat", **tokens, **more)


def turn(name: str, *rest: Any, **more: Any) -> dict[str, Any]:
    return call(*rest, gen_ai__conversation__id=name, **more)


def tool(start: float, end: float, **more: Any) -> dict[str, Any]:
    return span(start, end, gen_ai__operation__name="execute_tool", gen_ai__tool__name="t", **more)


def document(*spans: object) -> dict[str, Any]:
    """A document that has its last span in another scope than the rest."""
    scopes = [{"scope": {"name": "s"}, "spans": list(part)} for part in (spans[:-1], spans[-1:])]
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": scopes}]}


def lines(*documents: object) -> str:
    return "".join(json.dumps(one) + "\n" for one in documents)


def rows(trace: Trace) -> list[tuple[int, int, float, int | None, float]]:
    """Prompt, output, arrival, session and delay of each request."""
    requests = trace.requests
    assert requests.prompt_length is not None
    assert requests.arrival_time is not None
    session = [None] * len(requests) if requests.session is None else requests.session.tolist()
    delay = [0.0] * len(requests) if requests.delay is None else requests.delay.tolist()
    columns = (requests.prompt_length, requests.output_length, requests.arrival_time)
    return list(zip(*(column.tolist() for column in columns), session, delay, strict=True))


# Two conversations that use tools, and a call of neither, as they ended.
SPANS = [
    turn("a", 100, 5, 10.0, 12.0),
    tool(12.25, 14.0),
    turn("b", 200, 7, 11.5, 14.5),
    span(9.0, 15.0, url__full="https://x", http__request__method="POST"),
    call(50, 3, 13.0, 15.0),
    turn("a", 130, 6, 14.5, 16.0),
    turn("b", 230, 8, 14.75, 17.0),
    span(10.0, 20.0, gen_ai__operation__name="embeddings", gen_ai__usage__input_tokens=9),
    turn("a", 160, 9, 19.0, 20.5),
    # What an agent sums up.
    span(
        9.5,
        21.0,
        gen_ai__operation__name="invoke_agent",
        gen_ai__usage__input_tokens=390,
        gen_ai__usage__output_tokens=20,
    ),
]
EXPECTED = [
    (100, 5, 0.0, 0, 0.0),
    (200, 7, 1.5, 1, 0.0),
    (50, 3, 3.0, 2, 0.0),
    # 14.5 - 12.0, 14.75 - 14.5 and 19.0 - 16.0, and each arrives with the first of its session.
    (130, 6, 0.0, 0, 2.5),
    (230, 8, 1.5, 1, 0.25),
    (160, 9, 0.0, 0, 3.0),
]
FORMS = {
    "one document": json.dumps(document(*SPANS)),
    "one indented document": json.dumps(document(*SPANS), indent=2),
    "one a line": lines(*(document(one) for one in SPANS)),
    "one a line, in another order": lines(document(*SPANS[6:]), document(*SPANS[:6])),
    "an array": json.dumps([document(one) for one in SPANS]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gz", [False, True])
def test_conversations_with_tools(written: Written, form: str, gz: bool) -> None:
    content = FORMS[form].encode()
    path = written(gzip.compress(content) if gz else content)
    for trace in (read_trace(path), read_trace(path, "otel")):
        assert (trace.format, trace.skipped) == ("otel", {})
        assert rows(trace) == EXPECTED
        assert trace.details["start"].tolist() == [round(at * SECOND) for at in (0, 1.5, 3, 4.5, 4.75, 9)]
        recorded = trace.recorded
        assert recorded is not None
        assert recorded.arrival_time is not None
        assert recorded.arrival_time.tolist() == [0.0, 1.5, 3.0, 4.5, 4.75, 9.0]
        assert recorded.end_time.tolist() == [2.0, 4.5, 5.0, 6.0, 7.0, 10.5]
        assert recorded.first_token_time is None


def test_a_simulation_sends_a_turn_its_delay_after_the_one_before(written: Written) -> None:
    requests = read_trace(written(FORMS["one document"])).requests
    # All fit in one batch, an iteration takes 1 s whatever is in it, and a request gets a token in each.
    result = simulate(requests, iteration_time=1.0)
    # The first runs from 0 to 5, and the turn after it from 8, when the iteration at 7.5 is over, to 14; the second
    # from 2 to 9. The turns after them wait 2.5 s, 0.25 s and 3 s.
    assert result.end_time[[0, 1, 3]].tolist() == [5.0, 9.0, 14.0]
    assert result.sent_time.tolist() == [0.0, 1.5, 3.0, 7.5, 9.25, 17.0]


def test_turns_that_overlap_follow_each_other_at_once(written: Written) -> None:
    spans = [turn("a", 1, 1, 0.0, 5.0), turn("a", 2, 2, 1.0, 2.0), turn("a", 3, 3, 4.0, 6.0)]
    # The second began before the first ended; the third 2 s after the second did.
    assert rows(read_trace(written(json.dumps(document(*spans))))) == [
        (1, 1, 0.0, 0, 0.0),
        (2, 2, 0.0, 0, 0.0),
        (3, 3, 0.0, 0, 2.0),
    ]


def test_single_calls_have_no_session(written: Written) -> None:
    spans = [turn("a", 1, 1, 1.0, 2.0), turn("b", 2, 2, 0.0, 5.0), call(3, 3, 3.0, 4.0)]
    requests = read_trace(written(json.dumps(document(*spans)))).requests
    assert requests.session is None
    assert requests.delay is None
    assert requests.max_tokens is None
    assert requests.arrival_time is not None
    assert requests.arrival_time.tolist() == [0.0, 1.0, 3.0]


def test_older_names_and_the_spans_of_a_server(written: Written) -> None:
    old = {"gen_ai__usage__prompt_tokens": 10, "gen_ai__usage__completion_tokens": 4}
    spans = [
        span(0.0, 1.0, **old, session__id="s", gen_ai__request__max_tokens=16),
        # The newer names are the ones that count.
        span(2.0, 3.0, **old, gen_ai__usage__input_tokens=11, gen_ai__usage__output_tokens=5, session__id="s"),
        # vLLM's, of which the first token is told; and a custom operation.
        span(4.0, 5.0, **old, gen_ai__latency__time_to_first_token=0.25, kind=2),
        span(6.0, 7.0, **old, gen_ai__operation__name="responses", gen_ai__response__time_to_first_chunk=1.5),
    ]
    trace = read_trace(written(json.dumps(document(*spans))))
    assert trace.skipped == {}
    assert rows(trace) == [
        (10, 4, 0.0, 0, 0.0),
        (11, 5, 0.0, 0, 1.0),
        (10, 4, 4.0, 1, 0.0),
        (10, 4, 6.0, 2, 0.0),
    ]
    assert trace.requests.max_tokens is not None
    assert trace.requests.max_tokens.tolist() == [16, 5, 4, 4]
    assert trace.recorded is not None
    assert trace.recorded.first_token_time is not None
    # Not after the end.
    assert trace.recorded.first_token_time.tolist() == pytest.approx([np.nan, np.nan, 4.25, 7.0], nan_ok=True, abs=0)


def test_numbers_that_are_no_texts(written: Written) -> None:
    one = call(1, 1, 0.0, 1.0)
    one["startTimeUnixNano"], one["endTimeUnixNano"] = EPOCH, EPOCH + 5
    for attribute in one["attributes"]:
        if "intValue" in attribute["value"]:
            attribute["value"] = {"intValue": 7}
    trace = read_trace(written(json.dumps(document(one))))
    assert rows(trace) == [(7, 7, 0.0, None, 0.0)]
    assert trace.recorded is not None
    assert trace.recorded.end_time.tolist() == [5e-9]


def test_calls_that_failed(written: Written) -> None:
    spans = [
        turn("a", 10, 5, 1.0, 2.0),
        # It failed before there were tokens, in mid-stream, and by its status alone; a tool fails, too.
        span(3.0, 4.0, gen_ai__operation__name="chat", gen_ai__conversation__id="a", error__type="429"),
        turn("a", 11, 2, 5.0, 6.0, error__type="timeout"),
        turn("a", 12, 0, 7.0, 7.5, status={"code": 2, "message": "reset"}),
        tool(8.0, 9.0, error__type="500"),
        # 8 s after the turn before that succeeded.
        turn("a", 13, 6, 10.0, 12.0, status={"code": 1}),
        # It failed, and its end is not known.
        span(0.0, None, gen_ai__operation__name="chat", error__type="_OTHER"),
    ]
    trace = read_trace(written(json.dumps(document(*spans))))
    assert trace.skipped == {FAILED: 4}
    assert rows(trace) == [(10, 5, 0.0, 0, 0.0), (13, 6, 0.0, 0, 8.0)]
    assert trace.details["start"].tolist() == [0, 9 * SECOND]
    recorded = trace.recorded
    assert recorded is not None
    assert recorded.success is not None
    assert recorded.arrival_time is not None
    assert recorded.success.tolist() == [False, True, False, False, False, True]
    assert recorded.arrival_time.tolist() == [0.0, 1.0, 3.0, 5.0, 7.0, 10.0]
    assert recorded.output_length.tolist() == [0, 5, 0, 2, 0, 6]
    assert recorded.end_time.tolist() == pytest.approx([np.nan, 2.0, 4.0, 6.0, 7.5, 12.0], nan_ok=True, abs=0)
    metrics = measure(recorded)
    assert (metrics.completed, metrics.failed) == (2, 4)


def test_a_file_in_which_all_calls_failed(written: Written) -> None:
    failed = span(3.0, 4.0, gen_ai__operation__name="chat", error__type="429")
    trace = read_trace(written(json.dumps(document(failed))))
    assert len(trace.requests) == 0
    assert trace.details["start"].tolist() == []
    assert trace.recorded is not None
    assert len(trace.recorded) == 1


def within(parent: int, number: int, one: dict[str, Any], trace: str = "5B8EFFF798038103D269B633813FC60C") -> Any:
    return one | {"traceId": trace, "spanId": f"{number:016x}", "parentSpanId": f"{parent:016x}" if parent else ""}


def test_a_request_that_several_spans_tell_of_is_one(written: Written) -> None:
    spans = [
        # A framework's call, the client's within it, the HTTP request, and the server's own: the innermost counts, and
        # it is of the conversation of those around it.
        within(2, 3, span(1.0, 4.0, http__request__method="POST")),
        within(3, 4, call(10, 5, 1.5, 3.5)),
        within(1, 2, turn("inner", 10, 5, 1.0, 4.0)),
        within(0, 1, turn("outer", 10, 5, 0.5, 4.5)),
        # Of another trace with the same ids, whose agent has the conversation; and its only call.
        within(1, 2, call(20, 6, 9.0, 10.0), trace="1f"),
        within(0, 1, span(8.0, 11.0, gen_ai__operation__name="invoke_agent", gen_ai__conversation__id="inner"), "1f"),
        # What was sent twice, in the same or in other letters.
        within(3, 4, call(10, 5, 1.5, 3.5)),
        within(3, 4, call(10, 5, 1.5, 3.5), trace="5b8efff798038103d269b633813fc60c"),
    ]
    for content in (json.dumps(document(*spans)), lines(*map(document, reversed(spans)))):
        trace = read_trace(written(content))
        assert trace.skipped == {"a span that is there twice": 2, "a span around those of other requests": 2}
        assert rows(trace) == [(10, 5, 0.0, 0, 0.0), (20, 6, 0.0, 0, 5.5)]


def test_spans_within_each_other_in_a_circle(written: Written) -> None:
    spans = [within(2, 1, call(1, 1, 0.0, 1.0)), within(1, 2, call(1, 1, 0.0, 1.0)), within(3, 3, tool(0.0, 1.0))]
    with pytest.raises(TraceError, match=r"has no usable row \(2 with a span around those of other requests\)"):
        read_trace(written(json.dumps(document(*spans))))


def test_a_long_chain_of_spans(written: Written) -> None:
    count = 3000
    spans = [within(number - 1, number, tool(0.0, 1.0)) for number in range(2, count)]
    first = within(0, 1, span(0.0, 1.0, gen_ai__operation__name="invoke_agent", gen_ai__conversation__id="c"))
    ends = [within(count - 1, count + number, call(1, 1, 2.0 * number, 2.0 * number + 1)) for number in range(2)]
    trace = read_trace(written(json.dumps(document(*ends, *spans, first))))
    assert rows(trace) == [(1, 1, 0.0, 0, 0.0), (1, 1, 0.0, 0, 1.0)]


def test_what_is_broken_is_counted(written: Written) -> None:
    good = call(10, 5, 0.0, 1.0)
    spans: list[object] = [
        good,
        5,
        good | {"startTimeUnixNano": "soon"},
        good | {"startTimeUnixNano": "0"},
        good | {"endTimeUnixNano": str(2**63)},
        good | {"endTimeUnixNano": str(EPOCH - 1)},
        call(-1, 5, 0.0, 1.0),
        call(10, 2**31, 0.0, 1.0),
        call(10, 5.5, 0.0, 1.0),
        call("10", 5, 0.0, 1.0),
        call(10, 0, 0.0, 1.0),
        call(10, 5, 0.0, 1.0, gen_ai__request__max_tokens=0),
        call(10, 5, 0.0, 1.0, gen_ai__request__max_tokens=4),
        call(10, 5, 0.0, 1.0, gen_ai__response__time_to_first_chunk=-1.0),
        # A call whose tokens are not told; without its operation it would not be known as one.
        span(0.0, 1.0, gen_ai__operation__name="chat", gen_ai__usage__input_tokens=4),
        span(0.0, 1.0, gen_ai__usage__input_tokens=4),
        {"attributes": [5, {"key": []}, {"key": "error.type", "value": {"stringValue": []}}], "status": []},
    ]
    odd: list[object] = [{"resourceSpans": [5, {"scopeSpans": [6, {"spans": 7}]}]}, {"resourceSpans": None}, 8]
    trace = read_trace(written(lines(document(*spans), *odd) + "{\n"))
    assert trace.skipped == {
        "no span": 1,
        "startTimeUnixNano is no time": 2,
        "endTimeUnixNano is no time": 1,
        "startTimeUnixNano, endTimeUnixNano not in order": 1,
        "gen_ai.usage.input_tokens is no integer from 0 to 2147483647": 2,
        "gen_ai.usage.output_tokens is no integer from 0 to 2147483647": 3,
        "gen_ai.usage.output_tokens is no integer from 1 to 2147483647": 1,
        "gen_ai.request.max_tokens is no integer from 1 to 2147483647": 1,
        "max_tokens less than the output": 1,
        "gen_ai.response.time_to_first_chunk is no time from 0 to 9223372036 s": 1,
        "no resourceSpans": 1,
        "no JSON object": 1,
        "no JSON": 1,
    }
    assert rows(trace) == [(10, 5, 0.0, None, 0.0)]


def test_a_file_without_calls_says_what_a_call_has(written: Written) -> None:
    with pytest.raises(TraceError, match=r"spans\.json has no span of a model's call: none has gen_ai\.usage\.input"):
        read_trace(written(json.dumps(document(tool(0.0, 1.0)))))
    with pytest.raises(TraceError, match=r"has no usable row \(1 with startTimeUnixNano is no time\)"):
        read_trace(written(json.dumps(document(call(1, 1, 0.0, 1.0) | {"startTimeUnixNano": None}))))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "a", "b"]),
            st.integers(0, 40),
            st.integers(0, 15),
            st.sampled_from(["call", "failed", "tool"]),
        ),
        max_size=14,
    )
)
def test_sessions_as_span_by_span(
    tmp_path_factory: pytest.TempPathFactory, more: list[tuple[str | None, int, int, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "otel.json"
    # So that there is a call, and a session of two turns.
    told = [("z", 0, 1, "call"), ("z", 2, 1, "call"), *more]
    spans, calls = [], []
    for number, (session, start, length, kind) in enumerate(told, start=1):
        named = {} if session is None else {"gen_ai__conversation__id": session}
        if kind == "tool":
            spans.append(tool(start, start + length, **named))
        else:
            error = {"error__type": "x"} if kind == "failed" else {}
            spans.append(call(number, number, start, start + length, **named, **error))
        if kind == "call":
            calls.append((start, number, session, start + length))
    path.write_text(json.dumps(document(*spans)))
    expected = []
    ended: dict[object, tuple[float, int, int]] = {}
    for start, number, session, end in sorted(calls, key=lambda one: one[:2]):
        # One of its own has a name that no other has.
        name = ("alone", number) if session is None else session
        arrival, ends, place = ended.get(name, (float(start), start, len(ended)))
        expected.append((number, number, arrival, place, float(max(start - ends, 0)) if name in ended else 0.0))
        ended[name] = (arrival, end, place)
    trace = read_trace(path)
    assert rows(trace) == expected
    assert sum(trace.skipped.values()) == sum(kind == "failed" for *_, kind in told)
