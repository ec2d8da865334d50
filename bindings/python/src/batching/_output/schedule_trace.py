"""The schedule of a run as a Chrome trace, which ui.perfetto.dev and chrome://tracing open. Standard library only.

The format: "Trace Event Format" (Duffy et al., Google, 2016), as an object with traceEvents. Three processes make
three groups of tracks: what the engine ran, with its counters; which request held which slot; which requests waited. In
a closed loop a fourth has those that waited at their clients.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.clock import nanosecond_count
from batching._columns.files import suffix_of, whole_file
from batching._columns.intervals import NEVER, levels, lowest_free, nanoseconds
from batching._engine.logs import IterationLog
from batching._ffi.calls import Int64Array
from batching._ffi.errors import BatchingValueError
from batching._ffi.float_mode import in_standard_mode
from batching._ffi.generated.choices import Event, RequestStatus
from batching._output.results_file import check_run
from batching._output.run import Run
from batching._output.run_times import RunTimes, held_back, run_times

_ENGINE, _SLOTS, _WAITING, _CLIENTS = 1, 2, 3, 4
_EVENTS_AT_ONCE: Final = 65_536

Window = tuple[float, float]
"""Begin and end in seconds."""


@in_standard_mode
def write_schedule_trace(result: Run, path: str | os.PathLike[str], window: Window | None = None) -> None:
    """Write the schedule of a run as a trace in JSON: open it at ui.perfetto.dev, or in chrome://tracing.

    "engine" has the iterations as slices, with log_iterations, and counters: requests running and waiting, and with
    log_iterations KV blocks. "slots" has one track for each slot: a slice for each stay of a request, and in it slices
    for its phases: "prefill" until the first token, "decode", "recompute" until the next token after a preemption, and
    "held" in a static batch that has others to wait for. "waiting" has those that wait: "queue" from when a request is
    sent, which is its arrival in an open loop, and "preempted". In a closed loop "clients" has those that wait at their
    clients: "client queue" from the arrival there until they are sent. Each slice says which request it is.

    Preemptions are shown with log_iterations and log_decisions, and so is the held time of the engine's static
    batches; without them a request stays in its slot from its first admission to its end. Simulators count slots and
    do not number them: each request takes the lowest that is free. What had not ended goes on to the end of the run.
    A request that was rejected is in the trace as an instant among the waiting requests.

    Args:
        result: what `simulate`, `simulate_static` or `simulate_continuous` returned.
        path: ends in .json. A file of that name is replaced, once the new one is complete.
        window: begin and end in seconds: only what is going on some time between them is written. None: everything;
            tools get slow beyond a million slices.

    Raises:
        TypeError: result is not a result.
        ValueError: the path has another suffix, or the window is empty.
        OSError: there is no such directory, or the file cannot be written.

    Time: O(n log n) for n slices; a million requests, with some four million slices, take ten to twenty seconds.
    """
    check_run(result)
    suffix_of(path, (".json",))
    if window is not None and not window[0] < window[1]:
        raise BatchingValueError(f"window is {window}: must end after it begins")
    events = _events(result, window)
    with whole_file(path) as file:
        file.write(b'{"displayTimeUnit": "ms", "traceEvents": [')
        separator = "\n"
        while part := list(islice(events, _EVENTS_AT_ONCE)):
            file.write((separator + ",\n".join(part)).encode())
            separator = ",\n"
        file.write(b"\n]}\n")


@dataclass(frozen=True, eq=False)
class _Stays:
    """Times in nanoseconds for which requests were somewhere; element i of each array belongs to stay i."""

    request: Int64Array
    begin: Int64Array
    end: Int64Array
    again: npt.NDArray[np.bool_]
    """Whether it follows a preemption."""

    def chosen(self, choice: npt.NDArray[Any]) -> "_Stays":
        """Some of them, in the order chosen."""
        return _Stays(self.request[choice], self.begin[choice], self.end[choice], self.again[choice])

    def inside(self, window: Window | None) -> "_Stays":
        """Those that are not over before the window or begin after it, in order of their begin."""
        inside = self.chosen(_inside(self.begin, self.end, window))
        return inside.chosen(np.lexsort((inside.end, inside.begin)))

    def rows(self) -> Iterator[tuple[int, int, int, bool]]:
        """Request, begin, end and again of each."""
        columns = (self.request.tolist(), self.begin.tolist(), self.end.tolist(), self.again.tolist())
        return zip(*columns, strict=True)


def _inside(begin: Int64Array, end: Int64Array, window: Window | None) -> Int64Array:
    if window is None:
        return np.arange(len(begin))
    # As floating point, in which the edges may be infinite.
    low, high = (1e9 * edge for edge in window)
    return np.flatnonzero((end >= low) & (begin <= high))


def _events(result: Run, window: Window | None) -> Iterator[str]:
    times = run_times(result)
    end = max(int(times.end.max(initial=0)), nanosecond_count(result.duration))
    running = _running(result, times, end)
    waiting = _waiting(result, running, times, end)
    log = result.iteration_log
    if log is None:
        yield from _names(_ENGINE, "engine", [])
        yield from _derived_counters(running, waiting, window)
    else:
        yield from _names(_ENGINE, "engine", ["iterations"])
        yield from _iterations(log, window)
    stays = running.inside(window)
    lanes = _lanes(stays)
    yield from _names(_SLOTS, "slots", [f"slot {number}" for number in range(1, max(lanes, default=0) + 1)])
    phases = _Phases(result, times)
    for lane, (request, begin, stop, again) in zip(lanes, stays.rows(), strict=True):
        yield _slice((_SLOTS, lane), f"request {request}", begin, stop, f'{{"request": {request}}}')
        for name, left, right in phases.of(request, begin, stop, again=again):
            yield _slice((_SLOTS, lane), name, left, right, f'{{"request": {request}}}')
    yield from _places(_WAITING, "waiting", "queue", waiting.inside(window))
    yield from _rejections(result, times, window)
    if result._is_closed_loop:
        waited, begins, sent = held_back(result, times)
        stays = _Stays(waited, begins, sent, np.zeros(len(waited), bool))
        yield from _places(_CLIENTS, "clients", "client queue", stays.inside(window))


def _places(process: int, name: str, what: str, stays: _Stays) -> Iterator[str]:
    """A group of tracks of requests that wait, each in a place of its own."""
    lanes = _lanes(stays)
    yield from _names(process, name, [f"place {number}" for number in range(1, max(lanes, default=0) + 1)])
    for lane, (request, begin, stop, again) in zip(lanes, stays.rows(), strict=True):
        told = f"{'preempted' if again else what}: request {request}"
        yield _slice((process, lane), told, begin, stop, f'{{"request": {request}}}')


def _running(result: Run, times: RunTimes, end: int) -> _Stays:
    """From each admission to the preemption or end that follows."""
    ends = np.where(times.end == NEVER, end, times.end)
    if result.iteration_log is None or result.decision_log is None:
        started = np.flatnonzero(times.start != NEVER)
        return _Stays(started, times.start[started], ends[started], np.zeros(len(started), bool))
    log = result.decision_log
    changes = np.flatnonzero(np.isin(log.event, (Event.ADMITTED, Event.RESUMED, Event.PREEMPTED)))
    changes = changes[np.argsort(log.request[changes], kind="stable")]
    request, event = log.request[changes], log.event[changes]
    moment = nanoseconds(result.iteration_log.time)[log.iteration[changes]]
    # What follows an admission of the same request is the preemption that ends its stay.
    until = ends[request]
    same = np.flatnonzero(request[1:] == request[:-1])
    until[same] = moment[same + 1]
    joins = np.flatnonzero(event != Event.PREEMPTED)
    return _Stays(request, moment, until, event == Event.RESUMED).chosen(joins)


def _waiting(result: Run, running: _Stays, times: RunTimes, end: int) -> _Stays:
    """From each sending to the first admission, and from each preemption to the next, or to the end of the run."""
    rejected = result.status >= RequestStatus.REJECTED_MODEL_LENGTH
    never = np.flatnonzero((times.start == NEVER) & ~rejected & (times.arrival != NEVER) & (times.arrival < end))
    stays = running.chosen(np.lexsort((running.begin, running.request)))
    first, back = np.flatnonzero(~stays.again), np.flatnonzero(stays.again)
    # The last stay of a request that was preempted and never came back. Under asynchronous scheduling it may end all
    # the same, with the token that an iteration under way gives it.
    last = np.flatnonzero(np.diff(stays.request, append=-1) != 0)
    ends = np.where(times.end == NEVER, end, times.end)
    lost = last[stays.end[last] < ends[stays.request[last]]]
    parts = [
        (stays.request[first], times.arrival[stays.request[first]], stays.begin[first], False),
        (stays.request[back], stays.end[back - 1], stays.begin[back], True),
        (stays.request[lost], stays.end[lost], ends[stays.request[lost]], True),
        (never, times.arrival[never], ends[never], False),
    ]
    request, begins, stops = (np.concatenate([part[column] for part in parts]) for column in range(3))
    again = np.repeat([part[3] for part in parts], [len(part[0]) for part in parts])
    waits = _Stays(request, begins, stops, again)
    return waits.chosen(np.flatnonzero(waits.end > waits.begin))


def _lanes(stays: _Stays) -> list[int]:
    """A number from 1 for each stay, in order of their begin: the lowest that is free."""
    return [place + 1 for place in lowest_free(zip(stays.begin.tolist(), stays.end.tolist(), strict=True))]


class _Phases:
    """What a request does while it is running."""

    def __init__(self, result: Run, times: RunTimes) -> None:
        self._first_token = times.first_token.tolist()
        self._tokens = result._token_times()
        done = nanoseconds(result._done_time())
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


def _iterations(log: IterationLog, window: Window | None) -> Iterator[str]:
    starts = nanoseconds(log.start_time)
    ends = starts + nanoseconds(log.duration)
    inside = _inside(starts, ends, window)
    told = ("prefill_tokens", "decode_tokens", "running", "waiting", "preemptions", "finished")
    columns = [getattr(log, name)[inside].tolist() for name in (*told, "kv_blocks_used", "kv_blocks_kept")]
    rows = zip(inside.tolist(), starts[inside].tolist(), ends[inside].tolist(), zip(*columns, strict=True), strict=True)
    counters = _Counters()
    before = None
    for index, begin, end, row in rows:
        if before is not None and before[0] < begin:
            # The engine is idle: what the finished requests held is free.
            yield from counters.at(*before)
        arguments = ", ".join(f'"{name}": {value}' for name, value in zip(told, row, strict=False))
        yield _slice((_ENGINE, 1), "iteration", begin, end, f'{{"iteration": {index}, {arguments}}}')
        _, _, running, waiting, _, finished, used, kept = row
        yield from counters.at(begin, {"running": running, "waiting": waiting, "KV blocks": used})
        before = (end, {"running": running - finished, "waiting": waiting, "KV blocks": kept})
    if before is not None:
        yield from counters.at(*before)


def _derived_counters(running: _Stays, waiting: _Stays, window: Window | None) -> Iterator[str]:
    """How many requests are where, counted from the stays."""
    for name, stays in (("running", running), ("waiting", waiting)):
        moments, counts = levels(stays.begin, stays.end)
        # The level at the begin of the window is that of the last change before it.
        chosen = _inside(moments, np.append(moments[1:], moments[-1:]), window)
        counters = _Counters()
        for moment, level in zip(moments[chosen].tolist(), counts[chosen].tolist(), strict=True):
            yield from counters.at(moment, {name: level})


class _Counters:
    """Writes the values that have changed."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def at(self, moment: int, values: dict[str, int]) -> Iterator[str]:
        """The events for these values from this moment on."""
        for name, value in values.items():
            if self._told.get(name) != value:
                self._told[name] = value
                yield (
                    f'{{"ph": "C", "name": "{name}", "pid": {_ENGINE}, "tid": 0, "ts": {_microseconds(moment)}, '
                    f'"args": {{"value": {value}}}}}'
                )


