"""Results as an Arrow table, and its files. Imported only when one is written, since it needs pyarrow."""

import json
from dataclasses import replace
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from batching._columns.columns import RequestColumns
from batching._columns.intervals import NEVER
from batching._ffi.calls import Float64Array, Int64Array
from batching._ffi.generated.choices import RequestStatus
from batching._output.run import Run
from batching._output.run_times import RunTimes, run_times

# As many rows become text at once; all of them would take several times the memory of the columns. A signal is seen
# between two of these.
_JSON_ROWS: Final = 16_384
_ROWS: Final = 65_536


def table_of(result: Run) -> pa.Table:
    """One row a request."""
    count = len(result)
    times = run_times(result)
    # A request whose client left has no answer, and so no end, whatever ended it.
    has_left = result.status == RequestStatus.ABORTED
    times = replace(times, end=np.where(has_left, NEVER, times.end))
    ends = np.where(has_left, np.nan, result.end_time)
    arrivals, prompts = result.requests.arrival_time, result.requests.prompt_length
    gaps = result.tokens_generated.astype(np.int64) - 1
    # A single token has no time after the first.
    token_time = _between(times.first_token, np.where(gaps < 1, NEVER, times.end), np.maximum(gaps, 1))
    columns: dict[str, npt.NDArray[Any] | pa.Array] = {
        "request": np.arange(count, dtype=np.int64),
        "arrival_time": np.zeros(count) if arrivals is None else arrivals,
        "prompt_length": np.zeros(count, np.int32) if prompts is None else prompts,
        "output_length": result.requests.output_length,
        "status": _words(result),
        "start_time": result.start_time,
        "first_token_time": result.first_token_time,
        "end_time": ends,
        "tokens_generated": result.tokens_generated,
        **_waited(result, times),
        "queue_time": _between(times.arrival, times.start),
        "time_to_first_token": _between(times.arrival, times.first_token),
        "time_per_output_token": token_time,
        "end_to_end_latency": _between(times.arrival, times.end),
    }
    columns |= result._more_columns() | _asked(result.requests)
    return pa.table({name: _column(column) for name, column in columns.items()})


def _waited(result: Run, times: RunTimes) -> dict[str, npt.NDArray[Any]]:
    """How long requests waited at their clients, where these may hold them back."""
    return {"client_queue_time": _between(times.client_arrival, times.arrival)} if result._is_closed_loop else {}


def _asked(requests: RequestColumns) -> dict[str, npt.NDArray[Any] | pa.Array]:
    """What else was asked for, where it was, so that what is read back can be simulated again: whatever RequestColumns
    has beside lengths and arrivals.
    """
    columns: dict[str, npt.NDArray[Any] | pa.Array] = {
        name: column
        for name in ("priority", "tie_break", "max_tokens", "abort_time", "session", "delay")
        if (column := getattr(requests, name)) is not None
    }
    if requests.hash_ids is not None:
        columns |= {
            "hash_ids": pa.LargeListArray.from_arrays(requests.hash_offsets, requests.hash_ids),
            "hash_block_size": pa.repeat(pa.scalar(requests.hash_block_size, pa.int32()), len(requests)),
            "hash_covers_output": pa.repeat(requests.hash_covers_output, len(requests)),
        }
    return columns


def write(result: Run, file: BinaryIO, suffix: str) -> None:
    """Write the table as what the suffix says."""
    table = table_of(result)
    if suffix == ".json":
        _write_json(table, file)
        return
    if suffix == ".csv":
        # Which has no lists.
        table = table.select([name for name in table.column_names if not name.startswith("hash_")])
        writer = csv.CSVWriter(file, table.schema)
    else:
        writer = parquet.ParquetWriter(file, table.schema)
    # Closed also where writing fails.
    with writer:
        for batch in table.to_batches(max_chunksize=_ROWS):
            writer.write_batch(batch)


def _between(begin: Int64Array, end: Int64Array, parts: Int64Array | int = 1) -> Float64Array:
    """Seconds from one to the other, in equal parts; NaN where either did not happen."""
    seconds: Float64Array = (end - begin) / parts / 1e9
    seconds[(begin == NEVER) | (end == NEVER)] = np.nan
    return seconds


def _words(result: Run) -> pa.Array:
    words = pa.array([status.name.lower() for status in RequestStatus])
    values = np.array(sorted(RequestStatus), np.int32)
    return pa.DictionaryArray.from_arrays(np.searchsorted(values, result.status), words).cast(pa.string())


def _column(column: npt.NDArray[Any] | pa.Array) -> pa.Array:
    """With NaN, which says that there is no value, as null."""
    return pa.array(column, from_pandas=True) if isinstance(column, np.ndarray) else column


def _write_json(table: pa.Table, file: BinaryIO) -> None:
    file.write(b"[")
    separator = b"\n"
    # JSON text is made column by column, since an object and its text in Python cost ten times as much.
    names = [f"{json.dumps(name)}: " for name in table.column_names]
    starts = ["{" + names[0], *(", " + name for name in names[1:])]
    for batch in table.to_batches(max_chunksize=_JSON_ROWS):
        parts: list[Any] = []
        for start, column in zip(starts, batch.columns, strict=True):
            parts += [start, _json_texts(column)]
        lines = pc.binary_join_element_wise(*parts, "}", "")
        file.write(separator + ",\n".join(lines.to_pylist()).encode())
        separator = b",\n"
    file.write(b"\n]\n")


def _json_texts(column: pa.Array) -> pa.Array:
    if pa.types.is_large_list(column.type):
        # Of each list the texts of its integers, with commas between them.
        integers = pc.binary_join(column.cast(pa.large_list(pa.string())), ", ")
        return pc.binary_join_element_wise("[", integers, "]", "")
    texts = column.cast(pa.string())
    if pa.types.is_string(column.type):
        # Words of letters and underscores: nothing to escape.
        texts = pc.binary_join_element_wise('"', texts, '"', "")
    return texts.fill_null("null")
