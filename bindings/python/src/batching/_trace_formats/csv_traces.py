"""Traces in CSV: Azure's, BurstGPT's and Vidur's, of known columns, and any other whose columns have telling names."""

import io
from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv

from batching._trace_formats import arrow_columns
from batching._trace_formats.layout import Arrival, Layout
from batching._trace_formats.named import ARRIVAL_NAMES, layout_of
from batching._trace_formats.recognition import header_names
from batching._trace_formats.rows import NANOSECONDS, Rows
from batching._trace_formats.source import Source
from batching._trace_formats.table import read_table
from batching._traces import Trace

WRONG_FIELDS: Final = "wrong number of fields"

_PART: Final = 1 << 20  # bytes

_LAYOUTS: Final = {
    # Azure/AzurePublicDataset: AzureLLMInferenceDataset2023.md and 2024.md.
    "azure": Layout(output="GeneratedTokens", prompt="ContextTokens", arrival=Arrival("TIMESTAMP", None)),
    # HPMLL/BurstGPT. A request without a response is one that failed.
    "burstgpt": Layout(
        output="Response tokens",
        prompt="Request tokens",
        arrival=Arrival("Timestamp", NANOSECONDS),
        failed_reason="Response tokens 0: the request failed",
    ),
    # microsoft/vidur, data/processed_traces. Those of lengths alone have no arrivals.
    "vidur": Layout(
        output="num_decode_tokens", prompt="num_prefill_tokens", arrival=Arrival("arrived_at", NANOSECONDS)
    ),
}


def read(source: Source, known: str) -> Trace:
    """The trace in a CSV file."""
    rows = Rows(source)
    names = header_names(source)
    try:
        if known == "csv":
            quoted = _is_quoted(source)
            layout, positions = _named(source, names, quoted=quoted)
        else:
            # In a format without quotation, a stray quotation mark must not swallow the rows after it.
            quoted = False
            layout, positions = _fixed(source, known, names)
        return read_table(rows, known, layout, _batches(rows, len(names), positions, quoted=quoted))
    except pa.ArrowException as error:
        raise source.error(f"cannot be read as a trace in {known} format: {' '.join(str(error).split())}") from error


def _is_quoted(source: Source) -> bool:
    """Whether fields are quoted. If quotation marks do not pair up, some stray one would swallow rows: then none is
    taken for a quotation, and each line is a row.
    """
    marks = 0
    with source.content() as content:
        while part := content.read(_PART):
            marks += part.count(b'"')
    return marks > 0 and marks % 2 == 0


def _fixed(source: Source, known: str, names: list[str]) -> tuple[Layout, dict[str, int]]:
    layout = _LAYOUTS[known]
    if known == "vidur" and "arrived_at" not in names:
        layout = Layout(output=layout.output, prompt=layout.prompt)
    needed = layout.names()
    if not set(needed) <= set(names):
        raise source.error(
            f"is no {known} trace: its first line must name the columns {', '.join(needed)}, "
            f"and is {','.join(names)[:60]!r}"
        )
    return layout, _positions(source, names, needed)


def _named(source: Source, names: list[str], *, quoted: bool) -> tuple[Layout, dict[str, int]]:
    layout, actual = layout_of(names)
    if layout is None:
        raise source.error(f"has no column output_length: its columns are {', '.join(names)[:200]!r}")
    positions = _positions(source, names, [actual[name] for name in layout.names()])
    positions = {name: positions[actual[name]] for name in layout.names()}
    if layout.arrival is not None and ARRIVAL_NAMES[layout.arrival.name] is None:
        first = next(_batches(Rows(source), len(names), positions, quoted=quoted), None)
        if first is not None and arrow_columns.are_dates(first(layout.arrival.name)):
            layout = layout.with_dates()
    return layout, positions


def _positions(source: Source, names: list[str], needed: list[str]) -> dict[str, int]:
    for name in needed:
        if names.count(name) > 1:
            raise source.error(f"has {names.count(name)} columns of the name {name!r}")
    return {name: names.index(name) for name in needed}


def _batches(
    rows: Rows, field_count: int, positions: dict[str, int], *, quoted: bool
) -> Iterator[Callable[[str], Any]]:
    def skip(_: Any) -> str:
        rows.skip(WRONG_FIELDS)
        return "skip"

    # Columns go by their position: what the others are called, or how often, does not matter.
    names = [str(position) for position in range(field_count)]
    with rows.source.content() as content:
        batches = csv.open_csv(
            _Ascii(content),
            read_options=csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=csv.ParseOptions(
                quote_char='"' if quoted else False,
                newlines_in_values=quoted,
                invalid_row_handler=skip,
            ),
            convert_options=csv.ConvertOptions(
                # Bytes, since a broken row may be no text at all.
                column_types={name: pa.binary() for name in names},
                include_columns=[str(position) for position in sorted(set(positions.values()))],
                strings_can_be_null=False,
            ),
        )
        for batch in batches:
            yield lambda name, batch=batch: batch.column(str(positions[name]))  # type: ignore[misc]


_ONLY_ASCII: Final = bytes(range(128)) + b"?" * 128


class _Ascii(io.RawIOBase):
    """A file with a question mark for every byte that is not ASCII, which no value has: of a row with the wrong number
    of fields pyarrow makes text before it tells it, and drops one that is none without a word.
    """

    def __init__(self, content: Any) -> None:
        self._content = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._content.read(len(buffer)).translate(_ONLY_ASCII)
        buffer[: len(data)] = data
        return len(data)
