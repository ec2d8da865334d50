/*
 * Drives batching_simulate with any configuration, requests, logs and callbacks, in runs that are cut off early enough
 * to be quick. What is asked for holds whatever the policy decides.
 */
#include <math.h>

#include "checks.h"

enum { MOST_BLOCKS_WITH_NAMES = 100000 };

/* What the callbacks of one run need, and what they saw. */
struct run {
    struct input *input;
    batching_engine_config config;
    const batching_requests *requests;
    batching_iteration_log iteration_log;
    batching_decision_log decision_log;
    int64_t calls;
    int64_t last_reported;
    /* What passed through the logs: all of it if they have callbacks. */
    int64_t iterations_seen, finished_seen, decisions_seen;
    int64_t events_seen[BATCHING_EVENT_ABORTED + 1];
    int64_t tokens_scheduled;
    double last_time;
};

static int64_t limit(int64_t value, int64_t by_default) {
    return value == 0 ? by_default : value;
}

static void require_within_limits(const struct run *run, int64_t running, int64_t waiting, int64_t tokens,
                                  int64_t kv_blocks_used) {
    const batching_engine_config *config = &run->config;
    REQUIRE(running >= 0 && running <= limit(config->max_num_seqs, 256));
    REQUIRE(waiting >= 0 && running + waiting <= run->requests->count);
    REQUIRE(tokens >= 0);
    if (config->policy == BATCHING_POLICY_VLLM || config->policy == BATCHING_POLICY_CUSTOM) {
        REQUIRE(tokens <= limit(config->max_num_batched_tokens, 2048));
    }
    REQUIRE(kv_blocks_used >= 0);
    REQUIRE(config->num_gpu_blocks == 0 || kv_blocks_used <= config->num_gpu_blocks - 1);
}

/* Now and then a callback stops the run; when the bytes have run out, none does. */
static int32_t go_on_or_not(struct run *run) {
    run->calls++;
    return input_chance(run->input, 64) ? (int32_t)input_word(run->input) : 0;
}

static int32_t answer_time(const batching_iteration *iteration, double *seconds, void *user_data) {
    struct run *run = user_data;
    STOP_WITHOUT(run);
    REQUIRE(iteration->struct_size == sizeof *iteration && iteration->reserved == 0);
    require_within_limits(run, iteration->running, iteration->waiting,
                          iteration->prefill_tokens + iteration->decode_tokens, iteration->kv_blocks_used);
    REQUIRE(iteration->prefill_tokens + iteration->decode_tokens > 0);
    REQUIRE(iteration->context_tokens >= iteration->decode_tokens);
    REQUIRE(iteration->prefill_context >= (double)iteration->prefill_tokens);
    REQUIRE(iteration->time >= 0.0 && iteration->number >= 0 && iteration->preemptions >= 0);
    *seconds = input_chance(run->input, 32) ? input_double(run->input) : 0.0625 * (input_byte(run->input) % 8);
    return go_on_or_not(run);
}

static int32_t see_progress(const batching_progress *progress, void *user_data) {
    struct run *run = user_data;
    STOP_WITHOUT(run);
    REQUIRE(progress->struct_size == sizeof *progress && progress->reserved == 0);
    REQUIRE(progress->count == run->requests->count);
    REQUIRE(progress->finished >= 0 && progress->finished <= progress->arrived);
    REQUIRE(progress->arrived <= progress->count);
    REQUIRE(progress->iterations > 0 && progress->iterations % limit(run->config.progress_interval, 4096) == 0);
    run->last_reported = progress->iterations;
    return go_on_or_not(run);
}

static void see_iterations(struct run *run, int64_t row_count) {
    const batching_iteration_log *log = &run->iteration_log;
    for (int64_t row = 0; log->time != NULL && row < row_count; row++) {
        require_within_limits(run, log->running[row], log->waiting[row],
                              log->prefill_tokens[row] + log->decode_tokens[row], log->kv_blocks_used[row]);
        REQUIRE(log->time[row] >= run->last_time && log->start_time[row] >= log->time[row]);
        REQUIRE(log->duration[row] >= 0.0);
        REQUIRE(log->kv_blocks_kept[row] >= 0);
        REQUIRE(log->preemptions[row] >= 0 && log->finished[row] >= 0);
        run->last_time = log->time[row];
        run->finished_seen += log->finished[row];
    }
    run->iterations_seen += row_count;
}

static int32_t take_iterations(int64_t row_count, void *user_data) {
    struct run *run = user_data;
    STOP_WITHOUT(run);
    REQUIRE(row_count >= 1 && row_count <= run->iteration_log.capacity);
    see_iterations(run, row_count);
    return go_on_or_not(run);
}

static void see_decisions(struct run *run, int64_t row_count) {
    const batching_decision_log *log = &run->decision_log;
    for (int64_t row = 0; log->event != NULL && row < row_count; row++) {
        int32_t event = log->event[row];
        REQUIRE(event == BATCHING_EVENT_REJECTED || event == BATCHING_EVENT_PREEMPTED ||
                event == BATCHING_EVENT_ADMITTED || event == BATCHING_EVENT_RESUMED ||
                event == BATCHING_EVENT_SCHEDULED || event == BATCHING_EVENT_RUNNING ||
                event == BATCHING_EVENT_WAITING || event == BATCHING_EVENT_FINISHED || event == BATCHING_EVENT_ABORTED);
        REQUIRE(log->include_queues || (event != BATCHING_EVENT_RUNNING && event != BATCHING_EVENT_WAITING));
        REQUIRE(log->request[row] >= 0 && log->request[row] < run->requests->count);
        REQUIRE(log->iteration[row] >= 0 && log->tokens[row] >= 0);
        run->events_seen[event]++;
        run->tokens_scheduled += event == BATCHING_EVENT_SCHEDULED ? log->tokens[row] : 0;
    }
    run->decisions_seen += row_count;
}

