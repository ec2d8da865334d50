"""The logs of the replicas of a fleet, one for each."""

import ctypes
from typing import Any

from batching._engine.logs import DecisionLog, IterationLog, LogCollector, decision_collector, iteration_collector
from batching._ffi.generated import structs
from batching._fleet.structure import FleetStructure


class FleetLogs:
    """Takes the rows of the logs that are wanted."""

    def __init__(self, fleet: FleetStructure, *, iterations: bool, decisions: bool, queues: bool) -> None:
        self._iterations: list[LogCollector] | None = None
        self._decisions: list[LogCollector] | None = None
        count = fleet.replicas
        if iterations:
            self._iterations = [iteration_collector(fleet.callbacks, logs=count) for _ in range(count)]
            fleet.structure.iteration_log = _pointers(structs.batching_iteration_log, self._iterations)
        if decisions:
            self._decisions = [
                decision_collector(fleet.callbacks, include_queues=queues, logs=count) for _ in range(count)
            ]
            fleet.structure.decision_log = _pointers(structs.batching_decision_log, self._decisions)

    def iteration_logs(self) -> tuple[IterationLog, ...] | None:
        """One for each replica; None: not wanted."""
        return None if self._iterations is None else tuple(IterationLog(log.columns()) for log in self._iterations)

    def decision_logs(self) -> tuple[DecisionLog, ...] | None:
        """The same of decisions."""
        return None if self._decisions is None else tuple(DecisionLog(log.columns()) for log in self._decisions)


def _pointers(structure: Any, collectors: list[LogCollector]) -> Any:
    """The addresses of the logs, as an array."""
    return (ctypes.POINTER(structure) * len(collectors))(*(ctypes.pointer(own.log) for own in collectors))
