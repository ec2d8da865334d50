/* The load over time, through C: a case worked out by hand, its timeline in any number of rows, and what is refused. */
#include <math.h>

#include "support.h"

enum { COUNT = 4, ROWS = 8 };

static const double ARRIVAL[COUNT] = {0.0, 1.0, 1.0, 3.0};
static const double START[COUNT] = {0.0, 1.0, 2.0, 4.0};
static const double END[COUNT] = {4.0, 2.0, 6.0, 5.0};
static const int32_t PROMPT[COUNT] = {100, 10, 20, 5};
static const int32_t OUTPUT[COUNT] = {40, 10, 30, 5};

/*
 * On two slots: request 0 runs in [0, 4), 1 in [1, 2), 2 in [2, 6), 3 in [4, 5). Request 2 waits in [1, 2), 3 in [3,
 * 4). Running, waiting and tokens are 1, 0, 140 from 0; 2, 1, 160 from 1; 2, 0, 190 from 2; 2, 1, 190 from 3; 2, 0, 60
 * from 4; 1, 0, 50 from 5.
 */
static batching_recorded four_requests(void) {
    INITIALIZED(batching_recorded, recorded);
    recorded.count = COUNT;
    recorded.arrival_time = ARRIVAL;
    recorded.start_time = START;
    recorded.end_time = END;
    recorded.prompt_length = PROMPT;
    recorded.output_length = OUTPUT;
    return recorded;
}

struct rows {
    batching_load_timeline timeline;
    double time[ROWS], running[ROWS], waiting[ROWS], tokens[ROWS];
    int64_t peak_running[ROWS], peak_waiting[ROWS], peak_tokens[ROWS];
};

static void rows_init(struct rows *rows) {
    memset(rows, UNTOUCHED, sizeof *rows);
    assert_succeeds(batching_load_timeline_init(&rows->timeline, sizeof rows->timeline));
    rows->timeline.capacity = ROWS;
    rows->timeline.time = rows->time;
    rows->timeline.running = rows->running;
    rows->timeline.waiting = rows->waiting;
    rows->timeline.tokens = rows->tokens;
    rows->timeline.peak_running = rows->peak_running;
    rows->timeline.peak_waiting = rows->peak_waiting;
    rows->timeline.peak_tokens = rows->peak_tokens;
}

static void a_load_is_averaged_over_its_window(void **state) {
    (void)state;
    batching_recorded recorded = four_requests();
    INITIALIZED(batching_load, load);
    INITIALIZED(batching_load_config, config);
    static const double last_token[COUNT] = {3.0, NAN, 6.0, 5.0};
    config.slots = 3;
    config.last_token_time = last_token;
    assert_succeeds(batching_load_calculate(&recorded, &config, &load, NULL));
    assert_double_equal(load.window_start, 0.0);
    assert_double_equal(load.window_end, 6.0);
    assert_int_equal(load.requests, 4);
    assert_double_equal(load.mean_running, 10.0 / 6);
    assert_double_equal(load.mean_waiting, 2.0 / 6);
    assert_double_equal(load.mean_tokens, (140 + 160 + 190 + 190 + 60 + 50) / 6.0);
    assert_int_equal(load.peak_running, 2);
    assert_int_equal(load.peak_waiting, 1);
    assert_int_equal(load.peak_tokens, 190);
    assert_double_equal(load.utilization, 1.0);
    assert_double_equal(load.slot_utilization, 10.0 / 6 / 3);
    /* Request 0 is held in [3, 4); a third slot is free in the two seconds in which a request waits. */
    assert_double_equal(load.held_slot_time, 1.0);
    assert_double_equal(load.unfilled_slot_time, 2.0);
    assert_double_equal(load.wasted_slot_share, 3.0 / 6 / 3);
    /* Half of it, on slots of which nothing is known. */
    config = (batching_load_config){0};
    assert_succeeds(batching_load_config_init(&config, sizeof config));
    config.window_start = 3.0;
    config.window_end = 9.0;
    assert_succeeds(batching_load_calculate(&recorded, &config, &load, NULL));
    assert_double_equal(load.mean_running, 5.0 / 6);
    assert_double_equal(load.utilization, 3.0 / 6);
    assert_true(isnan(load.slot_utilization) && isnan(load.unfilled_slot_time) && isnan(load.wasted_slot_share));
    assert_double_equal(load.held_slot_time, 0.0);
}

