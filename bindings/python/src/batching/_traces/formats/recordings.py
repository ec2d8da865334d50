"""What has been gathered, as a trace and as what happened in a recorded run."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt

from batching._columns.recorded import RecordedRequests
from batching._ffi.arguments import number_of
from batching._ffi.calls import Float64Array, Int64Array
from batching._traces.formats.layout import RECORDED_TIMES
from batching._traces.formats.rows import FAILED, LONGEST, NANOSECONDS, HashKind, Rows, no_integer, seconds
from batching._traces.formats.source import Source
from batching._traces.trace import Trace

MISSING: Final = -1
"""Nanoseconds of a time that is not known."""
NOT_IN_ORDER: Final = "times that are not in order"

T = TypeVar("T")


def trace_of(
    rows: Rows, known: str, kind: HashKind | None = None, *, is_recording: bool, details: tuple[str, ...] = ()
) -> Trace:
    """The trace of rows of a table, or of objects."""
    columns = rows.taken()
    usable = columns["output_length"] > 0
    return Trace(
        rows.requests(columns, kind),
        _recorded(columns, rows.earliest) if is_recording else None,
        known,
        dict(rows.skipped),
        {name: columns[name][usable] for name in details},
    )


def _recorded(columns: Mapping[str, npt.NDArray[Any]], earliest: int) -> RecordedRequests:
    """The recording, of the requests that were sent: one without an end has failed."""
    if "was_sent" in columns:
        sent = columns["was_sent"] != 0
        columns = {name: column[sent] for name, column in columns.items() if len(column) == len(sent)}
    # The arrivals are counted from the earliest by now, the other times are still those of the file.
    success = columns["end_time"] != MISSING
    times: dict[str, Any] = {
        name: np.where(columns[name] == MISSING, np.nan, seconds(columns[name] - earliest))
        for name in RECORDED_TIMES
        if name in columns
    }
    arrivals: Any = seconds(columns["arrival"]) if "arrival" in columns else None
    sent = times.pop("sent_time", None)
    if sent is not None:
        arrivals = np.where(np.isnan(sent), 0.0 if arrivals is None else arrivals, sent)
    return RecordedRequests(
        output_length=np.where(success, columns.get("tokens_generated", columns["output_length"]), 0).astype(np.int32),
        arrival_time=arrivals,
        prompt_length=columns.get("prompt_length"),
        success=success,
        **times,
    )


class Record(NamedTuple):
    """A request of a recorded run. Times are nanoseconds on the clock of the run."""

    prompt: int
    output: int
    start: int
    """When it was sent."""
    tokens: Sequence[int]
    """When each chunk of its output was there, as far as that is known: never falling."""
    first_token: int | None
    end: int | None
    success: bool


class Recording:
    """The requests of one run, as flat arrays of integers."""

    def __init__(self, *, has_starts: bool = True, duration: object = None) -> None:
        self._has_starts = has_starts
        self._duration = duration
        self._numbers = {
            name: array("q") for name in ("prompt_length", "output_length", "arrival", "first_token", "end")
        }
        self._successes = array("b")
        self._token_times, self._token_counts = array("q"), array("q")

    def add(self, record: Record) -> str | None:
        """Take a request, or say why it cannot be used. Also why it is only recorded: it failed."""
        tokens = record.tokens
        moments = [record.start] + [time for time in (record.first_token, record.end) if time is not None]
        if moments != sorted(moments) or (tokens and tokens[0] < record.start):
            return NOT_IN_ORDER
        if tokens and record.end is not None and tokens[-1] > record.end:
            # What a tool rounds for each token may add up.
            tokens = np.minimum(tokens, record.end).tolist()
        success = record.success and record.end is not None
        row = (record.prompt, record.output, record.start, record.first_token, record.end)
        for column, number in zip(self._numbers.values(), row, strict=True):
            column.append(MISSING if number is None else number)
        self._successes.append(success)
        self._token_times.extend(tokens)
        self._token_counts.append(len(tokens))
        return None if success and record.output > 0 else FAILED if not success else no_integer("output tokens", 1)

    def trace(self, rows: Rows, known: str) -> Trace:
        """All of it."""
        if len(self._successes):
            columns = {name: np.frombuffer(column, np.int64) for name, column in self._numbers.items()}
            columns["success"] = np.frombuffer(self._successes, np.bool_)
            if not self._has_starts:
                del columns["arrival"]
            rows.add(**columns)
        # All of them: no start from 0 to the longest time is too late.
        taken = rows.taken()
        return Trace(rows.requests(taken), self._recorded(taken, rows.earliest), known, dict(rows.skipped))

    def _recorded(self, taken: Mapping[str, npt.NDArray[Any]], earliest: int) -> RecordedRequests:
        def since_first(times: Int64Array) -> Float64Array:
            return np.where(times == MISSING, np.nan, seconds(times - earliest))

        counts, times = np.array(self._token_counts, np.int64), np.array(self._token_times, np.int64)
        return RecordedRequests(
            end_time=since_first(taken["end"]),
            output_length=taken["output_length"].astype(np.int32),
            arrival_time=seconds(taken["arrival"]) if self._has_starts else None,
            first_token_time=since_first(taken["first_token"]),
            prompt_length=taken["prompt_length"].astype(np.int32),
            success=taken["success"],
            token_times=since_first(times),
            token_offsets=np.concatenate([[0], np.cumsum(counts)]),
            duration=self._duration if _is_duration(self._duration) else None,
        )


def _is_duration(value: object) -> TypeGuard[float]:
    return type(value) in {int, float} and 0 < value <= LONGEST / NANOSECONDS  # type: ignore[operator]


def chosen(source: Source, runs: Sequence[T], run: int | None) -> Sequence[T]:
    """All runs of a file, or the one that is wanted: from 0, and -1 is the last."""
    if run is None:
        return runs
    if not -len(runs) <= run < len(runs):
        raise source.error(f"has {number_of(len(runs), 'run')}: there is none of the number {run}")
    return [runs[run]]
