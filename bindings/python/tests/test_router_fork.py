"""A copy of a router decides as the router would, and neither changes the other: random operations under every rule."""

import copy
import gc
import random
from typing import Any, Final, NamedTuple

import pytest

import batching
from batching import BatchingValueError, Router

BLOCK: Final = 4
WORKERS: Final = 5


class Case(NamedTuple):
    """A router, and how fast time goes."""

    router: str
    settings: dict[str, Any] = {}  # noqa: RUF012
    workers: int = WORKERS
    # Mean seconds from one operation to the next, so that windows and leases end within a test.
    step: float = 0.5


_WEIGHTS: Final = {"weights": [1, 3, 2, 5, 2]}
_QUEUE: Final = {"queue_threshold": 0.4, "max_num_batched_tokens": 150}
_SCORERS: Final = ["queue", "running", "kv_usage", "load_aware", "active", "token_load", "prefix", "precise_prefix"]
_EVICTION: Final = {"eviction_interval": 3.0, "max_tree_size": 60, "balance_abs_threshold": 2, "cache_threshold": 0.2}

CASES: Final = {
    "round_robin": Case("round_robin"),
    "round_robin sets": Case("round_robin", {"round_robin_rule": "sets", "names": ["e", "d", "a", "c", "b"]}),
    "round_robin smooth": Case("round_robin", {"round_robin_rule": "smooth", **_WEIGHTS}),
    "random": Case("random", {"seed": 3}),
    "power_of_two": Case("power_of_two", {"seed": 4}),
    "least_requests": Case("least_requests", _WEIGHTS),
    "least_requests random": Case("least_requests", {"ties": "random"}),
    "least_requests nginx": Case("least_requests", {"ties": "nginx", **_WEIGHTS}),
    "least_requests haproxy": Case("least_requests", {"ties": "haproxy", **_WEIGHTS}),
    "least_tokens": Case("least_tokens"),
    "session": Case("session", {"stats_window": 8.0, "names": ["one", "two", "three", "four", "five"]}),
    "dynamo_kv": Case("dynamo_kv", {"overlap_score_credit_decay": 0.5, "decode_active_request_weight": 0.25}),
    "dynamo_kv queue": Case("dynamo_kv", {**_QUEUE, "waiting_order": "fcfs"}),
    "dynamo_kv lcfs": Case("dynamo_kv", {**_QUEUE, "waiting_order": "lcfs", "use_kv_events": False, "index_ttl": 6.0}),
    "dynamo_kv wspt": Case("dynamo_kv", {**_QUEUE, "waiting_order": "wspt", "temperature": 0.7}),
    "dynamo_kv leases": Case("dynamo_kv", {"use_kv_events": False, "index_ttl": 6.0}, workers=70),
    "dynamo_kv events": Case("dynamo_kv", {"overlap_score_credit": 2.0}, workers=70),
    "dynamo_kv no reuse": Case("dynamo_kv", {"assume_kv_reuse": False, "track_prefill_tokens": False}),
    "vllm_dp": Case("vllm_dp", {"client_count": 2, "client_index": 1}),
    "vllm_dp until_0_26": Case("vllm_dp", {"vllm_dp_rule": "until_0_26"}),
    "cache_aware": Case("cache_aware", _EVICTION),
    "cache_aware vllm": Case("cache_aware", {**_EVICTION, "cache_aware_rule": "vllm"}),
    "cache_aware smg": Case("cache_aware", {**_EVICTION, "cache_aware_rule": "smg"}),
    "bucket": Case("bucket", {"balance_abs_threshold": 20, "balance_rel_threshold": 1.1}),
    "prefix_trie": Case("prefix_trie", {"chunk_size": 3, "prefix_min_match_length": 5, "stats_window": 8.0}),
    "ray_prefix": Case("ray_prefix", {"imbalanced_threshold": 3, "match_rate_threshold": 0.3}),
    "scorers": Case("scorers", {"lru_blocks_per_worker": 9}),
    "scorers all": Case("scorers", {"scorer": _SCORERS, "scorer_threshold": [0, 0, 0, 3, 2, 90, 0, 0]}),
    "aibrix_prefix": Case("aibrix_prefix", {"aibrix_imbalance": 3}, step=20.0),
    # So many tokens that the heaviest user moves what all are compared with.
    "vtc": Case("vtc", {"block_size": 200}, step=8.0),
}


