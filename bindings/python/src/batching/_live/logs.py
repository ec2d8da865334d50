"""The logs of a live engine, call by call."""

import ctypes
from typing import Any, NamedTuple

from batching._engine.callbacks import Callbacks
from batching._engine.logs import DecisionLog, IterationLog, LogCollector, decision_collector, iteration_collector


class LiveEngineLogs(NamedTuple):
    """What an engine did in one call."""

    iteration_log: IterationLog | None
    """One row an iteration that ended; None if it was not wanted."""
    decision_log: DecisionLog | None
    """One row an event, with the id of its request; None if it was not wanted."""


class CollectedLogs:
    """Takes the rows of the logs of one call."""

    def __init__(self, callbacks: Callbacks, *, iterations: bool, decisions: bool, queues: bool) -> None:
        self.iterations: LogCollector | None = None
        self.decisions: LogCollector | None = None
        if iterations:
            self.iterations = iteration_collector(callbacks, is_live=True)
        if decisions or queues:
            self.decisions = decision_collector(callbacks, include_queues=queues, is_live=True)

    @property
    def arguments(self) -> tuple[Any, Any]:
        """Those of the C function."""
        iterations, decisions = self.iterations, self.decisions
        return (
            None if iterations is None else ctypes.byref(iterations.log),
            None if decisions is None else ctypes.byref(decisions.log),
        )

    def told(self) -> LiveEngineLogs:
        """All rows."""
        iterations, decisions = self.iterations, self.decisions
        return LiveEngineLogs(
            None if iterations is None else IterationLog(iterations.columns()),
            None if decisions is None else DecisionLog(decisions.columns()),
        )


class UntoldLogs:
    """Rows of calls that raised: they happened, and come with those of the next call."""

    def __init__(self) -> None:
        self._iterations: LogCollector | None = None
        self._decisions: LogCollector | None = None

    def precede(self, logs: CollectedLogs) -> None:
        """They come first there."""
        if self._iterations is not None and logs.iterations is not None:
            logs.iterations.begin_with(self._iterations)
        if self._decisions is not None and logs.decisions is not None:
            logs.decisions.begin_with(self._decisions)

    def keep(self, logs: CollectedLogs) -> None:
        """The call raised. One that had nothing to tell has not begun."""
        if logs.iterations is not None and logs.iterations.log.count > 0:
            self._iterations = logs.iterations
        if logs.decisions is not None and logs.decisions.log.count > 0:
            self._decisions = logs.decisions

    def forget(self, logs: CollectedLogs) -> None:
        """They have been told there."""
        if logs.iterations is not None:
            self._iterations = None
        if logs.decisions is not None:
            self._decisions = None
