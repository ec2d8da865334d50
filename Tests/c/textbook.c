/* The example that every lesson on batching begins with, worked out by hand. Times are in seconds. */
#include <stdlib.h>

#include "support.h"

/*
 * Static, batches of 2, 0.01 s an iteration. The first batch waits for request 1 at 0.1 and runs max(50, 200)
 * iterations, to 2.1; the second runs max(30, 150) iterations, to 3.6. 430 tokens in 350 iterations.
 */
static void static_batching_runs_each_batch_to_its_longest_member(void **state) {
    (void)state;
    struct outputs outputs;
    outputs_reset(&outputs);
    batching_requests requests = lesson_requests();
    batching_results results = outputs_results(&outputs);
    assert_succeeds(batching_static_simulate(&requests, 2, 0.01, &results, &outputs.summary));

    assert_doubles_equal(outputs.start_time, ((double[]){0.1, 0.1, 2.1, 2.1}), 4);
    assert_doubles_equal(outputs.first_token_time, ((double[]){0.11, 0.11, 2.11, 2.11}), 4);
    assert_doubles_equal(outputs.end_time, ((double[]){2.1, 2.1, 3.6, 3.6}), 4);
    assert_memory_equal(outputs.tokens_generated, LESSON_OUTPUT_LENGTH, sizeof LESSON_OUTPUT_LENGTH);
    assert_memory_equal(outputs.completion_order, ((int64_t[]){0, 1, 2, 3}), 4 * sizeof(int64_t));
    assert_double_equal(outputs.summary.total_time, 3.6);
    assert_double_equal(outputs.summary.throughput, 430 / 3.6);
    assert_int_equal(outputs.summary.total_tokens, 430);
    assert_int_equal(outputs.summary.iterations, 350);
    assert_double_equal(outputs.summary.busy_time, 3.5);
}

/*
 * Continuous, two slots. Request 0 has a slot at once and ends at 0.5; request 1 has the other from 0.1 to 2.1; request
 * 2 takes the slot that becomes free at 0.5, and request 3 the same slot at 0.8. From 0 to 2.3 some request always
 * runs: 230 iterations.
 */
static void continuous_batching_refills_a_slot_in_the_next_iteration(void **state) {
    (void)state;
    struct outputs outputs;
    outputs_reset(&outputs);
    batching_requests requests = lesson_requests();
    batching_results results = outputs_results(&outputs);
    assert_succeeds(batching_continuous_simulate(&requests, 2, 0.01, &results, &outputs.summary));

    assert_doubles_equal(outputs.start_time, ((double[]){0.0, 0.1, 0.5, 0.8}), 4);
    assert_doubles_equal(outputs.first_token_time, ((double[]){0.01, 0.11, 0.51, 0.81}), 4);
    assert_doubles_equal(outputs.end_time, ((double[]){0.5, 2.1, 0.8, 2.3}), 4);
    assert_memory_equal(outputs.tokens_generated, LESSON_OUTPUT_LENGTH, sizeof LESSON_OUTPUT_LENGTH);
    assert_memory_equal(outputs.completion_order, ((int64_t[]){0, 2, 1, 3}), 4 * sizeof(int64_t));
    assert_double_equal(outputs.summary.total_time, 2.3);
    assert_double_equal(outputs.summary.throughput, 430 / 2.3);
    assert_int_equal(outputs.summary.total_tokens, 430);
    assert_int_equal(outputs.summary.iterations, 230);
    assert_double_equal(outputs.summary.busy_time, 2.3);
}

/* Latencies 2.1, 2.0, 3.4 and 3.3 against 0.5, 2.0, 0.6 and 2.0: sums 10.8 and 5.1, exact in nanoseconds. */
static void continuous_batching_wins_on_throughput_and_mean_latency(void **state) {
    (void)state;
    batching_requests requests = lesson_requests();
    INITIALIZED(batching_comparison, comparison);
    assert_succeeds(batching_strategies_compare(&requests, 2, 0.01, &comparison));
    assert_double_equal(comparison.static_throughput, 430 / 3.6);
    assert_double_equal(comparison.continuous_throughput, 430 / 2.3);
    assert_double_equal(comparison.static_avg_latency, 2.7);
    assert_double_equal(comparison.continuous_avg_latency, 1.275);
    assert_double_equal(comparison.throughput_improvement, (430 / 2.3) / (430 / 3.6));
    assert_double_equal(comparison.latency_improvement, 2.7 / 1.275);
    assert_true(comparison.throughput_improvement > 1.0 && comparison.latency_improvement > 1.0);
}

/*
 * The metrics of the continuous run. Latencies in order: 0.5 0.6 2.0 2.0. Quantile q lies at rank 3q: the median
 * halfway between 0.6 and 2.0, the 95th and 99th percentile between the two 2.0. Queue times 0, 0, 0.3 and 0.5; each
 * first token comes 0.01 after the start. Some request runs from 0 to the end.
 */