static int32_t take_decisions(int64_t row_count, void *user_data) {
    struct run *run = user_data;
    STOP_WITHOUT(run);
    REQUIRE(row_count >= 1 && row_count <= run->decision_log.capacity);
    see_decisions(run, row_count);
    return go_on_or_not(run);
}

static struct found {
    int64_t cached_tokens, unshared_kv_blocks;
} look_up(const batching_policy_view *view, int64_t row) {
    struct found found = {-1, -1};
    REQUIRE(batching_policy_look_up(view, &row, 1, &found.cached_tokens, &found.unshared_kv_blocks) == BATCHING_OK);
    return found;
}

/* A row that runs shares some of its blocks; one that waits finds full ones, which leave a token to compute. */
static void require_found(const batching_policy_view *view, int64_t row, int64_t known) {
    const struct found found = look_up(view, row);
    const int runs = row < view->running_count;
    REQUIRE(found.cached_tokens >= 0 && found.cached_tokens < known);
    REQUIRE(found.cached_tokens % view->block_size == 0);
    REQUIRE(found.cached_tokens == 0 || (!runs && view->prefix_cache != NULL));
    const int64_t most = runs ? view->kv_blocks[row] : found.cached_tokens / view->block_size;
    REQUIRE(found.unshared_kv_blocks >= 0 && found.unshared_kv_blocks <= most);
    REQUIRE(view->prefix_cache != NULL || found.unshared_kv_blocks == most);
}

void require_view(const batching_policy_view *view, int ahead) {
    REQUIRE(view->struct_size == sizeof *view && view->reserved == 0);
    REQUIRE(view->iteration >= 0 && view->time >= 0.0);
    REQUIRE(view->running_count >= 0 && view->running_count <= view->count && view->count > 0);
    REQUIRE(view->running_count <= view->max_num_seqs);
    int64_t held = 0;
    for (int64_t row = 0; row < view->count; row++) {
        const int64_t known = (int64_t)view->prompt_tokens[row] + view->generated_tokens[row];
        const int64_t computed = view->computed_tokens[row];
        REQUIRE(view->arrival_time[row] >= 0.0 && view->arrival_time[row] <= view->time);
        REQUIRE(view->prompt_tokens[row] >= 1 && view->generated_tokens[row] >= 0);
        REQUIRE(view->generated_tokens[row] < (int64_t)view->oracle_output_tokens[row] + ahead);
        REQUIRE(computed >= 0 && computed < known + ahead);
        require_found(view, row, known);
        if (row < view->running_count) {
            REQUIRE(view->kv_blocks[row] == (computed + view->block_size - 1) / view->block_size);
        } else {
            REQUIRE(view->kv_blocks[row] == 0);
        }
        held += view->kv_blocks[row];
    }
    if (view->kv_blocks_usable == INT64_MAX) {
        REQUIRE(view->kv_blocks_free == INT64_MAX);
    } else if (view->prefix_cache == NULL) {
        REQUIRE(view->kv_blocks_free == view->kv_blocks_usable - held);
    } else {
        REQUIRE(view->kv_blocks_free >= view->kv_blocks_usable - held && view->kv_blocks_free >= 0);
    }
}

/* The columns are those of the run. */
static void require_view_of(const struct run *run, const batching_policy_view *view) {
    const batching_requests *requests = run->requests;
    require_view(view, run->config.async_scheduling);
    require_within_limits(run, view->running_count, view->count - view->running_count, 0, 0);
    for (int64_t row = 0; row < view->count; row++) {
        const int64_t request = view->request[row];
        REQUIRE(request >= 0 && request < requests->count);
        REQUIRE(view->priority[row] == (requests->priority == NULL ? 0 : requests->priority[request]));
        REQUIRE(view->tie_break[row] == (requests->tie_break == NULL ? request : requests->tie_break[request]));
    }
}

/* First come, first served, as far as budget, slots and blocks go, with some left out, and some preempted. */
static void decide_sensibly(struct input *input, const batching_policy_view *view, batching_policy_decision *decision) {
    int64_t budget = view->max_num_batched_tokens, free_blocks = view->kv_blocks_free;
    int64_t slots = view->max_num_seqs - view->running_count;
    for (int64_t row = 0; row < view->count && budget > 0; row++) {
        const int runs = row < view->running_count;
        const struct found found = look_up(view, row);
        const int64_t computed = view->computed_tokens[row] + found.cached_tokens;
        const int64_t left = (int64_t)view->prompt_tokens[row] + view->generated_tokens[row] - computed;
        if (runs && input_chance(input, 16)) {
            decision->preempted_row[decision->preempted_count++] = row;
            continue;
        }
        int64_t tokens = left < budget ? left : budget;
        if (tokens == 0) {
            continue;
        }
        if (input_chance(input, 8)) {
            tokens = 1 + input_byte(input) % tokens;
        }
        const int64_t grown = computed + tokens;
        const int64_t held =
            runs ? view->kv_blocks[row] : found.cached_tokens / view->block_size - found.unshared_kv_blocks;
        const int64_t blocks = grown / view->block_size + (grown % view->block_size > 0) - held;
        if (blocks > free_blocks || (!runs && slots <= 0) || tokens > INT32_MAX || input_chance(input, 8)) {
            continue;
        }
        slots -= !runs;
        budget -= tokens;
        free_blocks -= blocks;
        decision->scheduled_row[decision->scheduled_count] = row;
        decision->scheduled_tokens[decision->scheduled_count++] = (int32_t)tokens;
    }
    decision->decode_rest = input_chance(input, 4);
    decision->until_change = input_chance(input, 4);
}

