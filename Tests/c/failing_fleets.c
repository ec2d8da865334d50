/* The rows of failing_allocations.c for live fleets. */
#include "failing_allocations.h"

#include <math.h>
#include <string.h>

enum { POOLS = 2, REPLICAS = 3, BEFORE = 100 };

/* Two pools, apart if the choice is asynchronous, behind the router that is its kind, with all that a fleet may have. */
static batching_status make(const struct choice *choice, batching_fleet **made) {
    batching_engine_config engine = some_config(choice);
    engine.attribution = NULL;
    engine.async_scheduling = 0;
    engine.keep_attribution = choice->attributes;
    const batching_engine_config *engines[POOLS] = {&engine, &engine};
    static const int64_t replicas[POOLS] = {1, REPLICAS - 1};
    static const int32_t roles[POOLS] = {BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE};
    batching_router_config router;
    must(batching_router_config_init(&router, sizeof router));
    router.router = choice->kind;
    router.queue_threshold = choice->kind == BATCHING_ROUTER_DYNAMO_KV ? 0.5 : 0;
    batching_disaggregation_config apart;
    must(batching_disaggregation_config_init(&apart, sizeof apart));
    apart.kv_bytes_per_token = 1000;
    apart.link_bandwidth = 1e6;
    batching_admission_config admission;
    must(batching_admission_config_init(&admission, sizeof admission));
    admission.ttft_timeout = 0.5;
    admission.retries = 2;
    admission.max_in_flight = 4;
    admission.max_queued_requests = REQUESTS;
    static const double when[] = {0.05, 0.3};
    static const int32_t which[] = {1, 1}, what[] = {BATCHING_FAULT_KIND_DOWN, BATCHING_FAULT_KIND_UP};
    batching_fault_config faults;
    must(batching_fault_config_init(&faults, sizeof faults));
    faults.fault_count = 2;
    faults.fault_time = when;
    faults.fault_replica = which;
    faults.fault_kind = what;
    batching_autoscaler_config autoscaler_config;
    must(batching_autoscaler_config_init(&autoscaler_config, sizeof autoscaler_config));
    autoscaler_config.target = 4;
    autoscaler_config.interval = 0.05;
    batching_fleet_scaling_config scaling;
    must(batching_fleet_scaling_config_init(&scaling, sizeof scaling));
    scaling.autoscaler = &autoscaler_config;
    batching_fleet_config config;
    must(batching_fleet_config_init(&config, sizeof config));
    config.pool_count = POOLS;
    config.engine = engines;
    config.replicas = replicas;
    config.router = &router;
    if (choice->asynchronous) {
        config.role = roles;
        config.disaggregation = &apart;
        config.decode_scaling = &scaling;
    }
    config.admission = &admission;
    config.faults = &faults;
    config.scaling = &scaling;
    return batching_fleet_create(&config, made);
}

static int64_t ids[REQUESTS];

static batching_requests part_of_requests(const struct choice *choice, int64_t first, int64_t count) {
    batching_requests requests = some_requests(choice);
    requests.abort_time = NULL;
    requests.count = count;
    requests.prompt_length += first;
    requests.output_length += first;
    requests.arrival_time += first;
    if (requests.hash_ids != NULL) {
        requests.hash_ids += requests.hash_offsets[first];
    }
    for (int64_t i = 0; i < REQUESTS; i++) {
        ids[i] = 7 * i;
    }
    return requests;
}

/* Some run, some wait, and some events were not polled. */
static void make_fleet(const struct choice *choice) {
    must(make(choice, &fleet));
    batching_requests requests = part_of_requests(choice, 0, BEFORE);
    must(batching_fleet_submit(fleet, &requests, ids));
    must(batching_fleet_advance(fleet, 0.06));
}

static batching_status create(const struct choice *choice) {
    return make(choice, &outputs.fleet);
}

static batching_status destroy(const struct choice *choice) {
    (void)choice;
    batching_fleet *destroyed = fleet;
    fleet = NULL;
    return batching_fleet_destroy(destroyed);
}

static batching_status submit(const struct choice *choice) {
    batching_requests requests = part_of_requests(choice, BEFORE, REQUESTS - BEFORE);
    static double later[REQUESTS];
    for (int64_t i = 0; i < requests.count; i++) {
        later[i] = 0.07 + requests.arrival_time[i];
    }
    requests.arrival_time = later;
    return batching_fleet_submit(fleet, &requests, ids + BEFORE);
}

static void make_full_fleet(const struct choice *choice) {
    make_fleet(choice);
    must(submit(choice));
}

static batching_status advance(const struct choice *choice) {
    (void)choice;
    return batching_fleet_advance(fleet, INFINITY);
}

static batching_status abort_last(const struct choice *choice) {
    (void)choice;
    return batching_fleet_abort(fleet, ids[BEFORE - 1]);
}

static batching_status poll(const struct choice *choice) {
    (void)choice;
    batching_results results = some_results();
    results.completion_order = NULL;
    batching_fleet_events events;
    must(batching_fleet_events_init(&events, sizeof events));
    events.capacity = REQUESTS;
    events.time = outputs.seconds[12];
    events.request = outputs.numbers[8];
    events.event = outputs.small[4];
    events.results = &results;
    return batching_fleet_poll(fleet, &events);
}

static batching_status observe(const struct choice *choice) {
    (void)choice;
    batching_fleet_state state;
    must(batching_fleet_state_init(&state, sizeof state));
    state.capacity = REPLICAS;
    state.waiting = outputs.numbers[0];
    state.running = outputs.numbers[1];
    return batching_fleet_observe(fleet, &state);
}

