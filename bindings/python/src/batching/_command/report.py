"""The report: one page that carries everything it needs, so that it opens anywhere without a network."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from batching._columns.files import whole_file
from batching._command.charts import charts
from batching._command.runs import Run
from batching._command.tables import comparison, distributions, remarks, settings_line, workload_lines
from batching._command.workload import WorkloadSource
from batching._engine.described import written
from batching._ffi.errors import MissingExtraError
from batching._version import __version__

_TEMPLATE: Final = Path(__file__).with_name("report.html.jinja")


def write_report(path: Path, workload: WorkloadSource, runs: Sequence[Run], iteration_time: str) -> None:
    """Write the page. The same runs give the same bytes."""
    page = report(workload, runs, iteration_time).encode()
    with whole_file(path) as file:
        file.write(page)


def report(workload: WorkloadSource, runs: Sequence[Run], iteration_time: str) -> str:
    """The page, as HTML."""
    try:
        import jinja2  # noqa: PLC0415  (optional)
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise MissingExtraError("a report", (error.name or "plotly").partition(".")[0], "cli") from error
    drawn = charts(runs)
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return page.render(
        title=" against ".join(run.name for run in runs) if len(runs) <= 4 else f"{len(runs)} runs",
        version=__version__,
        workload=[*workload_lines(workload, runs), settings_line(runs, iteration_time)],
        by_setting=bool(runs[0].plan.varied),
        settings=_settings(runs, iteration_time),
        comparison=comparison(runs),
        distributions=[(run.name, distributions(run)) for run in runs],
        remarks=remarks(runs),
        charts=drawn,
        figures=_script_json({chart.id: chart.figure for chart in drawn}),
        plotly=get_plotlyjs(),
    )


def _settings(runs: Sequence[Run], iteration_time: str) -> list[tuple[str, list[str]]]:
    """The settings of each run, defaults included: one line a setting."""
    lines = []
    for name in runs[0].result.settings:
        told = [written(run.result.settings[name], name) for run in runs]
        lines.append((name, [iteration_time] * len(runs) if name == "iteration_time" else told))
    return lines


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
