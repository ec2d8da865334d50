"""Where the time of the requests of a live engine goes: in any slices as in one run, and as its clients leave."""

import math
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest

from batching import (
    AttributionParts,
    BatchingValueError,
    Event,
    Iteration,
    LiveEngine,
    RequestColumns,
    RequestStatus,
    simulate,
)
from live_driver import Drive, live_arguments, rows_of
from oracle.attribution import PARTS
from oracle.cases import STEP, SeededSource
from oracle.comparison import run_slow
from oracle.simulators import nanoseconds, seconds
from test_live_engine import CorrectingDrive, a_live_case


def whole(parts: AttributionParts | None) -> list[int]:
    """In nanoseconds."""
    assert parts is not None
    return [nanoseconds(part) for part in astuple(parts)]


def assert_same_in_slices(seed: int) -> tuple[int, int]:
    """Returns how many were aborted, those that run and those that wait."""
    source = SeededSource(seed)
    case = a_live_case(source)
    expected = run_slow(case)
    drive = Drive(case, source, attribution=True)
    told = drive.run()
    aborted = [0, 0]
    for index, status in enumerate(told.status):
        parts = told.parts[index]
        if status not in {RequestStatus.FINISHED, RequestStatus.ABORTED}:
            assert parts is None or all(math.isnan(part) for part in astuple(parts))
            continue
        # To the nanosecond, whenever it left.
        assert sum(whole(parts)) == max(0, nanoseconds(told.end_time[index]) - drive.arrival[index])
        aborted[0] += status == RequestStatus.ABORTED and not math.isnan(told.start_time[index])
        if expected.status[index] != status or told.end_time[index] != expected.end_time[index]:
            # One that waits leaves a live engine at once.
            assert status == RequestStatus.ABORTED
            aborted[1] += 1
            continue
        wanted = [getattr(expected.attribution, part)[index] for part in PARTS]
        assert parts is not None
        assert list(astuple(parts)) == wanted, f"request {index}"
    return aborted[0], aborted[1]


