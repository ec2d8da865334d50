/* Functions of columns that grow: see fuzz_complexity.c. */
#include <math.h>

#include "grown.h"

/* Requests that were served, in any order. */
struct served {
    int64_t n, *token_offsets;
    double *arrival, *start, *first_token, *end, *last_token, *token_times;
    int32_t *prompts, *outputs;
    uint8_t *success;
};

static struct served input_served(struct input *input, int64_t n) {
    struct served served = {.n = n};
    const double unit = 1e-9 * (double)ONE_OF(input, 0, 1, 1000000, 1000000000);
    const struct column waits = input_column(input), runs = input_column(input), fails = input_column(input),
                        gaps = input_column(input);
    served.arrival = column_times(input_column(input), n, unit);
    served.start = allocate((size_t)n * sizeof(double));
    served.first_token = allocate((size_t)n * sizeof(double));
    served.end = allocate((size_t)n * sizeof(double));
    served.last_token = allocate((size_t)n * sizeof(double));
    served.token_times = allocate((size_t)(4 * n) * sizeof(double));
    served.token_offsets = allocate((size_t)(n + 1) * sizeof(int64_t));
    served.prompts = column_lengths(input_column(input), n, 0, n);
    served.outputs = column_lengths(input_column(input), n, 1, n);
    served.success = allocate((size_t)n);
    served.token_offsets[0] = 0;
    for (int64_t index = 0; index < n; index++) {
        served.start[index] = served.arrival[index] + unit * (double)column_at(waits, index, n, 0, n);
        served.end[index] = served.start[index] + unit * (double)column_at(runs, index, n, 0, n);
        served.first_token[index] = served.last_token[index] = served.end[index];
        served.success[index] = column_at(fails, index, n, 0, 8) < 8;
        const int64_t tokens = column_at(gaps, index, n, 1, 4 * n);
        const int64_t first = served.token_offsets[index];
        served.token_offsets[index + 1] = first + tokens > 4 * n ? 4 * n : first + tokens;
        for (int64_t token = first; token < served.token_offsets[index + 1]; token++) {
            served.token_times[token] = served.end[index];
        }
    }
    return served;
}

static void free_served(struct served served) {
    free(served.arrival);
    free(served.start);
    free(served.first_token);
    free(served.end);
    free(served.last_token);
    free(served.token_times);
    free(served.token_offsets);
    free(served.prompts);
    free(served.outputs);
    free(served.success);
}

static batching_recorded recorded_of(const struct served *served, bool has_tokens) {
    batching_recorded recorded;
    REQUIRE(batching_recorded_init(&recorded, sizeof recorded) == BATCHING_OK);
    recorded.count = served->n;
    recorded.arrival_time = served->arrival;
    recorded.start_time = served->start;
    recorded.first_token_time = served->first_token;
    recorded.end_time = served->end;
    recorded.prompt_length = served->prompts;
    recorded.output_length = served->outputs;
    recorded.success = served->success;
    recorded.token_times = has_tokens ? served->token_times : NULL;
    recorded.token_offsets = has_tokens ? served->token_offsets : NULL;
    return recorded;
}

/* The load, with rows at each change, or in bins. */
static double load(struct input *input, int64_t n) {
    const struct served served = input_served(input, n);
    const batching_recorded recorded = recorded_of(&served, false);
    batching_load_config config;
    batching_load found;
    batching_load_timeline timeline;
    REQUIRE(batching_load_config_init(&config, sizeof config) == BATCHING_OK);
    REQUIRE(batching_load_init(&found, sizeof found) == BATCHING_OK);
    REQUIRE(batching_load_timeline_init(&timeline, sizeof timeline) == BATCHING_OK);
    config.slots = ONE_OF(input, 0, 1, n, INT64_C(1) << 31, INT64_MAX);
    config.last_token_time = ONE_OF(input, 0, 1) ? served.last_token : NULL;
    timeline.bins = ONE_OF(input, 0, 1, n, 4 * n);
    timeline.capacity = 4 * n + 1;
    timeline.time = allocate((size_t)timeline.capacity * sizeof(double));
    timeline.peak_tokens = allocate((size_t)timeline.capacity * sizeof(int64_t));
    work_begin();
    (void)succeeded(batching_load_calculate(&recorded, &config, &found, &timeline));
    work_end();
    free(timeline.time);
    free(timeline.peak_tokens);
    free_served(served);
    return (double)(n + timeline.bins);
}

