/* The rows of failing_allocations.c for functions with a handle. */
#include "failing_allocations.h"

#include <math.h>

/* --- Accumulator ---------------------------------------------------------------------------------------------------*/

static batching_accumulator_config accumulator_config(void) {
    batching_accumulator_config config;
    must(batching_accumulator_config_init(&config, sizeof config));
    config.window = 10;
    config.slot_count = 4;
    config.max_requests = 64;
    config.slo_ttft = config.slo_e2e = 1;
    return config;
}

static void tell(batching_accumulator *told, int64_t request) {
    double time = 0.25 * (double)request;
    must(batching_accumulator_arrived(told, request, time, 5));
    must(batching_accumulator_started(told, request, time + 0.01));
    must(batching_accumulator_tokens(told, request, time + 0.02, 1));
    must(batching_accumulator_tokens(told, request, time + 0.03, 2));
    if (request % 7 == 3) {
        must(batching_accumulator_failed(told, request, time + 0.04, BATCHING_FAILED_ABORT));
    } else if (request % 7 != 5) {
        must(batching_accumulator_finished(told, request, time + 0.05, BATCHING_FINISHED_STOP));
    }
}

static void make_accumulator(const struct choice *choice) {
    (void)choice;
    batching_accumulator_config config = accumulator_config();
    must(batching_accumulator_create(&config, &accumulator));
    for (int64_t request = 0; request < 100; request++) {
        tell(accumulator, request);
    }
    /* One of each kind is left for the events. */
    must(batching_accumulator_arrived(accumulator, 1000, 25, 5));
    must(batching_accumulator_arrived(accumulator, 1001, 25, 5));
    must(batching_accumulator_started(accumulator, 1001, 25));
}

static void make_two(const struct choice *choice) {
    make_accumulator(choice);
    batching_accumulator_config config = accumulator_config();
    must(batching_accumulator_create(&config, &other));
    for (int64_t request = 200; request < 240; request++) {
        tell(other, request);
    }
}

static batching_status accumulator_create(const struct choice *choice) {
    (void)choice;
    batching_accumulator_config config = accumulator_config();
    return batching_accumulator_create(&config, &outputs.accumulator);
}

static batching_status accumulator_destroy(const struct choice *choice) {
    (void)choice;
    batching_accumulator *destroyed = accumulator;
    accumulator = NULL;
    return batching_accumulator_destroy(destroyed);
}

static batching_status arrived(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_arrived(accumulator, 2000, 30, 7);
}

static batching_status started(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_started(accumulator, 1000, 40);
}

static batching_status tokens(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_tokens(accumulator, 1001, 30, 3);
}

static batching_status finished(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_finished(accumulator, 1001, 50, BATCHING_FINISHED_LENGTH);
}

static batching_status failed(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_failed(accumulator, 1001, 50, BATCHING_FAILED_ERROR);
}

static batching_status add(const struct choice *choice) {
    (void)choice;
    static const int32_t event[] = {BATCHING_ACCUMULATOR_STARTED, BATCHING_ACCUMULATOR_TOKENS,
                                    BATCHING_ACCUMULATOR_FINISHED};
    static const int64_t request[] = {1000, 1000, 1000};
    static const double time[] = {30, 31, 32};
    static const int32_t value[] = {0, 4, BATCHING_FINISHED_STOP};
    batching_accumulator_events events;
    must(batching_accumulator_events_init(&events, sizeof events));
    events.count = 3;
    events.event = event;
    events.request = request;
    events.time = time;
    events.value = value;
    return batching_accumulator_add(accumulator, &events, &outputs.needed);
}

static batching_status accumulator_advance(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_advance(accumulator, 100);
}

static batching_status state_read(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_observe(accumulator, &outputs.accumulator_state);
}

static batching_status measure(const struct choice *choice) {
    batching_serving_metrics_config options = some_options(BATCHING_CONVENTION_VLLM);
    return batching_accumulator_measure(accumulator, choice->kind, &options, &outputs.metrics);
}

static batching_status merge(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_merge(accumulator, other);
}

static batching_status save_accumulator(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_save(accumulator, outputs.bytes, sizeof outputs.bytes, &outputs.needed);
}

static uint8_t saved[sizeof outputs.bytes];
static int64_t saved_size;

