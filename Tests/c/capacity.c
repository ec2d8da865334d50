/* Arithmetic intensity, and the largest batch that fits. */
#include <float.h>
#include <math.h>

#include "support.h"

static void intensity_is_operations_per_byte_of_weights(void **state) {
    (void)state;
    double intensity;
    assert_succeeds(batching_arithmetic_intensity_calculate(32, 14e9, 2.0, &intensity));
    assert_double_equal(intensity, 64.0);
    /* Whatever the model's size. */
    assert_succeeds(batching_arithmetic_intensity_calculate(32, DBL_MIN, 2.0, &intensity));
    assert_double_equal(intensity, 64.0);
    assert_succeeds(batching_arithmetic_intensity_calculate(INT64_MAX, DBL_MAX, 0.5, &intensity));
    assert_double_equal(intensity, (double)INT64_MAX * 0.5);
}

static void intensity_refuses_what_has_no_meaning(void **state) {
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, -1.0, -DBL_MAX};
    double intensity = -7.0;
    for (size_t which = 0; which < sizeof bad / sizeof *bad; which++) {
        assert_fails(batching_arithmetic_intensity_calculate(1, bad[which], 2.0, &intensity),
                     BATCHING_ERROR_INVALID_ARGUMENT, "model_memory_bytes is ");
        assert_fails(batching_arithmetic_intensity_calculate(1, 1.0, bad[which], &intensity),
                     BATCHING_ERROR_INVALID_ARGUMENT, "flops_per_token is ");
    }
    assert_fails(batching_arithmetic_intensity_calculate(0, 1.0, 2.0, &intensity), BATCHING_ERROR_INVALID_ARGUMENT,
                 "batch_size is 0");
    assert_fails(batching_arithmetic_intensity_calculate(INT64_MAX, 1.0, DBL_MAX, &intensity), BATCHING_ERROR_OVERFLOW,
                 "");
    assert_double_equal(intensity, -7.0);
}

static void assert_largest_batch(double budget, double model, double per_token, int64_t max_seq_len, int64_t expected) {
    int64_t batch_size = -7;
    assert_succeeds(batching_optimal_batch_size_calculate(budget, model, per_token, max_seq_len, &batch_size));
    assert_int_equal(batch_size, expected);
}

/* 80 GB, a model of 14 GB, 512 kB a token, 2,048 tokens: 66e9 / 1,048,576,000 = 62.9. */
static void the_largest_batch_that_fits(void **state) {
    (void)state;
    assert_largest_batch(80e9, 14e9, 512000.0, 2048, 62);
    assert_largest_batch(14e9, 14e9, 512000.0, 2048, 0);
    assert_largest_batch(10e9, 14e9, 512000.0, 2048, 0);
    assert_largest_batch(0.0, 0.0, 1.0, 1, 0);
}

/*
 * On the boundary the exact values of the doubles decide. The double 0.1 is above a tenth (by 5.6e-18) and 0.3 is below
 * three tenths (by 1.1e-17), so three of the one do not fit into the other; nor do ten of 0.1 fit into 1.0, though the
 * quotient 1.0 / 0.1, rounded, is 10. And 2^53 + 1, the sum of a model of one byte and a sequence of 2^53, is no
 * double.
 */
static void the_boundary_is_exact(void **state) {
    (void)state;
    assert_largest_batch(0.3, 0.0, 0.1, 1, 2);
    assert_largest_batch(1.0, 0.0, 0.1, 1, 9);
    assert_largest_batch(14e9 + 4.0 * 512000.0 * 2048, 14e9, 512000.0, 2048, 4);
    assert_largest_batch(nextafter(14e9 + 4.0 * 512000.0 * 2048, 0.0), 14e9, 512000.0, 2048, 3);
    assert_largest_batch(0x1p53, 1.0, 0x1p53, 1, 0);
    assert_largest_batch(0x1p53 + 2.0, 1.0, 0x1p53, 1, 1);
    assert_largest_batch(0x1p53 + 2.0, 3.0, 0x1p53, 1, 0);
    /* The model is lost in a sum of doubles, and yet takes the last sequence's place. */
    assert_largest_batch(0x1p60, DBL_TRUE_MIN, 0x1p50, 1, 1023);
    assert_largest_batch(0x1p60, 0.0, 0x1p50, 1, 1024);
    assert_largest_batch(DBL_TRUE_MIN * 9, DBL_TRUE_MIN, DBL_TRUE_MIN * 2, 2, 2);
    assert_largest_batch(DBL_MAX, 0.0, DBL_MAX, 1, 1);
    assert_largest_batch(DBL_MAX, 0.0, DBL_MAX, INT64_MAX, 0);
}

static void optimal_batch_size_refuses_what_has_no_meaning(void **state) {
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY, -1.0, -DBL_MAX, -DBL_TRUE_MIN};
    int64_t batch_size = -7;
    for (size_t which = 0; which < sizeof bad / sizeof *bad; which++) {
        assert_fails(batching_optimal_batch_size_calculate(bad[which], 1.0, 1.0, 1, &batch_size),
                     BATCHING_ERROR_INVALID_ARGUMENT, "memory_budget is ");
        assert_fails(batching_optimal_batch_size_calculate(1.0, bad[which], 1.0, 1, &batch_size),
                     BATCHING_ERROR_INVALID_ARGUMENT, "model_memory is ");
        assert_fails(batching_optimal_batch_size_calculate(1.0, 1.0, bad[which], 1, &batch_size),
                     BATCHING_ERROR_INVALID_ARGUMENT, "kv_cache_per_token is ");
    }
    assert_fails(batching_optimal_batch_size_calculate(1.0, 1.0, 0.0, 1, &batch_size), BATCHING_ERROR_INVALID_ARGUMENT,
                 "kv_cache_per_token is 0.0");
    assert_fails(batching_optimal_batch_size_calculate(1.0, 1.0, 1.0, 0, &batch_size), BATCHING_ERROR_INVALID_ARGUMENT,
                 "max_seq_len is 0");
    assert_fails(batching_optimal_batch_size_calculate(1.0, 1.0, 1.0, INT64_MIN, &batch_size),
                 BATCHING_ERROR_INVALID_ARGUMENT, "max_seq_len is -9223372036854775808");
    /* 2^63 sequences are one more than an int64_t holds. */
    assert_fails(batching_optimal_batch_size_calculate(0x1p63, 0.0, 1.0, 1, &batch_size), BATCHING_ERROR_OVERFLOW, "");
    assert_fails(batching_optimal_batch_size_calculate(DBL_MAX, 0.0, DBL_TRUE_MIN, 1, &batch_size),
                 BATCHING_ERROR_OVERFLOW, "");
    assert_int_equal(batch_size, -7);
    assert_largest_batch(0x1p63, 1.0, 1.0, 1, INT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intensity_is_operations_per_byte_of_weights),
        cmocka_unit_test(intensity_refuses_what_has_no_meaning),
        cmocka_unit_test(the_largest_batch_that_fits),
        cmocka_unit_test(the_boundary_is_exact),
        cmocka_unit_test(optimal_batch_size_refuses_what_has_no_meaning),
    };
    return cmocka_run_group_tests_name("capacity", tests, NULL, NULL);
}
