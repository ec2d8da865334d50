"""`batching trace info`: what a trace file holds."""

import json as json_text
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import typer

from batching._columns.columns import RequestColumns
from batching._columns.display import Table, count, rate, seconds, share
from batching._columns.intervals import nanoseconds
from batching._command import options
from batching._command.errors import OneValue, one_sentence_errors
from batching._command.progress import long_work
from batching._command.runs import described
from batching._command.tables import console, show
from batching._command.workload import WorkloadSource, replayed

_EXAMPLES: Final = """Example:

\b
  batching trace info AzureLLMInferenceTrace_conv.csv.gz"""

trace_application = typer.Typer(help="Look at trace files.", rich_markup_mode=None)


@trace_application.callback()
def _commands() -> None:
    """Keeps `info` a word to type, even while it is the only command."""


def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trace, gzipped or not; - for standard input.")],
    run: options.OneRun = None,
    *,
    json: options.Json = False,
) -> None:
    """Show the rows of a trace, how its requests arrive, how long they are, and what of their prompts they share."""
    with one_sentence_errors():
        with long_work() as work, work.step(f"reading {file.name}") as progress:
            workload = replayed(file, progress, run)
        told = described_trace(workload)
        if json:
            print(json_text.dumps(told, indent=2, allow_nan=False))
            return
        out = console()
        rows = [("format", told["format"]), ("requests", count(told["requests"]))]
        rows += [(f"not used: {reason}", count(number)) for reason, number in told["skipped_rows"].items()]
        arrivals = told["arrivals"]
        if arrivals["requests_per_second"] is None:
            rows.append(("arrivals", "all at once" if told["requests"] else "none"))
        else:
            rows += [
                ("span", seconds(arrivals["span"])),
                ("arrivals", f"{rate(arrivals['requests_per_second'])} requests/s"),
                ("CV of the gaps between arrivals", rate(arrivals["gap_cv"])),
            ]
        prefixes = told["prefixes"]
        if prefixes is not None:
            rows += [
                ("distinct prefix blocks", count(prefixes["distinct_blocks"])),
                ("prefix blocks seen before", share(prefixes["repeated_share"])),
            ]
        show(out, Table("", ("", ""), rows), str(file))
        lengths = [
            [name, *((rate if figure in {"mean", "std"} else count)(told[key][figure]) for figure in _LENGTH_FIGURES)]
            for name, key in (("prompt", "prompt_length"), ("output", "output_length"))
            if told[key] is not None
        ]
        show(out, Table("", ("tokens", *_LENGTH_FIGURES), lengths), "Lengths")


info.__doc__ = f"{cleandoc(info.__doc__ or '')}\n\n{_EXAMPLES}"
trace_application.command("info", cls=OneValue)(info)

_LENGTH_FIGURES: Final = ("mean", "std", "min", "p50", "p90", "p95", "p99", "max")


def described_trace(workload: WorkloadSource) -> dict[str, Any]:
    """What `info` shows: times in seconds, lengths in tokens; null for what the trace does not have."""
    requests = workload.requests
    return {
        "file": workload.origin.removeprefix("replayed from "),
        "format": workload.format,
        "requests": len(requests),
        "skipped_rows": dict(workload.skipped),
        "arrivals": _arrivals(workload),
        "prompt_length": _lengths(requests.prompt_length),
        "output_length": _lengths(requests.output_length),
        "prefixes": _prefixes(requests),
    }


def _arrivals(workload: WorkloadSource) -> dict[str, float | None]:
    arrivals = workload.requests.arrival_time
    rate_told = workload.rate()
    if arrivals is None or rate_told is None:
        return {"span": 0.0, "requests_per_second": None, "gap_cv": None}
    ordered = np.sort(arrivals)
    # Whole nanoseconds, so that equal gaps are equal.
    gaps = np.diff(nanoseconds(ordered)) / 1e9
    return {
        "span": float(ordered[-1] - ordered[0]),
        "requests_per_second": rate_told,
        "gap_cv": float(gaps.std() / gaps.mean()),
    }


def _lengths(column: npt.NDArray[np.int32] | None) -> dict[str, float] | None:
    return None if column is None or len(column) == 0 else described(column.astype(np.float64))


def _prefixes(requests: RequestColumns) -> dict[str, float] | None:
    """Of the hashed blocks of all prompts: how many differ, and the share that an earlier one was the same as."""
    if requests.hash_ids is None or len(requests.hash_ids) == 0:
        return None
    distinct = len(np.unique(requests.hash_ids))
    return {
        "blocks": len(requests.hash_ids),
        "distinct_blocks": distinct,
        "repeated_share": 1 - distinct / len(requests.hash_ids),
    }
