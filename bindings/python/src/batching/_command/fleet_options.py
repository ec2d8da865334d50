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
from batching._scaling.settings import AutoscalerSettings

ESTIMATED: Final = ("estimated_ttft", "estimated_e2e")
_MOST: Final = 65_536
_LARGEST: Final = 1e9
_PRESET: Final = "dynamo"
# Those that can hand requests over.
_POLICIES: Final = ("vllm", "continuous")


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
    made: Sequence[Size], timed: Times, preset: str | None, bandwidth: float | None, kv_bytes: float | None
) -> tuple[Disaggregation | None, str]:
    """How prefill and decode are split where a size says so, and that in words."""
    if not any(one.prefill for one in made):
        given = {"--pd-preset": preset, "--link-bandwidth": bandwidth, "--kv-bytes-per-token": kv_bytes}
        for option, value in given.items():
            if value is not None:
                raise BatchingValueError(f"{option} is given, but --replicas has no P:D: must be left out without one")
        return None, ""
    preset = _PRESET if preset is None else preset
    word(preset, "--pd-preset", choices.PRESET_NAMES)
    if bandwidth is None:
        if kv_bytes is not None:
            raise BatchingValueError("--kv-bytes-per-token is given, but --link-bandwidth is not: must be both")
        return Disaggregation(preset=preset), f"{preset}, transfers take no time"  # type: ignore[arg-type]
    speed = _above_zero(bandwidth, "--link-bandwidth")
    if kv_bytes is None and timed.deployment is not None:
        kv_bytes = deployment_memory(
            **{name: value for name, value in timed.deployment.items() if name in _DEPLOYED}
        ).kv_bytes_per_token
    if kv_bytes is None:
        raise BatchingValueError("--link-bandwidth is given, but --kv-bytes-per-token is not: must be both, or --model")
    split = Disaggregation(
        preset=preset,  # type: ignore[arg-type]
        kv_bytes_per_token=_above_zero(kv_bytes, "--kv-bytes-per-token"),
        link_bandwidth=speed * 1e9,
    )
    return split, f"{preset}, {kv_bytes:,.0f} bytes a token over {speed:g} GB/s"


def _above_zero(value: float, option: str) -> float:
    if not 0 < number(value, option) <= _LARGEST:
        raise BatchingValueError(
            f"{option} is {shown(value)}: must be a number greater than 0, and at most {_LARGEST:g}"
        )
    return value


def check_split(made: Sequence[Size], policy: str, autoscale: str | None) -> None:
    """Throws if something is asked for that replicas with roles do not do."""
    if not any(one.prefill for one in made):
        return
    if autoscale is not None:
        raise BatchingValueError("--autoscale is given with P:D: must be left out, as it takes replicas that do both")
    if policy not in _POLICIES:
        raise BatchingValueError(f"--policy is {policy}: must be {' or '.join(_POLICIES)} with P:D")


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
    known = {*AutoscalerSettings.__annotations__, "initial_replicas", "startup_time"}
    for key in settings:
        if key not in known:
            raise BatchingValueError(
                f"--autoscale has {shown(key)}, which is no setting: must be one of {', '.join(sorted(known))}"
            )
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
