/* batching_interrupt_set: calls ask after a bounded amount of work, and what they write does not depend on it. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/valgrind.h>

#include "support.h"

struct asked {
    int64_t times;
    int64_t stops_at; /* 0: never */
    batching_live_engine *engine;
    batching_status busy;
};

static int32_t ask(void *user_data) {
    struct asked *asked = user_data;
    asked->times++;
    if (asked->engine != NULL)
        asked->busy = batching_live_engine_abort(asked->engine, 0);
    return asked->times == asked->stops_at;
}

enum { COUNT = 2000000 };

static int32_t lengths[COUNT];
static double first[COUNT], second[COUNT];

static batching_status static_run(double *end_time) {
    batching_requests requests;
    batching_results results;
    batching_requests_init(&requests, sizeof requests);
    batching_results_init(&results, sizeof results);
    requests.count = COUNT;
    requests.output_length = lengths;
    results.capacity = COUNT;
    results.end_time = end_time;
    return batching_static_simulate(&requests, 8, 0.01, &results, NULL);
}

static void bytes_do_not_depend_on_it(void **state) {
    (void)state;
    for (int64_t index = 0; index < COUNT; index++)
        lengths[index] = (int32_t)(1 + index % 97);
    assert_int_equal(static_run(first), BATCHING_OK);
    struct asked asked = {0};
    assert_null(batching_interrupt_set(ask, &asked));
    assert_int_equal(static_run(second), BATCHING_OK);
    /* At least once in 2^17 rows. */
    assert_true(asked.times >= COUNT >> 17);
    assert_true(batching_interrupt_set(NULL, NULL) == ask);
    assert_memory_equal(first, second, sizeof first);
    asked.times = 0;
    assert_int_equal(static_run(second), BATCHING_OK);
    assert_int_equal(asked.times, 0);
}

static void another_answer_than_0_stops_the_call(void **state) {
    (void)state;
    struct asked asked = {.stops_at = 1};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_workload_generate(NULL, COUNT, lengths, lengths, first), BATCHING_ERROR_CANCELLED);
    assert_string_equal(batching_last_error(), "the interrupt callback stopped the call");
    assert_int_equal(asked.times, 1);
    batching_interrupt_set(NULL, NULL);
}

/* One token for each that is there: every row is looked at in every iteration. */
static int32_t one_token_each(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)user_data;
    for (int64_t row = 0; row < view->count; row++) {
        decision->scheduled_row[row] = row;
        decision->scheduled_tokens[row] = 1;
    }
    decision->scheduled_count = view->count;
    return 0;
}

/* A prompt in chunks of one token ahead of many that decode. */
static batching_live_engine *crowd(int64_t count) {
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.max_num_seqs = count + 1;
    config.max_num_batched_tokens = 1 << 30;
    config.policy = BATCHING_POLICY_CUSTOM;
    config.policy_callback = one_token_each;
    batching_live_engine *engine = NULL;
    assert_int_equal(batching_live_engine_create(&config, &engine), BATCHING_OK);
    int32_t *prompt = malloc((size_t)(count + 1) * sizeof *prompt),
            *output = malloc((size_t)(count + 1) * sizeof *output);
    assert_non_null(prompt);
    assert_non_null(output);
    for (int64_t index = 0; index <= count; index++) {
        prompt[index] = index == 0 ? 2000000000 : 1;
        output[index] = 2000000;
    }
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = count + 1;
    requests.prompt_length = prompt;
    requests.output_length = output;
    assert_int_equal(batching_live_engine_submit(engine, &requests, NULL), BATCHING_OK);
    free(prompt);
    free(output);
    return engine;
}

/* One request, and two million bins. */
static void bins_of_a_timeline_are_counted(void **state) {
    (void)state;
    batching_recorded recorded;
    batching_load_timeline timeline;
    batching_recorded_init(&recorded, sizeof recorded);
    batching_load_timeline_init(&timeline, sizeof timeline);
    const double start = 0, end = 1;
    const int32_t length = 1;
    recorded.count = 1;
    recorded.start_time = &start;
    recorded.end_time = &end;
    recorded.output_length = &length;
    timeline.bins = timeline.capacity = COUNT;
    timeline.time = first;
    struct asked asked = {.stops_at = 1};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_load_calculate(&recorded, NULL, NULL, &timeline), BATCHING_ERROR_CANCELLED);
    asked = (struct asked){0};
    assert_int_equal(batching_load_calculate(&recorded, NULL, NULL, &timeline), BATCHING_OK);
    batching_interrupt_set(NULL, NULL);
    assert_true(asked.times >= COUNT >> 20);
    assert_int_equal(timeline.count, COUNT);
}

