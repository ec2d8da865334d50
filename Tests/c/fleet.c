/*
 * Fleets: one replica is batching_simulate, and round robin over n replicas is n of its runs, to the last bit; counts add up;
 * what is refused, and what a run that cannot go on tells.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "random.h"
#include "support.h"

enum { COUNT = 160, HASHES = 6, REPLICAS = 8 };

/* What a run writes. */
struct told {
    double start_time[COUNT], first_token_time[COUNT], end_time[COUNT], arrival_time[COUNT], sent_time[COUNT];
    int32_t tokens_generated[COUNT], preemptions[COUNT], prefix_cached_tokens[COUNT], status[COUNT];
    int64_t completion_order[COUNT];
    batching_summary summary;
    int32_t replica[COUNT];
    double routed_time[COUNT];
    int64_t requests[REPLICAS], finished[REPLICAS], tokens[REPLICAS], iterations[REPLICAS], peak_waiting[REPLICAS],
        replica_preemptions[REPLICAS], queries[REPLICAS], hits[REPLICAS];
    double busy_time[REPLICAS], duration[REPLICAS], mean_running[REPLICAS], mean_kv_use[REPLICAS];
};

static batching_results results_of(struct told *told) {
    INITIALIZED(batching_results, results);
    results.capacity = COUNT;
    results.start_time = told->start_time;
    results.first_token_time = told->first_token_time;
    results.end_time = told->end_time;
    results.tokens_generated = told->tokens_generated;
    results.completion_order = told->completion_order;
    results.preemptions = told->preemptions;
    results.prefix_cached_tokens = told->prefix_cached_tokens;
    results.status = told->status;
    results.arrival_time = told->arrival_time;
    results.sent_time = told->sent_time;
    return results;
}

static batching_fleet_results fleet_results_of(struct told *told) {
    INITIALIZED(batching_fleet_results, results);
    results.capacity = COUNT;
    results.replica_capacity = REPLICAS;
    results.replica = told->replica;
    results.routed_time = told->routed_time;
    results.requests = told->requests;
    results.finished = told->finished;
    results.tokens = told->tokens;
    results.iterations = told->iterations;
    results.busy_time = told->busy_time;
    results.duration = told->duration;
    results.mean_running = told->mean_running;
    results.mean_kv_use = told->mean_kv_use;
    results.peak_waiting = told->peak_waiting;
    results.preemptions = told->replica_preemptions;
    results.prefix_cache_queries = told->queries;
    results.prefix_cache_hits = told->hits;
    return results;
}

static void told_init(struct told *told) {
    memset(told, UNTOUCHED, sizeof *told);
    assert_succeeds(batching_summary_init(&told->summary, sizeof told->summary));
}

/* Requests of all kinds. */
struct input {
    int32_t prompt[COUNT], output[COUNT], most[COUNT], priority[COUNT];
    int64_t session[COUNT], offsets[COUNT + 1], ids[COUNT * HASHES];
    double arrival[COUNT], delay[COUNT];
    batching_client client;
    batching_requests requests;
};

static void fill(struct input *input, uint64_t *random, bool ordered) {
    double time = 0;
    for (int i = 0; i < COUNT; i++) {
        input->prompt[i] = (int32_t)random_between(random, 1, 90);
        input->output[i] = (int32_t)random_between(random, 1, 30);
        input->most[i] = input->output[i] + (int32_t)random_between(random, 0, 9);
        input->priority[i] = (int32_t)random_between(random, 0, 3);
        input->session[i] = random_between(random, 0, 30);
        bool is_first = true;
        for (int j = 0; j < i; j++) {
            is_first = is_first && input->session[j] != input->session[i];
        }
        input->delay[i] = is_first ? 0 : (double)random_between(random, 0, 20) / 64;
        /* Often at equal times. */
        time += (double)random_between(random, 0, 3) / 64;
        input->arrival[i] = ordered ? time : (double)random_between(random, 0, 400) / 64;
        input->offsets[i] = (int64_t)i * HASHES;
        const int64_t group = random_between(random, 0, 5);
        for (int j = 0; j < HASHES; j++) {
            input->ids[i * HASHES + j] = j < 3 ? group * 10 + j : i * 100 + j + 1000;
        }
    }
    input->offsets[COUNT] = (int64_t)COUNT * HASHES;
    assert_succeeds(batching_requests_init(&input->requests, sizeof input->requests));
    input->requests.count = COUNT;
    input->requests.prompt_length = input->prompt;
    input->requests.output_length = input->output;
    input->requests.arrival_time = input->arrival;
    assert_succeeds(batching_client_init(&input->client, sizeof input->client));
}

