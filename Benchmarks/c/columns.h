/* The columns that the benchmarks work on: made once, in memory before any clock starts. */
#ifndef COLUMNS_H
#define COLUMNS_H

#include "batching.h"

#include <stddef.h>

/** Seconds an iteration takes in every benchmark. */
#define BENCHMARK_TIME_PER_TOKEN 0.01

/** Bytes a request that the largest benchmark takes, rounded up: the requests, two sets of results, a shuffled copy. */
#define BENCHMARK_BYTES_PER_REQUEST 120

/** Memory that is already touched; ends the program with a sentence if there is none. */
void *touched_memory(size_t bytes);

/** Ends the program, with the library's own sentence, unless `status` is BATCHING_OK. */
void require_ok(batching_status status, const char *function);

/** Seeded requests that keep `batch_size` slots busy to 95%: outputs uniform in 20..500, Poisson arrivals. */
void requests_generate(batching_requests *requests, int64_t count, int64_t batch_size);
/** Requests of any workload. */
void workload_generate(batching_requests *requests, const batching_workload *workload, int64_t count);
void requests_free(batching_requests *requests);

void results_allocate(batching_results *results, int64_t count);
/** The columns that only the engine has to tell. */
void results_add_engine_columns(batching_results *results);
void results_free(batching_results *results);

/** The requests with their results, as the metrics take them. */
batching_completed completed_view(const batching_requests *requests, const batching_results *results);

/**
 * The sum of (2i + 1) x element i, modulo 2^64, over the elements of each column as unsigned integers (of a double: its
 * bits). python/bench.py computes the same, so that equal lines mean equal bytes.
 */
uint64_t results_checksum(const batching_results *results, int64_t count);

/** Ends the program, naming the column, unless both are equal to the bit. */
void require_same_results(const batching_results *library, const batching_results *baseline, int64_t count,
                          const char *simulator, int64_t batch_size);
void require_same_summary(const batching_summary *library, const batching_summary *baseline, const char *simulator,
                          int64_t batch_size);

#endif
