// Generated from include/batching.h by `make generate`: change that, not this.
/*
 * The layout of every struct of batching.h where pointers have 8 bytes, and the value of every constant: it is what a
 * compiled program holds us to. To append a field is to change a size here, and nothing else.
 */
// clang-format off
#include <assert.h>
#include <stddef.h>

#include "batching.h"

#define SIZE(type, size) static_assert(sizeof(type) == (size), "size of " #type)
#define FIELD(type, field, offset, field_type) \
    static_assert(offsetof(type, field) == (offset), "offset of " #type "." #field); \
    static_assert(_Generic(((type *)0)->field, field_type: 1, default: 0), "type of " #type "." #field)
#define CALLBACK(type, result, ...) \
    static_assert(_Generic((type)0, result (*)(__VA_ARGS__): 1, default: 0), "type of " #type)
#define VALUE(name, value) static_assert(name == (value), "value of " #name)

static_assert(sizeof(void *) == 8, "a platform with 8-byte pointers");
static_assert(_Generic((batching_status)0, int32_t: 1, default: 0), "batching_status is an int32_t");

static_assert(_Generic(BATCHING_TIME_MAX, double: 1, default: 0), "type of BATCHING_TIME_MAX");
VALUE((int64_t)BATCHING_TIME_MAX, 9223372036);
VALUE(BATCHING_COUNT_MAX, 2000000000);
VALUE(BATCHING_VERSION_MAJOR, 0);
VALUE(BATCHING_VERSION_MINOR, 2);
VALUE(BATCHING_VERSION_PATCH, 0);
VALUE(BATCHING_VERSION_NUMBER, 2000);

VALUE(BATCHING_OK, 0);
VALUE(BATCHING_ERROR_INVALID_ARGUMENT, 100);
VALUE(BATCHING_ERROR_NULL_POINTER, 200);
VALUE(BATCHING_ERROR_STRUCT_SIZE, 300);
VALUE(BATCHING_ERROR_CAPACITY, 400);
VALUE(BATCHING_ERROR_OVERFLOW, 500);
VALUE(BATCHING_ERROR_OUT_OF_MEMORY, 600);
VALUE(BATCHING_ERROR_CANCELLED, 700);
VALUE(BATCHING_ERROR_BUSY, 800);

SIZE(batching_requests, 120);
FIELD(batching_requests, struct_size, 0, uint32_t);
FIELD(batching_requests, reserved, 4, uint32_t);
FIELD(batching_requests, count, 8, int64_t);
FIELD(batching_requests, prompt_length, 16, const int32_t *);
FIELD(batching_requests, output_length, 24, const int32_t *);
FIELD(batching_requests, arrival_time, 32, const double *);
FIELD(batching_requests, priority, 40, const int32_t *);
FIELD(batching_requests, tie_break, 48, const int64_t *);
FIELD(batching_requests, hash_ids, 56, const int64_t *);
FIELD(batching_requests, hash_offsets, 64, const int64_t *);
FIELD(batching_requests, hash_block_size, 72, int32_t);
FIELD(batching_requests, hash_covers_output, 76, int32_t);
FIELD(batching_requests, max_tokens, 80, const int32_t *);
FIELD(batching_requests, abort_time, 88, const double *);
FIELD(batching_requests, session, 96, const int64_t *);
FIELD(batching_requests, delay, 104, const double *);
FIELD(batching_requests, client, 112, const batching_client *);

SIZE(batching_results, 96);
FIELD(batching_results, struct_size, 0, uint32_t);
FIELD(batching_results, reserved, 4, uint32_t);
FIELD(batching_results, capacity, 8, int64_t);
FIELD(batching_results, start_time, 16, double *);
FIELD(batching_results, first_token_time, 24, double *);
FIELD(batching_results, end_time, 32, double *);
FIELD(batching_results, tokens_generated, 40, int32_t *);
FIELD(batching_results, completion_order, 48, int64_t *);
FIELD(batching_results, preemptions, 56, int32_t *);
FIELD(batching_results, prefix_cached_tokens, 64, int32_t *);
FIELD(batching_results, status, 72, int32_t *);
FIELD(batching_results, arrival_time, 80, double *);
FIELD(batching_results, sent_time, 88, double *);

SIZE(batching_summary, 192);
FIELD(batching_summary, struct_size, 0, uint32_t);
FIELD(batching_summary, reserved, 4, uint32_t);
FIELD(batching_summary, total_time, 8, double);
FIELD(batching_summary, throughput, 16, double);
FIELD(batching_summary, total_tokens, 24, int64_t);
FIELD(batching_summary, iterations, 32, int64_t);
FIELD(batching_summary, busy_time, 40, double);
FIELD(batching_summary, duration, 48, double);
FIELD(batching_summary, end_reason, 56, int32_t);
FIELD(batching_summary, reserved_2, 60, uint32_t);
FIELD(batching_summary, finished, 64, int64_t);
FIELD(batching_summary, rejected, 72, int64_t);
FIELD(batching_summary, unfinished, 80, int64_t);
FIELD(batching_summary, prefill_tokens, 88, int64_t);
FIELD(batching_summary, decode_tokens, 96, int64_t);
FIELD(batching_summary, preemptions, 104, int64_t);
FIELD(batching_summary, recomputed_tokens, 112, int64_t);
FIELD(batching_summary, mean_running, 120, double);
FIELD(batching_summary, peak_running, 128, int64_t);
FIELD(batching_summary, peak_waiting, 136, int64_t);
FIELD(batching_summary, mean_kv_use, 144, double);
FIELD(batching_summary, peak_kv_use, 152, double);
FIELD(batching_summary, prefix_cache_queries, 160, int64_t);
FIELD(batching_summary, prefix_cache_hits, 168, int64_t);
FIELD(batching_summary, aborted, 176, int64_t);
FIELD(batching_summary, not_sent, 184, int64_t);

SIZE(batching_comparison, 56);
FIELD(batching_comparison, struct_size, 0, uint32_t);
FIELD(batching_comparison, reserved, 4, uint32_t);
FIELD(batching_comparison, static_throughput, 8, double);
FIELD(batching_comparison, continuous_throughput, 16, double);
FIELD(batching_comparison, static_avg_latency, 24, double);
FIELD(batching_comparison, continuous_avg_latency, 32, double);
FIELD(batching_comparison, throughput_improvement, 40, double);
FIELD(batching_comparison, latency_improvement, 48, double);

SIZE(batching_completed, 56);
FIELD(batching_completed, struct_size, 0, uint32_t);
FIELD(batching_completed, reserved, 4, uint32_t);
FIELD(batching_completed, count, 8, int64_t);
FIELD(batching_completed, arrival_time, 16, const double *);
FIELD(batching_completed, start_time, 24, const double *);
FIELD(batching_completed, first_token_time, 32, const double *);
FIELD(batching_completed, end_time, 40, const double *);
FIELD(batching_completed, tokens_generated, 48, const int32_t *);

SIZE(batching_latencies, 48);
FIELD(batching_latencies, struct_size, 0, uint32_t);
FIELD(batching_latencies, reserved, 4, uint32_t);
FIELD(batching_latencies, capacity, 8, int64_t);
FIELD(batching_latencies, queue_time, 16, double *);
FIELD(batching_latencies, processing_time, 24, double *);
FIELD(batching_latencies, total_latency, 32, double *);
FIELD(batching_latencies, time_to_first_token, 40, double *);

SIZE(batching_batch_metrics, 80);
FIELD(batching_batch_metrics, struct_size, 0, uint32_t);
FIELD(batching_batch_metrics, reserved, 4, uint32_t);
FIELD(batching_batch_metrics, throughput, 8, double);
FIELD(batching_batch_metrics, total_tokens, 16, int64_t);
FIELD(batching_batch_metrics, avg_latency, 24, double);
FIELD(batching_batch_metrics, p50_latency, 32, double);
FIELD(batching_batch_metrics, p95_latency, 40, double);
FIELD(batching_batch_metrics, p99_latency, 48, double);
FIELD(batching_batch_metrics, avg_queue_time, 56, double);
FIELD(batching_batch_metrics, avg_time_to_first_token, 64, double);
FIELD(batching_batch_metrics, gpu_utilization, 72, double);

SIZE(batching_workload, 232);
FIELD(batching_workload, struct_size, 0, uint32_t);
FIELD(batching_workload, reserved, 4, uint32_t);
FIELD(batching_workload, seed, 8, uint64_t);
FIELD(batching_workload, prompt_length_min, 16, int32_t);
FIELD(batching_workload, prompt_length_max, 20, int32_t);
FIELD(batching_workload, output_length_min, 24, int32_t);
FIELD(batching_workload, output_length_max, 28, int32_t);
FIELD(batching_workload, arrival_rate, 32, double);
FIELD(batching_workload, arrivals, 40, int32_t);
FIELD(batching_workload, ramp, 44, int32_t);
FIELD(batching_workload, burstiness, 48, double);
FIELD(batching_workload, ramp_end_rate, 56, double);
FIELD(batching_workload, ramp_requests, 64, int64_t);
FIELD(batching_workload, burst_size, 72, int64_t);
FIELD(batching_workload, on_time, 80, double);
FIELD(batching_workload, off_time, 88, double);
FIELD(batching_workload, prompt_lengths, 96, int32_t);
FIELD(batching_workload, output_lengths, 100, int32_t);
FIELD(batching_workload, prompt_length_median, 104, double);
FIELD(batching_workload, prompt_length_sigma, 112, double);
FIELD(batching_workload, prompt_length_exponent, 120, double);
FIELD(batching_workload, output_length_median, 128, double);
FIELD(batching_workload, output_length_sigma, 136, double);
FIELD(batching_workload, output_length_exponent, 144, double);
FIELD(batching_workload, sample_count, 152, int64_t);
FIELD(batching_workload, sample_prompt_length, 160, const int32_t *);
FIELD(batching_workload, sample_output_length, 168, const int32_t *);
FIELD(batching_workload, samples_independent, 176, int32_t);
FIELD(batching_workload, prefix_groups, 180, int32_t);
FIELD(batching_workload, prefix_length, 184, int32_t);
FIELD(batching_workload, hash_block_size, 188, int32_t);
FIELD(batching_workload, prefix_exponent, 192, double);
FIELD(batching_workload, turns_min, 200, int32_t);
FIELD(batching_workload, turns_max, 204, int32_t);
FIELD(batching_workload, think_time, 208, double);
FIELD(batching_workload, think_times, 216, int32_t);
FIELD(batching_workload, sessions_closed, 220, int32_t);
FIELD(batching_workload, think_time_sigma, 224, double);

VALUE(BATCHING_ARRIVALS_POISSON, 0);
VALUE(BATCHING_ARRIVALS_GAMMA, 100);
VALUE(BATCHING_ARRIVALS_CONSTANT, 110);
VALUE(BATCHING_RAMP_NONE, 0);
VALUE(BATCHING_RAMP_LINEAR, 100);
VALUE(BATCHING_RAMP_EXPONENTIAL, 110);
VALUE(BATCHING_LENGTHS_UNIFORM, 0);
VALUE(BATCHING_LENGTHS_LOGNORMAL, 100);
VALUE(BATCHING_LENGTHS_ZIPF, 200);
VALUE(BATCHING_LENGTHS_EMPIRICAL, 300);

SIZE(batching_recorded, 96);
FIELD(batching_recorded, struct_size, 0, uint32_t);
FIELD(batching_recorded, reserved, 4, uint32_t);
FIELD(batching_recorded, count, 8, int64_t);
FIELD(batching_recorded, arrival_time, 16, const double *);
FIELD(batching_recorded, start_time, 24, const double *);
FIELD(batching_recorded, first_token_time, 32, const double *);
FIELD(batching_recorded, end_time, 40, const double *);
FIELD(batching_recorded, prompt_length, 48, const int32_t *);
FIELD(batching_recorded, output_length, 56, const int32_t *);
FIELD(batching_recorded, success, 64, const uint8_t *);
FIELD(batching_recorded, token_times, 72, const double *);
FIELD(batching_recorded, token_offsets, 80, const int64_t *);
FIELD(batching_recorded, client_arrival_time, 88, const double *);

SIZE(batching_distribution, 72);
FIELD(batching_distribution, struct_size, 0, uint32_t);
FIELD(batching_distribution, reserved, 4, uint32_t);
FIELD(batching_distribution, count, 8, int64_t);
FIELD(batching_distribution, mean, 16, double);
FIELD(batching_distribution, median, 24, double);
FIELD(batching_distribution, std, 32, double);
FIELD(batching_distribution, min, 40, double);
FIELD(batching_distribution, max, 48, double);
FIELD(batching_distribution, sum, 56, double);
FIELD(batching_distribution, percentiles, 64, double *);

SIZE(batching_serving_metrics_config, 80);
FIELD(batching_serving_metrics_config, struct_size, 0, uint32_t);
FIELD(batching_serving_metrics_config, reserved, 4, uint32_t);
FIELD(batching_serving_metrics_config, convention, 8, int32_t);
FIELD(batching_serving_metrics_config, percentile_method, 12, int32_t);
FIELD(batching_serving_metrics_config, duration, 16, double);
FIELD(batching_serving_metrics_config, percentiles, 24, const double *);
FIELD(batching_serving_metrics_config, percentile_count, 32, int64_t);
FIELD(batching_serving_metrics_config, slo_ttft, 40, double);
FIELD(batching_serving_metrics_config, slo_tpot, 48, double);
FIELD(batching_serving_metrics_config, slo_itl, 56, double);
FIELD(batching_serving_metrics_config, slo_e2e, 64, double);
FIELD(batching_serving_metrics_config, slo_due_by, 72, double);

VALUE(BATCHING_CONVENTION_VLLM, 0);
VALUE(BATCHING_CONVENTION_SGLANG, 100);
VALUE(BATCHING_CONVENTION_AIPERF, 200);
VALUE(BATCHING_PERCENTILE_LINEAR, 0);
VALUE(BATCHING_PERCENTILE_INVERSE_CDF, 100);
VALUE(BATCHING_PERCENTILE_NEAREST, 110);

SIZE(batching_serving_metrics, 216);
FIELD(batching_serving_metrics, struct_size, 0, uint32_t);
FIELD(batching_serving_metrics, reserved, 4, uint32_t);
FIELD(batching_serving_metrics, duration, 8, double);
FIELD(batching_serving_metrics, completed, 16, int64_t);
FIELD(batching_serving_metrics, failed, 24, int64_t);
FIELD(batching_serving_metrics, total_input_tokens, 32, int64_t);
FIELD(batching_serving_metrics, total_output_tokens, 40, int64_t);
FIELD(batching_serving_metrics, request_throughput, 48, double);
FIELD(batching_serving_metrics, input_throughput, 56, double);
FIELD(batching_serving_metrics, output_throughput, 64, double);
FIELD(batching_serving_metrics, total_token_throughput, 72, double);
FIELD(batching_serving_metrics, concurrency, 80, double);
FIELD(batching_serving_metrics, good, 88, int64_t);
FIELD(batching_serving_metrics, request_goodput, 96, double);
FIELD(batching_serving_metrics, slo_attainment, 104, double);
FIELD(batching_serving_metrics, slo_attainment_ttft, 112, double);
FIELD(batching_serving_metrics, slo_attainment_tpot, 120, double);
FIELD(batching_serving_metrics, slo_attainment_itl, 128, double);
FIELD(batching_serving_metrics, slo_attainment_e2e, 136, double);
FIELD(batching_serving_metrics, ttft, 144, batching_distribution *);
FIELD(batching_serving_metrics, tpot, 152, batching_distribution *);
FIELD(batching_serving_metrics, itl, 160, batching_distribution *);
FIELD(batching_serving_metrics, e2e, 168, batching_distribution *);
FIELD(batching_serving_metrics, queue_time, 176, batching_distribution *);
FIELD(batching_serving_metrics, normalized_latency, 184, batching_distribution *);
FIELD(batching_serving_metrics, judged, 192, int64_t);
FIELD(batching_serving_metrics, client_queue_time, 200, batching_distribution *);
FIELD(batching_serving_metrics, e2e_including_client_queue, 208, batching_distribution *);

SIZE(batching_load_config, 40);
FIELD(batching_load_config, struct_size, 0, uint32_t);
FIELD(batching_load_config, reserved, 4, uint32_t);
FIELD(batching_load_config, window_start, 8, double);
FIELD(batching_load_config, window_end, 16, double);
FIELD(batching_load_config, slots, 24, int64_t);
FIELD(batching_load_config, last_token_time, 32, const double *);

SIZE(batching_load, 120);
FIELD(batching_load, struct_size, 0, uint32_t);
FIELD(batching_load, reserved, 4, uint32_t);
FIELD(batching_load, window_start, 8, double);
FIELD(batching_load, window_end, 16, double);
FIELD(batching_load, requests, 24, int64_t);
FIELD(batching_load, mean_running, 32, double);
FIELD(batching_load, mean_waiting, 40, double);
FIELD(batching_load, mean_tokens, 48, double);
FIELD(batching_load, peak_running, 56, int64_t);
FIELD(batching_load, peak_waiting, 64, int64_t);
FIELD(batching_load, peak_tokens, 72, int64_t);
FIELD(batching_load, utilization, 80, double);
FIELD(batching_load, slot_utilization, 88, double);
FIELD(batching_load, held_slot_time, 96, double);
FIELD(batching_load, unfilled_slot_time, 104, double);
FIELD(batching_load, wasted_slot_share, 112, double);

SIZE(batching_load_timeline, 88);
FIELD(batching_load_timeline, struct_size, 0, uint32_t);
FIELD(batching_load_timeline, reserved, 4, uint32_t);
FIELD(batching_load_timeline, capacity, 8, int64_t);
FIELD(batching_load_timeline, count, 16, int64_t);
FIELD(batching_load_timeline, bins, 24, int64_t);
FIELD(batching_load_timeline, time, 32, double *);
FIELD(batching_load_timeline, running, 40, double *);
FIELD(batching_load_timeline, waiting, 48, double *);
FIELD(batching_load_timeline, tokens, 56, double *);
FIELD(batching_load_timeline, peak_running, 64, int64_t *);
FIELD(batching_load_timeline, peak_waiting, 72, int64_t *);
FIELD(batching_load_timeline, peak_tokens, 80, int64_t *);

VALUE(BATCHING_REQUEST_FINISHED, 0);
VALUE(BATCHING_REQUEST_UNFINISHED, 100);
VALUE(BATCHING_REQUEST_STUCK, 110);
VALUE(BATCHING_REQUEST_ABORTED, 120);
VALUE(BATCHING_REQUEST_NOT_SENT, 130);
VALUE(BATCHING_REQUEST_REJECTED_MODEL_LENGTH, 200);
VALUE(BATCHING_REQUEST_REJECTED_KV_MEMORY, 210);
VALUE(BATCHING_REQUEST_REJECTED_TOKEN_BUDGET, 220);
VALUE(BATCHING_END_COMPLETED, 0);
VALUE(BATCHING_END_TIME_LIMIT, 100);
VALUE(BATCHING_END_ITERATION_LIMIT, 110);
VALUE(BATCHING_END_STUCK, 200);

SIZE(batching_iteration, 88);
FIELD(batching_iteration, struct_size, 0, uint32_t);
FIELD(batching_iteration, reserved, 4, uint32_t);
FIELD(batching_iteration, number, 8, int64_t);
FIELD(batching_iteration, time, 16, double);
FIELD(batching_iteration, running, 24, int64_t);
FIELD(batching_iteration, waiting, 32, int64_t);
FIELD(batching_iteration, prefill_tokens, 40, int64_t);
FIELD(batching_iteration, decode_tokens, 48, int64_t);
FIELD(batching_iteration, context_tokens, 56, int64_t);
FIELD(batching_iteration, prefill_context, 64, double);
FIELD(batching_iteration, kv_blocks_used, 72, int64_t);
FIELD(batching_iteration, preemptions, 80, int64_t);

CALLBACK(batching_iteration_time_callback, int32_t, const batching_iteration *, double *, void *);

SIZE(batching_progress, 48);
FIELD(batching_progress, struct_size, 0, uint32_t);
FIELD(batching_progress, reserved, 4, uint32_t);
FIELD(batching_progress, iterations, 8, int64_t);
FIELD(batching_progress, time, 16, double);
FIELD(batching_progress, arrived, 24, int64_t);
FIELD(batching_progress, finished, 32, int64_t);
FIELD(batching_progress, count, 40, int64_t);

CALLBACK(batching_progress_callback, int32_t, const batching_progress *, void *);

CALLBACK(batching_policy_callback, int32_t, const batching_policy_view *, batching_policy_decision *, void *);

SIZE(batching_engine_config, 248);
FIELD(batching_engine_config, struct_size, 0, uint32_t);
FIELD(batching_engine_config, reserved, 4, uint32_t);
FIELD(batching_engine_config, policy, 8, int32_t);
FIELD(batching_engine_config, queue_order, 12, int32_t);
FIELD(batching_engine_config, max_num_seqs, 16, int64_t);
FIELD(batching_engine_config, max_num_batched_tokens, 24, int64_t);
FIELD(batching_engine_config, long_prefill_token_threshold, 32, int64_t);
FIELD(batching_engine_config, max_model_len, 40, int64_t);
FIELD(batching_engine_config, disable_chunked_prefill, 48, int32_t);
FIELD(batching_engine_config, disable_reserve_full_isl, 52, int32_t);
FIELD(batching_engine_config, async_scheduling, 56, int32_t);
FIELD(batching_engine_config, instant_prefill, 60, int32_t);
FIELD(batching_engine_config, max_queue_delay, 64, double);
FIELD(batching_engine_config, num_gpu_blocks, 72, int64_t);
FIELD(batching_engine_config, block_size, 80, int32_t);
FIELD(batching_engine_config, enable_prefix_caching, 84, int32_t);
FIELD(batching_engine_config, watermark, 88, double);
FIELD(batching_engine_config, admit_oversized, 96, int32_t);
FIELD(batching_engine_config, time_model, 100, int32_t);
FIELD(batching_engine_config, time_base, 104, double);
FIELD(batching_engine_config, time_per_prefill_token, 112, double);
FIELD(batching_engine_config, time_per_decode_token, 120, double);
FIELD(batching_engine_config, time_per_context_token, 128, double);
FIELD(batching_engine_config, time_per_prefill_context, 136, double);
FIELD(batching_engine_config, time_callback, 144, batching_iteration_time_callback);
FIELD(batching_engine_config, time_user_data, 152, void *);
FIELD(batching_engine_config, time_limit, 160, double);
FIELD(batching_engine_config, iteration_limit, 168, int64_t);
FIELD(batching_engine_config, progress_callback, 176, batching_progress_callback);
FIELD(batching_engine_config, progress_user_data, 184, void *);
FIELD(batching_engine_config, progress_interval, 192, int64_t);
FIELD(batching_engine_config, iteration_log, 200, batching_iteration_log *);
FIELD(batching_engine_config, decision_log, 208, batching_decision_log *);
FIELD(batching_engine_config, attribution, 216, const batching_attribution *);
FIELD(batching_engine_config, policy_callback, 224, batching_policy_callback);
FIELD(batching_engine_config, policy_user_data, 232, void *);
FIELD(batching_engine_config, keep_attribution, 240, int32_t);
FIELD(batching_engine_config, reserved_2, 244, uint32_t);

VALUE(BATCHING_POLICY_VLLM, 0);
VALUE(BATCHING_POLICY_STATIC, 100);
VALUE(BATCHING_POLICY_DYNAMIC, 110);
VALUE(BATCHING_POLICY_CONTINUOUS, 200);
VALUE(BATCHING_POLICY_ORCA, 210);
VALUE(BATCHING_POLICY_CUSTOM, 300);
VALUE(BATCHING_QUEUE_ARRIVAL, 0);
VALUE(BATCHING_QUEUE_PRIORITY, 100);
VALUE(BATCHING_QUEUE_SHORTEST_OUTPUT, 200);
VALUE(BATCHING_TIME_DEFAULT, 0);
VALUE(BATCHING_TIME_CONSTANT, 50);
VALUE(BATCHING_TIME_AFFINE, 100);
VALUE(BATCHING_TIME_CALLBACK, 200);

SIZE(batching_client, 64);
FIELD(batching_client, struct_size, 0, uint32_t);
FIELD(batching_client, reserved, 4, uint32_t);
FIELD(batching_client, max_concurrency, 8, int64_t);
FIELD(batching_client, clients, 16, int64_t);
FIELD(batching_client, ramp_up, 24, double);
FIELD(batching_client, think_time, 32, double);
FIELD(batching_client, think_time_sigma, 40, double);
FIELD(batching_client, think_times, 48, int32_t);
FIELD(batching_client, sessions_go_on, 52, int32_t);
FIELD(batching_client, seed, 56, uint64_t);

VALUE(BATCHING_THINK_TIMES_EXPONENTIAL, 0);
VALUE(BATCHING_THINK_TIMES_CONSTANT, 100);
VALUE(BATCHING_THINK_TIMES_LOGNORMAL, 200);

CALLBACK(batching_log_callback, int32_t, int64_t, void *);

SIZE(batching_iteration_log, 128);
FIELD(batching_iteration_log, struct_size, 0, uint32_t);
FIELD(batching_iteration_log, reserved, 4, uint32_t);
FIELD(batching_iteration_log, capacity, 8, int64_t);
FIELD(batching_iteration_log, count, 16, int64_t);
FIELD(batching_iteration_log, callback, 24, batching_log_callback);
FIELD(batching_iteration_log, user_data, 32, void *);
FIELD(batching_iteration_log, time, 40, double *);
FIELD(batching_iteration_log, start_time, 48, double *);
FIELD(batching_iteration_log, duration, 56, double *);
FIELD(batching_iteration_log, running, 64, int64_t *);
FIELD(batching_iteration_log, waiting, 72, int64_t *);
FIELD(batching_iteration_log, prefill_tokens, 80, int64_t *);
FIELD(batching_iteration_log, decode_tokens, 88, int64_t *);
FIELD(batching_iteration_log, kv_blocks_used, 96, int64_t *);
FIELD(batching_iteration_log, kv_blocks_kept, 104, int64_t *);
FIELD(batching_iteration_log, preemptions, 112, int64_t *);
FIELD(batching_iteration_log, finished, 120, int64_t *);

SIZE(batching_decision_log, 80);
FIELD(batching_decision_log, struct_size, 0, uint32_t);
FIELD(batching_decision_log, reserved, 4, uint32_t);
FIELD(batching_decision_log, capacity, 8, int64_t);
FIELD(batching_decision_log, count, 16, int64_t);
FIELD(batching_decision_log, callback, 24, batching_log_callback);
FIELD(batching_decision_log, user_data, 32, void *);
FIELD(batching_decision_log, iteration, 40, int64_t *);
FIELD(batching_decision_log, request, 48, int64_t *);
FIELD(batching_decision_log, event, 56, int32_t *);
FIELD(batching_decision_log, tokens, 64, int32_t *);
FIELD(batching_decision_log, include_queues, 72, int32_t);
FIELD(batching_decision_log, reserved_2, 76, uint32_t);

VALUE(BATCHING_EVENT_REJECTED, 100);
VALUE(BATCHING_EVENT_PREEMPTED, 200);
VALUE(BATCHING_EVENT_ADMITTED, 300);
VALUE(BATCHING_EVENT_RESUMED, 310);
VALUE(BATCHING_EVENT_SCHEDULED, 400);
VALUE(BATCHING_EVENT_RUNNING, 500);
VALUE(BATCHING_EVENT_WAITING, 510);
VALUE(BATCHING_EVENT_FINISHED, 600);
VALUE(BATCHING_EVENT_ABORTED, 610);

SIZE(batching_attribution, 80);
FIELD(batching_attribution, struct_size, 0, uint32_t);
FIELD(batching_attribution, reserved, 4, uint32_t);
FIELD(batching_attribution, capacity, 8, int64_t);
FIELD(batching_attribution, waiting_for_slot, 16, double *);
FIELD(batching_attribution, waiting_for_memory, 24, double *);
FIELD(batching_attribution, prefill, 32, double *);
FIELD(batching_attribution, decode, 40, double *);
FIELD(batching_attribution, slowed_by_prefill, 48, double *);
FIELD(batching_attribution, preempted, 56, double *);
FIELD(batching_attribution, held_in_batch, 64, double *);
FIELD(batching_attribution, waiting_for_client, 72, double *);

SIZE(batching_attribution_bands, 112);
FIELD(batching_attribution_bands, struct_size, 0, uint32_t);
FIELD(batching_attribution_bands, reserved, 4, uint32_t);
FIELD(batching_attribution_bands, capacity, 8, int64_t);
FIELD(batching_attribution_bands, count, 16, int64_t *);
FIELD(batching_attribution_bands, shortest, 24, double *);
FIELD(batching_attribution_bands, longest, 32, double *);
FIELD(batching_attribution_bands, mean_total, 40, double *);
FIELD(batching_attribution_bands, waiting_for_slot, 48, double *);
FIELD(batching_attribution_bands, waiting_for_memory, 56, double *);
FIELD(batching_attribution_bands, prefill, 64, double *);
FIELD(batching_attribution_bands, decode, 72, double *);
FIELD(batching_attribution_bands, slowed_by_prefill, 80, double *);
FIELD(batching_attribution_bands, preempted, 88, double *);
FIELD(batching_attribution_bands, held_in_batch, 96, double *);
FIELD(batching_attribution_bands, waiting_for_client, 104, double *);

SIZE(batching_policy_view, 160);
FIELD(batching_policy_view, struct_size, 0, uint32_t);
FIELD(batching_policy_view, reserved, 4, uint32_t);
FIELD(batching_policy_view, iteration, 8, int64_t);
FIELD(batching_policy_view, time, 16, double);
FIELD(batching_policy_view, count, 24, int64_t);
FIELD(batching_policy_view, running_count, 32, int64_t);
FIELD(batching_policy_view, request, 40, const int64_t *);
FIELD(batching_policy_view, arrival_time, 48, const double *);
FIELD(batching_policy_view, prompt_tokens, 56, const int32_t *);
FIELD(batching_policy_view, generated_tokens, 64, const int32_t *);
FIELD(batching_policy_view, computed_tokens, 72, const int64_t *);
FIELD(batching_policy_view, kv_blocks, 80, const int64_t *);
FIELD(batching_policy_view, priority, 88, const int32_t *);
FIELD(batching_policy_view, tie_break, 96, const int64_t *);
FIELD(batching_policy_view, oracle_output_tokens, 104, const int32_t *);
FIELD(batching_policy_view, max_num_seqs, 112, int64_t);
FIELD(batching_policy_view, max_num_batched_tokens, 120, int64_t);
FIELD(batching_policy_view, kv_blocks_free, 128, int64_t);
FIELD(batching_policy_view, kv_blocks_usable, 136, int64_t);
FIELD(batching_policy_view, block_size, 144, int64_t);
FIELD(batching_policy_view, prefix_cache, 152, void *);

SIZE(batching_policy_decision, 80);
FIELD(batching_policy_decision, struct_size, 0, uint32_t);
FIELD(batching_policy_decision, reserved, 4, uint32_t);
FIELD(batching_policy_decision, capacity, 8, int64_t);
FIELD(batching_policy_decision, scheduled_row, 16, int64_t *);
FIELD(batching_policy_decision, scheduled_tokens, 24, int32_t *);
FIELD(batching_policy_decision, preempted_row, 32, int64_t *);
FIELD(batching_policy_decision, scheduled_count, 40, int64_t);
FIELD(batching_policy_decision, preempted_count, 48, int64_t);
FIELD(batching_policy_decision, decode_rest, 56, int32_t);
FIELD(batching_policy_decision, until_change, 60, int32_t);
FIELD(batching_policy_decision, short_of_memory, 64, int32_t);
FIELD(batching_policy_decision, reserved_2, 68, uint32_t);
FIELD(batching_policy_decision, wait_until, 72, double);

SIZE(batching_live_engine_events, 72);
FIELD(batching_live_engine_events, struct_size, 0, uint32_t);
FIELD(batching_live_engine_events, reserved, 4, uint32_t);
FIELD(batching_live_engine_events, capacity, 8, int64_t);
FIELD(batching_live_engine_events, count, 16, int64_t);
FIELD(batching_live_engine_events, remaining, 24, int64_t);
FIELD(batching_live_engine_events, time, 32, double *);
FIELD(batching_live_engine_events, request, 40, int64_t *);
FIELD(batching_live_engine_events, event, 48, int32_t *);
FIELD(batching_live_engine_events, tokens, 56, int32_t *);
FIELD(batching_live_engine_events, attribution, 64, const batching_attribution *);

VALUE(BATCHING_EVENT_FIRST_TOKEN, 450);

SIZE(batching_live_engine_state, 144);
FIELD(batching_live_engine_state, struct_size, 0, uint32_t);
FIELD(batching_live_engine_state, reserved, 4, uint32_t);
FIELD(batching_live_engine_state, clock, 8, double);
FIELD(batching_live_engine_state, submitted, 16, int64_t);
FIELD(batching_live_engine_state, pending, 24, int64_t);
FIELD(batching_live_engine_state, waiting, 32, int64_t);
FIELD(batching_live_engine_state, running, 40, int64_t);
FIELD(batching_live_engine_state, finished, 48, int64_t);
FIELD(batching_live_engine_state, rejected, 56, int64_t);
FIELD(batching_live_engine_state, aborted, 64, int64_t);
FIELD(batching_live_engine_state, tokens_in_flight, 72, int64_t);
FIELD(batching_live_engine_state, kv_blocks_used, 80, int64_t);
FIELD(batching_live_engine_state, kv_blocks_usable, 88, int64_t);
FIELD(batching_live_engine_state, iterations, 96, int64_t);
FIELD(batching_live_engine_state, preemptions, 104, int64_t);
FIELD(batching_live_engine_state, next_iteration_end, 112, double);
FIELD(batching_live_engine_state, is_stuck, 120, int32_t);
FIELD(batching_live_engine_state, reserved_2, 124, uint32_t);
FIELD(batching_live_engine_state, events, 128, int64_t);
FIELD(batching_live_engine_state, keeps_attribution, 136, int32_t);
FIELD(batching_live_engine_state, reserved_3, 140, uint32_t);

SIZE(batching_accumulator_config, 72);
FIELD(batching_accumulator_config, struct_size, 0, uint32_t);
FIELD(batching_accumulator_config, reserved, 4, uint32_t);
FIELD(batching_accumulator_config, window, 8, double);
FIELD(batching_accumulator_config, slot_count, 16, int32_t);
FIELD(batching_accumulator_config, reserved_2, 20, uint32_t);
FIELD(batching_accumulator_config, max_requests, 24, int64_t);
FIELD(batching_accumulator_config, max_gaps, 32, int64_t);
FIELD(batching_accumulator_config, slo_ttft, 40, double);
FIELD(batching_accumulator_config, slo_tpot, 48, double);
FIELD(batching_accumulator_config, slo_itl, 56, double);
FIELD(batching_accumulator_config, slo_e2e, 64, double);

VALUE(BATCHING_FINISHED_STOP, 0);
VALUE(BATCHING_FINISHED_LENGTH, 100);

VALUE(BATCHING_FAILED_ERROR, 0);
VALUE(BATCHING_FAILED_ABORT, 100);

SIZE(batching_accumulator_events, 48);
FIELD(batching_accumulator_events, struct_size, 0, uint32_t);
FIELD(batching_accumulator_events, reserved, 4, uint32_t);
FIELD(batching_accumulator_events, count, 8, int64_t);
FIELD(batching_accumulator_events, event, 16, const int32_t *);
FIELD(batching_accumulator_events, request, 24, const int64_t *);
FIELD(batching_accumulator_events, time, 32, const double *);
FIELD(batching_accumulator_events, value, 40, const int32_t *);

VALUE(BATCHING_ACCUMULATOR_ARRIVED, 100);
VALUE(BATCHING_ACCUMULATOR_STARTED, 200);
VALUE(BATCHING_ACCUMULATOR_TOKENS, 300);
VALUE(BATCHING_ACCUMULATOR_FINISHED, 400);
VALUE(BATCHING_ACCUMULATOR_FAILED, 500);

SIZE(batching_accumulator_state, 64);
FIELD(batching_accumulator_state, struct_size, 0, uint32_t);
FIELD(batching_accumulator_state, reserved, 4, uint32_t);
FIELD(batching_accumulator_state, first_arrival, 8, double);
FIELD(batching_accumulator_state, clock, 16, double);
FIELD(batching_accumulator_state, window_begin, 24, double);
FIELD(batching_accumulator_state, arrived, 32, int64_t);
FIELD(batching_accumulator_state, running, 40, int64_t);
FIELD(batching_accumulator_state, waiting, 48, int64_t);
FIELD(batching_accumulator_state, gaps, 56, int64_t);

VALUE(BATCHING_ACCUMULATOR_START, 0);
VALUE(BATCHING_ACCUMULATOR_WINDOW, 100);

CALLBACK(batching_interrupt_callback, int32_t, void *);
