"""A scheduling policy of the caller's: what it is shown, and what it decides."""

import ctypes
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from batching._ffi.arguments import INT32_MAX, INT32_MIN, number, number_of, shown
from batching._ffi.calls import Float64Array, Int32Array, Int64Array, check, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.loader import library

Rows: TypeAlias = int | Sequence[int] | npt.NDArray[Any]
"""One row or token count, or several."""

_INT64: Final = np.dtype(np.int64)
_INT32: Final = np.dtype(np.int32)
_FLOAT64: Final = np.dtype(np.float64)
_C_TYPES: Final[dict[np.dtype[Any], Any]] = {
    _INT64: ctypes.c_int64,
    _INT32: ctypes.c_int32,
    _FLOAT64: ctypes.c_double,
}


def _too_late(name: str) -> BatchingValueError:
    return BatchingValueError(f"{name} is asked for after the call of the policy: what it is shown ends with the call")


class _Over:
    """In the place of what the library shows or takes, once the call of the policy is over."""

    def __getattr__(self, name: str) -> Any:
        raise _too_late(name)


_OVER: Final[Any] = _Over()


def _array(pointer: Any, count: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The memory itself, not a copy: not to be kept."""
    if count == 0:
        return np.empty(0, dtype)
    memory = (_C_TYPES[dtype] * count).from_address(ctypes.addressof(pointer.contents))
    return np.frombuffer(memory, dtype)


class PrefixHits(NamedTuple):
    """What the prefix cache has of rows, and what of their KV blocks they share, in their order."""

    cached_tokens: Int64Array
    """Tokens that a row need not compute if it is admitted in this iteration: they fill KV blocks, and are fewer than
    it knows. 0 for a row that runs."""
    unshared_kv_blocks: Int64Array
    """Of the KV blocks with these tokens, or of those that a running row holds, the ones that no other request holds:
    they are taken from kv_blocks_free when the row is admitted, and given back when it is preempted. Blocks that are
    loaded from tiers are among both."""


class PolicyView:
    """What a policy of your own is shown when an iteration is scheduled: a row for each request in the system.

    The first `running_count` rows are those that run, in order of admission; the others wait: first those preempted,
    the one preempted last before the others, then those that never ran, in order of arrival.

    The columns are read-only copies, made when they are first asked for. After the call the view raises a ValueError,
    but for what it was asked for before.
    """

    def __init__(self, told: Any) -> None:
        self._told = told
        self.count: int = told.count
        """Rows: requests that have arrived and are neither rejected nor finished."""
        self.running_count: int = told.running_count
        """Those of them that run."""

    def _column(self, name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        # A copy of its bytes, which is read-only: a view of memory that goes would be no faster to make.
        return np.frombuffer(ctypes.string_at(getattr(self._told, name), self.count * dtype.itemsize), dtype)

    def _end(self) -> None:
        self._told = _OVER

    @property
    def iteration(self) -> int:
        """The iteration that is scheduled: 0, 1, 2, …"""
        return int(self._told.iteration)

    @property
    def time(self) -> float:
        """Seconds: now."""
        return float(self._told.time)

    @cached_property
    def request(self) -> Int64Array:
        """The index of each in the requests of the run; of a live engine, what you called it."""
        return self._column("request", _INT64)

    @cached_property
    def arrival_time(self) -> Float64Array:
        """Seconds."""
        return self._column("arrival_time", _FLOAT64)

    @cached_property
    def prompt_tokens(self) -> Int32Array:
        """At least 1."""
        return self._column("prompt_tokens", _INT32)

    @cached_property
    def generated_tokens(self) -> Int32Array:
        """Tokens generated."""
        return self._column("generated_tokens", _INT32)

    @cached_property
    def computed_tokens(self) -> Int64Array:
        """Tokens whose KV is there."""
        return self._column("computed_tokens", _INT64)

    @cached_property
    def kv_blocks(self) -> Int64Array:
        """KV blocks that each holds; 0 while it waits."""
        return self._column("kv_blocks", _INT64)

    @cached_property
    def priority(self) -> Int32Array:
        """As given; lower is more urgent."""
        return self._column("priority", _INT32)

    @cached_property
    def tie_break(self) -> Int64Array:
        """As given; otherwise the index, or, of a live engine, how many were submitted before it."""
        return self._column("tie_break", _INT64)

    @cached_property
    def oracle_output_tokens(self) -> Int32Array:
        """Tokens that each will have generated in the end: what no real scheduler knows."""
        return self._column("oracle_output_tokens", _INT32)

    @property
    def uncomputed_tokens(self) -> Int64Array:
        """Known tokens that each has yet to compute: the most that it can be given, less what it finds in a prefix
        cache. 0 with async_scheduling, while its last token is on its way. A new array.
        """
        return self.prompt_tokens.astype(np.int64) + self.generated_tokens - self.computed_tokens

    def look_up(self, rows: Rows) -> "PrefixHits":
        """What the prefix cache has of rows that wait, and what of their KV blocks rows share. All rows of a decision
        find what is there now: none finds what another will compute in the same iteration.

        Raises:
            TypeError: rows are not integers.
            ValueError: a row is none of the view's.

        Complexity: O(KV blocks found, or held).
        """
        if self._told is _OVER:
            raise _too_late("look_up")
        chosen = np.ascontiguousarray(_integers(rows, "rows"))
        hits = PrefixHits(np.empty(chosen.size, _INT64), np.empty(chosen.size, _INT64))
        view = ctypes.byref(self._told)
        check(library.batching_policy_look_up(view, pointer(chosen), chosen.size, *map(pointer, hits)))
        return hits

    @property
    def max_num_seqs(self) -> int:
        """The most requests that run at once."""
        return int(self._told.max_num_seqs)

    @property
    def max_num_batched_tokens(self) -> int:
        """The most tokens of an iteration."""
        return int(self._told.max_num_batched_tokens)

    @property
    def kv_blocks_free(self) -> int:
        """KV blocks that no request holds; 2^63 - 1 without a limit."""
        return int(self._told.kv_blocks_free)

    @property
    def kv_blocks_usable(self) -> int:
        """KV blocks in all; 2^63 - 1 without a limit."""
        return int(self._told.kv_blocks_usable)

    @property
    def block_size(self) -> int:
        """Tokens in a KV block."""
        return int(self._told.block_size)


class PolicyDecision:
    """What a policy of your own decides: empty when it is asked. After the call its methods raise a ValueError."""

    decode_rest: bool
    """Whether every other request that runs and decodes also computes its one token."""
    until_change: bool
    """Whether not to ask again while all running requests decode, none arrives or ends, and the KV blocks suffice."""
    short_of_memory: bool
    """Whether the requests that still wait lack KV blocks: only for `attribution`."""
    wait_until: float | None
    """Seconds, after now. If no request is scheduled or preempted, no iteration happens before, unless one arrives."""

    def __init__(self, written: Any) -> None:
        self._written = written
        self._capacity: int = written.capacity
        self.decode_rest = False
        self.until_change = False
        self.short_of_memory = False
        self.wait_until = None

    def schedule(self, rows: Rows, tokens: Rows) -> None:
        """Each of the rows computes so many tokens; those that wait are admitted, in this order.

        Raises:
            TypeError: rows or tokens are not integers.
            ValueError: there are more rows than the view has, or rows and tokens differ in number.
        """
        chosen, counts = _integers(rows, "rows"), _integers(tokens, "tokens")
        if counts.size > 0 and not INT32_MIN <= counts.min() <= counts.max() <= INT32_MAX:
            raise BatchingValueError(f"tokens are {shown(tokens)}: must be between 1 and {INT32_MAX}")
        if counts.size not in (1, chosen.size):
            raise BatchingValueError(
                f"tokens has {number_of(counts.size, 'element')}: must have as many as rows, {chosen.size}, or one"
            )
        first = self._written.scheduled_count
        places = self._places("scheduled", first, chosen.size)
        self._column("scheduled_row", _INT64)[places] = chosen
        self._column("scheduled_tokens", _INT32)[places] = counts
        self._written.scheduled_count = places.stop

    def preempt(self, rows: Rows) -> None:
        """Each of the rows, which run, loses its KV blocks and waits again.

        Raises:
            TypeError: rows are not integers.
            ValueError: there are more rows than the view has.
        """
        chosen = _integers(rows, "rows")
        places = self._places("preempted", self._written.preempted_count, chosen.size)
        self._column("preempted_row", _INT64)[places] = chosen
        self._written.preempted_count = places.stop

    def _places(self, name: str, first: int, count: int) -> slice:
        if first + count > self._capacity:
            raise BatchingValueError(
                f"{number_of(first + count, 'row')} would be {name}: "
                f"must be at most as many as the view has, {self._capacity}"
            )
        return slice(first, first + count)

    def _column(self, name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        return _array(getattr(self._written, name), self._capacity, dtype)

    def _end(self) -> None:
        self._written = _OVER

    def _finish(self) -> None:
        """Hand the library what only this object has."""
        for name in ("decode_rest", "until_change", "short_of_memory"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise TypeError(f"{name} of the policy's decision is {shown(value)}: must be True or False")
            if value:
                setattr(self._written, name, 1)
        if self.wait_until is not None:
            seconds = number(self.wait_until, "wait_until of the policy's decision")
            if seconds == 0:
                raise BatchingValueError("wait_until of the policy's decision is 0.0: must be after now, or None")
            self._written.wait_until = seconds


CustomPolicy: TypeAlias = Callable[[PolicyView, PolicyDecision], object]
"""A policy of your own: looks at the view, and fills the decision."""


def policy_answer(policy: CustomPolicy) -> Callable[[Any, Any, Any], None]:
    """What the library calls."""

    def answer(view: Any, decision: Any, _: Any) -> None:
        shown, decided = PolicyView(view.contents), PolicyDecision(decision.contents)
        try:
            policy(shown, decided)
            decided._finish()
        finally:
            shown._end()
            decided._end()

    return answer


def _integers(values: Rows, name: str) -> Int64Array:
    array = np.atleast_1d(np.asarray(values))
    if array.ndim == 1 and array.size == 0:
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"{name} are {shown(values)}: must be integers, one or in one dimension")
    return array.astype(np.int64, copy=False)
