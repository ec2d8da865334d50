/*
 * Routers under traffic that goes on and on: what they keep stays bounded, however many requests have come and gone, and
 * their counts stay those of a model.
 */
#include <malloc.h>
#include <stdio.h>

#include "random.h"
#include "router_support.h"

enum { WORKERS = 5, MOST_IN_FLIGHT = 100, CALLS = 40000, PROMPTS = 40, BLOCKS = 24 };

static uint64_t hash_ids[PROMPTS][BLOCKS];
static char texts[PROMPTS][4 * BLOCKS];

static void make_prompts(void) {
    for (int which = 0; which < PROMPTS; which++) {
        for (int block = 0; block < BLOCKS; block++) {
            /* The first blocks are those of every eighth prompt. */
            const int of = block < which % 7 * 4 ? which % 8 : which;
            hash_ids[which][block] = (uint64_t)(1 + 1000 * of + block);
            for (int at = 0; at < 4; at++) {
                texts[which][4 * block + at] = (char)('a' + (of + 3 * block + at) % 26);
            }
        }
    }
}

struct traffic {
    batching_router *router;
    uint64_t random;
    double time;
    int64_t next_id;
    int64_t count;
    int64_t id[MOST_IN_FLIGHT];
    int64_t worker[MOST_IN_FLIGHT];
    int64_t requests[WORKERS];
    int64_t routed;
};

static void comes(struct traffic *traffic) {
    const int64_t which = random_between(&traffic->random, 0, PROMPTS - 1);
    INITIALIZED(batching_routing_request, request);
    request.request = traffic->next_id++;
    request.time = traffic->time;
    request.prompt_length = 16 * BLOCKS;
    request.output_length = (int32_t)random_between(&traffic->random, 1, 200);
    request.session = which % 2 == 0 ? "even" : "odd";
    request.hash_ids = hash_ids[which];
    request.hash_count = 8 * random_between(&traffic->random, 0, BLOCKS / 8);
    if (random_between(&traffic->random, 0, 1) == 0) {
        request.text = texts[which];
        /* Few lengths, so that all there are have come before the half. */
        request.text_size = 32 * random_between(&traffic->random, 0, 4 * BLOCKS / 32);
    }
    int64_t worker = -7;
    assert_succeeds(batching_router_route(traffic->router, &request, &worker));
    assert_in_range(worker, 0, WORKERS - 1);
    traffic->id[traffic->count] = request.request;
    traffic->worker[traffic->count++] = worker;
    traffic->requests[worker]++;
    traffic->routed++;
}

static void goes(struct traffic *traffic) {
    const int64_t at = random_between(&traffic->random, 0, traffic->count - 1);
    if (random_between(&traffic->random, 0, 2) > 0) {
        assert_succeeds(batching_router_first_token(traffic->router, traffic->id[at], traffic->time));
    }
    assert_succeeds(batching_router_finished(traffic->router, traffic->id[at], traffic->time));
    traffic->requests[traffic->worker[at]]--;
    traffic->count--;
    traffic->id[at] = traffic->id[traffic->count];
    traffic->worker[at] = traffic->worker[traffic->count];
}

static void call(struct traffic *traffic) {
    traffic->time += 0.1 * (double)random_between(&traffic->random, 0, 3);
    const int64_t which = random_between(&traffic->random, 0, 99);
    const int64_t worker = random_between(&traffic->random, 0, WORKERS - 1);
    if (which < 4) {
        const int64_t prompt = random_between(&traffic->random, 0, PROMPTS - 1);
        assert_succeeds(batching_router_stored(traffic->router, worker, hash_ids[prompt], BLOCKS, 0));
    } else if (which < 8) {
        const int64_t prompt = random_between(&traffic->random, 0, PROMPTS - 1);
        assert_succeeds(batching_router_removed(traffic->router, worker, hash_ids[prompt], BLOCKS));
    } else if (which < 10) {
        assert_succeeds(batching_router_set_worker(traffic->router, worker, 0, traffic->time));
        assert_succeeds(batching_router_set_worker(traffic->router, worker, 1, traffic->time));
    } else if (traffic->count == MOST_IN_FLIGHT || (traffic->count > 0 && which < 54)) {
        goes(traffic);
    } else {
        comes(traffic);
    }
}

static size_t run(struct traffic *traffic, int64_t calls) {
    size_t most = 0;
    for (int64_t at = 0; at < calls; at++) {
        call(traffic);
        if (at % 64 == 0) {
            const size_t memory = mallinfo2().uordblks;
            most = memory > most ? memory : most;
        }
        if (at % 256 == 0) {
            int64_t counted[WORKERS];
            assert_succeeds(batching_router_load(traffic->router, counted, NULL, NULL));
            assert_memory_equal(counted, traffic->requests, sizeof counted);
        }
    }
    return most;
}

static void soak(batching_router_config config, const char *name) {
    struct traffic traffic = {.random = 1};
    config.workers = WORKERS;
    assert_succeeds(batching_router_create(&config, &traffic.router));
    const size_t of_first_half = run(&traffic, CALLS / 2), of_second_half = run(&traffic, CALLS / 2);
    /* (Nothing is counted under valgrind.) */
    if ((double)of_second_half > 1.25 * (double)of_first_half) {
        fail_msg("%s: %zu bytes, and then %zu", name, of_first_half, of_second_half);
    }
    while (traffic.count > 0) {
        goes(&traffic);
    }
    int64_t counted[WORKERS], tokens[WORKERS];
    assert_succeeds(batching_router_load(traffic.router, counted, tokens, NULL));
    for (int worker = 0; worker < WORKERS; worker++) {
        assert_int_equal(counted[worker], 0);
        assert_int_equal(tokens[worker], 0);
    }
    assert_true(traffic.routed > CALLS / 3);
    assert_succeeds(batching_router_destroy(traffic.router));
}

static void what_routers_keep_stays_bounded(void **state) {
    (void)state;
    make_prompts();
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        INITIALIZED(batching_router_config, config);
        char name[32];
        (void)snprintf(name, sizeof name, "rule %d", RULES[rule]);
        config.router = RULES[rule];
        config.lru_blocks_per_worker = 100;
        soak(config, name);
        config.max_tree_size = 300;
        config.eviction_interval = 1;
        config.stats_window = 1;
        config.no_kv_events = 1;
        config.index_ttl = 5;
        config.ties = BATCHING_TIES_HAPROXY;
        config.round_robin_rule = BATCHING_ROUND_ROBIN_RULE_SETS;
        config.cache_aware_rule = BATCHING_CACHE_AWARE_RULE_SMG;
        config.vllm_dp_rule = BATCHING_VLLM_DP_RULE_UNTIL_0_26;
        soak(config, name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_routers_keep_stays_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
