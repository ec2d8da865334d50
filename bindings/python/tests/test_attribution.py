"""Where the time of each request goes: by hand, as a sum, and by bands of percentiles."""

import itertools
import math
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batching import AffineTime, Attribution, BatchingError, Iteration, RequestColumns, RequestStatus, Result, simulate
from oracle.attribution import PARTS
from oracle.cases import Case, cases
from oracle.comparison import assert_same_run, run_library
from oracle.engine import SlowOptions, SlowWorkload
from oracle.simulators import nanoseconds


def attributed(result: Result) -> Attribution:
    assert result.attribution is not None
    return result.attribution


def parts(result: Result) -> list[dict[str, float]]:
    """Those that are not 0, of each request."""
    attribution = attributed(result)
    rows = ({part: float(getattr(attribution, part)[index]) for part in PARTS} for index in range(len(attribution)))
    return [{part: seconds for part, seconds in row.items() if seconds != 0} for row in rows]


def test_nothing_is_told_unless_it_is_wanted() -> None:
    assert simulate(RequestColumns([1])).attribution is None


def test_a_slot() -> None:
    # Iterations of a second. The second request comes in the middle of one, and waits for the slot from then on.
    requests = RequestColumns([3, 2], [1, 1], [0.0, 0.5])
    result = simulate(requests, max_num_seqs=1, iteration_time=1.0, attribution=True)
    assert parts(result) == [
        {"prefill": 1.0, "decode": 2.0},
        {"waiting_for_slot": 2.5, "prefill": 1.0, "decode": 1.0},
    ]


def test_the_iteration_under_way() -> None:
    # With slots and blocks for both, the second only waits for the iteration of [0, 1) to end.
    requests = RequestColumns([3, 2], [1, 1], [0.0, 0.25])
    result = simulate(requests, iteration_time=1.0, attribution=True)
    assert parts(result)[1] == {"waiting_for_slot": 0.75, "prefill": 1.0, "decode": 1.0}


def test_memory_and_preemption() -> None:
    # Blocks of 2 tokens, 4 of them. The prompts of 3 take 2 each. In iteration 2 request 0 needs a third: request 1 is
    # preempted after one iteration of decoding. It waits in 2 and 3, recomputes its 5 tokens in 4, and decodes in 5.
    # Request 2 arrives in iteration 1: to its end it waits for that; in 2 a request is preempted, in 3 the first of the
    # waiting finds no blocks; in 4 it would find its slot, but 4 tokens need 2 blocks, and one is free; in 5 the same.
    requests = RequestColumns([4, 4, 2], [3, 3, 3], [0.0, 0.0, 1.5])
    result = simulate(requests, num_gpu_blocks=5, block_size=2, iteration_time=1.0, attribution=True)
    assert result.end_time.tolist() == [4.0, 6.0, 8.0]
    assert parts(result) == [
        {"prefill": 1.0, "decode": 3.0},
        {"prefill": 1.0, "decode": 2.0, "preempted": 3.0},
        {"waiting_for_slot": 0.5, "waiting_for_memory": 4.0, "prefill": 1.0, "decode": 1.0},
    ]


def test_prefill_of_others() -> None:
    # An iteration takes 1 s, and 0.25 s a prefill token. Request 1 comes with 4 tokens at 1.5 and prefills in [2.25,
    # 4.25): of those two seconds, one is added to the decode of request 0.
    requests = RequestColumns([4, 2], [1, 4], [0.0, 1.5])
    time = AffineTime(base=1.0, per_prefill_token=0.25)
    result = simulate(requests, iteration_time=time, attribution=True)
    assert result.end_time.tolist() == [1.25 + 1.0 + 2.0 + 1.0, 5.25]
    assert parts(result) == [
        {"prefill": 1.25, "decode": 3.0, "slowed_by_prefill": 1.0},
        {"waiting_for_slot": 0.75, "prefill": 2.0, "decode": 1.0},
    ]


