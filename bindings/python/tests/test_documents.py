"""The README and the manual say what is so: their programs run as they stand, their links lead somewhere, the commands
and the files that they name are there.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batching._ffi import loader
from documents import LANGUAGES, PROGRAMS, ROOT, RUN_ELSEWHERE, blocks, documents, name_of, programs, prose, the_program

# A first build in Swift takes a minute.
SECONDS = 400


def output_of(*command: str | Path, folder: Path) -> str:
    """What a program that runs in a folder prints, if it succeeds."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


# By hand: 430 tokens in 3.6 s and in 2.3 s; latencies 2.1, 2.0, 3.4, 3.3 and 0.5, 2.0, 0.6, 2.0.
LESSON = (
    "static_batch_simulation: 119.4 tokens/s, mean latency 2.700 s\n"
    "continuous_batch_simulation: 187.0 tokens/s, mean latency 1.275 s\n"
)
# By hand: 1,200 prompt tokens of 20 us and 5 ms; a decode; a decode and 200 prompt tokens; two decodes.
LONGER = "4 iterations, 0.048 s\n"

# A page, a word that only one program of it has, and what that program prints.
PYTHON = {
    ("README.md", "static_batch_simulation,\n"): re.escape(LESSON),
    # By hand: 3.6 s / 2.3 s, and 2.7 s / 1.275 s.
    ("docs/guide/textbook.md", "compare_batching_strategies"): r"throughput 1\.57x, latency 2\.12x better\n",
    # 260 tokens in the mean; the sum has a standard deviation of 139 x sqrt(10^7), under half a million.
    ("docs/guide/textbook.md", "10_000_000"): r"Batch metrics\n  tokens +2,(599|600|601),\d\d\d,\d\d\d\n.*",
    ("docs/guide/workloads.md", "generate_requests("): r"RequestColumns\(10000 requests, .*\)\n",
    ("docs/guide/engine.md", '"orca", "static"'): r"vllm +TTFT[^\n]*\norca +TTFT[^\n]*\nstatic +TTFT[^\n]*\n",
    ("docs/guide/engine.md", "EngineConfig("): re.escape(
        "EngineConfig(max_num_seqs=32, num_gpu_blocks=2000, iteration_time=0.02)\nTrue\n"
    ),
    # By hand, of 989.4 TFLOP/s and 3,350 GB/s. One sequence: 13.96 GB of weights at 0.75 of the bandwidth are 5.556 ms,
    # 1.05 GB of the output head 0.418, 131,072,000 bytes of KV at 0.72 are 0.054; 1 ms, 32 layers of 15 us and a
    # sequence of 5 us are 1.485: 7.51 ms. 64: the root of 5.556 and 1.129 squared, 5.67; that of 0.418 and 0.097, 0.43;
    # 3.48; 1.80: 11.38 ms. 256: 7.16 + 0.57 + 13.91 + 2.76 = 24.40 ms.
    ("docs/guide/times.md", "EngineConfig.for_deployment("): (
        r"EngineConfig\(max_num_seqs=128, num_gpu_blocks=2\d\d\d\d, "
        r"iteration_time=RooflineTime\(Llama-3\.1-8B \(bf16\) on H100-SXM\)\)\n1,[12]\d\d tokens/s\n"
        r"1 sequences: 7\.5 ms\n64 sequences: 11\.4 ms\n256 sequences: 24\.4 ms\n"
    ),
    # As the program in C says; 8,192 tokens take 512 blocks, and one is vLLM's null block: 28,151 / 512.
    ("docs/guide/hardware.md", "deployment_memory("): re.escape(
        "28152 KV blocks, 55.0 sequences of 8,192 tokens\nRooflineTime(Qwen3-30B-A3B (fp8) on H100-SXM)\n"
    ),
    ("docs/guide/times.md", "plot_iteration_time("): "",
    # By hand: 6 + 0.5 + 0.1 ms; 8 ms for 257 tokens, 0.5, 0.1, and 0.2 for the chunk.
    ("docs/guide/times.md", "TableTime.read("): re.escape("6.60 ms\n8.80 ms\n"),
    # What was simulated is found again: errors of less than half a percent.
    ("docs/guide/calibration.md", "max_num_seqs=8)"): re.escape("worst mean 0%\n1.00\n"),
    # There are chunks in iterations with prefill only, and one in nearly each.
    ("docs/guide/calibration.md", 'gpu="H100-SXM")\nuntold'): r"not told: .*per_prefill_chunk\n",
    # By hand, as in the guide to iteration times: 7.5 ms and what a sequence and its context add.
    ("docs/guide/calibration.md", "found.client_delay"): re.escape("20 ms, worst mean 0%\n"),
    ("docs/guide/calibration.md", "LiveCalibration("): r"(1\.0\d|0\.9\d)\n",
    ("docs/guide/calibration.md", "ClosedLoopRow("): (
        r"RooflineTime\(Llama-3\.1-8B \(bf16\) on H200-SXM, calibrated on 4 closed loops\)\n"
        r"2 x 256: [78] ms from names only\n16 x 256: [78] ms .*\n2 x 2048: [789] ms .*\n16 x 2048: 1?\d ms .*\n"
    ),
    # 512 of 637 tokens in the mean are shared; without the cache, all of them are computed.
    ("docs/guide/prefix-caching.md", "KVOffload("): (
        r"none: [\d,]+ tokens cached, 0 of them in host memory\n  0\.00 s of loads, 0 blocks written\n"
        r"host: [\d,]+ tokens cached, [\d,]{5,} of them in host memory\n"
        r"  [1-9]?\d\.\d\d s of loads, [\d,]{5,} blocks written\n"
    ),
    ("docs/guide/prefix-caching.md", "for caching in"): (
        r"(79|80|81)% of the tokens were cached\nprefill: [45]\.\d times as many tokens without the cache\n"
    ),
    # 1,000 tokens, the longest output, take 5.5 s if no prompt comes between: a request that leaves has waited first.
    ("docs/guide/fleet.md", "[256, 8] * 4"): re.escape(
        "round_robin [0, 1, 0, 1, 0, 1, 0, 1] 0.8419\nleast_requests [0, 1, 1, 0, 1, 0, 1, 0] 0.7501\n"
    ),
    # By hand: 10 ms and 1,000 prompt tokens of 0.1 ms; 131,072,000 bytes at 1.31072 GB/s; four iterations of 10 ms.
    ("docs/guide/fleet.md", "Disaggregation("): re.escape(
        "held 0.11 reserved 0.11 activated 0.21 decode_start 0.21 first_token 0.22 end 0.25 released 0.21 \n"
    ),
    # By hand: both come later by the delay, and the second finds all blocks but the last.
    ("docs/guide/fleet.md", "routing_delay=delay"): re.escape(
        "[0.0, 0.2] [0.0, 0.2] [0, 48]\n[0.0, 0.2] [0.25, 0.45] [0, 48]\n"
    ),
    # By hand: four iterations of 0.25 s; the second would start as its time is over.
    ("docs/guide/fleet.md", "Admission(max_in_flight=2"): re.escape(
        "['FINISHED', 'TIMED_OUT', 'REJECTED_ADMISSION'] [1.0, 1.0, 0.0]\n"
    ),
    # By hand: 0.25 s, 0.125 s, and 8 iterations of 0.0625 s.
    ("docs/guide/fleet.md", "Faults(given="): re.escape("[2, 1] [1, 1] [0.875, 0.125]\n[0.25, 0.875]\n"),
    # By hand: 15 requests have come by the first decision, and three have ended: more than one for each of four.
    ("docs/guide/fleet.md", "Scaling("): re.escape("15.0 4\nTrue True\n"),
    # By hand: request 1 has 8 iterations of 0.25 s from 0.5 s on replica 0, request 2 two on replica 1. The next one,
    # at 0.875 s, has its first token an iteration after 2.5 s.
    ("docs/guide/fleet.md", "LiveFleet("): re.escape(
        "[1, 1] 2\nreplica 0: first token after 1.875 s\n2 FINISHED 1 0.5\n1 FINISHED 0 2.0\n"
    ),
    ("docs/guide/ends-of-answers.md", "abort_time="): (
        r"1\d\d\d requests had their answer, [1-9]\d* left; \d+\.\d% were good\n"
    ),
    # By hand: 8 waves of 128 iterations, each sent as the one before ends: 3.5 waves are waited for in the mean.
    ("docs/guide/closed-loops.md", "max_concurrency=8"): re.escape(
        "10.24 s, E2E 1.28 s, 4.48 s at the client before\n"
    ),
    # By hand: the first turn ends at 1 s; the next comes 2 s later, when nothing else runs.
    ("docs/guide/closed-loops.md", "session=[0, 0, 1]"): re.escape("[0. 3. 0.] [1.  3.5 0.8]\n"),
    # More clients, more tokens a second, and longer answers.
    ("docs/guide/closed-loops.md", "Client(clients=clients"): (
        r" 16 clients: +\d{3,4} tokens/s, E2E +\d\.\d\d s, \d\d% cached\n"
        r" 64 clients: +\d{4} tokens/s, E2E +\d\.\d\d s, \d\d% cached\n"
        r"256 clients: +\d{4,5} tokens/s, E2E +\d+\.\d\d s, \d\d% cached\n"
    ),
    # By hand: request 1 has two tokens after two iterations, and request 2 takes its slot.
    ("docs/guide/logs.md", "run.iteration_log"): re.escape(
        "0.00 s: 2 run, 200 prefill tokens, 0 decode\n"
        "0.01 s: 2 run, 0 prefill tokens, 2 decode\n"
        "0.02 s: 2 run, 100 prefill tokens, 1 decode\n"
        "0.03 s: 1 run, 0 prefill tokens, 1 decode\n"
        "admitted: [0 1 2]\n"
    ),
    # By hand: requests 0 and 2 have two tokens and one at replica 0, one after the other; each has a row as it is
    # admitted, for each token, and as it finishes.
    ("docs/guide/logs.md", "simulate_fleet"): re.escape(
        "replica 0: 3 iterations from [0.0, 0.5, 1.0]\nreplica 1: 1 iterations from [0.0]\n[0, 0, 0, 0, 2, 2, 2]\n"
    ),
    ("docs/guide/logs.md", "attribution=True"): (
        r"0 to 50%: [\d.]+ s, most of it decode\n50 to 90%: [^\n]*\n90 to 99%: [^\n]*\n"
        r"99 to 100%: [\d.]+ s, most of it slowed_by_prefill\n"
        r"static: [\d.]+ waiting, 5\d\.\d% of [^\n]*\ncontinuous: 0\.0 waiting, 0\.0% of [^\n]*\n"
    ),
    # Shortest first lets the mean wait less, whatever the lengths.
    ("docs/guide/policies.md", "shortest_prompt_first"): (
        r"vllm +mean TTFT \d+\.\d\d s\ncustom +mean TTFT \d+\.\d\d s\n"
    ),
    # Who came first finds fewer of its prefixes than who is sent where most is found.
    ("docs/guide/policies.md", "longest_prefix_first"): (
        r"vllm   [2-4]\d% found, mean TTFT \d\.\d s\ncustom [6-8]\d% found, mean TTFT \d\.\d s\n"
    ),
    # The idle replica: one iteration of 5.5 ms and 800 prompt tokens of 28 us.
    ("docs/guide/live-engines.md", "LiveEngine(num"): (
        r"replica 1: first token after 27\.9 ms, not \d\d\d\.\d\n"
        r"\[\(2, 'ADMITTED'\), \(2, 'FIRST_TOKEN'\)\]\n"
    ),
    # By hand, an iteration each quarter of a second: the first gives two requests their first tokens, the fourth gives
    # request 1 its last; what is scheduled at 0.5 s, and at 1.0 s with request 2, has been decided.
    ("docs/guide/live-engines.md", "advance_logged(now)"): re.escape(
        "to 0.6 s: 2 iterations with 2 decodes; tokens were given to [0, 1]\n"
        "to 1.2 s: 2 iterations with 4 decodes; tokens were given to [0, 1, 2]\n"
    ),
    # By hand, the same iterations: request 1 has its four tokens at 1.0 s. Request 2, admitted then, has its first at
    # 1.25 s and another when it leaves at 1.5 s, before the next iteration. The tenth iteration ends at 2.5 s.
    ("docs/guide/live-engines.md", "event.attribution"): re.escape(
        "1 finished at 1.0 s: waited 0.0 s, decoded 0.75 s\n"
        "2 aborted at 1.5 s: waited 1.0 s, decoded 0.25 s\n"
        "0 finished at 2.5 s: waited 0.0 s, decoded 2.25 s\n"
    ),
    # By hand: nothing is known of either prompt, and the first worker with the fewest requests gets it. Without worker
    # 0 nothing is known of the law: request 1 goes to the idle worker 2, and request 3 follows it.
    ("docs/guide/routers.md", "Router("): re.escape("0 1\n[0]\n0\n2\n2\n[0, 1, 2]\n"),
    # By hand: ceil(60 / 10); 6 more are 100 %; 16 at most; what was wanted 300 s ago is over, and 100 % may go.
    ("docs/guide/autoscalers.md", "Autoscaler("): re.escape("0 6\n15 12\n30 16\n45 16\n329 16\n330 1\n"),
    # By hand: two of three requests in 1.5 s; the 99th percentile of 0.25, 0.5 and 0.75 is 0.745.
    ("docs/guide/metrics.md", "RecordedRequests("): r".*goodput 1\.333 requests/s, TTFT 745 ms at p99\n",
    # By hand: 10.25 - 10.0; one of two that ended; request 8.
    ("docs/guide/accumulator.md", "live = Accumulator("): r"TTFT 0\.25 s, 50% good, 1 waiting\n",
    ("docs/guide/traces.md", "read_trace("): (
        r"Trace\(csv, RequestColumns\(2 requests, 80 output tokens, arrivals 0\.0 to 1\.5 s\), 1 skipped\)\n"
        r"\{'output_length is no integer from 1 to 2147483647': 1\}\n"
    ),
    # 5.53 a second: 3,318 in 600 s, with a standard deviation of 58; then at 10 a second, and three times that.
    ("docs/guide/traces.md", "between("): (
        r"(?s)RequestColumns\((?P<n>3[1-5]\d\d) requests, [^\n]*arrivals 0\.\d* to (599|600)[^\n]*\n"
        r"RequestColumns\((?P=n) requests, [^\n]*arrivals 0\.\d* to 3[1-5]\d\.[^\n]*\n"
        r"RequestColumns\((9[3-9]|10[0-5])\d\d requests, [^\n]*arrivals 0\.\d* to (9[3-9]|10[0-5])\d\.[^\n]*\n"
        r"RequestColumns\(1000 requests, [^\n]*\n"
        r"RequestColumns\((?P=n) requests, [^\n]*\n"
    ),
    ("docs/guide/results.md", "write_results("): "",
    ("docs/guide/results.md", "plot_runs("): "",
    # 5,000 requests of 260 tokens in the mean: 1.3 million, of which 16, 32 or 64 take 10 ms. They arrive in 250 s.
    ("docs/embedding/python.md", "ThreadPoolExecutor"): r"\['8\d\d s', '4\d\d s', '2\d\d s'\]\n",
}

