"""What a fleet that runs on holds."""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.columns import _Columns
from batching._columns.display import Displayed, Table, count, seconds, share
from batching._ffi.arguments import number_of
from batching._ffi.calls import Float64Array, Int32Array, Int64Array, initialised
from batching._ffi.generated import structs
from batching._fleet.outputs import set_columns
from batching._fleet.result import _MOST_SHOWN

_REPLICA_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "waiting": np.int64,
    "running": np.int64,
    "kv_use": np.float64,
    "routed": np.int64,
    "queued_tokens": np.int64,
    "is_up": np.int32,
}


@dataclass(frozen=True)
class LiveFleetState(Displayed):
    """What a fleet holds now, as of its clock."""

    clock: float
    """Seconds: where the clock is."""
    submitted: int
    """Requests ever submitted: the sum of pending, in_flight, finished, rejected and aborted."""
    pending: int
    """Requests that have not arrived yet."""
    in_flight: int
    """Requests that have arrived and not ended."""
    queued: int
    """Those of them that wait in the queue of the router."""
    finished: int
    """Requests that have finished."""
    rejected: int
    """Requests that were rejected."""
    aborted: int
    """Requests that were lost, or late."""
    events: int
    """Events that were not polled."""

    def _table(self) -> Table:
        counts = [(field.name.replace("_", " "), count(getattr(self, field.name))) for field in fields(self)[1:]]
        return Table("Live fleet", ("", ""), [("clock", seconds(self.clock)), *counts])


class LiveFleetReplicaColumns(Displayed, _Columns):
    """What each replica holds now: element i of every column belongs to replica i. Read-only arrays."""

    waiting: Int64Array
    """Requests that wait there."""
    running: Int64Array
    """Requests that run there."""
    kv_use: Float64Array
    """The share of its KV blocks in use; 0.0 without a limit."""
    routed: Int64Array
    """Requests in flight that the router counts there."""
    queued_tokens: Int64Array
    """Prompt tokens of those of them without a first token, as the router counts them."""
    is_up: Int32Array
    """1: the router may send requests there."""

    def __init__(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        self._keep(**columns)

    def __len__(self) -> int:
        return len(self.waiting)

    def _table(self) -> Table:
        headings = ["replica", "waiting", "running", "KV use", "routed", "queued tokens", "up"]
        rows = [
            [
                str(index),
                count(float(self.waiting[index])),
                count(float(self.running[index])),
                share(float(self.kv_use[index])),
                count(float(self.routed[index])),
                count(float(self.queued_tokens[index])),
                "yes" if self.is_up[index] else "no",
            ]
            for index in range(min(len(self), _MOST_SHOWN))
        ]
        if len(self) > _MOST_SHOWN:
            rows.append(["…", *[""] * (len(headings) - 1)])
        return Table(number_of(len(self), "replica"), headings, rows)

    def __repr__(self) -> str:
        return f"LiveFleetReplicaColumns({number_of(len(self), 'replica')})"


def state_of(told: structs.batching_fleet_state) -> LiveFleetState:
    """What the library has written."""
    return LiveFleetState(**{field.name: getattr(told, field.name) for field in fields(LiveFleetState)})


class ObservedReplicas:
    """Room for what each replica holds, and the struct of C that points to it."""

    def __init__(self, replicas: int) -> None:
        self._columns: dict[str, npt.NDArray[Any]] = {
            name: np.empty(replicas, dtype) for name, dtype in _REPLICA_COLUMNS.items()
        }
        self.structure = initialised(structs.batching_fleet_state)
        set_columns(self.structure, self._columns, replicas)

    def told(self) -> LiveFleetReplicaColumns:
        """What was written there."""
        return LiveFleetReplicaColumns(self._columns)
