/*
 * Fuzzes whole fleets: pools with or without roles, any router, every way to split prefill and decode, admission, faults,
 * autoscalers, clients and sessions. Each request ends in one status, its times are in order, and a call that fails
 * writes nothing.
 */
#include <math.h>

#include "checks.h"

enum { MOST_POOLS = 4, MOST_REPLICAS = 12, MOST_REQUESTS = 40, MOST_HASHES = 6, MOST_FAULTS = 8, MOST_SCALINGS = 16 };
enum { COLUMNS_OF_DOUBLES = 10, REPLICA_INTEGERS = 8, REPLICA_DOUBLES = 5 };

static const int32_t ROUTERS[] = {
    BATCHING_ROUTER_ROUND_ROBIN,    BATCHING_ROUTER_RANDOM,        BATCHING_ROUTER_POWER_OF_TWO,
    BATCHING_ROUTER_LEAST_REQUESTS, BATCHING_ROUTER_LEAST_TOKENS,  BATCHING_ROUTER_SESSION,
    BATCHING_ROUTER_DYNAMO_KV,      BATCHING_ROUTER_VLLM_DP,       BATCHING_ROUTER_CACHE_AWARE,
    BATCHING_ROUTER_BUCKET,         BATCHING_ROUTER_PREFIX_TRIE,   BATCHING_ROUTER_RAY_PREFIX,
    BATCHING_ROUTER_SCORERS,        BATCHING_ROUTER_AIBRIX_PREFIX, BATCHING_ROUTER_VTC,
};
static const int32_t SCORERS[] = {BATCHING_SCORER_QUEUE, BATCHING_SCORER_KV_USAGE, BATCHING_SCORER_PREFIX,
                                  BATCHING_SCORER_PRECISE_PREFIX};
static const int32_t POLICIES[] = {BATCHING_POLICY_VLLM, BATCHING_POLICY_VLLM,   BATCHING_POLICY_CONTINUOUS,
                                   BATCHING_POLICY_ORCA, BATCHING_POLICY_STATIC, BATCHING_POLICY_DYNAMIC};
static const int32_t AUTOSCALERS[] = {BATCHING_AUTOSCALER_HPA, BATCHING_AUTOSCALER_QUEUE_LENGTH,
                                      BATCHING_AUTOSCALER_DYNAMO_PLANNER, BATCHING_AUTOSCALER_LLM_D};

/* What a call is given. */
struct given {
    struct input *input;
    int64_t asked;
    int64_t replicas;
    int64_t prefill;
    bool is_split;
    batching_engine_config engines[MOST_POOLS];
    const batching_engine_config *engine[MOST_POOLS];
    int64_t pool_replicas[MOST_POOLS];
    int32_t role[MOST_POOLS];
    int32_t scorers[2];
    batching_router_config router, decode_router;
    batching_disaggregation_config disaggregation;
    batching_admission_config admission;
    double fault_time[MOST_FAULTS], fault_factor[MOST_FAULTS];
    int32_t fault_replica[MOST_FAULTS], fault_kind[MOST_FAULTS];
    batching_fault_config faults;
    batching_autoscaler_config autoscaler;
    batching_fleet_scaling_config scaling;
    batching_fleet_config fleet;
    int32_t prompt[MOST_REQUESTS], output[MOST_REQUESTS], most[MOST_REQUESTS], priority[MOST_REQUESTS];
    int32_t preferred[2][MOST_REQUESTS];
    int64_t session[MOST_REQUESTS], offsets[MOST_REQUESTS + 1], ids[MOST_REQUESTS * MOST_HASHES];
    double arrival[MOST_REQUESTS], delay[MOST_REQUESTS];
    batching_client client;
    batching_requests requests;
};

