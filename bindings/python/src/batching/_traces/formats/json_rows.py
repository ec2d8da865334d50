"""JSON objects of which each is a request: which keys a format has, and how values become integers."""

import json
import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from batching._columns.clock import nanosecond_count
from batching._ffi.arguments import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN
from batching._ffi.calls import Int64Array
from batching._traces.formats import time_texts
from batching._traces.formats.json_values import BROKEN, NOT_JSON, NOT_OBJECT, values
from batching._traces.formats.recordings import trace_of
from batching._traces.formats.rows import (
    BEFORE_ARRIVAL,
    FAILED,
    HASH_COUNT,
    LESS_THAN_OUTPUT,
    LONGEST,
    NANOSECONDS,
    HashKind,
    Rows,
    hash_kind,
    no_date,
    no_ids,
    no_integer,
    no_time,
    not_in_order,
)
from batching._traces.formats.source import Source
from batching._traces.formats.turns import NO_TIME, SessionIds
from batching._traces.trace import Trace

UNKNOWN: Final = -1
"""What stands for a detail, and for a time of a recording, that a request does not have."""

_REPORT_EVERY: Final = 1_000  # objects
_NO_LENGTH: Final = (None, 0, "")


@dataclass(frozen=True)
class Keys:
    """The keys of a format's objects; None where it has no such key."""

    output: str
    prompt: str | None
    arrival: str | None
    per_unit: int = NANOSECONDS
    """Nanoseconds in the unit of the arrivals."""
    dated: bool = False
    """Whether the arrivals are dates."""
    in_text: bool = False
    """Whether numbers of the arrivals may be texts."""
    priority: str | None = None
    tie_break: str | None = None
    max_tokens: str | None = None
    abort_time: str | None = None
    """In seconds on the clock of the arrivals."""
    session: str | None = None
    """Whatever names a session; with turn_before, what names a turn."""
    turn_before: str | None = None
    """What names the turn before it."""
    keeps_sessions: bool = True
    """As Rows has it."""
    delay: str | None = None
    delay_per_unit: int = NANOSECONDS
    """Nanoseconds in the unit of the delays."""
    hash_ids: str | None = None
    hash_block_size: int | None = None
    """None: as each object has it, or unknown."""
    details: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    """Those of RECORDED_TIMES that there are, in seconds on the clock of the arrivals."""
    outcome: tuple[str, ...] = ()
    """Of a recorded run, tokens_generated and was_sent, if they are there: integers."""

    def text_time(self, text: object) -> int | None:
        """Nanoseconds of an arrival that must be a text, or None if it is no time."""
        if not isinstance(text, str):
            return None
        if self.dated:
            return time_texts.date(text)
        return time_texts.number(text, self.per_unit) if self.in_text else None

    def no_arrival(self) -> str:
        """The reason for which a request without an arrival is skipped."""
        return (no_date if self.dated else no_time)(str(self.arrival))


def objects(rows: Rows, source: Source) -> Iterator[dict[str, Any]]:
    """The objects of a file. What is none is counted."""
    for count, value in enumerate(values(source), start=1):
        if count % _REPORT_EVERY == 0:
            source.report()
        if isinstance(value, dict):
            yield value
        else:
            rows.skip(NOT_JSON if value is BROKEN else NOT_OBJECT)


def read_objects(source: Source, known: str, keys: Keys) -> Trace:
    """The trace of a file whose objects have these keys."""
    rows = Rows(source)
    gathered = Gathered(keys)
    for value in objects(rows, source):
        reason = gathered.add(value)
        if reason is not None:
            rows.skip(reason)
    return gathered.trace(rows, known)


