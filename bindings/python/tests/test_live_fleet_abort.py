"""Clients of a live fleet are gone: their requests leave, wherever they are, with all that they hold."""

import random
from collections import Counter
from typing import Any

import pytest

from batching import Disaggregation, EngineConfig, Event, LiveFleet, RequestColumns, RequestStatus
from live_fleet_driver import rows_of
from random_fleets import random_disaggregation, random_engine, random_operations, random_requests, random_routing

_RUNS = 25
"""Fleets of each test."""
_ONE_SLOT = EngineConfig(max_num_seqs=1, iteration_time=0.25)


def _ends(fleet: LiveFleet) -> list[Any]:
    return [
        (event.time, event.request, event.event.name, event.tokens, event.outcome.status.name)
        for event in fleet.poll()
        if event.outcome
    ]


def test_one_that_runs_leaves_at_the_end_of_the_iteration() -> None:
    # It has a token at 0.25, and loses that of the iteration that ends at 0.5; the one that waits starts then.
    fleet = LiveFleet(_ONE_SLOT, replicas=1)
    fleet.submit_columns(RequestColumns([8, 1]))
    fleet.advance(0.3)
    fleet.abort(0)
    fleet.advance()
    assert _ends(fleet) == [(0.5, 0, "ABORTED", 1, "ABORTED"), (0.75, 1, "FINISHED", 1, "FINISHED")]


def test_one_that_waits_leaves_at_once() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=1)
    fleet.submit_columns(RequestColumns([2, 1, 1]))
    fleet.advance(0.3)
    fleet.abort(1)
    assert _ends(fleet) == [(0.3, 1, "ABORTED", 0, "ABORTED")]
    assert (fleet.state.aborted, fleet.state.in_flight) == (1, 2)
    fleet.advance()
    assert _ends(fleet) == [(0.5, 0, "FINISHED", 2, "FINISHED"), (0.75, 2, "FINISHED", 1, "FINISHED")]


def test_one_that_has_not_arrived_leaves_at_once() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2)
    fleet.submit_columns(RequestColumns([1] * 5, arrival_time=[5.0, 4.0, 3.0, 2.0, 1.0]))
    fleet.advance(0.5)
    fleet.abort(3)
    assert _ends(fleet) == [(0.5, 3, "ABORTED", 0, "ABORTED")]
    fleet.advance()
    # Those that are left come in their order.
    assert [end[:2] for end in _ends(fleet)] == [(1.25, 4), (3.25, 2), (4.25, 1), (5.25, 0)]


def test_one_in_the_queue_of_the_router_leaves_at_once() -> None:
    # While 20 prompt tokens are to be computed, which are more than half of 30, the router holds back what comes.
    fleet = LiveFleet(_ONE_SLOT, replicas=1, router="dynamo_kv", queue_threshold=0.5, max_num_batched_tokens=30)
    fleet.submit_columns(RequestColumns([2, 1, 1], prompt_length=[20, 2, 2], arrival_time=[0.0, 0.1, 0.2]))
    fleet.advance(0.22)
    assert fleet.state.queued == 2
    fleet.abort(1)
    assert fleet.state.queued == 1
    assert _ends(fleet) == [(0.22, 1, "ABORTED", 0, "ABORTED")]
    fleet.advance()
    assert _ends(fleet) == [(0.5, 0, "FINISHED", 2, "FINISHED"), (0.75, 2, "FINISHED", 1, "FINISHED")]


def test_one_whose_kv_is_on_its_way_leaves_once_it_is_there() -> None:
    # The prompt is done at 0.25; 10 tokens of 100 bytes over 1,000 bytes a second are there at 1.25.
    split = Disaggregation(kv_bytes_per_token=100.0, link_bandwidth=1000.0)
    fleet = LiveFleet([(_ONE_SLOT, 1, "prefill"), (_ONE_SLOT, 1, "decode")], disaggregation=split)
    fleet.submit_columns(RequestColumns([4], prompt_length=[10]))
    fleet.advance(0.5)
    fleet.abort(0)
    assert _ends(fleet) == []
    fleet.advance()
    assert _ends(fleet) == [(1.25, 0, "ABORTED", 0, "ABORTED")]
    assert fleet.replicas.kv_use.tolist() == [0.0, 0.0]


def test_one_that_is_not_there_is_told() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=1)
    fleet.submit_columns(RequestColumns([1]))
    fleet.advance()
    with pytest.raises(ValueError, match="request is 0: must be the id of a request in flight"):
        fleet.abort(0)


@pytest.mark.parametrize("first", range(0, 8 * _RUNS, _RUNS))
@pytest.mark.parametrize("apart", [True, False])
def test_nothing_is_left_of_those_that_leave(first: int, *, apart: bool) -> None:
    gone = Counter[str]()
    for seed in range(first, first + _RUNS):
        draw = random.Random(seed)  # noqa: S311  reproducible, not secret
        gone.update(_with_aborts(draw, apart=apart))
    assert gone["ABORTED"] > _RUNS / 2, gone
    assert gone["FINISHED"] > _RUNS, gone


def _with_aborts(draw: random.Random, *, apart: bool) -> Counter[str]:
    """What became of the requests of a random fleet of which some leave."""
    size = draw.choice([1, 4, 16])
    requests = random_requests(draw, size)
    assert requests.arrival_time is not None
    requests = requests.replace(session=None, arrival_time=requests.arrival_time.round(9))
    settings = random_routing(draw)
    settings.pop("client", None)
    counts = [draw.randint(1, 3), draw.randint(1, 3)]
    pools: list[Any] = [(random_engine(draw, size), count) for count in counts]
    if apart:
        pools = [(*pools[0], "prefill"), (*pools[1], "decode")]
        settings["disaggregation"] = random_disaggregation(draw)
    if not apart or draw.random() < 0.5:
        settings |= random_operations(draw, sum(counts), apart=apart)
    fleet = LiveFleet(pools, **settings)
    fleet.submit_columns(rows_of(requests, list(range(len(requests)))))
    left = set(range(len(requests)))
    told: Counter[str] = Counter()

    def look() -> None:
        for event in fleet.poll():
            if event.outcome is not None:
                left.remove(event.request)
                told[event.outcome.status.name] += 1
                assert event.event is not Event.FINISHED or event.outcome.status is RequestStatus.FINISHED

    for cut in sorted(round(draw.uniform(0, 1.2), 9) for _ in range(draw.randint(1, 6))):
        fleet.advance(cut)
        look()
        for request in draw.sample(sorted(left), min(len(left), draw.randint(0, 4))):
            # That another has left may have ended it.
            if request in left:
                fleet.abort(request)
                look()
    fleet.advance()
    look()
    state = fleet.state
    assert state.in_flight == len(left)
    if not left:
        held = fleet.replicas
        for name in ("waiting", "running", "kv_use", "routed", "queued_tokens"):
            assert not getattr(held, name).any(), name
    return told
