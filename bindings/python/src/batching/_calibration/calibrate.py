"""Fits the times of iterations to the log of a server."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from batching._calibration.calibration import Calibration, CalibrationProgress
from batching._calibration.latency_errors import Latencies, LatencyErrors, compared
from batching._calibration.notes import notes_of
from batching._calibration.observed import AnyLog, Observed, observed
from batching._catalogue.deployment import AnyModel, Deployment
from batching._catalogue.gpu import GPU
from batching._catalogue.words import Dtype
from batching._engine.callbacks import Callbacks
from batching._engine.config import NAMES, EngineConfig
from batching._engine.kinds import switch
from batching._engine.result import Result
from batching._engine.simulate import simulate
from batching._ffi.arguments import integer, number, shown
from batching._ffi.calls import check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import constants, structs
from batching._ffi.loader import library
from batching._times.affine import AffineTime
from batching._times.roofline import RooflineTime

_SCHEDULING: Final = ("both", "given", "async", "sync")
_MOST_SIMULATIONS: Final = 2**62
# What errors of the library call the arguments.
CALIBRATION_NAMES: Final = {
    **NAMES,
    r"config\.engine\.": "config.",
    r"config\.(?=simulations|seed|observed_until)": "",
}
# Of what the struct has, the coefficients of which it says how much the log tells.
TERMS: Final = tuple(term for term in AffineTime._names.values() if term != "startup")

_CORRELATIONS: Final = {
    ("base", "per_decode_token"): "base_decode",
    ("base", "per_context_token"): "base_context",
    ("per_decode_token", "per_context_token"): "decode_context",
    ("per_prefill_token", "per_prefill_context"): "prefill_context",
    ("base", "client_delay"): "base_delay",
    ("per_prefill_iteration", "client_delay"): "prefill_iteration_delay",
}
# Of what the struct has the least and the most.
_RANGES: Final = (*AffineTime._names.values(), "client_delay", "mean_ttft", "mean_e2e")


def calibrate(
    recorded: AnyLog,
    config: EngineConfig | None = None,
    *,
    model: AnyModel | None = None,
    gpu: GPU | str | None = None,
    tensor_parallel: int = 1,
    dtype: Dtype | None = None,
    kv_dtype: Dtype = "bf16",
    scheduling: str = "both",
    search_num_gpu_blocks: bool = False,
    seed: int = 0,
    observed_until: float | None = None,
    simulations: int | None = None,
    progress: Callable[[CalibrationProgress], object] | None = None,
) -> Calibration:
    """Fit the times of iterations to the log of a server: what they are such that a simulated run is near it.
    "Calibration" in batching.h says how.

    The settings of the engine must be the server's: max_num_seqs, max_num_batched_tokens, enable_prefix_caching with
    hash_ids if it had a prefix cache, and, if its KV memory was ever full, num_gpu_blocks: 2% wrong makes percentiles
    up to 8% wrong.

    Args:
        recorded: what `read_trace` gives of a recorded run; or RecordedRequests; or RequestColumns, which can have hash
            ids, with the RecordedRequests of the same requests. Requests that failed are left out of the first two; of
            a pair, they are simulated, and not compared.
        config: how the server schedules, and what memory it has; its iteration_time is not looked at. None:
            EngineConfig().
        model: what it served: a Model, the name of one, what stands in a config.json, or the path of one. With it and
            gpu, what is expected of the coefficients follows from spec sheets, and what the log does not tell stays
            near that. None: nothing is known of it.
        gpu: what it ran on: a GPU, or the name of one.
        tensor_parallel: GPUs that share each layer.
        dtype: the type of linear layers and experts. None: the model's weight_dtype.
        kv_dtype: the type of the KV cache.
        scheduling: "both": synchronous and asynchronous scheduling are fitted, and the better is kept; "given": as
            config has it; "async" and "sync": that.
        search_num_gpu_blocks: whether num_gpu_blocks is looked for, if the log shows that KV blocks ran out: beginning
            at that of config, or, where it has none, at what the log lets guess. Some 165 of the simulations.
        seed: of the random steps of the search: same seed, same result.
        observed_until: seconds on the clock of the log's arrivals: what happened after it is not looked at. None: all
            is.
        simulations: the most simulations, which bounds the time. None: 2,000.
        progress: called after each simulation; raise in it to stop, or return True to have the best that was found so
            far.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range; the log is too short, or tells nothing.
        MemoryError: it does not fit.
        Whatever progress raises, and whatever a handler of a signal raises meanwhile.

    Time: as many simulations of the log as it makes, most of them twice as long as `simulate`.
    """
    log = observed(recorded)
    until = None if observed_until is None else number(observed_until, "observed_until") - log.shift
    if until is not None and not until > 0:
        raise BatchingValueError(
            f"observed_until is {shown(observed_until)}: must be after the first arrival, at {log.shift:g}"
        )
    callbacks = Callbacks()
    server = Server.of(
        config,
        callbacks,
        model=model,
        gpu=gpu,
        tensor_parallel=tensor_parallel,
        dtype=dtype,
        kv_dtype=kv_dtype,
        scheduling=scheduling,
        search_num_gpu_blocks=search_num_gpu_blocks,
        seed=seed,
        simulations=simulations,
    )
    call = server.structure
    call.observed_until = 0.0 if until is None else until
    if progress is not None:
        call.callback = callbacks.calibration(telling(progress))
    found = initialised(structs.batching_calibration)
    requests, happened = log.requests._structure(), log.recorded._structure()
    happened.first_token_time = pointer(np.ascontiguousarray(log.first_token_time))
    check(
        callbacks.run(
            library.batching_iteration_time_calibrate,
            ctypes.byref(call),
            ctypes.byref(requests),
            ctypes.byref(happened),
            ctypes.byref(found),
        ),
        CALIBRATION_NAMES,
    )
    return calibration_of(log, server, found, until)


@dataclass(frozen=True)
class Server:
    """What is known of a server before its log, checked, and as the library takes it."""

    config: EngineConfig
    deployment: Deployment | None
    structure: structs.batching_calibration_config
    pointed_to: tuple[object, ...]
    """What the structure points to."""

    @classmethod
    def of(
        cls,
        config: EngineConfig | None,
        callbacks: Callbacks,
        *,
        model: AnyModel | None,
        gpu: GPU | str | None,
        tensor_parallel: int,
        dtype: Dtype | None,
        kv_dtype: Dtype,
        scheduling: str,
        search_num_gpu_blocks: bool,
        seed: int,
        simulations: int | None,
    ) -> "Server":
        """The arguments are those of `calibrate`."""
        if config is None:
            config = EngineConfig()
        elif not isinstance(config, EngineConfig):
            raise TypeError(f"config is {shown(config)}: must be an EngineConfig, or None")
        if callable(config.policy):
            raise BatchingValueError("config.policy is a function: must be the name of a policy, which can be fitted")
        if scheduling not in _SCHEDULING:
            raise BatchingValueError(
                f"scheduling is {shown(scheduling)}: must be one of {', '.join(map(repr, _SCHEDULING))}"
            )
        if scheduling in {"async", "sync"}:
            config = config.replace(async_scheduling=scheduling == "async")
        if (model is None) != (gpu is None):
            given, missing = ("model", "gpu") if gpu is None else ("gpu", "model")
            raise BatchingValueError(f"{given} is given, but {missing} is not: must be both, or none")
        deployment = None
        if model is not None and gpu is not None:
            deployment = Deployment.of(model, gpu, tensor_parallel, dtype, kv_dtype)
        structure = initialised(structs.batching_calibration_config)
        engine, _ = config.replace(iteration_time=0.0)._structure(callbacks)
        structure.engine = ctypes.pointer(engine)
        prior = initialised(structs.batching_engine_config)
        if deployment is not None:
            RooflineTime._of_deployment(deployment)._set(prior)
            structure.roofline = prior.time_roofline
        is_both = scheduling == "both"
        structure.scheduling = constants.BATCHING_SCHEDULING_BOTH if is_both else constants.BATCHING_SCHEDULING_GIVEN
        structure.search_num_gpu_blocks = int(switch(search_num_gpu_blocks, "search_num_gpu_blocks"))
        structure.seed = integer(seed, "seed", 0, 2**64 - 1)
        structure.simulations = simulations_of(simulations)
        return cls(config, deployment, structure, (engine, prior))


def simulations_of(simulations: int | None) -> int:
    """As the library takes it: 0 is its default."""
    return 0 if simulations is None else integer(simulations, "simulations", 1, _MOST_SIMULATIONS)


def telling(progress: Callable[[CalibrationProgress], object]) -> Callable[[Any], object]:
    """The same for what the library tells."""
    if not callable(progress):
        raise TypeError(f"progress is {shown(progress)}: must be a function or None")
    return lambda told: progress(CalibrationProgress(told.simulations, told.most, told.loss))


def calibration_of(
    log: Observed, server: Server, found: structs.batching_calibration, until: float | None
) -> Calibration:
    """What was found, and how far a run with it is from the log."""
    config, deployment = server.config, server.deployment
    time = AffineTime(**{term: getattr(found, field) for field, term in AffineTime._names.items()})
    blocks = found.num_gpu_blocks or config.num_gpu_blocks
    fitted = config.replace(iteration_time=time, async_scheduling=bool(found.async_scheduling), num_gpu_blocks=blocks)
    result = simulate(log.requests, fitted, log_iterations=True)
    errors, others = compared_with(log, result, until, found.client_delay)
    told = {
        term: float(getattr(found, f"told_{field.removeprefix('time_')}"))
        for field, term in AffineTime._names.items()
        if term in TERMS
    }
    made = Calibration(
        config=fitted,
        model="" if deployment is None else deployment.model.name,
        gpu="" if deployment is None else deployment.gpu.name,
        prior="an 8B model on an H100 that is scaled to the log"
        if deployment is None
        else f"a roofline of {deployment.name}",
        deployment={}
        if deployment is None
        else {
            "tensor_parallel": deployment.tensor_parallel,
            "dtype": deployment.dtype,
            "kv_dtype": deployment.kv_dtype,
        },
        loss=found.loss,
        loss_of_other_scheduling=found.loss_of_other_scheduling,
        spread=found.spread,
        residuals=found.residuals,
        simulations=found.simulations,
        is_complete=bool(found.is_complete),
        told=told,
        correlations={pair: float(getattr(found, f"correlation_{field}")) for pair, field in _CORRELATIONS.items()},
        client_delay=found.client_delay,
        told_client_delay=found.told_client_delay,
        share_without_queueing=found.share_without_queueing,
        fits=found.fits,
        ranges={name: (getattr(found, f"{name}_least"), getattr(found, f"{name}_most")) for name in _RANGES},
        num_gpu_blocks_range=(found.num_gpu_blocks_least, found.num_gpu_blocks_most) if found.num_gpu_blocks else None,
        notes=(),
        errors=errors,
        errors_of_others=others,
        observed_until=None if until is None else until + log.shift,
        requests=log.requests,
        recorded=log.recorded,
        shift=log.shift,
    )
    # What is made in between is as good.
    object.__setattr__(made, "notes", (*log.remarks, *notes_of(made, result)))
    made.__dict__["result"] = result
    return made


def compared_with(
    log: Observed, result: Result, until: float | None, client_delay: float
) -> tuple[LatencyErrors, LatencyErrors | None]:
    """How far a run, as a client sees it, is from the log: of the requests that were fitted to, and of others."""
    arrivals = log.requests.arrival_time
    arrived = np.zeros(len(log.requests)) if arrivals is None else arrivals
    output = log.requests.output_length
    measured = Latencies.of(arrived, log.first_token_time, log.recorded.end_time, output)
    simulated = Latencies.of(arrived, result.first_token_time, result.end_time, output).seen_after(client_delay)
    answered = log.succeeded
    fitted = answered if until is None else answered & (log.recorded.end_time <= until)
    errors = compared(measured, simulated, fitted, "Simulated against measured")
    others = compared(measured, simulated, ~fitted, "Simulated against measured, not fitted to")
    return errors, others if others.requests else None
