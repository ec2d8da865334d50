/*
 * Compiled against the header of a later version (grow_header.py), run with the library as it is: every struct is
 * longer than the library knows. While the later fields are 0 all works; if one is not, the call is refused with a
 * sentence that says which byte, and no output is touched.
 */
#include <math.h>
#include <stdio.h>

#include "../c/support.h"

enum { COUNT = 4, ROWS = 64, PERCENTILES = 2 };

/*
 * Every struct of the header and all that they point to, in one block of memory: one comparison tells whether a call
 * wrote to any of it. A struct that is new in the header is to be added here, to set_the_scene and to USES.
 */
struct scene {
    /* What comes in. */
    batching_requests requests;
    batching_engine_config engine_config;
    batching_client client;
    batching_completed completed;
    batching_recorded recorded;
    batching_serving_metrics_config serving_metrics_config;
    batching_load_config load_config;
    batching_workload workload;
    batching_router_config router_config;
    batching_autoscaler_config autoscaler_config;
    batching_scaling_readings scaling_readings;
    batching_fleet_config fleet_config;
    batching_fleet_results fleet_results;
    batching_fleet_events fleet_events;
    batching_fleet_state fleet_state;
    batching_disaggregation_config disaggregation_config;
    batching_admission_config admission_config;
    batching_fault_config fault_config;
    batching_fleet_scaling_config fleet_scaling_config;
    int32_t role[2];
    batching_routing_request routing_request;
    batching_worker_metrics worker_metrics;
    batching_accumulator_config accumulator_config;
    batching_accumulator_events accumulator_events;
    batching_gpu gpu;
    batching_model model;
    batching_deployment deployment;
    batching_time_table time_table;
    batching_kv_offload kv_offload;
    batching_iterations iterations;
    batching_calibration_config calibration_config;
    int32_t output_length[COUNT];
    double arrival_time[COUNT];
    double percentiles[PERCENTILES];
    int64_t ids[COUNT];
    int32_t events[COUNT];
    double shares[2];

    /* What goes out. */
    batching_results results;
    batching_summary summary;
    batching_iteration_log iteration_log;
    batching_decision_log decision_log;
    batching_attribution attribution;
    batching_attribution_bands attribution_bands;
    batching_latencies latencies;
    batching_batch_metrics batch_metrics;
    batching_distribution distribution;
    batching_serving_metrics serving_metrics;
    batching_load load;
    batching_load_timeline load_timeline;
    batching_comparison comparison;
    batching_accumulator_state accumulator_state;
    batching_live_engine_events live_engine_events;
    batching_live_engine_state live_engine_state;
    batching_deployment_memory deployment_memory;
    batching_roofline roofline;
    batching_calibration calibration;
    batching_live_calibration_state live_calibration_state;
    batching_live_calibration_log live_calibration_log;
    batching_profile_facts profile_facts;
    double start_time[COUNT];
    double end_time[COUNT];
    double log_time[ROWS];
    int64_t log_request[ROWS];
    double waiting_for_slot[COUNT];
    double waiting_for_memory[COUNT];
    double prefill[COUNT];
    double decode[COUNT];
    double slowed_by_prefill[COUNT];
    double preempted[COUNT];
    double held_in_batch[COUNT];
    int64_t band_count[1];
    double queue_time[COUNT];
    double distribution_percentiles[PERCENTILES];
    double timeline_time[ROWS];
    int32_t prompt_length[COUNT];
    int64_t needed;
    int64_t accepted;
    int64_t worker;
    batching_accumulator *accumulator;
    batching_router *router;
    batching_autoscaler *autoscaler;
    batching_fleet *fleet;
};

static struct scene scene;

