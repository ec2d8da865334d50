"""The programs in the README at the top run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batching._ffi import loader

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"


def programs(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def output_of(*command: str | Path, folder: Path) -> str:
    """What a program that runs in a folder prints, if it succeeds. A first build in Swift takes a minute."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


# By hand: 430 tokens in 3.6 s and in 2.3 s; latencies 2.1, 2.0, 3.4, 3.3 and 0.5, 2.0, 0.6, 2.0.
LESSON = (
    "static_batch_simulation: 119.4 tokens/s, mean latency 2.700 s\n"
    "continuous_batch_simulation: 187.0 tokens/s, mean latency 1.275 s\n"
)

# A word that only one program has, and what that program prints.
PYTHON = {
    "static_batch_simulation,\n": re.escape(LESSON),
    # 260 tokens in the mean; the sum has a standard deviation of 139 x sqrt(10^7), under half a million.
    "generate_workload(10_000_000": r"Batch metrics\n  tokens +2,(599|600|601),\d\d\d,\d\d\d\n.*",
    '"orca", "static"': r"vllm +TTFT[^\n]*\norca +TTFT[^\n]*\nstatic +TTFT[^\n]*\n",
    # Shortest first lets the mean wait less, whatever the lengths.
    "shortest_prompt_first": r"vllm +mean TTFT \d+\.\d\d s\ncustom +mean TTFT \d+\.\d\d s\n",
    "attribution=True": (
        r"0 to 50%: [\d.]+ s, most of it decode\n50 to 90%: [^\n]*\n90 to 99%: [^\n]*\n"
        r"99 to 100%: [\d.]+ s, most of it slowed_by_prefill\n"
        r"static: [\d.]+ waiting, 5\d\.\d% of [^\n]*\ncontinuous: 0\.0 waiting, 0\.0% of [^\n]*\n"
    ),
    "write_results(": "",
    "read_trace(": (
        r"Trace\(csv, RequestColumns\(2 requests, 80 output tokens, arrivals 0\.0 to 1\.5 s\), 1 skipped\)\n"
        r"\{'output_length is no integer from 1 to 2147483647': 1\}\n"
    ),
    # By hand: two of three requests in 1.5 s; the 99th percentile of 0.25, 0.5 and 0.75 is 0.745.
    "RecordedRequests(": r".*goodput 1\.333 requests/s, TTFT 745 ms at p99\n",
    # By hand: 10.25 - 10.0; one of two that ended; request 8.
    "live = Accumulator(": r"TTFT 0\.25 s, 50% good, 1 waiting\n",
    # The idle replica: one iteration of 5.5 ms and 800 prompt tokens of 28 us.
    "LiveEngine(num": (
        r"replica 1: first token after 27\.9 ms, not \d\d\d\.\d\n"
        r"\[\(2, 'ADMITTED'\), \(2, 'FIRST_TOKEN'\)\]\n"
    ),
    # 1,000 tokens, the longest output, take 5.5 s if no prompt comes between: a request that leaves has waited first.
    "abort_time=": r"1\d\d\d requests had their answer, [1-9]\d* left; \d+\.\d% were good\n",
    "generate_requests(": r"RequestColumns\(10000 requests, .*\)\n",
}


@pytest.mark.parametrize("word", PYTHON)
def test_python(tmp_path: Path, word: str) -> None:
    (program,) = [program for program in programs("python") if word in program]
    assert re.fullmatch(PYTHON[word], output_of(sys.executable, "-c", program, folder=tmp_path), re.DOTALL)


def test_every_python_program_is_run() -> None:
    assert len(programs("python")) == len(PYTHON)


@pytest.mark.parametrize(
    ("language", "suffix", "compiler", "printed"),
    [
        ("c", ".c", ["cc", "-std=c99"], "187.0 tokens/s in 2.3 s\n"),
        ("cpp", ".cpp", ["c++", "-std=c++17"], "187.0 tokens/s, mean latency 1.275 s\n"),
    ],
)
def test_compiled(tmp_path: Path, language: str, suffix: str, compiler: list[str], printed: str) -> None:
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"needs {compiler[0]}")
    (program,) = programs(language)
    source, executable = tmp_path / f"program{suffix}", tmp_path / "program"
    source.write_text(program, encoding="utf-8")
    library = Path(loader.candidate()[0]).resolve()
    # The file's own path instead of -lbatching: a package's copy of the library has no folder of links around it.
    output_of(
        *compiler, "-Wall", "-Werror", f"-I{ROOT / 'include'}", source, library, "-o", executable, folder=tmp_path
    )
    soname = tmp_path / "libbatching.so.1"
    soname.symlink_to(library)
    ended = subprocess.run(
        [executable], capture_output=True, text=True, check=False, env={"LD_LIBRARY_PATH": str(tmp_path)}
    )
    assert ended.stdout == printed, ended.stderr


def test_swift() -> None:
    if shutil.which("swift") is None:
        pytest.skip("needs a Swift toolchain")
    program, manifest = sorted(programs("swift"), key=lambda program: "PackageDescription" in program)
    # Always the same folder, so that a second run builds nothing again. Beside it lies "a checkout of this repository".
    folder = ROOT / "build" / "readme" / "program"
    sources = folder / "Sources" / "program"
    sources.mkdir(parents=True, exist_ok=True)
    (folder / "Package.swift").write_text(manifest, encoding="utf-8")
    (sources / "main.swift").write_text(program, encoding="utf-8")
    checkout = folder.parent / "batching"
    checkout.unlink(missing_ok=True)
    checkout.symlink_to(ROOT)
    printed = output_of("swift", "run", "--quiet", folder=folder)
    # By hand: 430 tokens in 2.3 s.
    assert printed == "186.95652173913044 tokens/s, mean latency 1.275 s\n"


def test_the_command() -> None:
    """The session of a shell: what is printed is what the command prints."""
    pytest.importorskip("typer")
    pytest.importorskip("rich")
    (block,) = re.findall(
        r"^    \$ batching (.*)\n((?:    .*\n|\n)+)", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    ended = subprocess.run(
        [sys.executable, "-m", "batching", *block[0].split()],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert ended.stdout.strip() == re.sub("^    ", "", block[1], flags=re.MULTILINE).strip()
