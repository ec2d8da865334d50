/* The callbacks that tell how long an iteration takes, and how far a run has come. */
#include "engine_support.h"

/* What a time callback was asked, and what it answers: element i in iteration i, the last of them from then on. */
struct answers {
    const double *seconds;
    int count;
    int32_t returned_at_last;
    batching_iteration asked[ENGINE_CAPACITY];
    int calls;
};

static int32_t answer(const batching_iteration *iteration, double *seconds, void *user_data) {
    struct answers *answers = user_data;
    assert_in_range(answers->calls, 0, ENGINE_CAPACITY - 1);
    int call = answers->calls++;
    answers->asked[call] = *iteration;
    *seconds = answers->seconds[call < answers->count ? call : answers->count - 1];
    return call == answers->count - 1 ? answers->returned_at_last : 0;
}

static void engine_ask(struct engine *engine, struct answers *answers) {
    engine->config.time_model = BATCHING_TIME_CALLBACK;
    engine->config.time_callback = answer;
    engine->config.time_user_data = answers;
}

static void an_iteration_takes_what_the_callback_answers(void **state) {
    (void)state;
    struct engine engine;
    struct answers answers = {.seconds = TIMES(0.5, 1.0, 1.5), .count = 3};
    engine_init(&engine, 1);
    engine_ask(&engine, &answers);
    engine.config.num_gpu_blocks = 5;
    engine.config.block_size = 2;
    engine.requests.prompt_length = LENGTHS(3);
    engine.requests.output_length = LENGTHS(3);
    engine_run(&engine);
    assert_int_equal(answers.calls, 3);
    assert_times(engine.first_token_time, 0.5);
    assert_times(engine.end_time, 3.0);
    assert_double_equal(engine.summary.busy_time, 3.0);

    /* A prompt of 3 in two blocks; then a token that attends to 4, and one that attends to 5 and needs a block. */
    const int64_t prefill_tokens[] = {3, 0, 0}, decode_tokens[] = {0, 1, 1}, context_tokens[] = {0, 4, 5};
    const int64_t kv_blocks_used[] = {2, 2, 3};
    const double time[] = {0.0, 0.5, 1.5}, prefill_context[] = {9.0, 0.0, 0.0};
    for (int number = 0; number < 3; number++) {
        const batching_iteration *asked = &answers.asked[number];
        assert_int_equal(asked->struct_size, sizeof *asked);
        assert_int_equal(asked->reserved, 0);
        assert_int_equal(asked->number, number);
        assert_double_equal(asked->time, time[number]);
        assert_int_equal(asked->running, 1);
        assert_int_equal(asked->waiting, 0);
        assert_int_equal(asked->prefill_tokens, prefill_tokens[number]);
        assert_int_equal(asked->decode_tokens, decode_tokens[number]);
        assert_int_equal(asked->context_tokens, context_tokens[number]);
        assert_double_equal(asked->prefill_context, prefill_context[number]);
        assert_int_equal(asked->kv_blocks_used, kv_blocks_used[number]);
        assert_int_equal(asked->preemptions, 0);
    }
}

static void the_context_of_a_chunk_is_what_is_there_after_it(void **state) {
    (void)state;
    /* Chunks of 4, 4 and 2 tokens after which 4, 8 and 10 are there. */
    struct engine engine;
    struct answers answers = {.seconds = TIMES(1.0), .count = 1};
    engine_init(&engine, 1);
    engine_ask(&engine, &answers);
    engine.config.max_num_seqs = 1;
    engine.config.max_num_batched_tokens = 4;
    engine.requests.prompt_length = LENGTHS(10);
    engine_run(&engine);
    assert_int_equal(answers.calls, 3);
    assert_double_equal(answers.asked[0].prefill_context, 4 * 4);
    assert_double_equal(answers.asked[1].prefill_context, 4 * 8);
    assert_double_equal(answers.asked[2].prefill_context, 2 * 10);
}

static void the_callback_sees_the_waiting_and_the_preempted(void **state) {
    (void)state;
    struct engine engine;
    struct answers answers = {.seconds = TIMES(1.0), .count = 1};
    engine_init_short_of_memory(&engine);
    engine_ask(&engine, &answers);
    engine_run(&engine);
    assert_int_equal(answers.calls, 6);
    const int64_t running[] = {2, 2, 1, 1, 1, 1}, waiting[] = {0, 0, 1, 1, 0, 0};
    const int64_t preemptions[] = {0, 0, 1, 0, 0, 0}, prefill_tokens[] = {6, 0, 0, 0, 5, 0};
    for (int number = 0; number < 6; number++) {
        assert_int_equal(answers.asked[number].running, running[number]);
        assert_int_equal(answers.asked[number].waiting, waiting[number]);
        assert_int_equal(answers.asked[number].preemptions, preemptions[number]);
        assert_int_equal(answers.asked[number].prefill_tokens, prefill_tokens[number]);
    }
    assert_double_equal(answers.asked[0].prefill_context, 3 * 3 + 3 * 3);
    assert_double_equal(answers.asked[4].prefill_context, 5 * 5);
}

