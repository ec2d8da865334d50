/*
 * Fleets: whatever is wrong with one of their structs is refused in a sentence that names the field and its value, or the column,
 * its row and its value; and no output is touched.
 */
#include <float.h>
#include <stdio.h>

#include "fleet_support.h"

enum { COUNT = 4 };

/* A fleet that is in order. Whatever is refused changes one thing of it. */
static struct scene {
    batching_engine_config engine;
    const batching_engine_config *engines[2];
    int64_t replicas[2];
    int32_t roles[2];
    batching_disaggregation_config disaggregation;
    batching_admission_config admission;
    batching_fault_config faults;
    double fault_time[3], fault_factor[3];
    int32_t fault_replica[3], fault_kind[3];
    batching_autoscaler_config autoscaler;
    batching_fleet_scaling_config scaling;
    batching_fleet_config config;
    batching_requests requests;
} scene;

static struct told told, before;

static void make(void) {
    static const int32_t output[COUNT] = {2, 2, 2, 2};
    memset(&scene, 0, sizeof scene);
    scene.engine = a_second();
    scene.engines[0] = scene.engines[1] = &scene.engine;
    scene.replicas[0] = 1;
    scene.replicas[1] = 2;
    scene.roles[0] = BATCHING_ROLE_PREFILL;
    scene.roles[1] = BATCHING_ROLE_DECODE;
    assert_succeeds(batching_disaggregation_config_init(&scene.disaggregation, sizeof scene.disaggregation));
    assert_succeeds(batching_admission_config_init(&scene.admission, sizeof scene.admission));
    assert_succeeds(batching_fault_config_init(&scene.faults, sizeof scene.faults));
    for (int at = 0; at < 3; at++) {
        scene.fault_time[at] = at;
        scene.fault_factor[at] = 2;
        scene.fault_replica[at] = at;
        scene.fault_kind[at] = at == 2 ? BATCHING_FAULT_KIND_SLOW : BATCHING_FAULT_KIND_DOWN;
    }
    scene.faults.fault_count = 3;
    scene.faults.fault_time = scene.fault_time;
    scene.faults.fault_replica = scene.fault_replica;
    scene.faults.fault_kind = scene.fault_kind;
    scene.faults.fault_factor = scene.fault_factor;
    assert_succeeds(batching_autoscaler_config_init(&scene.autoscaler, sizeof scene.autoscaler));
    scene.autoscaler.autoscaler = BATCHING_AUTOSCALER_QUEUE_LENGTH;
    scene.autoscaler.max_replicas = 3;
    scene.autoscaler.target = 1;
    assert_succeeds(batching_fleet_scaling_config_init(&scene.scaling, sizeof scene.scaling));
    scene.scaling.autoscaler = &scene.autoscaler;
    assert_succeeds(batching_fleet_config_init(&scene.config, sizeof scene.config));
    scene.config.pool_count = 2;
    scene.config.engine = scene.engines;
    scene.config.replicas = scene.replicas;
    scene.requests = requests_of(COUNT, NULL, output, NULL);
}

static void make_operated(void) {
    make();
    scene.config.admission = &scene.admission;
    scene.config.faults = &scene.faults;
    scene.config.scaling = &scene.scaling;
}

static void make_apart(void) {
    make();
    scene.config.role = scene.roles;
    scene.config.disaggregation = &scene.disaggregation;
    scene.disaggregation.kv_bytes_per_token = 1000;
    scene.disaggregation.link_bandwidth = 1e6;
}

static batching_status run(void) {
    return batching_fleet_simulate(&scene.config, &scene.requests, &told.results, &told.fleet_results, &told.summary);
}

/* As it is, it runs. */
static void assert_runs(void) {
    told_init(&told);
    assert_succeeds(run());
}