/* Whatever the bytes say, within the columns. */
static void decide_anything(struct input *input, const batching_policy_view *view, batching_policy_decision *decision) {
    for (int64_t at = 0; at < decision->capacity && at < 8; at++) {
        decision->scheduled_row[at] = input_chance(input, 8) ? input_size(input) : input_byte(input) % view->count;
        decision->scheduled_tokens[at] = input_chance(input, 8) ? (int32_t)input_word(input) : input_byte(input) % 16;
        decision->preempted_row[at] = input_chance(input, 8) ? input_size(input) : input_byte(input) % view->count;
    }
    /* What is not written is not named: the rest of the columns is memory like any other. */
    decision->scheduled_count = input_chance(input, 8) ? input_size(input) : input_byte(input) % 3;
    decision->preempted_count = input_chance(input, 8) ? input_size(input) : input_byte(input) % 2;
    if (decision->scheduled_count > 8 && decision->scheduled_count <= decision->capacity) {
        decision->scheduled_count = 8;
    }
    if (decision->preempted_count > 8 && decision->preempted_count <= decision->capacity) {
        decision->preempted_count = 8;
    }
    decision->decode_rest = input_chance(input, 16) ? (int32_t)input_word(input) : input_byte(input) & 1;
    decision->until_change = input_chance(input, 16) ? (int32_t)input_word(input) : input_byte(input) & 1;
    decision->short_of_memory = input_chance(input, 16) ? (int32_t)input_word(input) : input_byte(input) & 1;
    decision->reserved_2 = input_chance(input, 32) ? (uint32_t)input_word(input) : 0;
    if (input_chance(input, 4)) {
        decision->wait_until = input_chance(input, 4) ? input_double(input) : view->time + 0.0625 * input_byte(input);
    }
    if (input_chance(input, 32)) {
        decision->scheduled_row = decision->preempted_row = NULL;
        decision->scheduled_tokens = NULL;
        decision->capacity = INT64_MAX;
    }
}

void input_decision(struct input *input, const batching_policy_view *view, batching_policy_decision *decision) {
    REQUIRE(decision->struct_size == sizeof *decision && decision->reserved == 0 && decision->reserved_2 == 0);
    REQUIRE(decision->capacity == view->count);
    REQUIRE(decision->scheduled_count == 0 && decision->preempted_count == 0 && decision->wait_until == 0.0);
    if (input_chance(input, 6)) {
        decide_anything(input, view, decision);
    } else {
        decide_sensibly(input, view, decision);
    }
}

static int32_t decide(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    struct run *run = user_data;
    STOP_WITHOUT(run);
    require_view_of(run, view);
    input_decision(run->input, view, decision);
    return go_on_or_not(run);
}

/* 0 or 1, and now and then neither. */
static int32_t input_switch(struct input *input) {
    uint8_t byte = input_byte(input);
    return byte == 255 ? (int32_t)input_word(input) : byte & 1;
}

static int32_t input_choice(struct input *input, const int32_t *choices, uint8_t count) {
    uint8_t byte = input_byte(input);
    return byte == 255 ? (int32_t)input_word(input) : choices[byte % count];
}

/* The default, or a small number, and now and then any. */
static int64_t input_limit(struct input *input, int64_t most) {
    uint8_t byte = input_byte(input);
    if (byte >= 248) {
        return input_size(input);
    }
    return byte < 64 ? 0 : 1 + byte * 31 % most;
}

/* Tiers of a few blocks, or any. */
static batching_kv_offload input_offload(struct input *input) {
    static const double BANDWIDTHS[] = {0.0, 1.0, 1e3, 1e6, 1e9};
    batching_kv_offload offload;
    REQUIRE(batching_kv_offload_init(&offload, sizeof offload) == BATCHING_OK);
    int64_t *const tokens[] = {&offload.host_tokens, &offload.disk_tokens};
    double *const read[] = {&offload.host_read_bandwidth, &offload.disk_read_bandwidth};
    double *const write[] = {&offload.host_write_bandwidth, &offload.disk_write_bandwidth};
    const bool has_bytes = !input_chance(input, 4);
    offload.kv_bytes_per_token = has_bytes ? 1.0 + input_byte(input) : 0.0;
    for (int tier = 0; tier < 2; tier++) {
        *tokens[tier] = input_chance(input, 3)    ? 0
                        : input_chance(input, 16) ? input_size(input)
                                                  : 16 * input_byte(input);
        if (*tokens[tier] > 0 && has_bytes) {
            *read[tier] = input_chance(input, 32) ? input_double(input) : BANDWIDTHS[input_byte(input) % 5];
            *write[tier] = input_chance(input, 32) ? input_double(input) : BANDWIDTHS[input_byte(input) % 5];
        }
    }
    offload.loads_block = input_switch(input);
    return offload;
}

