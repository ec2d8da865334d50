"""Which format a file is of, by its first bytes, its header, or the keys of its first JSON object."""

import csv
import itertools
from typing import Final

from batching._trace_formats.json_values import values
from batching._trace_formats.named import OUTPUT_NAMES, normal
from batching._trace_formats.source import Source
from batching._traces import TRACE_FORMATS

_PARQUET_MAGIC: Final = b"PAR1"
_BOM: Final = b"\xef\xbb\xbf"
_LONGEST_HEADER: Final = 65_536
_OBJECTS_LOOKED_AT: Final = 100

_HEADERS: Final = {
    "azure": {"TIMESTAMP", "ContextTokens", "GeneratedTokens"},
    "burstgpt": {"Timestamp", "Request tokens", "Response tokens"},
    "vidur": {"num_prefill_tokens", "num_decode_tokens"},
}

# The first of these whose keys an object has.
_KEYS: Final = (
    ("bailian", {"chat_id", "timestamp", "input_length", "output_length"}),
    ("mooncake", {"timestamp", "input_length", "output_length"}),
    ("llmservingsim", {"input_toks", "output_toks", "queued_ts"}),
    ("llmservingsim", {"input_toks", "output_toks", "arrival_time_ns"}),
    ("vllm", {"input_lens", "output_lens", "ttfts", "start_times"}),
    ("sglang", {"total_output_tokens_retokenized"}),
    ("vllm", {"endpoint_type", "total_token_throughput"}),
    ("vllm", {"backend", "model_id", "total_token_throughput"}),
    ("sglang", {"input_lens", "output_lens", "ttfts"}),
    ("sharegpt", {"conversations"}),
    ("sharegpt", {"conversation"}),
)


def recognised(source: Source) -> str:
    """The name of the format. An error that says what was seen if it is none that is known."""
    with source.content() as content:
        start = content.read(_LONGEST_HEADER)
    if start.startswith(_PARQUET_MAGIC):
        return "parquet"
    if start.removeprefix(_BOM).lstrip()[:1] in {b"{", b"["}:
        return _of_objects(source)
    return _of_header(source)


def header_names(source: Source) -> list[str]:
    """The names in the first line of a CSV file; one empty name if there is none."""
    with source.content() as content:
        line = content.readline(_LONGEST_HEADER)
    text = line.decode("utf-8-sig", "replace").rstrip("\r\n").split("\r", 1)[0]
    try:
        names = next(csv.reader([text]), [])
    except csv.Error:
        names = text.split(",")
    return names or [""]


def _of_header(source: Source) -> str:
    names = header_names(source)
    for known, needed in _HEADERS.items():
        if needed <= set(names):
            return known
    if {normal(name) for name in names} & set(OUTPUT_NAMES):
        return "csv"
    raise _unknown(source, f"its first line is {','.join(names)[:60]!r}")


def _of_objects(source: Source) -> str:
    seen = "it holds no JSON object"
    for value in itertools.islice(values(source), _OBJECTS_LOOKED_AT):
        if not isinstance(value, dict):
            continue
        for known, needed in _KEYS:
            if needed <= value.keys():
                return known
        if {normal(key) for key in value} & set(OUTPUT_NAMES):
            return "json"
        seen = f"its first JSON object has the keys {', '.join(value)[:200]!r}"
        break
    raise _unknown(source, seen)


def _unknown(source: Source, seen: str) -> Exception:
    return source.error(f"is of no known format: {seen}; known are {', '.join(TRACE_FORMATS)}")
