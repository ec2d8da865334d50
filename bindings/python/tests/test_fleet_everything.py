"""Random fleets with everything that a fleet can have: what holds of every run holds, and none runs without end."""

import random
from typing import Any

import numpy as np
import pytest

from batching import RequestStatus, simulate_fleet
from random_fleets import random_disaggregation, random_engine, random_operations, random_requests, random_routing

_RUNS = 40
"""Fleets of each test."""


@pytest.mark.parametrize("first", range(0, 10 * _RUNS, _RUNS))
@pytest.mark.parametrize("apart", [True, False])
def test_what_holds_of_every_fleet(first: int, *, apart: bool) -> None:
    for seed in range(first, first + _RUNS):
        draw = random.Random(seed)  # noqa: S311
        size = draw.choice([1, 4, 16])
        requests = random_requests(draw, size)
        counts = [draw.randint(1, 3), draw.randint(1, 3)]
        settings = random_routing(draw)
        pools: list[Any]
        if apart:
            pools = [
                (random_engine(draw, size), counts[0], "prefill"),
                (random_engine(draw, size), counts[1], "decode"),
            ]
            settings["disaggregation"] = random_disaggregation(draw)
        else:
            pools = [(random_engine(draw, size), count) for count in counts]
        # Half of those apart are as they were without.
        if not apart or seed % 2:
            settings |= random_operations(draw, sum(counts), apart=apart)
        if draw.random() < 0.3 and requests.arrival_time is not None:
            requests = requests.replace(
                abort_time=[
                    draw.choice([float("nan"), arrival, arrival + draw.random()])
                    for arrival in requests.arrival_time.tolist()
                ]
            )
        told = simulate_fleet(requests, pools, **settings)
        ends = told.finished + told.rejected + told.aborted + told.unfinished + told.not_sent
        assert ends == len(requests), seed
        assert set(told.status.tolist()) <= {status.value for status in RequestStatus}, seed
        finished = told.status == RequestStatus.FINISHED
        assert finished.sum() == told.finished, seed
        assert (told.first_token_time[finished] <= told.end_time[finished]).all(), seed
        assert (told.start_time[finished] <= told.first_token_time[finished]).all(), seed
        assert np.array_equal(told.end_time, simulate_fleet(requests, pools, **settings).end_time, equal_nan=True), seed
