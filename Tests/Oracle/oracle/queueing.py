"""Queueing theory: mean waits in closed form, and the confidence interval of a mean wait that was simulated."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

RUNS = 40
STUDENT_T = 3.558
"""Two-sided 99.9% for the mean of 40: 39 degrees of freedom."""


@dataclass
class Estimate:
    """A 99.9% confidence interval of a mean wait, in seconds."""

    mean: float
    half_width: float

    def agrees_with(self, low: float, high: float | None = None) -> bool:
        """Whether it meets a value, or one between two."""
        return low - self.half_width <= self.mean <= (low if high is None else high) + self.half_width


def estimate(mean_wait: Callable[[int], float]) -> Estimate:
    """From a function that gives the mean wait in a run with a seed."""
    with ThreadPoolExecutor(2) as pool:
        means = np.array(list(pool.map(mean_wait, range(RUNS))))
    found = Estimate(float(means.mean()), STUDENT_T * float(means.std(ddof=1)) / math.sqrt(RUNS))
    assert found.half_width < 0.05 * found.mean  # or it says too little
    return found


def pollaczek_khinchine(load: float, service: float, squared_variation: float) -> float:
    """Mean wait in M/G/1: load x service x (1 + the squared coefficient of variation of service) / (2 (1 - load))."""
    return load * service * (1 + squared_variation) / (2 * (1 - load))


def erlang_c(load: float, servers: int) -> float:
    """Mean wait in M/M/c, in services: P(all servers busy) / (c - load x c). B, the share that is lost if none may
    wait, follows from that of one server fewer (Erlang 1917), and P = B / (1 - load (1 - B)).
    """
    offered, lost = load * servers, 1.0
    for number in range(1, servers + 1):
        lost = offered * lost / (number + offered * lost)
    return lost / (1 - load * (1 - lost)) / (servers * (1 - load))
