/* The rows of failing_allocations.c for functions without a handle. */
#include "failing_allocations.h"

#include <stdio.h>
#include <string.h>

/* --- Simulations ---------------------------------------------------------------------------------------------------*/

static batching_status simulate(const struct choice *choice) {
    batching_requests requests = some_requests(choice);
    batching_engine_config config = some_config(choice);
    batching_results results = some_results();
    return batching_simulate(&config, &requests, &results, &outputs.summary);
}

static batching_status static_simulate(const struct choice *choice) {
    batching_requests requests = some_requests(choice);
    batching_results results = some_results();
    return batching_static_simulate(&requests, 8, 0.01, &results, &outputs.summary);
}

static batching_status continuous_simulate(const struct choice *choice) {
    batching_requests requests = some_requests(choice);
    batching_results results = some_results();
    return batching_continuous_simulate(&requests, 300, 0.01, &results, &outputs.summary);
}

static batching_status strategies_compare(const struct choice *choice) {
    batching_requests requests = some_requests(choice);
    return batching_strategies_compare(&requests, 8, 0.01, &outputs.comparison);
}

/* Three replicas in two pools; `kind` is the router. */
static batching_status fleet_simulate(const struct choice *choice) {
    batching_requests requests = some_requests(choice);
    requests.abort_time = NULL;
    batching_engine_config engine = some_config(choice);
    const batching_engine_config *engines[] = {&engine, &engine};
    const int64_t replicas[] = {1, 2};
    batching_router_config router;
    must(batching_router_config_init(&router, sizeof router));
    router.router = choice->kind;
    router.no_kv_events = 1;
    batching_fleet_config config;
    must(batching_fleet_config_init(&config, sizeof config));
    config.pool_count = 2;
    config.engine = engines;
    config.replicas = replicas;
    config.router = &router;
    batching_results results = some_results();
    batching_fleet_results told;
    must(batching_fleet_results_init(&told, sizeof told));
    told.capacity = REQUESTS;
    told.replica_capacity = 3;
    told.replica = outputs.small[7];
    told.routed_time = outputs.seconds[15];
    told.tokens = outputs.numbers[11];
    batching_decision_log log;
    must(batching_decision_log_init(&log, sizeof log));
    batching_decision_log *logs[] = {NULL, &log, NULL};
    config.decision_log = logs;
    return batching_fleet_simulate(&config, &requests, &results, &told, &outputs.summary);
}

/* Two replicas that prefill and two that decode, with KV events and shared links; `kind` is the preset. */
static batching_status apart_simulate(const struct choice *choice) {
    batching_requests requests = some_requests(choice);
    requests.abort_time = NULL;
    batching_engine_config engine = some_config(choice);
    const batching_engine_config *engines[] = {&engine, &engine};
    const int64_t replicas[] = {2, 2};
    const int32_t roles[] = {BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE};
    batching_router_config router;
    must(batching_router_config_init(&router, sizeof router));
    router.router = BATCHING_ROUTER_DYNAMO_KV;
    batching_disaggregation_config apart;
    must(batching_disaggregation_config_init(&apart, sizeof apart));
    apart.preset = choice->kind;
    apart.sharing = BATCHING_SHARING_SOURCE;
    apart.kv_bytes_per_token = 1000;
    apart.link_bandwidth = 1e6;
    apart.link_latency = 0.001;
    batching_fleet_config config;
    must(batching_fleet_config_init(&config, sizeof config));
    config.pool_count = 2;
    config.engine = engines;
    config.replicas = replicas;
    config.role = roles;
    config.router = &router;
    config.disaggregation = &apart;
    batching_results results = some_results();
    return batching_fleet_simulate(&config, &requests, &results, NULL, &outputs.summary);
}

