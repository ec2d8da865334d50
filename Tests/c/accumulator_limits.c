/*
 * The accumulator at its limits: reached by honest events and by merging with copies of itself, and by bytes made
 * by hand. Beyond a limit is BATCHING_ERROR_OVERFLOW, and the accumulator stays as it was.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "support.h"

struct bytes {
    uint8_t *bytes;
    int64_t size;
};

static struct bytes saved(batching_accumulator *accumulator) {
    struct bytes saved;
    assert_succeeds(batching_accumulator_save(accumulator, NULL, 0, &saved.size));
    saved.bytes = malloc((size_t)saved.size);
    assert_succeeds(batching_accumulator_save(accumulator, saved.bytes, saved.size, NULL));
    return saved;
}

static batching_accumulator *copied(batching_accumulator *accumulator) {
    const struct bytes bytes = saved(accumulator);
    batching_accumulator *copy = NULL;
    assert_succeeds(batching_accumulator_load(bytes.bytes, bytes.size, &copy));
    free(bytes.bytes);
    return copy;
}

static void destroy(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_destroy(accumulator));
}

static batching_accumulator *created(void) {
    INITIALIZED(batching_accumulator_config, config);
    config.slot_count = 2;
    config.max_requests = 4;
    config.max_gaps = 8;
    batching_accumulator *accumulator = NULL;
    assert_succeeds(batching_accumulator_create(&config, &accumulator));
    return accumulator;
}

static void require_same(batching_accumulator *accumulator, struct bytes before) {
    const struct bytes after = saved(accumulator);
    assert_int_equal(after.size, before.size);
    assert_memory_equal(after.bytes, before.bytes, (size_t)before.size);
    free(after.bytes);
}

/* Every query, of which none fails. */
static batching_serving_metrics looked_at(batching_accumulator *accumulator) {
    INITIALIZED(batching_serving_metrics, metrics);
    batching_distribution distributions[6];
    for (int which = 0; which < 6; which++) {
        assert_succeeds(batching_distribution_init(&distributions[which], sizeof *distributions));
    }
    metrics.ttft = &distributions[0];
    metrics.tpot = &distributions[1];
    metrics.itl = &distributions[2];
    metrics.e2e = &distributions[3];
    metrics.queue_time = &distributions[4];
    metrics.normalized_latency = &distributions[5];
    assert_succeeds(batching_accumulator_measure(accumulator, BATCHING_ACCUMULATOR_WINDOW, NULL, &metrics));
    assert_succeeds(batching_accumulator_measure(accumulator, BATCHING_ACCUMULATOR_START, NULL, &metrics));
    for (int which = 0; which < 6; which++) {
        assert_true(distributions[which].count >= 0 && distributions[which].std >= 0);
    }
    int64_t needed;
    assert_succeeds(batching_accumulator_prometheus(accumulator, "m", "0", 0, NULL, 0, &needed));
    return metrics;
}

/* Adds copies of itself until it overflows. Returns how often it doubled; nothing has changed by the last attempt. */
static int doublings(batching_accumulator *accumulator) {
    for (int doubled = 0; doubled < 70; doubled++) {
        batching_accumulator *copy = copied(accumulator);
        const struct bytes before = saved(accumulator);
        const batching_status status = batching_accumulator_merge(accumulator, copy);
        destroy(copy);
        if (status != BATCHING_OK) {
            assert_string_equal(batching_status_name(status), "BATCHING_ERROR_OVERFLOW");
            require_same(accumulator, before);
            free(before.bytes);
            return doubled;
        }
        free(before.bytes);
    }
    return 70;
}

enum { PROMPT = 1 << 30, LATER = 1000 };

/* Each is one request, which ends; then as many doublings as its limit allows. */
static void prompt_tokens(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, PROMPT));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, 0.0, 1));
    assert_succeeds(batching_accumulator_failed(accumulator, 1, 0.0, BATCHING_FAILED_ERROR));
}

static void prompt_tokens_without_a_first_token(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, PROMPT));
    assert_succeeds(batching_accumulator_finished(accumulator, 1, 0.0, BATCHING_FINISHED_STOP));
    assert_succeeds(batching_accumulator_advance(accumulator, LATER));
}

static void generated_tokens(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, 0));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, 0.0, PROMPT));
    assert_succeeds(batching_accumulator_failed(accumulator, 1, 0.0, BATCHING_FAILED_ERROR));
}

