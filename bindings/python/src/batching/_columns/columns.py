"""Many requests as columns: NumPy arrays of which element i belongs to request i, and no Python object per request.

A column that already is a contiguous int32 or float64 array is borrowed, not copied: do not change it while it is in
use. What these classes show of a column that they were given is read-only.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from batching._columns import slices
from batching._ffi.arguments import (
    check_same_length,
    float64_column,
    int32_column,
    int64_column,
    integer,
    number_of,
    shown,
)
from batching._ffi.calls import Float64Array, Int32Array, Int64Array, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs


class _Columns:
    """Equal columns, immutable once made. Two objects are equal only if they are the same one, as for NumPy arrays."""

    def _keep(self, **columns: npt.NDArray[Any] | None) -> None:
        check_same_length(columns)
        self._show(**columns)

    def _show(self, **columns: npt.NDArray[Any] | None) -> None:
        for name, column in columns.items():
            # A view, so that the caller's own array stays writable.
            view = None if column is None else column.view()
            if view is not None:
                view.flags.writeable = False
            self.__dict__[name] = view

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed: make a new one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed: make a new one")


def rows_of(column: npt.NDArray[Any] | None, rows: npt.NDArray[Any]) -> Any:
    """Some rows of a column that may not be there.

    A function, since Python runs the handlers of signals where one is called: from one long column to the next.
    """
    return None if column is None else column[rows]


class RequestColumns(_Columns):
    """Requests to simulate.

    Args:
        output_length: tokens to generate, each at least 1; one-dimensional and array-like, integers of any width.
        prompt_length: prompt tokens, each at least 0. None: all 0.
        arrival_time: seconds, each in [0, 9223372036], in any order. None: all 0.0.
        priority: for `simulate`: lower is more urgent. None: all 0.
        tie_break: for `simulate`: lower goes first where priority and arrival are equal. None: the index.
        hash_ids: for `simulate`: chained hashes of what is in the requests, one for each hash_block_size tokens, as in
            Mooncake's traces: one sequence of integers a request, or, with hash_offsets, all in one array. Two requests
            have the same id at the same place only if all their tokens up to its end are the same. None: nothing is
            shared.
        hash_offsets: where in hash_ids those of each request begin: count + 1 integers from 0 to len(hash_ids).
        hash_block_size: tokens that one id stands for: a multiple of the engine's block_size, or a number that divides
            it, so that the last of a block's ids names it. None: its block_size.
        hash_covers_output: whether the ids go on over the output, so that a later turn finds what this one generated.
        max_tokens: for `simulate`: tokens that the client asked for, each at least its output_length. With
            async_scheduling the real scheduler plans with them: an answer that ends before takes part in one batch
            more. None: output_length.
        abort_time: for `simulate`: seconds at which the client leaves, none before its arrival_time; NaN: never. None:
            all NaN.
        session: for `simulate`: requests of one value are the turns of a conversation, in the given order. The first
            turn arrives at its arrival_time; each later one when the turn before has ended and its delay is over, but
            not before its own arrival_time. None: each request is its own.
        delay: for `simulate`: seconds from the end of the turn before to the arrival of this one, each at least 0; of a
            first turn 0, unless there are clients. None: all 0.0.

    Raises:
        TypeError: something is no integer or no number.
        ValueError: a length does not fit int32, the columns differ in length, or hash_offsets do not lead through
            hash_ids. What else a value must be is checked by the functions that use it.

    The attributes of the same names are arrays of int32, int64 (tie_break, hash_ids, hash_offsets, session) or float64
    (times), or None as given.

    Slices are new columns of the same requests, or of some of them: `between`, `scaled_to_rate`, `repeated`, `sample`,
    `with_prefixes`. None of them parts the turns of a session.

    >>> RequestColumns([50, 200], arrival_time=[0.0, 0.1])
    RequestColumns(2 requests, 250 output tokens, arrivals 0.0 to 0.1 s)
    """

    output_length: Int32Array
    prompt_length: Int32Array | None
    arrival_time: Float64Array | None
    priority: Int32Array | None
    tie_break: Int64Array | None
    hash_ids: Int64Array | None
    hash_offsets: Int64Array | None
    hash_block_size: int | None
    hash_covers_output: bool
    max_tokens: Int32Array | None
    abort_time: Float64Array | None
    session: Int64Array | None
    delay: Float64Array | None

    def __init__(
        self,
        output_length: npt.ArrayLike,
        prompt_length: npt.ArrayLike | None = None,
        arrival_time: npt.ArrayLike | None = None,
        *,
        priority: npt.ArrayLike | None = None,
        tie_break: npt.ArrayLike | None = None,
        hash_ids: npt.ArrayLike | Sequence[npt.ArrayLike] | None = None,
        hash_offsets: npt.ArrayLike | None = None,
        hash_block_size: int | None = None,
        hash_covers_output: bool = False,
        max_tokens: npt.ArrayLike | None = None,
        abort_time: npt.ArrayLike | None = None,
        session: npt.ArrayLike | None = None,
        delay: npt.ArrayLike | None = None,
    ) -> None:
        self._keep(
            output_length=int32_column(output_length, "output_length"),
            prompt_length=None if prompt_length is None else int32_column(prompt_length, "prompt_length"),
            arrival_time=None if arrival_time is None else float64_column(arrival_time, "arrival_time"),
            priority=None if priority is None else int32_column(priority, "priority"),
            tie_break=None if tie_break is None else int64_column(tie_break, "tie_break"),
            max_tokens=None if max_tokens is None else int32_column(max_tokens, "max_tokens"),
            abort_time=None if abort_time is None else float64_column(abort_time, "abort_time"),
            session=None if session is None else int64_column(session, "session"),
            delay=None if delay is None else float64_column(delay, "delay"),
        )
        ids, offsets = _hashes(hash_ids, hash_offsets, len(self))
        self._show(hash_ids=ids, hash_offsets=offsets)
        if hash_block_size is not None:
            hash_block_size = integer(hash_block_size, "hash_block_size", 1, 2**31 - 1)
        if not isinstance(hash_covers_output, bool | np.bool_):
            raise TypeError(f"hash_covers_output is {shown(hash_covers_output)}: must be True or False")
        self.__dict__.update(hash_block_size=hash_block_size, hash_covers_output=bool(hash_covers_output))

    def replace(self, **columns: Any) -> "RequestColumns":
        """The same requests with other columns in place of those that are named: arguments of the constructor.

        >>> requests = RequestColumns([50, 200], arrival_time=[0.0, 0.5])
        >>> requests.replace(abort_time=[30.0, 30.5]).abort_time.tolist()
        [30.0, 30.5]

        Without hash_offsets, hash_ids are one sequence a request, as there.
        """
        # Every argument of the constructor is an attribute, and there are no others.
        kept = dict(self.__dict__)
        if "hash_ids" in columns:
            del kept["hash_offsets"]
        return RequestColumns(**(kept | columns))

    def between(self, t0: float, t1: float) -> "RequestColumns":
        """The requests that arrive in [t0, t1), moved so that t0 becomes 0.

        arrival_time - t0 and abort_time - t0, in doubles; all else stays as it is, and so does the order. A session is
        in the slice if its first turn arrives in [t0, t1), with all its turns, also those after t1: no turn loses the
        turn before it. What earlier requests would have left in a prefix cache is not there.

        >>> requests = RequestColumns([10, 20, 30], arrival_time=[0.0, 4.0, 6.5])
        >>> requests.between(4.0, 6.5)
        RequestColumns(1 request, 20 output tokens, arrivals 0.0 to 0.0 s)

        Args:
            t0: seconds, in [0, 9223372036].
            t1: seconds, at least t0; infinity: to the end.

        Raises:
            TypeError: an argument is no number.
            ValueError: an argument is out of its range, or an arrival is no finite number.

        Time: O(count), with sessions O(count log count); plus the number of hash ids.
        """
        return slices.between(self, t0, t1)

    def scaled_to_rate(self, rate: float) -> "RequestColumns":
        """The same requests in the same pattern, but so many a second.

        The rate that they have is n / (last - first): n requests, and the first and the last of their arrivals. So it
        is in all that the command prints, too. Of sessions it is that of their first turns: n sessions, and the
        arrivals of those. With scale = (n / (last - first)) / rate, in doubles,

        - the first turn of a session, or a request that is its own, arrives at f = first + (arrival_time - first) *
          scale. The first of all arrives when it did.
        - A later turn arrives at f + (arrival_time - arrival_time of its first turn), with the f of its first turn. The
          times within a session are the pace of its client, and stay; so does each delay.
        - abort_time becomes the new arrival_time + (abort_time - arrival_time): a client stays as long as before.

        >>> requests = RequestColumns([10, 20, 30], arrival_time=[1.0, 2.0, 4.0])  # 3 / (4.0 - 1.0): 1 a second
        >>> requests.scaled_to_rate(2.0).arrival_time.tolist()
        [1.0, 1.5, 2.5]

        Args:
            rate: requests (of sessions: sessions) per second, above 0 and finite.

        Raises:
            TypeError: rate is no number.
            ValueError: rate is out of its range, all arrive at once, so that they have no rate, an arrival is no finite
                number, or one would be beyond 9223372036 seconds.

        Time: O(count), with sessions O(count log count).
        """
        return slices.scaled_to_rate(self, rate)

    def repeated(self, n: int, *, period: float | None = None, keep_hash_ids: bool = False) -> "RequestColumns":
        """The same requests n times, one copy after the other.

        Copy k, from 0, arrives k * period seconds later: arrival_time + k * period and abort_time + k * period, in
        doubles. The rows of a copy follow those of the copy before, in their order. tie_break stays: among equals of
        several copies the index decides.

        The session ids, of which there are m, are numbered by their rank, 0 to m - 1 in rising order; those of copy k
        are rank + k * m. So each copy has sessions of its own. The hash ids are numbered in the same way: a copy shares
        within itself what the requests share, but nothing with other copies. If it did, all of its prompts would be
        found in the prefix cache. With keep_hash_ids they stay as they are, and it does.

        >>> requests = RequestColumns([10, 20, 30], arrival_time=[0.0, 1.0, 4.0])  # the mean gap is 2 s
        >>> requests.repeated(2).arrival_time.tolist()
        [0.0, 1.0, 4.0, 6.0, 7.0, 10.0]

        Args:
            n: copies, at least 1, so that there are at most 2,000,000,000 requests.
            period: seconds from one copy to the next, in [0, 9223372036]; shorter than a copy: they overlap. None: a
                copy begins one mean gap after the last arrival of the copy before, so that the rate goes on: (last -
                first) + (last - first) / (n - 1), with first, last and their number n as in `scaled_to_rate`; 0.0 if
                all arrive at once.
            keep_hash_ids: whether the hash ids are the same in each copy.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: an argument is out of its range, an arrival is no finite number, or one would be beyond
                9223372036 seconds.
            MemoryError: so many requests do not fit.

        Time: O(n * count), plus the number of hash ids; the numbering takes O(m log m) for m of them.
        """
        return slices.repeated(self, n, period, keep_hash_ids=keep_hash_ids)

    def sample(self, n: int, seed: int = 42) -> "RequestColumns":
        """A sample of n requests, without replacement, in their order. With sessions: n sessions, with all their turns.

        Every set of n is equally likely (batching_sample_generate over the requests in their order; over the sessions
        in order of their first turns). Times stay as they are, so that the rate falls: `scaled_to_rate` sets it.

        >>> requests = RequestColumns([10, 20, 30], arrival_time=[0.0, 1.0, 4.0])
        >>> len(requests.sample(2, seed=1))
        2

        Args:
            n: at least 0, at most as many as there are.
            seed: from 0 to 2**64 - 1; the same seed gives the same sample on every platform.

        Raises:
            TypeError: an argument is no integer.
            ValueError: an argument is out of its range.

        Time: O(count), with sessions O(count log count); plus the number of hash ids.
        """
        return slices.sample(self, n, seed)

    def with_prefixes(
        self, groups: int, length: int, *, exponent: float = 0.0, hash_block_size: int = 16, seed: int = 42
    ) -> "RequestColumns":
        """The same requests, of which those of a group have the beginning of their prompts in common: prefix sharing
        for traces that do not tell what is in the prompts.

        Each request, or each session in order of their first turns, draws its group: those that `generate_requests`
        draws for SharedPrefixes(groups, length, exponent) and the seed, request by request. Lengths and arrivals stay
        as they are: of its own prompt, the first min(length, prompt_length) tokens are those of its group, and it has
        hash ids for the full blocks of hash_block_size among them. Block b, from 0, of group g has the id 2**62 + g *
        2**31 + b, as there. Hash ids that the requests have are replaced.

        >>> requests = RequestColumns([10, 20], prompt_length=[100, 40])
        >>> requests.with_prefixes(groups=1, length=64).hash_offsets.tolist()  # 64 // 16 and 40 // 16 ids
        [0, 4, 6]

        Args:
            groups: how many; at least 1.
            length: tokens that the requests of a group have in common; at least 0.
            exponent: group g, from 0, is drawn in proportion to (g + 1)^-exponent, in [0, 64]. 0.0: all alike.
            hash_block_size: tokens that one hash id stands for; at least 1.
            seed: from 0 to 2**64 - 1.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: an argument is out of its range.
            MemoryError: so many hash ids do not fit.

        Time: O(count), with sessions O(count log count); plus the number of hash ids.
        """
        return slices.with_prefixes(
            self, groups=groups, length=length, exponent=exponent, hash_block_size=hash_block_size, seed=seed
        )

    def __len__(self) -> int:
        return len(self.output_length)

    def __repr__(self) -> str:
        if len(self) == 0:
            return "RequestColumns(0 requests)"
        arrivals = "all arrive at 0.0 s"
        if self.arrival_time is not None:
            arrivals = f"arrivals {float(self.arrival_time.min())!r} to {float(self.arrival_time.max())!r} s"
        tokens = number_of(int(self.output_length.sum()), "output token")
        return f"RequestColumns({number_of(len(self), 'request')}, {tokens}, {arrivals})"

    def _structure(self) -> structs.batching_requests:
        requests = initialised(structs.batching_requests)
        requests.count = len(self)
        requests.prompt_length = pointer(self.prompt_length)
        requests.output_length = pointer(self.output_length)
        requests.arrival_time = pointer(self.arrival_time)
        requests.priority = pointer(self.priority)
        requests.tie_break = pointer(self.tie_break)
        requests.hash_ids = pointer(self.hash_ids)
        requests.hash_offsets = pointer(self.hash_offsets)
        requests.hash_block_size = self.hash_block_size or 0
        requests.hash_covers_output = int(self.hash_covers_output)
        requests.max_tokens = pointer(self.max_tokens)
        requests.abort_time = pointer(self.abort_time)
        requests.session = pointer(self.session)
        requests.delay = pointer(self.delay)
        return requests


def _hashes(
    hash_ids: npt.ArrayLike | Sequence[npt.ArrayLike] | None, hash_offsets: npt.ArrayLike | None, count: int
) -> tuple[Int64Array | None, Int64Array | None]:
    """The ids of all requests one after the other, and where each request's begin: checked, since the library reads as
    many ids as the last offset says.
    """
    if hash_ids is None:
        if hash_offsets is not None:
            raise BatchingValueError("hash_offsets is given without hash_ids: must be None")
        return None, None
    if hash_offsets is None:
        return _flattened(hash_ids, count)
    ids, offsets = int64_column(cast(npt.ArrayLike, hash_ids), "hash_ids"), int64_column(hash_offsets, "hash_offsets")
    if len(offsets) != count + 1:
        raise BatchingValueError(
            f"hash_offsets has {number_of(len(offsets), 'element')}: "
            f"must have one more than there are requests, {count + 1}"
        )
    if offsets[0] != 0 or offsets[-1] != len(ids):
        raise BatchingValueError(
            f"hash_offsets go from {offsets[0]} to {offsets[-1]}: must go from 0 to the number of hash_ids, {len(ids)}"
        )
    falls = offsets[1:] < offsets[:-1]
    if falls.any():
        index = int(falls.argmax()) + 1
        raise BatchingValueError(
            f"hash_offsets[{index}] is {offsets[index]}: "
            f"must not be smaller than hash_offsets[{index - 1}], which is {offsets[index - 1]}"
        )
    return ids, offsets


def _flattened(hash_ids: Any, count: int) -> tuple[Int64Array, Int64Array]:
    """One sequence of ids a request, made into columns."""
    if isinstance(hash_ids, str) or not isinstance(hash_ids, Sequence):
        raise TypeError(f"hash_ids is {shown(hash_ids)}: without hash_offsets it must be one sequence a request")
    if len(hash_ids) != count:
        raise BatchingValueError(
            f"hash_ids has {number_of(len(hash_ids), 'element')}: must have as many as there are requests, {count}"
        )
    listed = [int64_column(ids, f"hash_ids[{index}]") for index, ids in enumerate(hash_ids)]
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum([len(ids) for ids in listed], out=offsets[1:])
    return np.concatenate([np.empty(0, np.int64), *listed]), offsets


class CompletedColumns(_Columns):
    """Requests that have completed, simulated or real, in any order.

    Args:
        start_time: seconds at which each request joined a batch, none before its arrival_time.
        end_time: seconds at which it left the batch, none before its start_time.
        tokens_generated: tokens, each at least 0.
        arrival_time: seconds. None: all 0.0.
        first_token_time: seconds in [start_time, end_time], NaN where unknown. None: all unknown.

    Raises:
        TypeError: something is no integer or no number.
        ValueError: the columns differ in length. What else a value must be is checked by the functions that use it.

    The attributes of the same names are float64 arrays and, for the tokens, an int32 array, of shape (count,).
    """

    start_time: Float64Array
    end_time: Float64Array
    tokens_generated: Int32Array
    arrival_time: Float64Array | None
    first_token_time: Float64Array | None

    def __init__(
        self,
        start_time: npt.ArrayLike,
        end_time: npt.ArrayLike,
        tokens_generated: npt.ArrayLike,
        arrival_time: npt.ArrayLike | None = None,
        first_token_time: npt.ArrayLike | None = None,
    ) -> None:
        self._keep(
            start_time=float64_column(start_time, "start_time"),
            end_time=float64_column(end_time, "end_time"),
            tokens_generated=int32_column(tokens_generated, "tokens_generated"),
            arrival_time=None if arrival_time is None else float64_column(arrival_time, "arrival_time"),
            first_token_time=(
                None if first_token_time is None else float64_column(first_token_time, "first_token_time")
            ),
        )

    def __len__(self) -> int:
        return len(self.start_time)

    def __repr__(self) -> str:
        if len(self) == 0:
            return "CompletedColumns(0 requests)"
        tokens = number_of(int(self.tokens_generated.sum()), "token")
        span = f"{float(self.start_time.min())!r} to {float(self.end_time.max())!r} s"
        return f"CompletedColumns({number_of(len(self), 'request')}, {tokens}, {span})"

    def _structure(self) -> structs.batching_completed:
        completed = initialised(structs.batching_completed)
        completed.count = len(self)
        completed.arrival_time = pointer(self.arrival_time)
        completed.start_time = pointer(self.start_time)
        completed.first_token_time = pointer(self.first_token_time)
        completed.end_time = pointer(self.end_time)
        completed.tokens_generated = pointer(self.tokens_generated)
        return completed
