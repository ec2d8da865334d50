"""The functions of the first lesson, on its four requests."""

import copy
from dataclasses import dataclass

import pytest

import batching
from batching import Request


def lesson() -> list[Request]:
    lengths_and_arrivals = [(50, 0.0), (200, 0.1), (30, 0.2), (150, 0.3)]
    return [Request(index, 100, output, arrival) for index, (output, arrival) in enumerate(lengths_and_arrivals)]


def test_static_batching_of_the_lesson() -> None:
    completed, total_time, throughput = batching.static_batch_simulation(lesson(), 2, 0.01)
    # The first batch waits for request 1, and runs 200 iterations; the second 150.
    assert [(r.id, r.start_time, r.end_time, r.first_token_time) for r in completed] == [
        (0, 0.1, 2.1, 0.11),
        (1, 0.1, 2.1, 0.11),
        (2, 2.1, 3.6, 2.11),
        (3, 2.1, 3.6, 2.11),
    ]
    assert total_time == 3.6
    assert throughput == 430 / 3.6
    metrics = batching.calculate_batch_metrics(completed, total_time)
    assert metrics["avg_latency"] == pytest.approx((2.1 + 2.0 + 3.4 + 3.3) / 4, rel=1e-15)
    assert metrics["gpu_utilization"] == pytest.approx(3.5 / 3.6, rel=1e-15)


def test_continuous_batching_of_the_lesson() -> None:
    completed, total_time, throughput = batching.continuous_batch_simulation(lesson(), 2, 0.01)
    assert [(r.id, r.start_time, r.end_time, r.first_token_time) for r in completed] == [
        (0, 0.0, 0.5, 0.01),
        (2, 0.5, 0.8, 0.51),
        (1, 0.1, 2.1, 0.11),
        (3, 0.8, 2.3, 0.81),
    ]
    assert total_time == 2.3
    assert throughput == 430 / 2.3
    metrics = batching.calculate_batch_metrics(completed, total_time)
    assert metrics["avg_latency"] == pytest.approx((0.5 + 2.0 + 0.6 + 2.0) / 4, rel=1e-15)
    assert metrics["total_tokens"] == 430
    assert metrics["gpu_utilization"] == 1.0


def test_continuous_batching_wins_the_lesson() -> None:
    comparison = batching.compare_batching_strategies(lesson(), 2, 0.01)
    assert comparison["throughput_improvement"] == pytest.approx(3.6 / 2.3, rel=1e-15)
    assert comparison["latency_improvement"] == pytest.approx(2.7 / 1.275, rel=1e-15)
    assert comparison["static_throughput"] == 430 / 3.6
    assert comparison["continuous_throughput"] == 430 / 2.3


def test_rows_and_columns_are_compared_alike() -> None:
    rows = batching.simulate_workload(500, seed=3)
    columns = batching.generate_workload(500, seed=3)
    assert batching.compare_batching_strategies(rows, 8) == batching.compare_batching_strategies(columns, 8)
    completed, total_time, _ = batching.static_batch_simulation(rows, 8)
    result = batching.simulate_static(columns, 8)
    by_rows = batching.calculate_batch_metrics(completed, total_time)
    assert by_rows == pytest.approx(batching.calculate_batch_metrics(result, result.total_time), rel=1e-15)
    assert result.metrics() == batching.calculate_batch_metrics(result, result.total_time)


def test_comparison_agrees_with_both_simulators() -> None:
    columns = batching.generate_workload(500, seed=3)
    static, continuous = batching.simulate_static(columns, 8), batching.simulate_continuous(columns, 8)
    comparison = batching.compare_batching_strategies(columns, 8)
    assert comparison == {
        "static_throughput": static.throughput,
        "continuous_throughput": continuous.throughput,
        "static_avg_latency": static.metrics()["avg_latency"],
        "continuous_avg_latency": continuous.metrics()["avg_latency"],
        "throughput_improvement": continuous.throughput / static.throughput,
        "latency_improvement": static.metrics()["avg_latency"] / continuous.metrics()["avg_latency"],
    }


