"""What the random comparisons of routers with slow restatements of their rules share.

A case is a function of a seed. It returns how many decisions it compared, and raises a DifferenceError at the first
that differs. Where a rule leaves several workers, both sides go on with the one that the router took.
"""

import importlib
import random
from collections.abc import Callable, Sequence
from typing import Any

from batching import Router

Case = Callable[[int], int]
Settings = dict[str, Any]

# The settings are drawn: no type says which they are.
new_router: Callable[..., Router] = Router


class DifferenceError(Exception):
    """The router does not do what the restatement does."""


def slow(name: str) -> Any:
    """A module of the restatements; random_routers.py has put their folder on the path."""
    return importlib.import_module(name)


def same(got: object, expected: object, *context: object) -> None:
    """Raises if the two are not equal."""
    if got != expected:
        raise DifferenceError(f"{got} instead of {expected}", *context)


def holds(is_so: bool, *context: object) -> None:  # noqa: FBT001
    """Raises if it is not so."""
    if not is_so:
        raise DifferenceError(*context)


def flip_one(generator: random.Random, router: Router, up: set[int], time: float = 0.0) -> int | None:
    """Takes a worker down, or up again; one stays up. Returns which, if any."""
    worker = generator.randrange(router.workers)
    if up == {worker}:
        return None
    up ^= {worker}
    router.set_worker(worker, up=worker in up, time=time)
    return worker


class Fleet:
    """A router, which of its workers are up, and which requests are in flight where."""

    def __init__(self, generator: random.Random, workers: int, **settings: Any) -> None:
        self.random, self.workers = generator, workers
        self.router = new_router(workers=workers, **settings)
        self.up = list(range(workers))
        self.where: dict[int, int] = {}
        self.requests = 0
        self.first = generator.choice([0, -5, 2**62])
        self.time = 0.0

    def new(self) -> int:
        """The id of a new request."""
        self.requests += 1
        return self.first + self.requests

    def set_up(self, up: Sequence[int]) -> None:
        """Has just these workers up."""
        self.up = sorted(up)
        for worker in self.random.sample(range(self.workers), self.workers):
            self.router.set_worker(worker, up=worker in self.up, time=self.time)

    def flip(self) -> None:
        """Draws which workers are up: at least one."""
        share = self.random.choice([0.3, 0.8, 1.0])
        up = [worker for worker in range(self.workers) if self.random.random() < share]
        self.set_up(up or [self.random.randrange(self.workers)])

    def finish(self) -> tuple[int, int] | None:
        """One request leaves: its id and worker. None: none is in flight."""
        if not self.where:
            return None
        request = self.random.choice(list(self.where))
        self.router.finished(request, self.time)
        return request, self.where.pop(request)

    def send(self, question: Settings, expected: Sequence[int]) -> tuple[int, int, bool, list[float]]:
        """Compares a decision, and routes or books the request.

        Returns the request, its worker, whether the router chose it, and the scores.
        """
        request = self.new()
        allowed, score = self.router.explain(request, **question)
        same(allowed, sorted(expected), f"up: {self.up}")
        chooses = self.random.random() < 0.8
        if chooses:
            worker = self.router.route(request, **question)
            if worker not in expected or worker is None:
                raise DifferenceError(f"{worker} is none of {expected}")
        else:
            worker = self.random.choice(self.up)
            self.router.book(request, worker, **question)
        self.where[request] = worker
        return request, worker, chooses, score

    def shares(self, draws: int) -> list[int]:
        """How often each worker is chosen while nothing else is in flight or leaves."""
        counts = [0] * self.workers
        for _ in range(draws):
            request = self.new()
            worker = self.router.route(request)
            if worker is None:
                raise DifferenceError("a request waits")
            counts[worker] += 1
            self.router.finished(request)
        return counts
