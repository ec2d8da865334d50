"""The charts of the report, as what plotly.js draws: plain dictionaries, with few enough points for a browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._attribution import PARTS
from batching._command._runs import Run
from batching._display import seconds
from batching._schedule import busy_spans, middle_window, schedule_of, slot_use
from batching._timeline import LATENCIES, Curve, distribution, load_curves

# The palette of Okabe and Ito (2008), which the colour-blind can tell apart, less its yellow as a line.
_RUN_COLOURS: Final = ("#CC79A7", "#009E73", "#E69F00", "#0072B2", "#D55E00", "#56B4E9", "#7A7A7A", "#8A6D00")
_DASHES: Final = ("dash", "solid", "dashdot", "dot")
_PART_COLOURS: Final = dict(
    zip(PARTS, ("#D55E00", "#CC79A7", "#F0E442", "#0072B2", "#E69F00", "#7A7A7A", "#F2B38C"), strict=True)
)
_MOST_SCHEDULES: Final = 4
_MOST_SCHEDULED: Final = 400
_THINNED: Final = "Of each stretch of time its lowest and highest value are drawn, so no peak is lost. Drag to zoom."


@dataclass(frozen=True)
class Chart:
    """One chart, and what it shows."""

    id: str
    title: str
    says: str
    """What a reader sees in it."""
    figure: dict[str, Any]
    height: int


def charts(runs: Sequence[Run]) -> list[Chart]:
    """All of them, in the order of the page."""
    made = [*_latency_charts(runs), *_load_charts(runs), *_schedule_charts(runs[:_MOST_SCHEDULES])]
    attribution = _attribution_chart(runs[:_MOST_SCHEDULES])
    return made if attribution is None else [*made, attribution]


def _latency_charts(runs: Sequence[Run]) -> list[Chart]:
    made = []
    for key in ("ttft", "tpot", "e2e"):
        name, meaning = LATENCIES[key]
        traces, drawn = [], []
        for index, run in enumerate(runs):
            values = run.values[key][np.isfinite(run.values[key])]
            if len(values) == 0:
                continue
            points, shares = distribution(values)
            drawn.append(values)
            traces.append(
                _line(run.name, index, points, 100 * shares) | {"hovertemplate": "%{y:.1f}% within %{x:.4g} s"}
            )
        skewed = bool(drawn) and _is_skewed(np.concatenate(drawn))
        axis: dict[str, Any] = {"title": {"text": f"{name}, seconds"}, "type": "log" if skewed else "linear"}
        if skewed:
            axis |= {"dtick": 1}
        made.append(
            Chart(
                f"latency-{key}",
                name,
                f"{meaning[0].upper()}{meaning[1:]}. How many of the finished requests took at most so long: "
                f"the further left a curve, the better.",
                {
                    "data": traces,
                    "layout": {
                        "xaxis": axis,
                        "yaxis": {"title": {"text": "% of requests"}, "range": [0, 101]},
                        "showlegend": len(runs) > 1,
                    },
                },
                320,
            )
        )
    return made


def _load_charts(runs: Sequence[Run]) -> list[Chart]:
    loads = [(index, run, load_curves(run.result)) for index, run in enumerate(runs)]
    kinds = [
        ("running", "Requests running", "Requests in a slot, over the whole run.", "requests"),
        ("waiting", "Requests waiting", "Requests that have arrived and are in no slot.", "requests"),
        ("kv_use", "KV memory in use", "Blocks of the KV cache in use after the scheduling of each iteration.",
         "KV blocks"),
    ]  # fmt: skip
    made = []
    for key, title, says, unit in kinds:
        traces = []
        for index, run, load in loads:
            curve: Curve | None = getattr(load, key)
            if curve is not None:
                line = _line(run.name, index, curve.time, curve.value)
                line["line"] |= {"shape": "hv", "width": 1.3, "dash": "solid"}
                traces.append(line | {"hovertemplate": "%{y:,.0f} at %{x:.4g} s"})
        layout = {
            "xaxis": {"title": {"text": "time, seconds"}},
            "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
            "showlegend": len(runs) > 1,
        }
        made.append(
            Chart(f"load-{key.replace('_', '-')}", title, f"{says} {_THINNED}", {"data": traces, "layout": layout}, 280)
        )
    return made


def _schedule_charts(runs: Sequence[Run]) -> list[Chart]:
    window = middle_window([run.result for run in runs], _MOST_SCHEDULED)
    made = []
    for index, run in enumerate(runs):
        use = slot_use(run.result, window)
        slots = schedule_of(run.result).slots
        first = np.clip(use.first_token_time, use.start_time, use.done_time)
        bars = [
            ("prefill", use.start_time, first, "#F0E442"),
            ("generating tokens", first, use.done_time, "#0072B2"),
            ("held by a finished request", use.done_time, use.end_time, "#D55E00"),
        ]
        traces = []
        for name, begin, end, colour in bars:
            there = end > begin
            traces.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": name,
                    "base": _numbers(begin[there]),
                    "x": _numbers(end[there] - begin[there]),
                    "y": (use.slot[there] + 1).tolist(),
                    "marker": {"color": colour, "line": {"width": 0.5, "color": "rgba(255,255,255,0.8)"}},
                    "hovertemplate": f"slot %{{y}}: {name}, %{{x:.4g}} s from %{{base:.4f}} s<extra></extra>",
                }
            )
        shapes = [
            {"type": "rect", "layer": "below", "x0": begin, "x1": end, "y0": 0.5, "y1": slots + 0.5,
             "fillcolor": "rgba(213,94,0,0.16)", "line": {"width": 0}}
            for begin, end in busy_spans(run.result, window)[:500]
        ]  # fmt: skip
        layout = {
            "barmode": "overlay",
            "bargap": 0.12,
            "shapes": shapes,
            "xaxis": {"title": {"text": "time, seconds"}, "range": list(window)},
            "yaxis": {"title": {"text": "slot"}, "range": [slots + 0.5, 0.5], "tickformat": "d"},
            "showlegend": True,
        }
        says = (
            "A window from the middle of the run: each bar is a request in its slot. Pale is a slot that is free while "
            "others run. Drag to zoom, double-click to see all of the window."
        )
        figure = {"data": traces, "layout": layout}
        made.append(Chart(f"schedule-{index}", f"Schedule: {run.name}", says, figure, min(560, 200 + 9 * slots)))
    return made


def _attribution_chart(runs: Sequence[Run]) -> Chart | None:
    labels: list[str] = []
    parts: dict[str, list[float]] = {name: [] for name in PARTS}
    for run in runs:
        if run.result.attribution is None:
            continue
        for band in run.result.attribution.bands():
            if band.count == 0:
                continue
            labels.append(f"{run.name}, p{band.lower:g} to p{band.upper:g}: {seconds(band.mean_total)}")
            for name in PARTS:
                share = float(getattr(band.mean, name)) / band.mean_total if band.mean_total else 0.0
                parts[name].append(round(100 * share, 4))
    if not labels:
        return None
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name.replace("_", " "),
            "y": labels,
            "x": values,
            "marker": {"color": _PART_COLOURS[name]},
            "hovertemplate": f"%{{x:.1f}}% {name.replace('_', ' ')}<extra></extra>",
        }
        for name, values in parts.items()
        if any(values)
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": "% of the time from arrival to end"}, "range": [0, 100]},
        "yaxis": {"autorange": "reversed", "automargin": True},
        "showlegend": True,
    }
    says = (
        "Why requests were slow: into which parts their time falls, for the fastest half, the next 40%, the next 9% "
        "and the slowest 1%, with the mean time of each group."
    )
    return Chart("attribution", "Where the time went", says, {"data": traces, "layout": layout}, 150 + 30 * len(labels))


def _line(name: str, index: int, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _numbers(x),
        "y": _numbers(y),
        "line": {
            "color": _RUN_COLOURS[index % len(_RUN_COLOURS)],
            "dash": _DASHES[index % len(_DASHES)],
            "width": 2.2,
        },
    }


def _numbers(values: npt.NDArray[np.float64]) -> list[float]:
    """As short as a picture needs them: seven digits."""
    return [float(f"{value:.7g}") for value in values.tolist()]


def _is_skewed(values: npt.NDArray[np.float64]) -> bool:
    """Whether most of a linear axis would be empty."""
    smallest, largest = float(values.min()), float(values.max())
    return smallest > 0 and largest > 20 * smallest
