"""What one run of a fleet comes to, and several of them in one table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from batching._columns.display import Table
from batching._ffi.calls import Float64Array
from batching._fleet.result import FleetResult
from batching._metrics.serving import SLO
from batching._output.timeline import latencies

# From here on a column of times is in seconds: the digits of milliseconds would say nothing.
_LONG: Final = 10.0
_BEST: Final = " *"


@dataclass(frozen=True, eq=False)
class FleetRun:
    """A run that was made, and what is told of it."""

    name: str
    result: FleetResult
    values: Mapping[str, Float64Array]
    """Of each latency, the values of the finished requests in seconds."""
    figures: Mapping[str, Any]
    """What `figures_of` returns."""


@dataclass(frozen=True, kw_only=True)
class FleetTerms:
    """What fleets are judged by."""

    slo: SLO | None = None
    gpu_hour_price: float | None = None
    gpus_per_replica: int | None = None


class _Column(NamedTuple):
    heading: str
    kind: Literal["seconds", "share", "number"]
    better: Literal["more", "less"]


_COLUMNS: Final = {
    "mean_ttft": _Column("TTFT", "seconds", "less"),
    "p99_ttft": _Column("p99 TTFT", "seconds", "less"),
    "mean_transfer": _Column("hand-over", "seconds", "less"),
    "mean_tpot": _Column("TPOT", "seconds", "less"),
    "p99_e2e": _Column("p99 E2E", "seconds", "less"),
    "goodput": _Column("good req/s", "number", "more"),
    "prefix_hits": _Column("hits", "share", "more"),
    "imbalance": _Column("imbal.", "share", "less"),
    "tokens_per_gpu_second": _Column("tok/GPU-s", "number", "more"),
    "cost_per_million_tokens": _Column("cost/Mtok", "number", "less"),
    "cost": _Column("cost", "number", "less"),
}


def fleet_run(result: FleetResult, terms: FleetTerms, name: str | None = None) -> FleetRun:
    """A run, with its latencies and figures."""
    called = f"{size_of(result)} x {result.router}" if name is None else name
    return FleetRun(called, result, latencies(result), figures_of(result, terms))


def size_of(result: FleetResult) -> str:
    """How many replicas there are: 4; or how many prefill, and how many decode: 1:3."""
    counts = dict.fromkeys(("prefill", "decode", "both"), 0)
    for role, (_, number) in zip(result.roles, result.pools, strict=True):
        counts[role] += number
    return f"{counts['prefill']}:{counts['decode']}" if counts["prefill"] else str(counts["both"])


def figures_of(result: FleetResult, terms: FleetTerms) -> dict[str, Any]:
    """The figures by their names in JSON, times in seconds; NaN for what is not known. Without an SLO there is no
    goodput.
    """
    metrics = result.measure(percentiles=(50, 99), slo=terms.slo)
    cost = result.cost(gpu_hour_price=terms.gpu_hour_price, gpus_per_replica=terms.gpus_per_replica)
    told: dict[str, Any] = {
        "replicas": len(result.replicas),
        "size": size_of(result),
        "router": result.router,
        "requests": len(result),
        "finished": result.finished,
        "request_throughput": result.finished / result.total_time if result.total_time else 0.0,
        "throughput": result.throughput,
        "throughput_per_replica": result.throughput / len(result.replicas),
    }
    for name in ("ttft", "tpot", "e2e"):
        sample = getattr(metrics, name)
        told |= {
            f"mean_{name}": sample.mean,
            f"p50_{name}": sample.percentiles[50],
            f"p99_{name}": sample.percentiles[99],
        }
    if result.is_split:
        waited = result.transfer[np.isfinite(result.transfer)]
        told |= {
            "mean_transfer": float(waited.mean()) if len(waited) else math.nan,
            "p99_transfer": float(np.percentile(waited, 99)) if len(waited) else math.nan,
        }
    if terms.slo is not None:
        told |= {"goodput": metrics.request_goodput or 0.0, "slo_attainment": metrics.slo_attainment}
    return told | {
        "prefix_hits": result.prefix_hit_rate,
        "imbalance": result.imbalance,
        "peak_waiting": result.peak_waiting,
        "total_time": result.total_time,
        "gpus": cost.gpus,
        "gpu_time": cost.gpu_time,
        "tokens_per_gpu_second": cost.tokens_per_gpu_second,
        "cost": cost.total,
        "cost_per_million_tokens": cost.per_million_tokens,
    }


def plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as JSON has them; null for what is not known."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }


def fleet_table(runs: Sequence[FleetRun], *, marked: bool = False) -> Table:
    """A row for each run, and a column for each figure that one of them has, in one unit; perhaps the best marked."""
    names = [name for name in _COLUMNS if any(math.isfinite(_value(run, name)) for run in runs)]
    columns = [_written(_COLUMNS[name], [_value(run, name) for run in runs], marked=marked) for name in names]
    usual = all(run.name == f"{run.figures['size']} x {run.result.router}" for run in runs)
    keys = [[str(run.figures["size"]), str(run.result.router)] if usual else [run.name] for run in runs]
    rows = [[*key, *(cells[index] for _, cells in columns)] for index, key in enumerate(keys)]
    headings = ["n", "router"] if usual else [""]
    return Table("", [*headings, *(heading for heading, _ in columns)], rows, keys=len(headings))


def _value(run: FleetRun, name: str) -> float:
    value = run.figures.get(name, math.nan)
    return math.nan if value is None else float(value)


def _written(column: _Column, values: Sequence[float], *, marked: bool) -> tuple[str, list[str]]:
    """A heading with its unit, and the cells."""
    known = [value for value in values if math.isfinite(value)]
    unit, factor = "", 1.0
    if column.kind == "share":
        unit, factor = " %", 100.0
    elif column.kind == "seconds":
        unit, factor = (" s", 1.0) if max(known) >= _LONG else (" ms", 1000.0)
    cells = [_digits(factor * value) for value in values]
    if marked:
        best = _digits(factor * (max(known) if column.better == "more" else min(known)))
        # What reads the same is equally good.
        chosen = {index for index, cell in enumerate(cells) if cell == best}
        if len(chosen) < len(cells):
            cells = [cell + (_BEST if index in chosen else "") for index, cell in enumerate(cells)]
    return column.heading + unit, cells


def _digits(value: float) -> str:
    """Three digits or more, in few characters."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if size >= 99.95:
        return f"{value:,.0f}"
    if size >= 9.995:
        return f"{value:.1f}"
    if size >= 0.9995:
        return f"{value:.2f}"
    return f"{value:.3f}" if size >= 0.01 or size == 0 else f"{value:.2g}"
