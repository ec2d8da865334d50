"""The command: what it prints, what it writes, and how it says what is wrong."""

import gzip
import inspect
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bounded
from batching import (
    AffineTime,
    calculate_arithmetic_intensity_with_batch,
    generate_conversation_workload,
    optimal_batch_size,
    simulate,
)

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")
pytest.importorskip("pyarrow")

from typer.testing import CliRunner, Result

from batching._command.application import application

TRACE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 18:15:46.6805900,374,44\r\n"
    "2023-11-16 18:15:50.9951690,396,109\r\n"
    "2023-11-16 18:15:51.2224670,879,0\r\n"
    "2023-11-16 18:15:51.3910170,91,16"
)
USUAL_TIME = AffineTime(base=5.5e-3, per_prefill_token=2.8e-5, per_decode_token=2e-5, per_context_token=4e-8)
CAPACITY = ("capacity", "--memory", "80e9", "--model-memory", "14e9", "--kv-cache-per-token", "524288",
            "--max-seq-len", "2048")  # fmt: skip


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(application, [*map(str, arguments)], env={"COLUMNS": "160"})


def as_json(*arguments: str | Path) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_bytes(TRACE.encode())
    return path


def test_figures_are_those_of_the_library() -> None:
    printed = as_json("compare", "--num-requests", "300", "--max-num-seqs", "8", "--seed", "5")
    columns = generate_conversation_workload(300, 5)
    assert [told["name"] for told in printed["runs"]] == ["static", "continuous", "vllm"]
    for told in printed["runs"]:
        result = simulate(columns, policy=told["name"], max_num_seqs=8, iteration_time=USUAL_TIME)
        metrics, figures = result.metrics(), told["metrics"]
        assert told["finished"] == result.finished == 300
        assert figures["throughput"] == result.throughput
        assert figures["total_time"] == result.total_time
        assert figures["gpu_utilization"] == metrics["gpu_utilization"]
        for ours, theirs in [
            ("mean_ttft", "avg_time_to_first_token"),
            ("mean_queue_time", "avg_queue_time"),
            ("mean_e2e", "avg_latency"),
            ("p50_e2e", "p50_latency"),
            ("p95_e2e", "p95_latency"),
            ("p99_e2e", "p99_latency"),
        ]:
            assert figures[ours] == pytest.approx(metrics[theirs], rel=1e-12)  # type: ignore[literal-required]
        tpot = (result.end_time - result.first_token_time) / (columns.output_length - 1)
        assert figures["mean_tpot"] == pytest.approx(tpot.mean(), rel=1e-12)
        assert told["distributions"]["tpot"]["p90"] == pytest.approx(np.percentile(tpot, 90), rel=1e-12)
    assert printed["workload"]["mean_output_length"] == columns.output_length.mean()


def test_improvement_is_how_many_times_better_than_the_first() -> None:
    first, _, last = as_json("compare", "--num-requests", "300")["runs"]
    assert set(first["improvement"].values()) <= {1.0, None}
    assert last["improvement"]["throughput"] == last["metrics"]["throughput"] / first["metrics"]["throughput"]
    assert last["improvement"]["mean_ttft"] == first["metrics"]["mean_ttft"] / last["metrics"]["mean_ttft"]


def test_the_table_marks_the_best() -> None:
    result = run("compare", "--policy", "static", "--policy", "vllm", "--num-requests", "300")
    assert result.exit_code == 0
    assert result.stdout.startswith("Workload: 300 requests, ")
    (line,) = [line for line in result.stdout.splitlines() if " Mean TTFT " in line]
    _, _, static, vllm, improvement, _ = (cell.strip() for cell in line.split("│"))
    assert vllm.endswith("*")
    assert not static.endswith("*")
    told = as_json("compare", "--policy", "static", "--policy", "vllm", "--num-requests", "300")["runs"]
    assert improvement == f"{told[0]['metrics']['mean_ttft'] / told[1]['metrics']['mean_ttft']:,.2f}x"
    (preemptions,) = [line for line in result.stdout.splitlines() if " Preemptions " in line]
    assert "*" not in preemptions


