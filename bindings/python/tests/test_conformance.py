"""The engine decides what the real scheduler decided, and the tool that says so would say it if it did not."""

import copy
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).parents[3] / "Tests" / "conformance" / "conformance.py"
DATA = os.environ.get("BATCHING_DATA", "")
RECORDINGS = Path(DATA) / "scheduler"

needs_recordings = pytest.mark.skipif(
    not DATA or not RECORDINGS.is_dir(),
    reason="needs the recordings of vLLM's scheduler, in the directory that BATCHING_DATA names",
)

ENGINES = pytest.mark.parametrize("engine", ["slow", "library"])

Change = Callable[[dict[str, Any]], None]


def run_tool(directory: Path, engine: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), str(directory), "--engine", engine]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


@needs_recordings
@ENGINES
def test_every_recording_is_reproduced(engine: str) -> None:
    ended = run_tool(RECORDINGS, engine)
    assert ended.stderr == ""
    *differences, last = ended.stdout.splitlines()
    assert differences == []
    agreeing, of, total, *rest = last.split(" ")
    assert (of, rest) == ("of", ["recordings", "agree"])
    # Those that there are: a tool that finds none of them must not pass.
    assert int(agreeing) == int(total) >= 348
    assert ended.returncode == 0


def recording(name: str) -> Any:
    path = RECORDINGS / name
    return json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_text())


def iterations_with(case: dict[str, Any], field: str) -> dict[str, Any]:
    """The last iteration that has something in a field."""
    row: dict[str, Any] = next(row for row in reversed(case["iterations"]) if row.get(field))
    return row


def one_more(place: Callable[[dict[str, Any]], dict[str, Any]], field: str) -> Change:
    def change(case: dict[str, Any]) -> None:
        place(case)[field] += 1

    return change


def in_iteration(field: str, number: int = 2) -> Change:
    return one_more(lambda case: case["iterations"][number], field)


def in_result(field: str) -> Change:
    return one_more(lambda case: next(row for row in case["results"].values() if field in row), field)


def in_summary(field: str) -> Change:
    return one_more(lambda case: case["summary"], field)


def negated(field: str) -> Change:
    def change(case: dict[str, Any]) -> None:
        case["summary"][field] = not case["summary"][field]

    return change


def other_tokens(field: str) -> Change:
    def change(case: dict[str, Any]) -> None:
        row = iterations_with(case, field)[field]
        row[next(iter(row))] += 1

    return change


def other_request(field: str) -> Change:
    def change(case: dict[str, Any]) -> None:
        row, ids = iterations_with(case, field), [entry["id"] for entry in case["workload"]]
        row[field][0] = ids[ids.index(row[field][0]) - 1]

    return change


def other_order(field: str) -> Change:
    def change(case: dict[str, Any]) -> None:
        row = next(row for row in case["iterations"] if len(row.get(field, [])) > 1)
        entries = row[field]
        row[field] = dict(reversed(entries.items())) if isinstance(entries, dict) else entries[::-1]

    return change


def left_out(field: str) -> Change:
    def change(case: dict[str, Any]) -> None:
        del iterations_with(case, field)[field]

    return change


def added(field: str, value: list[str]) -> Change:
    def change(case: dict[str, Any]) -> None:
        case["iterations"][1].setdefault(field, []).extend(value)

    return change


def other_status(case: dict[str, Any]) -> None:
    next(iter(case["results"].values()))["status"] = "stuck"


def without_first_time(case: dict[str, Any]) -> None:
    del next(iter(case["results"].values()))["first_time"]


def one_iteration_fewer(case: dict[str, Any]) -> None:
    case["iterations"].pop()


def one_iteration_more(case: dict[str, Any]) -> None:
    case["iterations"].append(case["iterations"][-1])


# Has preempted and resumed requests, hits, and all queues.
SYNCHRONOUS = "f20_prefix_preempt_rehit.json"
ASYNCHRONOUS = "a02_async_preempt_pair.json"

