"""Synthetic requests: each distribution against its theory, and what they share against a slow account of it.

A Kolmogorov-Smirnov distance of n samples is beyond 1.95 / sqrt(n) once in 1,000 seeds; the seeds are fixed, so a test
that passes goes on passing.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batching
from batching import (
    Arrivals,
    ConstantArrivals,
    EmpiricalLengths,
    FixedLengths,
    GammaArrivals,
    LognormalLengths,
    PoissonArrivals,
    Ramp,
    RequestColumns,
    Sessions,
    SharedPrefixes,
    UniformLengths,
    ZipfLengths,
    generate_requests,
    generate_workload,
    simulate,
)
from oracle.random_stream import RandomStream

COUNT = 100_000


def arrivals_of(arrivals: Arrivals, count: int = COUNT, seed: int = 1) -> npt.NDArray[np.float64]:
    times = generate_requests(count, arrivals, seed=seed).arrival_time
    assert times is not None
    return times


def prompts_of(requests: RequestColumns) -> npt.NDArray[np.int32]:
    assert requests.prompt_length is not None
    return requests.prompt_length


def distance(samples: npt.NDArray[np.float64], distribution: Callable[[float], float]) -> float:
    """Kolmogorov and Smirnov's, times the root of the number of samples."""
    ordered = np.sort(samples)
    theory = np.array([distribution(value) for value in ordered])
    count = len(ordered)
    above = np.arange(1, count + 1) / count - theory
    below = theory - np.arange(count) / count
    return float(max(above.max(), below.max()) * math.sqrt(count))


def erlang_4(x: float) -> float:
    """Gamma with shape 4 and scale 1."""
    return 1 - math.exp(-x) * sum(x**k / math.factorial(k) for k in range(4))


def gamma_half(x: float) -> float:
    """Gamma with shape 1/2 and scale 1: half of a squared normal deviate."""
    return math.erf(math.sqrt(x))


# --- Arrivals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "distribution"), [(4.0, erlang_4), (0.5, gamma_half)])
def test_gamma_gaps_follow_their_distribution(shape: float, distribution: Callable[[float], float]) -> None:
    gaps = np.diff(arrivals_of(GammaArrivals(2.0, burstiness=shape)), prepend=0.0)
    assert distance(gaps[:20_000] * 2 * shape, distribution) < 1.95
    # Five standard errors: of the mean cv / sqrt(n), of the variance sqrt((kurtosis - 1) / n), kurtosis 3 + 6 / shape.
    cv = 1 / math.sqrt(shape)
    assert gaps.mean() == pytest.approx(0.5, rel=5 * cv / math.sqrt(COUNT))
    assert gaps.var() == pytest.approx((0.5 * cv) ** 2, rel=5 * math.sqrt((2 + 6 / shape) / COUNT))
    # The tail: gaps beyond three means.
    expected = 1 - distribution(3 * shape)
    assert np.mean(gaps > 1.5) == pytest.approx(expected, abs=5 * math.sqrt(expected / COUNT))


def test_gamma_gaps_of_shape_1_are_exponential_and_those_of_a_large_shape_equal() -> None:
    gaps = np.diff(arrivals_of(GammaArrivals(1.0, burstiness=1.0)), prepend=0.0)
    assert distance(gaps[:20_000], lambda x: 1 - math.exp(-x)) < 1.95
    even = np.diff(arrivals_of(GammaArrivals(1.0, burstiness=1e8), 1000), prepend=0.0)
    # The coefficient of variation is 1e-4, and six deviations are rarer than 1000 gaps show.
    assert np.abs(even - 1).max() < 6e-4


def test_gamma_gaps_of_infinite_burstiness_are_constant_to_the_last_bit() -> None:
    # vLLM's bench serve has them exactly 1 / rate.
    even = arrivals_of(GammaArrivals(3.0, burstiness=math.inf), 1000)
    assert even.tolist() == [round((index + 1) / 3.0 * 1e9) / 1e9 for index in range(1000)]
    assert even.tolist() == arrivals_of(ConstantArrivals(3.0), 1000).tolist()


def test_constant_arrivals_do_not_drift() -> None:
    times = arrivals_of(ConstantArrivals(3.0))
    expected = np.array([round((index + 1) / 3.0 * 1e9) for index in range(COUNT)])
    assert np.array_equal(np.round(times * 1e9).astype(np.int64), expected)


