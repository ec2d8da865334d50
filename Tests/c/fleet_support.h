/* What the tests of small fleets by hand share: all columns of a few requests and replicas. */
#ifndef BATCHING_TESTS_FLEET_SUPPORT_H
#define BATCHING_TESTS_FLEET_SUPPORT_H

#include <math.h>

#include "support.h"

enum { FEW = 8, FEW_REPLICAS = 4, FEW_DECISIONS = 8 };

struct told {
    double start_time[FEW], first_token_time[FEW], end_time[FEW];
    int32_t status[FEW], replica[FEW], prefill_replica[FEW], attempts[FEW];
    double routed_time[FEW], held_time[FEW], reserved_time[FEW], activated_time[FEW], decode_start_time[FEW],
        released_time[FEW], transfer[FEW], waiting_for_router[FEW], waiting_for_decode[FEW], decode[FEW];
    double up_time[FEW_REPLICAS];
    int64_t requests[FEW_REPLICAS];
    double scaling_time[FEW_DECISIONS];
    int64_t scaling_replicas[FEW_DECISIONS], scaling_count;
    int32_t scaling_role[FEW_DECISIONS];
    batching_summary summary;
    batching_results results;
    batching_fleet_results fleet_results;
    batching_attribution attribution;
};

/* Wants everything. */
static inline void told_init(struct told *told) {
    memset(told, UNTOUCHED, sizeof *told);
    assert_succeeds(batching_summary_init(&told->summary, sizeof told->summary));
    assert_succeeds(batching_results_init(&told->results, sizeof told->results));
    told->results.capacity = FEW;
    told->results.start_time = told->start_time;
    told->results.first_token_time = told->first_token_time;
    told->results.end_time = told->end_time;
    told->results.status = told->status;
    assert_succeeds(batching_attribution_init(&told->attribution, sizeof told->attribution));
    told->attribution.capacity = FEW;
    told->attribution.decode = told->decode;
    batching_fleet_results *columns = &told->fleet_results;
    assert_succeeds(batching_fleet_results_init(columns, sizeof *columns));
    columns->capacity = FEW;
    columns->replica_capacity = FEW_REPLICAS;
    columns->scaling_capacity = FEW_DECISIONS;
    columns->replica = told->replica;
    columns->routed_time = told->routed_time;
    columns->prefill_replica = told->prefill_replica;
    columns->held_time = told->held_time;
    columns->reserved_time = told->reserved_time;
    columns->activated_time = told->activated_time;
    columns->decode_start_time = told->decode_start_time;
    columns->released_time = told->released_time;
    columns->attempts = told->attempts;
    columns->up_time = told->up_time;
    columns->requests = told->requests;
    columns->scaling_time = told->scaling_time;
    columns->scaling_replicas = told->scaling_replicas;
    columns->scaling_role = told->scaling_role;
    columns->scaling_count = &told->scaling_count;
    columns->attribution = &told->attribution;
    columns->transfer = told->transfer;
    columns->waiting_for_router = told->waiting_for_router;
    columns->waiting_for_decode = told->waiting_for_decode;
}

/* Runs it, and is told everything. */
static inline void run_fleet(struct told *told, const batching_fleet_config *config,
                             const batching_requests *requests) {
    told_init(told);
    assert_succeeds(batching_fleet_simulate(config, requests, &told->results, &told->fleet_results, &told->summary));
}

/* The first values of a column; any NaN is as good as another. */
#define assert_column(column, ...)                                                                                     \
    do {                                                                                                               \
        const double expected_column[] = {__VA_ARGS__};                                                                \
        for (size_t row = 0; row < sizeof expected_column / sizeof(double); row++) {                                   \
            if (!(isnan(expected_column[row]) && isnan((double)(column)[row])) &&                                      \
                (double)(column)[row] != expected_column[row]) {                                                       \
                fail_msg("%s[%zu] is %.17g, expected %.17g", #column, row, (double)(column)[row],                      \
                         expected_column[row]);                                                                        \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

/* An iteration takes a second, whatever is in it. */
static inline batching_engine_config a_second(void) {
    INITIALIZED(batching_engine_config, config);
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 1;
    return config;
}

static inline batching_requests requests_of(int64_t count, const int32_t *prompt, const int32_t *output,
                                            const double *arrival) {
    INITIALIZED(batching_requests, requests);
    requests.count = count;
    requests.prompt_length = prompt;
    requests.output_length = output;
    requests.arrival_time = arrival;
    return requests;
}

#define LENGTHS(...) ((const int32_t[]){__VA_ARGS__})
#define TIMES(...)   ((const double[]){__VA_ARGS__})

#endif
