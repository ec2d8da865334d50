"""Every numeric argument of every function, with everything that it must not be."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import batching
from batching import BatchingError, BatchingMemoryError, Request, RequestColumns

COLUMNS = RequestColumns([3, 1, 2], [1, 1, 1], [0.0, 0.5, 1.0])


def rows(**changes: Any) -> list[Request]:
    """Three completed requests, the second of them changed."""
    requests = [Request(index, 1, 2, 0.0, 1.0, 2.0, 2, 1.5) for index in range(3)]
    for name, value in changes.items():
        setattr(requests[1], name, value)
    return requests


# What takes a value, by the name that its error must give.
SCALAR_INTEGERS: list[tuple[str, Callable[[Any], object]]] = [
    ("batch_size", lambda value: batching.simulate_static(COLUMNS, value)),
    ("max_batch_size", lambda value: batching.simulate_continuous(COLUMNS, value)),
    ("batch_size", lambda value: batching.static_batch_simulation(rows(), value)),
    ("max_batch_size", lambda value: batching.continuous_batch_simulation(rows(), value)),
    ("batch_size", lambda value: batching.compare_batching_strategies(COLUMNS, value)),
    ("batch_size", lambda value: batching.calculate_arithmetic_intensity_with_batch(value, 1e9)),
    ("max_seq_len", lambda value: batching.optimal_batch_size(8e9, 1e9, 1e3, value)),
]
TIMES_PER_TOKEN: list[tuple[str, Callable[[Any], object]]] = [
    ("time_per_token", lambda value: batching.simulate_static(COLUMNS, 2, value)),
    ("time_per_token", lambda value: batching.simulate_continuous(COLUMNS, 2, value)),
    ("time_per_token", lambda value: batching.static_batch_simulation(rows(), 2, value)),
    ("time_per_token", lambda value: batching.continuous_batch_simulation(rows(), 2, value)),
    ("time_per_token", lambda value: batching.compare_batching_strategies(rows(), 2, value)),
]
ABOVE_ZERO: list[tuple[str, Callable[[Any], object]]] = [
    ("model_memory_bytes", lambda value: batching.calculate_arithmetic_intensity_with_batch(1, value)),
    ("flops_per_token", lambda value: batching.calculate_arithmetic_intensity_with_batch(1, 1e9, value)),
    ("kv_cache_per_token", lambda value: batching.optimal_batch_size(8e9, 1e9, value, 10)),
    ("total_time", lambda value: batching.calculate_batch_metrics(rows(), value)),
]
AT_LEAST_ZERO: list[tuple[str, Callable[[Any], object]]] = [
    ("memory_budget", lambda value: batching.optimal_batch_size(value, 1e9, 1e3, 10)),
    ("model_memory", lambda value: batching.optimal_batch_size(8e9, value, 1e3, 10)),
]
TIMES_IN_COLUMNS: list[tuple[str, Callable[[Any], object]]] = [
    ("arrival_time[1]", lambda value: batching.simulate_static(RequestColumns([1, 1], None, [0.0, value]), 2)),
    ("arrival_time[1]", lambda value: batching.simulate_continuous(RequestColumns([1, 1], None, [0.0, value]), 2)),
    ("arrival_time[1]", lambda value: batching.simulate(RequestColumns([1, 1], None, [0.0, value]))),
    ("arrival_time[1]", lambda value: batching.simulate(rows(arrival_time=value))),
    ("arrival_time[1]", lambda value: batching.static_batch_simulation(rows(arrival_time=value), 2)),
    ("arrival_time[1]", lambda value: batching.continuous_batch_simulation(rows(arrival_time=value), 2)),
    ("arrival_time[1]", lambda value: batching.compare_batching_strategies(rows(arrival_time=value), 2)),
    ("arrival_time[1]", lambda value: batching.calculate_batch_metrics(rows(arrival_time=value), 2.0)),
    ("start_time[1]", lambda value: batching.calculate_batch_metrics(rows(start_time=value), 2.0)),
    ("end_time[1]", lambda value: batching.calculate_batch_metrics(rows(end_time=value), 2.0)),
    ("arrival_time[0]", lambda value: batching.calculate_request_latency(rows(arrival_time=value)[1])),
    ("start_time[0]", lambda value: batching.calculate_request_latency(rows(start_time=value)[1])),
    ("end_time[0]", lambda value: batching.calculate_request_latency(rows(end_time=value)[1])),
]
LENGTHS_IN_COLUMNS: list[tuple[str, int, Callable[[Any], object]]] = [
    ("output_length[1]", 1, lambda value: batching.simulate_static(RequestColumns([1, value]), 2)),
    ("output_length[1]", 1, lambda value: batching.simulate_continuous(RequestColumns([1, value]), 2)),
    ("output_length[1]", 1, lambda value: batching.simulate(RequestColumns([1, value]))),
    ("output_length[1]", 1, lambda value: batching.simulate(rows(output_length=value))),
    ("output_length[1]", 1, lambda value: batching.static_batch_simulation(rows(output_length=value), 2)),
    ("output_length[1]", 1, lambda value: batching.continuous_batch_simulation(rows(output_length=value), 2)),
    ("output_length[1]", 1, lambda value: batching.compare_batching_strategies(rows(output_length=value), 2)),
    ("prompt_length[1]", 0, lambda value: batching.simulate_static(RequestColumns([1, 1], [0, value]), 2)),
    ("prompt_length[1]", 0, lambda value: batching.simulate_continuous(RequestColumns([1, 1], [0, value]), 2)),
    ("prompt_length[1]", 0, lambda value: batching.simulate(RequestColumns([1, 1], [0, value]))),
    ("prompt_length[1]", 0, lambda value: batching.simulate(rows(prompt_length=value))),
    ("prompt_length[1]", 0, lambda value: batching.static_batch_simulation(rows(prompt_length=value), 2)),
    ("tokens_generated[1]", 0, lambda value: batching.calculate_batch_metrics(rows(tokens_generated=value), 2.0)),
    ("tokens_generated[0]", 0, lambda value: batching.calculate_request_latency(rows(tokens_generated=value)[1])),
    ("output_length[1]", 1, lambda value: batching.remaining_tokens([1, value], [0, 0])),
    ("tokens_generated[1]", 0, lambda value: batching.remaining_tokens([1, 1], [0, value])),
]
LENGTH_RANGES: list[tuple[str, int, Callable[[Any], object]]] = [
    ("prompt_length_range[0]", 0, lambda value: batching.generate_workload(1, (value, 9))),
    ("prompt_length_range[1]", 5, lambda value: batching.generate_workload(1, (5, value))),
    ("output_length_range[0]", 1, lambda value: batching.generate_workload(1, (1, 9), (value, 9))),
    ("output_length_range[1]", 5, lambda value: batching.generate_workload(1, (1, 9), (5, value))),
    ("output_length_range[1]", 5, lambda value: batching.simulate_workload(1, (1, 9), (5, value))),
]
ARRIVAL_RATES: list[tuple[str, Callable[[Any], object]]] = [
    ("arrival_rate", lambda value: batching.generate_workload(1, arrival_rate=value)),
    ("arrival_rate", lambda value: batching.simulate_workload(1, arrival_rate=value)),
]
SEEDS: list[tuple[str, Callable[[Any], object]]] = [
    ("seed", lambda value: batching.generate_workload(1, seed=value)),
    ("seed", lambda value: batching.simulate_workload(1, seed=value)),
    ("seed", lambda value: batching.generate_conversation_workload(1, seed=value)),
]
COUNTS: list[tuple[str, Callable[[Any], object]]] = [
    ("num_requests", batching.generate_workload),
    ("num_requests", batching.simulate_workload),
    ("num_requests", batching.generate_conversation_workload),
]

NO_NUMBERS = [None, "abc", "1", b"1", True, False, 1j, Decimal(1), [1], np.array([1, 2]), object()]
NO_TIMES = [math.nan, math.inf, -math.inf, -1.0, -5e-324 - 1e-9, 1e10, 1.8e308, -1, 10**10]


def refused(call: Callable[[Any], object], name: str, value: Any, kind: type[Exception]) -> str:
    """The sentence with which a value is refused; it must begin with the name of the argument."""
    with pytest.raises(kind) as raised:
        call(value)
    sentence = str(raised.value)
    assert sentence.startswith(f"{name} is "), sentence
    assert "\n" not in sentence
    if kind is not TypeError:
        assert isinstance(raised.value, BatchingError)
    return sentence


@pytest.mark.parametrize(
    ("name", "call"),
    SCALAR_INTEGERS
    + SEEDS
    + COUNTS
    + [(name, call) for name, _, call in LENGTHS_IN_COLUMNS]
    + [(name, call) for name, _, call in LENGTH_RANGES],
)
def test_what_is_no_integer(name: str, call: Callable[[Any], object]) -> None:
    for value in [*NO_NUMBERS, 1.0, math.nan, np.float64(1.0)]:
        assert refused(call, name, value, TypeError).endswith("must be an integer")


@pytest.mark.parametrize(
    ("name", "call"), TIMES_PER_TOKEN + ABOVE_ZERO + AT_LEAST_ZERO + TIMES_IN_COLUMNS + ARRIVAL_RATES
)
def test_what_is_no_number(name: str, call: Callable[[Any], object]) -> None:
    for value in NO_NUMBERS:
        if value is None and name.startswith(("start_time", "end_time")):
            continue  # None is how a request says that it has none: see test_textbook.py.
        assert refused(call, name, value, TypeError).endswith("must be a number")


@pytest.mark.parametrize(("name", "call"), SCALAR_INTEGERS)
def test_integers_out_of_range(name: str, call: Callable[[Any], object]) -> None:
    for value in [0, -1, -(2**63), -(2**63) - 1, 2**63, 10**100, 10**5000]:
        refused(call, name, value, ValueError)
    call(np.int16(1))
    call(1)


@pytest.mark.parametrize(("name", "smallest", "call"), LENGTHS_IN_COLUMNS + LENGTH_RANGES)
def test_lengths_out_of_range(name: str, smallest: int, call: Callable[[Any], object]) -> None:
    for value in [smallest - 1, -(2**31), -(2**31) - 1, 2**31, 2**63, -(10**100)]:
        sentence = refused(call, name, value, ValueError)
        if abs(value) < 2**64:
            assert sentence.startswith(f"{name} is {value}:")
    call(smallest)


@pytest.mark.parametrize(("name", "call"), TIMES_PER_TOKEN)
def test_times_per_token_out_of_range(name: str, call: Callable[[Any], object]) -> None:
    for value in [*NO_TIMES, 0, 0.0, -0.0, 5e-324, 1e-10, 4.9e-10, 2**1024]:
        refused(call, name, value, ValueError)
    call(1e-9)
    call(np.float32(0.5))
    call(1)


@pytest.mark.parametrize(("name", "call"), TIMES_PER_TOKEN)
def test_the_clock_cannot_pass_its_end(name: str, call: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match="9223372036"):
        call(9223372036.0)


@pytest.mark.parametrize(("name", "call"), TIMES_IN_COLUMNS)
def test_times_out_of_range(name: str, call: Callable[[Any], object]) -> None:
    for value in NO_TIMES:
        refused(call, name, value, ValueError)


@pytest.mark.parametrize(("name", "call"), ABOVE_ZERO)
def test_numbers_that_must_be_above_zero(name: str, call: Callable[[Any], object]) -> None:
    for value in [0.0, 0, -0.0, -1, -5e-324, math.nan, math.inf, -math.inf, 2**1024, 2**53 + 1, 10**5000]:
        refused(call, name, value, ValueError)


@pytest.mark.parametrize(("name", "call"), AT_LEAST_ZERO)
def test_numbers_that_must_be_at_least_zero(name: str, call: Callable[[Any], object]) -> None:
    for value in [-1, -5e-324, math.nan, math.inf, -math.inf, 2**1024, 2**53 + 1]:
        refused(call, name, value, ValueError)
    call(0)
    call(-0.0)


@pytest.mark.parametrize(("name", "call"), ARRIVAL_RATES)
def test_arrival_rates_out_of_range(name: str, call: Callable[[Any], object]) -> None:
    for value in [0.0, -0.0, -1.0, math.nan, -math.inf, 5e-324, 1e-300]:
        refused(call, name, value, ValueError)
    call(math.inf)
    call(1.8e308)
    call(1e300)


@pytest.mark.parametrize(("name", "call"), SEEDS)
def test_seeds_out_of_range(name: str, call: Callable[[Any], object]) -> None:
    for value in [-1, 2**64, 10**5000]:
        refused(call, name, value, ValueError)
    for seed in (0, 2**63, 2**64 - 1, np.uint64(2**64 - 1)):
        call(seed)


@pytest.mark.parametrize(("name", "call"), COUNTS)
def test_counts_out_of_range(name: str, call: Callable[[Any], object]) -> None:
    for negative in [-1, -(2**63), -(10**5000)]:
        refused(call, name, negative, ValueError)
    for huge in [2_000_000_001, 2**62, 2**63, 10**5000]:
        assert refused(call, name, huge, MemoryError)


def test_more_than_the_machine_holds_is_refused_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda _: 1000)
    with pytest.raises(BatchingMemoryError, match=r"num_requests is 100000: that takes 0\.0 GB"):
        batching.generate_workload(100_000)
    with pytest.raises(BatchingMemoryError, match="the number of requests is 100000"):
        batching.simulate_static(RequestColumns(np.ones(100_000, np.int32)), 1)


@pytest.mark.parametrize("value", [None, 3, "ab", (1,), (1, 2, 3), {1, 2}, range(2)])
def test_ranges_are_pairs(value: Any) -> None:
    with pytest.raises(TypeError, match=r"prompt_length_range is .*pair"):
        batching.generate_workload(1, value)
    with pytest.raises(TypeError, match=r"output_length_range is .*pair"):
        batching.generate_workload(1, (1, 2), value)


@pytest.mark.parametrize("value", [None, 3, object(), math.nan])
def test_what_is_no_list_of_requests(value: Any) -> None:
    for call in (
        lambda: batching.simulate(value),
        lambda: batching.static_batch_simulation(value, 1),
        lambda: batching.continuous_batch_simulation(value, 1),
        lambda: batching.compare_batching_strategies(value, 1),
    ):
        with pytest.raises(TypeError, match=r"requests is .*sequence of Request"):
            call()
    with pytest.raises(TypeError, match=r"completed_requests is .*sequence of Request"):
        batching.calculate_batch_metrics(value, 1.0)


@pytest.mark.parametrize("value", [[None], "abc", [3], {"a": 1}, [[1, 2]]])
def test_what_are_no_requests_in_a_list(value: Any) -> None:
    for call in (lambda: batching.simulate(value), lambda: batching.static_batch_simulation(value, 1)):
        with pytest.raises(TypeError, match=r"requests\[0\] is .*must be a Request"):
            call()
    with pytest.raises(TypeError, match=r"completed_requests\[0\] is .*must be a Request"):
        batching.calculate_batch_metrics(value, 1.0)
    with pytest.raises(TypeError, match=r"request\[0\] is .*must be a Request"):
        batching.calculate_request_latency(value)


def test_first_token_times_out_of_range() -> None:
    for value in [math.inf, -1.0, 0.5, 2.5, 10**10]:
        with pytest.raises(ValueError, match=r"first_token_time\[1\] is "):
            batching.calculate_batch_metrics(rows(first_token_time=value), 2.0)
    for wrong in ["abc", True, [1.0]]:
        with pytest.raises(TypeError, match=r"first_token_time\[1\] is .*must be a number"):
            batching.calculate_batch_metrics(rows(first_token_time=wrong), 2.0)
    # Not a number is how columns say that it is unknown.
    unknown = batching.calculate_batch_metrics(rows(first_token_time=math.nan), 2.0)
    assert unknown == batching.calculate_batch_metrics(rows(first_token_time=None), 2.0)


def test_a_value_whose_repr_fails_is_refused_all_the_same() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(TypeError, match="batch_size is a Hostile: must be an integer"):
        batching.simulate_static(COLUMNS, Hostile())  # type: ignore[arg-type]


def test_long_values_are_cut() -> None:
    with pytest.raises(TypeError, match=r"batch_size is 'x{79}\.\.\.: must be an integer"):
        batching.simulate_static(COLUMNS, "x" * 1000)  # type: ignore[arg-type]


def test_a_refused_call_leaves_requests_as_they_were() -> None:
    requests = rows(output_length=0)
    before = [Request(**vars(request)) for request in requests]
    with pytest.raises(ValueError, match="output_length"):
        batching.static_batch_simulation(requests, 2)
    assert requests == before
