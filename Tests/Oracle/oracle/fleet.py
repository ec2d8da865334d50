"""The fleet as one would write it on a blackboard: slow engines on one clock, and a router that is asked for each
request.

Independent of the library: it is what `batching_fleet_simulate` is compared with. "Fleet" in include/batching.h says
what it should do. At one time there are, in this order:

1. ends of iterations, by replica: first tokens, ends of requests, and the rejection of what has come meanwhile;
2. metrics that are told to the router;
3. arrivals, each routed, and taken in by its replica if that is between two iterations; one that is rejected has ended
   before the next is routed;
4. the scheduling of iterations, by replica. One that takes no time ends before anything else happens, so that all of a
   replica comes before the next; but what its end brings arrives first, as it does in a run of the engine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oracle.client import SlowClient, SlowSender
from oracle.engine import SlowOptions, SlowWorkload
from oracle.fleet_routers import SlowQuestion, SlowRouter
from oracle.records import END_COMPLETED, END_STUCK, NOT_SENT, UNFINISHED, SlowResult, seconds_or_nan
from oracle.simulators import nanoseconds, seconds
from oracle.stepped import START, SteppedEngine

METRICS, ARRIVAL = 0.3, 0.6
"""When they come among ends, 0, and starts, 1, of iterations."""


@dataclass
class SlowFleet:
    """What to simulate requests on: the configuration of each replica, and how often the router is told metrics."""

    replicas: Sequence[SlowOptions]
    metrics_interval: float = 0.1


@dataclass
class SlowFleetResult:
    """The columns of batching_results and batching_fleet_results, and the replicas' own results."""

    replica: list[int]
    routed_time: list[float]
    start_time: list[float]
    first_token_time: list[float]
    end_time: list[float]
    tokens_generated: list[int]
    completion_order: list[int]
    preemptions: list[int]
    prefix_cached_tokens: list[int]
    status: list[int]
    arrival_time: list[float]
    sent_time: list[float]
    replicas: list[SlowResult]
    end_reason: int
    not_sent: int


def slow_fleet(
    workload: SlowWorkload, fleet: SlowFleet, router: SlowRouter, client: SlowClient | None = None
) -> SlowFleetResult:
    """What batching_fleet_simulate should tell."""
    run = _FleetRun(workload, fleet, router, client)
    run.proceed()
    return run.result()


