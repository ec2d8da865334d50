"""The page that shows what replicas of fleets did: one file that needs no network."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from batching._columns.files import suffix_of, whole_file
from batching._engine.described import described
from batching._ffi.arguments import shown
from batching._ffi.errors import BatchingValueError
from batching._ffi.float_mode import in_standard_mode
from batching._fleet.files import written_by
from batching._fleet.result import FleetResult
from batching._metrics.serving import SLO
from batching._output.captions import shared, workload_caption
from batching._output.fleet_charts import MOST_DRAWN, fleet_charts
from batching._output.fleet_figures import FleetRun, FleetTerms, fleet_run, fleet_table
from batching._output.page import page, settings_of, titled
from batching._output.schedule_trace import write_schedule_trace

_TEMPLATE: Final = Path(__file__).with_name("fleet_report.html.jinja")
_LEGEND: Final = (
    "TTFT, TPOT and E2E without a percentile are means. Hits: prompt tokens found in a prefix cache. "
    "Hand-over: from the end of a prompt until it is where it decodes, on average. "
    "Imbal.: the standard deviation of the tokens that the replicas generated, over their mean. tok: output tokens; "
    "Mtok: a million of them."
)


@in_standard_mode
def write_fleet_report(
    runs: FleetResult | Mapping[str, FleetResult],
    path: str | os.PathLike[str],
    *,
    slo: SLO | None = None,
    gpu_hour_price: float | None = None,
    gpus_per_replica: int | None = None,
) -> None:
    """Write a page that shows runs of fleets, and needs no network: their figures in one table, their latencies, and
    for each of the first six the load and the queue of each replica over time, who went where, requests, prefix hits
    and latencies of each replica. The same runs give the same bytes.

    Args:
        runs: what `simulate_fleet` returned, one or several by the names to be shown; at least one.
        path: ends in .html. A file of that name is replaced, once the new one is complete.
        slo: what counts as good, for the goodput. None: it is not shown.
        gpu_hour_price: as `FleetResult.cost`, for the costs. None: they are not shown.
        gpus_per_replica: as `FleetResult.cost`.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: the path has another suffix, there are no runs, or a value is out of its range.
        OSError: there is no such directory, or the file cannot be written.
        ImportError: jinja2 or plotly is not installed.
    """
    suffix_of(path, (".html",))
    terms = FleetTerms(slo=slo, gpu_hour_price=gpu_hour_price, gpus_per_replica=gpus_per_replica)
    if isinstance(runs, FleetResult):
        made = [fleet_run(runs, terms)]
    elif isinstance(runs, Mapping):
        for name, result in runs.items():
            if not isinstance(result, FleetResult):
                raise TypeError(f"runs[{shown(name)}] is {shown(result)}: must be a FleetResult")
        made = [fleet_run(result, terms, str(name)) for name, result in runs.items()]
    else:
        raise TypeError(f"runs is {shown(runs)}: must be a FleetResult, or several by name")
    if not made:
        raise BatchingValueError("runs is empty: must have at least one element")
    first = made[0].result
    same: dict[str, Any] = shared([run.result.settings for run in made])
    lines = [f"Workload: {workload_caption(first.requests, is_closed=first._is_closed_loop)}", described(same)]
    write_page(path, made, lines, None)


def write_page(
    path: str | os.PathLike[str], runs: Sequence[FleetRun], lines: Sequence[str], iteration_time: str | None
) -> None:
    """Write the page of runs, with these lines at its top, and perhaps the iteration time in other words."""
    text = fleet_page(runs, lines, iteration_time).encode()
    with whole_file(path) as file:
        file.write(text)


def fleet_page(runs: Sequence[FleetRun], lines: Sequence[str], iteration_time: str | None) -> str:
    """The page, as HTML."""
    names = [run.name for run in runs]
    return page(
        _TEMPLATE,
        fleet_charts(runs),
        title=titled(names),
        workload=lines,
        drawn=names[:MOST_DRAWN],
        comparison=fleet_table(runs, marked=True),
        legend=_LEGEND,
        remarks=unfinished(runs),
        settings_names=names,
        settings=settings_of([run.result for run in runs], iteration_time),
    )


def unfinished(runs: Sequence[FleetRun]) -> list[str]:
    """Which runs have requests without an answer: a sentence for each."""
    return [
        f"{run.name}: {len(run.result) - run.result.finished:,} of {len(run.result):,} requests did not finish."
        for run in runs
        if run.result.finished < len(run.result)
    ]


class _Files:
    """What the methods of FleetResult write."""

    @staticmethod
    def report(result: FleetResult, path: str | os.PathLike[str], options: Mapping[str, Any]) -> None:
        write_fleet_report(result, path, **options)

    perfetto = staticmethod(write_schedule_trace)


written_by(_Files())
