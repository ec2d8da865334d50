/*
 * The worst inputs of every function, each in a child process that has to end by itself: a trap, an abort, a hang or a
 * wrong status is a failure. With the argument --no-fork all run in this process, for valgrind, without those that take
 * memory away or much time. Those of the engine are in hostile_engine.c, of its times in hostile_times.c, of fleets
 * in hostile_fleet.c, and of profiles in hostile_profiles.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

enum { SECONDS_UNTIL_IT_HANGS = 60 };

static batching_requests requests_of(const struct input *given) {
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = given->count;
    requests.prompt_length = given->prompt_length;
    requests.output_length = given->output_length;
    requests.arrival_time = given->arrival_time;
    return requests;
}

typedef batching_status simulator(const batching_requests *, int64_t, double, const batching_results *,
                                  batching_summary *);

static batching_status simulate(const struct input *given, simulator *simulate_batches) {
    batching_requests requests = requests_of(given);
    double end_time[4] = {UNTOUCHED};
    batching_results results;
    batching_results_init(&results, sizeof results);
    results.capacity = given->capacity;
    results.end_time = given->count <= 4 ? end_time : NULL;
    batching_summary summary;
    batching_summary_init(&summary, sizeof summary);
    summary.total_time = UNTOUCHED;
    batching_status status = simulate_batches(&requests, given->batch_size, given->time_per_token, &results, &summary);
    return unless_written(unless_written(status, summary.total_time), end_time[0]);
}

static batching_status run_static(const struct input *given) {
    return simulate(given, batching_static_simulate);
}
static batching_status run_continuous(const struct input *given) {
    return simulate(given, batching_continuous_simulate);
}

static batching_status run_compare(const struct input *given) {
    batching_requests requests = requests_of(given);
    batching_comparison comparison;
    batching_comparison_init(&comparison, sizeof comparison);
    comparison.static_throughput = UNTOUCHED;
    batching_status status =
        batching_strategies_compare(&requests, given->batch_size, given->time_per_token, &comparison);
    return unless_written(status, comparison.static_throughput);
}

static batching_completed completed_of(const struct input *given) {
    batching_completed completed;
    batching_completed_init(&completed, sizeof completed);
    completed.count = given->count;
    completed.arrival_time = given->arrival_time;
    completed.start_time = given->start_time;
    completed.first_token_time = given->first_token_time;
    completed.end_time = given->end_time;
    completed.tokens_generated = given->tokens_generated;
    return completed;
}

static batching_status run_metrics(const struct input *given) {
    batching_completed completed = completed_of(given);
    batching_batch_metrics metrics;
    batching_batch_metrics_init(&metrics, sizeof metrics);
    metrics.throughput = UNTOUCHED;
    batching_status status = batching_batch_metrics_calculate(&completed, given->total_time, &metrics);
    return unless_written(status, metrics.throughput);
}

static batching_status run_latencies(const struct input *given) {
    batching_completed completed = completed_of(given);
    double total_latency[4] = {UNTOUCHED};
    batching_latencies latencies;
    batching_latencies_init(&latencies, sizeof latencies);
    latencies.capacity = given->capacity;
    latencies.total_latency = given->count <= 4 ? total_latency : NULL;
    return unless_written(batching_latencies_calculate(&completed, &latencies), total_latency[0]);
}

static batching_status run_remaining(const struct input *given) {
    int32_t remaining_tokens[4] = {(int32_t)UNTOUCHED};
    batching_status status = batching_remaining_tokens_calculate(given->count, given->output_length,
                                                                 given->tokens_generated, remaining_tokens);
    return unless_written(status, remaining_tokens[0]);
}

static batching_status run_intensity(const struct input *given) {
    double intensity = UNTOUCHED;
    batching_status status = batching_arithmetic_intensity_calculate(given->batch_size, given->model_memory,
                                                                     given->flops_per_token, &intensity);
    return unless_written(status, intensity);
}

static batching_status run_optimal(const struct input *given) {
    int64_t batch_size = (int64_t)UNTOUCHED;
    batching_status status = batching_optimal_batch_size_calculate(
        given->memory_budget, given->model_memory, given->kv_cache_per_token, given->max_seq_len, &batch_size);
    return unless_written(status, (double)batch_size);
}

static batching_status run_workload(const struct input *given) {
    batching_workload workload;
    batching_workload_init(&workload, sizeof workload);
    workload.prompt_length_min = workload.output_length_min = given->length_min;
    workload.prompt_length_max = workload.output_length_max = given->length_max;
    workload.arrival_rate = given->arrival_rate;
    int32_t prompt_length[4], output_length[4];
    double arrival_time[4] = {UNTOUCHED};
    bool wants = given->wants_columns;
    batching_status status = batching_workload_generate(&workload, given->count, wants ? prompt_length : NULL,
                                                        wants ? output_length : NULL, wants ? arrival_time : NULL);
    return unless_written(status, arrival_time[0]);
}

/* Turns, think times, and closed sessions, which begin where those of `run_workload` do. */
static batching_status run_sessions(const struct input *given) {
    batching_workload workload;
    batching_workload_init(&workload, sizeof workload);
    workload.turns_min = given->length_min;
    workload.turns_max = given->length_max;
    workload.arrival_rate = given->arrival_rate;
    workload.think_time = given->total_time;
    workload.think_time_sigma = given->time_per_token;
    workload.think_times = given->capacity == 0 ? BATCHING_THINK_TIMES_LOGNORMAL : (int32_t)given->capacity;
    workload.sessions_closed = (int32_t)given->batch_size;
    int64_t session[4];
    double delay[4] = {UNTOUCHED};
    bool wants = given->wants_columns;
    batching_status status =
        batching_workload_sessions_generate(&workload, given->count, wants ? session : NULL, wants ? delay : NULL);
    return unless_written(status, delay[0]);
}

