/* Accumulators that are told more and more: see fuzz_complexity.c. */
#include <math.h>

#include "grown.h"

enum { MOST_CALLS = 6, BINS = 33000 };

enum call_kind {
    ARRIVED,
    STARTED,
    TOKENS,
    FINISHED,
    FAILED,
    MANY_TOKENS,
    ADVANCE,
    MEASURE,
    STATE,
    MERGE,
    BYTES,
    PROMETHEUS,
    KINDS,
};

struct call {
    enum call_kind kind;
    struct column request, step;
    uint8_t unit;
};

struct told {
    batching_accumulator *accumulator;
    batching_accumulator_config config;
    int64_t n;
    double clock, units;
};

static double samples(const struct told *told) {
    return fmin(told->units, BINS);
}

static void measure(struct told *told, const struct call *call) {
    const double percentiles[] = {50, 99};
    batching_serving_metrics_config options;
    batching_serving_metrics metrics;
    batching_distribution distribution;
    double values[2];
    REQUIRE(batching_serving_metrics_config_init(&options, sizeof options) == BATCHING_OK);
    REQUIRE(batching_serving_metrics_init(&metrics, sizeof metrics) == BATCHING_OK);
    REQUIRE(batching_distribution_init(&distribution, sizeof distribution) == BATCHING_OK);
    options.percentiles = percentiles;
    options.percentile_count = 2;
    distribution.percentiles = values;
    metrics.itl = &distribution;
    work_begin();
    (void)succeeded(batching_accumulator_measure(
        told->accumulator, call->unit % 2 ? BATCHING_ACCUMULATOR_START : BATCHING_ACCUMULATOR_WINDOW, &options,
        &metrics));
    work_end();
    /* O(slot_count + the bins in use). */
    told->units += 1024 + told->config.slot_count + samples(told);
}

static void pass_on(struct told *told, bool merges) {
    int64_t size = 0;
    REQUIRE(batching_accumulator_save(told->accumulator, NULL, 0, &size) == BATCHING_OK);
    uint8_t *bytes = allocate((size_t)size);
    batching_accumulator *copy = NULL;
    work_begin();
    REQUIRE(batching_accumulator_save(told->accumulator, bytes, size, NULL) == BATCHING_OK);
    REQUIRE(batching_accumulator_load(bytes, size, &copy) == BATCHING_OK);
    work_end();
    if (merges) {
        batching_accumulator *sum = NULL;
        REQUIRE(batching_accumulator_create(&told->config, &sum) == BATCHING_OK);
        work_begin();
        REQUIRE(batching_accumulator_merge(sum, copy) == BATCHING_OK);
        work_end();
        REQUIRE(batching_accumulator_destroy(copy) == BATCHING_OK);
        copy = sum;
    }
    REQUIRE(batching_accumulator_destroy(told->accumulator) == BATCHING_OK);
    told->accumulator = copy;
    told->units += 512 + (double)size / 8;
    free(bytes);
}

static void tell_many(struct told *told, const struct call *call, int64_t round) {
    const int64_t count = round == 0 ? told->n : 1;
    int64_t *requests = allocate((size_t)count * sizeof *requests);
    double *times = allocate((size_t)count * sizeof *times);
    for (int64_t index = 0; index < count; index++) {
        requests[index] = column_at(call->request, index, told->n, 0, INT32_MAX);
        times[index] = told->clock;
    }
    batching_accumulator_events events;
    REQUIRE(batching_accumulator_events_init(&events, sizeof events) == BATCHING_OK);
    events.count = count;
    events.request = requests;
    events.time = times;
    int64_t accepted = 0;
    work_begin();
    (void)succeeded(batching_accumulator_add(told->accumulator, &events, &accepted));
    work_end();
    told->units += 1 + 2 * (double)accepted;
    free(requests);
    free(times);
}

