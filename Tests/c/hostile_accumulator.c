/* The worst that can be told to an accumulator; hostile_inputs.c tries it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

/* One event, by the fields of an input: which (batch_size), whose (max_seq_len), when (total_time), what (length_min).
 */
static batching_status tell(batching_accumulator *accumulator, const struct input *given) {
    const int64_t request = given->max_seq_len;
    const double time = given->total_time;
    switch (given->batch_size) {
    case BATCHING_ACCUMULATOR_ARRIVED:
        return batching_accumulator_arrived(accumulator, request, time, given->length_min);
    case BATCHING_ACCUMULATOR_STARTED:
        return batching_accumulator_started(accumulator, request, time);
    case BATCHING_ACCUMULATOR_TOKENS:
        return batching_accumulator_tokens(accumulator, request, time, given->length_min);
    case BATCHING_ACCUMULATOR_FINISHED:
        return batching_accumulator_finished(accumulator, request, time, given->length_min);
    case BATCHING_ACCUMULATOR_FAILED:
        return batching_accumulator_failed(accumulator, request, time, given->length_min);
    default:
        return batching_accumulator_advance(accumulator, time);
    }
}

/* Requests 0 and INT64_MIN are in flight, the first with tokens, both since 0. */
static batching_accumulator *two_in_flight(void) {
    batching_accumulator_config config;
    batching_accumulator_config_init(&config, sizeof config);
    config.max_requests = 3;
    config.max_gaps = 3;
    batching_accumulator *accumulator = NULL;
    batching_accumulator_create(&config, &accumulator);
    batching_accumulator_arrived(accumulator, 0, 0.0, 1);
    batching_accumulator_tokens(accumulator, 0, 0.0, 1);
    batching_accumulator_arrived(accumulator, INT64_MIN, 0.0, INT32_MAX);
    return accumulator;
}

static batching_status look(batching_accumulator *accumulator) {
    batching_serving_metrics metrics;
    batching_distribution itl;
    batching_accumulator_state state;
    int64_t needed;
    batching_serving_metrics_init(&metrics, sizeof metrics);
    batching_distribution_init(&itl, sizeof itl);
    batching_accumulator_state_init(&state, sizeof state);
    metrics.itl = &itl;
    if (batching_accumulator_measure(accumulator, BATCHING_ACCUMULATOR_WINDOW, NULL, &metrics) != BATCHING_OK ||
        batching_accumulator_measure(accumulator, BATCHING_ACCUMULATOR_START, NULL, &metrics) != BATCHING_OK ||
        batching_accumulator_observe(accumulator, &state) != BATCHING_OK ||
        batching_accumulator_save(accumulator, NULL, 0, &needed) != BATCHING_OK ||
        batching_accumulator_prometheus(accumulator, "", "", 1, NULL, 0, &needed) != BATCHING_OK) {
        printf("%s\n", batching_last_error());
        return -1;
    }
    if (state.arrived != metrics.completed + metrics.failed + state.running + state.waiting) {
        printf("a request was lost\n");
        return -1;
    }
    return BATCHING_OK;
}

static batching_status run_event(const struct input *given) {
    batching_accumulator *accumulator = two_in_flight();
    batching_status status = tell(accumulator, given);
    batching_status looked = look(accumulator);
    batching_accumulator_destroy(accumulator);
    return looked == BATCHING_OK ? status : looked;
}

#define EVENT(expected, kind, request, time, value)                                                                    \
    {                                                                                                                  \
#kind " of " #request " at " #time " with " #value, BATCHING_##expected, {                                     \
            .batch_size = (kind), .max_seq_len = (request), .total_time = (time), .length_min = (value)                \
        }                                                                                                              \
    }
#define BAD(kind, request, time, value)  EVENT(ERROR_INVALID_ARGUMENT, BATCHING_ACCUMULATOR_##kind, request, time, value)
#define GOOD(kind, request, time, value) EVENT(OK, BATCHING_ACCUMULATOR_##kind, request, time, value)

