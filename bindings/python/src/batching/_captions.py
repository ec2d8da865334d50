"""What a picture or a table says of the workload and the settings behind it, in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from batching._columns import RequestColumns
from batching._display import counted, rate, seconds
from batching._engine import simulate
from batching._engine_config import AffineTime
from batching._schedule import Run
from batching._simulators import TextbookResult

# What a reader must always know: how many requests run at once, and what a time comes from.
_ALWAYS: Final = ("max_num_seqs", "iteration_time", "batch_size", "time_per_token")


def workload_caption(requests: RequestColumns) -> str:
    """How many requests, how fast they come and how long they are."""
    told = [counted(len(requests), "request")]
    arrivals = requests.arrival_time
    span = 0.0 if arrivals is None or len(arrivals) == 0 else float(arrivals.max() - arrivals.min())
    told.append(f"{rate(len(requests) / span)} requests/s" if span > 0 else "all at once")
    for name, lengths in (("prompt", requests.prompt_length), ("output", requests.output_length)):
        if lengths is not None and len(lengths):
            told.append(f"mean {name} {float(np.mean(lengths)):,.1f} tokens")
    return ", ".join(told)


def settings_caption(runs: Iterable[Run]) -> str:
    """What all of the runs were told: slots and iteration time, and whatever is not as by default."""
    return described(shared([settings_of(run) for run in runs]))


def settings_of(run: Run) -> Mapping[str, Any]:
    """What a run was told, defaults included."""
    if isinstance(run, TextbookResult):
        return {"batch_size": run.batch_size, "time_per_token": run.time_per_token}
    return run.settings


def shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Those that are there and the same in all."""
    first = settings[0]
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in settings[1:])
    }


def described(settings: Mapping[str, Any]) -> str:
    """Settings in words, without those that are as by default."""
    told = []
    for name, value in settings.items():
        if name == "policy" or (name not in _ALWAYS and value == _default(name, settings)):
            continue
        told.append(f"{name.replace('_', ' ') if name.endswith('time') else name} {written(value, name)}")
    return ", ".join(told)


def _default(name: str, settings: Mapping[str, Any]) -> Any:
    if name == "max_num_batched_tokens":
        return max(2048, settings.get("max_num_seqs", 0))
    return (simulate.__kwdefaults__ or {}).get(name)


def written(value: Any, name: str = "") -> str:
    """A setting as a person writes it."""
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, AffineTime):
        terms = [
            (value.per_prefill_token, " a prefill token"),
            (value.per_decode_token, " a decoding sequence"),
            (value.per_context_token, " a token of context"),
            (value.per_prefill_context, " a prefill token and token of its context"),
        ]
        return " + ".join([seconds(value.base), *(f"{seconds(factor)}{of}" for factor, of in terms if factor)])
    if isinstance(value, str):
        return value
    if callable(value):
        return f"by the function {getattr(value, '__name__', type(value).__name__)}"
    if name in {"iteration_time", "time_per_token", "time_limit", "max_queue_delay"}:
        return seconds(float(value))
    return f"{value:,}" if isinstance(value, int) else str(value)
