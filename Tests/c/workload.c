/* Synthetic requests: their distribution, and what "the same seed" promises. */
#include <math.h>
#include <stdlib.h>

#include "support.h"

enum { COUNT = 100000 };

static int32_t prompt_length[COUNT], output_length[COUNT], other_length[COUNT];
static double arrival_time[COUNT], other_time[COUNT];

static void generate(const batching_workload *workload) {
    assert_succeeds(batching_workload_generate(workload, COUNT, prompt_length, output_length, arrival_time));
}

/*
 * 100,000 uniform draws: the mean of 50..200 has a standard error of 0.14, that of 20..500 of 0.44. Gaps at 10 a second
 * have mean and standard deviation 0.1, so their mean has a standard error of 0.0003, and their variance, 0.01, one of
 * 0.0001. Five standard errors are allowed.
 */
static void lengths_are_uniform_and_arrivals_are_poisson(void **state) {
    (void)state;
    generate(NULL);
    double prompt_sum = 0.0, output_sum = 0.0, gap_square_sum = 0.0;
    int32_t least_prompt = INT32_MAX, most_prompt = 0, least_output = INT32_MAX, most_output = 0;
    double before = 0.0;
    for (int index = 0; index < COUNT; index++) {
        prompt_sum += prompt_length[index];
        output_sum += output_length[index];
        least_prompt = prompt_length[index] < least_prompt ? prompt_length[index] : least_prompt;
        most_prompt = prompt_length[index] > most_prompt ? prompt_length[index] : most_prompt;
        least_output = output_length[index] < least_output ? output_length[index] : least_output;
        most_output = output_length[index] > most_output ? output_length[index] : most_output;
        double gap = arrival_time[index] - before;
        assert_true(gap >= 0.0);
        gap_square_sum += (gap - 0.1) * (gap - 0.1);
        before = arrival_time[index];
    }
    assert_int_equal(least_prompt, 50);
    assert_int_equal(most_prompt, 200);
    assert_int_equal(least_output, 20);
    assert_int_equal(most_output, 500);
    assert_true(fabs(prompt_sum / COUNT - 125.0) < 5 * 0.14);
    assert_true(fabs(output_sum / COUNT - 260.0) < 5 * 0.44);
    assert_true(fabs(before / COUNT - 0.1) < 5 * 0.0003);
    assert_true(fabs(gap_square_sum / COUNT - 0.01) < 5 * 0.0001);
}

/* Of an exponential variable with mean 0.1 the share 1 - exp(-x / 0.1) lies below x: standard error at most 0.0016. */
static void gaps_are_exponential(void **state) {
    (void)state;
    generate(NULL);
    for (double limit = 0.01; limit < 0.5; limit *= 1.5) {
        int below = 0;
        for (int index = 0; index < COUNT; index++) {
            below += arrival_time[index] - (index > 0 ? arrival_time[index - 1] : 0.0) < limit;
        }
        assert_true(fabs(below / (double)COUNT - (1.0 - exp(-limit / 0.1))) < 5 * 0.0016);
    }
}

/* Six values: chi-square with 5 degrees of freedom is beyond 30.9 once in 100,000 seeds. */
static void every_length_is_as_likely_as_the_others(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    workload.output_length_min = 1;
    workload.output_length_max = 6;
    generate(&workload);
    int seen[7] = {0};
    for (int index = 0; index < COUNT; index++) {
        assert_in_range(output_length[index], 1, 6);
        seen[output_length[index]]++;
    }
    double chi_square = 0.0;
    for (int length = 1; length <= 6; length++) {
        chi_square += (seen[length] - COUNT / 6.0) * (seen[length] - COUNT / 6.0) / (COUNT / 6.0);
    }
    assert_true(chi_square < 30.9);
}

static void the_same_seed_gives_the_same_bytes_and_another_others(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    generate(NULL);
    assert_succeeds(batching_workload_generate(&workload, COUNT, other_length, NULL, other_time));
    assert_memory_equal(other_length, prompt_length, sizeof other_length);
    assert_memory_equal(other_time, arrival_time, sizeof other_time);
    workload.seed = 43;
    assert_succeeds(batching_workload_generate(&workload, COUNT, other_length, NULL, other_time));
    assert_memory_not_equal(other_length, prompt_length, sizeof other_length);
    assert_memory_not_equal(other_time, arrival_time, sizeof other_time);
}

static void columns_and_counts_do_not_shift_one_another(void **state) {
    (void)state;
    generate(NULL);
    assert_succeeds(batching_workload_generate(NULL, 1000, NULL, other_length, NULL));
    assert_memory_equal(other_length, output_length, 1000 * sizeof(int32_t));
    assert_succeeds(batching_workload_generate(NULL, 7, NULL, NULL, other_time));
    assert_memory_equal(other_time, arrival_time, 7 * sizeof(double));
    INITIALIZED(batching_workload, workload);
    workload.prompt_length_max = 60;
    assert_succeeds(batching_workload_generate(&workload, COUNT, prompt_length, other_length, NULL));
    assert_memory_equal(other_length, output_length, sizeof output_length);
}