/* `capacity` of `count`. */
static batching_status run_sample(const struct input *given) {
    int64_t indices[4] = {(int64_t)UNTOUCHED};
    batching_status status =
        batching_sample_generate(UINT64_MAX, given->count, given->capacity, given->wants_columns ? indices : NULL);
    return unless_written(status, (double)indices[0]);
}

/* Row of a table: the expected status, and what is out of order. */
#define SIMULATION(status, ...)                                                                                        \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .count = 4, .capacity = 4, .batch_size = 2, .time_per_token = 0.01, __VA_ARGS__                            \
        }                                                                                                              \
    }

static const struct row SIMULATIONS[] = {
    SIMULATION(ERROR_INVALID_ARGUMENT, .count = -1),
    SIMULATION(ERROR_INVALID_ARGUMENT, .count = INT64_MIN),
    SIMULATION(ERROR_INVALID_ARGUMENT, .count = INT64_MAX, .capacity = INT64_MAX),
    SIMULATION(ERROR_INVALID_ARGUMENT, .count = INT64_MAX / 8 + 1, .capacity = INT64_MAX),
    SIMULATION(OK, .capacity = INT64_MAX),
    SIMULATION(OK, .count = 0, .capacity = 0, .time_per_token = BATCHING_TIME_MAX),
    SIMULATION(ERROR_INVALID_ARGUMENT, .batch_size = 0),
    SIMULATION(ERROR_INVALID_ARGUMENT, .batch_size = -1),
    SIMULATION(ERROR_INVALID_ARGUMENT, .batch_size = INT64_MIN),
    SIMULATION(OK, .batch_size = INT64_MAX),
    SIMULATION(OK, .batch_size = INT64_MAX, .output_length = LONGEST),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = NAN),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = INFINITY),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = -INFINITY),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = 0.0),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = -0.0),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = -0.01),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = DBL_TRUE_MIN),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = 1e-300),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = 4.9e-10),
    SIMULATION(OK, .time_per_token = 5e-10),
    SIMULATION(OK, .time_per_token = 1e-9),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = 1e300),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = DBL_MAX),
    SIMULATION(ERROR_INVALID_ARGUMENT, .time_per_token = 9223372037.0),
    SIMULATION(OK, .count = 1, .time_per_token = BATCHING_TIME_MAX),
    SIMULATION(ERROR_OVERFLOW, .batch_size = 1, .time_per_token = BATCHING_TIME_MAX),
    SIMULATION(ERROR_OVERFLOW, .output_length = LONGEST, .time_per_token = BATCHING_TIME_MAX),
    SIMULATION(ERROR_OVERFLOW, .output_length = LONGEST, .time_per_token = 100.0),
    SIMULATION(OK, .output_length = LONGEST),
    SIMULATION(OK, .output_length = LONGEST, .time_per_token = 1e-9),
    SIMULATION(OK, .output_length = MIXED),
    SIMULATION(OK, .output_length = MIXED, .batch_size = 1),
    SIMULATION(ERROR_INVALID_ARGUMENT, .output_length = LENGTHS(1, 1, 1, 0)),
    SIMULATION(ERROR_INVALID_ARGUMENT, .output_length = LENGTHS(1, 1, 1, INT32_MIN)),
    SIMULATION(OK, .prompt_length = LONGEST),
    SIMULATION(ERROR_INVALID_ARGUMENT, .prompt_length = LENGTHS(0, 0, 0, INT32_MIN)),
    SIMULATION(OK, .arrival_time = DOUBLES(-0.0, 0.0, -0.0, 0.0)),
    SIMULATION(OK, .arrival_time = DOUBLES(DBL_TRUE_MIN, DBL_MIN, DBL_EPSILON, 5e-10)),
    SIMULATION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, NAN, 0, NAN)),
    SIMULATION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, 0, 0, INFINITY)),
    SIMULATION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(-INFINITY, 0, 0, 0)),
    SIMULATION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, 0, -DBL_TRUE_MIN, 0)),
    SIMULATION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, 0, 0, DBL_MAX)),
    SIMULATION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, 0, 0, 9223372036.000002)),
    SIMULATION(OK, .arrival_time = DOUBLES(1.7e9, 1.7e9, 1.7e9, 1.7e9), .output_length = MIXED),
    SIMULATION(OK, .arrival_time = DOUBLES(1.7e9, 0, 1.7e9 + 1, 0), .output_length = MIXED, .time_per_token = 1e-9),
    SIMULATION(OK, .arrival_time = DOUBLES(9e9, 0, 1.7e9, 1e-9), .output_length = MIXED, .time_per_token = 1e-9),
    SIMULATION(ERROR_OVERFLOW, .arrival_time = DOUBLES(9e9, 0, 0, 0), .output_length = LONGEST, .time_per_token = 1.0),
    SIMULATION(ERROR_OVERFLOW, .arrival_time = DOUBLES(0, 0, 0, BATCHING_TIME_MAX)),
    SIMULATION(ERROR_OVERFLOW, .arrival_time = DOUBLES(BATCHING_TIME_MAX, 0, 0, 0), .time_per_token = 1e-9),
};

