/* What may be left out, what may be empty, what may be too short, and in which order requests may come. */
#include "support.h"

static void input_columns_left_out_have_their_defaults(void **state) {
    (void)state;
    /* Three requests of one token, all there at 0.0, in batches of 2 of 0.5 s: 0..0.5, 0..0.5, 0.5..1.0. */
    INITIALIZED(batching_requests, requests);
    requests.count = 3;
    for (int is_continuous = 0; is_continuous < 2; is_continuous++) {
        struct outputs outputs;
        outputs_reset(&outputs);
        batching_results results = outputs_results(&outputs);
        results.capacity = 3;
        assert_succeeds((is_continuous ? batching_continuous_simulate
                                       : batching_static_simulate)(&requests, 2, 0.5, &results, &outputs.summary));
        assert_doubles_equal(outputs.start_time, ((double[]){0.0, 0.0, 0.5}), 3);
        assert_doubles_equal(outputs.first_token_time, ((double[]){0.5, 0.5, 1.0}), 3);
        assert_doubles_equal(outputs.end_time, ((double[]){0.5, 0.5, 1.0}), 3);
        assert_memory_equal(outputs.tokens_generated, ((int32_t[]){1, 1, 1}), 3 * sizeof(int32_t));
        assert_double_equal(outputs.summary.throughput, 3.0);
        assert_int_equal(outputs.summary.iterations, 2);
        /* Elements beyond the count are not the library's. */
        double untouched;
        memset(&untouched, UNTOUCHED, sizeof untouched);
        assert_double_equal(outputs.end_time[3], untouched);
    }
}

static void prompts_cost_nothing(void **state) {
    (void)state;
    const int32_t prompt_length[4] = {0, INT32_MAX, 17, 1};
    batching_requests requests = lesson_requests();
    requests.prompt_length = prompt_length;
    INITIALIZED(batching_summary, summary);
    assert_succeeds(batching_continuous_simulate(&requests, 2, 0.01, NULL, &summary));
    assert_double_equal(summary.total_time, 2.3);
}

/* Each output on its own: what is wanted beside it changes nothing. */
static void output_columns_may_be_left_out(void **state) {
    (void)state;
    batching_requests requests = lesson_requests();
    struct outputs outputs;
    for (int wanted = 0; wanted < 32; wanted++) {
        outputs_reset(&outputs);
        batching_results results = outputs_results(&outputs);
        results.start_time = wanted & 1 ? results.start_time : NULL;
        results.first_token_time = wanted & 2 ? results.first_token_time : NULL;
        results.end_time = wanted & 4 ? results.end_time : NULL;
        results.tokens_generated = wanted & 8 ? results.tokens_generated : NULL;
        results.completion_order = wanted & 16 ? results.completion_order : NULL;
        assert_succeeds(
            batching_continuous_simulate(&requests, 2, 0.01, &results, wanted & 1 ? &outputs.summary : NULL));
        if (wanted & 1) {
            assert_doubles_equal(outputs.start_time, ((double[]){0.0, 0.1, 0.5, 0.8}), 4);
            assert_double_equal(outputs.summary.total_time, 2.3);
        }
        if (wanted & 2) {
            assert_doubles_equal(outputs.first_token_time, ((double[]){0.01, 0.11, 0.51, 0.81}), 4);
        }
        if (wanted & 4) {
            assert_doubles_equal(outputs.end_time, ((double[]){0.5, 2.1, 0.8, 2.3}), 4);
        }
        if (wanted & 8) {
            assert_memory_equal(outputs.tokens_generated, LESSON_OUTPUT_LENGTH, sizeof LESSON_OUTPUT_LENGTH);
        }
        if (wanted & 16) {
            assert_memory_equal(outputs.completion_order, ((int64_t[]){0, 2, 1, 3}), 4 * sizeof(int64_t));
        }
    }
    assert_succeeds(batching_static_simulate(&requests, 2, 0.01, NULL, NULL));
    assert_succeeds(batching_continuous_simulate(&requests, 2, 0.01, NULL, NULL));
}

static void no_requests_give_zeros(void **state) {
    (void)state;
    struct outputs outputs, expected;
    INITIALIZED(batching_requests, requests);
    INITIALIZED(batching_completed, completed);
    outputs_reset(&outputs);
    memset(&expected, UNTOUCHED, sizeof expected);
    assert_int_equal(batching_summary_init(&expected.summary, sizeof expected.summary), BATCHING_OK);
    assert_int_equal(batching_batch_metrics_init(&expected.metrics, sizeof expected.metrics), BATCHING_OK);
    assert_int_equal(batching_comparison_init(&expected.comparison, sizeof expected.comparison), BATCHING_OK);
    batching_results results = outputs_results(&outputs);
    batching_latencies latencies = outputs_latencies(&outputs);

    assert_succeeds(batching_static_simulate(&requests, 2, 0.01, &results, &outputs.summary));
    assert_memory_equal(&outputs.summary, &expected.summary, sizeof expected.summary);
    outputs.summary.iterations = -7;
    assert_succeeds(batching_continuous_simulate(&requests, 2, 0.01, &results, &outputs.summary));
    assert_succeeds(batching_strategies_compare(&requests, 2, 0.01, &outputs.comparison));
    assert_succeeds(batching_latencies_calculate(&completed, &latencies));
    assert_succeeds(batching_batch_metrics_calculate(&completed, 0.0, &outputs.metrics));
    assert_succeeds(batching_remaining_tokens_calculate(0, NULL, NULL, NULL));
    assert_succeeds(batching_workload_generate(NULL, 0, outputs.prompt_length, NULL, outputs.arrival_time));
    assert_memory_equal(&outputs, &expected, sizeof expected);
}