static void make_bytes(const struct choice *choice) {
    make_accumulator(choice);
    must(batching_accumulator_save(accumulator, saved, sizeof saved, &saved_size));
}

static batching_status load_accumulator(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_load(saved, saved_size, &outputs.accumulator);
}

static batching_status prometheus(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_prometheus(accumulator, "a model whose name is long, and \"has\" quotes", "0\n", 8192,
                                           (char *)outputs.bytes, sizeof outputs.bytes, &outputs.needed);
}

static batching_status prometheus_size(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_prometheus(accumulator, "m\xc3\xa9", "0", 0, NULL, 0, &outputs.needed);
}

/* The label is not UTF-8. */
static batching_status prometheus_error(const struct choice *choice) {
    (void)choice;
    return batching_accumulator_prometheus(accumulator, "\xff", "0", 0, NULL, 0, &outputs.needed) ==
                   BATCHING_ERROR_INVALID_ARGUMENT
               ? BATCHING_OK
               : BATCHING_ERROR_OVERFLOW;
}

static const struct row accumulator_rows[] = {
    {"batching_accumulator_create", "", NULL, accumulator_create, {0}},
    {"batching_accumulator_destroy", "", make_accumulator, accumulator_destroy, {0}},
    {"batching_accumulator_arrived", "", make_accumulator, arrived, {0}},
    {"batching_accumulator_started", "", make_accumulator, started, {0}},
    {"batching_accumulator_tokens", "", make_accumulator, tokens, {0}},
    {"batching_accumulator_finished", "", make_accumulator, finished, {0}},
    {"batching_accumulator_failed", "", make_accumulator, failed, {0}},
    {"batching_accumulator_add", "", make_accumulator, add, {0}},
    {"batching_accumulator_advance", "", make_accumulator, accumulator_advance, {0}},
    {"batching_accumulator_observe", "", make_accumulator, state_read, {0}},
    {"batching_accumulator_measure", "start", make_accumulator, measure, {.kind = BATCHING_ACCUMULATOR_START}},
    {"batching_accumulator_measure", "window", make_accumulator, measure, {.kind = BATCHING_ACCUMULATOR_WINDOW}},
    {"batching_accumulator_merge", "", make_two, merge, {0}},
    {"batching_accumulator_save", "", make_accumulator, save_accumulator, {0}},
    {"batching_accumulator_load", "", make_bytes, load_accumulator, {0}},
    {"batching_accumulator_prometheus", "", make_accumulator, prometheus, {0}},
    {"batching_accumulator_prometheus", "the size alone", make_accumulator, prometheus_size, {0}},
    {"batching_accumulator_prometheus", "a label that is no UTF-8", make_accumulator, prometheus_error, {0}},
};
const struct table ACCUMULATOR_CALLS = {accumulator_rows, sizeof accumulator_rows / sizeof *accumulator_rows};

/* --- Live engine ---------------------------------------------------------------------------------------------------*/

/* The requests from `first` on; a live engine is told of aborts by batching_live_engine_abort. */
static batching_requests part_of_requests(const struct choice *choice, int64_t first, int64_t count) {
    batching_requests requests = some_requests(choice);
    requests.abort_time = NULL;
    requests.prompt_length += first;
    requests.output_length += first;
    requests.arrival_time += first;
    requests.count = count;
    if (requests.max_tokens != NULL) {
        requests.max_tokens += first;
    }
    if (requests.priority != NULL) {
        requests.priority += first;
        requests.tie_break += first;
    }
    if (requests.hash_ids != NULL) {
        requests.hash_ids += requests.hash_offsets[first];
    }
    return requests;
}

static int64_t ids[REQUESTS];

enum { SUBMITTED = 40 };

/* That asks for attribution in another way. */
static batching_engine_config live_config(const struct choice *choice) {
    batching_engine_config config = some_config(choice);
    config.attribution = NULL;
    config.keep_attribution = choice->attributes;
    return config;
}

/* Some run, some wait, some are to come, and some events were not polled. */
static void make_engine(const struct choice *choice) {
    batching_engine_config config = live_config(choice);
    must(batching_live_engine_create(&config, &engine));
    for (int64_t i = 0; i < REQUESTS; i++) {
        ids[i] = 7 * i;
    }
    batching_requests requests = part_of_requests(choice, 0, SUBMITTED);
    must(batching_live_engine_submit(engine, &requests, ids));
    must(batching_live_engine_advance(engine, 0.06, 0));
}

