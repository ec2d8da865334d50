/*
 * Drives batching_live_engine_...: sequences of calls in any order; requests, times and ids mostly make sense.
 * What is asked for holds after every call: no request is lost, no limit is exceeded, the clock and the events never go
 * back, and what only asks, or fails, changes nothing.
 */
#include <math.h>

#include "checks.h"

enum { LONG_RUN = 1024, MOST_IDS = 24, MOST_AT_ONCE = 4, MOST_CALLS = 300, MOST_HASHES = 8 };

/* What callbacks need: the bytes of the run. */
static int32_t answer_time(const batching_iteration *iteration, double *seconds, void *user_data) {
    struct input *input = user_data;
    STOP_WITHOUT(input);
    REQUIRE(iteration->prefill_tokens + iteration->decode_tokens > 0);
    *seconds = input_chance(input, 32) ? input_double(input) : 0.0625 * (input_byte(input) % 8);
    return input_chance(input, 32) ? (int32_t)input_word(input) : 0;
}

/* Only requests in flight are shown, each once; the ids are those of input_few, and of estimates. */
static int32_t decide(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    struct input *input = user_data;
    STOP_WITHOUT(input);
    require_view(view, 1);
    for (int64_t row = 0; row < view->count; row++) {
        REQUIRE(view->request[row] >= -2 || view->request[row] < INT64_MIN + MOST_IDS);
        for (int64_t other = 0; other < row && other < MOST_IDS; other++) {
            REQUIRE(view->request[other] != view->request[row]);
        }
    }
    input_decision(input, view, decision);
    return input_chance(input, 64) ? (int32_t)input_word(input) : 0;
}

static int32_t see_progress(const batching_progress *progress, void *user_data) {
    STOP_WITHOUT(user_data);
    REQUIRE(progress->finished >= 0 && progress->arrived >= 0);
    return input_chance(user_data, 16);
}

/* Requests may have nearly as many tokens as there can be, and arrive in the last minute of the clock. */
static void make_long(struct input *input, batching_requests *requests) {
    int32_t *const output = (int32_t *)requests->output_length;
    double *const times = (double *)requests->arrival_time;
    for (int64_t index = 0; index < requests->count; index++) {
        if (input_chance(input, 2)) {
            output[index] = INT32_MAX - input_byte(input) % 4;
        }
        if (times != NULL && input_chance(input, 4)) {
            times[index] = BATCHING_TIME_MAX - input_byte(input) % 64;
        }
    }
}

/* A few requests, in columns of exactly their size. */
struct few {
    batching_requests requests;
    int64_t *ids;
};

static int32_t *few_lengths(struct input *input, int64_t count, int32_t least, int32_t spread) {
    int32_t *lengths = allocate((size_t)count * sizeof *lengths);
    for (int64_t index = 0; index < count; index++) {
        lengths[index] = input_chance(input, 64) ? -1 : least + input_byte(input) % spread;
    }
    return lengths;
}

static void add_hashes(struct input *input, batching_requests *requests) {
    const int64_t count = requests->count;
    int64_t *offsets = allocate((size_t)(count + 1) * sizeof *offsets);
    offsets[0] = input_chance(input, 64);
    for (int64_t index = 0; index < count; index++) {
        offsets[index + 1] = offsets[index] + input_byte(input) % MOST_HASHES - input_chance(input, 64);
    }
    int64_t *ids = allocate((size_t)(count * MOST_HASHES) * sizeof *ids);
    for (int64_t index = 0; index < count * MOST_HASHES; index++) {
        ids[index] = input_byte(input) % 3;
    }
    requests->hash_ids = ids;
    requests->hash_offsets = offsets;
    requests->hash_block_size = input_chance(input, 16) ? input_byte(input) : 0;
    requests->hash_covers_output = input_chance(input, 16);
}

static struct few input_few(struct input *input, double clock) {
    struct few few = {.ids = NULL};
    REQUIRE(batching_requests_init(&few.requests, sizeof few.requests) == BATCHING_OK);
    const int64_t count = input_byte(input) % (MOST_AT_ONCE + 1);
    few.requests.count = count;
    few.requests.prompt_length = input_chance(input, 8) ? NULL : few_lengths(input, count, 0, 100);
    few.requests.output_length = few_lengths(input, count, 1, 60);
    if (!input_chance(input, 3)) {
        double *times = allocate((size_t)count * sizeof *times);
        for (int64_t index = 0; index < count; index++) {
            times[index] = input_chance(input, 32) ? input_double(input) : clock + 0.0625 * (input_byte(input) % 16);
        }
        few.requests.arrival_time = times;
    }
    few.requests.priority = input_chance(input, 2) ? few_lengths(input, count, -1, 3) : NULL;
    if (input_chance(input, 2)) {
        add_hashes(input, &few.requests);
    }
    if (!input_chance(input, 3)) {
        few.ids = allocate((size_t)count * sizeof *few.ids);
        for (int64_t index = 0; index < count; index++) {
            few.ids[index] = (int64_t)(input_byte(input) % MOST_IDS) - 2;
        }
    }
    return few;
}

