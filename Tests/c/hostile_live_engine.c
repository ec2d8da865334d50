/* The worst that can be asked of a live engine; hostile_inputs.c tries it. */
#include <stdint.h>
#include <string.h>

#include "hostile.h"

enum call { SUBMIT, SUBMIT_TWICE, ADVANCE, ADVANCE_LOGGED, ABORT, SET_OUTPUT_LENGTH, ESTIMATE };

static batching_requests one_request(const int32_t *length, const double *arrival_time) {
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = 1;
    requests.prompt_length = requests.output_length = length;
    requests.arrival_time = arrival_time;
    return requests;
}

/* Logs without columns, with room for so many rows. */
static batching_status advance_logged(batching_live_engine *engine, double time, int64_t capacity) {
    batching_iteration_log iterations;
    batching_decision_log decisions;
    batching_iteration_log_init(&iterations, sizeof iterations);
    batching_decision_log_init(&decisions, sizeof decisions);
    iterations.capacity = decisions.capacity = capacity > 1 ? INT64_MAX : capacity;
    decisions.include_queues = 1;
    const batching_status status = batching_live_engine_advance_logged(engine, time, 100, &iterations, &decisions);
    if ((status == BATCHING_OK) != (decisions.count > 0) || iterations.count < 0) {
        printf("rows were not counted\n");
        return -1;
    }
    return status;
}

/* One call, by the fields of an input: which (batch_size), of which request (max_seq_len), when (total_time), how long
 * (length_min). */
static batching_status call(batching_live_engine *engine, const struct input *given) {
    const int64_t ids[] = {given->max_seq_len, given->max_seq_len};
    batching_requests requests = one_request(&given->length_min, &given->total_time);
    switch (given->batch_size) {
    case SUBMIT:
        return batching_live_engine_submit(engine, &requests, ids);
    case SUBMIT_TWICE:
        requests.count = 2;
        requests.prompt_length = requests.output_length = NULL;
        requests.arrival_time = NULL;
        return batching_live_engine_submit(engine, &requests, ids);
    case ADVANCE:
        /* As many iterations as the request's number. */
        return batching_live_engine_advance(engine, given->total_time, given->max_seq_len);
    case ADVANCE_LOGGED:
        return advance_logged(engine, given->total_time, given->length_min);
    case ABORT:
        return batching_live_engine_abort(engine, given->max_seq_len);
    case SET_OUTPUT_LENGTH:
        return batching_live_engine_set_output_length(engine, given->max_seq_len, given->length_min);
    default: {
        double end_time = UNTOUCHED;
        batching_results results;
        batching_results_init(&results, sizeof results);
        results.capacity = 1;
        results.end_time = &end_time;
        requests.prompt_length = NULL;
        return unless_written(batching_live_engine_estimate(engine, &requests, &results), end_time);
    }
    }
}

/* One slot, at 1.5 s of iterations of a second: 0 runs, INT64_MIN waits, and INT64_MAX comes at the end of time. */
static batching_live_engine *three_in_flight(void) {
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.max_num_seqs = 1;
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 1.0;
    batching_live_engine *engine = NULL;
    batching_live_engine_create(&config, &engine);
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = 3;
    requests.output_length = LENGTHS(10, 10, 10);
    requests.arrival_time = DOUBLES(0.0, 1.0, BATCHING_TIME_MAX);
    batching_live_engine_submit(engine, &requests, IDS(0, INT64_MIN, INT64_MAX));
    batching_live_engine_advance(engine, 1.5, 0);
    return engine;
}

