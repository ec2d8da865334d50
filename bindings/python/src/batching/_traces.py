"""Reads traces: what was asked of a server, and, of recorded runs, what it answered when. The formats are in
_trace_formats, one a file.
"""

import gzip
import importlib
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._arguments import integer, shown
from batching._columns import RequestColumns
from batching._errors import BatchingError, BatchingValueError, MissingExtraError
from batching._recorded import RecordedRequests

Progress = Callable[[int, int], None]
"""Told the bytes of the file that have been read, and how many there are."""

TRACE_FORMATS: Final[Mapping[str, str]] = {
    "azure": "Azure LLM inference trace of 2023, 2024 or 2025, CSV",
    "burstgpt": "BurstGPT, CSV of any of its releases",
    "vidur": "Vidur's processed traces, CSV",
    "mooncake": "Mooncake, JSON lines with hash ids of 512 tokens",
    "bailian": "Bailian (Qwen), JSON lines with hash ids of 16 tokens and turns",
    "sharegpt": "ShareGPT conversations or their lengths, JSON array or lines",
    "llmservingsim": "LLMServingSim's workloads and measured runs, JSON lines",
    "vllm": "vllm bench serve --save-result --save-detailed, JSON, also with --append-result",
    "sglang": "SGLang bench_serving --output-details, JSON lines",
    "csv": "CSV with named columns",
    "parquet": "Parquet with named columns",
    "json": "objects with the names of those columns, JSON array or lines",
}
"""The names of the formats that read_trace knows, and what each is."""

# The module of _trace_formats that reads a format.
_MODULES: Final = {
    "azure": "csv_traces",
    "burstgpt": "csv_traces",
    "vidur": "csv_traces",
    "csv": "csv_traces",
    "parquet": "parquet",
    "mooncake": "json_traces",
    "bailian": "json_traces",
    "llmservingsim": "llmservingsim",
    "sharegpt": "sharegpt",
    "json": "sharegpt",
    "vllm": "bench_results",
    "sglang": "bench_results",
}


class TraceError(BatchingError, ValueError):
    """A file is no trace that can be read."""


@dataclass(frozen=True, repr=False)
class Trace:
    """What a trace file holds.

    >>> read_trace("AzureLLMInferenceTrace_conv.csv.gz")  # doctest: +SKIP
    Trace(azure, RequestColumns(19366 requests, 4088665 output tokens, arrivals 0.0 to 3501.721937 s))
    """

    requests: RequestColumns
    """The usable rows, in the order of the file, ready to be simulated. The earliest arrives at 0.0; where the format
    tells no arrivals, arrival_time is None."""
    recorded: RecordedRequests | None
    """Of a recorded run: what happened, also to the requests that failed. None where the format tells none."""
    format: str
    """Which of TRACE_FORMATS it is."""
    skipped: Mapping[str, int]
    """How many rows are not in `requests`, for each reason. Empty if all are."""
    details: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    """What else the format tells of each of `requests`, as int64 columns: of Bailian chat_id, parent_chat_id (-1: none)
    and turn (-1: unknown). Empty for the others."""

    def __repr__(self) -> str:
        parts = [self.format, repr(self.requests)]
        if self.recorded is not None:
            parts.append(f"recorded {self.recorded!r}")
        if self.skipped:
            parts.append(f"{sum(self.skipped.values())} skipped")
        return f"Trace({', '.join(parts)})"


