"""Requests as rows, the way a learner meets them, and their way into columns."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from batching._columns.columns import CompletedColumns, RequestColumns
from batching._ffi.arguments import int32, number, shown
from batching._ffi.errors import BatchingValueError


@dataclass
class Request:
    """One request. For many, see RequestColumns."""

    id: int
    """Yours to choose; nothing depends on it."""
    prompt_length: int
    """Prompt tokens; at least 0."""
    output_length: int
    """Tokens to generate; at least 1."""
    arrival_time: float
    """Seconds."""
    start_time: float | None = None
    """Seconds at which it joined a batch; None: not yet."""
    end_time: float | None = None
    """Seconds at which it left the batch; None: not yet."""
    tokens_generated: int = 0
    """Tokens generated so far."""
    first_token_time: float | None = None
    """Seconds at which its first token was there; None: unknown. Filled by the simulators."""

    def is_complete(self) -> bool:
        """Whether it has all its tokens."""
        return self.tokens_generated >= self.output_length

    def remaining_tokens(self) -> int:
        """How many tokens it still has to generate; never negative."""
        return max(0, self.output_length - self.tokens_generated)


def rows(requests: Iterable[Request], argument: str) -> list[Request]:
    """The requests as a list, each checked to be one."""
    if not isinstance(requests, Iterable):
        raise TypeError(f"{argument} is {shown(requests)}: must be a sequence of Request, or columns")
    listed = list(requests)
    for index, request in enumerate(listed):
        if not isinstance(request, Request):
            raise TypeError(f"{argument}[{index}] is {shown(request)}: must be a Request")
    return listed


def request_columns(requests: list[Request]) -> RequestColumns:
    """What the simulators need of the rows."""
    count = len(requests)
    outputs, prompts, arrivals = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count)
    for index, request in enumerate(requests):
        outputs[index] = int32(request.output_length, f"output_length[{index}]")
        prompts[index] = int32(request.prompt_length, f"prompt_length[{index}]")
        arrivals[index] = number(request.arrival_time, f"arrival_time[{index}]")
    return RequestColumns(outputs, prompts, arrivals)


def completed_columns(requests: list[Request]) -> CompletedColumns:
    """What the metrics need of the rows."""
    count = len(requests)
    arrivals, starts, first_tokens, ends = (np.empty(count) for _ in range(4))
    tokens = np.empty(count, np.int32)
    for index, request in enumerate(requests):
        missing = [name for name in ("start_time", "end_time") if getattr(request, name) is None]
        if missing:
            raise BatchingValueError(
                f"{' and '.join(f'{name}[{index}]' for name in missing)} missing: "
                f"request {shown(request.id)} has not completed"
            )
        arrivals[index] = number(request.arrival_time, f"arrival_time[{index}]")
        starts[index] = number(request.start_time, f"start_time[{index}]")
        ends[index] = number(request.end_time, f"end_time[{index}]")
        tokens[index] = int32(request.tokens_generated, f"tokens_generated[{index}]")
        first = request.first_token_time
        first_tokens[index] = math.nan if first is None else number(first, f"first_token_time[{index}]")
    return CompletedColumns(starts, ends, tokens, arrivals, first_tokens)
