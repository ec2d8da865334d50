"""How long a signal waits for its handler while the library works: a row a function, its longest wait.

A timer sends a signal every millisecond, and its handler notes when it runs. Wherever a call has a stretch in which no
handler can run, there is a gap between two of them: an exception that a handler raises comes out of the call after so
long at most. The second figure counts only the time in which the thread had a processor, so that it does not depend on
what else the machine does.
"""

import argparse
import gc
import signal
import time
from collections.abc import Callable

import numpy as np
from batching import (
    Accumulator,
    AccumulatorEvent,
    AffineTime,
    CompletedColumns,
    LiveEngine,
    PolicyDecision,
    PolicyView,
    RecordedRequests,
    RequestColumns,
    SharedPrefixes,
    calculate_batch_metrics,
    distribution,
    generate_requests,
    generate_workload,
    load_over_time,
    measure,
    remaining_tokens,
    request_latencies,
    simulate,
    simulate_continuous,
    simulate_static,
)

INTERVAL = 0.001


def longest_wait(call: Callable[[], object]) -> tuple[float, float, float]:
    """The longest that no handler runs, in seconds and in those of the processor; and how long the call takes."""
    moments: list[tuple[float, float]] = []

    def note(*_: object) -> None:
        moments.append((time.perf_counter(), time.thread_time()))

    before = signal.signal(signal.SIGALRM, note)
    note()
    signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)
    try:
        result = call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    note()
    del result
    gaps = np.diff(np.array(moments), axis=0)
    return float(gaps[:, 0].max()), float(gaps[:, 1].max()), moments[-1][0] - moments[0][0]


def decode_one_each(view: PolicyView, decision: PolicyDecision) -> None:
    """A policy that looks at every request."""
    decision.decode_rest = True
    rows = np.arange(view.running_count, min(view.count, view.max_num_seqs))
    decision.schedule(rows, view.uncomputed_tokens[rows])


def crowd(count: int) -> LiveEngine:
    """Its iterations look at every request."""
    engine = LiveEngine(max_num_seqs=count + 1, max_num_batched_tokens=2**30, long_prefill_token_threshold=1)
    engine.submit(0, prompt_length=2_000_000_000, output_length=10)
    engine.submit_columns(RequestColumns(np.full(count, 2_000_000), np.full(count, 1)), np.arange(1, count + 1))
    return engine


def full_accumulator(requests: int) -> Accumulator:
    """Requests in flight, and some gaps of each."""
    live = Accumulator(max_requests=2 * requests, max_gaps=8 * requests)
    ids = np.arange(requests)
    live.add(ids, np.zeros(requests), np.full(requests, AccumulatorEvent.ARRIVED), np.full(requests, 10))
    for moment in (1.0, 2.0, 3.0):
        live.add(ids, np.full(requests, moment), np.full(requests, AccumulatorEvent.TOKENS), np.full(requests, 1))
    return live


def calls(count: int) -> dict[str, Callable[[], object]]:
    """A call of each function that may take long, on `count` requests."""
    lengths, times = np.full(count, 7, np.int32), np.arange(count)[::-1] / 1000
    columns = RequestColumns(lengths, lengths, times)
    # A live engine moves what is pending where requests come in disorder.
    short = RequestColumns(lengths[: count // 4], lengths[: count // 4], times[: -count // 4 - 1 : -1])
    recorded = RecordedRequests(times + 1, lengths, arrival_time=times, start_time=times, first_token_time=times + 0.5)
    completed = CompletedColumns(times, times + 1, lengths)
    bounded = AffineTime(base=1e-6, per_context_token=1.7e-9)
    running, full = crowd(100_000), LiveEngine()
    full.submit_columns(short)
    saved = full.save()
    busy = LiveEngine(max_num_seqs=count)
    busy.submit_columns(RequestColumns(short.output_length, short.output_length))
    busy.advance(0.02)
    told = LiveEngine()
    told.submit_columns(RequestColumns(short.output_length))
    told.advance()
    custom = LiveEngine(policy=decode_one_each, max_num_seqs=100_000)
    custom.submit_columns(RequestColumns(np.full(100_000, 8), np.full(100_000, 1)))
    live, events = full_accumulator(count // 8), np.arange(count // 2)
    live_bytes = live.save()
    prefixes, result = SharedPrefixes(8, 1000), simulate(columns)

    def merge() -> None:
        Accumulator(max_requests=count, max_gaps=count).merge(live)

    return {
        "generate_workload": lambda: generate_workload(count),
        "generate_requests, shared prefixes": lambda: generate_requests(count // 8, prefixes=prefixes),
        "simulate_static": lambda: simulate_static(columns, 8),
        "simulate_continuous": lambda: simulate_continuous(columns, 8),
        "simulate, arrivals in disorder": lambda: simulate(columns),
        "simulate, one long request": lambda: simulate(
            RequestColumns([2**30], [1]), iteration_time=bounded, iteration_limit=50_000_000
        ),
        "simulate, all at once": lambda: simulate(
            RequestColumns(lengths, lengths), max_num_seqs=count, max_num_batched_tokens=2_000_000_000
        ),
        "simulate, 1,000 running, blocks": lambda: simulate(
            RequestColumns(np.full(100_000, 500), np.full(100_000, 100)), max_num_seqs=1000, num_gpu_blocks=20_000
        ),
        "simulate, attribution": lambda: simulate(short, attribution=True),
        "measure": lambda: measure(recorded),
        "load_over_time": lambda: load_over_time(recorded),
        "distribution": lambda: distribution(times),
        "request_latencies": lambda: request_latencies(completed),
        "calculate_batch_metrics": lambda: calculate_batch_metrics(completed, 1.0),
        "remaining_tokens": lambda: remaining_tokens(lengths, lengths),
        "Result.measure": result.measure,
        "Accumulator.add": lambda: Accumulator(max_requests=len(events)).add(
            events, np.zeros(len(events)), np.full(len(events), 100), lengths[: len(events)]
        ),
        "Accumulator.merge": merge,
        "Accumulator.measure": live.measure,
        "Accumulator.save": live.save,
        "Accumulator.load": lambda: Accumulator.load(live_bytes),
        "Accumulator.prometheus": lambda: live.prometheus("model"),
        "LiveEngine.submit_columns": lambda: LiveEngine().submit_columns(short),
        "LiveEngine.advance, 100,000 running": lambda: running.advance(iterations=500),
        "LiveEngine.advance, policy": custom.advance,
        "LiveEngine.estimate": lambda: running.estimate(prompt_length=10, output_length=200),
        "LiveEngine.abort": lambda: busy.abort(0),
        "LiveEngine.poll": told.poll,
        "LiveEngine.fork": full.fork,
        "LiveEngine.save": full.save,
        "LiveEngine.load": lambda: LiveEngine.load(saved),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=4_000_000)
    count = max(parser.parse_args().requests, 8)
    # A handler may run in a callback of the collector.
    gc.disable()
    print(f"{'with ' + format(count, ',') + ' requests':38} {'longest wait':>13} {'processor':>11} {'whole call':>11}")
    for name, call in calls(count).items():
        wait, processor, whole = longest_wait(call)
        print(f"{name:38} {wait * 1e3:10.1f} ms {processor * 1e3:8.1f} ms {whole * 1e3:8.0f} ms", flush=True)


if __name__ == "__main__":
    main()
