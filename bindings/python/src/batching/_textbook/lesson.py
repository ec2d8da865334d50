"""The functions of a first lesson, on lists of requests. Where many requests are usual, they take columns as well."""

import copy
import ctypes
from collections.abc import Iterable
from typing import Final, TypedDict, cast

from batching._columns.columns import CompletedColumns, RequestColumns
from batching._columns.display import DisplayedDict, Table, rate, seconds
from batching._columns.requests import Request, completed_columns, request_columns, rows
from batching._ffi.arguments import integer, number
from batching._ffi.calls import check, initialised
from batching._ffi.generated import structs
from batching._ffi.loader import library
from batching._ffi.signals import interruptible
from batching._metrics.batch import BatchMetrics, batch_metrics, request_latencies
from batching._textbook.simulators import TextbookResult, simulate_continuous, simulate_static
from batching._workloads.workload import generate_columns, number_of_requests

# A Request with its attributes, as measured with CPython 3.11 to 3.13.
_BYTES_PER_ROW: Final = 300


class RequestLatency(TypedDict):
    """Where a request's time went."""

    queue_time: float
    """start - arrival, in seconds."""
    processing_time: float
    """end - start, in seconds."""
    total_latency: float
    """end - arrival, in seconds."""
    time_to_first_token: float
    """Seconds from arrival to the first token."""
    tokens_generated: int
    """Tokens that the request got."""


class StrategyComparison(TypedDict):
    """Static against continuous batching; each is 0 if there are no requests. A dict, which prints as a table."""

    static_throughput: float
    """Tokens per second."""
    continuous_throughput: float
    """Tokens per second."""
    static_avg_latency: float
    """Mean of end - arrival, in seconds."""
    continuous_avg_latency: float
    """Mean of end - arrival, in seconds."""
    throughput_improvement: float
    """continuous_throughput / static_throughput."""
    latency_improvement: float
    """static_avg_latency / continuous_avg_latency."""


class _DisplayedComparison(DisplayedDict):
    def _table(self) -> Table:
        comparison = cast(StrategyComparison, self)
        rows = [
            (
                "throughput, tokens/s",
                rate(comparison["static_throughput"]),
                rate(comparison["continuous_throughput"]),
                f"{comparison['throughput_improvement']:.2f}x",
            ),
            (
                "mean latency",
                seconds(comparison["static_avg_latency"]),
                seconds(comparison["continuous_avg_latency"]),
                f"{comparison['latency_improvement']:.2f}x",
            ),
        ]
        return Table("Batching strategies", ("", "static", "continuous", "improvement"), rows)


def calculate_request_latency(request: Request) -> RequestLatency:
    """Where a completed request's time went.

    queue_time = start - arrival; processing_time = end - start; total_latency = end - arrival. time_to_first_token is
    first_token_time - arrival_time where that is known, else queue_time + processing_time / tokens_generated, which
    assumes equal steps from start to end.

    Raises:
        TypeError: not a Request, or an attribute is of the wrong type.
        ValueError: start_time or end_time is missing, a time is out of [0, 9223372036] seconds, arrival <= start <=
            first token <= end does not hold, or there is neither a first_token_time nor a token.

    >>> calculate_request_latency(Request(7, 100, 4, 1.0, start_time=1.5, end_time=3.5, tokens_generated=4))
    {'queue_time': 0.5, 'processing_time': 2.0, 'total_latency': 2.5, 'time_to_first_token': 1.0, 'tokens_generated': 4}
    """
    row = rows([request], "request")
    latencies = request_latencies(completed_columns(row))
    return RequestLatency(
        queue_time=float(latencies.queue_time[0]),
        processing_time=float(latencies.processing_time[0]),
        total_latency=float(latencies.total_latency[0]),
        time_to_first_token=float(latencies.time_to_first_token[0]),
        tokens_generated=request.tokens_generated,
    )


def static_batch_simulation(
    requests: Iterable[Request], batch_size: int, time_per_token: float = 0.01
) -> tuple[list[Request], float, float]:
    """Static batching of a list of requests: see simulate_static for what happens, and for errors.

    Args:
        requests: in any order; they are taken in order of arrival, ties in the given order. Not modified.
        batch_size: requests in a batch; at least 1.
        time_per_token: seconds an iteration takes.

    Returns: (completed_requests, total_time, throughput). The requests are new, with their times filled in, in order of
    completion, ties in order of admission. total_time is the end of the last, in seconds on a clock that starts at 0;
    throughput is tokens / total_time. ([], 0.0, 0.0) without requests.
    """
    listed = rows(requests, "requests")
    return _completed(listed, simulate_static(request_columns(listed), batch_size, time_per_token))


