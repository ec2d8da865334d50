"""What `simulate` tells of runs small enough to be worked out by hand, and how it takes its requests."""

import ctypes
from typing import Any

import numpy as np
import pytest

from batching import (
    EndReason,
    Event,
    Request,
    RequestColumns,
    RequestStatus,
    Result,
    generate_workload,
    simulate,
    simulate_continuous,
    simulate_static,
)
from batching._ffi.generated import constants, structs
from batching._ffi.loader import library
from oracle.comparison import COLUMNS
from oracle.records import SUMMARY_FIELDS

# Blocks of 2 tokens, of which 8 can be used, and 4 tokens an iteration. Request 2 is rejected: its prompt is not
# shorter than max_model_len. The others have prompts of 3 and 5 tokens, and generate 2.
#
#   iteration  request 0                      request 1             blocks in use
#       0      3 of 3: prompt, token 1        1 of 5                2 + 1
#       1      1: decodes, token 2, finished  3 more: 4 of 5        2 + 2; 2 are kept
#       2                                     1: prompt, token 1    3
#       3                                     1: decodes, token 2   3; none is kept
WORKED = RequestColumns([2, 2, 1], [3, 5, 8])
ARGUMENTS: dict[str, Any] = {
    "max_num_seqs": 2,
    "max_num_batched_tokens": 4,
    "max_model_len": 8,
    "num_gpu_blocks": 9,
    "block_size": 2,
}


def test_columns_of_a_result() -> None:
    result = simulate(WORKED, **ARGUMENTS)
    assert len(result) == 3
    assert result.start_time[:2].tolist() == [0.0, 0.0]
    assert result.first_token_time[:2].tolist() == [0.01, 0.03]
    assert result.end_time[:2].tolist() == [0.02, 0.04]
    for name in ("start_time", "first_token_time", "end_time"):
        assert np.isnan(getattr(result, name)[2])
    assert result.tokens_generated.tolist() == [2, 2, 0]
    assert result.completion_order.tolist() == [0, 1, -1]
    assert result.preemptions.tolist() == [0, 0, 0]
    assert result.prefix_cached_tokens.tolist() == [0, 0, 0]
    finished, rejected = RequestStatus.FINISHED, RequestStatus.REJECTED_MODEL_LENGTH
    assert result.status.tolist() == [finished, finished, rejected]
    assert result.requests is WORKED
    assert result.policy == "vllm"


def test_numbers_of_a_result() -> None:
    result = simulate(WORKED, **ARGUMENTS)
    assert (result.finished, result.rejected, result.unfinished) == (2, 1, 0)
    assert result.end_reason is EndReason.COMPLETED
    assert result.iterations == 4
    assert result.total_time == result.duration == result.busy_time == 0.04
    assert result.total_tokens == 4
    assert result.throughput == 4 / 0.04
    assert (result.prefill_tokens, result.decode_tokens) == (3 + 5, 2)
    assert (result.total_preemptions, result.recomputed_tokens) == (0, 0)
    assert (result.peak_running, result.peak_waiting) == (2, 0)
    assert result.mean_running == (2 + 2 + 1 + 1) / 4
    assert result.mean_kv_use == (3 + 4 + 3 + 3) / 4 / 8
    assert result.peak_kv_use == 4 / 8
    assert (result.prefix_cache_queries, result.prefix_cache_hits) == (0, 0)


def test_log_of_iterations() -> None:
    log = simulate(WORKED, **ARGUMENTS, log_iterations=True).iteration_log
    assert log is not None
    assert len(log) == 4
    assert log.time.tolist() == log.start_time.tolist() == [0.0, 0.01, 0.02, 0.03]
    assert log.duration.tolist() == [0.01] * 4
    assert log.running.tolist() == [2, 2, 1, 1]
    assert log.waiting.tolist() == [0] * 4
    assert log.prefill_tokens.tolist() == [4, 3, 1, 0]
    assert log.decode_tokens.tolist() == [0, 1, 0, 1]
    assert log.kv_blocks_used.tolist() == [3, 4, 3, 3]
    assert log.kv_blocks_kept.tolist() == [3, 2, 3, 0]
    assert log.preemptions.tolist() == [0] * 4
    assert log.finished.tolist() == [0, 1, 0, 1]
    assert repr(log) == "IterationLog(4 iterations)"