static void tokens_of_both_kinds(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, PROMPT));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, 0.0, PROMPT));
    assert_succeeds(batching_accumulator_finished(accumulator, 1, 0.0, BATCHING_FINISHED_STOP));
    assert_succeeds(batching_accumulator_advance(accumulator, LATER));
}

static void requests(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, 0));
    assert_succeeds(batching_accumulator_failed(accumulator, 1, 0.0, BATCHING_FAILED_ABORT));
}

static void samples_of_a_slot(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, 0));
    assert_succeeds(batching_accumulator_finished(accumulator, 1, BATCHING_TIME_MAX, BATCHING_FINISHED_STOP));
}

static void the_longest_times(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, 1));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, 0.0, 1));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, BATCHING_TIME_MAX / 2, 1));
    assert_succeeds(batching_accumulator_finished(accumulator, 1, BATCHING_TIME_MAX / 2, BATCHING_FINISHED_LENGTH));
    assert_succeeds(batching_accumulator_advance(accumulator, BATCHING_TIME_MAX));
}

static const struct limit {
    const char *name;
    void (*tell)(batching_accumulator *accumulator);
    /* 2^62 tokens from 2^30; 2^40 requests; 4294967295 samples, which 2^32 is beyond. */
    int doublings;
} LIMITS[] = {
    {"prompt tokens", prompt_tokens, 32},
    {"prompt tokens without a first token", prompt_tokens_without_a_first_token, 32},
    {"generated tokens", generated_tokens, 32},
    {"tokens of both kinds", tokens_of_both_kinds, 32},
    {"requests", requests, 40},
    {"samples of a slot", samples_of_a_slot, 31},
    {"the longest times", the_longest_times, 40},
};
enum { LIMIT_COUNT = sizeof LIMITS / sizeof *LIMITS };

static void beyond_a_limit_is_an_overflow_and_changes_nothing(void **state) {
    (void)state;
    for (int limit = 0; limit < LIMIT_COUNT; limit++) {
        batching_accumulator *accumulator = created();
        LIMITS[limit].tell(accumulator);
        const int doubled = doublings(accumulator);
        if (doubled != LIMITS[limit].doublings) {
            fail_msg("%s: %d doublings", LIMITS[limit].name, doubled);
        }
        const batching_serving_metrics metrics = looked_at(accumulator);
        assert_int_equal(metrics.completed + metrics.failed, INT64_C(1) << doubled);
        destroy(accumulator);
    }
}

static void totals_at_the_limit_are_right(void **state) {
    (void)state;
    batching_accumulator *accumulator = created();
    tokens_of_both_kinds(accumulator);
    assert_int_equal(doublings(accumulator), 32);
    const batching_serving_metrics metrics = looked_at(accumulator);
    assert_int_equal(metrics.total_input_tokens, INT64_C(1) << 62);
    assert_int_equal(metrics.total_output_tokens, INT64_C(1) << 62);
    /* Their sum is 2^63, which no int64_t holds. */
    assert_double_equal(metrics.total_token_throughput, 0x1p63 / LATER);
    /* No request is taken at the limit. */
    assert_fails(batching_accumulator_arrived(accumulator, 2, LATER, 0), BATCHING_ERROR_OVERFLOW, "2^62 tokens");
    destroy(accumulator);
}

static void a_deviation_of_samples_at_the_limit_is_exact(void **state) {
    (void)state;
    batching_accumulator *accumulator = created();
    the_longest_times(accumulator);
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, 1));
    assert_succeeds(batching_accumulator_finished(accumulator, 1, 0.0, BATCHING_FINISHED_STOP));
    (void)doublings(accumulator);
    INITIALIZED(batching_serving_metrics, metrics);
    INITIALIZED(batching_distribution, e2e);
    metrics.e2e = &e2e;
    assert_succeeds(batching_accumulator_measure(accumulator, BATCHING_ACCUMULATOR_START, NULL, &metrics));
    /* Half of the requests took BATCHING_TIME_MAX / 2, half nothing: mean and deviation are a quarter. */
    assert_double_equal(e2e.mean, BATCHING_TIME_MAX / 4);
    assert_double_equal(e2e.std, BATCHING_TIME_MAX / 4);
    destroy(accumulator);
}

/* --- One below each limit -------------------------------------------------------------------------------------------
 */

