# Generated from include/batching.h by `make generate`: change that, not this.
# ruff: noqa: N801, RUF012 - the names are those of C, and so are the fields
"""Every struct, and every callback that a caller hands to the library, by its C name."""

from collections.abc import Sequence
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_int32, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from typing import Any, Final

from batching._ffi.declared import VersionedStructure


class batching_client(VersionedStructure):
    """How requests are sent. 0 is the default given here; all 0: as they arrive."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("max_concurrency", c_int64),
        ("clients", c_int64),
        ("ramp_up", c_double),
        ("think_time", c_double),
        ("think_time_sigma", c_double),
        ("think_times", c_int32),
        ("sessions_go_on", c_int32),
        ("seed", c_uint64),
    ]


class batching_requests(VersionedStructure):
    """Requests to simulate."""

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
        ("session", POINTER(c_int64)),
        ("delay", POINTER(c_double)),
        ("client", POINTER(batching_client)),
    ]


class batching_results(VersionedStructure):
    """What a simulator writes of each request, in the order of the requests. The struct itself is only read."""

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
        ("arrival_time", POINTER(c_double)),
        ("sent_time", POINTER(c_double)),
    ]


class batching_summary(VersionedStructure):
    """What a simulator writes of the whole run."""

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
        ("not_sent", c_int64),
        ("host_kv_hits", c_int64),
        ("disk_kv_hits", c_int64),
        ("host_kv_loaded", c_int64),
        ("disk_kv_loaded", c_int64),
        ("host_kv_blocks_written", c_int64),
        ("disk_kv_blocks_written", c_int64),
        ("kv_load_time", c_double),
    ]


class batching_comparison(VersionedStructure):
    """Static against continuous batching on the same requests. Each figure is 0 if there are no requests."""

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


class batching_completed(VersionedStructure):
    """Requests that have completed, simulated or real. A required column may be NULL where count is 0."""

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


class batching_latencies(VersionedStructure):
    """The parts of each request's latency, in the order of the requests. The struct itself is only read."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("queue_time", POINTER(c_double)),
        ("processing_time", POINTER(c_double)),
        ("total_latency", POINTER(c_double)),
        ("time_to_first_token", POINTER(c_double)),
    ]


class batching_batch_metrics(VersionedStructure):
    """The metrics of a batch of completed requests. Each is 0 if there are no requests."""

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


class batching_workload(VersionedStructure):
    """What kind of requests batching_workload_generate makes. batching_workload_init sets the initial values given
    here; the fields after arrival_rate are 0 or NULL then, and 0 stands for the default given here.
    """

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
        ("think_times", c_int32),
        ("sessions_closed", c_int32),
        ("think_time_sigma", c_double),
    ]


class batching_recorded(VersionedStructure):
    """Requests that were answered, or failed, wherever they ran. A required column may be NULL where count is 0."""

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
        ("client_arrival_time", POINTER(c_double)),
    ]


class batching_distribution(VersionedStructure):
    """What a sample of values looks like. All figures are 0 if there are no values."""

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


class batching_serving_metrics_config(VersionedStructure):
    """How metrics are taken. 0 and NULL are the defaults given here."""

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


class batching_serving_metrics(VersionedStructure):
    """The metrics of a serving run. All is written but for the pointers, which the caller sets: distributions that are
    wanted, each made by batching_distribution_init; NULL: not wanted.
    """

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
        ("ttft", POINTER(batching_distribution)),
        ("tpot", POINTER(batching_distribution)),
        ("itl", POINTER(batching_distribution)),
        ("e2e", POINTER(batching_distribution)),
        ("queue_time", POINTER(batching_distribution)),
        ("normalized_latency", POINTER(batching_distribution)),
        ("judged", c_int64),
        ("client_queue_time", POINTER(batching_distribution)),
        ("e2e_including_client_queue", POINTER(batching_distribution)),
    ]


class batching_load_config(VersionedStructure):
    """The window of time over which the load is taken, and the slots. 0 and NULL are the defaults given here."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("window_start", c_double),
        ("window_end", c_double),
        ("slots", c_int64),
        ("last_token_time", POINTER(c_double)),
    ]


class batching_load(VersionedStructure):
    """How loaded a server was over a window of time."""

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


class batching_load_timeline(VersionedStructure):
    """The load as it changes: one row an interval of time. The intervals follow each other without gaps, and the last
    ends with the window. Columns are the caller's; NULL columns are not wanted.
    """

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


class batching_iteration(VersionedStructure):
    """One iteration (a forward pass of the model), as the callbacks of a run see it."""

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
        ("prefill_chunks", c_int64),
    ]


batching_iteration_time_callback = CFUNCTYPE(c_int32, POINTER(batching_iteration), POINTER(c_double), c_void_p)


class batching_progress(VersionedStructure):
    """How far a run has come."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("iterations", c_int64),
        ("time", c_double),
        ("arrived", c_int64),
        ("finished", c_int64),
        ("count", c_int64),
    ]


