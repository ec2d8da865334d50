"""Random workloads and configurations for the engines, with small numbers, so that everything collides: blocks run out,
budgets cut, priorities tie, prefixes are shared, arrivals fall on the ends of iterations. In half of the cases what is
sent depends on what ends: see client.py.
"""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from hypothesis import strategies as st

from oracle.blocks import blocks_for
from oracle.client import SlowClient
from oracle.engine import SlowOptions, SlowWorkload
from oracle.offload import SlowOffload
from oracle.records import SlowIteration
from oracle.simulators import nanoseconds, seconds
from oracle.times import SlowAffineTime, SlowRooflineTime, SlowTableTime, SlowTime

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
    SlowAffineTime(base=0.001, per_decode_token=1e-05, per_prefill_iteration=0.0021, per_prefill_chunk=3.7e-05),
    SlowAffineTime(base=0.01, per_prefill_token=1e-05, startup=0.0237),
]

# Of the small requests here all terms count: memory and arithmetic, contexts within the window and beyond it.
_DENSE = SlowRooflineTime(
    layers=3, linear_bytes=3e6, linear_flops=2e6, head_bytes=4e5, head_flops=5e5, kv_bytes=3e4, attention_flops=7e4,
    memory_bandwidth=1e9, linear_peak=1e9, head_peak=2e9, attention_peak=1.1e9, bandwidth_share=0.75, gemm_share=0.6,
    head_share=0.7, kv_share=0.72, attention_share=0.5, per_iteration=1e-3, per_layer=1.5e-5, per_sequence=5e-6,
    per_prefill_iteration=3e-4,
)  # fmt: skip
ROOFLINES = [
    _DENSE,
    replace(_DENSE, window_bytes=2e4, window=9, window_attention_flops=3e4),
    replace(
        _DENSE, experts=8, experts_per_token=2, expert_bytes=9e5, expert_flops=4e5, expert_peak=8e8,
        expert_bandwidth_share=0.5, expert_gemm_share=0.5, tensor_parallel=4, allreduce_bytes=3e3, link_bandwidth=1e8,
        link_share=0.5, allreduce_latency=8e-6,
    ),
    replace(_DENSE, kv_bytes=0, attention_flops=0, window_bytes=7e4, window=12.5, window_attention_flops=9e4),
]  # fmt: skip

# Places within what the requests here reach, below, and beyond; and parts that were not measured.
TABLES = [
    SlowTableTime(
        linear_tokens=[1, 4, 9, 30], linear_seconds=[0.003, 0.0031, 0.0049, 0.02], head_sequences=[2, 3],
        head_seconds=[0.0002, 0.0003], decode_sequences=[1, 3, 4], decode_contexts=[3, 20, 51],
        decode_seconds=[[0.0001, 0.0003, 0.0004], [0.0002, 0.0003, 0.0011], [0.0003, 0.0005, 0.0013]],
        prefill_tokens=[2, 7], prefill_contexts=[0, 5, 21], prefill_seconds=[[0.0003, 0.0004, 0.0009]] * 2,
        linear_scale=1.1, decode_scale=1.12, prefill_scale=0.9, per_iteration=0.001, per_sequence=1.7e-5,
        per_prefill_iteration=0.0007,
    ),
    SlowTableTime(
        linear_tokens=[5], linear_seconds=[0.004], decode_sequences=[2], decode_contexts=[6], decode_seconds=[[0.001]],
        prefill_tokens=[3.5], prefill_contexts=[0], prefill_seconds=[[0.002]], head_scale=2.0,
    ),
    SlowTableTime(head_sequences=[0, 8], head_seconds=[0.0, 0.008]),
]  # fmt: skip
TIMES: list[SlowTime] = [*AFFINE_TIMES, *ROOFLINES, *TABLES]


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
    client: SlowClient | None = None


