/* What an error tells, and that it leaves every output as it was. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "support.h"

static void status_names(void **state) {
    (void)state;
    assert_string_equal(batching_status_name(0), "BATCHING_OK");
    assert_string_equal(batching_status_name(100), "BATCHING_ERROR_INVALID_ARGUMENT");
    assert_string_equal(batching_status_name(200), "BATCHING_ERROR_NULL_POINTER");
    assert_string_equal(batching_status_name(300), "BATCHING_ERROR_STRUCT_SIZE");
    assert_string_equal(batching_status_name(400), "BATCHING_ERROR_CAPACITY");
    assert_string_equal(batching_status_name(500), "BATCHING_ERROR_OVERFLOW");
    assert_string_equal(batching_status_name(600), "BATCHING_ERROR_OUT_OF_MEMORY");
    assert_string_equal(batching_status_name(700), "BATCHING_ERROR_CANCELLED");
    assert_string_equal(batching_status_name(800), "BATCHING_ERROR_BUSY");
    const batching_status unknown[] = {-1, 1, 101, 701, 900, INT32_MIN, INT32_MAX};
    for (size_t which = 0; which < sizeof unknown / sizeof *unknown; which++) {
        assert_string_equal(batching_status_name(unknown[which]), "unknown status");
    }
}

static void version_is_that_of_the_header(void **state) {
    (void)state;
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", BATCHING_VERSION_MAJOR, BATCHING_VERSION_MINOR,
             BATCHING_VERSION_PATCH);
    assert_string_equal(batching_version(), version);
    assert_int_equal(batching_version_number(), BATCHING_VERSION_NUMBER);
}

static void *what_another_thread_sees(void *first_and_own) {
    char(*sentences)[128] = first_and_own;
    snprintf(sentences[0], sizeof sentences[0], "%s", batching_last_error());
    batching_requests_init(NULL, sizeof(batching_requests));
    snprintf(sentences[1], sizeof sentences[1], "%s", batching_last_error());
    return NULL;
}

static void the_last_error_is_of_this_thread_and_stays_until_the_next(void **state) {
    (void)state;
    double intensity;
    assert_fails(batching_arithmetic_intensity_calculate(-3, 1.0, 2.0, &intensity), BATCHING_ERROR_INVALID_ARGUMENT,
                 "batch_size is -3");
    char sentence[256];
    snprintf(sentence, sizeof sentence, "%s", batching_last_error());

    char of_other_thread[2][128];
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, what_another_thread_sees, of_other_thread), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(of_other_thread[0], "");
    assert_non_null(strstr(of_other_thread[1], "requests is NULL"));

    assert_string_equal(batching_last_error(), sentence);
    assert_succeeds(batching_arithmetic_intensity_calculate(3, 1.0, 2.0, &intensity));
    assert_string_equal(batching_last_error(), sentence);
}

/* Everything in order, so that a test has to break only one thing. */
struct call {
    struct outputs outputs;
    int32_t prompt_length[4];
    int32_t output_length[4];
    int32_t tokens_generated[4];
    double arrival_time[4];
    double start_time[4];
    double first_token_time[4];
    double end_time[4];
    batching_requests requests;
    batching_results results;
    batching_completed completed;
    batching_latencies latencies;
    batching_workload workload;
    int64_t batch_size;
    double time_per_token;
    double total_time;
};

static void call_reset(struct call *call) {
    *call = (struct call){
        .prompt_length = {1, 2, 3, 4},
        .output_length = {50, 200, 30, 150},
        .tokens_generated = {50, 200, 30, 150},
        .arrival_time = {0.0, 0.1, 0.2, 0.3},
        .start_time = {0.0, 0.1, 0.5, 0.8},
        .first_token_time = {0.01, 0.11, 0.51, 0.81},
        .end_time = {0.5, 2.1, 0.8, 2.3},
        .batch_size = 2,
        .time_per_token = 0.01,
        .total_time = 2.3,
    };
    outputs_reset(&call->outputs);
    call->results = outputs_results(&call->outputs);
    call->latencies = outputs_latencies(&call->outputs);
    assert_succeeds(batching_requests_init(&call->requests, sizeof call->requests));
    call->requests.count = 4;
    call->requests.prompt_length = call->prompt_length;
    call->requests.output_length = call->output_length;
    call->requests.arrival_time = call->arrival_time;
    assert_succeeds(batching_completed_init(&call->completed, sizeof call->completed));
    call->completed.count = 4;
    call->completed.arrival_time = call->arrival_time;
    call->completed.start_time = call->start_time;
    call->completed.first_token_time = call->first_token_time;
    call->completed.end_time = call->end_time;
    call->completed.tokens_generated = call->tokens_generated;
    assert_succeeds(batching_workload_init(&call->workload, sizeof call->workload));
}

