"""A live engine's host sends by the rules of "Engine: clients", in batching.h: what happens is what `simulate` says.

The host goes from event to event: it moves the clock to the end of the iteration under way, or to the next time at
which it has a request to send, and sends what the answers let it send.
"""

import math
from typing import Any

import numpy as np

from batching import Event, LiveEngine
from live_driver import live_arguments, rows_of
from oracle.cases import LARGE, SMALL, Case, SeededSource, a_case
from oracle.client import SlowSender
from oracle.comparison import run_library, slow_client
from oracle.records import REJECTED_MODEL_LENGTH
from oracle.simulators import nanoseconds, seconds

COLUMNS = ["sent_time", "start_time", "first_token_time", "end_time", "preemptions", "prefix_cached_tokens"]


class Host:
    """Sends the requests of a case to a live engine, whose numbers for them are their indices."""

    def __init__(self, case: Case) -> None:
        workload, count = case.workload, len(case.workload.output_length)
        self.case = case
        self.engine = LiveEngine(**live_arguments(case))
        self.sender = SlowSender(workload.arrival_time, workload.session, workload.delay, slow_client(case))
        self.told: dict[str, list[Any]] = {name: [math.nan] * count for name in COLUMNS}
        self.told |= {name: [0] * count for name in ("preemptions", "prefix_cached_tokens")}
        self.finished = 0
        self.clock = 0

    def run(self) -> None:
        while True:
            self.send(self.clock)
            moments = [self.sender.next_send(), self.iteration_end(), self.first_end()]
            if all(time is None for time in moments):
                return
            self.clock = min(time for time in moments if time is not None)
            self.engine.advance(seconds(self.clock))
            self.take_events()

    def send(self, by: int) -> None:
        """All that is to be sent by then, in the order of sending."""
        while (index := self.sender.send(by)) is not None:
            sent = self.sender.sent[index]
            assert sent is not None
            row = rows_of(self.case, [index]).replace(arrival_time=[seconds(sent)])
            if row.tie_break is None:
                row = row.replace(tie_break=[index])
            self.engine.submit_columns(row, [index])
            self.told["sent_time"][index] = seconds(sent)

    def iteration_end(self) -> int | None:
        """When the iteration under way ends; asynchronously, one in which nothing computes may end where it begins."""
        end = self.engine.state.next_iteration_end
        return None if end is None or nanoseconds(end) == self.clock else nanoseconds(end)

    def first_end(self) -> int | None:
        """When the first request will have ended if no other is sent until then: a copy of the engine knows."""
        copy = self.engine.fork()
        copy.advance()
        ends = [event.time for event in copy.poll() if event.event == Event.FINISHED]
        return nanoseconds(min(ends)) if ends else None

    def take_events(self) -> None:
        for event in self.engine.poll():
            match event.event:
                case Event.ADMITTED:
                    self.told["start_time"][event.request] = event.time
                    self.told["prefix_cached_tokens"][event.request] = event.tokens
                case Event.FIRST_TOKEN:
                    self.told["first_token_time"][event.request] = event.time
                case Event.PREEMPTED:
                    self.told["preemptions"][event.request] += 1
                case Event.FINISHED:
                    assert nanoseconds(event.time) == self.clock
                    self.told["end_time"][event.request] = event.time
                    self.finished += 1
                    self.sender.note_end(event.request, self.clock, is_answered=True)
                case _:
                    assert event.event == Event.RESUMED


def a_case_for_a_host(seed: int) -> Case | None:
    """Without what a host cannot do by the rules: clients leave a live engine in another way, and a static batch forms
    once the engine knows that nothing more comes.
    """
    case = a_case(SeededSource(seed), LARGE if seed % 100 == 0 else SMALL)
    case.workload.abort_time = None
    options = case.options
    options.time_limit = options.iteration_limit = None
    options.admit_oversized = False
    if options.policy == "static" or (case.client is None and case.workload.session is None):
        return None
    return case


def assert_same_with_a_host(case: Case) -> bool:
    expected = run_library(case)
    # It is told of a rejection when it is too late to send another request in its place.
    if any(status >= REJECTED_MODEL_LENGTH for status in expected.status):
        return False
    host = Host(case)
    host.run()
    for name in COLUMNS:
        np.testing.assert_array_equal(np.asarray(host.told[name]), getattr(expected, name), err_msg=name)
    assert host.finished == expected.finished
    return bool((expected.sent_time > np.asarray(case.workload.arrival_time)).any())


def test_a_host_that_sends_by_the_rules_has_the_run_of_simulate() -> None:
    later = 0
    for seed in range(95_000, 97_000):
        case = a_case_for_a_host(seed)
        if case is None:
            continue
        try:
            is_later = assert_same_with_a_host(case)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}\n{case}") from error
        later += is_later
    assert later > 300
