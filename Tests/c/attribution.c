/* Where the time of each request goes, through C: cases worked out by hand, and what is refused. */
#include <stdbool.h>

#include "engine_support.h"

/* The columns of a run. */
struct attributed {
    batching_attribution attribution;
    double waiting_for_slot[ENGINE_CAPACITY], waiting_for_memory[ENGINE_CAPACITY], prefill[ENGINE_CAPACITY],
        decode[ENGINE_CAPACITY], slowed_by_prefill[ENGINE_CAPACITY], preempted[ENGINE_CAPACITY],
        held_in_batch[ENGINE_CAPACITY];
};

/* Every column wanted, and the engine told to fill them. */
static void attributed_init(struct attributed *attributed, struct engine *engine) {
    memset(attributed, UNTOUCHED, sizeof *attributed);
    batching_attribution *attribution = &attributed->attribution;
    assert_succeeds(batching_attribution_init(attribution, sizeof *attribution));
    attribution->capacity = ENGINE_CAPACITY;
    attribution->waiting_for_slot = attributed->waiting_for_slot;
    attribution->waiting_for_memory = attributed->waiting_for_memory;
    attribution->prefill = attributed->prefill;
    attribution->decode = attributed->decode;
    attribution->slowed_by_prefill = attributed->slowed_by_prefill;
    attribution->preempted = attributed->preempted;
    attribution->held_in_batch = attributed->held_in_batch;
    if (engine != NULL) {
        engine->config.attribution = attribution;
    }
}

/* As engine_init_short_of_memory tells: request 1 is preempted in [2, 4), recomputes in [4, 5) and decodes in [5, 6).
 */
static void a_preempted_request_waits_and_recomputes(void **state) {
    (void)state;
    struct engine engine;
    struct attributed attributed;
    engine_init_short_of_memory(&engine);
    attributed_init(&attributed, &engine);
    engine_run(&engine);
    assert_times(attributed.waiting_for_slot, 0.0, 0.0);
    assert_times(attributed.waiting_for_memory, 0.0, 0.0);
    assert_times(attributed.prefill, 1.0, 1.0);
    assert_times(attributed.decode, 3.0, 2.0);
    assert_times(attributed.slowed_by_prefill, 0.0, 0.0);
    assert_times(attributed.preempted, 0.0, 3.0);
    assert_times(attributed.held_in_batch, 0.0, 0.0);
    /* Elements behind the last request are not the library's. */
    assert_memory_equal(&attributed.decode[2], &attributed.decode[7], sizeof(double));
}

/*
 * Static batches of two; an iteration takes 1 s, and 0.5 s a prefill token. The first batch has 2 prompt tokens: its
 * iterations are [0, 2), [2, 3), [3, 4). Request 1 is done after the first. Request 2 is alone in the last batch.
 */
static void a_static_batch_holds_those_that_are_done(void **state) {
    (void)state;
    struct engine engine;
    struct attributed attributed;
    engine_init(&engine, 3);
    engine.config.policy = BATCHING_POLICY_STATIC;
    engine.config.max_num_seqs = 2;
    engine.config.time_model = BATCHING_TIME_AFFINE;
    engine.config.time_per_prefill_token = 0.5;
    engine.requests.prompt_length = LENGTHS(1, 1, 1);
    engine.requests.output_length = LENGTHS(3, 1, 1);
    attributed_init(&attributed, &engine);
    engine_run(&engine);
    assert_times(attributed.waiting_for_slot, 0.0, 0.0, 4.0);
    assert_times(attributed.prefill, 2.0, 2.0, 1.5);
    assert_times(attributed.decode, 2.0, 0.0, 0.0);
    assert_times(attributed.held_in_batch, 0.0, 2.0, 0.0);
}

/* Each column alone: the others do not have to be there. */
static void columns_that_are_not_wanted_change_nothing(void **state) {
    (void)state;
    struct engine engine;
    struct attributed all, one;
    engine_init_short_of_memory(&engine);
    /* The second arrives later, and waits for the iteration under way. */
    engine.requests.arrival_time = TIMES(0.0, 0.5);
    attributed_init(&all, &engine);
    engine_run(&engine);
    const size_t first = offsetof(batching_attribution, waiting_for_slot);
    for (size_t column = 0; column < 7; column++) {
        attributed_init(&one, &engine);
        double *wanted[7] = {0};
        double *values[2] = {NULL, NULL};
        memcpy(&values[0], (const char *)&all.attribution + first + column * sizeof(double *), sizeof(double *));
        memcpy(&values[1], (const char *)&one.attribution + first + column * sizeof(double *), sizeof(double *));
        wanted[column] = values[1];
        memcpy((char *)&one.attribution + first, wanted, sizeof wanted);
        engine_run(&engine);
        assert_memory_equal(values[0], values[1], ENGINE_CAPACITY * sizeof(double));
    }
    assert_times(all.waiting_for_slot, 0.0, 0.5);
}

