"""The tables that the command prints and that its report shows."""

import math
import os
import re
import textwrap
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from batching._columns.display import Table, count, counted, seconds
from batching._command.queue_growth import queue_grows
from batching._command.runs import Run, best, described, figures_of, improvement
from batching._command.workload import WorkloadSource
from batching._engine.described import described as settings_described
from batching._engine.result import Result
from batching._ffi.generated.choices import EndReason
from batching._output.captions import shared, workload_caption
from batching._output.timeline import LATENCIES

_BEST: Final = "*"
# Of a request without an answer.
_FAILED: Final = ("counts only as failed in the goodput, in none", "count only as failed in the goodput, in none")
_LEFT_OUT: Final = ("is in none", "are in none")
_FALLS_BEHIND: Final = (
    "does not keep up with these arrivals: its queue, and with it its latency, grows as long as requests arrive."
)
# There the queue of the engine cannot grow beyond the requests in flight.
_CLIENTS_FALL_BEHIND: Final = (
    "does not keep up with these arrivals: ever more requests wait to be sent as long as requests arrive. TTFT and "
    "E2E, which begin when a request is sent, do not tell that."
)
_WIDTH: Final = 240
_NARROW: Final = 16
# Between two columns: a line with room beside it, or only room.
_LINED: Final = 3
_SPACED: Final = 2


class _Output(Console):
    """Rich ends the process with 1 when what reads its output has enough."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Standard output. Into a file or a pipe nothing is broken, unless COLUMNS says how wide it is."""
    out = _Output(highlight=False, soft_wrap=True)
    if not (out.is_terminal or os.environ.get("COLUMNS")):
        out.width = max(out.width, _WIDTH)
    return out


def say(out: Console, line: str) -> None:
    """Print a line; where it does not fit it is broken between words."""
    out.print(Text(line), soft_wrap=not (out.is_terminal or os.environ.get("COLUMNS")))


def comparison(runs: Sequence[Run]) -> Table:
    """The figures of each run, the best ones marked, and how many times better those are than the first run's.

    Runs that differ in their policy alone have a column each. Others have a row each, with the settings in which they
    differ in its first columns.
    """
    several = len(runs) > 1
    figures = figures_of(runs)
    lines = []
    for figure in figures:
        chosen = best(figure, runs)
        cells = [
            figure.write(run.figures.get(figure.key, math.nan))
            + ((" " + _BEST if index in chosen else "  ") if several else "")
            for index, run in enumerate(runs)
        ]
        if several:
            factors = [improvement(figure, runs[0], runs[index]) for index in sorted(chosen)][:1]
            cells.append("-" if not factors or factors[0] is None else f"{factors[0]:,.2f}x")
        lines.append(cells)
    fields = runs[0].plan.varied
    if not fields:
        headings = ["", *(run.name for run in runs), *([f"best / {runs[0].name}"] if several else [])]
        rows = [[figure.label, *cells] for figure, cells in zip(figures, lines, strict=True)]
        return Table("", headings, rows)
    keys = [[*run.plan.varied.values()] for run in runs]
    keys.append(["best / first", *[""] * (len(fields) - 1)])
    rows = [[*key, *(cells[index] for cells in lines)] for index, key in enumerate(keys)]
    return Table("", [*fields, *(figure.label for figure in figures)], rows, keys=len(fields))


def settings_line(runs: Sequence[Run], iteration_time: str) -> str:
    """What is the same in all runs."""
    same: dict[str, Any] = shared([run.result.settings for run in runs])
    if "iteration_time" in same:
        same["iteration_time"] = iteration_time
    line = settings_described(same)
    return f"policy {same['policy']}, {line}" if len(runs) > 1 and "policy" in same else line


def distributions(run: Run) -> Table:
    """One line a latency."""
    headings = ["", "requests", "mean", "std", "min", "p50", "p90", "p95", "p99", "max"]
    rows = []
    for key, values in run.values.items():
        name, _ = LATENCIES[key]
        told = described(values)
        rows.append([name, count(told.pop("count")), *(seconds(value) for value in told.values())])
    return Table("", headings, rows)


def workload_lines(workload: WorkloadSource, runs: Sequence[Run]) -> list[str]:
    """The workload of the runs in a sentence, and what of it could not be used."""
    is_closed = all(run.result._is_closed_loop for run in runs)
    lines = [f"Workload: {workload_caption(workload.requests, is_closed=is_closed)}; {workload.origin}"]
    lines += [f"Not used: {counted(number, 'row')} ({reason})" for reason, number in workload.skipped.items()]
    return lines


def remarks(runs: Sequence[Run]) -> list[str]:
    """What a reader of the figures must know about single runs."""
    lines = []
    for run in runs:
        result = run.result
        if queue_grows(result):
            lines.append(f"{run.name} {_CLIENTS_FALL_BEHIND if result._is_closed_loop else _FALLS_BEHIND}")
        late = int(np.count_nonzero(~result.was_sent())) - result.not_sent
        ended = f"(ended by {result.end_reason.name.lower().replace('_', ' ')})"
        if result.aborted:
            lines.append(
                f"{run.name}: the clients of {counted(result.aborted, 'request')} left before the answer was there."
            )
        for number, (one, many), where in (
            (result.rejected, ("was rejected", "were rejected"), _FAILED),
            (result.unfinished - late, (f"did not finish {ended}",) * 2, _FAILED),
            (late, (f"had not arrived when the run ended {ended}",) * 2, _LEFT_OUT),
            (result.not_sent, _not_sent(result, ended), _LEFT_OUT),
        ):
            if number:
                what, so = (one, where[0]) if number == 1 else (many, where[1])
                lines.append(f"{run.name}: {counted(number, 'request')} {what}, and {so} of the figures.")
    return lines


