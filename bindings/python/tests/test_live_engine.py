"""Live engines: the decisions of the slow engine in any slices, and what a host can do with them besides."""

import math
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import (
    BatchingBusyError,
    BatchingValueError,
    Event,
    Iteration,
    LiveEngine,
    RequestColumns,
    RequestStatus,
    simulate,
)
from live_driver import Drive, Told
from oracle.cases import STEP, Case, SeededSource, an_open_case
from oracle.comparison import run_slow
from oracle.simulators import nanoseconds, seconds

SEEDS = range(50_000, 52_000)
COLUMNS = ["start_time", "first_token_time", "end_time", "preemptions", "prefix_cached_tokens", "status"]


def a_live_case(source: SeededSource) -> Case:
    """A case without what a live engine does not have: limits, and what goes on until one is reached."""
    case = an_open_case(source)
    case.options = replace(case.options, time_limit=None, iteration_limit=None, admit_oversized=False)
    if case.options.policy == "static":
        # It starts its last batch once it knows that nothing more comes: then no request is there to leave.
        case.workload.abort_time = None
    if case.workload.abort_time is not None:
        # What a host does at the very end of an iteration comes after that; the real scheduler takes it before.
        case.workload.abort_time = [time + 333e-9 for time in case.workload.abort_time]
    return case


def assert_same_in_slices(seed: int) -> None:
    source = SeededSource(seed)
    case = a_live_case(source)
    expected = run_slow(case)
    told = Drive(case, source).run()
    for index, abort_time in enumerate(case.workload.abort_time or []):
        # One that waits leaves a live engine at once, and not at the end of the iteration under way: nor is it rejected
        # then.
        left_at_once = told.status[index] == RequestStatus.ABORTED and math.isnan(told.start_time[index])
        if left_at_once or (not math.isnan(abort_time) and told.end_time[index] == seconds(nanoseconds(abort_time))):
            assert expected.status[index] >= RequestStatus.ABORTED
            told.end_time[index], told.status[index] = expected.end_time[index], expected.status[index]
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), err_msg=name)
    gone = [index for index, status in enumerate(expected.status) if status in {0, RequestStatus.ABORTED}]
    assert [told.tokens_generated[index] for index in gone] == [expected.tokens_generated[index] for index in gone]
    assert told.completion_order == [index for index in expected.completion_order if index >= 0]
    assert told.times == sorted(told.times)


def test_slices_give_the_bits_of_the_slow_engine() -> None:
    for seed in SEEDS:
        try:
            assert_same_in_slices(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_corrected_output_lengths_give_the_bits_of_the_right_ones() -> None:
    corrected = 0
    for seed in range(60_000, 60_600):
        source = SeededSource(seed)
        case = a_live_case(source)
        if case.options.policy not in {"vllm", "continuous"} or case.options.queue_order == "shortest_output":
            continue
        # What is expected must not be rejected, and neither must what is right. Asynchronously a token more than the
        # right ones may be on its way when it is corrected.
        case.options = replace(
            case.options, max_model_len=None, num_gpu_blocks=400, enable_chunked_prefill=True, async_scheduling=False
        )
        case.workload.hash_ids = case.workload.max_tokens = case.workload.abort_time = None
        expected = run_slow(case)
        drive = CorrectingDrive(case, source, expected.end_time)
        told = drive.run()
        corrected += drive.corrected
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), err_msg=f"seed {seed}: {name}")
        assert told.tokens_generated == expected.tokens_generated
    assert corrected > 500


class CorrectingDrive(Drive):
    """Expects other lengths, and corrects each before the request would be done."""

    def __init__(self, case: Case, source: SeededSource, ends: list[float], **own: Any) -> None:
        super().__init__(case, source, **own)
        self.ends = ends
        self.right = list(case.workload.output_length)
        self.wrong: set[int] = set()
        self.corrected = 0

    def submit(self, target: int) -> None:
        outputs = list(self.right)
        for index in self.left:
            if self.source.integer(0, 1):
                outputs[index] += self.source.integer(1, 40)
                self.wrong.add(index)
        self.case.workload.output_length = outputs
        super().submit(target)
        self.case.workload.output_length = self.right
        self.wrong -= set(self.left)
        for index in sorted(self.wrong):
            # Sooner or later, but before the iteration that gives the last token has ended.
            if not self.left or nanoseconds(self.ends[index]) <= target or self.source.integer(0, 2) == 0:
                self.engine.set_output_length(self.name(index), self.right[index])
                self.wrong.discard(index)
                self.corrected += 1

    def run(self) -> Told:
        told = super().run()
        assert not self.wrong
        return told


