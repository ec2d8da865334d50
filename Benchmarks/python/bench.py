"""The benchmarks that go through Python columns, and the plain Python step loop beside them.

Usage: bench.py --requests COUNT. The report is the standard output; the exit status is 1 if results differ.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import batching
import numpy as np
import numpy.typing as npt

from step_loop import Request, simulate_step_by_step

TIME_PER_TOKEN = 0.01
BATCH_SIZES = (4, 32, 256, 2048)
TARGET_BATCH_SIZE = 256
TARGET_ADVANTAGE = 1_000
OUTPUT_LENGTH_RANGE = (20, 500)
REPETITIONS = 3
STEP_LOOP_REQUESTS = 5_000
NANOSECONDS = 1e9

Result = TypeVar("Result")


@dataclass(frozen=True)
class Measurement:
    """Nanoseconds a request: the best repetition and the median one."""

    best: float
    median: float

    def __str__(self) -> str:
        return f"{self.best:6.1f} /{self.median:6.1f}"


def measure(work: Callable[[], Result], count: int, repetitions: int = REPETITIONS) -> tuple[Measurement, Result]:
    """Times `work`, and returns what it returned last."""
    elapsed = []
    for _ in range(repetitions):
        started = time.perf_counter_ns()
        result = work()
        elapsed.append((time.perf_counter_ns() - started) / count)
    return Measurement(min(elapsed), statistics.median(elapsed)), result


def generate(count: int, batch_size: int) -> batching.RequestColumns:
    """Requests that keep `batch_size` slots busy to 95%: those of the C benchmarks."""
    mean_output_length = sum(OUTPUT_LENGTH_RANGE) / 2
    return batching.generate_workload(
        count,
        output_length_range=OUTPUT_LENGTH_RANGE,
        arrival_rate=0.95 * batch_size / (mean_output_length * TIME_PER_TOKEN),
        seed=42,
    )


def checksum(result: batching.TextbookResult) -> int:
    """The sum of (2i + 1) x element i of every column, modulo 2^64; results_checksum in c/columns.c is the same."""
    assert result.first_token_time is not None
    columns: list[npt.NDArray[Any]] = [
        result.start_time.view(np.uint64),
        result.first_token_time.view(np.uint64),
        result.end_time.view(np.uint64),
        result.tokens_generated.astype(np.uint64),
        result.completion_order.view(np.uint64),
    ]
    weights = np.arange(len(result), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return sum(int(np.dot(column, weights)) for column in columns) % 2**64


def print_row(count: int, batch_size: int) -> Measurement:
    """Prints the row of one batch size and returns continuous batching's time."""
    columns = generate(count, batch_size)
    static_time, static = measure(lambda: batching.simulate_static(columns, batch_size, TIME_PER_TOKEN), count)
    static_checksum = checksum(static)
    del static
    continuous_time, continuous = measure(
        lambda: batching.simulate_continuous(columns, batch_size, TIME_PER_TOKEN), count
    )
    metrics_time, _ = measure(lambda: batching.calculate_batch_metrics(continuous, continuous.total_time), count)
    print(
        f"{batch_size:6}  {static_time}  {continuous_time}  {metrics_time}"
        f"  {static_checksum:016x}  {checksum(continuous):016x}",
        flush=True,
    )
    return continuous_time


def print_columns_section(count: int) -> Measurement:
    """Prints the table and returns continuous batching's time at the target batch size."""
    print(f"\n== Python columns, {count:,} requests: nanoseconds a request, best / median of {REPETITIONS}\n")
    print(" batch          static      continuous         metrics  checksum, static  checksum, continuous")
    continuous_times = {batch_size: print_row(count, batch_size) for batch_size in BATCH_SIZES}
    return continuous_times[TARGET_BATCH_SIZE]


def differing_column(completed: list[Request], result: batching.TextbookResult) -> str | None:
    """The first column of the step loop's that is not the library's, to the last bit."""
    if [request.id for request in completed] != result.completion_order.tolist():
        return "completion_order"
    in_order = sorted(completed, key=lambda request: request.id)
    for name in ("start_time", "first_token_time", "end_time"):
        if [getattr(request, name) / NANOSECONDS for request in in_order] != getattr(result, name).tolist():
            return name
    if [request.tokens_generated for request in in_order] != result.tokens_generated.tolist():
        return "tokens_generated"
    return None


def print_step_loop_section(count: int, library_at_scale: Measurement) -> None:
    """Prints the loop beside the library, on the same requests and at the size of the tables."""
    columns = generate(count, TARGET_BATCH_SIZE)
    assert columns.arrival_time is not None
    requests = [
        Request(index, output_length, round(arrival_time * NANOSECONDS))
        for index, (output_length, arrival_time) in enumerate(
            zip(columns.output_length.tolist(), columns.arrival_time.tolist(), strict=True)
        )
    ]
    step = round(TIME_PER_TOKEN * NANOSECONDS)
    # The loop changes its requests, so it runs once; it takes long enough for one run to tell.
    loop, completed = measure(lambda: simulate_step_by_step(requests, TARGET_BATCH_SIZE, step), count, repetitions=1)
    library, result = measure(
        lambda: batching.simulate_continuous(columns, TARGET_BATCH_SIZE, TIME_PER_TOKEN), count, repetitions=51
    )
    wrong = differing_column(completed, result)
    if wrong:
        sys.exit(f"bench: WRONG: {wrong} of the library differs from the step loop's")

    print(f"\n== Plain Python step loop, batch {TARGET_BATCH_SIZE}, {count:,} requests: nanoseconds a request\n")
    print(f"step loop                        {loop.median:9,.0f}")
    for name, measured in (("the same requests", library), ("the size of the tables", library_at_scale)):
        advantage = loop.median / measured.median
        print(f"library, {name:22}  {measured.median:9,.1f}  {advantage:6,.0f} times as fast")
    print("\nEvery column is equal, to the bit.\n")
    advantage = loop.median / library_at_scale.median
    verdict = "reached" if advantage >= TARGET_ADVANTAGE else "NOT REACHED"
    print(
        f"{verdict:11}  continuous, batch {TARGET_BATCH_SIZE}: {advantage:,.0f} times as fast as the step loop, "
        f"at least {TARGET_ADVANTAGE:,}"
    )


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, required=True, metavar="COUNT")
    count = parser.parse_args().requests
    print(f"\nPython {platform.python_version()}, NumPy {np.__version__}, batching {batching.__version__}")
    library_at_scale = print_columns_section(count)
    print_step_loop_section(min(count, STEP_LOOP_REQUESTS), library_at_scale)


if __name__ == "__main__":
    main()
