"""Finds and loads libbatching, and makes sure that it is the one this package was written for.

ctypes.CDLL releases the interpreter's lock during every call, so that simulations run in parallel in threads.
"""

import ctypes
import os
from pathlib import Path

from batching._ffi.declared import declare
from batching._ffi.errors import BatchingLibraryError
from batching._ffi.generated.functions import FUNCTIONS
from batching._version import __version__

ENVIRONMENT_VARIABLE = "BATCHING_LIBRARY"
FILE_NAME = "libbatching.so"


def candidate() -> tuple[Path, str]:
    """The file to load, and in words why this one. A path that the user sets has no fallback: it is meant."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    if given:
        return Path(given), f"given by the environment variable {ENVIRONMENT_VARIABLE}"
    return Path(__file__).parents[1] / FILE_NAME, f"the package's own copy, as {ENVIRONMENT_VARIABLE} is not set"


def load() -> ctypes.CDLL:
    """The library, with every function declared."""
    path, reason = candidate()
    try:
        library = ctypes.CDLL(os.fspath(path))
    except OSError as error:
        raise BatchingLibraryError(
            f"libbatching could not be loaded. Tried {path} ({reason}): {error}. "
            f"Build the library, or set {ENVIRONMENT_VARIABLE} to the path of a {FILE_NAME}."
        ) from error
    check_version(library, path)
    try:
        declare(library, FUNCTIONS)
    except AttributeError as error:
        raise BatchingLibraryError(f"{path} ({reason}) is no complete libbatching: {error}.") from error
    return library


def check_version(library: ctypes.CDLL, path: Path) -> None:
    """Before 1.0 a minor version may change the C interface, so major and minor must be the package's own."""
    try:
        number = int(library.batching_version_number())
    except AttributeError as error:
        raise BatchingLibraryError(f"{path} is not libbatching: it has no batching_version_number.") from error
    major, minor, patch = number // 1_000_000, number // 1_000 % 1_000, number % 1_000
    wanted_major, wanted_minor = (int(part) for part in __version__.split(".")[:2])
    if (major, minor) != (wanted_major, wanted_minor):
        raise BatchingLibraryError(
            f"{path} is libbatching {major}.{minor}.{patch}, but the Python package is batching {__version__}: "
            f"major and minor version must be the same. Install the library and the package together, or point "
            f"{ENVIRONMENT_VARIABLE} to a libbatching {wanted_major}.{wanted_minor}."
        )


library = load()
