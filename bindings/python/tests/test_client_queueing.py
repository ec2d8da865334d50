"""Clients that think are the machine repairman's problem: users who think, then wait for one server, and so on. Mean
responses and throughputs are those of the closed forms, within their confidence intervals; without randomness, exactly.

One slot, prompts of one token, and a request of k tokens takes k iterations: nothing waits for a boundary, since an
idle engine starts at once, and a busy one goes on with the next as the last ends.
"""

from typing import Any

import numpy as np
import pytest

from batching import Client, RequestColumns, Result, simulate
from oracle.queueing import Estimate, estimate
from oracle.simulators import nanoseconds


def interactive(customers: int, think: float, service: float) -> tuple[float, float]:
    """Mean response and throughput of exponential users at one exponential server: mean value analysis (Reiser and
    Lavenberg 1980), exact for such a network. One customer more finds what the network without it has on average.
    """
    queue = response = throughput = 0.0
    for count in range(1, customers + 1):
        response = service * (1 + queue)
        throughput = count / (think + response)
        queue = throughput * response
    return response, throughput


def test_mean_value_analysis_by_hand() -> None:
    # Two customers, think and service of 1 s. States 0, 1, 2 at the server: birth rates 2 and 1, death rate 1, so that
    # they are as 1 : 2 : 2. Throughput 4/5; of the 2 customers 2/5 + 2 x 2/5 = 6/5 are there: 6/5 / (4/5) = 3/2.
    assert interactive(2, 1.0, 1.0) == pytest.approx((1.5, 0.8))
    assert interactive(1, 3.0, 1.0) == pytest.approx((1.0, 0.25))


# Lengths are geometric: exponential but for being whole numbers, of which the mean is so many. That changes the squared
# coefficient of variation of the service by a share of 1 / MEAN_LENGTH, and waits by less than twice that.
MEAN_LENGTH = 500
SHARE = 2 / MEAN_LENGTH
REQUESTS = 30_000
WARM_UP = 1_000
"""Requests left out at the beginning, where all clients ask at once; and at the end, where some have no more to ask."""


def run(seed: int, client: Client, lengths: Any) -> Result:
    result = simulate(
        RequestColumns(lengths, np.ones_like(lengths)),
        max_num_seqs=1,
        iteration_time=1 / MEAN_LENGTH,
        client=client.replace(seed=seed),
    )
    assert result.finished == len(lengths)
    return result


def steady(result: Result) -> tuple[float, float]:
    """Mean response and throughput in the middle of a run."""
    ends = np.sort(result.end_time)[WARM_UP:-WARM_UP]
    chosen = np.argsort(result.sent_time)[WARM_UP:-WARM_UP]
    return float((result.end_time - result.sent_time)[chosen].mean()), (len(ends) - 1) / float(ends[-1] - ends[0])


def estimates(customers: int, think: float) -> tuple[Estimate, Estimate]:
    client = Client(clients=customers, think_time=think)
    runs = {}

    def one(seed: int) -> tuple[float, float]:
        if seed not in runs:
            lengths = np.random.default_rng(seed).geometric(1 / MEAN_LENGTH, REQUESTS).astype(np.int32)
            runs[seed] = steady(run(seed, client, lengths))
        return runs[seed]

    return estimate(lambda seed: one(seed)[0]), estimate(lambda seed: one(seed)[1])


# Hardly loaded, in between, and with more clients than the server can keep up with.
@pytest.mark.parametrize(("customers", "think"), [(3, 5.0), (10, 8.0), (25, 6.0)])
def test_exponential_clients_are_those_of_the_machine_repairman(customers: int, think: float) -> None:
    response, throughput = estimates(customers, think)
    expected = interactive(customers, think, 1.0)

    def agree(responses: float, throughputs: float) -> bool:
        return response.agrees_with(responses * (1 - SHARE), responses * (1 + SHARE)) and throughput.agrees_with(
            throughputs * (1 - SHARE), throughputs * (1 + SHARE)
        )

    assert agree(*expected)
    # It would be seen if there were a client more or fewer, if they thought 5% longer, or if none thought.
    assert not agree(*interactive(customers + 1, think, 1.0))
    assert not agree(*interactive(customers - 1, think, 1.0))
    assert not agree(*interactive(customers, 1.05 * think, 1.0))
    assert not agree(*interactive(customers, 0.0, 1.0))


SECOND = 10**9


@pytest.mark.parametrize(("customers", "think"), [(1, 0), (1, 7), (5, 4), (5, 3), (5, 40), (40, 6), (8, 0)])
def test_constant_clients_are_as_computed_by_hand(customers: int, think: int) -> None:
    """Service takes 1 s. All ask at once: client k is served from k to k + 1.

    If they think for at least as long as it takes to serve the others, each finds the server idle from then on: its
    next requests are sent every think + 1 seconds, and take 1 s. Otherwise the server is never idle, and serves them
    in turn: a request is sent `think` seconds after the end of the one `customers` before it.
    """
    client = Client(clients=customers, think_time=think, think_times="constant")
    result = run(0, client, np.full(10 * customers, MEAN_LENGTH, np.int32))
    for request in range(10 * customers):
        rounds, place = divmod(request, customers)
        if think >= customers - 1:
            start = place + rounds * (think + 1)
            sent = start if rounds else 0
        else:
            start = request
            sent = start - customers + 1 + think if rounds else 0
        assert nanoseconds(float(result.sent_time[request])) == sent * SECOND
        assert nanoseconds(float(result.start_time[request])) == start * SECOND
        assert nanoseconds(float(result.end_time[request])) == (start + 1) * SECOND
