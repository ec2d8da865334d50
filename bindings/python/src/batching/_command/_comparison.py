"""Both simulators on one workload, with their metrics, and the picture of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from batching._command._workload import WorkloadSource
from batching._metrics import BatchMetrics
from batching._plot import plot_comparison
from batching._simulators import SimulationResult, simulate_continuous, simulate_static


@dataclass(frozen=True)
class Comparison:
    """Two runs of the same requests."""

    workload: WorkloadSource
    static: SimulationResult
    static_metrics: BatchMetrics
    continuous: SimulationResult
    continuous_metrics: BatchMetrics


def simulate(
    workload: WorkloadSource, batch_size: int, time_per_token: float, progress: Callable[[int, int], None]
) -> Comparison:
    """Run both simulators and measure what they did."""
    static = simulate_static(workload.requests, batch_size, time_per_token)
    progress(1, 4)
    static_metrics = static.metrics()
    progress(2, 4)
    continuous = simulate_continuous(workload.requests, batch_size, time_per_token)
    progress(3, 4)
    return Comparison(workload, static, static_metrics, continuous, continuous.metrics())


def draw(comparison: Comparison, path: Path) -> None:
    """Write the picture; its form is that of the suffix."""
    figure = plot_comparison(comparison.static, comparison.continuous)
    figure.savefig(path, format=path.suffix[1:].lower())
