"""What a fleet found out."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns, _Columns, rows_of
from batching._columns.display import Displayed, Table, count, rate, seconds, share
from batching._columns.recorded import RecordedRequests
from batching._engine.attribution import Attribution
from batching._engine.client import Client
from batching._engine.config import EngineConfig
from batching._engine.logs import DecisionLog, IterationLog
from batching._engine.result import PADDED_POLICIES, Result
from batching._ffi.arguments import integer, number_of
from batching._ffi.calls import Float64Array, Int32Array, Int64Array
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs
from batching._ffi.generated.choices import RequestStatus
from batching._fleet.cost import FleetCost, price_of
from batching._fleet.disaggregation import Disaggregation, RoleName
from batching._fleet.files import fleet_files
from batching._metrics.load import Load, load_over_time
from batching._metrics.serving import SLO
from batching._times.roofline import RooflineTime

FLEET_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "replica": np.int32,
    "routed_time": np.float64,
    "prefill_replica": np.int32,
    "held_time": np.float64,
    "reserved_time": np.float64,
    "activated_time": np.float64,
    "decode_start_time": np.float64,
    "released_time": np.float64,
    "attempts": np.int32,
    "waiting_for_router": np.float64,
    "transfer": np.float64,
    "waiting_for_decode": np.float64,
}
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
    "up_time": np.float64,
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
    up_time: Float64Array
    """Seconds that it was there: from its start until it was lost, or was not wanted and had no more requests."""

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


def _role(roles: Sequence[RoleName], counts: Sequence[int], replica: int) -> RoleName:
    """What a replica does of a request, in pools of so many."""
    return next(role for role, end in zip(roles, np.cumsum(counts).tolist(), strict=True) if replica < end)


def _gpus_of(config: EngineConfig) -> int:
    """GPUs of a replica."""
    time = config.iteration_time
    return max(1, int(time.tensor_parallel)) if isinstance(time, RooflineTime) else 1


class FleetResult(Result):
    """What `simulate_fleet` found out: all that a `Result` tells, of the requests of all replicas, and more.

    What Result tells of one engine is here: `config` that of the first pool; `policy` that of all pools, or "mixed";
    `max_num_seqs` the slots of all replicas; `duration` and `total_time` the latest of a replica; `peak_running`,
    `peak_waiting` and `peak_kv_use` the largest of one; `mean_running` and `mean_kv_use` over `duration` and all
    replicas. `iteration_log` and `decision_log` are None: each replica has logs of its own.
    """

    pools: tuple[tuple[EngineConfig, int], ...]
    """The engines, and how many replicas each has; replicas are numbered from 0, one pool after the other."""
    roles: tuple[RoleName, ...]
    """What the replicas of each pool do of a request: "both", "prefill" or "decode"."""
    router: str
    """The name of the router."""
    replicas: ReplicaColumns
    """What each replica did."""
    replica: Int32Array
    """The replica of each request; -1: it was never routed."""
    routed_time: Float64Array
    """Seconds at which each request was routed. NaN: it never was."""
    prefill_replica: Int32Array
    """Where prefill and decode are apart: the replica that computed its prompt; -1: `replica`, or none."""
    held_time: Float64Array
    """The same: seconds at which its prompt was done there. NaN: it never was."""
    reserved_time: Float64Array
    """The same: seconds at which KV blocks were reserved where it decodes. NaN: they never were."""
    activated_time: Float64Array
    """The same: seconds at which it was among the requests there. NaN: it never was."""
    decode_start_time: Float64Array
    """The same: seconds at which it started there. NaN: it never did."""
    released_time: Float64Array
    """The same: seconds at which its source freed its KV blocks. NaN: it never did."""
    attempts: Int32Array
    """How often each request was sent to a replica, or found none; 0: it was not taken."""
    waiting_for_router: Float64Array
    """Seconds from when each request was sent until it was at its replica, the last time. NaN: it never was."""
    transfer: Float64Array
    """Seconds from held_time to activated_time. NaN: there was none."""
    waiting_for_decode: Float64Array
    """Seconds from activated_time until it decodes, with attribution. NaN: there were none."""
    iteration_logs: tuple[IterationLog, ...] | None
    """What happened in each iteration of each replica; None unless asked for."""
    decision_logs: tuple[DecisionLog, ...] | None
    """What each replica decided about which request; None unless asked for."""
    disaggregation: Disaggregation | None
    """How prefill and decode are split, as it was given."""
    scaling_time: Float64Array
    """Seconds of each decision of the autoscaler."""
    scaling_replicas: Int64Array
    """Replicas that there are to be from then on."""
    scaling_role: Int32Array
    """A `Role`: of which replicas each decision is."""

    def __init__(
        self,
        *,
        requests: RequestColumns,
        pools: Sequence[tuple[EngineConfig, int]],
        roles: Sequence[RoleName],
        client: Client | None,
        router: str,
        router_settings: Mapping[str, Any],
        columns: dict[str, npt.NDArray[Any]],
        replicas: dict[str, npt.NDArray[Any]],
        scaling: dict[str, npt.NDArray[Any]],
        iteration_logs: tuple[IterationLog, ...] | None,
        decision_logs: tuple[DecisionLog, ...] | None,
        disaggregation: Disaggregation | None,
        attribution: Attribution | None,
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
            attribution=attribution,
            held_in_batch=None,
            held_again=lambda: None,
        )
        policies = {config.policy if isinstance(config.policy, str) else "custom" for config, _ in pools}
        total = sum(number for _, number in pools)
        own = {"replicas": total, "router": router, **router_settings}
        self.__dict__.update(
            **scaling,
            pools=tuple(pools),
            roles=tuple(roles),
            iteration_logs=iteration_logs,
            decision_logs=decision_logs,
            disaggregation=disaggregation,
            router=router,
            replicas=ReplicaColumns(replicas),
            policy=policies.pop() if len(policies) == 1 else "mixed",
            max_num_seqs=sum(config.max_num_seqs * number for config, number in pools),
            settings={**self.settings, **own},
        )

    @property
    def imbalance(self) -> float:
        """The coefficient of variation of the tokens that the replicas generated: their standard deviation (of the
        population) over their mean. 0.0: each generated as many; NaN: none generated any. Where prefill and decode are
        apart, of those that decode.
        """
        tokens = self.replicas.tokens.astype(np.float64)
        if "decode" in self.roles:
            tokens = tokens[np.repeat([role == "decode" for role in self.roles], [number for _, number in self.pools])]
        mean = float(tokens.mean())
        return float(tokens.std()) / mean if mean > 0 else float("nan")

    @property
    def prefix_hit_rate(self) -> float:
        """Tokens found in the prefix caches over those looked up there. NaN: none were looked up."""
        queries = self.prefix_cache_queries
        return self.prefix_cache_hits / queries if queries else float("nan")

    def cost(self, *, gpu_hour_price: float | None = None, gpus_per_replica: int | None = None) -> FleetCost:
        """How many tokens a second each GPU generated, and what these cost.

        Args:
            gpu_hour_price: what one GPU costs an hour. None: not known.
            gpus_per_replica: GPUs of each replica. None: as many as share each layer by the RooflineTime of its pool;
                1 with another model of the iteration time.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: one is not above 0, or the price not finite.

        >>> from batching import RequestColumns, simulate_fleet
        >>> result = simulate_fleet(RequestColumns([100, 100]), EngineConfig(iteration_time=0.01), replicas=2)
        >>> result.cost(gpu_hour_price=3.6).total
        0.002
        """
        price = None if gpu_hour_price is None else price_of(gpu_hour_price, "gpu_hour_price")
        each = None if gpus_per_replica is None else integer(gpus_per_replica, "gpus_per_replica", 1, 2**31 - 1)
        gpus = sum(number * (_gpus_of(config) if each is None else each) for config, number in self.pools)
        taken = gpus * self.total_time
        if self._are_replicas_apart():
            gpus_of = np.repeat(
                [_gpus_of(config) if each is None else each for config, _ in self.pools],
                [number for _, number in self.pools],
            )
            taken = float(np.sum(gpus_of * self.replicas.up_time))
        total = float("nan") if price is None else taken * price / 3600
        return FleetCost(
            gpus=gpus,
            gpu_time=taken,
            tokens_per_gpu_second=self.total_tokens / taken if taken > 0 else float("nan"),
            total=total,
            per_million_tokens=1e6 * total / self.total_tokens if self.total_tokens else float("nan"),
        )

    def _are_replicas_apart(self) -> bool:
        """Whether some replicas were there longer than others: they were started, were lost, or left."""
        return float(np.ptp(self.replicas.up_time)) > 0

    def load(
        self,
        *,
        slots: int | None = None,
        timeline: Literal["changes"] | int | None = None,
        replica: int | None = None,
    ) -> Load:
        """As `Result.load`, over the slots of all replicas, or of one. The window is in both cases that of the fleet:
        from 0 to `duration`.

        Args:
            slots: requests that can run at once. None: as the configurations say.
            timeline: "changes", a number of equally long intervals, or None.
            replica: the load of this replica alone, by its number. None: of all.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: there is no such replica, or a pool has static or dynamic batches: how long these held requests
                is not told of a fleet.
        """
        if replica is None:
            return super().load(slots=slots, timeline=timeline)
        number = integer(replica, "replica", 0, len(self.replicas) - 1)
        self.held_in_batch()
        return self._load_of(number, self._slots_of(number) if slots is None else slots, timeline)

    def _load_of(self, replica: int, slots: int | None, timeline: Literal["changes"] | int | None) -> Load:
        """The load of one replica; of static and dynamic batches as if they held no request."""
        if not self.is_split:
            return self._load(self.replica == replica, slots, timeline, None)
        there = self._stays_at(replica)
        return load_over_time(
            there, slots=slots, window=(0.0, self.duration) if self.duration > 0 else None, timeline=timeline
        )

    def _stays_at(self, replica: int) -> RecordedRequests:
        """Where prefill and decode are apart: the requests of one replica, for as long as each is there. At a source it
        is until its prompt is done; where it decodes, from when it is among the requests there.
        """
        known = (self.status < RequestStatus.REJECTED_MODEL_LENGTH) & (self.sent_time <= self.duration)
        at_source = known & (self.prefill_replica == replica)
        handed_over = known & (self.prefill_replica >= 0) & (self.replica == replica) & ~np.isnan(self.activated_time)
        whole = known & (self.prefill_replica < 0) & (self.replica == replica)
        end = np.where(np.isnan(self.end_time), self.duration, self.end_time)
        stays = [
            (at_source, self.sent_time, self.start_time, np.fmin(self.held_time, end)),
            (handed_over, self.activated_time, self.decode_start_time, end),
            (whole, self.sent_time, self.start_time, end),
        ]
        arrival, start, until = (
            np.concatenate([columns[place][chosen] for chosen, *columns in stays]) for place in range(3)
        )
        requests = np.concatenate([np.flatnonzero(chosen) for chosen, *_ in stays])
        return RecordedRequests(
            until,
            self.tokens_generated[requests],
            arrival_time=arrival,
            start_time=np.where(np.isnan(start), until, start),
            prompt_length=rows_of(self.requests.prompt_length, requests),
        )

    @property
    def is_split(self) -> bool:
        """Whether some replicas prefill, and others decode."""
        return "prefill" in self.roles

    def role_of(self, replica: int) -> RoleName:
        """What a replica does of a request."""
        number = integer(replica, "replica", 0, len(self.replicas) - 1)
        return _role(self.roles, [own for _, own in self.pools], number)

    def _slots_of(self, replica: int) -> int:
        """How many requests can run at once in a replica."""
        for config, number in self.pools:
            if replica < number:
                return config.max_num_seqs
            replica -= number
        return 0

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        slo: SLO | None = None,
        gpu_hour_price: float | None = None,
        gpus_per_replica: int | None = None,
    ) -> None:
        """Write a page that shows this run: `write_fleet_report`, which takes several as well."""
        options = {"slo": slo, "gpu_hour_price": gpu_hour_price, "gpus_per_replica": gpus_per_replica}
        fleet_files().report(self, path, options)

    def perfetto(self, path: str | os.PathLike[str], window: tuple[float, float] | None = None) -> None:
        """Write the schedule for ui.perfetto.dev, each replica a process: `write_schedule_trace`."""
        fleet_files().perfetto(self, path, window)

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
