"""Slices of requests, against slow statements of the same row by row, and by hand."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batching import FixedLengths, RequestColumns, SharedPrefixes, generate_requests
from oracle.random_stream import MASK, RandomStream

LATEST = 9223372036.0


@dataclass(frozen=True)
class Row:
    """A request, as one row of a trace."""

    output_length: int
    prompt_length: int
    arrival_time: float
    priority: int
    tie_break: int
    max_tokens: int
    abort_time: float
    session: int | None
    delay: float
    hash_ids: tuple[int, ...]


def rows_of(requests: RequestColumns) -> list[Row]:
    """All columns, which must be there, but for those of sessions."""
    assert requests.hash_ids is not None
    assert requests.hash_offsets is not None
    offsets, ids = requests.hash_offsets.tolist(), requests.hash_ids.tolist()
    hashes = [tuple(ids[begin:end]) for begin, end in itertools.pairwise(offsets)]
    names = ("output_length", "prompt_length", "arrival_time", "priority", "tie_break", "max_tokens", "abort_time")
    columns = [getattr(requests, name).tolist() for name in names]
    count = len(requests)
    session: list[int | None] = [None] * count if requests.session is None else requests.session.tolist()
    delay = [0.0] * count if requests.delay is None else requests.delay.tolist()
    return [Row(*row) for row in zip(*columns, session, delay, hashes, strict=True)]


def requests_of(rows: list[Row]) -> RequestColumns:
    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in Row.__dataclass_fields__}
    if all(row.session is None for row in rows):
        columns |= {"session": None, "delay": None}
    return RequestColumns(**columns, hash_block_size=32, hash_covers_output=True)


def same(left: list[Row], right: list[Row]) -> bool:
    """Whether all is equal, to the bit: NaN is NaN."""
    return [repr(row) for row in left] == [repr(row) for row in right]


def first_turn(rows: list[Row], index: int) -> int:
    """The index of the first turn of a row's session."""
    if rows[index].session is None:
        return index
    return next(first for first, row in enumerate(rows) if row.session == rows[index].session)


TIMES = st.floats(0, 1000)


@st.composite
def traces(draw: Callable[..., Any], at_least: int = 0) -> list[Row]:
    """Rows of which sessions are mixed, whose later turns arrive no earlier than the turns before."""
    count = draw(st.integers(at_least, 12))
    has_sessions = draw(st.booleans())
    latest: dict[int, float] = {}
    rows = []
    for index in range(count):
        session = draw(st.sampled_from([-(2**63), 0, 7, 2**63 - 1])) if has_sessions else None
        arrival = draw(TIMES)
        is_first = session not in latest
        if session is not None:
            arrival = latest[session] = max(arrival, latest.get(session, 0.0))
        rows.append(
            Row(
                output_length=index + 1,
                prompt_length=draw(st.integers(0, 200)),
                arrival_time=arrival,
                priority=draw(st.integers(-3, 3)),
                tie_break=draw(st.integers(-(2**63), 2**63 - 1)),
                max_tokens=index + 5,
                abort_time=draw(st.one_of(st.just(math.nan), st.floats(0, 9))) + arrival,
                session=session,
                delay=0.0 if session is None or is_first else draw(st.floats(0, 50)),
                hash_ids=tuple(draw(st.lists(st.sampled_from([-(2**63), 1, 5, 2**62, 2**63 - 1]), max_size=3))),
            )
        )
    return rows


def test_requests_that_arrive_between_two_times() -> None:
    requests = RequestColumns([1, 2, 3, 4], arrival_time=[0.0, 4.0, 6.0, 6.5], abort_time=[1.0, 4.5, math.nan, 9.0])
    sliced = requests.between(4.0, 6.5)
    assert sliced.output_length.tolist() == [2, 3]
    assert sliced.arrival_time is not None
    assert sliced.arrival_time.tolist() == [0.0, 2.0]
    assert sliced.abort_time is not None
    assert sliced.abort_time.tolist() == pytest.approx([0.5, math.nan], nan_ok=True, abs=0)
    assert len(requests.between(4.0, 4.0)) == 0
    assert requests.between(4.0, math.inf).output_length.tolist() == [2, 3, 4]
    assert requests.between(0, 10**9).output_length.tolist() == [1, 2, 3, 4]


