"""Fleets: one replica is a run of the engine, round robin splits the workload, and what comes out adds up."""

import math
from typing import Any

import numpy as np
import pytest

from batching import (
    AffineTime,
    Client,
    EngineConfig,
    FleetResult,
    RequestColumns,
    RequestStatus,
    routers,
    simulate,
    simulate_fleet,
)
from batching._engine.result import COLUMNS

_TIME = AffineTime(base=0.01, per_prefill_token=1e-4, per_decode_token=3e-4)
_ENGINES = [
    EngineConfig(iteration_time=_TIME, max_num_seqs=6),
    EngineConfig(iteration_time=_TIME, max_num_seqs=6, async_scheduling=True, num_gpu_blocks=20),
    EngineConfig(iteration_time=_TIME, max_num_seqs=6, num_gpu_blocks=24, enable_prefix_caching=True),
    EngineConfig(iteration_time=_TIME, max_num_seqs=6, policy="continuous", num_gpu_blocks=20),
    EngineConfig(iteration_time=_TIME, max_num_seqs=4, policy="orca"),
    EngineConfig(iteration_time=_TIME, max_num_seqs=4, policy="static"),
]


def _requests(seed: int, count: int = 120, **more: Any) -> RequestColumns:
    random = np.random.default_rng(seed)
    return RequestColumns(
        random.integers(1, 30, count),
        prompt_length=random.integers(1, 90, count),
        arrival_time=np.sort(random.integers(0, 300, count)) / 64,
        hash_ids=[
            [group * 10, group * 10 + 1, 1000 + index] for index, group in enumerate(random.integers(0, 5, count))
        ],
        hash_block_size=16,
        **more,
    )


def _assert_same(one: Any, other: Any, rows: Any = slice(None)) -> None:
    for name in COLUMNS:
        if name != "completion_order":
            np.testing.assert_array_equal(getattr(one, name)[rows], getattr(other, name), err_msg=name)


@pytest.mark.parametrize("config", _ENGINES)
@pytest.mark.parametrize("router", routers())
def test_one_replica_is_a_run_of_the_engine(config: EngineConfig, router: Any) -> None:
    requests = _requests(1)
    alone, fleet = simulate(requests, config), simulate_fleet(requests, config, replicas=1, router=router)
    _assert_same(fleet, alone)
    np.testing.assert_array_equal(fleet.completion_order, alone.completion_order)
    for name in ("total_time", "duration", "busy_time", "mean_running", "mean_kv_use", "iterations", "peak_waiting"):
        assert getattr(fleet, name) == getattr(alone, name), name
    np.testing.assert_array_equal(fleet.routed_time, requests.arrival_time)
    assert fleet.imbalance == 0.0


def test_one_replica_serves_clients_and_sessions_as_the_engine_does() -> None:
    session = np.arange(120) // 3
    requests = _requests(2, session=session)
    client = Client(max_concurrency=5, clients=7, think_time=0.1)
    alone = simulate(requests, _ENGINES[0], client=client)
    fleet = simulate_fleet(requests, _ENGINES[0], replicas=1, router="least_requests", client=client)
    _assert_same(fleet, alone)
    np.testing.assert_array_equal(fleet.sent_time, alone.sent_time)
    np.testing.assert_array_equal(fleet.routed_time, alone.sent_time)


@pytest.mark.parametrize("config", _ENGINES)
def test_round_robin_is_a_run_for_every_nth_request(config: EngineConfig) -> None:
    requests = _requests(3)
    fleet = simulate_fleet(requests, config, replicas=3)
    for replica in range(3):
        rows = slice(replica, None, 3)
        assert requests.arrival_time is not None
        assert requests.prompt_length is not None
        assert requests.hash_ids is not None
        part = RequestColumns(
            requests.output_length[rows],
            prompt_length=requests.prompt_length[rows],
            arrival_time=requests.arrival_time[rows],
            hash_ids=list(requests.hash_ids.reshape(-1, 3)[rows]),
            hash_block_size=16,
        )
        alone = simulate(part, config)
        _assert_same(fleet, alone, rows)
        assert set(fleet.replica[rows].tolist()) == {replica}
        assert fleet.replicas.requests[replica] == len(part)
        assert fleet.replicas.tokens[replica] == alone.total_tokens
        assert fleet.replicas.busy_time[replica] == alone.busy_time
        assert fleet.replicas.prefix_cache_hits[replica] == alone.prefix_cache_hits


