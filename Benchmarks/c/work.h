/* The calls that are measured, in the form that `measure` takes: each ends the program if it fails. */
#ifndef WORK_H
#define WORK_H

#include "batching.h"

/** The context of a simulator's call. */
typedef struct simulation_work {
    const batching_requests *requests;
    int64_t batch_size;
    const batching_results *results;
    batching_summary summary;
} simulation_work;

simulation_work simulation_work_make(const batching_requests *requests, int64_t batch_size,
                                     const batching_results *results);

/** The context of a call of batching_simulate. */
typedef struct engine_work {
    const batching_engine_config *config;
    const batching_requests *requests;
    const batching_results *results;
    batching_summary summary;
} engine_work;

engine_work engine_work_make(const batching_engine_config *config, const batching_requests *requests,
                             const batching_results *results);

void engine_work_run(void *engine);

void static_work_run(void *simulation);
void continuous_work_run(void *simulation);
void plain_static_work_run(void *simulation);
void heap_continuous_work_run(void *simulation);

/** The context of a call of batching_batch_metrics_calculate. */
typedef struct metrics_work {
    batching_completed completed;
    double total_time;
    batching_batch_metrics metrics;
} metrics_work;

metrics_work metrics_work_make(const batching_completed *completed, double total_time);

void metrics_work_run(void *metrics);

enum { SERVING_SAMPLES = 5, SERVING_PERCENTILES = 5 };

/** The context of a call of batching_serving_metrics_calculate: five samples, five percentiles each, and goodput. */
typedef struct serving_work {
    batching_recorded recorded;
    batching_serving_metrics_config options;
    batching_serving_metrics metrics;
    batching_distribution distributions[SERVING_SAMPLES];
    double percentiles[SERVING_SAMPLES][SERVING_PERCENTILES];
} serving_work;

/** Sets a context up, where it stays: it points into itself. */
void serving_work_init(serving_work *work, const batching_requests *requests, const batching_results *results);

void serving_work_run(void *serving);

#endif
