"""Answers that end before max_tokens, and clients that leave: by hand, in every policy. The recordings and the slow
engine say the rest.
"""

import math

import numpy as np
import pytest

from batching import BatchingValueError, LiveEngine, Policy, RequestColumns, RequestStatus, simulate

POLICIES: list[Policy] = ["vllm", "static", "dynamic", "continuous", "orca"]


def test_asynchronously_an_answer_that_ends_by_itself_is_in_one_batch_more() -> None:
    columns = RequestColumns([3], [4], max_tokens=[100])
    # The prompt is in the first iteration, and gives the first token; two decodes give the others. The batch behind the
    # last of them was scheduled before that was known: one decode more.
    run = simulate(columns, iteration_time=1.0, async_scheduling=True)
    assert (run.end_time.tolist(), run.total_tokens, run.decode_tokens) == ([3.0], 3, 3)
    assert simulate(columns, iteration_time=1.0).decode_tokens == 2
    foreseen = RequestColumns([3], [4], max_tokens=[3])
    assert simulate(foreseen, iteration_time=1.0, async_scheduling=True).decode_tokens == 2


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("abort_time", "tokens"), [(2.5, 2), (3.0, 2), (0.0, 0), (0.5, 0), (math.nan, 4), (4.0, 3)])
def test_the_token_under_way_is_lost(policy: Policy, abort_time: float, tokens: int) -> None:
    # Iterations end at 1.0, 2.0, ...; each gives a token to both. What ends just then comes after the abort.
    run = simulate(RequestColumns([4, 4], [1, 1], abort_time=[abort_time, math.nan]), iteration_time=1.0, policy=policy)
    assert run.tokens_generated.tolist() == [tokens, 4]
    assert (run.aborted, run.finished, run.unfinished) == ((0, 2, 0) if math.isnan(abort_time) else (1, 1, 0))
    if math.isnan(abort_time):
        assert run.status.tolist() == [RequestStatus.FINISHED] * 2
    else:
        assert run.status.tolist() == [RequestStatus.ABORTED, RequestStatus.FINISHED]
        assert run.end_time[0] == math.ceil(abort_time)
        assert math.isnan(run.first_token_time[0]) == (tokens == 0)


def test_whoever_waits_has_the_slot_of_a_client_that_left() -> None:
    requests = RequestColumns([10, 2], [1, 1], abort_time=[2.5, math.nan])
    run = simulate(requests, iteration_time=1.0, max_num_seqs=1)
    np.testing.assert_array_equal(run.start_time, [0.0, 3.0])
    np.testing.assert_array_equal(run.end_time, [3.0, 5.0])


def test_an_end_that_cannot_be_is_named() -> None:
    with pytest.raises(BatchingValueError, match=r"max_tokens\[1\] is 4: must be at least output_length\[1\]"):
        simulate(RequestColumns([3, 5], max_tokens=[3, 4]))
    with pytest.raises(BatchingValueError, match=r"abort_time\[0\] is 0.5: must not be before arrival_time\[0\]"):
        simulate(RequestColumns([3], arrival_time=[1.0], abort_time=[0.5]))
    with pytest.raises(BatchingValueError, match=r"abort_time\[0\] is inf"):
        simulate(RequestColumns([3], abort_time=[math.inf]))


def test_a_live_engine_is_told_as_clients_leave() -> None:
    engine = LiveEngine(async_scheduling=True, iteration_time=1.0)
    with pytest.raises(BatchingValueError, match=r"abort_time\[0\] is 2.0: must be NaN"):
        engine.submit_columns(RequestColumns([3], abort_time=[2.0]))
    engine.submit(0, prompt_length=1, output_length=3, max_tokens=5)
    with pytest.raises(BatchingValueError, match="must be at most the max_tokens of the request, which is 5"):
        engine.set_output_length(0, 6)
    engine.set_output_length(0, 5)
