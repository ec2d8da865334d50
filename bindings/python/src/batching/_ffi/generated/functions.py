# Generated from include/batching.h by `make generate`: change that, not this.
"""What every function returns and takes, its C prototype above it."""

from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from typing import Final

from batching._ffi.declared import Signature
from batching._ffi.generated.structs import (
    batching_accumulator_config,
    batching_accumulator_events,
    batching_accumulator_state,
    batching_admission_config,
    batching_attribution,
    batching_attribution_bands,
    batching_autoscaler_config,
    batching_batch_metrics,
    batching_calibration,
    batching_calibration_callback,
    batching_calibration_config,
    batching_client,
    batching_comparison,
    batching_completed,
    batching_decision_log,
    batching_deployment,
    batching_deployment_memory,
    batching_disaggregation_config,
    batching_distribution,
    batching_engine_config,
    batching_fault_config,
    batching_fleet_config,
    batching_fleet_events,
    batching_fleet_results,
    batching_fleet_scaling_config,
    batching_fleet_state,
    batching_gpu,
    batching_interrupt_callback,
    batching_iteration_log,
    batching_iterations,
    batching_kv_offload,
    batching_latencies,
    batching_live_calibration_log,
    batching_live_calibration_state,
    batching_live_engine_events,
    batching_live_engine_state,
    batching_load,
    batching_load_config,
    batching_load_timeline,
    batching_model,
    batching_policy_view,
    batching_profile_facts,
    batching_recorded,
    batching_requests,
    batching_results,
    batching_roofline,
    batching_router_config,
    batching_routing_request,
    batching_scaling_readings,
    batching_serving_metrics,
    batching_serving_metrics_config,
    batching_summary,
    batching_time_table,
    batching_worker_metrics,
    batching_workload,
)

