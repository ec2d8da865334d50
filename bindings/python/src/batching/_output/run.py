"""What a run must have to be drawn and written to files, whichever simulator made it."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeGuard

import numpy.typing as npt

from batching._columns.columns import CompletedColumns, RequestColumns
from batching._columns.recorded import RecordedRequests
from batching._columns.token_times import TokenTimes
from batching._engine.logs import DecisionLog, IterationLog
from batching._ffi.calls import BoolArray, Float64Array, Int32Array
from batching._metrics.load import Load
from batching._metrics.measured import MeasuredRun


class Run(Protocol):
    """A finished run. Element i of every column belongs to request i of `requests`; times are seconds, NaN: never."""

    @property
    def requests(self) -> RequestColumns:
        """What was simulated."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The arguments of the simulator by their names, defaults included."""

    @property
    def arrival_time(self) -> Float64Array | None:
        """When each request arrived at its client; None: all at 0.0."""

    @property
    def sent_time(self) -> Float64Array:
        """When each request was sent: in an open loop at its arrival time."""

    @property
    def start_time(self) -> Float64Array:
        """When each request was first admitted."""

    @property
    def first_token_time(self) -> Float64Array:
        """When it had its first token."""

    @property
    def end_time(self) -> Float64Array:
        """When it gave its slot back."""

    @property
    def tokens_generated(self) -> Int32Array:
        """Tokens generated."""

    @property
    def status(self) -> Int32Array:
        """What became of it: the values of RequestStatus."""

    @property
    def total_time(self) -> float:
        """The end of the last completion."""

    @property
    def duration(self) -> float:
        """The end of the run."""

    @property
    def iteration_log(self) -> IterationLog | None:
        """One row an iteration; None if the run has not kept it."""

    @property
    def decision_log(self) -> DecisionLog | None:
        """One row an event; None if the run has not kept it."""

    def __len__(self) -> int: ...

    def was_sent(self) -> BoolArray:
        """Whether each request had been sent when the run ended."""

    def completed(self) -> CompletedColumns:
        """The requests that have all their tokens."""

    def recorded(self) -> RecordedRequests:
        """The requests that were sent, as a serving run."""

    def load(self, *, slots: int | None = None, timeline: Literal["changes"] | int | None = None) -> Load:
        """How many requests ran and waited, and how well the slots were used."""

    @property
    def _title(self) -> str:
        """What a picture calls the run."""

    @property
    def _slots(self) -> int:
        """How many requests can run at once."""

    @property
    def _is_closed_loop(self) -> bool:
        """Whether clients held requests back."""

    @property
    def _computes_prompts(self) -> bool:
        """Whether the simulator knows prefill."""

    def _done_time(self) -> Float64Array:
        """When each request had all its tokens, which may be before it gave its slot back; of one that has not ended:
        the end of the run.
        """

    def _token_times(self) -> TokenTimes | None:
        """When each token was there; None if the run has not kept it."""

    def _more_columns(self) -> dict[str, npt.NDArray[Any]]:
        """The columns of this simulator's results that others do not have."""


def is_run(value: object) -> TypeGuard[Run]:
    """Whether a simulator returned this."""
    return isinstance(value, MeasuredRun)
