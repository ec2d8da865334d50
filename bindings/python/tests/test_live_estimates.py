"""Estimates of a live engine with a prefix cache say what happens, and change nothing by being asked.

An estimate runs in the cache of the engine itself and undoes what it did, and mostly only counts blocks. A copy of the
engine, to which the request is sent, does neither.
"""

import ctypes
import math
from dataclasses import replace
from typing import Any

import numpy as np

from batching import Event, LiveEngine, RequestColumns, RequestStatus
from batching._ffi.calls import check, initialised
from batching._ffi.generated import structs
from batching._ffi.loader import library
from live_driver import Drive, rows_of
from oracle.cases import SMALL, STEP, Case, Scale, SeededSource, an_open_case, callback_time
from oracle.comparison import run_slow
from oracle.simulators import seconds

COLUMNS = ["start_time", "first_token_time", "end_time"]
TOLD = ["start_time", "first_token_time", "end_time", "preemptions", "prefix_cached_tokens", "status"]
QUESTION = 10**15
MEDIUM = Scale([9, 20, 40], [(12, 30), (30, 60), (20, 150)], [2, 4, 8])
"""Enough memory that few runs exhaust it."""


def estimates(engine: LiveEngine, questions: RequestColumns) -> dict[str, Any]:
    """`batching_live_engine_estimate` of requests with hash ids."""
    results = initialised(structs.batching_results)
    results.capacity = len(questions)
    columns = {name: np.full(len(questions), -1.0) for name in COLUMNS}
    tokens, status = np.full(len(questions), -1, np.int32), np.full(len(questions), -1, np.int32)
    for name, column in columns.items():
        setattr(results, name, column.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
    results.tokens_generated = tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
    results.status = status.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
    structure = questions._structure()
    check(library.batching_live_engine_estimate(engine._handle, ctypes.byref(structure), ctypes.byref(results)))
    return {**columns, "tokens_generated": tokens, "status": status}


class AskingDrive(Drive):
    """Asks what requests of the case would meet if they came once more, and sends them to copies."""

    def __init__(self, case: Case, source: SeededSource) -> None:
        super().__init__(case, source)
        self.finished = 0

    def look(self) -> None:
        if self.source.choice([True, False]):
            self.ask()
        super().look()

    def ask(self) -> None:
        engine, clock = self.engine, self.engine.state.clock
        indices = [self.source.integer(0, len(self.arrival) - 1) for _ in range(self.source.integer(1, 3))]
        case = Case(replace(self.case.workload), self.case.options)
        case.workload.arrival_time = [clock + seconds(self.source.choice([0, 0, 0, 1, 5]) * STEP)] * len(self.arrival)
        before = repr(engine.state)
        told = estimates(engine, rows_of(case, indices))
        assert repr(engine.state) == before
        for position, index in enumerate(indices):
            copy = engine.fork()
            copy.submit_columns(rows_of(case, [index]), [QUESTION])
            copy.advance()
            # In the order of `COLUMNS`.
            happened = {event.event: event for event in copy.poll() if event.request == QUESTION}
            times = [happened[event].time if event in happened else math.nan for event in ENDS]
            np.testing.assert_equal(times, [told[name][position] for name in COLUMNS])
            status = told["status"][position]
            if Event.REJECTED in happened:
                assert status == happened[Event.REJECTED].tokens
            elif Event.FINISHED in happened:
                assert status == RequestStatus.FINISHED
                assert told["tokens_generated"][position] == happened[Event.FINISHED].tokens
                self.finished += 1
            else:
                assert status == RequestStatus.STUCK


ENDS = [Event.ADMITTED, Event.FIRST_TOKEN, Event.FINISHED]


def finished_estimates(seeds: range, scale: Scale) -> int:
    """How many requests that were asked about finish, in the cases of these seeds that have a prefix cache."""
    finished = 0
    for seed in seeds:
        source = SeededSource(seed)
        case = an_open_case(source, scale)
        if not case.options.enable_prefix_caching or case.options.iteration_time is callback_time:
            continue
        case.options = replace(case.options, time_limit=None, iteration_limit=None, admit_oversized=False)
        case.workload.abort_time = None
        try:
            drive = AskingDrive(case, source)
            told = drive.run()
            expected = run_slow(case)
            for name in TOLD:
                np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), err_msg=name)
            finished += drive.finished
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    return finished


def test_estimates_with_little_memory() -> None:
    assert finished_estimates(range(80_000, 81_500), SMALL) > 1000


def test_estimates_with_more_memory() -> None:
    assert finished_estimates(range(90_000, 91_000), MEDIUM) > 1000


def test_what_several_share_is_free_once() -> None:
    # Twenty blocks of 16 tokens. Two requests share eight of them and finish; then one that runs and the one that is
    # asked about grow to 14 each, and that is preempted, unless each of the eight were counted as two free ones.
    engine = LiveEngine(num_gpu_blocks=21, block_size=16, enable_prefix_caching=True, iteration_time=0.25)
    shared = list(range(8))
    engine.submit(0, prompt_length=128, output_length=20, hash_ids=shared)
    engine.advance(iterations=1)
    engine.submit(1, prompt_length=129, output_length=20, hash_ids=shared)
    engine.submit(2, prompt_length=16, output_length=200, hash_ids=[100])
    engine.advance(iterations=2)
    assert engine.state.running == 3
    told = engine.estimate(prompt_length=16, output_length=200)
    engine.submit(QUESTION, prompt_length=16, output_length=200)
    engine.advance()
    events = {event.event: event for event in engine.poll() if event.request == QUESTION}
    assert Event.PREEMPTED in events
    assert [events[event].time for event in ENDS] == [told.start_time, told.first_token_time, told.end_time]
