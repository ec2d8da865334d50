"""A file that is read as a trace, decompressed if it begins like gzip."""

import contextlib
import gzip
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from batching._ffi.arguments import shown
from batching._traces.trace import Progress, TraceError, TraceFile

_GZIP_MAGIC: Final = b"\x1f\x8b"
_PART: Final = 1 << 20  # bytes


class Source:
    """An open file."""

    def __init__(self, name: str, raw: IO[bytes], progress: Progress | None) -> None:
        self.name = name
        self._raw = raw
        self._progress = progress
        self._size = raw.seek(0, os.SEEK_END)
        self._reported = 0

    def content(self) -> Any:
        """The content from its beginning, as a binary file. Closing it leaves the file itself open."""
        self._raw.seek(0)
        magic = self._raw.read(len(_GZIP_MAGIC))
        self._raw.seek(0)
        if magic == _GZIP_MAGIC:
            return gzip.GzipFile(fileobj=self._raw, mode="rb")
        return io.BufferedReader(_Unclosed(self._raw))

    @contextlib.contextmanager
    def set_aside(self) -> Iterator[None]:
        """Meanwhile the content may be read from its beginning again: what was reading it goes on where it was."""
        place = self._raw.tell()
        yield
        self._raw.seek(place)

    def report(self, *, at_end: bool = False) -> None:
        """Report how far it has been read. Never less than before, wherever a reader jumps to."""
        if self._progress is not None:
            self._reported = self._size if at_end else max(self._reported, self._raw.tell())
            self._progress(self._reported, self._size)

    def error(self, sentence: str) -> TraceError:
        """An error that begins with the name of the file."""
        return TraceError(f"{self.name} {sentence}")


@contextlib.contextmanager
def opened(file: TraceFile, progress: Progress | None) -> Iterator[Source]:
    """The file, which is a path, "-" or an open binary file. What cannot be read twice, such as a pipe, is copied into
    a temporary file first.
    """
    with contextlib.ExitStack() as stack:
        if hasattr(file, "read"):
            raw, name = _binary(file), getattr(file, "name", None)
            name = name if isinstance(name, str) else "the file"
        elif os.fspath(file) == "-":
            raw, name = _binary(sys.stdin), "standard input"
        else:
            raw, name = stack.enter_context(Path(file).open("rb")), os.fspath(file)
        try:
            if not (raw.seekable() and raw.tell() == 0):
                raw = stack.enter_context(_copy(raw))
            yield Source(name, raw, progress)
        except OSError as error:
            # Those of reading do not name the file.
            if error.filename is None and not isinstance(error, gzip.BadGzipFile):
                error.filename = name
            raise


def _binary(file: Any) -> IO[bytes]:
    """The file of bytes that a file is, or that is below one of text."""
    binary: IO[bytes] = getattr(file, "buffer", file)
    if file is None or isinstance(binary, io.TextIOBase):
        raise TypeError(f"path is {shown(file)}: must be a path, or a file opened in binary mode")
    return binary


@contextlib.contextmanager
def _copy(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as whole:
        # A file that is not buffered gives what a pipe has, however little.
        while part := raw.read(_PART):
            if not isinstance(part, bytes):
                raise TypeError(f"path is {shown(raw)}: must be a path, or a file opened in binary mode")
            whole.write(part)
        yield whole


class _Unclosed(io.RawIOBase):
    """A file that outlives its reader, which closes what it reads."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