static const int32_t POLICIES[] = {BATCHING_POLICY_VLLM, BATCHING_POLICY_CONTINUOUS, BATCHING_POLICY_ORCA,
                                   BATCHING_POLICY_STATIC, BATCHING_POLICY_DYNAMIC};

static batching_engine_config some_engine(uint64_t *random) {
    INITIALIZED(batching_engine_config, config);
    config.policy = POLICIES[random_between(random, 0, 4)];
    config.max_num_seqs = random_between(random, 1, 12);
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = 0.01;
    config.time_per_prefill_token = 1e-4;
    config.time_per_decode_token = 3e-4;
    config.time_per_context_token = random_between(random, 0, 1) == 0 ? 0 : 1e-6;
    /* The longest request has 120 tokens, 8 blocks of 16. */
    config.num_gpu_blocks = random_between(random, 0, 2) == 0 ? 0 : random_between(random, 10, 30);
    if (config.policy == BATCHING_POLICY_VLLM) {
        config.max_num_batched_tokens = random_between(random, 16, 128);
        config.async_scheduling = (int32_t)random_between(random, 0, 1);
        config.enable_prefix_caching = config.num_gpu_blocks > 0 && random_between(random, 0, 1) == 1;
    }
    if (config.policy == BATCHING_POLICY_DYNAMIC) {
        config.max_queue_delay = 0.05;
    }
    return config;
}

static void set_kind(struct input *input, int64_t kind) {
    if (kind & 1) {
        input->requests.hash_offsets = input->offsets;
        input->requests.hash_ids = input->ids;
        input->requests.hash_block_size = 16;
    }
    if (kind & 2) {
        input->requests.session = input->session;
        input->requests.delay = input->delay;
        input->requests.arrival_time = NULL;
    }
    if (kind & 4) {
        input->client.max_concurrency = 9;
        input->requests.client = &input->client;
        if (kind & 8) {
            input->client.clients = 7;
            input->client.think_time = 0.125;
            input->requests.arrival_time = NULL;
        }
    }
    if (kind & 16) {
        input->requests.max_tokens = input->most;
        input->requests.priority = input->priority;
    }
}

static void assert_same(const struct told *one, const struct told *other) {
    assert_doubles_equal(one->start_time, other->start_time, COUNT);
    assert_doubles_equal(one->first_token_time, other->first_token_time, COUNT);
    assert_doubles_equal(one->end_time, other->end_time, COUNT);
    assert_doubles_equal(one->arrival_time, other->arrival_time, COUNT);
    assert_doubles_equal(one->sent_time, other->sent_time, COUNT);
    assert_memory_equal(one->tokens_generated, other->tokens_generated, sizeof one->tokens_generated);
    assert_memory_equal(one->preemptions, other->preemptions, sizeof one->preemptions);
    assert_memory_equal(one->prefix_cached_tokens, other->prefix_cached_tokens, sizeof one->prefix_cached_tokens);
    assert_memory_equal(one->status, other->status, sizeof one->status);
    assert_memory_equal(one->completion_order, other->completion_order, sizeof one->completion_order);
    assert_memory_equal(&one->summary, &other->summary, sizeof one->summary);
}

static const int32_t ROUTERS[] = {
    BATCHING_ROUTER_ROUND_ROBIN,    BATCHING_ROUTER_RANDOM,        BATCHING_ROUTER_POWER_OF_TWO,
    BATCHING_ROUTER_LEAST_REQUESTS, BATCHING_ROUTER_LEAST_TOKENS,  BATCHING_ROUTER_SESSION,
    BATCHING_ROUTER_DYNAMO_KV,      BATCHING_ROUTER_VLLM_DP,       BATCHING_ROUTER_CACHE_AWARE,
    BATCHING_ROUTER_BUCKET,         BATCHING_ROUTER_PREFIX_TRIE,   BATCHING_ROUTER_RAY_PREFIX,
    BATCHING_ROUTER_SCORERS,        BATCHING_ROUTER_AIBRIX_PREFIX, BATCHING_ROUTER_VTC};
