"""The C interface, include/batching.h, in the words of ctypes: every struct, and every function in one table."""

import ctypes
from collections.abc import Sequence
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_int32, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from typing import Any, ClassVar, Final, NamedTuple

OK: Final = 0
ERROR_INVALID_ARGUMENT: Final = 100
ERROR_CAPACITY: Final = 400
ERROR_OUT_OF_MEMORY: Final = 600
ERROR_CANCELLED: Final = 700
ERROR_BUSY: Final = 800

POLICIES: Final = {"vllm": 0, "static": 100, "dynamic": 110, "continuous": 200, "orca": 210, "custom": 300}
QUEUE_ORDERS: Final = {"arrival": 0, "priority": 100, "shortest_output": 200}
ARRIVALS: Final = {"poisson": 0, "gamma": 100, "constant": 110}
RAMPS: Final = {"none": 0, "linear": 100, "exponential": 110}
LENGTHS: Final = {"uniform": 0, "lognormal": 100, "zipf": 200, "empirical": 300}
CONVENTIONS: Final = {"vllm": 0, "sglang": 100, "aiperf": 200}
PERCENTILE_METHODS: Final = {"linear": 0, "inverse_cdf": 100, "nearest": 110}
FINISHED: Final = {"stop": 0, "length": 100}
FAILED: Final = {"error": 0, "abort": 100}
SCOPES: Final = {"start": 0, "window": 100}
TIME_DEFAULT: Final = 0
TIME_CONSTANT: Final = 50
TIME_AFFINE: Final = 100
TIME_CALLBACK: Final = 200

COUNT_MAX: Final = 2_000_000_000
"""BATCHING_COUNT_MAX: the most requests that columns may hold."""


class VersionedStructure(ctypes.Structure):
    """A struct that begins with its own size, so that it may grow."""

    c_name: ClassVar[str]


class Requests(VersionedStructure):
    """Requests to simulate."""

    c_name = "batching_requests"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_int64),
        ("prompt_length", POINTER(c_int32)),
        ("output_length", POINTER(c_int32)),
        ("arrival_time", POINTER(c_double)),
        ("priority", POINTER(c_int32)),
        ("tie_break", POINTER(c_int64)),
        ("hash_ids", POINTER(c_int64)),
        ("hash_offsets", POINTER(c_int64)),
        ("hash_block_size", c_int32),
        ("hash_covers_output", c_int32),
        ("max_tokens", POINTER(c_int32)),
        ("abort_time", POINTER(c_double)),
    ]


class Results(VersionedStructure):
    """What a simulator tells of each request."""

    c_name = "batching_results"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("start_time", POINTER(c_double)),
        ("first_token_time", POINTER(c_double)),
        ("end_time", POINTER(c_double)),
        ("tokens_generated", POINTER(c_int32)),
        ("completion_order", POINTER(c_int64)),
        ("preemptions", POINTER(c_int32)),
        ("prefix_cached_tokens", POINTER(c_int32)),
        ("status", POINTER(c_int32)),
    ]


class Summary(VersionedStructure):
    """What a simulator tells of the whole run."""

    c_name = "batching_summary"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("total_time", c_double),
        ("throughput", c_double),
        ("total_tokens", c_int64),
        ("iterations", c_int64),
        ("busy_time", c_double),
        ("duration", c_double),
        ("end_reason", c_int32),
        ("reserved_2", c_uint32),
        ("finished", c_int64),
        ("rejected", c_int64),
        ("unfinished", c_int64),
        ("prefill_tokens", c_int64),
        ("decode_tokens", c_int64),
        ("preemptions", c_int64),
        ("recomputed_tokens", c_int64),
        ("mean_running", c_double),
        ("peak_running", c_int64),
        ("peak_waiting", c_int64),
        ("mean_kv_use", c_double),
        ("peak_kv_use", c_double),
        ("prefix_cache_queries", c_int64),
        ("prefix_cache_hits", c_int64),
        ("aborted", c_int64),
    ]


class Completed(VersionedStructure):
    """Requests that have completed."""

    c_name = "batching_completed"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_int64),
        ("arrival_time", POINTER(c_double)),
        ("start_time", POINTER(c_double)),
        ("first_token_time", POINTER(c_double)),
        ("end_time", POINTER(c_double)),
        ("tokens_generated", POINTER(c_int32)),
    ]


class Latencies(VersionedStructure):
    """The parts of each request's latency."""

    c_name = "batching_latencies"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("queue_time", POINTER(c_double)),
        ("processing_time", POINTER(c_double)),
        ("total_latency", POINTER(c_double)),
        ("time_to_first_token", POINTER(c_double)),
    ]