# The programs that need an extra of the package.
NEED_EXTRAS = {
    ("docs/guide/traces.md", "read_trace("),
    ("docs/guide/results.md", "write_results("),
    ("docs/guide/results.md", "plot_runs("),
    ("docs/guide/times.md", "plot_iteration_time("),
}

COMPILED = {
    ("README.md", "c", ""): "187.0 tokens/s in 2.3 s\n",
    ("README.md", "cpp", ""): "187.0 tokens/s, mean latency 1.275 s\n",
    # By hand: examples/c/deployment.c.
    ("docs/guide/hardware.md", "c", ""): "Llama-3.1-8B on H100-SXM: 28152 KV blocks\n",
    # By hand: the first two prompts take one iteration of 5 ms and 24 ms; the third waits for the second to finish.
    ("docs/embedding/c.md", "c", ""): (
        "request 0: first token after 0.029 s\n"
        "request 1: first token after 0.029 s\n"
        f"request 2: first token after 0.043 s\n{LONGER}"
    ),
    # By hand. The long prompt takes 15 iterations of 2,048 tokens and 62.844 ms, 4 of which have begun by 0.25 s. The
    # last of them has 1,328 of its tokens and 720 of the 800; one more has the other 80, and a decode with a context of
    # 30,001: 15 x 62.844 + 5.5 + 80 x 0.028 + 0.02 + 30,001 x 0.00004 - 250 ms.
    ("docs/embedding/cpp.md", "cpp", "live_engine"): "first token after 701.6 ms\nfirst token after 27.9 ms\n",
    # By hand: 0 and 1 in turn, and worker 1 has one less.
    ("docs/guide/routers.md", "cpp", ""): "0 1 0 1\n",
    # By hand: nothing; one; ceil(35 / 10).
    ("docs/guide/autoscalers.md", "cpp", ""): "0 1 4 ",
    # By hand: replica 0 has 1,000 prompt tokens until 1.1 s, replica 1 has 10, and then 20, until 0.12 s.
    ("docs/guide/fleet.md", "cpp", ""): "0 1 1 1 \n",
    ("docs/embedding/cpp.md", "cpp", "interruption"): "1000 requests have finished\n",
}
COMPILERS = {"c": ("cc", "-std=c99"), "cpp": ("c++", "-std=c++17")}