static batching_status estimate(const struct choice *choice) {
    batching_requests requests = part_of_requests(choice, 0, 3);
    requests.arrival_time = NULL;
    batching_results results = some_results();
    results.completion_order = NULL;
    return batching_fleet_estimate(fleet, &requests, &results, NULL);
}

static batching_status fork_fleet(const struct choice *choice) {
    (void)choice;
    return batching_fleet_fork(fleet, &outputs.fleet);
}

static uint64_t mixed(uint64_t checksum, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        checksum = (checksum ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    }
    return checksum;
}

/* What it holds, and what it would tell if it ran on: of a copy. */
uint64_t told_by_fleet(batching_fleet *told) {
    if (told == NULL) {
        return 0;
    }
    int64_t counts[4][REPLICAS];
    double kv_use[REPLICAS];
    int32_t is_up[REPLICAS];
    batching_fleet_state state;
    must(batching_fleet_state_init(&state, sizeof state));
    state.capacity = REPLICAS;
    state.waiting = counts[0];
    state.running = counts[1];
    state.routed = counts[2];
    state.queued_tokens = counts[3];
    state.kv_use = kv_use;
    state.is_up = is_up;
    must(batching_fleet_observe(told, &state));
    uint64_t checksum = mixed(14695981039346656037u, counts, sizeof counts);
    checksum = mixed(mixed(checksum, kv_use, sizeof kv_use), is_up, sizeof is_up);
    const int64_t sums[] = {state.submitted, state.pending,  state.in_flight, state.queued,
                            state.finished,  state.rejected, state.aborted,   state.events};
    checksum = mixed(checksum, sums, sizeof sums);
    batching_fleet *copy = NULL;
    must(batching_fleet_fork(told, &copy));
    must(batching_fleet_advance(copy, INFINITY));
    enum { MOST = 8 * REQUESTS };
    static double time[MOST];
    static int64_t request[MOST];
    static int32_t event[MOST];
    batching_fleet_events events;
    must(batching_fleet_events_init(&events, sizeof events));
    events.capacity = MOST;
    events.time = time;
    events.request = request;
    events.event = event;
    must(batching_fleet_poll(copy, &events));
    must(batching_fleet_destroy(copy));
    checksum = mixed(checksum, time, (size_t)events.count * sizeof *time);
    checksum = mixed(checksum, request, (size_t)events.count * sizeof *request);
    return mixed(checksum, event, (size_t)events.count * sizeof *event);
}

bool is_fleet_worn_out(void) {
    batching_fleet *copy = NULL;
    batching_fleet_state state;
    must(batching_fleet_state_init(&state, sizeof state));
    batching_fleet_events events;
    must(batching_fleet_events_init(&events, sizeof events));
    events.capacity = REQUESTS;
    if (batching_fleet_observe(fleet, &state) != BATCHING_OK || batching_fleet_poll(fleet, &events) != BATCHING_OK ||
        batching_fleet_advance(fleet, 1e6) != BATCHING_ERROR_OUT_OF_MEMORY ||
        batching_fleet_fork(fleet, &copy) != BATCHING_ERROR_OUT_OF_MEMORY || copy != NULL) {
        return false;
    }
    must(batching_fleet_destroy(fleet));
    return true;
}

#define EACH_FLEET(function, prepare, call)                                                                            \
    {function, "round robin", prepare, call, {.kind = BATCHING_ROUTER_ROUND_ROBIN}},                                   \
        {function, "attributed", prepare, call, {.kind = BATCHING_ROUTER_LEAST_REQUESTS, .attributes = true}},         \
        {function, "scorers", prepare, call, {.kind = BATCHING_ROUTER_SCORERS, .caches_prefixes = 1}}, {               \
        function, "apart", prepare, call, {                                                                            \
            .kind = BATCHING_ROUTER_LEAST_REQUESTS, .asynchronous = 1                                                  \
        }                                                                                                              \
    }
#define FOR_EACH_FLEET(function, prepare, call)                                                                        \
    EACH_FLEET(function, prepare, call), {                                                                             \
        function, "dynamo_kv", prepare, call, {                                                                        \
            .kind = BATCHING_ROUTER_DYNAMO_KV, .caches_prefixes = 1                                                    \
        }                                                                                                              \
    }

static const struct row fleet_rows[] = {
    FOR_EACH_FLEET("batching_fleet_create", NULL, create),
    FOR_EACH_FLEET("batching_fleet_destroy", make_fleet, destroy),
    FOR_EACH_FLEET("batching_fleet_submit", make_fleet, submit),
    FOR_EACH_FLEET("batching_fleet_advance", make_full_fleet, advance),
    FOR_EACH_FLEET("batching_fleet_abort", make_full_fleet, abort_last),
    FOR_EACH_FLEET("batching_fleet_poll", make_fleet, poll),
    FOR_EACH_FLEET("batching_fleet_observe", make_fleet, observe),
    /* Not with KV events: one for which there is no memory is missed once a router looks at it, and an estimate may be over
     * by then. */
    EACH_FLEET("batching_fleet_estimate", make_full_fleet, estimate),
    FOR_EACH_FLEET("batching_fleet_fork", make_full_fleet, fork_fleet),
};
const struct table FLEET_CALLS = {fleet_rows, sizeof fleet_rows / sizeof *fleet_rows};
