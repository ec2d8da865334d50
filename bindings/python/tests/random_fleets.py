"""Random fleets with everything that a fleet can have."""

import random
from typing import Any

from batching import Admission, Client, Disaggregation, EngineConfig, Fault, Faults, RequestColumns, Scaling

_ROUTERS = [
    "round_robin",
    "random",
    "least_requests",
    "least_tokens",
    "dynamo_kv",
    "vllm_dp",
    "scorers",
    "cache_aware",
    "estimated_ttft",
    "estimated_e2e",
]


def random_engine(draw: random.Random, block_size: int) -> EngineConfig:
    policy = draw.choice(["vllm", "vllm", "vllm", "continuous"])
    blocks = draw.choice([None, 8, 30, 200])
    slots = draw.choice([1, 2, 8])
    return EngineConfig(
        policy=policy,  # type: ignore[arg-type]
        max_num_seqs=slots,
        max_num_batched_tokens=draw.choice([8, 32, 2048]),
        block_size=block_size,
        num_gpu_blocks=blocks,
        iteration_time=draw.choice([0.0, 1e-9, 0.01, 0.05]),
        async_scheduling=policy == "vllm" and draw.random() < 0.5,
        admit_oversized=draw.random() < 0.2,
        queue_order=draw.choice(["arrival", "priority", "shortest_output"]),
        enable_prefix_caching=policy == "vllm" and blocks is not None and draw.random() < 0.6,
    )


def random_requests(draw: random.Random, block_size: int) -> RequestColumns:
    count = draw.randint(1, 30)
    prompts = [draw.randint(1, 60) for _ in range(count)]
    ids: list[int] = []
    offsets = [0]
    for prompt in prompts:
        first = 1000 * draw.randint(0, 2)
        ids += range(first, first + prompt // block_size)
        offsets.append(len(ids))
    return RequestColumns(
        prompt_length=prompts,
        output_length=[draw.randint(1, 20) for _ in range(count)],
        arrival_time=sorted(draw.choice([0.0, 0.01 * draw.randint(0, 50), draw.random()]) for _ in range(count)),
        priority=[draw.randint(0, 2) for _ in range(count)],
        session=[draw.randint(0, 5) for _ in range(count)] if draw.random() < 0.3 else None,
        hash_ids=ids,
        hash_offsets=offsets,
        hash_block_size=block_size,
    )


def random_routing(draw: random.Random) -> dict[str, Any]:
    router = draw.choice(_ROUTERS)
    settings: dict[str, Any] = {
        "router": router,
        "kv_event_lag": draw.choice([0.0, 0.01, 0.5]),
        "routing_delay": draw.choice([0.0, 0.003, 0.1]),
        "attribution": draw.random() < 0.4,
    }
    if draw.random() < 0.3:
        settings["client"] = Client(max_concurrency=draw.randint(1, 5))
    if router == "scorers" and draw.random() < 0.5:
        settings["scorer"] = ["precise_prefix", "queue"]
    if router == "dynamo_kv" and draw.random() < 0.5:
        settings |= {"queue_threshold": draw.choice([0.0, 0.5, 2.0]), "max_num_batched_tokens": 16}
    return settings


def random_disaggregation(draw: random.Random) -> Disaggregation:
    return Disaggregation(
        preset=draw.choice(["dynamo", "vllm_nixl", "sglang_pd", "llm_d"]),
        decider=draw.choice(["preset", "always", "never", "prefix_threshold", "dynamo_conditional"]),
        decode_choice=draw.choice(["preset", "after_prefill", "at_arrival"]),
        transfer_tokens=draw.choice(["preset", "full", "missing"]),
        overlap=draw.choice(["preset", "none", "chunk", "layer"]),
        reserve=draw.choice(["preset", "start", "admission", "prefill"]),
        source_release=draw.choice(["preset", "activation", "read_done"]),
        first_token=draw.choice(["preset", "prefill", "decode"]),
        sharing=draw.choice(["none", "source", "pair"]),
        kv_bytes_per_token=draw.choice([0.0, 1000.0]),
        link_bandwidth=draw.choice([1e4, 1e6]),
        link_latency=draw.choice([0.0, 0.01]),
        decider_tokens=draw.choice([None, 0, 5, 50]),
        reserved_decode_tokens=draw.choice([None, 0, 10]),
        lease=draw.choice([None, None, 0.01, 1.0]),
        layers=draw.choice([1, 10]),
    )


def random_operations(draw: random.Random, replicas: int, *, apart: bool = False) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if draw.random() < 0.7:
        given["admission"] = Admission(
            max_in_flight=draw.choice([None, 3, 20]),
            max_queued_tokens=draw.choice([None, 50]),
            bucket_capacity=draw.choice([None, 5.0]),
            bucket_rate=10.0,
            ttft_timeout=draw.choice([None, 0.01, 1.0]),
            e2e_timeout=draw.choice([None, 0.2]),
            retries=draw.choice([0, 1, 5]),
            retries_elsewhere=draw.random() < 0.5,
            breaker_failures=draw.choice([None, 1, 3]),
            breaker_window=draw.choice([0.01, 1.0]),
            breaker_open_time=draw.choice([0.02, 0.3]),
            breaker_successes=draw.choice([1, 2]),
            shed_priority=draw.choice([None, 1]),
            max_queued_requests=draw.choice([None, 1, 10]),
            queue_timeout=draw.choice([None, 0.02, 0.3]),
        )
    if draw.random() < 0.7:
        faults = [
            Fault(draw.random(), draw.randrange(replicas), draw.choice(["down", "up", "slow"]), 2.0)
            for _ in range(draw.randint(0, 6))
        ]
        given["faults"] = Faults(
            given=faults,
            mean_up_time=draw.choice([None, 0.3]),
            mean_down_time=draw.choice([0.0, 0.1]),
            notice_delay=draw.choice([0.0, 0.05]),
        )
    if draw.random() < 0.5:
        given["scaling"] = _random_scaling(draw)
    if apart and draw.random() < 0.5:
        given["decode_scaling"] = _random_scaling(draw)
    return given


def _random_scaling(draw: random.Random) -> Scaling:
    return Scaling(
        "hpa",
        target=draw.choice([1, 4]),
        interval=draw.choice([0.05, 1.0]),
        startup_time=draw.choice([0.0, 0.1]),
        min_replicas=draw.choice([0, 1]),
        scaling_metric=draw.choice(["waiting", "running", "in_flight"]),
    )
