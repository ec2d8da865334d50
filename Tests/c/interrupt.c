/* batching_interrupt_set: calls ask after a bounded amount of work, and what they write does not depend on it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

struct asked {
    int64_t times;
    int64_t stops_at; /* 0: never */
    batching_engine *engine;
    batching_status busy;
};

static int32_t ask(void *user_data) {
    struct asked *asked = user_data;
    asked->times++;
    if (asked->engine != NULL)
        asked->busy = batching_engine_abort(asked->engine, 0);
    return asked->times == asked->stops_at;
}

enum { COUNT = 2000000 };

static int32_t lengths[COUNT];
static double first[COUNT], second[COUNT];

static batching_status static_run(double *end_time) {
    batching_requests requests;
    batching_results results;
    batching_requests_init(&requests, sizeof requests);
    batching_results_init(&results, sizeof results);
    requests.count = COUNT;
    requests.output_length = lengths;
    results.capacity = COUNT;
    results.end_time = end_time;
    return batching_static_simulate(&requests, 8, 0.01, &results, NULL);
}

static void bytes_do_not_depend_on_it(void **state) {
    (void)state;
    for (int64_t index = 0; index < COUNT; index++)
        lengths[index] = (int32_t)(1 + index % 97);
    assert_int_equal(static_run(first), BATCHING_OK);
    struct asked asked = {0};
    assert_null(batching_interrupt_set(ask, &asked));
    assert_int_equal(static_run(second), BATCHING_OK);
    /* At least once in 2^20 rows. */
    assert_true(asked.times >= COUNT >> 20);
    assert_true(batching_interrupt_set(NULL, NULL) == ask);
    assert_memory_equal(first, second, sizeof first);
    asked.times = 0;
    assert_int_equal(static_run(second), BATCHING_OK);
    assert_int_equal(asked.times, 0);
}

static void another_answer_than_0_stops_the_call(void **state) {
    (void)state;
    struct asked asked = {.stops_at = 1};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_workload_generate(NULL, COUNT, lengths, lengths, first), BATCHING_ERROR_CANCELLED);
    assert_string_equal(batching_last_error(), "the interrupt callback stopped the call");
    assert_int_equal(asked.times, 1);
    batching_interrupt_set(NULL, NULL);
}

/* One token for each that is there: every row is looked at in every iteration. */
static int32_t one_token_each(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)user_data;
    for (int64_t row = 0; row < view->count; row++) {
        decision->scheduled_row[row] = row;
        decision->scheduled_tokens[row] = 1;
    }
    decision->scheduled_count = view->count;
    return 0;
}

/* A prompt in chunks of one token ahead of many that decode. */
static batching_engine *crowd(int64_t count) {
    batching_config config;
    batching_config_init(&config, sizeof config);
    config.max_num_seqs = count + 1;
    config.max_num_batched_tokens = 1 << 30;
    config.policy = BATCHING_POLICY_CUSTOM;
    config.policy_callback = one_token_each;
    batching_engine *engine = NULL;
    assert_int_equal(batching_engine_create(&config, &engine), BATCHING_OK);
    int32_t *prompt = malloc((size_t)(count + 1) * sizeof *prompt),
            *output = malloc((size_t)(count + 1) * sizeof *output);
    assert_non_null(prompt);
    assert_non_null(output);
    for (int64_t index = 0; index <= count; index++) {
        prompt[index] = index == 0 ? 2000000000 : 1;
        output[index] = 2000000;
    }
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = count + 1;
    requests.prompt_length = prompt;
    requests.output_length = output;
    assert_int_equal(batching_engine_submit(engine, &requests, NULL), BATCHING_OK);
    free(prompt);
    free(output);
    return engine;
}

/* One request, and two million bins. */
static void bins_of_a_timeline_are_counted(void **state) {
    (void)state;
    batching_recorded recorded;
    batching_load_timeline timeline;
    batching_recorded_init(&recorded, sizeof recorded);
    batching_load_timeline_init(&timeline, sizeof timeline);
    const double start = 0, end = 1;
    const int32_t length = 1;
    recorded.count = 1;
    recorded.start_time = &start;
    recorded.end_time = &end;
    recorded.output_length = &length;
    timeline.bins = timeline.capacity = COUNT;
    timeline.time = first;
    struct asked asked = {.stops_at = 1};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_load_calculate(&recorded, NULL, NULL, &timeline), BATCHING_ERROR_CANCELLED);
    asked = (struct asked){0};
    assert_int_equal(batching_load_calculate(&recorded, NULL, NULL, &timeline), BATCHING_OK);
    batching_interrupt_set(NULL, NULL);
    assert_true(asked.times >= COUNT >> 20);
    assert_int_equal(timeline.count, COUNT);
}

static void iterations_that_walk_ask_sooner(void **state) {
    (void)state;
    batching_engine *engine = crowd(20000);
    struct asked asked = {.stops_at = 10, .engine = engine};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_CANCELLED);
    batching_interrupt_set(NULL, NULL);
    /* The handle is in use meanwhile. */
    assert_int_equal(asked.busy, BATCHING_ERROR_BUSY);
    batching_engine_state told;
    batching_engine_state_init(&told, sizeof told);
    assert_int_equal(batching_engine_observe(engine, &told), BATCHING_OK);
    /* Iterations that look at nobody ask every 65,536 of them. */
    assert_true(told.iterations < 10 * 65536);
    /* It goes on. */
    int64_t before = told.iterations;
    assert_int_equal(batching_engine_advance(engine, INFINITY, 100), BATCHING_OK);
    assert_int_equal(batching_engine_observe(engine, &told), BATCHING_OK);
    assert_int_equal(told.iterations, before + 100);
    assert_int_equal(batching_engine_destroy(engine), BATCHING_OK);
}

static void a_submit_that_is_stopped_takes_nothing(void **state) {
    (void)state;
    batching_engine *engine = NULL;
    assert_int_equal(batching_engine_create(NULL, &engine), BATCHING_OK);
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = COUNT;
    struct asked asked = {.stops_at = 2};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_engine_submit(engine, &requests, NULL), BATCHING_ERROR_CANCELLED);
    batching_interrupt_set(NULL, NULL);
    batching_engine_state told;
    batching_engine_state_init(&told, sizeof told);
    assert_int_equal(batching_engine_observe(engine, &told), BATCHING_OK);
    assert_int_equal(told.submitted, 0);
    assert_int_equal(batching_engine_submit(engine, &requests, NULL), BATCHING_OK);
    assert_int_equal(batching_engine_observe(engine, &told), BATCHING_OK);
    assert_int_equal(told.submitted, COUNT);
    assert_int_equal(batching_engine_destroy(engine), BATCHING_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_do_not_depend_on_it),
        cmocka_unit_test(another_answer_than_0_stops_the_call),
        cmocka_unit_test(bins_of_a_timeline_are_counted),
        cmocka_unit_test(iterations_that_walk_ask_sooner),
        cmocka_unit_test(a_submit_that_is_stopped_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
