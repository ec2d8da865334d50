"""Reads traces: what was asked of a server, and, of recorded runs, what it answered when. The formats are in formats/,
one a file.
"""

import gzip
import importlib
import inspect
import zlib
from collections.abc import Callable
from typing import Any

from batching._ffi.arguments import integer, shown
from batching._ffi.errors import BatchingValueError, MissingExtraError
from batching._ffi.float_mode import in_standard_mode
from batching._traces.known_formats import READERS, TRACE_FORMATS
from batching._traces.trace import Progress, Trace, TraceFile


@in_standard_mode
def read_trace(
    path: TraceFile,
    format: str | None = None,  # noqa: A002  (what a caller expects it to be called)
    progress: Progress | None = None,
    *,
    count_tokens: Callable[[str], int] | None = None,
    run: int | None = None,
) -> Trace:
    """Read a trace, gzipped or not whatever its name; 27 million rows are fine.

    The format is recognised by the file's header or its first 100 JSON objects. A row that cannot be used is counted in
    `Trace.skipped`, under the first reason that holds; the others keep their order. Lengths are integers that fit
    int32, prompts at least 0 and outputs at least 1: a request without output (in BurstGPT: a failure) is skipped.
    Times become integer nanoseconds since the earliest arrival, and must lie within 9223372036 s of it. A file without
    arrivals is an error if something in it looks like arrivals under another name: else all would arrive at once.

    CSV has commas, semicolons or tabs, with spaces beside them or not, and may be quoted if its quotation marks pair up
    around fields: if not, none is a quotation. Dates are `2023-11-16 18:15:46`, with `T`, a fraction of at most nine
    digits and a zone or not: without one they are UTC. Epoch seconds in text are exact to the nanosecond.

    The turns of a session are in the order of the file, of otel in that of their starts. A later turn without a time
    takes that of the turn before, and so does one with an earlier time: neither can be sent before. The ids of sessions
    become 0, 1, 2, ... in order of their first turns, but for those of csv, parquet and json that all are integers; a
    row without one has a session of its own.

    - azure, burstgpt, vidur, splitwise: CSV of known columns.
    - mooncake, bailian: milliseconds and seconds; the hash ids go into `requests` for prefix caching, and sessions of
      several turns into its session and delay. Mooncake's, as AIPerf and Dynamo write them, have a session_id, and
      perhaps a delay in milliseconds after the turn before, or none, and a timestamp of their own or not. Of Bailian's
      a row is a turn after that of its parent_chat_id, if that is before it in the file, and begins a session if not;
      it has a timestamp and no delay: it is sent at its time, but not before the answer of the turn before. For an open
      loop, in which all are sent at their times: `trace.requests.replace(session=None, delay=None)`.
    - llmservingsim: arrivals in nanoseconds. In the measured form the arrival is epoch seconds and the other times are
      of another clock, so that a request arrives when it is queued (queued_ts); `details` has when it was sent.
    - weka: a session is a conversation, of which a turn has its think_time as delay, or else the time since the turn
      before was answered. Subagents' requests stand in their places, one after the other. Nothing says when
      conversations begin: simulate them with clients, or give them arrivals.
    - otel: a request is a span with input and output tokens. The turns of a session are the calls of a conversation.
      The delay of one is its start less the end of the turn before, at least 0; it arrives with the first, so that the
      delay decides. `recorded` has all calls as they were, and `details` the start of each of `requests`.
    - vllm, sglang, inference-perf, guidellm, aiperf, genai-perf: results with every request's details, a run each. The
      requests are those that succeeded, `recorded` has all, also where all failed, and the duration where the file
      has it. Of several runs in a file each has a clock of its own: `run` says which, and read_runs reads all. SGLang
      does not save when a request was sent: all arrive at 0.0. GenAI-Perf saves no tokens: they are those that the
      server or else count_tokens counted, or else the chunks of the answer, and none for the prompt.
    - sharegpt: with lengths in each object (as in json), or raw conversations, for which count_tokens is needed: the
      first two turns are prompt and output, and a conversation of fewer is skipped. So it is in parquet.
    - csv, parquet, json: columns output_length, prompt_length (else 0), arrival_time (else all at 0.0), priority,
      tie_break, max_tokens, abort_time, session, delay (seconds; only beside a session), and, but for csv, lists of
      hash_ids with their hash_block_size and hash_covers_output.
      Common other names are understood: output_tokens, input_length, prompt_tokens, timestamp, arrival_time_ms,
      created_at, ...; times are seconds, or what their name says, or dates. With end_time they are recordings,
      perhaps with sent_time (else the arrival), client_arrival_time, start_time and first_token_time, all in seconds
      on the clock of the arrivals; a request without an end has failed, and needs no output. What write_results writes
      is read back.

    Args:
        path: the file; "-" for standard input, a named pipe, or a file opened in binary mode. What cannot be read
            twice is copied into a temporary file.
        format: one of TRACE_FORMATS. None: recognised.
        progress: called now and then with the bytes read and the bytes in all.
        count_tokens: the number of tokens in a text, such as `lambda text: len(tokenizer.encode(text))`; called for
            raw conversations and GenAI-Perf's results only.
        run: for results: which of a file's runs, from 0; -1 is the last. None: the only one.

    Returns: a Trace. Time O(rows); beside the columns it takes the memory of a batch of some ten thousand rows, of one
        JSON line or document, or, for results of runs, of the whole file.

    Raises:
        OSError: the file cannot be read.
        ValueError: a TraceError that says why it is no trace of the format, that no row is usable, or that there are
            several runs.
        ImportError: pyarrow, which CSV and Parquet need, is not installed.
    """
    return _read(path, format, progress, count_tokens, run, one=True)[0]