batching_progress_callback = CFUNCTYPE(c_int32, POINTER(batching_progress), c_void_p)


class batching_policy_view(VersionedStructure):
    """What the policy is shown when an iteration is scheduled: a row for each request in the system, and the limits."""

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
        ("prefix_cache", c_void_p),
    ]


class batching_policy_decision(VersionedStructure):
    """What the policy decides. Everything is 0 when the callback is asked; the columns are the library's, for the
    callback to write. A decision that is not valid ends a run, but not a live engine.
    """

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


batching_policy_callback = CFUNCTYPE(
    c_int32,
    POINTER(batching_policy_view),
    POINTER(batching_policy_decision),
    c_void_p,
)
batching_log_callback = CFUNCTYPE(c_int32, c_int64, c_void_p)


class batching_iteration_log(VersionedStructure):
    """What happened in each iteration: one row an iteration, in order."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("count", c_int64),
        ("callback", batching_log_callback),
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


class batching_decision_log(VersionedStructure):
    """What happened to which request: one row an event, in the order in which things happen."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("count", c_int64),
        ("callback", batching_log_callback),
        ("user_data", c_void_p),
        ("iteration", POINTER(c_int64)),
        ("request", POINTER(c_int64)),
        ("event", POINTER(c_int32)),
        ("tokens", POINTER(c_int32)),
        ("include_queues", c_int32),
        ("reserved_2", c_uint32),
    ]


class batching_attribution(VersionedStructure):
    """The parts of each request's time, in the order of the requests. The struct itself is only read; NULL columns are
    not wanted.
    """

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
        ("waiting_for_client", POINTER(c_double)),
    ]


class batching_roofline(VersionedStructure):
    """What the roofline is computed from: a model as one of its GPUs holds it, the GPUs, and what kernels reach of
    them. Written by batching_deployment_roofline_calculate, fitted by calibration; or fill in your own. All values are
    finite and at least 0; what is divided by (memory_bandwidth, and each peak, bandwidth and share whose work is not 0)
    is above 0.
    """

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("layers", c_double),
        ("linear_bytes", c_double),
        ("linear_flops", c_double),
        ("experts", c_double),
        ("experts_per_token", c_double),
        ("expert_bytes", c_double),
        ("expert_flops", c_double),
        ("head_bytes", c_double),
        ("head_flops", c_double),
        ("kv_bytes", c_double),
        ("window_bytes", c_double),
        ("window", c_double),
        ("attention_flops", c_double),
        ("window_attention_flops", c_double),
        ("allreduce_bytes", c_double),
        ("tensor_parallel", c_double),
        ("memory_bandwidth", c_double),
        ("linear_peak", c_double),
        ("expert_peak", c_double),
        ("head_peak", c_double),
        ("attention_peak", c_double),
        ("link_bandwidth", c_double),
        ("bandwidth_share", c_double),
        ("gemm_share", c_double),
        ("expert_bandwidth_share", c_double),
        ("expert_gemm_share", c_double),
        ("head_share", c_double),
        ("kv_share", c_double),
        ("attention_share", c_double),
        ("link_share", c_double),
        ("allreduce_latency", c_double),
        ("per_iteration", c_double),
        ("per_layer", c_double),
        ("per_sequence", c_double),
        ("per_prefill_iteration", c_double),
    ]


class batching_time_table(VersionedStructure):
    """Seconds that parts of an iteration took. The places of each axis rise; a value is finite, at least 0, and not
    below the one before it on either axis. A part without places takes no time. The columns are borrowed for the call
    that they are given to; a live engine copies them.
    """

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("linear_count", c_int64),
        ("linear_tokens", POINTER(c_double)),
        ("linear_seconds", POINTER(c_double)),
        ("head_count", c_int64),
        ("head_sequences", POINTER(c_double)),
        ("head_seconds", POINTER(c_double)),
        ("decode_sequence_count", c_int64),
        ("decode_context_count", c_int64),
        ("decode_sequences", POINTER(c_double)),
        ("decode_contexts", POINTER(c_double)),
        ("decode_seconds", POINTER(c_double)),
        ("prefill_token_count", c_int64),
        ("prefill_context_count", c_int64),
        ("prefill_tokens", POINTER(c_double)),
        ("prefill_contexts", POINTER(c_double)),
        ("prefill_seconds", POINTER(c_double)),
        ("linear_scale", c_double),
        ("head_scale", c_double),
        ("decode_scale", c_double),
        ("prefill_scale", c_double),
        ("per_iteration", c_double),
        ("per_sequence", c_double),
        ("per_prefill_iteration", c_double),
    ]