#define COMPLETION(status, ...)                                                                                        \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .count = 4, .capacity = 4, .total_time = 4.0, .start_time = DOUBLES(0, 1, 2, 3),                           \
            .end_time = DOUBLES(1, 2, 3, 4), .tokens_generated = LENGTHS(1, 1, 1, 1), __VA_ARGS__                      \
        }                                                                                                              \
    }

static const struct row COMPLETIONS[] = {
    COMPLETION(ERROR_INVALID_ARGUMENT, .count = -1),
    COMPLETION(ERROR_INVALID_ARGUMENT, .count = INT64_MIN),
    COMPLETION(ERROR_INVALID_ARGUMENT, .count = INT64_MAX, .capacity = INT64_MAX),
    COMPLETION(ERROR_INVALID_ARGUMENT, .count = INT64_MAX / 8 + 1, .capacity = INT64_MAX),
    COMPLETION(ERROR_NULL_POINTER, .start_time = NULL),
    COMPLETION(ERROR_NULL_POINTER, .end_time = NULL),
    COMPLETION(ERROR_NULL_POINTER, .tokens_generated = NULL),
    COMPLETION(OK, .tokens_generated = LONGEST),
    COMPLETION(ERROR_INVALID_ARGUMENT, .tokens_generated = LENGTHS(1, 1, 1, 0)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .tokens_generated = LENGTHS(1, 1, INT32_MIN, 1)),
    COMPLETION(OK, .tokens_generated = LENGTHS(0, 0, 0, 0), .first_token_time = DOUBLES(1, 1, 2, 4)),
    COMPLETION(OK, .first_token_time = DOUBLES(NAN, -NAN, NAN, NAN)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .first_token_time = DOUBLES(NAN, INFINITY, NAN, NAN)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .first_token_time = DOUBLES(NAN, -INFINITY, NAN, NAN)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .first_token_time = DOUBLES(NAN, 2.5, NAN, NAN)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .start_time = DOUBLES(0, 1, 2, NAN)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .start_time = DOUBLES(0, 1, 2, INFINITY)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .start_time = DOUBLES(-1, 1, 2, 3)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .start_time = DOUBLES(0, 1, 2, 5)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .end_time = DOUBLES(NAN, 2, 3, 4)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .end_time = DOUBLES(1, 2, 3, DBL_MAX)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, 0, 0, NAN)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, 0, 2.5, 0)),
    COMPLETION(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(-INFINITY, 0, 0, 0)),
    COMPLETION(OK, .start_time = DOUBLES(0, 0, 0, 0), .end_time = DOUBLES(0, 0, 0, 0)),
    COMPLETION(OK, .end_time = DOUBLES(BATCHING_TIME_MAX, BATCHING_TIME_MAX, BATCHING_TIME_MAX, BATCHING_TIME_MAX)),
    COMPLETION(OK, .start_time = DOUBLES(9e9, 0, 5, 1.7e9), .end_time = DOUBLES(9e9, 9e9, 5, 1.7e9)),
};

