/* Routers: what every one of them has in common. What each decides: the recordings. */
#include <math.h>
#include <stdlib.h>

#include "router_support.h"

/* Routes requests first, first + 1, ...; they go to these workers. */
static void require_workers(batching_router *router, int64_t first, const int64_t *workers, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        assert_int_equal(route(router, first + i), workers[i]);
    }
}

/* --- What all have in common ---------------------------------------------------------------------------------------*/

static void workers_get_requests_in_the_order_of_their_numbers(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_ROUND_ROBIN, 3);
    require_workers(router, 0, (int64_t[]){0, 1, 2, 0, 1}, 5);
    require_load(router, (int64_t[]){2, 2, 1}, 3);
    destroy(router);
}

static void a_worker_that_is_down_gets_none_and_keeps_what_it_has(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_LEAST_REQUESTS, 3);
    require_workers(router, 0, (int64_t[]){0, 1, 2}, 3);
    assert_succeeds(batching_router_set_worker(router, 1, 0, 1.0));
    /* Again is no change. */
    assert_succeeds(batching_router_set_worker(router, 1, 0, 1.0));
    require_workers(router, 3, (int64_t[]){0, 2, 0}, 3);
    require_load(router, (int64_t[]){3, 1, 2}, 3);
    assert_succeeds(batching_router_finished(router, 1, 2.0));
    require_load(router, (int64_t[]){3, 0, 2}, 3);
    assert_succeeds(batching_router_set_worker(router, 1, 1, 3.0));
    require_workers(router, 6, (int64_t[]){1, 1, 1}, 2);
    destroy(router);
}

static void without_a_worker_that_is_up_there_is_no_decision(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_ROUND_ROBIN, 2);
    assert_succeeds(batching_router_set_worker(router, 0, 0, 0));
    assert_succeeds(batching_router_set_worker(router, 1, 0, 0));
    const batching_routing_request request = request_of(1);
    int64_t worker = -7;
    assert_fails(batching_router_route(router, &request, &worker), BATCHING_ERROR_INVALID_ARGUMENT,
                 "no worker is up: one must be");
    assert_int_equal(worker, -7);
    int32_t allowed[2] = {7, 7};
    assert_succeeds(batching_router_explain(router, &request, allowed, NULL));
    assert_int_equal(allowed[0] + allowed[1], 0);
    assert_fails(batching_router_book(router, &request, 0), BATCHING_ERROR_INVALID_ARGUMENT,
                 "worker is 0: must be one that is up");
    destroy(router);
}

static void an_id_is_free_again_once_its_request_has_finished(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_ROUND_ROBIN, 2);
    static const int64_t IDS[] = {0, -1, INT64_MIN, INT64_MAX};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof IDS / sizeof *IDS; i++) {
            assert_int_equal(route(router, IDS[i]), i % 2);
        }
        const batching_routing_request again = request_of(INT64_MIN);
        int64_t worker = -7;
        assert_fails(batching_router_route(router, &again, &worker), BATCHING_ERROR_INVALID_ARGUMENT,
                     "request is -9223372036854775808: must be an id that is not in flight");
        assert_fails(batching_router_book(router, &again, 0), BATCHING_ERROR_INVALID_ARGUMENT,
                     "request is -9223372036854775808: must be an id that is not in flight");
        assert_int_equal(worker, -7);
        /* To ask is no harm. */
        assert_succeeds(batching_router_explain(router, &again, NULL, NULL));
        require_load(router, (int64_t[]){2, 2}, 2);
        for (size_t i = 0; i < sizeof IDS / sizeof *IDS; i++) {
            assert_succeeds(batching_router_finished(router, IDS[i], 1.0));
        }
        require_load(router, (int64_t[]){0, 0}, 2);
    }
    destroy(router);
}

static void an_id_that_is_not_in_flight_is_an_error(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_ROUND_ROBIN, 2);
    const char *sentence = "request is 5: must be the id of a request in flight";
    assert_fails(batching_router_first_token(router, 5, 0), BATCHING_ERROR_INVALID_ARGUMENT, sentence);
    assert_fails(batching_router_output_block(router, 5, NAN), BATCHING_ERROR_INVALID_ARGUMENT, sentence);
    assert_fails(batching_router_finished(router, 5, 0), BATCHING_ERROR_INVALID_ARGUMENT, sentence);
    destroy(router);
}