static void iterations_that_walk_ask_sooner(void **state) {
    (void)state;
    batching_live_engine *engine = crowd(20000);
    struct asked asked = {.stops_at = 10, .engine = engine};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_live_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_CANCELLED);
    batching_interrupt_set(NULL, NULL);
    /* The handle is in use meanwhile. */
    assert_int_equal(asked.busy, BATCHING_ERROR_BUSY);
    batching_live_engine_state told;
    batching_live_engine_state_init(&told, sizeof told);
    assert_int_equal(batching_live_engine_observe(engine, &told), BATCHING_OK);
    /* Iterations that look at no request ask every 8,192 of them. */
    assert_true(told.iterations < 10 * 8192);
    /* It goes on. */
    int64_t before = told.iterations;
    assert_int_equal(batching_live_engine_advance(engine, INFINITY, 100), BATCHING_OK);
    assert_int_equal(batching_live_engine_observe(engine, &told), BATCHING_OK);
    assert_int_equal(told.iterations, before + 100);
    assert_int_equal(batching_live_engine_destroy(engine), BATCHING_OK);
}

/* Twenty thousand wait behind one that runs; four of five were rejected, so that the log of the queue passes over them. */
static batching_live_engine *queue(void) {
    enum { WAITING = 20000 };
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.max_num_seqs = 1;
    config.max_model_len = 1000;
    batching_live_engine *engine = NULL;
    assert_int_equal(batching_live_engine_create(&config, &engine), BATCHING_OK);
    static int32_t prompt[WAITING], output[WAITING];
    for (int64_t index = 0; index < WAITING; index++) {
        prompt[index] = index % 5 == 0 ? 1 : 1000;
        output[index] = 100;
    }
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = WAITING;
    requests.prompt_length = prompt;
    requests.output_length = output;
    assert_int_equal(batching_live_engine_submit(engine, &requests, NULL), BATCHING_OK);
    return engine;
}

static int64_t logged(batching_live_engine *engine, int64_t iterations, batching_status expected) {
    batching_decision_log log;
    batching_decision_log_init(&log, sizeof log);
    log.include_queues = 1;
    assert_int_equal(batching_live_engine_advance_logged(engine, INFINITY, iterations, NULL, &log), expected);
    return log.count;
}

static void a_log_that_is_stopped_goes_on_where_it_was(void **state) {
    (void)state;
    batching_live_engine *engine = queue(), *other = queue();
    const int64_t rows = logged(other, 40, BATCHING_OK);
    struct asked asked = {.stops_at = 1};
    int64_t told = 0, stops = 0, iterations = 0;
    batching_interrupt_set(ask, &asked);
    while (iterations < 40) {
        /* Every time that it is asked it stops. */
        asked.times = 0;
        batching_decision_log log;
        batching_decision_log_init(&log, sizeof log);
        log.include_queues = 1;
        const batching_status status =
            batching_live_engine_advance_logged(engine, INFINITY, 40 - iterations, NULL, &log);
        assert_true(status == BATCHING_OK || status == BATCHING_ERROR_CANCELLED);
        stops += status != BATCHING_OK;
        told += log.count;
        batching_live_engine_state now;
        batching_live_engine_state_init(&now, sizeof now);
        assert_int_equal(batching_live_engine_observe(engine, &now), BATCHING_OK);
        iterations = now.iterations;
    }
    batching_interrupt_set(NULL, NULL);
    assert_true(stops > 0);
    assert_int_equal(told, rows);
    assert_int_equal(batching_live_engine_destroy(engine), BATCHING_OK);
    assert_int_equal(batching_live_engine_destroy(other), BATCHING_OK);
}

static void a_submit_that_is_stopped_takes_nothing(void **state) {
    (void)state;
    batching_live_engine *engine = NULL;
    assert_int_equal(batching_live_engine_create(NULL, &engine), BATCHING_OK);
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = COUNT;
    struct asked asked = {.stops_at = 2};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_live_engine_submit(engine, &requests, NULL), BATCHING_ERROR_CANCELLED);
    batching_interrupt_set(NULL, NULL);
    batching_live_engine_state told;
    batching_live_engine_state_init(&told, sizeof told);
    assert_int_equal(batching_live_engine_observe(engine, &told), BATCHING_OK);
    assert_int_equal(told.submitted, 0);
    assert_int_equal(batching_live_engine_submit(engine, &requests, NULL), BATCHING_OK);
    assert_int_equal(batching_live_engine_observe(engine, &told), BATCHING_OK);
    assert_int_equal(told.submitted, COUNT);
    assert_int_equal(batching_live_engine_destroy(engine), BATCHING_OK);
}

/* All of it happens in one iteration: as many are admitted, and finish. */
static void one_large_iteration_asks_on_its_way(void **state) {
    (void)state;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.max_num_seqs = COUNT;
    config.max_num_batched_tokens = COUNT;
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = COUNT;
    struct asked asked = {0};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_simulate(&config, &requests, NULL, NULL), BATCHING_OK);
    batching_interrupt_set(NULL, NULL);
    /* Each is taken in, admitted, and finishes. */
    assert_true(asked.times >= 3 * (COUNT >> 17));
}

