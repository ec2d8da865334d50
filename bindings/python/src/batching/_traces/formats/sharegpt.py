"""JSON objects with the lengths of requests, and ShareGPT's conversations, whose tokens the caller counts."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from batching._traces.formats import time_texts
from batching._traces.formats.conversations import CONVERSATIONS, CountTokens, counted
from batching._traces.formats.json_rows import Gathered, Keys, objects
from batching._traces.formats.json_values import values
from batching._traces.formats.layout import RECORDED_TIMES
from batching._traces.formats.named import ARRIVAL_NAMES, OUTPUT_NAMES, PROMPT_NAMES, arrival_name, no_arrivals, normal
from batching._traces.formats.rows import NANOSECONDS, Rows
from batching._traces.formats.source import Source
from batching._traces.trace import Trace

_OBJECTS_LOOKED_AT: Final = 100


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
    seen: dict[str, str] = {}
    dates: set[str] = set()
    for value in islice(values(source), _OBJECTS_LOOKED_AT):
        if isinstance(value, dict):
            for key, item in value.items():
                seen.setdefault(normal(key), key)
                if isinstance(item, str) and time_texts.date(item) is not None:
                    dates.add(normal(key))
    arrival = arrival_name(seen)
    prompt = next((name for name in PROMPT_NAMES if name in seen), None)
    if prompt is None and seen.keys() & set(CONVERSATIONS):
        prompt = "prompt_length"
    if arrival is None:
        no_arrivals(source, seen, (*RECORDED_TIMES, "abort_time"), dates)
    per_unit = (ARRIVAL_NAMES[arrival] if arrival else None) or NANOSECONDS
    # Other times are seconds: of no use beside arrivals of another kind.
    in_seconds = per_unit == NANOSECONDS and arrival not in dates
    return Keys(
        output=next((name for name in OUTPUT_NAMES if name in seen), "output_length"),
        prompt=prompt,
        arrival=arrival,
        per_unit=per_unit,
        dated=arrival in dates,
        in_text=True,
        priority="priority" if "priority" in seen else None,
        tie_break="tie_break" if "tie_break" in seen else None,
        max_tokens="max_tokens" if "max_tokens" in seen else None,
        abort_time="abort_time" if in_seconds and arrival is not None and "abort_time" in seen else None,
        session="session" if "session" in seen else None,
        # Without sessions it is one of something else.
        delay="delay" if {"session", "delay"} <= seen.keys() else None,
        hash_ids="hash_ids" if "hash_ids" in seen else None,
        outcome=tuple(name for name in ("tokens_generated", "was_sent") if name in seen and "end_time" in seen),
        recorded=tuple(name for name in RECORDED_TIMES if name in seen and name != arrival)
        if in_seconds and "end_time" in seen
        else (),
    )


def _count(value: Mapping[str, Any], named: dict[str, Any], keys: Keys, count_tokens: CountTokens | None) -> str | None:
    """Put the lengths of a conversation beside what else is named, or say why not."""
    turns = next((value[key] for key in CONVERSATIONS if key in value), None)
    if turns is None:
        return None
    lengths = counted(turns, count_tokens)
    if isinstance(lengths, str):
        return lengths
    named[keys.prompt or ""], named[keys.output] = lengths
    return None
