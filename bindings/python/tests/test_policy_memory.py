"""A policy of the caller's with a prefix cache, and asynchronously: what it is shown, and what comes of its decisions,
is what the slow engine shows and does.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from batching import BatchingValueError, PolicyDecision, PolicyView, RequestColumns, simulate
from oracle.cases import LARGE, Case, SeededSource, a_case, an_offload
from oracle.comparison import (
    assert_same_attribution,
    assert_same_decisions,
    assert_same_iterations,
    assert_same_results,
    run_library,
    run_slow,
)
from oracle.policies import Style, moody_policy, vllm_policy
from oracle.records import SlowResult

STYLES: tuple[Style, ...] = get_args(Style)
VIEW = [
    "iteration", "time", "count", "running_count", "kv_blocks_free", "request", "arrival_time", "prompt_tokens",
    "generated_tokens", "computed_tokens", "kv_blocks", "priority", "tie_break", "oracle_output_tokens",
    "uncomputed_tokens", "kv_blocks_usable", "block_size", "max_num_seqs", "max_num_batched_tokens",
]  # fmt: skip
SMALL_CASES, LARGE_CASES = 800, 2


class Shown:
    """Asks a policy, and notes what it was shown."""

    def __init__(self, policy: Callable[[Any, Any], object]) -> None:
        self.policy = policy
        self.views: list[Any] = []

    def __call__(self, view: Any, decision: Any) -> None:
        columns = [np.asarray(getattr(view, name)).tolist() for name in VIEW]
        self.views.append((columns, [column.tolist() for column in view.look_up(range(view.count))]))
        self.policy(view, decision)


def a_policy_case(seed: int, *, large: bool, asynchronous: bool) -> Case:
    source = SeededSource(seed)
    case = a_case(source, LARGE) if large else a_case(source)
    options = replace(
        case.options, policy="vllm", queue_order="arrival", async_scheduling=asynchronous, enable_chunked_prefill=True,
        log_queues=False,
    )  # fmt: skip
    if options.num_gpu_blocks is not None and not options.instant_prefill:
        options.enable_prefix_caching = source.integer(0, 3) > 0
    options.kv_offload = an_offload(source, options.block_size) if options.enable_prefix_caching else None
    case.options = options
    return case


def assert_same(case: Case, policy: Callable[[Any, Any], object], *, until_change: bool = False) -> SlowResult:
    expecting, asked = Shown(policy), Shown(policy)
    case.options.custom = expecting
    expected = run_slow(case)
    case.options.custom = asked
    got = run_library(case, log_iterations=True, log_decisions=True, attribution=True)
    assert_same_decisions(expected, got)
    assert_same_iterations(expected, got)
    assert_same_results(expected, got)
    assert_same_attribution(expected, got)
    if not until_change:
        assert asked.views == expecting.views
    case.options.custom = policy
    assert_same_results(expected, run_library(case))
    return expected


@pytest.mark.parametrize("asynchronous", [False, True])
def test_decisions_of_vllm_are_carried_out_as_in_the_slow_engine(*, asynchronous: bool) -> None:
    seen: Counter[str] = Counter()
    for seed in range(400_000, 400_000 + SMALL_CASES + LARGE_CASES):
        style = STYLES[seed % len(STYLES)]
        case = a_policy_case(seed, large=seed >= 400_000 + SMALL_CASES, asynchronous=asynchronous)
        try:
            expected = assert_same(case, vllm_policy(case.options, style), until_change=style == "until change")
        except Exception as error:
            raise AssertionError(f"seed {seed}, {style}: {error}\n{case}") from error
        seen.update(event for event, count in expected.seen.items() if count)
    rare = {"found what was released": 30, "evicted": 30, "resumed with a hit": 10, "preempted again": 15}
    if asynchronous:
        rare |= {"aborted in flight": 5, "finished while waiting": 3, "token of a preempted request": 10}
    assert {event: seen[event] for event, least in rare.items() if seen[event] < least} == {}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_any_decisions_are_carried_out_as_in_the_slow_engine(*, asynchronous: bool) -> None:
    for seed in range(410_000, 410_000 + SMALL_CASES):
        case = a_policy_case(seed, large=False, asynchronous=asynchronous)
        case.options.iteration_limit = case.options.iteration_limit or 500
        try:
            assert_same(case, moody_policy(seed, holds=False))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}\n{case}") from error


def test_what_cannot_be_looked_up() -> None:
    views: list[PolicyView] = []

    def decide(view: PolicyView, decision: PolicyDecision) -> None:
        for rows, sentence in (
            (2, r"rows\[0\] is 2: must be at least 0 and less than the number of rows of the view, 2"),
            ([0, -1], r"rows\[1\] is -1: must be at least 0"),
        ):
            with pytest.raises(BatchingValueError, match=sentence):
                view.look_up(rows)
        with pytest.raises(TypeError, match="rows are 'a': must be integers"):
            view.look_up("a")  # type: ignore[arg-type]
        assert [column.tolist() for column in view.look_up([])] == [[], []]
        assert [column.tolist() for column in view.look_up(1)] == [[0], [0]]
        views.append(view)
        decision.schedule(range(view.count), view.uncomputed_tokens)

    assert simulate(RequestColumns([1, 1], [3, 3]), policy=decide).finished == 2
    with pytest.raises(BatchingValueError, match="look_up is asked for after the call of the policy"):
        views[0].look_up(0)
