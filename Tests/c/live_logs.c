/* The logs of a live engine, call by call: a case worked out by hand, logs that are too small, and calls that fail. That
 * they are those of one run is tested with many requests in live_slices.c. */
#include "engine_support.h"

enum { ROWS = 32 };

struct logs {
    batching_iteration_log iterations;
    batching_decision_log decisions;
    double time[ROWS];
    int64_t finished[ROWS], iteration[ROWS], request[ROWS];
    int32_t event[ROWS], tokens[ROWS];
};

static void logs_init(struct logs *logs) {
    memset(logs, UNTOUCHED, sizeof *logs);
    assert_succeeds(batching_iteration_log_init(&logs->iterations, sizeof logs->iterations));
    assert_succeeds(batching_decision_log_init(&logs->decisions, sizeof logs->decisions));
    logs->iterations.capacity = logs->decisions.capacity = ROWS;
    logs->iterations.count = logs->decisions.count = -7;
    logs->iterations.time = logs->time;
    logs->iterations.finished = logs->finished;
    logs->decisions.iteration = logs->iteration;
    logs->decisions.request = logs->request;
    logs->decisions.event = logs->event;
    logs->decisions.tokens = logs->tokens;
}

/* What two slots do in iterations of a second with requests 70 and -71, of one token of prompt, and of three and two to
 * generate: 70 arrives at 0.0, -71 at 0.5. */
static batching_live_engine *two_requests(batching_engine_config config) {
    config.max_num_seqs = 2;
    if (config.time_model == BATCHING_TIME_DEFAULT) {
        config.time_model = BATCHING_TIME_CONSTANT;
        config.time_base = 1.0;
    }
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.prompt_length = LENGTHS(1, 1);
    requests.output_length = LENGTHS(3, 2);
    requests.arrival_time = TIMES(0.0, 0.5);
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_create(&config, &engine));
    assert_succeeds(batching_live_engine_submit(engine, &requests, IDS(70, -71)));
    return engine;
}

static batching_engine_config plain(void) {
    INITIALIZED(batching_engine_config, config);
    return config;
}

/* A row of the log of decisions: iteration, request, event, tokens. */
struct decision {
    int64_t iteration, request;
    int32_t event, tokens;
};

#define ADMITTED  BATCHING_EVENT_ADMITTED
#define SCHEDULED BATCHING_EVENT_SCHEDULED
#define FINISHED  BATCHING_EVENT_FINISHED
#define ABORTED   BATCHING_EVENT_ABORTED

enum { ITERATIONS = 3, DECISIONS = 9 };
static const struct decision TWO_REQUESTS[DECISIONS] = {
    {0, 70, ADMITTED, 0},  {0, 70, SCHEDULED, 1},  {1, 70, SCHEDULED, 1}, {1, -71, ADMITTED, 0}, {1, -71, SCHEDULED, 1},
    {2, 70, SCHEDULED, 1}, {2, -71, SCHEDULED, 1}, {2, 70, FINISHED, 3},  {2, -71, FINISHED, 2},
};

static void assert_decisions(const struct logs *logs, int64_t first, int64_t count) {
    assert_int_equal(logs->decisions.count, count);
    for (int64_t row = 0; row < count && row < logs->decisions.capacity; row++) {
        const struct decision told = {logs->iteration[row], logs->request[row], logs->event[row], logs->tokens[row]};
        assert_memory_equal(&told, &TWO_REQUESTS[first + row], sizeof told);
    }
}

static void an_iteration_is_told_as_it_ends(void **state) {
    (void)state;
    batching_live_engine *engine = two_requests(plain());
    struct logs logs;
    logs_init(&logs);
    /* The first iteration is under way. */
    assert_succeeds(batching_live_engine_advance_logged(engine, 0.75, 0, &logs.iterations, &logs.decisions));
    assert_int_equal(logs.iterations.count, 0);
    assert_decisions(&logs, 0, 2);
    /* Nothing is told twice, and nothing happens where the clock is. */
    assert_succeeds(batching_live_engine_advance_logged(engine, 0.5, 0, &logs.iterations, &logs.decisions));
    assert_int_equal(logs.iterations.count, 0);
    assert_int_equal(logs.decisions.count, 0);
    assert_succeeds(batching_live_engine_advance_logged(engine, 2.25, 0, &logs.iterations, &logs.decisions));
    assert_int_equal(logs.iterations.count, 2);
    assert_times(logs.time, 0.0, 1.0);
    assert_integers(logs.finished, 0, 0);
    assert_decisions(&logs, 2, 5);
    /* Each alone. */
    batching_live_engine *copy = NULL;
    assert_succeeds(batching_live_engine_fork(engine, &copy));
    assert_succeeds(batching_live_engine_advance_logged(engine, INFINITY, 0, &logs.iterations, NULL));
    assert_int_equal(logs.iterations.count, 1);
    assert_times(logs.time, 2.0);
    assert_integers(logs.finished, 2);
    assert_int_equal(logs.decisions.count, 5);
    assert_succeeds(batching_live_engine_advance_logged(copy, INFINITY, 0, NULL, &logs.decisions));
    assert_decisions(&logs, 7, 2);
    assert_int_equal(logs.iterations.count, 1);
    assert_succeeds(batching_live_engine_advance_logged(engine, INFINITY, 0, NULL, NULL));
    assert_succeeds(batching_live_engine_destroy(engine));
    assert_succeeds(batching_live_engine_destroy(copy));
}