def test_a_session_is_in_a_slice_with_all_its_turns_or_not_at_all() -> None:
    requests = RequestColumns(
        [1, 2, 3, 4, 5],
        arrival_time=[1.0, 2.0, 9.0, 2.5, 3.0],
        session=[8, 3, 8, 3, 8],
        delay=[0.0, 0.0, 0.25, 0.5, 0.75],
    )
    # Session 8 begins before 2.0, and session 3 in time: its turn at 2.5 comes after 2.25.
    later, earlier = requests.between(2.0, 2.25), requests.between(0.5, 2.0)
    assert (later.output_length.tolist(), earlier.output_length.tolist()) == ([2, 4], [1, 3, 5])
    columns = [getattr(later, name).tolist() for name in ("arrival_time", "session", "delay")]
    assert columns == [[0.0, 0.5], [3, 3], [0.0, 0.5]]
    assert earlier.arrival_time is not None
    assert earlier.arrival_time.tolist() == [0.5, 8.5, 2.5]


def test_requests_without_arrivals_all_arrive_at_once() -> None:
    requests = RequestColumns([1, 2], [3, 4])
    assert requests.between(0.0, 1.0).arrival_time is None
    assert len(requests.between(0.0, 1.0)) == 2
    assert len(requests.between(1.0, 2.0)) == 0
    assert requests.repeated(2).arrival_time is None
    again = requests.repeated(2, period=1.5)
    assert again.arrival_time is not None
    assert again.arrival_time.tolist() == [0.0, 0.0, 1.5, 1.5]


@given(traces(), TIMES, TIMES)
def test_between_as_row_by_row(rows: list[Row], t0: float, length: float) -> None:
    t1 = t0 + length
    expected = [
        replace(row, arrival_time=row.arrival_time - t0, abort_time=row.abort_time - t0)
        for index, row in enumerate(rows)
        if t0 <= rows[first_turn(rows, index)].arrival_time < t1
    ]
    sliced = requests_of(rows).between(t0, t1)
    assert same(rows_of(sliced), expected)
    assert (sliced.hash_block_size, sliced.hash_covers_output) == (32, True)


def test_a_rate_counts_requests_between_the_first_and_the_last_arrival() -> None:
    # 4 requests in 8 s, so that 1 a second halves the times between them. Clients stay as long.
    requests = RequestColumns([1, 2, 3, 4], arrival_time=[10.0, 2.0, 4.0, 5.0], abort_time=[11.0, math.nan, 4.5, 5.0])
    scaled = requests.scaled_to_rate(1)
    assert scaled.arrival_time is not None
    assert scaled.arrival_time.tolist() == [6.0, 2.0, 3.0, 3.5]
    assert scaled.abort_time is not None
    assert scaled.abort_time.tolist() == pytest.approx([7.0, math.nan, 3.5, 3.5], nan_ok=True, abs=0)


def test_the_rate_of_sessions_is_that_of_their_first_turns() -> None:
    # First turns at 0.0, 2.0 and 6.0: 3 in 6 s. At 1 a second they come at 0.0, 1.0 and 3.0; the rest stays.
    requests = RequestColumns(
        [1, 2, 3, 4, 5],
        arrival_time=[0.0, 2.0, 5.0, 6.0, 8.0],
        session=[1, 2, 1, 3, 2],
        delay=[0.0, 0.0, 0.5, 0.0, 2.0],
    )
    scaled = requests.scaled_to_rate(1.0)
    assert scaled.arrival_time is not None
    assert scaled.arrival_time.tolist() == [0.0, 1.0, 5.0, 3.0, 7.0]
    assert scaled.delay is not None
    assert scaled.delay.tolist() == [0.0, 0.0, 0.5, 0.0, 2.0]