/* Each struct by its _init function, with the fields that its calls need; all outputs filled with UNTOUCHED. */
static void set_the_scene(void) {
    memset(&scene, UNTOUCHED, sizeof scene);
#define INITIALIZE(type) assert_succeeds(batching_##type##_init(&scene.type, sizeof scene.type));
    EVERY_INIT(INITIALIZE)
    for (int at = 0; at < COUNT; at++) {
        scene.output_length[at] = 2 + at;
        scene.arrival_time[at] = 0.125 * at;
        scene.ids[at] = at;
        scene.events[at] = BATCHING_ACCUMULATOR_ARRIVED;
        scene.start_time[at] = 1.0 + at;
        scene.end_time[at] = 2.0 + at;
        scene.waiting_for_slot[at] = scene.waiting_for_memory[at] = scene.prefill[at] = scene.decode[at] = 1.0;
        scene.slowed_by_prefill[at] = scene.preempted[at] = scene.held_in_batch[at] = 1.0;
    }
    scene.percentiles[0] = 50.0;
    scene.percentiles[1] = 99.0;
    scene.shares[0] = 0.0;
    scene.shares[1] = 100.0;

    scene.requests.count = scene.completed.count = scene.recorded.count = scene.accumulator_events.count = COUNT;
    scene.requests.output_length = scene.recorded.output_length = scene.completed.tokens_generated =
        scene.output_length;
    scene.requests.client = &scene.client;
    scene.requests.arrival_time = scene.completed.arrival_time = scene.recorded.arrival_time = scene.arrival_time;
    scene.completed.start_time = scene.recorded.start_time = scene.start_time;
    scene.completed.end_time = scene.recorded.end_time = scene.end_time;
    scene.serving_metrics_config.percentiles = scene.percentiles;
    scene.serving_metrics_config.percentile_count = PERCENTILES;
    scene.accumulator_events.request = scene.ids;
    scene.accumulator_events.time = scene.arrival_time;
    scene.accumulator_events.event = scene.events;
    scene.accumulator_events.value = scene.output_length;

    scene.model.num_hidden_layers = scene.model.hidden_size = scene.model.num_attention_heads = 1;
    scene.model.intermediate_size = scene.model.vocab_size = 1;
    scene.gpu.memory_bytes = scene.gpu.memory_bandwidth = scene.gpu.bf16_peak = 1e9;
    scene.deployment.model = &scene.model;
    scene.deployment.gpu = &scene.gpu;

    scene.router_config.workers = scene.worker_metrics.count = COUNT;
    scene.worker_metrics.waiting = scene.ids;
    scene.autoscaler_config.target = 1;
    scene.fleet_config.pool_count = 1;
    scene.role[0] = BATCHING_ROLE_PREFILL;
    scene.role[1] = BATCHING_ROLE_DECODE;
    scene.fleet_scaling_config.autoscaler = &scene.autoscaler_config;
    scene.fleet_results.capacity = COUNT;
    scene.fleet_results.replica_capacity = 1;
    scene.fleet_events.capacity = ROWS;
    scene.fleet_events.time = scene.log_time;

    scene.results.capacity = scene.attribution.capacity = scene.latencies.capacity = COUNT;
    scene.iteration_log.capacity = scene.decision_log.capacity = scene.load_timeline.capacity = ROWS;
    scene.attribution_bands.capacity = 1;
    scene.live_engine_events.capacity = ROWS;
    scene.live_engine_events.time = scene.log_time;
    scene.results.start_time = scene.start_time;
    scene.results.end_time = scene.end_time;
    scene.iteration_log.time = scene.log_time;
    scene.decision_log.request = scene.log_request;
    scene.attribution.waiting_for_slot = scene.waiting_for_slot;
    scene.attribution.waiting_for_memory = scene.waiting_for_memory;
    scene.attribution.prefill = scene.prefill;
    scene.attribution.decode = scene.decode;
    scene.attribution.slowed_by_prefill = scene.slowed_by_prefill;
    scene.attribution.preempted = scene.preempted;
    scene.attribution.held_in_batch = scene.held_in_batch;
    scene.attribution_bands.count = scene.band_count;
    scene.latencies.queue_time = scene.queue_time;
    scene.distribution.percentiles = scene.distribution_percentiles;
    scene.serving_metrics.ttft = &scene.distribution;
    scene.load_timeline.time = scene.timeline_time;
    scene.engine_config.iteration_log = &scene.iteration_log;
    scene.engine_config.decision_log = &scene.decision_log;
    scene.engine_config.attribution = &scene.attribution;
}

/* The calls. Each leaves a trace in the scene if it succeeds. */

static batching_status simulate(void) {
    return batching_simulate(&scene.engine_config, &scene.requests, &scene.results, &scene.summary);
}

static batching_status simulate_apart(void) {
    batching_fleet_config config = scene.fleet_config;
    config.pool_count = 2;
    config.role = scene.role;
    config.disaggregation = &scene.disaggregation_config;
    return batching_fleet_simulate(&config, &scene.requests, &scene.results, NULL, &scene.summary);
}

