"""Room for results, or a MemoryError with a sentence.

Linux grants memory that it does not have and ends the process when it is used; so what cannot fit the machine is
refused before it is asked for.
"""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from batching._ffi.arguments import shown
from batching._ffi.errors import BatchingMemoryError
from batching._ffi.generated import constants


def check_fits(count: int, bytes_per_request: int, argument: str) -> None:
    """Whether `count` requests at this size can be had on this machine at all."""
    if count > constants.BATCHING_COUNT_MAX:
        raise BatchingMemoryError(f"{argument} is {shown(count)}: must be at most {constants.BATCHING_COUNT_MAX}")
    needed = count * bytes_per_request
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > installed:
        raise BatchingMemoryError(
            f"{argument} is {count}: that takes {needed / 1e9:.1f} GB, and this machine has {installed / 1e9:.1f} GB"
        )


def allocated(count: int, dtype: type[np.generic], argument: str) -> npt.NDArray[Any]:
    """An uninitialised column."""
    try:
        return np.empty(count, dtype)
    except MemoryError as error:
        raise BatchingMemoryError(f"{argument} is {count}: {error}") from error