def test_a_callback_is_asked_what_there_would_be_without_prefill() -> None:
    asked: list[tuple[int, int, int, float]] = []

    def seconds(work: Iteration) -> float:
        asked.append((work.number, work.prefill_tokens, work.decode_tokens, work.prefill_context))
        return 1.0 + 0.25 * work.prefill_tokens

    requests = RequestColumns([4, 2], [1, 4], [0.0, 1.5])
    result = simulate(requests, iteration_time=seconds, attribution=True)
    assert parts(result)[0] == {"prefill": 1.25, "decode": 3.0, "slowed_by_prefill": 1.0}
    assert asked == [(0, 1, 0, 1.0), (1, 0, 1, 0.0), (2, 4, 1, 16.0), (2, 0, 1, 0.0), (3, 0, 2, 0.0)]
    asked.clear()
    simulate(requests, iteration_time=seconds)
    assert len(asked) == 4


def test_an_iteration_that_would_be_longer_without_prefill_slows_no_request() -> None:
    requests = RequestColumns([4, 2], [1, 4], [0.0, 1.5])
    result = simulate(requests, iteration_time=lambda work: 1.0 if work.prefill_tokens else 2.0, attribution=True)
    assert not attributed(result).slowed_by_prefill.any()


def test_a_batch_that_is_not_done() -> None:
    # Two at a time, 1 s an iteration. The first batch is [0, 4), of which request 1 has its 2 tokens after 2 s. Request
    # 2 waits for that batch, then for request 3, which fills its own.
    requests = RequestColumns([4, 2, 1, 2], [1, 1, 1, 1], [0.0, 0.0, 1.0, 5.0])
    result = simulate(requests, policy="static", max_num_seqs=2, iteration_time=1.0, attribution=True)
    assert parts(result) == [
        {"prefill": 1.0, "decode": 3.0},
        {"prefill": 1.0, "decode": 1.0, "held_in_batch": 2.0},
        {"waiting_for_slot": 4.0, "prefill": 1.0, "held_in_batch": 1.0},
        {"prefill": 1.0, "decode": 1.0},
    ]


def test_a_batch_that_had_no_blocks_for_more() -> None:
    # Room for one request of 2 + 2 tokens. The batch of request 0 has no blocks for request 1, though a slot: all of it
    # is for memory.
    requests = RequestColumns([2, 2], [2, 2])
    options: dict[str, Any] = {"num_gpu_blocks": 3, "block_size": 2, "iteration_time": 1.0, "attribution": True}
    result = simulate(requests, policy="static", max_num_seqs=2, **options)
    assert parts(result)[1] == {"waiting_for_memory": 2.0, "prefill": 1.0, "decode": 1.0}


def test_a_batch_that_forms_again_after_clients_left() -> None:
    # One block of 4 tokens; request 0 needs two, and is never admitted. With request 1 at 1.0, and with request 2 at
    # 5.0, two are waiting, so that a batch could form, but there is no memory for the first of them. Their clients
    # leave at 3.0 and 7.0. From then on request 0 waits for another one, or until it has waited 10 s.
    requests = RequestColumns([1, 1, 1], [4, 1, 1], [1.0, 1.0, 5.0], abort_time=[math.nan, 3.0, 7.0])
    options: dict[str, Any] = {"num_gpu_blocks": 2, "block_size": 4, "admit_oversized": True, "max_num_seqs": 2}
    result = simulate(requests, policy="dynamic", max_queue_delay=10.0, iteration_time=1.0, attribution=True, **options)
    assert result.status.tolist() == [RequestStatus.STUCK, RequestStatus.ABORTED, RequestStatus.ABORTED]
    assert parts(result) == [
        {"waiting_for_slot": 2.0 + 4.0, "waiting_for_memory": 2.0 + 2.0},
        {"waiting_for_memory": 2.0},
        {"waiting_for_memory": 2.0},
    ]
    workload = SlowWorkload([1, 1, 1], [4, 1, 1], [1.0, 1.0, 5.0], abort_time=[math.nan, 3.0, 7.0])
    assert_same_run(Case(workload, SlowOptions(policy="dynamic", max_queue_delay=10.0, iteration_time=1.0, **options)))


def test_a_request_whose_client_leaves() -> None:
    # One slot, iterations of a second. Request 0 has one token when its client leaves in [1, 2), and the time up to 2.0
    # is told; request 1 waits for its slot, until its own client leaves at 0.5, which is taken at 1.0.
    requests = RequestColumns([5, 5, 1], [1, 1, 1], abort_time=[1.5, 0.5, math.nan])
    result = simulate(requests, max_num_seqs=1, iteration_time=1.0, attribution=True)
    assert result.end_time.tolist() == [2.0, 1.0, 3.0]
    assert parts(result) == [
        {"prefill": 1.0, "decode": 1.0},
        {"waiting_for_slot": 1.0},
        {"waiting_for_slot": 2.0, "prefill": 1.0},
    ]


