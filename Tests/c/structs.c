/* Structs that may grow: what their _init functions set, and how an older and a newer caller are understood. */
#include <stdio.h>

#include "support.h"

/*
 * The sizes on every platform with 8-byte pointers, as this version has them and as the first version had them: a
 * program compiled with either passes its own for ever.
 */
enum {
    REQUESTS_SIZE = 120,
    REQUESTS_FIRST_SIZE = 40,
    RESULTS_SIZE = 96,
    RESULTS_FIRST_SIZE = 56,
    SUMMARY_SIZE = 248,
    SUMMARY_FIRST_SIZE = 48,
    COMPLETED_SIZE = 56,
    LATENCIES_SIZE = 48,
    BATCH_METRICS_SIZE = 80,
    RECORDED_SIZE = 96,
    RECORDED_FIRST_SIZE = 88,
    DISTRIBUTION_SIZE = 72,
    SERVING_METRICS_CONFIG_SIZE = 80,
    SERVING_METRICS_CONFIG_FIRST_SIZE = 72,
    SERVING_METRICS_SIZE = 216,
    SERVING_METRICS_FIRST_SIZE = 192,
    COMPARISON_SIZE = 56,
    WORKLOAD_SIZE = 232,
    WORKLOAD_FIRST_SIZE = 40,
    ENGINE_CONFIG_SIZE = 296,
    ENGINE_CONFIG_FIRST_SIZE = 216,
    CLIENT_SIZE = 64,
    GPU_SIZE = 104,
    MODEL_SIZE = 104,
    DEPLOYMENT_SIZE = 88,
    DEPLOYMENT_MEMORY_SIZE = 96,
    ROOFLINE_SIZE = 288,
    TIME_TABLE_SIZE = 192,
    KV_OFFLOAD_SIZE = 72,
    ITERATIONS_SIZE = 56,
    CALIBRATION_CONFIG_SIZE = 72,
    LIVE_CALIBRATION_STATE_SIZE = 56,
    LIVE_CALIBRATION_LOG_SIZE = 128,
    PROFILE_FACTS_SIZE = 32,
    CALIBRATION_SIZE = 456,
    ITERATION_LOG_SIZE = 128,
    DECISION_LOG_SIZE = 80,
    ATTRIBUTION_SIZE = 80,
    ATTRIBUTION_FIRST_SIZE = 72,
    LOAD_CONFIG_SIZE = 40,
    LOAD_SIZE = 120,
    LOAD_TIMELINE_SIZE = 88,
    ATTRIBUTION_BANDS_SIZE = 112,
    ATTRIBUTION_BANDS_FIRST_SIZE = 104,
    ROUTER_CONFIG_SIZE = 304,
    ROUTING_REQUEST_SIZE = 88,
    WORKER_METRICS_SIZE = 56,
    AUTOSCALER_CONFIG_SIZE = 312,
    SCALING_READINGS_SIZE = 176,
    FLEET_CONFIG_SIZE = 176,
    FLEET_CONFIG_FIRST_SIZE = 48,
    FLEET_RESULTS_SIZE = 272,
    FLEET_RESULTS_FIRST_SIZE = 136,
    DISAGGREGATION_CONFIG_SIZE = 112,
    ADMISSION_CONFIG_SIZE = 192,
    ADMISSION_CONFIG_FIRST_SIZE = 136,
    FAULT_CONFIG_SIZE = 80,
    FLEET_SCALING_CONFIG_SIZE = 48,
    FLEET_SCALING_CONFIG_FIRST_SIZE = 32,
    ACCUMULATOR_CONFIG_SIZE = 72,
    ACCUMULATOR_EVENTS_SIZE = 48,
    ACCUMULATOR_STATE_SIZE = 64,
    FLEET_EVENTS_SIZE = 88,
    FLEET_EVENTS_FIRST_SIZE = 88,
    FLEET_STATE_SIZE = 144,
    FLEET_STATE_FIRST_SIZE = 144,
    LIVE_ENGINE_EVENTS_SIZE = 72,
    LIVE_ENGINE_EVENTS_FIRST_SIZE = 64,
    LIVE_ENGINE_STATE_SIZE = 216,
    LIVE_ENGINE_STATE_FIRST_SIZE = 136,
    LARGEST_SIZE = 4096
};

/* Every struct begins with these two fields. */
struct head {
    uint32_t struct_size;
    uint32_t reserved;
};

/* Any struct of the header, with room for what a later version may append. */
union any_struct {
    struct head head;
    batching_requests requests;
    batching_results results;
    batching_summary summary;
    batching_completed completed;
    batching_latencies latencies;
    batching_batch_metrics metrics;
    batching_recorded recorded;
    batching_distribution distribution;
    batching_serving_metrics_config serving_metrics_config;
    batching_serving_metrics serving_metrics;
    batching_comparison comparison;
    batching_workload workload;
    batching_engine_config config;
    batching_client client;
    batching_gpu gpu;
    batching_model model;
    batching_deployment deployment;
    batching_deployment_memory deployment_memory;
    batching_roofline roofline;
    batching_kv_offload offload;
    batching_time_table table;
    batching_iterations iterations;
    batching_calibration_config calibration_config;
    batching_calibration calibration;
    batching_live_calibration_state live_calibration_state;
    batching_live_calibration_log live_calibration_log;
    batching_profile_facts profile_facts;
    batching_iteration_log iteration_log;
    batching_decision_log decision_log;
    batching_attribution attribution;
    batching_load_config load_config;
    batching_load load;
    batching_load_timeline load_timeline;
    batching_attribution_bands attribution_bands;
    batching_router_config router_config;
    batching_routing_request routing_request;
    batching_worker_metrics worker_metrics;
    batching_autoscaler_config autoscaler_config;
    batching_scaling_readings scaling_readings;
    batching_fleet_config fleet_config;
    batching_fleet_results fleet_results;
    batching_disaggregation_config disaggregation_config;
    batching_admission_config admission_config;
    batching_fault_config fault_config;
    batching_fleet_scaling_config fleet_scaling_config;
    batching_accumulator_config accumulator_config;
    batching_accumulator_events accumulator_events;
    batching_accumulator_state accumulator_state;
    batching_fleet_events fleet_events;
    batching_fleet_state fleet_state;
    batching_live_engine_events engine_events;
    batching_live_engine_state engine_state;
    unsigned char bytes[LARGEST_SIZE + 8];
};

typedef batching_status any_init(void *, uint32_t);

#define INIT_OF(type)                                                                                                  \
    static batching_status type##_of_any(void *value, uint32_t struct_size) {                                          \
        return batching_##type##_init(value, struct_size);                                                             \
    }
