"""The report: what is in the page, and that a browser without a network draws all of it."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("jinja2")
pytest.importorskip("plotly")

import closed_loop_by_hand as by_hand
from batching import generate_conversation_workload
from batching._command.progress import long_work
from batching._command.report import report
from batching._command.runs import Run, run_all
from batching._command.settings import plans
from batching._command.workload import WorkloadSource
from batching._engine.attribution import PARTS
from batching._output.palette import PARTS as PART_COLOURS

CHARTS = ["latency-ttft", "latency-tpot", "latency-e2e", "load-running", "load-waiting", "load-kv-use",
          "schedule-0", "schedule-1", "attribution"]  # fmt: skip


def made(count: int = 300, policies: tuple[str, ...] = ("static", "vllm"), origin: str = "generated") -> str:
    return report(*runs_of(count, policies, origin), "0.02")


def runs_of(count: int, policies: tuple[str, ...], origin: str = "generated") -> tuple[WorkloadSource, list[Run]]:
    workload = WorkloadSource(generate_conversation_workload(count), origin)
    planned = plans(policies, {"max_num_seqs": 16, "iteration_time": 0.02, "num_gpu_blocks": None}, [])
    with long_work() as work:
        return workload, run_all(workload, planned, work, log=True, attribution=True)


@pytest.fixture(scope="module")
def page() -> str:
    return made()


def figures_of(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="charts-data">(.*?)</script>', page, re.DOTALL)
    figures: dict[str, Any] = json.loads(text)
    return figures


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_it_has_all_charts_and_tables(page: str) -> None:
    assert list(figures_of(page)) == CHARTS
    assert without_scripts(page).count('class="chart"') == len(CHARTS)
    for words in ("Mean TTFT", "max_num_seqs", "Queue time", "static against vllm"):
        assert words in without_scripts(page)


def test_same_input_same_bytes(page: str) -> None:
    assert made() == page


def test_it_asks_for_nothing_from_outside(page: str) -> None:
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)""", without_scripts(page))
    assert "@import" not in without_scripts(page)
    assert "url(" not in without_scripts(page)


def test_names_are_not_taken_as_markup() -> None:
    page = made(20, ("vllm",), 'replayed from <img src="x" onerror="alert(1)"></script>')
    assert "<img" not in without_scripts(page)
    assert "&lt;img" in page


def test_curves_are_those_of_the_run(page: str) -> None:
    _, (static, vllm) = runs_of(300, ("static", "vllm"))
    figures = figures_of(page)
    for trace, run in zip(figures["latency-e2e"]["data"], (static, vllm), strict=True):
        assert trace["x"] == pytest.approx(np.sort(run.values["e2e"]), rel=1e-6)
    running = figures["load-running"]["data"][1]
    assert max(running["y"]) == vllm.result.peak_running
    assert vllm.result.attribution is not None
    shares = np.sum([trace["x"] for trace in figures["attribution"]["data"]], axis=0)
    assert shares == pytest.approx(100, abs=0.01)


def test_a_closed_loop_shows_what_waits_at_the_clients() -> None:
    workload = WorkloadSource(by_hand.REQUESTS, "by hand")
    planned = plans(("vllm",), {"max_concurrency": 2, "iteration_time": 1.0}, [])
    with long_work() as work:
        page = report(workload, run_all(workload, planned, work, log=True, attribution=True), "1")
    assert "8.00 requests/s, sent as fast as the clients allow, " in page
    figures = figures_of(page)
    # Request 2 from 0 to 1 s, request 3 from 0.5 to 2 s.
    (curve,) = figures["load-at-clients"]["data"]
    assert list(zip(curve["x"], curve["y"], strict=True)) == [(0, 1), (0.5, 2), (1, 1), (2, 0)]
    traces = {trace["name"]: trace for trace in figures["attribution"]["data"]}
    # From arrival to end the requests take 1, 2, 2.5 and 4 s, of which the slower two wait 1.5 and 1 s.
    assert traces["waiting for client"]["y"] == ["vllm, p0 to p50: 1.5 s", "vllm, p50 to p90: 3.25 s"]
    assert traces["waiting for client"]["x"] == [0.0, pytest.approx(100 * 2.5 / 6.5, abs=1e-4)]
    assert list(PART_COLOURS) == list(PARTS)
    assert len(set(PART_COLOURS.values())) == len(PARTS)
    for words in ("Mean client queue time", "625 ms", "E2E with client queue", "max_concurrency"):
        assert words in without_scripts(page)


def test_a_million_requests_make_no_larger_page() -> None:
    page = made(1_000_000, ("vllm",))
    assert len(json.dumps(figures_of(page))) < 500_000
    assert len(page) < 6_500_000


def test_a_run_without_requests_has_a_page() -> None:
    assert list(figures_of(made(0, ("vllm",)))) == [*CHARTS[:6], "schedule-0"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no browser: chromium is not installed")
    profile = tmp_path_factory.mktemp("profile")
    # Whatever it asks for, it finds no host.
    return [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
            "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=10000"]  # fmt: skip


def opened(browser: list[str], file: Path, page: str) -> tuple[str, list[str]]:
    file.write_text(page)
    ended = subprocess.run(
        [*browser, "--dump-dom", file.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    return ended.stdout, [line for line in ended.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("count", [300, 0])
def test_a_browser_draws_every_chart(browser: list[str], tmp_path: Path, page: str, count: int) -> None:
    page = page if count else made(0, ("vllm",))
    dom, console = opened(browser, tmp_path / "report.html", page)
    assert console == []
    assert 'data-charts="drawn"' in dom
    ids = list(figures_of(page))
    drawn = dict(zip(ids, re.split("|".join(f'id="{name}"' for name in ids), without_scripts(dom))[1:], strict=True))
    for name in ids:
        assert "main-svg" in drawn[name], name
    if count:
        assert len(re.findall('class="trace scatter', drawn["latency-e2e"].partition('id="load')[0])) == 2
        assert drawn["schedule-1"].count('<g class="point">') > 100


def test_an_error_in_the_page_would_be_noticed(browser: list[str], tmp_path: Path, page: str) -> None:
    broken = page.replace("function draw() {", 'function draw() { fetch("http://example.org/"); undefined.x;')
    dom, console = opened(browser, tmp_path / "broken.html", broken)
    assert 'data-charts="drawn"' not in dom
    assert len(console) >= 2
