# Generated from include/batching.h by `make generate`: change that, not this.
"""Every choice of the C interface: which constants a field, a column or a parameter may be."""

from enum import IntEnum
from typing import Final, Literal


class RequestStatus(IntEnum):
    """What became of the request: `status` of batching_results."""

    FINISHED = 0
    """Its status: it has all its tokens."""
    UNFINISHED = 100
    """The run ended before, at a limit. Each time that it did not reach is NaN."""
    STUCK = 110
    """It was waiting or running when no more progress was possible: see above."""
    ABORTED = 120
    """Its client left, at abort_time, before it had all its tokens: end_time says when that took effect."""
    NOT_SENT = 130
    """It was not sent: a turn before it failed, or the run ended before the engine looked at it. Its times are NaN, but
    for an arrival_time before the end of the run. Only where there are sessions, clients or a max_concurrency: see
    "Engine: clients" in batching.h.
    """
    LOST = 140
    """In a fleet: its replica was lost, or none was there, and it was not sent again. end_time is when that was."""
    TIMED_OUT = 150
    """In a fleet: it had no first token, or not all of them, in time. end_time is when it left."""
    REJECTED_MODEL_LENGTH = 200
    """Rejected on arrival: prompt_length is not below max_model_len. Its times are NaN."""
    REJECTED_KV_MEMORY = 210
    """Rejected on arrival: it needs more KV blocks than there are. Its times are NaN."""
    REJECTED_TOKEN_BUDGET = 220
    """Rejected on arrival: chunked prefill is disabled and it is longer than max_num_batched_tokens. Its times are NaN.
    """
    REJECTED_ADMISSION = 230
    """Rejected on arrival by a fleet: see batching_admission_config. end_time is its arrival."""


class EndReason(IntEnum):
    """Why the run ended: `end_reason` of batching_summary."""

    COMPLETED = 0
    """Why the run ended: every request has finished, was rejected or was aborted, or is one that will never be sent."""
    TIME_LIMIT = 100
    """The next iteration would have started at or after time_limit."""
    ITERATION_LIMIT = 110
    """iteration_limit iterations have run."""
    STUCK = 200
    """Requests are left, none will arrive, and no iteration can change anything: see above."""


class MemoryType(IntEnum):
    """One of the constants: `memory_type` of batching_gpu."""

    HBM = 0
    """Stacked memory on the GPU's package."""
    GDDR = 100
    """Memory chips beside the GPU."""


class LinkType(IntEnum):
    """One of the constants: `link_type` of batching_gpu."""

    NONE = 0
    """No link is known: for one GPU only."""
    NVLINK = 100
    """A link that is made for it: NVLink, AMD's Infinity Fabric, a TPU's ICI."""
    PCIE = 200
    """PCI Express: how fast that is differs from one host to another."""


class Event(IntEnum):
    """What happened: `event` of batching_decision_log, batching_live_engine_events, batching_fleet_events."""

    REJECTED = 100
    """It was rejected on arrival; its status says why."""
    PREEMPTED = 200
    """It was preempted: it lost its KV blocks and waits again."""
    ADMITTED = 300
    """It joins the running for the first time; tokens: found in the prefix cache."""
    RESUMED = 310
    """It joins the running again after a preemption; tokens: found in the prefix cache."""
    SCHEDULED = 400
    """It is scheduled; tokens: how many it computes in this iteration."""
    ROUTED = 420
    """It goes to a replica: the one that computes its prompt, or, once its KV is there, the one in which it decodes."""
    FIRST_TOKEN = 450
    """It has its first token. (The other events are those of batching_decision_log.)."""
    RUNNING = 500
    """It is running, where queues are logged: one row each, in the order of the running."""
    WAITING = 510
    """It is waiting, where queues are logged: one row each, in the order in which they would be admitted."""
    FINISHED = 600
    """It has its last token; tokens: how many it generated."""
    ABORTED = 610
    """Its client left; tokens: how many it generated. The iteration is the one that was over, or is scheduled next."""


