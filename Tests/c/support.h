/* What the C tests share: structs made in one line, and columns that show whether they were written. */
#ifndef BATCHING_TESTS_SUPPORT_H
#define BATCHING_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "batching.h"

/* Initialized by the library, so that every test goes the way a caller goes. */
#define INITIALIZED(type, name)                                                                                        \
    type name;                                                                                                         \
    assert_int_equal(type##_init(&name, sizeof name), BATCHING_OK)

/* Bit for bit, so that -0.0, not-a-number and the last bit of a sum count. */
#define assert_double_equal(actual, expected)                                                                          \
    do {                                                                                                               \
        double actual_value = (actual), expected_value = (expected);                                                   \
        if (memcmp(&actual_value, &expected_value, sizeof(double)) != 0) {                                             \
            fail_msg("%s is %.17g, expected %.17g", #actual, actual_value, expected_value);                            \
        }                                                                                                              \
    } while (0)

#define assert_doubles_equal(actual, expected, count)                                                                  \
    do {                                                                                                               \
        for (int64_t at = 0; at < (count); at++) {                                                                     \
            assert_double_equal((actual)[at], (expected)[at]);                                                         \
        }                                                                                                              \
    } while (0)

/* The sentence of the last error has to name the argument, the index and the value: each of them in `part`. */
#define assert_error_names(part)                                                                                       \
    do {                                                                                                               \
        if (strstr(batching_last_error(), (part)) == NULL) {                                                           \
            fail_msg("\"%s\" does not name \"%s\"", batching_last_error(), (part));                                    \
        }                                                                                                              \
    } while (0)

/* Fails the call, with this status and a sentence that contains `part`. */
#define assert_fails(call, status, part)                                                                               \
    do {                                                                                                               \
        assert_string_equal(batching_status_name(call), batching_status_name(status));                                 \
        assert_error_names(part);                                                                                      \
    } while (0)

#define assert_succeeds(call)                                                                                          \
    do {                                                                                                               \
        batching_status status_of_call = (call);                                                                       \
        if (status_of_call != BATCHING_OK) {                                                                           \
            fail_msg("%s: %s: %s", #call, batching_status_name(status_of_call), batching_last_error());                \
        }                                                                                                              \
    } while (0)

/* The four requests of a first lesson. */
static const int32_t LESSON_OUTPUT_LENGTH[4] = {50, 200, 30, 150};
static const double LESSON_ARRIVAL_TIME[4] = {0.0, 0.1, 0.2, 0.3};

static inline batching_requests lesson_requests(void) {
    INITIALIZED(batching_requests, requests);
    requests.count = 4;
    requests.output_length = LESSON_OUTPUT_LENGTH;
    requests.arrival_time = LESSON_ARRIVAL_TIME;
    return requests;
}

/* Every output of the library in one block of memory, so that one comparison tells whether any of it was written. */
enum { OUTPUTS_CAPACITY = 8 };

struct outputs {
    double start_time[OUTPUTS_CAPACITY];
    double first_token_time[OUTPUTS_CAPACITY];
    double end_time[OUTPUTS_CAPACITY];
    int32_t tokens_generated[OUTPUTS_CAPACITY];
    int64_t completion_order[OUTPUTS_CAPACITY];
    double queue_time[OUTPUTS_CAPACITY];
    double processing_time[OUTPUTS_CAPACITY];
    double total_latency[OUTPUTS_CAPACITY];
    double time_to_first_token[OUTPUTS_CAPACITY];
    int32_t prompt_length[OUTPUTS_CAPACITY];
    int32_t output_length[OUTPUTS_CAPACITY];
    double arrival_time[OUTPUTS_CAPACITY];
    int32_t remaining_tokens[OUTPUTS_CAPACITY];
    batching_summary summary;
    batching_batch_metrics metrics;
    batching_comparison comparison;
    double arithmetic_intensity;
    int64_t batch_size;
};

enum { UNTOUCHED = 0xA5 };

static inline void outputs_reset(struct outputs *outputs) {
    memset(outputs, UNTOUCHED, sizeof *outputs);
    assert_int_equal(batching_summary_init(&outputs->summary, sizeof outputs->summary), BATCHING_OK);
    assert_int_equal(batching_batch_metrics_init(&outputs->metrics, sizeof outputs->metrics), BATCHING_OK);
    assert_int_equal(batching_comparison_init(&outputs->comparison, sizeof outputs->comparison), BATCHING_OK);
    /* A value that no run gives, so that a write of zeros is seen too. */
    outputs->summary.iterations = -7;
    outputs->metrics.total_tokens = -7;
    outputs->comparison.static_throughput = -7.0;
}

static inline batching_results outputs_results(struct outputs *outputs) {
    INITIALIZED(batching_results, results);
    results.capacity = OUTPUTS_CAPACITY;
    results.start_time = outputs->start_time;
    results.first_token_time = outputs->first_token_time;
    results.end_time = outputs->end_time;
    results.tokens_generated = outputs->tokens_generated;
    results.completion_order = outputs->completion_order;
    return results;
}

static inline batching_latencies outputs_latencies(struct outputs *outputs) {
    INITIALIZED(batching_latencies, latencies);
    latencies.capacity = OUTPUTS_CAPACITY;
    latencies.queue_time = outputs->queue_time;
    latencies.processing_time = outputs->processing_time;
    latencies.total_latency = outputs->total_latency;
    latencies.time_to_first_token = outputs->time_to_first_token;
    return latencies;
}

#endif
