/* Live engines as bytes: what is loaded goes on as what was saved would have, and what was changed is refused. */
#include <stdlib.h>

#include "engine_support.h"

enum { MOST_EVENTS = 32 };

/* Three requests at 0, of 10 prompt and 10, 4 and 5 output tokens, for two slots, an iteration a quarter of a second:
 * 0 and 1 run until 1.0, when 1 is done and 2 is admitted; 2 is done at 2.25, and 0 at 2.5. */
static batching_live_engine *lesson(batching_engine_config config) {
    config.max_num_seqs = 2;
    config.num_gpu_blocks = 100;
    config.time_base = 0.25;
    INITIALIZED(batching_requests, requests);
    requests.count = 3;
    requests.prompt_length = LENGTHS(10, 10, 10);
    requests.output_length = LENGTHS(10, 4, 5);
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_create(&config, &engine));
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
    return engine;
}

static batching_engine_config plain(void) {
    INITIALIZED(batching_engine_config, config);
    config.time_model = BATCHING_TIME_CONSTANT;
    return config;
}

static batching_live_engine_state state_of(batching_live_engine *engine) {
    INITIALIZED(batching_live_engine_state, now);
    assert_succeeds(batching_live_engine_observe(engine, &now));
    return now;
}

struct bytes {
    uint8_t *bytes;
    int64_t size;
};

static struct bytes saved(batching_live_engine *engine) {
    struct bytes saved = {NULL, 0};
    assert_succeeds(batching_live_engine_save(engine, NULL, 0, &saved.size));
    saved.bytes = malloc((size_t)saved.size);
    assert_succeeds(batching_live_engine_save(engine, saved.bytes, saved.size, NULL));
    return saved;
}

/* What is left to tell until the last request is done: ids, and times in quarters of a second. */
static void assert_finishes(batching_live_engine *engine, int64_t first_id, double first_time, int64_t second_id,
                            double second_time) {
    double time[MOST_EVENTS];
    int64_t request[MOST_EVENTS];
    int32_t event[MOST_EVENTS];
    INITIALIZED(batching_live_engine_events, events);
    events.capacity = MOST_EVENTS;
    events.time = time;
    events.request = request;
    events.event = event;
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    assert_succeeds(batching_live_engine_poll(engine, &events));
    assert_in_range(events.count, 2, MOST_EVENTS);
    const int64_t last = events.count - 1;
    assert_int_equal(event[last - 1], BATCHING_EVENT_FINISHED);
    assert_int_equal(request[last - 1], first_id);
    assert_double_equal(time[last - 1], first_time);
    assert_int_equal(event[last], BATCHING_EVENT_FINISHED);
    assert_int_equal(request[last], second_id);
    assert_double_equal(time[last], second_time);
}

static void what_is_loaded_goes_on(void **state) {
    (void)state;
    for (int choice = 0; choice < 4; choice++) {
        batching_engine_config config = plain();
        config.async_scheduling = choice & 1;
        config.enable_prefix_caching = choice >> 1;
        batching_live_engine *engine = lesson(config);
        assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
        const struct bytes bytes = saved(engine);
        const batching_live_engine_state before = state_of(engine);
        assert_succeeds(batching_live_engine_destroy(engine));

        batching_live_engine *loaded = NULL;
        assert_succeeds(batching_live_engine_load(bytes.bytes, bytes.size, NULL, &loaded));
        const batching_live_engine_state after = state_of(loaded);
        assert_memory_equal(&before, &after, sizeof before);
        /* The same state gives the same bytes; and they are not needed any more. */
        const struct bytes again = saved(loaded);
        assert_int_equal(again.size, bytes.size);
        assert_memory_equal(again.bytes, bytes.bytes, (size_t)bytes.size);
        memset(bytes.bytes, 0xff, (size_t)bytes.size);
        /* Asynchronously 2 is admitted only one iteration later, at 1.25, and has its last token at 2.5, as 0 has. */
        if (choice & 1) {
            assert_finishes(loaded, 0, 2.5, 2, 2.5);
        } else {
            assert_finishes(loaded, 2, 2.25, 0, 2.5);
        }
        assert_succeeds(batching_live_engine_destroy(loaded));
        free(bytes.bytes);
        free(again.bytes);
    }
}

