/* The worst inputs of batching_simulate; hostile_inputs.c tries them. */
#include <stdlib.h>

#include "hostile.h"

static int32_t answer_the_longest_time(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration, (void)user_data;
    *seconds = BATCHING_TIME_MAX;
    return 0;
}

static int32_t answer_no_time(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)user_data;
    *seconds = iteration->number % 2 == 0 ? 0.0 : -0.0;
    return 0;
}

static int32_t answer_a_number_that_is_none(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration, (void)user_data;
    *seconds = -NAN;
    return 0;
}

static int32_t go_on(const batching_progress *progress, void *user_data) {
    (void)progress, (void)user_data;
    return 0;
}

static int32_t stop(const batching_progress *progress, void *user_data) {
    (void)progress, (void)user_data;
    return INT32_MIN;
}

static batching_status run_engine(const struct input *given) {
    batching_engine_config config = given->config;
    config.struct_size = sizeof config;
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = given->count;
    requests.prompt_length = given->prompt_length;
    requests.output_length = given->output_length;
    requests.arrival_time = given->arrival_time;
    requests.priority = given->priority;
    requests.tie_break = given->tie_break;
    requests.hash_ids = given->hash_ids;
    requests.hash_offsets = given->hash_offsets;
    requests.hash_block_size = given->hash_block_size;
    requests.hash_covers_output = given->hash_covers_output;
    double end_time[4] = {UNTOUCHED};
    batching_results results;
    batching_results_init(&results, sizeof results);
    results.capacity = given->capacity;
    results.end_time = given->count <= 4 ? end_time : NULL;
    batching_summary summary;
    batching_summary_init(&summary, sizeof summary);
    summary.total_time = UNTOUCHED;
    batching_status status = batching_simulate(&config, &requests, &results, &summary);
    /* A run that fails on its way may have written results, but not the summary. */
    return unless_written(status, summary.total_time);
}

static batching_status run_policy(const struct input *given, int32_t policy) {
    struct input input = *given;
    input.config.policy = policy;
    return run_engine(&input);
}

static batching_status run_static(const struct input *given) {
    return run_policy(given, BATCHING_POLICY_STATIC);
}
static batching_status run_dynamic(const struct input *given) {
    return run_policy(given, BATCHING_POLICY_DYNAMIC);
}
static batching_status run_continuous(const struct input *given) {
    return run_policy(given, BATCHING_POLICY_CONTINUOUS);
}
static batching_status run_orca(const struct input *given) {
    return run_policy(given, BATCHING_POLICY_ORCA);
}

static batching_status run_asynchronously(const struct input *given) {
    struct input input = *given;
    input.config.async_scheduling = 1;
    return run_engine(&input);
}

/* With both logs, of which nothing is kept, and each decision. */
static batching_status run_logged(const struct input *given) {
    struct input input = *given;
    batching_iteration_log iteration_log;
    batching_decision_log decision_log;
    batching_iteration_log_init(&iteration_log, sizeof iteration_log);
    batching_decision_log_init(&decision_log, sizeof decision_log);
    iteration_log.capacity = INT64_MAX;
    decision_log.include_queues = 1;
    input.config.iteration_log = &iteration_log;
    input.config.decision_log = &decision_log;
    return run_engine(&input);
}

#define ENGINE(status, ...)                                                                                            \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##status, {                                                                             \
            .count = 4, .capacity = 4, __VA_ARGS__                                                                     \
        }                                                                                                              \
    }

#define CONSTANT(seconds) .config.time_model = BATCHING_TIME_CONSTANT, .config.time_base = (seconds)
#define AFFINE            .config.time_model = BATCHING_TIME_AFFINE
#define CALLED            .config.time_model = BATCHING_TIME_CALLBACK
#define PRIORITY          .config.queue_order = BATCHING_QUEUE_PRIORITY
#define SHORTEST          .config.queue_order = BATCHING_QUEUE_SHORTEST_OUTPUT
#define A_THOUSAND        .config.iteration_limit = 1000
#define ALL_TOKENS        .config.max_num_batched_tokens = BATCHING_COUNT_MAX

