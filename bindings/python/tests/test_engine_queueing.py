"""The engine as a queue: its mean waits are those of the closed forms, within their confidence intervals.

Independent runs give one mean each, and their spread gives the interval: waits within a run are correlated, means of
different seeds are not.
"""

import numpy as np
import pytest

from batching import RequestColumns, generate_workload, simulate
from batching._ffi.calls import Float64Array, Int32Array
from oracle.queueing import Estimate, erlang_c, estimate, pollaczek_khinchine

LOADS = pytest.mark.parametrize("load", [0.5, 0.8, 0.95])

# The closer to 1 the load, the longer the busy periods, and the fewer of them in as many requests.
REQUESTS = {0.5: 50_000, 0.8: 100_000, 0.95: 400_000}
WARM_UP = 10_000
"""Requests left out at the beginning, since a run begins with an empty engine. At a load of 0.95 a queue forgets its
beginning in some 1 / (1 - load)^2 = 400 requests."""


def poisson_arrivals(count: int, rate: float, seed: int) -> Float64Array:
    arrivals = generate_workload(count, arrival_rate=rate, seed=seed).arrival_time
    assert arrivals is not None
    return arrivals


def mean_wait(outputs: Int32Array, arrivals: Float64Array, servers: int, iteration: float) -> float:
    requests = RequestColumns(outputs, np.ones_like(outputs), arrivals)
    result = simulate(requests, max_num_seqs=servers, iteration_time=iteration)
    assert result.finished == len(outputs)
    return float((result.start_time - arrivals)[WARM_UP:].mean())


# M/D/1: a request of one prompt token and one output token takes one iteration, and with max_num_seqs 1 it runs alone.
# An idle engine starts at once, and a busy one goes on with the next: nothing waits for a boundary, so that service
# takes exactly SERVICE.
SERVICE = 0.01


def deterministic_waits(load: float) -> Estimate:
    count = REQUESTS[load]
    outputs = np.ones(count, np.int32)
    return estimate(lambda seed: mean_wait(outputs, poisson_arrivals(count, load / SERVICE, seed), 1, SERVICE))


@LOADS
def test_constant_service_waits_as_in_m_d_1(load: float) -> None:
    found = deterministic_waits(load)
    # Service does not vary: half of what M/M/1 waits.
    assert found.agrees_with(pollaczek_khinchine(load, SERVICE, 0.0))
    # It would be seen if service varied, if the load were 3% more, or if arrivals waited for the next of clock ticks an
    # iteration apart, half of one on average.
    assert not found.agrees_with(pollaczek_khinchine(load, SERVICE, 1.0))
    assert not found.agrees_with(pollaczek_khinchine(1.03 * load, SERVICE, 0.0))
    assert not found.agrees_with(pollaczek_khinchine(load, SERVICE, 0.0) + SERVICE / 2)


# M/M/c: c slots, and output lengths that are exponential but for being whole numbers: geometric, of the mean below. An
# iteration takes the same time however many run, so that a request takes output_length iterations. Services take 1 s in
# the mean.
#
# What the whole numbers change:
# - A request that finds a free slot beside running ones waits for the end of their iteration: it is as if each had
#   come up to an iteration later. In a queue served in order of arrival, to come later by at most an iteration is to
#   start later by at most an iteration. So mean waits are between that of M/M/c and an iteration more.
# - The squared coefficient of variation of a geometric number is 1 - 1 / mean, instead of 1. Waits go with about
#   (1 + it) / 2, so that they change by a share of about 1 / (2 mean). Twice that is allowed.
#
# The less there is to wait, the finer it must be.
MEAN_LENGTH = {0.5: 1_000, 0.8: 400, 0.95: 200}


def geometric_waits(load: float, servers: int) -> Estimate:
    count, mean_length, rate = REQUESTS[load], MEAN_LENGTH[load], load * servers

    def run(seed: int) -> float:
        lengths = np.random.default_rng(seed).geometric(1 / mean_length, count).astype(np.int32)
        return mean_wait(lengths, poisson_arrivals(count, rate, seed), servers, 1 / mean_length)

    return estimate(run)


def test_erlang_c_by_hand() -> None:
    # One server: load / (1 - load). Two at a load of 1/2: B = 1/2, then 1/5; P = 1/5 / (1 - 2/5) = 1/3, over 2 - 1.
    assert erlang_c(0.8, 1) == pytest.approx(4.0)
    assert erlang_c(0.5, 2) == pytest.approx(1 / 3)


@LOADS
@pytest.mark.parametrize("servers", [2, 4])
def test_exponential_service_in_several_slots_waits_as_in_m_m_c(load: float, servers: int) -> None:
    found = geometric_waits(load, servers)

    def agrees(wait: float) -> bool:
        iteration = share = 1 / MEAN_LENGTH[load]
        return found.agrees_with(wait * (1 - share), wait * (1 + share) + iteration)

    assert agrees(erlang_c(load, servers))
    # It would be seen if there were a slot more, if the load were 4% more, or if service did not vary.
    assert not agrees(erlang_c(load * servers / (servers + 1), servers + 1))
    assert not agrees(erlang_c(1.04 * load, servers))
    assert not agrees(erlang_c(load, servers) / 2)
