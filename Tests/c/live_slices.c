/* Some thousand requests, fed to a live engine in slices: what happens, and what its logs tell, is what batching_simulate
 * says, to the last bit. */
#include <stdbool.h>
#include <stdlib.h>

#include "engine_support.h"
#include "random.h"

enum { REQUESTS = 3000, MOST_AT_ONCE = 16, MOST_POLLED = 7, HASH_TOKENS = 16, PARTS = 7 };

/* Requests that arrive as a Poisson process, in order, in columns of their own. */
struct workload {
    int32_t prompt_length[REQUESTS], output_length[REQUESTS], priority[REQUESTS];
    double arrival_time[REQUESTS];
    int64_t hash_offsets[REQUESTS + 1];
    int64_t *hash_ids;
};

static struct workload *workload_made(double arrival_rate) {
    struct workload *made = calloc(1, sizeof *made);
    assert_non_null(made);
    INITIALIZED(batching_workload, workload);
    workload.prompt_length_min = 1;
    workload.prompt_length_max = 200;
    workload.output_length_min = 1;
    workload.output_length_max = 60;
    workload.arrival_rate = arrival_rate;
    workload.prefix_groups = 20;
    workload.prefix_length = 64;
    assert_succeeds(
        batching_workload_generate(&workload, REQUESTS, made->prompt_length, made->output_length, made->arrival_time));
    int64_t needed = 0;
    assert_succeeds(batching_workload_hashes_generate(&workload, REQUESTS, made->hash_offsets, 0, NULL, &needed));
    assert_true(needed > REQUESTS);
    made->hash_ids = calloc((size_t)needed, sizeof *made->hash_ids);
    assert_non_null(made->hash_ids);
    assert_succeeds(batching_workload_hashes_generate(&workload, REQUESTS, NULL, needed, made->hash_ids, &needed));
    uint64_t random = 7;
    for (int64_t index = 0; index < REQUESTS; index++) {
        made->priority[index] = (int32_t)random_between(&random, -2, 2);
    }
    return made;
}

static void workload_free(struct workload *workload) {
    free(workload->hash_ids);
    free(workload);
}

/* Some of the requests: those from `first` on. */
static batching_requests requests_of(const struct workload *workload, int64_t first, int64_t count, int64_t *offsets) {
    INITIALIZED(batching_requests, requests);
    requests.count = count;
    requests.prompt_length = workload->prompt_length + first;
    requests.output_length = workload->output_length + first;
    requests.arrival_time = workload->arrival_time + first;
    requests.priority = workload->priority + first;
    for (int64_t index = 0; index <= count; index++) {
        offsets[index] = workload->hash_offsets[first + index] - workload->hash_offsets[first];
    }
    requests.hash_ids = workload->hash_ids + workload->hash_offsets[first];
    requests.hash_offsets = offsets;
    requests.hash_block_size = HASH_TOKENS;
    return requests;
}

/* What becomes of each request, as a run or as events tell it. */
struct outcome {
    double start_time[REQUESTS], first_token_time[REQUESTS], end_time[REQUESTS];
    int32_t tokens_generated[REQUESTS], preemptions[REQUESTS], prefix_cached_tokens[REQUESTS], status[REQUESTS];
    int64_t completion_order[REQUESTS];
    /* Only where it is asked for. */
    double parts[PARTS * REQUESTS];
};

/* The columns of the attribution, in the order of the header. */
static batching_attribution attribution_into(double *columns, int64_t count) {
    INITIALIZED(batching_attribution, attribution);
    attribution.capacity = count;
    attribution.waiting_for_slot = columns;
    attribution.waiting_for_memory = columns + count;
    attribution.prefill = columns + 2 * count;
    attribution.decode = columns + 3 * count;
    attribution.slowed_by_prefill = columns + 4 * count;
    attribution.preempted = columns + 5 * count;
    attribution.held_in_batch = columns + 6 * count;
    return attribution;
}

