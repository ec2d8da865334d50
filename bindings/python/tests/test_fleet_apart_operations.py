"""Prefill and decode apart, with admission, faults and scaling: cases that are followed by hand."""

from typing import Any

import numpy as np
import pytest

from batching import (
    Admission,
    BatchingValueError,
    Disaggregation,
    EngineConfig,
    Fault,
    Faults,
    FleetResult,
    LiveFleet,
    RequestColumns,
    RequestStatus,
    Scaling,
    simulate_fleet,
)

# A prompt takes one iteration of half a second, and each token one of half a second.
CONFIG = EngineConfig(iteration_time=0.5, num_gpu_blocks=100)
# A transfer takes a quarter of a second. The target reserves as the prompt is done.
SPLIT = Disaggregation(preset="vllm_nixl", link_latency=0.25)
ONCE_MORE = Admission(retries=1, retry_base=0.5, retry_jitter=0.0)


def apart(
    requests: RequestColumns, *, sources: int = 1, targets: int = 1, split: Disaggregation = SPLIT, **settings: Any
) -> FleetResult:
    pools: list[Any] = [(CONFIG, sources, "prefill"), (CONFIG, targets, "decode")]
    return simulate_fleet(requests, pools, disaggregation=split, **settings)


def statuses(result: FleetResult) -> list[str]:
    return [RequestStatus(status).name for status in result.status]


def test_alone_a_request_takes_these_steps() -> None:
    # Prompt done at 0.5; there at 0.75; two tokens at 1.25 and 1.75.
    result = apart(RequestColumns([2], prompt_length=[8]), admission=Admission(e2e_timeout=10.0))
    assert result.held_time.tolist() == [0.5]
    assert result.activated_time.tolist() == [0.75]
    assert result.released_time.tolist() == [0.75]
    assert result.end_time.tolist() == [1.75]
    assert result.attempts.tolist() == [1]


@pytest.mark.parametrize("lost_at", [0.25, 0.5, 0.625])
def test_a_source_takes_what_it_computes_holds_or_sends(lost_at: float) -> None:
    # Lost then, sent again half a second later to the other source: 0.5 + 0.25 + 2 * 0.5 later it has two tokens.
    result = apart(
        RequestColumns([2], prompt_length=[8]), sources=2, admission=ONCE_MORE, faults=Faults(given=[(lost_at, 0)])
    )
    assert statuses(result) == ["FINISHED"]
    assert result.attempts.tolist() == [2]
    assert result.prefill_replica.tolist() == [1]
    assert result.held_time.tolist() == [lost_at + 1.0]
    assert result.end_time.tolist() == [lost_at + 0.5 + 1.75]


@pytest.mark.parametrize("lost_at", [0.8125, 1.0])
def test_what_is_there_does_not_need_its_source(lost_at: float) -> None:
    result = apart(RequestColumns([2], prompt_length=[8]), faults=Faults(given=[(lost_at, 0)]))
    assert statuses(result) == ["FINISHED"]
    assert result.end_time.tolist() == [1.75]


@pytest.mark.parametrize("lost_at", [0.5, 0.625, 1.0, 1.5])
def test_a_target_takes_what_is_on_its_way_and_what_decodes(lost_at: float) -> None:
    result = apart(
        RequestColumns([2], prompt_length=[8]), targets=2, admission=ONCE_MORE, faults=Faults(given=[(lost_at, 1)])
    )
    assert statuses(result) == ["FINISHED"]
    assert result.replica.tolist() == [2]
    assert result.end_time.tolist() == [lost_at + 0.5 + 1.75]
    # The source has freed what it held: it is there for the next.
    assert result.released_time.tolist() == [lost_at + 0.5 + 0.75]


def test_a_target_that_was_chosen_on_arrival_takes_what_is_computed_for_it() -> None:
    split = Disaggregation(preset="vllm_nixl", link_latency=0.25, decode_choice="at_arrival")
    # Target 1 is lost at 0.25. The request leaves its source at the end of the iteration, at 0.5, is lost then, and
    # sent again at 1.0, to target 2.
    result = apart(
        RequestColumns([2], prompt_length=[8]),
        targets=2,
        split=split,
        admission=ONCE_MORE,
        faults=Faults(given=[(0.25, 1)]),
    )
    assert result.attempts.tolist() == [2]
    assert result.replica.tolist() == [2]
    assert result.held_time.tolist() == [1.5]
    assert result.end_time.tolist() == [1.0 + 1.75]
    # Without a retry that is its end.
    result = apart(RequestColumns([2], prompt_length=[8]), targets=2, split=split, faults=Faults(given=[(0.25, 1)]))
    assert statuses(result) == ["LOST"]
    assert result.end_time.tolist() == [0.5]
    assert result.aborted == 1


