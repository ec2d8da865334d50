"""Columns of a table, as text or as types of Arrow, into integers: whole columns at a time, whatever is broken in them.

A regular expression first says which texts are well formed; only those are converted, so that one broken row costs no
more than a good one, and a row's fate never depends on its neighbours.
"""

import contextlib
import datetime
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batching._columns.clock import nanosecond_column
from batching._ffi.arguments import INT64_MAX, INT64_MIN
from batching._ffi.calls import Float64Array, Int64Array
from batching._traces.formats.rows import LONGEST, NANOSECONDS, BoolArray

_INTEGER: Final = r"^-?[0-9]{1,18}(\.0*)?$"
_NUMBER: Final = r"^[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,4})?$"
_ZONE: Final = r"(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)$"
# Without an exponent, and no longer than the longest time.
_DECIMAL: Final = r"^\+?[0-9]{1,40}\.[0-9]{1,40}$"
# Nanoseconds of which doubles hold every one, and half of it.
_EXACT: Final = 1 << 50
_DATE: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?$"
)
# The years that lie whole within 64 bits of nanoseconds around 1970.
_FIRST_YEAR, _LAST_YEAR = 1678, 2261
_PER_UNIT: Final = {"s": NANOSECONDS, "ms": 10**6, "us": 10**3, "ns": 1}


def integers(column: Any, minimum: int, maximum: int) -> tuple[Int64Array, BoolArray]:
    """Integers, and where there is one from minimum to maximum. 5.0 is one, 5.5 and true are none."""
    column = _plain(column)
    if _is_text(column):
        well_formed = _are_integers(column)
        if maximum == INT64_MAX:
            well_formed |= _longest_integers(column)
        kept = _only(column, well_formed).cast(pa.string())
        try:
            values = kept.cast(pa.int64())
        except pa.ArrowInvalid:
            values = pc.replace_substring_regex(kept, r"\..*$", "").cast(pa.int64())
        return _between(_numpy(values), well_formed, minimum, maximum)
    present = _present(column)
    if pa.types.is_integer(column.type):
        return _between(_numpy(column), present, minimum, maximum)
    values = _doubles(column)
    with np.errstate(invalid="ignore"):
        present &= (values >= minimum) & (values <= maximum) & (np.floor(values) == values)
    return np.where(present, values, 0).astype(np.int64), present


def _are_integers(column: Any) -> BoolArray:
    """Where there is an _INTEGER. Most are digits alone, which is checked faster than by a regular expression."""
    is_large = pa.types.is_large_binary(column.type) or pa.types.is_large_string(column.type)
    # Seen as text even where it is none: then it is no digits.
    text = column.view(pa.large_string() if is_large else pa.string())
    digits = pc.and_(pc.ascii_is_decimal(text), pc.less_equal(pc.binary_length(column), 18))
    well_formed = _copied(pc.fill_null(digits, fill_value=False))
    others = ~well_formed
    if others.any():
        well_formed[others] = _matching(column.filter(pa.array(others)), _INTEGER)
    return well_formed


def _longest_integers(column: Any) -> BoolArray:
    """Where there is an integer of 19 digits that fits 64 bits: as many digits are ordered as texts are."""
    text = _only(column, _matching(column, r"^-?[0-9]{19}$")).cast(pa.string())
    fits = pc.or_(pc.less_equal(pc.ascii_ltrim(text, "-"), str(INT64_MAX)), pc.equal(text, str(INT64_MIN)))
    return _copied(pc.fill_null(fits, fill_value=False))


