"""Does a fleet do what Dynamo's offline replay did? Replays every recording of one below the directories.

Usage: replays.py DIRECTORY...

Prints for each kind how many of its decisions and times agree, and a line for each recording that differs. The exit
status is 1 if any differs or cannot be read, or if there is no recording of one of the kinds; where there is none at
all, it says that it skips this. Recordings in which a replica has too little memory are a target: how many of their
values agree is printed, and no more is asked.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from batching import Disaggregation, EngineConfig, FleetResult, RequestColumns, simulate_fleet

Recording = Mapping[str, Any]
KINDS = ("agg", "disagg")
# Milliseconds: the recordings have them in double precision, and the library in whole nanoseconds.
TOLERANCE = 1e-6

COLUMNS = {
    "agg": {"first_admit_ms": "start_time", "first_token_ms": "first_token_time", "last_token_ms": "end_time"},
    "disagg": {
        "prefill_admit_ms": "start_time",
        "source_held_ms": "held_time",
        "destination_reserved_ms": "reserved_time",
        "destination_activated_ms": "activated_time",
        "decode_admit_ms": "decode_start_time",
        "source_released_ms": "released_time",
        "first_token_ms": "first_token_time",
        "last_token_ms": "end_time",
    },
}
WORKERS = {"agg": {"worker": "replica"}, "disagg": {"prefill_worker": "prefill_replica", "decode_worker": "replica"}}


def requests_of(recording: Recording) -> RequestColumns:
    """The requests of a recording."""
    rows = recording["requests"]
    ids = [row["hash_ids"] for row in rows]
    return RequestColumns(
        prompt_length=[row["input_length"] for row in rows],
        output_length=[row["output_length"] for row in rows],
        arrival_time=[row["arrival_ms"] / 1000 for row in rows],
        hash_ids=np.concatenate([np.array(own, np.int64) for own in ids]),
        hash_offsets=np.cumsum([0, *map(len, ids)]),
        hash_block_size=recording["block_size"],
    )


def engine_of(recording: Recording) -> EngineConfig:
    """Its engine: an iteration takes a time if any prompt token is in it, and another if any request decodes."""
    prefill, decode = recording["prefill_ms"] / 1000, recording["decode_ms"] / 1000
    return EngineConfig(
        policy="vllm",
        block_size=recording["block_size"],
        num_gpu_blocks=recording["num_gpu_blocks"],
        max_num_batched_tokens=recording["max_num_batched_tokens"],
        max_num_seqs=recording["max_num_seqs"],
        enable_prefix_caching=True,
        iteration_time=lambda work: prefill * (work.prefill_tokens > 0) + decode * (work.decode_tokens > 0),
    )


def replay(recording: Recording) -> FleetResult:
    """The same fleet on the same requests. Where its router drew one of several, it takes the one that was drawn."""
    kind, *numbers = recording["topology"]
    rows = recording["requests"]
    engine = engine_of(recording)
    uses_kv = recording["router_mode"] == "kv_router"
    settings = dict(recording["router"]) if uses_kv else {}
    lag = (recording["kv_event_lag_ms"] or 0) / 1000
    if kind == "agg":
        return simulate_fleet(
            requests_of(recording),
            [(engine, numbers[0])],
            router="dynamo_kv" if uses_kv else "round_robin",
            preferred_replica=[row["worker"] for row in rows],
            kv_event_lag=lag,
            **settings,
        )
    prefill, decode = numbers
    bandwidth = recording["kv_transfer_bandwidth_gb_s"]
    return simulate_fleet(
        requests_of(recording),
        [(engine, prefill, "prefill"), (engine, decode, "decode")],
        router="dynamo_kv" if uses_kv else "round_robin",
        preferred_replica=[row["prefill_worker"] for row in rows],
        preferred_decode_replica=[prefill + row["decode_worker"] for row in rows],
        disaggregation=Disaggregation(
            preset="dynamo",
            kv_bytes_per_token=(recording["kv_transfer_bytes_per_token"] or 0) if bandwidth else 0,
            link_bandwidth=(bandwidth or 0) * 1e9,
            transfer_tokens="missing" if recording["kv_transfer_timing_mode"] == "destination_missing" else "full",
        ),
        kv_event_lag=lag,
        **settings,
    )


def compared(recording: Recording) -> tuple[int, int, str]:
    """How many values there are, how many agree, and the first that does not."""
    kind, *numbers = recording["topology"]
    result = replay(recording)
    first = numbers[0] if kind == "disagg" else 0
    values, agree, wrong = 0, 0, ""
    for index, row in enumerate(recording["requests"]):
        checks: list[tuple[str, float, float]] = [
            ("reused_input_tokens", row["reused_input_tokens"], result.prefix_cached_tokens[index])
        ]
        for name, column in WORKERS[kind].items():
            offset = first if name == "decode_worker" else 0
            checks.append((name, row[name], getattr(result, column)[index] - offset))
        checks += [(name, row[name], getattr(result, column)[index] * 1000) for name, column in COLUMNS[kind].items()]
        for name, recorded, own in checks:
            values += 1
            if abs(recorded - own) <= TOLERANCE * max(1.0, abs(recorded)):
                agree += 1
            elif not wrong:
                wrong = f"request {index}: {name} is {own}, recorded was {recorded}"
    return values, agree, wrong


def recorded(directories: Sequence[Path]) -> Iterator[tuple[Path, Recording]]:
    """The recordings of replays, in order."""
    for directory in directories:
        for path in sorted(directory.rglob("dynamo_replay*.json")):
            yield path, json.loads(path.read_text())


def main() -> int:
    """Replay all, and print what agrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directories", nargs="+", type=Path)
    sums = {kind: [0, 0, 0] for kind in KINDS}
    target = [0, 0, 0]
    failures = []
    for path, recording in recorded(parser.parse_args().directories):
        values, agree, wrong = compared(recording)
        is_target = recording["policy"] == "dynamo_replay_scarce_memory"
        own = target if is_target else sums[recording["topology"][0]]
        own[0] += 1
        own[1] += values
        own[2] += agree
        if wrong and not is_target:
            failures.append(f"{path.name}: {agree} of {values} values agree; {wrong}")
    if not any(files for files, _, _ in sums.values()):
        print("skipped: no recording of a replay below the directories")
        return 0
    print(f"{'replay':<24}{'files':>7}{'values':>9}{'agree':>9}")
    for kind, (files, values, agree) in sums.items():
        print(f"{kind:<24}{files:>7}{values:>9}{agree:>9}")
        if files == 0:
            failures.append(f"there is no recording of {kind}")
    if target[0]:
        print(f"{'scarce memory (target)':<24}{target[0]:>7}{target[1]:>9}{target[2]:>9}")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
