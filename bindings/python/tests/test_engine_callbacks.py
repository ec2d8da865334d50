"""Functions that a run calls: what they are told, and how an exception or Ctrl-C in one ends the run."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from batching import AffineTime, Iteration, Progress, RequestColumns, Result, simulate
from test_engine import ARGUMENTS, TIGHT, WORKED

# Iterations of no closed form, a billion of them: a run that nothing stops takes some ten seconds, and then ends.
ENDLESS = RequestColumns([2**30], [1])
ENDLESS_TIME = AffineTime(base=1e-6, per_context_token=1.7e-9)

# Iterations that call Python or are logged: so many take seconds.
FAR_OFF = 1_000_000
MOST_LOGGED = 10_000_000
# What Ctrl-C takes is about a millisecond; the rest is for a machine that has other things to do.
SECONDS_UNTIL_STOPPED = 5.0


class StopError(Exception):
    """What nothing else raises."""


def test_a_time_model_is_told_of_each_iteration() -> None:
    told: list[Iteration] = []

    def remember(iteration: Iteration) -> float:
        told.append(iteration)
        return 0.01

    result = simulate(WORKED, **ARGUMENTS, iteration_time=remember)
    # The worked case: the chunks of iteration 0 are 3 tokens that see 3 and 1 that sees 1, then 3 that see 4, and 1
    # that sees 5. A request that decodes sees its prompt and the token before: 3 + 1 and 5 + 1.
    common = {"waiting": 0, "preemptions": 0}
    assert told == [
        Iteration(
            0,
            0.0,
            2,
            prefill_tokens=4,
            decode_tokens=0,
            context_tokens=0,
            prefill_context=10.0,
            kv_blocks_used=3,
            prefill_chunks=2,
            **common,
        ),
        Iteration(
            1,
            0.01,
            2,
            prefill_tokens=3,
            decode_tokens=1,
            context_tokens=4,
            prefill_context=12.0,
            kv_blocks_used=4,
            prefill_chunks=1,
            **common,
        ),
        Iteration(
            2,
            0.02,
            1,
            prefill_tokens=1,
            decode_tokens=0,
            context_tokens=0,
            prefill_context=5.0,
            kv_blocks_used=3,
            prefill_chunks=1,
            **common,
        ),
        Iteration(
            3,
            0.03,
            1,
            prefill_tokens=0,
            decode_tokens=1,
            context_tokens=6,
            prefill_context=0.0,
            kv_blocks_used=3,
            prefill_chunks=0,
            **common,
        ),
    ]
    assert result.end_time.tobytes() == simulate(WORKED, **ARGUMENTS).end_time.tobytes()


def test_a_time_model_may_answer_with_any_number() -> None:
    answers: list[Any] = [1, np.float32(0.25), np.int64(0), 0.0]
    for answer in answers:
        result = simulate(WORKED, **ARGUMENTS, iteration_time=lambda _: answer)  # noqa: B023  (called at once)
        assert result.total_time == 4 * float(answer)


def test_an_affine_model_is_its_formula() -> None:
    model = AffineTime(0.5, 0.25, 2.0, 8.0, 0.0625)

    def formula(told: Iteration) -> float:
        return (
            0.5
            + 0.25 * told.prefill_tokens
            + 2.0 * told.decode_tokens
            + 8.0 * told.context_tokens
            + 0.0625 * told.prefill_context
        )

    expected = simulate(WORKED, **ARGUMENTS, iteration_time=formula, log_iterations=True)
    got = simulate(WORKED, **ARGUMENTS, iteration_time=model, log_iterations=True)
    assert got.iteration_log is not None
    # Iteration 0: 0.5 + 0.25 x 4 + 0.0625 x 10.
    assert got.iteration_log.duration[0] == 2.125
    assert expected.iteration_log is not None
    assert got.iteration_log.duration.tolist() == expected.iteration_log.duration.tolist()


def test_a_time_model_sees_preemptions_and_the_waiting() -> None:
    # As in test_engine.py: the second of two is preempted in iteration 1.
    told: list[Iteration] = []

    def remember(iteration: Iteration) -> float:
        told.append(iteration)
        return 0.01

    simulate(TIGHT, num_gpu_blocks=6, block_size=1, iteration_time=remember)
    assert [(iteration.running, iteration.waiting, iteration.preemptions) for iteration in told] == [
        (2, 0, 0),
        (1, 1, 1),
        (1, 0, 0),
    ]


def test_progress_is_told_every_so_many_iterations() -> None:
    # From 0.0 on 35 iterations of 0.01 s; the second request comes at 0.155 s, joins iteration 16 at 0.16 s, and is
    # done at 0.17 s. The third is rejected as it comes.
    told: list[Progress] = []
    requests = RequestColumns([35, 1, 1], [1, 1, 100], [0.0, 0.155, 0.285])
    simulate(requests, max_model_len=99, progress=told.append, progress_interval=10)
    assert told == [
        Progress(iterations=10, time=0.1, arrived=1, finished=0, count=3),
        Progress(iterations=20, time=0.2, arrived=2, finished=1, count=3),
        Progress(iterations=30, time=0.3, arrived=3, finished=1, count=3),
    ]


def test_progress_changes_nothing() -> None:
    requests = RequestColumns(np.full(200, 30), np.full(200, 70), np.arange(200) / 50)
    expected = simulate(requests, max_num_seqs=8)
    for interval in (1, 7, 4096):
        got = simulate(requests, max_num_seqs=8, progress=lambda _: None, progress_interval=interval)
        assert got.end_time.tobytes() == expected.end_time.tobytes()
        assert got.busy_time == expected.busy_time


def in_time_model(run: Callable[[Any], None]) -> Result:
    return simulate(ENDLESS, iteration_limit=FAR_OFF, iteration_time=lambda told: run(told) or 0.01)  # type: ignore[func-returns-value]


def in_progress(run: Callable[[Any], None]) -> Result:
    return simulate(ENDLESS, iteration_limit=FAR_OFF, iteration_time=ENDLESS_TIME, progress=run, progress_interval=1)


CALLERS = pytest.mark.parametrize("call", [in_time_model, in_progress])


@CALLERS
@pytest.mark.parametrize("error", [StopError("enough"), KeyboardInterrupt(), SystemExit(3), ValueError("x")])
def test_an_exception_stops_the_run_and_comes_out_with_its_traceback(
    call: Callable[[Callable[[Any], None]], Result], error: BaseException
) -> None:
    calls = 0

    def third_time_unlucky(_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise error

    with pytest.raises(type(error)) as raised:
        call(third_time_unlucky)
    assert raised.value is error
    assert calls == 3
    assert "third_time_unlucky" in "".join(traceback.format_tb(error.__traceback__))


def test_a_run_after_one_that_was_stopped_is_as_any_other() -> None:
    expected = simulate(WORKED, **ARGUMENTS).end_time.tobytes()
    with pytest.raises(ZeroDivisionError):
        simulate(WORKED, iteration_time=lambda told: 1 / told.number)
    assert simulate(WORKED, **ARGUMENTS).end_time.tobytes() == expected


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, TypeError),
        ("0.01", TypeError),
        (True, TypeError),
        (-0.01, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (1e10, ValueError),
        (10**400, ValueError),
    ],
)
def test_an_answer_that_is_no_time_is_refused(answer: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"iteration_time's answer.* is ") as raised:
        simulate(WORKED, iteration_time=lambda _: answer)
    assert "time_callback" not in str(raised.value)


def test_a_run_may_start_another() -> None:
    # The inner takes as many iterations of 0.001 s as its request has tokens: one more each time.
    def inner(told: Iteration) -> float:
        return simulate(RequestColumns([told.number + 1], [1]), iteration_time=0.001).total_time

    result = simulate(RequestColumns([4], [1]), iteration_time=inner)
    assert result.total_time == 0.001 + 0.002 + 0.003 + 0.004


def test_an_exception_of_an_inner_run_comes_out_of_the_outer() -> None:
    def inner(_: Iteration) -> float:
        return simulate(RequestColumns([0])).total_time

    with pytest.raises(ValueError, match=r"output_length\[0\] is 0"):
        simulate(RequestColumns([4], [1]), iteration_time=inner)


@contextmanager
def interrupt_after(delay: float) -> Iterator[list[float]]:
    """Ctrl-C from outside, and when it was."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(delay, send)
    timer.start()
    try:
        yield sent
    finally:
        timer.cancel()
        timer.join()


