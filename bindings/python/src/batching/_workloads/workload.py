"""Seeded synthetic requests."""

import ctypes
from collections.abc import Mapping
from typing import Final

import numpy as np

from batching._columns.columns import RequestColumns
from batching._ffi.arguments import int32, integer, number, shown
from batching._ffi.calls import Float64Array, Int32Array, check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs
from batching._ffi.loader import library
from batching._ffi.memory import allocated, check_fits
from batching._ffi.signals import interruptible

_BYTES_PER_REQUEST: Final = 16

# What the C interface calls otherwise than this module.
_NAMES: Final = {
    "count": "num_requests",
    "prompt_length_min": "prompt_length_range[0]",
    "prompt_length_max": "prompt_length_range[1]",
    "output_length_min": "output_length_range[0]",
    "output_length_max": "output_length_range[1]",
}


def generate_workload(
    num_requests: int,
    prompt_length_range: tuple[int, int] = (50, 200),
    output_length_range: tuple[int, int] = (20, 500),
    arrival_rate: float = 10.0,
    seed: int = 42,
) -> RequestColumns:
    """Seeded synthetic requests in order of arrival, as columns.

    Arrivals are a Poisson process, the first after one gap; lengths are uniform over the integers of their range, both
    ends included. The same seed gives the same bytes on every platform (xoshiro256++, one stream a column), and the
    first n requests are the same for every num_requests.

    Args:
        num_requests: at least 0.
        prompt_length_range: tokens, smallest and largest; at least 0.
        output_length_range: tokens, smallest and largest; at least 1.
        arrival_rate: requests per second, above 0; infinity: all arrive at 0.0.
        seed: from 0 to 2**64 - 1.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, or an arrival would be beyond 9223372036 seconds.
        MemoryError: so many requests do not fit.

    Time: O(num_requests). Memory: 16 bytes a request.

    >>> generate_workload(1000)
    RequestColumns(1000 requests, ...)
    """
    prompts, outputs, arrivals = generate_columns(
        num_requests, prompt_length_range, output_length_range, arrival_rate, seed
    )
    return RequestColumns(outputs, prompts, arrivals)


def generate_columns(
    num_requests: int,
    prompt_length_range: tuple[int, int],
    output_length_range: tuple[int, int],
    arrival_rate: float,
    seed: int,
) -> tuple[Int32Array, Int32Array, Float64Array]:
    """What generate_workload does, as bare arrays: prompt_length, output_length, arrival_time."""
    count = number_of_requests(num_requests, _BYTES_PER_REQUEST)
    workload = initialised(structs.batching_workload)
    workload.seed = integer(seed, "seed", 0, 2**64 - 1)
    workload.prompt_length_min, workload.prompt_length_max = _range(prompt_length_range, "prompt_length_range")
    workload.output_length_min, workload.output_length_max = _range(output_length_range, "output_length_range")
    workload.arrival_rate = number(arrival_rate, "arrival_rate")
    return generated(workload, count, _NAMES)


def generated(
    workload: structs.batching_workload, count: int, names: Mapping[str, str]
) -> tuple[Int32Array, Int32Array, Float64Array]:
    """The columns of a workload: prompt_length, output_length, arrival_time."""
    # Before the columns are allocated: bad arguments are the likelier mistake.
    check(interruptible(library.batching_workload_generate, ctypes.byref(workload), 0, None, None, None), names)
    prompts = allocated(count, np.int32, "num_requests")
    outputs = allocated(count, np.int32, "num_requests")
    arrivals = allocated(count, np.float64, "num_requests")
    check(
        interruptible(
            library.batching_workload_generate,
            ctypes.byref(workload),
            count,
            pointer(prompts),
            pointer(outputs),
            pointer(arrivals),
        ),
        names,
    )
    return prompts, outputs, arrivals


def number_of_requests(num_requests: object, bytes_per_request: int) -> int:
    """A count of requests to make, which must be 0 or more and fit the machine."""
    if not isinstance(num_requests, int | np.integer) or isinstance(num_requests, bool):
        raise TypeError(f"num_requests is {shown(num_requests)}: must be an integer")
    count = int(num_requests)
    if count < 0:
        raise BatchingValueError(f"num_requests is {shown(count)}: must be at least 0")
    check_fits(count, bytes_per_request, "num_requests")
    return count


def _range(limits: object, name: str) -> tuple[int, int]:
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        raise TypeError(f"{name} is {shown(limits)}: must be a pair of integers, smallest and largest")
    return int32(limits[0], f"{name}[0]"), int32(limits[1], f"{name}[1]")
