/*
 * With constant iteration time and no memory limit the engine gives to the last bit what the textbook simulators give:
 * on random requests, a few at a time and many.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "random.h"
#include "support.h"

enum { SMALL_CASES = 6000, SMALL_COUNT = 60, LARGE_CASES = 6, LEAST_LARGE_COUNT = 10000, LARGE_COUNT = 100000 };

struct columns {
    double *start_time;
    double *first_token_time;
    double *end_time;
    int32_t *tokens_generated;
    int64_t *completion_order;
    int32_t *preemptions;
    int32_t *prefix_cached_tokens;
    int32_t *status;
};

struct requests {
    int64_t count;
    int64_t batch_size;
    double time_per_token;
    int32_t *prompt_length;
    int32_t *output_length;
    double *arrival_time;
};

static void *column(size_t element_size) {
    void *elements = calloc(LARGE_COUNT, element_size);
    assert_non_null(elements);
    return elements;
}

static struct columns columns_allocate(void) {
    return (struct columns){column(sizeof(double)),  column(sizeof(double)),  column(sizeof(double)),
                            column(sizeof(int32_t)), column(sizeof(int64_t)), column(sizeof(int32_t)),
                            column(sizeof(int32_t)), column(sizeof(int32_t))};
}

static void columns_free(struct columns columns) {
    free(columns.start_time);
    free(columns.first_token_time);
    free(columns.end_time);
    free(columns.tokens_generated);
    free(columns.completion_order);
    free(columns.preemptions);
    free(columns.prefix_cached_tokens);
    free(columns.status);
}

/* Bursts, gaps, and ties with the ends of iterations; in order and not. */
static void requests_fill(struct requests *requests, uint64_t *state, int64_t least_count, int64_t most_count) {
    requests->count = random_between(state, least_count, most_count);
    requests->batch_size = random_between(state, 1, random_between(state, 0, 1) ? 8 : 300);
    int64_t step = random_between(state, 0, 3) ? random_between(state, 1, 50) * 1000000 : random_between(state, 1, 9);
    requests->time_per_token = (double)step / 1e9;
    int64_t longest = random_between(state, 1, 200);
    bool is_in_order = random_between(state, 0, 1);
    bool has_long_outputs = random_between(state, 0, 9) == 0;
    int64_t now = 0;
    for (int64_t index = 0; index < requests->count; index++) {
        bool is_long = has_long_outputs && random_between(state, 0, 19) == 0;
        requests->prompt_length[index] = (int32_t)random_between(state, 0, 5000);
        requests->output_length[index] =
            (int32_t)(is_long ? random_between(state, 16000, 40000) : random_between(state, 1, longest));
        now += random_between(state, 0, 3) ? 0 : random_between(state, 0, 2 * longest * step);
        int64_t arrival = is_in_order ? now : random_between(state, 0, now);
        if (random_between(state, 0, 1)) {
            arrival -= arrival % step;
        }
        if (is_in_order && index > 0 && (double)arrival / 1e9 < requests->arrival_time[index - 1]) {
            arrival = now;
        }
        requests->arrival_time[index] = (double)arrival / 1e9;
    }
}

static batching_results results_of(struct columns columns, int64_t count) {
    INITIALIZED(batching_results, results);
    results.capacity = count;
    results.start_time = columns.start_time;
    results.first_token_time = columns.first_token_time;
    results.end_time = columns.end_time;
    results.tokens_generated = columns.tokens_generated;
    results.completion_order = columns.completion_order;
    results.preemptions = columns.preemptions;
    results.prefix_cached_tokens = columns.prefix_cached_tokens;
    results.status = columns.status;
    return results;
}

typedef batching_status simulator(const batching_requests *, int64_t, double, const batching_results *,
                                  batching_summary *);

static void assert_same_columns(struct columns actual, struct columns expected, int64_t count) {
    size_t elements = (size_t)count;
    assert_memory_equal(actual.start_time, expected.start_time, elements * sizeof(double));
    assert_memory_equal(actual.first_token_time, expected.first_token_time, elements * sizeof(double));
    assert_memory_equal(actual.end_time, expected.end_time, elements * sizeof(double));
    assert_memory_equal(actual.tokens_generated, expected.tokens_generated, elements * sizeof(int32_t));
    assert_memory_equal(actual.completion_order, expected.completion_order, elements * sizeof(int64_t));
    assert_memory_equal(actual.preemptions, expected.preemptions, elements * sizeof(int32_t));
    assert_memory_equal(actual.prefix_cached_tokens, expected.prefix_cached_tokens, elements * sizeof(int32_t));
    assert_memory_equal(actual.status, expected.status, elements * sizeof(int32_t));
}