batching_engine_config input_engine_config(struct input *input) {
    static const int32_t POLICIES[] = {BATCHING_POLICY_VLLM,       BATCHING_POLICY_VLLM,    BATCHING_POLICY_VLLM,
                                       BATCHING_POLICY_STATIC,     BATCHING_POLICY_DYNAMIC, BATCHING_POLICY_CONTINUOUS,
                                       BATCHING_POLICY_CONTINUOUS, BATCHING_POLICY_ORCA,    BATCHING_POLICY_CUSTOM,
                                       BATCHING_POLICY_CUSTOM};
    static const int32_t ORDERS[] = {BATCHING_QUEUE_ARRIVAL, BATCHING_QUEUE_PRIORITY, BATCHING_QUEUE_SHORTEST_OUTPUT};
    static const int32_t MODELS[] = {BATCHING_TIME_DEFAULT,  BATCHING_TIME_CONSTANT, BATCHING_TIME_AFFINE,
                                     BATCHING_TIME_CALLBACK, BATCHING_TIME_ROOFLINE, BATCHING_TIME_TABLE};
    batching_engine_config config;
    REQUIRE(batching_engine_config_init(&config, sizeof config) == BATCHING_OK);
    config.policy = input_choice(input, POLICIES, 10);
    config.queue_order = input_choice(input, ORDERS, 3);
    config.max_num_seqs = input_limit(input, 12);
    config.max_num_batched_tokens = config.max_num_seqs == 0 || input_chance(input, 8)
                                        ? input_limit(input, 4096)
                                        : config.max_num_seqs + input_byte(input) % 64;
    config.long_prefill_token_threshold = input_limit(input, 32);
    config.max_model_len = input_chance(input, 4) ? input_limit(input, 300) : 0;
    config.disable_chunked_prefill = input_chance(input, 4) ? input_switch(input) : 0;
    config.disable_reserve_full_isl = input_switch(input);
    config.async_scheduling = input_switch(input);
    config.instant_prefill = input_chance(input, 8) ? input_switch(input) : 0;
    config.max_queue_delay = input_chance(input, 2) ? input_seconds(input) : 0.0;
    config.block_size = input_chance(input, 4) ? (int32_t)input_limit(input, 65536) : 1 + input_byte(input) % 16;
    config.num_gpu_blocks = input_chance(input, 4) ? input_limit(input, 200) : 2 + input_byte(input) % 64;
    config.enable_prefix_caching = input_switch(input);
    if (config.num_gpu_blocks > MOST_BLOCKS_WITH_NAMES) {
        config.enable_prefix_caching = 0;
    }
    config.watermark = input_chance(input, 4) ? input_double(input) : 0.01 * (input_byte(input) % 32);
    config.admit_oversized = input_switch(input);
    config.time_model = input_choice(input, MODELS, 6);
    if (config.time_model != BATCHING_TIME_DEFAULT) {
        config.time_base = input_chance(input, 4) ? 0.0 : input_seconds(input);
    }
    if (config.time_model == BATCHING_TIME_AFFINE) {
        config.time_per_prefill_token = input_chance(input, 2) ? 1e-6 * input_byte(input) : input_seconds(input);
        config.time_per_decode_token = input_chance(input, 2) ? 1e-6 * input_byte(input) : 0.0;
        config.time_per_context_token = input_chance(input, 2) ? 1e-9 * input_byte(input) : input_seconds(input);
        config.time_per_prefill_context = input_chance(input, 2) ? 1e-9 * input_byte(input) : 0.0;
        config.time_per_prefill_iteration = input_chance(input, 2) ? 1e-6 * input_byte(input) : 0.0;
        config.time_per_prefill_chunk = input_chance(input, 2) ? 1e-6 * input_byte(input) : 0.0;
        config.time_startup = input_chance(input, 2) ? input_seconds(input) : 0.0;
    }
    input_time_models(input, &config);
    if (config.enable_prefix_caching == 1 ? input_chance(input, 2) : input_chance(input, 64)) {
        const batching_kv_offload offload = input_offload(input);
        config.kv_offload = input_struct(input, &offload, sizeof offload);
    }
    config.time_limit = input_chance(input, 4) ? input_seconds(input) : 0.0;
    /* Never 0, which is no limit. */
    config.iteration_limit = input_chance(input, 32) ? -1 - input_byte(input) : 1 + 4 * input_byte(input);
    config.progress_interval = input_limit(input, 64);
    if (config.policy == BATCHING_POLICY_CUSTOM && !input_chance(input, 16)) {
        config.queue_order = 0;
    }
    return config;
}

/* The columns that only the engine looks at, beside those of input_requests. */
static batching_requests input_engine_requests(struct input *input) {
    batching_requests requests = input_requests(input);
    int64_t count = requests.count;
    if (count < 0 || count > INT64_MAX / 8) {
        return requests;
    }
    if (input_chance(input, 2)) {
        int32_t *priority = allocate((size_t)count * sizeof *priority);
        for (int64_t index = 0; index < count; index++) {
            priority[index] = input_chance(input, 16) ? (int32_t)input_word(input) : input_byte(input) % 4;
        }
        requests.priority = priority;
    }
    if (input_chance(input, 2)) {
        int64_t *tie_break = allocate((size_t)count * sizeof *tie_break);
        for (int64_t index = 0; index < count; index++) {
            tie_break[index] = input_chance(input, 16) ? (int64_t)input_word(input) : input_byte(input) % 4;
        }
        requests.tie_break = tie_break;
    }
    if (input_chance(input, 3)) {
        int32_t *max_tokens = allocate((size_t)count * sizeof *max_tokens);
        for (int64_t index = 0; index < count; index++) {
            const int32_t output = requests.output_length == NULL ? 1 : requests.output_length[index];
            const int32_t more = input_byte(input) % 4;
            max_tokens[index] = input_chance(input, 32) || output > INT32_MAX - more ? more : output + more;
        }
        requests.max_tokens = max_tokens;
    }
    if (input_chance(input, 3)) {
        double *abort_time = allocate((size_t)count * sizeof *abort_time);
        for (int64_t index = 0; index < count; index++) {
            const double arrival = requests.arrival_time == NULL ? 0.0 : requests.arrival_time[index];
            const double stays = input_chance(input, 32) ? -1.0 : input_byte(input) * 0.001;
            abort_time[index] = input_chance(input, 2) ? NAN : arrival + stays;
        }
        requests.abort_time = abort_time;
    }
    if (input_chance(input, 3)) {
        int64_t *session = allocate((size_t)count * sizeof *session);
        for (int64_t index = 0; index < count; index++) {
            session[index] = input_chance(input, 16) ? (int64_t)input_word(input) : input_byte(input) % 4;
        }
        requests.session = session;
    }
    if (input_chance(input, 3)) {
        double *delay = allocate((size_t)count * sizeof *delay);
        for (int64_t index = 0; index < count; index++) {
            delay[index] = input_chance(input, 64) ? input_double(input) : 0.001 * (input_byte(input) % 64);
        }
        requests.delay = delay;
    }
    if (!input_chance(input, 4)) {
        int64_t *hash_offsets = allocate(((size_t)count + 1) * sizeof *hash_offsets);
        hash_offsets[0] = 0;
        for (int64_t index = 0; index < count; index++) {
            hash_offsets[index + 1] = hash_offsets[index] + input_byte(input) % 8;
        }
        int64_t id_count = hash_offsets[count];
        int64_t *hash_ids = allocate((size_t)id_count * sizeof *hash_ids);
        for (int64_t place = 0; place < id_count; place++) {
            hash_ids[place] = input_chance(input, 16) ? (int64_t)input_word(input) : input_byte(input) % 3;
        }
        if (input_chance(input, 32)) {
            hash_offsets[input_byte(input) % (count + 1)] = (int64_t)(input_word(input) | 1ULL << 63);
        }
        requests.hash_ids = hash_ids;
        requests.hash_offsets = input_chance(input, 32) ? (free(hash_offsets), NULL) : hash_offsets;
        requests.hash_covers_output = input_switch(input);
    }
    return requests;
}