@pytest.mark.parametrize("shape", ["linear", "exponential"])
def test_a_ramp_changes_the_rate_as_vllm_does(shape: Any) -> None:
    steps = 500
    times = arrivals_of(ConstantArrivals(2.0, ramp=Ramp(40.0, steps, shape)), 1000)
    clock = 0
    for index in range(1000):
        share = min(index, steps - 1) / (steps - 1)
        rate = 2.0 + 38.0 * share if shape == "linear" else 2.0 * 20.0**share
        clock += round(1e9 / rate)
        # Each gap is rounded to a nanosecond, here and there from rates that differ in the last bit.
        assert times[index] * 1e9 == pytest.approx(clock, abs=index + 2)


def test_a_ramp_of_poisson_arrivals_has_its_rates() -> None:
    gaps = np.diff(arrivals_of(PoissonArrivals(10.0, ramp=Ramp(30.0, 50_000)), COUNT), prepend=0.0)
    rates = np.minimum(10.0 + 20.0 * np.arange(COUNT) / 49_999, 30.0)
    assert distance((gaps * rates)[:20_000], lambda x: 1 - math.exp(-x)) < 1.95
    assert distance((gaps * rates)[-20_000:], lambda x: 1 - math.exp(-x)) < 1.95


def test_bursts_arrive_together_at_the_same_rate() -> None:
    times = arrivals_of(PoissonArrivals(5.0, burst_size=8))
    bursts = times.reshape(-1, 8)
    assert (bursts == bursts[:, :1]).all()
    gaps = np.diff(bursts[:, 0], prepend=0.0)
    assert distance(gaps / 1.6, lambda x: 1 - math.exp(-x)) < 1.95


def test_nothing_arrives_in_the_off_times() -> None:
    times = arrivals_of(PoissonArrivals(7.0, on_time=2.5, off_time=10.0))
    rounds, rest = np.divmod(times, 12.5)
    assert (rest <= 2.5).all()
    # On the clock of the on times they are the arrivals without off times.
    assert rounds * 2.5 + rest == pytest.approx(arrivals_of(PoissonArrivals(7.0)), rel=1e-12)


def test_an_infinite_rate_is_everything_at_once() -> None:
    for kind in (PoissonArrivals, GammaArrivals, ConstantArrivals):
        assert arrivals_of(kind(math.inf, burst_size=3), 10).tolist() == [0.0] * 10


# --- Lengths ----------------------------------------------------------------------------------------------------------


def test_lognormal_lengths_follow_their_distribution() -> None:
    lengths = prompts_of(generate_requests(COUNT, prompt_length=LognormalLengths(4e6, 0.8), seed=3))
    # Lengths of millions: what rounding to tokens changes is far below the distance.
    deviates = np.log(lengths / 4e6) / 0.8
    assert distance(deviates[:20_000], lambda x: (1 + math.erf(x / math.sqrt(2))) / 2) < 1.95
    assert deviates.mean() == pytest.approx(0, abs=5 / math.sqrt(COUNT))
    assert deviates.var() == pytest.approx(1, rel=5 * math.sqrt(2 / COUNT))
    assert np.mean(deviates > 3) == pytest.approx(0.00135, abs=5 * math.sqrt(0.00135 / COUNT))


def test_lognormal_lengths_stay_in_their_range() -> None:
    lengths = prompts_of(generate_requests(COUNT, prompt_length=LognormalLengths(100, 2.0, 10, 1000)))
    # ln 10 / 2 = 1.1513 deviations to either side: 0.12484 of a normal distribution lies beyond each.
    for end in (10, 1000):
        assert np.mean(lengths == end) == pytest.approx(0.12484, abs=5 * math.sqrt(0.125 / COUNT) + 0.001)
    assert (lengths.min(), lengths.max()) == (10, 1000)
    extremes = prompts_of(generate_requests(COUNT, prompt_length=LognormalLengths(1.0, 100.0)))
    assert (extremes.min(), extremes.max()) == (1, 2**31 - 1)