static void rows_beyond_the_capacity_are_counted_but_not_kept(void **state) {
    (void)state;
    for (int64_t capacity = 0; capacity <= DECISIONS; capacity++) {
        batching_live_engine *engine = two_requests(plain());
        struct logs logs;
        logs_init(&logs);
        logs.iterations.capacity = logs.decisions.capacity = capacity;
        assert_succeeds(batching_live_engine_advance_logged(engine, INFINITY, 0, &logs.iterations, &logs.decisions));
        assert_int_equal(logs.iterations.count, ITERATIONS);
        assert_decisions(&logs, 0, DECISIONS);
        struct logs untouched;
        memset(&untouched, UNTOUCHED, sizeof untouched);
        assert_memory_equal(&logs.request[capacity], untouched.request, sizeof(int64_t));
        assert_succeeds(batching_live_engine_destroy(engine));
    }
}

/* What passed through the columns. */
struct collected {
    struct logs *logs;
    struct decision decisions[ROWS];
    int64_t count, calls, stop_at_call;
};

static int32_t collect(int64_t row_count, void *user_data) {
    struct collected *collected = user_data;
    const struct logs *logs = collected->logs;
    assert_in_range(row_count, 1, logs->decisions.capacity);
    for (int64_t row = 0; row < row_count; row++) {
        collected->decisions[collected->count++] =
            (struct decision){logs->iteration[row], logs->request[row], logs->event[row], logs->tokens[row]};
    }
    return ++collected->calls == collected->stop_at_call ? 17 : 0;
}

static void collect_into(struct collected *collected, struct logs *logs, int64_t capacity) {
    logs_init(logs);
    *collected = (struct collected){.logs = logs};
    logs->decisions.capacity = capacity;
    logs->decisions.callback = collect;
    logs->decisions.user_data = collected;
}

static void a_callback_gets_the_rows_of_each_call_in_pieces(void **state) {
    (void)state;
    for (int64_t capacity = 1; capacity <= DECISIONS + 1; capacity++) {
        batching_live_engine *engine = two_requests(plain());
        struct logs logs;
        struct collected collected;
        collect_into(&collected, &logs, capacity);
        assert_succeeds(batching_live_engine_advance_logged(engine, 0.75, 0, NULL, &logs.decisions));
        assert_int_equal(collected.calls, (2 + capacity - 1) / capacity);
        assert_succeeds(batching_live_engine_advance_logged(engine, INFINITY, 0, NULL, &logs.decisions));
        assert_int_equal(logs.decisions.count, DECISIONS - 2);
        assert_int_equal(collected.count, DECISIONS);
        assert_memory_equal(collected.decisions, TWO_REQUESTS, sizeof TWO_REQUESTS);
        assert_succeeds(batching_live_engine_destroy(engine));
    }
}

static void the_callback_of_a_log_ends_the_engine(void **state) {
    (void)state;
    static const char sentence[] = "the callback of the decision log returned 17: the run was stopped";
    /* Within an iteration, and at the end of the call. */
    for (int64_t stop = 1; stop <= 2; stop++) {
        batching_live_engine *engine = two_requests(plain());
        struct logs logs;
        struct collected collected;
        collect_into(&collected, &logs, 5);
        collected.stop_at_call = stop;
        assert_fails(batching_live_engine_advance_logged(engine, INFINITY, 0, NULL, &logs.decisions),
                     BATCHING_ERROR_CANCELLED, sentence);
        assert_int_equal(collected.calls, stop);
        assert_memory_equal(collected.decisions, TWO_REQUESTS, (size_t)collected.count * sizeof *TWO_REQUESTS);
        INITIALIZED(batching_live_engine_state, now);
        INITIALIZED(batching_live_engine_events, events);
        assert_succeeds(batching_live_engine_observe(engine, &now));
        assert_succeeds(batching_live_engine_poll(engine, &events));
        assert_fails(batching_live_engine_advance(engine, 9.0, 0), BATCHING_ERROR_CANCELLED, sentence);
        assert_fails(batching_live_engine_advance_logged(engine, 9.0, 0, NULL, &logs.decisions),
                     BATCHING_ERROR_CANCELLED, sentence);
        assert_int_equal(logs.decisions.count, 0);
        assert_succeeds(batching_live_engine_destroy(engine));
    }
}

/* Answers a second, but for what it is asked third. */
static int32_t answer_but_once(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration;
    int *asked = user_data;
    *seconds = 1.0;
    return ++*asked == 3;
}

