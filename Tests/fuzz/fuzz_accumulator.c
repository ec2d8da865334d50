/*
 * Fuzzes the accumulator: sequences of events, told to one accumulator, and dealt out to two that are then merged,
 * which have to come to the same bytes; and bytes that were changed, with a checksum that is right, which have to
 * be refused, or to be an accumulator that works.
 */
#include <math.h>

#include "checks.h"

/* slot_count, max_requests and max_gaps stand in the bytes after 24 of a head and the length of a slot. */
enum { MOST_REQUESTS = 8, CHECKSUM_SIZE = 8, SIZES_BEGIN = 32, SIZES_END = 56, NUMBERS_BEGIN = 88 };

struct bytes {
    uint8_t *bytes;
    int64_t size;
};

static struct bytes saved(batching_accumulator *accumulator) {
    struct bytes saved;
    REQUIRE(batching_accumulator_save(accumulator, NULL, 0, &saved.size) == BATCHING_OK);
    saved.bytes = allocate((size_t)saved.size);
    REQUIRE(batching_accumulator_save(accumulator, saved.bytes, saved.size, NULL) == BATCHING_OK);
    return saved;
}

static bool same_bytes(batching_accumulator *one, batching_accumulator *other) {
    struct bytes first = saved(one), second = saved(other);
    bool same = first.size == second.size && memcmp(first.bytes, second.bytes, (size_t)first.size) == 0;
    free(first.bytes);
    free(second.bytes);
    return same;
}

static void require_destroyed(batching_accumulator *accumulator) {
    REQUIRE(batching_accumulator_destroy(accumulator) == BATCHING_OK);
}

static batching_accumulator_config input_config(struct input *input) {
    batching_accumulator_config config;
    REQUIRE(batching_accumulator_config_init(&config, sizeof config) == BATCHING_OK);
    config.window = input_chance(input, 8) ? input_double(input) : 0.01 * (1 + input_byte(input));
    config.slot_count = input_chance(input, 32) ? (int32_t)input_word(input) : 1 + input_byte(input) % 8;
    config.max_requests = input_chance(input, 32) ? (int64_t)input_word(input) % 100000 : MOST_REQUESTS;
    config.max_gaps = input_chance(input, 32) ? (int64_t)input_word(input) % 1000000 : 256;
    config.slo_ttft = input_chance(input, 2) ? input_seconds(input) : 0.0;
    config.slo_tpot = input_chance(input, 2) ? input_seconds(input) : 0.0;
    config.slo_itl = input_chance(input, 2) ? input_seconds(input) : 0.0;
    config.slo_e2e = input_chance(input, 2) ? input_seconds(input) : 0.0;
    return config;
}

/* Every figure of a scope, and that none contradicts another. Returns how many requests ended. */
static int64_t require_metrics(batching_accumulator *accumulator, int32_t scope) {
    const double percentiles[] = {0.0, 50.0, 99.0, 100.0};
    batching_serving_metrics_config options;
    batching_serving_metrics metrics;
    batching_distribution distributions[6];
    double values[6][4];
    REQUIRE(batching_serving_metrics_config_init(&options, sizeof options) == BATCHING_OK);
    REQUIRE(batching_serving_metrics_init(&metrics, sizeof metrics) == BATCHING_OK);
    options.percentiles = percentiles;
    options.percentile_count = 4;
    for (int which = 0; which < 6; which++) {
        REQUIRE(batching_distribution_init(&distributions[which], sizeof *distributions) == BATCHING_OK);
        distributions[which].percentiles = values[which];
    }
    metrics.ttft = &distributions[0];
    metrics.tpot = &distributions[1];
    metrics.itl = &distributions[2];
    metrics.e2e = &distributions[3];
    metrics.queue_time = &distributions[4];
    metrics.normalized_latency = &distributions[5];
    REQUIRE(batching_accumulator_measure(accumulator, scope, &options, &metrics) == BATCHING_OK);
    for (int which = 0; which < 6; which++) {
        const batching_distribution *one = &distributions[which];
        REQUIRE(one->count >= 0 && one->min <= one->max && one->min >= 0.0);
        REQUIRE(one->mean >= one->min && one->mean <= one->max && one->std >= 0.0);
        for (int rank = 0; rank < 4; rank++) {
            REQUIRE(values[which][rank] >= one->min && values[which][rank] <= one->max);
            REQUIRE(rank == 0 || values[which][rank] >= values[which][rank - 1]);
        }
    }
    REQUIRE(distributions[3].count == metrics.completed && distributions[0].count <= metrics.completed);
    REQUIRE(metrics.good <= metrics.completed && metrics.total_output_tokens >= 0 && metrics.duration >= 0.0);
    return metrics.completed + metrics.failed;
}

