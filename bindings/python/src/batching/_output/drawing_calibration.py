"""Draws a calibration for plot.py: simulated against measured. Imported only when one is asked for, since it needs
matplotlib.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from batching._calibration.calibration import Calibration
from batching._calibration.latency_errors import LATENCIES, Latencies, signed
from batching._columns.recorded import RecordedRequests
from batching._engine.described import described
from batching._ffi.calls import BoolArray, Float64Array
from batching._metrics.load import LoadTimeline, load_over_time
from batching._output.palette import RUNNING, WAITING
from batching._output.timeline import distribution, thinned

_INK = "#222222"
_GREY = "#777777"
_MEASURED = "#222222"
_SIMULATED = "#E69F00"
_NAMES = {"ttft": "TTFT", "tpot": "TPOT", "e2e": "E2E"}


def draw_calibration(found: Calibration) -> Figure:
    """The cumulative distributions of TTFT, TPOT and E2E; below, how many requests ran and waited."""
    figure = Figure(figsize=(13, 8.4), dpi=150, layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.1))
    top, *below = figure.subplots(3, 3, height_ratios=[1.5, 1, 1])
    result, recorded = found.result, found.recorded
    arrivals = found.requests.arrival_time
    arrived = np.zeros(len(recorded)) if arrivals is None else arrivals
    first, output = recorded.first_token_time, recorded.output_length
    assert first is not None, "a log without is not calibrated on"  # noqa: S101
    measured = Latencies.of(arrived, first, recorded.end_time, output)
    simulated = Latencies.of(arrived, result.first_token_time, result.end_time, output).seen_after(found.client_delay)
    both = np.isfinite(measured.e2e) & np.isfinite(simulated.e2e)
    for axes, latency in zip(top, LATENCIES, strict=True):
        pair = [getattr(values, latency)[both] for values in (measured, simulated)]
        _draw_distributions(axes, latency, *[values[np.isfinite(values)] for values in pair])
    top[0].set_ylabel("requests")
    top[0].legend(loc="best", frameon=False, fontsize=10.5)
    for row, (name, colour) in zip(below, (("running", RUNNING), ("waiting", WAITING)), strict=True):
        for axes in row:
            axes.remove()
        axes = figure.add_subplot(row[0].get_gridspec()[1 if name == "running" else 2, :])
        _draw_load(axes, found, arrived, both, name, colour)
    what = " on ".join(part for part in (found.model, found.gpu) if part)
    told = [f"Calibration of {what}" if what else "Calibration", described(found.config._settings())]
    figure.suptitle("\n".join(told).replace("$", r"\$"), x=0.01, ha="left", fontsize=10.5, color=_INK, wrap=True)
    return figure


def _draw_distributions(axes: Axes, latency: str, measured: Float64Array, simulated: Float64Array) -> None:
    title = _NAMES[latency]
    if len(measured):
        error = float(np.mean(simulated) / np.mean(measured) - 1) if np.mean(measured) else np.nan
        axes.plot(*distribution(measured), color=_MEASURED, linewidth=3.2, label="measured")
        axes.plot(*distribution(simulated), color=_SIMULATED, linewidth=1.7, label="simulated")
        smallest, largest = float(measured.min()), float(measured.max())
        if smallest > 0 and largest > 20 * smallest:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.set_title(rf"$\bf{{{title}}}$: mean {signed(error)}", loc="left", fontsize=13, color=_INK)
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("seconds")
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.7)
    _plain(axes)


def _draw_load(  # noqa: PLR0917
    axes: Axes, found: Calibration, arrived: Float64Array, both: BoolArray, name: str, colour: str
) -> None:
    """Of the log, running is from the first token on where it does not say when requests were admitted."""
    result = found.result
    rows = np.flatnonzero(both)
    start = found.recorded.start_time
    known = start is not None and bool(np.isfinite(start[rows]).all())
    begins = start[rows] if known and start is not None else found.recorded.first_token_time[rows]  # type: ignore[index]
    measured = _timeline(arrived[rows], begins, found.recorded.end_time[rows], found.recorded.output_length[rows])
    simulated_start = result.start_time if known else result.first_token_time
    simulated = _timeline(
        arrived[rows], simulated_start[rows], result.end_time[rows], found.recorded.output_length[rows]
    )
    for timeline, width, line, label in (
        (measured, 3.0, _MEASURED, "measured"),
        (simulated, 1.5, colour if name == "running" else _SIMULATED, "simulated"),
    ):
        if timeline is not None and len(timeline):
            curve = thinned(timeline.time, getattr(timeline, name))
            axes.step(curve.time, curve.value, where="post", color=line, linewidth=width, label=label)
    what = {
        "running": "admitted" if known else "generating, from the first token on",
        "waiting": "not admitted yet" if known else "without a first token",
    }[name]
    axes.set_title(rf"$\bf{{{name.capitalize()}}}$: requests {what}", loc="left", fontsize=13, color=_INK)
    axes.set_ylabel("requests")
    until = found.observed_until
    if until is not None:
        axes.axvline(until - found.shift, color=_GREY, linewidth=1.2, linestyle="--", label="looked at until here")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.legend(loc="upper right", frameon=False, fontsize=10.5)
    if name == "waiting":
        axes.set_xlabel("time, seconds")
    _plain(axes)


def _timeline(arrival: Float64Array, start: Float64Array, end: Float64Array, output: object) -> LoadTimeline | None:
    recorded = RecordedRequests(end, np.asarray(output), arrival_time=arrival, start_time=np.clip(start, arrival, end))
    return load_over_time(recorded, timeline="changes").timeline


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
    axes.tick_params(colors=_INK, labelsize=10)
