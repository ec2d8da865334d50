"""The engine as one would write it on a blackboard: every request is looked at in every iteration, every KV block is an
object, and time is a Python integer of nanoseconds. Slow, obvious, and independent of the library: it is what the
library is compared with, and is itself compared with recordings of the real scheduler.

client.py decides when a request is sent, schedulers.py which requests compute, blocks.py keeps the KV blocks,
attribution.py takes down where the time goes, records.py is what comes out.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from oracle.attribution import SlowAttribution
from oracle.blocks import UNLIMITED, SlowBlocks, blocks_for
from oracle.client import SlowClient, SlowSender
from oracle.custom import CustomScheduler
from oracle.offload import DISK, HOST, SlowOffload, SlowOffloading, SlowTiers
from oracle.records import (
    ABORTED,
    END_COMPLETED,
    END_ITERATION_LIMIT,
    END_STUCK,
    END_TIME_LIMIT,
    EVENT_ABORTED,
    EVENT_ADMITTED,
    EVENT_FINISHED,
    EVENT_PREEMPTED,
    EVENT_REJECTED,
    EVENT_RESUMED,
    EVENT_RUNNING,
    EVENT_SCHEDULED,
    EVENT_WAITING,
    FINISHED,
    NOT_SENT,
    REJECTED_KV_MEMORY,
    REJECTED_MODEL_LENGTH,
    REJECTED_TOKEN_BUDGET,
    STUCK,
    UNFINISHED,
    SlowAttributionColumns,
    SlowDecisionLog,
    SlowIteration,
    SlowIterationLog,
    SlowResult,
    seconds_or_nan,
)
from oracle.schedulers import (
    BatchLevelScheduler,
    IterationLevelScheduler,
    SlowBatch,
    SlowRequest,
    SlowRules,
    SlowScheduler,
)
from oracle.simulators import nanoseconds, seconds
from oracle.times import SlowAffineTime, SlowTime

FUTILE_PREEMPTIONS, FUTILE_PREEMPTIONS_EACH = 1000, 100
"""Preemptions without a token in between, and more for each of the running, that are taken to go on for ever."""

MOST_EMPTY_BATCHES = 4
"""Asynchronously: so many batches in a row have nothing in them, before it counts that none will have."""


@dataclass
class SlowWorkload:
    """Requests to simulate: the columns of batching_requests."""

    output_length: Sequence[int]
    prompt_length: Sequence[int]
    arrival_time: Sequence[float]
    priority: Sequence[int] | None = None
    tie_break: Sequence[int] | None = None
    hash_ids: Sequence[Sequence[int]] | None = None
    """Of each request its own."""
    hash_block_size: int = 0
    hash_covers_output: bool = False
    max_tokens: Sequence[int] | None = None
    abort_time: Sequence[float] | None = None
    """NaN: never."""
    session: Sequence[int] | None = None
    delay: Sequence[float] | None = None


@dataclass
class SlowOptions:
    """How to simulate: the keyword arguments of batching.simulate, with the same defaults."""

    policy: str = "vllm"
    queue_order: str = "arrival"
    max_num_seqs: int = 256
    max_num_batched_tokens: int = 2048
    long_prefill_token_threshold: int = 0
    max_model_len: int | None = None
    enable_chunked_prefill: bool = True
    scheduler_reserve_full_isl: bool = True
    async_scheduling: bool = False
    instant_prefill: bool = False
    max_queue_delay: float = 0.0
    num_gpu_blocks: int | None = None
    block_size: int = 16
    enable_prefix_caching: bool = False
    watermark: float = 0.0
    admit_oversized: bool = False
    kv_offload: SlowOffload | None = None
    iteration_time: float | SlowTime | Callable[[SlowIteration], float] = 0.01
    time_limit: float | None = None
    iteration_limit: int | None = None
    log_queues: bool = False
    custom: Callable[[Any, Any], object] | None = None
    """A policy of the caller's, in place of that of vllm."""

    @property
    def usable_blocks(self) -> int | None:
        # One is vLLM's null block.
        return None if self.num_gpu_blocks is None else self.num_gpu_blocks - 1

    def rules(self) -> SlowRules:
        vllm = self.policy == "vllm"
        return SlowRules(
            max_num_seqs=self.max_num_seqs,
            budget=self.max_num_batched_tokens if vllm else UNLIMITED,
            threshold=self.long_prefill_token_threshold if vllm and self.long_prefill_token_threshold else UNLIMITED,
            chunked_prefill=self.enable_chunked_prefill if vllm else True,
            whole_sequence_gate=self.scheduler_reserve_full_isl if vllm else True,
            watermark_blocks=int(self.watermark * (self.num_gpu_blocks or 0)) if vllm else 0,
            instant_prefill=self.instant_prefill,
            reserves_output=self.policy in {"orca", "static", "dynamic"},
            caching=self.enable_prefix_caching,
            block_size=self.block_size,
            ordered_queue=self.queue_order != "arrival",
            preempts_least_urgent=self.queue_order == "priority",
            waits_for_full_batch=self.policy == "static",
            max_queue_delay=nanoseconds(self.max_queue_delay) if self.policy == "dynamic" else None,
        )


