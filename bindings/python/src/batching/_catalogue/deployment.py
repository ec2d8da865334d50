"""A model on GPUs: what fits into the memory of each."""

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from batching._catalogue.gpu import GPU
from batching._catalogue.model import Model, model_of
from batching._catalogue.words import DTYPES, Dtype, number_of_word
from batching._columns.display import Displayed, Table, count
from batching._ffi.arguments import integer, number, positive, shown
from batching._ffi.calls import check, initialised
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs
from batching._ffi.loader import library

# What the C interface calls otherwise.
NAMES: Final = {r"deployment\.weight_dtype": "dtype"} | {
    rf"deployment\.{known[0]}": known[0] for known in structs.batching_deployment._fields_
}
_KV_DTYPES: Final = {name: DTYPES[name] for name in ("bf16", "fp8", "int8")}
_INT32_MAX: Final = 2**31 - 1

AnyModel = Model | str | Mapping[str, Any] | os.PathLike[str]
"""A Model, the name of one, what stands in a config.json, or the path of one."""


@dataclass(frozen=True)
class DeploymentMemory(Displayed):
    """What fits into the memory of each GPU: bytes, unless it says otherwise."""

    model: Model
    """The model."""
    gpu: GPU
    """The GPU."""
    tensor_parallel: int
    """GPUs that share each layer."""
    dtype: Dtype
    """The type of linear layers and experts; the output head, the embedding and the norms are of 16 bits."""
    kv_dtype: Dtype
    """The type of the KV cache."""
    block_size: int
    """Tokens in a KV block."""
    gpu_memory_utilization: float
    """The share of the memory that the server may take."""
    parameters: float
    """Parameters of the whole model."""
    active_parameters: float
    """Of those, what a token goes through, without the embedding, with the output head."""
    weight_bytes: float
    """Weights."""
    activation_bytes: float
    """The peak of activations: given, or estimated."""
    graph_bytes: float
    """CUDA graphs."""
    other_bytes: float
    """What else is taken: given, or estimated."""
    kv_bytes: float
    """What is left for KV blocks: at least 0."""
    kv_bytes_per_token: float
    """What one token of context adds, in all layers."""
    block_bytes: float
    """One KV block."""
    num_gpu_blocks: int
    """KV blocks; 0 if not even two fit."""
    ridge_point: float
    """FLOPs a byte: the arithmetic intensity from which on linear layers are limited by arithmetic."""

    @property
    def _taken(self) -> float:
        """What the server may take of the memory."""
        return (self.gpu.memory_bytes - self.gpu.driver_bytes) * self.gpu_memory_utilization

    @property
    def kv_tokens(self) -> int:
        """Tokens of context that fit in all, without vLLM's null block."""
        return max(self.num_gpu_blocks - 1, 0) * self.block_size

    def concurrency(self, context: int) -> float:
        """How many sequences of so many tokens fit at once: each takes whole blocks.

        Raises:
            TypeError: the context is no integer.
            ValueError: it is below 1.
        """
        tokens = integer(context, "context", 1)
        return max(self.num_gpu_blocks - 1, 0) / -(-tokens // self.block_size)

    def _table(self) -> Table:
        rows = [
            ("memory of each GPU", _gigabytes(self.gpu.memory_bytes)),
            ("  may be taken", _gigabytes(self._taken)),
            ("  weights", _gigabytes(self.weight_bytes)),
            ("  peak of activations", _gigabytes(self.activation_bytes)),
            ("  CUDA graphs", _gigabytes(self.graph_bytes)),
            ("  other", _gigabytes(self.other_bytes)),
            ("  left for KV blocks", _gigabytes(self.kv_bytes)),
            ("KV bytes a token", count(self.kv_bytes_per_token)),
            (f"KV blocks of {self.block_size} tokens", count(self.num_gpu_blocks)),
            ("tokens of context that fit", count(self.kv_tokens)),
            ("ridge point", f"{self.ridge_point:,.0f} FLOPs/byte"),
        ]
        untold = {"  CUDA graphs"} if not self.graph_bytes else set()
        title = f"Memory of {deployment_name(self.model, self.gpu, self.tensor_parallel, self.dtype, self.kv_dtype)}"
        return Table(title, ("", ""), [row for row in rows if row[0] not in untold])

    def __repr__(self) -> str:
        what = deployment_name(self.model, self.gpu, self.tensor_parallel, self.dtype, self.kv_dtype)
        return (
            f"DeploymentMemory({what}: weights {_gigabytes(self.weight_bytes)}, "
            f"{self.num_gpu_blocks:,} KV blocks of {_gigabytes(self.kv_bytes)})"
        )


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A model on GPUs, checked as far as Python does it; the library checks the rest."""

    model: Model
    gpu: GPU
    tensor_parallel: int
    dtype: Dtype
    kv_dtype: Dtype
    options: Mapping[str, Any] = field(default_factory=dict)
    """What is given of the other fields of batching_deployment."""

    @classmethod
    def of(
        cls,
        model: AnyModel,
        gpu: GPU | str,
        tensor_parallel: int,
        dtype: Dtype | None,
        kv_dtype: Dtype,
        **options: Any,
    ) -> "Deployment":
        """From what callers give; options that are None are as by default."""
        found = model_of(model)
        chosen: Dtype = found.weight_dtype if dtype is None else dtype
        number_of_word(DTYPES, chosen, "dtype")
        number_of_word(_KV_DTYPES, kv_dtype, "kv_dtype")
        where = gpu_of(gpu)
        parallel = integer(tensor_parallel, "tensor_parallel", 1, _INT32_MAX)
        if parallel > 1 and where.link_type == "none":
            raise BatchingValueError(f"tensor_parallel is {parallel}: must be 1 with a GPU of which no link is known")
        return cls(
            model=found,
            gpu=where,
            tensor_parallel=parallel,
            dtype=chosen,
            kv_dtype=kv_dtype,
            options={name: _checked(value, name) for name, value in options.items() if value is not None},
        )

    @property
    def name(self) -> str:
        """In a phrase."""
        return deployment_name(self.model, self.gpu, self.tensor_parallel, self.dtype, self.kv_dtype)

    @property
    def expected_error(self) -> float:
        """By what share times from spec sheets are off, about."""
        over_pcie = self.tensor_parallel > 1 and self.gpu.link_type != "nvlink"
        return 0.25 if self.model.num_experts or over_pcie else 0.1

    def structure(self) -> structs.batching_deployment:
        """The struct of the C interface."""
        structure = initialised(structs.batching_deployment)
        structure.model = ctypes.pointer(self.model._structure())
        structure.gpu = ctypes.pointer(self.gpu._structure())
        structure.tensor_parallel = self.tensor_parallel
        structure.weight_dtype = DTYPES[self.dtype]
        structure.kv_dtype = DTYPES[self.kv_dtype]
        for name, value in self.options.items():
            setattr(structure, name, value)
        return structure

    def memory(self) -> DeploymentMemory:
        """What fits."""
        memory = initialised(structs.batching_deployment_memory)
        structure = self.structure()
        check(library.batching_deployment_memory_calculate(ctypes.byref(structure), ctypes.byref(memory)), NAMES)
        told = {known.name for known in fields(DeploymentMemory)} & {known[0] for known in memory._fields_}
        return DeploymentMemory(
            model=self.model,
            gpu=self.gpu,
            tensor_parallel=self.tensor_parallel,
            dtype=self.dtype,
            kv_dtype=self.kv_dtype,
            block_size=self.options.get("block_size", 16),
            gpu_memory_utilization=self.options.get("gpu_memory_utilization", 0.9),
            **{name: getattr(memory, name) for name in told},
        )

    def blocks(self) -> int:
        """KV blocks; an error if the model does not fit."""
        memory = self.memory()
        if memory.num_gpu_blocks == 0:
            raise BatchingValueError(
                f"{self.name} does not fit: weights take {_gigabytes(memory.weight_bytes)} of each GPU, and "
                f"{_gigabytes(memory._taken)} may be taken; take a greater "
                f"tensor_parallel, or a smaller dtype"
            )
        return memory.num_gpu_blocks


def deployment_memory(
    model: AnyModel,
    gpu: GPU | str,
    tensor_parallel: int = 1,
    *,
    dtype: Dtype | None = None,
    kv_dtype: Dtype = "bf16",
    gpu_memory_utilization: float = 0.9,
    block_size: int = 16,
    max_num_seqs: int = 256,
    max_num_batched_tokens: int | None = None,
    activation_bytes: float | None = None,
    graph_bytes: float = 0.0,
    other_bytes: float | None = None,
) -> DeploymentMemory:
    """The KV blocks that vLLM would have: what it takes of the memory, less weights, peak of activations, CUDA graphs
    and others, over the bytes of a block. "Models and GPUs" in batching.h says how each is estimated.

    Args:
        model: a Model, the name of one, what stands in a config.json, or the path of one.
        gpu: a GPU, or the name of one.
        tensor_parallel: GPUs that share each layer: a power of two that divides the attention heads.
        dtype: the type of linear layers and experts: "bf16", "fp8", "int8", "fp4" or "int4". None: the model's
            weight_dtype.
        kv_dtype: the type of the KV cache: "bf16", "fp8" or "int8".
        gpu_memory_utilization: share of the memory that the server may take, in (0, 1].
        block_size: tokens in a KV block.
        max_num_seqs: the most requests that run at once: for the peak of activations.
        max_num_batched_tokens: the most tokens in an iteration: for the peak of activations. None: 2048, or
            max_num_seqs if that is more.
        activation_bytes: the peak of activations. None: estimated.
        graph_bytes: what CUDA graphs take out of the share.
        other_bytes: what else is taken out of it. None: estimated.

    Raises:
        OSError: a config.json cannot be read.
        TypeError: an argument is of the wrong type.
        ValueError: there is no such model or GPU, or a value is out of its range.

    >>> memory = deployment_memory("Llama-3.1-8B", "H100-SXM")
    >>> memory.kv_bytes_per_token
    131072.0
    """
    return Deployment.of(
        model,
        gpu,
        tensor_parallel,
        dtype,
        kv_dtype,
        gpu_memory_utilization=gpu_memory_utilization,
        block_size=block_size,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        activation_bytes=activation_bytes,
        graph_bytes=graph_bytes,
        other_bytes=other_bytes,
    ).memory()


def gpu_of(gpu: GPU | str) -> GPU:
    """What an argument means."""
    if isinstance(gpu, GPU):
        return gpu
    if isinstance(gpu, str):
        return GPU.named(gpu)
    raise TypeError(f"gpu is {shown(gpu)}: must be a GPU, or the name of one")


def deployment_name(model: Model, gpu: GPU, tensor_parallel: int, dtype: str, kv_dtype: str) -> str:
    """In a phrase: "Llama-3.1-8B (bf16) on H100-SXM"."""
    types = dtype if kv_dtype == "bf16" else f"{dtype}, KV {kv_dtype}"
    times = f"{tensor_parallel} x " if tensor_parallel > 1 else ""
    return f"{model.name or 'a model'} ({types}) on {times}{gpu.name or 'a GPU'}"


def _checked(value: Any, name: str) -> Any:
    if name in {"block_size", "max_num_seqs", "max_num_batched_tokens"}:
        return integer(value, name, 1, 65_536 if name == "block_size" else 2**63 - 1)
    # 0 is the default in C.
    return number(value, name) if name == "graph_bytes" else positive(value, name)


def _gigabytes(value: float) -> str:
    return f"{value / 1e9:,.2f} GB"
