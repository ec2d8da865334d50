"""Whatever the handler of a signal raises while the library works comes out of the call, whichever call it is."""

import ctypes
import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from batching import (
    Accumulator,
    AccumulatorEvent,
    AffineTime,
    CompletedColumns,
    LiveEngine,
    PolicyDecision,
    PolicyView,
    RecordedRequests,
    RequestColumns,
    calculate_batch_metrics,
    distribution,
    generate_workload,
    load_over_time,
    measure,
    request_latencies,
    simulate,
    simulate_continuous,
    simulate_static,
)
from batching._ffi.loader import library
from batching._ffi.signals import GO_ON, _set_interrupt, _Watch, interruptible

TIME = AffineTime(base=1e-6, per_context_token=1.7e-9)
ENDLESS = RequestColumns([2**30], [1])
"""A billion iterations of no closed form."""


class AlarmError(Exception):
    """What nothing else raises."""


@contextmanager
def alarm(first: float, interval: float = 0.0, *, raising: int = 1) -> Iterator[list[int]]:
    """A handler, and signals for it, in wall-clock seconds: it raises once, at the signal of this number."""
    seen: list[int] = []

    def handler(number: int, _: object) -> None:
        seen.append(number)
        if len(seen) == raising:
            raise AlarmError

    before = signal.signal(signal.SIGALRM, handler)
    # What a handler raises in a callback of the collector, of which the test tools have one, is lost in Python itself.
    gc.disable()
    try:
        signal.setitimer(signal.ITIMER_REAL, first, interval)
        yield seen
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def crowd(count: int) -> LiveEngine:
    """One whose iterations look at every request: a prompt in small chunks ahead of many that decode."""
    engine = LiveEngine(max_num_seqs=count + 1, max_num_batched_tokens=2**30, long_prefill_token_threshold=1)
    engine.submit(0, prompt_length=2_000_000_000, output_length=10)
    engine.submit_columns(RequestColumns(np.full(count, 2_000_000_000), np.full(count, 1)), np.arange(1, count + 1))
    return engine


def slow_policy(view: PolicyView, decision: PolicyDecision) -> None:
    decision.decode_rest = True
    for row in range(view.running_count, view.count):
        decision.schedule(row, int(view.uncomputed_tokens[row]))


RUNS = pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda: simulate(ENDLESS, iteration_time=TIME), id="simulate"),
        pytest.param(lambda: simulate(ENDLESS, iteration_time=lambda _: 1e-3), id="time model"),
        pytest.param(lambda: simulate(ENDLESS, iteration_time=TIME, progress=lambda _: None), id="progress"),
        pytest.param(lambda: simulate(ENDLESS, policy=slow_policy), id="policy"),
        pytest.param(lambda: crowd(20_000).advance(), id="advance"),
        pytest.param(lambda: crowd(2_000).estimate(prompt_length=10, output_length=50_000_000), id="estimate"),
    ],
)


@RUNS
def test_an_alarm_comes_out_of_a_run(run: Callable[[], object]) -> None:
    with pytest.raises(AlarmError), alarm(0.2):
        run()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@RUNS
def test_a_storm_of_signals_comes_out_of_a_run(run: Callable[[], object]) -> None:
    # Signals as often as the timer can: so they meet every instruction there is, those of callbacks among them.
    for raising in range(1, 16):
        with pytest.raises(AlarmError), alarm(0.01, 0.0002, raising=raising):
            run()
        assert _set_interrupt(None, None) is None


@RUNS
def test_nothing_is_lost_or_printed(run: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lost.append)
    for delay in np.linspace(0.001, 0.02, 20):
        with pytest.raises(AlarmError), alarm(delay):
            run()
    assert lost == []


def test_an_engine_goes_on_after_a_storm_as_if_there_had_been_none() -> None:
    def ends(engine: LiveEngine) -> list[tuple[int, float]]:
        return [(event.request, event.time) for event in engine.poll()]

    def made() -> LiveEngine:
        engine = LiveEngine(policy=slow_policy, iteration_time=lambda told: 0.001 + 1e-6 * told.context_tokens)
        engine.submit_columns(RequestColumns(np.arange(20, 60), np.arange(1, 41), np.arange(40) / 100))
        return engine

    calm, stormy = made(), made()
    calm.advance()
    raised = 0
    done = False
    while not done:
        try:
            with alarm(0.0005, 0.0002, raising=2):
                stormy.advance()
                done = True
        except AlarmError:
            raised += 1
    assert ends(stormy) == ends(calm)
    assert raised > 0


