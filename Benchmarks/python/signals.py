"""How long a call goes on after a signal whose handler raises: a row a function, the worst of several moments."""

import signal
import threading
import time
from collections.abc import Callable

import numpy as np
from batching import (
    Accumulator,
    AffineTime,
    LiveEngine,
    RecordedRequests,
    RequestColumns,
    distribution,
    generate_workload,
    load_over_time,
    measure,
    simulate,
    simulate_continuous,
    simulate_static,
)

COUNT = 20_000_000
MOMENTS = 5


class StopError(Exception):
    """What the handler raises."""


def latency(call: Callable[[], object], moment: float) -> float | None:
    """Seconds from the signal to the exception; None if the call was over before."""
    sent = 0.0

    def stop(*_: object) -> None:
        raise StopError

    def send() -> None:
        nonlocal sent
        sent = time.perf_counter()
        signal.raise_signal(signal.SIGUSR1)

    signal.signal(signal.SIGUSR1, stop)
    timer = threading.Timer(moment, send)
    timer.start()
    is_over = False
    late = 0.0
    try:
        call()
        is_over = True
        timer.join()
        time.sleep(0.01)
    except StopError:
        late = time.perf_counter() - sent
    timer.join()
    return None if is_over else late


def crowd(count: int) -> LiveEngine:
    """Its iterations look at every request."""
    engine = LiveEngine(max_num_seqs=count + 1, max_num_batched_tokens=2**30, long_prefill_token_threshold=1)
    engine.submit(0, prompt_length=2_000_000_000, output_length=10)
    engine.submit_columns(RequestColumns(np.full(count, 2_000_000), np.full(count, 1)), np.arange(1, count + 1))
    return engine


def main() -> None:
    """Print the table."""
    lengths, times = np.full(COUNT, 7, np.int32), np.arange(COUNT)[::-1] / 1000
    columns = RequestColumns(lengths, lengths, times)
    recorded = RecordedRequests(times + 1, lengths, arrival_time=times)
    endless, endless_time = RequestColumns([2**30], [1]), AffineTime(base=1e-6, per_context_token=1.7e-9)
    large, busy = crowd(100_000), crowd(2_000)
    full = LiveEngine()
    full.submit_columns(RequestColumns(lengths[: COUNT // 4], lengths[: COUNT // 4]))
    calls: dict[str, Callable[[], object]] = {
        "generate_workload": lambda: generate_workload(COUNT),
        "simulate_static": lambda: simulate_static(columns, 8),
        "simulate_continuous": lambda: simulate_continuous(columns, 8),
        "simulate": lambda: simulate(endless, iteration_time=endless_time),
        "simulate, arrivals in disorder": lambda: simulate(columns),
        "measure": lambda: measure(recorded),
        "load_over_time": lambda: load_over_time(recorded),
        "distribution": lambda: distribution(times),
        "Accumulator.add": lambda: Accumulator(max_requests=2**24).add(
            np.arange(COUNT) % 2**23, times[::-1], np.full(COUNT, 100), lengths
        ),
        "LiveEngine.submit_columns": lambda: LiveEngine().submit_columns(columns),
        "LiveEngine.advance, 100,000 running": large.advance,
        "LiveEngine.estimate": lambda: busy.estimate(prompt_length=10, output_length=1_000_000),
        "LiveEngine.fork": full.fork,
        "LiveEngine.to_bytes": full.to_bytes,
    }
    print(f"{'from a signal to its exception':38} {'worst':>9}")
    for name, call in calls.items():
        late = [latency(call, moment) for moment in np.linspace(0.02, 0.2, MOMENTS)]
        seen = [seconds for seconds in late if seconds is not None]
        print(f"{name:38} {max(seen) * 1e3:6.1f} ms" if seen else f"{name:38} over before")


if __name__ == "__main__":
    main()
