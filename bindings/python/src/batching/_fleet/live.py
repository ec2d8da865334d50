"""A fleet that runs as its host's time goes by: a digital twin of the replicas behind a router."""

import ctypes
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn, Self, Unpack

import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._engine.kinds import switch
from batching._ffi.arguments import int64_column, integer, number
from batching._ffi.calls import Int64Array, check, initialised, pointer
from batching._ffi.generated import structs
from batching._ffi.handles import Handle
from batching._ffi.loader import library
from batching._ffi.signals import interruptible
from batching._fleet.chooser import ChooserName, CustomRouter
from batching._fleet.disaggregation import Disaggregation
from batching._fleet.live_estimates import FleetEstimate, FleetEstimateColumns, FleetQuestions
from batching._fleet.live_events import LiveFleetEvent, LiveFleetEventColumns, PolledColumns
from batching._fleet.live_state import LiveFleetReplicaColumns, LiveFleetState, ObservedReplicas, state_of
from batching._fleet.operations import Admission, Faults, Scaling
from batching._fleet.pools import Pools, pools_of
from batching._fleet.structure import FleetStructure
from batching._live.engine import _PIECE
from batching._live.single import OF_ONE, columns_of, ids_of, single
from batching._routing.settings import RouterName, RouterSettings, takes_router_settings