enum { ROUTER_KINDS = sizeof ROUTERS / sizeof *ROUTERS };

static batching_router_config router_of(int32_t name) {
    INITIALIZED(batching_router_config, config);
    config.router = name;
    config.no_kv_events = 1;
    return config;
}

static void one_replica_is_a_run_of_the_engine(void **state) {
    (void)state;
    static struct input input;
    static struct told alone, fleet;
    uint64_t random = 1;
    for (int trial = 0; trial < 400; trial++) {
        fill(&input, &random, trial % 2 == 0);
        set_kind(&input, random_between(&random, 0, 31));
        const batching_engine_config engine = some_engine(&random), *engines[] = {&engine};
        told_init(&alone);
        told_init(&fleet);
        batching_results results = results_of(&alone);
        assert_succeeds(batching_simulate(&engine, &input.requests, &results, &alone.summary));
        INITIALIZED(batching_fleet_config, config);
        batching_router_config router = router_of(ROUTERS[trial % ROUTER_KINDS]);
        config.pool_count = 1;
        config.engine = engines;
        config.router = &router;
        results = results_of(&fleet);
        batching_fleet_results fleet_results = fleet_results_of(&fleet);
        assert_succeeds(batching_fleet_simulate(&config, &input.requests, &results, &fleet_results, &fleet.summary));
        assert_same(&fleet, &alone);
        assert_int_equal(fleet.requests[0], COUNT - fleet.summary.not_sent);
        assert_int_equal(fleet.finished[0], fleet.summary.finished);
        assert_int_equal(fleet.tokens[0], fleet.summary.total_tokens);
        assert_int_equal(fleet.iterations[0], fleet.summary.iterations);
        assert_int_equal(fleet.peak_waiting[0], fleet.summary.peak_waiting);
        assert_int_equal(fleet.replica_preemptions[0], fleet.summary.preemptions);
        assert_int_equal(fleet.queries[0], fleet.summary.prefix_cache_queries);
        assert_int_equal(fleet.hits[0], fleet.summary.prefix_cache_hits);
        assert_double_equal(fleet.busy_time[0], fleet.summary.busy_time);
        assert_double_equal(fleet.duration[0], fleet.summary.duration);
        assert_double_equal(fleet.mean_running[0], fleet.summary.mean_running);
        assert_double_equal(fleet.mean_kv_use[0], fleet.summary.mean_kv_use);
        for (int i = 0; i < COUNT; i++) {
            const bool was_sent = fleet.status[i] != BATCHING_REQUEST_NOT_SENT;
            assert_int_equal(fleet.replica[i], was_sent ? 0 : -1);
            if (was_sent) {
                assert_double_equal(fleet.routed_time[i], fleet.sent_time[i]);
            } else {
                assert_true(isnan(fleet.routed_time[i]));
            }
        }
    }
}

