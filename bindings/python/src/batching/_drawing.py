"""Draws the pictures of _plot.py. Imported only when one is asked for, since it needs matplotlib."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from batching._calls import Float64Array, Int64Array
from batching._engine_result import Result
from batching._schedule import Run, SlotTime, busy_spans, schedule_of, slot_time, slot_use
from batching._timeline import LATENCIES, Curve, distribution, latencies, load_curves

# The palette of Okabe and Ito (2008), which the colour-blind can tell apart.
_BLUE: Final = "#0072B2"
_SKY_BLUE: Final = "#56B4E9"
_VERMILION: Final = "#D55E00"
_PURPLE: Final = "#CC79A7"
_GREEN: Final = "#009E73"
_ORANGE: Final = "#E69F00"
_YELLOW: Final = "#F0E442"
# Vermilion on white paper, at a quarter of its strength.
_PALE_VERMILION: Final = "#F6D7BF"
_INK: Final = "#222222"
_GREY: Final = "#777777"

# Lines between more slots than these would hide the slots.
_MOST_LINED_SLOTS: Final = 64
_MOST_SCHEDULES: Final = 4
_MARKED_SHARES: Final = (0.5, 0.95)
# Of two quantiles that differ by less only one is written.
_SAME: Final = 0.1

# Colour and dashes of each run's curve, the first ones not among the schedules': there is no work and no waste here.
_CURVES: Final = (
    (_PURPLE, "--"),
    (_GREEN, "-"),
    (_ORANGE, "-."),
    ("#222222", ":"),
    (_SKY_BLUE, "--"),
    (_VERMILION, "-"),
    (_BLUE, "-."),
    ("#777777", ":"),
)


def draw_comparison(runs: dict[str, Run], window: tuple[float, float]) -> Figure:
    """The schedules over the window, one below the other, and below them the latency distributions."""
    shown = dict(list(runs.items())[:_MOST_SCHEDULES])
    figure = _figure(12, 3.4 * len(shown) + 3.2)
    *schedules, bottom = figure.subplots(len(shown) + 1, 1, height_ratios=[1.15] * len(shown) + [1])
    for axes, (name, run) in zip(schedules, shown.items(), strict=True):
        _draw_schedule(axes, run, window, name)
        if axes is not schedules[0]:
            axes.sharex(schedules[0])
        if axes is not schedules[-1]:
            axes.tick_params(labelbottom=False)
    schedules[-1].set_xlabel("time, seconds")
    _draw_legend(figure, prefill=any(isinstance(run, Result) for run in shown.values()))
    _draw_latencies(bottom, runs)
    return figure


def draw_timeline(run: Run, window: tuple[float, float]) -> Figure:
    """The schedule over the window, and load and KV use over the whole run."""
    curves = load_curves(run)
    panels = 2 if curves.kv_use is None else 3
    figure = _figure(12, 4.2 + 2.2 * (panels - 1))
    top, *rest = figure.subplots(panels, 1, height_ratios=[1.6] + [1] * (panels - 1))
    _draw_schedule(top, run, window, _name(run))
    top.set_xlabel("time, seconds")
    _draw_legend(figure, prefill=isinstance(run, Result))
    load = rest[0]
    _draw_curve(load, curves.running, _BLUE, "running")
    _draw_curve(load, curves.waiting, _VERMILION, "waiting")
    load.set_ylabel("requests")
    load.legend(loc="upper right", frameon=False, fontsize=10)
    load.set_title(
        r"$\bf{Load}$: requests running and waiting, over the whole run", loc="left", fontsize=13, color=_INK
    )
    if curves.kv_use is not None:
        _draw_curve(rest[1], curves.kv_use, _GREEN, "KV blocks in use")
        rest[1].set_ylabel("KV blocks")
        rest[1].set_title(r"$\bf{KV\ memory}$: blocks in use", loc="left", fontsize=13, color=_INK)
    for axes in rest:
        axes.axvspan(*window, color=_GREY, alpha=0.15, linewidth=0)
        axes.set_xlim(0, max(schedule_of(run).total_time, window[1]))
        axes.set_ylim(bottom=0)
        _plain(axes)
    rest[-1].set_xlabel("time, seconds (grey: the window above)")
    return figure


def draw_latency(run: Run) -> Figure:
    """The cumulative distributions of TTFT, TPOT and E2E, side by side."""
    figure = _figure(13, 4.4)
    values = latencies(run)
    for axes, key in zip(figure.subplots(1, 3, sharey=True), ("ttft", "tpot", "e2e"), strict=True):
        name, meaning = LATENCIES[key]
        finite = values[key][np.isfinite(values[key])]
        if len(finite):
            _draw_distribution(axes, finite, name, _GREEN, "-")
        _finish_distributions(axes, [finite] if len(finite) else [])
        axes.set_title(rf"$\bf{{{name}}}$", loc="left", fontsize=13, color=_INK)
        axes.set_xlabel(meaning.replace(": ", ":\n", 1) + ", seconds", fontsize=9.5)
    figure.axes[0].set_ylabel("requests")
    return figure


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), dpi=150, layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.1))


def _name(run: Run) -> str:
    return run.policy if isinstance(run, Result) else f"{run.strategy.capitalize()} batching"


def _draw_curve(axes: Axes, curve: Curve, colour: str, label: str) -> None:
    axes.step(curve.time, curve.value, where="post", color=colour, linewidth=1.4, label=label)


def _draw_schedule(axes: Axes, run: Run, window: tuple[float, float], name: str) -> None:
    use = slot_use(run, window)
    slots = schedule_of(run).slots
    busy = [(begin, end - begin) for begin, end in busy_spans(run, window)]
    axes.broken_barh(busy, (0, slots), facecolors=_PALE_VERMILION, linewidth=0)
    _draw_bars(axes, use.slot, use.done_time, use.end_time, _VERMILION)
    begin = use.start_time
    if isinstance(run, Result):
        begin = np.clip(use.first_token_time, use.start_time, use.done_time)
        _draw_bars(axes, use.slot, use.start_time, begin, _YELLOW)
    # Neighbours in a slot differ, so that one bar is one request.
    turn = _turn_in_slot(use.slot)
    for parity, colour in enumerate((_BLUE, _SKY_BLUE)):
        chosen = turn % 2 == parity
        _draw_bars(axes, use.slot[chosen], begin[chosen], use.done_time[chosen], colour)
    if slots <= _MOST_LINED_SLOTS:
        axes.hlines(range(1, slots), *window, color="white", linewidth=0.8)
    axes.set_xlim(*window)
    axes.set_ylim(slots, 0)
    axes.set_ylabel("slot")
    axes.set_yticks(_slot_ticks(slots), labels=[f"{tick + 0.5:.0f}" for tick in _slot_ticks(slots)])
    axes.yaxis.set_tick_params(length=0)
    _plain(axes)
    axes.set_title(_title(name, slot_time(run)), loc="left", fontsize=13, color=_INK)


def _title(name: str, share: SlotTime) -> str:
    return (
        f"{_bold(name)}: {share.wasted:.1%} of slot-time wasted "
        f"({share.held:.1%} held by finished requests, {share.free:.1%} free while others run)"
    )


def _bold(name: str) -> str:
    """Bold as matplotlib's mathematics writes it, in which some characters mean something."""
    if any(character in r"\${}^" for character in name):
        return name.replace("$", r"\$")
    for character in ("_", "#", "%", "&"):
        name = name.replace(character, "\\" + character)
    return rf"$\bf{{{name.replace(' ', chr(92) + ' ').replace('-', '{-}')}}}$"


