"""What the GPUs of a fleet did for their money."""

import math
from dataclasses import dataclass

from batching._columns.display import Displayed, Table, count, rate
from batching._ffi.arguments import number, shown
from batching._ffi.errors import BatchingValueError


@dataclass(frozen=True)
class FleetCost(Displayed):
    """The GPUs of a fleet, and what they cost: what `FleetResult.cost` returns.

    All GPUs are taken from 0 to the end of the last completion, also those of replicas that have nothing to do; where
    an autoscaler or faults make replicas come and go, as long as each is there. Money is of any currency.
    """

    gpus: int
    """GPUs of all replicas."""
    gpu_time: float
    """GPUs x seconds for which they were taken."""
    tokens_per_gpu_second: float
    """Generated tokens / gpu_time; NaN if that is 0."""
    total: float
    """What gpu_time costs. NaN without a price."""
    per_million_tokens: float
    """What a million generated tokens cost. NaN without a price, or without tokens."""

    def _table(self) -> Table:
        rows = [
            ("GPUs", count(self.gpus)),
            ("GPU hours", rate(self.gpu_time / 3600)),
            ("tokens per GPU-second", rate(self.tokens_per_gpu_second)),
            ("cost", rate(self.total)),
            ("cost of a million output tokens", rate(self.per_million_tokens)),
        ]
        return Table("Use of the GPUs", ("", ""), [row for row in rows if row[1] != "-"])


def price_of(value: object, name: str) -> float:
    """What a price must be."""
    given = number(value, name)
    if not 0 < given < math.inf:
        raise BatchingValueError(f"{name} is {shown(given)}: must be a finite number greater than 0")
    return given