@in_standard_mode
def read_runs(
    path: TraceFile,
    format: str | None = None,  # noqa: A002  (what a caller expects it to be called)
    progress: Progress | None = None,
    *,
    count_tokens: Callable[[str], int] | None = None,
) -> list[Trace]:
    """Read every run in a file of results, such as one with appended runs: read_trace of each. Any other file is one
    run.

    Args, raises: as read_trace.

    Returns: the traces of the runs that have details, in the order of the file; at least one.
    """
    return _read(path, format, progress, count_tokens, None)


def _read(
    path: TraceFile,
    format: str | None,  # noqa: A002  (as its callers)
    progress: Progress | None,
    count_tokens: Callable[[str], int] | None,
    run: int | None,
    *,
    one: bool = False,
) -> list[Trace]:
    if format is not None and format not in TRACE_FORMATS:
        raise BatchingValueError(f"format is {shown(format)}: must be one of {', '.join(TRACE_FORMATS)}")
    if run is not None:
        run = integer(run, "run")
    from batching._traces.formats.recognition import recognised  # noqa: PLC0415  (most programs read no trace)
    from batching._traces.formats.source import opened  # noqa: PLC0415

    with opened(path, progress) as source:
        try:
            known = recognised(source) if format is None else format
            reader = _reader(known)
            options = {"count_tokens": count_tokens, "run": run}
            taken = {name: options[name] for name in inspect.signature(reader).parameters if name in options}
            told: Trace | list[Trace] = reader(source, known, **taken)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise source.error(f"cannot be decompressed: {' '.join(str(error).split())}") from error
        traces = told if isinstance(told, list) else [told]
        if one and len(traces) > 1:
            raise source.error(
                f"has {len(traces)} runs, each on a clock of its own: say which with run, from 0 to {len(traces) - 1} "
                "(-1 is the last)"
            )
        return traces


def _reader(known: str) -> Callable[..., Any]:
    """The function that reads a format; it takes the file, the format, and those of read_trace's options that it needs.
    Its module is imported only now, since it may need pyarrow.
    """
    try:
        module = importlib.import_module(f"batching._traces.formats.{READERS[known]}")
    except ImportError as error:
        raise MissingExtraError("reading a trace", "pyarrow", "traces") from error
    reader: Callable[..., Any] = module.read
    return reader