/* Every n-th request in order of arrival, which is that of the columns here. */
static void round_robin_is_a_run_for_every_nth_request(void **state) {
    (void)state;
    static struct input input, part;
    static struct told fleet, alone;
    uint64_t random = 2;
    for (int trial = 0; trial < 200; trial++) {
        const int replicas = (int)random_between(&random, 1, REPLICAS);
        fill(&input, &random, true);
        set_kind(&input, random_between(&random, 0, 1) | (random_between(&random, 0, 1) << 4));
        const batching_engine_config engine = some_engine(&random), *engines[] = {&engine};
        const int64_t counts[] = {replicas};
        INITIALIZED(batching_fleet_config, config);
        config.pool_count = 1;
        config.engine = engines;
        config.replicas = counts;
        told_init(&fleet);
        batching_results results = results_of(&fleet);
        batching_fleet_results fleet_results = fleet_results_of(&fleet);
        assert_succeeds(batching_fleet_simulate(&config, &input.requests, &results, &fleet_results, &fleet.summary));
        for (int replica = 0; replica < replicas; replica++) {
            part.requests = input.requests;
            part.requests.count = 0;
            part.requests.prompt_length = part.prompt;
            part.requests.output_length = part.output;
            part.requests.arrival_time = part.arrival;
            part.offsets[0] = 0;
            int64_t own[COUNT];
            for (int i = replica; i < COUNT; i += replicas) {
                const int64_t at = part.requests.count++;
                own[at] = i;
                part.prompt[at] = input.prompt[i];
                part.output[at] = input.output[i];
                part.arrival[at] = input.arrival[i];
                part.most[at] = input.most[i];
                part.priority[at] = input.priority[i];
                memcpy(part.ids + at * HASHES, input.ids + (int64_t)i * HASHES, HASHES * sizeof *part.ids);
                part.offsets[at + 1] = (at + 1) * HASHES;
            }
            if (input.requests.hash_ids != NULL) {
                part.requests.hash_offsets = part.offsets;
                part.requests.hash_ids = part.ids;
            }
            if (input.requests.max_tokens != NULL) {
                part.requests.max_tokens = part.most;
                part.requests.priority = part.priority;
            }
            told_init(&alone);
            results = results_of(&alone);
            assert_succeeds(batching_simulate(&engine, &part.requests, &results, &alone.summary));
            for (int64_t at = 0; at < part.requests.count; at++) {
                const int64_t i = own[at];
                assert_int_equal(fleet.replica[i], replica);
                assert_double_equal(fleet.routed_time[i], input.arrival[i]);
                assert_double_equal(fleet.start_time[i], alone.start_time[at]);
                assert_double_equal(fleet.first_token_time[i], alone.first_token_time[at]);
                assert_double_equal(fleet.end_time[i], alone.end_time[at]);
                assert_int_equal(fleet.tokens_generated[i], alone.tokens_generated[at]);
                assert_int_equal(fleet.preemptions[i], alone.preemptions[at]);
                assert_int_equal(fleet.prefix_cached_tokens[i], alone.prefix_cached_tokens[at]);
                assert_int_equal(fleet.status[i], alone.status[at]);
            }
            assert_int_equal(fleet.requests[replica], part.requests.count);
            assert_int_equal(fleet.finished[replica], alone.summary.finished);
            assert_int_equal(fleet.tokens[replica], alone.summary.total_tokens);
            assert_int_equal(fleet.iterations[replica], alone.summary.iterations);
            assert_double_equal(fleet.busy_time[replica], alone.summary.busy_time);
            assert_double_equal(fleet.duration[replica], alone.summary.duration);
            assert_double_equal(fleet.mean_running[replica], alone.summary.mean_running);
            assert_double_equal(fleet.mean_kv_use[replica], alone.summary.mean_kv_use);
        }
    }
}

