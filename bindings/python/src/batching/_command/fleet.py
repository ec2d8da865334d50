"""`batching fleet`: numbers of replicas and routers on one workload."""

import json as json_text
import math
from inspect import cleandoc
from typing import Annotated, Any, Final

import typer

from batching._columns.display import Table, counted, rate, seconds, share
from batching._command import options
from batching._command.errors import one_sentence_errors
from batching._command.progress import long_work
from batching._command.settings import plans
from batching._command.tables import console, say, show
from batching._command.times import times
from batching._command.workload import Asked, workload_of
from batching._engine.client import CLIENT_KINDS, Client
from batching._engine.config import LIMITS, EngineConfig
from batching._engine.described import described as settings_described
from batching._ffi.arguments import shown
from batching._ffi.errors import BatchingValueError
from batching._fleet.result import FleetResult
from batching._fleet.simulate import simulate_fleet
from batching._metrics.serving import SLO
from batching._output.captions import workload_caption
from batching._routing.router import routers

_MOST_RUNS: Final = 64
_EXAMPLES: Final = """Examples:

\b
  batching fleet --replicas 2,4,8 --router round_robin,least_requests --request-rate 20
  batching fleet --trace trace.jsonl --router dynamo_kv --num-gpu-blocks 8000 --setting enable_prefix_caching=true
  batching fleet --model Llama-3.1-8B --gpu H100-SXM --replicas 4 --slo-ttft 0.5 --json"""


def fleet(  # noqa: PLR0917  (options, which are not passed by position)
    replicas: Annotated[
        str, typer.Option(metavar="N,...", help="How many replicas there are; each number is simulated.")
    ] = "4",
    router: Annotated[
        str, typer.Option(metavar="NAME,...", help="Which replica gets a request; each router is simulated.")
    ] = "round_robin,least_requests",
    policy: Annotated[str, typer.Option(metavar="NAME", help=f"{options.POLICIES}.")] = "vllm",
    trace: options.Trace = None,
    num_requests: options.NumRequests = options.USUAL_NUM_REQUESTS,
    seed: options.Seed = options.USUAL_SEED,
    begin: options.From = None,
    end: options.To = None,
    request_rate: options.RequestRate = None,
    max_concurrency: options.MaxConcurrency = None,
    clients: options.Clients = None,
    think_time: options.ThinkTime = None,
    think_times: options.ThinkTimes = None,
    ramp_up: options.RampUp = None,
    model: options.Model = None,
    gpu: options.GPU = None,
    tensor_parallel: options.TensorParallel = None,
    dtype: options.Dtype = None,
    kv_dtype: options.KVDtype = None,
    gpu_memory_utilization: options.GpuMemoryUtilization = None,
    profile: options.Profile = None,
    max_num_seqs: options.MaxNumSeqs = None,
    num_gpu_blocks: options.NumGpuBlocks = None,
    iteration_time: options.IterationTime = None,
    setting: options.Setting = None,
    slo_ttft: options.SLOTTFT = None,
    slo_tpot: options.SLOTPOT = None,
    slo_e2e: options.SLOE2E = None,
    *,
    sessions_go_on: options.SessionsGoOn = False,
    json: options.Json = False,
) -> None:
    """Compare routers and numbers of replicas on the same requests: a row for each."""
    with one_sentence_errors():
        counts, names = _counts(replicas), _names(router)
        slo = options.objectives(slo_ttft, slo_tpot, None, slo_e2e)
        timed = times(
            iteration_time=iteration_time,
            model=model,
            gpu=gpu,
            tensor_parallel=tensor_parallel,
            dtype=dtype,
            kv_dtype=kv_dtype,
            gpu_memory_utilization=gpu_memory_utilization,
            profile=profile,
        )
        common: dict[str, Any] = {
            **options.engine_settings(max_num_seqs, num_gpu_blocks, timed.settings),
            **options.client_settings(
                max_concurrency=max_concurrency,
                clients=clients,
                think_time=think_time,
                think_times=think_times,
                ramp_up=ramp_up,
                sessions_go_on=sessions_go_on,
            ),
        }
        planned = timed.completed(plans([policy], common, setting or []))
        if len(planned) > 1:
            raise BatchingValueError("--setting has several values: must have one for a fleet")
        settings = planned[0].settings
        for name in LIMITS:
            if name in settings:
                raise BatchingValueError(f"--setting {name} is given: a fleet runs to its end")
        own = {name: value for name, value in settings.items() if name in CLIENT_KINDS}
        config = EngineConfig(**{name: value for name, value in settings.items() if name not in CLIENT_KINDS})
        if len(counts) * len(names) > _MOST_RUNS:
            raise BatchingValueError(f"these are {len(counts) * len(names)} runs: must be at most {_MOST_RUNS}")
        runs: list[FleetResult] = []
        with long_work() as work:
            workload = workload_of(Asked(trace, num_requests, seed, begin, end, request_rate), work)
            for count in counts:
                for name in names:
                    with work.step(f"simulating {count} x {name}"):
                        runs.append(
                            simulate_fleet(
                                workload.requests,
                                config,
                                replicas=count,
                                router=name,  # type: ignore[arg-type]
                                client=Client(**own) if own else None,
                            )
                        )
        told = [_figures(run, slo) for run in runs]
        if json:
            print(
                json_text.dumps(
                    {
                        "workload": workload.as_json(),
                        "iteration_time": timed.text,
                        "runs": [_plain(one) for one in told],
                    },
                    indent=2,
                    allow_nan=False,
                )
            )
            return
        out = console()
        caption = workload_caption(workload.requests, is_closed=runs[0]._is_closed_loop)
        say(out, f"Workload: {caption}; {workload.origin}")
        for reason, number in workload.skipped.items():
            say(out, f"Not used: {counted(number, 'row')} ({reason})")
        out.print()
        say(out, settings_described(config._settings() | own | {"iteration_time": timed.text}))
        show(out, _table(told), "")
        for run, figures in zip(runs, told, strict=True):
            failed = len(run) - run.finished
            if failed:
                say(out, f"{figures['replicas']} x {run.router}: {failed:,} of {len(run):,} requests did not finish.")


