"""Calibration on live traffic: times that are fitted, within a time budget, to the newest requests of a server."""

import math
import time as clocks
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from batching._calibration.calibrate import calibrate
from batching._calibration.calibration import Calibration
from batching._catalogue.deployment import AnyModel
from batching._catalogue.gpu import GPU
from batching._catalogue.words import Dtype
from batching._columns.columns import RequestColumns
from batching._columns.recorded import RecordedRequests
from batching._engine.config import EngineConfig
from batching._ffi.arguments import integer, number, shown
from batching._ffi.errors import BatchingValueError

# Fewer say nothing of what the others cost.
_FEWEST: Final = 16


@dataclass(slots=True)
class _Request:
    """What is known of one."""

    arrival: float
    prompt_length: int
    expected: int
    hash_ids: Any
    first_token: float = math.nan
    end: float = math.nan
    output_length: int = 0
    failed: bool = False


class LiveCalibration:
    """Fits the times of iterations to the traffic that a server has: it is told of each request as it comes and ends,
    keeps the newest, and calibrates on them whenever it is asked. All times are seconds of one clock that does not go
    back. One thread at a time may use it; `fit` may run in another on what `log` gave.

    Requests that came while others were in flight that are not kept any more are simulated, and not compared; so are
    those in flight, which are as long as is expected of them.

    Args:
        config: how the server schedules, and what memory it has: see `calibrate`.
        window: requests that are kept once they have ended.
        model: what it serves, with gpu, as for `calibrate`; and so what follows.
        gpu: what it runs on.
        tensor_parallel: GPUs that share each layer.
        dtype: the type of linear layers and experts.
        kv_dtype: the type of the KV cache.
        scheduling: which ways to schedule are tried, as for `calibrate`.
        seed: of the random steps of the search.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range.
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
        seed: int = 0,
    ) -> None:
        self._window = integer(window, "window", _FEWEST, 1_000_000)
        self._settings: dict[str, Any] = {
            "config": config,
            "model": model,
            "gpu": gpu,
            "tensor_parallel": tensor_parallel,
            "dtype": dtype,
            "kv_dtype": kv_dtype,
            "scheduling": scheduling,
            "seed": seed,
        }
        self._in_flight: dict[int, _Request] = {}
        self._ended: deque[_Request] = deque()
        self._answered = 0
        self._forgotten_until = -math.inf
        self.latest: Calibration | None = None
        """What the last `fit` found; None before."""

    def arrived(
        self, request: int, time: float, prompt_length: int = 0, *, expected: int | None = None, hash_ids: Any = None
    ) -> None:
        """A request was sent to the server.

        Args:
            request: what you call it: an integer that none in flight has.
            time: seconds.
            prompt_length: tokens.
            expected: output tokens, as far as is known. None: the mean of those that have ended.
            hash_ids: with a prefix cache: the chained hashes of its blocks.
        """
        if request in self._in_flight:
            raise BatchingValueError(f"request is {shown(request)}: must be one that is not in flight")
        tokens = 0 if expected is None else integer(expected, "expected", 1, 2**31 - 1)
        self._in_flight[request] = _Request(
            number(time, "time"), integer(prompt_length, "prompt_length", 0, 2**31 - 1), tokens, hash_ids
        )

    def first_token(self, request: int, time: float) -> None:
        """It has its first token. Of a request that is not in flight nothing is noted."""
        if (known := self._in_flight.get(request)) is not None:
            known.first_token = number(time, "time")

    def finished(self, request: int, time: float, output_length: int) -> None:
        """It has all its tokens, of which there are so many."""
        if (known := self._in_flight.pop(request, None)) is not None:
            known.end = number(time, "time")
            known.output_length = integer(output_length, "output_length", 1, 2**31 - 1)
            # One without a first token was given all at once.
            known.first_token = known.end if math.isnan(known.first_token) else known.first_token
            self._answered += 1
            self._keep(known)

    def failed(self, request: int, time: float) -> None:
        """It will have no more tokens: its client has left, or the server has failed it."""
        if (known := self._in_flight.pop(request, None)) is not None:
            known.end = number(time, "time")
            known.failed = True
            self._keep(known)

    def __len__(self) -> int:
        """How many are kept that have all their tokens."""
        return self._answered

    def _keep(self, request: _Request) -> None:
        self._ended.append(request)
        if len(self._ended) > self._window:
            oldest = self._ended.popleft()
            self._answered -= not oldest.failed
            self._forgotten_until = max(self._forgotten_until, oldest.end)

    def log(self) -> tuple[RequestColumns, RecordedRequests] | None:
        """What is kept, as `calibrate` takes it; None if too few requests count for it. Copies: `fit` may work on it in
        another thread, while this is told of more.
        """
        rows = sorted([*self._ended, *self._in_flight.values()], key=lambda row: row.arrival)
        counts = [not row.failed and row.output_length > 0 and row.arrival >= self._forgotten_until for row in rows]
        if sum(counts) < _FEWEST:
            return None
        ended = [row.output_length for row in rows if row.output_length > 0]
        mean = max(1, round(sum(ended) / len(ended)))
        outputs = np.array([row.output_length or row.expected or mean for row in rows], np.int32)
        arrivals = np.array([row.arrival for row in rows])
        aborts = np.array([row.end if row.failed else math.nan for row in rows])
        has_hashes = any(row.hash_ids is not None for row in rows)
        requests = RequestColumns(
            outputs,
            np.array([row.prompt_length for row in rows], np.int32),
            arrivals,
            abort_time=aborts if any(row.failed for row in rows) else None,
            hash_ids=[() if row.hash_ids is None else row.hash_ids for row in rows] if has_hashes else None,
        )
        recorded = RecordedRequests(
            np.array([row.end if counted else math.nan for row, counted in zip(rows, counts, strict=True)]),
            outputs,
            arrival_time=arrivals,
            first_token_time=np.array(
                [row.first_token if counted else math.nan for row, counted in zip(rows, counts, strict=True)]
            ),
            success=np.array(counts),
        )
        return requests, recorded

    def fit(
        self,
        log: tuple[RequestColumns, RecordedRequests] | None = None,
        *,
        seconds: float | None = None,
        simulations: int | None = None,
    ) -> Calibration | None:
        """Calibrate on what is kept, for so long at most.

        Args:
            log: what `log` gave, if not what is kept now.
            seconds: after so many it ends with the best that was found so far. What that is depends on the machine;
                simulations does not. None: no limit.
            simulations: the most simulations. None: 2,000.

        Returns:
            What was found, also `latest`; None if too few requests count.

        Raises:
            As `calibrate`.
        """
        log = self.log() if log is None else log
        if log is None:
            return None
        end = math.inf if seconds is None else clocks.monotonic() + number(seconds, "seconds")
        self.latest = calibrate(
            log, **self._settings, simulations=simulations, progress=lambda _: clocks.monotonic() >= end
        )
        return self.latest