def durations(column: Any, per_unit: int) -> tuple[Int64Array, BoolArray]:
    """Nanoseconds from numbers of a unit of so many, and where there is one from 0 to the longest time."""
    column = _plain(column)
    if _is_text(column):
        whole, are_whole = integers(column, 0, LONGEST // per_unit)
        if are_whole.all():
            return whole * per_unit, are_whole
        well_formed = _matching(column, _NUMBER)
        doubles = _numpy(_only(column, well_formed).cast(pa.string()).cast(pa.float64()))
        nanoseconds, are_times = nanoseconds_of(doubles, well_formed, per_unit)
        coarse = are_times & (nanoseconds > _EXACT)
        if coarse.any():
            coarse &= _matching(column, _DECIMAL)
            nanoseconds[coarse] = _decimals(column.filter(pa.array(coarse)).cast(pa.string()), per_unit)
            are_times &= nanoseconds <= LONGEST
        return np.where(are_whole, whole * per_unit, nanoseconds), are_times | are_whole
    if pa.types.is_integer(column.type):
        whole, are_times = integers(column, 0, LONGEST // per_unit)
        return whole * per_unit, are_times
    if pa.types.is_timestamp(column.type):
        return dates(column)
    return nanoseconds_of(_doubles(column), _present(column), per_unit)


def _decimals(text: Any, per_unit: int) -> Int64Array:
    """Nanoseconds of decimal fractions, to the last one: epoch seconds have more digits than a double."""
    digits = len(str(per_unit)) - 1
    parts = pc.extract_regex(text, r"^\+?0*(?P<whole>[0-9]*)\.(?P<part>[0-9]*)$")
    whole = pc.utf8_lpad(pc.struct_field(parts, "whole"), 1, "0").cast(pa.int64())
    # One digit more, by which the last is rounded.
    part = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.struct_field(parts, "part"), digits + 1, "0"), 0, digits + 1)
    rounded: Int64Array = _numpy(whole) * per_unit + (_numpy(part.cast(pa.int64())) + 5) // 10
    return rounded


def nanoseconds_of(values: Float64Array, present: BoolArray, per_unit: int) -> tuple[Int64Array, BoolArray]:
    """Nanoseconds from doubles, and where there is one from 0 to the longest time."""
    with np.errstate(invalid="ignore", over="ignore"):
        are_times = present & (values >= 0) & (values * per_unit <= LONGEST)
    return nanosecond_column(np.where(are_times, values, 0.0), per_unit), are_times


def dates(column: Any) -> tuple[Int64Array, BoolArray]:
    """Nanoseconds since 1970 of `2023-11-16 18:15:46[.fraction][zone]`, and where there is one. No zone means UTC."""
    column = _plain(column)
    if pa.types.is_timestamp(column.type):
        per_unit = _PER_UNIT[column.type.unit]
        # Checked before it is multiplied, and so that the least integer, NumPy's "no time", is none.
        limit = (2**63 - 1) // per_unit
        values, are_times = _between(_numpy(column.cast(pa.int64())), _present(column), -limit, limit)
        return np.where(are_times, values, 0) * per_unit, are_times
    if not _is_text(column):
        raise pa.ArrowTypeError(f"{column.type} is no type of a date")
    well_formed = _matching(column, _DATE)
    text = _only(column, well_formed).cast(pa.string())
    try:
        times = _times_alike(text)
    except pa.ArrowInvalid:
        # The 30th of February, a year beyond 64 bits, or a zone that others have not.
        well_formed = _existing_days(text)
        times = _times(_only(text, well_formed))
    return _numpy(times.cast(pa.int64())), well_formed


def are_dates(column: Any) -> bool:
    """Whether some value of the column is a date."""
    column = _plain(column)
    if _is_text(column):
        return bool(_matching(column, _DATE).any())
    return bool(pa.types.is_timestamp(column.type))


def are_missing(column: Any) -> BoolArray:
    """Where there is no value: null, NaN, an empty text, or a word for none."""
    column = _plain(column)
    if _is_text(column):
        return ~_present(column) | _matching(column, r"^([nN][aA][nN]?|N/A|[nN]ull|NULL|[nN]one|-)?$")
    missing = ~_present(column)
    if pa.types.is_floating(column.type):
        missing |= np.isnan(_doubles(column))
    return missing


def distinct(column: Any) -> tuple[list[object], Int64Array]:
    """The different values of a column in the order in which they come, and for each row which it has; -1: null."""
    encoded = _plain(column).dictionary_encode()
    ranks: Int64Array = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return encoded.dictionary.to_pylist(), ranks