def decisions(result: Result) -> list[tuple[int, int, Event, int]]:
    log = result.decision_log
    assert log is not None
    columns = (log.iteration, log.request, log.event, log.tokens)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [(iteration, request, Event(event), tokens) for iteration, request, event, tokens in rows]


def test_log_of_decisions() -> None:
    result = simulate(WORKED, **ARGUMENTS, log_decisions=True)
    assert decisions(result) == [
        (0, 2, Event.REJECTED, 0),
        (0, 0, Event.ADMITTED, 0),
        (0, 0, Event.SCHEDULED, 3),
        (0, 1, Event.ADMITTED, 0),
        (0, 1, Event.SCHEDULED, 1),
        (1, 0, Event.SCHEDULED, 1),
        (1, 1, Event.SCHEDULED, 3),
        (1, 0, Event.FINISHED, 2),
        (2, 1, Event.SCHEDULED, 1),
        (3, 1, Event.SCHEDULED, 1),
        (3, 1, Event.FINISHED, 2),
    ]
    assert repr(result.decision_log) == "DecisionLog(11 events)"


# With blocks of 1 token, of which 5 can be used, both prompts of 2 tokens fit, and one more token. So request 1 is
# preempted in iteration 1, not admitted again in the same, and then computes its 3 known tokens, 2 of them again.
TIGHT = RequestColumns([2, 2], [2, 2])


def test_logs_of_a_preemption() -> None:
    result = simulate(TIGHT, num_gpu_blocks=6, block_size=1, log_queues=True)
    assert decisions(result) == [
        (0, 0, Event.ADMITTED, 0),
        (0, 0, Event.SCHEDULED, 2),
        (0, 1, Event.ADMITTED, 0),
        (0, 1, Event.SCHEDULED, 2),
        (0, 0, Event.RUNNING, 0),
        (0, 1, Event.RUNNING, 0),
        (1, 1, Event.PREEMPTED, 0),
        (1, 0, Event.SCHEDULED, 1),
        (1, 0, Event.RUNNING, 0),
        (1, 1, Event.WAITING, 0),
        (1, 0, Event.FINISHED, 2),
        (2, 1, Event.RESUMED, 0),
        (2, 1, Event.SCHEDULED, 3),
        (2, 1, Event.RUNNING, 0),
        (2, 1, Event.FINISHED, 2),
    ]
    assert result.preemptions.tolist() == [0, 1]
    assert (result.total_preemptions, result.recomputed_tokens) == (1, 2)
    assert result.end_time.tolist() == [0.02, 0.03]


def test_there_are_no_logs_unless_wanted() -> None:
    result = simulate(WORKED, **ARGUMENTS)
    assert result.iteration_log is None
    assert result.decision_log is None


def test_a_log_longer_than_its_buffer_has_every_row() -> None:
    # A request computes its prompt of 1 token in the iteration that gives its first: so many iterations as tokens.
    count = 3 * 16_384 + 5
    result = simulate(RequestColumns([count], [1]), log_iterations=True, log_decisions=True)
    assert result.iteration_log is not None
    assert result.iteration_log.time.tolist() == [number / 100 for number in range(count)]
    scheduled = [(number, 0, Event.SCHEDULED, 1) for number in range(count)]
    assert decisions(result) == [(0, 0, Event.ADMITTED, 0), *scheduled, (count - 1, 0, Event.FINISHED, count)]


def test_completed_are_those_that_finished() -> None:
    completed = simulate(RequestColumns([1, 2, 2], [8, 3, 5], [0.0, 0.0, 0.0]), **ARGUMENTS).completed()
    assert completed.start_time.tolist() == [0.0, 0.0]
    assert completed.first_token_time is not None
    assert completed.first_token_time.tolist() == [0.01, 0.03]
    assert completed.end_time.tolist() == [0.02, 0.04]
    assert completed.tokens_generated.tolist() == [2, 2]
    assert completed.arrival_time is not None
    assert completed.arrival_time.tolist() == [0.0, 0.0]


def test_metrics_are_those_of_the_finished() -> None:
    metrics = simulate(WORKED, **ARGUMENTS).metrics()
    assert metrics["throughput"] == 4 / 0.04
    assert metrics["total_tokens"] == 4
    assert metrics["avg_latency"] == pytest.approx((0.02 + 0.04) / 2, rel=1e-12)
    assert metrics["p50_latency"] == pytest.approx((0.02 + 0.04) / 2, rel=1e-12)
    assert metrics["avg_queue_time"] == 0.0
    assert metrics["avg_time_to_first_token"] == pytest.approx((0.01 + 0.03) / 2, rel=1e-12)
    assert metrics["gpu_utilization"] == 1.0


