/* The accumulator of live traffic: worked by hand, its errors, and one call at a time. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support.h"

static batching_accumulator *created(const batching_accumulator_config *config) {
    batching_accumulator *accumulator = NULL;
    assert_succeeds(batching_accumulator_create(config, &accumulator));
    assert_non_null(accumulator);
    return accumulator;
}

/* Times are binary fractions, so that all figures are exact: request 1 finishes, 2 fails, 3 runs, 4 waits. */
static void tell_lesson(batching_accumulator *accumulator) {
    assert_succeeds(batching_accumulator_arrived(accumulator, 1, 0.0, 100));
    assert_succeeds(batching_accumulator_arrived(accumulator, 2, 0.25, 50));
    assert_succeeds(batching_accumulator_started(accumulator, 1, 0.125));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, 0.5, 1));
    assert_succeeds(batching_accumulator_tokens(accumulator, 2, 0.75, 1));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, 0.75, 3));
    assert_succeeds(batching_accumulator_failed(accumulator, 2, 1.0, BATCHING_FAILED_ERROR));
    assert_succeeds(batching_accumulator_tokens(accumulator, 1, 1.5, 1));
    assert_succeeds(batching_accumulator_arrived(accumulator, 3, 1.0, 7));
    assert_succeeds(batching_accumulator_arrived(accumulator, 4, 1.0, 8));
    assert_succeeds(batching_accumulator_started(accumulator, 3, 1.25));
    assert_succeeds(batching_accumulator_finished(accumulator, 1, 1.5, BATCHING_FINISHED_STOP));
}

static void the_figures_are_those_worked_by_hand(void **state) {
    (void)state;
    INITIALIZED(batching_accumulator_config, config);
    config.slo_tpot = 0.25;
    config.slo_itl = 0.5;
    batching_accumulator *accumulator = created(&config);
    tell_lesson(accumulator);

    INITIALIZED(batching_accumulator_state, now);
    assert_succeeds(batching_accumulator_observe(accumulator, &now));
    assert_double_equal(now.clock, 1.5);
    assert_int_equal(now.arrived, 4);
    assert_int_equal(now.running, 1);
    assert_int_equal(now.waiting, 1);
    assert_int_equal(now.gaps, 0);

    const double wanted[] = {0.0, 50.0, 100.0};
    double itl_values[3];
    INITIALIZED(batching_serving_metrics_config, options);
    options.percentiles = wanted;
    options.percentile_count = 3;
    INITIALIZED(batching_distribution, ttft);
    INITIALIZED(batching_distribution, tpot);
    INITIALIZED(batching_distribution, itl);
    INITIALIZED(batching_distribution, queue_time);
    itl.percentiles = itl_values;
    INITIALIZED(batching_serving_metrics, metrics);
    metrics.ttft = &ttft;
    metrics.tpot = &tpot;
    metrics.itl = &itl;
    metrics.queue_time = &queue_time;
    assert_succeeds(batching_accumulator_measure(accumulator, BATCHING_ACCUMULATOR_WINDOW, &options, &metrics));
    assert_int_equal(metrics.completed, 1);
    assert_int_equal(metrics.failed, 1);
    assert_int_equal(metrics.total_input_tokens, 100);
    assert_int_equal(metrics.total_output_tokens, 5);
    assert_double_equal(metrics.duration, 1.5);
    assert_double_equal(metrics.output_throughput, 5.0 / 1.5);
    /* TPOT is (1.5 - 0.5) / 4, which its objective equals; the longest gap is 0.75. */
    assert_double_equal(tpot.mean, 0.25);
    assert_double_equal(metrics.slo_attainment_tpot, 0.5);
    assert_double_equal(metrics.slo_attainment_itl, 0.0);
    assert_int_equal(metrics.good, 0);
    assert_true(isnan(metrics.slo_attainment_ttft));
    assert_double_equal(ttft.mean, 0.5);
    assert_double_equal(queue_time.max, 0.125);
    assert_int_equal(itl.count, 2);
    assert_double_equal(itl.std, 0.25);
    assert_double_equal(itl_values[0], 0.25);
    assert_double_equal(itl_values[1], 0.5);
    assert_double_equal(itl_values[2], 0.75);
    assert_succeeds(batching_accumulator_destroy(accumulator));
}

