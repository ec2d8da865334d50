/* Structs that may grow: what their _init functions set, and how an older and a newer caller are understood. */
#include <stdio.h>

#include "support.h"

/* The sizes of version 0.1, on every platform with 8-byte pointers: what a program compiled with it passes for ever. */
enum {
    REQUESTS_SIZE = 40,
    RESULTS_SIZE = 56,
    SUMMARY_SIZE = 48,
    COMPLETED_SIZE = 56,
    LATENCIES_SIZE = 48,
    BATCH_METRICS_SIZE = 80,
    COMPARISON_SIZE = 56,
    WORKLOAD_SIZE = 40,
    LARGEST_SIZE = 4096
};

/* Every struct begins with these two fields. */
struct head {
    uint32_t struct_size;
    uint32_t reserved;
};

/* Any struct of the header, with room for what a later version may append. */
union any_struct {
    struct head head;
    batching_requests requests;
    batching_results results;
    batching_summary summary;
    batching_completed completed;
    batching_latencies latencies;
    batching_batch_metrics metrics;
    batching_comparison comparison;
    batching_workload workload;
    unsigned char bytes[LARGEST_SIZE + 8];
};

typedef batching_status any_init(void *, uint32_t);

#define INIT_OF(type)                                                                                                  \
    static batching_status type##_of_any(void *value, uint32_t struct_size) {                                          \
        return batching_##type##_init(value, struct_size);                                                             \
    }
INIT_OF(requests)
INIT_OF(results)
INIT_OF(summary)
INIT_OF(completed)
INIT_OF(latencies)
INIT_OF(batch_metrics)
INIT_OF(comparison)
INIT_OF(workload)

/* Calls a function that uses the struct, everything else being in order. */
typedef batching_status any_use(const union any_struct *);

static batching_status use_requests(const union any_struct *any) {
    return batching_static_simulate(&any->requests, 2, 0.01, NULL, NULL);
}

static batching_status use_results(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    copy.results.capacity = 4;
    return batching_continuous_simulate(&requests, 2, 0.01, &copy.results, NULL);
}

static batching_status use_summary(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    return batching_static_simulate(&requests, 2, 0.01, NULL, &copy.summary);
}

static batching_status use_completed(const union any_struct *any) {
    INITIALIZED(batching_latencies, latencies);
    return batching_latencies_calculate(&any->completed, &latencies);
}

static batching_status use_latencies(const union any_struct *any) {
    INITIALIZED(batching_completed, completed);
    return batching_latencies_calculate(&completed, &any->latencies);
}

static batching_status use_metrics(const union any_struct *any) {
    INITIALIZED(batching_completed, completed);
    union any_struct copy = *any;
    return batching_batch_metrics_calculate(&completed, 1.0, &copy.metrics);
}

static batching_status use_comparison(const union any_struct *any) {
    batching_requests requests = lesson_requests();
    union any_struct copy = *any;
    return batching_strategies_compare(&requests, 2, 0.01, &copy.comparison);
}

static batching_status use_workload(const union any_struct *any) {
    int32_t length;
    return batching_workload_generate(&any->workload, 1, &length, NULL, NULL);
}

static const struct kind {
    const char *argument;
    uint32_t size;
    any_init *init;
    any_use *use;
} KINDS[] = {
    {"requests", REQUESTS_SIZE, requests_of_any, use_requests},
    {"results", RESULTS_SIZE, results_of_any, use_results},
    {"summary", SUMMARY_SIZE, summary_of_any, use_summary},
    {"completed", COMPLETED_SIZE, completed_of_any, use_completed},
    {"latencies", LATENCIES_SIZE, latencies_of_any, use_latencies},
    {"metrics", BATCH_METRICS_SIZE, batch_metrics_of_any, use_metrics},
    {"comparison", COMPARISON_SIZE, comparison_of_any, use_comparison},
    {"workload", WORKLOAD_SIZE, workload_of_any, use_workload},
};

#define FOR_EACH_KIND(kind) for (const struct kind *kind = KINDS; kind < KINDS + sizeof KINDS / sizeof *KINDS; kind++)

static void init_sets_the_size_and_clears_the_rest(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any, expected;
        memset(&any, UNTOUCHED, sizeof any);
        memset(&expected, UNTOUCHED, sizeof expected);
        memset(&expected, 0, kind->size);
        expected.head.struct_size = kind->size;
        if (kind->init == workload_of_any) {
            expected.workload.seed = 42;
            expected.workload.prompt_length_min = 50;
            expected.workload.prompt_length_max = 200;
            expected.workload.output_length_min = 20;
            expected.workload.output_length_max = 500;
            expected.workload.arrival_rate = 10.0;
        }
        assert_succeeds(kind->init(&any, kind->size));
        assert_memory_equal(&any, &expected, sizeof any);
    }
}

static void init_clears_all_of_a_newer_struct(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any;
        memset(&any, UNTOUCHED, sizeof any);
        assert_succeeds(kind->init(&any, LARGEST_SIZE));
        assert_int_equal(any.head.struct_size, LARGEST_SIZE);
        for (uint32_t offset = kind->size; offset < LARGEST_SIZE; offset++) {
            assert_int_equal(any.bytes[offset], 0);
        }
        assert_int_equal(any.bytes[LARGEST_SIZE], UNTOUCHED);
    }
}

