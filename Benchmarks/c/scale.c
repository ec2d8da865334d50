/* Section: does the time grow linearly? */
#include "columns.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { smallest_count = 10000 };

typedef struct scale_row {
    int64_t count;
    measurement continuous_batching;
    measurement metrics;
} scale_row;

/** Small counts are repeated more often: they would measure the clock, or a neighbour. */
static int repetitions_of(int64_t count) {
    if (count >= 100000000) {
        return 3;
    }
    return count >= 1000000 ? 5 : 51;
}

static scale_row row_measure(int64_t count) {
    batching_requests requests;
    batching_results results;
    requests_generate(&requests, count, BENCHMARK_TARGET_BATCH_SIZE);
    results_allocate(&results, count);
    scale_row row = {count, {0, 0}, {0, 0}};
    const int repetitions = repetitions_of(count);

    simulation_work simulation = simulation_work_make(&requests, BENCHMARK_TARGET_BATCH_SIZE, &results);
    row.continuous_batching = measure(continuous_work_run, &simulation, repetitions, count);
    const batching_completed completed = completed_view(&requests, &results);
    metrics_work metrics = metrics_work_make(&completed, simulation.summary.total_time);
    row.metrics = measure(metrics_work_run, &metrics, repetitions, count);

    printf("%11s  %4d  %6.1f /%6.1f  %6.1f /%6.1f  %016" PRIx64 "\n", grouped(count), repetitions,
           row.continuous_batching.best, row.continuous_batching.median, row.metrics.best, row.metrics.median,
           results_checksum(&results, count));
    fflush(stdout);
    results_free(&results);
    requests_free(&requests);
    return row;
}

void scale_section(int64_t largest_count) {
    scale_row rows[8];
    int row_count = 0;
    double continuous_step = 0;
    double metrics_step = 0;

    report_heading("Linearity, batch 256: nanoseconds a request, best / median");
    printf("   requests  runs      continuous         metrics  checksum, continuous\n");
    for (int64_t count = smallest_count; count <= largest_count; count *= 10) {
        const int64_t needed = count * BENCHMARK_BYTES_PER_REQUEST;
        const int64_t available = available_memory_read();
        if (needed > available) {
            printf("%11s  SKIPPED: needs %.1f GB of free memory, there are %.1f\n", grouped(count),
                   (double)needed / 1e9, (double)available / 1e9);
            continue;
        }
        const scale_row row = row_measure(count);
        if (row_count > 0) {
            const scale_row *before = &rows[row_count - 1];
            continuous_step =
                fmax(continuous_step, row.continuous_batching.median / before->continuous_batching.median);
            metrics_step = fmax(metrics_step, row.metrics.median / before->metrics.median);
        }
        rows[row_count++] = row;
    }
    if (row_count > 1) {
        const scale_row *first = &rows[0];
        const scale_row *last = &rows[row_count - 1];
        const double counts_ratio = (double)last->count / (double)first->count;
        printf("\n");
        report_growth("continuous", first->continuous_batching.median, last->continuous_batching.median, counts_ratio,
                      continuous_step);
        report_growth("metrics", first->metrics.median, last->metrics.median, counts_ratio, metrics_step);
    }
}