@given(traces(at_least=2), st.floats(0.001, 1000))
def test_scaled_as_row_by_row(rows: list[Row], rate: float) -> None:
    begins = sorted(rows[index].arrival_time for index in {first_turn(rows, index) for index in range(len(rows))})
    span = begins[-1] - begins[0]
    if span < 1e-3:
        return
    scale = (len(begins) / span) / rate
    expected = []
    for index, row in enumerate(rows):
        begin = rows[first_turn(rows, index)].arrival_time
        arrival = begins[0] + (begin - begins[0]) * scale + (row.arrival_time - begin)
        expected.append(replace(row, arrival_time=arrival, abort_time=arrival + (row.abort_time - row.arrival_time)))
    scaled = rows_of(requests_of(rows).scaled_to_rate(rate))
    assert same(scaled, expected)
    for session in {row.session for row in scaled} - {None}:
        arrivals = [row.arrival_time for row in scaled if row.session == session]
        assert arrivals == sorted(arrivals)


def test_copies_follow_after_the_mean_gap() -> None:
    # Three requests in 4 s: a gap of 2 s in the mean.
    requests = RequestColumns(
        [1, 2, 3],
        arrival_time=[1.0, 5.0, 2.0],
        abort_time=[math.nan, 5.5, 3.0],
        tie_break=[9, 8, 7],
        hash_ids=[[40], [40, -3], []],
        hash_block_size=8,
    )
    twice = requests.repeated(2)
    assert twice.output_length.tolist() == [1, 2, 3] * 2
    assert twice.arrival_time is not None
    assert twice.arrival_time.tolist() == [1.0, 5.0, 2.0, 7.0, 11.0, 8.0]
    assert twice.abort_time is not None
    expected = [math.nan, 5.5, 3.0, math.nan, 11.5, 9.0]
    assert twice.abort_time.tolist() == pytest.approx(expected, nan_ok=True, abs=0)
    assert twice.tie_break is not None
    assert twice.tie_break.tolist() == [9, 8, 7] * 2
    # By rank: -3 is 0 and 40 is 1; of the second copy 2 and 3.
    assert twice.hash_ids is not None
    assert twice.hash_ids.tolist() == [1, 1, 0, 3, 3, 2]
    assert twice.hash_offsets is not None
    assert twice.hash_offsets.tolist() == [0, 1, 3, 3, 4, 6, 6]
    kept = requests.repeated(2, keep_hash_ids=True)
    assert kept.hash_ids is not None
    assert kept.hash_ids.tolist() == [40, 40, -3] * 2
    # One that is shorter than a copy lets them overlap.
    overlapping = requests.repeated(2, period=0.5)
    assert overlapping.arrival_time is not None
    assert overlapping.arrival_time.tolist() == [1.0, 5.0, 2.0, 1.5, 5.5, 2.5]


def test_each_copy_has_sessions_of_its_own() -> None:
    # First turns at 0.0 and 3.0: a copy takes 3 s, and a gap of as much.
    requests = RequestColumns(
        [1, 2, 3, 4], arrival_time=[0.0, 3.0, 10.0, 3.0], session=[5, -(2**63), 5, -(2**63)], delay=[0.0, 0.0, 1.0, 2.0]
    )
    repeated = requests.repeated(3)
    assert repeated.session is not None
    assert repeated.session.tolist() == [1, 0, 1, 0, 3, 2, 3, 2, 5, 4, 5, 4]
    assert repeated.arrival_time is not None
    assert repeated.arrival_time.tolist() == [0.0, 3.0, 10.0, 3.0, 6.0, 9.0, 16.0, 9.0, 12.0, 15.0, 22.0, 15.0]
    assert repeated.delay is not None
    assert repeated.delay.tolist() == [0.0, 0.0, 1.0, 2.0] * 3


