"""Several engines behind a router in one call."""

import ctypes
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._columns.requests import Request, request_columns, rows
from batching._engine.attribution import Attribution
from batching._engine.client import Client, client_of
from batching._engine.kinds import switch
from batching._engine.result import sends_later
from batching._engine.simulate import _outputs, _requested
from batching._ffi.calls import check, initialised
from batching._ffi.generated import structs
from batching._ffi.loader import library
from batching._fleet.chooser import ChooserName, CustomRouter
from batching._fleet.disaggregation import Disaggregation
from batching._fleet.logs import FleetLogs
from batching._fleet.operations import Admission, Faults, Scaling
from batching._fleet.outputs import FleetOutputs, set_columns
from batching._fleet.pools import Pools, pools_of
from batching._fleet.result import FleetResult
from batching._fleet.structure import FleetStructure
from batching._routing.settings import RouterName, RouterSettings, takes_router_settings


@takes_router_settings
def simulate_fleet(
    requests: RequestColumns | Sequence[Request],
    config: Pools | None = None,
    *,
    replicas: int | None = None,
    router: RouterName | ChooserName | CustomRouter = "round_robin",
    client: Client | None = None,
    metrics_interval: float | None = None,
    disaggregation: Disaggregation | None = None,
    decode_router: RouterName | None = None,
    decode_settings: RouterSettings | None = None,
    log_iterations: bool = False,
    log_decisions: bool = False,
    log_queues: bool = False,
    attribution: bool = False,
    admission: Admission | None = None,
    faults: Faults | None = None,
    scaling: Scaling | None = None,
    decode_scaling: Scaling | None = None,
    preferred_replica: npt.ArrayLike | None = None,
    preferred_decode_replica: npt.ArrayLike | None = None,
    kv_event_lag: float = 0.0,
    routing_delay: float = 0.0,
    names: Sequence[str] | None = None,
    weights: npt.ArrayLike | None = None,
    **settings: Unpack[RouterSettings],
) -> FleetResult:
    """Simulate several engines, the replicas of a fleet, on one clock and behind one router.

    A request arrives, or is sent by its client, is routed at that time, and arrives at its replica at once. The router
    knows what has happened up to then: what it has routed, first tokens, ends. At one time first comes what happens at
    the replicas, in their order, then what arrives. So one replica gives what `simulate` gives, to the last bit, and
    round robin over n replicas what n runs of `simulate` give on every n-th request.

    Args:
        requests: RequestColumns, or Request objects; in any order of arrival. At abort_time a request leaves, as by
            `LiveFleet.abort`.
        config: how the replicas schedule, what memory they have and how long their iterations take. Or pools of
            replicas: a sequence of (EngineConfig, how many), or, where prefill and decode are apart, of
            (EngineConfig, how many, role), with the roles "prefill" and "decode". None: EngineConfig().
        replicas: how many there are; not with pools. None: 4.
        router: which replica gets a request: one of `routers()`; or "estimated_ttft" or "estimated_e2e": that in which
            it would have its first token, or end, first, as a copy of each tells; or a function that is shown a
            `RouterView` and answers with a worker.
        client: how the requests are sent. None: as they arrive, and the turns of sessions one after the other.
        metrics_interval: seconds between two times at which routers that look at metrics are told what waits, what
            runs and KV use. None: 0.1.
        disaggregation: how prefill and decode are split, where pools have roles. None: as Dynamo, with transfers that
            take no time.
        decode_router: where a request decodes whose prompt is computed elsewhere. None: by the same rule; of dynamo_kv
            as Dynamo sets it.
        decode_settings: those of the decode_router, as of `Router`.
        log_iterations: whether to keep a row for each iteration of each replica: FleetResult.iteration_logs.
        log_decisions: whether to keep a row for each decision of each replica: FleetResult.decision_logs.
        log_queues: whether these have also which requests run and which wait in each iteration.
        attribution: whether the result says into which parts the time of each request falls that has ended at a
            replica.
        admission: which requests are taken, how long they may take, and how often they are sent. None: all, any, once.
        faults: which replicas fail, and when. None: none.
        scaling: how many replicas there are at a time, of those that there can be; where pools have roles, of those
            that prefill. None: all, always.
        decode_scaling: the same of those that decode, where pools have roles.
        preferred_replica: of each request the replica that it goes to where the rule allows several and would draw one
            of them, as one that was recorded; -1: none.
        preferred_decode_replica: the same of decode_router.
        kv_event_lag: seconds from the end of an iteration until routers are told how it changed the prefix cache.
        routing_delay: seconds from the decision of a router until the request is at its replica.
        names: session, round_robin (sets): what each replica is called. None: "worker-0", "worker-1" and so on.
        weights: least_requests, round_robin (smooth): how much each takes; None: all 1.
        settings: those of `Router`, by name. block_size, if it is given, must be the tokens of one of the requests'
            hash ids.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, or two contradict each other.
        MemoryError: the results do not fit.
        Whatever a callback raises, and whatever a handler of a signal raises meanwhile: KeyboardInterrupt at Ctrl-C.

    Time: as `simulate`, and what the router takes for each request. Releases the interpreter's lock.

    >>> from batching import RequestColumns
    >>> result = simulate_fleet(RequestColumns([4, 1, 1, 1]), replicas=2, router="least_requests")
    >>> result.replica.tolist()
    [0, 1, 0, 1]
    """
    columns = requests if isinstance(requests, RequestColumns) else request_columns(rows(requests, "requests"))
    pools = pools_of(config, replicas)
    sender = client_of(client, {})
    fleet = FleetStructure(
        pools,
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
    # Both are looked at, so that a mistake in either is found.
    logs_decisions = switch(log_decisions, "log_decisions") | switch(log_queues, "log_queues")
    logs = FleetLogs(
        fleet, iterations=switch(log_iterations, "log_iterations"), decisions=logs_decisions, queues=bool(log_queues)
    )
    fleet.set_preferred(len(columns), preferred_replica, preferred_decode_replica)
    outputs = _outputs(columns, sender)
    results = initialised(structs.batching_results)
    set_columns(results, outputs, len(columns))
    told = FleetOutputs(
        len(columns),
        fleet.replicas,
        attributes=switch(attribution, "attribution"),
        scales=not (scaling is None and decode_scaling is None),
    )
    summary = initialised(structs.batching_summary)
    requested = _requested(columns, sender)
    status = fleet.callbacks.run(
        library.batching_fleet_simulate,
        ctypes.byref(fleet.structure),
        ctypes.byref(requested),
        ctypes.byref(results),
        ctypes.byref(told.structure),
        ctypes.byref(summary),
    )
    check(status, fleet.names)
    return FleetResult(
        requests=columns,
        pools=[(own, number) for own, number, _ in pools],
        roles=[role for _, _, role in pools],
        client=sender,
        router=fleet.router,
        router_settings=settings,
        columns={**_completed(outputs, columns, sender), **told.by_request},
        replicas=told.by_replica,
        scaling=told.scaling(),
        iteration_logs=logs.iteration_logs(),
        decision_logs=logs.decision_logs(),
        disaggregation=disaggregation,
        attribution=None if told.attributed is None else Attribution(told.attributed, outputs["status"]),
        summary=summary,
    )


def _completed(
    outputs: dict[str, npt.NDArray[Any]], columns: RequestColumns, client: Client | None
) -> dict[str, npt.NDArray[Any]]:
    """The columns of a run, with the arrivals where these are as given."""
    if sends_later(columns, client):
        return outputs
    arrivals = np.zeros(len(columns)) if columns.arrival_time is None else columns.arrival_time
    return {**outputs, "arrival_time": arrivals, "sent_time": arrivals}
