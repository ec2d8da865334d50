"""What three benchmark tools print of a run, under their own names and in their own units.

What is general comes from `measure`; what only one tool has is worked out here, after its source: vLLM 0.33
(vllm/benchmarks/serve.py, calculate_metrics), SGLang 0.5.23 (sglang/benchmark/serving.py, goodput.py, steady_state.py),
AIPerf 0.13 (its metric classes).
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.intervals import NEVER, levels, nanoseconds
from batching._columns.recorded import RecordedRequests
from batching._ffi.calls import Float64Array, Int64Array
from batching._ffi.errors import BatchingValueError
from batching._ffi.float_mode import in_standard_mode
from batching._metrics.serving import SLO, Distribution, PercentileMethod, ServingMetrics, distribution, measure

_VLLM_NAMES: Final = {"ttft": "ttft", "tpot": "tpot", "itl": "itl", "e2el": "e2e"}
_SGLANG_NAMES: Final = {"ttft": "ttft", "tpot": "tpot", "itl": "itl", "e2e_latency": "e2e"}
_AIPERF_PERCENTILES: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99)


@in_standard_mode
def vllm_metrics(
    recorded: RecordedRequests,
    *,
    duration: float | None = None,
    slo: SLO | None = None,
    percentiles: Sequence[float] = (99,),
) -> dict[str, Any]:
    """What calculate_metrics of vLLM's bench serve returns: aggregates in milliseconds, `percentiles_ttft_ms` and the
    like as pairs. `request_goodput` is 0.0 without objectives, as there.

    Args, errors: those of measure.
    """
    metrics = measure(recorded, convention="vllm", percentiles=percentiles, duration=duration, slo=slo)
    told: dict[str, Any] = {
        "completed": metrics.completed,
        "failed": metrics.failed,
        "total_input": metrics.total_input_tokens,
        "total_output": metrics.total_output_tokens,
        "request_throughput": metrics.request_throughput,
        "request_goodput": metrics.request_goodput or 0.0,
        "output_throughput": metrics.output_throughput,
        "total_token_throughput": metrics.total_token_throughput,
    }
    for tool_name, name in _VLLM_NAMES.items():
        sample: Distribution = getattr(metrics, name)
        told[f"mean_{tool_name}_ms"] = sample.mean * 1e3
        told[f"median_{tool_name}_ms"] = sample.median * 1e3
        told[f"std_{tool_name}_ms"] = sample.std * 1e3
        told[f"percentiles_{tool_name}_ms"] = [[share, value * 1e3] for share, value in sample.percentiles.items()]
    return told | _in_seconds(recorded)


@in_standard_mode
def sglang_metrics(
    recorded: RecordedRequests, *, duration: float | None = None, slo: SLO | None = None
) -> dict[str, Any]:
    """What calculate_metrics of SGLang's bench_serving returns, and, with objectives, what calculate_goodput does. Its
    tokens counted once more are those that were reported.

    Args, errors: those of measure.
    """
    metrics = measure(recorded, convention="sglang", percentiles=(90, 95, 99), duration=duration, slo=slo)
    told: dict[str, Any] = {
        "completed": metrics.completed,
        "total_input": metrics.total_input_tokens,
        "total_input_text": metrics.total_input_tokens,
        "total_input_vision": 0,
        "total_output": metrics.total_output_tokens,
        "total_output_retokenized": metrics.total_output_tokens,
        "request_throughput": metrics.request_throughput,
        "input_throughput": metrics.input_throughput,
        "output_throughput": metrics.output_throughput,
        "output_throughput_retokenized": metrics.output_throughput,
        "total_throughput": metrics.total_token_throughput,
        "total_throughput_retokenized": metrics.total_token_throughput,
        "max_itl_ms": metrics.itl.max * 1e3,
        "concurrency": metrics.concurrency,
    }
    for tool_name, name in _SGLANG_NAMES.items():
        sample: Distribution = getattr(metrics, name)
        told[f"mean_{tool_name}_ms"] = sample.mean * 1e3
        told[f"median_{tool_name}_ms"] = sample.median * 1e3
        told[f"std_{tool_name}_ms"] = sample.std * 1e3
        for share, value in sample.percentiles.items():
            told[f"p{share:g}_{tool_name}_ms"] = value * 1e3
    told |= _in_seconds(recorded)
    if slo is not None:
        names = {"ttft": "ttft", "tpot": "tpot", "itl": "itl", "e2e": "e2el"}
        told["request_goodput"] = metrics.request_goodput
        told["slo_attainment"] = metrics.slo_attainment
        told["slo_attainment_by_metric"] = {
            names[name]: share for name, share in metrics.slo_attainment_by_metric.items()
        }
    return told


@in_standard_mode
def sglang_steady_state(recorded: RecordedRequests, concurrency_ratio: float = 0.8) -> dict[str, Any]:
    """What calculate_steady_state_metrics of SGLang returns: figures of the longest stretch of time in which at least
    `concurrency_ratio` of the peak number of requests are in the system.

    Raises:
        ValueError: no answered request takes any time.
    """
    runs = _Answered(recorded)
    runs = runs.where(runs.end > runs.start)
    if len(runs.start) == 0:
        raise BatchingValueError("recorded has no answered request that takes any time: there is no steady state")
    # In doubles, and added up as there, since a token or an end may lie exactly on an edge of the window.
    start, ended, token_times = runs.start / 1e9, runs.end_seconds(), runs.token_seconds()
    times, counts = levels(start, ended)
    peak = int(counts.max())
    threshold = max(1, math.ceil(peak * concurrency_ratio))
    begin, end = _longest_stretch(times, counts >= threshold)
    seconds = end - begin
    inside = (start >= begin) & (start < end)
    tokens = (token_times >= begin) & (token_times <= end)
    per_request = np.bincount(runs.token_request[tokens], minlength=len(start))
    weights = runs.output / np.maximum(runs.token_count, 1)
    total_output = float((per_request * weights).sum())
    overlap = np.maximum(0, np.minimum(ended, end) - np.maximum(start, begin)).sum()
    # A token exactly on a full second belongs to the second that ends there.
    bucket = np.maximum(0, np.ceil(token_times[tokens] - begin).astype(np.int64) - 1)
    each_second = np.bincount(bucket, weights=weights[runs.token_request[tokens]])
    total_input = int(runs.prompt[inside].sum())
    return {
        "concurrency_ratio": concurrency_ratio,
        "window_start": begin,
        "window_end": end,
        "duration": seconds,
        "concurrency_threshold": threshold,
        "completed": int(((ended >= begin) & (ended <= end)).sum()),
        "total_input": total_input,
        "input_throughput": total_input / seconds,
        "total_output": total_output,
        "total_output_retokenized": total_output,
        "output_throughput": total_output / seconds,
        "output_throughput_retokenized": total_output / seconds,
        "average_concurrency": float(overlap) / seconds,
        "peak_concurrency": peak,
        "peak_output_throughput": float(each_second.max()) if len(each_second) else 0.0,
    }


@in_standard_mode
def aiperf_metrics(
    recorded: RecordedRequests, *, duration: float | None = None, slo: SLO | None = None
) -> dict[str, dict[str, float | None]]:
    """What AIPerf's metric classes give: for each tag the figures that it exports, latencies in milliseconds. The
    objectives on TPOT and E2E are its inter_token_latency and request_latency.

    Args, errors: those of measure.
    """
    metrics = measure(recorded, convention="aiperf", percentiles=(), duration=duration, slo=slo)
    runs = _Answered(recorded)
    told: dict[str, dict[str, float | None]] = {}

    def export(tag: str, values: npt.ArrayLike) -> None:
        if np.size(values):
            told[tag] = _aiperf_row(distribution(values, _AIPERF_PERCENTILES))

    latency = (runs.end - runs.start) / 1e6
    known = runs.first != NEVER
    first = (runs.first - runs.start)[known]
    decode = (runs.end - runs.first) / 1e6
    several = known & (runs.output > 1)
    per_token = decode[several] / (runs.output[several] - 1)
    decode = decode[known]
    export("request_latency", latency)
    export("time_to_first_token", first / 1e6)
    export("input_sequence_length", runs.prompt.astype(np.float64))
    export("output_sequence_length", runs.output.astype(np.float64))
    export("time_to_second_token", runs.second_gaps / 1e6)
    export("inter_token_latency", per_token)
    export("inter_chunk_latency", runs.gaps / 1e6)
    export("decode_duration", decode)
    export("output_token_throughput_per_user", 1e3 / per_token[per_token > 0])
    export("e2e_output_token_throughput", runs.output[latency > 0] / (latency[latency > 0] / 1e3))
    scalars: dict[str, float | None] = {
        "request_count": metrics.completed,
        "error_request_count": metrics.failed or None,
        "benchmark_duration": metrics.duration,
        "total_isl": metrics.total_input_tokens,
        "total_osl": metrics.total_output_tokens,
        "request_throughput": metrics.request_throughput,
        "output_token_throughput": metrics.output_throughput,
        "total_token_throughput": metrics.total_token_throughput,
        "request_error_rate": 100 * metrics.failed / len(recorded) if len(recorded) else 0.0,
        "good_request_count": metrics.good,
        "goodput": metrics.request_goodput,
        "good_request_fraction": metrics.slo_attainment,
    }
    told |= {tag: {"avg": float(value), "count": 1} for tag, value in scalars.items() if value is not None}
    if metrics.failed:
        for tag, values in (
            ("request_latency", latency),
            ("time_to_first_token", first / 1e6),
            ("inter_token_latency", per_token),
            ("decode_duration", decode),
        ):
            told[f"adj_{tag}"] = _adjusted(values, metrics)
    return told


@in_standard_mode
def aiperf_effective_concurrency(recorded: RecordedRequests) -> dict[str, float]:
    """AIPerf's effective_concurrency: answered requests in the system, averaged over time from the first arrival to the
    last end; percentiles by weighted inverse distribution.
    """
    runs = _Answered(recorded)
    times, counts = levels(runs.start, runs.end)
    if len(times) < 2:
        raise BatchingValueError("recorded has no answered request that takes any time: there is no concurrency")
    spans = np.diff(times)
    held, seconds = counts[:-1][spans > 0], spans[spans > 0].astype(np.float64)
    mean = float((held * seconds).sum() / seconds.sum())
    order = np.argsort(held, kind="stable")
    # Whole nanoseconds, whose sums are exact.
    reached = np.cumsum(seconds[order])
    return {
        "avg": mean,
        "min": float(held.min()),
        "max": float(held.max()),
        "std": math.sqrt(float((seconds * (held - mean) ** 2).sum() / seconds.sum())),
    } | {
        f"p{share}": float(held[order][np.searchsorted(reached, share / 100 * reached[-1])])
        for share in (50, 90, 95, 99)
    }


class _Answered:
    """The answered requests, in whole nanoseconds; `token_request` is the request of each of the token times."""

    def __init__(self, recorded: RecordedRequests) -> None:
        count = len(recorded)
        chosen = np.ones(count, bool) if recorded.success is None else np.array(recorded.success)
        self.start = nanoseconds(np.zeros(count) if recorded.arrival_time is None else recorded.arrival_time)[chosen]
        self.end = nanoseconds(np.where(chosen, recorded.end_time, 0.0))[chosen]
        self.output = recorded.output_length[chosen].astype(np.int64)
        prompt = np.zeros(count, np.int64) if recorded.prompt_length is None else recorded.prompt_length
        self.prompt = prompt[chosen].astype(np.int64)
        offsets = np.zeros(count + 1, np.int64) if recorded.token_offsets is None else recorded.token_offsets
        self.token_count = np.diff(offsets)[chosen]
        owner = np.repeat(np.arange(count), np.diff(offsets))
        all_times = nanoseconds(np.empty(0) if recorded.token_times is None else recorded.token_times)
        self.token_times = all_times[chosen[owner]]
        self.token_request = np.repeat(np.arange(len(self.start)), self.token_count)
        # NEVER: unknown.
        self.first = np.full(len(self.start), NEVER)
        if recorded.first_token_time is not None:
            self.first = nanoseconds(recorded.first_token_time)[chosen]
        elif len(all_times):
            has_tokens = self.token_count > 0
            self.first[has_tokens] = all_times[offsets[:-1][chosen][has_tokens]]

    def where(self, chosen: npt.NDArray[np.bool_]) -> "_Answered":
        """Some of them."""
        part = object.__new__(_Answered)
        for name in ("start", "end", "output", "prompt", "token_count", "first"):
            setattr(part, name, getattr(self, name)[chosen])
        part.token_times = self.token_times[chosen[self.token_request]]
        part.token_request = np.repeat(np.arange(len(part.start)), part.token_count)
        return part

    def end_seconds(self) -> Float64Array:
        """The ends as the tools' clients have them: the start plus the latency, as doubles."""
        ends: Float64Array = self.start / 1e9 + (self.end - self.start) / 1e9
        return ends

    def token_seconds(self) -> Float64Array:
        """The token times as the tools' clients have them: a request's gaps added up in order, as doubles."""
        times = np.empty(len(self.token_times))
        left = np.flatnonzero(self.token_count > 0)
        place = (np.cumsum(self.token_count) - self.token_count)[left]
        times[place] = self.start[left] / 1e9 + (self.token_times[place] - self.start[left]) / 1e9
        # The next token of all that have one at a time.
        for position in range(1, int(self.token_count.max(initial=0))):
            has_more = self.token_count[left] > position
            left, place = left[has_more], place[has_more] + 1
            times[place] = times[place - 1] + (self.token_times[place] - self.token_times[place - 1]) / 1e9
        return times

    @property
    def gaps(self) -> Int64Array:
        """Between the tokens of a request, of all requests together."""
        gaps: Int64Array = np.diff(self.token_times)[np.diff(self.token_request) == 0]
        return gaps

    @property
    def second_gaps(self) -> Int64Array:
        """From the first token to the second."""
        begin = np.cumsum(self.token_count) - self.token_count
        begin = begin[self.token_count > 1]
        gaps: Int64Array = self.token_times[begin + 1] - self.token_times[begin]
        return gaps


