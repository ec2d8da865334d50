"""Writes real traces as columns that the C benchmarks read.

Usage: traces.py DIRECTORY. The traces are those below $BATCHING_DATA/traces; one that is not there is left out, and any
older file of it removed.
"""

import os
import sys
from pathlib import Path
from typing import Any

import batching
import numpy as np
import numpy.typing as npt

AZURE = "AzureLLMInferenceTrace_conv.csv.gz"
MOONCAKE = "mooncake_conversation_trace.jsonl.gz"


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
    for name, target in ((AZURE, "azure.columns"), (MOONCAKE, "mooncake.columns")):
        (directory / target).unlink(missing_ok=True)
        if (traces / name).is_file():
            write(batching.read_trace(traces / name).requests, directory / target)


if __name__ == "__main__":
    main()
