"""What the slow engine tells of a run: the names and numbers of include/batching.h, written down once more."""

import math
from dataclasses import dataclass, field, fields

from oracle.simulators import seconds

FINISHED, UNFINISHED, STUCK, ABORTED, NOT_SENT = 0, 100, 110, 120, 130
REJECTED_MODEL_LENGTH, REJECTED_KV_MEMORY, REJECTED_TOKEN_BUDGET = 200, 210, 220

END_COMPLETED, END_TIME_LIMIT, END_ITERATION_LIMIT, END_STUCK = 0, 100, 110, 200

EVENT_REJECTED, EVENT_PREEMPTED, EVENT_ADMITTED, EVENT_RESUMED = 100, 200, 300, 310
EVENT_SCHEDULED, EVENT_RUNNING, EVENT_WAITING, EVENT_FINISHED, EVENT_ABORTED = 400, 500, 510, 600, 610


@dataclass
class SlowIteration:
    """One iteration: what a model of its time may ask, and what became of it."""

    number: int
    time: float
    running: int
    waiting: int
    prefill_tokens: int
    decode_tokens: int
    context_tokens: int
    prefill_context: float
    kv_blocks_used: int
    preemptions: int
    scheduled_at: int
    """Nanoseconds, as started_at and duration."""
    prefill_chunks: int = 0
    started_at: int = 0
    duration: int = 0
    kv_blocks_kept: int = 0
    finished: int = 0


@dataclass
class SlowIterationLog:
    """The columns of batching_iteration_log."""

    time: list[float] = field(default_factory=list)
    start_time: list[float] = field(default_factory=list)
    duration: list[float] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    prefill_tokens: list[int] = field(default_factory=list)
    decode_tokens: list[int] = field(default_factory=list)
    kv_blocks_used: list[int] = field(default_factory=list)
    kv_blocks_kept: list[int] = field(default_factory=list)
    preemptions: list[int] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, iterations: list[SlowIteration]) -> "SlowIterationLog":
        log = cls()
        for row in iterations:
            log.time.append(seconds(row.scheduled_at))
            log.start_time.append(seconds(row.started_at))
            log.duration.append(seconds(row.duration))
            for name in COUNTED:
                getattr(log, name).append(getattr(row, name))
        return log


COUNTED = [item.name for item in fields(SlowIterationLog) if item.name not in {"time", "start_time", "duration"}]


@dataclass
class SlowDecisionLog:
    """The columns of batching_decision_log."""

    iteration: list[int] = field(default_factory=list)
    request: list[int] = field(default_factory=list)
    event: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def add(self, iteration: int, request: int, event: int, tokens: int = 0) -> None:
        self.iteration.append(iteration)
        self.request.append(request)
        self.event.append(event)
        self.tokens.append(tokens)


@dataclass
class SlowAttributionColumns:
    """The columns of batching_attribution, and the nanoseconds that they are made of."""

    waiting_for_client: list[float]
    waiting_for_slot: list[float]
    waiting_for_memory: list[float]
    prefill: list[float]
    decode: list[float]
    slowed_by_prefill: list[float]
    preempted: list[float]
    held_in_batch: list[float]
    nanoseconds: dict[str, list[int | None]]

    @classmethod
    def of(cls, nanoseconds: dict[str, list[int | None]]) -> "SlowAttributionColumns":
        columns = {part: [seconds_or_nan(count) for count in counts] for part, counts in nanoseconds.items()}
        return cls(**columns, nanoseconds=nanoseconds)


@dataclass
class SlowResult:
    """The columns of batching_results, the fields of batching_summary, and the logs.

    The summary's preemptions are total_preemptions.
    """

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
    unfinished: int
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
    aborted: int
    not_sent: int
    host_kv_hits: int
    disk_kv_hits: int
    host_kv_loaded: int
    disk_kv_loaded: int
    host_kv_blocks_written: int
    disk_kv_blocks_written: int
    kv_load_time: float

    attribution: SlowAttributionColumns
    iteration_log: SlowIterationLog
    decision_log: SlowDecisionLog
    seen: dict[str, int]
    """How often what is rare happened, to know that it does."""


SUMMARY_FIELDS = [item.name for item in fields(SlowResult)][10:-4]


def seconds_or_nan(count: int | None) -> float:
    """NaN stands for a time that was not reached."""
    return math.nan if count is None else seconds(count)
