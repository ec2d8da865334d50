"""Events of requests, for the tests of the accumulator: recorded ones and random ones, in any interleaving."""

import gzip
import json
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from batching import Accumulator, AccumulatorEvent, RecordedRequests

DATA = Path(os.environ.get("BATCHING_DATA", Path(__file__).parents[4] / "shared" / "data"))
INPUTS = DATA / "metrics" / "inputs"

Event = tuple[float, int, AccumulatorEvent, int]
"""Time, request, kind, value."""


@dataclass
class Told:
    """A request: whole microseconds, and the number of tokens of each chunk."""

    arrival: int
    prompt: int
    chunks: list[tuple[int, int]]
    end: int
    success: bool = True
    start: int | None = None
    reason: int = 0

    @property
    def tokens(self) -> int:
        return sum(count for _, count in self.chunks)

    def events(self, request: int) -> list[Event]:
        """In order of time."""
        listed = [(self.arrival / 1e6, request, AccumulatorEvent.ARRIVED, self.prompt)]
        if self.start is not None:
            listed.append((self.start / 1e6, request, AccumulatorEvent.STARTED, 0))
        listed += [(time / 1e6, request, AccumulatorEvent.TOKENS, count) for time, count in self.chunks]
        last = AccumulatorEvent.FINISHED if self.success else AccumulatorEvent.FAILED
        return [*listed, (self.end / 1e6, request, last, self.reason)]


@dataclass
class Recording:
    """What an input of shared/data/metrics has."""

    duration: float
    requests: list[Told]
    slo: dict[str, float] = field(default_factory=dict)


def names() -> list[str]:
    return sorted(path.name for path in INPUTS.glob("*.json*")) if INPUTS.is_dir() else []


def recording(name: str) -> Recording:
    path = INPUTS / name
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    given = json.loads(text)
    requests = []
    for row in given["requests"]:
        times = np.cumsum([row["start_us"] + row["ttft_us"], *row["itl_us"]]).tolist()
        # A failed request without a token never had a chunk.
        chunks = len(times) if row["success"] or row["ttft_us"] > 0 else 0
        total = row["output_len"]
        counts = [total // chunks + (place < total % chunks) for place in range(chunks)] if chunks else []
        requests.append(
            Told(
                arrival=row["start_us"],
                prompt=row["prompt_len"],
                chunks=list(zip(times, counts, strict=False)),
                end=row["start_us"] + row["latency_us"],
                success=row["success"],
            )
        )
    slo = {{"e2el": "e2e"}.get(name, name): limit / 1e3 for name, limit in given["goodput_slo_ms"].items()}
    return Recording(given["duration_us"] / 1e6, requests, slo)


def recorded(requests: list[Told]) -> RecordedRequests:
    """The same for the batch calculators."""
    offsets = np.cumsum([0, *(len(told.chunks) for told in requests)])
    return RecordedRequests(
        [told.end / 1e6 for told in requests],
        [told.tokens for told in requests],
        arrival_time=[told.arrival / 1e6 for told in requests],
        start_time=[np.nan if told.start is None else told.start / 1e6 for told in requests],
        first_token_time=[told.chunks[0][0] / 1e6 if told.chunks else np.nan for told in requests],
        prompt_length=[told.prompt for told in requests],
        success=np.array([told.success for told in requests], bool),
        token_times=np.array([time for told in requests for time, _ in told.chunks], float) / 1e6,
        token_offsets=offsets,
    )


def interleaved(requests: dict[int, Told], seed: int) -> list[Event]:
    """The events of all requests in a random order that keeps each request's own."""
    queues = [told.events(request)[::-1] for request, told in requests.items()]
    chance = random.Random(seed)  # noqa: S311  (no secret)
    order = [which for which, queue in enumerate(queues) for _ in queue]
    chance.shuffle(order)
    return [queues[which].pop() for which in order]


def in_order(requests: dict[int, Told]) -> list[Event]:
    """The events of all requests in order of time."""
    return sorted(
        (event for request, told in requests.items() for event in told.events(request)), key=lambda event: event[0]
    )


def tell(accumulator: Accumulator, events: list[Event]) -> None:
    """One by one."""
    for time, request, event, value in events:
        if event == AccumulatorEvent.ARRIVED:
            accumulator.arrived(request, time, value)
        elif event == AccumulatorEvent.STARTED:
            accumulator.started(request, time)
        elif event == AccumulatorEvent.TOKENS:
            accumulator.tokens(request, time, value)
        elif event == AccumulatorEvent.FINISHED:
            accumulator.finished(request, time, "length" if value else "stop")
        else:
            accumulator.failed(request, time, "abort" if value else "error")


def tell_in_columns(accumulator: Accumulator, events: list[Event]) -> None:
    """All at once."""
    time, request, event, value = zip(*events, strict=True) if events else ((), (), (), ())
    accumulator.add(np.array(request, np.int64), np.array(time), np.array(event, np.int32), np.array(value, np.int32))