/* Of any router, over pools of different engines. */
static void counts_of_replicas_add_up(void **state) {
    (void)state;
    static struct input input;
    static struct told told;
    uint64_t random = 3;
    for (int trial = 0; trial < 300; trial++) {
        fill(&input, &random, trial % 2 == 0);
        set_kind(&input, random_between(&random, 0, 31));
        const batching_engine_config first = some_engine(&random), second = some_engine(&random);
        const batching_engine_config *engines[] = {&first, &second};
        const int64_t counts[] = {random_between(&random, 1, 4), random_between(&random, 1, 4)};
        const int64_t replicas = counts[0] + counts[1];
        batching_router_config router = router_of(ROUTERS[trial % ROUTER_KINDS]);
        router.queue_threshold = trial % 4 == 0 ? 0.01 : 0;
        INITIALIZED(batching_fleet_config, config);
        config.pool_count = 2;
        config.engine = engines;
        config.replicas = counts;
        config.router = &router;
        told_init(&told);
        batching_results results = results_of(&told);
        batching_fleet_results fleet_results = fleet_results_of(&told);
        assert_succeeds(batching_fleet_simulate(&config, &input.requests, &results, &fleet_results, &told.summary));
        int64_t requests[REPLICAS] = {0}, finished[REPLICAS] = {0}, tokens[REPLICAS] = {0}, preempted[REPLICAS] = {0};
        int64_t ends[4] = {0};
        double last = 0;
        for (int i = 0; i < COUNT; i++) {
            const int32_t replica = told.replica[i];
            if (told.status[i] == BATCHING_REQUEST_NOT_SENT) {
                assert_int_equal(replica, -1);
                ends[3]++;
                continue;
            }
            assert_true(replica >= 0 && replica < replicas);
            assert_true(told.routed_time[i] >= told.sent_time[i]);
            assert_true(isnan(told.start_time[i]) || told.start_time[i] >= told.routed_time[i]);
            requests[replica]++;
            tokens[replica] += told.tokens_generated[i];
            preempted[replica] += told.preemptions[i];
            if (told.status[i] == BATCHING_REQUEST_FINISHED) {
                finished[replica]++;
                ends[0]++;
                assert_true(told.end_time[i] >= told.first_token_time[i]);
                last = fmax(last, told.end_time[i]);
            } else if (told.status[i] >= BATCHING_REQUEST_REJECTED_MODEL_LENGTH) {
                ends[1]++;
            } else {
                ends[2]++;
            }
        }
        assert_int_equal(ends[0], told.summary.finished);
        assert_int_equal(ends[1], told.summary.rejected);
        assert_int_equal(ends[2], told.summary.unfinished);
        assert_int_equal(ends[3], told.summary.not_sent);
        assert_double_equal(told.summary.total_time, last);
        for (int at = 0; at < ends[0]; at++) {
            const int64_t i = told.completion_order[at];
            assert_int_equal(told.status[i], BATCHING_REQUEST_FINISHED);
        }
        int64_t sum = 0;
        double latest = 0;
        for (int replica = 0; replica < replicas; replica++) {
            assert_int_equal(told.requests[replica], requests[replica]);
            assert_int_equal(told.finished[replica], finished[replica]);
            assert_int_equal(told.tokens[replica], tokens[replica]);
            assert_int_equal(told.replica_preemptions[replica], preempted[replica]);
            sum += told.iterations[replica];
            latest = fmax(latest, told.duration[replica]);
        }
        assert_int_equal(sum, told.summary.iterations);
        assert_double_equal(latest, told.summary.duration);
    }
}

/* Two replicas, iterations of a second; by hand. The longer request holds replica 0 until 4. */
static void least_requests_knows_what_has_ended(void **state) {
    (void)state;
    static const int32_t prompt[] = {1, 1, 1, 1}, output[] = {4, 1, 1, 1};
    static const double arrival[] = {0, 0, 1, 4};
    INITIALIZED(batching_engine_config, engine);
    engine.time_model = BATCHING_TIME_CONSTANT;
    engine.time_base = 1;
    const batching_engine_config *engines[] = {&engine};
    const int64_t counts[] = {2};
    batching_router_config router = router_of(BATCHING_ROUTER_LEAST_REQUESTS);
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    config.engine = engines;
    config.replicas = counts;
    config.router = &router;
    INITIALIZED(batching_requests, requests);
    requests.count = 4;
    requests.prompt_length = prompt;
    requests.output_length = output;
    requests.arrival_time = arrival;
    static struct told told;
    told_init(&told);
    batching_results results = results_of(&told);
    batching_fleet_results fleet_results = fleet_results_of(&told);
    assert_succeeds(batching_fleet_simulate(&config, &requests, &results, &fleet_results, &told.summary));
    /* At 1 the second request has just ended, at 4 the first and the third have. */
    const int32_t replica[] = {0, 1, 1, 0};
    assert_memory_equal(told.replica, replica, sizeof replica);
    const double end[] = {4, 1, 2, 5};
    assert_doubles_equal(told.end_time, end, 4);
    assert_int_equal(told.requests[0], 2);
    assert_int_equal(told.requests[1], 2);
}

