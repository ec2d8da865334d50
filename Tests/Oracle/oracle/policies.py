"""vLLM's rules once more, as a policy of the caller's: each decision is made from what the view shows, request by
request, and so must be that of the engine's own policy.
"""

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

    def blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.view.block_size)

    def grow(self, row: int, tokens: int) -> bool:
        missing = self.blocks_for(self.computed[row] + tokens) - self.blocks[row]
        if missing > self.free:
            return False
        self.free -= missing
        self.blocks[row] += missing
        return True


def vllm_policy(options: SlowOptions, style: Style) -> CustomPolicy:
    """The policy vllm without prefix caching, synchronous, in any order of the queue."""
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
    position = 0
    while position < len(rows.running) and budget > 0:
        row = rows.running[position]
        tokens = min(rows.known[row] - rows.computed[row], threshold, budget)
        while row in rows.running and not rows.grow(row, tokens):
            victim = _victim(rows, options)
            if rows.running.index(victim) < position:
                position -= 1
            budget += rows.tokens.pop(victim, 0)
            rows.running.remove(victim)
            rows.free += rows.blocks[victim]
            rows.preempted.append(victim)
        if row in rows.running:
            rows.tokens[row] = tokens
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
        must_fit = rows.known[row] if options.scheduler_reserve_full_isl else rows.computed[row] + tokens
        if rows.blocks_for(must_fit) + (watermark if rows.running else 0) > rows.free:
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
