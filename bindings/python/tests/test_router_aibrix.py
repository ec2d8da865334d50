"""AIBrix' routers: cases with answers worked out by hand from the rule, since no recording exists."""

import math

from batching import Router


def route_to(router: Router, first: int, counts: list[int]) -> int:
    """Puts so many requests without a prompt in flight at each worker; the next free id."""
    for worker, count in enumerate(counts):
        for _ in range(count):
            router.book(first, worker)
            first += 1
    return first


def test_longest_match_wins() -> None:
    router = Router("aibrix_prefix", 3)
    assert router.explain(0, text="abcdefgh")[0] == [0, 1, 2]  # nothing is known, all are idle
    router.book(0, 1, text="abcdefgh")
    router.book(1, 2, text="abcdefghijkl")
    router.finished(0)
    router.finished(1)
    # 2 of 4 blocks at worker 1, 3 of 4 at worker 2.
    allowed, scores = router.explain(2, text="abcdefghijklmnop")
    assert (allowed, scores) == ([2], [0, 50, 75])
    # The last 3 characters are no block: 2 of 2 at both.
    assert router.explain(2, text="abcdefghijk") == ([1, 2], [0, 100, 100])
    # A block is known by all before it, too.
    assert router.explain(2, text="efgh") == ([0, 1, 2], [0, 0, 0])


def test_a_gap_ends_the_match_of_a_worker() -> None:
    router = Router("aibrix_prefix", 2)
    router.book(0, 0, hash_ids=[1, 2, 3, 4])
    router.book(1, 1, hash_ids=[1])
    router.book(2, 1, hash_ids=[9, 3, 4])
    for request in range(3):
        router.finished(request)
    assert router.explain(3, hash_ids=[1, 2, 3, 4]) == ([0], [100, 25])


def test_percents_are_whole() -> None:
    router = Router("aibrix_prefix", 2)
    ids = list(range(1000))
    router.book(0, 0, hash_ids=ids[:502])
    router.book(1, 1, hash_ids=ids[:509])
    # 50.2% and 50.9%: both 50. Both have one request in flight.
    assert router.explain(2, hash_ids=ids) == ([0, 1], [50, 50])
    router.finished(0)
    assert router.explain(2, hash_ids=ids) == ([0], [50, 50])
    # 9 of 1,000 are 0%, which is a match all the same: worker 0 is busier, but not by more than a deviation.
    router = Router("aibrix_prefix", 2)
    router.book(0, 0, hash_ids=ids[:9])
    assert router.explain(1, hash_ids=ids) == ([0], [0, 0])


def test_a_busy_worker_is_passed_over() -> None:
    router = Router("aibrix_prefix", 4)
    router.book(0, 0, text="abcdefgh")
    router.book(1, 1, text="abcd")
    # In flight 6, 3, 1, 2: mean 3, sample variance (9 + 0 + 4 + 1) / 3, limit 3 + 2.16: worker 0 is over it.
    request = route_to(router, 2, [5, 2, 1, 2])
    assert router.explain(request, text="abcdefgh") == ([1], [100, 50, 0, 0])
    # In flight 5, 3, 1, 2: mean 2.75, variance (5.0625 + .0625 + 3.0625 + .5625) / 3, limit 2.75 + 1.708: still over.
    router.finished(2)
    assert router.explain(request, text="abcdefgh")[0] == [1]
    # In flight 4, 3, 1, 2: mean 2.5, variance 5 / 3, limit 3.79: still. 3, 3, 1, 2: mean 2.25, limit 2.25 + 0.957.
    router.finished(3)
    assert router.explain(request, text="abcdefgh")[0] == [1]
    router.finished(4)
    assert router.explain(request, text="abcdefgh")[0] == [0]


def test_without_a_match_the_fewest_requests() -> None:
    router = Router("aibrix_prefix", 3)
    router.book(0, 0, text="abcd")
    request = route_to(router, 1, [8, 2, 2])
    # Worker 0 has 9: mean 13/3, sample deviation 4.04, limit 8.37. It is the only match, and over the limit.
    assert router.explain(request, text="abcd") == ([1, 2], [100, 0, 0])
    assert router.explain(request, text="wxyz")[0] == [1, 2]
    assert router.explain(request)[0] == [1, 2]


def test_out_of_balance_only_the_least_loaded() -> None:
    router = Router("aibrix_prefix", 3, aibrix_imbalance=2)
    router.book(0, 0, text="abcd")
    router.book(1, 1, text="abcd")
    # In flight 1, 4, 4 differ by more than 2: worker 0 alone, which matches.
    request = route_to(router, 2, [0, 3, 4])
    allowed, scores = router.explain(request, text="abcd")
    assert allowed == [0]
    assert scores[0] == 100
    assert all(map(math.isnan, scores[1:]))
    # 2, 4, 4 do not: worker 0 still, since it has fewer requests than worker 1 with as long a match.
    router.book(request, 0)
    assert router.explain(request + 1, text="abcd") == ([0], [100, 100, 0])


def test_blocks_are_forgotten_after_20_minutes() -> None:
    router = Router("aibrix_prefix", 2)
    router.book(0, 1, time=10.0, text="abcdefgh")
    router.book(1, 1, time=700.0, text="abcd")
    router.finished(0)
    router.finished(1)
    assert router.explain(2, time=1210.0, text="abcdefgh") == ([1], [0, 100])
    # The second block was routed 1,201 s ago.
    assert router.explain(2, time=1211.0, text="abcdefgh") == ([1], [0, 50])
    assert router.explain(2, time=1901.0, text="abcdefgh") == ([0, 1], [0, 0])
    # To explain changes nothing.
    assert router.explain(2, time=1210.0, text="abcdefgh") == ([1], [0, 100])


