"""Requests that wait until a fleet takes them, and clients that leave: cases that are followed by hand."""

from typing import Any

import numpy as np
import pytest

from batching import (
    Admission,
    BatchingValueError,
    Client,
    Disaggregation,
    EngineConfig,
    Fault,
    Faults,
    FleetResult,
    LiveFleet,
    RequestColumns,
    RequestStatus,
    simulate_fleet,
)

# Each token takes a quarter of a second.
CONFIG = EngineConfig(iteration_time=0.25)


def run(requests: RequestColumns, **settings: Any) -> FleetResult:
    settings = {"replicas": 1, **settings}
    return simulate_fleet(requests, CONFIG, **settings)


def statuses(result: FleetResult) -> list[str]:
    return [RequestStatus(status).name for status in result.status]


def test_what_is_too_much_waits_in_order_of_arrival() -> None:
    # One at a time, of half a second each: the second waits from 0.125 to 0.5, the third from 0.25 to 1.
    result = run(
        RequestColumns([2, 2, 2], arrival_time=[0.0, 0.125, 0.25]),
        admission=Admission(max_in_flight=1, max_queued_requests=2),
        attribution=True,
    )
    assert statuses(result) == ["FINISHED"] * 3
    assert result.routed_time.tolist() == [0.0, 0.5, 1.0]
    assert result.end_time.tolist() == [0.5, 1.0, 1.5]
    assert result.waiting_for_router.tolist() == [0.0, 0.375, 0.75]
    assert result.attempts.tolist() == [1, 1, 1]


def test_a_full_queue_rejects_at_once() -> None:
    result = run(
        RequestColumns([2, 2, 2], arrival_time=[0.0, 0.125, 0.25]),
        admission=Admission(max_in_flight=1, max_queued_requests=1),
    )
    assert statuses(result) == ["FINISHED", "FINISHED", "REJECTED_ADMISSION"]
    assert result.end_time.tolist() == [0.5, 1.0, 0.25]


def test_one_that_waits_for_too_long_leaves() -> None:
    # The third would be taken at 1, and leaves half a second after it came.
    result = run(
        RequestColumns([2, 2, 2], arrival_time=[0.0, 0.125, 0.25]),
        admission=Admission(max_in_flight=1, max_queued_requests=2, queue_timeout=0.5),
    )
    assert statuses(result) == ["FINISHED", "FINISHED", "TIMED_OUT"]
    assert result.end_time.tolist() == [0.5, 1.0, 0.75]
    assert result.attempts.tolist() == [1, 1, 0]
    assert result.aborted == 1
    # The other timeouts count from the arrival, too.
    result = run(
        RequestColumns([2, 2], arrival_time=[0.0, 0.125]),
        admission=Admission(max_in_flight=1, max_queued_requests=2, ttft_timeout=0.3),
    )
    assert statuses(result) == ["FINISHED", "TIMED_OUT"]
    assert result.end_time.tolist() == [0.5, 0.425]


def test_priority_goes_first_where_admission_has_priorities() -> None:
    requests = RequestColumns([2, 2, 2], arrival_time=[0.0, 0.125, 0.25], priority=[0, 2, 1])
    for shed, ends in ((None, [0.5, 1.0, 1.5]), (5, [0.5, 1.5, 1.0])):
        result = run(requests, admission=Admission(max_in_flight=1, max_queued_requests=2, shed_priority=shed))
        assert result.end_time.tolist() == ends


def test_the_bucket_lets_them_in_as_it_fills() -> None:
    # It holds one, and gets two a second.
    result = run(
        RequestColumns([1] * 4),
        replicas=4,
        admission=Admission(bucket_capacity=1.0, bucket_rate=2.0, max_queued_requests=8),
    )
    assert result.routed_time.tolist() == [0.0, 0.5, 1.0, 1.5]
    # By prompt tokens: 4 at first, and 2 a second; what costs more than it holds is rejected.
    result = run(
        RequestColumns([1] * 3, prompt_length=[4, 3, 5]),
        replicas=3,
        admission=Admission(bucket_capacity=4.0, bucket_rate=2.0, bucket_cost="prompt_tokens", max_queued_requests=8),
    )
    assert statuses(result) == ["FINISHED", "FINISHED", "REJECTED_ADMISSION"]
    assert result.routed_time.tolist()[:2] == [0.0, 1.5]


def test_a_bucket_that_never_fills() -> None:
    result = run(
        RequestColumns([1, 1]),
        admission=Admission(bucket_capacity=1.0, bucket_rate=1e-300, max_queued_requests=8),
    )
    assert statuses(result) == ["FINISHED", "UNFINISHED"]
    assert result.unfinished == 1


def test_queued_tokens_make_room_at_first_tokens() -> None:
    result = run(
        RequestColumns([4, 4], prompt_length=[8, 8]),
        admission=Admission(max_queued_tokens=8, max_queued_requests=1),
    )
    assert result.routed_time.tolist() == [0.0, 0.25]


def test_clients_wait_for_what_waits() -> None:
    result = run(
        RequestColumns([2, 2, 2]),
        admission=Admission(max_in_flight=1, max_queued_requests=1),
        client=Client(max_concurrency=2),
    )
    assert result.sent_time.tolist() == [0.0, 0.0, 0.5]
    assert result.end_time.tolist() == [0.5, 1.0, 1.5]