class batching_kv_offload(VersionedStructure):
    """Where KV blocks stay that leave the memory of the GPU. 0: no such tier, or no such time."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("host_tokens", c_int64),
        ("host_read_bandwidth", c_double),
        ("host_write_bandwidth", c_double),
        ("disk_tokens", c_int64),
        ("disk_read_bandwidth", c_double),
        ("disk_write_bandwidth", c_double),
        ("kv_bytes_per_token", c_double),
        ("loads_block", c_int32),
        ("reserved_2", c_uint32),
    ]


class batching_engine_config(VersionedStructure):
    """How an engine schedules, what it has, and how long an iteration takes. 0 and NULL are the defaults given here."""

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
        ("time_callback", batching_iteration_time_callback),
        ("time_user_data", c_void_p),
        ("time_limit", c_double),
        ("iteration_limit", c_int64),
        ("progress_callback", batching_progress_callback),
        ("progress_user_data", c_void_p),
        ("progress_interval", c_int64),
        ("iteration_log", POINTER(batching_iteration_log)),
        ("decision_log", POINTER(batching_decision_log)),
        ("attribution", POINTER(batching_attribution)),
        ("policy_callback", batching_policy_callback),
        ("policy_user_data", c_void_p),
        ("keep_attribution", c_int32),
        ("reserved_2", c_uint32),
        ("time_per_prefill_iteration", c_double),
        ("time_per_prefill_chunk", c_double),
        ("time_startup", c_double),
        ("time_roofline", POINTER(batching_roofline)),
        ("time_table", POINTER(batching_time_table)),
        ("kv_offload", POINTER(batching_kv_offload)),
    ]


class batching_iterations(VersionedStructure):
    """What iterations compute, one an element: what a model of their time looks at."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_int64),
        ("prefill_tokens", POINTER(c_int64)),
        ("prefill_chunks", POINTER(c_int64)),
        ("decode_tokens", POINTER(c_int64)),
        ("context_tokens", POINTER(c_int64)),
        ("prefill_context", POINTER(c_double)),
    ]


class batching_gpu(VersionedStructure):
    """A GPU, as its data sheet says. 0 is the default given here; your own numbers are as good as those of a name."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("name", c_char_p),
        ("source", c_char_p),
        ("memory_bytes", c_double),
        ("driver_bytes", c_double),
        ("memory_bandwidth", c_double),
        ("bf16_peak", c_double),
        ("fp8_peak", c_double),
        ("int8_peak", c_double),
        ("fp4_peak", c_double),
        ("link_bandwidth", c_double),
        ("power", c_double),
        ("memory_type", c_int32),
        ("link_type", c_int32),
    ]


class batching_model(VersionedStructure):
    """The architecture of a model, in the words of Hugging Face's config.json. 0 is the default given here; a struct of
    your own is as good as one found by name. All are at least 0; lengths at most 2^31 - 1.
    """

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("name", c_char_p),
        ("source", c_char_p),
        ("num_hidden_layers", c_int32),
        ("hidden_size", c_int32),
        ("num_attention_heads", c_int32),
        ("num_key_value_heads", c_int32),
        ("head_dim", c_int32),
        ("intermediate_size", c_int32),
        ("vocab_size", c_int32),
        ("tie_word_embeddings", c_int32),
        ("num_experts", c_int32),
        ("num_experts_per_tok", c_int32),
        ("moe_intermediate_size", c_int32),
        ("shared_expert_intermediate_size", c_int32),
        ("dense_layers", c_int32),
        ("kv_lora_rank", c_int32),
        ("q_lora_rank", c_int32),
        ("qk_rope_head_dim", c_int32),
        ("qk_nope_head_dim", c_int32),
        ("v_head_dim", c_int32),
        ("sliding_window", c_int32),
        ("full_attention_layers", c_int32),
    ]


class batching_deployment(VersionedStructure):
    """A model on GPUs. 0 and NULL are the defaults given here."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("model", POINTER(batching_model)),
        ("gpu", POINTER(batching_gpu)),
        ("tensor_parallel", c_int32),
        ("weight_dtype", c_int32),
        ("kv_dtype", c_int32),
        ("block_size", c_int32),
        ("max_num_seqs", c_int64),
        ("max_num_batched_tokens", c_int64),
        ("gpu_memory_utilization", c_double),
        ("activation_bytes", c_double),
        ("graph_bytes", c_double),
        ("other_bytes", c_double),
    ]


