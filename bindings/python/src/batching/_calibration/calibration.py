"""What a calibration has found, and how good it is."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from batching._calibration.latency_errors import LatencyErrors
from batching._columns.columns import RequestColumns
from batching._columns.display import Displayed, Table, seconds
from batching._columns.recorded import RecordedRequests
from batching._engine.config import EngineConfig
from batching._engine.profile import Profile
from batching._engine.result import Result
from batching._engine.simulate import simulate
from batching._times.affine import AffineTime


@dataclass(frozen=True)
class CalibrationProgress:
    """How far a calibration has come."""

    simulations: int
    """Simulations so far."""
    most: int
    """The most that there will be."""
    loss: float
    """The best loss so far; infinity if there is none."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Calibration(Displayed):
    """What `calibrate` returns: the times of iterations with which a simulated run is near a log."""

    config: EngineConfig
    """How the server is set: as given, with the iteration time and async_scheduling that were found."""
    model: str = ""
    """What was served, if it was told."""
    gpu: str = ""
    """What it ran on, if it was told."""
    prior: str = ""
    """In words, what the coefficients were expected to be like."""
    deployment: Mapping[str, Any] = field(default_factory=dict)
    """tensor_parallel, dtype and kv_dtype, if model and GPU were told."""
    loss: float
    """The sum that is least, of the data alone: of a residual of 5%, it has 0.5."""
    loss_of_other_scheduling: float
    """The same of the other way to schedule; NaN if it was not tried."""
    spread: float
    """The usual size of a residual: 1.4826 x the median of their magnitudes."""
    residuals: int
    """Spans of requests that count."""
    simulations: int
    """Simulations in all."""
    is_complete: bool
    """False: it ended early, at the most simulations or since progress had enough, and more would be better. What
    is left of the simulations is always used, where that gains anything."""
    told: Mapping[str, float]
    """How much the log says of each coefficient of the iteration time, from 0.0 (nothing: it is what was expected) to
    1.0 (all)."""
    correlations: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """What the log says of two coefficients only together: near -1 or 1, one may be larger if the other is smaller."""
    client_delay: float = 0.0
    """Seconds that clients saw more of each TTFT and E2E than the engine took: network, HTTP and tokenizer, there and
    back. 0.0: none was found, as only a lightly loaded log tells it. Nothing that is simulated has it; errors count
    it."""
    told_client_delay: float = 0.0
    """1 - its standard deviation / itself, as far as the log alone tells; 0.0 if none was found."""
    share_without_queueing: float = 0.0
    """Of the requests whose TTFT counts, the share that does not wait in the queue. Below 0.5, no delay is looked
    for."""
    fits: int = 1
    """Where so many steps of the search ended, the fit is about as good: the loss is at most 6 more than the best."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The least and the most among those fits, in seconds: of each coefficient of the iteration time, of client_delay,
    and, as simulated, of mean_ttft and mean_e2e. The search begins at what it had found, so that other fits as good
    may exist."""
    num_gpu_blocks_range: tuple[int, int] | None = None
    """The least and the most num_gpu_blocks that fit about as well as those of config; None: there is no limit."""
    notes: tuple[str, ...]
    """What a reader must know: what the log does not tell, and what was left out. A sentence each."""
    errors: LatencyErrors
    """Simulated against measured latencies of the requests that it was fitted to."""
    errors_of_others: LatencyErrors | None = None
    """The same of the requests that it was not fitted to, since they had not ended by observed_until, or count as
    failed; None if there are none with a measured end. The TTFT of those that had their first token by then was
    looked at."""
    observed_until: float | None = None
    """Seconds, on the clock of the log: up to when it was looked at. None: all of it."""
    requests: RequestColumns
    """What was simulated: the requests of the log. The earliest arrives at 0.0."""
    recorded: RecordedRequests
    """What became of them in the log, on the clock of requests."""
    shift: float = 0.0
    """Seconds by which that clock is behind the log's."""

    @property
    def iteration_time(self) -> AffineTime:
        """What was found: `simulate(requests, iteration_time=calibration.iteration_time)`."""
        time = self.config.iteration_time
        assert isinstance(time, AffineTime), "calibrate makes no other"  # noqa: S101
        return time

    @cached_property
    def result(self) -> Result:
        """The log, simulated: times of the engine, without client_delay."""
        return simulate(self.requests, self.config, log_iterations=True)

    @property
    def profile(self) -> Profile:
        """As a file has it, with what it was fitted on, and how good it is."""
        return Profile(
            config=self.config,
            model=self.model,
            gpu=self.gpu,
            client_delay=self.client_delay,
            notes=self._told(),
        )

    def to_dict(self) -> dict[str, Any]:
        """The profile, as JSON has it."""
        told: dict[str, Any] = json.loads(self.to_json())
        return told

    def to_json(self) -> str:
        """The profile, as a file has it: "Profiles" in the manual says what stands where."""
        return self.profile.to_json()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the profile to a file: `Profile.read` reads it, and so does --profile of the command.

        Raises:
            OSError: it cannot be written.
        """
        self.profile.write(path)

    def _told(self) -> dict[str, Any]:
        output = self.recorded.output_length
        others = self.errors_of_others
        return {
            **self.deployment,
            "expected_from": self.prior,
            "fitted_on": {
                "requests": len(self.requests),
                "output_tokens": int(output.sum()),
                "residuals": self.residuals,
                "observed_until": self.observed_until,
            },
            "errors": {
                "in_sample": self.errors.to_dict(),
                "out_of_sample": None if others is None else others.to_dict(),
            },
            "told": dict(self.told),
            "correlations": {" and ".join(pair): finite(value) for pair, value in self.correlations.items()},
            "told_client_delay": self.told_client_delay,
            "share_without_queueing": self.share_without_queueing,
            "fits": self.fits,
            "ranges": {name: [finite(value) for value in values] for name, values in self.ranges.items()},
            "num_gpu_blocks_range": None if self.num_gpu_blocks_range is None else list(self.num_gpu_blocks_range),
            "loss": self.loss,
            "loss_of_other_scheduling": finite(self.loss_of_other_scheduling),
            "spread": self.spread,
            "simulations": self.simulations,
            "is_complete": self.is_complete,
            "remarks": list(self.notes),
        }

    def coefficients(self) -> Table:
        """What was found, coefficient by coefficient; the least and the most are those of `ranges`."""
        told = {name: f"{value:.2f}" for name, value in self.told.items()} | {"startup": ""}
        if self.client_delay:
            told["client_delay"] = f"{self.told_client_delay:.2f}"
        values = self.iteration_time.to_dict() | {"client_delay": self.client_delay}
        rows = [
            [name, *map(seconds, (values.get(name, 0.0), *self.ranges.get(name, (math.nan, math.nan)))), share]
            for name, share in told.items()
        ]
        return Table(
            "Iteration time; told: how much the log says of it", ("", "seconds", "least", "most", "told"), rows
        )

    def _table(self) -> Table:
        return self.errors._table()

    def __repr__(self) -> str:
        what = " on ".join(part for part in (self.model, self.gpu) if part)
        return f"Calibration({what}{': ' if what else ''}{self.iteration_time._phrase()}; {self.errors!r})"


def finite(value: float) -> float | None:
    """None for what is not known, which JSON has no number for."""
    return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124  (NaN)
