"""Prefill and decode apart, as a person sees it: load, trace, charts and figures, by hand and of random runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import AffineTime, Disaggregation, EngineConfig, FleetResult, RequestColumns, simulate_fleet
from batching import generate_workload as workload
from batching._output.fleet_figures import FleetTerms, figures_of, fleet_run, fleet_table
from batching._output.hand_overs import HandOvers, hand_overs
from trace_event_format import Trace

SECOND = 10**9


def by_hand() -> FleetResult:
    """One replica of each kind, with one slot each. A prompt token takes a millisecond, a decode 0.25 s, and the KV of
    a prompt token a millisecond on its way. Request 0 prefills until 1.0 s, is sent until 2.0 s, and has its three
    tokens by 2.75 s. Request 1 prefills from 1.0 to 1.5 s, is sent until 2.0 s, waits there until 2.75 s, and has two
    tokens by 3.25 s.
    """
    time = AffineTime(base=0.0, per_prefill_token=1e-3, per_decode_token=0.25)
    config = EngineConfig(max_num_seqs=1, iteration_time=time)
    return simulate_fleet(
        RequestColumns([3, 2], prompt_length=[1000, 500]),
        [(config, 1, "prefill"), (config, 1, "decode")],
        disaggregation=Disaggregation(kv_bytes_per_token=1000, link_bandwidth=1e6),
    )


def test_each_replica_is_loaded_by_its_part_of_a_request() -> None:
    source, target = (by_hand().load(replica=replica) for replica in range(2))
    assert source.mean_running == pytest.approx(1.5 / 3.25)
    assert source.mean_waiting == pytest.approx(1.0 / 3.25)
    assert target.mean_running == pytest.approx(1.25 / 3.25)
    assert target.mean_waiting == pytest.approx(0.75 / 3.25)


def test_the_trace_by_hand(tmp_path: Path) -> None:
    by_hand().perfetto(tmp_path / "trace.json")
    trace = Trace((tmp_path / "trace.json").read_text())
    assert trace.processes == {1: "replica 0 (prefill)", 2: "replica 1 (decode)", 3: "transfers"}
    told = {
        process: [(event["name"], event["ts"] / SECOND, event["dur"] / SECOND) for event in trace.of(process)]
        for process in trace.processes.values()
    }
    assert told["replica 0 (prefill)"] == [
        ("request 0", 0, 1),
        ("prefill", 0, 1),
        ("request 1", 1, 0.5),
        ("prefill", 1, 0.5),
        ("held: request 0", 1, 1),
        ("held: request 1", 1.5, 0.5),
        ("queue: request 1", 0, 1),
    ]
    assert told["replica 1 (decode)"] == [
        ("request 0", 2, 0.75),
        ("decode", 2, 0.75),
        ("request 1", 2.75, 0.5),
        ("decode", 2.75, 0.5),
        ("queue: request 1", 2, 0.75),
    ]
    assert told["transfers"] == [
        ("request 0: 0 to 1", 1, 1),
        ("transfer", 1, 1),
        ("request 1: 0 to 1", 1.5, 0.5),
        ("transfer", 1.5, 0.5),
    ]
    arrows = {
        phase: [(event["id"], event["pid"], event["ts"] / SECOND) for event in trace.events if event["ph"] == phase]
        for phase in "stf"
    }
    assert arrows == {"s": [(0, 1, 0), (1, 1, 1)], "t": [(0, 3, 1), (1, 3, 1.5)], "f": [(0, 2, 2), (1, 2, 2.75)]}
    assert trace.counter("in transfer") == [(SECOND, 1), (1.5 * SECOND, 2), (2 * SECOND, 0)]
    assert trace.counter("KV bytes in transfer") == [(SECOND, 10**6), (1.5 * SECOND, 1.5 * 10**6), (2 * SECOND, 0)]


def test_figures_by_hand() -> None:
    told = figures_of(by_hand(), FleetTerms())
    assert told["mean_transfer"] == pytest.approx(0.75)
    assert told["p99_transfer"] == pytest.approx(0.5 + 0.99 * 0.5)
    together = simulate_fleet(RequestColumns([1]), replicas=2)
    assert "mean_transfer" not in figures_of(together, FleetTerms())
    table = fleet_table([fleet_run(run, FleetTerms()) for run in (by_hand(), together)])
    place = table.headings.index("hand-over ms")
    assert [row[place] for row in table.rows] == ["750", "-"]


@pytest.mark.parametrize(("replica", "role"), [(0, "prefill"), (1, "decode")])
def test_the_role_of_a_replica(replica: int, role: str) -> None:
    assert by_hand().role_of(replica) == role
    assert simulate_fleet(RequestColumns([1]), replicas=2).role_of(replica) == "both"
    with pytest.raises(ValueError, match="replica is 2"):
        by_hand().role_of(2)


RUNS: list[dict[str, Any]] = [
    {"preset": "dynamo"},
    {"preset": "vllm_nixl", "sharing": "source"},
    {"preset": "sglang_pd"},
    {"preset": "llm_d", "decider_tokens": 900},
    {"preset": "vllm_nixl", "lease": 0.01, "sharing": "source"},
    {"preset": "dynamo", "kv_bytes_per_token": 0.0},
]


def split_run(settings: dict[str, Any], **engine: Any) -> FleetResult:
    """A run with little memory, so that requests wait for it."""
    config = EngineConfig(
        iteration_time=AffineTime(base=0.01, per_prefill_token=5e-5), max_num_seqs=8, num_gpu_blocks=900, **engine
    )
    return simulate_fleet(
        workload(150, (100, 2_000), (1, 40), arrival_rate=20.0, seed=5),
        [(config, 2, "prefill"), (config, 2, "decode")],
        router="least_requests",
        disaggregation=Disaggregation(**{"kv_bytes_per_token": 1e5, "link_bandwidth": 4e9, **settings}),
    )


@pytest.mark.parametrize("settings", RUNS)
def test_every_moment_of_a_request_is_somewhere_once(tmp_path: Path, settings: dict[str, Any]) -> None:
    result = split_run(settings)
    hands = hand_overs(result)
    assert len(hands) > 0
    for first, second in zip(
        (hands.held, hands.reserved, hands.activated, hands.held),
        (hands.reserved, hands.activated, hands.decode_start, hands.released),
        strict=True,
    ):
        assert (first <= second).all()
    result.perfetto(tmp_path / "trace.json")
    trace = Trace((tmp_path / "trace.json").read_text())
    spent = np.zeros(len(result), np.int64)
    for process in trace.processes.values():
        for event in trace.of(process):
            whole = event["name"].startswith(("request", "queue"))
            spent[event["args"]["request"]] += event["dur"] if whole else 0
    done = np.flatnonzero(~np.isnan(result.end_time))
    expected = np.rint(1e9 * result.end_time[done]) - np.rint(1e9 * result.sent_time[done])
    np.testing.assert_array_equal(spent[done], expected)


@pytest.mark.parametrize("settings", RUNS)
def test_the_loads_of_replicas_and_transfers_add_up(settings: dict[str, Any]) -> None:
    """What is at a replica or between two is all that has come and not ended."""
    result = split_run(settings)
    hands = hand_overs(result)
    loads = [result.load(replica=replica) for replica in range(4)]
    between = float((hands.activated - hands.held).sum()) / 1e9 / result.duration
    ends = np.where(np.isnan(result.end_time), result.duration, result.end_time)
    known = result.status < 100
    whole = float((ends - result.sent_time)[known].sum()) / result.duration
    assert sum(load.mean_running + load.mean_waiting for load in loads) + between == pytest.approx(whole)


def test_no_hand_overs_without_roles(tmp_path: Path) -> None:
    result = simulate_fleet(RequestColumns([2, 1]), replicas=2)
    assert len(hand_overs(result)) == 0
    assert not result.is_split
    result.perfetto(tmp_path / "trace.json")
    assert "transfers" not in Trace((tmp_path / "trace.json").read_text()).processes.values()


charts = pytest.importorskip("batching._output.fleet_charts", reason="plotly is not installed")


def test_the_charts_by_hand() -> None:
    made = {chart.id: chart.figure["data"] for chart in charts.fleet_charts([fleet_run(by_hand(), FleetTerms())])}
    between = {trace["name"]: np.array(trace["y"]) for trace in made["fleet-0-split-between"]}
    # Seconds that requests spend there: in transfer 1 and 0.5, then request 1 waits.
    assert {name: values.mean() * 3.25 for name, values in between.items()} == {
        "waiting for KV blocks": 0.0,
        "in transfer": pytest.approx(1.5, rel=1e-5),
        "waiting to decode": pytest.approx(0.75, rel=1e-5),
    }
    # 240 stretches: one second in, a bit before 74 of them, the first is in transfer.
    assert between["in transfer"][[70, 80, 120, 150]].tolist() == [0, 1, 2, 0]
    (kv,) = made["fleet-0-split-bytes"]
    assert np.array(kv["y"])[[80, 120]].tolist() == [1.0, 1.5]
    (pairs,) = made["fleet-0-split-pairs"]
    assert (pairs["x"], pairs["y"], pairs["z"]) == ([1], [0], [[2.0]])
    waits = {trace["name"]: trace["median"] for trace in made["fleet-0-split-waits"]}
    assert waits == {
        "waiting for KV blocks": [0.0],
        "in transfer": [0.75],
        "waiting to decode": [0.375],
        "held at the source": [0.75],
    }
    (running,) = made["fleet-0-over-running"]
    assert np.mean(running["z"], axis=1) * 3.25 == pytest.approx([1.5, 1.25], rel=1e-3)
    (where,) = made["fleet-0-over-where"]
    assert np.sum(where["z"], axis=1).tolist() == [2, 2]


def test_pairs_add_up() -> None:
    result = split_run({"preset": "dynamo"})
    hands: HandOvers = hand_overs(result)
    made = {chart.id: chart for chart in charts.fleet_charts([fleet_run(result, FleetTerms())])}
    (pairs,) = made["fleet-0-split-pairs"].figure["data"]
    expected = [
        [np.count_nonzero((hands.source == source) & (hands.target == target)) for target in (2, 3)]
        for source in (0, 1)
    ]
    assert pairs["z"] == expected
    assert np.sum(expected) == len(hands)
    without = charts.fleet_charts([fleet_run(split_run({"kv_bytes_per_token": 0.0}), FleetTerms())])
    assert not any(chart.id.endswith("split-bytes") for chart in without)