class Metrics(VersionedStructure):
    """The metrics of a batch of completed requests."""

    c_name = "batching_batch_metrics"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("throughput", c_double),
        ("total_tokens", c_int64),
        ("avg_latency", c_double),
        ("p50_latency", c_double),
        ("p95_latency", c_double),
        ("p99_latency", c_double),
        ("avg_queue_time", c_double),
        ("avg_time_to_first_token", c_double),
        ("gpu_utilization", c_double),
    ]


class Recorded(VersionedStructure):
    """Requests that were answered, or failed."""

    c_name = "batching_recorded"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_int64),
        ("arrival_time", POINTER(c_double)),
        ("start_time", POINTER(c_double)),
        ("first_token_time", POINTER(c_double)),
        ("end_time", POINTER(c_double)),
        ("prompt_length", POINTER(c_int32)),
        ("output_length", POINTER(c_int32)),
        ("success", POINTER(c_uint8)),
        ("token_times", POINTER(c_double)),
        ("token_offsets", POINTER(c_int64)),
    ]


class Distribution(VersionedStructure):
    """What a sample of values looks like."""

    c_name = "batching_distribution"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_int64),
        ("mean", c_double),
        ("median", c_double),
        ("std", c_double),
        ("min", c_double),
        ("max", c_double),
        ("sum", c_double),
        ("percentiles", POINTER(c_double)),
    ]


class MetricsOptions(VersionedStructure):
    """How metrics are taken."""

    c_name = "batching_serving_metrics_config"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("convention", c_int32),
        ("percentile_method", c_int32),
        ("duration", c_double),
        ("percentiles", POINTER(c_double)),
        ("percentile_count", c_int64),
        ("slo_ttft", c_double),
        ("slo_tpot", c_double),
        ("slo_itl", c_double),
        ("slo_e2e", c_double),
        ("slo_due_by", c_double),
    ]


class ServingMetrics(VersionedStructure):
    """The metrics of a serving run."""

    c_name = "batching_serving_metrics"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("duration", c_double),
        ("completed", c_int64),
        ("failed", c_int64),
        ("total_input_tokens", c_int64),
        ("total_output_tokens", c_int64),
        ("request_throughput", c_double),
        ("input_throughput", c_double),
        ("output_throughput", c_double),
        ("total_token_throughput", c_double),
        ("concurrency", c_double),
        ("good", c_int64),
        ("request_goodput", c_double),
        ("slo_attainment", c_double),
        ("slo_attainment_ttft", c_double),
        ("slo_attainment_tpot", c_double),
        ("slo_attainment_itl", c_double),
        ("slo_attainment_e2e", c_double),
        ("ttft", POINTER(Distribution)),
        ("tpot", POINTER(Distribution)),
        ("itl", POINTER(Distribution)),
        ("e2e", POINTER(Distribution)),
        ("queue_time", POINTER(Distribution)),
        ("normalized_latency", POINTER(Distribution)),
        ("judged", c_int64),
    ]


class LoadConfig(VersionedStructure):
    """From when to when the load is looked at, and of how many slots."""

    c_name = "batching_load_config"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("window_start", c_double),
        ("window_end", c_double),
        ("slots", c_int64),
        ("last_token_time", POINTER(c_double)),
    ]


class Load(VersionedStructure):
    """How loaded a server was over a window of time."""

    c_name = "batching_load"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("window_start", c_double),
        ("window_end", c_double),
        ("requests", c_int64),
        ("mean_running", c_double),
        ("mean_waiting", c_double),
        ("mean_tokens", c_double),
        ("peak_running", c_int64),
        ("peak_waiting", c_int64),
        ("peak_tokens", c_int64),
        ("utilization", c_double),
        ("slot_utilization", c_double),
        ("held_slot_time", c_double),
        ("unfilled_slot_time", c_double),
        ("wasted_slot_share", c_double),
    ]


class LoadTimeline(VersionedStructure):
    """The load as it changes."""

    c_name = "batching_load_timeline"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("count", c_int64),
        ("bins", c_int64),
        ("time", POINTER(c_double)),
        ("running", POINTER(c_double)),
        ("waiting", POINTER(c_double)),
        ("tokens", POINTER(c_double)),
        ("peak_running", POINTER(c_int64)),
        ("peak_waiting", POINTER(c_int64)),
        ("peak_tokens", POINTER(c_int64)),
    ]


class Comparison(VersionedStructure):
    """Static against continuous batching on the same requests."""

    c_name = "batching_comparison"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("static_throughput", c_double),
        ("continuous_throughput", c_double),
        ("static_avg_latency", c_double),
        ("continuous_avg_latency", c_double),
        ("throughput_improvement", c_double),
        ("latency_improvement", c_double),
    ]