static batching_status run_static(struct call *call) {
    return batching_static_simulate(&call->requests, call->batch_size, call->time_per_token, &call->results,
                                    &call->outputs.summary);
}
static batching_status run_continuous(struct call *call) {
    return batching_continuous_simulate(&call->requests, call->batch_size, call->time_per_token, &call->results,
                                        &call->outputs.summary);
}
static batching_status run_compare(struct call *call) {
    return batching_strategies_compare(&call->requests, call->batch_size, call->time_per_token,
                                       &call->outputs.comparison);
}
static batching_status run_latencies(struct call *call) {
    return batching_latencies_calculate(&call->completed, &call->latencies);
}
static batching_status run_metrics(struct call *call) {
    return batching_batch_metrics_calculate(&call->completed, call->total_time, &call->outputs.metrics);
}
static batching_status run_remaining(struct call *call) {
    return batching_remaining_tokens_calculate(call->requests.count, call->output_length, call->tokens_generated,
                                               call->outputs.remaining_tokens);
}
static batching_status run_workload(struct call *call) {
    return batching_workload_generate(&call->workload, call->requests.count, call->outputs.prompt_length,
                                      call->outputs.output_length, call->outputs.arrival_time);
}

typedef batching_status run_call(struct call *);

/* The call works; then, with `change` made, it fails with this status and sentence and has written nothing. */
#define assert_breaks(run, change, status, sentence)                                                                   \
    do {                                                                                                               \
        struct call broken, untouched;                                                                                 \
        struct call *call = &broken;                                                                                   \
        call_reset(&broken);                                                                                           \
        assert_succeeds((run)(&broken));                                                                               \
        call_reset(&broken);                                                                                           \
        outputs_reset(&untouched.outputs);                                                                             \
        change;                                                                                                        \
        assert_fails((run)(&broken), status, sentence);                                                                \
        assert_memory_equal(&broken.outputs, &untouched.outputs, sizeof untouched.outputs);                            \
    } while (0)

#define assert_invalid(run, change, sentence) assert_breaks(run, change, BATCHING_ERROR_INVALID_ARGUMENT, sentence)

static void simulators_name_the_bad_value_and_write_nothing(void **state) {
    (void)state;
    run_call *const runs[] = {run_static, run_continuous, run_compare};
    for (size_t which = 0; which < 3; which++) {
        run_call *run = runs[which];
        assert_invalid(run, call->output_length[2] = 0, "output_length[2] is 0");
        assert_invalid(run, call->output_length[3] = -3, "output_length[3] is -3");
        assert_invalid(run, call->output_length[0] = INT32_MIN, "output_length[0] is -2147483648");
        assert_invalid(run, call->prompt_length[1] = -1, "prompt_length[1] is -1");
        assert_invalid(run, call->arrival_time[0] = -1.0, "arrival_time[0] is -1.0");
        assert_invalid(run, call->arrival_time[3] = NAN, "arrival_time[3] is nan");
        assert_invalid(run, call->arrival_time[1] = INFINITY, "arrival_time[1] is inf");
        assert_invalid(run, call->arrival_time[1] = -INFINITY, "arrival_time[1] is -inf");
        assert_invalid(run, call->arrival_time[2] = 9223372037.0, "arrival_time[2] is 9223372037");
        assert_invalid(run, call->batch_size = 0, "batch_size is 0");
        assert_invalid(run, call->batch_size = INT64_MIN, "batch_size is -9223372036854775808");
        assert_invalid(run, call->time_per_token = NAN, "time_per_token is nan");
        assert_invalid(run, call->time_per_token = INFINITY, "time_per_token is inf");
        assert_invalid(run, call->time_per_token = -0.01, "time_per_token is -0.01");
        assert_invalid(run, call->time_per_token = 0.0, "time_per_token is 0.0");
        /* The largest double below half a nanosecond; 5e-10 is above it. */
        assert_invalid(run, call->time_per_token = 4.999999999999999e-10, "time_per_token is 4.999999999999999e-10");
        assert_invalid(run, call->time_per_token = 1e300, "time_per_token is 1e+300");
        assert_invalid(run, call->requests.count = -1, "requests.count is -1");
        assert_breaks(run, call->requests.struct_size = 0, BATCHING_ERROR_STRUCT_SIZE, "requests.struct_size is 0");
        /* 200 iterations of half of the clock's range: beyond it, whatever the policy. */
        assert_breaks(run, call->time_per_token = BATCHING_TIME_MAX / 2, BATCHING_ERROR_OVERFLOW, "");
        assert_breaks(run, call->arrival_time[2] = BATCHING_TIME_MAX, BATCHING_ERROR_OVERFLOW, "");
    }
    for (size_t which = 0; which < 2; which++) {
        assert_breaks(runs[which], call->results.capacity = 3, BATCHING_ERROR_CAPACITY, "results.capacity is 3");
        assert_invalid(runs[which], call->results.capacity = -1, "results.capacity is -1");
        assert_breaks(runs[which], call->results.struct_size = 8, BATCHING_ERROR_STRUCT_SIZE, "results.struct_size");
    }
}

