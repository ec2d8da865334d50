"""`batching calibrate`: iteration times from a recorded run, into a profile."""

import json as json_text
from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from batching._calibration.calibrate import calibrate
from batching._calibration.calibration import Calibration, CalibrationProgress
from batching._calibration.observed import observed
from batching._columns.display import counted
from batching._command import options
from batching._command.calibration_report import write_calibration_report
from batching._command.errors import one_sentence_errors
from batching._command.hash_ids import with_hash_ids
from batching._command.progress import Report, long_work
from batching._command.settings import plans
from batching._command.tables import console, say, show
from batching._command.times import checked_dtype
from batching._engine.config import EngineConfig
from batching._ffi.errors import BatchingError, BatchingValueError
from batching._output.plot import plot_calibration, write_figure
from batching._traces.read import read_trace
from batching._traces.trace import Trace

_EXAMPLES: Final = """Examples:

\b
  batching calibrate run.jsonl --max-num-seqs 256 --num-gpu-blocks 2588 -o profile.json
  batching calibrate results.json --max-num-seqs 128 --model Llama-3.1-8B --gpu L40S -o profile.json
  batching calibrate run.jsonl --max-num-seqs 256 --half --plot calibration.png"""


@dataclass(frozen=True)
class _Log:
    trace: Trace
    half: float | None
    """The second at which half of its requests had ended."""