/* One thing is changed, and back again. */
#define REFUSED_AS(place, value, status, part)                                                                         \
    do {                                                                                                               \
        const struct scene good = scene;                                                                               \
        told_init(&told);                                                                                              \
        before = told;                                                                                                 \
        (place) = (value);                                                                                             \
        assert_fails(run(), status, part);                                                                             \
        assert_memory_equal(&told, &before, sizeof told);                                                              \
        scene = good;                                                                                                  \
    } while (0)
#define REFUSED(place, value, part) REFUSED_AS(place, value, BATCHING_ERROR_INVALID_ARGUMENT, part)

/* A time or a number, of which there is neither a negative nor none. */
#define REFUSED_NUMBER(place, name)                                                                                    \
    do {                                                                                                               \
        REFUSED(place, -1.5, name " is -1.5");                                                                         \
        REFUSED(place, NAN, name " is nan");                                                                           \
        REFUSED(place, INFINITY, name " is inf");                                                                      \
        REFUSED(place, -INFINITY, name " is -inf");                                                                    \
        REFUSED(place, -DBL_TRUE_MIN, name " is -");                                                                   \
    } while (0)

/* One of the constants of the header. */
#define REFUSED_CHOICE(place, name)                                                                                    \
    do {                                                                                                               \
        REFUSED(place, 7, name " is 7");                                                                               \
        REFUSED(place, -1, name " is -1");                                                                             \
        REFUSED(place, INT32_MAX, name " is 2147483647");                                                              \
        REFUSED(place, INT32_MIN, name " is -2147483648");                                                             \
    } while (0)

/* In least..most. */
#define REFUSED_COUNT(place, name, least, most)                                                                        \
    do {                                                                                                               \
        char sentence[100];                                                                                            \
        snprintf(sentence, sizeof sentence, name " is %lld", (long long)(least)-1);                                    \
        REFUSED(place, (least)-1, sentence);                                                                           \
        snprintf(sentence, sizeof sentence, name " is %lld", (long long)(most) + 1);                                   \
        REFUSED(place, (most) + 1, sentence);                                                                          \
        REFUSED(place, INT64_MIN, name " is -9223372036854775808");                                                    \
        REFUSED(place, INT64_MAX, name " is 9223372036854775807");                                                     \
    } while (0)

#define MOST_COUNT (INT64_C(1) << 50)

static void disaggregation_configs_are_checked(void **state) {
    (void)state;
    make_apart();
    batching_disaggregation_config *config = &scene.disaggregation;
    assert_runs();
    REFUSED_CHOICE(config->preset, "preset");
    REFUSED_CHOICE(config->decider, "decider");
    REFUSED_CHOICE(config->decode_choice, "decode_choice");
    REFUSED_CHOICE(config->transfer_tokens, "transfer_tokens");
    REFUSED_CHOICE(config->overlap, "overlap");
    REFUSED_CHOICE(config->reserve, "reserve");
    REFUSED_CHOICE(config->source_release, "source_release");
    REFUSED_CHOICE(config->first_token, "first_token");
    REFUSED_CHOICE(config->sharing, "sharing");
    REFUSED(config->reserved_2, 1, "reserved_2 is 1");
    REFUSED_NUMBER(config->kv_bytes_per_token, "kv_bytes_per_token");
    REFUSED(config->kv_bytes_per_token, 1.5e15, "kv_bytes_per_token is 1500000000000000.0");
    REFUSED_NUMBER(config->link_bandwidth, "link_bandwidth");
    REFUSED(config->link_bandwidth, 1.5e18, "link_bandwidth is 1.5e+18");
    REFUSED(config->link_bandwidth, 0, "link_bandwidth is 0");
    REFUSED_NUMBER(config->link_latency, "link_latency");
    REFUSED(config->link_latency, 2 * BATCHING_TIME_MAX, "link_latency is ");
    REFUSED(config->decider_tokens, -2, "decider_tokens is -2");
    REFUSED(config->decider_tokens, INT64_MIN, "decider_tokens is -9223372036854775808");
    REFUSED_NUMBER(config->decider_ratio, "decider_ratio");
    REFUSED(config->decider_ratio, 1.5, "decider_ratio is 1.5");
    REFUSED_COUNT(config->layers, "layers", 0, 65536);
    REFUSED(config->reserved_decode_tokens, -2, "reserved_decode_tokens is -2");
    REFUSED(config->reserved_decode_tokens, INT64_MIN, "reserved_decode_tokens is -9223372036854775808");
    REFUSED_NUMBER(config->lease, "lease");
    assert_runs();
}

