"""The schedule of a run as a Chrome trace, which ui.perfetto.dev and chrome://tracing open. Standard library only.

The format: "Trace Event Format" (Duffy et al., Google, 2016), as an object with traceEvents. Three processes make
three groups of tracks: what the engine ran, with its counters; which request held which slot; which requests waited. In
a closed loop a fourth has those that waited at their clients.
"""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np

from batching._columns.clock import nanosecond_count
from batching._columns.files import suffix_of, whole_file
from batching._columns.intervals import NEVER, nanoseconds
from batching._engine.logs import IterationLog
from batching._ffi.errors import BatchingValueError
from batching._ffi.float_mode import in_standard_mode
from batching._ffi.generated.choices import Event, RequestStatus
from batching._fleet.result import FleetResult
from batching._output.fleet_trace import fleet_events
from batching._output.results_file import check_run
from batching._output.run import Run
from batching._output.run_times import RunTimes, held_back, run_times
from batching._output.trace_events import (
    Counters,
    Phases,
    Stays,
    Window,
    counted_from,
    in_window,
    lanes_of,
    names,
    rejections,
    running_slices,
    slice_of,
    waiting_slices,
)

_ENGINE, _SLOTS, _WAITING, _CLIENTS = 1, 2, 3, 4
_EVENTS_AT_ONCE: Final = 65_536


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

    Of a fleet each replica is such a group, "replica 0" and so on, with tracks for its slots, for those that wait there
    ("waiting 1" and so on), and the counters of what runs and waits. What static batches hold is shown as decode. Where
    prefill and decode are apart, the names say which is which, "replica 0 (prefill)"; a request is in a slot of the one
    until its prompt is done, then "held" until its KV blocks are freed, and in a slot of the other as it decodes.
    Between them it is in the group "transfers", first "waiting for KV blocks" there and then in "transfer", which takes
    until it is among the requests of the target; with counters of both and, if `kv_bytes_per_token` was given, of the
    bytes of these prompts. Arrows lead from the prompt over the transfer to the decode.

    Args:
        result: what `simulate`, `simulate_fleet`, `simulate_static` or `simulate_continuous` returned.
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


def _events(result: Run, window: Window | None) -> Iterator[str]:
    times = run_times(result)
    end = max(int(times.end.max(initial=0)), nanosecond_count(result.duration))
    running = _running(result, times, end)
    waiting = _waiting(result, running, times, end)
    if isinstance(result, FleetResult):
        yield from fleet_events(result, running, waiting, times, window)
        return
    log = result.iteration_log
    if log is None:
        yield from names(_ENGINE, "engine", [])
        yield from counted_from(_ENGINE, running, waiting, window)
    else:
        yield from names(_ENGINE, "engine", ["iterations"])
        yield from _iterations(log, window)
    stays = running.inside(window)
    lanes = lanes_of(stays)
    yield from names(_SLOTS, "slots", [f"slot {number}" for number in range(1, max(lanes, default=0) + 1)])
    phases = Phases(result, times, result._done_time())
    yield from running_slices(_SLOTS, stays, lanes, phases)
    yield from _places(_WAITING, "waiting", "queue", waiting.inside(window))
    yield from rejections(_WAITING, result, np.arange(len(result)), times, window)
    if result._is_closed_loop:
        waited, begins, sent = held_back(result, times)
        stays = Stays(waited, begins, sent, np.zeros(len(waited), bool))
        yield from _places(_CLIENTS, "clients", "client queue", stays.inside(window))


def _places(process: int, name: str, what: str, stays: Stays) -> Iterator[str]:
    """A group of tracks of requests that wait, each in a place of its own."""
    lanes = lanes_of(stays)
    yield from names(process, name, [f"place {number}" for number in range(1, max(lanes, default=0) + 1)])
    yield from waiting_slices(process, stays, lanes, what)


def _running(result: Run, times: RunTimes, end: int) -> Stays:
    """From each admission to the preemption or end that follows."""
    ends = np.where(times.end == NEVER, end, times.end)
    if result.iteration_log is None or result.decision_log is None:
        started = np.flatnonzero(times.start != NEVER)
        return Stays(started, times.start[started], ends[started], np.zeros(len(started), bool))
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
    return Stays(request, moment, until, event == Event.RESUMED).chosen(joins)


def _waiting(result: Run, running: Stays, times: RunTimes, end: int) -> Stays:
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
    waits = Stays(request, begins, stops, again)
    return waits.chosen(np.flatnonzero(waits.end > waits.begin))


def _iterations(log: IterationLog, window: Window | None) -> Iterator[str]:
    starts = nanoseconds(log.start_time)
    ends = starts + nanoseconds(log.duration)
    inside = in_window(starts, ends, window)
    told = ("prefill_tokens", "decode_tokens", "running", "waiting", "preemptions", "finished")
    columns = [getattr(log, name)[inside].tolist() for name in (*told, "kv_blocks_used", "kv_blocks_kept")]
    rows = zip(inside.tolist(), starts[inside].tolist(), ends[inside].tolist(), zip(*columns, strict=True), strict=True)
    counters = Counters(_ENGINE)
    before = None
    for index, begin, end, row in rows:
        if before is not None and before[0] < begin:
            # The engine is idle: what the finished requests held is free.
            yield from counters.at(*before)
        arguments = ", ".join(f'"{name}": {value}' for name, value in zip(told, row, strict=False))
        yield slice_of((_ENGINE, 1), "iteration", begin, end, f'{{"iteration": {index}, {arguments}}}')
        _, _, running, waiting, _, finished, used, kept = row
        yield from counters.at(begin, {"running": running, "waiting": waiting, "KV blocks": used})
        before = (end, {"running": running - finished, "waiting": waiting, "KV blocks": kept})
    if before is not None:
        yield from counters.at(*before)
