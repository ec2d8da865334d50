"""Closed loops, sessions and clients, by hand: what is expected is derived beside each case, and both the library and
the slow engine are asked. Iterations take 10 ms unless another time is named.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from batching import Client, LiveEngine, RequestColumns, RequestStatus, simulate
from oracle.attribution import PARTS
from oracle.cases import LARGE, Case, SeededSource, a_case
from oracle.client import SlowClient
from oracle.comparison import run_library, run_slow
from oracle.engine import SlowOptions, SlowWorkload
from oracle.records import NOT_SENT
from oracle.simulators import nanoseconds, seconds
from test_bad_input import NO_TIMES, refused

NAN = math.nan
ENGINES = pytest.mark.parametrize("engine", ["library", "slow"])


def told(engine: str, workload: SlowWorkload, client: SlowClient | None = None, **options: Any) -> Any:
    """Of one of the engines; columns are arrays."""
    case = Case(workload, SlowOptions(**options), client)
    if engine == "library":
        return run_library(case, attribution=True, log_decisions=True)
    return run_slow(case)


def same(column: Any, expected: list[Any]) -> None:
    """To the last bit, with NaN in the same places."""
    np.testing.assert_array_equal(np.asarray(column), np.asarray(expected))


def requests(*output_length: int, **columns: Any) -> SlowWorkload:
    """With a prompt of one token each, at 0.0 s unless it is said when."""
    count = len(output_length)
    return SlowWorkload(
        output_length, columns.pop("prompt_length", [1] * count), columns.pop("arrival_time", [0.0] * count), **columns
    )


# --- Closed loops -----------------------------------------------------------------------------------------------------

# 64 requests of 512 prompt and 128 output tokens, 8 at a time: the prompts of 8 fit the budget of an iteration, which
# gives each its first token; 127 more give the others. So a wave takes 1.28 s, and all eight end together.
WAVES = requests(*[128] * 64, prompt_length=[512] * 64)
WAVE = 1_280_000_000


@ENGINES
@pytest.mark.parametrize("client", [SlowClient(max_concurrency=8), SlowClient(clients=8)])
def test_eight_at_a_time_go_in_waves(engine: str, client: SlowClient) -> None:
    result = told(engine, WAVES, client, max_num_batched_tokens=8192)
    begins = [index // 8 * WAVE for index in range(64)]
    times = [seconds(begin) for begin in begins]
    same(result.sent_time, times)
    same(result.start_time, times)
    same(result.first_token_time, [seconds(begin + 10_000_000) for begin in begins])
    same(result.end_time, [seconds(begin + WAVE) for begin in begins])
    assert result.total_time == result.duration == 10.24
    # Clients have one request each, that arrives when they have the answer to the last; a limit holds others back.
    same(result.arrival_time, times if client.clients else [0.0] * 64)
    same(result.attribution.waiting_for_client, [0.0] * 64 if client.clients else times)


@ENGINES
def test_a_request_is_held_back_until_one_ends(engine: str) -> None:
    # Two in flight: 0 ends at 0.03 s, when 2 is sent; 1 ends at 0.05 s, when 3 is; 4 comes when there is room.
    workload = requests(3, 5, 4, 1, 1, arrival_time=[0.0, 0.0, 0.01, 0.02, 0.2])
    result = told(engine, workload, SlowClient(max_concurrency=2))
    same(result.arrival_time, [0.0, 0.0, 0.01, 0.02, 0.2])
    same(result.sent_time, [0.0, 0.0, 0.03, 0.05, 0.2])
    same(result.end_time, [0.03, 0.05, 0.07, 0.06, 0.21])
    same(result.attribution.waiting_for_client, [0.0, 0.0, 0.02, 0.03, 0.0])


@ENGINES
def test_what_ends_in_an_iteration_is_replaced_in_the_next(engine: str) -> None:
    # 1 arrives in the middle of an iteration, while there is room; 2 after that, and is sent at the end of 0.
    workload = requests(2, 2, 1, arrival_time=[0.0, 0.005, 0.006])
    result = told(engine, workload, SlowClient(max_concurrency=2))
    same(result.sent_time, [0.0, 0.005, 0.02])
    same(result.start_time, [0.0, 0.01, 0.02])
    same(result.end_time, [0.02, 0.03, 0.03])


@ENGINES
def test_requests_are_sent_in_order_of_arrival_and_ties_as_given(engine: str) -> None:
    workload = requests(1, 1, 1, 1, arrival_time=[0.0, 0.002, 0.001, 0.001])
    result = told(engine, workload, SlowClient(max_concurrency=1))
    same(result.sent_time, [0.0, 0.03, 0.01, 0.02])


@ENGINES
@pytest.mark.parametrize(("queue_order", "order"), [("arrival", [0, 2, 1]), ("priority", [0, 1, 2])])
def test_what_is_sent_at_one_time_goes_as_it_was_sent(engine: str, queue_order: str, order: list[int]) -> None:
    # 0 and 3 hold 1 and 2 back, and end together: 2, which arrived first, is sent first. Where the queue has an order
    # of its own, equal priorities go by the time of sending, tie_break and index.
    workload = requests(2, 1, 1, 2, arrival_time=[0.0, 0.002, 0.001, 0.0])
    result = told(engine, workload, SlowClient(max_concurrency=2), max_num_seqs=2, queue_order=queue_order)
    same(result.sent_time, [0.0, 0.02, 0.02, 0.0])
    admitted = [row for row, event in enumerate(result.decision_log.event) if event == 300]
    joined = [int(result.decision_log.request[row]) for row in admitted]
    assert [request for request in joined if request != 3] == order


@ENGINES
def test_a_rejected_request_makes_room_when_the_engine_looks_at_it(engine: str) -> None:
    # 1 is too long. It is sent in the first iteration and rejected at its end, when 2 is sent, and joins.
    workload = requests(3, 1, 1, arrival_time=[0.0, 0.002, 0.003], prompt_length=[1, 20, 1])
    result = told(engine, workload, SlowClient(max_concurrency=2), max_model_len=10)
    same(result.status, [0, 200, 0])
    same(result.sent_time, [0.0, 0.002, 0.01])
    same(result.start_time, [0.0, NAN, 0.01])
    assert all(math.isnan(getattr(result.attribution, part)[1]) for part in PARTS)


@ENGINES
def test_a_request_whose_client_has_left_when_it_is_sent_leaves_at_once(engine: str) -> None:
    # 1 and 2 would be sent at 0.03 s: the client of 1 has left, so that 2 takes the place at the same time.
    workload = requests(3, 4, 1, arrival_time=[0.0, 0.001, 0.002], abort_time=[NAN, 0.012, 1.0])
    result = told(engine, workload, SlowClient(max_concurrency=1))
    same(result.status, [0, 120, 0])
    same(result.sent_time, [0.0, 0.03, 0.03])
    same(result.start_time, [0.0, NAN, 0.03])
    same(result.end_time, [0.03, 0.03, 0.04])
    same(result.tokens_generated, [3, 0, 1])
    same(result.attribution.waiting_for_client, [0.0, 0.029, 0.028])
    assert result.aborted == 1


@ENGINES
def test_one_that_leaves_as_it_is_sent_makes_room_for_the_same_iteration(engine: str) -> None:
    # 1 ends at 0.01 s, and 2 is sent, whose client has left: 3 joins the iteration that begins then, beside 0.
    workload = requests(10, 1, 5, 1, arrival_time=[0.0, 0.0, 0.001, 0.002], abort_time=[NAN, NAN, 0.005, NAN])
    result = told(engine, workload, SlowClient(max_concurrency=2))
    same(result.sent_time, [0.0, 0.0, 0.01, 0.01])
    same(result.start_time, [0.0, 0.0, NAN, 0.01])
    same(result.end_time, [0.1, 0.01, 0.01, 0.02])


@ENGINES
def test_what_was_not_sent_when_the_run_ends(engine: str) -> None:
    # Two iterations: 0 has two of three tokens, 1 has arrived and waits at its client, 2 has not, 3 is a turn after 1.
    workload = requests(3, 1, 1, 1, arrival_time=[0.0, 0.005, 5.0, 0.005], session=[0, 1, 2, 1])
    result = told(engine, workload, SlowClient(max_concurrency=1), iteration_limit=2)
    same(result.status, [100, 130, 130, 130])
    same(result.arrival_time, [0.0, 0.005, NAN, NAN])
    same(result.sent_time, [0.0, NAN, NAN, NAN])
    same(result.tokens_generated, [2, 0, 0, 0])
    for column in (result.start_time, result.first_token_time, result.end_time):
        assert np.isnan(np.asarray(column)[1:]).all()
    for part in PARTS:
        same(np.isnan(np.asarray(getattr(result.attribution, part))), [False, True, True, True])
    assert (result.unfinished, result.not_sent, result.finished, result.end_reason) == (1, 3, 0, 110)


@ENGINES
def test_an_open_loop_leaves_requests_unfinished_and_tells_their_arrivals(engine: str) -> None:
    workload = requests(1, 1, arrival_time=[0.0, 5.0])
    result = told(engine, workload, time_limit=1.0)
    same(result.status, [0, 100])
    same(result.arrival_time, [0.0, 5.0])
    same(result.sent_time, [0.0, 5.0])
    assert (result.unfinished, result.not_sent) == (1, 0)


@ENGINES
def test_a_static_batch_waits_for_what_is_known_to_come(engine: str) -> None:
    # Batches of four, but two in flight: the first two know that no request comes before one of them ends.
    workload = requests(2, 1, 1, 1)
    result = told(engine, workload, SlowClient(max_concurrency=2), policy="static", max_num_seqs=4)
    same(result.start_time, [0.0, 0.0, 0.02, 0.02])
    # The second of two clients starts at 0.05 s, and that is known.
    workload = requests(1, 1, 1, 1)
    result = told(engine, workload, SlowClient(clients=2, ramp_up=0.1), policy="static", max_num_seqs=2)
    same(result.sent_time, [0.0, 0.05, 0.06, 0.06])
    same(result.start_time, [0.05, 0.05, 0.06, 0.06])


# --- Sessions ---------------------------------------------------------------------------------------------------------


@ENGINES
def test_a_turn_arrives_when_the_one_before_has_ended_and_its_delay_is_over(engine: str) -> None:
    # Session 5: ends at 0.02 s, then 0.025 s. Session -1: its second turn is not there before 1.0 s.
    workload = requests(
        2, 1, 1, 1, arrival_time=[0.0, 0.0, 0.0, 1.0], session=[5, -1, 5, -1], delay=[0.0, 0.0, 0.025, 0.3]
    )
    result = told(engine, workload)
    same(result.arrival_time, [0.0, 0.0, 0.045, 1.0])
    same(result.sent_time, [0.0, 0.0, 0.045, 1.0])
    same(result.end_time, [0.02, 0.01, 0.055, 1.01])


@ENGINES
def test_a_delay_may_end_within_an_iteration(engine: str) -> None:
    # 0 runs all the time. Turn 1 ends at 0.01 s; the next comes at 0.015 s, and joins at 0.02 s; the one after at once.
    workload = requests(10, 1, 1, 1, session=[0, 1, 1, 1], delay=[0.0, 0.0, 0.005, 0.0])
    result = told(engine, workload)
    same(result.sent_time, [0.0, 0.0, 0.015, 0.03])
    same(result.start_time, [0.0, 0.0, 0.02, 0.03])
    same(result.end_time, [0.1, 0.01, 0.03, 0.04])
    same(result.attribution.waiting_for_slot, [0.0, 0.0, 0.005, 0.0])


@ENGINES
@pytest.mark.parametrize("goes_on", [False, True])
def test_a_turn_that_is_rejected_ends_its_session(engine: str, *, goes_on: bool) -> None:
    # 1 is sent within the first iteration of 0, and looked at at its end.
    workload = requests(
        5, 1, 1, 1, arrival_time=[0.0, 0.005, 0.005, 0.005], prompt_length=[1, 20, 1, 1], session=[0, 1, 1, 1],
        delay=[0.0, 0.0, 0.003, 0.0],
    )  # fmt: skip
    result = told(engine, workload, SlowClient(sessions_go_on=goes_on), max_model_len=10)
    same(result.status, [0, 200, 0, 0] if goes_on else [0, 200, 130, 130])
    same(result.arrival_time, [0.0, 0.005, 0.013, 0.03] if goes_on else [0.0, 0.005, NAN, NAN])
    same(result.end_time, [0.05, NAN, 0.03, 0.04] if goes_on else [0.05, NAN, NAN, NAN])
    assert result.end_reason == 0


@ENGINES
@pytest.mark.parametrize("goes_on", [False, True])
def test_a_turn_that_is_aborted_ends_its_session(engine: str, *, goes_on: bool) -> None:
    # The client leaves at 0.025 s: the iteration under way ends at 0.03 s.
    workload = requests(5, 1, session=[9, 9], delay=[0.0, 0.002], abort_time=[0.025, NAN])
    result = told(engine, workload, SlowClient(sessions_go_on=goes_on))
    same(result.status, [120, 0 if goes_on else 130])
    same(result.sent_time, [0.0, 0.032 if goes_on else NAN])
    same(result.end_time, [0.03, 0.042 if goes_on else NAN])


@ENGINES
def test_a_turn_finds_the_whole_blocks_that_the_one_before_left(engine: str) -> None:
    # Blocks of 4. The first turn has 13 tokens in the end, of which the last is never computed: 3 whole blocks. The
    # second begins with all of them, and the third with the 22 of the second: 21 are computed, in 5 whole blocks.
    workload = requests(
        5, 6, 1, prompt_length=[8, 16, 24], session=[0, 0, 0], hash_covers_output=True,
        hash_ids=[[1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]],
    )  # fmt: skip
    settings: dict[str, Any] = {"enable_prefix_caching": True, "block_size": 4, "num_gpu_blocks": 100}
    result = told(engine, workload, **settings)
    same(result.prefix_cached_tokens, [0, 12, 20])
    same(result.sent_time, [0.0, 0.05, 0.11])
    # At once, none finds what the others are yet to compute, but for the blocks of the first prompt in the iteration
    # that computes it.
    workload.session = None
    assert list(told(engine, workload, **settings).prefix_cached_tokens)[2] < 20


@ENGINES
def test_sessions_and_a_limit_together(engine: str) -> None:
    # One in flight. The turn after 0 arrives at 0.02 s + 0.001 s, behind 2, which has waited since 0.01 s.
    workload = requests(2, 1, 1, arrival_time=[0.0, 0.0, 0.01], session=[0, 0, 1], delay=[0.0, 0.001, 0.0])
    result = told(engine, workload, SlowClient(max_concurrency=1))
    same(result.arrival_time, [0.0, 0.021, 0.01])
    same(result.sent_time, [0.0, 0.03, 0.02])


# --- Clients ----------------------------------------------------------------------------------------------------------


@ENGINES
def test_clients_start_one_after_the_other(engine: str) -> None:
    # A third of 0.2 s, and two, in whole nanoseconds; 3 is taken when the first client has its answer.
    result = told(engine, requests(1, 1, 1, 1), SlowClient(clients=3, ramp_up=0.2))
    same(result.arrival_time, [0.0, 0.066666666, 0.133333333, 0.01])
    same(result.sent_time, result.arrival_time)


@ENGINES
def test_clients_think_between_sessions(engine: str) -> None:
    # The delay of a first turn is looked at only where a client has thought before it.
    workload = requests(1, 2, 1, 1, delay=[0.5, 0.005, 0.0, 0.001], session=[3, 4, 4, 5])
    client = SlowClient(clients=1, think_time=0.02, think_times="constant")
    result = told(engine, workload, client)
    # 0 ends at 0.01 s; + 0.02 + 0.005. The turn of the same session follows at once; then + 0.02 + 0.001.
    same(result.arrival_time, [0.0, 0.035, 0.055, 0.086])
    same(result.end_time, [0.01, 0.055, 0.065, 0.096])


@ENGINES
def test_clients_take_sessions_in_order_of_arrival(engine: str) -> None:
    # 2 is the first; 0 and 1 follow as given. None begins before its arrival time.
    workload = requests(1, 1, 1, arrival_time=[0.5, 0.5, 0.25])
    result = told(engine, workload, SlowClient(clients=1))
    same(result.arrival_time, [0.5, 0.51, 0.25])


@ENGINES
def test_a_client_whose_session_failed_takes_the_next(engine: str) -> None:
    workload = requests(5, 1, 1, session=[0, 0, 1], abort_time=[0.025, NAN, NAN])
    client = SlowClient(clients=1, think_time=0.004, think_times="constant")
    result = told(engine, workload, client)
    same(result.status, [120, 130, 0])
    same(result.sent_time, [0.0, NAN, 0.034])


@ENGINES
def test_clients_and_a_limit_together(engine: str) -> None:
    # Three clients, two in flight: the third waits for the first end, which is of 1 at 0.01 s; then 0 ends at 0.03 s.
    result = told(engine, requests(3, 1, 1, 1), SlowClient(clients=3, max_concurrency=2))
    same(result.arrival_time, [0.0, 0.0, 0.0, 0.01])
    same(result.sent_time, [0.0, 0.0, 0.01, 0.02])
    same(result.attribution.waiting_for_client, [0.0, 0.0, 0.01, 0.01])


def think_times(count: int, **settings: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What one client thinks between requests of a nanosecond each."""
    result = simulate(RequestColumns([1] * (count + 1), [1] * (count + 1)), iteration_time=1e-9, clients=1, **settings)
    pauses: np.ndarray[Any, np.dtype[np.float64]] = result.arrival_time[1:] - result.end_time[:-1]
    return pauses