/* Now and then beyond what it may be. */
static batching_client input_client(struct input *input) {
    static const int32_t THINK_TIMES[] = {BATCHING_THINK_TIMES_EXPONENTIAL, BATCHING_THINK_TIMES_CONSTANT,
                                          BATCHING_THINK_TIMES_LOGNORMAL};
    batching_client client;
    REQUIRE(batching_client_init(&client, sizeof client) == BATCHING_OK);
    client.max_concurrency = input_limit(input, 12);
    client.clients = input_chance(input, 2) ? input_limit(input, 12) : 0;
    if (client.clients != 0) {
        client.ramp_up = input_chance(input, 2) ? input_seconds(input) : 0.0;
        client.think_time = input_chance(input, 2) ? 0.001 * input_byte(input) : input_seconds(input);
    }
    client.think_times = input_choice(input, THINK_TIMES, 3);
    client.think_time_sigma = input_chance(input, 8) ? input_double(input) : 0.1 * input_byte(input);
    client.sessions_go_on = input_switch(input);
    client.seed = input_word(input);
    return client;
}

static void free_engine_requests(batching_requests requests) {
    free((void *)requests.session);
    free((void *)requests.delay);
    free((void *)requests.priority);
    free((void *)requests.tie_break);
    free((void *)requests.max_tokens);
    free((void *)requests.abort_time);
    free((void *)requests.hash_ids);
    free((void *)requests.hash_offsets);
    free_requests(requests);
}

/* How many rows a log of the fuzzer has, and whether it has columns for them. */
static int64_t input_rows(struct input *input, bool *has_columns) {
    *has_columns = !input_chance(input, 8);
    return input_chance(input, 32) ? -1 - input_byte(input) : input_byte(input) % 40;
}

static void input_logs(struct input *input, struct run *run) {
    bool has_columns;
    batching_iteration_log *iterations = &run->iteration_log;
    REQUIRE(batching_iteration_log_init(iterations, sizeof *iterations) == BATCHING_OK);
    iterations->capacity = input_rows(input, &has_columns);
    iterations->count = -7;
    iterations->callback = input_chance(input, 2) ? take_iterations : NULL;
    iterations->user_data = run;
    int64_t rows = iterations->capacity < 0 ? 0 : iterations->capacity;
    if (has_columns) {
        iterations->time = output_column(rows, sizeof(double));
        iterations->start_time = output_column(rows, sizeof(double));
        iterations->duration = output_column(rows, sizeof(double));
        iterations->running = output_column(rows, sizeof(int64_t));
        iterations->waiting = output_column(rows, sizeof(int64_t));
        iterations->prefill_tokens = output_column(rows, sizeof(int64_t));
        iterations->decode_tokens = output_column(rows, sizeof(int64_t));
        iterations->kv_blocks_used = output_column(rows, sizeof(int64_t));
        iterations->kv_blocks_kept = output_column(rows, sizeof(int64_t));
        iterations->preemptions = output_column(rows, sizeof(int64_t));
        iterations->finished = output_column(rows, sizeof(int64_t));
    }
    batching_decision_log *decisions = &run->decision_log;
    REQUIRE(batching_decision_log_init(decisions, sizeof *decisions) == BATCHING_OK);
    decisions->capacity = input_rows(input, &has_columns);
    decisions->count = -7;
    decisions->callback = input_chance(input, 2) ? take_decisions : NULL;
    decisions->user_data = run;
    decisions->include_queues = input_switch(input);
    rows = decisions->capacity < 0 ? 0 : decisions->capacity;
    if (has_columns) {
        decisions->iteration = output_column(rows, sizeof(int64_t));
        decisions->request = output_column(rows, sizeof(int64_t));
        decisions->event = output_column(rows, sizeof(int32_t));
        decisions->tokens = output_column(rows, sizeof(int32_t));
    }
}

static void free_logs(const struct run *run) {
    const batching_iteration_log *iterations = &run->iteration_log;
    free(iterations->time);
    free(iterations->start_time);
    free(iterations->duration);
    free(iterations->running);
    free(iterations->waiting);
    free(iterations->prefill_tokens);
    free(iterations->decode_tokens);
    free(iterations->kv_blocks_used);
    free(iterations->kv_blocks_kept);
    free(iterations->preemptions);
    free(iterations->finished);
    free(run->decision_log.iteration);
    free(run->decision_log.request);
    free(run->decision_log.event);
    free(run->decision_log.tokens);
}

