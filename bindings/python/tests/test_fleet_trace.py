"""Traces of fleets: valid by the strict reader, and by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fleet_by_hand as by_hand
from batching import Client, EngineConfig, FleetResult, generate_workload, simulate_fleet, write_schedule_trace
from trace_event_format import Trace

HALF = 500_000_000


def trace_of(result: FleetResult, tmp_path: Path, window: tuple[float, float] | None = None) -> Trace:
    result.perfetto(tmp_path / "trace.json", window)
    return Trace((tmp_path / "trace.json").read_text())


def counter(trace: Trace, process: int, name: str) -> list[tuple[int, int]]:
    events = [event for event in trace.events if event["ph"] == "C" and event["pid"] == process]
    return [(event["ts"], event["args"]["value"]) for event in events if event["name"] == name]


def test_by_hand(tmp_path: Path) -> None:
    trace = trace_of(by_hand.two_replicas(), tmp_path)
    assert trace.processes == {1: "replica 0", 2: "replica 1"}
    assert trace.tracks == {(1, 1): "slot 1", (1, 2): "waiting 1", (2, 1): "slot 1"}
    first = [(event["tid"], event["name"], event["ts"], event["dur"]) for event in trace.of("replica 0")]
    assert first == [
        (1, "request 0", 0, 2 * HALF),
        (1, "prefill", 0, HALF),
        (1, "decode", HALF, HALF),
        (1, "request 2", 2 * HALF, HALF),
        (1, "prefill", 2 * HALF, HALF),
        (2, "queue: request 2", 0, 2 * HALF),
    ]
    second = [(event["tid"], event["name"], event["ts"], event["dur"]) for event in trace.of("replica 1")]
    assert second == [(1, "request 1", 0, HALF), (1, "prefill", 0, HALF)]
    assert counter(trace, 1, "running") == [(0, 1), (3 * HALF, 0)]
    assert counter(trace, 1, "waiting") == [(0, 1), (2 * HALF, 0)]
    assert counter(trace, 2, "running") == [(0, 1), (HALF, 0)]
    assert counter(trace, 2, "waiting") == []


def test_only_what_is_in_the_window(tmp_path: Path) -> None:
    trace = trace_of(by_hand.two_replicas(), tmp_path, (1.2, 1.4))
    assert [event["name"] for event in trace.of("replica 0")] == ["request 2", "prefill"]
    assert trace.of("replica 1") == []


SETTINGS: list[dict[str, Any]] = [
    {"num_gpu_blocks": 60},
    {"num_gpu_blocks": 60, "async_scheduling": True},
    {"policy": "static", "max_num_seqs": 4},
    {"max_model_len": 600},
    {"iteration_time": 0.0},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("client", [None, Client(max_concurrency=12)])
def test_each_request_is_in_the_process_of_its_replica(
    tmp_path: Path, settings: dict[str, Any], client: Client | None
) -> None:
    config = EngineConfig(**{"iteration_time": 0.01, **settings})
    result = simulate_fleet(
        generate_workload(200, arrival_rate=60.0), config, replicas=3, router="least_requests", client=client
    )
    trace = trace_of(result, tmp_path)
    names = {f"replica {replica}" for replica in range(3)} | ({"clients"} if client is not None else set())
    assert set(trace.processes.values()) == names
    begins, ends = (np.rint(times * 1e9) for times in (result.start_time, result.end_time))
    told = {}
    for replica in range(3):
        for event in trace.of(f"replica {replica}"):
            request = event["args"]["request"]
            assert result.replica[request] == replica
            if event["name"].startswith("request"):
                told[request] = (event["ts"], event["ts"] + event["dur"])
    assert told == {request: (begins[request], ends[request]) for request in np.flatnonzero(~np.isnan(begins)).tolist()}
    rejected = [event for event in trace.events if event["ph"] == "i"]
    assert len(rejected) == result.rejected
    assert all(result.replica[event["args"]["request"]] == event["pid"] - 1 for event in rejected)
    write_schedule_trace(result, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "trace.json").read_bytes()