/* What it writes: by request, by replica, by decision of the autoscaler. */
struct written {
    double times[COLUMNS_OF_DOUBLES][MOST_REQUESTS];
    int32_t replica[MOST_REQUESTS], prefill_replica[MOST_REQUESTS], attempts[MOST_REQUESTS];
    int64_t counts[REPLICA_INTEGERS][MOST_REPLICAS];
    double numbers[REPLICA_DOUBLES][MOST_REPLICAS];
    double scaling_time[MOST_SCALINGS];
    int64_t scaling_replicas[MOST_SCALINGS], scaling_count;
    int32_t scaling_role[MOST_SCALINGS];
};

/* None is so long that a run in which replicas fail every few milliseconds does not end soon. */
static double seconds(struct input *input) {
    static const double SECONDS[] = {1e-9, 1e-6, 1e-3, 0.05, 1, 5};
    return input_chance(input, 64)  ? fmin(input_double(input), 5)
           : input_chance(input, 8) ? SECONDS[input_byte(input) % 6]
           : input_chance(input, 2) ? 0.004 * input_byte(input)
                                    : 0;
}

/* One of the values of a choice: 0, 100, 110, ... */
static int32_t choice(struct input *input, int count) {
    const int value = input_byte(input) % count;
    return input_chance(input, 128) ? (int32_t)input_word(input) : value == 0 ? 0 : 90 + 10 * value;
}

static int64_t number(struct input *input, int64_t least, int64_t below) {
    return input_chance(input, 128) ? input_size(input) : least + input_byte(input) % below;
}

static batching_engine_config input_engine(struct input *input, bool is_split) {
    batching_engine_config config;
    REQUIRE(batching_engine_config_init(&config, sizeof config) == BATCHING_OK);
    config.policy = POLICIES[input_byte(input) % (is_split && !input_chance(input, 16) ? 3 : 6)];
    config.max_num_seqs = number(input, 1, 8);
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = input_chance(input, 8) ? 0 : 0.01;
    config.time_per_prefill_token = 1e-4;
    config.time_per_decode_token = 3e-4;
    config.block_size = input_chance(input, 4) ? 1 + input_byte(input) % 16 : 0;
    config.num_gpu_blocks = input_chance(input, 3) ? 0 : number(input, 2, 40);
    if (config.policy == BATCHING_POLICY_VLLM) {
        config.max_num_batched_tokens = number(input, 16, 112);
        config.async_scheduling = input_chance(input, 3);
        config.enable_prefix_caching = config.num_gpu_blocks > 0 && input_chance(input, 2);
    }
    if (config.policy == BATCHING_POLICY_DYNAMIC) {
        config.max_queue_delay = 0.05;
    }
    return config;
}

static batching_router_config input_router(struct given *given, int32_t *scorers) {
    struct input *input = given->input;
    batching_router_config config;
    REQUIRE(batching_router_config_init(&config, sizeof config) == BATCHING_OK);
    config.router = ROUTERS[input_byte(input) % (sizeof ROUTERS / sizeof *ROUTERS)];
    config.no_kv_events = !input_chance(input, 2);
    config.seed = input_byte(input);
    config.workers = input_chance(input, 32) ? input_size(input) : 0;
    config.max_num_batched_tokens = input_chance(input, 4) ? 1 + input_byte(input) : 0;
    if (input_chance(input, 2)) {
        scorers[0] = SCORERS[input_byte(input) % 4];
        config.scorer = scorers;
        config.scorer_count = 1;
    }
    return config;
}

static void input_pools(struct given *given) {
    struct input *input = given->input;
    const int pools = 1 + input_byte(input) % MOST_POOLS;
    given->is_split = pools > 1 && input_chance(input, 2);
    for (int pool = 0; pool < pools; pool++) {
        given->engines[pool] = input_engine(input, given->is_split);
        given->engine[pool] = input_chance(input, 16) ? NULL : &given->engines[pool];
        given->pool_replicas[pool] = 1 + input_byte(input) % (MOST_REPLICAS / MOST_POOLS);
        given->role[pool] = pool % 2 == 0 ? BATCHING_ROLE_PREFILL : BATCHING_ROLE_DECODE;
        if (input_chance(input, 64)) {
            given->role[pool] = choice(input, 3);
        }
        given->replicas += given->pool_replicas[pool];
        given->prefill += given->role[pool] == BATCHING_ROLE_PREFILL ? given->pool_replicas[pool] : 0;
    }
    given->fleet.pool_count = pools;
    given->fleet.engine = given->engine;
    given->fleet.replicas = given->pool_replicas;
    given->fleet.role = given->is_split ? given->role : NULL;
}

