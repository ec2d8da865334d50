"""Feeds requests to a live fleet in random slices, and gathers what it tells."""

import random
from typing import Any

import numpy as np

from batching import Event, FleetResult, LiveFleet, LiveFleetEventColumns, RequestColumns, RequestStatus
from batching._engine.attribution import PARTS
from batching._fleet.live_events import RESULT_COLUMNS
from batching._fleet.result import FLEET_COLUMNS

COLUMNS = [*RESULT_COLUMNS, *FLEET_COLUMNS]


def rows_of(requests: RequestColumns, indices: list[int]) -> RequestColumns:
    """Some requests of many, in this order."""
    named = {
        name: getattr(requests, name)
        for name in ("output_length", "prompt_length", "arrival_time", "priority", "max_tokens", "session")
    }
    rows: dict[str, Any] = {name: None if column is None else column[indices] for name, column in named.items()}
    if requests.hash_ids is not None and requests.hash_offsets is not None:
        ends = requests.hash_offsets
        ids = [requests.hash_ids[ends[index] : ends[index + 1]] for index in indices]
        rows["hash_ids"] = np.concatenate([np.empty(0, np.int64), *ids])
        rows["hash_offsets"] = np.cumsum([0, *map(len, ids)], dtype=np.int64)
        rows["hash_block_size"] = requests.hash_block_size
        rows["hash_covers_output"] = requests.hash_covers_output
    return RequestColumns(**rows)


class Drive:
    """One run of requests through a live fleet."""

    def __init__(self, fleet: LiveFleet, requests: RequestColumns, draw: random.Random) -> None:
        assert requests.arrival_time is not None
        self.fleet, self.requests, self.draw = fleet, requests, draw
        self.arrivals = requests.arrival_time.tolist()
        # Any numbers, but none twice.
        self.ids = draw.sample(range(-1_000_000, 1_000_000), len(requests))
        self.told: list[LiveFleetEventColumns] = []
        # In any order: a run gives the same with the requests in this one.
        self._left = draw.sample(range(len(requests)), len(requests))
        self.order: list[int] = []

    def run(self) -> "Drive":
        """All requests, until nothing is left to do."""
        clock, last = 0.0, max(self.arrivals, default=0.0)
        while self._left:
            self._submit(self._left[: self.draw.randint(0, len(self._left))])
            # Some stop exactly where a request arrives. The clock counts whole nanoseconds.
            until = self.draw.choice([self.draw.uniform(clock, last), self.draw.choice(self.arrivals)])
            clock = max(clock, round(until, 9))
            self._submit([index for index in self._left if self.arrivals[index] < clock])
            self.fleet.advance(clock)
            self._look()
        self.fleet.advance()
        self._look()
        self.told.append(self.fleet.poll_columns())
        return self

    def _submit(self, indices: list[int]) -> None:
        self.fleet.submit_columns(rows_of(self.requests, indices), [self.ids[index] for index in indices])
        self.order += indices
        self._left = [index for index in self._left if index not in set(indices)]

    def _look(self) -> None:
        """What a host may look at between two slices, which changes nothing."""
        state = self.fleet.state
        ended = state.finished + state.rejected + state.aborted
        assert state.submitted == state.pending + state.in_flight + ended
        assert state.submitted == len(self.requests) - len(self._left)
        assert 0 <= state.queued <= state.in_flight
        assert self.fleet.replicas.running.sum() <= state.in_flight
        if self.draw.random() < 0.5:
            before = state.events
            self.told.append(self.fleet.poll_columns())
            assert len(self.told[-1]) == before
            assert self.fleet.state.events == 0

    def column(self, name: str) -> Any:
        """A column of all events."""
        return np.concatenate([getattr(one, name) for one in self.told])

    def of_ends(self, name: str) -> Any:
        """A column of what became of the requests, in the order of their ends."""
        return np.concatenate([getattr(one.outcome, name)[one.is_end] for one in self.told])

    def parts_of_ends(self, name: str) -> Any:
        """The same of their attribution."""
        return np.concatenate([getattr(one.outcome.attribution, name)[one.is_end] for one in self.told])

    @property
    def in_order(self) -> RequestColumns:
        """The requests in the order in which they were submitted, which breaks ties."""
        return rows_of(self.requests, self.order)


def assert_same(drive: Drive, expected: FleetResult) -> None:
    """What was told at the ends is what a run with all requests tells, in the order in which they were submitted."""
    is_end = np.concatenate([one.is_end for one in drive.told])
    index_of = {drive.ids[index]: position for position, index in enumerate(drive.order)}
    ended = [index_of[name] for name in drive.column("request")[is_end].tolist()]
    # One for which there is never room waits for as long as the fleet runs.
    goes_on = np.isin(expected.status, [RequestStatus.UNFINISHED, RequestStatus.STUCK])
    assert sorted(ended) == np.flatnonzero(~goes_on).tolist()
    assert drive.fleet.state.in_flight == goes_on.sum()
    for name in COLUMNS:
        np.testing.assert_array_equal(drive.of_ends(name), getattr(expected, name)[ended], err_msg=name)
    if expected.attribution is not None:
        for name in PARTS:
            parts = getattr(expected.attribution, name)[ended]
            np.testing.assert_array_equal(drive.parts_of_ends(name), parts, err_msg=name)


def assert_ordered(drive: Drive, *, apart: bool = False) -> None:
    """What holds of the events of every fleet."""
    times = drive.column("time")
    assert (np.diff(times) >= 0).all()
    ends = {Event.FINISHED, Event.ABORTED, Event.REJECTED}
    events: dict[int, list[tuple[float, int, int, int]]] = {}
    rows = zip(
        *(drive.column(name).tolist() for name in ("request", "time", "event", "tokens", "replica")), strict=True
    )
    for request, *row in rows:
        events.setdefault(request, []).append(tuple(row))
    index_of = {name: index for index, name in enumerate(drive.ids)}
    for request, told in events.items():
        kinds = [event for _, event, _, _ in told]
        assert [kind for kind in kinds if kind in ends] == kinds[-1:] or not ends & set(kinds)
        assert told[0][0] >= drive.arrivals[index_of[request]]
        # One that is turned away by the router, or leaves its queue, was never routed.
        if kinds[0] != Event.ROUTED:
            assert len(kinds) == 1
            assert kinds[0] in {Event.REJECTED, Event.ABORTED}
            assert told[0][3] == -1
        where: set[int] = set()
        for _, event, tokens, replica in told:
            if event == Event.ROUTED:
                assert tokens == 0
                assert replica >= 0
                # Both are known at once where a request is to decode elsewhere.
                where = {*where, replica} if apart else {replica}
            elif event in {Event.ADMITTED, Event.RESUMED, Event.PREEMPTED, Event.FIRST_TOKEN}:
                assert replica in where
            elif event == Event.FINISHED and not apart:
                # Apart, a request of one token may end on its way.
                assert replica in where
            else:
                assert replica in {*where, -1}
