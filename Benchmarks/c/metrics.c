/* Section: what the order of the requests means to the metrics. */
#include "columns.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { repetitions = 5 };

/** The same completed requests with row order[i] in place i. */
static void completed_gather(const batching_completed *completed, const int64_t *order, batching_completed *gathered) {
    const size_t elements = (size_t)completed->count;
    double *arrival_time = touched_memory(elements * sizeof *arrival_time);
    double *start_time = touched_memory(elements * sizeof *start_time);
    double *first_token_time = touched_memory(elements * sizeof *first_token_time);
    double *end_time = touched_memory(elements * sizeof *end_time);
    int32_t *tokens_generated = touched_memory(elements * sizeof *tokens_generated);
    for (size_t i = 0; i < elements; i++) {
        const size_t row = (size_t)order[i];
        arrival_time[i] = completed->arrival_time[row];
        start_time[i] = completed->start_time[row];
        first_token_time[i] = completed->first_token_time[row];
        end_time[i] = completed->end_time[row];
        tokens_generated[i] = completed->tokens_generated[row];
    }
    require_ok(batching_completed_init(gathered, sizeof *gathered), "batching_completed_init");
    gathered->count = completed->count;
    gathered->arrival_time = arrival_time;
    gathered->start_time = start_time;
    gathered->first_token_time = first_token_time;
    gathered->end_time = end_time;
    gathered->tokens_generated = tokens_generated;
}

static void gathered_free(batching_completed *gathered) {
    free((void *)gathered->arrival_time);
    free((void *)gathered->start_time);
    free((void *)gathered->first_token_time);
    free((void *)gathered->end_time);
    free((void *)gathered->tokens_generated);
}

/** Fisher and Yates, with a 64-bit linear congruential generator (Knuth's MMIX) that is random enough to defeat caches.
 */
static void order_shuffle(int64_t *order, int64_t count) {
    uint64_t state = 42;
    for (int64_t i = count - 1; i > 0; i--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const int64_t other = (int64_t)((state >> 11) % (uint64_t)(i + 1));
        const int64_t moved = order[i];
        order[i] = order[other];
        order[other] = moved;
    }
}

static void line_print(const char *order, const batching_completed *completed, double total_time,
                       batching_batch_metrics *metrics) {
    metrics_work work = metrics_work_make(completed, total_time);
    const measurement measured = measure(metrics_work_run, &work, repetitions, completed->count);
    *metrics = work.metrics;
    printf("%-20s  %6.1f /%6.1f  mean latency %.9f  p99 %.9f  utilization %.9f\n", order, measured.best,
           measured.median, work.metrics.avg_latency, work.metrics.p99_latency, work.metrics.gpu_utilization);
    fflush(stdout);
}

void metrics_section(int64_t count) {
    batching_requests requests;
    batching_results results;
    requests_generate(&requests, count, BENCHMARK_TARGET_BATCH_SIZE);
    results_allocate(&results, count);
    simulation_work simulation = simulation_work_make(&requests, BENCHMARK_TARGET_BATCH_SIZE, &results);
    continuous_work_run(&simulation);
    const double total_time = simulation.summary.total_time;
    const batching_completed completed = completed_view(&requests, &results);
    batching_completed gathered;
    batching_batch_metrics in_request_order;
    batching_batch_metrics in_completion_order;
    batching_batch_metrics in_no_order;

    report_heading("Metrics with percentiles, batch 256, %s requests: nanoseconds a request, best / median of %d",
                   grouped(count), repetitions);
    line_print("order of requests", &completed, total_time, &in_request_order);

    completed_gather(&completed, results.completion_order, &gathered);
    line_print("order of completion", &gathered, total_time, &in_completion_order);
    gathered_free(&gathered);

    order_shuffle(results.completion_order, count);
    completed_gather(&completed, results.completion_order, &gathered);
    line_print("shuffled", &gathered, total_time, &in_no_order);
    gathered_free(&gathered);

    results_free(&results);
    requests_free(&requests);
    if (memcmp(&in_request_order, &in_completion_order, sizeof in_request_order) != 0 ||
        memcmp(&in_request_order, &in_no_order, sizeof in_request_order) != 0) {
        fprintf(stderr, "bench: WRONG: the metrics depend on the order of the requests\n");
        exit(1);
    }
}
