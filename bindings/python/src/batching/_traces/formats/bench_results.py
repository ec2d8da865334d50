"""What `vllm bench serve --save-detailed` and SGLang's bench_serving `--output-details` save: a JSON object for each
run, with lists of which element i belongs to request i. Appended results are one such object a line.

Lists: input_lens, output_lens (0 for a request that failed), ttfts and itls in seconds (an itl is the gap between two
chunks), errors (empty: none), and of vLLM start_times, on the clock of the client, and latencies: where nothing was
streamed they alone give the end. SGLang saves no times of sending. `duration` is how long the run took by the clock of
the client, by which both tools divide.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from batching._ffi.arguments import INT32_MAX
from batching._traces.formats.json_rows import nanoseconds, objects, whole
from batching._traces.formats.recordings import Record, Recording, chosen
from batching._traces.formats.rows import LONGEST, NANOSECONDS, Rows, no_integer, no_time
from batching._traces.formats.source import Source
from batching._traces.trace import Trace

NO_DETAILS: Final = {
    "vllm": "a run without details: save it with --save-result --save-detailed",
    "sglang": "a run without details: save it with --output-details",
}
UNEQUAL: Final = "a run whose lists are not equally long"
NO_GAPS: Final = "itls that are no list of times, or go on beyond 9223372036 s"
NO_ERROR: Final = "errors that are no text"

_LISTS: Final = ("input_lens", "output_lens", "ttfts", "itls")


def read(source: Source, known: str, run: int | None) -> list[Trace]:
    """The traces of all runs in a file that have details, or of one."""
    rows = Rows(source)
    runs = chosen(source, list(objects(rows, source)), run)
    found = []
    for item in runs:
        lists = _lists(item)
        if isinstance(lists, str):
            rows.skip(lists or NO_DETAILS[known])
        else:
            found.append((item, lists))
    if not found:
        # Which says why there is none.
        rows.taken()
    traces = []
    for item, lists in found:
        one = Rows(source)
        # What is no run belongs to none, and so to each.
        one.skipped.update(rows.skipped)
        recording = Recording(has_starts="start_times" in lists, duration=item.get("duration"))
        for index in range(len(lists["input_lens"])):
            record = _record({name: values[index] for name, values in lists.items()})
            reason = record if isinstance(record, str) else recording.add(record)
            if reason is not None:
                one.skip(reason)
        traces.append(recording.trace(one, known))
    return traces


def _lists(run: Mapping[str, Any]) -> dict[str, list[Any]] | str:
    """The lists of a run, or why they are of no use; empty if they are not there."""
    optional = [name for name in ("errors", "start_times") if run.get(name) is not None]
    lists = {name: run.get(name) for name in (*_LISTS, *optional)}
    if not all(isinstance(values, list) for values in lists.values()):
        return ""
    found: dict[str, list[Any]] = {name: values for name, values in lists.items() if isinstance(values, list)}
    if len({len(values) for values in found.values()}) != 1:
        return UNEQUAL
    latencies = run.get("latencies")
    # Some versions save those of the requests that succeeded alone, which cannot be distinguished.
    if isinstance(latencies, list) and len(latencies) == len(found["ttfts"]):
        found["latencies"] = latencies
    return found


def _record(request: Mapping[str, Any]) -> Record | str:
    """A request, or why it cannot be used."""
    prompt, output = whole(request["input_lens"], 0, INT32_MAX), whole(request["output_lens"], 0, INT32_MAX)
    if prompt is None:
        return no_integer("input_lens", 0)
    if output is None:
        return no_integer("output_lens", 0)
    start = nanoseconds(request.get("start_times", 0), NANOSECONDS)
    if start is None:
        return no_time("start_times")
    first = nanoseconds(request["ttfts"], NANOSECONDS)
    if first is None:
        return no_time("ttfts")
    gaps = _gaps(request["itls"], start + first)
    if gaps is None:
        return NO_GAPS
    error = request.get("errors", "")
    if error is not None and not isinstance(error, str):
        return NO_ERROR
    # Where a server refuses, the error may be empty: then there is no output, and no first token.
    success = not error and (output > 0 or first > 0)
    # A failed request may have got some tokens before; one without has a time of 0.
    tokens = (start + np.cumsum([first, *gaps])).tolist() if success or first > 0 or len(gaps) else []
    end = tokens[-1] if tokens else None
    if success and "latencies" in request:
        latency = nanoseconds(request["latencies"], NANOSECONDS)
        if latency is None or start + latency > LONGEST:
            return no_time("latencies")
        # Without a latency, as in files of other tools, it is 0.
        end = max(start + latency, start + first) if latency else end
    return Record(prompt, output, start, tokens, tokens[0] if tokens else None, end, success)


def _gaps(value: object, first: int) -> list[int] | None:
    """Nanoseconds between the tokens, of which the first came at a time."""
    if not isinstance(value, list):
        return None
    gaps = [nanoseconds(item, NANOSECONDS) for item in value]
    if None in gaps or first + sum(gaps) > LONGEST:  # type: ignore[arg-type]
        return None
    return gaps  # type: ignore[return-value]
