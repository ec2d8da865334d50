"""The program whose output is compared with that of Swift and C prints what the head of cases.txt says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import differential_cases
from batching import RequestColumns, simulate_static

H = "[0-9a-f]{16}"
METRICS = " ".join(
    f"{name}={H}"
    for name in [
        "throughput",
        "total_tokens",
        "avg_latency",
        "p50_latency",
        "p95_latency",
        "p99_latency",
        "avg_queue_time",
        "avg_time_to_first_token",
        "gpu_utilization",
    ]
)
LOAD = " ".join(
    f"{name}={H}"
    for name in ("mean_running", "mean_waiting", "mean_tokens", "peak_tokens", "wasted_slot_share", "attribution")
)


def test_hash_is_fnv1a() -> None:
    # Test vectors of its authors (Fowler, Noll, Vo; draft-eastlake-fnv).
    assert differential_cases.fnv1a(np.frombuffer(b"", np.uint8)) == 0xCBF29CE484222325
    assert differential_cases.fnv1a(np.frombuffer(b"a", np.uint8)) == 0xAF63DC4C8601EC8C
    assert differential_cases.fnv1a(np.frombuffer(b"foobar", np.uint8)) == 0x85944171F73967E8


def test_numbers_are_their_bit_patterns() -> None:
    assert differential_cases.hexadecimal(1.0) == "3ff0000000000000"
    assert differential_cases.hexadecimal(0.0) == "0000000000000000"
    assert differential_cases.hexadecimal(430) == "00000000000001ae"


def test_every_case_has_its_eleven_lines() -> None:
    lines = differential_cases.all_lines(differential_cases.CASES)
    cases = [
        line.split(" ")[0] for line in differential_cases.CASES.read_text().splitlines() if line and line[0] != "#"
    ]
    assert len(cases) >= 20
    for number, kind in enumerate(cases, start=1):
        workload, run, metrics, load, accumulator, serving, shaped, live, ends, closed, times = lines[
            11 * (number - 1) : 11 * number
        ]
        assert re.fullmatch(f"case {number} workload hash={H}", workload)
        assert re.fullmatch(f"case {number} {kind} total={H} throughput={H} hash={H}", run)
        assert re.fullmatch(f"case {number} metrics {METRICS}", metrics)
        assert re.fullmatch(f"case {number} load {LOAD}", load)
        assert re.fullmatch(f"case {number} accumulator state={H} prometheus={H}", accumulator)
        assert re.fullmatch(f"case {number} serving totals={H} distributions={H}", serving)
        assert re.fullmatch(f"case {number} shaped workload={H} hash_ids={H}", shaped)
        assert re.fullmatch(f"case {number} live state={H} estimate={H}", live)
        assert re.fullmatch(f"case {number} ends hash={H} aborted={H}", ends)
        assert re.fullmatch(f"case {number} closed hash={H} not_sent={H}", closed)
        assert re.fullmatch(f"case {number} times roofline={H} table={H}", times)


def test_no_two_cases_give_the_same_unless_they_are_empty() -> None:
    lines = differential_cases.all_lines(differential_cases.CASES)
    runs = [line.split(" ", 2)[2] for line in lines[1::10]]
    # static and continuous differ in their word even where they agree.
    assert len(set(runs)) == len(runs)


def test_the_program_prints_these_lines() -> None:
    program = Path(differential_cases.__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    printed = subprocess.run(
        [sys.executable, str(program), str(differential_cases.CASES)], env=environment, capture_output=True, check=True
    )
    assert printed.stdout.decode("ascii") == "\n".join(differential_cases.all_lines(differential_cases.CASES)) + "\n"


def test_the_bytes_hashed_are_little_endian() -> None:
    result = simulate_static(RequestColumns([1]), 1, 1.0)
    # 0.0, 1.0 and 1.0 as doubles, 0 as an integer.
    expected = np.frombuffer(bytes(8) + 2 * bytes([0, 0, 0, 0, 0, 0, 0xF0, 0x3F]) + bytes(8), np.uint8)
    columns = (result.start_time, result.first_token_time, result.end_time, result.completion_order)
    assert differential_cases.fnv1a(*columns) == differential_cases.fnv1a(expected)
