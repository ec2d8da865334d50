/* Routers: every error, with its sentence. What fails leaves the router, and the outputs, as they were. */
#include <math.h>
#include <stdio.h>

#include "router_support.h"

#define FIELD(name)                                                                                                    \
    if (strcmp(field, #name) == 0) {                                                                                   \
        config->name = value;                                                                                          \
        return;                                                                                                        \
    }
static void set_bad(batching_router_config *config, const char *field, double value) {
#define WHOLE(name)                                                                                                    \
    if (strcmp(field, #name) == 0) {                                                                                   \
        config->name = (int64_t)value;                                                                                 \
        return;                                                                                                        \
    }
#define CHOICE(name)                                                                                                   \
    if (strcmp(field, #name) == 0) {                                                                                   \
        config->name = (int32_t)value;                                                                                 \
        return;                                                                                                        \
    }
    CHOICE(router)
    CHOICE(ties)
    WHOLE(workers)
    WHOLE(block_size)
    FIELD(stats_window)
    CHOICE(round_robin_rule)
    CHOICE(vllm_dp_rule)
    CHOICE(cache_aware_rule)
    CHOICE(client_count)
    CHOICE(client_index)
    CHOICE(no_kv_events)
    CHOICE(no_prefill_tokens)
    CHOICE(no_kv_reuse)
    FIELD(overlap_score_credit)
    FIELD(overlap_score_credit_decay)
    FIELD(prefill_load_scale)
    FIELD(decode_active_request_weight)
    FIELD(temperature)
    FIELD(queue_threshold)
    WHOLE(max_num_batched_tokens)
    CHOICE(waiting_order)
    FIELD(index_ttl)
    FIELD(cache_threshold)
    WHOLE(balance_abs_threshold)
    FIELD(balance_rel_threshold)
    FIELD(eviction_interval)
    WHOLE(max_tree_size)
    FIELD(match_rate_threshold)
    WHOLE(imbalanced_threshold)
    WHOLE(chunk_size)
    WHOLE(prefix_min_match_length)
    WHOLE(aibrix_imbalance)
    WHOLE(scorer_count)
    WHOLE(max_prefix_blocks)
    WHOLE(lru_blocks_per_worker)
    fail_msg("there is no field %s", field);
}

static const struct {
    const char *field;
    double value;
    const char *sentence;
} BAD_FIELDS[] = {
    {"router", 1,
     "router is 1: must be one of 0, 100, 110, 120, 130, 140, 200, 210, 220, 230, 240, 250, 260, 270, 280"},
    {"ties", 10, "ties is 10: must be one of 0, 100, 110, 120"},
    {"workers", 0, "workers is 0: must be in 1..65536"},
    {"workers", -1, "workers is -1: must be in 1..65536"},
    {"workers", 65537, "workers is 65537: must be in 1..65536"},
    {"block_size", -1, "block_size is -1: must be in 1..65536"},
    {"block_size", 65537, "block_size is 65537: must be in 1..65536"},
    {"stats_window", -1, "stats_window is -1.0: must be more than 0"},
    {"stats_window", NAN, "stats_window is nan: must be more than 0"},
    {"stats_window", 1e10, "stats_window is 10000000000.0: must be more than 0"},
    {"round_robin_rule", 120, "round_robin_rule is 120: must be one of 0, 100, 110"},
    {"vllm_dp_rule", 33, "vllm_dp_rule is 33: must be one of 0, 100"},
    {"cache_aware_rule", -1, "cache_aware_rule is -1: must be one of 0, 100, 110"},
    {"client_count", -1, "client_count is -1: must be in 1..65536"},
    {"client_index", 1, "client_index is 1: must be in 0..client_count - 1, which is 0"},
    {"client_index", -1, "client_index is -1: must be in 0..client_count - 1, which is 0"},
    {"no_kv_events", 2, "no_kv_events is 2: must be 0 or 1"},
    {"no_prefill_tokens", -1, "no_prefill_tokens is -1: must be 0 or 1"},
    {"no_kv_reuse", 7, "no_kv_reuse is 7: must be 0 or 1"},
    {"overlap_score_credit", -2, "overlap_score_credit is -2.0: must be at least 0, or -1 for 0"},
    {"overlap_score_credit", NAN, "overlap_score_credit is nan: must be at least 0, or -1 for 0"},
    {"overlap_score_credit", 1e10, "overlap_score_credit is 10000000000.0: must be in 0..1e9"},
    {"overlap_score_credit_decay", -1, "overlap_score_credit_decay is -1.0: must be in 0..1e9"},
    {"prefill_load_scale", -0.5, "prefill_load_scale is -0.5: must be at least 0, or -1 for 0"},
    {"decode_active_request_weight", INFINITY, "decode_active_request_weight is inf: must be in 0..1e9"},
    {"temperature", -1, "temperature is -1.0: must be in 0..1000"},
    {"temperature", NAN, "temperature is nan: must be in 0..1000"},
    {"temperature", 1001, "temperature is 1001.0: must be in 0..1000"},
    {"queue_threshold", -3, "queue_threshold is -3.0: must be at least 0, or -1 for 0"},
    {"queue_threshold", INFINITY, "queue_threshold is inf: must be in 0..1e9"},
    {"max_num_batched_tokens", -1, "max_num_batched_tokens is -1: must be in 1..2^40"},
    {"waiting_order", 1, "waiting_order is 1: must be one of 0, 100, 110"},
    {"index_ttl", -1, "index_ttl is -1.0: must be more than 0"},
    {"cache_threshold", -0.1, "cache_threshold is -0.1: must be at least 0, or -1 for 0"},
    {"balance_abs_threshold", -2, "balance_abs_threshold is -2: must be at least 0, or -1 for 0"},
    {"balance_abs_threshold", 9e18, "balance_abs_threshold is 9000000000000000000: must be in 0..2^40"},
    {"balance_rel_threshold", NAN, "balance_rel_threshold is nan: must be at least 0, or -1 for 0"},
    {"eviction_interval", -2, "eviction_interval is -2.0: must be more than 0"},
    {"eviction_interval", NAN, "eviction_interval is nan: must be more than 0"},
    {"max_tree_size", -2, "max_tree_size is -2: must be at least 0, or -1 for 0"},
    {"match_rate_threshold", -2, "match_rate_threshold is -2.0: must be at least 0, or -1 for 0"},
    {"imbalanced_threshold", -2, "imbalanced_threshold is -2: must be at least 0, or -1 for 0"},
    {"chunk_size", -1, "chunk_size is -1: must be in 1..1048576"},
    {"chunk_size", 1048577, "chunk_size is 1048577: must be in 1..1048576"},
    {"prefix_min_match_length", -1, "prefix_min_match_length is -1: must be in 0..2^40"},
    {"aibrix_imbalance", -2, "aibrix_imbalance is -2: must be at least 0, or -1 for 0"},
    {"scorer_count", -1, "scorer_count is -1: must be in 0..64"},
    {"scorer_count", 65, "scorer_count is 65: must be in 0..64"},
    {"scorer_count", 2, "scorer is NULL: it is required where scorer_count is 2"},
    {"max_prefix_blocks", -1, "max_prefix_blocks is -1: must be in 1..1048576"},
    {"lru_blocks_per_worker", -1, "lru_blocks_per_worker is -1: must be in 1..2^30"},
};

/* Whether or not the rule looks at the field. */
static void every_field_has_its_range(void **state) {
    (void)state;
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        for (size_t i = 0; i < sizeof BAD_FIELDS / sizeof *BAD_FIELDS; i++) {
            INITIALIZED(batching_router_config, config);
            config.router = RULES[rule];
            config.workers = 2;
            set_bad(&config, BAD_FIELDS[i].field, BAD_FIELDS[i].value);
            batching_router *router = (batching_router *)(intptr_t)-7;
            const batching_status status = batching_router_create(&config, &router);
            if (status != BATCHING_ERROR_INVALID_ARGUMENT && status != BATCHING_ERROR_NULL_POINTER) {
                fail_msg("%s of %g is %s", BAD_FIELDS[i].field, BAD_FIELDS[i].value, batching_status_name(status));
            }
            assert_error_names(BAD_FIELDS[i].sentence);
            assert_true(router == (batching_router *)(intptr_t)-7);
        }
    }
}

static void every_column_of_a_config_has_its_range(void **state) {
    (void)state;
    INITIALIZED(batching_router_config, good);
    good.workers = 2;
    good.router = BATCHING_ROUTER_SCORERS;
    batching_router *router = NULL;
    batching_router_config config = good;
    config.weight = (int64_t[]){1, 0};
    assert_fails(batching_router_create(&config, &router), BATCHING_ERROR_INVALID_ARGUMENT,
                 "weight[1] is 0: must be in 1..2147483647");
    config.weight = (int64_t[]){1LL << 31, 1};
    assert_fails(batching_router_create(&config, &router), BATCHING_ERROR_INVALID_ARGUMENT,
                 "weight[0] is 2147483648: must be in 1..2147483647");
    config = good;
    config.name = (const char *[]){"a", NULL};
    assert_fails(batching_router_create(&config, &router), BATCHING_ERROR_NULL_POINTER,
                 "name[1] is NULL: it is required");
    config = good;
    config.scorer_count = 2;
    config.scorer = (int32_t[]){BATCHING_SCORER_QUEUE, 7};
    assert_fails(batching_router_create(&config, &router), BATCHING_ERROR_INVALID_ARGUMENT,
                 "scorer[1] is 7: must be a BATCHING_SCORER_ constant");
    config.scorer = (int32_t[]){BATCHING_SCORER_QUEUE, BATCHING_SCORER_ACTIVE};
    config.scorer_weight = (double[]){NAN, 1};
    assert_fails(batching_router_create(&config, &router), BATCHING_ERROR_INVALID_ARGUMENT,
                 "scorer_weight[0] is nan: must be finite, and in -1e9..1e9");
    config.scorer_weight = NULL;
    config.scorer_threshold = (double[]){0, -1};
    assert_fails(batching_router_create(&config, &router), BATCHING_ERROR_INVALID_ARGUMENT,
                 "scorer_threshold[1] is -1.0: must be in 0..1e15");
    config.scorer_threshold = NULL;
    config.scorer_max_busy = (double[]){-0.5, 0};
    assert_fails(batching_router_create(&config, &router), BATCHING_ERROR_INVALID_ARGUMENT,
                 "scorer_max_busy[0] is -0.5: must be in 0..1e9, or -1 for 0");
    config.scorer_max_busy = (double[]){0, -1};
    assert_succeeds(batching_router_create(&config, &router));
    destroy(router);
}

static void every_field_of_a_request_has_its_range(void **state) {
    (void)state;
    static const struct {
        const char *field;
        double value;
        const char *sentence;
    } BAD[] = {
        {"time", -1, "time is -1.0: must be"},
        {"time", NAN, "time is nan: must be"},
        {"time", INFINITY, "time is inf: must be"},
        {"prompt_length", -1, "prompt_length is -1: must be at least 0"},
        {"output_length", -1, "output_length is -1: must be at least 0"},
        {"hash_count", -1, "hash_count is -1: must be in 0..2147483647"},
        {"hash_count", 2147483648.0, "hash_count is 2147483648: must be in 0..2147483647"},
        {"hash_count", 1, "hash_ids is NULL: it is required where hash_count is 1"},
        {"text_size", -1, "text_size is -1: must be in 0..2147483647"},
        {"text_size", 2147483648.0, "text_size is 2147483648: must be in 0..2147483647"},
        {"text_size", 1, "text is NULL: it is required where text_size is 1"},
        {"priority_jump", NAN, "priority_jump is nan: must be at most"},
        {"priority_jump", -1e11, "priority_jump is -100000000000.0: must be at most"},
    };
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        batching_router *router = created(RULES[rule], 2);
        for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
            batching_routing_request request = request_of(1);
            const char *field = BAD[i].field;
            batching_routing_request *of = &request;
            if (strcmp(field, "time") == 0) {
                of->time = BAD[i].value;
            } else if (strcmp(field, "prompt_length") == 0) {
                of->prompt_length = (int32_t)BAD[i].value;
            } else if (strcmp(field, "output_length") == 0) {
                of->output_length = (int32_t)BAD[i].value;
            } else if (strcmp(field, "hash_count") == 0) {
                of->hash_count = (int64_t)BAD[i].value;
            } else if (strcmp(field, "text_size") == 0) {
                of->text_size = (int64_t)BAD[i].value;
            } else {
                of->priority_jump = BAD[i].value;
            }
            int64_t worker = -7;
            int32_t allowed[2] = {-7, -7};
            double score[2] = {-7, -7};
            assert_int_not_equal(batching_router_route(router, &request, &worker), BATCHING_OK);
            assert_error_names(BAD[i].sentence);
            assert_int_not_equal(batching_router_book(router, &request, 0), BATCHING_OK);
            assert_error_names(BAD[i].sentence);
            assert_int_not_equal(batching_router_explain(router, &request, allowed, score), BATCHING_OK);
            assert_error_names(BAD[i].sentence);
            assert_int_equal(worker, -7);
            assert_true(allowed[0] == -7 && allowed[1] == -7 && score[0] == -7 && score[1] == -7);
        }
        require_load(router, (int64_t[]){0, 0}, 2);
        destroy(router);
    }
}

