"""`batching trace info`: what a trace file holds."""

import json as json_text
import math
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
from batching._ffi.calls import Float64Array

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
    """Show the rows of a trace, how its requests arrive, how long they are, and what of their prompts they share; of
    conversations also how many turns they have, and how long after an answer the next one comes.
    """
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
        if told["sessions"] is not None:
            rows += _session_rows(told)
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
        "arrivals": _arrivals(workload.requests.arrival_time),
        **_sessions(requests),
        "prompt_length": _lengths(requests.prompt_length),
        "output_length": _lengths(requests.output_length),
        "prefixes": _prefixes(requests),
    }


def _arrivals(arrivals: Float64Array | None, name: str = "requests") -> dict[str, float | None]:
    """How requests, or sessions, arrive."""
    ordered = np.zeros(0) if arrivals is None else np.sort(arrivals)
    if len(ordered) == 0 or ordered[0] == ordered[-1]:
        return {"span": 0.0, f"{name}_per_second": None, "gap_cv": None}
    span = float(ordered[-1] - ordered[0])
    # Whole nanoseconds, so that equal gaps are equal.
    gaps = np.diff(nanoseconds(ordered)) / 1e9
    return {"span": span, f"{name}_per_second": len(ordered) / span, "gap_cv": float(gaps.std() / gaps.mean())}


def _sessions(requests: RequestColumns) -> dict[str, Any]:
    """How sessions arrive, which is how their first turns do; how many turns they have, and of the later ones the
    delays.
    """
    session = requests.session
    if session is None:
        return dict.fromkeys(("sessions", "session_arrivals", "turns", "delay"))
    _, firsts, turns = np.unique(session, return_index=True, return_counts=True)
    later = np.ones(len(session), np.bool_)
    later[firsts] = False
    return {
        "sessions": len(firsts),
        "session_arrivals": _arrivals(
            None if requests.arrival_time is None else requests.arrival_time[firsts], "sessions"
        ),
        "turns": _known(described(turns.astype(np.float64))),
        "delay": None if requests.delay is None else _known(described(requests.delay[later])),
    }


def _known(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _session_rows(told: dict[str, Any]) -> list[tuple[str, str]]:
    arrivals, turns, delay = told["session_arrivals"], told["turns"], told["delay"]
    rows = [("sessions", count(told["sessions"]))]
    if arrivals["sessions_per_second"] is not None:
        rows += [
            ("arrivals of sessions", f"{rate(arrivals['sessions_per_second'])} sessions/s"),
            ("CV of the gaps between sessions", rate(arrivals["gap_cv"])),
        ]
    if told["sessions"]:
        rows.append(("turns of a session, mean and most", f"{rate(turns['mean'])}, {count(turns['max'])}"))
    if delay is not None and delay["count"]:
        figures = ", ".join(seconds(delay[figure]) for figure in ("mean", "p50", "max"))
        rows.append(("delay after an answer, mean, p50 and longest", figures))
    return rows


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
