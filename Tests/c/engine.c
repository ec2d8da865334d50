/* What the engine decides, on cases small enough to be worked out by hand from "Engine" in batching.h. */
#include "engine_support.h"

static void without_a_configuration_all_is_as_by_default(void **state) {
    (void)state;
    /*
     * Prompts of 0 count as 1, and every request joins on arrival: 0.01 s a token, of which the first is a prefill. The
     * last ends at 0.1 + 200 x 0.01.
     */
    struct engine engine;
    engine_init(&engine, 4);
    engine.requests.output_length = LESSON_OUTPUT_LENGTH;
    engine.requests.arrival_time = LESSON_ARRIVAL_TIME;
    assert_succeeds(batching_simulate(NULL, &engine.requests, &engine.results, &engine.summary));
    assert_times(engine.start_time, 0.0, 0.1, 0.2, 0.3);
    assert_times(engine.first_token_time, 0.01, 0.11, 0.21, 0.31);
    assert_times(engine.end_time, 0.5, 2.1, 0.5, 1.8);
    assert_integers(engine.tokens_generated, 50, 200, 30, 150);
    assert_integers(engine.completion_order, 0, 2, 3, 1);
    assert_integers(engine.status, 0, 0, 0, 0);
    assert_integers(engine.preemptions, 0, 0, 0, 0);
    assert_integers(engine.prefix_cached_tokens, 0, 0, 0, 0);
    const batching_summary *summary = &engine.summary;
    assert_double_equal(summary->total_time, 2.1);
    assert_double_equal(summary->throughput, 430 / 2.1);
    assert_int_equal(summary->total_tokens, 430);
    assert_int_equal(summary->iterations, 210);
    assert_double_equal(summary->busy_time, 2.1);
    assert_double_equal(summary->duration, 2.1);
    assert_int_equal(summary->end_reason, BATCHING_END_COMPLETED);
    assert_int_equal(summary->reserved_2, 0);
    assert_int_equal(summary->finished, 4);
    assert_int_equal(summary->rejected, 0);
    assert_int_equal(summary->unfinished, 0);
    assert_int_equal(summary->prefill_tokens, 4);
    assert_int_equal(summary->decode_tokens, 426);
    assert_int_equal(summary->preemptions, 0);
    assert_int_equal(summary->recomputed_tokens, 0);
    /* 0.5 + 2.0 + 0.3 + 1.5 seconds of running requests. */
    assert_double_equal(summary->mean_running, 4.3e9 / 2.1e9);
    assert_int_equal(summary->peak_running, 4);
    assert_int_equal(summary->peak_waiting, 0);
    assert_double_equal(summary->mean_kv_use, 0.0);
    assert_double_equal(summary->peak_kv_use, 0.0);
    assert_int_equal(summary->prefix_cache_queries, 0);
    assert_int_equal(summary->prefix_cache_hits, 0);
}

static void by_default_256_run_and_2048_tokens_are_computed(void **state) {
    (void)state;
    INITIALIZED(batching_summary, summary);
    INITIALIZED(batching_requests, requests);
    requests.count = 257;
    assert_succeeds(batching_simulate(NULL, &requests, NULL, &summary));
    assert_int_equal(summary.peak_running, 256);
    assert_int_equal(summary.peak_waiting, 1);
    assert_int_equal(summary.iterations, 2);

    requests.count = 1;
    requests.prompt_length = LENGTHS(2048);
    assert_succeeds(batching_simulate(NULL, &requests, NULL, &summary));
    assert_int_equal(summary.iterations, 1);
    requests.prompt_length = LENGTHS(2049);
    assert_succeeds(batching_simulate(NULL, &requests, NULL, &summary));
    assert_int_equal(summary.iterations, 2);
}

