"""The package's own arithmetic in the standard floating-point mode, as the library's.

That rounds to nearest, and keeps subnormal numbers. A thread may have another mode: a library that was compiled with
-ffast-math flushes subnormal numbers in the thread that loads it.
"""

import ctypes
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from batching._ffi.loader import library

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

# fenv_t, which no platform has larger.
_Environment: Final = ctypes.c_uint64 * 32
# FE_DFL_ENV of the C libraries of Linux.
_STANDARD: Final = ctypes.c_void_p(-1)

# Of libm, which the library needs.
_get: Final = library.fegetenv
_set: Final = library.fesetenv
_get.argtypes = _set.argtypes = [ctypes.c_void_p]


def in_standard_mode(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """The same function, whose answer does not depend on the mode of the thread, which has its own again afterwards."""

    @wraps(function)
    def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
        own = _Environment()
        _get(own)
        try:
            _set(_STANDARD)
            return function(*arguments, **named)
        finally:
            _set(own)

    return call
