"""Does a router decide what the real one decided? Replays every recording of a router below the directories.

Usage: routers.py DIRECTORY...

Prints for each policy how many of its decisions, and of the values that were recorded with them, agree, and a line for
each recording that differs. The exit status is 1 if any differs or cannot be read, or if a router that should have a
recording has none; where there is none at all, it says that it skips this. JSON files of other kinds are passed over;
recordings of whole clusters are left out, and counted.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from batching import Router, routers

from router_support import MakeRouter, Recording
from routers_dynamo import dynamo_kv, dynamo_kv_temperature, dynamo_queue
from routers_scorers import llm_d_epp
from routers_simple import bucket, production_stack, proxy, ray_pow2, round_robin, vllm_dplb
from routers_trees import cache_aware, production_stack_prefixaware, ray_prefix_aware

REPLAYS: dict[str, Callable[[Recording, MakeRouter], tuple[int, int]]] = {
    "bucket": bucket,
    "cache_aware": cache_aware,
    "dynamo_kv": dynamo_kv,
    "dynamo_kv_temperature": dynamo_kv_temperature,
    "dynamo_queue": dynamo_queue,
    "llm_d_epp": llm_d_epp,
    "production_stack_prefixaware": production_stack_prefixaware,
    "production_stack_roundrobin": production_stack,
    "production_stack_session": production_stack,
    "proxy": proxy,
    "ray_pow2": ray_pow2,
    "ray_prefix_aware": ray_prefix_aware,
    "round_robin": round_robin,
    "vllm_dplb": vllm_dplb,
}
# Of clusters, with engines in them. What scales them: autoscalers.py.
LEFT_OUT = ("dynamo_replay", "dynamo_replay_scarce_memory")
# No recording: their rules are from source code, or are a few lines.
UNPROVEN = {"random", "least_tokens", "aibrix_prefix", "vtc"}


def recorded(directories: Sequence[Path]) -> Iterator[tuple[Path, Recording]]:
    """The recordings of routers, in order."""
    for directory in directories:
        for path in sorted(directory.rglob("*.json")):
            with path.open("rb") as file:
                # A recording begins with its policy: other files may be very long.
                if not file.read(64).lstrip(b"{ \n").startswith(b'"policy"'):
                    continue
            content = json.loads(path.read_text())
            if isinstance(content, dict) and content.get("policy") in (*REPLAYS, *LEFT_OUT):
                yield path, content


def name_of(recording: Recording) -> str:
    """The policy, and whose it is, if there are several."""
    other = recording.get("router", recording.get("vllm"))
    return f"{recording['policy']} {other}" if isinstance(other, str) else recording["policy"]


def check(directories: Sequence[Path]) -> int:
    """Prints the report; the exit status."""
    files: Counter[str] = Counter()
    agreeing: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    used: set[str] = set()
    failures = 0

    def make_router(router: str, workers: int, **settings: object) -> Router:
        used.add(router)
        return Router(router, workers, **settings)  # type: ignore[arg-type]

    for path, recording in recorded(directories):
        name = name_of(recording)
        replay = REPLAYS.get(recording["policy"])
        if replay is None:
            left_out[name] += 1
            continue
        files[name] += 1
        try:
            agree, total = replay(recording, make_router)
        except (KeyError, TypeError, ValueError) as error:
            failures += 1
            print(f"{path}: cannot be replayed: {type(error).__name__}: {error}")
            continue
        agreeing[name] += agree
        counted[name] += total
        if agree != total or total == 0:
            failures += 1
            print(f"{path}: {agree} of {total} agree")
    width = max(map(len, files), default=0)
    for name in sorted(files):
        print(f"{name:{width}}  {files[name]:3} recordings  {agreeing[name]:6} of {counted[name]:6} agree")
    for name in sorted(left_out):
        print(f"{name}: left out {left_out[name]}, for they are of whole clusters")
    total = sum(files.values())
    if total == 0:
        print(f"SKIPPED: no recordings of routers below {', '.join(map(str, directories))}")
        return 0
    missing = set(routers()) - used - UNPROVEN
    if missing:
        print(f"no recording of {', '.join(sorted(missing))}")
    print(f"{total - failures} of {total} recordings of routers agree")
    return 1 if failures or missing else 0


def main() -> int:
    """Runs the program."""
    description = __doc__ or ""
    parser = argparse.ArgumentParser(description=description.split("\n\n", maxsplit=1)[0])
    parser.add_argument("directories", type=Path, metavar="DIRECTORY", nargs="+")
    arguments = parser.parse_args()
    for directory in arguments.directories:
        if not directory.is_dir():
            parser.error(f"{directory} is no directory")
    return check(arguments.directories)


if __name__ == "__main__":
    sys.exit(main())
