/* The sections of the report, a file each. */
#ifndef SECTIONS_H
#define SECTIONS_H

#include "batching.h"

/** The batch sizes of every table, and the one that the targets are about. */
#define BENCHMARK_BATCH_SIZES                                                                                          \
    { 4, 32, 256, 2048 }
#define BENCHMARK_TARGET_BATCH_SIZE 256

/** Nanoseconds a request of the simulators and the metrics beside the baselines, whose results must be the same. */
void simulators_section(int64_t count);

/** Nanoseconds a request of the metrics, by the order of the requests. */
void metrics_section(int64_t count);

/** Peak memory of each call beyond the columns of its caller. */
void memory_section(int64_t count);

/** Nanoseconds a request from 10,000 requests up to `largest_count`. */
void scale_section(int64_t largest_count);

/**
 * Requests a second of the engine on each workload that a speed is promised for. `traces`: the folder that
 * python/traces.py has written.
 */
void engine_section(int64_t count, const char *traces);

/** Time and memory of the engine by batch size and by number of requests, up to 10 x `count`. */
void engine_scale_section(int64_t count);

/** What a roofline and a table cost beside an affine model of the iteration time. */
void times_section(int64_t count);

/** What it costs to ask a policy of the caller's in each iteration. */
void policy_section(int64_t count);

/** Events a second of the accumulator, one call an event and in columns; and that they allocate nothing. */
void accumulator_section(int64_t count);

/** How engine runs and accumulators, one a thread, scale with the cores there are; `count` requests or events each. */
void threads_section(int64_t count);

/** What a router asks of a live engine, what keeping one costs a request, and that its memory does not grow. */
void live_section(int64_t count);

/**
 * Requests a second of fleets on each workload that a speed is promised for. `traces`: the folder that python/traces.py
 * has written.
 */
void fleets_section(int64_t count, const char *traces);

/** What a decision of each router costs. */
void routers_section(int64_t count);

#endif
