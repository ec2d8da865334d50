/* The rows of failing_allocations.c for routers: every function, for every rule. */
#include "failing_allocations.h"

#include <math.h>
#include <string.h>

enum { WORKERS = 5, BLOCKS = 40, PROMPT = 160, BOOKED = 60 };

/* Prompts that share 0 to 3 blocks of every 4 with each other: hash ids, or as long a text in two alphabets. */
static uint64_t hash_ids[BOOKED + 1][BLOCKS];
static char texts[BOOKED + 1][PROMPT + 1];
static char sessions[BOOKED + 1][8];

static void make_prompts(void) {
    for (int which = 0; which <= BOOKED; which++) {
        for (int block = 0; block < BLOCKS; block++) {
            hash_ids[which][block] = (uint64_t)(block < 4 * (which % 9) ? 1000 + block : 1000000 * which + block);
        }
        for (int at = 0; at < PROMPT; at++) {
            texts[which][at] = (char)('a' + (at < 16 * (which % 9) ? at % 7 : (at * which) % 26));
        }
        memcpy(sessions[which], "user-00", 8);
        sessions[which][6] = (char)('0' + which % 5);
    }
}

/* By text and by hash ids in turn. */
static batching_routing_request request_of(int64_t id) {
    batching_routing_request request;
    must(batching_routing_request_init(&request, sizeof request));
    const int64_t which = id % (BOOKED + 1);
    request.request = id;
    request.time = 100;
    request.prompt_length = PROMPT;
    request.output_length = (int32_t)(1 + id % 7);
    request.session = sessions[which];
    if (id % 2 == 0) {
        request.text = texts[which];
        request.text_size = PROMPT;
    } else {
        request.hash_ids = hash_ids[which];
        request.hash_count = BLOCKS;
    }
    return request;
}

static uint64_t sum(uint64_t checksum, const void *bytes, size_t size) {
    for (size_t at = 0; at < size; at++) {
        checksum = (checksum ^ ((const unsigned char *)bytes)[at]) * 1099511628211u;
    }
    return checksum;
}

uint64_t told_by_router(batching_router *asked) {
    if (asked == NULL) {
        return 0;
    }
    uint64_t checksum = 14695981039346656037u;
    int64_t requests[WORKERS], tokens[WORKERS], waiting;
    must(batching_router_load(asked, requests, tokens, &waiting));
    checksum = sum(checksum, requests, sizeof requests);
    checksum = sum(checksum, tokens, sizeof tokens);
    checksum = sum(checksum, &waiting, sizeof waiting);
    for (int64_t id = 0; id < 20; id++) {
        const batching_routing_request request = request_of(id);
        int32_t allowed[WORKERS];
        double score[WORKERS];
        must(batching_router_explain(asked, &request, allowed, score));
        checksum = sum(checksum, allowed, sizeof allowed);
        checksum = sum(checksum, score, sizeof score);
    }
    return checksum;
}

