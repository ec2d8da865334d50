"""Live fleets: what simulate_fleet gives, in any slices; what they tell, hold and refuse."""

import copy
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import (
    Admission,
    AffineTime,
    BatchingBusyError,
    BatchingCancelledError,
    BatchingError,
    BatchingValueError,
    Disaggregation,
    EngineConfig,
    Event,
    Fault,
    Faults,
    LiveFleet,
    RequestColumns,
    RequestStatus,
    RouterView,
    Scaling,
    simulate_fleet,
)
from live_fleet_driver import Drive, assert_ordered, assert_same
from random_fleets import random_disaggregation, random_engine, random_operations, random_requests, random_routing

_RUNS = 30
"""Random fleets of each test."""

_ONE_SLOT = EngineConfig(max_num_seqs=1, iteration_time=0.25)
_ENGINE = EngineConfig(
    max_num_seqs=4,
    max_num_batched_tokens=64,
    block_size=16,
    num_gpu_blocks=60,
    enable_prefix_caching=True,
    iteration_time=AffineTime(base=0.01, per_prefill_token=1e-4),
)
_APART = [(_ENGINE, 2, "prefill"), (_ENGINE, 2, "decode")]


def _requests(seed: int, count: int = 80, *, sessions: bool = False) -> RequestColumns:
    """Requests of five groups, each with a beginning of its own, faster than one replica can serve."""
    draw = random.Random(seed)  # noqa: S311  reproducible, not secret
    prompts = [draw.randint(1, 100) for _ in range(count)]
    ids = [[1000 * draw.randint(1, 5) + block for block in range(prompt // 16)] for prompt in prompts]
    times = sorted(round(draw.uniform(0.0, 3.0), 9) for _ in range(count))
    # Some at once.
    times[10:14] = [times[10]] * 4
    return RequestColumns(
        [draw.randint(1, 30) for _ in range(count)],
        prompts,
        times,
        priority=[draw.randint(0, 2) for _ in range(count)],
        hash_ids=ids,
        hash_block_size=16,
        # One turn each: what comes later in a session would wait in a run for the turn before it.
        session=draw.sample(range(10_000), count) if sessions else None,
    )


def _on_the_clock(requests: RequestColumns) -> RequestColumns:
    """The same, arriving at whole nanoseconds."""
    assert requests.arrival_time is not None
    return requests.replace(arrival_time=[round(time, 9) for time in requests.arrival_time.tolist()])


_FLEETS: dict[str, dict[str, Any]] = {
    "round_robin": {"router": "round_robin"},
    "random": {"router": "random", "seed": 5},
    "least_requests": {"router": "least_requests"},
    "least_requests, weighted": {"router": "least_requests", "weights": [1, 2, 1, 3]},
    "least_tokens": {"router": "least_tokens"},
    "dynamo_kv": {"router": "dynamo_kv", "block_size": 16},
    "dynamo_kv with a queue": {"router": "dynamo_kv", "queue_threshold": 0.5, "max_num_batched_tokens": 64},
    "cache_aware": {"router": "cache_aware"},
    "scorers with metrics": {"router": "scorers", "scorer": ["kv_usage", "queue"], "metrics_interval": 0.05},
    "precise prefixes, late": {"router": "scorers", "scorer": ["precise_prefix", "queue"], "kv_event_lag": 0.05},
    "vllm_dp": {"router": "vllm_dp"},
    "estimated_ttft": {"router": "estimated_ttft"},
    "estimated_e2e": {"router": "estimated_e2e"},
    "late decisions": {"router": "least_requests", "routing_delay": 0.03},
    "a function": {"router": lambda view: int(np.lexsort((view.in_flight, -view.cached_tokens, 1 - view.is_up))[0])},
    "by session": {"router": "session", "sessions": True},
    "unlike pools": {"config": [(_ENGINE, 1), (_ONE_SLOT, 3)], "router": "least_requests"},
    "prefill and decode apart": {"config": _APART, "router": "least_requests"},
    "apart, dynamo_kv": {"config": _APART, "router": "dynamo_kv", "decode_settings": {"temperature": 0.5}},
    "apart, other routers": {
        "config": _APART,
        "router": "round_robin",
        "decode_router": "least_requests",
        "disaggregation": Disaggregation(preset="vllm_nixl", kv_bytes_per_token=1000.0, link_bandwidth=1e6),
    },
    "admission": {
        "admission": Admission(max_in_flight=12, bucket_capacity=20.0, bucket_rate=20.0, shed_priority=2),
    },
    "timeouts and retries": {
        "admission": Admission(ttft_timeout=0.3, e2e_timeout=0.6, retries=3),
        "faults": Faults(given=[Fault(0.5, 0), Fault(1.0, 1), Fault(1.5, 0, "up")], notice_delay=0.05),
        "router": "least_requests",
    },
    "faults": {"faults": Faults(mean_up_time=1.0, mean_down_time=0.3, seed=3), "admission": Admission(retries=2)},
    "slow replicas": {"faults": Faults(given=[Fault(0.5, 2, "slow", 4.0)]), "router": "least_requests"},
    "scaling": {
        "scaling": Scaling("hpa", target=3, interval=0.2, startup_time=0.1, min_replicas=1),
        "router": "least_requests",
    },
}


@pytest.mark.parametrize("attribution", [False, True])
@pytest.mark.parametrize("name", _FLEETS)
def test_any_slices_give_what_a_run_gives(name: str, attribution: bool) -> None:
    given = dict(_FLEETS[name])
    has_sessions = given.pop("sessions", False)
    config = given.pop("config", _ENGINE)
    arguments = {"attribution": attribution, **({} if isinstance(config, list) else {"replicas": 4}), **given}
    for seed in range(3):
        requests = _requests(seed, sessions=has_sessions)
        drive = Drive(LiveFleet(config, **arguments), requests, random.Random(seed)).run()  # noqa: S311
        expected = simulate_fleet(drive.in_order, config, **arguments)
        assert_same(drive, expected)
        assert_ordered(drive, apart=isinstance(config, list))
        # So that the case is one.
        assert len(set(expected.replica.tolist()) - {-1}) > 1 or "scaling" in given


@pytest.mark.parametrize("first", range(0, 8 * _RUNS, _RUNS))
@pytest.mark.parametrize("apart", [True, False])
def test_random_fleets_in_any_slices(first: int, *, apart: bool) -> None:
    for seed in range(first, first + _RUNS):
        draw = random.Random(seed)  # noqa: S311  reproducible, not secret
        size = draw.choice([1, 4, 16])
        requests = _on_the_clock(random_requests(draw, size))
        settings = random_routing(draw)
        settings.pop("client", None)
        if requests.session is not None:
            requests = requests.replace(session=range(len(requests)))
        counts = [draw.randint(1, 3), draw.randint(1, 3)]
        pools: list[Any]
        if apart:
            pools = [
                (random_engine(draw, size), counts[0], "prefill"),
                (random_engine(draw, size), counts[1], "decode"),
            ]
            settings["disaggregation"] = random_disaggregation(draw)
        else:
            pools = [(random_engine(draw, size), count) for count in counts]
        if not apart or seed % 2:
            settings |= random_operations(draw, sum(counts), apart=apart)
        try:
            drive = Drive(LiveFleet(pools, **settings), requests, draw).run()
            assert_same(drive, simulate_fleet(drive.in_order, pools, **settings))
            assert_ordered(drive, apart=apart)
        except AssertionError as error:
            error.add_note(f"seed {seed}, apart {apart}")
            raise


def test_turns_of_sessions_come_when_their_host_sends_them() -> None:
    # A run sends a later turn some time after the answer to the one before; a host that sends them at these times gets
    # the same.
    sessions = {"session": [index % 12 for index in range(80)], "delay": [0.0] * 12 + [0.01] * 68}
    # None at once: the order of those is that in which they are submitted.
    times = [round(3.0 * index / 80, 9) for index in range(80)]
    requests = _requests(1).replace(arrival_time=times, **sessions)
    for router in ("session", "least_requests"):
        arguments: dict[str, Any] = {"replicas": 3, "router": router}
        expected = simulate_fleet(requests, _ENGINE, **arguments)
        sent = requests.replace(delay=None, arrival_time=expected.sent_time)
        drive = Drive(LiveFleet(_ENGINE, **arguments), sent, random.Random(1)).run()  # noqa: S311
        index_of = {name: index for index, name in enumerate(drive.ids)}
        ended = [index_of[name] for name in drive.column("request")[np.concatenate([one.is_end for one in drive.told])]]
        assert sorted(ended) == list(range(80))
        for name in ("start_time", "end_time", "replica"):
            np.testing.assert_array_equal(drive.of_ends(name), getattr(expected, name)[ended], err_msg=name)


# Two replicas with one slot each; an iteration takes 0.25 s, and the prompt and the first token one of them.
def test_what_two_replicas_tell_of_three_requests() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2, router="least_requests")
    fleet.submit(7, prompt_length=10, output_length=3, arrival_time=1.0)
    fleet.submit(-8, prompt_length=10, output_length=2, arrival_time=1.0)
    fleet.submit(9, prompt_length=10, output_length=1, arrival_time=1.1)
    assert fleet.state.pending == 3
    fleet.advance(1.3)
    # 7 goes to replica 0, and -8 to replica 1; 9 to the first of equals, where it waits.
    told = [(event.time, event.request, event.event, event.tokens, event.replica) for event in fleet.poll()]
    assert told == [
        (1.0, 7, Event.ROUTED, 0, 0),
        (1.0, 7, Event.ADMITTED, 0, 0),
        (1.0, -8, Event.ROUTED, 0, 1),
        (1.0, -8, Event.ADMITTED, 0, 1),
        (1.1, 9, Event.ROUTED, 0, 0),
        (1.25, 7, Event.FIRST_TOKEN, 1, 0),
        (1.25, -8, Event.FIRST_TOKEN, 1, 1),
    ]
    state, held = fleet.state, fleet.replicas
    assert (state.clock, state.submitted, state.pending, state.in_flight, state.queued) == (1.3, 3, 0, 3, 0)
    assert (held.waiting.tolist(), held.running.tolist()) == ([1, 0], [1, 1])
    assert (held.routed.tolist(), held.is_up.tolist()) == ([2, 1], [1, 1])
    assert held.kv_use.tolist() == [0.0, 0.0]
    fleet.advance()
    events = fleet.poll()
    assert [(event.time, event.request, event.event, event.tokens, event.replica) for event in events] == [
        (1.5, -8, Event.FINISHED, 2, 1),
        (1.75, 7, Event.FINISHED, 3, 0),
        (1.75, 9, Event.ADMITTED, 0, 0),
        (2.0, 9, Event.FIRST_TOKEN, 1, 0),
        (2.0, 9, Event.FINISHED, 1, 0),
    ]
    assert [event.outcome is None for event in events] == [False, False, True, True, False]
    outcome = events[4].outcome
    assert outcome is not None
    assert outcome.status is RequestStatus.FINISHED
    assert (outcome.arrival_time, outcome.start_time, outcome.end_time) == (1.1, 1.75, 2.0)
    assert (outcome.ttft, outcome.e2e) == (2.0 - 1.1, 2.0 - 1.1)
    assert (outcome.tokens_generated, outcome.replica, outcome.attempts) == (1, 0, 1)
    assert outcome.prefill_replica == -1
    assert outcome.attribution is None
    assert fleet.state.finished == 3
    assert fleet.state.clock == 2.0


def test_a_replica_queues_the_prompts_of_requests_without_a_first_token() -> None:
    # As above, with a router that is told of first tokens.
    fleet = LiveFleet(_ONE_SLOT, replicas=2, router=lambda view: int(view.in_flight.argmin()))
    fleet.submit_columns(RequestColumns([3, 2, 1], [10, 20, 40], [1.0, 1.0, 1.1]))
    for clock, expected in ((1.2, [50, 20]), (1.3, [40, 0]), (9.0, [0, 0])):
        fleet.advance(clock)
        assert fleet.replicas.queued_tokens.tolist() == expected


def test_the_parts_of_the_time_of_a_request() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=1, attribution=True)
    fleet.submit_columns(RequestColumns([2, 1], [5, 5], [0.0, 0.0]))
    fleet.advance()
    parts = [event.outcome.attribution for event in fleet.poll() if event.outcome is not None]
    # Two iterations; then the second request, which has waited for the slot for as long, takes one.
    assert [(one.waiting_for_slot, one.prefill, one.decode) for one in parts if one is not None] == [
        (0.0, 0.25, 0.25),
        (0.5, 0.25, 0.0),
    ]


def test_prefill_and_decode_apart_are_two_replicas() -> None:
    pools = [(_ONE_SLOT, 1, "prefill"), (_ONE_SLOT, 1, "decode")]
    fleet = LiveFleet(pools)  # type: ignore[arg-type]
    fleet.submit(1, prompt_length=10, output_length=3, arrival_time=0.5)
    fleet.advance()
    told = fleet.poll()
    assert [(event.replica, event.event) for event in told if event.event == Event.ROUTED] == [
        (0, Event.ROUTED),
        (1, Event.ROUTED),
    ]
    outcome = told[-1].outcome
    assert outcome is not None
    assert (outcome.prefill_replica, outcome.replica) == (0, 1)
    # The prompt takes one iteration.
    assert outcome.held_time == 0.75


def test_a_request_that_is_not_taken_ends_at_the_router() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2, admission=Admission(max_in_flight=1))
    fleet.submit_columns(RequestColumns([4, 4], [1, 1], [0.0, 0.5]), [10, 11])
    fleet.advance(0.5)
    assert fleet.state.rejected == 0, "what arrives at the clock has not arrived"
    fleet.advance(0.6)
    last = fleet.poll()[-1]
    assert (last.time, last.request, last.event, last.replica) == (0.5, 11, Event.REJECTED, -1)
    assert last.outcome is not None
    assert last.tokens == last.outcome.status
    assert (last.outcome.replica, last.outcome.attempts) == (-1, 0)
    assert (fleet.state.rejected, fleet.state.in_flight) == (1, 1)


