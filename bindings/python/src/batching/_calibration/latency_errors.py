"""How far simulated latencies are from measured ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.display import Displayed, Table, counted, seconds
from batching._ffi.calls import BoolArray, Float64Array, Int32Array
from batching._metrics.serving import distribution

LATENCIES: Final = ("ttft", "tpot", "e2e")
FIGURES: Final = ("mean", "p50", "p90", "p99")
_PERCENTILES: Final = (50, 90, 99)


@dataclass(frozen=True)
class LatencyErrors(Displayed):
    """Measured and simulated latencies of the same requests, by "ttft", "tpot" and "e2e", and of each "mean", "p50",
    "p90" and "p99". Of no requests, all figures are NaN.
    """

    requests: int
    """Requests that are compared."""
    measured: Mapping[str, Mapping[str, float]]
    """Seconds."""
    simulated: Mapping[str, Mapping[str, float]]
    """Seconds."""
    title: str = "Simulated against measured"
    """What a table is called."""

    def __getitem__(self, latency: str) -> dict[str, float]:
        """Simulated / measured - 1 of one latency: errors["ttft"]["mean"]."""
        measured, simulated = self.measured[latency], self.simulated[latency]
        return {name: simulated[name] / measured[name] - 1 if measured[name] else np.nan for name in FIGURES}

    @property
    def worst_mean(self) -> float:
        """The largest magnitude of the errors of means."""
        return max(abs(self[latency]["mean"]) for latency in LATENCIES)

    @property
    def worst_percentile(self) -> float:
        """The largest magnitude of the errors of percentiles."""
        return max(abs(self[latency][name]) for latency in LATENCIES for name in FIGURES[1:])

    def to_dict(self) -> dict[str, Any]:
        """Simulated / measured - 1, as JSON has it; None where nothing was measured."""
        errors = {latency: {name: _known(value) for name, value in self[latency].items()} for latency in LATENCIES}
        return {"requests": self.requests, **errors}

    def _table(self) -> Table:
        rows = []
        for latency in LATENCIES:
            rows.append([f"{latency.upper()} measured", *(seconds(self.measured[latency][name]) for name in FIGURES)])
            rows.append(["  simulated", *(seconds(self.simulated[latency][name]) for name in FIGURES)])
            rows.append(["  error", *(signed(value) for value in self[latency].values())])
        return Table(f"{self.title}: {counted(self.requests, 'request')}", ("", *FIGURES), rows)

    def __repr__(self) -> str:
        told = ", ".join(f"{latency.upper()} {signed(self[latency]['mean'])}" for latency in LATENCIES)
        return f"LatencyErrors({counted(self.requests, 'request')}: mean {told})"


@dataclass(frozen=True, eq=False)
class Latencies:
    """TTFT, TPOT and E2E of each request; NaN where there is none."""

    ttft: Float64Array
    tpot: Float64Array
    e2e: Float64Array

    @classmethod
    def of(
        cls,
        arrival: npt.NDArray[Any],
        first_token: npt.NDArray[Any],
        end: npt.NDArray[Any],
        output_length: Int32Array,
    ) -> "Latencies":
        """From when things happened."""
        several = output_length > 1
        tpot = np.full(len(end), np.nan)
        tpot[several] = (end - first_token)[several] / (output_length[several] - 1)
        return cls(first_token - arrival, tpot, end - arrival)

    def seen_after(self, delay: float) -> "Latencies":
        """As a client has them, who sees so many seconds more of each TTFT and E2E."""
        return Latencies(self.ttft + delay, self.tpot, self.e2e + delay)


def compared(measured: Latencies, simulated: Latencies, chosen: BoolArray, title: str) -> LatencyErrors:
    """Of some of the requests, those that both have."""
    rows = chosen & np.isfinite(measured.e2e) & np.isfinite(simulated.e2e)
    return LatencyErrors(
        requests=int(np.count_nonzero(rows)),
        measured={latency: _figures(getattr(measured, latency)[rows]) for latency in LATENCIES},
        simulated={latency: _figures(getattr(simulated, latency)[rows]) for latency in LATENCIES},
        title=title,
    )


def _figures(values: Float64Array) -> dict[str, float]:
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return dict.fromkeys(FIGURES, np.nan)
    told = distribution(values, _PERCENTILES)
    return dict(zip(FIGURES, (told.mean, *told.percentiles.values()), strict=True))


def signed(value: float, digits: int = 1) -> str:
    """An error as percent, with its sign; a dash for one that is not known."""
    return f"{100 * value:+.{digits}f}%" if np.isfinite(value) else "-"


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
