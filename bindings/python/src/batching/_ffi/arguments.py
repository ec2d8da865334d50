"""From what a caller passes to what the C interface takes, or an error that names argument, index and value.

Only types, and the ranges of the C types, are checked here; what a value means is checked by the library alone.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeGuard

import numpy as np
import numpy.typing as npt

from batching._ffi.calls import Float64Array, Int32Array, Int64Array, UInt64Array
from batching._ffi.errors import BatchingValueError

INT32_MIN: Final = -(2**31)
INT32_MAX: Final = 2**31 - 1
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
_UINT64_MAX: Final = 2**64 - 1

_LONGEST_TEXT: Final = 80


def shown(value: object) -> str:
    """A value as an error sentence shows it: its repr, unless that is long or cannot be had."""
    if isinstance(value, int) and value.bit_length() > 256:
        # Python refuses to write integers of thousands of digits.
        return f"an integer of {value.bit_length()} bits"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  (whatever a stranger's repr raises must not hide the error to be raised)
        return f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def integer(value: object, name: str, minimum: int = INT64_MIN, maximum: int = INT64_MAX) -> int:
    """A Python or NumPy integer between the two limits. A float or a bool is a mistake, whatever its value."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} is {shown(value)}: must be an integer")
    number = operator.index(value)
    if not minimum <= number <= maximum:
        if number < minimum and maximum == INT64_MAX:
            # That it must fit 64 bits, too, is of no interest.
            raise BatchingValueError(f"{name} is {shown(number)}: must be at least {minimum}")
        raise BatchingValueError(f"{name} is {shown(number)}: must be between {minimum} and {maximum}")
    return number


def int32(value: object, name: str) -> int:
    """An integer in the range of int32_t."""
    # What nearly every one is, in half the time.
    if type(value) is int and INT32_MIN <= value <= INT32_MAX:
        return value
    return integer(value, name, INT32_MIN, INT32_MAX)


def number(value: object, name: str) -> float:
    """A double. An integer must be one that a double holds exactly."""
    if isinstance(value, float | np.floating):
        return float(value)
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} is {shown(value)}: must be a number")
    whole = operator.index(value)
    try:
        result = float(whole)
    except OverflowError:
        raise BatchingValueError(f"{name} is {shown(whole)}: must fit a double") from None
    if int(result) != whole:
        raise BatchingValueError(f"{name} is {shown(whole)}: must be a value that a double holds exactly")
    return result


def positive(value: object, name: str) -> float:
    """0 is the default in C, and a mistake here."""
    given = number(value, name)
    if not given > 0:
        raise BatchingValueError(f"{name} is {shown(given)}: must be greater than 0")
    return given


def word(value: object, name: str, words: Mapping[str, int]) -> int:
    """The value of one of these words in C."""
    if not isinstance(value, str) or value not in words:
        raise BatchingValueError(f"{name} is {shown(value)}: must be one of {', '.join(map(repr, words))}")
    return words[value]


def int32_column(values: npt.ArrayLike, name: str) -> Int32Array:
    """A contiguous int32 array of one dimension: `values` itself if it is one already."""
    array = _array(values, name, int32, np.int32)
    if array.dtype == np.int32:
        return _in_one_piece(array, np.int32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} is an array of {array.dtype}: must be integers")
    outside = (array < INT32_MIN) | (array > INT32_MAX)
    if outside.any():
        index = int(outside.argmax())
        int32(int(array[index]), f"{name}[{index}]")
    return _in_one_piece(array, np.int32)


def int64_column(values: npt.ArrayLike, name: str) -> Int64Array:
    """A contiguous int64 array of one dimension: `values` itself if it is one already."""
    array = _array(values, name, integer, np.int64)
    if array.dtype == np.int64:
        return _in_one_piece(array, np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} is an array of {array.dtype}: must be integers")
    outside = array > INT64_MAX
    if outside.any():
        index = int(outside.argmax())
        integer(int(array[index]), f"{name}[{index}]")
    return _in_one_piece(array, np.int64)


def hash_column(values: npt.ArrayLike, name: str) -> UInt64Array:
    """A contiguous uint64 array of one dimension, of hashes: 64 bits each, whether or not they are taken as signed."""
    array = _array(values, name, _hash, np.uint64)
    if array.dtype in {np.dtype(np.uint64), np.dtype(np.int64)}:
        return _in_one_piece(array.view(np.uint64), np.uint64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} is an array of {array.dtype}: must be integers")
    return _in_one_piece(array.astype(np.int64).view(np.uint64), np.uint64)


def _hash(value: object, name: str) -> int:
    return integer(value, name, INT64_MIN, _UINT64_MAX) & _UINT64_MAX


def float64_column(values: npt.ArrayLike, name: str) -> Float64Array:
    """A contiguous float64 array of one dimension: `values` itself if it is one already.

    Integers that a double would round are far beyond the longest time, and refused as such by the library.
    """
    array = _array(values, name, number, np.float64)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} is an array of {array.dtype}: must be numbers")
    return _in_one_piece(array, np.float64)


def _array(
    values: npt.ArrayLike, name: str, element: Callable[[object, str], Any], dtype: type[np.generic]
) -> npt.NDArray[Any]:
    """An array of one dimension. The elements of a list go through `element` one by one, since NumPy would quietly turn
    [1, True, "2"] into strings.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise BatchingValueError(f"{name} has masked elements: must have a value everywhere")
    if _is_plain_sequence(values):
        return _checked(values, name, element, dtype)
    array = np.asarray(values)
    if array.ndim != 1:
        if array.ndim == 0 and array.dtype.kind not in "iuf":
            raise TypeError(f"{name} is {shown(values)}: must be one-dimensional and array-like")
        raise BatchingValueError(f"{name} has the shape {array.shape}: must be one-dimensional")
    if array.dtype.kind == "O":
        return _checked(array.tolist(), name, element, dtype)
    return array


def _in_one_piece(array: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """An array of one type, as C reads it: the array itself if it is so already."""
    # What is asked first is what `np.require` asks, ten times as fast.
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.require(array, dtype, ["C", "A"])


def _is_plain_sequence(values: object) -> TypeGuard[Sequence[object]]:
    """Whether NumPy would have to look at one Python object after the other."""
    if isinstance(values, str) or hasattr(values, "__array__") or not isinstance(values, Sequence):
        return False
    try:
        memoryview(values)  # type: ignore[arg-type]
    except TypeError:
        return True
    return False


def _checked(
    values: Sequence[object], name: str, element: Callable[[object, str], Any], dtype: type[np.generic]
) -> npt.NDArray[Any]:
    column = np.empty(len(values), dtype)
    for index, value in enumerate(values):
        column[index] = element(value, f"{name}[{index}]")
    return column


def number_of(count: int, noun: str) -> str:
    """What there is, in a sentence: "1 element", "2 elements"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def check_same_length(columns: dict[str, npt.NDArray[Any] | None]) -> None:
    """All columns that are there have as many elements as the first."""
    (first_name, first), *others = ((name, column) for name, column in columns.items() if column is not None)
    for name, column in others:
        if len(column) != len(first):
            raise BatchingValueError(
                f"{name} has {number_of(len(column), 'element')}, but {first_name} has {len(first)}: must have as many"
            )