/* What every policy answers in the same way. */
static const struct row ENGINES[] = {
    ENGINE(ERROR_INVALID_ARGUMENT, .count = -1),
    ENGINE(ERROR_INVALID_ARGUMENT, .count = INT64_MIN),
    ENGINE(ERROR_INVALID_ARGUMENT, .count = INT64_MAX, .capacity = INT64_MAX),
    ENGINE(ERROR_CAPACITY, .count = INT64_MAX),
    ENGINE(OK, .capacity = INT64_MAX),
    ENGINE(OK, .count = 0, .capacity = 0, CONSTANT(BATCHING_TIME_MAX)),
    ENGINE(OK, .config.max_num_seqs = BATCHING_COUNT_MAX, ALL_TOKENS),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.max_num_seqs = INT64_MIN),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.max_num_seqs = INT64_MAX),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.max_num_batched_tokens = INT64_MAX),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.long_prefill_token_threshold = INT64_MAX),
    ENGINE(OK, .config.max_model_len = INT64_MAX, .prompt_length = LONGEST, ALL_TOKENS),
    ENGINE(OK, .config.max_model_len = 1),
    ENGINE(OK, .config.max_model_len = 2, .output_length = LONGEST),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.policy = INT32_MAX, .config.queue_order = INT32_MIN),
    ENGINE(OK, .config.num_gpu_blocks = 2, .config.block_size = 1),
    ENGINE(OK, .config.num_gpu_blocks = 2, .config.block_size = 65536),
    ENGINE(OK, .config.num_gpu_blocks = 2, .config.block_size = 65536, .output_length = LONGEST),
    ENGINE(OK, .config.num_gpu_blocks = BATCHING_COUNT_MAX, .config.block_size = 65536, .prompt_length = LONGEST,
           ALL_TOKENS),
    ENGINE(OK, .config.num_gpu_blocks = BATCHING_COUNT_MAX, .config.block_size = 1, .prompt_length = LONGEST,
           .output_length = LONGEST),
    ENGINE(OK, .config.num_gpu_blocks = 32769, .config.block_size = 65535, .prompt_length = LONGEST, ALL_TOKENS),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.num_gpu_blocks = INT64_MAX),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.block_size = INT32_MAX),
    ENGINE(OK, .config.num_gpu_blocks = 100, .config.watermark = 0.9999999999999999),
    ENGINE(OK, .config.watermark = DBL_TRUE_MIN),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.watermark = NAN),
    ENGINE(OK, .output_length = LONGEST, A_THOUSAND),
    ENGINE(OK, .output_length = LONGEST, .prompt_length = LONGEST, ALL_TOKENS, A_THOUSAND),
    ENGINE(OK, .output_length = MIXED, .prompt_length = MIXED, ALL_TOKENS, A_THOUSAND, .config.num_gpu_blocks = 2048,
           .config.block_size = 65536, .config.admit_oversized = 1),
    ENGINE(OK, .config.instant_prefill = 1, .prompt_length = LONGEST, .output_length = LONGEST, A_THOUSAND),
    ENGINE(ERROR_INVALID_ARGUMENT, .output_length = LENGTHS(1, 1, 1, INT32_MIN)),
    ENGINE(ERROR_INVALID_ARGUMENT, .prompt_length = LENGTHS(0, 0, 0, INT32_MIN)),
    ENGINE(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, NAN, 0, NAN)),
    ENGINE(ERROR_INVALID_ARGUMENT, .arrival_time = DOUBLES(0, 0, 0, DBL_MAX)),
    ENGINE(OK, .arrival_time = DOUBLES(-0.0, DBL_TRUE_MIN, 0, 5e-10)),
    ENGINE(OK, .arrival_time = DOUBLES(1.7e9, 0, 1.7e9, 9e9), .config.max_num_seqs = 1),
    ENGINE(ERROR_OVERFLOW, .arrival_time = DOUBLES(0, 0, 0, BATCHING_TIME_MAX)),
    ENGINE(OK, .arrival_time = DOUBLES(0, 0, 0, BATCHING_TIME_MAX), AFFINE),
    ENGINE(OK, PRIORITY, .priority = LENGTHS(INT32_MAX, INT32_MIN, 0, INT32_MIN), .config.max_num_seqs = 1),
    ENGINE(OK, PRIORITY, .tie_break = IDS(INT64_MAX, INT64_MIN, -1, INT64_MIN), .config.max_num_seqs = 1),
    ENGINE(OK, SHORTEST, .tie_break = IDS(INT64_MAX, INT64_MIN, 0, 0), .output_length = MIXED, A_THOUSAND),
    ENGINE(OK, PRIORITY, .priority = LENGTHS(INT32_MAX, INT32_MIN, 0, 1), .config.num_gpu_blocks = 4,
           .config.block_size = 1, .config.admit_oversized = 1, .output_length = LENGTHS(9, 9, 9, 9)),
    ENGINE(OK, CONSTANT(BATCHING_TIME_MAX)),
    ENGINE(ERROR_OVERFLOW, CONSTANT(BATCHING_TIME_MAX), .output_length = LENGTHS(2, 2, 2, 2)),
    ENGINE(ERROR_OVERFLOW, CONSTANT(BATCHING_TIME_MAX / 2), .output_length = LONGEST),
    ENGINE(OK, CONSTANT(DBL_TRUE_MIN), .output_length = LENGTHS(9, 9, 9, 9)),
    ENGINE(ERROR_INVALID_ARGUMENT, CONSTANT(DBL_MAX)),
    ENGINE(ERROR_INVALID_ARGUMENT, CONSTANT(-DBL_TRUE_MIN)),
    ENGINE(OK, CONSTANT(0.0), .output_length = LENGTHS(9, 9, 9, 9)),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.time_base = NAN),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.time_base = DBL_TRUE_MIN),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.time_per_prefill_context = 1.0),
    ENGINE(OK, AFFINE, .output_length = LONGEST, A_THOUSAND),
    ENGINE(ERROR_INVALID_ARGUMENT, AFFINE, .config.time_per_prefill_context = INFINITY),
    ENGINE(ERROR_OVERFLOW, AFFINE, .config.time_per_prefill_token = BATCHING_TIME_MAX,
           .prompt_length = LENGTHS(9, 9, 9, 9)),
    ENGINE(ERROR_OVERFLOW, AFFINE, ALL_TOKENS, .config.time_per_prefill_context = BATCHING_TIME_MAX,
           .prompt_length = LONGEST),
    ENGINE(ERROR_OVERFLOW, AFFINE, .config.time_per_context_token = BATCHING_TIME_MAX, .output_length = LONGEST),
    ENGINE(OK, AFFINE, .config.time_per_prefill_context = DBL_TRUE_MIN, .prompt_length = LONGEST, ALL_TOKENS),
    ENGINE(ERROR_NULL_POINTER, CALLED),
    ENGINE(OK, CALLED, .config.time_callback = answer_the_longest_time),
    ENGINE(ERROR_OVERFLOW, CALLED, .config.time_callback = answer_the_longest_time, .output_length = LONGEST),
    ENGINE(OK, CALLED, .config.time_callback = answer_no_time, .output_length = LONGEST, A_THOUSAND),
    ENGINE(ERROR_INVALID_ARGUMENT, CALLED, .config.time_callback = answer_a_number_that_is_none),
    ENGINE(OK, .config.time_limit = DBL_TRUE_MIN),
    ENGINE(OK, .config.time_limit = BATCHING_TIME_MAX),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.time_limit = DBL_MAX),
    ENGINE(OK, .config.time_limit = 1e-9, .output_length = LONGEST),
    ENGINE(OK, .config.time_limit = 1e9, .config.max_queue_delay = BATCHING_TIME_MAX,
           .arrival_time = DOUBLES(0, 0, 0, 9e9)),
    ENGINE(OK, .config.iteration_limit = INT64_MAX),
    ENGINE(OK, .config.progress_interval = INT64_MAX, .config.progress_callback = go_on),
    ENGINE(OK, .config.progress_interval = INT64_MAX / 2 + 1, .config.progress_callback = stop),
    ENGINE(ERROR_CANCELLED, .config.progress_interval = 1, .config.progress_callback = stop,
           .output_length = LENGTHS(9, 9, 9, 9)),
    ENGINE(ERROR_NULL_POINTER, .hash_ids = IDS(0)),
    ENGINE(ERROR_INVALID_ARGUMENT, .hash_ids = IDS(0), .hash_offsets = IDS(INT64_MIN, 0, 0, 0, 0)),
    ENGINE(ERROR_INVALID_ARGUMENT, .hash_ids = IDS(0), .hash_offsets = IDS(0, INT64_MAX, INT64_MIN, 0, 0)),
    /* Nothing is ever admitted whole, and no iteration takes any time. */
    ENGINE(OK, AFFINE, .config.num_gpu_blocks = 2, .config.block_size = 1, .config.admit_oversized = 1,
           .output_length = LONGEST),
    ENGINE(OK, AFFINE, .config.num_gpu_blocks = 2, .config.block_size = 1, .config.admit_oversized = 1,
           .prompt_length = LONGEST, .output_length = LONGEST, ALL_TOKENS, .config.disable_reserve_full_isl = 1),
};

