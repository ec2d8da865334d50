/*
 * Inputs that are as bad as can be for the documented complexity. Each is run at three sizes; the work is counted.
 */
#include "work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Whole runs --------------------------------------------------------------------------------------------------- */

static batching_requests requests_of(int64_t count, const int32_t *prompts, const int32_t *outputs) {
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = count;
    requests.prompt_length = prompts;
    requests.output_length = outputs;
    return requests;
}

static void simulate(const batching_engine_config *config, const batching_requests *requests) {
    work_begin();
    require(batching_simulate(config, requests, NULL, NULL));
    work_end();
}

/* A prompt of n blocks is left in the cache, another request decodes and evicts one of them an iteration, and the
 * third, which shares the prompt, waits for memory and is looked up in each iteration. */
static void evicted_chain(int64_t n, int32_t is_asynchronous) {
    int64_t *ids = allocate(16 * (size_t)n), offsets[] = {0, n, n, 2 * n};
    for (int64_t i = 0; i < 2 * n; i++)
        ids[i] = i % n * 1000003 + 17;
    int32_t prompts[] = {(int32_t)n, (int32_t)n + 8, (int32_t)n}, outputs[] = {1, (int32_t)n - 16, 1};
    double arrivals[] = {0, 10, 20};
    batching_requests requests = requests_of(3, prompts, outputs);
    requests.arrival_time = arrivals;
    requests.hash_ids = ids;
    requests.hash_offsets = offsets;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.num_gpu_blocks = 2 * n + 1;
    config.block_size = 1;
    config.enable_prefix_caching = 1;
    config.max_num_batched_tokens = 1 << 30;
    config.async_scheduling = is_asynchronous;
    simulate(&config, &requests);
    free(ids);
}

static void evicted_chain_synchronously(int64_t n) {
    evicted_chain(n, 0);
}
static void evicted_chain_asynchronously(int64_t n) {
    evicted_chain(n, 1);
}

/* Half of the members end their prefill after the other half, which were admitted later, decode already. */
static void join_out_of_order(int64_t n) {
    int32_t *prompts = allocate(4 * (size_t)n), *outputs = allocate(4 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        prompts[i] = i < n / 2 ? 2 : 1;
        outputs[i] = 3;
    }
    const batching_requests requests = requests_of(n, prompts, outputs);
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.num_gpu_blocks = 8 * n + 2;
    config.block_size = 1;
    config.enable_prefix_caching = 1;
    config.max_num_batched_tokens = 1 << 30;
    config.max_num_seqs = n;
    config.long_prefill_token_threshold = 1;
    simulate(&config, &requests);
    free(prompts);
    free(outputs);
}

/* A prompt that takes n iterations, admitted before n members that decode in each of them. */
static void chunks_ahead_of_decodes(int64_t n) {
    int32_t *prompts = allocate(4 * (size_t)n), *outputs = allocate(4 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        prompts[i] = i == 0 ? (int32_t)n : 1;
        outputs[i] = i == 0 ? 1 : (int32_t)n;
    }
    const batching_requests requests = requests_of(n, prompts, outputs);
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.max_num_batched_tokens = 4 * n;
    config.max_num_seqs = n;
    config.long_prefill_token_threshold = 1;
    simulate(&config, &requests);
    free(prompts);
    free(outputs);
}

/* --- What is chosen to collide ------------------------------------------------------------------------------------ */

/* The inverse modulo 2^64, by Newton's iteration. */
static uint64_t inverse(uint64_t odd) {
    uint64_t x = odd;
    for (int i = 0; i < 6; i++)
        x *= 2 - odd * x;
    return x;
}

/* The hash id that the index of the prefix cache, before it takes a key, puts in its first list at a place: `number`
 * says which of them. The hash is id * a + place * b, by its highest bits. */
static int64_t colliding_hash_id(uint64_t place, uint64_t number) {
    return (int64_t)((number - place * 0xD6E8FEB86659FD93u) * inverse(0x9E3779B97F4A7C15u));
}

static void colliding_hashes(int64_t n, batching_requests *requests, int64_t *ids, int64_t *offsets, int32_t *prompts,
                             double *arrivals) {
    for (int64_t i = 0; i < 2 * n; i++)
        ids[i] = colliding_hash_id((uint64_t)(i % n), (uint64_t)(i % n));
    batching_requests_init(requests, sizeof *requests);
    for (int64_t i = 0; i < 3; i++)
        offsets[i] = i * n;
    for (int64_t i = 0; i < 2; i++) {
        prompts[i] = (int32_t)n + 1;
        arrivals[i] = (double)i;
    }
    requests->count = 2;
    requests->prompt_length = prompts;
    requests->arrival_time = arrivals;
    requests->hash_ids = ids;
    requests->hash_offsets = offsets;
}

static void caching_config(batching_engine_config *config, int64_t blocks) {
    batching_engine_config_init(config, sizeof *config);
    config->num_gpu_blocks = blocks;
    config->block_size = 1;
    config->enable_prefix_caching = 1;
    config->max_num_batched_tokens = 1 << 30;
}