fleet.__doc__ = f"{cleandoc(fleet.__doc__ or '')}\n\n{_EXAMPLES}"


def _counts(text: str) -> list[int]:
    counts = []
    for word in text.split(","):
        if not word.strip().isdecimal() or not 1 <= int(word) <= 65_536:
            raise BatchingValueError(
                f"--replicas is {shown(text)}: must be numbers from 1 to 65536 with commas between"
            )
        counts.append(int(word))
    return counts


def _names(text: str) -> list[str]:
    names = [word.strip() for word in text.split(",")]
    for name in names:
        if name not in routers():
            raise BatchingValueError(f"--router is {shown(name)}: must be one of {', '.join(routers())}")
    return names


def _figures(run: FleetResult, slo: SLO | None) -> dict[str, Any]:
    metrics = run.measure(percentiles=(99,), slo=slo) if slo is not None else run.measure(percentiles=(99,))
    replicas = len(run.replicas)
    told: dict[str, Any] = {
        "replicas": replicas,
        "router": run.router,
        "mean_ttft": metrics.ttft.mean,
        "p99_ttft": metrics.ttft.percentiles[99],
        "mean_tpot": metrics.tpot.mean,
        "p99_e2e": metrics.e2e.percentiles[99],
    }
    if slo is not None:
        told["goodput"] = metrics.request_goodput or 0.0
    return told | {
        "prefix_hits": run.prefix_cache_hits / run.prefix_cache_queries if run.prefix_cache_queries else math.nan,
        "imbalance": run.imbalance,
        "throughput_per_replica": run.throughput / replicas,
    }


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    """As JSON has them; null for what is not known."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }


_COLUMNS: Final = {
    "mean_ttft": ("TTFT", seconds),
    "p99_ttft": ("p99 TTFT", seconds),
    "mean_tpot": ("TPOT", seconds),
    "p99_e2e": ("p99 E2E", seconds),
    "goodput": ("good req/s", rate),
    "prefix_hits": ("hits", share),
    "imbalance": ("imbal.", share),
    "throughput_per_replica": ("tok/s each", rate),
}


def _table(told: list[dict[str, Any]]) -> Table:
    # What no run has, is not shown.
    known = [name for name in _COLUMNS if any(math.isfinite(one.get(name, math.nan)) for one in told)]
    headings = ["n", "router", *(_COLUMNS[name][0] for name in known)]
    rows = [[str(one["replicas"]), one["router"], *(_COLUMNS[name][1](one[name]) for name in known)] for one in told]
    return Table("", headings, rows, keys=2)