/* kind: a rule; asynchronous: which variant of it. */
static batching_router_config config_of(const struct choice *choice) {
    batching_router_config config;
    must(batching_router_config_init(&config, sizeof config));
    config.router = choice->kind;
    config.workers = WORKERS;
    config.block_size = 4;
    config.chunk_size = choice->asynchronous ? 8 : 0;
    config.eviction_interval = choice->asynchronous ? 1e-3 : -1;
    config.max_tree_size = choice->asynchronous ? 100 : 0;
    config.lru_blocks_per_worker = choice->asynchronous ? 16 : 1000;
    switch (choice->kind) {
    case BATCHING_ROUTER_ROUND_ROBIN:
        config.round_robin_rule = choice->asynchronous ? BATCHING_ROUND_ROBIN_RULE_SETS : 0;
        break;
    case BATCHING_ROUTER_LEAST_REQUESTS:
        config.ties = choice->asynchronous ? BATCHING_TIES_HAPROXY : BATCHING_TIES_NGINX;
        break;
    case BATCHING_ROUTER_CACHE_AWARE:
        config.cache_aware_rule =
            choice->asynchronous ? BATCHING_CACHE_AWARE_RULE_SMG : BATCHING_CACHE_AWARE_RULE_SGLANG;
        break;
    case BATCHING_ROUTER_DYNAMO_KV:
        config.no_kv_events = choice->asynchronous;
        config.queue_threshold = choice->asynchronous ? -1 : 0;
        break;
    case BATCHING_ROUTER_SCORERS: {
        static const int32_t all[] = {BATCHING_SCORER_QUEUE,    BATCHING_SCORER_RUNNING,
                                      BATCHING_SCORER_KV_USAGE, BATCHING_SCORER_LOAD_AWARE,
                                      BATCHING_SCORER_ACTIVE,   BATCHING_SCORER_TOKEN_LOAD,
                                      BATCHING_SCORER_PREFIX,   BATCHING_SCORER_PRECISE_PREFIX};
        config.scorer = all;
        config.scorer_count = choice->asynchronous ? (int64_t)(sizeof all / sizeof *all) : 0;
        break;
    }
    default:
        break;
    }
    return config;
}

/* Some are in flight, some have a first token, and some wait, where there is a queue. The last id in flight is that at
 * which the buffers of the common part are full. */
enum { FIRST_NEW = 1000 };

static void make_router(const struct choice *choice) {
    make_prompts();
    const batching_router_config config = config_of(choice);
    must(batching_router_create(&config, &router));
    for (int64_t id = 0; id < BOOKED; id++) {
        const batching_routing_request request = request_of(id);
        int64_t worker;
        must(batching_router_route(router, &request, &worker));
        if (id % 3 == 0 && worker >= 0) {
            must(batching_router_first_token(router, id, 100));
        }
    }
    must(batching_router_stored(router, 1, hash_ids[2], BLOCKS, 0));
    /* 64 at once, so that one more needs memory. */
    for (int64_t id = BOOKED; id < 64; id++) {
        const batching_routing_request request = request_of(id);
        must(batching_router_book(router, &request, id % WORKERS));
    }
}

static batching_status create(const struct choice *choice) {
    make_prompts();
    const batching_router_config config = config_of(choice);
    return batching_router_create(&config, &outputs.router);
}

static batching_status destroy(const struct choice *choice) {
    (void)choice;
    batching_router *destroyed = router;
    router = NULL;
    return batching_router_destroy(destroyed);
}

static batching_status route(const struct choice *choice) {
    const batching_routing_request request = request_of(FIRST_NEW + choice->caches_prefixes);
    return batching_router_route(router, &request, &outputs.needed);
}

static batching_status explain(const struct choice *choice) {
    const batching_routing_request request = request_of(FIRST_NEW + choice->caches_prefixes);
    return batching_router_explain(router, &request, outputs.small[0], outputs.seconds[0]);
}

static batching_status book(const struct choice *choice) {
    const batching_routing_request request = request_of(FIRST_NEW + choice->caches_prefixes);
    return batching_router_book(router, &request, 3);
}

static batching_status release(const struct choice *choice) {
    (void)choice;
    return batching_router_release(router, &outputs.numbers[0][0], &outputs.numbers[0][1]);
}

static batching_status first_token(const struct choice *choice) {
    (void)choice;
    return batching_router_first_token(router, 1, 101);
}

static batching_status output_block(const struct choice *choice) {
    (void)choice;
    return batching_router_output_block(router, 1, 0.5);
}

static batching_status finished(const struct choice *choice) {
    (void)choice;
    return batching_router_finished(router, 1, 102);
}

static batching_status set_worker(const struct choice *choice) {
    (void)choice;
    return batching_router_set_worker(router, 2, 0, 103);
}

