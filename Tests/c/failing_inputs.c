/* The inputs of the calls of failing_allocations.c. */
#include "failing_allocations.h"

#include <math.h>

static int32_t prompt_length[REQUESTS], output_length[REQUESTS], max_tokens[REQUESTS], priority[REQUESTS];
static int64_t tie_break[REQUESTS], hash_offsets[REQUESTS + 1], hash_ids[REQUESTS * HASH_IDS];
static int64_t session[2][REQUESTS];
static double delay[REQUESTS];
static double arrival[2][REQUESTS], abort_time[2][REQUESTS];

static void fill_requests(void) {
    for (int i = 0; i < REQUESTS; i++) {
        prompt_length[i] = 16 + i * 37 % 200;
        output_length[i] = 1 + i * 29 % 60;
        max_tokens[i] = output_length[i] + i % 3;
        priority[i] = i % 4;
        tie_break[i] = -i;
        /* The ids of the sessions are their numbers, or any. */
        session[0][i] = i % 97;
        session[1][i] = -(int64_t)i % 97 * 1000003;
        delay[i] = 0.001 * (i % 13);
        hash_offsets[i + 1] = (int64_t)(i + 1) * HASH_IDS;
        for (int j = 0; j < HASH_IDS; j++) {
            hash_ids[i * HASH_IDS + j] = j < 3 ? i % 5 * 10 + j : i * 10 + j + 1000;
        }
        arrival[0][i] = 0.002 * i;
        arrival[1][i] = 0.002 * (i * 7 % REQUESTS);
        for (int order = 0; order < 2; order++) {
            abort_time[order][i] = i % 3 == 0 ? arrival[order][i] + 0.01 * (i % 11) : NAN;
        }
    }
}

batching_requests some_requests(const struct choice *choice) {
    fill_requests();
    batching_requests requests;
    must(batching_requests_init(&requests, sizeof requests));
    requests.count = REQUESTS;
    requests.prompt_length = prompt_length;
    requests.output_length = output_length;
    requests.arrival_time = arrival[choice->unordered];
    if (choice->queue_order != 0) {
        requests.priority = priority;
        requests.tie_break = tie_break;
    }
    if (choice->caches_prefixes) {
        requests.hash_offsets = hash_offsets;
        requests.hash_ids = hash_ids;
        requests.hash_block_size = 16;
    }
    if (choice->ends_early) {
        requests.max_tokens = max_tokens;
        requests.abort_time = abort_time[choice->unordered];
    }
    if (choice->is_closed) {
        static batching_client client;
        must(batching_client_init(&client, sizeof client));
        client.max_concurrency = 70;
        client.clients = 80;
        client.think_time = 0.002;
        requests.client = &client;
        requests.session = session[choice->unordered];
        requests.delay = delay;
        /* The turns of a session arrive in their order. */
        requests.arrival_time = NULL;
    }
    return requests;
}

static int32_t take_time(const batching_iteration *iteration, double *seconds, void *user_data) {
    *seconds = 0.001 * *(const int *)user_data + 1e-6 * (double)iteration->decode_tokens;
    return 0;
}

static int32_t take_progress(const batching_progress *progress, void *user_data) {
    return progress->count < 0 || *(const int *)user_data != 1;
}

static int32_t take_rows(int64_t count, void *user_data) {
    return count < 0 || *(const int *)user_data != 1;
}

/* The shortest prompts first, one admission at a time, behind all that wait longer: rows move about. Every seventh
 * iteration preempts the first that runs. */
static int32_t take_policy(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    decision->decode_rest = 1;
    int64_t chosen = -1;
    for (int64_t row = view->running_count; row < view->count; row++) {
        if (chosen < 0 || view->prompt_tokens[row] < view->prompt_tokens[chosen]) {
            chosen = row;
        }
    }
    if (view->iteration % 7 == 6 && view->running_count > 2) {
        decision->preempted_row[decision->preempted_count++] = 0;
    }
    int64_t tokens = 0;
    if (chosen >= 0) {
        must(batching_policy_look_up(view, &chosen, 1, &tokens, NULL));
        tokens = view->prompt_tokens[chosen] + view->generated_tokens[chosen] - tokens;
    }
    if (tokens > 0 && view->running_count < 100 && tokens + view->running_count < view->max_num_batched_tokens &&
        view->kv_blocks_free > 200) {
        decision->scheduled_row[decision->scheduled_count] = chosen;
        decision->scheduled_tokens[decision->scheduled_count++] = (int32_t)tokens;
    }
    return *(const int *)user_data != 1;
}

static int one = 1;

