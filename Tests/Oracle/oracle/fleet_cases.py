"""Random fleets: small ones of few requests, so that everything collides: arrivals fall on the ends of iterations of
several replicas, iterations take no time, blocks run out, prefixes are shared, routers have equals. In half of them
what is sent depends on what ends.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from oracle.blocks import blocks_for
from oracle.cases import Case, Scale, Source, _closed, _options, _share_prefixes, _workload, an_offload
from oracle.client import SlowClient
from oracle.engine import SlowOptions, SlowWorkload
from oracle.fleet_restated import RESTATED
from oracle.fleet_routers import SIMPLE, SlowRouter

FLEETS = Scale([1, 2, 4, 6, 9, 14, 20, 30, 60], [(4, 4), (12, 8), (4, 20), (12, 30), (30, 8), (60, 5)], [1, 1, 2])

Settings = dict[str, Any]


@dataclass
class RouterCase:
    """A router: how the library is told of it, and what the slow one is made of."""

    name: str
    library: Settings = field(default_factory=dict)
    slow: Settings = field(default_factory=dict)

    def made(self, replicas: int) -> SlowRouter:
        return {**SIMPLE, **RESTATED}[self.name](replicas, **self.slow)


@dataclass
class FleetCase:
    """What to simulate, and how."""

    workload: SlowWorkload
    pools: list[tuple[SlowOptions, int]]
    router: RouterCase
    client: SlowClient | None = None
    metrics_interval: float = 0.1

    @property
    def replicas(self) -> list[SlowOptions]:
        return [options for options, number in self.pools for _ in range(number)]


def a_fleet(source: Source, routers: Sequence[str]) -> FleetCase:
    longest = source.choice(FLEETS.lengths)
    pools = [
        (_replica(source, longest), source.integer(1, 6 if number == 0 else 2))
        for number in range(source.choice([1, 1, 2, 3]))
    ]
    while sum(number for _, number in pools) > 6:
        pools = [(options, max(1, number - 1)) for options, number in pools]
    count = source.choice(FLEETS.sizes)
    first = pools[0][0]
    workload = _workload(source, replace(first, enable_prefix_caching=False), longest, count)
    workload.abort_time = None
    if source.choice([True, False]):
        # One size, since hash ids have one.
        pools = [(_with_blocks(source, options, first.block_size), number) for options, number in pools]
        _share_prefixes(source, workload, first.block_size, longest)
        workload.hash_block_size = workload.hash_block_size or first.block_size
    pools = [(_with_memory(source, options, longest), number) for options, number in pools]
    client = None
    kind = source.choice(["open", "open", "limited", "clients"])
    if kind != "open":
        closed = _closed(source, Case(workload, first), has_clients=kind == "clients")
        workload, client = closed.workload, closed.client
    if workload.hash_ids is not None:
        _chain(source, workload)
    replicas = sum(number for _, number in pools)
    interval = source.choice([0.1, 0.1, 0.01, 0.005, 0.003, 0.0213, 1e-3, 1.0])
    name = source.choice(routers)
    if len(pools) > 1 or client is not None or workload.session is not None or name == "dynamo_kv":
        pools = [(_lasting(options), number) for options, number in pools]
    if client is not None or workload.session is not None:
        # Which batches are the last is not known then.
        pools = [
            (replace(options, policy="continuous") if options.policy == "static" else options, number)
            for options, number in pools
        ]
    router = _router(source, name, replicas, workload)
    has_queue = router.library.get("queue_threshold") is not None
    pools = [
        (_taking_all(options) if has_queue or options.async_scheduling else options, number)
        for options, number in pools
    ]
    return FleetCase(workload, pools, router, client, interval)


def _with_blocks(source: Source, options: SlowOptions, block_size: int) -> SlowOptions:
    """Tiers hold whole blocks."""
    offload = an_offload(source, block_size) if options.enable_prefix_caching else None
    return replace(options, block_size=block_size, kv_offload=offload)


def _taking_all(options: SlowOptions) -> SlowOptions:
    """It rejects no request: asynchronously, and behind a queue at the router, the library learns of that later than it
    should. See docs/guide/fleet.md.
    """
    return replace(
        options,
        enable_chunked_prefill=True,
        max_model_len=None,
        num_gpu_blocks=None,
        enable_prefix_caching=False,
        kv_offload=None,
    )


def _lasting(options: SlowOptions) -> SlowOptions:
    """Iterations take some time: where what arrives depends on what ends, and iterations take no time, or a nanosecond
    beside others that take none, the library looks at a time in another order. See docs/guide/fleet.md.
    """
    time = options.iteration_time
    if options.policy == "static" and not isinstance(time, float):
        # Its iterations may be as short.
        return replace(options, iteration_time=0.01)
    return replace(options, iteration_time=0.01) if isinstance(time, float) and time < 1e-6 else options


def _replica(source: Source, longest: tuple[int, int]) -> SlowOptions:
    options = _options(source, longest, source.choice(FLEETS.rooms))
    options = replace(options, time_limit=None, iteration_limit=None)
    if options.admit_oversized and source.integer(0, 3):
        # A livelock goes on for at least a thousand rounds.
        options = replace(options, admit_oversized=False)
    return replace(options, iteration_time=0.0) if source.integer(0, 11) == 0 else options


def _with_memory(source: Source, options: SlowOptions, longest: tuple[int, int]) -> SlowOptions:
    """Blocks of a size that may be another: again for about a request."""
    if options.num_gpu_blocks is None:
        return options
    about = 1 + source.choice(FLEETS.rooms) * blocks_for(sum(longest), options.block_size)
    return replace(options, num_gpu_blocks=max(2, about + source.choice([-2, -1, 0, 0, 0, 1, 2, 5])))


def _chain(source: Source, workload: SlowWorkload) -> None:
    """An id stands for all up to its place: it is at no other."""
    first, step = source.choice([(0, 1), (-(2**50), 2**40 + 1)])
    names: dict[tuple[int, ...], int] = {}
    assert workload.hash_ids is not None
    workload.hash_ids = [
        [names.setdefault(tuple(ids[: place + 1]), first + step * len(names)) for place in range(len(ids))]
        for ids in workload.hash_ids
    ]


def _router(source: Source, name: str, replicas: int, workload: SlowWorkload) -> RouterCase:
    return _ROUTERS[name](source, replicas, workload)


def _weights(source: Source, replicas: int) -> list[int] | None:
    return source.choice([None, [source.choice([1, 1, 2, 3, 7, 2**31 - 1]) for _ in range(replicas)]])


def _names(source: Source, replicas: int) -> list[str] | None:
    names = [f"{source.choice(['a', 'Z', 'é', '漢'])}{source.integer(0, 99)}-{place}" for place in range(replicas)]
    return source.choice([None, names])


def _round_robin(source: Source, replicas: int, _: SlowWorkload) -> RouterCase:
    rule = source.choice(["counter", "counter", "sets", "smooth"])
    names, weights = _names(source, replicas), _weights(source, replicas) if rule == "smooth" else None
    return RouterCase(
        "round_robin",
        {"round_robin_rule": rule, "names": names, "weights": weights},
        {"rule": rule, "names": names, "weights": weights},
    )


def _seeded(name: str) -> Callable[[Source, int, SlowWorkload], RouterCase]:
    def made(source: Source, _: int, __: SlowWorkload) -> RouterCase:
        seed = source.choice([0, 1, 7, 2**64 - 1])
        return RouterCase(name, {"seed": seed}, {"seed": seed})

    return made


def _least_requests(source: Source, replicas: int, _: SlowWorkload) -> RouterCase:
    settings = {
        "ties": source.choice(["first", "random", "nginx", "haproxy"]),
        "weights": _weights(source, replicas),
        "seed": source.integer(0, 9),
    }
    return RouterCase("least_requests", settings, settings)


def _session(source: Source, replicas: int, _: SlowWorkload) -> RouterCase:
    names, window = _names(source, replicas), source.choice([60.0, 0.02, 0.05, 1.0])
    return RouterCase("session", {"names": names, "stats_window": window}, {"names": names, "window": window})


def _dynamo_kv(source: Source, _: int, workload: SlowWorkload) -> RouterCase:
    threshold = source.choice([None, 0.0, 0.1, 0.5, 1.0])
    common: Settings = {
        "seed": source.integer(0, 9),
        "index_ttl": source.choice([120.0, 0.05, 0.5]),
        "queue_threshold": threshold,
        "max_num_batched_tokens": source.choice([4, 8, 30]),
        "waiting_order": source.choice(["fcfs", "lcfs", "wspt"]),
        "track_prefill_tokens": source.choice([True, True, True, False]),
        "assume_kv_reuse": source.choice([True, True, False]),
        "overlap_score_credit": source.choice([1.0, 1.0, 0.5, 0.0, 2.0]),
        "overlap_score_credit_decay": source.choice([0.0, 0.0, 0.5, 3.0]),
        "prefill_load_scale": source.choice([1.0, 1.0, 0.5, 0.0]),
        "decode_active_request_weight": source.choice([0.0, 0.0, 1.0, 2.5]),
    }
    size = workload.hash_block_size if workload.hash_ids is not None else source.choice([None, 1, 4, 16])
    library = {
        **common,
        "use_kv_events": False,
        "block_size": source.choice([None, size]) if workload.hash_ids is not None else size,
    }
    return RouterCase("dynamo_kv", library, {**common, "block_size": size or 16})


def _vllm_dp(source: Source, _: int, __: SlowWorkload) -> RouterCase:
    rule, clients = source.choice(["from_0_27", "until_0_26"]), source.choice([1, 1, 2, 3])
    client = source.integer(0, clients - 1)
    return RouterCase(
        "vllm_dp",
        {"vllm_dp_rule": rule, "client_count": clients, "client_index": client},
        {"rule": rule, "clients": clients, "client": client},
    )


def _cache_aware(source: Source, _: int, __: SlowWorkload) -> RouterCase:
    rule = source.choice(["sglang", "vllm", "smg"])
    threshold, absolute = source.choice([0.0, 0.1, 0.3, 0.5, 0.9]), source.choice([0, 1, 2, 4, 64])
    relative = source.choice([1.0001, 1.1, 1.5])
    # None that ends just as a request comes: how such a sum is rounded is not said.
    interval = source.choice([math.inf, 0.0237131, 0.1131313, 61.37])
    size, seed = source.choice([1, 5, 50, 500]), source.integer(0, 9)
    return RouterCase(
        "cache_aware",
        {
            "cache_aware_rule": rule,
            "cache_threshold": threshold,
            "balance_abs_threshold": absolute,
            "balance_rel_threshold": relative,
            "eviction_interval": interval,
            "max_tree_size": size,
            "seed": seed,
        },
        {
            "rule": rule,
            "threshold": threshold,
            "absolute": absolute,
            "relative": relative,
            "interval": interval,
            "size": size,
            "seed": seed,
        },
    )


def _bucket(source: Source, _: int, __: SlowWorkload) -> RouterCase:
    absolute, relative = source.choice([0, 1, 8, 64]), source.choice([0.5, 1.0, 1.5, 4.0])
    seed = source.integer(0, 9)
    return RouterCase(
        "bucket",
        {"balance_abs_threshold": absolute, "balance_rel_threshold": relative, "seed": seed},
        {"absolute": absolute, "relative": relative, "seed": seed},
    )


def _prefix_trie(source: Source, _: int, __: SlowWorkload) -> RouterCase:
    least, window, seed = source.choice([0, 1, 2, 5]), source.choice([60.0, 0.02, 0.1]), source.integer(0, 9)
    return RouterCase(
        "prefix_trie",
        {"prefix_min_match_length": least, "stats_window": window, "seed": seed},
        {"least": least, "window": window, "seed": seed},
    )


def _ray_prefix(source: Source, _: int, __: SlowWorkload) -> RouterCase:
    imbalanced, rate = source.choice([None, 0, 1, 3]), source.choice([0.0, 0.1, 0.5, 0.9])
    seed = source.integer(0, 9)
    return RouterCase(
        "ray_prefix",
        {"imbalanced_threshold": imbalanced, "match_rate_threshold": rate, "seed": seed},
        {"imbalanced": imbalanced, "rate": rate, "seed": seed},
    )


_SCORERS = {
    "queue": "queue",
    "running": "running",
    "kv": "kv_usage",
    "load-aware": "load_aware",
    "active": "active",
    "token-load": "token_load",
    "prefix": "prefix",
}
"""As the restatement calls them, and the library."""


def _scorers(source: Source, _: int, __: SlowWorkload) -> RouterCase:
    scorers = [
        {
            "type": source.choice(list(_SCORERS)),
            "weight": source.choice([1, 2, 3, 0.5, -1, 0.1]),
            "threshold": source.choice([1, 4, 16, 128]),
            "idle_threshold": source.choice([0, 0, 2, 3.5]),
            "max_busy_score": source.choice([1, 0.5, 2, 0]),
        }
        for _ in range(source.integer(1, 4))
    ]
    most, capacity, seed = source.choice([3, 6, 256]), source.choice([1, 3, 8, 1000]), source.integer(0, 9)
    library = {
        "scorer": [_SCORERS[str(scorer["type"])] for scorer in scorers],
        "scorer_weight": [scorer["weight"] for scorer in scorers],
        "scorer_threshold": [
            scorer["idle_threshold" if scorer["type"] == "active" else "threshold"] for scorer in scorers
        ],
        "scorer_max_busy": [scorer["max_busy_score"] for scorer in scorers],
        "max_prefix_blocks": most,
        "lru_blocks_per_worker": capacity,
        "seed": seed,
    }
    return RouterCase("scorers", library, {"scorers": scorers, "most": most, "capacity": capacity, "seed": seed})


_ROUTERS: dict[str, Callable[[Source, int, SlowWorkload], RouterCase]] = {
    "round_robin": _round_robin,
    "random": _seeded("random"),
    "power_of_two": _seeded("power_of_two"),
    "least_requests": _least_requests,
    "least_tokens": lambda *_: RouterCase("least_tokens"),
    "session": _session,
    "dynamo_kv": _dynamo_kv,
    "vllm_dp": _vllm_dp,
    "cache_aware": _cache_aware,
    "bucket": _bucket,
    "prefix_trie": _prefix_trie,
    "ray_prefix": _ray_prefix,
    "scorers": _scorers,
}
