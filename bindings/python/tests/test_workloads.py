"""Generated requests: their distribution, and that a seed is a workload."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batching
from batching import generate_conversation_workload, generate_workload, simulate_workload

LENGTHS = st.integers(0, 2**31 - 1)


def test_rows_are_the_columns() -> None:
    rows = simulate_workload(100, (1, 9), (2, 7), arrival_rate=3.0, seed=5)
    columns = generate_workload(100, (1, 9), (2, 7), arrival_rate=3.0, seed=5)
    assert [row.id for row in rows] == list(range(100))
    assert columns.prompt_length is not None
    assert columns.arrival_time is not None
    assert [row.prompt_length for row in rows] == columns.prompt_length.tolist()
    assert [row.output_length for row in rows] == columns.output_length.tolist()
    assert [row.arrival_time for row in rows] == columns.arrival_time.tolist()
    assert all(type(row.prompt_length) is int and type(row.arrival_time) is float for row in rows)


@given(first=LENGTHS, second=LENGTHS, seed=st.integers(0, 2**64 - 1), count=st.integers(0, 50))
def test_lengths_are_in_range_and_arrivals_in_order(first: int, second: int, seed: int, count: int) -> None:
    smallest, largest = sorted((first, second))
    outputs = (max(1, smallest), max(1, largest))
    columns = generate_workload(count, (smallest, largest), outputs, seed=seed)
    assert columns.prompt_length is not None
    assert columns.arrival_time is not None
    assert len(columns) == count
    assert ((smallest <= columns.prompt_length) & (columns.prompt_length <= largest)).all()
    assert ((outputs[0] <= columns.output_length) & (columns.output_length <= outputs[1])).all()
    assert (np.diff(columns.arrival_time) >= 0).all()
    assert (columns.arrival_time >= 0).all()


def test_both_ends_of_a_range_occur() -> None:
    assert set(generate_workload(200, (1, 1), (3, 5)).output_length.tolist()) == {3, 4, 5}


def test_lengths_are_uniform() -> None:
    lengths = generate_workload(100_000, output_length_range=(1, 10)).output_length
    counts = np.bincount(lengths)[1:]
    # Chi-squared with 9 degrees of freedom is below 27.9 in 999 of 1000 samples.
    assert float((((counts - 10_000) ** 2) / 10_000).sum()) < 27.9


def test_arrivals_are_a_poisson_process() -> None:
    arrivals = generate_workload(100_000, arrival_rate=4.0).arrival_time
    assert arrivals is not None
    gaps = np.diff(arrivals, prepend=0.0)
    # Mean and standard deviation of an exponential distribution are both 1 / rate; 1% is three standard errors.
    assert gaps.mean() == pytest.approx(0.25, rel=0.01)
    assert gaps.std() == pytest.approx(0.25, rel=0.015)
    assert np.mean(gaps > 0.25) == pytest.approx(np.exp(-1), abs=0.005)


def test_an_infinite_rate_is_a_burst() -> None:
    arrivals = generate_workload(10, arrival_rate=float("inf")).arrival_time
    assert arrivals is not None
    assert arrivals.tolist() == [0.0] * 10


def test_a_seed_is_a_workload_whatever_the_count() -> None:
    few, many = generate_workload(10, seed=1), generate_workload(1000, seed=1)
    assert few.output_length.tolist() == many.output_length[:10].tolist()
    assert few.output_length.tolist() != generate_workload(10, seed=2).output_length.tolist()


# As published for the Azure conversation trace of 2023: mean, then quantiles at 50%, 90% and 99%, then the maximum.
PUBLISHED = {"prompt_length": (1154.70, 1020, 2734, 4142, 14050), "output_length": (211.13, 129, 424, 601, 1000)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_conversation_workload_follows_the_trace(name: str) -> None:
    mean, *quantiles, largest = PUBLISHED[name]
    assert getattr(generate_conversation_workload(20_000), name).mean() == pytest.approx(mean, rel=0.02)
    # Quantiles of a skewed distribution take more requests to settle.
    lengths = getattr(generate_conversation_workload(200_000), name)
    assert lengths.mean() == pytest.approx(mean, rel=0.015)
    assert np.quantile(lengths, (0.5, 0.9, 0.99)) == pytest.approx(quantiles, rel=0.015)
    assert largest * 0.9 < lengths.max() <= largest


def test_the_conversation_workload_arrives_like_the_trace() -> None:
    arrivals = generate_conversation_workload(20_000).arrival_time
    assert arrivals is not None
    assert arrivals[-1] == pytest.approx(20_000 * 3501.722 / 19_366, rel=0.02)


def test_the_conversation_workload_is_its_seed() -> None:
    one, same, other = (generate_conversation_workload(50, seed) for seed in (1, 1, 2))
    assert one.prompt_length is not None
    assert same.prompt_length is not None
    assert one.prompt_length.tolist() == same.prompt_length.tolist()
    assert one.output_length.tolist() != other.output_length.tolist()
    assert generate_conversation_workload(0).output_length.tolist() == []


@given(seed=st.integers(0, 2**64 - 1))
def test_conversation_lengths_stay_within_the_trace(seed: int) -> None:
    columns = generate_conversation_workload(200, seed)
    assert columns.prompt_length is not None
    assert 2 <= columns.prompt_length.min() <= columns.prompt_length.max() <= 14_050
    assert 7 <= columns.output_length.min() <= columns.output_length.max() <= 1000
    assert batching.simulate_continuous(columns, 32, 0.02).total_tokens == columns.output_length.sum()
