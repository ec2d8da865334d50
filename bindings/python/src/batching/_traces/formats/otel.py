"""Calls of models as OpenTelemetry traces them: OTLP as JSON, with the attributes of the semantic conventions for
generative AI.

A document holds spans, by resource and scope. One of a call has the tokens that were used; those of tools, agents and
HTTP are no requests, even where the conventions let them sum up the tokens of the calls within them.
"""

import re
from array import array
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.recorded import RecordedRequests
from batching._ffi.arguments import INT32_MAX
from batching._ffi.calls import Int64Array
from batching._traces.formats.json_rows import nanoseconds, objects, whole
from batching._traces.formats.recordings import MISSING
from batching._traces.formats.rows import (
    FAILED,
    LESS_THAN_OUTPUT,
    LONGEST,
    NANOSECONDS,
    BoolArray,
    Rows,
    no_date,
    no_integer,
    no_time,
    not_in_order,
    seconds,
)
from batching._traces.formats.source import Source
from batching._traces.formats.span_tree import SpanTree, nearest
from batching._traces.trace import Trace

NO_SPANS: Final = "no resourceSpans"
NO_SPAN: Final = "no span"
TWICE: Final = "a span that is there twice"
AROUND_OTHERS: Final = "a span around those of other requests"

# Of each the first that a span has: the later ones are of older conventions, and of vLLM.
_PROMPT: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT: Final = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_FIRST_TOKEN: Final = ("gen_ai.response.time_to_first_chunk", "gen_ai.latency.time_to_first_token")
_SESSION: Final = ("gen_ai.conversation.id", "session.id")
_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
_OPERATION: Final = "gen_ai.operation.name"
_ERROR: Final = "error.type"
_READ: Final = frozenset([*_PROMPT, *_OUTPUT, *_FIRST_TOKEN, *_SESSION, _MAX_TOKENS, _OPERATION, _ERROR])
_START: Final = "startTimeUnixNano"
_END: Final = "endTimeUnixNano"

_CALLS: Final = frozenset(["chat", "generate_content", "text_completion"])
_NO_CALLS: Final = frozenset(
    [
        "create_agent",
        "create_memory",
        "create_memory_store",
        "delete_memory",
        "delete_memory_store",
        "embeddings",
        "execute_tool",
        "invoke_agent",
        "invoke_workflow",
        "plan",
        "retrieval",
        "search_memory",
        "update_memory",
        "upsert_memory",
    ]
)
# The conventions say 2; the name is of what maps Protocol Buffers to JSON in their usual way.
_STATUS_ERROR: Final = (2, "STATUS_CODE_ERROR")
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_NO_SESSION: Final = -1
_Values = Mapping[str, Any]


def read(source: Source, known: str) -> Trace:
    """The trace in a file of such documents."""
    rows = Rows(source)
    rows.keeps_sessions = False
    calls = _Calls(rows)
    for document in objects(rows, source):
        if not isinstance(document.get("resourceSpans"), list):
            rows.skip(NO_SPANS)
            continue
        for span in _spans(document):
            reason = calls.add(span) if isinstance(span, dict) else NO_SPAN
            if reason is not None:
                rows.skip(reason)
    return calls.trace(known)


def _spans(document: _Values) -> Iterator[object]:
    for resource in _list(document, "resourceSpans"):
        for scope in _list(resource, "scopeSpans"):
            yield from _list(scope, "spans")


