"""Which runs are said not to keep up. What is right follows from the load: arrivals / requests served in a second."""

import json
from typing import Any

import numpy as np
import pytest

from batching import (
    Arrivals,
    FixedLengths,
    PoissonArrivals,
    Ramp,
    RequestColumns,
    Result,
    UniformLengths,
    generate_requests,
    simulate,
)

pytest.importorskip("typer")
pytest.importorskip("rich")

from typer.testing import CliRunner

from batching._command.application import application
from batching._command.queue_growth import queue_grows

SERVED = 100.0  # requests a second: one at a time, 0.01 s each


def queue_of_one(arrivals: Arrivals, count: int, seed: int, **settings: Any) -> Result:
    """With Poisson arrivals M/D/1."""
    requests = generate_requests(count, arrivals, FixedLengths(1), FixedLengths(1), seed=seed)
    return simulate(requests, policy="continuous", max_num_seqs=1, iteration_time=1 / SERVED, **settings)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("load", "count", "grows"),
    [
        # Below 1 the queue is stationary. 0.95 is the hard case: it takes some 400 services to forget.
        (0.7, 200, False),
        (0.7, 20_000, False),
        (0.95, 1_000, False),
        (0.95, 20_000, False),
        # Above 1 it grows by (load - 1) / load with each arrival, and the number of arrivals has the standard deviation
        # sqrt(n): with 20,000 at 1.05 it grows by 6.7 deviations, at 1.3 by 7.3 and by 23.
        (1.05, 20_000, True),
        (1.3, 1_000, True),
        (1.3, 10_000, True),
        # 0.5 deviations, which nothing could tell from chance.
        (1.05, 100, False),
        # Too short to tell.
        (1.3, 99, None),
        (0.7, 5, None),
    ],
)
def test_a_queue_with_one_server(load: float, count: int, grows: bool | None, seed: int) -> None:
    assert queue_grows(queue_of_one(PoissonArrivals(load * SERVED), count, seed)) is grows


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("arrivals", "count", "grows"),
    [
        # Bursts that are more than the server can take, and pauses that make up for them: 0.7 in the mean.
        (PoissonArrivals(140.0, on_time=2.0, off_time=2.0), 5_000, False),
        (PoissonArrivals(70.0, burst_size=100), 5_000, False),
        # The same above 1, for 77 bursts.
        (PoissonArrivals(260.0, on_time=2.0, off_time=2.0), 40_000, True),
        # A rate that rises, but stays below what is served; and one that ends at three times that.
        (PoissonArrivals(20.0, ramp=Ramp(95.0, num_requests=5000)), 5_000, False),
        (PoissonArrivals(50.0, ramp=Ramp(300.0, num_requests=5000)), 5_000, True),
        # A queue that grew at the start and is gone before the last arrival.
        (PoissonArrivals(150.0, ramp=Ramp(50.0, num_requests=5000)), 5_000, False),
    ],
)
def test_bursts_and_ramps(arrivals: Arrivals, count: int, grows: bool, seed: int) -> None:
    assert queue_grows(queue_of_one(arrivals, count, seed)) is grows


@pytest.mark.parametrize(("load", "grows"), [(0.8, False), (1.0, False), (1.2, True)])
def test_without_any_chance(load: float, grows: bool) -> None:
    """Equal gaps: the queue stays as it is, or grows by the same in each stretch of time."""
    requests = RequestColumns(np.ones(1000, np.int32), arrival_time=np.arange(1000) / (load * SERVED))
    assert queue_grows(simulate(requests, policy="continuous", max_num_seqs=1, iteration_time=1 / SERVED)) is grows


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("rate", "grows"), [(4.0, False), (12.0, True)])
def test_batches_that_fill_are_no_growth(rate: float, grows: bool, seed: int) -> None:
    """16 static slots, each held for at most 300 iterations of 0.01 s: at least 16 / 3 = 5.3 requests a second."""
    requests = generate_requests(1000, PoissonArrivals(rate), FixedLengths(10), UniformLengths(10, 300), seed=seed)
    assert queue_grows(simulate(requests, policy="static", max_num_seqs=16, iteration_time=0.01)) is grows


