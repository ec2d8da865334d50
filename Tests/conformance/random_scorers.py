"""Random operations on llm-d's endpoint picker: scorers.

The restatement knows no workers that are down: it looks at those that are up only. That of precise_prefix is here.
"""

import math
import random
from typing import Any

from random_support import Case, DifferenceError, Settings, flip_one, holds, new_router, same, slow

# As the restatement calls them; precise is not one of its.
NAMES = {
    "queue": "queue",
    "running": "running",
    "kv": "kv_usage",
    "load-aware": "load_aware",
    "active": "active",
    "token-load": "token_load",
    "prefix": "prefix",
    "precise": "precise_prefix",
}
Scorer = dict[str, Any]


def new_scorer(generator: random.Random) -> Scorer:
    """A scorer with all settings that there are."""
    return {
        "type": generator.choice(list(NAMES)),
        "weight": generator.choice([1, 2, 3, 0.5, -1, 0.1, 0]),
        "threshold": generator.choice([1, 16, 128, 20000.5]),
        "idle_threshold": generator.choice([0, 0, 2, 3.5]),
        "max_busy_score": generator.choice([1, 0.5, 2, 0]),
    }


class Comparison:
    """A router, the restatement, and what both are told."""

    def __init__(self, seed: int) -> None:
        self.random = generator = random.Random(seed)
        self.workers = generator.choice([1, 2, 3, 5, 64, 65, 70])
        self.scorers = [new_scorer(generator) for _ in range(generator.randint(1, 4))]
        self.most = generator.choice([3, 6, 256])
        block_size, capacity = generator.choice([1, 1, 2, 4]), generator.choice([1, 3, 8, 40, 1000])
        self.router = new_router(
            "scorers",
            self.workers,
            seed=seed,
            block_size=block_size,
            max_prefix_blocks=self.most,
            lru_blocks_per_worker=capacity,
            scorer=[NAMES[scorer["type"]] for scorer in self.scorers],
            scorer_weight=[scorer["weight"] for scorer in self.scorers],
            scorer_threshold=[
                scorer["idle_threshold" if scorer["type"] == "active" else "threshold"] for scorer in self.scorers
            ],
            scorer_max_busy=[scorer["max_busy_score"] for scorer in self.scorers],
        )
        self.epp = slow("llm_d_epp").Epp(self.workers, self.scorers, block_size, self.most, capacity)
        self.up = set(range(self.workers))
        # Requests in flight: worker and tokens.
        self.flights: dict[int, tuple[int, int]] = {}
        self.told: dict[str, list[int] | None] = {"in_flight_requests": None, "in_flight_tokens": None}
        self.metrics: list[dict[str, float]] = [
            {"waiting": 0, "running": 0, "kv_usage": 0.0} for _ in range(self.workers)
        ]
        self.stored: list[set[int]] = [set() for _ in range(self.workers)]
        self.requests = 0
        self.stems = [[generator.getrandbits(64) for _ in range(12)] for _ in range(3)]

    def hash_ids(self) -> list[int]:
        """The beginning of a stem, and perhaps others."""
        ids = self.random.choice(self.stems)[: self.random.randint(0, 12)]
        if self.random.random() < 0.3:
            ids += [self.random.randint(0, 5) for _ in range(self.random.randint(0, 5))]
        return ids

    def prompt(self) -> tuple[Settings, list[Any], list[int]]:
        """What the router is asked; the blocks of the restatement; and the hash ids that KV events know it by."""
        ids = self.hash_ids()
        if self.random.random() < 0.5:
            return {"hash_ids": ids}, ids[: self.most], ids
        text = "".join(self.random.choices(["a", "b\0", "é", "日本", "🙂"], k=self.random.choice([0, 2, 9, 30])))
        if self.random.random() < 0.5:
            text = "abcabcabcabcabcabc"[: self.random.randint(0, 18)] + text
        return {"text": text, "hash_ids": ids}, self.epp.blocks(text), ids

    def observed(self, worker: int) -> dict[str, float]:
        """The metrics of a worker; what it was not told it counts."""
        own = [tokens for place, tokens in self.flights.values() if place == worker]
        requests, tokens = self.told["in_flight_requests"], self.told["in_flight_tokens"]
        return {
            **self.metrics[worker],
            "inflight_requests": requests[worker] if requests else len(own),
            "inflight_tokens": tokens[worker] if tokens else sum(own),
        }

    def leading(self, worker: int, ids: list[int]) -> int:
        """How many of the first blocks a worker has stored."""
        held = 0
        while held < len(ids) and ids[held] in self.stored[worker]:
            held += 1
        return held

    def totals(self, blocks: list[Any], ids: list[int]) -> dict[int, float]:
        """The weighted sum of the scores of each worker that is up."""
        up = sorted(self.up)
        metrics = [self.observed(worker) for worker in up]
        match = self.epp.match(blocks)
        leading = [self.leading(worker, ids) for worker in up]
        low, high = min(leading), max(leading)
        totals = dict.fromkeys(up, 0.0)
        for scorer in self.scorers:
            if scorer["type"] == "precise":
                row = [1.0 if low == high else (held - low) / (high - low) for held in leading]
            else:
                self.epp.scorers = [scorer]
                row = self.epp.scores(metrics, [match[worker] for worker in up], len(blocks))[0]
            for worker, score in zip(up, row, strict=True):
                totals[worker] += min(1.0, max(0.0, score)) * scorer["weight"]
        return totals

    def send(self) -> None:
        """Compares a decision, and routes or books the request."""
        generator, request = self.random, self.requests
        question, blocks, ids = self.prompt()
        question |= {"prompt_length": generator.randint(0, 50), "output_length": generator.randint(0, 50)}
        totals = self.totals(blocks, ids)
        expected = [worker for worker in totals if totals[worker] == max(totals.values())]
        allowed, scores = self.router.explain(request, **question)
        same(allowed, expected, f"request {request}", totals)
        for worker, score in enumerate(scores):
            agrees = score == totals[worker] if worker in totals else math.isnan(score)
            holds(agrees, f"request {request}: score {worker} is {score}", totals)
        worker = generator.choice(sorted(self.up))
        if generator.random() < 0.8:
            routed = self.router.route(request, **question)
            if routed is None or routed not in expected:
                raise DifferenceError(f"{routed} is none of {expected}", f"request {request}")
            worker = routed
        else:
            self.router.book(request, worker, **question)
        self.book_blocks(blocks, worker)
        self.flights[request] = worker, question["prompt_length"] + question["output_length"]
        self.requests += 1

    def book_blocks(self, blocks: list[Any], worker: int) -> None:
        """Books what need be no text."""
        self.epp.blocks, given = lambda text: text, self.epp.blocks
        self.epp.book(blocks, worker)
        self.epp.blocks = given

    def observe(self) -> None:
        """Tells some of the metrics."""
        choices: dict[str, list[Any]] = {
            "waiting": [0, 0, 1, 5, 200],
            "running": [0, 3, 5],
            "kv_usage": [0.0, 0.25, 0.371, 1.0],
            "in_flight_requests": [0, 2, 9],
            "in_flight_tokens": [0, 500, 30000],
        }
        columns: Settings = {
            name: self.random.choices(values, k=self.workers)
            for name, values in choices.items()
            if self.random.random() < (0.2 if name in self.told else 0.7)
        }
        if columns:
            self.router.observe(**columns)
        for name, values in columns.items():
            if name in self.told:
                self.told[name] = values
            else:
                for metrics, value in zip(self.metrics, values, strict=True):
                    metrics[name] = value

    def step(self) -> bool:
        """One operation. Returns whether a decision was compared."""
        generator = self.random
        draw = generator.random()
        worker, ids = generator.randrange(self.workers), self.hash_ids()
        if draw < 0.5:
            self.send()
        elif draw < 0.65 and self.flights:
            request = generator.choice(sorted(self.flights))
            self.router.finished(request)
            del self.flights[request]
        elif draw < 0.75:
            self.observe()
        elif draw < 0.8:
            flip_one(generator, self.router, self.up)
        elif draw < 0.92:
            first = generator.randint(0, len(ids))
            self.router.stored(worker, ids, first)
            self.stored[worker] |= set(ids[first:])
        else:
            self.router.removed(worker, ids)
            self.stored[worker] -= set(ids)
        return draw < 0.5


def scorers(seed: int) -> int:
    """Some scorers, weighted."""
    comparison = Comparison(seed)
    return sum(comparison.step() for _ in range(comparison.random.choice([20, 60, 150])))


CASES: dict[str, Case] = {"scorers": scorers}
