"""An iteration time that is a sum of terms: what a request log can be fitted to."""

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from batching._columns.display import seconds
from batching._ffi.arguments import number
from batching._ffi.generated import constants, structs
from batching._times.model import TimeModel


@dataclass(frozen=True)
class AffineTime(TimeModel):
    """base + per_prefill_token x prefill tokens + per_decode_token x decoding sequences + per_context_token x context
    tokens + per_prefill_context x the sum over prefill chunks of tokens x context + per_prefill_chunk x prefill chunks
    + per_prefill_iteration, if there are any, + startup in the first iteration of a run. Seconds; each at least 0.

    `Iteration` says what the terms count.

    >>> AffineTime(base=0.005, per_decode_token=0.001).seconds(decode_tokens=4)
    0.009
    """

    _tag: ClassVar[str] = "affine"
    _names: ClassVar[dict[str, str]] = {
        "time_base": "base",
        "time_per_prefill_token": "per_prefill_token",
        "time_per_decode_token": "per_decode_token",
        "time_per_context_token": "per_context_token",
        "time_per_prefill_context": "per_prefill_context",
        "time_per_prefill_iteration": "per_prefill_iteration",
        "time_per_prefill_chunk": "per_prefill_chunk",
        "time_startup": "startup",
    }

    base: float = 0.0
    per_prefill_token: float = 0.0
    per_decode_token: float = 0.0
    per_context_token: float = 0.0
    per_prefill_context: float = 0.0
    per_prefill_iteration: float = 0.0
    per_prefill_chunk: float = 0.0
    startup: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Its terms by name."""
        return asdict(self)

    def _checked(self, name: str) -> "AffineTime":
        return AffineTime(*(number(getattr(self, term.name), f"{name}.{term.name}") for term in fields(self)))

    def _set(self, structure: structs.batching_engine_config) -> None:
        structure.time_model = constants.BATCHING_TIME_AFFINE
        for field, term in self._names.items():
            setattr(structure, field, getattr(self, term))

    def _phrase(self) -> str:
        terms = [
            (self.per_prefill_token, " a prefill token"),
            (self.per_decode_token, " a decoding sequence"),
            (self.per_context_token, " a token of context"),
            (self.per_prefill_context, " a prefill token and token of its context"),
            (self.per_prefill_chunk, " a prefill chunk"),
            (self.per_prefill_iteration, " if there is prefill"),
            (self.startup, " in the first iteration"),
        ]
        return " + ".join(
            [
                seconds(self.base),
                *(f"{seconds(factor)}{of}" for factor, of in terms if factor and seconds(factor) != "0 s"),
            ]
        )
