"""What a fleet found out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns, _Columns
from batching._columns.display import Displayed, Table, count, rate, seconds, share
from batching._engine.client import Client
from batching._engine.config import EngineConfig
from batching._engine.result import PADDED_POLICIES, Result
from batching._ffi.arguments import number_of
from batching._ffi.calls import Float64Array, Int32Array, Int64Array
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs
from batching._metrics.load import Load

FLEET_COLUMNS: Final[dict[str, type[np.generic]]] = {"replica": np.int32, "routed_time": np.float64}
"""What a fleet tells of each request beside what an engine tells."""

REPLICA_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "requests": np.int64,
    "finished": np.int64,
    "tokens": np.int64,
    "iterations": np.int64,
    "busy_time": np.float64,
    "duration": np.float64,
    "mean_running": np.float64,
    "mean_kv_use": np.float64,
    "peak_waiting": np.int64,
    "preemptions": np.int64,
    "prefix_cache_queries": np.int64,
    "prefix_cache_hits": np.int64,
}
"""What it tells of each replica."""

# More would hide the rest of what is shown.
_MOST_SHOWN: Final = 32


class ReplicaColumns(Displayed, _Columns):
    """What each replica of a fleet did: element i of every column belongs to replica i. Read-only arrays."""

    requests: Int64Array
    """Requests that were routed to it."""
    finished: Int64Array
    """Those of them that have all their tokens."""
    tokens: Int64Array
    """Tokens that it generated."""
    iterations: Int64Array
    """Its iterations."""
    busy_time: Float64Array
    """Seconds in which it computed."""
    duration: Float64Array
    """Seconds: the end of its last iteration."""
    mean_running: Float64Array
    """Requests that ran, on average over [0, duration]."""
    mean_kv_use: Float64Array
    """The share of its KV blocks in use, the same; 0.0 without a limit."""
    peak_waiting: Int64Array
    """The most requests left waiting by the scheduling of an iteration."""
    preemptions: Int64Array
    """How often it preempted a request."""
    prefix_cache_queries: Int64Array
    """Tokens looked up in its prefix cache at first admissions."""
    prefix_cache_hits: Int64Array
    """Tokens found there."""

    def __init__(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        self._keep(**columns)

    def __len__(self) -> int:
        return len(self.requests)

    def _table(self) -> Table:
        headings = ["replica", "requests", "finished", "tokens", "busy", "running", "KV use", "prefix hits"]
        rows = [
            [
                str(index),
                count(float(self.requests[index])),
                count(float(self.finished[index])),
                count(float(self.tokens[index])),
                seconds(float(self.busy_time[index])),
                rate(float(self.mean_running[index])),
                share(float(self.mean_kv_use[index])),
                share(float(self.prefix_cache_hits[index] / max(self.prefix_cache_queries[index], 1))),
            ]
            for index in range(min(len(self), _MOST_SHOWN))
        ]
        if len(self) > _MOST_SHOWN:
            rows.append(["…", *[""] * (len(headings) - 1)])
        return Table(number_of(len(self), "replica"), headings, rows)

    def __repr__(self) -> str:
        return f"ReplicaColumns({number_of(len(self), 'replica')})"


class FleetResult(Result):
    """What `simulate_fleet` found out: all that a `Result` tells, of the requests of all replicas, and more.

    What Result tells of one engine is here: `config` that of the first pool; `policy` that of all pools, or "mixed";
    `max_num_seqs` the slots of all replicas; `duration` and `total_time` the latest of a replica; `peak_running`,
    `peak_waiting` and `peak_kv_use` the largest of one; `mean_running` and `mean_kv_use` over `duration` and all
    replicas. There are no logs and no attribution.
    """

    pools: tuple[tuple[EngineConfig, int], ...]
    """The engines, and how many replicas each has; replicas are numbered from 0, one pool after the other."""
    router: str
    """The name of the router."""
    replicas: ReplicaColumns
    """What each replica did."""
    replica: Int32Array
    """The replica of each request; -1: it was never routed."""
    routed_time: Float64Array
    """Seconds at which each request was routed. NaN: it never was."""

    def __init__(
        self,
        *,
        requests: RequestColumns,
        pools: Sequence[tuple[EngineConfig, int]],
        client: Client | None,
        router: str,
        router_settings: Mapping[str, Any],
        columns: dict[str, npt.NDArray[Any]],
        replicas: dict[str, npt.NDArray[Any]],
        summary: structs.batching_summary,
    ) -> None:
        super().__init__(
            requests=requests,
            config=pools[0][0],
            client=client,
            limits={"time_limit": None, "iteration_limit": None},
            columns=columns,
            summary=summary,
            iteration_log=None,
            decision_log=None,
            attribution=None,
            held_in_batch=None,
            held_again=lambda: None,
        )
        policies = {config.policy if isinstance(config.policy, str) else "custom" for config, _ in pools}
        total = sum(number for _, number in pools)
        own = {"replicas": total, "router": router, **router_settings}
        self.__dict__.update(
            pools=tuple(pools),
            router=router,
            replicas=ReplicaColumns(replicas),
            policy=policies.pop() if len(policies) == 1 else "mixed",
            max_num_seqs=sum(config.max_num_seqs * number for config, number in pools),
            settings={**self.settings, **own},
        )

    @property
    def imbalance(self) -> float:
        """The coefficient of variation of the tokens that the replicas generated: their standard deviation (of the
        population) over their mean. 0.0: each generated as many; NaN: none generated any.
        """
        tokens = self.replicas.tokens.astype(np.float64)
        mean = float(tokens.mean())
        return float(tokens.std()) / mean if mean > 0 else float("nan")

    def load(self, *, slots: int | None = None, timeline: Literal["changes"] | int | None = None) -> Load:
        """As `Result.load`, over the slots of all replicas.

        Raises:
            ValueError: a pool has static or dynamic batches: how long these held requests is not told of a fleet.
        """
        return super().load(slots=slots, timeline=timeline)

    def held_in_batch(self) -> Float64Array | None:
        """None: no policy but static and dynamic holds requests.

        Raises:
            ValueError: a pool has one of these, of which a fleet does not tell it.
        """
        if any(config.policy in PADDED_POLICIES for config, _ in self.pools):
            raise BatchingValueError(
                f"policy is {self.policy!r}: how long static and dynamic batches hold requests is not told of a fleet"
            )
        return None

    def _more_columns(self) -> dict[str, npt.NDArray[Any]]:
        return {**super()._more_columns(), "replica": self.replica, "routed_time": self.routed_time}

    def _table(self) -> Table:
        table = super()._table()
        rows = [
            ("replicas", count(len(self.replicas))),
            ("router", self.router),
            *table.rows,
            ("imbalance of tokens", share(self.imbalance)),
        ]
        return Table(table.title, table.headings, rows, table.keys)

    def __repr__(self) -> str:
        told = super().__repr__().removeprefix("Result(")
        return f"FleetResult({number_of(len(self.replicas), 'replica')}, {self.router}, {told}"
