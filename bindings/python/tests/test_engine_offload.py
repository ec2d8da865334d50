"""Tiers of KV blocks beside the prefix cache: by hand, and against the slow engine, in runs and in live slices."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from batching import (
    BatchingValueError,
    EngineConfig,
    KVOffload,
    LiveEngine,
    Profile,
    RequestColumns,
    Result,
    simulate,
)
from live_driver import Drive
from oracle.cases import Case, SeededSource, an_offload_case
from oracle.comparison import assert_same_run, run_slow
from oracle.policies import vllm_policy
from test_live_estimates import AskingDrive
from test_policy_memory import assert_same

SEEDS = range(70_000, 71_500)
LIVE_SEEDS = range(72_000, 72_400)
TOLD = ["start_time", "first_token_time", "end_time", "preemptions", "prefix_cached_tokens", "status"]

# Blocks of 4 tokens and 400 bytes, of which the GPU holds four; an iteration takes a second.
SIZES: dict[str, Any] = {
    "num_gpu_blocks": 5,
    "block_size": 4,
    "enable_prefix_caching": True,
    "iteration_time": 1.0,
}


def three(third_arrival: float = 4.0) -> RequestColumns:
    """The first has two full blocks, the second takes all that the GPU has, the third begins as the first."""
    ids = [[1, 2], [11, 12, 13, 14], [1, 2]]
    return RequestColumns(
        [1, 1, 1],
        [8, 16, 9],
        [0.0, 1.0, third_arrival],
        hash_ids=np.array([item for row in ids for item in row]),
        hash_offsets=np.array([0, 2, 6, 8]),
    )


def run(offload: KVOffload | None, third_arrival: float = 4.0, **settings: Any) -> Result:
    return simulate(three(third_arrival), kv_offload=offload, **SIZES, **settings)


HOST = KVOffload(host_tokens=400, host_read_bandwidth=400, host_write_bandwidth=400, kv_bytes_per_token=100)


def test_without_tiers_what_was_evicted_is_computed_again() -> None:
    result = run(None)
    assert result.prefix_cached_tokens.tolist() == [0, 0, 0]
    assert result.end_time.tolist() == [1.0, 2.0, 5.0]
    assert result.host_kv_blocks_written == 0


@pytest.mark.parametrize(("loads_block", "end"), [(False, 6.0), (True, 7.0)])
def test_what_was_evicted_is_loaded(*, loads_block: bool, end: float) -> None:
    # The blocks of the first are written from 0 to 1 and from 1 to 2. At 4 the third finds both: 800 bytes take 2 s. It
    # computes one token in 1 s, meanwhile or afterwards.
    result = run(replace(HOST, loads_block=loads_block))
    assert result.prefix_cached_tokens.tolist() == [0, 0, 8]
    assert result.end_time.tolist() == [1.0, 2.0, end]
    assert (result.prefix_cache_hits, result.prefill_tokens) == (8, 8 + 16 + 1)
    assert (result.host_kv_hits, result.host_kv_loaded, result.kv_load_time) == (8, 8, 2.0)
    # Two of the first, four of the second; those of the third are there.
    assert (result.host_kv_blocks_written, result.disk_kv_blocks_written) == (6, 0)
    assert result.busy_time == 2.0 + end - 4.0
    told = repr(result.config)
    assert "kv_offload=KVOffload(host_tokens=400" in told
    assert "of these from host and disk" in str(result)


def test_a_block_can_be_read_once_it_is_written() -> None:
    # Its second block is written from 1 to 2: at 2 it is there. If a block takes 2 s, it is there at 4.
    assert run(HOST, 2.0).prefix_cached_tokens.tolist() == [0, 0, 8]
    slow = replace(HOST, host_write_bandwidth=200)
    result = run(slow, 2.0)
    assert result.prefix_cached_tokens.tolist() == [0, 0, 4]
    assert result.end_time.tolist() == [1.0, 2.0, 3.0]
    assert run(slow, 3.999).prefix_cached_tokens.tolist() == [0, 0, 4]
    assert run(slow, 4.0).prefix_cached_tokens.tolist() == [0, 0, 8]


def test_what_was_used_longest_ago_goes() -> None:
    # Room for 5 blocks: the second request drives out the first block, and without it the other is of no use. There is
    # room for all in 6.
    assert run(replace(HOST, host_tokens=20)).prefix_cached_tokens.tolist() == [0, 0, 0]
    assert run(replace(HOST, host_tokens=23)).prefix_cached_tokens.tolist() == [0, 0, 0]
    assert run(replace(HOST, host_tokens=24)).prefix_cached_tokens.tolist() == [0, 0, 8]


def test_what_the_host_has_lost_is_on_disk() -> None:
    both = KVOffload(
        host_tokens=20, host_read_bandwidth=800, disk_tokens=400, disk_read_bandwidth=200, kv_bytes_per_token=100
    )
    # The second block is in host memory: 400 bytes in 0.5 s; the first on disk: 2 s; one after the other.
    result = run(both)
    assert (result.host_kv_loaded, result.disk_kv_loaded) == (4, 4)
    assert (result.kv_load_time, result.end_time.tolist()) == (2.5, [1.0, 2.0, 6.5])
    # What comes from disk goes to host memory again.
    assert (result.host_kv_blocks_written, result.disk_kv_blocks_written) == (7, 6)


def test_without_a_bandwidth_nothing_takes_time() -> None:
    result = run(KVOffload(disk_tokens=400))
    assert result.prefix_cached_tokens.tolist() == [0, 0, 8]
    assert (result.disk_kv_hits, result.kv_load_time) == (8, 0.0)
    assert result.end_time.tolist() == [1.0, 2.0, 5.0]


def test_loads_are_attributed_to_prefill() -> None:
    result = run(HOST, attribution=True)
    assert result.attribution is not None
    assert result.attribution.prefill.tolist() == [1.0, 1.0, 2.0]


def test_same_bits_as_the_slow_engine() -> None:
    seen: Counter[tuple[str, bool, bool]] = Counter()
    for seed in SEEDS:
        case = an_offload_case(SeededSource(seed))
        try:
            told = assert_same_run(case)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}\n{case}") from error
        offload = case.options.kv_offload
        assert offload is not None
        seen.update(
            (event, case.options.async_scheduling, offload.loads_block) for event, count in told.seen.items() if count
        )
    for event in ("loaded behind a hit", "loaded after a preemption", "waits for a load", "computes while it loads"):
        assert min(seen[event, ahead, blocks] for ahead in (False, True) for blocks in (False, True)) >= 10, (
            event,
            seen,
        )
    for event in ("loaded from disk", "loaded from both", "written late", "preempted", "evicted"):
        assert min(seen[event, ahead, False] for ahead in (False, True)) >= 5, (event, seen)


def a_live_case(seed: int) -> tuple[SeededSource, Case]:
    source = SeededSource(seed)
    return source, an_offload_case(source)


def test_live_slices_give_the_bits_of_the_slow_engine() -> None:
    # In copies, and after a save, too.
    loaded = 0
    for seed in LIVE_SEEDS:
        source, case = a_live_case(seed)
        expected = run_slow(case)
        drive = Drive(case, source)
        told = drive.run()
        for name in TOLD:
            np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), err_msg=f"seed {seed}: {name}")
        state = drive.engine.state
        figures = ["host_kv_hits", "disk_kv_hits", "host_kv_loaded", "disk_kv_loaded", "kv_load_time"]
        assert [getattr(state, name) for name in figures] == [getattr(expected, name) for name in figures], seed
        loaded += state.host_kv_loaded + state.disk_kv_loaded > 0
    assert loaded > 60


def test_an_estimate_is_what_happens_and_changes_nothing() -> None:
    finished = 0
    for seed in range(73_000, 73_250):
        source, case = a_live_case(seed)
        if callable(case.options.iteration_time):
            continue
        drive = AskingDrive(case, source)
        told, expected = drive.run(), run_slow(case)
        for name in TOLD:
            np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), err_msg=f"seed {seed}: {name}")
        finished += drive.finished
    assert finished > 300


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_policy_of_your_own_finds_what_is_in_tiers(*, asynchronous: bool) -> None:
    loaded = 0
    for seed in range(74_000, 74_150):
        _, case = a_live_case(seed)
        case.options = replace(
            case.options, queue_order="arrival", async_scheduling=asynchronous, enable_chunked_prefill=True
        )
        told = assert_same(case, vllm_policy(case.options, "rest decodes"))
        loaded += told.host_kv_loaded + told.disk_kv_loaded > 0
    assert loaded > 40


def test_a_live_engine_tells_what_is_in_its_tiers() -> None:
    engine = LiveEngine(kv_offload=replace(HOST, host_tokens=12), **SIZES)
    engine.submit(0, prompt_length=8, output_length=1, hash_ids=[1, 2])
    engine.advance(1.0)
    assert (engine.state.host_kv_blocks, engine.state.disk_kv_blocks) == (2, 0)
    engine.submit(1, prompt_length=16, output_length=1, hash_ids=[11, 12, 13, 14])
    engine.advance(4.0)
    state = LiveEngine.load(engine.save()).state
    assert (state.host_kv_blocks, state.host_kv_blocks_written) == (3, 6)
    assert state == engine.state
    assert engine.fork().state == replace(state, events=0)


def test_it_is_written_down_and_read_back() -> None:
    config = EngineConfig(kv_offload=replace(HOST, disk_tokens=16, loads_block=True), num_gpu_blocks=9,
                          enable_prefix_caching=True)  # fmt: skip
    assert EngineConfig.from_json(config.to_json()) == config
    profile = Profile(config=config)
    assert Profile.from_json(profile.to_json()) == profile
    assert EngineConfig().to_dict()["kv_offload"] is None
    with pytest.raises(BatchingValueError, match="'speed' is not a field of KVOffload"):
        EngineConfig.from_dict({"kv_offload": {"speed": 1}})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"host_tokens": -1}, "kv_offload.host_tokens is -1: must be 0, or at least block_size, which is 4"),
        ({"host_tokens": 3}, "kv_offload.host_tokens is 3: must be 0, or at least block_size, which is 4"),
        ({"disk_tokens": 2**63 - 1}, "must be at most 2000000000 KV blocks of 4 tokens"),
        ({"host_read_bandwidth": -1.0}, "kv_offload.host_read_bandwidth is -1.0: must be in [0, 1e18]"),
        ({"host_write_bandwidth": math.nan}, "kv_offload.host_write_bandwidth is nan: must be in [0, 1e18]"),
        ({"disk_tokens": 8, "disk_read_bandwidth": math.inf}, "kv_offload.disk_read_bandwidth is inf: must be in"),
        ({"disk_write_bandwidth": 1.0}, "kv_offload.disk_write_bandwidth is 1.0: must be 0 without disk_tokens"),
        ({"kv_bytes_per_token": 0.0}, "kv_offload.host_read_bandwidth is 400.0: must be 0 without kv_bytes_per_token"),
        ({"kv_bytes_per_token": -1.0}, "kv_offload.kv_bytes_per_token is -1.0: must be in [0, 1e15]"),
        ({"kv_bytes_per_token": math.nan}, "kv_offload.kv_bytes_per_token is nan: must be in [0, 1e15]"),
    ],
)
def test_bad_tiers_are_an_error(changes: dict[str, Any], sentence: str) -> None:
    for call in (run, lambda offload: LiveEngine(kv_offload=offload, **SIZES)):
        with pytest.raises(BatchingValueError) as raised:
            call(replace(HOST, **changes))
        assert sentence in str(raised.value)


def test_tiers_need_a_prefix_cache() -> None:
    with pytest.raises(BatchingValueError, match="kv_offload is given: must be None without enable_prefix_caching"):
        simulate(three(), kv_offload=HOST)
    with pytest.raises(TypeError, match="kv_offload is 5: must be a KVOffload, or None"):
        EngineConfig(kv_offload=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="loads_block is 1: must be True or False"):
        KVOffload(loads_block=1)  # type: ignore[arg-type]


def test_loads_beyond_the_clock_are_an_error() -> None:
    endless = replace(HOST, host_read_bandwidth=1e-300, kv_bytes_per_token=1e15)
    for offload in (endless, replace(endless, loads_block=True)):
        with pytest.raises(BatchingValueError, match="the clock would pass"):
            run(replace(offload, host_write_bandwidth=0.0))
    # One that is never written is never found.
    assert run(replace(HOST, host_write_bandwidth=1e-300)).prefix_cached_tokens.tolist() == [0, 0, 0]