/* The second request looks for each block of the first. */
static void colliding_hash_ids(int64_t n) {
    int64_t *ids = allocate(16 * (size_t)n), offsets[3];
    int32_t prompts[2];
    double arrivals[2];
    batching_requests requests;
    batching_engine_config config;
    colliding_hashes(n, &requests, ids, offsets, prompts, arrivals);
    caching_config(&config, 3 * n);
    simulate(&config, &requests);
    free(ids);
}

/* The same in a live engine, first in an estimate, whose changes to the cache are undone; and the cache is saved. */
static void colliding_hash_ids_live(int64_t n) {
    int64_t *ids = allocate(16 * (size_t)n), offsets[3], needed = 0;
    int32_t prompts[2];
    double arrivals[2];
    batching_requests requests;
    batching_engine_config config;
    batching_live_engine *engine = NULL;
    colliding_hashes(n, &requests, ids, offsets, prompts, arrivals);
    caching_config(&config, 3 * n);
    require(batching_live_engine_create(&config, &engine));
    requests.count = 1;
    work_begin();
    require(batching_live_engine_submit(engine, &requests, NULL));
    require(batching_live_engine_advance(engine, 0.5, 0));
    requests.arrival_time = NULL;
    double end[2];
    batching_results results;
    batching_results_init(&results, sizeof results);
    results.capacity = 1;
    results.end_time = end;
    require(batching_live_engine_estimate(engine, &requests, &results));
    require(batching_live_engine_estimate(engine, &requests, &results));
    require(batching_live_engine_save(engine, NULL, 0, &needed));
    require(batching_live_engine_submit(engine, &requests, NULL));
    require(batching_live_engine_advance(engine, INFINITY, 0));
    work_end();
    batching_live_engine_destroy(engine);
    free(ids);
}

__extension__ typedef unsigned __int128 wide;

