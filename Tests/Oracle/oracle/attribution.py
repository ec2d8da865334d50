"""Where the time of each request goes, by walking every request in every iteration: part of the slow engine, and
independent of the library. "Engine: attribution" in include/batching.h says what each part is.

Every request has a list of stretches of time, each with the part that it belongs to; what a request does in an
iteration is looked at as that is scheduled, and what lies beyond its end is cut off.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from oracle.records import ABORTED, FINISHED, NOT_SENT, REJECTED_MODEL_LENGTH, SlowIteration
from oracle.schedulers import SlowBatch, SlowRequest

PARTS = [
    "waiting_for_client",
    "waiting_for_slot",
    "waiting_for_memory",
    "prefill",
    "decode",
    "slowed_by_prefill",
    "preempted",
    "held_in_batch",
]


@dataclass
class _Stretch:
    start: int
    end: int
    part: str
    slowdown: int = 0
    """Nanoseconds of it that are slowed_by_prefill instead."""


@dataclass
class _Account:
    """What one request's time went into."""

    until: int
    """Up to here it is told."""
    part = "waiting_for_slot"
    """What it is doing now."""
    stretches: list[_Stretch] = field(default_factory=list)
    parts: Counter[str] = field(default_factory=Counter)

    def go_on(self, until: int, slowdown: int = 0) -> None:
        """It does the same until then."""
        self.stretches.append(_Stretch(self.until, until, self.part, slowdown))
        self.until = until

    def settle(self) -> None:
        """An iteration has been scheduled: the run does not end before it. At most what was scheduled before the end of
        the request was known can lie beyond that."""
        while len(self.stretches) > 4:
            self._add(self.stretches.pop(0))

    def close(self, end: int) -> None:
        for stretch in self.stretches:
            if stretch.start >= end:
                continue
            assert stretch.end <= end
            self._add(stretch)
        if self.stretches and self.until < end:
            self._add(_Stretch(self.until, end, self.part))

    def _add(self, stretch: _Stretch) -> None:
        self.parts[stretch.part] += stretch.end - stretch.start - stretch.slowdown
        self.parts["slowed_by_prefill"] += stretch.slowdown


class SlowAttribution:
    """Takes down what every request in the system does, iteration by iteration."""

    def __init__(self) -> None:
        self.accounts: dict[int, _Account] = {}

    def begin(self, request: SlowRequest) -> None:
        """The engine takes it in: its time has been running since it was sent."""
        self.accounts[request.index] = _Account(request.arrival)

    def note_pause(self, now: int, until: int, waiting: Iterable[SlowRequest]) -> None:
        """Until then a batch forms: from now on the waiting requests wait for that."""
        for request in waiting:
            account = self.accounts[request.index]
            # Since the last iteration the clock may have gone on to an arrival, or to the end of another request.
            account.go_on(now)
            if not request.was_admitted:
                account.part = "waiting_for_slot"
            account.go_on(until)

    def note_iteration(
        self,
        iteration: SlowIteration,
        batch: SlowBatch,
        running: list[SlowRequest],
        waiting: list[SlowRequest],
        *,
        slowdown: int,
        instant_prefill: bool,
    ) -> None:
        """An iteration has been scheduled, and no tokens are counted as computed yet."""
        start, end = iteration.started_at, iteration.started_at + iteration.duration
        for request in batch.preempted:
            request.is_recovering = True
        for request in waiting + running:
            account = self.accounts[request.index]
            # Up to the start it goes on with what it did.
            account.go_on(start)
            account.part = self._part(request, batch, instant_prefill=instant_prefill)
            account.go_on(end, slowdown if account.part == "decode" else 0)
            if account.part in {"prefill", "preempted"} and self._decodes_next(request, batch.tokens.get(request, 0)):
                account.part = "decode"
            account.settle()

    @staticmethod
    def _decodes_next(request: SlowRequest, tokens: int) -> bool:
        """Whether it decodes from the end of the iteration on in which it computes so many tokens: if it is running."""
        missing = request.known + request.promised - request.computed - tokens
        has_generated = request.generated + request.promised > 0
        return request.is_running and (missing == 0 or (missing == 1 and has_generated))

    @staticmethod
    def _part(request: SlowRequest, batch: SlowBatch, *, instant_prefill: bool) -> str:
        if not request.is_running:
            if request.was_admitted:
                return "preempted"
            return "waiting_for_memory" if batch.is_short_of_memory else "waiting_for_slot"
        has_generated = request.generated + request.promised > 0
        missing = request.known + request.promised - request.computed
        if instant_prefill or (has_generated and missing <= 1):
            request.is_recovering = False
            return "held_in_batch" if request.generated >= request.output else "decode"
        return "preempted" if request.is_recovering else "prefill"

    def columns(
        self,
        requests: list[SlowRequest],
        status: list[int],
        end: list[int | None],
        duration: int,
        client_arrival: list[int | None],
    ) -> dict[str, list[int | None]]:
        """Nanoseconds, by part and request; None for those that were rejected, or not sent."""
        columns: dict[str, list[int | None]] = {part: [] for part in PARTS}
        for request in requests:
            # In an open loop, one that the engine did not come to take in has been on its way.
            account = self.accounts.get(request.index, _Account(request.arrival))
            has_none = status[request.index] >= REJECTED_MODEL_LENGTH or status[request.index] == NOT_SENT
            has_ended = status[request.index] in {FINISHED, ABORTED}
            last = end[request.index] if has_ended else max(duration, request.arrival)
            if not has_none:
                arrival = client_arrival[request.index]
                assert last is not None
                assert arrival is not None
                if not account.stretches:
                    # In the queue, perhaps, but no iteration was scheduled since.
                    account.stretches.append(_Stretch(request.arrival, request.arrival, account.part))
                account.close(last)
                account.parts["waiting_for_client"] = request.arrival - arrival
                assert sum(account.parts.values()) == last - arrival
            for part in PARTS:
                columns[part].append(None if has_none else account.parts[part])
        return columns