INIT_OF(requests)
INIT_OF(results)
INIT_OF(summary)
INIT_OF(completed)
INIT_OF(latencies)
INIT_OF(batch_metrics)
INIT_OF(recorded)
INIT_OF(distribution)
INIT_OF(serving_metrics_config)
INIT_OF(serving_metrics)
INIT_OF(comparison)
INIT_OF(workload)
INIT_OF(engine_config)
INIT_OF(client)
INIT_OF(gpu)
INIT_OF(model)
INIT_OF(deployment)
INIT_OF(deployment_memory)
INIT_OF(roofline)
INIT_OF(kv_offload)
INIT_OF(time_table)
INIT_OF(iterations)
INIT_OF(calibration_config)
INIT_OF(calibration)
INIT_OF(live_calibration_state)
INIT_OF(live_calibration_log)
INIT_OF(profile_facts)
INIT_OF(iteration_log)
INIT_OF(decision_log)
INIT_OF(attribution)
INIT_OF(load_config)
INIT_OF(load)
INIT_OF(load_timeline)
INIT_OF(attribution_bands)
INIT_OF(router_config)
INIT_OF(routing_request)
INIT_OF(worker_metrics)
INIT_OF(autoscaler_config)
INIT_OF(scaling_readings)
INIT_OF(fleet_config)
INIT_OF(fleet_results)
INIT_OF(fleet_events)
INIT_OF(fleet_state)
INIT_OF(disaggregation_config)
INIT_OF(admission_config)
INIT_OF(fault_config)
INIT_OF(fleet_scaling_config)
INIT_OF(accumulator_config)
INIT_OF(accumulator_events)
INIT_OF(accumulator_state)
INIT_OF(live_engine_events)
INIT_OF(live_engine_state)

/* Calls a function that uses the struct, everything else being in order. */
typedef batching_status any_use(const union any_struct *);

static batching_status use_requests(const union any_struct *any) {
    return batching_static_simulate(&any->requests, 2, 0.01, NULL, NULL);
}

static batching_status use_results(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    copy.results.capacity = 4;
    return batching_continuous_simulate(&requests, 2, 0.01, &copy.results, NULL);
}

static batching_status use_summary(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    return batching_static_simulate(&requests, 2, 0.01, NULL, &copy.summary);
}

static batching_status use_completed(const union any_struct *any) {
    INITIALIZED(batching_latencies, latencies);
    return batching_latencies_calculate(&any->completed, &latencies);
}

static batching_status use_latencies(const union any_struct *any) {
    INITIALIZED(batching_completed, completed);
    return batching_latencies_calculate(&completed, &any->latencies);
}

static batching_status use_metrics(const union any_struct *any) {
    INITIALIZED(batching_completed, completed);
    union any_struct copy = *any;
    return batching_batch_metrics_calculate(&completed, 1.0, &copy.metrics);
}

static batching_status use_recorded(const union any_struct *any) {
    INITIALIZED(batching_serving_metrics, metrics);
    return batching_serving_metrics_calculate(&any->recorded, NULL, &metrics);
}

static batching_status use_distribution(const union any_struct *any) {
    union any_struct copy = *any;
    return batching_distribution_calculate(0, NULL, NULL, &copy.distribution);
}

/* As one of those that a run's metrics are to be told in. */
static batching_status use_wanted_distribution(const union any_struct *any) {
    INITIALIZED(batching_recorded, recorded);
    INITIALIZED(batching_serving_metrics, metrics);
    union any_struct copy = *any;
    metrics.tpot = &copy.distribution;
    return batching_serving_metrics_calculate(&recorded, NULL, &metrics);
}

static batching_status use_serving_metrics_config(const union any_struct *any) {
    INITIALIZED(batching_distribution, distribution);
    return batching_distribution_calculate(0, NULL, &any->serving_metrics_config, &distribution);
}

static batching_status use_serving_metrics(const union any_struct *any) {
    INITIALIZED(batching_recorded, recorded);
    union any_struct copy = *any;
    return batching_serving_metrics_calculate(&recorded, NULL, &copy.serving_metrics);
}

static batching_status use_comparison(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    return batching_strategies_compare(&requests, 2, 0.01, &copy.comparison);
}

static batching_status use_workload(const union any_struct *any) {
    int32_t length;
    return batching_workload_generate(&any->workload, 1, &length, NULL, NULL);
}

static batching_status use_workload_for_hashes(const union any_struct *any) {
    int64_t needed;
    return batching_workload_hashes_generate(&any->workload, 1, NULL, 0, NULL, &needed);
}

static batching_status use_workload_for_sessions(const union any_struct *any) {
    int64_t session;
    return batching_workload_sessions_generate(&any->workload, 1, &session, NULL);
}

static batching_status use_engine_config(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    return batching_simulate(&any->config, &requests, NULL, NULL);
}

static batching_status use_client(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    requests.client = &any->client;
    return batching_simulate(NULL, &requests, NULL, NULL);
}

static batching_status use_roofline(const union any_struct *any) {
    INITIALIZED(batching_engine_config, config);
    INITIALIZED(batching_iterations, iterations);
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = &any->roofline;
    return batching_iteration_times_calculate(&config, &iterations, NULL);
}

static batching_status use_kv_offload(const union any_struct *any) {
    INITIALIZED(batching_engine_config, config);
    batching_requests requests = lesson_requests();
    config.enable_prefix_caching = 1;
    config.num_gpu_blocks = 100;
    config.kv_offload = &any->offload;
    return batching_simulate(&config, &requests, NULL, NULL);
}

static batching_status use_time_table(const union any_struct *any) {
    INITIALIZED(batching_engine_config, config);
    batching_requests requests = lesson_requests();
    config.time_model = BATCHING_TIME_TABLE;
    config.time_table = &any->table;
    return batching_simulate(&config, &requests, NULL, NULL);
}

static batching_status use_iterations(const union any_struct *any) {
    INITIALIZED(batching_engine_config, config);
    return batching_iteration_times_calculate(&config, &any->iterations, NULL);
}

