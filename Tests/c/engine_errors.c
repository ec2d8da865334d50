/* What batching_simulate says of an input that is wrong, and that it then leaves every output as it was. */
#include "engine_support.h"

/* Everything in order and wanted, so that a test has to break only one thing. */
struct call {
    struct engine engine;
    batching_iteration_log iteration_log;
    batching_decision_log decision_log;
    double log_time[ENGINE_CAPACITY];
    int32_t log_event[ENGINE_CAPACITY];
    int32_t prompt_length[3];
    int32_t output_length[3];
    double arrival_time[3];
    int64_t hash_ids[6];
    int64_t hash_offsets[4];
};

static void call_reset(struct call *call) {
    memset(call, UNTOUCHED, sizeof *call);
    engine_init(&call->engine, 3);
    assert_succeeds(batching_iteration_log_init(&call->iteration_log, sizeof call->iteration_log));
    assert_succeeds(batching_decision_log_init(&call->decision_log, sizeof call->decision_log));
    call->iteration_log.capacity = call->decision_log.capacity = ENGINE_CAPACITY;
    call->iteration_log.time = call->log_time;
    call->decision_log.event = call->log_event;
    call->engine.config.iteration_log = &call->iteration_log;
    call->engine.config.decision_log = &call->decision_log;
    /* A value that no run gives, so that a write of zeros is seen too. */
    call->iteration_log.count = call->decision_log.count = call->engine.summary.iterations = -7;
    for (int index = 0; index < 3; index++) {
        call->prompt_length[index] = 20 + index;
        call->output_length[index] = 5;
        call->arrival_time[index] = index;
    }
    memcpy(call->hash_ids, (int64_t[]){1, 2, 1, 3, 1, 2}, sizeof call->hash_ids);
    memcpy(call->hash_offsets, (int64_t[]){0, 2, 4, 6}, sizeof call->hash_offsets);
    call->engine.config.num_gpu_blocks = 100;
    call->engine.requests.prompt_length = call->prompt_length;
    call->engine.requests.output_length = call->output_length;
    call->engine.requests.arrival_time = call->arrival_time;
    call->engine.requests.hash_ids = call->hash_ids;
    call->engine.requests.hash_offsets = call->hash_offsets;
}

static batching_status run(struct call *call) {
    struct engine *engine = &call->engine;
    return batching_simulate(&engine->config, &engine->requests, &engine->results, &engine->summary);
}

/* The call works; then, with `change` made, it fails with this status and sentence and has written nothing. */
#define assert_breaks(change, status, sentence)                                                                        \
    do {                                                                                                               \
        struct call broken, before;                                                                                    \
        call_reset(&broken);                                                                                           \
        assert_succeeds(run(&broken));                                                                                 \
        call_reset(&broken);                                                                                           \
        batching_engine_config *config = &broken.engine.config;                                                        \
        batching_requests *requests = &broken.engine.requests;                                                         \
        struct call *call = &broken;                                                                                   \
        (void)config, (void)requests, (void)call;                                                                      \
        change;                                                                                                        \
        memcpy(&before, &broken, sizeof before);                                                                       \
        assert_fails(run(&broken), status, sentence);                                                                  \
        assert_memory_equal(&broken, &before, sizeof before);                                                          \
    } while (0)

#define assert_invalid(change, sentence) assert_breaks(change, BATCHING_ERROR_INVALID_ARGUMENT, sentence)

