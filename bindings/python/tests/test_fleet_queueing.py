"""Fleets as queues: waits are those of the closed forms, within their confidence intervals.

As in test_engine_queueing.py independent runs give one mean each, and their spread the interval. A replica has one
slot, a prompt is one token, and a request of k tokens takes k iterations: an idle replica starts at once, and a busy
one goes on with the next as the last ends, so that nothing waits for a boundary. Lengths are geometric, which is
exponential but for being whole numbers, of the mean MEAN_LENGTH; services take 1 s in the mean. The squared coefficient
of variation of the service is 1 - 1 / MEAN_LENGTH: waits change by a share of less than 2 / MEAN_LENGTH, which is
allowed.
"""

from typing import Any

import numpy as np
import pytest

from batching import AffineTime, EngineConfig, RequestColumns, generate_workload, simulate_fleet
from oracle.queueing import Estimate, erlang_c, estimate, pollaczek_khinchine

MEAN_LENGTH = 500
SHARE = 2 / MEAN_LENGTH
SLOT = EngineConfig(max_num_seqs=1, iteration_time=1 / MEAN_LENGTH)
WARM_UP = 10_000
"""Requests left out at the beginning, since a run begins with an empty fleet."""


def waits(
    load: float, replicas: int, router: Any, count: int = 50_000, config: EngineConfig = SLOT, **settings: Any
) -> Estimate:
    """From arrival to start, which is at a replica, or before it if the router has a queue."""

    def run(seed: int) -> float:
        arrivals = generate_workload(count, arrival_rate=load * replicas, seed=seed).arrival_time
        assert arrivals is not None
        lengths = np.random.default_rng(seed).geometric(1 / MEAN_LENGTH, count).astype(np.int32)
        ones = np.ones_like(lengths)
        # What is timed are output tokens, one an iteration; or with a model of prefill those of the prompt.
        columns = (lengths, ones) if config is SLOT else (ones, lengths)
        result = simulate_fleet(
            RequestColumns(*columns, arrivals), config, replicas=replicas, router=router, seed=seed, **settings
        )
        assert result.finished == count
        return float((result.start_time - arrivals)[WARM_UP:].mean())

    return estimate(run)


def agrees(found: Estimate, wait: float, more: float = 0.0) -> bool:
    """Whether it is the wait, or up to a share more."""
    return found.agrees_with(wait * (1 - SHARE), wait * (1 + SHARE + more))


@pytest.mark.parametrize(("load", "replicas"), [(0.5, 4), (0.8, 3)])
def test_random_splitting_waits_as_in_m_m_1(load: float, replicas: int) -> None:
    """Each replica gets a Poisson process of its own: a thinned one."""
    found = waits(load, replicas, "random", 100_000)
    assert agrees(found, pollaczek_khinchine(load, 1.0, 1.0))
    # It would be seen if the load were 3% more, or if the replicas had one queue.
    assert not agrees(found, pollaczek_khinchine(1.03 * load, 1.0, 1.0))
    assert not agrees(found, erlang_c(load, replicas))


def erlang_arrivals(load: float, phases: int) -> float:
    """Mean wait in E/M/1 with arrivals of so many phases (GI/M/1, Kendall 1953): r / (1 - r) services, where a request
    finds n before it with (1 - r) r^n, and r is the transform of the time between arrivals at 1 - r: r = (a / (a + 1
    - r))^phases with a = load x phases.
    """
    ratio, rate = 0.0, load * phases
    for _ in range(10_000):
        ratio = (rate / (rate + 1 - ratio)) ** phases
    return ratio / (1 - ratio)


def test_erlang_arrivals_by_hand() -> None:
    # One phase is M/M/1. Two at a load of 1/2: r = 1 / (2 - r)^2, or (1 - r)(r^2 - 3 r + 1) = 0: r = (3 - sqrt(5)) / 2.
    assert erlang_arrivals(0.8, 1) == pytest.approx(4.0)
    ratio = (3 - 5**0.5) / 2
    assert erlang_arrivals(0.5, 2) == pytest.approx(ratio / (1 - ratio))


@pytest.mark.parametrize(("load", "replicas"), [(0.5, 2), (0.8, 4)])
def test_round_robin_waits_as_with_erlang_arrivals(load: float, replicas: int) -> None:
    """Each replica gets every n-th request: the time between two is the sum of n exponential ones."""
    found = waits(load, replicas, "round_robin", 100_000)
    assert agrees(found, erlang_arrivals(load, replicas))
    assert not agrees(found, erlang_arrivals(load, replicas + 1))
    assert not agrees(found, erlang_arrivals(1.03 * load, replicas))


@pytest.mark.parametrize(("load", "replicas"), [(0.5, 2), (0.8, 2), (0.8, 5), (0.9, 4)])
def test_one_queue_at_the_router_waits_as_in_m_m_c(load: float, replicas: int) -> None:
    """dynamo_kv with a threshold of 0: a replica is busy as long as it has prompt tokens to compute. Requests have one
    output token, and their service is their prompt, computed in one iteration. So one waits at the router, in order of
    arrival, while all replicas are busy. Where one is not, that costs least: no prompt has a whole block, so that costs
    are prompt tokens to compute.
    """
    prefill = EngineConfig(
        max_num_seqs=1, max_num_batched_tokens=1_000_000, iteration_time=AffineTime(per_prefill_token=1 / MEAN_LENGTH)
    )
    settings = {"queue_threshold": 0.0, "max_num_batched_tokens": 1_000_000, "block_size": 65_536}
    found = waits(load, replicas, "dynamo_kv", 60_000, prefill, **settings)
    assert agrees(found, erlang_c(load, replicas))
    # It would be seen if there were a replica more, or if the load were 3% more.
    assert not agrees(found, erlang_c(load * replicas / (replicas + 1), replicas + 1))
    assert not agrees(found, erlang_c(1.03 * load, replicas))


