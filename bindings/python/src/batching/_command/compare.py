"""`batching compare`: policies or settings on one workload."""

import json as json_text
from inspect import cleandoc
from typing import Annotated, Final

import typer

from batching._command import options
from batching._command.errors import one_sentence_errors
from batching._command.progress import long_work
from batching._command.run_options import RunOptions, takes_run_options
from batching._command.runs import Run, as_json, figures_of, improvement, run_all
from batching._command.tables import comparison, console, remarks, say, settings_line, show, workload_lines
from batching._command.workload import WorkloadSource
from batching._ffi.errors import BatchingValueError
from batching._output.plot import plot_runs, write_figure

_MOST_RUNS: Final = 64
_USUAL_POLICIES: Final = ("static", "continuous", "vllm")
_EXAMPLES: Final = """Examples:

\b
  batching compare --plot comparison.png --report report.html
  batching compare --policy static --policy vllm --trace AzureLLMInferenceTrace_conv.csv
  batching compare --policy vllm --request-rate 8 --setting max_num_batched_tokens=512,2048,8192 --json
  batching compare --policy vllm --setting max_concurrency=8,16,32,none
  batching compare --model Qwen3-32B --gpu H100-SXM --tp 2 --dtype fp8"""


@takes_run_options
def compare(
    *,
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"{options.POLICIES}. May be repeated."),
    ] = None,
    asked: RunOptions,
    plot: options.Plot = None,
    report: options.Report = None,
    json: options.Json = False,
) -> None:
    """Compare policies, or settings, on the same requests.

    Policies have a column each, combinations of settings a row; the best is marked, and the last column or row tells
    how many times better it is than the first run. Without --trace the requests are generated after the published
    statistics of the Azure conversation trace of 2023.
    """
    with one_sentence_errors():
        options.check_output("--plot", plot, (".png", ".svg"))
        options.check_output("--report", report, (".html",))
        timed, planned = asked.planned(policy or _USUAL_POLICIES)
        if len(planned) > _MOST_RUNS:
            raise BatchingValueError(f"these are {len(planned)} runs: must be at most {_MOST_RUNS}")
        with long_work() as work:
            workload = asked.workload(work)
            runs = run_all(
                workload, planned, work, log=report is not None, attribution=plot is not None or report is not None
            )
            if plot is not None:
                with work.step("drawing"):
                    drawn = {run.name: run.result for run in runs}
                    write_figure(plot_runs(drawn, iteration_time=timed.text), plot)
            if report is not None:
                with work.step("writing the report"):
                    from batching._command.report import write_report  # noqa: PLC0415  (needs more packages)

                    write_report(report, workload, runs, timed.text)
        if json:
            print(_json(workload, runs, timed.text))
            return
        out = console()
        for line in workload_lines(workload, runs):
            say(out, line)
        out.print()
        show(out, comparison(runs), settings_line(runs, timed.text))
        for line in remarks(runs):
            say(out, line)
        for name, path in (("Picture", plot), ("Report", report)):
            if path is not None:
                say(out, f"{name}: {path}")


compare.__doc__ = f"{cleandoc(compare.__doc__ or '')}\n\n{_EXAMPLES}"


def _json(workload: WorkloadSource, runs: list[Run], iteration_time: str) -> str:
    first = runs[0]
    told = [
        as_json(run) | {"improvement": {figure.key: improvement(figure, first, run) for figure in figures_of(runs)}}
        for run in runs
    ]
    return json_text.dumps(
        {"workload": workload.as_json(), "iteration_time": iteration_time, "runs": told}, indent=2, allow_nan=False
    )
