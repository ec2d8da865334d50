"""Tables of requests: how a batch of them becomes rows."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from batching._ffi.arguments import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN
from batching._traces.formats import arrow_columns
from batching._traces.formats.layout import RECORDED_TIMES, Arrival, Layout
from batching._traces.formats.recordings import MISSING, trace_of
from batching._traces.formats.rows import (
    BEFORE_ARRIVAL,
    FAILED,
    HASH_COUNT,
    LESS_THAN_OUTPUT,
    NANOSECONDS,
    BoolArray,
    Check,
    HashKind,
    Rows,
    no_date,
    no_ids,
    no_integer,
    no_time,
    not_in_order,
    usable,
)
from batching._traces.formats.turns import NO_TIME
from batching._traces.trace import Trace


def read_table(
    rows: Rows, known: str, layout: Layout, batches: Iterable[Callable[[str], Any]], kind: HashKind | None = None
) -> Trace:
    """The trace of a table. A batch is a function from the name of a column to its values."""
    if layout.arrival is not None:
        rows.no_arrival = _no_arrival(layout.arrival)
    for batch in batches:
        _add(rows, layout, batch)
        rows.source.report()
    return trace_of(rows, known, kind, is_recording=bool(layout.recorded and "end_time" in layout.recorded))


def _no_arrival(arrival: Arrival) -> str:
    """The reason for which a row without an arrival is skipped."""
    return no_date(arrival.name) if arrival.per_unit is None else no_time(arrival.name)


def _add(rows: Rows, layout: Layout, batch: Callable[[str], Any]) -> None:
    checks: list[Check] = []
    columns: dict[str, npt.NDArray[Any]] = {}
    recorded = {role: _optional_times(name, batch, checks) for role, name in (layout.recorded or {}).items()}
    failed = recorded["end_time"] == MISSING if "end_time" in recorded else None
    late, checks = checks, []
    if layout.arrival is not None:
        # A later turn needs no time of its own, unless what happened to it is told.
        may_miss = layout.session is not None and not layout.recorded
        columns["arrival"] = _arrivals(layout.arrival, batch, checks, may_miss=may_miss)
    if layout.prompt is not None:
        columns["prompt_length"] = _lengths(layout.prompt, 0, batch, checks, failed)
    lowest = 0 if layout.failed_reason else 1
    columns["output_length"] = _lengths(layout.output, lowest, batch, checks, failed)
    if layout.failed_reason:
        checks.append((layout.failed_reason, columns["output_length"] != 0))
    _add_asked(rows, layout, batch, columns, checks)
    if layout.hash_ids is not None:
        holds, ids_of = arrow_columns.lists(batch(layout.hash_ids))
        checks.append((no_ids(layout.hash_ids), holds))
    if layout.generated is not None:
        column = batch(layout.generated)
        columns["tokens_generated"], holds = arrow_columns.integers(column, 0, INT32_MAX)
        # Of a request that failed there need be none.
        checks.append((no_integer(layout.generated, 0), holds | arrow_columns.are_missing(column)))
    if layout.was_sent is not None:
        columns["was_sent"], holds = arrow_columns.integers(batch(layout.was_sent), 0, 1)
        checks.append((no_integer(layout.was_sent, 0, 1), holds))
    columns |= recorded
    checks += late
    _check_order(columns, checks)
    passed = usable(rows, checks)
    if layout.hash_ids is not None:
        columns[HASH_COUNT], ids = ids_of(passed)
        rows.hash_ids.append(ids)
    if failed is not None:
        rows.skip(FAILED, int((passed & failed & (columns["output_length"] == 0)).sum()))
    narrow = {"output_length", "prompt_length", "priority"}
    rows.add(
        **{
            name: column if name == HASH_COUNT else column[passed].astype(np.int32 if name in narrow else column.dtype)
            for name, column in columns.items()
        }
    )


def _add_asked(
    rows: Rows,
    layout: Layout,
    batch: Callable[[str], Any],
    columns: dict[str, npt.NDArray[Any]],
    checks: list[Check],
) -> None:
    """What else than lengths and arrivals was asked for."""
    for role, name, least, most in (
        ("priority", layout.priority, INT32_MIN, INT32_MAX),
        ("tie_break", layout.tie_break, INT64_MIN, INT64_MAX),
    ):
        if name is not None:
            columns[role], holds = arrow_columns.integers(batch(name), least, most)
            checks.append((no_integer(name, least, most), holds))
    if layout.max_tokens is not None:
        column = batch(layout.max_tokens)
        asked, holds = arrow_columns.integers(column, 1, INT32_MAX)
        missing = arrow_columns.are_missing(column)
        columns["max_tokens"] = np.where(missing, MISSING, asked)
        checks += _checks_of_ends(columns["max_tokens"], columns["output_length"], holds | missing)
    if layout.abort_time is not None:
        left = columns["abort_time"] = _optional_times(layout.abort_time, batch, checks)
        checks.append((BEFORE_ARRIVAL, (left == MISSING) | (left >= columns["arrival"])))
    if layout.session is not None:
        columns["session"] = _sessions(rows, batch(layout.session))
    if layout.delay is not None:
        columns["delay"] = np.maximum(_optional_times(layout.delay, batch, checks), 0)


def _sessions(rows: Rows, column: Any) -> npt.NDArray[np.int64]:
    """The numbers of the sessions. Rows without one have sessions of their own."""
    ids, ranks = arrow_columns.distinct(column)
    present = ~arrow_columns.are_missing(column)
    numbers = np.empty(len(present), np.int64)
    numbers[~present] = [rows.sessions.of(None) for _ in range(len(present) - int(present.sum()))]
    # In the order in which they come: what is missing is none of them.
    used = np.isin(np.arange(len(ids)), ranks[present])
    known = np.array(
        [rows.sessions.of(told) if is_used else -1 for told, is_used in zip(ids, used, strict=True)], np.int64
    )
    numbers[present] = known[ranks[present]]
    return numbers


def _arrivals(
    arrival: Arrival, batch: Callable[[str], Any], checks: list[Check], *, may_miss: bool
) -> npt.NDArray[np.int64]:
    column = batch(arrival.name)
    if arrival.per_unit is None:
        times, holds = arrow_columns.dates(column)
    else:
        times, holds = arrow_columns.durations(column, arrival.per_unit)
    if may_miss and not holds.all():
        missing = ~holds & arrow_columns.are_missing(column)
        times, holds = np.where(missing, NO_TIME, times), holds | missing
    checks.append((_no_arrival(arrival), holds))
    return times


def _lengths(
    name: str, lowest: int, batch: Callable[[str], Any], checks: list[Check], failed: BoolArray | None
) -> npt.NDArray[np.int64]:
    """Lengths, 0 where a request failed before there was one: it has not got to it."""
    column = batch(name)
    lengths, holds = arrow_columns.integers(column, lowest, INT32_MAX)
    if failed is not None and not holds.all():
        zeros, are_zeros = arrow_columns.integers(column, 0, 0)
        none = failed & (are_zeros | arrow_columns.are_missing(column))
        lengths, holds = np.where(none, zeros, lengths), holds | none
    checks.append((no_integer(name, lowest), holds))
    return lengths


def _checks_of_ends(asked: npt.NDArray[Any], output: npt.NDArray[Any], holds: BoolArray) -> list[Check]:
    """What was asked for is known, and not less than what came."""
    return [(no_integer("max_tokens", 1), holds), (LESS_THAN_OUTPUT, (asked == MISSING) | (asked >= output))]


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
    checks.append((not_in_order(names), in_order))