/* Whole numbers that are too small or too large. */
static void a_count_of_the_configuration_out_of_range_is_named(void **state) {
    (void)state;
    assert_invalid(config->max_num_seqs = -1, "max_num_seqs is -1");
    assert_invalid(config->max_num_seqs = INT64_MIN, "max_num_seqs is -9223372036854775808");
    assert_invalid(config->max_num_seqs = BATCHING_COUNT_MAX + 1LL, "max_num_seqs is 2000000001");
    assert_invalid(config->max_num_seqs = INT64_MAX, "max_num_seqs is 9223372036854775807");
    assert_invalid(config->max_num_batched_tokens = -1, "max_num_batched_tokens is -1");
    assert_invalid(config->max_num_batched_tokens = INT64_MIN, "max_num_batched_tokens is -9223372036854775808");
    assert_invalid(config->max_num_batched_tokens = INT64_MAX, "max_num_batched_tokens is 9223372036854775807");
    assert_invalid(config->long_prefill_token_threshold = -1, "long_prefill_token_threshold is -1");
    assert_invalid(config->long_prefill_token_threshold = INT64_MAX,
                   "long_prefill_token_threshold is 9223372036854775807");
    assert_invalid(config->max_model_len = -1, "max_model_len is -1");
    assert_invalid(config->max_model_len = INT64_MIN, "max_model_len is -9223372036854775808");
    assert_invalid(config->num_gpu_blocks = -1, "num_gpu_blocks is -1");
    assert_invalid(config->num_gpu_blocks = 1, "num_gpu_blocks is 1");
    assert_invalid(config->num_gpu_blocks = BATCHING_COUNT_MAX + 1LL, "num_gpu_blocks is 2000000001");
    assert_invalid(config->block_size = -1, "block_size is -1");
    assert_invalid(config->block_size = INT32_MIN, "block_size is -2147483648");
    assert_invalid(config->block_size = 65537, "block_size is 65537");
    assert_invalid(config->iteration_limit = -1, "iteration_limit is -1");
    assert_invalid(config->iteration_limit = INT64_MIN, "iteration_limit is -9223372036854775808");
    assert_invalid(config->progress_interval = -1, "progress_interval is -1");
    assert_invalid(config->progress_interval = INT64_MIN, "progress_interval is -9223372036854775808");
}

