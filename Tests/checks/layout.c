/*
 * The layout of every struct of batching.h where pointers have 8 bytes: it is what a compiled program holds us to. To
 * append a field is to change a size here, and nothing else.
 */
#include <assert.h>
#include <stddef.h>

#include "batching.h"

#define SIZE(type, size) static_assert(sizeof(batching_##type) == (size), "size of batching_" #type)
#define FIELD(type, field, offset, field_type)                                                                         \
    static_assert(offsetof(batching_##type, field) == (offset), "offset of batching_" #type "." #field);               \
    static_assert(_Generic(((batching_##type *)0)->field, field_type : 1, default : 0),                                \
                  "type of batching_" #type "." #field)
#define HEAD(type)                                                                                                     \
    FIELD(type, struct_size, 0, uint32_t);                                                                             \
    FIELD(type, reserved, 4, uint32_t)

static_assert(sizeof(void *) == 8, "a platform with 8-byte pointers");
static_assert(_Generic((batching_status)0, int32_t : 1, default : 0), "batching_status is an int32_t");

SIZE(requests, 96);
HEAD(requests);
FIELD(requests, count, 8, int64_t);
FIELD(requests, prompt_length, 16, const int32_t *);
FIELD(requests, output_length, 24, const int32_t *);
FIELD(requests, arrival_time, 32, const double *);
FIELD(requests, priority, 40, const int32_t *);
FIELD(requests, tie_break, 48, const int64_t *);
FIELD(requests, hash_ids, 56, const int64_t *);
FIELD(requests, hash_offsets, 64, const int64_t *);
FIELD(requests, hash_block_size, 72, int32_t);
FIELD(requests, hash_covers_output, 76, int32_t);
FIELD(requests, max_tokens, 80, const int32_t *);
FIELD(requests, abort_time, 88, const double *);

SIZE(results, 80);
HEAD(results);
FIELD(results, capacity, 8, int64_t);
FIELD(results, start_time, 16, double *);
FIELD(results, first_token_time, 24, double *);
FIELD(results, end_time, 32, double *);
FIELD(results, tokens_generated, 40, int32_t *);
FIELD(results, completion_order, 48, int64_t *);
FIELD(results, preemptions, 56, int32_t *);
FIELD(results, prefix_cached_tokens, 64, int32_t *);
FIELD(results, status, 72, int32_t *);

SIZE(summary, 184);
HEAD(summary);
FIELD(summary, total_time, 8, double);
FIELD(summary, throughput, 16, double);
FIELD(summary, total_tokens, 24, int64_t);
FIELD(summary, iterations, 32, int64_t);
FIELD(summary, busy_time, 40, double);
FIELD(summary, duration, 48, double);
FIELD(summary, end_reason, 56, int32_t);
FIELD(summary, reserved_2, 60, uint32_t);
FIELD(summary, finished, 64, int64_t);
FIELD(summary, rejected, 72, int64_t);
FIELD(summary, unfinished, 80, int64_t);
FIELD(summary, prefill_tokens, 88, int64_t);
FIELD(summary, decode_tokens, 96, int64_t);
FIELD(summary, preemptions, 104, int64_t);
FIELD(summary, recomputed_tokens, 112, int64_t);
FIELD(summary, mean_running, 120, double);
FIELD(summary, peak_running, 128, int64_t);
FIELD(summary, peak_waiting, 136, int64_t);
FIELD(summary, mean_kv_use, 144, double);
FIELD(summary, peak_kv_use, 152, double);
FIELD(summary, prefix_cache_queries, 160, int64_t);
FIELD(summary, prefix_cache_hits, 168, int64_t);
FIELD(summary, aborted, 176, int64_t);

SIZE(completed, 56);
HEAD(completed);
FIELD(completed, count, 8, int64_t);
FIELD(completed, arrival_time, 16, const double *);
FIELD(completed, start_time, 24, const double *);
FIELD(completed, first_token_time, 32, const double *);
FIELD(completed, end_time, 40, const double *);
FIELD(completed, tokens_generated, 48, const int32_t *);

SIZE(latencies, 48);
HEAD(latencies);
FIELD(latencies, capacity, 8, int64_t);
FIELD(latencies, queue_time, 16, double *);
FIELD(latencies, processing_time, 24, double *);
FIELD(latencies, total_latency, 32, double *);
FIELD(latencies, time_to_first_token, 40, double *);

SIZE(batch_metrics, 80);
HEAD(batch_metrics);
FIELD(batch_metrics, throughput, 8, double);
FIELD(batch_metrics, total_tokens, 16, int64_t);
FIELD(batch_metrics, avg_latency, 24, double);
FIELD(batch_metrics, p50_latency, 32, double);
FIELD(batch_metrics, p95_latency, 40, double);
FIELD(batch_metrics, p99_latency, 48, double);
FIELD(batch_metrics, avg_queue_time, 56, double);
FIELD(batch_metrics, avg_time_to_first_token, 64, double);
FIELD(batch_metrics, gpu_utilization, 72, double);

SIZE(recorded, 88);
HEAD(recorded);
FIELD(recorded, count, 8, int64_t);
FIELD(recorded, arrival_time, 16, const double *);
FIELD(recorded, start_time, 24, const double *);
FIELD(recorded, first_token_time, 32, const double *);
FIELD(recorded, end_time, 40, const double *);
FIELD(recorded, prompt_length, 48, const int32_t *);
FIELD(recorded, output_length, 56, const int32_t *);
FIELD(recorded, success, 64, const uint8_t *);
FIELD(recorded, token_times, 72, const double *);
FIELD(recorded, token_offsets, 80, const int64_t *);

SIZE(distribution, 72);
HEAD(distribution);
FIELD(distribution, count, 8, int64_t);
FIELD(distribution, mean, 16, double);
FIELD(distribution, median, 24, double);
FIELD(distribution, std, 32, double);
FIELD(distribution, min, 40, double);
FIELD(distribution, max, 48, double);
FIELD(distribution, sum, 56, double);
FIELD(distribution, percentiles, 64, double *);

SIZE(serving_metrics_config, 80);
HEAD(serving_metrics_config);
FIELD(serving_metrics_config, convention, 8, int32_t);
FIELD(serving_metrics_config, percentile_method, 12, int32_t);
FIELD(serving_metrics_config, duration, 16, double);
FIELD(serving_metrics_config, percentiles, 24, const double *);
FIELD(serving_metrics_config, percentile_count, 32, int64_t);
FIELD(serving_metrics_config, slo_ttft, 40, double);
FIELD(serving_metrics_config, slo_tpot, 48, double);
FIELD(serving_metrics_config, slo_itl, 56, double);
FIELD(serving_metrics_config, slo_e2e, 64, double);
FIELD(serving_metrics_config, slo_due_by, 72, double);

SIZE(serving_metrics, 200);
HEAD(serving_metrics);
FIELD(serving_metrics, duration, 8, double);
FIELD(serving_metrics, completed, 16, int64_t);
FIELD(serving_metrics, failed, 24, int64_t);
FIELD(serving_metrics, total_input_tokens, 32, int64_t);
FIELD(serving_metrics, total_output_tokens, 40, int64_t);
FIELD(serving_metrics, request_throughput, 48, double);
FIELD(serving_metrics, input_throughput, 56, double);
FIELD(serving_metrics, output_throughput, 64, double);
FIELD(serving_metrics, total_token_throughput, 72, double);
FIELD(serving_metrics, concurrency, 80, double);
FIELD(serving_metrics, good, 88, int64_t);
FIELD(serving_metrics, request_goodput, 96, double);
FIELD(serving_metrics, slo_attainment, 104, double);
FIELD(serving_metrics, slo_attainment_ttft, 112, double);
FIELD(serving_metrics, slo_attainment_tpot, 120, double);
FIELD(serving_metrics, slo_attainment_itl, 128, double);
FIELD(serving_metrics, slo_attainment_e2e, 136, double);
FIELD(serving_metrics, ttft, 144, batching_distribution *);
FIELD(serving_metrics, tpot, 152, batching_distribution *);
FIELD(serving_metrics, itl, 160, batching_distribution *);
FIELD(serving_metrics, e2e, 168, batching_distribution *);
FIELD(serving_metrics, queue_time, 176, batching_distribution *);
FIELD(serving_metrics, normalized_latency, 184, batching_distribution *);
FIELD(serving_metrics, judged, 192, int64_t);

SIZE(load_config, 40);
HEAD(load_config);
FIELD(load_config, window_start, 8, double);
FIELD(load_config, window_end, 16, double);
FIELD(load_config, slots, 24, int64_t);
FIELD(load_config, last_token_time, 32, const double *);

SIZE(load, 120);
HEAD(load);
FIELD(load, window_start, 8, double);
FIELD(load, window_end, 16, double);
FIELD(load, requests, 24, int64_t);
FIELD(load, mean_running, 32, double);
FIELD(load, mean_waiting, 40, double);
FIELD(load, mean_tokens, 48, double);
FIELD(load, peak_running, 56, int64_t);
FIELD(load, peak_waiting, 64, int64_t);
FIELD(load, peak_tokens, 72, int64_t);
FIELD(load, utilization, 80, double);
FIELD(load, slot_utilization, 88, double);
FIELD(load, held_slot_time, 96, double);
FIELD(load, unfilled_slot_time, 104, double);
FIELD(load, wasted_slot_share, 112, double);

SIZE(load_timeline, 88);
HEAD(load_timeline);
FIELD(load_timeline, capacity, 8, int64_t);
FIELD(load_timeline, count, 16, int64_t);
FIELD(load_timeline, bins, 24, int64_t);
FIELD(load_timeline, time, 32, double *);
FIELD(load_timeline, running, 40, double *);
FIELD(load_timeline, waiting, 48, double *);
FIELD(load_timeline, tokens, 56, double *);
FIELD(load_timeline, peak_running, 64, int64_t *);
FIELD(load_timeline, peak_waiting, 72, int64_t *);
FIELD(load_timeline, peak_tokens, 80, int64_t *);

SIZE(accumulator_config, 72);
HEAD(accumulator_config);
FIELD(accumulator_config, window, 8, double);
FIELD(accumulator_config, slot_count, 16, int32_t);
FIELD(accumulator_config, reserved_2, 20, uint32_t);
FIELD(accumulator_config, max_requests, 24, int64_t);
FIELD(accumulator_config, max_gaps, 32, int64_t);
FIELD(accumulator_config, slo_ttft, 40, double);
FIELD(accumulator_config, slo_tpot, 48, double);
FIELD(accumulator_config, slo_itl, 56, double);
FIELD(accumulator_config, slo_e2e, 64, double);

SIZE(accumulator_events, 48);
HEAD(accumulator_events);
FIELD(accumulator_events, count, 8, int64_t);
FIELD(accumulator_events, event, 16, const int32_t *);
FIELD(accumulator_events, request, 24, const int64_t *);
FIELD(accumulator_events, time, 32, const double *);
FIELD(accumulator_events, value, 40, const int32_t *);

SIZE(accumulator_state, 64);
HEAD(accumulator_state);
FIELD(accumulator_state, first_arrival, 8, double);
FIELD(accumulator_state, clock, 16, double);
FIELD(accumulator_state, window_begin, 24, double);
FIELD(accumulator_state, arrived, 32, int64_t);
FIELD(accumulator_state, running, 40, int64_t);
FIELD(accumulator_state, waiting, 48, int64_t);
FIELD(accumulator_state, gaps, 56, int64_t);

SIZE(comparison, 56);
HEAD(comparison);
FIELD(comparison, static_throughput, 8, double);
FIELD(comparison, continuous_throughput, 16, double);
FIELD(comparison, static_avg_latency, 24, double);
FIELD(comparison, continuous_avg_latency, 32, double);
FIELD(comparison, throughput_improvement, 40, double);
FIELD(comparison, latency_improvement, 48, double);

SIZE(workload, 216);
HEAD(workload);
FIELD(workload, seed, 8, uint64_t);
FIELD(workload, prompt_length_min, 16, int32_t);
FIELD(workload, prompt_length_max, 20, int32_t);
FIELD(workload, output_length_min, 24, int32_t);
FIELD(workload, output_length_max, 28, int32_t);
FIELD(workload, arrival_rate, 32, double);
FIELD(workload, arrivals, 40, int32_t);
FIELD(workload, ramp, 44, int32_t);
FIELD(workload, burstiness, 48, double);
FIELD(workload, ramp_end_rate, 56, double);
FIELD(workload, ramp_requests, 64, int64_t);
FIELD(workload, burst_size, 72, int64_t);
FIELD(workload, on_time, 80, double);
FIELD(workload, off_time, 88, double);
FIELD(workload, prompt_lengths, 96, int32_t);
FIELD(workload, output_lengths, 100, int32_t);
FIELD(workload, prompt_length_median, 104, double);
FIELD(workload, prompt_length_sigma, 112, double);
FIELD(workload, prompt_length_exponent, 120, double);
FIELD(workload, output_length_median, 128, double);
FIELD(workload, output_length_sigma, 136, double);
FIELD(workload, output_length_exponent, 144, double);
FIELD(workload, sample_count, 152, int64_t);
FIELD(workload, sample_prompt_length, 160, const int32_t *);
FIELD(workload, sample_output_length, 168, const int32_t *);
FIELD(workload, samples_independent, 176, int32_t);
FIELD(workload, prefix_groups, 180, int32_t);
FIELD(workload, prefix_length, 184, int32_t);
FIELD(workload, hash_block_size, 188, int32_t);
FIELD(workload, prefix_exponent, 192, double);
FIELD(workload, turns_min, 200, int32_t);
FIELD(workload, turns_max, 204, int32_t);
FIELD(workload, think_time, 208, double);

SIZE(iteration, 88);
HEAD(iteration);
FIELD(iteration, number, 8, int64_t);
FIELD(iteration, time, 16, double);
FIELD(iteration, running, 24, int64_t);
FIELD(iteration, waiting, 32, int64_t);
FIELD(iteration, prefill_tokens, 40, int64_t);
FIELD(iteration, decode_tokens, 48, int64_t);
FIELD(iteration, context_tokens, 56, int64_t);
FIELD(iteration, prefill_context, 64, double);
FIELD(iteration, kv_blocks_used, 72, int64_t);
FIELD(iteration, preemptions, 80, int64_t);

SIZE(progress, 48);
HEAD(progress);
FIELD(progress, iterations, 8, int64_t);
FIELD(progress, time, 16, double);
FIELD(progress, arrived, 24, int64_t);
FIELD(progress, finished, 32, int64_t);
FIELD(progress, count, 40, int64_t);

SIZE(iteration_log, 128);
HEAD(iteration_log);
FIELD(iteration_log, capacity, 8, int64_t);
FIELD(iteration_log, count, 16, int64_t);
FIELD(iteration_log, callback, 24, batching_log_callback);
FIELD(iteration_log, user_data, 32, void *);
FIELD(iteration_log, time, 40, double *);
FIELD(iteration_log, start_time, 48, double *);
FIELD(iteration_log, duration, 56, double *);
FIELD(iteration_log, running, 64, int64_t *);
FIELD(iteration_log, waiting, 72, int64_t *);
FIELD(iteration_log, prefill_tokens, 80, int64_t *);
FIELD(iteration_log, decode_tokens, 88, int64_t *);
FIELD(iteration_log, kv_blocks_used, 96, int64_t *);
FIELD(iteration_log, kv_blocks_kept, 104, int64_t *);
FIELD(iteration_log, preemptions, 112, int64_t *);
FIELD(iteration_log, finished, 120, int64_t *);

SIZE(decision_log, 80);
HEAD(decision_log);
FIELD(decision_log, capacity, 8, int64_t);
FIELD(decision_log, count, 16, int64_t);
FIELD(decision_log, callback, 24, batching_log_callback);
FIELD(decision_log, user_data, 32, void *);
FIELD(decision_log, iteration, 40, int64_t *);
FIELD(decision_log, request, 48, int64_t *);
FIELD(decision_log, event, 56, int32_t *);
FIELD(decision_log, tokens, 64, int32_t *);
FIELD(decision_log, include_queues, 72, int32_t);
FIELD(decision_log, reserved_2, 76, uint32_t);

SIZE(attribution, 72);
HEAD(attribution);
FIELD(attribution, capacity, 8, int64_t);
FIELD(attribution, waiting_for_slot, 16, double *);
FIELD(attribution, waiting_for_memory, 24, double *);
FIELD(attribution, prefill, 32, double *);
FIELD(attribution, decode, 40, double *);
FIELD(attribution, slowed_by_prefill, 48, double *);
FIELD(attribution, preempted, 56, double *);
FIELD(attribution, held_in_batch, 64, double *);

SIZE(attribution_bands, 104);
HEAD(attribution_bands);
FIELD(attribution_bands, capacity, 8, int64_t);
FIELD(attribution_bands, count, 16, int64_t *);
FIELD(attribution_bands, shortest, 24, double *);
FIELD(attribution_bands, longest, 32, double *);
FIELD(attribution_bands, mean_total, 40, double *);
FIELD(attribution_bands, waiting_for_slot, 48, double *);
FIELD(attribution_bands, waiting_for_memory, 56, double *);
FIELD(attribution_bands, prefill, 64, double *);
FIELD(attribution_bands, decode, 72, double *);
FIELD(attribution_bands, slowed_by_prefill, 80, double *);
FIELD(attribution_bands, preempted, 88, double *);
FIELD(attribution_bands, held_in_batch, 96, double *);

SIZE(engine_config, 240);
HEAD(engine_config);
FIELD(engine_config, policy, 8, int32_t);
FIELD(engine_config, queue_order, 12, int32_t);
FIELD(engine_config, max_num_seqs, 16, int64_t);
FIELD(engine_config, max_num_batched_tokens, 24, int64_t);
FIELD(engine_config, long_prefill_token_threshold, 32, int64_t);
FIELD(engine_config, max_model_len, 40, int64_t);
FIELD(engine_config, disable_chunked_prefill, 48, int32_t);
FIELD(engine_config, disable_reserve_full_isl, 52, int32_t);
FIELD(engine_config, async_scheduling, 56, int32_t);
FIELD(engine_config, instant_prefill, 60, int32_t);
FIELD(engine_config, max_queue_delay, 64, double);
FIELD(engine_config, num_gpu_blocks, 72, int64_t);
FIELD(engine_config, block_size, 80, int32_t);
FIELD(engine_config, enable_prefix_caching, 84, int32_t);
FIELD(engine_config, watermark, 88, double);
FIELD(engine_config, admit_oversized, 96, int32_t);
FIELD(engine_config, time_model, 100, int32_t);
FIELD(engine_config, time_base, 104, double);
FIELD(engine_config, time_per_prefill_token, 112, double);
FIELD(engine_config, time_per_decode_token, 120, double);
FIELD(engine_config, time_per_context_token, 128, double);
FIELD(engine_config, time_per_prefill_context, 136, double);
FIELD(engine_config, time_callback, 144, batching_iteration_time_callback);
FIELD(engine_config, time_user_data, 152, void *);
FIELD(engine_config, time_limit, 160, double);
FIELD(engine_config, iteration_limit, 168, int64_t);
FIELD(engine_config, progress_callback, 176, batching_progress_callback);
FIELD(engine_config, progress_user_data, 184, void *);
FIELD(engine_config, progress_interval, 192, int64_t);
FIELD(engine_config, iteration_log, 200, batching_iteration_log *);
FIELD(engine_config, decision_log, 208, batching_decision_log *);
FIELD(engine_config, attribution, 216, const batching_attribution *);
FIELD(engine_config, policy_callback, 224, batching_policy_callback);
FIELD(engine_config, policy_user_data, 232, void *);

SIZE(policy_view, 152);
HEAD(policy_view);
FIELD(policy_view, iteration, 8, int64_t);
FIELD(policy_view, time, 16, double);
FIELD(policy_view, count, 24, int64_t);
FIELD(policy_view, running_count, 32, int64_t);
FIELD(policy_view, request, 40, const int64_t *);
FIELD(policy_view, arrival_time, 48, const double *);
FIELD(policy_view, prompt_tokens, 56, const int32_t *);
FIELD(policy_view, generated_tokens, 64, const int32_t *);
FIELD(policy_view, computed_tokens, 72, const int64_t *);
FIELD(policy_view, kv_blocks, 80, const int64_t *);
FIELD(policy_view, priority, 88, const int32_t *);
FIELD(policy_view, tie_break, 96, const int64_t *);
FIELD(policy_view, oracle_output_tokens, 104, const int32_t *);
FIELD(policy_view, max_num_seqs, 112, int64_t);
FIELD(policy_view, max_num_batched_tokens, 120, int64_t);
FIELD(policy_view, kv_blocks_free, 128, int64_t);
FIELD(policy_view, kv_blocks_usable, 136, int64_t);
FIELD(policy_view, block_size, 144, int64_t);

SIZE(policy_decision, 80);
HEAD(policy_decision);
FIELD(policy_decision, capacity, 8, int64_t);
FIELD(policy_decision, scheduled_row, 16, int64_t *);
FIELD(policy_decision, scheduled_tokens, 24, int32_t *);
FIELD(policy_decision, preempted_row, 32, int64_t *);
FIELD(policy_decision, scheduled_count, 40, int64_t);
FIELD(policy_decision, preempted_count, 48, int64_t);
FIELD(policy_decision, decode_rest, 56, int32_t);
FIELD(policy_decision, until_change, 60, int32_t);
FIELD(policy_decision, short_of_memory, 64, int32_t);
FIELD(policy_decision, reserved_2, 68, uint32_t);
FIELD(policy_decision, wait_until, 72, double);

/* What a callback is. */
#define CALLBACK(type, ...)                                                                                            \
    static_assert(_Generic((batching_##type)0, int32_t(*)(__VA_ARGS__) : 1, default : 0), "type of batching_" #type)
CALLBACK(interrupt_callback, void *);
CALLBACK(iteration_time_callback, const batching_iteration *, double *, void *);
CALLBACK(progress_callback, const batching_progress *, void *);
CALLBACK(log_callback, int64_t, void *);
CALLBACK(policy_callback, const batching_policy_view *, batching_policy_decision *, void *);

#define VALUE(name, value)                                                                                             \
    static_assert(BATCHING_##name == (value), "the value of BATCHING_" #name " is fixed for ever")

VALUE(OK, 0);
VALUE(ERROR_INVALID_ARGUMENT, 100);
VALUE(ERROR_NULL_POINTER, 200);
VALUE(ERROR_STRUCT_SIZE, 300);
VALUE(ERROR_CAPACITY, 400);
VALUE(ERROR_OVERFLOW, 500);
VALUE(ERROR_OUT_OF_MEMORY, 600);
VALUE(ERROR_CANCELLED, 700);

VALUE(POLICY_VLLM, 0);
VALUE(POLICY_STATIC, 100);
VALUE(POLICY_DYNAMIC, 110);
VALUE(POLICY_CONTINUOUS, 200);
VALUE(POLICY_ORCA, 210);
VALUE(POLICY_CUSTOM, 300);

VALUE(QUEUE_ARRIVAL, 0);
VALUE(QUEUE_PRIORITY, 100);
VALUE(QUEUE_SHORTEST_OUTPUT, 200);

VALUE(TIME_DEFAULT, 0);
VALUE(TIME_CONSTANT, 50);
VALUE(TIME_AFFINE, 100);
VALUE(TIME_CALLBACK, 200);

VALUE(EVENT_REJECTED, 100);
VALUE(EVENT_PREEMPTED, 200);
VALUE(EVENT_ADMITTED, 300);
VALUE(EVENT_RESUMED, 310);
VALUE(EVENT_SCHEDULED, 400);
VALUE(EVENT_RUNNING, 500);
VALUE(EVENT_WAITING, 510);
VALUE(EVENT_FINISHED, 600);

VALUE(REQUEST_FINISHED, 0);
VALUE(REQUEST_UNFINISHED, 100);
VALUE(REQUEST_STUCK, 110);
VALUE(REQUEST_REJECTED_MODEL_LENGTH, 200);
VALUE(REQUEST_REJECTED_KV_MEMORY, 210);
VALUE(REQUEST_REJECTED_TOKEN_BUDGET, 220);

VALUE(END_COMPLETED, 0);
VALUE(END_TIME_LIMIT, 100);
VALUE(END_ITERATION_LIMIT, 110);
VALUE(END_STUCK, 200);