static const uint32_t BAD_SIZES[] = {
    0,
    1,
    4,
    7,
    8,
    16,
    41,
    44,
    57,
    85,
    LARGEST_SIZE - 1,
    LARGEST_SIZE + 1,
    LARGEST_SIZE + 8,
    INT32_MAX,
    UINT32_MAX - 7,
    UINT32_MAX,
};

#define FOR_EACH_BAD_SIZE(size)                                                                                        \
    for (const uint32_t *size = BAD_SIZES; size < BAD_SIZES + sizeof BAD_SIZES / sizeof *BAD_SIZES; size++)

static void init_refuses_a_size_that_is_none_and_writes_nothing(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any, untouched;
        memset(&any, UNTOUCHED, sizeof any);
        memset(&untouched, UNTOUCHED, sizeof untouched);
        FOR_EACH_BAD_SIZE(size) {
            assert_fails(kind->init(&any, *size), BATCHING_ERROR_STRUCT_SIZE, kind->argument);
        }
        assert_fails(kind->init(&any, kind->size - 8), BATCHING_ERROR_STRUCT_SIZE, kind->argument);
        assert_memory_equal(&any, &untouched, sizeof any);
        assert_fails(kind->init(NULL, kind->size), BATCHING_ERROR_NULL_POINTER, kind->argument);
    }
}

static void a_struct_of_a_size_that_is_none_is_refused(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any;
        assert_succeeds(kind->init(&any, kind->size));
        assert_succeeds(kind->use(&any));
        FOR_EACH_BAD_SIZE(size) {
            char sentence[64];
            snprintf(sentence, sizeof sentence, "%s.struct_size is %u", kind->argument, *size);
            any.head.struct_size = *size;
            assert_fails(kind->use(&any), BATCHING_ERROR_STRUCT_SIZE, sentence);
        }
        any.head.struct_size = kind->size - 8;
        assert_fails(kind->use(&any), BATCHING_ERROR_STRUCT_SIZE, kind->argument);
    }
}

static void a_longer_struct_is_accepted_while_its_unknown_fields_are_zero(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        const uint32_t longer_sizes[] = {kind->size + 8, 2 * kind->size, LARGEST_SIZE};
        for (size_t which = 0; which < 3; which++) {
            union any_struct any;
            assert_succeeds(kind->init(&any, longer_sizes[which]));
            assert_succeeds(kind->use(&any));
            const uint32_t unknown_fields[] = {kind->size, longer_sizes[which] - 1};
            for (size_t field = 0; field < 2; field++) {
                any.bytes[unknown_fields[field]] = 1;
                assert_fails(kind->use(&any), BATCHING_ERROR_STRUCT_SIZE, kind->argument);
                any.bytes[unknown_fields[field]] = 0;
            }
            /* What lies beyond the struct is nobody's business. */
            any.bytes[longer_sizes[which]] = 1;
            assert_succeeds(kind->use(&any));
        }
    }
}

static void an_output_keeps_its_size_and_its_unknown_fields(void **state) {
    (void)state;
    batching_requests requests = lesson_requests();
    union any_struct any;
    memset(&any, UNTOUCHED, sizeof any);
    assert_succeeds(batching_summary_init(&any.summary, SUMMARY_SIZE + 16));
    assert_succeeds(batching_continuous_simulate(&requests, 2, 0.01, NULL, &any.summary));
    assert_int_equal(any.summary.struct_size, SUMMARY_SIZE + 16);
    assert_int_equal(any.summary.reserved, 0);
    assert_int_equal(any.summary.total_tokens, 430);
    for (int offset = SUMMARY_SIZE; offset < SUMMARY_SIZE + 16; offset++) {
        assert_int_equal(any.bytes[offset], 0);
    }
    assert_int_equal(any.bytes[SUMMARY_SIZE + 16], UNTOUCHED);
}

static void reserved_must_be_zero(void **state) {
    (void)state;
    FOR_EACH_KIND(kind) {
        union any_struct any;
        assert_succeeds(kind->init(&any, kind->size));
        any.head.reserved = 7;
        char sentence[64];
        snprintf(sentence, sizeof sentence, "%s.reserved is 7", kind->argument);
        assert_fails(kind->use(&any), BATCHING_ERROR_INVALID_ARGUMENT, sentence);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_sets_the_size_and_clears_the_rest),
        cmocka_unit_test(init_clears_all_of_a_newer_struct),
        cmocka_unit_test(init_refuses_a_size_that_is_none_and_writes_nothing),
        cmocka_unit_test(a_struct_of_a_size_that_is_none_is_refused),
        cmocka_unit_test(a_longer_struct_is_accepted_while_its_unknown_fields_are_zero),
        cmocka_unit_test(an_output_keeps_its_size_and_its_unknown_fields),
        cmocka_unit_test(reserved_must_be_zero),
    };
    return cmocka_run_group_tests_name("structs", tests, NULL, NULL);
}