static void add(batching_accumulator *live, const int64_t *request, const double *time, int32_t kind, int64_t count) {
    batching_accumulator_events events;
    batching_accumulator_events_init(&events, sizeof events);
    int32_t *kinds = malloc((size_t)count * sizeof *kinds), *values = malloc((size_t)count * sizeof *values);
    assert_non_null(kinds);
    assert_non_null(values);
    for (int64_t index = 0; index < count; index++) {
        kinds[index] = kind;
        values[index] = 3;
    }
    events.count = count;
    events.request = request;
    events.time = time;
    events.event = kinds;
    events.value = values;
    assert_int_equal(batching_accumulator_add(live, &events, NULL), BATCHING_OK);
    free(kinds);
    free(values);
}

enum { IN_FLIGHT = 140000 };

static batching_accumulator *accumulator_with(int64_t first, int64_t count) {
    batching_accumulator_config config;
    batching_accumulator_config_init(&config, sizeof config);
    config.max_requests = 2 * IN_FLIGHT;
    batching_accumulator *live = NULL;
    assert_int_equal(batching_accumulator_create(&config, &live), BATCHING_OK);
    int64_t *request = malloc((size_t)count * sizeof *request);
    double *time = calloc((size_t)count, sizeof *time);
    assert_non_null(request);
    assert_non_null(time);
    for (int64_t index = 0; index < count; index++) {
        request[index] = first + index;
    }
    add(live, request, time, BATCHING_ACCUMULATOR_ARRIVED, count);
    add(live, request, time, BATCHING_ACCUMULATOR_TOKENS, count);
    add(live, request, time, BATCHING_ACCUMULATOR_TOKENS, count);
    free(request);
    free(time);
    return live;
}

static uint8_t *bytes_of(batching_accumulator *live, int64_t *size) {
    assert_int_equal(batching_accumulator_save(live, NULL, 0, size), BATCHING_OK);
    uint8_t *bytes = malloc((size_t)*size);
    assert_non_null(bytes);
    assert_int_equal(batching_accumulator_save(live, bytes, *size, size), BATCHING_OK);
    return bytes;
}

static void require_same(batching_accumulator *live, const uint8_t *bytes, int64_t size) {
    int64_t now = 0;
    uint8_t *told = bytes_of(live, &now);
    assert_int_equal(now, size);
    assert_memory_equal(told, bytes, (size_t)size);
    free(told);
}

/* Stopped wherever it asks, an accumulator is as before; and in the end it is as if it had never been stopped. */
static void an_accumulator_that_is_stopped_stays_as_it_is(void **state) {
    (void)state;
    batching_accumulator *live = accumulator_with(0, 1000), *other = accumulator_with(1000, IN_FLIGHT);
    batching_accumulator *calm = accumulator_with(0, 1000);
    int64_t before_size = 0, other_size = 0, merged_size = 0;
    uint8_t *before = bytes_of(live, &before_size), *others = bytes_of(other, &other_size);
    assert_int_equal(batching_accumulator_merge(calm, other), BATCHING_OK);
    uint8_t *merged = bytes_of(calm, &merged_size);

    struct asked asked = {.stops_at = 1};
    batching_status status = BATCHING_ERROR_CANCELLED;
    while (true) {
        asked.times = 0;
        batching_interrupt_set(ask, &asked);
        status = batching_accumulator_merge(live, other);
        batching_interrupt_set(NULL, NULL);
        if (status == BATCHING_OK) {
            break;
        }
        assert_int_equal(status, BATCHING_ERROR_CANCELLED);
        require_same(live, before, before_size);
        asked.stops_at++;
    }
    /* It asked while it checked them, and while it took them in. */
    assert_true(asked.stops_at > 2 * (IN_FLIGHT >> 17));
    require_same(live, merged, merged_size);
    require_same(other, others, other_size);

    /* So do the bytes, in both directions. */
    int64_t needed = -7;
    asked = (struct asked){.stops_at = 3};
    batching_interrupt_set(ask, &asked);
    assert_int_equal(batching_accumulator_save(live, NULL, 0, &needed), BATCHING_ERROR_CANCELLED);
    assert_int_equal(needed, -7);
    asked = (struct asked){.stops_at = 3};
    batching_accumulator *loaded = NULL;
    assert_int_equal(batching_accumulator_load(merged, merged_size, &loaded), BATCHING_ERROR_CANCELLED);
    assert_null(loaded);
    batching_interrupt_set(NULL, NULL);
    require_same(live, merged, merged_size);

    free(before);
    free(others);
    free(merged);
    assert_int_equal(batching_accumulator_destroy(live), BATCHING_OK);
    assert_int_equal(batching_accumulator_destroy(other), BATCHING_OK);
    assert_int_equal(batching_accumulator_destroy(calm), BATCHING_OK);
}

