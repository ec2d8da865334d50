"""Who held which slot, and how much slot-time was wasted: what a picture of a schedule needs."""

import heapq
from dataclasses import dataclass

import numpy as np

from batching._calls import Float64Array, Int64Array
from batching._simulators import SimulationResult


@dataclass(frozen=True, eq=False)
class SlotUse:
    """Requests that held a slot at some time of a window, in order of their start."""

    slot: Int64Array
    """Which slot, counted from 0."""
    start_time: Float64Array
    """Seconds at which the request took the slot."""
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


def done_times(result: SimulationResult) -> Float64Array:
    """When each request had all its tokens; under static batching it may end later."""
    done: Float64Array = result.start_time + result.tokens_generated * result.time_per_token
    return np.minimum(done, result.end_time)


def slot_use(result: SimulationResult, window: tuple[float, float]) -> SlotUse:
    """Who held which slot in the window: each request takes the lowest that is free when it starts.

    Simulators count slots and do not number them; this is the numbering that reads best.
    Time: O(count + n log n) for n requests in the window.
    """
    begin, end = window
    inside = np.flatnonzero((result.start_time < end) & (result.end_time > begin))
    inside = inside[np.argsort(result.start_time[inside], kind="stable")]
    starts, ends = result.start_time[inside], result.end_time[inside]
    slots = np.empty(len(inside), np.int64)
    free: list[int] = []
    taken: list[tuple[float, int]] = []
    for position, (start, stop) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        while taken and taken[0][0] <= start:
            heapq.heappush(free, heapq.heappop(taken)[1])
        slot = heapq.heappop(free) if free else len(taken)
        slots[position] = slot
        heapq.heappush(taken, (stop, slot))
    return SlotUse(slot=slots, start_time=starts, done_time=done_times(result)[inside], end_time=ends)


def slot_time(result: SimulationResult) -> SlotTime:
    """How much of the slot-time of the whole run was wasted, and how."""
    if len(result) == 0:
        return SlotTime(held=0.0, free=0.0)
    # Slots that no request could ever have taken are not counted.
    slots = min(result.batch_size, len(result))
    total = slots * result.busy_time
    held = float((result.end_time - done_times(result)).sum())
    used = float((result.end_time - result.start_time).sum())
    return SlotTime(held=held / total, free=max(0.0, 1.0 - used / total))


def busy_spans(result: SimulationResult, window: tuple[float, float]) -> list[tuple[float, float]]:
    """The parts of the window in which at least one request was running, as (begin, end), in order."""
    begin, end = window
    inside = (result.start_time < end) & (result.end_time > begin)
    starts = np.maximum(result.start_time[inside], begin)
    order = np.argsort(starts, kind="stable")
    spans: list[tuple[float, float]] = []
    stops = np.minimum(result.end_time[inside], end)
    for start, stop in zip(starts[order].tolist(), stops[order].tolist(), strict=True):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], stop))
        else:
            spans.append((start, stop))
    return spans


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