class batching_deployment_memory(VersionedStructure):
    """What fits into the memory of each GPU."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("parameters", c_double),
        ("active_parameters", c_double),
        ("weight_bytes", c_double),
        ("activation_bytes", c_double),
        ("graph_bytes", c_double),
        ("other_bytes", c_double),
        ("kv_bytes", c_double),
        ("kv_bytes_per_token", c_double),
        ("block_bytes", c_double),
        ("num_gpu_blocks", c_int64),
        ("ridge_point", c_double),
    ]


class batching_calibration_progress(VersionedStructure):
    """How far a calibration has come."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("simulations", c_int64),
        ("most", c_int64),
        ("loss", c_double),
    ]


batching_calibration_callback = CFUNCTYPE(c_int32, POINTER(batching_calibration_progress), POINTER(c_int32), c_void_p)


class batching_calibration_config(VersionedStructure):
    """How to calibrate. 0 and NULL are the defaults given here."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("engine", POINTER(batching_engine_config)),
        ("roofline", POINTER(batching_roofline)),
        ("scheduling", c_int32),
        ("search_num_gpu_blocks", c_int32),
        ("seed", c_uint64),
        ("observed_until", c_double),
        ("simulations", c_int64),
        ("callback", batching_calibration_callback),
        ("user_data", c_void_p),
    ]


class batching_calibration(VersionedStructure):
    """What was found."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("time_base", c_double),
        ("time_per_prefill_token", c_double),
        ("time_per_decode_token", c_double),
        ("time_per_context_token", c_double),
        ("time_per_prefill_context", c_double),
        ("time_per_prefill_iteration", c_double),
        ("time_per_prefill_chunk", c_double),
        ("time_startup", c_double),
        ("async_scheduling", c_int32),
        ("is_complete", c_int32),
        ("simulations", c_int64),
        ("residuals", c_int64),
        ("loss", c_double),
        ("loss_of_other_scheduling", c_double),
        ("spread", c_double),
        ("num_gpu_blocks", c_int64),
        ("num_gpu_blocks_least", c_int64),
        ("num_gpu_blocks_most", c_int64),
        ("told_base", c_double),
        ("told_per_prefill_token", c_double),
        ("told_per_decode_token", c_double),
        ("told_per_context_token", c_double),
        ("told_per_prefill_context", c_double),
        ("told_per_prefill_iteration", c_double),
        ("told_per_prefill_chunk", c_double),
        ("correlation_base_decode", c_double),
        ("correlation_base_context", c_double),
        ("correlation_decode_context", c_double),
        ("correlation_prefill_context", c_double),
        ("client_delay", c_double),
        ("told_client_delay", c_double),
        ("share_without_queueing", c_double),
        ("correlation_base_delay", c_double),
        ("correlation_prefill_iteration_delay", c_double),
        ("fits", c_int64),
        ("base_least", c_double),
        ("base_most", c_double),
        ("per_prefill_token_least", c_double),
        ("per_prefill_token_most", c_double),
        ("per_decode_token_least", c_double),
        ("per_decode_token_most", c_double),
        ("per_context_token_least", c_double),
        ("per_context_token_most", c_double),
        ("per_prefill_context_least", c_double),
        ("per_prefill_context_most", c_double),
        ("per_prefill_iteration_least", c_double),
        ("per_prefill_iteration_most", c_double),
        ("per_prefill_chunk_least", c_double),
        ("per_prefill_chunk_most", c_double),
        ("startup_least", c_double),
        ("startup_most", c_double),
        ("client_delay_least", c_double),
        ("client_delay_most", c_double),
        ("mean_ttft_least", c_double),
        ("mean_ttft_most", c_double),
        ("mean_e2e_least", c_double),
        ("mean_e2e_most", c_double),
    ]


