"""Which requests compute how many tokens in an iteration: every policy, walking every request. Part of the slow engine,
and independent of the library; vLLM's rules are those of its V1 scheduler, vllm/v1/core/sched/scheduler.py.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from oracle.blocks import UNLIMITED, SlowBlocks, blocks_for
from oracle.offload import SlowOffloading


@dataclass(eq=False)
class SlowRequest:
    """A request: its tokens, and what is known of them."""

    index: int
    arrival: int
    """When it came, or will: where its client decides that, once it is known."""
    prompt: int
    output: int
    """Tokens that it will generate: its output_length, or fewer if max_model_len ends it."""
    max_tokens: int
    """Tokens that were asked for: output, or more if the answer ends by itself."""
    rank: int
    """What a queue is ordered by, if it is ordered; least first."""
    tie_break: int
    priority: int
    hash_ids: list[int]
    tokens_per_hash: int
    hashed_tokens: int
    """Tokens to which the hash ids can belong: those of the prompt, or all."""

    generated: int = 0
    computed: int = 0
    blocks: list[int] = field(default_factory=list)
    published: int = 0
    """How many of its first blocks can be found by others."""
    is_running: bool = False
    was_admitted: bool = False
    is_recovering: bool = False
    """Whether it was preempted, and has not decoded since."""
    preemptions: int = 0
    prefix_cached_tokens: int = 0

    joined_with: int = 0
    """Tokens that were computed when it last joined the running."""
    most_computed: int = 0
    """The most tokens that it had computed in its earlier stays among the running."""
    recomputed: int = 0
    """Tokens computed once more: those below most_computed, summed over its stays."""

    # Asynchronous scheduling only.
    promised: int = 0
    """Tokens whose computation is in flight; the next iteration may already build on them."""
    in_flight: int = 0
    """Computed tokens whose iterations have not been processed."""
    lost_in_flight: int = 0
    """Those of them that were computed before its last preemption."""

    @property
    def queue_key(self) -> tuple[int, ...]:
        """Where it stands in a queue that is ordered; least first."""
        return (self.rank, self.arrival, self.tie_break, self.index)

    @property
    def urgency(self) -> tuple[int, int]:
        """The greatest is preempted first."""
        return (self.priority, self.arrival)

    @property
    def known(self) -> int:
        return self.prompt + self.generated

    def leave_running(self) -> None:
        self.is_running = False
        self.recomputed += max(0, min(self.computed, self.most_computed) - self.joined_with)
        self.most_computed = max(self.most_computed, self.computed)

    def content(self, block: int, block_size: int) -> Hashable:
        """What is in a full block of this request, equal to that of another exactly where the tokens are said to be."""
        # That which the last token of the block is in: chained, it tells all tokens before, too.
        place = ((block + 1) * block_size - 1) // self.tokens_per_hash
        if place < len(self.hash_ids) and (block + 1) * block_size <= self.hashed_tokens:
            return ("shared", block, self.hash_ids[place])
        return ("own", block, self.index)


@dataclass
class SlowBatch:
    """What one call of a scheduler decided."""

    tokens: dict[SlowRequest, int] = field(default_factory=dict)
    """Tokens to compute, in the order of the scheduler."""
    admitted: dict[SlowRequest, int] = field(default_factory=dict)
    """Requests that join, with the tokens that the prefix cache had."""
    resumed: set[SlowRequest] = field(default_factory=set)
    """Those of them that had been preempted."""
    preempted: list[SlowRequest] = field(default_factory=list)
    is_short_of_memory: bool = False
    """Whether those still waiting could not be admitted for want of KV blocks."""
    seen: Counter[str] = field(default_factory=Counter)
    """What is rare, and how often it happened."""


@dataclass
class SlowRules:
    """What a scheduler needs to know of the configuration, with each limit that does not hold taken away."""

    max_num_seqs: int
    budget: int
    threshold: int
    chunked_prefill: bool
    whole_sequence_gate: bool
    watermark_blocks: int
    instant_prefill: bool
    reserves_output: bool
    """Blocks for prompt and output are taken on admission."""
    caching: bool
    block_size: int
    ordered_queue: bool
    preempts_least_urgent: bool
    waits_for_full_batch: bool = False
    """static: until max_num_seqs wait or no more will come."""
    max_queue_delay: int | None = None
    """dynamic: nanoseconds."""


class SlowScheduler(Protocol):
    """What the engine asks of a scheduler."""

    running: list[SlowRequest]
    waiting: list[SlowRequest]
    offloading: SlowOffloading | None
    now: int

    def enqueue(self, request: SlowRequest) -> None: ...
    def next_batch_time(self, now: int, next_arrival: int | None, /) -> int: ...
    def note_change(self) -> None: ...
    def schedule(self) -> SlowBatch: ...
    def publish(self, request: SlowRequest, end: int) -> None: ...
    def complete(self, batch: SlowBatch) -> list[SlowRequest]: ...


class Queues:
    """The requests that run, those that wait, and what any scheduler does with them."""

    def __init__(self, rules: SlowRules, blocks: SlowBlocks) -> None:
        self.rules = rules
        self.blocks = blocks
        self.running: list[SlowRequest] = []
        self.waiting: list[SlowRequest] = []
        self.offloading: SlowOffloading | None = None
        self.now = 0
        """When it is asked."""

    def enqueue(self, request: SlowRequest) -> None:
        self.waiting.append(request)
        self._order_waiting()

    def note_change(self) -> None:
        """Something has happened; only a policy of the caller's may have waited for it."""

    def _order_waiting(self) -> None:
        if self.rules.ordered_queue:
            self.waiting.sort(key=lambda request: request.queue_key)

    def _admit(self, request: SlowRequest) -> None:
        self.waiting.remove(request)
        self.running.append(request)
        request.is_running = True
        request.was_admitted = True

    def hits(self, request: SlowRequest) -> list[int]:
        """The cached blocks that a waiting request finds."""
        if not self.rules.caching:
            return []
        # At least one token must be computed, to generate the next.
        size, full_blocks = self.rules.block_size, (request.known - 1) // self.rules.block_size
        return self.blocks.find([request.content(block, size) for block in range(full_blocks)])

    def loads(self, request: SlowRequest, hits: list[int]) -> list[Hashable]:
        """The blocks behind its hits that a waiting request finds in tiers."""
        if self.offloading is None:
            return []
        size, full_blocks = self.rules.block_size, (request.known - 1) // self.rules.block_size
        behind = [request.content(block, size) for block in range(len(hits), full_blocks)]
        return self.offloading.found(behind, self.now)

    def join(
        self,
        batch: SlowBatch,
        request: SlowRequest,
        hits: list[int],
        loads: list[Hashable],
        computed: int,
        tokens: int,
        table: int,
    ) -> None:
        """A waiting request joins the running, with the blocks that it found, and which are its own already, first."""
        cached = (len(hits) + len(loads)) * self.rules.block_size
        if self.offloading is not None:
            self.offloading.take(loads, self.now, is_first=not request.was_admitted)
            batch.seen["loaded"] += bool(loads)
            batch.seen["loaded behind a hit"] += bool(hits and loads)
            batch.seen["loaded after a preemption"] += bool(loads) and request.was_admitted
        if request.was_admitted:
            batch.resumed.add(request)
        else:
            request.prefix_cached_tokens = cached
        self._admit(request)
        request.blocks = hits + self.blocks.take(table - len(hits))
        request.computed = request.joined_with = computed
        request.published = len(hits)
        self.publish(request, computed + tokens)
        batch.admitted[request] = cached
        batch.tokens[request] = tokens

    def grow(self, request: SlowRequest, tokens: int) -> bool:
        missing = blocks_for(request.computed + tokens, self.rules.block_size) - len(request.blocks)
        if missing > self.blocks.free_count():
            return False
        request.blocks += self.blocks.take(max(missing, 0))
        self.publish(request, request.computed + tokens)
        return True

    def preempt(self, request: SlowRequest) -> None:
        self.running.remove(request)
        self.blocks.release(request.blocks)
        request.blocks = []
        request.published = 0
        request.leave_running()
        request.computed = 0
        request.preemptions += 1
        request.promised = 0
        request.lost_in_flight = request.in_flight
        # Before all that never ran, unless the queue has an order of its own.
        self.waiting.insert(0, request)
        self._order_waiting()

    def publish(self, request: SlowRequest, end: int) -> None:
        """Let the blocks be found that are full of known tokens before this one."""
        if not self.rules.caching:
            return
        size = self.rules.block_size
        while (request.published + 1) * size <= min(end, request.known):
            block = request.published
            self.blocks.publish(request.blocks[block], request.content(block, size))
            if self.offloading is not None:
                self.offloading.full.append(request.content(block, size))
            request.published += 1


