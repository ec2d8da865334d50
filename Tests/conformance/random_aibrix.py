"""Random operations on AIBrix' routers, and slow restatements of their rules, which are here: aibrix_prefix, vtc."""

import math
import random
import statistics
from collections.abc import Sequence

from random_support import Case, DifferenceError, Settings, flip_one, holds, new_router, same

# A text, or the hash ids of blocks.
Prompt = str | tuple[int, ...]
Decision = tuple[list[int], dict[int, float]]


class SlowPrefix:
    """aibrix_prefix: which blocks were routed where, each with its time."""

    def __init__(self, characters: int, imbalance: int) -> None:
        self.characters, self.imbalance = characters, imbalance
        # By block; a block is the prompt up to its end.
        self.routed: dict[Prompt, tuple[float, frozenset[int]]] = {}

    def blocks(self, prompt: Prompt) -> list[Prompt]:
        """Whole ones."""
        size = self.characters if isinstance(prompt, str) else 1
        return [prompt[:end] for end in range(size, len(prompt) + 1, size)]

    def decide(self, prompt: Prompt, now: float, up: list[int], requests: list[int]) -> Decision:
        """Whom it allows, and the percents that match at those it looks at."""
        blocks = self.blocks(prompt)
        counts = dict.fromkeys(up, 0)
        for worker in up:
            for block in blocks:
                time, workers = self.routed.get(block, (-math.inf, frozenset()))
                if now - time > 1200 or worker not in workers:
                    break
                counts[worker] += 1
        loads = [requests[worker] for worker in up]
        idle = [worker for worker in up if requests[worker] == min(loads)]
        among = idle if max(loads) - min(loads) > self.imbalance else up
        limit = statistics.fmean(loads) + (statistics.stdev(loads) if len(up) > 1 else 0)
        percent = {worker: float(100 * counts[worker] // len(blocks) if blocks else 0) for worker in among}
        fit = [worker for worker in among if counts[worker] and requests[worker] <= limit]
        if not fit:
            return idle, percent
        best = min((-percent[worker], requests[worker]) for worker in fit)
        return [worker for worker in fit if (-percent[worker], requests[worker]) == best], percent

    def book(self, prompt: Prompt, now: float, worker: int) -> None:
        """A block that was forgotten begins anew."""
        self.routed = {block: use for block, use in self.routed.items() if now - use[0] <= 1200}
        for block in self.blocks(prompt):
            _, workers = self.routed.get(block, (now, frozenset[int]()))
            self.routed[block] = now, workers | {worker}


class SlowVTC:
    """vtc: all tokens that were ever counted, each with its second and user."""

    def __init__(self) -> None:
        self.counted: list[tuple[int, str, int]] = []

    def decide(self, user: str, now: float, up: list[int], running: list[int]) -> Decision:
        """Whom it allows, and the scores of those that are up."""
        totals: dict[str, int] = {}
        for second, name, tokens in self.counted:
            if second >= math.floor(now) - 300:
                totals[name] = totals.get(name, 0) + tokens
        fewest, most = (min(totals.values()), max(totals.values())) if totals else (1000, 8000)
        target = min(totals.get(user, 0) / max(1000, (fewest + most) / 2), len(up) - 1)
        scores = {worker: abs(at - target) + min(running[worker] / 100, 1) for at, worker in enumerate(up)}
        # Draws below 0.1 are added.
        return [worker for worker in up if scores[worker] < min(scores.values()) + 0.1], scores

    def book(self, user: str, now: float, tokens: int) -> None:
        """Output is taken to be 1.5 times as long, and counts twice."""
        if user and tokens:
            self.counted.append((math.floor(now), user, tokens + 2 * math.ceil(1.5 * tokens)))


def check_explained(explained: tuple[list[int], list[float]], decision: Decision) -> None:
    """The same workers, and the same scores of those it looks at."""
    allowed, scores = decision
    same(explained[0], allowed, scores)
    for worker, score in enumerate(explained[1]):
        holds(score == scores[worker] if worker in scores else math.isnan(score), f"score {worker}: {score}", scores)


def check_routed(worker: int | None, allowed: Sequence[int]) -> int:
    """The worker, which is one of them."""
    if worker is None or worker not in allowed:
        raise DifferenceError(f"{worker} is none of {allowed}")
    return worker


def some_prompt(generator: random.Random, stems: list[str]) -> tuple[Prompt, Settings]:
    """A prompt, and how a router is asked about it."""
    if generator.random() < 0.5:
        end = generator.choices("a\0🙂", k=generator.randint(0, 4))
        text = generator.choice(stems)[: generator.randint(0, 20)] + "".join(end)
        return text, {"text": text}
    ids = (8, 2, 3) if generator.random() < 0.2 else (1, 2, 3, 4, 5, 6, 7)[: generator.randint(0, 7)]
    # Chained, as hash ids are; the hash of a tuple of integers is always the same.
    return ids, {"hash_ids": [hash(ids[: end + 1]) & (2**64 - 1) for end in range(len(ids))]}


def aibrix_prefix(seed: int) -> int:
    """Blocks that match, unless a worker has too many requests."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 4, 65])
    characters, imbalance = generator.choice([1, 2, 4]), generator.choice([1, 3, 8])
    router = new_router("aibrix_prefix", workers, seed=seed, chunk_size=characters, aibrix_imbalance=imbalance)
    slow = SlowPrefix(characters, imbalance)
    up, now = set(range(workers)), 0.0
    flights: dict[int, int] = {}
    stems = ["".join(generator.choices("abé", k=20)) for _ in range(2)]
    decisions = generator.choice([20, 100])
    for request in range(decisions):
        now += generator.choice([0, 1, 100, 600])
        prompt, question = some_prompt(generator, stems)
        requests = [0] * workers
        for place in flights.values():
            requests[place] += 1
        decision = slow.decide(prompt, now, sorted(up), requests)
        check_explained(router.explain(request, time=now, **question), decision)
        # To ask about a later time changes nothing.
        router.explain(request, time=now + 1000, **question)
        if generator.random() < 0.7:
            worker = check_routed(router.route(request, time=now, **question), decision[0])
        else:
            worker = generator.choice(sorted(up))
            router.book(request, worker, time=now, **question)
        slow.book(prompt, now, worker)
        flights[request] = worker
        for other in [other for other in flights if generator.random() < 0.15]:
            router.finished(other, now)
            del flights[other]
        if generator.random() < 0.1:
            flip_one(generator, router, up, now)
    return decisions


def vtc(seed: int) -> int:
    """Tokens of users within five minutes, and running requests."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 4, 65])
    router, slow = new_router("vtc", workers, seed=seed), SlowVTC()
    up, running, now = set(range(workers)), [0] * workers, 0.0
    users = ["", *(f"user number {number}" for number in range(generator.choice([1, 3, 50])))]
    decisions = generator.choice([20, 150])
    for request in range(decisions):
        now += generator.choice([0, 0.4, 1, 10, 50, 290])
        user, tokens = generator.choice(users), generator.choice([0, 1, 7, 100, 1000, 30000])
        question: Settings = {"session": user, "prompt_length": tokens}
        decision = slow.decide(user, now, sorted(up), running)
        check_explained(router.explain(request, time=now, **question), decision)
        # To ask about a later time changes nothing.
        router.explain(request, time=now + generator.choice([1, 200, 400]), **question)
        if generator.random() < 0.7:
            check_routed(router.route(request, time=now, **question), decision[0])
        else:
            router.book(request, generator.choice(sorted(up)), time=now, **question)
        slow.book(user, now, tokens)
        if generator.random() < 0.2:
            running = [generator.choice([0, 3, 50, 95, 300]) for _ in range(workers)]
            router.observe(running=running)
        if generator.random() < 0.1:
            flip_one(generator, router, up, now)
    return decisions


CASES: dict[str, Case] = {"aibrix_prefix": aibrix_prefix, "vtc": vtc}