def test_an_estimate_is_what_happens_if_the_request_is_sent() -> None:
    finished = 0
    for seed in range(70_000, 70_300):
        source = SeededSource(seed)
        case = a_live_case(source)
        case.workload.abort_time = None
        drive = Drive(case, source)
        drive.submit(10**12)
        drive.engine.advance(seconds(source.integer(0, 30) * STEP // 2))
        engine = drive.engine
        clock = engine.state.clock
        question = {
            "prompt_length": source.integer(0, 30),
            "output_length": source.integer(1, 30),
            "arrival_time": clock + seconds(source.integer(0, 5) * STEP),
            "priority": source.integer(-2, 2),
        }
        estimate = engine.estimate(**question)  # type: ignore[arg-type]
        engine.poll()
        engine.submit(10**15, **question)  # type: ignore[arg-type]
        engine.advance()
        times = {event.event: event.time for event in engine.poll() if event.request == 10**15}
        for event, time in (
            (Event.ADMITTED, estimate.start_time),
            (Event.FIRST_TOKEN, estimate.first_token_time),
            (Event.FINISHED, estimate.end_time),
        ):
            np.testing.assert_equal(times.get(event, math.nan), time, err_msg=f"seed {seed}: {event.name}")
        assert (Event.REJECTED in times) == (estimate.status >= RequestStatus.REJECTED_MODEL_LENGTH)
        if estimate.status == RequestStatus.FINISHED:
            finished += 1
            assert estimate.ttft == estimate.first_token_time - question["arrival_time"]
            assert estimate.e2e == estimate.end_time - question["arrival_time"]
    assert finished > 100


def lesson(**settings: Any) -> LiveEngine:
    """Two slots and three requests at 0.0, of 10, 4 and 5 tokens; an iteration takes 0.25 s."""
    engine = LiveEngine(max_num_seqs=2, iteration_time=0.25, **settings)
    engine.submit_columns(RequestColumns([10, 4, 5], [10, 10, 10]))
    return engine


def told(engine: LiveEngine) -> list[tuple[float, int, str, int]]:
    return [(event.time, event.request, event.event.name, event.tokens) for event in engine.poll()]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_next_end_is_that_of_the_iteration_under_way(*, asynchronous: bool) -> None:
    # Asynchronously the iteration after it has been scheduled, and is no concern of the clock's yet.
    engine = LiveEngine(iteration_time=0.25, async_scheduling=asynchronous)
    engine.submit(1, prompt_length=10, output_length=12)
    for quarter in range(12):
        for part in (0.05, 0.125, 0.24):
            engine.advance(0.25 * quarter + part)
            assert engine.state.next_iteration_end == 0.25 * (quarter + 1)


def test_a_running_request_is_aborted_at_the_end_of_the_iteration() -> None:
    engine = lesson()
    engine.advance(0.6)
    # The third iteration is under way, to 0.75.
    assert engine.state.next_iteration_end == 0.75
    assert (engine.state.running, engine.state.waiting) == (2, 1)
    engine.poll()
    engine.abort(0)
    assert engine.state.running == 2
    engine.advance(0.9)
    # The token under way is lost.
    assert told(engine) == [(0.75, 0, "ABORTED", 2), (0.75, 2, "ADMITTED", 0)]
    engine.advance()
    # The second had two tokens at 0.5, and has its fourth at 1.0; the third begins at 0.75 and takes five iterations.
    assert told(engine) == [
        (1.0, 2, "FIRST_TOKEN", 1), (1.0, 1, "FINISHED", 4), (2.0, 2, "FINISHED", 5)
    ]  # fmt: skip
    assert (engine.state.aborted, engine.state.finished, engine.state.clock) == (1, 2, 2.0)


def test_a_request_that_waits_or_has_not_arrived_is_aborted_at_once() -> None:
    engine = lesson()
    engine.submit(7, prompt_length=10, output_length=1, arrival_time=5.0)
    engine.advance(0.3)
    engine.poll()
    engine.abort(2)
    engine.abort(7)
    assert told(engine) == [(0.3, 2, "ABORTED", 0), (0.3, 7, "ABORTED", 0)]
    assert (engine.state.pending, engine.state.waiting, engine.state.running) == (0, 0, 2)
    # Its name is free again.
    engine.submit(2, prompt_length=10, output_length=1)
    with pytest.raises(BatchingValueError, match="request is 7: must be the id of a request in flight"):
        engine.abort(7)


@pytest.mark.parametrize("async_scheduling", [False, True])
def test_an_abort_comes_before_a_last_token(async_scheduling: bool) -> None:
    engine = lesson(async_scheduling=async_scheduling)
    engine.advance(0.9)
    engine.poll()
    engine.abort(1)
    engine.advance(1.1)
    # Request 1 would have its fourth token at 1.0. Its slot is free for the iteration that is scheduled then.
    assert told(engine) == [(1.0, 1, "ABORTED", 3), (1.0, 2, "ADMITTED", 0)]
    assert (engine.state.aborted, engine.state.finished) == (1, 0)


def test_a_request_finishes_earlier_than_expected() -> None:
    engine = lesson()
    engine.advance(0.6)
    engine.poll()
    # It has two tokens, and a third is under way.
    engine.set_output_length(0, 2)
    engine.set_output_length(1, 3)
    engine.advance(0.8)
    assert told(engine) == [(0.75, 0, "FINISHED", 3), (0.75, 1, "FINISHED", 3), (0.75, 2, "ADMITTED", 0)]


def test_a_request_goes_on_longer_than_expected() -> None:
    engine = lesson()
    engine.advance(0.6)
    engine.poll()
    engine.set_output_length(1, 6)
    engine.advance()
    assert [event[:3] for event in told(engine) if event[2] == "FINISHED"] == [
        (1.5, 1, "FINISHED"), (2.5, 0, "FINISHED"), (2.75, 2, "FINISHED")
    ]  # fmt: skip


@pytest.mark.parametrize("iteration_time", [0.25, lambda _: 0.25])
def test_of_several_lengths_the_last_holds(iteration_time: Any) -> None:
    engine = LiveEngine(max_num_seqs=2, iteration_time=iteration_time)
    engine.submit_columns(RequestColumns([10, 4], [10, 10]))
    engine.advance(0.6)
    # They have two tokens, and a third is under way.
    for request, lengths in ((0, (3, 2, 6)), (1, (9, 3))):
        for length in lengths:
            engine.set_output_length(request, length)
    engine.abort(1)
    engine.advance()
    assert [event[:3] for event in told(engine) if event[2] in {"FINISHED", "ABORTED"}] == [
        (0.75, 1, "ABORTED"), (1.5, 0, "FINISHED")
    ]  # fmt: skip


def test_a_batch_is_not_changed_while_it_runs() -> None:
    engine = lesson(policy="static")
    engine.advance(0.6)
    with pytest.raises(BatchingValueError, match="must not run: a static or dynamic batch runs on"):
        engine.set_output_length(0, 20)
    engine.set_output_length(2, 1)
    engine.abort(0)
    engine.advance()
    # The batch goes on to the tenth token of the one that was aborted.
    assert [event for event in told(engine) if event[2] == "FINISHED"] == [
        (2.5, 1, "FINISHED", 4), (2.75, 2, "FINISHED", 1)
    ]  # fmt: skip


def test_a_request_that_leaves_a_batch_has_no_more_tokens_than_it_was_to_have() -> None:
    engine = lesson(policy="static")
    engine.advance(1.6)
    engine.poll()
    # Request 1 had its four at 1.0; the batch goes on, for now in its seventh iteration.
    engine.abort(1)
    engine.advance(1.8)
    assert told(engine) == [(1.75, 1, "ABORTED", 4)]


@pytest.mark.parametrize("length", [1, 2])
def test_asynchronously_a_corrected_request_finishes_as_its_last_token_is_there(length: int) -> None:
    engine = lesson(async_scheduling=True)
    engine.advance(0.1)
    # Its first token comes at 0.25, and the batch behind that has been scheduled: it gives the second at 0.5.
    engine.set_output_length(0, length)
    engine.advance(0.6)
    assert [event for event in told(engine) if event[1] == 0] == [
        (0.0, 0, "ADMITTED", 0), (0.25, 0, "FIRST_TOKEN", 1), (0.25 * length, 0, "FINISHED", length)
    ]  # fmt: skip


def test_more_cannot_be_reserved_than_there_is() -> None:
    # Four blocks of 16 tokens: two for each of two.
    engine = lesson(policy="orca", num_gpu_blocks=5)
    engine.advance(0.3)
    with pytest.raises(BatchingValueError, match="output_length is 50: there are not enough free KV blocks"):
        engine.set_output_length(0, 50)
    with pytest.raises(BatchingValueError, match="must leave the request small enough to be served at all"):
        engine.set_output_length(0, 60)
    engine.set_output_length(0, 22)
    engine.advance()
    assert engine.state.kv_blocks_used == 0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"arrival_time": 0.25},
            r"arrival_time is 0\.25: must not be before the clock of the engine, which is at",
        ),
        ({"request": 0}, r"^request is 0: must not be the id of a request in flight"),
        ({"prompt_length": -1}, r"prompt_length is -1: must be at least 0"),
        ({"output_length": 0}, r"output_length is 0: must be at least 1"),
        ({"arrival_time": math.nan}, r"arrival_time is nan: must be between 0"),
    ],
)
def test_a_bad_request_changes_nothing(given: dict[str, Any], sentence: str) -> None:
    engine = lesson()
    engine.advance(0.5)
    before = repr(engine.state)
    arguments = {"request": 7, "prompt_length": 1, "output_length": 1, **given}
    with pytest.raises(BatchingValueError, match=sentence):
        engine.submit(**arguments)
    assert repr(engine.state) == before