def test_a_run_without_requests_tells_nothing() -> None:
    result = simulate([])
    assert len(result) == 0
    assert result.end_reason is EndReason.COMPLETED
    assert {getattr(result, name) for name in SUMMARY_FIELDS if name != "end_reason"} == {0}
    assert set(result.metrics().values()) == {0}
    assert repr(result) == "Result(vllm, 0 of 0 requests finished, 0 tokens in 0.0 s, 0 tokens/s, 0 iterations)"


def test_results_say_what_they_are() -> None:
    assert repr(simulate(WORKED, **ARGUMENTS)) == (
        "Result(vllm, 2 of 3 requests finished, 1 rejected, 4 tokens in 0.04 s, 100 tokens/s, 4 iterations)"
    )
    assert repr(simulate(TIGHT, num_gpu_blocks=6, block_size=1)) == (
        "Result(vllm, 2 of 2 requests finished, 4 tokens in 0.03 s, 133.333 tokens/s, 3 iterations, 1 preemption)"
    )
    assert repr(simulate(TIGHT, policy="orca", iteration_limit=1)) == (
        "Result(orca, 0 of 2 requests finished, 2 tokens in 0.0 s, 0 tokens/s, 1 iteration, ended by ITERATION_LIMIT)"
    )


# One request that decodes its 10 tokens from 0.5 s on: an iteration each.
TEN_TOKENS = RequestColumns([10], [1], [0.5])


@pytest.mark.parametrize(
    ("arguments", "reason", "iterations"),
    [
        ({"iteration_limit": 3}, EndReason.ITERATION_LIMIT, 3),
        ({"iteration_limit": 9}, EndReason.ITERATION_LIMIT, 9),
        ({"iteration_limit": 10}, EndReason.COMPLETED, 10),
        ({"time_limit": 0.53}, EndReason.TIME_LIMIT, 3),  # one would start exactly then
        ({"time_limit": 0.530000001}, EndReason.TIME_LIMIT, 4),
        ({"time_limit": 0.5}, EndReason.TIME_LIMIT, 0),
        ({"time_limit": 0.6}, EndReason.COMPLETED, 10),
    ],
)
def test_limits_end_a_run_between_two_iterations(arguments: Any, reason: EndReason, iterations: int) -> None:
    result = simulate(TEN_TOKENS, **arguments)
    assert result.end_reason is reason
    assert result.iterations == iterations
    assert result.total_tokens == result.tokens_generated[0] == iterations
    assert result.finished == (reason == EndReason.COMPLETED)
    if iterations:
        assert result.first_token_time[0] == 0.51
    if not result.finished:
        assert result.status[0] == RequestStatus.UNFINISHED
        assert np.isnan(result.end_time[0])
        assert result.completion_order.tolist() == [-1]


def test_the_limit_of_an_iteration_is_its_default_unless_there_are_more_slots() -> None:
    # 3,000 prompts of one token: 2,048 tokens an iteration, or one for each of 2,500 slots.
    requests = RequestColumns(np.ones(3_000, np.int32), np.ones(3_000, np.int32))
    for max_num_seqs, first in [(2_048, 2_048), (2_500, 2_500)]:
        log = simulate(requests, max_num_seqs=max_num_seqs, log_iterations=True).iteration_log
        assert log is not None
        assert log.prefill_tokens.tolist() == [first, 3_000 - first]


def test_with_a_constant_time_of_0_only_the_wait_for_arrivals_takes_time() -> None:
    result = simulate(RequestColumns([3, 1, 2], arrival_time=[0.0, 1.5, 1.5]), iteration_time=0.0)
    assert result.first_token_time.tolist() == result.end_time.tolist() == [0.0, 1.5, 1.5]
    assert (result.iterations, result.busy_time, result.total_time) == (5, 0.0, 1.5)


# Of each: the time model and time_base; the end of three iterations, or None where the call is refused.
TIME_MODELS: dict[str, tuple[int, float, float | None]] = {
    "a constant of 0": (constants.BATCHING_TIME_CONSTANT, 0.0, 0.0),
    "a constant": (constants.BATCHING_TIME_CONSTANT, 0.25, 0.75),
    "none": (constants.BATCHING_TIME_DEFAULT, 0.0, 0.03),
    "none, but a time": (constants.BATCHING_TIME_DEFAULT, 0.25, None),
}