class IterationLevelScheduler(Queues):
    """vllm, and with fewer rules continuous and orca."""

    def next_batch_time(self, now: int, _next_arrival: int | None, /) -> int:
        return now

    def schedule(self) -> SlowBatch:
        batch = SlowBatch()
        alone = len(self.running) + len(self.waiting) <= 1
        threshold = UNLIMITED if alone else self.rules.threshold
        budget = self._continue_running(batch, threshold)
        batch.is_short_of_memory = bool(batch.preempted)
        if not batch.preempted:
            self._admit_waiting(batch, threshold, budget)
        return batch

    def complete(self, batch: SlowBatch) -> list[SlowRequest]:
        """Those of a batch that have all their tokens."""
        return [request for request in batch.tokens if request.generated == request.output]

    def _continue_running(self, batch: SlowBatch, threshold: int) -> int:
        budget = self.rules.budget
        position = 0
        while position < len(self.running) and budget > 0:
            request = self.running[position]
            last_token_in_flight = (
                request.promised > 0 and request.computed + 2 - request.promised >= request.prompt + request.max_tokens
            )
            if last_token_in_flight:
                batch.seen["last token in flight"] += 1
                position += 1
                continue
            wanted = min(request.known + request.promised - request.computed, threshold)
            tokens = min(wanted, budget)
            batch.seen["cut by the budget"] += tokens < wanted
            while request.is_running and not self.grow(request, tokens):
                victim = self._victim()
                if self.running.index(victim) < position:
                    position -= 1
                self._note_preemption(batch, victim, request)
                budget += batch.tokens.pop(victim, 0)
                self.preempt(victim)
                batch.preempted.append(victim)
            if request.is_running:
                batch.tokens[request] = tokens
                budget -= tokens
                position += 1
        return budget

    def _victim(self) -> SlowRequest:
        if self.rules.preempts_least_urgent:
            # The first of equals, as max() takes it.
            return max(self.running, key=lambda request: request.urgency)
        return self.running[-1]

    def _note_preemption(self, batch: SlowBatch, victim: SlowRequest, request: SlowRequest) -> None:
        batch.seen["preempted"] += 1
        batch.seen["preempted in the middle of a prefill"] += victim.generated == 0
        batch.seen["preempted again"] += victim.preemptions > 0
        batch.seen["preempted after being scheduled"] += victim in batch.tokens
        batch.seen["preempts itself before others"] += victim is request and victim is not self.running[-1]
        batch.seen["several preempted at once"] += bool(batch.preempted)

    def _admit_waiting(self, batch: SlowBatch, threshold: int, budget: int) -> None:
        rules = self.rules
        # One whose token is still in flight cannot be resumed, and does not stand in the way.
        for request in [request for request in self.waiting if request.lost_in_flight == 0]:
            if len(self.running) >= rules.max_num_seqs:
                break
            if budget == 0:
                batch.seen["starved behind a chunk"] += 1
                break
            hits = self.hits(request)
            loads = self.loads(request, hits)
            computed = request.known - 1 if rules.instant_prefill else (len(hits) + len(loads)) * rules.block_size
            tokens = min(request.known - computed, threshold)
            if tokens > budget and not rules.chunked_prefill:
                batch.seen["held back whole"] += 1
                break
            tokens = min(tokens, budget)

            table = blocks_for(computed + tokens, rules.block_size)
            if rules.reserves_output:
                table = blocks_for(request.prompt + request.output, rules.block_size)
            must_fit = max(table, blocks_for(request.known, rules.block_size)) if rules.whole_sequence_gate else table
            free = self.blocks.free_count() - self.blocks.idle_count(hits)
            kept_free = rules.watermark_blocks if self.running else 0
            if must_fit - len(hits) + kept_free > free:
                batch.seen["held back by the watermark"] += must_fit - len(hits) <= free
                batch.is_short_of_memory = True
                break

            self.blocks.share(hits)
            self.join(batch, request, hits, loads, computed, tokens, table)
            budget -= tokens