/* Three replicas that are started and lost; `kind` is the autoscaler. */
static batching_status operated_simulate(const struct choice *choice) {
    batching_requests requests = some_requests(choice);
    requests.abort_time = NULL;
    batching_engine_config engine = some_config(choice);
    const batching_engine_config *engines[] = {&engine};
    const int64_t replicas[] = {3};
    const double times[] = {0.5, 1.0};
    const int32_t places[] = {0, 0}, kinds[] = {BATCHING_FAULT_KIND_DOWN, BATCHING_FAULT_KIND_UP};
    batching_admission_config admission;
    must(batching_admission_config_init(&admission, sizeof admission));
    admission.retries = 2;
    admission.ttft_timeout = 5;
    batching_fault_config faults;
    must(batching_fault_config_init(&faults, sizeof faults));
    faults.fault_count = 2;
    faults.fault_time = times;
    faults.fault_replica = places;
    faults.fault_kind = kinds;
    faults.notice_delay = 0.1;
    batching_autoscaler_config autoscaler;
    must(batching_autoscaler_config_init(&autoscaler, sizeof autoscaler));
    autoscaler.autoscaler = choice->kind;
    autoscaler.target = 2;
    batching_fleet_scaling_config scaling;
    must(batching_fleet_scaling_config_init(&scaling, sizeof scaling));
    scaling.autoscaler = &autoscaler;
    scaling.startup_time = 0.5;
    batching_fleet_config config;
    must(batching_fleet_config_init(&config, sizeof config));
    config.pool_count = 1;
    config.engine = engines;
    config.replicas = replicas;
    config.chooser = BATCHING_CHOOSER_ESTIMATED_TTFT;
    config.admission = &admission;
    config.faults = &faults;
    config.scaling = &scaling;
    batching_results results = some_results();
    return batching_fleet_simulate(&config, &requests, &results, NULL, &outputs.summary);
}

static const struct row simulations[] = {
    {"batching_fleet_simulate",
     "prefill and decode apart as Dynamo",
     NULL,
     apart_simulate,
     {.kind = BATCHING_PRESET_DYNAMO, .caches_prefixes = 1}},
    {"batching_fleet_simulate",
     "prefill and decode apart as SGLang",
     NULL,
     apart_simulate,
     {.kind = BATCHING_PRESET_SGLANG_PD, .caches_prefixes = 1, .is_closed = true}},
    {"batching_fleet_simulate",
     "replicas that come and go",
     NULL,
     operated_simulate,
     {.kind = BATCHING_AUTOSCALER_HPA}},
    {"batching_fleet_simulate", "round robin", NULL, fleet_simulate, {.unordered = true}},
    {"batching_fleet_simulate",
     "least requests, clients and sessions",
     NULL,
     fleet_simulate,
     {.kind = BATCHING_ROUTER_LEAST_REQUESTS, .is_closed = true, .asynchronous = 1}},
    {"batching_fleet_simulate",
     "by prefixes",
     NULL,
     fleet_simulate,
     {.kind = BATCHING_ROUTER_DYNAMO_KV, .caches_prefixes = 1}},
    {"batching_fleet_simulate",
     "by sessions, static batches",
     NULL,
     fleet_simulate,
     {.kind = BATCHING_ROUTER_SESSION, .is_closed = true, .policy = BATCHING_POLICY_STATIC}},
    {"batching_simulate", "vllm", NULL, simulate, {.policy = BATCHING_POLICY_VLLM}},
    {"batching_simulate", "vllm, unordered", NULL, simulate, {.unordered = true}},
    {"batching_simulate",
     "asynchronous, short of blocks",
     NULL,
     simulate,
     {.asynchronous = 1, .short_of_blocks = true}},
    {"batching_simulate",
     "by priority",
     NULL,
     simulate,
     {.queue_order = BATCHING_QUEUE_PRIORITY, .short_of_blocks = true}},
    {"batching_simulate",
     "by priority, logged",
     NULL,
     simulate,
     {.queue_order = BATCHING_QUEUE_PRIORITY, .short_of_blocks = true, .logs = true}},
    {"batching_simulate", "prefix caching", NULL, simulate, {.caches_prefixes = 1}},
    {"batching_simulate",
     "prefix caching, short of blocks, attributed",
     NULL,
     simulate,
     {.caches_prefixes = 1, .short_of_blocks = true, .attributes = true}},
    {"batching_simulate",
     "prefix caching, asynchronous, unordered",
     NULL,
     simulate,
     {.caches_prefixes = 1, .asynchronous = 1, .unordered = true}},
    {"batching_simulate",
     "time, progress and logs by callbacks",
     NULL,
     simulate,
     {.asks_for_time = true, .tells_progress = true, .logs = true}},
    {"batching_simulate", "aborts and max_tokens", NULL, simulate, {.ends_early = true}},
    {"batching_simulate", "clients and sessions", NULL, simulate, {.is_closed = true, .ends_early = true}},
    {"batching_simulate",
     "clients and sessions of any ids, by priority",
     NULL,
     simulate,
     {.is_closed = true, .unordered = true, .queue_order = BATCHING_QUEUE_PRIORITY, .attributes = true}},
    {"batching_simulate",
     "aborts and max_tokens, asynchronous, unordered",
     NULL,
     simulate,
     {.ends_early = true, .asynchronous = 1, .unordered = true, .short_of_blocks = true, .logs = true}},
    {"batching_simulate", "attribution", NULL, simulate, {.attributes = true, .short_of_blocks = true}},
    {"batching_simulate", "static", NULL, simulate, {.policy = BATCHING_POLICY_STATIC, .logs = true}},
    {"batching_simulate", "dynamic", NULL, simulate, {.policy = BATCHING_POLICY_DYNAMIC, .ends_early = true}},
    {"batching_simulate",
     "continuous",
     NULL,
     simulate,
     {.policy = BATCHING_POLICY_CONTINUOUS, .short_of_blocks = true}},
    {"batching_simulate", "orca", NULL, simulate, {.policy = BATCHING_POLICY_ORCA, .short_of_blocks = true}},
    {"batching_simulate", "custom", NULL, simulate, {.policy = BATCHING_POLICY_CUSTOM}},
    {"batching_simulate",
     "custom, ahead, which looks up",
     NULL,
     simulate,
     {.policy = BATCHING_POLICY_CUSTOM, .caches_prefixes = 1, .asynchronous = 1}},
    {"batching_simulate",
     "custom, with all that there is",
     NULL,
     simulate,
     {.policy = BATCHING_POLICY_CUSTOM,
      .asks_for_time = true,
      .tells_progress = true,
      .logs = true,
      .attributes = true,
      .ends_early = true}},
    {"batching_static_simulate", "", NULL, static_simulate, {.unordered = true}},
    {"batching_continuous_simulate", "", NULL, continuous_simulate, {.unordered = true}},
    {"batching_strategies_compare", "", NULL, strategies_compare, {.unordered = true}},
};
const struct table SIMULATION_CALLS = {simulations, sizeof simulations / sizeof *simulations};

