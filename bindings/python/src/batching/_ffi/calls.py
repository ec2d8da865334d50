"""How the rest of the package calls the library: structs are made by their _init function, and errors are raised."""

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from batching._ffi.declared import VersionedStructure
from batching._ffi.errors import error_of
from batching._ffi.generated import constants
from batching._ffi.loader import library

StructureType = TypeVar("StructureType", bound=VersionedStructure)

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
UInt8Array = npt.NDArray[np.uint8]
UInt64Array = npt.NDArray[np.uint64]
BoolArray = npt.NDArray[np.bool_]

# How to make a typed pointer to the elements of an array.
_POINTERS: Final[dict[np.dtype[Any], tuple[Any, Any]]] = {
    np.dtype(kind): (element.from_address, ctypes.POINTER(element))
    for kind, element in (
        (np.int32, ctypes.c_int32),
        (np.int64, ctypes.c_int64),
        (np.uint64, ctypes.c_uint64),
        (np.float64, ctypes.c_double),
        (np.uint8, ctypes.c_uint8),
        (np.bool_, ctypes.c_uint8),
    )
}


def check(status: int, names: Mapping[str, str] | None = None) -> None:
    """Raise the exception for a status other than OK. Must follow the call at once, in the same thread."""
    if status != constants.BATCHING_OK:
        raise error_of(status, library.batching_last_error().decode("utf-8", "replace"), names)


def initialised(structure: type[StructureType]) -> StructureType:
    """A new struct with its initial values."""
    return structure.from_buffer_copy(_initial_bytes(structure))


@cache
def _initial_bytes(structure: type[VersionedStructure]) -> bytes:
    new = structure()
    check(getattr(library, f"{structure.__name__}_init")(ctypes.byref(new), ctypes.sizeof(new)))
    return bytes(new)


def pointer(column: npt.NDArray[Any] | None) -> Any:
    """A typed pointer to the first element, NULL for no column. The caller keeps the array alive during the call."""
    if column is None:
        return None
    # As `ctypes.data_as` does, which takes three times as long.
    element, kind = _POINTERS[column.dtype]
    made = kind(element(column.ctypes.data))
    made.column = column
    return made
