"""Traces in Parquet, whose columns have telling names; also LMSYS-Chat-1M and WildChat, whose conversations the caller
counts.
"""

import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from batching._traces.formats import arrow_columns
from batching._traces.formats.conversations import CONVERSATIONS, CountTokens, counted
from batching._traces.formats.layout import Arrival, Layout
from batching._traces.formats.named import ARRIVAL_NAMES, arrival_name, layout_of, no_arrivals, normal
from batching._traces.formats.rows import HashKind, Rows, hash_kind
from batching._traces.formats.source import Source
from batching._traces.formats.table import read_table
from batching._traces.trace import Trace

_BATCH: Final = 65_536
_CONVERSATIONS: Final = 1_000
"""As many are counted at a time."""


def read(source: Source, known: str, count_tokens: CountTokens | None) -> Trace:
    """The trace in a Parquet file."""
    with source.content() as content:
        if not isinstance(content, gzip.GzipFile):
            return _read(source, known, content, count_tokens)
        # Parquet is read from its end: what is compressed as a whole is first written out.
        with tempfile.TemporaryFile() as plain:
            shutil.copyfileobj(content, plain)
            plain.seek(0)
            return _read(source, known, plain, count_tokens)


def _read(source: Source, known: str, content: Any, count_tokens: CountTokens | None) -> Trace:
    try:
        with parquet.ParquetFile(content) as file:
            actual: dict[str, str] = {}
            for name in file.schema_arrow.names:
                actual.setdefault(normal(name), name)
            layout, _ = layout_of(actual)
            if layout is None and (column := next((actual[name] for name in CONVERSATIONS if name in actual), None)):
                return _conversations(Rows(source), file, actual, column, count_tokens)
            layout = _layout(source, file, layout, actual)
            batches = _batches(file, [(name, actual[name]) for name in layout.names()])
            return read_table(Rows(source), known, layout, batches, _hash_kind(source, file, layout, actual))
    # Whatever is broken, including names that are no text, and what pyarrow takes for trouble of the system.
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise source.error(f"cannot be read as Parquet: {' '.join(str(error).split())}") from error


def _layout(source: Source, file: Any, layout: Layout | None, actual: dict[str, str]) -> Layout:
    names = file.schema_arrow.names
    if layout is None:
        raise source.error(f"has no column output_length: its columns are {', '.join(names)[:200]!r}")
    if "hash_ids" in actual:
        layout = replace(layout, hash_ids="hash_ids")
    for name in layout.names():
        if names.count(actual[name]) > 1:
            raise source.error(f"has {names.count(actual[name])} columns of the name {actual[name]!r}")
    if layout.arrival is None:
        used = {actual[name] for name in layout.names()}
        others = [(name, name) for name in dict.fromkeys(names) if name not in used and _may_be_dates(file, name)]
        first = next(_batches(file, others), None) if others else None
        dates = [name for name, _ in others if first is not None and arrow_columns.are_dates(first(name))]
        no_arrivals(source, names, used, dates)
        return layout
    return _dated(file, layout, actual)


def _may_be_dates(file: Any, name: str) -> bool:
    kind = file.schema_arrow.field(name).type if file.schema_arrow.names.count(name) == 1 else pa.null()
    return bool(pa.types.is_timestamp(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _dated(file: Any, layout: Layout, actual: dict[str, str]) -> Layout:
    """The layout with arrivals that are dates if the first of them are."""
    if layout.arrival is not None:
        first = next(_batches(file, [(layout.arrival.name, actual[layout.arrival.name])]), None)
        if first is not None and arrow_columns.are_dates(first(layout.arrival.name)):
            return layout.with_dates()
    return layout


def _hash_kind(source: Source, file: Any, layout: Layout, actual: dict[str, str]) -> HashKind:
    """What the hash ids stand for, which is the same in all rows."""
    names = [name for name in ("hash_block_size", "hash_covers_output") if name in actual]
    if layout.hash_ids is None or not names:
        return HashKind()
    seen: dict[str, set[Any]] = {name: set() for name in names}
    for batch in _batches(file, [(name, actual[name]) for name in names]):
        for name, values in seen.items():
            values.update(pc.unique(batch(name)).to_pylist())
    return hash_kind(source, seen)


def _conversations(
    rows: Rows, file: Any, actual: dict[str, str], column: str, count_tokens: CountTokens | None
) -> Trace:
    """The trace of conversations in a column of lists of turns."""
    moment = arrival_name(actual)
    layout = Layout("output_length", "prompt_length")
    if moment is not None:
        layout = _dated(file, replace(layout, arrival=Arrival(moment, ARRIVAL_NAMES[moment] or 10**9)), actual)

    def batches() -> Iterator[Callable[[str], Any]]:
        wanted = [column] if moment is None else [column, actual[moment]]
        for batch in file.iter_batches(batch_size=_CONVERSATIONS, columns=wanted, use_threads=False):
            lengths = [counted(turns, count_tokens) for turns in batch.column(column).to_pylist()]
            kept = [index for index, length in enumerate(lengths) if not isinstance(length, str)]
            for length in lengths:
                if isinstance(length, str):
                    rows.skip(length)
            table = {
                name: pa.array([lengths[index][place] for index in kept], pa.int64())
                for place, name in enumerate(("prompt_length", "output_length"))
            }
            if moment is not None:
                table[moment] = batch.column(actual[moment]).take(pa.array(kept, pa.int64()))
            if kept:
                yield table.__getitem__

    return read_table(rows, "parquet", layout, batches())


def _batches(file: Any, columns: list[tuple[str, str]]) -> Iterator[Callable[[str], Any]]:
    # In this thread, so that nothing reads on after an error.
    for batch in file.iter_batches(
        batch_size=_BATCH, columns=sorted({actual for _, actual in columns}), use_threads=False
    ):
        by_name = {name: batch.column(actual) for name, actual in columns}
        yield by_name.__getitem__
