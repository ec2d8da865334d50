"""`batching fleet`: numbers of replicas and routers on one workload."""

import itertools
import json as json_text
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Annotated, Any, Final

import typer

from batching._columns.display import counted
from batching._command import options
from batching._command.errors import one_sentence_errors
from batching._command.fleet_options import autoscaling, check_split, disaggregation, router_names, sizes
from batching._command.progress import long_work
from batching._command.run_options import RunOptions, takes_run_options
from batching._command.tables import console, say, show
from batching._command.times import Times
from batching._command.workload import WorkloadSource
from batching._engine.client import CLIENT_KINDS, Client
from batching._engine.config import LIMITS, EngineConfig
from batching._engine.described import described as settings_described
from batching._ffi.arguments import integer
from batching._ffi.errors import BatchingValueError
from batching._fleet.cost import price_of
from batching._fleet.simulate import simulate_fleet
from batching._output.captions import workload_caption
from batching._output.fleet_figures import FleetRun, FleetTerms, fleet_run, fleet_table, plain
from batching._output.fleet_report import unfinished, write_page
from batching._output.schedule_trace import write_schedule_trace

_MOST_RUNS: Final = 64
_MOST_GPUS: Final = 65_536
_EXAMPLES: Final = """Examples:

\b
  batching fleet --replicas 2,4,8 --router round_robin,least_requests --request-rate 20
  batching fleet --trace trace.jsonl --router dynamo_kv --num-gpu-blocks 8000 --setting enable_prefix_caching=true
  batching fleet --model Llama-3.1-8B --gpu H100-SXM --replicas 4 --slo-ttft 0.5 --gpu-hour-price 2.5 --json
  batching fleet --replicas 2,4 --request-rate 30 --report fleet.html
  batching fleet --replicas 4,1:3,2:2 --router least_requests --request-rate 30
  batching fleet --replicas 8 --request-rate 30 --autoscale hpa,target=8,startup_time=60
  batching fleet --replicas 4 --router dynamo_kv --trace trace.jsonl --perfetto fleet.json"""