static batching_status engine_create(const struct choice *choice) {
    batching_engine_config config = live_config(choice);
    return batching_live_engine_create(&config, &outputs.engine);
}

static batching_status engine_destroy(const struct choice *choice) {
    (void)choice;
    batching_live_engine *destroyed = engine;
    engine = NULL;
    return batching_live_engine_destroy(destroyed);
}

static batching_status submit(const struct choice *choice) {
    batching_requests requests = part_of_requests(choice, SUBMITTED, REQUESTS - SUBMITTED);
    static double later[REQUESTS];
    for (int64_t i = 0; i < requests.count; i++) {
        later[i] = 0.07 + requests.arrival_time[i];
    }
    requests.arrival_time = later;
    return batching_live_engine_submit(engine, &requests, ids + SUBMITTED);
}

static void make_full_engine(const struct choice *choice) {
    make_engine(choice);
    must(submit(choice));
}

static batching_status advance(const struct choice *choice) {
    (void)choice;
    return batching_live_engine_advance(engine, INFINITY, 0);
}

static batching_status advance_logged(const struct choice *choice) {
    (void)choice;
    return batching_live_engine_advance_logged(engine, 0.25, 0, &outputs.iteration_log, &outputs.decision_log);
}

static batching_status poll(const struct choice *choice) {
    batching_attribution attribution;
    must(batching_attribution_init(&attribution, sizeof attribution));
    attribution.capacity = ROWS;
    attribution.waiting_for_slot = outputs.seconds[0];
    attribution.waiting_for_memory = outputs.seconds[1];
    attribution.decode = outputs.seconds[2];
    outputs.events.attribution = choice->attributes ? &attribution : NULL;
    const batching_status status = batching_live_engine_poll(engine, &outputs.events);
    outputs.events.attribution = NULL;
    return status;
}

/* One that runs or has run, by the clock; one that waits or is to come, by its index. */
static batching_status abort_one(const struct choice *choice) {
    return batching_live_engine_abort(engine, ids[choice->kind]);
}

static batching_status set_output_length(const struct choice *choice) {
    return batching_live_engine_set_output_length(engine, ids[choice->kind], 60);
}

/* It has as many already. */
static batching_status finish_one(const struct choice *choice) {
    return batching_live_engine_set_output_length(engine, ids[choice->kind], 1);
}

static batching_status observe(const struct choice *choice) {
    (void)choice;
    return batching_live_engine_observe(engine, &outputs.engine_state);
}

static batching_status estimate(const struct choice *choice) {
    batching_requests requests = part_of_requests(choice, 0, 3);
    requests.arrival_time = NULL;
    batching_results results = some_results();
    return batching_live_engine_estimate(engine, &requests, &results);
}

static batching_status fork_engine(const struct choice *choice) {
    (void)choice;
    return batching_live_engine_fork(engine, &outputs.engine);
}

static batching_status save(const struct choice *choice) {
    (void)choice;
    return batching_live_engine_save(engine, outputs.bytes, sizeof outputs.bytes, &outputs.needed);
}

static void make_engine_bytes(const struct choice *choice) {
    make_engine(choice);
    must(batching_live_engine_save(engine, saved, sizeof saved, &saved_size));
}

static batching_status load_engine(const struct choice *choice) {
    batching_engine_config callbacks = some_config(choice);
    return batching_live_engine_load(saved, saved_size, &callbacks, &outputs.engine);
}

#define PLAIN                                                                                                          \
    { .tells_progress = true }
#define ASYNCHRONOUS                                                                                                   \
    { .asynchronous = 1, .short_of_blocks = true, .ends_early = true }
#define CACHED                                                                                                         \
    { .caches_prefixes = 1, .short_of_blocks = true, .unordered = true }
#define BY_PRIORITY                                                                                                    \
    { .queue_order = BATCHING_QUEUE_PRIORITY, .short_of_blocks = true, .unordered = true }
#define CUSTOM                                                                                                         \
    { .policy = BATCHING_POLICY_CUSTOM, .asks_for_time = true, .tells_progress = true }
#define CUSTOM_AHEAD                                                                                                   \
    { .policy = BATCHING_POLICY_CUSTOM, .asynchronous = 1, .caches_prefixes = 1 }
#define DYNAMIC                                                                                                        \
    { .policy = BATCHING_POLICY_DYNAMIC }