static void require_sense(batching_accumulator *accumulator) {
    batching_accumulator_state state;
    REQUIRE(batching_accumulator_state_init(&state, sizeof state) == BATCHING_OK);
    REQUIRE(batching_accumulator_observe(accumulator, &state) == BATCHING_OK);
    REQUIRE(state.running >= 0 && state.waiting >= 0 && state.gaps >= 0);
    const int64_t ended = require_metrics(accumulator, BATCHING_ACCUMULATOR_START);
    REQUIRE(state.arrived == ended + state.running + state.waiting);
    REQUIRE(require_metrics(accumulator, BATCHING_ACCUMULATOR_WINDOW) <= ended);
    int64_t needed;
    REQUIRE(batching_accumulator_prometheus(accumulator, "model", "0", 100, NULL, 0, &needed) == BATCHING_OK);
    char *text = allocate((size_t)needed);
    REQUIRE(batching_accumulator_prometheus(accumulator, "model", "0", 100, text, needed, NULL) == BATCHING_OK);
    REQUIRE((int64_t)strlen(text) == needed - 1);
    free(text);
}

struct event {
    int32_t kind;
    int64_t request;
    double time;
    int32_t value;
};

static struct event input_event(struct input *input, double *now) {
    static const int32_t KINDS[] = {BATCHING_ACCUMULATOR_ARRIVED, BATCHING_ACCUMULATOR_STARTED,
                                    BATCHING_ACCUMULATOR_TOKENS,  BATCHING_ACCUMULATOR_TOKENS,
                                    BATCHING_ACCUMULATOR_TOKENS,  BATCHING_ACCUMULATOR_FINISHED,
                                    BATCHING_ACCUMULATOR_FAILED};
    struct event event = {.kind = KINDS[input_byte(input) % 7], .request = input_byte(input) % MOST_REQUESTS};
    *now += 0.001 * input_byte(input);
    event.time = input_chance(input, 16) ? input_double(input) : *now;
    event.value = event.kind <= BATCHING_ACCUMULATOR_TOKENS && event.kind != BATCHING_ACCUMULATOR_STARTED
                      ? input_byte(input) % 4
                      : 0;
    if (input_chance(input, 32)) {
        event.value = (int32_t)input_word(input);
    }
    return event;
}

static batching_status tell(batching_accumulator *accumulator, const struct event *event) {
    switch (event->kind) {
    case BATCHING_ACCUMULATOR_ARRIVED:
        return batching_accumulator_arrived(accumulator, event->request, event->time, event->value);
    case BATCHING_ACCUMULATOR_STARTED:
        return batching_accumulator_started(accumulator, event->request, event->time);
    case BATCHING_ACCUMULATOR_TOKENS:
        return batching_accumulator_tokens(accumulator, event->request, event->time, event->value);
    case BATCHING_ACCUMULATOR_FINISHED:
        return batching_accumulator_finished(accumulator, event->request, event->time, event->value);
    default:
        return batching_accumulator_failed(accumulator, event->request, event->time, event->value);
    }
}

/* In a column of one, which is the same but for what has no value. */
static batching_status tell_in_a_column(batching_accumulator *accumulator, const struct event *event) {
    batching_accumulator_events events;
    REQUIRE(batching_accumulator_events_init(&events, sizeof events) == BATCHING_OK);
    const int32_t value = event->kind == BATCHING_ACCUMULATOR_STARTED ? 0 : event->value;
    int64_t accepted = -7;
    events.count = 1;
    events.event = &event->kind;
    events.request = &event->request;
    events.time = &event->time;
    events.value = &value;
    batching_status status = batching_accumulator_add(accumulator, &events, &accepted);
    REQUIRE(accepted == (status == BATCHING_OK));
    return status;
}

/* From a place on, all that are equal to a number. */
static void move_number(struct bytes bytes, int64_t place, uint64_t number, uint64_t limit) {
    for (; place + 8 <= bytes.size - CHECKSUM_SIZE; place++) {
        if (saved_number(bytes.bytes + place) == number) {
            save_number(bytes.bytes + place, limit);
        }
    }
}

/*
 * Moves numbers next to a limit: one, or all that are equal to it, so that a count that stands in several places is the
 * same in all of them. Half of the times a number is among them that is known to be such a count.
 */
static void move_to_limits(struct input *input, struct bytes bytes, uint64_t preferred) {
    const int64_t places = bytes.size - CHECKSUM_SIZE - 8 - NUMBERS_BEGIN;
    if (input_chance(input, 2)) {
        const uint64_t limit = input_limit_of_numbers(input);
        move_number(bytes, NUMBERS_BEGIN, preferred, limit);
    }
    for (int change = input_byte(input) % 4; change >= 0 && places > 0; change--) {
        int64_t place = NUMBERS_BEGIN + (int64_t)(input_word(input) % (uint64_t)places);
        /* The sums since the start come first, eight bytes each. */
        place = input_chance(input, 3) ? place : place / 8 * 8;
        /* Most of them are 0. */
        while (saved_number(bytes.bytes + place) == 0 && place + 8 < NUMBERS_BEGIN + places) {
            place += 8;
        }
        const uint64_t number = saved_number(bytes.bytes + place), limit = input_limit_of_numbers(input);
        const bool moves_all = number != 0 && number < UINT64_C(1) << 32 && !input_chance(input, 4);
        if (moves_all) {
            move_number(bytes, place, number, limit);
        } else {
            save_number(bytes.bytes + place, limit);
        }
    }
}

