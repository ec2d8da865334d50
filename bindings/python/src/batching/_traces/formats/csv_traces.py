"""Traces in CSV: Azure's, BurstGPT's, Vidur's and splitwise-sim's, of known columns, and any other whose columns have
telling names.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from batching._traces.formats import arrow_columns
from batching._traces.formats.csv_text import CsvText, header_of
from batching._traces.formats.layout import Arrival, Layout
from batching._traces.formats.named import ARRIVAL_NAMES, layout_of, no_arrivals
from batching._traces.formats.rows import NANOSECONDS, Rows
from batching._traces.formats.source import Source
from batching._traces.formats.table import read_table
from batching._traces.trace import Trace

WRONG_FIELDS: Final = "wrong number of fields"

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
    # Mutinifni/splitwise-sim, traces.
    "splitwise": Layout(output="token_size", prompt="prompt_size", arrival=Arrival("arrival_timestamp", NANOSECONDS)),
}


def read(source: Source, known: str) -> Trace:
    """The trace in a CSV file."""
    rows = Rows(source)
    # A row of a format without text is one line.
    text = CsvText(source, header_of(source), multiline=known == "csv")
    try:
        if known == "csv":
            layout, positions = _named(text)
        else:
            layout, positions = _fixed(source, known, text.header.names)
        return read_table(rows, known, layout, _batches(rows, text, positions, layout.times()))
    except pa.ArrowException as error:
        raise source.error(f"cannot be read as a trace in {known} format: {' '.join(str(error).split())}") from error


def _fixed(source: Source, known: str, names: list[str]) -> tuple[Layout, dict[str, int]]:
    layout = _LAYOUTS[known]
    if known == "vidur" and "arrived_at" not in names:
        layout = Layout(output=layout.output, prompt=layout.prompt)
        no_arrivals(source, names, layout.names())
    needed = layout.names()
    if not set(needed) <= set(names):
        raise source.error(
            f"is no {known} trace: its first line must name the columns {', '.join(needed)}, "
            f"and is {','.join(names)[:60]!r}"
        )
    return layout, _positions(source, names, needed)


def _named(text: CsvText) -> tuple[Layout, dict[str, int]]:
    source, names = text.source, text.header.names
    layout, actual = layout_of(names)
    if layout is None:
        raise source.error(f"has no column output_length: its columns are {', '.join(names)[:200]!r}")
    positions = _positions(source, names, [actual[name] for name in layout.names()])
    positions = {name: positions[actual[name]] for name in layout.names()}
    if layout.arrival is None:
        used = {actual[name] for name in layout.names()}
        others = {name: position for position, name in enumerate(names) if name not in used}
        first = next(_batches(Rows(source), text, others), None)
        dates = [name for name in others if first is not None and arrow_columns.are_dates(first(name))]
        no_arrivals(source, names, used, dates)
    elif ARRIVAL_NAMES[layout.arrival.name] is None:
        first = next(_batches(Rows(source), text, positions), None)
        if first is not None and arrow_columns.are_dates(first(layout.arrival.name)):
            layout = layout.with_dates()
    return layout, positions


def _positions(source: Source, names: list[str], needed: list[str]) -> dict[str, int]:
    for name in needed:
        if names.count(name) > 1:
            raise source.error(f"has {names.count(name)} columns of the name {name!r}")
    return {name: names.index(name) for name in needed}


def _batches(
    rows: Rows, text: CsvText, positions: dict[str, int], times: Sequence[str] = ()
) -> Iterator[Callable[[str], Any]]:
    def skip(_: Any) -> str:
        rows.skip(WRONG_FIELDS)
        return "skip"

    # Columns go by their position: what the others are called, or how often, does not matter.
    delimiter = text.header.delimiter
    names = [str(position) for position in range(len(text.header.names))]
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.binary()),
        include_columns=[str(position) for position in sorted(set(positions.values()))],
        strings_can_be_null=False,
    )
    for part, quoted in text.rows():
        if part.isspace():
            continue
        only_ascii = part if part.isascii() else part.translate(_ONLY_ASCII)
        # pyarrow is given text, never the file: what reads ahead would go on after an error, into a program that ends.
        with csv.open_csv(
            pa.BufferReader(only_ascii),
            read_options=csv.ReadOptions(column_names=names, block_size=len(part) + 1, use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoted else False,
                newlines_in_values=quoted,
                invalid_row_handler=skip,
            ),
            convert_options=convert,
        ) as reader:
            batch = reader.read_all().combine_chunks()
        if batch.num_rows:
            spaced = _is_spaced(part, delimiter.encode())
            # Where semicolons separate fields, a comma is that of a fraction.
            yield _cells(batch, positions, times if delimiter == ";" else (), spaced=spaced)


# Bytes that are not ASCII are in no value; and of a row with the wrong number of fields pyarrow makes text before it
# tells it, and drops one that is none without a word.
_ONLY_ASCII: Final = bytes(range(128)) + b"?" * 128


_SPACE, _EDGE = 1, 2


def _is_spaced(text: bytes, delimiter: bytes) -> bool:
    """Whether there may be spaces around a value."""
    if text.startswith(b" ") or text.endswith(b" "):
        return True
    # Dates have many spaces and edges: a search for each pair of them would stop at every one.
    kinds = bytearray(256)
    kinds[ord(" ")] = _SPACE
    for edge in b'\r\n"' + delimiter:
        kinds[edge] = _EDGE
    found = np.frombuffer(text.translate(kinds), np.uint8)
    return bool(((found[1:] | found[:-1]) == _SPACE | _EDGE).any())


def _cells(table: Any, positions: dict[str, int], commas: Sequence[str], *, spaced: bool) -> Callable[[str], Any]:
    def cells(name: str) -> Any:
        column = table.column(str(positions[name]))
        column = column.chunk(0) if column.num_chunks else pa.array([], pa.binary())
        if spaced:
            column = pc.ascii_trim(column.cast(pa.string()), " ").cast(pa.binary())
        if name in commas:
            column = pc.replace_substring(column, ",", ".")
        return column

    return cells