def test_a_lost_replica_takes_its_requests_with_it() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2, faults=Faults(given=[Fault(0.5, 0)]))
    fleet.submit_columns(RequestColumns([4, 4], [1, 1], [0.0, 0.0]))
    fleet.advance(0.6)
    ends = [(event.time, event.request, event.event, event.outcome) for event in fleet.poll() if event.outcome]
    assert [(time, request, event) for time, request, event, _ in ends] == [(0.5, 0, Event.ABORTED)]
    assert ends[0][3].status is RequestStatus.LOST
    assert fleet.state.aborted == 1
    assert fleet.replicas.is_up.tolist() == [0, 1]
    # Of those that come now all go to the other.
    fleet.submit_columns(RequestColumns([1, 1]))
    fleet.advance()
    assert {event.replica for event in fleet.poll()} == {1}


def test_an_id_is_free_once_its_request_has_ended() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2)
    for _ in range(3):
        fleet.submit(5, prompt_length=1, output_length=1)
        with pytest.raises(BatchingValueError, match="request is 5: must not be the id of a request in flight"):
            fleet.submit(5, prompt_length=1, output_length=1)
        fleet.advance()
    # Also before its end was polled.
    assert [event.request for event in fleet.poll() if event.event == Event.FINISHED] == [5, 5, 5]


