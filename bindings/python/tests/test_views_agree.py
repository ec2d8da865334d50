"""Views of one run never disagree on how many requests had an answer, and how many met their objectives.

What is right is counted here, request by request in whole nanoseconds, from the columns of the result alone.
"""

import json
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import batching
from batching import (
    SLO,
    Accumulator,
    EndReason,
    RequestColumns,
    RequestStatus,
    Result,
    ServingMetrics,
    measure,
    read_trace,
    vllm_bench_json,
    write_results,
    write_vllm_bench,
)

pytest.importorskip("pyarrow")
pytest.importorskip("typer")

from typer.testing import CliRunner

from batching._command.application import application
from batching._ffi import loader

SEEDS = range(100)


@dataclass
class Case:
    """A run, and its objectives in whole milliseconds."""

    result: Result
    settings: dict[str, Any]
    ttft: int
    e2e: int

    @property
    def slo(self) -> SLO:
        return SLO(ttft=self.ttft / 1e3, e2e=self.e2e / 1e3)


def case_of(seed: int) -> Case:
    """A random run: whole, cut short by time or iterations, stuck, with requests rejected, with clients that leave and
    answers that end early, without any answer, of one request, of none, an open or a closed loop, with or without
    sessions. Times are whole milliseconds, the first arrival is at 0.
    """
    rng = random.Random(seed)  # noqa: S311  (no secret)
    count = rng.choice([0, 1, 2, 30, 30, 80])
    span = rng.choice([1, 500, 4000, 20_000])
    arrivals = [0, *sorted(rng.randrange(span) for _ in range(count - 1))][:count]
    prompts = [rng.choice([0, 1, 40, 400, 900]) for _ in range(count)]
    outputs = [rng.randint(1, 60) for _ in range(count)]
    settings: dict[str, Any] = {
        "policy": rng.choice(["vllm", "vllm", "continuous", "orca", "static", "dynamic"]),
        "max_num_seqs": rng.choice([1, 4, 16]),
        "max_num_batched_tokens": 1024,
        "num_gpu_blocks": rng.choice([None, 40, 120]),
        "max_model_len": rng.choice([None, 450]),
    }
    if settings["policy"] == "dynamic":
        settings["max_queue_delay"] = rng.choice([0.05, 30.0])
    if rng.random() < 0.7:
        limit, value = rng.choice(
            [("time_limit", rng.choice([0.001, 0.25, 1.0, 3.0, 8.0])), ("iteration_limit", rng.choice([1, 10, 100]))]
        )
        settings[limit] = value
    if settings["num_gpu_blocks"] == 40 and settings["policy"] == "vllm":
        settings["admit_oversized"] = True
        settings.setdefault("time_limit", 5.0)
    requests = RequestColumns(outputs, prompts, np.array(arrivals) / 1e3)
    ends = random.Random(1000 + seed)  # noqa: S311  (no secret)
    if ends.random() < 0.4:
        left = [(arrival + ends.choice([0, 30, 300, 3000])) / 1e3 for arrival in arrivals]
        requests = requests.replace(abort_time=[time if ends.random() < 0.5 else np.nan for time in left])
    if settings["policy"] == "vllm" and ends.random() < 0.5:
        settings["async_scheduling"] = True
        requests = requests.replace(max_tokens=[tokens + ends.choice([0, 1, 200]) for tokens in outputs])
    loops = random.Random(2000 + seed)  # noqa: S311  (no secret)
    if loops.random() < 0.5:
        settings |= loops.choice(
            [
                {},
                {"max_concurrency": loops.choice([1, 3, 10])},
                {"clients": loops.choice([1, 4]), "ramp_up": loops.choice([0.0, 2.0])},
                {"clients": 5, "max_concurrency": 3, "think_time": 0.2, "think_times": "constant"},
            ]
        )
        if loops.random() < 0.6:
            sessions = [loops.randrange(1 + count // 3) for _ in range(count)]
            delays = [loops.choice([0.0, 0.5]) if sessions[row] in sessions[:row] else 0.0 for row in range(count)]
            requests = requests.replace(session=sessions, delay=delays)
            settings["sessions_go_on"] = loops.random() < 0.3
    result = batching.simulate(
        requests, iteration_time=batching.AffineTime(base=0.01, per_prefill_token=1e-5), **settings
    )
    return Case(result, settings, rng.choice([20, 100, 1000]), rng.choice([100, 500, 3000]))


def nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def counted(case: Case, due_by: int | None = None) -> tuple[int, int, int, int, int]:
    """Completed, failed, judged, good, and output tokens: one request after the other."""
    result = case.result
    end = nanoseconds(result.duration)
    if result.end_reason == EndReason.TIME_LIMIT:
        end = max(end, nanoseconds(case.settings["time_limit"]))
    completed = failed = judged = good = tokens = 0
    for index in range(len(result)):
        if result.status[index] == RequestStatus.NOT_SENT:
            continue
        arrival = nanoseconds(result.sent_time[index])
        if result.status[index] == RequestStatus.UNFINISHED and arrival > end:
            continue
        is_judged = due_by is None or arrival + max(case.ttft, case.e2e) * 10**6 <= due_by
        judged += is_judged
        if result.status[index] != RequestStatus.FINISHED:
            failed += 1
            continue
        completed += 1
        tokens += int(result.tokens_generated[index])
        first, last = nanoseconds(result.first_token_time[index]), nanoseconds(result.end_time[index])
        good += is_judged and first - arrival <= case.ttft * 10**6 and last - arrival <= case.e2e * 10**6
    return completed, failed, judged, good, tokens


def told(metrics: ServingMetrics) -> tuple[int, int, int | None, int | None, int]:
    assert metrics.judged is not None
    assert metrics.good is not None
    assert metrics.slo_attainment == (metrics.good / metrics.judged if metrics.judged else 0.0)
    return metrics.completed, metrics.failed, metrics.judged, metrics.good, metrics.total_output_tokens


def accumulated(case: Case) -> ServingMetrics:
    """What an accumulator says that was told of the requests as they went, and at the end that the others failed."""
    result, live = case.result, Accumulator(slo=case.slo, window=1e6, slot_count=1)
    arrivals = result.sent_time
    for index in np.flatnonzero(result.was_sent()).tolist():
        live.arrived(index, arrivals[index], int(np.asarray(result.requests.prompt_length)[index]))
        if result.status[index] != RequestStatus.FINISHED:
            live.failed(index, max(result.duration, arrivals[index]))
            continue
        live.started(index, result.start_time[index])
        live.tokens(index, result.first_token_time[index])
        if result.tokens_generated[index] > 1:
            live.tokens(index, result.end_time[index], int(result.tokens_generated[index]) - 1)
        live.finished(index, result.end_time[index])
    return live.measure()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_view_counts_the_same(seed: int, tmp_path: Path) -> None:
    case = case_of(seed)
    expected = counted(case)
    result, slo = case.result, case.slo
    direct = result.measure(slo=slo)
    assert told(direct) == expected
    assert told(measure(result.recorded(), slo=slo)) == expected
    assert told(accumulated(case)) == expected

    bench = vllm_bench_json(result, slo=slo, detailed=True)
    assert (bench["completed"], bench["failed"]) == expected[:2]
    assert bench["num_prompts"] == len(bench["errors"]) == len(bench["latencies"]) == sum(expected[:2])
    assert bench["total_output_tokens"] == expected[4]
    assert bench["request_goodput"] == (expected[3] / result.total_time if result.total_time else 0.0)

    if len(result):
        for suffix in ("csv", "parquet"):
            write_results(result, tmp_path / f"run.{suffix}")
            trace = read_trace(tmp_path / f"run.{suffix}")
            assert len(trace.requests) == len(result)
            assert trace.recorded is not None
            assert measure(trace.recorded, slo=slo) == result.measure(slo=slo)
    if expected[0]:
        write_vllm_bench(result, tmp_path / "bench.json", slo=slo, detailed=True)
        trace = read_trace(tmp_path / "bench.json")
        assert trace.recorded is not None
        back = measure(trace.recorded)
        assert (back.completed, back.failed, back.total_output_tokens) == (expected[0], expected[1], expected[4])


@pytest.mark.parametrize(("compiler", "source"), [("cc", "views.c"), ("c++", "views.cpp")])
def test_c_and_cpp_count_the_same(compiler: str, source: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    here, library = Path(__file__).resolve().parent, Path(loader.candidate()[0]).resolve()
    include, program = f"-I{here.parents[2] / 'include'}", tmp_path / "views"
    subprocess.run([compiler, include, here / "native" / source, library, "-o", program], check=True)
    (tmp_path / "libbatching.so.1").symlink_to(library)
    lines, expected = [], []
    for case in map(case_of, SEEDS):
        result = case.result
        arrivals = result.sent_time
        sent = np.flatnonzero(result.was_sent()).tolist()
        lines.append(f"{len(sent)} {case.ttft / 1e3!r} {case.e2e / 1e3!r}")
        for i in sent:
            answered = result.status[i] == RequestStatus.FINISHED
            times = (arrivals[i], result.first_token_time[i], result.end_time[i] if answered else np.nan)
            lengths = (np.asarray(result.requests.prompt_length)[i], result.tokens_generated[i])
            lines.append(
                " ".join([*(repr(float(time)) for time in times), *(str(int(n)) for n in (*lengths, answered))])
            )
        expected.append(" ".join(map(str, counted(case))))
    told = subprocess.run(
        [program],
        input="\n".join(lines),
        text=True,
        capture_output=True,
        check=True,
        env={"LD_LIBRARY_PATH": str(tmp_path)},
    ).stdout
    assert told.splitlines() == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_requests_that_were_not_due_are_left_out_only_if_asked(seed: int) -> None:
    case = case_of(seed)
    end = case.result.duration
    if end > 0:
        assert told(case.result.measure(slo=case.slo, slo_due_by=end)) == counted(case, nanoseconds(end))


def test_the_random_runs_are_of_every_kind() -> None:
    results = [case_of(seed).result for seed in SEEDS]
    assert {result.end_reason for result in results} == set(EndReason)
    assert any(result.rejected for result in results)
    assert any(result.aborted and result.finished for result in results)
    # One that left with tokens, and a run with early ends.
    assert any(((result.status == RequestStatus.ABORTED) & (result.tokens_generated > 0)).any() for result in results)
    assert any(result.settings["async_scheduling"] and result.finished for result in results)
    assert any(len(result) and not result.finished for result in results)
    assert any(len(result) == 1 for result in results)
    assert any((~result.was_sent()).any() for result in results)
    # Sent while the server waited for a batch to form, after its last iteration.
    assert any((result.was_sent() & (result.sent_time > result.duration)).any() for result in results)
    # Held back by clients, with and without sessions; and not sent, at a limit and because a turn failed.
    for has_sessions in (False, True):
        held = [result for result in results if (result.sent_time > result.arrival_time).any()]
        assert any((result.requests.session is not None) is has_sessions for result in held)
    assert {EndReason.COMPLETED, EndReason.TIME_LIMIT} <= {r.end_reason for r in results if r.not_sent}


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed % 10 == 0])
def test_the_command_counts_the_same(seed: int, tmp_path: Path) -> None:
    case = case_of(seed)
    result = case.result
    if len(result) == 0:
        return
    names = ["arrival_time", "prompt_length", "output_length", "max_tokens", "abort_time", "session", "delay"]
    columns = {name: column.tolist() for name in names if (column := getattr(result.requests, name)) is not None}
    lines = [",".join(columns), *(",".join("" if cell != cell else repr(cell) for cell in row)  # noqa: PLR0124  (NaN)
                                  for row in zip(*columns.values(), strict=True))]  # fmt: skip
    (tmp_path / "trace.csv").write_text("\n".join(lines))
    given = {name: value for name, value in case.settings.items() if value is not None}
    words = ["simulate", "--trace", str(tmp_path / "trace.csv"), "--policy", given.pop("policy")]
    words += ["--max-num-seqs", str(given.pop("max_num_seqs")), "--iteration-time", "base=0.01,prefill=1e-5"]
    if "num_gpu_blocks" in given:
        words += ["--num-gpu-blocks", str(given.pop("num_gpu_blocks"))]
    words += [word for name, value in given.items() for word in ("--setting", f"{name}={str(value).lower()}")]
    words += ["--slo-ttft", str(case.ttft / 1e3), "--slo-e2e", str(case.e2e / 1e3)]

    printed = CliRunner().invoke(application, [*words, "--json"])
    assert printed.exit_code == 0, printed.output
    goodput = json.loads(printed.stdout)["goodput"]
    completed, failed, judged, good, _ = counted(case)
    assert (goodput["failed"], goodput["judged"]) == (failed, judged)
    assert goodput["slo_attainment"] == good / judged
    due = json.loads(CliRunner().invoke(application, [*words, "--slo-due-only", "--json"]).stdout)["goodput"]
    assert due["judged"] == counted(case, nanoseconds(result.duration) if result.duration else None)[2]

    text = CliRunner().invoke(application, [*words, "--report", str(tmp_path / "report.html")], env={"COLUMNS": "200"})
    assert text.exit_code == 0, text.output
    cells = {cells[0].strip(): cells[1].strip() for line in text.stdout.splitlines() if (cells := line.split("│")[1:])}
    assert (cells["requests judged"], cells["good requests"]) == (f"{judged:,}", f"{good:,}")
    page = (tmp_path / "report.html").read_text()
    late = len(result) - completed - failed - result.not_sent
    is_whole = result.end_reason == EndReason.COMPLETED
    for number, told in (
        (result.rejected, "was rejected" if result.rejected == 1 else "were rejected"),
        (failed - result.rejected - result.aborted, "did not finish"),
        (late, "had not arrived when the run ended"),
        (0 if is_whole else result.not_sent, "had not been sent when the run ended"),
        (result.not_sent if is_whole else 0, f"{'was' if result.not_sent == 1 else 'were'} not sent, since a turn"),
    ):
        for view in (text.stdout, page):
            assert (f"the clients of {result.aborted:,} request" in view) is (result.aborted > 0)
            assert (f": {number:,} request{'' if number == 1 else 's'} {told}" in view) is (number > 0)