/* As many tokens as requests may run, where that is more than 2048. */
static void the_default_budget_has_a_token_for_each_request_that_may_run(void **state) {
    (void)state;
    INITIALIZED(batching_engine_config, config);
    INITIALIZED(batching_requests, requests);
    INITIALIZED(batching_summary, summary);
    config.max_num_seqs = 3000;
    requests.count = 3000;
    assert_succeeds(batching_simulate(&config, &requests, NULL, &summary));
    assert_int_equal(summary.peak_running, 3000);
    assert_int_equal(summary.iterations, 1);

    requests.count = 1;
    requests.prompt_length = LENGTHS(3000);
    assert_succeeds(batching_simulate(&config, &requests, NULL, &summary));
    assert_int_equal(summary.iterations, 1);
    requests.prompt_length = LENGTHS(3001);
    assert_succeeds(batching_simulate(&config, &requests, NULL, &summary));
    assert_int_equal(summary.iterations, 2);
}

/* 0.01 s is what an iteration takes if no model is chosen; a constant of 0 is no time at all. */
static void a_constant_time_of_0_is_no_time(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 3);
    engine.requests.output_length = LENGTHS(3, 1, 2);
    engine.requests.arrival_time = TIMES(0.0, 1.5, 1.5);
    engine.config.time_base = 0.0;
    engine_run(&engine);
    assert_times(engine.first_token_time, 0.0, 1.5, 1.5);
    assert_times(engine.end_time, 0.0, 1.5, 1.5);
    /* Three for the first request alone, then two: both prefill, and one decodes. */
    assert_int_equal(engine.summary.iterations, 5);
    assert_double_equal(engine.summary.total_time, 1.5);
    assert_double_equal(engine.summary.busy_time, 0.0);
    assert_double_equal(engine.summary.throughput, 4.0);

    engine.config.time_model = BATCHING_TIME_DEFAULT;
    engine_run(&engine);
    assert_times(engine.first_token_time, 0.01, 1.51, 1.51);
    assert_times(engine.end_time, 0.03, 1.51, 1.52);
}

static void nothing_to_simulate_takes_no_time(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 0);
    engine_run(&engine);
    assert_double_equal(engine.summary.duration, 0.0);
    assert_double_equal(engine.summary.throughput, 0.0);
    assert_double_equal(engine.summary.mean_running, 0.0);
    assert_int_equal(engine.summary.iterations, 0);
    assert_int_equal(engine.summary.end_reason, BATCHING_END_COMPLETED);
}

/* Prompts of 5 and 2, outputs of 2, for the policies that differ in how they compute them. */
static void engine_init_prompts(struct engine *engine, int32_t policy) {
    engine_init(engine, 2);
    engine->config.policy = policy;
    engine->config.max_num_seqs = 2;
    engine->config.max_num_batched_tokens = 4;
    static const int32_t prompt_length[2] = {5, 2}, output_length[2] = {2, 2};
    engine->requests.prompt_length = prompt_length;
    engine->requests.output_length = output_length;
    engine_run(engine);
}

static void vllm_computes_a_prompt_in_chunks_within_the_budget(void **state) {
    (void)state;
    /* Budgets of 4: request 0 takes 4; then its last 1 and the 2 of request 1; then both decode. */
    struct engine engine;
    engine_init_prompts(&engine, BATCHING_POLICY_VLLM);
    assert_times(engine.start_time, 0.0, 1.0);
    assert_times(engine.first_token_time, 2.0, 2.0);
    assert_times(engine.end_time, 3.0, 3.0);
    assert_int_equal(engine.summary.prefill_tokens, 7);
    assert_int_equal(engine.summary.decode_tokens, 2);
    assert_int_equal(engine.summary.peak_waiting, 1);
}

static void continuous_computes_a_prompt_whole(void **state) {
    (void)state;
    struct engine engine;
    engine_init_prompts(&engine, BATCHING_POLICY_CONTINUOUS);
    assert_times(engine.start_time, 0.0, 0.0);
    assert_times(engine.first_token_time, 1.0, 1.0);
    assert_times(engine.end_time, 2.0, 2.0);
}

static void a_threshold_holds_unless_a_request_is_alone(void **state) {
    (void)state;
    /*
     * At most 2 of each prompt of 4. Request 0 is alone in iteration 0, and computes all of its own. Then 1 and 2 take
     * 2 + 2 each, with no other beside it.
     */
    struct engine engine;
    engine_init(&engine, 3);
    engine.config.long_prefill_token_threshold = 2;
    engine.requests.prompt_length = LENGTHS(4, 4, 4);
    engine.requests.arrival_time = TIMES(0.0, 0.5, 0.5);
    engine_run(&engine);
    assert_times(engine.first_token_time, 1.0, 3.0, 3.0);
}

