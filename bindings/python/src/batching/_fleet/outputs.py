"""Room for what a fleet tells."""

import ctypes
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._engine.attribution import attributed_columns
from batching._ffi.calls import initialised, pointer
from batching._ffi.generated import structs
from batching._ffi.memory import allocated
from batching._fleet.result import FLEET_COLUMNS, REPLICA_COLUMNS

# A decision every 5 seconds of half a year; memory that is not touched costs nothing.
_MOST_SCALINGS: Final = 1 << 22


def set_columns(structure: Any, columns: Mapping[str, npt.NDArray[Any]], capacity: int) -> None:
    """Write columns into a struct of C that has their capacity."""
    structure.capacity = capacity
    for name, column in columns.items():
        setattr(structure, name, pointer(column))


class FleetOutputs:
    """The columns that a fleet fills beside those of an engine, and the struct of C that points to them."""

    def __init__(self, count: int, replicas: int, *, attributes: bool, scales: bool) -> None:
        self.by_request = {
            name: allocated(count, dtype, "the number of requests") for name, dtype in FLEET_COLUMNS.items()
        }
        self.by_replica: dict[str, npt.NDArray[Any]] = {
            name: np.empty(replicas, dtype) for name, dtype in REPLICA_COLUMNS.items()
        }
        self.attributed = attributed_columns(count) if attributes else None
        self.structure = initialised(structs.batching_fleet_results)
        set_columns(self.structure, {**self.by_request, **self.by_replica}, count)
        self.structure.replica_capacity = replicas
        if self.attributed is not None:
            self._parts = initialised(structs.batching_attribution)
            set_columns(self._parts, self.attributed, count)
            self.structure.attribution = ctypes.pointer(self._parts)
        room = _MOST_SCALINGS if scales else 0
        self._time = np.empty(room)
        self._replicas = np.empty(room, np.int64)
        self._role = np.empty(room, np.int32)
        self._count = ctypes.c_int64(0)
        self.structure.scaling_capacity = room
        self.structure.scaling_time = pointer(self._time)
        self.structure.scaling_replicas = pointer(self._replicas)
        self.structure.scaling_role = pointer(self._role)
        self.structure.scaling_count = ctypes.pointer(self._count)

    def scaling(self) -> dict[str, npt.NDArray[Any]]:
        """The decisions of an autoscaler, as far as there was room."""
        count = min(self._count.value, len(self._time))
        return {
            "scaling_time": self._time[:count].copy(),
            "scaling_replicas": self._replicas[:count].copy(),
            "scaling_role": self._role[:count].copy(),
        }