def callback_time(iteration: SlowIteration) -> float:
    """Depends on everything that a time model is told; never the same twice in a row."""
    work = iteration.prefill_tokens + 2 * iteration.decode_tokens + 3 * iteration.context_tokens
    state = iteration.running + 5 * iteration.waiting + 7 * iteration.kv_blocks_used + 11 * iteration.preemptions
    state += 13 * iteration.prefill_chunks
    return 1e-06 * (work + state + iteration.number % 3) + 1e-07 * iteration.prefill_context + 1e-03 * iteration.time


def a_case(source: Source, scale: Scale = SMALL) -> Case:
    case = an_open_case(source, scale)
    kind = source.choice(["open", "open", "limited", "clients"])
    return case if kind == "open" else _closed(source, case, has_clients=kind == "clients")


def an_open_case(source: Source, scale: Scale = SMALL) -> Case:
    """Requests are sent when they arrive: a live engine takes no others."""
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
    times: list[float | SlowTime | Callable[[SlowIteration], float]]
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
        kv_offload=an_offload(source, block_size) if caching else None,
        iteration_time=source.choice([*times, *TIMES]),
        time_limit=source.choice([None] * 20 + [seconds(1), seconds(5 * STEP), seconds(30 * STEP + 1)]),
        iteration_limit=iteration_limit,
    )


def an_offload_case(source: Source, scale: Scale = SMALL) -> Case:
    """Requests that share prefixes, more of them than the memory of the GPU holds, which come one after the other."""
    longest = source.choice([(12, 8), (30, 8), (60, 5), (40, 20)])
    options = replace(
        _options(source, longest, source.choice(scale.rooms)),
        policy="vllm", instant_prefill=False, enable_prefix_caching=True, admit_oversized=False, time_limit=None,
        iteration_limit=None,
    )  # fmt: skip
    size = options.block_size
    options.num_gpu_blocks = 1 + blocks_for(sum(longest), size) + source.choice([0, 0, 1, 3, 9])
    while (offload := an_offload(source, size)) is None:
        pass
    options.kv_offload = offload
    workload = _workload(source, options, longest, source.choice([6, 9, 14, 20, 30]))
    workload.prompt_length = [length + source.integer(0, longest[0]) for length in workload.prompt_length]
    workload.arrival_time = [seconds(nanoseconds(time) * 3) for time in workload.arrival_time]
    workload.abort_time = None
    _share_prefixes(source, workload, size, (2 * longest[0], longest[1]))
    return Case(workload, options)