#define CACHING .config.enable_prefix_caching = 1, .config.num_gpu_blocks = 9
#define OFFLOAD(...)                                                                                                   \
    CACHING, .config.kv_offload = &(const batching_kv_offload) {                                                       \
        .struct_size = sizeof(batching_kv_offload), __VA_ARGS__                                                        \
    }
#define SAME_PROMPT .prompt_length = LENGTHS(33, 33, 33, 33), .arrival_time = DOUBLES(0, 1, 2, 3)

/* What only vllm has. */
static const struct row VLLM_ENGINES[] = {
    ENGINE(OK, CACHING, SAME_PROMPT),
    ENGINE(OK, CACHING, SAME_PROMPT,
           .hash_ids = IDS(INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, INT64_MIN, -1, 0),
           .hash_offsets = IDS(0, 2, 4, 6, 8)),
    ENGINE(OK, CACHING, SAME_PROMPT, .hash_ids = IDS(0, 0, 0, 0, 0, 0, 0, 0), .hash_offsets = IDS(0, 0, 0, 0, 8)),
    ENGINE(OK, CACHING, SAME_PROMPT, .hash_ids = IDS(0, 0, 0, 0), .hash_offsets = IDS(0, 1, 2, 3, 4),
           .hash_block_size = INT32_MAX - 15, .hash_covers_output = 1, .output_length = LENGTHS(40, 40, 40, 40)),
    ENGINE(OK, CACHING, .config.block_size = 1, .hash_ids = IDS(0, 0, 0, 0), .hash_offsets = IDS(0, 1, 2, 3, 4),
           .hash_block_size = INT32_MAX, .hash_covers_output = 1, .output_length = LENGTHS(8, 8, 8, 9)),
    ENGINE(ERROR_INVALID_ARGUMENT, CACHING, .hash_ids = IDS(0), .hash_offsets = IDS(0, 0, 0, 0, 0),
           .hash_block_size = INT32_MIN),
    ENGINE(OK, CACHING, .config.block_size = 65536, .prompt_length = LENGTHS(INT32_MAX, 65536, 65537, 1), ALL_TOKENS),
    ENGINE(OK, CACHING, .config.block_size = 1, .config.admit_oversized = 1, AFFINE, .output_length = LONGEST),
    ENGINE(OK, CACHING, .config.block_size = 1, .config.admit_oversized = 1, AFFINE, .prompt_length = LONGEST,
           .output_length = LONGEST, ALL_TOKENS, .config.disable_reserve_full_isl = 1),
    ENGINE(OK, CACHING, .config.block_size = 1, .config.admit_oversized = 1, AFFINE, PRIORITY, .config.max_num_seqs = 3,
           .config.max_num_batched_tokens = 3, .config.disable_reserve_full_isl = 1,
           .prompt_length = LENGTHS(20, 5, 20, 5), .output_length = LENGTHS(20, 5, 20, 5),
           .priority = LENGTHS(INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX)),
    ENGINE(OK, OFFLOAD(.host_tokens = 16, .disk_tokens = 16 * INT64_C(2000000000)), SAME_PROMPT),
    ENGINE(OK, OFFLOAD(.host_tokens = 16, .kv_bytes_per_token = 1e15, .host_write_bandwidth = 1e-320), SAME_PROMPT),
    ENGINE(OK, OFFLOAD(.disk_tokens = 16, .kv_bytes_per_token = 5e-324, .disk_write_bandwidth = 1e18), SAME_PROMPT),
    ENGINE(OK, OFFLOAD(.loads_block = 1), SAME_PROMPT),
    ENGINE(ERROR_INVALID_ARGUMENT, OFFLOAD(.host_tokens = INT64_MIN), SAME_PROMPT),
    ENGINE(ERROR_INVALID_ARGUMENT, OFFLOAD(.disk_tokens = INT64_MAX), SAME_PROMPT),
    ENGINE(ERROR_INVALID_ARGUMENT, OFFLOAD(.host_tokens = 16, .kv_bytes_per_token = 1, .host_read_bandwidth = NAN),
           SAME_PROMPT),
    ENGINE(ERROR_INVALID_ARGUMENT, OFFLOAD(.host_tokens = 16, .kv_bytes_per_token = INFINITY), SAME_PROMPT),
    ENGINE(ERROR_INVALID_ARGUMENT, OFFLOAD(.loads_block = 2), SAME_PROMPT),
    ENGINE(ERROR_INVALID_ARGUMENT, OFFLOAD(.reserved_2 = 1), SAME_PROMPT),
    ENGINE(ERROR_STRUCT_SIZE, CACHING, .config.kv_offload = &(const batching_kv_offload){.struct_size = 8},
           SAME_PROMPT),
    ENGINE(OK, .config.max_num_seqs = 1, .config.max_num_batched_tokens = 1, A_THOUSAND, .prompt_length = LONGEST),
    ENGINE(OK, .config.long_prefill_token_threshold = BATCHING_COUNT_MAX, ALL_TOKENS, .prompt_length = LONGEST),
    ENGINE(OK, .config.disable_chunked_prefill = 1, .prompt_length = LONGEST, .output_length = LONGEST),
    ENGINE(ERROR_INVALID_ARGUMENT, .config.max_num_batched_tokens = 1),
};

