/* The worst inputs of batching_fleet_simulate; hostile_inputs.c tries them. */
#include <string.h>

#include "hostile.h"

enum { REPLICAS = 2 };

/* What a fleet has beside an engine's input. The structs' sizes are set as it is run. */
struct fleet {
    int64_t replicas;
    bool is_apart; /* as many again decode */
    batching_fleet_config config;
    batching_router_config router;
    batching_disaggregation_config disaggregation;
    batching_admission_config admission;
    batching_fault_config faults;
    batching_autoscaler_config autoscaler;
    int64_t initial_replicas;
    double startup_time;
    int64_t replica_capacity;
};

static int32_t answer_no_worker(const batching_router_view *view, int64_t *worker, void *user_data) {
    (void)view, (void)user_data;
    *worker = INT64_MIN;
    return 0;
}

static int32_t answer_nothing(const batching_router_view *view, int64_t *worker, void *user_data) {
    (void)view, (void)worker, (void)user_data;
    return 0;
}

static int32_t stop(const batching_router_view *view, int64_t *worker, void *user_data) {
    (void)view, (void)user_data;
    *worker = 0;
    return INT32_MIN;
}

static batching_status run_fleet(const struct input *given) {
    const struct fleet *own = given->fleet;
    batching_engine_config engine = given->config;
    engine.struct_size = sizeof engine;
    const batching_engine_config *const engines[] = {&engine, &engine};
    const int64_t replicas[] = {own->replicas, own->replicas};
    const int32_t roles[] = {BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE};
    batching_router_config router = own->router;
    router.struct_size = sizeof router;
    batching_disaggregation_config disaggregation = own->disaggregation;
    disaggregation.struct_size = sizeof disaggregation;
    batching_admission_config admission = own->admission;
    admission.struct_size = sizeof admission;
    batching_fault_config faults = own->faults;
    faults.struct_size = sizeof faults;
    batching_autoscaler_config autoscaler = own->autoscaler;
    autoscaler.struct_size = sizeof autoscaler;
    batching_fleet_scaling_config scaling;
    batching_fleet_scaling_config_init(&scaling, sizeof scaling);
    scaling.autoscaler = &autoscaler;
    scaling.initial_replicas = own->initial_replicas;
    scaling.startup_time = own->startup_time;
    batching_fleet_config config = own->config;
    config.struct_size = sizeof config;
    config.engine = engines;
    config.replicas = replicas;
    config.router = &router;
    if (config.pool_count == 0) {
        config.pool_count = own->is_apart ? 2 : 1;
    }
    if (own->is_apart) {
        config.role = roles;
        config.disaggregation = &disaggregation;
        config.decode_scaling = own->autoscaler.target != 0 ? &scaling : NULL;
    }
    config.admission = &admission;
    config.faults = &faults;
    config.scaling = own->autoscaler.target != 0 ? &scaling : NULL;
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = given->count;
    requests.prompt_length = given->prompt_length;
    requests.output_length = given->output_length;
    requests.arrival_time = given->arrival_time;

    double end_time[4] = {UNTOUCHED}, held_time[4] = {UNTOUCHED}, up_time[2 * REPLICAS] = {UNTOUCHED};
    double scaling_time[4] = {UNTOUCHED};
    int64_t scaling_count = (int64_t)UNTOUCHED;
    batching_results results;
    batching_results_init(&results, sizeof results);
    results.capacity = given->capacity;
    results.end_time = given->count <= 4 ? end_time : NULL;
    batching_fleet_results fleet;
    batching_fleet_results_init(&fleet, sizeof fleet);
    fleet.capacity = given->capacity;
    fleet.held_time = given->count <= 4 ? held_time : NULL;
    fleet.replica_capacity = own->replica_capacity != 0 ? own->replica_capacity : INT64_MAX;
    fleet.up_time = own->replicas <= REPLICAS ? up_time : NULL;
    fleet.scaling_capacity = 4;
    fleet.scaling_time = scaling_time;
    fleet.scaling_count = &scaling_count;
    batching_summary summary;
    batching_summary_init(&summary, sizeof summary);
    summary.total_time = UNTOUCHED;
    batching_status status = batching_fleet_simulate(&config, &requests, &results, &fleet, &summary);
    /* What fails on its way may have written columns, but not the summary; what is refused writes nothing. */
    status = unless_written(status, summary.total_time);
    if (status == BATCHING_ERROR_OVERFLOW || config.router_callback != NULL) {
        return status;
    }
    status = unless_written(unless_written(status, end_time[0]), held_time[0]);
    return unless_written(unless_written(unless_written(status, up_time[0]), scaling_time[0]), (double)scaling_count);
}

