"""Random operations on NVIDIA Dynamo's KV router: dynamo_kv, with and without its queue."""

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from random_support import Case, DifferenceError, Settings, holds, new_router, same, slow

# A block that only this request has: its hash id was not told.
Own = tuple[str, int, int]
Block = int | Own


def restatement() -> Any:
    """The class of the restatement, and what it does not know: workers that are down, blocks that are forgotten."""
    base: Any = slow("dynamo_kv").DynamoKv

    class Restatement(base):  # type: ignore[misc]
        n: int
        view: Any

        def __init__(self, workers: int, block_size: int, ttl: float, **options: Any) -> None:
            super().__init__(workers, block_size, **options)
            self.up = [True] * workers
            self.now, self.ttl = 0.0, ttl
            # When what was routed is forgotten.
            self.until: list[dict[tuple[Block, ...], float]] = [{} for _ in range(workers)]

        def forget(self) -> None:
            for held, until in zip(self.held, self.until, strict=True):
                for chain in [chain for chain, time in until.items() if time <= self.now]:
                    del until[chain]
                    held.discard(chain)

        def take_down(self, worker: int) -> None:
            self.up[worker] = False
            self.held[worker].clear()
            self.until[worker].clear()

        def book(self, request: int, blocks: Sequence[Block], tail: int, worker: int) -> None:
            super().book(request, blocks, tail, worker)
            if not self.track_prefill:
                self.requests[request]["prefill"] = 0
            if not self.events:
                for end, block in enumerate(blocks, 1):
                    chain = tuple(blocks[:end])
                    if isinstance(block, int):
                        self.until[worker][chain] = self.now + self.ttl
                    else:
                        self.held[worker].discard(chain)

        def active_blocks(self, worker: int) -> int:
            # The sum of the restatement, exactly.
            shares = [self.weight[worker].get(chain, 1.0) for chain in self.users[worker]]
            shares += [share for request in self._mine(worker) for share in request["out"]]
            return math.floor(float(sum(map(Fraction, shares))) + 0.5)

        def costs(self, blocks: Sequence[Block], tail: int) -> list[float]:
            # As if there were only those that are up.
            up = [worker for worker in range(self.n) if self.up[worker]]
            seen = {name: [column[w] for w in up] for name, column in self.view(blocks, tail).items()}
            workers, self.n, self.view = self.n, len(up), lambda *_: seen
            costs = dict(zip(up, super().costs(blocks, tail), strict=True))
            self.n = workers
            del self.view
            return [costs.get(worker, math.inf) for worker in range(workers)]

    return Restatement


# What a setting may be; mostly it is not given.
OPTIONS: dict[str, tuple[float, Sequence[Any]]] = {
    "use_kv_events": (0.4, [False]),
    "track_prefill_tokens": (0.2, [False]),
    "assume_kv_reuse": (0.2, [False]),
    "overlap_score_credit": (0.4, [0, 0.5, 2.0, 0.3]),
    "overlap_score_credit_decay": (0.3, [0.5, 1.5, 3]),
    "prefill_load_scale": (0.3, [0, 0.5, 2.0]),
    "decode_active_request_weight": (0.3, [1.0, 2.5]),
}


