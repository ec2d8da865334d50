"""How prefill and decode are split between pools of replicas."""

from dataclasses import dataclass, fields
from typing import Final, Literal

from batching._ffi.arguments import integer, number, word
from batching._ffi.calls import initialised
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, structs

RoleName = Literal["both", "prefill", "decode"]
ROLES: Final = {member.name.lower(): member.value for member in choices.Role}

_WORDS: Final = {
    "preset": choices.PRESET_NAMES,
    "decider": choices.DECIDER_NAMES,
    "decode_choice": choices.DECODE_CHOICE_NAMES,
    "transfer_tokens": choices.TRANSFER_TOKENS_NAMES,
    "overlap": choices.OVERLAP_NAMES,
    "reserve": choices.RESERVE_NAMES,
    "source_release": choices.SOURCE_RELEASE_NAMES,
    "first_token": choices.FIRST_TOKEN_NAMES,
    "sharing": choices.SHARING_NAMES,
}
# 0 is the default in C. Here None is, and 0 a value, which C calls -1.
_COUNTS_WITH_ZERO: Final = ("decider_tokens", "reserved_decode_tokens")
_NUMBERS: Final = ("kv_bytes_per_token", "link_bandwidth", "link_latency")


@dataclass(frozen=True, kw_only=True)
class Disaggregation:
    """How prefill and decode are split: what `simulate_fleet` does where pools have roles.

    The words that are "preset" are as the preset says. Dynamo's is that of its offline replay, value for value; the
    others are from the sources of vLLM (with its NIXL connector), SGLang and llm-d.

    >>> Disaggregation(preset="vllm_nixl", kv_bytes_per_token=131_072, link_bandwidth=25e9).overlap
    'preset'
    """

    preset: choices.PresetName = "dynamo"
    """What the words are that are "preset"."""
    decider: choices.DeciderName = "preset"
    """Whether the prompt of a request is computed elsewhere: always; never; prefix_threshold: where it, and what of it
    is not cached where it decodes, are both at least decider_tokens; dynamo_conditional: not where that is below
    decider_tokens and below decider_ratio of the prompt."""
    decode_choice: choices.DecodeChoiceName = "preset"
    """When it is chosen where a request decodes: after_prefill, or at_arrival."""
    transfer_tokens: choices.TransferTokensName = "preset"
    """What is sent: full, the whole prompt; missing, the blocks that are not in the prefix cache where it decodes."""
    overlap: choices.OverlapName = "preset"
    """What is sent before the prompt is done, if blocks were reserved by then: none; chunk, all chunks but the last;
    layer, all layers but the last."""
    reserve: choices.ReserveName = "preset"
    """When KV blocks are reserved where it decodes: start, one at a time between iterations; admission, as many as fit;
    prefill, from the arrival on."""
    source_release: choices.SourceReleaseName = "preset"
    """When the source frees its blocks: activation, as the request joins the target; read_done, after the transfer."""
    first_token: choices.FirstTokenName = "preset"  # noqa: S105
    """Where the first token comes from: prefill, or decode."""
    sharing: choices.SharingName = "none"
    """What transfers share: none; source, the bandwidth of their source; pair, that between source and target."""
    kv_bytes_per_token: float = 0.0
    """Bytes of the KV cache a token. 0: transfers take link_latency."""
    link_bandwidth: float = 0.0
    """Bytes a second."""
    link_latency: float = 0.0
    """Seconds that each transfer takes beside."""
    decider_tokens: int | None = None
    """See decider. None: 16; of dynamo_conditional 2,048."""
    decider_ratio: float | None = None
    """See decider. None: 0.7."""
    layers: int = 1
    """Layers of the model, for overlap "layer"."""
    reserved_decode_tokens: int | None = None
    """Tokens of each request that decodes, or will, that reserve "prefill" leaves free. None: 512."""
    lease: float | None = None
    """Seconds after which the source frees blocks whose transfer has not begun: the prompt is then computed where the
    request decodes. None: never."""

    def _structure(self) -> structs.batching_disaggregation_config:
        made = initialised(structs.batching_disaggregation_config)
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in _WORDS:
                setattr(made, name, word(value, name, _WORDS[name]))
            elif name in _NUMBERS:
                setattr(made, name, number(value, name))
            elif value is None:
                continue
            elif name in _COUNTS_WITH_ZERO:
                setattr(made, name, integer(value, name, 0, 2**40) or -1)
            elif name == "layers":
                made.layers = integer(value, name, 1, 65_536)
            elif name == "decider_ratio":
                made.decider_ratio = number(value, name) or -1.0
            else:
                made.lease = number(value, name)
                if made.lease == 0:
                    raise BatchingValueError("lease is 0: must be greater than 0, or None")
        return made