static void input_disaggregation(struct given *given) {
    struct input *input = given->input;
    batching_disaggregation_config *config = &given->disaggregation;
    REQUIRE(batching_disaggregation_config_init(config, sizeof *config) == BATCHING_OK);
    config->preset = choice(input, 4);
    config->decider = input_chance(input, 2) ? choice(input, 5) : 0;
    config->decode_choice = input_chance(input, 2) ? choice(input, 3) : 0;
    config->transfer_tokens = input_chance(input, 2) ? choice(input, 3) : 0;
    config->overlap = input_chance(input, 2) ? choice(input, 4) : 0;
    config->reserve = input_chance(input, 2) ? choice(input, 4) : 0;
    config->source_release = input_chance(input, 2) ? choice(input, 3) : 0;
    config->first_token = input_chance(input, 2) ? choice(input, 3) : 0;
    config->sharing = choice(input, 3);
    config->kv_bytes_per_token = input_chance(input, 3) ? 0 : input_chance(input, 32) ? input_double(input) : 1000;
    config->link_bandwidth = input_chance(input, 32) ? input_double(input) : 1e4 * (1 + input_byte(input));
    config->link_latency = seconds(input);
    config->decider_tokens = number(input, -1, 100);
    config->decider_ratio = input_chance(input, 16) ? input_double(input) : 0.01 * (input_byte(input) % 100);
    config->layers = number(input, 0, 8);
    config->reserved_decode_tokens = number(input, -1, 100);
    config->lease = seconds(input);
    given->fleet.disaggregation = config;
}

static void input_admission(struct given *given) {
    struct input *input = given->input;
    batching_admission_config *config = &given->admission;
    REQUIRE(batching_admission_config_init(config, sizeof *config) == BATCHING_OK);
    config->max_in_flight = input_chance(input, 2) ? number(input, 0, 20) : 0;
    config->max_queued_tokens = input_chance(input, 2) ? number(input, 0, 200) : 0;
    config->bucket_capacity = input_chance(input, 2) ? input_byte(input) : 0;
    config->max_queued_requests = input_chance(input, 2) ? number(input, 0, 20) : 0;
    config->queue_timeout = input_chance(input, 2) ? seconds(input) : 0;
    config->bucket_rate = input_chance(input, 32) ? input_double(input) : 1 + input_byte(input);
    config->bucket_cost = choice(input, 2);
    config->sheds = input_chance(input, 2);
    config->shed_priority = number(input, -2, 6);
    config->saturation_queue = input_chance(input, 4) ? 0.1 * input_byte(input) : 0;
    config->ttft_timeout = input_chance(input, 2) ? seconds(input) : 0;
    config->e2e_timeout = input_chance(input, 2) ? seconds(input) : 0;
    config->retries = number(input, 0, 4);
    config->retry_base = input_chance(input, 4) ? -1 : seconds(input);
    config->retry_jitter = input_chance(input, 4) ? -1 : 0.01 * (input_byte(input) % 101);
    config->seed = input_byte(input);
    given->fleet.admission = config;
}

