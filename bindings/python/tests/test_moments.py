"""Mean, standard deviation and sum of samples for which a naive sum fails, against rational numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest

import batching
from batching._ffi.calls import Float64Array

LARGEST = 1.7976931348623157e308


def exact(values: Float64Array) -> tuple[float, float]:
    """Mean and standard deviation of the population, each rounded once."""
    fractions = [Fraction(value) for value in values.tolist()]
    mean = sum(fractions) / len(fractions)
    variance = sum((value - mean) ** 2 for value in fractions) / len(fractions)
    # The root of an integer of more than 2000 bits beyond what a double holds.
    scale = 1 << 2400
    return float(mean), float(Fraction(math.isqrt(int(variance * scale * scale)), scale))


RANDOM = np.random.default_rng(3)
SAMPLES = {
    "nearly constant": 1e9 + np.arange(1000) % 7 * 1.2e-7,
    "one step apart": np.array([1.0, 1.0 + 2**-52] * 5),
    "large and one step apart": np.array([1e308, np.nextafter(1e308, 0)] * 50),
    "beyond a double in sum": RANDOM.uniform(1e308, LARGEST, 999),
    "of both signs, beyond a double in sum": np.array([LARGEST] * 4999 + [-LARGEST] * 2),
    "of both signs, nothing in sum": np.array([1.5e308, 1.5e308, -1.5e308, -1.5e308]),
    "tiny": RANDOM.uniform(0.0, 1e-300, 777),
    "subnormal": np.arange(17) * 5e-324,
    "of all magnitudes": 10.0 ** RANDOM.uniform(-300, 300, 1000),
    "exponential": RANDOM.exponential(1.0, 10_001),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_mean_and_deviation_are_those_of_rational_numbers(name: str) -> None:
    values = SAMPLES[name]
    distribution = batching.distribution(values, percentiles=[0, 12.5, 50, 87.5, 100])
    mean, deviation = exact(values)
    assert distribution.mean == pytest.approx(mean, rel=1e-14, abs=5e-324)
    assert distribution.std == pytest.approx(deviation, rel=1e-13, abs=5e-324)
    assert all(map(math.isfinite, distribution.percentiles.values()))
    total = sum(map(Fraction, values.tolist()), Fraction(0))
    if -LARGEST <= total <= LARGEST:
        assert distribution.sum == pytest.approx(float(total), rel=1e-14, abs=5e-324)
    else:
        assert distribution.sum == math.inf


def test_infinite_values_give_infinite_means_and_no_deviation() -> None:
    for values, mean in (([1.0, math.inf], math.inf), ([-math.inf, 1.0], -math.inf), ([math.inf] * 3, math.inf)):
        distribution = batching.distribution(values)
        assert (distribution.mean, distribution.sum) == (mean, mean)
        assert math.isnan(distribution.std)
    both = batching.distribution([math.inf, -math.inf, 1.0])
    assert math.isnan(both.mean)
    assert math.isnan(both.sum)
    # Although a part of the sum is beyond a double on the other side.
    assert batching.distribution([-LARGEST, -LARGEST, math.inf]).sum == math.inf


def test_measure_is_as_exact_as_the_accumulator() -> None:
    # Long latencies, half of them a few microseconds longer.
    count = 5000
    end = np.full(count, 8_000_000.0)
    end[::2] += 2e-6
    recorded = batching.RecordedRequests(
        arrival_time=np.zeros(count), first_token_time=np.zeros(count), end_time=end, output_length=np.full(count, 2)
    )
    live = batching.Accumulator(max_requests=16)
    for request in range(count):
        live.arrived(request, time=0.0)
        live.tokens(request, time=0.0)
        live.finished(request, time=float(end[request]))
    # The longer ones are 2000 ns longer: the deviation is half of that.
    assert batching.measure(recorded).e2e.std == pytest.approx(1e-6, rel=1e-12)
    assert live.measure().e2e.std == pytest.approx(1e-6, rel=1e-12)