/* Now and then without a column. */
static batching_attribution input_attribution(struct input *input, int64_t count) {
    batching_attribution attribution;
    REQUIRE(batching_attribution_init(&attribution, sizeof attribution) == BATCHING_OK);
    attribution.capacity = input_chance(input, 32) ? count - 1 - input_byte(input) : count;
    attribution.waiting_for_slot = output_column(count, sizeof(double));
    attribution.waiting_for_memory = input_chance(input, 8) ? NULL : output_column(count, sizeof(double));
    attribution.prefill = output_column(count, sizeof(double));
    attribution.decode = output_column(count, sizeof(double));
    attribution.slowed_by_prefill = output_column(count, sizeof(double));
    attribution.preempted = output_column(count, sizeof(double));
    attribution.held_in_batch = output_column(count, sizeof(double));
    attribution.waiting_for_client = output_column(count, sizeof(double));
    return attribution;
}

static void free_attribution(batching_attribution attribution) {
    free(attribution.waiting_for_slot);
    free(attribution.waiting_for_memory);
    free(attribution.prefill);
    free(attribution.decode);
    free(attribution.slowed_by_prefill);
    free(attribution.preempted);
    free(attribution.held_in_batch);
    free(attribution.waiting_for_client);
}

static bool is_rejected(int32_t status) {
    return status == BATCHING_REQUEST_REJECTED_MODEL_LENGTH || status == BATCHING_REQUEST_REJECTED_KV_MEMORY ||
           status == BATCHING_REQUEST_REJECTED_TOKEN_BUDGET;
}

/* One request, by what became of it. */
static void require_an_outcome(const struct run *run, const batching_results *results, int64_t index) {
    const batching_requests *requests = run->requests;
    double arrival = results->arrival_time[index], sent = results->sent_time[index];
    double start = results->start_time[index], first_token = results->first_token_time[index];
    double end = results->end_time[index];
    int32_t status = results->status[index], tokens = results->tokens_generated[index];
    int64_t output = requests->output_length != NULL ? requests->output_length[index] : 1;
    int64_t prompt = requests->prompt_length != NULL ? requests->prompt_length[index] : 0;
    prompt = prompt < 1 ? 1 : prompt;
    int64_t longest = run->config.max_model_len == 0 ? INT64_MAX : run->config.max_model_len;
    REQUIRE(results->preemptions[index] >= 0);
    REQUIRE(results->prefix_cached_tokens[index] >= 0 && results->prefix_cached_tokens[index] < prompt);
    REQUIRE(isnan(sent) == (status == BATCHING_REQUEST_NOT_SENT));
    REQUIRE(isnan(sent) || sent >= arrival);
    REQUIRE(isnan(arrival) || requests->arrival_time == NULL || is_not_before(arrival, requests->arrival_time[index]));
    REQUIRE(isnan(start) || is_not_before(start, sent));
    REQUIRE(isnan(first_token) == (tokens == 0));
    REQUIRE(isnan(first_token) || first_token >= start);
    REQUIRE(tokens >= 0 && tokens <= output && prompt + tokens <= (tokens == 0 ? INT64_MAX : longest));
    if (status == BATCHING_REQUEST_FINISHED) {
        REQUIRE(tokens == (output < longest - prompt ? output : longest - prompt));
        REQUIRE(start <= first_token && first_token <= end && end <= BATCHING_TIME_MAX);
    } else if (status == BATCHING_REQUEST_ABORTED) {
        REQUIRE(requests->abort_time != NULL && is_not_before(end, requests->abort_time[index]));
        REQUIRE(is_not_before(end, sent) && (isnan(start) ? tokens == 0 : start <= end));
        REQUIRE(isnan(first_token) || first_token <= end);
    } else {
        const int never_ran = is_rejected(status) || status == BATCHING_REQUEST_NOT_SENT;
        REQUIRE(never_ran || status == BATCHING_REQUEST_UNFINISHED || status == BATCHING_REQUEST_STUCK);
        REQUIRE(isnan(end));
        REQUIRE(!never_ran || (isnan(start) && tokens == 0 && results->preemptions[index] == 0));
        REQUIRE(!isnan(start) || tokens == 0);
    }
}

__extension__ typedef unsigned __int128 wide;

/* The nearest whole number of nanoseconds, ties to even. By integers: a product of doubles may be rounded to a tie. */
static int64_t nanoseconds(double seconds) {
    int exponent;
    const wide product = (wide)ldexp(frexp(seconds, &exponent), 53) * 1000000000;
    const int shift = 53 - exponent;
    if (shift > 100) {
        return 0;
    }
    const wide whole = product >> shift, rest = product - (whole << shift), half = (wide)1 << (shift - 1);
    return (int64_t)whole + (rest > half || (rest == half && whole % 2 == 1));
}

/* The parts of a request that has ended add up to the nanosecond, where doubles can tell. */
static void require_parts(const batching_attribution *attribution, const batching_requests *requests,
                          const batching_results *results) {
    for (int64_t index = 0; index < requests->count; index++) {
        const double parts[] = {
            attribution->waiting_for_slot[index], attribution->waiting_for_memory[index], attribution->prefill[index],
            attribution->decode[index],           attribution->slowed_by_prefill[index],  attribution->preempted[index],
            attribution->held_in_batch[index],    attribution->waiting_for_client[index],
        };
        const int32_t status = results->status[index];
        int64_t sum = 0;
        for (size_t part = 0; part < sizeof parts / sizeof *parts; part++) {
            REQUIRE(isnan(parts[part]) == (is_rejected(status) || status == BATCHING_REQUEST_NOT_SENT));
            REQUIRE(!(parts[part] < 0.0));
            sum += parts[part] < TELLS_NANOSECONDS_APART ? llrint(parts[part] * 1e9) : 0;
        }
        if (results->end_time[index] < TELLS_NANOSECONDS_APART) {
            REQUIRE(sum == nanoseconds(results->end_time[index]) - nanoseconds(results->arrival_time[index]));
        }
    }
}

