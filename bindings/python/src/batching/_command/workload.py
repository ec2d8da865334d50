"""The requests to compare with, and where they come from."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from batching._columns.columns import RequestColumns
from batching._command.progress import Work
from batching._ffi.errors import BatchingValueError
from batching._traces.read import read_trace
from batching._workloads.conversation import generate_conversation_workload


@dataclass(frozen=True)
class WorkloadSource:
    """Requests, and in words where they come from."""

    requests: RequestColumns
    origin: str
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Rows of a trace that could not be used, for each reason."""
    format: str | None = None
    """That of a trace, as read_trace calls it."""

    def rate(self) -> float | None:
        """Requests per second between the first and the last arrival; None if all arrive at once."""
        arrivals = self.requests.arrival_time
        if arrivals is None or len(arrivals) == 0:
            return None
        span = float(arrivals.max() - arrivals.min())
        return len(arrivals) / span if span > 0 else None

    def at_rate(self, wanted: float) -> "WorkloadSource":
        """The same requests in the same pattern, but so many per second: the times between arrivals are scaled."""
        if not (math.isfinite(wanted) and wanted > 0):
            raise BatchingValueError(f"--request-rate is {wanted:g}: must be a finite number above 0")
        rate, requests = self.rate(), self.requests
        if rate is None or requests.arrival_time is None:
            raise BatchingValueError(f"--request-rate is {wanted:g}: the requests have no rate that can be changed")
        first = requests.arrival_time.min()
        arrival = first + (requests.arrival_time - first) * (rate / wanted)
        abort = requests.abort_time
        scaled = requests.replace(
            arrival_time=arrival,
            # A client has the same patience at any rate.
            abort_time=None if abort is None else arrival + (abort - requests.arrival_time),
        )
        return replace(self, requests=scaled, origin=f"{self.origin}; arrivals scaled from {rate:.2f} requests/s")

    def mean_prompt_length(self) -> float:
        """Tokens; 0.0 if there are no requests."""
        prompts = self.requests.prompt_length
        return float(np.mean(prompts)) if prompts is not None and len(prompts) else 0.0

    def mean_output_length(self) -> float:
        """Tokens; 0.0 if there are no requests."""
        return float(np.mean(self.requests.output_length)) if len(self.requests) else 0.0

    def as_json(self) -> dict[str, Any]:
        """What is printed of it with --json."""
        return {
            "origin": self.origin,
            "requests": len(self.requests),
            "requests_per_second": self.rate(),
            "mean_prompt_length": self.mean_prompt_length(),
            "mean_output_length": self.mean_output_length(),
            "skipped_rows": dict(self.skipped),
        }


def workload_of(
    trace: Path | None, num_requests: int, seed: int, request_rate: float | None, work: Work
) -> WorkloadSource:
    """What the options of a command ask for."""
    if trace is None:
        source = generated(num_requests, seed)
    else:
        with work.step(f"reading {trace.name}") as progress:
            source = replayed(trace, progress)
    return source if request_rate is None else source.at_rate(request_rate)


def generated(num_requests: int, seed: int) -> WorkloadSource:
    """Requests after the published statistics of a real trace."""
    requests = generate_conversation_workload(num_requests, seed)
    return WorkloadSource(requests, f"generated after the Azure conversation trace of 2023, seed {seed}")


def replayed(trace: Path, progress: Callable[[int, int], None], run: int | None = None) -> WorkloadSource:
    """The requests of a trace file."""
    read = read_trace(trace, progress=progress, run=run)
    return WorkloadSource(read.requests, f"replayed from {trace}", read.skipped, read.format)