static const struct row TOTAL_TIMES[] = {
    COMPLETION(ERROR_INVALID_ARGUMENT, .total_time = NAN),
    COMPLETION(ERROR_INVALID_ARGUMENT, .total_time = INFINITY),
    COMPLETION(ERROR_INVALID_ARGUMENT, .total_time = -INFINITY),
    COMPLETION(ERROR_INVALID_ARGUMENT, .total_time = 0.0),
    COMPLETION(ERROR_INVALID_ARGUMENT, .total_time = -0.0),
    COMPLETION(ERROR_INVALID_ARGUMENT, .total_time = -1.0),
    COMPLETION(ERROR_INVALID_ARGUMENT, .total_time = DBL_MAX),
    COMPLETION(OK, .total_time = 1e-9),
    COMPLETION(OK, .total_time = BATCHING_TIME_MAX),
    COMPLETION(OK, .count = 0, .total_time = 0.0),
};

#define REMAINDER(status, ...)                                                                                         \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .count = 4, .output_length = LENGTHS(1, 1, 1, 1), .tokens_generated = LENGTHS(0, 0, 0, 0), __VA_ARGS__     \
        }                                                                                                              \
    }

static const struct row REMAINDERS[] = {
    REMAINDER(ERROR_INVALID_ARGUMENT, .count = -1),
    REMAINDER(ERROR_INVALID_ARGUMENT, .count = INT64_MIN),
    REMAINDER(ERROR_INVALID_ARGUMENT, .count = INT64_MAX),
    REMAINDER(ERROR_NULL_POINTER, .output_length = NULL),
    REMAINDER(ERROR_NULL_POINTER, .tokens_generated = NULL),
    REMAINDER(OK, .output_length = LONGEST),
    REMAINDER(OK, .tokens_generated = LONGEST),
    REMAINDER(ERROR_INVALID_ARGUMENT, .output_length = LENGTHS(1, 1, 1, INT32_MIN)),
    REMAINDER(ERROR_INVALID_ARGUMENT, .tokens_generated = LENGTHS(0, 0, 0, INT32_MIN)),
};

#define INTENSITY(status, ...)                                                                                         \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .batch_size = 1, .model_memory = 1.0, .flops_per_token = 2.0, __VA_ARGS__                                  \
        }                                                                                                              \
    }

static const struct row INTENSITIES[] = {
    INTENSITY(ERROR_INVALID_ARGUMENT, .batch_size = 0),
    INTENSITY(ERROR_INVALID_ARGUMENT, .batch_size = INT64_MIN),
    INTENSITY(OK, .batch_size = INT64_MAX),
    INTENSITY(ERROR_INVALID_ARGUMENT, .model_memory = 0.0),
    INTENSITY(ERROR_INVALID_ARGUMENT, .model_memory = -DBL_TRUE_MIN),
    INTENSITY(ERROR_INVALID_ARGUMENT, .model_memory = NAN),
    INTENSITY(ERROR_INVALID_ARGUMENT, .model_memory = INFINITY),
    INTENSITY(OK, .model_memory = DBL_MAX),
    INTENSITY(OK, .model_memory = DBL_TRUE_MIN),
    INTENSITY(ERROR_INVALID_ARGUMENT, .flops_per_token = 0.0),
    INTENSITY(ERROR_INVALID_ARGUMENT, .flops_per_token = -INFINITY),
    INTENSITY(ERROR_INVALID_ARGUMENT, .flops_per_token = NAN),
    INTENSITY(OK, .flops_per_token = DBL_MAX),
    INTENSITY(ERROR_OVERFLOW, .flops_per_token = DBL_MAX, .batch_size = 2),
    INTENSITY(OK, .flops_per_token = DBL_TRUE_MIN),
};

#define OPTIMUM(status, ...)                                                                                           \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .memory_budget = 8.0, .model_memory = 1.0, .kv_cache_per_token = 1.0, .max_seq_len = 2, __VA_ARGS__        \
        }                                                                                                              \
    }

