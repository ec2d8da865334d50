"""An iteration time that follows from a model and a GPU."""

import ctypes
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Final, Self

from batching._catalogue.deployment import NAMES, AnyModel, Deployment
from batching._catalogue.gpu import GPU
from batching._catalogue.words import Dtype
from batching._ffi.arguments import number, shown
from batching._ffi.calls import check, initialised
from batching._ffi.generated import constants, structs
from batching._ffi.loader import library
from batching._times.model import TimeModel

# What stands in Python alone.
_OWN: Final = ("source", "expected_error")


@dataclass(frozen=True, kw_only=True, repr=False)
class RooflineTime(TimeModel):
    """From a model, its GPUs and what kernels reach of them: `RooflineTime.for_deployment("Llama-3.1-8B", "H100-SXM")`,
    or values of your own. It cannot be changed: `dataclasses.replace` makes another. Two with the same values are
    equal.

    "Engine: iteration times" in batching.h has the formula, and what each value is. All are finite and at least 0; what
    is divided by is above 0.
    """

    _tag: ClassVar[str] = "roofline"
    _names: ClassVar[dict[str, str]] = {"time_roofline": "RooflineTime"}

    layers: float = 0.0
    """Layers."""
    linear_bytes: float = 0.0
    """Bytes of weights that each iteration reads on each GPU: without experts and output head."""
    linear_flops: float = 0.0
    """FLOPs a token with these weights."""
    experts: float = 0.0
    """Experts a layer; 0: none."""
    experts_per_token: float = 0.0
    """Experts that a token goes through."""
    expert_bytes: float = 0.0
    """Bytes of one expert of each layer."""
    expert_flops: float = 0.0
    """FLOPs of a token in one expert of each layer."""
    head_bytes: float = 0.0
    """Bytes of the output head."""
    head_flops: float = 0.0
    """FLOPs of the output head for a sequence."""
    kv_bytes: float = 0.0
    """Bytes of KV that are read a token of context: layers with full attention."""
    window_bytes: float = 0.0
    """The same of layers with a sliding window."""
    window: float = 0.0
    """Tokens of that window."""
    attention_flops: float = 0.0
    """FLOPs of a token that attends to one: layers with full attention."""
    window_attention_flops: float = 0.0
    """The same of layers with a sliding window."""
    allreduce_bytes: float = 0.0
    """Bytes a token of one all-reduce; of them there are two a layer."""
    tensor_parallel: float = 1.0
    """GPUs that share each layer: a power of two."""
    memory_bandwidth: float = 0.0
    """Bytes a second of each GPU."""
    linear_peak: float = 0.0
    """FLOPs a second, in the type that linear layers are computed in."""
    expert_peak: float = 0.0
    """The same for experts."""
    head_peak: float = 0.0
    """The same for the output head."""
    attention_peak: float = 0.0
    """The same for prefill attention."""
    link_bandwidth: float = 0.0
    """Bytes a second from one GPU to the others, in one direction."""
    bandwidth_share: float = 0.0
    """Share of memory_bandwidth that is reached: reading weights."""
    gemm_share: float = 0.0
    """Of linear_peak."""
    expert_bandwidth_share: float = 0.0
    """Of memory_bandwidth: reading experts."""
    expert_gemm_share: float = 0.0
    """Of expert_peak."""
    head_share: float = 0.0
    """Of head_peak."""
    kv_share: float = 0.0
    """Of memory_bandwidth: reading KV."""
    attention_share: float = 0.0
    """Of attention_peak."""
    link_share: float = 0.0
    """Of link_bandwidth."""
    allreduce_latency: float = 0.0
    """Seconds of each all-reduce of two GPUs; of more times their logarithm to base 2."""
    per_iteration: float = 0.0
    """Seconds of each iteration."""
    per_layer: float = 0.0
    """Seconds of each layer."""
    per_sequence: float = 0.0
    """Seconds of each sequence or chunk that is scheduled."""
    per_prefill_iteration: float = 0.0
    """Seconds of each iteration that has a prefill chunk."""
    source: str = ""
    """What it is of, in a phrase: "Llama-3.1-8B (bf16) on H100-SXM"."""
    expected_error: float | None = None
    """The share by which times from spec sheets alone are off, about. None: it is not known, as for values of your own,
    or they were calibrated."""

    @classmethod
    def for_deployment(
        cls,
        model: AnyModel,
        gpu: GPU | str,
        tensor_parallel: int = 1,
        *,
        dtype: Dtype | None = None,
        kv_dtype: Dtype = "bf16",
    ) -> Self:
        """What follows from data sheets, and from what vLLM's kernels reach of them: medians over measured kernels.

        Times are right within about 10% for a dense model on one GPU or over NVLink, within about 25% for a mixture of
        experts or over PCIe.

        Args, raises: as deployment_memory; and a ValueError if the GPU has no link, but tensor_parallel is above 1.

        >>> RooflineTime.for_deployment("Llama-3.1-8B", "H100-SXM")
        RooflineTime(Llama-3.1-8B (bf16) on H100-SXM)
        """
        return cls._of_deployment(Deployment.of(model, gpu, tensor_parallel, dtype, kv_dtype))

    @classmethod
    def _of_deployment(cls, deployment: Deployment) -> Self:
        roofline = initialised(structs.batching_roofline)
        structure = deployment.structure()
        check(library.batching_deployment_roofline_calculate(ctypes.byref(structure), ctypes.byref(roofline)), NAMES)
        return cls(
            **{name: getattr(roofline, name) for name in _VALUES},
            source=deployment.name,
            expected_error=deployment.expected_error,
        )

    def to_dict(self) -> dict[str, Any]:
        """Its values by name, and that it is a roofline."""
        return {"model": self._tag, **asdict(self)}

    def _checked(self, name: str) -> "RooflineTime":
        values: dict[str, Any] = {each: number(getattr(self, each), f"{name}.{each}") for each in _VALUES}
        if not isinstance(self.source, str):
            raise TypeError(f"{name}.source is {shown(self.source)}: must be a string")
        if self.expected_error is not None:
            values["expected_error"] = number(self.expected_error, f"{name}.expected_error")
        return type(self)(**values, source=self.source)

    def _set(self, structure: structs.batching_engine_config) -> None:
        roofline = initialised(structs.batching_roofline)
        for each in _VALUES:
            setattr(roofline, each, getattr(self, each))
        structure.time_model = constants.BATCHING_TIME_ROOFLINE
        structure.time_roofline = ctypes.pointer(roofline)

    def _phrase(self) -> str:
        error = self.expected_error
        expected = "" if error is None else f", from spec sheets: expect ±{100 * error:g}%"
        return f"roofline of {self._what()}{expected}"

    def _what(self) -> str:
        if self.source:
            return self.source
        weights = self.linear_bytes + self.experts * self.expert_bytes + self.head_bytes
        return f"{self.layers:g} layers, {weights / 1e9:.4g} GB of weights at {self.memory_bandwidth / 1e9:,.0f} GB/s"

    def __repr__(self) -> str:
        return f"RooflineTime({self._what()})"


_VALUES: Final = tuple(known.name for known in fields(RooflineTime) if known.name not in _OWN)