def test_a_live_one_tells_what_waits() -> None:
    fleet = LiveFleet(CONFIG, replicas=1, admission=Admission(max_in_flight=1, max_queued_requests=4))
    for request in range(4):
        fleet.submit(request, prompt_length=1, output_length=2)
    fleet.advance(0.125)
    assert (fleet.state.queued, fleet.state.in_flight) == (3, 4)
    fleet.abort(1)
    assert (fleet.state.queued, fleet.state.in_flight) == (2, 3)
    copy = fleet.fork()
    for one in (fleet, copy):
        one.advance()
        ends = {event.request: event.outcome for event in one.poll() if event.outcome is not None}
        assert {request: end.end_time for request, end in ends.items() if request != 1} == {0: 0.5, 2: 1.0, 3: 1.5}
    assert not fleet.replicas.routed.any()


@pytest.mark.parametrize("name", ["max_queued_requests", "queue_timeout"])
@pytest.mark.parametrize("value", [0, -1, 2**60, float("nan")])
def test_hostile_values(name: str, value: Any) -> None:
    if name == "queue_timeout" and value == 2**60:
        value = float("inf")
    with pytest.raises((BatchingValueError, TypeError), match=name):
        run(RequestColumns([1]), admission=Admission(**{name: value}))


# Clients leave


def test_clients_leave_wherever_their_requests_are() -> None:
    # The first runs, and leaves at the end of its iteration; the second is taken then, and stays; the third leaves as
    # it waits, and the fourth on arrival.
    requests = RequestColumns(
        [4, 2, 2, 2],
        arrival_time=[0.0, 0.125, 0.125, 2.0],
        abort_time=[0.375, np.nan, 0.25, 2.0],
    )
    result = run(requests, admission=Admission(max_in_flight=1, max_queued_requests=2))
    assert statuses(result) == ["ABORTED", "FINISHED", "ABORTED", "ABORTED"]
    assert result.end_time.tolist() == [0.5, 1.0, 0.25, 2.0]
    assert result.aborted == 3
    assert result.attempts.tolist() == [1, 1, 0, 1]


def test_one_that_waits_at_its_replica_leaves_at_once() -> None:
    narrow = EngineConfig(iteration_time=0.25, max_num_seqs=1)
    requests = RequestColumns([4, 2, 2], abort_time=[np.nan, 0.375, np.nan])
    result = simulate_fleet(requests, narrow, replicas=1)
    assert statuses(result) == ["FINISHED", "ABORTED", "FINISHED"]
    assert result.end_time.tolist() == [1.0, 0.375, 1.5]


def test_one_that_is_to_be_sent_again_leaves() -> None:
    result = run(
        RequestColumns([4], abort_time=[0.75]),
        replicas=2,
        admission=Admission(retries=1, retry_base=0.5, retry_jitter=0.0),
        faults=Faults(given=[(0.5, 0)]),
    )
    assert statuses(result) == ["ABORTED"]
    assert result.end_time.tolist() == [0.75]


def test_one_on_its_way_between_two_replicas_leaves_once_it_is_there() -> None:
    pools: list[Any] = [(CONFIG, 1, "prefill"), (CONFIG, 1, "decode")]
    split = Disaggregation(preset="vllm_nixl", link_latency=0.5)
    for abort, end in ((0.125, 0.25), (0.5, 0.75), (0.875, 1.0)):
        result = simulate_fleet(RequestColumns([2], abort_time=[abort]), pools, disaggregation=split)
        assert statuses(result) == ["ABORTED"]
        assert result.end_time.tolist() == [end]
        assert result.aborted == 1


def test_that_no_client_leaves_changes_nothing() -> None:
    draw = np.random.default_rng(1)
    requests = RequestColumns(draw.integers(1, 9, 50), draw.integers(1, 40, 50), np.sort(draw.random(50)).round(2))
    never = requests.replace(abort_time=[np.nan] * 50)
    for router in ("round_robin", "least_requests", "dynamo_kv"):
        plain, other = (simulate_fleet(one, CONFIG, replicas=3, router=router) for one in (requests, never))
        for name in ("replica", "start_time", "first_token_time", "end_time", "status"):
            np.testing.assert_array_equal(getattr(plain, name), getattr(other, name))


def test_a_retry_that_waited_at_the_router_goes_elsewhere() -> None:
    # Request 0 is lost with replica 0 at 0.375, which is back at once. At 0.5 requests 1 and 2 go to replicas 1 and 0:
    # each has more prompt tokens than half a batch, so that request 0 waits at the router from 0.625 to 0.75, when both
    # have their first token. Replica 0 has fewer blocks in use; it is free at 1.5, and replica 1 at 1.0.
    for elsewhere, replica, end in ((False, 0, 2.0), (True, 1, 1.5)):
        result = simulate_fleet(
            RequestColumns([2, 2, 4], prompt_length=[16, 64, 16], arrival_time=[0.0, 0.5, 0.5]),
            EngineConfig(iteration_time=0.25, max_num_seqs=1),
            replicas=2,
            router="dynamo_kv",
            queue_threshold=0.5,
            max_num_batched_tokens=16,
            admission=Admission(retries=1, retry_base=0.25, retry_jitter=0.0, retries_elsewhere=elsewhere),
            faults=Faults(given=[(0.375, 0), Fault(0.375, 0, "up")]),
        )
        assert result.replica.tolist() == [replica, 1, 0]
        assert result.routed_time.tolist() == [0.75, 0.5, 0.5]
        assert result.end_time.tolist() == [end, 1.0, 1.5]
