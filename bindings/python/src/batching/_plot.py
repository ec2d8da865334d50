"""One picture of static against continuous batching: both schedules, slot by slot, and both latency distributions."""

from typing import TYPE_CHECKING

from batching._errors import BatchingValueError, MissingExtraError
from batching._schedule import readable_window
from batching._simulators import SimulationResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_comparison(
    static: SimulationResult, continuous: SimulationResult, window: tuple[float, float] | None = None
) -> "Figure":
    """Draw two runs of the same requests, one below the other, and their latencies.

    Above: who held which slot, over a window of time that both share. Blue is work, one bar a request; vermilion is
    a slot held by a request that has all its tokens; pale is a slot that is free while others run. The shares in the
    titles are those of the whole run. Below: the share of requests that took at most so long.

    Args:
        static: what simulate_static returned.
        continuous: what simulate_continuous returned.
        window: begin and end in seconds. None: a few static batches from the middle of the run.

    Returns: a matplotlib Figure of its own, not registered with pyplot: `figure.savefig("comparison.png")`.

    Raises:
        ValueError: the window is empty.
        ImportError: matplotlib is not installed.
    """
    try:
        from batching._drawing import draw_comparison  # noqa: PLC0415  (matplotlib is optional, and slow to import)
    except ImportError as error:
        raise MissingExtraError("drawing", "matplotlib", "plot") from error
    if window is None:
        window = readable_window(static, continuous)
    if not window[0] < window[1]:
        raise BatchingValueError(f"window is {window}: must end after it begins")
    return draw_comparison(static, continuous, window)
