"""Simulates a measured run with each model of the iteration time, and says how far off it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from batching import Calibration, EngineConfig, Result, RooflineTime, TableTime, calibrate, deployment_memory, simulate

from measured_runs import MODEL, Float64Array, MeasuredRun

LATENCIES = ("ttft", "tpot", "e2e")
FIGURES = ("mean", "p50", "p90", "p99")
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class RunErrors:
    """How far a simulation is from a run: simulated / measured - 1, unless it says otherwise."""

    model: str
    sample: str
    """Whether the requests that are compared are those that it was fitted to."""
    kind: str
    """names, table, whole or half."""
    requests: int
    latencies: dict[str, dict[str, float]]
    duration: float
    throughput: float
    running: float
    """Requests: the mean absolute error."""
    waiting: float
    cached_tokens: int

    @property
    def worst_mean(self) -> float:
        """Of the means."""
        return max(abs(self.latencies[latency]["mean"]) for latency in LATENCIES)

    @property
    def worst_percentile(self) -> float:
        """Of the percentiles."""
        return max(abs(self.latencies[latency][figure]) for latency in LATENCIES for figure in FIGURES[1:])

    def worse_than(self, peer: dict[str, dict[str, float]]) -> list[str]:
        """In which figures a peer's simulation is nearer."""
        return [
            f"{latency.upper()} {figure}"
            for latency in LATENCIES
            for figure in FIGURES
            if abs(self.latencies[latency][figure]) > abs(peer[latency][figure])
        ]


def figures_of(
    arrival: Float64Array, first: Float64Array, end: Float64Array, output: npt.NDArray[np.int32]
) -> dict[str, dict[str, float]]:
    """Means and percentiles of the latencies, in seconds."""
    several = output > 1
    samples = {"ttft": first - arrival, "tpot": (end - first)[several] / (output[several] - 1), "e2e": end - arrival}
    return {
        name: dict(zip(FIGURES, (float(np.mean(values)), *np.percentile(values, PERCENTILES).tolist()), strict=True))
        for name, values in samples.items()
    }


def compared(  # noqa: PLR0917
    run: MeasuredRun,
    result: Result,
    chosen: npt.NDArray[np.bool_],
    model: str,
    sample: str,
    kind: str,
    client_delay: float = 0.0,
) -> RunErrors:
    """Latencies of some of the requests, as a client has them; the rest is of the whole run."""
    arrival, output = run.arrival[chosen], run.output_length[chosen]
    measured = figures_of(arrival, run.first_token[chosen], run.end[chosen], output)
    first, end = (column[chosen] + client_delay for column in (result.first_token_time, result.end_time))
    simulated = figures_of(arrival, first, end, output)
    duration = (result.total_time + client_delay) / float(run.end.max()) - 1
    log = result.iteration_log
    assert log is not None, "it is kept"  # noqa: S101
    at = np.clip(np.searchsorted(log.start_time, run.series_time + run.series_shift, "right") - 1, 0, len(log) - 1)
    # After the last iteration, nothing runs.
    is_over = run.series_time + run.series_shift >= result.total_time
    load = {name: np.where(is_over, 0, getattr(log, name)[at]) for name in ("running", "waiting")}
    off = {name: float(np.abs(values - run.series[name]).mean()) for name, values in load.items()}
    return RunErrors(
        model=model,
        sample=sample,
        kind=kind,
        requests=int(chosen.sum()),
        latencies={
            name: {figure: simulated[name][figure] / measured[name][figure] - 1 for figure in FIGURES}
            for name in LATENCIES
        },
        duration=duration,
        throughput=1 / (1 + duration) - 1,
        running=off["running"],
        waiting=off["waiting"],
        cached_tokens=int(result.prefix_cached_tokens.sum()),
    )


def rows_of(folder: Path, run: MeasuredRun) -> Iterator[RunErrors]:
    """Every model, from the one that knows least."""
    everything = np.ones(len(run), np.bool_)

    def simulated(config: EngineConfig, model: str, kind: str) -> RunErrors:
        result = simulate(run.requests, config, log_iterations=True)
        return compared(run, result, everything, model, "no", kind)

    names = RooflineTime.for_deployment(MODEL, run.files.gpu)
    yield simulated(run.config.replace(iteration_time=names), "names only", "names")
    blocks = deployment_memory(MODEL, run.files.gpu, max_num_seqs=run.files.max_num_seqs).num_gpu_blocks
    config = run.config.replace(iteration_time=names, num_gpu_blocks=blocks)
    yield simulated(config, f"names only, also for the KV blocks ({blocks:,} for {run.files.num_gpu_blocks:,})", "more")
    for origin, table in _tables(folder / "steps", run):
        yield simulated(run.config.replace(iteration_time=table), f"table of {origin}", "table")
    for known in (False, True):
        yield from _calibrated(run, known=known)


def _tables(folder: Path, run: MeasuredRun) -> Iterator[tuple[str, TableTime]]:
    own = folder / f"llmservingsim_{run.files.gpu_in_tables}_llama31_8b_bf16_tp1"
    yield "LLMServingSim's kernels", TableTime.read(own, layers=32)
    if run.files.gpu_in_tables == "RTXPRO6000":
        path = folder / "aiconfigurator_vllm_llama31_8b_bf16_tp1.csv"
        yield "aiconfigurator's kernels", TableTime.read(path, gpu="rtx_pro_6000_server", layers=32)


def _calibrated(run: MeasuredRun, *, known: bool) -> Iterator[RunErrors]:
    """On the whole run; on the first half of its requests; on what had happened when half of them had ended."""
    model, gpu = (MODEL, run.files.gpu) if known else (None, None)
    what = ", model and GPU known" if known else ""
    count = len(run)
    whole = np.ones(count, np.bool_)
    first = np.arange(count) < count // 2
    half = float(np.sort(run.end)[count // 2 - 1])

    def fitted(success: npt.NDArray[np.bool_] | None, until: float | None) -> Calibration:
        log = run.requests, run.recorded(success)
        return calibrate(log, run.config, observed_until=until, model=model, gpu=gpu)

    found = fitted(None, None)
    yield compared(
        run, found.result, whole, f"calibrated on the whole run{what}", "in sample", "whole", found.client_delay
    )
    found = fitted(first, None)
    told = f"calibrated on the first half of the requests{what}"
    yield compared(run, found.result, ~first, told, "no: the second half of the requests", "half", found.client_delay)
    found = fitted(None, half)
    told = f"calibrated on the log until half had ended{what}"
    rest = run.end > half
    seen = int((rest & (run.first_token <= half)).sum())
    sample = f"no: the requests that had not ended; TTFT of {seen} of them in sample"
    yield compared(run, found.result, rest, told, sample, "half", found.client_delay)
