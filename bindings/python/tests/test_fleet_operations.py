"""Admission, timeouts, retries, faults and scaling: what holds of every fleet, and exact slow models of small ones."""

import math
from typing import Any

import numpy as np
import pytest

from batching import (
    Admission,
    AffineTime,
    EngineConfig,
    Fault,
    Faults,
    FleetResult,
    RequestColumns,
    RequestStatus,
    Scaling,
    ScalingView,
    simulate_fleet,
)

_CASES = 60
_ROUNDED = 1e-9


def _requests(random: np.random.Generator) -> RequestColumns:
    count = int(random.integers(1, 80))
    return RequestColumns(
        random.integers(1, 20, count),
        random.integers(1, 90, count),
        random.integers(0, 160, count) / 32,
        priority=random.integers(0, 3, count),
    )


def _faults(random: np.random.Generator, replicas: int, notice: float) -> Faults:
    """Each goes down and comes back, some twice; one is lost that is not there."""
    given = []
    for replica in range(replicas):
        times = np.sort(random.integers(1, 400, 4)) / 64
        for index, time in enumerate(times[: 2 * int(random.integers(0, 3))]):
            given.append(Fault(float(time), replica, ("down", "up")[index % 2]))
    if random.integers(2):
        given.append(Fault(1.0, 0, "slow", 2.0))
    return Faults(given=given, notice_delay=notice)


def _down(faults: Faults, replica: int) -> list[tuple[float, float]]:
    """When a replica is not there, by the list alone."""
    spans, since = [], None
    for time, own, kind in sorted(((f[0], f[1], f[2]) for f in faults.given), key=lambda one: one[0]):
        if own != replica or kind == "slow":
            continue
        if kind == "down" and since is None:
            since = time
        elif kind == "up" and since is not None:
            spans.append((since, time))
            since = None
    return [*spans, (since, math.inf)] if since is not None else spans


