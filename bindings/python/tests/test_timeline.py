"""The pictures of single runs, and the curves behind them."""

import sys

import numpy as np
import pytest

from batching import (
    MissingExtraError,
    RequestColumns,
    Result,
    TextbookResult,
    generate_conversation_workload,
    plot_runs,
    simulate,
    simulate_continuous,
)
from batching._output.slots import middle_window, schedule_of, slot_time
from batching._output.timeline import Curve, LoadCurves, distribution, latencies, load_curves, thinned

LESSON = RequestColumns([50, 200, 30, 150], prompt_length=[8] * 4, arrival_time=[0.0, 0.1, 0.2, 0.3])


def at(curve: Curve, time: float) -> float:
    return float(curve.value[np.searchsorted(curve.time, time, side="right") - 1])


def both_ways(requests: RequestColumns, **settings: object) -> tuple[LoadCurves, LoadCurves]:
    told, untold = (
        simulate(requests, log_iterations=log, **settings)  # type: ignore[arg-type]
        for log in (True, False)
    )
    return load_curves(told), load_curves(untold)


def test_load_of_the_lesson() -> None:
    curves = load_curves(simulate_continuous(LESSON, 2))
    # Request 0 runs until 0.5 and 1 until 2.1; 2 waits from 0.2 to 0.5 and 3 from 0.3 to 0.8.
    assert [at(curves.running, time) for time in (0.0, 0.05, 0.15, 1.0, 2.2, 2.3)] == [1, 1, 2, 2, 1, 0]
    assert [at(curves.waiting, time) for time in (0.0, 0.25, 0.35, 0.55, 0.85)] == [0, 1, 2, 1, 0]
    assert curves.kv_use is None


def test_the_log_and_the_times_of_the_requests_tell_the_same_load() -> None:
    told, untold = both_ways(LESSON, max_num_seqs=2, iteration_time=0.01)
    for time in np.arange(0.005, 2.5, 0.01):
        assert at(told.running, time) == at(untold.running, time)
    assert told.kv_use is not None
    # Two requests at first, of 8 + up to 200 tokens: the longest alone at last has ceil(207 / 16) blocks.
    assert 13 <= told.kv_use.value.max() <= 26


def test_an_idle_stretch_is_shown_as_one() -> None:
    curves, _ = both_ways(RequestColumns([3, 3], arrival_time=[0.0, 10.0]), iteration_time=0.1)
    assert [at(curves.running, time) for time in (0.05, 0.25, 5.0, 10.05)] == [1, 1, 0, 1]


def test_iterations_that_follow_each_other_have_no_idle_stretch_between() -> None:
    curves, _ = both_ways(RequestColumns([1000]), iteration_time=0.0123)
    assert curves.running.value[:-1].min() == 1


def test_thinning_keeps_the_peaks_and_the_ends() -> None:
    time = np.arange(1_000_000) / 1000
    value = np.zeros(len(time))
    value[123_457], value[765_431], value[0], value[-1] = 9.0, -4.0, 2.0, 3.0
    curve = thinned(time, value)
    assert len(curve.time) < 3000
    assert (np.diff(curve.time) > 0).all()
    assert curve.time[[0, -1]].tolist() == time[[0, -1]].tolist()
    assert {9.0, -4.0, 2.0, 3.0} <= set(curve.value.tolist())
    assert float(curve.time[curve.value.argmax()]) == time[123_457]


def test_latencies_are_those_of_their_definitions() -> None:
    run = simulate(LESSON, max_num_seqs=2, iteration_time=0.01)
    values = latencies(run)
    assert LESSON.arrival_time is not None
    for index in range(4):
        first, end, arrival = run.first_token_time[index], run.end_time[index], LESSON.arrival_time[index]
        assert values["ttft"][index] == first - arrival
        assert values["e2e"][index] == end - arrival
        assert values["tpot"][index] == (end - first) / (LESSON.output_length[index] - 1)
    assert len(latencies(simulate(RequestColumns([1, 1])))["tpot"]) == 0


def test_a_distribution_is_that_of_numpy() -> None:
    values = np.random.default_rng(1).exponential(size=20_000)
    points, shares = distribution(values)
    assert len(points) < 600
    assert points[[0, -1]].tolist() == [values.min(), values.max()]
    assert points == pytest.approx(np.quantile(values, shares))
    assert distribution(np.array([3.0, 1.0]))[0].tolist() == [1.0, 3.0]


