"""Closed loops that were measured, a row each, and what they would be in a simulation."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from batching._columns.columns import RequestColumns
from batching._ffi.arguments import integer, number, positive, shown
from batching._ffi.calls import Int32Array
from batching._ffi.errors import BatchingValueError

# Of the plastic number (Roberts, 2018): multiples of them fill the square evenly, in any language the same.
_FIRST: Final = 0.7548776662466927
_SECOND: Final = 0.5698402909980532
_INT32_MAX: Final = 2**31 - 1
# What benchmarks call the same, and what of it is a second.
_OTHER_NAMES: Final = {
    "isl": ("prompt_length", 1.0),
    "osl": ("output_length", 1.0),
    "max_concurrency": ("concurrency", 1.0),
    "tp": ("tensor_parallel", 1.0),
    "tp_size": ("tensor_parallel", 1.0),
    "mean_ttft_ms": ("mean_ttft", 1e-3),
    "mean_tpot_ms": ("mean_tpot", 1e-3),
}


@dataclass(frozen=True)
class ClosedLoopRow:
    """What a benchmark of so many requests in flight has measured: the means of TTFT and TPOT.

    Lengths are uniform, in [range_ratio x length, length], as in the benchmarks of vLLM and SGLang.
    """

    concurrency: int
    """The most requests in flight."""
    prompt_length: int
    """The longest prompt, in tokens."""
    output_length: int
    """The longest output, in tokens; at least 2."""
    mean_ttft: float
    """Seconds."""
    mean_tpot: float
    """Seconds."""
    tensor_parallel: int = 1
    """GPUs that share each layer."""
    num_requests: int | None = None
    """Requests that were sent. None: 10 x concurrency."""
    range_ratio: float = 0.8
    """The shortest length, as a share of the longest."""

    def __post_init__(self) -> None:
        for name in ("concurrency", "output_length", "tensor_parallel"):
            least = 2 if name == "output_length" else 1
            self.__dict__[name] = integer(getattr(self, name), name, least, _INT32_MAX)
        self.__dict__["prompt_length"] = integer(self.prompt_length, "prompt_length", 0, _INT32_MAX)
        for name in ("mean_ttft", "mean_tpot"):
            self.__dict__[name] = positive(getattr(self, name), name)
        if self.num_requests is not None:
            self.__dict__["num_requests"] = integer(self.num_requests, "num_requests", 1, _INT32_MAX)
        self.__dict__["range_ratio"] = ratio = number(self.range_ratio, "range_ratio")
        if not 0 <= ratio <= 1:
            raise BatchingValueError(f"range_ratio is {shown(ratio)}: must be in [0, 1]")

    @property
    def count(self) -> int:
        """Requests that are simulated."""
        return 10 * self.concurrency if self.num_requests is None else self.num_requests

    def requests(self) -> RequestColumns:
        """The requests, all there at once: the same at each call, on each machine."""
        return RequestColumns(
            _lengths(self.output_length, self.range_ratio, self.count, _SECOND, 1),
            _lengths(self.prompt_length, self.range_ratio, self.count, _FIRST, 0),
        )


def _lengths(most: int, ratio: float, count: int, step: float, least: int) -> Int32Array:
    shortest = max(int(most * ratio), least)
    places = np.arange(1, count + 1, dtype=np.float64) * step
    return (shortest + np.floor((places - np.floor(places)) * (most - shortest + 1))).astype(np.int32)


def closed_loop_rows(rows: Iterable[ClosedLoopRow | Mapping[str, Any]]) -> list[ClosedLoopRow]:
    """Rows, or mappings with their fields, or with what benchmarks call them; numbers of those may be text."""
    made = []
    for index, row in enumerate(rows):
        if isinstance(row, ClosedLoopRow):
            made.append(row)
        elif isinstance(row, Mapping):
            made.append(_of_mapping(row, f"rows[{index}]"))
        else:
            raise TypeError(f"rows[{index}] is {shown(row)}: must be a ClosedLoopRow, or a mapping with its fields")
    return made


def _of_mapping(row: Mapping[str, Any], name: str) -> ClosedLoopRow:
    known = {known.name: known.type for known in fields(ClosedLoopRow)}
    given: dict[str, Any] = {}
    for key, value in row.items():
        field, unit = (key, 1.0) if key in known else _OTHER_NAMES.get(key, ("", 1.0))
        if not field or value is None or value == "":
            continue
        read = _number(value, f"{name}.{key}") * unit
        given[field] = int(read) if known[field] in (int, int | None) and read == int(read) else read
    needed = ("concurrency", "prompt_length", "output_length", "mean_ttft", "mean_tpot")
    missing = [field for field in needed if field not in given]
    if missing:
        raise BatchingValueError(f"{name} has no {missing[0]}: must have {', '.join(needed)}")
    try:
        return ClosedLoopRow(**given)
    except BatchingValueError as error:
        raise BatchingValueError(f"{name}.{error}") from None
    except TypeError as error:
        raise TypeError(f"{name}.{error}") from None


def _number(value: Any, name: str) -> float:
    if not isinstance(value, str):
        return number(value, name)
    try:
        read = float(value)
    except ValueError:
        read = math.nan
    if not math.isfinite(read):
        raise BatchingValueError(f"{name} is {shown(value)}: must be a number")
    return read
