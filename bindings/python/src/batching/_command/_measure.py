"""`batching metrics`: a recorded run, measured as a benchmark tool would."""

import json as json_text
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from batching._command import _options as options
from batching._command._errors import one_sentence_errors
from batching._command._progress import long_work
from batching._command._tables import console, say, show
from batching._display import counted
from batching._errors import BatchingValueError
from batching._serving import Convention, PercentileMethod, measure
from batching._traces import read_trace

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
            "--output-details, a measured run of LLMServingSim, or a table with named columns.",
        ),
    ],
    convention: Annotated[
        str, typer.Option(metavar="NAME", help="Whose definitions hold: vllm, sglang or aiperf.")
    ] = "vllm",
    percentiles: Annotated[str, typer.Option(metavar="P,...", help="Which, from 0 to 100.")] = "50,90,95,99",
    percentile_method: Annotated[str, typer.Option(metavar="NAME", help="linear, inverse_cdf or nearest.")] = "linear",
    duration: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds that the run took, if its client's clock told.")
    ] = None,
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
            trace = read_trace(file, progress=progress)
        if trace.recorded is None:
            raise BatchingValueError(
                f"{file} is a trace ({trace.format}) that tells when requests arrived, not when they were answered: "
                "`batching simulate --trace` runs it"
            )
        measured = measure(
            trace.recorded,
            convention=cast(Convention, convention),
            percentiles=_percentiles(percentiles),
            percentile_method=cast(PercentileMethod, percentile_method),
            duration=duration,
            slo=options.objectives(slo_ttft, slo_tpot, slo_itl, slo_e2e),
        )
        if json:
            told: dict[str, Any] = {"file": str(file), "format": trace.format, "skipped_rows": dict(trace.skipped)}
            print(json_text.dumps(told | measured.to_dict(), indent=2, allow_nan=False))
            return
        out = console()
        say(out, f"{file}: {trace.format}, {counted(len(trace.recorded), 'request')}")
        for reason, number in trace.skipped.items():
            say(out, f"Not used: {counted(number, 'row')} ({reason})")
        for table in measured.tables():
            out.print()
            show(out, table, table.title)
        if not measured.itl.count:
            say(out, "The times of single tokens are not in the file, so that there is no ITL.")


metrics.__doc__ = f"{cleandoc(metrics.__doc__ or '')}\n\n{_EXAMPLES}"


def _percentiles(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise BatchingValueError(f"--percentiles is {text!r}: must be numbers with commas between them") from None
