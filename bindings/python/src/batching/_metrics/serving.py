"""The metrics of a serving run, as the field's benchmark tools print them."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._columns.display import Table, count, rate, seconds, share
from batching._columns.recorded import RecordedRequests
from batching._ffi.arguments import float64_column, positive, shown, word
from batching._ffi.calls import Float64Array, check, initialised, pointer
from batching._ffi.generated import choices, structs
from batching._ffi.loader import library
from batching._ffi.signals import interruptible

Convention = choices.ConventionName
"""The tool whose definitions hold where tools differ."""
PercentileMethod = choices.PercentileMethodName
"""How percentiles are taken: NumPy's names."""

SAMPLES: Final = (
    "ttft", "tpot", "itl", "e2e", "queue_time", "normalized_latency", "client_queue_time", "e2e_including_client_queue",
)  # fmt: skip


@dataclass(frozen=True)
class SLO:
    """Service-level objectives: the longest times that are still good, in seconds; a latency that equals its objective
    meets it. None: no such objective.
    """

    ttft: float | None = None
    """Time to first token."""
    tpot: float | None = None
    """Time per output token after the first."""
    itl: float | None = None
    """Every gap between a request's tokens."""
    e2e: float | None = None
    """End-to-end latency."""


@dataclass(frozen=True)
class Distribution:
    """What a sample of values looks like. All figures are 0 if there are no values."""

    count: int
    """Values."""
    mean: float
    """Their mean."""
    median: float
    """Interpolated linearly between the two in the middle."""
    std: float
    """Of the population: divided by count."""
    min: float
    """The smallest."""
    max: float
    """The largest."""
    sum: float
    """Of all."""
    percentiles: Mapping[float, float]
    """Those asked for."""