def test_think_times_follow_their_distribution() -> None:
    count = 40_000
    exponential = think_times(count, think_time=2.0, seed=5)
    # Mean and deviation are 2; five standard errors.
    assert exponential.mean() == pytest.approx(2.0, abs=5 * 2 / math.sqrt(count))
    assert np.mean(exponential > 4.0) == pytest.approx(math.exp(-2), abs=5 * 0.35 / math.sqrt(count))
    lognormal = think_times(count, think_time=2.0, think_times="lognormal", think_time_sigma=0.5, seed=5)
    # The logarithm has the mean ln 2 - 0.5^2 / 2.
    assert np.log(lognormal).mean() == pytest.approx(math.log(2) - 0.125, abs=5 * 0.5 / math.sqrt(count))
    assert np.log(lognormal).std() == pytest.approx(0.5, rel=5 / math.sqrt(2 * count))
    assert set(np.round(think_times(50, think_time=0.25, think_times="constant") * 1e9)) == {250_000_000.0}


def test_think_times_are_their_seed_in_any_run() -> None:
    few, many, other = (think_times(count, think_time=1.0, seed=seed) for count, seed in ((5, 1), (50, 1), (5, 2)))
    assert np.round(few * 1e9).tolist() == np.round(many[:5] * 1e9).tolist()
    assert few.tolist() != other.tolist()


