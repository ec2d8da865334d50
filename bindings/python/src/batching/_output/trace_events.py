"""What traces of schedules are made of: stays of requests somewhere, and the events that show them.

The format: "Trace Event Format" (Duffy et al., Google, 2016).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batching._columns.intervals import NEVER, levels, lowest_free, nanoseconds
from batching._ffi.calls import Float64Array, Int64Array
from batching._ffi.generated.choices import RequestStatus
from batching._output.run import Run
from batching._output.run_times import RunTimes

Window = tuple[float, float]
"""Begin and end in seconds."""


@dataclass(frozen=True, eq=False)
class Stays:
    """Times in nanoseconds for which requests were somewhere; element i of each array belongs to stay i."""

    request: Int64Array
    begin: Int64Array
    end: Int64Array
    again: npt.NDArray[np.bool_]
    """Whether it follows a preemption."""

    def chosen(self, choice: npt.NDArray[Any]) -> "Stays":
        """Some of them, in the order chosen."""
        return Stays(self.request[choice], self.begin[choice], self.end[choice], self.again[choice])

    def inside(self, window: Window | None) -> "Stays":
        """Those that are not over before the window or begin after it, in order of their begin."""
        inside = self.chosen(in_window(self.begin, self.end, window))
        return inside.chosen(np.lexsort((inside.end, inside.begin)))

    def rows(self) -> Iterator[tuple[int, int, int, bool]]:
        """Request, begin, end and again of each."""
        columns = (self.request.tolist(), self.begin.tolist(), self.end.tolist(), self.again.tolist())
        return zip(*columns, strict=True)


def in_window(begin: Int64Array, end: Int64Array, window: Window | None) -> Int64Array:
    """Which of these stretches are not over before the window, and do not begin after it."""
    if window is None:
        return np.arange(len(begin))
    # As floating point, in which the edges may be infinite.
    low, high = (1e9 * edge for edge in window)
    return np.flatnonzero((end >= low) & (begin <= high))


def lanes_of(stays: Stays) -> list[int]:
    """A number from 1 for each stay, in order of their begin: the lowest that is free."""
    return [place + 1 for place in lowest_free(zip(stays.begin.tolist(), stays.end.tolist(), strict=True))]


class Counters:
    """Writes the values of a process that have changed."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._told: dict[str, int] = {}

    def at(self, moment: int, values: dict[str, int]) -> Iterator[str]:
        """The events for these values from this moment on."""
        for name, value in values.items():
            if self._told.get(name) != value:
                self._told[name] = value
                yield (
                    f'{{"ph": "C", "name": "{name}", "pid": {self._process}, "tid": 0, "ts": {microseconds(moment)}, '
                    f'"args": {{"value": {value}}}}}'
                )


def rejections(process: int, result: Run, among: Int64Array, times: RunTimes, window: Window | None) -> Iterator[str]:
    """An instant for each of these requests that was rejected."""
    rejected = among[result.status[among] >= RequestStatus.REJECTED_MODEL_LENGTH]
    arrivals = times.arrival[rejected]
    for place in in_window(arrivals, arrivals, window).tolist():
        request = int(rejected[place])
        reason = RequestStatus(int(result.status[request])).name.lower()
        yield (
            f'{{"ph": "i", "s": "p", "name": "{reason}: request {request}", "pid": {process}, "tid": 0, '
            f'"ts": {microseconds(int(arrivals[place]))}, "args": {{"request": {request}}}}}'
        )


def counted_from(process: int, running: Stays, waiting: Stays, window: Window | None) -> Iterator[str]:
    """How many requests are where, counted from the stays."""
    for name, stays in (("running", running), ("waiting", waiting)):
        moments, counts = levels(stays.begin, stays.end)
        # The level at the begin of the window is that of the last change before it.
        chosen = in_window(moments, np.append(moments[1:], moments[-1:]), window)
        counters = Counters(process)
        for moment, level in zip(moments[chosen].tolist(), counts[chosen].tolist(), strict=True):
            yield from counters.at(moment, {name: level})