@pytest.mark.parametrize("exponent", [0.3, 1.0, 1.0000001, 1.6, 5.0])
def test_zipf_lengths_have_the_weights_of_their_ranks(exponent: float) -> None:
    lengths = prompts_of(generate_requests(COUNT, prompt_length=ZipfLengths(7, 46, exponent)))
    weights = np.arange(1, 41) ** -exponent
    expected = COUNT * weights / weights.sum()
    counted = np.bincount(lengths, minlength=47)[7:47]
    assert counted.sum() == COUNT
    # Ranks expected fewer than ten times are taken together; chi-squared is within 5 deviations of its mean.
    often = expected >= 10
    observed = np.append(counted[often], counted[~often].sum())
    theory = np.append(expected[often], expected[~often].sum())
    used = theory > 0
    chi_squared = float((((observed - theory) ** 2)[used] / theory[used]).sum())
    freedom = int(used.sum()) - 1
    assert chi_squared < freedom + 5 * math.sqrt(2 * freedom)


def test_zipf_lengths_of_two_billion_ranks() -> None:
    lengths = prompts_of(generate_requests(COUNT, prompt_length=ZipfLengths(1, 2**31 - 1, 1.0)))
    # P(rank <= k) = H_k / H_n, with H_k about ln k + 0.5772.
    for rank in (1, 10, 1000, 10**6):
        share = sum(1 / k for k in range(1, rank + 1)) / (math.log(2**31) + 0.57722)
        assert np.mean(lengths <= rank) == pytest.approx(share, abs=5 * 0.5 / math.sqrt(COUNT))


def test_empirical_lengths_are_those_of_the_sample() -> None:
    prompts, outputs = [5, 50, 50, 500], [1, 2, 3, 4]
    requests = generate_requests(
        COUNT, prompt_length=EmpiricalLengths(prompts), output_length=EmpiricalLengths(outputs)
    )
    # Each pair of one sample, and each as often as the others: a standard error of sqrt(3 / 16 / n).
    assert set(zip(prompts_of(requests).tolist(), requests.output_length.tolist(), strict=True)) == set(
        zip(prompts, outputs, strict=True)
    )
    for output in outputs:
        assert np.mean(requests.output_length == output) == pytest.approx(0.25, abs=5 * math.sqrt(3 / 16 / COUNT))
    independent = generate_requests(
        COUNT, prompt_length=EmpiricalLengths(prompts, independent=True), output_length=EmpiricalLengths(outputs)
    )
    # All 12 pairs; (50, 1) in an eighth of all.
    together = (prompts_of(independent) == 50) & (independent.output_length == 1)
    assert np.mean(together) == pytest.approx(1 / 8, abs=5 * math.sqrt(7 / 64 / COUNT))


# --- Prefixes and sessions --------------------------------------------------------------------------------------------


def ids_of(requests: RequestColumns) -> list[list[int]]:
    assert requests.hash_ids is not None
    assert requests.hash_offsets is not None
    return [part.tolist() for part in np.split(requests.hash_ids, requests.hash_offsets[1:-1])]


def test_the_requests_of_a_group_share_their_prefix_and_nothing_else() -> None:
    plain = generate_requests(5000, seed=8)
    shared = generate_requests(5000, prefixes=SharedPrefixes(20, 100, exponent=1.0), seed=8)
    assert prompts_of(shared).tolist() == (prompts_of(plain) + 100).tolist()
    assert shared.output_length.tolist() == plain.output_length.tolist()
    assert shared.arrival_time is not None
    assert plain.arrival_time is not None
    assert shared.arrival_time.tolist() == plain.arrival_time.tolist()
    ids = ids_of(shared)
    # 100 tokens are six full blocks of 16; two requests have all six in common, or none.
    assert {len(part) for part in ids} == {6}
    groups = {tuple(part) for part in ids}
    assert len({identity for group in groups for identity in group}) == 6 * len(groups)
    # Group g has the share 1 / (g + 1) / H_20.
    shares = sorted((np.mean([tuple(part) == group for part in ids]) for group in groups), reverse=True)
    harmonic = sum(1 / k for k in range(1, 21))
    assert len(shares) == 20
    assert shares[0] == pytest.approx(1 / harmonic, abs=5 * math.sqrt(0.2 / 5000))
    assert shares[1] == pytest.approx(1 / harmonic / 2, abs=5 * math.sqrt(0.12 / 5000))


def test_a_prefix_is_found_in_the_cache() -> None:
    requests = generate_requests(
        200, ConstantArrivals(1.0), UniformLengths(1, 40), FixedLengths(3), prefixes=SharedPrefixes(1, 170)
    )
    result = simulate(
        requests, iteration_time=1e-3, num_gpu_blocks=20_000, enable_prefix_caching=True, max_num_batched_tokens=8192
    )
    # Ten full blocks of the prefix, from the second request on.
    assert result.prefix_cached_tokens.tolist() == [0] + [160] * 199