/* A log of as few requests as can be calibrated on. */
static batching_status calibrate(const batching_calibration_config *config, const batching_requests *requests,
                                 const batching_recorded *recorded, batching_calibration *calibration) {
    enum { COUNT = 16 };
    static int32_t lengths[COUNT];
    static double first[COUNT], end[COUNT];
    for (int at = 0; at < COUNT; at++) {
        lengths[at] = 1 + at;
        first[at] = 0.1 + 0.01 * at;
        end[at] = 0.5 + 0.02 * at;
    }
    INITIALIZED(batching_calibration_config, quick);
    INITIALIZED(batching_requests, asked);
    INITIALIZED(batching_recorded, answered);
    INITIALIZED(batching_calibration, written);
    union any_struct given;
    quick.simulations = 1;
    asked.count = answered.count = COUNT;
    asked.output_length = answered.output_length = lengths;
    answered.first_token_time = first;
    answered.end_time = end;
    if (recorded != NULL) {
        memcpy(&given, recorded, sizeof given);
        given.recorded.count = COUNT;
        given.recorded.output_length = lengths;
        given.recorded.first_token_time = first;
        given.recorded.end_time = end;
    } else if (requests != NULL) {
        memcpy(&given, requests, sizeof given);
        given.requests.count = COUNT;
        given.requests.output_length = lengths;
    } else if (config != NULL) {
        memcpy(&given, config, sizeof given);
        given.calibration_config.simulations = 1;
    }
    return batching_iteration_time_calibrate(
        config != NULL ? &given.calibration_config : &quick, requests != NULL ? &given.requests : &asked,
        recorded != NULL ? &given.recorded : &answered, calibration != NULL ? calibration : &written);
}

static batching_status use_calibration_config(const union any_struct *any) {
    return calibrate(&any->calibration_config, NULL, NULL, NULL);
}

static batching_status use_requests_to_calibrate(const union any_struct *any) {
    return calibrate(NULL, &any->requests, NULL, NULL);
}

static batching_status use_recorded_to_calibrate(const union any_struct *any) {
    return calibrate(NULL, NULL, &any->recorded, NULL);
}

static batching_status use_calibration(const union any_struct *any) {
    union any_struct copy = *any;
    return calibrate(NULL, NULL, NULL, &copy.calibration);
}

static batching_status use_config_to_calibrate_live(const union any_struct *any) {
    batching_live_calibration *live = NULL;
    const batching_status status = batching_live_calibration_create(&any->calibration_config, 16, &live);
    assert_succeeds(batching_live_calibration_destroy(live));
    return status;
}

/* With a live calibration that has as few requests as can be fitted to. */
static batching_status calibrate_live(const union any_struct *any,
                                      batching_status (*use)(batching_live_calibration *, union any_struct *)) {
    union any_struct copy = *any;
    batching_live_calibration *live;
    assert_succeeds(batching_live_calibration_create(NULL, 16, &live));
    for (int request = 0; request < 16; request++) {
        assert_succeeds(batching_live_calibration_arrived(live, request, 0, 0, 0, NULL, 0));
        assert_succeeds(batching_live_calibration_first_token(live, request, 0.1 + 0.01 * request));
        assert_succeeds(batching_live_calibration_finished(live, request, 0.5 + 0.02 * request, 1 + request));
    }
    const batching_status status = use(live, &copy);
    assert_succeeds(batching_live_calibration_destroy(live));
    return status;
}

static batching_status observe_live(batching_live_calibration *live, union any_struct *any) {
    return batching_live_calibration_observe(live, &any->live_calibration_state);
}

static batching_status write_log_live(batching_live_calibration *live, union any_struct *any) {
    return batching_live_calibration_log_write(live, &any->live_calibration_log);
}

static batching_status fit_live(batching_live_calibration *live, union any_struct *any) {
    return batching_live_calibration_fit(live, 1, NULL, NULL, &any->calibration);
}

static batching_status use_live_calibration_state(const union any_struct *any) {
    return calibrate_live(any, observe_live);
}

static batching_status use_live_calibration_log(const union any_struct *any) {
    return calibrate_live(any, write_log_live);
}

static batching_status use_calibration_live(const union any_struct *any) {
    return calibrate_live(any, fit_live);
}

static batching_status use_config_for_times(const union any_struct *any) {
    INITIALIZED(batching_iterations, iterations);
    return batching_iteration_times_calculate(&any->config, &iterations, NULL);
}

static batching_status get_gpu(const union any_struct *any) {
    union any_struct copy = *any;
    return batching_gpu_get(0, &copy.gpu);
}

static batching_status find_gpu(const union any_struct *any) {
    union any_struct copy = *any;
    return batching_gpu_find("L4", &copy.gpu);
}

static batching_status get_model(const union any_struct *any) {
    union any_struct copy = *any;
    return batching_model_get(0, &copy.model);
}

static batching_status find_model(const union any_struct *any) {
    union any_struct copy = *any;
    return batching_model_find("Yi-34B", &copy.model);
}

/* Llama-2-7B on an L4, with what of it is given. */
static batching_status deploy(const batching_model *model, const batching_gpu *gpu, batching_deployment *given,
                              batching_deployment_memory *memory, batching_roofline *roofline) {
    INITIALIZED(batching_model, known_model);
    INITIALIZED(batching_gpu, known_gpu);
    INITIALIZED(batching_deployment, deployment);
    assert_succeeds(batching_model_find("Llama-2-7B", &known_model));
    assert_succeeds(batching_gpu_find("L4", &known_gpu));
    given = given == NULL ? &deployment : given;
    given->model = model == NULL ? &known_model : model;
    given->gpu = gpu == NULL ? &known_gpu : gpu;
    return memory != NULL ? batching_deployment_memory_calculate(given, memory)
                          : batching_deployment_roofline_calculate(given, roofline);
}

static batching_status use_gpu(const union any_struct *any) {
    INITIALIZED(batching_deployment_memory, memory);
    union any_struct copy = *any;
    copy.gpu.memory_bytes = copy.gpu.memory_bandwidth = copy.gpu.bf16_peak = 1.0;
    return deploy(NULL, &copy.gpu, NULL, &memory, NULL);
}

static batching_status use_model(const union any_struct *any) {
    INITIALIZED(batching_roofline, roofline);
    union any_struct copy = *any;
    copy.model.num_hidden_layers = copy.model.hidden_size = copy.model.num_attention_heads = 1;
    copy.model.intermediate_size = copy.model.vocab_size = 1;
    return deploy(&copy.model, NULL, NULL, NULL, &roofline);
}

static batching_status use_deployment(const union any_struct *any) {
    INITIALIZED(batching_deployment_memory, memory);
    union any_struct copy = *any;
    return deploy(NULL, NULL, &copy.deployment, &memory, NULL);
}

static batching_status use_deployment_for_roofline(const union any_struct *any) {
    INITIALIZED(batching_roofline, roofline);
    union any_struct copy = *any;
    return deploy(NULL, NULL, &copy.deployment, NULL, &roofline);
}

static batching_status use_deployment_memory(const union any_struct *any) {
    union any_struct copy = *any;
    return deploy(NULL, NULL, NULL, &copy.deployment_memory, NULL);
}

static batching_status calculate_roofline(const union any_struct *any) {
    union any_struct copy = *any;
    return deploy(NULL, NULL, NULL, NULL, &copy.roofline);
}