class Gathered:
    """The requests so far, as flat arrays of integers."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._columns = {
            name: array("q")
            for name, key in (
                ("arrival", keys.arrival),
                ("prompt_length", keys.prompt),
                ("output_length", keys.output),
                ("priority", keys.priority),
                ("tie_break", keys.tie_break),
                ("max_tokens", keys.max_tokens),
                *((name, name) for name in (*keys.details, *keys.outcome, *keys.recorded)),
                ("abort_time", keys.abort_time),
                ("session", keys.session),
                ("delay", keys.delay),
                (HASH_COUNT, keys.hash_ids),
            )
            if key is not None
        }
        # With the least and the greatest that they can be, and what stands for none.
        self._numbers: list[tuple[str, int, int, int | None]] = [
            *([(keys.priority, INT32_MIN, INT32_MAX, None)] if keys.priority is not None else []),
            *([(keys.tie_break, INT64_MIN, INT64_MAX, None)] if keys.tie_break is not None else []),
            *([(keys.max_tokens, 1, INT32_MAX, UNKNOWN)] if keys.max_tokens is not None else []),
            *((detail, UNKNOWN, INT64_MAX, UNKNOWN) for detail in (*keys.details, *keys.outcome)),
        ]
        self._hash_ids = array("q")
        self._hash_kind: dict[str, set[Any]] = {"hash_block_size": set(), "hash_covers_output": set()}
        self._sessions = SessionIds()
        self._has_delays = False

    def add(self, value: Mapping[str, Any]) -> str | None:
        """Take a request, or say why it cannot be used, or only as one that failed."""
        keys = self._keys
        row: list[int] = []
        times = {name: _optional_time(value.get(name)) for name in keys.recorded} if keys.recorded else {}
        failed = bool(times) and times.get("end_time") == UNKNOWN
        if keys.arrival is not None:
            told = value.get(keys.arrival)
            if told is None and self._may_be_later_turn(value):
                arrival: int | None = NO_TIME
            elif isinstance(told, str) or keys.dated:
                arrival = keys.text_time(told)
            else:
                arrival = nanoseconds(told, keys.per_unit)
            if arrival is None:
                return keys.no_arrival()
            row.append(arrival)
        if keys.prompt is not None:
            prompt = whole(value.get(keys.prompt), 0, INT32_MAX)
            if prompt is None and failed and value.get(keys.prompt) in _NO_LENGTH:
                prompt = 0
            if prompt is None:
                return no_integer(keys.prompt, 0)
            row.append(prompt)
        output = whole(value.get(keys.output), 1, INT32_MAX)
        if output is None and failed and value.get(keys.output) in _NO_LENGTH:
            # It failed before there was one.
            output = 0
        if output is None:
            return no_integer(keys.output, 1)
        row.append(output)
        reason = self._add_others(row, value, times)
        if reason is not None:
            return reason
        for column, number in zip(self._columns.values(), row, strict=True):
            column.append(number)
        return FAILED if output == 0 else None

    def _add_others(self, row: list[int], value: Mapping[str, Any], times: Mapping[str, int | None]) -> str | None:
        """Append what comes behind the lengths, or say why it cannot be used."""
        keys, output = self._keys, row[-1]
        reason = self._add_numbers(row, value) if self._numbers else None
        if reason is None and keys.max_tokens is not None and output > (value.get(keys.max_tokens) or output):
            reason = LESS_THAN_OUTPUT
        if reason is None and times:
            reason = self._add_times(row, times)
        if reason is None and keys.abort_time is not None:
            reason = self._add_abort(row, value)
        if reason is None and keys.session is not None:
            told = value.get(keys.session)
            before = keys.turn_before
            row.append(self._sessions.of(told) if before is None else self._sessions.after(told, value.get(before)))
        if reason is None and keys.delay is not None:
            reason = self._add_delay(row, value.get(keys.delay))
        if reason is None and keys.hash_ids is not None:
            reason = self._add_hashes(row, value)
        return reason

    def _add_numbers(self, row: list[int], value: Mapping[str, Any]) -> str | None:
        """Append what is neither a length nor a time, or say why it cannot be used."""
        for name, least, most, default in self._numbers:
            told = value.get(name)
            number = default if told is None else whole(told, least, most)
            if number is None:
                return no_integer(name, least, most)
            row.append(number)
        return None

    def _add_times(self, row: list[int], times: Mapping[str, int | None]) -> str | None:
        """Append the times of a recording, or say why they cannot be used."""
        has_arrival = self._keys.arrival is not None
        moments = row[:1] if has_arrival else []
        for name, time in times.items():
            if time is None:
                return no_time(name)
            row.append(time)
            if time != UNKNOWN:
                moments.append(time)
        return None if moments == sorted(moments) else not_in_order(["arrival"] * has_arrival + list(times))

    def _add_abort(self, row: list[int], value: Mapping[str, Any]) -> str | None:
        """Append when the client left, or say why that cannot be used."""
        name = str(self._keys.abort_time)
        time = _optional_time(value.get(name))
        if time is None:
            return no_time(name)
        row.append(time)
        return None if time == UNKNOWN or time >= row[0] else BEFORE_ARRIVAL

    def _add_delay(self, row: list[int], told: object) -> str | None:
        """Append the delay, or say why it cannot be used."""
        delay = 0 if told is None else nanoseconds(told, self._keys.delay_per_unit)
        if delay is None:
            return no_time(str(self._keys.delay))
        self._has_delays |= told is not None
        row.append(delay)
        return None

    def _add_hashes(self, row: list[int], value: Mapping[str, Any]) -> str | None:
        """Append the number of hash ids and keep them, or say why they cannot be used."""
        name = str(self._keys.hash_ids)
        ids = integer_list(value.get(name))
        if ids is None:
            return no_ids(name)
        self._hash_ids.extend(ids)
        row.append(len(ids))
        if self._keys.hash_block_size is None:
            for kind, seen in self._hash_kind.items():
                # As text, since a value may be anything, and true is equal to 1.
                seen.add(json.dumps(value.get(kind)))
        return None

    def _may_be_later_turn(self, value: Mapping[str, Any]) -> bool:
        """Whether a request without an arrival may take that of the turn before. Not if what happened to it is told."""
        key = self._keys.session
        return key is not None and value.get(key) is not None and not self._keys.recorded

    def trace(self, rows: Rows, known: str) -> Trace:
        """All of it."""
        columns: dict[str, Int64Array] = {
            name: np.frombuffer(column, np.int64) for name, column in self._columns.items()
        }
        rows.no_arrival = self._keys.no_arrival()
        rows.sessions, rows.keeps_sessions = self._sessions, self._keys.keeps_sessions
        if "delay" in columns and not self._has_delays:
            del columns["delay"]
        if len(columns["output_length"]):
            rows.add(**columns)
        if self._hash_ids:
            rows.hash_ids.append(np.frombuffer(self._hash_ids, np.int64))
        kind = HashKind(self._keys.hash_block_size)
        if self._keys.hash_ids is not None and self._keys.hash_block_size is None:
            kind = hash_kind(rows.source, {name: {*map(json.loads, seen)} for name, seen in self._hash_kind.items()})
        return trace_of(rows, known, kind, is_recording="end_time" in self._keys.recorded, details=self._keys.details)


def whole(value: object, minimum: int, maximum: int) -> int | None:
    """An integer in its range. 5.0 is one; true, "5" and 5.5 are none."""
    # A bool is of a type of its own here, although it is an int.
    if type(value) is int:
        return value if minimum <= value <= maximum else None
    if type(value) is float and minimum <= value <= maximum and value.is_integer():
        return int(value)
    return None


def nanoseconds(value: object, per_unit: int) -> int | None:
    """Nanoseconds of a time from 0 to the longest. Exact for an integer, else rounded to the nearest."""
    if type(value) is int:
        return value * per_unit if 0 <= value <= LONGEST // per_unit else None
    if type(value) is float and value >= 0 and value * per_unit <= LONGEST:
        return nanosecond_count(value, per_unit)
    return None


def _optional_time(value: object) -> int | None:
    """Nanoseconds of a time of a recording, UNKNOWN where there is none, or None if it is no time."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return UNKNOWN
    return nanoseconds(value, NANOSECONDS)


def integer_list(value: object) -> list[int] | None:
    """A list of integers of 64 bits; empty for none at all."""
    if value is None:
        return []
    if type(value) is not list or not {*map(type, value)} <= {int}:
        return None
    if value and not (min(value) >= INT64_MIN and max(value) <= INT64_MAX):
        return None
    return value