static double metrics(struct input *input, int64_t n) {
    const struct served served = input_served(input, n);
    const batching_recorded recorded = recorded_of(&served, true);
    enum { PERCENTILES = 40 };
    double percentiles[PERCENTILES], values[PERCENTILES];
    for (int at = 0; at < PERCENTILES; at++) {
        percentiles[at] = (double)(input_byte(input) % 101);
    }
    batching_serving_metrics_config options;
    batching_serving_metrics found;
    batching_distribution distribution;
    REQUIRE(batching_serving_metrics_config_init(&options, sizeof options) == BATCHING_OK);
    REQUIRE(batching_serving_metrics_init(&found, sizeof found) == BATCHING_OK);
    REQUIRE(batching_distribution_init(&distribution, sizeof distribution) == BATCHING_OK);
    options.percentiles = percentiles;
    options.percentile_count = ONE_OF(input, 0, 1, PERCENTILES);
    options.percentile_method = (int32_t)ONE_OF(input, BATCHING_PERCENTILE_LINEAR, BATCHING_PERCENTILE_INVERSE_CDF);
    options.slo_itl = 0.001;
    distribution.percentiles = values;
    batching_distribution **wanted[] = {&found.ttft, &found.tpot,       &found.itl,
                                        &found.e2e,  &found.queue_time, &found.normalized_latency};
    *wanted[input_byte(input) % 6] = &distribution;
    work_begin();
    (void)succeeded(batching_serving_metrics_calculate(&recorded, &options, &found));
    work_end();
    free_served(served);
    return (double)n + (double)served.n * 4;
}

static double parts(struct input *input, int64_t n) {
    double *columns[7];
    batching_attribution attribution;
    REQUIRE(batching_attribution_init(&attribution, sizeof attribution) == BATCHING_OK);
    for (int part = 0; part < 7; part++) {
        columns[part] = column_times(input_column(input), n, 0.001);
    }
    attribution.capacity = n;
    attribution.waiting_for_slot = columns[0];
    attribution.waiting_for_memory = columns[1];
    attribution.prefill = columns[2];
    attribution.decode = columns[3];
    attribution.slowed_by_prefill = columns[4];
    attribution.preempted = columns[5];
    attribution.held_in_batch = columns[6];
    const double percentiles[] = {0, 50, 50, 90, 99, 100};
    double means[5];
    batching_attribution_bands bands;
    REQUIRE(batching_attribution_bands_init(&bands, sizeof bands) == BATCHING_OK);
    bands.capacity = 5;
    bands.decode = means;
    work_begin();
    (void)succeeded(batching_attribution_bands_calculate(&attribution, n, NULL, percentiles, 5, &bands));
    work_end();
    for (int part = 0; part < 7; part++) {
        free(columns[part]);
    }
    return (double)n;
}