void set_log_callbacks(void) {
    outputs.iteration_log.callback = outputs.decision_log.callback = take_rows;
    outputs.iteration_log.user_data = outputs.decision_log.user_data = &one;
}

batching_engine_config some_config(const struct choice *choice) {
    batching_engine_config config;
    must(batching_engine_config_init(&config, sizeof config));
    config.policy = choice->policy;
    config.queue_order = choice->queue_order;
    config.async_scheduling = choice->asynchronous;
    config.enable_prefix_caching = choice->caches_prefixes;
    config.num_gpu_blocks = choice->short_of_blocks ? 120 : choice->caches_prefixes ? 4000 : 0;
    config.max_num_seqs = 300;
    config.max_queue_delay = choice->policy == BATCHING_POLICY_DYNAMIC ? 0.05 : 0;
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 0.001;
    if (choice->logs && choice->queue_order != 0) {
        /* The queues of each iteration are logged from a copy. */
        config.iteration_limit = 40;
    }
    if (choice->asks_for_time) {
        config.time_model = BATCHING_TIME_CALLBACK;
        config.time_base = 0;
        config.time_callback = take_time;
        config.time_user_data = &one;
    }
    if (choice->tells_progress) {
        config.progress_callback = take_progress;
        config.progress_user_data = &one;
        config.progress_interval = 3;
    }
    if (choice->policy == BATCHING_POLICY_CUSTOM) {
        config.policy_callback = take_policy;
        config.policy_user_data = &one;
    }
    if (choice->logs) {
        config.iteration_log = &outputs.iteration_log;
        config.decision_log = &outputs.decision_log;
    }
    if (choice->attributes) {
        static batching_attribution attribution;
        must(batching_attribution_init(&attribution, sizeof attribution));
        attribution.capacity = ROWS;
        attribution.waiting_for_slot = outputs.seconds[3];
        attribution.waiting_for_memory = outputs.seconds[4];
        attribution.prefill = outputs.seconds[5];
        attribution.decode = outputs.seconds[6];
        attribution.slowed_by_prefill = outputs.seconds[7];
        attribution.preempted = outputs.seconds[8];
        attribution.held_in_batch = outputs.seconds[9];
        attribution.waiting_for_client = outputs.seconds[10];
        config.attribution = &attribution;
    }
    return config;
}

batching_results some_results(void) {
    batching_results results;
    must(batching_results_init(&results, sizeof results));
    results.capacity = ROWS;
    results.start_time = outputs.seconds[0];
    results.first_token_time = outputs.seconds[1];
    results.end_time = outputs.seconds[2];
    results.tokens_generated = outputs.small[0];
    results.completion_order = outputs.numbers[0];
    results.preemptions = outputs.small[1];
    results.prefix_cached_tokens = outputs.small[2];
    results.status = outputs.small[3];
    return results;
}

static double start_time[REQUESTS], first_token_time[REQUESTS], end_time[REQUESTS], token_times[2 * REQUESTS];
static int64_t token_offsets[REQUESTS + 1];

static void fill_recorded(void) {
    fill_requests();
    for (int i = 0; i < REQUESTS; i++) {
        start_time[i] = arrival[1][i] + 0.001 * (i % 13);
        first_token_time[i] = token_times[2 * i] = start_time[i] + 0.01;
        end_time[i] = token_times[2 * i + 1] = first_token_time[i] + 0.001 * (i % 17);
        token_offsets[i + 1] = 2 * (i + 1);
    }
}

batching_recorded some_recorded(void) {
    fill_recorded();
    batching_recorded recorded;
    must(batching_recorded_init(&recorded, sizeof recorded));
    recorded.count = REQUESTS;
    recorded.arrival_time = arrival[1];
    recorded.start_time = start_time;
    recorded.first_token_time = first_token_time;
    recorded.end_time = end_time;
    recorded.prompt_length = prompt_length;
    recorded.output_length = output_length;
    recorded.token_times = token_times;
    recorded.token_offsets = token_offsets;
    return recorded;
}

batching_completed some_completed(void) {
    fill_recorded();
    batching_completed completed;
    must(batching_completed_init(&completed, sizeof completed));
    completed.count = REQUESTS;
    completed.arrival_time = arrival[1];
    completed.start_time = start_time;
    completed.first_token_time = first_token_time;
    completed.end_time = end_time;
    completed.tokens_generated = output_length;
    return completed;
}

batching_serving_metrics_config some_options(int32_t convention) {
    static const double percentiles[PERCENTILES] = {50, 99, 0};
    batching_serving_metrics_config options;
    must(batching_serving_metrics_config_init(&options, sizeof options));
    options.convention = convention;
    options.percentiles = percentiles;
    options.percentile_count = PERCENTILES;
    return options;
}
