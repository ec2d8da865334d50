/* Whole runs of the engine that grow: see fuzz_complexity.c. */
#include <math.h>

#include "grown.h"

int32_t cheap_policy(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)user_data;
    work_end();
    const int64_t row = view->running_count;
    if (row < view->count && row < view->max_num_seqs) {
        const int64_t left =
            (int64_t)view->prompt_tokens[row] + view->generated_tokens[row] - view->computed_tokens[row];
        if (view->max_num_batched_tokens > row + left && view->kv_blocks_free > row + left / view->block_size) {
            decision->scheduled_row[0] = row;
            decision->scheduled_tokens[0] = (int32_t)left;
            decision->scheduled_count = 1;
        }
    }
    if (view->kv_blocks_free < row && row > 0) {
        decision->preempted_row[decision->preempted_count++] = row - 1;
        decision->scheduled_count = 0;
    } else {
        decision->decode_rest = 1;
    }
    work_begin();
    return 0;
}

batching_engine_config grown_config(struct input *input, int64_t n) {
    batching_engine_config config;
    REQUIRE(batching_engine_config_init(&config, sizeof config) == BATCHING_OK);
    config.policy = (int32_t)ONE_OF(input, BATCHING_POLICY_VLLM, BATCHING_POLICY_VLLM, BATCHING_POLICY_VLLM,
                                    BATCHING_POLICY_VLLM, BATCHING_POLICY_CONTINUOUS, BATCHING_POLICY_ORCA,
                                    BATCHING_POLICY_STATIC, BATCHING_POLICY_DYNAMIC, BATCHING_POLICY_CUSTOM);
    config.queue_order = (int32_t)ONE_OF(input, BATCHING_QUEUE_ARRIVAL, BATCHING_QUEUE_ARRIVAL, BATCHING_QUEUE_PRIORITY,
                                         BATCHING_QUEUE_SHORTEST_OUTPUT);
    config.max_num_seqs = ONE_OF(input, n, n, n / 2, 0, 1, 2, 8, 1 << 30);
    config.max_num_batched_tokens = ONE_OF(input, 1 << 30, 1 << 30, 1 << 30, 2048, 4 * n);
    if (config.max_num_batched_tokens < config.max_num_seqs) {
        config.max_num_batched_tokens = config.max_num_seqs;
    }
    config.long_prefill_token_threshold = ONE_OF(input, 0, 1, 1, 16);
    config.max_model_len = ONE_OF(input, 0, 0, 0, n);
    config.disable_chunked_prefill = (int32_t)ONE_OF(input, 0, 0, 0, 1);
    config.disable_reserve_full_isl = (int32_t)ONE_OF(input, 0, 1);
    config.async_scheduling = (int32_t)ONE_OF(input, 0, 1);
    config.instant_prefill = (int32_t)ONE_OF(input, 0, 0, 0, 1);
    config.max_queue_delay = 0.001 * (double)ONE_OF(input, 0, 1, 1000, n);
    config.block_size = (int32_t)ONE_OF(input, 1, 1, 16, 65536);
    config.num_gpu_blocks = ONE_OF(input, 0, 2 * n + 1, 4 * n, n / 2 + 2, 64, 1 << 18);
    config.enable_prefix_caching = (int32_t)ONE_OF(input, 0, 1);
    config.watermark = 0.1 * (double)ONE_OF(input, 0, 0, 1, 9);
    config.admit_oversized = (int32_t)ONE_OF(input, 0, 0, 0, 1);
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 0.01;
    config.policy_callback = cheap_policy;
    /* What does not go together is refused, which would take no work. */
    if (config.policy != BATCHING_POLICY_VLLM || config.num_gpu_blocks == 0 || config.instant_prefill) {
        config.enable_prefix_caching = 0;
    }
    if (config.policy == BATCHING_POLICY_CUSTOM) {
        config.queue_order = 0;
    }
    return config;
}

/* Blocks that a request has in the end. */
static double blocks(const batching_engine_config *config, const batching_requests *requests, int64_t index) {
    return 1 + ((double)requests->prompt_length[index] + requests->output_length[index]) / config->block_size;
}

/* What one iteration costs, as the header has it. */
struct iterations {
    const batching_engine_config *config;
    batching_iteration_log log;
    int64_t running[64], waiting[64], prefill[64], decode[64], preemptions[64];
    bool logs_decisions;
    double units, preempted;
};

static int32_t add_iterations(int64_t row_count, void *user_data) {
    struct iterations *all = user_data;
    const int64_t budget = all->config->max_num_batched_tokens == 0 ? 2048 : all->config->max_num_batched_tokens;
    for (int64_t row = 0; row < row_count; row++) {
        const int64_t running = all->running[row], prefill = all->prefill[row];
        /* KV blocks or the budget run short, a policy is shown the running, or decisions are logged. */
        const bool is_walked = all->preemptions[row] > 0 || prefill + all->decode[row] >= budget ||
                               all->config->policy == BATCHING_POLICY_CUSTOM || all->logs_decisions;
        const int64_t walked = is_walked || running < prefill ? running : prefill;
        all->units += all->waiting[row] > 0 || prefill > 0 ? SERVING : 1;
        all->units += (double)walked + (double)all->preemptions[row] * (double)running;
        if (all->logs_decisions) {
            const double waiting = (double)all->waiting[row];
            const bool is_by_arrival = all->config->queue_order == BATCHING_QUEUE_ARRIVAL;
            all->units += is_by_arrival ? waiting : waiting * log2(2 + waiting);
        }
        all->preempted += (double)all->preemptions[row];
    }
    return 0;
}

