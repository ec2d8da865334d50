"""A measured fleet: llm-d's ladder of rates with four routers, simulated from names only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict

import numpy as np
import numpy.typing as npt
from batching import EngineConfig, RequestColumns, RooflineTime, deployment_memory, simulate_fleet

from measured_runs import Float64Array

FILE: Final = "llm_d_73_capacity.json"
MODEL: Final = "Qwen3-32B"
GPU: Final = "H100-SXM"
BLOCK_SIZE: Final = 16
# What vLLM takes where nothing is said, for a server on a GPU with 70 GiB or more that is no A100: from its source.
MAX_NUM_SEQS: Final = 1024
MAX_NUM_BATCHED_TOKENS: Final = 8192
SCRAPED_EVERY: Final = 0.05
"""Seconds: as llm-d does."""
BETWEEN_STAGES: Final = 2.0
"""Seconds from the last end of a stage to the next stage: inference-perf waits for one, and begins one later."""
SEEDS: Final = (1, 2, 3)
KNEE: Final = 5.0
"""Seconds: the knee is the first rate of the ladder whose mean TTFT is more."""
SATURATED: Final = 40.0
"""Requests/s from which on output tokens/s are compared."""


class _Router(TypedDict, total=False):
    scorer: list[str]
    scorer_weight: list[float]
    use_kv_events: bool


@dataclass(frozen=True)
class Policy:
    """A router of the ladder: as the file, and as the library calls it."""

    name: str
    in_file: str
    router: Any
    settings: _Router


POLICIES: Final = (
    Policy(
        "precise",
        "precise-scheduling",
        "scorers",
        {"scorer": ["precise_prefix", "kv_usage", "queue"], "scorer_weight": [3, 2, 2], "use_kv_events": True},
    ),
    Policy("approximate", "estimated-scheduling", "scorers", {"scorer": ["kv_usage", "queue", "prefix"]}),
    Policy("random", "random-scheduling", "random", {}),
    Policy("load", "load-scheduling", "scorers", {"scorer": ["queue", "kv_usage"]}),
)
AWARE: Final = ("precise", "approximate")
BLIND: Final = ("random", "load")


@dataclass(frozen=True, eq=False)
class Climb:
    """What became of the ladder under one router: a value for each of its rates."""

    rates: Float64Array
    ttft: Float64Array
    """Seconds: the mean."""
    throughput: Float64Array
    """Output tokens a second."""
    cached: float | None = None
    """The share of the prompt tokens of all stages that the prefix caches had; None: not measured."""

    @property
    def knee(self) -> int:
        """Which rate is the knee; as many as there are rates: there is none."""
        over = np.append(self.ttft > KNEE, True)
        return int(over.argmax())

    @property
    def saturated(self) -> float:
        """Output tokens a second: the mean over the rates from SATURATED on."""
        return float(self.throughput[self.rates >= SATURATED].mean())


@dataclass(frozen=True)
class Ladder:
    """The measured fleet and its simulations, each by the name of the router."""

    measured: dict[str, Climb]
    simulated: dict[str, Climb]
    """With the KV blocks of the servers."""
    by_names: dict[str, Climb]
    """Also with the KV blocks that names alone give."""
    server_tokens: int
    """KV tokens of each replica."""
    tokens_by_names: int


def ladder(fleets: Path) -> Ladder | None:
    """Simulate it; None: it is not there."""
    path = fleets / FILE
    if not path.is_file():
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    memory = deployment_memory(
        MODEL, GPU, _gpus(told), max_num_seqs=MAX_NUM_SEQS, max_num_batched_tokens=MAX_NUM_BATCHED_TOKENS
    )
    tokens = int(told["kv_tokens_per_replica"])
    server, names = (
        {policy.name: _climb(told, policy, blocks) for policy in POLICIES}
        for blocks in (tokens // BLOCK_SIZE, memory.num_gpu_blocks)
    )
    return Ladder(
        measured={policy.name: _measured(told, policy) for policy in POLICIES},
        simulated=server,
        by_names=names,
        server_tokens=tokens,
        tokens_by_names=memory.num_gpu_blocks * BLOCK_SIZE,
    )


def _gpus(told: Mapping[str, Any]) -> int:
    return int(str(told["gpus_per_replica"]).split()[0])


def _measured(told: Mapping[str, Any], policy: Policy) -> Climb:
    named = [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]
    rows = sorted((row for row in named if row["policy"] == policy.in_file), key=lambda row: float(row["rate"]))

    def column(name: str) -> Float64Array:
        return np.array([float(row[name]) for row in rows])

    return Climb(column("rate"), column("ttft_mean_s"), column("output_tokens_per_s"))


def _climb(told: Mapping[str, Any], policy: Policy, blocks: int) -> Climb:
    """The mean over the seeds."""
    config = EngineConfig(
        max_num_seqs=MAX_NUM_SEQS,
        max_num_batched_tokens=MAX_NUM_BATCHED_TOKENS,
        num_gpu_blocks=blocks,
        block_size=BLOCK_SIZE,
        enable_prefix_caching=True,
        iteration_time=RooflineTime.for_deployment(MODEL, GPU, _gpus(told)),
    )
    runs = [_run(told, policy, config, seed) for seed in SEEDS]
    return Climb(
        runs[0].rates,
        np.mean([run.ttft for run in runs], axis=0),
        np.mean([run.throughput for run in runs], axis=0),
        float(np.mean([run.cached for run in runs])),
    )


def _run(told: Mapping[str, Any], policy: Policy, config: EngineConfig, seed: int) -> Climb:
    """One climb. A stage begins when all of the stage before has ended, so it is found with all stages up to it.

    What comes later changes nothing of what was before: each run is the one before, and a stage more.
    """
    stream = np.random.default_rng(seed)
    prompts = _prompts(told["workload"], stream)
    output = int(told["workload"]["output_tokens"])
    replicas = int(told["replicas"])
    arrivals: list[Float64Array] = []
    asked: list[npt.NDArray[np.int64]] = []
    begin = 0.0
    rates, ttft, throughput = [], [], []
    cached = 0.0
    for rate, seconds in told["stages_rate_per_s_and_seconds"]:
        times = begin + _arrivals(stream, rate, int(rate * seconds))
        arrivals.append(times)
        # The prompts are asked in one order, from the first in each stage.
        asked.append(np.arange(len(times)) % len(prompts))
        hashes = prompts[np.concatenate(asked)]
        count, width = hashes.shape
        requests = RequestColumns(
            np.full(count, output, np.int32),
            np.full(count, width * BLOCK_SIZE, np.int32),
            np.concatenate(arrivals),
            hash_ids=hashes.ravel(),
            hash_offsets=np.arange(count + 1, dtype=np.int64) * width,
            hash_block_size=BLOCK_SIZE,
        )
        result = simulate_fleet(
            requests,
            config,
            replicas=replicas,
            router=policy.router,
            metrics_interval=SCRAPED_EVERY,
            seed=seed,
            **policy.settings,
        )
        first, end = (column[count - len(times) :] for column in (result.first_token_time, result.end_time))
        rates.append(float(rate))
        ttft.append(float((first - times).mean()))
        throughput.append(output * len(times) / float(end.max() - times[0]))
        cached = float(result.replicas.prefix_cache_hits.sum() / result.replicas.prefix_cache_queries.sum())
        begin = float(end.max()) + BETWEEN_STAGES
    # The first stage warms the caches up.
    return Climb(np.array(rates[1:]), np.array(ttft[1:]), np.array(throughput[1:]), cached)


def _prompts(workload: Mapping[str, Any], stream: np.random.Generator) -> npt.NDArray[np.int64]:
    """The hash ids of each prompt, a row each, shuffled: those of its group's system prompt, and its question's own."""
    groups, each = int(workload["groups"]), int(workload["prompts_per_group"])
    shared, own = (int(workload[name]) // BLOCK_SIZE for name in ("system_prompt_tokens", "question_tokens"))
    prompt = np.arange(groups * each)
    system = (prompt // each)[:, None] * shared + np.arange(shared)
    question = groups * shared + prompt[:, None] * own + np.arange(own)
    return stream.permutation(1 + np.hstack([system, question]))


def _arrivals(stream: np.random.Generator, rate: float, count: int) -> Float64Array:
    """Seconds since the beginning of the stage, as inference-perf makes them.

    Each second has a Poisson number of requests, whose gaps are exponential and scaled to fill it.
    """
    times: list[Float64Array] = []
    second = 0
    made = 0
    while made < count:
        requests = int(stream.poisson(rate))
        gaps = stream.exponential(size=requests)
        if requests:
            times.append(second + np.cumsum(gaps) / gaps.sum())
        made += requests
        second += 1
    return np.concatenate(times)[:count]
