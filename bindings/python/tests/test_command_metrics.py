"""`batching metrics`, and what `simulate` writes and judges: the same figures as the library's own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import batching
from batching._command.application import application


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(application, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def recorded_run(tmp_path: Path) -> Path:
    """Three requests, the last of which failed, as vLLM's bench serve writes them."""
    path = tmp_path / "run.json"
    path.write_text(
        json.dumps(
            {
                "duration": 3.0,
                "completed": 2,
                "input_lens": [10, 20, 5],
                "output_lens": [3, 1, 0],
                "start_times": [0.0, 0.5, 1.0],
                "ttfts": [0.5, 0.25, 0.0],
                "itls": [[0.25, 0.5], [], []],
                "generated_texts": ["a", "b", ""],
                "errors": ["", "", "refused"],
            }
        )
    )
    return path


def test_a_recorded_run_is_measured(recorded_run: Path) -> None:
    ended = run(
        "metrics", recorded_run, "--json", "--slo-ttft", "0.25", "--duration", "3.0", "--percentiles", "50,99.9"
    )
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert (told["format"], told["completed"], told["failed"]) == ("vllm", 2, 1)
    # TTFT 0.5 and 0.25; E2E 1.25 and 0.25; gaps 0.25 and 0.5; one of three requests is good.
    assert told["ttft"]["mean"] == 0.375
    assert told["e2e"]["max"] == 1.25
    assert told["itl"]["count"] == 2
    assert told["ttft"]["percentiles"] == {"50.0": 0.375, "99.9": pytest.approx(0.25 + 0.25 * 0.999)}
    assert told["request_goodput"] == pytest.approx(1 / 3)
    assert told["slo_attainment"] == pytest.approx(1 / 3)


def test_a_recorded_run_is_shown(recorded_run: Path) -> None:
    ended = run("metrics", recorded_run, "--slo-ttft", "0.25", "--convention", "aiperf")
    assert ended.exit_code == 0, ended.output
    for words in ("Serving metrics as aiperf defines them", "Latencies", "TTFT", "375 ms", "Goodput", "33.3%"):
        assert words in ended.stdout


def test_a_trace_is_no_recorded_run(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,4808,10\n")
    ended = run("metrics", path)
    assert ended.exit_code == 2
    assert "is a trace (azure) that tells when requests arrived, not when they were answered" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--convention", "genai"], "convention is 'genai': must be one of 'vllm', 'sglang', 'aiperf'"),
        (["--percentiles", "50,x"], "--percentiles is '50,x': must be numbers with commas between them"),
        (["--percentiles", "101"], "percentiles[0] is 101.0: must be between 0 and 100"),
        (["--slo-e2e", "0"], "slo.e2e is 0.0: must be greater than 0"),
        (["--percentile-method", "best"], "percentile_method is 'best'"),
    ],
)
def test_a_mistake_is_one_sentence(recorded_run: Path, arguments: list[str], sentence: str) -> None:
    ended = run("metrics", recorded_run, *arguments)
    assert ended.exit_code == 2
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_simulation_is_judged_and_written(tmp_path: Path) -> None:
    output, schedule = tmp_path / "requests.csv", tmp_path / "schedule.json"
    arguments = ["simulate", "--num-requests", "200", "--slo-ttft", "0.1", "--slo-e2e", "8"]
    ended = run(*arguments, "--output", output, "--schedule-trace", schedule, "--json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    time = batching.AffineTime(base=5.5e-3, per_prefill_token=2.8e-5, per_decode_token=2e-5, per_context_token=4e-8)
    result = batching.simulate(batching.generate_conversation_workload(200, 42), max_num_seqs=32, iteration_time=time)
    arrivals = result.requests.arrival_time
    assert arrivals is not None
    good = (result.first_token_time - arrivals <= 0.1) & (result.end_time - arrivals <= 8)
    assert told["goodput"]["slo_attainment"] == pytest.approx(np.mean(good))
    assert len(output.read_text().splitlines()) == 201
    assert json.loads(schedule.read_text())["traceEvents"]
    shown = run(*arguments)
    assert "Goodput" in shown.stdout
    assert "meet that on TTFT" in shown.stdout


def test_each_run_of_a_file_is_told_unless_one_is_asked_for(recorded_run: Path) -> None:
    first = json.loads(recorded_run.read_text())
    second = first | {"duration": 4.0, "start_times": [100.0, 100.0, 100.0]}
    recorded_run.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    told = json.loads(run("metrics", recorded_run, "--json").stdout)
    # Two answers in 3 s, and in 4 s, by the clock of the client.
    assert [one["duration"] for one in told["runs"]] == [3.0, 4.0]
    assert [one["request_throughput"] for one in told["runs"]] == [2 / 3, 0.5]
    shown = run("metrics", recorded_run)
    assert "run.json, run 0: vllm, 3 requests" in shown.stdout
    assert "run.json, run 1: vllm, 3 requests" in shown.stdout
    for number in ("1", "-1"):
        assert json.loads(run("metrics", recorded_run, "--json", "--run", number).stdout)["duration"] == 4.0
    for arguments, sentence in (
        (("metrics", recorded_run, "--run", "2"), "has 2 runs: there is none of the number 2"),
        (("metrics", recorded_run, "--duration", "5"), "has 2 runs: say which with --run"),
        (("trace", "info", recorded_run), "has 2 runs, each on a clock of its own: say which with run"),
    ):
        ended = run(*arguments)
        assert ended.exit_code == 2
        assert str(recorded_run) in ended.output.replace("\n", "")
        assert sentence in ended.output.replace("\n", "")
    assert json.loads(run("trace", "info", recorded_run, "--run", "1", "--json").stdout)["requests"] == 2


def test_a_run_of_failures_is_measured_and_looked_at(recorded_run: Path) -> None:
    failed = json.loads(recorded_run.read_text()) | {"errors": ["refused"] * 3}
    recorded_run.write_text(json.dumps(failed))
    for convention in ("vllm", "sglang", "aiperf"):
        ended = run("metrics", recorded_run, "--json", "--slo-ttft", "1", "--convention", convention)
        told = json.loads(ended.stdout)
        assert (told["completed"], told["failed"], told["slo_attainment"]) == (0, 3, 0.0)
        assert (told["request_throughput"], told["concurrency"]) == (0.0, 0.0)
    assert json.loads(run("trace", "info", recorded_run, "--json").stdout)["requests"] == 0
    assert "none" in run("trace", "info", recorded_run).stdout


def test_standard_input_is_measured(recorded_run: Path) -> None:
    program = [sys.executable, "-m", "batching", "metrics", "-", "--json"]
    told = subprocess.run(program, input=recorded_run.read_bytes(), capture_output=True, check=True, timeout=60)
    assert json.loads(told.stdout)["completed"] == 2
    failed = subprocess.run(program, input=b"a,b\n", capture_output=True, check=False, timeout=60)
    assert (failed.returncode, failed.stdout) == (2, b"")
    assert failed.stderr.startswith(b"standard input is of no known format")


def test_an_objective_on_gaps_that_are_not_in_the_file_names_it(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("arrival_time,end_time,output_length\n0,1,2\n")
    ended = run("metrics", path, "--slo-itl", "0.1")
    assert ended.exit_code == 2
    assert "run.csv has no times of single tokens" in ended.output.replace("\n", "")
