/* A policy of the caller's in a live engine, by hand: what it is shown, when, and what becomes of its answers. */
#include "engine_support.h"

enum { MOST_ASKED = 64, MOST_ROWS = 8, CALLS = 9 };

/* What the policy was shown, and what it is to do. */
struct policy {
    int asked;
    double time[MOST_ASKED];
    int64_t iteration[MOST_ASKED], count[MOST_ASKED];
    int64_t request[MOST_ASKED][MOST_ROWS];
    int32_t output[MOST_ASKED][MOST_ROWS];
    /* Asked at this time for the first time, it waits until that one. */
    double waits_at, waits_until;
    int32_t returned;
    void (*spoil)(batching_policy_decision *decision);
    /* It tries to use this engine. */
    batching_live_engine *engine;
    batching_status statuses[CALLS];
};

static void try_every_call(batching_live_engine *engine, batching_status *statuses) {
    batching_live_engine *copy = NULL;
    INITIALIZED(batching_live_engine_events, events);
    INITIALIZED(batching_live_engine_state, now);
    INITIALIZED(batching_requests, requests);
    statuses[0] = batching_live_engine_observe(engine, &now);
    statuses[1] = batching_live_engine_advance(engine, 9.0, 0);
    statuses[2] = batching_live_engine_fork(engine, &copy);
    statuses[3] = batching_live_engine_poll(engine, &events);
    statuses[4] = batching_live_engine_submit(engine, &requests, NULL);
    statuses[5] = batching_live_engine_abort(engine, 0);
    statuses[6] = batching_live_engine_set_output_length(engine, 0, 1);
    statuses[7] = batching_live_engine_estimate(engine, &requests, NULL);
    statuses[8] = batching_live_engine_destroy(engine);
}

/* First come, first served, each with all that it has to compute. */
static int32_t decide(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    struct policy *policy = user_data;
    const int asked = policy->asked++;
    assert_true(asked < MOST_ASKED && view->count <= MOST_ROWS);
    policy->time[asked] = view->time;
    policy->iteration[asked] = view->iteration;
    policy->count[asked] = view->count;
    for (int64_t row = 0; row < view->count; row++) {
        policy->request[asked][row] = view->request[row];
        policy->output[asked][row] = view->oracle_output_tokens[row];
    }
    if (policy->engine != NULL) {
        try_every_call(policy->engine, policy->statuses);
    }
    if (policy->waits_until > 0.0 && view->time == policy->waits_at) {
        decision->wait_until = policy->waits_until;
        return policy->returned;
    }
    for (int64_t row = 0; row < view->count && row < view->max_num_seqs; row++) {
        decision->scheduled_row[row] = row;
        decision->scheduled_tokens[row] =
            (int32_t)(view->prompt_tokens[row] + view->generated_tokens[row] - view->computed_tokens[row]);
        decision->scheduled_count = row + 1;
    }
    if (policy->spoil != NULL) {
        policy->spoil(decision);
    }
    return policy->returned;
}

/* Two slots; an iteration takes a quarter of a second. */
static batching_live_engine *engine_with(struct policy *policy) {
    INITIALIZED(batching_engine_config, config);
    config.policy = BATCHING_POLICY_CUSTOM;
    config.policy_callback = decide;
    config.policy_user_data = policy;
    config.max_num_seqs = 2;
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 0.25;
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_create(&config, &engine));
    return engine;
}

/* Three requests of a token and four, two and three to generate. */
static const int64_t NAMES[] = {70, INT64_MIN, -3};

static void submit_three(batching_live_engine *engine) {
    INITIALIZED(batching_requests, requests);
    requests.count = 3;
    requests.output_length = LENGTHS(4, 2, 3);
    assert_succeeds(batching_live_engine_submit(engine, &requests, NAMES));
}

static batching_live_engine_state state_of(batching_live_engine *engine) {
    INITIALIZED(batching_live_engine_state, now);
    assert_succeeds(batching_live_engine_observe(engine, &now));
    return now;
}