/* --- Metrics -------------------------------------------------------------------------------------------------------*/

static batching_status latencies(const struct choice *choice) {
    (void)choice;
    batching_completed completed = some_completed();
    batching_latencies latencies;
    must(batching_latencies_init(&latencies, sizeof latencies));
    latencies.capacity = ROWS;
    latencies.queue_time = outputs.seconds[0];
    latencies.processing_time = outputs.seconds[1];
    latencies.total_latency = outputs.seconds[2];
    latencies.time_to_first_token = outputs.seconds[3];
    return batching_latencies_calculate(&completed, &latencies);
}

static batching_status batch_metrics(const struct choice *choice) {
    (void)choice;
    batching_completed completed = some_completed();
    return batching_batch_metrics_calculate(&completed, 10, &outputs.batch_metrics);
}

static batching_status load(const struct choice *choice) {
    batching_recorded recorded = some_recorded();
    batching_load_config config;
    must(batching_load_config_init(&config, sizeof config));
    config.slots = 16;
    config.last_token_time = recorded.first_token_time;
    (void)choice;
    return batching_load_calculate(&recorded, &config, &outputs.load, &outputs.timeline);
}

static batching_status remaining_tokens(const struct choice *choice) {
    (void)choice;
    batching_recorded recorded = some_recorded();
    return batching_remaining_tokens_calculate(REQUESTS, recorded.output_length, recorded.output_length,
                                               outputs.small[0]);
}

static batching_status metrics(const struct choice *choice) {
    batching_recorded recorded = some_recorded();
    batching_serving_metrics_config options = some_options(choice->kind);
    return batching_serving_metrics_calculate(&recorded, &options, &outputs.metrics);
}

static batching_status distribution(const struct choice *choice) {
    (void)choice;
    batching_recorded recorded = some_recorded();
    batching_serving_metrics_config options = some_options(BATCHING_CONVENTION_VLLM);
    return batching_distribution_calculate(REQUESTS, recorded.end_time, &options, &outputs.distributions[0]);
}

