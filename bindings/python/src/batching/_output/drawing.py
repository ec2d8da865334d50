"""Draws the pictures of plot.py. Imported only when one is asked for, since it needs matplotlib."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from batching._engine.described import described
from batching._ffi.calls import Float64Array, Int64Array
from batching._output.captions import settings_caption, shared, workload_caption
from batching._output.palette import (
    FREE,
    GENERATING,
    HELD,
    KV_MEMORY,
    NEXT_REQUEST,
    PREFILL,
    RUNNING,
    WAITING,
    RunLine,
    run_line,
)
from batching._output.run import Run
from batching._output.slots import (
    SlotUse,
    apart,
    arrivals_in,
    drawn_slots,
    free_slots,
    schedule_of,
    slot_time,
    slot_use,
)
from batching._output.timeline import LATENCIES, Curve, distribution, latencies, load_curves

_INK: Final = "#222222"
_GREY: Final = "#777777"

# Lines between more slots than these would hide the slots.
_MOST_LINED_SLOTS: Final = 64
_MOST_SCHEDULES: Final = 4
# Characters.
_LONGEST_NAME_BESIDE_WASTE: Final = 30
_LONGEST_LINE: Final = 150
_MARKED_SHARES: Final = (0.5, 0.95)
# Of two quantiles that differ by less only one is written.
_SAME: Final = 0.1

# Dots and dashes in widths of the line, as "--" has them. A long dash follows where the short ones end.
_STYLES: Final = ("-", "--", "-.", ":", (0, (8, 3)), (0, (8, 2, 2, 2)))
# In points: of a schedule, and of a character above it.
_WIDTH_OF_SCHEDULE: Final = 780
_HEIGHT_OF_SCHEDULE: Final = 170
_WIDTH_OF_CHARACTER: Final = 5.5
# So few requests have their numbers, and marks where they arrive.
_MOST_NUMBERED: Final = 19


def draw_comparison(runs: dict[str, Run], window: tuple[float, float], iteration_time: str | None) -> Figure:
    """The schedules over the window, one below the other, and below them the latency distributions."""
    shown = dict(list(runs.items())[:_MOST_SCHEDULES])
    figure = _figure(12, 3.4 * len(shown) + 3.6)
    *schedules, bottom = figure.subplots(len(shown) + 1, 1, height_ratios=[1.15] * len(shown) + [1])
    common = shared([run.settings for run in runs.values()])
    drawn = [_draw_schedule(axes, run, window) for axes, run in zip(schedules, shown.values(), strict=True)]
    for axes, (name, run) in zip(schedules, shown.items(), strict=True):
        # What is varied stands in the name already.
        own = {key: value for key, value in run.settings.items() if key not in common and f"{key}=" not in name}
        _title_schedule(axes, run, name, described(own))
        if axes is not schedules[0]:
            axes.sharex(schedules[0])
        if axes is not schedules[-1]:
            axes.tick_params(labelbottom=False)
    schedules[-1].set_xlabel("time, seconds")
    _draw_head(figure, list(runs.values()), set().union(*drawn), iteration_time)
    _draw_latencies(bottom, runs)
    return figure


def draw_timeline(run: Run, window: tuple[float, float], iteration_time: str | None) -> Figure:
    """The schedule over the window, and load and KV use over the whole run."""
    curves = load_curves(run)
    panels = 2 if curves.kv_use is None else 3
    figure = _figure(12, 4.6 + 2.2 * (panels - 1))
    top, *rest = figure.subplots(panels, 1, height_ratios=[1.6] + [1] * (panels - 1))
    kinds = _draw_schedule(top, run, window)
    _title_schedule(top, run, run._title)
    top.set_xlabel("time, seconds")
    _draw_head(figure, [run], kinds, iteration_time)
    load = rest[0]
    _draw_curve(load, curves.running, RUNNING, "running", 2.4)
    _draw_curve(load, curves.waiting, WAITING, "waiting", 1.3)
    load.set_ylabel("requests")
    load.legend(loc="upper right", frameon=False, fontsize=10)
    load.set_title(
        r"$\bf{Load}$: requests running and waiting, over the whole run", loc="left", fontsize=13, color=_INK
    )
    if curves.kv_use is not None:
        _draw_curve(rest[1], curves.kv_use, KV_MEMORY, "KV blocks in use", 1.4)
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
    figure = _figure(13, 4.9)
    figure.suptitle(_caption([run]), x=0.01, ha="left", fontsize=10.5, color=_INK)
    values = latencies(run)
    for axes, key in zip(figure.subplots(1, 3, sharey=True), ("ttft", "tpot", "e2e"), strict=True):
        name, meaning = LATENCIES[key]
        finite = values[key][np.isfinite(values[key])]
        if len(finite):
            _draw_distribution(axes, finite, name, run_line(0), is_skewed=_is_skewed(finite))
        _finish_distributions(axes, [finite] if len(finite) else [])
        axes.set_title(rf"$\bf{{{name}}}$", loc="left", fontsize=13, color=_INK)
        axes.set_xlabel(meaning.replace(": ", ":\n", 1) + ", seconds", fontsize=9.5)
    figure.axes[0].set_ylabel("requests")
    return figure


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), dpi=150, layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.1))


def _draw_curve(axes: Axes, curve: Curve, colour: str, label: str, width: float) -> None:
    axes.step(curve.time, curve.value, where="post", color=colour, linewidth=width, label=label)


def _draw_schedule(axes: Axes, run: Run, window: tuple[float, float]) -> set[str]:
    """Draw the slots, with a legend of the colours."""
    use = slot_use(run, window)
    free = free_slots(run, use, window)
    slots = drawn_slots(run, use, free)
    # Neighbours in a slot differ, so that one bar is one request.
    turn = _turn_in_slot(use.slot)
    one = np.ones_like(use.slot)
    begin = use.start_time
    drawn = []
    if run._computes_prompts:
        begin = np.clip(use.first_token_time, use.start_time, use.done_time)
        drawn.append(_Bars(PREFILL, use.slot, one, use.start_time, begin))
    for parity, colour in enumerate((GENERATING, NEXT_REQUEST)):
        chosen = turn % 2 == parity
        drawn.append(_Bars(colour, use.slot[chosen], one[chosen], begin[chosen], use.done_time[chosen]))
    drawn.append(_Bars(HELD, use.slot, one, use.done_time, use.end_time))
    drawn.append(_Bars(FREE, free.first, free.count, free.begin, free.end))
    kinds = {bars.colour for bars in drawn if _draw_bars(axes, bars)}
    if slots <= _MOST_LINED_SLOTS:
        axes.hlines(range(1, slots), *window, color="white", linewidth=0.8)
    if 0 < len(run) <= _MOST_NUMBERED:
        _draw_numbers(axes, run, use, window, min(9.0, max(5.0, _HEIGHT_OF_SCHEDULE / slots)))
    axes.set_xlim(*window)
    axes.set_ylim(slots, 0)
    axes.set_ylabel("slot")
    axes.set_yticks(_slot_ticks(slots), labels=[f"{tick + 0.5:.0f}" for tick in _slot_ticks(slots)])
    axes.yaxis.set_tick_params(length=0)
    _plain(axes)
    return kinds


def _draw_numbers(axes: Axes, run: Run, use: SlotUse, window: tuple[float, float], size: float) -> None:
    """The number of each request in its bar, in so many points, and a mark with it where it arrives."""
    begin = np.maximum(use.start_time, window[0])
    for request, slot, left in zip(use.request.tolist(), use.slot.tolist(), begin.tolist(), strict=True):
        axes.annotate(
            str(request), (left, slot + 0.5), (4, 0), textcoords="offset points", va="center", fontsize=size,
            color=_INK,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}, clip_on=True,
        )  # fmt: skip
    arrivals = arrivals_in(run, window)
    for time, _ in arrivals:
        axes.plot(time, 1.0, "v", transform=axes.get_xaxis_transform(), color=_INK, markersize=6, clip_on=False)
    for time, text in apart(arrivals, window[1] - window[0], _WIDTH_OF_SCHEDULE / _WIDTH_OF_CHARACTER):
        axes.annotate(
            text, (time, 1.0), (0, 5), xycoords=axes.get_xaxis_transform(),
            textcoords="offset points", ha="center", fontsize=8, color=_INK,
        )  # fmt: skip


def _title_schedule(axes: Axes, run: Run, name: str, settings: str = "") -> None:
    share = slot_time(run)
    slots, drawn = schedule_of(run).slots, round(axes.get_ylim()[0])
    title = f"{_bold(name)}: {share.wasted:.1%} of slot-time wasted"
    waste = f"{share.held:.1%} held by finished requests, {share.free:.1%} free while a request waits"
    told = [settings] if settings else []
    if len(name) > _LONGEST_NAME_BESIDE_WASTE:
        told.insert(0, waste)
    else:
        title += f" ({waste})"
    if drawn != slots:
        told.append(f"{drawn:,} of {slots:,} slots are drawn: the others stay free")
    if told:
        title += "\n" + "; ".join(told).replace("$", r"\$")
    # Above the marks of the arrivals.
    is_numbered = 0 < len(run) <= _MOST_NUMBERED
    axes.set_title(title, loc="left", fontsize=12.5, color=_INK, pad=20 if is_numbered else 6)


def _bold(name: str) -> str:
    """Bold as matplotlib's mathematics writes it, in which some characters mean something."""
    if any(character in r"\${}^" for character in name):
        return name.replace("$", r"\$")
    for character in ("_", "#", "%", "&"):
        name = name.replace(character, "\\" + character)
    return rf"$\bf{{{name.replace(' ', chr(92) + ' ').replace('-', '{-}')}}}$"


