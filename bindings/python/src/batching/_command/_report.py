"""What the command prints: a table to read, or JSON."""

import json
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from batching._command._comparison import Comparison
from batching._command._workload import WorkloadSource
from batching._simulators import SimulationResult


class Row(NamedTuple):
    """One line of the table."""

    label: str
    key: str
    write: Callable[[float], str]
    better: Literal["more", "less"]


def _seconds(value: float) -> str:
    return f"{value:,.3f} s"


ROWS: Final = (
    Row("Throughput", "throughput", lambda value: f"{value:,.1f} tokens/s", "more"),
    Row("Mean latency", "avg_latency", _seconds, "less"),
    Row("p50 latency", "p50_latency", _seconds, "less"),
    Row("p95 latency", "p95_latency", _seconds, "less"),
    Row("p99 latency", "p99_latency", _seconds, "less"),
    Row("Mean queue time", "avg_queue_time", _seconds, "less"),
    Row("Mean time to first token", "avg_time_to_first_token", _seconds, "less"),
    Row("GPU utilization", "gpu_utilization", lambda value: f"{value:.1%}", "more"),
    Row("Total time", "total_time", _seconds, "less"),
)


def as_json(comparison: Comparison) -> str:
    """Everything the table shows, and everything it rounds."""
    static, continuous = _figures(comparison)
    workload = comparison.workload
    return json.dumps(
        {
            "workload": {
                "origin": workload.origin,
                "requests": len(workload.requests),
                "requests_per_second": workload.rate(),
                "mean_prompt_length": workload.mean_prompt_length(),
                "mean_output_length": workload.mean_output_length(),
                "skipped_rows": dict(workload.skipped),
            },
            "batch_size": comparison.static.batch_size,
            "time_per_token": comparison.static.time_per_token,
            "static": static,
            "continuous": continuous,
            "improvement": {row.key: _improvement(row, static, continuous) for row in ROWS},
        },
        indent=2,
    )


def as_table(comparison: Comparison) -> None:
    """Print the workload, then both strategies side by side and how many times better the second is."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(_workload_line(comparison), markup=False)
    for reason, count in comparison.workload.skipped.items():
        console.print(f"Not used: {count:,} rows ({reason})", markup=False)
    console.print()
    static, continuous = _figures(comparison)
    table = Table(title=_title(comparison), title_justify="left", title_style="bold")
    table.add_column("")
    for heading in ("static", "continuous", "improvement"):
        table.add_column(heading, justify="right")
    for row in ROWS:
        factor = _improvement(row, static, continuous)
        table.add_row(
            row.label,
            row.write(static[row.key]),
            row.write(continuous[row.key]),
            "-" if factor is None else f"{factor:,.2f}x",
        )
    console.print(table)
    for run in (comparison.static, comparison.continuous):
        if _falls_behind(run, comparison.workload):
            console.print(
                f"{run.strategy.capitalize()} batching does not keep up with these arrivals: its queue, and with it "
                "its latency, grows as long as the run lasts."
            )


def _falls_behind(run: SimulationResult, workload: WorkloadSource) -> bool:
    """Whether the run took so much longer than the arrivals that it cannot be the last requests alone."""
    rate = workload.rate()
    return rate is not None and run.throughput < 0.9 * rate * workload.mean_output_length()


def _workload_line(comparison: Comparison) -> str:
    workload = comparison.workload
    rate = workload.rate()
    arrivals = "all at once" if rate is None else f"{rate:,.2f} requests/s"
    return (
        f"Workload: {len(workload.requests):,} requests, {arrivals}, mean prompt {workload.mean_prompt_length():,.1f} "
        f"tokens, mean output {workload.mean_output_length():,.1f} tokens; {workload.origin}"
    )


def _title(comparison: Comparison) -> str:
    return f"Batch size {comparison.static.batch_size:,}, {comparison.static.time_per_token:g} s per token"


def _figures(comparison: Comparison) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {**comparison.static_metrics, "total_time": comparison.static.total_time},
        {**comparison.continuous_metrics, "total_time": comparison.continuous.total_time},
    )


def _improvement(row: Row, static: dict[str, Any], continuous: dict[str, Any]) -> float | None:
    """How many times better continuous batching is; None where that would divide by 0."""
    better, worse = static[row.key], continuous[row.key]
    if row.better == "more":
        better, worse = worse, better
    return better / worse if worse else None