@given(traces(), st.integers(1, 4), st.one_of(st.none(), TIMES), st.booleans())
def test_repeated_as_row_by_row(rows: list[Row], copies: int, period: float | None, keep: bool) -> None:
    begins = [rows[index].arrival_time for index in {first_turn(rows, index) for index in range(len(rows))}]
    if period is not None:
        step = period
    elif len(begins) < 2:
        step = 0.0
    else:
        span = max(begins) - min(begins)
        step = span + span / (len(begins) - 1)
    sessions = sorted({row.session for row in rows if row.session is not None})
    ids = sorted({one for row in rows for one in row.hash_ids})
    expected = [
        replace(
            row,
            arrival_time=row.arrival_time + copy * step,
            abort_time=row.abort_time + copy * step,
            session=None if row.session is None else sessions.index(row.session) + copy * len(sessions),
            hash_ids=row.hash_ids if keep else tuple(ids.index(one) + copy * len(ids) for one in row.hash_ids),
        )
        for copy in range(copies)
        for row in rows
    ]
    repeated = requests_of(rows).repeated(copies, period=period, keep_hash_ids=keep)
    if rows:
        assert same(rows_of(repeated), expected)
    assert len(repeated) == len(expected)


def below(stream: RandomStream, bound: int) -> int:
    """An integer from 0, without bias: products whose lower half is below 2^64 mod bound are drawn again."""
    while True:
        product = stream.next() * bound
        if product & MASK >= 2**64 % bound:
            return product >> 64


def algorithm_s(seed: int, count: int, wanted: int) -> list[int]:
    """Knuth's selection sampling, with the stream of purpose 8."""
    stream = RandomStream(seed, 8)
    chosen: list[int] = []
    for index in range(count):
        if len(chosen) == wanted:
            break
        if below(stream, count - index) < wanted - len(chosen):
            chosen.append(index)
    return chosen


@pytest.mark.parametrize("seed", [0, 1, 42, 2**64 - 1])
@pytest.mark.parametrize(("count", "wanted"), [(0, 0), (1, 0), (1, 1), (10, 3), (10, 10), (1000, 17), (1000, 999)])
def test_a_sample_is_that_of_algorithm_s(seed: int, count: int, wanted: int) -> None:
    requests = RequestColumns(np.arange(1, count + 1), arrival_time=np.arange(count) * 0.5)
    sample = requests.sample(wanted, seed)
    expected = algorithm_s(seed, count, wanted)
    assert sample.output_length.tolist() == [index + 1 for index in expected]
    assert sample.arrival_time is not None
    assert sample.arrival_time.tolist() == [index * 0.5 for index in expected]


def test_every_request_is_as_likely_to_be_in_a_sample() -> None:
    # 3 of 10 in 4,000 samples: each is in 1,200 of them, with a standard deviation of 29.
    requests = RequestColumns(np.arange(1, 11))
    counts = np.zeros(10)
    for seed in range(4000):
        counts[requests.sample(3, seed).output_length - 1] += 1
    assert abs(counts - 1200).max() < 5 * math.sqrt(4000 * 0.3 * 0.7)


@given(traces(), st.integers(0, 2**64 - 1), st.integers(0, 12))
def test_sampled_as_row_by_row(rows: list[Row], seed: int, wanted: int) -> None:
    begins = sorted({first_turn(rows, index) for index in range(len(rows))})
    wanted = min(wanted, len(begins))
    chosen = {begins[number] for number in algorithm_s(seed, len(begins), wanted)}
    expected = [row for index, row in enumerate(rows) if first_turn(rows, index) in chosen]
    assert same(rows_of(requests_of(rows).sample(wanted, seed)), expected)


@pytest.mark.parametrize("exponent", [0.0, 1.2])
@pytest.mark.parametrize(("length", "block_size"), [(100, 16), (64, 64), (5, 16), (0, 1)])
def test_prefixes_are_those_of_generated_requests(exponent: float, length: int, block_size: int) -> None:
    generated = generate_requests(
        300, prefixes=SharedPrefixes(7, length, exponent), hash_block_size=block_size, seed=11
    )
    # Whose prompts are all at least as long as their prefixes.
    bare = RequestColumns(generated.output_length, generated.prompt_length, generated.arrival_time)
    shared = bare.with_prefixes(7, length, exponent=exponent, hash_block_size=block_size, seed=11)
    for name in ("hash_ids", "hash_offsets", "output_length", "prompt_length", "arrival_time"):
        assert getattr(shared, name).tolist() == getattr(generated, name).tolist()
    assert (shared.hash_block_size, shared.hash_covers_output) == (block_size, False)