def test_requests_are_numbered_where_they_have_no_ids() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2)
    for _ in range(2):
        fleet.submit_columns(RequestColumns([1, 1]))
        fleet.advance()
    assert [event.request for event in fleet.poll() if event.event == Event.ROUTED] == [0, 1, 2, 3]


def test_memory_does_not_grow_with_the_requests_that_have_ended() -> None:
    pages = Path("/proc/self/statm")

    def used() -> int:
        return int(pages.read_text(encoding="ascii").split()[1]) * 4096

    fleet = LiveFleet(EngineConfig(max_num_seqs=16, iteration_time=0.001), replicas=4, router="least_requests")
    slice_size, slices = 500, 400
    before, seen = 0, 0
    for number in range(slices):
        times = number + np.arange(slice_size) / slice_size
        fleet.submit_columns(RequestColumns([2] * slice_size, [8] * slice_size, times))
        fleet.advance(number + 1.0)
        seen += int(fleet.poll_columns().is_end.sum())
        assert fleet.state.in_flight <= 8
        if number == slices // 10:
            before = used()
    fleet.advance()
    seen += int(fleet.poll_columns().is_end.sum())
    assert seen == slice_size * slices == fleet.state.finished
    # The ends alone of the requests since then, 260 bytes each, would be 46 MB.
    assert used() - before < 8_000_000


_WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], type[Exception], str]] = {
    "an arrival before the clock": (
        {},
        {"arrival_time": [0.5]},
        ValueError,
        r"arrival_time\[0\] is 0.5: must not be before the clock of the fleet, which is at 1.0 seconds",
    ),
    "a delay": ({}, {"session": [1], "delay": [1.0]}, ValueError, "delay is given: must be NULL for a live fleet"),
    "a time to leave": ({}, {"abort_time": [2.0]}, ValueError, "abort_time is given: must be NULL for a live fleet"),
    "an output of no token": ({}, {"output_length": [0]}, ValueError, r"output_length\[0\] is 0: must be at least 1"),
    "other hash ids than the router's": (
        {"router": "cache_aware", "block_size": 32},
        {"hash_ids": [[1]], "hash_block_size": 16},
        ValueError,
        "hash_block_size is 16: must be the block_size of the router, which is 32",
    ),
    "other hash ids than the engine's": (
        {"router": "cache_aware"},
        {"hash_ids": [[1]], "hash_block_size": 32},
        ValueError,
        "hash_block_size is 32: must be the block_size of the router, which is 16",
    ),
}


@pytest.mark.parametrize("name", _WRONG)
def test_what_submit_refuses_in_one_sentence(name: str) -> None:
    settings, columns, kind, sentence = _WRONG[name]
    fleet = LiveFleet(_ENGINE, replicas=2, **settings)
    fleet.advance(1.0)
    before = fleet.state
    with pytest.raises(kind, match=f"^{sentence}$") as raised:
        fleet.submit_columns(RequestColumns(**{"output_length": [1], "prompt_length": [40], **columns}))
    assert isinstance(raised.value, BatchingError)
    # It is as it was, and takes the next.
    assert fleet.state == before
    fleet.submit_columns(RequestColumns([1], [40]))