static batching_status use_iteration_log(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    INITIALIZED(batching_engine_config, config);
    config.iteration_log = &copy.iteration_log;
    return batching_simulate(&config, &requests, NULL, NULL);
}

static batching_status use_decision_log(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    INITIALIZED(batching_engine_config, config);
    config.decision_log = &copy.decision_log;
    return batching_simulate(&config, &requests, NULL, NULL);
}

static batching_status sweep_recorded(const union any_struct *any) {
    return batching_load_calculate(&any->recorded, NULL, NULL, NULL);
}

static batching_status use_load_config(const union any_struct *any) {
    INITIALIZED(batching_recorded, recorded);
    return batching_load_calculate(&recorded, &any->load_config, NULL, NULL);
}

static batching_status use_load(const union any_struct *any) {
    INITIALIZED(batching_recorded, recorded);
    union any_struct copy = *any;
    return batching_load_calculate(&recorded, NULL, &copy.load, NULL);
}

static batching_status use_load_timeline(const union any_struct *any) {
    INITIALIZED(batching_recorded, recorded);
    union any_struct copy = *any;
    return batching_load_calculate(&recorded, NULL, NULL, &copy.load_timeline);
}

static batching_status use_attribution(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    copy.attribution.capacity = 4;
    INITIALIZED(batching_engine_config, config);
    config.attribution = &copy.attribution;
    return batching_simulate(&config, &requests, NULL, NULL);
}

static batching_status divide_attribution(const union any_struct *any) {
    const double percentiles[] = {0.0};
    INITIALIZED(batching_attribution_bands, bands);
    return batching_attribution_bands_calculate(&any->attribution, 0, NULL, percentiles, 0, &bands);
}

static batching_status use_attribution_bands(const union any_struct *any) {
    const double percentiles[] = {0.0};
    INITIALIZED(batching_attribution, attribution);
    return batching_attribution_bands_calculate(&attribution, 0, NULL, percentiles, 0, &any->attribution_bands);
}

/* The engine as well as the simulators: they read the same structs. */
static batching_status simulate_requests(const union any_struct *any) {
    return batching_simulate(NULL, &any->requests, NULL, NULL);
}

static batching_status simulate_into_results(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    copy.results.capacity = 4;
    return batching_simulate(NULL, &requests, &copy.results, NULL);
}

static batching_status simulate_into_summary(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    return batching_simulate(NULL, &requests, NULL, &copy.summary);
}

/* A profile with nothing but a constant time, which a struct of any size has. */
static batching_status get_profile(batching_engine_config *config, batching_profile_facts *facts) {
    static const char json[] = "{\"format\": \"batching profile\", \"version\": 1, \"iteration_time\": 0.5}";
    batching_profile *profile = NULL;
    assert_succeeds(batching_profile_create(json, sizeof json - 1, &profile));
    const batching_status status = batching_profile_get(profile, config, facts);
    assert_succeeds(batching_profile_destroy(profile));
    return status;
}

static batching_status get_config_of_profile(const union any_struct *any) {
    union any_struct copy = *any;
    return get_profile(&copy.config, NULL);
}

static batching_status get_profile_facts(const union any_struct *any) {
    union any_struct copy = *any;
    return get_profile(NULL, &copy.profile_facts);
}

static batching_status use_router_config(const union any_struct *any) {
    union any_struct copy = *any;
    batching_router *router = NULL;
    copy.router_config.workers = 2;
    batching_status status = batching_router_create(&copy.router_config, &router);
    assert_succeeds(batching_router_destroy(router));
    return status;
}

static batching_router *new_router(void) {
    INITIALIZED(batching_router_config, config);
    batching_router *router = NULL;
    config.workers = 2;
    assert_succeeds(batching_router_create(&config, &router));
    return router;
}

static batching_status route(const union any_struct *any) {
    batching_router *router = new_router();
    int64_t worker;
    batching_status status = batching_router_route(router, &any->routing_request, &worker);
    assert_succeeds(batching_router_destroy(router));
    return status;
}

static batching_status explain(const union any_struct *any) {
    batching_router *router = new_router();
    batching_status status = batching_router_explain(router, &any->routing_request, NULL, NULL);
    assert_succeeds(batching_router_destroy(router));
    return status;
}

static batching_status book(const union any_struct *any) {
    batching_router *router = new_router();
    batching_status status = batching_router_book(router, &any->routing_request, 1);
    assert_succeeds(batching_router_destroy(router));
    return status;
}

static batching_status use_worker_metrics(const union any_struct *any) {
    union any_struct copy = *any;
    copy.worker_metrics.count = 2;
    batching_router *router = new_router();
    batching_status status = batching_router_observe(router, &copy.worker_metrics);
    assert_succeeds(batching_router_destroy(router));
    return status;
}

static batching_status use_autoscaler_config(const union any_struct *any) {
    union any_struct copy = *any;
    copy.autoscaler_config.target = 1;
    batching_autoscaler *autoscaler = NULL;
    batching_status status = batching_autoscaler_create(&copy.autoscaler_config, &autoscaler);
    assert_succeeds(batching_autoscaler_destroy(autoscaler));
    return status;
}

static batching_status use_scaling_readings(const union any_struct *any) {
    INITIALIZED(batching_autoscaler_config, config);
    config.target = 1;
    batching_autoscaler *autoscaler = NULL;
    assert_succeeds(batching_autoscaler_create(&config, &autoscaler));
    int64_t desired;
    batching_status status = batching_autoscaler_decide(autoscaler, &any->scaling_readings, &desired);
    assert_succeeds(batching_autoscaler_destroy(autoscaler));
    return status;
}

static batching_status use_fleet_config(const union any_struct *any) {
    union any_struct copy = *any;
    copy.fleet_config.pool_count = 1;
    batching_requests requests = lesson_requests();
    return batching_fleet_simulate(&copy.fleet_config, &requests, NULL, NULL, NULL);
}

/* A replica that prefills and one that decodes; or one that does both. */
static batching_status simulate_parts(const batching_disaggregation_config *disaggregation,
                                      const batching_admission_config *admission, const batching_fault_config *faults,
                                      const batching_fleet_scaling_config *scaling) {
    static const int32_t roles[] = {BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE};
    batching_requests requests = lesson_requests();
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = disaggregation != NULL ? 2 : 1;
    config.role = disaggregation != NULL ? roles : NULL;
    config.disaggregation = disaggregation;
    config.admission = admission;
    config.faults = faults;
    config.scaling = scaling;
    return batching_fleet_simulate(&config, &requests, NULL, NULL, NULL);
}

