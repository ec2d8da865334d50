"""The logs of a live engine: in any slices those of one run, and what is told where a call stops on its way."""

import signal
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from batching import (
    AffineTime,
    BatchingBusyError,
    BatchingCancelledError,
    BatchingValueError,
    DecisionLog,
    Event,
    Iteration,
    IterationLog,
    LiveEngine,
    LiveEngineLogs,
    PolicyDecision,
    PolicyView,
    RequestColumns,
    RequestStatus,
    simulate,
)
from batching._engine.logs import LogCollector
from live_driver import Drive
from oracle.cases import SeededSource
from oracle.comparison import DECISION_COLUMNS, ITERATION_COLUMNS, assert_same_column, run_slow
from test_live_engine import a_live_case

Row = tuple[int, int, int, int]


class LoggedDrive(Drive):
    """Takes down what each call tells."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.iteration_log: dict[str, list[float]] = {name: [] for name in ITERATION_COLUMNS}
        self.decision_log: list[Row] = []

    def advance(self, *arguments: Any, **named: Any) -> None:
        logs = self.engine.advance_logged(*arguments, **named, log_queues=True)
        iterations, decisions = both(logs)
        for name in ITERATION_COLUMNS:
            self.iteration_log[name] += getattr(iterations, name).tolist()
        indices = {self.name(index): index for index in range(len(self.arrival))}
        self.decision_log += [
            (iteration, indices[request], event, tokens) for iteration, request, event, tokens in rows(decisions)
        ]


def both(logs: LiveEngineLogs) -> tuple[IterationLog, DecisionLog]:
    assert logs.iteration_log is not None
    assert logs.decision_log is not None
    return logs.iteration_log, logs.decision_log


def rows(log: Any) -> list[Row]:
    return list(zip(*(np.asarray(getattr(log, name)).tolist() for name in DECISION_COLUMNS), strict=True))


ENDS = {Event.ABORTED, Event.REJECTED}


def assert_same_logs_in_slices(seed: int) -> int:
    """Returns how many requests left between calls."""
    source = SeededSource(seed)
    case = a_live_case(source)
    case.options = replace(case.options, log_queues=True)
    expected = run_slow(case)
    drive = LoggedDrive(case, source)
    drive.run()
    # A request that waits leaves a live engine at once, with no row; nor is it rejected then.
    ended = {request for _, request, event, _ in drive.decision_log if event in ENDS}
    wanted = [row for row in rows(expected.decision_log) if row[2] not in ENDS or row[1] in ended]
    assert drive.decision_log == wanted
    for name, column in drive.iteration_log.items():
        assert_same_column(name, getattr(expected.iteration_log, name), np.array(column, np.float64))
    aborted = [index for index, status in enumerate(drive.told.status) if status == RequestStatus.ABORTED]
    assert all(drive.told.status[index] != RequestStatus.STUCK for index in ended)
    return len(set(aborted) - ended)


def test_the_rows_of_slices_are_those_of_the_slow_engine() -> None:
    left = 0
    for seed in range(80_000, 81_000):
        try:
            left += assert_same_logs_in_slices(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert left > 20


@pytest.mark.parametrize("settings", [{}, {"async_scheduling": True}, {"enable_prefix_caching": True}])
def test_queues_are_told_though_places_move(settings: dict[str, Any]) -> None:
    # Some hundred wait, among whom four at a time are rejected; the engine closes the gaps as more are submitted.
    count = 600
    random = np.random.default_rng(3)
    columns: dict[str, Any] = {
        "output_length": random.integers(1, 20, count).astype(np.int32),
        "prompt_length": np.where(np.arange(count) % 17 < 4, 900, random.integers(1, 30, count)).astype(np.int32),
        "arrival_time": np.sort(random.uniform(0.0, 3.0, count)).round(6),
    }
    hashes = np.arange(2 * count) % 14 if "enable_prefix_caching" in settings else None

    def some(first: int, last: int) -> RequestColumns:
        rows = slice(first, last)
        shared: dict[str, Any] = {}
        if hashes is not None:
            shared = {"hash_ids": hashes[2 * first : 2 * last], "hash_offsets": np.arange(last - first + 1) * 2}
        return RequestColumns(**{name: column[rows] for name, column in columns.items()}, **shared)

    chosen: dict[str, Any] = {
        "max_num_seqs": 8, "max_model_len": 800, "num_gpu_blocks": 40, "block_size": 4,
        "iteration_time": AffineTime(base=0.004, per_prefill_token=1e-4), **settings,
    }  # fmt: skip
    run = simulate(some(0, count), **chosen, log_queues=True, log_iterations=True)
    engine = LiveEngine(**chosen)
    decisions: list[Row] = []
    times: list[float] = []
    first = 0
    while first < count:
        last = min(count, first + int(random.integers(1, 40)))
        engine.submit_columns(some(first, last), np.arange(first, last))
        first = last
        told = engine.advance_logged(columns["arrival_time"][last] if last < count else float("inf"), log_queues=True)
        decisions += rows(both(told)[1])
        times += both(told)[0].start_time.tolist()
    assert run.decision_log is not None
    assert run.iteration_log is not None
    assert run.total_preemptions > 0
    assert decisions == rows(run.decision_log)
    assert times == run.iteration_log.start_time.tolist()


def lesson(**settings: Any) -> LiveEngine:
    """Two slots and three requests at 0.0, of 10, 4 and 5 tokens; an iteration takes 0.25 s."""
    engine = LiveEngine(**{"max_num_seqs": 2, "iteration_time": 0.25, **settings})
    engine.submit_columns(RequestColumns([10, 4, 5], [10, 10, 10]), [70, 71, 72])
    return engine


def named(log: DecisionLog) -> list[tuple[int, int, str, int]]:
    return [(iteration, request, Event(event).name, tokens) for iteration, request, event, tokens in rows(log)]


def test_an_iteration_is_told_as_it_ends_and_a_decision_as_it_is_made() -> None:
    engine = lesson()
    iterations, decisions = both(engine.advance_logged(0.3))
    assert iterations.time.tolist() == [0.0]
    assert iterations.prefill_tokens.tolist() == [20]
    assert named(decisions) == [
        (0, 70, "ADMITTED", 0), (0, 70, "SCHEDULED", 10), (0, 71, "ADMITTED", 0), (0, 71, "SCHEDULED", 10),
        (1, 70, "SCHEDULED", 1), (1, 71, "SCHEDULED", 1),
    ]  # fmt: skip
    # The second ends at 0.5, and the third begins.
    iterations, decisions = both(engine.advance_logged(0.6))
    assert (iterations.time.tolist(), iterations.waiting.tolist()) == ([0.25], [1])
    assert named(decisions) == [(2, 70, "SCHEDULED", 1), (2, 71, "SCHEDULED", 1)]
    iterations, decisions = both(engine.advance_logged(0.5))
    assert (len(iterations), len(decisions)) == (0, 0)
    iterations, decisions = both(engine.advance_logged(1.1))
    assert iterations.finished.tolist() == [0, 1]
    assert named(decisions)[2:4] == [(3, 71, "FINISHED", 4), (4, 70, "SCHEDULED", 1)]
    assert len(both(engine.advance_logged(9.0, iterations=2))[0]) == 3


def test_each_log_alone() -> None:
    engine = lesson()
    assert engine.advance_logged(0.3, log_iterations=False, log_decisions=False) == (None, None)
    assert engine.state.clock == 0.3
    told = engine.advance_logged(0.6, log_decisions=False)
    assert told.decision_log is None
    assert told.iteration_log is not None
    assert repr(told.iteration_log).startswith("IterationLog(")
    told = engine.advance_logged(1.1, log_iterations=False, log_decisions=False, log_queues=True)
    assert told.iteration_log is None
    assert told.decision_log is not None
    assert {Event.RUNNING, Event.WAITING} <= set(told.decision_log.event.tolist())
    with pytest.raises(TypeError, match="log_queues is 1: must be True or False"):
        engine.advance_logged(2.0, log_queues=1)  # type: ignore[arg-type]
    with pytest.raises(BatchingValueError, match="time is nan"):
        engine.advance_logged(float("nan"))
    assert engine.state.clock == 1.1


@pytest.mark.parametrize("async_scheduling", [False, True])
def test_logs_may_begin_later(async_scheduling: bool) -> None:
    whole = both(lesson(async_scheduling=async_scheduling).advance_logged())
    for begin in np.arange(0.0, 3.0, 0.0625).tolist():
        engine = lesson(async_scheduling=async_scheduling)
        engine.advance(begin)
        iterations, decisions = both(engine.advance_logged())
        # What was under way may be left out.
        ends = whole[0].start_time + whole[0].duration
        kept = np.flatnonzero(ends > begin)
        assert len(kept) - 2 <= len(iterations) <= len(kept)
        for name in ITERATION_COLUMNS:
            expected = getattr(whole[0], name)[len(whole[0]) - len(iterations) :]
            assert getattr(iterations, name).tolist() == expected.tolist()
        assert rows(decisions) == rows(whole[1])[len(whole[1]) - len(decisions) :]


def test_a_copy_and_an_engine_from_bytes_tell_on() -> None:
    for settings in ({"async_scheduling": True}, {}):
        whole = both(lesson(**settings).advance_logged())
        for begin in np.arange(0.0, 3.0, 0.125).tolist():
            engine = lesson(**settings)
            before = both(engine.advance_logged(begin))
            for other in (engine.fork(), LiveEngine.load(engine.save()), engine):
                after = both(other.advance_logged())
                for column in ITERATION_COLUMNS:
                    told = [getattr(part[0], column).tolist() for part in (before, after, whole)]
                    assert told[0] + told[1] == told[2]
                assert rows(before[1]) + rows(after[1]) == rows(whole[1])


def test_what_was_told_when_a_call_raises_comes_with_the_next() -> None:
    answers: list[Exception | None] = []

    def time(_: Iteration) -> float:
        answer = answers.pop() if answers else None
        if answer is not None:
            raise answer
        return 0.25

    whole = both(lesson(iteration_time=time).advance_logged())
    engine = lesson(iteration_time=time)
    answers += [ZeroDivisionError("once"), KeyError("first"), None, None, None]
    for error in (KeyError, ZeroDivisionError):
        with pytest.raises(error):
            engine.advance_logged()
        assert engine.state.clock == 0.75
    # Not with a call that does not want them, nor with one that is refused.
    assert len(both(engine.fork().advance_logged(0.8))[0]) == 0
    engine.advance_logged(0.75, log_decisions=False, log_iterations=False)
    with pytest.raises(BatchingValueError):
        engine.advance_logged(-1.0)
    iterations, decisions = both(engine.advance_logged())
    assert iterations.time.tolist() == whole[0].time.tolist()
    assert rows(decisions) == rows(whole[1])
    assert len(both(engine.advance_logged())[0]) == 0


def test_a_signal_that_comes_as_rows_are_taken_waits() -> None:
    # Rows are taken within an iteration, which must be brought to its end.
    whole = both(lesson(num_gpu_blocks=1000).advance_logged())
    engine = lesson(num_gpu_blocks=1000)
    engine.advance_logged(0.1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    taken = LogCollector._take

    def take(self: LogCollector, row_count: int) -> None:
        signal.raise_signal(signal.SIGINT)
        taken(self, row_count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogCollector, "_take", take)
        with pytest.raises(KeyboardInterrupt):
            engine.advance_logged(2.0)
    signal.signal(signal.SIGINT, before)
    iterations, _ = both(engine.advance_logged())
    assert iterations.time.tolist() == whole[0].time.tolist()
    assert engine.state.finished == 3


def test_rows_that_cannot_be_taken_end_the_engine() -> None:
    def take(_: LogCollector, __: int) -> None:
        raise MemoryError("none")

    engine = lesson()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogCollector, "_take", take)
        with pytest.raises(MemoryError, match="none"):
            engine.advance_logged(2.0)
    assert [event.event for event in engine.poll()][:2] == [Event.ADMITTED, Event.ADMITTED]
    assert engine.state.running == 2
    with pytest.raises(BatchingCancelledError, match="the callback of the iteration log returned 1"):
        engine.advance(3.0)


def test_a_policy_cannot_use_its_own_engine_to_log() -> None:
    refused: list[bool] = []

    def policy(_: PolicyView, decision: PolicyDecision) -> None:
        with pytest.raises(BatchingBusyError):
            engine.advance_logged(9.0)
        refused.append(True)
        decision.decode_rest = True
        decision.schedule([0], [1])

    engine = LiveEngine(policy=policy)
    engine.submit(5, prompt_length=1, output_length=2)
    iterations, decisions = both(engine.advance_logged())
    assert len(iterations) == len(refused) == 2
    assert [row[1:3] for row in named(decisions)] == [
        (5, "ADMITTED"), (5, "SCHEDULED"), (5, "SCHEDULED"), (5, "FINISHED")
    ]  # fmt: skip


def test_a_request_that_leaves_between_calls_has_no_row() -> None:
    engine = lesson()
    told = [*rows(both(engine.advance_logged(0.6))[1])]
    engine.abort(72)
    engine.abort(70)
    told += rows(both(engine.advance_logged())[1])
    # The one that waits leaves at once; the one that runs, as the iteration is over.
    assert [row[1] for row in told if row[2] == Event.ABORTED] == [70]
    assert [event.request for event in engine.poll() if event.event == Event.ABORTED] == [72, 70]
