"""vLLM's rules once more, as a policy of the caller's: each decision is made from what the view shows, request by
request, and so must be that of the engine's own policy.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from batching import CustomPolicy, PolicyDecision, PolicyView

from oracle.engine import SlowOptions

Style = Literal["all named", "rest decodes", "until change"]
"""How the same decision is told: every row; only those that do not simply decode; and so, and not asked needlessly."""

UNLIMITED = 2**63 - 1


@dataclass
class Rows:
    """The columns of a view as lists, and what has been decided so far."""

    view: PolicyView
    computed: list[int] = field(init=False)
    known: list[int] = field(init=False)
    blocks: list[int] = field(init=False)
    running: list[int] = field(init=False)
    waiting: list[int] = field(init=False)
    free: int = field(init=False)
    unshared: list[int] = field(init=False)
    """KV blocks that no other request holds: of those that a row holds, or, if it waits, finds."""
    tokens: dict[int, int] = field(default_factory=dict)
    preempted: list[int] = field(default_factory=list)
    admitted: list[int] = field(default_factory=list)
    is_short_of_memory: bool = False

    def __post_init__(self) -> None:
        view = self.view
        self.computed = view.computed_tokens.tolist()
        self.known = (view.prompt_tokens.astype(int) + view.generated_tokens).tolist()
        self.blocks = view.kv_blocks.tolist()
        self.running = list(range(view.running_count))
        self.waiting = list(range(view.running_count, view.count))
        self.free = view.kv_blocks_free
        hits = view.look_up(range(view.count))
        self.unshared = hits.unshared_kv_blocks.tolist()
        for row in self.waiting:
            cached = int(hits.cached_tokens[row])
            self.computed[row] += cached
            self.blocks[row] = cached // view.block_size

    def blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.view.block_size)

    def missing(self, row: int, tokens: int) -> int:
        """KV blocks that are free, and will not be once a row has computed so many tokens."""
        found = self.unshared[row] if row in self.waiting else 0
        return self.blocks_for(self.computed[row] + tokens) - self.blocks[row] + found

    def grow(self, row: int, tokens: int) -> bool:
        missing = self.missing(row, tokens)
        if missing > self.free:
            return False
        self.free -= missing
        return True


def vllm_policy(options: SlowOptions, style: Style) -> CustomPolicy:
    """The policy vllm in any order of the queue. With prefix caching it does not see what is found within an iteration,
    or which blocks two share that are preempted."""
    admission_key = _admission_key(options.queue_order)

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        rows = Rows(view)
        if admission_key is not None:
            rows.waiting.sort(key=lambda row: admission_key(view, row))
        threshold = options.long_prefill_token_threshold or UNLIMITED
        if view.count <= 1:
            threshold = UNLIMITED
        budget = _continue_running(rows, options, threshold)
        rows.is_short_of_memory = bool(rows.preempted)
        if not rows.preempted:
            _admit_waiting(rows, options, threshold, budget)
        _tell(rows, decision, style)

    return decide


def _admission_key(order: str) -> Callable[[PolicyView, int], tuple[int, ...]] | None:
    def by_priority(view: PolicyView, row: int) -> tuple[int, ...]:
        return (view.priority[row], view.arrival_time[row], view.tie_break[row], view.request[row])

    def by_output(view: PolicyView, row: int) -> tuple[int, ...]:
        # As the engine's own: by the whole output, and not by what is left of it.
        output = int(view.oracle_output_tokens[row])
        return (output, view.arrival_time[row], view.tie_break[row], view.request[row])

    return {"arrival": None, "priority": by_priority, "shortest_output": by_output}[order]


def _continue_running(rows: Rows, options: SlowOptions, threshold: int) -> int:
    budget = options.max_num_batched_tokens
    grown: dict[int, int] = {}
    position = 0
    while position < len(rows.running) and budget > 0:
        row = rows.running[position]
        left = rows.known[row] - rows.computed[row]
        if left == 0:
            # Its last token is on its way.
            position += 1
            continue
        tokens = min(left, threshold, budget)
        grown_by = rows.missing(row, tokens)
        while row in rows.running and not rows.grow(row, tokens):
            victim = _victim(rows, options)
            if rows.running.index(victim) < position:
                position -= 1
            budget += rows.tokens.pop(victim, 0)
            rows.running.remove(victim)
            rows.free += rows.unshared[victim] + grown.pop(victim, 0)
            rows.preempted.append(victim)
        if row in rows.running:
            rows.tokens[row] = tokens
            grown[row] = grown_by
            budget -= tokens
            position += 1
    return budget


def _victim(rows: Rows, options: SlowOptions) -> int:
    view = rows.view
    if options.queue_order == "priority":
        return max(rows.running, key=lambda row: (view.priority[row], view.arrival_time[row]))
    return rows.running[-1]


def _admit_waiting(rows: Rows, options: SlowOptions, threshold: int, budget: int) -> None:
    watermark = int(options.watermark * (options.num_gpu_blocks or 0))
    for row in rows.waiting:
        if len(rows.running) >= options.max_num_seqs or budget == 0:
            break
        tokens = min(rows.known[row] - rows.computed[row], threshold)
        if tokens > budget and not options.enable_chunked_prefill:
            break
        tokens = min(tokens, budget)
        must_fit = rows.known[row] - rows.computed[row] if options.scheduler_reserve_full_isl else tokens
        if rows.missing(row, must_fit) + (watermark if rows.running else 0) > rows.free:
            rows.is_short_of_memory = True
            break
        rows.grow(row, tokens)
        rows.running.append(row)
        rows.admitted.append(row)
        rows.tokens[row] = tokens
        budget -= tokens


def _tell(rows: Rows, decision: PolicyDecision, style: Style) -> None:
    generated = rows.view.generated_tokens
    decoding = [
        row
        for row in range(rows.view.running_count)
        if generated[row] > 0 and rows.known[row] - rows.computed[row] == 1 and row not in rows.preempted
    ]
    # Only if no request that decodes is left out.
    rests = style != "all named" and all(row in rows.tokens for row in decoding)
    decision.decode_rest = rests
    named = [row for row in rows.tokens if not rests or row not in decoding]
    decision.schedule(named, [rows.tokens[row] for row in named])
    decision.preempt(rows.preempted)
    decision.short_of_memory = rows.is_short_of_memory
    decides_nothing = not rows.preempted and not rows.admitted
    decision.until_change = style == "until change" and rests and not named and decides_nothing


def moody_policy(seed: int, *, holds: bool = True) -> CustomPolicy:
    """Does anything that is valid: what it does depends on nothing but the view, so that it can be asked twice.

    Args:
        holds: whether it sometimes says that it need not be asked.
    """

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        mood = random.Random(f"{seed} {view.iteration} {view.time} {view.count}")  # noqa: S311
        if mood.random() < 0.15:
            if mood.random() < 0.8:
                decision.wait_until = view.time + mood.choice([1e-9, 0.004, 0.01, 0.0375, 0.2])
                decision.until_change = mood.random() < 0.5 and holds
            return
        decision.decode_rest = mood.random() < 0.6
        decision.until_change = decision.decode_rest and mood.random() < 0.7 and holds
        free, budget = view.kv_blocks_free, view.max_num_batched_tokens
        hits = view.look_up(range(view.count))
        left = (view.uncomputed_tokens - hits.cached_tokens).tolist()
        running = list(range(view.running_count))
        for row in running[:]:
            if mood.random() < 0.04:
                decision.preempt(row)
                running.remove(row)
                free += int(hits.unshared_kv_blocks[row])
        named = [row for row in running if mood.random() < 0.7 or left[row] > 1]
        if decision.decode_rest:
            # Room for the requests that are not named.
            budget -= len(running)
            free -= len(running)
        slots = view.max_num_seqs - len(running)
        waiting = mood.sample(range(view.running_count, view.count), view.count - view.running_count)
        for row in named + [row for row in waiting if mood.random() < 0.7]:
            if left[row] == 0:
                # Its last token is on its way.
                continue
            tokens = left[row] if mood.random() < 0.7 else mood.randint(1, left[row])
            found = int(hits.cached_tokens[row])
            if found > 0 and len(running) < view.running_count:
                # It may find what those preempted would give back.
                continue
            blocks = -(-(int(view.computed_tokens[row]) + found + tokens) // view.block_size) - int(view.kv_blocks[row])
            if row >= view.running_count:
                blocks += int(hits.unshared_kv_blocks[row]) - found // view.block_size
            if tokens > budget or blocks > free or (row >= view.running_count and slots == 0):
                continue
            budget, free, slots = budget - tokens, free - blocks, slots - (row >= view.running_count)
            decision.schedule(row, tokens)

    def decide_within_limits(view: PolicyView, decision: PolicyDecision) -> None:
        if view.max_num_batched_tokens < view.running_count or view.kv_blocks_free < view.running_count:
            # Short of everything: the first of the running goes on alone, if it can.
            unshared = view.look_up(range(1, view.running_count)).unshared_kv_blocks
            free = view.kv_blocks_free + int(unshared.sum())
            is_full = view.computed_tokens[0] == view.kv_blocks[0] * view.block_size
            goes_on = free > 0 or not is_full
            decision.preempt(range(int(goes_on), view.running_count))
            if goes_on and view.uncomputed_tokens[0] > 0:
                decision.schedule(0, 1)
            return
        decide(view, decision)

    return decide_within_limits
