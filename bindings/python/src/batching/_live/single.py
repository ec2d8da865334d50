"""What is submitted: one request, which goes to the library as columns of one, or many."""

from typing import Any, Final

import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._ffi.arguments import int32, int64_column, integer, number, number_of, shown
from batching._ffi.calls import Int64Array
from batching._ffi.errors import BatchingValueError

# What C calls otherwise of one request.
OF_ONE: Final = {
    r"ids\[0\]": "request",
    **{rf"{name}\[0\]": name for name in ("prompt_length", "output_length", "arrival_time", "priority", "session")},
}


def single(
    *,
    prompt_length: int,
    output_length: int,
    arrival_time: float | None,
    priority: int,
    hash_ids: npt.ArrayLike | None,
    hash_block_size: int | None,
    hash_covers_output: bool,
    max_tokens: int | None = None,
    session: int | None = None,
) -> RequestColumns:
    """One request as columns."""
    one: dict[str, Any] = {
        "arrival_time": None if arrival_time is None else [number(arrival_time, "arrival_time")],
        "hash_ids": None if hash_ids is None else [hash_ids],
        "max_tokens": None if max_tokens is None else [int32(max_tokens, "max_tokens")],
        "session": None if session is None else [integer(session, "session")],
    }
    return RequestColumns(
        [int32(output_length, "output_length")],
        [int32(prompt_length, "prompt_length")],
        priority=[int32(priority, "priority")],
        hash_block_size=hash_block_size,
        hash_covers_output=hash_covers_output,
        **one,
    )


def ids_of(requests: object, ids: npt.ArrayLike | None) -> Int64Array | None:
    """What the caller calls each of many requests; None: as the library numbers them. Both are looked at."""
    checked = columns_of(requests)
    if ids is None:
        return None
    names = int64_column(ids, "ids")
    if len(names) != len(checked):
        raise BatchingValueError(
            f"ids has {number_of(len(names), 'element')}: must have as many as there are requests, {len(checked)}"
        )
    return names


def columns_of(requests: object) -> RequestColumns:
    """Many requests."""
    if not isinstance(requests, RequestColumns):
        raise TypeError(f"requests is {shown(requests)}: must be RequestColumns")
    return requests
