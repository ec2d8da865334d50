/* How a run of the engine ends: what becomes of requests that cannot be served, or not in time. */
#include "engine_support.h"

static void a_prompt_that_leaves_no_room_for_a_token_is_rejected(void **state) {
    (void)state;
    /* Of 8 tokens: a prompt of 8 leaves none, one of 7 a single one, one of 2 has its 3. */
    struct engine engine;
    engine_init(&engine, 4);
    engine.config.max_model_len = 8;
    engine.requests.prompt_length = LENGTHS(8, 7, 2, INT32_MAX);
    engine.requests.output_length = LENGTHS(1, 5, 3, 1);
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_REJECTED_MODEL_LENGTH, BATCHING_REQUEST_FINISHED,
                    BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_REJECTED_MODEL_LENGTH);
    assert_times(engine.start_time, NAN, 0.0, 0.0, NAN);
    assert_times(engine.first_token_time, NAN, 1.0, 1.0, NAN);
    assert_times(engine.end_time, NAN, 1.0, 3.0, NAN);
    assert_integers(engine.tokens_generated, 0, 1, 3, 0);
    assert_integers(engine.completion_order, 1, 2, -1, -1);
    assert_integers(engine.preemptions, 0, 0, 0, 0);
    assert_integers(engine.prefix_cached_tokens, 0, 0, 0, 0);
    assert_int_equal(engine.summary.finished, 2);
    assert_int_equal(engine.summary.rejected, 2);
    assert_int_equal(engine.summary.unfinished, 0);
    assert_int_equal(engine.summary.total_tokens, 4);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_COMPLETED);
}

static void a_request_that_needs_more_blocks_than_there_are_is_rejected(void **state) {
    (void)state;
    /* Four blocks of 2. The KV of the last token is never computed, so that 8 + 1 tokens fit, and 8 + 2 do not. */
    struct engine engine;
    engine_init(&engine, 3);
    engine.config.num_gpu_blocks = 5;
    engine.config.block_size = 2;
    engine.requests.prompt_length = LENGTHS(8, 8, 9);
    engine.requests.output_length = LENGTHS(1, 2, 1);
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_REJECTED_KV_MEMORY,
                    BATCHING_REQUEST_REJECTED_KV_MEMORY);
    assert_times(engine.end_time, 1.0, NAN, NAN);
    /* A policy that reserves blocks cannot know which token is the last. */
    engine.config.policy = BATCHING_POLICY_ORCA;
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_REJECTED_KV_MEMORY, BATCHING_REQUEST_REJECTED_KV_MEMORY,
                    BATCHING_REQUEST_REJECTED_KV_MEMORY);
    assert_int_equal(engine.summary.iterations, 0);
    assert_int_equal(engine.summary.rejected, 3);
}

static void without_chunks_what_is_longer_than_the_budget_is_rejected(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 2);
    engine.config.max_num_seqs = 2;
    engine.config.max_num_batched_tokens = 4;
    engine.requests.prompt_length = LENGTHS(5, 4);
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_FINISHED);
    engine.config.disable_chunked_prefill = 1;
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_REJECTED_TOKEN_BUDGET, BATCHING_REQUEST_FINISHED);
    /* Other policies have no budget. */
    engine.config.policy = BATCHING_POLICY_CONTINUOUS;
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_FINISHED);
}

/* One that ends in iteration 1, one that needs 5, one that comes in iteration 2, and one much later. */
static void engine_run_until_it_is_cut_off(struct engine *engine) {
    static const int32_t output_length[4] = {2, 5, 1, 1};
    static const double arrival_time[4] = {0.0, 0.0, 2.5, 100.0};
    engine->requests.output_length = output_length;
    engine->requests.arrival_time = arrival_time;
    engine_run(engine);
    assert_integers(engine->status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_UNFINISHED, BATCHING_REQUEST_UNFINISHED,
                    BATCHING_REQUEST_UNFINISHED);
    assert_times(engine->start_time, 0.0, 0.0, NAN, NAN);
    assert_times(engine->first_token_time, 1.0, 1.0, NAN, NAN);
    assert_times(engine->end_time, 2.0, NAN, NAN, NAN);
    assert_integers(engine->tokens_generated, 2, 3, 0, 0);
    assert_integers(engine->completion_order, 0, -1, -1, -1);
    assert_int_equal(engine->summary.iterations, 3);
    assert_int_equal(engine->summary.total_tokens, 5);
    assert_double_equal(engine->summary.total_time, 2.0);
    assert_double_equal(engine->summary.duration, 3.0);
    assert_int_equal(engine->summary.finished, 1);
    assert_int_equal(engine->summary.rejected, 0);
    assert_int_equal(engine->summary.unfinished, 3);
}