class BatchLevelScheduler(Queues):
    """static and dynamic: a batch forms when no request runs, and ends as one."""

    is_short_of_memory = False
    """Whether the batch that runs could not take in more for want of KV blocks."""
    rounds_left = 0
    """Iterations until it ends, which is when the longest of those that formed it is done, be that one still there or
    not."""

    def next_batch_time(self, now: int, next_arrival: int | None, /) -> int:
        """When the next iteration can be: now, or later if a batch is yet to form."""
        if self.running or len(self.waiting) >= self.rules.max_num_seqs:
            return now
        if self.rules.waits_for_full_batch:
            return now if next_arrival is None else next_arrival
        assert self.rules.max_queue_delay is not None
        due = max(now, min(request.arrival for request in self.waiting) + self.rules.max_queue_delay)
        return due if next_arrival is None else min(due, next_arrival)

    def schedule(self) -> SlowBatch:
        batch = SlowBatch()
        self.rounds_left -= 1
        if self.running:
            # One token each: requests that are done are padding.
            batch.tokens = dict.fromkeys(self.running, 1)
            batch.is_short_of_memory = self.is_short_of_memory
            return batch
        for request in list(self.waiting):
            table = blocks_for(request.prompt + request.output, self.rules.block_size)
            if len(self.running) == self.rules.max_num_seqs:
                break
            if table > self.blocks.free_count():
                batch.is_short_of_memory = True
                break
            self._admit(request)
            request.blocks = self.blocks.take(table)
            request.computed = request.known - 1 if self.rules.instant_prefill else 0
            batch.admitted[request] = 0
            batch.tokens[request] = request.known - request.computed
        self.is_short_of_memory = batch.is_short_of_memory
        self.rounds_left = max((request.output for request in self.running), default=1) - 1
        return batch

    def complete(self, batch: SlowBatch) -> list[SlowRequest]:
        """All of a batch, once the longest is done."""
        return list(batch.tokens) if self.rounds_left == 0 else []