def calibrate_run(  # noqa: PLR0917  (options, which are not passed by position)
    file: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="The recorded run: any format that `batching metrics` reads, with arrivals, first tokens and ends.",
        ),
    ],
    max_num_seqs: Annotated[
        int, typer.Option("--max-num-seqs", metavar="N", help="The most requests that the server runs at once.")
    ],
    max_num_batched_tokens: Annotated[
        int | None,
        typer.Option(metavar="N", help="The most tokens in an iteration. Without it: 2048, or --max-num-seqs."),
    ] = None,
    num_gpu_blocks: Annotated[
        int | None,
        typer.Option(
            "--num-gpu-blocks", metavar="N", help="KV blocks of the server, as its log says. Without it: no limit."
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting", metavar="NAME=VALUE", help="Any other field of batching.EngineConfig. May be repeated."
        ),
    ] = None,
    model: options.Model = None,
    gpu: Annotated[
        str | None,
        typer.Option(
            "--gpu",
            metavar="NAME",
            help="What it ran on: one of `batching gpus`. With --model: what the log does not tell stays near what "
            "follows from spec sheets.",
        ),
    ] = None,
    tensor_parallel: options.TensorParallel = None,
    dtype: options.Dtype = None,
    kv_dtype: options.KVDtype = None,
    scheduling: Annotated[
        str,
        typer.Option(metavar="NAME", help="async or sync, or both: both are fitted, and the better is kept."),
    ] = "both",
    seed: Annotated[int, typer.Option(metavar="N", help="Of the random steps of the search.")] = 0,
    simulations: Annotated[
        int | None, typer.Option(metavar="N", help="The most simulations, which bounds the time. Without it: 2,000.")
    ] = None,
    hash_ids: Annotated[
        Path | None,
        typer.Option(
            "--hash-ids",
            metavar="FILE",
            help="JSON lines with the hash_ids of each request of the run, in its order: for its prefix cache.",
        ),
    ] = None,
    run: options.OneRun = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The profile to write: FILE.json.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw simulated against measured latencies and load: FILE.png or FILE.svg."),
    ] = None,
    report: options.Report = None,
    *,
    search_num_gpu_blocks: Annotated[
        bool,
        typer.Option(
            "--search-num-gpu-blocks",
            help="Look for num_gpu_blocks, beginning at --num-gpu-blocks, if the log shows that KV blocks ran out.",
        ),
    ] = False,
    half: Annotated[
        bool,
        typer.Option(
            "--half", help="Look only at what happened until half of the requests had ended, and test on the others."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Fit the times of iterations to a recorded run: such that a simulated run is near it. The settings must be the
    server's.
    """
    with one_sentence_errors():
        options.check_output("--output", output, (".json",))
        options.check_output("--plot", plot, (".png", ".svg"))
        options.check_output("--report", report, (".html",))
        if hash_ids is not None and num_gpu_blocks is None:
            raise BatchingError(
                "--hash-ids is given, but --num-gpu-blocks is not: a prefix cache keeps its blocks there"
            )
        with long_work() as work:
            with work.step(f"reading {file.name}") as progress:
                log = _read(file, run, hash_ids, progress, half=half)
            config = _config(
                {
                    "max_num_seqs": max_num_seqs,
                    "max_num_batched_tokens": max_num_batched_tokens,
                    "num_gpu_blocks": num_gpu_blocks,
                    # A log with hash ids is of a server with a prefix cache, which needs blocks.
                    "enable_prefix_caching": None
                    if num_gpu_blocks is None or log.trace.requests.hash_ids is None
                    else True,
                },
                setting or [],
            )
            with work.step("calibrating") as told:
                found = calibrate(
                    log.trace,
                    config,
                    model=model,
                    gpu=gpu,
                    tensor_parallel=1 if tensor_parallel is None else tensor_parallel,
                    dtype=checked_dtype(dtype, "--dtype"),
                    kv_dtype=checked_dtype(kv_dtype, "--kv-dtype") or "bf16",
                    scheduling=scheduling,
                    search_num_gpu_blocks=search_num_gpu_blocks,
                    seed=seed,
                    simulations=simulations,
                    observed_until=log.half,
                    progress=_telling(told),
                )
            if output is not None:
                found.save(output)
            if plot is not None:
                with work.step("drawing"):
                    write_figure(plot_calibration(found), plot)
            if report is not None:
                with work.step("writing the report"):
                    write_calibration_report(report, file, found)
        if json:
            print(json_text.dumps(found.to_dict(), indent=2, allow_nan=False))
            return
        _print(file, log, found, {"Profile": output, "Picture": plot, "Report": report})


calibrate_run.__doc__ = f"{cleandoc(calibrate_run.__doc__ or '')}\n\n{_EXAMPLES}"


def _read(file: Path, run: int | None, hash_ids: Path | None, progress: Report, *, half: bool) -> _Log:
    trace = read_trace(file, progress=progress, run=run)
    if trace.recorded is None:
        raise BatchingValueError(
            f"{file} is a trace ({trace.format}) that tells when requests arrived, not when they were answered"
        )
    if hash_ids is not None:
        trace = with_hash_ids(trace, hash_ids)
    if not half:
        return _Log(trace, None)
    log = observed(trace)
    ends = np.sort(log.recorded.end_time[log.succeeded])
    if len(ends) < 2:
        raise BatchingValueError(
            f"--half is given, but {file} has {counted(len(ends), 'request')}: must have two halves"
        )
    return _Log(trace, float(ends[(len(ends) - 1) // 2]) + log.shift)


def _config(given: dict[str, Any], settings: list[str]) -> EngineConfig:
    common = {name: value for name, value in given.items() if value is not None}
    (plan, *others) = plans(["vllm"], common, settings)
    if others:
        raise BatchingError("--setting has several values: must have one, the server's")
    named = {name: value for name, value in plan.settings.items() if name in EngineConfig.__dataclass_fields__}
    for name in plan.settings:
        if name not in named:
            raise BatchingError(f"--setting {name} is given: must be a field of EngineConfig")
    return EngineConfig(**named)


def _telling(report: Report) -> Callable[[CalibrationProgress], None]:
    def tell(progress: CalibrationProgress) -> None:
        report(progress.simulations, progress.most)

    return tell


def _print(file: Path, log: _Log, found: Calibration, written: dict[str, Path | None]) -> None:
    out = console()
    say(out, f"{file}: {log.trace.format}, {counted(len(found.requests), 'request')}")
    if log.half is not None:
        say(out, f"Looked at until second {log.half:,.1f}, when half of them had ended.")
    out.print()
    for table in (found.coefficients(), found.errors._table()):
        show(out, table, table.title)
        out.print()
    if found.errors_of_others is not None:
        table = found.errors_of_others._table()
        show(out, table, table.title)
        out.print()
    for note in found.notes:
        say(out, note)
    for name, path in written.items():
        if path is not None:
            say(out, f"{name}: {path}")