/* The same of an engine: what is stopped leaves it as it is, and what was not stopped tells the same. */
static void an_engine_that_is_stopped_stays_as_it_is(void **state) {
    (void)state;
    batching_live_engine *engine = NULL, *copy = NULL;
    assert_int_equal(batching_live_engine_create(NULL, &engine), BATCHING_OK);
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = IN_FLIGHT;
    assert_int_equal(batching_live_engine_submit(engine, &requests, NULL), BATCHING_OK);
    int64_t size = 0, again = -7;
    assert_int_equal(batching_live_engine_save(engine, NULL, 0, &size), BATCHING_OK);
    uint8_t *bytes = malloc((size_t)size), *later = malloc((size_t)size);
    assert_non_null(bytes);
    assert_non_null(later);
    assert_int_equal(batching_live_engine_save(engine, bytes, size, &size), BATCHING_OK);

    struct asked asked;
    for (int64_t stops_at = 1; stops_at <= 6; stops_at++) {
        asked = (struct asked){.stops_at = stops_at};
        batching_interrupt_set(ask, &asked);
        assert_int_equal(batching_live_engine_save(engine, NULL, 0, &again), BATCHING_ERROR_CANCELLED);
        assert_int_equal(again, -7);
        asked.times = 0;
        assert_int_equal(batching_live_engine_fork(engine, &copy), BATCHING_ERROR_CANCELLED);
        assert_null(copy);
        asked.times = 0;
        assert_int_equal(batching_live_engine_load(bytes, size, NULL, &copy), BATCHING_ERROR_CANCELLED);
        assert_null(copy);
        batching_interrupt_set(NULL, NULL);
    }
    assert_int_equal(batching_live_engine_save(engine, later, size, &again), BATCHING_OK);
    assert_int_equal(again, size);
    assert_memory_equal(bytes, later, (size_t)size);
    free(bytes);
    free(later);
    assert_int_equal(batching_live_engine_destroy(engine), BATCHING_OK);
}

/* What each function tells of the same columns, in a struct or a number, and that it is not told if it is stopped. */
enum { ROWS = 300000 };

union told {
    batching_summary summary;
    batching_comparison comparison;
    batching_batch_metrics batch_metrics;
    batching_serving_metrics metrics;
    batching_distribution distribution;
    batching_load load;
    batching_calibration calibration;
    int64_t number;
};

static int32_t output_length[ROWS];
static double arrival[ROWS], ending[ROWS];
static int64_t offsets[ROWS + 1];

static batching_requests rows(void) {
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = ROWS;
    requests.output_length = output_length;
    requests.arrival_time = arrival;
    return requests;
}

static batching_completed completed_rows(void) {
    batching_completed completed;
    batching_completed_init(&completed, sizeof completed);
    completed.count = ROWS;
    completed.arrival_time = completed.start_time = arrival;
    completed.end_time = ending;
    completed.tokens_generated = output_length;
    return completed;
}

static batching_recorded recorded_rows(void) {
    batching_recorded recorded;
    batching_recorded_init(&recorded, sizeof recorded);
    recorded.count = ROWS;
    recorded.arrival_time = recorded.start_time = arrival;
    recorded.first_token_time = recorded.end_time = ending;
    recorded.output_length = output_length;
    return recorded;
}

static batching_status tell_static(union told *told) {
    const batching_requests requests = rows();
    return batching_static_simulate(&requests, 100000, 0.01, NULL, &told->summary);
}

static batching_status tell_continuous(union told *told) {
    const batching_requests requests = rows();
    return batching_continuous_simulate(&requests, ROWS, 0.01, NULL, &told->summary);
}

static batching_status tell_comparison(union told *told) {
    const batching_requests requests = rows();
    return batching_strategies_compare(&requests, 8, 0.01, &told->comparison);
}

static batching_status tell_engine(union told *told) {
    const batching_requests requests = rows();
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.max_num_seqs = config.max_num_batched_tokens = ROWS;
    return batching_simulate(&config, &requests, NULL, &told->summary);
}

/* Few requests, which decode for long after the last of them has come. */
static batching_status tell_fleet(union told *told) {
    const int32_t outputs[] = {4000000, 4000000, 4000000};
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = 3;
    requests.output_length = outputs;
    batching_router_config router;
    batching_router_config_init(&router, sizeof router);
    router.router = BATCHING_ROUTER_LEAST_REQUESTS;
    const int64_t replicas[] = {3};
    batching_fleet_config config;
    batching_fleet_config_init(&config, sizeof config);
    config.router = &router;
    config.pool_count = 1;
    config.replicas = replicas;
    return batching_fleet_simulate(&config, &requests, NULL, NULL, &told->summary);
}

/* The same where they decode apart. */
static batching_status tell_fleet_apart(union told *told) {
    const int32_t outputs[] = {4000000, 4000000, 4000000}, roles[] = {BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE};
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = 3;
    requests.output_length = outputs;
    batching_fleet_config config;
    batching_fleet_config_init(&config, sizeof config);
    config.pool_count = 2;
    config.role = roles;
    return batching_fleet_simulate(&config, &requests, NULL, NULL, &told->summary);
}