static void input_faults(struct given *given) {
    struct input *input = given->input;
    batching_fault_config *config = &given->faults;
    REQUIRE(batching_fault_config_init(config, sizeof *config) == BATCHING_OK);
    config->fault_count = input_byte(input) % (MOST_FAULTS + 1);
    for (int64_t at = 0; at < config->fault_count; at++) {
        given->fault_time[at] = seconds(input);
        given->fault_replica[at] =
            input_chance(input, 128) ? (int32_t)input_word(input) : (int32_t)(input_byte(input) % given->replicas);
        given->fault_kind[at] = choice(input, 3);
        given->fault_factor[at] = input_chance(input, 64) ? input_double(input) : 1 + 0.1 * input_byte(input);
    }
    config->fault_time = given->fault_time;
    config->fault_replica = given->fault_replica;
    config->fault_kind = input_chance(input, 4) ? NULL : given->fault_kind;
    config->fault_factor = given->fault_factor;
    config->mean_up_time = input_chance(input, 3) ? 0.05 * (1 + input_byte(input)) : 0;
    config->mean_down_time = input_chance(input, 8) ? -1 : seconds(input);
    config->notice_delay = seconds(input);
    config->seed = input_byte(input);
    given->fleet.faults = config;
}

static void input_scaling(struct given *given) {
    struct input *input = given->input;
    batching_autoscaler_config *config = &given->autoscaler;
    REQUIRE(batching_autoscaler_config_init(config, sizeof *config) == BATCHING_OK);
    config->autoscaler = AUTOSCALERS[input_byte(input) % 4];
    config->scaling_metric = choice(input, 6);
    config->min_replicas = number(input, -1, 4);
    config->max_replicas = input_chance(input, 16) ? input_size(input) : given->replicas;
    config->interval = 0.02 * (1 + input_byte(input));
    config->target = input_chance(input, 32) ? input_double(input) : 1 + input_byte(input) % 16;
    config->up_window = seconds(input);
    config->down_window = input_chance(input, 2) ? -1 : seconds(input);
    config->cooldown = input_chance(input, 2) ? -1 : seconds(input);
    config->max_kv_tokens = 1 + input_byte(input) * 4;
    config->component = choice(input, 3);
    config->scaling_target = choice(input, 4);
    config->context_length = 1 + input_byte(input);
    config->prefill_up_tokens = 2 + input_byte(input);
    config->prefill_down_tokens = input_byte(input) % 2;
    config->decode_up_percent = 50 + input_byte(input) % 50;
    config->decode_down_percent = input_byte(input) % 50;
    config->gpu_budget = -1;
    config->max_num_batched_tokens = input_byte(input);
    config->max_num_seqs = 1 + input_byte(input) % 16;
    REQUIRE(batching_fleet_scaling_config_init(&given->scaling, sizeof given->scaling) == BATCHING_OK);
    given->scaling.autoscaler = config;
    given->scaling.initial_replicas = number(input, -1, 4);
    given->scaling.startup_time = seconds(input);
    given->fleet.scaling = &given->scaling;
    /* Both roles by one rule. */
    given->fleet.decode_scaling = given->is_split || input_chance(input, 64) ? &given->scaling : NULL;
}