def test_each_combination_of_settings_is_a_run() -> None:
    settings = ["--setting", "max_num_batched_tokens=256,2048", "--setting", "enable_chunked_prefill=true,false"]
    printed = as_json("compare", "--policy", "vllm", "--num-requests", "100", *settings)
    assert [told["name"] for told in printed["runs"]] == [
        f"max_num_batched_tokens={tokens}, enable_chunked_prefill={chunked}"
        for tokens in (256, 2048)
        for chunked in ("true", "false")
    ]
    columns = generate_conversation_workload(100)
    result = simulate(columns, max_num_seqs=32, max_num_batched_tokens=256, iteration_time=USUAL_TIME)
    assert printed["runs"][0]["metrics"]["total_time"] == result.total_time


def test_a_constant_iteration_time() -> None:
    told = as_json("simulate", "--num-requests", "50", "--iteration-time", "0.02", "--num-gpu-blocks", "2000")
    result = simulate(generate_conversation_workload(50), max_num_seqs=32, iteration_time=0.02, num_gpu_blocks=2000)
    assert told["metrics"]["total_time"] == result.total_time


def test_simulate_shows_summary_latencies_and_attribution() -> None:
    printed = run("simulate", "--num-requests", "200", "--policy", "static").stdout
    for words in ("Run of the policy static", "Latencies of the finished requests", "TPOT", "held in batch"):
        assert words in printed


@pytest.mark.parametrize("gz", [False, True])
def test_a_trace_is_replayed(trace: Path, gz: bool) -> None:
    if gz:
        trace.write_bytes(gzip.compress(trace.read_bytes()))
    workload = as_json("compare", "--trace", trace)["workload"]
    assert workload["requests"] == 3
    assert workload["mean_prompt_length"] == (374 + 396 + 91) / 3
    assert workload["origin"] == f"replayed from {trace}"
    assert workload["skipped_rows"] == {"GeneratedTokens is no integer from 1 to 2147483647": 1}
    assert "Not used: 1 row (GeneratedTokens is no integer" in run("compare", "--trace", trace).stdout


def test_the_rate_of_arrivals_can_be_changed(trace: Path) -> None:
    one_by_one = ("simulate", "--trace", trace, "--max-num-seqs", "1", "--iteration-time", "0.001")
    usual, faster = as_json(*one_by_one), as_json(*one_by_one, "--request-rate", "300")
    # Three requests within the 4.710427 s between the first and the last: 0.64 a second.
    assert usual["workload"]["requests_per_second"] == pytest.approx(3 / 4.710427)
    assert faster["workload"]["requests_per_second"] == pytest.approx(300)
    assert faster["workload"]["origin"].endswith("trace.csv; arrivals scaled from 0.64 requests/s")
    # No request had to wait. Within the hundredth of a second that they now take to arrive, the first, of 44
    # iterations, makes the second wait, and that, of 109, the third.
    assert usual["metrics"]["mean_queue_time"] == 0.0
    gap = 4.314579 / 471.0427
    assert faster["metrics"]["mean_queue_time"] == pytest.approx((0.044 - gap + 0.044 + 0.109 - 0.01) / 3)


def test_trace_info(trace: Path) -> None:
    told = as_json("trace", "info", trace)
    # 46.68059, 50.995169 and 51.391017 s: the skipped row does not count.
    gaps = np.array([50.995169 - 46.68059, 51.391017 - 50.995169])
    assert told["arrivals"]["span"] == pytest.approx(gaps.sum())
    assert told["arrivals"]["gap_cv"] == pytest.approx(gaps.std() / gaps.mean())
    assert told["output_length"]["mean"] == (44 + 109 + 16) / 3
    assert told["prompt_length"]["p50"] == 374
    assert told["prefixes"] is None
    printed = run("trace", "info", trace).stdout
    assert "not used: GeneratedTokens is no integer" in printed
    assert "CV of the gaps between arrivals" in printed
    # The shortest and the longest output are whole numbers.
    assert " 16 │" in printed
    assert " 109 │" in printed