static batching_status attribution_bands(const struct choice *choice) {
    (void)choice;
    static const double edges[] = {0, 50, 90, 100};
    batching_recorded recorded = some_recorded();
    batching_attribution parts;
    must(batching_attribution_init(&parts, sizeof parts));
    parts.capacity = REQUESTS;
    /* Only read. */
    parts.waiting_for_slot = parts.waiting_for_memory = parts.prefill = parts.decode = (double *)recorded.arrival_time;
    parts.slowed_by_prefill = parts.preempted = parts.held_in_batch = (double *)recorded.arrival_time;
    batching_attribution_bands bands;
    must(batching_attribution_bands_init(&bands, sizeof bands));
    bands.capacity = ROWS;
    bands.count = outputs.numbers[0];
    bands.shortest = outputs.seconds[0];
    bands.longest = outputs.seconds[1];
    bands.mean_total = outputs.seconds[2];
    bands.waiting_for_slot = outputs.seconds[3];
    bands.decode = outputs.seconds[4];
    return batching_attribution_bands_calculate(&parts, REQUESTS, NULL, edges, 3, &bands);
}

static const struct row metric_rows[] = {
    {"batching_latencies_calculate", "", NULL, latencies, {0}},
    {"batching_batch_metrics_calculate", "", NULL, batch_metrics, {0}},
    {"batching_load_calculate", "a row a change", NULL, load, {.kind = 0}},
    {"batching_load_calculate", "bins", NULL, load, {.kind = 10}},
    {"batching_remaining_tokens_calculate", "", NULL, remaining_tokens, {0}},
    {"batching_serving_metrics_calculate", "vllm", NULL, metrics, {.kind = BATCHING_CONVENTION_VLLM}},
    {"batching_serving_metrics_calculate", "sglang", NULL, metrics, {.kind = BATCHING_CONVENTION_SGLANG}},
    {"batching_serving_metrics_calculate", "aiperf", NULL, metrics, {.kind = BATCHING_CONVENTION_AIPERF}},
    {"batching_distribution_calculate", "", NULL, distribution, {0}},
    {"batching_attribution_bands_calculate", "", NULL, attribution_bands, {0}},
};
const struct table METRIC_CALLS = {metric_rows, sizeof metric_rows / sizeof *metric_rows};

/* --- The rest ------------------------------------------------------------------------------------------------------*/

static batching_workload some_workload(const struct choice *choice) {
    batching_workload workload;
    must(batching_workload_init(&workload, sizeof workload));
    workload.arrivals = choice->kind;
    workload.prompt_lengths = BATCHING_LENGTHS_ZIPF;
    workload.prompt_length_exponent = 1.5;
    workload.output_lengths = BATCHING_LENGTHS_LOGNORMAL;
    workload.output_length_median = 50;
    workload.output_length_sigma = 0.5;
    workload.burstiness = 0.5;
    workload.prefix_groups = 4;
    workload.prefix_length = 32;
    workload.turns_min = 1;
    workload.turns_max = 3;
    workload.think_time = 1;
    workload.hash_block_size = 16;
    return workload;
}

static batching_status workload(const struct choice *choice) {
    batching_workload workload = some_workload(choice);
    return batching_workload_generate(&workload, REQUESTS, outputs.small[0], outputs.small[1], outputs.seconds[0]);
}

static batching_status workload_hashes(const struct choice *choice) {
    batching_workload workload = some_workload(choice);
    return batching_workload_hashes_generate(&workload, REQUESTS, outputs.numbers[0],
                                             (int64_t)(sizeof outputs.bytes / sizeof(int64_t)),
                                             (int64_t *)(void *)outputs.bytes, &outputs.needed);
}

static batching_status workload_sessions(const struct choice *choice) {
    batching_workload workload = some_workload(choice);
    workload.sessions_closed = 1;
    workload.think_times = BATCHING_THINK_TIMES_LOGNORMAL;
    return batching_workload_sessions_generate(&workload, REQUESTS, outputs.numbers[0], outputs.seconds[0]);
}

static batching_status sample(const struct choice *choice) {
    (void)choice;
    return batching_sample_generate(42, REQUESTS, REQUESTS / 2, outputs.numbers[0]);
}

static batching_status arithmetic_intensity(const struct choice *choice) {
    (void)choice;
    return batching_arithmetic_intensity_calculate(4, 1e9, 2, &outputs.number);
}

