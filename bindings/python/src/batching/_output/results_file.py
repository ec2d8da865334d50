"""Results as a table in a file, one row a request. What does the work is in results_table.py, which needs pyarrow."""

import os
import warnings
from typing import Final

from batching._columns.files import suffix_of, whole_file
from batching._ffi.arguments import shown
from batching._ffi.errors import MissingExtraError
from batching._ffi.float_mode import in_standard_mode
from batching._output.run import Run, is_run

_SUFFIXES: Final = (".parquet", ".csv", ".json")


@in_standard_mode
def write_results(result: Run, path: str | os.PathLike[str]) -> None:
    """Write what became of each request to a Parquet, CSV or JSON file, whichever the suffix of the path names.

    One row a request, in the order of the requests. The columns: request (its index), arrival_time, prompt_length,
    output_length, status (a word: "finished", "rejected_kv_memory", ... as in RequestStatus), start_time,
    first_token_time, end_time, tokens_generated, and what follows from them, in seconds: queue_time = start - sent,
    time_to_first_token = first token - sent, time_per_output_token = (end - first token) / (tokens_generated - 1),
    end_to_end_latency = end - sent. A request is sent at its arrival_time. In a closed loop and with sessions that is
    what was asked for, and there is a column sent_time, in a closed loop also client_arrival_time, at which it arrived
    at its client, and client_queue_time = sent - client arrival. Of a run of the engine also preemptions,
    prefix_cached_tokens and was_sent (0 of a request that was not sent, or would have arrived after the end of the run,
    else 1), and with attribution its parts, each under its name with "_time" at its end. A request whose client left
    has no end. Of requests that have them also priority, tie_break, max_tokens, abort_time, session and delay, and
    hash_ids, a list, with hash_block_size and hash_covers_output, so that read_trace gives what can be simulated again,
    with the same client, to the same result. CSV has no lists: hash ids are lost in it, which a warning says.

    What there is none of, such as the end of a request that was rejected, is null: an empty field in CSV. Numbers have
    all their digits: what is read back is the same double. JSON is one array of objects, each on a line of its own.

    Args:
        result: what `simulate`, `simulate_static` or `simulate_continuous` returned.
        path: ends in .parquet, .csv or .json. A file of that name is replaced, once the new one is complete.

    Raises:
        ValueError: the path has another suffix.
        OSError: there is no such directory, or the file cannot be written.
        ImportError: pyarrow is not installed.

    Warns:
        UserWarning: the requests have hash ids, and the file is CSV.

    Time: O(count); a million requests take a second or two, as JSON some five.
    """
    check_run(result)
    suffix = suffix_of(path, _SUFFIXES)
    try:
        from batching._output import results_table  # noqa: PLC0415  (pyarrow is optional, and slow to import)
    except ImportError as error:
        raise MissingExtraError("writing results", "pyarrow", "traces") from error
    if suffix == ".csv" and result.requests.hash_ids is not None:
        warnings.warn(
            f"{os.fspath(path)}: CSV does not hold the hash ids of the requests, so that a simulation of what is read "
            "back shares no prefixes: Parquet and JSON do",
            stacklevel=2,
        )
    with whole_file(path) as file:
        results_table.write(result, file, suffix)


def check_run(result: object) -> None:
    """Whether this is what a simulator returned."""
    if not is_run(result):
        raise TypeError(f"result is {shown(result)}: must be what simulate or another simulator returned")