static void do_call(struct told *told, const struct call *call, int64_t round) {
    static const double UNITS[] = {0, 1e-6, 0.001, 0.1, 100};
    static const int SHIFTS[] = {0, 0, 8, 20, 32, 40};
    const int64_t id =
        (int64_t)((uint64_t)column_at(call->request, round, told->n, 0, INT32_MAX) << SHIFTS[call->unit / 8 % 6]);
    const double step = UNITS[call->unit % 5] * (double)column_at(call->step, round, told->n, 0, told->n);
    told->clock = fmin(told->clock + step, 1e9);
    /* Two for the event, and for what it becomes when its request ends; one for each slot that passes. */
    told->units += 2 + fmin(ceil(step / told->config.window * told->config.slot_count), told->config.slot_count);
    batching_accumulator *accumulator = told->accumulator;
    switch (call->kind) {
    case MEASURE:
        measure(told, call);
        return;
    case MERGE:
    case BYTES:
        pass_on(told, call->kind == MERGE);
        return;
    case MANY_TOKENS:
        tell_many(told, call, round);
        return;
    case STATE: {
        batching_accumulator_state state;
        REQUIRE(batching_accumulator_state_init(&state, sizeof state) == BATCHING_OK);
        work_begin();
        REQUIRE(batching_accumulator_observe(accumulator, &state) == BATCHING_OK);
        work_end();
        return;
    }
    case PROMETHEUS: {
        char text[1 << 15];
        int64_t needed = 0;
        work_begin();
        (void)succeeded(
            batching_accumulator_prometheus(accumulator, "model", "0", call->unit, text, sizeof text, &needed));
        work_end();
        told->units += (double)needed;
        return;
    }
    default:
        break;
    }
    work_begin();
    switch (call->kind) {
    case ARRIVED:
        (void)succeeded(batching_accumulator_arrived(accumulator, id, told->clock, call->unit));
        break;
    case STARTED:
        (void)succeeded(batching_accumulator_started(accumulator, id, told->clock));
        break;
    case TOKENS:
        (void)succeeded(batching_accumulator_tokens(accumulator, id, told->clock, call->unit % 3));
        break;
    case FINISHED:
        (void)succeeded(batching_accumulator_finished(accumulator, id, told->clock, BATCHING_FINISHED_STOP));
        break;
    case FAILED:
        (void)succeeded(batching_accumulator_failed(accumulator, id, told->clock, BATCHING_FAILED_ERROR));
        break;
    default:
        (void)succeeded(batching_accumulator_advance(accumulator, told->clock));
    }
    work_end();
}

struct cost grown_accumulator(struct input input, int64_t n) {
    struct told told = {.n = n};
    REQUIRE(batching_accumulator_config_init(&told.config, sizeof told.config) == BATCHING_OK);
    told.config.window = 0.001 * (double)ONE_OF(&input, 60000, 10, 1000000, n);
    told.config.slot_count = (int32_t)ONE_OF(&input, 1, 2, 8, 30);
    told.config.max_requests = ONE_OF(&input, 4096, n, 1 << 20);
    told.config.max_gaps = ONE_OF(&input, 0, n, 1 << 20);
    told.config.slo_itl = 0.001 * (double)ONE_OF(&input, 0, 1);
    struct call calls[MOST_CALLS];
    const int count = 1 + input_byte(&input) % MOST_CALLS;
    const bool repeats_each = ONE_OF(&input, 0, 1);
    for (int call = 0; call < count; call++) {
        calls[call].kind = (enum call_kind)(input_byte(&input) % KINDS);
        calls[call].request = input_column(&input);
        calls[call].step = input_column(&input);
        calls[call].unit = input_byte(&input);
    }
    struct cost cost = {0, 0};
    if (!succeeded(batching_accumulator_create(&told.config, &told.accumulator))) {
        return cost;
    }
    for (int64_t step = 0; step < n * count && told.units < 1e6; step++) {
        do_call(&told, &calls[repeats_each ? step / n : step % count], repeats_each ? step % n : step / count);
    }
    REQUIRE(batching_accumulator_destroy(told.accumulator) == BATCHING_OK);
    cost.units = told.units;
    cost.work = work_taken();
    return cost;
}