static void bytes_and_text_go_into_a_buffer_that_is_large_enough(void **state) {
    (void)state;
    batching_accumulator *accumulator = created(NULL);
    tell_lesson(accumulator);
    int64_t needed = -7;
    assert_succeeds(batching_accumulator_save(accumulator, NULL, 0, &needed));
    assert_true(needed > 0);
    uint8_t *bytes = malloc((size_t)needed), *again = malloc((size_t)needed);
    memset(bytes, UNTOUCHED, (size_t)needed);
    int64_t told = -7;
    assert_fails(batching_accumulator_save(accumulator, bytes, needed - 1, &told), BATCHING_ERROR_CAPACITY,
                 "capacity is");
    assert_int_equal(told, needed);
    for (int64_t index = 0; index < needed; index++) {
        assert_int_equal(bytes[index], UNTOUCHED);
    }
    assert_succeeds(batching_accumulator_save(accumulator, bytes, needed, NULL));
    batching_accumulator *copy = NULL;
    assert_succeeds(batching_accumulator_load(bytes, needed, &copy));
    assert_succeeds(batching_accumulator_save(copy, again, needed, NULL));
    assert_memory_equal(bytes, again, (size_t)needed);
    batching_accumulator *none = NULL;
    bytes[needed / 2] ^= 1;
    assert_fails(batching_accumulator_load(bytes, needed, &none), BATCHING_ERROR_INVALID_ARGUMENT, "checksum");
    assert_null(none);
    free(bytes);
    free(again);

    assert_succeeds(batching_accumulator_prometheus(accumulator, "m", "0", 0, NULL, 0, &needed));
    char *text = malloc((size_t)needed + 1);
    text[needed - 1] = text[needed] = 'x';
    assert_fails(batching_accumulator_prometheus(accumulator, "m", "0", 0, text, needed - 1, NULL),
                 BATCHING_ERROR_CAPACITY, "capacity is");
    assert_int_equal(text[needed - 1], 'x');
    assert_succeeds(batching_accumulator_prometheus(accumulator, "m", "0", 0, text, needed, NULL));
    assert_int_equal(strlen(text), needed - 1);
    assert_int_equal(text[needed], 'x');
    assert_non_null(strstr(text, "vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 1\n"));
    assert_fails(batching_accumulator_prometheus(accumulator, "\xff", "0", 0, NULL, 0, NULL),
                 BATCHING_ERROR_INVALID_ARGUMENT, "model_name is not UTF-8");
    free(text);
    assert_succeeds(batching_accumulator_destroy(accumulator));
    assert_succeeds(batching_accumulator_destroy(copy));
}

