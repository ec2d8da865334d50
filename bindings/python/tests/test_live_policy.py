"""Live engines with a policy of the caller's: asked exactly when a whole run would ask it, in any slices; its rows
follow whatever a host does; and what it answers wrongly leaves the engine as it was.
"""

import math
import random
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from batching import (
    BatchingBusyError,
    BatchingValueError,
    CustomPolicy,
    Event,
    LiveEngine,
    PolicyDecision,
    PolicyView,
    RequestColumns,
    RequestStatus,
    simulate,
)
from live_driver import Drive, Told
from oracle.cases import STEP, Case, SeededSource, an_open_case
from oracle.comparison import run_library, run_slow
from oracle.policies import Style, moody_policy, vllm_policy
from oracle.simulators import nanoseconds, seconds
from test_live_engine import COLUMNS, CorrectingDrive, resident_bytes

STYLES: tuple[Style, ...] = get_args(Style)
VIEW_COLUMNS = [
    "arrival_time", "prompt_tokens", "generated_tokens", "computed_tokens", "kv_blocks", "priority",
    "oracle_output_tokens",
]  # fmt: skip


def a_custom_case(source: SeededSource, *, finds_prefixes: bool = False) -> Case:
    """A case for vllm, without what a policy of the caller's, or a live engine, does not have.

    Args:
        finds_prefixes: with a prefix cache, if that is possible. What is found is then not always what vllm finds.
    """
    case = an_open_case(source)
    case.options = replace(
        case.options, policy="vllm", async_scheduling=source.choice([False, True]), time_limit=None,
        iteration_limit=None, admit_oversized=False,
        enable_prefix_caching=finds_prefixes and case.options.num_gpu_blocks is not None
        and not case.options.instant_prefill and source.integer(0, 3) > 0,
    )  # fmt: skip
    if not case.options.enable_prefix_caching:
        case.options.kv_offload = None
    if case.options.queue_order == "shortest_output":
        # The queue goes by the output_length, the oracle by what max_model_len leaves of it.
        case.options.max_model_len = None
    longest = max(map(sum, zip(case.workload.prompt_length, case.workload.output_length, strict=True)))
    if longest > case.options.max_num_batched_tokens:
        # vllm would reject what is too long for one iteration.
        case.options.enable_chunked_prefill = True
    case.workload.abort_time = None
    # A live engine goes by the order in which requests were submitted; ties of all else are the driver's to avoid.
    case.workload.tie_break = list(range(len(case.workload.output_length)))
    return case


class Recorder:
    """Notes what a policy is shown, and asks it. Copies ask, too: not noted."""

    def __init__(self, policy: CustomPolicy) -> None:
        self.policy = policy
        self.calls: list[tuple[Any, ...]] = []
        self.is_on = True

    def __call__(self, view: PolicyView, decision: PolicyDecision) -> None:
        if self.is_on:
            columns = [tuple(getattr(view, name).tolist()) for name in VIEW_COLUMNS]
            told = (view.iteration, view.time, view.count, view.running_count, view.kv_blocks_free)
            self.calls.append((*told, tuple(view.tie_break.tolist()), *columns))
        self.policy(view, decision)


class RecordedDrive(Drive):
    def __init__(self, case: Case, source: SeededSource, policy: CustomPolicy) -> None:
        self.recorder = Recorder(policy)
        super().__init__(case, source, policy=self.recorder, queue_order="arrival")

    def look(self) -> None:
        self.recorder.is_on = False
        super().look()
        self.recorder.is_on = True


def assert_told_the_same(told: Told, expected: Any) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), err_msg=name)
    assert told.completion_order == [index for index in expected.completion_order if index >= 0]
    assert told.times == sorted(told.times)


def assert_vllm_in_slices(seed: int) -> None:
    source = SeededSource(seed)
    case = a_custom_case(source, finds_prefixes=True)
    policy = vllm_policy(case.options, STYLES[seed % len(STYLES)])
    drive = RecordedDrive(case, source, policy)
    told = drive.run()
    custom = Case(case.workload, replace(case.options, queue_order="arrival", custom=policy))
    assert_told_the_same(told, run_slow(custom if case.options.enable_prefix_caching else case))
    whole = Recorder(policy)
    run_library(case, policy=whole, queue_order="arrival")
    assert drive.recorder.calls == whole.calls