@takes_run_options
def fleet(
    *,
    replicas: Annotated[
        str,
        typer.Option(
            metavar="N,P:D,...",
            help="How many replicas there are, or how many prefill and how many decode; each is simulated.",
        ),
    ] = "4",
    router: Annotated[
        str, typer.Option(metavar="NAME,...", help="Which replica gets a request; each router is simulated.")
    ] = "round_robin,least_requests",
    policy: Annotated[str, typer.Option(metavar="NAME", help=f"{options.POLICIES}.")] = "vllm",
    asked: RunOptions,
    gpu_hour_price: Annotated[
        float | None,
        typer.Option(metavar="X", help="What one GPU costs an hour, in any currency: the tables then have costs."),
    ] = None,
    gpus_per_replica: Annotated[
        int | None, typer.Option(metavar="N", help="GPUs of each replica. Without it: as --tp says, else 1.")
    ] = None,
    pd_preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="P:D: as dynamo (the default), vllm_nixl, sglang_pd or llm_d hands requests over."
        ),
    ] = None,
    link_bandwidth: Annotated[
        float | None,
        typer.Option(metavar="X", help="P:D: GB/s of each transfer. Without it transfers take no time."),
    ] = None,
    autoscale: Annotated[
        str | None,
        typer.Option(
            metavar="RULE,...",
            help="An autoscaler and its settings, as hpa,target=8,startup_time=60: the replicas are then the most.",
        ),
    ] = None,
    report: options.Report = None,
    schedule_trace: options.ScheduleTrace = None,
    slo_ttft: options.SLOTTFT = None,
    slo_tpot: options.SLOTPOT = None,
    slo_e2e: options.SLOE2E = None,
    json: options.Json = False,
) -> None:
    """Compare routers and numbers of replicas on the same requests: a row for each."""
    with one_sentence_errors():
        options.check_output("--report", report, (".html",))
        options.check_output("--schedule-trace", schedule_trace, (".json",))
        made_of, names = sizes(replicas), router_names(router)
        check_split(made_of, policy, autoscale)
        scaling = autoscaling(autoscale)
        number = len(made_of) * len(names)
        if number > _MOST_RUNS:
            raise BatchingValueError(f"these are {number} runs: must be at most {_MOST_RUNS}")
        if schedule_trace is not None and number > 1:
            raise BatchingValueError(f"--schedule-trace is given with {number} runs: must be one run")
        terms = FleetTerms(
            slo=options.objectives(slo_ttft, slo_tpot, None, slo_e2e),
            gpu_hour_price=None if gpu_hour_price is None else price_of(gpu_hour_price, "--gpu-hour-price"),
            gpus_per_replica=(
                asked.tensor_parallel
                if gpus_per_replica is None
                else integer(gpus_per_replica, "--gpus-per-replica", 1, _MOST_GPUS)
            ),
        )
        timed, (plan, *others) = asked.planned([policy])
        if others:
            raise BatchingValueError("--setting has several values: must have one for a fleet")
        config, client = _engine_and_client(plan.settings)
        # Without a link they may be of the tiers alone.
        is_of_link = config.kv_offload is None or link_bandwidth is not None
        kv_bytes = asked.kv_bytes_per_token if is_of_link else None
        split, split_text = disaggregation(made_of, timed, pd_preset, link_bandwidth, kv_bytes)
        runs: list[FleetRun] = []
        with long_work() as work:
            workload = asked.workload(work)
            for size, name in itertools.product(made_of, names):
                with work.step(f"simulating {size.text} x {name}"):
                    made = simulate_fleet(
                        workload.requests,
                        size.pools(config),
                        router=name,  # type: ignore[arg-type]
                        client=client,
                        disaggregation=split if size.prefill else None,
                        scaling=scaling,
                    )
                    runs.append(fleet_run(made, terms))
            lines = _lines(workload, runs, timed, split_text, autoscale)
            if report is not None:
                with work.step("writing the report"):
                    write_page(report, runs, lines, timed.text)
            if schedule_trace is not None:
                with work.step("writing the schedule"):
                    write_schedule_trace(runs[0].result, schedule_trace)
        if json:
            told = {
                "workload": workload.as_json(),
                "iteration_time": timed.text,
                "runs": [plain(run.figures) for run in runs],
            }
            print(json_text.dumps(told, indent=2, allow_nan=False))
            return
        out = console()
        for line in lines[:-1]:
            say(out, line)
        out.print()
        say(out, lines[-1])
        show(out, fleet_table(runs), "", dense=True)
        for line in unfinished(runs):
            say(out, line)
        for name, path in (("Report", report), ("Schedule", schedule_trace)):
            if path is not None:
                say(out, f"{name}: {path}")


fleet.__doc__ = f"{cleandoc(fleet.__doc__ or '')}\n\n{_EXAMPLES}"


def _engine_and_client(settings: Mapping[str, Any]) -> tuple[EngineConfig, Client | None]:
    for name in LIMITS:
        if name in settings:
            raise BatchingValueError(f"--setting {name} is given: a fleet runs to its end")
    own = {name: value for name, value in settings.items() if name in CLIENT_KINDS}
    config = EngineConfig(**{name: value for name, value in settings.items() if name not in CLIENT_KINDS})
    return config, Client(**own) if own else None


def _lines(
    workload: WorkloadSource, runs: Sequence[FleetRun], timed: Times, split: str, autoscale: str | None
) -> list[str]:
    """The workload, what of it could not be used, and last the settings."""
    first = runs[0].result
    caption = workload_caption(workload.requests, is_closed=first._is_closed_loop)
    skipped = [f"Not used: {counted(number, 'row')} ({reason})" for reason, number in workload.skipped.items()]
    settings = {name: value for name, value in first.settings.items() if name not in {"replicas", "router", "roles"}}
    told = settings_described(settings | {"iteration_time": timed.text})
    if split:
        skipped.append(f"P:D as {split}")
    if autoscale is not None:
        skipped.append(f"Autoscaler: {autoscale}")
    return [f"Workload: {caption}; {workload.origin}", *skipped, told]
