"""The engine against the slow one that walks every request in every iteration: the same bits, on random cases."""

import copy
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings

from batching import EndReason, RequestStatus, simulate
from oracle.attribution import PARTS
from oracle.cases import LARGE, Case, SeededSource, a_case, cases
from oracle.client import SlowClient, is_closed
from oracle.comparison import (
    COLUMNS,
    DECISION_COLUMNS,
    ITERATION_COLUMNS,
    assert_same_attribution,
    assert_same_decisions,
    assert_same_iterations,
    assert_same_results,
    assert_same_run,
    run_library,
    run_slow,
)
from oracle.engine import SlowOptions, SlowWorkload
from oracle.records import SUMMARY_FIELDS, SlowResult
from oracle.times import SlowAffineTime, SlowRooflineTime, SlowTableTime

SEEDS = range(4_000)
LARGE_SEEDS = range(10_000, 10_050)

# What is rare, and in how many cases it must have happened for a run to mean anything: all that the slow engine counts.
RARE_EVENTS = {
    "preempted": 200,
    "preempted again": 50,
    "preempted after being scheduled": 30,
    "preempted in the middle of a prefill": 50,
    "several preempted at once": 30,
    "preempts itself before others": 30,
    "resumed with a hit": 50,
    "evicted": 200,
    "cut by the budget": 100,
    "starved behind a chunk": 100,
    "held back whole": 30,
    "held back by the watermark": 50,
    "last token in flight": 300,
    "token of a preempted request": 50,
    "finished while waiting": 10,
    "aborted in flight": 50,
    "computed in vain": 100,
    # See test_engine_offload.py, too.
    "loaded": 10,
    "loaded behind a hit": 5,
    "loaded after a preemption": 5,
    "loaded from disk": 3,
    "loaded from both": 1,
    "computes while it loads": 3,
    "waits for a load": 1,
    "written late": 30,
}
# In how many cases some request must have spent time in each part.
PARTS_SEEN = {
    "waiting_for_client": 200,
    "waiting_for_slot": 500,
    "waiting_for_memory": 300,
    "prefill": 500,
    "decode": 500,
    "slowed_by_prefill": 200,
    "preempted": 100,
    "held_in_batch": 100,
}
POLICIES = ["vllm", "static", "dynamic", "continuous", "orca"]
QUEUE_ORDERS = ["arrival", "priority", "shortest_output"]


def assert_same_runs(named: Iterable[tuple[int, Case]]) -> list[tuple[Case, SlowResult]]:
    runs = []
    for seed, case in named:
        try:
            runs.append((case, assert_same_run(case)))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}\n{case}") from error
    return runs


def test_same_bits_as_the_slow_engine_in_thousands_of_cases() -> None:
    runs = assert_same_runs((seed, a_case(SeededSource(seed))) for seed in SEEDS)

    seen: Counter[str] = Counter()
    for _, result in runs:
        seen.update(event for event, count in result.seen.items() if count)
    assert set(seen) == set(RARE_EVENTS)
    assert {event: seen[event] for event, least in RARE_EVENTS.items() if seen[event] < least} == {}

    parts = Counter(
        (part, case.options.async_scheduling)
        for case, result in runs
        for part in PARTS
        if any(result.attribution.nanoseconds[part])
    )
    assert set(PARTS_SEEN) == set(PARTS)
    for part, least in PARTS_SEEN.items():
        assert min(parts[part, False], parts[part, True]) >= least / 2, (part, parts)

    # Every combination that decides anything, each way to end, and everything that can become of a request.
    combinations = Counter(
        (case.options.policy, case.options.queue_order, case.options.async_scheduling) for case, _ in runs
    )
    assert len(combinations) == 2 * len(POLICIES) * len(QUEUE_ORDERS)
    assert min(combinations.values()) >= 30
    cached = Counter(case.options.async_scheduling for case, result in runs if result.prefix_cache_hits)
    assert min(cached[False], cached[True]) >= 50
    # Each model of the time of an iteration, both ways, with a cache and without.
    models = Counter(
        (type(case.options.iteration_time), case.options.async_scheduling, case.options.enable_prefix_caching)
        for case, _ in runs
    )
    for model in (SlowAffineTime, SlowRooflineTime, SlowTableTime):
        ways = [models[model, is_async, is_cached] for is_async in (False, True) for is_cached in (False, True)]
        assert min(ways) >= 30, (model, ways)
    ends = Counter(result.end_reason for _, result in runs)
    assert {reason for reason in EndReason if ends[reason] < 30} == set()
    statuses = Counter(status for _, result in runs for status in set(result.status))
    of_fleets = {RequestStatus.LOST, RequestStatus.TIMED_OUT, RequestStatus.REJECTED_ADMISSION}
    assert {status for status in RequestStatus if statuses[status] < 30} == of_fleets

    assert {event: count for event, count in sent_in_closed_loops(runs).items() if count < 100} == {}