/* A request that fits into no replica waits without end: the rest of its replica's queue, too. */
static void what_cannot_go_on_is_stuck(void **state) {
    (void)state;
    static const int32_t prompt[] = {1, 1, 100, 1}, output[] = {2, 2, 2, 2};
    INITIALIZED(batching_engine_config, engine);
    engine.time_model = BATCHING_TIME_CONSTANT;
    engine.time_base = 1;
    engine.num_gpu_blocks = 4;
    engine.admit_oversized = 1;
    const batching_engine_config *engines[] = {&engine};
    const int64_t counts[] = {2};
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    config.engine = engines;
    config.replicas = counts;
    INITIALIZED(batching_requests, requests);
    requests.count = 4;
    requests.prompt_length = prompt;
    requests.output_length = output;
    static struct told told;
    told_init(&told);
    batching_results results = results_of(&told);
    batching_fleet_results fleet_results = fleet_results_of(&told);
    assert_succeeds(batching_fleet_simulate(&config, &requests, &results, &fleet_results, &told.summary));
    const int32_t status[] = {BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_STUCK,
                              BATCHING_REQUEST_FINISHED};
    assert_memory_equal(told.status, status, sizeof status);
    assert_int_equal(told.summary.end_reason, BATCHING_END_STUCK);
    assert_int_equal(told.summary.unfinished, 1);
    assert_int_equal(told.summary.finished, 3);
    assert_int_equal(told.requests[0], 2);
    assert_int_equal(told.finished[0], 1);
}

/* Nothing to simulate, or nothing wanted. */
static void little_is_enough(void **state) {
    (void)state;
    INITIALIZED(batching_fleet_config, config);
    INITIALIZED(batching_requests, requests);
    INITIALIZED(batching_summary, summary);
    config.pool_count = 3;
    assert_succeeds(batching_fleet_simulate(&config, &requests, NULL, NULL, &summary));
    assert_int_equal(summary.finished, 0);
    assert_int_equal(summary.end_reason, BATCHING_END_COMPLETED);
    requests = lesson_requests();
    assert_succeeds(batching_fleet_simulate(&config, &requests, NULL, NULL, NULL));
}

/* The call fails with a sentence that names `part`, and leaves all outputs untouched. */
static void assert_refused(const batching_fleet_config *config, const batching_requests *requests,
                           batching_status status, const char *part) {
    static struct told told, before;
    told_init(&told);
    before = told;
    batching_results results = results_of(&told);
    batching_fleet_results fleet_results = fleet_results_of(&told);
    assert_fails(batching_fleet_simulate(config, requests, &results, &fleet_results, &told.summary), status, part);
    assert_memory_equal(&told, &before, sizeof told);
}

