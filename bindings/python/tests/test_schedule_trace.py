"""Traces of schedules: valid by a strict reader of the format, and what they say against the results and the logs."""

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import batching
import closed_loop_by_hand as by_hand
from batching import Event, RequestColumns, Result, write_schedule_trace
from trace_event_format import Trace

LOGS: dict[str, Any] = {"log_iterations": True, "log_decisions": True}


def trace_of(result: Any, tmp_path: Path, window: tuple[float, float] | None = None) -> Trace:
    path = tmp_path / "trace.json"
    write_schedule_trace(result, path, window)
    return Trace(path.read_text())


def whole(seconds: Any) -> Any:
    """Nanoseconds."""
    return np.rint(np.asarray(seconds) * 1e9).astype(np.int64)


def workload(count: int = 300) -> RequestColumns:
    return batching.generate_workload(count, arrival_rate=40.0)


def spans(slices: list[dict[str, Any]], name: str) -> dict[int, list[tuple[int, int]]]:
    """Begin and end of each slice of this name, or whose name begins so, by request."""
    found = defaultdict(list)
    for event in slices:
        if event["name"].split(":")[0].split()[0] == name:
            found[event["args"]["request"]].append((event["ts"], event["ts"] + event["dur"]))
    return found


SETTINGS: list[dict[str, Any]] = [
    {"num_gpu_blocks": 60},
    {"num_gpu_blocks": 60, **LOGS},
    {"num_gpu_blocks": 60, "async_scheduling": True, "max_num_batched_tokens": 256, "max_num_seqs": 64, **LOGS},
    {"num_gpu_blocks": 60, "time_limit": 3.0, **LOGS},
    {"num_gpu_blocks": 60, "max_model_len": 600, "time_limit": 3.0, "log_iterations": True},
    {"policy": "static", "max_num_seqs": 8, **LOGS},
    {"policy": "dynamic", "max_num_seqs": 8, "max_queue_delay": 0.2, **LOGS},
    {"policy": "orca", "max_num_seqs": 8, "log_decisions": True},
    {"iteration_time": 0.0, **LOGS},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_valid(tmp_path: Path, settings: dict[str, Any]) -> None:
    result = batching.simulate(workload(), **settings)
    trace = trace_of(result, tmp_path)
    stays = spans(trace.of("slots"), "request")
    assert set(stays) == set(np.flatnonzero(~np.isnan(result.start_time)).tolist())
    # The phases of a stay fill it, without a gap.
    phases: dict[int, int] = defaultdict(int)
    for event in trace.of("slots"):
        if not event["name"].startswith("request"):
            assert event["name"] in {"prefill", "decode", "recompute", "held"}
            phases[event["args"]["request"]] += event["dur"]
    assert phases == {request: sum(end - begin for begin, end in of) for request, of in stays.items()}
    write_schedule_trace(result, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "trace.json").read_bytes()


@pytest.mark.parametrize("simulate", [batching.simulate_static, batching.simulate_continuous])
def test_simulators_are_valid(tmp_path: Path, simulate: Any) -> None:
    result = simulate(workload(), 8)
    trace = trace_of(result, tmp_path)
    stays = spans(trace.of("slots"), "request")
    for request in range(len(result)):
        assert stays[request] == [(whole(result.start_time)[request], whole(result.end_time)[request])]
    assert len({event["tid"] for event in trace.of("slots")}) == 8
    assert max(value for _, value in trace.counter("running")) == 8
    assert trace.counter("running")[-1][1] == trace.counter("waiting")[-1][1] == 0


@pytest.mark.parametrize("settings", SETTINGS[1:4])
def test_every_moment_of_a_request_is_in_one_place(tmp_path: Path, settings: dict[str, Any]) -> None:
    """From its arrival to its end a request is in the queue, running or preempted: never in two, never in none."""
    result = batching.simulate(workload(), **settings)
    assert result.total_preemptions > 0
    trace = trace_of(result, tmp_path)
    running = spans(trace.of("slots"), "request")
    queued, preempted = spans(trace.of("waiting"), "queue"), spans(trace.of("waiting"), "preempted")
    arrivals = whole(result.requests.arrival_time)
    ends = whole(np.nan_to_num(result.end_time, nan=result.duration))
    for request in range(len(result)):
        if ends[request] <= arrivals[request]:
            continue
        parts = sorted(running[request] + queued[request] + preempted[request])
        assert parts[0][0] == arrivals[request]
        assert parts[-1][1] == ends[request]
        assert all(left[1] == right[0] for left, right in pairwise(parts))
        lost = len(preempted[request])
        # One that is preempted and admitted again at the same moment has not waited.
        assert lost <= result.preemptions[request]
        assert len(running[request]) - 1 <= result.preemptions[request] <= len(running[request])


def test_preemptions_and_recomputation(tmp_path: Path) -> None:
    """The stays are those of the log, and recomputation ends with the first token after the admission."""
    result = batching.simulate(workload(), num_gpu_blocks=60, **LOGS)
    assert result.decision_log is not None
    assert result.iteration_log is not None
    log, moments = result.decision_log, whole(result.iteration_log.time)
    ends = moments + whole(result.iteration_log.duration)
    stays = spans(trace_of(result, tmp_path).of("slots"), "request")
    recomputed = spans(trace_of(result, tmp_path).of("slots"), "recompute")
    prompts = result.requests.prompt_length
    assert prompts is not None
    seen = 0
    for request in np.flatnonzero(result.preemptions).tolist():
        rows = np.flatnonzero(log.request == request)
        begins, stops, ended = [], [], []
        computed = generated = 0
        recomputing = False
        for row in rows:
            moment, event = int(moments[log.iteration[row]]), int(log.event[row])
            if event in {Event.ADMITTED, Event.RESUMED}:
                begins.append(moment)
                computed = int(log.tokens[row])
                recomputing = event == Event.RESUMED and generated > 0
            elif event == Event.PREEMPTED:
                stops.append(moment)
                if recomputing:
                    ended.append((begins[-1], moment))
                recomputing = False
            elif event == Event.SCHEDULED:
                computed += int(log.tokens[row])
                if computed == prompts[request] + generated:
                    generated += 1
                    if recomputing:
                        ended.append((begins[-1], int(ends[log.iteration[row]])))
                    recomputing = False
        stops.append(int(whole(result.end_time[request])))
        assert stays[request] == list(zip(begins, stops, strict=True))
        assert recomputed[request] == ended
        seen += len(ended)
    assert seen > 10


def test_iterations_and_counters(tmp_path: Path) -> None:
    result = batching.simulate(workload(), num_gpu_blocks=60, **LOGS)
    log = result.iteration_log
    assert log is not None
    trace = trace_of(result, tmp_path)
    iterations = trace.of("engine")
    assert [event["args"]["iteration"] for event in iterations] == list(range(result.iterations))
    assert [event["ts"] for event in iterations] == whole(log.start_time).tolist()
    assert [event["dur"] for event in iterations] == whole(log.duration).tolist()
    assert sum(event["args"]["prefill_tokens"] for event in iterations) == result.prefill_tokens
    assert sum(event["args"]["finished"] for event in iterations) == result.finished
    for name, column in (("running", log.running), ("waiting", log.waiting), ("KV blocks", log.kv_blocks_used)):
        told = dict(trace.counter(name))
        level, expected = 0, column.tolist()
        for moment, value in zip(whole(log.start_time).tolist(), expected, strict=True):
            level = told.get(moment, level)
            assert level == value, name
    assert trace.counter("running")[-1] == (whole(result.duration), 0)
    assert trace.counter("KV blocks")[-1] == (whole(result.duration), 0)


def test_counters_fall_when_the_engine_is_idle(tmp_path: Path) -> None:
    """One token each, at 0.0 and at 5.0: between 0.01 and 5.0 nothing runs."""
    result = batching.simulate(RequestColumns([1, 1], arrival_time=[0.0, 5.0]), **LOGS)
    expected = [(0, 1), (10_000_000, 0), (5_000_000_000, 1), (5_010_000_000, 0)]
    assert trace_of(result, tmp_path).counter("running") == expected
    unlogged = batching.simulate(RequestColumns([1, 1], arrival_time=[0.0, 5.0]))
    assert trace_of(unlogged, tmp_path).counter("running") == expected


def test_by_hand(tmp_path: Path) -> None:
    """Static batches of two at 0.5 s an iteration: request 0 has its 1 token at 0.5 and is held until 1.5."""
    result = batching.simulate_static(RequestColumns([1, 3, 1]), 2, 0.5)
    trace = trace_of(result, tmp_path)
    slots = [(event["tid"], event["name"], event["ts"], event["dur"]) for event in trace.of("slots")]
    half = 500_000_000
    assert slots == [
        (1, "request 0", 0, 3 * half),
        (1, "prefill", 0, half),
        (1, "held", half, 2 * half),
        (2, "request 1", 0, 3 * half),
        (2, "prefill", 0, half),
        (2, "decode", half, 2 * half),
        (1, "request 2", 3 * half, half),
        (1, "prefill", 3 * half, half),
    ]
    waiting = [(event["name"], event["ts"], event["dur"]) for event in trace.of("waiting")]
    assert waiting == [("queue: request 2", 0, 3 * half)]
    assert trace.counter("running") == [(0, 2), (3 * half, 1), (4 * half, 0)]
    assert trace.counter("waiting") == [(0, 1), (3 * half, 0)]


def test_the_engines_static_batches_hold_too(tmp_path: Path) -> None:
    result = batching.simulate(RequestColumns([1, 3]), policy="static", max_num_seqs=2, iteration_time=0.5, **LOGS)
    held = spans(trace_of(result, tmp_path).of("slots"), "held")
    assert held == {0: [(500_000_000, 1_500_000_000)]}


def test_rejections(tmp_path: Path) -> None:
    result = batching.simulate(
        RequestColumns([1, 1], prompt_length=[10, 100], arrival_time=[0.0, 0.25]), max_model_len=50
    )
    trace = trace_of(result, tmp_path)
    (instant,) = [event for event in trace.events if event["ph"] == "i"]
    assert instant["name"] == "rejected_model_length: request 1"
    assert instant["ts"] == 250_000_000
    assert set(spans(trace.of("slots"), "request")) == {0}
    assert trace.of("waiting") == []


def test_window(tmp_path: Path) -> None:
    """What lies wholly outside is left out, and all else is there."""
    result = batching.simulate(workload(), num_gpu_blocks=60, **LOGS)
    everything, part = trace_of(result, tmp_path), trace_of(result, tmp_path, (1.0, 1.5))
    for process in ("engine", "slots", "waiting"):
        inside = [
            (event["name"], event["ts"], event["dur"])
            for event in everything.of(process)
            if event["ts"] <= 1_500_000_000 and event["ts"] + event["dur"] >= 1_000_000_000
        ]
        told = [(event["name"], event["ts"], event["dur"]) for event in part.of(process)]
        if process == "slots":
            # A stay that reaches into the window comes with all its phases.
            assert set(inside) <= set(told)
        else:
            assert sorted(inside) == sorted(told)
    assert len(part.events) < len(everything.events) / 2


def test_no_requests(tmp_path: Path) -> None:
    for result in (batching.simulate(RequestColumns([]), **LOGS), batching.simulate_static(RequestColumns([]), 1)):
        trace = trace_of(result, tmp_path)
        assert set(trace.processes.values()) == {"engine", "slots", "waiting"}
        assert not trace.slices


def test_bad_arguments(tmp_path: Path) -> None:
    result: Result = batching.simulate(RequestColumns([1]))
    with pytest.raises(ValueError, match=r"must end in \.json"):
        write_schedule_trace(result, tmp_path / "trace.txt")
    with pytest.raises(ValueError, match=r"window is \(2\.0, 1\.0\): must end after it begins"):
        write_schedule_trace(result, tmp_path / "trace.json", (2.0, 1.0))
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        write_schedule_trace(result, tmp_path / "missing" / "trace.json")
    with pytest.raises(TypeError, match="result is 'x'"):
        write_schedule_trace("x", tmp_path / "trace.json")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("overlap", {"ts": 5, "dur": 10}),
        ("no duration", {"dur": None}),
        ("negative", {"ts": -1}),
        ("fraction of a nanosecond", {"ts": 0.0001}),
        ("unnamed track", {"tid": 7}),
        ("unnamed process", {"pid": 7}),
    ],
)
def test_the_reader_is_strict(name: str, change: dict[str, Any]) -> None:
    def text(**changes: Any) -> str:
        slices = [
            {"ph": "X", "name": "a", "pid": 1, "tid": 1, "ts": 0, "dur": 10, "args": {}},
            {"ph": "X", "name": "b", "pid": 1, "tid": 1, "ts": 20, "dur": 10, "args": {}} | changes,
        ]
        names = [
            {"ph": "M", "name": f"{kind}_name", "pid": 1, "tid": 1, "args": {"name": "n"}}
            for kind in ("process", "thread")
        ]
        return json.dumps({"displayTimeUnit": "ms", "traceEvents": names + slices})

    Trace(text())
    with pytest.raises((AssertionError, TypeError)):
        Trace(text(**change))