class Scorer(IntEnum):
    """What is scored: `scorer` of batching_router_config."""

    QUEUE = 0
    """Waiting requests: linear from the most (0) to the fewest (1); all equal: 1."""
    RUNNING = 100
    """Running requests: the same."""
    KV_USAGE = 110
    """1 - KV usage."""
    LOAD_AWARE = 120
    """0.5 x (1 - min(waiting, threshold) / threshold)."""
    ACTIVE = 130
    """In flight: 1 up to the threshold, else (most - in flight) / most x max_busy."""
    TOKEN_LOAD = 140
    """1 - min(tokens in flight, threshold) / threshold."""
    PREFIX = 150
    """The share of the prompt's blocks that a worker has, as the router's own index has it."""
    PRECISE_PREFIX = 160
    """The same from KV events, linear from the fewest (0) to the most (1); all equal: 1. From its source: no recording.
    """


class Role(IntEnum):
    """What replicas do of a request: `role` of batching_fleet_config."""

    BOTH = 0
    """Each replica does all of a request."""
    PREFILL = 100
    """Its prompt."""
    DECODE = 110
    """What follows."""


class FaultKind(IntEnum):
    """What happens to it: `fault_kind` of batching_fault_config."""

    DOWN = 0
    """A replica is lost, with its requests and its prefix cache. One that is not there stays so."""
    UP = 100
    """One that was lost is back, empty."""
    SLOW = 110
    """Its iterations take fault_factor times as long from the next one on, until it is lost or that changes."""


class AccumulatorEvent(IntEnum):
    """What happened: `event` of batching_accumulator_events."""

    ARRIVED = 100
    """It arrived; value: its prompt tokens."""
    STARTED = 200
    """It started: it joined a batch; value: 0."""
    TOKENS = 300
    """Tokens came; value: how many, at least 0."""
    FINISHED = 400
    """It finished; value: why, 0 (stop) or 100 (length)."""
    FAILED = 500
    """It failed; value: why, 0 (error) or 100 (abort)."""


ArrivalsName = Literal["poisson", "gamma", "constant"]
"""How the gaps between arrivals vary: `arrivals` of batching_workload."""
ARRIVALS_NAMES: Final[dict[str, int]] = {"poisson": 0, "gamma": 100, "constant": 110}

RampName = Literal["none", "linear", "exponential"]
"""How the rate changes: `ramp` of batching_workload."""
RAMP_NAMES: Final[dict[str, int]] = {"none": 0, "linear": 100, "exponential": 110}

LengthsName = Literal["uniform", "lognormal", "zipf", "empirical"]
"""How prompt lengths are distributed: `prompt_lengths` of batching_workload."""
LENGTHS_NAMES: Final[dict[str, int]] = {"uniform": 0, "lognormal": 100, "zipf": 200, "empirical": 300}

ConventionName = Literal["vllm", "sglang", "aiperf"]
"""Whose definitions hold: `convention` of batching_serving_metrics_config."""
CONVENTION_NAMES: Final[dict[str, int]] = {"vllm": 0, "sglang": 100, "aiperf": 200}

PercentileMethodName = Literal["linear", "inverse_cdf", "nearest"]
"""How percentiles are taken: `percentile_method` of batching_serving_metrics_config."""
PERCENTILE_METHOD_NAMES: Final[dict[str, int]] = {"linear": 0, "inverse_cdf": 100, "nearest": 110}

PolicyName = Literal["vllm", "static", "dynamic", "continuous", "orca"]
"""How it schedules: `policy` of batching_engine_config."""
POLICY_NAMES: Final[dict[str, int]] = {"vllm": 0, "static": 100, "dynamic": 110, "continuous": 200, "orca": 210}

QueueOrderName = Literal["arrival", "priority", "shortest_output"]
"""In which order the waiting are admitted: `queue_order` of batching_engine_config."""
QUEUE_ORDER_NAMES: Final[dict[str, int]] = {"arrival": 0, "priority": 100, "shortest_output": 200}

TimeModelName = Literal["default", "constant", "affine", "roofline", "table"]
"""How long iterations take: `time_model` of batching_engine_config."""
TIME_MODEL_NAMES: Final[dict[str, int]] = {"default": 0, "constant": 50, "affine": 100, "roofline": 120, "table": 140}

