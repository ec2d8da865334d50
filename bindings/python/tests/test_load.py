"""Load over time: by hand, against a slow sweep, and against what the engine itself says."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batching import (
    AffineTime,
    BatchingError,
    Load,
    LoadTimeline,
    RecordedRequests,
    RequestColumns,
    generate_workload,
    load_over_time,
    simulate,
    simulate_continuous,
    simulate_static,
)
from oracle.load import SlowServed, slow_bins, slow_changes, slow_load
from oracle.simulators import nanoseconds, seconds

COLUMNS = ["time", "running", "waiting", "tokens", "peak_running", "peak_waiting", "peak_tokens"]


def rows(load: Load) -> list[tuple[float, ...]]:
    assert load.timeline is not None
    return list(zip(*(getattr(load.timeline, name).tolist() for name in COLUMNS), strict=True))


def told(load: Load) -> dict[str, Any]:
    """All numbers, with something equal for NaN."""
    numbers = {name: value for name, value in asdict(load).items() if name != "timeline"}
    return {
        name: "unknown" if isinstance(value, float) and math.isnan(value) else value for name, value in numbers.items()
    }


def recorded(**changes: Any) -> RecordedRequests:
    """Two slots. Request 0 runs from 0 to 4 s; 1 comes at 1 and runs at once, to 2; 2 comes at 1, waits, and takes over
    at 2, to 6; 3 comes at 3 and waits to 4, when 0 leaves.
    """
    columns: dict[str, Any] = {
        "end_time": [4.0, 2.0, 6.0, 5.0],
        "output_length": [40, 10, 30, 5],
        "arrival_time": [0.0, 1.0, 1.0, 3.0],
        "start_time": [0.0, 1.0, 2.0, 4.0],
        "prompt_length": [100, 10, 20, 5],
    }
    return RecordedRequests(**{**columns, **changes})


def test_a_load_worked_out_by_hand() -> None:
    # Running: 1 in [0, 1), 2 in [1, 5), 1 in [5, 6): 10 request-seconds. Waiting: request 2 in [1, 2), 3 in [3, 4).
    # Tokens: 140, then 140 + 20, 140 + 50, 50 + 10, 50.
    load = load_over_time(recorded(), slots=2, timeline="changes")
    assert (load.window_start, load.window_end, load.requests) == (0.0, 6.0, 4)
    assert (load.mean_running, load.mean_waiting) == (10 / 6, 2 / 6)
    assert load.mean_tokens == (140 + 160 + 2 * 190 + 60 + 50) / 6
    assert (load.peak_running, load.peak_waiting, load.peak_tokens) == (2, 1, 190)
    assert (load.utilization, load.slot_utilization) == (1.0, 10 / 6 / 2)
    assert (load.held_slot_time, load.unfilled_slot_time, load.wasted_slot_share) == (0.0, 0.0, 0.0)
    assert rows(load) == [
        (0.0, 1.0, 0.0, 140.0, 1, 0, 140),
        (1.0, 2.0, 1.0, 160.0, 2, 1, 160),
        (2.0, 2.0, 0.0, 190.0, 2, 0, 190),
        (3.0, 2.0, 1.0, 190.0, 2, 1, 190),
        (4.0, 2.0, 0.0, 60.0, 2, 0, 60),
        (5.0, 1.0, 0.0, 50.0, 1, 0, 50),
    ]


def test_slots_that_are_held_or_could_have_been_filled() -> None:
    # With three slots, requests 2 and 3 wait for nothing, a second each. Request 0 is held for its last second.
    load = load_over_time(recorded(), slots=3, last_token_time=[3.0, math.nan, 6.0, 5.0])
    assert (load.held_slot_time, load.unfilled_slot_time) == (1.0, 2.0)
    assert load.wasted_slot_share == (3 / 6) / 3
    # Without a number of slots it cannot be known what was free.
    load = load_over_time(recorded(), last_token_time=[3.0, 2.0, 6.0, 5.0])
    assert load.held_slot_time == 1.0
    assert math.isnan(load.slot_utilization)
    assert math.isnan(load.unfilled_slot_time)
    assert math.isnan(load.wasted_slot_share)
    # More may run than there are said to be slots: then nothing is free.
    load = load_over_time(recorded(), slots=1)
    assert (load.slot_utilization, load.unfilled_slot_time) == (10 / 6, 0.0)


def test_bins_of_the_window() -> None:
    load = load_over_time(recorded(), timeline=4)
    # Bins of 1.5 s: [0, 1.5), [1.5, 3), [3, 4.5), [4.5, 6).
    assert rows(load) == [
        (0.0, 2 / 1.5, 0.5 / 1.5, (140 + 80) / 1.5, 2, 1, 160),
        (1.5, 2.0, 0.5 / 1.5, (80 + 190) / 1.5, 2, 1, 190),
        (3.0, 2.0, 1 / 1.5, (190 + 30) / 1.5, 2, 1, 190),
        (4.5, (1 + 1) / 1.5, 0.0, (30 + 50) / 1.5, 2, 0, 60),
    ]


def test_a_window() -> None:
    load = load_over_time(recorded(), window=(3.5, 10.0), timeline="changes")
    assert (load.window_start, load.window_end, load.requests) == (3.5, 10.0, 4)
    assert (load.mean_running, load.mean_waiting, load.utilization) == (4 / 6.5, 0.5 / 6.5, 2.5 / 6.5)
    assert [row[:3] for row in rows(load)] == [
        (3.5, 2.0, 1.0),
        (4.0, 2.0, 0.0),
        (5.0, 1.0, 0.0),
        (6.0, 0.0, 0.0),
    ]
    # What lies outside is not there.
    load = load_over_time(recorded(), window=(7.0, 8.0), timeline="changes")
    assert (load.mean_running, load.peak_running, load.utilization) == (0.0, 0, 0.0)
    assert [row[:3] for row in rows(load)] == [(7.0, 0.0, 0.0)]
    assert load_over_time(recorded(), window=(2.0, 2.0), timeline=3).timeline is not None


def test_requests_that_end_and_start_at_the_same_time_do_not_overlap() -> None:
    one = RecordedRequests([1.0, 2.0], [1, 1], start_time=[0.0, 1.0], arrival_time=[0.0, 1.0])
    assert load_over_time(one, timeline="changes").peak_running == 1
    assert len(rows(load_over_time(one, timeline="changes"))) == 1
    # One that comes, starts and ends at once was never there.
    none = RecordedRequests([1.0, 0.5], [1, 1], start_time=[0.0, 0.5], arrival_time=[0.0, 0.5])
    assert load_over_time(none).peak_running == 1


def test_without_a_start_a_request_runs_from_its_arrival() -> None:
    load = load_over_time(recorded(start_time=None))
    assert (load.mean_running, load.mean_waiting) == (12 / 6, 0.0)
    load = load_over_time(recorded(start_time=[0.0, 1.0, math.nan, 4.0]))
    assert (load.mean_running, load.mean_waiting) == (11 / 6, 1 / 6)


def test_requests_that_failed_are_left_out() -> None:
    columns: dict[str, Any] = {"success": [True, False, True, True], "end_time": [4.0, math.nan, 6.0, 5.0]}
    load = load_over_time(recorded(**columns))
    assert (load.requests, load.mean_running) == (3, 9 / 6)
    assert told(load_over_time(recorded(success=[False] * 4))) == told(load_over_time(RecordedRequests([], [])))


def test_no_requests() -> None:
    load = load_over_time(RecordedRequests([], []), timeline="changes")
    assert load.timeline is not None
    assert len(load.timeline) == 0
    assert (load.window_end, load.requests, load.mean_running, load.utilization) == (0.0, 0, 0.0, 0.0)
    assert load_over_time(RecordedRequests([], []), window=(0.0, 2.0), timeline=2).timeline is not None


@st.composite
def served(draw: st.DrawFn) -> list[SlowServed]:
    origin = draw(st.sampled_from([0, 5, 1_700_000_000_000_000_512]))
    requests = []
    for _ in range(draw(st.integers(0, 12))):
        arrival, start, last, end = sorted(draw(st.lists(st.integers(0, 9), min_size=4, max_size=4)))
        # Steps that doubles so far from 0 can tell apart.
        first, second, third, fourth = (origin + 512 * time for time in (arrival, start, last, end))
        requests.append(SlowServed(first, second, third, fourth, tokens=draw(st.integers(0, 5))))
    return requests


def columns_of(requests: list[SlowServed]) -> tuple[RecordedRequests, list[float]]:
    def times(name: str) -> list[float]:
        return [seconds(getattr(request, name)) for request in requests]

    prompts = [request.tokens // 2 for request in requests]
    outputs = [request.tokens - request.tokens // 2 for request in requests]
    columns = RecordedRequests(
        times("end"), outputs, arrival_time=times("arrival"), start_time=times("start"), prompt_length=prompts
    )
    return columns, times("last_token")


@settings(max_examples=300)
@given(
    requests=served(),
    slots=st.none() | st.integers(1, 6),
    window=st.none() | st.tuples(st.integers(0, 5_000), st.integers(1, 5_000)),
    bins=st.integers(1, 7),
)
def test_as_a_slow_sweep_has_it(
    requests: list[SlowServed], slots: int | None, window: tuple[int, int] | None, bins: int
) -> None:
    columns, last_tokens = columns_of(requests)
    # What the library sees: the doubles, rounded to nanoseconds.
    for request in requests:
        for name in ("arrival", "start", "last_token", "end"):
            setattr(request, name, nanoseconds(seconds(getattr(request, name))))
    start = min((request.arrival for request in requests), default=0)
    end = max((request.end for request in requests), default=0)
    given_window = None
    if window is not None:
        start = nanoseconds(seconds(start + window[0]))
        end = nanoseconds(seconds(start + window[1]))
        given_window = (seconds(start), seconds(end))
    arguments: dict[str, Any] = {"slots": slots, "window": given_window, "last_token_time": last_tokens}

    load = load_over_time(columns, **arguments, timeline="changes")
    expected = slow_load(requests, start, end, slots)
    assert told(load) == {
        name: "unknown" if isinstance(value, float) and math.isnan(value) else value for name, value in expected.items()
    }
    changes = slow_changes(requests, start, end)
    assert [(nanoseconds(row[0]), *row[1:4]) for row in rows(load)] == changes
    assert all(row[1:4] == tuple(map(float, row[4:])) for row in rows(load))

    if bins <= end - start:
        binned = load_over_time(columns, **arguments, timeline=bins)
        assert told(binned) == told(load)
        for got, wanted in zip(rows(binned), slow_bins(requests, start, end, bins), strict=True):
            # Doubles so far from 0 as the time of day are some hundred nanoseconds apart.
            assert (got[0], *got[1:]) == (seconds(int(wanted[0])), *wanted[1:])


@settings(max_examples=100)
@given(requests=served(), seed=st.integers(0, 1_000_000))
def test_the_order_of_the_requests_does_not_matter(requests: list[SlowServed], seed: int) -> None:
    columns, last_tokens = columns_of(requests)
    order = np.random.default_rng(seed).permutation(len(requests))
    shuffled, shuffled_last = columns_of([requests[index] for index in order])
    expected = load_over_time(columns, slots=3, last_token_time=last_tokens, timeline="changes")
    got = load_over_time(shuffled, slots=3, last_token_time=shuffled_last, timeline="changes")
    assert told(got) == told(expected)
    assert rows(got) == rows(expected)


def test_many_requests_out_of_order() -> None:
    # More than one digit of the sort. Means from NumPy: Little's law, over whole nanoseconds.
    random = np.random.default_rng(11)
    count = 20_000
    arrival = random.integers(0, 10**12, count)
    start = arrival + random.integers(0, 10**10, count)
    end = start + random.integers(0, 10**10, count)
    tokens = random.integers(1, 5_000, count)
    columns = RecordedRequests(end / 1e9, tokens, arrival_time=arrival / 1e9, start_time=start / 1e9)
    load = load_over_time(columns, timeline="changes")
    length = int(end.max() - arrival.min())
    assert load.mean_running == float((end - start).sum()) / length
    assert load.mean_waiting == float((start - arrival).sum()) / length
    assert load.mean_tokens == float(((end - start).astype(object) * tokens.astype(object)).sum()) / length
    # The peak, by looking at every start.
    starts, ends = np.sort(start), np.sort(end)
    running = np.arange(1, count + 1) - np.searchsorted(ends, starts, side="right")
    assert load.peak_running == running.max()


@pytest.mark.parametrize("policy", ["vllm", "continuous", "orca", "static", "dynamic"])
def test_the_engine_says_the_same(policy: Any) -> None:
    requests = generate_workload(400, (50, 200), (1, 80), arrival_rate=30.0, seed=9)
    result = simulate(
        requests,
        policy=policy,
        max_num_seqs=12,
        max_queue_delay=0.5,
        iteration_time=AffineTime(0.01, 2e-5, 5e-5, 1e-7),
        attribution=True,
    )
    load = result.load()
    assert result.total_preemptions == 0
    assert load.mean_running == pytest.approx(result.mean_running, rel=1e-12)
    # Requests that come and go within an iteration are not seen to overlap by its end.
    assert load.peak_running == result.peak_running
    assert load.slot_utilization == load.mean_running / 12
    assert load.utilization == pytest.approx(result.metrics()["gpu_utilization"], rel=1e-12)
    # Little's law.
    arrival = result.requests.arrival_time
    assert arrival is not None
    duration = result.duration
    assert load.mean_running * duration == pytest.approx(float((result.end_time - result.start_time).sum()), rel=1e-12)
    assert load.mean_waiting * duration == pytest.approx(float((result.start_time - arrival).sum()), rel=1e-12)
    assert result.attribution is not None
    assert load.held_slot_time == pytest.approx(float(result.attribution.held_in_batch.sum()), rel=1e-12)
    assert (load.held_slot_time > 0) == (policy in {"static", "dynamic"})


def test_a_run_that_is_cut_off() -> None:
    # Iterations of 1 s up to 3 s: request 0 ended at 2, 1 runs from 2, 2 waits, 3 never came, 4 was rejected.
    requests = RequestColumns([2, 5, 5, 1, 1], [1, 1, 1, 1, 99], [0.0, 0.0, 0.5, 9.0, 0.0])
    result = simulate(requests, max_num_seqs=1, max_model_len=50, iteration_time=1.0, time_limit=3.0)
    load = result.load(timeline="changes")
    assert (load.requests, load.mean_running, load.mean_waiting) == (3, 1.0, (2 + 2.5) / 3)
    assert [row[:4] for row in rows(load)] == [
        (0.0, 1.0, 1.0, 3.0),
        (0.5, 1.0, 2.0, 3.0),
        (2.0, 1.0, 1.0, 2.0),
    ]
    assert load_over_time(result.recorded()).requests == 1


@pytest.mark.parametrize("step", [0.01, 0.0012345678901])
def test_static_wastes_slots_that_continuous_fills(step: float) -> None:
    requests = generate_workload(500, (50, 200), (1, 300), arrival_rate=30.0, seed=4)
    static, continuous = (simulate_static(requests, 16, step), simulate_continuous(requests, 16, step))
    held = static.end_time - static.start_time - static.tokens_generated * (nanoseconds(step) / 1e9)
    assert static.load().held_slot_time == pytest.approx(float(held.sum()), rel=1e-9)
    assert continuous.load().held_slot_time == 0.0
    assert static.load().wasted_slot_share > 0.2
    assert continuous.load().wasted_slot_share < 0.05
    assert load_over_time(static.recorded()).peak_running == 16
    # The engine tells the same of its static batches, whether or not it tells where the time goes.
    engine = simulate(requests, policy="static", max_num_seqs=16, iteration_time=step, attribution=True)
    assert told(engine.load()) == told(static.load())
    assert told(simulate(requests, policy="static", max_num_seqs=16, iteration_time=step).load()) == told(static.load())


def test_nothing_can_be_changed() -> None:
    timeline = load_over_time(recorded(), timeline=2).timeline
    assert isinstance(timeline, LoadTimeline)
    assert repr(timeline) == "LoadTimeline(2 intervals)"
    with pytest.raises(ValueError, match="read-only"):
        timeline.running[0] = 1.0
    with pytest.raises(AttributeError):
        load_over_time(recorded()).mean_running = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"arrival_time": [0.0, -1.0, 1.0, 3.0]}, r"arrival_time\[1\] is -1.0: must be between 0 and"),
        ({"start_time": [0.0, math.inf, 2.0, 4.0]}, r"start_time\[1\] is inf: must be between 0 and"),
        ({"end_time": [4.0, math.nan, 6.0, 5.0]}, r"end_time\[1\] is nan: must be between 0 and"),
        ({"start_time": [0.0, 0.5, 2.0, 4.0]}, r"start_time\[1\] is 0.5: must not be before arrival_time\[1\]"),
        ({"end_time": [4.0, 2.0, 1.5, 5.0]}, r"end_time\[2\] is 1.5: must not be before start_time\[2\], which is 2.0"),
        (
            {"end_time": [4, 2, 0.5, 5], "start_time": None},
            r"end_time\[2\] is 0.5: must not be before arrival_time\[2\]",
        ),
        ({"prompt_length": [1, 1, 1, -1]}, r"prompt_length\[3\] is -1: must be at least 0"),
        ({"output_length": [-7, 1, 1, 1]}, r"output_length\[0\] is -7: must be at least 0"),
    ],
)
def test_columns_that_are_no_requests(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BatchingError, match=sentence):
        load_over_time(recorded(**changes))


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"slots": 0}, BatchingError, "slots is 0: must be at least 1"),
        ({"slots": 2.0}, TypeError, "slots is 2.0: must be an integer"),
        ({"window": (3.0, 2.0)}, BatchingError, r"window\[1\] is 2.0: must not be before window\[0\], which is 3.0"),
        ({"window": (-1.0, 2.0)}, BatchingError, r"window\[0\] is -1.0: must be between 0 and"),
        ({"window": (0.0, 1e10)}, BatchingError, r"window\[1\] is 10000000000.0: must be between 0 and"),
        ({"window": (0.0, 0.0)}, BatchingError, r"window\[1\] is 0.0: must be above 0"),
        ({"window": 5}, TypeError, "window is 5: must be a tuple of two numbers"),
        ({"timeline": 0}, BatchingError, "timeline is 0: must be at least 1"),
        ({"timeline": "all"}, BatchingError, "timeline is 'all': must be 'changes', a number of intervals or None"),
        (
            {"timeline": 7, "window": (1.0, 1.000000006)},
            BatchingError,
            "timeline is 7: must be at most the nanoseconds",
        ),
        (
            {"last_token_time": [1.0]},
            BatchingError,
            "last_token_time has 1 element: must have as many as there are requests, 4",
        ),
        ({"last_token_time": [4, 2, 1.5, 5]}, BatchingError, r"last_token_time\[2\] is 1.5: must be between the start"),
        ({"last_token_time": [4.5, 2, 6, 5]}, BatchingError, r"last_token_time\[0\] is 4.5: must be between the start"),
    ],
)
def test_arguments_that_are_refused(arguments: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        load_over_time(recorded(), **arguments)


def test_what_is_no_recording() -> None:
    with pytest.raises(TypeError, match="must be RecordedRequests"):
        load_over_time([1])  # type: ignore[arg-type]
