/* Section: what a router's decision costs, with all that a gateway tells of the request. */
#include "columns.h"
#include "measure.h"
#include "report.h"
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    workers = 64,
    in_flight = 512,
    blocks = 256,
    block_size = 16,
    shared_blocks = 192,
    groups = 32,
    repetitions = 5
};

typedef struct router_work {
    batching_router *router;
    int64_t count;
    int64_t next;
    int has_prompts;
    /* For each prompt: those of its group, and then its own. */
    uint64_t *hash_ids;
} router_work;

/** Requests of 4,096 prompt tokens, of which 3,072 are shared with every 32nd other; always 512 in flight. */
static void route_and_finish(void *context) {
    router_work *work = context;
    batching_routing_request request;
    require_ok(batching_routing_request_init(&request, sizeof request), "batching_routing_request_init");
    request.prompt_length = blocks * block_size;
    request.output_length = 200;
    for (int64_t i = 0; i < work->count; i++) {
        const int64_t id = work->next++;
        int64_t worker;
        request.request = id;
        request.time = 1e-3 * (double)id;
        if (work->has_prompts) {
            request.hash_ids = work->hash_ids;
            request.hash_count = blocks;
            for (int block = 0; block < blocks; block++) {
                const uint64_t of = block < shared_blocks ? (uint64_t)(id % groups) : (uint64_t)(id + groups);
                work->hash_ids[block] = of * blocks + (uint64_t)block + 1;
            }
        }
        require_ok(batching_router_route(work->router, &request, &worker), "batching_router_route");
        if (id >= in_flight) {
            require_ok(batching_router_first_token(work->router, id - in_flight, request.time),
                       "batching_router_first_token");
            require_ok(batching_router_finished(work->router, id - in_flight, request.time),
                       "batching_router_finished");
        }
    }
}

void routers_section(int64_t count) {
    static const struct {
        const char *name;
        int32_t rule;
        int has_prompts;
    } RULES[] = {
        {"round_robin", BATCHING_ROUTER_ROUND_ROBIN, 0},
        {"random", BATCHING_ROUTER_RANDOM, 0},
        {"power_of_two", BATCHING_ROUTER_POWER_OF_TWO, 0},
        {"least_requests", BATCHING_ROUTER_LEAST_REQUESTS, 0},
        {"least_tokens", BATCHING_ROUTER_LEAST_TOKENS, 0},
        {"session", BATCHING_ROUTER_SESSION, 0},
        {"vllm_dp", BATCHING_ROUTER_VLLM_DP, 0},
        {"bucket", BATCHING_ROUTER_BUCKET, 0},
        {"vtc", BATCHING_ROUTER_VTC, 0},
        {"dynamo_kv", BATCHING_ROUTER_DYNAMO_KV, 1},
        {"cache_aware", BATCHING_ROUTER_CACHE_AWARE, 1},
        {"prefix_trie", BATCHING_ROUTER_PREFIX_TRIE, 1},
        {"ray_prefix", BATCHING_ROUTER_RAY_PREFIX, 1},
        {"scorers", BATCHING_ROUTER_SCORERS, 1},
        {"aibrix_prefix", BATCHING_ROUTER_AIBRIX_PREFIX, 1},
    };
    /* What is kept of 256 blocks a request is some kilobytes. */
    const int64_t requests = count < 1000000 ? count / 100 + 100 : 10000;
    printf("\nRouters: a request is routed, and has its first token and finishes %d requests later; %d workers.\n"
           "The last six compare prompts of %d blocks, of which %d are shared; the time to write them is in it.\n\n"
           "| router | us a request |\n|---|---|\n",
           in_flight, workers, blocks, shared_blocks);
    uint64_t *hash_ids = malloc(blocks * sizeof *hash_ids);
    if (hash_ids == NULL) {
        exit(EXIT_FAILURE);
    }
    for (size_t which = 0; which < sizeof RULES / sizeof *RULES; which++) {
        batching_router_config config;
        router_work work = {.count = RULES[which].has_prompts ? requests : 10 * requests,
                            .has_prompts = RULES[which].has_prompts,
                            .hash_ids = hash_ids};
        require_ok(batching_router_config_init(&config, sizeof config), "batching_router_config_init");
        config.router = RULES[which].rule;
        config.workers = workers;
        config.no_kv_events = 1;
        config.index_ttl = 1;
        config.eviction_interval = 1;
        config.max_tree_size = 10000;
        require_ok(batching_router_create(&config, &work.router), "batching_router_create");
        const measurement took = measure(route_and_finish, &work, repetitions, work.count);
        printf("| %s | %.2f |\n", RULES[which].name, took.best / 1e3);
        require_ok(batching_router_destroy(work.router), "batching_router_destroy");
    }
    free(hash_ids);
}