def test_static_batches_of_the_engine_hold_slots() -> None:
    # Two slots for 2 s; of the shorter request's 1 s more are held. The prompts cost nothing.
    run = simulate(
        RequestColumns([100, 200]), policy="static", max_num_seqs=2, iteration_time=0.01, instant_prefill=True,
        attribution=True,
    )  # fmt: skip
    assert slot_time(run).held == pytest.approx(0.25)
    assert schedule_of(run).done_time.tolist() == pytest.approx([1.0, 2.0])


def test_the_middle_window_has_few_requests() -> None:
    run = simulate(generate_conversation_workload(5000), max_num_seqs=32)
    begin, end = middle_window([run])
    assert 0 < begin < end < run.total_time
    assert 20 < np.count_nonzero((run.start_time < end) & (run.end_time > begin)) <= 250
    assert middle_window([simulate(RequestColumns([]))]) == (0.0, 1.0)


@pytest.fixture(params=["engine", "logged", "textbook", "nothing", "unfinished"])
def run(request: pytest.FixtureRequest) -> Result | TextbookResult:
    requests = generate_conversation_workload(300)
    match request.param:
        case "engine":
            return simulate(requests, max_num_seqs=8)
        case "logged":
            return simulate(requests, max_num_seqs=8, log_iterations=True, attribution=True, num_gpu_blocks=2000)
        case "textbook":
            return simulate_continuous(requests, 8)
        case "unfinished":
            return simulate(requests, max_num_seqs=8, time_limit=3.0)
    return simulate(RequestColumns([]))


class TestFigures:
    @pytest.fixture(autouse=True)
    def needs_matplotlib(self) -> None:
        pytest.importorskip("matplotlib")

    def test_any_run_can_be_drawn(self, run: Result | TextbookResult) -> None:
        for figure in (run.plot_timeline(), run.plot_latency(), plot_runs({"a_b $x^{2}": run, "100%": run})):
            figure.draw_without_rendering()
        assert "matplotlib.pyplot" not in sys.modules

    def test_the_caption_may_say_where_the_iteration_time_comes_from(self) -> None:
        run = simulate(LESSON)
        for told in (None, "of a server that nobody knows"):
            figure = plot_runs({"a": run, "b": run}, iteration_time=told)
            caption = figure.legends[0].get_title().get_text()
            assert ("iteration time of a server that nobody knows" in caption) is (told is not None)
            assert "max_num_seqs" in caption
        # Where they differ, each has its own.
        other = simulate(LESSON, iteration_time=0.5)
        caption = plot_runs({"a": run, "b": other}, iteration_time="x").legends[0].get_title().get_text()
        assert "iteration time" not in caption

    def test_the_timeline_has_kv_memory_if_it_was_logged(self) -> None:
        logged = simulate(LESSON, log_iterations=True).plot_timeline((0.5, 1.0))
        assert [axes.get_ylabel() for axes in logged.axes] == ["slot", "requests", "KV blocks"]
        assert logged.axes[0].get_xlim() == (0.5, 1.0)
        assert [axes.get_ylabel() for axes in simulate(LESSON).plot_timeline().axes] == ["slot", "requests"]

    def test_a_panel_for_each_latency(self) -> None:
        run = simulate(LESSON)
        figure = run.plot_latency()
        assert len(figure.axes) == 3
        (curve,) = [line for line in figure.axes[2].get_lines() if line.get_label() == "E2E"]
        assert np.asarray(curve.get_xdata()).tolist() == sorted(latencies(run)["e2e"].tolist())

    def test_bad_arguments(self) -> None:
        with pytest.raises(ValueError, match="window is "):
            simulate(LESSON).plot_timeline((1.0, 1.0))
        with pytest.raises(ValueError, match="runs is empty"):
            plot_runs({})
        with pytest.raises(TypeError, match=r"runs\['a'\] is 3: must be a Result"):
            plot_runs({"a": 3})  # type: ignore[dict-item]


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "batching._output.drawing", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    for draw in (simulate(LESSON).plot_timeline, simulate(LESSON).plot_latency):
        with pytest.raises(MissingExtraError, match=r"needs matplotlib.*pip install 'batching\[plot\]'"):
            draw()