# The recording that is changed, the change, and the field that the tool must name.
CHANGES: dict[str, tuple[str, Change, str]] = {
    "number": (SYNCHRONOUS, in_iteration("i"), "i"),
    "time": (SYNCHRONOUS, in_iteration("t"), "t"),
    "start": (ASYNCHRONOUS, in_iteration("start"), "start"),
    "duration": (SYNCHRONOUS, in_iteration("dt"), "dt"),
    "free": (SYNCHRONOUS, in_iteration("free"), "free"),
    "free after the output": (SYNCHRONOUS, in_iteration("free2"), "free2"),
    "free after the output, asynchronous": (ASYNCHRONOUS, in_iteration("free2"), "free2"),
    "running": (SYNCHRONOUS, in_iteration("nrun"), "nrun"),
    "waiting": (SYNCHRONOUS, in_iteration("nwait"), "nwait"),
    "scheduled tokens": (SYNCHRONOUS, other_tokens("s"), "s"),
    "scheduled tokens, asynchronous": (ASYNCHRONOUS, other_tokens("s"), "s"),
    "scheduled in another order": (SYNCHRONOUS, other_order("s"), "s"),
    "hit": (SYNCHRONOUS, other_tokens("hit"), "hit"),
    "hit left out": (SYNCHRONOUS, left_out("hit"), "hit"),
    "new": (SYNCHRONOUS, other_request("new"), "new"),
    "new left out": (SYNCHRONOUS, left_out("new"), "new"),
    "resumed": (SYNCHRONOUS, other_request("res"), "res"),
    "preempted": (SYNCHRONOUS, other_request("pre"), "pre"),
    "preempted left out": (SYNCHRONOUS, left_out("pre"), "pre"),
    "finished": (SYNCHRONOUS, other_request("fin"), "fin"),
    "finished, asynchronous": (ASYNCHRONOUS, other_request("fin"), "fin"),
    "finished too early": (SYNCHRONOUS, added("fin", ["r0"]), "fin"),
    "queue of the running": (SYNCHRONOUS, other_order("run"), "run"),
    "queue of the waiting": ("f11_priority_order.json", other_order("wait"), "wait"),
    "status": (SYNCHRONOUS, other_status, "status"),
    "stuck": ("f23_prompt_exceeds_kv.json", other_status, "status"),
    "output tokens": (SYNCHRONOUS, in_result("output_tokens"), "output_tokens"),
    "preemptions": (SYNCHRONOUS, in_result("preemptions"), "preemptions"),
    "first iteration": (SYNCHRONOUS, in_result("first_iter"), "first_iter"),
    "first time": (SYNCHRONOUS, in_result("first_time"), "first_time"),
    "first time left out": (SYNCHRONOUS, without_first_time, "first_time"),
    "last iteration": (SYNCHRONOUS, in_result("finish_iter"), "finish_iter"),
    "last time": (SYNCHRONOUS, in_result("finish_time"), "finish_time"),
    "iterations": (SYNCHRONOUS, in_summary("iterations"), "iterations"),
    "end": (SYNCHRONOUS, in_summary("end_time"), "end_time"),
    "all preemptions": (SYNCHRONOUS, in_summary("total_preemptions"), "total_preemptions"),
    "all finished": (SYNCHRONOUS, in_summary("finished"), "finished"),
    "stalled": (SYNCHRONOUS, negated("stalled"), "stalled"),
    "truncated": ("f28_livelock_reserve_off.json", negated("truncated"), "truncated"),
    "one iteration fewer": (SYNCHRONOUS, one_iteration_fewer, "iterations"),
    "one iteration more": (SYNCHRONOUS, one_iteration_more, "iterations"),
}


@needs_recordings
@ENGINES
def test_a_changed_recording_is_found(engine: str, tmp_path: Path) -> None:
    for number, (name, change, _) in enumerate(CHANGES.values()):
        case = recording(name)
        changed = copy.deepcopy(case)
        change(changed)
        assert (changed, json.dumps(changed)) != (case, json.dumps(case))
        (tmp_path / f"{number:02}.json").write_text(json.dumps(changed))
    ended = run_tool(tmp_path, engine)
    assert ended.stderr == ""
    *lines, last = ended.stdout.splitlines()
    assert last == f"0 of {len(CHANGES)} recordings agree"
    assert ended.returncode == 1
    for number, ((change_name, (name, _, field)), line) in enumerate(zip(CHANGES.items(), lines, strict=True)):
        label = f"{tmp_path / f'{number:02}.json'}[{recording(name)['name']}]: "
        assert line.startswith(label), change_name
        assert f": {field}: expected " in line, change_name


@needs_recordings
def test_recordings_that_are_zipped_and_of_many_lines_are_read(tmp_path: Path) -> None:
    good, bad = recording(SYNCHRONOUS), recording(ASYNCHRONOUS)
    bad["iterations"][3]["free"] += 1
    lines = "\n".join([json.dumps(good), json.dumps(bad), "", json.dumps(good)])
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "many.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "one.json.gz").write_bytes(gzip.compress(json.dumps(good).encode()))
    ended = run_tool(tmp_path, "slow")
    difference, last = ended.stdout.splitlines()
    assert "many.jsonl.gz[a02_async_preempt_pair]: iteration 3: free: expected " in difference
    assert (last, ended.returncode) == ("3 of 4 recordings agree", 1)


@needs_recordings
def test_other_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "recording.json").write_text(json.dumps(recording(SYNCHRONOUS)))
    for name, content in {"list.json": "[1, 2]", "other.json": '{"config": {}}', "notes.txt": "no JSON"}.items():
        (tmp_path / name).write_text(content)
    ended = run_tool(tmp_path, "slow")
    assert (ended.stdout, ended.stderr, ended.returncode) == ("1 of 1 recordings agree\n", "", 0)