/* The rows of both logs, by callbacks through a few columns. */
enum { LOG_ROWS = 100, MOST_ROWS = 1 << 20 };

struct logs {
    batching_iteration_log iterations;
    batching_decision_log decisions;
    double time[LOG_ROWS], start_time[LOG_ROWS], duration[LOG_ROWS];
    int64_t counts[8][LOG_ROWS], iteration[LOG_ROWS], request[LOG_ROWS];
    int32_t event[LOG_ROWS], tokens[LOG_ROWS];
    bool by_name;
    /* All that was told: of an iteration eleven numbers, of a decision four. */
    int64_t iteration_rows, decision_rows;
    double (*told_iterations)[11];
    int64_t (*told_decisions)[4];
};

static int32_t take_iterations(int64_t row_count, void *user_data) {
    struct logs *logs = user_data;
    for (int64_t row = 0; row < row_count; row++) {
        assert_true(logs->iteration_rows < MOST_ROWS);
        double *told = logs->told_iterations[logs->iteration_rows++];
        told[0] = logs->time[row];
        told[1] = logs->start_time[row];
        told[2] = logs->duration[row];
        for (int column = 0; column < 8; column++) {
            told[3 + column] = (double)logs->counts[column][row];
        }
    }
    return 0;
}

static int64_t index_of(int64_t name);

static int32_t take_decisions(int64_t row_count, void *user_data) {
    struct logs *logs = user_data;
    for (int64_t row = 0; row < row_count; row++) {
        assert_true(logs->decision_rows < MOST_ROWS);
        int64_t *told = logs->told_decisions[logs->decision_rows++];
        told[0] = logs->iteration[row];
        told[1] = logs->by_name ? index_of(logs->request[row]) : logs->request[row];
        told[2] = logs->event[row];
        told[3] = logs->tokens[row];
    }
    return 0;
}

static struct logs *logs_made(bool by_name) {
    struct logs *logs = calloc(1, sizeof *logs);
    assert_non_null(logs);
    logs->by_name = by_name;
    logs->told_iterations = calloc(MOST_ROWS, sizeof *logs->told_iterations);
    logs->told_decisions = calloc(MOST_ROWS, sizeof *logs->told_decisions);
    assert_non_null(logs->told_iterations);
    assert_non_null(logs->told_decisions);
    assert_succeeds(batching_iteration_log_init(&logs->iterations, sizeof logs->iterations));
    assert_succeeds(batching_decision_log_init(&logs->decisions, sizeof logs->decisions));
    logs->iterations.capacity = logs->decisions.capacity = LOG_ROWS;
    logs->iterations.callback = take_iterations;
    logs->decisions.callback = take_decisions;
    logs->iterations.user_data = logs->decisions.user_data = logs;
    logs->iterations.time = logs->time;
    logs->iterations.start_time = logs->start_time;
    logs->iterations.duration = logs->duration;
    logs->iterations.running = logs->counts[0];
    logs->iterations.waiting = logs->counts[1];
    logs->iterations.prefill_tokens = logs->counts[2];
    logs->iterations.decode_tokens = logs->counts[3];
    logs->iterations.kv_blocks_used = logs->counts[4];
    logs->iterations.kv_blocks_kept = logs->counts[5];
    logs->iterations.preemptions = logs->counts[6];
    logs->iterations.finished = logs->counts[7];
    logs->decisions.iteration = logs->iteration;
    logs->decisions.request = logs->request;
    logs->decisions.event = logs->event;
    logs->decisions.tokens = logs->tokens;
    return logs;
}

static void logs_free(struct logs *logs) {
    free(logs->told_iterations);
    free(logs->told_decisions);
    free(logs);
}