static void it_is_shown_the_ids_of_those_in_flight(void **state) {
    (void)state;
    struct policy policy = {.asked = 0};
    batching_live_engine *engine = engine_with(&policy);
    submit_three(engine);
    assert_succeeds(batching_live_engine_advance(engine, 0.3, 0));
    assert_int_equal(policy.asked, 2);
    assert_integers(policy.request[1], 70, INT64_MIN, -3);
    assert_integers(policy.output[1], 4, 2, 3);
    /* The second has its last token at 0.5, and leaves; the first is to have three, and the third, which waits, one. */
    assert_succeeds(batching_live_engine_set_output_length(engine, 70, 3));
    assert_succeeds(batching_live_engine_set_output_length(engine, -3, 1));
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    assert_int_equal(policy.asked, 3);
    assert_int_equal(policy.count[2], 2);
    assert_integers(policy.request[2], 70, -3);
    assert_integers(policy.output[2], 3, 1);
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_int_equal(policy.asked, 3);
    assert_int_equal(state_of(engine).finished, 3);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void an_aborted_request_is_shown_no_longer(void **state) {
    (void)state;
    struct policy policy = {.asked = 0};
    batching_live_engine *engine = engine_with(&policy);
    submit_three(engine);
    assert_succeeds(batching_live_engine_advance(engine, 0.1, 0));
    /* It runs, and leaves at the end of the iteration. */
    assert_succeeds(batching_live_engine_abort(engine, 70));
    assert_succeeds(batching_live_engine_advance(engine, 0.3, 0));
    assert_int_equal(policy.count[1], 2);
    assert_integers(policy.request[1], INT64_MIN, -3);
    assert_succeeds(batching_live_engine_abort(engine, -3));
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_int_equal(policy.asked, 2);
    assert_int_equal(state_of(engine).aborted, 2);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void a_wait_goes_on_beyond_where_the_clock_stops(void **state) {
    (void)state;
    struct policy policy = {.waits_at = 0.0, .waits_until = 2.0};
    batching_live_engine *engine = engine_with(&policy);
    submit_three(engine);
    for (int eighth = 1; eighth < 16; eighth++) {
        assert_succeeds(batching_live_engine_advance(engine, 0.125 * eighth, 0));
    }
    assert_int_equal(policy.asked, 1);
    assert_succeeds(batching_live_engine_advance(engine, 2.1, 0));
    assert_int_equal(policy.asked, 2);
    assert_double_equal(policy.time[1], 2.0);
    assert_int_equal(policy.iteration[1], 0);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void what_it_stops_goes_on_by_asking_again(void **state) {
    (void)state;
    struct policy policy = {.returned = 7};
    batching_live_engine *engine = engine_with(&policy);
    submit_three(engine);
    const batching_live_engine_state before = state_of(engine);
    for (int call = 0; call < 2; call++) {
        assert_int_equal(batching_live_engine_advance(engine, 5.0, 0), BATCHING_ERROR_CANCELLED);
        assert_error_names("policy_callback returned 7: the run was stopped");
        const batching_live_engine_state after = state_of(engine);
        assert_memory_equal(&after, &before, sizeof after);
    }
    policy.returned = 0;
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_int_equal(state_of(engine).finished, 3);
    assert_int_equal(policy.iteration[2], 0);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void name_it_twice(batching_policy_decision *decision) {
    decision->scheduled_row[1] = 0;
}

static void want_too_much(batching_policy_decision *decision) {
    decision->scheduled_tokens[0]++;
}

static void want_more_than_there_are(batching_policy_decision *decision) {
    decision->scheduled_count = INT64_MAX;
}

static void wait_at_once(batching_policy_decision *decision) {
    decision->wait_until = 100.0;
}

static void an_answer_that_is_not_valid_changes_nothing(void **state) {
    (void)state;
    static const struct {
        void (*spoil)(batching_policy_decision *decision);
        const char *sentence;
    } ANSWERS[] = {
        {name_it_twice, "the policy's answer for iteration 1: scheduled_row[1] is 0: that row is scheduled already"},
        {want_too_much,
         "the policy's answer for iteration 1: scheduled_tokens[0] is 2: must be between 1 and the 1 that "
         "request 70 has yet to compute"},
        {want_more_than_there_are,
         "scheduled_count is 9223372036854775807: must be between 0 and the number of rows of the view, 3"},
        {wait_at_once, "wait_until is 100.0: must be 0 if a row is scheduled or preempted"},
    };
    struct policy policy = {.asked = 0};
    batching_live_engine *engine = engine_with(&policy);
    submit_three(engine);
    assert_succeeds(batching_live_engine_advance(engine, 0.1, 0));
    for (size_t answer = 0; answer < sizeof ANSWERS / sizeof *ANSWERS; answer++) {
        policy.spoil = ANSWERS[answer].spoil;
        assert_int_equal(batching_live_engine_advance(engine, 5.0, 0), BATCHING_ERROR_INVALID_ARGUMENT);
        assert_error_names(ANSWERS[answer].sentence);
        /* The iteration before it is over, and nothing is of it. */
        const batching_live_engine_state now = state_of(engine);
        assert_double_equal(now.clock, 0.25);
        assert_int_equal(now.iterations, 1);
        assert_int_equal(now.running, 2);
        assert_int_equal(now.waiting, 1);
    }
    policy.spoil = NULL;
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    /* As if nothing had been: the third request begins with the third iteration, and has three. */
    assert_double_equal(state_of(engine).clock, 1.25);
    assert_int_equal(state_of(engine).iterations, 5);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void an_estimate_and_a_copy_ask_it_too(void **state) {
    (void)state;
    struct policy policy = {.asked = 0};
    batching_live_engine *engine = engine_with(&policy), *copy = NULL;
    submit_three(engine);
    assert_succeeds(batching_live_engine_advance(engine, 0.1, 0));
    const batching_live_engine_state before = state_of(engine);
    INITIALIZED(batching_requests, requests);
    requests.count = 1;
    INITIALIZED(batching_results, results);
    double end_time = 0.0;
    results.capacity = 1;
    results.end_time = &end_time;
    /* The fourth has its only token in the fifth iteration: the first has its last at 1.0. */
    assert_succeeds(batching_live_engine_estimate(engine, &requests, &results));
    assert_double_equal(end_time, 1.25);
    const int asked = policy.asked;
    assert_true(asked > 1);
    assert_int_equal(policy.request[1][3], INT64_MIN + 1);
    policy.returned = 1;
    assert_int_equal(batching_live_engine_estimate(engine, &requests, &results), BATCHING_ERROR_CANCELLED);
    policy.returned = 0;
    policy.spoil = name_it_twice;
    assert_int_equal(batching_live_engine_estimate(engine, &requests, &results), BATCHING_ERROR_INVALID_ARGUMENT);
    policy.spoil = NULL;
    assert_succeeds(batching_live_engine_fork(engine, &copy));
    assert_succeeds(batching_live_engine_advance(copy, INFINITY, 0));
    assert_int_equal(state_of(copy).finished, 3);
    assert_succeeds(batching_live_engine_destroy(copy));
    const batching_live_engine_state after = state_of(engine);
    assert_memory_equal(&after, &before, sizeof after);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void it_cannot_use_its_own_engine(void **state) {
    (void)state;
    struct policy policy = {.asked = 0};
    batching_live_engine *engine = engine_with(&policy);
    submit_three(engine);
    policy.engine = engine;
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    for (int call = 0; call < CALLS; call++) {
        assert_int_equal(policy.statuses[call], BATCHING_ERROR_BUSY);
    }
    assert_int_equal(state_of(engine).finished, 3);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void what_it_cannot_have_is_named(void **state) {
    (void)state;
    struct policy policy = {.asked = 0};
    INITIALIZED(batching_engine_config, config);
    config.policy = BATCHING_POLICY_CUSTOM;
    config.policy_user_data = &policy;
    batching_live_engine *engine = NULL;
    assert_int_equal(batching_live_engine_create(&config, &engine), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("policy_callback is NULL: it is required");
    config.policy_callback = decide;
    config.queue_order = BATCHING_QUEUE_PRIORITY;
    assert_int_equal(batching_live_engine_create(&config, &engine), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names("queue_order is 100: must be 0 with policy custom");
    config.queue_order = BATCHING_QUEUE_ARRIVAL;
    config.enable_prefix_caching = 1;
    assert_int_equal(batching_live_engine_create(&config, &engine), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names("enable_prefix_caching is 1: must be 0 without num_gpu_blocks");
    assert_null(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_shown_the_ids_of_those_in_flight),
        cmocka_unit_test(an_aborted_request_is_shown_no_longer),
        cmocka_unit_test(a_wait_goes_on_beyond_where_the_clock_stops),
        cmocka_unit_test(what_it_stops_goes_on_by_asking_again),
        cmocka_unit_test(an_answer_that_is_not_valid_changes_nothing),
        cmocka_unit_test(an_estimate_and_a_copy_ask_it_too),
        cmocka_unit_test(it_cannot_use_its_own_engine),
        cmocka_unit_test(what_it_cannot_have_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