static void metrics_of_the_continuous_run(void **state) {
    (void)state;
    const double start_time[4] = {0.0, 0.1, 0.5, 0.8};
    const double first_token_time[4] = {0.01, 0.11, 0.51, 0.81};
    const double end_time[4] = {0.5, 2.1, 0.8, 2.3};
    INITIALIZED(batching_completed, completed);
    completed.count = 4;
    completed.arrival_time = LESSON_ARRIVAL_TIME;
    completed.start_time = start_time;
    completed.first_token_time = first_token_time;
    completed.end_time = end_time;
    completed.tokens_generated = LESSON_OUTPUT_LENGTH;

    INITIALIZED(batching_batch_metrics, metrics);
    assert_succeeds(batching_batch_metrics_calculate(&completed, 2.3, &metrics));
    assert_double_equal(metrics.throughput, 430 / 2.3);
    assert_int_equal(metrics.total_tokens, 430);
    assert_double_equal(metrics.avg_latency, 1.275);
    assert_float_equal(metrics.p50_latency, 1.3, 1e-12);
    assert_float_equal(metrics.p95_latency, 2.0, 1e-12);
    assert_float_equal(metrics.p99_latency, 2.0, 1e-12);
    assert_double_equal(metrics.avg_queue_time, 0.2);
    assert_double_equal(metrics.avg_time_to_first_token, 0.21);
    assert_double_equal(metrics.gpu_utilization, 1.0);

    struct outputs outputs;
    outputs_reset(&outputs);
    batching_latencies latencies = outputs_latencies(&outputs);
    assert_succeeds(batching_latencies_calculate(&completed, &latencies));
    assert_doubles_equal(outputs.queue_time, ((double[]){0.0, 0.0, 0.3, 0.5}), 4);
    assert_doubles_equal(outputs.processing_time, ((double[]){0.5, 2.0, 0.3, 1.5}), 4);
    assert_doubles_equal(outputs.total_latency, ((double[]){0.5, 2.0, 0.6, 2.0}), 4);
    assert_doubles_equal(outputs.time_to_first_token, ((double[]){0.01, 0.01, 0.31, 0.51}), 4);
}

/* Where no first token is known, a request's tokens are taken to be equal steps: 0.3 + 2.0 / 8 and 0.0 + 1.0 / 4. */
static void time_to_first_token_is_one_equal_step_where_it_is_unknown(void **state) {
    (void)state;
    const double not_a_number = strtod("nan", NULL);
    const double arrival_time[2] = {0.2, 1.0};
    const double start_time[2] = {0.5, 1.0};
    const double end_time[2] = {2.5, 2.0};
    const double first_token_time[2] = {not_a_number, 1.75};
    const int32_t tokens_generated[2] = {8, 4};
    INITIALIZED(batching_completed, completed);
    completed.count = 2;
    completed.arrival_time = arrival_time;
    completed.start_time = start_time;
    completed.end_time = end_time;
    completed.tokens_generated = tokens_generated;
    struct outputs outputs;
    outputs_reset(&outputs);
    batching_latencies latencies = outputs_latencies(&outputs);

    assert_succeeds(batching_latencies_calculate(&completed, &latencies));
    assert_doubles_equal(outputs.time_to_first_token, ((double[]){0.55, 0.25}), 2);

    completed.first_token_time = first_token_time;
    assert_succeeds(batching_latencies_calculate(&completed, &latencies));
    assert_doubles_equal(outputs.time_to_first_token, ((double[]){0.55, 0.75}), 2);
}

/* [0, 1] and [0.5, 2] are [0, 2]; [3, 5] is cut at the total time, 4: 3 of 4 seconds. */
static void utilization_is_the_union_of_intervals_cut_to_the_total_time(void **state) {
    (void)state;
    const double start_time[3] = {0.5, 3.0, 0.0};
    const double end_time[3] = {2.0, 5.0, 1.0};
    const int32_t tokens_generated[3] = {1, 1, 1};
    INITIALIZED(batching_completed, completed);
    completed.count = 3;
    completed.start_time = start_time;
    completed.end_time = end_time;
    completed.tokens_generated = tokens_generated;
    INITIALIZED(batching_batch_metrics, metrics);
    assert_succeeds(batching_batch_metrics_calculate(&completed, 4.0, &metrics));
    assert_double_equal(metrics.gpu_utilization, 0.75);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_batching_runs_each_batch_to_its_longest_member),
        cmocka_unit_test(continuous_batching_refills_a_slot_in_the_next_iteration),
        cmocka_unit_test(continuous_batching_wins_on_throughput_and_mean_latency),
        cmocka_unit_test(metrics_of_the_continuous_run),
        cmocka_unit_test(time_to_first_token_is_one_equal_step_where_it_is_unknown),
        cmocka_unit_test(utilization_is_the_union_of_intervals_cut_to_the_total_time),
    };
    return cmocka_run_group_tests_name("textbook", tests, NULL, NULL);
}
