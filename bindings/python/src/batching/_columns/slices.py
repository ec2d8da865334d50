"""What the slices of RequestColumns do: its methods say what each is. All of them work on whole columns."""

import ctypes
import math
from typing import Any, Final, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from batching._columns.sessions import first_turns, numbered
from batching._ffi.arguments import INT32_MAX, integer, number, shown
from batching._ffi.calls import BoolArray, Float64Array, Int32Array, Int64Array, check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import constants, structs
from batching._ffi.loader import library
from batching._ffi.memory import allocated, check_fits
from batching._ffi.signals import interruptible

_LONGEST: Final = 9223372036.0
"""The latest time that the library takes, in seconds."""
_BYTES_PER_REQUEST: Final = 64
_GROUP_NAMES: Final = {"prefix_groups": "groups", "prefix_length": "length", "prefix_exponent": "exponent"}


class Requests(Protocol):
    """RequestColumns, as far as slices know it."""

    output_length: Int32Array
    prompt_length: Int32Array | None
    arrival_time: Float64Array | None
    abort_time: Float64Array | None
    session: Int64Array | None
    hash_ids: Int64Array | None
    hash_offsets: Int64Array | None

    def __len__(self) -> int: ...

    def replace(self, **columns: Any) -> Self:
        """The same requests with other columns in place of those that are named."""


Sliced = TypeVar("Sliced", bound=Requests)


def between(requests: Sliced, t0: float, t1: float, names: tuple[str, str] = ("t0", "t1")) -> Sliced:
    """RequestColumns.between. `names` is what the times are called where they come from."""
    first, last = names
    begin, end = number(t0, first), number(t1, last)
    if not 0 <= begin <= _LONGEST:
        raise BatchingValueError(f"{first} is {begin!r}: must be between 0 and 9223372036")
    if not end >= begin:
        raise BatchingValueError(f"{last} is {end!r}: must be at least {first}, which is {begin!r}")
    arrivals, abort = _arrivals(requests), requests.abort_time
    starts = arrivals[_first_turns(requests)]
    moved = requests.replace(
        arrival_time=arrivals - begin if requests.arrival_time is not None or begin > 0 else None,
        abort_time=None if abort is None else abort - begin,
    )
    return _only(moved, (starts >= begin) & (starts < end))


def rate_of(requests: Requests) -> float | None:
    """How many requests, or sessions, there are a second: as many as there are, by the time between the first and the
    last arrival, of first turns. None if all arrive at once.
    """
    starts = _starts(requests)
    span = float(starts.max() - starts.min()) if len(starts) else 0.0
    return len(starts) / span if span > 0 else None


def scaled_to_rate(requests: Sliced, rate: float, name: str = "rate") -> Sliced:
    """RequestColumns.scaled_to_rate. `name` is what the rate is called where it comes from."""
    wanted = number(rate, name)
    if not (math.isfinite(wanted) and wanted > 0):
        raise BatchingValueError(f"{name} is {wanted:g}: must be a finite number above 0")
    had = rate_of(requests)
    if had is None:
        raise BatchingValueError(
            f"{name} is {wanted:g}: the requests have no rate that can be changed, since all arrive at once"
            if len(requests)
            else f"{name} is {wanted:g}: there are no requests, which have no rate that can be changed"
        )
    arrivals, firsts, abort = _arrivals(requests), _first_turns(requests), requests.abort_time
    starts = arrivals[firsts]
    first = starts.min()
    # Too long for a double is too long for the clock, which is checked.
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = first + (starts - first) * (had / wanted)
    if requests.session is not None:
        scaled += arrivals - starts
    _check_in_time(scaled, f"{name} is {wanted:g}")
    # A client has the same patience at any rate.
    return requests.replace(arrival_time=scaled, abort_time=None if abort is None else scaled + (abort - arrivals))