def test_requests_come_all_or_none() -> None:
    engine = lesson()
    with pytest.raises(BatchingValueError, match=r"ids\[2\] is 8: must not be"):
        engine.submit_columns(RequestColumns([1, 1, 1]), [8, 9, 8])
    assert engine.state.submitted == 3
    engine.submit_columns(RequestColumns([1]))
    engine.advance()
    assert {event.request for event in engine.poll()} == {0, 1, 2, 3}


@pytest.mark.parametrize("setting", [{"policy": "none"}, {"max_num_seqs": 0}])
def test_bad_settings(setting: dict[str, Any]) -> None:
    with pytest.raises(BatchingValueError, match=next(iter(setting))):
        LiveEngine(**setting)


def test_what_a_function_raises_comes_out_and_the_engine_goes_on() -> None:
    answers: list[float | Exception] = [0.25, 0.25, ZeroDivisionError("once"), 0.5]

    def time(_: Iteration) -> float:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    engine = LiveEngine(iteration_time=time)
    engine.submit(1, prompt_length=1, output_length=3, arrival_time=0.0)
    with pytest.raises(ZeroDivisionError, match="once"):
        engine.advance()
    assert engine.state.clock == 0.5
    engine.advance()
    assert told(engine)[-1] == (1.0, 1, "FINISHED", 3)