static batching_status simulate_operated(void) {
    batching_fleet_config config = scene.fleet_config;
    config.admission = &scene.admission_config;
    config.faults = &scene.fault_config;
    config.scaling = &scene.fleet_scaling_config;
    return batching_fleet_simulate(&config, &scene.requests, &scene.results, NULL, &scene.summary);
}

static batching_status simulate_fleet(void) {
    return batching_fleet_simulate(&scene.fleet_config, &scene.requests, &scene.results, &scene.fleet_results,
                                   &scene.summary);
}

static batching_status simulate_static(void) {
    return batching_static_simulate(&scene.requests, 2, 0.01, &scene.results, &scene.summary);
}

static batching_status simulate_continuous(void) {
    return batching_continuous_simulate(&scene.requests, 2, 0.01, &scene.results, &scene.summary);
}

static batching_status compare(void) {
    return batching_strategies_compare(&scene.requests, 2, 0.01, &scene.comparison);
}

static batching_status divide(void) {
    return batching_attribution_bands_calculate(&scene.attribution, COUNT, NULL, scene.shares, 1,
                                                &scene.attribution_bands);
}

static batching_status split(void) {
    return batching_latencies_calculate(&scene.completed, &scene.latencies);
}

static batching_status measure_batch(void) {
    return batching_batch_metrics_calculate(&scene.completed, 10.0, &scene.batch_metrics);
}

static batching_status measure(void) {
    return batching_serving_metrics_calculate(&scene.recorded, &scene.serving_metrics_config, &scene.serving_metrics);
}

static batching_status distribute(void) {
    return batching_distribution_calculate(COUNT, scene.arrival_time, &scene.serving_metrics_config,
                                           &scene.distribution);
}

static batching_status sweep(void) {
    return batching_load_calculate(&scene.recorded, &scene.load_config, &scene.load, &scene.load_timeline);
}

static batching_status generate(void) {
    return batching_workload_generate(&scene.workload, COUNT, scene.prompt_length, NULL, NULL);
}

static batching_status generate_hashes(void) {
    return batching_workload_hashes_generate(&scene.workload, COUNT, NULL, 0, NULL, &scene.needed);
}

static batching_status get_gpu(void) {
    return batching_gpu_get(0, &scene.gpu);
}

static batching_status find_gpu(void) {
    return batching_gpu_find("L4", &scene.gpu);
}

static batching_status get_model(void) {
    return batching_model_get(0, &scene.model);
}

static batching_status find_model(void) {
    return batching_model_find("Yi-34B", &scene.model);
}

static batching_status deploy(void) {
    return batching_deployment_memory_calculate(&scene.deployment, &scene.deployment_memory);
}

/* Two iterations, by a table and by a roofline. What is not in the scene is copied: a call changes nothing but its outputs. */
static batching_status calculate_times(void) {
    batching_engine_config config = scene.engine_config;
    batching_iterations iterations = scene.iterations;
    batching_time_table table = scene.time_table;
    batching_roofline roofline = scene.roofline;
    iterations.count = COUNT;
    iterations.decode_tokens = scene.ids;
    table.per_iteration = roofline.per_iteration = 1.0;
    config.time_model = BATCHING_TIME_TABLE;
    config.time_table = &table;
    double seconds[COUNT];
    batching_status status = batching_iteration_times_calculate(&config, &iterations, seconds);
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_table = NULL;
    config.time_roofline = &roofline;
    return status == BATCHING_OK ? batching_iteration_times_calculate(&config, &iterations, scene.queue_time) : status;
}

/* With host memory of one block. */
static batching_status simulate_with_offload(void) {
    batching_engine_config config = scene.engine_config;
    batching_kv_offload offload = scene.kv_offload;
    offload.host_tokens = 16;
    config.iteration_log = NULL;
    config.decision_log = NULL;
    config.attribution = NULL;
    config.enable_prefix_caching = 1;
    config.num_gpu_blocks = 9;
    config.kv_offload = &offload;
    return batching_simulate(&config, &scene.requests, &scene.results, &scene.summary);
}

