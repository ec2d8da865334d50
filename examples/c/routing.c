/*
 * The loop of a gateway with three replicas, which sends requests where the beginning of their prompts is cached, as
 * sglang-router does.
 *
 *     cc routing.c -o routing $(pkg-config --cflags --libs batching)
 *
 * routing.expected: of the first prompt nothing is known, and the first of the replicas with the fewest requests gets
 * it. So with the second: replica 1 has none. The third and the fourth begin as these two, by more than 0.3 of their
 * length, and follow them. The fifth begins as none: replica 2 is idle. Replica 0 goes down with two requests, which
 * are routed again. Nothing is known of their beginning without it. Replicas 1 and 2 have one request each, since one
 * has finished: the first of them gets one, and the other follows it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <batching.h>

enum { REPLICAS = 3 };

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

/* Where a gateway sends a request. */
static int64_t send_request(batching_router *router, int64_t id, double time, const char *prompt) {
    batching_routing_request request;
    int64_t replica;
    check(batching_routing_request_init(&request, sizeof request));
    request.request = id;
    request.time = time;
    request.text = prompt;
    request.text_size = (int64_t)strlen(prompt);
    check(batching_router_route(router, &request, &replica));
    printf("%.1f s: request %lld goes to replica %lld\n", time, (long long)id, (long long)replica);
    return replica;
}

static void print_load(batching_router *router) {
    int64_t requests[REPLICAS];
    check(batching_router_load(router, requests, NULL, NULL));
    printf("       in flight:");
    for (int replica = 0; replica < REPLICAS; replica++) {
        printf(" %lld", (long long)requests[replica]);
    }
    printf("\n");
}

int main(void) {
    static const char *const PROMPTS[] = {
        "The law of the sea, article 1: whoever finds a ship, ... Question: who may keep it?",
        "A recipe for bread: flour, water, salt, and time. ...... Question: how much salt?",
        "The law of the sea, article 1: whoever finds a ship, ... Question: and its cargo?",
        "A recipe for bread: flour, water, salt, and time. ...... Question: how long?",
        "Hello!",
    };
    batching_router_config config;
    batching_router *router;
    check(batching_router_config_init(&config, sizeof config));
    config.router = BATCHING_ROUTER_CACHE_AWARE;
    config.workers = REPLICAS;
    check(batching_router_create(&config, &router));

    int64_t replica_of[5];
    for (int64_t id = 0; id < 5; id++) {
        replica_of[id] = send_request(router, id, 0.1 * (double)id, PROMPTS[id]);
    }
    print_load(router);

    /* Tokens come in. The rule of this router does not wait for them, others do. */
    check(batching_router_first_token(router, 1, 0.6));
    check(batching_router_finished(router, 1, 0.9));

    /* A replica is gone: what it had has failed, and is sent again. */
    printf("1.0 s: replica 0 is down\n");
    check(batching_router_set_worker(router, 0, 0, 1.0));
    for (int64_t id = 0; id < 5; id++) {
        if (replica_of[id] == 0) {
            check(batching_router_finished(router, id, 1.0));
            replica_of[id] = send_request(router, id, 1.0, PROMPTS[id]);
        }
    }
    print_load(router);
    check(batching_router_destroy(router));
    return EXIT_SUCCESS;
}