/* No request is lost, all can be told, and a copy goes on for some iterations. */
static batching_status look(batching_live_engine *engine) {
    batching_live_engine_state state;
    batching_live_engine_events events;
    batching_live_engine_state_init(&state, sizeof state);
    batching_live_engine_events_init(&events, sizeof events);
    events.capacity = INT64_MAX;
    batching_live_engine *copy = NULL;
    batching_status status = batching_live_engine_observe(engine, &state);
    const double later = state.clock > 9e9 ? BATCHING_TIME_MAX : state.clock + 5.0;
    if (status != BATCHING_OK || (status = batching_live_engine_poll(engine, &events)) != BATCHING_OK ||
        (status = batching_live_engine_fork(engine, &copy)) != BATCHING_OK ||
        (status = batching_live_engine_advance(copy, later, 3)) != BATCHING_OK ||
        (status = batching_live_engine_destroy(copy)) != BATCHING_OK) {
        printf("%s\n", batching_last_error());
        return -1;
    }
    if (state.submitted !=
        state.pending + state.waiting + state.running + state.finished + state.rejected + state.aborted) {
        printf("a request was lost\n");
        return -1;
    }
    if (events.count != state.events || events.remaining != 0) {
        printf("an event was lost\n");
        return -1;
    }
    return BATCHING_OK;
}

/* A call that fails leaves the engine as it was. */
static batching_status run_call(const struct input *given) {
    batching_live_engine *engine = three_in_flight();
    batching_live_engine_state before, after;
    batching_live_engine_state_init(&before, sizeof before);
    batching_live_engine_state_init(&after, sizeof after);
    batching_live_engine_observe(engine, &before);
    batching_status status = call(engine, given);
    batching_live_engine_observe(engine, &after);
    if (status != BATCHING_OK && memcmp(&before, &after, sizeof before) != 0) {
        printf("a call that fails has changed something\n");
        status = -1;
    }
    const batching_status looked = look(engine);
    batching_live_engine_destroy(engine);
    return looked == BATCHING_OK ? status : looked;
}

#define CALL(expected, kind, request, time, value)                                                                     \
    {                                                                                                                  \
#kind " of " #request " at " #time " with " #value, BATCHING_##expected, {                                     \
            .batch_size = (kind), .max_seq_len = (request), .total_time = (time), .length_min = (value)                \
        }                                                                                                              \
    }
#define BAD(kind, request, time, value)  CALL(ERROR_INVALID_ARGUMENT, kind, request, time, value)
#define GOOD(kind, request, time, value) CALL(OK, kind, request, time, value)