static void a_timeline_has_a_row_for_each_change(void **state) {
    (void)state;
    batching_recorded recorded = four_requests();
    struct rows rows, untouched;
    static const double time[6] = {0, 1, 2, 3, 4, 5}, running[6] = {1, 2, 2, 2, 2, 1}, waiting[6] = {0, 1, 0, 1, 0, 0},
                        tokens[6] = {140, 160, 190, 190, 60, 50};
    static const int64_t peak_running[6] = {1, 2, 2, 2, 2, 1}, peak_waiting[6] = {0, 1, 0, 1, 0, 0},
                         peak_tokens[6] = {140, 160, 190, 190, 60, 50};
    for (int64_t capacity = 0; capacity <= ROWS; capacity++) {
        rows_init(&rows);
        rows_init(&untouched);
        rows.timeline.capacity = capacity;
        assert_succeeds(batching_load_calculate(&recorded, NULL, NULL, &rows.timeline));
        assert_int_equal(rows.timeline.count, 6);
        const size_t kept = capacity < 6 ? (size_t)capacity : 6;
        assert_memory_equal(rows.time, time, kept * sizeof *time);
        assert_memory_equal(rows.running, running, kept * sizeof *running);
        assert_memory_equal(rows.waiting, waiting, kept * sizeof *waiting);
        assert_memory_equal(rows.tokens, tokens, kept * sizeof *tokens);
        assert_memory_equal(rows.peak_running, peak_running, kept * sizeof *peak_running);
        assert_memory_equal(rows.peak_waiting, peak_waiting, kept * sizeof *peak_waiting);
        assert_memory_equal(rows.peak_tokens, peak_tokens, kept * sizeof *peak_tokens);
        /* Rows beyond are counted, not written. */
        assert_memory_equal(rows.time + kept, untouched.time + kept, (ROWS - kept) * sizeof *time);
        assert_memory_equal(rows.peak_tokens + kept, untouched.peak_tokens + kept, (ROWS - kept) * sizeof *peak_tokens);
    }
}

static void a_timeline_has_bins_of_equal_length(void **state) {
    (void)state;
    batching_recorded recorded = four_requests();
    struct rows rows;
    rows_init(&rows);
    rows.timeline.bins = 4;
    assert_succeeds(batching_load_calculate(&recorded, NULL, NULL, &rows.timeline));
    assert_int_equal(rows.timeline.count, 4);
    static const double time[4] = {0.0, 1.5, 3.0, 4.5}, running[4] = {2 / 1.5, 2.0, 2.0, 2 / 1.5},
                        waiting[4] = {0.5 / 1.5, 0.5 / 1.5, 1 / 1.5, 0.0},
                        tokens[4] = {220 / 1.5, 270 / 1.5, 220 / 1.5, 80 / 1.5};
    static const int64_t peak_tokens[4] = {160, 190, 190, 60};
    assert_memory_equal(rows.time, time, sizeof time);
    assert_memory_equal(rows.running, running, sizeof running);
    assert_memory_equal(rows.waiting, waiting, sizeof waiting);
    assert_memory_equal(rows.tokens, tokens, sizeof tokens);
    assert_memory_equal(rows.peak_tokens, peak_tokens, sizeof peak_tokens);
    /* A window without length has no bins. */
    INITIALIZED(batching_load_config, config);
    config.window_start = config.window_end = 2.0;
    assert_succeeds(batching_load_calculate(&recorded, &config, NULL, &rows.timeline));
    assert_int_equal(rows.timeline.count, 0);
}

