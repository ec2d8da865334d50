"""Azure's LLM inference traces (Azure/AzurePublicDataset), as published or gzipped. Imported only when one is read.

A trace is a CSV file with the columns TIMESTAMP, ContextTokens and GeneratedTokens. Timestamps are
`2023-11-16 18:15:46.6805900` in 2023 and `2024-05-10 00:00:00.009930+00:00`, the fraction missing where it is zero, in
2024. No field is quoted. Rows that cannot be used are counted, each under one reason.
"""

import gzip
import io
import os
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from batching._arguments import INT32_MAX
from batching._calls import Int64Array
from batching._columns import RequestColumns
from batching._traces import Progress, TraceError

_COLUMNS: Final = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
_LONGEST_HEADER: Final = 4096
_GZIP_MAGIC: Final = b"\x1f\x8b"

_WRONG_FIELDS = "wrong number of fields"
_NO_TIMESTAMP = "TIMESTAMP is no time"
_NO_PROMPT = "ContextTokens is no integer from 0 to 2147483647"
_NO_OUTPUT = "GeneratedTokens is no integer from 1 to 2147483647"


def read(file: Path, progress: Progress | None) -> tuple[RequestColumns, dict[str, int]]:
    """The usable rows, and how many were skipped for each reason."""
    skipped: Counter[str] = Counter()
    parts = _Parts()
    with file.open("rb") as raw:
        size = os.fstat(raw.fileno()).st_size
        try:
            names = _header(file, raw)
            with _uncompressed(raw) as content:
                batches = csv.open_csv(
                    content,
                    read_options=csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
                    parse_options=csv.ParseOptions(
                        # A stray quotation mark must not swallow the rows after it.
                        quote_char=False,
                        invalid_row_handler=lambda _: _skip(skipped),
                    ),
                    convert_options=csv.ConvertOptions(
                        # Bytes, since a broken row may be no text at all.
                        column_types={name: pa.binary() for name in names},
                        include_columns=list(_COLUMNS),
                    ),
                )
                for batch in batches:
                    parts.add(batch, skipped)
                    if progress is not None:
                        progress(raw.tell(), size)
        except (pa.ArrowInvalid, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise TraceError(f"{file} cannot be read as an Azure trace: {_one_line(error)}") from error
    if parts.count == 0:
        raise TraceError(f"{file} has no usable row{_reasons(skipped)}")
    return parts.requests(), dict(skipped)


def _header(file: Path, raw: IO[bytes]) -> list[str]:
    """The names of the columns. Leaves the file at its start."""
    with _uncompressed(raw) as content:
        line = content.readline(_LONGEST_HEADER)
    raw.seek(0)
    names: list[str] = line.decode("utf-8-sig", "replace").rstrip("\r\n").split(",")
    if not set(_COLUMNS) <= set(names) or len(set(names)) < len(names):
        raise TraceError(
            f"{file} is no Azure trace: its first line must name the columns {', '.join(_COLUMNS)}, "
            f"and is {line[:60].decode('utf-8', 'replace')!r}"
        )
    return names


def _uncompressed(raw: IO[bytes]) -> Any:
    """The content of a file, decompressed if it begins like gzip. Closing it leaves the file open."""
    magic = raw.read(len(_GZIP_MAGIC))
    raw.seek(0)
    if magic == _GZIP_MAGIC:
        return gzip.GzipFile(fileobj=raw, mode="rb")
    return _Unclosed(raw)


class _Unclosed(io.RawIOBase):
    """A file that outlives whoever closes it."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _skip(skipped: Counter[str]) -> str:
    skipped[_WRONG_FIELDS] += 1
    return "skip"


class _Parts:
    """The usable rows so far, one array a batch."""

    def __init__(self) -> None:
        self.count = 0
        self._nanoseconds: list[Int64Array] = []
        self._prompts: list[Int64Array] = []
        self._outputs: list[Int64Array] = []

    def add(self, batch: pa.RecordBatch, skipped: Counter[str]) -> None:
        times, are_times = _parsed(batch.column(0), _nanoseconds)
        prompts, are_prompts = _parsed(batch.column(1), _integers)
        outputs, are_outputs = _parsed(batch.column(2), _integers)
        are_prompts &= (prompts >= 0) & (prompts <= INT32_MAX)
        are_outputs &= (outputs >= 1) & (outputs <= INT32_MAX)
        usable = are_times & are_prompts & are_outputs
        if not usable.all():
            # A row counts once, under the first reason that holds.
            for reason, is_broken in (
                (_NO_TIMESTAMP, ~are_times),
                (_NO_PROMPT, are_times & ~are_prompts),
                (_NO_OUTPUT, are_times & are_prompts & ~are_outputs),
            ):
                if is_broken.any():
                    skipped[reason] += int(is_broken.sum())
        self.count += int(usable.sum())
        self._nanoseconds.append(times[usable])
        self._prompts.append(prompts[usable])
        self._outputs.append(outputs[usable])

    def requests(self) -> RequestColumns:
        nanoseconds = np.concatenate(self._nanoseconds)
        # Unsigned: two timestamps may be further apart than a signed integer holds.
        since_first = nanoseconds.view(np.uint64) - nanoseconds.min().view(np.uint64)
        return RequestColumns(
            np.concatenate(self._outputs).astype(np.int32),
            np.concatenate(self._prompts).astype(np.int32),
            since_first / 1e9,
        )


def _parsed(column: Any, parse: Callable[[Any], Any]) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
    """A column as integers, and where that worked: all at once if nothing is broken, else row by row."""
    try:
        return parse(column), np.ones(len(column), bool)
    except pa.ArrowInvalid:
        pass
    values, worked = np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    for row in range(len(column)):
        try:
            values[row] = parse(column.slice(row, 1))[0]
            worked[row] = True
        except pa.ArrowInvalid:
            continue
    return values, worked


def _integers(column: Any) -> Int64Array:
    return _to_numpy(column.cast(pa.string()).cast(pa.int64()))


def _nanoseconds(column: Any) -> Int64Array:
    """Nanoseconds since 1970; a timestamp without a time zone is taken as UTC."""
    text = column.cast(pa.string())
    try:
        times = text.cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        times = text.cast(pa.timestamp("ns"))
    return _to_numpy(times.cast(pa.int64()))


def _to_numpy(column: Any) -> Int64Array:
    values: Int64Array = column.to_numpy(zero_copy_only=False)
    return values


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _reasons(skipped: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count:,} with {reason}" for reason, count in skipped.items())
    return f" ({listed})" if listed else ""