static const struct row CALLS[] = {
    GOOD(SUBMIT, INT64_MAX - 1, BATCHING_TIME_MAX, INT32_MAX),
    GOOD(SUBMIT, INT64_MIN + 1, 1.5, 1),
    GOOD(SUBMIT, -1, 1.5 + 1e-10, INT32_MAX),
    BAD(SUBMIT, 0, 2.0, 1),
    BAD(SUBMIT, INT64_MIN, 2.0, 1),
    BAD(SUBMIT, INT64_MAX, 2.0, 1),
    BAD(SUBMIT, 1, NAN, 1),
    BAD(SUBMIT, 1, -NAN, 1),
    BAD(SUBMIT, 1, INFINITY, 1),
    BAD(SUBMIT, 1, -INFINITY, 1),
    BAD(SUBMIT, 1, DBL_MAX, 1),
    BAD(SUBMIT, 1, 9223372037.0, 1),
    BAD(SUBMIT, 1, DBL_TRUE_MIN, 1),
    BAD(SUBMIT, 1, -0.0, 1),
    BAD(SUBMIT, 1, 1.499, 1),
    BAD(SUBMIT, 1, 2.0, 0),
    BAD(SUBMIT, 1, 2.0, INT32_MIN),
    BAD(SUBMIT_TWICE, 1, 0.0, 0),
    BAD(SUBMIT_TWICE, INT64_MIN + 1, 0.0, 0),
    GOOD(ADVANCE, 0, 0.0, 0),
    GOOD(ADVANCE, 0, -0.0, 0),
    GOOD(ADVANCE, 0, DBL_TRUE_MIN, 0),
    GOOD(ADVANCE, INT64_MAX, 21.0, 0),
    GOOD(ADVANCE, INT64_MAX, 9e9, 0),
    GOOD(ADVANCE, 1, INFINITY, 0),
    GOOD(ADVANCE, 1, BATCHING_TIME_MAX, 0),
    BAD(ADVANCE, 0, NAN, 0),
    BAD(ADVANCE, 0, -NAN, 0),
    BAD(ADVANCE, 0, -INFINITY, 0),
    BAD(ADVANCE, 0, -1.0, 0),
    BAD(ADVANCE, 0, -DBL_TRUE_MIN, 0),
    BAD(ADVANCE, 0, DBL_MAX, 0),
    BAD(ADVANCE, 0, 9223372037.0, 0),
    BAD(ADVANCE, -1, 2.0, 0),
    BAD(ADVANCE, INT64_MIN, 2.0, 0),
    GOOD(ADVANCE_LOGGED, 0, 9.0, 0),
    GOOD(ADVANCE_LOGGED, 0, 9e9, 1),
    GOOD(ADVANCE_LOGGED, 0, BATCHING_TIME_MAX, INT32_MAX),
    BAD(ADVANCE_LOGGED, 0, 9.0, -1),
    BAD(ADVANCE_LOGGED, 0, NAN, 0),
    BAD(ADVANCE_LOGGED, 0, -INFINITY, 1),
    BAD(ADVANCE_LOGGED, 0, 9223372037.0, 1),
    GOOD(ABORT, 0, 0.0, 0),
    GOOD(ABORT, INT64_MIN, 0.0, 0),
    GOOD(ABORT, INT64_MAX, 0.0, 0),
    BAD(ABORT, 1, 0.0, 0),
    BAD(ABORT, INT64_MAX - 1, 0.0, 0),
    BAD(ABORT, INT64_MIN + 1, 0.0, 0),
    GOOD(SET_OUTPUT_LENGTH, 0, 0.0, INT32_MAX),
    GOOD(SET_OUTPUT_LENGTH, 0, 0.0, 1),
    GOOD(SET_OUTPUT_LENGTH, INT64_MIN, 0.0, INT32_MAX),
    GOOD(SET_OUTPUT_LENGTH, INT64_MAX, 0.0, INT32_MAX),
    BAD(SET_OUTPUT_LENGTH, 0, 0.0, 0),
    BAD(SET_OUTPUT_LENGTH, 0, 0.0, INT32_MIN),
    BAD(SET_OUTPUT_LENGTH, 1, 0.0, 1),
    GOOD(ESTIMATE, 0, 1.5, 1),
    GOOD(ESTIMATE, 0, 9e9, 1000000),
    GOOD(ESTIMATE, 0, 1e9, 1000000000),
    CALL(ERROR_OVERFLOW, ESTIMATE, 0, BATCHING_TIME_MAX, 1),
    CALL(ERROR_OVERFLOW, ESTIMATE, 0, BATCHING_TIME_MAX - 5.0, INT32_MAX),
    BAD(ESTIMATE, 0, NAN, 1),
    BAD(ESTIMATE, 0, 1.0, 1),
    BAD(ESTIMATE, 0, INFINITY, 1),
    BAD(ESTIMATE, 0, 2.0, 0),
    BAD(ESTIMATE, 0, 2.0, -1),
};

/* Policies that do their worst. */
static int32_t wait_in_vain(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)user_data;
    decision->wait_until = view->time + 1e-9;
    decision->until_change = 1;
    return 0;
}

static int32_t wait_for_ever(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)view;
    decision->wait_until = *(const double *)user_data;
    return 0;
}

static int32_t decide_nothing(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)view, (void)decision, (void)user_data;
    return 0;
}

