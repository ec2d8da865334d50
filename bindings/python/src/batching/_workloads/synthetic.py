"""Seeded synthetic requests of many kinds: how they arrive, how long they are, and what they share."""

import ctypes
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._ffi.arguments import int32, int32_column, integer, number, number_of, shown
from batching._ffi.calls import Int32Array, check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, structs
from batching._ffi.loader import library
from batching._ffi.memory import allocated
from batching._ffi.signals import interruptible
from batching._workloads.workload import generated, number_of_requests

_BYTES_PER_REQUEST: Final = 16
_INT32_MAX: Final = 2**31 - 1


@dataclass(frozen=True)
class Ramp:
    """The rate goes from that of the arrivals to another one, and stays there."""

    end_rate: float
    """Requests per second when it is over; above 0 and finite."""
    num_requests: int
    """Requests that it takes; at least 2. Request i of n has the share i / (n - 1) of the way behind it."""
    shape: Literal["linear", "exponential"] = "linear"
    """rate + (end_rate - rate) x share, or rate x (end_rate / rate)^share; both as in vLLM's bench serve."""


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """When requests arrive: what all kinds of arrivals have in common. The first arrives after one gap."""

    rate: float = 10.0
    """Requests per second in the mean, above 0; infinity: all arrive at 0.0. With sessions: sessions per second."""
    ramp: Ramp | None = None
    """How the rate changes; None: it does not."""
    burst_size: int = 1
    """Requests that arrive together; the gaps between bursts are as many times as long, so that the rate remains."""
    on_time: float = 0.0
    """Seconds in which requests arrive, in turns with off_time; 0.0: they always do."""
    off_time: float = 0.0
    """Seconds in which none do."""


@dataclass(frozen=True)
class PoissonArrivals(Arrivals):
    """Exponential gaps: a Poisson process."""

    rate: float = 10.0
    """Requests per second."""


@dataclass(frozen=True)
class GammaArrivals(Arrivals):
    """Gamma-distributed gaps with mean 1 / rate and coefficient of variation 1 / sqrt(burstiness), as vLLM's bench
    serve draws them: below 1 in clumps, above 1 evenly.
    """

    rate: float = 10.0
    """Requests per second."""
    burstiness: float = 1.0
    """The shape of the distribution, in [0.001, 1e9]; infinity: equal gaps, as vLLM's bench serve has it."""


@dataclass(frozen=True)
class ConstantArrivals(Arrivals):
    """Equal gaps."""

    rate: float = 10.0
    """Requests per second."""


@dataclass(frozen=True)
class FixedLengths:
    """All of one length."""

    length: int
    """Tokens."""


@dataclass(frozen=True)
class UniformLengths:
    """All integers of a range alike."""

    minimum: int
    """Tokens."""
    maximum: int
    """Tokens, included."""


@dataclass(frozen=True)
class LognormalLengths:
    """median x exp(sigma x standard normal), to the nearest integer; what is out of the range becomes its end."""

    median: float
    """Tokens, in [0.001, 2147483647]. The mean is median x exp(sigma^2 / 2)."""
    sigma: float
    """Standard deviation of the length's logarithm, in [0, 100]."""
    minimum: int = 1
    """Tokens."""
    maximum: int = _INT32_MAX
    """Tokens, included."""


@dataclass(frozen=True)
class ZipfLengths:
    """The k-th integer of the range in proportion to k^-exponent."""

    minimum: int
    """Tokens."""
    maximum: int
    """Tokens, included."""
    exponent: float
    """Above 0, at most 64."""


@dataclass(frozen=True, eq=False)
class EmpiricalLengths:
    """Those of a sample, of a trace for example, drawn with replacement. Where prompts and outputs both are, a request
    has the prompt and the output of one sample.
    """

    sample: npt.ArrayLike
    """Tokens; int32, shape (samples,)."""
    independent: bool = False
    """Whether prompts and outputs are drawn from two samples each; said by either is said by both."""


Lengths = FixedLengths | UniformLengths | LognormalLengths | ZipfLengths | EmpiricalLengths


@dataclass(frozen=True)
class SharedPrefixes:
    """Groups of requests whose prompts begin with the same tokens, as with a few system prompts."""

    groups: int
    """How many; at least 1."""
    length: int
    """Tokens that the requests of a group share, before what is drawn as prompt length."""
    exponent: float = 0.0
    """Group g, from 0, is chosen in proportion to (g + 1)^-exponent; at most 64. 0.0: all alike."""


