"""The page of a calibration: it carries everything it needs, so that it opens anywhere without a network."""

import base64
import io
from html import escape
from pathlib import Path
from typing import Final

from batching._calibration.calibration import Calibration
from batching._columns.display import Table
from batching._columns.files import whole_file
from batching._engine.described import described
from batching._output.plot import plot_calibration
from batching._version import __version__

_STYLE: Final = (
    "body{font-family:system-ui,sans-serif;color:#222;max-width:75rem;margin:2rem auto;padding:0 1rem;line-height:1.45}"
    "table{border-collapse:collapse;margin:1rem 0}caption{text-align:left;font-weight:bold;padding:.3rem 0}"
    "th,td{padding:.15rem .8rem;border-bottom:1px solid #ddd;white-space:pre}img{max-width:100%}"
    ".table{overflow-x:auto}"
    # A telephone: whole tables, without a step to the side.
    "@media(max-width:34rem){body{margin:1rem auto}h1{font-size:1.3rem}"
    "table{font-size:min(.75rem,2.6vw)}th,td{padding:.15rem .25rem}}"
)


def write_calibration_report(path: Path, run: Path, found: Calibration) -> None:
    """Write the page."""
    picture = io.BytesIO()
    plot_calibration(found).savefig(picture, format="png")
    image = base64.b64encode(picture.getvalue()).decode()
    what = " on ".join(part for part in (found.model, found.gpu) if part)
    tables = [found.errors._table(), *([] if found.errors_of_others is None else [found.errors_of_others._table()])]
    page = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Calibration on {escape(run.name)}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>Calibration on {escape(run.name)}{escape(f': {what}' if what else '')}</h1>",
        f"<p>{escape(described(found.config._settings()))}</p>",
        *(f"<p>{escape(note)}</p>" for note in found.notes),
        *(_framed(table) for table in tables),
        f'<img alt="Latencies and load, simulated against measured" src="data:image/png;base64,{image}">',
        _framed(found.coefficients()),
        f"<p>Batching {escape(__version__)}</p></body></html>",
    ]
    with whole_file(path) as file:
        file.write("\n".join(page).encode() + b"\n")


def _framed(table: Table) -> str:
    """One that is too wide moves, and not the page."""
    return f'<div class="table">{table.html()}</div>'
