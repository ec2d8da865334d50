"""What owns something of the library is not copied behind its back, shared between calls, or used once it is gone."""

import copy
import pickle
import threading
from collections import Counter
from collections.abc import Callable

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
    with pytest.raises(TypeError, match="to_bytes"):
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
