"""The simple rules of routers, as "Routers" in include/batching.h states them: which replica gets a request.
Independent of the library. Those that compare prompts or know real schedulers are in fleet_restated.py.
"""

import bisect
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from oracle.random_stream import RandomStream

ROUTING = 10
"""The purpose of a router's random stream."""


@dataclass
class SlowQuestion:
    """A request that is to be routed."""

    request: int
    time: float
    prompt: int
    output: int
    hash_ids: tuple[int, ...]
    session: str | None


class SlowRouter:
    """A rule. What most do not look at does nothing."""

    decides_beforehand = False
    """It looks at nothing but its own decisions."""

    def again(self) -> "SlowRouter":
        """The same, as it was made."""
        raise NotImplementedError

    def route(self, question: SlowQuestion) -> int | None:
        """Decides, and counts the request there; None: it waits."""
        raise NotImplementedError

    def first_token(self, request: int, time: float) -> None:
        """A request has its first token."""

    def finished(self, request: int, time: float) -> None:
        """A request is not in flight any more."""

    def released(self, time: float) -> tuple[int, int] | None:
        """The next that need not wait any more, and its replica."""
        return None

    def observe(self, waiting: list[int], running: list[int], kv_usage: list[float]) -> None:
        """What was scraped."""


class Draws:
    """A router's own random numbers."""

    def __init__(self, seed: int) -> None:
        self._stream = RandomStream(seed, ROUTING)

    def below(self, count: int) -> int:
        """Each of 0, ..., count - 1 as likely (Lemire 2019)."""
        while True:
            product = self._stream.next() * count
            # What would make some of them likelier is drawn anew.
            if product % 2**64 >= 2**64 % count:
                return product >> 64

    def one_of(self, numbers: Sequence[int]) -> int:
        """Nothing is drawn where there is no choice."""
        return numbers[self.below(len(numbers))] if len(numbers) > 1 else numbers[0]

    def pair(self, count: int) -> tuple[int, int]:
        """Two different ones of at least two."""
        first, second = self.below(count), self.below(count - 1)
        # One of the others: the last stands in for the first.
        return first, count - 1 if second == first else second


def smooth(credit: list[int], weights: Sequence[int], among: Sequence[int]) -> int:
    """NGINX's smooth weighted round robin: each earns its weight, and the richest pays for all; the first of equals."""
    if len(among) == 1:
        return among[0]
    for number in among:
        credit[number] += weights[number]
    best = max(among, key=lambda number: credit[number])
    credit[best] -= sum(weights[number] for number in among)
    return best


@dataclass
class RoundRobin(SlowRouter):
    """One after the other."""

    replicas: int
    rule: str = "counter"
    weights: Sequence[int] | None = None
    names: Sequence[str] | None = None
    count: int = 0
    credit: list[int] = field(default_factory=list)
    decides_beforehand = True

    def again(self) -> SlowRouter:
        return RoundRobin(self.replicas, self.rule, self.weights, self.names)

    def route(self, question: SlowQuestion) -> int | None:
        if self.rule == "smooth":
            self.credit = self.credit or [0] * self.replicas
            return smooth(self.credit, self.weights or [1] * self.replicas, range(self.replicas))
        order = list(range(self.replicas))
        if self.rule == "sets":
            # All are up, always: it is one set.
            names = self.names or [f"worker-{number}" for number in order]
            order.sort(key=lambda number: names[number])
        self.count += 1
        return order[(self.count - 1) % self.replicas]


class Random(SlowRouter):
    """Each as likely."""

    decides_beforehand = True

    def __init__(self, replicas: int, seed: int) -> None:
        self.replicas, self.seed, self.draws = replicas, seed, Draws(seed)

    def again(self) -> SlowRouter:
        return Random(self.replicas, self.seed)

    def route(self, question: SlowQuestion) -> int | None:
        return self.draws.one_of(range(self.replicas))