static void every_other_argument_has_its_range(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_LEAST_REQUESTS, 2);
    const batching_routing_request request = request_of(1);
    static const uint64_t HASHES[2] = {1, 2};
    assert_int_equal(route(router, 5), 0);
    const batching_status invalid = BATCHING_ERROR_INVALID_ARGUMENT;
    assert_fails(batching_router_book(router, &request, 2), invalid, "worker is 2: must be in 0..1");
    assert_fails(batching_router_book(router, &request, -1), invalid, "worker is -1: must be in 0..1");
    assert_fails(batching_router_first_token(router, 5, NAN), invalid, "time is nan: must be");
    assert_fails(batching_router_finished(router, 5, -1), invalid, "time is -1.0: must be");
    assert_fails(batching_router_output_block(router, 5, 1.5), invalid, "weight is 1.5: must be in 0..1, or NaN");
    assert_fails(batching_router_output_block(router, 5, -0.5), invalid, "weight is -0.5: must be in 0..1, or NaN");
    assert_fails(batching_router_set_worker(router, INT64_MAX, 1, 0), invalid, "must be in 0..1");
    assert_fails(batching_router_set_worker(router, 0, 2, 0), invalid, "is_up is 2: must be 0 or 1");
    assert_fails(batching_router_set_worker(router, 0, 0, INFINITY), invalid, "time is inf: must be");
    assert_fails(batching_router_stored(router, 2, HASHES, 2, 0), invalid, "worker is 2: must be in 0..1");
    assert_fails(batching_router_stored(router, 0, HASHES, -1, 0), invalid, "count is -1: must be in 0..2147483647");
    assert_fails(batching_router_stored(router, 0, HASHES, 2, 3), invalid,
                 "first is 3: must be in 0..count, which is 2");
    assert_fails(batching_router_stored(router, 0, HASHES, 2, -1), invalid, "first is -1: must be in 0..count");
    assert_fails(batching_router_removed(router, -1, HASHES, 2), invalid, "worker is -1: must be in 0..1");
    assert_fails(batching_router_removed(router, 0, HASHES, INT64_MIN), invalid, "must be in 0..2147483647");
    assert_fails(batching_router_evict(router, -1), invalid, "max_tree_size is -1: must be at least 0");
    require_load(router, (int64_t[]){1, 0}, 2);
    /* Worker 0 is still up. */
    assert_succeeds(batching_router_finished(router, 5, 0));
    assert_int_equal(route(router, 6), 0);
    destroy(router);
}

