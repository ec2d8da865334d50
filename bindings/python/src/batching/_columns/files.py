"""Writes files whole or not at all."""

import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from batching._ffi.errors import BatchingValueError

_MOST_LINKS: Final = 40
_PART: Final = ".part"


def suffix_of(path: str | os.PathLike[str], known: tuple[str, ...]) -> str:
    """The suffix of a path, in lower case; an error if it is none of those known."""
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise BatchingValueError(f"path is {os.fspath(path)!r}: must end in {' or '.join(known)}")
    return suffix


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which takes its name only once it is complete. Whatever had the name stays until then, and
    for good if writing fails. A link stays, and what it points to is replaced. What has no content of its own, such as
    a pipe, a device or /dev/stdout, gets the complete content in one go.

    Raises:
        FileNotFoundError: there is no such directory.
        OSError: the file cannot be written; the error names the path as given.
    """
    name = os.fspath(path)
    try:
        with _unseekable(name) if _is_stream(name) else _replacement(name) as file:
            yield file
    except OSError as error:
        # What a write raises names no file, or the one that never got its name.
        if error.errno is None or not (error.filename is None or str(error.filename).endswith(_PART)):
            raise
        raise OSError(error.errno, os.strerror(error.errno), name) from error


@contextmanager
def _replacement(name: str) -> Iterator[BinaryIO]:
    """A file beside the one of that name, which takes its place in the end."""
    target = Path(name).resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path is {name!r}: there is no directory {str(target.parent)!r}")
    if target.is_dir():
        raise IsADirectoryError(f"path is {name!r}: is a directory")
    existing = target.stat() if target.exists() else None
    # Renaming would replace a file that may not be written, too.
    if existing is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    # In the same directory, since only within a file system is renaming one step.
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}{_PART}")
    try:
        with temporary.open("xb") as file:
            yield file
        if existing is not None:
            temporary.chmod(stat.S_IMODE(existing.st_mode))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _unseekable(name: str) -> Iterator[BinaryIO]:
    """A file whose content goes to a pipe, a device or an open file in the end."""
    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        number = _descriptor(name)
        # The open file itself, since opening it again would begin at its begin once more.
        with open(name if number is None else os.dup(number), "wb") as stream:  # noqa: PTH123  (takes descriptors)
            shutil.copyfileobj(file, stream)


def _is_stream(name: str) -> bool:
    if _descriptor(name) is not None:
        return True
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116  (a path of any kind)
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _descriptor(name: str) -> int | None:
    """The number of the open file of this process that a path stands for, perhaps through links: 1 of /dev/stdout."""
    current = Path(name).absolute()
    for _ in range(_MOST_LINKS):
        if re.fullmatch(rf"/proc/{os.getpid()}(/task/\d+)?/fd", os.path.realpath(current.parent)):
            return int(current.name) if current.name.isdecimal() else None
        if not current.is_symlink():
            return None
        current = current.parent / current.readlink()
    return None
