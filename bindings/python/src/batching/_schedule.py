"""Who held which slot, and how much slot-time was wasted: what a picture of a schedule needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from batching._calls import Float64Array, Int64Array
from batching._engine_result import Result
from batching._intervals import lowest_free
from batching._simulators import SimulationResult

Run = SimulationResult | Result
"""What can be drawn."""


@dataclass(frozen=True, eq=False)
class SlotUse:
    """Requests that held a slot at some time of a window, in order of their start."""

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


@dataclass(frozen=True)
class SlotTime:
    """Shares of all slot-time of a run: slots x the time in which at least one request was running."""

    held: float
    """Held by requests that had all their tokens."""
    free: float
    """Free while others were running."""

    @property
    def wasted(self) -> float:
        """Both."""
        return self.held + self.free


@dataclass(frozen=True, eq=False)
class Schedule:
    """When each request that was ever admitted held its slot: float64 arrays in seconds, in order of the requests."""

    start_time: Float64Array
    """At which it was admitted."""
    first_token_time: Float64Array
    """At which it had its first token."""
    done_time: Float64Array
    """At which it had all its tokens; under static batching it may end later."""
    end_time: Float64Array
    """At which it gave its slot back."""
    slots: int
    """How many there are; those that no request could ever have taken are not counted."""
    busy_time: float
    """Seconds in which an iteration was running."""
    total_time: float
    """Seconds: the end of the run."""


def schedule_of(run: Run) -> Schedule:
    """The schedule of a run. What a request of the engine did not reach lies at the end of the run.

    When a request of a static batch of the engine had all its tokens is known only with attribution=True.
    """
    if isinstance(run, SimulationResult):
        done: Float64Array = np.minimum(run.start_time + run.tokens_generated * run.time_per_token, run.end_time)
        slots = min(run.batch_size, max(len(run), 1))
        return Schedule(run.start_time, run.first_token_time, done, run.end_time, slots, run.busy_time, run.total_time)
    admitted = np.flatnonzero(~np.isnan(run.start_time))
    first, end = (np.nan_to_num(column[admitted], nan=run.duration) for column in (run.first_token_time, run.end_time))
    held = 0.0 if run.attribution is None else np.nan_to_num(run.attribution.held_in_batch[admitted])
    start = run.start_time[admitted]
    return Schedule(
        start, first, np.maximum(end - held, start), end, max(run.peak_running, 1), run.busy_time, run.duration
    )


def slot_use(run: Run, window: tuple[float, float]) -> SlotUse:
    """Who held which slot in the window: each request takes the lowest that is free when it starts.

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
        slot=np.array(lowest_free(zip(starts.tolist(), ends.tolist(), strict=True)), np.int64),
        start_time=starts,
        first_token_time=schedule.first_token_time[inside],
        done_time=schedule.done_time[inside],
        end_time=ends,
    )


def slot_time(run: Run) -> SlotTime:
    """How much of the slot-time of the whole run was wasted, and how."""
    schedule = schedule_of(run)
    total = schedule.slots * schedule.busy_time
    if total == 0:
        return SlotTime(held=0.0, free=0.0)
    held = float((schedule.end_time - schedule.done_time).sum())
    used = float((schedule.end_time - schedule.start_time).sum())
    return SlotTime(held=held / total, free=max(0.0, 1.0 - used / total))


def busy_spans(run: Run, window: tuple[float, float]) -> list[tuple[float, float]]:
    """The parts of the window in which at least one request was running, as (begin, end), in order."""
    begin, end = window
    schedule = schedule_of(run)
    inside = (schedule.start_time < end) & (schedule.end_time > begin)
    starts = np.maximum(schedule.start_time[inside], begin)
    order = np.argsort(starts, kind="stable")
    spans: list[tuple[float, float]] = []
    stops = np.minimum(schedule.end_time[inside], end)
    for start, stop in zip(starts[order].tolist(), stops[order].tolist(), strict=True):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], stop))
        else:
            spans.append((start, stop))
    return spans


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


def readable_window(static: SimulationResult, continuous: SimulationResult) -> tuple[float, float]:
    """A stretch of both runs in which static batches can be told apart: as long as four of them take on average, the
    waiting between them included, from the middle of the shorter run.
    """
    shorter, longer = sorted((static.total_time, continuous.total_time))
    if shorter <= 0:
        return 0.0, 1.0
    batches = -(-len(static) // static.batch_size)
    first = float(static.start_time.min())
    length = 4 * (static.total_time - first) / batches
    if length >= shorter:
        return 0.0, longer
    begin = (shorter - length) / 2
    return begin, begin + length
