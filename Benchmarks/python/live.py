"""Events a second of the accumulator of live traffic, in columns through Python.

Usage: live.py --requests COUNT. As many events as that are told. The report is the standard output.
"""

import argparse
import statistics
import time

import numpy as np
from batching import Accumulator, AccumulatorEvent

IN_FLIGHT = 256
TOKENS = 128
EVENTS_A_CALL = 4096
REPETITIONS = 5
TARGET_EVENTS_PER_SECOND = 20e6


def main() -> None:
    """Prints the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, required=True)
    rounds = max(1, parser.parse_args().requests // (IN_FLIGHT * (TOKENS + 2)))
    # In each round all requests arrive, have their tokens in turn, 20 ms apart, and finish.
    kinds = np.repeat(
        [AccumulatorEvent.ARRIVED, *[AccumulatorEvent.TOKENS] * TOKENS, AccumulatorEvent.FINISHED], IN_FLIGHT
    ).astype(np.int32)
    event = np.tile(kinds, rounds)
    request = np.tile(np.arange(IN_FLIGHT), rounds * (TOKENS + 2))
    seconds = np.repeat(np.arange(rounds * (TOKENS + 2)) * 0.02, IN_FLIGHT)
    value = (event != AccumulatorEvent.FINISHED).astype(np.int32)
    elapsed = []
    for _ in range(REPETITIONS):
        accumulator = Accumulator()
        started = time.perf_counter_ns()
        for begin in range(0, len(event), EVENTS_A_CALL):
            part = slice(begin, begin + EVENTS_A_CALL)
            accumulator.add(request[part], seconds[part], event[part], value[part])
        elapsed.append((time.perf_counter_ns() - started) / len(event))
        assert accumulator.measure().completed == rounds * IN_FLIGHT
    best, median = min(elapsed), statistics.median(elapsed)
    print(f"\n== Python, accumulator, {len(event):,} events, {EVENTS_A_CALL} a call: nanoseconds an event\n")
    print(f"{best:.1f} / {median:.1f}")
    verdict = "reached    " if 1e9 / median >= TARGET_EVENTS_PER_SECOND else "NOT REACHED"
    print(f"{verdict}  {1e3 / median:.1f} million events/s (target: {TARGET_EVENTS_PER_SECOND / 1e6:.0f})")


if __name__ == "__main__":
    main()
