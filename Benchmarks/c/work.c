/* The calls of work.h. */
#include "work.h"

#include "columns.h"
#include "heap_baseline.h"

#include <stdio.h>
#include <stdlib.h>

simulation_work simulation_work_make(const batching_requests *requests, int64_t batch_size,
                                     const batching_results *results) {
    simulation_work work = {requests, batch_size, results, {0}};
    require_ok(batching_summary_init(&work.summary, sizeof work.summary), "batching_summary_init");
    return work;
}

engine_work engine_work_make(const batching_config *config, const batching_requests *requests,
                             const batching_results *results) {
    engine_work work = {config, requests, results, {0}};
    require_ok(batching_summary_init(&work.summary, sizeof work.summary), "batching_summary_init");
    return work;
}

void engine_work_run(void *engine) {
    engine_work *work = engine;
    require_ok(batching_simulate(work->config, work->requests, work->results, &work->summary), "batching_simulate");
}

void static_work_run(void *simulation) {
    simulation_work *work = simulation;
    require_ok(batching_static_simulate(work->requests, work->batch_size, BENCHMARK_TIME_PER_TOKEN, work->results,
                                        &work->summary),
               "batching_static_simulate");
}

void continuous_work_run(void *simulation) {
    simulation_work *work = simulation;
    require_ok(batching_continuous_simulate(work->requests, work->batch_size, BENCHMARK_TIME_PER_TOKEN, work->results,
                                            &work->summary),
               "batching_continuous_simulate");
}

void plain_static_work_run(void *simulation) {
    simulation_work *work = simulation;
    plain_static_simulate(work->requests, work->batch_size, BENCHMARK_TIME_PER_TOKEN, work->results, &work->summary);
}

void heap_continuous_work_run(void *simulation) {
    simulation_work *work = simulation;
    if (heap_continuous_simulate(work->requests, work->batch_size, BENCHMARK_TIME_PER_TOKEN, work->results,
                                 &work->summary) != 0) {
        fprintf(stderr, "bench: no memory for the heap\n");
        exit(1);
    }
}

metrics_work metrics_work_make(const batching_completed *completed, double total_time) {
    metrics_work work = {*completed, total_time, {0}};
    require_ok(batching_batch_metrics_init(&work.metrics, sizeof work.metrics), "batching_batch_metrics_init");
    return work;
}

void metrics_work_run(void *metrics) {
    metrics_work *work = metrics;
    require_ok(batching_batch_metrics_calculate(&work->completed, work->total_time, &work->metrics),
               "batching_batch_metrics_calculate");
}
