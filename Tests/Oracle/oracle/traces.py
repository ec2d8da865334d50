"""A second reader of traces, which takes one row and one field after the other: what is usable, and what is not.

It shares nothing with the package: texts are judged by Python's own conversions and exact arithmetic.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

BILLION = 10**9
LONGEST = 9_223_372_036 * BILLION

Value = Callable[[Any], int | None]


@dataclass(frozen=True)
class SlowRow:
    """A usable row; the arrival in nanoseconds of the file's clock."""

    arrival: int
    prompt: int
    output: int
    hash_ids: tuple[int, ...] = ()


def integer_text(minimum: int) -> Value:
    """An integer of at most 18 digits, perhaps written as 5.0."""

    def convert(text: str) -> int | None:
        text = text.strip(" ")
        if not text.isascii() or re.fullmatch(r"-?\d{1,18}(\.0*)?", text, re.ASCII) is None:
            return None
        number = int(Decimal(text))
        return number if minimum <= number < 2**31 else None

    return convert


def seconds_text(text: str) -> int | None:
    """A number from 0 to the longest time."""
    text = text.strip(" ")
    if re.fullmatch(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,4})?", text, re.ASCII) is None:
        return None
    number = float(text)
    if not 0 <= number * 1e9 <= LONGEST:
        return None
    if number * 1e9 > 2**50 and "e" not in text.lower():
        # Where doubles have no nanoseconds, the digits do.
        exact = int((Decimal(text) * BILLION).to_integral_value(ROUND_HALF_UP))
        return exact if exact <= LONGEST else None
    return round(Fraction(number) * BILLION)


def date_text(text: str) -> int | None:
    """A date of the years 1678 to 2261, with or without a time zone."""
    text = text.strip(" ")
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?", text, re.ASCII
    )
    if match is None:
        return None
    day, time, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.strptime(f"{day} {time}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    zone = timedelta()
    if sign is not None:
        if int(hours) > 23 or int(minutes or 0) > 59:
            return None
        zone = timedelta(hours=int(hours), minutes=int(minutes or 0)) * (1 if sign == "+" else -1)
    # strptime allows a second of 60 and 61, which there is not.
    if not 1678 <= moment.year <= 2261 or not time.endswith(tuple(f":{second:02}" for second in range(60))):
        return None
    whole = (moment - zone - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return whole * BILLION + int((fraction or "0").ljust(9, "0"))


def integer_json(minimum: int) -> Value:
    """An integer, perhaps written as 5.0, but no other type."""

    def convert(value: Any) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if isinstance(value, float) and (not math.isfinite(value) or value != math.floor(value)):
            return None
        return int(value) if minimum <= value < 2**31 else None

    return convert


def milliseconds_json(value: Any) -> int | None:
    """A number of milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= LONGEST / 1e6 or value * 1_000_000 > LONGEST:
        return None
    return value * 1_000_000 if isinstance(value, int) else round(Fraction(value) * 1_000_000)


def slow_csv(content: str, names: tuple[str, str, str], arrival: Value) -> tuple[list[SlowRow], int]:
    """The usable rows of an unquoted CSV file, and how many are not."""
    header, *rows = content.split("\n")
    columns = header.split(",")
    places = [columns.index(name) for name in names]
    usable, skipped = [], 0
    for row in rows:
        if not row:
            continue
        fields = row.split(",")
        found = (
            _row([fields[place] for place in places], arrival, integer_text(0), integer_text(1))
            if len(fields) == len(columns)
            else None
        )
        if found is None:
            skipped += 1
        else:
            usable.append(found)
    return usable, skipped


def slow_json(lines: Iterable[str], names: tuple[str, str, str]) -> tuple[list[SlowRow], int]:
    """The usable rows of JSON lines with hash ids, and how many are not."""
    usable, skipped = [], 0
    for line in lines:
        if not line.strip():
            continue
        found = None
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            ids = value.get("hash_ids")
            found = _row([value.get(name) for name in names], milliseconds_json, integer_json(0), integer_json(1))
            if found is not None and ids is not None:
                found = _hashed(found, ids)
        if found is None:
            skipped += 1
        else:
            usable.append(found)
    return usable, skipped


def _row(values: list[Any], *convert: Value) -> SlowRow | None:
    numbers = [conversion(value) for conversion, value in zip(convert, values, strict=True)]
    arrival, prompt, output = numbers
    if arrival is None or prompt is None or output is None:
        return None
    return SlowRow(arrival, prompt, output)


def _hashed(row: SlowRow, ids: Any) -> SlowRow | None:
    if not isinstance(ids, list):
        return None
    for item in ids:
        if isinstance(item, bool) or not isinstance(item, int) or not -(2**63) <= item < 2**63:
            return None
    return SlowRow(row.arrival, row.prompt, row.output, tuple(ids))