static void assert_same_logs(const struct logs *told, const struct logs *expected) {
    assert_int_equal(told->iteration_rows, expected->iteration_rows);
    assert_int_equal(told->decision_rows, expected->decision_rows);
    assert_true(told->iteration_rows > REQUESTS);
    assert_memory_equal(told->told_iterations, expected->told_iterations,
                        (size_t)told->iteration_rows * sizeof *told->told_iterations);
    assert_memory_equal(told->told_decisions, expected->told_decisions,
                        (size_t)told->decision_rows * sizeof *told->told_decisions);
}

static struct outcome *outcome_made(void) {
    struct outcome *outcome = calloc(1, sizeof *outcome);
    assert_non_null(outcome);
    for (int64_t index = 0; index < REQUESTS; index++) {
        outcome->start_time[index] = outcome->first_token_time[index] = outcome->end_time[index] = NAN;
        outcome->completion_order[index] = -1;
    }
    return outcome;
}

static struct outcome *simulated(const batching_engine_config *given, const struct workload *workload,
                                 struct logs *logs) {
    struct outcome *outcome = outcome_made();
    batching_engine_config config = *given;
    config.iteration_log = logs == NULL ? NULL : &logs->iterations;
    config.decision_log = logs == NULL ? NULL : &logs->decisions;
    const batching_attribution attribution = attribution_into(outcome->parts, REQUESTS);
    config.attribution = &attribution;
    INITIALIZED(batching_results, results);
    results.capacity = REQUESTS;
    results.start_time = outcome->start_time;
    results.first_token_time = outcome->first_token_time;
    results.end_time = outcome->end_time;
    results.tokens_generated = outcome->tokens_generated;
    results.completion_order = outcome->completion_order;
    results.preemptions = outcome->preemptions;
    results.prefix_cached_tokens = outcome->prefix_cached_tokens;
    results.status = outcome->status;
    static int64_t offsets[REQUESTS + 1];
    const batching_requests requests = requests_of(workload, 0, REQUESTS, offsets);
    assert_succeeds(batching_simulate(&config, &requests, &results, NULL));
    return outcome;
}

/* Ids that tell the index, and are no small numbers. */
static int64_t name_of(int64_t index) {
    return -(index << 40) - index;
}

static int64_t index_of(int64_t name) {
    return -name & (((int64_t)1 << 40) - 1);
}

/* Takes all events, a few at a time. */
static void take_events(batching_live_engine *engine, struct outcome *outcome, int64_t *completed, double *last,
                        uint64_t *random, bool has_parts) {
    double parts[PARTS * MOST_POLLED];
    const batching_attribution attribution = attribution_into(parts, MOST_POLLED);
    double time[MOST_POLLED];
    int64_t request[MOST_POLLED];
    int32_t event[MOST_POLLED], tokens[MOST_POLLED];
    INITIALIZED(batching_live_engine_events, events);
    events.time = time;
    events.request = request;
    events.event = event;
    events.tokens = tokens;
    events.attribution = has_parts ? &attribution : NULL;
    do {
        events.capacity = random_between(random, 1, MOST_POLLED);
        assert_succeeds(batching_live_engine_poll(engine, &events));
        for (int64_t row = 0; row < events.count; row++) {
            const int64_t index = index_of(request[row]);
            assert_in_range(index, 0, REQUESTS - 1);
            assert_true(time[row] >= *last);
            *last = time[row];
            for (int part = 0; has_parts && part < PARTS; part++) {
                const double seconds = parts[part * MOST_POLLED + row];
                assert_int_equal(isnan(seconds) != 0, event[row] != BATCHING_EVENT_FINISHED);
                if (event[row] == BATCHING_EVENT_FINISHED || event[row] == BATCHING_EVENT_REJECTED) {
                    outcome->parts[part * REQUESTS + index] = seconds;
                }
            }
            switch (event[row]) {
            case BATCHING_EVENT_ADMITTED:
                outcome->start_time[index] = time[row];
                outcome->prefix_cached_tokens[index] = tokens[row];
                break;
            case BATCHING_EVENT_FIRST_TOKEN:
                outcome->first_token_time[index] = time[row];
                break;
            case BATCHING_EVENT_PREEMPTED:
                outcome->preemptions[index]++;
                break;
            case BATCHING_EVENT_FINISHED:
                outcome->end_time[index] = time[row];
                outcome->tokens_generated[index] = tokens[row];
                outcome->completion_order[(*completed)++] = index;
                break;
            case BATCHING_EVENT_REJECTED:
                outcome->status[index] = tokens[row];
                break;
            default:
                assert_int_equal(event[row], BATCHING_EVENT_RESUMED);
            }
        }
    } while (events.remaining > 0);
}

