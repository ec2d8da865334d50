"""Pictures of runs, as matplotlib figures of their own: `figure.savefig("run.png")` or `.svg`, without a display."""

import importlib
import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Final

from batching._calibration.calibration import Calibration
from batching._columns.files import suffix_of, whole_file
from batching._ffi.arguments import integer, shown
from batching._ffi.errors import BatchingValueError, MissingExtraError
from batching._ffi.float_mode import in_standard_mode
from batching._metrics.measured import drawn_by
from batching._output.run import Run, is_run
from batching._output.slots import middle_window, readable_window
from batching._textbook.simulators import TextbookResult
from batching._times.affine import AffineTime
from batching._times.model import TimeModel
from batching._times.roofline import RooflineTime
from batching._times.table import TableTime

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More has no meaning, and could not be multiplied.
_FURTHEST: Final = 2**24


@in_standard_mode
def plot_comparison(
    static: TextbookResult, continuous: TextbookResult, window: tuple[float, float] | None = None
) -> "Figure":
    """Draw two runs of the same requests, one below the other, and their latencies.

    Above: which request held which slot, over a window of time that both share. Blue is work, one bar a request;
    vermilion is a slot held by a request that has all its tokens; pale is a slot that is free while a request waits.
    The shares in the titles are those of the whole run, as its `load()` counts them. Below: the share of
    requests that took at most so long.

    Args:
        static: what simulate_static returned.
        continuous: what simulate_continuous returned.
        window: begin and end in seconds. None: a few static batches from the middle of the run.

    Returns: a matplotlib Figure of its own, not registered with pyplot: `figure.savefig("comparison.png")`.

    Raises:
        ValueError: the window is empty.
        ImportError: matplotlib is not installed.
    """
    drawing = _drawing()
    if window is None:
        window = readable_window(static, continuous)
    runs: dict[str, Run] = {"Static batching": static, "Continuous batching": continuous}
    figure: Figure = drawing.draw_comparison(runs, _checked(window), None)
    return figure


@in_standard_mode
def plot_runs(
    runs: Mapping[str, Run], window: tuple[float, float] | None = None, *, iteration_time: str | None = None
) -> "Figure":
    """Draw any runs of the same requests, as plot_comparison does two: the schedules of the first four one below the
    other, and the latencies of all. Yellow is the time from admission to the first token.

    Args:
        runs: what `simulate`, simulate_static or simulate_continuous returned, by the names to be shown; at least one.
        window: begin and end in seconds. None: a stretch from the middle of the runs.
        iteration_time: what the caption says of it, where all have the same: where it comes from, say. None: its
            figures.

    Returns, raises: as plot_comparison.
    """
    for name, run in runs.items():
        if not is_run(run):
            raise TypeError(f"runs[{shown(name)}] is {shown(run)}: must be a Result or a TextbookResult")
    if not runs:
        raise BatchingValueError("runs is empty: must have at least one element")
    drawing = _drawing()
    if window is None:
        window = middle_window(list(runs.values()))
    figure: Figure = drawing.draw_comparison(dict(runs), _checked(window), iteration_time)
    return figure


@in_standard_mode
def plot_iteration_time(
    time: AffineTime | RooflineTime | TableTime,
    *,
    max_num_seqs: int = 256,
    max_context: int = 16_384,
    max_prefill_tokens: int = 8192,
) -> "Figure":
    """Draw how long iterations take. Left: a map of those that decode only, over how many sequences do, and their mean
    context. Right: how much longer they take with a prompt, over its tokens, for a few numbers of sequences.

    Args:
        time: a model of the iteration time.
        max_num_seqs: how far the sequences go; at least 2.
        max_context: how far the mean context goes; at least 2.
        max_prefill_tokens: how far the prefill tokens go; at least 1.

    Returns: a matplotlib Figure of its own, not registered with pyplot: `figure.savefig("times.png")`.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value of the model is out of its range, or a number too small.
        ImportError: matplotlib is not installed.
    """
    if not isinstance(time, TimeModel):
        raise TypeError(f"time is {shown(time)}: must be an AffineTime, a RooflineTime or a TableTime")
    most = [
        integer(max_num_seqs, "max_num_seqs", 2, _FURTHEST),
        integer(max_context, "max_context", 2, _FURTHEST),
        integer(max_prefill_tokens, "max_prefill_tokens", 1, _FURTHEST),
    ]
    figure: Figure = _drawing("drawing_times").draw_iteration_time(time, *most)
    return figure


@in_standard_mode
def plot_calibration(calibration: Calibration) -> "Figure":
    """Draw how near a simulated log is to the measured one: the cumulative distributions of TTFT, TPOT and E2E, and how
    many requests ran and waited over time.

    Args:
        calibration: what `calibrate` returned.

    Returns: a matplotlib Figure of its own, not registered with pyplot: `figure.savefig("calibration.png")`.

    Raises:
        TypeError: it is no Calibration.
        ImportError: matplotlib is not installed.
    """
    if not isinstance(calibration, Calibration):
        raise TypeError(f"calibration is {shown(calibration)}: must be a Calibration")
    figure: Figure = _drawing("drawing_calibration").draw_calibration(calibration)
    return figure


@in_standard_mode
def plot_timeline(
    run: Run, window: tuple[float, float] | None = None, *, iteration_time: str | None = None
) -> "Figure":
    """What Result.plot_timeline and TextbookResult.plot_timeline do; the caption may say more of the iteration time."""
    window = _checked(middle_window([run]) if window is None else window)
    figure: Figure = _drawing().draw_timeline(run, window, iteration_time)
    return figure


@in_standard_mode
def plot_latency(run: Run) -> "Figure":
    """What Result.plot_latency and TextbookResult.plot_latency do."""
    figure: Figure = _drawing().draw_latency(run)
    return figure


def write_figure(figure: "Figure", path: str | os.PathLike[str]) -> None:
    """Write a picture to a file, PNG or SVG as its suffix says. A file of that name is replaced once the new one is
    complete.
    """
    suffix = suffix_of(path, (".png", ".svg"))
    with whole_file(path) as file:
        figure.savefig(file, format=suffix[1:])


def _checked(window: tuple[float, float]) -> tuple[float, float]:
    if not window[0] < window[1]:
        raise BatchingValueError(f"window is {window}: must end after it begins")
    return window


class _Pictures:
    """What the methods of runs draw."""

    timeline = staticmethod(plot_timeline)
    latency = staticmethod(plot_latency)


drawn_by(_Pictures())


def _drawing(name: str = "drawing") -> ModuleType:
    """The module that draws."""
    try:
        # matplotlib is optional, and slow to import.
        if name == "drawing_times":
            return importlib.import_module("batching._output.drawing_times")
        if name == "drawing_calibration":
            return importlib.import_module("batching._output.drawing_calibration")
        return importlib.import_module("batching._output.drawing")
    except ImportError as error:
        raise MissingExtraError("drawing", "matplotlib", "plot") from error