# --- What holds in every closed loop ----------------------------------------------------------------------------------


def test_requests_in_flight_are_those_of_littles_law() -> None:
    settings: dict[str, Any] = {"max_num_seqs": 3, "iteration_time": 0.01}
    lengths = np.random.default_rng(3).integers(1, 40, 500)
    columns = RequestColumns(lengths, np.ones(500, int), np.linspace(0, 20, 500))
    result = simulate(columns, **settings, max_concurrency=7)
    load = result.load()
    sent, end = ([nanoseconds(time) for time in times.tolist()] for times in (result.sent_time, result.end_time))
    in_flight = sum(end) - sum(sent)
    # The mean of those that run or wait, over the whole window, in whole nanoseconds.
    window = nanoseconds(load.window_end) - nanoseconds(load.window_start)
    assert round((load.mean_running + load.mean_waiting) * window) == in_flight
    assert window == nanoseconds(result.duration)
    # Seven at most, and exactly seven as long as any waits at its client.
    moments = sorted([(time, 1) for time in sent] + [(time, -1) for time in end])
    counts = np.cumsum([change for _, change in moments])
    assert counts.max() == 7
    held = result.sent_time > result.arrival_time
    assert held.sum() > 300
    for time in [time for time, is_held in zip(sent, held, strict=True) if is_held]:
        assert time in end


