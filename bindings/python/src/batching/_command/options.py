"""The options that several commands have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from batching._catalogue.deployment import deployment_memory
from batching._engine.client import CLIENT_KINDS
from batching._engine.config import Policy
from batching._engine.offload import KVOffload
from batching._ffi.errors import BatchingError
from batching._metrics.serving import SLO

# The engine of the README.
USUAL_MODEL: Final = "about an 8B model on an H100, not calibrated"
USUAL_ITERATION_TIME: Final = "base=5.5e-3,prefill=2.8e-5,decode=2e-5,context=4e-8"
USUAL_NUM_REQUESTS: Final = 2000
USUAL_SEED: Final = 42
USUAL_MAX_NUM_SEQS: Final = 32

*_OTHERS, _LAST = get_args(Policy)
POLICIES: Final = f"{', '.join(_OTHERS)} or {_LAST}"

Trace = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Replay this trace, gzipped or not, instead of generating requests.")
]
NumRequests = Annotated[int, typer.Option(metavar="N", help="Requests to generate; not used with --trace.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Of the generated requests; not used with --trace.")]
From = Annotated[
    float | None,
    typer.Option(
        "--from",
        metavar="S",
        help="Only requests that arrive from this second of the trace on, which becomes second 0; sessions by their "
        "first turn.",
    ),
]
To = Annotated[
    float | None,
    typer.Option("--to", metavar="S", help="Only requests that arrive before this second of the trace; as --from."),
]
RequestRate = Annotated[
    float | None,
    typer.Option(
        metavar="R",
        help="Requests, or sessions, per second in the mean: the times between arrivals are scaled to make it so.",
    ),
]
MaxConcurrency = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="The most requests in flight: others wait at the client until one has ended. Without it: no limit.",
    ),
]
Clients = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="So many users with one request in flight each, who take the sessions, or the requests, one after the "
        "other. Without it: these begin at their arrival times.",
    ),
]
ThinkTime = Annotated[
    float | None,
    typer.Option(
        metavar="S", help="With --clients: mean seconds from the end of one session, or request, to the next."
    ),
]
ThinkTimes = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="How think times are distributed: exponential (the default), constant or lognormal."
    ),
]
RampUp = Annotated[
    float | None,
    typer.Option(metavar="S", help="With --clients: seconds over which they start, one after the other."),
]
SessionsGoOn = Annotated[
    bool,
    typer.Option(
        "--sessions-go-on",
        help="Send the later turns of a session also after one that was rejected or aborted.",
    ),
]
Run = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Which run of a file of several, from 0; -1 is the last. Without it: all, one by one."
    ),
]
OneRun = Annotated[
    int | None, typer.Option("--run", metavar="N", help="Which run of a file of several, from 0; -1 is the last.")
]
MaxNumSeqs = Annotated[
    int | None,
    typer.Option(
        "--max-num-seqs",
        "--batch-size",
        metavar="N",
        help=f"The most requests that run at once: {USUAL_MAX_NUM_SEQS}, or as the profile says.",
    ),
]
NumGpuBlocks = Annotated[
    int | None,
    typer.Option(
        "--num-gpu-blocks",
        metavar="N",
        help="KV blocks of 16 tokens. Without it: as --model and --gpu have room for, or as the profile says; else no "
        "limit.",
    ),
]
HostKvTokens = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Keep KV blocks that leave the GPU in host memory, for so many tokens; with prefix caching."
    ),
]
HostKvReadBandwidth = Annotated[
    float | None, typer.Option(metavar="B", help="Bytes a second from there. Without it: loads take no time.")
]
HostKvWriteBandwidth = Annotated[
    float | None, typer.Option(metavar="B", help="Bytes a second to there. Without it: writes take no time.")
]
DiskKvTokens = Annotated[int | None, typer.Option(metavar="N", help="The same on a disk, behind host memory.")]
DiskKvReadBandwidth = Annotated[float | None, typer.Option(metavar="B", help="Bytes a second from the disk.")]
DiskKvWriteBandwidth = Annotated[float | None, typer.Option(metavar="B", help="Bytes a second to the disk.")]
KvBytesPerToken = Annotated[
    float | None,
    typer.Option(
        metavar="B",
        help="Bytes of the KV cache a token, for what moves it. Without it: as --model has them, on all GPUs.",
    ),
]
KvLoadsBlock = Annotated[
    bool,
    typer.Option("--kv-loads-block", help="An iteration computes after its loads from host and disk, not meanwhile."),
]
IterationTime = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Seconds that an iteration takes: one number; or base=S,prefill=S,decode=S,context=S: in all, for each "
        "prefill token, decoding sequence and token of its context; or the JSON of a model. Without it, and without "
        f"--model or --profile: {USUAL_ITERATION_TIME}, {USUAL_MODEL}.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="What is served: one of `batching models`, or the path of a config.json."),
]
GPU = Annotated[
    str | None,
    typer.Option(
        "--gpu",
        metavar="NAME",
        help="What it runs on: one of `batching gpus`. Iteration times and KV blocks follow from spec sheets: expect "
        "±10%; ±25% for a mixture of experts, or over PCIe.",
    ),
]
TensorParallel = Annotated[
    int | None, typer.Option("--tp", "--tensor-parallel", metavar="N", help="GPUs that share each layer: 1, 2, 4, ….")
]
Dtype = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE", help="Of the weights: bf16, fp8, int8, fp4 or int4. Without it: as the model's files."
    ),
]
KVDtype = Annotated[
    str | None, typer.Option("--kv-dtype", metavar="TYPE", help="Of the KV cache: bf16 (the default), fp8 or int8.")
]
GpuMemoryUtilization = Annotated[
    float | None,
    typer.Option(metavar="X", help="Share of the GPU's memory that the server may take. Without it: 0.9."),
]
Profile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Iteration times, and how the engine is set, from a profile: see `batching profile`."
    ),
]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="NAME=VALUE,...",
        help="Any other argument of batching.simulate; of several values each is simulated. May be repeated.",
    ),
]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw schedules and latencies: FILE.png or FILE.svg.")]
Report = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write a page that shows all of it and needs no network: FILE.html.")
]
ScheduleTrace = Annotated[
    Path | None,
    typer.Option(
        "--schedule-trace", "--perfetto", metavar="FILE", help="Write the schedule for ui.perfetto.dev: FILE.json."
    ),
]
SLOTTFT = Annotated[
    float | None, typer.Option("--slo-ttft", metavar="S", help="Seconds: the longest good time to first token.")
]
SLOTPOT = Annotated[
    float | None, typer.Option("--slo-tpot", metavar="S", help="Seconds: the longest good time per output token.")
]
SLOITL = Annotated[
    float | None, typer.Option("--slo-itl", metavar="S", help="Seconds: the longest good gap between two tokens.")
]
SLOE2E = Annotated[
    float | None, typer.Option("--slo-e2e", metavar="S", help="Seconds: the longest good end-to-end latency.")
]
SLODueOnly = Annotated[
    bool,
    typer.Option(
        "--slo-due-only",
        help="Judge only requests whose objectives on TTFT and E2E were due when the run ended; without it, a request "
        "that was sent and has no answer has failed.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables; times in seconds.")]


def check_output(option: str, path: Path | None, suffixes: tuple[str, ...]) -> None:
    """Before any work is done: whether the name of a file to be written can be one."""
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise BatchingError(f"{option} is {path}: must end in {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        raise BatchingError(f"{option} is {path}: there is no directory {path.parent}")


def engine_settings(max_num_seqs: int | None, num_gpu_blocks: int | None, implied: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of EngineConfig that have options of their own: as typed, else as a profile says, else the usual."""
    given = {"max_num_seqs": max_num_seqs, "num_gpu_blocks": num_gpu_blocks}
    typed = {name: value for name, value in given.items() if value is not None}
    return {"max_num_seqs": USUAL_MAX_NUM_SEQS, **implied, **typed}


