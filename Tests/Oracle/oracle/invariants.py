"""What holds in every run, whatever the policy: each invariant is a check of what an engine told.

The checks know nothing of how an engine works. They read the columns and the logs, and follow each request through the
log of decisions (decisions.py). The times of the logs are compared as whole nanoseconds.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from batching import EndReason, Event, RequestStatus

from oracle.decisions import Replay
from oracle.records import FINISHED, NOT_SENT, UNFINISHED
from oracle.simulators import nanoseconds
from oracle.told import Told

REJECTED = {
    RequestStatus.REJECTED_MODEL_LENGTH,
    RequestStatus.REJECTED_KV_MEMORY,
    RequestStatus.REJECTED_TOKEN_BUDGET,
}

FUTILE_PREEMPTIONS = 1_000
"""With fewer in a run, the engine cannot have taken it for one in which requests preempt each other for ever."""


def every_request_ends_once(told: Told) -> None:
    """Finished, rejected, aborted, left, or never sent: one of them."""
    finished = [index for index, status in enumerate(told.status) if status == FINISHED]
    rejected = [index for index, status in enumerate(told.status) if status in REJECTED]
    aborted = [index for index, status in enumerate(told.status) if status == RequestStatus.ABORTED]
    left = [index for index, status in enumerate(told.status) if status in {UNFINISHED, RequestStatus.STUCK}]
    not_sent = [index for index, status in enumerate(told.status) if status == NOT_SENT]
    assert len(finished + rejected + aborted + left + not_sent) == len(told.status) == told.count
    counts = (told.finished, told.rejected, told.aborted, told.unfinished, told.not_sent)
    assert counts == (len(finished), len(rejected), len(aborted), len(left), len(not_sent))
    assert sorted(told.requests_with(Event.ABORTED)) == aborted

    assert sorted(told.completion_order[: len(finished)]) == finished
    assert told.completion_order[len(finished) :] == [-1] * (told.count - len(finished))
    ends = [told.end_time[index] for index in told.completion_order[: len(finished)]]
    assert ends == sorted(ends)
    assert told.requests_with(Event.FINISHED) == told.completion_order[: len(finished)]
    assert sorted(told.requests_with(Event.REJECTED)) == rejected

    gone: set[int] = set()
    for row in told.decisions:
        assert row.request not in gone
        assert row.request not in not_sent
        if row.event in {Event.FINISHED, Event.REJECTED, Event.ABORTED}:
            gone.add(row.request)

    # Requests are left behind exactly if the run ended for another reason than that nothing was left to do.
    reason = {RequestStatus.UNFINISHED: {EndReason.TIME_LIMIT, EndReason.ITERATION_LIMIT}}
    for index in left:
        assert told.end_reason in reason.get(RequestStatus(told.status[index]), {EndReason.STUCK})
    # Or requests that would have been sent; or, asynchronously, none that the batches in flight did not finish.
    assert told.end_reason != EndReason.COMPLETED or not left
    assert told.end_reason == EndReason.COMPLETED or left or not_sent or told.is_asynchronous


def times_of_a_request_are_in_order(told: Told) -> None:
    """arrival <= sent <= start <= first token <= end, and none without those before it."""
    for index, status in enumerate(told.status):
        times = [told.start_time[index], told.first_token_time[index], told.end_time[index]]
        reached = [time for time in times if not math.isnan(time)]
        sent = told.sent[index]
        assert (sent is None) == (status == NOT_SENT)
        if sent is None:
            assert reached == []
            assert told.tokens_generated[index] == 0
            assert math.isnan(told.arrival_time[index]) or told.arrival_time[index] <= told.duration
            continue
        assert told.workload.arrival_time[index] <= told.arrival_time[index] <= told.sent_time[index]
        if status == RequestStatus.ABORTED:
            # It ends wherever it is.
            assert reached[-1:] == [told.end_time[index]]
            assert told.end_time[index] <= told.duration
            assert (told.tokens_generated[index] > 0) == (not math.isnan(told.first_token_time[index]))
            assert nanoseconds(told.end_time[index]) >= sent
            assert reached == sorted(reached)
            continue
        assert [math.isnan(time) for time in times] == [False] * len(reached) + [True] * (3 - len(reached))
        assert (len(reached) == 3) == (status == FINISHED)
        assert not reached or status not in REJECTED
        nanosecond_times = [sent, *(nanoseconds(time) for time in reached)]
        assert nanosecond_times == sorted(nanosecond_times)
        assert (told.tokens_generated[index] > 0) == (len(reached) > 1)
        assert math.isnan(told.end_time[index]) or told.end_time[index] <= told.total_time
    assert told.total_time <= told.duration
    ends = [time for time, status in zip(told.end_time, told.status, strict=True) if status == FINISHED]
    assert told.total_time == max(ends, default=0.0)


def the_clock_never_goes_back(told: Told) -> None:
    clock, device_free_at = 0, 0
    for row in told.rows:
        assert row.time >= clock
        assert row.duration >= 0
        assert row.start_time >= max(row.time, device_free_at)
        assert told.is_asynchronous or row.start_time == row.time
        clock, device_free_at = row.time, row.start_time + row.duration
    aborts = [nanoseconds(told.end_time[i]) for i, s in enumerate(told.status) if s == RequestStatus.ABORTED]
    assert nanoseconds(told.duration) == max([device_free_at, *aborts])
    assert nanoseconds(told.busy_time) == sum(row.duration for row in told.rows)


def times_of_requests_are_those_of_iterations(told: Told) -> None:
    """Requests start when an iteration does, and get tokens when one ends."""
    for row in told.decisions:
        iteration = told.rows[row.iteration] if row.event not in {Event.REJECTED, Event.ABORTED} else None
        if row.event == Event.ADMITTED:
            assert iteration is not None
            assert nanoseconds(told.start_time[row.request]) == iteration.time
        if row.event == Event.FINISHED:
            assert iteration is not None
            assert nanoseconds(told.end_time[row.request]) == iteration.start_time + iteration.duration
    ends = {row.start_time + row.duration for row in told.rows}
    assert all(math.isnan(time) or nanoseconds(time) in ends for time in told.first_token_time)


def used_and_free_blocks_are_all_blocks(told: Told) -> None:
    """Those in use are those that the running hold: none is lost, none is lent twice."""
    options, usable = told.options, told.options.usable_blocks
    for row in told.rows:
        assert row.kv_blocks_used >= 0
        assert row.kv_blocks_kept >= 0
        if usable is not None:
            assert row.kv_blocks_used <= usable
            assert row.kv_blocks_kept <= usable
        # Asynchronously the next iteration has taken its blocks before the finished of this one give theirs back.
        assert told.is_asynchronous or row.kv_blocks_kept <= row.kv_blocks_used
    for state in Replay(told).states:
        used = told.rows[state.iteration].kv_blocks_used
        if options.enable_prefix_caching:
            assert max(state.blocks, default=0) <= used <= sum(state.blocks)
        else:
            assert used == sum(state.blocks)
    if usable:
        assert told.peak_kv_use == max((row.kv_blocks_used for row in told.rows), default=0) / usable
        assert 0 <= told.mean_kv_use <= told.peak_kv_use * (1 + 1e-12)


def at_most_max_num_seqs_run(told: Told) -> None:
    for row in told.rows:
        assert 0 <= row.running <= told.options.max_num_seqs
    assert told.peak_running == max((row.running for row in told.rows), default=0)
    assert told.mean_running <= told.peak_running * (1 + 1e-12)


def the_running_are_those_that_joined(told: Told) -> None:
    """In order of admission, each once; and the waiting are others, each once."""
    for state in Replay(told).states:
        row = told.rows[state.iteration]
        assert state.running == state.told_running
        assert len(state.told_running) == len(set(state.told_running)) == row.running
        assert len(state.told_waiting) == len(set(state.told_waiting)) == row.waiting
        assert not set(state.told_running) & set(state.told_waiting)
    assert told.peak_waiting == max((row.waiting for row in told.rows), default=0)


def no_iteration_exceeds_the_token_budget(told: Told) -> None:
    options = told.options
    tokens = Counter[int]()
    for row in told.decisions:
        if row.event == Event.SCHEDULED:
            assert row.tokens > 0
            tokens[row.iteration] += row.tokens
            iteration = told.rows[row.iteration]
            is_alone = iteration.running + iteration.waiting <= 1
            threshold = options.long_prefill_token_threshold
            assert options.policy != "vllm" or not threshold or is_alone or row.tokens <= threshold
    for number, iteration in enumerate(told.rows):
        assert tokens[number] == iteration.prefill_tokens + iteration.decode_tokens
        assert options.policy != "vllm" or tokens[number] <= options.max_num_batched_tokens
    assert told.prefill_tokens == sum(row.prefill_tokens for row in told.rows)
    assert told.decode_tokens == sum(row.decode_tokens for row in told.rows)


def nobody_is_scheduled_twice_in_an_iteration(told: Told) -> None:
    scheduled = [(row.iteration, row.request) for row in told.decisions if row.event == Event.SCHEDULED]
    assert len(scheduled) == len(set(scheduled))
    iterations = [row.iteration for row in told.decisions if row.event == Event.SCHEDULED]
    assert iterations == sorted(iterations)


def no_replica_idles_while_a_request_waits(told: Told) -> None:
    """Unless it must: a batch is yet to form, or what waits can never run."""
    options = told.options
    if options.policy in {"static", "dynamic"} or options.admit_oversized:
        return
    if told.total_preemptions >= FUTILE_PREEMPTIONS:
        return
    free_at = 0
    ends = [math.inf if math.isnan(time) else nanoseconds(time) for time in told.end_time]
    for row in told.rows:
        if row.time > free_at:
            # Requests that came before it are gone: an iteration after a pause is for one that comes just then.
            for index, sent in enumerate(told.sent):
                if sent is None:
                    continue
                has_ended = ends[index] <= max(free_at, sent) or told.status[index] in REJECTED
                assert sent >= row.time or has_ended
        free_at = max(free_at, row.start_time + row.duration)
        assert told.is_asynchronous or row.prefill_tokens + row.decode_tokens > 0
        # A request that waits though memory has no end waits for a slot, or for tokens of the budget.
        has_no_slot = row.running == options.max_num_seqs
        has_no_tokens = options.policy == "vllm" and (
            row.prefill_tokens + row.decode_tokens == options.max_num_batched_tokens
            or not options.enable_chunked_prefill
        )
        assert row.waiting == 0 or has_no_slot or has_no_tokens or options.num_gpu_blocks is not None


def scheduled_tokens_are_what_is_computed(told: Told) -> None:
    """A request that finished has computed all its tokens but the last, in its last stay among the running."""
    replay = Replay(told)
    for index, status in enumerate(told.status):
        if status == FINISHED:
            assert replay.computed_at_the_end[index] == told.prompt(index) + told.output(index) - 1
        # What was on its way to a client that left is lost, asynchronously two tokens.
        lost = replay.generated[index] - told.tokens_generated[index]
        assert lost == 0 or (status == RequestStatus.ABORTED and 0 < lost <= 1 + told.is_asynchronous)


def the_finished_have_exactly_their_tokens(told: Told) -> None:
    for index, status in enumerate(told.status):
        generated = told.tokens_generated[index]
        if status == FINISHED:
            assert generated == told.output(index)
        elif status == RequestStatus.ABORTED:
            assert generated <= told.output(index)
        elif status in REJECTED or told.output(index) <= 0:
            # Or it would have been rejected, had the run not ended before it came.
            assert generated == 0
        else:
            # In a batch a request that is done waits for the others.
            assert generated < told.output(index) or told.options.policy in {"static", "dynamic"}
            assert generated <= told.output(index)
    assert told.total_tokens == sum(told.tokens_generated)
    for row in told.decisions:
        if row.event == Event.FINISHED:
            assert row.tokens == told.tokens_generated[row.request]
    if told.total_time > 0:
        assert told.throughput == told.total_tokens / told.total_time


def counts_add_up(told: Told) -> None:
    assert told.iterations == len(told.rows)
    preempted = Counter(told.requests_with(Event.PREEMPTED))
    assert told.preemptions == [preempted[index] for index in range(told.count)]
    by_iteration = Counter(row.iteration for row in told.decisions if row.event == Event.PREEMPTED)
    assert [row.preemptions for row in told.rows] == [by_iteration[number] for number in range(told.iterations)]
    assert told.total_preemptions == sum(told.preemptions)
    ended = Counter(row.iteration for row in told.decisions if row.event == Event.FINISHED)
    assert [row.finished for row in told.rows] == [ended[number] for number in range(told.iterations)]
    hits = {row.request: row.tokens for row in told.decisions if row.event == Event.ADMITTED}
    assert told.prefix_cached_tokens == [hits.get(index, 0) for index in range(told.count)]
    assert told.prefix_cache_hits == sum(told.prefix_cached_tokens) <= told.prefix_cache_queries
    assert Counter(told.requests_with(Event.RESUMED)) <= preempted


@dataclass
class _Flight:
    """When a request was in flight, for its client: from `sent` on, until a time of which a log tells the bounds."""

    sent: int
    ends: float
    """At the earliest; infinite: it never does."""
    has_ended: float
    """At the latest."""


def _flights(told: Told) -> dict[int, _Flight]:
    flights = {}
    rejected = {row.request: row.iteration for row in told.decisions if row.event == Event.REJECTED}
    for index, (sent, end) in enumerate(zip(told.sent, told.end_time, strict=True)):
        if sent is None:
            continue
        first, last = (math.inf, math.inf) if math.isnan(end) else (nanoseconds(end), nanoseconds(end))
        if index in rejected:
            # Looked at as this iteration was about to be scheduled, or when it would have been, had more come.
            number = rejected[index]
            before = told.rows[number - 1] if number else None
            if before is not None:
                sent_or_over = before.time if told.is_asynchronous else before.start_time + before.duration
            first = sent if before is None else max(sent, sent_or_over)
            last = told.rows[number].time if number < len(told.rows) else math.inf
        flights[index] = _Flight(sent, first, last)
    return flights


def no_more_are_in_flight_than_may_be(told: Told) -> None:
    """And of a session, and of a client, one."""
    flights = _flights(told)
    limits = [limit for limit in (told.client.max_concurrency, told.client.clients) if limit]
    for limit in limits:
        for flight in flights.values():
            assert sum(other.sent <= flight.sent < other.ends for other in flights.values()) <= max(1, limit)
    for before, turn in told.turns():
        assert turn not in flights or flights[turn].sent >= flights[before].ends


def clients_send_in_order_and_as_soon_as_they_may(told: Told) -> None:
    if not told.is_closed:
        assert told.arrival_time == told.sent_time == list(told.workload.arrival_time)
        return
    limit, flights = told.client.max_concurrency, _flights(told)
    arrivals = sorted((nanoseconds(time), index) for index, time in enumerate(told.arrival_time) if time >= 0)
    times = [flights[index].sent if index in flights else math.inf for _, index in arrivals]
    assert times == sorted(times)
    moments = [flight.ends for flight in flights.values()]
    for arrival, index in arrivals:
        if index not in flights or flights[index].sent == arrival:
            continue
        for moment in [arrival, *moments]:
            if arrival <= moment < flights[index].sent:
                assert sum(other.sent <= moment < other.has_ended for other in flights.values()) >= limit > 0


def turns_arrive_when_they_should(told: Told) -> None:
    """Never before the end of the turn before and its delay; and after a turn that failed only if sessions go on."""
    flights = _flights(told)
    for before, turn in told.turns():
        if turn not in flights:
            continue
        assert before in flights
        assert told.client.sessions_go_on or told.status[before] == FINISHED
        due = flights[before].ends + nanoseconds(told.workload.delay[turn] if told.workload.delay else 0.0)
        earliest = nanoseconds(told.workload.arrival_time[turn])
        arrival = nanoseconds(told.arrival_time[turn])
        assert arrival >= max(earliest, due)
        assert arrival == max(earliest, due) or told.status[before] in REJECTED


INVARIANTS: list[Callable[[Told], None]] = [
    every_request_ends_once,
    times_of_a_request_are_in_order,
    the_clock_never_goes_back,
    times_of_requests_are_those_of_iterations,
    used_and_free_blocks_are_all_blocks,
    at_most_max_num_seqs_run,
    the_running_are_those_that_joined,
    no_iteration_exceeds_the_token_budget,
    nobody_is_scheduled_twice_in_an_iteration,
    no_replica_idles_while_a_request_waits,
    scheduled_tokens_are_what_is_computed,
    the_finished_have_exactly_their_tokens,
    counts_add_up,
    no_more_are_in_flight_than_may_be,
    clients_send_in_order_and_as_soon_as_they_may,
    turns_arrive_when_they_should,
]