static void free_few(struct few few) {
    free_requests(few.requests);
    free((void *)few.requests.priority);
    free((void *)few.requests.hash_ids);
    free((void *)few.requests.hash_offsets);
    free(few.ids);
}

/* What has been seen of an engine. */
struct seen {
    /* As of the last call. */
    batching_live_engine_state state;
    double clock;
    double last_event;
    bool is_broken;
    /* Requests may be longer than there is time to run them: no run goes to their end. */
    bool is_long;
};

static void require_sense(batching_live_engine *engine, const batching_engine_config *config, struct seen *seen) {
    const batching_live_engine_state state = state_of(engine);
    REQUIRE(state.clock >= seen->clock);
    seen->state = state;
    seen->clock = state.clock;
    if (seen->is_broken) {
        return;
    }
    REQUIRE(state.pending >= 0 && state.waiting >= 0 && state.running >= 0);
    REQUIRE(state.submitted ==
            state.pending + state.waiting + state.running + state.finished + state.rejected + state.aborted);
    REQUIRE(state.running <= (config->max_num_seqs == 0 ? 256 : config->max_num_seqs));
    REQUIRE(state.kv_blocks_used >= 0 && state.tokens_in_flight >= 0 && state.iterations >= 0);
    REQUIRE(state.kv_blocks_usable < 0 || state.kv_blocks_used <= state.kv_blocks_usable);
    REQUIRE(state.running > 0 || state.kv_blocks_used == 0);
    REQUIRE(isnan(state.next_iteration_end) || state.next_iteration_end >= state.clock);
}

/* Of a request that has ended there are parts, which add up to no more than the time of the event. */
static void require_parts(const batching_attribution *parts, const batching_live_engine_events *events, int64_t row) {
    const double *const columns[] = {parts->waiting_for_slot, parts->waiting_for_memory, parts->prefill,
                                     parts->decode,           parts->slowed_by_prefill,  parts->preempted,
                                     parts->held_in_batch};
    const bool has_parts =
        events->event[row] == BATCHING_EVENT_FINISHED || events->event[row] == BATCHING_EVENT_ABORTED;
    double sum = 0.0;
    for (int part = 0; part < 7; part++) {
        REQUIRE(has_parts ? columns[part][row] >= 0.0 : isnan(columns[part][row]));
        sum += columns[part][row];
    }
    /* Each is rounded on its own. */
    REQUIRE(!has_parts || sum <= events->time[row] * (1 + 1e-14) + 1e-12);
}

static void poll(struct input *input, batching_live_engine *engine, struct seen *seen) {
    const int64_t kept = seen->state.events;
    batching_live_engine_events events;
    REQUIRE(batching_live_engine_events_init(&events, sizeof events) == BATCHING_OK);
    events.capacity = input_chance(input, 16) ? input_size(input) : input_byte(input) % 32;
    const int64_t room = events.capacity > 32 ? 0 : events.capacity;
    if (events.capacity <= 32 && events.capacity >= 0) {
        events.time = output_column(room, sizeof(double));
        events.request = output_column(room, sizeof(int64_t));
        events.event = output_column(room, sizeof(int32_t));
        events.tokens = output_column(room, sizeof(int32_t));
    }
    batching_attribution parts;
    REQUIRE(batching_attribution_init(&parts, sizeof parts) == BATCHING_OK);
    parts.capacity = room;
    double **const columns[] = {&parts.waiting_for_slot,  &parts.waiting_for_memory, &parts.prefill,      &parts.decode,
                                &parts.slowed_by_prefill, &parts.preempted,          &parts.held_in_batch};
    const bool wants_parts = events.time != NULL && seen->state.keeps_attribution;
    for (int part = 0; wants_parts && part < 7; part++) {
        *columns[part] = output_column(room, sizeof(double));
    }
    events.attribution = wants_parts ? &parts : NULL;
    if (succeeded(batching_live_engine_poll(engine, &events))) {
        REQUIRE(events.count + events.remaining == kept);
        REQUIRE(events.count == (kept < events.capacity ? kept : events.capacity));
        for (int64_t row = 0; events.time != NULL && row < events.count; row++) {
            REQUIRE(events.time[row] >= seen->last_event && events.time[row] <= seen->clock);
            REQUIRE(events.tokens[row] >= 0 && events.event[row] >= BATCHING_EVENT_REJECTED);
            if (wants_parts) {
                require_parts(&parts, &events, row);
            }
            seen->last_event = events.time[row];
        }
    } else {
        REQUIRE(events.capacity < 0);
    }
    free(events.time);
    free(events.request);
    free(events.event);
    free(events.tokens);
    for (int part = 0; part < 7; part++) {
        free(*columns[part]);
    }
}