static int32_t admit_first(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)user_data;
    decision->decode_rest = decision->until_change = 1;
    if (view->running_count == 0) {
        decision->scheduled_count = 1;
        decision->scheduled_row[0] = 0;
        decision->scheduled_tokens[0] =
            (int32_t)(view->prompt_tokens[0] + view->generated_tokens[0] - view->computed_tokens[0]);
    }
    return 0;
}

/* One runs, and is preempted for the next, for ever. */
static int32_t take_turns(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)user_data;
    if (view->running_count > 0) {
        decision->preempted_count = 1;
        decision->preempted_row[0] = 0;
    } else {
        decision->scheduled_count = 1;
        decision->scheduled_row[0] = view->count - 1;
        decision->scheduled_tokens[0] = 1;
    }
    return 0;
}

static int32_t name_too_many(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)view, (void)user_data;
    decision->scheduled_count = INT64_MAX;
    return 0;
}

static int32_t name_too_few(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)view, (void)user_data;
    decision->preempted_count = INT64_MIN;
    return 0;
}

static int32_t name_no_row(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)view, (void)user_data;
    decision->scheduled_count = 1;
    decision->scheduled_row[0] = INT64_MAX;
    return 0;
}

static int32_t lose_the_columns(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    admit_first(view, decision, user_data);
    decision->scheduled_row = decision->preempted_row = NULL;
    decision->scheduled_tokens = NULL;
    decision->capacity = INT64_MIN;
    return 0;
}

static int32_t refuse(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)view, (void)user_data;
    decision->scheduled_count = INT64_MAX;
    return INT32_MIN;
}

/* A live engine with the given settings serves the given requests until nothing is left to do. */
static batching_status run_engine(const struct input *given) {
    batching_engine_config config = given->config;
    config.struct_size = sizeof config;
    batching_live_engine *engine = NULL;
    batching_status status = batching_live_engine_create(&config, &engine);
    if (status != BATCHING_OK) {
        return engine == NULL ? status : -1;
    }
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
    status = batching_live_engine_submit(engine, &requests, NULL);
    if (status == BATCHING_OK) {
        status = batching_live_engine_advance(engine, INFINITY, 0);
    }
    if (status == BATCHING_OK) {
        status = look(engine);
    } else if (config.policy == BATCHING_POLICY_CUSTOM && batching_live_engine_advance(engine, INFINITY, 0) != status) {
        printf("the same answer is no longer refused\n");
        status = -1;
    } else if (status == BATCHING_ERROR_OVERFLOW && batching_live_engine_fork(engine, &engine) != status) {
        printf("it goes on after an overflow\n");
        status = -1;
    }
    batching_live_engine_destroy(engine);
    return status;
}

#define ENGINE(expected, ...)                                                                                          \
    {                                                                                                                  \
#__VA_ARGS__, BATCHING_##expected, {                                                                           \
            .count = 4, .config = {.time_model = BATCHING_TIME_CONSTANT, .time_base = 1e-3}, __VA_ARGS__               \
        }                                                                                                              \
    }
#define INVALID(...) ENGINE(ERROR_INVALID_ARGUMENT, __VA_ARGS__)
#define CUSTOM(callback)                                                                                               \
    .config.policy = BATCHING_POLICY_CUSTOM, .config.policy_callback = (callback), .output_length = LENGTHS(4, 3, 2, 1)
#define WAITING(seconds) CUSTOM(wait_for_ever), .config.policy_user_data = (void *)DOUBLES(seconds)