/* As many copies of one as a limit takes, less one: it is merged into the sum, then doubled. */
static batching_accumulator *one_below(const struct limit *limit) {
    batching_accumulator *sum = created(), *doubled = created();
    limit->tell(sum);
    limit->tell(doubled);
    for (int doubling = 1; doubling < limit->doublings; doubling++) {
        batching_accumulator *copy = copied(doubled);
        assert_succeeds(batching_accumulator_merge(doubled, copy));
        assert_succeeds(batching_accumulator_merge(sum, doubled));
        destroy(copy);
    }
    destroy(doubled);
    return sum;
}

/* The last one is taken, the next is an overflow, and then everything else goes on. */
static void one_below_each_limit_everything_works(void **state) {
    (void)state;
    for (int limit = 0; limit < LIMIT_COUNT; limit++) {
        batching_accumulator *accumulator = one_below(&LIMITS[limit]), *one = created();
        LIMITS[limit].tell(one);
        const int64_t copies = (INT64_C(1) << LIMITS[limit].doublings) - 1;
        batching_serving_metrics metrics = looked_at(accumulator);
        assert_int_equal(metrics.completed + metrics.failed, copies);
        assert_succeeds(batching_accumulator_merge(accumulator, one));
        const batching_status status = batching_accumulator_merge(accumulator, one);
        if (LIMITS[limit].tell == samples_of_a_slot) {
            /* A slot has room for 2^32 - 1 samples, and now has 2^31 + 1. */
            assert_succeeds(status);
        } else {
            const struct bytes before = saved(accumulator);
            assert_fails(status, BATCHING_ERROR_OVERFLOW, "2^40 requests");
            assert_fails(batching_accumulator_arrived(accumulator, 2, 0.0, 1), BATCHING_ERROR_OVERFLOW, "2^62 tokens");
            require_same(accumulator, before);
            free(before.bytes);
        }
        assert_succeeds(batching_accumulator_advance(accumulator, BATCHING_TIME_MAX));
        (void)looked_at(accumulator);
        batching_accumulator *copy = copied(accumulator);
        destroy(copy);
        destroy(one);
        destroy(accumulator);
    }
}

/* --- Bytes made by hand ------------------------------------------------------------------------------------------ */

enum { CHECKSUM_SIZE = 8, CONFIG_END = 24 + 64 };

static void put(uint8_t *bytes, uint64_t value, int size) {
    for (int byte = 0; byte < size; byte++) {
        bytes[byte] = (uint8_t)(value >> (8 * byte));
    }
}

/* FNV-1a. */
static void put_checksum(struct bytes bytes) {
    uint64_t checksum = UINT64_C(0xcbf29ce484222325);
    for (int64_t index = 0; index < bytes.size - CHECKSUM_SIZE; index++) {
        checksum = (checksum ^ bytes.bytes[index]) * UINT64_C(0x100000001b3);
    }
    put(bytes.bytes + bytes.size - CHECKSUM_SIZE, checksum, 8);
}

static const uint64_t NEAR_LIMITS[] = {
    UINT64_C(1) << 31,       UINT64_C(1) << 32,       (UINT64_C(1) << 40) - 1, UINT64_C(1) << 40, UINT64_C(1) << 62,
    (UINT64_C(1) << 62) + 1, (UINT64_C(1) << 63) - 1, UINT64_C(1) << 63,       UINT64_MAX,        0,
    0x43dfffffffffffff,      0x43e0000000000000,
};
enum { NEAR_COUNT = sizeof NEAR_LIMITS / sizeof *NEAR_LIMITS };

/* Whatever it holds, every call returns, and nothing passes a limit unnoticed. */
static void use(batching_accumulator *accumulator) {
    (void)looked_at(accumulator);
    batching_accumulator *copy = copied(accumulator);
    for (int64_t request = 3; request < 5; request++) {
        (void)batching_accumulator_tokens(accumulator, request, BATCHING_TIME_MAX, INT32_MAX);
        (void)batching_accumulator_finished(accumulator, request, BATCHING_TIME_MAX, BATCHING_FINISHED_STOP);
        (void)batching_accumulator_failed(copy, request, BATCHING_TIME_MAX, BATCHING_FAILED_ERROR);
    }
    (void)batching_accumulator_arrived(accumulator, 9, 0.0, INT32_MAX);
    (void)batching_accumulator_merge(accumulator, copy);
    (void)batching_accumulator_merge(copy, accumulator);
    (void)looked_at(copy);
    (void)looked_at(accumulator);
    destroy(copy);
}