/* A log of as few requests as can be calibrated on. */
static batching_status calibrate(void) {
    enum { ROWS_OF_LOG = 16 };
    int32_t lengths[ROWS_OF_LOG];
    double first[ROWS_OF_LOG], end[ROWS_OF_LOG];
    for (int at = 0; at < ROWS_OF_LOG; at++) {
        lengths[at] = 1 + at;
        first[at] = 0.1 + 0.01 * at;
        end[at] = 0.5 + 0.02 * at;
    }
    batching_calibration_config config = scene.calibration_config;
    batching_requests requests = scene.requests;
    batching_recorded recorded = scene.recorded;
    batching_roofline roofline = scene.roofline;
    roofline.per_iteration = 0.01;
    config.engine = &scene.engine_config;
    config.roofline = &roofline;
    config.simulations = 1;
    requests.client = NULL;
    requests.prompt_length = NULL;
    requests.arrival_time = recorded.arrival_time = NULL;
    requests.count = recorded.count = ROWS_OF_LOG;
    requests.output_length = recorded.output_length = lengths;
    recorded.start_time = NULL;
    recorded.first_token_time = first;
    recorded.end_time = end;
    return batching_iteration_time_calibrate(&config, &requests, &recorded, &scene.calibration);
}

/* With a live calibration that is not in the scene, and has seen as few requests as can be fitted to. */
static batching_status with_live_calibration(batching_status (*call)(batching_live_calibration *)) {
    batching_live_calibration *live;
    assert_succeeds(batching_live_calibration_create(NULL, 16, &live));
    for (int request = 0; request < 16; request++) {
        assert_succeeds(batching_live_calibration_arrived(live, request, 0, 0, 0, NULL, 0));
        assert_succeeds(batching_live_calibration_first_token(live, request, 0.1 + 0.01 * request));
        assert_succeeds(batching_live_calibration_finished(live, request, 0.5 + 0.02 * request, 1 + request));
    }
    const batching_status status = call(live);
    assert_succeeds(batching_live_calibration_destroy(live));
    return status;
}

static batching_status observe_of_calibration(batching_live_calibration *live) {
    return batching_live_calibration_observe(live, &scene.live_calibration_state);
}
static batching_status log_of_calibration(batching_live_calibration *live) {
    return batching_live_calibration_log_write(live, &scene.live_calibration_log);
}
static batching_status fit_of_calibration(batching_live_calibration *live) {
    return batching_live_calibration_fit(live, 1, NULL, NULL, &scene.calibration);
}

static batching_status observe_calibration(void) {
    return with_live_calibration(observe_of_calibration);
}
static batching_status write_log_of_calibration(void) {
    return with_live_calibration(log_of_calibration);
}
static batching_status fit_calibration(void) {
    return with_live_calibration(fit_of_calibration);
}
/* That it was made is told by a number, as the handle is not in the scene. */
static batching_status create_calibration(void) {
    batching_live_calibration *live = NULL;
    const batching_status status = batching_live_calibration_create(&scene.calibration_config, 16, &live);
    if (status == BATCHING_OK) {
        scene.needed = 1;
        assert_succeeds(batching_live_calibration_destroy(live));
    }
    return status;
}

static batching_status calculate_roofline(void) {
    return batching_deployment_roofline_calculate(&scene.deployment, &scene.roofline);
}

static batching_status get_profile(batching_engine_config *config, batching_profile_facts *facts) {
    static const char json[] = "{\"format\": \"batching profile\", \"version\": 1, \"iteration_time\": 0.5}";
    batching_profile *profile = NULL;
    assert_succeeds(batching_profile_create(json, sizeof json - 1, &profile));
    batching_status status = batching_profile_get(profile, config, facts);
    assert_succeeds(batching_profile_destroy(profile));
    return status;
}

static batching_status get_config_of_profile(void) {
    return get_profile(&scene.engine_config, NULL);
}

static batching_status get_facts_of_profile(void) {
    return get_profile(NULL, &scene.profile_facts);
}

static batching_status create(void) {
    batching_status status = batching_accumulator_create(&scene.accumulator_config, &scene.accumulator);
    if (status == BATCHING_OK) {
        assert_succeeds(batching_accumulator_destroy(scene.accumulator));
    }
    return status;
}

