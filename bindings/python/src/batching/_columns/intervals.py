"""Stretches of time in which requests were somewhere: in whole nanoseconds, which add and subtract without rounding."""

import heapq
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.clock import nanosecond_column
from batching._ffi.calls import Float64Array, Int64Array

NEVER: Final = np.int64(-1)
"""In place of a time: it did not happen, or it is not known when."""


def nanoseconds(seconds: Float64Array) -> Int64Array:
    """Whole nanoseconds, NEVER for NaN. The simulators' times are such numbers, so that nothing is lost."""
    missing = np.isnan(seconds)
    rounded = nanosecond_column(np.where(missing, 0.0, seconds))
    rounded[missing] = NEVER
    return rounded


def levels(begin: npt.NDArray[Any], end: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Int64Array]:
    """The moments at which the number that is there changes, and that number from each of them on."""
    moments, place = np.unique(np.concatenate([begin, end]), return_inverse=True)
    changes = np.bincount(place, weights=np.repeat([1.0, -1.0], len(begin)), minlength=len(moments))
    return moments, np.cumsum(changes).astype(np.int64)


def lowest_free(stays: Iterable[tuple[float, float]]) -> list[int]:
    """A place for each stay, from 0: the lowest that is free when it begins.

    Args:
        stays: begin and end of each, in order of their begin.
    """
    places = []
    free: list[int] = []
    taken: list[tuple[float, int]] = []
    for begin, end in stays:
        while taken and taken[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(taken)[1])
        place = heapq.heappop(free) if free else len(taken)
        places.append(place)
        heapq.heappush(taken, (end, place))
    return places
