"""Seconds become whole nanoseconds by one rounding, to the nearest, ties to even: in the library and in Python."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batching
from batching._columns import clock
from batching._ffi.calls import Float64Array

UNITS = (10**9, 10**6, 10**3, 1)
"""Nanoseconds in a unit of the files that are read."""


def exact(time: float, per_unit: int = 10**9) -> int:
    """By rational numbers."""
    return round(Fraction(time) * per_unit)


def near_ties(count: int = 3000) -> Float64Array:
    """Doubles beside half nanoseconds, from the first to 292 years."""
    generator = np.random.default_rng(5)
    halves = (2.0 ** generator.uniform(0, 63, count)).astype(np.uint64).astype(float) + 0.5
    times = np.minimum(halves / 1e9, 9223372035.0)
    powers = np.ldexp(np.arange(1.0, 2000.0), -12)  # each third of them has an exact tie
    return np.concatenate([times, np.nextafter(times, 0), np.nextafter(times, np.inf), powers, [0.0, 5e-10]])


def rounded_by_the_library(times: Float64Array) -> Float64Array:
    latencies = batching.request_latencies(
        batching.CompletedColumns(
            start_time=np.zeros(len(times)),
            end_time=times,
            first_token_time=np.zeros(len(times)),
            tokens_generated=np.ones(len(times), int),
        )
    )
    return latencies.total_latency


def test_the_library_rounds_times_near_a_tie_as_rational_numbers_do() -> None:
    times = near_ties()
    # More than 2^53 nanoseconds are no double: what comes back is the nearest.
    assert rounded_by_the_library(times).tolist() == [exact(time) / 10**9 for time in times.tolist()]


def test_an_engine_rounds_arrivals_near_a_tie_as_rational_numbers_do() -> None:
    # An iteration takes a nanosecond, so that each request starts when it arrives.
    times = np.sort(near_ties())
    requests = batching.RequestColumns(np.ones(len(times), int), arrival_time=times)
    result = batching.simulate(requests, max_num_seqs=len(times), iteration_time=1e-9)
    assert result.start_time.tolist() == [exact(time) / 10**9 for time in times.tolist()]


@pytest.mark.parametrize("size", [1, 3, 511, 513, 1025])
@pytest.mark.parametrize("arrives", [False, True])
def test_the_percentiles_of_latencies_are_of_times_rounded_like_that(size: int, arrives: bool) -> None:
    times = np.sort(near_ties())
    for begin in range(0, len(times) - size, 997):
        arrivals, ends = times[begin : begin + size], times[begin + 1 : begin + size + 1]
        completed = batching.CompletedColumns(
            arrival_time=arrivals if arrives else None,
            start_time=arrivals,
            end_time=ends,
            tokens_generated=np.ones(size, int),
        )
        latencies = sorted(
            exact(end) - (exact(arrival) if arrives else 0)
            for arrival, end in zip(arrivals.tolist(), ends.tolist(), strict=True)
        )
        metrics = batching.calculate_batch_metrics(completed, total_time=9e9)
        # Of an odd number the one in the middle, which is no more than the nearest double beyond 2^53 nanoseconds.
        assert metrics["p50_latency"] == pytest.approx(latencies[size // 2] / 10**9, rel=2**-52, abs=0)
        if latencies[size // 2] <= 2**53:
            assert metrics["p50_latency"] == latencies[size // 2] / 10**9


def test_python_rounds_times_near_a_tie_as_rational_numbers_do() -> None:
    for per_unit in UNITS:
        times = near_ties(300) * (10**9 / per_unit)
        expected = [exact(time, per_unit) for time in times.tolist()]
        assert [clock.nanosecond_count(time, per_unit) for time in times.tolist()] == expected
        assert clock.nanosecond_column(times, per_unit).tolist() == expected


@given(st.floats(0.0, 9223372036.0), st.sampled_from(UNITS))
def test_python_rounds_any_time(time: float, per_unit: int) -> None:
    scaled = time * 10**9 / per_unit
    if exact(scaled, per_unit) < 2**63:
        assert clock.nanosecond_count(scaled, per_unit) == exact(scaled, per_unit)
        assert clock.nanosecond_column(np.array([scaled]), per_unit).tolist() == [exact(scaled, per_unit)]


@given(st.integers(0, 9223372036 * 10**9))
def test_seconds_are_the_nearest_double(count: int) -> None:
    assert clock.second_column(np.array([count])).tolist() == [pytest.approx(count / 10**9, rel=2**-52, abs=0)]
    if count <= 2**53:
        assert clock.second_column(np.array([count])).tolist() == [count / 10**9]