static batching_status create_router(void) {
    batching_status status = batching_router_create(&scene.router_config, &scene.router);
    if (status == BATCHING_OK) {
        assert_succeeds(batching_router_destroy(scene.router));
    }
    return status;
}

/* With a router that is not in the scene, since it is not the call's to write. */
static batching_status with_router(batching_status (*call)(batching_router *)) {
    batching_router_config config;
    batching_router *router = NULL;
    assert_succeeds(batching_router_config_init(&config, sizeof config));
    config.workers = COUNT;
    assert_succeeds(batching_router_create(&config, &router));
    batching_status status = call(router);
    assert_succeeds(batching_router_destroy(router));
    return status;
}

static batching_status route_by(batching_router *router) {
    return batching_router_route(router, &scene.routing_request, &scene.worker);
}

static batching_status explain_by(batching_router *router) {
    return batching_router_explain(router, &scene.routing_request, NULL, scene.log_time);
}

static batching_status book_by(batching_router *router) {
    batching_status status = batching_router_book(router, &scene.routing_request, 0);
    return status == BATCHING_OK ? batching_router_load(router, scene.log_request, NULL, NULL) : status;
}

static batching_status tell_router(batching_router *router) {
    batching_status status = batching_router_observe(router, &scene.worker_metrics);
    return status == BATCHING_OK ? batching_router_load(router, scene.log_request, NULL, NULL) : status;
}

static batching_status route(void) {
    return with_router(route_by);
}
static batching_status explain(void) {
    return with_router(explain_by);
}
static batching_status book(void) {
    return with_router(book_by);
}
static batching_status observe_workers(void) {
    return with_router(tell_router);
}

static batching_status create_autoscaler(void) {
    batching_status status = batching_autoscaler_create(&scene.autoscaler_config, &scene.autoscaler);
    if (status == BATCHING_OK) {
        assert_succeeds(batching_autoscaler_destroy(scene.autoscaler));
    }
    return status;
}

/* With an autoscaler that is not in the scene, since it is not the call's to write. */
static batching_status decide_replicas(void) {
    batching_autoscaler_config config;
    batching_autoscaler *autoscaler = NULL;
    assert_succeeds(batching_autoscaler_config_init(&config, sizeof config));
    config.target = 1;
    assert_succeeds(batching_autoscaler_create(&config, &autoscaler));
    batching_status status = batching_autoscaler_decide(autoscaler, &scene.scaling_readings, &scene.needed);
    assert_succeeds(batching_autoscaler_destroy(autoscaler));
    return status;
}

/* With an accumulator that is not in the scene, since it is not the call's to write, and has seen one request. */
static batching_status with_accumulator(batching_status (*call)(batching_accumulator *)) {
    batching_accumulator *accumulator;
    assert_succeeds(batching_accumulator_create(NULL, &accumulator));
    assert_succeeds(batching_accumulator_arrived(accumulator, COUNT, 1.0, 10));
    assert_succeeds(batching_accumulator_tokens(accumulator, COUNT, 2.0, 1));
    assert_succeeds(batching_accumulator_finished(accumulator, COUNT, 2.0, BATCHING_FINISHED_STOP));
    batching_status status = call(accumulator);
    assert_succeeds(batching_accumulator_destroy(accumulator));
    return status;
}

static batching_status add_to(batching_accumulator *accumulator) {
    return batching_accumulator_add(accumulator, &scene.accumulator_events, &scene.accepted);
}

static batching_status read_of(batching_accumulator *accumulator) {
    return batching_accumulator_observe(accumulator, &scene.accumulator_state);
}

static batching_status measure_of(batching_accumulator *accumulator) {
    return batching_accumulator_measure(accumulator, BATCHING_ACCUMULATOR_START, &scene.serving_metrics_config,
                                        &scene.serving_metrics);
}

static batching_status add(void) {
    return with_accumulator(add_to);
}
static batching_status read_state(void) {
    return with_accumulator(read_of);
}
static batching_status measure_live(void) {
    return with_accumulator(measure_of);
}

/* With an engine that is not in the scene, either, and that one request has gone through. */
static batching_status with_engine(batching_status (*call)(batching_live_engine *)) {
    const int32_t output_length = 2;
    batching_requests requests;
    assert_succeeds(batching_requests_init(&requests, sizeof requests));
    requests.count = 1;
    requests.output_length = &output_length;
    batching_live_engine *engine;
    assert_succeeds(batching_live_engine_create(NULL, &engine));
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    batching_status status = call(engine);
    assert_succeeds(batching_live_engine_destroy(engine));
    return status;
}

