/* What the tests of routers share. */
#ifndef BATCHING_TESTS_ROUTER_SUPPORT_H
#define BATCHING_TESTS_ROUTER_SUPPORT_H

#include "support.h"

/* Every rule. */
static const int32_t RULES[] = {
    BATCHING_ROUTER_ROUND_ROBIN,    BATCHING_ROUTER_RANDOM,        BATCHING_ROUTER_POWER_OF_TWO,
    BATCHING_ROUTER_LEAST_REQUESTS, BATCHING_ROUTER_LEAST_TOKENS,  BATCHING_ROUTER_SESSION,
    BATCHING_ROUTER_DYNAMO_KV,      BATCHING_ROUTER_VLLM_DP,       BATCHING_ROUTER_CACHE_AWARE,
    BATCHING_ROUTER_BUCKET,         BATCHING_ROUTER_PREFIX_TRIE,   BATCHING_ROUTER_RAY_PREFIX,
    BATCHING_ROUTER_SCORERS,        BATCHING_ROUTER_AIBRIX_PREFIX, BATCHING_ROUTER_VTC,
};
enum { RULE_COUNT = sizeof RULES / sizeof *RULES };

static inline batching_router *created(int32_t rule, int64_t workers) {
    INITIALIZED(batching_router_config, config);
    config.router = rule;
    config.workers = workers;
    batching_router *router = NULL;
    assert_succeeds(batching_router_create(&config, &router));
    return router;
}

static inline void destroy(batching_router *router) {
    assert_succeeds(batching_router_destroy(router));
}

static inline batching_routing_request request_of(int64_t id) {
    INITIALIZED(batching_routing_request, request);
    request.request = id;
    request.prompt_length = 10;
    request.output_length = 5;
    return request;
}

static inline int64_t route(batching_router *router, int64_t id) {
    const batching_routing_request request = request_of(id);
    int64_t worker = -7;
    assert_succeeds(batching_router_route(router, &request, &worker));
    return worker;
}

static inline void require_load(batching_router *router, const int64_t *requests, int64_t workers) {
    int64_t counted[8], waiting = -7;
    assert_true(workers <= 8);
    assert_succeeds(batching_router_load(router, counted, NULL, &waiting));
    for (int64_t worker = 0; worker < workers; worker++) {
        assert_int_equal(counted[worker], requests[worker]);
    }
    assert_int_equal(waiting, 0);
}

#endif
