"""What an engine told of a run, as plain lists: of the library and of the slow engine the same."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from batching import Result

from oracle.cases import Case
from oracle.client import SlowClient, is_closed
from oracle.comparison import COLUMNS, DECISION_COLUMNS, ITERATION_COLUMNS
from oracle.engine import SlowOptions
from oracle.records import SUMMARY_FIELDS, SlowResult
from oracle.simulators import nanoseconds


@dataclass
class Row:
    """An iteration: a row of the log. Times are nanoseconds."""

    time: int
    start_time: int
    duration: int
    running: int
    waiting: int
    prefill_tokens: int
    decode_tokens: int
    kv_blocks_used: int
    kv_blocks_kept: int
    preemptions: int
    finished: int


@dataclass
class Decision:
    """A row of the log of decisions."""

    iteration: int
    request: int
    event: int
    tokens: int


class Told:
    """The columns and numbers of a result are attributes of the same names."""

    start_time: list[float]
    first_token_time: list[float]
    end_time: list[float]
    tokens_generated: list[int]
    completion_order: list[int]
    preemptions: list[int]
    prefix_cached_tokens: list[int]
    status: list[int]
    arrival_time: list[float]
    sent_time: list[float]

    total_time: float
    throughput: float
    total_tokens: int
    iterations: int
    busy_time: float
    duration: float
    end_reason: int
    finished: int
    rejected: int
    aborted: int
    unfinished: int
    not_sent: int
    prefill_tokens: int
    decode_tokens: int
    total_preemptions: int
    recomputed_tokens: int
    mean_running: float
    peak_running: int
    peak_waiting: int
    mean_kv_use: float
    peak_kv_use: float
    prefix_cache_queries: int
    prefix_cache_hits: int

    def __init__(self, case: Case, result: Result | SlowResult) -> None:
        """With both logs, and the queues in that of decisions."""
        self.options: SlowOptions = case.options
        self.client = case.client or SlowClient()
        self.workload = case.workload
        self.is_closed = is_closed(case.workload.session, case.client)
        for name in COLUMNS:
            setattr(self, name, _plain(getattr(result, name)))
        for name in SUMMARY_FIELDS:
            setattr(self, name, getattr(result, name))
        self.sent = [None if math.isnan(time) else nanoseconds(time) for time in self.sent_time]
        """Nanoseconds."""
        iterations = [_plain(getattr(result.iteration_log, name)) for name in ITERATION_COLUMNS]
        self.rows = [
            Row(nanoseconds(time), nanoseconds(start), nanoseconds(duration), *counts)
            for time, start, duration, *counts in zip(*iterations, strict=True)
        ]
        decisions = [_plain(getattr(result.decision_log, name)) for name in DECISION_COLUMNS]
        self.decisions = [Decision(*values) for values in zip(*decisions, strict=True)]

    @property
    def count(self) -> int:
        return len(self.status)

    @property
    def is_asynchronous(self) -> bool:
        return self.options.async_scheduling and self.options.policy == "vllm"

    def prompt(self, index: int) -> int:
        """Tokens of a request's prompt: something must be computed to yield the first token."""
        return max(1, self.workload.prompt_length[index])

    def output(self, index: int) -> int:
        """Tokens that a request generates: max_model_len may end it."""
        output, longest = self.workload.output_length[index], self.options.max_model_len
        return output if longest is None else min(output, longest - self.prompt(index))

    def turns(self) -> list[tuple[int, int]]:
        """Each turn of a session that is not the first, after the one before it."""
        pairs, last = [], dict[int, int]()
        for index, session in enumerate(self.workload.session or []):
            if session in last:
                pairs.append((last[session], index))
            last[session] = index
        return pairs

    def requests_with(self, event: int) -> list[int]:
        """The requests that it happened to, in the order of the log."""
        return [row.request for row in self.decisions if row.event == event]


def _plain(column: Any) -> list[Any]:
    plain: list[Any] = np.asarray(column).tolist()
    return plain
