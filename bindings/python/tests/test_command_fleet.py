"""`batching fleet`: a row for each number of replicas and each router, and what else it says and writes."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from batching._command.application import application
from trace_event_format import Trace

_SMALL = ["fleet", "--num-requests", "60", "--request-rate", "20"]


def _run(*arguments: str, width: int = 120) -> Any:
    return CliRunner().invoke(application, [*_SMALL, *arguments], env={"COLUMNS": str(width)})


def _runs(*arguments: str) -> list[dict[str, Any]]:
    told = _run(*arguments, "--json")
    assert told.exit_code == 0, told.output
    runs: list[dict[str, Any]] = json.loads(told.stdout)["runs"]
    return runs


def test_there_is_a_row_for_each_number_of_replicas_and_each_router() -> None:
    told = _run("--replicas", "1,3", "--router", "round_robin,least_requests,dynamo_kv")
    assert told.exit_code == 0, told.output
    rows = [line for line in told.output.splitlines() if line.startswith("│")]
    assert [line.split()[1] for line in rows] == ["1"] * 3 + ["3"] * 3
    assert [line.split()[3] for line in rows] == ["round_robin", "least_requests", "dynamo_kv"] * 2


@pytest.mark.parametrize("width", [60, 80, 120])
def test_all_columns_are_there_in_any_width_and_in_eighty_columns_in_one_piece(width: int) -> None:
    arguments = ("--replicas", "1,3", "--slo-ttft", "0.1", "--gpu-hour-price", "2.5")
    narrow, wide = (_run(*arguments, width=columns).output for columns in (width, 400))
    lines = narrow.splitlines()
    (first, *others) = [index for index, line in enumerate(lines) if set(line) <= set("─┡━╇┩") and line]
    assert (len(others) == 0) == (width >= 80)
    assert max(map(len, lines[first:])) <= width
    cells = {cell.strip() for line in wide.splitlines() if line.startswith("│") for cell in line[1:-1].split("│")}
    assert len(cells) > 20
    told = set(" ".join(lines[first:]).replace("│", " ").split())
    # Of a name that is broken each part is there.
    assert {part for cell in cells for part in ([cell] if cell in told else cell.replace("_", "_ ").split())} <= told


def test_json_has_the_figures() -> None:
    (run,) = _runs("--replicas", "2", "--router", "round_robin", "--slo-ttft", "1", "--gpu-hour-price", "3.6")
    assert run["replicas"] == run["gpus"] == 2
    assert run["router"] == "round_robin"
    assert 0 < run["mean_ttft"] <= run["p99_ttft"]
    assert run["prefix_hits"] is None
    assert run["goodput"] > 0
    assert run["imbalance"] >= 0
    assert run["finished"] == 60
    assert run["gpu_time"] == 2 * run["total_time"]
    assert math.isclose(run["tokens_per_gpu_second"], run["throughput"] / 2)
    # A thousandth for each GPU-second.
    assert math.isclose(run["cost"], run["gpu_time"] / 1000)
    assert math.isclose(run["cost_per_million_tokens"], 1000 / run["tokens_per_gpu_second"])


def test_what_is_not_asked_for_is_not_told() -> None:
    (run,) = _runs("--replicas", "2", "--router", "random")
    assert "goodput" not in run
    assert run["cost"] is run["cost_per_million_tokens"] is None
    assert "cost" not in _run("--replicas", "2").output


@pytest.mark.parametrize(
    ("arguments", "gpus"),
    [
        ([], 3),
        (["--gpus-per-replica", "8"], 24),
        (["--model", "Llama-3.1-8B", "--gpu", "H100-SXM", "--tp", "2"], 6),
        (["--model", "Llama-3.1-8B", "--gpu", "H100-SXM", "--tp", "2", "--iteration-time", "0.01"], 6),
        (["--model", "Llama-3.1-8B", "--gpu", "H100-SXM", "--tp", "2", "--gpus-per-replica", "4"], 12),
    ],
)
def test_a_replica_has_the_gpus_that_share_its_layers_or_as_many_as_are_typed(arguments: list[str], gpus: int) -> None:
    (run,) = _runs("--replicas", "3", "--router", "round_robin", *arguments)
    assert run["gpus"] == gpus


def test_it_writes_a_page_and_a_trace(tmp_path: Path) -> None:
    page, trace = tmp_path / "fleet.html", tmp_path / "fleet.json"
    told = _run("--replicas", "2", "--router", "round_robin", "--report", str(page), "--perfetto", str(trace))
    assert told.exit_code == 0, told.output
    assert "fleet.html" in told.output
    assert "2 x round_robin" in page.read_text()
    assert Trace(trace.read_text()).processes == {1: "replica 0", 2: "replica 1"}


@pytest.mark.parametrize(
    ("sentence", "arguments"),
    [
        ("--replicas is '0'", ["--replicas", "0"]),
        ("--replicas is '2,x'", ["--replicas", "2,x"]),
        ("--replicas is '1:2:3'", ["--replicas", "1:2:3"]),
        ("--replicas is '0:2'", ["--replicas", "0:2"]),
        ("--pd-preset is 'nixl'", ["--replicas", "1:1", "--pd-preset", "nixl"]),
        ("--link-bandwidth is given, but --kv-bytes-per-token is not", ["--replicas", "1:1", "--link-bandwidth", "9"]),
        ("--link-bandwidth is given, but --replicas has no P:D", ["--link-bandwidth", "9"]),
        ("--pd-preset is given, but --replicas has no P:D", ["--pd-preset", "dynamo"]),
        ("--kv-bytes-per-token is given, but --replicas has no P:D", ["--kv-bytes-per-token", "9"]),
        (
            "--kv-bytes-per-token is given, but --link-bandwidth is not",
            ["--replicas", "1:1", "--kv-bytes-per-token", "9"],
        ),
        (
            "--link-bandwidth is 0.0: must be a number greater than 0",
            ["--replicas", "1:1", "--link-bandwidth", "0", "--kv-bytes-per-token", "9"],
        ),
        (
            "--kv-bytes-per-token is nan: must be a number greater than 0",
            ["--replicas", "1:1", "--link-bandwidth", "9", "--kv-bytes-per-token", "nan"],
        ),
        ("--policy is static: must be vllm or continuous with P:D", ["--replicas", "1:1", "--policy", "static"]),
        ("--autoscale is given with P:D", ["--replicas", "1:1", "--autoscale", "hpa,target=8"]),
        ("--autoscale has 'foo', which is no setting", ["--autoscale", "hpa,foo=1"]),
        ("--autoscale has 'target'", ["--autoscale", "hpa,target"]),
        ("autoscaler is 'keda'", ["--autoscale", "keda,target=1"]),
        ("--router is 'best'", ["--router", "best"]),
        ("must have one for a fleet", ["--setting", "max_num_batched_tokens=512,1024"]),
        ("a fleet runs to its end", ["--setting", "time_limit=3"]),
        ("--gpu-hour-price is 0.0: must be a finite number greater than 0", ["--gpu-hour-price", "0"]),
        ("--gpu-hour-price is inf: must be a finite number greater than 0", ["--gpu-hour-price", "inf"]),
        ("--gpu-hour-price is nan: must be a finite number greater than 0", ["--gpu-hour-price", "nan"]),
        ("--gpus-per-replica is 0: must be between 1 and 65536", ["--gpus-per-replica", "0"]),
        ("--report is page.pdf: must end in .html", ["--report", "page.pdf"]),
        ("--schedule-trace is trace.txt: must end in .json", ["--perfetto", "trace.txt"]),
        ("--schedule-trace is given with 2 runs: must be one run", ["--perfetto", "trace.json"]),
        ("these are 130 runs: must be at most 64", ["--replicas", ",".join(["1"] * 65)]),
    ],
)
def test_wrong_use_is_a_sentence(sentence: str, arguments: list[str]) -> None:
    told = _run(*arguments)
    assert told.exit_code == 2
    assert sentence in " ".join(told.output.split())


def test_prefill_and_decode_apart_stand_beside_replicas_that_do_both() -> None:
    whole, split = _runs("--replicas", "2,1:1", "--router", "round_robin")
    assert (whole["size"], split["size"]) == ("2", "1:1")
    assert split["replicas"] == whole["replicas"] == 2
    assert split["finished"] == 60
    # A thousand tokens then take a second.
    (slow,) = _runs(
        "--replicas", "1:1", "--router", "round_robin", "--link-bandwidth", "1e-6", "--kv-bytes-per-token", "1"
    )
    assert slow["mean_ttft"] > split["mean_ttft"]
    assert slow["mean_transfer"] > 1.0 > split["mean_transfer"] >= 0.0
    assert "mean_transfer" not in whole
    both = _run("--replicas", "2,1:1", "--slo-ttft", "0.1", width=80).output.splitlines()
    # One table in eighty columns.
    assert len([line for line in both if line and set(line) <= set("─┡━╇┩")]) == 1
    assert "hand-" in " ".join(both)
    told = _run("--replicas", "1:1", "--router", "round_robin", "--pd-preset", "sglang_pd")
    assert "P:D as sglang_pd, transfers take no time" in told.output
    rows = [line for line in told.output.splitlines() if line.startswith("│")]
    assert [line.split()[1] for line in rows] == ["1:1"]


def test_an_autoscaler_pays_for_replicas_as_long_as_they_are_there() -> None:
    (fixed,) = _runs("--replicas", "4", "--router", "least_requests")
    (scaled,) = _runs(
        "--replicas", "4", "--router", "least_requests", "--autoscale", "hpa,target=1000,scaling_metric=in_flight"
    )
    # No more than one is ever wanted.
    assert scaled["gpu_time"] == pytest.approx(scaled["total_time"])
    assert fixed["gpu_time"] == pytest.approx(4 * fixed["total_time"])
    assert scaled["finished"] == 60
