"""What a router asks of a live engine through Python: estimates, copies, the state.

Usage: live_engine.py. The report is the standard output.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable

from batching import AffineTime, LiveEngine

REPETITIONS = 21
CALLS = 200
PROMPT_TOKENS = 512
OUTPUT_TOKENS = 1000
TOKENS_PER_HASH = 16
CACHE_FILLERS = 1000
FIRST_FILLER = 10**9
TARGET_MICROSECONDS = 20.0
# That of c/engine_workloads.c.
ITERATION_TIME = AffineTime(5.5e-3, 2.8e-5, 2.0e-5, 4.0e-8, 4.6e-10)


def busy_engine(running: int, *, caches: bool) -> LiveEngine:
    """An engine in which so many decode, each for another 800 iterations or some more. As in c/live.c.

    If it caches prefixes, there is content in every block.
    """
    engine = LiveEngine(
        max_num_seqs=512,
        max_num_batched_tokens=2048,
        num_gpu_blocks=28_000,
        enable_prefix_caching=caches,
        iteration_time=ITERATION_TIME,
    )
    hashes = PROMPT_TOKENS // TOKENS_PER_HASH
    for filler in range(CACHE_FILLERS if caches else 0):
        first = FIRST_FILLER + filler * hashes
        engine.submit(filler, prompt_length=PROMPT_TOKENS, output_length=1, hash_ids=range(first, first + hashes))
        engine.advance()
    for index in range(running):
        ids = range(index * hashes, (index + 1) * hashes) if caches else None
        engine.submit(index, prompt_length=PROMPT_TOKENS, output_length=800 + index, hash_ids=ids)
    engine.advance(iterations=running // 4 + 20)
    if engine.state.running != running:
        sys.exit(f"bench: WRONG: not all of the {running} requests run")
    return engine


def measure(call: Callable[[], object]) -> tuple[float, float]:
    """Microseconds a call, best and median."""
    elapsed = []
    for _ in range(REPETITIONS):
        started = time.perf_counter_ns()
        for _ in range(CALLS):
            call()
        elapsed.append((time.perf_counter_ns() - started) / CALLS / 1e3)
    return min(elapsed), statistics.median(elapsed)


def print_row(running: int, *, caches: bool) -> None:
    """Prints the row of one engine, and the verdict if a target is about it."""
    engine = busy_engine(running, caches=caches)
    estimate = measure(lambda: engine.estimate(prompt_length=PROMPT_TOKENS, output_length=OUTPUT_TOKENS))
    fork = measure(engine.fork)
    state = measure(lambda: engine.state)
    name = "prefix caching" if caches else "none"
    figures = "".join(f" {best:8.1f} /{median:6.1f}" for best, median in (estimate, fork, state))
    print(f"{running:7}  {name:14}{figures}")
    if running == 64:
        verdict = "reached" if estimate[1] <= TARGET_MICROSECONDS else "NOT REACHED"
        of = ", prefix caching" if caches else ""
        print(f"{verdict:11}  estimate at 64 running{of}: {estimate[1]:.1f} us, at most {TARGET_MICROSECONDS:.0f}")
    told = engine.estimate(prompt_length=PROMPT_TOKENS, output_length=OUTPUT_TOKENS)
    engine.submit(-1, prompt_length=PROMPT_TOKENS, output_length=OUTPUT_TOKENS)
    engine.advance(math.inf)
    ends = [event.time for event in engine.poll() if event.request == -1 and event.event.name == "FINISHED"]
    if ends != [told.end_time]:
        sys.exit(f"bench: WRONG: the request ends at {ends}, not at {told.end_time}, as estimated")


def main() -> None:
    """Prints the section."""
    print(f"\n== Python, live engine: microseconds a call, best / median of {REPETITIONS} x {CALLS}\n")
    print("running  caching               estimate             fork            state")
    for caches in (False, True):
        for running in (64, 256):
            print_row(running, caches=caches)


if __name__ == "__main__":
    main()
