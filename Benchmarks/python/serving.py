"""All metrics of a serving run, and NumPy doing the same on the same columns.

Usage: serving.py --requests COUNT. The report is the standard output; the exit status is 1 if the figures differ.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from batching import SLO, RecordedRequests, ServingMetrics, measure

PERCENTILES = (50, 75, 90, 95, 99)
TTFT, TPOT, E2E = 0.5, 0.03, 8.0
OBJECTIVES = SLO(ttft=TTFT, tpot=TPOT, e2e=E2E)
REPETITIONS = 5
TARGET_SECONDS_FOR_10_MILLION = 1.5
TARGET_ADVANTAGE = 2.0

Result = TypeVar("Result")


def run(count: int) -> RecordedRequests:
    """A run with lognormal token times, some of whose requests wait long."""
    random = np.random.default_rng(1)
    arrivals = np.cumsum(random.exponential(0.001, count))
    starts = arrivals + random.exponential(0.05, count)
    first_tokens = starts + 0.01 + random.exponential(0.2, count)
    outputs = random.integers(1, 400, count).astype(np.int32)
    ends = first_tokens + outputs * random.lognormal(-3.9, 0.2, count)
    return RecordedRequests(
        ends, outputs, arrival_time=arrivals, start_time=starts, first_token_time=first_tokens, prompt_length=outputs
    )


def by_numpy(recorded: RecordedRequests) -> tuple[dict[str, Any], int]:
    """Mean, deviation, extremes and percentiles of the same five samples, and how many requests are good."""
    arrivals, starts, first_tokens = recorded.arrival_time, recorded.start_time, recorded.first_token_time
    assert arrivals is not None
    assert starts is not None
    assert first_tokens is not None
    ends, outputs = recorded.end_time, recorded.output_length
    several = outputs > 1
    samples = {
        "ttft": first_tokens - arrivals,
        "tpot": (ends - first_tokens)[several] / (outputs[several] - 1),
        "e2e": ends - arrivals,
        "queue_time": starts - arrivals,
        "normalized_latency": (ends - arrivals) / outputs,
    }
    told = {
        name: (values.mean(), values.std(), values.min(), values.max(), np.percentile(values, PERCENTILES))
        for name, values in samples.items()
    }
    per_token = np.zeros(len(recorded))
    per_token[several] = samples["tpot"]
    good = (samples["ttft"] <= TTFT) & (per_token <= TPOT) & (samples["e2e"] <= E2E)
    return told, int(np.count_nonzero(good))


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds, and what the work returned."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def differs(metrics: ServingMetrics, told: dict[str, Any], good: int) -> str | None:
    """The first sample whose figures are not NumPy's, up to the rounding of NumPy's differences."""
    if metrics.good != good:
        return "good"
    for name, (mean, deviation, smallest, largest, percentiles) in told.items():
        sample = getattr(metrics, name)
        pairs = [(sample.mean, mean), (sample.std, deviation), (sample.min, smallest), (sample.max, largest)]
        pairs += list(zip(sample.percentiles.values(), percentiles, strict=True))
        # NumPy subtracts doubles of hours, which hold a microsecond of them to 1e-5.
        if not all(math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-9) for ours, theirs in pairs):
            return name
    return None


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, required=True, metavar="COUNT")
    count = parser.parse_args().requests
    recorded = run(count)
    ours, numpys = [], []
    for _ in range(REPETITIONS):
        seconds, metrics = timed(lambda: measure(recorded, percentiles=PERCENTILES, slo=OBJECTIVES))
        ours.append(seconds)
        seconds, (told, good) = timed(lambda: by_numpy(recorded))
        numpys.append(seconds)
        wrong = differs(metrics, told, good)
        if wrong:
            sys.exit(f"bench: WRONG: {wrong} is not what NumPy says")
    median, numpy_median = statistics.median(ours), statistics.median(numpys)
    print(f"\n== Serving metrics, {count:,} requests: five samples, five percentiles each, goodput; seconds\n")
    print(f"library  {min(ours):6.3f} best, {median:6.3f} median, {median / count * 1e9:6.1f} ns a request")
    print(f"NumPy    {min(numpys):6.3f} best, {numpy_median:6.3f} median\n")
    limit = TARGET_SECONDS_FOR_10_MILLION * count / 10_000_000
    for reached, sentence in (
        (median <= limit, f"all metrics in {median:.3f} s, at most {limit:.3f}"),
        (
            numpy_median / median >= TARGET_ADVANTAGE,
            f"{numpy_median / median:.2f} times as fast as NumPy, at least {TARGET_ADVANTAGE:g}",
        ),
    ):
        print(f"{'reached' if reached else 'NOT REACHED':11}  serving metrics: {sentence}")


if __name__ == "__main__":
    main()