#define ORCA                                                                                                           \
    { .policy = BATCHING_POLICY_ORCA, .short_of_blocks = true }
#define ATTRIBUTED                                                                                                     \
    { .asynchronous = 1, .short_of_blocks = true, .attributes = true }

#define FOR_EACH_KIND(function, prepare, call)                                                                         \
    {function, "plain", prepare, call, PLAIN}, {function, "asynchronous", prepare, call, ASYNCHRONOUS},                \
        {function, "prefix caching", prepare, call, CACHED}, {function, "by priority", prepare, call, BY_PRIORITY},    \
        {function, "custom", prepare, call, CUSTOM}, {function, "custom, ahead", prepare, call, CUSTOM_AHEAD},         \
        {function, "dynamic", prepare, call, DYNAMIC}, {function, "orca", prepare, call, ORCA}, {                      \
        function, "attributed", prepare, call, ATTRIBUTED                                                              \
    }

static const struct row live_engine_rows[] = {
    FOR_EACH_KIND("batching_live_engine_create", NULL, engine_create),
    FOR_EACH_KIND("batching_live_engine_destroy", make_engine, engine_destroy),
    FOR_EACH_KIND("batching_live_engine_submit", make_engine, submit),
    FOR_EACH_KIND("batching_live_engine_advance", make_full_engine, advance),
    FOR_EACH_KIND("batching_live_engine_advance_logged", make_full_engine, advance_logged),
    FOR_EACH_KIND("batching_live_engine_poll", make_engine, poll),
    {"batching_live_engine_abort", "one that runs", make_full_engine, abort_one, {.kind = 20}},
    {"batching_live_engine_abort",
     "one that waits",
     make_full_engine,
     abort_one,
     {.kind = 28, .short_of_blocks = true}},
    {"batching_live_engine_abort",
     "by priority",
     make_full_engine,
     abort_one,
     {.kind = 28, .short_of_blocks = true, .queue_order = BATCHING_QUEUE_PRIORITY}},
    {"batching_live_engine_abort", "one to come", make_full_engine, abort_one, {.kind = 300}},
    {"batching_live_engine_abort",
     "attributed, one that waits",
     make_full_engine,
     abort_one,
     {.kind = 28, .short_of_blocks = true, .attributes = true}},
    {"batching_live_engine_abort", "prefix caching", make_full_engine, abort_one, {.kind = 28, .caches_prefixes = 1}},
    {"batching_live_engine_abort",
     "custom",
     make_full_engine,
     abort_one,
     {.kind = 28, .policy = BATCHING_POLICY_CUSTOM}},
    {"batching_live_engine_set_output_length", "one that runs", make_full_engine, set_output_length, {.kind = 20}},
    {"batching_live_engine_set_output_length",
     "one that waits",
     make_full_engine,
     set_output_length,
     {.kind = 28, .short_of_blocks = true}},
    {"batching_live_engine_set_output_length",
     "custom",
     make_full_engine,
     set_output_length,
     {.kind = 28, .policy = BATCHING_POLICY_CUSTOM}},
    {"batching_live_engine_set_output_length", "one that finishes", make_full_engine, finish_one, {.kind = 20}},
    {"batching_live_engine_set_output_length",
     "orca",
     make_full_engine,
     set_output_length,
     {.kind = 20, .policy = BATCHING_POLICY_ORCA}},
    {"batching_live_engine_set_output_length",
     "by output, one that waits",
     make_full_engine,
     set_output_length,
     {.kind = 28, .short_of_blocks = true, .queue_order = BATCHING_QUEUE_SHORTEST_OUTPUT}},
    {"batching_live_engine_set_output_length", "one to come", make_full_engine, set_output_length, {.kind = 300}},
    FOR_EACH_KIND("batching_live_engine_observe", make_engine, observe),
    FOR_EACH_KIND("batching_live_engine_estimate", make_full_engine, estimate),
    FOR_EACH_KIND("batching_live_engine_fork", make_full_engine, fork_engine),
    FOR_EACH_KIND("batching_live_engine_save", make_full_engine, save),
    FOR_EACH_KIND("batching_live_engine_load", make_engine_bytes, load_engine),
};
const struct table LIVE_ENGINE_CALLS = {live_engine_rows, sizeof live_engine_rows / sizeof *live_engine_rows};
