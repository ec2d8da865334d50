"""JSON objects of which each is a request: which keys a format has, and how values become integers."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from batching._arguments import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN
from batching._calls import Int64Array
from batching._clock import nanosecond_count
from batching._trace_formats.json_values import BROKEN, NOT_JSON, NOT_OBJECT, values
from batching._trace_formats.rows import LONGEST, NANOSECONDS, Rows, no_integer, no_time, requests
from batching._trace_formats.source import Source
from batching._traces import Trace

UNKNOWN: Final = -1
"""What stands for a detail that a request does not have."""


_REPORT_EVERY: Final = 1_000  # objects


@dataclass(frozen=True)
class Keys:
    """The keys of a format's objects; None where it has no such key."""

    output: str
    prompt: str | None
    arrival: str | None
    per_unit: int = NANOSECONDS
    """Nanoseconds in the unit of the arrivals."""
    priority: str | None = None
    hash_ids: str | None = None
    hash_block_size: int | None = None
    details: tuple[str, ...] = ()


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
                *((detail, detail) for detail in keys.details),
            )
            if key is not None
        }
        self._hash_ids = array("q")
        self._hash_counts = array("q")

    def add(self, value: Mapping[str, Any]) -> str | None:
        """Take a request, or say why it cannot be used."""
        keys, row = self._keys, []
        if keys.arrival is not None:
            arrival = nanoseconds(value.get(keys.arrival), keys.per_unit)
            if arrival is None:
                return no_time(keys.arrival)
            row.append(arrival)
        if keys.prompt is not None:
            prompt = whole(value.get(keys.prompt), 0, INT32_MAX)
            if prompt is None:
                return no_integer(keys.prompt, 0)
            row.append(prompt)
        output = whole(value.get(keys.output), 1, INT32_MAX)
        if output is None:
            return no_integer(keys.output, 1)
        row.append(output)
        if keys.priority is not None:
            priority = whole(value.get(keys.priority), INT32_MIN, INT32_MAX)
            if priority is None:
                return no_integer(keys.priority, INT32_MIN)
            row.append(priority)
        for name in keys.details:
            detail = value.get(name)
            number = UNKNOWN if detail is None else whole(detail, UNKNOWN, INT64_MAX)
            if number is None:
                return no_integer(name, UNKNOWN, INT64_MAX)
            row.append(number)
        if keys.hash_ids is not None:
            ids = integer_list(value.get(keys.hash_ids))
            if ids is None:
                return f"{keys.hash_ids} is no list of integers of 64 bits"
            self._hash_ids.extend(ids)
            self._hash_counts.append(len(ids))
        for column, number in zip(self._columns.values(), row, strict=True):
            column.append(number)
        return None

    def trace(self, rows: Rows, known: str) -> Trace:
        """All of it."""
        count = len(self._columns["output_length"])
        columns: dict[str, Int64Array] = {
            name: np.frombuffer(column, np.int64) for name, column in self._columns.items()
        }
        if count:
            rows.add(**columns)
        # All of them: no arrival from 0 to the longest time is too late.
        taken = rows.taken()
        hashes: dict[str, Any] = {}
        if self._hash_ids:
            hashes = {
                "hash_ids": np.frombuffer(self._hash_ids, np.int64),
                "hash_offsets": np.concatenate([[0], np.cumsum(np.frombuffer(self._hash_counts, np.int64))]),
                "hash_block_size": self._keys.hash_block_size,
            }
        return Trace(
            requests(taken, **hashes),
            None,
            known,
            dict(rows.skipped),
            {name: taken[name] for name in self._keys.details},
        )


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


def integer_list(value: object) -> list[int] | None:
    """A list of integers of 64 bits; empty for none at all."""
    if value is None:
        return []
    if type(value) is not list or not {*map(type, value)} <= {int}:
        return None
    if value and not (min(value) >= INT64_MIN and max(value) <= INT64_MAX):
        return None
    return value