@pytest.mark.parametrize("name", TIME_MODELS)
def test_a_constant_time_in_the_c_interface(name: str) -> None:
    model, base, end = TIME_MODELS[name]
    config, requests = structs.batching_engine_config(), structs.batching_requests()
    summary = structs.batching_summary()
    library.batching_engine_config_init(ctypes.byref(config), ctypes.sizeof(config))
    library.batching_requests_init(ctypes.byref(requests), ctypes.sizeof(requests))
    library.batching_summary_init(ctypes.byref(summary), ctypes.sizeof(summary))
    config.time_model, config.time_base = model, base
    requests.count, requests.output_length = 1, (ctypes.c_int32 * 1)(3)
    status = library.batching_simulate(ctypes.byref(config), ctypes.byref(requests), None, ctypes.byref(summary))
    if end is None:
        assert library.batching_status_name(status) == b"BATCHING_ERROR_INVALID_ARGUMENT"
        assert library.batching_last_error() == b"time_base is 0.25: must be 0 without a time_model"
    else:
        assert (status, summary.iterations, summary.total_time) == (0, 3, end)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("batch_size", [1, 3, 8, 64])
def test_textbook_policies_are_the_textbook_simulators(seed: int, batch_size: int) -> None:
    requests = generate_workload(500, (0, 50), (1, 40), arrival_rate=10.0 * (1 + seed), seed=seed)
    if seed % 2:
        # Ties, arrivals at the ends of iterations, and out of order.
        assert requests.arrival_time is not None
        arrivals = np.round(requests.arrival_time, 2)[::-1].copy()
        requests = RequestColumns(requests.output_length, requests.prompt_length, arrivals)
    for policy, textbook in (("static", simulate_static), ("continuous", simulate_continuous)):
        expected = textbook(requests, batch_size, 0.01)
        got = simulate(requests, policy=policy, max_num_seqs=batch_size, instant_prefill=True)  # type: ignore[arg-type]
        for name in ("start_time", "first_token_time", "end_time", "tokens_generated", "completion_order"):
            assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), name
        for name in ("total_time", "throughput", "total_tokens", "iterations", "busy_time"):
            assert getattr(got, name) == getattr(expected, name), name
        assert got.metrics() == expected.metrics()


def test_request_objects_are_as_good_as_columns_and_stay_as_they_are() -> None:
    requests = [Request(7, 3, 2, 0.0), Request(7, 5, 2, 0.0, tokens_generated=1), Request(9, 8, 1, 0.0)]
    before = [vars(request).copy() for request in requests]
    expected = simulate(WORKED, **ARGUMENTS)
    for sequence in (requests, tuple(requests)):
        got = simulate(sequence, **ARGUMENTS)
        for name in COLUMNS:
            assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), name
    assert [vars(request) for request in requests] == before


def test_columns_are_only_read() -> None:
    given: dict[str, Any] = {
        "output_length": np.array([2, 2, 1], np.int32),
        "prompt_length": np.array([3, 5, 4], np.int32),
        "arrival_time": np.array([0.0, 0.0, 0.0]),
        "priority": np.array([0, 1, 0], np.int32),
        "tie_break": np.array([2, 1, 0]),
        "hash_ids": np.array([1, 2, 1, 2, 3]),
        "hash_offsets": np.array([0, 2, 4, 5]),
    }
    before = {name: column.copy() for name, column in given.items()}
    for column in given.values():
        column.flags.writeable = False
    columns = RequestColumns(**given)
    result = simulate(columns, **ARGUMENTS, queue_order="priority", enable_prefix_caching=True)
    assert result.finished == 3
    for name, column in given.items():
        assert np.shares_memory(column, getattr(columns, name)), name
        assert (column == before[name]).all(), name


def test_what_a_result_shows_cannot_be_changed() -> None:
    result = simulate(WORKED, **ARGUMENTS, log_iterations=True, log_decisions=True)
    for name in COLUMNS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = 1
    assert result.iteration_log is not None
    with pytest.raises(ValueError, match="read-only"):
        result.iteration_log.time[0] = 1.0
    with pytest.raises(AttributeError, match="Result cannot be changed"):
        result.iterations = 3
