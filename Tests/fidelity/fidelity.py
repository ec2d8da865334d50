"""How far are simulated times from measured ones? Simulates measured runs with every model of the iteration time, says
what of the errors that are to be reached is, and writes the page of the manual about it.

Usage: fidelity.py DATA [--output docs/fidelity.md]

DATA is the folder with runs/, steps/ and closed_loop/; beside it is fleets/. The exit status is 1 if a bar is not
reached.
"""

import argparse
import sys
from pathlib import Path

from bars import bars
from ladder import ladder
from loops import loop_rows
from measured_runs import RUNS, measured_run
from page import page
from runs import rows_of


def main() -> int:
    """Print, and write."""
    parser = argparse.ArgumentParser(description="How far are simulated times from measured ones?")
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path)
    asked = parser.parse_args()
    runs = []
    for files in RUNS:
        run = measured_run(asked.data, files)
        rows = []
        for row in rows_of(asked.data, run):
            told = ", ".join(f"{name.upper()} {errors['mean']:+.1%}" for name, errors in row.latencies.items())
            print(f"{files.name}: {row.model}: {told}; worst percentile {row.worst_percentile:.1%}", flush=True)
            rows.append(row)
        runs.append((run, rows))
    loops, found = loop_rows(asked.data)
    for loop in loops:
        print(f"{loop.gpu}: {loop.model}: TPOT {loop.tpot_mean:.1%}, median {loop.tpot_median:.1%}", end="")
        print(f"; TTFT median {loop.ttft_median:.1%}")
    fleet = ladder(asked.data.resolve().parent / "fleets")
    if fleet is None:
        print("SKIPPED: no measured fleet: there is no fleets/ beside the measured runs")
    reached = list(bars(runs, loops, fleet))
    for bar in reached:
        print(f"{'reached' if bar.reached else 'NOT REACHED'}: {bar.what}: {bar.wanted}: {bar.got}")
    if asked.output is not None:
        asked.output.write_text(page(reached, runs, loops, found, fleet), encoding="utf-8")
    return 0 if all(bar.reached for bar in reached) else 1


if __name__ == "__main__":
    sys.exit(main())
