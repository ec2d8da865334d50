"""The slow engine as one replica of a fleet: it is given requests one by one, and goes on step by step.

A step is the end of an iteration, or the scheduling of the next. Between two steps a request can be delivered. What
happens in a step, and whether there is one, is as in the loops of `engine`; only what comes is not known beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass

from oracle.attribution import PARTS, SlowAttribution
from oracle.engine import MOST_EMPTY_BATCHES, SlowEngine, SlowFlight, SlowOptions, SlowWorkload
from oracle.records import END_COMPLETED, END_STUCK, SlowIteration, SlowResult
from oracle.schedulers import SlowBatch, SlowRequest

END, START = 0, 1
"""What a step is: the end of an iteration, or the scheduling of one."""

NEVER = 2**63
"""Later than any time."""


@dataclass
class Happened:
    """What a replica tells of a request."""

    request: int
    time: int
    is_first_token: bool = False
    is_answered: bool = False
    """It has all its tokens. Neither: it was rejected."""


class Inbox:
    """What was delivered, and is not taken in yet. To the engine it is the client."""

    is_closed = False

    def __init__(self, count: int) -> None:
        self.arrival: list[int | None] = [None] * count
        self.sent: list[int | None] = [None] * count
        self.delivered: list[int] = []
        self.happened: list[Happened] = []

    def put(self, index: int, time: int) -> None:
        self.arrival[index] = self.sent[index] = time
        self.delivered.append(index)

    def next_send(self) -> int | None:
        return self.sent[self.delivered[0]] if self.delivered else None

    def send(self, by: int) -> int | None:
        time = self.next_send()
        return None if time is None or time > by else self.delivered.pop(0)

    def take_events(self) -> list[Happened]:
        """What happened since the last call."""
        happened, self.happened = self.happened, []
        return happened

    def note_end(self, index: int, time: int, *, is_answered: bool) -> None:
        self.happened.append(Happened(index, time, is_answered=is_answered))


class SteppedEngine(SlowEngine):
    """A replica. The fleet asks for the next step, and takes it when its time has come."""

    def __init__(self, workload: SlowWorkload, options: SlowOptions, more_may_come: Callable[[], bool]) -> None:
        self.inbox = Inbox(len(workload.output_length))
        super().__init__(workload, options, self.inbox)
        self.attribution = _NoAttribution()
        self.more_may_come = more_may_come
        self.flights: list[SlowFlight] = []
        self.most_flights = 2 if self.is_asynchronous else 1
        self.empty_batches = 0
        self.is_blocked = False
        """Nothing can change before a request comes."""

    def next_step(self) -> tuple[int, int] | None:
        """Its time and what it is; None if none comes before a request does."""
        if self.is_blocked:
            return None
        if self.flights and (len(self.flights) == self.most_flights or self._is_idle()):
            return max(self.now, self.flights[0].end), END
        if self._is_idle():
            return None
        time = self.scheduler.next_batch_time(self.now, NEVER if self.more_may_come() else None)
        return None if time == NEVER else (time, START)

    def begin_iteration(self, time: int) -> None:
        """The step is taken, now."""
        self.now = max(self.now, time)
        flight = self._schedule()
        self.flights.append(flight)
        self.empty_batches = self.empty_batches + 1 if _is_empty(flight) else 0

    def end_iteration(self) -> None:
        """The step is taken: an iteration ends, and what came meanwhile is taken in."""
        flight = self.flights.pop(0)
        self._process(flight)
        self._look_for_progress(flight)
        self._take_in()

    def _look_for_progress(self, flight: SlowFlight) -> None:
        is_empty = self.empty_batches >= MOST_EMPTY_BATCHES if self.is_asynchronous else _is_empty(flight)
        if not is_empty and not self._is_livelocked():
            return
        # A request that came meanwhile may change something.
        self.is_blocked = not self.inbox.delivered
        if not self.is_blocked:
            self._try_again()

    def _try_again(self) -> None:
        self.is_blocked = False
        self.futile_preemptions = self.empty_batches = 0

    def deliver(self, index: int, time: int) -> None:
        """It is taken in at once, unless an iteration is under way."""
        self.inbox.put(index, time)
        if self.is_blocked:
            self._try_again()
            self.now = max(self.now, time)
        elif not self.flights:
            self.now = max(self.now, time)
        elif len(self.flights) == self.most_flights:
            return
        self._take_in()

    def _yield_token(self, request: SlowRequest) -> None:
        super()._yield_token(request)
        if request.generated == 1:
            self.inbox.happened.append(Happened(request.index, self.now, is_first_token=True))

    def load(self) -> tuple[int, int, float]:
        """What waits, what runs, and the share of KV blocks in use."""
        usable = self.options.usable_blocks
        waiting = len(self.scheduler.waiting) + len(self.inbox.delivered)
        return waiting, len(self.scheduler.running), self.blocks.used_count() / usable if usable else 0.0

    def close(self) -> SlowResult:
        """No more will come, and no step is left."""
        for flight in self.flights:
            self._process(flight)
        self.flights = []
        return self.result(END_COMPLETED if self._is_idle() else END_STUCK)


def _is_empty(flight: SlowFlight) -> bool:
    return not flight.batch.tokens and not flight.batch.preempted


class _NoAttribution(SlowAttribution):
    """A fleet has none."""

    def begin(self, request: SlowRequest) -> None:
        pass

    def note_pause(self, *arguments: object) -> None:
        pass

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
        pass

    def columns(self, *arguments: object) -> dict[str, list[int | None]]:
        return {part: [] for part in PARTS}