class Workload(VersionedStructure):
    """What kind of requests to generate."""

    c_name = "batching_workload"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("seed", c_uint64),
        ("prompt_length_min", c_int32),
        ("prompt_length_max", c_int32),
        ("output_length_min", c_int32),
        ("output_length_max", c_int32),
        ("arrival_rate", c_double),
        ("arrivals", c_int32),
        ("ramp", c_int32),
        ("burstiness", c_double),
        ("ramp_end_rate", c_double),
        ("ramp_requests", c_int64),
        ("burst_size", c_int64),
        ("on_time", c_double),
        ("off_time", c_double),
        ("prompt_lengths", c_int32),
        ("output_lengths", c_int32),
        ("prompt_length_median", c_double),
        ("prompt_length_sigma", c_double),
        ("prompt_length_exponent", c_double),
        ("output_length_median", c_double),
        ("output_length_sigma", c_double),
        ("output_length_exponent", c_double),
        ("sample_count", c_int64),
        ("sample_prompt_length", POINTER(c_int32)),
        ("sample_output_length", POINTER(c_int32)),
        ("samples_independent", c_int32),
        ("prefix_groups", c_int32),
        ("prefix_length", c_int32),
        ("hash_block_size", c_int32),
        ("prefix_exponent", c_double),
        ("turns_min", c_int32),
        ("turns_max", c_int32),
        ("think_time", c_double),
    ]


class Iteration(VersionedStructure):
    """One iteration, as the callbacks of a run see it."""

    c_name = "batching_iteration"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("number", c_int64),
        ("time", c_double),
        ("running", c_int64),
        ("waiting", c_int64),
        ("prefill_tokens", c_int64),
        ("decode_tokens", c_int64),
        ("context_tokens", c_int64),
        ("prefill_context", c_double),
        ("kv_blocks_used", c_int64),
        ("preemptions", c_int64),
    ]


class Progress(VersionedStructure):
    """How far a run has come."""

    c_name = "batching_progress"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("iterations", c_int64),
        ("time", c_double),
        ("arrived", c_int64),
        ("finished", c_int64),
        ("count", c_int64),
    ]


class PolicyView(VersionedStructure):
    """What a policy of the caller's is shown."""

    c_name = "batching_policy_view"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("iteration", c_int64),
        ("time", c_double),
        ("count", c_int64),
        ("running_count", c_int64),
        ("request", POINTER(c_int64)),
        ("arrival_time", POINTER(c_double)),
        ("prompt_tokens", POINTER(c_int32)),
        ("generated_tokens", POINTER(c_int32)),
        ("computed_tokens", POINTER(c_int64)),
        ("kv_blocks", POINTER(c_int64)),
        ("priority", POINTER(c_int32)),
        ("tie_break", POINTER(c_int64)),
        ("oracle_output_tokens", POINTER(c_int32)),
        ("max_num_seqs", c_int64),
        ("max_num_batched_tokens", c_int64),
        ("kv_blocks_free", c_int64),
        ("kv_blocks_usable", c_int64),
        ("block_size", c_int64),
    ]


class PolicyDecision(VersionedStructure):
    """What it decides."""

    c_name = "batching_policy_decision"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("scheduled_row", POINTER(c_int64)),
        ("scheduled_tokens", POINTER(c_int32)),
        ("preempted_row", POINTER(c_int64)),
        ("scheduled_count", c_int64),
        ("preempted_count", c_int64),
        ("decode_rest", c_int32),
        ("until_change", c_int32),
        ("short_of_memory", c_int32),
        ("reserved_2", c_uint32),
        ("wait_until", c_double),
    ]


interrupt_callback = CFUNCTYPE(c_int32, c_void_p)
policy_callback = CFUNCTYPE(c_int32, POINTER(PolicyView), POINTER(PolicyDecision), c_void_p)
iteration_time_callback = CFUNCTYPE(c_int32, POINTER(Iteration), POINTER(c_double), c_void_p)
progress_callback = CFUNCTYPE(c_int32, POINTER(Progress), c_void_p)
log_callback = CFUNCTYPE(c_int32, c_int64, c_void_p)

CALLBACKS: Final[dict[str, Any]] = {
    "batching_interrupt_callback": interrupt_callback,
    "batching_iteration_time_callback": iteration_time_callback,
    "batching_progress_callback": progress_callback,
    "batching_log_callback": log_callback,
    "batching_policy_callback": policy_callback,
}


