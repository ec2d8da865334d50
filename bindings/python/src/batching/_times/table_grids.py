"""From points that were measured here and there to the columns of a table: rectangular, and nowhere falling.

Decode attention is measured at (sequences, context of each), and completed over (sequences, sum of contexts): a row of
many sequences is seldom measured at long contexts, but how much KV is read decides how long it takes. A chunk of
prefill is measured at (tokens, tokens before it).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from batching._ffi.calls import Float64Array

Point = tuple[float, float]
"""A place, and seconds."""
GridPoint = tuple[float, float, float]
"""A row, a column, and seconds."""

# The furthest place that an axis may have.
_FURTHEST: Final = 2.0**31
# How far grids go on beyond what was measured: what comes after it is in proportion.
_FAR: Final = 2.0**20


@dataclass(frozen=True)
class Line:
    """Seconds over places that rise."""

    places: Float64Array
    seconds: Float64Array

    @classmethod
    def of(cls, points: Iterable[Point]) -> "Line":
        """Where a place was measured more than once, the mean."""
        found: dict[float, list[float]] = defaultdict(list)
        for place, seconds in points:
            found[place].append(seconds)
        places = sorted(found)
        return cls(np.array(places), np.array([sum(found[place]) / len(found[place]) for place in places]))

    def at(self, place: float) -> float:
        """Between two places a straight line; before the first its value; beyond the last with the slope of the last
        half of the range, and from one place in proportion.
        """
        places, seconds = self.places, self.seconds
        last = float(places[-1])
        if place <= last:
            return float(np.interp(place, places, seconds))
        if len(places) == 1:
            return float(seconds[0]) * place / last
        half = max(last / 2, float(places[0]))
        slope = (float(seconds[-1]) - float(np.interp(half, places, seconds))) / (last - half)
        return float(seconds[-1]) + max(slope, 0.0) * (place - last)

    def rising(self) -> "Line":
        """Nowhere falling: half-way between what has come before and what still comes."""
        before = np.maximum.accumulate(self.seconds)
        after = np.minimum.accumulate(self.seconds[::-1])[::-1]
        return Line(self.places, (before + after) / 2)


@dataclass(frozen=True)
class _Surface:
    """Seconds over two axes, rectangular."""

    rows: Float64Array
    columns: Float64Array
    seconds: Float64Array

    @classmethod
    def of(cls, rows: dict[float, Line]) -> "_Surface":
        """Each row completed by its own line, and nowhere falling in either direction."""
        columns = sorted({place for line in rows.values() for place in line.places.tolist()})
        grid = np.array([[line.at(column) for column in columns] for line in rows.values()])
        before = np.maximum.accumulate(np.maximum.accumulate(grid, 0), 1)
        backwards = grid[::-1, ::-1]
        after = np.minimum.accumulate(np.minimum.accumulate(backwards, 0), 1)[::-1, ::-1]
        return cls(np.array(list(rows)), np.array(columns), (before + after) / 2)

    def first_at(self, column: float) -> float:
        """In the first row."""
        return Line(self.columns, self.seconds[0]).at(column)

    def with_end(self, furthest: float) -> "_Surface":
        """With one more column, up to which each row goes on as its last half does."""
        last = float(self.columns[-1])
        end = min(max(furthest, 2 * last), _FURTHEST)
        if end <= last:
            return self
        rows = [Line(self.columns, row).at(end) for row in self.seconds]
        grid = np.column_stack([self.seconds, np.maximum.accumulate(rows)])
        return _Surface(self.rows, np.append(self.columns, end), grid)


def line_columns(points: Sequence[Point], axis: str, values: str) -> dict[str, Any]:
    """The arguments of TableTime for a line."""
    if not points:
        return {}
    line = Line.of(points).rising()
    if len(line.places) == 1:
        return {axis: line.places, values: line.seconds}
    last = float(line.places[-1])
    return {
        axis: np.append(line.places, 2 * last),
        values: np.append(line.seconds, line.at(2 * last)),
    }


def decode_columns(points: Sequence[GridPoint]) -> dict[str, Any]:
    """The arguments of TableTime for decode attention, from points at (sequences, context of each)."""
    surface = _decode_surface(points).with_end(_FAR)
    return {
        "decode_sequences": surface.rows,
        "decode_contexts": surface.columns,
        "decode_seconds": surface.seconds,
    }


def prefill_columns(points: Sequence[GridPoint], decode: Sequence[GridPoint]) -> dict[str, Any]:
    """The arguments of TableTime for prefill attention, from points at (tokens of a chunk, tokens before it)."""
    rows = {row: Line.of(line) for row, line in _by_row(points).items()}
    alone = {row: float(line.seconds[0]) for row, line in rows.items() if line.places[0] == 0}
    if any(line.places.tolist() == [0] for line in rows.values()):
        made = _with_contexts(alone, _decode_surface(decode))
        rows = {row: made[row] if line.places.tolist() == [0] else line for row, line in rows.items()}
    surface = _Surface.of(rows).with_end(_FAR)
    return {
        "prefill_tokens": surface.rows,
        "prefill_contexts": surface.columns,
        "prefill_seconds": surface.seconds,
    }


def _decode_surface(points: Sequence[GridPoint]) -> _Surface:
    summed = [(sequences, sequences * context, seconds) for sequences, context, seconds in points]
    return _Surface.of({row: Line.of(line) for row, line in _by_row(summed).items()})


def _with_contexts(alone: dict[float, float], decode: _Surface) -> dict[float, Line]:
    """Chunks with tokens before them, where only prompts without any were measured: what they take without; reading
    the KV once; or the share of a longer prompt whose pairs of tokens are new, whichever is the most.
    """
    line = Line(np.array(list(alone)), np.array(list(alone.values())))
    last = float(line.places[-1])

    def whole(tokens: float) -> float:
        return line.at(min(tokens, last)) * max(tokens / last, 1.0) ** 2

    columns = [0.0, *alone]
    rows = {}
    for tokens, seconds in alone.items():
        values = [seconds]
        for before in columns[1:]:
            share = 1 - (before / (tokens + before)) ** 2
            values.append(max(seconds, decode.first_at(tokens + before), whole(tokens + before) * share))
        rows[tokens] = Line(np.array(columns), np.array(values))
    return rows


def _by_row(points: Sequence[GridPoint]) -> dict[float, list[Point]]:
    rows: dict[float, list[Point]] = defaultdict(list)
    for row, column, seconds in points:
        rows[row].append((column, seconds))
    return dict(sorted(rows.items()))