static void input_fleet_requests(struct given *given) {
    struct input *input = given->input;
    batching_requests *requests = &given->requests;
    REQUIRE(batching_requests_init(requests, sizeof *requests) == BATCHING_OK);
    requests->count = input_byte(input) % (MOST_REQUESTS + 1);
    const bool has_sessions = input_chance(input, 3), has_hashes = input_chance(input, 2);
    const int32_t hash_block = input_chance(input, 8) ? 1 + input_byte(input) % 32 : 16;
    double time = 0;
    for (int64_t at = 0; at < requests->count; at++) {
        given->prompt[at] = 1 + input_byte(input) % 90;
        given->output[at] = 1 + input_byte(input) % 20;
        given->most[at] = given->output[at] + input_byte(input) % 8;
        given->priority[at] = input_byte(input) % 4;
        given->session[at] = input_byte(input) % 10;
        bool is_first = true;
        for (int64_t before = 0; before < at; before++) {
            is_first = is_first && given->session[before] != given->session[at];
        }
        given->delay[at] = is_first ? 0 : 0.01 * (input_byte(input) % 20);
        time += input_chance(input, 2) ? 0.002 * input_byte(input) : 0;
        given->arrival[at] = time;
        given->preferred[0][at] = (int32_t)(input_byte(input) % (given->replicas + 1)) - 1;
        given->preferred[1][at] = (int32_t)(input_byte(input) % (given->replicas + 1)) - 1;
        given->offsets[at] = at * MOST_HASHES;
        const int group = input_byte(input) % 4, shared = input_byte(input) % (MOST_HASHES + 1);
        for (int hash = 0; hash < MOST_HASHES; hash++) {
            given->ids[at * MOST_HASHES + hash] = hash < shared ? group * 10 + hash : 1000 + at * 10 + hash;
        }
    }
    given->offsets[requests->count] = requests->count * MOST_HASHES;
    requests->prompt_length = given->prompt;
    requests->output_length = given->output;
    requests->max_tokens = input_chance(input, 4) ? given->most : NULL;
    requests->priority = input_chance(input, 2) ? given->priority : NULL;
    if (has_hashes) {
        requests->hash_offsets = given->offsets;
        requests->hash_ids = given->ids;
        requests->hash_block_size = hash_block;
    }
    if (has_sessions) {
        requests->session = given->session;
        requests->delay = given->delay;
    }
    requests->arrival_time = has_sessions ? NULL : given->arrival;
    if (input_chance(input, 4)) {
        REQUIRE(batching_client_init(&given->client, sizeof given->client) == BATCHING_OK);
        given->client.max_concurrency = 1 + input_byte(input) % 9;
        if (input_chance(input, 2)) {
            given->client.clients = 1 + input_byte(input) % 8;
            given->client.think_time = seconds(input);
            requests->arrival_time = NULL;
        }
        requests->client = &given->client;
    }
}

/* Mostly a worker that is up; now and then anything, or the end of the run. */
static int32_t answer(const batching_router_view *view, int64_t *worker, void *user_data) {
    struct given *given = user_data;
    STOP_WITHOUT(given);
    given->asked++;
    REQUIRE(view->struct_size == sizeof *view && view->reserved == 0);
    REQUIRE(view->request >= 0 && view->request < given->requests.count);
    REQUIRE(view->count == (given->is_split ? given->prefill : given->replicas));
    REQUIRE(view->time >= 0 && view->prompt_length == given->prompt[view->request]);
    const int64_t first = input_byte(given->input) % view->count;
    for (int64_t step = 0; step < view->count; step++) {
        const int64_t one = (first + step) % view->count;
        REQUIRE(view->in_flight[one] >= 0 && view->queued_tokens[one] >= 0 && view->waiting[one] >= 0);
        REQUIRE(view->running[one] >= 0 && view->kv_use[one] >= 0 && view->kv_use[one] <= 1);
        REQUIRE(view->cached_tokens[one] >= 0 && view->cached_tokens[one] <= view->prompt_length);
    }
    for (int64_t step = 0; step < view->count; step++) {
        *worker = (first + step) % view->count;
        if (view->is_up[*worker] == 1) {
            break;
        }
    }
    if (input_chance(given->input, 64)) {
        *worker = input_size(given->input);
    }
    return input_chance(given->input, 128);
}

