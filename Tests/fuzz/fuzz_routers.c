/*
 * Fuzzes routers: any rule with any settings, and a sequence of calls. A request goes to a worker that is up and that
 * the rule allowed just before, in-flight counts are those of a model, to explain changes nothing, and a call that fails
 * changes nothing.
 */
#include <math.h>

#include "checks.h"

enum { MOST_WORKERS = 6, MOST_IDS = 24, MOST_ELEMENTS = 48, MOST_CALLS = 120, MOST_SCORERS = 4 };

static const int32_t RULES[] = {
    BATCHING_ROUTER_ROUND_ROBIN,    BATCHING_ROUTER_RANDOM,        BATCHING_ROUTER_POWER_OF_TWO,
    BATCHING_ROUTER_LEAST_REQUESTS, BATCHING_ROUTER_LEAST_TOKENS,  BATCHING_ROUTER_SESSION,
    BATCHING_ROUTER_DYNAMO_KV,      BATCHING_ROUTER_VLLM_DP,       BATCHING_ROUTER_CACHE_AWARE,
    BATCHING_ROUTER_BUCKET,         BATCHING_ROUTER_PREFIX_TRIE,   BATCHING_ROUTER_RAY_PREFIX,
    BATCHING_ROUTER_SCORERS,        BATCHING_ROUTER_AIBRIX_PREFIX, BATCHING_ROUTER_VTC,
};
static const int32_t VARIANTS[] = {0, 100, 110, 120};
static const int32_t SCORERS[] = {
    BATCHING_SCORER_QUEUE,  BATCHING_SCORER_RUNNING,    BATCHING_SCORER_KV_USAGE, BATCHING_SCORER_LOAD_AWARE,
    BATCHING_SCORER_ACTIVE, BATCHING_SCORER_TOKEN_LOAD, BATCHING_SCORER_PREFIX,   BATCHING_SCORER_PRECISE_PREFIX,
};
enum { ABSENT = -2, WAITING = BATCHING_WORKER_NONE };

struct told {
    batching_router *router;
    int64_t workers;
    /* What is due is evicted before the next decision, but not before it is explained. */
    bool evicts_by_itself;
    double time;
    bool is_up[MOST_WORKERS];
    /* Where each request is. */
    int64_t place[MOST_IDS];
    int64_t weights[MOST_WORKERS];
    int32_t scorers[MOST_SCORERS];
    double numbers[3][MOST_SCORERS];
    uint64_t hash_ids[MOST_ELEMENTS];
    char text[MOST_ELEMENTS];
};

static int32_t variant(struct input *input, uint32_t count) {
    return input_chance(input, 64) ? (int32_t)input_word(input) : VARIANTS[input_byte(input) % count];
}

static double factor(struct input *input) {
    static const double FACTORS[] = {0, -1, 0.1, 0.5, 1, 2, 1e9};
    return input_chance(input, 32) ? input_double(input) : FACTORS[input_byte(input) % 7];
}

static int64_t threshold(struct input *input) {
    static const int64_t THRESHOLDS[] = {0, -1, 1, 2, 5, 1LL << 40};
    return input_chance(input, 32) ? (int64_t)input_word(input) : THRESHOLDS[input_byte(input) % 6];
}

static double seconds(struct input *input) {
    return input_chance(input, 32) ? input_double(input) : input_chance(input, 2) ? 0.001 * input_byte(input) : 0;
}