static void metrics_name_the_bad_value_and_write_nothing(void **state) {
    (void)state;
    run_call *const runs[] = {run_latencies, run_metrics};
    for (size_t which = 0; which < 2; which++) {
        run_call *run = runs[which];
        assert_invalid(run, call->arrival_time[1] = NAN, "arrival_time[1] is nan");
        assert_invalid(run, call->arrival_time[1] = -0.5, "arrival_time[1] is -0.5");
        assert_invalid(run, call->start_time[2] = INFINITY, "start_time[2] is inf");
        assert_invalid(run, call->start_time[2] = 0.1, "start_time[2] is 0.1");
        assert_invalid(run, call->end_time[3] = NAN, "end_time[3] is nan");
        assert_invalid(run, call->end_time[3] = 0.7, "[3]");
        assert_invalid(run, call->first_token_time[0] = -INFINITY, "first_token_time[0] is -inf");
        assert_invalid(run, call->first_token_time[1] = 0.05, "first_token_time[1] is 0.05");
        assert_invalid(run, call->first_token_time[1] = 2.2, "first_token_time[1] is 2.2");
        assert_invalid(run, call->tokens_generated[1] = -2, "tokens_generated[1] is -2");
        assert_invalid(run, (call->first_token_time[2] = NAN, call->tokens_generated[2] = 0),
                       "tokens_generated[2] is 0");
        assert_invalid(run, call->completed.count = INT64_MIN, "completed.count is -9223372036854775808");
        assert_breaks(run, call->completed.start_time = NULL, BATCHING_ERROR_NULL_POINTER, "start_time is NULL");
        assert_breaks(run, call->completed.end_time = NULL, BATCHING_ERROR_NULL_POINTER, "end_time is NULL");
        assert_breaks(run, call->completed.tokens_generated = NULL, BATCHING_ERROR_NULL_POINTER,
                      "tokens_generated is NULL");
    }
    assert_breaks(run_latencies, call->latencies.capacity = 3, BATCHING_ERROR_CAPACITY, "latencies.capacity is 3");
    assert_invalid(run_metrics, call->total_time = 0.0, "total_time is 0.0");
    assert_invalid(run_metrics, call->total_time = NAN, "total_time is nan");
    assert_invalid(run_metrics, call->total_time = -2.0, "total_time is -2.0");
    assert_invalid(run_metrics, call->total_time = INFINITY, "total_time is inf");
    assert_invalid(run_remaining, call->output_length[1] = 0, "output_length[1] is 0");
    assert_invalid(run_remaining, call->tokens_generated[3] = -1, "tokens_generated[3] is -1");
    assert_invalid(run_remaining, call->requests.count = -4, "count is -4");
}