FUNCTIONS: Final[dict[str, Signature]] = {
    # int32_t batching_version_number(void);
    "batching_version_number": Signature(c_int32, []),
    # const char *batching_version(void);
    "batching_version": Signature(c_char_p, []),
    # const char *batching_status_name(batching_status status);
    "batching_status_name": Signature(c_char_p, [c_int32]),
    # const char *batching_last_error(void);
    "batching_last_error": Signature(c_char_p, []),
    # batching_status batching_requests_init(batching_requests *requests, uint32_t struct_size);
    "batching_requests_init": Signature(c_int32, [POINTER(batching_requests), c_uint32]),
    # batching_status batching_results_init(batching_results *results, uint32_t struct_size);
    "batching_results_init": Signature(c_int32, [POINTER(batching_results), c_uint32]),
    # batching_status batching_summary_init(batching_summary *summary, uint32_t struct_size);
    "batching_summary_init": Signature(c_int32, [POINTER(batching_summary), c_uint32]),
    # batching_status batching_static_simulate(const batching_requests *requests, int64_t batch_size, double
    #     time_per_token, const batching_results *results, batching_summary *summary);
    "batching_static_simulate": Signature(
        c_int32,
        [POINTER(batching_requests), c_int64, c_double, POINTER(batching_results), POINTER(batching_summary)],
    ),
    # batching_status batching_continuous_simulate(const batching_requests *requests, int64_t max_batch_size, double
    #     time_per_token, const batching_results *results, batching_summary *summary);
    "batching_continuous_simulate": Signature(
        c_int32,
        [POINTER(batching_requests), c_int64, c_double, POINTER(batching_results), POINTER(batching_summary)],
    ),
    # batching_status batching_comparison_init(batching_comparison *comparison, uint32_t struct_size);
    "batching_comparison_init": Signature(c_int32, [POINTER(batching_comparison), c_uint32]),
    # batching_status batching_strategies_compare(const batching_requests *requests, int64_t batch_size, double
    #     time_per_token, batching_comparison *comparison);
    "batching_strategies_compare": Signature(
        c_int32,
        [POINTER(batching_requests), c_int64, c_double, POINTER(batching_comparison)],
    ),
    # batching_status batching_completed_init(batching_completed *completed, uint32_t struct_size);
    "batching_completed_init": Signature(c_int32, [POINTER(batching_completed), c_uint32]),
    # batching_status batching_latencies_init(batching_latencies *latencies, uint32_t struct_size);
    "batching_latencies_init": Signature(c_int32, [POINTER(batching_latencies), c_uint32]),
    # batching_status batching_latencies_calculate(const batching_completed *completed, const batching_latencies
    #     *latencies);
    "batching_latencies_calculate": Signature(c_int32, [POINTER(batching_completed), POINTER(batching_latencies)]),
    # batching_status batching_batch_metrics_init(batching_batch_metrics *metrics, uint32_t struct_size);
    "batching_batch_metrics_init": Signature(c_int32, [POINTER(batching_batch_metrics), c_uint32]),
    # batching_status batching_batch_metrics_calculate(const batching_completed *completed, double total_time,
    #     batching_batch_metrics *metrics);
    "batching_batch_metrics_calculate": Signature(
        c_int32,
        [POINTER(batching_completed), c_double, POINTER(batching_batch_metrics)],
    ),
    # batching_status batching_remaining_tokens_calculate(int64_t count, const int32_t *output_length, const int32_t
    #     *tokens_generated, int32_t *remaining_tokens);
    "batching_remaining_tokens_calculate": Signature(
        c_int32,
        [c_int64, POINTER(c_int32), POINTER(c_int32), POINTER(c_int32)],
    ),
    # batching_status batching_arithmetic_intensity_calculate(int64_t batch_size, double model_memory_bytes, double
    #     flops_per_token, double *arithmetic_intensity);
    "batching_arithmetic_intensity_calculate": Signature(c_int32, [c_int64, c_double, c_double, POINTER(c_double)]),
    # batching_status batching_optimal_batch_size_calculate(double memory_budget, double model_memory, double
    #     kv_cache_per_token, int64_t max_seq_len, int64_t *batch_size);
    "batching_optimal_batch_size_calculate": Signature(
        c_int32,
        [c_double, c_double, c_double, c_int64, POINTER(c_int64)],
    ),
    # batching_status batching_workload_init(batching_workload *workload, uint32_t struct_size);
    "batching_workload_init": Signature(c_int32, [POINTER(batching_workload), c_uint32]),
    # batching_status batching_workload_generate(const batching_workload *workload, int64_t count, int32_t
    #     *prompt_length, int32_t *output_length, double *arrival_time);
    "batching_workload_generate": Signature(
        c_int32,
        [POINTER(batching_workload), c_int64, POINTER(c_int32), POINTER(c_int32), POINTER(c_double)],
    ),
    # batching_status batching_workload_hashes_generate(const batching_workload *workload, int64_t count, int64_t
    #     *hash_offsets, int64_t capacity, int64_t *hash_ids, int64_t *needed);
    "batching_workload_hashes_generate": Signature(
        c_int32,
        [POINTER(batching_workload), c_int64, POINTER(c_int64), c_int64, POINTER(c_int64), POINTER(c_int64)],
    ),
    # batching_status batching_workload_sessions_generate(const batching_workload *workload, int64_t count, int64_t
    #     *session, double *delay);
    "batching_workload_sessions_generate": Signature(
        c_int32,
        [POINTER(batching_workload), c_int64, POINTER(c_int64), POINTER(c_double)],
    ),
    # batching_status batching_sample_generate(uint64_t seed, int64_t count, int64_t n, int64_t *indices);
    "batching_sample_generate": Signature(c_int32, [c_uint64, c_int64, c_int64, POINTER(c_int64)]),
    # batching_status batching_recorded_init(batching_recorded *recorded, uint32_t struct_size);
    "batching_recorded_init": Signature(c_int32, [POINTER(batching_recorded), c_uint32]),
    # batching_status batching_distribution_init(batching_distribution *distribution, uint32_t struct_size);
    "batching_distribution_init": Signature(c_int32, [POINTER(batching_distribution), c_uint32]),
    # batching_status batching_serving_metrics_config_init(batching_serving_metrics_config *config, uint32_t
    #     struct_size);
    "batching_serving_metrics_config_init": Signature(c_int32, [POINTER(batching_serving_metrics_config), c_uint32]),
    # batching_status batching_serving_metrics_init(batching_serving_metrics *metrics, uint32_t struct_size);
    "batching_serving_metrics_init": Signature(c_int32, [POINTER(batching_serving_metrics), c_uint32]),
    # batching_status batching_serving_metrics_calculate(const batching_recorded *recorded, const
    #     batching_serving_metrics_config *config, batching_serving_metrics *metrics);
    "batching_serving_metrics_calculate": Signature(
        c_int32,
        [POINTER(batching_recorded), POINTER(batching_serving_metrics_config), POINTER(batching_serving_metrics)],
    ),
    # batching_status batching_distribution_calculate(int64_t count, const double *values, const
    #     batching_serving_metrics_config *config, batching_distribution *distribution);
    "batching_distribution_calculate": Signature(
        c_int32,
        [c_int64, POINTER(c_double), POINTER(batching_serving_metrics_config), POINTER(batching_distribution)],
    ),
    # batching_status batching_load_config_init(batching_load_config *config, uint32_t struct_size);
    "batching_load_config_init": Signature(c_int32, [POINTER(batching_load_config), c_uint32]),
    # batching_status batching_load_init(batching_load *load, uint32_t struct_size);
    "batching_load_init": Signature(c_int32, [POINTER(batching_load), c_uint32]),
    # batching_status batching_load_timeline_init(batching_load_timeline *timeline, uint32_t struct_size);
    "batching_load_timeline_init": Signature(c_int32, [POINTER(batching_load_timeline), c_uint32]),
    # batching_status batching_load_calculate(const batching_recorded *recorded, const batching_load_config *config,
    #     batching_load *load, batching_load_timeline *timeline);
    "batching_load_calculate": Signature(
        c_int32,
        [
            POINTER(batching_recorded),
            POINTER(batching_load_config),
            POINTER(batching_load),
            POINTER(batching_load_timeline),
        ],
    ),
    # batching_status batching_engine_config_init(batching_engine_config *config, uint32_t struct_size);
    "batching_engine_config_init": Signature(c_int32, [POINTER(batching_engine_config), c_uint32]),
    # batching_status batching_simulate(const batching_engine_config *config, const batching_requests *requests, const
    #     batching_results *results, batching_summary *summary);
    "batching_simulate": Signature(
        c_int32,
        [
            POINTER(batching_engine_config),
            POINTER(batching_requests),
            POINTER(batching_results),
            POINTER(batching_summary),
        ],
    ),
    # batching_status batching_roofline_init(batching_roofline *roofline, uint32_t struct_size);
    "batching_roofline_init": Signature(c_int32, [POINTER(batching_roofline), c_uint32]),
    # batching_status batching_time_table_init(batching_time_table *table, uint32_t struct_size);
    "batching_time_table_init": Signature(c_int32, [POINTER(batching_time_table), c_uint32]),
    # batching_status batching_iterations_init(batching_iterations *iterations, uint32_t struct_size);
    "batching_iterations_init": Signature(c_int32, [POINTER(batching_iterations), c_uint32]),
    # batching_status batching_iteration_times_calculate(const batching_engine_config *config, const batching_iterations
    #     *iterations, double *seconds);
    "batching_iteration_times_calculate": Signature(
        c_int32,
        [POINTER(batching_engine_config), POINTER(batching_iterations), POINTER(c_double)],
    ),
    # batching_status batching_kv_offload_init(batching_kv_offload *offload, uint32_t struct_size);
    "batching_kv_offload_init": Signature(c_int32, [POINTER(batching_kv_offload), c_uint32]),
    # batching_status batching_gpu_init(batching_gpu *gpu, uint32_t struct_size);
    "batching_gpu_init": Signature(c_int32, [POINTER(batching_gpu), c_uint32]),
    # batching_status batching_gpus_count(int64_t *count);
    "batching_gpus_count": Signature(c_int32, [POINTER(c_int64)]),
    # batching_status batching_gpu_get(int64_t index, batching_gpu *gpu);
    "batching_gpu_get": Signature(c_int32, [c_int64, POINTER(batching_gpu)]),
    # batching_status batching_gpu_find(const char *name, batching_gpu *gpu);
    "batching_gpu_find": Signature(c_int32, [c_char_p, POINTER(batching_gpu)]),
    # batching_status batching_model_init(batching_model *model, uint32_t struct_size);
    "batching_model_init": Signature(c_int32, [POINTER(batching_model), c_uint32]),
    # batching_status batching_models_count(int64_t *count);
    "batching_models_count": Signature(c_int32, [POINTER(c_int64)]),
    # batching_status batching_model_get(int64_t index, batching_model *model);
    "batching_model_get": Signature(c_int32, [c_int64, POINTER(batching_model)]),
    # batching_status batching_model_find(const char *name, batching_model *model);
    "batching_model_find": Signature(c_int32, [c_char_p, POINTER(batching_model)]),
    # batching_status batching_deployment_init(batching_deployment *deployment, uint32_t struct_size);
    "batching_deployment_init": Signature(c_int32, [POINTER(batching_deployment), c_uint32]),
    # batching_status batching_deployment_memory_init(batching_deployment_memory *memory, uint32_t struct_size);
    "batching_deployment_memory_init": Signature(c_int32, [POINTER(batching_deployment_memory), c_uint32]),
    # batching_status batching_deployment_memory_calculate(const batching_deployment *deployment,
    #     batching_deployment_memory *memory);
    "batching_deployment_memory_calculate": Signature(
        c_int32,
        [POINTER(batching_deployment), POINTER(batching_deployment_memory)],
    ),
    # batching_status batching_deployment_roofline_calculate(const batching_deployment *deployment, batching_roofline
    #     *roofline);
    "batching_deployment_roofline_calculate": Signature(
        c_int32,
        [POINTER(batching_deployment), POINTER(batching_roofline)],
    ),
    # batching_status batching_client_init(batching_client *client, uint32_t struct_size);
    "batching_client_init": Signature(c_int32, [POINTER(batching_client), c_uint32]),
    # batching_status batching_calibration_config_init(batching_calibration_config *config, uint32_t struct_size);
    "batching_calibration_config_init": Signature(c_int32, [POINTER(batching_calibration_config), c_uint32]),
    # batching_status batching_calibration_init(batching_calibration *calibration, uint32_t struct_size);
    "batching_calibration_init": Signature(c_int32, [POINTER(batching_calibration), c_uint32]),
    # batching_status batching_iteration_time_calibrate(const batching_calibration_config *config, const
    #     batching_requests *requests, const batching_recorded *recorded, batching_calibration *calibration);
    "batching_iteration_time_calibrate": Signature(
        c_int32,
        [
            POINTER(batching_calibration_config),
            POINTER(batching_requests),
            POINTER(batching_recorded),
            POINTER(batching_calibration),
        ],
    ),
    # batching_status batching_live_calibration_create(const batching_calibration_config *config, int64_t window,
    #     batching_live_calibration **calibration);
    "batching_live_calibration_create": Signature(
        c_int32,
        [POINTER(batching_calibration_config), c_int64, POINTER(c_void_p)],
    ),
    # batching_status batching_live_calibration_destroy(batching_live_calibration *calibration);
    "batching_live_calibration_destroy": Signature(c_int32, [c_void_p]),
    # batching_status batching_live_calibration_arrived(batching_live_calibration *calibration, int64_t request, double
    #     time, int32_t prompt_length, int32_t expected_output_length, const int64_t *hash_ids, int64_t hash_count);
    "batching_live_calibration_arrived": Signature(
        c_int32,
        [c_void_p, c_int64, c_double, c_int32, c_int32, POINTER(c_int64), c_int64],
    ),
    # batching_status batching_live_calibration_first_token(batching_live_calibration *calibration, int64_t request,
    #     double time);
    "batching_live_calibration_first_token": Signature(c_int32, [c_void_p, c_int64, c_double]),
    # batching_status batching_live_calibration_finished(batching_live_calibration *calibration, int64_t request, double
    #     time, int32_t output_length);
    "batching_live_calibration_finished": Signature(c_int32, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_live_calibration_failed(batching_live_calibration *calibration, int64_t request, double
    #     time);
    "batching_live_calibration_failed": Signature(c_int32, [c_void_p, c_int64, c_double]),
    # batching_status batching_live_calibration_state_init(batching_live_calibration_state *state, uint32_t
    #     struct_size);
    "batching_live_calibration_state_init": Signature(c_int32, [POINTER(batching_live_calibration_state), c_uint32]),
    # batching_status batching_live_calibration_observe(batching_live_calibration *calibration,
    #     batching_live_calibration_state *state);
    "batching_live_calibration_observe": Signature(c_int32, [c_void_p, POINTER(batching_live_calibration_state)]),
    # batching_status batching_live_calibration_log_init(batching_live_calibration_log *log, uint32_t struct_size);
    "batching_live_calibration_log_init": Signature(c_int32, [POINTER(batching_live_calibration_log), c_uint32]),
    # batching_status batching_live_calibration_log_write(batching_live_calibration *calibration,
    #     batching_live_calibration_log *log);
    "batching_live_calibration_log_write": Signature(c_int32, [c_void_p, POINTER(batching_live_calibration_log)]),
    # batching_status batching_live_calibration_fork(batching_live_calibration *calibration, batching_live_calibration
    #     **copy);
    "batching_live_calibration_fork": Signature(c_int32, [c_void_p, POINTER(c_void_p)]),
    # batching_status batching_live_calibration_fit(batching_live_calibration *calibration, int64_t simulations,
    #     batching_calibration_callback callback, void *user_data, batching_calibration *found);
    "batching_live_calibration_fit": Signature(
        c_int32,
        [c_void_p, c_int64, batching_calibration_callback, c_void_p, POINTER(batching_calibration)],
    ),
    # batching_status batching_profile_facts_init(batching_profile_facts *facts, uint32_t struct_size);
    "batching_profile_facts_init": Signature(c_int32, [POINTER(batching_profile_facts), c_uint32]),
    # batching_status batching_profile_create(const char *json, int64_t size, batching_profile **profile);
    "batching_profile_create": Signature(c_int32, [c_char_p, c_int64, POINTER(c_void_p)]),
    # batching_status batching_profile_destroy(batching_profile *profile);
    "batching_profile_destroy": Signature(c_int32, [c_void_p]),
    # batching_status batching_profile_get(batching_profile *profile, batching_engine_config *config,
    #     batching_profile_facts *facts);
    "batching_profile_get": Signature(
        c_int32,
        [c_void_p, POINTER(batching_engine_config), POINTER(batching_profile_facts)],
    ),
    # batching_status batching_iteration_log_init(batching_iteration_log *iteration_log, uint32_t struct_size);
    "batching_iteration_log_init": Signature(c_int32, [POINTER(batching_iteration_log), c_uint32]),
    # batching_status batching_decision_log_init(batching_decision_log *decision_log, uint32_t struct_size);
    "batching_decision_log_init": Signature(c_int32, [POINTER(batching_decision_log), c_uint32]),
    # batching_status batching_attribution_init(batching_attribution *attribution, uint32_t struct_size);
    "batching_attribution_init": Signature(c_int32, [POINTER(batching_attribution), c_uint32]),
    # batching_status batching_attribution_bands_init(batching_attribution_bands *bands, uint32_t struct_size);
    "batching_attribution_bands_init": Signature(c_int32, [POINTER(batching_attribution_bands), c_uint32]),
    # batching_status batching_attribution_bands_calculate(const batching_attribution *attribution, int64_t count, const
    #     int32_t *status, const double *percentiles, int64_t band_count, const batching_attribution_bands *bands);
    "batching_attribution_bands_calculate": Signature(
        c_int32,
        [
            POINTER(batching_attribution),
            c_int64,
            POINTER(c_int32),
            POINTER(c_double),
            c_int64,
            POINTER(batching_attribution_bands),
        ],
    ),
    # batching_status batching_policy_look_up(const batching_policy_view *view, const int64_t *rows, int64_t count,
    #     int64_t *cached_tokens, int64_t *unshared_kv_blocks);
    "batching_policy_look_up": Signature(
        c_int32,
        [POINTER(batching_policy_view), POINTER(c_int64), c_int64, POINTER(c_int64), POINTER(c_int64)],
    ),
    # batching_status batching_live_engine_create(const batching_engine_config *config, batching_live_engine **engine);
    "batching_live_engine_create": Signature(c_int32, [POINTER(batching_engine_config), POINTER(c_void_p)]),
    # batching_status batching_live_engine_destroy(batching_live_engine *engine);
    "batching_live_engine_destroy": Signature(c_int32, [c_void_p]),
    # batching_status batching_live_engine_submit(batching_live_engine *engine, const batching_requests *requests, const
    #     int64_t *ids);
    "batching_live_engine_submit": Signature(c_int32, [c_void_p, POINTER(batching_requests), POINTER(c_int64)]),
    # batching_status batching_live_engine_advance(batching_live_engine *engine, double time, int64_t iterations);
    "batching_live_engine_advance": Signature(c_int32, [c_void_p, c_double, c_int64]),
    # batching_status batching_live_engine_advance_logged(batching_live_engine *engine, double time, int64_t iterations,
    #     batching_iteration_log *iteration_log, batching_decision_log *decision_log);
    "batching_live_engine_advance_logged": Signature(
        c_int32,
        [c_void_p, c_double, c_int64, POINTER(batching_iteration_log), POINTER(batching_decision_log)],
    ),
    # batching_status batching_live_engine_events_init(batching_live_engine_events *events, uint32_t struct_size);
    "batching_live_engine_events_init": Signature(c_int32, [POINTER(batching_live_engine_events), c_uint32]),
    # batching_status batching_live_engine_poll(batching_live_engine *engine, batching_live_engine_events *events);
    "batching_live_engine_poll": Signature(c_int32, [c_void_p, POINTER(batching_live_engine_events)]),
    # batching_status batching_live_engine_abort(batching_live_engine *engine, int64_t request);
    "batching_live_engine_abort": Signature(c_int32, [c_void_p, c_int64]),
    # batching_status batching_live_engine_set_output_length(batching_live_engine *engine, int64_t request, int32_t
    #     output_length);
    "batching_live_engine_set_output_length": Signature(c_int32, [c_void_p, c_int64, c_int32]),
    # batching_status batching_live_engine_state_init(batching_live_engine_state *state, uint32_t struct_size);
    "batching_live_engine_state_init": Signature(c_int32, [POINTER(batching_live_engine_state), c_uint32]),
    # batching_status batching_live_engine_observe(batching_live_engine *engine, batching_live_engine_state *state);
    "batching_live_engine_observe": Signature(c_int32, [c_void_p, POINTER(batching_live_engine_state)]),
    # batching_status batching_live_engine_estimate(batching_live_engine *engine, const batching_requests *requests,
    #     const batching_results *results);
    "batching_live_engine_estimate": Signature(
        c_int32,
        [c_void_p, POINTER(batching_requests), POINTER(batching_results)],
    ),
    # batching_status batching_live_engine_fork(batching_live_engine *engine, batching_live_engine **copy);
    "batching_live_engine_fork": Signature(c_int32, [c_void_p, POINTER(c_void_p)]),
    # batching_status batching_live_engine_save(batching_live_engine *engine, uint8_t *buffer, int64_t capacity, int64_t
    #     *needed);
    "batching_live_engine_save": Signature(c_int32, [c_void_p, POINTER(c_uint8), c_int64, POINTER(c_int64)]),
    # batching_status batching_live_engine_load(const uint8_t *bytes, int64_t size, const batching_engine_config
    #     *callbacks, batching_live_engine **engine);
    "batching_live_engine_load": Signature(
        c_int32,
        [POINTER(c_uint8), c_int64, POINTER(batching_engine_config), POINTER(c_void_p)],
    ),
    # batching_status batching_router_config_init(batching_router_config *config, uint32_t struct_size);
    "batching_router_config_init": Signature(c_int32, [POINTER(batching_router_config), c_uint32]),
    # batching_status batching_routing_request_init(batching_routing_request *request, uint32_t struct_size);
    "batching_routing_request_init": Signature(c_int32, [POINTER(batching_routing_request), c_uint32]),
    # batching_status batching_worker_metrics_init(batching_worker_metrics *metrics, uint32_t struct_size);
    "batching_worker_metrics_init": Signature(c_int32, [POINTER(batching_worker_metrics), c_uint32]),
    # batching_status batching_router_create(const batching_router_config *config, batching_router **router);
    "batching_router_create": Signature(c_int32, [POINTER(batching_router_config), POINTER(c_void_p)]),
    # batching_status batching_router_destroy(batching_router *router);
    "batching_router_destroy": Signature(c_int32, [c_void_p]),
    # batching_status batching_router_route(batching_router *router, const batching_routing_request *request, int64_t
    #     *worker);
    "batching_router_route": Signature(c_int32, [c_void_p, POINTER(batching_routing_request), POINTER(c_int64)]),
    # batching_status batching_router_explain(batching_router *router, const batching_routing_request *request, int32_t
    #     *allowed, double *score);
    "batching_router_explain": Signature(
        c_int32,
        [c_void_p, POINTER(batching_routing_request), POINTER(c_int32), POINTER(c_double)],
    ),
    # batching_status batching_router_book(batching_router *router, const batching_routing_request *request, int64_t
    #     worker);
    "batching_router_book": Signature(c_int32, [c_void_p, POINTER(batching_routing_request), c_int64]),
    # batching_status batching_router_release(batching_router *router, int64_t *request, int64_t *worker);
    "batching_router_release": Signature(c_int32, [c_void_p, POINTER(c_int64), POINTER(c_int64)]),
    # batching_status batching_router_first_token(batching_router *router, int64_t request, double time);
    "batching_router_first_token": Signature(c_int32, [c_void_p, c_int64, c_double]),
    # batching_status batching_router_output_block(batching_router *router, int64_t request, double weight);
    "batching_router_output_block": Signature(c_int32, [c_void_p, c_int64, c_double]),
    # batching_status batching_router_finished(batching_router *router, int64_t request, double time);
    "batching_router_finished": Signature(c_int32, [c_void_p, c_int64, c_double]),
    # batching_status batching_router_set_worker(batching_router *router, int64_t worker, int32_t is_up, double time);
    "batching_router_set_worker": Signature(c_int32, [c_void_p, c_int64, c_int32, c_double]),
    # batching_status batching_router_observe(batching_router *router, const batching_worker_metrics *metrics);
    "batching_router_observe": Signature(c_int32, [c_void_p, POINTER(batching_worker_metrics)]),
    # batching_status batching_router_stored(batching_router *router, int64_t worker, const uint64_t *hash_ids, int64_t
    #     count, int64_t first);
    "batching_router_stored": Signature(c_int32, [c_void_p, c_int64, POINTER(c_uint64), c_int64, c_int64]),
    # batching_status batching_router_removed(batching_router *router, int64_t worker, const uint64_t *hash_ids, int64_t
    #     count);
    "batching_router_removed": Signature(c_int32, [c_void_p, c_int64, POINTER(c_uint64), c_int64]),
    # batching_status batching_router_evict(batching_router *router, int64_t max_tree_size);
    "batching_router_evict": Signature(c_int32, [c_void_p, c_int64]),
    # batching_status batching_router_load(batching_router *router, int64_t *requests, int64_t *prefill_tokens, int64_t
    #     *waiting);
    "batching_router_load": Signature(c_int32, [c_void_p, POINTER(c_int64), POINTER(c_int64), POINTER(c_int64)]),
    # batching_status batching_router_fork(batching_router *router, batching_router **copy);
    "batching_router_fork": Signature(c_int32, [c_void_p, POINTER(c_void_p)]),
    # batching_status batching_autoscaler_config_init(batching_autoscaler_config *config, uint32_t struct_size);
    "batching_autoscaler_config_init": Signature(c_int32, [POINTER(batching_autoscaler_config), c_uint32]),
    # batching_status batching_scaling_readings_init(batching_scaling_readings *readings, uint32_t struct_size);
    "batching_scaling_readings_init": Signature(c_int32, [POINTER(batching_scaling_readings), c_uint32]),
    # batching_status batching_autoscaler_create(const batching_autoscaler_config *config, batching_autoscaler
    #     **autoscaler);
    "batching_autoscaler_create": Signature(c_int32, [POINTER(batching_autoscaler_config), POINTER(c_void_p)]),
    # batching_status batching_autoscaler_destroy(batching_autoscaler *autoscaler);
    "batching_autoscaler_destroy": Signature(c_int32, [c_void_p]),
    # batching_status batching_autoscaler_decide(batching_autoscaler *autoscaler, const batching_scaling_readings
    #     *readings, int64_t *desired);
    "batching_autoscaler_decide": Signature(c_int32, [c_void_p, POINTER(batching_scaling_readings), POINTER(c_int64)]),
    # batching_status batching_disaggregation_config_init(batching_disaggregation_config *config, uint32_t struct_size);
    "batching_disaggregation_config_init": Signature(c_int32, [POINTER(batching_disaggregation_config), c_uint32]),
    # batching_status batching_admission_config_init(batching_admission_config *config, uint32_t struct_size);
    "batching_admission_config_init": Signature(c_int32, [POINTER(batching_admission_config), c_uint32]),
    # batching_status batching_fault_config_init(batching_fault_config *config, uint32_t struct_size);
    "batching_fault_config_init": Signature(c_int32, [POINTER(batching_fault_config), c_uint32]),
    # batching_status batching_fleet_scaling_config_init(batching_fleet_scaling_config *config, uint32_t struct_size);
    "batching_fleet_scaling_config_init": Signature(c_int32, [POINTER(batching_fleet_scaling_config), c_uint32]),
    # batching_status batching_fleet_config_init(batching_fleet_config *config, uint32_t struct_size);
    "batching_fleet_config_init": Signature(c_int32, [POINTER(batching_fleet_config), c_uint32]),
    # batching_status batching_fleet_results_init(batching_fleet_results *results, uint32_t struct_size);
    "batching_fleet_results_init": Signature(c_int32, [POINTER(batching_fleet_results), c_uint32]),
    # batching_status batching_fleet_simulate(const batching_fleet_config *config, const batching_requests *requests,
    #     const batching_results *results, const batching_fleet_results *fleet_results, batching_summary *summary);
    "batching_fleet_simulate": Signature(
        c_int32,
        [
            POINTER(batching_fleet_config),
            POINTER(batching_requests),
            POINTER(batching_results),
            POINTER(batching_fleet_results),
            POINTER(batching_summary),
        ],
    ),
    # batching_status batching_fleet_create(const batching_fleet_config *config, batching_fleet **fleet);
    "batching_fleet_create": Signature(c_int32, [POINTER(batching_fleet_config), POINTER(c_void_p)]),
    # batching_status batching_fleet_destroy(batching_fleet *fleet);
    "batching_fleet_destroy": Signature(c_int32, [c_void_p]),
    # batching_status batching_fleet_submit(batching_fleet *fleet, const batching_requests *requests, const int64_t
    #     *ids);
    "batching_fleet_submit": Signature(c_int32, [c_void_p, POINTER(batching_requests), POINTER(c_int64)]),
    # batching_status batching_fleet_advance(batching_fleet *fleet, double time);
    "batching_fleet_advance": Signature(c_int32, [c_void_p, c_double]),
    # batching_status batching_fleet_abort(batching_fleet *fleet, int64_t request);
    "batching_fleet_abort": Signature(c_int32, [c_void_p, c_int64]),
    # batching_status batching_fleet_events_init(batching_fleet_events *events, uint32_t struct_size);
    "batching_fleet_events_init": Signature(c_int32, [POINTER(batching_fleet_events), c_uint32]),
    # batching_status batching_fleet_poll(batching_fleet *fleet, batching_fleet_events *events);
    "batching_fleet_poll": Signature(c_int32, [c_void_p, POINTER(batching_fleet_events)]),
    # batching_status batching_fleet_state_init(batching_fleet_state *state, uint32_t struct_size);
    "batching_fleet_state_init": Signature(c_int32, [POINTER(batching_fleet_state), c_uint32]),
    # batching_status batching_fleet_observe(batching_fleet *fleet, batching_fleet_state *state);
    "batching_fleet_observe": Signature(c_int32, [c_void_p, POINTER(batching_fleet_state)]),
    # batching_status batching_fleet_estimate(batching_fleet *fleet, const batching_requests *requests, const
    #     batching_results *results, const batching_fleet_results *fleet_results);
    "batching_fleet_estimate": Signature(
        c_int32,
        [c_void_p, POINTER(batching_requests), POINTER(batching_results), POINTER(batching_fleet_results)],
    ),
    # batching_status batching_fleet_fork(batching_fleet *fleet, batching_fleet **copy);
    "batching_fleet_fork": Signature(c_int32, [c_void_p, POINTER(c_void_p)]),
    # batching_status batching_accumulator_config_init(batching_accumulator_config *config, uint32_t struct_size);
    "batching_accumulator_config_init": Signature(c_int32, [POINTER(batching_accumulator_config), c_uint32]),
    # batching_status batching_accumulator_create(const batching_accumulator_config *config, batching_accumulator
    #     **accumulator);
    "batching_accumulator_create": Signature(c_int32, [POINTER(batching_accumulator_config), POINTER(c_void_p)]),
    # batching_status batching_accumulator_destroy(batching_accumulator *accumulator);
    "batching_accumulator_destroy": Signature(c_int32, [c_void_p]),
    # batching_status batching_accumulator_arrived(batching_accumulator *accumulator, int64_t request, double time,
    #     int32_t prompt_tokens);
    "batching_accumulator_arrived": Signature(c_int32, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_accumulator_started(batching_accumulator *accumulator, int64_t request, double time);
    "batching_accumulator_started": Signature(c_int32, [c_void_p, c_int64, c_double]),
    # batching_status batching_accumulator_tokens(batching_accumulator *accumulator, int64_t request, double time,
    #     int32_t tokens);
    "batching_accumulator_tokens": Signature(c_int32, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_accumulator_finished(batching_accumulator *accumulator, int64_t request, double time,
    #     int32_t reason);
    "batching_accumulator_finished": Signature(c_int32, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_accumulator_failed(batching_accumulator *accumulator, int64_t request, double time,
    #     int32_t reason);
    "batching_accumulator_failed": Signature(c_int32, [c_void_p, c_int64, c_double, c_int32]),
    # batching_status batching_accumulator_events_init(batching_accumulator_events *events, uint32_t struct_size);
    "batching_accumulator_events_init": Signature(c_int32, [POINTER(batching_accumulator_events), c_uint32]),
    # batching_status batching_accumulator_add(batching_accumulator *accumulator, const batching_accumulator_events
    #     *events, int64_t *accepted);
    "batching_accumulator_add": Signature(c_int32, [c_void_p, POINTER(batching_accumulator_events), POINTER(c_int64)]),
    # batching_status batching_accumulator_advance(batching_accumulator *accumulator, double time);
    "batching_accumulator_advance": Signature(c_int32, [c_void_p, c_double]),
    # batching_status batching_accumulator_state_init(batching_accumulator_state *state, uint32_t struct_size);
    "batching_accumulator_state_init": Signature(c_int32, [POINTER(batching_accumulator_state), c_uint32]),
    # batching_status batching_accumulator_observe(batching_accumulator *accumulator, batching_accumulator_state
    #     *state);
    "batching_accumulator_observe": Signature(c_int32, [c_void_p, POINTER(batching_accumulator_state)]),
    # batching_status batching_accumulator_measure(batching_accumulator *accumulator, int32_t scope, const
    #     batching_serving_metrics_config *config, batching_serving_metrics *metrics);
    "batching_accumulator_measure": Signature(
        c_int32,
        [c_void_p, c_int32, POINTER(batching_serving_metrics_config), POINTER(batching_serving_metrics)],
    ),
    # batching_status batching_accumulator_merge(batching_accumulator *accumulator, batching_accumulator *other);
    "batching_accumulator_merge": Signature(c_int32, [c_void_p, c_void_p]),
    # batching_status batching_accumulator_save(batching_accumulator *accumulator, uint8_t *buffer, int64_t capacity,
    #     int64_t *needed);
    "batching_accumulator_save": Signature(c_int32, [c_void_p, POINTER(c_uint8), c_int64, POINTER(c_int64)]),
    # batching_status batching_accumulator_load(const uint8_t *bytes, int64_t size, batching_accumulator **accumulator);
    "batching_accumulator_load": Signature(c_int32, [POINTER(c_uint8), c_int64, POINTER(c_void_p)]),
    # batching_status batching_accumulator_prometheus(batching_accumulator *accumulator, const char *model_name, const
    #     char *engine, int64_t max_model_len, char *buffer, int64_t capacity, int64_t *needed);
    "batching_accumulator_prometheus": Signature(
        c_int32,
        [c_void_p, c_char_p, c_char_p, c_int64, c_char_p, c_int64, POINTER(c_int64)],
    ),
    # batching_interrupt_callback batching_interrupt_set(batching_interrupt_callback callback, void *user_data);
    "batching_interrupt_set": Signature(batching_interrupt_callback, [batching_interrupt_callback, c_void_p]),
}
