"""What was measured: runs of a server with the times of each request, and closed loops with their means."""

import csv
import gzip
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from batching import EngineConfig, RecordedRequests, RequestColumns

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RunFiles:
    """A run, and what is known of the server that its files do not say."""

    name: str
    gpu: str
    gpu_in_tables: str
    max_num_seqs: int
    num_gpu_blocks: int
    cached_tokens: int
    """Prompt tokens that its prefix cache had."""


# num_gpu_blocks of the second is not recorded. It was never full, so that any number is right from which that follows.
RUNS = (
    RunFiles("RTX4090_Llama-3.1-8B", "RTX-4090", "RTX4090", 256, 2_588, 4_848),
    RunFiles("RTXPRO6000_Llama-3.1-8B", "RTX-PRO-6000-Server", "RTXPRO6000", 128, 36_578, 19_520),
)
MODEL = "Llama-3.1-8B"
CLOSED_LOOP_MODEL = "Llama-3.1-70B"
CLOSED_LOOP_GPUS = {"H100-SXM": "h100_sxm", "H200-SXM": "h200_sxm"}


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A run: seconds since its first arrival."""

    files: RunFiles
    arrival: Float64Array
    scheduled: Float64Array
    first_token: Float64Array
    end: Float64Array
    prompt_length: npt.NDArray[np.int32]
    output_length: npt.NDArray[np.int32]
    hash_ids: list[list[int]]
    series_time: Float64Array
    """When the server told how many requests ran and waited, on a clock of its own."""
    series: dict[str, Float64Array]
    peer: dict[str, dict[str, float]]
    """The errors of LLMServingSim's own simulation of the run: simulated / measured - 1."""

    def __len__(self) -> int:
        return len(self.arrival)

    @cached_property
    def requests(self) -> RequestColumns:
        """What was asked."""
        return RequestColumns(self.output_length, self.prompt_length, self.arrival, hash_ids=self.hash_ids)

    def recorded(self, success: npt.NDArray[np.bool_] | None = None) -> RecordedRequests:
        """What became of it; perhaps as if some were not known to be answered."""
        return RecordedRequests(
            self.end,
            self.output_length,
            arrival_time=self.arrival,
            start_time=self.scheduled,
            first_token_time=self.first_token,
            prompt_length=self.prompt_length,
            success=success,
        )

    @property
    def config(self) -> EngineConfig:
        """How the server was set."""
        return EngineConfig(
            max_num_seqs=self.files.max_num_seqs,
            max_num_batched_tokens=2048,
            num_gpu_blocks=self.files.num_gpu_blocks,
            async_scheduling=True,
            enable_prefix_caching=True,
        )

    @cached_property
    def series_shift(self) -> float:
        """What to add to the clock of the series: such that it agrees best with the log itself."""
        shifts = np.arange(-60, 61) * 0.05

        def distance(shift: float) -> float:
            at = self.series_time + shift
            running = ((self.scheduled[:, None] <= at) & (at < self.end[:, None])).sum(axis=0)
            return float(np.abs(running - self.series["running"]).mean())

        return float(min(shifts, key=distance))


def measured_run(folder: Path, files: RunFiles) -> MeasuredRun:
    """From its files."""
    start = folder / "runs" / files.name
    rows = [json.loads(line) for line in _lines(start, ".requests.jsonl.gz")]
    ids = [json.loads(line)["hash_ids"] for line in _lines(start, ".hash_ids.jsonl.gz")]

    def column(name: str) -> Any:
        return np.array([row[name] for row in rows])

    # Arrivals are of another clock than all else. A request is queued at its arrival or later: the least later is none.
    arrival = column("arrival_time")
    arrival = arrival + (column("queued_ts") - arrival).min()
    begin = arrival.min()
    with start.with_name(start.name + ".timeseries.csv").open(newline="") as file:
        ticks = list(csv.DictReader(file))
    return MeasuredRun(
        files=files,
        arrival=arrival - begin,
        scheduled=column("scheduled_ts") - begin,
        first_token=column("first_token_ts") - begin,
        end=column("last_token_ts") - begin,
        prompt_length=column("input_toks").astype(np.int32),
        output_length=column("output_toks").astype(np.int32),
        hash_ids=ids,
        series_time=np.array([float(tick["t"]) for tick in ticks]),
        series={name: np.array([float(tick[name]) for tick in ticks]) for name in ("running", "waiting")},
        peer=_peer(start.with_name(start.name + ".llmservingsim_error.txt").read_text()),
    )


def _lines(start: Path, suffix: str) -> list[str]:
    with gzip.open(start.with_name(start.name + suffix), "rt") as file:
        return list(file)


def _peer(text: str) -> dict[str, dict[str, float]]:
    """Rows such as "TTFT P90   121121.7    121881.8     +0.6%": measured, simulated."""
    names = {"TTFT": "ttft", "TPOT": "tpot", "Latency": "e2e"}
    figures = {"Mean": "mean", "Median": "p50", "P90": "p90", "P99": "p99"}
    errors: dict[str, dict[str, float]] = {name: {} for name in names.values()}
    for name, figure, measured, simulated in re.findall(r"^(\w+) (\w+) +([\d.]+) +([\d.]+)", text, re.MULTILINE):
        if name in names and figure in figures:
            errors[names[name]][figures[figure]] = float(simulated) / float(measured) - 1
    return errors


def closed_loop_rows(folder: Path, system: str) -> list[dict[str, str]]:
    """The rows of one system."""
    with (folder / "closed_loop" / "llama31_70b_fp8_h100_h200.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["system"] == system]