static int32_t take_rows(int64_t row_count, void *user_data) {
    REQUIRE(row_count > 0 && row_count <= *(const int64_t *)user_data);
    return 0;
}

/* Into columns of exactly their size; with a callback or without, and each log wanted or not. */
static batching_status advance_logged(struct input *input, batching_live_engine *engine, double time,
                                      int64_t iterations) {
    batching_iteration_log told;
    batching_decision_log decided;
    REQUIRE(batching_iteration_log_init(&told, sizeof told) == BATCHING_OK);
    REQUIRE(batching_decision_log_init(&decided, sizeof decided) == BATCHING_OK);
    told.capacity = input_byte(input) % 16;
    decided.capacity = input_byte(input) % 16;
    told.time = output_column(told.capacity, sizeof(double));
    told.kv_blocks_kept = output_column(told.capacity, sizeof(int64_t));
    decided.request = output_column(decided.capacity, sizeof(int64_t));
    decided.tokens = output_column(decided.capacity, sizeof(int32_t));
    decided.include_queues = input_chance(input, 2) + input_chance(input, 64);
    if (input_chance(input, 2)) {
        told.callback = decided.callback = take_rows;
        told.user_data = &told.capacity;
        decided.user_data = &decided.capacity;
    }
    batching_iteration_log *const iteration_log = input_chance(input, 4) ? NULL : &told;
    batching_decision_log *const decision_log = input_chance(input, 4) ? NULL : &decided;
    const batching_live_engine_state before = state_of(engine);
    const batching_status status =
        batching_live_engine_advance_logged(engine, time, iterations, iteration_log, decision_log);
    const batching_live_engine_state after = state_of(engine);
    REQUIRE(told.count >= 0 && decided.count >= 0);
    /* One may have been under way, and one is. */
    REQUIRE(told.count <= after.iterations - before.iterations + 2);
    REQUIRE(iteration_log != NULL || told.count == 0);
    REQUIRE(decision_log != NULL || decided.count == 0);
    free(told.time);
    free(told.kv_blocks_kept);
    free(decided.request);
    free(decided.tokens);
    return status;
}

static void advance(struct input *input, batching_live_engine *engine, struct seen *seen) {
    double time = seen->clock + 0.03125 * (input_byte(input) % 64);
    if (input_chance(input, 4)) {
        time = input_chance(input, 2) ? input_double(input) : INFINITY;
    }
    int64_t iterations = input_chance(input, 2) ? input_byte(input) - input_chance(input, 16) : 0;
    if (iterations == 0 && seen->is_long) {
        iterations = LONG_RUN;
    }
    const batching_status status = input_chance(input, 3) ? advance_logged(input, engine, time, iterations)
                                                          : batching_live_engine_advance(engine, time, iterations);
    if (!succeeded(status)) {
        REQUIRE(status == BATCHING_ERROR_INVALID_ARGUMENT || status == BATCHING_ERROR_CANCELLED ||
                status == BATCHING_ERROR_OVERFLOW);
        seen->is_broken = seen->is_broken || status == BATCHING_ERROR_OVERFLOW;
    }
}

static void estimate(struct input *input, batching_live_engine *engine, double clock) {
    struct few few = input_few(input, clock);
    batching_results results = output_results(few.requests.count);
    if (succeeded(batching_live_engine_estimate(engine, &few.requests, &results))) {
        for (int64_t index = 0; index < few.requests.count; index++) {
            if (results.status[index] == BATCHING_REQUEST_FINISHED) {
                REQUIRE(results.start_time[index] >= clock && results.tokens_generated[index] >= 1);
                REQUIRE(results.first_token_time[index] >= results.start_time[index]);
                REQUIRE(results.end_time[index] >= results.first_token_time[index]);
            } else {
                REQUIRE(isnan(results.end_time[index]));
            }
        }
    }
    free_results(results);
    free_few(few);
}