/*
 * Two billion iterations in which all decode; and a request that is preempted with 3.06 billion tokens, when the other
 * one needs a block, 920 million iterations later. It computes them again in one chunk, whose tokens x context
 * are 9.3e18: more nanoseconds than the clock has, and more than 64 bits hold.
 */
static const struct row LONG_RUNS[] = {
    ENGINE(OK, .output_length = LONGEST, CONSTANT(1e-9)),
    ENGINE(ERROR_OVERFLOW, .config.policy = BATCHING_POLICY_CONTINUOUS, .count = 2, AFFINE,
           .config.time_per_prefill_context = 1e-9, .config.block_size = 65536, .config.num_gpu_blocks = 60541,
           .prompt_length = LENGTHS(1, INT32_MAX), .output_length = LENGTHS(920000000, 1000000000)),
};

enum { A_MILLION = 1000000 };

/*
 * A million prompts of one KV block, all the same. At least one token is computed, so that none is found, and each
 * leaves one more block of the same content in the cache.
 */
static batching_status run_same_prompts(const struct input *given) {
    int32_t *prompt_length = malloc(A_MILLION * sizeof *prompt_length);
    int64_t *hash_ids = malloc(A_MILLION * sizeof *hash_ids);
    int64_t *hash_offsets = malloc((A_MILLION + 1) * sizeof *hash_offsets);
    if (prompt_length == NULL || hash_ids == NULL || hash_offsets == NULL) {
        perror("malloc");
        exit(EXIT_FAILURE);
    }
    hash_offsets[0] = 0;
    for (int64_t index = 0; index < A_MILLION; index++) {
        prompt_length[index] = 16;
        hash_ids[index] = 7;
        hash_offsets[index + 1] = index + 1;
    }
    struct input input = *given;
    input.count = input.capacity = A_MILLION;
    input.prompt_length = prompt_length;
    input.hash_ids = hash_ids;
    input.hash_offsets = hash_offsets;
    batching_status status = run_engine(&input);
    free(prompt_length);
    free(hash_ids);
    free(hash_offsets);
    return status;
}