/*
 * Each slice submits a few requests, some of them long before they arrive, and moves the clock to any time up to the
 * arrival of the next: in the middle of an iteration, at the end of one, or by a number of iterations. Every call tells
 * the logs, if any are wanted. All but the third tell the parts of each request's time.
 */
static struct outcome *lived(const batching_engine_config *given, const struct workload *workload, uint64_t seed,
                             struct logs *logs) {
    batching_engine_config config = *given;
    config.keep_attribution = seed != 3;
    batching_iteration_log *const iterations_log = logs == NULL ? NULL : &logs->iterations;
    batching_decision_log *const decisions_log = logs == NULL ? NULL : &logs->decisions;
    struct outcome *outcome = outcome_made();
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_create(&config, &engine));
    uint64_t random = seed;
    double clock = 0.0, last = 0.0;
    int64_t completed = 0;
    for (int64_t submitted = 0; submitted < REQUESTS;) {
        const int64_t left = REQUESTS - submitted;
        const int64_t most = random_between(&random, 1, MOST_AT_ONCE);
        const int64_t count = most < left ? most : left;
        int64_t names[MOST_AT_ONCE], offsets[MOST_AT_ONCE + 1];
        for (int64_t index = 0; index < count; index++) {
            names[index] = name_of(submitted + index);
        }
        const batching_requests requests = requests_of(workload, submitted, count, offsets);
        assert_succeeds(batching_live_engine_submit(engine, &requests, names));
        submitted += count;
        /* The horizon: no request that is still to be submitted arrives before it. */
        const double horizon =
            submitted < REQUESTS ? workload->arrival_time[submitted] : workload->arrival_time[REQUESTS - 1];
        const double share = (double)random_between(&random, 0, 4) / 4.0;
        const double target = clock + (horizon - clock) * share;
        const int64_t iterations = random_between(&random, 0, 3) == 0 ? random_between(&random, 1, 5) : 0;
        assert_succeeds(batching_live_engine_advance_logged(engine, share == 1.0 ? horizon : target, iterations,
                                                            iterations_log, decisions_log));
        INITIALIZED(batching_live_engine_state, now);
        assert_succeeds(batching_live_engine_observe(engine, &now));
        assert_true(now.clock >= clock && now.clock <= horizon);
        clock = now.clock;
        if (random_between(&random, 0, 2) == 0) {
            take_events(engine, outcome, &completed, &last, &random, config.keep_attribution);
        }
    }
    assert_succeeds(batching_live_engine_advance_logged(engine, INFINITY, 0, iterations_log, decisions_log));
    take_events(engine, outcome, &completed, &last, &random, config.keep_attribution);
    assert_succeeds(batching_live_engine_destroy(engine));
    return outcome;
}

static int64_t sum_of(const int32_t *column) {
    int64_t sum = 0;
    for (int64_t index = 0; index < REQUESTS; index++) {
        sum += column[index];
    }
    return sum;
}