@pytest.mark.parametrize("logs", [{}, LOGS])
def test_requests_wait_at_their_clients(tmp_path: Path, logs: dict[str, Any]) -> None:
    trace = trace_of(by_hand.two_in_flight(**logs), tmp_path)
    second = 10**9
    # Request 2 from 0 to 1 s, request 3 from 0.5 to 2 s, each in a place of its own.
    waits = [(event["name"], event["tid"], event["ts"], event["dur"]) for event in trace.of("clients")]
    assert waits == [
        ("client queue: request 2", 1, 0, second),
        ("client queue: request 3", 2, second // 2, 3 * second // 2),
    ]
    assert trace.of("waiting") == []
    stays = spans(trace.of("slots"), "request")
    assert {request: stays[request] for request in range(4)} == {
        request: [(round(begin * second), round(end * second))]
        for request, (begin, end) in enumerate(zip(by_hand.SENT, by_hand.END, strict=True))
    }
    assert "clients" not in trace_of(batching.simulate(by_hand.CONVERSATION), tmp_path).processes.values()


def test_what_is_not_sent_waits_at_its_client_to_the_end(tmp_path: Path) -> None:
    """The run ends at 1 s, as request 2 is sent."""
    trace = trace_of(by_hand.two_in_flight(time_limit=1.0, **LOGS), tmp_path)
    waits = {event["args"]["request"]: (event["ts"], event["dur"]) for event in trace.of("clients")}
    assert waits == {2: (0, 10**9), 3: (10**9 // 2, 10**9 // 2)}
    assert trace.of("waiting") == []
    # Of a window only what is in it.
    early = trace_of(by_hand.two_in_flight(), tmp_path, (0.0, 0.25))
    assert [event["args"]["request"] for event in early.of("clients")] == [2]
