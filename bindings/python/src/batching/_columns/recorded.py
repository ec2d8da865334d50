"""Requests that were answered, or failed, wherever they ran: what the serving metrics are made of."""

import numpy as np
import numpy.typing as npt

from batching._columns.columns import CompletedColumns, _Columns
from batching._ffi.arguments import float64_column, int32_column, int64_column, number_of, positive, shown
from batching._ffi.calls import BoolArray, Float64Array, Int32Array, Int64Array, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs


class RecordedRequests(_Columns):
    """Requests that a server answered, or failed to, in any order.

    Args:
        end_time: seconds at which the last token was there; NaN where a request failed and it is not known.
        output_length: tokens generated, each at least 0.
        arrival_time: seconds at which the request was sent. None: all 0.0.
        client_arrival_time: seconds at which it arrived at its client, which sent it later, as in a closed loop: none
            after its arrival_time; NaN: unknown. None: all unknown.
        start_time: seconds at which it joined a batch; NaN: unknown. None: all unknown.
        first_token_time: seconds; NaN: unknown. None: that of the first of its token times, if it has any.
        prompt_length: prompt tokens, each at least 0. None: all 0.
        success: whether it was answered. None: all were.
        token_times: seconds at which each chunk of output was there, the first included: those of all requests, one
            request after the other. None: unknown.
        token_offsets: where in token_times those of each request begin: count + 1 integers from 0.
        duration: seconds that the run took by the clock of its client, above 0: what `measure` divides by where the
            convention does. None: unknown.

    Raises:
        TypeError: something is no integer, no number or no bool.
        ValueError: the columns differ in length, or token_offsets do not lead through token_times. What else a value
            must be is checked by the functions that use it.

    The attributes of the same names are arrays, or None as given.
    """

    end_time: Float64Array
    output_length: Int32Array
    arrival_time: Float64Array | None
    start_time: Float64Array | None
    first_token_time: Float64Array | None
    prompt_length: Int32Array | None
    success: BoolArray | None
    token_times: Float64Array | None
    token_offsets: Int64Array | None
    client_arrival_time: Float64Array | None
    duration: float | None

    def __init__(
        self,
        end_time: npt.ArrayLike,
        output_length: npt.ArrayLike,
        *,
        arrival_time: npt.ArrayLike | None = None,
        start_time: npt.ArrayLike | None = None,
        first_token_time: npt.ArrayLike | None = None,
        prompt_length: npt.ArrayLike | None = None,
        success: npt.ArrayLike | None = None,
        token_times: npt.ArrayLike | None = None,
        token_offsets: npt.ArrayLike | None = None,
        duration: float | None = None,
        client_arrival_time: npt.ArrayLike | None = None,
    ) -> None:
        self._keep(
            end_time=float64_column(end_time, "end_time"),
            output_length=int32_column(output_length, "output_length"),
            arrival_time=None if arrival_time is None else float64_column(arrival_time, "arrival_time"),
            start_time=None if start_time is None else float64_column(start_time, "start_time"),
            first_token_time=(
                None if first_token_time is None else float64_column(first_token_time, "first_token_time")
            ),
            prompt_length=None if prompt_length is None else int32_column(prompt_length, "prompt_length"),
            success=None if success is None else _bool_column(success, "success"),
            client_arrival_time=(
                None if client_arrival_time is None else float64_column(client_arrival_time, "client_arrival_time")
            ),
        )
        times, offsets = _tokens(token_times, token_offsets, len(self))
        self._show(token_times=times, token_offsets=offsets)
        if duration is not None:
            duration = positive(duration, "duration")
        self.__dict__["duration"] = duration

    def __len__(self) -> int:
        return len(self.end_time)

    def __repr__(self) -> str:
        failed = 0 if self.success is None else int(np.count_nonzero(~self.success))
        told = f", {failed} failed" if failed else ""
        tokens = number_of(int(self.output_length.sum()), "output token")
        return f"RecordedRequests({number_of(len(self), 'request')}{told}, {tokens})"

    def _structure(self) -> structs.batching_recorded:
        recorded = initialised(structs.batching_recorded)
        recorded.count = len(self)
        for name in (
            "arrival_time", "start_time", "first_token_time", "end_time", "prompt_length", "output_length", "success",
            "token_times", "token_offsets", "client_arrival_time",
        ):  # fmt: skip
            setattr(recorded, name, pointer(getattr(self, name)))
        return recorded


def recorded_of(completed: CompletedColumns, prompt_length: Int32Array | None) -> RecordedRequests:
    """Completed requests as a serving run."""
    return RecordedRequests(
        completed.end_time,
        completed.tokens_generated,
        arrival_time=completed.arrival_time,
        start_time=completed.start_time,
        first_token_time=completed.first_token_time,
        prompt_length=prompt_length,
    )


def _bool_column(values: npt.ArrayLike, name: str) -> BoolArray:
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.bool_)
    if array.dtype != np.bool_ or array.ndim != 1:
        raise TypeError(f"{name} is {shown(values)}: must be one-dimensional, of True and False")
    return np.require(array, np.bool_, ["C", "A"])


def _tokens(
    token_times: npt.ArrayLike | None, token_offsets: npt.ArrayLike | None, count: int
) -> tuple[Float64Array | None, Int64Array | None]:
    """Checked, since the library reads as many times as the last offset says."""
    if token_times is None or token_offsets is None:
        if token_times is not None or token_offsets is not None:
            raise BatchingValueError("token_times and token_offsets must be given together")
        return None, None
    times = float64_column(token_times, "token_times")
    offsets = int64_column(token_offsets, "token_offsets")
    if len(offsets) != count + 1:
        raise BatchingValueError(
            f"token_offsets has {number_of(len(offsets), 'element')}: "
            f"must have one more than there are requests, {count + 1}"
        )
    if offsets[0] != 0 or offsets[-1] != len(times):
        raise BatchingValueError(
            f"token_offsets go from {offsets[0]} to {offsets[-1]}: must go from 0 to the number of token_times, "
            f"{len(times)}"
        )
    return times, offsets