/* One call; true if it must not have changed anything. */
static bool call(struct input *input, batching_live_engine *engine, struct seen *seen) {
    const int64_t id = (int64_t)(input_byte(input) % MOST_IDS) - 2;
    switch (input_byte(input) % 12) {
    case 0:
    case 1:
    case 2: {
        struct few few = input_few(input, seen->clock);
        if (seen->is_long) {
            make_long(input, &few.requests);
        }
        const bool failed = !succeeded(batching_live_engine_submit(engine, &few.requests, few.ids));
        free_few(few);
        return failed;
    }
    case 3:
        return !succeeded(batching_live_engine_abort(engine, id));
    case 4:
    case 5: {
        const int32_t length = input_chance(input, 16) ? (int32_t)input_word(input) : 1 + input_byte(input) % 80;
        if (length > 100000 && !seen->is_long) {
            /* It would run for long. */
            return true;
        }
        return !succeeded(batching_live_engine_set_output_length(engine, id, length));
    }
    case 6:
        if (!seen->is_long) {
            estimate(input, engine, seen->clock);
        }
        return true;
    case 7:
        poll(input, engine, seen);
        return false;
    default:
        advance(input, engine, seen);
        return false;
    }
}

/* The copy is the same; either of the two goes on. */
static batching_live_engine *forked(struct input *input, batching_live_engine *engine, bool is_long) {
    batching_live_engine *copy = NULL;
    if (!succeeded(batching_live_engine_fork(engine, &copy))) {
        REQUIRE(copy == NULL);
        return engine;
    }
    batching_live_engine_state one = state_of(engine), other = state_of(copy);
    REQUIRE(other.events == 0);
    one.events = 0;
    REQUIRE(memcmp(&one, &other, sizeof one) == 0);
    if (input_chance(input, 2)) {
        batching_live_engine *kept = copy;
        copy = engine;
        engine = kept;
    }
    struct seen seen = {.clock = one.clock, .is_long = is_long};
    advance(input, copy, &seen);
    REQUIRE(batching_live_engine_destroy(copy) == BATCHING_OK);
    return engine;
}

void fuzz_live_engine(struct input *input) {
    batching_engine_config config = input_engine_config(input);
    config.time_callback = answer_time;
    config.time_user_data = input;
    config.policy_callback = input_chance(input, 64) ? NULL : decide;
    config.policy_user_data = input;
    config.progress_callback = input_chance(input, 4) ? see_progress : NULL;
    config.progress_user_data = input;
    if (!input_chance(input, 16)) {
        config.time_limit = 0.0;
        config.iteration_limit = 0;
    }
    config.keep_attribution = input_chance(input, 2) + input_chance(input, 64);
    const bool is_long = input_chance(input, 4);
    if (is_long) {
        /* Whole prompts at once, and a clock that may end within a run. */
        config.max_num_batched_tokens = input_chance(input, 2) ? INT32_MAX : config.max_num_batched_tokens;
        config.num_gpu_blocks = input_chance(input, 2) ? INT32_MAX : config.num_gpu_blocks;
        config.enable_prefix_caching = 0;
        if (config.time_model != BATCHING_TIME_DEFAULT && input_chance(input, 2)) {
            config.time_base = BATCHING_TIME_MAX / (1 + input_byte(input));
        }
    }
    batching_live_engine *engine = NULL;
    batching_engine_config *given = input_struct(input, &config, sizeof config);
    const batching_status status = batching_live_engine_create(given, &engine);
    const bool is_whole = given->struct_size >= sizeof config;
    free(given);
    spoil_time_models(&config);
    if (!succeeded(status)) {
        REQUIRE(engine == NULL);
        free_time_models(&config);
        return;
    }
    struct seen seen = {.state = state_of(engine), .is_long = is_long};
    for (int calls = 0; calls < MOST_CALLS && input->left > 0; calls++) {
        const batching_live_engine_state before = seen.state;
        const bool must_be_the_same = call(input, engine, &seen);
        require_sense(engine, &config, &seen);
        REQUIRE(!must_be_the_same || memcmp(&before, &seen.state, sizeof before) == 0);
        if (input_chance(input, 16)) {
            engine = forked(input, engine, seen.is_long);
            /* What it has still to tell is new. */
            seen.state = state_of(engine);
        }
        if (!seen.is_broken && input_chance(input, 16)) {
            engine = fuzz_saved_engine(engine, &config);
            fuzz_damaged_engine(input, engine, &config);
        }
    }
    if (!seen.is_broken && !is_long && is_whole && config.time_model != BATCHING_TIME_CALLBACK &&
        config.progress_callback == NULL && (config.policy != BATCHING_POLICY_CUSTOM || input->left == 0)) {
        /* In the end every request is served, unless the clock ends before, or nothing can go on. */
        const batching_status last = batching_live_engine_advance(engine, INFINITY, 0);
        const batching_live_engine_state state = state_of(engine);
        REQUIRE(last == BATCHING_ERROR_OVERFLOW ||
                (last == BATCHING_OK && (state.is_stuck || state.pending + state.waiting + state.running == 0)));
    }
    REQUIRE(batching_live_engine_destroy(engine) == BATCHING_OK);
    free_time_models(&config);
}
