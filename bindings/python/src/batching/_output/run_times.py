"""The times of a run in whole nanoseconds, which add and subtract without rounding."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from batching._columns.clock import nanosecond_count
from batching._columns.intervals import NEVER, nanoseconds
from batching._ffi.calls import Int64Array
from batching._output.run import Run


@dataclass(frozen=True, eq=False)
class RunTimes:
    """Nanoseconds at which things happened to each request; NEVER if they did not."""

    client_arrival: Int64Array
    """When it arrived at its client."""
    arrival: Int64Array
    """When it was sent."""
    start: Int64Array
    first_token: Int64Array
    end: Int64Array

    def of(self, chosen: npt.NDArray[np.bool_]) -> "RunTimes":
        """Those of some of the requests."""
        return RunTimes(*(getattr(self, column.name)[chosen] for column in fields(self)))


def run_times(result: Run) -> RunTimes:
    """Those of all requests."""
    arrivals = np.zeros(len(result)) if result.arrival_time is None else result.arrival_time
    return RunTimes(
        client_arrival=nanoseconds(arrivals),
        arrival=nanoseconds(result.sent_time),
        start=nanoseconds(result.start_time),
        first_token=nanoseconds(result.first_token_time),
        end=nanoseconds(result.end_time),
    )


def held_back(result: Run, times: RunTimes) -> tuple[Int64Array, Int64Array, Int64Array]:
    """The requests that wait at their clients, and from when until when: the sending, or the end of the run."""
    sent = np.where(times.arrival == NEVER, nanosecond_count(result.duration), times.arrival)
    waited = np.flatnonzero((times.client_arrival != NEVER) & (sent > times.client_arrival))
    return waited, times.client_arrival[waited], sent[waited]
