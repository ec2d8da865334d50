"""The load over time by looking at every request in every stretch of time: slow, and independent of the library.

Times are Python integers of nanoseconds. "Load" in include/batching.h says what each number is.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from oracle.simulators import seconds


@dataclass
class SlowServed:
    """A request: when it was in the system, and its tokens."""

    arrival: int
    start: int
    last_token: int
    end: int
    tokens: int

    def runs(self, time: int) -> bool:
        return self.start <= time < self.end

    def waits(self, time: int) -> bool:
        return self.arrival <= time < self.start

    def is_held(self, time: int) -> bool:
        return self.last_token <= time < self.end


@dataclass
class SlowStretch:
    """A time in which nothing changes."""

    start: int
    end: int
    running: int
    waiting: int
    tokens: int
    held: int

    @property
    def length(self) -> int:
        return self.end - self.start


def slow_stretches(requests: Sequence[SlowServed], start: int, end: int, cuts: Sequence[int] = ()) -> list[SlowStretch]:
    """The window, cut wherever anything happens, and at `cuts`."""
    times = {start, end, *cuts}
    for request in requests:
        times.update((request.arrival, request.start, request.last_token, request.end))
    inside = sorted(time for time in times if start <= time <= end)
    return [
        SlowStretch(
            time,
            until,
            running=sum(request.runs(time) for request in requests),
            waiting=sum(request.waits(time) for request in requests),
            tokens=sum(request.tokens for request in requests if request.runs(time)),
            held=sum(request.is_held(time) for request in requests),
        )
        for time, until in itertools.pairwise(inside)
    ]


def _integral(stretches: Sequence[SlowStretch], value: Callable[[SlowStretch], int]) -> int:
    return sum(value(stretch) * stretch.length for stretch in stretches)


def _mean(stretches: Sequence[SlowStretch], value: Callable[[SlowStretch], int]) -> float:
    length = sum(stretch.length for stretch in stretches)
    return float(_integral(stretches, value)) / length if length else 0.0


def slow_load(requests: Sequence[SlowServed], start: int, end: int, slots: int | None) -> dict[str, Any]:
    """What batching_load should tell."""
    stretches = slow_stretches(requests, start, end)

    def unfilled(stretch: SlowStretch) -> int:
        assert slots is not None
        return min(max(0, slots - stretch.running), stretch.waiting)

    held = _integral(stretches, lambda stretch: stretch.held)
    mean_running = _mean(stretches, lambda stretch: stretch.running)
    load: dict[str, Any] = {
        "window_start": seconds(start),
        "window_end": seconds(end),
        "requests": len(requests),
        "mean_running": mean_running,
        "mean_waiting": _mean(stretches, lambda stretch: stretch.waiting),
        "mean_tokens": _mean(stretches, lambda stretch: stretch.tokens),
        "peak_running": max((stretch.running for stretch in stretches), default=0),
        "peak_waiting": max((stretch.waiting for stretch in stretches), default=0),
        "peak_tokens": max((stretch.tokens for stretch in stretches), default=0),
        "utilization": _mean(stretches, lambda stretch: stretch.running > 0),
        "held_slot_time": held / 1e9,
        "slot_utilization": math.nan,
        "unfilled_slot_time": math.nan,
        "wasted_slot_share": math.nan,
    }
    if slots is not None:
        load["slot_utilization"] = mean_running / slots
        load["unfilled_slot_time"] = _integral(stretches, unfilled) / 1e9
        load["wasted_slot_share"] = _mean(stretches, lambda stretch: stretch.held + unfilled(stretch)) / slots
    return load


def slow_changes(requests: Sequence[SlowServed], start: int, end: int) -> list[tuple[int, int, int, int]]:
    """Nanoseconds, running, waiting, tokens: a row wherever one of the last three changes."""
    rows: list[tuple[int, int, int, int]] = []
    for stretch in slow_stretches(requests, start, end):
        values = (stretch.running, stretch.waiting, stretch.tokens)
        if not rows or rows[-1][1:] != values:
            rows.append((stretch.start, *values))
    return rows


def slow_bins(requests: Sequence[SlowServed], start: int, end: int, bins: int) -> list[tuple[float, ...]]:
    """Nanoseconds, means and peaks of running, waiting and tokens, by bin."""
    edges = [start + bin_ * (end - start) // bins for bin_ in range(bins + 1)]
    stretches = slow_stretches(requests, start, end, edges)
    rows = []
    for lower, upper in itertools.pairwise(edges):
        inside = [stretch for stretch in stretches if lower <= stretch.start and stretch.end <= upper]
        values: list[Callable[[SlowStretch], int]] = [
            lambda stretch: stretch.running,
            lambda stretch: stretch.waiting,
            lambda stretch: stretch.tokens,
        ]
        means = [_mean(inside, value) for value in values]
        peaks = [max(map(value, inside)) for value in values]
        rows.append((lower, *means, *peaks))
    return rows
