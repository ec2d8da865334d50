"""What holds in every run holds in those of the library and of the slow engine, and each check can fail."""

from collections.abc import Callable

import pytest

from engine_cases import LARGE, SMALL, Case, SeededSource, a_case
from engine_comparison import run_library, run_slow
from engine_invariants import INVARIANTS
from engine_told import Told

Invariant = Callable[[Told], None]
Change = Callable[[Told], None]

CASES = [
    *(pytest.param(SMALL, range(block, block + 250), id=f"small, {block}") for block in range(20_000, 21_000, 250)),
    pytest.param(LARGE, range(30_000, 30_020), id="large"),
]


def told_by_library(case: Case) -> Told:
    return Told(case, run_library(case, log_iterations=True, log_decisions=True))


@pytest.mark.parametrize(("scale", "seeds"), CASES)
def test_invariants_hold(scale: object, seeds: range) -> None:
    for seed in seeds:
        case = a_case(SeededSource(seed), scale)  # type: ignore[arg-type]
        case.options.log_queues = True
        for told in (told_by_library(case), Told(case, run_slow(case))):
            for invariant in INVARIANTS:
                try:
                    invariant(told)
                except AssertionError as error:
                    raise AssertionError(f"seed {seed}: {invariant.__name__}: {error}\n{case}") from error