class IterationLog(VersionedStructure):
    """What happened in each iteration."""

    c_name = "batching_iteration_log"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("count", c_int64),
        ("callback", log_callback),
        ("user_data", c_void_p),
        ("time", POINTER(c_double)),
        ("start_time", POINTER(c_double)),
        ("duration", POINTER(c_double)),
        ("running", POINTER(c_int64)),
        ("waiting", POINTER(c_int64)),
        ("prefill_tokens", POINTER(c_int64)),
        ("decode_tokens", POINTER(c_int64)),
        ("kv_blocks_used", POINTER(c_int64)),
        ("kv_blocks_kept", POINTER(c_int64)),
        ("preemptions", POINTER(c_int64)),
        ("finished", POINTER(c_int64)),
    ]


class DecisionLog(VersionedStructure):
    """What happened to which request."""

    c_name = "batching_decision_log"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("count", c_int64),
        ("callback", log_callback),
        ("user_data", c_void_p),
        ("iteration", POINTER(c_int64)),
        ("request", POINTER(c_int64)),
        ("event", POINTER(c_int32)),
        ("tokens", POINTER(c_int32)),
        ("include_queues", c_int32),
        ("reserved_2", c_uint32),
    ]


class Attribution(VersionedStructure):
    """Into which parts the time of each request falls."""

    c_name = "batching_attribution"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("waiting_for_slot", POINTER(c_double)),
        ("waiting_for_memory", POINTER(c_double)),
        ("prefill", POINTER(c_double)),
        ("decode", POINTER(c_double)),
        ("slowed_by_prefill", POINTER(c_double)),
        ("preempted", POINTER(c_double)),
        ("held_in_batch", POINTER(c_double)),
    ]


class AttributionBands(VersionedStructure):
    """What dominates the slowest: bands of requests by how long they took."""

    c_name = "batching_attribution_bands"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("count", POINTER(c_int64)),
        ("shortest", POINTER(c_double)),
        ("longest", POINTER(c_double)),
        ("mean_total", POINTER(c_double)),
        ("waiting_for_slot", POINTER(c_double)),
        ("waiting_for_memory", POINTER(c_double)),
        ("prefill", POINTER(c_double)),
        ("decode", POINTER(c_double)),
        ("slowed_by_prefill", POINTER(c_double)),
        ("preempted", POINTER(c_double)),
        ("held_in_batch", POINTER(c_double)),
    ]


class Config(VersionedStructure):
    """How an engine schedules, what it has, and how long an iteration takes."""

    c_name = "batching_engine_config"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("policy", c_int32),
        ("queue_order", c_int32),
        ("max_num_seqs", c_int64),
        ("max_num_batched_tokens", c_int64),
        ("long_prefill_token_threshold", c_int64),
        ("max_model_len", c_int64),
        ("disable_chunked_prefill", c_int32),
        ("disable_reserve_full_isl", c_int32),
        ("async_scheduling", c_int32),
        ("instant_prefill", c_int32),
        ("max_queue_delay", c_double),
        ("num_gpu_blocks", c_int64),
        ("block_size", c_int32),
        ("enable_prefix_caching", c_int32),
        ("watermark", c_double),
        ("admit_oversized", c_int32),
        ("time_model", c_int32),
        ("time_base", c_double),
        ("time_per_prefill_token", c_double),
        ("time_per_decode_token", c_double),
        ("time_per_context_token", c_double),
        ("time_per_prefill_context", c_double),
        ("time_callback", iteration_time_callback),
        ("time_user_data", c_void_p),
        ("time_limit", c_double),
        ("iteration_limit", c_int64),
        ("progress_callback", progress_callback),
        ("progress_user_data", c_void_p),
        ("progress_interval", c_int64),
        ("iteration_log", POINTER(IterationLog)),
        ("decision_log", POINTER(DecisionLog)),
        ("attribution", POINTER(Attribution)),
        ("policy_callback", policy_callback),
        ("policy_user_data", c_void_p),
    ]


class AccumulatorConfig(VersionedStructure):
    """What an accumulator keeps."""

    c_name = "batching_accumulator_config"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("window", c_double),
        ("slot_count", c_int32),
        ("reserved_2", c_uint32),
        ("max_requests", c_int64),
        ("max_gaps", c_int64),
        ("slo_ttft", c_double),
        ("slo_tpot", c_double),
        ("slo_itl", c_double),
        ("slo_e2e", c_double),
    ]


class AccumulatorEvents(VersionedStructure):
    """Many events."""

    c_name = "batching_accumulator_events"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_int64),
        ("event", POINTER(c_int32)),
        ("request", POINTER(c_int64)),
        ("time", POINTER(c_double)),
        ("value", POINTER(c_int32)),
    ]


class AccumulatorState(VersionedStructure):
    """What an accumulator holds now."""

    c_name = "batching_accumulator_state"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("first_arrival", c_double),
        ("clock", c_double),
        ("window_begin", c_double),
        ("arrived", c_int64),
        ("running", c_int64),
        ("waiting", c_int64),
        ("gaps", c_int64),
    ]