static void without_chunks_a_prompt_waits_for_a_budget_that_holds_it(void **state) {
    (void)state;
    /* A budget of 4 holds one of two prompts of 3; the second would get 1 token beside the first, and waits. */
    struct engine engine;
    engine_init(&engine, 2);
    engine.config.max_num_seqs = 2;
    engine.config.max_num_batched_tokens = 4;
    engine.requests.prompt_length = LENGTHS(3, 3);
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 0.0);
    engine.config.disable_chunked_prefill = 1;
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 1.0);
    assert_times(engine.end_time, 1.0, 2.0);
}

static void orca_reserves_prompt_and_output(void **state) {
    (void)state;
    /* Of four blocks of 2, 3 + 4 tokens take all: one request after the other, and none is preempted. */
    struct engine engine;
    engine_init_short_of_memory(&engine);
    engine.config.policy = BATCHING_POLICY_ORCA;
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 4.0);
    assert_times(engine.end_time, 4.0, 8.0);
    assert_int_equal(engine.summary.preemptions, 0);
    assert_double_equal(engine.summary.mean_kv_use, 1.0);
}

static void a_static_batch_waits_until_it_is_full_and_ends_together(void **state) {
    (void)state;
    /* Full with request 1 at 2.0, 3 iterations long; request 2 is the last to come, and alone. */
    struct engine engine;
    engine_init(&engine, 3);
    engine.config.policy = BATCHING_POLICY_STATIC;
    engine.config.max_num_seqs = 2;
    engine.requests.output_length = LENGTHS(1, 3, 2);
    engine.requests.arrival_time = TIMES(0.0, 2.0, 4.0);
    engine_run(&engine);
    assert_times(engine.start_time, 2.0, 2.0, 5.0);
    assert_times(engine.first_token_time, 3.0, 3.0, 6.0);
    assert_times(engine.end_time, 5.0, 5.0, 7.0);
    assert_integers(engine.tokens_generated, 1, 3, 2);
    assert_integers(engine.completion_order, 0, 1, 2);
    assert_double_equal(engine.summary.busy_time, 5.0);
}

static void a_dynamic_batch_starts_when_it_is_full_or_its_oldest_has_waited(void **state) {
    (void)state;
    /* Request 0 waits its 3 seconds; 1 and 2 fill a batch while it runs; 3 and 4 fill one on arrival. */
    struct engine engine;
    engine_init(&engine, 5);
    engine.config.policy = BATCHING_POLICY_DYNAMIC;
    engine.config.max_num_seqs = 2;
    engine.config.max_queue_delay = 3.0;
    engine.requests.output_length = LENGTHS(2, 1, 1, 1, 1);
    engine.requests.arrival_time = TIMES(0.0, 4.0, 4.0, 19.0, 20.0);
    engine_run(&engine);
    assert_times(engine.start_time, 3.0, 5.0, 5.0, 20.0, 20.0);
    assert_times(engine.end_time, 5.0, 6.0, 6.0, 21.0, 21.0);
}

static void asynchronously_a_slot_is_free_one_iteration_later(void **state) {
    (void)state;
    /*
     * Batch 1 is scheduled while batch 0 computes the only token of request 0, which still has the only slot: batch 1
     * is empty and takes no time. Batch 2 is that of request 1, and batch 3, behind it, is empty again.
     */
    struct engine engine;
    engine_init(&engine, 2);
    engine.config.max_num_seqs = 1;
    engine.config.async_scheduling = 1;
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 1.0);
    assert_times(engine.end_time, 1.0, 2.0);
    assert_int_equal(engine.summary.iterations, 4);
    assert_double_equal(engine.summary.busy_time, 2.0);
}

