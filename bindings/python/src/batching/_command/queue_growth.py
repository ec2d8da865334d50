"""Whether the queue of a run grows as long as requests arrive: a test of its trend before it only drains."""

import math
from typing import Final

import numpy as np

from batching._columns.sessions import first_turns
from batching._engine.result import Result
from batching._ffi.calls import Float64Array
from batching._ffi.generated.choices import RequestStatus

_FEWEST_REQUESTS: Final = 100
_SERVICE_TIMES: Final = 5
_STRETCHES: Final = 40
# Student's t of 39 degrees of freedom is beyond it with a probability of 0.001.
_CRITICAL: Final = 3.313


def queue_grows(result: Result) -> bool | None:
    """Whether the queue grows from the first arrival to the last; None if the run is too short to tell.

    The time from the first arrival to the last one, or to the end of the run, is cut into 40 stretches of equal length.
    The requests that arrive in each, less those that are admitted, are how much the queue grows in it. A queue that
    keeps up grows by nothing in the mean: Student's t test of that mean (one-sided, at 0.1%) says whether it grows. In
    the mean, and not in each stretch, so that bursts and batches that fill are no growth; arrivals after which the
    queue only drains are not looked at.

    A run is too short with fewer than 100 requests in that time, or when it is shorter than 5 times what a request
    takes from its admission to its end in the mean: the queue may then grow only because none has ended yet.

    In a closed loop the engine's queue is never longer than the requests in flight. There the requests that wait at the
    clients count, too: they are what grows where the clients cannot send as fast as requests arrive. The last arrival
    is the last one that was given: the later turns of sessions follow the answers, also while a queue drains.
    """
    finished = result.status == RequestStatus.FINISHED
    if not finished.any():
        return None
    given = np.zeros(len(result)) if result.requests.arrival_time is None else result.requests.arrival_time
    arrived = _arrivals(result, given)
    taken = (result.was_sent() | (arrived <= result.duration)) & (result.status < RequestStatus.REJECTED_MODEL_LENGTH)
    arrivals, starts = np.sort(arrived[taken]), np.sort(result.start_time[taken])
    if len(arrivals) < _FEWEST_REQUESTS:
        return None
    begin, end = float(arrivals[0]), min(float(given[taken].max()), result.duration)
    if end - begin <= _SERVICE_TIMES * float((result.end_time - result.start_time)[finished].mean()):
        return None
    edges = np.linspace(begin, end, _STRETCHES + 1)
    # Those that were never admitted have no time: they are at the end, behind every edge.
    waiting = np.searchsorted(arrivals, edges, side="right") - np.searchsorted(starts, edges, side="right")
    return _is_above_zero(np.diff(waiting).astype(np.float64))


def _arrivals(result: Result, given: Float64Array) -> Float64Array:
    """When each request begins to wait: at its client, or, where clients take sessions one by one, for one of those."""
    if result.client is None or result.client.clients is None:
        return result.arrival_time
    arrivals = result.arrival_time.copy()
    firsts = slice(None) if result.requests.session is None else first_turns(result.requests.session)
    arrivals[firsts] = given[firsts]
    return arrivals


def _is_above_zero(values: Float64Array) -> bool:
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean > _CRITICAL * error
