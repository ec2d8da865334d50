"""The picture, and the schedule behind it."""

import random
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batching import (
    Iteration,
    MissingExtraError,
    RequestColumns,
    Result,
    TextbookResult,
    generate_conversation_workload,
    generate_workload,
    plot_comparison,
    plot_runs,
    simulate,
    simulate_continuous,
    simulate_static,
)
from batching._output.palette import run_line
from batching._output.slots import apart, free_slots, readable_window, schedule_of, slot_time, slot_use

LESSON = RequestColumns([50, 200, 30, 150], arrival_time=[0.0, 0.1, 0.2, 0.3])


def both(columns: RequestColumns, batch_size: int, step: float = 0.01) -> tuple[TextbookResult, TextbookResult]:
    return simulate_static(columns, batch_size, step), simulate_continuous(columns, batch_size, step)


def test_wasted_slot_time_of_the_lesson() -> None:
    static, continuous = (slot_time(result) for result in both(LESSON, 2))
    # Two slots from 0 to 3.6 s. The first batch, of 0.5 and 2 s, begins at 0.1 s when request 1 is there, for which
    # request 0 has waited beside a free slot; the second is of 0.3 and 1.5 s.
    assert static.held == pytest.approx((1.5 + 1.2) / 7.2)
    assert static.free == pytest.approx(0.1 / 7.2)
    assert static.wasted == pytest.approx(2.8 / 7.2)
    # Nothing waits beside a free slot, and no request stays.
    assert (continuous.held, continuous.free, continuous.wasted) == (0.0, 0.0, 0.0)
    nothing = slot_time(simulate_static(RequestColumns([]), 2))
    assert (nothing.held, nothing.free, nothing.wasted) == (0.0, 0.0, 0.0)


def test_slots_of_the_lesson() -> None:
    _, continuous = both(LESSON, 2)
    use = slot_use(continuous, (0.0, 10.0))
    # Request 0, then 1 beside it, then 2 and 3 in the slot of 0.
    assert use.slot.tolist() == [0, 1, 0, 0]
    assert use.start_time.tolist() == [0.0, 0.1, 0.5, 0.8]
    assert use.end_time.tolist() == [0.5, 2.1, 0.8, 2.3]
    static, _ = both(LESSON, 2)
    assert slot_use(static, (0.0, 10.0)).done_time.tolist() == pytest.approx([0.6, 2.1, 2.4, 3.6])


def test_only_the_window_is_looked_at() -> None:
    static, _ = both(LESSON, 2)
    assert slot_use(static, (2.1, 9.0)).start_time.tolist() == [2.1, 2.1]
    assert slot_use(static, (0.0, 0.1)).start_time.tolist() == []


def test_a_slot_is_free_while_the_batch_fills() -> None:
    static, continuous = both(LESSON, 2)
    window = (0.0, 3.0)
    free = free_slots(static, slot_use(static, window), window)
    assert [column.tolist() for column in (free.begin, free.end, free.first, free.count)] == [[0.0], [0.1], [0], [1]]
    assert len(free_slots(continuous, slot_use(continuous, window), window).begin) == 0


@given(seed=st.integers(0, 1000), batch_size=st.integers(1, 9), rate=st.sampled_from([0.3, 3.0, 30.0]))
def test_no_two_requests_share_a_slot(seed: int, batch_size: int, rate: float) -> None:
    for result in both(generate_workload(60, (1, 1), (1, 60), arrival_rate=rate, seed=seed), batch_size):
        window = (result.total_time * 0.3, result.total_time * 0.8)
        use = slot_use(result, window)
        assert len(use.slot) == np.count_nonzero((result.start_time < window[1]) & (result.end_time > window[0]))
        assert use.slot.min(initial=0) >= 0
        assert use.slot.max(initial=0) < batch_size
        for slot in set(use.slot.tolist()):
            held = use.slot == slot
            assert (use.end_time[held][:-1] <= use.start_time[held][1:]).all()
        assert ((use.start_time < use.done_time) & (use.done_time <= use.end_time)).all()