def test_rejected_and_unfinished_requests() -> None:
    # Iterations of a second until 2.0. Request 1 is too long, request 2 waits, request 3 comes after the end.
    requests = RequestColumns([5, 1, 1, 1], [1, 9, 1, 1], [0.0, 0.0, 0.5, 7.0])
    result = simulate(requests, max_num_seqs=1, max_model_len=8, iteration_time=1.0, time_limit=2.0, attribution=True)
    attribution = attributed(result)
    assert [math.isnan(getattr(attribution, part)[1]) for part in PARTS] == [True] * len(PARTS)
    kept = parts(result)
    assert kept[0] == {"prefill": 1.0, "decode": 1.0}
    assert kept[2:] == [{"waiting_for_slot": 1.5}, {}]
    assert [band.count for band in attribution.bands()] == [0, 0, 0, 0]
    assert repr(attribution) == "Attribution(4 requests, none finished)"


@settings(max_examples=200)
@given(case=cases)
def test_the_parts_add_up_to_the_nanosecond(case: Case) -> None:
    result = run_library(case, attribution=True)
    attribution = attributed(result)
    duration = nanoseconds(result.duration)
    for index, status in enumerate(result.status):
        values = [float(getattr(attribution, part)[index]) for part in PARTS]
        if status >= RequestStatus.NOT_SENT:
            assert all(map(math.isnan, values))
        else:
            assert min(values) >= 0
            arrival = nanoseconds(float(result.arrival_time[index]))
            has_ended = status in {RequestStatus.FINISHED, RequestStatus.ABORTED}
            end = nanoseconds(float(result.end_time[index])) if has_ended else max(duration, arrival)
            assert sum(map(nanoseconds, values)) == end - arrival


def slow_bands(attribution: Attribution, percentiles: list[float]) -> list[dict[str, Any]]:
    """With Python's integers, one request after the other."""
    rows = [
        [nanoseconds(float(getattr(attribution, part)[index])) for part in PARTS]
        for index in range(len(attribution))
        if attribution.status[index] == RequestStatus.FINISHED
    ]
    totals = sorted(map(sum, rows))

    def edge(percentile: float) -> int:
        place = math.ceil(len(totals) * percentile / 100)
        return totals[place - 1] if percentile > 0 and totals else -1

    bands = []
    for lower, upper in itertools.pairwise(percentiles):
        inside = [row for row in rows if edge(lower) < sum(row) <= edge(upper)]
        count = len(inside)
        own = [sum(row) for row in inside] or [0]
        means = [sum(column) / count / 1e9 for column in zip(*inside, strict=True)] or [0.0] * len(PARTS)
        bands.append(
            {
                "lower": lower,
                "upper": upper,
                "count": count,
                "shortest": min(own) / 1e9,
                "longest": max(own) / 1e9,
                "mean_total": sum(own) / count / 1e9 if count else 0.0,
                "mean": dict(zip(PARTS, means, strict=True)),
            }
        )
    return bands


EDGES = st.lists(st.sampled_from([0, 0.1, 1, 5, 12.5, 25, 50, 75, 90, 99, 99.9, 100]), min_size=1, unique=True)


@settings(max_examples=200)
@given(case=cases, edges=EDGES)
def test_bands_as_a_slow_sum_gives_them(case: Case, edges: list[float]) -> None:
    attribution = attributed(run_library(case, attribution=True))
    percentiles = sorted(float(edge) for edge in edges)
    assert [asdict(band) for band in attribution.bands(percentiles)] == slow_bands(attribution, percentiles)


def made(totals: list[float]) -> Attribution:
    """Finished requests that spent all of these times decoding."""
    columns = {part: np.zeros(len(totals)) for part in PARTS}
    columns["decode"] = np.array(totals)
    return Attribution(columns, np.zeros(len(totals), np.int32))


