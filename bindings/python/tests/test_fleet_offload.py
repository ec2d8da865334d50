"""Tiers of KV blocks in each replica of a fleet: against the slow fleet, in runs and in live slices."""

from collections import Counter
from dataclasses import replace

from oracle.blocks import blocks_for
from oracle.cases import SeededSource, an_offload_case
from oracle.fleet_cases import _ROUTERS, FleetCase
from oracle.fleet_comparison import assert_same_fleet

SEEDS = range(75_000, 75_400)
ROUTERS = ["round_robin", "least_requests", "least_tokens"]


def a_fleet(seed: int) -> FleetCase:
    source = SeededSource(seed)
    case = an_offload_case(source)
    workload = case.workload
    # None is rejected: asynchronously the library learns of that later than it should. See docs/guide/fleet.md.
    longest = max(map(sum, zip(workload.prompt_length, workload.output_length, strict=True))) + 1
    blocks = max(case.options.num_gpu_blocks or 0, 1 + blocks_for(longest, case.options.block_size))
    options = replace(case.options, num_gpu_blocks=blocks, max_model_len=None, enable_chunked_prefill=True)
    if not callable(options.iteration_time) and options.iteration_time == 1e-9:
        options = replace(options, iteration_time=0.01)
    workload.hash_block_size = workload.hash_block_size or options.block_size
    replicas = source.integer(1, 3)
    return FleetCase(workload, [(options, replicas)], _ROUTERS[source.choice(ROUTERS)](source, replicas, workload))


def test_each_replica_has_tiers_of_its_own() -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        case = a_fleet(seed)
        try:
            told = assert_same_fleet(case)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}\n{case}") from error
        loaded = sum(one.host_kv_loaded + one.disk_kv_loaded > 0 for one in told.replicas)
        seen["loaded"] += loaded > 0
        seen["in several replicas"] += loaded > 1
        seen["asynchronously"] += loaded > 0 and case.replicas[0].async_scheduling
    assert seen["loaded"] > 60, seen
    assert min(seen["in several replicas"], seen["asynchronously"]) > 20, seen