static const struct row OPTIMA[] = {
    OPTIMUM(ERROR_INVALID_ARGUMENT, .memory_budget = NAN),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .memory_budget = INFINITY),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .memory_budget = -DBL_TRUE_MIN),
    OPTIMUM(OK, .memory_budget = 0.0),
    OPTIMUM(OK, .memory_budget = -0.0),
    OPTIMUM(OK, .memory_budget = DBL_TRUE_MIN),
    OPTIMUM(ERROR_OVERFLOW, .memory_budget = DBL_MAX),
    OPTIMUM(ERROR_OVERFLOW, .memory_budget = DBL_MAX, .kv_cache_per_token = DBL_TRUE_MIN, .max_seq_len = INT64_MAX),
    OPTIMUM(OK, .memory_budget = DBL_MAX, .model_memory = DBL_MAX),
    OPTIMUM(OK, .memory_budget = DBL_MAX, .kv_cache_per_token = DBL_MAX, .max_seq_len = INT64_MAX),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .model_memory = NAN),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .model_memory = -1.0),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .model_memory = INFINITY),
    OPTIMUM(OK, .model_memory = DBL_MAX),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .kv_cache_per_token = 0.0),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .kv_cache_per_token = NAN),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .kv_cache_per_token = INFINITY),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .kv_cache_per_token = -1.0),
    OPTIMUM(ERROR_OVERFLOW, .kv_cache_per_token = DBL_TRUE_MIN),
    OPTIMUM(OK, .kv_cache_per_token = DBL_MAX),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .max_seq_len = 0),
    OPTIMUM(ERROR_INVALID_ARGUMENT, .max_seq_len = INT64_MIN),
    OPTIMUM(OK, .max_seq_len = INT64_MAX),
};

#define GENERATION(status, ...)                                                                                        \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .count = 4, .length_min = 1, .length_max = 9, .arrival_rate = 1.0, .wants_columns = true, __VA_ARGS__      \
        }                                                                                                              \
    }

static const struct row GENERATIONS[] = {
    GENERATION(ERROR_INVALID_ARGUMENT, .count = -1),
    GENERATION(ERROR_INVALID_ARGUMENT, .count = INT64_MIN),
    GENERATION(ERROR_INVALID_ARGUMENT, .count = INT64_MIN, .wants_columns = false),
    GENERATION(ERROR_INVALID_ARGUMENT, .count = INT64_MAX),
    GENERATION(ERROR_INVALID_ARGUMENT, .length_min = INT32_MIN),
    GENERATION(ERROR_INVALID_ARGUMENT, .length_min = INT32_MAX),
    GENERATION(OK, .length_max = INT32_MAX),
    GENERATION(OK, .length_min = INT32_MAX, .length_max = INT32_MAX),
    GENERATION(ERROR_INVALID_ARGUMENT, .length_max = INT32_MIN),
    GENERATION(ERROR_INVALID_ARGUMENT, .length_min = INT32_MIN, .length_max = INT32_MAX),
    GENERATION(ERROR_INVALID_ARGUMENT, .arrival_rate = 0.0),
    GENERATION(ERROR_INVALID_ARGUMENT, .arrival_rate = -0.0),
    GENERATION(ERROR_INVALID_ARGUMENT, .arrival_rate = -1.0),
    GENERATION(ERROR_INVALID_ARGUMENT, .arrival_rate = NAN),
    GENERATION(ERROR_INVALID_ARGUMENT, .arrival_rate = -INFINITY),
    GENERATION(OK, .arrival_rate = INFINITY),
    GENERATION(OK, .arrival_rate = DBL_MAX),
    GENERATION(ERROR_OVERFLOW, .arrival_rate = DBL_TRUE_MIN),
    GENERATION(ERROR_OVERFLOW, .arrival_rate = 1e-300),
};

#define SESSIONS(status, ...)                                                                                          \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .count = 4, .length_min = 2, .length_max = 3, .arrival_rate = 1, .total_time = 1, .time_per_token = 1,     \
            .batch_size = 1, .wants_columns = true, __VA_ARGS__                                                        \
        }                                                                                                              \
    }