static void when_blocks_run_out_the_last_admitted_is_preempted(void **state) {
    (void)state;
    struct engine engine;
    engine_init_short_of_memory(&engine);
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 0.0);
    assert_times(engine.first_token_time, 1.0, 1.0);
    assert_times(engine.end_time, 4.0, 6.0);
    assert_integers(engine.preemptions, 0, 1);
    const batching_summary *summary = &engine.summary;
    assert_int_equal(summary->iterations, 6);
    assert_int_equal(summary->preemptions, 1);
    assert_int_equal(summary->prefill_tokens, 3 + 3 + 5);
    assert_int_equal(summary->decode_tokens, 2 + 1 + 1 + 1);
    assert_int_equal(summary->recomputed_tokens, 4);
    assert_double_equal(summary->mean_running, (2 + 2 + 1 + 1 + 1 + 1) / 6.0);
    assert_int_equal(summary->peak_waiting, 1);
    assert_double_equal(summary->mean_kv_use, (4 + 4 + 3 + 3 + 3 + 3) / (6.0 * 4));
    assert_double_equal(summary->peak_kv_use, 1.0);
}

static void by_priority_the_least_urgent_is_preempted_and_among_equals_the_first(void **state) {
    (void)state;
    /* As above, but request 0 is less urgent: it is admitted second, and loses its blocks. */
    struct engine engine;
    engine_init_short_of_memory(&engine);
    engine.config.queue_order = BATCHING_QUEUE_PRIORITY;
    engine.requests.priority = LENGTHS(1, 0);
    engine_run(&engine);
    assert_times(engine.end_time, 6.0, 4.0);
    assert_integers(engine.preemptions, 1, 0);
    /* Of two that are as urgent and arrived together, request 0 is the first of the running: it preempts itself. */
    engine.requests.priority = NULL;
    engine_run(&engine);
    assert_times(engine.end_time, 6.0, 4.0);
    assert_integers(engine.preemptions, 1, 0);
}

static void the_watermark_stays_free_when_one_is_admitted_beside_others(void **state) {
    (void)state;
    /* Of 5 blocks 0.3 are 1 that stays free: beside request 0's two blocks, request 1's two would leave none. */
    struct engine engine;
    engine_init_short_of_memory(&engine);
    engine.config.watermark = 0.3;
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 4.0);
    assert_times(engine.end_time, 4.0, 8.0);
    assert_int_equal(engine.summary.preemptions, 0);
}

static void without_reserving_the_prompt_a_first_chunk_is_enough(void **state) {
    (void)state;
    /*
     * Four blocks of 2. Request 0 computes 4 tokens in two blocks; of request 1's prompt of 7, which needs four, the 2
     * that are left of the budget need one.
     */
    struct engine engine;
    engine_init(&engine, 2);
    engine.config.num_gpu_blocks = 5;
    engine.config.block_size = 2;
    engine.config.max_num_seqs = 2;
    engine.config.max_num_batched_tokens = 6;
    engine.requests.prompt_length = LENGTHS(4, 7);
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 1.0);
    engine.config.disable_reserve_full_isl = 1;
    engine_run(&engine);
    assert_times(engine.start_time, 0.0, 0.0);
}

static void the_waiting_are_admitted_in_the_order_of_the_queue(void **state) {
    (void)state;
    /* One at a time. Request 3 comes while the first of the others runs. */
    struct engine engine;
    engine_init(&engine, 4);
    engine.config.max_num_seqs = 1;
    engine.requests.output_length = LENGTHS(3, 2, 2, 1);
    engine.requests.arrival_time = TIMES(0.0, 0.0, 0.0, 0.5);
    engine.requests.priority = LENGTHS(9, 1, 1, 1);
    engine.requests.tie_break = IDS(0, 5, 4, -1);
    engine_run(&engine);
    assert_integers(engine.completion_order, 0, 1, 2, 3);
    engine.config.queue_order = BATCHING_QUEUE_PRIORITY;
    engine_run(&engine);
    /* The tie of 1 and 2 is broken by tie_break, and 3, which came later, is after both for all its -1. */
    assert_integers(engine.completion_order, 2, 1, 3, 0);
    engine.requests.tie_break = NULL;
    engine_run(&engine);
    assert_integers(engine.completion_order, 1, 2, 3, 0);
    engine.config.queue_order = BATCHING_QUEUE_SHORTEST_OUTPUT;
    engine_run(&engine);
    assert_integers(engine.completion_order, 1, 3, 2, 0);
}

