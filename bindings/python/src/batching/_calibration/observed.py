"""What a log says of a server, as calibration takes it: what was asked, and what became of it, in the same order."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from batching._columns.columns import RequestColumns
from batching._columns.display import counted
from batching._columns.recorded import RecordedRequests
from batching._ffi.arguments import shown
from batching._ffi.calls import BoolArray, Float64Array
from batching._ffi.errors import BatchingValueError
from batching._traces.trace import Trace

AnyLog = Trace | RecordedRequests | tuple[RequestColumns, RecordedRequests]
"""What `calibrate` reads: a trace of a recorded run, what happened to requests, or what was asked beside it."""

_WHAT: Final = "a Trace, RecordedRequests, or a pair of RequestColumns and RecordedRequests"
# Formats that do not say when requests were sent.
_WITHOUT_ARRIVALS: Final = {"sglang": "SGLang does not save when a request was sent: all count as sent at once."}


@dataclass(frozen=True, eq=False)
class Observed:
    """A log. The earliest arrival is at 0.0."""

    requests: RequestColumns
    recorded: RecordedRequests
    first_token_time: Float64Array
    shift: float
    """What was taken from all times."""
    remarks: tuple[str, ...]
    """What is not used, and what is not known: a sentence each."""

    @property
    def succeeded(self) -> BoolArray:
        """Which requests have all their tokens."""
        told = self.recorded.success
        known = np.isfinite(self.recorded.end_time) & np.isfinite(self.first_token_time)
        return known if told is None else known & told


def observed(log: AnyLog) -> Observed:
    """A log of any form."""
    if isinstance(log, Trace):
        return _of_trace(log)
    if isinstance(log, RecordedRequests):
        return _of_recorded(log, ())
    if isinstance(log, tuple) and len(log) == 2:
        requests, recorded = log
        if isinstance(requests, RequestColumns) and isinstance(recorded, RecordedRequests):
            if len(requests) != len(recorded):
                raise BatchingValueError(
                    f"recorded has {counted(len(recorded), 'request')}: must have those of requests, {len(requests)}"
                )
            return _made(requests, recorded, ())
    raise TypeError(f"recorded is {shown(log)}: must be {_WHAT}")


def _of_trace(trace: Trace) -> Observed:
    if trace.recorded is None:
        raise BatchingValueError(
            f"recorded is a trace ({trace.format}) that tells when requests arrived, not when they were answered: must "
            "have what happened to them"
        )
    remark = _WITHOUT_ARRIVALS.get(trace.format)
    remarks = () if remark is None else (remark,)
    kept, told = _answered(trace.recorded)
    requests = trace.requests
    matches = len(requests) == len(kept) and np.array_equal(requests.output_length, kept.output_length)
    if not matches:
        # Rows of one that are not in the other: what happened has all that is needed but for shared prefixes.
        if requests.hash_ids is not None:
            told += ("Requests of the trace are not those that were answered, so that its hash ids are not used.",)
        return _of_recorded(trace.recorded, remarks)
    sent = kept.arrival_time if kept.arrival_time is not None else requests.arrival_time
    if "sent" in trace.details:
        sent = trace.details["sent"] / 1e9
    plain = requests.replace(arrival_time=sent, session=None, delay=None, abort_time=None)
    return _made(plain, kept, (*remarks, *told))


def _of_recorded(recorded: RecordedRequests, remarks: tuple[str, ...]) -> Observed:
    kept, told = _answered(recorded)
    requests = RequestColumns(kept.output_length, kept.prompt_length, kept.arrival_time)
    return _made(requests, kept, (*remarks, *told))


def _answered(recorded: RecordedRequests) -> tuple[RecordedRequests, tuple[str, ...]]:
    """Without the requests that failed, of which nothing says what the server computed for them."""
    if recorded.success is None or bool(recorded.success.all()):
        return recorded, ()
    chosen = np.flatnonzero(recorded.success)
    first = first_tokens(recorded)

    def some(column: Any) -> Any:
        return None if column is None else column[chosen]

    kept = RecordedRequests(
        some(recorded.end_time),
        some(recorded.output_length),
        arrival_time=some(recorded.arrival_time),
        start_time=some(recorded.start_time),
        first_token_time=some(first),
        prompt_length=some(recorded.prompt_length),
    )
    failed = counted(len(recorded) - len(chosen), "request")
    return kept, (f"{failed} failed and is left out, with whatever the server computed for it.",)


def first_tokens(recorded: RecordedRequests) -> Float64Array:
    """When each request had its first token: from its token times where it is not told otherwise; NaN: unknown."""
    if recorded.first_token_time is not None:
        return recorded.first_token_time
    times, offsets = recorded.token_times, recorded.token_offsets
    if times is None or offsets is None:
        raise BatchingValueError("recorded has neither first_token_time nor token_times: must have one of them")
    has_any = offsets[1:] > offsets[:-1]
    first = np.full(len(recorded), np.nan)
    first[has_any] = times[offsets[:-1][has_any]]
    return first


def _made(requests: RequestColumns, recorded: RecordedRequests, remarks: tuple[str, ...]) -> Observed:
    """On a clock whose 0 is the earliest arrival."""
    for name in ("session", "delay"):
        if getattr(requests, name) is not None:
            raise BatchingValueError(f"requests has {name}: must not, since a log has when each request was sent")
    first = first_tokens(recorded)
    arrivals = requests.arrival_time
    finite = None if arrivals is None else arrivals[np.isfinite(arrivals)]
    shift = 0.0 if finite is None or len(finite) == 0 else float(finite.min())
    if shift == 0.0:
        return Observed(requests, recorded, first, 0.0, remarks)
    moved = RecordedRequests(
        recorded.end_time - shift,
        recorded.output_length,
        start_time=None if recorded.start_time is None else recorded.start_time - shift,
        first_token_time=first - shift,
        prompt_length=recorded.prompt_length,
        success=recorded.success,
    )
    assert arrivals is not None, "there is an earliest"  # noqa: S101
    return Observed(requests.replace(arrival_time=arrivals - shift), moved, first - shift, shift, remarks)
