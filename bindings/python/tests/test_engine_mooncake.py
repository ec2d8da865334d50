"""Mooncake's conversations, a real trace with prefix caching: it runs to its end, and begins as in the slow engine."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import AffineTime, EndReason, RequestColumns, RequestStatus, simulate
from oracle.cases import Case
from oracle.comparison import assert_same_run
from oracle.engine import SlowOptions, SlowWorkload
from oracle.times import SlowAffineTime

DATA = os.environ.get("BATCHING_DATA", "")
TRACE = Path(DATA) / "traces" / "mooncake_conversation_trace.jsonl.gz"

needs_trace = pytest.mark.skipif(
    not DATA or not TRACE.is_file(),
    reason="needs Mooncake's conversation trace, in the directory that BATCHING_DATA names",
)

HASHED = 512
"""Tokens that one of the trace's hash ids stands for."""


def rows() -> list[dict[str, Any]]:
    with gzip.open(TRACE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def ideal_hits(requests: list[dict[str, Any]]) -> int:
    """Tokens found where nothing is ever evicted and each request comes when those before it are done: blocks of 16 up
    to the end of the last id that it has in common with an earlier one, and never its last token. A last id stands for
    as many tokens as are left of the prompt.
    """
    kept: dict[int, int] = {}  # by id: where the last full block that it stands for ends
    tokens = 0
    for request in requests:
        ids, prompt = request["hash_ids"], request["input_length"]
        hit = 0
        for place, item in enumerate(ids):
            hit = max(hit, kept.get(item, 0))
            if hit < (place + 1) * HASHED:
                break
        tokens += min(hit, (prompt - 1) // 16 * 16)
        for place, item in enumerate(ids):
            kept[item] = max(kept.get(item, 0), min((place + 1) * HASHED, prompt // 16 * 16))
    return tokens


def columns(requests: list[dict[str, Any]], arrivals: Any) -> RequestColumns:
    return RequestColumns(
        [request["output_length"] for request in requests],
        [request["input_length"] for request in requests],
        arrivals,
        hash_ids=[request["hash_ids"] for request in requests],
        hash_block_size=HASHED,
    )


@needs_trace
def test_the_whole_trace_runs_to_its_end() -> None:
    requests = rows()
    assert len(requests) == 12_031  # as its README says
    arrivals = np.array([request["timestamp"] for request in requests]) / 1000
    # Room for four of its longest prompts.
    result = simulate(
        columns(requests, arrivals),
        max_num_seqs=256,
        max_num_batched_tokens=8192,
        num_gpu_blocks=4 * 128_000 // 16,
        enable_prefix_caching=True,
        iteration_time=AffineTime(base=0.005, per_prefill_token=2e-05, per_decode_token=5e-05),
    )
    assert result.end_reason is EndReason.COMPLETED
    assert (result.status == RequestStatus.FINISHED).all()
    outputs = [request["output_length"] for request in requests]
    assert result.tokens_generated.tolist() == outputs
    assert result.total_tokens == sum(outputs)
    assert sorted(result.completion_order.tolist()) == list(range(len(requests)))
    prompts = np.array([request["input_length"] for request in requests])
    assert result.prefix_cache_queries == prompts.sum()
    # What is found is less than what would be if nothing were evicted.
    assert 0 < result.prefix_cache_hits < ideal_hits(requests)
    assert (arrivals <= result.start_time).all()
    assert (result.start_time < result.first_token_time).all()
    assert (result.first_token_time <= result.end_time).all()


@needs_trace
def test_all_is_found_where_nothing_is_evicted_and_no_request_waits() -> None:
    requests = rows()[:2_000]
    # An hour for each, and blocks for all of them.
    arrivals = 3600.0 * np.arange(len(requests))
    tokens = sum(request["input_length"] + request["output_length"] for request in requests)
    result = simulate(
        columns(requests, arrivals), num_gpu_blocks=tokens // 16 + len(requests), enable_prefix_caching=True
    )
    assert result.prefix_cache_hits == ideal_hits(requests)


@needs_trace
@pytest.mark.parametrize("async_scheduling", [False, True])
def test_the_trace_begins_as_with_the_slow_engine(async_scheduling: bool) -> None:
    requests = rows()[:150]
    workload = SlowWorkload(
        output_length=[request["output_length"] for request in requests],
        prompt_length=[request["input_length"] for request in requests],
        arrival_time=[request["timestamp"] / 1000 for request in requests],
        hash_ids=[request["hash_ids"] for request in requests],
        hash_block_size=HASHED,
    )
    # Blocks for the longest of them and one more such, so that they preempt each other and evict.
    longest = max(request["input_length"] + request["output_length"] for request in requests)
    options = SlowOptions(
        max_num_seqs=16,
        max_num_batched_tokens=8192,
        num_gpu_blocks=2 * longest // 256,
        block_size=256,
        enable_prefix_caching=True,
        async_scheduling=async_scheduling,
        iteration_time=SlowAffineTime(base=0.005, per_prefill_token=2e-05, per_decode_token=5e-05),
    )
    result = assert_same_run(Case(workload, options))
    assert result.finished == len(requests)
    for event in ("preempted", "evicted", "cut by the budget"):
        assert result.seen[event] > 0, event
    assert result.prefix_cache_hits > 0