def test_capacity() -> None:
    told = as_json(*CAPACITY)
    size = optimal_batch_size(80e9, 14e9, 524_288, 2048)
    assert told == {
        "optimal_batch_size": size,
        "arithmetic_intensity": calculate_arithmetic_intensity_with_batch(size, 14e9),
    }
    assert "Largest batch that fits: 61 sequences of 2,048 tokens" in run(*CAPACITY).stdout
    assert "Not even one" in run(*CAPACITY[:2], "15e9", *CAPACITY[3:]).stdout


def test_it_says_which_run_does_not_keep_up() -> None:
    usual = run("compare", "--policy", "static", "--policy", "vllm").stdout
    assert "does not keep up" not in usual
    assert "vllm does not keep up" in run("compare", "--policy", "vllm", "--max-num-seqs", "1").stdout


def test_it_says_what_was_rejected_or_not_finished() -> None:
    few = ("compare", "--policy", "vllm", "--num-requests", "100")
    assert "requests were rejected" in run(*few, "--setting", "max_model_len=500").stdout
    assert "did not finish (ended by time limit)" in run(*few, "--setting", "time_limit=5").stdout


def test_no_requests_are_no_error(tmp_path: Path) -> None:
    printed = as_json("compare", "--num-requests", "0", "--plot", tmp_path / "nothing.png")
    assert printed["runs"][0]["metrics"]["throughput"] == 0.0
    assert printed["runs"][0]["metrics"]["mean_ttft"] is None
    assert run("simulate", "--num-requests", "0").exit_code == 0


@pytest.mark.parametrize("command", ["compare", "simulate"])
def test_a_picture_is_written(tmp_path: Path, command: str) -> None:
    png, svg = tmp_path / "picture.png", tmp_path / "picture.SVG"
    assert f"Picture: {png}" in run(command, "--num-requests", "100", "--plot", png).stdout
    run(command, "--num-requests", "100", "--plot", svg)
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert b"<svg" in svg.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("compare --trace /nowhere/trace.csv", "/nowhere/trace.csv: No such file or directory"),
        ("compare --trace /", "/: Is a directory"),
        ("trace info /nowhere/trace.csv", "/nowhere/trace.csv: No such file or directory"),
        ("compare --max-num-seqs 0", "max_num_seqs is 0: must be at least 1"),
        ("compare --num-requests -1", "num_requests is -1"),
        ("compare --num-requests x", "Invalid value for '--num-requests'"),
        ("compare --seed -1", "seed is -1"),
        ("compare --request-rate 0", "--request-rate is 0: must be a finite number above 0"),
        ("compare --request-rate nan", "--request-rate is nan: must be a finite number above 0"),
        ("compare --request-rate 5 --num-requests 1", "--request-rate is 5: the requests have no rate"),
        ("compare --iteration-time nan", "--iteration-time is nan: must be a finite number"),
        ("compare --iteration-time x", "--iteration-time is 'x': must be a number of seconds"),
        ("compare --iteration-time speed=1", "--iteration-time has the term speed: must be one of base"),
        ("compare --iteration-time -1", "iteration_time is -1.0: must be"),
        ("compare --policy sarathi", "--policy is sarathi: must be one of vllm"),
        ("compare --policy vllm --policy vllm", "--policy vllm is given twice"),
        ("compare --setting speed=1", "--setting 'speed' is unknown: must be one of"),
        ("compare --setting block_size", "--setting block_size has no value"),
        ("compare --setting block_size=x", "--setting block_size is 'x': must be an integer"),
        ("compare --setting async_scheduling=1", "--setting async_scheduling is '1': must be true or false"),
        ("compare --setting watermark=x", "--setting watermark is 'x': must be a number"),
        ("compare --setting block_size=16 --setting block_size=32", "--setting block_size is given twice"),
        ("compare --setting queue_order=random", "queue_order is 'random'"),
        ("simulate --setting block_size=16,32", "these are 2 runs: `batching compare` makes more than one"),
        ("compare --plot picture.gif", "--plot is picture.gif: must end in .png or .svg"),
        ("compare --plot /nowhere/picture.png", "--plot is /nowhere/picture.png: there is no directory /nowhere"),
        ("compare --report page.pdf", "--report is page.pdf: must end in .html"),
        ("capacity --memory 1", "Missing option '--model-memory'"),
        ("capacity --memory nan --model-memory 1 --kv-cache-per-token 1 --max-seq-len 1", "memory_budget is nan"),
        ("nonsense", "No such command 'nonsense'"),
        ("compare --nonsense", "No such option"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments: str, sentence: str) -> None:
    result = run(*arguments.split())
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1


