/*
 * The layout of every struct of batching.h where pointers have 8 bytes: it is what a compiled program holds us to. To
 * append a field is to change a size here, and nothing else.
 */
#include <assert.h>
#include <stddef.h>

#include "batching.h"

#define SIZE(type, size) static_assert(sizeof(batching_##type) == (size), "size of batching_" #type)
#define FIELD(type, field, offset, field_type)                                                                         \
    static_assert(offsetof(batching_##type, field) == (offset), "offset of batching_" #type "." #field);               \
    static_assert(_Generic(((batching_##type *)0)->field, field_type : 1, default : 0),                                \
                  "type of batching_" #type "." #field)
#define HEAD(type)                                                                                                     \
    FIELD(type, struct_size, 0, uint32_t);                                                                             \
    FIELD(type, reserved, 4, uint32_t)

static_assert(sizeof(void *) == 8, "a platform with 8-byte pointers");
static_assert(_Generic((batching_status)0, int32_t : 1, default : 0), "batching_status is an int32_t");

SIZE(requests, 40);
HEAD(requests);
FIELD(requests, count, 8, int64_t);
FIELD(requests, prompt_length, 16, const int32_t *);
FIELD(requests, output_length, 24, const int32_t *);
FIELD(requests, arrival_time, 32, const double *);

SIZE(results, 56);
HEAD(results);
FIELD(results, capacity, 8, int64_t);
FIELD(results, start_time, 16, double *);
FIELD(results, first_token_time, 24, double *);
FIELD(results, end_time, 32, double *);
FIELD(results, tokens_generated, 40, int32_t *);
FIELD(results, completion_order, 48, int64_t *);

SIZE(summary, 48);
HEAD(summary);
FIELD(summary, total_time, 8, double);
FIELD(summary, throughput, 16, double);
FIELD(summary, total_tokens, 24, int64_t);
FIELD(summary, iterations, 32, int64_t);
FIELD(summary, busy_time, 40, double);

SIZE(completed, 56);
HEAD(completed);
FIELD(completed, count, 8, int64_t);
FIELD(completed, arrival_time, 16, const double *);
FIELD(completed, start_time, 24, const double *);
FIELD(completed, first_token_time, 32, const double *);
FIELD(completed, end_time, 40, const double *);
FIELD(completed, tokens_generated, 48, const int32_t *);

SIZE(latencies, 48);
HEAD(latencies);
FIELD(latencies, capacity, 8, int64_t);
FIELD(latencies, queue_time, 16, double *);
FIELD(latencies, processing_time, 24, double *);
FIELD(latencies, total_latency, 32, double *);
FIELD(latencies, time_to_first_token, 40, double *);

SIZE(batch_metrics, 80);
HEAD(batch_metrics);
FIELD(batch_metrics, throughput, 8, double);
FIELD(batch_metrics, total_tokens, 16, int64_t);
FIELD(batch_metrics, avg_latency, 24, double);
FIELD(batch_metrics, p50_latency, 32, double);
FIELD(batch_metrics, p95_latency, 40, double);
FIELD(batch_metrics, p99_latency, 48, double);
FIELD(batch_metrics, avg_queue_time, 56, double);
FIELD(batch_metrics, avg_time_to_first_token, 64, double);
FIELD(batch_metrics, gpu_utilization, 72, double);

SIZE(comparison, 56);
HEAD(comparison);
FIELD(comparison, static_throughput, 8, double);
FIELD(comparison, continuous_throughput, 16, double);
FIELD(comparison, static_avg_latency, 24, double);
FIELD(comparison, continuous_avg_latency, 32, double);
FIELD(comparison, throughput_improvement, 40, double);
FIELD(comparison, latency_improvement, 48, double);

SIZE(workload, 40);
HEAD(workload);
FIELD(workload, seed, 8, uint64_t);
FIELD(workload, prompt_length_min, 16, int32_t);
FIELD(workload, prompt_length_max, 20, int32_t);
FIELD(workload, output_length_min, 24, int32_t);
FIELD(workload, output_length_max, 28, int32_t);
FIELD(workload, arrival_rate, 32, double);

static_assert(BATCHING_OK == 0, "statuses are fixed for ever");
static_assert(BATCHING_ERROR_INVALID_ARGUMENT == 100, "statuses are fixed for ever");
static_assert(BATCHING_ERROR_NULL_POINTER == 200, "statuses are fixed for ever");
static_assert(BATCHING_ERROR_STRUCT_SIZE == 300, "statuses are fixed for ever");
static_assert(BATCHING_ERROR_CAPACITY == 400, "statuses are fixed for ever");
static_assert(BATCHING_ERROR_OVERFLOW == 500, "statuses are fixed for ever");
static_assert(BATCHING_ERROR_OUT_OF_MEMORY == 600, "statuses are fixed for ever");
