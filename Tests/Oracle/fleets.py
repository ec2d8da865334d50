"""Does the library simulate random fleets as a slow one does, bit for bit?

Usage: fleets.py [--cases N] [--seed S] [--processes P] [--router NAME] [--specifications FOLDER]

N cases, of the seeds S, S + 1, ... FOLDER has restatements of the rules of real routers; without it only the simple
rules are compared, and it says so. Prints how many fleets of each router agree and what happened in them; and of one
that differs the seed, what differs, and a small fleet that still does. The exit status is then 1, and so it is if in
thousands of fleets something that matters hardly happened.
"""

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from oracle.cases import SeededSource
from oracle.fleet_cases import FleetCase, a_fleet
from oracle.fleet_comparison import assert_same_fleet, happened, shrunk
from oracle.fleet_restated import RESTATED, use
from oracle.fleet_routers import SIMPLE

PIECE = 50
"""Seeds that a process is given at once."""
MOST_SHOWN = 3
MOST_SECONDS = 10
"""Many times what the longest takes."""
SHRINKING = 60
"""Seconds after which a fleet is small enough."""
EXPECTED = 1_000
"""In so many cases each thing must have happened in 1 of 400 at least."""


class TooLongError(AssertionError):
    """A fleet does not come to its end."""


def difference(case: FleetCase, facts: Counter[str], most_seconds: float = MOST_SECONDS) -> str | None:
    """What differs, if anything does; and what happened."""

    def stop(*_: object) -> None:
        raise TooLongError(f"time: more than {most_seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, most_seconds)
    try:
        facts.update(happened(case, assert_same_fleet(case)))
    except Exception as error:  # noqa: BLE001  whatever it is, its seed must be known
        return str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def compare(
    specifications: Path, names: Sequence[str], seeds: range
) -> tuple[Counter[str], Counter[str], list[tuple[int, str]]]:
    """How many fleets of each router agree, what happened in them, and what differs of which seed."""
    use(specifications)
    agree: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    differ = []
    for seed in seeds:
        case = a_fleet(SeededSource(seed), names)
        found = difference(case, facts)
        if found is None:
            agree[case.router.name] += 1
        else:
            differ.append((seed, found))
    return agree, facts, differ


def explain(seed: int, found: str, names: Sequence[str]) -> None:
    """Prints what differs, and a small case in which the same does."""
    case = a_fleet(SeededSource(seed), names)
    print(f"seed {seed}, {case.router.name}: {found}")
    what, until = found.split(":", maxsplit=1)[0], time.perf_counter() + SHRINKING

    def differs(smaller: FleetCase) -> bool:
        is_late = time.perf_counter() > until
        return not is_late and (difference(smaller, Counter(), 2) or "").split(":", maxsplit=1)[0] == what

    small = shrunk(case, differs)
    print(f"  small: {small}\n  there: {difference(small, Counter(), 2)}\n", flush=True)


def main() -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=5_000, metavar="N", help="how many fleets")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the first")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="P")
    parser.add_argument("--router", metavar="NAME", help="this one only; a seed gives another fleet then")
    parser.add_argument("--specifications", type=Path, default=Path("../shared/specs/routing"), metavar="FOLDER")
    arguments = parser.parse_args()
    names = [*SIMPLE]
    if use(arguments.specifications):
        names += RESTATED
    else:
        print(
            f"SKIPPED: fleets by {', '.join(RESTATED)}: {arguments.specifications} has no restatements of their rules"
        )
    if arguments.router:
        if arguments.router not in names:
            parser.error(f"{arguments.router} is none of {', '.join(names)}")
        names = [arguments.router]
    return run(arguments.specifications, names, range(arguments.seed, arguments.seed + arguments.cases), arguments)


def run(specifications: Path, names: Sequence[str], seeds: range, arguments: argparse.Namespace) -> int:
    """Compares, prints, and returns the exit status."""
    pieces = [seeds[first : first + PIECE] for first in range(0, len(seeds), PIECE)]
    begin = time.perf_counter()
    agree: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    differ: list[tuple[int, str]] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        same = [specifications] * len(pieces), [names] * len(pieces)
        for some_agree, some_facts, some_differ in pool.map(compare, *same, pieces):
            agree.update(some_agree)
            facts.update(some_facts)
            differ += some_differ
    seconds = time.perf_counter() - begin
    for seed, what in differ[:MOST_SHOWN]:
        explain(seed, what, names)
    print(", ".join(f"{name} {agree[name]}" for name in names))
    print(", ".join(f"{fact} {count}" for fact, count in facts.items()))
    rare = []
    if len(seeds) >= EXPECTED and not arguments.router:
        rare = [fact for fact, count in facts.items() if count < len(seeds) / 400]
        print(f"hardly happened: {', '.join(rare)}" if rare else "", end="\n" if rare else "")
    verdict = f"{len(differ)} differ: seeds {[seed for seed, _ in differ]}" if differ else "all agree"
    print(f"{sum(agree.values())} of {len(seeds)} fleets in {seconds:.0f} s: {verdict}")
    return 1 if differ or rare else 0


if __name__ == "__main__":
    sys.exit(main())