def test_what_does_not_fit_in_memory_is_told_apart() -> None:
    result = run("compare", "--num-requests", "10000000000000")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("num_requests is 10000000000000")


def test_too_many_runs_are_refused() -> None:
    values = ",".join(str(16 + number) for number in range(65))
    assert "these are 65 runs" in run("compare", "--policy", "vllm", "--setting", f"max_num_seqs={values}").stderr


def test_an_unrecognised_trace(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    result = run("compare", "--trace", other)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_an_unwritable_picture(tmp_path: Path) -> None:
    directory = tmp_path / "picture.png"
    directory.mkdir()
    result = run("compare", "--num-requests", "10", "--plot", directory)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{directory}': is a directory" in result.stderr


@pytest.mark.parametrize("command", ["compare", "simulate", "capacity", "trace info"])
def test_help_shows_examples(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"\n    batching {command} " in result.stdout
    if command == "compare":
        assert "Exit codes: 0 done" in run().stdout


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("typer", [], "cli"),
        ("rich", [], "cli"),
        ("jinja2", ["--num-requests", "10", "--report", "unused.html"], "cli"),
        ("plotly", ["--num-requests", "10", "--report", "unused.html"], "cli"),
        ("matplotlib", ["--num-requests", "10", "--plot", "unused.png"], "plot"),
        ("pyarrow", ["--trace", "unused.csv"], "traces"),
    ],
)
def test_a_missing_extra_is_named(tmp_path: Path, missing: str, arguments: list[str], extra: str) -> None:
    (tmp_path / "unused.csv").write_text(TRACE)
    program = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['batching', 'compare', *{arguments!r}]\n"
        "from batching._command import main; main()"
    )
    ended = bounded.run([sys.executable, "-c", program], cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert f"needs {missing}, which is not installed: pip install 'batching[{extra}]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command", [[sys.executable, "-m", "batching"], [str(Path(sys.executable).parent / "batching")]]
)
def test_it_runs_as_a_program(command: list[str]) -> None:
    if not Path(command[0]).exists():
        pytest.skip(f"{command[0]} is not there: the package is not installed in this environment")
    arguments = ["compare", "--num-requests", "50", "--json"]
    ended = bounded.run([*command, *arguments], check=True)
    assert json.loads(ended.stdout) == as_json(*arguments[:-1])
    # No terminal, no progress.
    assert ended.stderr == ""
    wrong = bounded.run([*command, "compare", "--policy", "x"])
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)


def test_ctrl_c_ends_it_with_130() -> None:
    # Sent once the run is under way, however long it takes to get there; it goes on for seconds.
    program = (
        "import os, signal, threading\n"
        "from batching._command import runs\n"
        "from batching._command.application import application\n"
        "simulate = runs.simulate\n"
        "def interrupted(*arguments, **settings):\n"
        "    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    return simulate(*arguments, **settings)\n"
        "runs.simulate = interrupted\n"
        "application(['simulate', '--num-requests', '3000000', '--max-num-seqs', '1'])\n"
    )
    ended = bounded.run([sys.executable, "-c", program])
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n")