static const struct row ENGINES[] = {
    ENGINE(OK, .count = 0),
    ENGINE(OK, .prompt_length = LONGEST),
    ENGINE(OK, .prompt_length = LONGEST, .config.max_num_seqs = BATCHING_COUNT_MAX,
           .config.max_num_batched_tokens = BATCHING_COUNT_MAX),
    ENGINE(OK, .prompt_length = LONGEST, .config.max_num_seqs = 1, .config.max_num_batched_tokens = 1 << 20),
    ENGINE(OK, .output_length = MIXED, .config.time_base = 1e-9),
    ENGINE(OK, .output_length = LONGEST, .config.max_model_len = 5),
    ENGINE(OK, .prompt_length = MIXED, .output_length = MIXED, .config.num_gpu_blocks = 2),
    ENGINE(OK, .prompt_length = MIXED, .output_length = MIXED, .config.num_gpu_blocks = 2,
           .config.enable_prefix_caching = 1),
    ENGINE(OK, .prompt_length = LONGEST, .config.num_gpu_blocks = 4, .config.admit_oversized = 1,
           .config.max_num_seqs = 2),
    ENGINE(OK, .output_length = LENGTHS(100, 100, 100, 100), .config.num_gpu_blocks = 2, .config.block_size = 1,
           .config.admit_oversized = 1),
    ENGINE(OK, .arrival_time = DOUBLES(9e9, 0.0, 9e9, BATCHING_TIME_MAX - 1.0)),
    ENGINE(OK, .priority = LENGTHS(INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX),
           .tie_break = IDS(INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX), .config.queue_order = BATCHING_QUEUE_PRIORITY),
    ENGINE(OK, .hash_ids = IDS(INT64_MIN, INT64_MAX, -1, 0), .hash_offsets = IDS(0, 1, 2, 3, 4),
           .prompt_length = LENGTHS(16, 16, INT32_MAX, 1), .config.enable_prefix_caching = 1,
           .config.num_gpu_blocks = 100),
    ENGINE(ERROR_OVERFLOW, .arrival_time = DOUBLES(0.0, 0.0, 0.0, BATCHING_TIME_MAX)),
    ENGINE(ERROR_OVERFLOW, .output_length = LONGEST, .config.time_base = 1e9),
    ENGINE(ERROR_OVERFLOW, .output_length = LONGEST, .config.time_base = BATCHING_TIME_MAX),
    ENGINE(ERROR_OVERFLOW, .config.time_model = BATCHING_TIME_AFFINE, .config.time_per_decode_token = 1.0,
           .output_length = LONGEST, .config.time_per_context_token = BATCHING_TIME_MAX),
    INVALID(.count = -1),
    INVALID(.count = INT64_MIN),
    INVALID(.count = INT64_MAX),
    INVALID(.count = (int64_t)BATCHING_COUNT_MAX + 1),
    INVALID(.prompt_length = LENGTHS(0, 0, 0, -1)),
    INVALID(.output_length = LENGTHS(1, 1, 1, INT32_MIN)),
    INVALID(.arrival_time = DOUBLES(0.0, 0.0, 0.0, NAN)),
    INVALID(.hash_ids = IDS(1), .hash_offsets = IDS(0, 1, 0, 1, 1), .config.enable_prefix_caching = 1,
            .config.num_gpu_blocks = 100),
    INVALID(.hash_ids = IDS(1), .hash_offsets = IDS(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX),
            .config.enable_prefix_caching = 1, .config.num_gpu_blocks = 100),
    INVALID(.hash_ids = IDS(1, 1, 1, 1), .hash_offsets = IDS(0, 1, 2, 3, 4), .hash_block_size = INT32_MIN,
            .config.enable_prefix_caching = 1, .config.num_gpu_blocks = 100),
    INVALID(.hash_ids = IDS(1, 1, 1, 1), .hash_offsets = IDS(0, 1, 2, 3, 4), .hash_covers_output = INT32_MAX,
            .config.enable_prefix_caching = 1, .config.num_gpu_blocks = 100),
    INVALID(.config.policy = INT32_MIN),
    ENGINE(ERROR_NULL_POINTER, .config.policy = BATCHING_POLICY_CUSTOM),
    ENGINE(OK, CUSTOM(wait_in_vain)),
    ENGINE(OK, CUSTOM(wait_in_vain), .arrival_time = DOUBLES(0.0, 1.0, 2.0, 1e6)),
    ENGINE(OK, CUSTOM(wait_in_vain), .config.async_scheduling = 1),
    ENGINE(OK, CUSTOM(decide_nothing), .config.async_scheduling = 1),
    ENGINE(OK, CUSTOM(take_turns), .config.async_scheduling = 1, .config.enable_prefix_caching = 1,
           .config.num_gpu_blocks = 9),
    ENGINE(OK, CUSTOM(decide_nothing)),
    ENGINE(OK, CUSTOM(decide_nothing), .arrival_time = DOUBLES(0.0, 1.0, 2.0, BATCHING_TIME_MAX)),
    ENGINE(OK, CUSTOM(admit_first)),
    ENGINE(OK, CUSTOM(admit_first), .output_length = LENGTHS(4, 3, 2, INT32_MAX),
           .prompt_length = LENGTHS(1, 0, 0, 2000)),
    ENGINE(OK, CUSTOM(take_turns)),
    ENGINE(OK, CUSTOM(take_turns), .prompt_length = LENGTHS(9, 9, INT32_MAX, 9), .config.num_gpu_blocks = 9),
    ENGINE(OK, CUSTOM(lose_the_columns)),
    ENGINE(ERROR_CANCELLED, CUSTOM(refuse)),
    ENGINE(ERROR_OVERFLOW, CUSTOM(admit_first), .arrival_time = DOUBLES(0.0, 1.0, 2.0, BATCHING_TIME_MAX)),
    INVALID(CUSTOM(admit_first), .prompt_length = LONGEST),
    INVALID(CUSTOM(name_too_many)),
    INVALID(CUSTOM(name_too_few)),
    INVALID(CUSTOM(name_no_row)),
    /* A nanosecond is nothing there. */
    INVALID(CUSTOM(wait_in_vain), .arrival_time = DOUBLES(0.0, 1.0, 2.0, BATCHING_TIME_MAX - 1.0)),
    INVALID(WAITING(-1.0)),
    INVALID(WAITING(DBL_TRUE_MIN)),
    INVALID(WAITING(NAN)),
    INVALID(WAITING(INFINITY)),
    INVALID(WAITING(DBL_MAX)),
    INVALID(WAITING(BATCHING_TIME_MAX)),
    INVALID(CUSTOM(admit_first), .config.enable_prefix_caching = 1),
    INVALID(CUSTOM(admit_first), .config.queue_order = BATCHING_QUEUE_PRIORITY),
    INVALID(CUSTOM(admit_first), .config.time_limit = 1.0),
    INVALID(.config.queue_order = INT32_MAX),
    INVALID(.config.max_num_seqs = INT64_MIN),
    INVALID(.config.max_num_seqs = INT64_MAX),
    INVALID(.config.max_num_batched_tokens = INT64_MAX),
    INVALID(.config.num_gpu_blocks = 1),
    INVALID(.config.num_gpu_blocks = INT64_MAX),
    INVALID(.config.block_size = INT32_MAX),
    INVALID(.config.block_size = -1),
    INVALID(.config.watermark = NAN),
    INVALID(.config.watermark = 1.0),
    INVALID(.config.max_queue_delay = INFINITY),
    INVALID(.config.enable_prefix_caching = 1),
    INVALID(.config.async_scheduling = 7),
    INVALID(.config.time_base = NAN),
    INVALID(.config.time_base = -1.0),
    INVALID(.config.time_limit = 1.0),
    INVALID(.config.time_limit = NAN),
    INVALID(.config.iteration_limit = INT64_MAX),
    INVALID(.config.progress_interval = INT64_MIN),
};

