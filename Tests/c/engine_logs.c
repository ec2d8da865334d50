/* The two logs of a run: every row of a case worked out by hand, whole, cut off, and in pieces. */
#include "engine_support.h"

enum { ROWS = 32 };

struct logs {
    batching_iteration_log iterations;
    batching_decision_log decisions;
    double time[ROWS], start_time[ROWS], duration[ROWS];
    int64_t running[ROWS], waiting[ROWS], prefill_tokens[ROWS], decode_tokens[ROWS], kv_blocks_used[ROWS],
        kv_blocks_kept[ROWS], preemptions[ROWS], finished[ROWS];
    int64_t iteration[ROWS], request[ROWS];
    int32_t event[ROWS], tokens[ROWS];
};

/* Every column wanted, and the engine told to fill them. */
static void logs_init(struct logs *logs, struct engine *engine) {
    memset(logs, UNTOUCHED, sizeof *logs);
    assert_succeeds(batching_iteration_log_init(&logs->iterations, sizeof logs->iterations));
    assert_succeeds(batching_decision_log_init(&logs->decisions, sizeof logs->decisions));
    logs->iterations.capacity = logs->decisions.capacity = ROWS;
    logs->iterations.time = logs->time;
    logs->iterations.start_time = logs->start_time;
    logs->iterations.duration = logs->duration;
    logs->iterations.running = logs->running;
    logs->iterations.waiting = logs->waiting;
    logs->iterations.prefill_tokens = logs->prefill_tokens;
    logs->iterations.decode_tokens = logs->decode_tokens;
    logs->iterations.kv_blocks_used = logs->kv_blocks_used;
    logs->iterations.kv_blocks_kept = logs->kv_blocks_kept;
    logs->iterations.preemptions = logs->preemptions;
    logs->iterations.finished = logs->finished;
    logs->decisions.iteration = logs->iteration;
    logs->decisions.request = logs->request;
    logs->decisions.event = logs->event;
    logs->decisions.tokens = logs->tokens;
    engine->config.iteration_log = &logs->iterations;
    engine->config.decision_log = &logs->decisions;
}

/* A row of the log of decisions: iteration, request, event, tokens. */
struct decision {
    int64_t iteration, request;
    int32_t event, tokens;
};

#define ADMITTED  BATCHING_EVENT_ADMITTED
#define RESUMED   BATCHING_EVENT_RESUMED
#define PREEMPTED BATCHING_EVENT_PREEMPTED
#define SCHEDULED BATCHING_EVENT_SCHEDULED
#define FINISHED  BATCHING_EVENT_FINISHED
#define REJECTED  BATCHING_EVENT_REJECTED
#define RUNNING   BATCHING_EVENT_RUNNING
#define WAITING   BATCHING_EVENT_WAITING

/* What engine_init_short_of_memory does, as the comment there says. */
enum { SHORT_OF_MEMORY_ITERATIONS = 6, SHORT_OF_MEMORY_DECISIONS = 14 };
static const struct decision SHORT_OF_MEMORY[SHORT_OF_MEMORY_DECISIONS] = {
    {0, 0, ADMITTED, 0},  {0, 0, SCHEDULED, 3}, {0, 1, ADMITTED, 0},  {0, 1, SCHEDULED, 3}, {1, 0, SCHEDULED, 1},
    {1, 1, SCHEDULED, 1}, {2, 1, PREEMPTED, 0}, {2, 0, SCHEDULED, 1}, {3, 0, SCHEDULED, 1}, {3, 0, FINISHED, 4},
    {4, 1, RESUMED, 0},   {4, 1, SCHEDULED, 5}, {5, 1, SCHEDULED, 1}, {5, 1, FINISHED, 4},
};

static void assert_decisions(const struct logs *logs, const struct decision *expected, int64_t count) {
    for (int64_t row = 0; row < count; row++) {
        struct decision actual = {logs->iteration[row], logs->request[row], logs->event[row], logs->tokens[row]};
        if (memcmp(&actual, &expected[row], sizeof actual) != 0) {
            fail_msg("row %lld is (%lld, %lld, %d, %d), expected (%lld, %lld, %d, %d)", (long long)row,
                     (long long)actual.iteration, (long long)actual.request, actual.event, actual.tokens,
                     (long long)expected[row].iteration, (long long)expected[row].request, expected[row].event,
                     expected[row].tokens);
        }
    }
}