static void bad_input_is_refused_in_a_sentence(void **state) {
    (void)state;
    const batching_status invalid = BATCHING_ERROR_INVALID_ARGUMENT;
    static struct input input;
    uint64_t random = 4;
    fill(&input, &random, true);
    INITIALIZED(batching_engine_config, first);
    first.time_model = BATCHING_TIME_CONSTANT;
    first.time_base = 1;
    batching_engine_config second = first;
    const batching_engine_config *engines[] = {&first, &second};
    int64_t counts[] = {2, 3};
    batching_router_config router = router_of(BATCHING_ROUTER_LEAST_REQUESTS);
    INITIALIZED(batching_fleet_config, good);
    good.pool_count = 2;
    good.engine = engines;
    good.replicas = counts;
    good.router = &router;
    batching_fleet_config config = good;
    const batching_requests *requests = &input.requests;
    assert_succeeds(batching_fleet_simulate(&config, requests, NULL, NULL, NULL));
    assert_refused(NULL, requests, BATCHING_ERROR_NULL_POINTER, "config is NULL");
    assert_refused(&config, NULL, BATCHING_ERROR_NULL_POINTER, "requests is NULL");

    config.pool_count = 0;
    assert_refused(&config, requests, invalid, "pool_count is 0");
    config.pool_count = INT64_MIN;
    assert_refused(&config, requests, invalid, "pool_count is -9223372036854775808");
    config.pool_count = 65537;
    assert_refused(&config, requests, invalid, "pool_count is 65537");
    config = good;
    counts[1] = 0;
    assert_refused(&config, requests, invalid, "replicas[1] is 0");
    counts[1] = 65535;
    assert_refused(&config, requests, invalid, "replicas[1] is 65535");
    counts[1] = INT64_MAX;
    assert_refused(&config, requests, invalid, "replicas[1] is 9223372036854775807");
    counts[1] = 3;
    config.metrics_interval = -1;
    assert_refused(&config, requests, invalid, "metrics_interval is -1");
    config.metrics_interval = NAN;
    assert_refused(&config, requests, invalid, "metrics_interval is nan");
    config.metrics_interval = 1e-12;
    assert_refused(&config, requests, invalid, "metrics_interval is 1e-12");
    config = good;

    router.workers = 4;
    assert_refused(&config, requests, invalid, "router.workers is 4");
    router.workers = 5;
    assert_succeeds(batching_fleet_simulate(&config, requests, NULL, NULL, NULL));
    router.router = 7;
    assert_refused(&config, requests, invalid, "router is 7");
    router = router_of(BATCHING_ROUTER_DYNAMO_KV);
    router.temperature = -1;
    assert_refused(&config, requests, invalid, "temperature is -1");
    router = router_of(BATCHING_ROUTER_LEAST_REQUESTS);
    const int64_t weights[] = {1, 1, 0, 1, 1};
    router.weight = weights;
    assert_refused(&config, requests, invalid, "weight[2] is 0");
    router = router_of(BATCHING_ROUTER_LEAST_REQUESTS);

    second.time_limit = 3;
    assert_refused(&config, requests, invalid, "time_limit of config.engine[1] is 3");
    second = first;
    second.iteration_limit = 3;
    assert_refused(&config, requests, invalid, "iteration_limit of config.engine[1] is 3");
    second = first;
    second.keep_attribution = 1;
    assert_refused(&config, requests, invalid, "keep_attribution of config.engine[1] is 1");
    second = first;
    INITIALIZED(batching_iteration_log, iterations);
    second.iteration_log = &iterations;
    assert_refused(&config, requests, invalid, "iteration_log of config.engine[1]");
    second = first;
    INITIALIZED(batching_decision_log, decisions);
    second.decision_log = &decisions;
    assert_refused(&config, requests, invalid, "decision_log of config.engine[1]");
    second = first;
    INITIALIZED(batching_attribution, attribution);
    second.attribution = &attribution;
    assert_refused(&config, requests, invalid, "attribution of config.engine[1]");
    second = first;
    second.watermark = 2;
    assert_refused(&config, requests, invalid, "watermark is 2");
    second = first;

    const double before = input.arrival[17];
    input.requests.abort_time = input.arrival;
    input.arrival[17] = -1;
    assert_refused(&config, requests, invalid, "arrival_time[17] is -1");
    input.arrival[17] = before;
    input.requests.abort_time = NULL;
    input.output[17] = 0;
    assert_refused(&config, requests, invalid, "output_length[17] is 0");
    input.output[17] = 1;
    set_kind(&input, 1);
    router.block_size = 32;
    assert_refused(&config, requests, invalid, "router.block_size is 32");
    router.block_size = 16;
    assert_succeeds(batching_fleet_simulate(&config, requests, NULL, NULL, NULL));
    router.block_size = 0;
    input.requests.hash_block_size = 0;
    second.block_size = 32;
    assert_refused(&config, requests, invalid, "hash_block_size is 0");

    second = first;
    static struct told told;
    INITIALIZED(batching_fleet_results, results);
    results.capacity = COUNT - 1;
    results.replica_capacity = 5;
    results.replica = told.replica;
    assert_fails(batching_fleet_simulate(&config, requests, NULL, &results, NULL), BATCHING_ERROR_CAPACITY,
                 "fleet_results.capacity is 159");
    results.capacity = COUNT;
    results.replica_capacity = 4;
    assert_fails(batching_fleet_simulate(&config, requests, NULL, &results, NULL), BATCHING_ERROR_CAPACITY,
                 "fleet_results.replica_capacity is 4");
    results.replica_capacity = -1;
    assert_fails(batching_fleet_simulate(&config, requests, NULL, &results, NULL), invalid,
                 "fleet_results.replica_capacity is -1");
}