static void workloads_name_the_bad_value_and_write_nothing(void **state) {
    (void)state;
    assert_invalid(run_workload, call->requests.count = -1, "count is -1");
    assert_invalid(run_workload, call->workload.prompt_length_min = -1, "prompt_length_min is -1");
    assert_invalid(run_workload, call->workload.prompt_length_max = 49, "prompt_length_max is 49");
    assert_invalid(run_workload, call->workload.output_length_min = 0, "output_length_min is 0");
    assert_invalid(run_workload, call->workload.output_length_max = 19, "output_length_max is 19");
    assert_invalid(run_workload, call->workload.arrival_rate = 0.0, "arrival_rate is 0.0");
    assert_invalid(run_workload, call->workload.arrival_rate = -1.0, "arrival_rate is -1.0");
    assert_invalid(run_workload, call->workload.arrival_rate = NAN, "arrival_rate is nan");
    assert_invalid(run_workload, call->workload.reserved = 1, "workload.reserved is 1");
    assert_invalid(run_workload, call->workload.arrivals = 1, "arrivals is 1: must be one of 0, 100, 110");
    assert_invalid(run_workload, call->workload.ramp = 1, "ramp is 1: must be one of 0, 100, 110");
    assert_invalid(run_workload, call->workload.burstiness = -1.0, "burstiness is -1.0");
    assert_invalid(run_workload, call->workload.burst_size = -1, "burst_size is -1");
    assert_invalid(run_workload, call->workload.on_time = NAN, "on_time is nan");
    assert_invalid(run_workload, call->workload.off_time = -1.0, "off_time is -1.0");
    assert_invalid(run_workload, call->workload.off_time = 1.0, "on_time is 0.0");
    assert_invalid(run_workload, call->workload.ramp = BATCHING_RAMP_LINEAR, "ramp_end_rate is 0.0");
    assert_invalid(run_workload, call->workload.prompt_lengths = 7, "prompt_lengths is 7: must be one of 0, 100, 200");
    assert_invalid(run_workload, call->workload.output_lengths = -1, "output_lengths is -1: must be one of 0, 100");
    assert_invalid(run_workload, call->workload.prompt_lengths = BATCHING_LENGTHS_LOGNORMAL,
                   "prompt_length_median is 0.0");
    assert_invalid(run_workload, call->workload.output_lengths = BATCHING_LENGTHS_ZIPF,
                   "output_length_exponent is 0.0");
    assert_invalid(run_workload, call->workload.output_lengths = BATCHING_LENGTHS_EMPIRICAL, "sample_count is 0");
    assert_breaks(run_workload,
                  (call->workload.prompt_lengths = BATCHING_LENGTHS_EMPIRICAL, call->workload.sample_count = 2),
                  BATCHING_ERROR_NULL_POINTER, "sample_prompt_length is NULL");
    assert_invalid(run_workload, call->workload.samples_independent = 2, "samples_independent is 2");
    assert_invalid(run_workload, call->workload.prefix_groups = -1, "prefix_groups is -1");
    assert_invalid(run_workload, call->workload.prefix_length = -1, "prefix_length is -1");
    assert_invalid(run_workload, call->workload.prefix_exponent = 64.5, "prefix_exponent is 64.5");
    assert_invalid(run_workload, call->workload.hash_block_size = -1, "hash_block_size is -1");
    assert_invalid(run_workload, call->workload.turns_min = -1, "turns_min is -1");
    assert_invalid(run_workload, (call->workload.turns_min = 3, call->workload.turns_max = 2), "turns_max is 2");
    assert_invalid(run_workload, call->workload.think_time = INFINITY, "think_time is inf");
    assert_invalid(run_workload, call->workload.think_times = 1, "think_times is 1: must be one of 0, 100, 200");
    assert_invalid(run_workload, call->workload.sessions_closed = 2, "sessions_closed is 2: must be 0 or 1");
    assert_invalid(
        run_workload,
        (call->workload.think_times = BATCHING_THINK_TIMES_LOGNORMAL, call->workload.think_time_sigma = 65.0),
        "think_time_sigma is 65.0: must be between 0 and 64");
    /* One request in 1e300 s: the clock is long over. */
    assert_breaks(run_workload, call->workload.arrival_rate = 1e-300, BATCHING_ERROR_OVERFLOW, "arrival");
}

