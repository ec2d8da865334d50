"""A digest of all that the library tells of some random cases. Run as a program, it prints that digest."""

import hashlib
from typing import Any

import numpy as np

from engine_cases import LARGE, SMALL, SeededSource, a_case
from engine_comparison import COLUMNS, DECISION_COLUMNS, ITERATION_COLUMNS, run_library
from slow_records import SUMMARY_FIELDS

CASES = [*((SMALL, seed) for seed in range(40_000, 40_200)), *((LARGE, seed) for seed in range(50_000, 50_005))]


def digest(watermark: float = 0.0) -> str:
    """`watermark` stands in for any change of what is simulated."""
    told = hashlib.sha256()
    for scale, seed in CASES:
        case = a_case(SeededSource(seed), scale)
        case.options.watermark += watermark if case.options.watermark == 0 else 0.0
        case.options.log_queues = True
        result = run_library(case, log_iterations=True, log_decisions=True)
        parts: list[tuple[Any, list[str]]] = [
            (result, [*COLUMNS, *SUMMARY_FIELDS]),
            (result.iteration_log, ITERATION_COLUMNS),
            (result.decision_log, DECISION_COLUMNS),
        ]
        for part, names in parts:
            for name in names:
                told.update(np.asarray(getattr(part, name)).tobytes())
    return told.hexdigest()


if __name__ == "__main__":
    print(digest())
