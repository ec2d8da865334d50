"""The page of fleets: its charts by hand, and that a browser without a network draws all of them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2")
pytest.importorskip("plotly")

import fleet_by_hand as by_hand
from batching import SLO, Disaggregation, EngineConfig, FleetResult, RequestColumns, generate_workload, simulate_fleet
from batching import write_fleet_report as write
from batching._output.fleet_charts import fleet_charts
from batching._output.fleet_figures import FleetTerms, fleet_run
from batching._output.fleet_groups import Groups, counts_by_replica, groups_of, largest, stayed
from test_report import browser, figures_of, opened, without_scripts

__all__ = ["browser"]

LATENCIES = ["latency-ttft", "latency-tpot", "latency-e2e"]
OF_A_RUN = ["over-running", "over-waiting", "over-where", "of-requests", "of-ttft", "of-e2e"]
# By hand: all begin with block 1, and three of six go on with block 10.
PREFIXES = RequestColumns(
    [1] * 6, prompt_length=[32] * 6, hash_ids=[[1, 10], [1, 11], [1, 10], [1, 12], [1, 11], [1, 10]], hash_block_size=16
)


def charts_of(result: FleetResult) -> dict[str, dict[str, Any]]:
    return {chart.id: chart.figure for chart in fleet_charts([fleet_run(result, FleetTerms())])}


def page_of(runs: FleetResult | dict[str, FleetResult], folder: Path, **options: Any) -> str:
    write(runs, folder / "fleet.html", **options)
    return (folder / "fleet.html").read_text()


def test_load_and_queue_by_hand() -> None:
    """120 stretches of 12.5 ms: request 2 waits at replica 0 in the first 80, and request 1 runs in the first 40."""
    charts = charts_of(by_hand.two_replicas())
    assert list(charts) == [*LATENCIES, *(f"fleet-0-{chart}" for chart in OF_A_RUN)]
    (running,), (waiting,) = (charts[f"fleet-0-over-{name}"]["data"] for name in ("running", "waiting"))
    assert running["z"] == [[1] * 120, [1] * 40 + [0] * 80]
    assert waiting["z"] == [[1] * 80 + [0] * 40, [0] * 120]
    assert (running["x0"], running["dx"]) == (0.00625, 0.0125)
    assert running["zmax"] == waiting["zmax"] == 1
    (requests,) = charts["fleet-0-of-requests"]["data"]
    assert (requests["x"], requests["y"]) == ([0, 1], [2, 1])
    (ttft,) = charts["fleet-0-of-ttft"]["data"]
    # First tokens at 0.5 and 1.5 s, and at 0.5 s: percentiles between two values are on the line between them.
    assert ttft["median"] == [1.0, 0.5]
    assert ttft["q1"] == [0.75, 0.5]
    assert ttft["upperfence"] == [pytest.approx(1.49), 0.5]


def test_who_went_where_by_hand() -> None:
    result = simulate_fleet(PREFIXES, EngineConfig(iteration_time=0.5), replicas=2)
    assert result.replica.tolist() == [0, 1, 0, 1, 0, 1]
    groups = groups_of(PREFIXES)
    assert groups is not None
    assert (groups.kind, groups.group.tolist()) == ("prefix", [0, 1, 0, 2, 1, 0])
    assert "first 32 prompt tokens" in groups.says
    chosen, total = largest(groups, 2)
    assert (chosen.tolist(), total) == ([0, 1], 3)
    assert counts_by_replica(result, groups, chosen).tolist() == [[2, 1], [1, 1]]
    # Of those that follow another, request 2 goes where 0 went; 4 and 5 do not go where 1 and 2 went.
    assert stayed(result, groups) == pytest.approx(1 / 3)
    (where,) = charts_of(result)["fleet-0-over-where"]["data"]
    assert where["z"] == [[2, 1, 0], [1, 1, 1]]
    assert where["text"] == [["prefix 0", "prefix 1", "prefix 2"]] * 2


def test_sessions_are_groups() -> None:
    requests = RequestColumns([1] * 5, session=[7, 3, 7, 3, 9])
    groups = groups_of(requests)
    assert groups is not None
    assert (groups.kind, groups.group.tolist()) == ("session", [0, 1, 0, 1, 2])
    result = simulate_fleet(requests, EngineConfig(iteration_time=0.5), replicas=2, router="session")
    assert stayed(result, groups) == 1.0
    assert np.isnan(stayed(result, Groups("session", "of one turn each", np.arange(5))))


def test_requests_without_hash_ids_are_in_no_group() -> None:
    requests = RequestColumns([1] * 4, prompt_length=[40] * 4, hash_ids=[[5], [], [6], [5, 7]], hash_block_size=16)
    groups = groups_of(requests)
    assert groups is not None
    # Two of three begin with 5; of the prefixes of two blocks none has more than one.
    assert groups.group.tolist() == [0, -1, 1, 2]
    result = simulate_fleet(requests, EngineConfig(iteration_time=0.5), replicas=2)
    assert counts_by_replica(result, groups, largest(groups, 9)[0]).sum() == 3
    assert groups_of(RequestColumns([1])) is None


def test_the_same_colour_is_the_same_load_in_all_runs() -> None:
    requests = generate_workload(200, arrival_rate=60.0)
    runs = [
        fleet_run(simulate_fleet(requests, EngineConfig(iteration_time=0.02, max_num_seqs=4), replicas=n), FleetTerms())
        for n in (2, 4)
    ]
    figures = {chart.id: chart.figure["data"][0] for chart in fleet_charts(runs) if "over" in chart.id}
    for name in ("running", "waiting"):
        one, other = (figures[f"fleet-{run}-over-{name}"] for run in range(2))
        assert one["zmax"] == other["zmax"] == pytest.approx(max(np.max(one["z"]), np.max(other["z"])), rel=1e-3)


def test_the_charts_agree_with_the_run() -> None:
    """Requests running, over replicas and time, are the mean of the run."""
    result = simulate_fleet(
        generate_workload(300, arrival_rate=40.0), EngineConfig(iteration_time=0.02, max_num_seqs=4), replicas=3
    )
    charts = charts_of(result)
    for name, mean in (("running", result.load().mean_running), ("waiting", result.load().mean_waiting)):
        (drawn,) = charts[f"fleet-0-over-{name}"]["data"]
        assert np.sum(np.mean(drawn["z"], axis=1)) == pytest.approx(mean, rel=1e-3)


def test_the_page_has_the_figures_and_the_settings(tmp_path: Path) -> None:
    runs = {
        "blind": simulate_fleet(PREFIXES, EngineConfig(iteration_time=0.5), replicas=2),
        "<b>aware</b>": simulate_fleet(PREFIXES, EngineConfig(iteration_time=0.5), replicas=2, router="dynamo_kv"),
    }
    page = page_of(runs, tmp_path, slo=SLO(ttft=1.0), gpu_hour_price=2.0)
    assert page_of(runs, tmp_path, slo=SLO(ttft=1.0), gpu_hour_price=2.0) == page
    shown = without_scripts(page)
    for words in ("good req/s", "cost/Mtok", "tok/GPU-s", "max_num_seqs", "&lt;b&gt;aware", "6 requests, all at once"):
        assert words in shown
    assert "<b>" not in shown
    assert "default-src 'none'" in page
    assert list(figures_of(page)) == [*LATENCIES, *(f"fleet-{run}-{chart}" for run in range(2) for chart in OF_A_RUN)]
    by_hand.two_replicas().report(tmp_path / "own.html")
    assert "2 x round_robin" in (tmp_path / "own.html").read_text()


def test_many_replicas_and_runs_make_no_larger_page(tmp_path: Path) -> None:
    requests = generate_workload(2000, arrival_rate=400.0)
    run = simulate_fleet(requests, EngineConfig(iteration_time=0.02), replicas=300)
    figures = charts_of(run)
    assert len(figures["fleet-0-over-running"]["data"][0]["z"]) == 64
    page = page_of({f"run {index}": run for index in range(8)}, tmp_path)
    assert "The replicas of the first 6 of\n8 runs are drawn." in without_scripts(page)
    assert len(page) < 6_500_000


@pytest.mark.parametrize(
    ("error", "sentence", "runs", "name"),
    [
        (ValueError, r"must end in \.html", None, "page.txt"),
        (ValueError, "runs is empty", {}, "page.html"),
        (TypeError, "runs is 3", 3, "page.html"),
        (TypeError, r"runs\['a'\] is 3: must be a FleetResult", {"a": 3}, "page.html"),
        (FileNotFoundError, "there is no directory", None, "missing/page.html"),
    ],
)
def test_bad_arguments(error: type[Exception], sentence: str, runs: Any, name: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=sentence):
        write(by_hand.two_replicas() if runs is None else runs, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "requests",
    [
        RequestColumns([]),
        RequestColumns([2, 1, 1]),
        PREFIXES,
        RequestColumns([1, 1], prompt_length=[100, 100]),
    ],
    ids=["none", "by hand", "prefixes", "all rejected"],
)
def test_a_browser_draws_every_chart(browser: list[str], tmp_path: Path, requests: RequestColumns) -> None:
    config = EngineConfig(iteration_time=0.5, max_model_len=90, num_gpu_blocks=20, enable_prefix_caching=True)
    runs = {str(count): simulate_fleet(requests, config, replicas=count) for count in (1, 3)}
    runs["1:2"] = simulate_fleet(
        requests,
        [(config, 1, "prefill"), (config, 2, "decode")],
        disaggregation=Disaggregation(kv_bytes_per_token=1000, link_bandwidth=1e6),
    )
    page = page_of(runs, tmp_path, slo=SLO(ttft=1.0), gpu_hour_price=2.0)
    dom, console = opened(browser, tmp_path / "opened.html", page)
    assert console == []
    assert 'data-charts="drawn"' in dom
    ids = list(figures_of(page))
    drawn = dict(zip(ids, re.split("|".join(f'id="{name}"' for name in ids), without_scripts(dom))[1:], strict=True))
    for name in ids:
        assert "main-svg" in drawn[name], name
        if "over" in name:
            assert 'class="hm"' in drawn[name], name
    assert json.dumps(figures_of(page))