static void assert_same_in_slices(const batching_engine_config *config, double arrival_rate, bool preempts,
                                  bool caches) {
    struct workload *workload = workload_made(arrival_rate);
    struct logs *logs = logs_made(false);
    struct outcome *expected = simulated(config, workload, logs);
    /* The run has what it is here for. */
    assert_int_equal(sum_of(expected->preemptions) > 0, preempts);
    assert_int_equal(sum_of(expected->prefix_cached_tokens) > 0, caches);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        /* Where it is logged every iteration is gone through; where not, many at once. */
        struct logs *told_logs = seed == 1 ? logs_made(true) : NULL;
        struct outcome *told = lived(config, workload, seed, told_logs);
        if (told_logs != NULL) {
            assert_same_logs(told_logs, logs);
            logs_free(told_logs);
        }
        assert_doubles_equal(told->start_time, expected->start_time, REQUESTS);
        assert_doubles_equal(told->first_token_time, expected->first_token_time, REQUESTS);
        assert_doubles_equal(told->end_time, expected->end_time, REQUESTS);
        if (seed != 3) {
            assert_doubles_equal(told->parts, expected->parts, PARTS * REQUESTS);
        }
        assert_memory_equal(told->status, expected->status, sizeof told->status);
        assert_memory_equal(told->tokens_generated, expected->tokens_generated, sizeof told->tokens_generated);
        assert_memory_equal(told->preemptions, expected->preemptions, sizeof told->preemptions);
        assert_memory_equal(told->prefix_cached_tokens, expected->prefix_cached_tokens,
                            sizeof told->prefix_cached_tokens);
        assert_memory_equal(told->completion_order, expected->completion_order, sizeof told->completion_order);
        free(told);
    }
    free(expected);
    logs_free(logs);
    workload_free(workload);
}

static const double RATE = 60.0;

static void in_order_of_arrival(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    assert_same_in_slices(&config, RATE, false, false);
    config.time_model = BATCHING_TIME_CONSTANT;
    assert_same_in_slices(&config, RATE, false, false);
}

static void asynchronously(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.async_scheduling = 1;
    config.num_gpu_blocks = 120;
    assert_same_in_slices(&config, RATE, true, false);
}

static void with_preemptions(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.num_gpu_blocks = 120;
    assert_same_in_slices(&config, RATE, true, false);
    config.queue_order = BATCHING_QUEUE_PRIORITY;
    assert_same_in_slices(&config, RATE, true, false);
}

static void the_shortest_first(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.queue_order = BATCHING_QUEUE_SHORTEST_OUTPUT;
    assert_same_in_slices(&config, RATE, false, false);
}

static void with_prefix_caching(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.num_gpu_blocks = 120;
    config.enable_prefix_caching = 1;
    assert_same_in_slices(&config, RATE, true, true);
}

static void with_rejections(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.max_model_len = 150;
    assert_same_in_slices(&config, RATE, false, false);
}

static void with_the_other_policies(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.num_gpu_blocks = 200;
    config.policy = BATCHING_POLICY_ORCA;
    assert_same_in_slices(&config, RATE, false, false);
    config.policy = BATCHING_POLICY_DYNAMIC;
    config.max_queue_delay = 0.05;
    assert_same_in_slices(&config, RATE, false, false);
    config.policy = BATCHING_POLICY_STATIC;
    assert_same_in_slices(&config, RATE, false, false);
    config.policy = BATCHING_POLICY_CONTINUOUS;
    config.num_gpu_blocks = 120;
    assert_same_in_slices(&config, RATE, true, false);
}

/* A policy of the caller's that keeps no state, and what all that it was shown adds up to. */
struct asked {
    int64_t calls;
    uint64_t hash;
    bool by_name;
};

static void note(struct asked *asked, int64_t value) {
    asked->hash = (asked->hash ^ (uint64_t)value) * 0x9E3779B97F4A7C15u;
    asked->hash ^= asked->hash >> 29;
}

