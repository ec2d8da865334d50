"""The same input gives the same bytes: in every thread, and in a process whose hashes are seeded otherwise."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine_digest import digest


def in_a_process(hash_seed: str) -> str:
    program = Path(__file__).with_name("engine_digest.py")
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    # The path of this process, as it is: the package may be found in more than one way.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    ended = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=120, env=environment
    )
    return ended.stdout.strip()


def test_same_bytes_from_threads_that_run_at_once() -> None:
    expected = digest()
    with ThreadPoolExecutor(2) as pool:
        assert [found.result() for found in [pool.submit(digest), pool.submit(digest)]] == [expected, expected]


def test_same_bytes_from_processes_with_other_hash_seeds() -> None:
    assert {in_a_process("1"), in_a_process("4294967295")} == {digest()}


def test_other_bytes_where_something_else_is_simulated() -> None:
    assert digest(watermark=0.5) != digest()