@dataclass(frozen=True)
class ServingMetrics:
    """The metrics of a serving run. Times are seconds, throughputs a second of the duration."""

    convention: Convention
    """The tool whose definitions hold."""
    duration: float
    """Seconds."""
    completed: int
    """Requests that were answered."""
    failed: int
    """Requests that were sent and have no answer."""
    total_input_tokens: int
    """Prompt tokens of the answered."""
    total_output_tokens: int
    """Output tokens of the answered."""
    request_throughput: float
    """completed / duration."""
    input_throughput: float
    """total_input_tokens / duration."""
    output_throughput: float
    """total_output_tokens / duration."""
    total_token_throughput: float
    """Both / duration."""
    concurrency: float
    """The sum of all E2E latencies / duration."""
    judged: int | None
    """Requests held against the objectives: completed + failed, less what slo_due_by leaves out. None without
    objectives, as all that follows.
    """
    good: int | None
    """Answered requests that meet all objectives."""
    request_goodput: float | None
    """good / duration."""
    slo_attainment: float | None
    """good / judged, in which those that failed count."""
    slo_attainment_by_metric: Mapping[str, float]
    """The share that meets each objective: of "ttft", "tpot", "itl" and "e2e" those that were given."""
    ttft: Distribution
    """First token - arrival."""
    tpot: Distribution
    """(End - first token) / (output tokens - 1), of requests with at least two."""
    itl: Distribution
    """The gaps between a request's token times, of all requests together. Empty if they are not known."""
    e2e: Distribution
    """End - arrival."""
    queue_time: Distribution
    """Start - arrival, where the start is known."""
    normalized_latency: Distribution
    """E2E / output tokens."""
    client_queue_time: Distribution
    """Arrival - client arrival, where that is known: what a request waited before it was sent, as in a closed loop."""
    e2e_including_client_queue: Distribution
    """End - client arrival, where that is known."""

    def tables(self) -> list[Table]:
        """The run, its distributions and, with objectives, its goodput, ready to be printed."""
        rows = [
            ["duration", seconds(self.duration)],
            ["completed", count(self.completed)],
            ["failed", count(self.failed)],
            ["input tokens", count(self.total_input_tokens)],
            ["output tokens", count(self.total_output_tokens)],
            ["requests/s", rate(self.request_throughput)],
            ["output tokens/s", rate(self.output_throughput)],
            ["tokens/s", rate(self.total_token_throughput)],
            ["concurrency", rate(self.concurrency)],
        ]
        run = Table(f"Serving metrics as {self.convention} defines them", ("", ""), rows)
        names = (
            "TTFT", "TPOT", "ITL", "E2E", "queue time", "E2E per token", "client queue time",
            "E2E with client queue",
        )  # fmt: skip
        headings = ["", "values", "mean", "std", "min", *(f"p{share:g}" for share in self.e2e.percentiles), "max"]
        latencies = [
            [
                name,
                count(sample.count),
                *map(seconds, (sample.mean, sample.std, sample.min, *sample.percentiles.values(), sample.max)),
            ]
            for name, sample in zip(names, (getattr(self, name) for name in SAMPLES), strict=True)
            if sample.count
        ]
        told = [run, Table("Latencies", headings, latencies)]
        return told if self.good is None else [*told, self.goodput_table()]

    def goodput_table(self) -> Table:
        """How many requests meet the objectives."""
        rows = [
            ["requests judged", count(self.judged or 0)],
            ["good requests", count(self.good or 0)],
            ["good requests/s", rate(self.request_goodput or 0.0)],
            ["meet all objectives", share(self.slo_attainment or 0.0)],
        ]
        rows += [[f"meet that on {name.upper()}", share(met)] for name, met in self.slo_attainment_by_metric.items()]
        return Table("Goodput", ("", ""), rows)

    def __str__(self) -> str:
        return "\n\n".join(table.text() for table in self.tables())

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self.tables())

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain dictionaries."""
        return asdict(self)


def measure(
    recorded: RecordedRequests,
    *,
    convention: Convention = "vllm",
    percentiles: Sequence[float] = (50, 90, 95, 99),
    percentile_method: PercentileMethod = "linear",
    duration: float | None = None,
    slo: SLO | None = None,
    slo_due_by: float | None = None,
) -> ServingMetrics:
    """The metrics of a serving run, simulated or recorded.

    Only requests that were answered are in the samples and throughputs; one that was sent and has no answer has failed,
    and meets no objective.

    Args:
        recorded: the requests, in any order.
        convention: the tool whose definitions hold where vLLM's bench serve, SGLang's bench_serving and AIPerf differ:
            whether an answer without tokens counts as one token (vllm), whether a single token meets an objective on
            TPOT (not in aiperf), and what the duration is where it is not given.
        percentiles: which, each in [0, 100].
        percentile_method: "linear" (NumPy's default), "inverse_cdf" or "nearest".
        duration: seconds that the run took, above 0. None: recorded.duration, but in the convention of aiperf; where
            that is None, too, from the first arrival to the last end.
        slo: what counts as good.
        slo_due_by: seconds, above 0, such as those at which a run was cut short: requests whose arrival plus the longer
            of the objectives on TTFT and E2E is later are not judged, however they ended (to leave out only those
            without an answer would favour the quick). None: all are judged.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, or a request's times are out of order.
        MemoryError: the samples do not fit.

    Time: O(requests + token times), by selection. Memory: 8 bytes for each value of the largest sample.

    >>> recorded = RecordedRequests([1.0, 2.0], [5, 3], first_token_time=[0.5, 1.0])
    >>> measure(recorded, slo=SLO(ttft=0.5)).request_goodput
    0.5
    """
    if not isinstance(recorded, RecordedRequests):
        raise TypeError(f"recorded is {shown(recorded)}: must be RecordedRequests")
    options, wanted = metrics_options(convention, percentiles, percentile_method)
    if duration is not None:
        options.duration = positive(duration, "duration")
    elif convention != "aiperf":
        # AIPerf takes no clock but that of the requests that were answered.
        options.duration = recorded.duration or 0.0
    limits = slo if slo is not None else SLO()
    if not isinstance(limits, SLO):
        raise TypeError(f"slo is {shown(slo)}: must be an SLO or None")
    set_slo(options, limits)
    options.slo_due_by = 0.0 if slo_due_by is None else positive(slo_due_by, "slo_due_by")
    structure = recorded._structure()

    def calculate(metrics: structs.batching_serving_metrics) -> int:
        status: int = interruptible(
            library.batching_serving_metrics_calculate,
            ctypes.byref(structure),
            ctypes.byref(options),
            ctypes.byref(metrics),
        )
        return status

    return measured(calculate, convention, wanted, limits)


def measured(
    calculate: Callable[[structs.batching_serving_metrics], int],
    convention: Convention,
    wanted: Float64Array,
    limits: SLO,
) -> ServingMetrics:
    """The metrics that a C function writes, which returns a status."""
    metrics = initialised(structs.batching_serving_metrics)
    parts = {name: _Wanted(len(wanted)) for name in SAMPLES}
    for name, part in parts.items():
        setattr(metrics, name, ctypes.pointer(part.structure))
    check(calculate(metrics))
    attained = {
        name: getattr(metrics, f"slo_attainment_{name}")
        for name in ("ttft", "tpot", "itl", "e2e")
        if getattr(limits, name) is not None
    }
    return ServingMetrics(
        convention=convention,
        **{
            name: getattr(metrics, name)
            for name in (
                "duration",
                "completed",
                "failed",
                "total_input_tokens",
                "total_output_tokens",
                "request_throughput",
                "input_throughput",
                "output_throughput",
                "total_token_throughput",
                "concurrency",
            )
        },
        judged=metrics.judged if attained else None,
        good=metrics.good if attained else None,
        request_goodput=metrics.request_goodput if attained else None,
        slo_attainment=metrics.slo_attainment if attained else None,
        slo_attainment_by_metric=attained,
        ttft=parts["ttft"].distribution(wanted),
        tpot=parts["tpot"].distribution(wanted),
        itl=parts["itl"].distribution(wanted),
        e2e=parts["e2e"].distribution(wanted),
        queue_time=parts["queue_time"].distribution(wanted),
        normalized_latency=parts["normalized_latency"].distribution(wanted),
        client_queue_time=parts["client_queue_time"].distribution(wanted),
        e2e_including_client_queue=parts["e2e_including_client_queue"].distribution(wanted),
    )


def distribution(
    values: npt.ArrayLike,
    percentiles: Sequence[float] = (50, 90, 95, 99),
    percentile_method: PercentileMethod = "linear",
) -> Distribution:
    """What a sample of values looks like.

    Args:
        values: float64, shape (count,); finite or infinite. Where one is infinite, so is the mean, and std is NaN.
        percentiles: which, each in [0, 100].
        percentile_method: "linear" (NumPy's default), "inverse_cdf" or "nearest".

    Raises:
        TypeError: something is no number.
        ValueError: a value is NaN, or a percentile is out of its range.
    """
    column = float64_column(values, "values")
    options, wanted = metrics_options("vllm", percentiles, percentile_method)
    part = _Wanted(len(wanted))
    check(
        interruptible(
            library.batching_distribution_calculate,
            len(column),
            pointer(column),
            ctypes.byref(options),
            ctypes.byref(part.structure),
        )
    )
    return part.distribution(wanted)


class _Wanted:
    """A distribution to be filled, and the memory for its percentiles."""

    def __init__(self, percentile_count: int) -> None:
        self.percentiles: Float64Array = np.zeros(percentile_count)
        self.structure = initialised(structs.batching_distribution)
        self.structure.percentiles = pointer(self.percentiles)

    def distribution(self, percentiles: Float64Array) -> Distribution:
        told = self.structure
        return Distribution(
            count=told.count,
            mean=told.mean,
            median=told.median,
            std=told.std,
            min=told.min,
            max=told.max,
            sum=told.sum,
            percentiles=dict(zip(percentiles.tolist(), self.percentiles.tolist(), strict=True)),
        )


def set_slo(structure: structs.batching_serving_metrics_config | structs.batching_accumulator_config, slo: SLO) -> None:
    """Set the fields of a C struct."""
    for name in ("ttft", "tpot", "itl", "e2e"):
        limit = getattr(slo, name)
        if limit is not None:
            setattr(structure, f"slo_{name}", positive(limit, f"slo.{name}"))


def metrics_options(
    convention: object, percentiles: Sequence[float], method: object
) -> tuple[structs.batching_serving_metrics_config, Float64Array]:
    """The options, and the percentiles, which must outlive the call."""
    options = initialised(structs.batching_serving_metrics_config)
    options.convention = word(convention, "convention", choices.CONVENTION_NAMES)
    options.percentile_method = word(method, "percentile_method", choices.PERCENTILE_METHOD_NAMES)
    wanted = float64_column(percentiles, "percentiles")
    options.percentiles = pointer(wanted)
    options.percentile_count = len(wanted)
    return options, wanted