static batching_status run_asynchronously(const struct input *given) {
    struct input input = *given;
    if (input.config.policy != BATCHING_POLICY_CUSTOM) {
        input.config.async_scheduling = input.config.async_scheduling == 0 ? 1 : input.config.async_scheduling;
    }
    return run_engine(&input);
}

/* So many requests that the memory that is left does not hold them, and an engine that has some. */
enum { MANY = 1000000 };

static batching_live_engine *engine_of_many(const batching_engine_config *config) {
    batching_live_engine *engine = NULL;
    batching_live_engine_create(config, &engine);
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = MANY;
    return batching_live_engine_submit(engine, &requests, NULL) == BATCHING_OK ? engine : NULL;
}

/* Without memory for the call the engine is as it was, and goes on. */
static batching_status still_works(batching_live_engine *engine, int64_t submitted, batching_status status) {
    batching_live_engine_state state;
    batching_live_engine_state_init(&state, sizeof state);
    if (batching_live_engine_observe(engine, &state) != BATCHING_OK || state.submitted != submitted ||
        batching_live_engine_advance(engine, INFINITY, 2) != BATCHING_OK ||
        batching_live_engine_observe(engine, &state) != BATCHING_OK || state.iterations != (submitted > 0 ? 2 : 0) ||
        batching_live_engine_destroy(engine) != BATCHING_OK) {
        printf("it does not go on: %s\n", batching_last_error());
        return -1;
    }
    return status;
}