def at_each_step(call: Callable[[Callable[[Any], None]], Result]) -> None:
    call(lambda _: None)


LONG_RUNS = pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda: simulate(ENDLESS, iteration_time=ENDLESS_TIME), id="no callback"),
        pytest.param(lambda: at_each_step(in_time_model), id="time model"),
        pytest.param(lambda: at_each_step(in_progress), id="progress"),
        pytest.param(
            lambda: simulate(ENDLESS, iteration_time=ENDLESS_TIME, log_iterations=True, iteration_limit=MOST_LOGGED),
            id="log",
        ),
    ],
)


@LONG_RUNS
def test_ctrl_c_stops_a_run_at_once(run: Callable[[], object]) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupt_after(0.2) as sent:
        run()
    assert time.monotonic() - sent[0] < SECONDS_UNTIL_STOPPED
    assert signal.getsignal(signal.SIGINT) is handler


@CALLERS
def test_a_signal_raised_in_a_callback_stops_it_and_the_run(
    call: Callable[[Callable[[Any], None]], Result],
) -> None:
    calls: list[str] = []

    def interrupt(_: Any) -> None:
        calls.append("begins")
        signal.raise_signal(signal.SIGINT)
        calls.append("ends")

    with pytest.raises(KeyboardInterrupt):
        call(interrupt)
    assert calls == ["begins"]


def test_ctrl_c_in_an_inner_run_stops_the_outer() -> None:
    calls = 0

    def inner(_: Iteration) -> float:
        nonlocal calls
        calls += 1
        return simulate(ENDLESS, iteration_time=ENDLESS_TIME).total_time

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupt_after(0.2) as sent:
        simulate(WORKED, **ARGUMENTS, iteration_time=inner)
    assert time.monotonic() - sent[0] < SECONDS_UNTIL_STOPPED
    assert calls == 1
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_handler_that_raises_nothing_is_called_and_the_run_goes_on() -> None:
    # The third of them stops the run, so that it goes on beyond the others.
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        seen.append(number)
        if len(seen) == 3:
            raise StopError

    before = signal.signal(signal.SIGALRM, note)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        with pytest.raises(StopError):
            simulate(ENDLESS, iteration_time=ENDLESS_TIME)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == [signal.SIGALRM] * 3


def test_ctrl_c_is_ignored_where_the_program_ignores_it() -> None:
    def patient(_: Iteration) -> float:
        time.sleep(0.05)
        return 0.01

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupt_after(0.0):
            assert simulate(WORKED, **ARGUMENTS, iteration_time=patient).finished == 2
    finally:
        signal.signal(signal.SIGINT, before)


def test_runs_in_threads_call_their_own_functions() -> None:
    def run(length: int) -> tuple[int, float]:
        calls: list[Iteration] = []

        def remember(iteration: Iteration) -> float:
            calls.append(iteration)
            return 0.01

        result = simulate(RequestColumns([length], [1]), iteration_time=remember)
        return len(calls), result.total_time

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(1, 200))) == [(length, length / 100) for length in range(1, 200)]