def test_vllm_as_a_policy_of_the_caller_gives_the_bits_of_the_slow_engine_in_slices() -> None:
    for seed in range(110_000, 110_700):
        try:
            assert_vllm_in_slices(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def assert_moody_in_slices(seed: int) -> dict[str, int]:
    source = SeededSource(seed)
    case = a_custom_case(source, finds_prefixes=True)
    case.options = replace(case.options, admit_oversized=source.integer(0, 3) == 0)
    policy = moody_policy(seed)
    whole = Recorder(policy)
    expected = run_library(case, policy=whole, queue_order="arrival")
    drive = RecordedDrive(case, source, policy)
    told = drive.run()
    assert_told_the_same(told, expected)
    assert drive.recorder.calls == whole.calls
    return {"preemptions": expected.total_preemptions, "stuck": int((expected.status == RequestStatus.STUCK).any())}


def test_any_policy_is_asked_as_in_a_whole_run() -> None:
    seen = {"preemptions": 0, "stuck": 0}
    for seed in range(120_000, 121_000):
        try:
            for event, count in assert_moody_in_slices(seed).items():
                seen[event] += count
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert seen["preemptions"] > 1000
    assert seen["stuck"] > 50


def test_corrected_output_lengths_give_the_bits_of_the_right_ones() -> None:
    corrected = 0
    for seed in range(130_000, 130_150):
        source = SeededSource(seed)
        case = a_custom_case(source)
        if case.options.queue_order == "shortest_output":
            continue
        # Asynchronously a token more is scheduled before a length is corrected.
        case.options = replace(
            case.options, max_model_len=None, num_gpu_blocks=400, enable_chunked_prefill=True, async_scheduling=False
        )
        # The lengths that are corrected are above what is asked for; a client that has left has none to correct.
        case.workload.max_tokens = case.workload.abort_time = None
        expected = run_slow(case)
        own: Any = {"policy": vllm_policy(case.options, STYLES[seed % 3]), "queue_order": "arrival"}
        drive = CorrectingDrive(case, source, expected.end_time, **own)
        told = drive.run()
        corrected += drive.corrected
        assert_told_the_same(told, expected)
        assert told.tokens_generated == expected.tokens_generated
    assert corrected > 100


class Twins:
    """The engine's own vllm, and the same rules as a policy of the caller's: whatever a host does, in step."""

    def __init__(self, source: SeededSource, style: Style, fault_seed: int | None = None) -> None:
        self.source = source
        case = a_custom_case(source)
        self.case = case
        options = case.options
        # Requests that preempt themselves for ever, or are too long, are compared elsewhere.
        options.queue_order = "arrival"
        arguments: dict[str, Any] = {
            name: getattr(options, name)
            for name in (
                "max_num_seqs", "max_num_batched_tokens", "long_prefill_token_threshold", "max_model_len",
                "enable_chunked_prefill", "scheduler_reserve_full_isl", "instant_prefill", "num_gpu_blocks",
                "block_size", "watermark", "async_scheduling",
            )
        }  # fmt: skip
        if not isinstance(options.iteration_time, float):
            options.iteration_time = 0.01
        # vllm rejects what is too long for one iteration only without chunks.
        arguments["enable_chunked_prefill"] = options.enable_chunked_prefill = True
        self.own = LiveEngine(**arguments)
        policy = vllm_policy(options, style)
        self.custom = LiveEngine(**arguments, policy=policy if fault_seed is None else faulty(policy, fault_seed))
        self.names: list[int] = []

    def advance(self, time: float) -> None:
        self.own.advance(time)
        # A fault is made in one of two answers or so.
        for _ in range(20_000):
            try:
                self.custom.advance(time)
            except (StopError, BatchingValueError):
                continue
            return
        raise AssertionError("it does not go on")

    def step(self) -> None:
        source = self.source
        arguments: dict[str, Any]
        match source.integer(0, 7):
            case 0 | 1 | 2:
                arguments = {
                    "prompt_length": source.integer(0, 20),
                    "output_length": source.integer(1, 30),
                    "arrival_time": self.own.state.clock + seconds(source.choice([0, 1, STEP, 5 * STEP])),
                }
                name = source.integer(-(10**15), 10**15)
                self.names.append(name)
                self.both("submit", {"request": name, **arguments})
            case 3 | 4 as what if self.names:
                name, length = source.choice(self.names), source.integer(1, 40)
                arguments = {"request": name} if what == 3 else {"request": name, "output_length": length}
                self.both("abort" if what == 3 else "set_output_length", arguments)
            case _:
                clock = nanoseconds(self.own.state.clock)
                self.advance(seconds(clock + source.choice([0, 1, STEP // 2, STEP, 3 * STEP])))
        assert repr(self.custom.state) == repr(self.own.state)
        assert self.custom.poll() == self.own.poll()

    def both(self, name: str, arguments: dict[str, Any]) -> None:
        said = []
        for engine in (self.own, self.custom):
            try:
                getattr(engine, name)(**arguments)
                said.append("")
            except BatchingValueError as error:
                said.append(str(error))
        assert said[0] == said[1]

    def run(self, steps: int) -> int:
        for _ in range(steps):
            self.step()
        self.advance(math.inf)
        assert repr(self.custom.state) == repr(self.own.state)
        assert self.custom.poll() == self.own.poll()
        return self.own.state.aborted


def test_whatever_a_host_does_the_rows_follow() -> None:
    aborted = 0
    for seed in range(140_000, 140_400):
        try:
            aborted += Twins(SeededSource(seed), STYLES[seed % 3]).run(60)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert aborted > 1000


class StopError(Exception):
    """What nothing else raises."""


def faulty(policy: CustomPolicy, seed: int) -> CustomPolicy:
    """Answers as another policy does, but often only after it has raised, or answered what is not valid."""
    mood = random.Random(seed)  # noqa: S311

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        policy(view, decision)
        written = decision._written
        match mood.randint(0, 11):
            case 0:
                raise StopError
            case 1 if view.running_count > 0 and written.preempted_count == 0:
                # A request is preempted, and more blocks are asked for than there then are, or a row is named twice.
                decision.preempt(0)
                decision.preempt(0)
            case 2:
                decision.wait_until = view.time + 1 if written.scheduled_count else view.time
            case 3 if written.scheduled_count > 0:
                written.scheduled_tokens[0] = 2**31 - 1
            case 4 if written.scheduled_count > 0:
                written.scheduled_tokens[written.scheduled_count - 1] = 0
            case 5:
                written.scheduled_count = view.count + 1
            case 6:
                written.reserved_2 = 1
            case 7 if view.count > view.running_count > 1:
                # All tokens of all but the one preempted: nearly always too many blocks, slots or tokens.
                preempted = mood.randrange(view.running_count)
                rows = np.delete(np.arange(view.count), preempted)
                written.scheduled_count = written.preempted_count = 0
                decision.decode_rest, decision.wait_until = False, None
                decision.preempt(preempted)
                decision.schedule(rows, view.uncomputed_tokens[rows])
                tokens = view.computed_tokens + view.uncomputed_tokens
                needed = (-(-tokens // view.block_size) - view.kv_blocks)[rows].sum()
                fits = int(needed) <= view.kv_blocks_free + int(view.kv_blocks[preempted])
                if fits and len(rows) <= view.max_num_seqs:
                    decision.schedule(rows[-1], 1)
            case 8 if view.running_count > 1 and view.kv_blocks_free == 0:
                # The requests that are left out, and the one preempted, need no block.
                growing = view.computed_tokens % view.block_size == 0
                decision_rows = [row for row in range(1, view.running_count) if growing[row]]
                if len(decision_rows) > view.kv_blocks[0]:
                    written.scheduled_count = written.preempted_count = 0
                    decision.decode_rest, decision.wait_until = False, None
                    decision.preempt(0)
                    decision.schedule(decision_rows, 1)

    return decide


def test_an_answer_that_is_not_valid_leaves_the_engine_as_it_was() -> None:
    for seed in range(150_000, 150_300):
        try:
            Twins(SeededSource(seed), STYLES[seed % 3], seed).run(40)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def schedule_all(view: PolicyView, decision: PolicyDecision) -> None:
    decision.schedule(np.arange(view.count), view.uncomputed_tokens)


def test_too_many_blocks_are_refused_before_anybody_is_preempted() -> None:
    answers = ["too much", "too much", "all"]

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        if view.iteration == 2 and answers.pop(0) == "too much":
            # Of five blocks of two tokens the first and the second hold two each. The second needs a third, and the
            # third request three: four, while one is free, and the first gives back two.
            decision.preempt(0)
            decision.schedule([1, 2], view.uncomputed_tokens[1:])
        else:
            decision.schedule(range(view.running_count), view.uncomputed_tokens[: view.running_count])
            if view.running_count == 0:
                decision.schedule(range(min(2, view.count)), view.uncomputed_tokens[:2])

    engine = LiveEngine(policy=decide, num_gpu_blocks=6, block_size=2, iteration_time=0.25)
    engine.submit_columns(RequestColumns([3, 3, 1], [2, 3, 6]), [7, 8, 9])
    engine.advance(0.4)
    before = engine.state
    assert (before.iterations, before.kv_blocks_used) == (2, 4)
    for _ in range(2):
        with pytest.raises(BatchingValueError, match="iteration 2: the number of KV blocks needed is 4: must"):
            engine.advance(0.6)
        state = engine.state
        assert (state.clock, state.running, state.waiting, state.preemptions) == (0.5, 2, 1, 0)
        assert (state.kv_blocks_used, state.tokens_in_flight) == (4, 7)
    engine.advance()
    assert (engine.state.finished, engine.state.preemptions) == (3, 0)


def told(engine: LiveEngine) -> list[tuple[float, int, str, int]]:
    return [(event.time, event.request, event.event.name, event.tokens) for event in engine.poll()]


def test_an_estimate_asks_the_policy_what_would_happen() -> None:
    finished = 0
    for seed in range(160_000, 160_150):
        source = SeededSource(seed)
        case = a_custom_case(source, finds_prefixes=True)
        drive = RecordedDrive(case, source, moody_policy(seed))
        drive.submit(10**12)
        drive.engine.advance(seconds(source.integer(0, 30) * STEP // 2))
        engine = drive.engine
        question: dict[str, Any] = {
            "prompt_length": source.integer(0, 30),
            "output_length": source.integer(1, 30),
            "arrival_time": engine.state.clock + seconds(source.integer(0, 5) * STEP),
            "priority": source.integer(-2, 2),
        }
        estimate = engine.estimate(**question)
        engine.poll()
        engine.submit(10**15, **question)
        engine.advance()
        times = {event.event: event.time for event in engine.poll() if event.request == 10**15}
        for event, time in (
            (Event.ADMITTED, estimate.start_time),
            (Event.FIRST_TOKEN, estimate.first_token_time),
            (Event.FINISHED, estimate.end_time),
        ):
            np.testing.assert_equal(times.get(event, math.nan), time, err_msg=f"seed {seed}: {event.name}")
        finished += estimate.status == RequestStatus.FINISHED
    assert finished > 30


def schedule_what_is_left(view: PolicyView, decision: PolicyDecision) -> None:
    rows = np.flatnonzero(view.uncomputed_tokens)
    decision.schedule(rows, view.uncomputed_tokens[rows])


def waits_for_the_second(view: PolicyView, decision: PolicyDecision) -> None:
    """Schedules the second batch only once the first is over."""
    if view.iteration == 1 and view.time < 1.0:
        decision.wait_until = 100.0
    else:
        schedule_what_is_left(view, decision)


@pytest.mark.parametrize("what", ["abort", "set_output_length", "nothing"])
def test_a_policy_that_waits_is_asked_again_when_the_batch_in_flight_is_over(what: str) -> None:
    asked: list[tuple[int, float]] = []

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        asked.append((view.iteration, view.time))
        if view.iteration == 0:
            decision.schedule(0, 2)
        else:
            waits_for_the_second(view, decision)

    engine = LiveEngine(policy=decide, async_scheduling=True, iteration_time=1.0)
    engine.submit_columns(RequestColumns([3, 3, 3], [2, 2, 2]), [1, 2, 3])
    engine.advance(0.5)
    # The third waits. That it leaves, or has another length, is no reason to ask before the batch in flight is over.
    if what == "abort":
        engine.abort(3)
    elif what == "set_output_length":
        engine.set_output_length(3, 5)
    engine.advance(0.7)
    assert asked == [(0, 0.0), (1, 0.0)]
    loaded = LiveEngine.load(engine.save(), policy=decide)
    copy = engine.fork()
    events = []
    for other in (engine, loaded, copy):
        del asked[:]
        other.advance()
        assert asked[:2] == [(1, 1.0), (2, 1.0)]
        events.append(told(other))
    assert [time for time, *_ in events[0]] == sorted(time for time, *_ in events[0])
    assert events[0] == events[1]
    assert events[0][-len(events[2]) :] == events[2]


@pytest.mark.parametrize("what", ["abort", "set_output_length"])
def test_a_running_request_leaves_with_the_batch_in_flight_also_if_the_policy_waits(what: str) -> None:
    engine = LiveEngine(policy=waits_for_the_second, async_scheduling=True, iteration_time=1.0)
    engine.submit_columns(RequestColumns([5, 5], [2, 2]), [1, 2])
    engine.advance(0.5)
    if what == "abort":
        engine.abort(2)
    else:
        engine.set_output_length(2, 1)
    engine.advance(1.5)
    assert [(time, event) for time, request, event, _ in told(engine) if request == 2] == [
        (0.0, "ADMITTED"),
        *([(1.0, "ABORTED")] if what == "abort" else [(1.0, "FIRST_TOKEN"), (1.0, "FINISHED")]),
    ]


def test_the_log_of_queues_tells_the_callers_ids_with_a_policy_too() -> None:
    def one_at_a_time(view: PolicyView, decision: PolicyDecision) -> None:
        decision.decode_rest = True
        if view.running_count == 0:
            decision.schedule(0, view.uncomputed_tokens[0])

    engine = LiveEngine(policy=one_at_a_time, iteration_time=0.25)
    names = [10**15, -(10**15), 7]
    engine.submit_columns(RequestColumns([2, 1, 1], [2, 2, 2]), names)
    _, decisions = engine.advance_logged(log_queues=True)
    assert decisions is not None
    waiting = decisions.event == Event.WAITING
    # Two iterations with two behind the first, and one with one behind the second.
    assert decisions.request[waiting].tolist() == [names[1], names[2], names[1], names[2], names[2]]


def test_a_request_that_arrived_and_left_is_a_change() -> None:
    def record(asked: list[tuple[int, float]]) -> CustomPolicy:
        def decide(view: PolicyView, decision: PolicyDecision) -> None:
            asked.append((view.iteration, view.time))
            if view.running_count == 0:
                decision.schedule(0, 1)
            decision.decode_rest = decision.until_change = view.running_count > 0

        return decide

    whole: list[tuple[int, float]] = []
    abort_time = [math.nan, 2.4]
    simulate(
        RequestColumns([6, 1], [1, 1], [0.0, 2.2], abort_time=abort_time), policy=record(whole), iteration_time=1.0
    )
    live: list[tuple[int, float]] = []
    engine = LiveEngine(policy=record(live), iteration_time=1.0)
    engine.submit_columns(RequestColumns([6, 1], [1, 1], [0.0, 2.2]))
    engine.advance(2.4)
    engine.abort(1)
    engine.advance()
    assert live == whole == [(0, 0.0), (1, 1.0), (3, 3.0), (5, 5.0)]


def test_what_a_policy_raises_comes_out_and_the_engine_goes_on() -> None:
    raised: list[BaseException] = []

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        if raised:
            raise raised.pop()
        schedule_all(view, decision)

    engine = LiveEngine(policy=decide, iteration_time=0.25)
    engine.submit(7, prompt_length=1, output_length=3)
    engine.advance(0.3)
    for error in (StopError("once"), KeyboardInterrupt()):
        for call in (engine.advance, lambda: engine.estimate(prompt_length=1, output_length=1), engine.fork().advance):
            raised.append(error)
            with pytest.raises(type(error)):
                call()
    assert engine.state.clock == 0.5
    engine.advance()
    assert told(engine)[-1] == (0.75, 7, "FINISHED", 3)


def test_a_policy_cannot_use_its_own_engine() -> None:
    refused = 0

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        nonlocal refused
        for call in (lambda: engine.state, engine.advance, engine.fork, engine.poll, lambda: engine.abort(1)):
            with pytest.raises(BatchingBusyError):
                call()
            refused += 1
        schedule_all(view, decision)

    engine = LiveEngine(policy=decide)
    engine.submit(1, prompt_length=1, output_length=2)
    engine.advance()
    assert refused == 10
    assert engine.state.finished == 1


def test_a_policy_sees_the_callers_ids_and_what_they_were_corrected_to() -> None:
    seen: list[tuple[list[int], list[int], list[int]]] = []

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        seen.append((view.request.tolist(), view.oracle_output_tokens.tolist(), view.tie_break.tolist()))
        decision.schedule([0], view.uncomputed_tokens[:1])

    engine = LiveEngine(policy=decide, max_model_len=20, iteration_time=0.25)
    engine.submit_columns(RequestColumns([4, 5, 6], [10, 10, 10]), [-5, 2**60, 3])
    engine.advance(0.1)
    engine.set_output_length(2**60, 9)
    engine.set_output_length(-5, 50)
    engine.advance(0.3)
    engine.abort(2**60)
    engine.set_output_length(3, 7)
    engine.advance(0.6)
    names = [-5, 2**60, 3]
    assert seen == [
        (names, [4, 5, 6], [0, 1, 2]), (names, [10, 9, 6], [0, 1, 2]), ([-5, 3], [10, 7], [0, 2])
    ]  # fmt: skip


def test_a_wait_ends_at_its_time_or_when_something_happens() -> None:
    asked: list[float] = []

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        asked.append(view.time)
        decision.wait_until = view.time + 10.0

    engine = LiveEngine(policy=decide)
    engine.submit_columns(RequestColumns([1, 1, 1]), [1, 2, 3])
    engine.submit(4, prompt_length=1, output_length=1, arrival_time=50.0)
    for time in (1.0, 3.0, 9.5, 10.0, 10.5, 15.0):
        engine.advance(time)
    # At 10.0 the clock stopped before anybody was asked.
    assert asked == [0.0, 10.0]
    engine.abort(4)
    engine.advance(16.0)
    assert len(asked) == 2
    engine.abort(3)
    engine.advance(17.0)
    engine.set_output_length(2, 5)
    engine.advance(18.0)
    engine.submit(5, prompt_length=1, output_length=1, arrival_time=19.5)
    engine.advance(20.0)
    engine.advance(32.0)
    assert asked == [0.0, 10.0, 16.0, 17.0, 19.5, 29.5]


def test_a_stuck_policy_is_asked_again_when_something_happens() -> None:
    asked: list[float] = []

    def decide(view: PolicyView, _: PolicyDecision) -> None:
        asked.append(view.time)

    engine = LiveEngine(policy=decide)
    engine.submit_columns(RequestColumns([1, 1]), [1, 2])
    engine.advance(3.0)
    assert engine.state.is_stuck
    engine.submit(3, prompt_length=1, output_length=1, arrival_time=5.0)
    engine.submit(4, prompt_length=1, output_length=1, arrival_time=5.0)
    engine.abort(4)
    engine.advance(4.0)
    assert engine.state.is_stuck
    engine.advance(6.0)
    engine.abort(1)
    engine.advance(7.0)
    assert asked == [0.0, 5.0, 6.0]


def test_memory_is_that_of_those_in_flight() -> None:
    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        free = view.max_num_seqs - view.running_count
        rows = np.arange(min(view.count, view.running_count + free))
        decision.schedule(rows, view.uncomputed_tokens[rows])

    engine = LiveEngine(policy=decide, max_num_seqs=100, iteration_time=0.001)

    def serve(batches: int) -> None:
        for _ in range(batches):
            engine.submit_columns(RequestColumns(np.full(400, 2, np.int32), np.full(400, 2, np.int32)))
            engine.advance(iterations=3)
            engine.abort(engine.state.submitted - 1)
            engine.estimate(prompt_length=1, output_length=1)
            engine.advance()
            engine.poll_columns()

    serve(20)
    before = resident_bytes()
    serve(250)
    # A hundred thousand requests; a few bytes for each would show.
    assert resident_bytes() - before < 2**19
    assert engine.state.finished + engine.state.aborted == 270 * 400