/* The totals that both tell, and nothing that contradicts them in what only the engine tells. */
static void assert_same_summary(const batching_summary *actual, const batching_summary *expected, int64_t count) {
    assert_double_equal(actual->total_time, expected->total_time);
    assert_double_equal(actual->throughput, expected->throughput);
    assert_int_equal(actual->total_tokens, expected->total_tokens);
    assert_int_equal(actual->iterations, expected->iterations);
    assert_double_equal(actual->busy_time, expected->busy_time);
    assert_double_equal(actual->duration, expected->total_time);
    assert_int_equal(actual->end_reason, BATCHING_END_COMPLETED);
    assert_int_equal(actual->finished, count);
}

static void engine_agrees(const batching_engine_config *config, simulator *simulate, const struct requests *given,
                          struct columns actual, struct columns expected) {
    INITIALIZED(batching_requests, requests);
    requests.count = given->count;
    requests.prompt_length = given->prompt_length;
    requests.output_length = given->output_length;
    requests.arrival_time = given->arrival_time;
    batching_results engine_results = results_of(actual, given->count);
    batching_results textbook_results = results_of(expected, given->count);
    INITIALIZED(batching_summary, engine_summary);
    INITIALIZED(batching_summary, textbook_summary);
    assert_succeeds(batching_simulate(config, &requests, &engine_results, &engine_summary));
    assert_succeeds(
        simulate(&requests, given->batch_size, given->time_per_token, &textbook_results, &textbook_summary));
    assert_same_columns(actual, expected, given->count);
    assert_same_summary(&engine_summary, &textbook_summary, given->count);
}

/* With these policies, and prompts in no time: since the time is constant, prompts that cost tokens change nothing. */
static void engine_agrees_with(simulator *simulate, const int32_t *policies, int policy_count) {
    struct columns actual = columns_allocate(), expected = columns_allocate();
    struct requests given = {.prompt_length = column(sizeof(int32_t)),
                             .output_length = column(sizeof(int32_t)),
                             .arrival_time = column(sizeof(double))};
    uint64_t state = 2024;
    for (int number = 0; number < SMALL_CASES + LARGE_CASES; number++) {
        bool is_small = number < SMALL_CASES;
        requests_fill(&given, &state, is_small ? 0 : LEAST_LARGE_COUNT, is_small ? SMALL_COUNT : LARGE_COUNT);
        INITIALIZED(batching_engine_config, config);
        config.policy = policies[number % policy_count];
        config.max_num_seqs = given.batch_size;
        config.max_num_batched_tokens = BATCHING_COUNT_MAX;
        config.time_model = BATCHING_TIME_CONSTANT;
        config.time_base = given.time_per_token;
        config.instant_prefill = number / policy_count % 2;
        engine_agrees(&config, simulate, &given, actual, expected);
    }
    columns_free(actual);
    columns_free(expected);
    free(given.prompt_length);
    free(given.output_length);
    free(given.arrival_time);
}

static void static_is_the_static_simulator(void **state) {
    (void)state;
    engine_agrees_with(batching_static_simulate, (const int32_t[]){BATCHING_POLICY_STATIC}, 1);
}

/* Without a limit of memory or tokens, orca and vllm have nothing to do otherwise. */
static void continuous_orca_and_vllm_without_limits_are_the_continuous_simulator(void **state) {
    (void)state;
    const int32_t policies[] = {BATCHING_POLICY_CONTINUOUS, BATCHING_POLICY_ORCA, BATCHING_POLICY_VLLM};
    engine_agrees_with(batching_continuous_simulate, policies, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_is_the_static_simulator),
        cmocka_unit_test(continuous_orca_and_vllm_without_limits_are_the_continuous_simulator),
    };
    return cmocka_run_group_tests_name("engine_textbook", tests, NULL, NULL);
}