static void bytes_near_every_limit_are_refused_or_work(void **state) {
    (void)state;
    batching_accumulator *accumulator = created();
    tokens_of_both_kinds(accumulator);
    samples_of_a_slot(accumulator);
    assert_succeeds(batching_accumulator_arrived(accumulator, 3, 0.0, 5));
    assert_succeeds(batching_accumulator_tokens(accumulator, 3, 1.0, 2));
    assert_succeeds(batching_accumulator_tokens(accumulator, 3, 3.0, 2));
    assert_succeeds(batching_accumulator_arrived(accumulator, 4, 0.0, 5));
    const struct bytes given = saved(accumulator);
    int made = 0;
    for (int64_t place = CONFIG_END; place + 8 <= given.size - CHECKSUM_SIZE; place += 8) {
        for (int near = 0; near < NEAR_COUNT; near++) {
            struct bytes changed = {malloc((size_t)given.size), given.size};
            memcpy(changed.bytes, given.bytes, (size_t)given.size);
            put(changed.bytes + place, NEAR_LIMITS[near], 8);
            put_checksum(changed);
            batching_accumulator *hostile = NULL;
            if (batching_accumulator_load(changed.bytes, changed.size, &hostile) == BATCHING_OK) {
                made++;
                use(hostile);
                destroy(hostile);
            }
            free(changed.bytes);
        }
    }
    assert_true(made > 0);
    free(given.bytes);
    destroy(accumulator);
}

/* The counters of a slot of the window have 32 bits: 2^33 samples in one bin are none of ours. */
static void a_slot_of_more_samples_than_it_counts_is_refused(void **state) {
    (void)state;
    batching_accumulator *accumulator = created();
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, 0));
    assert_succeeds(batching_accumulator_finished(accumulator, 1, 0.0, BATCHING_FINISHED_STOP));
    assert_int_equal(doublings(accumulator), 31);
    const struct bytes given = saved(accumulator);
    const uint64_t samples = UINT64_C(1) << 31;
    for (int64_t place = CONFIG_END; place + 8 <= given.size - CHECKSUM_SIZE; place++) {
        uint64_t value = 0;
        for (int byte = 7; byte >= 0; byte--) {
            value = value << 8 | given.bytes[place + byte];
        }
        if (value == samples) {
            put(given.bytes + place, UINT64_C(1) << 33, 8);
            place += 7;
        }
    }
    put_checksum(given);
    batching_accumulator *made = NULL;
    assert_fails(batching_accumulator_load(given.bytes, given.size, &made), BATCHING_ERROR_INVALID_ARGUMENT,
                 "out of its range");
    free(given.bytes);
    destroy(accumulator);
}

static uint64_t at(struct bytes bytes, int64_t place) {
    uint64_t value = 0;
    for (int byte = 7; byte >= 0; byte--) {
        value = value << 8 | bytes.bytes[place + byte];
    }
    return value;
}

/* Where a value stands for the `nth` time, from 0 on. */
static int64_t place_of(struct bytes bytes, uint64_t value, int nth) {
    for (int64_t place = CONFIG_END; place + 8 <= bytes.size - CHECKSUM_SIZE; place++) {
        if (at(bytes, place) == value && nth-- == 0) {
            return place;
        }
    }
    fail_msg("%llu is not there", (unsigned long long)value);
    return 0;
}

/* What may be summed up in all: beyond 2^62 come the tokens of requests that were in flight then. */
#define MOST_SAMPLES ((UINT64_C(1) << 62) + (UINT64_C(1) << 56))

enum { GAPS = 1 << 12, PROMPT_TOKENS = 29, TOKENS_PLACE = CONFIG_END + 32 };

/* A request with so many gaps of 0 between tokens, which finished before the window: the sums of its gaps are 0, so
 * that any number of gaps agrees with them. */
static batching_accumulator *many_gaps(void) {
    INITIALIZED(batching_accumulator_config, config);
    config.slot_count = 2;
    config.max_requests = 4;
    config.max_gaps = GAPS;
    batching_accumulator *accumulator = NULL;
    assert_succeeds(batching_accumulator_create(&config, &accumulator));
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, PROMPT_TOKENS));
    for (int token = 0; token <= GAPS; token++) {
        assert_succeeds(batching_accumulator_tokens(accumulator, 1, 0.0, 1));
    }
    assert_succeeds(batching_accumulator_finished(accumulator, 1, 0.0, BATCHING_FINISHED_STOP));
    assert_succeeds(batching_accumulator_advance(accumulator, LATER));
    return accumulator;
}

