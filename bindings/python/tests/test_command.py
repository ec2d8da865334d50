"""The command: what it prints, what it writes, and how it says what is wrong."""

import dataclasses
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
import closed_loop_by_hand as by_hand
from batching import (
    AffineTime,
    Client,
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
from batching._command.workload import replayed

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


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    path = tmp_path / "loop.csv"
    path.write_text(by_hand.TRACE)
    return path


@pytest.fixture
def conversation(tmp_path: Path) -> Path:
    path = tmp_path / "conversation.csv"
    path.write_text(by_hand.CONVERSATION_TRACE)
    return path


def test_a_closed_loop(loop: Path) -> None:
    given = ("simulate", "--trace", loop, "--iteration-time", "1")
    told = as_json(*given, "--max-concurrency", "2")
    for key, values in [
        ("e2e", by_hand.E2E),
        ("client_queue_time", by_hand.CLIENT_QUEUE),
        ("e2e_including_client_queue", by_hand.E2E_WITH_CLIENT_QUEUE),
    ]:
        assert told["metrics"][f"mean_{key}"] == np.mean(values)
        assert told["distributions"][key]["max"] == max(values)
        assert told["distributions"][key]["count"] == 4
    assert (told["finished"], told["not_sent"], told["metrics"]["total_time"]) == (4, 0, 4.0)
    assert as_json(*given, "--setting", "max_concurrency=2") == told
    printed = run(*given, "--max-concurrency", "2").stdout
    # Four requests within the half second from the first to the last.
    assert printed.startswith("Workload: 4 requests, 8.00 requests/s, sent as fast as the clients allow, mean prompt")
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if line[:1] == "│"]
    assert [row[:3] for row in cells if "client queue" in row[0].lower()] == [
        ["Client queue time", "4", "625 ms"],
        ["E2E with client queue", "4", "2.375 s"],
    ]
    assert "waiting for client" in printed
    assert "by percentiles of E2E with client queue" in printed


def test_an_open_loop_has_no_clients(loop: Path) -> None:
    given = ("simulate", "--trace", loop, "--iteration-time", "1")
    told = as_json(*given)
    assert not any("client" in key for key in (*told["metrics"], *told["distributions"], *told["settings"]))
    printed = run(*given).stdout
    assert "8.00 requests/s, mean prompt" in printed
    assert "client" not in printed


def test_requests_in_flight_are_compared(loop: Path) -> None:
    given = ("compare", "--policy", "vllm", "--trace", loop, "--iteration-time", "1", "--setting")
    two, unlimited = as_json(*given, "max_concurrency=2,none")["runs"]
    assert (two["name"], unlimited["name"]) == ("max_concurrency=2", "max_concurrency=none")
    assert two["metrics"]["mean_client_queue_time"] == 0.625
    # Without a limit the requests that arrive at 0 end at 2, 1 and 3, and the one of 0.5, which joins at 1, at 2.
    assert unlimited["metrics"]["mean_e2e"] == (2 + 1 + 3 + 1.5) / 4
    assert "mean_client_queue_time" not in unlimited["metrics"]
    assert unlimited["improvement"]["mean_client_queue_time"] is None
    printed = run(*given, "max_concurrency=2,none").stdout
    # Not all of the runs are closed loops.
    assert "allow" not in printed
    assert "625 ms" in printed


def test_clients_who_think(loop: Path) -> None:
    """Client 0 sends request 0 at 0 and, two seconds after its end at 2, request 2, which ends at 7. Client 1 starts at
    5, half of the ramp: its request 1 ends at 6, and request 3, sent at 8, at 9.
    """
    words = ["--clients", "2", "--think-time", "2", "--think-times", "constant", "--ramp-up", "10"]
    told = as_json("simulate", "--trace", loop, "--iteration-time", "1", *words)
    assert told["metrics"]["total_time"] == 9.0
    assert told["metrics"]["mean_e2e"] == np.mean(by_hand.E2E)
    assert (
        told["settings"] | {"clients": 2, "think_time": 2.0, "think_times": "constant", "ramp_up": 10.0}
        == (told["settings"])
    )
    (same,) = as_json("compare", "--policy", "vllm", "--trace", loop, "--iteration-time", "1", *words)["runs"]
    assert same["metrics"] == told["metrics"]