/* One iteration of 20 s, in which an autoscaler decides 20,000 times. */
static batching_status tell_fleet_that_scales(union told *told) {
    batching_engine_config engine;
    batching_engine_config_init(&engine, sizeof engine);
    engine.time_model = BATCHING_TIME_CONSTANT;
    engine.time_base = 20;
    const batching_engine_config *const engines[] = {&engine};
    const int64_t replicas[] = {3};
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = 1;
    batching_autoscaler_config autoscaler;
    batching_autoscaler_config_init(&autoscaler, sizeof autoscaler);
    autoscaler.target = 1;
    autoscaler.interval = 0.001;
    batching_fleet_scaling_config scaling;
    batching_fleet_scaling_config_init(&scaling, sizeof scaling);
    scaling.autoscaler = &autoscaler;
    batching_fleet_config config;
    batching_fleet_config_init(&config, sizeof config);
    config.pool_count = 1;
    config.engine = engines;
    config.replicas = replicas;
    config.scaling = &scaling;
    return batching_fleet_simulate(&config, &requests, NULL, NULL, &told->summary);
}

/* A replica that is lost and back, some 15,000 times, until the request comes. */
static batching_status tell_fleet_that_fails(union told *told) {
    const double arrival_time = 30;
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = 1;
    requests.arrival_time = &arrival_time;
    batching_fault_config faults;
    batching_fault_config_init(&faults, sizeof faults);
    faults.mean_up_time = faults.mean_down_time = 0.001;
    batching_fleet_config config;
    batching_fleet_config_init(&config, sizeof config);
    config.pool_count = 1;
    config.faults = &faults;
    return batching_fleet_simulate(&config, &requests, NULL, NULL, &told->summary);
}

static batching_status tell_batch_metrics(union told *told) {
    const batching_completed completed = completed_rows();
    return batching_batch_metrics_calculate(&completed, 1e4, &told->batch_metrics);
}

static batching_status tell_metrics(union told *told) {
    const batching_recorded recorded = recorded_rows();
    return batching_serving_metrics_calculate(&recorded, NULL, &told->metrics);
}

static batching_status tell_distribution(union told *told) {
    return batching_distribution_calculate(ROWS, arrival, NULL, &told->distribution);
}

static batching_status tell_load(union told *told) {
    const batching_recorded recorded = recorded_rows();
    return batching_load_calculate(&recorded, NULL, &told->load, NULL);
}

static batching_status tell_hashes(union told *told) {
    batching_workload workload;
    batching_workload_init(&workload, sizeof workload);
    workload.prefix_groups = 8;
    workload.prefix_length = 32;
    return batching_workload_hashes_generate(&workload, ROWS, offsets, 0, NULL, &told->number);
}

/* A sum over all bytes of a column, which is told if there is one. */
static batching_status tell_sum(batching_status status, const double *column, int64_t count, union told *told) {
    if (status == BATCHING_OK) {
        const unsigned char *bytes = (const unsigned char *)column;
        told->number = 1;
        for (int64_t at = 0; at < count * (int64_t)sizeof *column; at++) {
            told->number = (told->number * 31 + bytes[at]) % 1000000007;
        }
    }
    return status;
}

/* Many iterations, and a table in which each is looked for. */
static batching_status tell_times(union told *told) {
    static int64_t decodes[ROWS], contexts[ROWS];
    static const double places[] = {1, 100, 10000},
                        seconds[] = {0.001, 0.002, 0.004, 0.002, 0.003, 0.005, 0.004, 0.006, 0.009};
    batching_time_table table;
    batching_time_table_init(&table, sizeof table);
    table.decode_sequence_count = table.decode_context_count = 3;
    table.decode_sequences = table.decode_contexts = places;
    table.decode_seconds = seconds;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.time_model = BATCHING_TIME_TABLE;
    config.time_table = &table;
    for (int64_t row = 0; row < ROWS; row++) {
        decodes[row] = 1 + row % 300;
        contexts[row] = decodes[row] + row * 7919 % ROWS;
    }
    batching_iterations iterations;
    batching_iterations_init(&iterations, sizeof iterations);
    iterations.count = ROWS;
    iterations.decode_tokens = decodes;
    iterations.context_tokens = contexts;
    const batching_status status = batching_iteration_times_calculate(&config, &iterations, first);
    return tell_sum(status, first, ROWS, told);
}

/* One iteration, and a table of half a million values that are checked, and copied by a live engine. */
enum { SIDE = 700 };

