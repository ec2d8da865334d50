"""The usable rows of a trace, gathered batch by batch, and the count of the others."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching import _clock
from batching._arguments import INT32_MAX
from batching._calls import Float64Array, Int64Array
from batching._clock import second_column
from batching._columns import RequestColumns
from batching._trace_formats.source import Source

BoolArray = npt.NDArray[np.bool_]

NANOSECONDS: Final = _clock.NANOSECONDS
LONGEST: Final = 9_223_372_036 * NANOSECONDS
"""The longest time that the library takes, in nanoseconds."""

TOO_LATE: Final = "an arrival more than 9223372036 s after the earliest"


def no_integer(name: str, minimum: int, maximum: int = INT32_MAX) -> str:
    """The reason for which a row with another value is skipped."""
    return f"{name} is no integer from {minimum} to {maximum}"


def no_time(name: str) -> str:
    """The reason for which a row without such a time is skipped. Of numbers; dates have their own."""
    return f"{name} is no time from 0 to 9223372036 s"


class Rows:
    """What has been read so far. Columns are added for whole batches, all of the same names."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.skipped: Counter[str] = Counter()
        self.count = 0
        self.earliest = 0
        """Nanoseconds of the earliest arrival, once the rows are taken."""
        self._columns: dict[str, list[npt.NDArray[Any]]] = {}

    def skip(self, reason: str, count: int = 1) -> None:
        """Count rows that cannot be used."""
        if count:
            self.skipped[reason] += count

    def add(self, **columns: npt.NDArray[Any]) -> None:
        """Usable rows: output_length and prompt_length, arrival in nanoseconds, priority, and whatever else."""
        self.count += len(next(iter(columns.values())))
        for name, column in columns.items():
            self._columns.setdefault(name, []).append(column)

    def taken(self) -> dict[str, npt.NDArray[Any]]:
        """All columns, with the arrivals counted from the earliest; without the rows that arrive too late for that.
        An error if there is no row.
        """
        self.source.report(at_end=True)
        if self.count == 0:
            raise self.source.error(f"has no usable row{self._reasons()}")
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        self._columns.clear()
        if "arrival" in columns:
            arrivals = columns["arrival"]
            # Unsigned: two timestamps may be further apart than a signed integer holds.
            earliest = arrivals.min()
            self.earliest = int(earliest)
            since_first = arrivals.view(np.uint64) - earliest.view(np.uint64)
            in_time = since_first <= LONGEST
            self.skip(TOO_LATE, int(len(in_time) - in_time.sum()))
            columns["arrival"] = since_first.astype(np.int64)
            columns = {name: column[in_time] for name, column in columns.items()}
        return columns

    def _reasons(self) -> str:
        listed = ", ".join(f"{count:,} with {reason}" for reason, count in self.skipped.items())
        return f" ({listed})" if listed else ""


def requests(columns: Mapping[str, npt.NDArray[Any]], **hashes: Any) -> RequestColumns:
    """The columns that a simulation takes."""
    arrivals = columns.get("arrival")
    return RequestColumns(
        columns["output_length"],
        columns.get("prompt_length"),
        None if arrivals is None else seconds(arrivals),
        priority=columns.get("priority"),
        **hashes,
    )


def seconds(nanoseconds: Int64Array) -> Float64Array:
    """Doubles, as the library takes them."""
    return second_column(nanoseconds)


Check = tuple[str, BoolArray]
"""A reason, and the rows for which it does not hold."""


def usable(rows: Rows, checks: list[Check]) -> BoolArray:
    """The rows that pass every check. Each of the others is counted once, under the first reason that holds."""
    passed = np.ones(len(checks[0][1]), bool)
    for reason, holds in checks:
        if not holds.all():
            rows.skip(reason, int((passed & ~holds).sum()))
            passed &= holds
    return passed
