"""How an engine is configured: what `simulate` and `LiveEngine` have in common.

A field of the configuration stands in this file only: in EngineSettings, which types the keyword forms, and in
EngineConfig. The checks, the struct, the JSON form, the command's --setting and what reports print follow from it.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, Self, TypedDict, TypeVar, Unpack, get_args

from batching._catalogue.deployment import AnyModel, Deployment
from batching._catalogue.gpu import GPU
from batching._catalogue.words import Dtype
from batching._engine.callbacks import Callbacks, Iteration
from batching._engine.client import CLIENT_DEFAULTS
from batching._engine.kinds import Choice, Integer, Kind, Number, Switch
from batching._engine.offload import KVOffload, OffloadKind, read_offload
from batching._engine.policy import CustomPolicy
from batching._ffi.arguments import shown
from batching._ffi.calls import initialised
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, constants, structs
from batching._times.kind import IterationTime, checked_time, names_of_time, read_time, set_time
from batching._times.model import TimeModel
from batching._times.roofline import RooflineTime

Policy = choices.PolicyName
"""What decides which requests compute how many tokens: see `EngineConfig`."""
QueueOrder = choices.QueueOrderName
"""In which order waiting requests are admitted: see `EngineConfig`."""

# What the C interface calls otherwise.
NAMES: Final = {
    "enable_prefix_caching is 1: must be 0": "enable_prefix_caching is True: must be False",
    "async_scheduling is 1: must be 0": "async_scheduling is True: must be False",
    "must be NULL without enable_prefix_caching": "must be None without enable_prefix_caching",
    "time_callback's answer": "iteration_time's answer",
    "time_callback is NULL": "iteration_time is None",
    "policy_callback is NULL": "policy is None",
}


class _PolicyKind(Choice):
    """The name of a policy, or a function."""

    def __init__(self) -> None:
        super().__init__(choices.POLICY_NAMES, ", or a function")

    def checked(self, value: Any, name: str) -> Any:
        return value if callable(value) else super().checked(value, name)

    def set(self, structure: Any, field: str, value: Any) -> None:  # noqa: ARG002  (there is one)
        structure.policy = constants.BATCHING_POLICY_CUSTOM if callable(value) else choices.POLICY_NAMES[value]

    def plain(self, value: Any, name: str) -> Any:
        return _no_function(value, name)


class _IterationTimeKind(Number):
    """A constant, a model, or a function."""

    def __init__(self) -> None:
        super().__init__(is_seconds=True)

    def checked(self, value: Any, name: str) -> Any:
        return checked_time(value, name)

    def set(self, structure: Any, field: str, value: Any) -> None:  # noqa: ARG002  (it is several fields)
        set_time(structure, value)

    def plain(self, value: Any, name: str) -> Any:
        return value.to_dict() if isinstance(value, TimeModel) else _no_function(value, name)


def _no_function(value: Any, name: str) -> Any:
    if callable(value):
        raise BatchingValueError(
            f"{name} is {shown(value)}: a function has no JSON form; write the configuration without it, and "
            f"replace({name}=...) it when that is read back"
        )
    return value


class EngineSettings(TypedDict, total=False):
    """The keyword arguments of EngineConfig, which says what they are."""

    policy: Policy | CustomPolicy
    queue_order: QueueOrder
    max_num_seqs: int
    max_num_batched_tokens: int | None
    long_prefill_token_threshold: int
    max_model_len: int | None
    enable_chunked_prefill: bool
    scheduler_reserve_full_isl: bool
    async_scheduling: bool
    instant_prefill: bool
    max_queue_delay: float
    num_gpu_blocks: int | None
    block_size: int
    enable_prefix_caching: bool
    watermark: float
    admit_oversized: bool
    kv_offload: KVOffload | None
    iteration_time: IterationTime | Callable[[Iteration], float]


@dataclass(frozen=True, kw_only=True, repr=False)
class EngineConfig:
    """How a serving engine schedules, what memory it has, and how long its iterations take. It cannot be changed:
    `replace` makes another. Two with the same values are equal.

    The arguments have vLLM's names. "The engine" in the manual and "Engine" in batching.h say what each policy
    decides, and where a default differs from vLLM's.

    Args:
        policy: "vllm" decides what vLLM V1's scheduler decides; "continuous", "orca", "static" and "dynamic" are what
            to compare it with. Or a policy of your own: a function of a PolicyView and a PolicyDecision, called once
            for each iteration. "Engine: your policy" in batching.h says what it may decide.
        queue_order: in which order waiting requests are admitted. By "priority", the least urgent is preempted first.
        max_num_seqs: the most requests that run at once; the batch of static and dynamic.
        max_num_batched_tokens: vllm: the most tokens in an iteration. None: 2048, or max_num_seqs if that is more.
        long_prefill_token_threshold: vllm: the most tokens of one request in an iteration. 0: no such limit.
        max_model_len: the most tokens of a request. None: no limit.
        enable_chunked_prefill: vllm: whether a prompt may be computed over several iterations.
        scheduler_reserve_full_isl: vllm: whether a request is admitted only when its whole prompt fits.
        async_scheduling: vllm: whether an iteration is scheduled before the output of the one before is known.
        instant_prefill: whether prompts cost neither tokens nor time.
        max_queue_delay: dynamic: seconds after which a batch starts though it is not full.
        num_gpu_blocks: KV blocks, vLLM's null block included. None: no limit.
        block_size: tokens in a KV block.
        enable_prefix_caching: vllm: whether blocks are found again by their content, the hash_ids of the requests.
        watermark: vllm: share of the blocks that must stay free when a request is admitted beside others.
        admit_oversized: whether a request that can never fit waits without end, instead of being rejected.
        kv_offload: where KV blocks stay that leave the memory of the GPU: a KVOffload. None: nowhere. Needs
            enable_prefix_caching.
        iteration_time: seconds; or an AffineTime, a RooflineTime or a TableTime; or a function that is asked for each
            iteration.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of the range of its type, or a word is unknown. What else a value must be is checked
            by `simulate` and `LiveEngine`.

    >>> from batching import AffineTime
    >>> config = EngineConfig(max_num_seqs=8, iteration_time=AffineTime(base=0.005))
    >>> config.replace(max_num_seqs=16)  # doctest: +ELLIPSIS
    EngineConfig(max_num_seqs=16, iteration_time=AffineTime(base=0.005, ...))
    >>> EngineConfig.from_json(config.to_json()) == config
    True
    """

    policy: Annotated[Policy | CustomPolicy, _PolicyKind()] = "vllm"
    queue_order: Annotated[QueueOrder, Choice(choices.QUEUE_ORDER_NAMES)] = "arrival"
    max_num_seqs: Annotated[int, Integer(1)] = 256
    max_num_batched_tokens: Annotated[int | None, Integer(1, none_is_zero=True)] = None
    long_prefill_token_threshold: Annotated[int, Integer()] = 0
    max_model_len: Annotated[int | None, Integer(1, none_is_zero=True)] = None
    enable_chunked_prefill: Annotated[bool, Switch("disable_chunked_prefill")] = True
    scheduler_reserve_full_isl: Annotated[bool, Switch("disable_reserve_full_isl")] = True
    async_scheduling: Annotated[bool, Switch()] = False
    instant_prefill: Annotated[bool, Switch()] = False
    max_queue_delay: Annotated[float, Number(is_seconds=True)] = 0.0
    num_gpu_blocks: Annotated[int | None, Integer(1, none_is_zero=True)] = None
    block_size: Annotated[int, Integer(1, 65_536)] = 16
    enable_prefix_caching: Annotated[bool, Switch()] = False
    watermark: Annotated[float, Number()] = 0.0
    admit_oversized: Annotated[bool, Switch()] = False
    kv_offload: Annotated[KVOffload | None, OffloadKind()] = None
    iteration_time: Annotated[IterationTime | Callable[[Iteration], float], _IterationTimeKind()] = 0.01

    def __post_init__(self) -> None:
        for name, value, kind in self._given():
            self.__dict__[name] = kind.checked(value, name)
        if callable(self.policy) and self.queue_order != "arrival":
            order = shown(self.queue_order)
            raise BatchingValueError(
                f"queue_order is {order}: must be 'arrival' with a policy of your own, which orders all"
            )

    def replace(self, **changes: Unpack[EngineSettings]) -> Self:
        """The same but for some fields."""
        return replace(self, **changes)

    @classmethod
    def for_deployment(
        cls,
        model: AnyModel,
        gpu: GPU | str,
        *,
        tensor_parallel: int = 1,
        dtype: Dtype | None = None,
        kv_dtype: Dtype = "bf16",
        gpu_memory_utilization: float = 0.9,
        **settings: Unpack[EngineSettings],
    ) -> Self:
        """A model on GPUs, by names: iteration_time as `RooflineTime.for_deployment` has it, from spec sheets, and as
        many num_gpu_blocks as `deployment_memory` counts.

        Args:
            model: a Model, the name of one, what stands in a config.json, or the path of one.
            gpu: a GPU, or the name of one.
            tensor_parallel: GPUs that share each layer.
            dtype: the type of linear layers and experts. None: the model's weight_dtype.
            kv_dtype: the type of the KV cache.
            gpu_memory_utilization: share of the memory that the server may take.
            settings: other fields; where iteration_time or num_gpu_blocks is given, it is taken instead.

        Raises: as `deployment_memory` and `RooflineTime.for_deployment`; and a ValueError if the model does not fit.

        >>> EngineConfig.for_deployment("Llama-3.1-8B", "H100-SXM", max_num_seqs=128).iteration_time
        RooflineTime(Llama-3.1-8B (bf16) on H100-SXM)
        """
        return cls(
            **deployed(
                settings,
                model=model,
                gpu=gpu,
                tensor_parallel=tensor_parallel,
                dtype=dtype,
                kv_dtype=kv_dtype,
                gpu_memory_utilization=gpu_memory_utilization,
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields, also those that are as by default, as JSON has them: an AffineTime is a dict of its terms, and
        another model of the iteration time a dict that says which in "model".

        Raises:
            ValueError: policy or iteration_time is a function, which cannot be written down.
        """
        return plain({name: getattr(self, name) for name in KINDS})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From what `to_dict` gives. What is not in it is as by default.

        Raises:
            TypeError: a value is of the wrong type.
            ValueError: a field is unknown, or its value out of range.
        """
        given = {**_known(values, KINDS, "a field of EngineConfig")}
        if "iteration_time" in given:
            given["iteration_time"] = read_time(given["iteration_time"])
        if "kv_offload" in given:
            given["kv_offload"] = read_offload(given["kv_offload"])
        return cls(**given)

    def to_json(self) -> str:
        """`to_dict` as a JSON object. Raises: as to_dict, and a ValueError if a number is not finite."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """From what `to_json` gives. Raises: as from_dict, and a ValueError if it is no JSON object."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise BatchingValueError(f"text is {shown(text)}: must be a JSON object")
        return cls.from_dict(values)

    def __repr__(self) -> str:
        return f"EngineConfig({', '.join(f'{name}={value!r}' for name, value, _ in self._given())})"

    def _given(self) -> list[tuple[str, Any, Kind]]:
        """The fields that are not as by default."""
        values = self.__dict__
        # Most are the very object that stands in the class.
        return [
            (known.name, values[known.name], known.kind)
            for known in _FIELDS
            if values[known.name] is not known.default
            and not (type(values[known.name]) is known.type and values[known.name] == known.default)
        ]

    def _settings(self) -> dict[str, Any]:
        """All fields by name, with what stands for a None that depends on another."""
        return {**self.__dict__, "max_num_batched_tokens": self._token_budget()}

    def _token_budget(self) -> int:
        given = self.max_num_batched_tokens
        return _usual_token_budget(self.max_num_seqs) if given is None else given

    def _structure(self, callbacks: Callbacks) -> tuple[structs.batching_engine_config, dict[str, str]]:
        """The struct of the C interface, and what that calls otherwise than this does."""
        structure = structs.batching_engine_config.from_buffer_copy(_default_bytes())
        for name, value, kind in self._given():
            kind.set(structure, name, value)
        if callable(self.policy):
            structure.policy_callback = callbacks.policy(self.policy)
        if callable(self.iteration_time):
            structure.time_callback = callbacks.iteration_time(self.iteration_time)
        return structure, {**NAMES, **names_of_time(self.iteration_time)}


