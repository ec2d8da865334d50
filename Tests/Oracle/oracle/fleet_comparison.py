"""Runs a fleet through the library and through the slow one, says where they differ, to the last bit, and makes what
differs small.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

from batching import EngineConfig, FleetResult, simulate_fleet

from oracle.client import is_closed
from oracle.comparison import (
    COLUMNS,
    assert_same_column,
    assert_same_number,
    drawn_think_times,
    library_arguments,
    library_client,
    request_columns,
)
from oracle.engine import SlowOptions, SlowWorkload
from oracle.fleet import SlowFleet, SlowFleetResult, slow_fleet
from oracle.fleet_cases import FleetCase
from oracle.fleet_slices import assert_same_slices, can_be_sliced
from oracle.records import END_STUCK, FINISHED
from oracle.simulators import nanoseconds, seconds

SUMS = [
    "total_tokens",
    "iterations",
    "finished",
    "rejected",
    "prefill_tokens",
    "decode_tokens",
    "total_preemptions",
    "recomputed_tokens",
    "prefix_cache_queries",
    "prefix_cache_hits",
    "host_kv_hits",
    "disk_kv_hits",
    "host_kv_loaded",
    "disk_kv_loaded",
    "host_kv_blocks_written",
    "disk_kv_blocks_written",
]
LARGEST = ["total_time", "duration", "peak_running", "peak_waiting", "peak_kv_use"]
OF_A_REPLICA = [
    "iterations",
    "busy_time",
    "duration",
    "mean_running",
    "mean_kv_use",
    "peak_waiting",
    "prefix_cache_queries",
    "prefix_cache_hits",
]


def library_pools(case: FleetCase) -> list[tuple[EngineConfig, int]]:
    not_of_replicas = {"time_limit", "iteration_limit", "log_queues"}
    return [
        (
            EngineConfig(
                **{name: value for name, value in library_arguments(options).items() if name not in not_of_replicas}
            ),
            number,
        )
        for options, number in case.pools
    ]


def run_library(case: FleetCase) -> FleetResult:
    return simulate_fleet(
        request_columns(case.workload),
        library_pools(case),
        router=case.router.name,  # type: ignore[arg-type]
        client=library_client(case.client),
        metrics_interval=case.metrics_interval,
        **case.router.library,
    )


def run_slow(case: FleetCase) -> SlowFleetResult:
    client = case.client
    if client is not None and client.think_time and client.think_times != "constant":
        client = replace(client, drawn=drawn_think_times(client, len(case.workload.output_length)))
    replicas = case.replicas
    return slow_fleet(
        case.workload, SlowFleet(replicas, case.metrics_interval), case.router.made(len(replicas)), client
    )


def assert_same_fleet(case: FleetCase) -> SlowFleetResult:
    expected, got = run_slow(case), run_library(case)
    for name in ["replica", "routed_time", *COLUMNS]:
        assert_same_column(name, getattr(expected, name), getattr(got, name))
    _assert_same_replicas(expected, got)
    _assert_same_summary(expected, got)
    assert_same_slices(case, expected, library_pools(case))
    return expected


def _assert_same_replicas(expected: SlowFleetResult, got: FleetResult) -> None:
    told = expected.replicas
    columns = {name: [getattr(one, name) for one in told] for name in OF_A_REPLICA}
    columns["requests"] = [expected.replica.count(number) for number in range(len(told))]
    columns["finished"] = [one.finished for one in told]
    columns["tokens"] = [one.total_tokens for one in told]
    columns["preemptions"] = [one.total_preemptions for one in told]
    for name, values in columns.items():
        assert_same_column(f"replicas.{name}", values, getattr(got.replicas, name))


def _assert_same_summary(expected: SlowFleetResult, got: FleetResult) -> None:
    told = expected.replicas
    for name in SUMS:
        assert_same_number(name, sum(getattr(one, name) for one in told), getattr(got, name))
    for name in LARGEST:
        assert_same_number(name, max(getattr(one, name) for one in told), getattr(got, name))
    assert_same_number("busy_time", sum(one.busy_time for one in told), got.busy_time)
    last = max(one.total_time for one in told)
    tokens = sum(one.total_tokens for one in told)
    assert_same_number("throughput", tokens / last if last else 0.0, got.throughput)
    assert_same_number("end_reason", expected.end_reason, got.end_reason)
    assert_same_number("not_sent", expected.not_sent, got.not_sent)
    gone = sum(one.finished + one.rejected for one in told) + expected.not_sent
    assert_same_number("unfinished", len(expected.status) - gone, got.unfinished)
    assert sum(status == FINISHED for status in expected.status) == sum(one.finished for one in told)
    for name, share in (("mean_running", 1), ("mean_kv_use", len(told))):
        if len(told) == 1:
            assert_same_number(name, getattr(told[0], name), getattr(got, name))
            continue
        # A sum in double has no order that is promised.
        whole = max(Fraction(one.duration) for one in told) * share
        parts = [Fraction(getattr(one, name)) * Fraction(one.duration) for one in told]
        mean = float(sum(parts, Fraction()) / whole) if whole else 0.0
        assert abs(getattr(got, name) - mean) <= 1e-13 * mean, f"{name}: expected {mean}, got {getattr(got, name)}"


def happened(case: FleetCase, told: SlowFleetResult) -> dict[str, bool]:
    """What matters to a comparison, and whether it is in this one."""
    replicas = case.replicas
    closed = is_closed(case.workload.session, case.client)
    routed, number = told.routed_time, len(replicas)
    facts = {
        "several replicas": number > 1,
        "one replica": number == 1,
        "pools": len(case.pools) > 1,
        "closed loop": closed,
        "live slices": can_be_sliced(case),
        "asynchronous": any(options.async_scheduling and options.policy == "vllm" for options in replicas),
        "no time": any(one.iterations > 0 and one.busy_time == 0 for one in told.replicas),
        "equal arrivals": len(set(case.workload.arrival_time)) < len(case.workload.arrival_time),
        "equal ends": _has_equals(told.end_time),
        "arrival at an end": not set(told.end_time).isdisjoint(routed),
        "preempted": any(told.preemptions),
        "rejected": any(one.rejected for one in told.replicas),
        "cached": any(one.prefix_cache_hits for one in told.replicas),
        "loaded from tiers": any(one.host_kv_loaded + one.disk_kv_loaded for one in told.replicas),
        "stuck": told.end_reason == END_STUCK,
        "not sent": told.not_sent > 0,
        "waited at the router": any(at > sent for at, sent in zip(routed, told.sent_time, strict=True)),
    }
    policies = {options.policy for options in replicas}
    return facts | {policy: policy in policies for policy in ("vllm", "static", "dynamic", "continuous", "orca")}


def _has_equals(times: Sequence[float]) -> bool:
    known = [time for time in times if not math.isnan(time)]
    return len(set(known)) < len(known)


# What differs is made small: of all that is a little less, the first that still differs, again and again.


def shrunk(case: FleetCase, differs: Callable[[FleetCase], bool]) -> FleetCase:
    while True:
        smaller = next((less for less in _less(case) if _holds(differs, less)), None)
        if smaller is None:
            return case
        case = smaller


def _holds(differs: Callable[[FleetCase], bool], case: FleetCase) -> bool:
    try:
        return differs(case)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        # What is left of it is no case.
        return False


def _less(case: FleetCase) -> Iterator[FleetCase]:
    count = len(case.workload.output_length)
    size = count // 2
    while size >= 1:
        for start in range(0, count, size):
            rows = [index for index in range(count) if not start <= index < start + size]
            if rows:
                yield replace(case, workload=_rows(case.workload, rows))
        size //= 2
    for place in range(len(case.pools)):
        options, number = case.pools[place]
        others = case.pools[:place], case.pools[place + 1 :]
        if len(case.pools) > 1:
            yield replace(case, pools=[*others[0], *others[1]])
        if number > 1:
            yield replace(case, pools=[*others[0], (options, number - 1), *others[1]])
        for item in fields(SlowOptions):
            if getattr(options, item.name) != item.default:
                default: dict[str, Any] = {item.name: item.default}
                plainer = replace(options, **default)
                yield replace(case, pools=[*others[0], (plainer, number), *others[1]])
    if case.client is not None:
        yield replace(case, client=None)
    ids = case.workload.hash_ids
    if ids is not None and any(ids):
        # Not none at all: what a router takes as the size of a block would change.
        yield replace(case, workload=replace(case.workload, hash_ids=[[] for _ in ids]))
    for name in ("priority", "tie_break", "max_tokens", "session", "delay"):
        if getattr(case.workload, name) is not None:
            none: dict[str, Any] = {name: None}
            yield replace(case, workload=replace(case.workload, **none))
    yield from _less_of_requests(case)


def _less_of_requests(case: FleetCase) -> Iterator[FleetCase]:
    workload = case.workload
    for name in ("output_length", "prompt_length", "arrival_time"):
        values: Sequence[float] = getattr(workload, name)
        for place, value in enumerate(values):
            for smaller in (1, value // 2 if isinstance(value, int) else 0.0):
                plain = seconds(nanoseconds(smaller)) if name == "arrival_time" else smaller
                if plain < value:
                    changed: dict[str, Any] = {name: [*values[:place], plain, *values[place + 1 :]]}
                    yield replace(case, workload=replace(workload, **changed))


def _rows(workload: SlowWorkload, rows: Sequence[int]) -> SlowWorkload:
    columns: dict[str, Any] = {}
    for item in fields(SlowWorkload):
        values = getattr(workload, item.name)
        columns[item.name] = [values[row] for row in rows] if isinstance(values, (list, tuple)) else values
    return SlowWorkload(**columns)
