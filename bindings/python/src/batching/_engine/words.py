"""The words of the engine that the C interface tells as numbers: its constants, one for one."""

from enum import IntEnum


class RequestStatus(IntEnum):
    """What became of a request."""

    FINISHED = 0
    """It has all its tokens."""
    UNFINISHED = 100
    """The run ended before, at a limit. What was not reached is NaN in its times."""
    STUCK = 110
    """It was waiting or running when the run could make no more progress."""
    ABORTED = 120
    """Its client left, at abort_time, before it had all its tokens; its end is when that was taken."""
    REJECTED_MODEL_LENGTH = 200
    """Rejected on arrival: its prompt is not shorter than max_model_len."""
    REJECTED_KV_MEMORY = 210
    """Rejected on arrival: it needs more KV blocks than there are."""
    REJECTED_TOKEN_BUDGET = 220
    """Rejected on arrival: chunked prefill is disabled, and it is longer than max_num_batched_tokens."""


class EndReason(IntEnum):
    """Why a run ended."""

    COMPLETED = 0
    """Nothing was left to do."""
    TIME_LIMIT = 100
    """The next iteration would have started at or after time_limit."""
    ITERATION_LIMIT = 110
    """iteration_limit iterations had run."""
    STUCK = 200
    """Requests were left, none would arrive, and no iteration could change anything."""


class Event(IntEnum):
    """What a row of the log of decisions, or an event of a live engine, tells."""

    REJECTED = 100
    """Rejected on arrival."""
    PREEMPTED = 200
    """It lost its KV blocks and waits again."""
    ADMITTED = 300
    """It runs for the first time; tokens: found in the prefix cache."""
    RESUMED = 310
    """It runs again after a preemption; tokens: found in the prefix cache."""
    SCHEDULED = 400
    """It computes so many tokens in this iteration."""
    RUNNING = 500
    """It is running, with log_queues: one row each, in order."""
    WAITING = 510
    """It is waiting, with log_queues: one row each, in order."""
    FIRST_TOKEN = 450
    """Live engine: it has its first token."""
    FINISHED = 600
    """It has its last token; tokens: how many it generated."""
    ABORTED = 610
    """Its client left before it had its last token; tokens: how many it generated."""