class batching_live_calibration_state(VersionedStructure):
    """What a live calibration holds now."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("in_flight", c_int64),
        ("finished", c_int64),
        ("failed", c_int64),
        ("counting", c_int64),
        ("hash_ids", c_int64),
        ("forgotten_until", c_double),
    ]


class batching_live_calibration_log(VersionedStructure):
    """What a fit is made to, in order of arrival: columns of batching_requests and batching_recorded by their names
    there. The struct is written but for the capacities and pointers, which the caller sets. A NULL column is not
    wanted.
    """

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("count", c_int64),
        ("hash_capacity", c_int64),
        ("hash_count", c_int64),
        ("first_arrival", c_double),
        ("request", POINTER(c_int64)),
        ("prompt_length", POINTER(c_int32)),
        ("output_length", POINTER(c_int32)),
        ("arrival_time", POINTER(c_double)),
        ("abort_time", POINTER(c_double)),
        ("first_token_time", POINTER(c_double)),
        ("end_time", POINTER(c_double)),
        ("success", POINTER(c_uint8)),
        ("hash_offsets", POINTER(c_int64)),
        ("hash_ids", POINTER(c_int64)),
    ]


class batching_profile_facts(VersionedStructure):
    """What a profile is of."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("model", c_char_p),
        ("gpu", c_char_p),
        ("client_delay", c_double),
    ]


class batching_attribution_bands(VersionedStructure):
    """What dominates the slowest: bands of requests by how long they took, one element a band. The struct itself is
    only read; NULL columns are not wanted. All but count are seconds, and 0 for a band without requests.
    """

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
        ("waiting_for_client", POINTER(c_double)),
    ]


class batching_live_engine_events(VersionedStructure):
    """What happened: the first count rows are written. NULL columns are not wanted."""

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
        ("attribution", POINTER(batching_attribution)),
    ]


class batching_live_engine_state(VersionedStructure):
    """What an engine holds now, as of its clock."""

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
        ("keeps_attribution", c_int32),
        ("reserved_3", c_uint32),
        ("host_kv_blocks", c_int64),
        ("disk_kv_blocks", c_int64),
        ("host_kv_hits", c_int64),
        ("disk_kv_hits", c_int64),
        ("host_kv_loaded", c_int64),
        ("disk_kv_loaded", c_int64),
        ("host_kv_blocks_written", c_int64),
        ("disk_kv_blocks_written", c_int64),
        ("kv_load_time", c_double),
    ]


class batching_router_config(VersionedStructure):
    """A router: its rule and its workers. 0 and NULL are the defaults given here. Where a default is not 0 and 0 has a
    meaning, -1 says it. Counts are at most 2^40, factors and scores 1e9, unless another limit is given.
    """

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("router", c_int32),
        ("ties", c_int32),
        ("workers", c_int64),
        ("weight", POINTER(c_int64)),
        ("name", POINTER(c_char_p)),
        ("seed", c_uint64),
        ("block_size", c_int64),
        ("stats_window", c_double),
        ("round_robin_rule", c_int32),
        ("vllm_dp_rule", c_int32),
        ("cache_aware_rule", c_int32),
        ("client_count", c_int32),
        ("client_index", c_int32),
        ("no_kv_events", c_int32),
        ("no_prefill_tokens", c_int32),
        ("no_kv_reuse", c_int32),
        ("overlap_score_credit", c_double),
        ("overlap_score_credit_decay", c_double),
        ("prefill_load_scale", c_double),
        ("decode_active_request_weight", c_double),
        ("temperature", c_double),
        ("queue_threshold", c_double),
        ("max_num_batched_tokens", c_int64),
        ("waiting_order", c_int32),
        ("reserved_2", c_uint32),
        ("index_ttl", c_double),
        ("cache_threshold", c_double),
        ("balance_abs_threshold", c_int64),
        ("balance_rel_threshold", c_double),
        ("eviction_interval", c_double),
        ("max_tree_size", c_int64),
        ("match_rate_threshold", c_double),
        ("imbalanced_threshold", c_int64),
        ("chunk_size", c_int64),
        ("prefix_min_match_length", c_int64),
        ("aibrix_imbalance", c_int64),
        ("scorer_count", c_int64),
        ("scorer", POINTER(c_int32)),
        ("scorer_weight", POINTER(c_double)),
        ("scorer_threshold", POINTER(c_double)),
        ("scorer_max_busy", POINTER(c_double)),
        ("max_prefix_blocks", c_int64),
        ("lru_blocks_per_worker", c_int64),
    ]


class batching_routing_request(VersionedStructure):
    """A request that is to be routed. 0 and NULL are the defaults given here."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("request", c_int64),
        ("time", c_double),
        ("prompt_length", c_int32),
        ("output_length", c_int32),
        ("hash_ids", POINTER(c_uint64)),
        ("hash_count", c_int64),
        ("text", c_char_p),
        ("text_size", c_int64),
        ("session", c_char_p),
        ("priority_jump", c_double),
        ("strict_priority", c_int64),
    ]


class batching_worker_metrics(VersionedStructure):
    """What workers tell of themselves, or what was scraped from them. A NULL column leaves what was told before."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_int64),
        ("waiting", POINTER(c_int64)),
        ("running", POINTER(c_int64)),
        ("kv_usage", POINTER(c_double)),
        ("in_flight_requests", POINTER(c_int64)),
        ("in_flight_tokens", POINTER(c_int64)),
    ]