static void no_iteration_starts_at_the_time_limit(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 4);
    engine.config.time_limit = 3.0;
    engine_run_until_it_is_cut_off(&engine);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_TIME_LIMIT);
    /* The one that started before it ends after it. */
    engine.config.time_limit = 2.1;
    engine_run_until_it_is_cut_off(&engine);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_TIME_LIMIT);
    /* Nothing starts between the last end and an arrival beyond the limit. */
    engine.config.time_limit = 50.0;
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_FINISHED,
                    BATCHING_REQUEST_UNFINISHED);
    assert_double_equal(engine.summary.duration, 5.0);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_TIME_LIMIT);
}

static void no_more_iterations_than_the_limit_run(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 4);
    engine.config.iteration_limit = 3;
    engine_run_until_it_is_cut_off(&engine);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_ITERATION_LIMIT);
    /* Five iterations complete the first three requests, and a sixth the last: then no limit was in the way. */
    engine.config.iteration_limit = 6;
    engine_run(&engine);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_COMPLETED);
    assert_int_equal(engine.summary.iterations, 6);
}

static void a_request_that_never_fits_is_stuck_if_it_is_forced_and_so_is_the_one_behind(void **state) {
    (void)state;
    /* A prompt of 9 tokens never fits into four blocks of 2; what arrives later waits behind it. */
    struct engine engine;
    engine_init(&engine, 3);
    engine.config.num_gpu_blocks = 5;
    engine.config.block_size = 2;
    engine.config.admit_oversized = 1;
    engine.requests.prompt_length = LENGTHS(9, 2, 2);
    engine.requests.arrival_time = TIMES(0.0, 0.0, 7.0);
    for (int32_t is_asynchronous = 0; is_asynchronous < 2; is_asynchronous++) {
        engine.config.async_scheduling = is_asynchronous;
        engine_run(&engine);
        assert_integers(engine.status, BATCHING_REQUEST_STUCK, BATCHING_REQUEST_STUCK, BATCHING_REQUEST_STUCK);
        assert_times(engine.start_time, NAN, NAN, NAN);
        assert_times(engine.end_time, NAN, NAN, NAN);
        assert_integers(engine.completion_order, -1, -1, -1);
        assert_int_equal(engine.summary.end_reason, BATCHING_END_STUCK);
        assert_int_equal(engine.summary.unfinished, 3);
        assert_double_equal(engine.summary.busy_time, 0.0);
    }
}

static void a_request_that_outgrows_the_memory_preempts_itself_and_is_stuck(void **state) {
    (void)state;
    /*
     * Four blocks of 2 hold 8 tokens: the prompt and 7 that it generated. The eighth it generates too, but its KV has
     * no place; and the 9 tokens that are then known have none ever after.
     */
    struct engine engine;
    engine_init(&engine, 1);
    engine.config.num_gpu_blocks = 5;
    engine.config.block_size = 2;
    engine.config.admit_oversized = 1;
    engine.requests.output_length = LENGTHS(20);
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_STUCK);
    assert_times(engine.start_time, 0.0);
    assert_times(engine.first_token_time, 1.0);
    assert_times(engine.end_time, NAN);
    assert_integers(engine.tokens_generated, 8);
    assert_integers(engine.preemptions, 1);
    assert_int_equal(engine.summary.total_tokens, 8);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_STUCK);
}

static void requests_that_preempt_each_other_for_ever_are_stuck(void **state) {
    (void)state;
    /* Admitted chunk by chunk, with no regard to the whole prompt, a prompt of 9 fills the four blocks of 2 in vain. */
    struct engine engine;
    engine_init(&engine, 1);
    engine.config.num_gpu_blocks = 5;
    engine.config.block_size = 2;
    engine.config.admit_oversized = 1;
    engine.config.max_num_seqs = 2;
    engine.config.max_num_batched_tokens = 4;
    engine.config.disable_reserve_full_isl = 1;
    engine.requests.prompt_length = LENGTHS(9);
    engine_run(&engine);
    assert_integers(engine.status, BATCHING_REQUEST_STUCK);
    assert_integers(engine.tokens_generated, 0);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_STUCK);
    assert_true(engine.summary.preemptions > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_that_leaves_no_room_for_a_token_is_rejected),
        cmocka_unit_test(a_request_that_needs_more_blocks_than_there_are_is_rejected),
        cmocka_unit_test(without_chunks_what_is_longer_than_the_budget_is_rejected),
        cmocka_unit_test(no_iteration_starts_at_the_time_limit),
        cmocka_unit_test(no_more_iterations_than_the_limit_run),
        cmocka_unit_test(a_request_that_never_fits_is_stuck_if_it_is_forced_and_so_is_the_one_behind),
        cmocka_unit_test(a_request_that_outgrows_the_memory_preempts_itself_and_is_stuck),
        cmocka_unit_test(requests_that_preempt_each_other_for_ever_are_stuck),
    };
    return cmocka_run_group_tests_name("engine_ends", tests, NULL, NULL);
}
