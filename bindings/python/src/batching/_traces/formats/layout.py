"""Which columns a table of requests has."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

RECORDED_TIMES: Final = ("client_arrival_time", "sent_time", "start_time", "first_token_time", "end_time")
"""In the order in which they happen, after the arrival that was asked for. In an open loop the first two are that."""


@dataclass(frozen=True)
class Arrival:
    """The column of the arrivals."""

    name: str
    per_unit: int | None
    """Nanoseconds in its unit; None: it holds dates."""


@dataclass(frozen=True)
class Layout:
    """The names of a table's columns; None where it has no such column."""

    output: str
    prompt: str | None = None
    arrival: Arrival | None = None
    priority: str | None = None
    tie_break: str | None = None
    max_tokens: str | None = None
    abort_time: str | None = None
    """Seconds on the clock of the arrivals."""
    session: str | None = None
    """Integers or whatever else."""
    delay: str | None = None
    """Seconds."""
    hash_ids: str | None = None
    """A column of lists of integers."""
    recorded: Mapping[str, str] | None = None
    """For those of RECORDED_TIMES that there are: the column. Seconds, on the clock of the arrivals."""
    generated: str | None = None
    """Of a recorded run: tokens that a request got, where `output` is what it asked for."""
    was_sent: str | None = None
    """Of a recorded run: 0 for a request that had not been sent when the run ended."""
    failed_reason: str | None = None
    """What an output of 0 means, where it is no mistake."""

    def names(self) -> list[str]:
        """All columns that are needed."""
        arrival = self.arrival.name if self.arrival else None
        named = [self.output, self.prompt, arrival, self.priority, self.tie_break, self.hash_ids]
        named += [self.max_tokens, self.abort_time, self.session, self.delay]
        named += [self.generated, self.was_sent]
        return [name for name in named if name is not None] + list((self.recorded or {}).values())

    def times(self) -> list[str]:
        """Those columns that hold times."""
        own = [self.arrival.name if self.arrival else None, self.abort_time, self.delay]
        return [name for name in own if name is not None] + list((self.recorded or {}).values())

    def with_dates(self) -> "Layout":
        """The same where the arrivals are dates. What is in seconds is of no use beside them."""
        dated = None if self.arrival is None else Arrival(self.arrival.name, None)
        return replace(self, arrival=dated, recorded=None, generated=None, was_sent=None, abort_time=None)
