"""Every argument of `simulate`, with everything that it must not be: the error names the argument and the value."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from batching import AffineTime, BatchingMemoryError, BatchingValueError, RequestColumns, simulate
from test_bad_input import COLUMNS, NO_NUMBERS, NO_TIMES, refused

Call = Callable[[Any], object]


def argument(name: str, **others: Any) -> Call:
    return lambda value: simulate(COLUMNS, **{name: value}, **others)


def affine(term: str) -> Call:
    return lambda value: simulate(COLUMNS, iteration_time=AffineTime(**{term: value}))


# The least and the most that are allowed.
INTEGERS: list[tuple[str, int, int]] = [
    ("max_num_seqs", 1, 2_000_000_000),
    ("max_num_batched_tokens", 256, 2_000_000_000),  # as many as max_num_seqs
    ("long_prefill_token_threshold", 0, 2_000_000_000),
    ("max_model_len", 1, 2**63 - 1),
    ("num_gpu_blocks", 2, 2_000_000_000),
    ("block_size", 1, 65_536),
    ("iteration_limit", 1, 2**63 - 1),
    ("progress_interval", 1, 2**63 - 1),
]
OR_NONE = {"max_num_batched_tokens", "max_model_len", "num_gpu_blocks", "iteration_limit"}
TERMS = ["base", "per_prefill_token", "per_decode_token", "per_context_token", "per_prefill_context"]
TIMES: list[tuple[str, Call]] = [
    ("max_queue_delay", argument("max_queue_delay", policy="dynamic")),
    ("iteration_time", argument("iteration_time")),
    *((f"iteration_time.{term}", affine(term)) for term in TERMS),
]
NUMBERS = [*TIMES, ("watermark", argument("watermark")), ("time_limit", argument("time_limit"))]
SWITCHES = [
    "enable_chunked_prefill",
    "scheduler_reserve_full_isl",
    "async_scheduling",
    "instant_prefill",
    "enable_prefix_caching",
    "admit_oversized",
    "log_iterations",
    "log_decisions",
    "log_queues",
]


@pytest.mark.parametrize("name", [name for name, _, _ in INTEGERS])
def test_what_is_no_integer(name: str) -> None:
    for value in [*NO_NUMBERS, 1.0, math.nan, np.float64(1.0)]:
        if value is not None or name not in OR_NONE:
            assert refused(argument(name), name, value, TypeError).endswith("must be an integer")


@pytest.mark.parametrize(("name", "least", "most"), INTEGERS)
def test_integers_out_of_range(name: str, least: int, most: int) -> None:
    for value in [least - 1, -1, -(2**63), -(10**5000), most + 1, 2**63, 10**5000]:
        sentence = refused(argument(name), name, value, ValueError)
        if abs(value) <= 2**63:
            assert sentence.startswith(f"{name} is {value}: must be ")
    argument(name)(least)
    argument(name)(np.int64(least))
    if name == "max_num_seqs":
        simulate(COLUMNS, max_num_seqs=most, max_num_batched_tokens=most)
    else:
        argument(name)(most)


@pytest.mark.parametrize(("name", "call"), NUMBERS)
def test_what_is_no_number(name: str, call: Call) -> None:
    for value in NO_NUMBERS:
        if value is None and name == "time_limit":
            continue  # no limit
        assert refused(call, name, value, TypeError).endswith("must be a number")


@pytest.mark.parametrize(("name", "call"), [*TIMES, ("time_limit", argument("time_limit"))])
def test_times_out_of_range(name: str, call: Call) -> None:
    for value in [*NO_TIMES, 2**1024]:
        refused(call, name, value, ValueError)
    call(1e-9)
    call(np.float32(0.5))
    call(1)


@pytest.mark.parametrize("call", [call for _, call in TIMES], ids=[name for name, _ in TIMES])
def test_times_may_be_zero(call: Call) -> None:
    call(0.0)
    call(0)
    call(-0.0)


def test_a_time_limit_of_zero_is_none_at_all() -> None:
    for value in (0, 0.0, -0.0):
        refused(argument("time_limit"), "time_limit", value, ValueError)


def test_watermarks_out_of_range() -> None:
    call = argument("watermark", num_gpu_blocks=100)
    for value in [1.0, 1, -5e-324, -1.0, math.nan, math.inf, -math.inf, 2**1024]:
        refused(call, "watermark", value, ValueError)
    call(0)
    call(math.nextafter(1.0, 0.0))


@pytest.mark.parametrize("name", SWITCHES)
def test_switches_are_true_or_false(name: str) -> None:
    for value in [None, 0, 1, 1.0, "True", [], np.array([True]), object()]:
        assert refused(argument(name), name, value, TypeError).endswith("must be True or False")
    argument(name, num_gpu_blocks=100)(np.bool_(False))
    argument(name, num_gpu_blocks=100)(np.bool_(True))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("policy", "'vllm', 'static', 'dynamic', 'continuous', 'orca', or a function"),
        ("queue_order", "'arrival', 'priority', 'shortest_output'"),
    ],
)
def test_words_are_those_that_there_are(name: str, known: str) -> None:
    for value in ["", "vLLM", "fcfs", "x" * 1000]:
        assert refused(argument(name), name, value, ValueError).endswith(f"must be one of {known}")
    for other in [None, 0, b"vllm", ["vllm"], True]:
        assert refused(argument(name), name, other, TypeError).endswith(f"must be one of {known}")


def test_progress_is_a_function_or_none() -> None:
    for value in [0, "print", [print], True]:
        assert refused(argument("progress"), "progress", value, TypeError).endswith("must be a function or None")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"max_num_seqs": 9, "max_num_batched_tokens": 8}, "max_num_batched_tokens is 8: .* max_num_seqs, which is 9"),
        ({"enable_prefix_caching": True}, "enable_prefix_caching is True: must be False without num_gpu_blocks"),
        (
            {"enable_prefix_caching": True, "num_gpu_blocks": 9, "policy": "orca"},
            "enable_prefix_caching is True: must be False for every policy but vllm and custom",
        ),
        (
            {"enable_prefix_caching": True, "num_gpu_blocks": 9, "instant_prefill": True},
            "enable_prefix_caching is True: must be False with instant_prefill",
        ),
    ],
)
def test_arguments_that_contradict_each_other(arguments: Any, sentence: str) -> None:
    with pytest.raises(BatchingValueError, match=sentence):
        simulate(COLUMNS, **arguments)


def test_hash_ids_stand_for_whole_blocks() -> None:
    columns = RequestColumns([1, 1], hash_ids=[[1], [2]], hash_block_size=24)
    with pytest.raises(
        BatchingValueError, match="hash_block_size is 24: must be a multiple of block_size, which is 16, or divide it"
    ):
        simulate(columns, num_gpu_blocks=9, enable_prefix_caching=True)
    simulate(columns, num_gpu_blocks=9, block_size=8, enable_prefix_caching=True)


def test_the_clock_cannot_pass_its_end() -> None:
    # COLUMNS take three iterations of the last arrival's request after 1.0 s.
    with pytest.raises(BatchingValueError, match=r"iteration 1 takes 9223372036\.0 seconds: the clock would pass"):
        simulate(COLUMNS, iteration_time=9223372036.0)
    simulate(RequestColumns([1]), iteration_time=9223372036.0)


def test_more_than_the_machine_holds_is_refused_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = RequestColumns(np.ones(100_000, np.int32))
    monkeypatch.setattr("os.sysconf", lambda _: 1000)
    with pytest.raises(BatchingMemoryError, match="the number of requests is 100000"):
        simulate(columns)


def test_arguments_have_names() -> None:
    with pytest.raises(TypeError):
        simulate(COLUMNS, "vllm")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="max_batch_size"):
        simulate(COLUMNS, max_batch_size=3)  # type: ignore[call-arg]
