/* Live engines: worked by hand, what a host can do with them, their errors, and one call at a time. */
#include <pthread.h>

#include "engine_support.h"

enum { MOST_EVENTS = 32 };

static batching_live_engine *created(const batching_engine_config *config) {
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_create(config, &engine));
    assert_non_null(engine);
    return engine;
}

/* Two slots, 99 KV blocks of 16 tokens that can be used; an iteration takes a quarter of a second. */
static batching_engine_config two_slots(void) {
    INITIALIZED(batching_engine_config, config);
    config.max_num_seqs = 2;
    config.num_gpu_blocks = 100;
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 0.25;
    return config;
}

/*
 * Three requests at 0, of 10 prompt and 10, 4 and 5 output tokens, for two slots:
 *
 *   0.0   0 and 1 are admitted, and have their first token at 0.25 and their fourth at 1.0, when 1 is done.
 *   1.0   2 is admitted, and has its first token at 1.25 and its fifth at 2.25.
 *   2.5   0 has its tenth.
 */
static void submit_lesson(batching_live_engine *engine) {
    INITIALIZED(batching_requests, requests);
    requests.count = 3;
    requests.prompt_length = LENGTHS(10, 10, 10);
    requests.output_length = LENGTHS(10, 4, 5);
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
}

static batching_live_engine *lesson(void) {
    const batching_engine_config config = two_slots();
    batching_live_engine *engine = created(&config);
    submit_lesson(engine);
    return engine;
}

static batching_requests one_request(const int32_t *prompt_length, const int32_t *output_length,
                                     const double *arrival_time) {
    INITIALIZED(batching_requests, requests);
    requests.count = 1;
    requests.prompt_length = prompt_length;
    requests.output_length = output_length;
    requests.arrival_time = arrival_time;
    return requests;
}

static batching_live_engine_state state_of(batching_live_engine *engine) {
    INITIALIZED(batching_live_engine_state, now);
    assert_succeeds(batching_live_engine_observe(engine, &now));
    return now;
}

static void assert_same_state(const batching_live_engine_state *one, const batching_live_engine_state *other) {
    assert_memory_equal(one, other, sizeof *one);
}

/* One row of what an engine tells. */
struct told {
    double time;
    int64_t request;
    int32_t event;
    int32_t tokens;
};

static void assert_tells_rows(batching_live_engine *engine, const struct told *expected, int64_t count) {
    double time[MOST_EVENTS];
    int64_t request[MOST_EVENTS];
    int32_t event[MOST_EVENTS], tokens[MOST_EVENTS];
    INITIALIZED(batching_live_engine_events, events);
    events.capacity = MOST_EVENTS;
    events.time = time;
    events.request = request;
    events.event = event;
    events.tokens = tokens;
    assert_succeeds(batching_live_engine_poll(engine, &events));
    for (int64_t row = 0; row < events.count && row < count; row++) {
        assert_double_equal(time[row], expected[row].time);
        assert_int_equal(request[row], expected[row].request);
        assert_int_equal(event[row], expected[row].event);
        assert_int_equal(tokens[row], expected[row].tokens);
    }
    assert_int_equal(events.count, count);
    assert_int_equal(events.remaining, 0);
}

#define ADMITTED    BATCHING_EVENT_ADMITTED
#define FIRST_TOKEN BATCHING_EVENT_FIRST_TOKEN
#define FINISHED    BATCHING_EVENT_FINISHED
#define ABORTED     BATCHING_EVENT_ABORTED

/* All that it has to tell: rows of time, request, event and tokens. */
#define assert_tells(engine, ...)                                                                                      \
    assert_tells_rows(engine, (const struct told[]){__VA_ARGS__},                                                      \
                      sizeof((const struct told[]){__VA_ARGS__}) / sizeof(struct told))
#define assert_tells_nothing(engine) assert_tells_rows(engine, NULL, 0)

static void drop_events(batching_live_engine *engine) {
    INITIALIZED(batching_live_engine_events, events);
    events.capacity = MOST_EVENTS;
    assert_succeeds(batching_live_engine_poll(engine, &events));
    assert_int_equal(events.remaining, 0);
}

static void sizes_are_those_of_the_header(void **state) {
    (void)state;
    INITIALIZED(batching_live_engine_events, events);
    INITIALIZED(batching_live_engine_state, now);
    assert_int_equal(events.struct_size, 72);
    assert_int_equal(now.struct_size, 216);
    /* Everything else is 0. */
    now.struct_size = events.struct_size = 0;
    const batching_live_engine_state no_state = {0};
    const batching_live_engine_events no_events = {0};
    assert_memory_equal(&now, &no_state, sizeof now);
    assert_memory_equal(&events, &no_events, sizeof events);
    assert_int_equal(batching_live_engine_events_init(&events, 56), BATCHING_ERROR_STRUCT_SIZE);
    assert_int_equal(batching_live_engine_state_init(&now, 128), BATCHING_ERROR_STRUCT_SIZE);
    assert_fails(batching_live_engine_events_init(NULL, 64), BATCHING_ERROR_NULL_POINTER, "events is NULL");
    assert_fails(batching_live_engine_state_init(NULL, 136), BATCHING_ERROR_NULL_POINTER, "state is NULL");
}