/* Bins of a nanosecond over a day, none of which is kept, take no longer than one bin. */
static void rows_that_are_not_kept_are_only_counted(void **state) {
    (void)state;
    batching_recorded recorded = four_requests();
    INITIALIZED(batching_load_config, config);
    INITIALIZED(batching_load, load);
    INITIALIZED(batching_load, alone);
    INITIALIZED(batching_load_timeline, timeline);
    config.window_end = 86400.0;
    timeline.bins = 86400000000000;
    timeline.capacity = INT64_MAX;
    assert_succeeds(batching_load_calculate(&recorded, &config, &load, &timeline));
    assert_int_equal(timeline.count, 86400000000000);
    assert_succeeds(batching_load_calculate(&recorded, &config, &alone, NULL));
    assert_memory_equal(&load, &alone, sizeof load);
    timeline.capacity = timeline.bins - 1;
    assert_fails(batching_load_calculate(&recorded, &config, &load, &timeline), BATCHING_ERROR_CAPACITY,
                 "timeline.capacity is 86399999999999: must be at least");
}

/* A pair of requests, in a thousand bins a nanosecond long and more: the k-th of n begins at floor(k x length / n). */
static void many_bins_are_as_long_as_few(void **state) {
    (void)state;
    enum { BINS = 100003, LENGTH = 300010 };
    static double time[BINS], running[BINS];
    static const double arrival[2] = {0, 1e-4}, end[2] = {LENGTH * 1e-9, 2e-4};
    static const int32_t output[2] = {1, 1};
    INITIALIZED(batching_recorded, recorded);
    recorded.count = 2;
    recorded.arrival_time = recorded.start_time = arrival;
    recorded.end_time = end;
    recorded.output_length = output;
    INITIALIZED(batching_load_timeline, timeline);
    timeline.bins = timeline.capacity = BINS;
    timeline.time = time;
    timeline.running = running;
    assert_succeeds(batching_load_calculate(&recorded, NULL, NULL, &timeline));
    assert_int_equal(timeline.count, BINS);
    for (int64_t bin = 0; bin < BINS; bin++) {
        const int64_t from = bin * LENGTH / BINS, to = (bin + 1) * LENGTH / BINS;
        /* The second runs from 100,000 to 200,000. */
        const int64_t first = from < 100000 ? 100000 : from, last = to > 200000 ? 200000 : to;
        assert_double_equal(time[bin], (double)from / 1e9);
        assert_double_equal(running[bin],
                            (double)(to - from + (last > first ? last - first : 0)) / (double)(to - from));
    }
}

static void columns_that_are_left_out_have_their_defaults(void **state) {
    (void)state;
    batching_recorded recorded = four_requests();
    recorded.arrival_time = recorded.start_time = NULL;
    recorded.prompt_length = NULL;
    static const uint8_t success[COUNT] = {1, 0, 1, 1};
    recorded.success = success;
    INITIALIZED(batching_load, load);
    /* Those of 0, 2 and 3, from 0 to 4, 6 and 5, with their outputs alone. */
    assert_succeeds(batching_load_calculate(&recorded, NULL, &load, NULL));
    assert_int_equal(load.requests, 3);
    assert_double_equal(load.mean_running, 15.0 / 6);
    assert_double_equal(load.mean_waiting, 0.0);
    assert_double_equal(load.mean_tokens, (4 * 40 + 6 * 30 + 5 * 5) / 6.0);
    /* No requests. */
    INITIALIZED(batching_recorded, none);
    assert_succeeds(batching_load_calculate(&none, NULL, &load, NULL));
    assert_int_equal(load.requests, 0);
    assert_double_equal(load.window_end, 0.0);
    assert_double_equal(load.mean_running, 0.0);
}