class _FleetRun:
    def __init__(self, workload: SlowWorkload, fleet: SlowFleet, router: SlowRouter, client: SlowClient | None) -> None:
        self.workload = workload
        self.count = len(workload.output_length)
        self.router = router
        self.client = SlowSender(workload.arrival_time, workload.session, workload.delay, client)
        self.now = 0
        self.interval = nanoseconds(fleet.metrics_interval)
        self.scrapes = 0
        """How often the router could have been told metrics up to now."""
        self.replica = [-1] * self.count
        self.routed: list[int | None] = [None] * self.count
        self.completion_order: list[int] = []
        self.replicas = [
            SteppedEngine(workload, options, lambda number=number: self._more_may_come(number))  # type: ignore[misc]
            for number, options in enumerate(fleet.replicas)
        ]
        self.plan: list[int] | None = None
        if router.decides_beforehand and not self.client.is_closed:
            order = sorted(range(self.count), key=lambda index: nanoseconds(workload.arrival_time[index]))
            again = router.again()
            decided = [again.route(self._question(index, 0)) for index in order]
            assert None not in decided
            self.plan = [number for number in decided if number is not None]

    def _more_may_come(self, number: int) -> bool:
        """Whether a static batch waits for more.

        Round robin over n replicas gives what n runs give: there each replica knows what will come to it, and so it
        does here with any router that looks at nothing but its own earlier decisions. With others, what is still to
        come to the fleet may come to any replica.
        """
        if self.plan is not None:
            return number in self.plan[sum(time is not None for time in self.routed) :]
        return self.client.next_send() is not None

    # Time

    def proceed(self) -> None:
        while (step := self._next_step()) is not None:
            time, kind, number = step
            self.now = time
            if kind == METRICS:
                self._tell_metrics()
            elif kind == ARRIVAL:
                self._arrive()
            elif kind == START:
                self.replicas[number].begin_iteration(time)
            else:
                self.replicas[number].end_iteration()
                self._take_notes(number)

    def _next_step(self) -> tuple[int, float, int] | None:
        steps: list[tuple[int, float, int]] = []
        for number, replica in enumerate(self.replicas):
            step = replica.next_step()
            if step is not None:
                # A batch may have waited for what does not come.
                steps.append((max(step[0], self.now), step[1], number))
        arrival = self.client.next_send()
        if arrival is not None:
            steps.append((arrival, ARRIVAL, 0))
        if not steps:
            return None
        # Until something happens the router is told the same each time: the last time is enough.
        scrapes = min(steps)[0] // self.interval
        if scrapes > self.scrapes:
            steps.append((scrapes * self.interval, METRICS, 0))
        return min(steps)

    def _tell_metrics(self) -> None:
        self.scrapes = self.now // self.interval
        waiting, running, usage = zip(*(replica.load() for replica in self.replicas), strict=True)
        self.router.observe(list(waiting), list(running), list(usage))

    # Requests

    def _question(self, index: int, time: int) -> SlowQuestion:
        workload = self.workload
        return SlowQuestion(
            request=index,
            time=seconds(time),
            prompt=workload.prompt_length[index],
            output=workload.output_length[index],
            hash_ids=tuple(workload.hash_ids[index]) if workload.hash_ids is not None else (),
            session=str(workload.session[index]) if workload.session is not None else None,
        )

    def _arrive(self) -> None:
        index = self.client.send(self.now)
        assert index is not None
        number = self.router.route(self._question(index, self.now))
        if number is not None:
            self._deliver(index, number)

    def _deliver(self, index: int, number: int) -> None:
        self.replica[index], self.routed[index] = number, self.now
        self.replicas[number].deliver(index, self.now)
        self._take_notes(number)

    def _take_notes(self, number: int) -> None:
        """What a replica tells goes to the router and to the client; and what waited at the router may be routed."""
        for event in self.replicas[number].inbox.take_events():
            assert event.time == self.now
            if event.is_first_token:
                self.router.first_token(event.request, seconds(self.now))
            else:
                if event.is_answered:
                    self.completion_order.append(event.request)
                self.router.finished(event.request, seconds(self.now))
                self.client.note_end(event.request, self.now, is_answered=event.is_answered)
            while (released := self.router.released(seconds(self.now))) is not None:
                self._deliver(*released)

    # What comes out

    def result(self) -> SlowFleetResult:
        results = [replica.close() for replica in self.replicas]
        sent = self.client.sent
        status = [UNFINISHED if sent[index] is not None else NOT_SENT for index in range(self.count)]
        duration = max(nanoseconds(result.duration) for result in results)

        def column(name: str, default: float) -> list[float]:
            return [
                getattr(results[number], name)[index] if number >= 0 else default
                for index, number in enumerate(self.replica)
            ]

        def counts(name: str) -> list[int]:
            return [int(value) for value in column(name, 0)]

        own = counts("status")
        status = [own[index] if number >= 0 else status[index] for index, number in enumerate(self.replica)]
        arrival = [
            time if sent[index] is not None or (time is not None and time <= duration) else None
            for index, time in enumerate(self.client.arrival)
        ]
        return SlowFleetResult(
            replica=self.replica,
            routed_time=[seconds_or_nan(time) for time in self.routed],
            start_time=column("start_time", math.nan),
            first_token_time=column("first_token_time", math.nan),
            end_time=column("end_time", math.nan),
            tokens_generated=counts("tokens_generated"),
            completion_order=self.completion_order + [-1] * (self.count - len(self.completion_order)),
            preemptions=counts("preemptions"),
            prefix_cached_tokens=counts("prefix_cached_tokens"),
            status=status,
            arrival_time=[seconds_or_nan(time) for time in arrival]
            if self.client.is_closed
            else list(self.workload.arrival_time),
            sent_time=[seconds_or_nan(time) for time in sent]
            if self.client.is_closed
            else list(self.workload.arrival_time),
            replicas=results,
            end_reason=END_STUCK if UNFINISHED in status or _is_left(results) else END_COMPLETED,
            not_sent=status.count(NOT_SENT),
        )


def _is_left(results: Sequence[SlowResult]) -> bool:
    return any(result.end_reason == END_STUCK for result in results)
