"""Routers by slow restatements of their rules that are not part of this repository: a folder of Python modules, which
`use` looks for. Here is what a fleet needs beside them: which requests are in flight, and random draws among equals.
"""

import importlib
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from oracle.fleet_routers import Counting, Draws, SlowQuestion, SlowRouter


def use(folder: Path) -> bool:
    """Whether the restatements are there."""
    if not (folder / "dynamo_kv.py").is_file():
        return False
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return True


def _slow(name: str) -> Any:
    return importlib.import_module(name)


class _Tying(SlowRouter):
    """Of those that a rule leaves, one at random."""

    def __init__(self, seed: int) -> None:
        self.draws = Draws(seed)

    def one_of(self, numbers: Sequence[int]) -> int:
        return self.draws.one_of(sorted(numbers))


class DynamoKV(_Tying):
    """NVIDIA Dynamo's, with an index of what was routed, and a queue if there is a threshold."""

    def __init__(
        self,
        replicas: int,
        *,
        block_size: int,
        seed: int,
        index_ttl: float,
        queue_threshold: float | None,
        max_num_batched_tokens: int,
        waiting_order: str,
        **options: Any,
    ) -> None:
        super().__init__(seed)
        self.block_size, self.ttl = block_size, index_ttl
        self.kv = _slow("dynamo_kv").DynamoKv(replicas, block_size, use_kv_events=False, **options)
        self.limit = math.inf if queue_threshold is None else queue_threshold * max_num_batched_tokens
        self.queue = _slow("dynamo_queue").DynamoQueue(self.kv, 1, 0.0, waiting_order)
        self.queue.limit = self.limit
        self.until: list[dict[tuple[Any, ...], float]] = [{} for _ in range(replicas)]
        """Until when each replica is taken to hold a chain of blocks."""

    def _forget(self, time: float) -> None:
        for held, until in zip(self.kv.held, self.until, strict=True):
            for chain in [chain for chain, end in until.items() if end <= time]:
                del until[chain]
                held.discard(chain)

    def _choose(self, _: int, ties: list[int]) -> int:
        return self.one_of(ties)

    def _note(self, blocks: Sequence[Any], number: int, time: float) -> None:
        for end, block in enumerate(blocks, 1):
            chain = tuple(blocks[:end])
            if isinstance(block, tuple):
                # Its tokens are not known: it is found by none.
                self.kv.held[number].discard(chain)
            else:
                self.until[number][chain] = time + self.ttl

    def route(self, question: SlowQuestion) -> int | None:
        self._forget(question.time)
        whole, tail = divmod(question.prompt, self.block_size)
        blocks: list[Any] = list(question.hash_ids[:whole])
        blocks += [("own", question.request, place) for place in range(len(blocks), whole)]
        admitted = self.queue.arrive(question.request, blocks, tail, question.time, 0.0, self._choose)
        if not admitted:
            return None
        [(_, number)] = admitted
        self._booked(question.request, number, blocks, question.time)
        return int(number)

    def _booked(self, request: int, number: int, blocks: Sequence[Any], time: float) -> None:
        if not self.kv.track_prefill:
            self.kv.requests[request]["prefill"] = 0
        self._note(blocks, number, time)

    def released(self, time: float) -> tuple[int, int] | None:
        self._forget(time)
        if not self.queue.wait or self.queue.busy():
            return None
        entry = min(self.queue.wait, key=lambda entry: (entry[0], entry[1]))
        self.queue.wait.remove(entry)
        request, number = self.queue._admit(entry, self._choose)
        self._booked(request, number, entry[3], time)
        return request, number

    def first_token(self, request: int, time: float) -> None:
        self.kv.prefill_complete(request)

    def finished(self, request: int, time: float) -> None:
        self.kv.free(request)


class VLLMDP(SlowRouter):
    """vLLM's internal balancer."""

    def __init__(self, replicas: int, rule: str, clients: int, client: int) -> None:
        self.rule = _slow("vllm_dplb").VllmDplb(
            replicas, clients, client, {"from_0_27": "0.33", "until_0_26": "0.11"}[rule]
        )

    def route(self, question: SlowQuestion) -> int | None:
        return int(self.rule.route(question.request))

    def finished(self, request: int, time: float) -> None:
        self.rule.finish([request])

    def observe(self, waiting: list[int], running: list[int], kv_usage: list[float]) -> None:
        self.rule.stats([list(row) for row in zip(waiting, running, kv_usage, strict=True)])


