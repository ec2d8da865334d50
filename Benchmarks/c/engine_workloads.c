/* The workloads of engine_workloads.h. */
#include "engine_workloads.h"

#include "columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void set_h100_time(batching_engine_config *config) {
    config->time_model = BATCHING_TIME_AFFINE;
    /* 16 GB of weights at 3.35 TB/s, and what it takes to launch the kernels. */
    config->time_base = 5.5e-3;
    /* 16 GFLOP a token at 570 TFLOP/s. */
    config->time_per_prefill_token = 2.8e-5;
    config->time_per_decode_token = 2.0e-5;
    /* 131 kB of KV cache a token at 3.3 TB/s. */
    config->time_per_context_token = 4.0e-8;
    /* Attention: 4 x 32 layers x 4,096 FLOP for each pair of tokens, half of which the mask leaves out. */
    config->time_per_prefill_context = 4.6e-10;
}

batching_engine_config server_config(void) {
    batching_engine_config config;
    require_ok(batching_engine_config_init(&config, sizeof config), "batching_engine_config_init");
    config.max_num_seqs = 256;
    config.max_num_batched_tokens = 2048;
    config.num_gpu_blocks = 28000;
    set_h100_time(&config);
    return config;
}

void fixed_requests_generate(batching_requests *requests, int64_t count, double arrival_rate) {
    batching_workload workload;
    require_ok(batching_workload_init(&workload, sizeof workload), "batching_workload_init");
    workload.prompt_length_min = workload.prompt_length_max = 512;
    workload.output_length_min = workload.output_length_max = 128;
    workload.arrival_rate = arrival_rate;
    workload_generate(requests, &workload, count);
}

void distinct_hashes_add(batching_requests *requests) {
    enum { tokens_per_hash = 16 };
    int64_t *offsets = touched_memory(((size_t)requests->count + 1) * sizeof *offsets);
    offsets[0] = 0;
    for (int64_t i = 0; i < requests->count; i++) {
        offsets[i + 1] = offsets[i] + requests->prompt_length[i] / tokens_per_hash;
    }
    const int64_t total = offsets[requests->count];
    int64_t *ids = touched_memory((size_t)total * sizeof *ids);
    for (int64_t i = 0; i < total; i++) {
        /* As a real hash: different for all, and in no order. */
        ids[i] = (int64_t)((uint64_t)(i + 1) * 0x9e3779b97f4a7c15u);
    }
    requests->hash_ids = ids;
    requests->hash_offsets = offsets;
    requests->hash_block_size = tokens_per_hash;
}

void sessions_generate(batching_requests *requests, int64_t count) {
    batching_workload workload;
    require_ok(batching_workload_init(&workload, sizeof workload), "batching_workload_init");
    workload.prompt_length_min = workload.prompt_length_max = 64;
    workload.output_length_min = workload.output_length_max = 32;
    workload.turns_min = workload.turns_max = 10;
    workload.think_time = 1;
    workload.sessions_closed = 1;
    workload.arrival_rate = 20;
    workload_generate(requests, &workload, count);
    int64_t *session = touched_memory((size_t)count * sizeof *session);
    double *delay = touched_memory((size_t)count * sizeof *delay);
    require_ok(batching_workload_sessions_generate(&workload, count, session, delay),
               "batching_workload_sessions_generate");
    int64_t needed;
    require_ok(batching_workload_hashes_generate(&workload, count, NULL, 0, NULL, &needed),
               "batching_workload_hashes_generate");
    int64_t *offsets = touched_memory((size_t)(count + 1) * sizeof *offsets);
    int64_t *ids = touched_memory((size_t)needed * sizeof *ids);
    require_ok(batching_workload_hashes_generate(&workload, count, offsets, needed, ids, &needed),
               "batching_workload_hashes_generate");
    requests->session = session;
    requests->delay = delay;
    requests->hash_ids = ids;
    requests->hash_offsets = offsets;
    requests->hash_block_size = 16;
    requests->hash_covers_output = 1;
}

/** What python/traces.py writes before the columns. */
typedef struct trace_header {
    int64_t count;
    /** Seconds from the first arrival of the trace to the first of its repetition. */
    double period;
    /** Tokens that a hash id stands for; 0: the trace has none. */
    int64_t hash_block_size;
    int64_t hash_count;
} trace_header;

static void column_read(void *column, size_t element, int64_t count, FILE *file, const char *path) {
    if (fread(column, element, (size_t)count, file) != (size_t)count) {
        fprintf(stderr, "bench: %s ends too early\n", path);
        exit(1);
    }
}

/** Fills what follows the first `filled` elements with repetitions of them. */
static void column_repeat(void *column, size_t element, int64_t filled, int64_t count) {
    char *bytes = column;
    for (int64_t i = filled; i < count; i++) {
        memcpy(bytes + (size_t)i * element, bytes + (size_t)(i - filled) * element, element);
    }
}

int trace_read(batching_requests *requests, const char *path, int64_t count) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    trace_header header;
    column_read(&header, sizeof header, 1, file, path);
    const int64_t read_count = count == 0 || count > header.count ? header.count : count;
    const int64_t all = count == 0 ? header.count : count;
    const size_t capacity = (size_t)(all > header.count ? all : header.count);
    int32_t *prompt_length = touched_memory(capacity * sizeof *prompt_length);
    int32_t *output_length = touched_memory(capacity * sizeof *output_length);
    double *arrival_time = touched_memory(capacity * sizeof *arrival_time);
    column_read(prompt_length, sizeof *prompt_length, header.count, file, path);
    column_read(output_length, sizeof *output_length, header.count, file, path);
    column_read(arrival_time, sizeof *arrival_time, header.count, file, path);
    column_repeat(prompt_length, sizeof *prompt_length, read_count, all);
    column_repeat(output_length, sizeof *output_length, read_count, all);
    for (int64_t i = read_count; i < all; i++) {
        arrival_time[i] = arrival_time[i - read_count] + header.period;
    }
    require_ok(batching_requests_init(requests, sizeof *requests), "batching_requests_init");
    requests->count = all;
    requests->prompt_length = prompt_length;
    requests->output_length = output_length;
    requests->arrival_time = arrival_time;
    if (header.hash_block_size > 0) {
        int64_t *offsets = touched_memory((size_t)(header.count + 1) * sizeof *offsets);
        int64_t *ids = touched_memory((size_t)header.hash_count * sizeof *ids);
        column_read(offsets, sizeof *offsets, header.count + 1, file, path);
        column_read(ids, sizeof *ids, header.hash_count, file, path);
        requests->hash_offsets = offsets;
        requests->hash_ids = ids;
        requests->hash_block_size = (int32_t)header.hash_block_size;
    }
    fclose(file);
    return 1;
}

void engine_requests_free(batching_requests *requests) {
    free((void *)requests->hash_ids);
    free((void *)requests->hash_offsets);
    free((void *)requests->session);
    free((void *)requests->delay);
    requests_free(requests);
}