def repeated(requests: Sliced, n: int, period: float | None, *, keep_hash_ids: bool) -> Sliced:
    """RequestColumns.repeated."""
    count = len(requests)
    copies = integer(n, "n", 1, constants.BATCHING_COUNT_MAX // max(count, 1))
    if not isinstance(keep_hash_ids, bool | np.bool_):
        raise TypeError(f"keep_hash_ids is {shown(keep_hash_ids)}: must be True or False")
    check_fits(count * copies, _BYTES_PER_REQUEST, "the number of requests")
    step = _mean_period(requests) if period is None else number(period, "period")
    if not 0 <= step <= _LONGEST:
        raise BatchingValueError(f"period is {step!r}: must be between 0 and 9223372036")
    if count == 0:
        return requests.replace()
    columns: dict[str, Any] = {name: np.tile(column, copies) for name, column in _columns_of_rows(requests).items()}
    later = np.repeat(np.arange(copies) * step, count)
    if step > 0 or requests.arrival_time is not None:
        columns["arrival_time"] = np.tile(_arrivals(requests), copies) + later
        _check_in_time(columns["arrival_time"], f"n is {copies}")
    if requests.abort_time is not None:
        columns["abort_time"] += later
    if requests.session is not None:
        columns["session"] = _numbered_apart(requests.session, copies)
    if requests.hash_ids is not None and requests.hash_offsets is not None:
        ids, ends = requests.hash_ids, requests.hash_offsets[1:]
        columns["hash_ids"] = np.tile(ids, copies) if keep_hash_ids else _numbered_apart(ids, copies)
        before = np.repeat(np.arange(copies, dtype=np.int64) * len(ids), count)
        columns["hash_offsets"] = np.concatenate([np.zeros(1, np.int64), np.tile(ends, copies) + before])
    return requests.replace(**columns)


def sample(requests: Sliced, n: int, seed: int) -> Sliced:
    """RequestColumns.sample."""
    there, units = _units(requests)
    chosen = integer(n, "n", 0, there)
    indices = allocated(chosen, np.int64, "n")
    check(
        interruptible(
            library.batching_sample_generate, integer(seed, "seed", 0, 2**64 - 1), there, chosen, pointer(indices)
        )
    )
    is_chosen = np.zeros(there, np.bool_)
    is_chosen[indices] = True
    return _only(requests, is_chosen[units])


def with_prefixes(
    requests: Sliced, *, groups: int, length: int, exponent: float, hash_block_size: int, seed: int
) -> Sliced:
    """RequestColumns.with_prefixes."""
    block_size = integer(hash_block_size, "hash_block_size", 1, INT32_MAX)
    shared = integer(length, "length", 0, INT32_MAX)
    there, units = _units(requests)
    first_ids = _first_ids(there, groups, exponent, seed)[units]
    prompts = requests.prompt_length
    counts = np.zeros(len(requests), np.int64) if prompts is None else np.clip(prompts, 0, shared) // block_size
    offsets = np.zeros(len(requests) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    check_fits(int(offsets[-1]), 8, "the number of hash ids")
    # The blocks of each request from 0.
    blocks = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    return requests.replace(
        hash_ids=np.repeat(first_ids, counts) + blocks,
        hash_offsets=offsets,
        hash_block_size=block_size,
        hash_covers_output=False,
    )


def _first_ids(count: int, groups: int, exponent: float, seed: int) -> Int64Array:
    """The id of the first block of each unit's group, of which those of the next blocks follow: what the generator
    gives requests that all arrive at once, and have nothing but a prefix of one block of one token.
    """
    workload = initialised(structs.batching_workload)
    workload.seed = integer(seed, "seed", 0, 2**64 - 1)
    workload.arrival_rate = math.inf
    workload.prefix_groups = integer(groups, "groups", 1, INT32_MAX)
    workload.prefix_length = workload.hash_block_size = 1
    workload.prefix_exponent = number(exponent, "exponent")
    ids = allocated(count, np.int64, "the number of requests")
    needed = ctypes.c_int64()
    check(
        interruptible(
            library.batching_workload_hashes_generate,
            ctypes.byref(workload),
            count,
            None,
            count,
            pointer(ids),
            ctypes.byref(needed),
        ),
        _GROUP_NAMES,
    )
    return ids


def _arrivals(requests: Requests) -> Float64Array:
    """The arrivals, which must be finite: what is compared with NaN is neither in a slice nor out of it."""
    arrivals = requests.arrival_time
    if arrivals is None:
        return np.zeros(len(requests))
    finite = np.isfinite(arrivals)
    if not finite.all():
        index = int(finite.argmin())
        raise BatchingValueError(f"arrival_time[{index}] is {float(arrivals[index])!r}: must be a finite number")
    return arrivals


def _first_turns(requests: Requests) -> npt.NDArray[np.intp] | slice:
    """For each request its session's first turn, as an index of a column."""
    return slice(None) if requests.session is None else first_turns(requests.session)


def _starts(requests: Requests) -> Float64Array:
    """The arrivals of the first turns, one for each session."""
    arrivals = _arrivals(requests)
    if requests.session is None:
        return arrivals
    return arrivals[np.unique(requests.session, return_index=True)[1]]


def _units(requests: Requests) -> tuple[int, Int64Array | slice]:
    """How many sessions there are, or requests without any, and for each request the number of its own, as an index of
    a column of them.
    """
    if requests.session is None:
        return len(requests), slice(None)
    units = numbered(requests.session)
    return int(units.max(initial=-1)) + 1, units


def _columns_of_rows(requests: Requests) -> dict[str, npt.NDArray[Any]]:
    """The columns with one element a request, as far as they are there."""
    columns = {name: column for name, column in vars(requests).items() if isinstance(column, np.ndarray)}
    return {name: column for name, column in columns.items() if name not in {"hash_ids", "hash_offsets"}}


def _only(requests: Sliced, rows: BoolArray) -> Sliced:
    """Some of the requests, with all their columns."""
    columns: dict[str, Any] = {name: column[rows] for name, column in _columns_of_rows(requests).items()}
    if requests.hash_ids is not None and requests.hash_offsets is not None:
        counts = np.diff(requests.hash_offsets)
        columns["hash_ids"] = requests.hash_ids[np.repeat(rows, counts)]
        columns["hash_offsets"] = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[rows])])
    return requests.replace(**columns)


def _mean_period(requests: Requests) -> float:
    """From the first arrival of first turns to the last, and one mean gap more."""
    starts = _starts(requests)
    if len(starts) < 2:
        return 0.0
    span = float(starts.max() - starts.min())
    return span + span / (len(starts) - 1)


def _numbered_apart(ids: Int64Array, copies: int) -> Int64Array:
    """The ids in each copy: their ranks, and those of a copy follow those of the copy before."""
    different, ranks = np.unique(ids, return_inverse=True)
    apart: Int64Array = (ranks + np.arange(copies, dtype=np.int64)[:, np.newaxis] * len(different)).ravel()
    return apart


def _check_in_time(arrivals: Float64Array, given: str) -> None:
    in_time = arrivals <= _LONGEST
    if not in_time.all():
        index = int(in_time.argmin())
        raise BatchingValueError(f"{given}: request {index} would arrive after 9223372036 seconds")
