"""Writes files whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from batching._errors import BatchingValueError


def suffix_of(path: str | os.PathLike[str], known: tuple[str, ...]) -> str:
    """The suffix of a path, in lower case; an error if it is none of those known."""
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise BatchingValueError(f"path is {os.fspath(path)!r}: must end in {' or '.join(known)}")
    return suffix


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which takes its name only once it is complete. Whatever had the name stays until then, and
    for good if writing fails.

    Raises:
        FileNotFoundError: there is no such directory.
        OSError: the file cannot be written.
    """
    # Through a link, so that the link stays and what it points to is replaced.
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path is {os.fspath(path)!r}: there is no directory {str(target.parent)!r}")
    if target.is_dir():
        raise IsADirectoryError(f"path is {os.fspath(path)!r}: is a directory")
    # In the same directory, since only within a file system is renaming one step.
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