@pytest.mark.parametrize("router", routers())
def test_counts_of_replicas_add_up(router: Any) -> None:
    requests = _requests(4)
    pools = [(_ENGINES[0], 2), (_ENGINES[2], 1), (_ENGINES[3], 2)]
    fleet = simulate_fleet(requests, pools, router=router)
    assert len(fleet.replicas) == 5
    sent = fleet.replica >= 0
    assert sent.all()
    np.testing.assert_array_equal(np.bincount(fleet.replica, minlength=5), fleet.replicas.requests)
    tokens = np.bincount(fleet.replica, weights=fleet.tokens_generated, minlength=5)
    np.testing.assert_array_equal(tokens, fleet.replicas.tokens)
    assert fleet.replicas.finished.sum() == fleet.finished == np.count_nonzero(fleet.status == RequestStatus.FINISHED)
    assert fleet.finished + fleet.rejected + fleet.unfinished == len(fleet)
    assert fleet.imbalance == pytest.approx(tokens.std() / tokens.mean(), rel=1e-12)
    assert fleet.duration == fleet.replicas.duration.max()
    assert fleet.max_num_seqs == 30
    assert fleet.policy == "mixed"


def test_a_fleet_is_measured_as_a_run() -> None:
    requests = _requests(5)
    fleet = simulate_fleet(requests, _ENGINES[0], replicas=2, router="least_requests")
    assert isinstance(fleet, FleetResult)
    assert requests.arrival_time is not None
    told = fleet.measure()
    assert told.ttft.mean == pytest.approx(float(np.mean(fleet.first_token_time - requests.arrival_time)))
    assert "least_requests" in str(fleet)
    assert "imbalance" in str(fleet)
    assert repr(fleet).startswith("FleetResult(2 replicas, least_requests, vllm, 120 of 120 requests finished")
    assert fleet.settings["router"] == "least_requests"
    assert fleet.settings["replicas"] == 2
    assert fleet.load().requests == 120
    assert str(fleet.replicas).splitlines()[0] == "2 replicas"


def test_more_replicas_wait_less() -> None:
    requests = _requests(6, 400)
    waits = [
        simulate_fleet(requests, _ENGINES[0], replicas=count, router="least_requests").measure().ttft.mean
        for count in (1, 2, 4)
    ]
    assert waits == sorted(waits, reverse=True)