class Traffic:
    """What hosts tell their routers: random operations that do not depend on what the routers answer."""

    def __init__(self, case: Case, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (no secret)
        self._case = case
        self._time = 0.0
        self._next = 0
        self._in_flight: list[int] = []
        self._prompts: list[dict[str, Any]] = []
        self._up = set(range(case.workers))

    def operation(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """A method of Router and its arguments."""
        draw = self._random
        self._time += draw.expovariate(1 / self._case.step)
        kinds: dict[str, float] = {
            "route": 8,
            "book": 1,
            "explain": 3,
            "first_token": 3,
            "finished": 5,
            "output_block": 2,
        }
        kinds |= {"set_worker": 1, "observe": 2, "stored": 2, "removed": 1, "evict": 0.3, "release": 4, "load": 2}
        name = draw.choices(list(kinds), list(kinds.values()))[0]
        if name in ("first_token", "finished", "output_block") and not self._in_flight:
            name = "route"
        arguments: tuple[Any, ...] = ()
        told: dict[str, Any] = {}
        if name in ("route", "book", "explain"):
            arguments, told = self._new_request(name), self._question()
        elif name == "first_token":
            arguments = (draw.choice(self._in_flight), self._time)
        elif name == "finished":
            arguments = (self._in_flight.pop(draw.randrange(len(self._in_flight))), self._time)
        elif name == "output_block":
            arguments = (draw.choice(self._in_flight), draw.choice([None, 1.0, 0.5, 0.25]))
        elif name == "set_worker":
            arguments, told = self._change_of_worker()
        elif name == "observe":
            told = self._metrics()
        elif name == "stored":
            hash_ids = self._hash_ids()
            arguments = (draw.randrange(self._case.workers), hash_ids, draw.randint(0, len(hash_ids)))
        elif name == "removed":
            arguments = (draw.randrange(self._case.workers), self._hash_ids())
        elif name == "evict":
            arguments = (draw.choice([0, 20, 50]),)
        return name, arguments, told

    def _new_request(self, name: str) -> tuple[int, ...]:
        request = self._next
        if name == "explain":
            return (request,)
        self._in_flight.append(request)
        self._next += 1
        return (request, self._random.choice(sorted(self._up))) if name == "book" else (request,)

    def _metrics(self) -> dict[str, Any]:
        draw, workers = self._random, self._case.workers
        told: dict[str, Any] = {of: draw.choices(range(6), k=workers) for of in ("waiting", "running")}
        told["kv_usage"] = [draw.random() for _ in range(workers)]
        if draw.random() < 0.3:
            told["in_flight_requests"] = draw.choices(range(6), k=workers)
            told["in_flight_tokens"] = draw.choices(range(200), k=workers)
        return told

    def _change_of_worker(self) -> tuple[tuple[int], dict[str, Any]]:
        worker = self._random.randrange(self._case.workers)
        up = worker not in self._up or len(self._up) == 1
        (self._up.add if up else self._up.discard)(worker)
        return (worker,), {"up": up, "time": self._time}

    def _question(self) -> dict[str, Any]:
        draw = self._random
        if not self._prompts or draw.random() < 0.8:
            self._prompts.append(self._prompt())
        told: dict[str, Any] = {
            "time": self._time,
            "output_length": draw.randrange(20),
            "priority_jump": draw.choice([0.0, 0.0, 2.0]),
            "strict_priority": draw.choice([0, 0, 1]),
            # The last, or the same as once before.
            **(self._prompts[-1] if draw.random() < 0.8 else draw.choice(self._prompts)),
        }
        if draw.random() < 0.7:
            told["session"] = f"user {draw.randrange(6)}"
        return told

    def _prompt(self) -> dict[str, Any]:
        draw = self._random
        hash_ids = self._hash_ids()
        block_size = self._case.settings.get("block_size", BLOCK)
        length = block_size * len(hash_ids) + draw.randrange(BLOCK)
        # By the hash of each block, or by the characters that it stands for.
        if draw.random() < 0.5:
            return {"prompt_length": length, "hash_ids": hash_ids}
        text = "".join(chr(ord("a") + one % 26) * 2 + "é:"[one % 2] for one in hash_ids)
        # Not whole chunks.
        return {"prompt_length": length, "text": text + draw.choice(["", "?", "?!"])}

    def _hash_ids(self) -> list[int]:
        """Prompts of three groups that part somewhere."""
        group, shared, own = self._random.randrange(3), self._random.randint(0, 9), self._random.randint(0, 20)
        tail = self._random.randrange(6)
        first = [1000 * group + place for place in range(shared)]
        return first + [100_000 * (tail + 1) + 1000 * group + 50 * shared + place for place in range(own)]


def answer(router: Router, operation: tuple[str, tuple[Any, ...], dict[str, Any]]) -> str:
    """What a router answers, as text: NaN is not equal to itself."""
    name, arguments, told = operation
    try:
        return repr(getattr(router, name)(*arguments, **told))
    except BatchingValueError as error:
        return str(error)


def require_same(routers: list[Router], traffic: Traffic, operations: int) -> None:
    for _ in range(operations):
        operation = traffic.operation()
        first, *others = (answer(router, operation) for router in routers)
        assert others == [first] * len(others), operation


def made(case: Case) -> Router:
    settings = {"block_size": BLOCK, **case.settings}
    return Router(case.router, case.workers, **settings)  # type: ignore[arg-type]


def test_the_cases_have_every_router() -> None:
    assert {case.router for case in CASES.values()} == set(batching.routers())


@pytest.mark.parametrize("name", CASES)
def test_a_copy_decides_as_the_router_and_as_one_that_was_never_copied(name: str) -> None:
    case = CASES[name]
    for seed in range(3):
        traffic = Traffic(case, seed)
        lots = random.Random(seed)  # noqa: S311  (no secret)
        router, twin = made(case), made(case)
        for _ in range(6):
            require_same([router, twin], traffic, lots.randrange(60))
            other = router.fork()
            assert (other.router, other.workers) == (router.router, router.workers)
            require_same([router, twin, other], traffic, 60)
            # Either goes, and the one that is left needs nothing of it.
            if lots.random() < 0.5:
                router = other
            del other
            gc.collect()


@pytest.mark.parametrize("name", CASES)
def test_what_a_copy_is_told_does_not_reach_the_router(name: str) -> None:
    case = CASES[name]
    for seed in range(3):
        traffic = Traffic(case, 100 + seed)
        router, twin = made(case), made(case)
        for _ in range(4):
            require_same([router, twin], traffic, 60)
            other = router.fork()
            branch = copy.deepcopy(traffic)
            require_same([other, other.fork()], branch, 120)
            require_same([router, twin], traffic, 60)
            # Nor the other way round.
            require_same([other, other.fork()], branch, 60)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, Router.fork])
def test_a_copied_router_is_a_fork(copied: Any) -> None:
    router = Router("round_robin", workers=3)
    assert [router.route(1), router.route(2)] == [0, 1]
    other = copied(router)
    # The third has its turn, in both.
    assert (router.route(3), other.route(3), other.route(4)) == (2, 2, 0)
    assert (router.load().requests, other.load().requests) == ([1, 1, 1], [2, 1, 1])
    del router
    other.finished(1)
    assert other.load().requests == [1, 1, 1]
