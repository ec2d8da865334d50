"""Draws the picture that plot_comparison returns. Imported only when it is asked for, since it needs matplotlib."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from batching._calls import Float64Array, Int64Array
from batching._metrics import request_latencies
from batching._schedule import SlotTime, busy_spans, slot_time, slot_use
from batching._simulators import SimulationResult

# The palette of Okabe and Ito (2008), which the colour-blind can tell apart.
_BLUE: Final = "#0072B2"
_SKY_BLUE: Final = "#56B4E9"
_VERMILION: Final = "#D55E00"
_PURPLE: Final = "#CC79A7"
_GREEN: Final = "#009E73"
# Vermilion on white paper, at a quarter of its strength.
_PALE_VERMILION: Final = "#F6D7BF"
_INK: Final = "#222222"
_GREY: Final = "#777777"

# Lines between more slots than these would hide the slots.
_MOST_LINED_SLOTS: Final = 64
_MOST_CURVE_POINTS: Final = 2000
_MARKED_SHARES: Final = (0.5, 0.95)


def draw_comparison(static: SimulationResult, continuous: SimulationResult, window: tuple[float, float]) -> Figure:
    """Both schedules over the window, one below the other, and below them both latency distributions."""
    figure = Figure(figsize=(12, 10), dpi=150, layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.1))
    top, middle, bottom = figure.subplots(3, 1, height_ratios=[1.15, 1.15, 1])
    middle.sharex(top)
    _draw_schedule(top, static, window, "Static batching")
    _draw_schedule(middle, continuous, window, "Continuous batching")
    top.tick_params(labelbottom=False)
    middle.set_xlabel("time, seconds")
    _draw_legend(figure)
    _draw_latencies(bottom, static, continuous)
    return figure


def _draw_schedule(axes: Axes, result: SimulationResult, window: tuple[float, float], name: str) -> None:
    use = slot_use(result, window)
    slots = min(result.batch_size, max(len(result), 1))
    busy = [(begin, end - begin) for begin, end in busy_spans(result, window)]
    axes.broken_barh(busy, (0, slots), facecolors=_PALE_VERMILION, linewidth=0)
    _draw_bars(axes, use.slot, use.done_time, use.end_time, _VERMILION)
    # Neighbours in a slot differ, so that one bar is one request.
    turn = _turn_in_slot(use.slot)
    for parity, colour in enumerate((_BLUE, _SKY_BLUE)):
        chosen = turn % 2 == parity
        _draw_bars(axes, use.slot[chosen], use.start_time[chosen], use.done_time[chosen], colour)
    if slots <= _MOST_LINED_SLOTS:
        axes.hlines(range(1, slots), *window, color="white", linewidth=0.8)
    axes.set_xlim(*window)
    axes.set_ylim(slots, 0)
    axes.set_ylabel("slot")
    axes.set_yticks(_slot_ticks(slots), labels=[f"{tick + 0.5:.0f}" for tick in _slot_ticks(slots)])
    axes.yaxis.set_tick_params(length=0)
    _plain(axes)
    axes.set_title(_title(name, slot_time(result)), loc="left", fontsize=13, color=_INK)


def _title(name: str, share: SlotTime) -> str:
    return (
        rf"$\bf{{{name.replace(' ', chr(92) + ' ')}}}$: {share.wasted:.1%} of slot-time wasted "
        f"({share.held:.1%} held by finished requests, {share.free:.1%} free while others run)"
    )


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


def _draw_legend(figure: Figure) -> None:
    figure.legend(
        handles=[
            Patch(color=_BLUE, label="generating tokens"),
            Patch(color=_SKY_BLUE, label="generating tokens, next request"),
            Patch(color=_VERMILION, label="wasted: held by a finished request"),
            Patch(color=_PALE_VERMILION, label="wasted: free while others run"),
        ],
        loc="outside upper left",
        ncols=4,
        frameon=False,
        fontsize=10.5,
    )


def _draw_latencies(axes: Axes, static: SimulationResult, continuous: SimulationResult) -> None:
    drawn = []
    # Neither colour is one of the schedules': there is no work and no waste here.
    for result, name, colour, style in ((static, "static", _PURPLE, "--"), (continuous, "continuous", _GREEN, "-")):
        if len(result) == 0:
            continue
        latencies, shares = _distribution(request_latencies(result).total_latency)
        drawn.append(latencies)
        axes.plot(latencies, shares, color=colour, linestyle=style, linewidth=2.4, label=name)
        for share in _MARKED_SHARES:
            latency = float(np.interp(share, shares, latencies))
            axes.plot(latency, share, "o", color=colour, markersize=7, markeredgecolor="white", zorder=3)
            axes.annotate(
                f"{latency:,.3g} s", (latency, share), (9, -13), textcoords="offset points", color=_INK, fontsize=9.5
            )
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
    axes.set_ylabel("requests served")
    axes.set_xlabel("latency from arrival to last token, seconds")
    axes.set_title(r"$\bf{Latency}$: the further left, the better", loc="left", fontsize=13, color=_INK)
    axes.margins(x=0.06)
    if drawn:
        axes.legend(loc="upper left", bbox_to_anchor=(0, 0.93), frameon=False, fontsize=11)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.7)
    axes.set_axisbelow(True)
    _plain(axes)


def _distribution(values: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Points of the cumulative distribution, few enough to draw."""
    count = min(len(values), _MOST_CURVE_POINTS)
    shares = np.linspace(0.0, 1.0, count) if count > 1 else np.ones(1)
    return np.quantile(values, shares), shares


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