def test_a_stretch_of_a_trace(loop: Path) -> None:
    given = ("simulate", "--trace", loop, "--iteration-time", "1")
    for words, count, origin in [
        (("--from", "0.25"), 1, "; from 0.25 s"),
        (("--to", "0.5"), 3, "; 0 to 0.5 s"),
        (("--from", "0", "--to", "1"), 4, "; 0 to 1 s"),
    ]:
        workload = as_json(*given, *words)["workload"]
        assert workload["requests"] == count
        assert workload["origin"] == f"replayed from {loop}{origin}"
    # 0.25 s after its begin.
    assert as_json(*given, "--from", "0.25")["metrics"]["total_time"] == 1.25
    # Of the generated requests, and then at another rate.
    asked = ("compare", "--policy", "vllm", "--num-requests", "500", "--from", "20", "--to", "60")
    columns = generate_conversation_workload(500).between(20, 60)
    told = as_json(*asked, "--request-rate", "4")
    assert told["workload"]["requests"] == len(columns)
    again = simulate(columns.scaled_to_rate(4), max_num_seqs=32, iteration_time=USUAL_TIME)
    assert told["runs"][0]["metrics"]["total_time"] == again.total_time


def test_sessions_are_told(conversation: Path) -> None:
    given = ("simulate", "--trace", conversation, "--iteration-time", "1")
    told = as_json(*given)
    assert told["metrics"]["total_time"] == max(by_hand.CONVERSATION_END)
    # The later turn is given the arrival of the first.
    assert told["workload"]["requests_per_second"] == 3 / 0.5
    assert (told["workload"]["sessions"], told["workload"]["sessions_per_second"]) == (2, 2 / 0.5)
    assert run(*given).stdout.startswith("Workload: 3 requests in 2 sessions, 4.00 sessions/s, mean prompt 1.0 tokens")
    slower = as_json(*given, "--request-rate", "1")["workload"]
    assert slower["sessions_per_second"] == 1.0
    assert slower["origin"].endswith("; arrivals scaled from 4.00 sessions/s")


def test_it_says_what_was_not_sent(loop: Path, conversation: Path) -> None:
    # Until 1 s only two of the four are sent.
    given = (
        "simulate",
        "--trace",
        loop,
        "--iteration-time",
        "1",
        "--max-concurrency",
        "2",
        "--setting",
        "time_limit=1",
    )
    told = as_json(*given)
    assert (told["finished"], told["unfinished"], told["not_sent"]) == (1, 2, 1)
    printed = run(*given).stdout
    assert "not sent" in printed
    assert (
        "vllm: 1 request had not been sent when the run ended (ended by time limit), and is in none of the figures."
        in printed
    )
    assert "had not arrived" not in printed
    # The first turn of the conversation is too long.
    text = by_hand.CONVERSATION_TRACE.replace("0,1,1,7,0", "0,50,1,7,0")
    conversation.write_text(text)
    fails = ("simulate", "--trace", conversation, "--iteration-time", "1", "--setting", "max_model_len=10")
    assert as_json(*fails)["not_sent"] == 1
    assert "vllm: 1 request was not sent, since a turn before it failed, and is in none" in run(*fails).stdout
    goes_on = as_json(*fails, "--sessions-go-on")
    assert (goes_on["rejected"], goes_on["finished"], goes_on["not_sent"]) == (1, 2, 0)


def test_trace_info_tells_of_sessions(conversation: Path, loop: Path) -> None:
    told = as_json("trace", "info", conversation)
    assert told["sessions"] == 2
    # At 0 and 0.5 s.
    assert told["session_arrivals"] == {"span": 0.5, "sessions_per_second": 4.0, "gap_cv": 0.0}
    assert (told["turns"]["mean"], told["turns"]["max"]) == (1.5, 2.0)
    assert (told["delay"]["count"], told["delay"]["mean"]) == (1, 2.0)
    printed = run("trace", "info", conversation).stdout
    cells = dict([cell.strip() for cell in line.split("│")[1:3]] for line in printed.splitlines() if line[:1] == "│")
    assert cells["sessions"] == "2"
    assert cells["arrivals of sessions"] == "4.00 sessions/s"
    assert cells["turns of a session, mean and most"] == "1.50, 2"
    assert cells["delay after an answer, mean, p50 and longest"] == "2 s, 2 s, 2 s"
    none = as_json("trace", "info", loop)
    assert [none[key] for key in ("sessions", "session_arrivals", "turns", "delay")] == [None] * 4
    # Sessions of one turn each have no delay that counts, and none has a time.
    conversation.write_text("prompt_length,output_length,session,delay\n1,1,7,0\n1,1,8,0\n")
    told = as_json("trace", "info", conversation)
    assert (told["sessions"], told["session_arrivals"]["sessions_per_second"]) == (2, None)
    assert told["delay"]["mean"] is None
    assert "delay after an answer" not in run("trace", "info", conversation).stdout