static void each_iteration_has_its_row(void **state) {
    (void)state;
    struct engine engine;
    struct logs logs;
    engine_init_short_of_memory(&engine);
    logs_init(&logs, &engine);
    engine_run(&engine);
    assert_int_equal(logs.iterations.count, SHORT_OF_MEMORY_ITERATIONS);
    assert_times(logs.time, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0);
    assert_times(logs.start_time, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0);
    assert_times(logs.duration, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0);
    assert_integers(logs.running, 2, 2, 1, 1, 1, 1);
    assert_integers(logs.waiting, 0, 0, 1, 1, 0, 0);
    assert_integers(logs.prefill_tokens, 6, 0, 0, 0, 5, 0);
    assert_integers(logs.decode_tokens, 0, 2, 1, 1, 0, 1);
    assert_integers(logs.kv_blocks_used, 4, 4, 3, 3, 3, 3);
    assert_integers(logs.kv_blocks_kept, 4, 4, 3, 0, 3, 0);
    assert_integers(logs.preemptions, 0, 0, 1, 0, 0, 0);
    assert_integers(logs.finished, 0, 0, 0, 1, 0, 1);
    /* Rows behind the last are not the library's. */
    assert_memory_equal(&logs.finished[SHORT_OF_MEMORY_ITERATIONS], &logs.finished[ROWS - 1], sizeof(int64_t));
}

static void each_decision_has_its_row(void **state) {
    (void)state;
    struct engine engine;
    struct logs logs;
    engine_init_short_of_memory(&engine);
    logs_init(&logs, &engine);
    engine_run(&engine);
    assert_int_equal(logs.decisions.count, SHORT_OF_MEMORY_DECISIONS);
    assert_decisions(&logs, SHORT_OF_MEMORY, SHORT_OF_MEMORY_DECISIONS);
}

static void the_queues_follow_what_was_scheduled(void **state) {
    (void)state;
    struct engine engine;
    struct logs logs;
    engine_init_short_of_memory(&engine);
    logs_init(&logs, &engine);
    logs.decisions.include_queues = 1;
    engine_run(&engine);
    const struct decision expected[] = {
        {0, 0, ADMITTED, 0},  {0, 0, SCHEDULED, 3}, {0, 1, ADMITTED, 0},  {0, 1, SCHEDULED, 3}, {0, 0, RUNNING, 0},
        {0, 1, RUNNING, 0},   {1, 0, SCHEDULED, 1}, {1, 1, SCHEDULED, 1}, {1, 0, RUNNING, 0},   {1, 1, RUNNING, 0},
        {2, 1, PREEMPTED, 0}, {2, 0, SCHEDULED, 1}, {2, 0, RUNNING, 0},   {2, 1, WAITING, 0},   {3, 0, SCHEDULED, 1},
        {3, 0, RUNNING, 0},   {3, 1, WAITING, 0},   {3, 0, FINISHED, 4},  {4, 1, RESUMED, 0},   {4, 1, SCHEDULED, 5},
        {4, 1, RUNNING, 0},   {5, 1, SCHEDULED, 1}, {5, 1, RUNNING, 0},   {5, 1, FINISHED, 4},
    };
    assert_int_equal(logs.decisions.count, sizeof expected / sizeof *expected);
    assert_decisions(&logs, expected, sizeof expected / sizeof *expected);
}

static void the_waiting_are_listed_as_they_would_be_admitted(void **state) {
    (void)state;
    /* One runs; of the others the shortest output comes first, and of equals the first to arrive. */
    struct engine engine;
    struct logs logs;
    engine_init(&engine, 4);
    engine.config.queue_order = BATCHING_QUEUE_SHORTEST_OUTPUT;
    engine.config.max_num_seqs = 1;
    engine.config.iteration_limit = 1;
    engine.requests.output_length = LENGTHS(3, 1, 2, 2);
    logs_init(&logs, &engine);
    logs.decisions.include_queues = 1;
    engine_run(&engine);
    const struct decision expected[] = {{0, 1, ADMITTED, 0}, {0, 1, SCHEDULED, 1}, {0, 1, RUNNING, 0},
                                        {0, 2, WAITING, 0},  {0, 3, WAITING, 0},   {0, 0, WAITING, 0},
                                        {0, 1, FINISHED, 1}};
    assert_int_equal(logs.decisions.count, sizeof expected / sizeof *expected);
    assert_decisions(&logs, expected, sizeof expected / sizeof *expected);
}

