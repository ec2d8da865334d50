"""The fast fleet against a slow one, bit for bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from batching import AffineTime, EngineConfig, RequestColumns, simulate_fleet
from slow_fleet import Dynamo, Least, RoundRobin, Rule, slow_fleet

_CASES = 60
_RULES: dict[str, Callable[[int], Rule]] = {
    "round_robin": RoundRobin,
    "least_requests": lambda replicas: Least(replicas, counts_tokens=False),
    "least_tokens": lambda replicas: Least(replicas, counts_tokens=True),
    "dynamo_kv": lambda replicas: Dynamo(replicas, 16),
}


def _config(random: np.random.Generator) -> EngineConfig:
    policy = ("vllm", "vllm", "vllm", "continuous", "orca", "dynamic")[int(random.integers(6))]
    # The longest request has 8 blocks.
    blocks = None if random.integers(2) else int(random.integers(10, 30))
    settings: dict[str, Any] = {}
    if policy == "vllm":
        settings = {
            "async_scheduling": bool(random.integers(2)),
            "enable_prefix_caching": blocks is not None and bool(random.integers(2)),
            "max_num_batched_tokens": int(random.integers(16, 128)),
        }
    if policy == "dynamic":
        settings = {"max_queue_delay": 0.05}
    return EngineConfig(
        policy=policy,  # type: ignore[arg-type]
        max_num_seqs=int(random.integers(1, 9)),
        num_gpu_blocks=blocks,
        iteration_time=AffineTime(base=0.01, per_prefill_token=1e-4, per_context_token=1e-6 * int(random.integers(2))),
        **settings,
    )


def _requests(random: np.random.Generator) -> RequestColumns:
    count = int(random.integers(1, 60))
    shared: dict[str, Any] = {}
    if random.integers(2):
        groups = random.integers(0, 4, count)
        ids = [[group * 10, group * 10 + 1, 1000 + index] for index, group in enumerate(groups)]
        shared = {"hash_ids": ids, "hash_block_size": 16}
    return RequestColumns(
        random.integers(1, 30, count),
        random.integers(1, 90, count),
        # Often at equal times, and at those of the ends of iterations.
        random.integers(0, 100, count) / 50,
        **shared,
    )


@pytest.mark.parametrize("router", _RULES)
@pytest.mark.parametrize("case", range(_CASES))
def test_the_fast_fleet_is_the_slow_one(router: Any, case: int) -> None:
    random = np.random.default_rng([case, len(router)])
    requests = _requests(random)
    pools = [(_config(random), int(random.integers(1, 4))) for _ in range(int(random.integers(1, 3)))]
    configs = [config for config, number in pools for _ in range(number)]
    slow = slow_fleet(requests, configs, _RULES[router](len(configs)))
    fast = simulate_fleet(requests, pools, router=router)
    for name, values in vars(slow).items():
        np.testing.assert_array_equal(getattr(fast, name), values, err_msg=name)
