"""Prefill and decode apart against a slow restatement: every instant of every request."""

from typing import Any

import numpy as np
import pytest

from batching import AffineTime, Disaggregation, EngineConfig, RequestColumns, simulate_fleet
from slow_disaggregation import Shape, SlowDisaggregation

_CASES = 25
# Times are multiples of it, so that they are exact as doubles and in nanoseconds, and often equal.
_TICK = 1 / 512
_TICK_NS = 1_953_125
_ROWS: dict[str, dict[str, Any]] = {
    "dynamo": {},
    "vllm_nixl": {"preset": "vllm_nixl"},
    "sglang_pd": {"preset": "sglang_pd"},
    "llm_d": {"preset": "llm_d"},
    "never": {"preset": "vllm_nixl", "decider": "never"},
    "prefix_threshold": {"preset": "vllm_nixl", "decider": "prefix_threshold", "decider_tokens": 40},
    "dynamo_conditional": {"preset": "vllm_nixl", "decider": "dynamo_conditional", "decider_ratio": 0.5},
    "at_arrival": {"decode_choice": "at_arrival"},
    "missing": {"transfer_tokens": "missing"},
    "full": {"preset": "sglang_pd", "transfer_tokens": "full"},
    "no_overlap": {"preset": "sglang_pd", "overlap": "none"},
    "layer": {"preset": "sglang_pd", "overlap": "layer", "layers": 4},
    "admission": {"reserve": "admission"},
    "prefill": {"preset": "vllm_nixl", "reserve": "prefill"},
    "start": {"preset": "vllm_nixl", "reserve": "start"},
    "read_done": {"source_release": "read_done"},
    "activation": {"preset": "vllm_nixl", "source_release": "activation"},
    "first_token": {"first_token": "prefill"},
    "first_token_decode": {"preset": "sglang_pd", "first_token": "decode"},
    "latency": {"link_latency": 3 * _TICK},
    "lease": {"preset": "vllm_nixl", "lease": 7 * _TICK},
    "lease_dynamo": {"lease": 4 * _TICK},
    "source": {"preset": "vllm_nixl", "sharing": "source"},
    "pair": {"sharing": "pair", "link_latency": _TICK},
    "delay": {"preset": "vllm_nixl"},
    "dynamo_never": {"decider": "never"},
    "dynamo_with_conditions": {"decider": "dynamo_conditional", "decider_ratio": 0.8},
}


def _requests(random: np.random.Generator, *, has_ties: bool) -> RequestColumns:
    count = int(random.integers(1, 40))
    groups, prompts = random.integers(0, 4, count), random.integers(1, 70, count)
    ids = [
        [(int(group) * 10 + block if block < 2 else 1000 + index * 10 + block) for block in range(int(prompt) // 16)]
        for index, (group, prompt) in enumerate(zip(groups, prompts, strict=True))
    ]
    return RequestColumns(
        random.integers(1, 12, count),
        prompts,
        random.integers(0, 200, count) * _TICK + (0 if has_ties else random.integers(0, 10**6, count) / 1e9),
        hash_ids=ids,
        hash_block_size=16,
    )


@pytest.mark.parametrize("row", _ROWS)
@pytest.mark.parametrize("case", range(_CASES))
def test_every_instant_is_that_of_the_slow_one(row: str, case: int) -> None:
    random = np.random.default_rng([case, list(_ROWS).index(row)])
    # Which of two at one time is first is not to depend on how the ends of shared transfers are rounded.
    requests = _requests(random, has_ties="sharing" not in _ROWS[row])
    moves = case % 4 != 0
    settings = dict(_ROWS[row])
    if moves or "sharing" in settings:
        # With layers a quarter is sent in the end: that is whole, too.
        more = 4 if "layers" in settings else 1
        settings |= {"kv_bytes_per_token": float(more * random.integers(1, 4)), "link_bandwidth": 512.0}
    if "sharing" in settings:
        settings["kv_bytes_per_token"] += float(random.random())
    split = Disaggregation(**settings)
    ticks = [int(one) for one in random.integers(0, [9, 2, 2])]
    shape = Shape(
        sources=int(random.integers(1, 4)),
        targets=int(random.integers(1, 4)),
        budget=int(random.integers(8, 100)),
        max_num_seqs=int(random.integers(1, 8)),
        block_size=16,
        base=(ticks[0] + 1) * _TICK_NS,
        per_prefill=ticks[1] * _TICK_NS,
        per_decode=ticks[2] * _TICK_NS,
        router=("round_robin", "least_requests")[int(random.integers(2))],
        caches=bool(random.integers(2)) or row in ("missing", "prefix_threshold", "llm_d"),
        routing_delay=5 * _TICK_NS if row == "delay" else 0,
    )
    engine = EngineConfig(
        max_num_batched_tokens=shape.budget,
        max_num_seqs=shape.max_num_seqs,
        num_gpu_blocks=100_000,
        enable_prefix_caching=shape.caches,
        iteration_time=AffineTime(
            base=(ticks[0] + 1) * _TICK, per_prefill_token=ticks[1] * _TICK, per_decode_token=ticks[2] * _TICK
        ),
    )
    fast = simulate_fleet(
        requests,
        [(engine, shape.sources, "prefill"), (engine, shape.targets, "decode")],
        router=shape.router,  # type: ignore[arg-type]
        disaggregation=split,
        routing_delay=shape.routing_delay / 1e9,
        kv_event_lag=0.25 * (case % 2),
    )
    for name, values in SlowDisaggregation(requests, shape, split).run().items():
        own = getattr(fast, name)
        if name.endswith("_time"):
            expected = np.array([np.nan if one is None else one / 1e9 for one in values])
            # Shared links are rounded to the nanosecond once more.
            tolerance = 1e-7 if "sharing" in settings else 1e-12
            np.testing.assert_allclose(own, expected, rtol=0, atol=tolerance, err_msg=name)
        else:
            absent = 0 if name == "prefix_cached_tokens" else -1
            np.testing.assert_array_equal(own, [absent if one is None else one for one in values], err_msg=name)
