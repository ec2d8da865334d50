"""Restatements of the rules of cache_aware, prefix_trie and ray_prefix, and what they do not know: workers that go down
and come back, and clocks.
"""

from typing import Any, Protocol

from random_support import Settings, slow

# Characters, or hash ids.
Prompt = tuple[Any, ...]


class Model(Protocol):
    """A restatement, and what it does not know."""

    def allowed(self, prompt: Prompt) -> list[int]:
        """Where the prompt may go, in order."""

    def pass_time(self, time: float) -> None:
        """It is so late."""

    def book(self, request: int, prompt: Prompt, worker: int, time: float) -> None:
        """It goes there."""

    def finish(self, request: int) -> None:
        """It leaves."""

    def set_worker(self, worker: int, *, up: bool) -> None:
        """A worker goes down, or comes back."""

    def evict(self, size: int) -> None:
        """The host calls for an eviction."""


class CacheAwareModel:
    """cache_aware, with evictions by interval."""

    def __init__(self, workers: int, settings: Settings) -> None:
        self.kind = settings["cache_aware_rule"]
        self.rule = slow("cache_aware").CacheAware(
            range(workers),
            self.kind,
            settings["cache_threshold"],
            settings["balance_abs_threshold"],
            settings["balance_rel_threshold"],
        )
        self.loads = dict(self.rule.load)
        self.where: dict[int, int] = {}
        self.interval, self.size = settings["eviction_interval"], settings["max_tree_size"]
        self.due: float | None = None

    def allowed(self, prompt: Prompt) -> list[int]:
        """With the loads of those that are up."""
        rule = self.rule
        rule.load = {worker: self.loads[worker] for worker in rule.order}
        if self.kind == "smg":
            least = rule.least
            # A node whose workers are all down is no match.
            rule.least = lambda among=None: least(among if among is None or set(among) & set(rule.order) else None)
        workers, _ = rule.decide(prompt)
        if self.kind == "smg":
            del rule.least
        return sorted(workers)

    def pass_time(self, time: float) -> None:
        """The first call starts the clock."""
        if self.due is None:
            self.due = time + self.interval
        elif time >= self.due:
            self.rule.evict(self.size)
            while self.due <= time:
                self.due += self.interval

    def book(self, request: int, prompt: Prompt, worker: int, time: float) -> None:
        """As after a decision, which remembers the node that matched."""
        self.pass_time(time)
        self.allowed(prompt)
        self.rule.book(request, prompt, worker)
        self.loads[worker] += 1
        self.where[request] = worker

    def finish(self, request: int) -> None:
        """Also at a worker that is down."""
        self.loads[self.where.pop(request)] -= 1

    def set_worker(self, worker: int, *, up: bool) -> None:
        """sglang-router and vllm-router forget what a worker held that leaves."""
        rule = self.rule
        if up:
            rule.order = sorted([*rule.order, worker])
            for _ in range(2 if self.kind == "sglang" else 1):
                rule.tree.insert((), worker)
        else:
            rule.order.remove(worker)
            if self.kind != "smg":
                self.forget(rule.tree.root, worker)
                rule.tree.size[worker] = 0

    def forget(self, node: Any, worker: int) -> None:
        """Takes the worker out of a node and all below it."""
        node.tenants.pop(worker, None)
        for first, child in list(node.children.items()):
            self.forget(child, worker)
            if not child.tenants and not child.children:
                del node.children[first]

    def evict(self, size: int) -> None:
        """As the interval does."""
        self.rule.evict(size)


class TrieModel:
    """prefix_trie."""

    def __init__(self, workers: int, settings: Settings, *, is_text: bool) -> None:
        module = slow("production_stack")
        self.rates = module.Qps(settings["stats_window"])
        chunk = settings["chunk_size"] if is_text else 1
        self.rule = module.PrefixAware(self.rates, settings["prefix_min_match_length"], chunk)
        self.up = set(range(workers))
        self.time = 0.0

    def allowed(self, prompt: Prompt) -> list[int]:
        """At the time that was passed last."""
        return sorted(self.rule.route(prompt, sorted(self.up), self.time))

    def pass_time(self, time: float) -> None:
        """For the rates."""
        self.time = time

    def book(self, request: int, prompt: Prompt, worker: int, time: float) -> None:  # noqa: ARG002
        """It does not look at what is in flight."""
        self.rule.book(prompt, worker)
        self.rates.routed(worker, time)

    def finish(self, request: int) -> None:
        """Nothing."""

    def set_worker(self, worker: int, *, up: bool) -> None:
        """The trie keeps it."""
        self.up = self.up | {worker} if up else self.up - {worker}

    def evict(self, size: int) -> None:
        """Nothing: it never evicts."""


class RayModel:
    """ray_prefix."""

    def __init__(self, workers: int, settings: Settings) -> None:
        self.rule = slow("ray_serve").RayServe(
            workers, settings["imbalanced_threshold"], settings["match_rate_threshold"]
        )
        self.up = set(range(workers))
        self.where: dict[int, int] = {}

    def allowed(self, prompt: Prompt) -> list[int]:
        """Out of balance: all that some pair allows."""
        rule, up = self.rule, sorted(self.up)
        queue = [rule.q[worker] for worker in up]
        if rule.thr is not None and max(queue) - min(queue) > rule.thr:
            return [worker for worker in up if rule.q[worker] < max(queue) or queue.count(max(queue)) > 1]
        got, among = rule.tree.match(prompt)
        if (got / len(prompt) if prompt else 0) < rule.rate:
            least = min(rule.tree.size[worker] for worker in up)
            among = [worker for worker in up if rule.tree.size[worker] == least]
        return [rule.least([worker for worker in among if worker in self.up])]

    def pass_time(self, time: float) -> None:
        """Nothing."""

    def book(self, request: int, prompt: Prompt, worker: int, time: float) -> None:  # noqa: ARG002
        """It has no clock."""
        self.rule.tree.insert(prompt, worker)
        self.rule.q[worker] += 1
        self.where[request] = worker

    def finish(self, request: int) -> None:
        """Its queue is shorter."""
        self.rule.q[self.where.pop(request)] -= 1

    def set_worker(self, worker: int, *, up: bool) -> None:
        """What a worker held that leaves is forgotten."""
        if up:
            self.up.add(worker)
        else:
            self.up.remove(worker)
            self.forget(self.rule.tree.root, worker)
            self.rule.tree.size[worker] = 0

    def forget(self, node: list[Any], worker: int) -> None:
        """Takes the worker out of all below a node."""
        for first, child in list(node[1].items()):
            self.forget(child, worker)
            child[2].discard(worker)
            if not child[2]:
                del node[1][first]

    def evict(self, size: int) -> None:
        """Nothing: it never evicts."""
