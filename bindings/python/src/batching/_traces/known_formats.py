"""The formats of traces: what each is called, what it is, and which module of formats/ reads it.

The readers themselves are imported only once a trace is read: see _traces/read.py.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class _Known(NamedTuple):
    """What is said of a format, and the module in formats/ whose `read` reads it."""

    what: str
    module: str


_KNOWN: Final[Mapping[str, _Known]] = {
    "azure": _Known("Azure LLM inference trace of 2023, 2024 or 2025, CSV", "csv_traces"),
    "burstgpt": _Known("BurstGPT, CSV of any of its releases", "csv_traces"),
    "vidur": _Known("Vidur's processed traces, CSV", "csv_traces"),
    "splitwise": _Known("splitwise-sim's traces, CSV", "csv_traces"),
    "mooncake": _Known(
        "Mooncake, JSON lines with hash ids of 512 tokens, and sessions as of AIPerf and Dynamo", "json_traces"
    ),
    "bailian": _Known("Bailian (Qwen), JSON lines with hash ids of 16 tokens, and sessions", "json_traces"),
    "sharegpt": _Known("ShareGPT conversations or their lengths, JSON array or lines", "sharegpt"),
    "llmservingsim": _Known("LLMServingSim's workloads and measured runs, JSON lines", "llmservingsim"),
    "weka": _Known("agents' conversations as in Weka's kv-cache-tester, JSON, one or more objects", "weka"),
    "otel": _Known("OpenTelemetry's spans of model calls, OTLP as JSON, one or more documents", "otel"),
    "vllm": _Known("vllm bench serve --save-result --save-detailed, JSON, also with --append-result", "bench_results"),
    "sglang": _Known("SGLang bench_serving --output-details, JSON lines", "bench_results"),
    "inference-perf": _Known("inference-perf's per_request_lifecycle_metrics.json", "request_records"),
    "guidellm": _Known("GuideLLM's benchmarks.json", "request_records"),
    "aiperf": _Known("AIPerf's profile_export.jsonl", "request_records"),
    "genai-perf": _Known("GenAI-Perf's profile_export.json", "request_records"),
    "csv": _Known("CSV with named columns", "csv_traces"),
    "parquet": _Known("Parquet with named columns, or with conversations as in LMSYS-Chat-1M and WildChat", "parquet"),
    "json": _Known("objects with the names of those columns, JSON array or lines", "sharegpt"),
}

TRACE_FORMATS: Final[Mapping[str, str]] = {name: known.what for name, known in _KNOWN.items()}
"""The names of the formats that read_trace knows, and what each is."""

READERS: Final[Mapping[str, str]] = {name: known.module for name, known in _KNOWN.items()}
"""Which module in formats/ reads which format."""
