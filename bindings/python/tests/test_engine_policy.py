"""A policy of the caller's: its decisions are carried out, and checked; and what stops a run."""

import math
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from batching import (
    BatchingValueError,
    EndReason,
    Event,
    PolicyDecision,
    PolicyView,
    RequestColumns,
    RequestStatus,
    simulate,
)
from oracle.cases import LARGE, Case, SeededSource, a_case
from oracle.comparison import (
    assert_same_attribution,
    assert_same_decisions,
    assert_same_iterations,
    assert_same_results,
    run_library,
    run_slow,
)
from oracle.policies import Style, vllm_policy
from oracle.records import SlowResult

STYLES: tuple[Style, ...] = get_args(Style)
CASES = 1_500
LARGE_CASES = 12

# What must have happened in so many cases for the comparison to mean anything; counted by the slow engine.
RARE_EVENTS = {
    "preempted": 150,
    "preempted again": 40,
    "preempted after being scheduled": 20,
    "preempted in the middle of a prefill": 30,
    "several preempted at once": 20,
    "preempts itself before others": 20,
    "cut by the budget": 50,
    "starved behind a chunk": 50,
    "held back by the watermark": 30,
}


def synchronous_case(seed: int, large: bool) -> Case:
    """A case for vllm, without what a policy of the caller's does not have."""
    case = a_case(SeededSource(seed), LARGE) if large else a_case(SeededSource(seed))
    case.options = replace(
        case.options, policy="vllm", async_scheduling=False, enable_prefix_caching=False, kv_offload=None
    )
    if case.options.queue_order == "shortest_output":
        # The queue goes by the output_length, the oracle by what max_model_len leaves of it.
        case.options.max_model_len = None
    longest = max(map(sum, zip(case.workload.prompt_length, case.workload.output_length, strict=True)))
    if longest > case.options.max_num_batched_tokens:
        # vllm would reject what is too long for one iteration.
        case.options.enable_chunked_prefill = True
    return case


def assert_same_as_own(case: Case, style: Style) -> SlowResult:
    case.options.log_queues = False
    expected = run_slow(case)
    own: dict[str, Any] = {"policy": vllm_policy(case.options, style), "queue_order": "arrival"}
    got = run_library(case, **own, log_iterations=True, log_decisions=True, attribution=True)
    assert_same_decisions(expected, got)
    assert_same_iterations(expected, got)
    assert_same_results(expected, got)
    assert_same_attribution(expected, got)
    for arguments in ({"attribution": True}, {}):
        got = run_library(case, **own, **arguments)
        assert_same_results(expected, got)
        if arguments:
            assert_same_attribution(expected, got)
    return expected


def test_vllm_as_a_policy_of_the_caller_gives_the_same_bits_as_the_slow_engine() -> None:
    seen: Counter[str] = Counter()
    ends: Counter[EndReason] = Counter()
    for seed in range(CASES + LARGE_CASES):
        case = synchronous_case(20_000 + seed, large=seed >= CASES)
        style = STYLES[seed % len(STYLES)]
        try:
            expected = assert_same_as_own(case, style)
        except Exception as error:
            raise AssertionError(f"seed {20_000 + seed}, {style}: {error}\n{case}") from error
        seen.update(event for event, count in expected.seen.items() if count)
        ends[EndReason(expected.end_reason)] += 1
    assert {event: seen[event] for event, least in RARE_EVENTS.items() if seen[event] < least} == {}
    assert min(ends[reason] for reason in EndReason) >= 10, ends


class StopError(Exception):
    """What nothing else raises."""


def schedule_all(view: PolicyView, decision: PolicyDecision) -> None:
    decision.schedule(np.arange(view.count), view.uncomputed_tokens)


