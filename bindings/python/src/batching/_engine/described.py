"""The settings of a run in words."""

from collections.abc import Mapping
from typing import Any, Final

from batching._columns.display import seconds
from batching._engine.client import CLIENT_KINDS
from batching._engine.config import KINDS, LIMITS, is_default
from batching._times.model import TimeModel

# What a reader must always know: how many requests run at once, and what a time comes from.
_ALWAYS: Final = ("max_num_seqs", "iteration_time", "batch_size", "time_per_token")


def described(settings: Mapping[str, Any]) -> str:
    """Settings in words, without those that are as by default."""
    told = []
    for name, value in settings.items():
        if name == "policy" or (name not in _ALWAYS and is_default(name, settings)):
            continue
        told.append(f"{name.replace('_', ' ') if name.endswith('time') else name} {written(value, name)}")
    return ", ".join(told)


def written(value: Any, name: str = "") -> str:
    """A setting in words."""
    if value is None:
        return "none" if name == "kv_offload" else "no limit"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, TimeModel):
        return value._phrase()
    if isinstance(value, str):
        return value
    if callable(value):
        return f"by the function {getattr(value, '__name__', type(value).__name__)}"
    kind = KINDS.get(name) or LIMITS.get(name) or CLIENT_KINDS.get(name)
    if name == "time_per_token" or (kind is not None and kind.is_seconds):
        return seconds(float(value))
    return f"{value:,}" if isinstance(value, int) else str(value)