/* 10 prompt tokens each, until the first token. */
static void prompt_tokens_count_until_the_first_token(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_ROUND_ROBIN, 2);
    require_workers(router, 0, (int64_t[]){0, 1, 0}, 3);
    int64_t tokens[2];
    assert_succeeds(batching_router_load(router, NULL, tokens, NULL));
    assert_int_equal(tokens[0], 20);
    assert_int_equal(tokens[1], 10);
    assert_succeeds(batching_router_first_token(router, 0, 1.0));
    /* A second time it changes nothing. */
    assert_succeeds(batching_router_first_token(router, 0, 1.0));
    assert_succeeds(batching_router_finished(router, 1, 1.0));
    assert_succeeds(batching_router_load(router, NULL, tokens, NULL));
    assert_int_equal(tokens[0], 10);
    assert_int_equal(tokens[1], 0);
    destroy(router);
}

static void a_host_that_chooses_is_counted(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_LEAST_REQUESTS, 3);
    for (int64_t id = 0; id < 2; id++) {
        const batching_routing_request request = request_of(id);
        assert_succeeds(batching_router_book(router, &request, 0));
    }
    require_workers(router, 2, (int64_t[]){1, 2, 1}, 3);
    require_load(router, (int64_t[]){2, 2, 1}, 3);
    destroy(router);
}

static void to_explain_changes_nothing(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_LEAST_REQUESTS, 3);
    require_workers(router, 0, (int64_t[]){0}, 1);
    for (int time = 0; time < 3; time++) {
        const batching_routing_request request = request_of(7);
        int32_t allowed[3] = {-7, -7, -7};
        double score[3] = {-7, -7, -7};
        assert_succeeds(batching_router_explain(router, &request, allowed, score));
        /* The first of the two that have none. */
        assert_int_equal(allowed[0], 0);
        assert_int_equal(allowed[1], 1);
        assert_int_equal(allowed[2], 0);
        assert_doubles_equal(score, ((double[]){1, 0, 0}), 3);
    }
    require_load(router, (int64_t[]){1, 0, 0}, 3);
    require_workers(router, 1, (int64_t[]){1, 2, 0}, 3);
    destroy(router);
}

static void a_router_keeps_nothing_of_its_config(void **state) {
    (void)state;
    INITIALIZED(batching_router_config, config);
    int64_t *weight = malloc(2 * sizeof *weight);
    char *first = strdup("b"), *second = strdup("a");
    const char **name = malloc(2 * sizeof *name);
    weight[0] = 1;
    weight[1] = 3;
    name[0] = first;
    name[1] = second;
    config.router = BATCHING_ROUTER_LEAST_REQUESTS;
    config.workers = 2;
    config.weight = weight;
    config.name = name;
    batching_router *router = NULL;
    assert_succeeds(batching_router_create(&config, &router));
    memset(weight, 0, 2 * sizeof *weight);
    memset(first, 0, 2);
    memset(second, 0, 2);
    free(weight);
    free(first);
    free(second);
    free((void *)name);
    memset(&config, 0, sizeof config);
    /* Requests over weight: 0/1 and 0/3; 1 and 0/3; 1 and 1/3; 1 and 2/3; 1 and 1. */
    require_workers(router, 0, (int64_t[]){0, 1, 1, 1, 0}, 5);
    destroy(router);
}

/* https://nginx.org of weights 5, 1, 1: a a b a c a a. */
static void nginx_spreads_what_a_weight_gives(void **state) {
    (void)state;
    INITIALIZED(batching_router_config, config);
    config.router = BATCHING_ROUTER_ROUND_ROBIN;
    config.round_robin_rule = BATCHING_ROUND_ROBIN_RULE_SMOOTH;
    config.workers = 3;
    config.weight = (int64_t[]){5, 1, 1};
    batching_router *router = NULL;
    assert_succeeds(batching_router_create(&config, &router));
    require_workers(router, 0, (int64_t[]){0, 0, 1, 0, 2, 0, 0, 0}, 8);
    destroy(router);
}