/* A million requests that arrive, one after the other, while a batch waits for its oldest member's delay to be over. */
static batching_status run_many_arrivals(const struct input *given) {
    double *arrival_time = malloc(A_MILLION * sizeof *arrival_time);
    if (arrival_time == NULL) {
        perror("malloc");
        exit(EXIT_FAILURE);
    }
    for (int64_t index = 0; index < A_MILLION; index++) {
        arrival_time[index] = (double)index / 1e9;
    }
    struct input input = *given;
    input.count = input.capacity = A_MILLION;
    input.arrival_time = arrival_time;
    batching_status status = run_engine(&input);
    free(arrival_time);
    return status;
}

static const struct row MANY_ARRIVALS[] = {
    ENGINE(OK, .config.policy = BATCHING_POLICY_DYNAMIC, .config.max_queue_delay = 1.0,
           .config.max_num_seqs = BATCHING_COUNT_MAX),
    ENGINE(OK, .config.policy = BATCHING_POLICY_DYNAMIC, .config.max_queue_delay = 1.0,
           .config.max_num_seqs = BATCHING_COUNT_MAX, PRIORITY),
};

static const struct row MANY_BLOCKS[] = {
    ENGINE(OK, .config.enable_prefix_caching = 1, .config.num_gpu_blocks = 2 * A_MILLION),
};