def test_a_callback_cannot_use_its_own_engine() -> None:
    raised: list[Exception] = []

    def time(_: Iteration) -> float:
        for call in (lambda: engine.state, lambda: engine.advance(9.0), engine.fork, engine.poll):
            with pytest.raises(BatchingBusyError) as caught:
                call()
            raised.append(caught.value)
        return 0.25

    engine = LiveEngine(iteration_time=time)
    engine.submit(1, prompt_length=1, output_length=1)
    engine.advance()
    assert len(raised) == 4
    assert told(engine)[-1] == (0.25, 1, "FINISHED", 1)


def test_copies_in_threads_keep_their_exceptions_apart() -> None:
    def time(_: Iteration) -> float:
        raise LookupError(threading.current_thread().name)

    engine = LiveEngine(iteration_time=time)
    engine.submit(1, prompt_length=1, output_length=1)
    names = []

    def run(copy: LiveEngine) -> None:
        with pytest.raises(LookupError) as caught:
            copy.advance()
        names.append((str(caught.value), threading.current_thread().name))

    threads = [threading.Thread(target=run, args=(engine.fork(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 8
    assert all(said == name for said, name in names)


def test_a_late_clock_is_told_as_it_is_taken() -> None:
    # Seconds since 1970: a double holds them to a quarter of a microsecond, the clock to a nanosecond.
    engine = LiveEngine(max_num_seqs=1, iteration_time=0.012345679)
    for request in range(20):
        engine.submit(request, prompt_length=1, output_length=3, arrival_time=1.7e9 + 0.01 * request)
    for _ in range(30):
        engine.advance(iterations=1)
        now = engine.state.clock
        engine.submit(100, prompt_length=1, output_length=2, arrival_time=now)
        assert engine.estimate(prompt_length=1, output_length=2).status == RequestStatus.FINISHED
        engine.abort(100)
    engine.advance()
    assert (engine.state.finished, engine.state.aborted) == (20, 30)


def test_a_callback_may_use_a_copy_of_its_engine() -> None:
    before = signal.getsignal(signal.SIGINT)

    def time(iteration: Iteration) -> float:
        if iteration.number == 1 and copies:
            copies.pop().advance()
        return 0.25

    engine = LiveEngine(iteration_time=time)
    engine.submit(1, prompt_length=1, output_length=3)
    copies = [engine.fork()]
    engine.advance()
    assert told(engine)[-1] == (0.75, 1, "FINISHED", 3)
    assert not copies
    # Ctrl-C is again what it was.
    assert signal.getsignal(signal.SIGINT) is before


def test_memory_is_that_of_those_in_flight() -> None:
    engine = LiveEngine(max_num_seqs=8, iteration_time=0.001, num_gpu_blocks=1000, enable_prefix_caching=True)
    ids = np.arange(40, dtype=np.int64)

    def serve(batches: int) -> None:
        for _ in range(batches):
            engine.submit_columns(
                RequestColumns(
                    np.full(40, 3, np.int32), np.full(40, 64, np.int32), hash_ids=np.repeat(ids, 4),
                    hash_offsets=np.arange(41) * 4,
                )
            )  # fmt: skip
            engine.advance()
            assert len(engine.poll_columns()) == 120

    serve(50)
    before = resident_bytes()
    serve(2_500)
    # A hundred thousand requests; a byte for each would show.
    assert resident_bytes() - before < 2**20
    assert engine.state.finished == 2_550 * 40


@pytest.mark.parametrize("async_scheduling", [False, True])
@pytest.mark.parametrize("enable_prefix_caching", [False, True])
@pytest.mark.parametrize("queue_order", ["arrival", "priority"])
def test_an_engine_that_has_been_emptied_goes_on(
    async_scheduling: bool, enable_prefix_caching: bool, queue_order: Any
) -> None:
    """Rounds of requests, each submitted at once and advanced to its end, are one run: some of them are rejected, and
    some preempted. In between the engine is forked, and saved and loaded."""
    draw = np.random.default_rng(7)
    settings: dict[str, Any] = {
        "max_num_seqs": 16, "iteration_time": 0.01, "num_gpu_blocks": 60, "max_model_len": 240,
        "async_scheduling": async_scheduling, "enable_prefix_caching": enable_prefix_caching,
        "queue_order": queue_order,
    }  # fmt: skip
    engine = LiveEngine(**settings, attribution=True)
    rounds: list[dict[str, Any]] = []
    told = []
    for number, count in enumerate([150, 200, 10, 90, 40, 120, 150, 300]):
        offsets = np.zeros(count + 1, np.int64)
        np.cumsum(draw.integers(0, 12, count), out=offsets[1:])
        prompts = draw.integers(0, 260, count)
        # The last are rejected, and stay in the order of arrival for a while.
        prompts[-5:] = 250
        columns = {
            "output_length": draw.integers(1, 80, count),
            "prompt_length": prompts,
            "arrival_time": np.sort(engine.state.clock + draw.uniform(0, 3, count)),
            "priority": draw.integers(0, 3, count),
            "hash_ids": number // 4 * 100 + draw.integers(0, 2, offsets[-1]),
        }
        engine.submit_columns(RequestColumns(**columns, hash_offsets=offsets, hash_block_size=16))
        engine.advance()
        rounds.append({**columns, "hashes": np.diff(offsets)})
        told.append(engine.poll_columns())
        assert (engine.state.waiting, engine.state.running) == (0, 0)
        if number == 4:
            engine = engine.fork()
        if number == 6:
            engine = LiveEngine.load(engine.save())

    together: dict[str, Any] = {name: np.concatenate([columns[name] for columns in rounds]) for name in rounds[0]}
    offsets = np.cumsum([0, *together.pop("hashes")])
    expected = simulate(
        RequestColumns(**together, hash_offsets=offsets, hash_block_size=16), **settings, attribution=True
    )
    assert np.count_nonzero(expected.status == RequestStatus.REJECTED_MODEL_LENGTH) > 20
    assert expected.preemptions.sum() > 20
    for event, column in [(Event.FINISHED, expected.end_time), (Event.FIRST_TOKEN, expected.first_token_time)]:
        times = np.full(len(expected.status), np.nan)
        for events in told:
            rows = events.event == event
            times[events.request[rows]] = events.time[rows]
        np.testing.assert_array_equal(times, column)
    for part in ("prefill", "decode", "waiting_for_slot", "waiting_for_memory", "preempted"):
        times = np.full(len(expected.status), np.nan)
        for events in told:
            rows = events.event == Event.FINISHED
            times[events.request[rows]] = getattr(events.attribution, part)[rows]
        served = expected.status == RequestStatus.FINISHED
        np.testing.assert_array_equal(times[served], getattr(expected.attribution, part)[served])


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_it_prints() -> None:
    engine = lesson()
    engine.advance(0.3)
    assert repr(engine) == "LiveEngine(at 0.3 s, 2 running, 1 waiting)"
    assert "tokens in flight" in str(engine.state)
    assert "<td" in engine.state._repr_html_()
