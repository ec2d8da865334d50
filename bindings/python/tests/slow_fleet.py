"""A slow fleet: before each arrival every replica is advanced to that time, one after the other.

The router is told what happened, in order of time and replica. Rules are restated here, but for that of `dynamo_kv`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from batching import EngineConfig, Event, LiveEngine, RequestColumns, Router


class Rule(Protocol):
    """Which replica gets a request."""

    def route(self, request: int, time: float, tokens: int, prompt: int, hash_ids: npt.NDArray[np.int64]) -> int:
        """Decide, and count it there."""

    def first_token(self, request: int, time: float) -> None:
        """It has its first token."""

    def finished(self, request: int, time: float) -> None:
        """It has ended."""


@dataclass
class RoundRobin:
    """One after the other."""

    replicas: int
    count: int = 0

    def route(self, request: int, time: float, tokens: int, prompt: int, hash_ids: npt.NDArray[np.int64]) -> int:
        """The next."""
        del request, time, tokens, prompt, hash_ids
        self.count += 1
        return (self.count - 1) % self.replicas

    def first_token(self, request: int, time: float) -> None:
        """Nothing."""

    def finished(self, request: int, time: float) -> None:
        """Nothing."""


@dataclass
class Least:
    """The least in flight, requests or tokens; the first of equals."""

    replicas: int
    counts_tokens: bool
    at: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Of each request in flight: its replica, and what it counts."""

    def route(self, request: int, time: float, tokens: int, prompt: int, hash_ids: npt.NDArray[np.int64]) -> int:
        """The first with the least."""
        del time, prompt, hash_ids
        loads = [sum(load for own, load in self.at.values() if own == index) for index in range(self.replicas)]
        chosen = loads.index(min(loads))
        self.at[request] = (chosen, tokens if self.counts_tokens else 1)
        return chosen

    def first_token(self, request: int, time: float) -> None:
        """Nothing."""

    def finished(self, request: int, time: float) -> None:
        """It counts no more."""
        del time
        del self.at[request]


class Dynamo:
    """The library's own rule, alone."""

    def __init__(self, replicas: int, block_size: int) -> None:
        self.router = Router("dynamo_kv", replicas, use_kv_events=False, block_size=block_size)

    def route(self, request: int, time: float, tokens: int, prompt: int, hash_ids: npt.NDArray[np.int64]) -> int:
        """As it says."""
        chosen = self.router.route(
            request, time=time, prompt_length=prompt, output_length=tokens - prompt, hash_ids=hash_ids
        )
        assert chosen is not None
        return chosen

    def first_token(self, request: int, time: float) -> None:
        """As it is told."""
        self.router.first_token(request, time)

    def finished(self, request: int, time: float) -> None:
        """As it is told."""
        self.router.finished(request, time)


@dataclass
class SlowResult:
    """What became of each request."""

    replica: list[int]
    routed_time: list[float]
    start_time: list[float]
    first_token_time: list[float]
    end_time: list[float]
    tokens_generated: list[int]
    preemptions: list[int]
    prefix_cached_tokens: list[int]


def slow_fleet(requests: RequestColumns, configs: Sequence[EngineConfig], rule: Rule) -> SlowResult:
    """One live engine for each configuration, in order."""
    count = len(requests)
    engines = [LiveEngine(config) for config in configs]
    nan = float("nan")
    told = SlowResult(
        [-1] * count, [nan] * count, [nan] * count, [nan] * count, [nan] * count, [0] * count, [0] * count, [0] * count
    )
    assert requests.arrival_time is not None
    assert requests.prompt_length is not None
    for request in sorted(range(count), key=requests.arrival_time.tolist().__getitem__):
        time = float(requests.arrival_time[request])
        _advance(engines, time, told, rule)
        prompt = int(requests.prompt_length[request])
        output = int(requests.output_length[request])
        ids = _hash_ids(requests, request)
        chosen = rule.route(request, time, prompt + output, prompt, ids)
        told.replica[request], told.routed_time[request] = chosen, time
        shared: dict[str, Any] = {}
        if requests.hash_ids is not None:
            shared = {"hash_ids": [ids], "hash_block_size": requests.hash_block_size}
        row = RequestColumns([output], [prompt], [time], tie_break=[request], **shared)
        engines[chosen].submit_columns(row, [request])
    _advance(engines, float("inf"), told, rule)
    return told


def _hash_ids(requests: RequestColumns, request: int) -> npt.NDArray[np.int64]:
    if requests.hash_ids is None or requests.hash_offsets is None:
        return np.empty(0, np.int64)
    return requests.hash_ids[requests.hash_offsets[request] : requests.hash_offsets[request + 1]]


def _advance(engines: Sequence[LiveEngine], time: float, told: SlowResult, rule: Rule) -> None:
    happened = []
    for replica, engine in enumerate(engines):
        engine.advance(time)
        events = engine.poll_columns()
        rows = zip(
            events.time.tolist(), events.request.tolist(), events.event.tolist(), events.tokens.tolist(), strict=True
        )
        happened += [(at, replica, place, *row) for place, (at, *row) in enumerate(rows)]
    for at, _, _, request, event, tokens in sorted(happened):
        if event == Event.ADMITTED:
            told.start_time[request], told.prefix_cached_tokens[request] = at, tokens
        elif event == Event.FIRST_TOKEN:
            told.first_token_time[request] = at
            rule.first_token(request, at)
        elif event == Event.PREEMPTED:
            told.preemptions[request] += 1
        elif event == Event.FINISHED:
            told.end_time[request], told.tokens_generated[request] = at, tokens
            rule.finished(request, at)