class batching_autoscaler_config(VersionedStructure):
    """An autoscaler. 0 and NULL are the defaults given here. Where a default is not 0 and 0 has a meaning, -1 says it.
    Replicas are at most 65,536, tokens 2^40, other numbers 1e15, times BATCHING_TIME_MAX.
    """

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("autoscaler", c_int32),
        ("scaling_metric", c_int32),
        ("min_replicas", c_int64),
        ("max_replicas", c_int64),
        ("interval", c_double),
        ("target", c_double),
        ("tolerance", c_double),
        ("up_window", c_double),
        ("down_window", c_double),
        ("up_percent", c_double),
        ("up_replicas", c_int64),
        ("up_period", c_double),
        ("down_percent", c_double),
        ("down_replicas", c_int64),
        ("down_period", c_double),
        ("activation", c_double),
        ("cooldown", c_double),
        ("max_kv_tokens", c_int64),
        ("component", c_int32),
        ("scaling_target", c_int32),
        ("no_load_step", c_int32),
        ("while_starting", c_int32),
        ("context_length", c_int64),
        ("min_endpoint", c_int64),
        ("prefill_up_tokens", c_int64),
        ("prefill_down_tokens", c_int64),
        ("decode_up_percent", c_double),
        ("decode_down_percent", c_double),
        ("ttft_sla", c_double),
        ("itl_sla", c_double),
        ("down_sensitivity", c_double),
        ("throughput_interval", c_double),
        ("throughput_step", c_int64),
        ("gpu_budget", c_int64),
        ("gpus_per_replica", c_int64),
        ("kv_threshold", c_double),
        ("queue_threshold", c_double),
        ("up_threshold", c_double),
        ("down_boundary", c_double),
        ("max_num_batched_tokens", c_int64),
        ("max_num_seqs", c_int64),
    ]


class batching_scaling_readings(VersionedStructure):
    """What an autoscaler is told. A column that its rule looks at is required unless a default is given; the others may
    be NULL. Counts are at most 2^50, numbers 1e15.
    """

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("time", c_double),
        ("count", c_int64),
        ("starting", c_int64),
        ("waiting", POINTER(c_int64)),
        ("running", POINTER(c_int64)),
        ("queued_prefill_tokens", POINTER(c_int64)),
        ("scheduled_kv_tokens", POINTER(c_int64)),
        ("queued_kv_tokens", POINTER(c_int64)),
        ("kv_usage", POINTER(c_double)),
        ("estimated_ttft", POINTER(c_double)),
        ("estimated_itl", POINTER(c_double)),
        ("merged_ttft", POINTER(c_double)),
        ("own_ttft", POINTER(c_double)),
        ("merged_itl", POINTER(c_double)),
        ("metric", POINTER(c_double)),
        ("metric_outside", c_double),
        ("queued_requests", c_int64),
        ("mean_prompt_length", c_double),
        ("mean_output_length", c_double),
        ("demand", c_double),
        ("capacity", c_double),
    ]


class batching_disaggregation_config(VersionedStructure):
    """How prefill and decode are split: see above. 0 is the default given here."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("preset", c_int32),
        ("decider", c_int32),
        ("decode_choice", c_int32),
        ("transfer_tokens", c_int32),
        ("overlap", c_int32),
        ("reserve", c_int32),
        ("source_release", c_int32),
        ("first_token", c_int32),
        ("sharing", c_int32),
        ("reserved_2", c_uint32),
        ("kv_bytes_per_token", c_double),
        ("link_bandwidth", c_double),
        ("link_latency", c_double),
        ("decider_tokens", c_int64),
        ("decider_ratio", c_double),
        ("layers", c_int64),
        ("reserved_decode_tokens", c_int64),
        ("lease", c_double),
    ]


class batching_admission_config(VersionedStructure):
    """Which requests a fleet takes, how long they may take, and how often they are sent. 0: the default given here."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("max_in_flight", c_int64),
        ("max_queued_tokens", c_int64),
        ("bucket_capacity", c_double),
        ("bucket_rate", c_double),
        ("bucket_cost", c_int32),
        ("sheds", c_int32),
        ("shed_priority", c_int64),
        ("saturation_queue", c_double),
        ("saturation_kv", c_double),
        ("ttft_timeout", c_double),
        ("e2e_timeout", c_double),
        ("retries", c_int64),
        ("retry_base", c_double),
        ("retry_factor", c_double),
        ("retry_cap", c_double),
        ("retry_jitter", c_double),
        ("seed", c_uint64),
        ("retries_elsewhere", c_int32),
        ("reserved_2", c_uint32),
        ("breaker_failures", c_int64),
        ("breaker_window", c_double),
        ("breaker_open_time", c_double),
        ("breaker_successes", c_int64),
        ("max_queued_requests", c_int64),
        ("queue_timeout", c_double),
    ]


