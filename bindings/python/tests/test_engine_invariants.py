"""What holds in every run holds in those of the library and of the slow engine, and each check can fail."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from batching import Event, RequestStatus
from oracle import invariants
from oracle.cases import LARGE, SMALL, Case, Scale, SeededSource, a_case
from oracle.client import SlowClient
from oracle.comparison import run_library, run_slow
from oracle.engine import SlowOptions, SlowWorkload
from oracle.invariants import INVARIANTS
from oracle.told import Decision, Told

Invariant = Callable[[Told], None]
Change = Callable[[Told], None]

SCALES = pytest.mark.parametrize(
    ("scale", "seeds"),
    [pytest.param(SMALL, range(20_000, 21_000), id="small"), pytest.param(LARGE, range(30_000, 30_020), id="large")],
)


@SCALES
def test_invariants_hold(scale: Scale, seeds: range) -> None:
    for seed in seeds:
        case = a_case(SeededSource(seed), scale)
        case.options.log_queues = True
        for told in (told_by_library(case), Told(case, run_slow(case))):
            for invariant in INVARIANTS:
                try:
                    invariant(told)
                except AssertionError as error:
                    raise AssertionError(f"seed {seed}: {invariant.__name__}: {error}\n{case}") from error


def told_by_library(case: Case) -> Told:
    return Told(case, run_library(case, log_iterations=True, log_decisions=True))


# Four requests in four blocks of 2 tokens. Request 1 is preempted at iteration 2, when request 0 needs a third block
# for its fifth token, and joins again at iteration 4; request 2 can never fit. Request 3 comes after a pause.
WORKLOAD = SlowWorkload(output_length=[4, 4, 1, 2], prompt_length=[3, 3, 9, 2], arrival_time=[0.0, 0.0, 0.0, 1.0])
PREEMPTING = Case(WORKLOAD, SlowOptions(num_gpu_blocks=5, block_size=2, max_num_seqs=2, log_queues=True))


def of_case(**options: Any) -> Case:
    return Case(WORKLOAD, replace(PREEMPTING.options, **options))


# Two in flight: 0 and 2 are sent at once, and 3 when 2 ends, at 0.01 s. Request 1 is the turn after 0, which ends at
# 0.02 s; it arrives 0.02 s later.
TURNS = SlowWorkload([2, 1, 1, 1], [1, 1, 1, 1], [0.0] * 4, session=[7, 7, 8, 9], delay=[0.0, 0.02, 0.0, 0.0])
CLOSED = Case(TURNS, SlowOptions(log_queues=True), SlowClient(max_concurrency=2))


def column(name: str, index: int, value: Any) -> Change:
    def change(told: Told) -> None:
        getattr(told, name)[index] = value

    return change


def number(name: str, difference: float) -> Change:
    return lambda told: setattr(told, name, getattr(told, name) + difference)


def row(iteration: int, name: str, difference: int) -> Change:
    return lambda told: setattr(told.rows[iteration], name, getattr(told.rows[iteration], name) + difference)


def decision(event: Event, place: int, name: str, difference: int) -> Change:
    """In one of the rows that tell of such an event."""

    def change(told: Told) -> None:
        chosen = [row for row in told.decisions if row.event == event][place]
        setattr(chosen, name, getattr(chosen, name) + difference)

    return change


def without(event: Event, place: int = 0) -> Change:
    return lambda told: told.decisions.remove([row for row in told.decisions if row.event == event][place])


def twice(event: Event) -> Change:
    def change(told: Told) -> None:
        place = next(place for place, row in enumerate(told.decisions) if row.event == event)
        told.decisions.insert(place, copy.copy(told.decisions[place]))

    return change


def at_the_end(*values: int) -> Change:
    return lambda told: told.decisions.append(Decision(*values))


def arrives_before_the_pause(told: Told) -> None:
    told.sent[3] = 0


def in_another_order(told: Told) -> None:
    told.decisions.sort(key=lambda row: -row.event if row.event == Event.RUNNING else 0)


def option(name: str, value: Any) -> Change:
    """As if the limit had been another."""
    return lambda told: setattr(told.options, name, value)


def client(**limits: Any) -> Change:
    """As if it had been another."""
    return lambda told: setattr(told, "client", SlowClient(**limits))


# For each invariant what breaks it. The case is the preempting one, unless another is named.
BROKEN: dict[Invariant, list[tuple[Change, Case]]] = {
    invariants.every_request_ends_once: [
        (column("status", 0, 100), PREEMPTING),
        (column("status", 2, 0), PREEMPTING),
        (column("status", 2, 100), PREEMPTING),
        (column("status", 2, 7), PREEMPTING),
        (number("finished", 1), PREEMPTING),
        (number("rejected", -1), PREEMPTING),
        (number("unfinished", 1), PREEMPTING),
        (number("not_sent", 1), PREEMPTING),
        (column("status", 1, RequestStatus.NOT_SENT), CLOSED),
        (column("completion_order", 0, 1), PREEMPTING),
        (column("completion_order", 3, 2), PREEMPTING),
        (lambda told: told.completion_order.__setitem__(slice(0, 2), [1, 0]), PREEMPTING),
        (twice(Event.FINISHED), PREEMPTING),
        (without(Event.REJECTED), PREEMPTING),
        (at_the_end(9, 0, Event.SCHEDULED, 1), PREEMPTING),
        (number("end_reason", 100), PREEMPTING),
        (number("end_reason", -110), of_case(iteration_limit=3)),
        (number("end_reason", 90), of_case(iteration_limit=3)),
    ],
    invariants.times_of_a_request_are_in_order: [
        (column("start_time", 3, 0.999999999), PREEMPTING),
        (column("first_token_time", 0, 0.041), PREEMPTING),
        (column("end_time", 0, 0.009), PREEMPTING),
        (column("end_time", 0, 2.0), PREEMPTING),
        (column("start_time", 0, math.nan), PREEMPTING),
        (column("end_time", 0, math.nan), PREEMPTING),
        (column("start_time", 2, 0.0), PREEMPTING),
        (column("tokens_generated", 0, 0), PREEMPTING),
        (number("total_time", 1e-9), PREEMPTING),
        (number("duration", -1e-9), PREEMPTING),
        (column("sent", 3, 20_000_001), CLOSED),
        (column("sent_time", 3, -1e-9), CLOSED),
        (column("arrival_time", 3, 0.010000001), CLOSED),
        (column("sent", 3, None), CLOSED),
    ],
    invariants.the_clock_never_goes_back: [
        (row(1, "time", -10_000_001), PREEMPTING),
        (row(1, "start_time", -1), PREEMPTING),
        (row(1, "start_time", 1), PREEMPTING),
        (row(1, "duration", -10_000_001), PREEMPTING),
        (row(1, "duration", 1), PREEMPTING),
        (number("duration", 1e-9), PREEMPTING),
        (number("busy_time", 1e-9), PREEMPTING),
        (row(3, "start_time", -1), of_case(async_scheduling=True)),
    ],
    invariants.times_of_requests_are_those_of_iterations: [
        (column("start_time", 3, 1.000000001), PREEMPTING),
        (column("first_token_time", 0, 0.010000001), PREEMPTING),
        (column("end_time", 0, 0.05), PREEMPTING),
    ],
    invariants.used_and_free_blocks_are_all_blocks: [
        (row(2, "kv_blocks_used", 1), PREEMPTING),
        (row(2, "kv_blocks_used", -1), PREEMPTING),
        (row(2, "kv_blocks_used", 2), PREEMPTING),
        (row(3, "kv_blocks_kept", 4), PREEMPTING),
        (row(0, "kv_blocks_kept", 5), PREEMPTING),
        (row(3, "kv_blocks_kept", -1), PREEMPTING),
        (number("peak_kv_use", 0.25), PREEMPTING),
        (number("mean_kv_use", 1.0), PREEMPTING),
        (without(Event.PREEMPTED), PREEMPTING),
        (row(2, "kv_blocks_used", 2), of_case(enable_prefix_caching=True)),
        (row(2, "kv_blocks_used", -2), of_case(enable_prefix_caching=True)),
    ],
    invariants.at_most_max_num_seqs_run: [
        (option("max_num_seqs", 1), PREEMPTING),
        (row(0, "running", 1), PREEMPTING),
        (number("peak_running", 1), PREEMPTING),
        (number("mean_running", 2.0), PREEMPTING),
    ],
    invariants.the_running_are_those_that_joined: [
        (in_another_order, PREEMPTING),
        (twice(Event.RUNNING), PREEMPTING),
        (without(Event.RUNNING, 1), PREEMPTING),
        (twice(Event.WAITING), PREEMPTING),
        (decision(Event.WAITING, 0, "request", -1), PREEMPTING),
        (row(0, "running", -1), PREEMPTING),
        (row(2, "waiting", 1), PREEMPTING),
        (number("peak_waiting", 1), PREEMPTING),
    ],
    invariants.no_iteration_exceeds_the_token_budget: [
        (option("max_num_batched_tokens", 5), PREEMPTING),
        (option("long_prefill_token_threshold", 2), PREEMPTING),
        (decision(Event.SCHEDULED, 0, "tokens", 1), PREEMPTING),
        (decision(Event.SCHEDULED, 2, "tokens", -1), PREEMPTING),
        (number("prefill_tokens", 1), PREEMPTING),
        (number("decode_tokens", 1), PREEMPTING),
    ],
    invariants.nobody_is_scheduled_twice_in_an_iteration: [
        (twice(Event.SCHEDULED), PREEMPTING),
        (decision(Event.SCHEDULED, 1, "request", -1), PREEMPTING),
        (decision(Event.SCHEDULED, 0, "iteration", 2), PREEMPTING),
    ],
    invariants.no_replica_idles_while_a_request_waits: [
        (arrives_before_the_pause, PREEMPTING),
        (column("end_time", 1, 0.07), PREEMPTING),
        (column("end_time", 1, math.nan), PREEMPTING),
        (row(0, "prefill_tokens", -6), PREEMPTING),
        (row(0, "waiting", 1), of_case(num_gpu_blocks=None, max_num_seqs=4)),
        (row(0, "waiting", 1), of_case(num_gpu_blocks=None, max_num_seqs=4, policy="continuous")),
    ],
    invariants.scheduled_tokens_are_what_is_computed: [
        (decision(Event.SCHEDULED, 0, "tokens", 1), PREEMPTING),
        (decision(Event.SCHEDULED, 0, "tokens", -1), PREEMPTING),
        (decision(Event.RESUMED, 0, "tokens", 1), PREEMPTING),
        (column("tokens_generated", 0, 3), PREEMPTING),
    ],
    invariants.the_finished_have_exactly_their_tokens: [
        (column("tokens_generated", 0, 3), PREEMPTING),
        (column("tokens_generated", 2, 1), PREEMPTING),
        (column("tokens_generated", 0, 4), of_case(iteration_limit=3)),
        (column("tokens_generated", 0, 5), of_case(iteration_limit=3, policy="static")),
        (number("total_tokens", 1), PREEMPTING),
        (number("throughput", 1e-9), PREEMPTING),
        (decision(Event.FINISHED, 0, "tokens", 1), PREEMPTING),
    ],
    invariants.counts_add_up: [
        (number("iterations", 1), PREEMPTING),
        (column("preemptions", 0, 1), PREEMPTING),
        (row(2, "preemptions", -1), PREEMPTING),
        (row(3, "finished", -1), PREEMPTING),
        (number("total_preemptions", 1), PREEMPTING),
        (without(Event.PREEMPTED), PREEMPTING),
        (twice(Event.RESUMED), PREEMPTING),
        (column("prefix_cached_tokens", 0, 2), PREEMPTING),
        (number("prefix_cache_hits", 2), PREEMPTING),
    ],
    invariants.no_more_are_in_flight_than_may_be: [
        (client(max_concurrency=1), CLOSED),
        (client(clients=1), CLOSED),
        (column("sent", 3, 9_999_999), CLOSED),
        (column("sent", 1, 19_999_999), CLOSED),
        (column("end_time", 0, math.nan), CLOSED),
    ],
    invariants.clients_send_in_order_and_as_soon_as_they_may: [
        (column("sent_time", 0, 1e-9), PREEMPTING),
        (column("arrival_time", 2, math.nan), PREEMPTING),
        (client(max_concurrency=3), CLOSED),
        (client(clients=2), CLOSED),
        (column("sent", 3, 10_000_001), CLOSED),
        (column("sent", 0, 10_000_001), CLOSED),
        (column("arrival_time", 1, 0.039999999), CLOSED),
    ],
    invariants.turns_arrive_when_they_should: [
        (column("arrival_time", 1, 0.039999999), CLOSED),
        (column("arrival_time", 1, 0.040000001), CLOSED),
        (column("status", 0, RequestStatus.ABORTED), CLOSED),
        (column("status", 0, RequestStatus.REJECTED_KV_MEMORY), CLOSED),
        (column("end_time", 0, 0.020000001), CLOSED),
    ],
}


def test_every_invariant_is_broken_once() -> None:
    assert list(BROKEN) == INVARIANTS


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_an_invariant_can_fail(invariant: Invariant) -> None:
    for place, (change, case) in enumerate(BROKEN[invariant]):
        for told in (told_by_library(case), Told(case, run_slow(case))):
            told.options = copy.copy(told.options)
            invariant(told)
            change(told)
            assert fails(invariant, told), f"nothing was found after change {place}"


def fails(invariant: Invariant, told: Told) -> bool:
    try:
        invariant(told)
    except AssertionError:
        return True
    return False