static batching_status with_a_large_table(union told *told, bool is_live) {
    static double places[SIDE], seconds[SIDE * SIDE];
    for (int row = 0; row < SIDE; row++) {
        places[row] = row + 1;
        for (int column = 0; column < SIDE; column++) {
            seconds[row * SIDE + column] = 1e-6 * (row + column);
        }
    }
    batching_time_table table;
    batching_time_table_init(&table, sizeof table);
    table.prefill_token_count = table.prefill_context_count = SIDE;
    table.prefill_tokens = table.prefill_contexts = places;
    table.prefill_seconds = seconds;
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.time_model = BATCHING_TIME_TABLE;
    config.time_table = &table;
    if (is_live) {
        batching_live_engine *engine = NULL;
        const batching_status status = batching_live_engine_create(&config, &engine);
        if (status != BATCHING_OK) {
            assert_null(engine);
            return status;
        }
        told->number = 1;
        /* Nothing asks on the way out. */
        return batching_live_engine_destroy(engine);
    }
    const int64_t tokens = 100;
    double taken = -7;
    batching_iterations iterations;
    batching_iterations_init(&iterations, sizeof iterations);
    iterations.count = 1;
    iterations.prefill_tokens = &tokens;
    const batching_status status = batching_iteration_times_calculate(&config, &iterations, &taken);
    assert_true(status == BATCHING_OK || taken == -7);
    return tell_sum(status, &taken, 1, told);
}

static batching_status tell_large_table(union told *told) {
    return with_a_large_table(told, false);
}
static batching_status tell_live_engine_with_a_large_table(union told *told) {
    return with_a_large_table(told, true);
}

/* What a server at its limit did to 20,000 requests, whose times are simulated six times. */
static batching_status tell_calibration(union told *told) {
    enum { SERVED = 20000 };
    static double first_token[SERVED], ended[SERVED];
    static bool is_served;
    batching_requests requests = rows();
    requests.count = SERVED;
    requests.arrival_time = NULL;
    batching_results results;
    batching_results_init(&results, sizeof results);
    results.capacity = SERVED;
    results.first_token_time = first_token;
    results.end_time = ended;
    if (!is_served) {
        is_served = true;
        assert_int_equal(batching_simulate(NULL, &requests, &results, NULL), BATCHING_OK);
    }
    batching_recorded recorded;
    batching_calibration_config config;
    batching_recorded_init(&recorded, sizeof recorded);
    batching_calibration_config_init(&config, sizeof config);
    recorded.count = SERVED;
    recorded.first_token_time = first_token;
    recorded.end_time = ended;
    recorded.output_length = output_length;
    config.simulations = 6;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    return batching_iteration_time_calibrate(&config, &requests, &recorded, &told->calibration);
}

/* So many requests as they come and end. */
static batching_live_calibration *live_calibration_made(int64_t count) {
    batching_live_calibration *made = NULL;
    batching_calibration_config config;
    batching_calibration_config_init(&config, sizeof config);
    config.simulations = 3;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    assert_int_equal(batching_live_calibration_create(&config, count, &made), BATCHING_OK);
    for (int64_t row = 0; row < count; row++) {
        assert_int_equal(batching_live_calibration_arrived(made, row, arrival[row], 10, 0, NULL, 0), BATCHING_OK);
        assert_int_equal(batching_live_calibration_first_token(made, row, arrival[row] + 0.1), BATCHING_OK);
        assert_int_equal(
            batching_live_calibration_finished(made, row, ending[row] + 0.001 * (double)(row % 10), output_length[row]),
            BATCHING_OK);
    }
    return made;
}

/* Made once, before any call is stopped. */
static batching_live_calibration *fitted, *large;

static batching_status tell_live_calibration(union told *told) {
    fitted = fitted == NULL ? live_calibration_made(20000) : fitted;
    return batching_live_calibration_fit(fitted, 0, NULL, NULL, &told->calibration);
}

static batching_status tell_live_calibration_copy(union told *told) {
    large = large == NULL ? live_calibration_made(ROWS) : large;
    batching_live_calibration *copy = NULL;
    const batching_status status = batching_live_calibration_fork(large, &copy);
    told->number = copy != NULL;
    batching_live_calibration_destroy(copy);
    return status;
}

static batching_status tell_live_calibration_log(union told *told) {
    batching_live_calibration_log log;
    batching_live_calibration_log_init(&log, sizeof log);
    const batching_status status = batching_live_calibration_log_write(large, &log);
    told->number = log.count;
    return status;
}

static batching_status tell_live_calibration_state(union told *told) {
    batching_live_calibration_state state;
    batching_live_calibration_state_init(&state, sizeof state);
    const batching_status status = batching_live_calibration_observe(large, &state);
    told->number = state.counting;
    return status;
}

/* Notes of 256 KiB, and a table of 10,000 places. */
static batching_status tell_profile(union told *told) {
    enum { NOTES = 1 << 18, PLACES = 10000 };
    static char *json;
    static size_t size;
    if (json == NULL) {
        json = malloc(NOTES + 24 * PLACES + 1000);
        assert_non_null(json);
        size = (size_t)sprintf(json, "{\"format\":\"batching profile\",\"version\":1,\"notes\":{\"a\":\"");
        memset(json + size, 'x', NOTES);
        size += NOTES;
        size += (size_t)sprintf(json + size, "\"},\"iteration_time\":{\"model\":\"table\",\"linear_tokens\":[0");
        for (int place = 1; place < PLACES; place++) {
            size += (size_t)sprintf(json + size, ",%d", place);
        }
        size += (size_t)sprintf(json + size, "],\"linear_seconds\":[1e-50");
        for (int place = 1; place < PLACES; place++) {
            size += (size_t)sprintf(json + size, ",1e-50");
        }
        size += (size_t)sprintf(json + size, "]}}");
    }
    batching_profile *profile = NULL;
    const batching_status status = batching_profile_create(json, (int64_t)size, &profile);
    if (status != BATCHING_OK) {
        assert_null(profile);
        return status;
    }
    told->number = 1;
    return batching_profile_destroy(profile);
}

