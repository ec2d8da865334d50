"""Tables of requests: how a batch of them becomes rows."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._arguments import INT32_MAX, INT32_MIN
from batching._recorded import RecordedRequests
from batching._trace_formats import arrow_columns
from batching._trace_formats.layout import RECORDED_TIMES, Arrival, Layout
from batching._trace_formats.rows import (
    NANOSECONDS,
    BoolArray,
    Check,
    Rows,
    no_integer,
    no_time,
    requests,
    seconds,
    usable,
)
from batching._traces import Trace


def read_table(rows: Rows, known: str, layout: Layout, batches: Iterable[Callable[[str], Any]]) -> Trace:
    """The trace of a table. A batch is a function from the name of a column to its values."""
    for batch in batches:
        _add(rows, layout, batch)
        rows.source.report()
    columns = rows.taken()
    return Trace(
        requests(columns),
        _recorded(columns, rows.earliest) if layout.recorded and "end_time" in layout.recorded else None,
        known,
        dict(rows.skipped),
    )


def _add(rows: Rows, layout: Layout, batch: Callable[[str], Any]) -> None:
    checks: list[Check] = []
    columns: dict[str, npt.NDArray[Any]] = {}
    if layout.arrival is not None:
        columns["arrival"] = _arrivals(layout.arrival, batch, checks)
    if layout.prompt is not None:
        columns["prompt_length"], holds = arrow_columns.integers(batch(layout.prompt), 0, INT32_MAX)
        checks.append((no_integer(layout.prompt, 0), holds))
    lowest = 0 if layout.failed_reason else 1
    columns["output_length"], holds = arrow_columns.integers(batch(layout.output), lowest, INT32_MAX)
    checks.append((no_integer(layout.output, lowest), holds))
    if layout.failed_reason:
        checks.append((layout.failed_reason, columns["output_length"] != 0))
    if layout.priority is not None:
        columns["priority"], holds = arrow_columns.integers(batch(layout.priority), INT32_MIN, INT32_MAX)
        checks.append((no_integer(layout.priority, INT32_MIN), holds))
    for role, name in (layout.recorded or {}).items():
        columns[role] = _optional_times(name, batch, checks)
    if layout.generated is not None:
        column = batch(layout.generated)
        columns["generated"], holds = arrow_columns.integers(column, 0, INT32_MAX)
        # Of a request that failed there need be none.
        checks.append((no_integer(layout.generated, 0), holds | arrow_columns.are_missing(column)))
    if layout.was_sent is not None:
        columns["was_sent"], holds = arrow_columns.integers(batch(layout.was_sent), 0, 1)
        checks.append((no_integer(layout.was_sent, 0, 1), holds))
    _check_order(columns, checks)
    passed = usable(rows, checks)
    narrow = {"output_length", "prompt_length", "priority"}
    rows.add(
        **{
            name: column[passed].astype(np.int32) if name in narrow else column[passed]
            for name, column in columns.items()
        }
    )


def _arrivals(arrival: Arrival, batch: Callable[[str], Any], checks: list[Check]) -> npt.NDArray[np.int64]:
    column = batch(arrival.name)
    if arrival.per_unit is None:
        times, holds = arrow_columns.dates(column)
        checks.append((f"{arrival.name} is no time", holds))
    else:
        times, holds = arrow_columns.durations(column, arrival.per_unit)
        checks.append((no_time(arrival.name), holds))
    return times


MISSING: Final = -1
"""Nanoseconds of a time that is not known."""


def _optional_times(name: str, batch: Callable[[str], Any], checks: list[Check]) -> npt.NDArray[np.int64]:
    column = batch(name)
    missing = arrow_columns.are_missing(column)
    times, are_times = arrow_columns.durations(column, NANOSECONDS)
    checks.append((no_time(name), are_times | missing))
    return np.where(are_times, times, MISSING)


def _check_order(columns: Mapping[str, npt.NDArray[Any]], checks: list[Check]) -> None:
    """Of the times that are known none comes before an earlier one of its request."""
    names = [name for name in ("arrival", *RECORDED_TIMES) if name in columns]
    if len(names) < 2:
        return
    latest = columns[names[0]]
    in_order: BoolArray = np.ones(len(latest), bool)
    for name in names[1:]:
        in_order &= (columns[name] == MISSING) | (columns[name] >= latest)
        latest = np.maximum(latest, columns[name])
    checks.append((f"{', '.join(names)} not in order", in_order))


def _recorded(columns: Mapping[str, npt.NDArray[Any]], earliest: int) -> RecordedRequests:
    """The recording, of the requests that were sent: one without an end has failed."""
    if "was_sent" in columns:
        sent = columns["was_sent"] == 1
        columns = {name: column[sent] for name, column in columns.items()}
    # The arrivals are counted from the earliest by now, the other times are still those of the file.
    success = columns["end_time"] != MISSING
    times = {
        name: np.where(columns[name] == MISSING, np.nan, seconds(columns[name] - earliest))
        for name in RECORDED_TIMES
        if name in columns
    }
    arrivals = columns.get("arrival")
    return RecordedRequests(
        output_length=np.where(success, columns.get("generated", columns["output_length"]), 0).astype(np.int32),
        arrival_time=None if arrivals is None else seconds(arrivals),
        prompt_length=columns.get("prompt_length"),
        success=success,
        **times,
    )
