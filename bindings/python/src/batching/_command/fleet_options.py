"""What only fleets ask for: replicas that prefill and decode, and an autoscaler."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from batching._catalogue.deployment import deployment_memory
from batching._command.times import Times
from batching._engine.config import EngineConfig
from batching._ffi.arguments import number, shown, word
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices
from batching._fleet.disaggregation import Disaggregation
from batching._fleet.operations import Scaling
from batching._fleet.pools import Pools
from batching._routing.router import routers

ESTIMATED: Final = ("estimated_ttft", "estimated_e2e")
_MOST: Final = 65_536


@dataclass(frozen=True)
class Size:
    """How many replicas there are: each for all of a request, or some for prompts, and others for what follows."""

    text: str
    prefill: int
    decode: int

    def pools(self, config: EngineConfig) -> Pools:
        """The replicas."""
        if self.prefill == 0:
            return [(config, self.decode)]
        return [(config, self.prefill, "prefill"), (config, self.decode, "decode")]


def sizes(text: str) -> list[Size]:
    """What --replicas says."""
    made = []
    for own in text.split(","):
        numbers = own.strip().split(":")
        if len(numbers) > 2 or not all(one.isdecimal() and 1 <= int(one) <= _MOST for one in numbers):
            raise BatchingValueError(
                f"--replicas is {shown(text)}: must be numbers from 1 to {_MOST}, or pairs of them for prefill:decode, "
                "with commas between"
            )
        made.append(Size(own.strip(), int(numbers[0]) if len(numbers) == 2 else 0, int(numbers[-1])))
    return made


def router_names(text: str) -> list[str]:
    """What --router says."""
    names = [own.strip() for own in text.split(",")]
    known = [*routers(), *ESTIMATED]
    for name in names:
        if name not in known:
            raise BatchingValueError(f"--router is {shown(name)}: must be one of {', '.join(known)}")
    return names


def disaggregation(
    made: Sequence[Size], timed: Times, preset: str, bandwidth: float | None, kv_bytes: float | None
) -> tuple[Disaggregation | None, str]:
    """How prefill and decode are split where a size says so, and that in words."""
    if not any(one.prefill for one in made):
        return None, ""
    word(preset, "--pd-preset", choices.PRESET_NAMES)
    if kv_bytes is None and timed.deployment is not None:
        kv_bytes = deployment_memory(
            **{name: value for name, value in timed.deployment.items() if name in _DEPLOYED}
        ).kv_bytes_per_token
    if bandwidth is None:
        return Disaggregation(preset=preset), f"{preset}, transfers take no time"  # type: ignore[arg-type]
    speed = number(bandwidth, "--link-bandwidth")
    if kv_bytes is None:
        raise BatchingValueError("--link-bandwidth is given, but --kv-bytes-per-token is not: must be both, or --model")
    split = Disaggregation(
        preset=preset,  # type: ignore[arg-type]
        kv_bytes_per_token=number(kv_bytes, "--kv-bytes-per-token"),
        link_bandwidth=speed * 1e9,
    )
    return split, f"{preset}, {kv_bytes:,.0f} bytes a token over {speed:g} GB/s"


_DEPLOYED: Final = ("model", "gpu", "tensor_parallel", "dtype", "kv_dtype", "gpu_memory_utilization")


def autoscaling(text: str | None) -> Scaling | None:
    """What --autoscale says: the name of a rule, and its settings as name=value, with commas between."""
    if text is None:
        return None
    name, *rest = text.split(",")
    settings: dict[str, Any] = {}
    for one in rest:
        key, equals, value = one.partition("=")
        if not equals:
            raise BatchingValueError(f"--autoscale has {shown(one)}: must be a setting, as target=8")
        settings[key.strip()] = _value(value.strip())
    try:
        return Scaling(name.strip(), **settings)  # type: ignore[arg-type]
    except TypeError as error:
        raise BatchingValueError(f"--autoscale: {error}") from None


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