static void the_lesson_goes_as_worked_by_hand(void **state) {
    (void)state;
    batching_live_engine *engine = lesson();
    assert_tells_nothing(engine);
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    /* The third iteration is under way, to 0.75: of each, 11 tokens have their KV in a block. */
    batching_live_engine_state now = state_of(engine);
    assert_double_equal(now.clock, 0.6);
    assert_int_equal(now.submitted, 3);
    assert_int_equal(now.pending, 0);
    assert_int_equal(now.waiting, 1);
    assert_int_equal(now.running, 2);
    assert_int_equal(now.finished + now.rejected + now.aborted, 0);
    assert_int_equal(now.tokens_in_flight, 22);
    assert_int_equal(now.kv_blocks_used, 2);
    assert_int_equal(now.kv_blocks_usable, 99);
    assert_int_equal(now.iterations, 3);
    assert_int_equal(now.preemptions, 0);
    assert_double_equal(now.next_iteration_end, 0.75);
    assert_int_equal(now.is_stuck, 0);
    assert_int_equal(now.events, 4);
    assert_tells(engine, {0.0, 0, ADMITTED, 0}, {0.0, 1, ADMITTED, 0}, {0.25, 0, FIRST_TOKEN, 1},
                 {0.25, 1, FIRST_TOKEN, 1});
    assert_tells_nothing(engine);

    /* What has been is not done again. */
    assert_succeeds(batching_live_engine_advance(engine, 0.5, 0));
    assert_double_equal(state_of(engine).clock, 0.6);
    /* One more than the one under way: up to 1.0. */
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 1));
    assert_double_equal(state_of(engine).clock, 1.0);
    assert_tells(engine, {1.0, 1, FINISHED, 4});

    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_tells(engine, {1.0, 2, ADMITTED, 0}, {1.25, 2, FIRST_TOKEN, 1}, {2.25, 2, FINISHED, 5},
                 {2.5, 0, FINISHED, 10});
    now = state_of(engine);
    assert_double_equal(now.clock, 2.5);
    assert_int_equal(now.finished, 3);
    assert_int_equal(now.iterations, 10);
    assert_int_equal(now.kv_blocks_used + now.tokens_in_flight + now.running + now.waiting, 0);
    assert_true(isnan(now.next_iteration_end));
    /* Time goes by for an engine that has nothing to do, too. */
    assert_succeeds(batching_live_engine_advance(engine, 4.0, 0));
    assert_double_equal(state_of(engine).clock, 4.0);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void events_are_taken_in_pieces(void **state) {
    (void)state;
    const struct told expected[] = {
        {0.0, 0, ADMITTED, 0},     {0.0, 1, ADMITTED, 0},  {0.25, 0, FIRST_TOKEN, 1},
        {0.25, 1, FIRST_TOKEN, 1}, {1.0, 1, FINISHED, 4},  {1.0, 2, ADMITTED, 0},
        {1.25, 2, FIRST_TOKEN, 1}, {2.25, 2, FINISHED, 5}, {2.5, 0, FINISHED, 10},
    };
    enum { ROWS_IN_ALL = sizeof expected / sizeof *expected };
    for (int64_t capacity = 1; capacity <= ROWS_IN_ALL + 1; capacity++) {
        batching_live_engine *engine = lesson();
        assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
        INITIALIZED(batching_live_engine_events, events);
        /* Room for nothing: only how many there are. */
        assert_succeeds(batching_live_engine_poll(engine, &events));
        assert_int_equal(events.count, 0);
        assert_int_equal(events.remaining, ROWS_IN_ALL);
        for (int64_t taken = 0; taken < ROWS_IN_ALL; taken += events.count) {
            double time[ROWS_IN_ALL + 2];
            int64_t request[ROWS_IN_ALL + 2];
            memset(time, UNTOUCHED, sizeof time);
            memset(request, UNTOUCHED, sizeof request);
            const double untouched = time[0];
            events.capacity = capacity;
            events.time = time;
            events.request = request;
            assert_succeeds(batching_live_engine_poll(engine, &events));
            const int64_t left = ROWS_IN_ALL - taken;
            assert_int_equal(events.count, left < capacity ? left : capacity);
            assert_int_equal(events.remaining, left - events.count);
            for (int64_t row = 0; row < events.count; row++) {
                assert_double_equal(time[row], expected[taken + row].time);
                assert_int_equal(request[row], expected[taken + row].request);
            }
            assert_double_equal(time[events.count], untouched);
        }
        assert_succeeds(batching_live_engine_destroy(engine));
    }
}