class Comparison:
    """A router, the restatement, and the requests that are in flight and that wait."""

    def __init__(self, seed: int) -> None:
        self.random = generator = random.Random(seed)
        self.workers = generator.choice([1, 2, 3, 5, 8, 64, 65, 130])
        self.block_size = generator.choice([1, 4, 16, 7])
        options = {
            name: generator.choice(values) for name, (share, values) in OPTIONS.items() if generator.random() < share
        }
        self.temperature, ttl = generator.choice([0, 0, 0, 0.5, 2]), generator.choice([5.0, 30.0])
        self.queues = generator.random() < 0.5
        order = generator.choice(["fcfs", "lcfs", "wspt"])
        threshold = generator.choice([0.1, 0.5, 1.0]) if self.queues else None
        tokens = generator.choice([32, 100, 512])
        self.router = new_router(
            "dynamo_kv",
            self.workers,
            block_size=self.block_size,
            seed=seed,
            temperature=self.temperature,
            index_ttl=ttl,
            queue_threshold=threshold,
            max_num_batched_tokens=tokens,
            waiting_order=order,
            **options,
        )
        self.kv = restatement()(self.workers, self.block_size, ttl, **options)
        self.limit = math.inf if threshold is None else threshold * tokens
        self.queue = slow("dynamo_queue").DynamoQueue(self.kv, tokens, self.limit / tokens, order)
        self.queue.busy = self.busy
        # Strict priorities, which the restatement does not know.
        self.strict: dict[int, int] = {}
        self.live: list[int] = []
        self.waiting: list[int] = []
        self.ids: dict[tuple[int, ...], int] = {}
        self.prompts: list[list[int]] = [[]]
        self.time = 0.0
        self.requests = 0

    def busy(self) -> bool:
        """Whether all that are up have too much to prefill."""
        return all(
            self.kv.active_prefill_tokens(worker) > self.limit for worker in range(self.workers) if self.kv.up[worker]
        )

    def hash_ids(self, blocks: Sequence[int]) -> list[int]:
        """One for each block after the same blocks."""
        chains = [tuple(blocks[: end + 1]) for end in range(len(blocks))]
        return [self.ids.setdefault(chain, self.random.getrandbits(64)) for chain in chains]

    def prompt(self) -> list[int]:
        """One that mostly begins like another."""
        base = self.random.choice(self.prompts) if self.random.random() < 0.75 else []
        more = self.random.choices(range(4), k=self.random.choice([0, 1, 2, 5, 12, 40]))
        prompt = base[: self.random.randint(0, len(base))] + more
        self.prompts.append(prompt)
        if len(self.prompts) > 12:
            del self.prompts[self.random.randrange(12)]
        return prompt

    def question(self) -> tuple[list[Block], int, Settings]:
        """The blocks of a prompt, its last tokens, and how the router is asked about it."""
        prompt, tail = self.prompt(), self.random.randint(0, self.block_size - 1)
        known = self.random.randint(0, len(prompt)) if self.random.random() < 0.1 else len(prompt)
        blocks: list[Block] = [*prompt[:known], *(("own", self.requests, at) for at in range(known, len(prompt)))]
        hash_ids = self.hash_ids(prompt[:known])
        if tail and known == len(prompt) and self.random.random() < 0.1:
            # Of a block that is not whole: it does not count.
            hash_ids.append(self.random.getrandbits(64))
        length = len(prompt) * self.block_size + tail
        asked: Settings = {"time": self.time, "prompt_length": length, "hash_ids": hash_ids}
        if self.queues:
            asked["priority_jump"] = self.random.choice([0, 0, 1, 5.5, -2])
            asked["strict_priority"] = self.random.choice([0, 0, 0, 1, -3])
        return blocks, tail, asked

    def arrive(self) -> bool:
        """A request. Returns whether a decision was compared."""
        self.requests += 1
        request = self.requests
        blocks, tail, asked = self.question()
        if not any(self.kv.up):
            try:
                self.router.route(request, **asked)
            except ValueError as error:
                holds("no worker is up" in str(error), error)
                return False
            raise DifferenceError("a request is routed while no worker is up")
        waits = bool(self.queue.wait) or self.busy()
        if waits:
            same(self.router.explain(request, **asked).allowed, [], "a request waits")
        else:
            self.explain(request, blocks, tail, asked)
        if self.random.random() < 0.15:
            worker = self.random.choice([worker for worker in range(self.workers) if self.kv.up[worker]])
            self.router.book(request, worker, **asked)
            self.kv.book(request, blocks, tail, worker)
            self.live.append(request)
            return not waits
        self.strict[request] = asked.get("strict_priority", 0)
        routed = self.router.route(request, **asked)
        admitted = self.queue.arrive(
            request,
            blocks,
            tail,
            self.time,
            asked.get("priority_jump", 0),
            lambda _, ties: self.chosen(request, routed, ties),
        )
        same([] if routed is None else [(request, routed)], admitted, f"request {request}")
        (self.waiting if routed is None else self.live).append(request)
        return not waits

    def explain(self, request: int, blocks: Sequence[Block], tail: int, asked: Settings) -> None:
        """Compares whom the rule allows, and all costs."""
        allowed, scores = self.router.explain(request, **asked)
        ties, costs = self.kv.route(request, blocks, tail)
        for worker, score in enumerate(scores):
            agrees = score == costs[worker] if self.kv.up[worker] else math.isnan(score)
            holds(agrees, f"request {request}: cost {worker} is {score}", costs)
        if self.temperature:
            holds(set(ties) <= set(allowed), f"request {request}", allowed, ties)
        else:
            same(allowed, ties, f"request {request}")

    def chosen(self, request: int, worker: int | None, ties: list[int]) -> int:
        """The router's worker, which is one of the cheapest, unless there is a temperature."""
        if worker is None or not (self.temperature or worker in ties):
            raise DifferenceError(f"{worker} is none of {ties}", f"request {request}")
        return worker

    def release(self) -> None:
        """Requests that waited are routed: the same, in the same order."""
        self.kv.now = self.time
        self.kv.forget()
        got: list[tuple[int, int]] = []
        while (released := self.router.release()) is not None:
            got.append((released.request, released.worker))
        where, expected, queue = dict(got), [], self.queue
        while queue.wait and any(self.kv.up) and not self.busy():
            entry = min(queue.wait, key=lambda entry: (-self.strict[entry[2]], entry[0], entry[1]))
            queue.wait.remove(entry)
            expected.append(queue._admit(entry, lambda waiting, ties: self.chosen(waiting, where.get(waiting), ties)))
        same(got, expected, "released")
        for request, _ in got:
            self.waiting.remove(request)
            self.live.append(request)

    def progress(self, draw: float) -> None:
        """A request in flight goes on, or leaves; or one that waits gives up."""
        if 0.75 <= draw < 0.78 and self.waiting:
            request = self.random.choice(self.waiting)
            self.waiting.remove(request)
            self.router.finished(request, self.time)
            self.queue.wait = [entry for entry in self.queue.wait if entry[2] != request]
        elif self.live:
            request = self.random.choice(self.live)
            if draw < 0.6:
                self.router.first_token(request, self.time)
                self.kv.prefill_complete(request)
            elif draw < 0.78:
                self.live.remove(request)
                self.router.finished(request, self.time)
                self.kv.free(request)
            else:
                weight = self.random.choice([None, 0, 1, 0.5, 0.25, self.random.random(), 0.7, 0.9, 0.1])
                self.router.output_block(request, weight)
                self.kv.output_block(request, weight)

    def change_worker(self, draw: float) -> None:
        """A KV event; or a worker goes down, or comes back."""
        worker, blocks = self.random.randrange(self.workers), self.random.choice(self.prompts)
        if draw < 0.92:
            first = self.random.randint(0, len(blocks))
            self.router.stored(worker, self.hash_ids(blocks), first)
            if self.kv.events:
                self.kv.stored(worker, blocks, first)
        elif draw < 0.96:
            chains = [blocks[: end + 1] for end in range(len(blocks)) if self.random.random() < 0.4]
            self.router.removed(worker, [self.hash_ids(chain)[-1] for chain in chains])
            if self.kv.events:
                self.kv.removed(worker, chains)
        elif self.random.random() < 0.6:
            self.router.set_worker(worker, up=True, time=self.time)
            self.kv.up[worker] = True
        else:
            # To take down what is down already changes nothing, whatever it has stored since.
            self.router.set_worker(worker, up=False, time=self.time)
            if self.kv.up[worker]:
                self.kv.take_down(worker)

    def step(self) -> bool:
        """One operation. Returns whether a decision was compared."""
        self.time += self.random.choice([0, 0.1, 1, 3])
        self.kv.now = self.time
        draw = self.random.random()
        compared = False
        if draw < 0.45:
            self.kv.forget()
            compared = self.arrive()
        elif draw < 0.85:
            self.progress(draw)
        else:
            self.change_worker(draw)
        self.release()
        return compared

    def check_load(self) -> None:
        """Compares what is in flight."""
        load, workers = self.router.load(), range(self.workers)
        same(load.requests, [sum(r["worker"] == worker for r in self.kv.requests.values()) for worker in workers])
        same(load.prefill_tokens, [self.kv.active_prefill_tokens(worker) for worker in workers])
        same(load.waiting, len(self.queue.wait))


def dynamo_kv(seed: int) -> int:
    """All settings, and with a queue or without."""
    comparison = Comparison(seed)
    decisions = 0
    for step in range(comparison.random.choice([60, 150])):
        decisions += comparison.step()
        if step % 7 == 0:
            comparison.check_load()
    return decisions


CASES: dict[str, Case] = {"dynamo_kv": dynamo_kv}