@dataclass(frozen=True)
class Sessions:
    """Conversations: the prompt of a turn is all of the turn before it, prompt and output, and what is drawn."""

    turns: int | tuple[int, int]
    """Turns of a session, or the smallest and the largest number of them, which are then all alike; at least 1."""
    think_time: float = 0.0
    """Mean seconds from the arrival of a turn to that of the next; closed: from its end to that."""
    closed: bool = False
    """False: the arrivals of all turns are fixed, whatever the engine does, and the requests are in order of arrival.
    True: think times are delays, which count from the end of the turn before, in a closed loop: the requests have the
    columns session and delay, the turns of a session follow each other, and all have the arrival of the first."""
    think_times: choices.ThinkTimesName = "exponential"
    """How think times are distributed: "exponential"; "constant", all the mean; or "lognormal", mean x exp(sigma x
    standard normal - sigma^2 / 2)."""
    think_time_sigma: float = 0.0
    """Of lognormal ones: standard deviation of the think time's logarithm, in [0, 64]."""


# What the C interface calls otherwise than this module.
_NAMES: Final = {
    "count": "num_requests",
    "arrival_rate": "arrivals.rate",
    "burstiness": "arrivals.burstiness",
    "ramp_end_rate": "arrivals.ramp.end_rate",
    "ramp_requests": "arrivals.ramp.num_requests",
    "burst_size": "arrivals.burst_size",
    "on_time": "arrivals.on_time",
    "off_time": "arrivals.off_time",
    "prompt_length_min": "prompt_length.minimum",
    "prompt_length_max": "prompt_length.maximum",
    "prompt_length_median": "prompt_length.median",
    "prompt_length_sigma": "prompt_length.sigma",
    "prompt_length_exponent": "prompt_length.exponent",
    "output_length_min": "output_length.minimum",
    "output_length_max": "output_length.maximum",
    "output_length_median": "output_length.median",
    "output_length_sigma": "output_length.sigma",
    "output_length_exponent": "output_length.exponent",
    "sample_prompt_length": "prompt_length.sample",
    "sample_output_length": "output_length.sample",
    "sample_count": "the number of samples",
    "prefix_groups": "prefixes.groups",
    "prefix_length": "prefixes.length",
    "prefix_exponent": "prefixes.exponent",
    "turns_min": "sessions.turns[0]",
    "turns_max": "sessions.turns[1]",
    "think_time": "sessions.think_time",
    "think_time_sigma": "sessions.think_time_sigma",
}


def generate_requests(
    num_requests: int,
    arrivals: Arrivals = PoissonArrivals(),
    prompt_length: Lengths = UniformLengths(50, 200),
    output_length: Lengths = UniformLengths(20, 500),
    *,
    prefixes: SharedPrefixes | None = None,
    sessions: Sessions | None = None,
    hash_block_size: int = 16,
    seed: int = 42,
) -> RequestColumns:
    """Seeded synthetic requests in order of arrival; the turns of closed sessions follow each other.

    Every purpose has a random stream of its own: another prompt_length changes no arrival. The same seed gives the same
    bytes on every platform, and the first n requests are the same for every num_requests.

    Args:
        num_requests: at least 0.
        arrivals: PoissonArrivals, GammaArrivals or ConstantArrivals.
        prompt_length: FixedLengths, UniformLengths, LognormalLengths, ZipfLengths or EmpiricalLengths; at least 0.
        output_length: the same; at least 1.
        prefixes: what prompts have in common. The requests then have hash_ids.
        sessions: conversations instead of single requests. The requests then have hash_ids that cover the output; of
            closed sessions also session and delay.
        hash_block_size: tokens that one hash id stands for: the engine's block_size, or a multiple of it.
        seed: from 0 to 2**64 - 1.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, an arrival would be beyond 9223372036 seconds, or a request longer than
            2147483647 tokens.
        MemoryError: so many requests do not fit.

    Time: O(num_requests), plus the number of hash ids. Memory: 16 bytes a request, in closed sessions 32, and 8 a
    hash id.

    >>> generate_requests(1000, GammaArrivals(5.0, burstiness=0.5), LognormalLengths(500, 1.0), FixedLengths(100))
    RequestColumns(1000 requests, 100000 output tokens, ...)
    """
    count = number_of_requests(num_requests, _BYTES_PER_REQUEST)
    workload = initialised(structs.batching_workload)
    workload.seed = integer(seed, "seed", 0, 2**64 - 1)
    _set_arrivals(workload, arrivals)
    samples = _set_samples(
        workload,
        _set_lengths(workload, prompt_length, "prompt_length"),
        _set_lengths(workload, output_length, "output_length"),
    )
    _set_shared(workload, prefixes, sessions)
    workload.hash_block_size = integer(hash_block_size, "hash_block_size", 1, _INT32_MAX)
    prompts, outputs, times = generated(workload, count, _NAMES)
    hashes = {} if prefixes is None and sessions is None else _hashes(workload, count)
    turns = {} if sessions is None or not sessions.closed else _turns(workload, count)
    # The library has read the samples until here.
    del samples
    return RequestColumns(outputs, prompts, times, **hashes, **turns)