OPEN = [
    "start_time",
    "first_token_time",
    "end_time",
    "tokens_generated",
    "preemptions",
    "prefix_cached_tokens",
    "status",
]


def assert_same_when_sent_openly(case: Case) -> int:
    """What a closed loop sent, sent at the same times whatever is answered: returns how many were sent later."""
    closed = run_slow(case)
    workload, count = case.workload, len(case.workload.output_length)
    sent = [index for index in range(count) if closed.status[index] != NOT_SENT]
    sent.sort(key=lambda index: (closed.sent_time[index], closed.arrival_time[index], index))

    def rows(column: Any) -> Any:
        return None if column is None else [column[index] for index in sent]

    ties = workload.tie_break or list(range(count))
    ranks = sorted(range(count), key=lambda index: (ties[index], index))
    aborts = None
    if workload.abort_time is not None:
        # One that had left before it was sent leaves at once.
        aborts = [max(workload.abort_time[index], closed.sent_time[index]) for index in sent]
    opened = SlowWorkload(
        rows(workload.output_length), rows(workload.prompt_length), rows(closed.sent_time), rows(workload.priority),
        [ranks.index(index) for index in sent], rows(workload.hash_ids), workload.hash_block_size,
        hash_covers_output=workload.hash_covers_output, max_tokens=rows(workload.max_tokens), abort_time=aborts,
    )  # fmt: skip
    result = run_library(Case(opened, case.options))
    for name in OPEN:
        same(getattr(result, name), [getattr(closed, name)[index] for index in sent])
    return sum(closed.sent_time[index] > workload.arrival_time[index] for index in sent)


