/* The library against the oracle on random requests: bit for bit where only integers are added. */
#include <math.h>
#include <stdbool.h>

#include "oracle.h"
#include "random.h"
#include "support.h"

struct random_case {
    int count;
    int batch_size;
    int64_t step;
    double time_per_token;
    int32_t output_length[ORACLE_CAPACITY];
    int64_t arrival[ORACLE_CAPACITY];
    double arrival_time[ORACLE_CAPACITY];
};

/*
 * Bursts, idle gaps, ties, arrivals exactly at and just beside iteration boundaries, in and out of order, and now and
 * then an output that takes the library's path for lengths beyond 16,383.
 */
static void random_case(uint64_t seed, struct random_case *requests) {
    uint64_t state = seed;
    requests->count = (int)random_between(&state, 1, seed % 7 == 0 ? ORACLE_CAPACITY : 40);
    requests->batch_size = (int)random_between(&state, 1, seed % 3 == 0 ? 4 : 50);
    requests->step = seed % 5 == 0 ? random_between(&state, 1, 20) : random_between(&state, 1, 40) * 1000000;
    requests->time_per_token = (double)requests->step / 1e9;
    int64_t longest = random_between(&state, 1, 60);
    bool is_in_order = seed % 2 == 0;
    int64_t now = 0;
    for (int index = 0; index < requests->count; index++) {
        bool is_long = seed % 11 == 0 && random_between(&state, 0, 15) == 0;
        requests->output_length[index] =
            (int32_t)(is_long ? random_between(&state, 16380, 40000) : random_between(&state, 1, longest));
        int64_t gap = random_between(&state, 0, 3) == 0 ? random_between(&state, 0, 2 * longest) : 0;
        int64_t beside = random_between(&state, -1, 1) * (random_between(&state, 0, 3) == 0);
        now = is_in_order ? now + gap * requests->step : random_between(&state, 0, 4 * longest) * requests->step;
        int64_t arrival = now + beside < 0 ? 0 : now + beside;
        if (is_in_order && index > 0 && arrival < requests->arrival[index - 1]) {
            arrival = requests->arrival[index - 1];
        }
        requests->arrival[index] = arrival;
        requests->arrival_time[index] = (double)arrival / 1e9;
    }
}

static void assert_matches(const struct random_case *given, const batching_results *results,
                           const batching_summary *summary, const struct oracle_run *expected) {
    for (int index = 0; index < given->count; index++) {
        assert_double_equal(results->start_time[index], (double)expected->start[index] / 1e9);
        assert_double_equal(results->first_token_time[index], (double)expected->first_token[index] / 1e9);
        assert_double_equal(results->end_time[index], (double)expected->end[index] / 1e9);
        assert_int_equal(results->completion_order[index], expected->completion_order[index]);
        assert_int_equal(results->tokens_generated[index], given->output_length[index]);
    }
    double total_time = (double)expected->total_time / 1e9;
    assert_double_equal(summary->total_time, total_time);
    assert_double_equal(summary->throughput, (double)expected->total_tokens / total_time);
    assert_int_equal(summary->total_tokens, expected->total_tokens);
    assert_int_equal(summary->iterations, expected->iterations);
    assert_double_equal(summary->busy_time, (double)(expected->iterations * given->step) / 1e9);
}

/* The percentiles and means are sums of doubles: equal up to rounding. */
static void assert_metrics_match(const struct random_case *given, const batching_results *results, double total_time,
                                 const struct oracle_run *run) {
    INITIALIZED(batching_completed, completed);
    completed.count = given->count;
    completed.arrival_time = given->arrival_time;
    completed.start_time = results->start_time;
    completed.first_token_time = results->first_token_time;
    completed.end_time = results->end_time;
    completed.tokens_generated = results->tokens_generated;
    INITIALIZED(batching_batch_metrics, metrics);
    assert_succeeds(batching_batch_metrics_calculate(&completed, total_time, &metrics));
    struct oracle_metrics expected;
    oracle_metrics(given->count, given->arrival, run, run->total_time, &expected);
    const double pairs[][2] = {
        {metrics.avg_latency, expected.avg_latency},
        {metrics.p50_latency, expected.p50_latency},
        {metrics.p95_latency, expected.p95_latency},
        {metrics.p99_latency, expected.p99_latency},
        {metrics.avg_queue_time, expected.avg_queue_time},
        {metrics.avg_time_to_first_token, expected.avg_time_to_first_token},
        {metrics.gpu_utilization, expected.gpu_utilization},
    };
    for (size_t which = 0; which < sizeof pairs / sizeof *pairs; which++) {
        if (fabs(pairs[which][0] - pairs[which][1]) > 1e-12 * fabs(pairs[which][1])) {
            fail_msg("metric %zu is %.17g, expected %.17g", which, pairs[which][0], pairs[which][1]);
        }
    }
}

enum { CASES = 500 };

typedef batching_status simulator(const batching_requests *, int64_t, double, const batching_results *,
                                  batching_summary *);
typedef void oracle(int, const int32_t *, const int64_t *, int, int64_t, struct oracle_run *);

static void simulator_agrees_with_the_oracle(simulator *simulate, oracle *simulate_slowly) {
    static double start_time[ORACLE_CAPACITY], first_token_time[ORACLE_CAPACITY], end_time[ORACLE_CAPACITY];
    static int32_t tokens_generated[ORACLE_CAPACITY];
    static int64_t completion_order[ORACLE_CAPACITY];
    INITIALIZED(batching_results, results);
    results.capacity = ORACLE_CAPACITY;
    results.start_time = start_time;
    results.first_token_time = first_token_time;
    results.end_time = end_time;
    results.tokens_generated = tokens_generated;
    results.completion_order = completion_order;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct random_case given;
        random_case(seed, &given);
        INITIALIZED(batching_requests, requests);
        requests.count = given.count;
        requests.output_length = given.output_length;
        requests.arrival_time = given.arrival_time;
        INITIALIZED(batching_summary, summary);
        assert_succeeds(simulate(&requests, given.batch_size, given.time_per_token, &results, &summary));
        struct oracle_run expected;
        simulate_slowly(given.count, given.output_length, given.arrival, given.batch_size, given.step, &expected);
        assert_matches(&given, &results, &summary, &expected);
        assert_metrics_match(&given, &results, summary.total_time, &expected);
    }
}

static void static_simulator_agrees_with_the_oracle(void **state) {
    (void)state;
    simulator_agrees_with_the_oracle(batching_static_simulate, oracle_static);
}

static void continuous_simulator_agrees_with_the_oracle(void **state) {
    (void)state;
    simulator_agrees_with_the_oracle(batching_continuous_simulate, oracle_continuous);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_simulator_agrees_with_the_oracle),
        cmocka_unit_test(continuous_simulator_agrees_with_the_oracle),
    };
    return cmocka_run_group_tests_name("simulators", tests, NULL, NULL);
}
