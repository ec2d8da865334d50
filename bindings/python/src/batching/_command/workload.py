"""The requests to compare with, and where they come from."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from batching._columns.columns import RequestColumns
from batching._columns.sessions import session_count
from batching._columns.slices import between, rate_of, scaled_to_rate
from batching._command.progress import Work
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
        """Requests, or sessions, per second between the first and the last arrival; None if all arrive at once."""
        return rate_of(self.requests)

    def requests_per_second(self) -> float | None:
        """As many requests as there are, the later turns of sessions with them, by the time between the first and the
        last arrival that is given; None if all are given the same.
        """
        arrivals = self.requests.arrival_time
        span = 0.0 if arrivals is None or len(arrivals) == 0 else float(arrivals.max() - arrivals.min())
        return len(self.requests) / span if span > 0 else None

    def between(self, begin: float | None, end: float | None) -> "WorkloadSource":
        """The requests that arrive in this stretch of time, which begins at 0; None: there is no such bound."""
        bounds = (0.0 if begin is None else begin, math.inf if end is None else end)
        chosen = between(self.requests, *bounds, ("--from", "--to"))
        told = f"from {bounds[0]:g} s" if end is None else f"{bounds[0]:g} to {end:g} s"
        return replace(self, requests=chosen, origin=f"{self.origin}; {told}")

    def at_rate(self, wanted: float) -> "WorkloadSource":
        """The same requests in the same pattern, but so many per second: the times between arrivals are scaled."""
        scaled = scaled_to_rate(self.requests, wanted, "--request-rate")
        what = "requests" if scaled.session is None else "sessions"
        return replace(self, requests=scaled, origin=f"{self.origin}; arrivals scaled from {self.rate():.2f} {what}/s")

    def mean_prompt_length(self) -> float:
        """Tokens; 0.0 if there are no requests."""
        prompts = self.requests.prompt_length
        return float(np.mean(prompts)) if prompts is not None and len(prompts) else 0.0

    def mean_output_length(self) -> float:
        """Tokens; 0.0 if there are no requests."""
        return float(np.mean(self.requests.output_length)) if len(self.requests) else 0.0

    def as_json(self) -> dict[str, Any]:
        """What is printed of it with --json."""
        session = self.requests.session
        return {
            "origin": self.origin,
            "requests": len(self.requests),
            "requests_per_second": self.requests_per_second(),
            "sessions": None if session is None else session_count(session),
            "sessions_per_second": None if session is None else self.rate(),
            "mean_prompt_length": self.mean_prompt_length(),
            "mean_output_length": self.mean_output_length(),
            "skipped_rows": dict(self.skipped),
        }


@dataclass(frozen=True)
class Asked:
    """What the options of a command say of the workload."""

    trace: Path | None
    num_requests: int
    seed: int
    begin: float | None
    end: float | None
    request_rate: float | None


def workload_of(asked: Asked, work: Work) -> WorkloadSource:
    """What the options of a command ask for: a part of it is cut out first, and then has the rate."""
    if asked.trace is None:
        source = generated(asked.num_requests, asked.seed)
    else:
        with work.step(f"reading {asked.trace.name}") as progress:
            source = replayed(asked.trace, progress)
    if asked.begin is not None or asked.end is not None:
        source = source.between(asked.begin, asked.end)
    return source if asked.request_rate is None else source.at_rate(asked.request_rate)


def generated(num_requests: int, seed: int) -> WorkloadSource:
    """Requests after the published statistics of a real trace."""
    requests = generate_conversation_workload(num_requests, seed)
    return WorkloadSource(requests, f"generated after the Azure conversation trace of 2023, seed {seed}")


def replayed(trace: Path, progress: Callable[[int, int], None], run: int | None = None) -> WorkloadSource:
    """The requests of a trace file."""
    read = read_trace(trace, progress=progress, run=run)
    return WorkloadSource(read.requests, f"replayed from {trace}", read.skipped, read.format)
