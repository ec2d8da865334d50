"""Hash ids of a run that stand in a file of their own."""

import gzip
import json
from pathlib import Path
from typing import Any

from batching._columns.display import counted
from batching._ffi.errors import BatchingValueError
from batching._traces.trace import Trace


def with_hash_ids(trace: Trace, path: Path) -> Trace:
    """A trace whose requests have the hash ids of a file: JSON lines, one a request, in its order."""
    ids = [_ids(line, f"{path}, line {number}") for number, line in enumerate(_lines(path), 1) if line.strip()]
    if len(ids) != len(trace.requests):
        raise BatchingValueError(
            f"{path} has the hash ids of {counted(len(ids), 'request')}: must have those of {len(trace.requests)}"
        )
    requests = trace.requests.replace(hash_ids=ids, hash_block_size=None)
    return Trace(requests, trace.recorded, trace.format, trace.skipped, trace.details)


def _lines(path: Path) -> list[bytes]:
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise BatchingValueError(f"{path} cannot be decompressed: {error}") from None
    return content.splitlines()


def _ids(line: bytes, where: str) -> Any:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BatchingValueError(f"{where} is no JSON: {error}") from None
    ids = row.get("hash_ids") if isinstance(row, dict) else None
    if not isinstance(ids, list):
        raise BatchingValueError(f"{where} has no hash_ids: must be an object with a list of them")
    return ids