/* It comes back, with a sentence if it says no: either is fine. */
static batching_status run_in_any_case(const struct input *given) {
    const batching_status status = run_fleet(given);
    if (status == BATCHING_ERROR_INVALID_ARGUMENT || status == BATCHING_ERROR_OVERFLOW) {
        return strlen(batching_last_error()) > 0 ? BATCHING_OK : (batching_status)-1;
    }
    return status;
}

#define ROW(name, status, settings, ...)                                                                               \
    {                                                                                                                  \
        name, BATCHING_##status, {                                                                                     \
            .count = 4, .capacity = 4, .config.time_model = BATCHING_TIME_CONSTANT, .config.time_base = 1,             \
            .fleet = &(const struct fleet){.replicas = REPLICAS, ARGUMENTS settings}, __VA_ARGS__                      \
        }                                                                                                              \
    }
#define ARGUMENTS(...) __VA_ARGS__
/* A fleet, and what it is given beside. */
#define FLEET(status, ...)           ROW(#__VA_ARGS__, status, (__VA_ARGS__), .batch_size = 0)
#define GIVEN(status, settings, ...) ROW(#settings " " #__VA_ARGS__, status, settings, __VA_ARGS__)

#define SCALES      .autoscaler.target = 1, .autoscaler.down_window = -1
#define APART       .is_apart = true
#define CALLED(ask) .config.chooser = BATCHING_CHOOSER_CALLBACK, .config.router_callback = (ask)
#define FAULTS(...)                                                                                                    \
    .faults.fault_count = sizeof(DOUBLES(__VA_ARGS__)) / sizeof(double), .faults.fault_time = DOUBLES(__VA_ARGS__)
#define LENT   .faults.mean_up_time = 1, .faults.mean_down_time = 1
#define A_LINK .disaggregation.kv_bytes_per_token = 1000, .disaggregation.link_bandwidth = 1e6

