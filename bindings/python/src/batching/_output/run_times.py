"""The times of a run in whole nanoseconds, which add and subtract without rounding."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batching._columns.intervals import nanoseconds
from batching._ffi.calls import Int64Array
from batching._output.run import Run


@dataclass(frozen=True, eq=False)
class RunTimes:
    """Nanoseconds at which things happened to each request; NEVER if they did not."""

    arrival: Int64Array
    start: Int64Array
    first_token: Int64Array
    end: Int64Array

    def of(self, chosen: npt.NDArray[np.bool_]) -> "RunTimes":
        """Those of some of the requests."""
        return RunTimes(self.arrival[chosen], self.start[chosen], self.first_token[chosen], self.end[chosen])


def run_times(result: Run) -> RunTimes:
    """Those of all requests."""
    arrivals = result.requests.arrival_time
    return RunTimes(
        arrival=np.zeros(len(result), np.int64) if arrivals is None else nanoseconds(arrivals),
        start=nanoseconds(result.start_time),
        first_token=nanoseconds(result.first_token_time),
        end=nanoseconds(result.end_time),
    )