static double workload(struct input *input, int64_t n) {
    batching_workload workload;
    REQUIRE(batching_workload_init(&workload, sizeof workload) == BATCHING_OK);
    int32_t sample[] = {1, 2, 3};
    workload.arrivals = (int32_t)ONE_OF(input, 0, BATCHING_ARRIVALS_GAMMA, BATCHING_ARRIVALS_CONSTANT);
    workload.arrival_rate = pow(10, (double)(input_byte(input) % 25) - 8);
    workload.burstiness = pow(10, (double)(input_byte(input) % 13) - 6);
    workload.burst_size = ONE_OF(input, 0, 1, n, INT64_MAX);
    workload.on_time = 1e-9 * (double)ONE_OF(input, 0, 1, 1000, 1000000000);
    workload.off_time = workload.on_time > 0 ? 1e-9 * (double)ONE_OF(input, 0, 1, 1000) : 0;
    workload.prompt_lengths =
        (int32_t)ONE_OF(input, 0, BATCHING_LENGTHS_LOGNORMAL, BATCHING_LENGTHS_ZIPF, BATCHING_LENGTHS_EMPIRICAL);
    workload.prompt_length_max = (int32_t)ONE_OF(input, 50, 200, INT32_MAX / 4);
    workload.prompt_length_median = workload.output_length_median = 100;
    workload.prompt_length_sigma = (double)ONE_OF(input, 0, 1, 1000);
    workload.prompt_length_exponent = pow(10, (double)(input_byte(input) % 12) - 10);
    workload.sample_count = 3;
    workload.sample_prompt_length = sample;
    workload.prefix_groups = (int32_t)ONE_OF(input, 0, 1, 100, INT32_MAX);
    workload.prefix_length = (int32_t)ONE_OF(input, 0, 64, 4096);
    workload.prefix_exponent = (double)ONE_OF(input, 0, 1, 64);
    workload.turns_min = (int32_t)ONE_OF(input, 0, 2, 1);
    workload.turns_max = (int32_t)ONE_OF(input, 0, 8, INT32_MAX);
    workload.think_time = (double)ONE_OF(input, 0, 1, 1000000);
    workload.think_times = (int32_t)ONE_OF(input, BATCHING_THINK_TIMES_EXPONENTIAL, BATCHING_THINK_TIMES_CONSTANT,
                                           BATCHING_THINK_TIMES_LOGNORMAL);
    workload.think_time_sigma = (double)ONE_OF(input, 0, 1, 64);
    workload.sessions_closed = (int32_t)ONE_OF(input, 0, 1);
    int32_t *prompts = allocate((size_t)n * sizeof *prompts), *outputs = allocate((size_t)n * sizeof *outputs);
    double *arrivals = allocate((size_t)n * sizeof *arrivals);
    int64_t *sample_indices = allocate((size_t)n * sizeof *sample_indices);
    int64_t needed = 0;
    work_begin();
    (void)succeeded(batching_workload_generate(&workload, n, prompts, outputs, arrivals));
    (void)succeeded(batching_workload_hashes_generate(&workload, n, NULL, 0, NULL, &needed));
    (void)succeeded(batching_workload_sessions_generate(&workload, n, NULL, arrivals));
    (void)succeeded(batching_sample_generate(workload.seed, n, n / 2, sample_indices));
    work_end();
    double units = (double)n;
    if (needed > 0 && needed < 1 << 20) {
        int64_t *ids = allocate((size_t)needed * sizeof *ids);
        work_begin();
        (void)succeeded(batching_workload_hashes_generate(&workload, n, NULL, needed, ids, &needed));
        work_end();
        free(ids);
    }
    units += (double)needed;
    free(prompts);
    free(outputs);
    free(arrivals);
    free(sample_indices);
    return units;
}

static double textbook(struct input *input, int64_t n) {
    batching_requests requests;
    batching_comparison comparison;
    REQUIRE(batching_requests_init(&requests, sizeof requests) == BATCHING_OK);
    REQUIRE(batching_comparison_init(&comparison, sizeof comparison) == BATCHING_OK);
    requests.count = n;
    const struct column lengths = input_column(input);
    const int64_t longest = ONE_OF(input, 16 * n, 1 << 20);
    int32_t *outputs = column_lengths(lengths, n, (int32_t)ONE_OF(input, 1, 1, 16384), longest);
    const int64_t slots = ONE_OF(input, 1, 8, n, INT32_MAX, INT64_MAX);
    requests.output_length = outputs;
    requests.arrival_time = column_times(input_column(input), n, 0.001);
    const double time = ONE_OF(input, 0, 1) ? 0.01 : 1e-9;
    batching_results results = output_results(n);
    work_begin();
    (void)succeeded(batching_strategies_compare(&requests, slots, time, &comparison));
    (void)succeeded(batching_continuous_simulate(&requests, slots, time, &results, NULL));
    (void)succeeded(batching_static_simulate(&requests, slots, time, &results, NULL));
    work_end();
    free_results(results);
    free_requests(requests);
    return (double)n;
}

static double batch_metrics(struct input *input, int64_t n) {
    const struct served served = input_served(input, n);
    batching_completed completed;
    batching_batch_metrics found;
    REQUIRE(batching_completed_init(&completed, sizeof completed) == BATCHING_OK);
    REQUIRE(batching_batch_metrics_init(&found, sizeof found) == BATCHING_OK);
    completed.count = n;
    completed.arrival_time = served.arrival;
    completed.start_time = served.start;
    completed.end_time = served.end;
    completed.tokens_generated = served.outputs;
    batching_distribution distribution;
    REQUIRE(batching_distribution_init(&distribution, sizeof distribution) == BATCHING_OK);
    work_begin();
    (void)succeeded(batching_batch_metrics_calculate(&completed, 1e6, &found));
    (void)succeeded(batching_distribution_calculate(n, served.end, NULL, &distribution));
    work_end();
    free_served(served);
    return (double)n;
}

struct cost grown_columns(struct input input, int64_t n) {
    static double (*const FUNCTIONS[])(struct input *, int64_t) = {load,     metrics,  parts,
                                                                   workload, textbook, batch_metrics};
    struct cost cost;
    cost.units = FUNCTIONS[input_byte(&input) % 6](&input, n);
    cost.work = work_taken();
    return cost;
}
