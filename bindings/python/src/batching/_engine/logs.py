"""The logs of a run as arrays: the library fills a few thousand rows at a time, and they are copied as they come."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.columns import _Columns
from batching._engine.callbacks import Callbacks
from batching._ffi.arguments import number_of
from batching._ffi.calls import Float64Array, Int32Array, Int64Array, initialised, pointer
from batching._ffi.generated import structs

_CHUNK: Final = 16_384
# A call to a live engine may have few rows, or none: so many are allocated at no cost.
_LIVE_CHUNK: Final = 1024
# Of each of very many logs.
_FEWEST_ROWS: Final = 256

_ITERATION_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "time": np.float64,
    "start_time": np.float64,
    "duration": np.float64,
    "running": np.int64,
    "waiting": np.int64,
    "prefill_tokens": np.int64,
    "decode_tokens": np.int64,
    "kv_blocks_used": np.int64,
    "kv_blocks_kept": np.int64,
    "preemptions": np.int64,
    "finished": np.int64,
}
_DECISION_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "iteration": np.int64,
    "request": np.int64,
    "event": np.int32,
    "tokens": np.int32,
}


class IterationLog(_Columns):
    """What happened in each iteration: element i of every column belongs to iteration i. Read-only arrays."""

    time: Float64Array
    """Seconds: when the iteration was scheduled."""
    start_time: Float64Array
    """Seconds: when it began to run. The same as time, unless scheduled asynchronously."""
    duration: Float64Array
    """Seconds."""
    running: Int64Array
    """Requests running, those that get nothing included."""
    waiting: Int64Array
    """Requests waiting after the scheduling."""
    prefill_tokens: Int64Array
    """Tokens of all prefill chunks."""
    decode_tokens: Int64Array
    """Sequences that decode."""
    kv_blocks_used: Int64Array
    """KV blocks in use after the scheduling."""
    kv_blocks_kept: Int64Array
    """KV blocks in use after the requests that finished gave theirs back."""
    preemptions: Int64Array
    """Requests that the iteration preempted."""
    finished: Int64Array
    """Requests whose last token it gave."""

    def __init__(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        self._keep(**columns)

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        return f"IterationLog({number_of(len(self), 'iteration')})"


class DecisionLog(_Columns):
    """What happened to which request: one row an event, in order of time. Read-only arrays."""

    iteration: Int64Array
    """The number of the iteration; of the next one for a rejection."""
    request: Int64Array
    """The index of the request; of a live engine, its id."""
    event: Int32Array
    """What happened: the values of Event."""
    tokens: Int32Array
    """See Event; 0 where nothing is said there."""

    def __init__(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        self._keep(**columns)

    def __len__(self) -> int:
        return len(self.iteration)

    def __repr__(self) -> str:
        return f"DecisionLog({number_of(len(self), 'event')})"


class LogCollector:
    """Takes the rows of one log as the library hands them over."""

    def __init__(
        self,
        structure: type[structs.batching_iteration_log] | type[structs.batching_decision_log],
        columns: dict[str, type[np.generic]],
        callbacks: Callbacks,
        *,
        is_live: bool,
        logs: int = 1,
    ) -> None:
        capacity = _LIVE_CHUNK if is_live else max(_CHUNK // logs, _FEWEST_ROWS)
        self.log = initialised(structure)
        self._buffers = {name: np.empty(capacity, dtype) for name, dtype in columns.items()}
        self._chunks: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in columns}
        self.log.capacity = capacity
        self.log.callback = callbacks.log(self._take, holds_handlers=is_live)
        for name, buffer in self._buffers.items():
            setattr(self.log, name, pointer(buffer))

    def _take(self, row_count: int) -> None:
        for name, buffer in self._buffers.items():
            self._chunks[name].append(buffer[:row_count].copy())

    def begin_with(self, other: "LogCollector") -> None:
        """The rows of another one of the same log come before its own."""
        self._chunks = {name: [*chunks] for name, chunks in other._chunks.items()}

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """All rows."""
        return {name: np.concatenate([self._buffers[name][:0], *chunks]) for name, chunks in self._chunks.items()}


def iteration_collector(callbacks: Callbacks, *, is_live: bool = False, logs: int = 1) -> LogCollector:
    """For batching_iteration_log, one of so many."""
    return LogCollector(structs.batching_iteration_log, _ITERATION_COLUMNS, callbacks, is_live=is_live, logs=logs)


def decision_collector(
    callbacks: Callbacks, *, include_queues: bool, is_live: bool = False, logs: int = 1
) -> LogCollector:
    """For batching_decision_log, one of so many."""
    collector = LogCollector(structs.batching_decision_log, _DECISION_COLUMNS, callbacks, is_live=is_live, logs=logs)
    collector.log.include_queues = int(include_queues)
    return collector
