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

engine_work engine_work_make(const batching_engine_config *config, const batching_requests *requests,
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

void serving_work_init(serving_work *work, const batching_requests *requests, const batching_results *results) {
    static const double percentiles[SERVING_PERCENTILES] = {50, 75, 90, 95, 99};
    require_ok(batching_recorded_init(&work->recorded, sizeof work->recorded), "batching_recorded_init");
    work->recorded.count = requests->count;
    work->recorded.arrival_time = requests->arrival_time;
    work->recorded.start_time = results->start_time;
    work->recorded.first_token_time = results->first_token_time;
    work->recorded.end_time = results->end_time;
    work->recorded.prompt_length = requests->prompt_length;
    work->recorded.output_length = requests->output_length;
    require_ok(batching_serving_metrics_config_init(&work->options, sizeof work->options),
               "batching_serving_metrics_config_init");
    work->options.percentiles = percentiles;
    work->options.percentile_count = SERVING_PERCENTILES;
    work->options.slo_ttft = 0.5;
    work->options.slo_tpot = 0.03;
    work->options.slo_e2e = 8.0;
    require_ok(batching_serving_metrics_init(&work->metrics, sizeof work->metrics), "batching_serving_metrics_init");
    for (int sample = 0; sample < SERVING_SAMPLES; sample++) {
        batching_distribution *distribution = &work->distributions[sample];
        require_ok(batching_distribution_init(distribution, sizeof *distribution), "batching_distribution_init");
        distribution->percentiles = work->percentiles[sample];
    }
    work->metrics.ttft = &work->distributions[0];
    work->metrics.tpot = &work->distributions[1];
    work->metrics.e2e = &work->distributions[2];
    work->metrics.queue_time = &work->distributions[3];
    work->metrics.normalized_latency = &work->distributions[4];
}

void serving_work_run(void *serving) {
    serving_work *work = serving;
    require_ok(batching_serving_metrics_calculate(&work->recorded, &work->options, &work->metrics),
               "batching_serving_metrics_calculate");
}