def _not_sent(result: Result, ended: str) -> tuple[str, str]:
    """Why requests of a closed loop or of sessions were not sent: of one, and of several."""
    if result.end_reason == EndReason.COMPLETED:
        return ("was not sent, since a turn before it failed", "were not sent, since a turn before them failed")
    return (f"had not been sent when the run ended {ended}",) * 2


def show(out: Console, table: Table, title: str, *, dense: bool = False) -> None:
    """Print a table; the best figures, which have their mark, in bold green.

    What is too wide is not cut: headings are broken, and then the table is, into several with the same first columns.
    One that is to be dense first loses its lines, and its names are broken.
    """
    if title:
        say(out, title)
    parts = _fitted(table, out.width)
    if dense and len(parts) > 1:
        parts = _without_lines(table, out.width)
        for part in parts:
            for line in _aligned(part):
                out.print(Text(line))
        return
    for part in parts:
        printed = RichTable(show_header=any(part.headings))
        for position, (heading, width) in enumerate(zip(part.headings, _widths(part), strict=True)):
            side: Literal["left", "right"] = "right" if position else "left"
            printed.add_column(Text(heading), justify=side, no_wrap=True, width=width)
        for row in part.rows:
            printed.add_row(*(Text(cell, "bold green" if cell.endswith(_BEST) else "") for cell in row))
        # Otherwise rich would cut what it takes for too wide.
        printed.width = _width(_widths(part))
        out.print(printed)


def _fitted(table: Table, width: int) -> list[Table]:
    """Parts of a table that are no wider, as far as that can be without cutting a figure."""
    if _width(_widths(table)) <= width:
        return [table]
    cells = [max(map(len, column), default=0) for column in zip(*table.rows, strict=True)] or [0] * len(table.headings)
    headings = [_broken(heading, cell) for heading, cell in zip(table.headings, cells, strict=True)]
    rows = [list(row) for row in table.rows]
    table = Table("", headings, rows, table.keys)
    widest = max(_widths(table)[table.keys :], default=0)
    room = width - _width([*_widths(table)[1 : table.keys], widest]) - 3
    if _widths(table)[0] > room:
        # What stands in front is words, which can be broken.
        rows = [["\n".join(textwrap.wrap(row[0], max(room, _NARROW))), *row[1:]] for row in rows]
        table = Table("", headings, rows, table.keys)
    return _parted(table, width, _LINED)


def _parted(table: Table, width: int, gap: int) -> list[Table]:
    """Parts with as many columns as fit, each with the first ones."""
    widths = _widths(table)
    parts: list[list[int]] = [[]]
    for position in range(table.keys, len(widths)):
        taken = [*range(table.keys), *parts[-1], position]
        if parts[-1] and _width([widths[index] for index in taken], gap) > width:
            parts.append([])
        parts[-1].append(position)
    chosen = [[*range(table.keys), *part] for part in parts]
    return [
        Table("", [table.headings[i] for i in part], [[row[i] for i in part] for row in table.rows], table.keys)
        for part in chosen
    ]


def _without_lines(table: Table, width: int) -> list[Table]:
    """Parts of a table with two spaces between columns: one, unless even broken names do not let it fit."""
    cells = [max(map(len, column), default=0) for column in zip(*table.rows, strict=True)]
    headings = [_broken(heading, cell) for heading, cell in zip(table.headings, cells, strict=True)]
    table = Table("", headings, table.rows, table.keys)
    too_wide = _width(_widths(table), _SPACED) - width
    if too_wide > 0:
        names = [_broken(row[table.keys - 1], max(cells[table.keys - 1] - too_wide, 1)) for row in table.rows]
        keys = range(table.keys - 1)
        rows = [
            [*(row[key] for key in keys), name, *row[table.keys :]] for row, name in zip(table.rows, names, strict=True)
        ]
        table = Table("", headings, rows, table.keys)
    return _parted(table, width, _SPACED)


def _aligned(table: Table) -> list[str]:
    """The lines of a table without lines between its columns: names stand left, figures right, headings low."""
    widths = _widths(table)

    def lines(row: Sequence[str], *, low: bool) -> list[str]:
        cells = [cell.split("\n") for cell in row]
        height = max(map(len, cells))
        padded = [[""] * (height - len(cell)) + cell if low else cell + [""] * (height - len(cell)) for cell in cells]
        return [
            "  ".join(
                parts[line].rjust(width) if position >= table.keys else parts[line].ljust(width)
                for position, (parts, width) in enumerate(zip(padded, widths, strict=True))
            ).rstrip()
            for line in range(height)
        ]

    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return [*lines(table.headings, low=True), rule, *(line for row in table.rows for line in lines(row, low=False))]


def _broken(heading: str, width: int) -> str:
    """A heading in lines no longer than a width, or than its longest word."""
    words = [word for word in re.split(r"(?<=[_=/ -])", heading) if word]
    width = max([width, *(len(word.rstrip()) for word in words)])
    lines = [""]
    for word in words:
        if len((lines[-1] + word).rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def _widths(table: Table) -> list[int]:
    columns = zip(table.headings, *table.rows, strict=True)
    return [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]


def _width(widths: Sequence[int], gap: int = _LINED) -> int:
    """Of a table with what stands between its columns; with lines these are also beside it."""
    return sum(widths) + gap * len(widths) + (1 if gap == _LINED else -gap)