@given(
    seed=st.integers(0, 1000),
    rate=st.sampled_from([0.3, 3.0, 30.0]),
    policy=st.sampled_from(["static", "dynamic", "continuous", "vllm", "textbook static", "textbook continuous"]),
    slots=st.integers(1, 9),
)
def test_the_picture_wastes_what_load_says(seed: int, rate: float, policy: str, slots: int) -> None:
    requests = generate_workload(60, (1, 50), (1, 60), arrival_rate=rate, seed=seed)
    if policy.startswith("textbook"):
        result: Result | TextbookResult = both(requests, slots)[policy.endswith("continuous")]
    else:
        result = simulate(requests, policy=policy, max_num_seqs=slots, max_queue_delay=0.5)  # type: ignore[arg-type]
    share, load = slot_time(result), result.load()
    window = (0.0, load.window_end)
    assert schedule_of(result).slots == slots
    assert share.wasted == load.wasted_slot_share
    assert share.held + share.free == pytest.approx(share.wasted)
    # What is drawn is what is counted: the areas of the bars.
    use = slot_use(result, window)
    free = free_slots(result, use, window)
    assert ((free.end - free.begin) * free.count).sum() == pytest.approx(load.unfilled_slot_time)
    assert (use.end_time - use.done_time).sum() == pytest.approx(load.held_slot_time)
    # And no two of them lie on each other.
    for begin, end, first, count in zip(free.begin, free.end, free.first, free.count, strict=True):
        there = (use.start_time < end) & (use.end_time > begin) & (use.slot >= first) & (use.slot < first + count)
        assert not there.any()
        assert first + count <= slots


def test_static_batches_of_the_engine_always_tell_what_they_hold() -> None:
    requests = generate_conversation_workload(300)
    asked = 0

    def time(_: Iteration) -> float:
        nonlocal asked
        asked += 1
        return 0.01 + 0.001 * (asked % 7)

    for policy in ("static", "dynamic"):
        told = simulate(requests, policy=policy, max_num_seqs=8, attribution=True)
        untold = simulate(requests, policy=policy, max_num_seqs=8)
        assert untold.load() == told.load()
        assert told.attribution is not None
        assert untold.load().held_slot_time == pytest.approx(float(told.attribution.held_in_batch.sum()))
        # A function need not answer the same again, and is asked no more often for it.
        asked = 0
        run = simulate(requests, policy=policy, max_num_seqs=8, iteration_time=time)
        assert asked == run.iterations
        assert 0.0 < run.load().wasted_slot_share < 1.0
        assert asked == run.iterations


def test_the_window_shows_static_batches() -> None:
    for batch_size in (4, 32, 512):
        static, continuous = both(generate_conversation_workload(5000), batch_size, 0.02)
        begin, end = readable_window(static, continuous)
        assert 0.0 <= begin < end <= max(static.total_time, continuous.total_time)
        starts = np.unique(static.start_time)
        assert 2 <= np.count_nonzero((starts >= begin) & (starts < end)) <= 7


def test_numbers_above_arrivals_do_not_overlap() -> None:
    # Ten characters a second; a number and the room beside it take (1 + 1) / 2 + 1 = 2 of them, 0.2 s.
    assert apart([(1.0, [0]), (2.0, [1]), (2.5, [2, 3])], 10.0, 100.0) == [(1.0, "0"), (2.0, "1"), (2.5, "2, 3")]
    together = apart([(1.0, [0]), (1.0625, [1]), (5.0, [2])], 10.0, 100.0)
    # 0.2 s apart, and in the middle of both: 1.03125 - 0.1.
    assert [place for place, _ in together] == pytest.approx([0.93125, 1.13125, 5.0])
    rng = random.Random(3)  # noqa: S311  (no secret)
    for _ in range(200):
        arrivals = [(time, [number]) for number, time in enumerate(sorted(rng.choices(range(60), k=19)))]
        told = apart([(float(time), requests) for time, requests in arrivals], 60.0, 120.0)
        assert [text for _, text in told] == [str(number) for number in range(19)]
        for (one, text), (other, following) in pairwise(told):
            assert other - one >= ((len(text) + len(following)) / 2 + 1) * 0.5 - 1e-9


