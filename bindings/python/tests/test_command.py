"""`python -m batching compare`: what it prints, what it draws, and how it says what is wrong."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batching import generate_conversation_workload, simulate_continuous, simulate_static

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")
pytest.importorskip("pyarrow")

from typer.testing import CliRunner, Result

from batching._command._application import application

TRACE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 18:15:46.6805900,374,44\r\n"
    "2023-11-16 18:15:50.9951690,396,109\r\n"
    "2023-11-16 18:15:51.2224670,879,0\r\n"
    "2023-11-16 18:15:51.3910170,91,16"
)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(application, ["compare", *map(str, arguments)], env={"COLUMNS": "120"})


def as_json(*arguments: str | Path) -> dict[str, Any]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def fails_with_one_sentence(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.csv"
    path.write_bytes(TRACE.encode())
    return path


def test_figures_are_those_of_the_library() -> None:
    printed = as_json("--num-requests", "300", "--batch-size", "8", "--time-per-token", "0.03", "--seed", "5")
    columns = generate_conversation_workload(300, 5)
    for name, result in {
        "static": simulate_static(columns, 8, 0.03),
        "continuous": simulate_continuous(columns, 8, 0.03),
    }.items():
        assert printed[name] == {**result.metrics(), "total_time": result.total_time}
    assert printed["batch_size"] == 8
    assert printed["time_per_token"] == 0.03
    assert printed["workload"]["requests"] == 300
    assert printed["workload"]["mean_output_length"] == columns.output_length.mean()


def test_improvement_is_how_many_times_better() -> None:
    printed = as_json("--num-requests", "300")
    static, continuous, improvement = printed["static"], printed["continuous"], printed["improvement"]
    assert improvement["throughput"] == continuous["throughput"] / static["throughput"]
    assert improvement["avg_latency"] == static["avg_latency"] / continuous["avg_latency"]
    assert improvement["total_time"] == static["total_time"] / continuous["total_time"]


def test_the_table_has_every_figure() -> None:
    result = run("--num-requests", "300")
    assert result.exit_code == 0
    assert result.stdout.startswith("Workload: 300 requests, ")
    assert "generated after the Azure conversation trace of 2023, seed 42" in result.stdout
    figures = as_json("--num-requests", "300")
    for label, key, unit in [
        ("Throughput", "throughput", "tokens/s"),
        ("Mean latency", "avg_latency", "s"),
        ("p50 latency", "p50_latency", "s"),
        ("p95 latency", "p95_latency", "s"),
        ("p99 latency", "p99_latency", "s"),
        ("Mean queue time", "avg_queue_time", "s"),
        ("Mean time to first token", "avg_time_to_first_token", "s"),
        ("Total time", "total_time", "s"),
    ]:
        (line,) = [line for line in result.stdout.splitlines() if f" {label} " in line]
        digits = 1 if key == "throughput" else 3
        assert f"{figures['static'][key]:,.{digits}f} {unit}" in line
        assert f"{figures['continuous'][key]:,.{digits}f} {unit}" in line
        assert f"{figures['improvement'][key]:,.2f}x" in line
    assert f"{figures['static']['gpu_utilization']:.1%}" in result.stdout


@pytest.mark.parametrize("gz", [False, True])
def test_a_trace_is_replayed(trace: Path, gz: bool) -> None:
    if gz:
        trace.write_bytes(gzip.compress(trace.read_bytes()))
    workload = as_json("--trace", trace)["workload"]
    assert workload["requests"] == 3
    assert workload["mean_prompt_length"] == (374 + 396 + 91) / 3
    assert workload["origin"] == f"replayed from {trace}"
    assert workload["skipped_rows"] == {"GeneratedTokens is no integer from 1 to 2147483647": 1}


def test_rows_that_are_not_used_are_reported(trace: Path) -> None:
    printed = run("--trace", trace).stdout
    assert "Not used: 1 rows (GeneratedTokens is no integer from 1 to 2147483647)" in printed


def test_it_says_which_strategy_does_not_keep_up() -> None:
    # 5.5 requests/s of 211 tokens are 1,170 tokens/s. 32 slots at 20 ms give at most 1,600, of which static batching
    # wastes more than half; at 1 ms both have plenty; one slot gives 50.
    sentence = "{} batching does not keep up"
    usual = run("--num-requests", "2000").stdout
    assert sentence.format("Static") in usual
    assert sentence.format("Continuous") not in usual
    assert "does not keep up" not in run("--num-requests", "2000", "--time-per-token", "0.001").stdout
    assert sentence.format("Continuous") in run("--num-requests", "2000", "--batch-size", "1").stdout


def test_a_single_request_has_no_rate() -> None:
    assert as_json("--num-requests", "1")["workload"]["requests_per_second"] is None
    assert "1 requests, all at once" in run("--num-requests", "1").stdout


def test_no_requests_are_no_error(tmp_path: Path) -> None:
    printed = as_json("--num-requests", "0", "--plot", tmp_path / "nothing.png")
    assert printed["static"]["throughput"] == 0.0
    assert printed["improvement"]["throughput"] is None


def test_a_picture_is_written(tmp_path: Path) -> None:
    png, svg = tmp_path / "picture.png", tmp_path / "picture.SVG"
    assert f"Picture: {png}" in run("--num-requests", "100", "--plot", png).stdout
    run("--num-requests", "100", "--plot", svg)
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert png.read_bytes().endswith(b"IEND\xaeB`\x82")
    assert b"<svg" in svg.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--trace", "/nowhere/trace.csv"], "/nowhere/trace.csv: No such file or directory"),
        (["--trace", "/"], "/: Is a directory"),
        (["--batch-size", "0"], "batch_size is 0: must be at least 1"),
        (["--time-per-token", "nan"], "time_per_token is nan"),
        (["--num-requests", "-1"], "num_requests is -1"),
        (["--num-requests", "10000000000000"], "num_requests is 10000000000000"),
        (["--seed", "-1"], "seed is -1"),
        (["--plot", "picture.gif"], "--plot is picture.gif: must end in .png or .svg"),
        (["--plot", "/nowhere/picture.png"], "--plot is /nowhere/picture.png: there is no directory /nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments: list[str], sentence: str) -> None:
    assert fails_with_one_sentence(*arguments).startswith(sentence)


def test_an_unrecognised_trace(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    assert "is no Azure trace: its first line must name" in fails_with_one_sentence("--trace", other)


def test_an_unwritable_picture(tmp_path: Path) -> None:
    directory = tmp_path / "picture.png"
    directory.mkdir()
    assert "Is a directory" in fails_with_one_sentence("--num-requests", "10", "--plot", directory)


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("typer", [], "cli"),
        ("rich", [], "cli"),
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
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert f"needs {missing}, which is not installed: pip install 'batching[{extra}]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "batching", "compare", "--num-requests", "50", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == as_json("--num-requests", "50")
    # No terminal, no progress.
    assert ended.stderr == ""
