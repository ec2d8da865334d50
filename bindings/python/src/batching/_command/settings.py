"""From what is typed to the arguments of batching.simulate, and to the runs that several values make."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from batching._engine.client import CLIENT_KINDS
from batching._engine.config import KINDS, LIMITS, Policy
from batching._ffi.arguments import shown
from batching._ffi.errors import BatchingError, BatchingValueError
from batching._times.affine import AffineTime
from batching._times.kind import IterationTime, read_time

# Policy, iteration time and tiers have options of their own, and no --setting.
_KINDS: Final = {
    name: kind
    for name, kind in (KINDS | LIMITS | CLIENT_KINDS).items()
    if name not in {"policy", "iteration_time", "kv_offload"}
}

POLICIES: Final = get_args(Policy)


@dataclass(frozen=True)
class Plan:
    """One run to be made."""

    name: str
    """How it differs from the others."""
    settings: dict[str, Any]
    """Arguments of batching.simulate."""
    varied: dict[str, str]
    """Those of them that are not the same in all runs, as they are written; empty if only the policy differs."""


def plans(policies: Sequence[str], common: dict[str, Any], settings: Sequence[str]) -> list[Plan]:
    """A run for each policy and each combination of values, in the order in which they were typed."""
    varied: dict[str, list[Any]] = {}
    for text in settings:
        name, values = _setting(text)
        if name in varied:
            raise BatchingError(f"--setting {name} is given twice: put its values behind one =, with commas between")
        varied[name] = values
    seen: set[str] = set()
    for policy in policies:
        if policy not in POLICIES:
            raise BatchingValueError(f"--policy is {policy}: must be one of {', '.join(POLICIES)}")
        if policy in seen:
            raise BatchingValueError(f"--policy {policy} is given twice")
        seen.add(policy)
    several = [name for name, values in varied.items() if len(values) > 1]
    made = []
    for policy in policies:
        for chosen in itertools.product(*varied.values()):
            own = dict(zip(varied, chosen, strict=True))
            words = [policy] if len(policies) > 1 or not several else []
            words += [f"{name}={_written(own[name])}" for name in several]
            fields = {"policy": policy} if several and len(policies) > 1 else {}
            fields |= {name: _written(own[name]) for name in several}
            made.append(Plan(", ".join(words), {"policy": policy, **common, **own}, fields))
    return made


def iteration_time(text: str | Mapping[str, Any]) -> IterationTime:
    """One number, the terms of an affine time, or what stands in the JSON of a model."""
    terms = {
        "base": "base",
        "prefill": "per_prefill_token",
        "decode": "per_decode_token",
        "context": "per_context_token",
        "prefill_context": "per_prefill_context",
        "prefill_iteration": "per_prefill_iteration",
        "prefill_chunk": "per_prefill_chunk",
        "startup": "startup",
    }
    if isinstance(text, Mapping):
        time: IterationTime = read_time(text, "--iteration-time")
        return time
    if "=" not in text:
        return _seconds(text, "--iteration-time")
    told: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        name = name.strip()
        if name not in terms:
            raise BatchingValueError(f"--iteration-time has the term {name}: must be one of {', '.join(terms)}")
        told[terms[name]] = _seconds(value, f"--iteration-time's {name}")
    return AffineTime(**told)


def _seconds(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise BatchingValueError(f"{name} is {shown(text)}: must be a number of seconds") from None
    if not math.isfinite(value):
        raise BatchingValueError(f"{name} is {text.strip()}: must be a finite number of seconds")
    return value


def _setting(text: str) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in _KINDS:
        raise BatchingValueError(f"--setting {shown(name)} is unknown: must be one of {', '.join(sorted(_KINDS))}")
    if not equals or not values:
        raise BatchingValueError(f"--setting {text} has no value: write {name}=VALUE")
    return name, [_KINDS[name].parsed(value.strip(), f"--setting {name}") for value in values.split(",")]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
