"""Runs a fleet in slices, as time goes by, and says where what it tells differs from what a whole run of the slow one
gives, to the last bit.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from batching import EngineConfig, LiveFleet, LiveFleetEventColumns, RequestColumns

from oracle.client import is_closed
from oracle.comparison import assert_same_column, request_columns
from oracle.fleet import SlowFleetResult
from oracle.fleet_cases import FleetCase
from oracle.records import STUCK, UNFINISHED

OF_A_REQUEST = [
    "arrival_time",
    "start_time",
    "first_token_time",
    "end_time",
    "tokens_generated",
    "preemptions",
    "prefix_cached_tokens",
    "status",
    "replica",
    "routed_time",
]
GIVEN = ["output_length", "prompt_length", "arrival_time", "priority", "tie_break", "max_tokens"]
MOST_SLICES = 5


def can_be_sliced(case: FleetCase) -> bool:
    """Whether a host could send the requests itself, and no batch waits for the last of them."""
    return not is_closed(case.workload.session, case.client) and all(
        options.policy != "static" for options in case.replicas
    )


def assert_same_slices(case: FleetCase, expected: SlowFleetResult, pools: Sequence[tuple[EngineConfig, int]]) -> None:
    """In some slices, and now and then in a copy from there on, each request ends as in the whole run."""
    if not can_be_sliced(case):
        return
    draw = random.Random(repr(case.workload.arrival_time))  # noqa: S311
    requests = _without_equals(case)
    settings = dict(case.router.library)
    # Of a whole run without hash ids it is 16, and else what they stand for.
    if settings.get("block_size") is None:
        settings["block_size"] = (
            16 if requests.hash_ids is None else requests.hash_block_size or case.replicas[0].block_size
        )
    fleet = LiveFleet(
        pools,
        router=case.router.name,  # type: ignore[arg-type]
        metrics_interval=case.metrics_interval,
        **settings,
    )
    arrivals = case.workload.arrival_time
    cuts = sorted(draw.choice(arrivals) for _ in range(draw.randint(0, MOST_SLICES)))
    ended: set[int] = set()
    start = 0.0
    for cut in [*cuts, math.inf]:
        rows = [index for index, time in enumerate(arrivals) if start <= time < cut]
        if rows:
            fleet.submit_columns(_rows(requests, rows), rows)
        if draw.random() < 0.3:
            _compare(fleet.poll_columns(), expected, ended)
            fleet = fleet.fork()
        fleet.advance(cut)
        start = cut
        if draw.random() < 0.5:
            _compare(fleet.poll_columns(), expected, ended)
    _compare(fleet.poll_columns(), expected, ended)
    for index, status in enumerate(expected.status):
        assert index in ended or status in (STUCK, UNFINISHED), f"slices: request {index} has no end"


def _compare(told: LiveFleetEventColumns, expected: SlowFleetResult, ended: set[int]) -> None:
    for row in told.is_end.nonzero()[0].tolist():
        index = int(told.request[row])
        assert index not in ended, f"slices: request {index} ends twice"
        ended.add(index)
        for name in OF_A_REQUEST:
            got = getattr(told.outcome, name)[row : row + 1]
            assert_same_column(f"slices: {name}[{index}]", [getattr(expected, name)[index]], got)
    assert told.time.tolist() == sorted(told.time.tolist()), "slices: events are not in order of time"


def _without_equals(case: FleetCase) -> RequestColumns:
    """In a live fleet the request that was submitted first is the first of equals: here it is said which that is."""
    count = len(case.workload.output_length)
    given = case.workload.tie_break or [0] * count
    ties = [own * count + index for index, own in enumerate(given)]
    return request_columns(replace(case.workload, tie_break=ties))


def _rows(columns: RequestColumns, rows: list[int]) -> RequestColumns:
    named: dict[str, Any] = {
        name: None if getattr(columns, name) is None else getattr(columns, name)[rows] for name in GIVEN
    }
    if columns.hash_ids is not None and columns.hash_offsets is not None:
        ends = columns.hash_offsets
        named["hash_ids"] = [columns.hash_ids[ends[row] : ends[row + 1]] for row in rows]
        named["hash_block_size"] = columns.hash_block_size
        named["hash_covers_output"] = columns.hash_covers_output
    return RequestColumns(**named)
