/* What the tests of the engine share: a run in one line, with every output in it. */
#ifndef BATCHING_TESTS_ENGINE_SUPPORT_H
#define BATCHING_TESTS_ENGINE_SUPPORT_H

#include <math.h>

#include "support.h"

enum { ENGINE_CAPACITY = 8 };

/* A configuration, requests, and all that a run writes. Set what is given, then engine_run. */
struct engine {
    batching_engine_config config;
    batching_requests requests;
    batching_results results;
    batching_summary summary;
    double start_time[ENGINE_CAPACITY];
    double first_token_time[ENGINE_CAPACITY];
    double end_time[ENGINE_CAPACITY];
    int32_t tokens_generated[ENGINE_CAPACITY];
    int64_t completion_order[ENGINE_CAPACITY];
    int32_t preemptions[ENGINE_CAPACITY];
    int32_t prefix_cached_tokens[ENGINE_CAPACITY];
    int32_t status[ENGINE_CAPACITY];
};

/* Iterations of one second, so that an iteration's number is its time. */
static inline void engine_init(struct engine *engine, int64_t count) {
    memset(engine, UNTOUCHED, sizeof *engine);
    assert_succeeds(batching_engine_config_init(&engine->config, sizeof engine->config));
    assert_succeeds(batching_requests_init(&engine->requests, sizeof engine->requests));
    assert_succeeds(batching_results_init(&engine->results, sizeof engine->results));
    assert_succeeds(batching_summary_init(&engine->summary, sizeof engine->summary));
    engine->config.time_model = BATCHING_TIME_CONSTANT;
    engine->config.time_base = 1.0;
    engine->requests.count = count;
    engine->results.capacity = ENGINE_CAPACITY;
    engine->results.start_time = engine->start_time;
    engine->results.first_token_time = engine->first_token_time;
    engine->results.end_time = engine->end_time;
    engine->results.tokens_generated = engine->tokens_generated;
    engine->results.completion_order = engine->completion_order;
    engine->results.preemptions = engine->preemptions;
    engine->results.prefix_cached_tokens = engine->prefix_cached_tokens;
    engine->results.status = engine->status;
}

static inline void engine_run(struct engine *engine) {
    assert_succeeds(batching_simulate(&engine->config, &engine->requests, &engine->results, &engine->summary));
}

/* A column that lives as long as the block around it. */
#define COLUMN(type, ...) ((const type[]){__VA_ARGS__})
#define LENGTHS(...)      COLUMN(int32_t, __VA_ARGS__)
#define IDS(...)          COLUMN(int64_t, __VA_ARGS__)
#define TIMES(...)        COLUMN(double, __VA_ARGS__)

/* The first elements of a column, all of them given; a NaN stands for any NaN. */
#define assert_times(column, ...)                                                                                      \
    do {                                                                                                               \
        const double expected_times[] = {__VA_ARGS__};                                                                 \
        for (size_t at = 0; at < sizeof expected_times / sizeof *expected_times; at++) {                               \
            if (isnan(expected_times[at])) {                                                                           \
                assert_true(isnan((column)[at]));                                                                      \
            } else {                                                                                                   \
                assert_double_equal((column)[at], expected_times[at]);                                                 \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

#define assert_integers(column, ...)                                                                                   \
    do {                                                                                                               \
        const int64_t expected_integers[] = {__VA_ARGS__};                                                             \
        for (size_t at = 0; at < sizeof expected_integers / sizeof *expected_integers; at++) {                         \
            if ((column)[at] != expected_integers[at]) {                                                               \
                fail_msg("%s[%zu] is %lld, expected %lld", #column, at, (long long)(column)[at],                       \
                         (long long)expected_integers[at]);                                                            \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

/*
 * Two requests that do not both fit. Four KV blocks of 2 tokens (and the null block), prompts of 3, outputs of 4:
 *
 *   iteration 0  both are admitted and compute 3 tokens in two blocks each: 4 used.
 *   iteration 1  both decode their fourth token: 4 blocks are full.
 *   iteration 2  request 0 needs a third block: request 1, the last of the running, loses its two. 3 used.
 *   iteration 3  request 0 decodes its sixth token and has all its output. Request 1 waits: 5 tokens need 3 blocks.
 *   iteration 4  request 1 computes its 5 known tokens again in 3 blocks: 4 of them a second time.
 *   iteration 5  it decodes its last.
 */
static inline void engine_init_short_of_memory(struct engine *engine) {
    static const int32_t prompt_length[2] = {3, 3}, output_length[2] = {4, 4};
    engine_init(engine, 2);
    engine->config.num_gpu_blocks = 5;
    engine->config.block_size = 2;
    engine->requests.prompt_length = prompt_length;
    engine->requests.output_length = output_length;
}

/* 16 at a time; with some 120 tokens each a request takes a quarter of a second. */
static inline batching_engine_config small_server(void) {
    INITIALIZED(batching_engine_config, config);
    config.max_num_seqs = 16;
    config.max_num_batched_tokens = 256;
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = 5e-3;
    config.time_per_prefill_token = 3e-5;
    config.time_per_decode_token = 2e-5;
    config.time_per_context_token = 4e-8;
    return config;
}

#endif
