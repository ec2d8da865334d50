"""The page of the manual that says how far simulated times are from measured ones."""

from collections.abc import Sequence
from typing import Final

from batching import ClosedLoopCalibration

from bars import Bar
from ladder import Ladder
from ladder_page import ladder_parts
from loops import LoopErrors
from measured_runs import MeasuredRun
from peers import PEERS
from runs import FIGURES, LATENCIES, RunErrors
from tables import table

_HEAD: Final = """# Fidelity

How far simulated times are from measured ones. `make fidelity` writes this page, from measured runs (`BATCHING_DATA`,
folders `times` and `fleets`); the same library and data give the same page. Errors are simulated / measured - 1. No
constant was tuned on what it is tested on: each row says whether the requests that it compares are those that it was
fitted to ("in sample").

What a model must know: *names only* is `RooflineTime.for_deployment` with medians over measured kernels
([Iteration times](guide/times.md)), the same for all GPUs of a kind of memory; a *table* is measured kernels of this
model on this GPU, and no time of a server; *calibrated* is `calibrate` on the log of the run, with or without the
names of model and GPU. The engine's limits and the KV blocks are the server's, where a row does not say otherwise."""

_RUNS: Final = """## Runs with the times of each request

Two runs of vLLM 0.19.0 with Llama-3.1-8B in bf16: 300 requests of ShareGPT at 10 requests/s, prefix caching,
asynchronous scheduling ([LLMServingSim](https://github.com/casys-kaist/LLMServingSim), bench/examples, MIT). Each
cell has mean / p50 / p90 / p99, in percent. Running and waiting are the mean absolute error in requests, over the
seconds at which the server told them, of the whole run; so are duration and throughput. Where half of a run is looked
at, what was asked (arrivals, lengths, hash ids) is given of all of it, and what happened of that half alone. A row is
marked ▼ with the number of its twelve figures in which LLMServingSim's own simulation of the run, over its kernels
profiled on the same GPU, is nearer."""

_LOOPS: Final = """## Closed loops with their means

Llama-3.1-70B with fp8 weights over vLLM on H100 and H200: InferenceMAX of 2025-10-29, as
[aiconfigurator](https://github.com/ai-dynamo/aiconfigurator) has it (systems/silicon_sample.csv, Apache-2.0).
Lengths, concurrency and tensor parallelism vary; KV memory is nine tenths of the GPU's less weights and 4 GB, and in
bf16, as the server's command lets expect. Absolute errors, over the rows."""

_REMARKS: Final = """- Nothing of H200 is in what was fitted on H100.
- Rows of H200 with one GPU and high concurrency have several times the measured TTFT: the measured server had room
  for twice the KV, which says that it kept it in fp8. They are in all figures here, and are why means of TTFT are so
  far above medians.
- TPOT takes a step between 16 and 32 sequences, where the fp8 kernels change, that no roofline has: it is 11 to 15%
  low there."""

_UNVALIDATED: Final = """## What is not validated

- Per-request times are compared on two GPUs, one model, one version of vLLM and one pattern of arrivals. The second
  half of a run has requests like those of the first: a calibration is not tested on other lengths or rates than it
  was made on.
- Mixtures of experts, MLA, sliding windows, int8, int4 and fp4 weights, KV in fp8, and tensor parallelism over PCIe:
  the models have them, and no measured run of them is compared.
- Logs that are cut off: with the first half of the requests alone, and nothing of those that came after and shared
  their batches, a calibration is up to 6% off on these runs. Give all requests.
- ITL: the runs have no times of single tokens. What HTTP, tokenisation and a client add: the times are the engine's.
- Fleets: one measured ladder, of means; no log of a fleet tells which replica had which request.
- Schedulers other than vLLM's, speculative decoding, disaggregated prefill, pipeline and expert parallelism.
- GPUs that slow down as they get hot within minutes: a calibration has one set of coefficients.
- A wrong num_gpu_blocks: where KV memory is full, 2% of it make percentiles up to 8% wrong. The row "also for the KV
  blocks" shows what names alone make of it."""


def page(
    bars: Sequence[Bar],
    runs: Sequence[tuple[MeasuredRun, list[RunErrors]]],
    loops: Sequence[LoopErrors],
    found: ClosedLoopCalibration,
    ladder: Ladder | None,
) -> str:
    """In Markdown."""
    parts = [_HEAD, "## What is to be reached", _bars(bars), _RUNS]
    for run, rows in runs:
        parts += [f"### {run.files.name}", _run(run, rows)]
    parts += [_LOOPS, _loops(loops), "What was fitted, and how much the rows say of it, from 0 to 1:", _fitted(found)]
    parts.append(_REMARKS)
    if ladder is not None:
        parts += ladder_parts(ladder)
    parts += ["## What others say of their errors", _peers(), _UNVALIDATED]
    return "\n\n".join(parts) + "\n"


def _bars(bars: Sequence[Bar]) -> str:
    return table(
        ("what", "to reach", "found", ""),
        [(bar.what, bar.wanted, bar.got, "reached" if bar.reached else "**not reached**") for bar in bars],
    )


def _run(run: MeasuredRun, rows: Sequence[RunErrors]) -> str:
    headings = ("model", "in sample?", *(latency.upper() for latency in LATENCIES))
    headings += ("duration", "throughput", "running", "waiting", "cached tokens", "than LLMServingSim")
    lines = []
    for row in rows:
        worse = len(row.worse_than(run.peer))
        lines.append(
            [
                row.model,
                row.sample,
                *(_cell(row.latencies[latency]) for latency in LATENCIES),
                f"{row.duration:+.1%}",
                f"{row.throughput:+.1%}",
                f"{row.running:.1f}",
                f"{row.waiting:.1f}",
                f"{row.cached_tokens:,}",
                f"▼ worse in {worse}" if worse else "no worse",
            ]
        )
    peer = ["*LLMServingSim 2, as published*", "no", *(_cell(run.peer[latency]) for latency in LATENCIES)]
    return table(headings, [*lines, [*peer, *[""] * 6]])


def _cell(errors: dict[str, float]) -> str:
    return " / ".join(f"{100 * errors[figure]:+.1f}" for figure in FIGURES)


def _loops(loops: Sequence[LoopErrors]) -> str:
    headings = ("GPU", "model", "in sample?", "rows", "TPOT mean", "median", "bias", "TTFT mean", "median", "bias")
    rows = [
        (
            row.gpu,
            row.model,
            row.sample,
            str(row.rows),
            *(f"{value:.1%}" for value in (row.tpot_mean, row.tpot_median)),
            f"{row.tpot_bias:+.1%}",
            *(f"{value:.1%}" for value in (row.ttft_mean, row.ttft_median)),
            f"{row.ttft_bias:+.1%}",
        )
        for row in loops
    ]
    return table(headings, rows)


def _fitted(found: ClosedLoopCalibration) -> str:
    rows = [(f"`{name}`", f"x {value:.3f}", f"{found.told[name]:.2f}") for name, value in found.factors.items()]
    rows += [(f"`{name}`", f"{1e3 * value:.2f} ms", f"{found.told[name]:.2f}") for name, value in found.seconds.items()]
    return table(("", "found", "told"), rows)


def _peers() -> str:
    return table(("simulator", "must know", "errors", "where that stands"), PEERS)
