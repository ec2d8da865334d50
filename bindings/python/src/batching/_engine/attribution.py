"""Why a request was slow: into which parts its time falls, and which of them dominate the slowest."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.columns import _Columns
from batching._columns.display import Displayed, Table, count, seconds, share
from batching._ffi.arguments import float64_column, number_of
from batching._ffi.calls import Float64Array, Int32Array, Int64Array, check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs
from batching._ffi.loader import library
from batching._ffi.memory import allocated, check_fits
from batching._ffi.signals import interruptible

PARTS: Final = (
    "waiting_for_client",
    "waiting_for_slot",
    "waiting_for_memory",
    "prefill",
    "decode",
    "slowed_by_prefill",
    "preempted",
    "held_in_batch",
)
"""The parts, in the order in which a request may come to them."""


def attributed_columns(count: int) -> dict[str, npt.NDArray[Any]]:
    """Columns for a run to fill."""
    check_fits(count, 8 * len(PARTS), "the number of requests")
    return {name: allocated(count, np.float64, "the number of requests") for name in PARTS}


@dataclass(frozen=True)
class AttributionParts:
    """One value for each part, in seconds. `Attribution` says what the parts are."""

    waiting_for_client: float
    waiting_for_slot: float
    waiting_for_memory: float
    prefill: float
    decode: float
    slowed_by_prefill: float
    preempted: float
    held_in_batch: float


@dataclass(frozen=True)
class AttributionBand:
    """The requests whose time from arrival to end lies between two percentiles."""

    lower: float
    """The percentile above which they are."""
    upper: float
    """The percentile up to which they are."""
    count: int
    """How many they are. If none, the times are 0.0."""
    shortest: float
    """The shortest of their times, in seconds."""
    longest: float
    """The longest of their times, in seconds."""
    mean_total: float
    """The mean of their times, in seconds: the sum of the means of the parts."""
    mean: AttributionParts
    """The mean of each part, in seconds."""

    @property
    def dominant(self) -> str:
        """The name of the part with the greatest mean; the first of equals."""
        return max(PARTS, key=lambda part: float(getattr(self.mean, part)))


class Attribution(Displayed, _Columns):
    """Into which parts the time of each request falls, from its arrival to its end: read-only float64 arrays of shape
    (count,), in seconds, each a whole number of nanoseconds. The parts of a request add up to its time exactly.

    A request that did not end is split up to the end of the run; one that was rejected or not sent has NaN everywhere.
    "Engine: attribution" in batching.h says precisely what each part is.
    """

    waiting_for_client: Float64Array
    """Waiting at its client, which had as many in flight as it may. 0 in an open loop."""
    waiting_for_slot: Float64Array
    """Waiting for a slot, for tokens of the budget, for the iteration or batch under way, for a batch to form."""
    waiting_for_memory: Float64Array
    """Waiting while no request was admitted for want of KV blocks."""
    prefill: Float64Array
    """From its admission to its first token."""
    decode: Float64Array
    """From its first token to its last, as long as that would have taken without any prefill of others."""
    slowed_by_prefill: Float64Array
    """What the prefill of others added to that."""
    preempted: Float64Array
    """From being preempted until it decoded again: waiting once more, and recomputing what it had lost."""
    held_in_batch: Float64Array
    """From its own last token to the end of its static or dynamic batch."""
    status: Int32Array
    """What became of the request: the values of RequestStatus."""

    def __init__(self, columns: dict[str, npt.NDArray[Any]], status: Int32Array) -> None:
        self._keep(**columns, status=status)

    def __len__(self) -> int:
        return len(self.status)

    def total(self) -> AttributionParts:
        """Each part, summed over the requests that have all their tokens."""
        (band,) = self.bands((0, 100))
        return AttributionParts(**{name: getattr(band.mean, name) * band.count for name in PARTS})

    def bands(self, percentiles: Sequence[float] = (0, 50, 90, 99, 100)) -> list[AttributionBand]:
        """What dominates: the mean of each part, for bands of the requests that have all their tokens.

        A band holds the requests whose time from arrival to end is above that at its lower percentile, and not above
        that at its upper one; at percentile p is the smallest time that at least p % of them do not exceed. So requests
        that took equally long are in the same band.

        Args:
            percentiles: rising, each in [0, 100]: the edges of the bands, one more than there are bands.

        Raises:
            TypeError: the percentiles are no numbers.
            ValueError: they do not rise, one is out of its range, there is none, or there are more than 1001.

        Time: O(count). Memory: 32 KiB a band.

        >>> from batching import RequestColumns, simulate
        >>> result = simulate(RequestColumns([10, 10, 10]), max_num_seqs=2, attribution=True)
        >>> [(band.count, band.dominant) for band in result.attribution.bands((0, 50, 100))]
        [(2, 'decode'), (1, 'waiting_for_slot')]
        """
        edges = float64_column(percentiles, "percentiles")
        if len(edges) == 0:
            raise BatchingValueError("percentiles is empty: must have at least one element")
        count = len(edges) - 1
        outputs: dict[str, Int64Array | Float64Array] = {"count": np.empty(count, np.int64)}
        for name in ("shortest", "longest", "mean_total", *PARTS):
            outputs[name] = np.empty(count, np.float64)
        bands = initialised(structs.batching_attribution_bands)
        bands.capacity = count
        for name, column in outputs.items():
            setattr(bands, name, pointer(column))
        attribution = self._structure()
        check(
            interruptible(
                library.batching_attribution_bands_calculate,
                ctypes.byref(attribution),
                len(self),
                pointer(self.status),
                pointer(edges),
                count,
                ctypes.byref(bands),
            ),
            {"band_count": "the number of percentiles less 1"},
        )
        return [
            AttributionBand(
                lower=float(edges[index]),
                upper=float(edges[index + 1]),
                count=int(outputs["count"][index]),
                shortest=float(outputs["shortest"][index]),
                longest=float(outputs["longest"][index]),
                mean_total=float(outputs["mean_total"][index]),
                mean=AttributionParts(**{name: float(outputs[name][index]) for name in PARTS}),
            )
            for index in range(count)
        ]

    def _table(self) -> Table:
        bands = self.bands()
        rows = [["requests", *(count(band.count) for band in bands)]]
        rows.append(["mean time", *(seconds(band.mean_total) if band.count else "-" for band in bands)])
        for name in PARTS:
            parts = [float(getattr(band.mean, name)) for band in bands]
            if any(parts):
                shares = [
                    share(part / band.mean_total) if band.mean_total else "-"
                    for part, band in zip(parts, bands, strict=True)
                ]
                rows.append([name.replace("_", " "), *shares])
        headings = ["percentiles", *(f"{band.lower:g} to {band.upper:g}" for band in bands)]
        return Table("Where the time of the requests went", headings, rows)

    def __repr__(self) -> str:
        (band,) = self.bands((0, 100))
        if band.count == 0:
            return f"Attribution({number_of(len(self), 'request')}, none finished)"
        told = [(field.name, getattr(band.mean, field.name)) for field in fields(band.mean)]
        means = ", ".join(f"{name} {seconds:.6g} s" for name, seconds in told if seconds)
        return f"Attribution({number_of(band.count, 'finished request')}, mean {band.mean_total:.6g} s: {means})"

    def _structure(self) -> structs.batching_attribution:
        attribution = initialised(structs.batching_attribution)
        attribution.capacity = len(self)
        for name in PARTS:
            setattr(attribution, name, pointer(getattr(self, name)))
        return attribution