def test_what_a_closed_loop_sends_gives_the_same_run_in_an_open_one() -> None:
    later = 0
    for seed in range(70_000, 71_500):
        case = a_case(SeededSource(seed), LARGE) if seed % 100 == 0 else a_case(SeededSource(seed))
        if case.options.policy == "static":
            # It goes by what it knows to come, which is not the same.
            continue
        try:
            later += assert_same_when_sent_openly(case)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}\n{case}") from error
    assert later > 2_000


# --- What is refused --------------------------------------------------------------------------------------------------


def column(name: str, **settings: Any) -> Callable[[Any], object]:
    """The column's second element has the value, the first is 0."""

    def call(value: Any) -> object:
        columns: dict[str, Any] = {"session": [7, 7], name: [0, value]}
        return simulate(RequestColumns([1, 1], **columns), **settings)

    return call


def setting(name: str, **others: Any) -> Callable[[Any], object]:
    return lambda value: simulate(RequestColumns([1]), **{**others, name: value})


def test_delays_that_are_no_times_are_refused() -> None:
    for value in [*NO_TIMES, -1e-9]:
        sentence = refused(column("delay"), "delay[1]", value, ValueError)
        assert str(value) in sentence or repr(value) in sentence
    column("delay")(0.0)


def test_a_first_turn_with_a_delay_is_refused() -> None:
    columns = RequestColumns([1, 1, 1], session=[4, 4, 5], delay=[0.0, 1.0, 0.5])
    sentence = refused(lambda _: simulate(columns), "delay[2]", 0.5, ValueError)
    assert sentence == "delay[2] is 0.5: must be 0 for the first turn of a session, unless there are clients"
    assert refused(lambda _: simulate(columns, max_concurrency=1), "delay[2]", 0.5, ValueError) == sentence
    alone = RequestColumns([1, 1], delay=[0.0, 0.25])
    assert refused(lambda _: simulate(alone), "delay[1]", 0.25, ValueError).startswith("delay[1] is 0.25: must be 0")
    assert simulate(columns, clients=1).finished == 3