def test_ties_are_in_one_band_and_edges_belong_below() -> None:
    bands = made([1.0, 2.0, 2.0, 2.0, 5.0]).bands((0, 20, 40, 60, 100))
    # The edges are the times at places 1, 2, 3 and 5: 1, 2, 2 and 5 s.
    assert [(band.count, band.shortest, band.longest) for band in bands] == [
        (1, 1.0, 1.0),
        (3, 2.0, 2.0),
        (0, 0.0, 0.0),
        (1, 5.0, 5.0),
    ]
    # A band that does not begin at 0 leaves out what is not above its edge.
    assert [band.count for band in made([1.0, 2.0, 2.0, 2.0, 5.0]).bands((40, 80, 99))] == [0, 1]


def test_many_requests_are_divided_as_numpy_divides_them() -> None:
    count = 50_000
    totals = np.random.default_rng(5).permutation(np.arange(1, count + 1)) / 1e9
    bands = made(totals.tolist()).bands((0, 50, 90, 99, 100))
    assert [band.count for band in bands] == [25_000, 20_000, 4_500, 500]
    # The last 1 % are 49,501 to 50,000 nanoseconds.
    assert bands[-1].mean.decode == float(Fraction(49_501 + 50_000, 2)) / 1e9
    assert (bands[-1].shortest, bands[-1].longest) == (49_501 / 1e9, 50_000 / 1e9)


def test_the_total_and_what_dominates() -> None:
    requests = RequestColumns([3, 2], [1, 1], [0.0, 0.5])
    attribution = attributed(simulate(requests, max_num_seqs=1, iteration_time=1.0, attribution=True))
    total = attribution.total()
    assert (total.waiting_for_slot, total.prefill, total.decode) == (2.5, 2.0, 3.0)
    assert [band.dominant for band in attribution.bands((0, 50, 100))] == ["decode", "waiting_for_slot"]
    assert repr(attribution) == (
        "Attribution(2 finished requests, mean 3.75 s: waiting_for_slot 1.25 s, prefill 1 s, decode 1.5 s)"
    )


def test_the_columns_cannot_be_changed() -> None:
    attribution = attributed(simulate(RequestColumns([2]), attribution=True))
    assert len(attribution) == 1
    for part in PARTS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(attribution, part)[0] = 1.0
    with pytest.raises(AttributeError, match="cannot be changed"):
        attribution.decode = np.zeros(1)


@pytest.mark.parametrize(
    ("percentiles", "sentence"),
    [
        ([], "percentiles is empty: must have at least one element"),
        ([0, 0], r"percentiles\[1\] is 0.0: must be above percentiles\[0\], which is 0.0"),
        ([0, 50, 49.5], r"percentiles\[2\] is 49.5: must be above percentiles\[1\], which is 50.0"),
        ([-1, 50], r"percentiles\[0\] is -1.0: must be between 0 and 100"),
        ([0, 100.5], r"percentiles\[1\] is 100.5: must be between 0 and 100"),
        ([0, math.nan], r"percentiles\[1\] is nan: must be between 0 and 100"),
        (list(np.linspace(0, 100, 1002)), "the number of percentiles less 1 is 1001: must be between 0 and 1000"),
    ],
)
def test_percentiles_that_are_none(percentiles: list[float], sentence: str) -> None:
    with pytest.raises(BatchingError, match=sentence) as raised:
        made([1.0]).bands(percentiles)
    assert isinstance(raised.value, ValueError)


def test_arguments_of_the_wrong_type() -> None:
    with pytest.raises(TypeError, match="attribution is 1: must be True or False"):
        simulate(RequestColumns([1]), attribution=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"percentiles\[0\] is '0': must be a number"):
        made([1.0]).bands(["0", "100"])  # type: ignore[list-item]


@pytest.mark.parametrize("seconds", [-1.0, math.inf, 9223372037.0])
def test_parts_that_are_no_times(seconds: float) -> None:
    with pytest.raises(BatchingError, match=r"decode\[1\] is .*: must be between 0 and 9223372036 seconds"):
        made([1.0, seconds]).bands()
    halves = made([1.0, 9e9])
    columns = {part: getattr(halves, part) for part in PARTS} | {"prefill": np.array([0.0, 1e9])}
    with pytest.raises(BatchingError, match=r"the parts of request 1 add up to .* seconds: must be at most 9223372036"):
        Attribution(columns, halves.status).bands()
