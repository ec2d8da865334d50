"""`batching metrics`: a recorded run, measured as a benchmark tool would."""

import json as json_text
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from batching._columns.display import counted
from batching._command import options
from batching._command.errors import one_sentence_errors
from batching._command.progress import long_work
from batching._command.tables import console, say, show
from batching._ffi.errors import BatchingValueError
from batching._metrics.serving import Convention, PercentileMethod, ServingMetrics, measure
from batching._traces.formats.rows import FAILED
from batching._traces.read import read_runs, read_trace
from batching._traces.trace import Trace

_EXAMPLES: Final = """Examples:

\b
  batching metrics results.json --slo-ttft 0.5 --slo-tpot 0.03
  batching metrics sglang.jsonl --convention sglang --percentiles 50,99,99.9
  batching metrics run.csv --percentile-method nearest --json"""


def metrics(  # noqa: PLR0917  (options, which are not passed by position)
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A recorded run: vLLM's bench serve with --save-detailed, SGLang's bench_serving with "
            "--output-details, inference-perf, GuideLLM, AIPerf, GenAI-Perf, a measured run of LLMServingSim, "
            "OpenTelemetry's spans of model calls, or a table with named columns; - for standard input.",
        ),
    ],
    convention: Annotated[
        str, typer.Option(metavar="NAME", help="Whose definitions hold: vllm, sglang or aiperf.")
    ] = "vllm",
    percentiles: Annotated[str, typer.Option(metavar="P,...", help="Which, from 0 to 100.")] = "50,90,95,99",
    percentile_method: Annotated[str, typer.Option(metavar="NAME", help="linear, inverse_cdf or nearest.")] = "linear",
    duration: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds that the run took, if not as the file has it.")
    ] = None,
    run: options.Run = None,
    slo_ttft: options.SLOTTFT = None,
    slo_tpot: options.SLOTPOT = None,
    slo_itl: options.SLOITL = None,
    slo_e2e: options.SLOE2E = None,
    *,
    json: options.Json = False,
) -> None:
    """Measure a recorded run: TTFT, TPOT, ITL, E2E, throughput, goodput."""
    with one_sentence_errors():
        with long_work() as work, work.step(f"reading {file.name}") as progress:
            traces = (
                read_runs(file, progress=progress) if run is None else [read_trace(file, progress=progress, run=run)]
            )
        if duration is not None and len(traces) > 1:
            raise BatchingValueError(f"--duration is given, but {file} has {len(traces)} runs: say which with --run")
        objectives = options.objectives(slo_ttft, slo_tpot, slo_itl, slo_e2e)
        measured = []
        for trace in traces:
            if trace.recorded is None:
                raise BatchingValueError(
                    f"{file} is a trace ({trace.format}) that tells when requests arrived, not when they were "
                    "answered: `batching simulate --trace` runs it"
                )
            if slo_itl is not None and trace.recorded.token_times is None:
                raise BatchingValueError(f"--slo-itl is given, but {file} has no times of single tokens")
            measured.append(
                measure(
                    trace.recorded,
                    convention=cast(Convention, convention),
                    percentiles=_percentiles(percentiles),
                    percentile_method=cast(PercentileMethod, percentile_method),
                    duration=duration,
                    slo=objectives,
                )
            )
        if json:
            told = [
                {"format": trace.format, "skipped_rows": dict(trace.skipped)} | metrics.to_dict()
                for trace, metrics in zip(traces, measured, strict=True)
            ]
            whole: dict[str, Any] = {"file": str(file)} | (told[0] if len(told) == 1 else {"runs": told})
            print(json_text.dumps(whole, indent=2, allow_nan=False))
            return
        for number, (trace, metrics) in enumerate(zip(traces, measured, strict=True)):
            if number:
                print()
            _print(str(file) if len(traces) == 1 else f"{file}, run {number}", trace, metrics)


def _print(name: str, trace: Trace, metrics: ServingMetrics) -> None:
    out = console()
    say(out, f"{name}: {trace.format}, {counted(metrics.completed + metrics.failed, 'request')}")
    for reason, number in trace.skipped.items():
        if reason != FAILED:
            say(out, f"Not used: {counted(number, 'row')} ({reason})")
    for table in metrics.tables():
        out.print()
        show(out, table, table.title)
    if not metrics.itl.count:
        say(out, "The times of single tokens are not in the file, so that there is no ITL.")


metrics.__doc__ = f"{cleandoc(metrics.__doc__ or '')}\n\n{_EXAMPLES}"


def _percentiles(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise BatchingValueError(f"--percentiles is {text!r}: must be numbers with commas between them") from None
