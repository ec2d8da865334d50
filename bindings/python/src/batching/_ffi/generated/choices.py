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
    REJECTED_MODEL_LENGTH = 200
    """Rejected on arrival: prompt_length is not below max_model_len. Its times are NaN."""
    REJECTED_KV_MEMORY = 210
    """Rejected on arrival: it needs more KV blocks than there are. Its times are NaN."""
    REJECTED_TOKEN_BUDGET = 220
    """Rejected on arrival: chunked prefill is disabled and it is longer than max_num_batched_tokens. Its times are NaN.
    """


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
    """What happened: `event` of batching_decision_log, batching_live_engine_events."""

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

FinishedReasonName = Literal["stop", "length"]
"""Why it finished: `reason` of batching_accumulator_finished."""
FINISHED_REASON_NAMES: Final[dict[str, int]] = {"stop": 0, "length": 100}

FailedReasonName = Literal["error", "abort"]
"""Why it failed: `reason` of batching_accumulator_failed."""
FAILED_REASON_NAMES: Final[dict[str, int]] = {"error": 0, "abort": 100}

AccumulatorScopeName = Literal["start", "window"]
"""Which requests are measured: `scope` of batching_accumulator_measure."""
ACCUMULATOR_SCOPE_NAMES: Final[dict[str, int]] = {"start": 0, "window": 100}