static void a_rejection_is_told_with_the_next_iteration(void **state) {
    (void)state;
    /* Request 1 comes during iteration 0 and request 2 when there is no other: both too long for the model. */
    struct engine engine;
    struct logs logs;
    engine_init(&engine, 3);
    engine.config.max_model_len = 5;
    engine.requests.prompt_length = LENGTHS(1, 5, 6);
    engine.requests.arrival_time = TIMES(0.0, 0.5, 9.0);
    logs_init(&logs, &engine);
    engine_run(&engine);
    const struct decision expected[] = {
        {0, 0, ADMITTED, 0}, {0, 0, SCHEDULED, 1}, {0, 0, FINISHED, 1}, {1, 1, REJECTED, 0}, {1, 2, REJECTED, 0}};
    assert_int_equal(logs.decisions.count, sizeof expected / sizeof *expected);
    assert_decisions(&logs, expected, sizeof expected / sizeof *expected);
    assert_int_equal(logs.iterations.count, 1);
}

static void an_admission_tells_what_was_found_in_the_cache(void **state) {
    (void)state;
    struct engine engine;
    struct logs logs;
    engine_init(&engine, 2);
    engine.config.num_gpu_blocks = 100;
    engine.config.block_size = 2;
    engine.config.enable_prefix_caching = 1;
    engine.requests.prompt_length = LENGTHS(5, 5);
    engine.requests.arrival_time = TIMES(0.0, 10.0);
    engine.requests.hash_ids = IDS(10, 11, 12, 10, 11, 13);
    engine.requests.hash_offsets = IDS(0, 3, 6);
    logs_init(&logs, &engine);
    engine_run(&engine);
    const struct decision expected[] = {{0, 0, ADMITTED, 0}, {0, 0, SCHEDULED, 5}, {0, 0, FINISHED, 1},
                                        {1, 1, ADMITTED, 4}, {1, 1, SCHEDULED, 1}, {1, 1, FINISHED, 1}};
    assert_int_equal(logs.decisions.count, sizeof expected / sizeof *expected);
    assert_decisions(&logs, expected, sizeof expected / sizeof *expected);
}

static void asynchronously_an_iteration_starts_when_the_one_before_ends(void **state) {
    (void)state;
    /*
     * Iteration 0 prefills. Iteration 1 is scheduled at once behind it, and 2 when the output of 0 is known, while 1
     * runs, which gives the last token: 2 is empty.
     */
    struct engine engine;
    struct logs logs;
    engine_init(&engine, 1);
    engine.config.async_scheduling = 1;
    engine.requests.output_length = LENGTHS(2);
    logs_init(&logs, &engine);
    engine_run(&engine);
    assert_int_equal(logs.iterations.count, 3);
    assert_times(logs.time, 0.0, 0.0, 1.0);
    assert_times(logs.start_time, 0.0, 1.0, 2.0);
    assert_times(logs.duration, 1.0, 1.0, 0.0);
    assert_integers(logs.finished, 0, 1, 0);
    assert_integers(logs.running, 1, 1, 1);
}

static void rows_beyond_the_capacity_are_counted_but_not_kept(void **state) {
    (void)state;
    struct engine engine;
    struct logs logs;
    for (int64_t capacity = 0; capacity <= SHORT_OF_MEMORY_DECISIONS; capacity++) {
        engine_init_short_of_memory(&engine);
        logs_init(&logs, &engine);
        logs.iterations.capacity = logs.decisions.capacity = capacity;
        engine_run(&engine);
        assert_int_equal(logs.iterations.count, SHORT_OF_MEMORY_ITERATIONS);
        assert_int_equal(logs.decisions.count, SHORT_OF_MEMORY_DECISIONS);
        assert_decisions(&logs, SHORT_OF_MEMORY, capacity);
        assert_int_equal(logs.iterations.capacity, capacity);
        /* Beyond it nothing was written. */
        struct logs untouched;
        memset(&untouched, UNTOUCHED, sizeof untouched);
        assert_memory_equal(&logs.request[capacity], untouched.request, sizeof(int64_t));
        assert_memory_equal(&logs.tokens[capacity], untouched.tokens, sizeof(int32_t));
        if (capacity <= SHORT_OF_MEMORY_ITERATIONS) {
            assert_memory_equal(&logs.time[capacity], untouched.time, sizeof(double));
            assert_memory_equal(&logs.finished[capacity], untouched.finished, sizeof(int64_t));
        }
    }
}