static const struct row FLEETS[] = {
    FLEET(OK, SCALES),
    GIVEN(ERROR_INVALID_ARGUMENT, (SCALES), .count = -1),
    GIVEN(ERROR_INVALID_ARGUMENT, (SCALES), .count = INT64_MAX, .capacity = INT64_MAX),
    GIVEN(ERROR_CAPACITY, (SCALES), .capacity = 3),
    FLEET(ERROR_CAPACITY, .replica_capacity = 1),
    FLEET(ERROR_INVALID_ARGUMENT, .replica_capacity = INT64_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, .replicas = INT64_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, .replicas = INT64_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, .config.pool_count = INT64_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, .config.pool_count = INT64_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, .config.chooser = INT32_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, .config.routing_delay = NAN),
    FLEET(ERROR_INVALID_ARGUMENT, .config.kv_event_lag = -INFINITY),
    FLEET(ERROR_INVALID_ARGUMENT, .config.metrics_interval = DBL_TRUE_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, .router.router = INT32_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, .router.workers = INT64_MAX),
    GIVEN(ERROR_INVALID_ARGUMENT, (SCALES), .arrival_time = DOUBLES(0, NAN, 0, 0)),
    GIVEN(ERROR_INVALID_ARGUMENT, (SCALES), .output_length = LENGTHS(1, 1, 1, INT32_MIN)),
    FLEET(ERROR_NULL_POINTER, CALLED(NULL)),
    FLEET(ERROR_INVALID_ARGUMENT, CALLED(answer_no_worker)),
    FLEET(ERROR_CANCELLED, CALLED(stop)),
    /* Nothing ever comes to a fleet of no replicas, whatever is tried. */
    FLEET(OK, SCALES, .initial_replicas = -1, .autoscaler.min_replicas = -1, .admission.retries = 1000),
    GIVEN(OK,
          (.initial_replicas = 2, .admission.max_in_flight = INT64_C(1) << 50,
           .admission.max_queued_tokens = INT64_C(1) << 50, .admission.max_queued_requests = INT64_C(1) << 50,
           .admission.queue_timeout = 1e9, .admission.shed_priority = INT64_MIN, .admission.sheds = 1,
           .admission.seed = UINT64_MAX),
          .prompt_length = LONGEST),
    FLEET(ERROR_INVALID_ARGUMENT, .admission.max_in_flight = INT64_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, .admission.retries = INT64_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, .admission.bucket_capacity = 1, .admission.bucket_rate = NAN),
    FLEET(ERROR_INVALID_ARGUMENT, .admission.bucket_cost = INT32_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, .admission.e2e_timeout = DBL_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, .faults.fault_count = INT64_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, .faults.fault_count = INT64_MIN),
    FLEET(ERROR_NULL_POINTER, .faults.fault_count = 1),
    FLEET(ERROR_NULL_POINTER, FAULTS(0, 0)),
    FLEET(ERROR_INVALID_ARGUMENT, FAULTS(0, NAN), .faults.fault_replica = LENGTHS(0, 1)),
    FLEET(ERROR_INVALID_ARGUMENT, FAULTS(0, 0), .faults.fault_replica = LENGTHS(0, INT32_MAX)),
    FLEET(ERROR_INVALID_ARGUMENT, FAULTS(0), .faults.fault_replica = LENGTHS(0),
          .faults.fault_kind = LENGTHS(INT32_MIN)),
    FLEET(ERROR_NULL_POINTER, FAULTS(0), .faults.fault_replica = LENGTHS(0),
          .faults.fault_kind = LENGTHS(BATCHING_FAULT_KIND_SLOW)),
    /* Lost while it is lost, back while it is there, all at once. */
    FLEET(OK, FAULTS(1, 1, 1, 1, 0, 0, 1), .faults.fault_replica = LENGTHS(0, 0, 1, 1, 0, 1, 0),
          .faults.fault_kind =
              LENGTHS(0, 0, 0, BATCHING_FAULT_KIND_UP, BATCHING_FAULT_KIND_UP, 0, BATCHING_FAULT_KIND_UP),
          .admission.retries = 1000, .admission.retry_base = -1, .admission.retry_jitter = -1),
    FLEET(OK, FAULTS(0, 0), .faults.fault_replica = LENGTHS(0, 1), .admission.retries = 1000,
          .admission.retry_base = -1, .admission.retry_cap = DBL_TRUE_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, .faults.mean_up_time = -DBL_TRUE_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, SCALES, .autoscaler.interval = NAN),
    FLEET(ERROR_INVALID_ARGUMENT, SCALES, .autoscaler.target = -INFINITY),
    FLEET(ERROR_INVALID_ARGUMENT, SCALES, .autoscaler.autoscaler = INT32_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, SCALES, .initial_replicas = INT64_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, SCALES, .initial_replicas = INT64_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, SCALES, .startup_time = NAN),
    FLEET(OK, SCALES, .startup_time = BATCHING_TIME_MAX, .initial_replicas = 1),

    GIVEN(OK, (APART, A_LINK), .output_length = LENGTHS(1, 2, 3, 4)),
    FLEET(ERROR_INVALID_ARGUMENT, APART, .disaggregation.kv_bytes_per_token = 1000),
    FLEET(ERROR_INVALID_ARGUMENT, APART, A_LINK, .disaggregation.kv_bytes_per_token = NAN),
    FLEET(ERROR_INVALID_ARGUMENT, APART, A_LINK, .disaggregation.link_bandwidth = INFINITY),
    FLEET(ERROR_INVALID_ARGUMENT, APART, .disaggregation.link_latency = DBL_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, APART, .disaggregation.preset = INT32_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, APART, .disaggregation.layers = INT64_MAX),
    FLEET(ERROR_INVALID_ARGUMENT, APART, .disaggregation.decider_tokens = INT64_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, APART, .disaggregation.reserved_decode_tokens = INT64_MIN),
    FLEET(ERROR_INVALID_ARGUMENT, APART, .disaggregation.lease = -INFINITY),
    FLEET(ERROR_INVALID_ARGUMENT, APART, A_LINK, .replicas = 1025, .disaggregation.sharing = BATCHING_SHARING_PAIR),
    FLEET(ERROR_INVALID_ARGUMENT, APART, CALLED(answer_no_worker)),
    FLEET(ERROR_CANCELLED, APART, CALLED(stop)),
};