/* An accumulator whose sums stand near a limit, if such bytes are one; otherwise NULL. */
static batching_accumulator *near_a_limit(struct input *input, const batching_accumulator_config *config) {
    batching_accumulator *honest = NULL, *made = NULL;
    REQUIRE(batching_accumulator_create(config, &honest) == BATCHING_OK);
    /* Requests that finished, with more gaps than are kept one by one or with fewer, and one in flight. */
    const int requests = input_chance(input, 2) ? 5 : 1, tokens = requests == 5 ? 251 : 3;
    for (int64_t request = 100; request < 100 + requests; request++) {
        succeeded(batching_accumulator_arrived(honest, request, 0.0, 29));
        for (int token = 0; token < tokens; token++) {
            succeeded(batching_accumulator_tokens(honest, request, 0.0, 1));
        }
        const double end = input_chance(input, 2) ? 1.0 : 0.0;
        succeeded(batching_accumulator_finished(honest, request, end, BATCHING_FINISHED_STOP));
    }
    succeeded(batching_accumulator_arrived(honest, 6, 0.0, 17));
    succeeded(batching_accumulator_advance(honest, input_chance(input, 2) ? 1e6 : 1.0));
    const struct bytes bytes = saved(honest);
    /* The gaps between tokens, of which there are as many in the histogram, in the slots and in their bin. */
    move_to_limits(input, bytes, (uint64_t)(requests * (tokens - 1)));
    save_checksum(bytes.bytes, bytes.size);
    if (!succeeded(batching_accumulator_load(bytes.bytes, bytes.size, &made))) {
        REQUIRE(made == NULL);
    }
    free(bytes.bytes);
    require_destroyed(honest);
    return made;
}

static batching_accumulator *copied(batching_accumulator *accumulator) {
    const struct bytes bytes = saved(accumulator);
    batching_accumulator *copy = NULL;
    REQUIRE(batching_accumulator_load(bytes.bytes, bytes.size, &copy) == BATCHING_OK);
    free(bytes.bytes);
    return copy;
}

/* Merged with copies of itself, whose requests are then in flight twice, until a limit is reached. */
static void double_until_it_is_full(batching_accumulator *accumulator) {
    for (int64_t request = 0; request < MOST_REQUESTS; request++) {
        succeeded(batching_accumulator_failed(accumulator, request, BATCHING_TIME_MAX, BATCHING_FAILED_ABORT));
    }
    for (int doubled = 0; doubled < 4; doubled++) {
        batching_accumulator *copy = copied(accumulator);
        const batching_status status = batching_accumulator_merge(accumulator, copy);
        require_metrics(accumulator, BATCHING_ACCUMULATOR_START);
        require_destroyed(copy);
        if (!succeeded(status)) {
            break;
        }
    }
    require_destroyed(copied(accumulator));
}