class LiveFleet(Handle):
    """A fleet of `simulate_fleet` that runs as its host's time goes by, as a twin of the replicas behind a router.

    Requests are submitted as they arrive at the router; `poll` returns what has happened: which replica each went to,
    its first token, its end; `estimate` what would become of a request that was not sent yet. In whatever slices
    requests are submitted and the clock is moved, what becomes of each is what `simulate_fleet` with all of them
    gives, to the last bit. (A batch of the policy static that is not full, and autoscalers and faults once nothing is
    left to do, wait for `advance` to infinity, or for the next request.)

    The clock begins at 0, and is where `advance` has moved it. Requests can be submitted in any order as long as none
    arrives before the clock. What happens up to the clock has happened, but for what arrives at it.

    `simulate_fleet` says more of each argument.

    Args:
        config: how the replicas schedule, or pools of replicas. None: EngineConfig().
        replicas: how many there are; not with pools. None: 4.
        router: which replica gets a request. A function is told as `request` of its view the row of the request, a
            number that is used again.
        metrics_interval: seconds between two times at which routers are told metrics. None: 0.1.
        disaggregation: how prefill and decode are split, where pools have roles.
        decode_router: where a request decodes whose prompt is computed elsewhere.
        decode_settings: those of the decode_router.
        attribution: whether what became of a request says into which parts its time falls.
        admission: which requests are taken, how long they may take, and how often they are sent.
        faults: which replicas fail, and when.
        scaling: how many replicas there are at a time; where pools have roles, of those that prefill.
        decode_scaling: the same of those that decode, where pools have roles.
        kv_event_lag: seconds until routers are told how an iteration changed the prefix cache.
        routing_delay: seconds from the decision of a router until the request is at its replica.
        names: session, round_robin (sets): what each replica is called.
        weights: least_requests, round_robin (smooth): how much each takes.
        settings: those of `Router`, by name. A block_size that is given must be the tokens of one hash id of all
            requests; that of the pools, which is then the same in all, if it is not.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, or two contradict each other.
        MemoryError: there is no memory.

    One thread at a time may use it: another, or a callback of it, gets a BatchingBusyError.

    >>> from batching import EngineConfig
    >>> fleet = LiveFleet(EngineConfig(max_num_seqs=1, iteration_time=0.25), replicas=2, router="least_requests")
    >>> fleet.submit(7, prompt_length=100, output_length=3, arrival_time=1.0)
    >>> fleet.submit(8, prompt_length=100, output_length=5, arrival_time=1.0)
    >>> fleet.advance(1.625)
    >>> [(event.request, event.event.name, event.replica) for event in fleet.poll() if event.event.name == "ROUTED"]
    [(7, 'ROUTED', 0), (8, 'ROUTED', 1)]
    >>> fleet.replicas.running.tolist()
    [1, 1]
    >>> fleet.advance()
    >>> [(event.request, event.outcome.e2e) for event in fleet.poll() if event.outcome]
    [(7, 0.75), (8, 1.25)]
    """

    @takes_router_settings
    def __init__(
        self,
        config: Pools | None = None,
        *,
        replicas: int | None = None,
        router: RouterName | ChooserName | CustomRouter = "round_robin",
        metrics_interval: float | None = None,
        disaggregation: Disaggregation | None = None,
        decode_router: RouterName | None = None,
        decode_settings: RouterSettings | None = None,
        attribution: bool = False,
        admission: Admission | None = None,
        faults: Faults | None = None,
        scaling: Scaling | None = None,
        decode_scaling: Scaling | None = None,
        kv_event_lag: float = 0.0,
        routing_delay: float = 0.0,
        names: Sequence[str] | None = None,
        weights: npt.ArrayLike | None = None,
        **settings: Unpack[RouterSettings],
    ) -> None:
        # The library keeps the functions, not the struct.
        fleet = FleetStructure(
            pools_of(config, replicas),
            router=router,
            names=names,
            weights=weights,
            settings=settings,
            decode_router=decode_router,
            decode_settings=decode_settings,
            disaggregation=disaggregation,
            admission=admission,
            faults=faults,
            scaling=scaling,
            decode_scaling=decode_scaling,
            metrics_interval=metrics_interval,
            kv_event_lag=kv_event_lag,
            routing_delay=routing_delay,
        )
        keeps_attribution = switch(attribution, "attribution")
        if keeps_attribution:
            fleet.keep_attribution()
        handle = self._owned(library.batching_fleet_destroy)
        status = interruptible(library.batching_fleet_create, ctypes.byref(fleet.structure), ctypes.byref(handle))
        check(status, fleet.names)
        self._fleet, self._keeps_attribution, self._handle = fleet, keeps_attribution, handle

    def submit(
        self,
        request: int,
        *,
        prompt_length: int,
        output_length: int,
        arrival_time: float | None = None,
        priority: int = 0,
        hash_ids: npt.ArrayLike | None = None,
        hash_block_size: int | None = None,
        hash_covers_output: bool = False,
        max_tokens: int | None = None,
        session: int | None = None,
    ) -> None:
        """One request comes. If it can never be served, it is rejected once it arrives, which is an event.

        Args:
            request: what you call it: any integer, but none that is in flight.
            prompt_length: tokens; at least 0.
            output_length: tokens that are expected; at least 1.
            arrival_time: seconds; not before the clock. None: now.
            priority: with queue_order "priority": lower is more urgent.
            hash_ids: for prefix caches, and routers that look at prefixes: the chained hashes of its blocks.
            hash_block_size: tokens that one of them stands for: the block_size of the router. None: that of the engine.
            hash_covers_output: whether they go on over the output. The same for all requests.
            max_tokens: tokens that the client asked for, at least output_length; asynchronous scheduling plans with
                them. None: always output_length.
            session: what a router by session looks at; a turn is submitted when it arrives. All requests have one, or
                none has.

        Time: microseconds; `submit_columns` takes many at once.
        """
        columns = single(
            prompt_length=prompt_length,
            output_length=output_length,
            arrival_time=arrival_time,
            priority=priority,
            hash_ids=hash_ids,
            hash_block_size=hash_block_size,
            hash_covers_output=hash_covers_output,
            max_tokens=max_tokens,
            session=session,
        )
        self._submit(columns, int64_column([integer(request, "request")], "ids"), OF_ONE)

    def submit_columns(self, requests: RequestColumns, ids: npt.ArrayLike | None = None) -> None:
        """Requests come, all or none.

        Args:
            requests: not before the clock, in any order; without delay and abort_time. Without arrival_time they arrive
                now.
            ids: int64, shape (count,): what you call them. None: each has the number of those submitted before it.

        Time: some 100 ns a request, and a few for each hash id.
        """
        self._submit(requests, ids_of(requests, ids))

    def _submit(self, requests: RequestColumns, ids: Int64Array | None, names: Mapping[str, str] | None = None) -> None:
        structure = requests._structure()
        status = interruptible(library.batching_fleet_submit, self._handle, ctypes.byref(structure), pointer(ids))
        check(status, names)

    def advance(self, time: float = math.inf) -> None:
        """Move the clock on, and do what happens until then.

        Args:
            time: seconds; if the clock is there already, nothing happens. Infinity: until nothing is left to do, and
                no other request comes; the clock is then where the last thing happened.

        Raises: what a function of yours raises, and what a handler of a signal raises meanwhile: KeyboardInterrupt at
            Ctrl-C. What has happened up to there can be polled and observed; the fleet cannot run on any more, and
            every other call raises a BatchingCancelledError.

        Time: as `simulate_fleet`, and a little for each replica.
        """
        until = time if isinstance(time, float) and time == math.inf else number(time, "time")
        status = self._fleet.callbacks.run(library.batching_fleet_advance, self._handle, until)
        check(status, self._fleet.names)

    def abort(self, request: int) -> None:
        """A request leaves, wherever it is: its client is gone.

        If it runs, it does so at the end of the iteration under way; if that gives its last token, it has finished
        instead. Where prefill and decode are apart, one whose KV is on its way leaves once it is there.

        Raises:
            ValueError: it is not in flight, nor pending.
        """
        check(library.batching_fleet_abort(self._handle, integer(request, "request")))

    def poll(self) -> list[LiveFleetEvent]:
        """What happened since it was last asked, in order of time."""
        told = self.poll_columns()
        # In pieces: between them handlers of signals can run.
        return [event for start in range(0, len(told), _PIECE) for event in told.listed(start)]

    def poll_columns(self) -> LiveFleetEventColumns:
        """The same as columns, without an object an event."""
        columns = PolledColumns(self._observed().events, attributes=self._keeps_attribution)
        check(interruptible(library.batching_fleet_poll, self._handle, ctypes.byref(columns.structure)))
        return columns.told()

    @property
    def state(self) -> LiveFleetState:
        """What it holds now."""
        return state_of(self._observed())

    @property
    def replicas(self) -> LiveFleetReplicaColumns:
        """What each replica holds now.

        Time: O(replicas).
        """
        columns = ObservedReplicas(self._fleet.replicas)
        check(library.batching_fleet_observe(self._handle, ctypes.byref(columns.structure)))
        return columns.told()

    def _observed(self) -> structs.batching_fleet_state:
        state = initialised(structs.batching_fleet_state)
        check(library.batching_fleet_observe(self._handle, ctypes.byref(state)))
        return state

    def estimate(
        self,
        *,
        prompt_length: int,
        output_length: int,
        arrival_time: float | None = None,
        priority: int = 0,
        hash_ids: npt.ArrayLike | None = None,
        hash_block_size: int | None = None,
        hash_covers_output: bool = False,
        max_tokens: int | None = None,
        session: int | None = None,
    ) -> FleetEstimate:
        """What would become of a request if it came, and no other but those that are pending. The fleet stays as it is.

        Args: those of `submit`.

        Raises: what `submit` and `advance` raise; the fleet can be used on.

        Time: a copy of what is in flight, and what it takes to run that to the end of the request.
        """
        columns = single(
            prompt_length=prompt_length,
            output_length=output_length,
            arrival_time=arrival_time,
            priority=priority,
            hash_ids=hash_ids,
            hash_block_size=hash_block_size,
            hash_covers_output=hash_covers_output,
            max_tokens=max_tokens,
            session=session,
        )
        return self._estimated(columns, OF_ONE)[0]

    def estimate_columns(self, requests: RequestColumns) -> FleetEstimateColumns:
        """What would become of each of many requests if it came, and no other. The fleet stays as it is.

        Args:
            requests: as for `submit_columns`.

        Time: that of `estimate` for each.
        """
        return self._estimated(columns_of(requests), {})

    def _estimated(self, requests: RequestColumns, names: Mapping[str, str]) -> FleetEstimateColumns:
        questions = FleetQuestions(requests)
        status = self._fleet.callbacks.run(library.batching_fleet_estimate, self._handle, *questions.arguments)
        check(status, {**self._fleet.names, **names} if status else None)
        return questions.answer()

    def fork(self) -> Self:
        """An independent copy, for a what-if. It has no events yet, and its functions are the same."""
        copy = type(self).__new__(type(self))
        handle = copy._owned(library.batching_fleet_destroy)
        check(interruptible(library.batching_fleet_fork, self._handle, ctypes.byref(handle)))
        copy._fleet, copy._keeps_attribution, copy._handle = self._fleet, self._keeps_attribution, handle
        return copy

    def __copy__(self) -> Self:
        return self.fork()

    def __deepcopy__(self, memo: object) -> Self:
        return self.fork()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LiveFleet cannot be pickled, since its functions cannot: use fork for a copy")

    def __repr__(self) -> str:
        state = self._observed()
        return f"LiveFleet(at {state.clock!r} s, {state.in_flight} in flight, {state.replicas} replicas)"
