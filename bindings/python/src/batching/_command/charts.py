"""The charts of the report of runs of one engine."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.display import seconds
from batching._command.runs import Run
from batching._engine.attribution import PARTS
from batching._engine.result import Result
from batching._ffi.calls import Float64Array, Int64Array
from batching._output.chart import Chart, latency_charts, numbers, run_curve
from batching._output.palette import FREE, GENERATING, HELD, PREFILL, run_line
from batching._output.palette import PARTS as PART_COLOURS
from batching._output.slots import (
    SlotUse,
    apart,
    arrivals_in,
    drawn_slots,
    free_slots,
    middle_window,
    schedule_of,
    slot_time,
    slot_use,
)
from batching._output.timeline import Curve, load_curves

_MOST_SCHEDULES: Final = 4
_MOST_SCHEDULED: Final = 400
# Across a schedule on a narrow screen.
_CHARACTERS: Final = 60
# So few requests have their numbers, and marks where they arrive.
_MOST_NUMBERED: Final = 19
# Seen on white as on black.
_MARK: Final = "#C2185B"
_THINNED: Final = "Of each stretch of time its lowest and highest value are drawn, so no peak is lost. Drag to zoom."


def charts(runs: Sequence[Run]) -> list[Chart]:
    """All of them, in the order of the page."""
    made = [
        *latency_charts({run.name: run.values for run in runs}),
        *_load_charts(runs),
        *_schedule_charts(runs[:_MOST_SCHEDULES]),
    ]
    attribution = _attribution_chart(runs[:_MOST_SCHEDULES])
    return made if attribution is None else [*made, attribution]


def _load_charts(runs: Sequence[Run]) -> list[Chart]:
    loads = [(index, run, load_curves(run.result)) for index, run in enumerate(runs)]
    kinds = [
        ("running", "Requests running", "Requests in a slot, over the whole run.", "requests"),
        ("waiting", "Requests waiting", "Requests that have come to the engine and are in no slot.", "requests"),
        ("at_clients", "Requests waiting at their clients", "Requests that are to be sent when another one ends.",
         "requests"),
        ("kv_use", "KV memory in use", "Blocks of the KV cache in use after the scheduling of each iteration.",
         "KV blocks"),
    ]  # fmt: skip
    made = []
    for key, title, says, unit in kinds:
        traces = []
        for index, run, load in loads:
            curve: Curve | None = getattr(load, key)
            if curve is not None:
                drawn = run_curve(run.name, index, curve.time, curve.value)
                drawn["line"] |= {"shape": "hv", "width": 0.5 * run_line(index).width}
                traces.append(drawn | {"hovertemplate": "%{y:,.0f} at %{x:.4g} s"})
        if key == "at_clients" and not traces:
            continue
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
        result = run.result
        use = slot_use(result, window)
        free = free_slots(result, use, window)
        slots, drawn = schedule_of(result).slots, drawn_slots(result, use, free)
        first = np.clip(use.first_token_time, use.start_time, use.done_time)
        middle = use.slot + 1.0
        bars: list[tuple[str, str, Float64Array, Float64Array, npt.NDArray[Any], Any, Int64Array | None]] = [
            ("prefill", PREFILL, use.start_time, first, middle, 0.88, use.request),
            ("generating tokens", GENERATING, first, use.done_time, middle, 0.88, use.request),
            ("held by a finished request", HELD, use.done_time, use.end_time, middle, 0.88, use.request),
            ("free while a request waits", FREE, free.begin, free.end, free.first + 0.5 + free.count / 2, free.count,
             None),
        ]  # fmt: skip
        traces = []
        for name, colour, begin, end, place, height, requests in bars:
            there = end > begin
            if not there.any():
                continue
            bar: dict[str, Any] = {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "base": numbers(begin[there]),
                "x": numbers(end[there] - begin[there]),
                "y": place[there].tolist(),
                "width": np.broadcast_to(height, len(there))[there].tolist(),
                "marker": {"color": colour, "line": {"width": 0.5, "color": "rgba(255,255,255,0.8)"}},
                "hovertemplate": f"{name}, %{{x:.4g}} s from %{{base:.4f}} s<extra></extra>",
            }
            if requests is not None:
                bar["customdata"] = requests[there].tolist()
                bar["hovertemplate"] = "request %{customdata}, slot %{y}: " + str(bar["hovertemplate"])
            traces.append(bar)
        layout: dict[str, Any] = {
            "barmode": "overlay",
            "xaxis": {"title": {"text": "time, seconds"}, "range": list(window)},
            "yaxis": {"title": {"text": "slot"}, "range": [drawn + 0.5, 0.5], "tickformat": "d"},
            "showlegend": True,
        }
        if 0 < len(result) <= _MOST_NUMBERED:
            layout["yaxis"]["range"] = [drawn + 0.5, -0.3]
            traces += _numbered(result, use, window)
        share = slot_time(result)
        says = (
            f"{share.wasted:.1%} of the slot-time of the whole run is wasted: {share.held:.1%} held by finished "
            f"requests, {share.free:.1%} free while a request waits. "
        )
        if drawn != slots:
            says += f"{drawn:,} of {slots:,} slots are drawn: the others stay free. "
        if window[0] > 0 or window[1] < schedule_of(result).total_time:
            says += "A window from the middle of the run: each bar is a request in its slot. Drag to zoom."
        else:
            says += "Each bar is a request in its slot. Drag to zoom."
        figure = {"data": traces, "layout": layout}
        made.append(Chart(f"schedule-{index}", f"Schedule: {run.name}", says, figure, min(560, 200 + 9 * drawn)))
    return made


def _numbered(run: Result, use: SlotUse, window: tuple[float, float]) -> list[dict[str, Any]]:
    """The number of each request in its bar, and a mark with it where it arrives."""
    marks = arrivals_in(run, window)
    told_at = apart(marks, window[1] - window[0], _CHARACTERS)
    return [
        {
            "type": "scatter",
            "mode": "text",
            "name": "request",
            "x": numbers(np.maximum(use.start_time, window[0])),
            "y": (use.slot + 1.0).tolist(),
            "text": [f" {request}" for request in use.request.tolist()],
            "textposition": "middle right",
            "textfont": {"color": "white", "shadow": "0 0 3px black, 0 0 3px black"},
            "hoverinfo": "skip",
            "showlegend": False,
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "arrival",
            "x": [time for time, _ in marks],
            "y": [0.2] * len(marks),
            "customdata": [", ".join(map(str, requests)) for _, requests in marks],
            "marker": {"symbol": "triangle-down", "size": 9, "color": _MARK},
            "hovertemplate": "request %{customdata} arrives at %{x:.4f} s<extra></extra>",
            "cliponaxis": False,
        },
        {
            "type": "scatter",
            "mode": "text",
            "name": "request that arrives",
            "x": [time for time, _ in told_at],
            "y": [0.2] * len(told_at),
            "text": [text for _, text in told_at],
            "textposition": "top center",
            "hoverinfo": "skip",
            "showlegend": False,
            "cliponaxis": False,
        },
    ]


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
            "marker": {"color": PART_COLOURS[name]},
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