static batching_status iteration_times(const struct choice *choice) {
    static const double places[] = {1, 2}, table_seconds[] = {1, 2, 3, 4};
    static const int64_t tokens[] = {1, 2, 3};
    batching_engine_config config;
    batching_roofline roofline;
    batching_time_table table;
    batching_iterations iterations;
    must(batching_engine_config_init(&config, sizeof config));
    must(batching_roofline_init(&roofline, sizeof roofline));
    must(batching_time_table_init(&table, sizeof table));
    must(batching_iterations_init(&iterations, sizeof iterations));
    roofline.per_iteration = 1;
    table.decode_sequence_count = table.decode_context_count = 2;
    table.decode_sequences = table.decode_contexts = places;
    table.decode_seconds = table_seconds;
    config.time_model = choice->kind;
    config.time_roofline = &roofline;
    config.time_table = &table;
    iterations.count = 3;
    iterations.decode_tokens = tokens;
    double seconds[3];
    batching_status status = batching_iteration_times_calculate(&config, &iterations, seconds);
    const struct choice plain = {0};
    batching_requests requests = some_requests(&plain);
    status = status == BATCHING_OK ? batching_simulate(&config, &requests, NULL, NULL) : status;
    batching_live_engine *engine = NULL;
    status = status == BATCHING_OK ? batching_live_engine_create(&config, &engine) : status;
    must(batching_live_engine_destroy(engine));
    return status;
}

/* Blocks go to both tiers, and come from there; in a run, a live engine, its copies and its estimates. */
static batching_status offload(const struct choice *choice) {
    batching_engine_config config;
    batching_kv_offload tiers;
    must(batching_engine_config_init(&config, sizeof config));
    must(batching_kv_offload_init(&tiers, sizeof tiers));
    tiers.host_tokens = 64;
    tiers.disk_tokens = 1 << 20;
    config.enable_prefix_caching = 1;
    config.num_gpu_blocks = 40;
    config.block_size = 4;
    config.async_scheduling = choice->asynchronous;
    config.kv_offload = &tiers;
    const struct choice plain = {0};
    batching_requests requests = some_requests(&plain);
    batching_status status = batching_simulate(&config, &requests, NULL, NULL);
    batching_live_engine *engine = NULL, *copy = NULL, *loaded = NULL;
    status = status == BATCHING_OK ? batching_live_engine_create(&config, &engine) : status;
    status = status == BATCHING_OK ? batching_live_engine_submit(engine, &requests, NULL) : status;
    status = status == BATCHING_OK ? batching_live_engine_advance(engine, 1e9, 20) : status;
    status = status == BATCHING_OK ? batching_live_engine_fork(engine, &copy) : status;
    static uint8_t bytes[1 << 16];
    int64_t size = 0;
    status = status == BATCHING_OK ? batching_live_engine_save(engine, bytes, sizeof bytes, &size) : status;
    status = status == BATCHING_OK ? batching_live_engine_load(bytes, size, NULL, &loaded) : status;
    must(batching_live_engine_destroy(engine));
    must(batching_live_engine_destroy(copy));
    must(batching_live_engine_destroy(loaded));
    return status;
}

static batching_status calibrate(const struct choice *choice) {
    (void)choice;
    enum { COUNT = 16 };
    int32_t lengths[COUNT];
    double first[COUNT], end[COUNT];
    for (int at = 0; at < COUNT; at++) {
        lengths[at] = 1 + at;
        first[at] = 0.1 + 0.01 * at;
        end[at] = 0.5 + 0.02 * at;
    }
    batching_calibration_config config;
    batching_requests requests;
    batching_recorded recorded;
    batching_roofline roofline;
    batching_calibration found;
    must(batching_calibration_config_init(&config, sizeof config));
    must(batching_requests_init(&requests, sizeof requests));
    must(batching_recorded_init(&recorded, sizeof recorded));
    must(batching_roofline_init(&roofline, sizeof roofline));
    must(batching_calibration_init(&found, sizeof found));
    requests.count = recorded.count = COUNT;
    requests.output_length = recorded.output_length = lengths;
    recorded.first_token_time = first;
    recorded.end_time = end;
    roofline.per_iteration = 0.01;
    config.roofline = &roofline;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    config.simulations = 3;
    return batching_iteration_time_calibrate(&config, &requests, &recorded, &found);
}

/* By index or by name, one that is there or one of which near names are told. */
static batching_status gpu(const struct choice *choice) {
    batching_gpu gpu;
    int64_t count;
    must(batching_gpu_init(&gpu, sizeof gpu));
    batching_status status = batching_gpus_count(&count);
    status = status == BATCHING_OK ? batching_gpu_get(choice->kind % count, &gpu) : status;
    status = status == BATCHING_OK ? batching_gpu_find("NVIDIA H100 80GB HBM3", &gpu) : status;
    return status == BATCHING_OK && batching_gpu_find("H100-SMX", &gpu) == BATCHING_ERROR_INVALID_ARGUMENT
               ? BATCHING_OK
               : BATCHING_ERROR_OVERFLOW;
}

