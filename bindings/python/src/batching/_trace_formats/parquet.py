"""Traces in Parquet, whose columns have telling names."""

import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from batching._trace_formats import arrow_columns
from batching._trace_formats.layout import Layout
from batching._trace_formats.named import layout_of
from batching._trace_formats.rows import Rows
from batching._trace_formats.source import Source
from batching._trace_formats.table import read_table
from batching._traces import Trace

_BATCH: Final = 65_536


def read(source: Source, known: str) -> Trace:
    """The trace in a Parquet file."""
    with source.content() as content:
        if not isinstance(content, gzip.GzipFile):
            return _read(source, known, content)
        # Parquet is read from its end: what is compressed as a whole is first written out.
        with tempfile.TemporaryFile() as plain:
            shutil.copyfileobj(content, plain)
            plain.seek(0)
            return _read(source, known, plain)


def _read(source: Source, known: str, content: Any) -> Trace:
    try:
        file = parquet.ParquetFile(content)
        layout, actual = _layout(source, file)
        return read_table(
            Rows(source), known, layout, _batches(file, [(name, actual[name]) for name in layout.names()])
        )
    # Whatever is broken, including names that are no text, and what pyarrow takes for trouble of the system.
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise source.error(f"cannot be read as Parquet: {' '.join(str(error).split())}") from error


def _layout(source: Source, file: Any) -> tuple[Layout, dict[str, str]]:
    names = file.schema_arrow.names
    layout, actual = layout_of(names)
    if layout is None:
        raise source.error(f"has no column output_length: its columns are {', '.join(names)[:200]!r}")
    for name in layout.names():
        if names.count(actual[name]) > 1:
            raise source.error(f"has {names.count(actual[name])} columns of the name {actual[name]!r}")
    if layout.arrival is not None:
        first = next(_batches(file, [(layout.arrival.name, actual[layout.arrival.name])]), None)
        if first is not None and arrow_columns.are_dates(first(layout.arrival.name)):
            layout = layout.with_dates()
    return layout, actual


def _batches(file: Any, columns: list[tuple[str, str]]) -> Iterator[Callable[[str], Any]]:
    for batch in file.iter_batches(batch_size=_BATCH, columns=sorted({actual for _, actual in columns})):
        by_name = {name: batch.column(actual) for name, actual in columns}
        yield by_name.__getitem__