static batching_status run_submit_with_little_memory(const struct input *given) {
    batching_live_engine *engine = NULL;
    batching_live_engine_create(NULL, &engine);
    batching_requests requests = one_request(LENGTHS(10), NULL);
    batching_live_engine_submit(engine, &requests, NULL);
    leave_little_memory();
    batching_requests_init(&requests, sizeof requests);
    requests.count = given->count;
    return still_works(engine, 1, batching_live_engine_submit(engine, &requests, NULL));
}

static const struct row TOO_MANY_REQUESTS[] = {
    {"many requests", BATCHING_ERROR_OUT_OF_MEMORY, {.count = MANY}},
    {"the most requests", BATCHING_ERROR_OUT_OF_MEMORY, {.count = BATCHING_COUNT_MAX - 1}},
};

static batching_status run_fork_with_little_memory(const struct input *given) {
    (void)given;
    batching_live_engine *engine = engine_of_many(NULL), *copy = NULL;
    leave_little_memory();
    const batching_status status = batching_live_engine_fork(engine, &copy);
    return copy == NULL ? still_works(engine, MANY, status) : -1;
}

static batching_status run_estimate_with_little_memory(const struct input *given) {
    (void)given;
    batching_live_engine *engine = engine_of_many(NULL);
    leave_little_memory();
    const batching_requests requests = one_request(LENGTHS(10), NULL);
    return still_works(engine, MANY, batching_live_engine_estimate(engine, &requests, NULL));
}

/* The cache of a million blocks takes more than there is: to make, and to copy. */
static batching_status run_cache_with_little_memory(const struct input *given) {
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.enable_prefix_caching = 1;
    config.num_gpu_blocks = 1000000;
    batching_live_engine *engine = NULL, *copy = NULL;
    if (given->count > 0) {
        batching_live_engine_create(&config, &engine);
    }
    leave_little_memory();
    if (engine == NULL) {
        const batching_status status = batching_live_engine_create(&config, &engine);
        return engine == NULL ? status : -1;
    }
    const batching_status status = batching_live_engine_fork(engine, &copy);
    return copy == NULL ? still_works(engine, 0, status) : -1;
}