static const struct row CONVERSATIONS[] = {
    SESSIONS(ERROR_INVALID_ARGUMENT, .count = -1),
    SESSIONS(ERROR_INVALID_ARGUMENT, .count = INT64_MIN),
    SESSIONS(ERROR_INVALID_ARGUMENT, .count = INT64_MAX),
    SESSIONS(ERROR_INVALID_ARGUMENT, .count = INT64_MAX, .wants_columns = false),
    SESSIONS(OK, .count = 1 << 16, .wants_columns = false),
    SESSIONS(OK, .count = 0),
    SESSIONS(ERROR_INVALID_ARGUMENT, .length_min = INT32_MIN),
    SESSIONS(ERROR_INVALID_ARGUMENT, .length_min = INT32_MAX),
    SESSIONS(OK, .length_min = INT32_MAX, .length_max = INT32_MAX),
    SESSIONS(ERROR_INVALID_ARGUMENT, .batch_size = 2),
    SESSIONS(ERROR_INVALID_ARGUMENT, .batch_size = -1),
    SESSIONS(ERROR_INVALID_ARGUMENT, .capacity = 1),
    SESSIONS(ERROR_INVALID_ARGUMENT, .capacity = INT32_MIN),
    SESSIONS(OK, .capacity = BATCHING_THINK_TIMES_CONSTANT, .time_per_token = NAN),
    SESSIONS(OK, .time_per_token = 0.0),
    SESSIONS(OK, .time_per_token = -0.0),
    SESSIONS(OK, .time_per_token = 64.0),
    SESSIONS(ERROR_INVALID_ARGUMENT, .time_per_token = 64.00000000000002),
    SESSIONS(ERROR_INVALID_ARGUMENT, .time_per_token = -DBL_TRUE_MIN),
    SESSIONS(ERROR_INVALID_ARGUMENT, .time_per_token = NAN),
    SESSIONS(ERROR_INVALID_ARGUMENT, .time_per_token = INFINITY),
    SESSIONS(ERROR_INVALID_ARGUMENT, .total_time = -1.0),
    SESSIONS(ERROR_INVALID_ARGUMENT, .total_time = NAN),
    SESSIONS(ERROR_INVALID_ARGUMENT, .total_time = INFINITY),
    SESSIONS(OK, .total_time = DBL_TRUE_MIN),
    SESSIONS(OK, .total_time = BATCHING_TIME_MAX, .capacity = BATCHING_THINK_TIMES_CONSTANT),
    SESSIONS(OK, .total_time = BATCHING_TIME_MAX, .batch_size = 0, .count = 1),
    SESSIONS(ERROR_OVERFLOW, .arrival_rate = 1e-300),
    /* A third of such times is beyond the clock. */
    SESSIONS(ERROR_OVERFLOW, .total_time = BATCHING_TIME_MAX, .count = 64, .wants_columns = false),
};

#define SAMPLE(status, ...)                                                                                            \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .count = 5, .capacity = 4, .wants_columns = true, __VA_ARGS__                                              \
        }                                                                                                              \
    }

static const struct row SAMPLES[] = {
    SAMPLE(ERROR_INVALID_ARGUMENT, .count = -1),
    SAMPLE(ERROR_INVALID_ARGUMENT, .count = INT64_MIN),
    SAMPLE(ERROR_INVALID_ARGUMENT, .count = INT64_MAX),
    SAMPLE(ERROR_INVALID_ARGUMENT, .count = BATCHING_COUNT_MAX + INT64_C(1)),
    SAMPLE(ERROR_INVALID_ARGUMENT, .count = 3),
    SAMPLE(ERROR_INVALID_ARGUMENT, .capacity = -1),
    SAMPLE(ERROR_INVALID_ARGUMENT, .capacity = INT64_MIN),
    SAMPLE(ERROR_INVALID_ARGUMENT, .capacity = INT64_MAX),
    SAMPLE(ERROR_NULL_POINTER, .wants_columns = false),
    SAMPLE(OK, .capacity = 0, .wants_columns = false),
    SAMPLE(OK, .count = 0, .capacity = 0),
    SAMPLE(OK, .count = 4),
};

#define NOTHING(status)                                                                                                \
    {                                                                                                                  \
        "NULL for every pointer", BATCHING_##status, {                                                                 \
            0                                                                                                          \
        }                                                                                                              \
    }

static const struct row NULL_POINTERS[] = {NOTHING(ERROR_NULL_POINTER)};