def test_a_turn_before_the_one_before_it_is_refused() -> None:
    columns = RequestColumns([1, 1, 1], arrival_time=[2.0, 0.5, 1.0], session=[-8, 3, -8])
    sentence = refused(lambda _: simulate(columns), "arrival_time[2]", 1.0, ValueError)
    assert sentence == (
        "arrival_time[2] is 1.0: must not be before that of the turn before it in session -8, arrival_time[0], "
        "which is 2.0"
    )


@pytest.mark.parametrize("name", ["max_concurrency", "clients"])
def test_numbers_of_requests_and_clients_out_of_range_are_refused(name: str) -> None:
    for value in [0, -1, -(2**63), 2_000_000_001, 2**63 - 1]:
        sentence = refused(setting(name), name, value, ValueError)
        assert sentence.startswith(f"{name} is {value}: must be ")
    setting(name)(2_000_000_000)
    setting(name)(1)
    setting(name)(None)


@pytest.mark.parametrize("name", ["ramp_up", "think_time"])
def test_what_only_clients_have_is_refused_without_them(name: str) -> None:
    sentence = refused(setting(name, max_concurrency=3), name, 1.5, ValueError)
    assert sentence == f"{name} is 1.5: must be 0 without clients"
    for value in [*NO_TIMES, -1e-9]:
        refused(setting(name, clients=1), name, value, ValueError)
    setting(name, clients=1)(1.5)


