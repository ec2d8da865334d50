"""Calibration on live traffic: times that are fitted, within a time budget, to the newest requests of a server."""

import ctypes
import math
import time as clocks
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, NoReturn, Self

import numpy as np
import numpy.typing as npt

from batching._calibration.calibrate import CALIBRATION_NAMES, Server, calibration_of, simulations_of, telling
from batching._calibration.calibration import Calibration, CalibrationProgress
from batching._calibration.observed import observed
from batching._catalogue.deployment import AnyModel
from batching._catalogue.gpu import GPU
from batching._catalogue.words import Dtype
from batching._columns.columns import RequestColumns
from batching._columns.display import Displayed, Table, count, seconds
from batching._columns.recorded import RecordedRequests
from batching._engine.callbacks import Callbacks
from batching._engine.config import EngineConfig
from batching._ffi.arguments import int32, int64_column, integer, number
from batching._ffi.calls import check, initialised, pointer
from batching._ffi.generated import structs
from batching._ffi.handles import Handle
from batching._ffi.loader import library
from batching._ffi.signals import interruptible

# Fewer say nothing of what the others cost; more are not kept.
_FEWEST: Final = 16
_MOST: Final = 500_000


@dataclass(frozen=True)
class LiveCalibrationState(Displayed):
    """What a LiveCalibration holds now."""

    in_flight: int
    """Requests that have arrived and not ended."""
    finished: int
    """Requests that are kept and have finished."""
    failed: int
    """Requests that are kept and have failed."""
    counting: int
    """Of those that have finished, those that are compared: a fit needs 16."""
    hash_ids: int
    """Hash ids of all requests that are kept."""
    forgotten_until: float | None
    """Seconds: when the last of the forgotten ended. None: none is forgotten."""

    def _table(self) -> Table:
        rows = [
            ("in flight", count(self.in_flight)),
            ("finished", count(self.finished)),
            ("failed", count(self.failed)),
            ("counting", count(self.counting)),
            ("hash ids", count(self.hash_ids)),
            ("forgotten until", "" if self.forgotten_until is None else seconds(self.forgotten_until)),
        ]
        return Table("Live calibration", ("", ""), rows)


_STATE_NAMES: Final = tuple(field.name for field in fields(LiveCalibrationState))