static batching_status poll_of(batching_live_engine *engine) {
    return batching_live_engine_poll(engine, &scene.live_engine_events);
}

static batching_status observe_of(batching_live_engine *engine) {
    return batching_live_engine_observe(engine, &scene.live_engine_state);
}

/* The first of the requests would arrive before the clock, which is at 0.02 s: so all arrive now. */
static batching_status estimate_of(batching_live_engine *engine) {
    scene.requests.arrival_time = NULL;
    scene.requests.client = NULL;
    batching_status status = batching_live_engine_estimate(engine, &scene.requests, &scene.results);
    scene.requests.arrival_time = scene.arrival_time;
    scene.requests.client = &scene.client;
    return status;
}

/* With a fleet that is not in the scene, either, and that one request has gone through. */
static batching_status with_fleet(batching_status (*call)(batching_fleet *)) {
    const int32_t output_length = 2;
    batching_requests requests;
    assert_succeeds(batching_requests_init(&requests, sizeof requests));
    requests.count = 1;
    requests.output_length = &output_length;
    batching_fleet_config config;
    assert_succeeds(batching_fleet_config_init(&config, sizeof config));
    config.pool_count = 1;
    batching_fleet *fleet;
    assert_succeeds(batching_fleet_create(&config, &fleet));
    assert_succeeds(batching_fleet_submit(fleet, &requests, NULL));
    assert_succeeds(batching_fleet_advance(fleet, INFINITY));
    batching_status status = call(fleet);
    assert_succeeds(batching_fleet_destroy(fleet));
    return status;
}

static batching_status poll_of_fleet(batching_fleet *fleet) {
    return batching_fleet_poll(fleet, &scene.fleet_events);
}

static batching_status observe_of_fleet(batching_fleet *fleet) {
    return batching_fleet_observe(fleet, &scene.fleet_state);
}

static batching_status estimate_of_fleet(batching_fleet *fleet) {
    scene.requests.arrival_time = NULL;
    scene.requests.client = NULL;
    batching_status status = batching_fleet_estimate(fleet, &scene.requests, &scene.results, &scene.fleet_results);
    scene.requests.arrival_time = scene.arrival_time;
    scene.requests.client = &scene.client;
    return status;
}

static batching_status create_fleet(void) {
    batching_status status = batching_fleet_create(&scene.fleet_config, &scene.fleet);
    if (status == BATCHING_OK) {
        assert_succeeds(batching_fleet_destroy(scene.fleet));
    }
    return status;
}
static batching_status poll_fleet(void) {
    return with_fleet(poll_of_fleet);
}
static batching_status observe_fleet(void) {
    return with_fleet(observe_of_fleet);
}
static batching_status estimate_with_fleet(void) {
    return with_fleet(estimate_of_fleet);
}

static batching_status poll_engine(void) {
    return with_engine(poll_of);
}
static batching_status observe_engine(void) {
    return with_engine(observe_of);
}
static batching_status estimate_with_engine(void) {
    return with_engine(estimate_of);
}

typedef batching_status any_call(void);

