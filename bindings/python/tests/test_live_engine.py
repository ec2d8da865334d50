"""Live engines: the decisions of the slow engine in any slices, and what a host can do with them besides."""

from dataclasses import replace

import numpy as np

from engine_cases import Case, SeededSource, a_case
from engine_comparison import run_slow
from live_driver import Drive

SEEDS = range(50_000, 52_000)
COLUMNS = ["start_time", "first_token_time", "end_time", "preemptions", "prefix_cached_tokens", "status"]


def a_live_case(source: SeededSource) -> Case:
    """A case without what a live engine does not have: limits, and what goes on until one is reached."""
    case = a_case(source)
    case.options = replace(
        case.options, time_limit=None, iteration_limit=None, admit_oversized=False, async_scheduling=False
    )
    return case


def assert_same_in_slices(seed: int) -> None:
    source = SeededSource(seed)
    case = a_live_case(source)
    expected = run_slow(case)
    told = Drive(case, source).run()
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), err_msg=name)
    assert told.completion_order == [index for index in expected.completion_order if index >= 0]
    assert told.times == sorted(told.times)


def test_slices_give_the_bits_of_the_slow_engine() -> None:
    for seed in SEEDS:
        try:
            assert_same_in_slices(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