/* Changes bytes and, mostly, makes the checksum right again. */
static void fuzz_bytes(struct input *input, batching_accumulator *accumulator) {
    struct bytes given = saved(accumulator);
    const int64_t end = given.size - CHECKSUM_SIZE;
    uint8_t sizes[SIZES_END - SIZES_BEGIN];
    memcpy(sizes, given.bytes + SIZES_BEGIN, sizeof sizes);
    for (int change = input_byte(input) % 4; change >= 0; change--) {
        const int64_t place = (int64_t)(input_word(input) % (uint64_t)end);
        given.bytes[place] = input_chance(input, 2) ? input_byte(input) : given.bytes[place] ^ (1 << change);
    }
    if (input_chance(input, 2)) {
        move_to_limits(input, given, 1 + input_byte(input));
    }
    /* With others it would be made, and take what memory there is. */
    memcpy(given.bytes + SIZES_BEGIN, sizes, sizeof sizes);
    const int64_t size =
        input_chance(input, 16) ? (int64_t)(input_word(input) % (uint64_t)(given.size + 1)) : given.size;
    if (!input_chance(input, 16)) {
        save_checksum(given.bytes, given.size);
    }
    /* In memory of exactly this size. */
    uint8_t *bytes = memcpy(allocate((size_t)size), given.bytes, (size_t)size);
    batching_accumulator *made = NULL;
    if (succeeded(batching_accumulator_load(bytes, size, &made))) {
        /* Its sums may be anything, but nothing may come to harm. */
        batching_serving_metrics metrics;
        batching_distribution itl;
        batching_accumulator_state state;
        int64_t needed;
        REQUIRE(batching_serving_metrics_init(&metrics, sizeof metrics) == BATCHING_OK);
        REQUIRE(batching_distribution_init(&itl, sizeof itl) == BATCHING_OK);
        REQUIRE(batching_accumulator_state_init(&state, sizeof state) == BATCHING_OK);
        metrics.itl = &itl;
        REQUIRE(batching_accumulator_measure(made, BATCHING_ACCUMULATOR_START, NULL, &metrics) == BATCHING_OK);
        REQUIRE(batching_accumulator_measure(made, BATCHING_ACCUMULATOR_WINDOW, NULL, &metrics) == BATCHING_OK);
        REQUIRE(batching_accumulator_observe(made, &state) == BATCHING_OK);
        REQUIRE(state.arrived >= state.running + state.waiting);
        REQUIRE(batching_accumulator_prometheus(made, "", "", 0, NULL, 0, &needed) == BATCHING_OK);
        struct bytes again = saved(made);
        batching_accumulator *copy = NULL;
        REQUIRE(batching_accumulator_load(again.bytes, again.size, &copy) == BATCHING_OK);
        REQUIRE(same_bytes(made, copy));
        free(again.bytes);
        succeeded(batching_accumulator_merge(made, accumulator));
        succeeded(batching_accumulator_merge(accumulator, copy));
        for (int64_t request = 0; request < MOST_REQUESTS; request++) {
            succeeded(batching_accumulator_finished(made, request, BATCHING_TIME_MAX, BATCHING_FINISHED_STOP));
        }
        double_until_it_is_full(made);
        require_destroyed(made);
        require_destroyed(copy);
    } else {
        REQUIRE(made == NULL);
    }
    free(bytes);
    free(given.bytes);
}

void fuzz_accumulator(struct input *input) {
    const batching_accumulator_config config = input_config(input);
    batching_accumulator *whole = NULL, *parts[2] = {NULL, NULL};
    batching_accumulator_config *given = input_struct(input, &config, sizeof config);
    if (!succeeded(batching_accumulator_create(given, &whole))) {
        REQUIRE(whole == NULL);
        free(given);
        return;
    }
    batching_accumulator *start = input_chance(input, 2) ? near_a_limit(input, given) : NULL;
    if (start != NULL) {
        require_destroyed(whole);
        whole = start;
        parts[0] = copied(start);
    } else {
        REQUIRE(batching_accumulator_create(given, &parts[0]) == BATCHING_OK);
    }
    REQUIRE(batching_accumulator_create(given, &parts[1]) == BATCHING_OK);
    free(given);
    /* A limit that the whole runs into may be far for its parts: then they are not the same. */
    bool comparable = true;
    double now = input_chance(input, 4) ? input_seconds(input) : 0.0;
    while (input->left > 96) {
        const struct event event = input_event(input, &now);
        const bool looks = input_chance(input, 32);
        struct bytes before = {NULL, 0};
        if (looks) {
            before = saved(whole);
        }
        const batching_status status = tell(whole, &event);
        batching_accumulator *part = parts[event.request % 2];
        if (succeeded(status)) {
            comparable = comparable && tell_in_a_column(part, &event) == BATCHING_OK;
        } else {
            comparable = comparable && status != BATCHING_ERROR_OVERFLOW;
            if (looks) {
                struct bytes after = saved(whole);
                REQUIRE(before.size == after.size && memcmp(before.bytes, after.bytes, (size_t)after.size) == 0);
                free(after.bytes);
            }
            if (comparable && status != BATCHING_ERROR_CAPACITY) {
                REQUIRE(tell_in_a_column(part, &event) != BATCHING_OK || event.kind == BATCHING_ACCUMULATOR_STARTED);
            }
        }
        free(before.bytes);
        if (input_chance(input, 64)) {
            const double later = input_seconds(input);
            succeeded(batching_accumulator_advance(whole, later));
            succeeded(batching_accumulator_advance(parts[0], later));
        }
    }
    require_sense(whole);
    if (comparable) {
        const int first = input_byte(input) % 2;
        const batching_status merged = batching_accumulator_merge(parts[first], parts[1 - first]);
        /* What requests in flight still may, beyond a limit, accumulators that are merged may not. */
        REQUIRE(merged == BATCHING_OK || (start != NULL && merged == BATCHING_ERROR_OVERFLOW));
        REQUIRE(merged != BATCHING_OK || same_bytes(parts[first], whole));
    }
    fuzz_bytes(input, whole);
    require_destroyed(whole);
    require_destroyed(parts[0]);
    require_destroyed(parts[1]);
}
