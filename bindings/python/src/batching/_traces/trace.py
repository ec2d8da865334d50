"""What a trace is: its file, and what has been read of it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._columns.recorded import RecordedRequests
from batching._ffi.errors import BatchingError

Progress = Callable[[int, int], None]
"""Gets the bytes of the file that have been read, and how many there are."""

TraceFile = str | os.PathLike[str] | IO[bytes]
"""A path, "-" for standard input, or a file opened in binary mode."""


class TraceError(BatchingError, ValueError):
    """A file is no trace that can be read."""


@dataclass(frozen=True, repr=False)
class Trace:
    """What a trace file holds.

    >>> read_trace("AzureLLMInferenceTrace_conv.csv.gz")  # doctest: +SKIP
    Trace(azure, RequestColumns(19366 requests, 4088665 output tokens, arrivals 0.0 to 3501.721937 s))
    """

    requests: RequestColumns
    """The usable rows, in the order of the file, of otel in that of their starts, ready to be simulated. The earliest
    arrives at 0.0; where the format has no arrivals, arrival_time is None."""
    recorded: RecordedRequests | None
    """Of a recorded run: what happened, also to the requests that failed. None where the file has none of that."""
    format: str
    """Which of TRACE_FORMATS it is."""
    skipped: Mapping[str, int]
    """How many rows are not in `requests`, for each reason. Empty if all are."""
    details: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    """What else the format has of each of `requests`, as int64 columns: of Bailian chat_id, parent_chat_id (-1: none)
    and turn (-1: unknown), of otel start (nanoseconds after the earliest of them), of a measured run of llmservingsim
    sent (nanoseconds after the earliest arrival, which there is when the server has queued it; what `calibrate` takes
    for the arrival). Empty for the others."""

    def __repr__(self) -> str:
        parts = [self.format, repr(self.requests)]
        if self.recorded is not None:
            parts.append(f"recorded {self.recorded!r}")
        if self.skipped:
            parts.append(f"{sum(self.skipped.values())} skipped")
        return f"Trace({', '.join(parts)})"