class _Bars(NamedTuple):
    """Bars of one colour, each of so many slots."""

    colour: str
    slot: Int64Array
    height: Int64Array
    begin: Float64Array
    end: Float64Array


def _draw_bars(axes: Axes, bars: _Bars) -> bool:
    """Whether there is any to be seen."""
    chosen = bars.end > bars.begin
    slot, height, begin, end = (column[chosen] for column in bars[1:])
    corners = ((begin, slot), (end, slot), (end, slot + height), (begin, slot + height))
    shapes = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    axes.add_collection(PolyCollection(list(shapes), facecolors=bars.colour, edgecolors="none"), autolim=False)
    return len(shapes) > 0


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


def _draw_head(figure: Figure, runs: Sequence[Run], kinds: set[str], iteration_time: str | None) -> None:
    """What was run, and what the colours mean that occur, in the order in which a bar has them."""
    labels = {
        PREFILL: "prefill",
        GENERATING: "generating tokens",
        NEXT_REQUEST: "the next request",
        HELD: "wasted: held by a finished request",
        FREE: "wasted: free while a request waits",
    }
    handles = [Patch(color=colour, label=label) for colour, label in labels.items() if colour in kinds]
    # As the title of the legend, the only one for which the layout leaves room beside it.
    figure.legend(
        handles=handles, loc="outside upper left", ncols=max(len(handles), 1), frameon=False, fontsize=10.5,
        title=_caption(runs, iteration_time), alignment="left", title_fontsize=10.5,
    )  # fmt: skip