def _usual_token_budget(max_num_seqs: int) -> int:
    """What the library takes for max_num_batched_tokens where none is given."""
    return max(2048, max_num_seqs)


class _Field(NamedTuple):
    name: str
    default: Any
    type: type
    kind: Kind


_FIELDS: Final = tuple(
    _Field(known.name, known.default, type(known.default), get_args(known.type)[1]) for known in fields(EngineConfig)
)

LIMITS: Final[dict[str, Kind]] = {
    "time_limit": Number(is_seconds=True, none_is_zero=True),
    "iteration_limit": Integer(1, none_is_zero=True),
}
"""What else decides what comes out of a run: where it ends. None by default."""

KINDS: Final[dict[str, Kind]] = {known.name: known.kind for known in _FIELDS}
"""The fields of EngineConfig, and of what kind their values are."""

_DEFAULT: Final = EngineConfig()


@cache
def _default_bytes() -> bytes:
    """The struct of EngineConfig()."""
    structure = initialised(structs.batching_engine_config)
    for known in _FIELDS:
        known.kind.set(structure, known.name, known.default)
    return bytes(structure)


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run as JSON has them. Raises: as EngineConfig.to_dict."""
    return {name: KINDS[name].plain(value, name) if name in KINDS else value for name, value in settings.items()}


def is_default(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether one of the settings of a run is as by default."""
    if name == "max_num_batched_tokens":
        return bool(settings[name] == _usual_token_budget(settings.get("max_num_seqs", 0)))
    default = next((known.default for known in _FIELDS if known.name == name), CLIENT_DEFAULTS.get(name))
    return bool(settings[name] == default)


