"""A file that is read as a trace, decompressed if it begins like gzip."""

import gzip
import io
import os
from pathlib import Path
from typing import IO, Any, Final

from batching._traces import Progress, TraceError

_GZIP_MAGIC: Final = b"\x1f\x8b"


class Source:
    """An open file."""

    def __init__(self, file: Path, raw: IO[bytes], progress: Progress | None) -> None:
        self.file = file
        self._raw = raw
        self._progress = progress
        self._size = os.fstat(raw.fileno()).st_size
        self._reported = 0

    def content(self) -> Any:
        """The content from its beginning, as a binary file. Closing it leaves the file itself open."""
        self._raw.seek(0)
        magic = self._raw.read(len(_GZIP_MAGIC))
        self._raw.seek(0)
        if magic == _GZIP_MAGIC:
            return gzip.GzipFile(fileobj=self._raw, mode="rb")
        return io.BufferedReader(_Unclosed(self._raw))

    def report(self, *, at_end: bool = False) -> None:
        """Tell how far it has been read. Never less than before, wherever a reader jumps to."""
        if self._progress is not None:
            self._reported = self._size if at_end else max(self._reported, self._raw.tell())
            self._progress(self._reported, self._size)

    def error(self, sentence: str) -> TraceError:
        """An error that begins with the name of the file."""
        return TraceError(f"{self.file} {sentence}")


class _Unclosed(io.RawIOBase):
    """A file that outlives whoever closes it."""

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