class batching_fault_config(VersionedStructure):
    """Which replicas of a fleet fail, and when. 0 and NULL are the defaults given here."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("fault_count", c_int64),
        ("fault_time", POINTER(c_double)),
        ("fault_replica", POINTER(c_int32)),
        ("fault_kind", POINTER(c_int32)),
        ("fault_factor", POINTER(c_double)),
        ("mean_up_time", c_double),
        ("mean_down_time", c_double),
        ("notice_delay", c_double),
        ("seed", c_uint64),
    ]


batching_scaling_callback = CFUNCTYPE(c_int32, POINTER(batching_scaling_readings), POINTER(c_int64), c_void_p)


class batching_fleet_scaling_config(VersionedStructure):
    """How many replicas of a fleet there are at a time. The autoscaler is shown, of each replica that is ready,
    requests that wait and run, prompt tokens of requests without a first token, tokens in KV blocks in use, KV use; and
    requests that wait at the router, mean lengths of what has arrived, and arrivals a second since its last decision as
    the demand.
    """

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("autoscaler", POINTER(batching_autoscaler_config)),
        ("initial_replicas", c_int64),
        ("startup_time", c_double),
        ("scaling_callback", batching_scaling_callback),
        ("scaling_user_data", c_void_p),
    ]


class batching_router_view(VersionedStructure):
    """The replicas as a router of yours sees them. Columns are valid during the call."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("request", c_int64),
        ("time", c_double),
        ("prompt_length", c_int64),
        ("output_length", c_int64),
        ("session", c_int64),
        ("count", c_int64),
        ("is_up", POINTER(c_int32)),
        ("in_flight", POINTER(c_int64)),
        ("queued_tokens", POINTER(c_int64)),
        ("waiting", POINTER(c_int64)),
        ("running", POINTER(c_int64)),
        ("kv_use", POINTER(c_double)),
        ("cached_tokens", POINTER(c_int64)),
    ]


batching_router_callback = CFUNCTYPE(c_int32, POINTER(batching_router_view), POINTER(c_int64), c_void_p)


class batching_fleet_config(VersionedStructure):
    """A fleet: its replicas and their router. 0 and NULL are the defaults given here."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("router", POINTER(batching_router_config)),
        ("pool_count", c_int64),
        ("engine", POINTER(POINTER(batching_engine_config))),
        ("replicas", POINTER(c_int64)),
        ("metrics_interval", c_double),
        ("role", POINTER(c_int32)),
        ("decode_router", POINTER(batching_router_config)),
        ("disaggregation", POINTER(batching_disaggregation_config)),
        ("kv_event_lag", c_double),
        ("preferred_replica", POINTER(c_int32)),
        ("preferred_decode_replica", POINTER(c_int32)),
        ("routing_delay", c_double),
        ("admission", POINTER(batching_admission_config)),
        ("faults", POINTER(batching_fault_config)),
        ("scaling", POINTER(batching_fleet_scaling_config)),
        ("chooser", c_int32),
        ("reserved_2", c_uint32),
        ("router_callback", batching_router_callback),
        ("router_user_data", c_void_p),
        ("iteration_log", POINTER(POINTER(batching_iteration_log))),
        ("decision_log", POINTER(POINTER(batching_decision_log))),
        ("decode_scaling", POINTER(batching_fleet_scaling_config)),
    ]


class batching_fleet_results(VersionedStructure):
    """What a fleet tells beside what an engine tells. NULL columns are not wanted."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("capacity", c_int64),
        ("replica_capacity", c_int64),
        ("replica", POINTER(c_int32)),
        ("routed_time", POINTER(c_double)),
        ("requests", POINTER(c_int64)),
        ("finished", POINTER(c_int64)),
        ("tokens", POINTER(c_int64)),
        ("iterations", POINTER(c_int64)),
        ("busy_time", POINTER(c_double)),
        ("duration", POINTER(c_double)),
        ("mean_running", POINTER(c_double)),
        ("mean_kv_use", POINTER(c_double)),
        ("peak_waiting", POINTER(c_int64)),
        ("preemptions", POINTER(c_int64)),
        ("prefix_cache_queries", POINTER(c_int64)),
        ("prefix_cache_hits", POINTER(c_int64)),
        ("prefill_replica", POINTER(c_int32)),
        ("held_time", POINTER(c_double)),
        ("reserved_time", POINTER(c_double)),
        ("activated_time", POINTER(c_double)),
        ("decode_start_time", POINTER(c_double)),
        ("released_time", POINTER(c_double)),
        ("attempts", POINTER(c_int32)),
        ("up_time", POINTER(c_double)),
        ("scaling_capacity", c_int64),
        ("scaling_time", POINTER(c_double)),
        ("scaling_replicas", POINTER(c_int64)),
        ("scaling_count", POINTER(c_int64)),
        ("attribution", POINTER(batching_attribution)),
        ("waiting_for_router", POINTER(c_double)),
        ("transfer", POINTER(c_double)),
        ("waiting_for_decode", POINTER(c_double)),
        ("scaling_role", POINTER(c_int32)),
    ]


