"""Children that are forked at any moment, and pools of processes, compute what their parent does.

A child has the memory of its parent and only the thread that forked: what another thread was doing stays half done.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from batching import (
    Accumulator,
    AffineTime,
    BatchingBusyError,
    Iteration,
    Progress,
    RequestColumns,
    generate_workload,
    simulate,
)
from process_work import ACCUMULATED, accumulated, ends, told

SECONDS_UNTIL_A_CHILD_HANGS = 60
# Iterations of no closed form, a billion of them: it runs until it is stopped.
ENDLESS = RequestColumns([2**30], [1])
ENDLESS_TIME = AffineTime(base=1e-6, per_context_token=1.7e-9)


class StopError(Exception):
    """What nothing else raises."""


def child_answers(work: Callable[[], str]) -> str:
    """What a forked child says. One that hangs is ended by a signal, and then says nothing."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS_UNTIL_A_CHILD_HANGS)
            os.write(writer, work().encode())
        except BaseException as error:  # noqa: BLE001  (nothing may reach the tests that are the parent's)
            os.write(writer, repr(error).encode())
        finally:
            # Neither the buffers nor the threads here are the child's to end.
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answers:
        said = answers.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return said


@contextmanager
def endless_run() -> Iterator[None]:
    """While another thread is in the library, without the interpreter's lock."""
    begun, stop = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def watch(_: Progress) -> None:
        begun.set()
        if stop.is_set():
            raise StopError

    def run() -> None:
        try:
            simulate(ENDLESS, iteration_time=ENDLESS_TIME, progress=watch, progress_interval=100_000)
        except BaseException as error:  # noqa: BLE001  (told below)
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(SECONDS_UNTIL_A_CHILD_HANGS)
        yield
        assert not raised
    finally:
        stop.set()
        thread.join()
    assert [type(error) for error in raised] == [StopError]


def test_a_forked_child_gives_the_same_bytes() -> None:
    for seed in range(5):
        assert child_answers(lambda seed=seed: told(seed)) == told(seed)  # type: ignore[misc]


def test_a_child_that_is_forked_while_another_thread_runs_gives_the_same_bytes() -> None:
    expected = told(1)
    with endless_run():
        for _ in range(20):
            assert child_answers(lambda: told(1)) == expected


def test_a_child_can_run_what_the_other_thread_was_running() -> None:
    def one_thousand() -> str:
        return str(simulate(ENDLESS, iteration_time=ENDLESS_TIME, iteration_limit=1000).duration)

    expected = one_thousand()
    with endless_run():
        assert child_answers(one_thousand) == expected


def test_a_child_that_is_forked_within_a_run_ends_that_run_as_its_parent_does() -> None:
    requests = generate_workload(200, arrival_rate=20.0)

    def seconds(iteration: Iteration) -> float:
        return 0.01 + 1e-4 * iteration.prefill_tokens

    def run(at_iteration_100: Callable[[], None]) -> bytes:
        def tell(progress: Progress) -> None:
            if progress.iterations == 100:
                at_iteration_100()

        return simulate(requests, iteration_time=seconds, progress=tell, progress_interval=10).end_time.tobytes()

    expected = run(lambda: None)
    reader, writer = os.pipe()
    children: list[int] = []

    def fork() -> None:
        children.append(os.fork())
        if children[-1] == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS_UNTIL_A_CHILD_HANGS)
            os.write(writer, told(2).encode())

    try:
        ended = run(fork)
    finally:
        if children[-1:] == [0]:
            os.write(writer, b" as expected" if ended == expected else b" another end")
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answers:
        assert answers.read() == f"{told(2)} as expected"
    os.waitpid(children[0], 0)
    assert ended == expected


def test_an_accumulator_in_use_by_a_thread_that_the_child_does_not_have_stays_busy_there() -> None:
    count = 2_000_000
    request, times = np.ones(count, np.int64), np.zeros(count)
    accumulator = Accumulator(max_requests=2, max_gaps=2 * count)

    def look() -> str:
        try:
            state = str(accumulator.state.gaps)
        except BatchingBusyError:
            state = "busy"
        return f"{state} {told(3)}"

    said: set[str] = set()
    expected = told(3)
    # Whether the fork meets the other thread within its call is up to the machine: until it does.
    for _ in range(100):
        accumulator = Accumulator(max_requests=2, max_gaps=count)
        accumulator.arrived(1, 0.0)
        other = threading.Thread(target=accumulator.add, args=(request, times))
        other.start()
        while other.is_alive() and f"busy {expected}" not in said:
            said.add(child_answers(look))
        other.join()
        if f"busy {expected}" in said:
            break
    # To the parent it is as if nothing had happened.
    assert accumulator.state.gaps == count - 1
    assert f"busy {expected}" in said
    assert said <= {f"busy {expected}", f"0 {expected}", f"{count - 1} {expected}"}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes_gives_the_same_bytes(method: str) -> None:
    requests = generate_workload(500, arrival_rate=20.0)
    seeds, quarter = range(8), ACCUMULATED // 4
    with multiprocessing.get_context(method).Pool(2) as pool:
        digests = pool.map(told, seeds)
        end_times = pool.map(ends, [requests] * 2)
        parts = pool.map(accumulated, [(begin, begin + quarter) for begin in range(0, ACCUMULATED, quarter)])
    assert digests == [told(seed) for seed in seeds]
    assert end_times == [ends(requests)] * 2
    # Out of order: merging does not depend on it.
    whole = Accumulator.load(parts[2].save())
    for part in (parts[0], parts[3], parts[1]):
        whole.merge(part)
    assert whole.measure() == accumulated((0, ACCUMULATED)).measure()
