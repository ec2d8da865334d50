"""The numbers that the examples of policies print, from a simulation of their own that walks every request through
every iteration, and shares nothing with the library but the requests.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from batching import RequestColumns, generate_workload

EXAMPLES = Path(__file__).parents[3] / "examples"
BUDGET = 2048


@dataclass(eq=False)
class Walker:
    """A request on its way."""

    index: int
    arrival: float
    prompt: int
    output: int
    computed: int = 0
    generated: int = 0
    end: float = np.nan

    @property
    def uncomputed(self) -> int:
        return self.prompt + self.generated - self.computed

    @property
    def remaining(self) -> int:
        return self.uncomputed + self.output - self.generated


@dataclass
class Outcome:
    e2e: np.ndarray
    end: float
    preemptions: int


Chosen = list[tuple[Walker, int]]
Choose = Callable[[list[Walker], list[Walker]], tuple[Chosen, list[Walker]]]
"""Of running and waiting requests: which compute how many tokens, and which are preempted."""


def walk(trace: RequestColumns, slots: int, seconds: tuple[float, float, float], choose: Choose) -> Outcome:
    base, per_prefill, per_decode = seconds
    assert trace.arrival_time is not None
    assert trace.prompt_length is not None
    columns = zip(trace.arrival_time.tolist(), trace.prompt_length.tolist(), trace.output_length.tolist(), strict=True)
    coming = [Walker(index, *column) for index, column in enumerate(columns)]
    requests = list(coming)
    running: list[Walker] = []
    waiting: list[Walker] = []
    now, preemptions = 0.0, 0
    while coming or running or waiting:
        while coming and coming[0].arrival <= now:
            waiting.append(coming.pop(0))
        if not running and not waiting:
            now = coming[0].arrival
            continue
        chosen, preempted = choose(running, waiting)
        for request in preempted:
            running.remove(request)
            waiting.insert(0, request)
            request.computed = 0
            preemptions += 1
        for request, _ in chosen:
            if request in waiting:
                waiting.remove(request)
                running.append(request)
        assert len(running) <= slots
        decodes = sum(request.generated > 0 and request.uncomputed == 1 for request, _ in chosen)
        tokens = sum(count for _, count in chosen)
        assert 0 < tokens <= BUDGET
        now += round(1e9 * (base + per_prefill * (tokens - decodes) + per_decode * decodes)) / 1e9
        for request, count in chosen:
            request.computed += count
            if request.uncomputed == 0:
                request.generated += 1
            if request.generated == request.output:
                request.end = now
                running.remove(request)
    return Outcome(np.array([request.end - request.arrival for request in requests]), now, preemptions)


def first_come(slots: int) -> Choose:
    def choose(running: list[Walker], waiting: list[Walker]) -> tuple[Chosen, list[Walker]]:
        return within_budget([*running, *waiting[: slots - len(running)]]), []

    return choose


def shortest_remaining_first(slots: int) -> Choose:
    def choose(running: list[Walker], waiting: list[Walker]) -> tuple[Chosen, list[Walker]]:
        order = sorted([*running, *waiting], key=lambda request: request.remaining)
        return within_budget(order[:slots]), [request for request in running if request in order[slots:]]

    return choose


def fair(slots: int) -> Choose:
    """Tenant 1 has every eleventh request. By what each was served, summed up anew from all that ever ran."""
    seen: dict[int, Walker] = {}
    claims = [0.0, 0.0]
    was_there = [False, False]

    def choose(running: list[Walker], waiting: list[Walker]) -> tuple[Chosen, list[Walker]]:
        tenants = [[r for r in [*running, *waiting] if (r.index % 11 == 10) == tenant] for tenant in (False, True)]

        def served(tenant: int) -> float:
            mine = [r for r in seen.values() if (r.index % 11 == 10) == bool(tenant)]
            # A token that will be there at the end of this iteration counts already.
            return claims[tenant] + sum(r.prompt + 2 * min(r.output, r.generated + 1) for r in mine)

        for tenant in (0, 1):
            if tenants[tenant] and not was_there[tenant] and was_there[1 - tenant]:
                claims[tenant] += max(0.0, served(1 - tenant) - served(tenant))
        was_there[:] = [bool(tenants[0]), bool(tenants[1])]
        chosen = within_budget(running)
        budget = BUDGET - sum(count for _, count in chosen)
        queues = [[r for r in waiting if (r.index % 11 == 10) == tenant] for tenant in (False, True)]
        free = slots - len(running)
        while budget > 0 and free > 0 and any(queues):
            tenant = min((tenant for tenant in (0, 1) if queues[tenant]), key=served)
            request = queues[tenant].pop(0)
            seen[request.index] = request
            chosen.append((request, min(request.uncomputed, budget)))
            budget -= chosen[-1][1]
            free -= 1
        return chosen, []

    return choose


def within_budget(order: list[Walker]) -> Chosen:
    budget = BUDGET - sum(request.uncomputed == 1 for request in order)
    chosen = []
    for request in order:
        tokens = 1 if request.uncomputed == 1 else min(request.uncomputed, budget)
        budget -= tokens if request.uncomputed > 1 else 0
        if tokens > 0:
            chosen.append((request, tokens))
    return chosen


def numbers(path: str) -> list[float]:
    """Those that a file has, but for the ones within names."""
    return [float(found) for found in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", (EXAMPLES / path).read_text()) if found]


def test_shortest_remaining_first_is_what_a_walk_gives() -> None:
    trace = generate_workload(
        300, prompt_length_range=(100, 500), output_length_range=(10, 800), arrival_rate=2.0, seed=7
    )
    expected = []
    for policy in (first_come(8), shortest_remaining_first(8)):
        outcome = walk(trace, 8, (0.012, 50e-6, 100e-6), policy)
        expected.append([outcome.e2e.mean(), np.percentile(outcome.e2e, 99), outcome.preemptions, outcome.end])
    printed = np.reshape([value for value in numbers("c/policy.expected") if value != 99][-8:], (2, 4))
    assert printed == pytest.approx(np.array(expected), abs=0.06)
    assert printed[:, :2] == pytest.approx(np.array(expected)[:, :2], abs=0.006)


def test_a_fair_share_is_what_a_walk_gives() -> None:
    trace = generate_workload(
        660, prompt_length_range=(200, 200), output_length_range=(100, 100), arrival_rate=22.0, seed=3
    )
    is_light = np.arange(660) % 11 == 10
    printed = np.reshape(numbers("python/policy.expected"), (2, 4))
    for told, policy in zip(printed, (first_come(16), fair(16)), strict=True):
        outcome = walk(trace, 16, (0.008, 20e-6, 100e-6), policy)
        assert told[:2] == pytest.approx([outcome.e2e[~is_light].mean(), outcome.e2e[is_light].mean()], abs=0.006)
        assert told[2:] == pytest.approx([outcome.end, 66_000 / outcome.end], abs=0.51)
    assert (EXAMPLES / "cpp/policy.expected").read_text() == (EXAMPLES / "python/policy.expected").read_text()