static const struct row EVENTS[] = {
    GOOD(ARRIVED, INT64_MAX, BATCHING_TIME_MAX, INT32_MAX),
    GOOD(ARRIVED, -1, -0.0, 0),
    BAD(ARRIVED, 1, NAN, 1),
    BAD(ARRIVED, 1, -NAN, 1),
    BAD(ARRIVED, 1, INFINITY, 1),
    BAD(ARRIVED, 1, -DBL_TRUE_MIN, 1),
    BAD(ARRIVED, 1, 9223372037.0, 1),
    BAD(ARRIVED, 1, DBL_MAX, 1),
    BAD(ARRIVED, 1, 0.0, -1),
    BAD(ARRIVED, 1, 0.0, INT32_MIN),
    BAD(ARRIVED, 0, 0.0, 1),
    BAD(ARRIVED, INT64_MIN, 0.0, 1),
    GOOD(STARTED, INT64_MIN, BATCHING_TIME_MAX, 0),
    BAD(STARTED, 0, 1.0, 0),
    BAD(STARTED, 1, 1.0, 0),
    BAD(STARTED, INT64_MIN, NAN, 0),
    GOOD(TOKENS, 0, BATCHING_TIME_MAX, INT32_MAX - 1),
    GOOD(TOKENS, INT64_MIN, BATCHING_TIME_MAX, INT32_MAX),
    GOOD(TOKENS, INT64_MIN, DBL_TRUE_MIN, 0),
    BAD(TOKENS, 0, 1.0, INT32_MAX),
    BAD(TOKENS, 0, 1.0, -1),
    BAD(TOKENS, 0, -1.0, 1),
    BAD(TOKENS, 0, NAN, 1),
    BAD(TOKENS, 7, 1.0, 1),
    GOOD(FINISHED, 0, BATCHING_TIME_MAX, BATCHING_FINISHED_STOP),
    GOOD(FINISHED, INT64_MIN, BATCHING_TIME_MAX, BATCHING_FINISHED_LENGTH),
    GOOD(FINISHED, INT64_MIN, 0.0, BATCHING_FINISHED_STOP),
    BAD(FINISHED, 0, 1.0, INT32_MIN),
    BAD(FINISHED, 0, 1.0, 1),
    BAD(FINISHED, 7, 1.0, 0),
    BAD(FINISHED, 0, INFINITY, 0),
    GOOD(FAILED, 0, BATCHING_TIME_MAX, BATCHING_FAILED_ABORT),
    GOOD(FAILED, INT64_MIN, 0.0, BATCHING_FAILED_ERROR),
    BAD(FAILED, 0, 1.0, INT32_MAX),
    BAD(FAILED, 7, 1.0, 0),
    BAD(FAILED, 0, -INFINITY, 0),
    EVENT(OK, 0, 0, BATCHING_TIME_MAX, 0),
    EVENT(ERROR_INVALID_ARGUMENT, 0, 0, NAN, 0),
    EVENT(ERROR_INVALID_ARGUMENT, 0, 0, 1e300, 0),
};

/* The settings of an accumulator by the fields of an input; one that is made is used. */
static batching_status run_create(const struct input *given) {
    batching_accumulator_config config;
    batching_accumulator_config_init(&config, sizeof config);
    config.window = given->total_time;
    config.slot_count = given->length_min;
    config.max_requests = given->batch_size;
    config.max_gaps = given->max_seq_len;
    config.slo_ttft = config.slo_tpot = config.slo_itl = config.slo_e2e = given->time_per_token;
    batching_accumulator *accumulator = NULL;
    batching_status status = batching_accumulator_create(&config, &accumulator);
    if (status != BATCHING_OK) {
        return accumulator == NULL ? status : -1;
    }
    for (int64_t request = 0; request < 3; request++) {
        batching_accumulator_arrived(accumulator, request, 0.0, 1);
        batching_accumulator_tokens(accumulator, request, 0.0, 2);
        batching_accumulator_tokens(accumulator, request, BATCHING_TIME_MAX, 2);
        batching_accumulator_finished(accumulator, request, BATCHING_TIME_MAX, BATCHING_FINISHED_STOP);
    }
    status = look(accumulator);
    batching_accumulator_destroy(accumulator);
    return status;
}

#define INVALID BATCHING_ERROR_INVALID_ARGUMENT
static const struct row SETTINGS[] = {
    {"defaults", BATCHING_OK, {.count = 0}},
    {"the longest window", BATCHING_OK, {.total_time = BATCHING_TIME_MAX, .length_min = 1}},
    {"slots of a nanosecond", BATCHING_OK, {.total_time = 3.6e-6, .length_min = 3600}},
    {"one of everything", BATCHING_OK, {.length_min = 1, .batch_size = 1, .max_seq_len = 1}},
    {"the longest objectives", BATCHING_OK, {.time_per_token = BATCHING_TIME_MAX}},
    {"a window of NaN", INVALID, {.total_time = NAN}},
    {"a negative window", INVALID, {.total_time = -1.0}},
    {"an infinite window", INVALID, {.total_time = INFINITY}},
    {"a window without time", INVALID, {.total_time = DBL_TRUE_MIN}},
    {"a negative number of slots", INVALID, {.length_min = -1}},
    {"the most slots", INVALID, {.length_min = INT32_MAX}},
    {"the least slots", INVALID, {.length_min = INT32_MIN}},
    {"negative max_requests", INVALID, {.batch_size = -1}},
    {"the largest max_requests", INVALID, {.batch_size = INT64_MAX}},
    {"the least max_requests", INVALID, {.batch_size = INT64_MIN}},
    {"negative max_gaps", INVALID, {.max_seq_len = -1}},
    {"the largest max_gaps", INVALID, {.max_seq_len = INT64_MAX}},
    {"objectives of NaN", INVALID, {.time_per_token = NAN}},
    {"negative objectives", INVALID, {.time_per_token = -1.0}},
    {"objectives below a nanosecond", INVALID, {.time_per_token = 1e-10}},
};