def running_slices(process: int, stays: Stays, lanes: list[int], phases: "Phases") -> Iterator[str]:
    """A slice for each stay in a slot, and in it one for each phase."""
    for lane, (request, begin, stop, again) in zip(lanes, stays.rows(), strict=True):
        yield slice_of((process, lane), f"request {request}", begin, stop, f'{{"request": {request}}}')
        for name, left, right in phases.of(request, begin, stop, again=again):
            yield slice_of((process, lane), name, left, right, f'{{"request": {request}}}')


def waiting_slices(process: int, stays: Stays, lanes: list[int], what: str) -> Iterator[str]:
    """A slice for each stay of a request that waits."""
    for lane, (request, begin, stop, again) in zip(lanes, stays.rows(), strict=True):
        told = f"{'preempted' if again else what}: request {request}"
        yield slice_of((process, lane), told, begin, stop, f'{{"request": {request}}}')


class Phases:
    """What a request does while it is running."""

    def __init__(self, result: Run, times: RunTimes, done_time: Float64Array) -> None:
        self._first_token = times.first_token.tolist()
        self._tokens = result._token_times()
        done = nanoseconds(done_time)
        if self._tokens is not None and len(self._tokens.times):
            last = self._tokens.times[np.maximum(self._tokens.offsets[1:] - 1, 0)]
            done = np.where((times.end != NEVER) & (result.tokens_generated > 0), last, done)
        self._done = done.tolist()

    def of(self, request: int, begin: int, end: int, *, again: bool) -> Iterator[tuple[str, int, int]]:
        """Name, begin and end of each phase of a stay, without a gap."""
        name, until = "prefill", self._first_token[request]
        if again and until <= begin:
            name, until = "recompute", self._next_token(request, begin)
        if until in (NEVER, end) or until > end:
            yield name, begin, end
            return
        yield name, begin, until
        done = self._done[request]
        if done == NEVER or done >= end:
            yield "decode", until, end
            return
        if until < done:
            yield "decode", until, done
        yield "held", done, end

    def _next_token(self, request: int, after: int) -> int:
        """When the request has its next token; NEVER if it gets none."""
        if self._tokens is None:
            return int(NEVER)
        left, right = self._tokens.offsets[request : request + 2]
        place = left + np.searchsorted(self._tokens.times[left:right], after, side="right")
        return int(self._tokens.times[place]) if place < right else int(NEVER)


def slice_of(track: tuple[int, int], name: str, begin: int, end: int, arguments: str) -> str:
    """That something lasts, on a track of a process."""
    return (
        f'{{"ph": "X", "name": "{name}", "pid": {track[0]}, "tid": {track[1]}, "ts": {microseconds(begin)}, '
        f'"dur": {microseconds(end - begin)}, "args": {arguments}}}'
    )


def flow_of(phase: str, track: tuple[int, int], request: int, time: int) -> str:
    """That an arrow begins ("s"), goes on ("t") or ends ("f") at the slice of a track that begins at this time."""
    binding = ', "bp": "e"' if phase == "f" else ""
    return (
        f'{{"ph": "{phase}", "cat": "hand-over", "name": "hand-over", "id": {request}, "pid": {track[0]}, '
        f'"tid": {track[1]}, "ts": {microseconds(time)}{binding}}}'
    )


def names(process: int, name: str, tracks: list[str]) -> Iterator[str]:
    """What to call a process, and its tracks from 1 on."""
    yield _metadata(process, 0, "process_name", {"name": name})
    yield _metadata(process, 0, "process_sort_index", {"sort_index": process})
    for number, track in enumerate(tracks, 1):
        yield _metadata(process, number, "thread_name", {"name": track})
        yield _metadata(process, number, "thread_sort_index", {"sort_index": number})


def _metadata(process: int, track: int, name: str, arguments: dict[str, Any]) -> str:
    return json.dumps({"ph": "M", "name": name, "pid": process, "tid": track, "args": arguments})


def microseconds(time: int) -> str:
    """The format's unit, to the nanosecond."""
    return f"{time // 1000}.{time % 1000:03d}"
