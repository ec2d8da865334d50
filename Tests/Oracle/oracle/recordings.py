"""Recordings of a real scheduler: finds them, reads them, and says what to simulate.

A recording is a JSON object with `config`, `workload` and `iterations`: what vLLM's own Scheduler decided on a
workload, iteration by iteration. Times are integer microseconds; in the workload requests are named by strings.
"""

import gzip
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUFFIXES = (".json", ".json.gz", ".jsonl.gz")
KEYS = {"config", "workload", "iterations"}

# What is replayed. A recording with any other key is left out, unless its value says that the feature is off.
CONFIG_KEYS = {
    "policy",
    "max_num_seqs",
    "max_num_batched_tokens",
    "long_prefill_token_threshold",
    "max_model_len",
    "enable_chunked_prefill",
    "scheduler_reserve_full_isl",
    "async_scheduling",
    "num_gpu_blocks",
    "block_size",
    "enable_prefix_caching",
    "watermark",
    "max_iters",
    "step_time",
}
OFF = {"pipeline_parallel_size": 1, "prefill_schedule_interval": 1}
STEP_TIME_KEYS = {"base", "per_prefill_token", "per_decode_seq"}
WORKLOAD_KEYS = {"id", "arrival", "prompt_len", "output_len", "priority", "segs", "out_seg", "max_tokens", "abort"}
QUEUE_ORDERS = {"fcfs": "arrival", "priority": "priority"}

# Tokens of a segment follow each other; no segment is this long. Segments that a recording does not name are unique.
SEGMENT = 1 << 20
FIRST_PROMPT_SEGMENT, FIRST_OUTPUT_SEGMENT = 1_000_000, 2_000_000


class RecordingError(Exception):
    """A file that is or holds a recording cannot be read."""


@dataclass(frozen=True)
class Recording:
    """What was recorded, and where it stands."""

    label: str
    """file[name]"""
    config: dict[str, Any]
    workload: list[dict[str, Any]]
    iterations: list[dict[str, Any]]
    results: dict[str, dict[str, Any]]
    summary: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        """The names of the requests, in the order of the workload."""
        return [entry["id"] for entry in self.workload]


def unknown_keys(recording: Recording) -> list[str]:
    """The keys of the config and of the workload that are not known here, sorted: features that are not replayed."""
    unknown = {f"config.{key}" for key in _others(recording.config, CONFIG_KEYS)}
    unknown |= {f"config.step_time.{key}" for key in _others(recording.config.get("step_time", {}), STEP_TIME_KEYS)}
    unknown |= {f"workload.{key}" for entry in recording.workload for key in _others(entry, WORKLOAD_KEYS)}
    return sorted(unknown)


def _others(values: dict[str, Any], known: set[str]) -> list[str]:
    """The keys that are not known, and whose values do not say that a feature is off."""
    return [key for key in values.keys() - known if values[key] and values[key] != OFF.get(key)]


@dataclass(frozen=True)
class RequestLists:
    """The requests of a recording, in the terms of batching.RequestColumns."""

    output_length: list[int]
    prompt_length: list[int]
    arrival_time: list[float]
    priority: list[int]
    tie_break: list[int]
    hash_ids: list[list[int]] | None
    """Of each request its own, one for each KV block of prompt and output; None: not wanted."""
    max_tokens: list[int] | None
    abort_time: list[float] | None
    """NaN: never."""


def find(directory: Path) -> list[Path]:
    """All files below a directory that may hold recordings, in the same order everywhere."""
    return sorted(path for path in directory.rglob("*") if path.is_file() and path.name.endswith(SUFFIXES))


def read(path: Path) -> Iterator[Recording]:
    """The recordings of a file; none if it is JSON of another kind.

    Raises:
        RecordingError: it is no JSON, or a recording that lacks something.
    """
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
        lines = text.splitlines() if path.name.endswith(".jsonl.gz") else [text]
        objects = [json.loads(line) for line in lines if line.strip()]
    except (OSError, EOFError, ValueError) as error:
        raise RecordingError(f"{path}: {error}") from error
    for number, content_of_one in enumerate(objects):
        if isinstance(content_of_one, dict) and content_of_one.keys() >= KEYS:
            label = f"{path}[{content_of_one.get('name', number)}]"
            try:
                yield Recording(
                    label=label,
                    config=content_of_one["config"],
                    workload=content_of_one["workload"],
                    iterations=content_of_one["iterations"],
                    results=content_of_one["results"],
                    summary=content_of_one["summary"],
                )
            except KeyError as error:
                raise RecordingError(f"{label}: has no {error}") from error