def test_where_nothing_can_be_told() -> None:
    at_once = RequestColumns(np.ones(1000, np.int32), arrival_time=np.zeros(1000))
    assert queue_grows(simulate(at_once, max_num_seqs=1)) is None
    assert queue_grows(simulate(RequestColumns(np.ones(1000, np.int32)), max_num_seqs=1)) is None
    assert queue_grows(simulate(RequestColumns([]))) is None
    # 200 requests arrive within 2 s and take 10 s each: none has ended when the last arrives.
    slow = RequestColumns(np.full(200, 1000, np.int32), arrival_time=np.arange(200) / 100.0)
    assert queue_grows(simulate(slow, max_num_seqs=16, iteration_time=0.01)) is None
    # Nothing has an answer.
    assert queue_grows(simulate(slow, max_num_seqs=16, iteration_time=0.01, iteration_limit=5)) is None


def test_what_follows_the_end_of_a_run_is_not_looked_at() -> None:
    """A load of 1.3 until the run ends at 10 s; the arrivals that would have followed are few."""
    run = queue_of_one(PoissonArrivals(130.0, ramp=Ramp(20.0, num_requests=100_000)), 10_000, 1, time_limit=10.0)
    assert (~run.was_sent()).any()
    assert queue_grows(run) is True


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("client", [{"max_concurrency": 1}, {"max_concurrency": 4}, {"clients": 1}])
@pytest.mark.parametrize(("load", "grows"), [(0.7, False), (1.3, True)])
def test_in_a_closed_loop_the_queue_of_the_clients_counts(
    load: float, grows: bool, client: dict[str, int], seed: int
) -> None:
    """The engine never has more than a few requests, and serves as many a second as without clients."""
    run = queue_of_one(PoissonArrivals(load * SERVED), 2_000, seed, **client)
    assert run.peak_waiting <= 3
    assert queue_grows(run) is grows


def test_requests_that_were_never_sent_wait_to_the_end() -> None:
    run = queue_of_one(PoissonArrivals(20 * SERVED), 2_000, 1, max_concurrency=1, time_limit=0.9)
    # Of some 1800 that arrive in that time 90 are served, which alone would be too few to tell.
    assert (run.finished, run.not_sent) == (90, 1909)
    assert queue_grows(run) is True


def test_clients_that_start_one_after_the_other_are_no_growth() -> None:
    """All requests are there from the beginning. The engine's queue grows from 0 to 99 as the clients start."""
    run = simulate(
        RequestColumns(np.ones(3000, np.int32)), policy="continuous", max_num_seqs=1, iteration_time=1 / SERVED,
        clients=100, ramp_up=25.0,
    )  # fmt: skip
    assert run.peak_waiting > 90
    assert queue_grows(run) is None


def test_later_turns_are_no_arrivals_from_outside() -> None:
    """First turns at a load of 1.3, and second turns after most of them, when the queue has drained."""
    firsts = generate_requests(1000, PoissonArrivals(1.3 * SERVED), FixedLengths(1), FixedLengths(1), seed=3)
    assert firsts.arrival_time is not None
    requests = RequestColumns(
        np.ones(2000, np.int32),
        arrival_time=np.repeat(firsts.arrival_time, 2),
        session=np.repeat(np.arange(1000), 2),
        delay=np.tile([0.0, 30.0], 1000),
    )
    run = simulate(requests, policy="continuous", max_num_seqs=1, iteration_time=1 / SERVED)
    assert run.sent_time.max() > firsts.arrival_time.max() + 30
    assert queue_grows(run) is True


@pytest.mark.parametrize(
    ("client", "sentence"),
    [
        ("--max-num-seqs 1", "its queue, and with it its latency, grows as long as requests arrive."),
        ("--max-concurrency 1", "ever more requests wait to be sent as long as requests arrive."),
        ("--clients 1", "ever more requests wait to be sent as long as requests arrive."),
    ],
)
def test_the_command_says_what_grows(client: str, sentence: str) -> None:
    printed = CliRunner().invoke(application, ["compare", "--policy", "vllm", *client.split()]).stdout
    # However wide the terminal is.
    assert f"vllm does not keep up with these arrivals: {sentence}" in " ".join(printed.split())


@pytest.mark.parametrize(("count", "slots", "said"), [(5, 1, False), (2000, 256, False), (2000, 1, True)])
def test_the_command_says_it(count: int, slots: int, said: bool) -> None:
    words = ["compare", "--policy", "vllm", "--num-requests", str(count), "--max-num-seqs", str(slots)]
    printed = CliRunner().invoke(application, words)
    assert ("vllm does not keep up" in printed.stdout) is said
    told = json.loads(CliRunner().invoke(application, [*words, "--json"]).stdout)["runs"][0]["queue_grows"]
    assert told is (None if count == 5 else said)