static void it_is_asked_only_for_iterations_that_compute(void **state) {
    (void)state;
    /* Asynchronously, iterations 1 and 3 are empty. */
    struct engine engine;
    struct answers answers = {.seconds = TIMES(1.0), .count = 1};
    engine_init(&engine, 2);
    engine_ask(&engine, &answers);
    engine.config.max_num_seqs = 1;
    engine.config.async_scheduling = 1;
    engine_run(&engine);
    assert_int_equal(engine.summary.iterations, 4);
    assert_int_equal(answers.calls, 2);
    assert_int_equal(answers.asked[0].number, 0);
    assert_int_equal(answers.asked[1].number, 2);
}

static void an_answer_is_rounded_to_nanoseconds_and_may_be_none(void **state) {
    (void)state;
    /* 2^-10 s is 976,562.5 ns, and three times that 2,929,687.5 ns: halves go to the even number. */
    struct engine engine;
    struct answers answers = {.seconds = TIMES(0x1p-10, 0x3p-10, 0.0, -0.0), .count = 4};
    engine_init(&engine, 1);
    engine_ask(&engine, &answers);
    engine.requests.output_length = LENGTHS(4);
    engine_run(&engine);
    assert_times(engine.first_token_time, 976562e-9);
    assert_times(engine.end_time, (976562 + 2929688) * 1e-9);
}

static void an_answer_that_is_no_time_ends_the_run(void **state) {
    (void)state;
    const struct {
        double seconds;
        const char *named;
    } bad[] = {{NAN, "iteration 1 is nan"},
               {INFINITY, "iteration 1 is inf"},
               {-INFINITY, "iteration 1 is -inf"},
               {-1.0, "iteration 1 is -1.0"},
               {9223372037.0, "iteration 1 is 9223372037.0"}};
    for (size_t which = 0; which < sizeof bad / sizeof *bad; which++) {
        struct engine engine;
        struct answers answers = {.seconds = TIMES(1.0, bad[which].seconds), .count = 2};
        engine_init(&engine, 1);
        engine_ask(&engine, &answers);
        engine.requests.output_length = LENGTHS(3);
        batching_summary before = engine.summary;
        assert_fails(batching_simulate(&engine.config, &engine.requests, &engine.results, &engine.summary),
                     BATCHING_ERROR_INVALID_ARGUMENT, bad[which].named);
        assert_error_names("time_callback");
        assert_int_equal(answers.calls, 2);
        assert_memory_equal(&engine.summary, &before, sizeof before);
    }
}

static int32_t answer_nothing(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration, (void)seconds, (void)user_data;
    return 0;
}

static void to_answer_nothing_is_no_time(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 1);
    engine.config.time_model = BATCHING_TIME_CALLBACK;
    engine.config.time_callback = answer_nothing;
    assert_fails(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "time_callback's answer for iteration 0 is nan");
}

static void answers_beyond_the_clock_overflow(void **state) {
    (void)state;
    struct engine engine;
    struct answers answers = {.seconds = TIMES(BATCHING_TIME_MAX, 1e-9), .count = 2};
    engine_init(&engine, 1);
    engine_ask(&engine, &answers);
    engine_run(&engine);
    assert_times(engine.end_time, BATCHING_TIME_MAX);
    answers.calls = 0;
    engine.requests.output_length = LENGTHS(2);
    assert_fails(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_OVERFLOW,
                 "iteration 1");
}

static void a_time_callback_stops_the_run(void **state) {
    (void)state;
    struct engine engine;
    struct answers answers = {.seconds = TIMES(1.0, NAN), .count = 2, .returned_at_last = 3};
    engine_init(&engine, 1);
    engine_ask(&engine, &answers);
    engine.requests.output_length = LENGTHS(3);
    batching_summary before = engine.summary;
    assert_fails(batching_simulate(&engine.config, &engine.requests, &engine.results, &engine.summary),
                 BATCHING_ERROR_CANCELLED, "time_callback returned 3");
    assert_int_equal(answers.calls, 2);
    assert_memory_equal(&engine.summary, &before, sizeof before);
}

struct reports {
    batching_progress reported[ENGINE_CAPACITY];
    int calls;
    int stop_at_call;
};

static int32_t report(const batching_progress *progress, void *user_data) {
    struct reports *reports = user_data;
    assert_in_range(reports->calls, 0, ENGINE_CAPACITY - 1);
    reports->reported[reports->calls++] = *progress;
    return reports->calls == reports->stop_at_call ? -5 : 0;
}

