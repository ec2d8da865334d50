/*
 * The simulators and the metrics once more, slow and obvious: every request is looked at in every iteration, and time
 * is counted in whole nanoseconds from the first line to the last.
 */
#ifndef BATCHING_TESTS_ORACLE_H
#define BATCHING_TESTS_ORACLE_H

#include <stdint.h>

enum { ORACLE_CAPACITY = 256 };

struct oracle_run {
    int64_t start[ORACLE_CAPACITY];
    int64_t first_token[ORACLE_CAPACITY];
    int64_t end[ORACLE_CAPACITY];
    int64_t completion_order[ORACLE_CAPACITY];
    int64_t total_tokens;
    int64_t iterations;
    int64_t total_time;
};

void oracle_static(int count, const int32_t *output_length, const int64_t *arrival, int batch_size, int64_t step,
                   struct oracle_run *run);
void oracle_continuous(int count, const int32_t *output_length, const int64_t *arrival, int max_batch_size,
                       int64_t step, struct oracle_run *run);

struct oracle_metrics {
    double avg_latency;
    double p50_latency;
    double p95_latency;
    double p99_latency;
    double avg_queue_time;
    double avg_time_to_first_token;
    double gpu_utilization;
};

void oracle_metrics(int count, const int64_t *arrival, const struct oracle_run *run, int64_t total_time,
                    struct oracle_metrics *metrics);

#endif
