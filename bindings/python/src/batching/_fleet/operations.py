"""Which requests a fleet takes, which replicas fail, and how many there are."""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt

from batching._engine.callbacks import Callbacks
from batching._engine.kinds import switch
from batching._ffi.arguments import float64_column, int32_column, integer, number, shown, word
from batching._ffi.calls import Float64Array, Int64Array, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, structs
from batching._scaling.settings import AutoscalerName, AutoscalerSettings, set_settings, takes_autoscaler_settings

# 0 is the default in C. Here it is a value, which C calls -1, ...
_WITH_ZERO: Final = ("retry_base", "retry_jitter")
# ... or a mistake.
_POSITIVE_COUNTS: Final = ("max_in_flight", "max_queued_tokens", "max_queued_requests", "breaker_successes")
_POSITIVE: Final = (
    "bucket_capacity",
    "bucket_rate",
    "saturation_queue",
    "saturation_kv",
    "ttft_timeout",
    "e2e_timeout",
    "retry_factor",
    "retry_cap",
    "breaker_window",
    "breaker_open_time",
)

_FAULT_KINDS: Final = {member.name.lower(): member.value for member in choices.FaultKind}


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Which requests a fleet takes, how long they may take, and how often they are sent. None: no limit.

    >>> Admission(max_in_flight=100, ttft_timeout=2.0).retries
    0
    """

    max_in_flight: int | None = None
    """Requests in the fleet: others are rejected."""
    max_queued_tokens: int | None = None
    """A request is rejected if the prompts of those in the fleet without a first token have so many tokens."""
    bucket_capacity: float | None = None
    """A token bucket: what it holds, full at first."""
    bucket_rate: float | None = None
    """What flows into it each second."""
    bucket_cost: choices.BucketCostName = "request"
    """What a request takes of it, or is rejected: one ("request"), or its "prompt_tokens"."""
    shed_priority: int | None = None
    """Requests with at least this priority are rejected while the fleet is saturated: while the mean over the replicas
    of max(waiting / saturation_queue, KV use / saturation_kv) is at least 1."""
    saturation_queue: float = 5.0
    """Requests."""
    saturation_kv: float = 0.8
    """A share of the KV blocks."""
    ttft_timeout: float | None = None
    """Seconds from the arrival until a request without a first token leaves."""
    e2e_timeout: float | None = None
    """Seconds from the arrival until it leaves in any case."""
    retries: int = 0
    """How often a request is sent again that was lost."""
    retry_base: float = 0.05
    """Seconds before the first time, ..."""
    retry_factor: float = 1.5
    """... by how much longer each time, ..."""
    retry_cap: float = 30.0
    """... and at most."""
    retry_jitter: float = 0.2
    """By what part of it it differs at random, either way."""
    retries_elsewhere: bool = False
    """Whether, where the router would send it to the replica that has lost it, it goes to another that is up, if there
    is one: that with the fewest requests in flight, of equals the first."""
    breaker_failures: int | None = None
    """Circuit breakers: so many requests that a replica loses, at most 1000, ... None: there are none."""
    breaker_window: float = 120.0
    """... within so many seconds open its breaker: the router sends none there ..."""
    breaker_open_time: float = 60.0
    """... for so many seconds. Then it is half open: one more that is lost opens it again, ..."""
    breaker_successes: int = 3
    """... and so many that finish there close it."""
    max_queued_requests: int | None = None
    """So many requests that would be too much for max_in_flight, max_queued_tokens or the bucket wait until there is
    room: in order of arrival; with shed_priority, of priority first. Others are rejected. None: none waits."""
    queue_timeout: float | None = None
    """Seconds from the arrival until one that waits so leaves. None: never."""
    seed: int = 0
    """Of the random draws."""

    def _structure(self) -> structs.batching_admission_config:
        made = initialised(structs.batching_admission_config)
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if value is None:
                continue
            if name == "bucket_cost":
                made.bucket_cost = word(value, name, choices.BUCKET_COST_NAMES)
            elif name == "shed_priority":
                made.sheds, made.shed_priority = 1, integer(value, name, -(2**31), 2**31 - 1)
            elif name in _POSITIVE_COUNTS:
                setattr(made, name, integer(value, name, 1, 2**50))
            elif name == "retries_elsewhere":
                made.retries_elsewhere = switch(value, name)
            elif name == "breaker_failures":
                made.breaker_failures = integer(value, name, 1, 1000)
            elif name == "retries":
                made.retries = integer(value, name, 0, 1000)
            elif name == "seed":
                made.seed = integer(value, name, 0, 2**64 - 1)
            elif name in _WITH_ZERO:
                setattr(made, name, _at_least_zero(value, name) or -1.0)
            else:
                setattr(made, name, _positive(value, name))
        return made


def _at_least_zero(value: object, name: str) -> float:
    given = number(value, name)
    if not given >= 0:
        raise BatchingValueError(f"{name} is {shown(given)}: must be at least 0")
    return given


def _positive(value: object, name: str) -> float:
    given = number(value, name)
    if not given > 0:
        raise BatchingValueError(f"{name} is {shown(given)}: must be greater than 0")
    return given


class Fault(NamedTuple):
    """Something that happens to a replica."""

    time: float
    """Seconds."""
    replica: int
    """Which."""
    kind: str = "down"
    """down: it is lost, with its requests and its prefix cache; up: it is back, empty; slow: its iterations take
    `factor` times as long from the next one on."""
    factor: float = 1.0
    """Of slow; at least 1."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Which replicas of a fleet fail, and when.

    >>> Faults(given=[Fault(10.0, replica=1), Fault(40.0, 1, "up")]).notice_delay
    0.0
    """

    given: Sequence[Fault | tuple[Any, ...]] = ()
    """Faults, in any order: `Fault`, or (time, replica), (time, replica, kind) or (time, replica, kind, factor)."""
    mean_up_time: float | None = None
    """Mean seconds until a replica is lost by itself, exponentially distributed. None: it is not."""
    mean_down_time: float = 60.0
    """Mean seconds until it is back then."""
    notice_delay: float = 0.0
    """Seconds until the router knows that a replica is lost, or back."""
    seed: int = 0
    """Of the random draws."""

    def _structure(self) -> tuple[structs.batching_fault_config, list[Any]]:
        made = initialised(structs.batching_fault_config)
        rows = []
        for index, one in enumerate(self.given):
            if not isinstance(one, tuple) or not 2 <= len(one) <= 4:
                raise TypeError(f"given[{index}] is {shown(one)}: must be a Fault")
            rows.append(Fault(*one))
        kinds = [word(row.kind, f"given[{index}].kind", _FAULT_KINDS) for index, row in enumerate(rows)]
        kept: list[Any] = [
            float64_column([row.time for row in rows], "time"),
            int32_column([row.replica for row in rows], "replica"),
            int32_column(kinds, "kind"),
            float64_column([row.factor for row in rows], "factor"),
        ]
        made.fault_count = len(rows)
        made.fault_time, made.fault_replica, made.fault_kind, made.fault_factor = map(pointer, kept)
        if self.mean_up_time is not None:
            made.mean_up_time = _positive(self.mean_up_time, "mean_up_time")
        made.mean_down_time = _at_least_zero(self.mean_down_time, "mean_down_time") or -1.0
        made.notice_delay = number(self.notice_delay, "notice_delay")
        made.seed = integer(self.seed, "seed", 0, 2**64 - 1)
        return made, kept


@dataclass(frozen=True, slots=True)
class ScalingView:
    """A fleet as an autoscaler of yours sees it. Its columns, an element for each replica that is ready, are valid
    during the call.
    """

    time: float
    """Seconds: now."""
    starting: int
    """Replicas that were started and are not ready."""
    waiting: Int64Array
    """Requests that wait."""
    running: Int64Array
    """Requests that run."""
    queued_prefill_tokens: Int64Array
    """Prompt tokens of requests without a first token."""
    scheduled_kv_tokens: Int64Array
    """Tokens in KV blocks in use."""
    kv_usage: Float64Array
    """The share of KV blocks in use."""
    queued_requests: int
    """Requests that wait at the router."""
    mean_prompt_length: float
    """Of what has arrived; 0.0: nothing has."""
    mean_output_length: float
    """The same."""
    demand: float
    """Arrivals a second since the last decision."""


CustomAutoscaler = Callable[[ScalingView], int]

# Settings that are not of a rule.
_OF_ALL: Final = {"interval", "min_replicas", "max_replicas"}


class Scaling:
    """How many replicas of a fleet there are at a time: the replicas of the fleet are the most that there can be.

    Args:
        autoscaler: which rule decides: one of `autoscalers()`; or a function that is shown a `ScalingView` and answers
            how many replicas there are to be, in min_replicas to max_replicas.
        initial_replicas: replicas at first. None: min_replicas.
        startup_time: seconds until a replica that was started is ready.
        settings: those of `Autoscaler`, by name.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range.

    >>> Scaling("hpa", target=10, startup_time=60.0).autoscaler
    'hpa'
    """

    @takes_autoscaler_settings
    def __init__(
        self,
        autoscaler: AutoscalerName | CustomAutoscaler = "hpa",
        *,
        initial_replicas: int | None = None,
        startup_time: float = 0.0,
        **settings: Unpack[AutoscalerSettings],
    ) -> None:
        self._config = initialised(structs.batching_autoscaler_config)
        self._asked = autoscaler if callable(autoscaler) else None
        self._name = "custom" if callable(autoscaler) else autoscaler
        if not callable(autoscaler):
            self._config.autoscaler = word(autoscaler, "autoscaler", choices.AUTOSCALER_NAMES)
        elif unused := set(settings) - _OF_ALL:
            raise TypeError(f"{min(unused)} is given: a function has only {', '.join(sorted(_OF_ALL))}")
        else:
            # Its rule is not asked, but must have a target.
            self._config.target = 1.0
        set_settings(self._config, settings)
        self._initial = None if initial_replicas is None else integer(initial_replicas, "initial_replicas", 0, 65_536)
        self._startup = number(startup_time, "startup_time")

    @property
    def autoscaler(self) -> str:
        """The name of its rule."""
        return self._name

    def _structure(self, callbacks: Callbacks) -> tuple[structs.batching_fleet_scaling_config, list[Any]]:
        made = initialised(structs.batching_fleet_scaling_config)
        made.autoscaler = ctypes.pointer(self._config)
        if self._initial is not None:
            made.initial_replicas = self._initial or -1
        made.startup_time = self._startup
        if self._asked is None:
            return made, []
        function = self._asked
        asked = callbacks.scaling(lambda readings: function(_view(readings)))
        made.scaling_callback = asked
        return made, [asked]


def _view(told: Any) -> ScalingView:
    def column(name: str) -> npt.NDArray[Any]:
        given = getattr(told, name)
        return np.ctypeslib.as_array(given, (told.count,)) if told.count else np.empty(0)

    return ScalingView(
        time=told.time,
        starting=told.starting,
        waiting=column("waiting"),
        running=column("running"),
        queued_prefill_tokens=column("queued_prefill_tokens"),
        scheduled_kv_tokens=column("scheduled_kv_tokens"),
        kv_usage=column("kv_usage"),
        queued_requests=told.queued_requests,
        mean_prompt_length=told.mean_prompt_length,
        mean_output_length=told.mean_output_length,
        demand=told.demand,
    )
