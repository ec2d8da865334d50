"""`batching simulate`: one run, its summary and its distributions."""

import json as json_text
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Final

import typer

from batching._command import options
from batching._command.errors import one_sentence_errors
from batching._command.progress import long_work
from batching._command.run_options import RunOptions, takes_run_options
from batching._command.runs import as_json, run_all
from batching._command.tables import console, distributions, remarks, say, settings_line, show, workload_lines
from batching._ffi.errors import BatchingValueError
from batching._output.plot import plot_timeline, write_figure
from batching._output.results_file import write_results
from batching._output.schedule_trace import write_schedule_trace
from batching._output.timeline import LATENCIES

_EXAMPLES: Final = """Examples:

\b
  batching simulate --policy vllm --max-num-seqs 128 --num-gpu-blocks 8000
  batching simulate --trace mooncake_trace.jsonl --num-gpu-blocks 8000 --setting enable_prefix_caching=true
  batching simulate --trace mooncake_trace.jsonl --from 600 --to 1200 --clients 50 --think-time 10
  batching simulate --model Llama-3.1-8B --gpu L4 --max-num-seqs 64
  batching simulate --iteration-time 0.02 --plot timeline.svg --report report.html --output requests.parquet"""


@takes_run_options
def simulate_one(  # noqa: PLR0912, PLR0915  (what is written, and what is printed)
    *,
    policy: Annotated[str, typer.Option(metavar="NAME", help=f"{options.POLICIES}.")] = "vllm",
    asked: RunOptions,
    plot: options.Plot = None,
    report: options.Report = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a row for each request: FILE.parquet, .csv or .json.")
    ] = None,
    schedule_trace: options.ScheduleTrace = None,
    slo_ttft: options.SLOTTFT = None,
    slo_tpot: options.SLOTPOT = None,
    slo_e2e: options.SLOE2E = None,
    slo_due_only: options.SLODueOnly = False,
    json: options.Json = False,
) -> None:
    """Simulate a serving engine on requests: a summary, its latencies, and where their time went."""
    with one_sentence_errors():
        options.check_output("--plot", plot, (".png", ".svg"))
        options.check_output("--report", report, (".html",))
        options.check_output("--output", output, (".parquet", ".csv", ".json"))
        options.check_output("--schedule-trace", schedule_trace, (".json",))
        slo = options.objectives(slo_ttft, slo_tpot, None, slo_e2e)
        timed, planned = asked.planned([policy])
        if len(planned) > 1:
            raise BatchingValueError(f"these are {len(planned)} runs: `batching compare` makes more than one")
        with long_work() as work:
            workload = asked.workload(work)
            logged = any(path is not None for path in (plot, report, schedule_trace))
            (run,) = run_all(workload, planned, work, log=logged, attribution=True)
            if plot is not None:
                with work.step("drawing"):
                    write_figure(plot_timeline(run.result, iteration_time=timed.text), plot)
            if report is not None:
                with work.step("writing the report"):
                    from batching._command.report import write_report  # noqa: PLC0415  (needs more packages)

                    write_report(report, workload, [run], timed.text)
            if output is not None:
                with work.step("writing the results"):
                    write_results(run.result, output)
            if schedule_trace is not None:
                with work.step("writing the schedule"):
                    write_schedule_trace(run.result, schedule_trace)
        due_by = run.result.duration or None if slo_due_only else None
        measured = run.result.measure(slo=slo, slo_due_by=due_by) if slo is not None else None
        if json:
            told = {"workload": workload.as_json(), "iteration_time": timed.text, **as_json(run)}
            if measured is not None:
                told["goodput"] = {
                    "judged": measured.judged,
                    "failed": measured.failed,
                    "request_goodput": measured.request_goodput,
                    "slo_attainment": measured.slo_attainment,
                    "slo_attainment_by_metric": measured.slo_attainment_by_metric,
                }
            print(json_text.dumps(told, indent=2, allow_nan=False))
            return
        out = console()
        for line in workload_lines(workload, [run]):
            say(out, line)
        out.print()
        # As the iteration time was typed.
        say(out, f"Run of the policy {policy}: {settings_line([run], timed.text)}")
        out.print(str(run.result).partition("\n")[2], markup=False)
        out.print()
        show(out, distributions(run), "Latencies of the finished requests")
        if measured is not None:
            out.print()
            show(out, measured.goodput_table(), "Goodput")
        if run.result.attribution is not None:
            out.print()
            total = next(key for key in ("e2e_including_client_queue", "e2e") if key in run.values)
            show(
                out,
                run.result.attribution._table(),
                f"Where their time went, by percentiles of {LATENCIES[total][0]}",
            )
        for line in remarks([run]):
            say(out, line)
        for name, path in (
            ("Picture", plot),
            ("Report", report),
            ("Results", output),
            ("Schedule", schedule_trace),
        ):
            if path is not None:
                say(out, f"{name}: {path}")


simulate_one.__doc__ = f"{cleandoc(simulate_one.__doc__ or '')}\n\n{_EXAMPLES}"
