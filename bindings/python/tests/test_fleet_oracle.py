"""The comparison of fleets with slow ones, `make test-fleets`, finds a broken rule and a changed number."""

import copy
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import oracle.fleet
from oracle.cases import SeededSource
from oracle.engine import SlowOptions, SlowWorkload
from oracle.fleet import SlowFleetResult
from oracle.fleet_cases import FleetCase, RouterCase, a_fleet
from oracle.fleet_comparison import assert_same_fleet, library_pools, shrunk
from oracle.fleet_restated import VLLMDP, use
from oracle.fleet_routers import LeastRequests
from oracle.fleet_slices import OF_A_REQUEST, assert_same_slices
from oracle.records import FINISHED

_REPOSITORY = Path(__file__).resolve().parents[3]
# Beside the recordings.
SPECIFICATIONS = (
    Path(os.environ.get("BATCHING_RECORDINGS", _REPOSITORY / "../shared/recordings")).parent / "specs" / "routing"
)
REQUESTS = SlowWorkload(output_length=[3, 1, 2, 2, 1], prompt_length=[4] * 5, arrival_time=[0.0, 0.0, 0.01, 0.01, 0.03])


def a_case(**router: Any) -> FleetCase:
    """0 goes to replica 0 until 0.03, 1 to replica 1 until 0.01; 2 finds that empty; 3 has equals, and 4 two."""
    settings = {"ties": "first", "weights": None, "seed": 0, **router}
    return FleetCase(REQUESTS, [(SlowOptions(), 2)], RouterCase("least_requests", settings, settings))


def test_a_fleet_by_hand() -> None:
    told = assert_same_fleet(a_case())
    assert told.replica == [0, 1, 1, 0, 0]
    assert told.end_time == [0.03, 0.01, 0.03, 0.03, 0.04]
    assert told.completion_order == [1, 0, 3, 2, 4]
    assert told.status == [FINISHED] * 5


@pytest.mark.parametrize("name", OF_A_REQUEST)
def test_a_changed_number_is_found_in_slices(name: str) -> None:
    case = a_case()
    told = assert_same_fleet(case)
    getattr(told, name)[3] += 1
    with pytest.raises(AssertionError, match=rf"slices: {name}\[3\]"):
        assert_same_slices(case, told, library_pools(case))


def test_ties_the_other_way_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def last(router: LeastRequests) -> int:
        load = router.requests()
        return max(number for number in range(router.replicas) if load[number] == min(load))

    monkeypatch.setattr(LeastRequests, "choose", last)
    with pytest.raises(AssertionError, match="replica"):
        assert_same_fleet(a_case())


def test_arrivals_before_ends_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle.fleet, "ARRIVAL", -1)
    with pytest.raises(AssertionError, match="replica"):
        assert_same_fleet(a_case())


def test_metrics_before_ends_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Request 1 is at the end at 0.01, as metrics are told: then or not, replica 1 is as busy as replica 0."""
    if not use(SPECIFICATIONS):
        pytest.skip(f"{SPECIFICATIONS} is not there")
    settings = {"vllm_dp_rule": "until_0_26"}, {"rule": "until_0_26", "clients": 1, "client": 0}
    case = FleetCase(REQUESTS, [(SlowOptions(), 2)], RouterCase("vllm_dp", *settings), metrics_interval=0.01)
    assert isinstance(case.router.made(2), VLLMDP)
    assert_same_fleet(case)
    monkeypatch.setattr(oracle.fleet, "METRICS", -1)
    with pytest.raises(AssertionError, match="replica"):
        assert_same_fleet(case)


@pytest.mark.parametrize("name", [item.name for item in fields(SlowFleetResult)])
def test_a_changed_number_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = copy.deepcopy(oracle.fleet.slow_fleet(REQUESTS, oracle.fleet.SlowFleet([SlowOptions()] * 2), made()))
    value = getattr(told, name)
    if name == "replicas":
        value[1].peak_waiting += 1
    elif isinstance(value, list):
        value[-1] += 1
    else:
        setattr(told, name, value + 1)
    monkeypatch.setattr("oracle.fleet_comparison.slow_fleet", lambda *_: told)
    with pytest.raises(AssertionError):
        assert_same_fleet(a_case())


def made() -> LeastRequests:
    return LeastRequests(2, "first", None, 0)


def test_what_differs_is_made_small() -> None:
    case = next(
        case
        for case in (a_fleet(SeededSource(seed), ["least_requests"]) for seed in range(100))
        if len(case.workload.output_length) >= 9 and case.client is not None and len(case.replicas) > 2
    )

    def differs(smaller: FleetCase) -> bool:
        return len(smaller.workload.output_length) >= 2 and len(smaller.replicas) >= 2

    small = shrunk(case, differs)
    assert len(small.workload.output_length) == 2
    assert len(small.replicas) == 2
    assert small.client is None
    assert small.workload.session is None