static batching_status run_create_with_little_memory(const struct input *given) {
    leave_little_memory();
    return run_create(given);
}

static const struct row MEMORY[] = {
    {"many slots", BATCHING_ERROR_OUT_OF_MEMORY, {.length_min = 3600}},
    {"many requests", BATCHING_ERROR_OUT_OF_MEMORY, {.length_min = 1, .batch_size = 1 << 24}},
    {"many gaps", BATCHING_ERROR_OUT_OF_MEMORY, {.length_min = 1, .batch_size = 1, .max_seq_len = 1LL << 31}},
};

/* Bytes of every length and with every byte changed: none of them may be read. */
static batching_status run_bytes(const struct input *given) {
    (void)given;
    batching_accumulator *accumulator = two_in_flight();
    batching_accumulator_finished(accumulator, 0, 1.0, BATCHING_FINISHED_STOP);
    int64_t size = 0;
    batching_accumulator_save(accumulator, NULL, 0, &size);
    uint8_t *bytes = malloc((size_t)size);
    batching_accumulator_save(accumulator, bytes, size, NULL);
    batching_accumulator *made = NULL;
    batching_status status = BATCHING_ERROR_INVALID_ARGUMENT;
    for (int64_t length = 0; length < size && status == BATCHING_ERROR_INVALID_ARGUMENT; length++) {
        uint8_t *shorter = memcpy(malloc((size_t)length + 1), bytes, (size_t)length);
        status = batching_accumulator_load(shorter, length, &made);
        free(shorter);
    }
    for (int64_t place = 0; place < size && status == BATCHING_ERROR_INVALID_ARGUMENT; place++) {
        bytes[place] ^= (uint8_t)(1 + place % 255);
        status = batching_accumulator_load(bytes, size, &made);
        bytes[place] ^= (uint8_t)(1 + place % 255);
    }
    free(bytes);
    batching_accumulator_destroy(accumulator);
    return made == NULL ? status : -1;
}

static const struct row BYTES[] = {{"bytes that were changed", INVALID, {.count = 0}}};

/* Merged with copies of itself until there are too many requests: sums must not run over. */
static batching_status run_doubling(const struct input *given) {
    (void)given;
    batching_accumulator *accumulator = two_in_flight();
    batching_accumulator_tokens(accumulator, INT64_MIN, 0.0, INT32_MAX);
    batching_accumulator_finished(accumulator, INT64_MIN, BATCHING_TIME_MAX, BATCHING_FINISHED_STOP);
    batching_accumulator_finished(accumulator, 0, BATCHING_TIME_MAX, BATCHING_FINISHED_STOP);
    batching_status status = BATCHING_OK;
    for (int doubling = 0; doubling < 64 && status == BATCHING_OK; doubling++) {
        int64_t size = 0;
        batching_accumulator_save(accumulator, NULL, 0, &size);
        uint8_t *bytes = malloc((size_t)size);
        batching_accumulator_save(accumulator, bytes, size, NULL);
        batching_accumulator *copy = NULL;
        batching_accumulator_load(bytes, size, &copy);
        free(bytes);
        status = batching_accumulator_merge(accumulator, copy);
        batching_accumulator_destroy(copy);
    }
    batching_status looked = look(accumulator);
    batching_accumulator_destroy(accumulator);
    return looked == BATCHING_OK ? status : looked;
}

static const struct row DOUBLINGS[] = {{"copies of itself", BATCHING_ERROR_OVERFLOW, {.count = 0}}};

const struct table ACCUMULATOR_TABLES[] = {
    {"an event of an accumulator", run_event, ROWS(EVENTS), false},
    {"accumulator_create", run_create, ROWS(SETTINGS), false},
    {"accumulator_create with little memory", run_create_with_little_memory, ROWS(MEMORY), true},
    {"accumulator_load", run_bytes, ROWS(BYTES), false},
    {"accumulator_merge", run_doubling, ROWS(DOUBLINGS), false},
};
const size_t ACCUMULATOR_TABLE_COUNT = sizeof ACCUMULATOR_TABLES / sizeof *ACCUMULATOR_TABLES;