class Turn:
    """A request of a session, as the test pieces it together."""

    def __init__(self, arrival: float, prompt: int, output: int) -> None:
        self.arrival, self.prompt, self.output = arrival, prompt, output


def sessions_of(requests: RequestColumns) -> list[list[Turn]]:
    """The turns of each session, told from the hash of a request's last token. Needs blocks of one token."""
    found: dict[int, list[Turn]] = {}
    assert requests.arrival_time is not None
    for index, ids in enumerate(ids_of(requests)):
        turn = Turn(
            float(requests.arrival_time[index]), int(prompts_of(requests)[index]), int(requests.output_length[index])
        )
        assert len(ids) == turn.prompt + turn.output
        found.setdefault(ids[-1] >> 31, []).append(turn)
    return list(found.values())


def test_a_turn_begins_with_all_that_was_said_before() -> None:
    kinds: dict[str, Any] = {"prompt_length": UniformLengths(1, 9), "output_length": UniformLengths(1, 5)}
    requests = generate_requests(
        3000, PoissonArrivals(1.0), **kinds, sessions=Sessions((2, 6), think_time=30.0), hash_block_size=1
    )
    # What is drawn is drawn in order of arrival, whichever session a turn belongs to.
    drawn = prompts_of(generate_requests(3000, PoissonArrivals(1.0), **kinds))
    order = {(turn.arrival, turn.prompt): position for position, turn in enumerate(_turns(requests))}
    assert requests.arrival_time is not None
    assert (np.diff(requests.arrival_time) >= 0).all()
    sessions = sessions_of(requests)
    lengths, pauses = [], []
    for session in sessions:
        before = 0
        for turn in session:
            assert turn.prompt == before + drawn[order[turn.arrival, turn.prompt]]
            before = turn.prompt + turn.output
        lengths.append(len(session))
        pauses += [later.arrival - earlier.arrival for earlier, later in itertools.pairwise(session)]
    # The first sessions have ended, so that their turns are all here: uniform over 2..6, mean 4, deviation sqrt 2.
    ended = lengths[:300]
    assert set(ended) == {2, 3, 4, 5, 6}
    assert np.mean(ended) == pytest.approx(4, abs=5 * math.sqrt(2 / 300))
    # Pauses are cut off where the requests end: only sessions that began early count.
    assert np.mean(pauses[:1000]) == pytest.approx(30.0, rel=5 / math.sqrt(1000))


def _turns(requests: RequestColumns) -> Sequence[Turn]:
    assert requests.arrival_time is not None
    columns = (requests.arrival_time, prompts_of(requests), requests.output_length)
    return [Turn(float(time), int(prompt), int(output)) for time, prompt, output in zip(*columns, strict=True)]


def test_two_requests_share_an_id_only_where_all_before_is_the_same() -> None:
    requests = generate_requests(
        400,
        prompt_length=UniformLengths(0, 20),
        output_length=UniformLengths(1, 9),
        prefixes=SharedPrefixes(3, 21),
        sessions=Sessions((1, 4), think_time=1.0),
        hash_block_size=4,
    )
    path: dict[int, list[int]] = {}
    for index, ids in enumerate(ids_of(requests)):
        assert len(ids) == (int(prompts_of(requests)[index]) + int(requests.output_length[index])) // 4
        for place, identity in enumerate(ids):
            assert path.setdefault(identity, ids[:place]) == ids[:place]