/* 44 bytes a block. */
static batching_status run_with_little_memory(const struct input *given) {
    leave_little_memory();
    return run_engine(given);
}

static const struct row TOO_MANY_BLOCKS[] = {
    ENGINE(OK, .config.enable_prefix_caching = 1, .config.num_gpu_blocks = 100000),
    ENGINE(ERROR_OUT_OF_MEMORY, .config.enable_prefix_caching = 1, .config.num_gpu_blocks = 1000000),
    ENGINE(ERROR_OUT_OF_MEMORY, .config.enable_prefix_caching = 1, .config.num_gpu_blocks = BATCHING_COUNT_MAX),
};

const struct table ENGINE_TABLES[] = {
    {"simulate with vllm", run_engine, ROWS(ENGINES), false},
    {"simulate with vllm, asynchronously", run_asynchronously, ROWS(ENGINES), false},
    {"simulate with vllm, logged", run_logged, ROWS(ENGINES), false},
    {"simulate with static", run_static, ROWS(ENGINES), false},
    {"simulate with dynamic", run_dynamic, ROWS(ENGINES), false},
    {"simulate with continuous", run_continuous, ROWS(ENGINES), false},
    {"simulate with orca", run_orca, ROWS(ENGINES), false},
    {"simulate with vllm", run_engine, ROWS(VLLM_ENGINES), false},
    {"simulate with vllm, asynchronously", run_asynchronously, ROWS(VLLM_ENGINES), false},
    {"simulate with vllm, logged", run_logged, ROWS(VLLM_ENGINES), false},
    {"simulate with vllm", run_engine, ROWS(LONG_RUNS), true},
    {"simulate the same prompts", run_same_prompts, ROWS(MANY_BLOCKS), true},
    {"simulate many arrivals", run_many_arrivals, ROWS(MANY_ARRIVALS), true},
    {"simulate with vllm", run_with_little_memory, ROWS(TOO_MANY_BLOCKS), true},
};
const size_t ENGINE_TABLE_COUNT = sizeof ENGINE_TABLES / sizeof *ENGINE_TABLES;
