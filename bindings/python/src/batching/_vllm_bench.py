"""A simulation told in the words of vLLM's `bench serve` result files, so that what reads those reads it, too.

The names of the fields and what they mean are those of vLLM 0.33's `vllm/benchmarks/serve.py`.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypedDict, Unpack

import numpy as np

from batching._arguments import number, shown
from batching._calls import Float64Array, Int64Array
from batching._engine_result import Result
from batching._engine_words import RequestStatus
from batching._errors import BatchingValueError
from batching._files import suffix_of, whole_file
from batching._results_file import Run, check_run
from batching._run_times import RunTimes, TokenTimes, run_times, token_times

Metric = Literal["ttft", "tpot", "itl", "e2el"]
"""Time to first token, time per output token, inter-token latency, end-to-end latency."""

_METRICS: Final = ("ttft", "tpot", "itl", "e2el")
_SECOND: Final = 1_000_000_000
_EVENLY: Final = "evenly spaced between the first token and the end"
_LOGGED: Final = "simulated"


def vllm_bench_json(
    result: Run,
    *,
    detailed: bool = False,
    percentile_metrics: Sequence[Metric] = ("ttft", "tpot", "itl"),
    metric_percentiles: Sequence[float] = (99,),
    model_id: str = "simulation",
    label: str | None = None,
    request_rate: float = math.inf,
    burstiness: float = 1.0,
    max_concurrency: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    date: datetime | None = None,
) -> dict[str, Any]:
    """The result of a simulation as vLLM's `bench serve` would have saved it, ready for json.dump.

    Requests that finished are its completed ones, all others its failed ones. A request is sent when it arrives. The
    duration is total_time: from 0.0 to the end of the last that finished. Aggregates are in milliseconds, everything
    else in seconds; means, population standard deviations and percentiles (linear interpolation) are over the
    requests that finished, of the ITL over all gaps between their tokens, of the TPOT over those with at least two.

    The gaps are those simulated if the run has log_iterations and log_decisions. Else only each request's first token
    and end are known, and its tokens are taken to lie evenly between; the field "token_times", which vLLM does not
    have, says which. That leaves TTFT, TPOT, E2E latency and mean_itl_ms as they are, and hides stalls from the other
    figures of the ITL. max_output_tokens_per_s is counted in whole nanoseconds; vLLM adds up rounded gaps, after which
    a token that comes exactly at a full second may be counted to the one before.

    Args:
        result: what `simulate`, `simulate_static` or `simulate_continuous` returned.
        detailed: whether to add what --save-detailed adds: input_lens, output_lens, start_times, ttfts, itls,
            generated_texts (all empty), errors (the words of RequestStatus; empty for those that finished).
        percentile_metrics: which metrics to tell, of "ttft", "tpot", "itl" and "e2el".
        metric_percentiles: which percentiles of them, each in [0, 100].
        model_id: what to call the model.
        label: what to call the run.
        request_rate: told as it is; infinity becomes "inf", as in vLLM's files.
        burstiness: told as it is.
        max_concurrency: told as it is.
        metadata: more fields; none may be one of those here.
        date: when the run was made. None: now; all else is the same each time.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a metric is unknown, a percentile out of its range, or a field of metadata is there already.

    Time and memory: O(count log count + seconds in which each request was decoding), and of logs O(rows).
    """
    check_run(result)
    shares = [_percentile(value, index) for index, value in enumerate(metric_percentiles)]
    for metric in percentile_metrics:
        if metric not in _METRICS:
            raise BatchingValueError(f"percentile_metrics has {shown(metric)}: must be of {', '.join(_METRICS)}")
    rate = number(request_rate, "request_rate")
    times, tokens = run_times(result), token_times(result)
    done = _finished(result)
    figures = _Figures(result, times, tokens, done)
    told: dict[str, Any] = {
        "date": (datetime.now().astimezone() if date is None else date).strftime("%Y%m%d-%H%M%S"),
        "endpoint_type": "batching",
        "backend": "batching",
        "label": label,
        "model_id": model_id,
        "tokenizer_id": model_id,
        "num_prompts": len(result),
        "request_rate": "inf" if math.isinf(rate) else rate,
        "burstiness": burstiness,
        "max_concurrency": max_concurrency,
        "token_times": _EVENLY if tokens is None else _LOGGED,
    }
    told |= figures.totals()
    for metric in _METRICS:
        if metric in percentile_metrics:
            told |= _statistics(metric, *figures.sample(metric), shares)
    if detailed:
        told |= figures.details()
    for name, value in (metadata or {}).items():
        if name in told:
            raise BatchingValueError(f"metadata has {shown(name)}: must not be a field that is there already")
        told[name] = value
    return told


class VllmBenchSettings(TypedDict, total=False):
    """The keyword arguments of vllm_bench_json, which says what they are."""

    detailed: bool
    percentile_metrics: Sequence[Metric]
    metric_percentiles: Sequence[float]
    model_id: str
    label: str | None
    request_rate: float
    burstiness: float
    max_concurrency: int | None
    metadata: Mapping[str, Any] | None
    date: datetime | None


def write_vllm_bench(result: Run, path: str | os.PathLike[str], **settings: Unpack[VllmBenchSettings]) -> None:
    """Write what vllm_bench_json returns to a file.

    Args:
        result: what `simulate`, `simulate_static` or `simulate_continuous` returned.
        path: ends in .json. A file of that name is replaced, once the new one is complete.
        settings: the keyword arguments of vllm_bench_json.

    Raises: what vllm_bench_json raises, and
        TypeError: the metadata is no JSON.
        ValueError: the path has another suffix, or the metadata has a number that JSON does not.
        OSError: there is no such directory, or the file cannot be written.
    """
    suffix_of(path, (".json",))
    told = vllm_bench_json(result, **settings)
    with whole_file(path) as file:
        file.write(json.dumps(told, allow_nan=False).encode())
        file.write(b"\n")


def _percentile(value: float, index: int) -> float:
    share = number(value, f"metric_percentiles[{index}]")
    if not 0 <= share <= 100:
        raise BatchingValueError(f"metric_percentiles[{index}] is {shown(value)}: must be between 0 and 100")
    return share


def _finished(result: Run) -> Int64Array:
    if isinstance(result, Result):
        return np.flatnonzero(result.status == RequestStatus.FINISHED)
    return np.arange(len(result))


class _Figures:
    """What the fields tell, of the requests that finished."""

    def __init__(self, result: Run, times: RunTimes, tokens: TokenTimes | None, done: Int64Array) -> None:
        self._result, self._times, self._tokens, self._done = result, times, tokens, done
        self._generated = result.tokens_generated[done].astype(np.int64)
        prompts = result.requests.prompt_length
        self._prompts = np.zeros(len(result), np.int32) if prompts is None else prompts

    def totals(self) -> dict[str, Any]:
        """The fields of the whole run."""
        done, duration = self._done, self._result.total_time
        inputs, outputs = int(self._prompts[done].sum(dtype=np.int64)), int(self._generated.sum())
        starts = self._times.arrival[done]
        # Buckets of a second, counted from the first that was sent.
        origin = int(starts.min()) if len(done) else 0
        return {
            "duration": duration,
            "completed": len(done),
            "failed": len(self._result) - len(done),
            "total_input_tokens": inputs,
            "total_output_tokens": outputs,
            "request_throughput": _rate(len(done), duration),
            "request_goodput": None,
            "output_throughput": _rate(outputs, duration),
            "total_token_throughput": _rate(inputs + outputs, duration),
            "max_output_tokens_per_s": float(self._busiest_second(origin)),
            "max_concurrent_requests": _most_at_once(
                (starts - origin) // _SECOND, (self._times.end[done] - origin) // _SECOND
            ),
            "rtfx": 0.0,
            "latencies": self._all(self._times.end),
            "queue_times": self._all(self._times.start),
        }

    def sample(self, metric: str) -> tuple[Float64Array, Int64Array]:
        """Seconds, and how many times each is in the sample."""
        arrival, end, first = (
            column[self._done] for column in (self._times.arrival, self._times.end, self._times.first_token)
        )
        ones = np.ones(len(self._done), np.int64)
        if metric == "ttft":
            return (first - arrival) / 1e9, ones
        if metric == "e2el":
            return (end - arrival) / 1e9, ones
        if metric == "itl" and self._tokens is not None:
            gaps = self._gaps(self._tokens)
            return gaps, np.ones(len(gaps), np.int64)
        several = self._generated > 1
        counts = self._generated[several] - 1
        per_token = (end - first)[several] / counts / 1e9
        return per_token, counts if metric == "itl" else ones[several]

    def details(self) -> dict[str, Any]:
        """The fields of each request."""
        result, done = self._result, self._done
        generated = np.zeros(len(result), np.int64)
        generated[done] = self._generated
        errors = [""] * len(result)
        if isinstance(result, Result):
            for index in np.flatnonzero(result.status != RequestStatus.FINISHED).tolist():
                errors[index] = RequestStatus(int(result.status[index])).name.lower()
        return {
            "input_lens": self._prompts.tolist(),
            "output_lens": generated.tolist(),
            "start_times": (self._times.arrival / 1e9).tolist(),
            "ttfts": self._all(self._times.first_token),
            "itls": self._itls(generated),
            "generated_texts": [""] * len(result),
            "errors": errors,
        }

    def _itls(self, generated: Int64Array) -> list[list[float]]:
        times = self._times
        if self._tokens is None:
            gap = (times.end - times.first_token) / np.maximum(generated - 1, 1) / 1e9
            counts = np.maximum(generated - 1, 0).tolist()
            return [[value] * count for value, count in zip(gap.tolist(), counts, strict=True)]
        offsets = self._tokens.offsets.tolist()
        return [
            (np.diff(self._tokens.times[offsets[index] : offsets[index + 1]]) / 1e9).tolist() if count else []
            for index, count in enumerate(generated.tolist())
        ]

    def _all(self, moment: Int64Array) -> list[float]:
        """Seconds from the arrival of each request to the moment; 0.0 for those that failed, as in vLLM's files."""
        seconds = np.zeros(len(self._result))
        seconds[self._done] = (moment[self._done] - self._times.arrival[self._done]) / 1e9
        return seconds.tolist()

    def _gaps(self, tokens: TokenTimes) -> Float64Array:
        """Between two tokens of one request, in seconds."""
        owner = np.repeat(np.arange(len(self._result)), np.diff(tokens.offsets))
        finished = np.zeros(len(self._result), bool)
        finished[self._done] = True
        same = (owner[1:] == owner[:-1]) & finished[owner[1:]]
        gaps: Float64Array = np.diff(tokens.times)[same] / 1e9
        return gaps

    def _busiest_second(self, origin: int) -> int:
        """The most tokens in a second."""
        if len(self._done) == 0:
            return 0
        if self._tokens is not None:
            tokens = self._tokens
            finished = np.zeros(len(self._result), bool)
            finished[self._done] = True
            chosen = tokens.times[np.repeat(finished, np.diff(tokens.offsets))]
            return _largest((chosen - origin) // _SECOND, np.ones(len(chosen)))
        first, end = self._times.first_token[self._done] - origin, self._times.end[self._done] - origin
        begin, last = first // _SECOND, end // _SECOND
        # One entry for each request and each second in which it has tokens.
        lengths = last - begin + 1
        owner = np.repeat(np.arange(len(first)), lengths)
        second = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + begin[owner]
        before, after = (
            _tokens_before(edge * _SECOND, first[owner], end[owner], self._generated[owner])
            for edge in (second, second + 1)
        )
        return _largest(second, after - before)


def _tokens_before(time: Int64Array, first: Int64Array, end: Int64Array, count: Int64Array) -> Float64Array:
    """How many of `count` tokens, evenly from first to end, lie before a time."""
    spaces = np.maximum(count - 1, 1)
    length = np.maximum(end - first, 1)
    passed = np.ceil((time - first).astype(np.float64) * spaces / length)
    # The other case is there for tokens that all come at once.
    return np.where(time > end, count, np.clip(passed, 0, count))


def _largest(buckets: Int64Array, counts: Float64Array) -> int:
    """The largest sum of counts with the same bucket."""
    kinds, position = np.unique(buckets, return_inverse=True)
    return int(np.bincount(position, weights=counts, minlength=len(kinds)).max(initial=0))


def _most_at_once(begin: Int64Array, end: Int64Array) -> int:
    """The most requests in a bucket, of which each is in all from begin to end, both included."""
    edges = np.concatenate([begin, end + 1])
    changes = np.repeat([1, -1], len(begin))
    kinds, position = np.unique(edges, return_inverse=True)
    return int(np.cumsum(np.bincount(position, weights=changes, minlength=len(kinds))).max(initial=0))


def _rate(amount: int, duration: float) -> float:
    return amount / duration if duration > 0 else 0.0


def _statistics(metric: str, values: Float64Array, counts: Int64Array, shares: list[float]) -> dict[str, float]:
    """The fields of one metric, in milliseconds; 0 if there is no sample, as in vLLM."""
    values = 1e3 * values
    order = np.argsort(values, kind="stable")
    values, counts = values[order], counts[order]
    bounds = np.cumsum(counts)
    total = int(bounds[-1]) if len(bounds) else 0
    mean = float(np.average(values, weights=counts)) if total else 0.0
    spread = math.sqrt(float(np.average((values - mean) ** 2, weights=counts))) if total else 0.0

    def percentile(share: float) -> float:
        if total == 0:
            return 0.0
        place = (total - 1) * (share / 100)
        below = min(int(place), total - 1)
        lower, upper = (
            float(values[np.searchsorted(bounds, rank, side="right")]) for rank in (below, min(below + 1, total - 1))
        )
        return lower + (upper - lower) * (place - below)

    told = {f"mean_{metric}_ms": mean, f"median_{metric}_ms": percentile(50), f"std_{metric}_ms": spread}
    # 99 for 99.0, and 99.9 as it is.
    return told | {
        f"p{int(share) if share == int(share) else share}_{metric}_ms": percentile(share) for share in shares
    }
