/* Section: what the engine's time and memory depend on. */
#include "allocations.h"
#include "columns.h"
#include "engine_workloads.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { repetitions = 5 };

/** A run, measured for time and, once more, for memory. */
typedef struct engine_cost {
    /** Nanoseconds a request. */
    measurement time;
    double nanoseconds_per_iteration;
    double mean_running;
    /** Bytes by which the call raises the peak of what is allocated. */
    int64_t memory;
} engine_cost;

static engine_cost cost_measure(const batching_engine_config *config, batching_requests *requests, int runs) {
    batching_results results;
    results_allocate(&results, requests->count);
    results_add_engine_columns(&results);
    engine_work work = engine_work_make(config, requests, &results);
    engine_cost cost;
    allocations_peak_reset();
    const int64_t before = allocated_bytes();
    engine_work_run(&work);
    cost.memory = allocations_peak() - before;
    cost.time = measure(engine_work_run, &work, runs, requests->count);
    cost.nanoseconds_per_iteration = cost.time.median * (double)requests->count / (double)work.summary.iterations;
    cost.mean_running = work.summary.mean_running;
    results_free(&results);
    return cost;
}

/** All requests are there from the start, so that always as many run as may: tokens and blocks in proportion. */
static batching_engine_config full_config(int64_t running, int is_caching) {
    batching_engine_config config = server_config();
    config.max_num_seqs = running;
    config.max_num_batched_tokens = 8 * running;
    config.num_gpu_blocks = 48 * running;
    config.enable_prefix_caching = is_caching;
    return config;
}

static engine_cost full_row_measure(int64_t count, int64_t running, int is_caching) {
    const batching_engine_config config = full_config(running, is_caching);
    batching_requests requests;
    fixed_requests_generate(&requests, count, 1e9);
    if (is_caching) {
        distinct_hashes_add(&requests);
    }
    const engine_cost cost = cost_measure(&config, &requests, repetitions);
    engine_requests_free(&requests);
    return cost;
}

static void batch_size_table(int64_t count) {
    static const int64_t sizes[] = {64, 256, 1024, 4096, 16384};
    enum { size_count = sizeof sizes / sizeof *sizes };
    engine_cost counted[size_count];
    engine_cost cached[size_count];

    report_heading("Engine by batch size, %s requests at once: best / median of %d", grouped(count), repetitions);
    printf("               without prefix caching                        prefix caching, all prompts distinct\n");
    printf("max_num_seqs   ns a request  ns an iteration       bytes     ns a request  ns an iteration       bytes\n");
    for (int i = 0; i < size_count; i++) {
        counted[i] = full_row_measure(count, sizes[i], 0);
        cached[i] = full_row_measure(count, sizes[i], 1);
        printf("%12s %6.1f /%6.1f %16.1f %11s   %6.1f /%6.1f %16.1f %11s\n", grouped(sizes[i]), counted[i].time.best,
               counted[i].time.median, counted[i].nanoseconds_per_iteration, grouped(counted[i].memory),
               cached[i].time.best, cached[i].time.median, cached[i].nanoseconds_per_iteration,
               grouped(cached[i].memory));
        fflush(stdout);
    }
    const double more = (double)(sizes[size_count - 1] - sizes[0]);
    printf("\nMemory for one more request in flight: %.0f bytes; with prefix caching %.0f, of which 48 KV blocks.\n",
           (double)(counted[size_count - 1].memory - counted[0].memory) / more,
           (double)(cached[size_count - 1].memory - cached[0].memory) / more);
    double slowest = counted[0].time.median;
    for (int i = 1; i < 4; i++) {
        slowest = counted[i].time.median > slowest ? counted[i].time.median : slowest;
    }
    report_target(slowest <= 1.1 * counted[0].time.median,
                  "64 to 4,096 running: no batch takes more than 1.1 times the time of 64, a request (%.2f)",
                  slowest / counted[0].time.median);
}

static void request_count_table(int64_t largest_count) {
    const batching_engine_config config = server_config();
    double first = 0;
    double last = 0;
    double largest_step = 0;
    double counts_ratio = 0.1;

    report_heading("Engine by number of requests, 512 + 128 tokens, 20/s: best / median");
    printf("   requests   ns a request  ns an iteration       bytes\n");
    for (int64_t count = 10000; count <= largest_count; count *= 10) {
        batching_requests requests;
        fixed_requests_generate(&requests, count, 20);
        const engine_cost cost = cost_measure(&config, &requests, count >= 1000000 ? repetitions : 51);
        engine_requests_free(&requests);
        printf("%11s %6.1f /%6.1f %16.1f %11s\n", grouped(count), cost.time.best, cost.time.median,
               cost.nanoseconds_per_iteration, grouped(cost.memory));
        fflush(stdout);
        first = first == 0 ? cost.time.median : first;
        largest_step = last == 0 ? 0 : fmax(largest_step, cost.time.median / last);
        last = cost.time.median;
        counts_ratio *= 10;
    }
    printf("\n");
    report_growth("engine", first, last, counts_ratio, largest_step);
}

void engine_scale_section(int64_t count) {
    batch_size_table(count);
    request_count_table(count * 10);
}