def test_a_run_alone_has_no_improvement() -> None:
    printed = run("compare", "--policy", "vllm", "--num-requests", "50").stdout
    assert "best" not in printed
    assert "*" not in printed
    assert math.isfinite(
        as_json("compare", "--policy", "vllm", "--num-requests", "50")["runs"][0]["metrics"]["p99_ttft"]
    )


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize(
    "options",
    [
        [part for policy in ("static", "continuous", "vllm", "orca", "dynamic") for part in ("--policy", policy)],
        ["--policy", "vllm", "--setting", "max_num_batched_tokens=512,2048", "--setting", "watermark=0,0.0123456"],
        ["--iteration-time", "123456.5"],
    ],
)
def test_a_table_fits_and_nothing_in_it_is_cut(width: int, options: list[str]) -> None:
    arguments = ["compare", "--num-requests", "30", *options]
    printed = CliRunner().invoke(application, arguments, env={"COLUMNS": str(width)}).stdout
    wide = CliRunner().invoke(application, arguments, env={"COLUMNS": "400"}).stdout
    assert "…" not in printed
    lines = [line for line in printed.splitlines() if line and line[0] in "┏┃┡│└"]
    assert max(map(len, lines)) <= width
    figures = [sorted({cell.strip() for line in text.splitlines() if line[:1] == "│" for cell in line[1:-1].split("│")})
               for text in (printed, wide)]  # fmt: skip
    assert figures[0] == figures[1]


def test_settings_have_a_row_each_and_what_is_the_same_stands_above() -> None:
    printed = run("compare", "--policy", "vllm", "--num-requests", "30", "--setting", "max_num_seqs=4,8").stdout
    assert "\npolicy vllm, iteration time base=5.5e-3" in printed
    assert "max_num_seqs 32" not in printed
    assert [line.split("│")[1].strip() for line in printed.splitlines() if line[:1] == "│"][:3] == [
        "4", "8", "best / first",
    ]  # fmt: skip


def test_less_gpu_time_for_the_same_work_is_better() -> None:
    printed = run("compare", "--policy", "static", "--policy", "vllm", "--num-requests", "300").stdout
    (line,) = [line for line in printed.splitlines() if " GPU busy " in line]
    static, vllm = (cell.strip() for cell in line.split("│")[2:4])
    told = as_json("compare", "--policy", "static", "--policy", "vllm", "--num-requests", "300")["runs"]
    shares = [each["metrics"]["gpu_utilization"] for each in told]
    assert static.endswith("*") == (shares[0] < shares[1])
    assert vllm.endswith("*") == (shares[1] < shares[0])
    cut = run("compare", "--policy", "static", "--policy", "vllm", "--num-requests", "300", "--setting", "time_limit=9")
    assert "*" not in next(line for line in cut.stdout.splitlines() if " GPU busy " in line)


def test_every_setting_is_told() -> None:
    (told,) = as_json("compare", "--policy", "vllm", "--num-requests", "5")["runs"]
    assert set(told["settings"]) == set(inspect.signature(simulate).parameters) - {
        "requests", "config", "progress", "progress_interval", "log_iterations", "log_decisions", "log_queues",
        "attribution",
    }  # fmt: skip
    assert told["settings"]["max_num_batched_tokens"] == 2048
    assert told["settings"]["iteration_time"]["base"] == 5.5e-3


def test_short_options() -> None:
    assert run("-h").stdout == run("--help").stdout
    assert run("compare", "-h").stdout == run("compare", "--help").stdout
    assert run("--version").stdout.startswith("batching ")


@pytest.mark.parametrize("arguments", ["compare --seed 1 --seed 2", "simulate --batch-size 3 --max-num-seqs 4"])
def test_an_option_with_one_value_is_given_once(arguments: str) -> None:
    result = run(*arguments.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(" is given twice\n")


@pytest.mark.parametrize("arguments", ["compare --num-requests 5", "compare --num-requests 5 --json",
                                       "simulate --num-requests 5", "--help", " ".join(CAPACITY)])  # fmt: skip
def test_a_broken_pipe_ends_it_silently(arguments: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "batching", *arguments.split()], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_ctrl_c_while_the_command_is_loaded_has_no_traceback() -> None:
    program = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == sys.argv[1]: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.argv[0] = 'batching'\n"
        "from batching._command import main\n"
        "main()\n"
    )
    for module in ("numpy", "rich"):
        ended = subprocess.run([sys.executable, "-c", program, module], capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n"), module