def continuous_batch_simulation(
    requests: Iterable[Request], max_batch_size: int, time_per_token: float = 0.01
) -> tuple[list[Request], float, float]:
    """Continuous batching of a list of requests: see simulate_continuous for what happens, and for errors.

    Args:
        requests: in any order; they are taken in order of arrival, ties in the given order. Not modified.
        max_batch_size: slots: requests that may run at once; at least 1.
        time_per_token: seconds an iteration takes.

    Returns: (completed_requests, total_time, throughput), as static_batch_simulation.
    """
    listed = rows(requests, "requests")
    return _completed(listed, simulate_continuous(request_columns(listed), max_batch_size, time_per_token))


def calculate_batch_metrics(
    completed_requests: Iterable[Request] | CompletedColumns, total_time: float
) -> BatchMetrics:
    """The metrics of completed requests, wherever they ran.

    Percentiles interpolate linearly between the two closest ranks (NumPy's default; Hyndman and Fan 1996, type 7).
    gpu_utilization is the length of the union of all [start, end], cut to [0, total_time], divided by total_time.

    Args:
        completed_requests: requests, CompletedColumns or a TextbookResult, in any order.
        total_time: seconds; above 0 if there are requests.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: as for calculate_request_latency; an error on request i of a list names index i.
        MemoryError: neither starts nor ends are in order, and there is no room to sort them.

    Time: O(count).
    """
    if not isinstance(completed_requests, CompletedColumns):
        completed_requests = completed_columns(rows(completed_requests, "completed_requests"))
    return batch_metrics(completed_requests, total_time)


def compare_batching_strategies(
    requests: Iterable[Request] | RequestColumns, batch_size: int, time_per_token: float = 0.01
) -> StrategyComparison:
    """Both simulators on the same requests, and how much better continuous batching does.

    Args:
        requests: requests or RequestColumns. Not modified.
        batch_size: the batch of the one, the slots of the other; at least 1.
        time_per_token: seconds an iteration takes.

    Raises: as simulate_static. Time: O(count).
    """
    if not isinstance(requests, RequestColumns):
        requests = request_columns(rows(requests, "requests"))
    comparison = initialised(structs.batching_comparison)
    structure = requests._structure()
    check(
        interruptible(
            library.batching_strategies_compare,
            ctypes.byref(structure),
            integer(batch_size, "batch_size"),
            number(time_per_token, "time_per_token"),
            ctypes.byref(comparison),
        )
    )
    displayed = _DisplayedComparison(
        StrategyComparison(
            static_throughput=comparison.static_throughput,
            continuous_throughput=comparison.continuous_throughput,
            static_avg_latency=comparison.static_avg_latency,
            continuous_avg_latency=comparison.continuous_avg_latency,
            throughput_improvement=comparison.throughput_improvement,
            latency_improvement=comparison.latency_improvement,
        )
    )
    return cast(StrategyComparison, displayed)


def simulate_workload(
    num_requests: int,
    prompt_length_range: tuple[int, int] = (50, 200),
    output_length_range: tuple[int, int] = (20, 500),
    arrival_rate: float = 10.0,
    seed: int = 42,
) -> list[Request]:
    """Seeded synthetic requests in order of arrival, with ids 0, 1, 2, ...: see generate_workload, which gives the same
    requests as columns.
    """
    number_of_requests(num_requests, _BYTES_PER_ROW)
    columns = generate_columns(num_requests, prompt_length_range, output_length_range, arrival_rate, seed)
    lengths_and_arrivals = zip(*(column.tolist() for column in columns), strict=True)
    return [Request(index, *row) for index, row in enumerate(lengths_and_arrivals)]


def _completed(requests: list[Request], result: TextbookResult) -> tuple[list[Request], float, float]:
    starts, ends = result.start_time.tolist(), result.end_time.tolist()
    first_tokens = result.first_token_time.tolist()
    completed = []
    for index in result.completion_order.tolist():
        # A copy, so that a subclass keeps what it has added.
        request = copy.copy(requests[index])
        request.start_time = starts[index]
        request.end_time = ends[index]
        request.first_token_time = first_tokens[index]
        request.tokens_generated = request.output_length
        completed.append(request)
    return completed, result.total_time, result.throughput