static void hashes_that_do_not_fit_write_nothing(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    workload.prefix_groups = 2;
    workload.prefix_length = 32;
    int64_t offsets[4] = {-7, -7, -7, -7}, ids[6] = {-7, -7, -7, -7, -7, -7}, needed = -7;
    assert_fails(batching_workload_hashes_generate(&workload, 3, offsets, 5, ids, &needed), BATCHING_ERROR_CAPACITY,
                 "capacity is 5: must be at least 6, the number of hash ids");
    assert_fails(batching_workload_hashes_generate(&workload, 3, offsets, -1, ids, &needed),
                 BATCHING_ERROR_INVALID_ARGUMENT, "capacity is -1");
    assert_fails(batching_workload_hashes_generate(&workload, -1, offsets, 6, ids, &needed),
                 BATCHING_ERROR_INVALID_ARGUMENT, "count is -1");
    assert_fails(batching_workload_hashes_generate(&workload, 3, offsets, 6, ids, NULL), BATCHING_ERROR_NULL_POINTER,
                 "needed is NULL");
    for (int index = 0; index < 6; index++) {
        assert_int_equal(ids[index], -7);
        assert_int_equal(offsets[index % 4], -7);
    }
    assert_int_equal(needed, -7);
    assert_succeeds(batching_workload_hashes_generate(&workload, 3, offsets, 6, ids, &needed));
    assert_int_equal(needed, 6);
    for (int index = 0; index < 4; index++) {
        assert_int_equal(offsets[index], 2 * index);
    }
}

static void null_where_a_pointer_is_required_is_named(void **state) {
    (void)state;
    struct call call;
    call_reset(&call);
    assert_fails(batching_static_simulate(NULL, 2, 0.01, NULL, NULL), BATCHING_ERROR_NULL_POINTER, "requests is NULL");
    assert_fails(batching_continuous_simulate(NULL, 2, 0.01, NULL, NULL), BATCHING_ERROR_NULL_POINTER,
                 "requests is NULL");
    assert_fails(batching_strategies_compare(NULL, 2, 0.01, &call.outputs.comparison), BATCHING_ERROR_NULL_POINTER,
                 "requests is NULL");
    assert_fails(batching_strategies_compare(&call.requests, 2, 0.01, NULL), BATCHING_ERROR_NULL_POINTER,
                 "comparison is NULL");
    assert_fails(batching_latencies_calculate(NULL, &call.latencies), BATCHING_ERROR_NULL_POINTER, "completed is NULL");
    assert_fails(batching_latencies_calculate(&call.completed, NULL), BATCHING_ERROR_NULL_POINTER, "latencies is NULL");
    assert_fails(batching_batch_metrics_calculate(NULL, 1.0, &call.outputs.metrics), BATCHING_ERROR_NULL_POINTER,
                 "completed is NULL");
    assert_fails(batching_batch_metrics_calculate(&call.completed, 1.0, NULL), BATCHING_ERROR_NULL_POINTER,
                 "metrics is NULL");
    assert_fails(batching_remaining_tokens_calculate(4, NULL, call.tokens_generated, call.output_length),
                 BATCHING_ERROR_NULL_POINTER, "output_length is NULL");
    assert_fails(batching_remaining_tokens_calculate(4, call.output_length, NULL, call.tokens_generated),
                 BATCHING_ERROR_NULL_POINTER, "tokens_generated is NULL");
    assert_fails(batching_remaining_tokens_calculate(4, call.output_length, call.tokens_generated, NULL),
                 BATCHING_ERROR_NULL_POINTER, "remaining_tokens is NULL");
    assert_fails(batching_arithmetic_intensity_calculate(1, 1.0, 2.0, NULL), BATCHING_ERROR_NULL_POINTER,
                 "arithmetic_intensity is NULL");
    assert_fails(batching_optimal_batch_size_calculate(1.0, 1.0, 1.0, 1, NULL), BATCHING_ERROR_NULL_POINTER,
                 "batch_size is NULL");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names),
        cmocka_unit_test(version_is_that_of_the_header),
        cmocka_unit_test(the_last_error_is_of_this_thread_and_stays_until_the_next),
        cmocka_unit_test(simulators_name_the_bad_value_and_write_nothing),
        cmocka_unit_test(metrics_name_the_bad_value_and_write_nothing),
        cmocka_unit_test(workloads_name_the_bad_value_and_write_nothing),
        cmocka_unit_test(hashes_that_do_not_fit_write_nothing),
        cmocka_unit_test(null_where_a_pointer_is_required_is_named),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
