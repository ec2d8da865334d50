"""What can be asked of any run, whichever simulator made it."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final, Protocol

from batching._columns.display import Displayed
from batching._columns.recorded import RecordedRequests
from batching._columns.token_times import TokenTimes
from batching._metrics.serving import ServingMetrics, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Pictures(Protocol):
    """Draws runs."""

    def timeline(self, run: Any, window: tuple[float, float] | None) -> "Figure":
        """What `MeasuredRun.plot_timeline` returns."""

    def latency(self, run: Any) -> "Figure":
        """What `MeasuredRun.plot_latency` returns."""


_PICTURES: Final[list[Pictures]] = []


def drawn_by(pictures: Pictures) -> None:
    """Runs are drawn by this from now on. The pictures know the runs, and so the runs cannot import them."""
    _PICTURES[:] = [pictures]


class MeasuredRun(Displayed):
    """A run that is measured and drawn."""

    @abstractmethod
    def _token_times(self) -> TokenTimes | None:
        """When each token was there; None if the run has not kept it."""

    @abstractmethod
    def recorded(self) -> RecordedRequests:
        """The requests that were sent, as a serving run: what `measure` takes."""

    def measure(self, **options: Any) -> ServingMetrics:
        """The metrics of the run: `measure(result.recorded(), **options)`. A request that was sent and has no answer
        has failed, and meets no objective; `slo_due_by=result.duration` leaves out those that came too late to be
        judged when the run ended.
        """
        return measure(self.recorded(), **options)

    def plot_timeline(self, window: tuple[float, float] | None = None) -> "Figure":
        """Draw the schedule of a window, request by request in its slot, and below it what was running and waiting over
        the whole run, and, of the engine with log_iterations, the KV blocks in use.

        Args:
            window: begin and end in seconds. None: a stretch from the middle in which single requests can be seen.

        Returns: a matplotlib Figure of its own, not registered with pyplot: `figure.savefig("timeline.png")`.

        Raises:
            ValueError: the window is empty.
            ImportError: matplotlib is not installed.
        """
        return _PICTURES[0].timeline(self, window)

    def plot_latency(self) -> "Figure":
        """Draw the cumulative distributions of TTFT, TPOT and E2E of the requests that have all their tokens.

        Returns, raises: as plot_timeline.
        """
        return _PICTURES[0].latency(self)