/* First come, first served; the request admitted last is preempted. Now and then it waits, or leaves one out. */
static int32_t decide(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    struct asked *asked = user_data;
    asked->calls++;
    note(asked, view->iteration);
    note(asked, (int64_t)(view->time * 1e9));
    note(asked, view->count);
    note(asked, view->running_count);
    note(asked, view->kv_blocks_free);
    for (int64_t row = 0; row < view->count; row++) {
        note(asked, asked->by_name ? index_of(view->request[row]) : view->request[row]);
        note(asked, view->computed_tokens[row] * 1000 + view->generated_tokens[row]);
        note(asked, view->kv_blocks[row] * 1000 + view->oracle_output_tokens[row]);
    }
    const int64_t mood = view->iteration * 7919 % 101;
    if (mood < 3) {
        decision->wait_until = view->time + 1e-3 * (double)(1 + mood);
        /* Only once in an iteration: then it goes on. */
        if ((int64_t)(view->time * 1e9) % 4 != 0) {
            return 0;
        }
        decision->wait_until = 0.0;
    }
    int64_t budget = view->max_num_batched_tokens, free_blocks = view->kv_blocks_free, kept = view->running_count;
    while (kept > 1 && free_blocks < kept) {
        kept--;
        decision->preempted_row[decision->preempted_count++] = kept;
        free_blocks += view->kv_blocks[kept];
    }
    int64_t slots = view->max_num_seqs - kept;
    for (int64_t row = 0; row < view->count && budget > 0; row++) {
        if (row == kept && decision->preempted_count > 0) {
            break;
        }
        const int64_t left = view->prompt_tokens[row] + view->generated_tokens[row] - view->computed_tokens[row];
        const int64_t tokens = left < budget ? left : budget;
        const int64_t blocks = (view->computed_tokens[row] + tokens + view->block_size - 1) / view->block_size;
        if (blocks - view->kv_blocks[row] > free_blocks || (row >= kept && slots == 0)) {
            break;
        }
        if (row < kept && kept > 3 && (row + view->iteration) % 50 == 0) {
            continue;
        }
        slots -= row >= kept;
        free_blocks -= blocks - view->kv_blocks[row];
        budget -= tokens;
        decision->scheduled_row[decision->scheduled_count] = row;
        decision->scheduled_tokens[decision->scheduled_count++] = (int32_t)tokens;
    }
    decision->until_change = decision->scheduled_count == view->running_count && decision->preempted_count == 0;
    return 0;
}

/* It is asked the same questions in slices, so that it gives the same answers. */
static void with_a_policy_of_the_callers(void **state) {
    (void)state;
    struct workload *workload = workload_made(RATE);
    batching_engine_config config = small_server();
    config.num_gpu_blocks = 120;
    config.policy = BATCHING_POLICY_CUSTOM;
    config.policy_callback = decide;
    struct asked whole = {.by_name = false};
    config.policy_user_data = &whole;
    struct logs *logs = logs_made(false);
    struct outcome *expected = simulated(&config, workload, logs);
    assert_true(whole.calls > REQUESTS);
    assert_true(sum_of(expected->preemptions) > 0);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct asked slices = {.by_name = true};
        config.policy_user_data = &slices;
        struct logs *told_logs = logs_made(true);
        struct outcome *told = lived(&config, workload, seed, told_logs);
        assert_same_logs(told_logs, logs);
        logs_free(told_logs);
        assert_int_equal(slices.calls, whole.calls);
        assert_int_equal(slices.hash, whole.hash);
        if (seed != 3) {
            assert_doubles_equal(told->parts, expected->parts, PARTS * REQUESTS);
        }
        assert_doubles_equal(told->end_time, expected->end_time, REQUESTS);
        assert_memory_equal(told->preemptions, expected->preemptions, sizeof told->preemptions);
        assert_memory_equal(told->completion_order, expected->completion_order, sizeof told->completion_order);
        free(told);
    }
    free(expected);
    logs_free(logs);
    workload_free(workload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_of_arrival),     cmocka_unit_test(asynchronously),
        cmocka_unit_test(with_preemptions),        cmocka_unit_test(the_shortest_first),
        cmocka_unit_test(with_prefix_caching),     cmocka_unit_test(with_rejections),
        cmocka_unit_test(with_the_other_policies), cmocka_unit_test(with_a_policy_of_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