static void ranges_of_one_length_and_of_all(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    workload.prompt_length_min = 0;
    workload.prompt_length_max = INT32_MAX;
    workload.output_length_min = workload.output_length_max = INT32_MAX;
    workload.arrival_rate = INFINITY;
    workload.seed = UINT64_MAX;
    generate(&workload);
    int beyond_half = 0;
    for (int index = 0; index < COUNT; index++) {
        assert_true(prompt_length[index] >= 0);
        beyond_half += prompt_length[index] > INT32_MAX / 2;
        assert_int_equal(output_length[index], INT32_MAX);
        assert_double_equal(arrival_time[index], 0.0);
    }
    /* Standard error: half the root of the count, 158. */
    assert_true(abs(beyond_half - COUNT / 2) < 5 * 158);
}

/*
 * Shape 4: mean 0.1, CV 1/2, so that the mean's standard error is 0.05 / sqrt(100,000) = 0.00016, and that of the
 * variance, 0.0025, sqrt((2 + 6 / 4) / 100,000) = 0.006 of it.
 */
static void gamma_gaps_have_their_mean_and_their_variance(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    workload.arrivals = BATCHING_ARRIVALS_GAMMA;
    workload.burstiness = 4.0;
    generate(&workload);
    double square_sum = 0.0;
    for (int index = 0; index < COUNT; index++) {
        double gap = arrival_time[index] - (index > 0 ? arrival_time[index - 1] : 0.0);
        square_sum += (gap - 0.1) * (gap - 0.1);
    }
    assert_true(fabs(arrival_time[COUNT - 1] / COUNT - 0.1) < 5 * 0.00016);
    assert_true(fabs(square_sum / COUNT - 0.0025) < 5 * 0.006 * 0.0025);
}

/* Its limit: gaps without variance, exactly those of constant arrivals. */
static void gamma_gaps_of_infinite_shape_are_equal(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    workload.arrivals = BATCHING_ARRIVALS_GAMMA;
    workload.burstiness = INFINITY;
    generate(&workload);
    workload.arrivals = BATCHING_ARRIVALS_CONSTANT;
    assert_succeeds(batching_workload_generate(&workload, COUNT, prompt_length, other_length, other_time));
    assert_memory_equal(arrival_time, other_time, sizeof arrival_time);
    /* In whole nanoseconds. */
    for (int index = 0; index < COUNT; index++) {
        assert_true(arrival_time[index] == (double)(index + 1) * 100000000 / 1e9);
    }
    workload.arrivals = BATCHING_ARRIVALS_GAMMA;
    workload.burstiness = -INFINITY;
    assert_fails(batching_workload_generate(&workload, COUNT, prompt_length, output_length, arrival_time),
                 BATCHING_ERROR_INVALID_ARGUMENT, "burstiness is -inf");
}

/* The logarithm of the length has mean ln 500 and deviation 1/2: standard errors 0.0016, and 0.0045 of the variance. */
static void lognormal_lengths_have_their_mean_and_their_variance(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    workload.prompt_lengths = BATCHING_LENGTHS_LOGNORMAL;
    workload.prompt_length_median = 50000.0;
    workload.prompt_length_sigma = 0.5;
    workload.prompt_length_max = INT32_MAX;
    generate(&workload);
    double sum = 0.0, square_sum = 0.0;
    for (int index = 0; index < COUNT; index++) {
        double deviation = log(prompt_length[index] / 50000.0);
        sum += deviation;
        square_sum += deviation * deviation;
    }
    assert_true(fabs(sum / COUNT) < 5 * 0.0016);
    assert_true(fabs(square_sum / COUNT - 0.25) < 5 * 0.0045 * 0.25);
}

/* Two groups of 40 tokens, in blocks of 16: two full ones each, and the same two for every request of a group. */
static void the_requests_of_a_group_have_its_hash_ids(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    workload.prefix_groups = 2;
    workload.prefix_length = 40;
    static int64_t offsets[1001], ids[2000];
    int64_t needed;
    assert_succeeds(batching_workload_hashes_generate(&workload, 1000, NULL, 0, NULL, &needed));
    assert_int_equal(needed, 2000);
    assert_succeeds(batching_workload_hashes_generate(&workload, 1000, offsets, needed, ids, &needed));
    int of_first = 0;
    for (int index = 0; index < 1000; index++) {
        assert_int_equal(offsets[index], 2 * index);
        of_first += ids[2 * index] == ids[0];
        assert_int_equal(ids[2 * index] == ids[0], ids[2 * index + 1] == ids[1]);
        assert_int_not_equal(ids[2 * index], ids[2 * index + 1]);
    }
    /* Half of them: a standard error of 16. */
    assert_true(abs(of_first - 500) < 5 * 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_uniform_and_arrivals_are_poisson),
        cmocka_unit_test(gaps_are_exponential),
        cmocka_unit_test(every_length_is_as_likely_as_the_others),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_and_another_others),
        cmocka_unit_test(columns_and_counts_do_not_shift_one_another),
        cmocka_unit_test(ranges_of_one_length_and_of_all),
        cmocka_unit_test(gamma_gaps_have_their_mean_and_their_variance),
        cmocka_unit_test(gamma_gaps_of_infinite_shape_are_equal),
        cmocka_unit_test(lognormal_lengths_have_their_mean_and_their_variance),
        cmocka_unit_test(the_requests_of_a_group_have_its_hash_ids),
    };
    return cmocka_run_group_tests_name("workload", tests, NULL, NULL);
}
