"""Runs of the engine on one workload, and the figures that are shown of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from batching._columns import display
from batching._command.progress import Work
from batching._command.queue_growth import queue_grows
from batching._command.settings import Plan
from batching._command.workload import WorkloadSource
from batching._engine.callbacks import Progress
from batching._engine.config import plain
from batching._engine.result import Result
from batching._engine.simulate import simulate
from batching._ffi.calls import Float64Array
from batching._metrics.serving import distribution
from batching._output.timeline import latencies

PERCENTILES: Final = (50, 90, 95, 99)


@dataclass(frozen=True, eq=False)
class Run:
    """A run that was made."""

    plan: Plan
    result: Result
    values: dict[str, Float64Array]
    """Of each latency, the values of the finished requests in seconds."""
    figures: dict[str, float]
    """What `figures` says; NaN for what is not known."""

    @property
    def name(self) -> str:
        """How it differs from the others."""
        return self.plan.name


class Figure(NamedTuple):
    """One line of the table that compares runs."""

    label: str
    key: str
    write: Callable[[float], str]
    better: Literal["more", "less"]
    of_same_work: bool = False
    """Whether runs can only be compared in it that have finished the same requests."""
    of_client: bool = False
    """Whether it is there only where clients may hold requests back."""


def _rate(unit: str) -> Callable[[float], str]:
    return lambda value: f"{display.rate(value)} {unit}" if math.isfinite(value) else "-"


_FIGURES: Final = (
    Figure("Request throughput", "request_throughput", _rate("req/s"), "more"),
    Figure("Output throughput", "throughput", _rate("tok/s"), "more"),
    Figure("Mean TTFT", "mean_ttft", display.seconds, "less"),
    Figure("p50 TTFT", "p50_ttft", display.seconds, "less"),
    Figure("p99 TTFT", "p99_ttft", display.seconds, "less"),
    Figure("Mean TPOT", "mean_tpot", display.seconds, "less"),
    Figure("p99 TPOT", "p99_tpot", display.seconds, "less"),
    Figure("Mean E2E latency", "mean_e2e", display.seconds, "less"),
    Figure("p50 E2E latency", "p50_e2e", display.seconds, "less"),
    Figure("p95 E2E latency", "p95_e2e", display.seconds, "less"),
    Figure("p99 E2E latency", "p99_e2e", display.seconds, "less"),
    Figure("Mean queue time", "mean_queue_time", display.seconds, "less"),
    Figure("Mean client queue time", "mean_client_queue_time", display.seconds, "less", of_client=True),
    Figure("p99 client queue time", "p99_client_queue_time", display.seconds, "less", of_client=True),
    Figure("Mean E2E with client queue", "mean_e2e_including_client_queue", display.seconds, "less", of_client=True),
    Figure("p99 E2E with client queue", "p99_e2e_including_client_queue", display.seconds, "less", of_client=True),
    # For the same work it is better to need the GPU less.
    Figure("GPU busy", "gpu_utilization", display.share, "less", of_same_work=True),
    Figure("Slot-time wasted", "wasted_slot_share", display.share, "less"),
    Figure("Preemptions", "preemptions", display.count, "less", of_same_work=True),
    Figure("Total time", "total_time", display.seconds, "less", of_same_work=True),
)


def run_all(
    workload: WorkloadSource, plans: Sequence[Plan], work: Work, *, log: bool = False, attribution: bool = False
) -> list[Run]:
    """Make the runs, one after the other."""
    runs = []
    for plan in plans:
        with work.step(f"simulating {plan.name}") as report:

            def progress(told: Progress, report: Callable[[int, int], None] = report) -> None:
                report(told.finished, told.count)

            result = simulate(
                workload.requests,
                **plan.settings,
                log_iterations=log,
                attribution=attribution,
                progress=progress,
                progress_interval=65_536,
            )
        values = latencies(result)
        runs.append(Run(plan, result, values, _figures(result, values)))
    return runs


def figures_of(runs: Sequence[Run]) -> list[Figure]:
    """The lines of the table that compares these runs."""
    holds_back = any("client_queue_time" in run.values for run in runs)
    return [figure for figure in _FIGURES if holds_back or not figure.of_client]


def improvement(figure: Figure, first: Run, other: Run) -> float | None:
    """How many times better another run is than the first one; None where that would divide by 0."""
    better, worse = (run.figures.get(figure.key, math.nan) for run in (first, other))
    if figure.better == "more":
        better, worse = worse, better
    return better / worse if worse and math.isfinite(better) and math.isfinite(worse) else None


def best(figure: Figure, runs: Sequence[Run]) -> set[int]:
    """Which runs are the best; none if there is nothing to choose."""
    if figure.of_same_work and len({run.result.total_tokens for run in runs}) > 1:
        return set()
    values = [run.figures.get(figure.key, math.nan) for run in runs]
    known = [value for value in values if math.isfinite(value)]
    if not known or len(runs) < 2:
        return set()
    # What reads the same is equally good.
    wanted = figure.write(max(known) if figure.better == "more" else min(known))
    chosen = {index for index, value in enumerate(values) if figure.write(value) == wanted}
    return chosen if len(chosen) < len(runs) else set()


def described(values: Float64Array) -> dict[str, float]:
    """Count, mean, standard deviation (of the population), extremes and percentiles; NaN without any value."""
    values = values[np.isfinite(values)]
    told = distribution(values, PERCENTILES)
    percentiles = {
        f"p{percentile}": value for percentile, value in zip(PERCENTILES, told.percentiles.values(), strict=True)
    }
    figures = {"mean": told.mean, "std": told.std, "min": told.min, **percentiles, "max": told.max}
    return {"count": float(told.count)} | (figures if told.count else dict.fromkeys(figures, math.nan))


def as_json(run: Run) -> dict[str, Any]:
    """The settings and the figures of a run; null for what is not known."""
    return {
        "name": run.name,
        "settings": plain(run.result.settings),
        "finished": run.result.finished,
        "rejected": run.result.rejected,
        "aborted": run.result.aborted,
        "unfinished": run.result.unfinished,
        "not_sent": run.result.not_sent,
        "end_reason": run.result.end_reason.name.lower(),
        "queue_grows": queue_grows(run.result),
        "metrics": {key: _known(value) for key, value in run.figures.items()},
        "distributions": {
            key: {name: _known(value) for name, value in described(values).items()}
            for key, values in run.values.items()
        },
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _figures(result: Result, values: dict[str, Float64Array]) -> dict[str, float]:
    metrics = result.metrics()
    told: dict[str, float] = {
        "request_throughput": result.finished / result.total_time if result.total_time else 0.0,
        "throughput": result.throughput,
    }
    for key, latency in values.items():
        for name, value in described(latency).items():
            if name != "count":
                told[f"{name}_{key}"] = value
    return told | {
        "gpu_utilization": metrics["gpu_utilization"],
        "wasted_slot_share": result.load().wasted_slot_share,
        "preemptions": float(result.total_preemptions),
        "total_time": result.total_time,
    }
