"""Autoscalers: how many replicas there should be, as a real autoscaler decides."""

import ctypes
from typing import Any, Final, NoReturn, Unpack

import numpy.typing as npt

from batching._ffi.arguments import float64_column, int64_column, integer, number, word
from batching._ffi.calls import check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, structs
from batching._ffi.handles import Handle
from batching._ffi.loader import library
from batching._scaling.settings import AutoscalerName, AutoscalerSettings, set_settings, takes_autoscaler_settings

_COUNTS: Final = ("waiting", "running", "queued_prefill_tokens", "scheduled_kv_tokens", "queued_kv_tokens")
# What C calls otherwise, in the sentences of errors.
_NAMES: Final = {r"\bcount(?= is)": "ready", r"(?<=is )NULL": "None"}


def autoscalers() -> list[str]:
    """The names of the autoscalers that there are.

    >>> autoscalers()
    ['hpa', 'queue_length', 'dynamo_planner', 'llm_d']
    """
    return list(choices.AUTOSCALER_NAMES)


class Autoscaler(Handle):
    """Decides how many replicas there should be as a real autoscaler does: by its rule, from readings of the replicas.

    It starts and stops nothing, and has no clock: `decide` is told the time and what was read, and answers with a
    number. The caller does what it is told, or tells the next time what it did instead.

    A setting that is None has the default of the real autoscaler. Each belongs to the autoscalers that are named; the
    others do not look at it.

    Args:
        autoscaler: its rule: one of `autoscalers()`.
        min_replicas: at least so many.
        max_replicas: at most so many. None: 65,536.
        interval: seconds between decisions, for a fleet; `decide` may be called at any time. None: the rule's own.
        scaling_metric: hpa, queue_length: what is measured: "waiting", "running", "in_flight", "kv_usage",
            "queued_tokens", or "given": the `metric` of the readings.
        target: hpa, queue_length: of the metric, for each replica. They need it.
        tolerance: hpa, queue_length: no change while mean / target is within 1 - and 1 + this. None: 0.1.
        up_window: hpa, queue_length: seconds: up to the lowest of what was wanted in the last.
        down_window: hpa, queue_length: seconds: down to the highest of what was wanted in the last. None: 300.
        up_percent: hpa, queue_length: by so much at most in up_period, or by up_replicas, if that is more. None: 100.
        up_replicas: hpa, queue_length: see up_percent. None: 4.
        up_period: hpa, queue_length: seconds. None: 15.
        down_percent: hpa, queue_length: the same down. None: 100.
        down_replicas: hpa, queue_length: the same down.
        down_period: hpa, queue_length: seconds. None: 15.
        activation: queue_length: something is there if the total is more than this.
        cooldown: queue_length: seconds without anything until there are 0 replicas, if min_replicas is 0. None: 300.
        max_kv_tokens: dynamo_planner, llm_d: tokens that the KV cache of a replica holds. They need it, but for prefill
            workers and with an SLA.
        component: dynamo_planner: which workers these are: "prefill", "decode" or "aggregated".
        scaling_target: dynamo_planner: what its load step compares: "throughput" or "latency": built-in thresholds;
            "load": yours; "sla": estimates of TTFT and ITL.
        load_step: dynamo_planner: whether there is one. False: the throughput step alone decides.
        while_starting: dynamo_planner: whether its load step decides also while replicas start.
        context_length: dynamo_planner: tokens. Prefill workers need it, for throughput and latency.
        min_endpoint: dynamo_planner: its steps go down to so many. None: 1.
        prefill_up_tokens: dynamo_planner, load: up if the queued tokens of any are at least this.
        prefill_down_tokens: dynamo_planner, load: down if those of all are at most this.
        decode_up_percent: dynamo_planner, load: up if the KV tokens of any are at least this many percent.
        decode_down_percent: dynamo_planner, load: down if those of all are at most this.
        ttft_sla: dynamo_planner, sla: seconds. None: 0.5.
        itl_sla: dynamo_planner, sla: seconds. None: 0.05.
        down_sensitivity: dynamo_planner, sla: down if what remains is below this share of it. None: 0.8.
        throughput_interval: dynamo_planner: seconds between throughput steps. None: 180.
        throughput_step: dynamo_planner: replicas by which one changes at most. None: 8.
        gpu_budget: dynamo_planner: GPUs of all replicas at most. None: 8; math.inf: any number.
        gpus_per_replica: dynamo_planner. None: 1.
        kv_threshold: llm_d: the share of max_kv_tokens that counts as capacity. None: 0.8.
        queue_threshold: llm_d: so many waiting requests, and KV tokens in use are the capacity. None: 5.
        up_threshold: llm_d: up if demand is more than this share of the capacity. None: 0.85.
        down_boundary: llm_d: down by what is beyond demand / this. None: 0.7.
        max_num_batched_tokens: llm_d: of a replica: the capacity is estimated before one was seen. None: it is not.
        max_num_seqs: llm_d: of a replica; needed with max_num_batched_tokens.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range.
        MemoryError: there is no memory.

    One thread at a time may use it: another gets a BatchingBusyError.

    >>> autoscaler = Autoscaler("hpa", target=10)
    >>> autoscaler.decide(0.0, waiting=[30, 0])
    3
    >>> autoscaler.decide(15.0, waiting=[0, 0, 0])  # not down before 300 s
    3
    """

    @takes_autoscaler_settings
    def __init__(self, autoscaler: AutoscalerName = "hpa", **settings: Unpack[AutoscalerSettings]) -> None:
        config = initialised(structs.batching_autoscaler_config)
        config.autoscaler = word(autoscaler, "autoscaler", choices.AUTOSCALER_NAMES)
        set_settings(config, settings)
        handle = self._owned(library.batching_autoscaler_destroy)
        check(library.batching_autoscaler_create(ctypes.byref(config), ctypes.byref(handle)))
        self._name = autoscaler
        self._handle = handle

    @property
    def autoscaler(self) -> str:
        """The name of its rule."""
        return self._name

    def decide(
        self,
        time: float,
        ready: int | None = None,
        starting: int = 0,
        *,
        waiting: npt.ArrayLike | None = None,
        running: npt.ArrayLike | None = None,
        queued_prefill_tokens: npt.ArrayLike | None = None,
        scheduled_kv_tokens: npt.ArrayLike | None = None,
        queued_kv_tokens: npt.ArrayLike | None = None,
        kv_usage: npt.ArrayLike | None = None,
        estimated_ttft: npt.ArrayLike | None = None,
        estimated_itl: npt.ArrayLike | None = None,
        merged_ttft: npt.ArrayLike | None = None,
        own_ttft: npt.ArrayLike | None = None,
        merged_itl: npt.ArrayLike | None = None,
        metric: npt.ArrayLike | None = None,
        metric_outside: float = 0.0,
        queued_requests: int = 0,
        mean_prompt_length: float = 0.0,
        mean_output_length: float = 0.0,
        demand: float = 0.0,
        capacity: float = 0.0,
    ) -> int:
        """Decide how many replicas there should be.

        Columns have an element for each replica that is ready. Those that the rule looks at are needed, unless there is
        a default.

        Args:
            time: seconds, of any clock that does not go back.
            ready: replicas that are ready. None: as many as the columns have elements.
            starting: replicas that are not yet.
            waiting: requests that wait.
            running: requests that run.
            queued_prefill_tokens: prompt tokens of waiting requests. Aggregated: None: all 0.
            scheduled_kv_tokens: KV tokens of running requests. llm_d: None: from kv_usage.
            queued_kv_tokens: KV tokens that waiting requests will need. None: all 0.
            kv_usage: the share of KV blocks in use, in [0, 1].
            estimated_ttft: dynamo_planner with an SLA: seconds of a next request; NaN: unknown.
            estimated_itl: dynamo_planner with an SLA: seconds; NaN: unknown.
            merged_ttft: dynamo_planner with an SLA: TTFT, were there one replica less. None, NaN: unknown; then not
                down.
            own_ttft: dynamo_planner with an SLA: what of merged_ttft it would take without a queue. None: 0.
            merged_itl: dynamo_planner with an SLA: ITL, were there one replica less. None, NaN: unknown; then not down.
            metric: hpa and queue_length that measure "given"; NaN: missing.
            metric_outside: queue_length: what no ready replica has of it.
            queued_requests: queue_length, llm_d: requests that have no replica yet.
            mean_prompt_length: llm_d: tokens of a request. 0: unknown: requests that wait count nothing.
            mean_output_length: llm_d: tokens of a request. 0: unknown.
            demand: dynamo_planner: requests a second that are predicted.
            capacity: dynamo_planner: those that a replica can serve. 0: unknown: no throughput step.

        Returns: a number of replicas; ready + starting: no change.

        Raises:
            ValueError: a column is missing, a value is out of its range, or the time goes back.
        """
        columns = {
            "waiting": waiting,
            "running": running,
            "queued_prefill_tokens": queued_prefill_tokens,
            "scheduled_kv_tokens": scheduled_kv_tokens,
            "queued_kv_tokens": queued_kv_tokens,
            "kv_usage": kv_usage,
            "estimated_ttft": estimated_ttft,
            "estimated_itl": estimated_itl,
            "merged_ttft": merged_ttft,
            "own_ttft": own_ttft,
            "merged_itl": merged_itl,
            "metric": metric,
        }
        readings = initialised(structs.batching_scaling_readings)
        readings.time = number(time, "time")
        readings.starting = integer(starting, "starting")
        readings.queued_requests = integer(queued_requests, "queued_requests")
        readings.metric_outside = number(metric_outside, "metric_outside")
        readings.mean_prompt_length = number(mean_prompt_length, "mean_prompt_length")
        readings.mean_output_length = number(mean_output_length, "mean_output_length")
        readings.demand = number(demand, "demand")
        readings.capacity = number(capacity, "capacity")
        count = None if ready is None else integer(ready, "ready")
        kept: list[Any] = []
        for name, given in columns.items():
            if given is None:
                continue
            column = int64_column(given, name) if name in _COUNTS else float64_column(given, name)
            if count is None:
                count = len(column)
            elif len(column) != count:
                raise BatchingValueError(
                    f"{name} has {len(column)} elements: must have as many as there are ready replicas, {count}"
                )
            kept.append(column)
            setattr(readings, name, pointer(column))
        readings.count = 0 if count is None else count
        desired = ctypes.c_int64()
        check(library.batching_autoscaler_decide(self._handle, ctypes.byref(readings), ctypes.byref(desired)), _NAMES)
        del kept
        return desired.value

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Autoscaler can neither be pickled nor copied")

    def __repr__(self) -> str:
        return f"Autoscaler({self._name!r})"
