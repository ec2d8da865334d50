"""A policy of the caller's in the slow engine: it is shown what the library should show, and what it decides is done as
one would do it by hand. Independent of the library, whose view and decision the policy cannot tell from these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from oracle.blocks import SlowBlocks, blocks_for
from oracle.schedulers import Queues, SlowBatch, SlowRequest, SlowRules
from oracle.simulators import nanoseconds, seconds

NO_LIMIT = 2**63 - 1

Rows: TypeAlias = int | Sequence[int] | npt.NDArray[Any]


class SlowHits(NamedTuple):
    """What PolicyView.look_up tells."""

    cached_tokens: npt.NDArray[np.int64]
    unshared_kv_blocks: npt.NDArray[np.int64]


class SlowView:
    """What PolicyView tells."""

    def __init__(self, scheduler: "CustomScheduler", iteration: int, now: int) -> None:
        rules, blocks = scheduler.rules, scheduler.blocks
        self._scheduler = scheduler
        self._rows = scheduler.running + scheduler.waiting
        self.iteration = iteration
        self.time = seconds(now)
        self.count = len(self._rows)
        self.running_count = len(scheduler.running)
        self.request = self._column(np.int64, lambda request: request.index)
        self.arrival_time = self._column(np.float64, lambda request: seconds(request.arrival))
        self.prompt_tokens = self._column(np.int32, lambda request: request.prompt)
        self.generated_tokens = self._column(np.int32, shown_tokens)
        self.computed_tokens = self._column(np.int64, self._computed)
        self.kv_blocks = self._column(np.int64, lambda request: len(request.blocks))
        self.priority = self._column(np.int32, lambda request: request.priority)
        self.tie_break = self._column(np.int64, lambda request: request.tie_break)
        self.oracle_output_tokens = self._column(np.int32, lambda request: request.output)
        self.max_num_seqs = rules.max_num_seqs
        self.max_num_batched_tokens = rules.budget
        self.kv_blocks_free = blocks.free_count() if blocks.usable is not None else NO_LIMIT
        self.kv_blocks_usable = blocks.usable if blocks.usable is not None else NO_LIMIT
        self.block_size = rules.block_size

    def _column(self, kind: type, value: Callable[[SlowRequest], float]) -> npt.NDArray[Any]:
        return np.array([value(request) for request in self._rows], kind)

    def _computed(self, request: SlowRequest) -> int:
        if request.is_running:
            return request.computed
        return request.known + request.promised - 1 if self._scheduler.rules.instant_prefill else 0

    @property
    def uncomputed_tokens(self) -> npt.NDArray[np.int64]:
        uncomputed: npt.NDArray[np.int64] = self.prompt_tokens.astype(np.int64) + self.generated_tokens
        uncomputed -= self.computed_tokens
        return uncomputed

    def look_up(self, rows: Rows) -> SlowHits:
        cached, unshared = [], []
        for row in np.atleast_1d(np.asarray(rows)).tolist():
            request = self._rows[row]
            blocks = request.blocks if request.is_running else self._scheduler.hits(request)
            loads = [] if request.is_running else self._scheduler.loads(request, blocks)
            cached.append(0 if request.is_running else (len(blocks) + len(loads)) * self.block_size)
            own = self._scheduler.blocks.unshared_count(blocks, users=int(request.is_running))
            unshared.append(own + len(loads))
        return SlowHits(np.array(cached, np.int64), np.array(unshared, np.int64))


@dataclass
class SlowDecision:
    """What PolicyDecision takes."""

    decode_rest: bool = False
    until_change: bool = False
    short_of_memory: bool = False
    wait_until: float | None = None
    tokens: dict[int, int] = field(default_factory=dict)
    preempted: list[int] = field(default_factory=list)

    def schedule(self, rows: Rows, tokens: Rows) -> None:
        chosen = np.atleast_1d(np.asarray(rows, np.int64))
        counts = np.broadcast_to(np.asarray(tokens, np.int64), chosen.shape)
        self.tokens.update(zip(chosen.tolist(), counts.tolist(), strict=True))

    def preempt(self, rows: Rows) -> None:
        self.preempted += np.atleast_1d(np.asarray(rows, np.int64)).tolist()


def shown_tokens(request: SlowRequest) -> int:
    """Those generated, and the one on its way; but not the last, from which nothing is computed."""
    return request.generated + request.promised - int(has_last_token_in_flight(request))


def has_last_token_in_flight(request: SlowRequest) -> bool:
    return request.promised > 0 and request.generated + request.promised >= request.max_tokens


class CustomScheduler(Queues):
    """Asks a policy in every iteration, also where it says that it need not be asked."""

    def __init__(self, rules: SlowRules, blocks: SlowBlocks, policy: Callable[[Any, Any], object]) -> None:
        super().__init__(rules, blocks)
        self.policy = policy
        self.iteration = 0
        self.waits_until = 0
        self._decision = SlowDecision()

    def note_change(self) -> None:
        """Something happened that a policy which waits is asked about."""
        self.waits_until = 0

    def next_batch_time(self, now: int, next_arrival: int | None, /) -> int:
        self.now = now
        if now >= self.waits_until:
            self._decision = SlowDecision()
            self.policy(SlowView(self, self.iteration, now), self._decision)
            if self._decision.wait_until is None:
                return now
            self.waits_until = nanoseconds(self._decision.wait_until)
        return self.waits_until if next_arrival is None else min(self.waits_until, next_arrival)

    def schedule(self) -> SlowBatch:
        batch, decision = SlowBatch(), self._decision
        rows = self.running + self.waiting
        self.iteration += 1
        # What is found is found before anything changes, and stays.
        hits = {rows[row]: self.hits(rows[row]) for row in decision.tokens if not rows[row].is_running}
        loads = {request: self.loads(request, found) for request, found in hits.items()}
        preempted = [rows[row] for row in decision.preempted]
        tokens = {rows[row]: count for row, count in decision.tokens.items()}
        if decision.decode_rest:
            for request in self.running:
                is_left = request not in tokens and request not in preempted
                known = request.prompt + shown_tokens(request)
                if is_left and request.generated + request.promised > 0 and known - request.computed == 1:
                    tokens[request] = 1
        for request in preempted:
            batch.seen["preempted again"] += request.preemptions > 0
            self.preempt(request)
            batch.preempted.append(request)
        for found in hits.values():
            batch.seen["found what was released"] += self.blocks.unshared_count(found, users=0) > 0
            self.blocks.share(found)
        for request in [request for request in self.running if request in tokens]:
            assert self.grow(request, tokens[request])
            batch.tokens[request] = tokens[request]
        for request, found in hits.items():
            own = loads[request]
            computed = (
                request.known - 1 if self.rules.instant_prefill else (len(found) + len(own)) * self.rules.block_size
            )
            table = blocks_for(computed + tokens[request], self.rules.block_size)
            self.join(batch, request, found, own, computed, tokens[request], table)
        batch.is_short_of_memory = bool(preempted) or decision.short_of_memory
        return batch

    def complete(self, batch: SlowBatch) -> list[SlowRequest]:
        """Those of a batch that have all their tokens."""
        return [request for request in batch.tokens if request.generated == request.output]