/* Prompts of as many characters, and hash ids, for every router that compares them: what is told of is its load. */
static batching_status tell_router(union told *told, int32_t rule, bool is_text) {
    static char text[ROWS];
    static uint64_t hash_ids[ROWS];
    batching_router_config config;
    batching_router *router = NULL;
    batching_router_config_init(&config, sizeof config);
    config.router = rule;
    config.workers = 3;
    config.chunk_size = 4;
    config.max_prefix_blocks = 1 << 20;
    assert_int_equal(batching_router_create(&config, &router), BATCHING_OK);
    for (int64_t at = 0; at < ROWS; at++) {
        text[at] = (char)('a' + at * at % 26);
        hash_ids[at] = (uint64_t)(at * 7919 + 1);
    }
    batching_routing_request request;
    batching_routing_request_init(&request, sizeof request);
    request.request = 1;
    request.prompt_length = 16 * ROWS;
    request.hash_ids = is_text ? NULL : hash_ids;
    request.hash_count = is_text ? 0 : ROWS;
    request.text = is_text ? text : NULL;
    request.text_size = is_text ? ROWS : 0;
    int64_t worker = -7, in_flight[3];
    batching_status status = batching_router_route(router, &request, &worker);
    assert_int_equal(batching_router_load(router, in_flight, NULL, NULL), BATCHING_OK);
    assert_int_equal(in_flight[0] + in_flight[1] + in_flight[2], status == BATCHING_OK);
    assert_int_equal(worker == -7, status != BATCHING_OK);
    if (status == BATCHING_OK && !is_text) {
        status = batching_router_stored(router, 1, hash_ids, ROWS, 0);
        status = status == BATCHING_OK ? batching_router_removed(router, 1, hash_ids, ROWS) : status;
    }
    if (status == BATCHING_OK) {
        batching_router *copy = NULL;
        status = batching_router_fork(router, &copy);
        assert_int_equal(copy == NULL, status != BATCHING_OK);
        assert_int_equal(batching_router_destroy(copy), BATCHING_OK);
    }
    if (status == BATCHING_OK) {
        told->number = 1 + worker;
    }
    assert_int_equal(batching_router_destroy(router), BATCHING_OK);
    return status;
}

#define TELL_ROUTER(name, rule, is_text)                                                                               \
    static batching_status tell_##name(union told *told) {                                                             \
        return tell_router(told, BATCHING_ROUTER_##rule, is_text);                                                     \
    }
TELL_ROUTER(dynamo_kv, DYNAMO_KV, false)
TELL_ROUTER(cache_aware, CACHE_AWARE, true)
TELL_ROUTER(prefix_trie, PREFIX_TRIE, true)
TELL_ROUTER(ray_prefix, RAY_PREFIX, true)
TELL_ROUTER(scorers, SCORERS, true)
TELL_ROUTER(aibrix_prefix, AIBRIX_PREFIX, true)

/* While a router looks at a prompt, nothing else can be asked of it. */
static int32_t ask_the_router(void *user_data) {
    int64_t waiting = -7;
    assert_int_equal(batching_router_load(*(batching_router **)user_data, NULL, NULL, &waiting), BATCHING_ERROR_BUSY);
    assert_int_equal(batching_router_destroy(*(batching_router **)user_data), BATCHING_ERROR_BUSY);
    assert_int_equal(waiting, -7);
    return 1;
}

static void a_router_that_is_asked_is_busy(void **state) {
    (void)state;
    static char text[ROWS];
    memset(text, 'x', sizeof text);
    batching_router_config config;
    batching_router *router = NULL;
    batching_router_config_init(&config, sizeof config);
    config.router = BATCHING_ROUTER_CACHE_AWARE;
    config.workers = 2;
    assert_int_equal(batching_router_create(&config, &router), BATCHING_OK);
    batching_routing_request request;
    batching_routing_request_init(&request, sizeof request);
    request.text = text;
    request.text_size = ROWS;
    batching_interrupt_set(ask_the_router, &router);
    assert_int_equal(batching_router_explain(router, &request, NULL, NULL), BATCHING_ERROR_CANCELLED);
    batching_interrupt_set(NULL, NULL);
    assert_int_equal(batching_router_destroy(router), BATCHING_OK);
}

