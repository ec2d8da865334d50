"""The metrics of live traffic, event by event: over a sliding window and since the start."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt

from batching._ffi.arguments import (
    check_same_length,
    float64_column,
    int32,
    int32_column,
    int64_column,
    integer,
    number,
    number_of,
    positive,
    word,
)
from batching._ffi.arguments import shown as shown_value
from batching._ffi.calls import check, initialised, pointer
from batching._ffi.generated import choices, constants, structs
from batching._ffi.handles import Handle
from batching._ffi.loader import library
from batching._ffi.signals import interruptible
from batching._ffi.state_bytes import byte_column, saved
from batching._metrics.serving import SLO, PercentileMethod, ServingMetrics, measured, metrics_options, set_slo

_NAMES: Final = {"prompt_tokens": "prompt_length", "tokens": "count"}


@dataclass(frozen=True)
class AccumulatorState:
    """What an accumulator holds now. Times are seconds."""

    first_arrival: float
    """The earliest arrival. 0.0 if there was none."""
    clock: float
    """The latest time of any event, or that the clock was moved to."""
    window_begin: float
    """Where the window begins."""
    arrived: int
    """Requests that arrived since the start: those that completed, failed, are running, are waiting."""
    running: int
    """Requests in flight that have started or have tokens."""
    waiting: int
    """Requests in flight that have not."""
    gaps: int
    """Gaps between tokens of requests in flight."""


class Accumulator(Handle):
    """Measures live traffic, in memory that is fixed when it is made.

    It takes the events of requests as they happen; those of different requests in any order, those of one request in
    order of time. A request is measured when it finishes, by the definitions of `measure` in vLLM's convention: each
    event with tokens is one of its token times. One that fails is counted, and measured in nothing else.

    Percentiles of up to 1,024 values are exact; of more, each value between which a percentile lies is within 0.1%, or
    half a nanosecond. Everything else is exact.

    Args:
        window: seconds that the sliding window covers.
        slot_count: into how many slots it is cut, from time 0 on: the window is the slot of the latest time, and those
            before it.
        max_requests: the most requests in flight.
        max_gaps: the most gaps between tokens of requests in flight. None: 256 for each of max_requests.
        slo: what counts as good.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range.
        MemoryError: there is no memory.

    One thread at a time may use it: another gets a BatchingBusyError. Threads, processes and machines have one each,
    and their accumulators are merged. It can be pickled.

    >>> live = Accumulator()
    >>> live.arrived(7, 0.0, prompt_length=100)
    >>> live.tokens(7, 0.25)
    >>> live.tokens(7, 0.5)
    >>> live.finished(7, 0.5)
    >>> live.measure().ttft.mean
    0.25
    """

    def __init__(
        self,
        *,
        window: float = 60.0,
        slot_count: int = 30,
        max_requests: int = 4096,
        max_gaps: int | None = None,
        slo: SLO | None = None,
    ) -> None:
        config = initialised(structs.batching_accumulator_config)
        config.window = positive(window, "window")
        # 0 is the default in C, and a mistake here.
        config.slot_count = integer(slot_count, "slot_count", 1, 3600)
        config.max_requests = integer(max_requests, "max_requests", 1, 2**24)
        config.max_gaps = 0 if max_gaps is None else integer(max_gaps, "max_gaps", 1, 2**31)
        if slo is not None and not isinstance(slo, SLO):
            raise TypeError(f"slo is {shown_value(slo)}: must be an SLO or None")
        self._slo = slo or SLO()
        set_slo(config, self._slo)
        handle = self._owned(library.batching_accumulator_destroy)
        check(library.batching_accumulator_create(ctypes.byref(config), ctypes.byref(handle)))
        self._handle = handle

    def arrived(self, request: int, time: float, prompt_length: int = 0) -> None:
        """A request arrived. `request` is an id of your choice, free again once the request has ended."""
        tokens = int32(prompt_length, "prompt_length")
        check(
            library.batching_accumulator_arrived(self._handle, integer(request, "request"), _time(time), tokens), _NAMES
        )

    def started(self, request: int, time: float) -> None:
        """A request joined a batch. May be left out; then its queue time is not known."""
        check(library.batching_accumulator_started(self._handle, integer(request, "request"), _time(time)))

    def tokens(self, request: int, time: float, count: int = 1) -> None:
        """Tokens of a request came: the first of these events is its first token."""
        tokens = int32(count, "count")
        check(
            library.batching_accumulator_tokens(self._handle, integer(request, "request"), _time(time), tokens), _NAMES
        )

    def finished(self, request: int, time: float, reason: choices.FinishedReasonName = "stop") -> None:
        """A request finished. For vLLM's E2E latency `time` is that of its last token."""
        value = word(reason, "reason", choices.FINISHED_REASON_NAMES)
        check(library.batching_accumulator_finished(self._handle, integer(request, "request"), _time(time), value))

    def failed(self, request: int, time: float, reason: choices.FailedReasonName = "error") -> None:
        """A request failed."""
        value = word(reason, "reason", choices.FAILED_REASON_NAMES)
        check(library.batching_accumulator_failed(self._handle, integer(request, "request"), _time(time), value))

    def add(
        self,
        request: npt.ArrayLike,
        time: npt.ArrayLike,
        event: npt.ArrayLike | None = None,
        value: npt.ArrayLike | None = None,
    ) -> None:
        """Many events, as if given one after the other.

        Args:
            request: the id of each event's request.
            time: seconds.
            event: what happened: values of AccumulatorEvent. None: tokens came.
            value: see AccumulatorEvent. None: all 1; required with event.

        Raises:
            TypeError: something is no integer or no number.
            ValueError: the columns differ in length; or an event is in error: those before it have been taken.

        Time: O(events), some 20 ns each; nothing is copied of int64, float64 and int32 arrays.
        """
        columns = {
            "request": int64_column(request, "request"),
            "time": float64_column(time, "time"),
            "event": None if event is None else int32_column(event, "event"),
            "value": None if value is None else int32_column(value, "value"),
        }
        check_same_length(columns)
        events = initialised(structs.batching_accumulator_events)
        events.count = len(columns["request"])  # type: ignore[arg-type]
        for name, column in columns.items():
            setattr(events, name, pointer(column))
        check(interruptible(library.batching_accumulator_add, self._handle, ctypes.byref(events), None))

    def advance(self, time: float) -> None:
        """Move the clock on to `time` without an event, if it is not there yet; so the window moves on, too."""
        check(library.batching_accumulator_advance(self._handle, _time(time)))

    @property
    def state(self) -> AccumulatorState:
        """What it holds now."""
        state = initialised(structs.batching_accumulator_state)
        check(library.batching_accumulator_observe(self._handle, ctypes.byref(state)))
        names = ("first_arrival", "clock", "window_begin", "arrived", "running", "waiting", "gaps")
        return AccumulatorState(**{name: getattr(state, name) for name in names})

    def measure(
        self,
        scope: choices.AccumulatorScopeName = "start",
        *,
        percentiles: Sequence[float] = (50, 90, 95, 99),
        percentile_method: PercentileMethod = "linear",
        duration: float | None = None,
    ) -> ServingMetrics:
        """The metrics of the requests that ended: the very ones that `measure` gives. Those in flight are in no figure:
        call `failed` for each once no answer will come, as when a run is cut short.

        Args:
            scope: "start": of all since the start. "window": of those that ended in the sliding window.
            percentiles: which, each in [0, 100].
            percentile_method: "linear" (NumPy's default), "inverse_cdf" or "nearest".
            duration: seconds, above 0. None: from the first arrival, or the begin of the window, to the clock.
        """
        options, wanted = metrics_options("vllm", percentiles, percentile_method)
        options.duration = 0.0 if duration is None else positive(duration, "duration")
        which = word(scope, "scope", choices.ACCUMULATOR_SCOPE_NAMES)

        def calculate(metrics: structs.batching_serving_metrics) -> int:
            return interruptible(
                library.batching_accumulator_measure, self._handle, which, ctypes.byref(options), ctypes.byref(metrics)
            )

        return measured(calculate, "vllm", wanted, self._slo)

    def merge(self, other: "Accumulator") -> None:
        """Add the events of `other`, which stays as it is: any split of requests, merged in any order, gives what one
        accumulator would.

        Raises:
            TypeError: no accumulator.
            ValueError: the windows or SLOs differ, a request is in flight in both, or there are too many in flight.
        """
        if not isinstance(other, Accumulator):
            raise TypeError(f"other is {shown_value(other)}: must be an Accumulator")
        check(interruptible(library.batching_accumulator_merge, self._handle, other._handle))

    def save(self) -> bytes:
        """Everything, requests in flight included: the same state gives the same bytes."""
        return saved(library.batching_accumulator_save, self._handle)

    @classmethod
    def load(cls, data: bytes | bytearray | memoryview) -> "Accumulator":
        """An accumulator from what save gave.

        Raises:
            TypeError: no bytes.
            ValueError: they are not those of an accumulator, or were changed.
        """
        column = byte_column(data, "data")
        self = cls.__new__(cls)
        handle = self._owned(library.batching_accumulator_destroy)
        check(interruptible(library.batching_accumulator_load, pointer(column), len(column), ctypes.byref(handle)))
        self._handle = handle
        self._slo = self._read_slo()
        return self

    def _read_slo(self) -> SLO:
        """The objectives: the library says only which there are, and no figure needs more."""
        metrics = initialised(structs.batching_serving_metrics)
        check(library.batching_accumulator_measure(self._handle, 0, None, ctypes.byref(metrics)))
        names = ("ttft", "tpot", "itl", "e2e")
        present = {name: getattr(metrics, f"slo_attainment_{name}") for name in names}
        return SLO(**{name: 1.0 if value == value else None for name, value in present.items()})  # noqa: PLR0124

    def __reduce__(self) -> tuple[Any, ...]:
        return (Accumulator.load, (self.save(),))

    def prometheus(self, model_name: str, engine: str = "0", *, max_model_len: int | None = None) -> str:
        """Everything since the start in the Prometheus text format, by the names and with the buckets of vLLM's server.

        Args:
            model_name: a label.
            engine: a label.
            max_model_len: up to where the buckets of the token counts go. None: to 2,000,000,000.

        Raises:
            TypeError: no string.
            ValueError: a label has a NUL character.
        """
        labels = [_label(model_name, "model_name"), _label(engine, "engine")]
        longest = 0 if max_model_len is None else integer(max_model_len, "max_model_len", 1)
        needed = ctypes.c_int64()
        text = library.batching_accumulator_prometheus
        while True:
            check(text(self._handle, *labels, longest, None, 0, ctypes.byref(needed)))
            buffer = ctypes.create_string_buffer(needed.value)
            status = text(self._handle, *labels, longest, buffer, needed.value, None)
            # Another thread may have added events since it was asked.
            if status != constants.BATCHING_ERROR_CAPACITY:
                check(status)
                return buffer.value.decode()

    def __repr__(self) -> str:
        state = self.state
        return f"Accumulator({number_of(state.arrived, 'request')}, {state.running} running, {state.waiting} waiting)"


def _time(value: object) -> float:
    return number(value, "time")


def _label(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown_value(value)}: must be a string")
    if "\0" in value:
        raise ValueError(f"{name} is {shown_value(value)}: must not have a NUL character")
    return value.encode("utf-8", "surrogatepass")