class EngineEvents(VersionedStructure):
    """What happened to the requests of a live engine."""

    c_name = "batching_live_engine_events"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("count", c_int64),
        ("remaining", c_int64),
        ("time", POINTER(c_double)),
        ("request", POINTER(c_int64)),
        ("event", POINTER(c_int32)),
        ("tokens", POINTER(c_int32)),
    ]


class EngineState(VersionedStructure):
    """What a live engine holds now."""

    c_name = "batching_live_engine_state"
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("clock", c_double),
        ("submitted", c_int64),
        ("pending", c_int64),
        ("waiting", c_int64),
        ("running", c_int64),
        ("finished", c_int64),
        ("rejected", c_int64),
        ("aborted", c_int64),
        ("tokens_in_flight", c_int64),
        ("kv_blocks_used", c_int64),
        ("kv_blocks_usable", c_int64),
        ("iterations", c_int64),
        ("preemptions", c_int64),
        ("next_iteration_end", c_double),
        ("is_stuck", c_int32),
        ("reserved_2", c_uint32),
        ("events", c_int64),
    ]


STRUCTURES: Final[Sequence[type[VersionedStructure]]] = (
    Requests,
    Results,
    Summary,
    Completed,
    Latencies,
    Metrics,
    Recorded,
    Distribution,
    MetricsOptions,
    ServingMetrics,
    LoadConfig,
    Load,
    LoadTimeline,
    Comparison,
    Workload,
    Iteration,
    Progress,
    PolicyView,
    PolicyDecision,
    IterationLog,
    DecisionLog,
    Attribution,
    AttributionBands,
    Config,
    AccumulatorConfig,
    AccumulatorEvents,
    AccumulatorState,
    EngineEvents,
    EngineState,
)


class Signature(NamedTuple):
    """What a C function returns and takes."""

    restype: Any
    argtypes: list[Any]


_status = c_int32