class CacheAware(_Tying):
    """One tree over what was routed. Evictions come with the requests, the interval counted from the first."""

    def __init__(
        self,
        replicas: int,
        *,
        rule: str,
        threshold: float,
        absolute: int,
        relative: float,
        interval: float,
        size: int,
        seed: int,
    ) -> None:
        super().__init__(seed)
        self.rule = _slow("cache_aware").CacheAware(range(replicas), rule, threshold, absolute, relative)
        self.interval, self.size = interval, size
        self.due: float | None = None

    def route(self, question: SlowQuestion) -> int | None:
        if self.due is None:
            self.due = question.time + self.interval
        elif question.time >= self.due:
            self.rule.evict(self.size)
            while self.due <= question.time:
                self.due += self.interval
        numbers, _ = self.rule.decide(question.hash_ids)
        number = self.one_of(numbers)
        self.rule.book(question.request, question.hash_ids, number)
        return number

    def finished(self, request: int, time: float) -> None:
        self.rule.finish(request)


class Bucket(_Tying):
    """sglang-router's for prefill."""

    def __init__(self, replicas: int, *, absolute: int, relative: float, seed: int) -> None:
        super().__init__(seed)
        self.rule = _slow("simple").Bucket(range(replicas), absolute, relative)

    def route(self, question: SlowQuestion) -> int | None:
        length = len(question.hash_ids)
        number = self.one_of(self.rule.route(length))
        self.rule.book(length, number)
        return number


class PrefixTrie(_Tying):
    """vLLM production-stack's, with a hash id as chunk."""

    def __init__(self, replicas: int, *, least: int, window: float, seed: int) -> None:
        super().__init__(seed)
        self.up = list(range(replicas))
        self.rates = _slow("production_stack").Qps(window)
        self.rule = _slow("production_stack").PrefixAware(self.rates, least, 1)

    def route(self, question: SlowQuestion) -> int | None:
        number = self.one_of(self.rule.route(question.hash_ids, self.up, question.time))
        self.rule.book(question.hash_ids, number)
        self.rates.routed(number, question.time)
        return number


class RayPrefix(Counting):
    """Ray Serve LLM's."""

    def __init__(self, replicas: int, *, imbalanced: int | None, rate: float, seed: int) -> None:
        super().__init__(replicas)
        self.rule = _slow("ray_serve").RayServe(replicas, imbalanced, rate)
        self.draws = Draws(seed)

    def route(self, question: SlowQuestion) -> int | None:
        self.rule.q = self.requests()
        prompt = question.hash_ids
        if self.rule.thr is not None and max(self.rule.q) - min(self.rule.q) > self.rule.thr:
            first, second = self.draws.pair(self.replicas)
            number = self.rule.least([first, second])
        else:
            # An empty prompt matches nothing.
            among = self.rule.candidates(prompt) if prompt else self._fewest()
            number = self.rule.least(among)
        number = int(number)
        self.rule.tree.insert(prompt, number)
        self.flights[question.request] = number, 0
        return number

    def _fewest(self) -> list[int]:
        size = self.rule.tree.size
        return [number for number in range(self.replicas) if self.rule.rate <= 0 or size[number] == min(size)]


class Scorers(_Tying):
    """llm-d's endpoint picker."""

    def __init__(
        self, replicas: int, scorers: Sequence[dict[str, Any]], *, most: int, capacity: int, seed: int
    ) -> None:
        super().__init__(seed)
        self.rule = _slow("llm_d_epp").Epp(replicas, scorers, 1, most, capacity)
        # A block is known by what is before it.
        self.rule.blocks = lambda ids: [ids[: end + 1] for end in range(min(len(ids), most))]
        self.metrics = [(0, 0, 0.0)] * replicas
        self.flights: dict[int, tuple[int, int]] = {}

    def route(self, question: SlowQuestion) -> int | None:
        metrics = []
        for number, (waiting, running, usage) in enumerate(self.metrics):
            own = [tokens for place, tokens in self.flights.values() if place == number]
            metrics.append(
                {
                    "waiting": waiting,
                    "running": running,
                    "kv_usage": usage,
                    "inflight_requests": len(own),
                    "inflight_tokens": sum(own),
                }
            )
        number = self.one_of(self.rule.route(question.hash_ids, metrics)[3])
        self.rule.book(question.hash_ids, number)
        self.flights[question.request] = number, question.prompt + question.output
        return number

    def finished(self, request: int, time: float) -> None:
        del self.flights[request]

    def observe(self, waiting: list[int], running: list[int], kv_usage: list[float]) -> None:
        self.metrics = list(zip(waiting, running, kv_usage, strict=True))


RESTATED: dict[str, Callable[..., SlowRouter]] = {
    "dynamo_kv": DynamoKV,
    "vllm_dp": VLLMDP,
    "cache_aware": CacheAware,
    "bucket": Bucket,
    "prefix_trie": PrefixTrie,
    "ray_prefix": RayPrefix,
    "scorers": Scorers,
}
