"""Routers in Python: what they are told and tell, and every error. What each decides: the recordings."""

import gc
import inspect
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import batching
from batching import BatchingValueError, Explanation, Released, Router, RouterLoad
from batching._routing.settings import RouterSettings

LAW = "The law of the sea, article 1: whoever finds a ship, ... "


def test_every_router_routes_to_the_worker_that_is_up() -> None:
    for name in batching.routers():
        router = Router(name, workers=3)  # type: ignore[arg-type]
        router.set_worker(0, up=False)
        router.set_worker(2, up=False)
        told = router.explain(1, prompt_length=40, text="a prompt", hash_ids=[1, 2], session="user")
        assert told.allowed == [1], name
        assert len(told.score) == 3
        assert router.route(1, prompt_length=40, text="a prompt", hash_ids=[1, 2], session="user") == 1
        assert router.load().requests == [0, 1, 0]
        router.first_token(1, time=0.5)
        router.output_block(1)
        router.finished(1, time=1.0)
        assert router.load() == RouterLoad([0, 0, 0], [0, 0, 0], 0)
        assert router.release() is None


def test_requests_are_counted_until_they_have_finished() -> None:
    router = Router("least_requests", workers=2)
    assert [router.route(request, prompt_length=10) for request in range(3)] == [0, 1, 0]
    assert router.load() == RouterLoad([2, 1], [20, 10], 0)
    router.first_token(0)
    assert router.load().prefill_tokens == [10, 10]
    router.finished(0)
    router.finished(2)
    assert router.explain(3) == Explanation([0], [0.0, 1.0])
    assert repr(router) == "Router('least_requests', 2 workers, 1 in flight)"
    assert (router.router, router.workers) == ("least_requests", 2)


def test_a_host_may_choose_by_itself() -> None:
    router = Router("cache_aware", workers=3)
    router.book(1, 2, text=LAW)
    assert router.route(2, text=LAW + "And its cargo?") == 2


@pytest.mark.parametrize(
    "kind", [list, tuple, lambda ids: np.array(ids, np.int64), lambda ids: np.array(ids, np.uint64), np.array]
)
def test_hash_ids_are_sequences_and_arrays_of_integers(kind: Callable[[list[int]], Any]) -> None:
    router = Router("cache_aware", workers=3)
    router.book(1, 2, hash_ids=kind([1, 2, 3, 2**62]))
    assert router.explain(2, hash_ids=kind([1, 2, 3, 2**62])).allowed == [2]
    # The prompt before is not kept.
    assert router.explain(2).allowed == [0]


def test_hashes_are_the_same_bits_whether_or_not_they_are_signed() -> None:
    router = Router("cache_aware", workers=3)
    router.book(1, 1, hash_ids=[-1, -(2**63)])
    assert router.explain(2, hash_ids=np.array([2**64 - 1, 2**63], np.uint64)).allowed == [1]
    assert router.explain(2, hash_ids=[2**64 - 1, 2**63]).allowed == [1]
    assert router.explain(2, hash_ids=np.array([-1, -(2**63)])[::1]).allowed == [1]


def test_columns_live_as_long_as_they_are_read() -> None:
    names = [f"replica {number}" for number in range(4)]
    for _ in range(50):
        router = Router("session", workers=4, names=list(names), weights=[1, 2, 3, 4])
        scorers = Router(
            "scorers", workers=4, scorer=["queue", "active"], scorer_threshold=[0, 5], scorer_max_busy=[1, 0]
        )
        gc.collect()
        assert router.route(1, session="a") == Router("session", workers=4, names=names).route(1, session="a")
        scorers.observe(waiting=[int(x) for x in "3210"], kv_usage=np.linspace(0, 1, 4)[::-1])
        # Linear from the most, 0, to the fewest, 1; none is in flight, which is 1.
        assert scorers.explain(1).score == pytest.approx([1, 1 + 1 / 3, 1 + 2 / 3, 2])


def test_requests_wait_and_are_released() -> None:
    router = Router("dynamo_kv", workers=1, queue_threshold=1.0, max_num_batched_tokens=100)
    assert router.route(1, prompt_length=150) == 0
    assert router.route(2, prompt_length=10, time=0.25) is None
    assert router.explain(3, prompt_length=10).allowed == []
    assert router.load().waiting == 1
    assert router.release() is None
    router.first_token(1, time=0.5)
    assert router.release() == Released(2, 0)
    assert router.release() is None