def _hashes(workload: structs.batching_workload, count: int) -> dict[str, Any]:
    """What requests share, as RequestColumns takes it."""
    needed = ctypes.c_int64()
    given = ctypes.byref(workload), count
    check(interruptible(library.batching_workload_hashes_generate, *given, None, 0, None, ctypes.byref(needed)), _NAMES)
    offsets = allocated(count + 1, np.int64, "num_requests")
    ids = allocated(needed.value, np.int64, "the number of hash ids")
    check(
        interruptible(
            library.batching_workload_hashes_generate,
            *given,
            pointer(offsets),
            len(ids),
            pointer(ids),
            ctypes.byref(needed),
        ),
        _NAMES,
    )
    return {
        "hash_ids": ids,
        "hash_offsets": offsets,
        "hash_block_size": workload.hash_block_size,
        "hash_covers_output": workload.turns_max > 1,
    }


def _turns(workload: structs.batching_workload, count: int) -> dict[str, Any]:
    """Which turns belong together, and their delays, as RequestColumns takes them."""
    session = allocated(count, np.int64, "num_requests")
    delay = allocated(count, np.float64, "num_requests")
    given = ctypes.byref(workload), count, pointer(session), pointer(delay)
    check(interruptible(library.batching_workload_sessions_generate, *given), _NAMES)
    return {"session": session, "delay": delay}


def _set_arrivals(workload: structs.batching_workload, arrivals: Arrivals) -> None:
    match arrivals:
        case PoissonArrivals():
            kind = "poisson"
        case GammaArrivals():
            kind = "gamma"
            workload.burstiness = _not_zero(number(arrivals.burstiness, "arrivals.burstiness"), "arrivals.burstiness")
        case ConstantArrivals():
            kind = "constant"
        case _:
            raise TypeError(
                f"arrivals is {shown(arrivals)}: must be PoissonArrivals, GammaArrivals or ConstantArrivals"
            )
    workload.arrivals = choices.ARRIVALS_NAMES[kind]
    workload.arrival_rate = number(arrivals.rate, "arrivals.rate")
    workload.burst_size = integer(arrivals.burst_size, "arrivals.burst_size", 1)
    workload.on_time = number(arrivals.on_time, "arrivals.on_time")
    workload.off_time = number(arrivals.off_time, "arrivals.off_time")
    ramp = arrivals.ramp
    if ramp is None:
        return
    if not isinstance(ramp, Ramp):
        raise TypeError(f"arrivals.ramp is {shown(ramp)}: must be a Ramp or None")
    if ramp.shape not in {"linear", "exponential"}:
        raise BatchingValueError(f"arrivals.ramp.shape is {shown(ramp.shape)}: must be 'linear' or 'exponential'")
    workload.ramp = choices.RAMP_NAMES[ramp.shape]
    workload.ramp_end_rate = number(ramp.end_rate, "arrivals.ramp.end_rate")
    workload.ramp_requests = integer(ramp.num_requests, "arrivals.ramp.num_requests")