def test_a_handler_that_raises_nothing_changes_nothing() -> None:
    requests = RequestColumns(np.full(4, 300_000), np.full(4, 1))
    expected = simulate(requests, iteration_time=TIME)
    with alarm(0.0005, 0.0005, raising=0) as seen:
        got = simulate(requests, iteration_time=TIME)
    assert got.end_time.tobytes() == expected.end_time.tobytes()
    assert seen


def test_a_handler_may_use_the_library_meanwhile() -> None:
    ends: list[float] = []

    def handler(*_: object) -> None:
        ends.append(simulate(RequestColumns([3], [1]), iteration_time=0.5).total_time)
        if len(ends) == 3:
            raise AlarmError

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with pytest.raises(AlarmError):
            simulate(ENDLESS, iteration_time=TIME)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert ends == [1.5] * 3


COUNT = 600_000
LENGTHS = np.full(COUNT, 7, np.int32)
TIMES = np.arange(COUNT) / 1000
UNORDERED = TIMES[::-1].copy()


def columns() -> RequestColumns:
    return RequestColumns(LENGTHS, LENGTHS, UNORDERED)


def completed() -> CompletedColumns:
    return CompletedColumns(UNORDERED, UNORDERED + 1, LENGTHS)


def recorded() -> RecordedRequests:
    return RecordedRequests(end_time=UNORDERED + 1, output_length=LENGTHS, arrival_time=UNORDERED)


def full_engine() -> LiveEngine:
    engine = LiveEngine()
    engine.submit_columns(RequestColumns(np.full(300_000, 7), np.full(300_000, 1)))
    return engine


def full_accumulator() -> Accumulator:
    live = Accumulator(max_requests=2**18)
    live.add(np.arange(100_000), np.zeros(100_000), np.full(100_000, AccumulatorEvent.ARRIVED), np.ones(100_000, int))
    return live


TRAFFIC = full_accumulator()
TRAFFIC_BYTES = TRAFFIC.save()
ENGINE = full_engine()
BYTES = ENGINE.save()
COLUMN_CALLS: dict[str, Callable[[], object]] = {
    "generate": lambda: generate_workload(COUNT),
    "static": lambda: simulate_static(columns(), 8),
    "continuous": lambda: simulate_continuous(columns(), 8),
    "simulate": lambda: simulate(columns(), max_num_seqs=8),
    "measure": lambda: measure(recorded()),
    "load": lambda: load_over_time(recorded()),
    "distribution": lambda: distribution(UNORDERED),
    "latencies": lambda: request_latencies(completed()),
    "batch metrics": lambda: calculate_batch_metrics(completed(), 1000.0),
    "simulate at once": lambda: simulate(
        RequestColumns(LENGTHS, LENGTHS), max_num_seqs=COUNT, max_num_batched_tokens=2_000_000_000
    ),
    "merge": lambda: Accumulator(max_requests=2**18).merge(TRAFFIC),
    "accumulator to bytes": TRAFFIC.save,
    "accumulator from bytes": lambda: Accumulator.load(TRAFFIC_BYTES),
    "accumulator": lambda: Accumulator(max_requests=2**20).add(np.arange(COUNT), TIMES, np.full(COUNT, 100), LENGTHS),
    # In order of arrival: what comes before others that are pending moves them.
    "submit": lambda: LiveEngine().submit_columns(RequestColumns(LENGTHS)),
    "fork": ENGINE.fork,
    "save": ENGINE.save,
    "load bytes": lambda: LiveEngine.load(BYTES),
}


@pytest.mark.parametrize("call", COLUMN_CALLS.values(), ids=COLUMN_CALLS.keys())
def test_a_call_on_columns_asks_within_a_bounded_number_of_rows(
    call: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not how long it takes, but how often it asks: so often that the signal need not wait for the end.
    asked: list[object] = []

    class Counted(_Watch):
        def __init__(self) -> None:
            super().__init__()
            self._counting = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(self.count)
            self.address = ctypes.cast(self._counting, ctypes.c_void_p).value

        def count(self, user_data: object) -> int:
            asked.append(user_data)
            return GO_ON

    monkeypatch.setattr("batching._ffi.signals._idle", [Counted()])
    call()
    assert asked


def test_other_threads_ask_nothing() -> None:
    told: list[object] = []

    def work() -> None:
        interruptible(told.append, _set_interrupt(None, None))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [None]
    assert library.batching_version_number() > 0