static void requests_may_come_in_any_order(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 3);
    engine.config.max_num_seqs = 1;
    engine.requests.arrival_time = TIMES(2.0, 0.0, 1.0);
    engine_run(&engine);
    assert_times(engine.start_time, 2.0, 0.0, 1.0);
    assert_times(engine.end_time, 3.0, 1.0, 2.0);
    assert_integers(engine.completion_order, 1, 2, 0);
}

static void instant_prefill_decodes_at_once(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 1);
    engine.config.time_model = BATCHING_TIME_AFFINE;
    engine.config.time_per_prefill_token = 100.0;
    engine.config.instant_prefill = 1;
    engine.requests.prompt_length = LENGTHS(1000);
    engine.requests.output_length = LENGTHS(3);
    engine_run(&engine);
    assert_times(engine.end_time, 3.0);
    assert_int_equal(engine.summary.prefill_tokens, 0);
    assert_int_equal(engine.summary.decode_tokens, 3);
}

static void time_is_affine_in_what_is_computed(void **state) {
    (void)state;
    /*
     * The prompt: 1 + 3 x 0.5 + 3 x 3 x 0.0625 = 3.0625. Then, attending to 4 and to 5 tokens, 1 + 0.25 + 4 x 0.125 =
     * 1.75 and 1 + 0.25 + 5 x 0.125 = 1.875.
     */
    struct engine engine;
    engine_init(&engine, 1);
    engine.config.time_model = BATCHING_TIME_AFFINE;
    engine.config.time_per_prefill_token = 0.5;
    engine.config.time_per_decode_token = 0.25;
    engine.config.time_per_context_token = 0.125;
    engine.config.time_per_prefill_context = 0.0625;
    engine.requests.prompt_length = LENGTHS(3);
    engine.requests.output_length = LENGTHS(3);
    engine_run(&engine);
    assert_times(engine.first_token_time, 3.0625);
    assert_times(engine.end_time, 3.0625 + 1.75 + 1.875);
}

/* Blocks of 2, and room for all. */
static void engine_init_caching(struct engine *engine, int64_t count) {
    engine_init(engine, count);
    engine->config.num_gpu_blocks = 100;
    engine->config.block_size = 2;
    engine->config.enable_prefix_caching = 1;
}

static void a_prefix_that_is_cached_is_not_computed_again(void **state) {
    (void)state;
    /* Two full blocks of the two prompts of 5 are the same: request 1 computes its last token only. */
    struct engine engine;
    engine_init_caching(&engine, 2);
    engine.requests.prompt_length = LENGTHS(5, 5);
    engine.requests.arrival_time = TIMES(0.0, 10.0);
    engine.requests.hash_ids = IDS(10, 11, 12, 10, 11, 13);
    engine.requests.hash_offsets = IDS(0, 3, 6);
    engine_run(&engine);
    assert_integers(engine.prefix_cached_tokens, 0, 4);
    assert_int_equal(engine.summary.prefix_cache_queries, 10);
    assert_int_equal(engine.summary.prefix_cache_hits, 4);
    assert_int_equal(engine.summary.prefill_tokens, 5 + 1);
    /* An id for 4 tokens is that of two blocks. */
    engine.requests.hash_ids = IDS(10, 12, 10, 13);
    engine.requests.hash_offsets = IDS(0, 2, 4);
    engine.requests.hash_block_size = 4;
    engine_run(&engine);
    assert_integers(engine.prefix_cached_tokens, 0, 4);
    /* Of the ids of single tokens a block's last one names it: the second block differs. */
    engine.requests.hash_ids = IDS(1, 2, 3, 4, 5, 1, 2, 3, 9, 5);
    engine.requests.hash_offsets = IDS(0, 5, 10);
    engine.requests.hash_block_size = 1;
    engine_run(&engine);
    assert_integers(engine.prefix_cached_tokens, 0, 2);
    engine.requests.hash_ids = IDS(10, 12, 10, 13);
    engine.requests.hash_offsets = IDS(0, 2, 4);
    engine.requests.hash_block_size = 4;
    /* At least one token is computed, though both blocks of a prompt of 4 are there. */
    engine.requests.prompt_length = LENGTHS(5, 4);
    engine_run(&engine);
    assert_integers(engine.prefix_cached_tokens, 0, 2);
    /* Without ids nothing is shared. */
    engine.requests.hash_ids = NULL;
    engine_run(&engine);
    assert_integers(engine.prefix_cached_tokens, 0, 0);
}

