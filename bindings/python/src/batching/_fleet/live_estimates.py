"""What would become of requests that were not sent yet: what a fleet is asked, and what it answers."""

import ctypes
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns, _Columns
from batching._ffi.arguments import number_of
from batching._ffi.calls import Float64Array, Int32Array, initialised
from batching._ffi.generated import structs
from batching._ffi.generated.choices import RequestStatus
from batching._fleet.outputs import set_columns
from batching._live.estimates import _STATUSES

_OF_RESULTS: Final[dict[str, type[np.generic]]] = {
    "arrival_time": np.float64,
    "start_time": np.float64,
    "first_token_time": np.float64,
    "end_time": np.float64,
    "status": np.int32,
}
_OF_FLEET_RESULTS: Final[dict[str, type[np.generic]]] = {"replica": np.int32, "prefill_replica": np.int32}


class FleetEstimate(NamedTuple):
    """What would become of a request of a fleet. Times are seconds; NaN where it would not get that far."""

    ttft: float
    """From its arrival to its first token."""
    e2e: float
    """From its arrival to its end."""
    start_time: float
    """When it would be admitted."""
    first_token_time: float
    """When it would have its first token."""
    end_time: float
    """When it would have its last, or leave."""
    status: RequestStatus
    """FINISHED; STUCK, LOST, TIMED_OUT, or why it would be rejected."""
    replica: int
    """Where it would go, and, where prefill and decode are apart, decode; -1: nowhere."""
    prefill_replica: int
    """Where its prompt would be computed, if that is elsewhere; -1: it is not."""


class FleetEstimateColumns(_Columns):
    """What would become of requests of a fleet, as read-only columns: those of FleetEstimate, in the order of the
    requests.
    """

    ttft: Float64Array
    e2e: Float64Array
    start_time: Float64Array
    first_token_time: Float64Array
    end_time: Float64Array
    status: Int32Array
    replica: Int32Array
    prefill_replica: Int32Array

    def __init__(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        self._keep(**columns)

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, index: int) -> FleetEstimate:
        values: dict[str, Any] = {name: getattr(self, name)[index].item() for name in FleetEstimate._fields}
        values["status"] = _STATUSES[values["status"]]
        return FleetEstimate(**values)

    def __repr__(self) -> str:
        return f"FleetEstimateColumns({number_of(len(self), 'request')})"


class FleetQuestions:
    """What an estimate of many requests asks and is answered."""

    def __init__(self, requests: RequestColumns) -> None:
        count = len(requests)
        # The caller's own columns, which live as long as this.
        self._requests, self._structure = requests, requests._structure()
        self._told: dict[str, npt.NDArray[Any]] = {name: np.empty(count, dtype) for name, dtype in _OF_RESULTS.items()}
        self._fleet_told: dict[str, npt.NDArray[Any]] = {
            name: np.empty(count, dtype) for name, dtype in _OF_FLEET_RESULTS.items()
        }
        self._results = initialised(structs.batching_results)
        set_columns(self._results, self._told, count)
        self._fleet_results = initialised(structs.batching_fleet_results)
        set_columns(self._fleet_results, self._fleet_told, count)

    @property
    def arguments(self) -> tuple[Any, Any, Any]:
        """Those of the C function."""
        return ctypes.byref(self._structure), ctypes.byref(self._results), ctypes.byref(self._fleet_results)

    def answer(self) -> FleetEstimateColumns:
        """What the library has written since."""
        told = dict(self._told)
        # Of those that were given no time that of the clock, which the library alone knows.
        arrival = told.pop("arrival_time")
        ttft, e2e = told["first_token_time"] - arrival, told["end_time"] - arrival
        return FleetEstimateColumns({"ttft": ttft, "e2e": e2e, **told, **self._fleet_told})
