/* Section: both simulators and the metrics, beside the baselines in C. */
#include "columns.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <inttypes.h>
#include <stdio.h>

enum { repetitions = 5 };

/** What one batch size came to: the library first, its baseline second. */
typedef struct simulators_row {
    measurement_pair static_batching;
    measurement_pair continuous_batching;
    measurement metrics;
    uint64_t static_checksum;
    uint64_t continuous_checksum;
} simulators_row;

static simulators_row row_measure(int64_t count, int64_t batch_size) {
    batching_requests requests;
    batching_results results;
    batching_results baseline_results;
    requests_generate(&requests, count, batch_size);
    results_allocate(&results, count);
    results_allocate(&baseline_results, count);
    simulation_work library = simulation_work_make(&requests, batch_size, &results);
    simulation_work baseline = simulation_work_make(&requests, batch_size, &baseline_results);

    simulators_row row;
    row.static_batching =
        measure_in_turn(static_work_run, &library, plain_static_work_run, &baseline, repetitions, count);
    require_same_results(&results, &baseline_results, count, "static", batch_size);
    require_same_summary(&library.summary, &baseline.summary, "static", batch_size);
    row.static_checksum = results_checksum(&results, count);

    row.continuous_batching =
        measure_in_turn(continuous_work_run, &library, heap_continuous_work_run, &baseline, repetitions, count);
    require_same_results(&results, &baseline_results, count, "continuous", batch_size);
    require_same_summary(&library.summary, &baseline.summary, "continuous", batch_size);
    row.continuous_checksum = results_checksum(&results, count);

    const batching_completed completed = completed_view(&requests, &results);
    metrics_work metrics = metrics_work_make(&completed, library.summary.total_time);
    row.metrics = measure(metrics_work_run, &metrics, repetitions, count);

    results_free(&baseline_results);
    results_free(&results);
    requests_free(&requests);
    return row;
}

/** How many times as fast the library is. */
static double advantage(measurement_pair pair) {
    return pair.second.median / pair.first.median;
}

static void row_print(int64_t batch_size, const simulators_row *row) {
    const measurement_pair batched = row->static_batching;
    const measurement_pair continuous = row->continuous_batching;
    printf("%6" PRId64 "  %6.1f /%6.1f  %6.1f /%6.1f  %6.1f /%6.1f  %6.1f /%6.1f  %11.1fx  %6.1f /%6.1f\n", batch_size,
           batched.first.best, batched.first.median, batched.second.best, batched.second.median, continuous.first.best,
           continuous.first.median, continuous.second.best, continuous.second.median, advantage(continuous),
           row->metrics.best, row->metrics.median);
    fflush(stdout);
}

static void targets_print(const simulators_row *row) {
    const double static_batching = row->static_batching.first.median;
    const double continuous = row->continuous_batching.first.median;
    const double over_heap = advantage(row->continuous_batching);
    const double metrics = row->metrics.median;
    report_target(static_batching <= 10.0, "static, batch 256: %.1f ns a request, at most 10", static_batching);
    report_target(continuous <= 30.0, "continuous, batch 256: %.1f ns a request, at most 30", continuous);
    report_target(over_heap >= 4.0, "continuous, batch 256: %.1f times as fast as the heap in C, at least 4",
                  over_heap);
    report_target(metrics <= 60.0, "metrics with percentiles, batch 256: %.1f ns a request, at most 60", metrics);
}

void simulators_section(int64_t count) {
    static const int64_t batch_sizes[] = BENCHMARK_BATCH_SIZES;
    enum { rows = sizeof batch_sizes / sizeof *batch_sizes };
    simulators_row table[rows];

    report_heading("C ABI, %s requests: nanoseconds a request, best / median of %d", grouped(count), repetitions);
    printf(
        " batch          static  static, plain C      continuous  continuous, heap  heap/library          metrics\n");
    for (int i = 0; i < rows; i++) {
        table[i] = row_measure(count, batch_sizes[i]);
        row_print(batch_sizes[i], &table[i]);
    }

    printf("\nEvery column and total is equal, to the bit, to the baseline's. Checksums, also for Python below:\n");
    for (int i = 0; i < rows; i++) {
        printf("%6" PRId64 "  static %016" PRIx64 "  continuous %016" PRIx64 "\n", batch_sizes[i],
               table[i].static_checksum, table[i].continuous_checksum);
    }
    printf("\n");
    for (int i = 0; i < rows; i++) {
        if (batch_sizes[i] == BENCHMARK_TARGET_BATCH_SIZE) {
            targets_print(&table[i]);
        }
    }
}
