"""The tables that the command prints and that its report shows."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from batching._command._queue_growth import queue_grows
from batching._command._runs import FIGURES, Run, best, described, improvement
from batching._command._workload import WorkloadSource
from batching._display import Table, count, seconds
from batching._timeline import LATENCIES

_BEST: Final = "*"
_WIDTH: Final = 240


def console() -> Console:
    """Standard output; lines are as long as they are, and into a file or a pipe tables are not broken either."""
    out = Console(highlight=False, soft_wrap=True)
    if not out.is_terminal:
        out.width = max(out.width, _WIDTH)
    return out


def comparison(runs: Sequence[Run]) -> Table:
    """One column a run, the best of each line marked, and how many times better it is than the first run."""
    several = len(runs) > 1
    rows = []
    for figure in FIGURES:
        chosen = best(figure, runs)
        cells = [
            figure.write(run.figures[figure.key]) + ((" " + _BEST if index in chosen else "  ") if several else "")
            for index, run in enumerate(runs)
        ]
        if several:
            factors = [improvement(figure, runs[0], runs[index]) for index in sorted(chosen)][:1]
            cells.append("-" if not factors or factors[0] is None else f"{factors[0]:,.2f}x")
        rows.append([figure.label, *cells])
    headings = ["", *(run.name for run in runs), *([f"best / {runs[0].name}"] if several else [])]
    return Table("", headings, rows)


def distributions(run: Run) -> Table:
    """One line a latency."""
    headings = ["", "requests", "mean", "std", "min", "p50", "p90", "p95", "p99", "max"]
    rows = []
    for key, (name, _) in LATENCIES.items():
        told = described(run.values[key])
        rows.append([name, count(told.pop("count")), *(seconds(value) for value in told.values())])
    return Table("", headings, rows)


def workload_lines(workload: WorkloadSource) -> list[str]:
    """The workload in a sentence, and what of it could not be used."""
    rate = workload.rate()
    arrivals = "all at once" if rate is None else f"{rate:,.2f} requests/s"
    told = (
        f"Workload: {len(workload.requests):,} requests, {arrivals}, mean prompt {workload.mean_prompt_length():,.1f} "
        f"tokens, mean output {workload.mean_output_length():,.1f} tokens; {workload.origin}"
    )
    lines = [told]
    lines += [f"Not used: {number:,} rows ({reason})" for reason, number in workload.skipped.items()]
    return lines


def remarks(runs: Sequence[Run]) -> list[str]:
    """What a reader of the figures must know about single runs."""
    lines = []
    for run in runs:
        result = run.result
        if queue_grows(result):
            lines.append(
                f"{run.name} does not keep up with these arrivals: its queue, and with it its latency, grows as long "
                "as requests arrive."
            )
        unsent = int(np.count_nonzero(~result.was_sent()))
        ended = f"(ended by {result.end_reason.name.lower().replace('_', ' ')})"
        failed = "are in none of the latencies, and count as failed in a goodput"
        for number, what in (
            (result.rejected, f"were rejected, {failed}"),
            (result.unfinished - unsent, f"did not finish {ended}, {failed}"),
            (unsent, f"had not arrived when the run ended {ended}, and are in none of the figures"),
        ):
            if number:
                lines.append(f"{run.name}: {number:,} requests {what}.")
    return lines


def show(out: Console, table: Table, title: str) -> None:
    """Print a table; the best figures, which have their mark, in bold green."""
    printed = RichTable(title=Text(title), title_justify="left", title_style="bold")
    for position, heading in enumerate(table.headings):
        printed.add_column(Text(heading), justify="right" if position else "left")
    for row in table.rows:
        printed.add_row(*(Text(cell, "bold green" if cell.endswith(_BEST) else "") for cell in row))
    out.print(printed)