class _Calls:
    """The spans so far, and those of them that are calls, as flat arrays of integers."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._tree = SpanTree()
        self._session_of_span = array("q")
        names = ("span", "arrival", "end", "first_token", "prompt_length", "output_length", "max_tokens", "success")
        self._columns = {name: array("q") for name in names}

    def add(self, span: _Values) -> str | None:
        """Take a span, which need not be of a call, or say why its call cannot be used."""
        number = self._tree.add(span.get("traceId"), span.get("spanId"), span.get("parentSpanId"))
        attributes = _attributes(span)
        session = _first(attributes, _SESSION)
        self._session_of_span.append(_NO_SESSION if session in {None, ""} else self._rows.sessions.of(session))
        if not _is_call(attributes):
            return None
        row = _call(span, attributes)
        if isinstance(row, str):
            return row
        for column, value in zip(self._columns.values(), (number, *row), strict=True):
            column.append(value)
        return None

    def trace(self, known: str) -> Trace:
        """All of it."""
        rows = self._rows
        columns = self._sorted_out()
        if len(columns["arrival"]):
            rows.add(**columns)
        elif not rows.skipped:
            raise rows.source.error(f"has no span of a model's call: none has {_PROMPT[0]} and {_OUTPUT[0]}")
        # In the order of their starts: a file has them as they ended, or in no order.
        taken = rows.taken()
        order = np.argsort(taken["arrival"], kind="stable")
        taken = {name: column[order] for name, column in taken.items()}
        for name in ("end", "first_token"):
            taken[name] = np.where(taken[name] == MISSING, MISSING, taken[name] - rows.earliest)
        taken["session"] = taken.pop("conversation")
        starts = taken["arrival"]
        recorded = _recorded(taken)
        used = taken["success"] & (taken["output_length"] > 0)
        rows.skip(FAILED, int((~taken["success"]).sum()))
        rows.skip(no_integer(_OUTPUT[0], 1), int((taken["success"] & ~used).sum()))
        if not (taken["max_tokens"] != MISSING).any():
            del taken["max_tokens"]
        requests = rows.requests(taken | _in_turn(taken, np.flatnonzero(used)))
        since_first = starts[used] - starts[used].min(initial=LONGEST)
        return Trace(requests, recorded, known, dict(rows.skipped), {"start": since_first})

    def _sorted_out(self) -> dict[str, npt.NDArray[Any]]:
        """The columns of the calls, with their sessions, without those that are there twice or around others."""
        columns: dict[str, npt.NDArray[Any]] = {
            name: np.array(column, np.int64) for name, column in self._columns.items()
        }
        spans = columns.pop("span")
        columns["success"] = columns["success"] != 0
        parents, came_before = self._tree.known()
        twice = came_before[spans]
        are_calls = np.zeros(len(parents), np.bool_)
        are_calls[spans] = True
        outer = parents[spans]
        around = np.zeros(len(parents), np.bool_)
        # That nearest one is a call, too, so that the next one around it is marked as well.
        nearest_calls = nearest(parents, are_calls)[outer[outer >= 0]]
        around[nearest_calls[nearest_calls >= 0]] = True
        self._rows.skip(TWICE, int(twice.sum()))
        self._rows.skip(AROUND_OTHERS, int(around.sum()))
        told = np.array(self._session_of_span, np.int64)
        holders = nearest(parents, told != _NO_SESSION)[spans]
        new = self._rows.sessions.of
        # Not yet a session, by which the arrivals would be moved that the recording has.
        columns["conversation"] = np.array(
            [new(None) if holder < 0 else told[holder] for holder in holders.tolist()], np.int64
        )
        kept = ~(twice | around[spans])
        return {name: column[kept] for name, column in columns.items()}


def _is_call(attributes: _Values) -> bool:
    operation = attributes.get(_OPERATION)
    if operation in _CALLS:
        return True
    has_both = _first(attributes, _PROMPT) is not None and _first(attributes, _OUTPUT) is not None
    return has_both and operation not in _NO_CALLS


def _call(span: _Values, attributes: _Values) -> tuple[int, ...] | str:
    """The times, lengths, limit and success of a call, or why it cannot be used."""
    status = span.get("status")
    failed = attributes.get(_ERROR) is not None or (isinstance(status, dict) and status.get("code") in _STATUS_ERROR)
    # 0 is unknown.
    start, end = (whole(_integer(span.get(name)), 1, LONGEST) for name in (_START, _END))
    if start is None:
        return no_date(_START)
    if end is None and not failed:
        return no_date(_END)
    if end is not None and end < start:
        return not_in_order((_START, _END))
    lengths = []
    for names in (_PROMPT, _OUTPUT):
        told = _first(attributes, names)
        # A call that failed need not have any.
        length = 0 if failed and told is None else whole(told, 0, INT32_MAX)
        if length is None:
            return no_integer(next((name for name in names if name in attributes), names[0]), 0)
        lengths.append(length)
    asked = whole(attributes.get(_MAX_TOKENS, MISSING), MISSING, INT32_MAX)
    if asked is None or (asked < 1 and _MAX_TOKENS in attributes):
        return no_integer(_MAX_TOKENS, 1)
    if MISSING < asked < lengths[1]:
        return LESS_THAN_OUTPUT
    first_token = MISSING
    for name in _FIRST_TOKEN:
        if name in attributes:
            waited = nanoseconds(attributes[name], NANOSECONDS)
            if waited is None:
                return no_time(name)
            # It is of another clock than the span, and may end a little later.
            first_token = min(start + waited, LONGEST if end is None else end)
            break
    return (start, MISSING if end is None else end, first_token, *lengths, asked, not failed)


def _in_turn(taken: Mapping[str, npt.NDArray[Any]], used: npt.NDArray[np.intp]) -> dict[str, Int64Array]:
    """The arrivals and delays of the calls that are used, which are in the order of their starts: a later turn of a
    session arrives with the turn before, so that its delay after the end of that one decides.
    """
    order = used[np.argsort(taken["session"][used], kind="stable")]
    session, starts, ends = (taken[name][order] for name in ("session", "arrival", "end"))
    are_first = np.ones(len(order), np.bool_)
    are_first[1:] = session[1:] != session[:-1]
    delays = np.zeros(len(order), np.int64)
    delays[1:] = np.maximum(starts[1:] - ends[:-1], 0)
    firsts = np.maximum.accumulate(np.where(are_first, np.arange(len(order)), 0))
    arrival, delay = taken["arrival"].copy(), np.zeros(len(taken["arrival"]), np.int64)
    arrival[order] = starts[firsts]
    delay[order] = np.where(are_first, 0, delays)
    return {"arrival": arrival, "delay": delay}


def _recorded(taken: Mapping[str, npt.NDArray[Any]]) -> RecordedRequests:
    def told(name: str) -> Any:
        return np.where(taken[name] == MISSING, np.nan, seconds(taken[name]))

    has_first: BoolArray = taken["first_token"] != MISSING
    return RecordedRequests(
        end_time=told("end"),
        output_length=taken["output_length"].astype(np.int32),
        arrival_time=seconds(taken["arrival"]),
        first_token_time=told("first_token") if has_first.any() else None,
        prompt_length=taken["prompt_length"].astype(np.int32),
        success=taken["success"],
    )


def _attributes(span: _Values) -> dict[str, Any]:
    """Those attributes that are read: texts and numbers."""
    found = {}
    for attribute in _list(span, "attributes"):
        key = attribute.get("key") if isinstance(attribute, dict) else None
        if isinstance(key, str) and key in _READ and isinstance(attribute.get("value"), dict):
            value = attribute["value"]
            told = _integer(value["intValue"]) if "intValue" in value else None
            told = next((value[kind] for kind in ("doubleValue", "stringValue") if kind in value), told)
            if isinstance(told, str | int | float):
                found[key] = told
    return found


def _integer(told: object) -> object:
    """An integer of 64 bits, which a document has as text or as a number."""
    return int(told) if isinstance(told, str) and _INTEGER.fullmatch(told) else told


def _first(attributes: _Values, names: tuple[str, ...]) -> Any:
    return next((attributes[name] for name in names if name in attributes), None)


def _list(value: object, name: str) -> list[Any]:
    """The list under a name; an empty one if there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []
