/* Tiers of KV blocks beside the prefix cache, by hand; and what is refused. */
#include "engine_support.h"

/*
 * Blocks of 4 tokens and 400 bytes, of which the GPU holds four; an iteration takes a second. The first request has two full
 * blocks, the second takes all that the GPU has, the third begins as the first.
 */
static void three_requests(struct engine *engine, batching_kv_offload *offload) {
    static const int32_t prompts[] = {8, 16, 9}, outputs[] = {1, 1, 1};
    static const double arrivals[] = {0, 1, 4};
    static const int64_t ids[] = {1, 2, 11, 12, 13, 14, 1, 2}, offsets[] = {0, 2, 6, 8};
    engine_init(engine, 3);
    assert_succeeds(batching_kv_offload_init(offload, sizeof *offload));
    engine->config.num_gpu_blocks = 5;
    engine->config.block_size = 4;
    engine->config.enable_prefix_caching = 1;
    engine->config.kv_offload = offload;
    engine->requests.prompt_length = prompts;
    engine->requests.output_length = outputs;
    engine->requests.arrival_time = arrivals;
    engine->requests.hash_ids = ids;
    engine->requests.hash_offsets = offsets;
    offload->host_tokens = 400;
    offload->host_read_bandwidth = offload->host_write_bandwidth = 400;
    offload->kv_bytes_per_token = 100;
}

static void what_was_evicted_is_loaded(void **state) {
    (void)state;
    struct engine engine;
    batching_kv_offload offload;
    three_requests(&engine, &offload);
    /* At 4 the first two blocks, written until 2, are in host memory: 800 bytes in 2 s, while one token is computed. */
    engine_run(&engine);
    assert_times(engine.end_time, 1, 2, 6);
    assert_integers(engine.prefix_cached_tokens, 0, 0, 8);
    assert_int_equal(engine.summary.host_kv_hits, 8);
    assert_int_equal(engine.summary.host_kv_loaded, 8);
    assert_int_equal(engine.summary.host_kv_blocks_written, 6);
    assert_int_equal(engine.summary.disk_kv_hits + engine.summary.disk_kv_loaded, 0);
    assert_double_equal(engine.summary.kv_load_time, 2.0);
    offload.loads_block = 1;
    engine_run(&engine);
    assert_times(engine.end_time, 1, 2, 7);
    engine.config.kv_offload = NULL;
    engine_run(&engine);
    assert_times(engine.end_time, 1, 2, 5);
    assert_int_equal(engine.summary.host_kv_hits, 0);
}

static void each_block_comes_from_the_first_tier_that_has_it(void **state) {
    (void)state;
    struct engine engine;
    batching_kv_offload offload;
    three_requests(&engine, &offload);
    /* Room for five: the first block is on disk alone. 0.5 s for the second, 2 s for that, one after the other. */
    offload.host_tokens = 20;
    offload.host_read_bandwidth = 800;
    offload.disk_tokens = 24;
    offload.disk_read_bandwidth = 200;
    engine_run(&engine);
    assert_times(engine.end_time, 1, 2, 6.5);
    assert_int_equal(engine.summary.host_kv_loaded, 4);
    assert_int_equal(engine.summary.disk_kv_loaded, 4);
    assert_int_equal(engine.summary.host_kv_blocks_written, 7);
    assert_int_equal(engine.summary.disk_kv_blocks_written, 6);
}

static void what_is_wrong_is_refused(void **state) {
    (void)state;
    struct engine engine;
    batching_kv_offload offload;
#define REFUSED(field, value, sentence)                                                                                \
    do {                                                                                                               \
        three_requests(&engine, &offload);                                                                             \
        offload.field = value;                                                                                         \
        assert_int_equal(batching_simulate(&engine.config, &engine.requests, NULL, NULL),                              \
                         BATCHING_ERROR_INVALID_ARGUMENT);                                                             \
        assert_string_equal(batching_last_error(), sentence);                                                          \
    } while (0)
    REFUSED(host_tokens, 3, "kv_offload.host_tokens is 3: must be 0, or at least block_size, which is 4");
    REFUSED(disk_tokens, -1, "kv_offload.disk_tokens is -1: must be 0, or at least block_size, which is 4");
    REFUSED(host_read_bandwidth, -1, "kv_offload.host_read_bandwidth is -1.0: must be in [0, 1e18]");
    REFUSED(host_write_bandwidth, NAN, "kv_offload.host_write_bandwidth is nan: must be in [0, 1e18]");
    REFUSED(disk_read_bandwidth, 1, "kv_offload.disk_read_bandwidth is 1.0: must be 0 without disk_tokens");
    REFUSED(kv_bytes_per_token, 0, "kv_offload.host_read_bandwidth is 400.0: must be 0 without kv_bytes_per_token");
    REFUSED(kv_bytes_per_token, INFINITY, "kv_offload.kv_bytes_per_token is inf: must be in [0, 1e15]");
    REFUSED(loads_block, 2, "kv_offload.loads_block is 2: must be 0 or 1");
    REFUSED(reserved_2, 1, "kv_offload.reserved_2 is 1: must be 0");
    three_requests(&engine, &offload);
    engine.config.enable_prefix_caching = 0;
    assert_int_equal(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_string_equal(batching_last_error(), "kv_offload is given: must be NULL without enable_prefix_caching");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_evicted_is_loaded),
        cmocka_unit_test(each_block_comes_from_the_first_tier_that_has_it),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