static void results_may_be_longer_but_not_shorter_than_the_requests(void **state) {
    (void)state;
    batching_requests requests = lesson_requests();
    struct outputs outputs, untouched;
    outputs_reset(&outputs);
    outputs_reset(&untouched);
    batching_results results = outputs_results(&outputs);
    results.capacity = 3;
    assert_fails(batching_static_simulate(&requests, 2, 0.01, &results, NULL), BATCHING_ERROR_CAPACITY,
                 "results.capacity is 3");
    assert_fails(batching_continuous_simulate(&requests, 2, 0.01, &results, NULL), BATCHING_ERROR_CAPACITY, "4");

    const double time[4] = {0.0, 1.0, 2.0, 3.0};
    INITIALIZED(batching_completed, completed);
    completed.count = 4;
    completed.start_time = completed.end_time = time;
    completed.tokens_generated = LESSON_OUTPUT_LENGTH;
    batching_latencies latencies = outputs_latencies(&outputs);
    latencies.capacity = 3;
    assert_fails(batching_latencies_calculate(&completed, &latencies), BATCHING_ERROR_CAPACITY,
                 "latencies.capacity is 3");
    assert_memory_equal(&outputs, &untouched, sizeof untouched);

    results.capacity = 4;
    latencies.capacity = INT64_MAX;
    assert_succeeds(batching_static_simulate(&requests, 2, 0.01, &results, NULL));
    assert_succeeds(batching_latencies_calculate(&completed, &latencies));
    assert_double_equal(outputs.end_time[3], 3.6);
    assert_double_equal(outputs.total_latency[3], 3.0);
    assert_memory_equal(&outputs.end_time[4], &untouched.end_time[4], 4 * sizeof(double));
    assert_memory_equal(&outputs.total_latency[4], &untouched.total_latency[4], 4 * sizeof(double));
}

/* The lesson's requests in the order 3, 1, 0, 2: each has the same times, at its own index. */
static void requests_may_come_in_any_order(void **state) {
    (void)state;
    const int32_t output_length[4] = {150, 200, 50, 30};
    const double arrival_time[4] = {0.3, 0.1, 0.0, 0.2};
    batching_requests requests = lesson_requests();
    requests.output_length = output_length;
    requests.arrival_time = arrival_time;
    struct outputs outputs;
    outputs_reset(&outputs);
    batching_results results = outputs_results(&outputs);
    assert_succeeds(batching_continuous_simulate(&requests, 2, 0.01, &results, NULL));
    assert_doubles_equal(outputs.end_time, ((double[]){2.3, 2.1, 0.5, 0.8}), 4);
    assert_memory_equal(outputs.completion_order, ((int64_t[]){2, 3, 1, 0}), 4 * sizeof(int64_t));
    assert_succeeds(batching_static_simulate(&requests, 2, 0.01, &results, NULL));
    assert_doubles_equal(outputs.end_time, ((double[]){3.6, 2.1, 2.1, 3.6}), 4);
    assert_memory_equal(outputs.completion_order, ((int64_t[]){2, 1, 3, 0}), 4 * sizeof(int64_t));
}

/*
 * Requests of 2023 with time stamps in seconds since 1970, one after the other through one slot. A double holds such a
 * time to 0.24 microseconds: what comes out is the double nearest to it.
 */
static void epoch_timestamps_are_times(void **state) {
    (void)state;
    const double arrival_time[2] = {1700000000.1, 1700000000.1};
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.arrival_time = arrival_time;
    struct outputs outputs;
    outputs_reset(&outputs);
    batching_results results = outputs_results(&outputs);
    assert_succeeds(batching_continuous_simulate(&requests, 1, 0.01, &results, &outputs.summary));
    assert_doubles_equal(outputs.start_time, ((double[]){1700000000.1, 1700000000.11}), 2);
    assert_double_equal(outputs.summary.total_time, 1700000000.12);
    assert_double_equal(outputs.summary.busy_time, 0.02);
}

static void remaining_tokens_are_never_negative(void **state) {
    (void)state;
    const int32_t output_length[5] = {1, 5, 5, INT32_MAX, 1};
    const int32_t tokens_generated[5] = {0, 5, 3, 0, INT32_MAX};
    int32_t remaining_tokens[5];
    assert_succeeds(batching_remaining_tokens_calculate(5, output_length, tokens_generated, remaining_tokens));
    assert_memory_equal(remaining_tokens, ((int32_t[]){1, 0, 2, INT32_MAX, 0}), sizeof remaining_tokens);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_columns_left_out_have_their_defaults),
        cmocka_unit_test(prompts_cost_nothing),
        cmocka_unit_test(output_columns_may_be_left_out),
        cmocka_unit_test(no_requests_give_zeros),
        cmocka_unit_test(results_may_be_longer_but_not_shorter_than_the_requests),
        cmocka_unit_test(requests_may_come_in_any_order),
        cmocka_unit_test(epoch_timestamps_are_times),
        cmocka_unit_test(remaining_tokens_are_never_negative),
    };
    return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