def test_of_many_requests_all_come_or_none() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2)
    fleet.submit(3, prompt_length=1, output_length=1)
    with pytest.raises(BatchingValueError, match=r"^ids\[2\] is 3: must not be the id of a request in flight$"):
        fleet.submit_columns(RequestColumns([1, 1, 1]), [1, 2, 3])
    with pytest.raises(BatchingValueError, match=r"^ids\[1\] is 4: must not be the id of a request in flight$"):
        fleet.submit_columns(RequestColumns([1, 1]), [4, 4])
    with pytest.raises(BatchingValueError, match=r"^ids has 1 element: must have as many as there are requests, 2$"):
        fleet.submit_columns(RequestColumns([1, 1]), [4])
    assert fleet.state.submitted == 1
    fleet.submit_columns(RequestColumns([1, 1, 1]), [1, 2, 4])
    assert fleet.state.submitted == 4


def test_all_requests_have_a_session_or_none_has() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2, router="session")
    fleet.submit(1, prompt_length=1, output_length=1, session=4)
    with pytest.raises(BatchingValueError, match=r"^session is NULL: must be given, as before$"):
        fleet.submit(2, prompt_length=1, output_length=1)
    other = LiveFleet(_ONE_SLOT, replicas=2)
    other.submit(1, prompt_length=1, output_length=1)
    with pytest.raises(BatchingValueError, match=r"^session is given: must be NULL, as before$"):
        other.submit(2, prompt_length=1, output_length=1, session=4)