def deployed(
    settings: EngineSettings,
    *,
    model: AnyModel,
    gpu: GPU | str,
    tensor_parallel: int,
    dtype: Dtype | None,
    kv_dtype: Dtype,
    gpu_memory_utilization: float | None,
) -> EngineSettings:
    """Settings of an engine, with what follows from a model on GPUs where that is not given."""
    deployment = Deployment.of(
        model,
        gpu,
        tensor_parallel,
        dtype,
        kv_dtype,
        gpu_memory_utilization=gpu_memory_utilization,
        block_size=settings.get("block_size"),
        max_num_seqs=settings.get("max_num_seqs"),
        max_num_batched_tokens=settings.get("max_num_batched_tokens"),
    )
    made = settings.copy()
    if "iteration_time" not in made:
        made["iteration_time"] = RooflineTime._of_deployment(deployment)
    if "num_gpu_blocks" not in made:
        made["num_gpu_blocks"] = deployment.blocks()
    return made


def configured(config: EngineConfig | None, settings: Mapping[str, Any]) -> EngineConfig:
    """What the two forms of `simulate` and `LiveEngine` mean together: a configuration, but for some settings."""
    if config is None:
        return EngineConfig(**settings) if settings else _DEFAULT
    if not isinstance(config, EngineConfig):
        raise TypeError(f"config is {shown(config)}: must be an EngineConfig, or None")
    return replace(config, **settings) if settings else config


def _known(values: Mapping[str, Any], names: Any, what: str) -> Mapping[str, Any]:
    for name in values:
        if name not in names:
            raise BatchingValueError(f"{shown(name)} is not {what}: must be one of {', '.join(names)}")
    return values


FunctionType = TypeVar("FunctionType", bound=Callable[..., Any])


def takes_settings(*values: type[Any]) -> Callable[[FunctionType], FunctionType]:
    """Show `help` which keywords the last parameter, **settings, stands for, and their defaults: fields of these."""

    def shows_settings(function: FunctionType) -> FunctionType:
        signature = inspect.signature(function)
        others = list(signature.parameters.values())[:-1]
        keywords = [
            inspect.Parameter(
                known.name, inspect.Parameter.KEYWORD_ONLY, default=known.default, annotation=get_args(known.type)[0]
            )
            for value in values
            for known in fields(value)
        ]
        function.__signature__ = signature.replace(parameters=[*others, *keywords])  # type: ignore[attr-defined]
        return function

    return shows_settings
