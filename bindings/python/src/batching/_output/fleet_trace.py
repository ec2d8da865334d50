"""The schedule of a fleet as events of a Chrome trace: a process for each replica, and one for what is between them."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from batching._columns.intervals import NEVER
from batching._ffi.calls import Float64Array, Int64Array
from batching._fleet.result import FleetResult
from batching._output.hand_overs import HandOvers, hand_overs, sent_bytes
from batching._output.run_times import RunTimes, held_back
from batching._output.trace_events import (
    Counters,
    Phases,
    Stays,
    Window,
    counted_from,
    flow_of,
    in_window,
    lanes_of,
    names,
    rejections,
    running_slices,
    slice_of,
    waiting_slices,
)

_FIRST: Final = 1
"""The process of replica 0."""


def fleet_events(
    result: FleetResult, running: Stays, waiting: Stays, times: RunTimes, window: Window | None
) -> Iterator[str]:
    """The processes of all replicas, one after the other, and perhaps those of the transfers and of the clients."""
    replicas = len(result.replicas)
    hands = hand_overs(result)
    phases = _FleetPhases(result, times, hands)
    ran, ran_at = _running(result, running, hands)
    waited, waited_at = _waiting(result, waiting, hands)
    held = Stays(hands.request, *hands.held_at_source, np.zeros(len(hands), bool))
    everything = np.arange(len(result))
    first_at = np.where(result.prefill_replica < 0, result.replica, result.prefill_replica)
    split = [_split(replica, replicas) for replica in (ran_at, waited_at, hands.source, first_at)]
    for replica in range(replicas):
        process = _FIRST + replica
        run, wait, hold, requests = (places[edges[replica] : edges[replica + 1]] for places, edges in split)
        own, queue, kept = ran.chosen(run), waited.chosen(wait), held.chosen(hold)
        inside, line, kept = own.inside(window), queue.inside(window), kept.inside(window)
        slots, lines, shelves = lanes_of(inside), lanes_of(line), lanes_of(kept)
        used = max(slots, default=0)
        shelved = used + max(shelves, default=0)
        tracks = [f"slot {number}" for number in range(1, used + 1)]
        tracks += [f"held {number}" for number in range(1, shelved - used + 1)]
        tracks += [f"waiting {number}" for number in range(1, max(lines, default=0) + 1)]
        role = result.role_of(replica)
        yield from names(process, f"replica {replica}" if role == "both" else f"replica {replica} ({role})", tracks)
        yield from counted_from(process, own, queue, window)
        yield from running_slices(process, inside, slots, phases)
        yield from _flows(process, inside, slots, hands, is_source=role == "prefill")
        yield from _held(process, kept, [used + shelf for shelf in shelves], result)
        yield from waiting_slices(process, line, [shelved + place for place in lines], "queue")
        yield from rejections(process, result, everything[requests], times, window)
    if result.is_split:
        yield from _transfers(_FIRST + replicas, result, hands, window)
    if result._is_closed_loop:
        process = _FIRST + replicas + result.is_split
        held_here, begins, sent = held_back(result, times)
        stays = Stays(held_here, begins, sent, np.zeros(len(held_here), bool)).inside(window)
        lines = lanes_of(stays)
        yield from names(process, "clients", [f"place {number}" for number in range(1, max(lines, default=0) + 1)])
        yield from waiting_slices(process, stays, lines, "client queue")


def _split(replica: Int64Array, replicas: int) -> tuple[Int64Array, Int64Array]:
    """Places of what is at a replica, by replica, and where those of each replica begin."""
    places = np.argsort(replica, kind="stable")
    return places, np.searchsorted(replica[places], np.arange(replicas + 1))


def _running(result: FleetResult, running: Stays, hands: HandOvers) -> tuple[Stays, Int64Array]:
    """Stays in slots, and at which replica: of a request that is handed over one ends with its prompt."""
    begun, first_at = _first(result, running, hands)
    goes_on = np.flatnonzero(hands.decode_start < _ends(result, hands))
    later = hands.chosen(goes_on)
    ends = _ends(result, later)
    stays = Stays(
        np.concatenate([begun.request, later.request]),
        np.concatenate([begun.begin, later.decode_start]),
        np.concatenate([begun.end, ends]),
        np.concatenate([begun.again, np.zeros(len(later), bool)]),
    )
    return stays, np.concatenate([first_at, later.target])


def _waiting(result: FleetResult, waiting: Stays, hands: HandOvers) -> tuple[Stays, Int64Array]:
    """The same of those that wait for a slot; at the second replica from when they are among its requests."""
    begun, first_at = _first(result, waiting, hands)
    begin, end = hands.waiting_for_decode
    later = np.flatnonzero(end > begin)
    stays = Stays(
        np.concatenate([begun.request, hands.request[later]]),
        np.concatenate([begun.begin, begin[later]]),
        np.concatenate([begun.end, end[later]]),
        np.concatenate([begun.again, np.zeros(len(later), bool)]),
    )
    return stays, np.concatenate([first_at, hands.target[later]])


def _first(result: FleetResult, stays: Stays, hands: HandOvers) -> tuple[Stays, Int64Array]:
    """Stays at the replica to which each request was routed first."""
    until = np.full(len(result), np.iinfo(np.int64).max)
    until[hands.request] = hands.held
    source = result.prefill_replica[stays.request].astype(np.int64)
    where = np.where(source >= 0, source, result.replica[stays.request])
    return Stays(stays.request, stays.begin, np.minimum(stays.end, until[stays.request]), stays.again), where


def _ends(result: FleetResult, hands: HandOvers) -> Int64Array:
    """When requests that decode end, in the run."""
    times = np.nan_to_num(result.end_time[hands.request], nan=result.duration)
    return np.rint(1e9 * times).astype(np.int64)


class _FleetPhases(Phases):
    """What a request does in a slot: where it decodes only, it is that from the start."""

    def __init__(self, result: FleetResult, times: RunTimes, hands: HandOvers) -> None:
        super().__init__(result, times, result.end_time)
        self._decodes_from = dict(zip(hands.request.tolist(), hands.decode_start.tolist(), strict=True))
        self._is_sent = dict(zip(hands.request.tolist(), hands.is_sent.tolist(), strict=True))

    def of(self, request: int, begin: int, end: int, *, again: bool) -> Iterator[tuple[str, int, int]]:
        if self._decodes_from.get(request, NEVER) == begin and self._is_sent[request]:
            yield "decode", begin, end
        else:
            yield from super().of(request, begin, end, again=again)


def _held(process: int, stays: Stays, lanes: list[int], result: FleetResult) -> Iterator[str]:
    """KV blocks of a source that a prompt takes which is done."""
    for lane, (request, begin, end, _) in zip(lanes, stays.rows(), strict=True):
        arguments = f'{{"request": {request}, "target": {int(result.replica[request])}}}'
        yield slice_of((process, lane), f"held: request {request}", begin, end, arguments)


def _flows(process: int, stays: Stays, lanes: list[int], hands: HandOvers, *, is_source: bool) -> Iterator[str]:
    """Arrows from the prompt over the transfer to where a request decodes."""
    begins = dict(zip(hands.request.tolist(), hands.decode_start.tolist(), strict=True))
    sent = dict(zip(hands.request.tolist(), hands.is_sent.tolist(), strict=True))
    for lane, (request, begin, _, _) in zip(lanes, stays.rows(), strict=True):
        if sent.get(request, False) and (is_source or begins[request] == begin):
            yield flow_of("s" if is_source else "f", (process, lane), request, begin)


def _transfers(process: int, result: FleetResult, hands: HandOvers, window: Window | None) -> Iterator[str]:
    """What is on its way from one replica to another: a slice for each request, and in it what it waits for."""
    begin, end = hands.held, hands.activated
    inside = in_window(begin, end, window)
    inside = inside[np.lexsort((end[inside], begin[inside]))]
    shown = hands.chosen(inside)
    stays = Stays(shown.request, shown.held, shown.activated, np.zeros(len(shown), bool))
    lanes = lanes_of(stays)
    yield from names(process, "transfers", [f"transfer {number}" for number in range(1, max(lanes, default=0) + 1)])
    sizes = sent_bytes(result, hands)
    yield from _counted(process, hands, sizes, window)
    told = None if sizes is None else sizes[inside].tolist()
    columns = (shown.source, shown.target, shown.reserved, shown.is_sent)
    rows = zip(stays.rows(), zip(*(column.tolist() for column in columns), strict=True), lanes, strict=True)
    for index, ((request, left, right, _), (source, target, reserved, is_sent), lane) in enumerate(rows):
        track = (process, lane)
        size = "" if told is None else f', "KV bytes of the prompt": {round(told[index])}'
        arguments = f'{{"request": {request}, "source": {source}, "target": {target}{size}}}'
        yield slice_of(track, f"request {request}: {source} to {target}", left, right, arguments)
        if reserved > left:
            yield slice_of(track, "waiting for KV blocks", left, reserved, arguments)
        if is_sent and right > reserved:
            yield slice_of(track, "transfer", reserved, right, arguments)
        if is_sent:
            yield flow_of("t", track, request, left)


def _counted(process: int, hands: HandOvers, sizes: Float64Array | None, window: Window | None) -> Iterator[str]:
    """How many requests wait for KV blocks, and how many are in transfer; and how much KV that is."""
    one = np.ones(len(hands), np.int64)
    spans = [("waiting for KV blocks", hands.waiting_for_memory, one), ("in transfer", hands.in_transfer, one)]
    if sizes is not None:
        spans.append(("KV bytes in transfer", hands.in_transfer, np.rint(sizes).astype(np.int64)))
    for name, (begin, end), each in spans:
        moments, place = np.unique(np.concatenate([begin, end]), return_inverse=True)
        changes = np.zeros(len(moments), np.int64)
        np.add.at(changes, place, np.concatenate([each, -each]))
        chosen = in_window(moments, np.append(moments[1:], moments[-1:]), window)
        counters = Counters(process)
        for moment, level in zip(moments[chosen].tolist(), np.cumsum(changes)[chosen].tolist(), strict=True):
            yield from counters.at(moment, {name: level})
