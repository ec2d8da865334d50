"""Which layers of a config.json attend to a window only, and which have no experts."""

from collections.abc import Sequence
from typing import Any, Final

from batching._catalogue.config_fields import Fields
from batching._ffi.arguments import shown
from batching._ffi.errors import BatchingValueError

_ATTENTION: Final = {"full_attention", "sliding_attention", "chunked_attention"}


def full_attention_layers(fields: Fields, layers: int) -> tuple[int, int]:
    """The tokens of the sliding window, and how many layers attend to all; 0, 0: there is no window."""
    kinds = fields.sequence("layer_types")
    if kinds is not None:
        _check_kinds(kinds)
    window = fields.integer("sliding_window", 0)
    if not window or fields["use_sliding_window"] is False:
        return 0, 0
    if kinds is not None:
        full = sum(kind != "sliding_attention" for kind in kinds)
    elif "sliding_window_pattern" in fields:
        full = _full_of_pattern(fields, layers)
    elif "max_window_layers" in fields:
        # Those before it attend to all.
        full = min(fields.integer("max_window_layers"), layers)
    else:
        full = 0
    return (0, 0) if full == layers else (window, full)


def _check_kinds(kinds: Sequence[Any]) -> None:
    for index, kind in enumerate(kinds):
        if not isinstance(kind, str) or kind not in _ATTENTION:
            raise BatchingValueError(
                f"layer_types[{index}] is {shown(kind)}: must be one of {', '.join(map(repr, sorted(_ATTENTION)))}"
            )


def _full_of_pattern(fields: Fields, layers: int) -> int:
    """Every so many layers one attends to all; or letters, L for a window and G for all, over and over."""
    pattern = fields["sliding_window_pattern"]
    if isinstance(pattern, str) and pattern:
        return sum(pattern[layer % len(pattern)] == "G" for layer in range(layers))
    every = fields.integer("sliding_window_pattern")
    return layers // every if every else 0


def _numbers(listed: Sequence[Any]) -> set[int]:
    return {each for each in listed if isinstance(each, int)}


def layers_without_experts(fields: Fields, layers: int) -> int:
    """How many layers of a model with experts have none."""
    dense = _numbers(fields.sequence("mlp_only_layers") or ())
    named = fields.sequence("moe_layers")
    moe = None if named is None else _numbers(named)
    first = fields.integer("first_k_dense_replace", 0)
    # From 1, as decoder_sparse_step and interleave_moe_layer_step count; from 0, as moe_layer_freq does.
    step = fields.integer(fields.first(("decoder_sparse_step", "interleave_moe_layer_step")), 1)
    each = fields.sequence("moe_layer_freq") if isinstance(fields["moe_layer_freq"], list | tuple) else None
    frequency = 1 if each is not None else fields.integer("moe_layer_freq", 1)

    def has_experts(layer: int) -> bool:
        if moe is not None:
            return layer in moe
        if each is not None:
            return layer < len(each) and bool(each[layer])
        regular = (layer + 1) % max(step, 1) == 0 and layer % max(frequency, 1) == 0
        return regular and layer >= first and layer not in dense

    return sum(not has_experts(layer) for layer in range(layers))
