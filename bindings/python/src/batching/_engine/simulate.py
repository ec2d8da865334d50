"""A modern serving engine in one call: vLLM's scheduler, and the policies to compare it with."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Unpack

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._columns.requests import Request, request_columns, rows
from batching._engine.attribution import Attribution, attributed_columns
from batching._engine.callbacks import Callbacks, Progress
from batching._engine.client import CLIENT_KINDS, Client, ClientSettings, client_of
from batching._engine.config import LIMITS, EngineConfig, EngineSettings, configured, takes_settings
from batching._engine.kinds import switch
from batching._engine.logs import DecisionLog, IterationLog, LogCollector, decision_collector, iteration_collector
from batching._engine.result import CLIENT_COLUMNS, COLUMNS, PADDED_POLICIES, Result, sends_later
from batching._ffi.arguments import integer, shown
from batching._ffi.calls import Float64Array, check, initialised, pointer
from batching._ffi.generated import structs
from batching._ffi.loader import library
from batching._ffi.memory import allocated, check_fits

_RESULT_BYTES_PER_REQUEST: Final = 48


class RunSettings(EngineSettings, ClientSettings, total=False):
    """The settings that `simulate` takes by name."""


@takes_settings(EngineConfig, Client)
def simulate(
    requests: RequestColumns | Sequence[Request],
    config: EngineConfig | None = None,
    *,
    client: Client | None = None,
    time_limit: float | None = None,
    iteration_limit: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    progress_interval: int = 4096,
    log_iterations: bool = False,
    log_decisions: bool = False,
    log_queues: bool = False,
    attribution: bool = False,
    **settings: Unpack[RunSettings],
) -> Result:
    """Simulate a serving engine on requests, iteration by iteration.

    Args:
        requests: RequestColumns, or Request objects; in any order of arrival.
        config: how the engine schedules, what memory it has and how long its iterations take. None: EngineConfig().
        client: how the requests are sent: closed loops, clients. None: as they arrive, and the turns of sessions one
            after the other.
        time_limit: no iteration starts at or after this many seconds.
        iteration_limit: no more iterations than this.
        progress: called as the run goes on; raise in it to stop the run.
        progress_interval: iterations between two calls of progress.
        log_iterations: whether to keep a row for each iteration: Result.iteration_log.
        log_decisions: whether to keep a row for each decision: Result.decision_log.
        log_queues: whether that has also which requests run and which wait in each iteration.
        attribution: whether the result says into which parts the time of each request falls. A function for
            iteration_time is then asked a second time for iterations with prefill and decodes: what they would take
            without the prefill.
        settings: fields of EngineConfig and of Client, by name; they replace those of config and client.
            simulate(requests, max_num_seqs=8, max_concurrency=4) is
            simulate(requests, EngineConfig(max_num_seqs=8), client=Client(max_concurrency=4)).

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, two contradict each other, a policy of your own decides what it may
            not, or the clock would pass 9223372036 seconds.
        MemoryError: the results do not fit.
        Whatever a callback raises, and whatever a handler of a signal raises meanwhile: KeyboardInterrupt at Ctrl-C.

    Time: about 20 ns an iteration and 100 ns a request, however many are running, unless it is logged or asks back.
    Releases the interpreter's lock.
    """
    columns = requests if isinstance(requests, RequestColumns) else request_columns(rows(requests, "requests"))
    callbacks = Callbacks()
    own = {name: value for name, value in settings.items() if name in CLIENT_KINDS}
    sender = client_of(client, own)
    engine = configured(config, {name: value for name, value in settings.items() if name not in CLIENT_KINDS})
    structure, names = engine._structure(callbacks)
    limits = {"time_limit": time_limit, "iteration_limit": iteration_limit}
    for name, kind in LIMITS.items():
        kind.set(structure, name, kind.checked(limits[name], name))
    structure.progress_interval = integer(progress_interval, "progress_interval", 1)
    if progress is not None:
        if not callable(progress):
            raise TypeError(f"progress is {shown(progress)}: must be a function or None")
        structure.progress_callback = callbacks.progress(progress)
    iterations: LogCollector | None = None
    decisions: LogCollector | None = None
    if switch(log_iterations, "log_iterations"):
        iterations = iteration_collector(callbacks)
        structure.iteration_log = ctypes.pointer(iterations.log)
    # Both are looked at, so that a mistake in either is found.
    if switch(log_decisions, "log_decisions") | switch(log_queues, "log_queues"):
        decisions = decision_collector(callbacks, include_queues=bool(log_queues))
        structure.decision_log = ctypes.pointer(decisions.log)
    attributed = attributed_columns(len(columns)) if switch(attribution, "attribution") else None
    held: Float64Array | None = None
    if attributed is not None:
        held = attributed["held_in_batch"]
    elif engine.policy in PADDED_POLICIES and callable(engine.iteration_time):
        # Later it cannot be had: the function need not answer the same once more.
        held = allocated(len(columns), np.float64, "the number of requests")
    outputs = _outputs(columns, sender)
    requested = _requested(columns, sender)
    status, summary = _run(structure, requested, outputs, attributed or _only_held(held), callbacks)
    check(status, names)
    return Result(
        requests=columns,
        config=engine,
        client=sender,
        limits=limits,
        columns=outputs,
        summary=summary,
        iteration_log=None if iterations is None else IterationLog(iterations.columns()),
        decision_log=None if decisions is None else DecisionLog(decisions.columns()),
        attribution=None if attributed is None else Attribution(attributed, outputs["status"]),
        held_in_batch=held,
        held_again=partial(_held_again, columns, engine, sender, limits),
    )


def _held_again(
    requests: RequestColumns, config: EngineConfig, client: Client | None, limits: Mapping[str, Any]
) -> Float64Array | None:
    """The same input gives the same run."""
    return simulate(requests, config, client=client, **limits, attribution=True)._held_in_batch


def _only_held(held: Float64Array | None) -> dict[str, npt.NDArray[Any]] | None:
    """Of the parts of the attribution, the one that says how well the slots of a batch were used."""
    return None if held is None else {"held_in_batch": held}


def _outputs(columns: RequestColumns, client: Client | None) -> dict[str, npt.NDArray[Any]]:
    """Columns for a run to fill."""
    count = len(columns)
    check_fits(count, _RESULT_BYTES_PER_REQUEST, "the number of requests")
    wanted = COLUMNS | CLIENT_COLUMNS if sends_later(columns, client) else COLUMNS
    return {name: allocated(count, dtype, "the number of requests") for name, dtype in wanted.items()}


def _requested(columns: RequestColumns, client: Client | None) -> structs.batching_requests:
    """The requests, and how they are sent."""
    requests = columns._structure()
    if client is not None:
        requests.client = ctypes.pointer(client._structure())
    return requests


def _run(
    config: structs.batching_engine_config,
    requests: structs.batching_requests,
    outputs: dict[str, npt.NDArray[Any]],
    attributed: dict[str, npt.NDArray[Any]] | None,
    callbacks: Callbacks,
) -> tuple[int, structs.batching_summary]:
    results = initialised(structs.batching_results)
    results.capacity = requests.count
    for name, column in outputs.items():
        setattr(results, name, pointer(column))
    if attributed is not None:
        attribution = initialised(structs.batching_attribution)
        attribution.capacity = requests.count
        for name, column in attributed.items():
            setattr(attribution, name, pointer(column))
        config.attribution = ctypes.pointer(attribution)
    summary = initialised(structs.batching_summary)
    status = callbacks.run(
        library.batching_simulate,
        ctypes.byref(config),
        ctypes.byref(requests),
        ctypes.byref(results),
        ctypes.byref(summary),
    )
    return status, summary