static void columns_of_logs_may_be_left_out(void **state) {
    (void)state;
    struct engine engine;
    engine_init_short_of_memory(&engine);
    INITIALIZED(batching_iteration_log, iterations);
    INITIALIZED(batching_decision_log, decisions);
    iterations.capacity = decisions.capacity = INT64_MAX;
    engine.config.iteration_log = &iterations;
    engine.config.decision_log = &decisions;
    engine_run(&engine);
    assert_int_equal(iterations.count, SHORT_OF_MEMORY_ITERATIONS);
    assert_int_equal(decisions.count, SHORT_OF_MEMORY_DECISIONS);
    /* One alone is filled as beside the others. */
    int64_t request[SHORT_OF_MEMORY_DECISIONS];
    decisions.capacity = SHORT_OF_MEMORY_DECISIONS;
    decisions.request = request;
    engine_run(&engine);
    for (int row = 0; row < SHORT_OF_MEMORY_DECISIONS; row++) {
        assert_int_equal(request[row], SHORT_OF_MEMORY[row].request);
    }
}

/* What passed through the columns of the two logs. */
struct collected {
    const struct logs *logs;
    struct decision decisions[ROWS];
    int64_t decision_count, decision_calls;
    double time[ROWS];
    int64_t finished[ROWS];
    int64_t iteration_count, iteration_calls;
    int64_t stop_at_call;
};

static int32_t collect_decisions(int64_t row_count, void *user_data) {
    struct collected *collected = user_data;
    const struct logs *logs = collected->logs;
    assert_in_range(row_count, 1, logs->decisions.capacity);
    for (int64_t row = 0; row < row_count; row++) {
        collected->decisions[collected->decision_count++] =
            (struct decision){logs->iteration[row], logs->request[row], logs->event[row], logs->tokens[row]};
    }
    collected->decision_calls++;
    return collected->decision_calls == collected->stop_at_call ? 17 : 0;
}

static int32_t collect_iterations(int64_t row_count, void *user_data) {
    struct collected *collected = user_data;
    const struct logs *logs = collected->logs;
    assert_in_range(row_count, 1, logs->iterations.capacity);
    for (int64_t row = 0; row < row_count; row++) {
        collected->time[collected->iteration_count] = logs->time[row];
        collected->finished[collected->iteration_count++] = logs->finished[row];
    }
    collected->iteration_calls++;
    return collected->iteration_calls == collected->stop_at_call ? INT32_MIN : 0;
}

static void a_callback_gets_all_rows_in_pieces(void **state) {
    (void)state;
    for (int64_t capacity = 1; capacity <= SHORT_OF_MEMORY_DECISIONS + 1; capacity++) {
        struct engine engine;
        struct logs logs;
        struct collected collected = {.logs = &logs};
        engine_init_short_of_memory(&engine);
        logs_init(&logs, &engine);
        logs.iterations.capacity = logs.decisions.capacity = capacity;
        logs.iterations.callback = collect_iterations;
        logs.decisions.callback = collect_decisions;
        logs.iterations.user_data = logs.decisions.user_data = &collected;
        engine_run(&engine);
        assert_int_equal(logs.iterations.count, SHORT_OF_MEMORY_ITERATIONS);
        assert_int_equal(logs.decisions.count, SHORT_OF_MEMORY_DECISIONS);
        /* Full columns, and once for the rest if there is one. */
        assert_int_equal(collected.iteration_calls, (SHORT_OF_MEMORY_ITERATIONS + capacity - 1) / capacity);
        assert_int_equal(collected.decision_calls, (SHORT_OF_MEMORY_DECISIONS + capacity - 1) / capacity);
        assert_int_equal(collected.decision_count, SHORT_OF_MEMORY_DECISIONS);
        assert_memory_equal(collected.decisions, SHORT_OF_MEMORY, sizeof SHORT_OF_MEMORY);
        assert_times(collected.time, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0);
        assert_integers(collected.finished, 0, 0, 0, 1, 0, 1);
    }
}

