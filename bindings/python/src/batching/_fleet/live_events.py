"""What a fleet that runs on tells."""

import ctypes
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from batching._columns.columns import _Columns
from batching._engine.attribution import PARTS, Attribution, AttributionParts, attributed_columns
from batching._engine.result import CLIENT_COLUMNS, COLUMNS
from batching._ffi.arguments import number_of
from batching._ffi.calls import BoolArray, Float64Array, Int32Array, Int64Array, initialised
from batching._ffi.generated import structs
from batching._ffi.generated.choices import Event, RequestStatus
from batching._ffi.memory import allocated
from batching._fleet.outputs import set_columns
from batching._fleet.result import FLEET_COLUMNS
from batching._live.engine import _EVENTS, _PIECE
from batching._live.estimates import _STATUSES

_EVENT_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "time": np.float64,
    "request": np.int64,
    "event": np.int32,
    "tokens": np.int32,
    "replica": np.int32,
}

# Requests of a fleet that runs on come when they are sent, and have no order among them.
RESULT_COLUMNS: Final = {
    name: dtype for name, dtype in (COLUMNS | CLIENT_COLUMNS).items() if name not in {"completion_order", "sent_time"}
}
"""What it tells of each request, of what an engine tells."""

_ENDS: Final = (Event.FINISHED, Event.ABORTED, Event.REJECTED)


class LiveFleetOutcome(NamedTuple):
    """What became of a request of a `LiveFleet`: what `FleetResult` tells of it. Times are seconds."""

    status: RequestStatus
    """FINISHED; why it was rejected; LOST or TIMED_OUT."""
    arrival_time: float
    """When it arrived."""
    start_time: float
    """When it was first admitted. NaN: never."""
    first_token_time: float
    """When it had its first token. NaN: never."""
    end_time: float
    """When it had its last token, or left. NaN: never."""
    tokens_generated: int
    """Tokens generated."""
    preemptions: int
    """How often it was preempted."""
    prefix_cached_tokens: int
    """Tokens that it found in a prefix cache at its first admission."""
    replica: int
    """Its replica; -1: it was never routed."""
    routed_time: float
    """When it was routed. NaN: it never was."""
    prefill_replica: int
    """Where prefill and decode are apart: the replica that computed its prompt; -1: `replica`, or none."""
    held_time: float
    """The same: when its prompt was done there. NaN: it never was."""
    reserved_time: float
    """The same: when KV blocks were reserved where it decodes. NaN: they never were."""
    activated_time: float
    """The same: when it was among the requests there. NaN: it never was."""
    decode_start_time: float
    """The same: when it started there. NaN: it never did."""
    released_time: float
    """The same: when its source freed its KV blocks, as far as that was before its end. NaN: it was not."""
    attempts: int
    """How often it was sent to a replica, or found none; 0: it was not taken."""
    waiting_for_router: float
    """From when it was sent until it was at its replica, the last time. NaN: it never was."""
    transfer: float
    """From held_time to activated_time. NaN: there was none."""
    waiting_for_decode: float
    """From activated_time until it decodes, with attribution. NaN: there were none."""
    attribution: AttributionParts | None
    """The parts of its time, if it ended at a replica. None: it did not, or the fleet keeps none."""

    @property
    def ttft(self) -> float:
        """From its arrival to its first token. NaN: it had none."""
        return self.first_token_time - self.arrival_time

    @property
    def e2e(self) -> float:
        """From its arrival to its end. NaN: it never started."""
        return self.end_time - self.arrival_time


class LiveFleetOutcomeColumns(_Columns):
    """What became of requests, as read-only columns: those of LiveFleetOutcome, in the order of the events.

    Where an event ends no request, they are those of a request to which nothing has happened: UNFINISHED, -1, 0, NaN.
    """

    status: Int32Array
    arrival_time: Float64Array
    start_time: Float64Array
    first_token_time: Float64Array
    end_time: Float64Array
    tokens_generated: Int32Array
    preemptions: Int32Array
    prefix_cached_tokens: Int32Array
    replica: Int32Array
    routed_time: Float64Array
    prefill_replica: Int32Array
    held_time: Float64Array
    reserved_time: Float64Array
    activated_time: Float64Array
    decode_start_time: Float64Array
    released_time: Float64Array
    attempts: Int32Array
    waiting_for_router: Float64Array
    transfer: Float64Array
    waiting_for_decode: Float64Array
    attribution: Attribution | None
    """None: the fleet keeps none."""

    def __init__(
        self, columns: dict[str, npt.NDArray[Any]], attributed: dict[str, npt.NDArray[Any]] | None = None
    ) -> None:
        self._keep(**columns)
        self.__dict__["attribution"] = None if attributed is None else Attribution(attributed, self.status)

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, index: int) -> LiveFleetOutcome:
        values: dict[str, Any] = {name: getattr(self, name)[index].item() for name in _OUTCOME_NAMES}
        values["status"] = _STATUSES[values["status"]]
        parts = None if self.attribution is None else [float(getattr(self.attribution, name)[index]) for name in PARTS]
        # A request that never was at a replica, or was rejected there, has none.
        is_told = parts is not None and not any(map(np.isnan, parts))
        return LiveFleetOutcome(**values, attribution=AttributionParts(*parts) if parts and is_told else None)

    def __repr__(self) -> str:
        return f"LiveFleetOutcomeColumns({number_of(len(self), 'event')})"