SWIFT = {
    # By hand: 430 tokens in 2.3 s.
    ("README.md", "continuousBatchSimulation"): "186.95652173913044 tokens/s, mean latency 1.275 s\n",
    ("docs/embedding/swift.md", "EngineConfig"): LONGER,
}
MANIFEST = ("docs/embedding/swift.md", "PackageDescription")


# --- Programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "word"), PYTHON)
def test_python(tmp_path: Path, page: str, word: str) -> None:
    if (page, word) in NEED_EXTRAS:
        pytest.importorskip("pyarrow")
        pytest.importorskip("matplotlib")
    printed = output_of(sys.executable, "-c", the_program(page, "python", word), folder=tmp_path)
    assert re.fullmatch(PYTHON[page, word], printed, re.DOTALL), printed


@pytest.mark.parametrize(("page", "language", "word"), COMPILED)
def test_compiled(tmp_path: Path, page: str, language: str, word: str) -> None:
    compiler = COMPILERS[language]
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"needs {compiler[0]}")
    source, executable = tmp_path / f"program.{language}", tmp_path / "program"
    source.write_text(the_program(page, language, word), encoding="utf-8")
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
    assert ended.stdout == COMPILED[page, language, word], ended.stderr


@pytest.mark.parametrize(("page", "word"), SWIFT)
def test_swift(page: str, word: str) -> None:
    if shutil.which("swift") is None:
        pytest.skip("needs a Swift toolchain")
    # Always the same folder, so that a second run builds nothing again. Beside it lies "a checkout of this repository".
    folder = ROOT / "build" / "readme" / "program"
    sources = folder / "Sources" / "program"
    sources.mkdir(parents=True, exist_ok=True)
    (folder / "Package.swift").write_text(the_program(MANIFEST[0], "swift", MANIFEST[1]), encoding="utf-8")
    (sources / "main.swift").write_text(the_program(page, "swift", word), encoding="utf-8")
    checkout = folder.parent / "batching"
    checkout.unlink(missing_ok=True)
    checkout.symlink_to(ROOT)
    assert output_of("swift", "run", "--quiet", folder=folder) == SWIFT[page, word]