static batching_router_config input_config(struct input *input, struct told *told) {
    batching_router_config config;
    REQUIRE(batching_router_config_init(&config, sizeof config) == BATCHING_OK);
    config.router = RULES[input_byte(input) % (sizeof RULES / sizeof *RULES)];
    config.workers = 1 + input_byte(input) % MOST_WORKERS;
    config.seed = input_byte(input);
    config.block_size = input_chance(input, 32) ? threshold(input) : 1 + input_byte(input) % 8;
    config.ties = variant(input, 4);
    config.round_robin_rule = variant(input, 3);
    config.vllm_dp_rule = variant(input, 2);
    config.cache_aware_rule = variant(input, 3);
    config.waiting_order = variant(input, 3);
    config.stats_window = seconds(input);
    if (input_chance(input, 2)) {
        for (int64_t worker = 0; worker < config.workers; worker++) {
            told->weights[worker] = input_chance(input, 16) ? INT32_MAX : 1 + input_byte(input) % 9;
        }
        config.weight = told->weights;
    }
    config.client_count = input_chance(input, 4) ? input_byte(input) : 0;
    config.no_kv_events = input_byte(input) & 1;
    config.no_prefill_tokens = input_byte(input) % 4 == 1;
    config.no_kv_reuse = input_byte(input) % 4 == 1;
    config.overlap_score_credit = factor(input);
    config.overlap_score_credit_decay = fmax(0, factor(input));
    config.prefill_load_scale = factor(input);
    config.decode_active_request_weight = fmax(0, factor(input));
    config.temperature = input_chance(input, 4) ? input_byte(input) * 0.01 : 0;
    config.queue_threshold = input_chance(input, 2) ? factor(input) : 0;
    config.max_num_batched_tokens = input_chance(input, 2) ? 1 + input_byte(input) : 0;
    config.index_ttl = seconds(input);
    config.cache_threshold = factor(input);
    config.balance_abs_threshold = threshold(input);
    config.balance_rel_threshold = factor(input);
    config.eviction_interval = input_chance(input, 3) ? -1 : seconds(input);
    config.max_tree_size = input_chance(input, 2) ? input_byte(input) : 0;
    config.match_rate_threshold = factor(input);
    config.imbalanced_threshold = threshold(input);
    config.chunk_size = input_chance(input, 2) ? 1 + input_byte(input) % 8 : 0;
    config.prefix_min_match_length = input_chance(input, 4) ? input_byte(input) : 0;
    config.aibrix_imbalance = threshold(input);
    config.max_prefix_blocks = input_chance(input, 2) ? 1 + input_byte(input) % 64 : 0;
    config.lru_blocks_per_worker = 1 + input_byte(input) % 64;
    if (input_chance(input, 2)) {
        config.scorer_count = 1 + input_byte(input) % MOST_SCORERS;
        for (int64_t at = 0; at < config.scorer_count; at++) {
            told->scorers[at] = SCORERS[input_byte(input) % (sizeof SCORERS / sizeof *SCORERS)];
            told->numbers[0][at] = input_chance(input, 16) ? input_double(input) : input_byte(input) % 8 - 2;
            told->numbers[1][at] = input_chance(input, 16) ? input_double(input) : input_byte(input) % 8;
            told->numbers[2][at] = input_byte(input) % 4;
        }
        config.scorer = told->scorers;
        config.scorer_weight = input_chance(input, 2) ? told->numbers[0] : NULL;
        config.scorer_threshold = input_chance(input, 2) ? told->numbers[1] : NULL;
        config.scorer_max_busy = input_chance(input, 2) ? told->numbers[2] : NULL;
    }
    return config;
}

/* Of two ids each, so that prompts share beginnings of any length; an id follows from all before it. */
static int64_t input_prompt(struct input *input, struct told *told) {
    const int64_t count = input_byte(input) % MOST_ELEMENTS;
    uint64_t bits = input_word(input), chain = 1;
    for (int64_t at = 0; at < count; at++) {
        /* Few of the bits differ, so that many prompts go on as others do. */
        const uint64_t one = at % 8 == 0 ? bits >> (at % 56) & 3 : 0;
        chain = chain * 6364136223846793005u + one + 1;
        told->hash_ids[at] = input_chance(input, 64) ? input_word(input) : chain;
        told->text[at] = (char)('a' + one);
    }
    return count;
}

static batching_routing_request input_request(struct input *input, struct told *told, int64_t id) {
    static const char *const SESSIONS[] = {NULL, "a", "user-7", "\xc3\xa9", ""};
    batching_routing_request request;
    REQUIRE(batching_routing_request_init(&request, sizeof request) == BATCHING_OK);
    const int64_t count = input_prompt(input, told);
    request.request = id;
    request.time = told->time;
    request.prompt_length = input_chance(input, 32) ? INT32_MAX : (int32_t)(count * (1 + input_byte(input) % 9));
    request.output_length = input_chance(input, 32) ? INT32_MAX : input_byte(input);
    if (input_chance(input, 2)) {
        request.text = told->text;
        request.text_size = count;
        if (count > 0 && input_chance(input, 16)) {
            told->text[input_byte(input) % count] = (char)input_byte(input);
        }
    }
    if (input_chance(input, 2)) {
        request.hash_ids = told->hash_ids;
        request.hash_count = count;
    }
    request.session = SESSIONS[input_byte(input) % 5];
    request.priority_jump = input_chance(input, 4) ? input_byte(input) * 0.1 - 5 : 0;
    request.strict_priority = input_chance(input, 4) ? (int64_t)input_word(input) : 0;
    return request;
}

