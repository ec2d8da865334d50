/* Section: peak memory of each call beyond the columns of its caller. */
#include "allocations.h"
#include "columns.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/** The first call also loads pages of the library itself, which are not memory of the call. */
static void library_warm_up(void) {
    batching_requests requests;
    batching_results results;
    requests_generate(&requests, 16, 1);
    results_allocate(&results, 16);
    simulation_work simulation = simulation_work_make(&requests, 1, &results);
    static_work_run(&simulation);
    continuous_work_run(&simulation);
    const batching_completed completed = completed_view(&requests, &results);
    metrics_work metrics = metrics_work_make(&completed, simulation.summary.total_time);
    metrics_work_run(&metrics);
    serving_work serving;
    serving_work_init(&serving, &requests, &results);
    serving_work_run(&serving);
    results_free(&results);
    requests_free(&requests);
}

/** Bytes by which one call raises the peak. */
typedef struct peak_growth {
    /** Of what is allocated: exact. */
    int64_t allocated;
    /** Of what is in memory, stack and all. Linux counts it only to about 64 pages, 256 kB, either way. */
    int64_t resident;
} peak_growth;

static peak_growth peak_growth_measure(void (*work)(void *context), void *context) {
    /* What free() has kept must go, or the call could use it without being seen. */
    malloc_trim(0);
    resident_peak_reset();
    allocations_peak_reset();
    const int64_t resident_before = resident_bytes();
    const int64_t allocated_before = allocated_bytes();
    work(context);
    return (peak_growth){allocations_peak() - allocated_before, resident_peak() - resident_before};
}

/** What one batch size came to. */
typedef struct memory_row {
    peak_growth static_batching;
    peak_growth continuous_batching;
    peak_growth metrics;
    peak_growth serving_metrics;
} memory_row;

static memory_row row_measure(int64_t count, int64_t batch_size) {
    batching_requests requests;
    batching_results results;
    library_warm_up();
    requests_generate(&requests, count, batch_size);
    results_allocate(&results, count);
    simulation_work simulation = simulation_work_make(&requests, batch_size, &results);
    memory_row row;
    row.static_batching = peak_growth_measure(static_work_run, &simulation);
    row.continuous_batching = peak_growth_measure(continuous_work_run, &simulation);
    const batching_completed completed = completed_view(&requests, &results);
    metrics_work metrics = metrics_work_make(&completed, simulation.summary.total_time);
    row.metrics = peak_growth_measure(metrics_work_run, &metrics);
    serving_work serving;
    serving_work_init(&serving, &requests, &results);
    row.serving_metrics = peak_growth_measure(serving_work_run, &serving);
    return row;
}

/** Measures in a child process: what other sections have done to the heap of this one plays no part. */
static memory_row row_measure_apart(int64_t count, int64_t batch_size) {
    int ends[2];
    memory_row row;
    fflush(stdout);
    if (pipe(ends) != 0) {
        perror("bench: pipe");
        exit(1);
    }
    const pid_t child = fork();
    if (child == 0) {
        row = row_measure(count, batch_size);
        _exit(write(ends[1], &row, sizeof row) == sizeof row ? 0 : 1);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &row, sizeof row) != sizeof row) {
        fprintf(stderr, "bench: the process that measures memory failed\n");
        exit(1);
    }
    close(ends[0]);
    waitpid(child, NULL, 0);
    return row;
}

static int is_below(peak_growth growth, int64_t bound) {
    return growth.allocated < bound && growth.resident < bound;
}

void memory_section(int64_t count) {
    static const int64_t batch_sizes[] = BENCHMARK_BATCH_SIZES;
    enum { rows = sizeof batch_sizes / sizeof *batch_sizes };
    int reached = 1;
    peak_growth serving = {0, 0};

    report_heading("Peak memory beyond the caller's columns, %s requests: bytes, allocated / resident", grouped(count));
    printf(" batch               static           continuous              metrics    bound: 1 MB + 32 x batch\n");
    for (int i = 0; i < rows; i++) {
        const memory_row row = row_measure_apart(count, batch_sizes[i]);
        const int64_t bound = 1000000 + 32 * batch_sizes[i];
        const peak_growth growths[] = {row.static_batching, row.continuous_batching, row.metrics};
        printf("%6" PRId64, batch_sizes[i]);
        for (int call = 0; call < 3; call++) {
            reached = reached && is_below(growths[call], bound);
            printf("  %8s /%9s", grouped(growths[call].allocated), grouped(growths[call].resident));
        }
        printf("  %26s\n", grouped(bound));
        serving = row.serving_metrics;
    }
    printf("\n");
    report_target(reached, "peak memory of every call under 1 MB + 32 bytes x batch");
    report_target(is_below(serving, 1000000 + 8 * count),
                  "serving metrics: %s allocated, under 1 MB + 8 bytes a request", grouped(serving.allocated));
}