def read_trace(
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002  (what a caller expects it to be called)
    progress: Progress | None = None,
    *,
    count_tokens: Callable[[str], int] | None = None,
    run: int | None = None,
) -> Trace:
    """Read a trace, gzipped or not whatever its name; 27 million rows are fine.

    The format is recognised by the file's header or its first JSON object. A row that cannot be used is counted in
    `Trace.skipped`, under the first reason that holds; the others keep their order. Lengths are integers that fit
    int32, prompts at least 0 and outputs at least 1: a request without output (in BurstGPT: a failure) is skipped.
    Times become integer nanoseconds since the earliest arrival, and must lie within 9223372036 s of it.

    - azure, burstgpt, vidur: CSV without quotation. Azure's timestamps keep their full precision; one without a time
      zone is UTC.
    - mooncake, bailian: milliseconds and seconds; the hash ids go into `requests` for prefix caching.
    - llmservingsim: arrivals in nanoseconds. In the measured form the arrival is epoch seconds and the other times are
      of another clock, so that a request arrives when it is queued (queued_ts).
    - vllm, sglang: results with every request's details. The requests are those that succeeded, `recorded` has all. Of
      several runs in a file (appended), all are read on the clock of the file unless `run` says which. SGLang does not
      save when a request was sent: all arrive at 0.0.
    - sharegpt: with lengths in each object (as in json), or raw conversations, for which count_tokens is needed: the
      first two turns are prompt and output, and a conversation of fewer is skipped.
    - csv, parquet, json: columns output_length, prompt_length (else 0), arrival_time (else all at 0.0) and priority.
      Common other names are understood: output_tokens, input_length, prompt_tokens, timestamp, arrival_time_ms, ...;
      times are seconds, or what their name says, and in csv and parquet also dates. CSV may be quoted, unless
      the number of quotation marks is odd: then none is a quotation. With end_time, csv and parquet are recordings,
      perhaps with start_time and first_token_time, all in seconds on the clock of the arrivals; a request without an
      end has failed. What write_results writes is read back.

    Args:
        path: the file.
        format: one of TRACE_FORMATS. None: recognised.
        progress: called now and then with the bytes read and the bytes in all.
        count_tokens: the number of tokens in a text, such as `lambda text: len(tokenizer.encode(text))`; called for
            raw conversations only.
        run: for vllm and sglang: which of a file's runs, from 0; -1 is the last. None: all.

    Returns: a Trace. Time O(rows); beside the columns it takes the memory of a batch of some ten thousand rows, of one
    JSON line, or, for vllm and sglang, of the whole file.

    Raises:
        OSError: the file cannot be read.
        ValueError: a TraceError that says why it is no trace of the format, or that no row is usable.
        ImportError: pyarrow, which CSV and Parquet need, is not installed.
    """
    if format is not None and format not in TRACE_FORMATS:
        raise BatchingValueError(f"format is {shown(format)}: must be one of {', '.join(TRACE_FORMATS)}")
    if run is not None:
        run = integer(run, "run")
    from batching._trace_formats.recognition import recognised  # noqa: PLC0415  (most programs read no trace)
    from batching._trace_formats.source import Source  # noqa: PLC0415

    file = Path(path)
    with file.open("rb") as raw:
        source = Source(file, raw, progress)
        try:
            known = recognised(source) if format is None else format
            options: dict[str, Any] = {}
            if _MODULES[known] == "sharegpt":
                options = {"count_tokens": count_tokens}
            elif _MODULES[known] == "bench_results":
                options = {"run": run}
            return _reader(known)(source, known, **options)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise TraceError(f"{file} cannot be decompressed: {' '.join(str(error).split())}") from error


def _reader(known: str) -> Callable[..., Trace]:
    """The function that reads a format. Its module is imported only now, since it may need pyarrow."""
    try:
        module = importlib.import_module(f"batching._trace_formats.{_MODULES[known]}")
    except ImportError as error:
        raise MissingExtraError("reading a trace", "pyarrow", "traces") from error
    reader: Callable[..., Trace] = module.read
    return reader


@dataclass(frozen=True)
class AzureTrace:
    """What a file in Azure's format holds."""

    requests: RequestColumns
    """The usable rows in the order of the file; the earliest arrives at 0.0."""
    skipped: Mapping[str, int]
    """How many rows could not be used, for each reason. Empty if all could."""


def read_azure_trace(path: str | os.PathLike[str], progress: Progress | None = None) -> AzureTrace:
    """Read an Azure trace: read_trace(path, "azure"), with its arguments and errors."""
    trace = read_trace(path, "azure", progress)
    return AzureTrace(trace.requests, trace.skipped)