static void every_column_of_metrics_has_its_range(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_SCORERS, 2);
    INITIALIZED(batching_worker_metrics, metrics);
    const batching_status invalid = BATCHING_ERROR_INVALID_ARGUMENT;
    metrics.count = 3;
    assert_fails(batching_router_observe(router, &metrics), invalid,
                 "metrics.count is 3: must be the workers of the router, which are 2");
    metrics.count = 2;
    assert_succeeds(batching_router_observe(router, &metrics));
    const int64_t bad[] = {0, -1}, large[] = {(1LL << 50) + 1, 0};
    const double usage[] = {0, 1.01};
    const struct {
        const int64_t **column;
        const char *name;
    } COLUMNS[] = {{&metrics.waiting, "waiting"},
                   {&metrics.running, "running"},
                   {&metrics.in_flight_requests, "in_flight_requests"},
                   {&metrics.in_flight_tokens, "in_flight_tokens"}};
    for (size_t i = 0; i < sizeof COLUMNS / sizeof *COLUMNS; i++) {
        char sentence[80];
        *COLUMNS[i].column = bad;
        (void)snprintf(sentence, sizeof sentence, "%s[1] is -1: must be in 0..2^50", COLUMNS[i].name);
        assert_fails(batching_router_observe(router, &metrics), invalid, sentence);
        *COLUMNS[i].column = large;
        (void)snprintf(sentence, sizeof sentence, "%s[0] is 1125899906842625: must be in 0..2^50", COLUMNS[i].name);
        assert_fails(batching_router_observe(router, &metrics), invalid, sentence);
        *COLUMNS[i].column = NULL;
    }
    metrics.kv_usage = usage;
    assert_fails(batching_router_observe(router, &metrics), invalid, "kv_usage[1] is 1.01: must be in 0..1");
    destroy(router);
}