/* The gaps are counted in the histogram since the start, and, of what finished, in a slot and in a bin of it. More in
 * the slot than in the histogram escaped what merging checks: their number wrapped, and samples went before the memory.
 */
static void gaps_of_slots_are_among_all_gaps(void **state) {
    (void)state;
    batching_accumulator *accumulator = many_gaps();
    const struct bytes given = saved(accumulator);
    const int64_t histogram = place_of(given, GAPS, 0), slot = place_of(given, GAPS, 1), bin = place_of(given, GAPS, 2);
    batching_accumulator *made = NULL;
    for (uint64_t more = 1; more <= MOST_SAMPLES - GAPS;
         more = more * 2 < MOST_SAMPLES - GAPS ? more * 2 : MOST_SAMPLES) {
        put(given.bytes + slot, GAPS + more, 8);
        put(given.bytes + bin, GAPS + more, 8);
        put_checksum(given);
        assert_fails(batching_accumulator_load(given.bytes, given.size, &made), BATCHING_ERROR_INVALID_ARGUMENT,
                     "a number is out of its range");
    }
    /* As many everywhere are an accumulator, with which a copy of it is merged up to the limit, and no further. */
    const uint64_t half = UINT64_C(1) << 61;
    put(given.bytes + histogram, half, 8);
    put(given.bytes + slot, half, 8);
    put(given.bytes + bin, half, 8);
    put_checksum(given);
    assert_succeeds(batching_accumulator_load(given.bytes, given.size, &made));
    assert_int_equal(doublings(made), 1);
    INITIALIZED(batching_serving_metrics, metrics);
    INITIALIZED(batching_distribution, itl);
    metrics.itl = &itl;
    assert_succeeds(batching_accumulator_measure(made, BATCHING_ACCUMULATOR_START, NULL, &metrics));
    assert_int_equal(itl.count, INT64_C(1) << 62);
    assert_double_equal(itl.max, 0.0);
    assert_fails(batching_accumulator_arrived(made, 2, LATER, 0), BATCHING_ERROR_OVERFLOW, "2^62 tokens or gaps");
    destroy(made);
    free(given.bytes);
    destroy(accumulator);
}

/* Of all tokens: those of requests that finished, and of those in flight. */
static void tokens_of_requests_are_among_all_tokens(void **state) {
    (void)state;
    batching_accumulator *accumulator = created();
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, 0));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, 0.0, 10));
    assert_succeeds(batching_accumulator_finished(accumulator, 1, 0.0, BATCHING_FINISHED_STOP));
    assert_succeeds(batching_accumulator_arrived(accumulator, 2, 0.0, 0));
    assert_succeeds(batching_accumulator_tokens(accumulator, 2, 0.0, 7));
    const struct bytes given = saved(accumulator);
    assert_int_equal(at(given, TOKENS_PLACE), 17);
    batching_accumulator *made = NULL;
    for (uint64_t tokens = 0; tokens <= 17; tokens++) {
        put(given.bytes + TOKENS_PLACE, tokens, 8);
        put_checksum(given);
        if (tokens < 17) {
            assert_fails(batching_accumulator_load(given.bytes, given.size, &made), BATCHING_ERROR_INVALID_ARGUMENT,
                         "tokens are missing");
        } else {
            assert_succeeds(batching_accumulator_load(given.bytes, given.size, &made));
            destroy(made);
        }
    }
    free(given.bytes);
    destroy(accumulator);
}

/* Each histogram has the requests that finished, or those of them that have what it counts: one more, and the next that
 * finishes would be beyond all that arrived. */
