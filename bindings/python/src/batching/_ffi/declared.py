"""What the generated declarations of the C interface are made of, and how a library is told of them."""

import ctypes
from typing import Any, NamedTuple


class VersionedStructure(ctypes.Structure):
    """A struct that begins with its own size, so that it may grow. Its class has the name that it has in C."""


class Signature(NamedTuple):
    """What a C function returns and takes."""

    restype: Any
    argtypes: list[Any]


def declare(library: ctypes.CDLL, functions: dict[str, Signature]) -> None:
    """Give ctypes the type of every function: without it, a pointer would be cut to 32 bits."""
    for name, signature in functions.items():
        function = getattr(library, name)
        function.restype = signature.restype
        function.argtypes = signature.argtypes