def _draw_bars(axes: Axes, slot: Int64Array, begin: Float64Array, end: Float64Array, colour: str) -> None:
    chosen = end > begin
    slot, begin, end = slot[chosen], begin[chosen], end[chosen]
    corners = ((begin, slot), (end, slot), (end, slot + 1), (begin, slot + 1))
    bars = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    axes.add_collection(PolyCollection(list(bars), facecolors=colour, edgecolors="none"), autolim=False)


def _turn_in_slot(slot: Int64Array) -> Int64Array:
    """How many requests held the same slot before."""
    turns: dict[int, int] = {}
    result = np.empty(len(slot), np.int64)
    for position, number in enumerate(slot.tolist()):
        result[position] = turns.get(number, 0)
        turns[number] = result[position] + 1
    return result


def _slot_ticks(slots: int) -> list[float]:
    """The middle of the first slot, the last and a few between."""
    step = max(1, -(-slots // 4))
    numbers = sorted({1, *range(step, slots + 1, step), slots})
    return [number - 0.5 for number in numbers]


def _draw_legend(figure: Figure, *, prefill: bool) -> None:
    handles = [
        Patch(color=_BLUE, label="generating tokens"),
        Patch(color=_SKY_BLUE, label="the next request"),
        Patch(color=_VERMILION, label="wasted: held by a finished request"),
        Patch(color=_PALE_VERMILION, label="wasted: free while others run"),
    ]
    if prefill:
        handles.insert(0, Patch(color=_YELLOW, label="prefill"))
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=10.5)


def _draw_latencies(axes: Axes, runs: dict[str, Run]) -> None:
    drawn: list[Float64Array] = []
    for position, (name, run) in enumerate(runs.items()):
        values = latencies(run)["e2e"]
        if len(values):
            colour, style = _CURVES[position % len(_CURVES)]
            label = name if isinstance(run, Result) else run.strategy
            _draw_distribution(axes, values, label, colour, style, beside=drawn)
            drawn.append(values)
    _finish_distributions(axes, drawn)
    axes.set_ylabel("requests served")
    axes.set_xlabel("latency from arrival to last token, seconds")
    axes.set_title(r"$\bf{Latency}$: the further left, the better", loc="left", fontsize=13, color=_INK)
    if drawn:
        axes.legend(loc="upper left", bbox_to_anchor=(0, 0.93), frameon=False, fontsize=11)


def _draw_distribution(
    axes: Axes, values: Float64Array, name: str, colour: str, style: str, *, beside: Sequence[Float64Array] = ()
) -> None:
    points, shares = distribution(values)
    axes.plot(points, shares, color=colour, linestyle=style, linewidth=2.4, label=name)
    for share in _MARKED_SHARES:
        value = float(np.quantile(values, share))
        axes.plot(value, share, "o", color=colour, markersize=7, markeredgecolor="white", zorder=3)
        # Where two curves meet, one figure can be read and two cannot.
        if not any(np.isclose(value, np.quantile(other, share), rtol=_SAME) for other in beside):
            axes.annotate(
                f"{value:,.3g} s", (value, share), (9, -13), textcoords="offset points", color=_INK, fontsize=9.5
            )


def _finish_distributions(axes: Axes, drawn: list[Float64Array]) -> None:
    if drawn and _is_skewed(np.concatenate(drawn)):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    for share in _MARKED_SHARES:
        axes.axhline(share, color=_GREY, linewidth=0.7, linestyle=":", zorder=0)
        axes.annotate(
            f"p{100 * share:.0f}", (1.004, share), xycoords="axes fraction", color=_GREY, fontsize=9.5, va="center"
        )
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.margins(x=0.06)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.7)
    axes.set_axisbelow(True)
    _plain(axes)


def _is_skewed(latencies: Float64Array) -> bool:
    """Whether most of a linear axis would be empty."""
    smallest, largest = float(latencies.min()), float(latencies.max())
    return smallest > 0 and largest > 20 * smallest


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
    axes.tick_params(colors=_INK, labelsize=10)