def test_with_no_target_up_a_request_is_lost_once_its_prompt_is_done() -> None:
    result = apart(RequestColumns([2], prompt_length=[8]), faults=Faults(given=[(0.25, 1)]))
    assert statuses(result) == ["LOST"]
    assert result.end_time.tolist() == [0.5]
    # The router does not know it for a second: the same, as the target is not there.
    result = apart(RequestColumns([2], prompt_length=[8]), faults=Faults(given=[(0.25, 1)], notice_delay=1.0))
    assert statuses(result) == ["LOST"]
    assert result.end_time.tolist() == [0.5]


def test_a_request_that_is_late_on_its_way_leaves_once_it_is_there() -> None:
    result = apart(RequestColumns([2], prompt_length=[8]), admission=Admission(ttft_timeout=0.625))
    assert statuses(result) == ["TIMED_OUT"]
    assert result.end_time.tolist() == [0.75]
    assert result.released_time.tolist() == [0.75]
    # In its source at the end of the iteration.
    result = apart(RequestColumns([2], prompt_length=[8]), admission=Admission(ttft_timeout=0.375))
    assert statuses(result) == ["TIMED_OUT"]
    assert result.end_time.tolist() == [0.5]
    # Where it decodes, the same.
    result = apart(RequestColumns([2], prompt_length=[8]), admission=Admission(e2e_timeout=1.5))
    assert statuses(result) == ["TIMED_OUT"]
    assert result.end_time.tolist() == [1.75]


def test_what_is_in_flight_counts_until_its_end() -> None:
    # The first is in the fleet until 1.75; the second and third come before that.
    requests = RequestColumns([2, 2, 2], prompt_length=[8] * 3, arrival_time=[0.0, 1.5, 1.875])
    result = apart(requests, admission=Admission(max_in_flight=1))
    assert statuses(result) == ["FINISHED", "REJECTED_ADMISSION", "FINISHED"]
    # Prompt tokens are queued until the first token, at 1.25.
    requests = RequestColumns([2, 2, 2], prompt_length=[8] * 3, arrival_time=[0.0, 1.125, 1.375])
    result = apart(requests, admission=Admission(max_queued_tokens=8))
    assert statuses(result) == ["FINISHED", "REJECTED_ADMISSION", "FINISHED"]


def test_each_role_has_an_autoscaler_of_its_own() -> None:
    wanted = {"prefill": [2, 1, 1], "decode": [1, 2, 1]}
    seen: dict[str, list[Any]] = {"prefill": [], "decode": []}

    def scaling(role: str) -> Scaling:
        def decide(view: Any) -> int:
            seen[role].append((view.time, view.waiting.tolist(), view.running.tolist()))
            return wanted[role][min(len(seen[role]), 3) - 1]

        return Scaling(decide, interval=0.625, max_replicas=2)

    result = apart(
        RequestColumns([3] * 3, prompt_length=[8] * 3, arrival_time=[0.0, 0.0, 2.0]),
        sources=2,
        targets=2,
        scaling=scaling("prefill"),
        decode_scaling=scaling("decode"),
    )
    # At 0.625 two prompts are on their way to the target, where they wait; at the source nothing runs.
    assert seen["prefill"][0] == (0.625, [0], [0])
    assert seen["decode"][0] == (0.625, [2], [0])
    # At 1.25 their first tokens are there.
    assert seen["decode"][1] == (1.25, [0], [2])
    assert result.scaling_time[:4].tolist() == [0.625, 0.625, 1.25, 1.25]
    assert result.scaling_replicas[:4].tolist() == [2, 1, 1, 2]
    assert result.scaling_role[:4].tolist() == [100, 110, 100, 110]
    assert statuses(result) == ["FINISHED"] * 3
    # Source 1 was there from 0.625 to 1.25.
    assert result.replicas.up_time[1] == 0.625


def test_a_source_that_is_not_wanted_leaves_once_nothing_is_held() -> None:
    split = Disaggregation(preset="vllm_nixl", link_latency=0.5)

    def none(view: Any) -> int:
        return 0 if view.time > 0 else 1

    # At 0.75 it holds a prompt, until 1.0.
    result = apart(
        RequestColumns([1], prompt_length=[8]),
        split=split,
        scaling=Scaling(none, interval=0.75, min_replicas=0, initial_replicas=1),
    )
    assert statuses(result) == ["FINISHED"]
    assert result.end_time.tolist() == [1.5]
    assert result.replicas.up_time.tolist() == [1.0, 1.5]


def test_a_target_that_is_not_wanted_leaves_once_all_that_was_to_come_has_ended() -> None:
    result = apart(
        RequestColumns([1], prompt_length=[8]),
        targets=2,
        decode_scaling=Scaling(lambda _: 0, interval=0.625, min_replicas=0, initial_replicas=2),
    )
    assert statuses(result) == ["FINISHED"]
    assert result.end_time.tolist() == [1.25]
    assert result.replicas.up_time.tolist() == [1.25, 1.25, 0.625]