static void require_an_order_of_completion(const batching_requests *requests, const batching_results *results,
                                           int64_t finished) {
    bool *completed = calloc((size_t)requests->count + 1, sizeof *completed);
    for (int64_t place = 0; place < requests->count; place++) {
        int64_t index = results->completion_order[place];
        if (place >= finished) {
            REQUIRE(index == -1);
            continue;
        }
        REQUIRE(index >= 0 && index < requests->count && !completed[index]);
        REQUIRE(results->status[index] == BATCHING_REQUEST_FINISHED);
        REQUIRE(place == 0 || results->end_time[results->completion_order[place - 1]] <= results->end_time[index]);
        completed[index] = true;
    }
    free(completed);
}

static void require_outcomes(const struct run *run, const batching_results *results, const batching_summary *summary) {
    const batching_requests *requests = run->requests;
    int64_t tokens = 0, preemptions = 0, cached = 0, finished = 0, rejected = 0, aborted = 0, not_sent = 0;
    double last_end = 0.0;
    for (int64_t index = 0; index < requests->count; index++) {
        require_an_outcome(run, results, index);
        tokens += results->tokens_generated[index];
        preemptions += results->preemptions[index];
        cached += results->prefix_cached_tokens[index];
        finished += results->status[index] == BATCHING_REQUEST_FINISHED;
        rejected += is_rejected(results->status[index]);
        aborted += results->status[index] == BATCHING_REQUEST_ABORTED;
        not_sent += results->status[index] == BATCHING_REQUEST_NOT_SENT;
        if (results->status[index] == BATCHING_REQUEST_FINISHED && results->end_time[index] > last_end) {
            last_end = results->end_time[index];
        }
    }
    REQUIRE(summary->total_tokens == tokens && summary->preemptions == preemptions);
    REQUIRE(summary->finished == finished && summary->rejected == rejected && summary->aborted == aborted);
    REQUIRE(summary->not_sent == not_sent);
    REQUIRE(summary->prefix_cache_hits == cached);
    REQUIRE(summary->total_time == last_end);
    require_an_order_of_completion(requests, results, finished);
}

static void require_a_summary(const struct run *run, const batching_summary *summary) {
    const batching_engine_config *config = &run->config;
    REQUIRE(summary->finished + summary->rejected + summary->unfinished + summary->aborted + summary->not_sent ==
            run->requests->count);
    REQUIRE(summary->iterations >= 0 && summary->iterations <= config->iteration_limit);
    REQUIRE(summary->duration >= summary->total_time && summary->duration <= BATCHING_TIME_MAX);
    REQUIRE(is_not_before(summary->duration, summary->busy_time));
    REQUIRE(summary->peak_running <= limit(config->max_num_seqs, 256) && summary->peak_waiting >= 0);
    /* A mean is a rounded quotient: it may exceed the largest of its elements by its last bits. */
    const double rounding = 1 + 1e-12;
    REQUIRE(summary->mean_running >= 0.0 && summary->mean_running <= (double)summary->peak_running * rounding);
    REQUIRE(summary->mean_kv_use >= 0.0 && summary->mean_kv_use <= summary->peak_kv_use * rounding);
    REQUIRE(summary->peak_kv_use <= 1.0);
    REQUIRE(summary->prefill_tokens >= 0 && summary->decode_tokens >= 0);
    REQUIRE(summary->recomputed_tokens >= 0 && (summary->recomputed_tokens == 0 || summary->preemptions > 0));
    REQUIRE(summary->prefix_cache_hits >= 0 && summary->prefix_cache_hits <= summary->prefix_cache_queries);
    /* Asynchronously the batch that was in flight at a limit may have completed all that was left. */
    bool is_cut_off = summary->unfinished > 0 || summary->not_sent > 0 || config->async_scheduling;
    switch (summary->end_reason) {
    case BATCHING_END_COMPLETED:
        REQUIRE(summary->unfinished == 0);
        break;
    case BATCHING_END_ITERATION_LIMIT:
        REQUIRE(summary->iterations == config->iteration_limit && is_cut_off);
        break;
    case BATCHING_END_TIME_LIMIT:
        REQUIRE(config->time_limit > 0.0 && is_cut_off);
        break;
    default:
        REQUIRE(summary->end_reason == BATCHING_END_STUCK && summary->unfinished > 0);
    }
}

/* Logs with callbacks have told everything. */
static void require_complete_logs(const struct run *run, const batching_summary *summary) {
    const batching_iteration_log *iterations = &run->iteration_log;
    if (run->config.iteration_log != NULL) {
        REQUIRE(run->config.iteration_log->count == summary->iterations);
        if (iterations->callback != NULL) {
            REQUIRE(run->iterations_seen == summary->iterations);
            REQUIRE(iterations->time == NULL || run->finished_seen == summary->finished);
        }
    }
    const batching_decision_log *decisions = &run->decision_log;
    if (run->config.decision_log != NULL && decisions->callback != NULL) {
        REQUIRE(run->decisions_seen == run->config.decision_log->count);
        if (decisions->event != NULL) {
            REQUIRE(run->events_seen[BATCHING_EVENT_FINISHED] == summary->finished);
            REQUIRE(run->events_seen[BATCHING_EVENT_REJECTED] == summary->rejected);
            REQUIRE(run->events_seen[BATCHING_EVENT_ABORTED] == summary->aborted);
            REQUIRE(run->events_seen[BATCHING_EVENT_PREEMPTED] == summary->preemptions);
            REQUIRE(run->tokens_scheduled == summary->prefill_tokens + summary->decode_tokens ||
                    summary->prefill_tokens > INT32_MAX);
        }
    }
}