class Counting(SlowRouter):
    """Counts what is in flight where; a rule says which replica is next."""

    def __init__(self, replicas: int) -> None:
        self.replicas = replicas
        self.flights: dict[int, tuple[int, int]] = {}
        """Of each request in flight: its replica, and its tokens."""

    def route(self, question: SlowQuestion) -> int | None:
        chosen = self.choose()
        self.flights[question.request] = chosen, question.prompt + question.output
        self.changed(chosen)
        return chosen

    def finished(self, request: int, time: float) -> None:
        number, _ = self.flights.pop(request)
        self.changed(number)

    def requests(self) -> list[int]:
        return [sum(own == number for own, _ in self.flights.values()) for number in range(self.replicas)]

    def tokens(self) -> list[int]:
        return [sum(size for own, size in self.flights.values() if own == number) for number in range(self.replicas)]

    def choose(self) -> int:
        raise NotImplementedError

    def changed(self, number: int) -> None:
        """A replica has one more or one fewer."""


class LeastTokens(Counting):
    """Fewest tokens in flight; the first of equals."""

    def choose(self) -> int:
        return min(range(self.replicas), key=self.tokens().__getitem__)


class PowerOfTwo(Counting):
    """Two different ones at random, the one with fewer requests in flight; equal: the first drawn."""

    def __init__(self, replicas: int, seed: int) -> None:
        super().__init__(replicas)
        self.draws = Draws(seed)

    def choose(self) -> int:
        if self.replicas == 1:
            return 0
        load = self.requests()
        first, second = self.draws.pair(self.replicas)
        return second if load[second] < load[first] else first


class LeastRequests(Counting):
    """Fewest requests in flight over weight."""

    def __init__(self, replicas: int, ties: str, weights: Sequence[int] | None, seed: int) -> None:
        super().__init__(replicas)
        self.ties, self.weights, self.draws = ties, weights or [1] * replicas, Draws(seed)
        self.credit = [0] * replicas
        self.line = [(0, number) for number in range(replicas)]
        """HAProxy's: the key of each replica, and when it got that."""
        self.changes = replicas

    def choose(self) -> int:
        if self.ties == "haproxy":
            return min(range(self.replicas), key=self.line.__getitem__)
        load = [Fraction(count, weight) for count, weight in zip(self.requests(), self.weights, strict=True)]
        equals = [number for number in range(self.replicas) if load[number] == min(load)]
        if self.ties == "nginx":
            return smooth(self.credit, self.weights, equals)
        return self.draws.one_of(equals) if self.ties == "random" else equals[0]

    def changed(self, number: int) -> None:
        """It goes behind its equals if its key changes."""
        live = self.requests()[number]
        key = (live + 1) * 256 // self.weights[number] if live else 0
        if key != self.line[number][0]:
            self.line[number] = key, self.changes
            self.changes += 1


class Session(SlowRouter):
    """Consistent hashing of the session over 160 points for each replica; without one the fewest requests a second over
    a window, one that never had any before all others.
    """

    def __init__(self, replicas: int, names: Sequence[str] | None, window: float) -> None:
        self.names = names or [f"worker-{number}" for number in range(replicas)]
        self.window = window
        self.routed: list[list[float]] = [[] for _ in range(replicas)]
        self.ring = sorted(
            (self._point(f"{name}-{point}"), number) for number, name in enumerate(self.names) for point in range(160)
        )

    @staticmethod
    def _point(name: str) -> int:
        return int(hashlib.md5(name.encode()).hexdigest(), 16)  # noqa: S324  as the real one

    def route(self, question: SlowQuestion) -> int | None:
        if question.session is None:
            since = question.time - self.window
            chosen = min(
                range(len(self.routed)),
                key=lambda number: (
                    self.routed[number] != [],
                    sum(time >= since for time in self.routed[number]) / self.window,
                ),
            )
        else:
            place = bisect.bisect([point for point, _ in self.ring], self._point(question.session))
            chosen = self.ring[place % len(self.ring)][1]
        self.routed[chosen].append(question.time)
        return chosen


SIMPLE: dict[str, Callable[..., SlowRouter]] = {
    "round_robin": RoundRobin,
    "random": Random,
    "power_of_two": PowerOfTwo,
    "least_requests": LeastRequests,
    "least_tokens": LeastTokens,
    "session": Session,
}
