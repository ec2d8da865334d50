/* Synthetic requests: their distribution, and what "the same seed" promises. */
#include <math.h>
#include <stdlib.h>

#include "random.h"
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

/* --- Sessions ------------------------------------------------------------------------------------------------------*/

static int64_t session[COUNT], other_session[COUNT];
static double delay[COUNT], other_delay[COUNT];

static void generate_sessions(const batching_workload *workload) {
    generate(workload);
    assert_succeeds(batching_workload_sessions_generate(workload, COUNT, session, delay));
}

static int64_t nanoseconds(double seconds) {
    return (int64_t)llround(seconds * 1e9);
}

/* Prompts of one token and outputs of one, so that a prompt tells the turn: 1, 3, 5, ... */
static batching_workload short_turns(int32_t turns_min, int32_t turns_max) {
    INITIALIZED(batching_workload, workload);
    workload.prompt_length_min = workload.prompt_length_max = 1;
    workload.output_length_min = workload.output_length_max = 1;
    workload.turns_min = turns_min;
    workload.turns_max = turns_max;
    workload.think_time = 2.0;
    return workload;
}

static void requests_without_turns_are_sessions_of_their_own(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    workload.think_time = 5.0;
    for (workload.sessions_closed = 0; workload.sessions_closed < 2; workload.sessions_closed++) {
        workload.prefix_groups = workload.sessions_closed * 3;
        memset(delay, 0xFF, sizeof delay);
        generate_sessions(&workload);
        for (int index = 0; index < COUNT; index++) {
            assert_int_equal(session[index], index);
            assert_double_equal(delay[index], 0.0);
        }
    }
    assert_succeeds(batching_workload_sessions_generate(NULL, 3, other_session, NULL));
    assert_memory_equal(other_session, session, 3 * sizeof(int64_t));
    assert_succeeds(batching_workload_sessions_generate(NULL, 0, NULL, NULL));
}

/* The turn that a prompt tells has its place in its session, and sessions begin in the order of their numbers. */
static void sessions_are_numbered_in_order_of_arrival(void **state) {
    (void)state;
    batching_workload workload = short_turns(1, 4);
    generate_sessions(&workload);
    static int turns[COUNT];
    static double latest[COUNT];
    memset(turns, 0, sizeof turns);
    int64_t sessions = 0;
    for (int index = 0; index < COUNT; index++) {
        assert_in_range(session[index], 0, sessions);
        sessions += session[index] == sessions;
        assert_int_equal(prompt_length[index], 2 * turns[session[index]]++ + 1);
        assert_true(arrival_time[index] >= latest[session[index]]);
        latest[session[index]] = arrival_time[index];
        /* An open session has no delays. */
        assert_double_equal(delay[index], 0.0);
    }
}

/*
 * Arrivals, turns and lengths are those of the streams that open sessions have: sessions begin when requests without
 * turns would arrive, and what is drawn for a prompt or an output is the same in the same row.
 */
static void the_turns_of_a_closed_session_follow_each_other(void **state) {
    (void)state;
    INITIALIZED(batching_workload, workload);
    generate(&workload);
    memcpy(other_length, prompt_length, sizeof other_length);
    memcpy(other_time, arrival_time, sizeof other_time);
    static int32_t other_output[COUNT];
    memcpy(other_output, output_length, sizeof other_output);
    workload.turns_min = 2;
    workload.turns_max = 5;
    workload.think_time = 3.0;
    workload.sessions_closed = 1;
    generate_sessions(&workload);
    int ended[6] = {0};
    int64_t context = 0;
    int turns = 0;
    for (int index = 0; index < COUNT; index++) {
        if (index > 0 && session[index] != session[index - 1]) {
            assert_int_equal(session[index], session[index - 1] + 1);
            assert_in_range(turns, 2, 5);
            ended[turns]++;
            turns = 0;
        }
        context = turns == 0 ? 0 : context;
        assert_double_equal(arrival_time[index], other_time[session[index]]);
        assert_int_equal(output_length[index], other_output[index]);
        assert_int_equal(prompt_length[index], context + other_length[index]);
        context = (int64_t)prompt_length[index] + output_length[index];
        assert_true(turns == 0 ? delay[index] == 0.0 : delay[index] >= 0.0);
        turns++;
    }
    /* 28,571 sessions of 3.5 turns: each of four numbers has a quarter, 7143, with a deviation of 73. */
    for (int length = 2; length <= 5; length++) {
        assert_true(abs(ended[length] - 7143) < 5 * 73 + 200);
    }
}