static void an_aborted_request_leaves(void **state) {
    (void)state;
    batching_live_engine *engine = lesson();
    const int64_t later = -7;
    const batching_requests requests = one_request(LENGTHS(10), LENGTHS(1), TIMES(5.0));
    assert_succeeds(batching_live_engine_submit(engine, &requests, &later));
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    assert_int_equal(state_of(engine).pending, 1);
    drop_events(engine);
    /* One that runs, at the end of the iteration under way, whose token is lost; one that has not come, at once. */
    assert_succeeds(batching_live_engine_abort(engine, 0));
    assert_succeeds(batching_live_engine_abort(engine, later));
    assert_int_equal(state_of(engine).running, 2);
    assert_tells(engine, {0.6, later, ABORTED, 0});
    assert_succeeds(batching_live_engine_advance(engine, 0.9, 0));
    assert_tells(engine, {0.75, 0, ABORTED, 2}, {0.75, 2, ADMITTED, 0});
    /* The iteration under way gives the last token of 1: that is lost, too. */
    assert_succeeds(batching_live_engine_abort(engine, 1));
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_tells(engine, {1.0, 1, ABORTED, 3}, {1.0, 2, FIRST_TOKEN, 1}, {2.0, 2, FINISHED, 5});
    const batching_live_engine_state now = state_of(engine);
    assert_int_equal(now.aborted, 3);
    assert_int_equal(now.finished, 1);
    assert_int_equal(now.kv_blocks_used, 0);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void a_waiting_request_is_aborted_at_once(void **state) {
    (void)state;
    batching_live_engine *engine = lesson();
    assert_succeeds(batching_live_engine_advance(engine, 0.3, 0));
    drop_events(engine);
    assert_succeeds(batching_live_engine_abort(engine, 2));
    assert_tells(engine, {0.3, 2, ABORTED, 0});
    assert_int_equal(state_of(engine).waiting, 0);
    assert_fails(batching_live_engine_abort(engine, 2), BATCHING_ERROR_INVALID_ARGUMENT,
                 "request is 2: must be the id of a request in flight");
    /* Its name is free again. It comes at 0.3, and joins when there is a slot: at 1.0. */
    const int64_t again = 2;
    const batching_requests requests = one_request(LENGTHS(10), LENGTHS(1), NULL);
    assert_succeeds(batching_live_engine_submit(engine, &requests, &again));
    assert_succeeds(batching_live_engine_advance(engine, 1.5, 0));
    assert_tells(engine, {1.0, 1, FINISHED, 4}, {1.0, 2, ADMITTED, 0}, {1.25, 2, FIRST_TOKEN, 1},
                 {1.25, 2, FINISHED, 1});
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void an_output_gets_another_length(void **state) {
    (void)state;
    batching_live_engine *engine = lesson();
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    drop_events(engine);
    /* 0 has two tokens and a third under way; 1 goes on to a sixth, at 1.5; 2 will have one. */
    assert_succeeds(batching_live_engine_set_output_length(engine, 0, 2));
    assert_succeeds(batching_live_engine_set_output_length(engine, 1, 6));
    assert_succeeds(batching_live_engine_set_output_length(engine, 2, 1));
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_tells(engine, {0.75, 0, FINISHED, 3}, {0.75, 2, ADMITTED, 0}, {1.0, 2, FIRST_TOKEN, 1},
                 {1.0, 2, FINISHED, 1}, {1.5, 1, FINISHED, 6});
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void an_output_is_not_given_what_is_not_there(void **state) {
    (void)state;
    /* Orca reserves two of four blocks for each of two. */
    batching_engine_config config = two_slots();
    config.policy = BATCHING_POLICY_ORCA;
    config.num_gpu_blocks = 5;
    batching_live_engine *engine = created(&config);
    submit_lesson(engine);
    assert_succeeds(batching_live_engine_advance(engine, 0.3, 0));
    drop_events(engine);
    const batching_live_engine_state before = state_of(engine);
    assert_fails(batching_live_engine_set_output_length(engine, 0, 50), BATCHING_ERROR_CAPACITY,
                 "output_length is 50: there are not enough free KV blocks to reserve for it");
    assert_fails(batching_live_engine_set_output_length(engine, 0, 60), BATCHING_ERROR_INVALID_ARGUMENT,
                 "output_length is 60: must leave the request small enough to be served at all");
    assert_fails(batching_live_engine_set_output_length(engine, 0, 0), BATCHING_ERROR_INVALID_ARGUMENT,
                 "output_length is 0: must be at least 1");
    assert_fails(batching_live_engine_set_output_length(engine, 7, 1), BATCHING_ERROR_INVALID_ARGUMENT,
                 "request is 7: must be the id of a request in flight");
    const batching_live_engine_state after = state_of(engine);
    assert_same_state(&before, &after);
    assert_succeeds(batching_live_engine_destroy(engine));

    config.policy = BATCHING_POLICY_STATIC;
    engine = created(&config);
    submit_lesson(engine);
    assert_succeeds(batching_live_engine_advance(engine, 0.3, 0));
    assert_fails(batching_live_engine_set_output_length(engine, 0, 20), BATCHING_ERROR_INVALID_ARGUMENT,
                 "request is 0: must not run: a static or dynamic batch runs on as it was formed");
    assert_succeeds(batching_live_engine_destroy(engine));
}

/* The columns of an estimate of two requests. */
struct estimate {
    batching_results results;
    double start_time[2], first_token_time[2], end_time[2];
    int32_t tokens_generated[2], status[2];
};

static void estimate_init(struct estimate *estimate) {
    memset(estimate, UNTOUCHED, sizeof *estimate);
    assert_succeeds(batching_results_init(&estimate->results, sizeof estimate->results));
    estimate->results.capacity = 2;
    estimate->results.start_time = estimate->start_time;
    estimate->results.first_token_time = estimate->first_token_time;
    estimate->results.end_time = estimate->end_time;
    estimate->results.tokens_generated = estimate->tokens_generated;
    estimate->results.status = estimate->status;
}

static void an_estimate_says_what_would_be_and_changes_nothing(void **state) {
    (void)state;
    batching_engine_config config = two_slots();
    config.max_model_len = 20;
    batching_live_engine *engine = created(&config);
    submit_lesson(engine);
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    const batching_live_engine_state before = state_of(engine);

    /* The first slot, at 1.0, is that of 2, until 2.25; each of these two would have the next, were it alone. */
    struct estimate estimate;
    estimate_init(&estimate);
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.prompt_length = LENGTHS(10, 10);
    requests.output_length = LENGTHS(2, 1);
    assert_succeeds(batching_live_engine_estimate(engine, &requests, &estimate.results));
    assert_times(estimate.start_time, 2.25, 2.25);
    assert_times(estimate.first_token_time, 2.5, 2.5);
    assert_times(estimate.end_time, 2.75, 2.5);
    assert_integers(estimate.tokens_generated, 2, 1);
    assert_integers(estimate.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_FINISHED);

    /* One that comes when all have gone and ends at max_model_len, after 6 tokens; and one that can never be served. */
    estimate_init(&estimate);
    requests.prompt_length = LENGTHS(14, 20);
    requests.output_length = LENGTHS(10, 1);
    requests.arrival_time = TIMES(5.0, 5.0);
    assert_succeeds(batching_live_engine_estimate(engine, &requests, &estimate.results));
    assert_times(estimate.start_time, 5.0, NAN);
    assert_times(estimate.first_token_time, 5.25, NAN);
    assert_times(estimate.end_time, 6.5, NAN);
    assert_integers(estimate.tokens_generated, 6, 0);
    assert_integers(estimate.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_REJECTED_MODEL_LENGTH);

    /* With an error nothing is written. */
    estimate_init(&estimate);
    const struct estimate untouched = estimate;
    estimate.results.capacity = 1;
    assert_fails(batching_live_engine_estimate(engine, &requests, &estimate.results), BATCHING_ERROR_CAPACITY,
                 "results.capacity is 1");
    estimate.results.capacity = 2;
    requests.arrival_time = TIMES(5.0, 0.5);
    assert_fails(batching_live_engine_estimate(engine, &requests, &estimate.results), BATCHING_ERROR_INVALID_ARGUMENT,
                 "arrival_time[1] is 0.5: must not be before the clock of the engine, which is at 0.6 seconds");
    assert_memory_equal(&estimate, &untouched, sizeof estimate);

    const batching_live_engine_state after = state_of(engine);
    assert_same_state(&before, &after);
    drop_events(engine);
    assert_succeeds(batching_live_engine_advance(engine, 1.1, 0));
    assert_tells(engine, {1.0, 1, FINISHED, 4}, {1.0, 2, ADMITTED, 0});
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void a_copy_goes_its_own_way(void **state) {
    (void)state;
    batching_live_engine *engine = lesson(), *copy = NULL;
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    batching_live_engine_state before = state_of(engine);
    assert_succeeds(batching_live_engine_fork(engine, &copy));
    batching_live_engine_state now = state_of(copy);
    assert_int_equal(now.events, 0);
    now.events = before.events;
    assert_same_state(&now, &before);

    /* In the copy 1 leaves at 0.75, and 2 runs from then to 2.0. */
    assert_succeeds(batching_live_engine_abort(copy, 1));
    assert_succeeds(batching_live_engine_advance(copy, 2.0, 0));
    assert_tells(copy, {0.75, 1, ABORTED, 2}, {0.75, 2, ADMITTED, 0}, {1.0, 2, FIRST_TOKEN, 1}, {2.0, 2, FINISHED, 5});
    now = state_of(engine);
    assert_same_state(&now, &before);
    drop_events(engine);
    assert_succeeds(batching_live_engine_advance(engine, 2.0, 0));
    assert_tells(engine, {1.0, 1, FINISHED, 4}, {1.0, 2, ADMITTED, 0}, {1.25, 2, FIRST_TOKEN, 1});

    /* It outlives what it was copied from, and is copied in turn. */
    assert_succeeds(batching_live_engine_destroy(engine));
    batching_live_engine *second = NULL;
    assert_succeeds(batching_live_engine_fork(copy, &second));
    assert_succeeds(batching_live_engine_advance(second, INFINITY, 0));
    assert_tells(second, {2.5, 0, FINISHED, 10});
    assert_succeeds(batching_live_engine_destroy(second));
    assert_succeeds(batching_live_engine_advance(copy, INFINITY, 0));
    assert_tells(copy, {2.5, 0, FINISHED, 10});
    assert_succeeds(batching_live_engine_destroy(copy));
}

static void a_queue_moves_on_when_no_other_request_comes(void **state) {
    (void)state;
    /* A static batch of two: the third request forms one alone only at the end, when no other can come. */
    batching_engine_config config = two_slots();
    config.policy = BATCHING_POLICY_STATIC;
    batching_live_engine *engine = created(&config);
    submit_lesson(engine);
    assert_succeeds(batching_live_engine_advance(engine, 100.0, 0));
    drop_events(engine);
    assert_int_equal(state_of(engine).waiting, 1);
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_tells(engine, {100.0, 2, ADMITTED, 0}, {100.25, 2, FIRST_TOKEN, 1}, {101.25, 2, FINISHED, 5});
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void the_short_of_memory_are_preempted(void **state) {
    (void)state;
    struct engine given;
    engine_init_short_of_memory(&given);
    batching_live_engine *engine = created(&given.config);
    assert_succeeds(batching_live_engine_submit(engine, &given.requests, NULL));
    assert_succeeds(batching_live_engine_advance(engine, 2.5, 0));
    const batching_live_engine_state now = state_of(engine);
    /* 0 has three blocks for 5 computed tokens and one under way; 1 waits again. */
    assert_int_equal(now.kv_blocks_used, 3);
    assert_int_equal(now.kv_blocks_usable, 4);
    assert_int_equal(now.tokens_in_flight, 4);
    assert_int_equal(now.waiting, 1);
    assert_int_equal(now.preemptions, 1);
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_tells(engine, {0.0, 0, ADMITTED, 0}, {0.0, 1, ADMITTED, 0}, {1.0, 0, FIRST_TOKEN, 1},
                 {1.0, 1, FIRST_TOKEN, 1}, {2.0, 1, BATCHING_EVENT_PREEMPTED, 2}, {4.0, 0, FINISHED, 4},
                 {4.0, 1, BATCHING_EVENT_RESUMED, 0}, {6.0, 1, FINISHED, 4});
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void a_request_that_can_never_be_served_is_rejected_when_it_arrives(void **state) {
    (void)state;
    batching_engine_config config = two_slots();
    config.num_gpu_blocks = 5;
    config.max_model_len = 70;
    batching_live_engine *engine = created(&config);
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    /* 4 blocks of 16 are 64 tokens, of which the last is never computed: 65. */
    requests.prompt_length = LENGTHS(70, 60);
    requests.output_length = LENGTHS(1, 6);
    requests.arrival_time = TIMES(1.0, 2.0);
    assert_succeeds(batching_live_engine_submit(engine, &requests, IDS(INT64_MAX, INT64_MIN)));
    assert_succeeds(batching_live_engine_advance(engine, 1.5, 0));
    assert_int_equal(state_of(engine).pending, 1);
    assert_int_equal(state_of(engine).rejected, 1);
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_tells(engine, {1.0, INT64_MAX, BATCHING_EVENT_REJECTED, BATCHING_REQUEST_REJECTED_MODEL_LENGTH},
                 {2.0, INT64_MIN, BATCHING_EVENT_REJECTED, BATCHING_REQUEST_REJECTED_KV_MEMORY});
    assert_int_equal(state_of(engine).rejected, 2);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void what_is_cached_is_found(void **state) {
    (void)state;
    batching_engine_config config = two_slots();
    config.enable_prefix_caching = 1;
    batching_live_engine *engine = created(&config);
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.prompt_length = LENGTHS(40, 40);
    requests.output_length = LENGTHS(1, 1);
    requests.arrival_time = TIMES(0.0, 1.0);
    requests.hash_ids = IDS(11, 12, 11, 13);
    requests.hash_offsets = IDS(0, 2, 4);
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    /* The first block of 16 is the same. */
    assert_tells(engine, {0.0, 0, ADMITTED, 0}, {0.25, 0, FIRST_TOKEN, 1}, {0.25, 0, FINISHED, 1},
                 {1.0, 1, ADMITTED, 16}, {1.25, 1, FIRST_TOKEN, 1}, {1.25, 1, FINISHED, 1});
    requests.hash_block_size = 32;
    requests.arrival_time = NULL;
    assert_fails(batching_live_engine_submit(engine, &requests, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "hash_block_size is 32: must be 16, and hash_covers_output 0, as before");
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void pointers_that_must_be_there(void **state) {
    (void)state;
    batching_live_engine *engine = lesson(), *copy = (batching_live_engine *)state;
    const batching_live_engine_state before = state_of(engine);
    INITIALIZED(batching_live_engine_events, events);
    INITIALIZED(batching_live_engine_state, now);
    INITIALIZED(batching_requests, requests);
    INITIALIZED(batching_results, results);
    const batching_status null = BATCHING_ERROR_NULL_POINTER;
    assert_succeeds(batching_live_engine_destroy(NULL));
    assert_fails(batching_live_engine_create(NULL, NULL), null, "engine is NULL");
    assert_fails(batching_live_engine_submit(NULL, &requests, NULL), null, "engine is NULL");
    assert_fails(batching_live_engine_submit(engine, NULL, NULL), null, "requests is NULL");
    assert_fails(batching_live_engine_advance(NULL, 0.0, 0), null, "engine is NULL");
    assert_fails(batching_live_engine_poll(NULL, &events), null, "engine is NULL");
    assert_fails(batching_live_engine_poll(engine, NULL), null, "events is NULL");
    assert_fails(batching_live_engine_abort(NULL, 0), null, "engine is NULL");
    assert_fails(batching_live_engine_set_output_length(NULL, 0, 1), null, "engine is NULL");
    assert_fails(batching_live_engine_observe(NULL, &now), null, "engine is NULL");
    assert_fails(batching_live_engine_observe(engine, NULL), null, "state is NULL");
    assert_fails(batching_live_engine_estimate(NULL, &requests, &results), null, "engine is NULL");
    assert_fails(batching_live_engine_estimate(engine, NULL, &results), null, "requests is NULL");
    assert_fails(batching_live_engine_fork(NULL, &copy), null, "engine is NULL");
    assert_ptr_equal(copy, state);
    assert_fails(batching_live_engine_fork(engine, NULL), null, "copy is NULL");
    requests.count = 1;
    requests.hash_ids = IDS(1);
    assert_fails(batching_live_engine_submit(engine, &requests, NULL), null, "hash_offsets is NULL");
    const batching_live_engine_state after = state_of(engine);
    assert_same_state(&before, &after);
    /* Without columns there is one prompt token, one output token, and no results are wanted. */
    requests.hash_ids = NULL;
    assert_succeeds(batching_live_engine_estimate(engine, &requests, NULL));
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void structs_that_are_not_understood(void **state) {
    (void)state;
    batching_live_engine *engine = lesson();
    INITIALIZED(batching_live_engine_events, events);
    INITIALIZED(batching_live_engine_state, now);
    events.struct_size = now.struct_size = 12;
    assert_fails(batching_live_engine_poll(engine, &events), BATCHING_ERROR_STRUCT_SIZE, "events.struct_size is 12");
    assert_fails(batching_live_engine_observe(engine, &now), BATCHING_ERROR_STRUCT_SIZE, "state.struct_size is 12");
    assert_double_equal(now.clock, 0.0);
    events.struct_size = sizeof events;
    events.reserved = 3;
    assert_fails(batching_live_engine_poll(engine, &events), BATCHING_ERROR_INVALID_ARGUMENT,
                 "events.reserved is 3: must be 0");
    events.reserved = 0;
    events.capacity = -1;
    assert_fails(batching_live_engine_poll(engine, &events), BATCHING_ERROR_INVALID_ARGUMENT,
                 "events.capacity is -1: must be at least 0");
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void settings_that_a_live_engine_does_not_have(void **state) {
    (void)state;
    batching_live_engine *const untouched = (batching_live_engine *)state;
    batching_live_engine *engine = untouched;
    INITIALIZED(batching_iteration_log, iteration_log);
    INITIALIZED(batching_decision_log, decision_log);
    INITIALIZED(batching_attribution, attribution);
    batching_engine_config config = two_slots();
#define REFUSED(field, value, status, sentence)                                                                        \
    do {                                                                                                               \
        config.field = (value);                                                                                        \
        assert_fails(batching_live_engine_create(&config, &engine), status, sentence);                                 \
        assert_ptr_equal(engine, untouched);                                                                           \
        config = two_slots();                                                                                          \
    } while (0)
    const batching_status invalid = BATCHING_ERROR_INVALID_ARGUMENT;
    REFUSED(time_limit, 1.0, invalid, "time_limit is 1.0: must be 0 for a live engine");
    REFUSED(iteration_limit, 5, invalid, "iteration_limit is 5: must be 0 for a live engine");
    REFUSED(iteration_log, &iteration_log, invalid, "config.iteration_log is given: must be NULL for a live engine");
    REFUSED(decision_log, &decision_log, invalid, "config.decision_log is given: must be NULL for a live engine");
    REFUSED(attribution, &attribution, invalid, "config.attribution is given: must be NULL for a live engine");
    REFUSED(keep_attribution, 2, invalid, "keep_attribution is 2: must be 0 or 1");
    REFUSED(reserved_2, 1, invalid, "config.reserved_2 is 1: must be 0");
    REFUSED(max_num_seqs, -1, invalid, "max_num_seqs is -1");
    REFUSED(policy, 7, invalid, "policy is 7");
    REFUSED(time_model, BATCHING_TIME_CALLBACK, BATCHING_ERROR_NULL_POINTER, "time_callback");
    REFUSED(struct_size, 8, BATCHING_ERROR_STRUCT_SIZE, "config.struct_size is 8");
#undef REFUSED
}

static void a_bad_call_changes_nothing(void **state) {
    (void)state;
    batching_live_engine *engine = lesson();
    assert_succeeds(batching_live_engine_advance(engine, 0.5, 0));
    const batching_live_engine_state before = state_of(engine);
    const batching_status invalid = BATCHING_ERROR_INVALID_ARGUMENT;
    INITIALIZED(batching_requests, requests);
#define REFUSED(field, value, ids, sentence)                                                                           \
    do {                                                                                                               \
        requests.count = 2;                                                                                            \
        requests.field = (value);                                                                                      \
        assert_fails(batching_live_engine_submit(engine, &requests, ids), invalid, sentence);                          \
        assert_succeeds(batching_requests_init(&requests, sizeof requests));                                           \
        const batching_live_engine_state after = state_of(engine);                                                     \
        assert_same_state(&before, &after);                                                                            \
    } while (0)
    REFUSED(arrival_time, TIMES(0.5, 0.25), NULL,
            "arrival_time[1] is 0.25: must not be before the clock of the engine, which is at 0.5 seconds");
    REFUSED(arrival_time, TIMES(NAN, 1.0), NULL, "arrival_time[0] is nan: must be between 0");
    REFUSED(prompt_length, LENGTHS(1, -1), NULL, "prompt_length[1] is -1: must be at least 0");
    REFUSED(output_length, LENGTHS(0, 1), NULL, "output_length[0] is 0: must be at least 1");
    REFUSED(count, -1, NULL, "requests.count is -1");
    REFUSED(count, 2, IDS(7, 1), "ids[1] is 1: must not be the id of a request in flight");
    REFUSED(count, 2, IDS(7, 7), "ids[1] is 7: must not be the id of a request in flight");
#undef REFUSED
    /* The fourth request was given the id 4: the fifth cannot have its own number, which is 4, too. */
    const batching_requests one = one_request(NULL, NULL, NULL);
    const int64_t four = 4;
    assert_succeeds(batching_live_engine_submit(engine, &one, &four));
    assert_fails(batching_live_engine_submit(engine, &one, NULL), invalid,
                 "the number of request 0 is 4: must not be the id of a request in flight");

    const batching_live_engine_state with_four = state_of(engine);
    assert_fails(batching_live_engine_advance(engine, NAN, 0), invalid, "time is nan: must be between 0");
    assert_fails(batching_live_engine_advance(engine, -1.0, 0), invalid, "time is -1.0: must be between 0");
    assert_fails(batching_live_engine_advance(engine, 1.0, -1), invalid, "iterations is -1: must be at least 0");
    const batching_live_engine_state after = state_of(engine);
    assert_same_state(&with_four, &after);
    assert_succeeds(batching_live_engine_destroy(engine));
}

/* What a time callback answers, one after the other, and what it returns. */
struct answers {
    const double *seconds;
    const int32_t *returned;
    int calls;
    batching_iteration asked[ENGINE_CAPACITY];
};

static int32_t answer(const batching_iteration *iteration, double *seconds, void *user_data) {
    struct answers *answers = user_data;
    assert_in_range(answers->calls, 0, ENGINE_CAPACITY - 1);
    const int call = answers->calls++;
    answers->asked[call] = *iteration;
    *seconds = answers->seconds[call];
    return answers->returned[call];
}

static void what_a_callback_has_stopped_goes_on(void **state) {
    (void)state;
    /* Stopped in the third iteration, given a wrong answer, and then a right one. */
    struct answers answers = {.seconds = TIMES(0.25, 0.25, 9.0, -1.0, NAN, 0.5), .returned = LENGTHS(0, 0, 1, 0, 0, 0)};
    batching_engine_config config = two_slots();
    config.time_model = BATCHING_TIME_CALLBACK;
    config.time_callback = answer;
    config.time_user_data = &answers;
    batching_live_engine *engine = created(&config);
    const batching_requests requests = one_request(LENGTHS(1), LENGTHS(3), NULL);
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
    assert_fails(batching_live_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_CANCELLED, "time_callback");
    const batching_live_engine_state now = state_of(engine);
    assert_double_equal(now.clock, 0.5);
    assert_int_equal(now.iterations, 3);
    assert_true(isnan(now.next_iteration_end));
    assert_fails(batching_live_engine_advance(engine, 7.0, 0), BATCHING_ERROR_INVALID_ARGUMENT, "-1.0");
    assert_fails(batching_live_engine_advance(engine, 7.0, 0), BATCHING_ERROR_INVALID_ARGUMENT, "nan");
    assert_double_equal(state_of(engine).clock, 0.5);
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_tells(engine, {0.0, 0, ADMITTED, 0}, {0.25, 0, FIRST_TOKEN, 1}, {1.0, 0, FINISHED, 3});
    assert_int_equal(answers.calls, 6);
    /* It was asked about the same iteration each time. */
    for (int call = 3; call < 6; call++) {
        assert_memory_equal(&answers.asked[call], &answers.asked[2], sizeof answers.asked[2]);
    }
    assert_int_equal(answers.asked[2].number, 2);
    assert_double_equal(answers.asked[2].time, 0.5);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void an_estimate_that_a_callback_stops_changes_nothing(void **state) {
    (void)state;
    struct answers answers = {.seconds = TIMES(0.25, 0.25, 0.25, 0.25), .returned = LENGTHS(0, 1, 0, 0)};
    batching_engine_config config = two_slots();
    config.time_model = BATCHING_TIME_CALLBACK;
    config.time_callback = answer;
    config.time_user_data = &answers;
    batching_live_engine *engine = created(&config);
    const batching_requests requests = one_request(LENGTHS(1), LENGTHS(2), NULL);
    struct estimate estimate;
    estimate_init(&estimate);
    const struct estimate untouched = estimate;
    const batching_live_engine_state before = state_of(engine);
    assert_fails(batching_live_engine_estimate(engine, &requests, &estimate.results), BATCHING_ERROR_CANCELLED,
                 "time_callback");
    assert_memory_equal(&estimate, &untouched, sizeof estimate);
    const batching_live_engine_state after = state_of(engine);
    assert_same_state(&before, &after);
    assert_succeeds(batching_live_engine_estimate(engine, &requests, &estimate.results));
    assert_times(estimate.end_time, 0.5);
    assert_succeeds(batching_live_engine_destroy(engine));
}

/* Stops at each third time that it is told. */
static int32_t stop_at_each_third(const batching_progress *progress, void *user_data) {
    int *calls = user_data;
    assert_int_equal(progress->struct_size, sizeof *progress);
    return ++*calls % 3 == 0;
}

static void what_a_progress_callback_has_stopped_goes_on(void **state) {
    (void)state;
    int calls = 0;
    batching_engine_config config = two_slots();
    config.progress_callback = stop_at_each_third;
    config.progress_user_data = &calls;
    config.progress_interval = 1;
    batching_live_engine *engine = created(&config);
    submit_lesson(engine);
    int stops = 0;
    batching_status status;
    double clock = 0.0;
    while ((status = batching_live_engine_advance(engine, INFINITY, 0)) == BATCHING_ERROR_CANCELLED && stops < 20) {
        assert_error_names("progress_callback");
        assert_true(state_of(engine).clock >= clock);
        clock = state_of(engine).clock;
        stops++;
    }
    assert_succeeds(status);
    assert_in_range(stops, 2, 4);
    assert_double_equal(state_of(engine).clock, 2.5);
    assert_tells(engine, {0.0, 0, ADMITTED, 0}, {0.0, 1, ADMITTED, 0}, {0.25, 0, FIRST_TOKEN, 1},
                 {0.25, 1, FIRST_TOKEN, 1}, {1.0, 1, FINISHED, 4}, {1.0, 2, ADMITTED, 0}, {1.25, 2, FIRST_TOKEN, 1},
                 {2.25, 2, FINISHED, 5}, {2.5, 0, FINISHED, 10});
    assert_succeeds(batching_live_engine_destroy(engine));
}

enum { MOST_TOLD = 64 };

/* What is told of progress, and at which time that it is told it stops; 0: never. */
struct watcher {
    int64_t iterations[MOST_TOLD];
    double time[MOST_TOLD];
    int64_t finished[MOST_TOLD];
    int told;
    int stop;
};

static int32_t watch(const batching_progress *progress, void *user_data) {
    struct watcher *watcher = user_data;
    assert_in_range(watcher->told, 0, MOST_TOLD - 1);
    watcher->iterations[watcher->told] = progress->iterations;
    watcher->time[watcher->told] = progress->time;
    watcher->finished[watcher->told] = progress->finished;
    watcher->told++;
    return watcher->told == watcher->stop;
}

/* With a prefix cache an estimate runs in two parts, which must not be noticed. */
static void an_estimate_tells_of_progress_with_a_cache_as_without(void **state) {
    (void)state;
    const int32_t *prompt = LENGTHS(10), *output = LENGTHS(40);
    for (int64_t interval = 1; interval <= 5; interval++) {
        for (int asynchronous = 0; asynchronous <= 1; asynchronous++) {
            struct watcher watchers[2] = {{{0}, {0}, {0}, 0, 0}, {{0}, {0}, {0}, 0, 0}};
            batching_live_engine *engines[2];
            double ends[2];
            for (int caches = 0; caches <= 1; caches++) {
                batching_engine_config config = two_slots();
                config.max_num_seqs = 4;
                config.async_scheduling = asynchronous;
                config.enable_prefix_caching = caches;
                config.progress_callback = watch;
                config.progress_user_data = &watchers[caches];
                config.progress_interval = interval;
                engines[caches] = created(&config);
                submit_lesson(engines[caches]);
                assert_succeeds(batching_live_engine_advance(engines[caches], 0.6, 0));
                memset(&watchers[caches], 0, sizeof watchers[caches]);
                const batching_requests requests = one_request(prompt, output, NULL);
                struct estimate estimate;
                estimate_init(&estimate);
                assert_succeeds(batching_live_engine_estimate(engines[caches], &requests, &estimate.results));
                ends[caches] = estimate.end_time[0];
            }
            assert_double_equal(ends[0], ends[1]);
            assert_in_range(watchers[0].told, 40 / interval - 1, 40 / interval + 2);
            assert_memory_equal(&watchers[0], &watchers[1], sizeof watchers[0]);
            /* Wherever it is stopped, the engine stays as it is. */
            const batching_live_engine_state before = state_of(engines[1]);
            const int told = watchers[1].told;
            for (int stop = 1; stop <= told + 1; stop++) {
                memset(&watchers[1], 0, sizeof watchers[1]);
                watchers[1].stop = stop <= told ? stop : 0;
                const batching_requests requests = one_request(prompt, output, NULL);
                struct estimate estimate;
                estimate_init(&estimate);
                const batching_status status = batching_live_engine_estimate(engines[1], &requests, &estimate.results);
                assert_int_equal(status, stop <= told ? BATCHING_ERROR_CANCELLED : BATCHING_OK);
                assert_int_equal(watchers[1].told, stop <= told ? stop : told);
                const batching_live_engine_state after = state_of(engines[1]);
                assert_same_state(&before, &after);
                if (stop > told) {
                    assert_double_equal(estimate.end_time[0], ends[1]);
                }
            }
            assert_succeeds(batching_live_engine_destroy(engines[0]));
            assert_succeeds(batching_live_engine_destroy(engines[1]));
        }
    }
}

static int32_t keep_progress(const batching_progress *progress, void *user_data) {
    *(batching_progress *)user_data = *progress;
    return 0;
}

static void progress_counts_requests_that_are_gone(void **state) {
    (void)state;
    batching_progress last = {.count = 0};
    batching_engine_config config = two_slots();
    config.progress_callback = keep_progress;
    config.progress_user_data = &last;
    config.progress_interval = 1;
    batching_live_engine *engine = created(&config);
    submit_lesson(engine);
    /* 1 is done at 1.0. 2 leaves while it waits, and two others come, one of them much later. */
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    assert_succeeds(batching_live_engine_abort(engine, 2));
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.output_length = LENGTHS(2, 2);
    requests.arrival_time = TIMES(1.2, 50.0);
    assert_succeeds(batching_live_engine_submit(engine, &requests, IDS(8, 9)));
    assert_succeeds(batching_live_engine_advance(engine, 2.3, 0));
    assert_int_equal(last.arrived, 4);
    assert_int_equal(last.finished, 2);
    assert_int_equal(last.count, 5);
    assert_succeeds(batching_live_engine_destroy(engine));
}

enum { CALLS_ON_A_HANDLE = 10 };

/* Every call on one handle, one after the other; what each came to. */
static void try_every_call(batching_live_engine *engine, batching_status *statuses) {
    batching_live_engine *copy = NULL;
    batching_live_engine_events events;
    batching_live_engine_state now;
    batching_requests requests;
    batching_live_engine_events_init(&events, sizeof events);
    batching_live_engine_state_init(&now, sizeof now);
    batching_requests_init(&requests, sizeof requests);
    statuses[0] = batching_live_engine_observe(engine, &now);
    statuses[1] = batching_live_engine_advance(engine, 9.0, 0);
    statuses[2] = batching_live_engine_fork(engine, &copy);
    statuses[3] = batching_live_engine_poll(engine, &events);
    statuses[4] = batching_live_engine_submit(engine, &requests, NULL);
    statuses[5] = batching_live_engine_abort(engine, 0);
    statuses[6] = batching_live_engine_set_output_length(engine, 0, 1);
    statuses[7] = batching_live_engine_estimate(engine, &requests, NULL);
    statuses[8] = batching_live_engine_advance_logged(engine, 9.0, 0, NULL, NULL);
    statuses[9] = batching_live_engine_destroy(engine);
}

static void assert_all_busy(const batching_status *statuses) {
    for (int call = 0; call < CALLS_ON_A_HANDLE; call++) {
        assert_int_equal(statuses[call], BATCHING_ERROR_BUSY);
    }
}

/* A handle that is in use, and what calls on it come to meanwhile: by its own callback, or by another thread. */
struct meeting {
    batching_live_engine *engine;
    batching_status statuses[CALLS_ON_A_HANDLE];
    char error[128];
    int calls;
    pthread_barrier_t barrier;
};

static int32_t call_back(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration;
    struct meeting *meeting = user_data;
    try_every_call(meeting->engine, meeting->statuses);
    meeting->calls++;
    *seconds = 0.25;
    return 0;
}

static void a_callback_cannot_use_its_own_engine(void **state) {
    (void)state;
    struct meeting meeting = {.calls = 0};
    batching_engine_config config = two_slots();
    config.time_model = BATCHING_TIME_CALLBACK;
    config.time_callback = call_back;
    config.time_user_data = &meeting;
    meeting.engine = created(&config);
    const batching_requests requests = one_request(LENGTHS(1), LENGTHS(1), NULL);
    assert_succeeds(batching_live_engine_submit(meeting.engine, &requests, NULL));
    assert_succeeds(batching_live_engine_estimate(meeting.engine, &requests, NULL));
    assert_int_equal(meeting.calls, 1);
    assert_all_busy(meeting.statuses);
    memset(meeting.statuses, 0, sizeof meeting.statuses);
    assert_succeeds(batching_live_engine_advance(meeting.engine, INFINITY, 0));
    assert_int_equal(meeting.calls, 2);
    assert_all_busy(meeting.statuses);
    assert_error_names("engine is in use by another call: one thread at a time may use it");
    assert_tells(meeting.engine, {0.0, 0, ADMITTED, 0}, {0.25, 0, FIRST_TOKEN, 1}, {0.25, 0, FINISHED, 1});
    assert_succeeds(batching_live_engine_destroy(meeting.engine));
}

static int32_t wait_for_the_other(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration;
    struct meeting *meeting = user_data;
    /* The other thread calls between the two. */
    pthread_barrier_wait(&meeting->barrier);
    pthread_barrier_wait(&meeting->barrier);
    *seconds = 0.25;
    return 0;
}

static void *call_meanwhile(void *user_data) {
    struct meeting *meeting = user_data;
    pthread_barrier_wait(&meeting->barrier);
    try_every_call(meeting->engine, meeting->statuses);
    strncpy(meeting->error, batching_last_error(), sizeof meeting->error - 1);
    pthread_barrier_wait(&meeting->barrier);
    return NULL;
}

static void another_thread_cannot_use_an_engine_in_use(void **state) {
    (void)state;
    struct meeting meeting = {.calls = 0};
    assert_int_equal(pthread_barrier_init(&meeting.barrier, NULL, 2), 0);
    batching_engine_config config = two_slots();
    config.time_model = BATCHING_TIME_CALLBACK;
    config.time_callback = wait_for_the_other;
    config.time_user_data = &meeting;
    meeting.engine = created(&config);
    const batching_requests requests = one_request(LENGTHS(1), LENGTHS(1), NULL);
    assert_succeeds(batching_live_engine_submit(meeting.engine, &requests, NULL));
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, call_meanwhile, &meeting), 0);
    assert_succeeds(batching_live_engine_advance(meeting.engine, INFINITY, 0));
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_all_busy(meeting.statuses);
    assert_string_equal(meeting.error, "engine is in use by another call: one thread at a time may use it");
    assert_tells(meeting.engine, {0.0, 0, ADMITTED, 0}, {0.25, 0, FIRST_TOKEN, 1}, {0.25, 0, FINISHED, 1});
    assert_succeeds(batching_live_engine_destroy(meeting.engine));
    pthread_barrier_destroy(&meeting.barrier);
}

static void the_clock_has_an_end(void **state) {
    (void)state;
    /* The second iteration would end at 10^10 s. */
    batching_engine_config config = two_slots();
    config.time_base = 5e9;
    batching_live_engine *engine = created(&config);
    submit_lesson(engine);
    assert_succeeds(batching_live_engine_advance(engine, 4e9, 0));
    static const char sentence[] = "iteration 1 takes 5000000000.0 seconds: the clock would pass 9223372036 seconds";
    const batching_live_engine_state before = state_of(engine);
    assert_true(before.clock == 4e9);
    assert_fails(batching_live_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_OVERFLOW, sentence);
    /* It can be looked at, and no more: the first iteration is over. */
    assert_int_equal(state_of(engine).running, 2);
    assert_double_equal(state_of(engine).clock, 5e9);
    batching_live_engine *copy = NULL;
    assert_fails(batching_live_engine_abort(engine, 2), BATCHING_ERROR_OVERFLOW, sentence);
    assert_fails(batching_live_engine_set_output_length(engine, 0, 20), BATCHING_ERROR_OVERFLOW, sentence);
    assert_fails(batching_live_engine_advance(engine, 9e9, 0), BATCHING_ERROR_OVERFLOW, sentence);
    assert_fails(batching_live_engine_fork(engine, &copy), BATCHING_ERROR_OVERFLOW, sentence);
    assert_null(copy);
    assert_tells(engine, {0.0, 0, ADMITTED, 0}, {0.0, 1, ADMITTED, 0}, {5e9, 0, FIRST_TOKEN, 1},
                 {5e9, 1, FIRST_TOKEN, 1});
    assert_succeeds(batching_live_engine_destroy(engine));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_the_header),
        cmocka_unit_test(the_lesson_goes_as_worked_by_hand),
        cmocka_unit_test(events_are_taken_in_pieces),
        cmocka_unit_test(an_aborted_request_leaves),
        cmocka_unit_test(a_waiting_request_is_aborted_at_once),
        cmocka_unit_test(an_output_gets_another_length),
        cmocka_unit_test(an_output_is_not_given_what_is_not_there),
        cmocka_unit_test(an_estimate_says_what_would_be_and_changes_nothing),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(a_queue_moves_on_when_no_other_request_comes),
        cmocka_unit_test(the_short_of_memory_are_preempted),
        cmocka_unit_test(a_request_that_can_never_be_served_is_rejected_when_it_arrives),
        cmocka_unit_test(what_is_cached_is_found),
        cmocka_unit_test(pointers_that_must_be_there),
        cmocka_unit_test(structs_that_are_not_understood),
        cmocka_unit_test(settings_that_a_live_engine_does_not_have),
        cmocka_unit_test(a_bad_call_changes_nothing),
        cmocka_unit_test(what_a_callback_has_stopped_goes_on),
        cmocka_unit_test(an_estimate_that_a_callback_stops_changes_nothing),
        cmocka_unit_test(what_a_progress_callback_has_stopped_goes_on),
        cmocka_unit_test(an_estimate_tells_of_progress_with_a_cache_as_without),
        cmocka_unit_test(progress_counts_requests_that_are_gone),
        cmocka_unit_test(a_callback_cannot_use_its_own_engine),
        cmocka_unit_test(another_thread_cannot_use_an_engine_in_use),
        cmocka_unit_test(the_clock_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
