"""Many requests as columns: NumPy arrays of which element i belongs to request i, and no Python object per request.

A column that already is a contiguous int32 or float64 array is borrowed, not copied: do not change it while it is in
use. What these classes show of a column that they were given is read-only.
"""

from typing import Any

import numpy.typing as npt

from batching import _abi
from batching._arguments import check_same_length, float64_column, int32_column
from batching._calls import Float64Array, Int32Array, initialised, pointer


class _Columns:
    """Equal columns, immutable once made. Two objects are equal only if they are the same one, as for NumPy arrays."""

    def _keep(self, **columns: npt.NDArray[Any] | None) -> None:
        check_same_length(columns)
        for name, column in columns.items():
            # A view, so that the caller's own array stays writable.
            shown = None if column is None else column.view()
            if shown is not None:
                shown.flags.writeable = False
            self.__dict__[name] = shown

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed: make a new one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed: make a new one")


class RequestColumns(_Columns):
    """Requests to simulate.

    Args:
        output_length: tokens to generate, each at least 1; one-dimensional and array-like, integers of any width.
        prompt_length: prompt tokens, each at least 0. None: all 0.
        arrival_time: seconds, each in [0, 9223372036], in any order. None: all 0.0.

    Raises:
        TypeError: something is no integer or no number.
        ValueError: a length does not fit int32, or the columns differ in length. What else a value must be is
            checked by the functions that use it.

    The attributes of the same names are an int32, an int32 and a float64 array of shape (count,), or None as given.

    >>> RequestColumns([50, 200], arrival_time=[0.0, 0.1])
    RequestColumns(2 requests, 250 output tokens, arrivals 0.0 to 0.1 s)
    """

    output_length: Int32Array
    prompt_length: Int32Array | None
    arrival_time: Float64Array | None

    def __init__(
        self,
        output_length: npt.ArrayLike,
        prompt_length: npt.ArrayLike | None = None,
        arrival_time: npt.ArrayLike | None = None,
    ) -> None:
        self._keep(
            output_length=int32_column(output_length, "output_length"),
            prompt_length=None if prompt_length is None else int32_column(prompt_length, "prompt_length"),
            arrival_time=None if arrival_time is None else float64_column(arrival_time, "arrival_time"),
        )

    def __len__(self) -> int:
        return len(self.output_length)

    def __repr__(self) -> str:
        if len(self) == 0:
            return "RequestColumns(0 requests)"
        arrivals = "all arrive at 0.0 s"
        if self.arrival_time is not None:
            arrivals = f"arrivals {float(self.arrival_time.min())!r} to {float(self.arrival_time.max())!r} s"
        return f"RequestColumns({len(self)} requests, {int(self.output_length.sum())} output tokens, {arrivals})"

    def _structure(self) -> _abi.Requests:
        requests = initialised(_abi.Requests)
        requests.count = len(self)
        requests.prompt_length = pointer(self.prompt_length)
        requests.output_length = pointer(self.output_length)
        requests.arrival_time = pointer(self.arrival_time)
        return requests


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
        return (
            f"CompletedColumns({len(self)} requests, {int(self.tokens_generated.sum())} tokens, "
            f"{float(self.start_time.min())!r} to {float(self.end_time.max())!r} s)"
        )

    def _structure(self) -> _abi.Completed:
        completed = initialised(_abi.Completed)
        completed.count = len(self)
        completed.arrival_time = pointer(self.arrival_time)
        completed.start_time = pointer(self.start_time)
        completed.first_token_time = pointer(self.first_token_time)
        completed.end_time = pointer(self.end_time)
        completed.tokens_generated = pointer(self.tokens_generated)
        return completed