static void a_run_has_columns_for_all_requests(void **state) {
    (void)state;
    struct engine engine;
    struct attributed attributed, untouched;
    engine_init_short_of_memory(&engine);
    attributed_init(&attributed, &engine);
    attributed.attribution.capacity = 1;
    untouched = attributed;
    assert_fails(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_CAPACITY,
                 "attribution.capacity is 1: must be at least requests.count, which is 2");
    attributed.attribution.capacity = untouched.attribution.capacity = -1;
    assert_fails(batching_simulate(&engine.config, &engine.requests, NULL, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "attribution.capacity is -1: must be at least 0");
    assert_memory_equal(&attributed, &untouched, sizeof attributed);
}

/* Bands of the requests, in all columns. */
enum { BANDS = 3 };
struct bands {
    batching_attribution_bands bands;
    int64_t count[BANDS];
    double shortest[BANDS], longest[BANDS], mean_total[BANDS], waiting_for_slot[BANDS], waiting_for_memory[BANDS],
        prefill[BANDS], decode[BANDS], slowed_by_prefill[BANDS], preempted[BANDS], held_in_batch[BANDS],
        waiting_for_client[BANDS];
};

static void bands_init(struct bands *bands) {
    memset(bands, UNTOUCHED, sizeof *bands);
    assert_succeeds(batching_attribution_bands_init(&bands->bands, sizeof bands->bands));
    bands->bands.capacity = BANDS;
    bands->bands.count = bands->count;
    bands->bands.shortest = bands->shortest;
    bands->bands.longest = bands->longest;
    bands->bands.mean_total = bands->mean_total;
    bands->bands.waiting_for_slot = bands->waiting_for_slot;
    bands->bands.waiting_for_memory = bands->waiting_for_memory;
    bands->bands.prefill = bands->prefill;
    bands->bands.decode = bands->decode;
    bands->bands.slowed_by_prefill = bands->slowed_by_prefill;
    bands->bands.preempted = bands->preempted;
    bands->bands.held_in_batch = bands->held_in_batch;
    bands->bands.waiting_for_client = bands->waiting_for_client;
}

/* Five requests that took 1, 2, 2, 5 and 7 s: the last is not finished, and of one nothing is known. */
static int64_t five_requests_init(struct attributed *five) {
    attributed_init(five, NULL);
    static const double decode[6] = {1.0, 1.5, 2.0, 3.0, NAN, 7.0};
    static const double waiting[6] = {0.0, 0.5, 0.0, 2.0, NAN, 0.0};
    double *columns[7] = {five->waiting_for_slot,  five->waiting_for_memory, five->prefill,      five->decode,
                          five->slowed_by_prefill, five->preempted,          five->held_in_batch};
    for (int column = 0; column < 7; column++) {
        for (int request = 0; request < 6; request++) {
            columns[column][request] = 0.0;
        }
    }
    memcpy(five->decode, decode, sizeof decode);
    memcpy(five->waiting_for_memory, waiting, sizeof waiting);
    return 6;
}

static void bands_tell_the_means_of_the_parts(void **state) {
    (void)state;
    struct attributed five;
    struct bands bands;
    int64_t count = five_requests_init(&five);
    bands_init(&bands);
    static const int32_t status[6] = {0, 0, 0, 0, 0, BATCHING_REQUEST_UNFINISHED};
    static const double percentiles[BANDS + 1] = {0.0, 50.0, 75.0, 100.0};
    /* Four are looked at: 1, 2, 2, 5 s. The edges are at places 2, 3 and 4. */
    assert_succeeds(
        batching_attribution_bands_calculate(&five.attribution, count, status, percentiles, BANDS, &bands.bands));
    assert_integers(bands.count, 3, 0, 1);
    assert_times(bands.shortest, 1.0, 0.0, 5.0);
    assert_times(bands.longest, 2.0, 0.0, 5.0);
    assert_times(bands.mean_total, 5.0 / 3, 0.0, 5.0);
    assert_times(bands.decode, 1.5, 0.0, 3.0);
    assert_times(bands.waiting_for_memory, 0.5 / 3, 0.0, 2.0);
    assert_times(bands.waiting_for_slot, 0.0, 0.0, 0.0);
    assert_times(bands.prefill, 0.0, 0.0, 0.0);
    assert_times(bands.slowed_by_prefill, 0.0, 0.0, 0.0);
    assert_times(bands.preempted, 0.0, 0.0, 0.0);
    assert_times(bands.held_in_batch, 0.0, 0.0, 0.0);
    assert_times(bands.waiting_for_client, 0.0, 0.0, 0.0);
    /* Without a status the last counts, too: the edges are at places 3, 4 and 5. */
    assert_succeeds(
        batching_attribution_bands_calculate(&five.attribution, count, NULL, percentiles, BANDS, &bands.bands));
    assert_integers(bands.count, 3, 1, 1);
    assert_times(bands.longest, 2.0, 5.0, 7.0);
}

/* The requests of before wait 6, 0, 0, 0 and 0 s at their clients: then they took 7, 2, 2, 5 and 7 s. */
static void bands_include_the_wait_at_the_client(void **state) {
    (void)state;
    struct attributed five;
    struct bands bands;
    int64_t count = five_requests_init(&five);
    bands_init(&bands);
    static const double percentiles[BANDS + 1] = {0.0, 40.0, 60.0, 100.0};
    double waiting_for_client[6] = {6.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    five.attribution.waiting_for_client = waiting_for_client;
    /* The edges are at places 2, 3 and 5: 2, 5 and 7 s. */
    assert_succeeds(
        batching_attribution_bands_calculate(&five.attribution, count, NULL, percentiles, BANDS, &bands.bands));
    assert_integers(bands.count, 2, 1, 2);
    assert_times(bands.shortest, 2.0, 5.0, 7.0);
    assert_times(bands.longest, 2.0, 5.0, 7.0);
    assert_times(bands.mean_total, 2.0, 5.0, 7.0);
    assert_times(bands.decode, 1.75, 3.0, 4.0);
    assert_times(bands.waiting_for_client, 0.0, 0.0, 3.0);
    /* One that was not sent is left out, whatever else is known of it. */
    waiting_for_client[5] = NAN;
    assert_succeeds(
        batching_attribution_bands_calculate(&five.attribution, count, NULL, percentiles, BANDS, &bands.bands));
    assert_integers(bands.count, 2, 1, 1);
    waiting_for_client[1] = -1.0;
    assert_fails(batching_attribution_bands_calculate(&five.attribution, count, NULL, percentiles, BANDS, &bands.bands),
                 BATCHING_ERROR_INVALID_ARGUMENT,
                 "waiting_for_client[1] is -1.0: must be between 0 and 9223372036 seconds");
    waiting_for_client[1] = BATCHING_TIME_MAX;
    assert_fails(batching_attribution_bands_calculate(&five.attribution, count, NULL, percentiles, BANDS, &bands.bands),
                 BATCHING_ERROR_INVALID_ARGUMENT, "the parts of request 1 add up to");
}

static void bands_are_refused(void **state) {
    (void)state;
    struct attributed five;
    struct bands bands, untouched;
    int64_t count = five_requests_init(&five);
    bands_init(&bands);
    untouched = bands;
    static const double percentiles[3] = {0.0, 50.0, 100.0};
    static const double falling[3] = {0.0, 50.0, 40.0};
#define REFUSED(status, sentence, attribution, count, percentiles, band_count)                                         \
    assert_fails(                                                                                                      \
        batching_attribution_bands_calculate(attribution, count, NULL, percentiles, band_count, &bands.bands), status, \
        sentence)
    REFUSED(BATCHING_ERROR_NULL_POINTER, "attribution is NULL", NULL, count, percentiles, 2);
    REFUSED(BATCHING_ERROR_NULL_POINTER, "percentiles is NULL", &five.attribution, count, NULL, 2);
    REFUSED(BATCHING_ERROR_INVALID_ARGUMENT, "count is -1: must be at least 0", &five.attribution, -1, percentiles, 2);
    REFUSED(BATCHING_ERROR_CAPACITY, "attribution.capacity is 8: must be at least count, which is 9", &five.attribution,
            9, percentiles, 2);
    REFUSED(BATCHING_ERROR_INVALID_ARGUMENT, "band_count is -1: must be between 0 and 1000", &five.attribution, count,
            percentiles, -1);
    REFUSED(BATCHING_ERROR_INVALID_ARGUMENT, "band_count is 1001: must be between 0 and 1000", &five.attribution, count,
            percentiles, 1001);
    REFUSED(BATCHING_ERROR_INVALID_ARGUMENT, "percentiles[2] is 40.0: must be above percentiles[1], which is 50.0",
            &five.attribution, count, falling, 2);
    five.decode[3] = -0.5;
    REFUSED(BATCHING_ERROR_INVALID_ARGUMENT, "decode[3] is -0.5: must be between 0 and", &five.attribution, count,
            percentiles, 2);
    five.decode[3] = BATCHING_TIME_MAX;
    REFUSED(BATCHING_ERROR_INVALID_ARGUMENT, "the parts of request 3 add up to", &five.attribution, count, percentiles,
            2);
    five.attribution.preempted = NULL;
    REFUSED(BATCHING_ERROR_NULL_POINTER, "attribution.preempted is NULL", &five.attribution, count, percentiles, 2);
    bands.bands.capacity = untouched.bands.capacity = 1;
    five.attribution.preempted = five.preempted;
    REFUSED(BATCHING_ERROR_CAPACITY, "bands.capacity is 1: must be at least band_count, which is 2", &five.attribution,
            count, percentiles, 2);
    assert_memory_equal(&bands, &untouched, sizeof bands);
    assert_fails(batching_attribution_bands_calculate(&five.attribution, count, NULL, percentiles, 2, NULL),
                 BATCHING_ERROR_NULL_POINTER, "bands is NULL");
}

/* The rows of a live engine that end a request, by its number. */
static void take_ends(batching_live_engine *engine, struct attributed *ended) {
    enum { MOST_EVENTS = 32 };
    struct attributed told;
    double columns[7][MOST_EVENTS];
    int64_t request[MOST_EVENTS];
    int32_t event[MOST_EVENTS];
    attributed_init(&told, NULL);
    told.attribution.capacity = MOST_EVENTS;
    double **const wanted[] = {&told.attribution.waiting_for_slot,  &told.attribution.waiting_for_memory,
                               &told.attribution.prefill,           &told.attribution.decode,
                               &told.attribution.slowed_by_prefill, &told.attribution.preempted,
                               &told.attribution.held_in_batch};
    for (int part = 0; part < 7; part++) {
        *wanted[part] = columns[part];
    }
    INITIALIZED(batching_live_engine_events, events);
    events.capacity = MOST_EVENTS;
    events.request = request;
    events.event = event;
    events.attribution = &told.attribution;
    assert_succeeds(batching_live_engine_poll(engine, &events));
    assert_int_equal(events.remaining, 0);
    double *const kept[] = {ended->waiting_for_slot,  ended->waiting_for_memory, ended->prefill,      ended->decode,
                            ended->slowed_by_prefill, ended->preempted,          ended->held_in_batch};
    for (int64_t row = 0; row < events.count; row++) {
        const int32_t what = event[row];
        const bool has_parts = what == BATCHING_EVENT_FINISHED || what == BATCHING_EVENT_ABORTED;
        for (int part = 0; part < 7; part++) {
            assert_int_equal(isnan(columns[part][row]) != 0, !has_parts);
            if (has_parts || what == BATCHING_EVENT_REJECTED) {
                kept[part][request[row]] = columns[part][row];
            }
        }
    }
}

static batching_live_engine *live(struct engine *engine) {
    batching_live_engine *made = NULL;
    engine->config.keep_attribution = 1;
    assert_succeeds(batching_live_engine_create(&engine->config, &made));
    assert_succeeds(batching_live_engine_submit(made, &engine->requests, NULL));
    return made;
}

/* As a_preempted_request_waits_and_recomputes, whose clock is moved in halves of an iteration. */
static void a_live_engine_tells_the_parts_as_a_request_ends(void **state) {
    (void)state;
    struct engine engine;
    struct attributed ended;
    engine_init_short_of_memory(&engine);
    attributed_init(&ended, NULL);
    batching_live_engine *made = live(&engine);
    for (double time = 0.5; time <= 6.0; time += 0.5) {
        assert_succeeds(batching_live_engine_advance(made, time, 0));
    }
    take_ends(made, &ended);
    assert_times(ended.waiting_for_slot, 0.0, 0.0);
    assert_times(ended.prefill, 1.0, 1.0);
    assert_times(ended.decode, 3.0, 2.0);
    assert_times(ended.preempted, 0.0, 3.0);
    INITIALIZED(batching_live_engine_state, now);
    assert_succeeds(batching_live_engine_observe(made, &now));
    assert_int_equal(now.keeps_attribution, 1);
    assert_succeeds(batching_live_engine_destroy(made));
}

/* A static batch of two, as in a_static_batch_holds_those_that_are_done; the one that is held is aborted at 3.5, which
 * takes effect at the end of the iteration; the one that waits at once; one that was to come has no time at all. */
static void one_that_leaves_is_split_up_to_then(void **state) {
    (void)state;
    struct engine engine;
    struct attributed ended;
    engine_init(&engine, 4);
    engine.config.policy = BATCHING_POLICY_STATIC;
    engine.config.max_num_seqs = 2;
    engine.requests.output_length = LENGTHS(5, 1, 1, 1);
    engine.requests.arrival_time = TIMES(0.0, 0.0, 0.5, 9.0);
    attributed_init(&ended, NULL);
    batching_live_engine *made = live(&engine);
    assert_succeeds(batching_live_engine_advance(made, 3.5, 0));
    for (int64_t request = 1; request <= 3; request++) {
        assert_succeeds(batching_live_engine_abort(made, request));
    }
    assert_succeeds(batching_live_engine_advance(made, INFINITY, 0));
    take_ends(made, &ended);
    assert_times(ended.waiting_for_slot, 0.0, 0.0, 3.0, 0.0);
    assert_times(ended.prefill, 1.0, 1.0, 0.0, 0.0);
    assert_times(ended.decode, 4.0, 0.0, 0.0, 0.0);
    assert_times(ended.held_in_batch, 0.0, 3.0, 0.0, 0.0);
    assert_succeeds(batching_live_engine_destroy(made));
}

static void attribution_that_a_live_engine_does_not_tell(void **state) {
    (void)state;
    struct engine engine;
    struct attributed told, untouched;
    engine_init_short_of_memory(&engine);
    batching_live_engine *made = live(&engine), *plain = NULL;
    assert_succeeds(batching_live_engine_advance(made, INFINITY, 0));
    engine.config.keep_attribution = 0;
    assert_succeeds(batching_live_engine_create(&engine.config, &plain));
    attributed_init(&told, NULL);
    INITIALIZED(batching_live_engine_events, events);
    events.count = -7;
    events.attribution = &told.attribution;
    untouched = told;
    assert_fails(batching_live_engine_poll(plain, &events), BATCHING_ERROR_INVALID_ARGUMENT,
                 "events.attribution is given: must be NULL for an engine without keep_attribution");
    events.capacity = ENGINE_CAPACITY + 1;
    assert_fails(batching_live_engine_poll(made, &events), BATCHING_ERROR_CAPACITY,
                 "attribution.capacity is 8: must be at least events.capacity, which is 9");
    told.attribution.struct_size = untouched.attribution.struct_size = 8;
    assert_fails(batching_live_engine_poll(made, &events), BATCHING_ERROR_STRUCT_SIZE, "attribution.struct_size is 8");
    assert_int_equal(events.count, -7);
    assert_memory_equal(&told, &untouched, sizeof told);
    /* It is not asked for: the events are taken without. */
    events.attribution = NULL;
    assert_succeeds(batching_live_engine_poll(made, &events));
    assert_int_equal(events.count, 8);
    assert_succeeds(batching_live_engine_destroy(made));
    assert_succeeds(batching_live_engine_destroy(plain));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_preempted_request_waits_and_recomputes),
        cmocka_unit_test(a_static_batch_holds_those_that_are_done),
        cmocka_unit_test(columns_that_are_not_wanted_change_nothing),
        cmocka_unit_test(a_run_has_columns_for_all_requests),
        cmocka_unit_test(bands_tell_the_means_of_the_parts),
        cmocka_unit_test(bands_include_the_wait_at_the_client),
        cmocka_unit_test(bands_are_refused),
        cmocka_unit_test(a_live_engine_tells_the_parts_as_a_request_ends),
        cmocka_unit_test(one_that_leaves_is_split_up_to_then),
        cmocka_unit_test(attribution_that_a_live_engine_does_not_tell),
    };
    return cmocka_run_group_tests_name("attribution", tests, NULL, NULL);
}