DtypeName = Literal["bf16", "fp8", "int8", "fp4", "int4"]
"""Of linear layers and experts: `weight_dtype` of batching_deployment."""
DTYPE_NAMES: Final[dict[str, int]] = {"bf16": 0, "fp8": 100, "int8": 110, "fp4": 200, "int4": 210}

ThinkTimesName = Literal["exponential", "constant", "lognormal"]
"""How think times are distributed: `think_times` of batching_workload, batching_client."""
THINK_TIMES_NAMES: Final[dict[str, int]] = {"exponential": 0, "constant": 100, "lognormal": 200}

SchedulingName = Literal["both", "given"]
"""Which ways to schedule are tried: `scheduling` of batching_calibration_config."""
SCHEDULING_NAMES: Final[dict[str, int]] = {"both": 0, "given": 100}

RouterName = Literal[
    "round_robin",
    "random",
    "power_of_two",
    "least_requests",
    "least_tokens",
    "session",
    "dynamo_kv",
    "vllm_dp",
    "cache_aware",
    "bucket",
    "prefix_trie",
    "ray_prefix",
    "scorers",
    "aibrix_prefix",
    "vtc",
]
"""Its rule: `router` of batching_router_config."""
ROUTER_NAMES: Final[dict[str, int]] = {
    "round_robin": 0,
    "random": 100,
    "power_of_two": 110,
    "least_requests": 120,
    "least_tokens": 130,
    "session": 140,
    "dynamo_kv": 200,
    "vllm_dp": 210,
    "cache_aware": 220,
    "bucket": 230,
    "prefix_trie": 240,
    "ray_prefix": 250,
    "scorers": 260,
    "aibrix_prefix": 270,
    "vtc": 280,
}

TiesName = Literal["first", "random", "nginx", "haproxy"]
"""Which of equals least_requests takes: `ties` of batching_router_config."""
TIES_NAMES: Final[dict[str, int]] = {"first": 0, "random": 100, "nginx": 110, "haproxy": 120}

RoundRobinRuleName = Literal["counter", "sets", "smooth"]
"""How round robin counts: `round_robin_rule` of batching_router_config."""
ROUND_ROBIN_RULE_NAMES: Final[dict[str, int]] = {"counter": 0, "sets": 100, "smooth": 110}

VllmDpRuleName = Literal["from_0_27", "until_0_26"]
"""Of which vLLM vllm_dp is: `vllm_dp_rule` of batching_router_config."""
VLLM_DP_RULE_NAMES: Final[dict[str, int]] = {"from_0_27": 0, "until_0_26": 100}

CacheAwareRuleName = Literal["sglang", "vllm", "smg"]
"""Of which gateway cache_aware is: `cache_aware_rule` of batching_router_config."""
CACHE_AWARE_RULE_NAMES: Final[dict[str, int]] = {"sglang": 0, "vllm": 100, "smg": 110}

WaitingOrderName = Literal["fcfs", "lcfs", "wspt"]
"""Which waiting request is next: `waiting_order` of batching_router_config."""
WAITING_ORDER_NAMES: Final[dict[str, int]] = {"fcfs": 0, "lcfs": 100, "wspt": 110}

AutoscalerName = Literal["hpa", "queue_length", "dynamo_planner", "llm_d"]
"""Its rule: `autoscaler` of batching_autoscaler_config."""
AUTOSCALER_NAMES: Final[dict[str, int]] = {"hpa": 0, "queue_length": 100, "dynamo_planner": 200, "llm_d": 210}

ScalingMetricName = Literal["waiting", "running", "in_flight", "kv_usage", "queued_tokens", "given"]
"""What hpa and queue_length measure: `scaling_metric` of batching_autoscaler_config."""
SCALING_METRIC_NAMES: Final[dict[str, int]] = {
    "waiting": 0,
    "running": 100,
    "in_flight": 110,
    "kv_usage": 120,
    "queued_tokens": 130,
    "given": 140,
}

ComponentName = Literal["prefill", "decode", "aggregated"]
"""Which workers these are: `component` of batching_autoscaler_config."""
COMPONENT_NAMES: Final[dict[str, int]] = {"prefill": 0, "decode": 100, "aggregated": 110}

