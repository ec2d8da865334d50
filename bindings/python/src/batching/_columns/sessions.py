"""Which requests are the turns of one session: those of one value, in the given order."""

import numpy as np
import numpy.typing as npt

from batching._ffi.calls import Int64Array


def session_count(session: Int64Array) -> int:
    """How many sessions there are."""
    return len(np.unique(session))


def first_turns(session: Int64Array) -> npt.NDArray[np.intp]:
    """For each request the index of its session's first turn."""
    _, firsts, ranks = np.unique(session, return_index=True, return_inverse=True)
    return firsts[ranks]


def numbered(session: Int64Array) -> Int64Array:
    """For each request the number of its session: 0, 1, 2, ... in order of their first turns."""
    _, firsts, ranks = np.unique(session, return_index=True, return_inverse=True)
    numbers = np.empty(len(firsts), np.int64)
    numbers[np.argsort(firsts)] = np.arange(len(firsts))
    return numbers[ranks]