def options(config: dict[str, Any]) -> dict[str, Any]:
    """What a recording's config is in the keyword arguments of batching.simulate, but for the iteration time."""
    return {
        "policy": "vllm",
        "queue_order": QUEUE_ORDERS[config["policy"]],
        "max_num_seqs": config["max_num_seqs"],
        "max_num_batched_tokens": config["max_num_batched_tokens"],
        "long_prefill_token_threshold": config["long_prefill_token_threshold"],
        "max_model_len": config["max_model_len"],
        "enable_chunked_prefill": config["enable_chunked_prefill"],
        "scheduler_reserve_full_isl": config["scheduler_reserve_full_isl"],
        "async_scheduling": config["async_scheduling"],
        "num_gpu_blocks": config["num_gpu_blocks"],
        "block_size": config["block_size"],
        "enable_prefix_caching": config["enable_prefix_caching"],
        "watermark": config["watermark"],
        # The scheduler was driven without the checks that a whole engine makes before.
        "admit_oversized": True,
        "iteration_limit": config["max_iters"] or None,
    }


def affine_time(config: dict[str, Any]) -> dict[str, float]:
    """The iteration time of a recording, in the arguments of batching.AffineTime."""
    time = config["step_time"]
    return {
        "base": seconds(time["base"]),
        "per_prefill_token": seconds(time["per_prefill_token"]),
        "per_decode_token": seconds(time["per_decode_seq"]),
    }


def requests(recording: Recording) -> RequestLists:
    """The workload of a recording."""
    workload = recording.workload
    rank = {name: position for position, name in enumerate(sorted(recording.ids))}
    return RequestLists(
        output_length=[entry["output_len"] for entry in workload],
        prompt_length=[entry["prompt_len"] for entry in workload],
        arrival_time=[seconds(entry["arrival"]) for entry in workload],
        priority=[entry.get("priority", 0) for entry in workload],
        tie_break=[rank[entry["id"]] for entry in workload],
        hash_ids=hash_ids(recording) if recording.config["enable_prefix_caching"] else None,
        max_tokens=[entry.get("max_tokens", entry["output_len"]) for entry in workload]
        if any("max_tokens" in entry for entry in workload)
        else None,
        abort_time=[math.nan if entry.get("abort") is None else seconds(entry["abort"]) for entry in workload]
        if any("abort" in entry for entry in workload)
        else None,
    )


def hash_ids(recording: Recording) -> list[list[int]]:
    """An id for each full KV block, the same exactly where all tokens up to the end of the block are the same."""
    block_size = recording.config["block_size"]
    known: dict[tuple[int, tuple[int, ...]], int] = {}
    columns = []
    for index, entry in enumerate(recording.workload):
        tokens = prompt_tokens(index, entry)
        if len(tokens) != entry["prompt_len"]:
            raise RecordingError(f"{recording.label}: the segments of {entry['id']} are not as long as its prompt")
        first_output = entry.get("out_seg", FIRST_OUTPUT_SEGMENT + index) * SEGMENT
        tokens.extend(range(first_output, first_output + entry["output_len"]))
        ids: list[int] = []
        for start in range(0, len(tokens) - block_size + 1, block_size):
            chained = (ids[-1] if ids else 0, tuple(tokens[start : start + block_size]))
            ids.append(known.setdefault(chained, len(known) + 1))
        columns.append(ids)
    return columns


def prompt_tokens(index: int, entry: dict[str, Any]) -> list[int]:
    """The tokens of a prompt, as numbers that are equal exactly where the tokens are."""
    segments = entry.get("segs") or [[FIRST_PROMPT_SEGMENT + index, entry["prompt_len"]]]
    return [token for key, length in segments for token in range(key * SEGMENT, key * SEGMENT + length)]


def seconds(microseconds: int) -> float:
    """The nearest double; rounded to nanoseconds it is the same time again."""
    return microseconds / 1_000_000


def microseconds(seconds_of_it: float) -> float:
    """Whole, unless the time is not: then with a fraction, so that it equals nothing that was recorded."""
    nanoseconds = round(seconds_of_it * 1e9)
    return nanoseconds // 1000 if nanoseconds % 1000 == 0 else nanoseconds / 1000
