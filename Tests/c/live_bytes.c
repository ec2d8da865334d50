/* Live engines as bytes: what is loaded goes on as what was saved would have, and what was changed is refused. */
#include <stdlib.h>

#include "engine_support.h"

enum { MOST_EVENTS = 32 };

/* Three requests at 0, of 10 prompt and 10, 4 and 5 output tokens, for two slots, an iteration a quarter of a second:
 * 0 and 1 run until 1.0, when 1 is done and 2 is admitted; 2 is done at 2.25, and 0 at 2.5. */
static batching_engine *lesson(batching_config config) {
    config.max_num_seqs = 2;
    config.num_gpu_blocks = 100;
    config.time_base = 0.25;
    INITIALIZED(batching_requests, requests);
    requests.count = 3;
    requests.prompt_length = LENGTHS(10, 10, 10);
    requests.output_length = LENGTHS(10, 4, 5);
    batching_engine *engine = NULL;
    assert_succeeds(batching_engine_create(&config, &engine));
    assert_succeeds(batching_engine_submit(engine, &requests, NULL));
    return engine;
}

static batching_config plain(void) {
    INITIALIZED(batching_config, config);
    return config;
}

static batching_engine_state state_of(batching_engine *engine) {
    INITIALIZED(batching_engine_state, now);
    assert_succeeds(batching_engine_observe(engine, &now));
    return now;
}

struct bytes {
    uint8_t *bytes;
    int64_t size;
};

static struct bytes saved(batching_engine *engine) {
    struct bytes saved = {NULL, 0};
    assert_succeeds(batching_engine_save(engine, NULL, 0, &saved.size));
    saved.bytes = malloc((size_t)saved.size);
    assert_succeeds(batching_engine_save(engine, saved.bytes, saved.size, NULL));
    return saved;
}

/* What is left to tell until the last request is done: ids, and times in quarters of a second. */
static void assert_finishes(batching_engine *engine, int64_t first_id, double first_time, int64_t second_id,
                            double second_time) {
    double time[MOST_EVENTS];
    int64_t request[MOST_EVENTS];
    int32_t event[MOST_EVENTS];
    INITIALIZED(batching_engine_events, events);
    events.capacity = MOST_EVENTS;
    events.time = time;
    events.request = request;
    events.event = event;
    assert_succeeds(batching_engine_advance(engine, INFINITY, 0));
    assert_succeeds(batching_engine_poll(engine, &events));
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
        batching_config config = plain();
        config.async_scheduling = choice & 1;
        config.enable_prefix_caching = choice >> 1;
        batching_engine *engine = lesson(config);
        assert_succeeds(batching_engine_advance(engine, 0.6, 0));
        const struct bytes bytes = saved(engine);
        const batching_engine_state before = state_of(engine);
        assert_succeeds(batching_engine_destroy(engine));

        batching_engine *loaded = NULL;
        assert_succeeds(batching_engine_load(bytes.bytes, bytes.size, NULL, &loaded));
        const batching_engine_state after = state_of(loaded);
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
        assert_succeeds(batching_engine_destroy(loaded));
        free(bytes.bytes);
        free(again.bytes);
    }
}

