"""Where traces are read from, errors that name it, and signals that come while it is read or written."""

import gc
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import (
    RequestColumns,
    Result,
    TraceError,
    read_runs,
    read_trace,
    simulate,
    write_results,
    write_vllm_bench,
)

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

CSV = b"arrival_time,prompt_length,output_length\n1,10,5\n2.5,11,6\n"
JSON = b'{"arrival_time": 1, "prompt_length": 10, "output_length": 5}\n' * 2


def parquet_bytes() -> bytes:
    content = io.BytesIO()
    parquet.write_table(pa.table({"arrival_time": [1.0, 2.5], "output_length": [5, 6]}), content)
    return content.getvalue()


CONTENTS = {"csv": CSV, "json": JSON, "parquet": parquet_bytes()}


@pytest.mark.parametrize("form", CONTENTS)
def test_open_files_are_read_and_left_open(tmp_path: Path, form: str) -> None:
    content = CONTENTS[form]
    expected = read_trace(io.BytesIO(content))
    assert (expected.format, len(expected.requests)) == (form, 2)
    path = tmp_path / "trace"
    path.write_bytes(b"head" + content)
    with path.open("rb") as file:
        # From where it is.
        file.seek(4)
        assert repr(read_trace(file)) == repr(expected)
        assert not file.closed
    with path.open("rb", buffering=0) as raw, pytest.raises(TraceError, match=f"^{re.escape(str(path))} "):
        read_trace(raw)
    reports: list[tuple[int, int]] = []
    read_runs(io.BytesIO(content), progress=lambda done, total: reports.append((done, total)))
    assert reports[-1] == (len(content), len(content))


@pytest.mark.parametrize("form", CONTENTS)
def test_pipes_are_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(CONTENTS[form],))
    writer.start()
    trace = read_trace(path)
    writer.join()
    assert (trace.format, len(trace.requests)) == (form, 2)


@pytest.mark.parametrize("form", CONTENTS)
def test_standard_input_is_read(form: str) -> None:
    program = "import batching; trace = batching.read_trace('-'); print(trace.format, len(trace.requests))"
    told = subprocess.run(
        [sys.executable, "-c", program], input=CONTENTS[form], capture_output=True, check=True, timeout=60
    )
    assert told.stdout.decode() == f"{form} 2\n"
    program = "import batching; batching.read_trace('-')"
    failed = subprocess.run(
        [sys.executable, "-c", program], input=b"a,b\n", capture_output=True, check=False, timeout=60
    )
    assert b"TraceError: standard input is of no known format" in failed.stderr


def test_what_is_no_binary_file_is_an_error() -> None:
    for file in (io.StringIO("a,b"), None, 5):
        with pytest.raises(TypeError):
            read_trace(file)  # type: ignore[arg-type]


def test_an_error_without_a_name_tells_that_it_is_the_file() -> None:
    with pytest.raises(TraceError, match=r"^the file is of no known format"):
        read_trace(io.BytesIO(b"nothing"))


class Failing(io.BytesIO):
    """A file whose disk is broken."""

    name = "broken.csv"

    def read(self, size: int | None = -1) -> bytes:  # noqa: ARG002
        raise OSError(5, "Input/output error")


def test_trouble_of_the_disk_names_the_file() -> None:
    with pytest.raises(OSError, match=r"Input/output error: 'broken\.csv'"):
        read_trace(Failing(b"x"))


class AlarmError(Exception):
    """What a handler raises."""


@pytest.fixture
def handled(request: pytest.FixtureRequest) -> Any:
    def ring(number: int, frame: object) -> None:
        raise AlarmError

    signals = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, ring) for number in signals}
    # What a handler raises in a callback of the collector, of which the test tools have one, is lost in Python itself.
    gc.disable()
    yield
    gc.enable()
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


ROWS = 400_000


def large(form: str) -> bytes:
    numbers = range(ROWS)
    if form == "csv":
        return b"arrival_time,prompt_length,output_length\n" + b"".join(b"%d,10,5\n" % number for number in numbers)
    if form == "json":
        return b"".join(b'{"arrival_time": %d, "output_length": 5}\n' % number for number in numbers)
    content = io.BytesIO()
    column = np.arange(1, ROWS + 1)
    parquet.write_table(pa.table({"arrival_time": column, "output_length": column}), content)
    return content.getvalue()


@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_what_a_signal_handler_raises_comes_out_of_reading(handled: None, form: str, number: signal.Signals) -> None:
    file = io.BytesIO(large(form))
    steps: list[int] = []

    def progress(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == 3:
            os.kill(os.getpid(), number)

    # At the latest when the batch after is done.
    with pytest.raises(AlarmError):
        read_trace(file, progress=progress)
    assert len(steps) in {3, 4}


def write_bench(result: Result, path: Path) -> None:
    write_vllm_bench(result, path, detailed=True)


WRITERS: Any = {"csv": write_results, "json": write_results, "parquet": write_results, "bench.json": write_bench}


@pytest.mark.parametrize("suffix", WRITERS)
def test_what_a_signal_handler_raises_comes_out_of_writing(handled: None, tmp_path: Path, suffix: str) -> None:
    result = simulate(RequestColumns(np.ones(200_000, np.int32)), max_num_seqs=1024)
    path, write = tmp_path / f"results.{suffix}", WRITERS[suffix]
    path.write_bytes(b"before")
    # What is imported and made once does not count.
    write(result, tmp_path / f"whole.{suffix}")
    seconds = processor_time(lambda: write(result, tmp_path / f"whole.{suffix}"))
    # At some moment on the way, by the clock of the work itself.
    signal.signal(signal.SIGPROF, signal.getsignal(signal.SIGALRM))
    signal.setitimer(signal.ITIMER_PROF, seconds / 4)
    try:
        with pytest.raises(AlarmError):
            write(result, path)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
    # The old file stays, and nothing else.
    assert path.read_bytes() == b"before"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f"results.{suffix}", f"whole.{suffix}"]


def processor_time(work: Callable[[], None]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_a_program_whose_results_find_no_room_ends(tmp_path: Path, suffix: str) -> None:
    program = (
        "import resource, sys, numpy, batching\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "result = batching.simulate(batching.RequestColumns(numpy.random.default_rng(1).integers(1, 9, 100_000)))\n"
        "try: batching.write_results(result, sys.argv[1])\n"
        "except OSError: print('error')"
    )
    path = tmp_path / f"results.{suffix}"
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, check=False, text=True, timeout=120
    )
    assert (ended.returncode, ended.stdout) == (0, "error\n"), ended.stderr
    assert list(tmp_path.iterdir()) == []
