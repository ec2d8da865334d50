"""Prints the digests of a few hundred runs of the engine: to compare processes. Run by test_engine_determinism.py."""

import hashlib
import struct
import sys

from oracle.cases import Case, SeededSource, a_case
from oracle.comparison import COLUMNS, DECISION_COLUMNS, ITERATION_COLUMNS, run_library
from oracle.records import SUMMARY_FIELDS

COUNT = 300


def digest(case: Case) -> str:
    """Of every byte that a run tells."""
    result = run_library(case, log_iterations=True, log_decisions=True, log_queues=True)
    told = hashlib.sha256()
    for of, names in (
        (result, COLUMNS),
        (result.iteration_log, ITERATION_COLUMNS),
        (result.decision_log, DECISION_COLUMNS),
    ):
        for name in names:
            told.update(getattr(of, name).tobytes())
    for name in SUMMARY_FIELDS:
        told.update(struct.pack("<d", getattr(result, name)))
    return told.hexdigest()


def digests() -> list[str]:
    """Of one case after the other."""
    return [digest(a_case(SeededSource(seed))) for seed in range(COUNT)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(digests()) + "\n")
