"""The report of `batching compare` and `batching simulate`: one page that needs no network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from batching._columns.files import whole_file
from batching._command.charts import charts
from batching._command.runs import Run
from batching._command.tables import comparison, distributions, remarks, settings_line, workload_lines
from batching._command.workload import WorkloadSource
from batching._output.page import page, settings_of, titled

_TEMPLATE: Final = Path(__file__).with_name("report.html.jinja")


def write_report(path: Path, workload: WorkloadSource, runs: Sequence[Run], iteration_time: str) -> None:
    """Write the page. The same runs give the same bytes."""
    text = report(workload, runs, iteration_time).encode()
    with whole_file(path) as file:
        file.write(text)


def report(workload: WorkloadSource, runs: Sequence[Run], iteration_time: str) -> str:
    """The page, as HTML."""
    return page(
        _TEMPLATE,
        charts(runs),
        title=titled([run.name for run in runs]),
        workload=[*workload_lines(workload, runs), settings_line(runs, iteration_time)],
        by_setting=bool(runs[0].plan.varied),
        settings=settings_of([run.result for run in runs], iteration_time),
        comparison=comparison(runs),
        distributions=[(run.name, distributions(run)) for run in runs],
        remarks=remarks(runs),
    )