/* Numbers at the ends of their ranges, and beyond the clock. */
static const struct row EXTREMES[] = {
    FLEET(OK, .admission.bucket_capacity = 1e15, .admission.bucket_rate = DBL_MAX),
    FLEET(OK, .admission.bucket_capacity = DBL_TRUE_MIN, .admission.bucket_rate = DBL_TRUE_MIN),
    FLEET(OK, .admission.ttft_timeout = DBL_TRUE_MIN),
    GIVEN(OK, (.admission.ttft_timeout = 1e-9, .admission.e2e_timeout = 1e-9), .output_length = LENGTHS(9, 9, 9, 9)),
    GIVEN(OK, (.admission.ttft_timeout = BATCHING_TIME_MAX, .admission.e2e_timeout = BATCHING_TIME_MAX),
          .arrival_time = DOUBLES(0, 0, 9e9, BATCHING_TIME_MAX)),
    FLEET(OK, .admission.sheds = 1, .admission.saturation_queue = DBL_TRUE_MIN,
          .admission.saturation_kv = DBL_TRUE_MIN),
    GIVEN(OK,
          (FAULTS(0), .faults.fault_replica = LENGTHS(0), .admission.retries = 1000,
           .admission.retry_base = BATCHING_TIME_MAX, .admission.retry_cap = BATCHING_TIME_MAX,
           .admission.retry_factor = 1e6),
          .output_length = LENGTHS(9, 9, 9, 9)),
    GIVEN(OK,
          (LENT, .admission.retries = 1000, .admission.retry_base = 1e-9, .admission.retry_factor = 1e6,
           .admission.retry_cap = 1, .admission.retry_jitter = 1),
          .output_length = LENGTHS(9, 9, 9, 9)),
    GIVEN(OK, (FAULTS(BATCHING_TIME_MAX), .faults.fault_replica = LENGTHS(0), .faults.notice_delay = BATCHING_TIME_MAX),
          .arrival_time = DOUBLES(0, 0, 9e9, BATCHING_TIME_MAX)),
    GIVEN(OK,
          (FAULTS(0), .faults.fault_replica = LENGTHS(0), .faults.fault_kind = LENGTHS(BATCHING_FAULT_KIND_SLOW),
           .faults.fault_factor = DOUBLES(1e6)),
          .config.time_base = BATCHING_TIME_MAX),
    GIVEN(OK,
          (.faults.mean_up_time = BATCHING_TIME_MAX, .faults.mean_down_time = BATCHING_TIME_MAX,
           .faults.seed = UINT64_MAX),
          .output_length = LENGTHS(9, 9, 9, 9)),
    GIVEN(OK, (.faults.mean_up_time = 1e-9, .faults.mean_down_time = -1), .output_length = LENGTHS(9, 9, 9, 9)),
    FLEET(OK, .faults.mean_up_time = DBL_TRUE_MIN),
    FLEET(OK, SCALES, .autoscaler.interval = BATCHING_TIME_MAX, .startup_time = BATCHING_TIME_MAX,
          .initial_replicas = -1),
    FLEET(OK, .config.routing_delay = BATCHING_TIME_MAX, .config.kv_event_lag = BATCHING_TIME_MAX),
    FLEET(OK, CALLED(answer_nothing)),
    FLEET(OK, APART, .disaggregation.link_latency = BATCHING_TIME_MAX),
    GIVEN(OK, (APART, .disaggregation.kv_bytes_per_token = 1e15, .disaggregation.link_bandwidth = DBL_TRUE_MIN),
          .prompt_length = LONGEST, .config.max_num_batched_tokens = BATCHING_COUNT_MAX),
    GIVEN(OK,
          (APART, .disaggregation.kv_bytes_per_token = 1e15, .disaggregation.link_bandwidth = DBL_TRUE_MIN,
           .disaggregation.sharing = BATCHING_SHARING_SOURCE),
          .prompt_length = LONGEST, .config.max_num_batched_tokens = BATCHING_COUNT_MAX),
    GIVEN(OK,
          (APART, .disaggregation.kv_bytes_per_token = DBL_TRUE_MIN, .disaggregation.link_bandwidth = 1e18,
           .disaggregation.sharing = BATCHING_SHARING_PAIR),
          .prompt_length = MIXED, .config.max_num_batched_tokens = BATCHING_COUNT_MAX),
    GIVEN(OK,
          (APART, A_LINK, .disaggregation.overlap = BATCHING_OVERLAP_LAYER, .disaggregation.layers = 65536,
           .disaggregation.reserve = BATCHING_RESERVE_PREFILL, .disaggregation.reserved_decode_tokens = INT64_MAX),
          .output_length = LENGTHS(1, 2, 3, 4), .config.num_gpu_blocks = 3),
    GIVEN(OK,
          (APART, A_LINK, .disaggregation.preset = BATCHING_PRESET_LLM_D, .disaggregation.decider_tokens = INT64_MAX),
          .prompt_length = LENGTHS(900, 1, 900, 1)),
    GIVEN(OK, (APART, A_LINK, .disaggregation.preset = BATCHING_PRESET_VLLM_NIXL, .disaggregation.lease = 1e-9),
          .prompt_length = LENGTHS(900, 900, 900, 900), .config.num_gpu_blocks = 60),
    GIVEN(OK, (APART, A_LINK, .disaggregation.preset = BATCHING_PRESET_SGLANG_PD, .disaggregation.lease = DBL_TRUE_MIN),
          .prompt_length = LENGTHS(900, 900, 900, 900), .output_length = LENGTHS(90, 90, 90, 90),
          .config.num_gpu_blocks = 60),
};

