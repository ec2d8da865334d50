"""The same input gives the same bytes: again, in several threads at once, and in another process."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

import engine_digests
from engine_digests import COUNT, digest, digests
from oracle.cases import SeededSource, a_case


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return digests()


def test_the_digests_tell_runs_apart(expected: list[str]) -> None:
    # Runs without a request that is not rejected may be the same.
    assert len(set(expected)) > 0.9 * COUNT
    # So are those of which the last request is not served.
    assert sum(depends_on_the_last(seed) for seed in range(20)) >= 10


def depends_on_the_last(seed: int) -> bool:
    case = a_case(SeededSource(seed))
    case.workload.max_tokens = None
    before = digest(case)
    case.workload.output_length = [*case.workload.output_length[:-1], 99]
    return digest(case) != before


def test_again(expected: list[str]) -> None:
    assert digests() == expected


def test_in_several_threads_at_once(expected: list[str]) -> None:
    threads = 4
    start = Barrier(threads)

    def run(_: int) -> list[str]:
        start.wait()
        return digests()

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(run, range(threads))) == [expected] * threads


@pytest.mark.parametrize("seed", ["1", "4294967295"])
def test_in_another_process(expected: list[str], seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    program = Path(engine_digests.__file__)
    ended = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.splitlines() == expected