static void require_load(struct told *told) {
    int64_t requests[MOST_WORKERS] = {0}, counted[MOST_WORKERS], tokens[MOST_WORKERS], waiting = 0, waits = -7;
    for (int64_t id = 0; id < MOST_IDS; id++) {
        if (told->place[id] >= 0) {
            requests[told->place[id]]++;
        }
        waiting += told->place[id] == WAITING;
    }
    REQUIRE(batching_router_load(told->router, counted, tokens, &waits) == BATCHING_OK);
    REQUIRE(memcmp(requests, counted, (size_t)told->workers * sizeof *requests) == 0);
    REQUIRE(waits == waiting);
    for (int64_t worker = 0; worker < told->workers; worker++) {
        REQUIRE(tokens[worker] >= 0 && (requests[worker] > 0 || tokens[worker] == 0));
    }
}

/* What it allows, the same when it is asked again. Returns how many; -1: the request is refused. */
static int explained(struct told *told, const batching_routing_request *request, int32_t *allowed) {
    int32_t again[MOST_WORKERS];
    double score[2][MOST_WORKERS];
    const batching_status status = batching_router_explain(told->router, request, allowed, score[0]);
    REQUIRE(batching_router_explain(told->router, request, again, score[1]) == status);
    if (status != BATCHING_OK) {
        return -1;
    }
    REQUIRE(memcmp(allowed, again, (size_t)told->workers * sizeof *again) == 0);
    int count = 0;
    for (int64_t worker = 0; worker < told->workers; worker++) {
        REQUIRE(allowed[worker] == 0 || (allowed[worker] == 1 && told->is_up[worker]));
        REQUIRE(score[0][worker] == score[1][worker] || (isnan(score[0][worker]) && isnan(score[1][worker])));
        count += allowed[worker];
    }
    return count;
}

static void route(struct input *input, struct told *told, int64_t id) {
    int32_t allowed[MOST_WORKERS];
    int64_t worker = -7;
    const batching_routing_request request = input_request(input, told, id);
    const int count = explained(told, &request, allowed);
    bool any_is_up = false;
    for (int64_t one = 0; one < told->workers; one++) {
        any_is_up = any_is_up || told->is_up[one];
    }
    const batching_status status = batching_router_route(told->router, &request, &worker);
    if (count < 0 || told->place[id] != ABSENT || !any_is_up) {
        REQUIRE(status == BATCHING_ERROR_INVALID_ARGUMENT && worker == -7);
        return;
    }
    REQUIRE(status == BATCHING_OK);
    REQUIRE(count == 0 ? worker == WAITING : worker >= 0 && worker < told->workers && told->is_up[worker]);
    REQUIRE(count == 0 || allowed[worker] == 1 || told->evicts_by_itself);
    told->place[id] = worker;
}

static void book(struct input *input, struct told *told, int64_t id) {
    const batching_routing_request request = input_request(input, told, id);
    const int64_t worker = input_chance(input, 32) ? (int64_t)input_word(input) : input_byte(input) % told->workers;
    const batching_status status = batching_router_book(told->router, &request, worker);
    const bool may = worker >= 0 && worker < told->workers && told->is_up[worker] && told->place[id] == ABSENT;
    REQUIRE(may || status == BATCHING_ERROR_INVALID_ARGUMENT);
    if (status == BATCHING_OK) {
        told->place[id] = worker;
    }
}

static void tell(struct input *input, struct told *told, int64_t id, int what) {
    const double time = input_chance(input, 32) ? input_double(input) : told->time;
    const double weight = input_chance(input, 8) ? input_double(input) : input_chance(input, 2) ? NAN : 0.5;
    const batching_status status = what == 0   ? batching_router_first_token(told->router, id, time)
                                   : what == 1 ? batching_router_output_block(told->router, id, weight)
                                               : batching_router_finished(told->router, id, time);
    REQUIRE(status == BATCHING_OK || status == BATCHING_ERROR_INVALID_ARGUMENT);
    REQUIRE(told->place[id] != ABSENT || status == BATCHING_ERROR_INVALID_ARGUMENT);
    if (what == 2 && status == BATCHING_OK) {
        told->place[id] = ABSENT;
    }
}

static void release(struct told *told) {
    for (int64_t request = -7, worker = -7;; request = worker = -7) {
        REQUIRE(batching_router_release(told->router, &request, &worker) == BATCHING_OK);
        if (worker == BATCHING_WORKER_NONE) {
            REQUIRE(request == -7);
            return;
        }
        REQUIRE(request >= 0 && request < MOST_IDS && told->place[request] == WAITING);
        REQUIRE(worker >= 0 && worker < told->workers && told->is_up[worker]);
        told->place[request] = worker;
    }
}