def test_lines_differ_and_let_those_below_be_seen() -> None:
    lines = [run_line(index) for index in range(48)]
    assert len({(line.colour, line.dash) for line in lines}) == 48
    # The first alone is solid, of as many as a page compares at a glance.
    assert [line.dash for line in lines[:6]] == [0, 1, 2, 3, 4, 5]
    assert all(below.width >= above.width for below, above in pairwise(lines))


class TestFigure:
    @pytest.fixture(autouse=True)
    def needs_matplotlib(self) -> None:
        pytest.importorskip("matplotlib")

    def test_panels_share_the_window(self) -> None:
        figure = plot_comparison(*both(LESSON, 2), window=(0.5, 1.5))
        static, continuous, latency = figure.axes
        assert static.get_xlim() == continuous.get_xlim() == (0.5, 1.5)
        assert "38.9% of slot-time wasted" in static.get_title("left")
        assert "0.0% of slot-time wasted" in continuous.get_title("left")
        assert [line.get_label() for line in latency.get_lines()[:1]] == ["Static batching"]

    def test_curves_are_the_distributions_of_the_latencies(self) -> None:
        figure = plot_comparison(*both(LESSON, 2))
        curves = {line.get_label(): line for line in figure.axes[2].get_lines()}
        assert np.asarray(curves["Static batching"].get_xdata()).tolist() == pytest.approx([2.0, 2.1, 3.3, 3.4])
        assert np.asarray(curves["Continuous batching"].get_xdata()).tolist() == pytest.approx([0.5, 0.6, 2.0, 2.0])

    def test_skewed_latencies_get_a_logarithmic_axis(self) -> None:
        assert plot_comparison(*both(LESSON, 2)).axes[2].get_xscale() == "linear"
        assert plot_comparison(*both(generate_conversation_workload(500), 8)).axes[2].get_xscale() == "log"

    @pytest.mark.parametrize("count", [0, 1, 2, 700])
    def test_any_number_of_requests_can_be_drawn(self, count: int) -> None:
        figure = plot_comparison(*both(generate_conversation_workload(count), 100))
        figure.draw_without_rendering()

    def test_titles_of_long_names_are_not_cut(self) -> None:
        from matplotlib.text import Text  # noqa: PLC0415  (optional)

        requests = generate_conversation_workload(200)
        names = {slots: f"max_num_batched_tokens=8192, max_num_seqs={slots}" for slots in (8, 128)}
        figure = plot_runs({name: simulate(requests, max_num_seqs=slots) for slots, name in names.items()})
        figure.draw_without_rendering()
        for axes in figure.axes[:2]:
            (title,) = [text for text in axes.get_children() if isinstance(text, Text) and "wasted" in text.get_text()]
            assert title.get_window_extent().x1 <= figure.bbox.x1
            # What is varied is not told twice.
            assert title.get_text().count("seqs") == 1

    def test_no_global_state_is_left_behind(self) -> None:
        plot_comparison(*both(LESSON, 2))
        assert "matplotlib.pyplot" not in sys.modules

    @pytest.mark.parametrize("window", [(1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0)])
    def test_a_window_must_not_be_empty(self, window: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match="window is "):
            plot_comparison(*both(LESSON, 2), window=window)


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "batching._output.drawing", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    with pytest.raises(MissingExtraError, match=r"needs matplotlib.*pip install 'batching\[plot\]'"):
        plot_comparison(*both(LESSON, 2))