static void bytes_need_room(void **state) {
    (void)state;
    batching_engine *engine = lesson(plain());
    struct bytes bytes = saved(engine);
    int64_t needed = 0;
    memset(bytes.bytes, 7, (size_t)bytes.size);
    assert_int_equal(batching_engine_save(engine, bytes.bytes, bytes.size - 1, &needed), BATCHING_ERROR_CAPACITY);
    assert_error_names("capacity");
    assert_int_equal(needed, bytes.size);
    for (int64_t index = 0; index < bytes.size; index++) {
        assert_int_equal(bytes.bytes[index], 7);
    }
    assert_int_equal(batching_engine_save(engine, bytes.bytes, -1, NULL), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names("capacity is -1");
    assert_int_equal(batching_engine_save(NULL, bytes.bytes, bytes.size, NULL), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("engine is NULL");
    assert_succeeds(batching_engine_destroy(engine));
    free(bytes.bytes);
}

static void assert_refused(struct bytes bytes, const char *why) {
    batching_engine *loaded = NULL;
    assert_int_equal(batching_engine_load(bytes.bytes, bytes.size, NULL, &loaded), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names(why);
    assert_null(loaded);
}

static void changed_bytes_are_refused(void **state) {
    (void)state;
    batching_config config = plain();
    config.enable_prefix_caching = 1;
    batching_engine *engine = lesson(config);
    assert_succeeds(batching_engine_advance(engine, 0.6, 0));
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
    bytes.bytes[8] = 3;
    assert_refused(bytes, "bytes have version 3: this library reads version 2");
    bytes.bytes[8] = 2;
    batching_engine *loaded = NULL;
    assert_int_equal(batching_engine_load(NULL, bytes.size, NULL, &loaded), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("bytes is NULL");
    assert_int_equal(batching_engine_load(bytes.bytes, bytes.size, NULL, NULL), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("engine is NULL");
    assert_int_equal(batching_engine_load(bytes.bytes, -1, NULL, &loaded), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names("size is -1");
    config.struct_size = 3;
    assert_int_equal(batching_engine_load(bytes.bytes, bytes.size, &config, &loaded), BATCHING_ERROR_STRUCT_SIZE);
    config = plain();
    config.progress_interval = -5;
    assert_int_equal(batching_engine_load(bytes.bytes, bytes.size, &config, &loaded), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_error_names("progress_interval is -5");
    assert_null(loaded);
    assert_succeeds(batching_engine_load(bytes.bytes, bytes.size, NULL, &loaded));
    assert_succeeds(batching_engine_destroy(loaded));
    assert_succeeds(batching_engine_destroy(engine));
    free(bytes.bytes);
}

/* What a callback is asked, and whether it stops the run. */
struct answers {
    int calls;
    int stops;
    batching_engine *engine;
    batching_status meanwhile;
};

static int32_t a_quarter(const batching_iteration *iteration, double *seconds, void *user_data) {
    (void)iteration;
    struct answers *answers = user_data;
    answers->calls++;
    *seconds = 0.25;
    if (answers->engine != NULL) {
        int64_t needed = 0;
        answers->meanwhile = batching_engine_save(answers->engine, NULL, 0, &needed);
    }
    return answers->stops;
}

static void callbacks_are_given_again(void **state) {
    (void)state;
    batching_config config = plain();
    struct answers first = {.calls = 0}, second = {.calls = 0};
    config.time_model = BATCHING_TIME_CALLBACK;
    config.time_callback = a_quarter;
    config.time_user_data = &first;
    batching_engine *engine = lesson(config);
    assert_succeeds(batching_engine_advance(engine, 0.6, 0));
    first.engine = engine;
    /* The iteration is scheduled, but nobody knows when it ends. */
    first.stops = 1;
    assert_int_equal(batching_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_CANCELLED);
    assert_int_equal(first.meanwhile, BATCHING_ERROR_BUSY);
    const struct bytes bytes = saved(engine);
    assert_succeeds(batching_engine_destroy(engine));

    batching_engine *loaded = NULL;
    assert_int_equal(batching_engine_load(bytes.bytes, bytes.size, NULL, &loaded), BATCHING_ERROR_NULL_POINTER);
    assert_error_names("time_callback is NULL");
    assert_null(loaded);
    const int calls = first.calls;
    config.time_user_data = &second;
    assert_succeeds(batching_engine_load(bytes.bytes, bytes.size, &config, &loaded));
    assert_finishes(loaded, 2, 2.25, 0, 2.5);
    assert_int_equal(first.calls, calls);
    /* Of the ten iterations that there are, three had begun, the last of which is asked for again. */
    assert_int_equal(second.calls, 10 - 3);
    assert_succeeds(batching_engine_destroy(loaded));
    free(bytes.bytes);
}

static void an_engine_that_has_failed_is_not_saved(void **state) {
    (void)state;
    batching_config config = plain();
    batching_engine *engine = lesson(config);
    assert_succeeds(batching_engine_destroy(engine));
    config.time_base = 5e9;
    INITIALIZED(batching_requests, requests);
    requests.count = 1;
    requests.output_length = LENGTHS(3);
    assert_succeeds(batching_engine_create(&config, &engine));
    assert_succeeds(batching_engine_submit(engine, &requests, NULL));
    assert_int_equal(batching_engine_advance(engine, INFINITY, 0), BATCHING_ERROR_OVERFLOW);
    int64_t needed = 0;
    assert_int_equal(batching_engine_save(engine, NULL, 0, &needed), BATCHING_ERROR_OVERFLOW);
    assert_int_equal(needed, 0);
    assert_succeeds(batching_engine_destroy(engine));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_loaded_goes_on),
        cmocka_unit_test(bytes_need_room),
        cmocka_unit_test(changed_bytes_are_refused),
        cmocka_unit_test(callbacks_are_given_again),
        cmocka_unit_test(an_engine_that_has_failed_is_not_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