static void a_histogram_has_no_more_requests_than_finished(void **state) {
    (void)state;
    batching_accumulator *accumulator = created();
    for (int64_t request = 0; request < 3; request++) {
        assert_succeeds(batching_accumulator_arrived(accumulator, request, 0.0, 2));
    }
    assert_succeeds(batching_accumulator_started(accumulator, 0, 0.0));
    assert_succeeds(batching_accumulator_tokens(accumulator, 0, 0.0, 2));
    assert_succeeds(batching_accumulator_tokens(accumulator, 0, 0.0, 2));
    assert_succeeds(batching_accumulator_finished(accumulator, 0, 0.0, BATCHING_FINISHED_STOP));
    const struct bytes given = saved(accumulator);
    /* Ten histograms, whose bounds are as many: a sum of 16 bytes, a number for each, and one beyond. */
    static const int BOUNDS[] = {22, 19, 19, 21, 21, 21, 21, 21, 29, 29};
    int64_t place = TOKENS_PLACE + 8 + 32;
    for (int histogram = 0; histogram < 10; histogram++) {
        place += 16;
        int64_t bucket = place;
        while (at(given, bucket) == 0 && bucket < place + 8 * BOUNDS[histogram]) {
            bucket += 8;
        }
        place += 8 * (BOUNDS[histogram] + 1);
        assert_int_equal(at(given, bucket), 1);
        /* Of first tokens there is one, and two more may come; gaps there may be any. */
        const uint64_t most = histogram == 1 ? 3 : 1;
        for (uint64_t count = 2; count <= 3; count++) {
            batching_accumulator *made = NULL;
            put(given.bytes + bucket, count, 8);
            put_checksum(given);
            const batching_status status = batching_accumulator_load(given.bytes, given.size, &made);
            assert_int_equal(status == BATCHING_OK, count <= most);
            assert_succeeds(batching_accumulator_destroy(made));
        }
        put(given.bytes + bucket, 1, 8);
    }
    free(given.bytes);
    destroy(accumulator);
}

/* A request in flight may have every token it can, and what is written then can still be read. */
static void requests_in_flight_go_on_at_the_limit(void **state) {
    (void)state;
    batching_accumulator *accumulator = created();
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, INT32_MAX));
    assert_succeeds(batching_accumulator_arrived(accumulator, 2, 0.0, 5));
    assert_succeeds(batching_accumulator_tokens(accumulator, 2, 0.0, 7));
    const struct bytes given = saved(accumulator);
    const uint64_t to_come = INT32_MAX + (uint64_t)INT32_MAX - 7;
    batching_accumulator *made = NULL;
    put(given.bytes + TOKENS_PLACE, MOST_SAMPLES - to_come + 1, 8);
    put_checksum(given);
    assert_fails(batching_accumulator_load(given.bytes, given.size, &made), BATCHING_ERROR_INVALID_ARGUMENT,
                 "a number is out of its range");
    put(given.bytes + TOKENS_PLACE, MOST_SAMPLES - to_come, 8);
    /* Prompt tokens stand before them; those of the first request are counted with its first token. */
    put(given.bytes + TOKENS_PLACE - 8, MOST_SAMPLES - INT32_MAX, 8);
    put_checksum(given);
    assert_succeeds(batching_accumulator_load(given.bytes, given.size, &made));
    assert_succeeds(batching_accumulator_tokens(made, 1, LATER, INT32_MAX));
    assert_succeeds(batching_accumulator_tokens(made, 2, LATER, INT32_MAX - 7));
    assert_int_equal(batching_accumulator_tokens(made, 1, LATER, 1), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_fails(batching_accumulator_arrived(made, 3, LATER, 1), BATCHING_ERROR_OVERFLOW, "2^62 tokens");
    destroy(copied(made));
    assert_succeeds(batching_accumulator_finished(made, 1, LATER, BATCHING_FINISHED_STOP));
    assert_succeeds(batching_accumulator_failed(made, 2, LATER, BATCHING_FAILED_ABORT));
    (void)looked_at(made);
    destroy(copied(made));
    destroy(made);
    free(given.bytes);
    destroy(accumulator);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_a_limit_is_an_overflow_and_changes_nothing),
        cmocka_unit_test(totals_at_the_limit_are_right),
        cmocka_unit_test(a_deviation_of_samples_at_the_limit_is_exact),
        cmocka_unit_test(bytes_near_every_limit_are_refused_or_work),
        cmocka_unit_test(a_slot_of_more_samples_than_it_counts_is_refused),
        cmocka_unit_test(one_below_each_limit_everything_works),
        cmocka_unit_test(gaps_of_slots_are_among_all_gaps),
        cmocka_unit_test(tokens_of_requests_are_among_all_tokens),
        cmocka_unit_test(a_histogram_has_no_more_requests_than_finished),
        cmocka_unit_test(requests_in_flight_go_on_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