/* The rows that a log without a callback has kept. */
static void see_what_was_kept(struct run *run) {
    const batching_iteration_log *iterations = run->config.iteration_log;
    if (iterations != NULL && iterations->callback == NULL) {
        see_iterations(run, iterations->count < iterations->capacity ? iterations->count : iterations->capacity);
    }
    const batching_decision_log *decisions = run->config.decision_log;
    if (decisions != NULL && decisions->callback == NULL) {
        see_decisions(run, decisions->count < decisions->capacity ? decisions->count : decisions->capacity);
    }
}

/* Without outputs, logs and progress the same input gives the same summary. */
static void require_the_same_again(const struct run *run, const batching_requests *requests,
                                   const batching_summary *summary) {
    if (run->config.time_model == BATCHING_TIME_CALLBACK || run->config.policy == BATCHING_POLICY_CUSTOM) {
        return;
    }
    batching_engine_config config = run->config;
    config.iteration_log = NULL;
    config.decision_log = NULL;
    config.attribution = NULL;
    config.progress_callback = NULL;
    batching_summary again;
    REQUIRE(batching_summary_init(&again, sizeof again) == BATCHING_OK);
    REQUIRE(batching_simulate(&config, requests, NULL, &again) == BATCHING_OK);
    REQUIRE(memcmp(&again, summary, sizeof again) == 0);
}

void fuzz_engine(struct input *input) {
    struct run run = {.input = input, .config = input_engine_config(input)};
    batching_requests requests = input_engine_requests(input);
    if (run.config.block_size > 0 && !input_chance(input, 16)) {
        int factor = input_byte(input) % 6;
        requests.hash_block_size = run.config.block_size > 65536 ? 0
                                   : factor < 4                  ? run.config.block_size * factor
                                                                 : run.config.block_size / (factor - 2);
    } else {
        requests.hash_block_size = (int32_t)input_word(input);
    }
    batching_client client = input_client(input);
    batching_client *given_client = input_struct(input, &client, sizeof client);
    requests.client = input_chance(input, 3) ? given_client : NULL;
    run.requests = &requests;
    run.config.time_callback = input_chance(input, 32) ? NULL : answer_time;
    run.config.time_user_data = &run;
    run.config.progress_callback = input_chance(input, 2) ? see_progress : NULL;
    run.config.progress_user_data = &run;
    run.config.policy_callback = input_chance(input, 32) ? NULL : decide;
    run.config.policy_user_data = &run;
    input_logs(input, &run);

    int64_t columns = requests.count >= 0 && requests.count <= INT64_MAX / 8 ? requests.count : 0;
    batching_results results = output_results(columns);
    results.capacity = input_chance(input, 32) ? columns - 1 - input_byte(input) : columns;
    batching_attribution attribution = input_attribution(input, columns);
    batching_summary summary;
    REQUIRE(batching_summary_init(&summary, sizeof summary) == BATCHING_OK);
    summary.iterations = -7;

    batching_attribution *given_attribution = input_struct(input, &attribution, sizeof attribution);
    run.config.attribution = input_chance(input, 2) ? given_attribution : NULL;
    struct output_struct iteration_log = output_struct(input, &run.iteration_log, sizeof run.iteration_log);
    struct output_struct decision_log = output_struct(input, &run.decision_log, sizeof run.decision_log);
    run.config.iteration_log = input_chance(input, 2) ? iteration_log.value : NULL;
    run.config.decision_log = input_chance(input, 2) ? decision_log.value : NULL;
    batching_engine_config *given_config = input_struct(input, &run.config, sizeof run.config);
    batching_requests *given_requests = input_struct(input, &requests, sizeof requests);
    batching_results *given_results = input_struct(input, &results, sizeof results);
    struct output_struct given_summary = output_struct(input, &summary, sizeof summary);

    batching_status status = batching_simulate(given_config, given_requests, given_results, given_summary.value);
    if (succeeded(status)) {
        take_output(&summary, sizeof summary, given_summary);
        if (given_summary.size >= sizeof summary && given_results->struct_size >= sizeof results) {
            require_outcomes(&run, &results, &summary);
        }
        if (run.config.attribution != NULL && given_config->struct_size >= sizeof run.config &&
            given_results->struct_size >= sizeof results && attribution.waiting_for_memory != NULL) {
            require_parts(&attribution, &requests, &results);
        }
        if (given_summary.size >= sizeof summary) {
            require_a_summary(&run, &summary);
            require_complete_logs(&run, &summary);
            summary.struct_size = sizeof summary;
            require_the_same_again(&run, given_requests, &summary);
        }
        see_what_was_kept(&run);
    } else {
        REQUIRE(is_untouched(given_summary));
        /* Nothing was written, unless it failed on its way. */
        if (run.calls == 0 && status != BATCHING_ERROR_OVERFLOW && status != BATCHING_ERROR_OUT_OF_MEMORY) {
            REQUIRE(results_are_untouched(results, columns));
            REQUIRE(is_untouched(iteration_log) && is_untouched(decision_log));
            REQUIRE(output_is_untouched(attribution.waiting_for_slot, columns, sizeof(double)));
            REQUIRE(output_is_untouched(attribution.decode, columns, sizeof(double)));
        }
    }
    free(given_attribution);
    free_attribution(attribution);
    free(given_config);
    free_time_models(&run.config);
    free(given_requests);
    free(given_client);
    free(given_results);
    free_output_struct(given_summary);
    free_output_struct(iteration_log);
    free_output_struct(decision_log);
    free_logs(&run);
    free_engine_requests(requests);
    free_results(results);
}