/* What happens to a million requests at once does not fit. Then it can only be observed, polled and destroyed. */
static batching_status run_advance_with_little_memory(const struct input *given) {
    (void)given;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.policy = BATCHING_POLICY_CONTINUOUS;
    config.max_num_seqs = MANY;
    batching_live_engine *engine = engine_of_many(&config), *copy = NULL;
    leave_little_memory();
    const batching_status status = batching_live_engine_advance(engine, INFINITY, 0);
    batching_live_engine_state state;
    batching_live_engine_events events;
    batching_live_engine_state_init(&state, sizeof state);
    batching_live_engine_events_init(&events, sizeof events);
    events.capacity = 3 * MANY;
    const batching_requests requests = one_request(LENGTHS(1), NULL);
    if (batching_live_engine_advance(engine, 1.0, 0) != status ||
        batching_live_engine_submit(engine, &requests, NULL) != status ||
        batching_live_engine_abort(engine, 0) != status ||
        batching_live_engine_set_output_length(engine, 0, 1) != status ||
        batching_live_engine_estimate(engine, &requests, NULL) != status ||
        batching_live_engine_fork(engine, &copy) != status || copy != NULL ||
        batching_live_engine_observe(engine, &state) != BATCHING_OK ||
        batching_live_engine_poll(engine, &events) != BATCHING_OK ||
        batching_live_engine_destroy(engine) != BATCHING_OK) {
        printf("it is used after it failed\n");
        return -1;
    }
    return status;
}

/* A million requests that a policy has been shown: they cannot be copied, and go on. */
static batching_status run_policy_with_little_memory(const struct input *given) {
    (void)given;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.policy = BATCHING_POLICY_CUSTOM;
    config.policy_callback = admit_first;
    batching_live_engine *engine = engine_of_many(&config), *copy = NULL;
    batching_live_engine_advance(engine, INFINITY, 1);
    leave_little_memory();
    const batching_requests requests = one_request(LENGTHS(10), NULL);
    const batching_status status = batching_live_engine_estimate(engine, &requests, NULL);
    batching_live_engine_state state;
    batching_live_engine_state_init(&state, sizeof state);
    if (batching_live_engine_estimate(engine, &requests, NULL) != status ||
        batching_live_engine_fork(engine, &copy) != status || copy != NULL ||
        batching_live_engine_abort(engine, MANY - 1) != BATCHING_OK ||
        batching_live_engine_set_output_length(engine, MANY - 2, 7) != BATCHING_OK ||
        batching_live_engine_advance(engine, INFINITY, 2) != BATCHING_OK ||
        batching_live_engine_observe(engine, &state) != BATCHING_OK || state.finished != 3 || state.aborted != 1 ||
        batching_live_engine_destroy(engine) != BATCHING_OK) {
        printf("it does not go on: %s\n", batching_last_error());
        return -1;
    }
    return status;
}

static const struct row MEMORY_IS_SHORT[] = {{"a million requests", BATCHING_ERROR_OUT_OF_MEMORY, {.count = 1}}};
static const struct row CACHE_IS_LARGE[] = {
    {"a million blocks to make", BATCHING_ERROR_OUT_OF_MEMORY, {.count = 0}},
    {"a million blocks to copy", BATCHING_ERROR_OUT_OF_MEMORY, {.count = 1}},
};

const struct table LIVE_ENGINE_TABLES[] = {
    {"a call on a live engine", run_call, ROWS(CALLS), false},
    {"a live engine", run_engine, ROWS(ENGINES), false},
    {"a live engine, asynchronously", run_asynchronously, ROWS(ENGINES), false},
    {"engine_submit with little memory", run_submit_with_little_memory, ROWS(TOO_MANY_REQUESTS), true},
    {"engine_fork with little memory", run_fork_with_little_memory, ROWS(MEMORY_IS_SHORT), true},
    {"engine_estimate with little memory", run_estimate_with_little_memory, ROWS(MEMORY_IS_SHORT), true},
    {"engine_advance with little memory", run_advance_with_little_memory, ROWS(MEMORY_IS_SHORT), true},
    {"a policy with little memory", run_policy_with_little_memory, ROWS(MEMORY_IS_SHORT), true},
    {"a cache with little memory", run_cache_with_little_memory, ROWS(CACHE_IS_LARGE), true},
};
const size_t LIVE_ENGINE_TABLE_COUNT = sizeof LIVE_ENGINE_TABLES / sizeof *LIVE_ENGINE_TABLES;