static void what_is_random_is_the_same_for_a_seed(void **state) {
    (void)state;
    int64_t chosen[3][64];
    for (int which = 0; which < 3; which++) {
        INITIALIZED(batching_router_config, config);
        config.router = BATCHING_ROUTER_LEAST_REQUESTS;
        config.ties = BATCHING_TIES_RANDOM;
        config.workers = 64;
        config.seed = which == 2;
        batching_router *router = NULL;
        assert_succeeds(batching_router_create(&config, &router));
        for (int64_t id = 0; id < 64; id++) {
            chosen[which][id] = route(router, id);
        }
        /* Each worker once: those that have one already are no ties. */
        const int64_t ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        int64_t counted[64];
        assert_succeeds(batching_router_load(router, counted, NULL, NULL));
        for (int64_t worker = 0; worker < 64; worker++) {
            assert_int_equal(counted[worker], ones[0]);
        }
        destroy(router);
    }
    assert_memory_equal(chosen[0], chosen[1], sizeof chosen[0]);
    assert_memory_not_equal(chosen[0], chosen[2], sizeof chosen[0]);
}

static void nothing_waits_without_a_queue(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_ROUND_ROBIN, 2);
    assert_int_equal(route(router, 1), 0);
    int64_t request = -7, worker = -7;
    assert_succeeds(batching_router_release(router, &request, &worker));
    assert_int_equal(worker, BATCHING_WORKER_NONE);
    assert_int_equal(request, -7);
    destroy(router);
}

/* --- Every rule ----------------------------------------------------------------------------------------------------*/

/* Nothing is told but an id; all workers but one are down: a request goes where it can. */
static void every_rule_finds_the_one_worker_that_is_up(void **state) {
    (void)state;
    static const int64_t WORKERS[] = {1, 2, 9, 500};
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        for (size_t size = 0; size < sizeof WORKERS / sizeof *WORKERS; size++) {
            const int64_t workers = WORKERS[size], up = workers / 2;
            INITIALIZED(batching_router_config, config);
            config.router = RULES[rule];
            config.workers = workers;
            config.lru_blocks_per_worker = 16;
            batching_router *router = NULL;
            assert_succeeds(batching_router_create(&config, &router));
            for (int64_t worker = 0; worker < workers; worker++) {
                assert_succeeds(batching_router_set_worker(router, worker, worker == up, 0));
            }
            for (int64_t id = 0; id < 3; id++) {
                INITIALIZED(batching_routing_request, bare);
                bare.request = id;
                int32_t *allowed = calloc((size_t)workers, sizeof *allowed);
                int64_t worker = -7, sum = 0;
                assert_succeeds(batching_router_explain(router, &bare, allowed, NULL));
                for (int64_t one = 0; one < workers; one++) {
                    sum += allowed[one];
                }
                if (sum != 1 || allowed[up] != 1) {
                    fail_msg("rule %d of %lld workers allows %lld", RULES[rule], (long long)workers, (long long)sum);
                }
                free(allowed);
                assert_succeeds(batching_router_route(router, &bare, &worker));
                assert_int_equal(worker, up);
            }
            destroy(router);
        }
    }
}

/* Text that is none is refused by those that read it; the others do not look. In both cases nothing has changed. */
static void text_that_is_not_utf_8_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t size;
        const char *sentence;
    } BAD[] = {
        {"ab\xff", 3, "text is not UTF-8 at byte 2: must be UTF-8"},
        {"\xc0\x80", 2, "text is not UTF-8 at byte 0"},
        {"\xed\xa0\x80", 3, "text is not UTF-8 at byte 0"},
        {"a\xf4\x90\x80\x80", 5, "text is not UTF-8 at byte 1"},
        {"\xf0\x9f\x98\x80", 3, "text is not UTF-8 at byte 0"},
        {"\xe0\x80\x80", 3, "text is not UTF-8 at byte 0"},
        {"\xc3(", 2, "text is not UTF-8 at byte 0"},
        {"\x80", 1, "text is not UTF-8 at byte 0"},
    };
    batching_router *router = created(BATCHING_ROUTER_CACHE_AWARE, 2);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        batching_routing_request request = request_of(1);
        request.text = BAD[i].text;
        request.text_size = BAD[i].size;
        int64_t worker = -7;
        assert_fails(batching_router_route(router, &request, &worker), BATCHING_ERROR_INVALID_ARGUMENT,
                     BAD[i].sentence);
        assert_fails(batching_router_book(router, &request, 1), BATCHING_ERROR_INVALID_ARGUMENT, BAD[i].sentence);
        assert_fails(batching_router_explain(router, &request, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                     BAD[i].sentence);
        assert_int_equal(worker, -7);
    }
    require_load(router, (int64_t[]){0, 0}, 2);
    destroy(router);
}

