"""How loaded a server was over time: from the columns of the requests alone, wherever they ran."""

import ctypes
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from batching._columns.clock import nanosecond_column, second_column
from batching._columns.columns import _Columns
from batching._columns.recorded import RecordedRequests
from batching._ffi.arguments import INT64_MAX, float64_column, integer, number, number_of, shown
from batching._ffi.calls import Float64Array, Int64Array, check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs
from batching._ffi.loader import library
from batching._ffi.memory import allocated
from batching._ffi.signals import interruptible

_TIMELINE_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "time": np.float64,
    "running": np.float64,
    "waiting": np.float64,
    "tokens": np.float64,
    "peak_running": np.int64,
    "peak_waiting": np.int64,
    "peak_tokens": np.int64,
}

# What the C interface calls otherwise.
_NAMES: Final = {
    "timeline.bins": "timeline",
    "window_start": "window[0]",
    "window_end": "window[1]",
}


class LoadTimeline(_Columns):
    """The load as it changes: element i of every column belongs to the time from time[i] to time[i + 1]; the last to
    that up to the end of the window. Read-only arrays.
    """

    time: Float64Array
    """Seconds at which the interval begins."""
    running: Float64Array
    """Requests running, averaged over the interval."""
    waiting: Float64Array
    """Requests waiting, averaged over the interval."""
    tokens: Float64Array
    """Prompt and output tokens of those running, averaged over the interval."""
    peak_running: Int64Array
    """The most requests running at any instant of the interval."""
    peak_waiting: Int64Array
    """The most requests waiting."""
    peak_tokens: Int64Array
    """The most prompt and output tokens of those running."""

    def __init__(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        self._keep(**columns)

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        return f"LoadTimeline({number_of(len(self), 'interval')})"


@dataclass(frozen=True)
class Load:
    """How loaded a server was over a window of time: what `load_over_time` found out."""

    window_start: float
    """Seconds: what was looked at."""
    window_end: float
    """Seconds."""
    requests: int
    """Requests that were not left out."""
    mean_running: float
    """Requests running, averaged over the window."""
    mean_waiting: float
    """Requests waiting, averaged over the window."""
    mean_tokens: float
    """Prompt and output tokens of those running, averaged over the window."""
    peak_running: int
    """The most requests running at any instant of the window."""
    peak_waiting: int
    """The most requests waiting."""
    peak_tokens: int
    """The most prompt and output tokens of those running."""
    utilization: float
    """Share of the window in which any request runs."""
    slot_utilization: float
    """mean_running / slots; NaN without slots."""
    held_slot_time: float
    """Slots x seconds held by requests that had their last token. NaN: unknown."""
    unfilled_slot_time: float
    """Slots x seconds that were free while a request waited; NaN without slots."""
    wasted_slot_share: float
    """(held_slot_time + unfilled_slot_time) / (slots x window); NaN if one of them is."""
    timeline: LoadTimeline | None = field(default=None, compare=False)
    """The load as it changes, if it was wanted."""


def load_over_time(
    recorded: RecordedRequests,
    *,
    slots: int | None = None,
    window: tuple[float, float] | None = None,
    last_token_time: npt.ArrayLike | None = None,
    timeline: Literal["changes"] | int | None = None,
) -> Load:
    """How many requests ran and waited over time, and how well the slots were used.

    A request runs from start_time to end_time, and waits from arrival_time to start_time; one whose start_time is
    unknown counts as running from its arrival. At the instant at which one ends and another starts, they do not
    overlap. Requests that failed are left out. `batching_load_calculate` in batching.h defines each number.

    Args:
        recorded: the requests, in any order.
        slots: requests that the server can run at once. None: unknown.
        window: seconds from and to which is looked. None: from the first arrival to the last end.
        last_token_time: seconds at which each request had its own last token, after which it was held in its batch, NaN
            for its end_time. None: all of their end_times.
        timeline: "changes": also the load between any two changes, at most three for each request; a number: in so many
            equally long intervals of the window. None: not wanted.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, or arrival <= start <= last token <= end does not hold.
        MemoryError: the timeline does not fit.

    Time: O(count). Memory: none for columns of times that do not fall, else a sort in 24 bytes a request.

    >>> recorded = RecordedRequests([4.0, 2.0], [4, 2], arrival_time=[0.0, 0.5], start_time=[0.0, 1.0])
    >>> load = load_over_time(recorded, slots=2)
    >>> (load.mean_running, load.peak_running, load.unfilled_slot_time)
    (1.25, 2, 0.5)
    """
    if not isinstance(recorded, RecordedRequests):
        raise TypeError(f"recorded is {shown(recorded)}: must be RecordedRequests")
    config = initialised(structs.batching_load_config)
    config.slots = 0 if slots is None else integer(slots, "slots", 1, INT64_MAX)
    if window is not None:
        config.window_start, config.window_end = _window(window)
    last: Float64Array | None = None
    if last_token_time is not None:
        last = float64_column(last_token_time, "last_token_time")
        if len(last) != len(recorded):
            raise BatchingValueError(
                f"last_token_time has {number_of(len(last), 'element')}: "
                f"must have as many as there are requests, {len(recorded)}"
            )
        config.last_token_time = pointer(last)
    if timeline is None:
        return _load(recorded, config, None)
    if timeline == "changes":
        # Once to count the rows, and once to write them.
        wanted = initialised(structs.batching_load_timeline)
        _calculate(recorded, config, wanted)
        return _load(recorded, config, _columns(wanted.count))
    if isinstance(timeline, str):
        raise BatchingValueError(f"timeline is {shown(timeline)}: must be 'changes', a number of intervals or None")
    bins = integer(timeline, "timeline", 1, INT64_MAX)
    return _load(recorded, config, _columns(bins), bins)


def last_tokens(start: Float64Array, end: Float64Array, held: Float64Array) -> Float64Array:
    """Seconds at which requests had their last token that were held so long after it."""
    missing = np.isnan(end - held)
    ended, waited = (nanosecond_column(np.where(missing, 0.0, column)) for column in (end, held))
    # Rounding must not take it out of the request.
    return np.where(missing, np.nan, np.clip(second_column(ended - waited), start, end))


def _window(window: object) -> tuple[float, float]:
    if not isinstance(window, tuple | list) or len(window) != 2:
        raise TypeError(f"window is {shown(window)}: must be a tuple of two numbers")
    start, end = number(window[0], "window[0]"), number(window[1], "window[1]")
    if end == 0:
        # In the C interface that is the default.
        raise BatchingValueError("window[1] is 0.0: must be above 0")
    return start, end


def _columns(rows: int) -> dict[str, npt.NDArray[Any]]:
    return {name: allocated(rows, dtype, "timeline") for name, dtype in _TIMELINE_COLUMNS.items()}


def _calculate(
    recorded: RecordedRequests, config: structs.batching_load_config, timeline: structs.batching_load_timeline | None
) -> dict[str, float]:
    load = initialised(structs.batching_load)
    structure = recorded._structure()
    check(
        interruptible(
            library.batching_load_calculate,
            ctypes.byref(structure),
            ctypes.byref(config),
            ctypes.byref(load),
            None if timeline is None else ctypes.byref(timeline),
        ),
        _NAMES,
    )
    return {name: getattr(load, name) for name, _ in structs.batching_load._fields_[2:]}  # type: ignore[misc]


def _load(
    recorded: RecordedRequests,
    config: structs.batching_load_config,
    columns: dict[str, npt.NDArray[Any]] | None,
    bins: int = 0,
) -> Load:
    if columns is None:
        return Load(**_calculate(recorded, config, None))  # type: ignore[arg-type]
    wanted = initialised(structs.batching_load_timeline)
    wanted.bins = bins
    wanted.capacity = len(columns["time"])
    for name, column in columns.items():
        setattr(wanted, name, pointer(column))
    load = _calculate(recorded, config, wanted)
    kept = {name: column[: wanted.count] for name, column in columns.items()}
    return Load(**load, timeline=LoadTimeline(kept))  # type: ignore[arg-type]