static void engine_report(struct engine *engine, struct reports *reports) {
    engine->config.progress_callback = report;
    engine->config.progress_user_data = reports;
}

static void progress_is_reported_at_every_interval(void **state) {
    (void)state;
    /* 10 iterations of request 0, beside one that is rejected, and much later 1 of request 2. */
    struct engine engine;
    struct reports reports = {.calls = 0};
    engine_init(&engine, 3);
    engine_report(&engine, &reports);
    engine.config.progress_interval = 5;
    engine.config.max_model_len = 12;
    engine.requests.prompt_length = LENGTHS(1, 12, 1);
    engine.requests.output_length = LENGTHS(10, 1, 1);
    engine.requests.arrival_time = TIMES(0.0, 0.0, 100.0);
    engine_run(&engine);
    assert_int_equal(engine.summary.iterations, 11);
    assert_int_equal(reports.calls, 2);
    const int64_t arrived[] = {2, 3}, finished[] = {0, 1};
    const double time[] = {5.0, 100.0};
    for (int call = 0; call < 2; call++) {
        const batching_progress *reported = &reports.reported[call];
        assert_int_equal(reported->struct_size, sizeof *reported);
        assert_int_equal(reported->reserved, 0);
        assert_int_equal(reported->iterations, 5 * (call + 1));
        assert_double_equal(reported->time, time[call]);
        assert_int_equal(reported->arrived, arrived[call]);
        assert_int_equal(reported->finished, finished[call]);
        assert_int_equal(reported->count, 3);
    }
}

static void by_default_progress_is_reported_every_4096_iterations(void **state) {
    (void)state;
    struct engine engine;
    struct reports reports = {.calls = 0};
    engine_init(&engine, 1);
    engine_report(&engine, &reports);
    engine.requests.output_length = LENGTHS(3 * 4096);
    engine_run(&engine);
    assert_int_equal(reports.calls, 2);
    assert_int_equal(reports.reported[0].iterations, 4096);
    assert_int_equal(reports.reported[1].iterations, 2 * 4096);
}

static void a_progress_callback_stops_the_run(void **state) {
    (void)state;
    struct engine engine;
    struct reports reports = {.stop_at_call = 2};
    engine_init(&engine, 1);
    engine_report(&engine, &reports);
    engine.config.progress_interval = 1;
    engine.requests.output_length = LENGTHS(5);
    batching_summary before = engine.summary;
    assert_fails(batching_simulate(&engine.config, &engine.requests, &engine.results, &engine.summary),
                 BATCHING_ERROR_CANCELLED, "progress_callback returned -5");
    assert_int_equal(reports.calls, 2);
    assert_memory_equal(&engine.summary, &before, sizeof before);
}

/* A whole run in a callback: nothing is shared between the two. */
static int32_t simulate_inside(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration;
    struct engine *inner = user_data;
    if (batching_simulate(&inner->config, &inner->requests, &inner->results, &inner->summary) != BATCHING_OK) {
        return 1;
    }
    *seconds = inner->summary.total_time;
    return 0;
}

static void a_callback_may_simulate_itself(void **state) {
    (void)state;
    struct engine outer, inner;
    engine_init(&inner, 2);
    inner.requests.output_length = LENGTHS(2, 3);
    engine_init(&outer, 1);
    outer.config.time_model = BATCHING_TIME_CALLBACK;
    outer.config.time_callback = simulate_inside;
    outer.config.time_user_data = &inner;
    outer.requests.output_length = LENGTHS(4);
    engine_run(&outer);
    assert_times(outer.end_time, 4 * 3.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_iteration_takes_what_the_callback_answers),
        cmocka_unit_test(the_context_of_a_chunk_is_what_is_there_after_it),
        cmocka_unit_test(the_callback_sees_the_waiting_and_the_preempted),
        cmocka_unit_test(it_is_asked_only_for_iterations_that_compute),
        cmocka_unit_test(an_answer_is_rounded_to_nanoseconds_and_may_be_none),
        cmocka_unit_test(an_answer_that_is_no_time_ends_the_run),
        cmocka_unit_test(to_answer_nothing_is_no_time),
        cmocka_unit_test(answers_beyond_the_clock_overflow),
        cmocka_unit_test(a_time_callback_stops_the_run),
        cmocka_unit_test(progress_is_reported_at_every_interval),
        cmocka_unit_test(by_default_progress_is_reported_every_4096_iterations),
        cmocka_unit_test(a_progress_callback_stops_the_run),
        cmocka_unit_test(a_callback_may_simulate_itself),
    };
    return cmocka_run_group_tests_name("engine_callbacks", tests, NULL, NULL);
}