/* Of two that are routed at 0 and at 1, the second is at its replica at 11: the batch of both starts then, not before. */
static void a_static_batch_waits_for_what_is_on_its_way(void **state) {
    (void)state;
    static struct told told;
    told_init(&told);
    INITIALIZED(batching_engine_config, engine);
    engine.policy = BATCHING_POLICY_STATIC;
    engine.max_num_seqs = 4;
    const batching_engine_config *engines[] = {&engine};
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    config.engine = engines;
    /* It is told of ends, so that all replicas go on together. */
    batching_router_config router = router_of(BATCHING_ROUTER_LEAST_REQUESTS);
    config.router = &router;
    config.routing_delay = 10;
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.output_length = (const int32_t[]){1, 1};
    requests.arrival_time = (const double[]){0, 1};
    batching_results results = results_of(&told);
    assert_succeeds(batching_fleet_simulate(&config, &requests, &results, NULL, &told.summary));
    assert_double_equal(told.start_time[0], 11.0);
    assert_double_equal(told.start_time[1], 11.0);
    assert_int_equal(told.summary.finished, 2);
}

/* More prompts than the target has room for, which schedules ahead: each waits for its turn, and all end. */
static void prompts_wait_for_a_target_that_schedules_ahead(void **state) {
    (void)state;
    static struct told told;
    told_init(&told);
    INITIALIZED(batching_engine_config, engine);
    engine.policy = BATCHING_POLICY_VLLM;
    engine.max_num_seqs = 1;
    engine.async_scheduling = 1;
    engine.time_model = BATCHING_TIME_AFFINE;
    engine.time_base = 0.0125;
    const batching_engine_config *engines[] = {&engine, &engine};
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 2;
    config.engine = engines;
    config.role = (const int32_t[]){BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE};
    INITIALIZED(batching_disaggregation_config, disaggregation);
    config.disaggregation = &disaggregation;
    INITIALIZED(batching_requests, requests);
    requests.count = 8;
    requests.prompt_length = (const int32_t[]){30, 3, 50, 7, 20, 60, 5, 40};
    requests.output_length = (const int32_t[]){4, 9, 2, 12, 3, 8, 5, 6};
    static const int32_t PRESETS[] = {BATCHING_PRESET_DYNAMO, BATCHING_PRESET_VLLM_NIXL, BATCHING_PRESET_SGLANG_PD,
                                      BATCHING_PRESET_LLM_D};
    for (int preset = 0; preset < 4; preset++) {
        disaggregation.preset = PRESETS[preset];
        for (int latency = 0; latency < 40; latency++) {
            disaggregation.link_latency = latency * 0.0125;
            assert_succeeds(batching_fleet_simulate(&config, &requests, NULL, NULL, &told.summary));
            assert_int_equal(told.summary.finished, 8);
        }
    }
}

/* The same in every run, whatever router draws. */
static void same_input_same_bytes(void **state) {
    (void)state;
    static struct input input;
    static struct told told[2];
    uint64_t random = 5;
    fill(&input, &random, false);
    set_kind(&input, 7);
    const batching_engine_config engine = some_engine(&random), *engines[] = {&engine, NULL};
    for (int kind = 0; kind < ROUTER_KINDS; kind++) {
        batching_router_config router = router_of(ROUTERS[kind]);
        router.seed = 11;
        INITIALIZED(batching_fleet_config, config);
        config.pool_count = 2;
        config.engine = engines;
        config.router = &router;
        for (int run = 0; run < 2; run++) {
            told_init(&told[run]);
            batching_results results = results_of(&told[run]);
            batching_fleet_results fleet_results = fleet_results_of(&told[run]);
            assert_succeeds(
                batching_fleet_simulate(&config, &input.requests, &results, &fleet_results, &told[run].summary));
        }
        assert_memory_equal(&told[0], &told[1], sizeof told[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_replica_is_a_run_of_the_engine),
        cmocka_unit_test(round_robin_is_a_run_for_every_nth_request),
        cmocka_unit_test(counts_of_replicas_add_up),
        cmocka_unit_test(least_requests_knows_what_has_ended),
        cmocka_unit_test(what_cannot_go_on_is_stuck),
        cmocka_unit_test(little_is_enough),
        cmocka_unit_test(bad_input_is_refused_in_a_sentence),
        cmocka_unit_test(a_static_batch_waits_for_what_is_on_its_way),
        cmocka_unit_test(prompts_wait_for_a_target_that_schedules_ahead),
        cmocka_unit_test(same_input_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