def test_a_policy_sees_arrays_of_the_librarys_memory() -> None:
    requests = RequestColumns([3, 2], [5, 4], [0.0, 0.01], priority=[7, -2])
    seen = []

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        columns = {
            name: getattr(view, name)
            for name, value in vars(type(view)).items()
            if not name.startswith("_") and isinstance(getattr(view, name), np.ndarray) and name != "uncomputed_tokens"
        }
        assert len(columns) == 9
        for name, column in columns.items():
            assert column.shape == (view.count,), name
            assert not column.flags.writeable, name
            assert not column.flags.owndata, name
        seen.append({name: column.tolist() for name, column in columns.items()})
        assert (view.max_num_seqs, view.max_num_batched_tokens, view.block_size) == (256, 2048, 2)
        assert (view.kv_blocks_free, view.kv_blocks_usable) == (19 - int(view.kv_blocks.sum()), 19)
        assert view.time == pytest.approx(0.01 * view.iteration)
        schedule_all(view, decision)

    result = simulate(requests, policy=decide, num_gpu_blocks=20, block_size=2)
    assert result.policy == "custom"
    assert result.end_reason == EndReason.COMPLETED
    assert seen == [
        {
            "request": [0],
            "arrival_time": [0.0],
            "prompt_tokens": [5],
            "generated_tokens": [0],
            "computed_tokens": [0],
            "kv_blocks": [0],
            "priority": [7],
            "tie_break": [0],
            "oracle_output_tokens": [3],
        },
        {
            "request": [0, 1],
            "arrival_time": [0.0, 0.01],
            "prompt_tokens": [5, 4],
            "generated_tokens": [1, 0],
            "computed_tokens": [5, 0],
            "kv_blocks": [3, 0],
            "priority": [7, -2],
            "tie_break": [0, 1],
            "oracle_output_tokens": [3, 2],
        },
        {
            "request": [0, 1],
            "arrival_time": [0.0, 0.01],
            "prompt_tokens": [5, 4],
            "generated_tokens": [2, 1],
            "computed_tokens": [6, 4],
            "kv_blocks": [3, 2],
            "priority": [7, -2],
            "tie_break": [0, 1],
            "oracle_output_tokens": [3, 2],
        },
    ]


def test_an_exception_comes_out_of_the_call_with_its_traceback() -> None:
    def fail_in_the_third(view: PolicyView, decision: PolicyDecision) -> None:
        if view.iteration == 2:
            raise StopError("enough")
        schedule_all(view, decision)

    with pytest.raises(StopError, match="enough") as raised:
        simulate(RequestColumns([5]), policy=fail_in_the_third)
    assert "fail_in_the_third" in [frame.name for frame in traceback.extract_tb(raised.tb)]


def test_an_interrupt_comes_out_too() -> None:
    def interrupt(view: PolicyView, decision: PolicyDecision) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(RequestColumns([5]), policy=interrupt)


@pytest.mark.parametrize(
    ("decide", "error", "sentence"),
    [
        (
            lambda decision: decision.schedule(5, 1),
            ValueError,
            r"iteration 0: scheduled_row\[0\] is 5: must be at least",
        ),
        (
            lambda decision: decision.schedule(-1, 1),
            ValueError,
            r"scheduled_row\[0\] is -1: must be at least 0 and less",
        ),
        (lambda decision: decision.schedule([0, 0], 1), ValueError, r"scheduled_row\[1\] is 0: that row is scheduled"),
        (lambda decision: decision.schedule(0, 9), ValueError, r"is 9: must be between 1 and the 3 that request 0"),
        (lambda decision: decision.preempt(0), ValueError, r"preempted_row\[0\]|preempted_count is 1: must be"),
        (
            lambda decision: decision.schedule([0, 1, 0], 1),
            ValueError,
            "3 rows would be scheduled: must be at most as many",
        ),
        (
            lambda decision: decision.schedule([0, 1], [1, 1, 1]),
            ValueError,
            "tokens has 3 elements: must have as many as rows, 2",
        ),
        (lambda decision: decision.schedule(0, 2**40), ValueError, "tokens are 1099511627776: must be between 1 and"),
        (lambda decision: decision.schedule(0.5, 1), TypeError, "rows are 0.5: must be integers"),
        (lambda decision: decision.schedule("a", 1), TypeError, "rows are 'a': must be integers"),
        (lambda decision: decision.schedule([[0]], 1), TypeError, "must be integers, one or in one dimension"),
        (lambda decision: setattr(decision, "decode_rest", 1), TypeError, "decode_rest of the policy's decision is 1"),
        (
            lambda decision: setattr(decision, "wait_until", "x"),
            TypeError,
            "wait_until of the policy's decision is 'x'",
        ),
        (lambda decision: setattr(decision, "wait_until", 0.0), ValueError, "must be after now, or None"),
        (lambda decision: setattr(decision, "wait_until", math.nan), ValueError, "wait_until is nan"),
    ],
)
def test_a_decision_that_is_not_valid_is_refused(
    decide: Callable[[PolicyDecision], None], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        simulate(RequestColumns([3, 3], [3, 3]), policy=lambda _, decision: decide(decision))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"queue_order": "priority"}, "queue_order is 'priority': must be 'arrival' with a policy of your own"),
        ({"enable_prefix_caching": True}, "enable_prefix_caching is True: must be False without num_gpu_blocks"),
    ],
)
def test_what_a_policy_of_the_callers_cannot_have_is_named(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BatchingValueError, match=sentence):
        simulate(RequestColumns([3]), policy=schedule_all, **arguments)