static batching_status run_inits_of_null(const struct input *given) {
    (void)given;
    const batching_status statuses[] = {
        batching_requests_init(NULL, 40),
        batching_results_init(NULL, 0),
        batching_summary_init(NULL, 48),
        batching_completed_init(NULL, UINT32_MAX),
        batching_latencies_init(NULL, 48),
        batching_batch_metrics_init(NULL, 1),
        batching_comparison_init(NULL, 56),
        batching_workload_init(NULL, 40),
        batching_engine_config_init(NULL, 216),
        batching_iteration_log_init(NULL, 128),
        batching_decision_log_init(NULL, 0),
        batching_static_simulate(NULL, 1, 1, NULL, NULL),
        batching_continuous_simulate(NULL, 1, 1, NULL, NULL),
        batching_strategies_compare(NULL, 1, 1, NULL),
        batching_simulate(NULL, NULL, NULL, NULL),
        batching_latencies_calculate(NULL, NULL),
        batching_batch_metrics_calculate(NULL, 1, NULL),
        batching_remaining_tokens_calculate(1, NULL, NULL, NULL),
        batching_arithmetic_intensity_calculate(1, 1, 1, NULL),
        batching_optimal_batch_size_calculate(1, 1, 1, 1, NULL),
        batching_roofline_init(NULL, 288),
        batching_time_table_init(NULL, 192),
        batching_iterations_init(NULL, 0),
        batching_gpu_init(NULL, UINT32_MAX),
        batching_model_init(NULL, 104),
        batching_deployment_init(NULL, 88),
        batching_deployment_memory_init(NULL, 96),
        batching_calibration_config_init(NULL, 72),
        batching_calibration_init(NULL, 176),
        batching_profile_facts_init(NULL, 32),
        batching_profile_create(NULL, 1, NULL),
        batching_profile_create("{}", 2, NULL),
        batching_profile_get(NULL, NULL, NULL),
        batching_iteration_times_calculate(NULL, NULL, NULL),
        batching_iteration_time_calibrate(NULL, NULL, NULL, NULL),
        batching_live_calibration_create(NULL, INT64_MIN, NULL),
        batching_live_calibration_arrived(NULL, 0, NAN, -1, -1, NULL, INT64_MAX),
        batching_live_calibration_first_token(NULL, 0, NAN),
        batching_live_calibration_finished(NULL, 0, NAN, -1),
        batching_live_calibration_failed(NULL, 0, NAN),
        batching_live_calibration_observe(NULL, NULL),
        batching_live_calibration_log_write(NULL, NULL),
        batching_live_calibration_fork(NULL, NULL),
        batching_live_calibration_fit(NULL, INT64_MIN, NULL, NULL, NULL),
        batching_live_calibration_state_init(NULL, 56),
        batching_live_calibration_log_init(NULL, 128),
        batching_gpus_count(NULL),
        batching_models_count(NULL),
        batching_gpu_get(0, NULL),
        batching_model_get(0, NULL),
        batching_gpu_find(NULL, NULL),
        batching_model_find(NULL, NULL),
        batching_deployment_memory_calculate(NULL, NULL),
        batching_deployment_roofline_calculate(NULL, NULL),
    };
    for (size_t which = 0; which < sizeof statuses / sizeof *statuses; which++) {
        if (statuses[which] != BATCHING_ERROR_NULL_POINTER) {
            return statuses[which];
        }
    }
    return BATCHING_ERROR_NULL_POINTER;
}

/*
 * Memory is taken away. Eight million requests out of order need 32 bytes each, which the 32 MB left do not give; in
 * order they need none, and so the same call works.
 */
enum { MANY = 8000000, MEMORY_LEFT = 32 << 20 };

void leave_little_memory(void) {
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm == NULL || fscanf(statm, "%ld", &pages) != 1) {
        perror("/proc/self/statm");
        exit(EXIT_FAILURE);
    }
    fclose(statm);
    rlim_t limit = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_LEFT;
    setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit});
}

static double *times(bool in_order, double offset) {
    double *column = malloc(MANY * sizeof *column);
    if (column == NULL) {
        perror("malloc");
        exit(EXIT_FAILURE);
    }
    for (int64_t index = 0; index < MANY; index++) {
        /* 7919 is a prime that does not divide the count: every time comes up once. */
        column[index] = (double)(in_order ? index : index * 7919 % MANY) + offset;
    }
    return column;
}

static batching_status simulate_with_little_memory(bool in_order, int64_t batch_size, run *run_one) {
    const struct input given = {.count = MANY,
                                .capacity = MANY,
                                .batch_size = batch_size,
                                .time_per_token = 0.01,
                                .arrival_time = times(in_order, 0.0)};
    leave_little_memory();
    return run_one(&given);
}

static batching_status run_static_in_order(const struct input *given) {
    return simulate_with_little_memory(true, given->batch_size, run_static);
}
static batching_status run_continuous_in_order(const struct input *given) {
    return simulate_with_little_memory(true, given->batch_size, run_continuous);
}
static batching_status run_static_out_of_order(const struct input *given) {
    return simulate_with_little_memory(false, given->batch_size, run_static);
}
static batching_status run_continuous_out_of_order(const struct input *given) {
    return simulate_with_little_memory(false, given->batch_size, run_continuous);
}
static batching_status run_compare_out_of_order(const struct input *given) {
    return simulate_with_little_memory(false, given->batch_size, run_compare);
}
static batching_status run_metrics_out_of_order(const struct input *given) {
    (void)given;
    int32_t *tokens_generated = calloc(MANY, sizeof *tokens_generated);
    for (int64_t index = 0; tokens_generated != NULL && index < MANY; index++) {
        tokens_generated[index] = 1;
    }
    const struct input completed = {.count = MANY,
                                    .total_time = MANY,
                                    .start_time = times(false, 0.0),
                                    .end_time = times(false, 1.0),
                                    .tokens_generated = tokens_generated};
    leave_little_memory();
    return run_metrics(&completed);
}