def test_a_router_that_knows_prefixes_finds_more_of_them() -> None:
    """By hand: two groups of prompts, and two replicas: each group stays where it is."""
    count = 40
    requests = RequestColumns(
        [1] * count,
        prompt_length=[64] * count,
        arrival_time=np.arange(count, dtype=float),
        hash_ids=[[1, 2, 3, 4] if (index // 2) % 2 == 0 else [5, 6, 7, 8] for index in range(count)],
        hash_block_size=16,
    )
    config = EngineConfig(iteration_time=0.01, num_gpu_blocks=7, enable_prefix_caching=True)
    blind = simulate_fleet(requests, config, replicas=2)
    aware = simulate_fleet(requests, config, replicas=2, router="cache_aware")
    assert aware.prefix_cache_hits > blind.prefix_cache_hits


@pytest.mark.parametrize(
    ("error", "sentence", "arguments"),
    [
        (ValueError, "replicas is 0", {"replicas": 0}),
        (TypeError, "replicas is '3'", {"replicas": "3"}),
        (ValueError, "replicas is 65537", {"replicas": 65_537}),
        (ValueError, "router is 'best'", {"router": "best"}),
        (ValueError, "metrics_interval is 0", {"metrics_interval": 0}),
        (ValueError, "metrics_interval is -1", {"metrics_interval": -1}),
        (ValueError, "config is empty", {"config": []}),
        (TypeError, "config is 3", {"config": 3}),
        (TypeError, r"config\[1\] is", {"config": [(EngineConfig(), 1), EngineConfig()]}),
        (ValueError, r"config\[0\]\[1\] is 0", {"config": [(EngineConfig(), 0)]}),
        (ValueError, "replicas is 2: must be None", {"config": [(EngineConfig(), 1)], "replicas": 2}),
        (ValueError, "block_size is 32: must be 0, or", {"router": "dynamo_kv", "block_size": 32}),
        (ValueError, "weights has 1 elements", {"router": "least_requests", "weights": [1]}),
        (TypeError, "unexpected keyword argument 'speed'", {"speed": 1}),
        (TypeError, "client is 3", {"client": 3}),
    ],
)
def test_bad_input_is_refused_in_a_sentence(error: type[Exception], sentence: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(error, match=sentence):
        simulate_fleet(_requests(7, 4), **arguments)


def test_what_is_not_told_of_static_batches_is_refused() -> None:
    fleet = simulate_fleet(_requests(8, 10), _ENGINES[5], replicas=2)
    with pytest.raises(ValueError, match="static"):
        fleet.load()


def test_an_error_of_a_callback_comes_out() -> None:
    def takes(_: object) -> float:
        raise RuntimeError("no time")

    with pytest.raises(RuntimeError, match="no time"):
        simulate_fleet(_requests(9, 4), EngineConfig(iteration_time=takes), replicas=2)


def test_nothing_is_simulated_of_no_requests() -> None:
    fleet = simulate_fleet(RequestColumns([]), replicas=3)
    assert len(fleet) == 0
    assert math.isnan(fleet.imbalance)


def test_a_delay_of_the_router_that_ends_past_the_clock_is_told() -> None:
    # 9e9 seconds and 9e9 more are past the clock's 9,223,372,036, and in nanoseconds past 64 bits.
    requests = RequestColumns([1], arrival_time=[9e9])
    with pytest.raises(ValueError, match="the clock would pass 9223372036 seconds"):
        simulate_fleet(requests, replicas=2, router="round_robin", routing_delay=9e9)


def test_a_replica_that_can_do_nothing_rejects_what_comes_at_once() -> None:
    # Request 0 never fits the budget of 3 tokens, so that replica 0 can do nothing. At 1 s either has one in flight,
    # and replica 0, the first of equals, gets request 2, which is longer than 10 tokens. Rejected at once it is in
    # flight no more: request 3 goes to replica 0, and request 4, with two in flight there, to replica 1.
    stuck = EngineConfig(
        max_num_seqs=3,
        max_num_batched_tokens=3,
        max_model_len=10,
        enable_chunked_prefill=False,
        admit_oversized=True,
        iteration_time=9.0,
    )
    told = simulate_fleet(
        RequestColumns([2, 2, 2, 2, 2], prompt_length=[4, 1, 12, 1, 1], arrival_time=[0.0, 0.0, 1.0, 1.0, 1.0]),
        [(stuck, 1), (EngineConfig(iteration_time=9.0), 1)],
        router="least_requests",
    )
    assert told.replica.tolist() == [0, 1, 0, 0, 1]
    assert told.status[2] == RequestStatus.REJECTED_MODEL_LENGTH


def test_equals_that_come_from_the_router_at_one_time_go_in_their_order() -> None:
    # The router holds requests 0 and 1 back until the 20 tokens of request 2 are computed, at 0.1 s, and then releases
    # request 1 first, which came first. They come to the replica at one time, equal in all: index 0 goes first.
    told = simulate_fleet(
        RequestColumns([1, 1, 1], prompt_length=[2, 2, 20], arrival_time=[0.02, 0.01, 0.0], tie_break=[5, 5, 5]),
        EngineConfig(queue_order="priority", max_num_seqs=1, iteration_time=0.1),
        replicas=1,
        router="dynamo_kv",
        queue_threshold=0.5,
        max_num_batched_tokens=30,
    )
    assert told.start_time.tolist() == [0.1, 0.2, 0.0]


@pytest.mark.parametrize("name", ["preferred_replica", "preferred_decode_replica"])
@pytest.mark.parametrize("value", [-2, 2, 2**31 - 1, -(2**31)])
def test_a_preferred_replica_is_one(name: str, value: int) -> None:
    preferred: dict[str, Any] = {name: [-1, value]}
    with pytest.raises(ValueError, match=rf"{name}\[1\] is {value}: must be a replica, in 0\.\.1, or -1"):
        simulate_fleet(RequestColumns([1, 1]), replicas=2, **preferred)
