"""Runs a case through the library and through the slow engine, and says where they differ, to the last bit."""

from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from batching import AffineTime, Client, KVOffload, RequestColumns, Result, RooflineTime, TableTime, simulate

from oracle.attribution import PARTS
from oracle.cases import Case
from oracle.client import SlowClient
from oracle.engine import SlowOptions, SlowWorkload, slow_simulate
from oracle.records import COUNTED, SUMMARY_FIELDS, SlowResult
from oracle.simulators import nanoseconds, seconds
from oracle.times import SlowAffineTime, SlowRooflineTime, SlowTime

COLUMNS = [
    "start_time",
    "first_token_time",
    "end_time",
    "tokens_generated",
    "completion_order",
    "preemptions",
    "prefix_cached_tokens",
    "status",
    "arrival_time",
    "sent_time",
]
ITERATION_COLUMNS = ["time", "start_time", "duration", *COUNTED]
DECISION_COLUMNS = ["iteration", "request", "event", "tokens"]


def request_columns(workload: SlowWorkload) -> RequestColumns:
    shared: dict[str, Any] = {}
    if workload.hash_ids is not None:
        shared["hash_ids"] = np.array([item for ids in workload.hash_ids for item in ids], np.int64)
        shared["hash_offsets"] = np.cumsum([0, *map(len, workload.hash_ids)], dtype=np.int64)
        shared["hash_block_size"] = workload.hash_block_size or None
        shared["hash_covers_output"] = workload.hash_covers_output
    return RequestColumns(
        workload.output_length,
        workload.prompt_length,
        workload.arrival_time,
        priority=workload.priority,
        tie_break=workload.tie_break,
        max_tokens=workload.max_tokens,
        abort_time=workload.abort_time,
        session=workload.session,
        delay=workload.delay,
        **shared,
    )


def library_arguments(options: SlowOptions) -> dict[str, Any]:
    arguments = {name: getattr(options, name) for name in vars(options) if name != "custom"}
    if options.custom is not None:
        arguments["policy"] = options.custom
    if options.kv_offload is not None:
        arguments["kv_offload"] = KVOffload(**asdict(options.kv_offload))
    if isinstance(options.iteration_time, SlowTime):
        arguments["iteration_time"] = library_time(options.iteration_time)
    return arguments


def library_time(time: SlowTime) -> AffineTime | RooflineTime | TableTime:
    values: dict[str, Any] = asdict(time)  # type: ignore[call-overload]
    if isinstance(time, SlowAffineTime):
        return AffineTime(**values)
    return RooflineTime(**values) if isinstance(time, SlowRooflineTime) else TableTime(**values)


def library_client(client: SlowClient | None) -> Client | None:
    if client is None:
        return None
    named = {item.name: getattr(client, item.name) for item in fields(client) if item.name != "drawn"}
    return Client(**{name: value for name, value in named.items() if value})


def drawn_think_times(client: SlowClient, count: int) -> list[float]:
    """The first think times that the library draws: what one user thinks between requests that take no time to mention.

    How they are distributed is tested elsewhere. Here it matters that the first of any run are always the same.
    """
    alone = replace(client, clients=1, max_concurrency=0, ramp_up=0.0, drawn=None)
    told = simulate(
        RequestColumns([1] * (count + 1), [1] * (count + 1)), iteration_time=1e-9, client=library_client(alone)
    )
    whole = [[nanoseconds(time) for time in times.tolist()] for times in (told.arrival_time, told.end_time)]
    return [seconds(arrival - end) for arrival, end in zip(whole[0][1:], whole[1][:-1], strict=True)]


def run_library(case: Case, **arguments: Any) -> Result:
    settings = {**library_arguments(case.options), **arguments}
    if case.client is not None:
        settings["client"] = library_client(case.client)
    return simulate(request_columns(case.workload), **settings)


def slow_client(case: Case) -> SlowClient | None:
    """The client of a case, with its think times."""
    client = case.client
    if client is None or client.think_time == 0 or client.think_times == "constant":
        return client
    return replace(client, drawn=drawn_think_times(client, len(case.workload.output_length)))


def run_slow(case: Case) -> SlowResult:
    return slow_simulate(case.workload, case.options, slow_client(case))


def assert_same_run(case: Case) -> SlowResult:
    """With all logs, with some, and without: a log must change nothing.

    Returns what the slow engine told, for statistics.
    """
    case.options.log_queues = True
    expected = run_slow(case)
    got = run_library(case, log_iterations=True, log_decisions=True, attribution=True)
    assert_same_decisions(expected, got)
    assert_same_iterations(expected, got)
    assert_same_results(expected, got)
    assert_same_attribution(expected, got)
    for arguments in ({"log_iterations": True}, {"log_decisions": True}, {"attribution": True}, {}):
        plain = replace(case, options=replace(case.options, log_queues=False))
        got = run_library(plain, **arguments)
        assert_same_results(expected, got)
        if "attribution" in arguments:
            assert_same_attribution(expected, got)
        if "log_iterations" in arguments:
            assert_same_iterations(expected, got)
        if "log_decisions" in arguments:
            assert_same_decisions(run_slow(plain), got)
    return expected


def assert_same_results(expected: SlowResult, got: Result) -> None:
    for name in COLUMNS:
        assert_same_column(name, getattr(expected, name), getattr(got, name))
    for name in SUMMARY_FIELDS:
        assert_same_number(name, getattr(expected, name), getattr(got, name))


def assert_same_iterations(expected: SlowResult, got: Result) -> None:
    assert got.iteration_log is not None
    for name in ITERATION_COLUMNS:
        assert_same_column(
            f"iteration_log.{name}", getattr(expected.iteration_log, name), getattr(got.iteration_log, name)
        )


def assert_same_attribution(expected: SlowResult, got: Result) -> None:
    assert got.attribution is not None
    for name in PARTS:
        assert_same_column(f"attribution.{name}", getattr(expected.attribution, name), getattr(got.attribution, name))


def assert_same_decisions(expected: SlowResult, got: Result) -> None:
    assert got.decision_log is not None
    logs = expected.decision_log, got.decision_log
    rows = [
        list(zip(*(np.asarray(getattr(log, name)).tolist() for name in DECISION_COLUMNS), strict=True)) for log in logs
    ]
    if rows[0] != rows[1]:
        first = next(
            (index for index, (a, b) in enumerate(zip(*rows, strict=False)) if a != b), min(len(rows[0]), len(rows[1]))
        )
        window = slice(max(0, first - 2), first + 3)
        raise AssertionError(
            f"row {first} of the decision log (iteration, request, event, tokens), with those around it:"
            f" expected {rows[0][window]}, got {rows[1][window]}"
        )


def assert_same_column(name: str, expected: list[Any], got: npt.NDArray[Any]) -> None:
    wanted = np.asarray(expected, got.dtype)
    assert wanted.shape == got.shape, f"{name}: expected {expected}, got {got.tolist()}"
    assert (_bits(wanted) == _bits(got)).all(), f"{name}: expected {expected}, got {got.tolist()}"


def assert_same_number(name: str, expected: float, got: float) -> None:
    assert type(expected) is type(got) or isinstance(got, int), f"{name} is a {type(got)}"
    assert_same_column(name, [expected], np.array([got], type(expected)))


def _bits(column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The bits of doubles, all NaNs being the same one."""
    if column.dtype == np.float64:
        return np.where(np.isnan(column), np.nan, column).view(np.int64)
    return column.astype(np.int64)
