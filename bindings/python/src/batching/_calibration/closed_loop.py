"""Fits what kernels reach of spec sheets to closed loops that were measured."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from batching._calibration.closed_loop_rows import ClosedLoopRow, closed_loop_rows
from batching._calibration.gauss_newton import fit
from batching._calibration.latency_errors import signed
from batching._catalogue.deployment import AnyModel, deployment_memory, gpu_of
from batching._catalogue.gpu import GPU
from batching._catalogue.model import Model, model_of
from batching._catalogue.words import Dtype
from batching._columns.columns import RequestColumns
from batching._columns.display import Displayed, Table
from batching._engine.config import EngineConfig
from batching._engine.simulate import simulate
from batching._ffi.arguments import positive, shown
from batching._ffi.errors import BatchingValueError
from batching._times.roofline import RooflineTime

# The standard deviation of the logarithm of each, around what it is without calibration.
_SIGMAS: Final = {
    "gemm_share": 0.25,
    "bandwidth_share": 0.15,
    "kv_share": 0.25,
    "attention_share": 0.25,
    "allreduce_latency": 0.5,
    "link_share": 0.5,
    "per_iteration": 0.5,
    "per_sequence": 0.5,
    "per_prefill_iteration": 1.0,
    "client_delay": 1.0,
}
_ONLY_OF_SEVERAL_GPUS: Final = ("allreduce_latency", "link_share")
# Seconds, where it is 0 without calibration, of which there is no logarithm.
_STARTS: Final = {"per_prefill_iteration": 2e-3, "client_delay": 5e-3}
# What the mean of one benchmark repeats to.
_NOISE: Final = 0.03
# Where the rows say less than the prior does.
_UNTOLD: Final = 0.5
_RESERVED: Final = 4e9
_BLOCK: Final = 16

Simulated = tuple[float, float]
"""Mean TTFT and TPOT, in seconds."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ClosedLoopCalibration(Displayed):
    """What `calibrate_closed_loop` returns: how much more, or less, is reached of spec sheets. It applies to other GPUs
    and models, too.
    """

    model: Model
    """What was served."""
    gpu: GPU
    """What it ran on."""
    factors: Mapping[str, float]
    """By field of RooflineTime: what is found over what it is without calibration. per_prefill_iteration, which is 0
    without, is in `seconds`."""
    seconds: Mapping[str, float]
    """per_prefill_iteration, and client_delay: what a client sees of each TTFT beside the engine."""
    told: Mapping[str, float]
    """How much the rows say of each, from 0.0 (nothing) to 1.0 (all)."""
    loss: float
    """The sum that is least, priors included: half the square of a residual of 3%."""
    passes: int
    """How often all rows were simulated."""
    rows: tuple[ClosedLoopRow, ...]
    """What it was fitted to."""
    errors: tuple[tuple[float, float], ...]
    """Of each row, simulated / measured - 1 of mean TTFT and mean TPOT."""
    notes: tuple[str, ...]
    """What the rows do not tell: a sentence each."""
    config: EngineConfig
    dtype: Dtype | None
    kv_dtype: Dtype
    reserved_bytes: float

    def roofline(
        self,
        model: AnyModel | None = None,
        gpu: GPU | str | None = None,
        tensor_parallel: int = 1,
        *,
        dtype: Dtype | None = None,
        kv_dtype: Dtype | None = None,
    ) -> RooflineTime:
        """The time of an iteration with what was found.

        Args:
            model: a Model, the name of one, what stands in a config.json, or the path of one. None: that of the rows.
            gpu: a GPU, or the name of one. None: that of the rows.
            tensor_parallel: GPUs that share each layer.
            dtype: the type of linear layers and experts. None: that of the rows.
            kv_dtype: the type of the KV cache. None: that of the rows.

        Raises: as `RooflineTime.for_deployment`.
        """
        time = RooflineTime.for_deployment(
            self.model if model is None else model,
            self.gpu if gpu is None else gpu,
            tensor_parallel,
            dtype=self.dtype if dtype is None else dtype,
            kv_dtype=self.kv_dtype if kv_dtype is None else kv_dtype,
        )
        return _applied(time, self.factors, self.seconds, f", calibrated on {len(self.rows)} closed loops")

    def simulated(
        self, rows: Iterable[ClosedLoopRow | Mapping[str, Any]], gpu: GPU | str | None = None
    ) -> list[Simulated]:
        """Mean TTFT and TPOT of closed loops, in seconds, with what was found: of the same model, on any GPU."""
        where = self.gpu if gpu is None else gpu_of(gpu)
        loops = _Loops(
            closed_loop_rows(rows), self.model, where, self.dtype, self.kv_dtype, self.config, self.reserved_bytes
        )
        return loops.simulated(self.factors, self.seconds)

    def _table(self) -> Table:
        rows = [[name, f"x {factor:.3f}", f"{self.told[name]:.2f}"] for name, factor in self.factors.items()]
        rows += [[name, f"{1e3 * value:.2f} ms", f"{self.told[name]:.2f}"] for name, value in self.seconds.items()]
        title = f"{self.model.name} on {self.gpu.name}, {len(self.rows)} closed loops"
        return Table(title, ("", "found", "told by the rows"), rows)

    def __repr__(self) -> str:
        ttft, tpot = (float(np.median(np.abs(errors))) for errors in zip(*self.errors, strict=True))
        told = f"median error of TTFT {signed(ttft)[1:]}, of TPOT {signed(tpot)[1:]}"
        return f"ClosedLoopCalibration({self.model.name} on {self.gpu.name}: {len(self.rows)} rows, {told})"