static batching_status use_disaggregation_config(const union any_struct *any) {
    return simulate_parts(&any->disaggregation_config, NULL, NULL, NULL);
}

static batching_status use_admission_config(const union any_struct *any) {
    return simulate_parts(NULL, &any->admission_config, NULL, NULL);
}

static batching_status use_fault_config(const union any_struct *any) {
    return simulate_parts(NULL, NULL, &any->fault_config, NULL);
}

static batching_status use_fleet_scaling_config(const union any_struct *any) {
    INITIALIZED(batching_autoscaler_config, autoscaler);
    autoscaler.target = 1;
    union any_struct copy = *any;
    copy.fleet_scaling_config.autoscaler = &autoscaler;
    return simulate_parts(NULL, NULL, NULL, &copy.fleet_scaling_config);
}

static batching_status use_autoscaler_of_fleet(const union any_struct *any) {
    union any_struct copy = *any;
    copy.autoscaler_config.target = 1;
    INITIALIZED(batching_fleet_scaling_config, scaling);
    scaling.autoscaler = &copy.autoscaler_config;
    return simulate_parts(NULL, NULL, NULL, &scaling);
}

static batching_status use_fleet_results(const union any_struct *any) {
    union any_struct copy = *any;
    copy.fleet_results.capacity = 4;
    copy.fleet_results.replica_capacity = 1;
    batching_requests requests = lesson_requests();
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    return batching_fleet_simulate(&config, &requests, NULL, &copy.fleet_results, NULL);
}

/* A fleet of one replica, of the given configuration. */
static batching_fleet *live_fleet(void) {
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    batching_fleet *fleet;
    assert_succeeds(batching_fleet_create(&config, &fleet));
    return fleet;
}

static batching_status create_fleet(const union any_struct *any) {
    union any_struct copy = *any;
    copy.fleet_config.pool_count = 1;
    batching_fleet *fleet = NULL;
    batching_status status = batching_fleet_create(&copy.fleet_config, &fleet);
    /* The sentence is that of the call before, which destroying nothing would replace. */
    if (fleet != NULL) {
        assert_succeeds(batching_fleet_destroy(fleet));
    }
    return status;
}

static batching_status use_fleet_events(const union any_struct *any) {
    union any_struct copy = *any;
    batching_fleet *fleet = live_fleet();
    batching_status status = batching_fleet_poll(fleet, &copy.fleet_events);
    assert_succeeds(batching_fleet_destroy(fleet));
    return status;
}

static batching_status use_fleet_state(const union any_struct *any) {
    union any_struct copy = *any;
    batching_fleet *fleet = live_fleet();
    batching_status status = batching_fleet_observe(fleet, &copy.fleet_state);
    assert_succeeds(batching_fleet_destroy(fleet));
    return status;
}

static batching_status poll_fleet_results(const union any_struct *any) {
    INITIALIZED(batching_fleet_events, events);
    events.fleet_results = &any->fleet_results;
    batching_fleet *fleet = live_fleet();
    batching_status status = batching_fleet_poll(fleet, &events);
    assert_succeeds(batching_fleet_destroy(fleet));
    return status;
}

static batching_status poll_results(const union any_struct *any) {
    INITIALIZED(batching_fleet_events, events);
    events.results = &any->results;
    batching_fleet *fleet = live_fleet();
    batching_status status = batching_fleet_poll(fleet, &events);
    assert_succeeds(batching_fleet_destroy(fleet));
    return status;
}

static batching_status use_router_of_fleet(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    config.router = &any->router_config;
    return batching_fleet_simulate(&config, &requests, NULL, NULL, NULL);
}

static batching_status use_engine_of_fleet(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    const batching_engine_config *engines[] = {&any->config};
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    config.engine = engines;
    return batching_fleet_simulate(&config, &requests, NULL, NULL, NULL);
}

static batching_status use_accumulator_config(const union any_struct *any) {
    batching_accumulator *accumulator = NULL;
    batching_status status = batching_accumulator_create(&any->accumulator_config, &accumulator);
    assert_succeeds(batching_accumulator_destroy(accumulator));
    return status;
}

static batching_status use_accumulator_events(const union any_struct *any) {
    batching_accumulator *accumulator;
    assert_succeeds(batching_accumulator_create(NULL, &accumulator));
    batching_status status = batching_accumulator_add(accumulator, &any->accumulator_events, NULL);
    assert_succeeds(batching_accumulator_destroy(accumulator));
    return status;
}

static batching_status use_accumulator_state(const union any_struct *any) {
    union any_struct copy = *any;
    batching_accumulator *accumulator;
    assert_succeeds(batching_accumulator_create(NULL, &accumulator));
    batching_status status = batching_accumulator_observe(accumulator, &copy.accumulator_state);
    assert_succeeds(batching_accumulator_destroy(accumulator));
    return status;
}

static batching_status use_live_engine_events(const union any_struct *any) {
    union any_struct copy = *any;
    batching_live_engine *engine;
    assert_succeeds(batching_live_engine_create(NULL, &engine));
    batching_status status = batching_live_engine_poll(engine, &copy.engine_events);
    assert_succeeds(batching_live_engine_destroy(engine));
    return status;
}

static batching_status use_live_engine_state(const union any_struct *any) {
    union any_struct copy = *any;
    batching_live_engine *engine;
    assert_succeeds(batching_live_engine_create(NULL, &engine));
    batching_status status = batching_live_engine_observe(engine, &copy.engine_state);
    assert_succeeds(batching_live_engine_destroy(engine));
    return status;
}