def test_a_worker_that_is_down_gets_none() -> None:
    router = Router("aibrix_prefix", 2)
    router.book(0, 1, text="abcd")
    router.finished(0)
    router.set_worker(1, up=False)
    allowed, scores = router.explain(1, text="abcd")
    assert allowed == [0]
    assert scores[0] == 0
    assert math.isnan(scores[1])
    router.set_worker(1, up=True)
    assert router.explain(1, text="abcd") == ([1], [0, 100])


def test_tokens_move_a_user_up() -> None:
    router = Router("vtc", 4)
    # A new user: target min(0 / 4500, 3) = 0, so worker i scores i.
    assert router.explain(0, session="a") == ([0], [0, 1, 2, 3])
    # 1,000 prompt tokens count 1,000 + 2 x 1,500 = 4,000. The bucket is (4,000 + 4,000) / 2: target 1.
    router.book(0, 0, session="a", prompt_length=1000)
    assert router.explain(1, session="a") == ([1], [1, 0, 1, 2])
    # Another with 3 x 4,000: bucket (4,000 + 12,000) / 2 = 8,000, targets 0.5 and 1.5.
    for request in range(1, 4):
        router.book(request, 0, session="b", prompt_length=1000)
    assert router.explain(4, session="a") == ([0, 1], [0.5, 0.5, 1.5, 2.5])
    assert router.explain(4, session="b") == ([1, 2], [1.5, 0.5, 0.5, 1.5])
    # Others have no tokens; the name "" has none ever.
    for session in ("c", ""):
        assert router.explain(4, session=session) == ([0], [0, 1, 2, 3])
    router.book(4, 0, session="", prompt_length=10**9)
    assert router.explain(5, session="a")[1] == [0.5, 0.5, 1.5, 2.5]


def test_the_bucket_is_at_least_1000_and_the_target_the_last_worker() -> None:
    router = Router("vtc", 2)
    # 3 tokens count 3 + 2 x 5 = 13 (4.5 rounds up); 13 / 1,000.
    router.book(0, 0, session="a", prompt_length=3)
    assert router.explain(1, session="a") == ([0], [0.013, 1 - 0.013])
    # 13 and 13,000: bucket 6,506.5; 13,000 / 6,506.5 = 1.998, but the last worker is 1.
    router.book(1, 0, session="b", prompt_length=3250)
    assert router.explain(2, session="b") == ([1], [1, 0])


def test_text_counts_4_bytes_a_token() -> None:
    router = Router("vtc", 2)
    # 9 bytes are 3 tokens.
    router.book(0, 0, session="a", prompt_length=1000, text="日本語")
    assert router.explain(1, session="a")[1] == [0.013, 1 - 0.013]


def test_load_is_running_requests() -> None:
    router = Router("vtc", 3)
    router.observe(running=[95, 0, 1000])
    # 0 + 0.95; 1 + 0; 2 + 1. A draw below 0.1 may turn the first two around.
    assert router.explain(0, session="a") == ([0, 1], [0.95, 1, 3])
    router.observe(running=[80, 0, 0])
    assert router.explain(0, session="a") == ([0], [0.8, 1, 2])
    # 2^-3 apart: no draw can.
    router.observe(running=[75, 0, 0])
    router.set_worker(1, up=False)
    # Worker 2 is now the second of two: 1 + 0.
    allowed, scores = router.explain(0, session="a")
    assert allowed == [0]
    assert scores[0] == 0.75
    assert math.isnan(scores[1])
    assert scores[2] == 1


def test_without_a_session_any_worker() -> None:
    router = Router("vtc", 3)
    allowed, scores = router.explain(0)
    assert allowed == [0, 1, 2]
    assert all(map(math.isnan, scores))
    assert {router.route(request) for request in range(100)} == {0, 1, 2}


def test_the_window_is_five_minutes() -> None:
    router = Router("vtc", 2)
    router.book(0, 0, time=10.9, session="a", prompt_length=1000)
    router.book(1, 0, time=200.0, session="a", prompt_length=250)
    router.book(2, 0, time=205.0, session="b", prompt_length=250)
    # a 5,000, b 1,000: bucket 3,000. The second of the first request is 10, which is in the window until 310.99.
    assert router.explain(3, time=310.99, session="a")[1] == [1, 0]
    assert router.explain(3, time=310.99, session="b")[1] == [1000 / 3000, 1 - 1000 / 3000]
    # Then a has 1,000 as well.
    assert router.explain(3, time=311.0, session="a")[1] == [1, 0]
    assert router.explain(3, time=311.0, session="b")[1] == [1, 0]
    # No user has any.
    assert router.explain(3, time=1000.0, session="a")[1] == [0, 1]
    # To explain changes nothing.
    assert router.explain(3, time=310.99, session="b")[1] == [1000 / 3000, 1 - 1000 / 3000]
    router.book(3, 0, time=311.0, session="b", prompt_length=250)
    # a 1,000, b 2,000: bucket 1,500.
    assert router.explain(4, time=311.0, session="a")[1] == [1000 / 1500, 1 - 1000 / 1500]


def test_draws_decide_as_often_as_they_should() -> None:
    router = Router("vtc", 2, seed=5)
    router.observe(running=[95, 0])
    # 0.95 + U against 1 + V: the second wins if U - V > 0.05, U and V uniform in 0..0.1: (0.05 / 0.1)^2 / 2 = 1/8.
    draws = 4000
    second = [router.route(request, session="a") for request in range(draws)].count(1)
    assert abs(second - draws / 8) < 4 * math.sqrt(draws / 8 * 7 / 8), second
