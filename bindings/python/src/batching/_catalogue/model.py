"""Architectures of models by name, from a config.json, or with numbers of one's own."""

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from batching._catalogue.gpu import decoded, encoded
from batching._catalogue.hugging_face import fields_of
from batching._catalogue.words import DTYPES, Dtype, number_of_word
from batching._ffi.arguments import integer, shown
from batching._ffi.calls import check, initialised
from batching._ffi.generated import structs
from batching._ffi.loader import library

_INTEGERS: Final = (
    "num_hidden_layers",
    "hidden_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "vocab_size",
    "num_experts",
    "num_experts_per_tok",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "dense_layers",
    "kv_lora_rank",
    "q_lora_rank",
    "qk_rope_head_dim",
    "qk_nope_head_dim",
    "v_head_dim",
    "sliding_window",
    "full_attention_layers",
)
_INT32_MAX: Final = 2**31 - 1


@dataclass(frozen=True, kw_only=True, repr=False)
class Model:
    """The architecture of a model, in the words of Hugging Face's config.json: `Model.named("Llama-3.1-8B")`,
    `Model.from_hugging_face("config.json")`, or numbers of your own. Two with the same values are equal.

    Raises:
        TypeError: a value is of the wrong type.
        ValueError: a value is below 0, or a word is unknown. What else a value must be is checked where it is used.

    >>> Model.named("meta-llama/Llama-3.1-8B-Instruct")
    Model('Llama-3.1-8B', 32 layers of 4096, 32 heads)
    """

    name: str = ""
    """As the catalogue calls it."""
    num_hidden_layers: int
    """Layers."""
    hidden_size: int
    """Width between the layers."""
    num_attention_heads: int
    """Heads of queries."""
    num_key_value_heads: int = 0
    """Heads of keys and values. 0: as many as num_attention_heads."""
    head_dim: int = 0
    """Width of a head. 0: hidden_size / num_attention_heads."""
    intermediate_size: int = 0
    """Width of the feed-forward layers without experts: of three matrices each."""
    vocab_size: int
    """Tokens that there are."""
    tie_word_embeddings: bool = False
    """Whether the output head is the embedding."""
    num_experts: int = 0
    """Routed experts of a layer that has them. 0: none."""
    num_experts_per_tok: int = 0
    """Routed experts that a token goes through."""
    moe_intermediate_size: int = 0
    """Width of one routed expert."""
    shared_expert_intermediate_size: int = 0
    """Width of all shared experts together. 0: none."""
    dense_layers: int = 0
    """Of a model with experts: layers without them."""
    kv_lora_rank: int = 0
    """MLA: the latent that stands for keys and values. 0: no MLA."""
    q_lora_rank: int = 0
    """MLA: the latent of queries. 0: none."""
    qk_rope_head_dim: int = 0
    """MLA: dimensions of a key with position."""
    qk_nope_head_dim: int = 0
    """MLA: dimensions of a key without."""
    v_head_dim: int = 0
    """MLA: dimensions of a value."""
    sliding_window: int = 0
    """Tokens that layers with a window attend to. 0: all layers attend to all."""
    full_attention_layers: int = 0
    """Layers that attend to all, if there is a window."""
    weight_dtype: Dtype = "bf16"
    """The type in which its weights are published: what a `dtype` of None means."""
    source: str = ""
    """Where the numbers stand."""

    def __post_init__(self) -> None:
        for name in _INTEGERS:
            self.__dict__[name] = integer(getattr(self, name), name, 0, _INT32_MAX)
        if not isinstance(self.tie_word_embeddings, bool):
            raise TypeError(f"tie_word_embeddings is {shown(self.tie_word_embeddings)}: must be True or False")
        number_of_word(DTYPES, self.weight_dtype, "weight_dtype")

    @classmethod
    def named(cls, name: str) -> Self:
        """One of the catalogue. Case does not count, nor does what is neither a letter nor a digit, what stands before
        a "/", and "Instruct" at the end.

        Raises:
            TypeError: the name is no text.
            ValueError: there is none of that name; the sentence lists names that are near.
        """
        structure = initialised(structs.batching_model)
        check(library.batching_model_find(encoded(name, "name"), ctypes.byref(structure)))
        return cls._of(structure)

    @classmethod
    def from_hugging_face(cls, config: Mapping[str, Any] | str | os.PathLike[str], *, name: str = "") -> Self:
        """From a config.json: dense models, grouped queries, MLA, mixtures of experts, sliding windows; of a model that
        sees or hears, the part that writes. weight_dtype is what its quantization_config says.

        Args:
            config: what stands in the file; or its path, or that of its folder.
            name: what to call it. Empty: as the file or its folder does.

        Raises:
            OSError: the file cannot be read.
            TypeError: a value is of the wrong type.
            ValueError: it is no JSON object, a field is missing (the sentence names it), or the model is of a kind
                whose layers are not counted here.
        """
        return cls(**fields_of(config, name))

    @classmethod
    def _of(cls, structure: structs.batching_model) -> Self:
        return cls(
            name=decoded(structure.name),
            source=decoded(structure.source),
            tie_word_embeddings=bool(structure.tie_word_embeddings),
            **{name: getattr(structure, name) for name in _INTEGERS},
        )

    def _structure(self) -> structs.batching_model:
        structure = initialised(structs.batching_model)
        for name in _INTEGERS:
            setattr(structure, name, getattr(self, name))
        structure.tie_word_embeddings = self.tie_word_embeddings
        return structure

    def __repr__(self) -> str:
        parts = [repr(self.name)] if self.name else []
        parts.append(f"{self.num_hidden_layers} layers of {self.hidden_size}")
        parts.append(f"{self.num_attention_heads} heads")
        if self.num_experts:
            parts.append(f"{self.num_experts_per_tok} of {self.num_experts} experts")
        return f"Model({', '.join(parts)})"


def models() -> list[Model]:
    """All models of the catalogue, in order of name."""
    count = ctypes.c_int64()
    check(library.batching_models_count(ctypes.byref(count)))
    structure = initialised(structs.batching_model)
    found = []
    for index in range(count.value):
        check(library.batching_model_get(index, ctypes.byref(structure)))
        found.append(Model._of(structure))
    return found


def model_of(model: "Model | str | Mapping[str, Any] | os.PathLike[str]", argument: str = "model") -> Model:
    """What an argument means: a model, a name, what stands in a config.json, or the path of one."""
    if isinstance(model, Model):
        return model
    if isinstance(model, str):
        return Model.from_hugging_face(model) if is_path(model) else Model.named(model)
    if isinstance(model, Mapping | os.PathLike):
        return Model.from_hugging_face(model)
    raise TypeError(
        f"{argument} is {shown(model)}: must be a Model, a name, a path of a config.json, or what stands in one"
    )


def is_path(text: str) -> bool:
    """Whether a text is a path and no name. "Qwen/Qwen3-8B" is a name, unless there is such a folder of a model."""
    return text.endswith(".json") or (Path(text) / "config.json").is_file()