static void admission_configs_are_checked(void **state) {
    (void)state;
    make_operated();
    batching_admission_config *config = &scene.admission;
    assert_runs();
    REFUSED_COUNT(config->max_in_flight, "max_in_flight", 0, MOST_COUNT);
    REFUSED_COUNT(config->max_queued_tokens, "max_queued_tokens", 0, MOST_COUNT);
    REFUSED_COUNT(config->max_queued_requests, "max_queued_requests", 0, MOST_COUNT);
    REFUSED_NUMBER(config->queue_timeout, "queue_timeout");
    REFUSED_NUMBER(config->bucket_capacity, "bucket_capacity");
    REFUSED(config->bucket_capacity, 1.5e15, "bucket_capacity is 1500000000000000.0");
    REFUSED(config->bucket_capacity, 1, "bucket_rate is 0");
    config->bucket_capacity = 1;
    config->bucket_rate = 1;
    REFUSED_NUMBER(config->bucket_rate, "bucket_rate");
    REFUSED_CHOICE(config->bucket_cost, "bucket_cost");
    REFUSED(config->sheds, 2, "sheds is 2");
    REFUSED(config->sheds, -1, "sheds is -1");
    REFUSED_NUMBER(config->saturation_queue, "saturation_queue");
    REFUSED_NUMBER(config->saturation_kv, "saturation_kv");
    REFUSED_NUMBER(config->ttft_timeout, "ttft_timeout");
    REFUSED_NUMBER(config->e2e_timeout, "e2e_timeout");
    REFUSED(config->e2e_timeout, 2 * BATCHING_TIME_MAX, "e2e_timeout is ");
    REFUSED_COUNT(config->retries, "retries", 0, 1000);
    REFUSED_NUMBER(config->retry_base, "retry_base");
    REFUSED_NUMBER(config->retry_factor, "retry_factor");
    REFUSED(config->retry_factor, 0.5, "retry_factor is 0.5");
    REFUSED(config->retry_factor, 1.5e6, "retry_factor is 1500000");
    REFUSED_NUMBER(config->retry_cap, "retry_cap");
    REFUSED_NUMBER(config->retry_jitter, "retry_jitter");
    REFUSED(config->retry_jitter, 1.5, "retry_jitter is 1.5");
    assert_runs();
}

static void fault_configs_are_checked(void **state) {
    (void)state;
    make_operated();
    batching_fault_config *config = &scene.faults;
    assert_runs();
    REFUSED_COUNT(config->fault_count, "fault_count", 0, 16777216);
    REFUSED_AS(config->fault_time, NULL, BATCHING_ERROR_NULL_POINTER, "fault_time is NULL");
    REFUSED_AS(config->fault_replica, NULL, BATCHING_ERROR_NULL_POINTER, "fault_replica is NULL");
    REFUSED_AS(config->fault_factor, NULL, BATCHING_ERROR_NULL_POINTER, "fault_factor is NULL");
    REFUSED_NUMBER(scene.fault_time[1], "fault_time[1]");
    REFUSED(scene.fault_time[2], 2 * BATCHING_TIME_MAX, "fault_time[2] is ");
    REFUSED(scene.fault_replica[1], 3, "fault_replica[1] is 3");
    REFUSED(scene.fault_replica[1], -1, "fault_replica[1] is -1");
    REFUSED(scene.fault_replica[0], INT32_MAX, "fault_replica[0] is 2147483647");
    REFUSED_CHOICE(scene.fault_kind[1], "fault_kind[1]");
    REFUSED_NUMBER(scene.fault_factor[2], "fault_factor[2]");
    REFUSED(scene.fault_factor[2], 0.5, "fault_factor[2] is 0.5");
    REFUSED(scene.fault_factor[2], 1.5e6, "fault_factor[2] is 1500000");
    REFUSED_NUMBER(config->mean_up_time, "mean_up_time");
    REFUSED_NUMBER(config->mean_down_time, "mean_down_time");
    REFUSED_NUMBER(config->notice_delay, "notice_delay");
    /* Of those that are not slow the factor is not looked at. */
    scene.fault_factor[1] = NAN;
    assert_runs();
}