static batching_status observe(const struct choice *choice) {
    (void)choice;
    static const int64_t counts[WORKERS] = {5, 0, 3, 2, 1};
    static const double usage[WORKERS] = {0.5, 0.25, 1, 0, 0.75};
    batching_worker_metrics metrics;
    must(batching_worker_metrics_init(&metrics, sizeof metrics));
    metrics.count = WORKERS;
    metrics.waiting = metrics.running = metrics.in_flight_requests = metrics.in_flight_tokens = counts;
    metrics.kv_usage = usage;
    return batching_router_observe(router, &metrics);
}

static batching_status stored(const struct choice *choice) {
    (void)choice;
    return batching_router_stored(router, 3, hash_ids[5], BLOCKS, 7);
}

static batching_status removed(const struct choice *choice) {
    (void)choice;
    return batching_router_removed(router, 1, hash_ids[2] + 10, BLOCKS - 10);
}

static batching_status evict(const struct choice *choice) {
    (void)choice;
    return batching_router_evict(router, 50);
}

static batching_status load(const struct choice *choice) {
    (void)choice;
    return batching_router_load(router, outputs.numbers[0], outputs.numbers[1], &outputs.needed);
}

static batching_status fork_router(const struct choice *choice) {
    (void)choice;
    return batching_router_fork(router, &outputs.router);
}

#define CALLS(rule, variant)                                                                                           \
    ROW(create, "", NULL, rule, variant, 0), ROW(destroy, "", make_router, rule, variant, 0),                          \
        ROW(route, "text", make_router, rule, variant, 0), ROW(route, "hash ids", make_router, rule, variant, 1),      \
        ROW(explain, "text", make_router, rule, variant, 0), ROW(explain, "hash ids", make_router, rule, variant, 1),  \
        ROW(book, "text", make_router, rule, variant, 0), ROW(book, "hash ids", make_router, rule, variant, 1),        \
        ROW(release, "", make_router, rule, variant, 0), ROW(first_token, "", make_router, rule, variant, 0),          \
        ROW(output_block, "", make_router, rule, variant, 0), ROW(finished, "", make_router, rule, variant, 0),        \
        ROW(set_worker, "", make_router, rule, variant, 0), ROW(observe, "", make_router, rule, variant, 0),           \
        ROW(stored, "", make_router, rule, variant, 0), ROW(removed, "", make_router, rule, variant, 0),               \
        ROW(evict, "", make_router, rule, variant, 0), ROW(load, "", make_router, rule, variant, 0),                   \
        ROW_OF("batching_router_fork", fork_router, "", make_router, rule, variant, 0)
#define ROW(call, what, prepare, rule, variant, by_hash)                                                               \
    ROW_OF("batching_router_" #call, call, what, prepare, rule, variant, by_hash)
#define ROW_OF(name, call, what, prepare, rule, variant, by_hash)                                                      \
    {                                                                                                                  \
        name, #rule " " what, prepare, call, {                                                                         \
            .kind = BATCHING_ROUTER_##rule, .asynchronous = variant, .caches_prefixes = by_hash                        \
        }                                                                                                              \
    }
#define BOTH(rule) CALLS(rule, 0), CALLS(rule, 1)

static const struct row router_rows[] = {
    BOTH(ROUND_ROBIN), CALLS(RANDOM, 0),     CALLS(POWER_OF_TWO, 0), BOTH(LEAST_REQUESTS), CALLS(LEAST_TOKENS, 0),
    CALLS(SESSION, 0), BOTH(DYNAMO_KV),      CALLS(VLLM_DP, 0),      BOTH(CACHE_AWARE),    CALLS(BUCKET, 0),
    BOTH(PREFIX_TRIE), CALLS(RAY_PREFIX, 0), BOTH(SCORERS),          BOTH(AIBRIX_PREFIX),  CALLS(VTC, 0),
};
const struct table ROUTER_CALLS = {router_rows, sizeof router_rows / sizeof *router_rows};