def test_the_parts_of_slices_are_those_of_the_slow_engine() -> None:
    running = waiting = 0
    for seed in range(90_000, 91_500):
        try:
            left = assert_same_in_slices(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        running += left[0]
        waiting += left[1]
    assert running > 100
    assert waiting > 100


def test_corrected_output_lengths_give_the_parts_of_the_right_ones() -> None:
    corrected = 0
    for seed in range(92_000, 92_300):
        source = SeededSource(seed)
        case = a_live_case(source)
        if case.options.policy not in {"vllm", "continuous"} or case.options.queue_order == "shortest_output":
            continue
        case.options = replace(
            case.options, max_model_len=None, num_gpu_blocks=400, enable_chunked_prefill=True, async_scheduling=False
        )
        case.workload.hash_ids = case.workload.max_tokens = case.workload.abort_time = None
        expected = run_slow(case)
        drive = CorrectingDrive(case, source, expected.end_time, attribution=True)
        told = drive.run()
        corrected += drive.corrected
        for index, parts in enumerate(told.parts):
            wanted = [getattr(expected.attribution, part)[index] for part in PARTS]
            assert parts is not None
            assert list(astuple(parts)) == wanted, f"seed {seed}, request {index}"
    assert corrected > 250


class Restless:
    """Clients that leave, and lengths that change, at any moment; beside it the same engine without attribution."""

    def __init__(self, seed: int) -> None:
        source = SeededSource(seed)
        self.source = source
        case = a_live_case(source)
        case.workload.abort_time = None
        self.drive = Drive(case, source, attribution=True)
        self.plain = LiveEngine(**live_arguments(case))
        self.arrival = {self.drive.name(index): arrival for index, arrival in enumerate(self.drive.arrival)}
        self.ended = 0

    @property
    def engine(self) -> LiveEngine:
        return self.drive.engine

    def both(self, name: str, *arguments: Any) -> Any:
        told = []
        for engine in (self.engine, self.plain):
            try:
                told.append(getattr(engine, name)(*arguments))
            except BatchingValueError as error:
                told.append(str(error))
        assert repr(told[0]) == repr(told[1])
        return told[0]

    def run(self) -> int:
        source, drive = self.source, self.drive
        clock = 0
        in_flight = list(self.arrival)
        while drive.left or source.integer(0, 15):
            indices, drive.left = drive.left[:3], drive.left[3:]
            requests = rows_of(drive.case, indices)
            self.both("submit_columns", requests, [drive.name(index) for index in indices])
            clock += source.choice([0, 1, STEP // 2, STEP - 1, STEP, STEP + 1, 3 * STEP])
            clock = min([clock, *(drive.arrival[index] for index in drive.left)])
            self.both("advance", seconds(clock))
            for _ in range(source.integer(0, 2)):
                request = source.choice(in_flight)
                if source.integer(0, 1):
                    self.both("abort", request)
                else:
                    self.both("set_output_length", request, source.integer(1, 25))
            if source.integer(0, 3) == 0:
                drive.save_and_load()
            if source.integer(0, 5) == 0:
                drive.engine = self.engine.fork() if self.engine.state.events == 0 else self.engine
            self.compare()
        self.both("advance")
        self.compare()
        return self.ended

    def compare(self) -> None:
        """All is as without attribution; what it says adds up."""
        engine, plain = self.engine, self.plain
        assert repr(replace(engine.state, keeps_attribution=False)) == repr(plain.state)
        question = RequestColumns([7, 3], [2, 30], priority=[-1, 2])
        told, expected = engine.estimate_columns(question), plain.estimate_columns(question)
        for name in ("start_time", "first_token_time", "end_time", "status"):
            np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), err_msg=name)
        events = engine.poll()
        assert [event[:4] for event in events] == [event[:4] for event in plain.poll()]
        for event in events:
            parts = event.attribution
            assert (parts is None) == (event.event not in {Event.FINISHED, Event.ABORTED})
            if parts is None:
                continue
            self.ended += 1
            assert min(astuple(parts)) >= 0
            assert sum(whole(parts)) == max(0, nanoseconds(event.time) - self.arrival[event.request])


def test_the_parts_add_up_whatever_clients_do_and_change_nothing() -> None:
    ended = 0
    for seed in range(93_000, 93_600):
        try:
            ended += Restless(seed).run()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert ended > 3_000


# Blocks of 2 tokens, 4 of them; iterations of a second. The prompts of 3 take 2 each, and decoding takes a third:
# request 1 is preempted, and request 2, which arrives at 1.5, waits for memory after the iteration under way.
SHORT: dict[str, Any] = {"num_gpu_blocks": 5, "block_size": 2, "iteration_time": 1.0}


def short_of_memory(**settings: Any) -> LiveEngine:
    engine = LiveEngine(**SHORT, **settings, attribution=True)
    engine.submit_columns(RequestColumns([4, 4, 2], [3, 3, 3], [0.0, 0.0, 1.5]))
    return engine


def ends(engine: LiveEngine) -> dict[int, AttributionParts | None]:
    final = {Event.FINISHED, Event.ABORTED, Event.REJECTED}
    return {event.request: event.attribution for event in engine.poll() if event.event in final}


def test_a_request_that_waits_is_split_up_to_when_it_leaves() -> None:
    # As "memory and preemption" of test_attribution.py: for a slot up to 2.0, from there on for memory.
    for time, slot, memory in ((1.5, 0.0, 0.0), (1.75, 0.25, 0.0), (2.0, 0.5, 0.0), (3.25, 0.5, 1.25), (5.5, 0.5, 3.5)):
        engine = short_of_memory()
        engine.advance(time)
        engine.abort(2)
        engine.advance()
        # The others go on as in a run.
        assert ends(engine) == {
            0: AttributionParts(0.0, 0.0, 0.0, 1.0, 3.0, 0.0, 0.0, 0.0),
            1: AttributionParts(0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 0.0),
            2: AttributionParts(0.0, slot, memory, 0.0, 0.0, 0.0, 0.0, 0.0),
        }, time


def test_asynchronously_it_is_the_running_that_counts() -> None:
    # Two batches have been counted that are not over. A run says how it is at the ends of iterations.
    def aborted_at(end: float) -> AttributionParts:
        requests = RequestColumns([4, 4, 2], [3, 3, 3], [0.0, 0.0, 1.5], abort_time=[math.nan, math.nan, end])
        run = simulate(requests, **SHORT, async_scheduling=True, attribution=True)
        assert run.attribution is not None
        assert math.isnan(run.start_time[2])
        return AttributionParts(*(float(getattr(run.attribution, part)[2]) for part in PARTS))

    memory = []
    for quarter in range(8, 40):
        time = quarter / 4
        engine = short_of_memory(async_scheduling=True)
        engine.advance(time)
        if any(event.request == 2 for event in engine.poll()):
            break
        engine.abort(2)
        parts = ends(engine)[2]
        assert parts is not None
        share = time % 1
        between = [
            before * (1 - share) + after * share
            for before, after in zip(astuple(aborted_at(time // 1)), astuple(aborted_at(-(-time // 1))), strict=True)
        ]
        assert list(astuple(parts)) == between, time
        memory.append(parts.waiting_for_memory)
    assert memory[0] == 0.0
    assert memory[-1] == 3.0


def test_ends_that_are_none() -> None:
    engine = LiveEngine(max_model_len=10, iteration_time=1.0, attribution=True)
    engine.submit(1, prompt_length=20, output_length=1)
    engine.submit(2, prompt_length=1, output_length=1, arrival_time=5.0)
    engine.submit(3, prompt_length=1, output_length=2)
    engine.advance(0.5)
    engine.abort(2)
    engine.advance()
    assert ends(engine) == {
        1: None,
        2: AttributionParts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        3: AttributionParts(0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0),
    }


def test_columns_of_events_have_the_parts_of_those_that_end() -> None:
    requests = RequestColumns([10, 4, 5], [10, 10, 10])
    run = simulate(requests, max_num_seqs=2, iteration_time=0.25, attribution=True)
    engine = LiveEngine(max_num_seqs=2, iteration_time=0.25, attribution=True)
    assert engine.state.keeps_attribution
    engine.submit_columns(requests)
    engine.advance()
    told = engine.poll_columns()
    assert told.attribution is not None
    assert run.attribution is not None
    finished = told.event == Event.FINISHED
    for part in PARTS:
        column = getattr(told.attribution, part)
        assert np.isnan(column[~finished]).all()
        np.testing.assert_array_equal(column[finished], getattr(run.attribution, part)[told.request[finished]])
    assert told.attribution.bands((0, 50, 100)) == run.attribution.bands((0, 50, 100))
    # Without, nothing is told, and nothing changes.
    engine = LiveEngine(max_num_seqs=2, iteration_time=0.25)
    assert not engine.state.keeps_attribution
    engine.submit_columns(requests)
    engine.advance()
    plain = engine.poll_columns()
    assert plain.attribution is None
    np.testing.assert_array_equal(plain.time, told.time)
    with pytest.raises(TypeError, match="attribution is 1: must be True or False"):
        LiveEngine(attribution=1)  # type: ignore[arg-type]


def test_bytes_tell_whether_the_parts_are_kept() -> None:
    for attribution in (False, True):
        engine = LiveEngine(attribution=attribution, max_num_seqs=2, iteration_time=0.25, policy="static")
        engine.submit_columns(RequestColumns([10, 4, 5, 1, 1, 1], [10, 10, 10, 1, 1, 1]))
        for _ in range(12):
            engine = LiveEngine.load(engine.save())
            assert engine.state.keeps_attribution == attribution
            engine.advance(iterations=1)
        engine.advance()
        told = ends(engine)
        assert len(told) == 6
        if attribution:
            assert told[1] == AttributionParts(0.0, 0.0, 0.0, 0.25, 0.75, 0.0, 0.0, 1.5)


def test_a_function_is_asked_what_there_would_be_without_prefill() -> None:
    asked: list[tuple[int, int, int]] = []

    def time(work: Iteration) -> float:
        asked.append((work.number, work.prefill_tokens, work.decode_tokens))
        return 1.0 + 0.25 * work.prefill_tokens

    engine = LiveEngine(iteration_time=time, attribution=True)
    engine.submit_columns(RequestColumns([4, 2], [1, 4], [0.0, 1.5]))
    engine.advance()
    assert ends(engine)[0] == AttributionParts(0.0, 0.0, 0.0, 1.25, 3.0, 1.0, 0.0, 0.0)
    assert asked == [(0, 1, 0), (1, 0, 1), (2, 4, 1), (2, 0, 1), (3, 0, 2)]
    # An estimate does not ask.
    asked.clear()
    engine.submit(7, prompt_length=1, output_length=3)
    engine.estimate(prompt_length=5, output_length=1)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("async_scheduling", [False, True])
def test_a_copy_tells_the_parts_of_a_request_in_flight(async_scheduling: bool) -> None:
    for quarter in range(28):
        engine = short_of_memory(async_scheduling=async_scheduling)
        engine.advance(quarter / 4)
        before = engine.save()
        engine.poll()
        for request, arrival in enumerate([0.0, 0.0, 1.5]):
            copy = engine.fork()
            try:
                copy.abort(request)
            except BatchingValueError:
                continue
            copy.advance()
            (end,) = (event for event in copy.poll() if event.request == request and event.event == Event.ABORTED)
            assert end.attribution is not None
            # Up to now, or, if it runs, to the end of the iteration under way.
            assert quarter / 4 <= end.time <= math.ceil(quarter / 4)
            assert sum(astuple(end.attribution)) == max(0.0, end.time - arrival)
        assert LiveEngine.load(before).state.clock == engine.state.clock


def test_logs_and_attribution_together() -> None:
    requests = RequestColumns([4, 4, 2], [3, 3, 3], [0.0, 0.0, 1.5])
    run = simulate(requests, **SHORT, attribution=True, log_iterations=True)
    engine = short_of_memory()
    rows = 0
    for time in (0.5, 1.0, 2.5, 2.75, math.inf):
        log = engine.advance_logged(time).iteration_log
        assert log is not None
        rows += len(log)
    assert run.iteration_log is not None
    assert run.attribution is not None
    assert rows == len(run.iteration_log)
    for request, parts in ends(engine).items():
        assert parts is not None
        assert list(astuple(parts)) == [getattr(run.attribution, part)[request] for part in PARTS]
