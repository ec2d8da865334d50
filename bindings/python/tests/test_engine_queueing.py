"""With simple service times the engine is a queue of the textbooks: its mean waits are those of the theory.

Waits of requests that follow each other are alike, so the confidence interval comes from independent runs: the mean
waits of 31 of them are compared, each without its beginning, where the engine has been idle until just now.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from batching import RequestColumns, simulate

RUNS = 31
# Student's t, 30 degrees of freedom, 99.9% two-sided: any table.
STUDENT_T = 3.646

LOADS = [0.5, 0.8, 0.95]
# Waits go on for about 1 / (1 - load)**2 services: the higher the load, the more requests tell something.
REQUESTS = {0.5: 40_000, 0.8: 80_000, 0.95: 400_000}
IGNORED = 20_000
# Half the width of the interval, as a share of the theory's wait, that it must not exceed to mean anything.
PRECISION = {0.5: 0.02, 0.8: 0.03, 0.95: 0.06}


@dataclass
class Interval:
    """A mean, and how far the true one may be from it."""

    mean: float
    half_width: float

    def holds(self, value: float, error: float = 0.0) -> bool:
        return abs(value - self.mean) <= self.half_width + error


def mean_wait(
    arrival_rate: float, load: float, outputs: Callable[[np.random.Generator, int], Any], **engine: Any
) -> Interval:
    """Seconds from arrival to start, with Poisson arrivals."""
    means = []
    for run in range(RUNS):
        generator = np.random.default_rng([run, round(1000 * load)])
        count = IGNORED + REQUESTS[load]
        arrivals = np.cumsum(generator.exponential(1 / arrival_rate, count))
        result = simulate(RequestColumns(outputs(generator, count), arrival_time=arrivals), **engine)
        assert result.finished == count
        means.append(float(np.mean((result.start_time - arrivals)[IGNORED:])))
    return Interval(float(np.mean(means)), STUDENT_T * float(np.std(means, ddof=1)) / math.sqrt(RUNS))


def pollaczek_khinchine(load: float, mean_service: float, squared_variation: float) -> float:
    """The mean wait of M/G/1: arrivals at rate r wait for E[S^2] r / (2 (1 - load)), with E[S^2] = (1 + c^2) E[S]^2 and
    load = r E[S] (Kleinrock, "Queueing Systems", volume 1, 5.6).
    """
    return load * mean_service * (1 + squared_variation) / (2 * (1 - load))


def erlang_c(servers: int, load: float, mean_service: float) -> float:
    """The mean wait of M/M/c: the probability to wait at all, times mean_service / (c (1 - load)), with an offered load
    of a = c load (Kleinrock, volume 1, 3.5).
    """
    offered = servers * load
    waits = offered**servers / math.factorial(servers) / (1 - load)
    probability = waits / (waits + sum(offered**busy / math.factorial(busy) for busy in range(servers)))
    return probability * mean_service / (servers * (1 - load))


def test_erlang_c_of_one_server_is_m_m_1() -> None:
    for load in LOADS:
        assert erlang_c(1, load, 2.0) == pytest.approx(pollaczek_khinchine(load, 2.0, 1.0), rel=1e-12)
    # Two servers at half load: 1/3 wait, for one service in the mean.
    assert erlang_c(2, 0.5, 1.0) == pytest.approx(1 / 3, rel=1e-12)


@pytest.mark.parametrize("load", LOADS)
def test_one_slot_with_one_token_each_is_m_d_1(load: float) -> None:
    # A prompt of one token and an output of one are one iteration. An idle engine starts at once, and with a single
    # slot an iteration ends exactly when the slot is free: so service is constant, and starts without a delay.
    service = 0.01
    interval = mean_wait(
        load / service,
        load,
        lambda _, count: np.ones(count, np.int32),
        max_num_seqs=1,
        iteration_time=service,
    )
    theory = pollaczek_khinchine(load, service, 0.0)
    assert interval.half_width < PRECISION[load] * theory
    assert interval.holds(theory)
    # Other theories: exponential service (M/M/1), twice the wait; and a load that is 1% higher.
    assert not interval.holds(pollaczek_khinchine(load, service, 1.0))
    assert not interval.holds(pollaczek_khinchine(min(0.99, 1.04 * load), service, 0.0))


@pytest.mark.parametrize("servers", [1, 4])
@pytest.mark.parametrize("load", LOADS)
def test_slots_with_exponential_service_are_m_m_c(load: float, servers: int) -> None:
    # Exponential service of one second in the mean, in tokens of 50 microseconds, rounded up.
    token, service = 5e-05, 1.0
    interval = mean_wait(
        servers * load / service,
        load,
        lambda generator, count: np.ceil(generator.exponential(service / token, count)).astype(np.int32),
        policy="continuous",
        max_num_seqs=servers,
        instant_prefill=True,
        iteration_time=token,
    )
    theory = erlang_c(servers, load, service)
    # A request occupies its slot for less than two tokens more than it asked for: until the iteration begins that it
    # joins, and because of the rounding. Waits grow with service times, so they lie between those of the theory with
    # this service and with one that is two tokens longer, at the load that this gives; and the first of those two
    # tokens is itself waited for. (Two constant tokens vary less than the exponential they are taken for here.)
    longer = service + 2 * token
    discretisation = erlang_c(servers, load * longer / service, longer) + token - theory
    assert discretisation < 0.003 * theory
    assert interval.half_width < PRECISION[load] * theory
    assert interval.holds(theory, discretisation)
    # Other theories: one server more or, as if service were constant, half the wait.
    assert not interval.holds(erlang_c(servers + 1, load * servers / (servers + 1), service), discretisation)
    assert not interval.holds(theory / 2, discretisation)
