"""A simulation in the form of vLLM's `bench serve` result files, for the programs that read those.

The names of the fields and what they mean are those of vLLM 0.33's `vllm/benchmarks/serve.py`.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypedDict, Unpack

import numpy as np

from batching._columns.files import suffix_of, whole_file
from batching._columns.intervals import levels
from batching._columns.token_times import TokenTimes
from batching._ffi.arguments import number, shown
from batching._ffi.calls import Float64Array, Int64Array
from batching._ffi.errors import BatchingValueError
from batching._ffi.float_mode import in_standard_mode
from batching._ffi.generated.choices import RequestStatus
from batching._metrics.serving import SLO, Distribution, distribution, measure
from batching._output.results_file import check_run
from batching._output.run import Run
from batching._output.run_times import run_times

Metric = Literal["ttft", "tpot", "itl", "e2el"]
"""Time to first token, time per output token, inter-token latency, end-to-end latency."""

_METRICS: Final = ("ttft", "tpot", "itl", "e2el")
_SECOND: Final = 1_000_000_000
_EVENLY: Final = "evenly spaced between the first token and the end"
_LOGGED: Final = "simulated"
# As many become text at once: of the gaps between tokens each is a list of some hundred.
_JSON_ELEMENTS: Final = 256


@in_standard_mode
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
    slo: SLO | None = None,
    metadata: Mapping[str, Any] | None = None,
    date: datetime | None = None,
) -> dict[str, Any]:
    """The result of a simulation as vLLM's `bench serve` would have saved it, ready for json.dump.

    start_times are those at which requests were sent: in a closed loop, as in vLLM's files, after they waited at the
    client. Those that had not been sent when the run ended are left out. Requests that
    finished are its completed ones, all others its failed ones. The
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
        percentile_metrics: which metrics to write, of "ttft", "tpot", "itl" and "e2el".
        metric_percentiles: which percentiles of them, each in [0, 100].
        model_id: what to call the model.
        label: what to call the run.
        request_rate: written as it is; infinity becomes "inf", as in vLLM's files.
        burstiness: written as it is; infinity becomes "inf".
        max_concurrency: written as it is. None: that of the run's client, null if it had none.
        slo: what counts for request_goodput, which is null without.
        metadata: more fields; none may be one of those here.
        date: when the run was made. None: now; all else is the same each time.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a metric is unknown, a percentile or an objective out of its range, an objective is on the ITL of a
            run without both logs, or a field of metadata is there already.

    Time and memory: O(count log count + seconds in which each request was decoding), and of logs O(rows). The itls of
    `detailed` are one number a token: a minute and 1.6 GB of JSON for a million requests of 260 tokens.
    """
    check_run(result)
    for metric in percentile_metrics:
        if metric not in _METRICS:
            raise BatchingValueError(f"percentile_metrics has {shown(metric)}: must be of {', '.join(_METRICS)}")
    rate = number(request_rate, "request_rate")
    tokens = result._token_times()
    if tokens is None and slo is not None and slo.itl is not None:
        raise BatchingValueError("slo.itl is given: the run must have log_iterations and log_decisions")
    figures = _Figures(result, tokens, metric_percentiles, slo)
    told: dict[str, Any] = {
        "date": (datetime.now().astimezone() if date is None else date).strftime("%Y%m%d-%H%M%S"),
        "endpoint_type": "batching",
        "backend": "batching",
        "label": label,
        "model_id": model_id,
        "tokenizer_id": model_id,
        "num_prompts": figures.sent_count,
        "request_rate": "inf" if math.isinf(rate) else rate,
        "burstiness": "inf" if math.isinf(burstiness) else burstiness,
        "max_concurrency": result.settings.get("max_concurrency") if max_concurrency is None else max_concurrency,
        "token_times": _EVENLY if tokens is None else _LOGGED,
    }
    told |= figures.totals()
    for metric in _METRICS:
        if metric in percentile_metrics:
            told |= _fields(metric, figures.distribution(metric))
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
    slo: SLO | None
    metadata: Mapping[str, Any] | None
    date: datetime | None


@in_standard_mode
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
        for part in _json_parts(told):
            file.write(part.encode())
        file.write(b"\n")


def _json_parts(told: Mapping[str, Any]) -> Iterator[str]:
    """json.dumps(told), some elements of its lists at a time: between two of them a signal is seen."""
    separator = "{"
    for name, value in told.items():
        is_long = isinstance(value, list) and len(value) > _JSON_ELEMENTS
        whole = json.dumps({name: [] if is_long else value}, allow_nan=False)
        if not is_long:
            yield separator + whole[1:-1]
        else:
            yield separator + whole[1:-2]
            for begin in range(0, len(value), _JSON_ELEMENTS):
                elements = json.dumps(value[begin : begin + _JSON_ELEMENTS], allow_nan=False)
                yield (", " if begin else "") + elements[1:-1]
            yield "]"
        separator = ", "
    yield "}"


class _Figures:
    """The values of the fields, of the requests that were sent."""

    def __init__(self, result: Run, tokens: TokenTimes | None, percentiles: Sequence[float], slo: SLO | None) -> None:
        recorded = result.recorded()
        sent = result.was_sent()
        self._total_time = result.total_time
        self._status = result.status[sent]
        self._times = run_times(result).of(sent)
        self._is_done = self._status == RequestStatus.FINISHED
        self._done = np.flatnonzero(self._is_done)
        self._generated = recorded.output_length[self._done].astype(np.int64)
        self._tokens = None if tokens is None else tokens.of(sent)
        self._done_tokens = None if self._tokens is None else self._tokens.of(self._is_done)
        self.sent_count = len(recorded)
        self._prompts = np.zeros(len(recorded), np.int32) if recorded.prompt_length is None else recorded.prompt_length
        self._metrics = measure(
            recorded,
            convention="vllm",
            percentiles=percentiles,
            # A run without time has no rates, which is what measure makes of it.
            duration=result.total_time or None,
            slo=slo,
        )

    def totals(self) -> dict[str, Any]:
        """The fields of the whole run."""
        done, metrics = self._done, self._metrics
        starts = self._times.arrival[done]
        # Buckets of a second, counted from the first that was sent.
        origin = int(starts.min()) if len(done) else 0
        return {
            "duration": self._total_time,
            "completed": metrics.completed,
            "failed": metrics.failed,
            "total_input_tokens": metrics.total_input_tokens,
            "total_output_tokens": metrics.total_output_tokens,
            "request_throughput": metrics.request_throughput,
            "request_goodput": metrics.request_goodput,
            "output_throughput": metrics.output_throughput,
            "total_token_throughput": metrics.total_token_throughput,
            "max_output_tokens_per_s": float(self._busiest_second(origin)),
            # Each is in all seconds that it touches.
            "max_concurrent_requests": int(
                levels((starts - origin) // _SECOND, (self._times.end[done] - origin) // _SECOND + 1)[1].max(initial=0)
            ),
            "rtfx": 0.0,
            "latencies": self._all(self._times.end),
            "queue_times": self._all(self._times.start),
        }

    def distribution(self, metric: str) -> Distribution:
        """That of one metric, in seconds."""
        if metric == "itl" and self._tokens is None:
            several = self._generated > 1
            length = (self._times.end - self._times.first_token)[self._done][several]
            gaps = self._generated[several] - 1
            return _repeated(length / gaps / 1e9, gaps, list(self._metrics.ttft.percentiles))
        told: Distribution = getattr(self._metrics, "e2e" if metric == "e2el" else metric)
        return told

    def details(self) -> dict[str, Any]:
        """The fields of each request."""
        generated = np.zeros(self.sent_count, np.int64)
        generated[self._done] = self._generated
        errors = [""] * self.sent_count
        for index in np.flatnonzero(~self._is_done).tolist():
            errors[index] = RequestStatus(int(self._status[index])).name.lower()
        return {
            "input_lens": self._prompts.tolist(),
            "output_lens": generated.tolist(),
            "start_times": (self._times.arrival / 1e9).tolist(),
            "ttfts": self._all(self._times.first_token),
            "itls": self._itls(generated),
            "generated_texts": [""] * self.sent_count,
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
        seconds = np.zeros(self.sent_count)
        seconds[self._done] = (moment[self._done] - self._times.arrival[self._done]) / 1e9
        return seconds.tolist()

    def _busiest_second(self, origin: int) -> int:
        """The most tokens in a second."""
        if len(self._done) == 0:
            return 0
        if self._done_tokens is not None:
            times = self._done_tokens.times
            return _largest((times - origin) // _SECOND, np.ones(len(times)))
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


def _repeated(values: Float64Array, counts: Int64Array, percentiles: Sequence[float]) -> Distribution:
    """The distribution of a sample that has each value so many times, without making that sample: percentiles are
    interpolated linearly, as NumPy does.
    """
    if len(values) == 0:
        return distribution(values, percentiles)
    order = np.argsort(values, kind="stable")
    values, counts = values[order], counts[order]
    bounds = np.cumsum(counts)
    total = int(bounds[-1])
    mean = float(np.average(values, weights=counts))

    def percentile(share: float) -> float:
        place = (total - 1) * (share / 100)
        ranks = min(int(place), total - 1), min(int(place) + 1, total - 1)
        lower, upper = (float(values[np.searchsorted(bounds, rank, side="right")]) for rank in ranks)
        return lower + (upper - lower) * (place - ranks[0])

    return Distribution(
        count=total,
        mean=mean,
        median=percentile(50),
        std=math.sqrt(float(np.average((values - mean) ** 2, weights=counts))),
        min=float(values[0]),
        max=float(values[-1]),
        sum=float(values @ counts),
        percentiles={share: percentile(share) for share in percentiles},
    )


def _fields(metric: str, sample: Distribution) -> dict[str, float]:
    """The fields of one metric, in milliseconds."""
    told = {"mean": sample.mean, "median": sample.median, "std": sample.std}
    # p99 for 99.0, and p99.9 as it is.
    told |= {f"p{int(share) if share == int(share) else share}": value for share, value in sample.percentiles.items()}
    return {f"{word}_{metric}_ms": 1e3 * value for word, value in told.items()}