static double documented_units(batching_engine_config config, const batching_requests *requests, bool logs_decisions) {
    struct iterations all = {.config = &config, .logs_decisions = logs_decisions};
    REQUIRE(batching_iteration_log_init(&all.log, sizeof all.log) == BATCHING_OK);
    all.log.capacity = 64;
    all.log.callback = add_iterations;
    all.log.user_data = &all;
    all.log.running = all.running;
    all.log.waiting = all.waiting;
    all.log.prefill_tokens = all.prefill;
    all.log.decode_tokens = all.decode;
    all.log.preemptions = all.preemptions;
    config.iteration_log = &all.log;
    config.decision_log = NULL;
    batching_results results = output_results(requests->count);
    if (!succeeded(batching_simulate(&config, requests, &results, NULL))) {
        free_results(results);
        return -1;
    }
    double most = 0;
    for (int64_t index = 0; index < requests->count; index++) {
        const double held = config.enable_prefix_caching ? blocks(&config, requests, index) : 0;
        const int32_t preemptions = results.preemptions[index] > 0 ? results.preemptions[index] : 0;
        most = held > most ? held : most;
        all.units += 1 + (isnan(results.start_time[index]) ? 0 : SERVING) + held * (2 + preemptions);
    }
    all.units += most * all.preempted;
    free_results(results);
    return all.units;
}

static int32_t drop_rows(int64_t row_count, void *user_data) {
    (void)row_count;
    (void)user_data;
    return 0;
}

struct cost grown_run(struct input input, int64_t n) {
    batching_engine_config config = grown_config(&input, n);
    batching_requests requests;
    REQUIRE(batching_requests_init(&requests, sizeof requests) == BATCHING_OK);
    requests.count = n;
    requests.prompt_length = column_lengths(input_column(&input), n, 0, 2 * n);
    requests.output_length = column_lengths(input_column(&input), n, 1, 2 * n);
    const double unit = 0.001 * (double)ONE_OF(&input, 0, 1, 10, 100);
    double *arrivals = column_times(input_column(&input), n, unit);
    requests.arrival_time = arrivals;
    requests.priority = column_lengths(input_column(&input), n, -8, n);
    int64_t *offsets = allocate((size_t)(n + 1) * sizeof *offsets), *ids = allocate((size_t)(8 * n) * sizeof *ids);
    const struct column hashes = input_column(&input), shared = input_column(&input);
    offsets[0] = 0;
    for (int64_t index = 0; index < n; index++) {
        int64_t more = column_at(hashes, index, n, 0, n);
        more = offsets[index] + more > 8 * n ? 8 * n - offsets[index] : more;
        offsets[index + 1] = offsets[index] + more;
        for (int64_t block = 0; block < more; block++) {
            ids[offsets[index] + block] = (column_at(shared, index, n, 0, n) << 32) + block;
        }
    }
    if (config.enable_prefix_caching) {
        requests.hash_ids = ids;
        requests.hash_offsets = offsets;
    }
    int32_t *max_tokens = allocate((size_t)n * sizeof *max_tokens);
    double *aborts = allocate((size_t)n * sizeof *aborts);
    const struct column asked = input_column(&input), leaves = input_column(&input);
    for (int64_t index = 0; index < n; index++) {
        max_tokens[index] = requests.output_length[index] + (int32_t)column_at(asked, index, n, 0, n);
        aborts[index] = arrivals[index] + 0.01 * (double)column_at(leaves, index, n, 0, n);
    }
    requests.max_tokens = ONE_OF(&input, 0, 1) ? max_tokens : NULL;
    requests.abort_time = ONE_OF(&input, 0, 0, 1) ? aborts : NULL;
    config.iteration_limit = 4 * n + 64;
    batching_decision_log log;
    REQUIRE(batching_decision_log_init(&log, sizeof log) == BATCHING_OK);
    log.capacity = 64;
    log.callback = drop_rows;
    log.include_queues = 1;
    const bool logs_decisions = ONE_OF(&input, 0, 0, 0, 1);
    config.decision_log = logs_decisions ? &log : NULL;
    double *parts = allocate((size_t)n * sizeof *parts);
    batching_attribution attribution;
    REQUIRE(batching_attribution_init(&attribution, sizeof attribution) == BATCHING_OK);
    attribution.capacity = n;
    attribution.decode = parts;
    config.attribution = ONE_OF(&input, 0, 0, 1) ? &attribution : NULL;
    struct cost cost = {0, documented_units(config, &requests, logs_decisions)};
    if (cost.units >= 0 && requests.abort_time != NULL && config.policy == BATCHING_POLICY_CUSTOM) {
        /* Each abort takes a row out of the view. */
        cost.units += (double)n * (double)n;
    }
    work_begin();
    if (cost.units >= 0) {
        (void)succeeded(batching_simulate(&config, &requests, NULL, NULL));
    }
    work_end();
    cost.work = work_taken();
    free_requests(requests);
    free((void *)requests.priority);
    free(offsets);
    free(ids);
    free(max_tokens);
    free(aborts);
    free(parts);
    return cost;
}
