"""Feeds a case to a live engine in random slices, and gathers what it tells."""

import contextlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from batching import AttributionParts, BatchingValueError, Event, LiveEngine, RequestColumns, RequestStatus
from oracle.cases import STEP, Case, SeededSource
from oracle.comparison import library_arguments
from oracle.simulators import nanoseconds, seconds


@dataclass
class Told:
    """What a live engine told of each request of a case, by its index."""

    start_time: list[float]
    first_token_time: list[float]
    end_time: list[float]
    tokens_generated: list[int]
    preemptions: list[int]
    prefix_cached_tokens: list[int]
    status: list[int]
    completion_order: list[int]
    times: list[float]
    """Of all events, in the order in which they were told."""
    parts: list[AttributionParts | None]
    """Of each request, if the engine keeps them."""


def live_arguments(case: Case) -> dict[str, Any]:
    """What a live engine takes of the configuration of a case."""
    arguments = library_arguments(case.options)
    for name in ("time_limit", "iteration_limit", "log_queues"):
        del arguments[name]
    return arguments


def rows_of(case: Case, indices: list[int]) -> RequestColumns:
    """Some requests of a case."""
    workload = case.workload
    shared: dict[str, Any] = {}
    if workload.hash_ids is not None:
        ids = [workload.hash_ids[index] for index in indices]
        shared["hash_ids"] = np.array([item for row in ids for item in row], np.int64)
        shared["hash_offsets"] = np.cumsum([0, *map(len, ids)], dtype=np.int64)
        shared["hash_block_size"] = workload.hash_block_size or None
        shared["hash_covers_output"] = workload.hash_covers_output
    return RequestColumns(
        [workload.output_length[index] for index in indices],
        [workload.prompt_length[index] for index in indices],
        [workload.arrival_time[index] for index in indices],
        priority=None if workload.priority is None else [workload.priority[index] for index in indices],
        tie_break=None if workload.tie_break is None else [workload.tie_break[index] for index in indices],
        max_tokens=None if workload.max_tokens is None else [workload.max_tokens[index] for index in indices],
        **shared,
    )


class Drive:
    """One run of a case through a live engine."""

    def __init__(self, case: Case, source: SeededSource, **own: Any) -> None:
        count = len(case.workload.output_length)
        self.case = case
        self.source = source
        self.engine = LiveEngine(**{**live_arguments(case), **own})
        self.policy = own.get("policy")
        self.told = Told(
            start_time=[math.nan] * count,
            first_token_time=[math.nan] * count,
            end_time=[math.nan] * count,
            tokens_generated=[0] * count,
            preemptions=[0] * count,
            prefix_cached_tokens=[0] * count,
            status=[RequestStatus.STUCK] * count,
            completion_order=[],
            times=[],
            parts=[None] * count,
        )
        # By arrival; ties as given, since there the one that was there first goes first.
        arrival = [nanoseconds(time) for time in case.workload.arrival_time]
        self.arrival = arrival
        self.left = sorted(range(count), key=lambda index: arrival[index])
        aborts = case.workload.abort_time or []
        self.aborts = sorted((nanoseconds(time), index) for index, time in enumerate(aborts) if not math.isnan(time))

    def run(self) -> Told:
        clock = 0
        while self.left or self.aborts or self.source.integer(0, 3):
            target = clock + self.source.choice([0, 1, STEP // 2, STEP - 1, STEP, STEP + 1, 3 * STEP, 20 * STEP])
            if self.left and self.source.integer(0, 1):
                target = max(clock, self.arrival[self.source.choice(self.left)])
            if self.aborts:
                target = min(target, self.aborts[0][0])
            self.submit(target)
            if not self.left and self.case.options.policy == "static":
                # It starts its last batch only once it knows that nothing more comes.
                break
            if self.source.integer(0, 9) == 0:
                self.advance(seconds(target), iterations=self.source.integer(1, 5))
            else:
                self.advance(seconds(target))
                assert self.engine.state.clock == seconds(target)
            clock = nanoseconds(self.engine.state.clock)
            self.take_aborts(clock)
            self.look()
        self.advance()
        self.take_events()
        return self.told

    def advance(self, *arguments: Any, **named: Any) -> None:
        self.engine.advance(*arguments, **named)

    def take_aborts(self, clock: int) -> None:
        """Clients leave, unless their requests are gone."""
        while self.aborts and self.aborts[0][0] <= clock:
            _, index = self.aborts.pop(0)
            with contextlib.suppress(BatchingValueError):
                self.engine.abort(self.name(index))

    def submit(self, target: int) -> None:
        """All that arrive before `target`, and sometimes more: one by one or together, and not in order."""
        due = sum(self.arrival[index] < target for index in self.left)
        count = max(due, self.source.choice([0, due, due + 1, due + 3]))
        indices, self.left = self.left[:count], self.left[count:]
        if len({self.arrival[index] for index in indices}) == len(indices) and self.source.choice([True, False]):
            indices.reverse()
        step = self.source.choice([1, 2, max(1, len(indices))])
        for start in range(0, len(indices), step):
            some = indices[start : start + step]
            self.engine.submit_columns(rows_of(self.case, some), [self.name(index) for index in some])

    @staticmethod
    def name(index: int) -> int:
        return -(index**3) * 2**38 - index

    def look(self) -> None:
        """Nothing that is asked, and no copy, changes anything."""
        state = self.engine.state
        in_flight = state.pending + state.waiting + state.running
        assert state.submitted == in_flight + state.finished + state.rejected + state.aborted
        if self.source.integer(0, 4) == 0:
            before = repr(state)
            self.engine.estimate(
                prompt_length=self.source.integer(0, 20), output_length=self.source.integer(1, 20), priority=1
            )
            assert repr(self.engine.state) == before
        if self.source.integer(0, 2) == 0:
            self.save_and_load()
        if self.source.choice([True, False]):
            self.take_events()
            if self.source.integer(0, 3) == 0:
                copy = self.engine.fork()
                assert repr(copy.state) == repr(replace(self.engine.state, events=0))
                # Whichever of the two goes on, the other does not matter.
                if self.source.choice([True, False]):
                    self.engine, copy = copy, self.engine
                copy.advance()

    def save_and_load(self) -> None:
        """The engine that goes on is another one."""
        data = self.engine.save()
        model: Any = self.case.options.iteration_time
        loaded = LiveEngine.load(data, policy=self.policy, iteration_time=model if callable(model) else None)
        assert repr(loaded.state) == repr(self.engine.state)
        assert loaded.save() == data
        self.engine = loaded

    def take_events(self) -> None:
        indices = {self.name(index): index for index in range(len(self.arrival))}
        told = self.told
        for event in self.engine.poll():
            index = indices[event.request]
            told.times.append(event.time)
            told.parts[index] = event.attribution or told.parts[index]
            match event.event:
                case Event.ADMITTED:
                    told.start_time[index] = event.time
                    told.prefix_cached_tokens[index] = event.tokens
                case Event.FIRST_TOKEN:
                    told.first_token_time[index] = event.time
                case Event.PREEMPTED:
                    told.preemptions[index] += 1
                case Event.FINISHED:
                    told.end_time[index] = event.time
                    told.tokens_generated[index] = event.tokens
                    told.status[index] = RequestStatus.FINISHED
                    told.completion_order.append(index)
                case Event.ABORTED:
                    told.end_time[index] = event.time
                    told.tokens_generated[index] = event.tokens
                    told.status[index] = RequestStatus.ABORTED
                case Event.REJECTED:
                    told.status[index] = event.tokens
                case _:
                    assert event.event == Event.RESUMED