OFFLOAD: Final = {
    "host_kv_tokens": "host_tokens",
    "host_kv_read_bandwidth": "host_read_bandwidth",
    "host_kv_write_bandwidth": "host_write_bandwidth",
    "disk_kv_tokens": "disk_tokens",
    "disk_kv_read_bandwidth": "disk_read_bandwidth",
    "disk_kv_write_bandwidth": "disk_write_bandwidth",
    "kv_bytes_per_token": "kv_bytes_per_token",
    "kv_loads_block": "loads_block",
}
"""Options, and the fields of KVOffload that they set."""


def offload_settings(deployment: Mapping[str, Any] | None, **given: Any) -> dict[str, Any]:
    """The tiers of KV blocks, if there are any; what a token takes follows from a model on GPUs."""
    typed = {OFFLOAD[name]: value for name, value in given.items() if value is not None and value is not False}
    # A fleet moves it between replicas, too.
    if not typed.keys() - {"kv_bytes_per_token"}:
        return {}
    if not {"host_tokens", "disk_tokens"} & set(typed):
        raise BatchingError("options for KV offload are given, but neither --host-kv-tokens nor --disk-kv-tokens is")
    if deployment and "kv_bytes_per_token" not in typed:
        of_one = deployment_memory(**{name: value for name, value in deployment.items() if value is not None})
        typed["kv_bytes_per_token"] = of_one.kv_bytes_per_token * deployment["tensor_parallel"]
    return {"kv_offload": KVOffload(**typed)}


def client_settings(**given: Any) -> dict[str, Any]:
    """The fields of Client that were given as options: checked as there, and told as they are typed."""
    return {
        name: CLIENT_KINDS[name].checked(value, f"--{name.replace('_', '-')}")
        for name, value in given.items()
        if value is not None and value is not False
    }


def objectives(ttft: float | None, tpot: float | None, itl: float | None, e2e: float | None) -> SLO | None:
    """The service-level objectives; None if there are none."""
    given = SLO(ttft, tpot, itl, e2e)
    return None if given == SLO() else given
