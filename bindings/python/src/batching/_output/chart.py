"""The charts of a page, as what plotly.js draws: plain dictionaries, with few enough points for a browser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._ffi.calls import Float64Array
from batching._output.palette import run_line
from batching._output.timeline import LATENCIES, distribution

_DASHES: Final = ("solid", "dash", "dashdot", "dot", "longdash", "longdashdot")


@dataclass(frozen=True)
class Chart:
    """One chart, and what it shows."""

    id: str
    title: str
    says: str
    """What a reader sees in it."""
    figure: dict[str, Any]
    height: int


def latency_charts(runs: Mapping[str, Mapping[str, Float64Array]]) -> list[Chart]:
    """How TTFT, TPOT and E2E of the finished requests are distributed, by the names of the runs."""
    made = []
    for key in ("ttft", "tpot", "e2e"):
        name, meaning = LATENCIES[key]
        traces, drawn = [], []
        for index, (name_of_run, latencies) in enumerate(runs.items()):
            values = latencies[key][np.isfinite(latencies[key])]
            if len(values) == 0:
                continue
            points, shares = distribution(values)
            drawn.append(values)
            traces.append(
                run_curve(name_of_run, index, points, 100 * shares) | {"hovertemplate": "%{y:.1f}% within %{x:.4g} s"}
            )
        skewed = bool(drawn) and is_skewed(np.concatenate(drawn))
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
                # Where the names are long the legend has a line for each.
                320 + 18 * max(0, len(runs) - 2),
            )
        )
    return made


def run_curve(name: str, index: int, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> dict[str, Any]:
    """A curve of a run."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": numbers(x),
        "y": numbers(y),
        "line": {
            "color": run_line(index).colour,
            "dash": _DASHES[run_line(index).dash],
            "width": run_line(index).width,
        },
    }


def numbers(values: npt.NDArray[np.float64]) -> list[float]:
    """As short as a picture needs them: seven digits."""
    return [float(f"{value:.7g}") for value in values.tolist()]


def is_skewed(values: npt.NDArray[np.float64]) -> bool:
    """Whether most of a linear axis would be empty."""
    smallest, largest = float(values.min()), float(values.max())
    return smallest > 0 and largest > 20 * smallest