static void a_call_that_stops_on_its_way_has_told_what_happened(void **state) {
    (void)state;
    for (int pieces = 0; pieces < 2; pieces++) {
        int asked = 0;
        batching_engine_config config = plain();
        config.time_model = BATCHING_TIME_CALLBACK;
        config.time_callback = answer_but_once;
        config.time_user_data = &asked;
        batching_live_engine *engine = two_requests(config);
        struct logs logs;
        struct collected collected;
        collect_into(&collected, &logs, ROWS);
        logs.decisions.callback = pieces ? collect : NULL;
        assert_fails(batching_live_engine_advance_logged(engine, INFINITY, 0, &logs.iterations, &logs.decisions),
                     BATCHING_ERROR_CANCELLED, "time_callback returned 1");
        assert_int_equal(logs.iterations.count, 2);
        assert_times(logs.time, 0.0, 1.0);
        assert_decisions(&logs, 0, 7);
        /* And nothing of it again. */
        assert_succeeds(batching_live_engine_advance_logged(engine, INFINITY, 0, &logs.iterations, &logs.decisions));
        assert_int_equal(logs.iterations.count, 1);
        assert_times(logs.time, 2.0);
        assert_decisions(&logs, 7, 2);
        assert_int_equal(collected.count, pieces ? DECISIONS : 0);
        assert_succeeds(batching_live_engine_destroy(engine));
    }
}

static void a_waiting_request_leaves_without_a_row(void **state) {
    (void)state;
    batching_engine_config config = plain();
    batching_live_engine *engine = two_requests(config);
    struct logs logs;
    logs_init(&logs);
    assert_succeeds(batching_live_engine_advance(engine, 0.75, 0));
    assert_succeeds(batching_live_engine_abort(engine, -71));
    assert_succeeds(batching_live_engine_abort(engine, 70));
    assert_succeeds(batching_live_engine_advance_logged(engine, INFINITY, 0, NULL, &logs.decisions));
    /* The one that runs leaves as the iteration is over. */
    assert_int_equal(logs.decisions.count, 1);
    assert_int_equal(logs.request[0], 70);
    assert_int_equal(logs.event[0], ABORTED);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void logs_that_are_not_understood(void **state) {
    (void)state;
    batching_live_engine *engine = two_requests(plain());
    struct logs logs, before;
#define REFUSED(field, value, status, sentence)                                                                        \
    do {                                                                                                               \
        logs_init(&logs);                                                                                              \
        logs.field = (value);                                                                                          \
        before = logs;                                                                                                 \
        assert_fails(batching_live_engine_advance_logged(engine, 9.0, 0, &logs.iterations, &logs.decisions), status,   \
                     sentence);                                                                                        \
    } while (0)
    REFUSED(iterations.struct_size, 8, BATCHING_ERROR_STRUCT_SIZE, "iteration_log.struct_size is 8");
    assert_memory_equal(&logs, &before, sizeof logs);
    REFUSED(decisions.struct_size, 8, BATCHING_ERROR_STRUCT_SIZE, "decision_log.struct_size is 8");
    assert_memory_equal(&logs, &before, sizeof logs);
    REFUSED(decisions.reserved_2, 1, BATCHING_ERROR_INVALID_ARGUMENT, "decision_log.reserved_2 is 1");
    REFUSED(decisions.include_queues, 2, BATCHING_ERROR_INVALID_ARGUMENT, "include_queues is 2: must be 0 or 1");
    assert_memory_equal(&logs, &before, sizeof logs);
    REFUSED(iterations.capacity, -1, BATCHING_ERROR_INVALID_ARGUMENT, "iteration_log.capacity is -1");
    assert_int_equal(logs.iterations.count, 0);
    logs_init(&logs);
    logs.decisions.capacity = 0;
    logs.decisions.callback = collect;
    assert_fails(batching_live_engine_advance_logged(engine, 9.0, 0, NULL, &logs.decisions),
                 BATCHING_ERROR_INVALID_ARGUMENT, "decision_log.capacity is 0: must be at least 1 with a callback");
    logs.decisions.callback = NULL;
    assert_fails(batching_live_engine_advance_logged(engine, NAN, 0, NULL, &logs.decisions),
                 BATCHING_ERROR_INVALID_ARGUMENT, "time is nan");
    assert_fails(batching_live_engine_advance_logged(engine, 9.0, -1, NULL, &logs.decisions),
                 BATCHING_ERROR_INVALID_ARGUMENT, "iterations is -1");
    assert_int_equal(logs.decisions.count, 0);
    assert_fails(batching_live_engine_advance_logged(NULL, 9.0, 0, NULL, NULL), BATCHING_ERROR_NULL_POINTER,
                 "engine is NULL");
    INITIALIZED(batching_live_engine_state, now);
    assert_succeeds(batching_live_engine_observe(engine, &now));
    assert_double_equal(now.clock, 0.0);
    assert_succeeds(batching_live_engine_destroy(engine));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_iteration_is_told_as_it_ends),
        cmocka_unit_test(rows_beyond_the_capacity_are_counted_but_not_kept),
        cmocka_unit_test(a_callback_gets_the_rows_of_each_call_in_pieces),
        cmocka_unit_test(the_callback_of_a_log_ends_the_engine),
        cmocka_unit_test(a_call_that_stops_on_its_way_has_told_what_happened),
        cmocka_unit_test(a_waiting_request_leaves_without_a_row),
        cmocka_unit_test(logs_that_are_not_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