static void input_given(struct given *given) {
    struct input *input = given->input;
    batching_fleet_config *fleet = &given->fleet;
    REQUIRE(batching_fleet_config_init(fleet, sizeof *fleet) == BATCHING_OK);
    input_pools(given);
    given->router = input_router(given, given->scorers);
    fleet->router = input_chance(input, 8) ? NULL : &given->router;
    if (given->is_split || input_chance(input, 64)) {
        given->decode_router = input_router(given, given->scorers + 1);
        fleet->decode_router = input_chance(input, 2) ? &given->decode_router : NULL;
        input_disaggregation(given);
    }
    if (input_chance(input, 2)) {
        input_admission(given);
    }
    if (input_chance(input, 2)) {
        input_faults(given);
    }
    if (input_chance(input, 3)) {
        input_scaling(given);
    }
    fleet->metrics_interval = seconds(input);
    /* A run looks at metrics as often as that: not more than some thousand times. */
    fleet->metrics_interval =
        fleet->metrics_interval < 0.01 && fleet->metrics_interval > 0 ? 0.01 : fleet->metrics_interval;
    fleet->kv_event_lag = input_chance(input, 2) ? seconds(input) : 0;
    fleet->routing_delay = input_chance(input, 2) ? seconds(input) : 0;
    fleet->chooser = input_chance(input, 2) ? choice(input, 4) : 0;
    fleet->router_callback = answer;
    fleet->router_user_data = given;
    input_fleet_requests(given);
    fleet->preferred_replica = input_chance(input, 3) ? given->preferred[0] : NULL;
    fleet->preferred_decode_replica = given->is_split && input_chance(input, 3) ? given->preferred[1] : NULL;
}

static batching_fleet_results fleet_results_of(struct written *written, int64_t count, int64_t replicas) {
    batching_fleet_results results;
    REQUIRE(batching_fleet_results_init(&results, sizeof results) == BATCHING_OK);
    results.capacity = count;
    results.replica_capacity = replicas;
    results.scaling_capacity = MOST_SCALINGS;
    results.replica = written->replica;
    results.prefill_replica = written->prefill_replica;
    results.attempts = written->attempts;
    double **const times[] = {&results.routed_time,        &results.held_time,         &results.reserved_time,
                              &results.activated_time,     &results.decode_start_time, &results.released_time,
                              &results.waiting_for_router, &results.transfer,          &results.waiting_for_decode};
    for (size_t at = 0; at < sizeof times / sizeof *times; at++) {
        *times[at] = written->times[at];
    }
    int64_t **const counts[] = {&results.requests,
                                &results.finished,
                                &results.tokens,
                                &results.iterations,
                                &results.peak_waiting,
                                &results.preemptions,
                                &results.prefix_cache_queries,
                                &results.prefix_cache_hits};
    for (size_t at = 0; at < sizeof counts / sizeof *counts; at++) {
        *counts[at] = written->counts[at];
    }
    double **const numbers[] = {&results.busy_time, &results.duration, &results.mean_running, &results.mean_kv_use,
                                &results.up_time};
    for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++) {
        *numbers[at] = written->numbers[at];
    }
    results.scaling_time = written->scaling_time;
    results.scaling_replicas = written->scaling_replicas;
    results.scaling_role = written->scaling_role;
    results.scaling_count = &written->scaling_count;
    return results;
}

static const int32_t STATUSES[] = {
    BATCHING_REQUEST_FINISHED,
    BATCHING_REQUEST_UNFINISHED,
    BATCHING_REQUEST_STUCK,
    BATCHING_REQUEST_NOT_SENT,
    BATCHING_REQUEST_ABORTED,
    BATCHING_REQUEST_LOST,
    BATCHING_REQUEST_TIMED_OUT,
    BATCHING_REQUEST_REJECTED_MODEL_LENGTH,
    BATCHING_REQUEST_REJECTED_KV_MEMORY,
    BATCHING_REQUEST_REJECTED_TOKEN_BUDGET,
    BATCHING_REQUEST_REJECTED_ADMISSION,
};
enum { STATUS_COUNT = sizeof STATUSES / sizeof *STATUSES };

/* Where a time is not a number there was none. */
static bool is_later(double later, double earlier) {
    return isnan(later) || isnan(earlier) || is_not_before(later, earlier);
}

