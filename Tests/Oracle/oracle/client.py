"""The client in front of the slow engine: what has arrived at it, what it holds back, and when it sends. Independent of
the library; "Engine: clients" in include/batching.h says what it should do.

The engine asks it what it sends by a time, and tells it what has ended. Times are whole nanoseconds.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from oracle.simulators import nanoseconds


@dataclass(frozen=True)
class SlowClient:
    """How requests are sent: batching_client. Limits of 0 do not hold."""

    max_concurrency: int = 0
    clients: int = 0
    ramp_up: float = 0.0
    think_time: float = 0.0
    think_times: str = "exponential"
    think_time_sigma: float = 0.0
    sessions_go_on: bool = False
    seed: int = 0
    drawn: Sequence[float] | None = None
    """The think times, one after the other. None: they are constant. How they are drawn is not known here."""

    def think(self, number: int) -> int:
        """Nanoseconds, of the session that is taken as this one after those that the clients begin with."""
        if self.drawn is not None:
            return nanoseconds(self.drawn[number])
        assert self.think_times == "constant" or self.think_time == 0
        return nanoseconds(self.think_time)


def is_closed(session: Sequence[int] | None, client: SlowClient | None) -> bool:
    """Whether what is sent may depend on what ends."""
    return session is not None or (client is not None and (client.max_concurrency > 0 or client.clients > 0))


class SlowSender:
    """Keeps what is not sent in the order of arrival, and hands out its places in flight, one request each."""

    def __init__(
        self,
        arrival_time: Sequence[float],
        session: Sequence[int] | None,
        delay: Sequence[float] | None,
        client: SlowClient | None,
    ) -> None:
        count = len(arrival_time)
        self.client = client or SlowClient()
        self.is_closed = is_closed(session, client)
        self._earliest = [nanoseconds(time) for time in arrival_time]
        self._delay = [nanoseconds(time) for time in delay] if delay is not None else [0] * count

        self.arrival: list[int | None] = [None] * count
        """When each request arrived, or will. None: that is not known, or it never will."""
        self.sent: list[int | None] = [None] * count
        self._here: list[tuple[int, int]] = []
        """Arrival and index of those that are not sent, in order."""
        self._places: list[int] | None = [0] * self.client.max_concurrency if self.client.max_concurrency else None
        """Since when each place in flight that is free has been so."""

        turns: dict[int, list[int]] = {}
        for index in range(count):
            turns.setdefault(session[index] if session is not None else index, []).append(index)
        self._next_turn = {turn: after for whole in turns.values() for turn, after in itertools.pairwise(whole)}
        firsts = sorted((self._earliest[whole[0]], whole[0]) for whole in turns.values())
        self._sessions_left = [first for _, first in firsts]
        """The first turns of the sessions that no client has taken."""
        self._sessions_taken = 0
        self._begin()

    def _begin(self) -> None:
        clients = self.client.clients
        if not clients:
            while self._sessions_left:
                first = self._sessions_left.pop(0)
                self._arrive(first, self._earliest[first])
        for number in range(min(clients, len(self._sessions_left))):
            first = self._sessions_left.pop(0)
            start = nanoseconds(self.client.ramp_up) * number // clients
            self._arrive(first, max(self._earliest[first], start))

    def _arrive(self, index: int, time: int) -> None:
        self.arrival[index] = time
        self._here.append((time, index))
        self._here.sort()

    def next_send(self) -> int | None:
        """When the next one is sent; None if that depends on what ends, or none is left."""
        if not self._here or self._places == []:
            return None
        arrival, _ = self._here[0]
        return arrival if self._places is None else max(arrival, min(self._places))

    def send(self, by: int) -> int | None:
        """Sends the next one, if its time has come; and says which."""
        time = self.next_send()
        if time is None or time > by:
            return None
        _, index = self._here.pop(0)
        self.sent[index] = time
        if self._places is not None:
            self._places.remove(min(self._places))
        return index

    def note_end(self, index: int, time: int, *, is_answered: bool) -> None:
        """A request is in flight no more: it was answered, or has failed."""
        if self._places is not None:
            self._places.append(time)
        after = self._next_turn.get(index)
        if after is not None and (is_answered or self.client.sessions_go_on):
            self._arrive(after, max(self._earliest[after], time + self._delay[after]))
        elif self.client.clients and self._sessions_left:
            first = self._sessions_left.pop(0)
            pause = self.client.think(self._sessions_taken) + self._delay[first]
            self._sessions_taken += 1
            self._arrive(first, max(self._earliest[first], time + pause))
