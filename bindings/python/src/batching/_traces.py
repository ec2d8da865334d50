"""Reads the LLM inference traces that Azure publishes. What does the work is in _azure.py, which needs pyarrow."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from batching._columns import RequestColumns
from batching._errors import BatchingError, MissingExtraError

Progress = Callable[[int, int], None]
"""Told the bytes of the file that have been read, and how many there are."""


class TraceError(BatchingError, ValueError):
    """A file is no trace that can be read."""


@dataclass(frozen=True)
class AzureTrace:
    """What a trace file holds."""

    requests: RequestColumns
    """The usable rows in the order of the file; the earliest arrives at 0.0."""
    skipped: Mapping[str, int]
    """How many rows could not be used, for each reason. Empty if all could."""


def read_azure_trace(path: str | os.PathLike[str], progress: Progress | None = None) -> AzureTrace:
    """Read an Azure trace; 27 million rows are fine.

    Args:
        path: a CSV file, gzipped or not whatever its name.
        progress: called now and then with the bytes read and the bytes in all.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no Azure trace, or has no usable row.
        ImportError: pyarrow is not installed.
    """
    try:
        from batching._azure import read  # noqa: PLC0415  (pyarrow is optional, and slow to import)
    except ImportError as error:
        raise MissingExtraError("reading a trace", "pyarrow", "traces") from error
    requests, skipped = read(Path(path), progress)
    return AzureTrace(requests, skipped)