/* Each replica has some 28 KB, and its blocks. */
static batching_status run_with_little_memory(const struct input *given) {
    leave_little_memory();
    return run_fleet(given);
}

static const struct row MANY_REPLICAS[] = {
    FLEET(OK, .replicas = 8192),
};
static const struct row TOO_MANY_REPLICAS[] = {
    GIVEN(ERROR_OUT_OF_MEMORY, (.replicas = 65536, .router.router = BATCHING_ROUTER_LEAST_REQUESTS),
          .config.enable_prefix_caching = 1, .config.num_gpu_blocks = 1000),
    GIVEN(ERROR_OUT_OF_MEMORY, (APART, A_LINK, .replicas = 32768), .config.num_gpu_blocks = 1000,
          .config.enable_prefix_caching = 1),
};

const struct table FLEET_TABLES[] = {
    {"fleet_simulate", run_fleet, ROWS(FLEETS), false},
    {"fleet_simulate with extremes", run_in_any_case, ROWS(EXTREMES), false},
    {"fleet_simulate with many replicas", run_fleet, ROWS(MANY_REPLICAS), true},
    {"fleet_simulate with little memory", run_with_little_memory, ROWS(TOO_MANY_REPLICAS), true},
};
const size_t FLEET_TABLE_COUNT = sizeof FLEET_TABLES / sizeof *FLEET_TABLES;