@pytest.mark.parametrize(
    "simulate", [batching.static_batch_simulation, batching.continuous_batch_simulation], ids=["static", "continuous"]
)
class TestBothSimulators:
    def test_no_requests(self, simulate: type) -> None:
        assert simulate([], 4) == ([], 0.0, 0.0)

    def test_the_callers_requests_stay_as_they_were(self, simulate: type) -> None:
        requests = lesson()
        before = copy.deepcopy(requests)
        completed, _, _ = simulate(requests, 2)
        assert requests == before
        assert not {id(request) for request in requests} & {id(request) for request in completed}

    def test_completed_requests_are_complete(self, simulate: type) -> None:
        completed, _, _ = simulate(lesson(), 3)
        assert all(request.is_complete() and request.remaining_tokens() == 0 for request in completed)

    def test_a_subclass_keeps_what_it_adds(self, simulate: type) -> None:
        @dataclass
        class Named(Request):
            name: str = ""

        completed, _, _ = simulate([Named(0, 1, 1, 0.0, name="first")], 1)
        assert completed[0].name == "first"

    def test_a_generator_will_do(self, simulate: type) -> None:
        assert simulate(iter(lesson()), 2) == simulate(lesson(), 2)

    def test_the_other_order_gives_the_same_times(self, simulate: type) -> None:
        forwards, backwards = simulate(lesson(), 2), simulate(lesson()[::-1], 2)
        assert forwards == backwards


def test_no_requests_have_metrics_of_zero() -> None:
    metrics = batching.calculate_batch_metrics([], 0.0)
    assert set(metrics.values()) == {0}
    assert set(batching.compare_batching_strategies([], 1).values()) == {0.0}


def test_latency_of_a_request() -> None:
    request = Request(7, 10, 4, 1.0, start_time=1.5, end_time=3.5, tokens_generated=4, first_token_time=1.75)
    assert batching.calculate_request_latency(request) == {
        "queue_time": 0.5,
        "processing_time": 2.0,
        "total_latency": 2.5,
        "time_to_first_token": 0.75,
        "tokens_generated": 4,
    }


def test_unknown_first_token_is_taken_as_one_of_equal_steps() -> None:
    request = Request(7, 10, 4, 1.0, start_time=1.5, end_time=3.5, tokens_generated=4)
    assert batching.calculate_request_latency(request)["time_to_first_token"] == 0.5 + 2.0 / 4


@pytest.mark.parametrize(
    ("start", "end", "missing", "there"),
    [
        (None, 2.0, ["start_time"], ["end_time"]),
        (1.0, None, ["end_time"], ["start_time"]),
        (None, None, ["start_time", "end_time"], []),
    ],
)
def test_missing_times_are_named(start: float | None, end: float | None, missing: list[str], there: list[str]) -> None:
    with pytest.raises(ValueError, match="request 7 ") as raised:
        batching.calculate_request_latency(Request(7, 10, 4, 0.0, start, end, 4))
    assert all(name in str(raised.value) for name in missing)
    assert not any(name in str(raised.value) for name in there)


def test_missing_times_in_a_list_name_the_index() -> None:
    done = Request(0, 1, 1, 0.0, 0.0, 1.0, 1)
    with pytest.raises(ValueError, match=r"end_time\[1\].*request 9 "):
        batching.calculate_batch_metrics([done, Request(9, 1, 1, 0.0, 0.0, None, 1)], 1.0)


def test_a_request_without_first_token_and_tokens_has_no_latency() -> None:
    with pytest.raises(ValueError, match=r"tokens_generated\[0\] is 0"):
        batching.calculate_request_latency(Request(7, 10, 4, 0.0, 1.0, 2.0))


def test_remaining_tokens_are_never_negative() -> None:
    assert Request(0, 1, 5, 0.0).remaining_tokens() == 5
    assert Request(0, 1, 5, 0.0, tokens_generated=7).remaining_tokens() == 0
    assert not Request(0, 1, 5, 0.0, tokens_generated=4).is_complete()
    assert batching.remaining_tokens([5, 5, 5], [0, 4, 7]).tolist() == [5, 1, 0]


def test_an_error_about_a_request_names_its_index() -> None:
    requests = lesson()
    requests[2].output_length = 0
    for simulate in (batching.static_batch_simulation, batching.continuous_batch_simulation):
        with pytest.raises(ValueError, match=r"output_length\[2\] is 0"):
            simulate(requests, 2)
    with pytest.raises(ValueError, match=r"output_length\[2\] is 0"):
        batching.compare_batching_strategies(requests, 2)
