"""JSON objects with the lengths of requests, and ShareGPT's conversations, whose tokens the caller counts.

As `vllm bench serve` does, the first two turns of a conversation are prompt and output; nothing is shuffled or left out
for its length.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

from batching._arguments import integer
from batching._trace_formats.json_rows import Gathered, Keys, objects
from batching._trace_formats.json_values import values
from batching._trace_formats.named import ARRIVAL_NAMES, OUTPUT_NAMES, PROMPT_NAMES, normal
from batching._trace_formats.rows import NANOSECONDS, Rows
from batching._trace_formats.source import Source
from batching._traces import Trace

CountTokens = Callable[[str], int]

NO_CONVERSATION: Final = "a conversation without two turns of text"
NOT_COUNTED: Final = "a conversation without lengths, and no count_tokens to count them"

_OBJECTS_LOOKED_AT: Final = 100
_CONVERSATIONS: Final = ("conversations", "conversation")
_TEXTS: Final = ("value", "content")


def read(source: Source, known: str, count_tokens: CountTokens | None) -> Trace:
    """The trace in a file of such objects."""
    rows = Rows(source)
    keys = _keys(source)
    gathered = Gathered(keys)
    for value in objects(rows, source):
        named: dict[str, Any] = {}
        for key, item in value.items():
            named.setdefault(normal(key), item)
        reason = _count(value, named, keys, count_tokens) if keys.output not in named else None
        reason = reason or gathered.add(named)
        if reason is not None:
            rows.skip(reason)
    return gathered.trace(rows, known)


def _keys(source: Source) -> Keys:
    """The keys in use, in normal form, by what the first objects have."""
    seen: set[str] = set()
    for value in islice(values(source), _OBJECTS_LOOKED_AT):
        if isinstance(value, dict):
            seen.update(normal(key) for key in value)
    arrival = next((name for name in ARRIVAL_NAMES if name in seen), None)
    prompt = next((name for name in PROMPT_NAMES if name in seen), None)
    if prompt is None and seen & set(_CONVERSATIONS):
        prompt = "prompt_length"
    return Keys(
        output=next((name for name in OUTPUT_NAMES if name in seen), "output_length"),
        prompt=prompt,
        arrival=arrival,
        per_unit=(ARRIVAL_NAMES[arrival] if arrival else None) or NANOSECONDS,
        priority="priority" if "priority" in seen else None,
    )


def _count(value: Mapping[str, Any], named: dict[str, Any], keys: Keys, count_tokens: CountTokens | None) -> str | None:
    """Put the lengths of a conversation beside what else is named, or say why not."""
    turns = next((value[key] for key in _CONVERSATIONS if key in value), None)
    if turns is None:
        return None
    texts = [_text(turn) for turn in turns[:2]] if isinstance(turns, list) else []
    if len(texts) < 2 or not all(isinstance(text, str) for text in texts):
        return NO_CONVERSATION
    if count_tokens is None:
        return NOT_COUNTED
    for key, text in zip((keys.prompt, keys.output), texts, strict=True):
        if key is not None:
            named[key] = integer(count_tokens(text), "what count_tokens returns")
    return None


def _text(turn: object) -> Any:
    if not isinstance(turn, dict):
        return None
    return next((turn[key] for key in _TEXTS if key in turn), None)