def _rejections(result: Run, times: RunTimes, window: Window | None) -> Iterator[str]:
    rejected = np.flatnonzero(result.status >= RequestStatus.REJECTED_MODEL_LENGTH)
    arrivals = times.arrival[rejected]
    for place in _inside(arrivals, arrivals, window).tolist():
        request = int(rejected[place])
        reason = RequestStatus(int(result.status[request])).name.lower()
        yield (
            f'{{"ph": "i", "s": "p", "name": "{reason}: request {request}", "pid": {_WAITING}, "tid": 0, '
            f'"ts": {_microseconds(int(arrivals[place]))}, "args": {{"request": {request}}}}}'
        )


def _slice(track: tuple[int, int], name: str, begin: int, end: int, arguments: str) -> str:
    return (
        f'{{"ph": "X", "name": "{name}", "pid": {track[0]}, "tid": {track[1]}, "ts": {_microseconds(begin)}, '
        f'"dur": {_microseconds(end - begin)}, "args": {arguments}}}'
    )


def _names(process: int, name: str, tracks: list[str]) -> Iterator[str]:
    """What to call a process, and its tracks from 1 on."""
    yield _metadata(process, 0, "process_name", {"name": name})
    yield _metadata(process, 0, "process_sort_index", {"sort_index": process})
    for number, track in enumerate(tracks, 1):
        yield _metadata(process, number, "thread_name", {"name": track})
        yield _metadata(process, number, "thread_sort_index", {"sort_index": number})


def _metadata(process: int, track: int, name: str, arguments: dict[str, Any]) -> str:
    return json.dumps({"ph": "M", "name": name, "pid": process, "tid": track, "args": arguments})


def _microseconds(time: int) -> str:
    """The format's unit, to the nanosecond."""
    return f"{time // 1000}.{time % 1000:03d}"