def slow_simulate(workload: SlowWorkload, options: SlowOptions, client: SlowClient | None = None) -> SlowResult:
    """What batching_simulate should tell."""
    run = SlowEngine(workload, options, SlowSender(workload.arrival_time, workload.session, workload.delay, client))
    reason = run.run_asynchronously() if run.is_asynchronous else run.run_synchronously()
    return run.result(reason)


@dataclass(eq=False)
class SlowFlight:
    """A batch that has been scheduled, and whose output has not been processed."""

    batch: SlowBatch
    iteration: SlowIteration
    yields: set[SlowRequest] = field(default_factory=set)
    """Those whose known tokens it computes to the last: each will have a token more."""

    @property
    def end(self) -> int:
        return self.iteration.started_at + self.iteration.duration


class Sender(Protocol):
    """Where requests come from: a client, or the router of a fleet."""

    is_closed: bool
    arrival: list[int | None]
    sent: list[int | None]

    def next_send(self) -> int | None: ...
    def send(self, by: int) -> int | None: ...
    def note_end(self, index: int, time: int, *, is_answered: bool) -> None: ...


class SlowEngine:
    """A run, and how far it has come."""

    def __init__(self, workload: SlowWorkload, options: SlowOptions, client: Sender) -> None:
        self.options = options
        self.rules = options.rules()
        self.is_asynchronous = options.async_scheduling and options.policy == "vllm"
        self.workload = workload
        self.count = len(workload.output_length)
        self.blocks = SlowBlocks(options.usable_blocks)
        self.scheduler: SlowScheduler
        if options.custom is not None:
            self.scheduler = CustomScheduler(self.rules, self.blocks, options.custom)
        elif options.policy in {"static", "dynamic"}:
            self.scheduler = BatchLevelScheduler(self.rules, self.blocks)
        else:
            self.scheduler = IterationLevelScheduler(self.rules, self.blocks)
        self.offloading: SlowOffloading | None = None
        if options.kv_offload is not None:
            self.set_tiers(SlowTiers(options.kv_offload, options.block_size), options.kv_offload)
        self.requests = [self._request(index) for index in range(self.count)]
        self.client = client
        self.aborts = sorted(
            (nanoseconds(time), index) for index, time in enumerate(workload.abort_time or []) if not math.isnan(time)
        )
        self.time_limit = None if options.time_limit is None else nanoseconds(options.time_limit)

        self.now = 0
        self.device_free_at = 0
        self.iterations: list[SlowIteration] = []
        self.decisions = SlowDecisionLog()
        self.futile_preemptions = 0

        self.start: list[int | None] = [None] * self.count
        self.first_token: list[int | None] = [None] * self.count
        self.end: list[int | None] = [None] * self.count
        self.status = [UNFINISHED] * self.count
        self.completion_order: list[int] = []
        self.recomputed_tokens = 0
        self.prefix_cache_queries = 0
        self.prefix_cache_hits = 0
        self.attribution = SlowAttribution()
        self.seen: Counter[str] = Counter()

    def set_tiers(self, tiers: SlowTiers, settings: SlowOffload) -> None:
        """Its own, or those that it shares."""
        self.offloading = self.scheduler.offloading = SlowOffloading(settings, self.options.block_size, tiers)

    def _request(self, index: int) -> SlowRequest:
        workload, options = self.workload, self.options
        output_length = workload.output_length[index]
        # Something must be computed to yield the first token.
        prompt = max(1, workload.prompt_length[index])
        output = output_length
        max_tokens = workload.max_tokens[index] if workload.max_tokens else output_length
        if options.max_model_len is not None:
            output = min(output, options.max_model_len - prompt)
            max_tokens = min(max_tokens, options.max_model_len - prompt)
        priority = workload.priority[index] if workload.priority else 0
        return SlowRequest(
            index=index,
            arrival=nanoseconds(workload.arrival_time[index]),
            prompt=prompt,
            output=output,
            max_tokens=max_tokens,
            rank=output_length if options.queue_order == "shortest_output" else priority,
            tie_break=workload.tie_break[index] if workload.tie_break else index,
            priority=priority,
            hash_ids=list(workload.hash_ids[index]) if workload.hash_ids else [],
            tokens_per_hash=workload.hash_block_size or options.block_size,
            hashed_tokens=UNLIMITED if workload.hash_covers_output else prompt,
        )

    # Arrivals

    def _rejection(self, request: SlowRequest) -> int | None:
        options, usable = self.options, self.options.usable_blocks
        if options.max_model_len is not None and request.prompt >= options.max_model_len:
            return REJECTED_MODEL_LENGTH
        if options.admit_oversized:
            return None
        whole = request.prompt + request.output
        # The KV of the last token is never computed; only a policy that reserves takes a block for it.
        most = whole if self.rules.reserves_output else whole - 1
        if usable is not None and blocks_for(most, options.block_size) > usable:
            return REJECTED_KV_MEMORY
        if options.policy == "vllm" and not options.enable_chunked_prefill and whole - 1 > self.rules.budget:
            return REJECTED_TOKEN_BUDGET
        return None

    def _take_in(self) -> None:
        """All that was sent by now, and what is sent now because of that."""
        while True:
            self._receive_arrivals()
            self._take_aborts(len(self.iterations))
            sent = self.client.next_send()
            if sent is None or sent > self.now:
                return

    def _receive_arrivals(self) -> None:
        while (index := self.client.send(self.now)) is not None:
            request = self.requests[index]
            sent = self.client.sent[index]
            assert sent is not None
            request.arrival = sent
            self.scheduler.note_change()
            rejection = self._rejection(request)
            if rejection is None:
                self.scheduler.enqueue(request)
                self.attribution.begin(request)
            else:
                self.status[index] = rejection
                self.decisions.add(len(self.iterations), index, EVENT_REJECTED)
                self.client.note_end(index, self.now, is_answered=False)

    # Clients that leave

    def _take_aborts(self, iteration: int) -> None:
        """A request whose client has left by now is gone at once; one that was not received yet leaves once it is."""
        for time, index in list(self.aborts):
            if time > self.now or self.client.sent[index] is None:
                continue
            self.aborts.remove((time, index))
            if self.status[index] == UNFINISHED:
                self._abort(self.requests[index], iteration)

    def _abort(self, request: SlowRequest, iteration: int) -> None:
        if request.is_running:
            request.leave_running()
            self.scheduler.running.remove(request)
        else:
            self.scheduler.waiting.remove(request)
        self.seen["aborted in flight"] += request.in_flight > 0
        self.blocks.release(request.blocks)
        request.blocks = []
        self.scheduler.note_change()
        self.end[request.index] = self.now
        self.status[request.index] = ABORTED
        self.decisions.add(iteration, request.index, EVENT_ABORTED, request.generated)
        self.client.note_end(request.index, self.now, is_answered=False)

    def _next_abort(self) -> int | None:
        """When the next one leaves that is here: until it is sent, nothing comes of its leaving."""
        return min((time for time, index in self.aborts if self.client.sent[index] is not None), default=None)

    def _next_change(self) -> int | None:
        """When the next one comes, or leaves."""
        return min((time for time in (self.client.next_send(), self._next_abort()) if time is not None), default=None)

    def _is_idle(self) -> bool:
        return not self.scheduler.running and not self.scheduler.waiting

    # Why a run ends

    def _limit_reached(self) -> int | None:
        if self.options.iteration_limit is not None and len(self.iterations) >= self.options.iteration_limit:
            return END_ITERATION_LIMIT
        if self.time_limit is not None and self.now >= self.time_limit:
            return END_TIME_LIMIT
        return None

    def _wake_up(self) -> int | None:
        """From idleness to the next arrival; or why the run ends."""
        sent = self.client.next_send()
        if sent is None:
            return END_COMPLETED
        if self.time_limit is not None and sent >= self.time_limit:
            limit = self.options.iteration_limit
            return END_ITERATION_LIMIT if limit is not None and len(self.iterations) >= limit else END_TIME_LIMIT
        self.now = sent
        return None

    def _is_livelocked(self) -> bool:
        return self.futile_preemptions >= FUTILE_PREEMPTIONS + FUTILE_PREEMPTIONS_EACH * len(self.scheduler.running)

    def _await_change(self) -> bool:
        """A request that comes or leaves may still change something; False if there is none."""
        change = self._next_change()
        if change is None:
            return False
        self.now = max(self.now, change)
        self.futile_preemptions = 0
        return True

    # The two loops

    def run_synchronously(self) -> int:
        while True:
            self._take_in()
            if self._is_idle():
                reason = self._wake_up()
                if reason is not None:
                    return reason
                continue
            reason = self._limit_reached()
            if reason is not None:
                return reason
            next_time = self.scheduler.next_batch_time(self.now, self.client.next_send())
            if next_time > self.now:
                abort = self._next_abort()
                if abort is not None:
                    next_time = min(next_time, abort)
                self.attribution.note_pause(self.now, next_time, self.scheduler.waiting)
                self.now = next_time
                continue
            flight = self._schedule()
            self._process(flight)
            is_blocked = self._is_livelocked() or (not flight.batch.tokens and not flight.batch.preempted)
            if is_blocked and not self._await_change():
                return END_STUCK

    def run_asynchronously(self) -> int:
        """As vLLM's EngineCore.step_with_batch_queue, with two batches in flight."""
        flights: list[SlowFlight] = []
        empty_batches = 0
        while True:
            self._take_in()
            if not self._is_idle():
                reason = self._limit_reached()
                if reason is not None:
                    break
                next_time = self.scheduler.next_batch_time(self.now, self._next_change())
                if next_time > self.now:
                    self._wait(flights, next_time, changes=empty_batches == 0)
                    continue
                flight = self._schedule()
                flights.append(flight)
                is_empty = not flight.batch.tokens and not flight.batch.preempted
                empty_batches = empty_batches + 1 if is_empty else 0
                if len(flights) < 2:
                    continue
            elif not flights:
                reason = self._wake_up()
                if reason is not None:
                    break
                continue
            self._process(flights.pop(0))
            if self._is_livelocked() or empty_batches >= MOST_EMPTY_BATCHES:
                if not self._await_change():
                    reason = END_STUCK
                    break
                empty_batches = 0
        for flight in flights:
            self._process(flight)
        return reason

    def _wait(self, flights: list[SlowFlight], until: int, *, changes: bool) -> None:
        """A policy of the caller's schedules no batch: the one in flight ends, or, if there is none, time goes by.

        Args:
            flights: the batch in flight, if there is one.
            until: until when it waits.
            changes: whether it is asked again when the batch ends: not if that was empty.
        """
        if not flights:
            self.attribution.note_pause(self.now, until, self.scheduler.waiting)
            self.now = until
            return
        flight = flights.pop()
        self.attribution.note_pause(flight.end, flight.end, self.scheduler.waiting)
        if changes:
            self.scheduler.note_change()
        self._process(flight)

    # One iteration

    def _schedule(self) -> SlowFlight:
        number = len(self.iterations)
        self.scheduler.now = self.now
        batch = self.scheduler.schedule()
        running, waiting = self.scheduler.running, self.scheduler.waiting

        iteration = SlowIteration(
            number=number,
            time=seconds(self.now),
            running=len(running),
            waiting=len(waiting),
            prefill_tokens=0,
            decode_tokens=0,
            context_tokens=0,
            prefill_context=0.0,
            kv_blocks_used=self.blocks.used_count(),
            preemptions=len(batch.preempted),
            scheduled_at=self.now,
        )
        self.iterations.append(iteration)
        flight = SlowFlight(batch, iteration)
        self._take_notes(batch)
        for request, tokens in batch.tokens.items():
            has_generated = request.generated + request.promised > 0
            is_decode = has_generated and request.known + request.promised - request.computed <= 1
            context = request.computed + tokens
            if is_decode or self.rules.instant_prefill:
                iteration.decode_tokens += 1
                iteration.context_tokens += context
            else:
                iteration.prefill_chunks += 1
                iteration.prefill_tokens += tokens
                iteration.prefill_context += tokens * context

        iteration.started_at = max(self.now, self.device_free_at)
        if batch.tokens:
            iteration.duration = nanoseconds(self._seconds_of(iteration))
        if self.offloading is not None:
            load = self.offloading.duration(iteration.started_at)
            whole = iteration.duration + load
            self.seen["waits for a load"] += load > iteration.duration
            self.seen["computes while it loads"] += 0 < load <= iteration.duration
            iteration.duration = whole if self.offloading.loads_block else max(iteration.duration, load)
            self.offloading.write(self.now)
        self.device_free_at = flight.end
        self._log_schedule(number, batch)
        self.attribution.note_iteration(
            iteration,
            batch,
            running,
            waiting,
            slowdown=self._slowdown(iteration),
            instant_prefill=self.rules.instant_prefill,
        )

        for request, tokens in batch.tokens.items():
            request.computed += tokens
            if request.computed >= request.known + request.promised:
                flight.yields.add(request)
            if self.is_asynchronous:
                request.in_flight += tokens
                if request in flight.yields:
                    request.promised += 1
        self.futile_preemptions = 0 if flight.yields else self.futile_preemptions + len(batch.preempted)
        return flight

    def _seconds_of(self, iteration: SlowIteration) -> float:
        time = self.options.iteration_time
        if isinstance(time, SlowTime):
            taken = time.seconds(
                iteration.prefill_tokens,
                iteration.prefill_chunks,
                iteration.decode_tokens,
                iteration.context_tokens,
                iteration.prefill_context,
            )
            if isinstance(time, SlowAffineTime) and iteration.number == 0:
                taken += time.startup
            return taken
        return time(iteration) if callable(time) else time

    def _slowdown(self, iteration: SlowIteration) -> int:
        """How much longer it takes than it would without prefill; nothing would be left of it without decodes."""
        if not iteration.prefill_tokens:
            return 0
        if not iteration.decode_tokens:
            return iteration.duration
        without = replace(iteration, prefill_tokens=0, prefill_context=0.0, prefill_chunks=0)
        return max(0, iteration.duration - nanoseconds(self._seconds_of(without)))

    def _log_schedule(self, number: int, batch: SlowBatch) -> None:
        for request in batch.preempted:
            self.decisions.add(number, request.index, EVENT_PREEMPTED)
        for request, tokens in batch.tokens.items():
            if request in batch.admitted:
                event = EVENT_RESUMED if request in batch.resumed else EVENT_ADMITTED
                self.decisions.add(number, request.index, event, batch.admitted[request])
            self.decisions.add(number, request.index, EVENT_SCHEDULED, tokens)
        if self.options.log_queues:
            for request in self.scheduler.running:
                self.decisions.add(number, request.index, EVENT_RUNNING)
            for request in self.scheduler.waiting:
                self.decisions.add(number, request.index, EVENT_WAITING)

    def _take_notes(self, batch: SlowBatch) -> None:
        """Of requests that join, and of what is rare."""
        for request, hit in batch.admitted.items():
            if request not in batch.resumed:
                self.start[request.index] = self.now
                if self.rules.caching:
                    self.prefix_cache_queries += request.known
                    self.prefix_cache_hits += hit
            elif hit:
                self.seen["resumed with a hit"] += 1
        self.seen.update(batch.seen)

    def _process(self, flight: SlowFlight) -> None:
        """The output of a batch is there."""
        self.now = max(self.now, flight.end)
        batch, iteration = flight.batch, flight.iteration
        self._take_aborts(iteration.number)
        for request, tokens in batch.tokens.items():
            if self.status[request.index] != UNFINISHED:
                # It has left, or had its last token in the batch before: no request waits for this one.
                self.seen["computed in vain"] += self.status[request.index] == FINISHED
                continue
            if self.is_asynchronous:
                self._settle(request, tokens, is_yielding=request in flight.yields)
            if request in flight.yields and request.generated < request.output:
                self._yield_token(request)
            if self.is_asynchronous and request.is_running:
                # Blocks that became full of known tokens.
                self.scheduler.publish(request, request.computed - request.in_flight)
        if self.offloading is not None:
            self.offloading.write(self.now)
        for request in self.scheduler.complete(batch):
            if self.status[request.index] == UNFINISHED:
                self._finish(request, iteration)
        iteration.kv_blocks_kept = self.blocks.used_count()

    def _settle(self, request: SlowRequest, tokens: int, *, is_yielding: bool) -> None:
        """Tokens of a request are no longer in flight."""
        request.in_flight -= tokens
        if request.lost_in_flight > 0:
            request.lost_in_flight -= tokens
            self.seen["token of a preempted request"] += is_yielding
        elif is_yielding:
            request.promised -= 1

    def _yield_token(self, request: SlowRequest) -> None:
        request.generated += 1
        if self.first_token[request.index] is None:
            self.first_token[request.index] = self.now

    def _finish(self, request: SlowRequest, iteration: SlowIteration) -> None:
        if request.is_running:
            request.leave_running()
            self.scheduler.running.remove(request)
        else:
            # Its last token was in flight when it was preempted.
            self.scheduler.waiting.remove(request)
            self.seen["finished while waiting"] += 1
        self.blocks.release(request.blocks)
        request.blocks = []
        self.end[request.index] = self.now
        self.status[request.index] = FINISHED
        self.completion_order.append(request.index)
        self.client.note_end(request.index, self.now, is_answered=True)
        self.decisions.add(iteration.number, request.index, EVENT_FINISHED, request.generated)
        iteration.finished += 1

    # What comes out

    def result(self, end_reason: int) -> SlowResult:
        for request in self.scheduler.running:
            request.leave_running()
        if end_reason == END_STUCK:
            for request in self.scheduler.running + self.scheduler.waiting:
                self.status[request.index] = STUCK
        if self.client.is_closed:
            for index, sent in enumerate(self.client.sent):
                if sent is None:
                    self.status[index] = NOT_SENT
        self.seen["evicted"] += self.blocks.evictions

        rows = self.iterations
        ends = {
            status: max(
                (end for end, other in zip(self.end, self.status, strict=True) if end and other == status), default=0
            )
            for status in (FINISHED, ABORTED)
        }
        total_time = ends[FINISHED]
        duration = max(rows[-1].started_at + rows[-1].duration if rows else 0, ends[ABORTED])
        total_tokens = sum(request.generated for request in self.requests)
        finished = self.status.count(FINISHED)
        rejected = sum(status >= REJECTED_MODEL_LENGTH for status in self.status)
        aborted, not_sent = self.status.count(ABORTED), self.status.count(NOT_SENT)
        arrival_time, sent_time = self._client_times(duration)
        usable = self.options.usable_blocks
        return SlowResult(
            start_time=[seconds_or_nan(time) for time in self.start],
            first_token_time=[seconds_or_nan(time) for time in self.first_token],
            end_time=[seconds_or_nan(time) for time in self.end],
            tokens_generated=[request.generated for request in self.requests],
            completion_order=self.completion_order + [-1] * (self.count - finished),
            preemptions=[request.preemptions for request in self.requests],
            prefix_cached_tokens=[request.prefix_cached_tokens for request in self.requests],
            status=self.status,
            arrival_time=arrival_time,
            sent_time=sent_time,
            total_time=seconds(total_time),
            throughput=total_tokens / seconds(total_time) if total_time else 0.0,
            total_tokens=total_tokens,
            iterations=len(rows),
            busy_time=seconds(sum(row.duration for row in rows)),
            duration=seconds(duration),
            end_reason=end_reason,
            finished=finished,
            rejected=rejected,
            unfinished=self.count - finished - rejected - aborted - not_sent,
            prefill_tokens=sum(row.prefill_tokens for row in rows),
            decode_tokens=sum(row.decode_tokens for row in rows),
            total_preemptions=sum(row.preemptions for row in rows),
            recomputed_tokens=sum(request.recomputed for request in self.requests),
            mean_running=_mean([row.running for row in rows], rows, duration),
            peak_running=max((row.running for row in rows), default=0),
            peak_waiting=max((row.waiting for row in rows), default=0),
            mean_kv_use=_mean([row.kv_blocks_used for row in rows], rows, float(duration) * usable) if usable else 0.0,
            peak_kv_use=max((row.kv_blocks_used for row in rows), default=0) / usable if usable else 0.0,
            prefix_cache_queries=self.prefix_cache_queries,
            prefix_cache_hits=self.prefix_cache_hits,
            aborted=aborted,
            not_sent=not_sent,
            **self._offload_fields(),
            attribution=SlowAttributionColumns.of(
                self.attribution.columns(self.requests, self.status, self.end, duration, self.client.arrival)
            ),
            iteration_log=SlowIterationLog.of(rows),
            decision_log=self.decisions,
            seen=self.seen,
        )

    def _offload_fields(self) -> dict[str, Any]:
        told = self.offloading
        none = [0, 0]
        if told is not None:
            self.seen["loaded from disk"] += told.loaded[DISK] > 0
            self.seen["loaded from both"] += min(told.loaded) > 0
            self.seen["written late"] += any(tier.written_until > self.now for tier in told.tiers.tiers)
        hits, loaded, written = (none, none, none) if told is None else (told.hits, told.loaded, told.written)
        return {
            "host_kv_hits": hits[HOST],
            "disk_kv_hits": hits[DISK],
            "host_kv_loaded": loaded[HOST],
            "disk_kv_loaded": loaded[DISK],
            "host_kv_blocks_written": written[HOST],
            "disk_kv_blocks_written": written[DISK],
            "kv_load_time": seconds(0 if told is None else told.load_time),
        }

    def _client_times(self, duration: int) -> tuple[list[float], list[float]]:
        """When each request arrived at its client, and was sent; an open loop needs no run to know that."""
        if not self.client.is_closed:
            return list(self.workload.arrival_time), list(self.workload.arrival_time)
        times = zip(self.client.arrival, self.client.sent, strict=True)
        arrived = [
            arrival if sent is not None or (arrival is not None and arrival <= duration) else None
            for arrival, sent in times
        ]
        return [seconds_or_nan(time) for time in arrived], [seconds_or_nan(time) for time in self.client.sent]


def _mean(values: Sequence[int], rows: Sequence[SlowIteration], whole: float) -> float:
    """The sum of values x durations, over a whole of nanoseconds."""
    total = sum(value * row.duration for value, row in zip(values, rows, strict=True))
    return float(total) / whole if whole else 0.0