class batching_fleet_events(VersionedStructure):
    """What happened: the first count rows are written. NULL columns are not wanted."""

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
        ("replica", POINTER(c_int32)),
        ("results", POINTER(batching_results)),
        ("fleet_results", POINTER(batching_fleet_results)),
    ]


class batching_fleet_state(VersionedStructure):
    """What a fleet holds now, as of its clock."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("clock", c_double),
        ("submitted", c_int64),
        ("pending", c_int64),
        ("in_flight", c_int64),
        ("queued", c_int64),
        ("finished", c_int64),
        ("rejected", c_int64),
        ("aborted", c_int64),
        ("events", c_int64),
        ("replicas", c_int64),
        ("capacity", c_int64),
        ("waiting", POINTER(c_int64)),
        ("running", POINTER(c_int64)),
        ("kv_use", POINTER(c_double)),
        ("routed", POINTER(c_int64)),
        ("queued_tokens", POINTER(c_int64)),
        ("is_up", POINTER(c_int32)),
    ]


class batching_accumulator_config(VersionedStructure):
    """What an accumulator keeps. 0 is the default given here."""

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


class batching_accumulator_events(VersionedStructure):
    """Many events, in the order in which they are given."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_int64),
        ("event", POINTER(c_int32)),
        ("request", POINTER(c_int64)),
        ("time", POINTER(c_double)),
        ("value", POINTER(c_int32)),
    ]


class batching_accumulator_state(VersionedStructure):
    """What an accumulator holds now."""

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


batching_interrupt_callback = CFUNCTYPE(c_int32, c_void_p)


STRUCTURES: Final[Sequence[type[VersionedStructure]]] = [
    batching_requests,
    batching_results,
    batching_summary,
    batching_comparison,
    batching_completed,
    batching_latencies,
    batching_batch_metrics,
    batching_workload,
    batching_recorded,
    batching_distribution,
    batching_serving_metrics_config,
    batching_serving_metrics,
    batching_load_config,
    batching_load,
    batching_load_timeline,
    batching_iteration,
    batching_progress,
    batching_engine_config,
    batching_roofline,
    batching_time_table,
    batching_iterations,
    batching_kv_offload,
    batching_gpu,
    batching_model,
    batching_deployment,
    batching_deployment_memory,
    batching_client,
    batching_calibration_progress,
    batching_calibration_config,
    batching_calibration,
    batching_live_calibration_state,
    batching_live_calibration_log,
    batching_profile_facts,
    batching_iteration_log,
    batching_decision_log,
    batching_attribution,
    batching_attribution_bands,
    batching_policy_view,
    batching_policy_decision,
    batching_live_engine_events,
    batching_live_engine_state,
    batching_router_config,
    batching_routing_request,
    batching_worker_metrics,
    batching_autoscaler_config,
    batching_scaling_readings,
    batching_disaggregation_config,
    batching_admission_config,
    batching_fault_config,
    batching_fleet_scaling_config,
    batching_router_view,
    batching_fleet_config,
    batching_fleet_results,
    batching_fleet_events,
    batching_fleet_state,
    batching_accumulator_config,
    batching_accumulator_events,
    batching_accumulator_state,
]
CALLBACKS: Final[dict[str, Any]] = {
    "batching_iteration_time_callback": batching_iteration_time_callback,
    "batching_progress_callback": batching_progress_callback,
    "batching_policy_callback": batching_policy_callback,
    "batching_calibration_callback": batching_calibration_callback,
    "batching_log_callback": batching_log_callback,
    "batching_scaling_callback": batching_scaling_callback,
    "batching_router_callback": batching_router_callback,
    "batching_interrupt_callback": batching_interrupt_callback,
}