def an_offload(source: Source, block_size: int) -> SlowOffload | None:
    """Small tiers, and loads that take about as long as iterations."""
    host, disk = (source.choice([0, 1, 2, 3, 7, 20, 400]) for _ in range(2))
    if source.choice([True, False]):
        return None
    has_bytes = source.choice([True, True, True, False])
    bandwidths = [source.choice([0.0, 1e9, 1e8, 1e7, 3e6, 7e11]) if has_bytes else 0.0 for _ in range(4)]
    return SlowOffload(
        host_tokens=host and host * block_size + source.choice([0, block_size - 1]),
        host_read_bandwidth=bandwidths[0] if host else 0.0,
        host_write_bandwidth=bandwidths[1] if host else 0.0,
        disk_tokens=disk * block_size,
        disk_read_bandwidth=bandwidths[2] if disk else 0.0,
        disk_write_bandwidth=bandwidths[3] if disk else 0.0,
        kv_bytes_per_token=source.choice([4096.0, 33_333.3, 1e5]) if has_bytes else 0.0,
        loads_block=source.choice([True, False]),
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


def _closed(source: Source, case: Case, *, has_clients: bool) -> Case:
    """The same requests, some of them as turns of sessions, by a client that waits for what ends."""
    workload = case.workload
    has_sessions = source.choice([True, True, False])
    if has_sessions:
        workload.session = _sessions(source, len(workload.output_length))
        _order_turns(source, workload, workload.session)
        if workload.hash_ids is not None and source.choice([True, True, False]):
            _continue_prefixes(workload, workload.session)
    if source.choice([True, False]) and (has_sessions or has_clients):
        workload.delay = _delays(source, workload, has_clients=has_clients)
    if has_sessions and not has_clients and source.choice([True, False, False, False]):
        return case
    max_concurrency = source.choice([1, 2, 2, 3, 4, 6, 10, max(1, len(workload.output_length) // 2)])
    client = SlowClient(
        max_concurrency=source.choice([0, 0, 0, max_concurrency]) if has_clients else max_concurrency,
        sessions_go_on=source.choice([False, False, True]),
    )
    if has_clients:
        client = replace(
            client,
            clients=source.choice([1, 2, 3, 3, 5, 8, 400]),
            ramp_up=seconds(source.choice([0, 0, 1, STEP, 3 * STEP + 1, 20 * STEP])),
            think_time=seconds(source.choice([0, 0, 1, STEP // 2, STEP, STEP, 4 * STEP])),
            think_times=source.choice(["constant", "constant", "constant", "exponential", "lognormal"]),
            seed=source.integer(0, 3),
        )
        if client.think_times == "lognormal":
            client = replace(client, think_time_sigma=source.choice([0.0, 0.5, 2.0]))
    return Case(workload, case.options, client)


def _sessions(source: Source, count: int) -> list[int]:
    """Some short, some long, their turns mixed, or one after the other."""
    most = source.choice([1, 2, 3, max(1, count // 2)])
    sessions = [source.choice([-5, 7, 2**40, *range(most)]) for _ in range(count)]
    return sorted(sessions) if source.choice([True, False, False]) else sessions


def _turns(session: Sequence[int]) -> list[list[int]]:
    turns: dict[int, list[int]] = {}
    for index, own in enumerate(session):
        turns.setdefault(own, []).append(index)
    return list(turns.values())


def _order_turns(source: Source, workload: SlowWorkload, session: Sequence[int]) -> None:
    """No turn can arrive before the one before it: they have one time, or their own, sorted. None leaves before it."""
    arrivals = [nanoseconds(time) for time in workload.arrival_time]
    for turns in _turns(session):
        times = sorted(arrivals[turn] for turn in turns)
        has_one_time = source.choice([True, False])
        for turn, time in zip(turns, times, strict=True):
            arrivals[turn] = times[0] if has_one_time else time
    if workload.abort_time is not None:
        # Later turns are sent later, and may never be: some clients leave in time, others long before.
        aborts = [max(time, seconds(arrivals[index])) for index, time in enumerate(workload.abort_time)]
        for turns in _turns(session):
            for place, turn in enumerate(turns):
                later = place * source.choice([0, STEP, 4 * STEP, 4 * STEP])
                if not math.isnan(aborts[turn]):
                    aborts[turn] = seconds(nanoseconds(aborts[turn]) + later)
        workload.abort_time = aborts
    workload.arrival_time = [seconds(time) for time in arrivals]


def _delays(source: Source, workload: SlowWorkload, *, has_clients: bool) -> list[float]:
    """None; as long as an iteration, or about that; and some that end in the middle of one."""
    count = len(workload.output_length)
    delays = [seconds(source.choice([0, 0, 1, STEP // 2, STEP - 1, STEP, 3 * STEP, 30 * STEP])) for _ in range(count)]
    if not has_clients:
        for turns in _turns(workload.session or range(count)):
            delays[turns[0]] = 0.0
    return delays


def _continue_prefixes(workload: SlowWorkload, session: Sequence[int]) -> None:
    """Each turn begins with all of the turn before: with its prompt, and what was answered."""
    assert workload.hash_ids is not None
    ids, prompts = [list(own) for own in workload.hash_ids], list(workload.prompt_length)
    longest = max(prompts) + max(workload.output_length)
    for turns in _turns(session):
        for before, turn in itertools.pairwise(turns):
            ids[turn] = ids[before] + ids[turn][len(ids[before]) :]
            prompts[turn] = min(longest, prompts[before] + workload.output_length[before] + prompts[turn] % 3)
    workload.hash_ids, workload.prompt_length = ids, prompts


cases: st.SearchStrategy[Case] = st.composite(lambda draw: a_case(DrawnSource(draw)))()
