"""Prefix caching through Python: what is found, however the hash ids are given."""

from typing import Any

import numpy as np
import pytest

from batching import BatchingValueError, Event, LiveEngine, RequestColumns, Result, simulate

# Blocks of 2 tokens. The second request comes when the first has long finished.
ARGUMENTS: dict[str, Any] = {"enable_prefix_caching": True, "num_gpu_blocks": 50, "block_size": 2}
LENGTHS: dict[str, Any] = {"output_length": [1, 1], "prompt_length": [8, 8], "arrival_time": [0.0, 1.0]}


def found(result: Result) -> list[int]:
    assert result.prefix_cache_hits == result.prefix_cached_tokens.sum()
    # A hit is a token that is not computed.
    assert result.requests.prompt_length is not None
    assert result.prefill_tokens == result.requests.prompt_length.sum() - result.prefix_cache_hits
    return list(result.prefix_cached_tokens)


@pytest.mark.parametrize(
    "hashes",
    [
        pytest.param({"hash_ids": [[1, 2, 3, 4], [1, 2, 9, 10]]}, id="lists"),
        pytest.param({"hash_ids": ((1, 2, 3, 4), np.array([1, 2, 9, 10], np.int16))}, id="tuple and array"),
        pytest.param({"hash_ids": [1, 2, 3, 4, 1, 2, 9, 10], "hash_offsets": [0, 4, 8]}, id="flat"),
        pytest.param(
            {"hash_ids": np.array([1, 2, 3, 4, 1, 2, 9, 10]), "hash_offsets": np.array([0, 4, 8], np.int32)},
            id="flat arrays",
        ),
        pytest.param({"hash_ids": [[-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1, 5]]}, id="extremes, fewer than blocks"),
    ],
)
def test_a_later_request_finds_the_blocks_that_it_shares(hashes: Any) -> None:
    # The first two blocks.
    result = simulate(RequestColumns(**LENGTHS, **hashes), **ARGUMENTS)
    assert found(result) == [0, 4]
    assert result.prefix_cache_queries == 8 + 8


def test_one_token_is_computed_though_all_are_there() -> None:
    # So the last of the four blocks is not taken.
    assert found(simulate(RequestColumns(**LENGTHS, hash_ids=[[1, 2, 3, 4]] * 2), **ARGUMENTS)) == [0, 6]


def test_an_id_may_stand_for_several_blocks() -> None:
    requests = RequestColumns(**LENGTHS, hash_ids=[[1, 2], [1, 3]], hash_block_size=4)
    assert found(simulate(requests, **ARGUMENTS)) == [0, 4]


@pytest.mark.parametrize(("block_size", "hits"), [(8, 240), (16, 240), (32, 224), (48, 240), (64, 192), (784, 0)])
def test_the_last_of_several_ids_names_a_block(block_size: int, hits: int) -> None:
    # The prompts share 15 ids of 16 tokens, 240 tokens; found are the whole blocks in them, of the 250 in all.
    shared = list(range(1, 16))
    requests = RequestColumns(
        [4, 4], [250, 250], [0.0, 100.0], hash_ids=[[*shared, 100], [*shared, 101]], hash_block_size=16
    )
    assert found(simulate(requests, **(ARGUMENTS | {"block_size": block_size}))) == [0, hits]
    live = LiveEngine(**(ARGUMENTS | {"block_size": block_size}))
    live.submit_columns(requests)
    # Half way it is saved, loaded and copied, so that the ids are those of the bytes, and of the copy.
    live.advance(50.0)
    for engine in (LiveEngine.load(live.save()), live.fork(), live):
        engine.advance()
        admitted = [event for event in engine.poll() if event.event == Event.ADMITTED]
        assert [event.tokens for event in admitted if event.request == 1] == [hits]


def test_ids_that_do_not_end_where_blocks_do_are_an_error() -> None:
    requests = RequestColumns([1], [64], hash_ids=[[1, 2, 3, 4]], hash_block_size=16)
    with pytest.raises(BatchingValueError, match="must be a multiple of block_size, which is 24, or divide it"):
        simulate(requests, **(ARGUMENTS | {"block_size": 24}))


def test_nothing_is_found_without_ids_or_without_caching() -> None:
    assert found(simulate(RequestColumns(**LENGTHS), **ARGUMENTS)) == [0, 0]
    shared = RequestColumns(**LENGTHS, hash_ids=[[1, 2, 3, 4]] * 2)
    result = simulate(shared, num_gpu_blocks=50, block_size=2)
    assert found(result) == [0, 0]
    assert result.prefix_cache_queries == 0


@pytest.mark.parametrize(
    ("hash_covers_output", "hits"),
    [
        # The ids are those of the prompt: its two blocks.
        (False, 4),
        # The first turn computes 4 + 4 - 1 tokens, the last that it generates being none of them: three full blocks.
        (True, 6),
    ],
)
def test_the_next_turn_finds_what_the_one_before_generated(hash_covers_output: bool, hits: int) -> None:
    requests = RequestColumns(
        [4, 1],
        [4, 10],
        [0.0, 1.0],
        hash_ids=[[1, 2, 3, 4], [1, 2, 3, 4, 5]],
        hash_covers_output=hash_covers_output,
    )
    assert found(simulate(requests, **ARGUMENTS)) == [0, hits]