def _set_lengths(workload: structs.batching_workload, lengths: Lengths, name: str) -> EmpiricalLengths | None:
    """Set the fields of one length. Returns the lengths if they are those of a sample."""

    def put(kind: str, minimum: object, maximum: object, **parameters: object) -> None:
        setattr(workload, f"{name}s", choices.LENGTHS_NAMES[kind])
        setattr(workload, f"{name}_min", int32(minimum, f"{name}.minimum"))
        setattr(workload, f"{name}_max", int32(maximum, f"{name}.maximum"))
        for parameter, value in parameters.items():
            setattr(workload, f"{name}_{parameter}", number(value, f"{name}.{parameter}"))

    match lengths:
        case FixedLengths(length):
            length = int32(length, f"{name}.length")
            put("uniform", length, length)
        case UniformLengths(minimum, maximum):
            put("uniform", minimum, maximum)
        case LognormalLengths(median, sigma, minimum, maximum):
            put("lognormal", minimum, maximum, median=median, sigma=sigma)
        case ZipfLengths(minimum, maximum, exponent):
            put("zipf", minimum, maximum, exponent=exponent)
        case EmpiricalLengths():
            put("empirical", 0 if name == "prompt_length" else 1, _INT32_MAX)
            return lengths
        case _:
            raise TypeError(
                f"{name} is {shown(lengths)}: must be FixedLengths, UniformLengths, LognormalLengths, ZipfLengths or "
                "EmpiricalLengths"
            )
    return None


def _set_samples(
    workload: structs.batching_workload, prompts: EmpiricalLengths | None, outputs: EmpiricalLengths | None
) -> list[Int32Array]:
    """Set what empirical lengths are drawn from. The columns must outlive the calls."""
    columns = []
    for name, lengths in (("prompt_length", prompts), ("output_length", outputs)):
        if lengths is not None:
            column = int32_column(lengths.sample, f"{name}.sample")
            setattr(workload, f"sample_{name}", pointer(column))
            workload.sample_count = len(column)
            workload.samples_independent |= bool(lengths.independent)
            columns.append(column)
    if len({len(column) for column in columns}) > 1:
        raise BatchingValueError(
            f"output_length.sample has {number_of(len(columns[1]), 'element')}: "
            f"must have as many as prompt_length.sample, which has {len(columns[0])}"
        )
    return columns


def _set_shared(
    workload: structs.batching_workload, prefixes: SharedPrefixes | None, sessions: Sessions | None
) -> None:
    if prefixes is not None:
        if not isinstance(prefixes, SharedPrefixes):
            raise TypeError(f"prefixes is {shown(prefixes)}: must be SharedPrefixes or None")
        workload.prefix_groups = integer(prefixes.groups, "prefixes.groups", 1, _INT32_MAX)
        workload.prefix_length = int32(prefixes.length, "prefixes.length")
        workload.prefix_exponent = number(prefixes.exponent, "prefixes.exponent")
    if sessions is not None:
        if not isinstance(sessions, Sessions):
            raise TypeError(f"sessions is {shown(sessions)}: must be Sessions or None")
        turns = sessions.turns if isinstance(sessions.turns, tuple | list) else (sessions.turns, sessions.turns)
        if len(turns) != 2:
            raise TypeError(f"sessions.turns is {shown(sessions.turns)}: must be an integer, or a pair of them")
        workload.turns_min = integer(turns[0], "sessions.turns[0]", 1, _INT32_MAX)
        workload.turns_max = integer(turns[1], "sessions.turns[1]", 1, _INT32_MAX)
        workload.think_time = number(sessions.think_time, "sessions.think_time")
        if not isinstance(sessions.closed, bool | np.bool_):
            raise TypeError(f"sessions.closed is {shown(sessions.closed)}: must be True or False")
        workload.sessions_closed = bool(sessions.closed)
        kinds = choices.THINK_TIMES_NAMES
        if sessions.think_times not in kinds:
            expected = "'exponential', 'constant' or 'lognormal'"
            raise BatchingValueError(f"sessions.think_times is {shown(sessions.think_times)}: must be {expected}")
        workload.think_times = kinds[sessions.think_times]
        workload.think_time_sigma = number(sessions.think_time_sigma, "sessions.think_time_sigma")


def _not_zero(value: float, name: str) -> float:
    """0 is the default in C, and a mistake here."""
    if value == 0:
        raise BatchingValueError(f"{name} is {value}: must be greater than 0")
    return value
