"""Python functions as callbacks of a run. An exception in one stops the run, and comes out of the call that made it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from batching._engine.policy import CustomPolicy, policy_answer
from batching._ffi.arguments import integer, number
from batching._ffi.generated import structs
from batching._ffi.signals import deferred_handlers, guarded, interruptible


class Iteration(NamedTuple):
    """One iteration (a forward pass of the model), as a model of its time sees it."""

    number: int
    """0, 1, 2, …"""
    time: float
    """Seconds: when it was scheduled."""
    running: int
    """Requests running, those that get nothing in this iteration included."""
    waiting: int
    """Requests waiting after the scheduling."""
    prefill_tokens: int
    """Tokens of all prefill chunks, those of recomputation included."""
    decode_tokens: int
    """Sequences that decode: each computes one token."""
    context_tokens: int
    """Over those sequences: the sum of the tokens that each attends to, its newest included."""
    prefill_context: float
    """Over the chunks: the sum of tokens x context, a chunk's context being the tokens of its request up to its end."""
    kv_blocks_used: int
    """KV blocks in use after the scheduling."""
    preemptions: int
    """Requests that it preempted."""
    prefill_chunks: int
    """Prefill chunks: the requests that prefill_tokens belong to."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    iterations: int
    """Iterations so far."""
    time: float
    """Seconds on the clock of the run."""
    arrived: int
    """Requests that have arrived, rejected ones included."""
    finished: int
    """Requests that have all their tokens."""
    count: int
    """Requests in all."""


class Callbacks:
    """The callbacks of a run, or of an engine, and the calls of the library that may call them."""

    def __init__(self) -> None:
        # Copies of an engine share its callbacks, and may be used in other threads.
        self._calls = threading.local()
        self._are_any = False

    def iteration_time(self, function: Callable[[Iteration], float]) -> Any:
        """A callback that answers how long an iteration takes."""

        def answer(iteration: Any, seconds: Any, _: Any) -> None:
            told = iteration.contents
            seconds[0] = number(
                function(Iteration(*(getattr(told, field) for field in Iteration._fields))), "iteration_time's answer"
            )

        return structs.batching_iteration_time_callback(self._guarded(answer))

    def progress(self, function: Callable[[Progress], object]) -> Any:
        """A callback that reports how far the run is."""

        def tell(progress: Any, _: Any) -> None:
            told = progress.contents
            function(Progress(*(getattr(told, field.name) for field in fields(Progress))))

        return structs.batching_progress_callback(self._guarded(tell))

    def calibration(self, function: Callable[[Any], object]) -> Any:
        """A callback that reports how far a calibration is; where it answers True, that is enough."""

        def tell(progress: Any, is_enough: Any, _: Any) -> None:
            if function(progress.contents) is True:
                is_enough[0] = 1

        return structs.batching_calibration_callback(self._guarded(tell))

    def policy(self, function: CustomPolicy) -> Any:
        """A callback that decides which requests compute how many tokens."""
        return structs.batching_policy_callback(self._guarded(policy_answer(function)))

    def router(self, function: Callable[[Any], int]) -> Any:
        """A callback that decides which worker a request goes to; it is told the struct of C."""

        def answer(view: Any, worker: Any, _: Any) -> None:
            worker[0] = integer(function(view.contents), "router's answer", -(2**63), 2**63 - 1)

        return structs.batching_router_callback(self._guarded(answer))

    def scaling(self, function: Callable[[Any], int]) -> Any:
        """A callback that decides how many replicas there are to be; it is told the struct of C."""

        def answer(readings: Any, desired: Any, _: Any) -> None:
            desired[0] = integer(function(readings.contents), "autoscaler's answer", -(2**63), 2**63 - 1)

        return structs.batching_scaling_callback(self._guarded(answer))

    def log(self, function: Callable[[int], None], *, holds_handlers: bool = False) -> Any:
        """A callback that takes rows of a log.

        Args:
            function: is told how many rows are filled.
            holds_handlers: no handler of a signal runs in it: what that raises would leave an iteration half done.
        """
        return structs.batching_log_callback(
            self._guarded(lambda row_count, _: function(row_count), holds_handlers=holds_handlers)
        )

    def beside(self) -> "Callbacks":
        """For one call that has more than these."""
        callbacks = Callbacks()
        callbacks._calls, callbacks._are_any = self._calls, self._are_any
        return callbacks

    def _guarded(self, function: Callable[..., None], *, holds_handlers: bool = False) -> Callable[..., int]:
        self._are_any = True
        return guarded(function, self._keep, holds_handlers=holds_handlers)

    def _keep(self, error: BaseException) -> None:
        self._calls.error = error

    def run(self, function: Any, *arguments: Any) -> int:
        """The status of a C function that may call them. Raises what one of them, or a handler of a signal, raises."""
        if not self._are_any:
            return interruptible(function, *arguments)
        self._calls.error = None
        try:
            with deferred_handlers():
                status = interruptible(function, *arguments)
        finally:
            error: BaseException | None = self._calls.error
            self._calls.error = None
            if error is not None:
                raise error
        return status