static void pointers_that_must_be_there(void **state) {
    (void)state;
    batching_accumulator *accumulator = created(NULL);
    INITIALIZED(batching_serving_metrics, metrics);
    INITIALIZED(batching_accumulator_state, now);
    INITIALIZED(batching_accumulator_events, events);
    assert_succeeds(batching_accumulator_destroy(NULL));
    assert_fails(batching_accumulator_create(NULL, NULL), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_arrived(NULL, 1, 0.0, 1), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_started(NULL, 1, 0.0), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_tokens(NULL, 1, 0.0, 1), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_finished(NULL, 1, 0.0, 0), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_failed(NULL, 1, 0.0, 0), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_advance(NULL, 0.0), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_add(NULL, &events, NULL), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_add(accumulator, NULL, NULL), BATCHING_ERROR_NULL_POINTER, "events is NULL");
    events.count = 1;
    assert_fails(batching_accumulator_add(accumulator, &events, NULL), BATCHING_ERROR_NULL_POINTER, "request is NULL");
    assert_fails(batching_accumulator_observe(NULL, &now), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_observe(accumulator, NULL), BATCHING_ERROR_NULL_POINTER, "state is NULL");
    assert_fails(batching_accumulator_measure(NULL, 0, NULL, &metrics), BATCHING_ERROR_NULL_POINTER, "accumulator");
    assert_fails(batching_accumulator_measure(accumulator, 0, NULL, NULL), BATCHING_ERROR_NULL_POINTER, "metrics");
    assert_fails(batching_accumulator_merge(NULL, accumulator), BATCHING_ERROR_NULL_POINTER, "accumulator is NULL");
    assert_fails(batching_accumulator_merge(accumulator, NULL), BATCHING_ERROR_NULL_POINTER, "other is NULL");
    assert_fails(batching_accumulator_save(NULL, NULL, 0, NULL), BATCHING_ERROR_NULL_POINTER, "accumulator");
    assert_fails(batching_accumulator_load(NULL, 0, &accumulator), BATCHING_ERROR_NULL_POINTER, "bytes");
    assert_fails(batching_accumulator_prometheus(accumulator, NULL, "0", 0, NULL, 0, NULL), BATCHING_ERROR_NULL_POINTER,
                 "model_name is NULL");
    assert_fails(batching_accumulator_prometheus(accumulator, "m", NULL, 0, NULL, 0, NULL), BATCHING_ERROR_NULL_POINTER,
                 "engine is NULL");
    assert_fails(batching_accumulator_measure(accumulator, 1, NULL, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "scope is 1");
    assert_succeeds(batching_accumulator_destroy(accumulator));
}

static void what_belongs_to_the_accumulator_is_not_asked_for(void **state) {
    (void)state;
    batching_accumulator *accumulator = created(NULL);
    INITIALIZED(batching_serving_metrics, metrics);
    INITIALIZED(batching_serving_metrics_config, options);
    options.convention = BATCHING_CONVENTION_SGLANG;
    assert_fails(batching_accumulator_measure(accumulator, 0, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "convention is 100");
    options.convention = BATCHING_CONVENTION_VLLM;
    options.slo_e2e = 1.0;
    assert_fails(batching_accumulator_measure(accumulator, 0, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "SLO");
    options.slo_e2e = 0.0;
    options.slo_due_by = 1.0;
    assert_fails(batching_accumulator_measure(accumulator, 0, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "slo_due_by is 1.0");
    assert_succeeds(batching_accumulator_destroy(accumulator));
}

/* Where the events of a call lie, and what a second call in its middle came to. */
static struct {
    batching_accumulator *in_use, *other;
    void *page;
    size_t size;
    batching_status advanced, merged, merged_into, destroyed;
    int calls;
} interruption;

/* The library has begun to read the events: it is in the middle of its call. */
static void call_again(int signal) {
    (void)signal;
    interruption.calls++;
    interruption.advanced = batching_accumulator_advance(interruption.in_use, 9.0);
    interruption.merged = batching_accumulator_merge(interruption.other, interruption.in_use);
    interruption.merged_into = batching_accumulator_merge(interruption.in_use, interruption.other);
    interruption.destroyed = batching_accumulator_destroy(interruption.in_use);
    mprotect(interruption.page, interruption.size, PROT_READ | PROT_WRITE);
}

static void a_call_on_one_in_use_is_refused(void **state) {
    (void)state;
    /* The events are in a page that may not be read until the handler of the signal, which that raises, has run. */
    interruption.size = (size_t)sysconf(_SC_PAGESIZE);
    interruption.page = mmap(NULL, interruption.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(interruption.page != MAP_FAILED);
    int64_t *request = interruption.page;
    const double time[] = {1.0, 2.0};
    request[0] = request[1] = 7;
    interruption.in_use = created(NULL);
    interruption.other = created(NULL);
    assert_succeeds(batching_accumulator_arrived(interruption.in_use, 7, 0.0, 1));
    INITIALIZED(batching_accumulator_events, events);
    events.count = 2;
    events.request = request;
    events.time = time;

    struct sigaction handler = {.sa_handler = call_again}, before;
    assert_int_equal(sigaction(SIGSEGV, &handler, &before), 0);
    assert_int_equal(mprotect(interruption.page, interruption.size, PROT_NONE), 0);
    const batching_status status = batching_accumulator_add(interruption.in_use, &events, NULL);
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);

    assert_int_equal(interruption.calls, 1);
    assert_int_equal(interruption.advanced, BATCHING_ERROR_BUSY);
    assert_int_equal(interruption.merged, BATCHING_ERROR_BUSY);
    assert_int_equal(interruption.merged_into, BATCHING_ERROR_BUSY);
    assert_int_equal(interruption.destroyed, BATCHING_ERROR_BUSY);
    assert_error_names("accumulator is in use by another call");
    /* The call that was interrupted went on, and the clock is its own. */
    assert_succeeds(status);
    INITIALIZED(batching_accumulator_state, now);
    assert_succeeds(batching_accumulator_observe(interruption.in_use, &now));
    assert_double_equal(now.clock, 2.0);
    assert_int_equal(now.gaps, 1);
    /* Both are free again. */
    assert_succeeds(batching_accumulator_merge(interruption.other, interruption.in_use));
    assert_succeeds(batching_accumulator_destroy(interruption.in_use));
    assert_succeeds(batching_accumulator_destroy(interruption.other));
    munmap(interruption.page, interruption.size);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_figures_are_those_worked_by_hand),
        cmocka_unit_test(bytes_and_text_go_into_a_buffer_that_is_large_enough),
        cmocka_unit_test(pointers_that_must_be_there),
        cmocka_unit_test(what_belongs_to_the_accumulator_is_not_asked_for),
        cmocka_unit_test(a_call_on_one_in_use_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
