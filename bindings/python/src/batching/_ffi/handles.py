"""What owns something of the library: how it is given back, and what an object says that was never made."""

import ctypes
import weakref
from typing import TYPE_CHECKING, Any, Final, NoReturn

from batching._ffi.errors import BatchingValueError


class _Owner(weakref.ref[Any]):
    """Gives a handle back once its object is gone, by a call from C into C: it is its own argument.

    An exception that a handler of a signal raised in a finaliser written in Python would be lost.
    """

    __slots__ = ("_as_parameter_", "_before")

    _as_parameter_: ctypes.c_void_p
    _before: "_Owner | None"


# By the id of the object. What is left of one that is gone stays until another has its id, so there are no more of them
# than there ever were objects at once.
_owners: Final[dict[int, _Owner]] = {}


class Handle:
    """An object with a handle of the library, `_handle`, from the end of its `__init__` on."""

    _handle: ctypes.c_void_p

    def _owned(self, destroy: Any) -> ctypes.c_void_p:
        """Where the library is to write a new handle. It is given back with the object, also if that is never made."""
        owner = _Owner(self, destroy)
        owner._as_parameter_ = ctypes.c_void_p()
        # __init__ may be called again.
        before = _owners.get(id(self))
        owner._before = before if before is not None and before() is self else None
        _owners[id(self)] = owner
        return owner._as_parameter_

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            kind = type(self).__name__
            if name.startswith("_") and not name.endswith("__") and "_handle" not in self.__dict__:
                raise BatchingValueError(f"this {kind} was not made: its __init__ was not called, or has failed")
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
