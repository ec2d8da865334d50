"""Python functions as callbacks of a run. An exception in one stops the run, and comes out of the call that made it.

Ctrl-C: Python handles a signal when it next executes its own code, which during a run is the beginning of a callback.
An exception raised there could not be caught, and would be lost. So for the time of a run the signal is only noted; the
callback that finds the note stops the run, and the handler that was there before is called after it.
"""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from types import FrameType, TracebackType
from typing import Any, Final, NamedTuple, Self

from batching import _abi
from batching._arguments import number
from batching._policy import CustomPolicy, policy_answer

_GO_ON: Final = 0
_STOP: Final = 1


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
    """The callbacks of a run, or of an engine. To be used as a context, in which the library is called."""

    def __init__(self) -> None:
        self._calls = threading.local()
        self._depth = 0
        self._signal: tuple[int, FrameType | None] | None = None
        self._handler: Callable[[int, FrameType | None], Any] | None = None

    @property
    def handles_signals(self) -> bool:
        """Whether a run here can be interrupted: only in Python's main thread it can."""
        return self._handler is not None and threading.current_thread() is threading.main_thread()

    def iteration_time(self, function: Callable[[Iteration], float]) -> Any:
        """A callback that answers how long an iteration takes."""

        def answer(iteration: Any, seconds: Any, _: Any) -> None:
            told = iteration.contents
            seconds[0] = number(
                function(Iteration(*(getattr(told, field) for field in Iteration._fields))), "iteration_time's answer"
            )

        return _abi.iteration_time_callback(self._guarded(answer))

    def progress(self, function: Callable[[Progress], object] | None) -> Any:
        """A callback that tells how far the run is, and gives Python a moment to handle signals."""

        def tell(progress: Any, _: Any) -> None:
            if function is not None:
                told = progress.contents
                function(Progress(*(getattr(told, field.name) for field in fields(Progress))))

        return _abi.progress_callback(self._guarded(tell))

    def policy(self, function: CustomPolicy) -> Any:
        """A callback that decides who computes how many tokens."""
        return _abi.policy_callback(self._guarded(policy_answer(function)))

    def log(self, function: Callable[[int], None]) -> Any:
        """A callback that takes rows of a log."""
        return _abi.log_callback(self._guarded(lambda row_count, _: function(row_count)))

    def _guarded(self, function: Callable[..., None]) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            try:
                function(*arguments)
            except BaseException as error:  # noqa: BLE001  (none may pass through C; it is raised again afterwards)
                # Copies of an engine share its callbacks, and may be used in other threads.
                self._calls.error = error
                return _STOP
            return _STOP if self._signal is not None and self.handles_signals else _GO_ON

        return call

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = (number, frame)

    def __enter__(self) -> Self:
        self._calls.error = None
        if threading.current_thread() is threading.main_thread():
            # A callback may call a copy of its own engine, which has the same callbacks.
            self._depth += 1
            handler = signal.getsignal(signal.SIGINT)
            if self._depth == 1 and callable(handler):
                signal.signal(signal.SIGINT, self._note)
                self._handler = handler
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if threading.current_thread() is threading.main_thread():
            self._depth -= 1
            if self._depth == 0 and self._handler is not None:
                handler, noted = self._handler, self._signal
                self._handler = self._signal = None
                signal.signal(signal.SIGINT, handler)
                if noted is not None:
                    handler(*noted)
        raised, self._calls.error = self._calls.error, None
        if raised is not None:
            raise raised
