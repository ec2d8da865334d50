"""Which format a file is of, by its first bytes, its header, or the keys of its first JSON objects."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

from batching._traces.formats.csv_text import header_of
from batching._traces.formats.json_values import values
from batching._traces.formats.named import OUTPUT_NAMES, PROMPT_NAMES, arrival_name, normal
from batching._traces.formats.source import Source
from batching._traces.known_formats import TRACE_FORMATS

_PARQUET_MAGIC: Final = b"PAR1"
_BOM: Final = b"\xef\xbb\xbf"
_BEGINNING: Final = 65_536
_OBJECTS_LOOKED_AT: Final = 100

_HEADERS: Final = {
    "azure": {"TIMESTAMP", "ContextTokens", "GeneratedTokens"},
    "burstgpt": {"Timestamp", "Request tokens", "Response tokens"},
    "vidur": {"num_prefill_tokens", "num_decode_tokens"},
    "splitwise": {"arrival_timestamp", "prompt_size", "token_size"},
}

# The first of these whose keys some object has.
_KEYS: Final = (
    ("bailian", {"chat_id", "timestamp", "input_length", "output_length"}),
    ("mooncake", {"timestamp", "input_length", "output_length"}),
    ("bailian", {"chat_id", "hash_ids", "input_length", "output_length"}),
    ("mooncake", {"hash_ids", "input_length", "output_length"}),
    ("mooncake", {"session_id", "delay", "input_length", "output_length"}),
    ("llmservingsim", {"input_toks", "output_toks", "queued_ts"}),
    ("llmservingsim", {"input_toks", "output_toks", "arrival_time_ns"}),
    ("weka", {"id", "block_size", "requests"}),
    ("otel", {"resourceSpans"}),
    ("vllm", {"input_lens", "output_lens", "ttfts", "start_times"}),
    ("sglang", {"total_output_tokens_retokenized"}),
    ("vllm", {"endpoint_type", "total_token_throughput"}),
    ("vllm", {"backend", "model_id", "total_token_throughput"}),
    ("sglang", {"input_lens", "output_lens", "ttfts"}),
    ("inference-perf", {"start_time", "end_time", "info"}),
    ("aiperf", {"metadata", "metrics"}),
    ("guidellm", {"benchmarks"}),
    ("genai-perf", {"experiments"}),
    ("sharegpt", {"conversations"}),
    ("sharegpt", {"conversation"}),
)
# Keys of how requests are made, and none of a request.
_OF_CONFIGURATIONS: Final = frozenset(
    [
        "num_prompts",
        "num_requests",
        "request_rate",
        "request_count",
        "max_concurrency",
        "concurrency",
        "dataset",
        "dataset_name",
        "dataset_path",
        "seed",
        "burstiness",
        "max_num_seqs",
        "max_num_batched_tokens",
        "tensor_parallel_size",
        "backend",
        "base_url",
        "tokenizer",
        "num_warmups",
        "warmup",
        "duration",
        "rate",
        "qps",
    ]
)


def recognised(source: Source) -> str:
    """The name of the format. An error that says what was seen if it is none that is known."""
    with source.content() as content:
        start = content.read(_BEGINNING)
    if start.startswith(_PARQUET_MAGIC):
        return "parquet"
    start = start.removeprefix(_BOM).lstrip()
    if start[:1] in {b"{", b"["}:
        return _of_objects(source, is_array=start.startswith(b"["))
    if not start:
        raise source.error("is empty")
    return _of_header(source)


def _of_header(source: Source) -> str:
    names = header_of(source).names
    for known, needed in _HEADERS.items():
        if needed <= set(names):
            return known
    if {normal(name) for name in names} & set(OUTPUT_NAMES):
        return "csv"
    raise _unknown(source, f"its first line is {','.join(names)[:60]!r}")


def _of_objects(source: Source, *, is_array: bool) -> str:
    found: list[Mapping[str, Any]] = []
    count = 0
    for value in itertools.islice(values(source), _OBJECTS_LOOKED_AT):
        count += 1
        if isinstance(value, dict):
            for known, needed in _KEYS:
                if needed <= value.keys() and _MAY_BE.get(known, bool)(value):
                    return known
            # It may lack what the others have.
            found.append(value)
    if not found:
        raise _unknown(source, "it holds no JSON object")
    named = [value for value in found if {normal(key) for key in value} & set(OUTPUT_NAMES)]
    if count == 1 and not is_array and named and _is_configuration(named[0]):
        raise source.error(
            f"is no trace but a configuration: one JSON object, with the keys {', '.join(named[0])[:200]!r}. "
            "A trace has one object a line, or an array of them"
        )
    if named:
        return "json"
    raise _unknown(source, f"its first JSON object has the keys {', '.join(found[0])[:200]!r}")


def _has_no_date(value: Mapping[str, Any]) -> bool:
    return not isinstance(value.get("timestamp"), str)


# What more an object of a format must be: those of some have names that others use, too.
_MAY_BE: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "mooncake": _has_no_date,
    "bailian": _has_no_date,
    "aiperf": lambda value: isinstance(value["metadata"], dict) and "request_start_ns" in value["metadata"],
    "guidellm": lambda value: isinstance(value["benchmarks"], list),
    "otel": lambda value: isinstance(value["resourceSpans"], list),
    "genai-perf": lambda value: isinstance(value["experiments"], list),
    "inference-perf": lambda value: isinstance(value["info"], dict),
}


def _is_configuration(value: Mapping[str, Any]) -> bool:
    """Whether an object that is alone in its file says how to make requests, and is none."""
    keys = {normal(key) for key in value}
    of_requests = {*OUTPUT_NAMES, *PROMPT_NAMES, "id", "request_id", "priority", "hash_ids", "end_time"}
    return bool(keys & _OF_CONFIGURATIONS) or (arrival_name(keys) is None and not keys <= of_requests)


def _unknown(source: Source, seen: str) -> Exception:
    return source.error(f"is of no known format: {seen}; known are {', '.join(TRACE_FORMATS)}")