#define STRUCT(type, argument, call)                                                                                   \
    {                                                                                                                  \
#type, argument, call, offsetof(struct scene, type), sizeof(batching_##type),                                  \
            offsetof(batching_##type, later_number)                                                                    \
    }

/* Each struct with each call that takes it, and the name by which the call's errors speak of it. */
static const struct use {
    const char *type;
    const char *argument;
    any_call *call;
    size_t place;
    size_t size;
    size_t known; /* The bytes that the library has heard of. */
} USES[] = {
    STRUCT(requests, "requests", simulate),
    STRUCT(client, "client", simulate),
    STRUCT(requests, "requests", simulate_static),
    STRUCT(requests, "requests", simulate_continuous),
    STRUCT(requests, "requests", compare),
    STRUCT(requests, "requests", estimate_with_engine),
    STRUCT(results, "results", simulate),
    STRUCT(results, "results", simulate_static),
    STRUCT(results, "results", simulate_continuous),
    STRUCT(results, "results", estimate_with_engine),
    STRUCT(summary, "summary", simulate),
    STRUCT(summary, "summary", simulate_static),
    STRUCT(summary, "summary", simulate_continuous),
    STRUCT(comparison, "comparison", compare),
    STRUCT(engine_config, "config", simulate),
    STRUCT(iteration_log, "iteration_log", simulate),
    STRUCT(decision_log, "decision_log", simulate),
    STRUCT(attribution, "attribution", simulate),
    STRUCT(attribution, "attribution", divide),
    STRUCT(attribution_bands, "bands", divide),
    STRUCT(completed, "completed", split),
    STRUCT(completed, "completed", measure_batch),
    STRUCT(latencies, "latencies", split),
    STRUCT(batch_metrics, "metrics", measure_batch),
    STRUCT(recorded, "recorded", measure),
    STRUCT(recorded, "recorded", sweep),
    STRUCT(serving_metrics_config, "config", measure),
    STRUCT(serving_metrics_config, "config", distribute),
    STRUCT(serving_metrics_config, "config", measure_live),
    STRUCT(distribution, "distribution", measure),
    STRUCT(distribution, "distribution", distribute),
    STRUCT(distribution, "distribution", measure_live),
    STRUCT(serving_metrics, "metrics", measure),
    STRUCT(serving_metrics, "metrics", measure_live),
    STRUCT(load_config, "config", sweep),
    STRUCT(load, "load", sweep),
    STRUCT(load_timeline, "timeline", sweep),
    STRUCT(workload, "workload", generate),
    STRUCT(workload, "workload", generate_hashes),
    STRUCT(gpu, "gpu", get_gpu),
    STRUCT(gpu, "gpu", find_gpu),
    STRUCT(gpu, "gpu", deploy),
    STRUCT(model, "model", get_model),
    STRUCT(model, "model", find_model),
    STRUCT(model, "model", deploy),
    STRUCT(model, "model", calculate_roofline),
    STRUCT(deployment, "deployment", deploy),
    STRUCT(deployment, "deployment", calculate_roofline),
    STRUCT(deployment_memory, "memory", deploy),
    STRUCT(roofline, "roofline", calculate_roofline),
    STRUCT(roofline, "roofline", calculate_times),
    STRUCT(time_table, "table", calculate_times),
    STRUCT(kv_offload, "offload", simulate_with_offload),
    STRUCT(iterations, "iterations", calculate_times),
    STRUCT(calibration_config, "config", calibrate),
    STRUCT(engine_config, "config", calibrate),
    STRUCT(roofline, "roofline", calibrate),
    STRUCT(requests, "requests", calibrate),
    STRUCT(recorded, "recorded", calibrate),
    STRUCT(calibration, "calibration", calibrate),
    STRUCT(calibration_config, "config", create_calibration),
    STRUCT(live_calibration_state, "state", observe_calibration),
    STRUCT(live_calibration_log, "log", write_log_of_calibration),
    STRUCT(calibration, "calibration", fit_calibration),
    STRUCT(engine_config, "config", get_config_of_profile),
    STRUCT(profile_facts, "facts", get_facts_of_profile),
    STRUCT(engine_config, "config", calculate_times),
    STRUCT(router_config, "config", create_router),
    STRUCT(autoscaler_config, "config", create_autoscaler),
    STRUCT(scaling_readings, "readings", decide_replicas),
    STRUCT(fleet_config, "config", simulate_fleet),
    STRUCT(fleet_results, "results", simulate_fleet),
    STRUCT(fleet_config, "config", create_fleet),
    STRUCT(fleet_events, "events", poll_fleet),
    STRUCT(fleet_state, "state", observe_fleet),
    STRUCT(requests, "requests", estimate_with_fleet),
    STRUCT(results, "results", estimate_with_fleet),
    STRUCT(fleet_results, "results", estimate_with_fleet),
    STRUCT(disaggregation_config, "config", simulate_apart),
    STRUCT(admission_config, "config", simulate_operated),
    STRUCT(fault_config, "config", simulate_operated),
    STRUCT(fleet_scaling_config, "config", simulate_operated),
    STRUCT(autoscaler_config, "config", simulate_operated),
    STRUCT(results, "results", simulate_fleet),
    STRUCT(requests, "requests", simulate_fleet),
    STRUCT(summary, "summary", simulate_fleet),
    STRUCT(routing_request, "request", route),
    STRUCT(routing_request, "request", explain),
    STRUCT(routing_request, "request", book),
    STRUCT(worker_metrics, "metrics", observe_workers),
    STRUCT(accumulator_config, "config", create),
    STRUCT(accumulator_events, "events", add),
    STRUCT(accumulator_state, "state", read_state),
    STRUCT(live_engine_events, "events", poll_engine),
    STRUCT(live_engine_state, "state", observe_engine),
};

#define FOR_EACH_USE(use) for (const struct use *use = USES; use < USES + sizeof USES / sizeof *USES; use++)

static void every_struct_is_used(void **state) {
    (void)state;
#define IS_USED(name)                                                                                                  \
    {                                                                                                                  \
        int uses = 0;                                                                                                  \
        FOR_EACH_USE(use) {                                                                                            \
            uses += strcmp(use->type, #name) == 0;                                                                     \
        }                                                                                                              \
        if (uses == 0) {                                                                                               \
            fail_msg("batching_" #name " has an _init function, but no call is tried with it here");                   \
        }                                                                                                              \
    }
    EVERY_INIT(IS_USED)
}

static void later_fields_that_are_zero_are_accepted(void **state) {
    (void)state;
    FOR_EACH_USE(use) {
        set_the_scene();
        const struct scene before = scene;
        assert_succeeds(use->call());
        /* The call reaches as far as its outputs: that a refused one leaves them alone means something. */
        if (memcmp(&scene, &before, sizeof scene) == 0) {
            fail_msg("a call with batching_%s as its %s wrote nothing", use->type, use->argument);
        }
        /* Nothing is ever written to what the library has not heard of. */
        for (size_t offset = use->known; offset < use->size; offset++) {
            assert_int_equal(((unsigned char *)&scene)[use->place + offset], 0);
        }
    }
}

static void a_later_field_that_is_not_zero_is_refused_and_nothing_written(void **state) {
    (void)state;
    FOR_EACH_USE(use) {
        const size_t offsets[] = {use->known, use->size - 1};
        for (size_t which = 0; which < 2; which++) {
            set_the_scene();
            ((unsigned char *)&scene)[use->place + offsets[which]] = 1;
            const struct scene before = scene;
            char sentence[256];
            snprintf(sentence, sizeof sentence,
                     "%s.struct_size is %zu and byte %zu is 1: this library knows %zu bytes and needs the rest to be 0",
                     use->argument, use->size, offsets[which], use->known);
            if (use->call() != BATCHING_ERROR_STRUCT_SIZE) {
                fail_msg("byte %zu of batching_%s is not 0, and is ignored", offsets[which], use->type);
            }
            assert_string_equal(batching_last_error(), sentence);
            assert_memory_equal(&scene, &before, sizeof scene);
        }
    }
}

/* What callbacks are given is as long as the library knows: a newer program sees by its struct_size what is there. */

static int32_t check_iteration(const batching_iteration *iteration, double *seconds, void *calls) {
    assert_int_equal(iteration->struct_size, offsetof(batching_iteration, later_number));
    *seconds = 0.25;
    ++*(int *)calls;
    return 0;
}

static int32_t check_progress(const batching_progress *progress, void *calls) {
    assert_int_equal(progress->struct_size, offsetof(batching_progress, later_number));
    ++*(int *)calls;
    return 0;
}

static void a_callback_is_told_how_much_the_library_knows(void **state) {
    (void)state;
    int iterations = 0, reports = 0;
    set_the_scene();
    scene.engine_config.time_model = BATCHING_TIME_CALLBACK;
    scene.engine_config.time_callback = check_iteration;
    scene.engine_config.time_user_data = &iterations;
    scene.engine_config.progress_callback = check_progress;
    scene.engine_config.progress_user_data = &reports;
    scene.engine_config.progress_interval = 1;
    assert_succeeds(simulate());
    assert_true(iterations > 0);
    assert_true(reports > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_struct_is_used),
        cmocka_unit_test(later_fields_that_are_zero_are_accepted),
        cmocka_unit_test(a_later_field_that_is_not_zero_is_refused_and_nothing_written),
        cmocka_unit_test(a_callback_is_told_how_much_the_library_knows),
    };
    return cmocka_run_group_tests_name("newer structs", tests, NULL, NULL);
}
