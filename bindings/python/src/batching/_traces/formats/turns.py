"""The turns of sessions: what a trace leaves out of them, and how its ids become numbers."""

import re
from typing import Final

import numpy as np

from batching._ffi.arguments import INT64_MAX, INT64_MIN
from batching._ffi.calls import Int64Array

NO_TIME: Final = INT64_MIN
"""What stands for an arrival that is not told. No time is it: dates may be before 1970."""


def arrivals_in_turn(session: Int64Array, arrivals: Int64Array) -> Int64Array:
    """The arrivals, none before that of a turn before it in its session, which it takes where it is not told: it cannot
    be sent earlier. NO_TIME where no turn so far has one.
    """
    order = np.argsort(session, kind="stable")
    ids = session[order]
    groups = np.concatenate([np.zeros(1, np.int64), np.cumsum(ids[1:] != ids[:-1])])[: len(ids)]
    # The latest so far, by rank: those of a session are all above those of the session before.
    times, ranks = np.unique(arrivals[order], return_inverse=True)
    latest = np.maximum.accumulate(groups * len(times) + ranks) - groups * len(times)
    told = np.empty_like(arrivals)
    told[order] = times[latest]
    return told


class SessionIds:
    """The ids of sessions, whatever they are, as numbers: 0, 1, 2, ... as they come."""

    def __init__(self) -> None:
        self.were_told = False
        self._numbers: dict[str, int] = {}
        self._count = 0

    def of(self, told: object) -> int:
        """The number of the session of an id. None: a session of its own."""
        if told is None:
            return self._next()
        self.were_told = True
        name = _name(told)
        if name not in self._numbers:
            self._numbers[name] = self._next()
        return self._numbers[name]

    def after(self, turn: object, before: object) -> int:
        """The number of the session of a turn, where the turn before is known by its id; -1 or None: there is none. One
        that is not there, or comes later in the file, is none either: then the turn begins a session.
        """
        self.were_told = True
        number = None if before in _NO_TURN else self._numbers.get(_name(before))
        if number is None:
            number = self._next()
        self._numbers[_name(turn)] = number
        return number

    def integers(self) -> Int64Array | None:
        """For each number the id, where all are integers of 64 bits; what has none gets others behind the greatest."""
        if not all(map(_INTEGER.fullmatch, self._numbers)):
            return None
        ids = {number: int(name) for name, number in self._numbers.items()}
        after = max(ids.values(), default=-1) + 1
        others = (number for number in range(self._count) if number not in ids)
        ids |= {number: after + place for place, number in enumerate(others)}
        if ids and not (min(ids.values()) >= INT64_MIN and max(ids.values()) <= INT64_MAX):
            return None
        return np.array([ids[number] for number in range(self._count)], np.int64)

    def _next(self) -> int:
        self._count += 1
        return self._count - 1


_NO_TURN: Final = (None, -1)
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_WHOLE: Final = re.compile(r"^(-?[0-9]+)\.0*$")


def _name(told: object) -> str:
    """An id as text: 5, 5.0, "5" and "5.0", as a table with gaps has it, are one."""
    if type(told) is int:
        return str(told)
    text = (told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)).strip()
    return _WHOLE.sub(r"\1", text) if "." in text else text