def _longest_stretch(times: Float64Array, is_within: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """From when to when a condition holds for the longest; the first of equal stretches."""
    edges = np.diff(np.concatenate([[False], is_within, [False]]).astype(np.int8))
    begins, ends = times[np.flatnonzero(edges == 1)], times[np.minimum(np.flatnonzero(edges == -1), len(times) - 1)]
    longest = int(np.argmax(ends - begins))
    return float(begins[longest]), float(ends[longest])


def _in_seconds(recorded: RecordedRequests) -> dict[str, float]:
    """max_output_tokens_per_s and max_concurrent_requests: the fullest of the seconds since the first arrival.

    Both tools add up a request's gaps as doubles, and so may move a token on a full second into the second before; a
    request counts in every second that it touches.
    """
    runs = _Answered(recorded)
    if len(runs.start) == 0:
        return {"max_output_tokens_per_s": 0.0, "max_concurrent_requests": 0}
    start = runs.start / 1e9
    origin = float(start.min())
    bucket = (runs.token_seconds() - origin).astype(np.int64)
    most_tokens = np.unique(bucket, return_counts=True)[1].max() if len(bucket) else 0
    begin = (start - origin).astype(np.int64)
    end = (runs.end_seconds() - origin).astype(np.int64)
    _, counts = levels(begin, end + 1)
    return {"max_output_tokens_per_s": float(most_tokens), "max_concurrent_requests": int(counts.max())}


def _aiperf_row(sample: Distribution) -> dict[str, float | None]:
    row: dict[str, float | None] = {"avg": sample.mean}
    row |= {f"p{share:g}": value for share, value in sample.percentiles.items()}
    return row | {
        "min": sample.min,
        "max": sample.max,
        "std": sample.std,
        "count": sample.count,
        "sum": sample.sum,
    }


def _adjusted(values: Float64Array, metrics: ServingMetrics) -> dict[str, float | None]:
    """A sample in which every failure took infinitely long, with percentiles that are values of it."""
    method: PercentileMethod = "nearest"
    row = _aiperf_row(distribution(np.append(values, [np.inf] * metrics.failed), _AIPERF_PERCENTILES, method))
    del row["std"]
    return row