static const struct row MEMORY_SUFFICES[] = {{"in order", BATCHING_OK, {.batch_size = 32}}};
static const struct row MEMORY_IS_SHORT[] = {{"out of order", BATCHING_ERROR_OUT_OF_MEMORY, {.batch_size = 32}}};

static const struct table TABLES[] = {
    {"static_simulate", run_static, ROWS(SIMULATIONS), false},
    {"continuous_simulate", run_continuous, ROWS(SIMULATIONS), false},
    {"strategies_compare", run_compare, ROWS(SIMULATIONS), false},
    {"latencies_calculate", run_latencies, ROWS(COMPLETIONS), false},
    {"batch_metrics_calculate", run_metrics, ROWS(COMPLETIONS), false},
    {"batch_metrics_calculate", run_metrics, ROWS(TOTAL_TIMES), false},
    {"remaining_tokens_calculate", run_remaining, ROWS(REMAINDERS), false},
    {"arithmetic_intensity_calculate", run_intensity, ROWS(INTENSITIES), false},
    {"optimal_batch_size_calculate", run_optimal, ROWS(OPTIMA), false},
    {"workload_generate", run_workload, ROWS(GENERATIONS), false},
    {"workload_sessions_generate", run_sessions, ROWS(CONVERSATIONS), false},
    {"sample_generate", run_sample, ROWS(SAMPLES), false},
    {"every function", run_inits_of_null, ROWS(NULL_POINTERS), false},
    {"static_simulate", run_static_in_order, ROWS(MEMORY_SUFFICES), true},
    {"continuous_simulate", run_continuous_in_order, ROWS(MEMORY_SUFFICES), true},
    {"static_simulate", run_static_out_of_order, ROWS(MEMORY_IS_SHORT), true},
    {"continuous_simulate", run_continuous_out_of_order, ROWS(MEMORY_IS_SHORT), true},
    {"strategies_compare", run_compare_out_of_order, ROWS(MEMORY_IS_SHORT), true},
    {"batch_metrics_calculate", run_metrics_out_of_order, ROWS(MEMORY_IS_SHORT), true},
};

static bool is_as_expected(const struct table *table, const struct row *row) {
    batching_status status = table->call(&row->given);
    if (status != row->expected) {
        printf("got %s (%s), expected %s\n", batching_status_name(status), batching_last_error(),
               batching_status_name(row->expected));
        return false;
    }
    if (status != BATCHING_OK && batching_last_error()[0] == '\0') {
        printf("the error says nothing\n");
        return false;
    }
    return true;
}

static bool child_ends_as_expected(const struct table *table, const struct row *row) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS_UNTIL_IT_HANGS);
        bool passes = is_as_expected(table, row);
        fflush(stdout);
        _exit(passes ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("child process");
        return false;
    }
    if (WIFSIGNALED(status)) {
        printf("ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
        return false;
    }
    return WEXITSTATUS(status) == EXIT_SUCCESS;
}

static bool forks;
static int inputs, failures;

static void try_all(const struct table *tables, size_t count) {
    for (const struct table *table = tables; table < tables + count; table++) {
        for (const struct row *row = table->rows; row < table->rows + table->count; row++) {
            if (table->needs_a_child && !forks) {
                continue;
            }
            inputs++;
            if (!(forks ? child_ends_as_expected(table, row) : is_as_expected(table, row))) {
                printf("FAILED: %s with %s\n", table->function, row->name);
                failures++;
            }
        }
    }
}

int main(int argument_count, char **arguments) {
    forks = argument_count < 2 || strcmp(arguments[1], "--no-fork") != 0;
    try_all(TABLES, sizeof TABLES / sizeof *TABLES);
    try_all(ENGINE_TABLES, ENGINE_TABLE_COUNT);
    try_all(FLEET_TABLES, FLEET_TABLE_COUNT);
    try_all(ACCUMULATOR_TABLES, ACCUMULATOR_TABLE_COUNT);
    try_all(LIVE_ENGINE_TABLES, LIVE_ENGINE_TABLE_COUNT);
    try_all(TIME_TABLES, TIME_TABLE_COUNT);
    try_all(PROFILE_TABLES, PROFILE_TABLE_COUNT);
    printf("hostile inputs: %d, failures: %d\n", inputs, failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
