"""States as bytes: of what the library keeps behind a handle."""

import ctypes
from typing import Any

import numpy as np

from batching._ffi.arguments import shown
from batching._ffi.calls import UInt8Array, check, pointer
from batching._ffi.generated import constants
from batching._ffi.signals import interruptible


def saved(save: Any, handle: ctypes.c_void_p) -> bytes:
    """What a C function writes of a handle, which is asked first how much that is."""
    needed = ctypes.c_int64()
    while True:
        check(interruptible(save, handle, None, 0, ctypes.byref(needed)))
        buffer: UInt8Array = np.empty(needed.value, np.uint8)
        status = interruptible(save, handle, pointer(buffer), len(buffer), ctypes.byref(needed))
        # Another thread may have changed what is saved since it was asked.
        if status != constants.BATCHING_ERROR_CAPACITY:
            check(status)
            return buffer[: needed.value].tobytes()


def byte_column(data: object, name: str) -> UInt8Array:
    """Bytes of the caller, not copied where they can be borrowed."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"{name} is {shown(data)}: must be bytes")
    return np.frombuffer(data, np.uint8)