static void scaling_configs_are_checked(void **state) {
    (void)state;
    make_operated();
    batching_fleet_scaling_config *config = &scene.scaling;
    assert_runs();
    REFUSED_AS(config->autoscaler, NULL, BATCHING_ERROR_NULL_POINTER, "autoscaler is NULL");
    REFUSED_COUNT(config->initial_replicas, "initial_replicas", -1, 3);
    REFUSED_NUMBER(config->startup_time, "startup_time");
    REFUSED(scene.autoscaler.autoscaler, 7, "autoscaler is 7");
    REFUSED(scene.autoscaler.target, 0, "target is 0");
    REFUSED(scene.autoscaler.interval, -1.5, "interval is -1.5");
    REFUSED(scene.autoscaler.interval, NAN, "interval is nan");
    REFUSED(scene.config.decode_scaling, config, "decode_scaling is given");
    assert_runs();

    /* With roles each has as many as it has: here one that prefills and two that decode, as the last pool has two. */
    make_apart();
    scene.admission.max_in_flight = 1;
    scene.config.admission = &scene.admission;
    scene.config.faults = &scene.faults;
    scene.config.scaling = scene.config.decode_scaling = config;
    assert_runs();
    REFUSED_AS(config->autoscaler, NULL, BATCHING_ERROR_NULL_POINTER, "config.scaling.autoscaler is NULL");
    REFUSED(scene.autoscaler.min_replicas, 2, "which are 1");
    scene.config.scaling = NULL;
    REFUSED_AS(config->autoscaler, NULL, BATCHING_ERROR_NULL_POINTER, "config.decode_scaling.autoscaler is NULL");
    REFUSED(scene.autoscaler.min_replicas, 3, "which are 2");
    REFUSED_COUNT(config->initial_replicas, "initial_replicas", -1, 2);
    REFUSED_NUMBER(config->startup_time, "startup_time");
    assert_runs();
}

static void fleet_configs_are_checked(void **state) {
    (void)state;
    make();
    batching_fleet_config *config = &scene.config;
    assert_runs();
    REFUSED_CHOICE(config->chooser, "chooser");
    REFUSED(config->reserved_2, 1, "reserved_2 is 1");
    REFUSED_AS(config->chooser, BATCHING_CHOOSER_CALLBACK, BATCHING_ERROR_NULL_POINTER, "router_callback is NULL");
    REFUSED_NUMBER(config->metrics_interval, "metrics_interval");
    REFUSED_NUMBER(config->kv_event_lag, "kv_event_lag");
    REFUSED_NUMBER(config->routing_delay, "routing_delay");

    /* Either all pools have a role, and there are both, or none has. */
    make_apart();
    assert_runs();
    REFUSED(scene.roles[1], 7, "role[1] is 7");
    REFUSED(scene.roles[1], INT32_MIN, "role[1] is -2147483648");
    REFUSED(scene.roles[1], BATCHING_ROLE_PREFILL, "3 replicas prefill, 0 decode");
    REFUSED(scene.roles[0], BATCHING_ROLE_DECODE, "0 replicas prefill, 3 decode");
    REFUSED(scene.roles[0], BATCHING_ROLE_BOTH, "and 1 do both");
    /* A policy that none of them can have. */
    REFUSED(scene.engine.policy, BATCHING_POLICY_STATIC, "policy");
}