class Case:
    """A random fleet."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.requests = _requests(random)
        self.replicas = int(random.integers(1, 5))
        self.admission = Admission(
            max_in_flight=int(random.integers(1, 20)) if random.integers(2) else None,
            max_queued_tokens=int(random.integers(1, 400)) if random.integers(2) else None,
            bucket_capacity=float(random.integers(1, 8)) if random.integers(3) == 0 else None,
            bucket_rate=4.0 if random.integers(2) else 16.0,
            shed_priority=1 if random.integers(3) == 0 else None,
            ttft_timeout=float(random.integers(1, 40)) / 32 if random.integers(2) else None,
            e2e_timeout=float(random.integers(1, 90)) / 32 if random.integers(2) else None,
            retries=int(random.integers(0, 4)),
            retry_base=0.03125,
            seed=seed,
        )
        if self.admission.bucket_capacity is None:
            self.admission = Admission(**{**vars(self.admission), "bucket_rate": None})
        self.faults = _faults(random, self.replicas, float(random.integers(0, 2)) / 8)
        self.config = EngineConfig(
            max_num_seqs=int(random.integers(1, 5)),
            max_num_batched_tokens=int(random.integers(16, 128)),
            num_gpu_blocks=int(random.integers(20, 60)),
            iteration_time=AffineTime(base=0.015625, per_prefill_token=0.0009765625),
        )
        self.router = ("round_robin", "least_requests")[int(random.integers(2))]

    def run(self) -> FleetResult:
        """Simulate it."""
        return simulate_fleet(
            self.requests,
            self.config,
            replicas=self.replicas,
            router=self.router,  # type: ignore[arg-type]
            admission=self.admission,
            faults=self.faults,
        )


def _statuses(result: FleetResult) -> dict[str, int]:
    return {one.name: int((result.status == one).sum()) for one in RequestStatus}


@pytest.mark.parametrize("seed", range(_CASES))
def test_what_holds_of_every_fleet(seed: int) -> None:
    case = Case(seed)
    result, requests, admission = case.run(), case.requests, case.admission
    count = len(requests)
    counts = _statuses(result)
    assert sum(counts.values()) == count
    assert result.finished == counts["FINISHED"]
    rejected = sum(number for name, number in counts.items() if name.startswith("REJECTED"))
    assert result.rejected == rejected
    assert result.aborted == counts["LOST"] + counts["TIMED_OUT"] + counts["ABORTED"]
    assert result.finished + result.rejected + result.aborted + result.unfinished + result.not_sent == count
    taken = result.status != RequestStatus.REJECTED_ADMISSION
    np.testing.assert_array_equal(result.attempts > 0, taken)
    assert result.attempts.max() <= admission.retries + 1
    assert (result.attempts[result.status == RequestStatus.LOST] == admission.retries + 1).all()
    finished = result.status == RequestStatus.FINISHED
    arrival = np.asarray(requests.arrival_time)
    if admission.e2e_timeout is not None:
        late = (result.end_time - arrival)[finished] > admission.e2e_timeout + _ROUNDED
        assert not late.any()
    if admission.ttft_timeout is not None:
        waited = (result.first_token_time - arrival)[finished]
        # One that was lost after its first token begins anew, and may have it later.
        assert not (waited > admission.ttft_timeout + _ROUNDED)[result.attempts[finished] == 1].any()
    out = np.flatnonzero(result.status == RequestStatus.TIMED_OUT)
    limits = [one for one in (admission.ttft_timeout, admission.e2e_timeout) if one is not None]
    for index in out:
        # One that runs leaves at the end of its iteration; the longest, of a slow replica, takes less than 0.3 s.
        late = [float(result.end_time[index] - arrival[index]) - one for one in limits]
        assert any(-_ROUNDED <= one < 0.3 for one in late)
    order = np.lexsort((np.arange(count), arrival))
    if admission.max_in_flight is not None:
        for place, index in enumerate(order):
            before = [one for one in order[:place] if taken[one] and not result.end_time[one] <= arrival[index]]
            assert len(before) <= admission.max_in_flight
            assert len(before) < admission.max_in_flight or not taken[index]


@pytest.mark.parametrize("seed", range(_CASES))
def test_nothing_runs_where_no_replica_is(seed: int) -> None:
    case = Case(seed)
    result = case.run()
    end = max(result.duration, result.total_time)
    # Requests may still come, and be rejected, when the last of those that ran has ended; after that, nothing is lost.
    last = max(end, float(np.nanmax(result.end_time)))
    for replica in range(case.replicas):
        spans = _down(case.faults, replica)
        begin, there = 0.0, 0.0
        for since, until in spans:
            if since <= last:
                there += since - begin
                begin = until
        assert result.replicas.up_time[replica] == pytest.approx(there + max(end - begin, 0.0), abs=1e-8)
        own = (result.replica == replica) & (result.status == RequestStatus.FINISHED)
        for name in ("start_time", "first_token_time", "end_time"):
            for time in getattr(result, name)[own]:
                # At the end of an iteration that ends as the replica is lost, its tokens are there.
                assert not any(since < time < until for since, until in spans), name
        for since, _ in spans:
            # What began before, and was not over, is not there after it.
            assert not ((result.start_time[own] < since) & (result.end_time[own] > since)).any()


@pytest.mark.parametrize("seed", range(0, _CASES, 6))
def test_the_same_input_gives_the_same_bytes(seed: int) -> None:
    one, other = Case(seed).run(), Case(seed).run()
    for name in ("status", "start_time", "first_token_time", "end_time", "replica", "attempts", "routed_time"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert one.replicas.up_time.tobytes() == other.replicas.up_time.tobytes()


@pytest.mark.parametrize("cost", ["request", "prompt_tokens"])
@pytest.mark.parametrize("seed", range(20))
def test_a_token_bucket_is_the_exact_one(seed: int, cost: Any) -> None:
    random = np.random.default_rng(seed)
    requests = _requests(random)
    # Binary fractions: the sums are exact.
    capacity, rate = float(random.integers(1, 200)), float(random.integers(1, 64))
    result = simulate_fleet(
        requests,
        EngineConfig(iteration_time=0.01),
        replicas=2,
        admission=Admission(bucket_capacity=capacity, bucket_rate=rate, bucket_cost=cost),
    )
    assert requests.prompt_length is not None
    level, clock = capacity, 0.0
    arrival = np.asarray(requests.arrival_time)
    for index in np.lexsort((np.arange(len(requests)), arrival)):
        level = min(capacity, level + (arrival[index] - clock) * rate)
        clock = arrival[index]
        needed = 1.0 if cost == "request" else float(requests.prompt_length[index])
        if level >= needed:
            level -= needed
            assert result.status[index] == RequestStatus.FINISHED
        else:
            assert result.status[index] == RequestStatus.REJECTED_ADMISSION


@pytest.mark.parametrize("seed", range(40))
def test_admission_with_one_replica_is_that_of_a_slow_queue(seed: int) -> None:
    """One slot, and iterations that all take as long: requests are served one after the other."""
    random = np.random.default_rng(seed)
    requests = _requests(random)
    tick = 1 / 64
    in_flight = int(random.integers(1, 8)) if seed % 2 else None
    tokens = int(random.integers(30, 300)) if seed % 3 else None
    result = simulate_fleet(
        requests,
        EngineConfig(max_num_seqs=1, max_num_batched_tokens=2048, iteration_time=tick),
        replicas=1,
        admission=Admission(max_in_flight=in_flight, max_queued_tokens=tokens, e2e_timeout=1000.0),
    )
    assert requests.prompt_length is not None
    arrival = np.asarray(requests.arrival_time)
    served: list[tuple[float, float, int]] = []
    free = 0.0
    for index in np.lexsort((np.arange(len(requests)), arrival)):
        now, prompt = float(arrival[index]), int(requests.prompt_length[index])
        # What ends now has ended; what has its first token now has it.
        held = sum(end > now for _, end, _ in served)
        queued = sum(own for first, _, own in served if first > now)
        if (in_flight is not None and held >= in_flight) or (tokens is not None and queued >= tokens):
            assert result.status[index] == RequestStatus.REJECTED_ADMISSION
            assert result.end_time[index] == now
            continue
        start = max(now, free)
        free = start + int(requests.output_length[index]) * tick
        served.append((start + tick, free, prompt))
        assert result.status[index] == RequestStatus.FINISHED
        assert (result.start_time[index], result.end_time[index]) == (start, free)


def test_a_lost_request_begins_anew_by_hand() -> None:
    """At 0.25 s replica 0 is lost with request 0, which is sent again after 0.125 s: to replica 1."""
    requests = RequestColumns([8, 2], [4, 4], [0.0, 0.0])
    result = simulate_fleet(
        requests,
        EngineConfig(iteration_time=0.0625, max_num_seqs=4),
        replicas=2,
        admission=Admission(retries=1, retry_base=0.125, retry_jitter=0.0),
        faults=Faults(given=[(0.25, 0)]),
    )
    assert result.replica.tolist() == [1, 1]
    assert result.attempts.tolist() == [2, 1]
    assert result.start_time.tolist() == [0.375, 0.0]
    assert result.first_token_time.tolist() == [0.4375, 0.0625]
    assert result.end_time.tolist() == [0.875, 0.125]
    assert result.replicas.up_time.tolist() == [0.25, 0.875]


def test_without_retries_it_is_lost_where_it_was() -> None:
    requests = RequestColumns([8, 2, 2], [4, 4, 4], [0.0, 0.0, 0.5])
    result = simulate_fleet(
        requests,
        EngineConfig(iteration_time=0.0625),
        replicas=2,
        faults=Faults(given=[(0.25, 0)], notice_delay=1.0),
    )
    # The third goes where the router believes a replica to be.
    assert result.status.tolist() == [RequestStatus.LOST, RequestStatus.FINISHED, RequestStatus.LOST]
    assert result.end_time.tolist() == [0.25, 0.125, 0.5]


def test_replicas_that_are_started_are_paid_from_then_on() -> None:
    """The autoscaler wants all at its first decision; each is there from then on."""
    requests = RequestColumns([64] * 40, [4] * 40, [0.0] * 40)
    result = simulate_fleet(
        requests,
        EngineConfig(iteration_time=0.5, max_num_seqs=4),
        replicas=3,
        scaling=Scaling("hpa", target=1.0, initial_replicas=1, startup_time=2.0),
    )
    assert len(result.scaling_time) == len(result.scaling_replicas) > 0
    assert result.scaling_replicas.max() <= 3
    end = max(result.duration, result.total_time)
    assert result.replicas.up_time[0] == end
    grown = result.scaling_time[result.scaling_replicas == 3][0]
    assert (result.replicas.up_time[1:] <= end - grown + 1e-9).all()
    later = result.replica > 0
    assert (result.start_time[later] >= grown + 2.0).all()


def test_one_that_is_late_is_not_sent_again() -> None:
    """It is late at 0.1 s, in an iteration that ends at 0.25 s, and its replica is lost at 0.125 s."""
    result = simulate_fleet(
        RequestColumns([4]),
        EngineConfig(iteration_time=0.25),
        replicas=2,
        admission=Admission(e2e_timeout=0.1, retries=3),
        faults=Faults(given=[(0.125, 0)]),
    )
    assert result.status.tolist() == [RequestStatus.TIMED_OUT]
    assert (result.end_time.tolist(), result.attempts.tolist()) == ([0.125], [1])


def test_batches_that_wait_for_more_start_on_every_replica_once_no_more_comes() -> None:
    # 0 and 2 go to replica 0, and 1 to replica 1; a batch of 4 is full on neither. The last comes at 2 s: both start
    # then, and take a second.
    config = EngineConfig(policy="static", max_num_seqs=4, iteration_time=1.0)
    requests = RequestColumns([1, 1, 1], arrival_time=[0.0, 1.0, 2.0])
    told = simulate_fleet(requests, config, replicas=2, router="least_requests", admission=Admission(max_in_flight=9))
    assert told.end_time.tolist() == [3.0, 3.0, 3.0]


def test_requests_that_a_replica_lost_were_routed_to_it() -> None:
    config = EngineConfig(max_num_seqs=1, iteration_time=1.0)
    told = simulate_fleet(RequestColumns([4, 4]), config, replicas=2, faults=Faults(given=[(1.5, 0)]))
    assert told.replicas.requests.tolist() == [1, 1]
    assert told.replicas.finished.tolist() == [0, 1]


def test_a_request_that_is_lost_was_routed() -> None:
    # Round robin: requests 0 and 2 go to replica 0, which is lost at 1 s; the router learns of it at 3 s only, and
    # sends request 2, of 1.5 s, there, where nothing is any more.
    result = simulate_fleet(
        RequestColumns([2, 2, 2], arrival_time=[0.0, 0.25, 1.5]),
        EngineConfig(iteration_time=1.0),
        replicas=2,
        faults=Faults(given=[Fault(1.0, 0)], notice_delay=2.0),
    )
    assert result.status.tolist() == [RequestStatus.LOST, RequestStatus.FINISHED, RequestStatus.LOST]
    assert result.replica.tolist() == [0, 1, 0]
    assert result.routed_time.tolist() == [0.0, 0.25, 1.5]
    assert result.attempts.tolist() == [1, 1, 1]
    assert result.replicas.requests.tolist() == [2, 1]


def test_a_retry_goes_elsewhere_if_it_is_to() -> None:
    # Of equals the first gets the request. That is down from 0.5 s on, and the router does not know it; 1 s later it is
    # sent again: to the same one, where it is lost for good, or to the other.
    def told(*, elsewhere: bool) -> FleetResult:
        admission = Admission(retries=1, retry_base=1.0, retry_jitter=0.0, retries_elsewhere=elsewhere)
        return simulate_fleet(
            RequestColumns([4], arrival_time=[0.0]),
            EngineConfig(iteration_time=0.25),
            replicas=2,
            router="least_requests",
            admission=admission,
            faults=Faults(given=[Fault(0.5, 0)], notice_delay=100.0),
        )

    same, other = told(elsewhere=False), told(elsewhere=True)
    assert (same.status[0], same.replica[0], same.end_time[0]) == (RequestStatus.LOST, 0, 1.5)
    assert (other.status[0], other.replica[0], other.end_time[0]) == (RequestStatus.FINISHED, 1, 2.5)
    assert same.attempts.tolist() == other.attempts.tolist() == [2]


def test_a_circuit_breaker_opens_and_closes() -> None:
    """Least requests, of equals the first: all of these short requests go to replica 0 as long as they may.

    That is down from 0.5 to 3.25 s, and the router does not know it. The requests of 1 and 1.25 s are lost there, which
    are two within a second: the breaker is open until 2.25 s. Those of 1.5 and 2 s go to replica 1. At 2.5 s it is half
    open, and loses one more: open until 3.5 s. Those of 4 and 4.25 s finish there, which closes it. From 5 s on it is
    down again; of what was lost before it was closed nothing counts: the request of 5.25 s alone does not open it, that
    of 6.75 s is too late for that, but the two of 6.75 and 7 s do.
    """
    arrivals = [0.0, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 4.25, 5.25, 6.75, 7.0, 7.25]
    result = simulate_fleet(
        RequestColumns([1] * len(arrivals), arrival_time=arrivals),
        EngineConfig(iteration_time=0.125),
        replicas=2,
        router="least_requests",
        admission=Admission(breaker_failures=2, breaker_window=1.0, breaker_open_time=1.0, breaker_successes=2),
        faults=Faults(given=[Fault(0.5, 0), Fault(3.25, 0, "up"), Fault(5.0, 0)], notice_delay=100.0),
    )
    assert result.replica.tolist() == [0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1]
    lost = [RequestStatus.LOST if index in (1, 2, 5, 9, 10, 11) else RequestStatus.FINISHED for index in range(13)]
    assert result.status.tolist() == lost


def test_an_open_breaker_counts_what_is_lost_only_once_it_is_half_open() -> None:
    # One failure opens it for 10 s; with one replica all that comes meanwhile is lost at once, at none.
    result = simulate_fleet(
        RequestColumns([8, 1, 1], arrival_time=[0.0, 2.0, 10.75]),
        EngineConfig(iteration_time=0.25),
        replicas=1,
        admission=Admission(breaker_failures=1, breaker_open_time=10.0),
        faults=Faults(given=[Fault(0.5, 0), Fault(1.0, 0, "up")]),
    )
    assert result.status.tolist() == [RequestStatus.LOST, RequestStatus.LOST, RequestStatus.FINISHED]
    assert result.replica.tolist() == [0, -1, 0]
    assert result.end_time.tolist() == [0.5, 2.0, 11.0]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("breaker_failures", 0, "breaker_failures is 0: must be between 1 and 1000"),
        ("breaker_failures", 1001, "breaker_failures is 1001: must be between 1 and 1000"),
        ("breaker_window", 0.0, "breaker_window is 0.0: must be greater than 0"),
        ("breaker_open_time", -1.0, r"breaker_open_time is -1.0: must be greater than 0"),
        ("breaker_successes", 0, "breaker_successes is 0: must be between 1 and"),
    ],
)
def test_what_a_breaker_cannot_be(field: str, value: float, sentence: str) -> None:
    given: dict[str, Any] = {"breaker_failures": 2, field: value}
    with pytest.raises(ValueError, match=sentence):
        simulate_fleet(RequestColumns([1]), admission=Admission(**given))


def test_an_autoscaler_of_ones_own_decides() -> None:
    """One replica at first, two slots each, iterations of 0.5 s; a new one is ready after 0.25 s.

    At 1 s: two requests run, two wait, and 4 arrivals of 10 and 30 prompt tokens in a second; two replicas are wanted:
    one is started. At 2 s there are two that are ready; the first requests have just ended, and the iteration in which
    the others run begins only then.
    """
    seen: list[tuple[Any, ...]] = []

    def decide(view: ScalingView) -> int:
        columns = view.waiting, view.running, view.queued_prefill_tokens
        seen.append(
            (view.time, view.starting, *(column.tolist() for column in columns), view.mean_prompt_length, view.demand)
        )
        return 2

    result = simulate_fleet(
        RequestColumns([4, 4, 4, 4], prompt_length=[10, 10, 30, 30], arrival_time=[0.0, 0.0, 0.5, 0.5]),
        EngineConfig(iteration_time=0.5, max_num_seqs=2),
        replicas=3,
        router="least_requests",
        scaling=Scaling(decide, interval=1.0, startup_time=0.25, min_replicas=1),
    )
    assert seen[0] == (1.0, 0, [2], [2], [60], 20.0, 4.0)
    assert seen[1][:4] == (2.0, 0, [2, 0], [0, 0])
    assert result.scaling_time.tolist()[:2] == [1.0, 2.0]
    assert set(result.scaling_replicas.tolist()) == {2}
    # All went to the first, as there was no other when they came.
    assert result.replica.tolist() == [0, 0, 0, 0]
    assert result.replicas.up_time.tolist() == [4.0, 3.0, 0.0]


def test_what_an_autoscaler_of_ones_own_may_not_do() -> None:
    def run(answer: Any, **settings: Any) -> None:
        simulate_fleet(
            RequestColumns([4]),
            EngineConfig(iteration_time=1.0),
            replicas=2,
            scaling=Scaling(lambda _: answer, interval=0.5, **settings),
        )

    with pytest.raises(ValueError, match=r"scaling_callback's answer is 3: must be in 1\.\.2"):
        run(3)
    with pytest.raises(ValueError, match=r"scaling_callback's answer is 0: must be in 1\.\.2"):
        run(0)
    with pytest.raises(TypeError, match="autoscaler's answer"):
        run("two")
    with pytest.raises(TypeError, match="target is given: a function has only interval, max_replicas, min_replicas"):
        run(1, target=3.0)


def test_what_an_autoscaler_of_ones_own_raises_comes_out() -> None:
    def decide(_: ScalingView) -> int:
        raise RuntimeError("no more GPUs")

    with pytest.raises(RuntimeError, match="no more GPUs"):
        simulate_fleet(RequestColumns([40]), EngineConfig(iteration_time=1.0), scaling=Scaling(decide, interval=2.0))