FUNCTIONS: Final[dict[str, Signature]] = {
    # int32_t batching_version_number(void);
    "batching_version_number": Signature(c_int32, []),
    # const char *batching_version(void);
    "batching_version": Signature(c_char_p, []),
    # const char *batching_status_name(batching_status status);
    "batching_status_name": Signature(c_char_p, [_status]),
    # const char *batching_last_error(void);
    "batching_last_error": Signature(c_char_p, []),
    # batching_interrupt_callback batching_interrupt_set(batching_interrupt_callback callback, void *user_data);
    "batching_interrupt_set": Signature(interrupt_callback, [interrupt_callback, c_void_p]),
    # batching_status batching_requests_init(batching_requests *requests, uint32_t struct_size);
    "batching_requests_init": Signature(_status, [POINTER(Requests), c_uint32]),
    # batching_status batching_results_init(batching_results *results, uint32_t struct_size);
    "batching_results_init": Signature(_status, [POINTER(Results), c_uint32]),
    # batching_status batching_summary_init(batching_summary *summary, uint32_t struct_size);
    "batching_summary_init": Signature(_status, [POINTER(Summary), c_uint32]),
    # batching_status batching_completed_init(batching_completed *completed, uint32_t struct_size);
    "batching_completed_init": Signature(_status, [POINTER(Completed), c_uint32]),
    # batching_status batching_latencies_init(batching_latencies *latencies, uint32_t struct_size);
    "batching_latencies_init": Signature(_status, [POINTER(Latencies), c_uint32]),
    # batching_status batching_batch_metrics_init(batching_batch_metrics *metrics, uint32_t struct_size);
    "batching_batch_metrics_init": Signature(_status, [POINTER(Metrics), c_uint32]),
    # batching_status batching_recorded_init(batching_recorded *recorded, uint32_t struct_size);
    "batching_recorded_init": Signature(_status, [POINTER(Recorded), c_uint32]),
    # batching_status batching_distribution_init(batching_distribution *distribution, uint32_t struct_size);
    "batching_distribution_init": Signature(_status, [POINTER(Distribution), c_uint32]),
    # batching_status batching_serving_metrics_config_init(batching_serving_metrics_config *config,
    #     uint32_t struct_size);
    "batching_serving_metrics_config_init": Signature(_status, [POINTER(MetricsOptions), c_uint32]),
    # batching_status batching_serving_metrics_init(batching_serving_metrics *metrics, uint32_t struct_size);
    "batching_serving_metrics_init": Signature(_status, [POINTER(ServingMetrics), c_uint32]),
    # batching_status batching_load_config_init(batching_load_config *config, uint32_t struct_size);
    "batching_load_config_init": Signature(_status, [POINTER(LoadConfig), c_uint32]),
    # batching_status batching_load_init(batching_load *load, uint32_t struct_size);
    "batching_load_init": Signature(_status, [POINTER(Load), c_uint32]),
    # batching_status batching_load_timeline_init(batching_load_timeline *timeline, uint32_t struct_size);
    "batching_load_timeline_init": Signature(_status, [POINTER(LoadTimeline), c_uint32]),
    # batching_status batching_comparison_init(batching_comparison *comparison, uint32_t struct_size);
    "batching_comparison_init": Signature(_status, [POINTER(Comparison), c_uint32]),
    # batching_status batching_workload_init(batching_workload *workload, uint32_t struct_size);
    "batching_workload_init": Signature(_status, [POINTER(Workload), c_uint32]),
    # batching_status batching_engine_config_init(batching_engine_config *config, uint32_t struct_size);
    "batching_engine_config_init": Signature(_status, [POINTER(Config), c_uint32]),
    # batching_status batching_iteration_log_init(batching_iteration_log *iteration_log, uint32_t struct_size);
    "batching_iteration_log_init": Signature(_status, [POINTER(IterationLog), c_uint32]),
    # batching_status batching_decision_log_init(batching_decision_log *decision_log, uint32_t struct_size);
    "batching_decision_log_init": Signature(_status, [POINTER(DecisionLog), c_uint32]),
    # batching_status batching_attribution_init(batching_attribution *attribution, uint32_t struct_size);
    "batching_attribution_init": Signature(_status, [POINTER(Attribution), c_uint32]),
    # batching_status batching_attribution_bands_init(batching_attribution_bands *bands, uint32_t struct_size);
    "batching_attribution_bands_init": Signature(_status, [POINTER(AttributionBands), c_uint32]),
    # batching_status batching_attribution_bands_calculate(const batching_attribution *attribution, int64_t count,
    #     const int32_t *status, const double *percentiles, int64_t band_count,
    #     const batching_attribution_bands *bands);
    "batching_attribution_bands_calculate": Signature(
        _status,
        [
            POINTER(Attribution),
            c_int64,
            POINTER(c_int32),
            POINTER(c_double),
            c_int64,
            POINTER(AttributionBands),
        ],
    ),
    # batching_status batching_simulate(const batching_engine_config *config, const batching_requests *requests,
    #     const batching_results *results, batching_summary *summary);
    "batching_simulate": Signature(_status, [POINTER(Config), POINTER(Requests), POINTER(Results), POINTER(Summary)]),
    # batching_status batching_static_simulate(const batching_requests *requests, int64_t batch_size,
    #     double time_per_token, const batching_results *results, batching_summary *summary);
    "batching_static_simulate": Signature(
        _status, [POINTER(Requests), c_int64, c_double, POINTER(Results), POINTER(Summary)]
    ),
    # batching_status batching_continuous_simulate(const batching_requests *requests, int64_t max_batch_size,
    #     double time_per_token, const batching_results *results, batching_summary *summary);
    "batching_continuous_simulate": Signature(
        _status, [POINTER(Requests), c_int64, c_double, POINTER(Results), POINTER(Summary)]
    ),
    # batching_status batching_strategies_compare(const batching_requests *requests, int64_t batch_size,
    #     double time_per_token, batching_comparison *comparison);
    "batching_strategies_compare": Signature(_status, [POINTER(Requests), c_int64, c_double, POINTER(Comparison)]),
    # batching_status batching_latencies_calculate(const batching_completed *completed,
    #     const batching_latencies *latencies);
    "batching_latencies_calculate": Signature(_status, [POINTER(Completed), POINTER(Latencies)]),
    # batching_status batching_batch_metrics_calculate(const batching_completed *completed, double total_time,
    #     batching_batch_metrics *metrics);
    "batching_batch_metrics_calculate": Signature(_status, [POINTER(Completed), c_double, POINTER(Metrics)]),
    # batching_status batching_serving_metrics_calculate(const batching_recorded *recorded,
    #     const batching_serving_metrics_config *config, batching_serving_metrics *metrics);
    "batching_serving_metrics_calculate": Signature(
        _status, [POINTER(Recorded), POINTER(MetricsOptions), POINTER(ServingMetrics)]
    ),
    # batching_status batching_distribution_calculate(int64_t count, const double *values,
    #     const batching_serving_metrics_config *config, batching_distribution *distribution);
    "batching_distribution_calculate": Signature(
        _status, [c_int64, POINTER(c_double), POINTER(MetricsOptions), POINTER(Distribution)]
    ),
    # batching_status batching_load_calculate(const batching_recorded *recorded, const batching_load_config *config,
    #     batching_load *load, batching_load_timeline *timeline);
    "batching_load_calculate": Signature(
        _status, [POINTER(Recorded), POINTER(LoadConfig), POINTER(Load), POINTER(LoadTimeline)]
    ),
    # batching_status batching_remaining_tokens_calculate(int64_t count, const int32_t *output_length,
    #     const int32_t *tokens_generated, int32_t *remaining_tokens);
    "batching_remaining_tokens_calculate": Signature(
        _status, [c_int64, POINTER(c_int32), POINTER(c_int32), POINTER(c_int32)]
    ),
    # batching_status batching_arithmetic_intensity_calculate(int64_t batch_size, double model_memory_bytes,
    #     double flops_per_token, double *arithmetic_intensity);
    "batching_arithmetic_intensity_calculate": Signature(_status, [c_int64, c_double, c_double, POINTER(c_double)]),
    # batching_status batching_optimal_batch_size_calculate(double memory_budget, double model_memory,
    #     double kv_cache_per_token, int64_t max_seq_len, int64_t *batch_size);
    "batching_optimal_batch_size_calculate": Signature(
        _status, [c_double, c_double, c_double, c_int64, POINTER(c_int64)]
    ),
    # batching_status batching_workload_generate(const batching_workload *workload, int64_t count,
    #     int32_t *prompt_length, int32_t *output_length, double *arrival_time);
    "batching_workload_generate": Signature(
        _status, [POINTER(Workload), c_int64, POINTER(c_int32), POINTER(c_int32), POINTER(c_double)]
    ),
    # batching_status batching_workload_hashes_generate(const batching_workload *workload, int64_t count,
    #     int64_t *hash_offsets, int64_t capacity, int64_t *hash_ids, int64_t *needed);
    "batching_workload_hashes_generate": Signature(
        _status, [POINTER(Workload), c_int64, POINTER(c_int64), c_int64, POINTER(c_int64), POINTER(c_int64)]
    ),
    # batching_status batching_accumulator_config_init(batching_accumulator_config *config, uint32_t
    #     struct_size);
    "batching_accumulator_config_init": Signature(_status, [POINTER(AccumulatorConfig), c_uint32]),
    # batching_status batching_accumulator_events_init(batching_accumulator_events *events, uint32_t
    #     struct_size);
    "batching_accumulator_events_init": Signature(_status, [POINTER(AccumulatorEvents), c_uint32]),
    # batching_status batching_accumulator_state_init(batching_accumulator_state *state, uint32_t struct_size);
    "batching_accumulator_state_init": Signature(_status, [POINTER(AccumulatorState), c_uint32]),
    # batching_status batching_accumulator_create(const batching_accumulator_config *config,
    #     batching_accumulator **accumulator);
    "batching_accumulator_create": Signature(_status, [POINTER(AccumulatorConfig), POINTER(c_void_p)]),
    # batching_status batching_accumulator_destroy(batching_accumulator *accumulator);
    "batching_accumulator_destroy": Signature(_status, [c_void_p]),
    # batching_status batching_accumulator_arrived(batching_accumulator *accumulator, int64_t request, double
    #     time, int32_t prompt_tokens);
    "batching_accumulator_arrived": Signature(_status, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_accumulator_started(batching_accumulator *accumulator, int64_t request, double
    #     time);
    "batching_accumulator_started": Signature(_status, [c_void_p, c_int64, c_double]),
    # batching_status batching_accumulator_tokens(batching_accumulator *accumulator, int64_t request, double
    #     time, int32_t tokens);
    "batching_accumulator_tokens": Signature(_status, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_accumulator_finished(batching_accumulator *accumulator, int64_t request, double
    #     time, int32_t reason);
    "batching_accumulator_finished": Signature(_status, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_accumulator_failed(batching_accumulator *accumulator, int64_t request, double
    #     time, int32_t reason);
    "batching_accumulator_failed": Signature(_status, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_accumulator_add(batching_accumulator *accumulator, const
    #     batching_accumulator_events *events, int64_t *accepted);
    "batching_accumulator_add": Signature(_status, [c_void_p, POINTER(AccumulatorEvents), POINTER(c_int64)]),
    # batching_status batching_accumulator_advance(batching_accumulator *accumulator, double time);
    "batching_accumulator_advance": Signature(_status, [c_void_p, c_double]),
    # batching_status batching_accumulator_observe(batching_accumulator *accumulator,
    #     batching_accumulator_state *state);
    "batching_accumulator_observe": Signature(_status, [c_void_p, POINTER(AccumulatorState)]),
    # batching_status batching_accumulator_measure(batching_accumulator *accumulator, int32_t scope, const
    #     batching_serving_metrics_config *config, batching_serving_metrics *metrics);
    "batching_accumulator_measure": Signature(
        _status, [c_void_p, c_int32, POINTER(MetricsOptions), POINTER(ServingMetrics)]
    ),
    # batching_status batching_accumulator_merge(batching_accumulator *accumulator, batching_accumulator
    #     *other);
    "batching_accumulator_merge": Signature(_status, [c_void_p, c_void_p]),
    # batching_status batching_accumulator_save(batching_accumulator *accumulator, uint8_t *buffer, int64_t
    #     capacity, int64_t *needed);
    "batching_accumulator_save": Signature(_status, [c_void_p, POINTER(c_uint8), c_int64, POINTER(c_int64)]),
    # batching_status batching_accumulator_load(const uint8_t *bytes, int64_t size, batching_accumulator
    #     **accumulator);
    "batching_accumulator_load": Signature(_status, [POINTER(c_uint8), c_int64, POINTER(c_void_p)]),
    # batching_status batching_accumulator_prometheus(batching_accumulator *accumulator, const char *model_name,
    #     const char *engine, int64_t max_model_len, char *buffer, int64_t capacity, int64_t *needed);
    "batching_accumulator_prometheus": Signature(
        _status, [c_void_p, c_char_p, c_char_p, c_int64, c_char_p, c_int64, POINTER(c_int64)]
    ),
    # batching_status batching_live_engine_events_init(batching_live_engine_events *events, uint32_t struct_size);
    "batching_live_engine_events_init": Signature(_status, [POINTER(EngineEvents), c_uint32]),
    # batching_status batching_live_engine_state_init(batching_live_engine_state *state, uint32_t struct_size);
    "batching_live_engine_state_init": Signature(_status, [POINTER(EngineState), c_uint32]),
    # batching_status batching_live_engine_create(const batching_engine_config *config, batching_live_engine **engine);
    "batching_live_engine_create": Signature(_status, [POINTER(Config), POINTER(c_void_p)]),
    # batching_status batching_live_engine_destroy(batching_live_engine *engine);
    "batching_live_engine_destroy": Signature(_status, [c_void_p]),
    # batching_status batching_live_engine_submit(batching_live_engine *engine, const batching_requests *requests, const
    #     int64_t *ids);
    "batching_live_engine_submit": Signature(_status, [c_void_p, POINTER(Requests), POINTER(c_int64)]),
    # batching_status batching_live_engine_advance(batching_live_engine *engine, double time, int64_t iterations);
    "batching_live_engine_advance": Signature(_status, [c_void_p, c_double, c_int64]),
    # batching_status batching_live_engine_poll(batching_live_engine *engine, batching_live_engine_events *events);
    "batching_live_engine_poll": Signature(_status, [c_void_p, POINTER(EngineEvents)]),
    # batching_status batching_live_engine_abort(batching_live_engine *engine, int64_t request);
    "batching_live_engine_abort": Signature(_status, [c_void_p, c_int64]),
    # batching_status batching_live_engine_set_output_length(batching_live_engine *engine, int64_t request, int32_t
    #     output_length);
    "batching_live_engine_set_output_length": Signature(_status, [c_void_p, c_int64, c_int32]),
    # batching_status batching_live_engine_observe(batching_live_engine *engine, batching_live_engine_state *state);
    "batching_live_engine_observe": Signature(_status, [c_void_p, POINTER(EngineState)]),
    # batching_status batching_live_engine_estimate(batching_live_engine *engine, const batching_requests *requests,
    #     const batching_results *results);
    "batching_live_engine_estimate": Signature(_status, [c_void_p, POINTER(Requests), POINTER(Results)]),
    # batching_status batching_live_engine_fork(batching_live_engine *engine, batching_live_engine **copy);
    "batching_live_engine_fork": Signature(_status, [c_void_p, POINTER(c_void_p)]),
    # batching_status batching_live_engine_save(batching_live_engine *engine, uint8_t *buffer, int64_t capacity,
    #     int64_t *needed);
    "batching_live_engine_save": Signature(_status, [c_void_p, POINTER(c_uint8), c_int64, POINTER(c_int64)]),
    # batching_status batching_live_engine_load(const uint8_t *bytes, int64_t size,
    #     const batching_engine_config *callbacks, batching_live_engine **engine);
    "batching_live_engine_load": Signature(_status, [POINTER(c_uint8), c_int64, POINTER(Config), POINTER(c_void_p)]),
}


def declare(library: ctypes.CDLL) -> None:
    """Tell ctypes the type of every function: without it, a pointer would be cut to 32 bits."""
    for name, signature in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = signature.restype
        function.argtypes = signature.argtypes