def calibrate_closed_loop(
    rows: Iterable[ClosedLoopRow | Mapping[str, Any]],
    model: AnyModel,
    gpu: GPU | str,
    *,
    dtype: Dtype | None = None,
    kv_dtype: Dtype = "bf16",
    config: EngineConfig | None = None,
    reserved_bytes: float = _RESERVED,
    progress: Callable[[int], object] | None = None,
) -> ClosedLoopCalibration:
    """Fit what kernels reach of spec sheets to closed loops that were measured: to the mean TTFT and TPOT of each row.
    What is found applies to another GPU or model: `ClosedLoopCalibration.roofline`.

    Residuals are the logarithms of simulated / measured; each counts as its square up to 0.05, and in proportion
    beyond. Each share and fixed time of the roofline has a prior around what it is without calibration, so that what
    the rows do not tell stays there. The method of Gauss and Newton takes at most four steps. Rows of several lengths
    and numbers of GPUs tell more: of one length only, the reading of KV is not told from the rest.

    Args:
        rows: ClosedLoopRows, or mappings with the same fields; also isl, osl, tp_size, mean_ttft_ms and mean_tpot_ms,
            as benchmarks call them, and text for numbers, as of csv.DictReader. Other fields are passed over.
        model: what was served: a Model, the name of one, what stands in a config.json, or the path of one.
        gpu: what it ran on: a GPU, or the name of one.
        dtype: the type of linear layers and experts. None: the model's weight_dtype.
        kv_dtype: the type of the KV cache.
        config: how the server schedules; max_num_seqs is the concurrency of each row, and num_gpu_blocks, if it is
            None, what fits. None: asynchronous scheduling and 8,192 tokens an iteration.
        reserved_bytes: what is neither weights nor KV blocks of nine tenths of the memory.
        progress: called with the number of passes over all rows so far; raise in it to stop.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, a row lacks a field, or there is none.

    >>> row = ClosedLoopRow(concurrency=4, prompt_length=1024, output_length=64, mean_ttft=0.05, mean_tpot=0.0075)
    >>> found = calibrate_closed_loop([row], "Llama-3.1-8B", "H100-SXM")
    >>> found.roofline(gpu="H200-SXM")
    RooflineTime(Llama-3.1-8B (bf16) on H200-SXM, calibrated on 1 closed loops)
    """
    known = closed_loop_rows(rows)
    if not known:
        raise BatchingValueError("rows is empty: must have at least one")
    if config is None:
        config = EngineConfig(async_scheduling=True, max_num_batched_tokens=8192)
    elif not isinstance(config, EngineConfig):
        raise TypeError(f"config is {shown(config)}: must be an EngineConfig, or None")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress is {shown(progress)}: must be a function or None")
    served, where = model_of(model), gpu_of(gpu)
    loops = _Loops(known, served, where, dtype, kv_dtype, config, positive(reserved_bytes, "reserved_bytes"))
    is_alone = all(row.tensor_parallel == 1 for row in known)
    names = [name for name in _SIGMAS if not (is_alone and name in _ONLY_OF_SEVERAL_GPUS)]
    passes = 0

    def residuals_at(logarithms: list[float]) -> list[float]:
        nonlocal passes
        passes += 1
        if progress is not None:
            progress(passes)
        residuals = []
        for row, (ttft, tpot) in zip(known, loops.simulated(*_meaning(names, logarithms)), strict=True):
            residuals += [math.log(tpot / row.mean_tpot), math.log(ttft / row.mean_ttft)]
        return residuals

    found = fit(residuals_at, [_SIGMAS[name] for name in names], _NOISE)
    factors, seconds = _meaning(names, found.parameters)
    told = dict(zip(names, found.told, strict=True))
    ratios = [math.exp(residual) - 1 for residual in found.residuals]
    return ClosedLoopCalibration(
        model=served,
        gpu=where,
        factors=factors,
        seconds=seconds,
        told=told,
        loss=found.loss,
        passes=passes,
        rows=tuple(known),
        errors=tuple(zip(ratios[1::2], ratios[0::2], strict=True)),
        notes=tuple(_notes(known, told)),
        config=config,
        dtype=dtype,
        kv_dtype=kv_dtype,
        reserved_bytes=reserved_bytes,
    )


