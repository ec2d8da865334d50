"""Simulates a recorded workload, and puts what came out in the words of a recording."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from oracle import recordings
from oracle.engine import SlowOptions, SlowWorkload, slow_simulate
from oracle.recordings import Recording, microseconds
from oracle.times import SlowAffineTime

# Of include/batching.h.
STATUSES = {
    0: "finished",
    100: "unfinished",
    110: "stuck",
    120: "aborted",
    200: "rejected",
    210: "rejected",
    220: "rejected",
}
END_ITERATION_LIMIT, END_STUCK = 110, 200
PREEMPTED, ADMITTED, RESUMED, SCHEDULED, RUNNING, WAITING, FINISHED, ABORTED = 200, 300, 310, 400, 500, 510, 600, 610
FIELD_OF_EVENT = {PREEMPTED: "pre", ADMITTED: "new", RESUMED: "res", RUNNING: "run", WAITING: "wait", FINISHED: "fin"}

Engine = Callable[[Recording], Any]
"""Gives the columns of a result, its summary, and both logs, the queues included."""


def library_engine() -> Engine:
    """The library, through its Python package."""
    import batching  # noqa: PLC0415  the other engine needs no library

    def run(recording: Recording) -> Any:
        requests = recordings.requests(recording)
        columns: dict[str, Any] = {"priority": requests.priority, "tie_break": requests.tie_break}
        if requests.hash_ids is not None:
            columns["hash_ids"] = np.array([item for ids in requests.hash_ids for item in ids], np.int64)
            columns["hash_offsets"] = np.cumsum([0, *map(len, requests.hash_ids)], dtype=np.int64)
            columns["hash_block_size"] = recording.config["block_size"]
            columns["hash_covers_output"] = True
        columns["max_tokens"], columns["abort_time"] = requests.max_tokens, requests.abort_time
        return batching.simulate(
            batching.RequestColumns(requests.output_length, requests.prompt_length, requests.arrival_time, **columns),
            iteration_time=batching.AffineTime(**recordings.affine_time(recording.config)),
            log_iterations=True,
            log_decisions=True,
            log_queues=True,
            **recordings.options(recording.config),
        )

    return run


def slow_engine() -> Engine:
    """The slow engine."""

    def run(recording: Recording) -> Any:
        requests = recordings.requests(recording)
        workload = SlowWorkload(
            requests.output_length,
            requests.prompt_length,
            requests.arrival_time,
            requests.priority,
            requests.tie_break,
            requests.hash_ids,
            hash_block_size=recording.config["block_size"],
            hash_covers_output=True,
            max_tokens=requests.max_tokens,
            abort_time=requests.abort_time,
        )
        time = SlowAffineTime(**recordings.affine_time(recording.config))
        options = recordings.options(recording.config)
        return slow_simulate(workload, SlowOptions(**options, iteration_time=time, log_queues=True))

    return run


ENGINES: dict[str, Callable[[], Engine]] = {"library": library_engine, "slow": slow_engine}


def iterations(recording: Recording, result: Any) -> list[dict[str, Any]]:
    """The iterations of a run, with every field that a recording may have but for the ids of the KV blocks."""
    log = result.iteration_log
    usable = recording.config["num_gpu_blocks"] - 1
    rows: list[dict[str, Any]] = [
        {
            "i": number,
            "t": microseconds(time),
            "start": microseconds(start),
            "dt": microseconds(duration),
            "s": {},
            "free": usable - used,
            "free2": usable - kept,
            "nrun": running,
            "nwait": waiting,
            "hit": {},
            "ab": [],
            "ab2": [],
            **{field: [] for field in FIELD_OF_EVENT.values()},
        }
        for number, (time, start, duration, used, kept, running, waiting) in enumerate(
            zip(
                *map(as_list, (log.time, log.start_time, log.duration, log.kv_blocks_used, log.kv_blocks_kept)),
                *map(as_list, (log.running, log.waiting)),
                strict=True,
            )
        )
    ]
    ids = recording.ids
    scheduled = -1
    for iteration, request, event, tokens in decisions(result):
        if event == ABORTED:
            # Before the iteration is scheduled, or when it is over. One after the last iteration is no row's.
            if iteration < len(rows):
                rows[iteration]["ab" if iteration > scheduled else "ab2"].append(ids[request])
            continue
        row, name = rows[iteration] if iteration < len(rows) else {}, ids[request]
        if event in {RUNNING, WAITING}:
            scheduled = max(scheduled, iteration)
        if event in FIELD_OF_EVENT:
            row[FIELD_OF_EVENT[event]].append(name)
        if event == SCHEDULED:
            row["s"][name] = tokens
        if event in {ADMITTED, RESUMED} and tokens > 0:
            row["hit"][name] = tokens
    return rows


def results(recording: Recording, result: Any) -> dict[str, dict[str, Any]]:
    """What became of each request. A field that does not apply is not there."""
    ids = recording.ids
    log = result.iteration_log
    # An iteration in which a request computes takes time, so that its end tells it from all others of that request.
    ends = [
        microseconds(start) + microseconds(duration)
        for start, duration in zip(as_list(log.start_time), as_list(log.duration), strict=True)
    ]
    rows: dict[str, dict[str, Any]] = {
        name: {"status": STATUSES[status], "output_tokens": tokens, "preemptions": preemptions}
        for name, status, tokens, preemptions in zip(
            ids,
            as_list(result.status),
            as_list(result.tokens_generated),
            as_list(result.preemptions),
            strict=True,
        )
    }
    first_token, end = as_list(result.first_token_time), as_list(result.end_time)
    for index, name in enumerate(ids):
        if not math.isnan(first_token[index]):
            rows[name]["first_time"] = microseconds(first_token[index])
        if not math.isnan(end[index]):
            rows[name]["finish_time"] = microseconds(end[index])
    for iteration, request, event, _ in decisions(result):
        row = rows[ids[request]]
        if event == SCHEDULED and ends[iteration] == row.get("first_time"):
            row.setdefault("first_iter", iteration)
        if event == FINISHED:
            row["finish_iter"] = iteration
    return rows


def summary(result: Any) -> dict[str, Any]:
    """What a recording says of the whole run."""
    return {
        "iterations": result.iterations,
        "end_time": microseconds(result.duration),
        "stalled": result.end_reason == END_STUCK,
        "truncated": result.end_reason == END_ITERATION_LIMIT,
        "total_preemptions": result.total_preemptions,
        "finished": result.finished,
    }


def decisions(result: Any) -> list[tuple[int, int, int, int]]:
    """The rows of the decision log: iteration, request, event, tokens."""
    log = result.decision_log
    return list(zip(*map(as_list, (log.iteration, log.request, log.event, log.tokens)), strict=True))


def as_list(column: Any) -> list[Any]:
    """Python's own numbers, whichever engine made the column."""
    return list(np.asarray(column).tolist())
