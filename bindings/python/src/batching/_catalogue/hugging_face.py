"""From a Hugging Face config.json to the fields of a Model. Each family has its own words for its experts and windows;
what they mean stands in its modeling_*.py of the library transformers.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from batching._catalogue.config_fields import Fields
from batching._catalogue.layers import full_attention_layers, layers_without_experts
from batching._catalogue.quantization import weight_dtype_of
from batching._ffi.arguments import shown
from batching._ffi.errors import BatchingValueError

# Of each is asked what it has.
_MOST_LAYERS: Final = 65_536
# Models that see or hear have the part that writes in one of these.
_NESTED: Final = ("text_config", "language_config", "llm_config")
_EXPERTS: Final = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
_EXPERTS_PER_TOKEN: Final = ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_k", "moe_topk")
# Feed-forward layers of two matrices, or layers that keep a state instead of keys and values.
_OTHER_LAYERS: Final = {
    "bloom", "falcon", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "mpt", "nemotron", "opt", "phi",
    "starcoder2", "bamba", "falcon_h1", "falcon_mamba", "jamba", "mamba", "mamba2", "nemotron_h", "rwkv", "zamba",
    "zamba2",
}  # fmt: skip
# What the classes of transformers have by default, where published files leave it out.
_GEMMA: Final = {"head_dim": 256, "tie_word_embeddings": True}
_LEFT_OUT: Final[dict[str, dict[str, Any]]] = {
    "gemma": _GEMMA | {"vocab_size": 256_000},
    "gemma2": _GEMMA | {"vocab_size": 256_000, "sliding_window": 4096, "sliding_window_pattern": 2},
    "gemma3_text": _GEMMA
    | {
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "sliding_window": 4096,
        "sliding_window_pattern": 6,
    },
    "cohere": {"tie_word_embeddings": True},
    "cohere2": {"tie_word_embeddings": True, "sliding_window_pattern": 4},
    # A window is only in use where this says so.
    "qwen2": {"use_sliding_window": False},
    "qwen2_moe": {"use_sliding_window": False},
    "qwen3": {"use_sliding_window": False},
    "qwen3_moe": {"use_sliding_window": False},
}


def fields_of(config: Mapping[str, Any] | str | os.PathLike[str], name: str) -> dict[str, Any]:
    """The arguments of Model."""
    values, called = _read(config)
    fields = _of_text(values)
    kind = str(fields["model_type"] or "")
    if kind in _OTHER_LAYERS:
        raise BatchingValueError(
            f"model_type is {kind!r}: must be of a model with attention, and feed-forward layers of three matrices"
        )
    layers = fields.integer("num_hidden_layers", maximum=_MOST_LAYERS)
    window, full = full_attention_layers(fields, layers)
    made: dict[str, Any] = {
        "name": name or str(values.get("_name_or_path") or "") or called or kind,
        "num_hidden_layers": layers,
        "hidden_size": fields.integer("hidden_size"),
        "num_attention_heads": fields.integer("num_attention_heads"),
        "num_key_value_heads": fields.integer("num_key_value_heads", 0),
        "vocab_size": fields.integer("vocab_size"),
        "tie_word_embeddings": bool(fields["tie_word_embeddings"]),
        "sliding_window": window,
        "full_attention_layers": full,
        "weight_dtype": weight_dtype_of(fields["quantization_config"]),
        "source": "config.json",
    }
    if "kv_lora_rank" in fields:
        for each in ("kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"):
            made[each] = fields.integer(each)
        made["q_lora_rank"] = fields.integer("q_lora_rank", 0)
    else:
        made["head_dim"] = fields.integer("head_dim", 0)
    return made | _feed_forward(fields, layers, kind)


def _feed_forward(fields: Fields, layers: int, kind: str) -> dict[str, int]:
    """The layers behind attention: dense ones, experts, or both."""
    experts = fields.integer(fields.first(_EXPERTS), 0)
    if not experts:
        return {"intermediate_size": fields.integer("intermediate_size")}
    if "moe_intermediate_size" in fields:
        width = fields.integer("moe_intermediate_size")
    else:
        width = fields.integer("intermediate_size")
    if "shared_expert_intermediate_size" in fields:
        shared = fields.integer("shared_expert_intermediate_size")
    elif kind.startswith("llama4"):
        # One in each layer with experts; the file does not say so.
        shared = width
    else:
        shared = fields.integer("n_shared_experts", 0) * width
    dense = layers_without_experts(fields, layers)
    made = {
        "num_experts": experts,
        "num_experts_per_tok": fields.integer(fields.first(_EXPERTS_PER_TOKEN)),
        "moe_intermediate_size": width,
        "shared_expert_intermediate_size": shared,
        "dense_layers": dense,
    }
    if dense:
        made["intermediate_size"] = fields.integer(fields.first(("intermediate_size_mlp", "intermediate_size")))
    return made


def _read(config: Mapping[str, Any] | str | os.PathLike[str]) -> tuple[Mapping[str, Any], str]:
    """What stands in it, and what its folder or the file is called."""
    if isinstance(config, Mapping):
        return config, ""
    if not isinstance(config, str | os.PathLike):
        raise TypeError(f"config is {shown(config)}: must be a path, or what stands in a config.json")
    path = Path(config)
    if path.is_dir():
        path /= "config.json"
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:
        raise BatchingValueError(f"{path} is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise BatchingValueError(f"{path} is {shown(values)}: must be a JSON object")
    return values, path.absolute().parent.name if path.name == "config.json" else path.stem


def _of_text(values: Mapping[str, Any]) -> Fields:
    """The fields of the part that writes, with what stands around it, and what published files leave out."""
    prefix = ""
    for nested in _NESTED:
        if isinstance(values.get(nested), Mapping):
            values, prefix = {**values, **values[nested]}, f"{nested}."
            break
    kind = values.get("model_type")
    left_out = _LEFT_OUT.get(kind, {}) if isinstance(kind, str) else {}
    told = {name: value for name, value in values.items() if value is not None or name in {"sliding_window"}}
    return Fields({**left_out, **told}, prefix)