def test_a_prefix_is_no_longer_than_the_prompt() -> None:
    requests = RequestColumns([1] * 5, [0, 15, 16, 47, 1000], hash_ids=[[1]] * 5, hash_covers_output=True)
    shared = requests.with_prefixes(groups=1, length=40)
    # Full blocks of 16 of 0, 15, 16, 40 and 40 tokens, of group 0.
    assert shared.hash_offsets is not None
    assert shared.hash_offsets.tolist() == [0, 0, 0, 1, 3, 5]
    assert shared.hash_ids is not None
    assert (shared.hash_ids - 2**62).tolist() == [0, 0, 1, 0, 1]
    assert shared.hash_covers_output is False
    without = RequestColumns([1, 2]).with_prefixes(3, 100)
    assert without.hash_ids is not None
    assert len(without.hash_ids) == 0


def test_the_turns_of_a_session_are_of_one_group() -> None:
    # Sessions 9, 4 and 6, in order of their first turns, have the groups that three requests would have.
    sessions = [9, 4, 9, 6, 4, 9]
    alone = generate_requests(3, prompt_length=FixedLengths(0), prefixes=SharedPrefixes(5, 16), seed=3).hash_ids
    assert alone is not None
    groups = dict(zip([9, 4, 6], alone.tolist(), strict=True))
    assert len(set(groups.values())) > 1
    shared = RequestColumns([1] * 6, [16] * 6, session=sessions).with_prefixes(5, 16, seed=3)
    assert shared.hash_ids is not None
    assert shared.hash_ids.tolist() == [groups[session] for session in sessions]


REQUESTS = RequestColumns([1, 2], arrival_time=[0.0, 1.0])