/* One session of 200 turns, since the next would begin after hours: open, the gaps are the think times. */
static void delays_are_the_think_times_of_an_open_session(void **state) {
    (void)state;
    batching_workload workload = short_turns(200, 200);
    workload.arrival_rate = 1e-5;
    assert_succeeds(batching_workload_generate(&workload, 200, prompt_length, NULL, arrival_time));
    assert_int_equal(prompt_length[199], 399);
    workload.sessions_closed = 1;
    assert_succeeds(batching_workload_generate(&workload, 200, other_length, NULL, other_time));
    assert_succeeds(batching_workload_sessions_generate(&workload, 200, session, delay));
    assert_memory_equal(other_length, prompt_length, 200 * sizeof(int32_t));
    for (int index = 0; index < 200; index++) {
        assert_double_equal(other_time[index], arrival_time[0]);
        assert_int_equal(session[index], 0);
        if (index > 0) {
            assert_int_equal(nanoseconds(delay[index]),
                             nanoseconds(arrival_time[index]) - nanoseconds(arrival_time[index - 1]));
        }
    }
    assert_double_equal(delay[0], 0.0);
}

static void constant_think_times_are_their_mean(void **state) {
    (void)state;
    batching_workload workload = short_turns(2, 2);
    workload.think_time = 2.5;
    workload.think_times = BATCHING_THINK_TIMES_CONSTANT;
    workload.sessions_closed = 1;
    generate_sessions(&workload);
    for (int index = 0; index < COUNT; index++) {
        assert_double_equal(delay[index], index % 2 == 1 ? 2.5 : 0.0);
    }
    /* Open: the second turn arrives 2.5 s after the first, to the nanosecond. */
    workload.sessions_closed = 0;
    workload.arrival_rate = 0.001;
    assert_succeeds(batching_workload_generate(&workload, 2, NULL, NULL, arrival_time));
    assert_int_equal(nanoseconds(arrival_time[1]) - nanoseconds(arrival_time[0]), 2500000000);
}

/*
 * Sessions of two turns give 50,000 think times. Exponential with mean 2: a standard error of 2 / sqrt(50,000) = 0.009,
 * and the share beyond the mean is 1 / e, with one of 0.0022.
 */
static void exponential_think_times_have_their_mean_and_their_tail(void **state) {
    (void)state;
    batching_workload workload = short_turns(2, 2);
    workload.sessions_closed = 1;
    generate_sessions(&workload);
    double sum = 0.0;
    int beyond = 0;
    for (int index = 1; index < COUNT; index += 2) {
        sum += delay[index];
        beyond += delay[index] > 2.0;
    }
    assert_true(fabs(sum / (COUNT / 2) - 2.0) < 5 * 0.009);
    assert_true(fabs(beyond / (COUNT / 2.0) - exp(-1.0)) < 5 * 0.0022);
}

/*
 * mean e^(sigma z - sigma^2 / 2): its logarithm has mean ln 200 - 0.32 and deviation 0.8, with standard errors of
 * 0.8 / sqrt(50,000) = 0.0036 and, of the variance, sqrt(2 / 50,000) = 0.0063 of it. It has mean 200, whose relative
 * error is sqrt((e^0.64 - 1) / 50,000) = 0.0042.
 */