/* Where the search for a request's id begins in a table of this many places, before it takes a key. */
static uint64_t home(int64_t id, uint64_t places) {
    wide product = (wide)((uint64_t)id ^ 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
    return ((uint64_t)(product >> 64) ^ (uint64_t)product) & (places - 1);
}

/* n ids of which all begin at the same few places, or, in a row, each where no other does. */
static int64_t *colliding_ids(int64_t n, int in_a_row) {
    int64_t *ids = allocate(8 * (size_t)n), found = 0;
    uint8_t *taken = allocate((size_t)n);
    for (int64_t id = 0; found < n; id++) {
        uint64_t place = home(id, 16384);
        if (in_a_row ? place < (uint64_t)n && !taken[place] : place < 16) {
            if (in_a_row)
                taken[place] = 1;
            ids[in_a_row ? (int64_t)place : found] = id;
            found++;
        }
    }
    free(taken);
    return ids;
}

static void submit_and_abort(int64_t n, int in_a_row) {
    int64_t *ids = colliding_ids(n, in_a_row);
    batching_live_engine *engine = NULL;
    const batching_requests requests = requests_of(n, NULL, NULL);
    require(batching_live_engine_create(NULL, &engine));
    work_begin();
    require(batching_live_engine_submit(engine, &requests, ids));
    for (int64_t i = 0; i < n; i++)
        require(batching_live_engine_abort(engine, ids[i]));
    work_end();
    batching_live_engine_destroy(engine);
    free(ids);
}

static void colliding_request_ids(int64_t n) {
    submit_and_abort(n, 0);
}
static void request_ids_in_a_row(int64_t n) {
    submit_and_abort(n, 1);
}

static void accumulate(int64_t n, int in_a_row) {
    int64_t *ids = colliding_ids(n, in_a_row);
    batching_accumulator_config config;
    batching_accumulator *accumulator = NULL;
    batching_accumulator_config_init(&config, sizeof config);
    config.max_requests = 8192;
    require(batching_accumulator_create(&config, &accumulator));
    work_begin();
    for (int64_t i = 0; i < n; i++)
        require(batching_accumulator_arrived(accumulator, ids[i], 1, 1));
    for (int64_t i = 0; i < n; i++)
        require(batching_accumulator_tokens(accumulator, ids[i], 2, 1));
    for (int64_t i = 0; i < n; i++)
        require(batching_accumulator_finished(accumulator, ids[i], 2, 0));
    work_end();
    batching_accumulator_destroy(accumulator);
    free(ids);
}

static void colliding_accumulator_ids(int64_t n) {
    accumulate(n, 0);
}
static void accumulator_ids_in_a_row(int64_t n) {
    accumulate(n, 1);
}

static batching_router *router_of(int32_t rule) {
    batching_router_config config;
    batching_router *router = NULL;
    batching_router_config_init(&config, sizeof config);
    config.router = rule;
    config.workers = 4;
    config.max_prefix_blocks = 1 << 20;
    config.lru_blocks_per_worker = 1 << 20;
    config.block_size = 1;
    require(batching_router_create(&config, &router));
    return router;
}

static batching_routing_request routed(int64_t id, uint64_t *hash_ids, int64_t count) {
    batching_routing_request request;
    batching_routing_request_init(&request, sizeof request);
    request.request = id;
    request.prompt_length = (int32_t)count;
    request.hash_ids = hash_ids;
    request.hash_count = count;
    return request;
}

static void route_and_finish(int64_t n, int in_a_row) {
    int64_t *ids = colliding_ids(n, in_a_row), worker;
    batching_router *router = router_of(BATCHING_ROUTER_LEAST_REQUESTS);
    work_begin();
    for (int64_t i = 0; i < n; i++) {
        const batching_routing_request request = routed(ids[i], NULL, 0);
        require(batching_router_route(router, &request, &worker));
    }
    for (int64_t i = 0; i < n; i++)
        require(batching_router_finished(router, ids[i], 0));
    work_end();
    batching_router_destroy(router);
    free(ids);
}

static void colliding_router_ids(int64_t n) {
    route_and_finish(n, 0);
}
static void router_ids_in_a_row(int64_t n) {
    route_and_finish(n, 1);
}

/* One prompt of n blocks whose hash ids a simple table would put in one place: stored, routed twice, and removed from
 * the front, which leaves the rest without a beginning. */
static void route_colliding_prompt(int64_t n, int32_t rule) {
    int64_t *ids = colliding_ids(n, 0), worker;
    uint64_t *hash_ids = (uint64_t *)ids;
    batching_router *router = router_of(rule);
    work_begin();
    require(batching_router_stored(router, 0, hash_ids, n, 0));
    for (int64_t id = 0; id < 2; id++) {
        const batching_routing_request request = routed(id, hash_ids, n);
        require(batching_router_route(router, &request, &worker));
    }
    for (int64_t i = 0; i < n; i++)
        require(batching_router_removed(router, 0, hash_ids + i, 1));
    for (int64_t id = 0; id < 2; id++)
        require(batching_router_finished(router, id, 0));
    require(batching_router_evict(router, 0));
    work_end();
    batching_router_destroy(router);
    free(ids);
}

#define COLLIDING_PROMPT(name, rule)                                                                                   \
    static void name##_colliding_prompt(int64_t n) {                                                                   \
        route_colliding_prompt(n, BATCHING_ROUTER_##rule);                                                             \
    }
COLLIDING_PROMPT(dynamo_kv, DYNAMO_KV)
COLLIDING_PROMPT(cache_aware, CACHE_AWARE)
COLLIDING_PROMPT(prefix_trie, PREFIX_TRIE)
COLLIDING_PROMPT(ray_prefix, RAY_PREFIX)
COLLIDING_PROMPT(scorers, SCORERS)
COLLIDING_PROMPT(aibrix_prefix, AIBRIX_PREFIX)

/* n prompts that share a beginning and differ in their last block; then all are evicted. */
static void route_siblings(int64_t n, int32_t rule) {
    enum { SHARED = 4 };
    int64_t *ids = colliding_ids(n, 0), worker;
    batching_router *router = router_of(rule);
    work_begin();
    for (int64_t id = 0; id < n; id++) {
        uint64_t prompt[SHARED + 1] = {1, 2, 3, 4, (uint64_t)ids[id]};
        const batching_routing_request request = routed(id, prompt, SHARED + 1);
        require(batching_router_route(router, &request, &worker));
        require(batching_router_finished(router, id, 0));
    }
    require(batching_router_evict(router, 0));
    work_end();
    batching_router_destroy(router);
    free(ids);
}

#define SIBLINGS(name, rule)                                                                                           \
    static void name##_siblings(int64_t n) {                                                                           \
        route_siblings(n, BATCHING_ROUTER_##rule);                                                                     \
    }
SIBLINGS(dynamo_kv, DYNAMO_KV)
SIBLINGS(cache_aware, CACHE_AWARE)
SIBLINGS(prefix_trie, PREFIX_TRIE)
SIBLINGS(ray_prefix, RAY_PREFIX)
SIBLINGS(scorers, SCORERS)
SIBLINGS(aibrix_prefix, AIBRIX_PREFIX)

/* n requests wait in a queue, and leave one after the other, the last first. */
static void waiting_in_a_router(int64_t n) {
    int64_t *ids = colliding_ids(n, 0), worker;
    batching_router_config config;
    batching_router *router = NULL;
    batching_router_config_init(&config, sizeof config);
    config.router = BATCHING_ROUTER_DYNAMO_KV;
    config.workers = 1;
    config.queue_threshold = -1;
    require(batching_router_create(&config, &router));
    work_begin();
    for (int64_t i = 0; i < n; i++) {
        batching_routing_request request = routed(ids[i], NULL, 0);
        request.prompt_length = 100;
        require(batching_router_route(router, &request, &worker));
    }
    for (int64_t i = n - 1; i >= 0; i--)
        require(batching_router_finished(router, ids[i], 0));
    work_end();
    batching_router_destroy(router);
    free(ids);
}

/* n requests wait by priority behind one that runs for long, and leave one after the other. */
static void clients_leave_by_priority(int64_t n) {
    int32_t *outputs = allocate(4 * (size_t)n), *priorities = allocate(4 * (size_t)n);
    double *aborts = allocate(8 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        outputs[i] = 10000;
        priorities[i] = (int32_t)(i * 7919 % n);
        aborts[i] = i == 0 ? NAN : 1 + 0.001 * (double)i;
    }
    batching_requests requests = requests_of(n, NULL, outputs);
    requests.priority = priorities;
    requests.abort_time = aborts;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.queue_order = BATCHING_QUEUE_PRIORITY;
    config.max_num_seqs = 1;
    simulate(&config, &requests);
    free(outputs);
    free(priorities);
    free(aborts);
}

/* The queues are logged in each of n iterations: one runs, and two wait, with n between them that were rejected. */
static void log_beside_those_rejected(int64_t n) {
    int32_t *prompts = allocate(4 * (size_t)n), *outputs = allocate(4 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        prompts[i] = i < 2 || i == n - 1 ? 1 : 2 * (int32_t)n;
        outputs[i] = i == 0 ? (int32_t)n - 2 : 1;
    }
    const batching_requests requests = requests_of(n, prompts, outputs);
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.max_num_seqs = 1;
    config.max_model_len = n;
    batching_decision_log log;
    batching_decision_log_init(&log, sizeof log);
    log.include_queues = 1;
    config.decision_log = &log;
    simulate(&config, &requests);
    free(prompts);
    free(outputs);
}

/* --- Closed loops ------------------------------------------------------------------------------------------------- */

static batching_client client_of(int64_t max_concurrency, int64_t clients) {
    batching_client client;
    batching_client_init(&client, sizeof client);
    client.max_concurrency = max_concurrency;
    client.clients = clients;
    return client;
}

/* Sessions of two turns, by ids that collide, and users for half of them. */
static void sessions_that_collide(int64_t n) {
    int64_t *ids = colliding_ids(n, 0), *sessions = allocate(8 * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        sessions[i] = ids[i % (n / 2)];
    batching_requests requests = requests_of(n, NULL, NULL);
    const batching_client client = client_of(0, n / 4);
    requests.session = sessions;
    requests.client = &client;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    simulate(&config, &requests);
    free(ids);
    free(sessions);
}

/* One after the other is sent, whose client has left long before. */
static void sent_after_their_clients_left(int64_t n) {
    int32_t *outputs = allocate(4 * (size_t)n);
    double *aborts = allocate(8 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        outputs[i] = i % 2 == 0 ? 1 : 100;
        aborts[i] = i % 2 == 0 ? NAN : 0.005;
    }
    batching_requests requests = requests_of(n, NULL, outputs);
    const batching_client client = client_of(1, 0);
    requests.abort_time = aborts;
    requests.client = &client;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    simulate(&config, &requests);
    free(outputs);
    free(aborts);
}

/* All are sent at once, by clients that leave one after the other; what becomes of their time is looked at beforehand. */
static void clients_leave_ahead(int64_t n) {
    int32_t *outputs = allocate(4 * (size_t)n);
    double *aborts = allocate(8 * (size_t)n), *parts = allocate(8 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        outputs[i] = 1000000;
        aborts[i] = 0.01 * (double)(1 + i * 7919 % n);
    }
    batching_requests requests = requests_of(n, NULL, outputs);
    const batching_client client = client_of(n, 0);
    requests.abort_time = aborts;
    requests.client = &client;
    batching_attribution attribution;
    batching_attribution_init(&attribution, sizeof attribution);
    attribution.capacity = n;
    attribution.decode = parts;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.attribution = &attribution;
    config.async_scheduling = 1;
    simulate(&config, &requests);
    free(outputs);
    free(aborts);
    free(parts);
}

/* --- Requests that leave a live engine ---------------------------------------------------------------------------- */

/* n requests, of which `running` run at once for a long time; then all that wait leave. */
static void abort_waiting(int64_t n, const batching_engine_config *config, int is_backwards, double time) {
    int32_t *outputs = allocate(4 * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        outputs[i] = 1000 + (int32_t)(i * 7919 % n);
    batching_live_engine *engine = NULL;
    batching_requests requests = requests_of(n, NULL, outputs);
    requests.priority = outputs;
    require(batching_live_engine_create(config, &engine));
    require(batching_live_engine_submit(engine, &requests, NULL));
    require(batching_live_engine_advance(engine, time, 0));
    work_begin();
    for (int64_t i = 0; i < n; i++)
        require(batching_live_engine_abort(engine, is_backwards ? n - 1 - i : i));
    require(batching_live_engine_advance(engine, time + 1, 0));
    work_end();
    batching_live_engine_destroy(engine);
    free(outputs);
}

static void abort_the_waiting(int64_t n) {
    abort_waiting(n, NULL, 0, 0.1);
}
static void abort_the_waiting_backwards(int64_t n) {
    abort_waiting(n, NULL, 1, 0.1);
}
static void abort_before_anything_happens(int64_t n) {
    abort_waiting(n, NULL, 0, 0);
}

static void abort_by_priority(int64_t n) {
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.queue_order = BATCHING_QUEUE_PRIORITY;
    abort_waiting(n, &config, 0, 0.1);
}

/* n requests that arrive one after the other are submitted in one call, in an order in which they arrive from both ends
 * to the middle, beside as many that have come before. Then all leave again. */
static void submit_unsorted(int64_t n, int is_backwards) {
    double *arrivals = allocate(8 * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        arrivals[i] = 1 + (double)(i % 2 ? i : 2 * n - i);
    batching_live_engine *engine = NULL;
    batching_requests requests = requests_of(n, NULL, NULL);
    requests.arrival_time = arrivals;
    require(batching_live_engine_create(NULL, &engine));
    work_begin();
    for (int time = 0; time < 2; time++)
        require(batching_live_engine_submit(engine, &requests, NULL));
    for (int64_t i = 0; i < 2 * n; i++)
        require(batching_live_engine_abort(engine, is_backwards ? 2 * n - 1 - i : i));
    require(batching_live_engine_advance(engine, 1, 0));
    work_end();
    batching_live_engine_destroy(engine);
    free(arrivals);
}

static void requests_in_any_order(int64_t n) {
    submit_unsorted(n, 0);
}
static void requests_in_any_order_backwards(int64_t n) {
    submit_unsorted(n, 1);
}

/* All have their last token on its way when they are aborted. */
static void abort_the_finishing(int64_t n) {
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.async_scheduling = 1;
    config.max_num_seqs = n;
    config.max_num_batched_tokens = 4 * n;
    batching_live_engine *engine = NULL;
    const batching_requests requests = requests_of(n, NULL, NULL);
    require(batching_live_engine_create(&config, &engine));
    require(batching_live_engine_submit(engine, &requests, NULL));
    require(batching_live_engine_advance(engine, 0.005, 0));
    work_begin();
    for (int64_t i = 0; i < n; i++)
        require(batching_live_engine_abort(engine, i));
    require(batching_live_engine_advance(engine, 1, 0));
    work_end();
    batching_live_engine_destroy(engine);
}

/* n requests wait, while n others arrive one by one that can never be served. */
static void reject_beside_the_waiting(int64_t n) {
    int32_t *prompts = allocate(8 * (size_t)n), *outputs = allocate(8 * (size_t)n);
    double *arrivals = allocate(16 * (size_t)n);
    for (int64_t i = 0; i < 2 * n; i++) {
        prompts[i] = i < n ? 1 : 2000;
        outputs[i] = 500;
        arrivals[i] = i < n ? 0 : (double)i / (double)n;
    }
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.max_num_seqs = 1;
    config.max_model_len = 1000;
    batching_live_engine *engine = NULL;
    batching_requests requests = requests_of(2 * n, prompts, outputs);
    requests.arrival_time = arrivals;
    require(batching_live_engine_create(&config, &engine));
    require(batching_live_engine_submit(engine, &requests, NULL));
    work_begin();
    require(batching_live_engine_advance(engine, 3, 0));
    work_end();
    batching_live_engine_destroy(engine);
    free(prompts);
    free(outputs);
    free(arrivals);
}

/* n requests without hash ids are in flight, while n others come and go that have one each. */
static void hash_ids_come_and_go(int64_t n) {
    batching_engine_config config;
    caching_config(&config, 100);
    config.max_num_seqs = 1;
    batching_live_engine *engine = NULL;
    batching_requests requests = requests_of(n, NULL, NULL);
    require(batching_live_engine_create(&config, &engine));
    require(batching_live_engine_submit(engine, &requests, NULL));
    int64_t hash = 1, offsets[] = {0, 1};
    requests.count = 1;
    requests.hash_ids = &hash;
    requests.hash_offsets = offsets;
    work_begin();
    require(batching_live_engine_submit(engine, &requests, NULL));
    for (int64_t i = 0; i < n; i++) {
        require(batching_live_engine_submit(engine, &requests, NULL));
        require(batching_live_engine_abort(engine, n + i));
    }
    work_end();
    batching_live_engine_destroy(engine);
}

/* --- The times of iterations -------------------------------------------------------------------------------------- */

/* A grid of n x 8 seconds that rise with the row and with the column. */
struct grid {
    double *rows, *columns, *seconds;
    batching_time_table table;
};

static struct grid grid_of(int64_t n) {
    struct grid grid = {allocate(8 * (size_t)n), allocate(8 * 8), allocate(64 * (size_t)n), {0}};
    for (int64_t i = 0; i < 8 * n; i++) {
        grid.rows[i / 8] = (double)(1 + i / 8);
        grid.columns[i % 8] = (double)(1 + i % 8 * n);
        grid.seconds[i] = 1e-6 * (double)(i / 8 + i % 8);
    }
    batching_time_table_init(&grid.table, sizeof grid.table);
    grid.table.linear_count = n;
    grid.table.linear_tokens = grid.table.linear_seconds = grid.rows;
    grid.table.decode_sequence_count = grid.table.prefill_token_count = n;
    grid.table.decode_context_count = grid.table.prefill_context_count = 8;
    grid.table.decode_sequences = grid.table.prefill_tokens = grid.rows;
    grid.table.decode_contexts = grid.table.prefill_contexts = grid.columns;
    grid.table.decode_seconds = grid.table.prefill_seconds = grid.seconds;
    return grid;
}

static void free_grid(struct grid grid) {
    free(grid.rows);
    free(grid.columns);
    free(grid.seconds);
}

static void table_config(batching_engine_config *config, const struct grid *grid) {
    batching_engine_config_init(config, sizeof *config);
    config->time_model = BATCHING_TIME_TABLE;
    config->time_table = &grid->table;
}

/* A table is looked at, copied, saved and loaded; it is asked once. */
static void table_of_many_values(int64_t n) {
    struct grid grid = grid_of(n);
    batching_engine_config config;
    batching_live_engine *engine = NULL, *loaded = NULL;
    const batching_requests requests = requests_of(1, NULL, NULL);
    int64_t needed = 0;
    table_config(&config, &grid);
    work_begin();
    require(batching_live_engine_create(&config, &engine));
    require(batching_live_engine_submit(engine, &requests, NULL));
    require(batching_live_engine_advance(engine, INFINITY, 0));
    require(batching_live_engine_save(engine, NULL, 0, &needed));
    uint8_t *bytes = allocate((size_t)needed);
    require(batching_live_engine_save(engine, bytes, needed, &needed));
    require(batching_live_engine_load(bytes, needed, NULL, &loaded));
    work_end();
    batching_live_engine_destroy(engine);
    batching_live_engine_destroy(loaded);
    free(bytes);
    free_grid(grid);
}

/* n iterations, each far from the one before, in a table with as many places. */
static void places_far_from_each_other(int64_t n) {
    struct grid grid = grid_of(n);
    int64_t *tokens = allocate(8 * (size_t)n), *decodes = allocate(8 * (size_t)n), *contexts = allocate(8 * (size_t)n);
    double *seconds = allocate(8 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        tokens[i] = 1 + i * 7919 % n;
        decodes[i] = 1 + i * 104729 % n;
        contexts[i] = decodes[i] + i * 1299709 % (7 * n);
    }
    batching_engine_config config;
    batching_iterations iterations;
    table_config(&config, &grid);
    batching_iterations_init(&iterations, sizeof iterations);
    iterations.count = n;
    iterations.prefill_tokens = tokens;
    iterations.decode_tokens = decodes;
    iterations.context_tokens = contexts;
    work_begin();
    require(batching_iteration_times_calculate(&config, &iterations, seconds));
    work_end();
    free(tokens);
    free(decodes);
    free(contexts);
    free(seconds);
    free_grid(grid);
}

/* One request decodes through all columns of a table, and n others come and go beside it. */
static void run_through_a_table(int64_t n) {
    struct grid grid = grid_of(n);
    int32_t *prompts = allocate(4 * (size_t)n), *outputs = allocate(4 * (size_t)n);
    double *arrivals = allocate(8 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        prompts[i] = 1 + (int32_t)(i * 7919 % n);
        outputs[i] = i == 0 ? 8 * (int32_t)n : 2;
        arrivals[i] = 1e-4 * (double)i;
    }
    batching_requests requests = requests_of(n, prompts, outputs);
    requests.arrival_time = arrivals;
    batching_engine_config config;
    table_config(&config, &grid);
    config.max_num_seqs = 8;
    config.max_num_batched_tokens = 1 << 30;
    simulate(&config, &requests);
    free(prompts);
    free(outputs);
    free(arrivals);
    free_grid(grid);
}

/* The times of n requests are found, in as many simulations whatever n is. */
static void calibrate_on_many(int64_t n) {
    int32_t *prompts = allocate(4 * (size_t)n), *outputs = allocate(4 * (size_t)n);
    double *arrivals = allocate(8 * (size_t)n), *first_tokens = allocate(8 * (size_t)n),
           *ends = allocate(8 * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        prompts[i] = 1 + (int32_t)(i * 7919 % 500);
        outputs[i] = 10 + (int32_t)(i * 104729 % 60);
        arrivals[i] = 0.05 * (double)i;
    }
    batching_requests requests = requests_of(n, prompts, outputs);
    requests.arrival_time = arrivals;
    batching_results results;
    batching_recorded recorded;
    batching_calibration_config config;
    batching_calibration calibration;
    batching_results_init(&results, sizeof results);
    batching_recorded_init(&recorded, sizeof recorded);
    batching_calibration_config_init(&config, sizeof config);
    batching_calibration_init(&calibration, sizeof calibration);
    results.capacity = recorded.count = n;
    results.first_token_time = first_tokens;
    results.end_time = ends;
    require(batching_simulate(NULL, &requests, &results, NULL));
    recorded.first_token_time = first_tokens;
    recorded.end_time = ends;
    recorded.output_length = outputs;
    config.simulations = 6;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    work_begin();
    require(batching_iteration_time_calibrate(&config, &requests, &recorded, &calibration));
    work_end();
    free(prompts);
    free(outputs);
    free(arrivals);
    free(first_tokens);
    free(ends);
}

/* n requests come and end, of which so many are kept: with hash ids whose room is used again and again. */
static void live_calibration_of(int64_t n, int64_t window) {
    static const int64_t hashes[] = {1, 2, 3, 4};
    batching_calibration_config config;
    batching_engine_config engine;
    batching_live_calibration *live = NULL, *copy = NULL;
    batching_live_calibration_log log;
    batching_calibration_config_init(&config, sizeof config);
    batching_engine_config_init(&engine, sizeof engine);
    batching_live_calibration_log_init(&log, sizeof log);
    engine.enable_prefix_caching = 1;
    engine.num_gpu_blocks = 100;
    config.engine = &engine;
    require(batching_live_calibration_create(&config, window, &live));
    work_begin();
    for (int64_t i = 0; i < n; i++) {
        require(batching_live_calibration_arrived(live, i, (double)(i * 7919 % n), 64, 0, hashes, i % 5));
        require(batching_live_calibration_first_token(live, i, (double)n));
        if (i % 2 == 1) {
            /* The one before ends, too. */
            require(batching_live_calibration_finished(live, i - 1, (double)n, 5));
            require(batching_live_calibration_failed(live, i, (double)n));
        }
    }
    require(batching_live_calibration_fork(live, &copy));
    require(batching_live_calibration_log_write(copy, &log));
    work_end();
    batching_live_calibration_destroy(live);
    batching_live_calibration_destroy(copy);
}

static void live_calibration_that_keeps_all(int64_t n) {
    live_calibration_of(n, 500000);
}

static void live_calibration_that_keeps_few(int64_t n) {
    live_calibration_of(n, 16);
}

/* A profile with a table of n places and n notes, whose numbers are long. */
static void profile_of_many(int64_t n) {
    char *json = allocate(64 * (size_t)n + 200), *end = json;
    end += sprintf(end, "{\"format\":\"batching profile\",\"version\":1,\"iteration_time\":{\"linear_tokens\":[0");
    for (int64_t i = 1; i < n; i++) {
        end += sprintf(end, ",%lld.000000000000000000001", (long long)i);
    }
    end += sprintf(end, "],\"linear_seconds\":[0");
    for (int64_t i = 1; i < n; i++) {
        end += sprintf(end, ",1e-90");
    }
    end += sprintf(end, "],\"model\":\"table\"},\"notes\":{\"0\":0");
    for (int64_t i = 1; i < n; i++) {
        end += sprintf(end, ",\"%lld\":[{}]", (long long)i);
    }
    end += sprintf(end, "}}");
    batching_profile *profile = NULL;
    work_begin();
    require(batching_profile_create(json, end - json, &profile));
    work_end();
    require(batching_profile_destroy(profile));
    free(json);
}

/* --- What is not used --------------------------------------------------------------------------------------------- */

/* An idle engine with this many KV blocks is made, saved, loaded, copied and asked. */
static void idle_engine(int64_t blocks) {
    batching_engine_config config;
    caching_config(&config, blocks);
    int64_t needed = 0;
    int32_t length = 4;
    batching_results results;
    batching_live_engine *engine = NULL, *loaded = NULL, *copy = NULL;
    const batching_requests requests = requests_of(1, NULL, &length);
    batching_results_init(&results, sizeof results);
    results.capacity = 1;
    work_begin();
    require(batching_live_engine_create(&config, &engine));
    require(batching_live_engine_save(engine, NULL, 0, &needed));
    uint8_t *bytes = allocate((size_t)needed);
    require(batching_live_engine_save(engine, bytes, needed, &needed));
    require(batching_live_engine_load(bytes, needed, NULL, &loaded));
    require(batching_live_engine_fork(loaded, &copy));
    require(batching_live_engine_estimate(copy, &requests, &results));
    work_end();
    batching_live_engine_destroy(engine);
    batching_live_engine_destroy(loaded);
    batching_live_engine_destroy(copy);
    free(bytes);
}

/* An accumulator for this many requests, of which one is in flight, becomes bytes, and back. */
static void idle_accumulator(int64_t max_requests) {
    batching_accumulator_config config;
    batching_accumulator *accumulator = NULL, *loaded = NULL, *sum = NULL;
    int64_t needed = 0;
    batching_accumulator_config_init(&config, sizeof config);
    config.max_requests = max_requests;
    config.max_gaps = 1000;
    config.slot_count = 1;
    work_begin();
    require(batching_accumulator_create(&config, &accumulator));
    require(batching_accumulator_arrived(accumulator, 5, 1, 1));
    require(batching_accumulator_save(accumulator, NULL, 0, &needed));
    uint8_t *bytes = allocate((size_t)needed);
    require(batching_accumulator_save(accumulator, bytes, needed, &needed));
    require(batching_accumulator_load(bytes, needed, &loaded));
    require(batching_accumulator_create(&config, &sum));
    require(batching_accumulator_merge(sum, loaded));
    work_end();
    batching_accumulator_destroy(accumulator);
    batching_accumulator_destroy(loaded);
    batching_accumulator_destroy(sum);
    free(bytes);
}

/* The load over a window in so many bins, none of which is kept. */
static void bins_that_are_not_kept(int64_t bins) {
    const double start = 0, end = 1000;
    const int32_t length = 1;
    batching_recorded recorded;
    batching_load_timeline timeline;
    batching_recorded_init(&recorded, sizeof recorded);
    batching_load_timeline_init(&timeline, sizeof timeline);
    recorded.count = 1;
    recorded.start_time = &start;
    recorded.end_time = &end;
    recorded.output_length = &length;
    timeline.capacity = INT64_MAX;
    timeline.bins = bins;
    work_begin();
    require(batching_load_calculate(&recorded, NULL, NULL, &timeline));
    work_end();
}

static const struct scenario scenarios[] = {
    {"a chain in the cache is evicted block by block", evicted_chain_synchronously, 2000, LINEAR},
    {"the same asynchronously", evicted_chain_asynchronously, 2000, LINEAR},
    {"members join those that decode out of order", join_out_of_order, 500, LINEAR},
    {"chunks of a prompt ahead of those that decode", chunks_ahead_of_decodes, 500, LINEAR},
    {"clients leave a queue by priority", clients_leave_by_priority, 1000, LINEAR},
    {"queues are logged beside many that were rejected", log_beside_those_rejected, 1000, LINEAR},
    {"hash ids that collide", colliding_hash_ids, 500, LINEAR},
    {"hash ids that collide, in a live engine", colliding_hash_ids_live, 500, LINEAR},
    {"request ids that collide", colliding_request_ids, 500, LINEAR},
    {"request ids in a row", request_ids_in_a_row, 500, LINEAR},
    {"request ids of an accumulator that collide", colliding_accumulator_ids, 500, LINEAR},
    {"request ids of an accumulator in a row", accumulator_ids_in_a_row, 500, LINEAR},
    {"request ids of a router that collide", colliding_router_ids, 500, LINEAR},
    {"request ids of a router in a row", router_ids_in_a_row, 500, LINEAR},
    {"a prompt whose hash ids collide, dynamo_kv", dynamo_kv_colliding_prompt, 500, LINEAR},
    {"prompts that share a beginning, dynamo_kv", dynamo_kv_siblings, 500, LINEAR},
    {"a prompt whose hash ids collide, cache_aware", cache_aware_colliding_prompt, 500, LINEAR},
    {"prompts that share a beginning, cache_aware", cache_aware_siblings, 500, LINEAR},
    {"a prompt whose hash ids collide, prefix_trie", prefix_trie_colliding_prompt, 500, LINEAR},
    {"prompts that share a beginning, prefix_trie", prefix_trie_siblings, 500, LINEAR},
    {"a prompt whose hash ids collide, ray_prefix", ray_prefix_colliding_prompt, 500, LINEAR},
    {"prompts that share a beginning, ray_prefix", ray_prefix_siblings, 500, LINEAR},
    {"a prompt whose hash ids collide, scorers", scorers_colliding_prompt, 500, LINEAR},
    {"prompts that share a beginning, scorers", scorers_siblings, 500, LINEAR},
    {"a prompt whose hash ids collide, aibrix_prefix", aibrix_prefix_colliding_prompt, 500, LINEAR},
    {"prompts that share a beginning, aibrix_prefix", aibrix_prefix_siblings, 500, LINEAR},
    {"requests wait in a router and leave, the last first", waiting_in_a_router, 500, LINEAR},
    {"sessions whose ids collide", sessions_that_collide, 500, LINEAR},
    {"requests are sent after their clients left", sent_after_their_clients_left, 1000, LINEAR},
    {"clients of a closed loop leave one by one", clients_leave_ahead, 1000, LINEAR},
    {"all that wait are aborted", abort_the_waiting, 1000, LINEAR},
    {"all that wait are aborted, the last first", abort_the_waiting_backwards, 1000, LINEAR},
    {"all are aborted before anything happens", abort_before_anything_happens, 1000, LINEAR},
    {"requests come in any order, and leave before", requests_in_any_order, 500, LINEAR},
    {"the same, the last first", requests_in_any_order_backwards, 500, LINEAR},
    {"all that wait by priority are aborted", abort_by_priority, 1000, LINEAR},
    {"all whose last token is on its way are aborted", abort_the_finishing, 500, LINEAR},
    {"many are rejected while others wait", reject_beside_the_waiting, 1000, LINEAR},
    {"hash ids come and go", hash_ids_come_and_go, 500, LINEAR},
    {"a table of times with many values", table_of_many_values, 2000, LINEAR},
    {"iterations far from each other in a table", places_far_from_each_other, 2000, LINEAR},
    {"a run through a table", run_through_a_table, 500, LINEAR},
    {"calibration on many requests", calibrate_on_many, 500, LINEAR},
    {"a live calibration that keeps all", live_calibration_that_keeps_all, 1000, LINEAR},
    {"a live calibration that keeps few", live_calibration_that_keeps_few, 1000, LINEAR},
    {"a profile with a large table and many notes", profile_of_many, 500, LINEAR},
    {"an idle engine with many KV blocks", idle_engine, 4000000, CONSTANT},
    {"an idle accumulator for many requests", idle_accumulator, 1000000, CONSTANT},
    {"bins of a load that are not kept", bins_that_are_not_kept, 100000, CONSTANT},
};

int main(int argc, char **argv) {
    int failures = 0;
    if (argc != 2)
        return 2;
    work_files(argv[1]);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        failures += scenario_check(&scenarios[i]);
    printf("%d of %zu scenarios grow faster than documented\n", failures, sizeof scenarios / sizeof *scenarios);
    return failures > 0;
}
