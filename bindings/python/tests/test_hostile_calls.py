"""No call of a C function, however wrong, takes the process down or writes what it must not."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["hostile_calls.py", "hostile_engine_calls.py"])
def test_the_process_outlives_hostile_calls(name: str) -> None:
    program = Path(__file__).with_name(name)
    ended = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "alive\n"
