"""The schedule of a fleet as events of a Chrome trace: a process for each replica."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from batching._ffi.calls import Int64Array
from batching._fleet.result import FleetResult
from batching._output.run_times import RunTimes, held_back
from batching._output.trace_events import (
    Phases,
    Stays,
    Window,
    counted_from,
    lanes_of,
    names,
    rejections,
    running_slices,
    waiting_slices,
)

_FIRST: Final = 1
"""The process of replica 0."""


def fleet_events(
    result: FleetResult, running: Stays, waiting: Stays, times: RunTimes, window: Window | None
) -> Iterator[str]:
    """The processes of all replicas, one after the other, and perhaps that of the clients."""
    replicas = len(result.replicas)
    phases = Phases(result, times, result.end_time)
    everything = np.arange(len(result))
    by_replica = [_split(result, requests) for requests in (running.request, waiting.request, everything)]
    for replica in range(replicas):
        process = _FIRST + replica
        run, wait, requests = (places[edges[replica] : edges[replica + 1]] for places, edges in by_replica)
        ran, waited = running.chosen(run), waiting.chosen(wait)
        inside, queue = ran.inside(window), waited.inside(window)
        slots, lines = lanes_of(inside), lanes_of(queue)
        used = max(slots, default=0)
        tracks = [f"slot {number}" for number in range(1, used + 1)]
        tracks += [f"waiting {number}" for number in range(1, max(lines, default=0) + 1)]
        yield from names(process, f"replica {replica}", tracks)
        yield from counted_from(process, ran, waited, window)
        yield from running_slices(process, inside, slots, phases)
        yield from waiting_slices(process, queue, [used + line for line in lines], "queue")
        yield from rejections(process, result, requests, times, window)
    if result._is_closed_loop:
        process = _FIRST + replicas
        held, begins, sent = held_back(result, times)
        stays = Stays(held, begins, sent, np.zeros(len(held), bool)).inside(window)
        lines = lanes_of(stays)
        yield from names(process, "clients", [f"place {number}" for number in range(1, max(lines, default=0) + 1)])
        yield from waiting_slices(process, stays, lines, "client queue")


def _split(result: FleetResult, requests: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Places of these requests, by replica, and where those of each replica begin."""
    replica = result.replica[requests]
    places = np.argsort(replica, kind="stable")
    return places, np.searchsorted(replica[places], np.arange(len(result.replicas) + 1))
