"""From what is typed to how long iterations take: seconds or terms, a model on a GPU by their names, or a profile."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from batching._catalogue.words import DTYPES
from batching._columns.display import seconds
from batching._command import options
from batching._command.settings import Plan
from batching._command.settings import iteration_time as parsed_time
from batching._engine.config import deployed
from batching._engine.described import written
from batching._engine.profile import Profile
from batching._ffi.errors import BatchingError, BatchingValueError


@dataclass(frozen=True)
class Times:
    """Where the times of the runs come from."""

    text: str
    """In words: what a table says of the iteration time."""
    settings: Mapping[str, Any]
    """Arguments of batching.simulate that follow from it, whatever else is set."""
    deployment: Mapping[str, Any] | None = None
    """The model, the GPU and how the one runs on the other: from these each run has its time and its KV blocks."""

    def completed(self, plans: list[Plan]) -> list[Plan]:
        """Runs that have `settings` already, with what follows from the deployment in each. What is typed stands."""
        if self.deployment is None:
            return plans
        made = []
        for plan in plans:
            sized: Any = {name: plan.settings[name] for name in _SIZES if name in plan.settings}
            made.append(Plan(plan.name, {**deployed(sized, **self.deployment), **plan.settings}, plan.varied))
        return made


# What the memory and the time of a model on a GPU depend on, or what is taken instead.
_SIZES: Final = ("block_size", "max_num_seqs", "max_num_batched_tokens", "num_gpu_blocks", "iteration_time")


def times(
    *,
    iteration_time: str | None,
    model: str | None,
    gpu: str | None,
    tensor_parallel: int | None,
    dtype: str | None,
    kv_dtype: str | None,
    gpu_memory_utilization: float | None,
    profile: Path | None,
) -> Times:
    """What the options say together."""
    named = {"--model": model, "--gpu": gpu}
    others = {
        "--tp": tensor_parallel,
        "--dtype": dtype,
        "--kv-dtype": kv_dtype,
        "--gpu-memory-utilization": gpu_memory_utilization,
    }
    given = [option for option, value in (named | others).items() if value is not None]
    if profile is not None:
        clashing = [*given, *(["--iteration-time"] if iteration_time is not None else [])]
        if clashing:
            raise BatchingError(f"{clashing[0]} and --profile are given: must be one of them")
        return _of_profile(profile)
    if not given:
        return _of_text(iteration_time)
    missing = [option for option, value in named.items() if value is None]
    if missing:
        raise BatchingError(f"{given[0]} is given, but {missing[0]} is not: must be both")
    deployment: dict[str, Any] = {
        "model": model,
        "gpu": gpu,
        "tensor_parallel": 1 if tensor_parallel is None else tensor_parallel,
        "dtype": checked_dtype(dtype, "--dtype"),
        "kv_dtype": checked_dtype(kv_dtype, "--kv-dtype") or "bf16",
        "gpu_memory_utilization": gpu_memory_utilization,
    }
    if iteration_time is not None:
        own = _of_text(iteration_time)
        return Times(own.text, own.settings, deployment)
    probe = deployed({"num_gpu_blocks": None}, **deployment)
    return Times(written(probe["iteration_time"]), {}, deployment)


def checked_dtype(dtype: str | None, option: str) -> Any:
    """One of the words for a type, or None."""
    if dtype is not None and dtype not in DTYPES:
        raise BatchingValueError(f"{option} is {dtype}: must be one of {', '.join(DTYPES)}")
    return dtype


def _of_text(text: str | None) -> Times:
    if text is None:
        usual = options.USUAL_ITERATION_TIME
        return Times(f"{usual} ({options.USUAL_MODEL})", {"iteration_time": parsed_time(usual)})
    if text.lstrip().startswith("{"):
        return _of_json(text)
    return Times(text, {"iteration_time": parsed_time(text)})


def _of_json(text: str) -> Times:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BatchingValueError(f"--iteration-time is no JSON: {error}") from None
    time = parsed_time(values)
    return Times(written(time, "iteration_time"), {"iteration_time": time})


def _of_profile(path: Path) -> Times:
    profile = Profile.read(path)
    what = " on ".join(part for part in (profile.model, profile.gpu) if part)
    told = f"{what}: " if what else ""
    settings = {name: value for name, value, _ in profile.config._given() if name != "policy"}
    settings["iteration_time"] = profile.iteration_time
    text = f"of the profile {path.name} ({told}{written(profile.iteration_time, 'iteration_time')})"
    if profile.client_delay:
        # What is simulated is the engine; another client, elsewhere, has another delay.
        text += f"; its clients saw {seconds(profile.client_delay)} more of each TTFT and E2E, which is not added"
    return Times(text, settings)
