"""What owns something of the library is not copied behind its back, shared between calls, or used once it is gone."""

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from batching import (
    Accumulator,
    AffineTime,
    BatchingBusyError,
    Estimate,
    LiveEngine,
    PolicyDecision,
    PolicyView,
    RequestColumns,
    simulate,
)
from batching._ffi.loader import library

TIME = AffineTime(base=0.005, per_prefill_token=1e-4, per_decode_token=1e-5)


def busy_engine() -> LiveEngine:
    engine = LiveEngine(max_num_seqs=8, iteration_time=TIME)
    for request in range(4):
        engine.submit(request, prompt_length=100, output_length=100)
    engine.advance(0.05)
    return engine


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copied_engine_is_a_fork(copied: Callable[[LiveEngine], LiveEngine]) -> None:
    engine = busy_engine()
    other = copied(engine)
    other.advance(1.0)
    assert engine.state.clock == 0.05
    del engine
    assert other.state.clock == 1.0


def test_an_engine_is_pickled_by_its_bytes_alone() -> None:
    with pytest.raises(TypeError, match="save"):
        pickle.dumps(busy_engine())


def copy_of_bytes(live: Accumulator) -> Accumulator:
    return pickle.loads(pickle.dumps(live))  # type: ignore[no-any-return]  # noqa: S301  (its own bytes)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, copy_of_bytes])
def test_a_copied_accumulator_is_independent(copied: Callable[[Accumulator], Accumulator]) -> None:
    live = Accumulator()
    live.arrived(1, 0.0)
    other = copied(live)
    other.arrived(2, 1.0)
    assert (live.state.arrived, other.state.arrived) == (1, 2)


def test_threads_get_the_answers_to_their_own_questions() -> None:
    engine = busy_engine()
    questions = [(10, 20), (5000, 20), (10, 400), (900, 3)]
    answers = [engine.estimate(prompt_length=prompt, output_length=output) for prompt, output in questions]
    seen: Counter[str] = Counter()

    def ask(number: int) -> None:
        prompt, output = questions[number]
        for _ in range(2_000):
            try:
                told = engine.estimate(prompt_length=prompt, output_length=output)
            except BatchingBusyError:
                seen["busy"] += 1
            else:
                seen["right" if told == answers[number] else "wrong"] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen["wrong"] == 0
    assert seen["right"] > 0


def test_an_estimate_follows_the_clock() -> None:
    engine = busy_engine()
    for time in (0.1, 0.2, 0.35):
        engine.advance(time)
        told = engine.estimate(prompt_length=10, output_length=1)
        # Where the answer begins is where the clock is.
        assert told.first_token_time - told.ttft == pytest.approx(time)
        assert told.start_time >= time


def test_estimates_of_many_are_those_of_each() -> None:
    engine = busy_engine()
    prompts, outputs = np.array([10, 5000, 10, 900]), np.array([20, 20, 400, 3])
    told = engine.estimate_columns(RequestColumns(outputs, prompts))
    one_by_one = [
        engine.estimate(prompt_length=int(prompt), output_length=int(output))
        for prompt, output in zip(prompts, outputs, strict=True)
    ]
    assert [told[index] for index in range(len(told))] == one_by_one


def test_an_estimate_finds_the_prompt_in_the_cache() -> None:
    # 64 tokens are four blocks, of which the last must leave a token to compute: three are found, 16 tokens are left.
    def engine() -> LiveEngine:
        made = LiveEngine(
            num_gpu_blocks=101, enable_prefix_caching=True, iteration_time=AffineTime(per_prefill_token=0.25)
        )
        made.submit(0, prompt_length=64, output_length=1, hash_ids=[1, 2, 3, 4])
        made.advance()
        return made

    asked = engine()
    assert asked.estimate(prompt_length=64, output_length=1).ttft == 64 * 0.25
    told = asked.estimate(prompt_length=64, output_length=1, hash_ids=[1, 2, 3, 4])
    assert told.ttft == 16 * 0.25
    columns = RequestColumns([1, 1], [64, 64], hash_ids=[[1, 2, 3, 4], [9, 9, 9, 9]])
    assert asked.estimate_columns(columns).ttft.tolist() == [16 * 0.25, 64 * 0.25]
    # What a copy does with it.
    clock = asked.state.clock
    other = asked.fork()
    other.submit(1, prompt_length=64, output_length=1, hash_ids=[1, 2, 3, 4])
    other.advance()
    assert other.poll()[-1].time - clock == told.e2e
    assert isinstance(told, Estimate)


