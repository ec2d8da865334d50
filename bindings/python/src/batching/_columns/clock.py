"""The clock: whole nanoseconds, to which a time is rounded once, to the nearest, ties to even, as the library does."""

from fractions import Fraction
from typing import Final

import numpy as np

from batching._ffi.calls import Float64Array, Int64Array

NANOSECONDS: Final = 10**9
"""In a second."""
_ALL_HALVES_ARE_FLOATS: Final = 2.0**50


def nanosecond_count(time: float, per_unit: int = NANOSECONDS) -> int:
    """Of a finite time in units of so many nanoseconds."""
    product = time * per_unit
    if abs(product) < _ALL_HALVES_ARE_FLOATS:
        nearest = round(product)
        # Rounding the product carries no time across a half, but it may carry one onto it.
        if abs(product - nearest) != 0.5:
            return nearest
    return round(Fraction(time) * per_unit)


def nanosecond_column(times: Float64Array, per_unit: int = NANOSECONDS) -> Int64Array:
    """Of times of the clock: `nanosecond_count` of each."""
    whole = np.floor(times)
    # The fraction is exact, and so are all halves of its product.
    product = (times - whole) * per_unit
    nearest = np.rint(product)
    column: Int64Array = whole.astype(np.int64) * per_unit + nearest.astype(np.int64)
    for index in np.flatnonzero(np.abs(product - nearest) == 0.5).tolist():
        column[index] = nanosecond_count(float(times[index]), per_unit)
    return column


def second_column(times: Int64Array) -> Float64Array:
    """The nearest doubles to whole nanoseconds: beyond 2^53 of them the integers would be rounded first."""
    seconds: Float64Array = times / float(NANOSECONDS)
    long = np.abs(times) > 2**53
    if long.any():
        whole, rest = np.divmod(times[long], NANOSECONDS)
        seconds[long] = whole + rest / float(NANOSECONDS)
    return seconds
