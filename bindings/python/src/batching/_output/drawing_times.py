"""Draws how long iterations take: plot_iteration_time of plot.py. Imported only when that is asked for, since it needs
matplotlib.
"""

import math
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, MaxNLocator

from batching._columns.display import seconds
from batching._ffi.calls import Float64Array
from batching._output.palette import run_line
from batching._times.model import TimeModel

_INK: Final = "#222222"
# Each says the same to the colour-blind.
_COLOURS: Final = "cividis"
_PLACES: Final = 128
# Tokens that the sequences of the slices have, if the map goes so far.
_CONTEXT_OF_SLICES: Final = 1024
_STYLES: Final = ("-", "--", "-.", ":")


def draw_iteration_time(time: TimeModel, most_sequences: int, most_context: int, most_prefill: int) -> Figure:
    """The map of iterations that decode, and beside it slices over prefill tokens."""
    figure = Figure(figsize=(13, 5.4), dpi=150, layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.1))
    figure.suptitle(f"Iteration time: {time._phrase()}".replace("$", r"\$"), x=0.01, ha="left", fontsize=12, color=_INK)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    _draw_map(figure, left, time, most_sequences, most_context)
    _draw_slices(right, time, most_sequences, min(_CONTEXT_OF_SLICES, most_context), most_prefill)
    return figure


def _draw_map(figure: Figure, axes: Axes, time: TimeModel, most_sequences: int, most_context: int) -> None:
    sequences = _spread(1, most_sequences)
    contexts = _spread(min(16, most_context // 2), most_context)
    took: Float64Array = time.seconds(
        decode_tokens=sequences[None, :], context_tokens=sequences[None, :] * contexts[:, None]
    )
    low, high = float(took.min()), float(took.max())
    is_wide = low > 0 and high > 4 * low
    norm = LogNorm(low, high) if is_wide else Normalize(low, max(high, low + 1e-12))
    image = axes.pcolormesh(sequences, contexts, took, norm=norm, cmap=_COLOURS, shading="gouraud", rasterized=True)
    levels = _levels(low, high) if is_wide else MaxNLocator(5).tick_values(low, high)
    # The contours nearest to the ends are too short for a label.
    levels = np.array([level for level in levels if 1.02 * low < level < 0.8 * high])
    if len(levels):
        axes.contour(sequences, contexts, took, levels=levels, colors="white", linewidths=0.9)
        for level, place in _on_diagonal(sequences, contexts, took, levels):
            axes.text(
                *place, _shown(level), color="white", fontsize=9, ha="center", va="center",
                bbox={"boxstyle": "round,pad=0.2", "facecolor": _INK, "edgecolor": "none", "alpha": 0.75},
            )  # fmt: skip
    _double(axes, most_sequences, "x")
    _double(axes, most_context, "y")
    axes.set_xlabel("sequences that decode")
    axes.set_ylabel("mean context, tokens")
    axes.set_title(r"$\bf{Decode\ only}$", loc="left", fontsize=13, color=_INK)
    if high > low:
        bar = figure.colorbar(image, ax=axes, pad=0.02)
        bar.ax.yaxis.set_major_locator(FixedLocator([low, *levels, high]))
        bar.ax.yaxis.set_minor_locator(FixedLocator([]))
        bar.ax.yaxis.set_major_formatter(lambda value, _: _shown(value))


def _levels(low: float, high: float) -> Float64Array:
    """1, 2, 5, 10, 20, … of some unit, between the two."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return np.array([digit * 10.0**power for power in powers for digit in (1, 2, 5)])


def _on_diagonal(
    sequences: Float64Array, contexts: Float64Array, took: Float64Array, levels: Float64Array
) -> list[tuple[float, tuple[float, float]]]:
    """Where the contours cross the diagonal of the map: there their labels are apart."""
    share = np.linspace(0, 1, 8 * _PLACES)
    columns = (share * (len(sequences) - 1)).astype(np.int64)
    rows = (share * (len(contexts) - 1)).astype(np.int64)
    along = took[rows, columns]
    crossing = [(float(level), int(np.searchsorted(along, level))) for level in levels]
    return [
        (level, (float(sequences[columns[at]]), float(contexts[rows[at]]))) for level, at in crossing if at < len(along)
    ]


def _draw_slices(axes: Axes, time: TimeModel, most_sequences: int, context: int, most_prefill: int) -> None:
    tokens = np.unique(np.linspace(0, most_prefill, 4 * _PLACES).round().astype(np.int64))
    wanted = [0, *(most_sequences * share // 16 for share in (1, 4, 16))]
    for index, sequences in enumerate(sorted(set(wanted), reverse=True)):
        # From 1 on: an iteration that computes nothing takes no time.
        shown = tokens if sequences else tokens[1:]
        took = time.seconds(prefill_tokens=shown, decode_tokens=sequences, context_tokens=sequences * context)
        line = run_line(index)
        axes.plot(
            shown, took, color=line.colour, linestyle=_STYLES[index % len(_STYLES)], linewidth=2,
            label=f"{sequences:,} sequences decode" if sequences else "no sequence decodes",
        )  # fmt: skip
    axes.set_xlim(0, most_prefill)
    axes.set_ylim(bottom=0, top=1.08 * axes.get_ylim()[1])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: _shown(value) if value else "0")
    axes.grid(color="#DDDDDD", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("prefill tokens: one chunk, nothing before it")
    axes.set_title(
        r"$\bf{With\ prefill}$" + f", beside decodes at a context of {context:,}", loc="left", fontsize=13, color=_INK
    )
    axes.legend(loc="best", frameon=False, fontsize=10.5)


def _spread(least: int, most: int) -> Float64Array:
    """Whole numbers that are evenly apart in their logarithms."""
    return np.unique(np.geomspace(least, most, _PLACES).round().astype(np.int64))


def _double(axes: Axes, most: int, side: str) -> None:
    """A logarithmic axis with its ticks at powers of two."""
    ticks = [2**power for power in range(most.bit_length()) if 2**power <= most]
    # Not more than can be read.
    ticks = ticks[:: max(1, len(ticks) // 9)]
    axis = axes.xaxis if side == "x" else axes.yaxis
    (axes.set_xscale if side == "x" else axes.set_yscale)("log", base=2)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(FixedLocator([]))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _shown(value: float) -> str:
    """A time to three digits."""
    text = seconds(float(f"{value:.3g}"))
    return text.replace(" ", "\N{NO-BREAK SPACE}")
