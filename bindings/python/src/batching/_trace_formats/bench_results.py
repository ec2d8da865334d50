"""What `vllm bench serve --save-detailed` and SGLang's bench_serving `--output-details` save: a JSON object for each
run, with lists of which element i belongs to request i. Appended results are one such object a line.

Lists: input_lens, output_lens (0 for a request that failed), ttfts and itls in seconds (an itl is the gap between two
chunks), errors (empty: none), and of vLLM start_times, on the clock of the client. SGLang saves no times of sending.
"""

from array import array
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from batching._arguments import INT32_MAX
from batching._calls import Float64Array, Int64Array
from batching._recorded import RecordedRequests
from batching._trace_formats.json_rows import nanoseconds, objects, whole
from batching._trace_formats.rows import LONGEST, NANOSECONDS, Rows, no_integer, no_time, requests, seconds
from batching._trace_formats.source import Source
from batching._traces import Trace

FAILED: Final = "a failed request (recorded has it)"
NO_DETAILS: Final = {
    "vllm": "a run without details: save it with --save-result --save-detailed",
    "sglang": "a run without details: save it with --output-details",
}
UNEQUAL: Final = "a run whose lists are not equally long"
NO_GAPS: Final = "itls that are no list of times, or go on beyond 9223372036 s"
NO_ERROR: Final = "errors that are no text"

_LISTS: Final = ("input_lens", "output_lens", "ttfts", "itls")


def read(source: Source, known: str, run: int | None) -> Trace:
    """The trace of all runs in a file, or of one."""
    rows = Rows(source)
    runs = list(objects(rows, source))
    if run is not None:
        if not -len(runs) <= run < len(runs):
            raise source.error(f"has {len(runs)} runs: there is none of the number {run}")
        runs = [runs[run]]
    recording = _Recording(has_starts=any("start_times" in item for item in runs))
    for item in runs:
        _add(rows, recording, item, NO_DETAILS[known])
    return recording.trace(rows, known)


def _add(rows: Rows, recording: "_Recording", run: Mapping[str, Any], no_details: str) -> None:
    """Take all requests of a run."""
    lists = {name: run.get(name) for name in _LISTS}
    for name in ("errors", "start_times"):
        if (name == "start_times" and recording.has_starts) or run.get(name) is not None:
            lists[name] = run.get(name)
    if not all(isinstance(values, list) for values in lists.values()):
        rows.skip(no_details)
        return
    if len({len(values) for values in lists.values() if values is not None}) != 1:
        rows.skip(UNEQUAL)
        return
    for index in range(len(run["input_lens"])):
        reason = recording.add({name: values[index] for name, values in lists.items() if values is not None})
        if reason is not None:
            rows.skip(reason)


class _Recording:
    """The requests so far, as flat arrays of integers."""

    def __init__(self, *, has_starts: bool) -> None:
        self.has_starts = has_starts
        self._prompts, self._outputs, self._successes = array("q"), array("q"), array("b")
        self._starts = array("q")
        # Since the request's start.
        self._token_times, self._token_counts = array("q"), array("q")

    def add(self, request: Mapping[str, Any]) -> str | None:
        """Take a request, or say why it cannot be used. Also why it is only recorded: it failed."""
        prompt, output = whole(request["input_lens"], 0, INT32_MAX), whole(request["output_lens"], 0, INT32_MAX)
        if prompt is None:
            return no_integer("input_lens", 0)
        if output is None:
            return no_integer("output_lens", 0)
        start = nanoseconds(request["start_times"], NANOSECONDS) if self.has_starts else 0
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
        times = np.cumsum([first, *gaps]) if success or first > 0 or len(gaps) else ()
        self._prompts.append(prompt)
        self._outputs.append(output)
        self._successes.append(success)
        self._starts.append(start)
        self._token_times.extend(times)
        self._token_counts.append(len(times))
        return None if success and output > 0 else FAILED if not success else no_integer("output_lens", 1)

    def trace(self, rows: Rows, known: str) -> Trace:
        """All of it."""
        successes = np.frombuffer(self._successes, np.bool_) if self._successes else np.empty(0, bool)
        columns: dict[str, Any] = {
            "prompt_length": _column(self._prompts),
            "output_length": _column(self._outputs),
            "success": successes,
        }
        if self.has_starts:
            columns["arrival"] = _column(self._starts)
        usable = successes & (columns["output_length"] > 0)
        if usable.any():
            rows.add(**columns)
        # All of them: no start from 0 to the longest time is too late.
        taken = rows.taken()
        simulated = {name: column[usable] for name, column in taken.items()}
        if "arrival" in simulated:
            simulated["arrival"] = simulated["arrival"] - simulated["arrival"].min()
        return Trace(requests(simulated), self._recorded(taken), known, dict(rows.skipped))

    def _recorded(self, taken: Mapping[str, Any]) -> RecordedRequests:
        counts, times = _column(self._token_counts), _column(self._token_times)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        starts = taken["arrival"] if self.has_starts else np.zeros(len(counts), np.int64)
        times = times + np.repeat(starts, counts)
        return RecordedRequests(
            end_time=_at(times, offsets[1:] - 1, counts),
            output_length=taken["output_length"].astype(np.int32),
            arrival_time=seconds(starts) if self.has_starts else None,
            first_token_time=_at(times, offsets[:-1], counts),
            prompt_length=taken["prompt_length"].astype(np.int32),
            success=taken["success"],
            token_times=seconds(times),
            token_offsets=offsets,
        )


def _at(times: Int64Array, places: Int64Array, counts: Int64Array) -> Float64Array:
    """The time at a place for each request, NaN for those that got no token."""
    if not len(times):
        return np.full(len(counts), np.nan)
    return np.where(counts > 0, seconds(times[np.where(counts > 0, places, 0)]), np.nan)


def _column(numbers: "array[int]") -> Int64Array:
    return np.array(numbers, np.int64)


def _gaps(value: object, first: int) -> list[int] | None:
    """Nanoseconds between the tokens, of which the first came at a time."""
    if not isinstance(value, list):
        return None
    gaps = [nanoseconds(item, NANOSECONDS) for item in value]
    if None in gaps or first + sum(gaps) > LONGEST:  # type: ignore[arg-type]
        return None
    return gaps  # type: ignore[return-value]