static batching_status model(const struct choice *choice) {
    batching_model model;
    int64_t count;
    must(batching_model_init(&model, sizeof model));
    batching_status status = batching_models_count(&count);
    status = status == BATCHING_OK ? batching_model_get(choice->kind % count, &model) : status;
    status = status == BATCHING_OK ? batching_model_find("openai/gpt-oss-20b", &model) : status;
    return status == BATCHING_OK && batching_model_find("gpt-4", &model) == BATCHING_ERROR_INVALID_ARGUMENT
               ? BATCHING_OK
               : BATCHING_ERROR_OVERFLOW;
}

static batching_status deployment(const struct choice *choice) {
    batching_model model;
    batching_gpu gpu;
    batching_deployment deployment;
    batching_deployment_memory memory;
    batching_roofline roofline;
    must(batching_model_init(&model, sizeof model));
    must(batching_gpu_init(&gpu, sizeof gpu));
    must(batching_deployment_init(&deployment, sizeof deployment));
    must(batching_deployment_memory_init(&memory, sizeof memory));
    must(batching_roofline_init(&roofline, sizeof roofline));
    must(batching_model_find("gpt-oss-20b", &model));
    must(batching_gpu_find("L4", &gpu));
    deployment.model = &model;
    deployment.gpu = &gpu;
    deployment.tensor_parallel = 2;
    return choice->kind == 0 ? batching_deployment_memory_calculate(&deployment, &memory)
                             : batching_deployment_roofline_calculate(&deployment, &roofline);
}

/* A table of more numbers than the first buffer holds, or a roofline; and what is wrong, which is told without memory. */
static batching_status profile(const struct choice *choice) {
    static const char head[] = "{\"format\":\"batching profile\",\"version\":1,\"model\":\"M\",\"iteration_time\":{";
    static char json[8192];
    size_t size = strlen(strcpy(json, head));
    if (choice->kind == BATCHING_TIME_TABLE) {
        size += (size_t)sprintf(json + size, "\"model\":\"table\",\"linear_tokens\":[");
        for (int place = 0; place < 300; place++) {
            size += (size_t)sprintf(json + size, "%d%s", place, place < 299 ? "," : "],\"linear_seconds\":[");
        }
        for (int place = 0; place < 300; place++) {
            size += (size_t)sprintf(json + size, "1e-90%s", place < 299 ? "," : "]}}");
        }
    } else {
        size += (size_t)sprintf(json + size, "\"model\":\"roofline\",\"layers\":2.0e-300}}");
    }
    batching_profile *profile = NULL, *none = NULL;
    batching_engine_config config;
    batching_profile_facts facts;
    must(batching_engine_config_init(&config, sizeof config));
    must(batching_profile_facts_init(&facts, sizeof facts));
    batching_status status = batching_profile_create(json, (int64_t)size, &profile);
    if (status != BATCHING_OK) {
        return profile == NULL ? status : BATCHING_ERROR_OVERFLOW;
    }
    status = batching_profile_get(profile, &config, &facts);
    must(batching_profile_destroy(profile));
    json[10] = '\1';
    return batching_profile_create(json, (int64_t)size, &none) == BATCHING_ERROR_INVALID_ARGUMENT
               ? status
               : BATCHING_ERROR_OVERFLOW;
}

/* As a policy does that is asked, but without a cache. */
static batching_status look_up(const struct choice *choice) {
    (void)choice;
    const batching_policy_view view = {.struct_size = sizeof view, .count = 1};
    int64_t row = 0, cached_tokens;
    return batching_policy_look_up(&view, &row, 1, &cached_tokens, NULL);
}

static batching_status optimal_batch_size(const struct choice *choice) {
    (void)choice;
    return batching_optimal_batch_size_calculate(1e10, 1e9, 1e5, 1000, &outputs.needed);
}

static batching_status texts(const struct choice *choice) {
    (void)choice;
    return batching_version_number() > 0 && batching_version()[0] != 0 && batching_last_error() != NULL &&
                   batching_status_name(choice->kind) != NULL
               ? BATCHING_OK
               : BATCHING_ERROR_INVALID_ARGUMENT;
}