def _caption(runs: Sequence[Run], iteration_time: str | None = None) -> str:
    told = workload_caption(runs[0].requests, is_closed=all(run._is_closed_loop for run in runs))
    lines = wrap(settings_caption(runs, iteration_time), _LONGEST_LINE, break_long_words=False, break_on_hyphens=False)
    return "\n".join([told, *lines]).replace("$", r"\$")


def _draw_latencies(axes: Axes, runs: dict[str, Run]) -> None:
    known = {name: latencies(run)["e2e"] for name, run in runs.items()}
    skewed = _is_skewed(np.concatenate(list(known.values())))
    drawn: list[Float64Array] = []
    for position, name in enumerate(runs):
        values = known[name]
        if len(values):
            _draw_distribution(axes, values, name, run_line(position), is_skewed=skewed, beside=drawn)
            drawn.append(values)
    _finish_distributions(axes, drawn)
    axes.set_ylabel("requests served")
    begin = "being sent" if any(run._is_closed_loop for run in runs.values()) else "arrival"
    axes.set_xlabel(f"latency from {begin} to last token, seconds")
    axes.set_title(r"$\bf{Latency}$: the further left, the better", loc="left", fontsize=13, color=_INK)
    if drawn:
        axes.legend(loc="upper left", bbox_to_anchor=(0, 0.93), frameon=False, fontsize=11)


def _draw_distribution(
    axes: Axes,
    values: Float64Array,
    name: str,
    line: RunLine,
    *,
    is_skewed: bool,
    beside: Sequence[Float64Array] = (),
) -> None:
    points, shares = distribution(values)
    axes.plot(points, shares, color=line.colour, linestyle=_STYLES[line.dash], linewidth=line.width, label=name)
    for share in _MARKED_SHARES:
        value = float(np.quantile(values, share))
        # On the line between two points as the axis draws it.
        place = float(np.exp(np.interp(share, shares, np.log(points)))) if is_skewed else value
        axes.plot(place, share, "o", color=line.colour, markersize=7, markeredgecolor="white", zorder=3)
        # Where two curves meet, one figure can be read and two cannot.
        if not any(np.isclose(value, np.quantile(other, share), rtol=_SAME) for other in beside):
            axes.annotate(
                f"{value:,.3g} s", (value, share), (9, -13), textcoords="offset points", color=_INK, fontsize=9.5,
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            )  # fmt: skip


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
    if len(latencies) == 0:
        return False
    smallest, largest = float(latencies.min()), float(latencies.max())
    return smallest > 0 and largest > 20 * smallest


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
    axes.tick_params(colors=_INK, labelsize=10)