/* Whichever way replicas are run: each for itself, or together. */
static void hash_blocks_are_checked(void **state) {
    (void)state;
    static const int64_t ids[COUNT] = {1, 2, 3, 4}, offsets[COUNT + 1] = {0, 1, 2, 3, 4};
    static const int32_t routers[] = {BATCHING_ROUTER_ROUND_ROBIN, BATCHING_ROUTER_LEAST_REQUESTS};
    for (size_t at = 0; at < sizeof routers / sizeof *routers; at++) {
        make();
        INITIALIZED(batching_router_config, router);
        router.router = routers[at];
        scene.config.router = &router;
        scene.engine.enable_prefix_caching = 1;
        scene.engine.num_gpu_blocks = 100;
        scene.requests.hash_ids = ids;
        scene.requests.hash_offsets = offsets;
        scene.requests.hash_block_size = 32;
        assert_runs();
        REFUSED(scene.requests.hash_block_size, 17, "hash_block_size is 17: must be a multiple of block_size");
    }
}

/* Here the outputs themselves are changed; what they point to stays as it is. */
#define OUTPUT_REFUSED(place, value, status, part)                                                                     \
    do {                                                                                                               \
        told_init(&told);                                                                                              \
        (place) = (value);                                                                                             \
        before = told;                                                                                                 \
        assert_fails(run(), status, part);                                                                             \
        assert_memory_equal(&told, &before, sizeof told);                                                              \
    } while (0)

static void fleet_results_are_checked(void **state) {
    (void)state;
    const batching_status invalid = BATCHING_ERROR_INVALID_ARGUMENT, capacity = BATCHING_ERROR_CAPACITY;
    batching_fleet_results *columns = &told.fleet_results;
    make_operated();
    OUTPUT_REFUSED(columns->capacity, COUNT - 1, capacity, "capacity is 3");
    OUTPUT_REFUSED(columns->capacity, -1, invalid, "capacity is -1");
    OUTPUT_REFUSED(columns->capacity, INT64_MIN, invalid, "capacity is -9223372036854775808");
    OUTPUT_REFUSED(columns->replica_capacity, 2, capacity, "replica_capacity is 2");
    OUTPUT_REFUSED(columns->replica_capacity, INT64_MIN, invalid, "replica_capacity is -9223372036854775808");
    OUTPUT_REFUSED(told.attribution.capacity, COUNT - 1, capacity, "capacity is 3");
    OUTPUT_REFUSED(told.attribution.capacity, -1, invalid, "capacity is -1");
    OUTPUT_REFUSED(told.attribution.struct_size, 0, BATCHING_ERROR_STRUCT_SIZE, "struct_size is 0");
    OUTPUT_REFUSED(columns->struct_size, 0, BATCHING_ERROR_STRUCT_SIZE, "struct_size is 0");
    OUTPUT_REFUSED(told.results.capacity, COUNT - 1, capacity, "capacity is 3");

    /* Room for more than there is, of which nothing is touched. */
    told_init(&told);
    columns->capacity = columns->replica_capacity = told.results.capacity = INT64_MAX;
    assert_succeeds(run());
    assert_int_equal(told.status[0], BATCHING_REQUEST_LOST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disaggregation_configs_are_checked), cmocka_unit_test(admission_configs_are_checked),
        cmocka_unit_test(fault_configs_are_checked),          cmocka_unit_test(scaling_configs_are_checked),
        cmocka_unit_test(fleet_configs_are_checked),          cmocka_unit_test(hash_blocks_are_checked),
        cmocka_unit_test(fleet_results_are_checked),
    };
    return cmocka_run_group_tests_name("fleet_errors", tests, NULL, NULL);
}