static void a_later_turn_finds_what_an_earlier_one_generated(void **state) {
    (void)state;
    /* Prompt 2 and output 3: the KV of 4 tokens is computed, which are two blocks, the first of them the prompt's. */
    struct engine engine;
    engine_init_caching(&engine, 2);
    engine.requests.prompt_length = LENGTHS(2, 6);
    engine.requests.output_length = LENGTHS(3, 1);
    engine.requests.arrival_time = TIMES(0.0, 10.0);
    engine.requests.hash_ids = IDS(1, 2, 3, 1, 2, 3);
    engine.requests.hash_offsets = IDS(0, 3, 6);
    engine_run(&engine);
    assert_integers(engine.prefix_cached_tokens, 0, 2);
    engine.requests.hash_covers_output = 1;
    engine_run(&engine);
    assert_integers(engine.prefix_cached_tokens, 0, 4);
}

static void a_preempted_request_finds_its_own_blocks_again(void **state) {
    (void)state;
    /*
     * As above without ids, but cached. Preempted in iteration 2 with 4 tokens in two full blocks, of which request 0
     * takes the tail: so the head is found again in iteration 4, and 5 - 2 tokens are computed, 2 of them again.
     */
    struct engine engine;
    engine_init_short_of_memory(&engine);
    engine.config.enable_prefix_caching = 1;
    engine_run(&engine);
    assert_times(engine.end_time, 4.0, 6.0);
    assert_int_equal(engine.summary.prefill_tokens, 3 + 3 + 3);
    assert_int_equal(engine.summary.recomputed_tokens, 2);
    /* The counters and the column tell of first admissions only. */
    assert_integers(engine.prefix_cached_tokens, 0, 0);
    assert_int_equal(engine.summary.prefix_cache_queries, 6);
    assert_int_equal(engine.summary.prefix_cache_hits, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_configuration_all_is_as_by_default),
        cmocka_unit_test(by_default_256_run_and_2048_tokens_are_computed),
        cmocka_unit_test(the_default_budget_has_a_token_for_each_request_that_may_run),
        cmocka_unit_test(a_constant_time_of_0_is_no_time),
        cmocka_unit_test(nothing_to_simulate_takes_no_time),
        cmocka_unit_test(vllm_computes_a_prompt_in_chunks_within_the_budget),
        cmocka_unit_test(continuous_computes_a_prompt_whole),
        cmocka_unit_test(a_threshold_holds_unless_a_request_is_alone),
        cmocka_unit_test(without_chunks_a_prompt_waits_for_a_budget_that_holds_it),
        cmocka_unit_test(orca_reserves_prompt_and_output),
        cmocka_unit_test(a_static_batch_waits_until_it_is_full_and_ends_together),
        cmocka_unit_test(a_dynamic_batch_starts_when_it_is_full_or_its_oldest_has_waited),
        cmocka_unit_test(asynchronously_a_slot_is_free_one_iteration_later),
        cmocka_unit_test(when_blocks_run_out_the_last_admitted_is_preempted),
        cmocka_unit_test(by_priority_the_least_urgent_is_preempted_and_among_equals_the_first),
        cmocka_unit_test(the_watermark_stays_free_when_one_is_admitted_beside_others),
        cmocka_unit_test(without_reserving_the_prompt_a_first_chunk_is_enough),
        cmocka_unit_test(the_waiting_are_admitted_in_the_order_of_the_queue),
        cmocka_unit_test(requests_may_come_in_any_order),
        cmocka_unit_test(instant_prefill_decodes_at_once),
        cmocka_unit_test(time_is_affine_in_what_is_computed),
        cmocka_unit_test(a_prefix_that_is_cached_is_not_computed_again),
        cmocka_unit_test(a_later_turn_finds_what_an_earlier_one_generated),
        cmocka_unit_test(a_preempted_request_finds_its_own_blocks_again),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
