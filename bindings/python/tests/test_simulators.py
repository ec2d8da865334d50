"""The simulators against the slow, obvious ones: the same bits, on random requests."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batching import RequestColumns, TextbookResult, generate_workload, simulate_continuous, simulate_static
from oracle.simulators import SlowRun, nanoseconds, seconds, slow_continuous, slow_static

Simulator = Callable[[RequestColumns, int, float], TextbookResult]
SlowSimulator = Callable[[list[int], list[int], int, int], SlowRun]

SIMULATORS = pytest.mark.parametrize(
    ("simulate", "slow"),
    [
        pytest.param(simulate_static, slow_static, id="static"),
        pytest.param(simulate_continuous, slow_continuous, id="continuous"),
    ],
)

# Above this the library keeps a request in a heap instead of its timing wheel.
WHEEL_LENGTH = 16_383

Case = tuple[list[int], list[int], int, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Output lengths, arrivals in nanoseconds, batch size and step in nanoseconds.

    Arrivals lie on or near the grid of iterations, so that ties at boundaries, duplicates, bursts and gaps in which the
    engine is idle are all usual.
    """
    step = draw(st.sampled_from([1, 2, 7, 1_000, 10_000_000, 33_333_333]))
    count = draw(st.integers(0, 40))
    grid = st.integers(0, draw(st.sampled_from([3, 60, 600]))).map(lambda steps: steps * step)
    near_grid = st.builds(
        lambda time, offset: max(0, time + offset), grid, st.sampled_from([0, 0, 0, -1, 1, step // 2])
    )
    output = st.one_of(st.integers(1, 5), st.integers(1, 60))
    outputs = draw(st.lists(output, min_size=count, max_size=count))
    arrivals = draw(st.lists(near_grid, min_size=count, max_size=count))
    batch_size = draw(st.one_of(st.integers(1, 6), st.sampled_from([39, 40, 41, 1000])))
    return outputs, arrivals, batch_size, step


def assert_same(simulate: Simulator, slow: SlowSimulator, case: Case) -> None:
    outputs, arrivals, batch_size, step = case
    result = simulate(
        RequestColumns(outputs, arrival_time=[seconds(arrival) for arrival in arrivals]), batch_size, seconds(step)
    )
    expected = slow(outputs, arrivals, batch_size, step)
    assert result.start_time.tolist() == [seconds(time) for time in expected.start]
    assert result.first_token_time.tolist() == [seconds(time) for time in expected.first_token]
    assert result.end_time.tolist() == [seconds(time) for time in expected.end]
    assert result.completion_order.tolist() == expected.completion_order
    assert result.tokens_generated.tolist() == outputs
    assert result.total_tokens == sum(outputs)
    assert result.iterations == expected.iterations
    assert result.busy_time == seconds(expected.iterations * step)
    total_time = seconds(max(expected.end, default=0))
    assert result.total_time == total_time
    assert result.throughput == (sum(outputs) / total_time if outputs else 0.0)


@SIMULATORS
@given(case=cases())
@example(case=([], [], 1, 1))
@example(case=([5, 5], [0, 5], 1, 1))  # arrives exactly when the only one running leaves
@example(case=([1, 1, 1], [2, 1, 0], 2, 1))  # in reverse order of arrival
def test_same_bits_as_the_slow_simulator(simulate: Simulator, slow: SlowSimulator, case: Case) -> None:
    assert_same(simulate, slow, case)


@SIMULATORS
@settings(max_examples=10)
@given(
    outputs=st.lists(
        st.one_of(st.integers(1, 30), st.integers(WHEEL_LENGTH - 2, WHEEL_LENGTH + 2), st.integers(16_000, 40_000)),
        min_size=1,
        max_size=6,
    ),
    batch_size=st.integers(1, 4),
    spread=st.sampled_from([0, 5, 20_000]),
)
def test_same_bits_with_outputs_too_long_for_the_wheel(
    simulate: Simulator, slow: SlowSimulator, outputs: list[int], batch_size: int, spread: int
) -> None:
    arrivals = [index * spread for index in range(len(outputs))]
    assert_same(simulate, slow, ([*outputs, 20_000], [*arrivals, 0], batch_size, 3))


@SIMULATORS
def test_same_bits_with_arrivals_since_1970(simulate: Simulator, slow: SlowSimulator) -> None:
    # A double holds such times to 2^-22 s only; what counts is the nanosecond nearest to the double.
    times = [1.7e9 + 0.1, 1.7e9, 1.7e9 + 0.123456, 1.7e9 + 7.0, 1.7e9]
    outputs = [3, 1, 4, 1, 5]
    expected = slow(outputs, [nanoseconds(time) for time in times], 2, 10_000_000)
    result = simulate(RequestColumns(outputs, arrival_time=times), 2, 0.01)
    assert result.end_time.tolist() == [seconds(time) for time in expected.end]
    assert result.completion_order.tolist() == expected.completion_order


@SIMULATORS
@given(case=cases())
def test_invariants(simulate: Simulator, slow: SlowSimulator, case: Case) -> None:
    outputs, arrivals, batch_size, step = case
    arrival_time = [seconds(arrival) for arrival in arrivals]
    result = simulate(RequestColumns(outputs, arrival_time=arrival_time), batch_size, seconds(step))
    assert sorted(result.completion_order.tolist()) == list(range(len(outputs)))
    assert (np.array(arrival_time) <= result.start_time).all()
    assert (result.start_time < result.first_token_time).all()
    assert (result.first_token_time <= result.end_time).all()
    assert (np.diff(result.end_time[result.completion_order]) >= 0).all()
    for time in result.start_time:
        assert np.count_nonzero((result.start_time <= time) & (time < result.end_time)) <= batch_size


@given(case=cases())
def test_one_slot_is_a_queue_whatever_the_strategy(case: Case) -> None:
    outputs, arrivals, _, step = case
    columns = RequestColumns(outputs, arrival_time=[seconds(arrival) for arrival in arrivals])
    one_at_a_time = simulate_static(columns, 1, seconds(step))
    assert simulate_continuous(columns, 1, seconds(step)).end_time.tolist() == one_at_a_time.end_time.tolist()


def test_a_hundred_iterations_of_a_hundredth_are_a_second() -> None:
    result = simulate_continuous(RequestColumns([100, 1000, 12_345]), 3, 0.01)
    assert result.end_time.tolist() == [1.0, 10.0, 123.45]


@SIMULATORS
def test_columns_left_out_have_their_defaults(simulate: Simulator, slow: SlowSimulator) -> None:
    left_out = simulate(RequestColumns([3, 4, 5]), 2, 0.01)
    given_out = simulate(RequestColumns([3, 4, 5], [0, 0, 0], [0.0, 0.0, 0.0]), 2, 0.01)
    assert left_out.end_time.tolist() == given_out.end_time.tolist()
    assert left_out.metrics() == given_out.metrics()


@SIMULATORS
def test_inputs_are_not_touched(simulate: Simulator, slow: SlowSimulator) -> None:
    outputs, arrivals = np.array([3, 1, 2], np.int32), np.array([2.0, 0.0, 1.0])
    before = outputs.copy(), arrivals.copy()
    simulate(RequestColumns(outputs, arrival_time=arrivals), 2, 0.01)
    assert (outputs == before[0]).all()
    assert (arrivals == before[1]).all()


@SIMULATORS
def test_threads_give_the_same_bytes(simulate: Simulator, slow: SlowSimulator) -> None:
    columns = generate_workload(20_000, arrival_rate=50.0, seed=7)

    def ends(_: int) -> bytes:
        return simulate(columns, 16, 0.01).end_time.tobytes()

    alone = ends(0)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ends, range(8))) == {alone}


def test_each_thread_has_its_own_error() -> None:
    def failure(index: int) -> str:
        outputs = [1] * 50
        outputs[index] = -index
        with pytest.raises(ValueError, match="output_length") as raised:
            simulate_static(RequestColumns(outputs), 1)
        return str(raised.value)

    with ThreadPoolExecutor(4) as pool:
        for index, sentence in enumerate(pool.map(failure, range(50))):
            assert sentence.startswith(f"output_length[{index}] is {-index}:")


def test_results_say_what_they_are() -> None:
    result = simulate_static(RequestColumns([50, 200], arrival_time=[0.0, 0.1]), 2)
    assert repr(result) == "TextbookResult(static, batch size 2, 2 requests, 250 tokens in 2.1 s, 119.048 tokens/s)"
    with pytest.raises(AttributeError, match="cannot be changed"):
        result.total_time = 3.0
    with pytest.raises(ValueError, match="read-only"):
        result.end_time[0] = 3.0
