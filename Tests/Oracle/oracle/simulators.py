"""The simulators as one would write them on a blackboard: every request is looked at in every iteration, and time is a
Python integer of nanoseconds. Slow, obvious, and independent of the library.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction


def nanoseconds(seconds: float) -> int:
    """Rounded once, to the nearest, ties to even."""
    return round(Fraction(seconds) * 10**9)


def seconds(count: int) -> float:
    """The double nearest to so many nanoseconds: Python divides integers exactly and rounds once."""
    return count / 10**9


@dataclass
class SlowRun:
    """What a slow simulator found out, in nanoseconds, in the order of the requests."""

    start: list[int]
    first_token: list[int]
    end: list[int]
    completion_order: list[int] = field(default_factory=list)
    iterations: int = 0


def _new_run(count: int) -> SlowRun:
    return SlowRun([-1] * count, [-1] * count, [-1] * count)


def _arrival_order(arrivals: Sequence[int]) -> list[int]:
    return sorted(range(len(arrivals)), key=lambda index: arrivals[index])


def slow_static(outputs: Sequence[int], arrivals: Sequence[int], batch_size: int, step: int) -> SlowRun:
    run = _new_run(len(outputs))
    order = _arrival_order(arrivals)
    clock = 0
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        clock = max(clock, arrivals[batch[-1]])
        for index in batch:
            run.start[index] = clock
        generated = dict.fromkeys(batch, 0)
        while any(generated[index] < outputs[index] for index in batch):
            clock += step
            run.iterations += 1
            for index in batch:
                if generated[index] < outputs[index]:
                    generated[index] += 1
                    if generated[index] == 1:
                        run.first_token[index] = clock
        for index in batch:
            run.end[index] = clock
            run.completion_order.append(index)
    return run


def slow_continuous(outputs: Sequence[int], arrivals: Sequence[int], max_batch_size: int, step: int) -> SlowRun:
    run = _new_run(len(outputs))
    waiting = _arrival_order(arrivals)
    running: list[int] = []
    generated = [0] * len(outputs)
    clock = 0
    while waiting or running:
        if not running:
            clock = max(clock, arrivals[waiting[0]])
        while waiting and len(running) < max_batch_size and arrivals[waiting[0]] <= clock:
            index = waiting.pop(0)
            run.start[index] = clock
            running.append(index)
        clock += step
        run.iterations += 1
        for index in running:
            generated[index] += 1
            if generated[index] == 1:
                run.first_token[index] = clock
            if generated[index] == outputs[index]:
                run.end[index] = clock
                run.completion_order.append(index)
        running = [index for index in running if generated[index] < outputs[index]]
    return run