/* A time has to be finite and on the clock. */
#define assert_is_a_time(field, change)                                                                                \
    do {                                                                                                               \
        assert_invalid((change, config->field = NAN), #field " is nan");                                               \
        assert_invalid((change, config->field = INFINITY), #field " is inf");                                          \
        assert_invalid((change, config->field = -INFINITY), #field " is -inf");                                        \
        assert_invalid((change, config->field = -1e-9), #field " is -1e-09");                                          \
        assert_invalid((change, config->field = 9223372037.0), #field " is 9223372037.0");                             \
    } while (0)

static void a_time_of_the_configuration_out_of_range_is_named(void **state) {
    (void)state;
    assert_is_a_time(time_base, config->time_model = BATCHING_TIME_CONSTANT);
    assert_is_a_time(time_base, config->time_model = BATCHING_TIME_AFFINE);
    assert_is_a_time(time_per_prefill_token, config->time_model = BATCHING_TIME_AFFINE);
    assert_is_a_time(time_per_decode_token, config->time_model = BATCHING_TIME_AFFINE);
    assert_is_a_time(time_per_context_token, config->time_model = BATCHING_TIME_AFFINE);
    assert_is_a_time(time_per_prefill_context, config->time_model = BATCHING_TIME_AFFINE);
    assert_is_a_time(max_queue_delay, config->policy = BATCHING_POLICY_DYNAMIC);
    assert_is_a_time(time_limit, config->policy = BATCHING_POLICY_VLLM);
}

/* Without a time_model nothing says what a time would be. */
#define assert_needs_a_model(field, value, sentence)                                                                   \
    assert_invalid((config->time_model = BATCHING_TIME_DEFAULT, config->time_base = 0.0, config->field = (value)),     \
                   #field " is " sentence ": must be 0 without a time_model")

static void a_time_without_its_model_is_named(void **state) {
    (void)state;
    assert_needs_a_model(time_base, 0.25, "0.25");
    assert_needs_a_model(time_base, NAN, "nan");
    assert_needs_a_model(time_per_prefill_token, 1.0, "1.0");
    assert_needs_a_model(time_per_decode_token, 1.0, "1.0");
    assert_needs_a_model(time_per_context_token, 1.0, "1.0");
    assert_needs_a_model(time_per_prefill_context, 1.0, "1.0");
}

static void the_watermark_is_a_share_below_1(void **state) {
    (void)state;
    assert_invalid(config->watermark = 1.0, "watermark is 1.0");
    assert_invalid(config->watermark = -0.25, "watermark is -0.25");
    assert_invalid(config->watermark = NAN, "watermark is nan");
    assert_invalid(config->watermark = INFINITY, "watermark is inf");
}

static void a_choice_that_is_none_is_named_with_those_there_are(void **state) {
    (void)state;
    assert_invalid(config->policy = 1, "policy is 1: must be one of 0, 100, 110, 200, 210");
    assert_invalid(config->policy = -1, "policy is -1");
    assert_invalid(config->policy = INT32_MAX, "policy is 2147483647");
    assert_invalid(config->queue_order = 1, "queue_order is 1: must be one of 0, 100, 200");
    assert_invalid(config->queue_order = INT32_MIN, "queue_order is -2147483648");
    assert_invalid(config->time_model = 1, "time_model is 1: must be one of 0, 50, 100, 120, 140, 200");
    assert_invalid(config->time_model = -100, "time_model is -100");
}

#define assert_is_a_switch(field, name)                                                                                \
    do {                                                                                                               \
        assert_invalid(field = 2, name " is 2: must be 0 or 1");                                                       \
        assert_invalid(field = -1, name " is -1: must be 0 or 1");                                                     \
        assert_invalid(field = INT32_MIN, name " is -2147483648: must be 0 or 1");                                     \
    } while (0)

static void a_switch_is_0_or_1(void **state) {
    (void)state;
    assert_is_a_switch(config->disable_chunked_prefill, "disable_chunked_prefill");
    assert_is_a_switch(config->disable_reserve_full_isl, "disable_reserve_full_isl");
    assert_is_a_switch(config->async_scheduling, "async_scheduling");
    assert_is_a_switch(config->instant_prefill, "instant_prefill");
    assert_is_a_switch(config->enable_prefix_caching, "enable_prefix_caching");
    assert_is_a_switch(config->admit_oversized, "admit_oversized");
    assert_is_a_switch(requests->hash_covers_output, "hash_covers_output");
    assert_is_a_switch(call->decision_log.include_queues, "include_queues");
}

static void values_that_contradict_each_other_are_named(void **state) {
    (void)state;
    /* By default 256 run. */
    assert_invalid(config->max_num_batched_tokens = 255,
                   "max_num_batched_tokens is 255: must be at least max_num_seqs, which is 256");
    assert_invalid((config->max_num_seqs = 2049, config->max_num_batched_tokens = 2048),
                   "max_num_batched_tokens is 2048: must be at least max_num_seqs, which is 2049");
    assert_invalid((config->enable_prefix_caching = 1, config->num_gpu_blocks = 0),
                   "enable_prefix_caching is 1: must be 0 without num_gpu_blocks");
    assert_invalid((config->enable_prefix_caching = 1, config->instant_prefill = 1),
                   "enable_prefix_caching is 1: must be 0 with instant_prefill");
    const int32_t others[] = {BATCHING_POLICY_STATIC, BATCHING_POLICY_DYNAMIC, BATCHING_POLICY_CONTINUOUS,
                              BATCHING_POLICY_ORCA};
    for (size_t which = 0; which < sizeof others / sizeof *others; which++) {
        assert_invalid((config->enable_prefix_caching = 1, config->policy = others[which]),
                       "enable_prefix_caching is 1: must be 0 for every policy but vllm and custom");
        /* Only vllm has a budget of tokens. */
        struct call call;
        call_reset(&call);
        call.engine.config.policy = others[which];
        call.engine.config.max_num_batched_tokens = 1;
        assert_succeeds(run(&call));
    }
}

static void a_callback_that_is_missing_is_named(void **state) {
    (void)state;
    assert_breaks(config->time_model = BATCHING_TIME_CALLBACK, BATCHING_ERROR_NULL_POINTER, "time_callback is NULL");
}

static void requests_out_of_range_are_named(void **state) {
    (void)state;
    assert_invalid(call->output_length[2] = 0, "output_length[2] is 0");
    assert_invalid(call->output_length[0] = INT32_MIN, "output_length[0] is -2147483648");
    assert_invalid(call->prompt_length[1] = -1, "prompt_length[1] is -1");
    assert_invalid(call->arrival_time[0] = -1.0, "arrival_time[0] is -1.0");
    assert_invalid(call->arrival_time[2] = NAN, "arrival_time[2] is nan");
    assert_invalid(call->arrival_time[1] = INFINITY, "arrival_time[1] is inf");
    assert_invalid(call->arrival_time[2] = 9223372037.0, "arrival_time[2] is 9223372037");
    assert_invalid(requests->count = -1, "requests.count is -1");
    assert_invalid((requests->count = BATCHING_COUNT_MAX + 1LL, call->engine.results.capacity = INT64_MAX),
                   "requests.count is 2000000001");
    assert_invalid(requests->reserved = 1, "requests.reserved is 1");
    assert_fails(batching_simulate(NULL, NULL, NULL, NULL), BATCHING_ERROR_NULL_POINTER, "requests is NULL");
}

static void hash_ids_that_cannot_be_read_are_named(void **state) {
    (void)state;
    assert_breaks(requests->hash_offsets = NULL, BATCHING_ERROR_NULL_POINTER, "hash_offsets is NULL");
    assert_invalid(call->hash_offsets[0] = 1, "hash_offsets[0] is 1: must be 0");
    assert_invalid(call->hash_offsets[0] = -1, "hash_offsets[0] is -1: must be 0");
    assert_invalid(call->hash_offsets[1] = -2, "hash_offsets[1] is -2");
    assert_invalid(call->hash_offsets[2] = 1,
                   "hash_offsets[2] is 1: must not be smaller than hash_offsets[1], which is 2");
    assert_invalid(call->hash_offsets[3] = INT64_MIN, "hash_offsets[3] is -9223372036854775808");
    assert_invalid((config->enable_prefix_caching = 1, requests->hash_block_size = 24),
                   "hash_block_size is 24: must be a multiple of block_size, which is 16, or divide it");
    assert_invalid((config->enable_prefix_caching = 1, config->block_size = 7, requests->hash_block_size = 8),
                   "hash_block_size is 8: must be a multiple of block_size, which is 7, or divide it");
    assert_invalid((config->enable_prefix_caching = 1, requests->hash_block_size = -16), "hash_block_size is -16");
    assert_invalid(requests->hash_block_size = -1, "hash_block_size is -1: must be at least 0");
}

static void outputs_that_cannot_be_written_are_named(void **state) {
    (void)state;
    assert_breaks(call->engine.results.capacity = 2, BATCHING_ERROR_CAPACITY,
                  "results.capacity is 2: must be at least requests.count, which is 3");
    assert_invalid(call->engine.results.capacity = -1, "results.capacity is -1");
    assert_invalid(call->iteration_log.capacity = -1, "iteration_log.capacity is -1");
    assert_invalid(call->decision_log.capacity = INT64_MIN, "decision_log.capacity is -9223372036854775808");
    assert_invalid(call->decision_log.reserved_2 = 3, "decision_log.reserved_2 is 3");
}

static int32_t never_called(int64_t row_count, void *user_data) {
    (void)row_count, (void)user_data;
    fail_msg("a log callback was called");
    return 0;
}

static void a_log_with_a_callback_has_room_for_a_row(void **state) {
    (void)state;
    assert_invalid((call->iteration_log.callback = never_called, call->iteration_log.capacity = 0),
                   "iteration_log.capacity is 0: must be at least 1 with a callback");
    assert_invalid((call->decision_log.callback = never_called, call->decision_log.capacity = 0),
                   "decision_log.capacity is 0: must be at least 1 with a callback");
}

static void a_clock_that_would_overflow_leaves_the_outputs_alone(void **state) {
    (void)state;
    /* The first request alone has 5 iterations; the third arrives at the end of the clock. */
    assert_breaks((config->time_model = BATCHING_TIME_CONSTANT, config->time_base = BATCHING_TIME_MAX / 4),
                  BATCHING_ERROR_OVERFLOW, "iteration 4");
    assert_breaks(call->arrival_time[2] = BATCHING_TIME_MAX, BATCHING_ERROR_OVERFLOW, "9223372036");
    /* A prompt of 20 tokens. */
    assert_breaks((config->time_model = BATCHING_TIME_AFFINE, config->time_per_prefill_token = BATCHING_TIME_MAX / 19),
                  BATCHING_ERROR_OVERFLOW, "iteration 0");
    assert_breaks((config->time_model = BATCHING_TIME_AFFINE, config->time_per_context_token = BATCHING_TIME_MAX),
                  BATCHING_ERROR_OVERFLOW, "iteration 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_count_of_the_configuration_out_of_range_is_named),
        cmocka_unit_test(a_time_of_the_configuration_out_of_range_is_named),
        cmocka_unit_test(a_time_without_its_model_is_named),
        cmocka_unit_test(the_watermark_is_a_share_below_1),
        cmocka_unit_test(a_choice_that_is_none_is_named_with_those_there_are),
        cmocka_unit_test(a_switch_is_0_or_1),
        cmocka_unit_test(values_that_contradict_each_other_are_named),
        cmocka_unit_test(a_callback_that_is_missing_is_named),
        cmocka_unit_test(requests_out_of_range_are_named),
        cmocka_unit_test(hash_ids_that_cannot_be_read_are_named),
        cmocka_unit_test(outputs_that_cannot_be_written_are_named),
        cmocka_unit_test(a_log_with_a_callback_has_room_for_a_row),
        cmocka_unit_test(a_clock_that_would_overflow_leaves_the_outputs_alone),
    };
    return cmocka_run_group_tests_name("engine_errors", tests, NULL, NULL);
}
