"""Several engines behind a router in one call."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Final, Unpack

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._columns.requests import Request, request_columns, rows
from batching._engine.callbacks import Callbacks
from batching._engine.client import Client, client_of
from batching._engine.config import EngineConfig
from batching._engine.result import sends_later
from batching._engine.simulate import _outputs, _requested
from batching._ffi.arguments import integer, number, shown, word
from batching._ffi.calls import check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, structs
from batching._ffi.loader import library
from batching._ffi.memory import allocated
from batching._fleet.result import FLEET_COLUMNS, REPLICA_COLUMNS, FleetResult
from batching._routing.settings import (
    NAMES,
    RouterName,
    RouterSettings,
    set_settings,
    set_workers,
    takes_router_settings,
)

Pools = EngineConfig | Sequence[tuple[EngineConfig, int]]

_USUAL_REPLICAS: Final = 4
_MOST_REPLICAS: Final = 65_536
# What C calls otherwise, in the sentences of errors.
_NAMES: Final = {
    **NAMES,
    r"router\.(?=\w)": "",
    r"no_kv_events is 0: must be 1": "use_kv_events is True: must be False",
}


@takes_router_settings
def simulate_fleet(
    requests: RequestColumns | Sequence[Request],
    config: Pools | None = None,
    *,
    replicas: int | None = None,
    router: RouterName = "round_robin",
    client: Client | None = None,
    metrics_interval: float | None = None,
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
        requests: RequestColumns, or Request objects; in any order of arrival; without abort_time.
        config: how the replicas schedule, what memory they have and how long their iterations take. Or pools of
            replicas: a sequence of (EngineConfig, how many). None: EngineConfig().
        replicas: how many there are; not with pools. None: 4.
        router: which replica gets a request: one of `routers()`.
        client: how the requests are sent. None: as they arrive, and the turns of sessions one after the other.
        metrics_interval: seconds between two times at which routers that look at metrics are told what waits, what
            runs and KV use. None: 0.1.
        names: session, round_robin (sets): what each replica is called. None: "worker-0", "worker-1" and so on.
        weights: least_requests, round_robin (smooth): how much each takes; None: all 1.
        settings: those of `Router`, by name. block_size, if it is given, must be the tokens of one of the requests'
            hash ids. KV events are not told: use_kv_events is False.

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
    callbacks = Callbacks()
    pools = _pools(config, replicas)
    sender = client_of(client, {})
    fleet = initialised(structs.batching_fleet_config)
    fleet.pool_count = len(pools)
    # The structs point to these.
    kept, error_names = _set_engines(fleet, pools, callbacks)
    total = sum(number for _, number in pools)
    own = {**settings}
    own.setdefault("use_kv_events", False)
    routing = initialised(structs.batching_router_config)
    routing.router = word(router, "router", choices.ROUTER_NAMES)
    routing.workers = total
    kept += set_workers(routing, names, weights)
    kept += set_settings(routing, own)
    fleet.router = ctypes.pointer(routing)
    if metrics_interval is not None:
        fleet.metrics_interval = number(metrics_interval, "metrics_interval")
        if fleet.metrics_interval == 0:
            raise BatchingValueError("metrics_interval is 0: must be greater than 0")
    outputs = _outputs(columns, sender)
    results = initialised(structs.batching_results)
    _set(results, outputs, len(columns))
    routed = {name: allocated(len(columns), dtype, "the number of requests") for name, dtype in FLEET_COLUMNS.items()}
    by_replica = {name: np.empty(total, dtype) for name, dtype in REPLICA_COLUMNS.items()}
    told = initialised(structs.batching_fleet_results)
    _set(told, {**routed, **by_replica}, len(columns))
    told.replica_capacity = total
    summary = initialised(structs.batching_summary)
    requested = _requested(columns, sender)
    status = callbacks.run(
        library.batching_fleet_simulate,
        ctypes.byref(fleet),
        ctypes.byref(requested),
        ctypes.byref(results),
        ctypes.byref(told),
        ctypes.byref(summary),
    )
    del kept
    check(status, error_names)
    return FleetResult(
        requests=columns,
        pools=pools,
        client=sender,
        router=router,
        router_settings=settings,
        columns={**_completed(outputs, columns, sender), **routed},
        replicas=by_replica,
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


def _pools(config: Pools | None, replicas: int | None) -> list[tuple[EngineConfig, int]]:
    if config is None or isinstance(config, EngineConfig):
        number = _USUAL_REPLICAS if replicas is None else integer(replicas, "replicas", 1, _MOST_REPLICAS)
        return [(EngineConfig() if config is None else config, number)]
    if isinstance(config, (str, bytes)) or not isinstance(config, Sequence):
        raise TypeError(
            f"config is {shown(config)}: must be an EngineConfig, a list of (EngineConfig, replicas) or None"
        )
    if replicas is not None:
        raise BatchingValueError(f"replicas is {shown(replicas)}: must be None where config has pools")
    if not config:
        raise BatchingValueError("config is empty: must have at least one pool")
    pools = []
    for index, pool in enumerate(config):
        if not isinstance(pool, tuple) or len(pool) != 2 or not isinstance(pool[0], EngineConfig):
            raise TypeError(f"config[{index}] is {shown(pool)}: must be a pair of an EngineConfig and replicas")
        pools.append((pool[0], integer(pool[1], f"config[{index}][1]", 1, _MOST_REPLICAS)))
    return pools


def _set_engines(
    fleet: structs.batching_fleet_config, pools: Sequence[tuple[EngineConfig, int]], callbacks: Callbacks
) -> tuple[list[Any], Mapping[str, str]]:
    """Write the pools into the struct of C. Returns what must live as long as it, and what C calls otherwise."""
    made = [config._structure(callbacks) for config, _ in pools]
    kind = ctypes.POINTER(structs.batching_engine_config)
    engines = (kind * len(pools))(*(ctypes.pointer(structure) for structure, _ in made))
    counts = np.array([count for _, count in pools], np.int64)
    fleet.engine = engines
    fleet.replicas = pointer(counts)
    names: dict[str, str] = dict(_NAMES)
    for _, own in made:
        names |= own
    return [made, engines, counts], names


def _set(structure: Any, columns: Mapping[str, npt.NDArray[Any]], capacity: int) -> None:
    structure.capacity = capacity
    for name, column in columns.items():
        setattr(structure, name, pointer(column))