static void a_null_pointer_is_an_error(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_ROUND_ROBIN, 2);
    const batching_routing_request request = request_of(1);
    INITIALIZED(batching_router_config, config);
    INITIALIZED(batching_worker_metrics, metrics);
    config.workers = 1;
    int64_t number = -7;
    const batching_status null = BATCHING_ERROR_NULL_POINTER;
    const char *no_router = "router is NULL: it is required";
    assert_fails(batching_router_create(NULL, &router), null, "config is NULL: it is required");
    assert_fails(batching_router_create(&config, NULL), null, no_router);
    assert_fails(batching_router_route(NULL, &request, &number), null, no_router);
    assert_fails(batching_router_route(router, NULL, &number), null, "request is NULL: it is required");
    assert_fails(batching_router_route(router, &request, NULL), null, "worker is NULL: it is required");
    assert_fails(batching_router_explain(NULL, &request, NULL, NULL), null, no_router);
    assert_fails(batching_router_explain(router, NULL, NULL, NULL), null, "request is NULL: it is required");
    assert_fails(batching_router_book(NULL, &request, 0), null, no_router);
    assert_fails(batching_router_book(router, NULL, 0), null, "request is NULL: it is required");
    assert_fails(batching_router_release(NULL, &number, &number), null, no_router);
    assert_fails(batching_router_release(router, NULL, &number), null, "request is NULL: it is required");
    assert_fails(batching_router_release(router, &number, NULL), null, "worker is NULL: it is required");
    assert_fails(batching_router_first_token(NULL, 1, 0), null, no_router);
    assert_fails(batching_router_output_block(NULL, 1, 0), null, no_router);
    assert_fails(batching_router_finished(NULL, 1, 0), null, no_router);
    assert_fails(batching_router_set_worker(NULL, 1, 0, 0), null, no_router);
    assert_fails(batching_router_observe(NULL, &metrics), null, no_router);
    assert_fails(batching_router_observe(router, NULL), null, "metrics is NULL: it is required");
    assert_fails(batching_router_stored(NULL, 0, NULL, 0, 0), null, no_router);
    assert_fails(batching_router_stored(router, 0, NULL, 1, 0), null, "hash_ids is NULL: it is required");
    assert_fails(batching_router_removed(NULL, 0, NULL, 0), null, no_router);
    assert_fails(batching_router_removed(router, 0, NULL, 1), null, "hash_ids is NULL: it is required");
    assert_fails(batching_router_evict(NULL, 0), null, no_router);
    assert_fails(batching_router_load(NULL, NULL, NULL, &number), null, no_router);
    assert_int_equal(number, -7);
    batching_router *copy = NULL;
    assert_fails(batching_router_fork(NULL, &copy), null, no_router);
    assert_fails(batching_router_fork(router, NULL), null, "copy is NULL: it is required");
    assert_null(copy);
    /* What may be NULL. */
    assert_succeeds(batching_router_destroy(NULL));
    assert_succeeds(batching_router_load(router, NULL, NULL, NULL));
    assert_succeeds(batching_router_stored(router, 0, NULL, 0, 0));
    assert_succeeds(batching_router_removed(router, 0, NULL, 0));
    destroy(router);
}

static void reserved_fields_are_0(void **state) {
    (void)state;
    INITIALIZED(batching_router_config, config);
    config.workers = 1;
    config.reserved_2 = 1;
    batching_router *router = NULL;
    assert_fails(batching_router_create(&config, &router), BATCHING_ERROR_INVALID_ARGUMENT,
                 "config.reserved_2 is 1: must be 0");
    assert_null(router);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_its_range),
        cmocka_unit_test(every_column_of_a_config_has_its_range),
        cmocka_unit_test(every_field_of_a_request_has_its_range),
        cmocka_unit_test(every_other_argument_has_its_range),
        cmocka_unit_test(every_column_of_metrics_has_its_range),
        cmocka_unit_test(a_null_pointer_is_an_error),
        cmocka_unit_test(reserved_fields_are_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