def test_trace_info(trace: Path) -> None:
    told = as_json("trace", "info", trace)
    # 46.68059, 50.995169 and 51.391017 s: the skipped row does not count.
    gaps = np.array([50.995169 - 46.68059, 51.391017 - 50.995169])
    assert told["arrivals"]["span"] == pytest.approx(gaps.sum())
    assert told["arrivals"]["gap_cv"] == pytest.approx(gaps.std() / gaps.mean())
    assert told["output_length"]["mean"] == (44 + 109 + 16) / 3
    assert told["prompt_length"]["p50"] == 374
    assert (told["prefixes"], told["sessions"]) == (None, None)
    printed = run("trace", "info", trace).stdout
    assert "not used: GeneratedTokens is no integer" in printed
    assert "CV of the gaps between arrivals" in printed
    # The shortest and the longest output are whole numbers.
    assert " 16 │" in printed
    assert " 109 │" in printed


def test_sessions_are_counted_and_their_rate_is_that_of_first_turns(tmp_path: Path) -> None:
    # First turns at 0, 3 and 5 s; a later turn 7 s after the first of its session.
    path = tmp_path / "trace.csv"
    path.write_text("arrival_time,output_length,session\n0,1,a\n3,1,b\n5,1,c\n10,1,b\n")
    assert as_json("trace", "info", path)["sessions"] == 3
    assert "sessions" in run("trace", "info", path).stdout
    scaled = replayed(path, lambda *_: None).at_rate(1.2)
    assert scaled.origin.endswith("arrivals scaled from 0.60 sessions/s")
    assert scaled.requests.arrival_time is not None
    assert scaled.requests.arrival_time.tolist() == [0.0, 1.5, 2.5, 8.5]


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
        ("compare --from -1", "--from is -1.0: must be between 0 and 9223372036"),
        ("compare --from nan", "--from is nan: must be between 0 and 9223372036"),
        ("simulate --from 5 --to 3", "--to is 3.0: must be at least --from, which is 5.0"),
        ("compare --max-concurrency 0", "--max-concurrency is 0: must be at least 1"),
        ("compare --setting max_concurrency=0", "max_concurrency is 0: must be at least 1"),
        ("compare --setting max_concurrency=few", "--setting max_concurrency is 'few': must be an integer"),
        ("simulate --clients -3", "--clients is -3: must be at least 1"),
        ("simulate --think-time 2", "think_time is 2.0: must be 0 without clients"),
        ("simulate --clients 2 --think-time -2", "think_time is -2.0: must be"),
        ("simulate --ramp-up 2", "ramp_up is 2.0: must be 0 without clients"),
        ("simulate --clients 2 --think-times often", "--think-times is 'often': must be one of 'exponential'"),
        ("simulate --setting sessions_go_on=1", "--setting sessions_go_on is '1': must be true or false"),
        ("simulate --setting max_concurrency=1,2", "these are 2 runs: `batching compare` makes more than one"),
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
        ("capacity --memory 1", "--model-memory is missing: must be there, as --memory, --model-memory, "),
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
        ["--max-concurrency", "3"],
        ["--policy", "vllm", "--setting", "max_concurrency=3,none", "--setting", "clients=none,5"],
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
    known = set(inspect.signature(simulate).parameters) - {
        "requests", "config", "client", "progress", "progress_interval", "log_iterations", "log_decisions",
        "log_queues", "attribution",
    }  # fmt: skip
    # How requests are sent is told where that was asked for.
    assert set(told["settings"]) == known - {field.name for field in dataclasses.fields(Client)}
    (closed,) = as_json("compare", "--policy", "vllm", "--num-requests", "5", "--max-concurrency", "2")["runs"]
    assert set(closed["settings"]) == known
    assert (closed["settings"]["max_concurrency"], closed["settings"]["clients"]) == (2, None)
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
