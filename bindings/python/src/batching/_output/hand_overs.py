"""What happens between the replica that computes a prompt and the one that decodes: when each hand-over was where."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from batching._columns.clock import nanosecond_count
from batching._columns.intervals import NEVER, nanoseconds
from batching._ffi.calls import Int64Array
from batching._fleet.result import FleetResult

Span = tuple[Int64Array, Int64Array]
"""Begin and end of something, in nanoseconds, of each hand-over; it takes no time where they are equal."""


@dataclass(frozen=True, eq=False)
class HandOvers:
    """Requests whose prompts were computed elsewhere, in order of the requests; times in whole nanoseconds."""

    request: Int64Array
    """The index of the request."""
    source: Int64Array
    """The replica that computed its prompt."""
    target: Int64Array
    """The replica in which it decodes; -1: it was never chosen."""
    held: Int64Array
    """When its prompt was done."""
    reserved: Int64Array
    """When the target had KV blocks for it, `held` if that was before; `activated` if it computes the prompt itself."""
    activated: Int64Array
    """When it was among the requests of the target. What did not happen is, here and below, at the end of the run."""
    decode_start: Int64Array
    """When it was in an iteration there."""
    released: Int64Array
    """When the source freed its KV blocks."""
    is_sent: npt.NDArray[np.bool_]
    """Whether its KV was sent."""

    def __len__(self) -> int:
        return len(self.request)

    @property
    def waiting_for_memory(self) -> Span:
        """The target has no KV blocks for it yet."""
        return self.held, self.reserved

    @property
    def in_transfer(self) -> Span:
        """Its KV is on its way, or has come and waits until the iteration of the target is over."""
        return self.reserved, self.activated

    @property
    def waiting_for_decode(self) -> Span:
        """It is among the requests of the target, and in no iteration yet."""
        return self.activated, self.decode_start

    @property
    def held_at_source(self) -> Span:
        """Its KV takes blocks of the source."""
        return self.held, self.released

    def chosen(self, choice: npt.NDArray[np.int64]) -> "HandOvers":
        """Some of them."""
        return HandOvers(*(getattr(self, column.name)[choice] for column in fields(self)))


def hand_overs(result: FleetResult) -> HandOvers:
    """Those of a run; none where replicas do all of a request."""
    held = nanoseconds(result.held_time)
    request = np.flatnonzero((result.prefill_replica >= 0) & (held != NEVER))
    last = np.int64(nanosecond_count(result.duration))
    ends = nanoseconds(result.end_time[request])
    ends = np.where(ends == NEVER, last, ends)

    def column(times: npt.NDArray[np.float64], otherwise: Int64Array) -> Int64Array:
        known = nanoseconds(times[request])
        return np.where(known == NEVER, otherwise, known)

    held = held[request]
    ends = np.maximum(ends, held)
    activated = column(result.activated_time, ends)
    reserved = column(result.reserved_time, activated)
    return HandOvers(
        request=request,
        source=result.prefill_replica[request].astype(np.int64),
        target=result.replica[request].astype(np.int64),
        held=held,
        # It may have been reserved while the prompt was computed.
        reserved=np.minimum(np.maximum(reserved, held), activated),
        activated=activated,
        decode_start=column(result.decode_start_time, np.maximum(ends, activated)),
        released=np.maximum(column(result.released_time, ends), held),
        is_sent=~np.isnan(result.reserved_time[request]),
    )


def sent_bytes(result: FleetResult, hands: HandOvers) -> npt.NDArray[np.float64] | None:
    """Bytes of the KV of each prompt, of which what the target has in its prefix cache may not be sent. None: how many
    a token has was not given.
    """
    each = 0.0 if result.disaggregation is None else float(result.disaggregation.kv_bytes_per_token)
    if each <= 0:
        return None
    prompts = result.requests.prompt_length
    tokens = np.ones(len(hands)) if prompts is None else np.maximum(prompts[hands.request], 1).astype(np.float64)
    return tokens * each