def test_kv_events_tell_what_is_cached() -> None:
    router = Router("dynamo_kv", workers=2)
    prompt = np.arange(1, 5)
    # Blocks: four to prefill and four in use.
    assert router.explain(1, prompt_length=64, hash_ids=prompt).score == [8, 8]
    router.stored(1, prompt[:3])
    assert router.explain(1, prompt_length=64, hash_ids=prompt).score == [8, 5]
    router.stored(1, prompt, first=3)
    assert router.explain(1, prompt_length=64, hash_ids=prompt).score == [8, 4]
    router.removed(1, prompt[2:])
    assert router.explain(1, prompt_length=64, hash_ids=prompt).score == [8, 6]


def test_zero_is_a_value_and_none_the_default() -> None:
    # A match of nothing is more than no share of the prompt; of a third it is more than 0.3, but not than 0.5.
    for threshold, expected in ((None, [1]), (0.0, [1]), (0.5, [0])):
        router = Router("cache_aware", workers=2, cache_threshold=threshold)
        router.book(1, 1, text="abc")
        router.book(2, 0, text="xyz")
        router.finished(1)
        router.finished(2)
        assert router.explain(3, text="abcdefgh").allowed == expected
    for credit, score in ((None, 4.0), (0.0, 8.0)):
        dynamo = Router("dynamo_kv", workers=1, overlap_score_credit=credit)
        dynamo.stored(0, [1, 2, 3, 4])
        assert dynamo.explain(1, prompt_length=64, hash_ids=[1, 2, 3, 4]).score == [score]


