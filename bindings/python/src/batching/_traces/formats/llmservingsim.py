"""LLMServingSim's JSON lines: workloads, and the runs of real servers that it measured."""

from array import array
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import numpy as np

from batching._columns.recorded import RecordedRequests
from batching._ffi.arguments import INT32_MAX
from batching._ffi.calls import Int64Array
from batching._traces.formats.json_rows import Keys, nanoseconds, objects, read_objects, whole
from batching._traces.formats.json_values import values
from batching._traces.formats.rows import (
    NANOSECONDS,
    Rows,
    no_integer,
    no_time,
    not_in_order,
    seconds,
)
from batching._traces.formats.source import Source
from batching._traces.trace import Trace

_WORKLOAD: Final = Keys(output="output_toks", prompt="input_toks", arrival="arrival_time_ns", per_unit=1)

# In the order in which they happen, on one monotonic clock. A request counts as arrived when the server has queued it,
# as the project's own figures have it. arrival_time is epoch seconds, of another clock.
_TIMES: Final = ("queued_ts", "scheduled_ts", "first_token_ts", "last_token_ts")
_OBJECTS_LOOKED_AT: Final = 100
_UNKNOWN: Final = -1


def read(source: Source, known: str) -> Trace:
    """The trace in a file of either form."""
    first = [value for value in islice(values(source), _OBJECTS_LOOKED_AT) if isinstance(value, dict)]
    if not any("queued_ts" in value for value in first):
        return read_objects(source, known, _WORKLOAD)
    rows = Rows(source)
    names = ("prompt_length", "output_length", "arrival", "start", "first_token", "end", "sent")
    columns = {name: array("q") for name in names}
    for value in objects(rows, source):
        row = _measured(value)
        if isinstance(row, str):
            rows.skip(row)
            continue
        for column, number in zip(columns.values(), row, strict=True):
            column.append(number)
    if columns["arrival"]:
        rows.add(**{name: np.frombuffer(column, np.int64) for name, column in columns.items()})
    return _trace(rows, known)


def _measured(value: Mapping[str, Any]) -> list[int] | str:
    """Lengths and times of a request, or why it cannot be used."""
    prompt, output = whole(value.get("input_toks"), 0, INT32_MAX), whole(value.get("output_toks"), 1, INT32_MAX)
    if prompt is None:
        return no_integer("input_toks", 0)
    if output is None:
        return no_integer("output_toks", 1)
    row = [prompt, output]
    for name in _TIMES:
        time = nanoseconds(value.get(name), NANOSECONDS)
        if time is None:
            return no_time(name)
        row.append(time)
    if row[2:] != sorted(row[2:]):
        return not_in_order(_TIMES)
    sent = nanoseconds(value.get("arrival_time"), NANOSECONDS)
    return [*row, _UNKNOWN if sent is None else sent]


def _trace(rows: Rows, known: str) -> Trace:
    taken = rows.taken()

    def since_first(name: str) -> Any:
        times: Int64Array = taken[name] - rows.earliest
        return seconds(times)

    recorded = RecordedRequests(
        end_time=since_first("end"),
        output_length=taken["output_length"].astype(np.int32),
        arrival_time=seconds(taken["arrival"]),
        start_time=since_first("start"),
        first_token_time=since_first("first_token"),
        prompt_length=taken["prompt_length"].astype(np.int32),
    )
    return Trace(rows.requests(taken), recorded, known, dict(rows.skipped), _sent(taken))


def _sent(taken: Mapping[str, Int64Array]) -> dict[str, Int64Array]:
    """When requests were sent, on the clock of the rest: nanoseconds after the first was queued, and so perhaps below
    0. A request is queued when the server next looks, up to a whole iteration after it was sent; the least that the
    clocks differ for any request is taken for their difference.
    """
    sent, queued = taken["sent"], taken["arrival"]
    if len(sent) == 0 or (sent == _UNKNOWN).any():
        return {}
    since_first = sent - sent.min()
    return {"sent": since_first + (queued - since_first).min()}
