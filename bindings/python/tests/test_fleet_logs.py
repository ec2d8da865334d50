"""Logs of fleets: those of each replica are those of a run of what came to it."""

from typing import Any

import numpy as np
import pytest

from batching import (
    Admission,
    AffineTime,
    Disaggregation,
    EngineConfig,
    Event,
    Faults,
    FleetResult,
    RequestColumns,
    RouterView,
    simulate,
    simulate_fleet,
)
from batching._engine.logs import _DECISION_COLUMNS, _ITERATION_COLUMNS

_TIME = AffineTime(base=0.01, per_prefill_token=1e-4, per_decode_token=3e-4)
_ENGINES = [
    EngineConfig(iteration_time=_TIME, max_num_seqs=6, num_gpu_blocks=20),
    EngineConfig(iteration_time=_TIME, max_num_seqs=6, async_scheduling=True, num_gpu_blocks=20),
    EngineConfig(iteration_time=_TIME, max_num_seqs=6, num_gpu_blocks=24, enable_prefix_caching=True),
    EngineConfig(iteration_time=_TIME, max_num_seqs=6, policy="continuous", num_gpu_blocks=20),
    EngineConfig(iteration_time=_TIME, max_num_seqs=4, policy="orca"),
]
_LOGS: dict[str, Any] = {"log_iterations": True, "log_decisions": True, "log_queues": True}
_COUNT = 240


def _columns(rows: Any = slice(None)) -> RequestColumns:
    random = np.random.default_rng(5)
    output, prompt = random.integers(1, 30, _COUNT), random.integers(1, 90, _COUNT)
    arrival = np.sort(random.integers(0, 300, _COUNT)) / 64
    ids = [[group * 10, group * 10 + 1, 1000 + index] for index, group in enumerate(random.integers(0, 5, _COUNT))]
    return RequestColumns(
        output[rows], prompt_length=prompt[rows], arrival_time=arrival[rows], hash_ids=ids[rows], hash_block_size=16
    )


def _every_third(view: RouterView) -> int:
    """What round robin does, of which the fleet does not know that it looks at nothing."""
    return view.request % 3


@pytest.mark.parametrize("router", ["round_robin", _every_third])
@pytest.mark.parametrize("config", _ENGINES)
def test_round_robin_logs_what_runs_of_every_nth_request_log(config: EngineConfig, router: Any) -> None:
    fleet = simulate_fleet(_columns(), config, replicas=3, router=router, **_LOGS)
    assert fleet.iteration_logs is not None
    assert fleet.decision_logs is not None
    assert len(fleet.iteration_logs) == len(fleet.decision_logs) == 3
    for replica in range(3):
        alone = simulate(_columns(slice(replica, None, 3)), config, **_LOGS)
        for name in _ITERATION_COLUMNS:
            np.testing.assert_array_equal(
                getattr(fleet.iteration_logs[replica], name), getattr(alone.iteration_log, name), err_msg=name
            )
        for name in _DECISION_COLUMNS:
            expected = getattr(alone.decision_log, name)
            # Request i of those is request replica + 3 i of the fleet.
            expected = replica + 3 * expected if name == "request" else expected
            np.testing.assert_array_equal(getattr(fleet.decision_logs[replica], name), expected, err_msg=name)


def test_only_what_is_asked_for_is_logged_and_it_changes_nothing() -> None:
    plain = simulate_fleet(_columns(), _ENGINES[0], replicas=3)
    assert plain.iteration_logs is None
    assert plain.decision_logs is None
    logged = simulate_fleet(_columns(), _ENGINES[0], replicas=3, log_iterations=True)
    assert logged.decision_logs is None
    np.testing.assert_array_equal(logged.end_time, plain.end_time)
    queues = simulate_fleet(_columns(), _ENGINES[0], replicas=3, log_queues=True)
    assert queues.iteration_logs is None
    assert queues.decision_logs is not None
    assert all(Event.RUNNING in log.event for log in queues.decision_logs)
    decided = simulate_fleet(_columns(), _ENGINES[0], replicas=3, log_decisions=True)
    assert decided.decision_logs is not None
    assert not any(Event.RUNNING in log.event for log in decided.decision_logs)
    with pytest.raises(TypeError, match="log_decisions is 'yes'"):
        simulate_fleet(_columns(), log_decisions="yes")  # type: ignore[arg-type]


def _assert_ends_are_those_of_iterations(result: FleetResult, ends: Any) -> int:
    """Each request finishes at a replica at the end of the iteration that its row says. Returns how many rows."""
    assert result.iteration_logs is not None
    assert result.decision_logs is not None
    rows = 0
    for log, decisions in zip(result.iteration_logs, result.decision_logs, strict=True):
        done = np.flatnonzero(decisions.event == Event.FINISHED)
        iteration, request = decisions.iteration[done], decisions.request[done]
        moments = np.rint((log.start_time + log.duration)[iteration] * 1e9)
        np.testing.assert_array_equal(moments, np.rint(ends[request] * 1e9))
        rows += len(done)
    return rows


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_replica_that_comes_back_numbers_its_iterations_on(asynchronous: bool) -> None:
    config = EngineConfig(iteration_time=_TIME, max_num_seqs=6, async_scheduling=asynchronous)
    result = simulate_fleet(
        _columns(),
        config,
        replicas=3,
        router="least_requests",
        admission=Admission(retries=3, retry_base=0.01),
        faults=Faults(given=[(1.003, 0), (1.5, 0, "up"), (2.003, 1), (2.2, 1, "up"), (3.001, 0), (3.3, 0, "up")]),
        **_LOGS,
    )
    assert result.finished == _COUNT
    assert (result.attempts > 1).any()
    assert _assert_ends_are_those_of_iterations(result, result.end_time) == _COUNT


@pytest.mark.parametrize("preset", ["dynamo", "vllm_nixl", "sglang_pd"])
def test_both_replicas_of_a_request_log_it(preset: Any) -> None:
    config = EngineConfig(iteration_time=_TIME, max_num_seqs=6, num_gpu_blocks=60)
    result = simulate_fleet(
        _columns(),
        [(config, 2, "prefill"), (config, 2, "decode")],
        router="least_requests",
        disaggregation=Disaggregation(preset=preset, kv_bytes_per_token=1e5, link_bandwidth=1e9),
        **_LOGS,
    )
    assert result.finished == _COUNT
    assert result.decision_logs is not None
    assert result.iteration_logs is not None
    assert [len(log) for log in result.iteration_logs] == result.replicas.iterations.tolist()
    for replica, log in enumerate(result.decision_logs):
        there = result.prefill_replica if replica < 2 else result.replica
        admitted = log.request[log.event == Event.ADMITTED]
        ended = log.request[log.event == Event.FINISHED]
        # A request whose one token comes with its prompt never decodes.
        assert set(ended.tolist()) <= set(np.flatnonzero(there == replica).tolist())
        assert set(admitted.tolist()) == set(ended.tolist())