def test_random_draws_follow_the_seed() -> None:
    def drawn(seed: int) -> list[int | None]:
        router = Router("random", workers=16, seed=seed)
        return [router.route(request) for request in range(40)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        ({"router": "fastest"}, ValueError, "router is 'fastest': must be one of 'round_robin', "),
        ({"workers": 0}, ValueError, "workers is 0: must be in 1..65536"),
        ({"workers": 2.0}, TypeError, "workers is 2.0: must be an integer"),
        ({"speed": 1}, TypeError, "unexpected keyword argument 'speed'"),
        ({"names": ["a"], "workers": 2}, ValueError, "names has 1 elements: must have as many as there are workers, 2"),
        ({"names": "a"}, TypeError, "names is 'a': must be a list of strings"),
        ({"names": ["a\0"]}, ValueError, r"names\[0\] is .*: must not have a NUL character"),
        ({"names": [1]}, TypeError, r"names\[0\] is 1: must be a string"),
        ({"weights": [0]}, ValueError, r"weights\[0\] is 0: must be in 1..2147483647"),
        ({"weights": [1, 2]}, ValueError, "weights has 2 elements: must have as many as there are workers, 1"),
        ({"ties": "last"}, ValueError, "ties is 'last': must be one of 'first', "),
        ({"use_kv_events": 1}, TypeError, "use_kv_events is 1: must be True or False"),
        ({"block_size": 0}, ValueError, "block_size is 0: must be at least 1"),
        ({"cache_threshold": -1}, ValueError, "cache_threshold is -1.0: must be at least 0"),
        ({"cache_threshold": math.nan}, ValueError, "cache_threshold is nan: must be at least 0"),
        ({"balance_abs_threshold": -1}, ValueError, "balance_abs_threshold is -1: must be at least 0"),
        ({"eviction_interval": 0}, ValueError, "eviction_interval is 0.0: must be greater than 0"),
        ({"temperature": 1e6}, ValueError, "temperature is 1000000.0: must be in 0..1000"),
        ({"client_index": 3}, ValueError, "client_index is 3: must be in 0..client_count - 1, which is 0"),
        ({"seed": -1}, ValueError, "seed is -1: must be between 0 and 18446744073709551615"),
        ({"scorer": ["speed"]}, ValueError, r"scorer\[0\] is 'speed': must be one of 'queue', "),
        ({"scorer": "queue"}, TypeError, "scorer is 'queue': must be a list of names"),
        ({"scorer": []}, ValueError, "scorer is empty"),
        ({"scorer_weight": [1]}, ValueError, "scorer_weight is given without scorer"),
        ({"scorer": ["queue"], "scorer_weight": [1, 2]}, ValueError, "scorer_weight has 2 elements"),
        (
            {"scorer": ["active"], "scorer_max_busy": [-1]},
            ValueError,
            r"scorer_max_busy\[0\] is -1.0: must be at least 0",
        ),
    ],
)
def test_what_a_router_is_made_of_is_checked(arguments: dict[str, Any], kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        Router(**{"router": "round_robin", **arguments})


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda router: router.route(1), ValueError, "request is 1: must be an id that is not in flight"),
        (lambda router: router.route("1"), TypeError, "request is '1': must be an integer"),
        (lambda router: router.route(2**63), ValueError, "request is 9223372036854775808: must be between"),
        (lambda router: router.route(2, time=-1.0), ValueError, "time is -1.0: must be"),
        (lambda router: router.route(2, prompt_length=-1), ValueError, "prompt_length is -1: must be at least 0"),
        (lambda router: router.route(2, prompt_length=1.5), TypeError, "prompt_length is 1.5: must be an integer"),
        (lambda router: router.route(2, text=b"x"), TypeError, "text is b'x': must be a string"),
        (lambda router: router.route(2, text="\ud800"), ValueError, "text is not UTF-8 at byte 0"),
        (lambda router: router.route(2, session="a\0"), ValueError, "session is .*: must not have a NUL character"),
        (lambda router: router.route(2, hash_ids=[1.5]), TypeError, r"hash_ids\[0\] is 1.5: must be an integer"),
        (lambda router: router.route(2, hash_ids=[2**64]), ValueError, r"hash_ids\[0\] is 18446744073709551616"),
        (lambda router: router.route(2, hash_ids=np.ones(2)), TypeError, "hash_ids is an array of float64"),
        (lambda router: router.book(2, 2), ValueError, r"worker is 2: must be in 0\.\.1"),
        (lambda router: router.first_token(7), ValueError, "request is 7: must be the id of a request in flight"),
        (lambda router: router.finished(7), ValueError, "request is 7: must be the id of a request in flight"),
        (lambda router: router.output_block(1, 2.0), ValueError, "weight is 2.0: must be in 0..1"),
        (lambda router: router.set_worker(0, up=1), TypeError, "up is 1: must be True or False"),
        (lambda router: router.set_worker(5, up=True), ValueError, r"worker is 5: must be in 0\.\.1"),
        (lambda router: router.observe(waiting=[1]), ValueError, "waiting has 1 element: must have as many"),
        (lambda router: router.observe(waiting=[1, -1]), ValueError, r"waiting\[1\] is -1: must be in 0\.\.2\^50"),
        (lambda router: router.observe(kv_usage=[0, 2]), ValueError, r"kv_usage\[1\] is 2.0: must be in 0\.\.1"),
        (lambda router: router.stored(0, [1], first=2), ValueError, "first is 2: must be at most 1"),
        (lambda router: router.stored(0, [1], first=-1), ValueError, "first is -1: must be in 0..count"),
        (lambda router: router.removed(9, [1]), ValueError, r"worker is 9: must be in 0\.\.1"),
        (lambda router: router.evict(-1), ValueError, "max_tree_size is -1: must be at least 0"),
        (pickle.dumps, TypeError, "a Router cannot be pickled"),
    ],
)
def test_what_a_router_is_told_is_checked(call: Callable[[Any], Any], kind: type[Exception], sentence: str) -> None:
    router = Router("cache_aware", workers=2)
    assert router.route(1, text=LAW) == 0
    with pytest.raises(kind, match=sentence):
        call(router)
    assert router.load().requests == [1, 0]
    assert router.explain(2, text=LAW).allowed == [0]


def test_no_worker_is_up() -> None:
    router = Router("round_robin", workers=1)
    router.set_worker(0, up=False)
    with pytest.raises(BatchingValueError, match="no worker is up: one must be"):
        router.route(1)


def test_help_shows_every_setting_and_the_documentation_says_what_it_is() -> None:
    shown = inspect.signature(Router.__init__).parameters
    assert set(RouterSettings.__annotations__) <= set(shown)
    for name in shown:
        assert name == "self" or f"        {name}: " in (Router.__doc__ or ""), name
