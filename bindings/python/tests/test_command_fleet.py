"""`batching fleet`: a row for each number of replicas and each router."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from batching._command.application import application

_SMALL = ["fleet", "--num-requests", "60", "--request-rate", "20"]


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(application, [*_SMALL, *arguments], env={"COLUMNS": "120"})


def test_there_is_a_row_for_each_number_of_replicas_and_each_router() -> None:
    told = _run("--replicas", "1,3", "--router", "round_robin,least_requests,dynamo_kv")
    assert told.exit_code == 0, told.output
    rows = [line for line in told.output.splitlines() if line.startswith("│")]
    assert [line.split()[1] for line in rows] == ["1"] * 3 + ["3"] * 3
    assert [line.split()[3] for line in rows] == ["round_robin", "least_requests", "dynamo_kv"] * 2


def test_json_has_the_figures() -> None:
    told = json.loads(_run("--replicas", "2", "--router", "round_robin", "--slo-ttft", "1", "--json").stdout)
    (run,) = told["runs"]
    assert run["replicas"] == 2
    assert run["router"] == "round_robin"
    assert 0 < run["mean_ttft"] <= run["p99_ttft"]
    assert run["prefix_hits"] is None
    assert run["goodput"] > 0
    assert run["imbalance"] >= 0


@pytest.mark.parametrize(
    ("sentence", "arguments"),
    [
        ("--replicas is '0'", ["--replicas", "0"]),
        ("--replicas is '2,x'", ["--replicas", "2,x"]),
        ("--router is 'best'", ["--router", "best"]),
        ("must have one for a fleet", ["--setting", "max_num_batched_tokens=512,1024"]),
        ("a fleet runs to its end", ["--setting", "time_limit=3"]),
    ],
)
def test_wrong_use_is_a_sentence(sentence: str, arguments: list[str]) -> None:
    told = _run(*arguments)
    assert told.exit_code == 2
    assert sentence in " ".join(told.output.split())