def shortest_of_two(load: float) -> float:
    """Mean wait where each request joins the shorter of two M/M/1 queues: from its Markov chain, solved numerically.

    States are the requests in the shorter queue and how many more are in the other. An arrival joins the shorter one,
    with rate 2 load; each queue that is not empty serves with rate 1. Both are rarely long, and rarely far apart: what
    is left out has next to no probability, below load^(2 x 100) where the shorter has 100. By Little's law the wait is
    E[requests] / rate - 1.
    """
    longest, apart = 100, 15
    place = {(low, more): low * apart + more for low in range(longest) for more in range(apart)}
    rates = np.zeros((len(place), len(place)))
    for (low, more), here in place.items():
        up = (low + 1, more - 1) if more else (low, 1)
        steps = [(up, 2 * load)]
        if low:
            steps.append(((low - 1, more + 1), 1.0 if more else 2.0))
        if more:
            steps.append(((low, more - 1), 1.0))
        for there, rate in steps:
            if there in place:
                rates[here, place[there]] += rate
                rates[here, here] -= rate
    # Probabilities that do not change, of sum 1.
    balance = rates.T.copy()
    balance[0] = 1.0
    right = np.zeros(len(place))
    right[0] = 1.0
    chances = np.linalg.solve(balance, right)
    assert chances.min() > -1e-12
    mean = sum((2 * low + more) * chances[here] for (low, more), here in place.items())
    return float(mean) / (2 * load) - 1


def test_the_shortest_of_two_is_between_one_queue_and_two() -> None:
    for load in (0.3, 0.5, 0.8):
        assert erlang_c(load, 2) < shortest_of_two(load) < pollaczek_khinchine(load, 1.0, 1.0)
    # In heavy traffic the two are as good as one queue.
    ratios = [shortest_of_two(load) / erlang_c(load, 2) for load in (0.5, 0.8, 0.9)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] < 1.1 < ratios[0]


@pytest.mark.parametrize(("load", "ties"), [(0.5, "first"), (0.5, "random"), (0.5, "haproxy"), (0.8, "first")])
def test_least_requests_waits_as_the_shortest_of_two_queues(load: float, ties: Any) -> None:
    """However ties are broken: which of two equal queues is joined changes neither's length."""
    found = waits(load, 2, "least_requests", 100_000, ties=ties)
    assert agrees(found, shortest_of_two(load))
    assert not agrees(found, shortest_of_two(1.03 * load))
    assert not agrees(found, erlang_c(load, 2))


def test_least_requests_in_heavy_traffic_is_nearly_one_queue() -> None:
    """Foschini and Salz (1978): the ratio of the waits tends to 1 as the load does. At 0.9 the chain says below 1.1."""
    found = waits(0.9, 2, "least_requests", 80_000)
    assert agrees(found, shortest_of_two(0.9))
    assert found.agrees_with(erlang_c(0.9, 2), 1.1 * erlang_c(0.9, 2))
    assert not found.agrees_with(pollaczek_khinchine(0.9, 1.0, 1.0))


def best_of_two(load: float) -> float:
    """Mean wait where each request joins the shorter of two queues drawn among very many (Mitzenmacher 1996;
    Vvedenskaya, Dobrushin and Karpelevich 1996). The share of queues with at least k requests tends to
    s(k) = load^(2^k - 1): the fixed point of ds(k)/dt = load (s(k-1)^2 - s(k)^2) - (s(k) - s(k+1)). By Little's law
    the wait is the sum of all s(k) from 1 on, over the load, less the service.
    """
    return sum((load ** (2**k - 2) for k in range(1, 30)), -1.0)


def test_best_of_two_is_the_fixed_point() -> None:
    load = 0.7
    share = [load ** (2**k - 1) for k in range(8)]
    for k in range(1, 7):
        change = load * (share[k - 1] ** 2 - share[k] ** 2) - (share[k] - share[k + 1])
        assert change == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_power_of_two_waits_as_with_very_many_replicas(load: float) -> None:
    """With 100 replicas Mitzenmacher's simulations take about 1% longer than with very many, of the whole time, waits
    and services together.
    """
    found, expected = waits(load, 100, "power_of_two", 60_000), best_of_two(load)
    assert found.agrees_with(expected * (1 - SHARE), expected + 0.02 * (expected + 1))
    # It would be seen if the load were 5% more; one choice and the shortest of all are far from that.
    assert not found.agrees_with(best_of_two(1.05 * load), best_of_two(1.05 * load) + 0.02)
    assert not found.agrees_with(pollaczek_khinchine(load, 1.0, 1.0))
    assert not found.agrees_with(erlang_c(load, 100))
