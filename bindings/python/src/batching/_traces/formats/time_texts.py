"""Times that are written as text in JSON, one at a time: as arrow_columns reads them in tables."""

import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from batching._traces.formats.rows import LONGEST, NANOSECONDS

_DATE: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
_NUMBER: Final = re.compile(r"\+?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,4})?")
_EPOCH: Final = datetime(1970, 1, 1)
_FIRST_YEAR, _LAST_YEAR = 1678, 2261
"""That lie whole within 64 bits of nanoseconds around 1970."""


def date(text: str) -> int | None:
    """Nanoseconds since 1970 of `2023-11-16 18:15:46[.fraction][zone]`; None if it is no date. No zone means UTC."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    day, time, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}")
    except ValueError:
        return None
    offset = 60 * int(hours or 0) + int(minutes or 0)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR or int(hours or 0) > 23 or int(minutes or 0) > 59:
        return None
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds - 60 * (-offset if sign == "-" else offset)
    return seconds * NANOSECONDS + int((fraction or "").ljust(9, "0"))


def number(text: str, per_unit: int) -> int | None:
    """Nanoseconds of a number of units from 0 to the longest time, to the last one; None if it is no such number."""
    if _NUMBER.fullmatch(text.strip()) is None:
        return None
    value = Decimal(text.strip())
    if value.adjusted() > 20:
        return None
    nanoseconds = int((value * per_unit).to_integral_value(ROUND_HALF_UP))
    return nanoseconds if nanoseconds <= LONGEST else None
