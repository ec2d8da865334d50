"""Conversations of coding agents, as in Weka's kv-cache-tester: JSON objects, each a conversation with its requests.

A request has `in` and `out` tokens, `hash_ids` of its prompt's blocks, and times in seconds: `t` from the beginning of
the conversation, `api_time` that the server took, and `think_time` that the client waited before it sent the request.
An entry of the type subagent has requests of its own, for which its parent waits: they stand in its place, so that what
subagents did side by side is done one after the other. The files do not say when conversations began.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from batching._traces.formats.json_rows import Gathered, Keys, integer_list, objects
from batching._traces.formats.rows import Rows
from batching._traces.formats.source import Source
from batching._traces.trace import Trace

NO_CONVERSATION: Final = "no conversation with a list of requests"
NO_REQUEST: Final = "no request"

_KEYS: Final = Keys(
    output="out",
    prompt="in",
    arrival=None,
    session="session",
    keeps_sessions=False,
    delay="think_time",
    hash_ids="hash_ids",
)
_Values = Mapping[str, Any]


def read(source: Source, known: str) -> Trace:
    """The trace in a file of such objects."""
    rows = Rows(source)
    gathered = Gathered(_KEYS)
    ids = _HashIds()
    for number, conversation in enumerate(objects(rows, source)):
        requests = conversation.get("requests")
        if not isinstance(requests, list):
            rows.skip(NO_CONVERSATION)
            continue
        ids.begin(is_global=conversation.get("hash_id_scope") == "global")
        for request, delay in _in_turn(requests):
            reason: str | None = NO_REQUEST
            if request is not None:
                named = {"session": number, "think_time": delay, "hash_block_size": conversation.get("block_size")}
                hashes = {"hash_ids": ids.of(request.get("hash_ids"))}
                reason = gathered.add({"in": request.get("in"), "out": request.get("out")} | named | hashes)
            if reason is not None:
                rows.skip(reason)
    return gathered.trace(rows, known)


def _in_turn(entries: list[Any], *, are_inner: bool = False) -> Iterator[tuple[_Values | None, object]]:
    """The requests one after the other, those of subagents in their places, and the delay of each in seconds: its
    think_time, or else the time since the one before was answered. None for what is no request.
    """
    answered: float | None = None
    for entry in entries:
        if not isinstance(entry, dict):
            yield None, 0.0
        elif entry.get("type") == "subagent" and not are_inner:
            inner = entry.get("requests")
            yield from _in_turn(inner if isinstance(inner, list) else [], are_inner=True)
            ended = _sum(entry.get("t"), (_number(entry.get("duration_ms")) or 0.0) / 1000)
            answered = max((time for time in (answered, ended) if time is not None), default=None)
        else:
            thought, sent = entry.get("think_time"), _number(entry.get("t"))
            if thought is None:
                thought = 0.0 if answered is None or sent is None else max(sent - answered, 0.0)
            yield entry, thought
            answered = _sum(sent, _number(entry.get("api_time")) or 0.0)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None


def _sum(time: object, length: float) -> float | None:
    number = _number(time)
    return None if number is None else number + length


class _HashIds:
    """Hash ids that are those of one conversation alone, as ids that no other has. Those of a global scope are one."""

    def __init__(self) -> None:
        self._count = 0
        self._everywhere: dict[int, int] = {}
        self._here = self._everywhere

    def begin(self, *, is_global: bool) -> None:
        """A conversation, which has ids of its own unless they are global."""
        self._here = self._everywhere if is_global else {}

    def of(self, told: object) -> object:
        """The ids in place of those; what is no list of integers is left for others to refuse."""
        ids = integer_list(told)
        return told if ids is None else [self._number(one) for one in ids]

    def _number(self, one: int) -> int:
        if one not in self._here:
            self._here[one] = self._count
            self._count += 1
        return self._here[one]
