"""What the commands that simulate ask for alike: requests, how these are sent, and the engine. It stands once here."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from batching._command import options
from batching._command.progress import Work
from batching._command.settings import Plan, plans
from batching._command.times import Times, times
from batching._command.workload import Asked, WorkloadSource, workload_of

_OF_CLIENT: Final = ("max_concurrency", "clients", "think_time", "think_times", "ramp_up", "sessions_go_on")
_OF_TIMES: Final = (
    "iteration_time",
    "model",
    "gpu",
    "tensor_parallel",
    "dtype",
    "kv_dtype",
    "gpu_memory_utilization",
    "profile",
)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options as they were typed; the order of the fields is that of the help."""

    trace: options.Trace = None
    num_requests: options.NumRequests = options.USUAL_NUM_REQUESTS
    seed: options.Seed = options.USUAL_SEED
    begin: options.From = None
    end: options.To = None
    request_rate: options.RequestRate = None
    max_concurrency: options.MaxConcurrency = None
    clients: options.Clients = None
    think_time: options.ThinkTime = None
    think_times: options.ThinkTimes = None
    ramp_up: options.RampUp = None
    sessions_go_on: options.SessionsGoOn = False
    model: options.Model = None
    gpu: options.GPU = None
    tensor_parallel: options.TensorParallel = None
    dtype: options.Dtype = None
    kv_dtype: options.KVDtype = None
    gpu_memory_utilization: options.GpuMemoryUtilization = None
    profile: options.Profile = None
    max_num_seqs: options.MaxNumSeqs = None
    num_gpu_blocks: options.NumGpuBlocks = None
    host_kv_tokens: options.HostKvTokens = None
    host_kv_read_bandwidth: options.HostKvReadBandwidth = None
    host_kv_write_bandwidth: options.HostKvWriteBandwidth = None
    disk_kv_tokens: options.DiskKvTokens = None
    disk_kv_read_bandwidth: options.DiskKvReadBandwidth = None
    disk_kv_write_bandwidth: options.DiskKvWriteBandwidth = None
    kv_bytes_per_token: options.KvBytesPerToken = None
    kv_loads_block: options.KvLoadsBlock = False
    iteration_time: options.IterationTime = None
    setting: options.Setting = None

    def planned(self, policies: Sequence[str]) -> tuple[Times, list[Plan]]:
        """Where the times come from, and a run for each policy and each combination of settings."""
        timed = times(**self._some(_OF_TIMES))
        common: dict[str, Any] = {
            **options.engine_settings(self.max_num_seqs, self.num_gpu_blocks, timed.settings),
            **options.offload_settings(timed.deployment, **self._some(tuple(options.OFFLOAD))),
            **options.client_settings(**self._some(_OF_CLIENT)),
        }
        return timed, timed.completed(plans(policies, common, self.setting or []))

    def workload(self, work: Work) -> WorkloadSource:
        """The requests."""
        asked = Asked(self.trace, self.num_requests, self.seed, self.begin, self.end, self.request_rate)
        return workload_of(asked, work)

    def _some(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}


def takes_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command has, in place of its parameter `asked`, an option for each field of RunOptions."""
    signature = inspect.signature(command)
    names = [known.name for known in fields(RunOptions)]
    own = [
        inspect.Parameter(known.name, inspect.Parameter.KEYWORD_ONLY, default=known.default, annotation=known.type)
        for known in fields(RunOptions)
    ]
    shown: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        # All are given by name, so that their order is free.
        shown += own if parameter.name == "asked" else [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        asked = RunOptions(**{name: given.pop(name) for name in names})
        command(asked=asked, **given)

    with_options.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return with_options
