"""Which request held which slot, and how much slot-time was wasted: what a picture of a schedule needs."""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from batching._columns.intervals import lowest_free
from batching._ffi.calls import Float64Array, Int64Array
from batching._output.run import Run


@dataclass(frozen=True, eq=False)
class SlotUse:
    """Requests that held a slot at some time of a window, in order of their start."""

    request: Int64Array
    """The index of the request."""
    slot: Int64Array
    """Which slot, counted from 0."""
    start_time: Float64Array
    """Seconds at which the request took the slot."""
    first_token_time: Float64Array
    """Seconds at which it had its first token."""
    done_time: Float64Array
    """Seconds at which it had all its tokens."""
    end_time: Float64Array
    """Seconds at which it gave the slot back."""


@dataclass(frozen=True, eq=False)
class FreeSlots:
    """Slots that were free while a request waited, as rectangles: for as many slots as requests could have taken."""

    begin: Float64Array
    """Seconds."""
    end: Float64Array
    """Seconds."""
    first: Int64Array
    """The first slot, counted from 0."""
    count: Int64Array
    """How many slots, one beside the other."""


@dataclass(frozen=True)
class SlotTime:
    """Shares of all slot-time of a run, as its `load()` counts them: slots x the time from 0 to the end of the run."""

    held: float
    """Held by requests that had all their tokens."""
    free: float
    """Free while a request waited."""
    wasted: float
    """Both."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """When each request that was ever admitted held its slot: float64 arrays in seconds, in order of the requests."""

    request: Int64Array
    """The index of the request."""
    start_time: Float64Array
    """At which it was admitted."""
    first_token_time: Float64Array
    """At which it had its first token."""
    done_time: Float64Array
    """At which it had all its tokens; under static batching it may end later."""
    end_time: Float64Array
    """At which it gave its slot back."""
    slots: int
    """How many there are, by the configuration."""
    total_time: float
    """Seconds: the end of the run."""


def schedule_of(run: Run) -> Schedule:
    """The schedule of a run. What a request of the engine did not reach lies at the end of the run."""
    admitted = np.flatnonzero(~np.isnan(run.start_time))
    start = run.start_time[admitted]
    first, done, end = (
        np.nan_to_num(column[admitted], nan=run.duration)
        for column in (run.first_token_time, run._done_time(), run.end_time)
    )
    return Schedule(admitted, start, first, done, end, run._slots, run.duration)


def slot_use(run: Run, window: tuple[float, float]) -> SlotUse:
    """Which request held which slot in the window: each request takes the lowest that is free when it starts.

    Simulators count slots and do not number them; this is the numbering that reads best. A request that is preempted
    is shown in its slot until it ends.
    Time: O(count + n log n) for n requests in the window.
    """
    begin, end = window
    schedule = schedule_of(run)
    inside = np.flatnonzero((schedule.start_time < end) & (schedule.end_time > begin))
    inside = inside[np.argsort(schedule.start_time[inside], kind="stable")]
    starts, ends = schedule.start_time[inside], schedule.end_time[inside]
    return SlotUse(
        request=schedule.request[inside],
        slot=np.array(lowest_free(zip(starts.tolist(), ends.tolist(), strict=True)), np.int64),
        start_time=starts,
        first_token_time=schedule.first_token_time[inside],
        done_time=schedule.done_time[inside],
        end_time=ends,
    )


def slot_time(run: Run) -> SlotTime:
    """How much of the slot-time of the whole run was wasted, and how."""
    load = run.load()
    total = schedule_of(run).slots * (load.window_end - load.window_start)
    if total == 0:
        return SlotTime(held=0.0, free=0.0, wasted=0.0)
    return SlotTime(load.held_slot_time / total, load.unfilled_slot_time / total, load.wasted_slot_share)


def free_slots(run: Run, use: SlotUse, window: tuple[float, float]) -> FreeSlots:
    """Where in the window slots were free while a request waited: the lowest of those that no request in `use` holds.

    Time: O(count + n (log n + s)) for n changes in the window and s slots held at once.
    """
    begin, end = window
    changes = run.load(timeline="changes").timeline
    time, running, waiting = (np.empty(0),) * 3 if changes is None else (changes.time, changes.running, changes.waiting)
    wanted = np.minimum(np.maximum(schedule_of(run).slots - running, 0), waiting).astype(np.int64)
    turns = np.flatnonzero(np.diff(wanted, prepend=0))
    turns = turns[time[turns] < end]
    # One that gives its slot back at once takes none.
    taken = use.end_time > use.start_time
    starts, ends, slots = use.start_time[taken], use.end_time[taken], use.slot[taken]
    # At one moment first slots are given back, then they are taken.
    moments = np.concatenate([time[turns], ends, starts, [end]])
    kinds = np.repeat([0, 1, 2, 3], [len(turns), len(slots), len(slots), 1])
    places = np.concatenate([wanted[turns], slots, slots, [0]])
    held: list[int] = []
    number = 0
    open_since: dict[tuple[int, int], float] = {}
    rectangles: list[tuple[float, float, int, int]] = []
    order = np.lexsort((kinds, moments))
    rows = zip(moments[order].tolist(), kinds[order].tolist(), places[order].tolist(), strict=True)
    for moment, together in itertools.groupby(rows, key=lambda row: max(row[0], begin)):
        if moment > end:
            break
        for _, kind, place in together:
            if kind in {0, 3}:
                number = place
            elif kind == 1:
                held.remove(place)
            else:
                bisect.insort(held, place)
        there = set(_lowest_gaps(held, number))
        for gap in [gap for gap in open_since if gap not in there]:
            since = open_since.pop(gap)
            if moment > since:
                rectangles.append((since, moment, *gap))
        for gap in there:
            open_since.setdefault(gap, moment)
    columns = np.array(sorted(rectangles), np.float64).reshape(-1, 4).T
    return FreeSlots(columns[0], columns[1], columns[2].astype(np.int64), columns[3].astype(np.int64))


def _lowest_gaps(held: Sequence[int], number: int) -> Iterator[tuple[int, int]]:
    """The lowest so many places that are not held, which rise, as (first, how many)."""
    first = 0
    for place in held:
        if number <= 0:
            return
        if place > first:
            count = min(place - first, number)
            yield first, count
            number -= count
        first = max(first, place + 1)
    if number > 0:
        yield first, number


def drawn_slots(run: Run, use: SlotUse, free: FreeSlots) -> int:
    """How many slots a picture shows: all, unless three quarters of them neither are held nor could be. Preempted
    requests keep theirs in the picture, so that it may need more than there are.
    """
    used = max(int(use.slot.max(initial=0)) + 1, int((free.first + free.count).max(initial=1)))
    slots = schedule_of(run).slots
    return max(slots, used) if slots <= 4 * used else used


def arrivals_in(run: Run, window: tuple[float, float]) -> list[tuple[float, list[int]]]:
    """The moments of the window at which requests are sent, and which."""
    times = run.sent_time
    told: dict[float, list[int]] = {}
    for request in np.flatnonzero((times >= window[0]) & (times <= window[1])).tolist():
        told.setdefault(float(times[request]), []).append(request)
    return sorted(told.items())


def apart(arrivals: Sequence[tuple[float, list[int]]], span: float, characters: float) -> list[tuple[float, str]]:
    """Where the numbers of requests stand above the marks of their arrivals, in a picture of a span of time that is so
    many characters wide: each above its mark, or, where they would overlap, side by side above their marks.
    """
    # Rows of numbers side by side: the middle of the first, and the numbers.
    rows: list[tuple[float, list[str]]] = []
    character = span / characters
    for time, requests in arrivals:
        first, row = time, [", ".join(map(str, requests))]
        while rows and first < rows[-1][0] + _across([*rows[-1][1], row[0]]) * character:
            left, before = rows.pop()
            # Every number as near to its mark as one move of the whole row makes it.
            right = first - _across([*before, row[0]]) * character
            first = (left * len(before) + right * len(row)) / (len(before) + len(row))
            row = before + row
        rows.append((first, row))
    return [
        (first + _across(row[: position + 1]) * character, text)
        for first, row in rows
        for position, text in enumerate(row)
    ]


def _across(texts: Sequence[str]) -> float:
    """Characters from the middle of the first text to that of the last, with one between two."""
    return sum((len(one) + len(other)) / 2 + 1 for one, other in itertools.pairwise(texts))


def middle_window(runs: Sequence[Run], most_requests: int = 250) -> tuple[float, float]:
    """A stretch from the middle of the shortest run in which no run has more than about so many requests."""
    schedules = [schedule_of(run) for run in runs]
    shortest = min((schedule.total_time for schedule in schedules), default=0.0)
    longest = max((schedule.total_time for schedule in schedules), default=0.0)
    if shortest <= 0:
        return 0.0, max(longest, 1.0)
    most = max(len(schedule.start_time) for schedule in schedules)
    if most <= most_requests:
        return 0.0, longest
    begin, end = 0.0, shortest
    # Halved until it fits: a few dozen passes at the most.
    while end - begin > 1e-6 * shortest:
        inside = max(
            int(np.count_nonzero((schedule.start_time < end) & (schedule.end_time > begin))) for schedule in schedules
        )
        if inside <= most_requests:
            break
        quarter = (end - begin) / 4
        begin, end = begin + quarter, end - quarter
    return begin, end


def readable_window(static: Run, continuous: Run) -> tuple[float, float]:
    """A stretch of both runs in which static batches can be distinguished: as long as four of them take on average, the
    waiting between them included, from the middle of the shorter run.
    """
    shorter, longer = sorted((static.total_time, continuous.total_time))
    if shorter <= 0:
        return 0.0, 1.0
    batches = -(-len(static) // static._slots)
    first = float(static.start_time.min())
    length = 4 * (static.total_time - first) / batches
    if length >= shorter:
        return 0.0, longer
    begin = (shorter - length) / 2
    return begin, begin + length