@needs_recordings
@pytest.mark.parametrize("key", ["results", "summary"])
def test_a_recording_that_lacks_something_is_an_error(tmp_path: Path, key: str) -> None:
    case = recording(SYNCHRONOUS)
    (tmp_path / "whole.json").write_text(json.dumps(case))
    del case[key]
    (tmp_path / "broken.json").write_text(json.dumps(case))
    ended = run_tool(tmp_path, "slow")
    assert f"broken.json[f20_prefix_preempt_rehit]: has no '{key}'" in ended.stdout
    assert ended.stdout.endswith("1 of 1 recordings agree\n")
    assert ended.returncode == 1


@needs_recordings
@pytest.mark.parametrize("section", ["iterations", "config", "workload"])
def test_a_recording_that_cannot_be_replayed_is_an_error(tmp_path: Path, section: str) -> None:
    case = recording(SYNCHRONOUS)
    if section == "iterations":
        case["iterations"][0]["unheard_of"] = 1
    elif section == "config":
        case["config"]["policy"] = "unheard of"
    else:
        del case["workload"][0]["prompt_len"]
    (tmp_path / "broken.json").write_text(json.dumps(case))
    ended = run_tool(tmp_path, "slow")
    assert "broken.json[f20_prefix_preempt_rehit]: cannot be replayed: " in ended.stdout
    assert ended.stdout.endswith("0 of 1 recordings agree\n")
    assert ended.returncode == 1


@pytest.mark.parametrize("name", ["broken.json", "broken.json.gz", "broken.jsonl.gz"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'{"config": ')
    ended = run_tool(tmp_path, "slow")
    error, last = ended.stdout.splitlines()
    assert error.startswith(f"{tmp_path / name}: ")
    assert (last, ended.returncode) == ("0 of 0 recordings agree", 1)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    ended = run_tool(tmp_path, "slow")
    assert (ended.stdout, ended.returncode) == ("0 of 0 recordings agree\n", 1)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    ended = run_tool(tmp_path / "none", "slow")
    assert ended.returncode == 2
    assert "is no directory" in ended.stderr


METRICS = Path(DATA) / "metrics"
needs_metrics = pytest.mark.skipif(
    not DATA or not METRICS.is_dir(),
    reason="needs the recordings of the benchmark tools, in the directory that BATCHING_DATA names",
)


@needs_metrics
def test_what_the_benchmark_tools_said_is_reproduced() -> None:
    ended = run_tool(METRICS, "slow")
    assert (ended.stdout, ended.returncode) == ("15 of 15 recordings agree\n", 0)


def changed_recording(tmp_path: Path, tool: str, change: Any) -> Any:
    """The tool on one dataset of which one figure was changed."""
    for folder in ("inputs", tool):
        (tmp_path / folder).mkdir()
        content = json.loads((METRICS / folder / "tiny3.json").read_text())
        if folder == tool:
            change(content)
        (tmp_path / folder / "tiny3.json").write_text(json.dumps(content))
    return run_tool(tmp_path, "slow")


def scale(content: dict[str, Any], *path: Any) -> None:
    """Change a figure by a little more than is allowed."""
    *outer, last = path
    for key in outer:
        content = content[key]
    content[last] *= 1 + 1e-11


@needs_metrics
@pytest.mark.parametrize(
    ("tool", "path"),
    [
        ("vllm", ("metrics", "mean_ttft_ms")),
        ("vllm", ("metrics", "percentiles_itl_ms", 8, 1)),
        ("vllm", ("metrics", "max_output_tokens_per_s")),
        ("sglang", ("metrics", "concurrency")),
        ("sglang", ("goodput", "slo_attainment_by_metric", "tpot")),
        ("sglang", ("steady_state_0.8", "average_concurrency")),
        ("aiperf", ("metrics", "inter_token_latency", "p25")),
        ("aiperf", ("effective_concurrency", "avg")),
    ],
)
def test_a_metric_that_is_another_one_is_told(tmp_path: Path, tool: str, path: tuple[Any, ...]) -> None:
    ended = changed_recording(tmp_path, tool, lambda content: scale(content, *path))
    difference, last = ended.stdout.splitlines()
    assert f"{tmp_path / tool / 'tiny3.json'}: {path[0]}.{path[1]}" in difference
    assert (last, ended.returncode) == ("0 of 1 recordings agree", 1)


@needs_metrics
def test_an_unknown_metric_is_reported(tmp_path: Path) -> None:
    ended = changed_recording(tmp_path, "vllm", lambda content: content["metrics"].update(unheard_of=1.0))
    assert "metrics.unheard_of: expected 1.0, got 'nothing'" in ended.stdout
    assert ended.returncode == 1


@needs_metrics
def test_metrics_of_an_unknown_tool_or_of_unknown_requests_are_reported(tmp_path: Path) -> None:
    ended = changed_recording(tmp_path, "vllm", lambda content: content.update(tool="unheard of"))
    assert "cannot be compared: MetricRecordingError: 'unheard of' is no tool that is known" in ended.stdout
    (tmp_path / "inputs" / "tiny3.json").unlink()
    ended = run_tool(tmp_path, "slow")
    assert "there are no inputs named 'tiny3'" in ended.stdout
    assert (ended.stdout.splitlines()[-1], ended.returncode) == ("0 of 1 recordings agree", 1)