ScalingTargetName = Literal["throughput", "latency", "load", "sla"]
"""What its load step compares: `scaling_target` of batching_autoscaler_config."""
SCALING_TARGET_NAMES: Final[dict[str, int]] = {"throughput": 0, "latency": 100, "load": 110, "sla": 120}

PresetName = Literal["dynamo", "vllm_nixl", "sglang_pd", "llm_d"]
"""What the next fields are where they are 0: `preset` of batching_disaggregation_config."""
PRESET_NAMES: Final[dict[str, int]] = {"dynamo": 0, "vllm_nixl": 100, "sglang_pd": 110, "llm_d": 120}

DeciderName = Literal["preset", "always", "never", "prefix_threshold", "dynamo_conditional"]
"""Whether the prompt is computed elsewhere: `decider` of batching_disaggregation_config."""
DECIDER_NAMES: Final[dict[str, int]] = {
    "preset": 0,
    "always": 100,
    "never": 110,
    "prefix_threshold": 120,
    "dynamo_conditional": 130,
}

DecodeChoiceName = Literal["preset", "after_prefill", "at_arrival"]
"""When the target is chosen; on arrival where the decider looks at it, or it reserves before the prompt is done:
`decode_choice` of batching_disaggregation_config.
"""
DECODE_CHOICE_NAMES: Final[dict[str, int]] = {"preset": 0, "after_prefill": 100, "at_arrival": 110}

TransferTokensName = Literal["preset", "full", "missing"]
"""What is sent: `transfer_tokens` of batching_disaggregation_config."""
TRANSFER_TOKENS_NAMES: Final[dict[str, int]] = {"preset": 0, "full": 100, "missing": 110}

OverlapName = Literal["preset", "none", "chunk", "layer"]
"""What is sent before the prompt is done: `overlap` of batching_disaggregation_config."""
OVERLAP_NAMES: Final[dict[str, int]] = {"preset": 0, "none": 100, "chunk": 110, "layer": 120}

ReserveName = Literal["preset", "start", "admission", "prefill"]
"""When the target reserves blocks: `reserve` of batching_disaggregation_config."""
RESERVE_NAMES: Final[dict[str, int]] = {"preset": 0, "start": 100, "admission": 110, "prefill": 120}

SourceReleaseName = Literal["preset", "activation", "read_done"]
"""When the source frees: `source_release` of batching_disaggregation_config."""
SOURCE_RELEASE_NAMES: Final[dict[str, int]] = {"preset": 0, "activation": 100, "read_done": 110}

FirstTokenName = Literal["preset", "prefill", "decode"]
"""Where the first token comes from: `first_token` of batching_disaggregation_config."""
FIRST_TOKEN_NAMES: Final[dict[str, int]] = {"preset": 0, "prefill": 100, "decode": 110}

SharingName = Literal["none", "source", "pair"]
"""What transfers share: `sharing` of batching_disaggregation_config."""
SHARING_NAMES: Final[dict[str, int]] = {"none": 0, "source": 100, "pair": 110}

BucketCostName = Literal["request", "prompt_tokens"]
"""What a request takes of it, or is rejected: `bucket_cost` of batching_admission_config."""
BUCKET_COST_NAMES: Final[dict[str, int]] = {"request": 0, "prompt_tokens": 100}

ChooserName = Literal["router", "estimated_ttft", "estimated_e2e"]
"""What decides; anything but router only counts with it: `chooser` of batching_fleet_config."""
CHOOSER_NAMES: Final[dict[str, int]] = {"router": 0, "estimated_ttft": 100, "estimated_e2e": 110}

FinishedReasonName = Literal["stop", "length"]
"""Why it finished: `reason` of batching_accumulator_finished."""
FINISHED_REASON_NAMES: Final[dict[str, int]] = {"stop": 0, "length": 100}

FailedReasonName = Literal["error", "abort"]
"""Why it failed: `reason` of batching_accumulator_failed."""
FAILED_REASON_NAMES: Final[dict[str, int]] = {"error": 0, "abort": 100}

AccumulatorScopeName = Literal["start", "window"]
"""Which requests are measured: `scope` of batching_accumulator_measure."""
ACCUMULATOR_SCOPE_NAMES: Final[dict[str, int]] = {"start": 0, "window": 100}