def test_a_decision_and_a_view_are_over_after_their_call() -> None:
    kept: list[tuple[PolicyView, PolicyDecision]] = []
    columns: list[npt.NDArray[np.int64]] = []

    def policy(view: PolicyView, decision: PolicyDecision) -> None:
        kept.append((view, decision))
        columns.append(view.request)
        decision.decode_rest = True
        for row in range(view.running_count, view.count):
            decision.schedule(row, int(view.uncomputed_tokens[row]))

    simulate(RequestColumns(np.full(20, 3), np.full(20, 10)), policy=policy, max_num_seqs=64)
    view, decision = kept[0]
    for use in (
        lambda: decision.schedule(0, 1),
        lambda: decision.preempt(0),
        lambda: view.time,
        lambda: view.kv_blocks,
        lambda: view.block_size,
    ):
        with pytest.raises(ValueError, match="after the call of the policy"):
            use()
    # What was asked for in time is the caller's own.
    assert columns[0].tolist() == list(range(20))
    assert not columns[0].flags.writeable


ENGINE_CALLS: dict[str, Callable[[Any], object]] = {
    "submit": lambda engine: engine.submit(1, prompt_length=1, output_length=1),
    "submit_columns": lambda engine: engine.submit_columns(RequestColumns([1])),
    "advance": lambda engine: engine.advance(),
    "poll": lambda engine: engine.poll(),
    "abort": lambda engine: engine.abort(1),
    "set_output_length": lambda engine: engine.set_output_length(1, 2),
    "state": lambda engine: engine.state,
    "estimate": lambda engine: engine.estimate(prompt_length=1, output_length=1),
    "estimate_columns": lambda engine: engine.estimate_columns(RequestColumns([1])),
    "fork": lambda engine: engine.fork(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "save": lambda engine: engine.save(),
    "repr": repr,
}
ACCUMULATOR_CALLS: dict[str, Callable[[Any], object]] = {
    "arrived": lambda live: live.arrived(1, 0.0),
    "started": lambda live: live.started(1, 0.0),
    "tokens": lambda live: live.tokens(1, 0.0),
    "finished": lambda live: live.finished(1, 0.0),
    "failed": lambda live: live.failed(1, 0.0),
    "add": lambda live: live.add([1], [0.0]),
    "advance": lambda live: live.advance(1.0),
    "state": lambda live: live.state,
    "measure": lambda live: live.measure(),
    "merge": lambda live: live.merge(Accumulator()),
    "merge into another": lambda live: Accumulator().merge(live),
    "save": lambda live: live.save(),
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "prometheus": lambda live: live.prometheus("model"),
    "repr": repr,
}


class ForgetfulEngine(LiveEngine):
    def __init__(self) -> None:
        """Forgets that of LiveEngine."""


class ForgetfulAccumulator(Accumulator):
    def __init__(self) -> None:
        """Forgets that of Accumulator."""


def failed(kind: type[Any], **options: object) -> Any:
    """An object whose `__init__` has raised."""
    made: Any = object.__new__(kind)
    with pytest.raises((ValueError, TypeError, MemoryError)):
        made.__init__(**options)
    return made


@pytest.mark.parametrize(
    "made",
    [
        lambda: object.__new__(LiveEngine),
        ForgetfulEngine,
        lambda: failed(LiveEngine, max_num_seqs="many"),
        lambda: failed(LiveEngine, max_num_seqs=-1),
    ],
    ids=["new alone", "subclass without super", "wrong type", "refused by the library"],
)
@pytest.mark.parametrize("call", ENGINE_CALLS.values(), ids=ENGINE_CALLS.keys())
def test_an_engine_that_was_never_made_says_so(made: Callable[[], Any], call: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"this \w*Engine was not made"):
        call(made())


@pytest.mark.parametrize(
    "made",
    [
        lambda: object.__new__(Accumulator),
        ForgetfulAccumulator,
        lambda: failed(Accumulator, window="long"),
        lambda: failed(Accumulator, window=1e300),
    ],
    ids=["new alone", "subclass without super", "wrong type", "refused by the library"],
)
@pytest.mark.parametrize("call", ACCUMULATOR_CALLS.values(), ids=ACCUMULATOR_CALLS.keys())
def test_an_accumulator_that_was_never_made_says_so(made: Callable[[], Any], call: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"this \w*Accumulator was not made"):
        call(made())


def test_a_name_that_is_none_is_an_ordinary_mistake() -> None:
    for made in (LiveEngine(), Accumulator(), object.__new__(LiveEngine)):
        assert not hasattr(made, "no_such_method")


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each handle of an engine was given back to the library, by its address."""
    seen: Counter[int] = Counter()
    destroy = library.batching_live_engine_destroy

    def counted(owner: Any) -> None:
        handle = owner._as_parameter_
        seen[handle.value] += 1
        assert destroy(handle) == 0

    monkeypatch.setattr(library, "batching_live_engine_destroy", counted)
    return seen


def test_each_handle_is_given_back_once_with_its_object(given_back: Counter[int]) -> None:
    engine = busy_engine()
    copies = [engine.fork(), copy.copy(engine), LiveEngine.load(engine.save())]
    addresses = {made._handle.value for made in (engine, *copies)}
    assert given_back.total() == 0
    copies.clear()
    assert given_back.total() == 3
    del engine
    assert given_back == dict.fromkeys(addresses, 1)


def test_a_second_init_makes_a_new_engine_and_keeps_the_first_until_the_end(given_back: Counter[int]) -> None:
    engine = busy_engine()
    engine.__init__()  # type: ignore[misc]
    assert engine.state.submitted == 0
    assert given_back.total() == 0
    del engine
    assert sorted(given_back.values()) == [1, 1]


def test_a_cycle_through_its_own_policy_is_collected(given_back: Counter[int]) -> None:
    class Twin(LiveEngine):
        def __init__(self) -> None:
            super().__init__(iteration_time=self.iteration_time)

        def iteration_time(self, _: object) -> float:
            return 0.5

    twin = Twin()
    twin.submit(1, prompt_length=1, output_length=2)
    twin.advance()
    assert twin.state.clock == 1.0
    gone = weakref.ref(twin)
    del twin
    gc.collect()
    assert gone() is None
    assert given_back.total() == 1


def test_no_code_of_python_runs_when_a_handle_is_given_back() -> None:
    # What a handler of a signal raised in it would be lost.
    seen: list[str] = []
    engine, live = [LiveEngine()], [Accumulator()]
    sys.setprofile(lambda frame, event, _: seen.append(frame.f_code.co_name) if event == "call" else None)
    try:
        engine.clear()
        live.clear()
    finally:
        sys.setprofile(None)
    assert seen == []


def test_what_an_engine_told_outlives_it() -> None:
    engine = busy_engine()
    engine.advance()
    events, state = engine.poll_columns(), engine.state
    estimates = engine.estimate_columns(RequestColumns([3, 4], [5, 6]))
    view = memoryview(np.asarray(events.time))  # type: ignore[arg-type]
    before = (events.time.tolist(), estimates.ttft.tolist(), repr(state))
    del engine
    others = [busy_engine() for _ in range(20)]
    assert (events.time.tolist(), estimates.ttft.tolist(), repr(state)) == before
    assert view.tolist() == before[0]
    del others


def test_a_result_outlives_what_it_was_made_from() -> None:
    requests = RequestColumns([5, 6, 7], [1, 2, 3])
    result = simulate(requests, iteration_time=0.5, log_decisions=True)
    column = memoryview(np.asarray(result.end_time))  # type: ignore[arg-type]
    ends = result.end_time.tolist()
    log = result.decision_log
    assert log is not None
    told = log.request.tolist()
    del requests, result
    gc.collect()
    assert column.tolist() == ends
    assert log.request.tolist() == told


def in_a_child(work: Callable[[], bool]) -> bool:
    """Whether it is true in a process that was forked, which then ends as usual, within a bounded time."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        status = 3
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def test_a_child_goes_on_with_its_own_copies() -> None:
    engine, live = busy_engine(), Accumulator()
    live.arrived(1, 0.0)

    def work() -> bool:
        engine.advance()
        live.arrived(2, 1.0)
        return engine.state.finished == 4 and live.state.arrived == 2 and len(engine.fork().poll()) == 0

    assert in_a_child(work)
    assert (engine.state.clock, live.state.arrived) == (0.05, 1)


def test_what_a_thread_was_using_at_a_fork_is_busy_in_the_child() -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def wait(_: object) -> float:
        asked.set()
        goes_on.wait(60)
        return 0.5

    engine = LiveEngine(iteration_time=wait)
    engine.submit(1, prompt_length=1, output_length=1)
    thread = threading.Thread(target=engine.advance)
    thread.start()
    assert asked.wait(60)

    def is_busy() -> bool:
        try:
            engine.advance()
        except BatchingBusyError:
            return True
        return False

    try:
        assert is_busy()
        assert in_a_child(is_busy)
    finally:
        goes_on.set()
        thread.join(60)
    assert engine.state.clock == 0.5


# What a program may leave behind when it ends: it says what it has to say, nothing else, and ends with 0.
ENDS = {
    "an engine and an accumulator": "kept = (LiveEngine(), Accumulator())",
    "one that was never made": "kept = object.__new__(LiveEngine); other = object.__new__(Accumulator)",
    "one whose init fails": """
class Broken(LiveEngine):
    def __init__(self):
        raise KeyError
try:
    Broken()
except KeyError:
    pass
""",
    "a cycle": "kept = []; kept.append((kept, LiveEngine(iteration_time=lambda _, kept=kept: 0.5)))",
    "a module's own": "sys.modules['kept'] = LiveEngine()",
    "a thread within a run": "start(lambda: simulate(endless, iteration_time=TIME))",
    "a thread within a function for the time": "start(lambda: simulate(endless, iteration_time=lambda _: 1e-3))",
    "a thread within a policy": "start(lambda: simulate(endless, policy=one_each))",
    "a thread within an engine": """
kept = LiveEngine(iteration_time=lambda _: 1e-3)
kept.submit_columns(endless)
start(kept.advance)
""",
}
PROGRAM = """
import resource, sys, threading, time
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from batching import Accumulator, AffineTime, LiveEngine, RequestColumns, simulate
TIME = AffineTime(base=1e-6, per_context_token=1.7e-9)
endless = RequestColumns([2**30], [1])
def one_each(view, decision):
    decision.decode_rest = True
    for row in range(view.running_count, view.count):
        decision.schedule(row, int(view.uncomputed_tokens[row]))
def start(call):
    threading.Thread(target=call, daemon=True).start()
    time.sleep(0.05)
"""


@pytest.mark.parametrize("program", ENDS.values(), ids=ENDS.keys())
def test_a_program_ends_in_silence_whatever_it_leaves_behind(program: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", f"{PROGRAM}{program}\nprint('done')"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
