/*
 * Both simulators as a good C programmer writes them in an hour: one pass over the requests, integer nanoseconds, and a
 * binary heap that knows which running request finishes next. What the library is measured against.
 */
#ifndef HEAP_BASELINE_H
#define HEAP_BASELINE_H

#include "batching.h"

/*
 * The results are those of batching_static_simulate and batching_continuous_simulate, bit for bit. The input is
 * trusted: requests in order of arrival and before 2^23 seconds, every value in its range, every column there. Each
 * returns 0, or -1 if there is no memory.
 */
int plain_static_simulate(const batching_requests *requests, int64_t batch_size, double time_per_token,
                          const batching_results *results, batching_summary *summary);
int heap_continuous_simulate(const batching_requests *requests, int64_t max_batch_size, double time_per_token,
                             const batching_results *results, batching_summary *summary);

#endif