static int32_t go_on(void *user_data) {
    return user_data != NULL;
}

static batching_status interrupt(const struct choice *choice) {
    (void)choice;
    return batching_interrupt_set(go_on, NULL) == NULL && batching_interrupt_set(NULL, NULL) == go_on
               ? BATCHING_OK
               : BATCHING_ERROR_INVALID_ARGUMENT;
}

/* An error has a sentence also where there is no memory; that the call fails as it should is what counts here. */
static batching_status errors(const struct choice *choice) {
    (void)choice;
    batching_engine_config config;
    must(batching_engine_config_init(&config, sizeof config));
    config.policy = 12345;
    batching_requests requests = some_requests(&(struct choice){0});
    batching_status unknown = batching_simulate(&config, &requests, NULL, NULL);
    batching_status nan = batching_static_simulate(&requests, 8, -1e300, NULL, NULL);
    return unknown == BATCHING_ERROR_INVALID_ARGUMENT && nan == BATCHING_ERROR_INVALID_ARGUMENT &&
                   batching_last_error()[0] != 0
               ? BATCHING_OK
               : BATCHING_ERROR_OVERFLOW;
}

/* Fills a struct of its own. */
#define INIT(type)                                                                                                     \
    static batching_status type##_fill(const struct choice *choice) {                                                  \
        (void)choice;                                                                                                  \
        type filled;                                                                                                   \
        return type##_init(&filled, sizeof filled);                                                                    \
    }
#define INIT_ROW(type)                                                                                                 \
    {                                                                                                                  \
#type "_init", "", NULL, type##_fill, {                                                                        \
            0                                                                                                          \
        }                                                                                                              \
    }

INIT(batching_requests)
INIT(batching_results)
INIT(batching_summary)
INIT(batching_completed)
INIT(batching_latencies)
INIT(batching_batch_metrics)
INIT(batching_comparison)
INIT(batching_recorded)
INIT(batching_distribution)
INIT(batching_serving_metrics_config)
INIT(batching_serving_metrics)
INIT(batching_load_config)
INIT(batching_load)
INIT(batching_load_timeline)
INIT(batching_workload)
INIT(batching_iteration_log)
INIT(batching_decision_log)
INIT(batching_attribution)
INIT(batching_attribution_bands)
INIT(batching_engine_config)
INIT(batching_client)
INIT(batching_gpu)
INIT(batching_model)
INIT(batching_deployment)
INIT(batching_deployment_memory)
INIT(batching_roofline)
INIT(batching_time_table)
INIT(batching_iterations)
INIT(batching_calibration_config)
INIT(batching_calibration)
INIT(batching_live_calibration_state)
INIT(batching_live_calibration_log)
INIT(batching_profile_facts)
INIT(batching_router_config)
INIT(batching_routing_request)
INIT(batching_worker_metrics)
INIT(batching_autoscaler_config)
INIT(batching_scaling_readings)
INIT(batching_fleet_config)
INIT(batching_fleet_results)
INIT(batching_fleet_events)
INIT(batching_fleet_state)
INIT(batching_disaggregation_config)
INIT(batching_admission_config)
INIT(batching_fault_config)
INIT(batching_fleet_scaling_config)
INIT(batching_accumulator_config)
INIT(batching_accumulator_events)
INIT(batching_accumulator_state)
INIT(batching_live_engine_events)
INIT(batching_live_engine_state)