static const struct {
    const char *name;
    batching_status (*init)(void *told, uint32_t size);
    uint32_t size;
    batching_status (*tell)(union told *told);
} TELLERS[] = {
#define TELLER(type, tell)                                                                                             \
    { #tell, (batching_status(*)(void *, uint32_t))type##_init, sizeof(type), tell }
    TELLER(batching_summary, tell_static),
    TELLER(batching_summary, tell_continuous),
    TELLER(batching_comparison, tell_comparison),
    TELLER(batching_summary, tell_engine),
    TELLER(batching_summary, tell_fleet),
    TELLER(batching_summary, tell_fleet_apart),
    TELLER(batching_summary, tell_fleet_that_scales),
    TELLER(batching_summary, tell_fleet_that_fails),
    TELLER(batching_batch_metrics, tell_batch_metrics),
    TELLER(batching_serving_metrics, tell_metrics),
    TELLER(batching_distribution, tell_distribution),
    TELLER(batching_load, tell_load),
    TELLER(batching_calibration, tell_calibration),
    TELLER(batching_calibration, tell_live_calibration),
    {"tell_live_calibration_copy", NULL, sizeof(int64_t), tell_live_calibration_copy},
    {"tell_live_calibration_log", NULL, sizeof(int64_t), tell_live_calibration_log},
    {"tell_live_calibration_state", NULL, sizeof(int64_t), tell_live_calibration_state},
    {"tell_profile", NULL, sizeof(int64_t), tell_profile},
    {"tell_dynamo_kv", NULL, sizeof(int64_t), tell_dynamo_kv},
    {"tell_cache_aware", NULL, sizeof(int64_t), tell_cache_aware},
    {"tell_prefix_trie", NULL, sizeof(int64_t), tell_prefix_trie},
    {"tell_ray_prefix", NULL, sizeof(int64_t), tell_ray_prefix},
    {"tell_scorers", NULL, sizeof(int64_t), tell_scorers},
    {"tell_aibrix_prefix", NULL, sizeof(int64_t), tell_aibrix_prefix},
    {"tell_hashes", NULL, sizeof(int64_t), tell_hashes},
    {"tell_times", NULL, sizeof(int64_t), tell_times},
    {"tell_large_table", NULL, sizeof(int64_t), tell_large_table},
    {"tell_live_engine_with_a_large_table", NULL, sizeof(int64_t), tell_live_engine_with_a_large_table},
};

static union told untold(size_t teller) {
    union told told;
    memset(&told, 0, sizeof told);
    if (TELLERS[teller].init != NULL) {
        assert_int_equal(TELLERS[teller].init(&told, TELLERS[teller].size), BATCHING_OK);
    }
    return told;
}

static void what_is_stopped_anywhere_tells_nothing_and_then_the_same(void **state) {
    (void)state;
    for (int64_t row = 0; row < ROWS; row++) {
        output_length[row] = (int32_t)(1 + row % 97);
        /* In disorder, so that whatever needs an order sorts. */
        arrival[row] = (double)(row * 7919 % ROWS) / 100;
        ending[row] = arrival[row] + 1;
    }
    for (size_t teller = 0; teller < sizeof TELLERS / sizeof *TELLERS; teller++) {
        const union told before = untold(teller);
        union told expected = before, told = before;
        assert_int_equal(TELLERS[teller].tell(&expected), BATCHING_OK);
        struct asked asked = {.stops_at = 1};
        /* At every time that it asks; under valgrind, which takes thirty times as long, at ever fewer. */
        for (;; asked.stops_at += RUNNING_ON_VALGRIND ? 1 + asked.stops_at : 1) {
            asked.times = 0;
            batching_interrupt_set(ask, &asked);
            const batching_status status = TELLERS[teller].tell(&told);
            batching_interrupt_set(NULL, NULL);
            if (status == BATCHING_OK) {
                break;
            }
            assert_int_equal(status, BATCHING_ERROR_CANCELLED);
            assert_memory_equal(&told, &before, sizeof told);
        }
        if (asked.stops_at < 3 || memcmp(&told, &expected, sizeof told) != 0) {
            fail_msg("%s: it asked %lld times, and or told something else then", TELLERS[teller].name,
                     (long long)(asked.stops_at - 1));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_do_not_depend_on_it),
        cmocka_unit_test(another_answer_than_0_stops_the_call),
        cmocka_unit_test(bins_of_a_timeline_are_counted),
        cmocka_unit_test(iterations_that_walk_ask_sooner),
        cmocka_unit_test(a_log_that_is_stopped_goes_on_where_it_was),
        cmocka_unit_test(a_submit_that_is_stopped_takes_nothing),
        cmocka_unit_test(one_large_iteration_asks_on_its_way),
        cmocka_unit_test(an_accumulator_that_is_stopped_stays_as_it_is),
        cmocka_unit_test(an_engine_that_is_stopped_stays_as_it_is),
        cmocka_unit_test(a_router_that_is_asked_is_busy),
        cmocka_unit_test(what_is_stopped_anywhere_tells_nothing_and_then_the_same),
    };
    const int failures = cmocka_run_group_tests(tests, NULL, NULL);
    batching_live_calibration_destroy(fitted);
    batching_live_calibration_destroy(large);
    return failures;
}
