"""The exceptions. Each is also the built-in exception a Python programmer would catch."""

import re
from collections.abc import Mapping

from batching._ffi.generated import constants


class BatchingError(Exception):
    """What all exceptions of this package have in common."""


class BatchingValueError(BatchingError, ValueError):
    """A value is out of its range; the sentence names the argument, the index and the value."""


class BatchingMemoryError(BatchingError, MemoryError):
    """The memory that the call needs could not be had."""


class BatchingCancelledError(BatchingError, RuntimeError):
    """A callback stopped the run, and raised no exception of its own."""


class BatchingBusyError(BatchingError, RuntimeError):
    """An object is in use by another thread."""


class BatchingLibraryError(BatchingError, ImportError):
    """The shared library is missing, or is not the version that this package needs."""


class MissingExtraError(BatchingError, ImportError):
    """An optional package is not installed; the sentence says how to install it."""

    def __init__(self, purpose: str, package: str, extra: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed: pip install 'batching[{extra}]'")


def error_of(status: int, sentence: str, names: Mapping[str, str] | None = None) -> BatchingError:
    """The exception for a failed call. `names` gives the Python name of a C argument that is called otherwise here.

    What it is in C is a regular expression.
    """
    for c_name, name in (names or {}).items():
        sentence = re.sub(rf"\b{c_name}(?!\w)", name, sentence)
    if status == constants.BATCHING_ERROR_OUT_OF_MEMORY:
        return BatchingMemoryError(sentence)
    if status == constants.BATCHING_ERROR_CANCELLED:
        return BatchingCancelledError(sentence)
    if status == constants.BATCHING_ERROR_BUSY:
        return BatchingBusyError(sentence)
    return BatchingValueError(sentence)