def test_a_sigma_out_of_range_is_refused() -> None:
    call = setting("think_time_sigma", clients=1, think_time=1.0, think_times="lognormal")
    for value in [-0.1, 64.1, NAN, math.inf]:
        sentence = refused(call, "think_time_sigma", value, ValueError)
        assert sentence == f"think_time_sigma is {value}: must be between 0 and 64"
    call(64.0)


def test_other_kinds_of_think_times_are_refused() -> None:
    with pytest.raises(ValueError, match="think_times is 'uniform'"):
        Client(think_times="uniform")  # type: ignore[arg-type]


def test_an_arrival_beyond_the_clock_is_refused() -> None:
    columns = RequestColumns([1, 1], session=[0, 0], delay=[0.0, 9_223_372_036.0])
    with pytest.raises(ValueError, match=r"^request 1 arrives 9223372036\.0 seconds after 0\.02: the clock would pass"):
        simulate(columns, iteration_time=0.02, num_gpu_blocks=100)


@pytest.mark.parametrize("columns", [{"session": [1]}, {"delay": [0.0]}])
def test_a_live_engine_sends_nothing(columns: dict[str, Any]) -> None:
    engine = LiveEngine()
    with pytest.raises(ValueError, match=f"^{next(iter(columns))} "):
        engine.submit_columns(RequestColumns([1], **columns))
    assert engine.state.submitted == 0


def test_a_client_cannot_be_given_to_a_live_engine() -> None:
    with pytest.raises(TypeError, match="max_concurrency"):
        LiveEngine(max_concurrency=3)  # type: ignore[call-arg]


def test_statuses_of_what_was_not_sent_have_a_name() -> None:
    result = simulate(RequestColumns([2, 1], session=[0, 0]), iteration_limit=1)
    assert result.status.tolist() == [RequestStatus.UNFINISHED, RequestStatus.NOT_SENT]
    assert "not sent" in str(result)
