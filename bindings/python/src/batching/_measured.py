"""What can be asked of any run, whichever simulator made it."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from batching._display import Displayed
from batching._recorded import RecordedRequests
from batching._serving import ServingMetrics, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class MeasuredRun(Displayed):
    """A run that is measured and drawn."""

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
        from batching._plot import plot_timeline  # noqa: PLC0415  (which knows the runs)

        return plot_timeline(self, window)  # type: ignore[arg-type]

    def plot_latency(self) -> "Figure":
        """Draw the cumulative distributions of TTFT, TPOT and E2E of the requests that have all their tokens.

        Returns, raises: as plot_timeline.
        """
        from batching._plot import plot_latency  # noqa: PLC0415  (which knows the runs)

        return plot_latency(self)  # type: ignore[arg-type]