static void lognormal_think_times_have_their_mean_and_their_variance(void **state) {
    (void)state;
    batching_workload workload = short_turns(2, 2);
    workload.think_time = 200.0;
    workload.think_times = BATCHING_THINK_TIMES_LOGNORMAL;
    workload.think_time_sigma = 0.8;
    workload.sessions_closed = 1;
    generate_sessions(&workload);
    double sum = 0.0, logarithms = 0.0, squares = 0.0;
    for (int index = 1; index < COUNT; index += 2) {
        const double deviation = log(delay[index] / 200.0) + 0.32;
        sum += delay[index];
        logarithms += deviation;
        squares += deviation * deviation;
    }
    assert_true(fabs(logarithms / (COUNT / 2)) < 5 * 0.0036);
    assert_true(fabs(squares / (COUNT / 2) - 0.64) < 5 * 0.0063 * 0.64);
    assert_true(fabs(sum / (COUNT / 2) / 200.0 - 1.0) < 5 * 0.0042);
    /* Without a deviation all are the mean. */
    workload.think_time_sigma = 0.0;
    generate_sessions(&workload);
    for (int index = 1; index < COUNT; index += 2) {
        assert_double_equal(delay[index], 200.0);
    }
}

static void the_first_sessions_are_the_same_for_every_count_and_every_think_time(void **state) {
    (void)state;
    batching_workload workload = short_turns(1, 6);
    for (workload.sessions_closed = 0; workload.sessions_closed < 2; workload.sessions_closed++) {
        generate_sessions(&workload);
        assert_succeeds(batching_workload_sessions_generate(&workload, 777, other_session, other_delay));
        assert_memory_equal(other_session, session, 777 * sizeof(int64_t));
        assert_memory_equal(other_delay, delay, 777 * sizeof(double));
        assert_succeeds(batching_workload_sessions_generate(&workload, COUNT, NULL, other_delay));
        assert_memory_equal(other_delay, delay, sizeof other_delay);
    }
    workload.sessions_closed = 1;
    workload.think_times = BATCHING_THINK_TIMES_LOGNORMAL;
    workload.think_time_sigma = 1.0;
    assert_succeeds(batching_workload_sessions_generate(&workload, COUNT, other_session, other_delay));
    assert_memory_equal(other_session, session, sizeof other_session);
    assert_memory_not_equal(other_delay, delay, sizeof other_delay);
}

/* What a turn would find in the cache is that of the turn before, whatever row that stands in. */
static void closed_sessions_have_hash_ids_of_their_own(void **state) {
    (void)state;
    batching_workload workload = short_turns(3, 3);
    workload.hash_block_size = 1;
    workload.sessions_closed = 1;
    static int64_t offsets[31], ids[30 * 6];
    int64_t needed;
    assert_succeeds(batching_workload_hashes_generate(&workload, 30, offsets, 30 * 6, ids, &needed));
    /* 2, 4 and 6 tokens of each of 10 sessions. */
    static const int BEFORE[] = {0, 2, 6};
    assert_int_equal(needed, 120);
    for (int row = 0; row < 30; row++) {
        assert_int_equal(offsets[row], row / 3 * 12 + BEFORE[row % 3]);
        for (int64_t at = offsets[row]; at < offsets[row + 1]; at++) {
            assert_int_equal(ids[at], (int64_t)(row / 3) << 31 | (at - offsets[row]));
        }
    }
}

/* --- Samples -------------------------------------------------------------------------------------------------------*/

/*
 * Algorithm S with the library's own draws, written down once more: SplitMix64 of the seed, its output exclusive-or the
 * purpose (8) the state of a second SplitMix64, whose first four outputs are the state of xoshiro256++; an integer below
 * `width` is the high half of output x width, drawn anew while the low half is below 2^64 mod width.
 */
static uint64_t rotated(uint64_t value, int bits) {
    return value << bits | value >> (64 - bits);
}

static uint64_t next_of(uint64_t words[4]) {
    const uint64_t result = rotated(words[0] + words[3], 23) + words[0], shifted = words[1] << 17;
    words[2] ^= words[0];
    words[3] ^= words[1];
    words[1] ^= words[2];
    words[0] ^= words[3];
    words[2] ^= shifted;
    words[3] = rotated(words[3], 45);
    return result;
}

static void expected_sample(uint64_t seed, int64_t count, int64_t n, int64_t *indices) {
    uint64_t words[4], state = next_random(&seed) ^ 8;
    for (int word = 0; word < 4; word++) {
        words[word] = next_random(&state);
    }
    int64_t chosen = 0;
    for (int64_t index = 0; chosen < n; index++) {
        const uint64_t width = (uint64_t)(count - index);
        __extension__ unsigned __int128 product;
        do {
            product = (__extension__(unsigned __int128) next_of(words)) * width;
        } while ((uint64_t)product < -width % width);
        if ((int64_t)(product >> 64) < n - chosen) {
            indices[chosen++] = index;
        }
    }
}

