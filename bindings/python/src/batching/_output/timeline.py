"""What a picture of a run needs beside its schedule: load over time and latencies, in few enough points."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from batching._columns.intervals import levels, nanoseconds
from batching._ffi.calls import Float64Array
from batching._ffi.generated.choices import RequestStatus
from batching._output.run import Run
from batching._output.run_times import held_back, run_times

_MOST_BINS: Final = 700
_MOST_CURVE_POINTS: Final = 400

LATENCIES: Final = {
    "ttft": ("TTFT", "time to first token: from being sent to the first token"),
    "tpot": ("TPOT", "time per output token after the first: (end - first token) / (tokens - 1)"),
    "e2e": ("E2E", "end-to-end latency: from being sent to the last token"),
    "queue_time": ("Queue time", "from being sent to admission"),
    "client_queue_time": ("Client queue time", "from arrival at the client to being sent"),
    "e2e_including_client_queue": ("E2E with client queue", "from arrival at the client to the last token"),
}
"""Short name and meaning of each latency. In an open loop a request is sent when it arrives."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A quantity that changes at instants and stays until the next: float64 arrays of shape (points,)."""

    time: Float64Array
    """Seconds."""
    value: Float64Array
    """From that time on."""


@dataclass(frozen=True, eq=False)
class LoadCurves:
    """How much there was to do. Thinned: of each stretch of time its first, lowest, highest and last value are kept, so
    that no peak is lost.
    """

    running: Curve
    """Requests in a slot."""
    waiting: Curve
    """Requests that have arrived and are in none."""
    kv_use: Curve | None
    """KV blocks in use; None without an iteration log."""
    at_clients: Curve | None
    """Requests that wait at their clients; None where these hold none back."""


def load_curves(run: Run) -> LoadCurves:
    """From the iteration log if there is one, else from the times of the requests."""
    log = run.iteration_log
    if log is not None and len(log):
        # The log has no row while nothing runs: an idle stretch is a row of zeros.
        ends = log.start_time + log.duration
        # Nothing shorter than a nanosecond is a stretch, but doubles round.
        idle = np.flatnonzero(log.start_time[1:] - ends[:-1] > 0.5e-9 + 1e-15 * ends[:-1])
        last = len(log) - 1

        def curve(values: npt.NDArray[np.int64]) -> Curve:
            where = np.append(idle, last)
            time = np.concatenate([log.start_time, ends[where]])
            value = np.concatenate([values, np.zeros(len(where), np.int64)])
            order = np.argsort(time, kind="stable")
            return thinned(time[order], value[order].astype(np.float64))

        return LoadCurves(curve(log.running), curve(log.waiting), curve(log.kv_blocks_used), _at_clients(run))
    load = run.load(timeline="changes")
    if load.timeline is None or len(load.timeline) == 0:
        nothing = Curve(np.zeros(1), np.zeros(1))
        return LoadCurves(nothing, nothing, None, _at_clients(run))
    # To the end of the run, after which no request is there.
    time = np.append(load.timeline.time, load.window_end)
    running, waiting = (
        thinned(time, np.append(column, 0.0)) for column in (load.timeline.running, load.timeline.waiting)
    )
    return LoadCurves(running, waiting, None, _at_clients(run))


def _at_clients(run: Run) -> Curve | None:
    if run.settings.get("max_concurrency") is None:
        return None
    _, begin, end = held_back(run, run_times(run))
    moments, count = levels(begin, end)
    return thinned(moments / 1e9, count.astype(np.float64)) if len(moments) else Curve(np.zeros(1), np.zeros(1))


def thinned(time: Float64Array, value: Float64Array) -> Curve:
    """At most some four points for each of a few hundred stretches."""
    if len(time) <= 4 * _MOST_BINS:
        return Curve(time, value)
    edges = np.linspace(time[0], time[-1], _MOST_BINS + 1)[1:-1]
    starts = np.unique(np.concatenate([[0], np.searchsorted(time, edges)]))
    starts = starts[starts < len(time)]
    kept = [starts, np.append(starts[1:], len(time)) - 1]
    for begin, end in zip(starts.tolist(), np.append(starts[1:], len(time)).tolist(), strict=True):
        part = value[begin:end]
        kept.append(np.array([begin + int(part.argmin()), begin + int(part.argmax())]))
    chosen = np.unique(np.concatenate(kept))
    return Curve(time[chosen], value[chosen])


def latencies(run: Run) -> dict[str, Float64Array]:
    """The values of each of LATENCIES for the requests that have all their tokens, in order of the requests: those of
    the client where it may hold requests back.
    """
    completed = run.completed()
    arrivals = np.zeros(len(completed)) if completed.arrival_time is None else completed.arrival_time
    first = completed.first_token_time
    if first is None:
        first = np.full(len(completed), np.nan)
    several = completed.tokens_generated > 1
    told = {
        "ttft": _between(arrivals, first),
        "tpot": _between(first, completed.end_time)[several] / (completed.tokens_generated[several] - 1),
        "e2e": _between(arrivals, completed.end_time),
        "queue_time": _between(arrivals, completed.start_time),
    }
    if run.settings.get("max_concurrency") is not None and run.arrival_time is not None:
        at_client = run.arrival_time[run.status == RequestStatus.FINISHED]
        told["client_queue_time"] = _between(at_client, arrivals)
        told["e2e_including_client_queue"] = _between(at_client, completed.end_time)
    return told


def _between(begin: Float64Array, end: Float64Array) -> Float64Array:
    """Seconds. 0.0 within a nanosecond, of which subtracting doubles leaves a rest of either sign."""
    return np.where(nanoseconds(begin) == nanoseconds(end), 0.0 * end, end - begin)


def distribution(values: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Points of the cumulative distribution: values, and the share of the way from the smallest to the largest at which
    each stands, as percentiles are counted; closer in the tail.
    """
    count = len(values)
    if count <= _MOST_CURVE_POINTS:
        return np.sort(values), np.linspace(0.0, 1.0, count) if count > 1 else np.ones(count)
    tail = 1.0 - np.geomspace(0.05, 1.0 / count, _MOST_CURVE_POINTS // 4)
    shares = np.unique(np.concatenate([np.linspace(0.0, 0.95, 3 * _MOST_CURVE_POINTS // 4), tail, [0.5, 1.0]]))
    return np.quantile(values, shares), shares