def sent_in_closed_loops(runs: list[tuple[Case, SlowResult]]) -> Counter[str]:
    """In how many cases what is particular to them happened."""
    seen = Counter(
        dict.fromkeys(["open", "limit", "clients", "sessions", "both", "held back", "delay", "left early"], 0)
    )
    for case, result in runs:
        client = case.client or SlowClient()
        has_sessions = case.workload.session is not None
        times = list(zip(result.arrival_time, result.sent_time, strict=True))
        seen["open"] += not is_closed(case.workload.session, case.client)
        seen["limit"] += client.max_concurrency > 0
        seen["clients"] += client.clients > 0
        seen["sessions"] += has_sessions
        seen["both"] += has_sessions and client.max_concurrency > 0
        seen["held back"] += any(arrival < sent for arrival, sent in times)
        seen["delay"] += any(
            arrival > given for (arrival, _), given in zip(times, case.workload.arrival_time, strict=True)
        )
        seen["left early"] += any(
            abort < sent for abort, (_, sent) in zip(case.workload.abort_time or [], times, strict=False)
        )
    return seen


def test_same_bits_as_the_slow_engine_in_large_cases() -> None:
    runs = assert_same_runs((seed, a_case(SeededSource(seed), LARGE)) for seed in LARGE_SEEDS)
    assert max(result.iterations for _, result in runs) > 4_096  # more than between two reports of progress
    for event in ("preempted", "resumed with a hit", "evicted", "starved behind a chunk", "last token in flight"):
        assert any(result.seen[event] for _, result in runs), event
    assert max(result.peak_running for _, result in runs) > 64
    assert max(result.peak_waiting for _, result in runs) > 64


def test_same_bits_beyond_the_reach_of_the_timing_wheel() -> None:
    # The library keeps what is due more than 16,383 iterations ahead in a heap.
    workload = SlowWorkload(
        output_length=[16_382, 16_383, 16_384, 16_385, 17_000, 16_385, 3],
        prompt_length=[1, 1, 1, 1, 5, 1, 1],
        arrival_time=[0.0, 0.0, 0.0, 0.0, 0.0, 0.01, 170.0],
    )
    for policy in ("vllm", "static"):
        # Large blocks, of which the slow engine has to count few.
        case = Case(workload, SlowOptions(policy=policy, max_num_seqs=6, block_size=65_536))
        expected = run_slow(case)
        got = run_library(case, log_iterations=True)
        assert_same_results(expected, got)
        assert_same_iterations(expected, got)
        attributed = run_library(case, attribution=True)
        assert_same_results(expected, attributed)
        assert_same_attribution(expected, attributed)
        assert_same_results(expected, run_library(case))


@settings(max_examples=300)
@given(case=cases)
def test_same_bits_as_the_slow_engine(case: Case) -> None:
    assert_same_run(case)


def two_requests() -> Case:
    """Everything is in its logs: the second is preempted by the first, the third rejected."""
    workload = SlowWorkload(output_length=[4, 4, 1], prompt_length=[3, 3, 9], arrival_time=[0.0, 0.0, 0.0])
    return Case(workload, SlowOptions(num_gpu_blocks=5, block_size=2, log_queues=True))


def changed(values: list[Any]) -> list[Any]:
    """The last element, by as little as can be told."""
    last = values[-1]
    return [*values[:-1], last + (1 if isinstance(last, int) else 1e-9)]


def assert_told(expected: SlowResult, case: Case) -> None:
    got = run_library(case, log_iterations=True, log_decisions=True, attribution=True)
    assert_same_results(expected, got)
    assert_same_iterations(expected, got)
    assert_same_decisions(expected, got)
    assert_same_attribution(expected, got)


@pytest.mark.parametrize(
    ("log", "name"),
    [(None, name) for name in [*COLUMNS, *SUMMARY_FIELDS]]
    + [("iteration_log", name) for name in ITERATION_COLUMNS]
    + [("decision_log", name) for name in DECISION_COLUMNS]
    + [("attribution", name) for name in PARTS],
)
def test_the_comparison_finds_a_changed_number(log: str | None, name: str) -> None:
    case = two_requests()
    expected = run_slow(case)
    assert_told(expected, case)
    expected = copy.deepcopy(expected)
    if log is not None:
        columns = getattr(expected, log)
        values = getattr(columns, name)
        # The last request was rejected: nothing of it is attributed.
        setattr(columns, name, [*changed(values[:-1]), values[-1]] if log == "attribution" else changed(values))
    elif name in COLUMNS:
        # The last request was rejected: it has no times.
        values = getattr(expected, name)
        setattr(expected, name, [*changed(values[:-1]), values[-1]])
    else:
        setattr(expected, name, changed([getattr(expected, name)])[0])
    with pytest.raises(AssertionError, match=name if log != "decision_log" else "decision log"):
        assert_told(expected, case)


def test_the_comparison_finds_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_watermark(*arguments: Any, **options: Any) -> Any:
        return simulate(*arguments, **{**options, "watermark": 0.5})

    monkeypatch.setattr("oracle.comparison.simulate", with_watermark)
    with pytest.raises(AssertionError):
        assert_same_runs((seed, a_case(SeededSource(seed))) for seed in range(100))
