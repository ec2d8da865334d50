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
    AffineTime,
    BatchingCancelledError,
    BatchingValueError,
    EndReason,
    Event,
    PolicyDecision,
    PolicyView,
    RequestColumns,
    RequestStatus,
    Result,
    simulate,
)
from engine_cases import LARGE, Case, SeededSource, a_case
from engine_comparison import (
    assert_same_attribution,
    assert_same_decisions,
    assert_same_iterations,
    assert_same_results,
    run_library,
    run_slow,
)
from engine_policies import Style, vllm_policy
from slow_records import SlowResult

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
    case.options = replace(case.options, policy="vllm", async_scheduling=False, enable_prefix_caching=False)
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