static void what_is_no_load_is_refused(void **state) {
    (void)state;
    batching_recorded recorded = four_requests();
    INITIALIZED(batching_load_config, config);
    INITIALIZED(batching_load, load);
    load.requests = -7;
    struct rows rows, untouched;
    rows_init(&rows);
#define REFUSED(change, status, sentence)                                                                              \
    do {                                                                                                               \
        recorded = four_requests();                                                                                    \
        assert_succeeds(batching_load_config_init(&config, sizeof config));                                            \
        rows_init(&rows);                                                                                              \
        change;                                                                                                        \
        untouched = rows;                                                                                              \
        assert_fails(batching_load_calculate(&recorded, &config, &load, &rows.timeline), status, sentence);            \
        assert_memory_equal(&rows, &untouched, sizeof rows);                                                           \
        assert_int_equal(load.requests, -7);                                                                           \
    } while (0)
    static const double early[COUNT] = {0.0, 0.5, 2.0, 4.0}, nan[COUNT] = {4.0, NAN, 6.0, 5.0};
    static const int32_t negative[COUNT] = {1, 1, -2, 1};
    static const uint8_t two[COUNT] = {1, 1, 1, 2};
    REFUSED(recorded.count = -1, BATCHING_ERROR_INVALID_ARGUMENT, "recorded.count is -1: must be at least 0");
    REFUSED(recorded.count = INT64_MAX, BATCHING_ERROR_INVALID_ARGUMENT, "recorded.count is 9223372036854775807");
    REFUSED(recorded.end_time = NULL, BATCHING_ERROR_NULL_POINTER, "recorded.end_time is NULL");
    REFUSED(recorded.output_length = NULL, BATCHING_ERROR_NULL_POINTER, "recorded.output_length is NULL");
    REFUSED(recorded.end_time = nan, BATCHING_ERROR_INVALID_ARGUMENT, "end_time[1] is nan: must be between");
    REFUSED(recorded.start_time = early, BATCHING_ERROR_INVALID_ARGUMENT,
            "start_time[1] is 0.5: must not be before arrival_time[1], which is 1.0");
    REFUSED(recorded.end_time = ARRIVAL, BATCHING_ERROR_INVALID_ARGUMENT, "end_time[2] is 1.0: must not be before");
    REFUSED(recorded.prompt_length = negative, BATCHING_ERROR_INVALID_ARGUMENT, "prompt_length[2] is -2");
    REFUSED(recorded.output_length = negative, BATCHING_ERROR_INVALID_ARGUMENT, "output_length[2] is -2");
    REFUSED(recorded.success = two, BATCHING_ERROR_INVALID_ARGUMENT, "success[3] is 2: must be 0 or 1");
    REFUSED(config.last_token_time = early, BATCHING_ERROR_INVALID_ARGUMENT, "last_token_time[1] is 0.5: must be");
    REFUSED(config.slots = -1, BATCHING_ERROR_INVALID_ARGUMENT, "slots is -1: must be at least 1");
    REFUSED(config.window_start = 1.0, BATCHING_ERROR_INVALID_ARGUMENT, "window_start is 1.0: must be 0 where");
    REFUSED((config.window_start = 2.0, config.window_end = 1.0), BATCHING_ERROR_INVALID_ARGUMENT,
            "window_end is 1.0: must not be before window_start, which is 2.0");
    REFUSED(config.window_end = INFINITY, BATCHING_ERROR_INVALID_ARGUMENT, "window_end is inf: must be between");
    REFUSED(rows.timeline.bins = -1, BATCHING_ERROR_INVALID_ARGUMENT, "timeline.bins is -1: must be at least 0");
    REFUSED(rows.timeline.bins = ROWS + 1, BATCHING_ERROR_CAPACITY, "timeline.capacity is 8: must be at least");
    REFUSED(rows.timeline.capacity = -1, BATCHING_ERROR_INVALID_ARGUMENT, "timeline.capacity is -1: must be");
    REFUSED((config.window_start = 1.0, config.window_end = 1.000000002, rows.timeline.bins = 3),
            BATCHING_ERROR_INVALID_ARGUMENT, "timeline.bins is 3: must be at most the nanoseconds of the window, 2");
    assert_fails(batching_load_calculate(NULL, NULL, NULL, NULL), BATCHING_ERROR_NULL_POINTER, "recorded is NULL");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_is_averaged_over_its_window),
        cmocka_unit_test(a_timeline_has_a_row_for_each_change),
        cmocka_unit_test(a_timeline_has_bins_of_equal_length),
        cmocka_unit_test(rows_that_are_not_kept_are_only_counted),
        cmocka_unit_test(many_bins_are_as_long_as_few),
        cmocka_unit_test(columns_that_are_left_out_have_their_defaults),
        cmocka_unit_test(what_is_no_load_is_refused),
    };
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