static void a_sample_is_that_of_algorithm_s(void **state) {
    (void)state;
    static int64_t indices[1000], expected[1000];
    uint64_t random = 5;
    for (int run = 0; run < 500; run++) {
        const int64_t count = random_between(&random, 0, 1000), n = random_between(&random, 0, count);
        const uint64_t seed = run == 0 ? 0 : run == 1 ? UINT64_MAX : next_random(&random);
        assert_succeeds(batching_sample_generate(seed, count, n, indices));
        expected_sample(seed, count, n, expected);
        assert_memory_equal(indices, expected, (size_t)n * sizeof *indices);
    }
    /* All of them, and one of very many. */
    assert_succeeds(batching_sample_generate(1, 1000, 1000, indices));
    for (int index = 0; index < 1000; index++) {
        assert_int_equal(indices[index], index);
    }
    assert_succeeds(batching_sample_generate(1, 5000000, 1, indices));
    expected_sample(1, 5000000, 1, expected);
    assert_int_equal(indices[0], expected[0]);
}

/* Ten sets of 2 of 5: chi-squared with 9 degrees of freedom is beyond 37.4 in 1 of 44,000 experiments. */
static void every_sample_is_as_likely_as_the_others(void **state) {
    (void)state;
    int seen[5][5] = {{0}};
    for (uint64_t seed = 0; seed < 20000; seed++) {
        int64_t indices[2];
        assert_succeeds(batching_sample_generate(seed, 5, 2, indices));
        assert_true(indices[0] >= 0 && indices[0] < indices[1] && indices[1] < 5);
        seen[indices[0]][indices[1]]++;
    }
    double chi_squared = 0.0;
    for (int first = 0; first < 5; first++) {
        for (int second = first + 1; second < 5; second++) {
            chi_squared += (seen[first][second] - 2000.0) * (seen[first][second] - 2000.0) / 2000.0;
        }
    }
    assert_true(chi_squared < 37.4);
}

static void a_sample_that_cannot_be_is_named(void **state) {
    (void)state;
    int64_t index = -7;
    assert_fails(batching_sample_generate(1, 3, 4, &index), BATCHING_ERROR_INVALID_ARGUMENT,
                 "n is 4: must be between 0 and count, which is 3");
    assert_fails(batching_sample_generate(1, -1, 0, &index), BATCHING_ERROR_INVALID_ARGUMENT, "count is -1");
    assert_fails(batching_sample_generate(1, 3, -1, &index), BATCHING_ERROR_INVALID_ARGUMENT, "n is -1");
    assert_fails(batching_sample_generate(1, 3, 1, NULL), BATCHING_ERROR_NULL_POINTER, "indices is NULL");
    assert_int_equal(index, -7);
    assert_succeeds(batching_sample_generate(1, 3, 0, NULL));
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
        cmocka_unit_test(requests_without_turns_are_sessions_of_their_own),
        cmocka_unit_test(sessions_are_numbered_in_order_of_arrival),
        cmocka_unit_test(the_turns_of_a_closed_session_follow_each_other),
        cmocka_unit_test(delays_are_the_think_times_of_an_open_session),
        cmocka_unit_test(constant_think_times_are_their_mean),
        cmocka_unit_test(exponential_think_times_have_their_mean_and_their_tail),
        cmocka_unit_test(lognormal_think_times_have_their_mean_and_their_variance),
        cmocka_unit_test(the_first_sessions_are_the_same_for_every_count_and_every_think_time),
        cmocka_unit_test(closed_sessions_have_hash_ids_of_their_own),
        cmocka_unit_test(a_sample_is_that_of_algorithm_s),
        cmocka_unit_test(every_sample_is_as_likely_as_the_others),
        cmocka_unit_test(a_sample_that_cannot_be_is_named),
    };
    return cmocka_run_group_tests_name("workload", tests, NULL, NULL);
}
