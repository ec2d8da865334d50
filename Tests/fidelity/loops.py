"""Simulates the measured closed loops: from names only, and with what was fitted to those of one GPU."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from batching import ClosedLoopCalibration, calibrate_closed_loop, simulate_closed_loops

from measured_runs import CLOSED_LOOP_GPUS, CLOSED_LOOP_MODEL, closed_loop_rows


@dataclass(frozen=True)
class LoopErrors:
    """How far the means of closed loops are off: shares of what was measured."""

    gpu: str
    model: str
    sample: str
    rows: int
    tpot_mean: float
    """The mean over the rows of the absolute error."""
    tpot_median: float
    tpot_bias: float
    """The mean over the rows of the error with its sign."""
    ttft_mean: float
    ttft_median: float
    ttft_bias: float
    """The median of the error with its sign."""


def _errors(
    gpu: str, model: str, sample: str, rows: list[dict[str, str]], simulated: list[tuple[float, float]]
) -> LoopErrors:
    measured = np.array([[float(row["mean_ttft_ms"]), float(row["mean_tpot_ms"])] for row in rows])
    ttft, tpot = (1e3 * np.array(simulated) / measured - 1).T
    return LoopErrors(
        gpu=gpu,
        model=model,
        sample=sample,
        rows=len(rows),
        tpot_mean=float(np.abs(tpot).mean()),
        tpot_median=float(np.median(np.abs(tpot))),
        tpot_bias=float(tpot.mean()),
        ttft_mean=float(np.abs(ttft).mean()),
        ttft_median=float(np.median(np.abs(ttft))),
        ttft_bias=float(np.median(ttft)),
    )


def loop_rows(folder: Path) -> tuple[list[LoopErrors], ClosedLoopCalibration]:
    """Names only; fitted on the H100, there and on the H200."""
    rows = {gpu: closed_loop_rows(folder, system) for gpu, system in CLOSED_LOOP_GPUS.items()}
    told = [
        _errors(gpu, "names only", "no", own, simulate_closed_loops(own, CLOSED_LOOP_MODEL, gpu, dtype="fp8"))
        for gpu, own in rows.items()
    ]
    fitted_on, tested_on = rows
    found = calibrate_closed_loop(rows[fitted_on], CLOSED_LOOP_MODEL, fitted_on, dtype="fp8")
    model = f"fitted on {fitted_on}"
    for gpu, sample in ((fitted_on, "in sample"), (tested_on, "no")):
        told.append(_errors(gpu, model, sample, rows[gpu], found.simulated(rows[gpu], gpu)))
    return told, found