def test_hash_ids_are_of_one_kind() -> None:
    fleet = LiveFleet(_ENGINE, replicas=2)
    fleet.submit(1, prompt_length=32, output_length=1, hash_ids=[1, 2])
    with pytest.raises(BatchingValueError, match="hash_block_size is 16: must be 16, and hash_covers_output 0"):
        fleet.submit(2, prompt_length=32, output_length=1, hash_ids=[1, 2, 3], hash_covers_output=True)


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda fleet: fleet.submit(True, prompt_length=1, output_length=1), TypeError, "request is True: must be an"),
        (lambda fleet: fleet.submit(1, prompt_length=1.5, output_length=1), TypeError, "prompt_length is 1.5: must"),
        (
            lambda fleet: fleet.submit(1, prompt_length=1, output_length=2**40),
            ValueError,
            "output_length is 1099511627",
        ),
        (lambda fleet: fleet.submit(1, prompt_length=-1, output_length=1), ValueError, "^prompt_length is -1: must be"),
        (lambda fleet: fleet.submit_columns([1]), TypeError, r"requests is \[1\]: must be RequestColumns"),
        (lambda fleet: fleet.advance(float("nan")), ValueError, "time is nan"),
        (lambda fleet: fleet.advance("now"), TypeError, "time is 'now': must be a number"),
        (lambda fleet: fleet.advance(-1.0), ValueError, "time is -1"),
        (lambda fleet: fleet.estimate_columns([1]), TypeError, r"requests is \[1\]: must be RequestColumns"),
        (pickle.dumps, TypeError, "a LiveFleet cannot be pickled"),
    ],
)
def test_what_every_call_refuses(call: Any, kind: type[Exception], sentence: str) -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2)
    with pytest.raises(kind, match=sentence):
        call(fleet)
    assert fleet.state.submitted == 0


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        ({"router": "nearest"}, ValueError, "router is 'nearest': must be one of"),
        ({"replicas": 0}, ValueError, "replicas is 0: must be between 1 and 65536"),
        ({"attribution": 1}, TypeError, "attribution is 1: must be True or False"),
        ({"faults": 3}, TypeError, "faults is 3: must be a Faults or None"),
        ({"replicas": 2, "faults": Faults(given=[Fault(1.0, 2)])}, ValueError, "fault_replica"),
        ({"client": None}, TypeError, "client"),
        ({"preferred_replica": [0]}, TypeError, "preferred_replica"),
        ({"weights": [1]}, ValueError, "weights has 1 elements: must have as many as there are workers, 4"),
        ({"metrics_interval": 0.0}, ValueError, "metrics_interval is 0: must be greater than 0"),
        ({"kv_event_lag": -1.0}, ValueError, "kv_event_lag is -1"),
    ],
)
def test_what_a_fleet_cannot_be_made_of(arguments: dict[str, Any], kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        LiveFleet(_ONE_SLOT, **arguments)


def test_a_clock_that_is_there_already_stays() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2)
    fleet.advance(2.0)
    fleet.advance(1.0)
    assert fleet.state.clock == 2.0
    fleet.advance()
    assert fleet.state.clock == 2.0


def _full(router: Any, iteration_time: Any = 0.25) -> LiveFleet:
    fleet = LiveFleet(EngineConfig(max_num_seqs=1, iteration_time=iteration_time), replicas=2, router=router)
    fleet.submit_columns(RequestColumns([2, 2, 2], [1, 1, 1], [0.0, 0.5, 1.0]))
    return fleet


def test_after_a_router_that_raises_what_has_happened_can_be_polled() -> None:
    def choose(view: RouterView) -> int:
        if view.time == 0.5:
            raise KeyError("no worker")
        return 1

    fleet = _full(choose)
    with pytest.raises(KeyError, match="no worker"):
        fleet.advance()
    assert [(event.time, event.request, event.event) for event in fleet.poll()] == [
        (0.0, 0, Event.ROUTED),
        (0.0, 0, Event.ADMITTED),
        (0.25, 0, Event.FIRST_TOKEN),
        (0.5, 0, Event.FINISHED),
    ]
    assert fleet.state.finished == 1
    assert fleet.replicas.running.tolist() == [0, 0]
    with pytest.raises(BatchingCancelledError):
        fleet.advance()
    with pytest.raises(BatchingCancelledError):
        fleet.submit(9, prompt_length=1, output_length=1, arrival_time=3.0)
    with pytest.raises(BatchingCancelledError):
        fleet.estimate(prompt_length=1, output_length=1, arrival_time=3.0)
    with pytest.raises(BatchingCancelledError):
        fleet.fork()


def test_after_an_iteration_time_that_raises_what_has_happened_can_be_polled() -> None:
    asked: list[float] = []

    def take(iteration: Any) -> float:
        asked.append(iteration.time)
        if iteration.time >= 0.5:
            raise ValueError("no time")
        return 0.25

    fleet = _full("round_robin", take)
    with pytest.raises(ValueError, match="no time"):
        fleet.advance()
    assert (0.0, 0, Event.ROUTED) in [(event.time, event.request, event.event) for event in fleet.poll()]
    with pytest.raises(BatchingCancelledError):
        fleet.advance()