class LiveCalibration(Handle):
    """Fits the times of iterations to the traffic that a server has: it is told of each request as it comes and ends,
    keeps the newest, and calibrates on them whenever it is asked. All times are seconds of one clock.

    Requests that came while others were in flight that are not kept any more are simulated, and not compared; so are
    those in flight, which are as long as is expected of them. "Calibration: live" in batching.h says more.

    Args:
        config: how the server schedules, and what memory it has: see `calibrate`.
        window: requests that are kept once they have ended, 16 to 500,000.
        model: what it serves, with gpu, as for `calibrate`; and so what follows.
        gpu: what it runs on.
        tensor_parallel: GPUs that share each layer.
        dtype: the type of linear layers and experts.
        kv_dtype: the type of the KV cache.
        scheduling: which ways to schedule are tried, as for `calibrate`.
        search_num_gpu_blocks: whether num_gpu_blocks is looked for, as for `calibrate`.
        seed: of the random steps of the search.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range.
        MemoryError: there is no memory.

    One thread at a time may use it: another gets a BatchingBusyError. To fit in another thread while this is told of
    more, fit a `fork`.
    """

    def __init__(
        self,
        config: EngineConfig | None = None,
        *,
        window: int = 300,
        model: AnyModel | None = None,
        gpu: GPU | str | None = None,
        tensor_parallel: int = 1,
        dtype: Dtype | None = None,
        kv_dtype: Dtype = "bf16",
        scheduling: str = "given",
        search_num_gpu_blocks: bool = False,
        seed: int = 0,
    ) -> None:
        self._server = Server.of(
            config,
            Callbacks(),
            model=model,
            gpu=gpu,
            tensor_parallel=tensor_parallel,
            dtype=dtype,
            kv_dtype=kv_dtype,
            scheduling=scheduling,
            search_num_gpu_blocks=search_num_gpu_blocks,
            seed=seed,
            simulations=None,
        )
        kept = integer(window, "window", _FEWEST, _MOST)
        handle = self._owned(library.batching_live_calibration_destroy)
        check(
            library.batching_live_calibration_create(ctypes.byref(self._server.structure), kept, ctypes.byref(handle)),
            CALIBRATION_NAMES,
        )
        self._handle = handle
        self.latest: Calibration | None = None
        """What the last `fit` found; None before."""

    def arrived(
        self,
        request: int,
        time: float,
        prompt_length: int = 0,
        *,
        expected_output_length: int | None = None,
        hash_ids: npt.ArrayLike | None = None,
    ) -> None:
        """A request was sent to the server.

        Args:
            request: what you call it: an integer that none in flight has.
            time: seconds.
            prompt_length: tokens.
            expected_output_length: tokens, as far as is known. None: the mean of those that have finished.
            hash_ids: with a prefix cache: the chained hashes of its prompt, one for each KV block.
        """
        expected = (
            0
            if expected_output_length is None
            else integer(expected_output_length, "expected_output_length", 1, 2**31 - 1)
        )
        hashes = None if hash_ids is None else int64_column(hash_ids, "hash_ids")
        check(
            library.batching_live_calibration_arrived(
                self._handle,
                integer(request, "request"),
                number(time, "time"),
                int32(prompt_length, "prompt_length"),
                expected,
                pointer(hashes),
                0 if hashes is None else len(hashes),
            )
        )

    def first_token(self, request: int, time: float) -> None:
        """It has its first token. One that finishes without has all its tokens at once."""
        check(
            library.batching_live_calibration_first_token(
                self._handle, integer(request, "request"), number(time, "time")
            )
        )

    def finished(self, request: int, time: float, output_length: int) -> None:
        """It has all its tokens, of which there are so many. Its id is free again."""
        tokens = int32(output_length, "output_length")
        check(
            library.batching_live_calibration_finished(
                self._handle, integer(request, "request"), number(time, "time"), tokens
            )
        )

    def failed(self, request: int, time: float) -> None:
        """It will have no more tokens: its client has left, or the server has failed it. Its id is free again."""
        check(library.batching_live_calibration_failed(self._handle, integer(request, "request"), number(time, "time")))

    @property
    def state(self) -> LiveCalibrationState:
        """What it holds now. Time: proportional to the window."""
        told = initialised(structs.batching_live_calibration_state)
        check(interruptible(library.batching_live_calibration_observe, self._handle, ctypes.byref(told)))
        values = {name: getattr(told, name) for name in _STATE_NAMES}
        if math.isnan(told.forgotten_until):
            values["forgotten_until"] = None
        return LiveCalibrationState(**values)

    def __len__(self) -> int:
        """How many are kept that have all their tokens."""
        return self.state.finished

    def fork(self) -> Self:
        """An independent copy, to `fit` in another thread. Time: that of copying what is kept, microseconds."""
        copy = type(self).__new__(type(self))
        handle = copy._owned(library.batching_live_calibration_destroy)
        check(interruptible(library.batching_live_calibration_fork, self._handle, ctypes.byref(handle)))
        copy._server, copy.latest, copy._handle = self._server, self.latest, handle
        return copy

    def __copy__(self) -> Self:
        return self.fork()

    def __deepcopy__(self, memo: object) -> Self:
        return self.fork()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LiveCalibration cannot be pickled: its log can")

    def log(self) -> tuple[RequestColumns, RecordedRequests] | None:
        """What a fit is made to, as `calibrate` takes it: the earliest request that is kept arrives at 0.0.

        None if fewer than 16 requests count.
        """
        if self.state.counting < _FEWEST:
            return None
        log = initialised(structs.batching_live_calibration_log)
        check(interruptible(library.batching_live_calibration_log_write, self._handle, ctypes.byref(log)))
        rows, hashes = log.count, np.empty(log.hash_count, np.int64)
        lengths = {name: np.empty(rows, np.int32) for name in ("prompt_length", "output_length")}
        times = {name: np.empty(rows) for name in ("arrival_time", "abort_time", "first_token_time", "end_time")}
        success, offsets = np.empty(rows, np.bool_), np.empty(rows + 1, np.int64)
        log.capacity, log.hash_capacity = rows, len(hashes)
        columns = {**lengths, **times, "success": success, "hash_offsets": offsets, "hash_ids": hashes}
        for name, column in columns.items():
            setattr(log, name, pointer(column))
        check(interruptible(library.batching_live_calibration_log_write, self._handle, ctypes.byref(log)))
        has_failed = bool(np.isfinite(times["abort_time"]).any())
        requests = RequestColumns(
            lengths["output_length"],
            lengths["prompt_length"],
            times["arrival_time"],
            abort_time=times["abort_time"] if has_failed else None,
            hash_ids=hashes if len(hashes) else None,
            hash_offsets=offsets if len(hashes) else None,
        )
        recorded = RecordedRequests(
            times["end_time"],
            lengths["output_length"],
            arrival_time=times["arrival_time"],
            first_token_time=times["first_token_time"],
            success=success,
        )
        return requests, recorded

    def fit(
        self,
        *,
        seconds: float | None = None,
        simulations: int | None = None,
        progress: Callable[[CalibrationProgress], object] | None = None,
    ) -> Calibration | None:
        """Calibrate on what is kept, for so long at most.

        Args:
            seconds: after so many it ends with the best that was found so far. What that is depends on the machine;
                simulations does not. None: no limit.
            simulations: the most simulations. None: 2,000.
            progress: called after each simulation; raise in it to stop, or return True to have the best that was found
                so far.

        Returns:
            What was found, also `latest`; None if fewer than 16 requests count.

        Raises:
            As `calibrate`.
        """
        end = None if seconds is None else clocks.monotonic() + number(seconds, "seconds")
        most = simulations_of(simulations)
        log = self.log()
        if log is None:
            return None
        callbacks = Callbacks()
        asked = _asking(end, progress)
        # Made of nothing it is NULL.
        callback = structs.batching_calibration_callback() if asked is None else callbacks.calibration(telling(asked))
        found = initialised(structs.batching_calibration)
        check(
            callbacks.run(
                library.batching_live_calibration_fit, self._handle, most, callback, None, ctypes.byref(found)
            ),
            CALIBRATION_NAMES,
        )
        self.latest = calibration_of(observed(log), self._server, found, None)
        return self.latest


def _asking(
    end: float | None, progress: Callable[[CalibrationProgress], object] | None
) -> Callable[[CalibrationProgress], object] | None:
    """Answers whether the time is up, or what the caller answers."""
    if end is None:
        return progress

    def ask(told: CalibrationProgress) -> bool:
        is_enough = progress is not None and progress(told) is True
        return is_enough or clocks.monotonic() >= end

    return ask
