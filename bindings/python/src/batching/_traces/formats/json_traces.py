"""Mooncake's and Bailian's traces: JSON lines, each a request with hash ids of its prompt's blocks, and
perhaps a turn of a session.
"""

from dataclasses import replace
from itertools import islice
from typing import Final

from batching._traces.formats.json_rows import Keys, read_objects
from batching._traces.formats.json_values import values
from batching._traces.formats.source import Source
from batching._traces.trace import Trace

_OBJECTS_LOOKED_AT: Final = 100
_KEYS: Final = {
    # kvcache-ai/Mooncake: timestamps in milliseconds.
    "mooncake": Keys(
        output="output_length",
        prompt="input_length",
        arrival="timestamp",
        per_unit=10**6,
        # As NVIDIA's AIPerf and Dynamo write them: session_id, and a delay in milliseconds.
        session="session_id",
        keeps_sessions=False,
        delay="delay",
        delay_per_unit=10**6,
        hash_ids="hash_ids",
        hash_block_size=512,
    ),
    # alibaba-edu/qwen-bailian-usagetraces-anon: timestamps in seconds.
    "bailian": Keys(
        output="output_length",
        prompt="input_length",
        arrival="timestamp",
        # Each request has a chat_id of its own, and parent_chat_id names the turn before.
        session="chat_id",
        turn_before="parent_chat_id",
        keeps_sessions=False,
        hash_ids="hash_ids",
        hash_block_size=16,
        details=("chat_id", "parent_chat_id", "turn"),
    ),
}


def read(source: Source, known: str) -> Trace:
    """The trace in a file of such JSON lines."""
    keys = _KEYS[known]
    first = islice(values(source), _OBJECTS_LOOKED_AT)
    # Tools that generate such traces may leave the timestamps out: of all requests, and not of some.
    if not any("timestamp" in value for value in first if isinstance(value, dict)):
        keys = replace(keys, arrival=None)
    return read_objects(source, known, keys)