/* --- Copies --------------------------------------------------------------------------------------------------------*/

static void a_copy_goes_on_by_itself(void **state) {
    (void)state;
    batching_router *router = created(BATCHING_ROUTER_ROUND_ROBIN, 3), *copy = NULL;
    require_workers(router, 0, (int64_t[]){0, 1}, 2);
    assert_succeeds(batching_router_fork(router, &copy));
    require_load(copy, (int64_t[]){1, 1, 0}, 3);
    /* The third has its turn in both; the copy goes twice round, of which the router knows nothing. */
    require_workers(copy, 2, (int64_t[]){2, 0, 1, 2, 0}, 5);
    require_workers(router, 2, (int64_t[]){2, 0}, 2);
    require_load(router, (int64_t[]){2, 1, 1}, 3);
    require_load(copy, (int64_t[]){3, 2, 2}, 3);
    /* Request 0 is in flight in both, request 6 in the copy alone. */
    assert_fails(batching_router_finished(router, 6, 1.0), BATCHING_ERROR_INVALID_ARGUMENT,
                 "request is 6: must be the id of a request in flight");
    destroy(router);
    assert_succeeds(batching_router_finished(copy, 0, 1.0));
    assert_succeeds(batching_router_finished(copy, 6, 1.0));
    require_load(copy, (int64_t[]){1, 2, 2}, 3);
    destroy(copy);
}

/* A worker with 10 tokens to prefill is busy above 9. */
static void what_waits_waits_in_a_copy(void **state) {
    (void)state;
    INITIALIZED(batching_router_config, config);
    config.router = BATCHING_ROUTER_DYNAMO_KV;
    config.workers = 1;
    config.queue_threshold = 1;
    config.max_num_batched_tokens = 9;
    batching_router *router = NULL, *copy = NULL;
    assert_succeeds(batching_router_create(&config, &router));
    require_workers(router, 1, (int64_t[]){0, BATCHING_WORKER_NONE}, 2);
    assert_succeeds(batching_router_fork(router, &copy));
    int64_t request = -7, worker = -7, waiting = -7;
    assert_succeeds(batching_router_first_token(copy, 1, 1.0));
    assert_succeeds(batching_router_release(copy, &request, &worker));
    assert_int_equal(request, 2);
    assert_int_equal(worker, 0);
    destroy(copy);
    assert_succeeds(batching_router_release(router, &request, &worker));
    assert_int_equal(worker, BATCHING_WORKER_NONE);
    assert_succeeds(batching_router_load(router, NULL, NULL, &waiting));
    assert_int_equal(waiting, 1);
    assert_succeeds(batching_router_fork(router, &copy));
    destroy(router);
    assert_succeeds(batching_router_load(copy, NULL, NULL, &waiting));
    assert_int_equal(waiting, 1);
    destroy(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_get_requests_in_the_order_of_their_numbers),
        cmocka_unit_test(a_worker_that_is_down_gets_none_and_keeps_what_it_has),
        cmocka_unit_test(without_a_worker_that_is_up_there_is_no_decision),
        cmocka_unit_test(an_id_is_free_again_once_its_request_has_finished),
        cmocka_unit_test(an_id_that_is_not_in_flight_is_an_error),
        cmocka_unit_test(prompt_tokens_count_until_the_first_token),
        cmocka_unit_test(a_host_that_chooses_is_counted),
        cmocka_unit_test(to_explain_changes_nothing),
        cmocka_unit_test(a_router_keeps_nothing_of_its_config),
        cmocka_unit_test(nginx_spreads_what_a_weight_gives),
        cmocka_unit_test(what_is_random_is_the_same_for_a_seed),
        cmocka_unit_test(nothing_waits_without_a_queue),
        cmocka_unit_test(every_rule_finds_the_one_worker_that_is_up),
        cmocka_unit_test(text_that_is_not_utf_8_is_refused),
        cmocka_unit_test(a_copy_goes_on_by_itself),
        cmocka_unit_test(what_waits_waits_in_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