static const struct kind {
    const char *argument;
    uint32_t size;
    uint32_t first_size;
    any_init *init;
    any_use *use;
} KINDS[] = {
    {"requests", REQUESTS_SIZE, REQUESTS_FIRST_SIZE, requests_of_any, use_requests},
    {"requests", REQUESTS_SIZE, REQUESTS_FIRST_SIZE, requests_of_any, simulate_requests},
    {"results", RESULTS_SIZE, RESULTS_FIRST_SIZE, results_of_any, use_results},
    {"results", RESULTS_SIZE, RESULTS_FIRST_SIZE, results_of_any, simulate_into_results},
    {"summary", SUMMARY_SIZE, SUMMARY_FIRST_SIZE, summary_of_any, use_summary},
    {"summary", SUMMARY_SIZE, SUMMARY_FIRST_SIZE, summary_of_any, simulate_into_summary},
    {"completed", COMPLETED_SIZE, COMPLETED_SIZE, completed_of_any, use_completed},
    {"latencies", LATENCIES_SIZE, LATENCIES_SIZE, latencies_of_any, use_latencies},
    {"metrics", BATCH_METRICS_SIZE, BATCH_METRICS_SIZE, batch_metrics_of_any, use_metrics},
    {"recorded", RECORDED_SIZE, RECORDED_FIRST_SIZE, recorded_of_any, use_recorded},
    {"distribution", DISTRIBUTION_SIZE, DISTRIBUTION_SIZE, distribution_of_any, use_distribution},
    {"distribution", DISTRIBUTION_SIZE, DISTRIBUTION_SIZE, distribution_of_any, use_wanted_distribution},
    {"config", SERVING_METRICS_CONFIG_SIZE, SERVING_METRICS_CONFIG_FIRST_SIZE, serving_metrics_config_of_any,
     use_serving_metrics_config},
    {"metrics", SERVING_METRICS_SIZE, SERVING_METRICS_FIRST_SIZE, serving_metrics_of_any, use_serving_metrics},
    {"comparison", COMPARISON_SIZE, COMPARISON_SIZE, comparison_of_any, use_comparison},
    {"workload", WORKLOAD_SIZE, WORKLOAD_FIRST_SIZE, workload_of_any, use_workload},
    {"workload", WORKLOAD_SIZE, WORKLOAD_FIRST_SIZE, workload_of_any, use_workload_for_hashes},
    {"workload", WORKLOAD_SIZE, WORKLOAD_FIRST_SIZE, workload_of_any, use_workload_for_sessions},
    {"config", ENGINE_CONFIG_SIZE, ENGINE_CONFIG_FIRST_SIZE, engine_config_of_any, use_engine_config},
    {"client", CLIENT_SIZE, CLIENT_SIZE, client_of_any, use_client},
    {"gpu", GPU_SIZE, GPU_SIZE, gpu_of_any, get_gpu},
    {"gpu", GPU_SIZE, GPU_SIZE, gpu_of_any, find_gpu},
    {"gpu", GPU_SIZE, GPU_SIZE, gpu_of_any, use_gpu},
    {"model", MODEL_SIZE, MODEL_SIZE, model_of_any, get_model},
    {"model", MODEL_SIZE, MODEL_SIZE, model_of_any, find_model},
    {"model", MODEL_SIZE, MODEL_SIZE, model_of_any, use_model},
    {"deployment", DEPLOYMENT_SIZE, DEPLOYMENT_SIZE, deployment_of_any, use_deployment},
    {"deployment", DEPLOYMENT_SIZE, DEPLOYMENT_SIZE, deployment_of_any, use_deployment_for_roofline},
    {"memory", DEPLOYMENT_MEMORY_SIZE, DEPLOYMENT_MEMORY_SIZE, deployment_memory_of_any, use_deployment_memory},
    {"roofline", ROOFLINE_SIZE, ROOFLINE_SIZE, roofline_of_any, calculate_roofline},
    {"roofline", ROOFLINE_SIZE, ROOFLINE_SIZE, roofline_of_any, use_roofline},
    {"offload", KV_OFFLOAD_SIZE, KV_OFFLOAD_SIZE, kv_offload_of_any, use_kv_offload},
    {"table", TIME_TABLE_SIZE, TIME_TABLE_SIZE, time_table_of_any, use_time_table},
    {"iterations", ITERATIONS_SIZE, ITERATIONS_SIZE, iterations_of_any, use_iterations},
    {"config", CALIBRATION_CONFIG_SIZE, CALIBRATION_CONFIG_SIZE, calibration_config_of_any, use_calibration_config},
    {"requests", REQUESTS_SIZE, REQUESTS_FIRST_SIZE, requests_of_any, use_requests_to_calibrate},
    {"recorded", RECORDED_SIZE, RECORDED_FIRST_SIZE, recorded_of_any, use_recorded_to_calibrate},
    {"calibration", CALIBRATION_SIZE, CALIBRATION_SIZE, calibration_of_any, use_calibration},
    {"config", CALIBRATION_CONFIG_SIZE, CALIBRATION_CONFIG_SIZE, calibration_config_of_any,
     use_config_to_calibrate_live},
    {"calibration", CALIBRATION_SIZE, CALIBRATION_SIZE, calibration_of_any, use_calibration_live},
    {"state", LIVE_CALIBRATION_STATE_SIZE, LIVE_CALIBRATION_STATE_SIZE, live_calibration_state_of_any,
     use_live_calibration_state},
    {"log", LIVE_CALIBRATION_LOG_SIZE, LIVE_CALIBRATION_LOG_SIZE, live_calibration_log_of_any,
     use_live_calibration_log},
    {"config", ENGINE_CONFIG_SIZE, ENGINE_CONFIG_FIRST_SIZE, engine_config_of_any, use_config_for_times},
    {"config", ENGINE_CONFIG_SIZE, ENGINE_CONFIG_FIRST_SIZE, engine_config_of_any, get_config_of_profile},
    {"facts", PROFILE_FACTS_SIZE, PROFILE_FACTS_SIZE, profile_facts_of_any, get_profile_facts},
    {"iteration_log", ITERATION_LOG_SIZE, ITERATION_LOG_SIZE, iteration_log_of_any, use_iteration_log},
    {"decision_log", DECISION_LOG_SIZE, DECISION_LOG_SIZE, decision_log_of_any, use_decision_log},
    {"attribution", ATTRIBUTION_SIZE, ATTRIBUTION_FIRST_SIZE, attribution_of_any, use_attribution},
    {"recorded", RECORDED_SIZE, RECORDED_FIRST_SIZE, recorded_of_any, sweep_recorded},
    {"config", LOAD_CONFIG_SIZE, LOAD_CONFIG_SIZE, load_config_of_any, use_load_config},
    {"load", LOAD_SIZE, LOAD_SIZE, load_of_any, use_load},
    {"timeline", LOAD_TIMELINE_SIZE, LOAD_TIMELINE_SIZE, load_timeline_of_any, use_load_timeline},
    {"attribution", ATTRIBUTION_SIZE, ATTRIBUTION_FIRST_SIZE, attribution_of_any, divide_attribution},
    {"config", ROUTER_CONFIG_SIZE, ROUTER_CONFIG_SIZE, router_config_of_any, use_router_config},
    {"request", ROUTING_REQUEST_SIZE, ROUTING_REQUEST_SIZE, routing_request_of_any, route},
    {"request", ROUTING_REQUEST_SIZE, ROUTING_REQUEST_SIZE, routing_request_of_any, explain},
    {"request", ROUTING_REQUEST_SIZE, ROUTING_REQUEST_SIZE, routing_request_of_any, book},
    {"metrics", WORKER_METRICS_SIZE, WORKER_METRICS_SIZE, worker_metrics_of_any, use_worker_metrics},
    {"config", AUTOSCALER_CONFIG_SIZE, AUTOSCALER_CONFIG_SIZE, autoscaler_config_of_any, use_autoscaler_config},
    {"readings", SCALING_READINGS_SIZE, SCALING_READINGS_SIZE, scaling_readings_of_any, use_scaling_readings},
    {"config", FLEET_CONFIG_SIZE, FLEET_CONFIG_FIRST_SIZE, fleet_config_of_any, use_fleet_config},
    {"results", FLEET_RESULTS_SIZE, FLEET_RESULTS_FIRST_SIZE, fleet_results_of_any, use_fleet_results},
    {"config", FLEET_CONFIG_SIZE, FLEET_CONFIG_FIRST_SIZE, fleet_config_of_any, create_fleet},
    {"events", FLEET_EVENTS_SIZE, FLEET_EVENTS_FIRST_SIZE, fleet_events_of_any, use_fleet_events},
    {"state", FLEET_STATE_SIZE, FLEET_STATE_FIRST_SIZE, fleet_state_of_any, use_fleet_state},
    {"results", FLEET_RESULTS_SIZE, FLEET_RESULTS_FIRST_SIZE, fleet_results_of_any, poll_fleet_results},
    {"results", RESULTS_SIZE, RESULTS_FIRST_SIZE, results_of_any, poll_results},
    {"config", DISAGGREGATION_CONFIG_SIZE, DISAGGREGATION_CONFIG_SIZE, disaggregation_config_of_any,
     use_disaggregation_config},
    {"config", ADMISSION_CONFIG_SIZE, ADMISSION_CONFIG_FIRST_SIZE, admission_config_of_any, use_admission_config},
    {"config", FAULT_CONFIG_SIZE, FAULT_CONFIG_SIZE, fault_config_of_any, use_fault_config},
    {"config", FLEET_SCALING_CONFIG_SIZE, FLEET_SCALING_CONFIG_FIRST_SIZE, fleet_scaling_config_of_any,
     use_fleet_scaling_config},
    {"config", AUTOSCALER_CONFIG_SIZE, AUTOSCALER_CONFIG_SIZE, autoscaler_config_of_any, use_autoscaler_of_fleet},
    {"config", ROUTER_CONFIG_SIZE, ROUTER_CONFIG_SIZE, router_config_of_any, use_router_of_fleet},
    {"config", ENGINE_CONFIG_SIZE, ENGINE_CONFIG_FIRST_SIZE, engine_config_of_any, use_engine_of_fleet},
    {"config", ACCUMULATOR_CONFIG_SIZE, ACCUMULATOR_CONFIG_SIZE, accumulator_config_of_any, use_accumulator_config},
    {"events", ACCUMULATOR_EVENTS_SIZE, ACCUMULATOR_EVENTS_SIZE, accumulator_events_of_any, use_accumulator_events},
    {"state", ACCUMULATOR_STATE_SIZE, ACCUMULATOR_STATE_SIZE, accumulator_state_of_any, use_accumulator_state},
    {"events", LIVE_ENGINE_EVENTS_SIZE, LIVE_ENGINE_EVENTS_FIRST_SIZE, live_engine_events_of_any,
     use_live_engine_events},
    {"state", LIVE_ENGINE_STATE_SIZE, LIVE_ENGINE_STATE_FIRST_SIZE, live_engine_state_of_any, use_live_engine_state},
    {"bands", ATTRIBUTION_BANDS_SIZE, ATTRIBUTION_BANDS_FIRST_SIZE, attribution_bands_of_any, use_attribution_bands},
};

