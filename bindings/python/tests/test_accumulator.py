"""The accumulator of live traffic gives the metrics of the batch calculators, in any order and from any parts."""

import pickle
import random
import threading
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accumulator_events import Told, in_order, interleaved, names, recorded, recording, tell, tell_in_columns
from batching import (
    SLO,
    Accumulator,
    AccumulatorEvent,
    BatchingBusyError,
    BatchingValueError,
    ServingMetrics,
    measure,
)

SHARES = (0, 1, 5, 25, 50, 75, 90, 95, 99, 99.9, 100)
SAMPLES = ("ttft", "tpot", "itl", "e2e", "queue_time", "normalized_latency")
EXACT_SAMPLES = 1024
RELATIVE_ERROR = 1e-3
# Seconds: half of 2^-24 ns, to which quotients are rounded.
QUOTIENT_ERROR = 3e-17
SLOS = SLO(ttft=0.3, tpot=0.02, itl=0.03, e2e=0.7)

needs_recordings = pytest.mark.skipif(not names(), reason="the recordings are not there")

# Whole microseconds.
DELAY = st.integers(0, 2_000_000)
REQUEST = st.builds(
    lambda arrival, queue, prefill, gaps, prompt, success, starts, reason: _request(
        arrival, queue, prefill, gaps, prompt, success=success, starts=starts, reason=reason
    ),
    st.integers(0, 200_000_000),
    DELAY,
    DELAY,
    st.lists(st.tuples(DELAY, st.integers(0, 5)), max_size=12),
    st.integers(0, 5000),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 100]),
)
REQUESTS = st.lists(REQUEST, max_size=12).map(lambda listed: dict(enumerate(listed)))


def _request(
    arrival: int,
    queue: int,
    prefill: int,
    gaps: list[tuple[int, int]],
    prompt: int,
    *,
    success: bool,
    starts: bool,
    reason: int,
) -> Told:
    now = arrival + queue
    chunks = []
    for place, (gap, count) in enumerate(gaps):
        now += gap if place else prefill
        chunks.append((now, count))
    return Told(arrival, prompt, chunks, now, success, arrival + queue if starts else None, reason)


def assert_same(found: ServingMetrics, expected: ServingMetrics, requests: list[Told]) -> None:
    """Everything to 1e-12, but percentiles of many values, which are within 0.1% of what lies at their ranks."""
    for name in ("completed", "failed", "total_input_tokens", "total_output_tokens", "good"):
        assert getattr(found, name) == getattr(expected, name), name
    for name in (
        "duration",
        "request_throughput",
        "input_throughput",
        "output_throughput",
        "total_token_throughput",
        "concurrency",
        "request_goodput",
        "slo_attainment",
    ):
        one, other = getattr(found, name), getattr(expected, name)
        assert one == other if other is None else one == pytest.approx(other, rel=1e-12), name
    assert dict(found.slo_attainment_by_metric) == pytest.approx(dict(expected.slo_attainment_by_metric), rel=1e-12)
    for name in SAMPLES:
        one, other = getattr(found, name), getattr(expected, name)
        assert one.count == other.count, name
        for figure in ("mean", "min", "max"):
            assert getattr(one, figure) == pytest.approx(getattr(other, figure), rel=1e-12, abs=QUOTIENT_ERROR), (
                name,
                figure,
            )
        assert one.sum == pytest.approx(other.sum, rel=1e-12, abs=QUOTIENT_ERROR * other.count), name
        # The batch calculators' own sums are rounded: where values are nearly equal, that is what is left.
        assert one.std == pytest.approx(other.std, rel=1e-9, abs=1e-12 * other.max + QUOTIENT_ERROR), name
        if other.count <= EXACT_SAMPLES:
            assert one.median == pytest.approx(other.median, rel=1e-12, abs=QUOTIENT_ERROR), name
            assert list(one.percentiles.values()) == pytest.approx(
                list(other.percentiles.values()), rel=1e-12, abs=QUOTIENT_ERROR
            ), name
        elif other.count:
            values = _values(requests, name)
            for share, value in one.percentiles.items():
                assert_between_neighbours(value, share, values)