_OUTCOME_NAMES: Final = LiveFleetOutcome._fields[:-1]


class LiveFleetEvent(NamedTuple):
    """What happened to a request."""

    time: float
    """Seconds."""
    request: int
    """Its id."""
    event: Event
    """ROUTED, ADMITTED, RESUMED, PREEMPTED, FIRST_TOKEN, FINISHED, ABORTED or REJECTED. One that was lost or late is
    ABORTED."""
    tokens: int
    """Routed: 0. Admitted, resumed: found in the prefix cache; rejected: its RequestStatus; otherwise: generated."""
    replica: int
    """The replica at which it happened, or to which the request goes; -1: at the router, or between two replicas."""
    outcome: LiveFleetOutcome | None = None
    """What became of the request. None: it goes on."""


class LiveFleetEventColumns(_Columns):
    """What happened, as read-only columns: those of LiveFleetEvent, in order of time.

    At one time, of one call of `LiveFleet.advance`: by replica, in the order in which it happened there; what happened
    at no replica comes last.
    """

    time: Float64Array
    request: Int64Array
    event: Int32Array
    tokens: Int32Array
    replica: Int32Array
    outcome: LiveFleetOutcomeColumns

    def __init__(self, columns: dict[str, npt.NDArray[Any]], outcome: LiveFleetOutcomeColumns) -> None:
        self._keep(**columns)
        self.__dict__["outcome"] = outcome

    @property
    def is_end(self) -> BoolArray:
        """Whether each ends its request."""
        return np.isin(self.event, _ENDS)

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        return f"LiveFleetEventColumns({number_of(len(self), 'event')})"

    def listed(self, start: int) -> list[LiveFleetEvent]:
        """A piece of them from there on, each an object of its own."""
        piece = slice(start, start + _PIECE)
        columns = [getattr(self, name)[piece].tolist() for name in _EVENT_COLUMNS]
        ends = self.is_end[piece].tolist()
        return [
            LiveFleetEvent(time, request, _EVENTS[event], tokens, replica, self.outcome[row] if is_end else None)
            for row, (time, request, event, tokens, replica, is_end) in enumerate(
                zip(*columns, ends, strict=True), start
            )
        ]


class PolledColumns:
    """Room for so many events, and the struct of C that points to it."""

    def __init__(self, capacity: int, *, attributes: bool) -> None:
        def room(columns: dict[str, type[np.generic]]) -> dict[str, npt.NDArray[Any]]:
            return {name: allocated(capacity, dtype, "the number of events") for name, dtype in columns.items()}

        self._told, self._results, self._fleet_results = room(_EVENT_COLUMNS), room(RESULT_COLUMNS), room(FLEET_COLUMNS)
        self._attributed = attributed_columns(capacity) if attributes else None
        results = initialised(structs.batching_results)
        set_columns(results, self._results, capacity)
        fleet_results = initialised(structs.batching_fleet_results)
        set_columns(fleet_results, self._fleet_results, capacity)
        if self._attributed is not None:
            parts = initialised(structs.batching_attribution)
            set_columns(parts, self._attributed, capacity)
            fleet_results.attribution = ctypes.pointer(parts)
        self.structure = initialised(structs.batching_fleet_events)
        set_columns(self.structure, self._told, capacity)
        self.structure.results = ctypes.pointer(results)
        self.structure.fleet_results = ctypes.pointer(fleet_results)

    def told(self) -> LiveFleetEventColumns:
        """What was written there."""
        taken = slice(self.structure.count)

        def written(columns: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
            return {name: column[taken] for name, column in columns.items()}

        attributed = None if self._attributed is None else written(self._attributed)
        outcome = LiveFleetOutcomeColumns(written({**self._results, **self._fleet_results}), attributed)
        return LiveFleetEventColumns(written(self._told), outcome)