static void bytes_need_room(void **state) {
    (void)state;
    batching_live_engine *engine = lesson(plain());
    struct bytes bytes = saved(engine);
    int64_t needed = 0;
    memset(bytes.bytes, 7, (size_t)bytes.size);
    assert_int_equal(batching_live_engine_save(engine, bytes.bytes, bytes.size - 1, &needed), BATCHING_ERROR_CAPACITY);
    assert_error_names("capacity");
    assert_int_equal(needed, bytes.size);
    for (int64_t index = 0; index < bytes.size; index++) {
        assert_int_equal(bytes.bytes[index], 7);
    }
    assert_int_equal(batching_live_engine_save(engine, bytes.bytes, -1, NULL), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names("capacity is -1");
    assert_int_equal(batching_live_engine_save(NULL, bytes.bytes, bytes.size, NULL), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("engine is NULL");
    assert_succeeds(batching_live_engine_destroy(engine));
    free(bytes.bytes);
}

static void assert_refused(struct bytes bytes, const char *why) {
    batching_live_engine *loaded = NULL;
    assert_int_equal(batching_live_engine_load(bytes.bytes, bytes.size, NULL, &loaded),
                     BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names(why);
    assert_null(loaded);
}

static void changed_bytes_are_refused(void **state) {
    (void)state;
    batching_engine_config config = plain();
    config.enable_prefix_caching = 1;
    batching_live_engine *engine = lesson(config);
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    struct bytes bytes = saved(engine);
    for (int64_t index = 0; index < bytes.size; index++) {
        bytes.bytes[index] ^= 1 << index % 8;
        assert_refused(bytes, "bytes");
        bytes.bytes[index] ^= 1 << index % 8;
    }
    for (int64_t size = 0; size < bytes.size; size++) {
        assert_refused((struct bytes){bytes.bytes, size}, "bytes");
    }
    /* A version to come. */
    bytes.bytes[8] = 6;
    assert_refused(bytes, "bytes have version 6: this library reads versions 2 to 5");
    bytes.bytes[8] = 5;
    batching_live_engine *loaded = NULL;
    assert_int_equal(batching_live_engine_load(NULL, bytes.size, NULL, &loaded), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("bytes is NULL");
    assert_int_equal(batching_live_engine_load(bytes.bytes, bytes.size, NULL, NULL), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("engine is NULL");
    assert_int_equal(batching_live_engine_load(bytes.bytes, -1, NULL, &loaded), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names("size is -1");
    config.struct_size = 3;
    assert_int_equal(batching_live_engine_load(bytes.bytes, bytes.size, &config, &loaded), BATCHING_ERROR_STRUCT_SIZE);
    config = plain();
    config.progress_interval = -5;
    assert_int_equal(batching_live_engine_load(bytes.bytes, bytes.size, &config, &loaded),
                     BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names("progress_interval is -5");
    assert_null(loaded);
    assert_succeeds(batching_live_engine_load(bytes.bytes, bytes.size, NULL, &loaded));
    assert_succeeds(batching_live_engine_destroy(loaded));
    assert_succeeds(batching_live_engine_destroy(engine));
    free(bytes.bytes);
}

/* What a callback is asked, and whether it stops the run. */
struct answers {
    int calls;
    int stops;
    batching_live_engine *engine;
    batching_status meanwhile;
};

static int32_t a_quarter(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration;
    struct answers *answers = user_data;
    answers->calls++;
    *seconds = 0.25;
    if (answers->engine != NULL) {
        int64_t needed = 0;
        answers->meanwhile = batching_live_engine_save(answers->engine, NULL, 0, &needed);
    }
    return answers->stops;
}

static void callbacks_are_given_again(void **state) {
    (void)state;
    batching_engine_config config = plain();
    struct answers first = {.calls = 0}, second = {.calls = 0};
    config.time_model = BATCHING_TIME_CALLBACK;
    config.time_callback = a_quarter;
    config.time_user_data = &first;
    batching_live_engine *engine = lesson(config);
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    first.engine = engine;
    /* The iteration is scheduled, but when it ends is not known. */
    first.stops = 1;
    assert_int_equal(batching_live_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_CANCELLED);
    assert_int_equal(first.meanwhile, BATCHING_ERROR_BUSY);
    const struct bytes bytes = saved(engine);
    assert_succeeds(batching_live_engine_destroy(engine));

    batching_live_engine *loaded = NULL;
    assert_int_equal(batching_live_engine_load(bytes.bytes, bytes.size, NULL, &loaded), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("time_callback is NULL");
    assert_null(loaded);
    const int calls = first.calls;
    config.time_user_data = &second;
    assert_succeeds(batching_live_engine_load(bytes.bytes, bytes.size, &config, &loaded));
    assert_finishes(loaded, 2, 2.25, 0, 2.5);
    assert_int_equal(first.calls, calls);
    /* Of the ten iterations that there are, three had begun, the last of which is asked for again. */
    assert_int_equal(second.calls, 10 - 3);
    assert_succeeds(batching_live_engine_destroy(loaded));
    free(bytes.bytes);
}

static void an_engine_that_has_failed_is_not_saved(void **state) {
    (void)state;
    batching_engine_config config = plain();
    batching_live_engine *engine = lesson(config);
    assert_succeeds(batching_live_engine_destroy(engine));
    config.time_base = 5e9;
    INITIALIZED(batching_requests, requests);
    requests.count = 1;
    requests.output_length = LENGTHS(3);
    assert_succeeds(batching_live_engine_create(&config, &engine));
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
    assert_int_equal(batching_live_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_OVERFLOW);
    int64_t needed = 0;
    assert_int_equal(batching_live_engine_save(engine, NULL, 0, &needed), BATCHING_ERROR_OVERFLOW);
    assert_int_equal(needed, 0);
    assert_succeeds(batching_live_engine_destroy(engine));
}

/* --- Long lives ------------------------------------------------------------------------------------------------------
 *
 * Engines whose counters stand where a very long life would bring them, in bytes that are made so. */

/* Where the counters stand: behind a head and the configuration. */
enum {
    CHECKSUM_SIZE = 8,
    COUNTERS = 24 + 145,
    CLOCK = COUNTERS,
    NOW = COUNTERS + 8,
    ITERATION = COUNTERS + 16,
    SUBMITTED = COUNTERS + 24,
    REJECTED = COUNTERS + 32,
    ABORTED = COUNTERS + 40,
    FINISHED = COUNTERS + 48,
    PREEMPTIONS = COUNTERS + 56,
    PREFILLS = COUNTERS + 64,
    DECODE_TOKENS = COUNTERS + 72,
    FUTILE_PREEMPTIONS = COUNTERS + 80,
    TOKENS_BEFORE_THEM = COUNTERS + 88,
};
static const int64_t MOST = INT64_C(1) << 62;
/* BATCHING_TIME_MAX in nanoseconds. */
static const int64_t LATEST = INT64_C(9223372036000000000);

static uint64_t at(struct bytes bytes, int64_t place) {
    uint64_t value = 0;
    for (int byte = 7; byte >= 0; byte--) {
        value = value << 8 | bytes.bytes[place + byte];
    }
    return value;
}

static void put(struct bytes bytes, int64_t place, int64_t value) {
    for (int byte = 0; byte < 8; byte++) {
        bytes.bytes[place + byte] = (uint8_t)((uint64_t)value >> (8 * byte));
    }
}

/* FNV-1a. */
static void put_checksum(struct bytes bytes) {
    uint64_t checksum = UINT64_C(0xcbf29ce484222325);
    for (int64_t index = 0; index < bytes.size - CHECKSUM_SIZE; index++) {
        checksum = (checksum ^ bytes.bytes[index]) * UINT64_C(0x100000001b3);
    }
    put(bytes, bytes.size - CHECKSUM_SIZE, (int64_t)checksum);
}

/* The three requests at 0.6: 0 and 1 run, and 2 waits. */
static struct bytes half_way(batching_engine_config config) {
    batching_live_engine *engine = lesson(config);
    assert_succeeds(batching_live_engine_advance(engine, 0.6, 0));
    const struct bytes bytes = saved(engine);
    assert_int_equal(at(bytes, SUBMITTED), 3);
    /* The third under way, and asynchronously the fourth scheduled. */
    assert_int_equal(at(bytes, ITERATION), config.async_scheduling ? 4 : 3);
    assert_succeeds(batching_live_engine_destroy(engine));
    return bytes;
}

/* Where, asynchronously, the number of the batch in flight stands: behind three flags, that one is, is followed, and is
 * awaited. */
static int64_t flight_number(struct bytes bytes) {
    int64_t found = 0;
    for (int64_t place = TOKENS_BEFORE_THEM; place + 11 <= bytes.size; place++) {
        const uint8_t *flags = bytes.bytes + place;
        if (flags[0] == 1 && flags[1] == 1 && flags[2] == 0 && at(bytes, place + 3) == 2) {
            assert_int_equal(found, 0);
            found = place + 3;
        }
    }
    assert_true(found > 0);
    return found;
}

static batching_live_engine *loaded(struct bytes bytes) {
    put_checksum(bytes);
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_load(bytes.bytes, bytes.size, NULL, &engine));
    return engine;
}

/* What only looks, copies or estimates works; and what is saved can be loaded. */
static void assert_usable(batching_live_engine *engine) {
    const batching_live_engine_state before = state_of(engine);
    assert_int_equal(before.submitted, before.pending + before.waiting + before.running + before.finished +
                                           before.rejected + before.aborted);
    INITIALIZED(batching_requests, requests);
    INITIALIZED(batching_results, results);
    double end = NAN;
    int32_t status = -1;
    requests.count = 1;
    requests.output_length = LENGTHS(3);
    results.capacity = 1;
    results.end_time = &end;
    results.status = &status;
    if (before.submitted < MOST) {
        assert_succeeds(batching_live_engine_estimate(engine, &requests, &results));
        assert_int_equal(status, BATCHING_REQUEST_FINISHED);
        assert_true(end > before.clock);
    }
    batching_live_engine *copy = NULL;
    assert_succeeds(batching_live_engine_fork(engine, &copy));
    assert_succeeds(batching_live_engine_destroy(copy));
    const struct bytes bytes = saved(engine);
    assert_succeeds(batching_live_engine_load(bytes.bytes, bytes.size, NULL, &copy));
    const batching_live_engine_state after = state_of(copy);
    assert_memory_equal(&before, &after, sizeof before);
    assert_succeeds(batching_live_engine_destroy(copy));
    free(bytes.bytes);
}

static void the_last_iteration_is_an_overflow_and_the_engine_stays(void **state) {
    (void)state;
    for (int choice = 0; choice < 4; choice++) {
        batching_engine_config config = plain();
        config.async_scheduling = choice & 1;
        config.enable_prefix_caching = choice >> 1;
        struct bytes bytes = half_way(config);
        if (config.async_scheduling) {
            put(bytes, flight_number(bytes), MOST - 2 - 2);
        }
        put(bytes, ITERATION, MOST - 2);
        batching_live_engine *engine = loaded(bytes);
        assert_usable(engine);
        /* As many iterations as are left run; then it says so, as often as it is asked. */
        assert_succeeds(batching_live_engine_advance(engine, INFINITY, INT64_MAX));
        assert_int_equal(state_of(engine).iterations, MOST);
        for (int again = 0; again < 2; again++) {
            const batching_live_engine_state before = state_of(engine);
            assert_fails(batching_live_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_OVERFLOW, "2^62 iterations");
            const batching_live_engine_state after = state_of(engine);
            assert_memory_equal(&before, &after, sizeof before);
        }
        assert_usable(engine);
        assert_succeeds(batching_live_engine_abort(engine, 2));
        assert_succeeds(batching_live_engine_set_output_length(engine, 0, 20));
        assert_usable(engine);
        assert_succeeds(batching_live_engine_destroy(engine));
        free(bytes.bytes);
    }
}

static void the_last_request_is_an_overflow_and_the_engine_stays(void **state) {
    (void)state;
    struct bytes bytes = half_way(plain());
    put(bytes, SUBMITTED, MOST - 1);
    put(bytes, FINISHED, MOST - 1 - 3);
    batching_live_engine *engine = loaded(bytes);
    assert_usable(engine);
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.output_length = LENGTHS(3, 3);
    batching_live_engine_state before = state_of(engine);
    assert_fails(batching_live_engine_submit(engine, &requests, NULL), BATCHING_ERROR_OVERFLOW, "requests.count is 2");
    batching_live_engine_state after = state_of(engine);
    assert_memory_equal(&before, &after, sizeof before);
    requests.count = 1;
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
    assert_int_equal(state_of(engine).submitted, MOST);
    assert_fails(batching_live_engine_submit(engine, &requests, NULL), BATCHING_ERROR_OVERFLOW, "requests.count is 1");
    assert_usable(engine);
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    after = state_of(engine);
    assert_int_equal(after.finished, MOST);
    assert_usable(engine);
    assert_succeeds(batching_live_engine_destroy(engine));
    free(bytes.bytes);
}

static void an_engine_at_the_end_of_the_clock_says_so(void **state) {
    (void)state;
    struct bytes bytes = half_way(plain());
    /* The iteration under way ends at 0.75; half a second before the end of the clock it ends a quarter later. */
    for (int64_t place = DECODE_TOKENS; place + 8 <= bytes.size - CHECKSUM_SIZE; place++) {
        if (at(bytes, place) == 750000000) {
            put(bytes, place, LATEST - 250000000);
        }
    }
    put(bytes, CLOCK, LATEST - 500000000);
    put(bytes, NOW, LATEST - 500000000);
    batching_live_engine *engine = loaded(bytes);
    /* That one, and one more. */
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 1));
    const double clock = state_of(engine).clock;
    assert_fails(batching_live_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_OVERFLOW, "the clock would pass");
    assert_true(state_of(engine).clock >= clock);
    assert_fails(batching_live_engine_abort(engine, 0), BATCHING_ERROR_OVERFLOW, "the clock would pass");
    assert_succeeds(batching_live_engine_destroy(engine));
    free(bytes.bytes);
}

static void other_counters_may_be_as_large_as_there_are(void **state) {
    (void)state;
    struct bytes bytes = half_way(plain());
    put(bytes, PREEMPTIONS, MOST);
    put(bytes, PREFILLS, INT64_MAX);
    put(bytes, DECODE_TOKENS, INT64_MAX);
    put(bytes, FUTILE_PREEMPTIONS, MOST);
    put(bytes, TOKENS_BEFORE_THEM, INT64_MIN);
    batching_live_engine *engine = loaded(bytes);
    assert_usable(engine);
    assert_finishes(engine, 2, 2.25, 0, 2.5);
    assert_usable(engine);
    assert_succeeds(batching_live_engine_destroy(engine));
    free(bytes.bytes);
}

/* Three counters of 2^62, and 2^62 more, make 2^64: a sum that wraps would take them for none. */
static void counters_that_do_not_add_up_are_refused(void **state) {
    (void)state;
    static const int64_t PLACES[] = {FINISHED, REJECTED, ABORTED};
    struct bytes bytes = half_way(plain());
    for (int which = 0; which < 3; which++) {
        put(bytes, PLACES[which], 1);
        put_checksum(bytes);
        assert_refused(bytes, "requests are missing");
        put(bytes, PLACES[which], 0);
    }
    for (int which = 0; which < 3; which++) {
        put(bytes, PLACES[which], MOST);
    }
    put_checksum(bytes);
    assert_refused(bytes, "requests are missing");
    free(bytes.bytes);
}

/* Tokens of a batch that is none would be taken from those that a request has. */
static void a_batch_in_flight_is_the_one_before_the_next(void **state) {
    (void)state;
    batching_engine_config config = plain();
    config.async_scheduling = 1;
    struct bytes bytes = half_way(config);
    const int64_t place = flight_number(bytes);
    for (int64_t number = -1; number <= 4; number++) {
        put(bytes, place, number);
        put_checksum(bytes);
        if (number != 2) {
            assert_refused(bytes, "an impossible batch is in flight");
        }
    }
    put(bytes, place, 2);
    /* Only a policy of the caller's awaits one, and none that another follows. */
    bytes.bytes[place - 1] = 1;
    put_checksum(bytes);
    assert_refused(bytes, "an impossible batch is awaited");
    free(bytes.bytes);
}

/* One that decodes has had a token in the iteration before; without, an abort would take from it what it never had. */
static void a_request_that_decodes_has_had_a_token_just_now(void **state) {
    (void)state;
    struct bytes bytes = half_way(plain());
    int found = 0;
    /* Decodes, was not preempted, tokens, nothing of a prefill, and tokens in both of the last two iterations. */
    for (int64_t place = TOKENS_BEFORE_THEM; place + 19 <= bytes.size; place++) {
        const uint8_t *member = bytes.bytes + place;
        if (member[0] == 1 && member[1] == 0 && member[2] == 3 && at(bytes, place + 6) == 0 && member[18] == 3) {
            found++;
            for (int recent = 0; recent <= 2; recent += 2) {
                bytes.bytes[place + 18] = (uint8_t)recent;
                put_checksum(bytes);
                assert_refused(bytes, "tokens that it cannot have");
            }
            bytes.bytes[place + 18] = 3;
        }
    }
    assert_int_equal(found, 2);
    free(bytes.bytes);
}

static void more_hash_ids_than_memory_are_no_memory(void **state) {
    (void)state;
    batching_engine_config config = plain();
    config.enable_prefix_caching = 1;
    config.num_gpu_blocks = 100;
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_create(&config, &engine));
    const int64_t ids[2] = {1, 2};
    INITIALIZED(batching_requests, requests);
    requests.count = 1;
    requests.prompt_length = LENGTHS(40);
    requests.output_length = LENGTHS(3);
    requests.hash_ids = ids;
    requests.hash_offsets = (const int64_t[]){0, 2};
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
    const batching_live_engine_state before = state_of(engine);
    /* Refused before any is read: with those that are there they are more than numbers. */
    requests.hash_offsets = (const int64_t[]){0, INT64_MAX};
    assert_int_equal(batching_live_engine_submit(engine, &requests, NULL), BATCHING_ERROR_OUT_OF_MEMORY);
    INITIALIZED(batching_results, results);
    results.capacity = 1;
    assert_int_equal(batching_live_engine_estimate(engine, &requests, &results), BATCHING_ERROR_OUT_OF_MEMORY);
    const batching_live_engine_state after = state_of(engine);
    assert_memory_equal(&before, &after, sizeof before);
    assert_succeeds(batching_live_engine_destroy(engine));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_loaded_goes_on),
        cmocka_unit_test(bytes_need_room),
        cmocka_unit_test(changed_bytes_are_refused),
        cmocka_unit_test(callbacks_are_given_again),
        cmocka_unit_test(an_engine_that_has_failed_is_not_saved),
        cmocka_unit_test(the_last_iteration_is_an_overflow_and_the_engine_stays),
        cmocka_unit_test(the_last_request_is_an_overflow_and_the_engine_stays),
        cmocka_unit_test(an_engine_at_the_end_of_the_clock_says_so),
        cmocka_unit_test(other_counters_may_be_as_large_as_there_are),
        cmocka_unit_test(counters_that_do_not_add_up_are_refused),
        cmocka_unit_test(a_batch_in_flight_is_the_one_before_the_next),
        cmocka_unit_test(a_request_that_decodes_has_had_a_token_just_now),
        cmocka_unit_test(more_hash_ids_than_memory_are_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