def assert_between_neighbours(value: float, share: float, values: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """Within the stated error of the order statistics beside the rank."""
    rank = (len(values) - 1) * share / 100
    low, high = values[int(np.floor(rank))], values[int(np.ceil(rank))]
    assert low * (1 - RELATIVE_ERROR) - 5e-10 <= value <= high * (1 + RELATIVE_ERROR) + 5e-10


def _values(requests: list[Told], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A sample by its definition, sorted, in seconds."""
    answered = [told for told in requests if told.success]
    values = {
        "ttft": [told.chunks[0][0] - told.arrival for told in answered if told.chunks],
        "tpot": [(told.end - told.chunks[0][0]) / (told.tokens - 1) for told in answered if told.tokens > 1],
        "itl": [after[0] - before[0] for told in answered for before, after in pairwise(told.chunks)],
        "e2e": [told.end - told.arrival for told in answered],
        "queue_time": [told.start - told.arrival for told in answered if told.start is not None],
        "normalized_latency": [(told.end - told.arrival) / told.tokens for told in answered if told.tokens],
    }[name]
    return np.sort(np.array(values, float)) / 1e6


def accumulated(events: list[Any], **arguments: Any) -> Accumulator:
    accumulator = Accumulator(**arguments)
    tell_in_columns(accumulator, events)
    return accumulator


def merged(requests: dict[int, Told], parts: int, seed: int, **arguments: Any) -> Accumulator:
    """The requests dealt out to accumulators, whose events come in any order, and which are merged in any order."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    dealt: list[dict[int, Told]] = [{} for _ in range(parts)]
    for request, told in requests.items():
        chance.choice(dealt)[request] = told
    pool = [accumulated(interleaved(part, seed + place), **arguments) for place, part in enumerate(dealt)]
    while len(pool) > 1:
        chance.shuffle(pool)
        other = pool.pop()
        # Some go by way of bytes, as from another machine.
        pool[0].merge(Accumulator.load(other.save()) if chance.random() < 0.5 else other)
    return pool[0]


@needs_recordings
@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("seed", range(4))
def test_a_recording_in_any_interleaving_and_any_split_measures_as_in_a_batch(name: str, seed: int) -> None:
    given_run = recording(name)
    requests = dict(enumerate(given_run.requests))
    slo = SLO(**given_run.slo)
    expected = measure(recorded(given_run.requests), percentiles=SHARES, duration=given_run.duration, slo=slo)
    whole = Accumulator(slo=slo)
    tell(whole, in_order(requests))
    found = whole.measure(percentiles=SHARES, duration=given_run.duration)
    assert_same(found, expected, given_run.requests)
    parts = merged(requests, 1 + 2 * seed, seed, slo=slo)
    assert parts.save() == whole.save()
    assert_same(parts.measure(percentiles=SHARES, duration=given_run.duration), expected, given_run.requests)
    # Everything is within the window of an hour.
    hour = accumulated(in_order(requests), window=3600.0, slot_count=3600, slo=slo)
    assert_same(hour.measure("window", percentiles=SHARES, duration=given_run.duration), expected, given_run.requests)


@given(REQUESTS, st.integers(0, 1000), st.integers(1, 5))
def test_random_requests_measure_as_in_a_batch(requests: dict[int, Told], seed: int, parts: int) -> None:
    listed = list(requests.values())
    whole = accumulated(in_order(requests), slo=SLOS, max_requests=16)
    last = max((told.end for told in listed), default=0) / 1e6
    first = min((told.arrival for told in listed), default=0) / 1e6
    expected = measure(recorded(listed), percentiles=SHARES, slo=SLOS)
    if listed and last > first:
        assert_same(whole.measure(percentiles=SHARES), expected, listed)
    else:
        assert whole.measure().duration == 0.0
    assert merged(requests, parts, seed, slo=SLOS, max_requests=16).save() == whole.save()


@given(REQUESTS, st.integers(0, 1000), st.integers(1, 20), st.integers(1, 100))
def test_the_window_has_those_that_ended_in_its_slots(
    requests: dict[int, Told], seed: int, slot_count: int, slot_seconds: int
) -> None:
    listed = list(requests.values())
    accumulator = accumulated(
        interleaved(requests, seed), window=float(slot_count * slot_seconds), slot_count=slot_count
    )
    clock = max((told.end for told in listed), default=0)
    slot = slot_seconds * 1_000_000
    oldest = clock // slot - slot_count + 1
    within = [told for told in listed if told.end // slot >= oldest]
    state = accumulator.state
    assert state.clock == clock / 1e6
    assert state.window_begin == max(0, oldest) * slot_seconds
    found = accumulator.measure("window", percentiles=SHARES, duration=1.0)
    assert_same(found, measure(recorded(within), percentiles=SHARES, duration=1.0), within)
    first = min((told.arrival for told in listed), default=0) / 1e6
    seconds = max(0.0, state.clock - max(state.window_begin, first))
    assert accumulator.measure("window").duration == pytest.approx(seconds, rel=1e-12, abs=1e-9)
    # Time goes on: the window empties, and nothing is lost.
    accumulator.advance(clock / 1e6 + slot_count * slot_seconds + 1)
    assert accumulator.measure("window").completed == 0
    assert accumulator.measure().completed + accumulator.measure().failed == len(listed)


@pytest.mark.parametrize("seed", range(6))
def test_percentiles_of_many_values_are_within_a_thousandth(seed: int) -> None:
    random_numbers = np.random.default_rng(seed)
    # From below a microsecond to hours, and from narrow to wide.
    microseconds = np.exp(random_numbers.normal(3 * seed, 0.5 + seed, 4000)).astype(np.int64)
    requests = {
        place: _request(place, 0, int(value), [(0, 1), (int(value) // 3, 3)], 1, success=True, starts=True, reason=0)
        for place, value in enumerate(microseconds)
    }
    listed = list(requests.values())
    accumulator = accumulated(in_order(requests), window=1e9)
    scopes: tuple[Literal["start", "window"], ...] = ("start", "window")
    for scope in scopes:
        found = accumulator.measure(scope, percentiles=SHARES, duration=1.0)
        assert_same(found, measure(recorded(listed), percentiles=SHARES, duration=1.0), listed)
    methods: Any = (("inverse_cdf", "inverted_cdf"), ("nearest", "nearest"))
    for method, numpy_method in methods:
        found = accumulator.measure(percentiles=SHARES, percentile_method=method)
        exact = np.percentile(_values(listed, "ttft"), SHARES, method=numpy_method)
        assert list(found.ttft.percentiles.values()) == pytest.approx(exact, rel=RELATIVE_ERROR, abs=5e-10)
    assert merged(requests, 7, seed, window=1e9).save() == accumulator.save()


@pytest.mark.parametrize("count", [EXACT_SAMPLES - 1, EXACT_SAMPLES, EXACT_SAMPLES + 1])
def test_up_to_1024_values_percentiles_are_exact(count: int) -> None:
    times = np.random.default_rng(1).integers(1_000_000, 2_000_000, count)
    requests = {
        place: _request(0, 0, int(value), [(0, 1)], 1, success=True, starts=False, reason=0)
        for place, value in enumerate(times)
    }
    found = accumulated(in_order(requests)).measure(percentiles=SHARES).ttft.percentiles.values()
    is_exact = list(found) == pytest.approx(list(np.percentile(times / 1e6, SHARES)), rel=1e-12)
    assert is_exact == (count <= EXACT_SAMPLES)


@given(REQUESTS, st.integers(0, 1000), st.data())
def test_at_every_moment_each_request_is_counted_once(requests: dict[int, Told], seed: int, data: Any) -> None:
    events = interleaved(requests, seed)
    stop = data.draw(st.integers(0, len(events)))
    accumulator = accumulated(events[:stop])
    ended: dict[int, bool] = {}
    running, waiting = set(), set()
    for _, request, event, _ in events[:stop]:
        if event == AccumulatorEvent.ARRIVED:
            waiting.add(request)
        elif event in {AccumulatorEvent.STARTED, AccumulatorEvent.TOKENS}:
            waiting.discard(request)
            running.add(request)
        else:
            waiting.discard(request)
            running.discard(request)
            ended[request] = event == AccumulatorEvent.FINISHED
    state, metrics = accumulator.state, accumulator.measure()
    assert (state.running, state.waiting) == (len(running), len(waiting))
    assert (metrics.completed, metrics.failed) == (sum(ended.values()), len(ended) - sum(ended.values()))
    assert state.arrived == metrics.completed + metrics.failed + state.running + state.waiting
    # What is left over is told to a copy: the end is the same.
    copy = pickle.loads(pickle.dumps(accumulator))  # noqa: S301  (our own bytes)
    for each in (accumulator, copy):
        tell(each, events[stop:])
    assert copy.save() == accumulator.save() == accumulated(events).save()


def busy_accumulator() -> Accumulator:
    """Two requests in flight, one of them waiting."""
    accumulator = Accumulator(max_requests=2, max_gaps=2)
    accumulator.arrived(7, 1.0, 10)
    accumulator.tokens(7, 1.5)
    accumulator.tokens(7, 1.75)
    accumulator.arrived(-3, 1.25, 20)
    return accumulator


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda live: live.arrived(7, 2.0), "request is 7: must not be in flight already"),
        (lambda live: live.arrived(8, 2.0), "request is 8: as many requests are in flight as max_requests allows, 2"),
        (lambda live: live.arrived(8, 2.0, -1), "prompt_length is -1: must be at least 0"),
        (lambda live: live.arrived(8, float("nan")), "time is nan"),
        (lambda live: live.arrived(8, -1.0), "time is -1.0"),
        (lambda live: live.arrived(8, float("inf")), "time is inf"),
        (lambda live: live.started(9, 2.0), "request is 9: must be in flight"),
        (lambda live: live.started(7, 2.0), "request is 7: must not have tokens already"),
        (lambda live: live.started(-3, 1.0), "must not be before the last event of request -3, at 1.25"),
        (lambda live: live.tokens(9, 2.0), "request is 9: must be in flight"),
        (lambda live: live.tokens(7, 1.7), "time is 1.7: must not be before the last event of request 7, at 1.75"),
        (lambda live: live.tokens(7, 2.0, -1), "count is -1: must be at least 0"),
        (lambda live: live.tokens(7, 2.0, 2**31 - 1), "request 7 has 2, and must not have more than 2147483647"),
        (lambda live: live.finished(9, 2.0), "request is 9: must be in flight"),
        (lambda live: live.finished(7, 1.0), "must not be before the last event"),
        (lambda live: live.finished(7, 2.0, "why"), "reason is 'why'"),
        (lambda live: live.failed(9, 2.0), "request is 9: must be in flight"),
        (lambda live: live.failed(7, 2.0, "why"), "reason is 'why'"),
        (lambda live: live.advance(-1.0), "time is -1.0"),
        (lambda live: live.add([9], [2.0]), "event[0]: request is 9: must be in flight"),
        (lambda live: live.add([9, 9], [2.0]), "time has 1 element"),
        (lambda live: live.add([7], [2.0], [150], [1]), "event[0]: event is 150"),
        (lambda live: live.add([-3], [2.0], [200], [1]), "event[0]: value is 1: must be 0"),
        (lambda live: live.add([7], [2.0], [400], [1]), "event[0]: reason is 1"),
        (lambda live: live.add([7], [2.0], [500], [7]), "event[0]: reason is 7"),
        (lambda live: live.add([7], [2.0], [400]), "events.value is NULL"),
        (lambda live: live.measure(percentiles=[50, 101]), "percentiles[1] is 101.0"),
        (lambda live: live.measure("today"), "scope is 'today'"),
        (lambda live: live.merge(busy_accumulator()), "must not be in flight in both"),
        (lambda live: live.merge(live), "other is the accumulator itself"),
        (lambda live: live.merge(Accumulator(window=30.0)), "other has another window"),
        (lambda live: live.merge(Accumulator(slo=SLO(ttft=1.0))), "other has another window"),
        (lambda live: live.prometheus("a\0b"), "NUL"),
        (lambda live: live.prometheus("\ud800"), "model_name is not UTF-8"),
        (lambda live: live.prometheus("model", max_model_len=0), "max_model_len is 0"),
    ],
)
def test_an_error_names_what_is_wrong_and_leaves_everything_as_it_was(call: Any, sentence: str) -> None:
    accumulator = busy_accumulator()
    before = accumulator.save()
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the sentence is compared below)
        call(accumulator)
    assert sentence in str(raised.value)
    assert accumulator.save() == before


def test_a_merge_beyond_the_capacity_changes_nothing() -> None:
    accumulator, other = busy_accumulator(), Accumulator()
    other.arrived(1, 0.0)
    before = accumulator.save()
    with pytest.raises(BatchingValueError, match="3 requests would be in flight: max_requests is 2"):
        accumulator.merge(other)
    assert accumulator.save() == before


def test_gaps_beyond_the_capacity_are_refused_and_come_free_at_the_end() -> None:
    accumulator = busy_accumulator()
    accumulator.tokens(7, 2.0)
    before = accumulator.save()
    with pytest.raises(BatchingValueError, match="there are already 2 gaps in flight, which is max_gaps"):
        accumulator.tokens(7, 3.0)
    assert accumulator.save() == before
    assert accumulator.state.gaps == 2
    accumulator.failed(7, 3.0)
    assert accumulator.state.gaps == 0


def test_events_before_the_one_in_error_are_taken() -> None:
    accumulator = busy_accumulator()
    with pytest.raises(BatchingValueError, match=r"event\[1\]: request is 9"):
        accumulator.add([7, 9, 7], [2.0, 2.0, 2.0])
    assert accumulator.state.gaps == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"window": 0.0},
        {"window": float("nan")},
        {"window": 1e-9, "slot_count": 2},
        {"window": 1e10},
        {"slot_count": 0},
        {"slot_count": 3601},
        {"max_requests": 0},
        {"max_requests": 2**24 + 1},
        {"max_gaps": 0},
        {"max_gaps": 2**31 + 1},
        {"slo": SLO(ttft=-1.0)},
        {"slo": SLO(itl=1e-10)},
    ],
)
def test_a_setting_out_of_its_range_is_an_error(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (that it is one is what counts)
        Accumulator(**arguments)


def test_an_id_is_free_again_once_its_request_has_ended() -> None:
    accumulator = Accumulator(max_requests=1)
    for place in range(100):
        accumulator.arrived(5, float(place))
        accumulator.tokens(5, place + 0.25)
        (accumulator.finished if place % 2 else accumulator.failed)(5, place + 0.5)
    metrics = accumulator.measure()
    assert (metrics.completed, metrics.failed) == (50, 50)


def test_ids_may_be_any_integers_of_64_bits() -> None:
    ids = [0, -1, 2**63 - 1, -(2**63), *(place << 32 for place in range(1, 500)), *range(1, 500)]
    accumulator = Accumulator(max_requests=len(ids))
    for place, request in enumerate(ids):
        accumulator.arrived(request, 0.0, place)
    random.Random(3).shuffle(ids)  # noqa: S311  (no secret)
    for request in ids:
        accumulator.tokens(request, 1.0)
        accumulator.finished(request, 1.0)
    assert accumulator.measure().total_input_tokens == sum(range(len(ids)))


@needs_recordings
def test_any_changed_byte_is_found() -> None:
    requests = dict(enumerate(recording("failures40.json").requests))
    accumulator = accumulated(in_order(requests)[:-40])
    good = accumulator.save()
    assert Accumulator.load(good).save() == good
    chance = random.Random(5)  # noqa: S311  (no secret)
    for place in [*range(400), *chance.sample(range(len(good)), 400)]:
        bad = bytearray(good)
        bad[place] ^= 1 << chance.randrange(8)
        with pytest.raises(BatchingValueError, match="bytes"):
            Accumulator.load(bytes(bad))
    for size in [*range(40), len(good) - 1]:
        with pytest.raises(BatchingValueError, match="bytes"):
            Accumulator.load(good[:size])
    with pytest.raises(BatchingValueError, match="bytes"):
        Accumulator.load(good + b"\0")


def test_a_second_thread_is_told_that_it_is_busy() -> None:
    count = 2_000_000
    request, times = np.ones(count, np.int64), np.zeros(count)
    refused: list[str] = []
    # Whether two threads meet is up to the machine: until they do.
    for _ in range(100):
        accumulator = Accumulator(max_requests=2, max_gaps=count)
        accumulator.arrived(1, 0.0)
        other = threading.Thread(target=accumulator.add, args=(request, times))
        other.start()
        while other.is_alive() and not refused:
            try:
                accumulator.measure(percentiles=[])
            except BatchingBusyError as error:
                refused.append(str(error))
        other.join()
        if refused:
            break
    assert "accumulator is in use by another call" in refused[0]
    assert accumulator.state.gaps == count - 1


def test_equal_figures_of_equal_values() -> None:
    requests = {
        place: _request(0, 1, 7, [(0, 1), (3, 1)], 1, success=True, starts=True, reason=0) for place in range(9)
    }
    metrics = accumulated(in_order(requests)).measure()
    for name in SAMPLES:
        sample = getattr(metrics, name)
        assert sample.std == 0.0
        assert sample.min == sample.mean == sample.max == sample.median


def test_goodput_without_slos_is_none() -> None:
    metrics = accumulated(in_order({1: replace(_request(0, 0, 1, [(0, 1)], 1, success=True, starts=True, reason=0))}))
    assert metrics.measure().good is None
    assert metrics.measure().request_goodput is None


def test_kinds_of_events_are_integers() -> None:
    live = Accumulator()
    with pytest.raises(TypeError, match=r"event\[0\] is 100\.7: must be an integer"):
        live.add([1], [0.0], [100.7], [1])
    live.add([1, 1], [0.0, 1.0], [AccumulatorEvent.ARRIVED, AccumulatorEvent.TOKENS], [5, 1])
    assert live.state.running == 1
