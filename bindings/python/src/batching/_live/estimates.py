"""What would become of requests that were not sent yet: what an engine is asked, and what it answers."""

import ctypes
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns, _Columns
from batching._ffi.arguments import number_of
from batching._ffi.calls import Float64Array, Int32Array, initialised, pointer
from batching._ffi.generated import structs
from batching._ffi.generated.choices import RequestStatus

# To look one up takes a tenth of what it takes to call RequestStatus.
_STATUSES: Final = {status.value: status for status in RequestStatus}


class Estimate(NamedTuple):
    """What would become of a request. Times are seconds; NaN where it would not get that far."""

    ttft: float
    """From its arrival to its first token."""
    e2e: float
    """From its arrival to its end."""
    start_time: float
    """When it would be admitted."""
    first_token_time: float
    """When it would have its first token."""
    end_time: float
    """When it would have its last."""
    status: RequestStatus
    """FINISHED; STUCK, or why it would be rejected."""


class EstimateColumns(_Columns):
    """What would become of requests, as read-only columns: those of Estimate, in the order of the requests."""

    ttft: Float64Array
    e2e: Float64Array
    start_time: Float64Array
    first_token_time: Float64Array
    end_time: Float64Array
    status: Int32Array

    def __init__(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        self._keep(**columns)

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, index: int) -> Estimate:
        return Estimate(
            float(self.ttft[index]),
            float(self.e2e[index]),
            float(self.start_time[index]),
            float(self.first_token_time[index]),
            float(self.end_time[index]),
            RequestStatus(self.status[index]),
        )

    def __repr__(self) -> str:
        return f"EstimateColumns({number_of(len(self), 'request')})"


class Questions:
    """What an estimate of many requests asks and is answered."""

    def __init__(self, requests: RequestColumns) -> None:
        self._arrival = requests.arrival_time
        # The caller's own columns, which live as long as this.
        self._requests, self._structure = requests, requests._structure()
        count = len(requests)
        self._columns: dict[str, npt.NDArray[Any]] = {
            "start_time": np.empty(count, np.float64),
            "first_token_time": np.empty(count, np.float64),
            "end_time": np.empty(count, np.float64),
            "status": np.empty(count, np.int32),
        }
        self._results = initialised(structs.batching_results)
        self._results.capacity = count
        for name, column in self._columns.items():
            setattr(self._results, name, pointer(column))

    def arguments(self, arrival: float) -> tuple[Any, Any]:
        """Those of the C function. `arrival` is of those that were given none."""
        if self._requests.arrival_time is None:
            self._arrival = np.full(len(self._requests), arrival)
            self._structure.arrival_time = pointer(self._arrival)
        return ctypes.byref(self._structure), ctypes.byref(self._results)

    def answer(self, arrival: float) -> EstimateColumns:
        """What the library has written since."""
        begin = arrival if self._arrival is None else self._arrival
        told = self._columns
        return EstimateColumns({"ttft": told["first_token_time"] - begin, "e2e": told["end_time"] - begin, **told})


class Question:
    """What an estimate of one request asks and is answered."""

    def __init__(self) -> None:
        self.prompt_length, self.output_length, self.priority = ctypes.c_int32(), ctypes.c_int32(), ctypes.c_int32()
        self.arrival_time = ctypes.c_double()
        self._start, self._first_token, self._end = ctypes.c_double(), ctypes.c_double(), ctypes.c_double()
        self._status = ctypes.c_int32()
        requests = initialised(structs.batching_requests)
        requests.count = 1
        requests.prompt_length = ctypes.pointer(self.prompt_length)
        requests.output_length = ctypes.pointer(self.output_length)
        requests.priority = ctypes.pointer(self.priority)
        requests.arrival_time = ctypes.pointer(self.arrival_time)
        results = initialised(structs.batching_results)
        results.capacity = 1
        results.start_time = ctypes.pointer(self._start)
        results.first_token_time = ctypes.pointer(self._first_token)
        results.end_time = ctypes.pointer(self._end)
        results.status = ctypes.pointer(self._status)
        self._arguments = (ctypes.byref(requests), ctypes.byref(results))

    def arguments(self, arrival: float) -> tuple[Any, Any]:
        """Those of the C function."""
        self.arrival_time.value = arrival
        return self._arguments

    def answer(self, arrival: float) -> Estimate:
        """What the library has written since."""
        start, first_token, end = self._start.value, self._first_token.value, self._end.value
        return Estimate(first_token - arrival, end - arrival, start, first_token, end, _STATUSES[self._status.value])
