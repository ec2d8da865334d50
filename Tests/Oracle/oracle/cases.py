"""Random workloads and configurations for the engines, with small numbers, so that everything collides: blocks run out,
budgets cut, priorities tie, prefixes are shared, arrivals fall on the ends of iterations.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from hypothesis import strategies as st

from oracle.blocks import blocks_for
from oracle.engine import SlowAffineTime, SlowOptions, SlowWorkload
from oracle.records import SlowIteration
from oracle.simulators import seconds

T = TypeVar("T")

STEP = 10_000_000
"""Nanoseconds; what an iteration of 0.01 s takes."""

# Each has a part that rounding decides: of the sum in double, or of the nanoseconds.
AFFINE_TIMES = [
    SlowAffineTime(base=0.005, per_prefill_token=2e-05, per_decode_token=5e-05),
    SlowAffineTime(base=0.0, per_prefill_token=1.1e-06, per_decode_token=3.3e-06, per_context_token=1.7e-07),
    SlowAffineTime(base=0.0031, per_context_token=1.25e-07, per_prefill_context=2.1e-09),
    SlowAffineTime(base=1e-09, per_decode_token=5e-10, per_context_token=5e-10),
    SlowAffineTime(per_prefill_token=0.1, per_decode_token=0.3, per_prefill_context=0.7),
]


class Source(Protocol):
    """Where decisions come from: from Hypothesis, which makes failures small, or from a seed."""

    def integer(self, least: int, most: int) -> int: ...
    def choice(self, options: Sequence[T]) -> T: ...


class SeededSource:
    """Decisions of a seeded generator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  reproducible, not secret

    def integer(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def choice(self, options: Sequence[T]) -> T:
        return self._random.choice(options)


class DrawnSource:
    """Decisions of Hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, least: int, most: int) -> int:
        return self._draw(st.integers(least, most))

    def choice(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))


@dataclass(frozen=True)
class Scale:
    """What the cases are chosen from."""

    sizes: Sequence[int]
    """Requests in a case."""
    lengths: Sequence[tuple[int, int]]
    """The longest prompt and the longest output."""
    rooms: Sequence[int]
    """How many of the longest requests KV memory has room for, about."""


SMALL = Scale([1, 2, 3, 4, 6, 9, 14, 20], [(4, 4), (12, 8), (4, 20), (12, 30), (30, 8), (60, 5)], [1])
LARGE = Scale([50, 120, 300], [(12, 30), (60, 5), (20, 250), (200, 60)], [2, 4, 8, 20])


@dataclass
class Case:
    """What to simulate, and how."""

    workload: SlowWorkload
    options: SlowOptions


def callback_time(iteration: SlowIteration) -> float:
    """Depends on everything that a time model is told; never the same twice in a row."""
    work = iteration.prefill_tokens + 2 * iteration.decode_tokens + 3 * iteration.context_tokens
    state = iteration.running + 5 * iteration.waiting + 7 * iteration.kv_blocks_used + 11 * iteration.preemptions
    return 1e-06 * (work + state + iteration.number % 3) + 1e-07 * iteration.prefill_context + 1e-03 * iteration.time


def a_case(source: Source, scale: Scale = SMALL) -> Case:
    longest = source.choice(scale.lengths)
    options = _options(source, longest, source.choice(scale.rooms))
    return Case(_workload(source, options, longest, source.choice(scale.sizes)), options)


def _options(source: Source, longest: tuple[int, int], room: int) -> SlowOptions:
    policy = source.choice(["vllm", "vllm", "vllm", "vllm", "static", "dynamic", "continuous", "orca"])
    vllm = policy == "vllm"
    max_num_seqs = source.choice([1, 2, 3, 4, 5, 8, 300])
    block_size = source.choice([1, 2, 3, 4, 8, 16])
    is_limited = source.choice([True, True, True, False])
    # Beside the null block.
    about = 1 + room * blocks_for(sum(longest), block_size)
    num_gpu_blocks = max(2, about + source.choice([-2, -1, -1, 0, 0, 0, 1, 2, 3, 5]))
    admit_oversized = source.choice([False, False, False, True])
    iteration_limit = source.choice([None] * 15 + [1, 7, 20, 50])
    if admit_oversized and iteration_limit is None:
        # A livelock goes on until the last arrival, and at least a hundred rounds.
        iteration_limit = 2000
    caching = vllm and is_limited and source.choice([True, True, False])
    instant_prefill = not caching and source.choice([True, False, False, False, False])
    times: list[float | SlowAffineTime | Callable[[SlowIteration], float]]
    times = [0.01, 0.01, 0.01, 0.01, seconds(1), callback_time]
    return SlowOptions(
        policy=policy,
        queue_order=source.choice(["arrival", "arrival", "priority", "priority", "shortest_output"]),
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max(max_num_seqs, source.choice([1, 2, 3, 4, 5, 7, 8, 11, 16, 24, 64, 2048])),
        long_prefill_token_threshold=source.choice([0, 0, 0, 1, 2, 3, 5, 8, 13]),
        max_model_len=source.choice([None, None, None, 10, 24, 40]),
        enable_chunked_prefill=source.choice([True, True, False]),
        scheduler_reserve_full_isl=source.choice([True, True, False]),
        async_scheduling=source.choice([True, False]),
        instant_prefill=instant_prefill,
        max_queue_delay=seconds(source.choice([0, 1, STEP // 2, STEP, 3 * STEP, 20 * STEP])),
        num_gpu_blocks=num_gpu_blocks if is_limited else None,
        block_size=block_size,
        enable_prefix_caching=caching,
        watermark=source.choice([0.0, 0.0, 0.0, 0.0, 0.01, 0.1, 0.3, 0.99]),
        admit_oversized=admit_oversized,
        iteration_time=source.choice([*times, *AFFINE_TIMES, *AFFINE_TIMES]),
        time_limit=source.choice([None] * 20 + [seconds(1), seconds(5 * STEP), seconds(30 * STEP + 1)]),
        iteration_limit=iteration_limit,
    )


def _workload(source: Source, options: SlowOptions, longest: tuple[int, int], count: int) -> SlowWorkload:
    longest_prompt, longest_output = longest
    spread = source.choice([0, 0, 0, 1, 4, 12, 40])
    # A few values, so that there are ties.
    arrivals = [
        max(0, source.integer(0, spread) * STEP + source.choice([0, 0, 0, STEP // 2, 1, -1])) for _ in range(count)
    ]
    workload = SlowWorkload(
        output_length=[source.integer(1, longest_output) for _ in range(count)],
        prompt_length=[source.integer(0, longest_prompt) for _ in range(count)],
        arrival_time=[seconds(arrival) for arrival in arrivals],
    )
    if source.choice([True, True, False]):
        workload.priority = [source.choice([0, 0, 1, -1, 2]) for _ in range(count)]
    if source.choice([True, False]):
        workload.tie_break = [source.integer(-2, 2) for _ in range(count)]
    if options.enable_prefix_caching and source.choice([True, True, True, False]):
        _share_prefixes(source, workload, options.block_size, longest)
    if source.choice([True, True, False]):
        workload.max_tokens = [length + source.choice([0, 0, 1, 2, 30]) for length in workload.output_length]
    if source.choice([True, False]):
        workload.abort_time = [_abort_time(source, arrival, longest_output) for arrival in arrivals]
    return workload


def _abort_time(source: Source, arrival: int, longest_output: int) -> float:
    """Never; with the arrival; as an iteration ends, or about then; in the middle of one."""
    if source.choice([True, False]):
        return math.nan
    stays = source.integer(0, longest_output) * STEP
    return seconds(max(arrival, arrival + stays + source.choice([0, 0, 1, -1, STEP // 2, STEP // 3])))


def _share_prefixes(source: Source, workload: SlowWorkload, block_size: int, longest: tuple[int, int]) -> None:
    """Families of requests with the same first tokens: some as long as a turn of a conversation, some in part."""
    workload.hash_covers_output = source.choice([True, False])
    finer = [tokens for tokens in (1, 2, 3, 4, 8) if tokens < block_size and block_size % tokens == 0]
    workload.hash_block_size = source.choice([0, block_size, 2 * block_size, 3 * block_size, *finer])
    tokens_per_hash = workload.hash_block_size or block_size
    places = blocks_for(sum(longest), tokens_per_hash) + 1
    # An id says nothing without its place: one family has the same at all of them.
    families = [[7] * places, list(range(10, 10 + places)), list(range(-places, 0))]
    columns = []
    for index in range(len(workload.output_length)):
        family = source.choice(families)
        shared = source.choice([places, places, source.integer(0, places)])
        ids = family[:shared] + [1000 * (index + 1) + place for place in range(shared, places)]
        # Fewer ids than tokens, or more.
        columns.append(ids[: source.choice([places, places, source.integer(0, places)])])
        if index > 0 and source.choice([True, False, False]):
            # The next turn: what came before, and more.
            columns[index] = columns[index - 1] + columns[index][len(columns[index - 1]) :]
            prompt = workload.prompt_length[index - 1] + workload.output_length[index - 1]
            lengths = list(workload.prompt_length)
            lengths[index] = min(prompt, longest[0] + longest[1])
            workload.prompt_length = lengths
    workload.hash_ids = columns


cases: st.SearchStrategy[Case] = st.composite(lambda draw: a_case(DrawnSource(draw)))()