static void without_rows_a_callback_is_not_called(void **state) {
    (void)state;
    struct engine engine;
    struct logs logs;
    struct collected collected = {.logs = &logs};
    engine_init(&engine, 0);
    logs_init(&logs, &engine);
    logs.iterations.callback = collect_iterations;
    logs.decisions.callback = collect_decisions;
    logs.iterations.user_data = logs.decisions.user_data = &collected;
    engine_run(&engine);
    assert_int_equal(logs.iterations.count, 0);
    assert_int_equal(logs.decisions.count, 0);
    assert_int_equal(collected.iteration_calls + collected.decision_calls, 0);
}

static void a_log_callback_stops_the_run(void **state) {
    (void)state;
    /* In the middle, where the columns are full, and at the end, with the rest: 14 = 2 x 5 + 4 rows, 6 = 5 + 1. */
    for (int64_t stop_at_call = 1; stop_at_call <= 3; stop_at_call++) {
        struct engine engine;
        struct logs logs;
        struct collected collected = {.logs = &logs, .stop_at_call = stop_at_call};
        engine_init_short_of_memory(&engine);
        logs_init(&logs, &engine);
        logs.iterations.capacity = logs.decisions.capacity = 5;
        logs.decisions.callback = collect_decisions;
        logs.decisions.user_data = &collected;
        batching_summary before = engine.summary;
        assert_fails(batching_simulate(&engine.config, &engine.requests, &engine.results, &engine.summary),
                     BATCHING_ERROR_CANCELLED, "decision log returned 17");
        assert_int_equal(collected.decision_calls, stop_at_call);
        assert_memory_equal(&engine.summary, &before, sizeof before);
        if (stop_at_call > 2) {
            continue;
        }
        logs.decisions.callback = NULL;
        logs.iterations.callback = collect_iterations;
        logs.iterations.user_data = &collected;
        assert_fails(batching_simulate(&engine.config, &engine.requests, &engine.results, &engine.summary),
                     BATCHING_ERROR_CANCELLED, "iteration log returned -2147483648");
        assert_int_equal(collected.iteration_calls, stop_at_call);
        assert_memory_equal(&engine.summary, &before, sizeof before);
    }
}

static void a_log_changes_nothing_but_itself(void **state) {
    (void)state;
    struct engine plain, logged;
    struct logs logs;
    engine_init_short_of_memory(&plain);
    engine_run(&plain);
    engine_init_short_of_memory(&logged);
    logs_init(&logs, &logged);
    logs.decisions.include_queues = 1;
    engine_run(&logged);
    assert_memory_equal(&logged.summary, &plain.summary, sizeof plain.summary);
    assert_memory_equal(logged.start_time, plain.start_time, sizeof plain - offsetof(struct engine, start_time));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_iteration_has_its_row),
        cmocka_unit_test(each_decision_has_its_row),
        cmocka_unit_test(the_queues_follow_what_was_scheduled),
        cmocka_unit_test(the_waiting_are_listed_as_they_would_be_admitted),
        cmocka_unit_test(a_rejection_is_told_with_the_next_iteration),
        cmocka_unit_test(an_admission_tells_what_was_found_in_the_cache),
        cmocka_unit_test(asynchronously_an_iteration_starts_when_the_one_before_ends),
        cmocka_unit_test(rows_beyond_the_capacity_are_counted_but_not_kept),
        cmocka_unit_test(columns_of_logs_may_be_left_out),
        cmocka_unit_test(a_callback_gets_all_rows_in_pieces),
        cmocka_unit_test(without_rows_a_callback_is_not_called),
        cmocka_unit_test(a_log_callback_stops_the_run),
        cmocka_unit_test(a_log_changes_nothing_but_itself),
    };
    return cmocka_run_group_tests_name("engine_logs", tests, NULL, NULL);
}
