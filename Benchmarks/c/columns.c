/* The columns of columns.h. */
#include "columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *touched_memory(size_t bytes) {
    void *memory = malloc(bytes);
    if (memory == NULL) {
        fprintf(stderr, "bench: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    /* Not zeros: a compiler may turn malloc and a memset to 0 into calloc, which touches nothing. */
    memset(memory, 0x5a, bytes);
    return memory;
}

void require_ok(batching_status status, const char *function) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "bench: %s: %s: %s\n", function, batching_status_name(status), batching_last_error());
        exit(1);
    }
}

void requests_generate(batching_requests *requests, int64_t count, int64_t batch_size) {
    batching_workload workload;
    require_ok(batching_workload_init(&workload, sizeof workload), "batching_workload_init");
    const double mean_output_length = (workload.output_length_min + workload.output_length_max) / 2.0;
    workload.arrival_rate = 0.95 * (double)batch_size / (mean_output_length * BENCHMARK_TIME_PER_TOKEN);
    workload_generate(requests, &workload, count);
}

void workload_generate(batching_requests *requests, const batching_workload *workload, int64_t count) {
    const size_t elements = (size_t)count;
    int32_t *prompt_length = touched_memory(elements * sizeof *prompt_length);
    int32_t *output_length = touched_memory(elements * sizeof *output_length);
    double *arrival_time = touched_memory(elements * sizeof *arrival_time);
    require_ok(batching_workload_generate(workload, count, prompt_length, output_length, arrival_time),
               "batching_workload_generate");

    require_ok(batching_requests_init(requests, sizeof *requests), "batching_requests_init");
    requests->count = count;
    requests->prompt_length = prompt_length;
    requests->output_length = output_length;
    requests->arrival_time = arrival_time;
}

void requests_free(batching_requests *requests) {
    free((void *)requests->prompt_length);
    free((void *)requests->output_length);
    free((void *)requests->arrival_time);
}

void results_allocate(batching_results *results, int64_t count) {
    const size_t elements = (size_t)count;
    require_ok(batching_results_init(results, sizeof *results), "batching_results_init");
    results->capacity = count;
    results->start_time = touched_memory(elements * sizeof *results->start_time);
    results->first_token_time = touched_memory(elements * sizeof *results->first_token_time);
    results->end_time = touched_memory(elements * sizeof *results->end_time);
    results->tokens_generated = touched_memory(elements * sizeof *results->tokens_generated);
    results->completion_order = touched_memory(elements * sizeof *results->completion_order);
}

void results_add_engine_columns(batching_results *results) {
    const size_t elements = (size_t)results->capacity;
    results->preemptions = touched_memory(elements * sizeof *results->preemptions);
    results->prefix_cached_tokens = touched_memory(elements * sizeof *results->prefix_cached_tokens);
    results->status = touched_memory(elements * sizeof *results->status);
}

void results_free(batching_results *results) {
    free(results->preemptions);
    free(results->prefix_cached_tokens);
    free(results->status);
    free(results->start_time);
    free(results->first_token_time);
    free(results->end_time);
    free(results->tokens_generated);
    free(results->completion_order);
}

batching_completed completed_view(const batching_requests *requests, const batching_results *results) {
    batching_completed completed;
    require_ok(batching_completed_init(&completed, sizeof completed), "batching_completed_init");
    completed.count = requests->count;
    completed.arrival_time = requests->arrival_time;
    completed.start_time = results->start_time;
    completed.first_token_time = results->first_token_time;
    completed.end_time = results->end_time;
    completed.tokens_generated = results->tokens_generated;
    return completed;
}

static uint64_t bits(double value) {
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

uint64_t results_checksum(const batching_results *results, int64_t count) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint64_t elements = bits(results->start_time[i]) + bits(results->first_token_time[i]) +
                                  bits(results->end_time[i]) + (uint64_t)results->tokens_generated[i] +
                                  (uint64_t)results->completion_order[i];
        sum += (2 * (uint64_t)i + 1) * elements;
    }
    return sum;
}

static void require_same(const void *library, const void *baseline, size_t bytes, const char *what,
                         const char *simulator, int64_t batch_size) {
    if (memcmp(library, baseline, bytes) != 0) {
        fprintf(stderr, "bench: WRONG: %s of the %s simulator differs from the baseline's at batch %lld\n", what,
                simulator, (long long)batch_size);
        exit(1);
    }
}

void require_same_results(const batching_results *library, const batching_results *baseline, int64_t count,
                          const char *simulator, int64_t batch_size) {
    const size_t elements = (size_t)count;
#define REQUIRE_SAME_COLUMN(column)                                                                                    \
    require_same(library->column, baseline->column, elements * sizeof *library->column, #column, simulator, batch_size)
    REQUIRE_SAME_COLUMN(start_time);
    REQUIRE_SAME_COLUMN(first_token_time);
    REQUIRE_SAME_COLUMN(end_time);
    REQUIRE_SAME_COLUMN(tokens_generated);
    REQUIRE_SAME_COLUMN(completion_order);
#undef REQUIRE_SAME_COLUMN
}

void require_same_summary(const batching_summary *library, const batching_summary *baseline, const char *simulator,
                          int64_t batch_size) {
#define REQUIRE_SAME_FIELD(field)                                                                                      \
    require_same(&library->field, &baseline->field, sizeof library->field, #field, simulator, batch_size)
    REQUIRE_SAME_FIELD(total_time);
    REQUIRE_SAME_FIELD(throughput);
    REQUIRE_SAME_FIELD(total_tokens);
    REQUIRE_SAME_FIELD(iterations);
    REQUIRE_SAME_FIELD(busy_time);
#undef REQUIRE_SAME_FIELD
}
