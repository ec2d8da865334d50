"""Writes real traces as columns that the C benchmarks read.

Usage: traces.py DIRECTORY. The traces are those below $BATCHING_DATA/traces; one that is not there is left out, and any
older file of it removed.
"""

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

import batching
import numpy as np
import numpy.typing as npt

AZURE = "AzureLLMInferenceTrace_conv.csv.gz"
MOONCAKE = "mooncake_conversation_trace.jsonl.gz"


def azure(path: Path) -> batching.RequestColumns:
    """Azure's conversation trace of 2023."""
    return batching.read_azure_trace(path).requests


def mooncake(path: Path) -> batching.RequestColumns:
    """Mooncake's conversation trace: arrivals in milliseconds, and a hash id for each 512 tokens of the prompt."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return batching.RequestColumns(
        [row["output_length"] for row in rows],
        [row["input_length"] for row in rows],
        [row["timestamp"] / 1000 for row in rows],
        hash_ids=[row["hash_ids"] for row in rows],
        hash_block_size=512,
    )


def write(requests: batching.RequestColumns, path: Path) -> None:
    """The header and the columns of trace_read in c/engine_workloads.c."""
    assert requests.prompt_length is not None
    assert requests.arrival_time is not None
    count = len(requests)
    first, last = float(requests.arrival_time[0]), float(requests.arrival_time[-1])
    # One mean gap from the last arrival to the first of the repetition.
    period = (last - first) * count / (count - 1)
    hash_count = 0 if requests.hash_ids is None else len(requests.hash_ids)
    columns: list[npt.NDArray[Any]] = [
        np.array([count], np.int64),
        np.array([period], np.float64),
        np.array([requests.hash_block_size or 0, hash_count], np.int64),
        requests.prompt_length,
        requests.output_length,
        requests.arrival_time,
    ]
    if requests.hash_ids is not None and requests.hash_offsets is not None:
        columns += [requests.hash_offsets, requests.hash_ids]
    path.write_bytes(b"".join(column.tobytes() for column in columns))


def main() -> None:
    """Writes both."""
    directory = Path(sys.argv[1])
    traces = Path(os.environ.get("BATCHING_DATA", ".")) / "traces"
    for name, read, target in ((AZURE, azure, "azure.columns"), (MOONCAKE, mooncake, "mooncake.columns")):
        (directory / target).unlink(missing_ok=True)
        if (traces / name).is_file():
            write(read(traces / name), directory / target)


if __name__ == "__main__":
    main()
