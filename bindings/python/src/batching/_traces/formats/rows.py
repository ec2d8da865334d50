"""The usable rows of a trace, gathered batch by batch, and the count of the others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns import clock
from batching._columns.clock import second_column
from batching._columns.columns import RequestColumns
from batching._columns.sessions import first_turns, numbered
from batching._ffi.arguments import INT32_MAX
from batching._ffi.calls import Float64Array, Int64Array
from batching._traces.formats.source import Source
from batching._traces.formats.turns import NO_TIME, SessionIds, arrivals_in_turn

BoolArray = npt.NDArray[np.bool_]

NANOSECONDS: Final = clock.NANOSECONDS
LONGEST: Final = 9_223_372_036 * NANOSECONDS
"""The longest time that the library takes, in nanoseconds."""

TOO_LATE: Final = "an arrival more than 9223372036 s after the earliest"


def no_integer(name: str, minimum: int, maximum: int = INT32_MAX) -> str:
    """The reason for which a row with another value is skipped."""
    return f"{name} is no integer from {minimum} to {maximum}"


def no_date(name: str) -> str:
    """The reason for which a row with no date is skipped."""
    return f"{name} is no time"


def not_in_order(names: Iterable[str]) -> str:
    """The reason for which a row of such times is skipped."""
    return f"{', '.join(names)} not in order"


def no_ids(name: str) -> str:
    """The reason for which a row with other hash ids is skipped."""
    return f"{name} is no list of integers of 64 bits"


def no_time(name: str) -> str:
    """The reason for which a row without such a time is skipped. Of numbers; dates have their own."""
    return f"{name} is no time from 0 to 9223372036 s"


FAILED: Final = "a failed request (recorded has it)"
"""The reason for which a request is not simulated although its row is used."""
LESS_THAN_OUTPUT: Final = "max_tokens less than the output"
BEFORE_ARRIVAL: Final = "an abort_time before the arrival"
HASH_COUNT: Final = "hash_count"
"""The column of how many hash ids each row has."""


@dataclass(frozen=True)
class HashKind:
    """What the hash ids of a file stand for, as in RequestColumns."""

    block_size: int | None = None
    covers_output: bool = False


class Rows:
    """What has been read so far. Columns are added for whole batches, all of the same names."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.skipped: Counter[str] = Counter()
        self.count = 0
        self.earliest = 0
        """Nanoseconds of the earliest arrival, once the rows are taken."""
        self.hash_ids: list[Int64Array] = []
        """Those of all rows, one row after the other, where there is a column HASH_COUNT."""
        self.no_arrival = "no arrival"
        """The reason for which a row is skipped that begins a session and has no time."""
        self.sessions = SessionIds()
        """Those of a column `session`, which has their numbers."""
        self.keeps_sessions = True
        """Whether ids that are integers stay, and so does a delay of a turn that begins a session."""
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
            if "session" in columns and "end_time" not in columns:
                columns = self._in_turn(columns)
            arrivals = columns["arrival"]
            # Unsigned: two timestamps may be further apart than a signed integer holds.
            earliest = arrivals.min()
            self.earliest = int(earliest)
            since_first = arrivals.view(np.uint64) - earliest.view(np.uint64)
            columns["arrival"] = since_first.astype(np.int64)
            columns = self._without(since_first > LONGEST, TOO_LATE, columns)
        return columns

    def _in_turn(self, columns: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """The columns with the arrivals of later turns, without the rows that have none. An error if none has one."""
        columns["arrival"] = arrivals_in_turn(columns["session"], columns["arrival"])
        columns = self._without(columns["arrival"] == NO_TIME, self.no_arrival, columns)
        if len(columns["arrival"]) == 0:
            raise self.source.error(f"has no usable row{self._reasons()}")
        return columns

    def _without(
        self, rows: BoolArray, reason: str, columns: dict[str, npt.NDArray[Any]]
    ) -> dict[str, npt.NDArray[Any]]:
        """The columns without some rows, which are counted as skipped."""
        if not rows.any():
            return columns
        self.skip(reason, int(rows.sum()))
        if HASH_COUNT in columns:
            self.hash_ids = [np.concatenate(self.hash_ids)[np.repeat(~rows, columns[HASH_COUNT])]]
        return {name: column[~rows] for name, column in columns.items()}

    def requests(self, columns: Mapping[str, npt.NDArray[Any]], kind: HashKind | None = None) -> RequestColumns:
        """What a simulation takes of the columns that were taken: the rows with an output, without those where a column
        `success` says that they failed and that their output is no length. The earliest arrives at 0.0.
        """
        usable = columns["output_length"] > 0
        if "success" in columns:
            usable &= columns["success"]
        simulated = {name: column[usable] for name, column in columns.items()}
        arrivals = simulated.get("arrival")
        if arrivals is not None and len(arrivals):
            arrivals = arrivals - arrivals.min()
        asked, left = simulated.get("max_tokens"), simulated.get("abort_time")
        if asked is not None:
            # Where it is not known it is the output.
            asked = np.maximum(asked, simulated["output_length"]).astype(np.int32)
        if left is not None and arrivals is not None:
            # Still on the clock of the file, of which the arrivals are counted from the earliest.
            first = self.earliest + int((simulated["arrival"] - arrivals)[0]) if len(arrivals) else 0
            # Nor before an arrival that was moved to that of the turn before.
            left = np.where(left < 0, np.nan, seconds(np.maximum(left - first, arrivals)))
        session, delay = self._turns(simulated.get("session"), simulated.get("delay"))
        hashes: dict[str, Any] = {}
        if HASH_COUNT in columns and self.hash_ids:
            kind = kind or HashKind()
            ids = np.concatenate(self.hash_ids)
            if not usable.all():
                ids = ids[np.repeat(usable, columns[HASH_COUNT])]
            if len(ids):
                hashes = {
                    "hash_ids": ids,
                    "hash_offsets": np.concatenate([[0], np.cumsum(simulated[HASH_COUNT])]),
                    "hash_block_size": kind.block_size,
                    "hash_covers_output": kind.covers_output,
                }
        return RequestColumns(
            simulated["output_length"],
            simulated.get("prompt_length"),
            None if arrivals is None else seconds(arrivals),
            priority=simulated.get("priority"),
            tie_break=simulated.get("tie_break"),
            max_tokens=asked,
            abort_time=left,
            session=session,
            delay=None if delay is None else seconds(delay),
            **hashes,
        )

    def _turns(
        self, session: Int64Array | None, delay: Int64Array | None
    ) -> tuple[Int64Array | None, Int64Array | None]:
        """The ids of the sessions, by their numbers, and the delays; None where there is none."""
        if session is None or not self.sessions.were_told:
            return None, None
        ids = self.sessions.integers() if self.keeps_sessions else None
        if ids is not None:
            return ids[session], delay
        session = numbered(session)
        if self.keeps_sessions:
            return session, delay
        later = first_turns(session) != np.arange(len(session))
        if not later.any():
            # Each request is its own.
            return None, None
        return session, None if delay is None else np.where(later, delay, 0)

    def _reasons(self) -> str:
        listed = ", ".join(f"{count:,} with {reason}" for reason, count in self.skipped.items())
        return f" ({listed})" if listed else ""


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


def hash_kind(source: Source, seen: dict[str, set[Any]]) -> HashKind:
    """What the hash ids stand for, by all values of hash_block_size and of hash_covers_output."""
    block_sizes, covers = seen.get("hash_block_size", set()), seen.get("hash_covers_output", set())
    for name, values in (("hash_block_size", block_sizes), ("hash_covers_output", covers)):
        if len(values) > 1:
            raise source.error(f"has several values of {name}: must be the same in all rows")
    block_size, covers_output = next(iter(block_sizes), None), next(iter(covers), None) or False
    if block_size is not None and not (type(block_size) is int and 1 <= block_size < 2**31):
        raise source.error(f"has the hash_block_size {str(block_size)[:40]}: must be an integer from 1 to 2147483647")
    if type(covers_output) is not bool:
        raise source.error(f"has the hash_covers_output {str(covers_output)[:40]}: must be true or false")
    return HashKind(block_size, covers_output)