static void require_request(const struct given *given, const batching_results *results, const struct written *written,
                            int64_t at, int64_t *by_status) {
    const int32_t status = results->status[at];
    int found = -1;
    for (int one = 0; one < STATUS_COUNT; one++) {
        found = STATUSES[one] == status ? one : found;
    }
    REQUIRE(found >= 0);
    by_status[found]++;
    const double start = results->start_time[at], first = results->first_token_time[at], end = results->end_time[at];
    REQUIRE(is_later(start, results->arrival_time[at]) && is_later(first, start) && is_later(end, first));
    REQUIRE(is_later(written->times[2][at], written->times[1][at]) || given->is_split);
    REQUIRE(is_later(written->times[3][at], written->times[2][at]));
    REQUIRE(is_later(written->times[4][at], written->times[3][at]));
    REQUIRE(!(written->times[7][at] < 0) && !(written->times[6][at] < 0) && !(written->times[8][at] < 0));
    REQUIRE(results->tokens_generated[at] >= 0 && results->tokens_generated[at] <= given->output[at]);
    REQUIRE(status != BATCHING_REQUEST_FINISHED || results->tokens_generated[at] == given->output[at]);
    REQUIRE(status != BATCHING_REQUEST_FINISHED || (!isnan(end) && !isnan(first) && !isnan(start)));
    REQUIRE(written->replica[at] >= -1 && written->replica[at] < given->replicas);
    REQUIRE(written->prefill_replica[at] >= -1 && written->prefill_replica[at] < given->replicas);
    REQUIRE(written->attempts[at] >= 0);
}

static void require_result(const struct given *given, const batching_results *results, const struct written *written,
                           const batching_summary *summary) {
    int64_t by_status[STATUS_COUNT] = {0}, finished = 0;
    for (int64_t at = 0; at < given->requests.count; at++) {
        require_request(given, results, written, at, by_status);
    }
    REQUIRE(summary->finished == by_status[0] && summary->not_sent == by_status[3]);
    REQUIRE(summary->unfinished == by_status[1] + by_status[2]);
    REQUIRE(summary->aborted == by_status[4] + by_status[5] + by_status[6]);
    REQUIRE(summary->rejected == by_status[7] + by_status[8] + by_status[9] + by_status[10]);
    for (int64_t one = 0; one < given->replicas; one++) {
        finished += written->counts[1][one];
        for (int column = 0; column < REPLICA_INTEGERS; column++) {
            REQUIRE(written->counts[column][one] >= 0);
        }
        for (int column = 0; column < REPLICA_DOUBLES; column++) {
            REQUIRE(written->numbers[column][one] >= 0);
        }
    }
    /* A prompt that is computed apart finishes at its source, too. */
    REQUIRE(given->is_split ? finished >= summary->finished : finished == summary->finished);
    REQUIRE(written->scaling_count >= 0);
}

void fuzz_fleet(struct input *input) {
    struct given given = {.input = input};
    struct written written, before;
    memset(&written, 0xA5, sizeof written);
    before = written;
    input_given(&given);
    const int64_t count = given.requests.count;
    const batching_results results = output_results(count);
    const batching_fleet_results told = fleet_results_of(&written, count, given.replicas);
    batching_summary summary, no_summary;
    memset(&no_summary, 0xA5, sizeof no_summary);
    REQUIRE(batching_summary_init(&no_summary, sizeof no_summary) == BATCHING_OK);
    summary = no_summary;
    void *config = input_struct(input, &given.fleet, sizeof given.fleet);
    const batching_status status = batching_fleet_simulate(config, &given.requests, &results, &told, &summary);
    if (succeeded(status)) {
        uint32_t claimed;
        memcpy(&claimed, config, sizeof claimed);
        if (claimed >= sizeof given.fleet) {
            require_result(&given, &results, &written, &summary);
        }
    } else {
        /* Columns are, too, unless it failed on its way. */
        if (given.asked == 0 && status != BATCHING_ERROR_OVERFLOW && status != BATCHING_ERROR_OUT_OF_MEMORY) {
            REQUIRE(results_are_untouched(results, count));
            REQUIRE(memcmp(&written, &before, sizeof written) == 0);
        }
        REQUIRE(memcmp(&summary, &no_summary, sizeof summary) == 0);
    }
    free(config);
    free_results(results);
}
