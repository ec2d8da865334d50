"""How long it takes to read traces: Azure's, generated and written here, and, where it is, Mooncake's own.

Usage: reading.py --rows COUNT. The report is the standard output; the exit status is 1 if what is read is wrong.
"""

import argparse
import gzip
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import batching
import numpy as np

REPETITIONS = 3
TARGET_ROWS = 1_000_000
TARGET_SECONDS = 2.0
BROKEN_EVERY = 100
# One after the other, each where a row of its number would be.
BROKEN = (
    "2023-02-30 00:00:00.0000000,100,10",
    "2023-11-16 18:15:46.6805900,-1,10",
    "2023-11-16 18:15:46.6805900,100,",
    "2023-11-16 18:15:46.6805900,100",
    "no row",
)
MOONCAKE = "mooncake_conversation_trace.jsonl.gz"


def azure_rows(count: int, *, broken: bool) -> tuple[list[str], int]:
    """Rows in the form of 2023, about five a second, some of them broken; and the output tokens of the others."""
    random = np.random.default_rng(42)
    ticks = random.integers(0, 4_000_000, count).cumsum().tolist()
    prompts, outputs = random.integers(0, 4000, count).tolist(), random.integers(1, 800, count).tolist()
    start = datetime(2023, 11, 16, tzinfo=UTC)
    rows, tokens = [], 0
    for index, (tick, prompt, output) in enumerate(zip(ticks, prompts, outputs, strict=True)):
        if broken and index % BROKEN_EVERY == BROKEN_EVERY - 1:
            rows.append(BROKEN[index // BROKEN_EVERY % len(BROKEN)])
            continue
        moment = start + timedelta(seconds=tick // 10_000_000)
        rows.append(f"{moment:%Y-%m-%d %H:%M:%S}.{tick % 10_000_000:07},{prompt},{output}")
        tokens += output
    return rows, tokens


def measure(name: str, path: Path) -> tuple[float, batching.Trace]:
    """Prints the row of one file, and returns the median time and what was read."""
    elapsed = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        trace = batching.read_trace(path)
        elapsed.append(time.perf_counter() - started)
    median = statistics.median(elapsed)
    print(
        f"{name:31}{len(trace.requests):12,}{sum(trace.skipped.values()):10,}"
        f"{min(elapsed):8.3f} /{median:6.3f}{len(trace.requests) / median:14,.0f}",
        flush=True,
    )
    return median, trace


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, required=True, metavar="COUNT")
    count = parser.parse_args().rows
    print(f"\n== Reading traces: seconds, best / median of {REPETITIONS}\n")
    print(f"{'file':31}{'requests':>12}{'skipped':>10}{'seconds':>16}{'requests/s':>14}")
    slowest = 0.0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "trace"
        for name, broken in (("Azure, CSV", False), (f"Azure, 1 in {BROKEN_EVERY} broken", True)):
            rows, tokens = azure_rows(count, broken=broken)
            content = "\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]).encode()
            for suffix, file in (("", content), (", gzip", gzip.compress(content, 6))):
                path.write_bytes(file)
                median, trace = measure(name + suffix, path)
                slowest = max(slowest, median)
                if (
                    int(trace.requests.output_length.sum()) != tokens
                    or len(trace.requests) + sum(trace.skipped.values()) != count
                ):
                    sys.exit(f"reading: WRONG: {trace}")
    mooncake = Path(os.environ.get("BATCHING_DATA", ".")) / "traces" / MOONCAKE
    if mooncake.is_file():
        measure("Mooncake, with hash ids, gzip", mooncake)
    else:
        print(f"SKIPPED: {MOONCAKE} is not there (set BATCHING_DATA)")
    verdict = "reached" if slowest * TARGET_ROWS / count < TARGET_SECONDS else "NOT REACHED"
    print(
        f"\n{verdict:11}  {TARGET_ROWS:,} Azure rows, also with broken ones: "
        f"{slowest * TARGET_ROWS / count:.2f} s, less than {TARGET_SECONDS} s"
    )


if __name__ == "__main__":
    main()