def test_the_word_custom_is_no_policy() -> None:
    with pytest.raises(BatchingValueError, match=r"policy is 'custom': must be one of 'vllm'.*, or a function"):
        simulate(RequestColumns([3]), policy="custom")  # type: ignore[arg-type]


def test_a_policy_that_decides_nothing_is_stuck() -> None:
    result = simulate(RequestColumns([3, 3]), policy=lambda _view, _decision: None)
    assert result.end_reason == EndReason.STUCK
    assert set(result.status.tolist()) == {RequestStatus.STUCK}


def test_a_request_that_was_left_out_decodes_with_the_rest() -> None:
    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        if view.iteration == 0:
            schedule_all(view, decision)
        elif view.iteration == 1:
            decision.schedule(0, 1)
        else:
            decision.decode_rest = True

    result = simulate(RequestColumns([3, 3], [2, 2]), policy=decide, log_decisions=True)
    # Request 1 gets nothing in iteration 1.
    assert result.end_time.tolist() == [0.03, 0.04]
    log = result.decision_log
    assert log is not None
    scheduled = [(i, r) for i, r, e in zip(log.iteration, log.request, log.event, strict=True) if e == Event.SCHEDULED]
    assert scheduled == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (3, 1)]


def test_rows_keep_their_order_wherever_requests_join_from() -> None:
    """A policy at random, against a model of the rows that is kept by hand."""
    rng = np.random.default_rng(5)
    model: list[int] = []
    running = 0
    prompts, arrivals = rng.integers(1, 9, 400), rng.uniform(0, 3, 400)
    trace = RequestColumns(rng.integers(1, 12, 400), prompts, arrivals)

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        nonlocal model, running
        there = view.request.tolist()
        finished = [request for request in model[:running] if request not in there]
        running -= len(finished)
        model = [request for request in model if request not in finished]
        arrived = sorted(set(there) - set(model), key=lambda request: (arrivals[request], request))
        model += arrived
        assert there == model
        assert view.running_count == running
        assert (view.prompt_tokens == prompts[there]).all()
        assert (view.oracle_output_tokens == trace.output_length[there]).all()
        assert (view.kv_blocks == -(-view.computed_tokens // 3) * (np.arange(view.count) < running)).all()
        preempted = rng.permutation(running)[: rng.integers(0, 3) if rng.random() < 0.2 else 0].tolist()
        kept = [row for row in range(running) if row not in preempted]
        admitted = rng.permutation(np.arange(running, view.count))[: 12 - len(kept)].tolist()
        # A policy that decides nothing at all would wait for an arrival.
        some = [row for row in kept if rng.random() < 0.8] or kept
        decision.preempt(preempted)
        decision.schedule([*some, *admitted], [1] * len(some) + view.uncomputed_tokens[admitted].tolist())
        lifted = [*admitted, *preempted]
        model = (
            [model[row] for row in kept]
            + [model[row] for row in admitted]
            + [model[row] for row in reversed(preempted)]
            + [model[row] for row in range(running, view.count) if row not in lifted]
        )
        running = len(kept) + len(admitted)

    result = simulate(trace, policy=decide, max_num_seqs=12, block_size=3)
    assert result.finished == 400
    assert result.total_preemptions > 20
