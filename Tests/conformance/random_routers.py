"""Does each router do in random situations what a slow restatement of its rule does?

Usage: random_routers.py SPECIFICATIONS [--cases N] [--seed S] [--router NAME]

SPECIFICATIONS is the folder of the restatements. A case is a random router of random settings under random operations:
requests that come and go, workers that go down, hosts that choose by themselves, KV events, evictions, clocks. Prints
for each router how many decisions were compared. The exit status is 1 if one differs, or if a router has no comparison.
"""

import argparse
import sys
from pathlib import Path

from batching import routers

import random_aibrix
import random_dynamo
import random_named
import random_scorers
import random_simple
import random_trees
from random_support import Case, DifferenceError

CASES: dict[str, Case] = {
    **random_aibrix.CASES,
    **random_dynamo.CASES,
    **random_named.CASES,
    **random_scorers.CASES,
    **random_simple.CASES,
    **random_trees.CASES,
}


def compare(name: str, first_seed: int, cases: int) -> bool:
    """Prints how a router does in so many cases; whether all agree."""
    decisions, differences = 0, 0
    for seed in range(first_seed, first_seed + cases):
        try:
            decisions += CASES[name](seed)
        except (ArithmeticError, DifferenceError, LookupError, TypeError, ValueError) as error:
            differences += 1
            if differences <= 3:
                what = "" if isinstance(error, DifferenceError) else f"{type(error).__name__}: "
                print(f"{name}, seed {seed}: {what}{'; '.join(map(str, error.args))}")
    verdict = f"{differences} cases differ" if differences else "all agree"
    print(f"{name:15}{cases:6} cases  {decisions:8} decisions  {verdict}", flush=True)
    return not differences


def main() -> int:
    """Runs the program."""
    description = __doc__ or ""
    parser = argparse.ArgumentParser(description=description.split("\n\n", maxsplit=1)[0])
    parser.add_argument("specifications", type=Path, metavar="SPECIFICATIONS")
    parser.add_argument("--cases", type=int, default=100, metavar="N", help="of each router")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the first case")
    parser.add_argument("--router", choices=routers(), metavar="NAME", help="this one only")
    arguments = parser.parse_args()
    if not arguments.specifications.is_dir():
        parser.error(f"{arguments.specifications} is no directory")
    sys.path.append(str(arguments.specifications))
    names = [arguments.router] if arguments.router else routers()
    missing = [name for name in names if name not in CASES]
    if missing:
        print(f"no random comparison of {', '.join(missing)}")
    agree = [compare(name, arguments.seed, arguments.cases) for name in names if name in CASES]
    return 0 if all(agree) and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