static void observe(struct input *input, struct told *told) {
    int64_t counts[4][MOST_WORKERS];
    double usage[MOST_WORKERS];
    batching_worker_metrics metrics;
    REQUIRE(batching_worker_metrics_init(&metrics, sizeof metrics) == BATCHING_OK);
    for (int64_t worker = 0; worker < told->workers; worker++) {
        for (int column = 0; column < 4; column++) {
            counts[column][worker] = input_chance(input, 64) ? (int64_t)input_word(input) : input_byte(input) % 16;
        }
        usage[worker] = input_chance(input, 64) ? input_double(input) : input_byte(input) / 255.0;
    }
    metrics.count = input_chance(input, 32) ? input_byte(input) : told->workers;
    metrics.waiting = input_chance(input, 2) ? counts[0] : NULL;
    metrics.running = input_chance(input, 2) ? counts[1] : NULL;
    metrics.in_flight_requests = input_chance(input, 4) ? counts[2] : NULL;
    metrics.in_flight_tokens = input_chance(input, 4) ? counts[3] : NULL;
    metrics.kv_usage = input_chance(input, 2) ? usage : NULL;
    (void)batching_router_observe(told->router, &metrics);
}

static void change_index(struct input *input, struct told *told) {
    const int64_t worker = input_chance(input, 32) ? (int64_t)input_word(input) : input_byte(input) % told->workers;
    const int64_t count = input_prompt(input, told), first = input_chance(input, 4) ? input_byte(input) : 0;
    if (input_chance(input, 3)) {
        (void)batching_router_removed(told->router, worker, told->hash_ids, count);
    } else {
        (void)batching_router_stored(told->router, worker, told->hash_ids, count, first);
    }
}

static void set_worker(struct input *input, struct told *told) {
    const int64_t worker = input_byte(input) % told->workers;
    const bool is_up = input_byte(input) % 3 != 0;
    REQUIRE(batching_router_set_worker(told->router, worker, is_up, told->time) == BATCHING_OK);
    told->is_up[worker] = is_up;
}

/* A copy goes on in place of the router, or leaves it as it is. */
static void fork_router(struct input *input, struct told *told) {
    batching_router *copy = NULL;
    REQUIRE(batching_router_fork(told->router, &copy) == BATCHING_OK);
    batching_router *gone = copy;
    if (input_chance(input, 2)) {
        gone = told->router;
        told->router = copy;
    }
    REQUIRE(batching_router_destroy(gone) == BATCHING_OK);
}

void fuzz_routers(struct input *input) {
    struct told told = {.time = 0};
    const batching_router_config config = input_config(input, &told);
    void *given = input_struct(input, &config, sizeof config);
    if (batching_router_create(given, &told.router) != BATCHING_OK) {
        REQUIRE(told.router == NULL);
        free(given);
        return;
    }
    free(given);
    told.workers = config.workers;
    told.evicts_by_itself = config.router == BATCHING_ROUTER_CACHE_AWARE && config.eviction_interval != -1;
    for (int64_t worker = 0; worker < MOST_WORKERS; worker++) {
        told.is_up[worker] = true;
    }
    for (int64_t id = 0; id < MOST_IDS; id++) {
        told.place[id] = ABSENT;
    }
    for (int call = 0; call < MOST_CALLS && input->left > 0; call++) {
        const int64_t id = input_byte(input) % MOST_IDS;
        told.time = fmin(told.time + 0.01 * (input_chance(input, 16) ? 100.0 * input_byte(input) : 1), 1e9);
        switch (input_byte(input) % 17) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
            route(input, &told, id);
            break;
        case 5:
            book(input, &told, id);
            break;
        case 6:
        case 7:
            tell(input, &told, id, 0);
            break;
        case 8:
            tell(input, &told, id, 1);
            break;
        case 9:
        case 10:
        case 11:
            tell(input, &told, id, 2);
            break;
        case 12:
            set_worker(input, &told);
            break;
        case 13:
            observe(input, &told);
            break;
        case 14:
            change_index(input, &told);
            break;
        case 15:
            fork_router(input, &told);
            break;
        default:
            (void)batching_router_evict(told.router, input_chance(input, 16) ? input_size(input) : input_byte(input));
            break;
        }
        release(&told);
        require_load(&told);
    }
    REQUIRE(batching_router_destroy(told.router) == BATCHING_OK);
}