static const struct row other_rows[] = {
    {"batching_workload_generate", "poisson", NULL, workload, {.kind = BATCHING_ARRIVALS_POISSON}},
    {"batching_workload_generate", "gamma", NULL, workload, {.kind = BATCHING_ARRIVALS_GAMMA}},
    {"batching_workload_hashes_generate", "", NULL, workload_hashes, {.kind = BATCHING_ARRIVALS_POISSON}},
    {"batching_workload_sessions_generate", "", NULL, workload_sessions, {.kind = BATCHING_ARRIVALS_POISSON}},
    {"batching_sample_generate", "", NULL, sample, {0}},
    {"batching_arithmetic_intensity_calculate", "", NULL, arithmetic_intensity, {0}},
    {"batching_optimal_batch_size_calculate", "", NULL, optimal_batch_size, {0}},
    {"batching_iteration_times_calculate", "roofline", NULL, iteration_times, {.kind = BATCHING_TIME_ROOFLINE}},
    {"batching_iteration_times_calculate", "table", NULL, iteration_times, {.kind = BATCHING_TIME_TABLE}},
    {"batching_kv_offload_init", "", NULL, offload, {.asynchronous = 0}},
    {"batching_kv_offload_init", "asynchronously", NULL, offload, {.asynchronous = 1}},
    {"batching_iteration_time_calibrate", "", NULL, calibrate, {0}},
    {"batching_gpus_count", "", NULL, gpu, {0}},
    {"batching_gpu_get", "", NULL, gpu, {.kind = 7}},
    {"batching_gpu_find", "", NULL, gpu, {.kind = 24}},
    {"batching_models_count", "", NULL, model, {0}},
    {"batching_model_get", "", NULL, model, {.kind = 7}},
    {"batching_model_find", "", NULL, model, {.kind = 30}},
    {"batching_deployment_memory_calculate", "", NULL, deployment, {.kind = 0}},
    {"batching_deployment_roofline_calculate", "", NULL, deployment, {.kind = 1}},
    {"batching_profile_create", "a table", NULL, profile, {.kind = BATCHING_TIME_TABLE}},
    {"batching_profile_get", "a roofline", NULL, profile, {.kind = BATCHING_TIME_ROOFLINE}},
    {"batching_profile_destroy", "", NULL, profile, {.kind = BATCHING_TIME_TABLE}},
    {"batching_policy_look_up", "", NULL, look_up, {0}},
    {"batching_version", "", NULL, texts, {0}},
    {"batching_version_number", "", NULL, texts, {0}},
    {"batching_status_name", "one that is not known", NULL, texts, {.kind = 7}},
    {"batching_last_error", "", NULL, texts, {0}},
    {"batching_interrupt_set", "", NULL, interrupt, {0}},
    {"batching_simulate", "arguments that are in error", NULL, errors, {0}},
    INIT_ROW(batching_requests),
    INIT_ROW(batching_results),
    INIT_ROW(batching_summary),
    INIT_ROW(batching_completed),
    INIT_ROW(batching_latencies),
    INIT_ROW(batching_batch_metrics),
    INIT_ROW(batching_comparison),
    INIT_ROW(batching_recorded),
    INIT_ROW(batching_distribution),
    INIT_ROW(batching_serving_metrics_config),
    INIT_ROW(batching_serving_metrics),
    INIT_ROW(batching_load_config),
    INIT_ROW(batching_load),
    INIT_ROW(batching_load_timeline),
    INIT_ROW(batching_workload),
    INIT_ROW(batching_iteration_log),
    INIT_ROW(batching_decision_log),
    INIT_ROW(batching_attribution),
    INIT_ROW(batching_attribution_bands),
    INIT_ROW(batching_engine_config),
    INIT_ROW(batching_client),
    INIT_ROW(batching_gpu),
    INIT_ROW(batching_model),
    INIT_ROW(batching_deployment),
    INIT_ROW(batching_deployment_memory),
    INIT_ROW(batching_roofline),
    INIT_ROW(batching_time_table),
    INIT_ROW(batching_iterations),
    INIT_ROW(batching_calibration_config),
    INIT_ROW(batching_calibration),
    INIT_ROW(batching_live_calibration_state),
    INIT_ROW(batching_live_calibration_log),
    INIT_ROW(batching_profile_facts),
    INIT_ROW(batching_router_config),
    INIT_ROW(batching_routing_request),
    INIT_ROW(batching_worker_metrics),
    INIT_ROW(batching_autoscaler_config),
    INIT_ROW(batching_scaling_readings),
    INIT_ROW(batching_fleet_config),
    INIT_ROW(batching_fleet_results),
    INIT_ROW(batching_fleet_events),
    INIT_ROW(batching_fleet_state),
    INIT_ROW(batching_disaggregation_config),
    INIT_ROW(batching_admission_config),
    INIT_ROW(batching_fault_config),
    INIT_ROW(batching_fleet_scaling_config),
    INIT_ROW(batching_accumulator_config),
    INIT_ROW(batching_accumulator_events),
    INIT_ROW(batching_accumulator_state),
    INIT_ROW(batching_live_engine_events),
    INIT_ROW(batching_live_engine_state),
};
const struct table OTHER_CALLS = {other_rows, sizeof other_rows / sizeof *other_rows};