def simulate_closed_loops(
    rows: Iterable[ClosedLoopRow | Mapping[str, Any]],
    model: AnyModel,
    gpu: GPU | str,
    *,
    dtype: Dtype | None = None,
    kv_dtype: Dtype = "bf16",
    config: EngineConfig | None = None,
    reserved_bytes: float = _RESERVED,
) -> list[Simulated]:
    """Mean TTFT and TPOT of closed loops, in seconds, from names only. Args, raises: as `calibrate_closed_loop`."""
    if config is None:
        config = EngineConfig(async_scheduling=True, max_num_batched_tokens=8192)
    known = closed_loop_rows(rows)
    return _Loops(known, model_of(model), gpu_of(gpu), dtype, kv_dtype, config, reserved_bytes).simulated({}, {})


class _Loops:
    """Closed loops of a model on a GPU, ready to be simulated again and again."""

    def __init__(  # noqa: PLR0917  (made here only)
        self,
        rows: Sequence[ClosedLoopRow],
        model: Model,
        gpu: GPU,
        dtype: Dtype | None,
        kv_dtype: Dtype,
        config: EngineConfig,
        reserved_bytes: float,
    ) -> None:
        self._times: dict[int, RooflineTime] = {}
        self._runs: list[tuple[ClosedLoopRow, RequestColumns, EngineConfig]] = []
        made: dict[tuple[int, int, int, float], RequestColumns] = {}
        for row in rows:
            parallel = row.tensor_parallel
            if parallel not in self._times:
                time = RooflineTime.for_deployment(model, gpu, parallel, dtype=dtype, kv_dtype=kv_dtype)
                self._times[parallel] = time
            blocks = config.num_gpu_blocks
            if blocks is None:
                memory = deployment_memory(
                    model, gpu, parallel, dtype=dtype, kv_dtype=kv_dtype, block_size=config.block_size,
                    activation_bytes=reserved_bytes, other_bytes=1.0,
                )  # fmt: skip
                blocks = memory.num_gpu_blocks
                if blocks == 0:
                    raise BatchingValueError(
                        f"{self._times[parallel].source} does not fit beside {reserved_bytes:g} bytes"
                    )
            lengths = (row.prompt_length, row.output_length, row.count, row.range_ratio)
            if lengths not in made:
                made[lengths] = row.requests()
            engine = config.replace(max_num_seqs=row.concurrency, num_gpu_blocks=blocks)
            self._runs.append((row, made[lengths], engine))

    def simulated(self, factors: Mapping[str, float], seconds: Mapping[str, float]) -> list[Simulated]:
        """Mean TTFT and TPOT of each."""
        times = {parallel: _applied(time, factors, seconds, "") for parallel, time in self._times.items()}
        told = []
        for row, requests, engine in self._runs:
            config = engine.replace(iteration_time=times[row.tensor_parallel])
            result = simulate(requests, config, max_concurrency=row.concurrency)
            first = result.first_token_time
            ttft = float(np.mean(first - result.sent_time)) + seconds.get("client_delay", 0.0)
            several = requests.output_length > 1
            gaps = requests.output_length[several] - 1
            told.append((ttft, float(np.mean((result.end_time - first)[several] / gaps))))
        return told


def _meaning(names: Sequence[str], logarithms: Sequence[float]) -> tuple[dict[str, float], dict[str, float]]:
    """Factors of what is there without calibration, and seconds of what is not."""
    values = {name: math.exp(value) for name, value in zip(names, logarithms, strict=True)}
    factors = {name: value for name, value in values.items() if name not in _STARTS}
    return factors, {name: start * values[name] for name, start in _STARTS.items() if name in values}


def _applied(
    time: RooflineTime, factors: Mapping[str, float], seconds: Mapping[str, float], remark: str
) -> RooflineTime:
    if not factors and not seconds:
        return time
    changed: dict[str, Any] = {name: factor * getattr(time, name) for name, factor in factors.items()}
    changed["per_prefill_iteration"] = time.per_prefill_iteration + seconds.get("per_prefill_iteration", 0.0)
    return replace(time, **changed, source=f"{time.source}{remark}", expected_error=None)


def _notes(rows: Sequence[ClosedLoopRow], told: Mapping[str, float]) -> list[str]:
    notes = []
    untold = [name for name, value in told.items() if value < _UNTOLD]
    if untold:
        notes.append(f"These rows hardly tell {', '.join(untold)}, which stay near what they are without calibration.")
    if len({(row.prompt_length, row.output_length) for row in rows}) == 1:
        notes.append(
            "All rows have the same lengths: the reading of KV is not told from the rest, and may be wrong for others."
        )
    return notes
