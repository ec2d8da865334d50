"""When each token of each request was there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batching._ffi.calls import Int64Array


@dataclass(frozen=True, eq=False)
class TokenTimes:
    """Nanoseconds at which each token was there: those of request i lie from offsets[i] to offsets[i + 1]."""

    times: Int64Array
    offsets: Int64Array

    def of(self, chosen: npt.NDArray[np.bool_]) -> "TokenTimes":
        """Those of some of the requests."""
        counts = np.diff(self.offsets)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[chosen])])
        return TokenTimes(self.times[np.repeat(chosen, counts)], offsets)