@pytest.mark.parametrize(
    ("slice_of", "sentence"),
    [
        (lambda: REQUESTS.between(-1.0, 2.0), r"t0 is -1\.0: must be between 0 and 9223372036"),
        (lambda: REQUESTS.between(math.nan, 2.0), "t0 is nan: must be between 0 and 9223372036"),
        (lambda: REQUESTS.between(math.inf, math.inf), "t0 is inf: must be between 0 and 9223372036"),
        (lambda: REQUESTS.between(3.0, 2.0), r"t1 is 2\.0: must be at least t0, which is 3\.0"),
        (lambda: REQUESTS.between(3.0, math.nan), r"t1 is nan: must be at least t0, which is 3\.0"),
        (lambda: REQUESTS.scaled_to_rate(0), "rate is 0: must be a finite number above 0"),
        (lambda: REQUESTS.scaled_to_rate(math.inf), "rate is inf: must be a finite number above 0"),
        (lambda: REQUESTS.scaled_to_rate(math.nan), "rate is nan: must be a finite number above 0"),
        (lambda: REQUESTS.scaled_to_rate(1e-11), "rate is 1e-11: request 1 would arrive after 9223372036 seconds"),
        (lambda: REQUESTS.scaled_to_rate(5e-324), "rate is 4.*: request 0 would arrive after 9223372036 seconds"),
        (lambda: RequestColumns([1, 2]).scaled_to_rate(2.0), "rate is 2: .* since all arrive at once"),
        (lambda: RequestColumns([]).scaled_to_rate(2.0), "rate is 2: there are no requests"),
        (lambda: REQUESTS.repeated(0), "n is 0: must be between 1 and 1000000000"),
        (lambda: REQUESTS.repeated(10**9 + 1), "n is 1000000001: must be between 1 and 1000000000"),
        (lambda: REQUESTS.repeated(3, period=LATEST), "n is 3: request 3 would arrive after 9223372036 seconds"),
        (lambda: REQUESTS.repeated(2, period=-1.0), r"period is -1\.0: must be between 0 and 9223372036"),
        (lambda: REQUESTS.repeated(2, period=math.nan), "period is nan: must be between 0 and 9223372036"),
        (lambda: REQUESTS.sample(-1), "n is -1: must be between 0 and 2"),
        (lambda: REQUESTS.sample(3), "n is 3: must be between 0 and 2"),
        (lambda: REQUESTS.replace(session=[1, 1]).sample(2), "n is 2: must be between 0 and 1"),
        (lambda: REQUESTS.sample(1, -1), "seed is -1: must be between 0 and 18446744073709551615"),
        (lambda: REQUESTS.with_prefixes(0, 5), "groups is 0: must be between 1 and 2147483647"),
        (lambda: REQUESTS.with_prefixes(1, -5), "length is -5: must be between 0 and 2147483647"),
        (lambda: REQUESTS.with_prefixes(1, 5, exponent=64.5), r"exponent is 64\.5: must be between 0 and 64"),
        (lambda: REQUESTS.with_prefixes(1, 5, exponent=math.nan), "exponent is nan: must be between 0 and 64"),
        (lambda: REQUESTS.with_prefixes(1, 5, hash_block_size=0), "hash_block_size is 0: must be between 1 and"),
        (lambda: REQUESTS.with_prefixes(1, 5, seed=2**64), "seed is 18446744073709551616: must be between 0 and"),
    ],
)
def test_arguments_out_of_their_ranges(slice_of: Callable[[], RequestColumns], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        slice_of()


@pytest.mark.parametrize(
    ("slice_of", "sentence"),
    [
        (lambda: REQUESTS.between("a", 2.0), "t0 is 'a': must be a number"),  # type: ignore[arg-type]
        (lambda: REQUESTS.between(0.0, None), "t1 is None: must be a number"),  # type: ignore[arg-type]
        (lambda: REQUESTS.scaled_to_rate(True), "rate is True: must be a number"),
        (lambda: REQUESTS.repeated(1.0), r"n is 1\.0: must be an integer"),  # type: ignore[arg-type]
        (lambda: REQUESTS.repeated(1, keep_hash_ids=1), "keep_hash_ids is 1: must be True or False"),  # type: ignore[arg-type]
        (lambda: REQUESTS.sample(None), "n is None: must be an integer"),  # type: ignore[arg-type]
        (lambda: REQUESTS.sample(1, 0.5), r"seed is 0\.5: must be an integer"),  # type: ignore[arg-type]
        (lambda: REQUESTS.with_prefixes(1, 5, exponent="a"), "exponent is 'a': must be a number"),  # type: ignore[arg-type]
    ],
)
def test_arguments_of_another_type(slice_of: Callable[[], RequestColumns], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        slice_of()


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_arrivals_that_are_no_times(wrong: float) -> None:
    requests = RequestColumns([1, 2, 3], arrival_time=[0.0, 1.0, wrong])
    sentence = rf"arrival_time\[2\] is {wrong!r}: must be a finite number"
    with pytest.raises(ValueError, match=sentence):
        requests.between(0, 5)
    with pytest.raises(ValueError, match=sentence):
        requests.scaled_to_rate(5)
    with pytest.raises(ValueError, match=sentence):
        requests.repeated(5)


def test_slices_of_nothing() -> None:
    nothing = RequestColumns([], [], [], session=[], hash_ids=[])
    for sliced in (
        nothing.between(0, 1),
        nothing.repeated(1_000_000),
        nothing.sample(0),
        nothing.with_prefixes(1, 5),
    ):
        assert len(sliced) == 0


def test_slices_follow_each_other() -> None:
    requests = generate_requests(1000, prefixes=SharedPrefixes(3, 64), seed=5)
    sliced = requests.between(10.0, 50.0).sample(100, seed=1).scaled_to_rate(2.0).repeated(3)
    assert len(sliced) == 300
    arrivals = sliced.arrival_time
    assert arrivals is not None
    # 100 at 2 a second take 50 s; a copy follows after 1/99 of that, so that the rate goes on.
    assert np.diff([arrivals[0], arrivals[100], arrivals[200]]) == pytest.approx(50 + 50 / 99, rel=1e-12)