#define FOR_EACH_KIND(kind) for (const struct kind *kind = KINDS; kind < KINDS + sizeof KINDS / sizeof *KINDS; kind++)

static void init_sets_the_size_and_clears_the_rest(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any, expected;
        memset(&any, UNTOUCHED, sizeof any);
        memset(&expected, UNTOUCHED, sizeof expected);
        memset(&expected, 0, kind->size);
        expected.head.struct_size = kind->size;
        if (kind->init == workload_of_any) {
            expected.workload.seed = 42;
            expected.workload.prompt_length_min = 50;
            expected.workload.prompt_length_max = 200;
            expected.workload.output_length_min = 20;
            expected.workload.output_length_max = 500;
            expected.workload.arrival_rate = 10.0;
        }
        assert_succeeds(kind->init(&any, kind->size));
        assert_memory_equal(&any, &expected, sizeof any);
    }
}

static void init_writes_no_more_of_an_older_struct_than_it_has(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any;
        memset(&any, UNTOUCHED, sizeof any);
        assert_succeeds(kind->init(&any, kind->first_size));
        assert_int_equal(any.head.struct_size, kind->first_size);
        for (uint32_t offset = kind->first_size; offset < sizeof any; offset++) {
            assert_int_equal(any.bytes[offset], UNTOUCHED);
        }
    }
}

static void init_clears_all_of_a_newer_struct(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any;
        memset(&any, UNTOUCHED, sizeof any);
        assert_succeeds(kind->init(&any, LARGEST_SIZE));
        assert_int_equal(any.head.struct_size, LARGEST_SIZE);
        for (uint32_t offset = kind->size; offset < LARGEST_SIZE; offset++) {
            assert_int_equal(any.bytes[offset], 0);
        }
        assert_int_equal(any.bytes[LARGEST_SIZE], UNTOUCHED);
    }
}

static const uint32_t BAD_SIZES[] = {
    0,
    1,
    4,
    7,
    8,
    16,
    41,
    44,
    57,
    85,
    LARGEST_SIZE - 1,
    LARGEST_SIZE + 1,
    LARGEST_SIZE + 8,
    INT32_MAX,
    UINT32_MAX - 7,
    UINT32_MAX,
};

#define FOR_EACH_BAD_SIZE(size)                                                                                        \
    for (const uint32_t *size = BAD_SIZES; size < BAD_SIZES + sizeof BAD_SIZES / sizeof *BAD_SIZES; size++)

static void init_refuses_a_size_that_is_none_and_writes_nothing(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any, untouched;
        memset(&any, UNTOUCHED, sizeof any);
        memset(&untouched, UNTOUCHED, sizeof untouched);
        FOR_EACH_BAD_SIZE(size) {
            assert_fails(kind->init(&any, *size), BATCHING_ERROR_STRUCT_SIZE, kind->argument);
        }
        assert_fails(kind->init(&any, kind->first_size - 8), BATCHING_ERROR_STRUCT_SIZE, kind->argument);
        assert_memory_equal(&any, &untouched, sizeof any);
        assert_fails(kind->init(NULL, kind->size), BATCHING_ERROR_NULL_POINTER, kind->argument);
    }
}

