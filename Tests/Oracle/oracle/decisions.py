"""Follows each request through a log of decisions: which run, how many tokens each has computed, how many blocks it
holds. Needs a log with the queues.
"""

from dataclasses import dataclass, field

from batching import Event

from oracle.blocks import blocks_for
from oracle.told import Decision, Told


@dataclass
class State:
    """After the scheduling of an iteration, before its output is there."""

    iteration: int
    running: list[int]
    """Requests that joined and have not left, in the order of admission."""
    blocks: list[int]
    """How many each of them holds, those that it shares included."""
    told_running: list[int] = field(default_factory=list)
    told_waiting: list[int] = field(default_factory=list)


class Replay:
    """The log, from its first row to its last."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._running: list[int] = []
        self._held = [0] * told.count
        self._computed = [0] * told.count
        self.generated = [0] * told.count
        """Tokens that each request was brought to generate."""
        self.computed_at_the_end: dict[int, int] = {}
        """Of those that finished: tokens computed in the last stay among the running."""
        self.states: list[State] = []
        """One for each iteration that has anybody in it."""
        self._state: State | None = None
        for row in told.decisions:
            self._follow(row)

    def _follow(self, row: Decision) -> None:
        match row.event:
            case Event.PREEMPTED:
                self._running.remove(row.request)
                self._held[row.request] = 0
            case Event.ADMITTED | Event.RESUMED:
                self._join(row)
            case Event.SCHEDULED:
                self._compute(row)
            case Event.RUNNING:
                self._state_of(row.iteration).told_running.append(row.request)
            case Event.WAITING:
                self._state_of(row.iteration).told_waiting.append(row.request)
            case Event.ABORTED:
                if row.request in self._running:
                    self._running.remove(row.request)
                self._held[row.request] = 0
            case Event.FINISHED:
                if row.request in self._running:
                    self._running.remove(row.request)
                self._held[row.request] = 0
                self.computed_at_the_end[row.request] = self._computed[row.request]

    def _known(self, request: int) -> int:
        return self._told.prompt(request) + self.generated[request]

    def _join(self, row: Decision) -> None:
        told, request = self._told, row.request
        self._running.append(request)
        self._computed[request] = self._known(request) - 1 if told.options.instant_prefill else row.tokens
        if told.options.policy in {"orca", "static", "dynamic"}:
            # Reserved for prompt and output.
            self._held[request] = blocks_for(told.prompt(request) + told.output(request), told.options.block_size)

    def _compute(self, row: Decision) -> None:
        request = row.request
        if self.generated[request] == self._told.output(request):
            # Padding of a batch; or a token in vain, which may have taken a block all the same.
            if self._told.is_asynchronous:
                in_vain = blocks_for(self._computed[request] + row.tokens, self._told.options.block_size)
                self._held[request] = max(self._held[request], in_vain)
            return
        self._computed[request] += row.tokens
        blocks = blocks_for(self._computed[request], self._told.options.block_size)
        self._held[request] = max(self._held[request], blocks)
        if self._computed[request] >= self._known(request):
            self.generated[request] += 1

    def _state_of(self, iteration: int) -> State:
        if self._state is None or self._state.iteration != iteration:
            held = [self._held[request] for request in self._running]
            self._state = State(iteration, self._running.copy(), held)
            self.states.append(self._state)
        return self._state
