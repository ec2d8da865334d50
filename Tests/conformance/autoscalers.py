"""Does an autoscaler decide what the real one decided, and what a slow restatement of its rule decides?

Usage: autoscalers.py DIRECTORY... [--specifications FOLDER] [--cases N] [--seed S]

Replays every recording of Dynamo's planner below the directories. Then, for each autoscaler, compares random cases with
a slow restatement: of the planner's steps with that of FOLDER, of the others with those of random_autoscalers.py.
Prints how many decisions agree. The exit status is 1 if any differs; where there is no recording or no FOLDER, it says
that it skips that.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from batching import Autoscaler, autoscalers

import random_autoscalers
from random_support import DifferenceError

COMPONENTS = {"prefill": "prefill", "decode": "decode", "agg": "aggregated"}


def recorded(directories: Sequence[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The recordings of planners, in order."""
    for directory in directories:
        for path in sorted(directory.rglob("dynamo_planner*.json")):
            content = json.loads(path.read_text())
            if content.get("policy") == "dynamo_planner_load":
                yield path, content


def easy(recording: dict[str, Any], one: dict[str, Any]) -> tuple[int, int]:
    """What is decided on one reading with thresholds, and what was."""
    autoscaler = Autoscaler(
        "dynamo_planner",
        component=COMPONENTS[one["component"]],  # type: ignore[arg-type]
        scaling_target=one["optimization_target"],
        while_starting=True,
        min_endpoint=one["min_endpoint"],
        context_length=recording["context_length"],
        max_kv_tokens=recording["max_kv_tokens"],
        prefill_up_tokens=recording["prefill_scale_up_queue_tokens"],
        prefill_down_tokens=recording["prefill_scale_down_queue_tokens"],
        decode_up_percent=recording["decode_scale_up_kv_rate"],
        decode_down_percent=recording["decode_scale_down_kv_rate"],
    )
    decided = autoscaler.decide(
        0.0,
        one["num_workers"],
        one["pending_startup"],
        queued_prefill_tokens=one["queued_prefill_tokens"],
        scheduled_kv_tokens=one["scheduled_decode_kv_tokens"],
        queued_kv_tokens=one["queued_decode_kv_tokens"],
    )
    # No change: as many as there are, with those that start.
    unchanged = one["num_workers"] + one["pending_startup"]
    return decided, unchanged if one["desired"] is None else one["desired"]


def sla(one: dict[str, Any], component: str) -> tuple[int, int]:
    """What is decided on one reading with an SLA, and what was. What would remain tells whether it may go down."""
    limit = one["sla_ms"] / 1000
    kind = "ttft" if component == "prefill" else "itl"
    settings: dict[str, Any] = {f"{kind}_sla": limit}
    autoscaler = Autoscaler(
        "dynamo_planner",
        component=component,  # type: ignore[arg-type]
        scaling_target="sla",
        min_endpoint=one["min_endpoint"],
        **settings,
    )
    merged = 0.0 if one["can_scale_down"] else limit
    count = one["num_workers"]
    readings: dict[str, Any] = {
        f"estimated_{kind}": [milliseconds / 1000 for milliseconds in one["estimates_ms"]],
        f"merged_{kind}": [merged] * count,
    }
    decided = autoscaler.decide(0.0, **readings)
    return decided, count if one["desired"] is None else one["desired"]


def replay(recording: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """What is decided, and what was."""
    for one in recording["easy"]:
        yield easy(recording, one)
    for one in recording["sla"]:
        pairs = [sla(one, component) for component in ("prefill", "decode")]
        # One recorded decision, which both estimates must give.
        yield next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def check_recordings(directories: Sequence[Path]) -> bool:
    """Prints how many decisions agree; whether all do."""
    agreeing = counted = files = 0
    is_good = True
    for path, recording in recorded(directories):
        pairs = list(replay(recording))
        agree = sum(decided == expected for decided, expected in pairs)
        files += 1
        agreeing += agree
        counted += len(pairs)
        if agree != len(pairs) or not pairs:
            is_good = False
            print(f"{path}: {agree} of {len(pairs)} agree")
    if files == 0:
        print(f"SKIPPED: no recordings of planners below {', '.join(map(str, directories))}")
    else:
        print(f"dynamo_planner  {files} recordings  {agreeing} of {counted} decisions agree")
    return is_good


def compare(name: str, first_seed: int, cases: int) -> bool:
    """Prints how an autoscaler does in so many random cases; whether all agree."""
    decisions = differences = 0
    for seed in range(first_seed, first_seed + cases):
        try:
            decisions += random_autoscalers.CASES[name](seed)
        except (ArithmeticError, DifferenceError, LookupError, TypeError, ValueError) as error:
            differences += 1
            if differences <= 3:
                what = "" if isinstance(error, DifferenceError) else f"{type(error).__name__}: "
                print(f"{name}, seed {seed}: {what}{'; '.join(map(str, error.args))}")
    verdict = f"{differences} cases differ" if differences else "all agree"
    print(f"{name:15}{cases:6} cases  {decisions:8} decisions  {verdict}", flush=True)
    return not differences and decisions > 0


def main() -> int:
    """Runs the program."""
    description = __doc__ or ""
    parser = argparse.ArgumentParser(description=description.split("\n\n", maxsplit=1)[0])
    parser.add_argument("directories", type=Path, metavar="DIRECTORY", nargs="*")
    parser.add_argument("--specifications", type=Path, metavar="FOLDER")
    parser.add_argument("--cases", type=int, default=200, metavar="N", help="of each autoscaler")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the first case")
    arguments = parser.parse_args()
    names = set(autoscalers())
    if arguments.specifications is not None and arguments.specifications.is_dir():
        sys.path.append(str(arguments.specifications))
    else:
        print(f"SKIPPED: the planner's steps: {arguments.specifications} is not there")
        names.discard("dynamo_planner")
    missing = names - set(random_autoscalers.CASES)
    for name in sorted(missing):
        print(f"no random comparison of {name}")
    agree = [check_recordings(arguments.directories)]
    agree += [compare(name, arguments.seed, arguments.cases) for name in sorted(names - missing)]
    return 0 if all(agree) and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