def test_the_turn_before_is_found_in_the_cache() -> None:
    requests = generate_requests(
        300,
        PoissonArrivals(1.0),
        UniformLengths(1, 100),
        UniformLengths(1, 60),
        sessions=Sessions(4, think_time=50.0),
    )
    result = simulate(
        requests,
        iteration_time=1e-6,
        num_gpu_blocks=100_000,
        enable_prefix_caching=True,
        max_num_batched_tokens=8192,
    )
    # Iterations of a microsecond: a turn has ended when the next one arrives. The KV of its last token was never
    # computed, and of a prompt at least one token is.
    last: dict[int, int] = {}
    for index, ids in enumerate(ids_of(requests)):
        prompt, output = int(prompts_of(requests)[index]), int(requests.output_length[index])
        session = ids[0] >> 31 if ids else -1
        before = last.get(session, 0) if session >= 0 else 0
        assert result.prefix_cached_tokens[index] == min(max(before - 1, 0) // 16, (prompt - 1) // 16) * 16
        last[session] = prompt + output


# --- Closed sessions --------------------------------------------------------------------------------------------------


@given(
    arrivals=st.sampled_from([PoissonArrivals(0.5), ConstantArrivals(2.0, burst_size=2), GammaArrivals(1.0, 0.4)]),
    turns=st.tuples(st.integers(1, 3), st.integers(3, 5)),
    prefix=st.sampled_from([None, SharedPrefixes(3, 40)]),
    seed=st.integers(0, 2**64 - 1),
    count=st.integers(0, 60),
)
def test_closed_sessions_are_those_of_a_slow_account(
    arrivals: Arrivals, turns: tuple[int, int], prefix: SharedPrefixes | None, seed: int, count: int
) -> None:
    # Requests that have no turns tell what the streams draw: when sessions begin, and how many tokens a turn adds.
    plain = generate_requests(count, arrivals, seed=seed)
    assert plain.arrival_time is not None
    closed = generate_requests(
        count,
        arrivals,
        prefixes=prefix,
        sessions=Sessions(turns, 30.0, closed=True),
        hash_block_size=1,
        seed=seed,
    )
    assert closed.session is not None
    assert closed.delay is not None
    assert closed.arrival_time is not None
    assert closed.hash_covers_output or turns == (1, 1)
    think_times = RandomStream(seed, 7)
    session, turn, context = -1, 0, 0
    last: list[int] = []
    for row, ids in enumerate(ids_of(closed) if count else []):
        if closed.session[row] != session:
            # How many turns a session has is drawn from a stream of its own, that of its range.
            assert session < 0 or turns[0] <= turn <= turns[1]
            session, turn, context = session + 1, 0, prefix.length if prefix else 0
        assert closed.session[row] == session
        assert turn < turns[1]
        assert closed.arrival_time[row] == plain.arrival_time[session]
        assert closed.output_length[row] == plain.output_length[row]
        assert prompts_of(closed)[row] == context + prompts_of(plain)[row]
        # The library's logarithm is its own, and right but for the last bits.
        expected = 30.0 * think_times.exponential() if turn > 0 else 0.0
        assert closed.delay[row] == pytest.approx(expected, abs=1.1e-9)
        assert len(ids) == prompts_of(closed)[row] + closed.output_length[row]
        assert turn == 0 or ids[: len(last)] == last
        context, last, turn = len(ids), ids, turn + 1


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_lognormal_delays_are_those_of_their_stream(seed: int) -> None:
    requests = generate_requests(
        2000, sessions=Sessions(2, 4.0, closed=True, think_times="lognormal", think_time_sigma=1.5), seed=seed
    )
    assert requests.delay is not None
    stream = RandomStream(seed, 7)
    expected = [4.0 * math.exp(1.5 * stream.normal() - 1.5**2 / 2) for _ in range(1000)]
    assert requests.delay[0::2].tolist() == [0.0] * 1000
    assert requests.delay[1::2] == pytest.approx(expected, rel=1e-13, abs=1.1e-9)


def test_open_sessions_think_as_long_as_closed_ones() -> None:
    # One session each: the next would begin after some hours.
    kinds: dict[str, Any] = {"prompt_length": FixedLengths(1), "output_length": FixedLengths(1)}
    for times in ("exponential", "constant", "lognormal"):
        sessions = Sessions(100, 2.0, think_times=times, think_time_sigma=0.5)
        there = generate_requests(100, PoissonArrivals(1e-5), sessions=sessions, **kinds)
        closed = generate_requests(100, PoissonArrivals(1e-5), sessions=replace(sessions, closed=True), **kinds)
        assert there.arrival_time is not None
        assert closed.delay is not None
        assert there.session is None
        assert there.delay is None
        gaps = np.diff(np.rint(there.arrival_time * 1e9).astype(np.int64))
        assert gaps.tolist() == np.rint(closed.delay[1:] * 1e9).astype(np.int64).tolist()


def test_a_closed_session_is_sent_turn_by_turn() -> None:
    requests = generate_requests(
        40,
        PoissonArrivals(1.0),
        FixedLengths(3),
        FixedLengths(5),
        sessions=Sessions(4, 2.5, closed=True, think_times="constant"),
    )
    result = simulate(requests, iteration_time=0.01)
    assert requests.session is not None
    ends = np.rint(result.end_time.reshape(-1, 4) * 1e9).astype(np.int64)
    sent = np.rint(result.sent_time.reshape(-1, 4) * 1e9).astype(np.int64)
    assert requests.session.tolist() == [row // 4 for row in range(40)]
    assert (sent[:, 1:] == ends[:, :-1] + 2_500_000_000).all()


# --- Seeds ------------------------------------------------------------------------------------------------------------

ARRIVALS = st.sampled_from([
    PoissonArrivals(3.0),
    GammaArrivals(2.0, burstiness=0.3),
    ConstantArrivals(5.0, burst_size=3),
    PoissonArrivals(2.0, ramp=Ramp(9.0, 20), on_time=1.0, off_time=2.0),
])  # fmt: skip
LENGTHS = st.sampled_from([
    FixedLengths(9),
    UniformLengths(1, 50),
    LognormalLengths(30.0, 1.0, 1, 5000),
    ZipfLengths(1, 900, 1.2),
    EmpiricalLengths([4, 8, 15, 16, 23, 42]),
])  # fmt: skip
SHARED = st.sampled_from([
    {},
    {"prefixes": SharedPrefixes(3, 40)},
    {"sessions": Sessions((1, 5), think_time=2.0)},
    {"prefixes": SharedPrefixes(2, 17, 1.0), "sessions": Sessions(3)},
    {"sessions": Sessions((1, 5), think_time=2.0, closed=True)},
])  # fmt: skip


@given(ARRIVALS, LENGTHS, LENGTHS, SHARED, st.integers(0, 2**64 - 1), st.integers(0, 200))
def test_the_first_requests_are_the_same_for_every_count(
    arrivals: Arrivals, prompts: Any, outputs: Any, shared: dict[str, Any], seed: int, count: int
) -> None:
    many = generate_requests(200, arrivals, prompts, outputs, seed=seed, **shared)
    few = generate_requests(count, arrivals, prompts, outputs, seed=seed, **shared)
    assert few.output_length.tolist() == many.output_length[:count].tolist()
    assert prompts_of(few).tolist() == prompts_of(many)[:count].tolist()
    assert few.arrival_time is not None
    assert many.arrival_time is not None
    assert few.arrival_time.tolist() == many.arrival_time[:count].tolist()
    assert (np.diff(few.arrival_time) >= 0).all()
    if shared:
        assert count == 0 or ids_of(few) == ids_of(many)[:count]


@given(ARRIVALS, LENGTHS, LENGTHS, st.integers(0, 2**64 - 1))
def test_one_purpose_shifts_no_other(arrivals: Arrivals, prompts: Any, outputs: Any, seed: int) -> None:
    one = generate_requests(100, arrivals, prompts, FixedLengths(1), seed=seed)
    other = generate_requests(100, PoissonArrivals(1.0), prompts, outputs, seed=seed)
    assert prompts_of(one).tolist() == prompts_of(other).tolist() or isinstance(outputs, EmpiricalLengths)
    again = generate_requests(100, arrivals, UniformLengths(3, 4), outputs, seed=seed)
    assert one.arrival_time is not None
    assert again.arrival_time is not None
    assert one.arrival_time.tolist() == again.arrival_time.tolist()


def test_the_defaults_are_those_of_generate_workload() -> None:
    one, other = generate_requests(1000, seed=5), generate_workload(1000, seed=5)
    for name in ("prompt_length", "output_length", "arrival_time"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert one.hash_ids is None


# --- Mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"arrivals": PoissonArrivals(0.0)}, "arrivals.rate is 0.0: must be greater than 0"),
        ({"arrivals": PoissonArrivals(math.nan)}, "arrivals.rate is nan"),
        ({"arrivals": GammaArrivals(1.0, burstiness=0.0)}, "arrivals.burstiness is 0.0"),
        ({"arrivals": GammaArrivals(1.0, burstiness=math.nan)}, "arrivals.burstiness is nan"),
        ({"arrivals": GammaArrivals(1.0, burstiness=-math.inf)}, "arrivals.burstiness is -inf"),
        ({"arrivals": PoissonArrivals(1.0, burst_size=0)}, "arrivals.burst_size is 0"),
        ({"arrivals": PoissonArrivals(1.0, off_time=1.0)}, "arrivals.on_time is 0.0: must be at least 1 nanosecond"),
        ({"arrivals": PoissonArrivals(1.0, on_time=-1.0)}, "arrivals.on_time is -1.0"),
        (
            {"arrivals": PoissonArrivals(math.inf, ramp=Ramp(1.0, 5))},
            "arrivals.rate is inf: must be finite with a ramp",
        ),
        ({"arrivals": PoissonArrivals(1.0, ramp=Ramp(0.0, 5))}, "arrivals.ramp.end_rate is 0.0"),
        ({"arrivals": PoissonArrivals(1.0, ramp=Ramp(1.0, 1))}, "arrivals.ramp.num_requests is 1"),
        ({"arrivals": PoissonArrivals(1.0, ramp=Ramp(1.0, 5, "steep"))}, "arrivals.ramp.shape is 'steep'"),  # type: ignore[arg-type]
        ({"prompt_length": UniformLengths(-1, 4)}, "prompt_length.minimum is -1: must be at least 0"),
        ({"output_length": FixedLengths(0)}, "output_length.minimum is 0: must be at least 1"),
        ({"prompt_length": UniformLengths(5, 4)}, "prompt_length.maximum is 4"),
        ({"prompt_length": LognormalLengths(0.0, 1.0)}, "prompt_length.median is 0.0"),
        ({"output_length": LognormalLengths(1.0, -1.0)}, "output_length.sigma is -1.0"),
        ({"output_length": ZipfLengths(1, 5, 0.0)}, "output_length.exponent is 0.0: must be greater than 0"),
        ({"prompt_length": EmpiricalLengths([])}, "the number of samples is 0: must be between 1 and 2000000000"),
        ({"prompt_length": EmpiricalLengths([3, -1])}, "prompt_length.sample[1] is -1: must be at least 0"),
        ({"output_length": EmpiricalLengths([3, 0])}, "output_length.sample[1] is 0: must be at least 1"),
        (
            {"prompt_length": EmpiricalLengths([1]), "output_length": EmpiricalLengths([1, 2])},
            "output_length.sample has 2 elements",
        ),
        ({"prefixes": SharedPrefixes(0, 5)}, "prefixes.groups is 0"),
        ({"prefixes": SharedPrefixes(1, -5)}, "prefixes.length is -5"),
        ({"prefixes": SharedPrefixes(1, 5, 65.0)}, "prefixes.exponent is 65.0"),
        ({"sessions": Sessions(0)}, "sessions.turns[0] is 0"),
        ({"sessions": Sessions((3, 2))}, "sessions.turns[1] is 2: must be at least sessions.turns[0], which is 3"),
        ({"sessions": Sessions(2, think_time=-1.0)}, "sessions.think_time is -1.0"),
        ({"sessions": Sessions(2, think_times="long")}, "sessions.think_times is 'long': must be 'exponential', "),  # type: ignore[arg-type]
        (
            {"sessions": Sessions(2, think_times="lognormal", think_time_sigma=65.0)},
            "sessions.think_time_sigma is 65.0: must be between 0 and 64",
        ),
        (
            {"sessions": Sessions(9, 9223372036.0, closed=True)},
            "sessions.think_time is 9223372036.0: request ",
        ),
        ({"hash_block_size": 0}, "hash_block_size is 0"),
        ({"arrivals": ConstantArrivals(1e-9, on_time=1.0, off_time=1e9)}, "request 0 would arrive after 9223372036"),
        (
            {"prefixes": SharedPrefixes(1, 2**31 - 1), "prompt_length": FixedLengths(1)},
            "request 0 would have more than 2147483647 tokens",
        ),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_mistake_is_named(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the sentence is looked at below)
        generate_requests(10, **arguments)
    assert isinstance(raised.value, batching.BatchingError)
    assert sentence in str(raised.value)


def test_closed_is_a_switch() -> None:
    with pytest.raises(TypeError, match="closed is 1: must be True or False"):
        generate_requests(10, sessions=Sessions(2, closed=1))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["arrivals", "prompt_length", "output_length", "prefixes", "sessions"])
def test_something_else_is_a_type_error(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is 7: must be "):
        generate_requests(10, **{name: 7})  # type: ignore[arg-type]