def test_a_callback_may_not_use_its_fleet() -> None:
    def choose(view: RouterView) -> int:
        with pytest.raises(BatchingBusyError):
            fleet.advance(3.0)
        return 0

    fleet = _full(choose)
    fleet.advance()
    assert fleet.state.finished == 3


def test_a_router_sees_the_replicas_as_they_are() -> None:
    seen: list[tuple[float, list[int]]] = []

    def choose(view: RouterView) -> int:
        seen.append((view.time, view.in_flight.tolist()))
        return 1

    fleet = _full(choose)
    fleet.advance(0.75)
    fleet.advance()
    # The one of 0.0 s has its second token at 0.5 s, before what arrives then.
    assert seen == [(0.0, [0, 0]), (0.5, [0, 0]), (1.0, [0, 0])]


def test_what_a_fleet_shows() -> None:
    fleet = _full("round_robin")
    fleet.advance(0.6)
    assert repr(fleet) == "LiveFleet(at 0.6 s, 1 in flight, 2 replicas)"
    assert str(fleet.state).splitlines()[:3] == ["Live fleet", "  clock      600 ms", "  submitted       3"]
    assert "in flight" in fleet.state._repr_html_()
    assert str(fleet.replicas).splitlines()[0] == "2 replicas"
    assert repr(fleet.poll_columns()).startswith("LiveFleetEventColumns(")
    many = LiveFleet(_ONE_SLOT, replicas=40)
    assert len(many.replicas) == 40
    assert "…" in str(many.replicas)


def test_columns_and_objects_tell_the_same() -> None:
    one, other = _full("least_requests"), _full("least_requests")
    one.advance()
    other.advance()
    events, columns = one.poll(), other.poll_columns()
    assert [(*event[:5],) for event in events] == list(
        zip(
            *(getattr(columns, name).tolist() for name in ("time", "request", "event", "tokens", "replica")),
            strict=True,
        )
    )
    assert [event.outcome is not None for event in events] == columns.is_end.tolist()
    # A row that ends no request is that of one to which nothing has happened.
    (first, *_) = np.flatnonzero(~columns.is_end)
    row = columns.outcome[int(first)]
    assert (row.status, row.replica, row.tokens_generated) == (RequestStatus.UNFINISHED, -1, 0)
    assert np.isnan(row.arrival_time)
    assert not columns.time.flags.writeable


def test_what_a_fleet_told_outlives_it() -> None:
    fleet = _full("round_robin")
    fleet.advance()
    told, held = fleet.poll_columns(), fleet.replicas
    before = (told.time.tolist(), held.waiting.tolist())
    del fleet
    assert (told.time.tolist(), held.waiting.tolist()) == before


# Copies


def _some_way(name: str, seed: int, attribution: bool = False) -> tuple[LiveFleet, RequestColumns]:
    """A fleet with requests in flight, and others to come."""
    given = dict(_FLEETS[name])
    has_sessions = given.pop("sessions", False)
    config = given.pop("config", _ENGINE)
    arguments = {"attribution": attribution, **({} if isinstance(config, list) else {"replicas": 4}), **given}
    fleet = LiveFleet(config, **arguments)
    requests = _requests(seed, sessions=has_sessions)
    fleet.submit_columns(requests)
    fleet.advance(0.9)
    return fleet, requests


def _told(fleet: LiveFleet) -> list[Any]:
    """All that happens from now on, as text: NaN is not equal to itself."""
    fleet.advance()
    return [repr(event) for event in fleet.poll()]


@pytest.mark.parametrize("name", _FLEETS)
def test_a_copy_goes_on_as_the_original(name: str) -> None:
    fleet, _ = _some_way(name, 4, attribution=True)
    held = fleet.replicas
    copied = fleet.fork()
    assert copied.poll() == []
    assert copied.state.clock == fleet.state.clock
    assert copied.replicas.running.tolist() == held.running.tolist()
    fleet.poll()
    first = _told(copied)
    assert len(first) > 10
    # The original has not moved.
    assert fleet.state.clock == 0.9
    assert fleet.replicas.running.tolist() == held.running.tolist()
    assert _told(fleet) == first


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copied_fleet_is_a_fork(copied: Any) -> None:
    fleet, _ = _some_way("dynamo_kv", 4)
    other = copied(fleet)
    other.advance(1.5)
    assert (fleet.state.clock, other.state.clock) == (0.9, 1.5)
    del fleet
    assert len(_told(other)) > 10