def test_a_retry_decodes_elsewhere() -> None:
    # Of two targets least_requests takes the first again, which is back at once.
    faults = Faults(given=[(1.0, 1), Fault(1.0, 1, "up")])
    for elsewhere in (False, True):
        result = apart(
            RequestColumns([2], prompt_length=[8]),
            targets=2,
            router="least_requests",
            admission=Admission(retries=1, retry_base=0.5, retry_jitter=0.0, retries_elsewhere=elsewhere),
            faults=faults,
        )
        assert result.replica.tolist() == [2 if elsewhere else 1]


def test_a_source_that_is_slow() -> None:
    result = apart(RequestColumns([1], prompt_length=[8]), faults=Faults(given=[Fault(0.0, 0, "slow", 4.0)]))
    assert result.held_time.tolist() == [2.0]
    result = apart(RequestColumns([1], prompt_length=[8]), faults=Faults(given=[Fault(0.0, 1, "slow", 4.0)]))
    assert result.end_time.tolist() == [2.75]


def test_what_is_held_is_free_when_a_target_is_lost() -> None:
    # A block each, in two sources: the second prompt needs that which the first holds for target 2.
    small = EngineConfig(iteration_time=0.5, num_gpu_blocks=2)
    big = EngineConfig(iteration_time=0.5, num_gpu_blocks=100)
    requests = RequestColumns([1, 1], prompt_length=[8, 8], arrival_time=[0.0, 0.0])
    split = Disaggregation(preset="vllm_nixl", link_latency=10.0)
    pools: list[Any] = [(small, 1, "prefill"), (big, 2, "decode")]
    result = simulate_fleet(requests, pools, disaggregation=split, faults=Faults(given=[(1.0, 1)]))
    # The first is lost with target 1 at 1.0; then the second starts, and is there 10 s after its prompt.
    assert statuses(result) == ["LOST", "FINISHED"]
    assert result.start_time.tolist()[1] == 1.0
    assert result.end_time.tolist() == [1.0, 1.5 + 10.0 + 0.5]


def test_shared_links_are_free_of_what_is_lost() -> None:
    # 8 bytes each at 8 bytes a second, shared: alone one takes a second, both of them two.
    split = Disaggregation(preset="vllm_nixl", kv_bytes_per_token=1.0, link_bandwidth=16.0, sharing="source")
    requests = RequestColumns([1, 1], prompt_length=[16, 16])
    result = apart(requests, targets=2, split=split)
    assert result.activated_time.tolist() == [2.5, 2.5]
    # After half a second, in which each has 4 of 16 bytes, one of them is broken off: 12 bytes take 0.75 s more.
    result = apart(requests, targets=2, split=split, faults=Faults(given=[(1.0, 1)]))
    assert statuses(result) == ["LOST", "FINISHED"]
    assert result.activated_time.tolist()[1] == 1.75


def test_decode_scaling_is_for_roles() -> None:
    with pytest.raises(BatchingValueError, match="decode_scaling"):
        simulate_fleet(RequestColumns([1]), replicas=2, decode_scaling=Scaling("hpa", target=1))
    with pytest.raises(BatchingValueError, match="min_replicas"):
        apart(RequestColumns([1]), targets=3, scaling=Scaling("hpa", target=1, min_replicas=2))


def test_a_live_one_tells_the_same() -> None:
    pools: list[Any] = [(CONFIG, 1, "prefill"), (CONFIG, 2, "decode")]
    fleet = LiveFleet(pools, disaggregation=SPLIT, admission=ONCE_MORE, faults=Faults(given=[(1.0, 1)]))
    fleet.submit(7, prompt_length=8, output_length=2)
    fleet.advance(1.0)
    copy = fleet.fork()
    for one in (fleet, copy):
        one.advance()
        ends = [event.outcome for event in one.poll() if event.outcome is not None]
        assert [(end.replica, end.attempts, end.end_time) for end in ends] == [(2, 2, 3.25)]
    assert np.all(fleet.replicas.running == 0)


def test_what_its_source_has_freed_is_not_freed_again() -> None:
    # Request 0 decodes from 0.75 on. The prompt of the second is done at 1.0. Its target reserves at 1.25, as an
    # iteration ends, and is in the next until 1.75. The KV is there at 1.5, when the source frees it, and waits. The
    # third request has its place in the source when the target is lost, at 1.625.
    fleet = LiveFleet(
        [(CONFIG, 1, "prefill"), (CONFIG, 1, "decode")], disaggregation=SPLIT, faults=Faults(given=[(1.625, 1)])
    )
    for request, arrival in enumerate([0.0, 0.25, 1.5]):
        fleet.submit(request, prompt_length=8, output_length=8, arrival_time=arrival)
    fleet.advance(1.75)
    used = fleet.replicas.kv_use[0]
    assert used > 0
    fleet.advance()
    assert [event.outcome.status.name for event in fleet.poll() if event.outcome] == ["LOST"] * 3
    assert fleet.replicas.kv_use.tolist() == [0.0, 0.0]