static void a_struct_of_a_size_that_is_none_is_refused(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any;
        assert_succeeds(kind->init(&any, kind->size));
        assert_succeeds(kind->use(&any));
        FOR_EACH_BAD_SIZE(size) {
            char sentence[64];
            snprintf(sentence, sizeof sentence, "%s.struct_size is %u", kind->argument, *size);
            any.head.struct_size = *size;
            assert_fails(kind->use(&any), BATCHING_ERROR_STRUCT_SIZE, sentence);
        }
        any.head.struct_size = kind->first_size - 8;
        assert_fails(kind->use(&any), BATCHING_ERROR_STRUCT_SIZE, kind->argument);
    }
}

static void a_longer_struct_is_accepted_while_its_unknown_fields_are_zero(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        const uint32_t longer_sizes[] = {kind->size + 8, 2 * kind->size, LARGEST_SIZE};
        for (size_t which = 0; which < 3; which++) {
            union any_struct any;
            assert_succeeds(kind->init(&any, longer_sizes[which]));
            assert_succeeds(kind->use(&any));
            const uint32_t unknown_fields[] = {kind->size, longer_sizes[which] - 1};
            for (size_t field = 0; field < 2; field++) {
                any.bytes[unknown_fields[field]] = 1;
                assert_fails(kind->use(&any), BATCHING_ERROR_STRUCT_SIZE, kind->argument);
                any.bytes[unknown_fields[field]] = 0;
            }
            /* What lies beyond the struct is not looked at. */
            any.bytes[longer_sizes[which]] = 1;
            assert_succeeds(kind->use(&any));
        }
    }
}

/* The fields that it does not have are 0, whatever lies behind it. */
static void every_size_since_the_first_is_accepted(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        for (uint32_t size = kind->first_size; size <= kind->size; size += 8) {
            union any_struct any;
            memset(&any, UNTOUCHED, sizeof any);
            assert_succeeds(kind->init(&any, size));
            assert_succeeds(kind->use(&any));
        }
    }
}

/* The column of priorities lies behind what an older caller's struct has, so that the order is that of arrival. */
static void a_field_behind_an_older_struct_is_not_read(void **state) {
    (void)state;
    static const int32_t reversed[4] = {3, 2, 1, 0};
    INITIALIZED(batching_engine_config, config);
    config.queue_order = BATCHING_QUEUE_PRIORITY;
    config.max_num_seqs = 1;
    batching_requests requests = {0};
    requests.priority = reversed;
    assert_succeeds(batching_requests_init(&requests, REQUESTS_FIRST_SIZE));
    assert_ptr_equal(requests.priority, reversed);
    requests.count = 4;
    int64_t completion_order[4];
    INITIALIZED(batching_results, results);
    results.capacity = 4;
    results.completion_order = completion_order;
    assert_succeeds(batching_simulate(&config, &requests, &results, NULL));
    assert_memory_equal(completion_order, ((int64_t[]){0, 1, 2, 3}), sizeof completion_order);
    requests.struct_size = REQUESTS_SIZE;
    assert_succeeds(batching_simulate(&config, &requests, &results, NULL));
    assert_memory_equal(completion_order, ((int64_t[]){3, 2, 1, 0}), sizeof completion_order);
}

/* What an older caller's struct is followed by is the caller's: of its columns none is written, of a summary no byte.
 */
static void nothing_behind_an_older_output_is_written(void **state) {
    (void)state;
    batching_requests requests = lesson_requests();
    for (int is_engine = 0; is_engine < 2; is_engine++) {
        union any_struct summary, results;
        memset(&summary, UNTOUCHED, sizeof summary);
        memset(&results, UNTOUCHED, sizeof results);
        assert_succeeds(batching_summary_init(&summary.summary, SUMMARY_FIRST_SIZE));
        assert_succeeds(batching_results_init(&results.results, RESULTS_FIRST_SIZE));
        results.results.capacity = 4;
        assert_succeeds(is_engine ? batching_simulate(NULL, &requests, &results.results, &summary.summary)
                                  : batching_static_simulate(&requests, 2, 0.01, &results.results, &summary.summary));
        assert_int_equal(summary.summary.struct_size, SUMMARY_FIRST_SIZE);
        assert_int_equal(summary.summary.total_tokens, 430);
        for (size_t offset = SUMMARY_FIRST_SIZE; offset < sizeof summary; offset++) {
            assert_int_equal(summary.bytes[offset], UNTOUCHED);
        }
    }
}

static void an_output_keeps_its_size_and_its_unknown_fields(void **state) {
    (void)state;
    batching_requests requests = lesson_requests();
    union any_struct any;
    memset(&any, UNTOUCHED, sizeof any);
    assert_succeeds(batching_summary_init(&any.summary, SUMMARY_SIZE + 16));
    assert_succeeds(batching_continuous_simulate(&requests, 2, 0.01, NULL, &any.summary));
    assert_int_equal(any.summary.struct_size, SUMMARY_SIZE + 16);
    assert_int_equal(any.summary.reserved, 0);
    assert_int_equal(any.summary.total_tokens, 430);
    for (int offset = SUMMARY_SIZE; offset < SUMMARY_SIZE + 16; offset++) {
        assert_int_equal(any.bytes[offset], 0);
    }
    assert_int_equal(any.bytes[SUMMARY_SIZE + 16], UNTOUCHED);
}

static void reserved_must_be_zero(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any;
        assert_succeeds(kind->init(&any, kind->size));
        any.head.reserved = 7;
        char sentence[64];
        snprintf(sentence, sizeof sentence, "%s.reserved is 7", kind->argument);
        assert_fails(kind->use(&any), BATCHING_ERROR_INVALID_ARGUMENT, sentence);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_sets_the_size_and_clears_the_rest),
        cmocka_unit_test(init_writes_no_more_of_an_older_struct_than_it_has),
        cmocka_unit_test(init_clears_all_of_a_newer_struct),
        cmocka_unit_test(init_refuses_a_size_that_is_none_and_writes_nothing),
        cmocka_unit_test(a_struct_of_a_size_that_is_none_is_refused),
        cmocka_unit_test(a_longer_struct_is_accepted_while_its_unknown_fields_are_zero),
        cmocka_unit_test(every_size_since_the_first_is_accepted),
        cmocka_unit_test(a_field_behind_an_older_struct_is_not_read),
        cmocka_unit_test(nothing_behind_an_older_output_is_written),
        cmocka_unit_test(an_output_keeps_its_size_and_its_unknown_fields),
        cmocka_unit_test(reserved_must_be_zero),
    };
    return cmocka_run_group_tests_name("structs", tests, NULL, NULL);
}