def test_a_session_of_a_shell_is_what_the_command_prints() -> None:
    pytest.importorskip("typer")
    pytest.importorskip("rich")
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    sessions = programs("console")
    assert sessions
    for session in sessions:
        typed, _, printed = session.text.partition("\n")
        assert typed.startswith("$ batching "), session
        ended = subprocess.run(
            [sys.executable, "-m", "batching", *typed.split()[2:]],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        assert ended.stdout.strip() == printed.strip()


def test_every_program_is_run() -> None:
    counts = {language: len(programs(language)) for language in PROGRAMS}
    compiled = [language for _, language, _ in COMPILED]
    assert counts == {
        "python": len(PYTHON),
        "c": compiled.count("c"),
        "cpp": compiled.count("cpp"),
        "swift": len(SWIFT) + 1,  # the manifest
    }


def test_a_block_is_run_or_says_what_runs_it() -> None:
    for block in blocks():
        assert block.language in LANGUAGES, block
        assert (block.runner is not None) == (block.language in RUN_ELSEWHERE), block
        if block.runner is not None:
            assert (ROOT / block.runner).is_file(), block


# --- What is named ----------------------------------------------------------------------------------------------------

TARGETS = {
    target
    for makefile in (ROOT / "Makefile", *ROOT.glob("*/*.mk"), *ROOT.glob("*/*/*.mk"))
    for line in re.findall(r"^([a-z][\w \-]*):(?!=)", makefile.read_text(encoding="utf-8"), re.MULTILINE)
    for target in line.split()
}


@pytest.mark.parametrize("page", documents(), ids=name_of)
def test_a_command_of_make_is_one(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^(?: {4})?make ([a-z-]+)", text, re.MULTILINE)
    assert not set(named) - TARGETS, page


@pytest.mark.parametrize("page", documents(), ids=name_of)
def test_a_line_that_is_set_in_is_a_command_of_make(page: Path) -> None:
    """A program that is set in, and not fenced, would be no program to the tests."""
    set_in = re.findall(r"(?<=\n\n) {4,}\S.*(?:\n {4,}\S.*)*", prose(page))
    assert all(line.startswith("    make ") for block in set_in for line in block.splitlines()), set_in


def slug(heading: str) -> str:
    """The name by which a heading is linked to, as on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", documents(), ids=name_of)
def test_a_link_leads_somewhere(page: Path) -> None:
    """Within the repository: what lies on other machines is not asked for."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        # As the manual is built, the reference of each language is.
        if file.is_relative_to(ROOT / "docs" / "reference") and file.name.startswith("index."):
            file = next(file.parent.glob("index.*"), file)
        assert file.exists(), f"{page}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"{page}: {target}"


# A name that is meant to be a file: below a folder of the repository, or a source by itself.
NAMED_PATH = re.compile(
    r"`((?!Sources/program)(?:Sources|Tests|bindings|include|docs|examples|Benchmarks)/[\w.+*/-]*)`"
)
NAMED_SOURCE = re.compile(r"`((?:test_)?\w[\w*]*\.(?:c|cpp|h|hpp|py|sh|swift))`")
FILES = [
    file.relative_to(ROOT)
    for folder in ("Sources", "Tests", "bindings", "include", "docs", "examples", "Benchmarks")
    for file in (ROOT / folder).rglob("*")
]
# What the reader writes.
OF_THE_READER = {"Package.swift", "main.swift", "program.c", "program.cpp"}


@pytest.mark.parametrize("page", [page for page in documents() if page.name != "CHANGELOG.md"], ids=name_of)
def test_a_file_that_is_named_is_there(page: Path) -> None:
    text = prose(page)
    for name in NAMED_PATH.findall(text):
        assert any(ROOT.glob(name.rstrip("/"))), f"{page}: {name}"
    for name in set(NAMED_SOURCE.findall(text)) - OF_THE_READER:
        assert any(file.match(name) for file in FILES), f"{page}: {name}"


def test_the_recipes_count_their_files() -> None:
    """The numbers in the two tables of recipes are those of the rows of each."""
    for page in (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "recipes" / "index.md"):
        counted = re.findall(
            r"^\| an? [\w -]+ \| (\d+) \| \[.*?\]\((.*?)\) \|$", page.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert len(counted) == len(list((ROOT / "docs" / "recipes").glob("*.md"))) - 1
        for count, recipe in counted:
            rows = re.findall(r"^\| \d+ \|", (page.parent / recipe).read_text(encoding="utf-8"), re.MULTILINE)
            assert len(rows) == int(count), recipe