def lists(column: Any) -> tuple[BoolArray, Callable[[BoolArray], tuple[Int64Array, Int64Array]]]:
    """Where there is a list of integers of 64 bits, or nothing, which is an empty one; and a function from the rows
    that are kept, which have one, to their counts and integers.
    """
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_integer(kind.value_type):
        raise pa.ArrowTypeError(f"{kind} is no type of a list of integers")
    counts: Int64Array = _numpy(pc.list_value_length(column)).astype(np.int64)
    values = pc.list_flatten(column)
    _, are_integers = _between(_numpy(values), _present(values), INT64_MIN, INT64_MAX)
    bad = np.bincount(np.repeat(np.arange(len(counts)), counts)[~are_integers], minlength=len(counts))

    def kept(rows: BoolArray) -> tuple[Int64Array, Int64Array]:
        integers: Int64Array = _numpy(values)[np.repeat(rows, counts)].astype(np.int64)
        return counts[rows], integers

    return bad == 0, kept


def _times_alike(text: Any) -> Any:
    """Times that all have a zone, or all have none, as the first; if not, Arrow says so."""
    is_zoned = re.search(_ZONE, pc.first(text).as_py() or "") is not None
    return text.cast(pa.timestamp("ns", "UTC" if is_zoned else None))


def _times(text: Any) -> Any:
    with contextlib.suppress(pa.ArrowInvalid):
        return _times_alike(text)
    zoned = pc.match_substring_regex(text, _ZONE)
    return pc.if_else(zoned, text, pc.binary_join_element_wise(text, "Z", "")).cast(pa.timestamp("ns", "UTC"))


def _existing_days(text: Any) -> BoolArray:
    encoded = pc.utf8_slice_codeunits(text, 0, 10).dictionary_encode()
    exist: BoolArray = np.array([_is_day(day) for day in encoded.dictionary.to_pylist()] or [False])
    there: BoolArray = exist[_numpy(encoded.indices)] & _present(text)
    return there


def _is_day(text: str) -> bool:
    try:
        return _FIRST_YEAR <= datetime.date.fromisoformat(text).year <= _LAST_YEAR
    except ValueError:
        return False


def _plain(column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_text(column: Any) -> bool:
    kind = column.type
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    )


def _matching(column: Any, pattern: str) -> BoolArray:
    # Bytes, since a broken row may be no text at all.
    kind = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
    as_bytes = column.cast(kind) if not pa.types.is_large_binary(column.type) else column
    return _copied(pc.fill_null(pc.match_substring_regex(as_bytes, pattern), fill_value=False))


def _only(column: Any, kept: BoolArray) -> Any:
    """The column with null where a value is not kept."""
    return column if kept.all() else pc.if_else(pa.array(kept), column, pa.scalar(None, column.type))


def _present(column: Any) -> BoolArray:
    return _copied(column.is_valid())


def _copied(column: Any) -> BoolArray:
    booleans: BoolArray = column.to_numpy(zero_copy_only=False)
    return booleans.copy()


def _numpy(column: Any) -> Any:
    """A column of numbers with 0 for null."""
    if column.null_count:
        column = column.fill_null(0)
    return column.to_numpy(zero_copy_only=False)


def _doubles(column: Any) -> Float64Array:
    """A column of floating-point or decimal numbers with NaN for null."""
    if not pa.types.is_floating(column.type) and not pa.types.is_decimal(column.type):
        raise pa.ArrowTypeError(f"{column.type} is no type of a number")
    doubles: Float64Array = column.cast(pa.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False)
    return doubles


def _between(values: Any, present: BoolArray, minimum: int, maximum: int) -> tuple[Int64Array, BoolArray]:
    # Compared before the cast, since an unsigned integer may not fit.
    inside = present & (values <= maximum)
    if values.dtype.kind == "i":
        inside &= values >= minimum
    else:
        inside &= values >= max(0, minimum)
    return np.where(inside, values, 0).astype(np.int64), inside