@pytest.mark.parametrize("name", _FLEETS)
def test_an_estimate_is_what_happens_in_a_copy(name: str) -> None:
    fleet, requests = _some_way(name, 5)
    fleet.poll()
    session = {"session": 99} if requests.session is not None else {}
    for arrival in (None, 0.95, 2.0):
        asked: dict[str, Any] = {
            "prompt_length": 48,
            "output_length": 12,
            "arrival_time": arrival,
            "hash_ids": [1000, 1001, 1002],
            **session,
        }
        before = repr((fleet.state, fleet.replicas))
        answer = fleet.estimate(**asked)
        assert repr((fleet.state, fleet.replicas)) == before
        copied = fleet.fork()
        copied.submit(-5, **asked)
        copied.advance()
        (outcome,) = [event.outcome for event in copied.poll() if event.request == -5 and event.outcome is not None]
        expected = (
            outcome.ttft,
            outcome.e2e,
            outcome.start_time,
            outcome.first_token_time,
            outcome.end_time,
            outcome.status,
            outcome.replica,
            outcome.prefill_replica,
        )
        assert repr(tuple(answer)) == repr(expected)


def test_estimates_change_nothing() -> None:
    fleet, _ = _some_way("timeouts and retries", 6)
    other, _ = _some_way("timeouts and retries", 6)
    for _ in range(3):
        fleet.estimate(prompt_length=10, output_length=5)
    assert _told(fleet) == _told(other)


def test_many_estimates_are_those_of_each() -> None:
    fleet, _ = _some_way("least_requests", 7)
    asked = RequestColumns([5, 9, 2], [40, 10, 70], [0.9, 1.4, 2.5])
    told = fleet.estimate_columns(asked)
    assert len(told) == 3
    for index in range(3):
        one = fleet.estimate(
            prompt_length=[40, 10, 70][index], output_length=[5, 9, 2][index], arrival_time=[0.9, 1.4, 2.5][index]
        )
        assert told[index] == one
    assert repr(told) == "FleetEstimateColumns(3 requests)"


def test_an_estimate_by_hand() -> None:
    # Replica 0 runs a request of 8 tokens to 2.0 s, replica 1 one of 4 tokens to 1.0 s. The next goes to the first of
    # equals: 0.6 s is before the end of both. It begins at 2.0 s there; estimated_ttft has it at 1.0 s elsewhere.
    for router, replica, start in (("least_requests", 0, 2.0), ("estimated_ttft", 1, 1.0)):
        fleet = LiveFleet(_ONE_SLOT, replicas=2, router=router)  # type: ignore[arg-type]
        fleet.submit_columns(RequestColumns([8, 4], [1, 1]))
        fleet.advance(0.6)
        answer = fleet.estimate(prompt_length=1, output_length=2)
        assert (answer.replica, answer.start_time) == (replica, start)
        assert (answer.first_token_time, answer.end_time) == (start + 0.25, start + 0.5)
        assert (answer.ttft, answer.e2e) == (start + 0.25 - 0.6, start + 0.5 - 0.6)
        assert answer.status is RequestStatus.FINISHED


def test_an_estimate_refuses_what_submit_refuses_and_goes_on() -> None:
    fleet = LiveFleet(_ONE_SLOT, replicas=2)
    fleet.advance(1.0)
    with pytest.raises(BatchingValueError, match=r"^arrival_time is 0.5: must not be before the clock"):
        fleet.estimate(prompt_length=1, output_length=1, arrival_time=0.5)
    assert fleet.estimate(prompt_length=1, output_length=1).ttft == 0.25


def test_a_function_that_raises_in_an_estimate_leaves_the_fleet_usable() -> None:
    raises = [False]

    def choose(view: RouterView) -> int:
        if raises[0]:
            raise KeyError("not now")
        return 0

    fleet = _full(choose)
    fleet.advance(0.1)
    raises[0] = True
    with pytest.raises(KeyError, match="not now"):
        fleet.estimate(prompt_length=1, output_length=1)
    raises[0] = False
    fleet.advance()
    assert fleet.state.finished == 3
