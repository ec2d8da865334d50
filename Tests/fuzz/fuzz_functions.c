/*
 * A libFuzzer target that drives every function of batching.h. The first byte picks the function, the others are its
 * arguments: see input.h. Those of the engine are in fuzz_engine.c, those of the load in fuzz_load.c, those of the times
 * of iterations in fuzz_times.c and fuzz_hardware.c. Of a call that fails it asks for a known status, a sentence and untouched outputs; of one that succeeds, for results that contradict
 * neither each other nor the header.
 */
#include <math.h>

#include "checks.h"

static void require_a_schedule(const batching_requests *requests, const batching_results *results,
                               const batching_summary *summary) {
    int64_t tokens = 0;
    double last_end = 0.0;
    for (int64_t index = 0; index < requests->count; index++) {
        double arrival = requests->arrival_time != NULL ? requests->arrival_time[index] : 0.0;
        double start = results->start_time[index], first_token = results->first_token_time[index];
        double end = results->end_time[index];
        REQUIRE(is_not_before(start, arrival));
        REQUIRE(start <= first_token && first_token <= end && end <= BATCHING_TIME_MAX);
        REQUIRE(start < first_token || start > TELLS_NANOSECONDS_APART);
        REQUIRE(results->tokens_generated[index] ==
                (requests->output_length != NULL ? requests->output_length[index] : 1));
        tokens += results->tokens_generated[index];
        last_end = end > last_end ? end : last_end;
    }
    REQUIRE(summary->total_time == last_end);
    REQUIRE(summary->total_tokens == tokens);
    REQUIRE(summary->iterations <= tokens && (summary->iterations > 0) == (tokens > 0));
    REQUIRE(is_not_before(summary->total_time, summary->busy_time));

    bool *completed = calloc((size_t)requests->count + 1, sizeof *completed);
    for (int64_t place = 0; place < requests->count; place++) {
        int64_t index = results->completion_order[place];
        REQUIRE(index >= 0 && index < requests->count && !completed[index]);
        completed[index] = true;
        if (place > 0) {
            int64_t before = results->completion_order[place - 1];
            REQUIRE(results->end_time[before] <= results->end_time[index]);
            REQUIRE(results->end_time[before] < results->end_time[index] ||
                    results->start_time[before] <= results->start_time[index] ||
                    results->end_time[before] > TELLS_NANOSECONDS_APART);
        }
    }
    free(completed);
}

static void require_metrics(const batching_batch_metrics *metrics) {
    REQUIRE(metrics->throughput >= 0.0 && metrics->total_tokens >= 0);
    /* A mean is a rounded quotient: it may exceed the largest of its elements by its last bit. */
    REQUIRE(metrics->avg_latency >= 0.0 && is_not_before(BATCHING_TIME_MAX, metrics->avg_latency));
    REQUIRE(metrics->p50_latency >= 0.0 && metrics->p50_latency <= metrics->p95_latency);
    REQUIRE(metrics->p95_latency <= metrics->p99_latency && metrics->p99_latency <= BATCHING_TIME_MAX);
    REQUIRE(metrics->avg_queue_time >= 0.0 && is_not_before(metrics->avg_latency, metrics->avg_queue_time));
    REQUIRE(metrics->avg_time_to_first_token >= 0.0);
    REQUIRE(is_not_before(metrics->avg_latency, metrics->avg_time_to_first_token));
    REQUIRE(metrics->gpu_utilization >= 0.0 && metrics->gpu_utilization <= 1.0);
}

/* The metrics of a run that was simulated: nothing about it can be wrong. */
static void measure_run(const batching_requests *requests, const batching_results *results, double total_time) {
    batching_completed completed;
    batching_batch_metrics metrics;
    REQUIRE(batching_completed_init(&completed, sizeof completed) == BATCHING_OK);
    REQUIRE(batching_batch_metrics_init(&metrics, sizeof metrics) == BATCHING_OK);
    completed.count = requests->count;
    completed.arrival_time = requests->arrival_time;
    completed.start_time = results->start_time;
    completed.first_token_time = results->first_token_time;
    completed.end_time = results->end_time;
    completed.tokens_generated = results->tokens_generated;
    REQUIRE(batching_batch_metrics_calculate(&completed, total_time, &metrics) == BATCHING_OK);
    require_metrics(&metrics);
}

typedef batching_status simulator(const batching_requests *, int64_t, double, const batching_results *,
                                  batching_summary *);

static void fuzz_simulator(struct input *input, simulator *simulate) {
    batching_requests requests = input_requests(input);
    int64_t columns = requests.count >= 0 && requests.count <= INT64_MAX / 8 ? requests.count : 0;
    batching_results results = output_results(columns);
    batching_summary summary;
    REQUIRE(batching_summary_init(&summary, sizeof summary) == BATCHING_OK);
    summary.iterations = -7;
    int64_t batch_size = input_size(input);
    double time_per_token = input_seconds(input);
    results.capacity = input_chance(input, 32) ? columns - 1 - input_byte(input) : columns;

    batching_requests *given_requests = input_struct(input, &requests, sizeof requests);
    batching_results *given_results = input_struct(input, &results, sizeof results);
    struct output_struct given_summary = output_struct(input, &summary, sizeof summary);
    if (succeeded(simulate(given_requests, batch_size, time_per_token, given_results, given_summary.value))) {
        take_output(&summary, sizeof summary, given_summary);
        require_a_schedule(&requests, &results, &summary);
        measure_run(&requests, &results, summary.total_time);
        /* Without outputs the same input works too. */
        REQUIRE(simulate(&requests, batch_size, time_per_token, NULL, NULL) == BATCHING_OK);
    } else {
        REQUIRE(results_are_untouched(results, columns) && is_untouched(given_summary));
    }
    free(given_requests);
    free(given_results);
    free_output_struct(given_summary);
    free_requests(requests);
    free_results(results);
}

static void fuzz_static(struct input *input) {
    fuzz_simulator(input, batching_static_simulate);
}
static void fuzz_continuous(struct input *input) {
    fuzz_simulator(input, batching_continuous_simulate);
}

static void fuzz_compare(struct input *input) {
    batching_requests requests = input_requests(input);
    batching_comparison comparison;
    REQUIRE(batching_comparison_init(&comparison, sizeof comparison) == BATCHING_OK);
    int64_t batch_size = input_size(input);
    double time_per_token = input_seconds(input);
    batching_requests *given_requests = input_struct(input, &requests, sizeof requests);
    struct output_struct given_comparison = output_struct(input, &comparison, sizeof comparison);
    if (succeeded(batching_strategies_compare(given_requests, batch_size, time_per_token, given_comparison.value))) {
        take_output(&comparison, sizeof comparison, given_comparison);
        REQUIRE(requests.count == 0 || comparison.latency_improvement > 0.0);
        REQUIRE(isfinite(comparison.throughput_improvement) && isfinite(comparison.latency_improvement));
        REQUIRE((comparison.static_throughput > 0.0) == (requests.count > 0));
        REQUIRE((comparison.continuous_avg_latency > 0.0) == (requests.count > 0));
    } else {
        REQUIRE(is_untouched(given_comparison));
    }
    free(given_requests);
    free_output_struct(given_comparison);
    free_requests(requests);
}

static batching_completed input_completed(struct input *input) {
    batching_completed completed;
    REQUIRE(batching_completed_init(&completed, sizeof completed) == BATCHING_OK);
    if (input_chance(input, 32)) {
        completed.count = input_impossible_count(input);
        return completed;
    }
    completed.count = input_count(input);
    completed.arrival_time = input_times(input, completed.count);
    completed.tokens_generated = input_lengths(input, completed.count, 1);
    if (input_chance(input, 32)) {
        return completed;
    }
    completed.start_time = input_later_times(input, completed.count, completed.arrival_time);
    double *first_token_time =
        input_chance(input, 3) ? NULL : input_later_times(input, completed.count, completed.start_time);
    completed.first_token_time = first_token_time;
    completed.end_time =
        input_later_times(input, completed.count, first_token_time != NULL ? first_token_time : completed.start_time);
    if (first_token_time != NULL && completed.count > 0 && input_chance(input, 2)) {
        first_token_time[input_byte(input) % completed.count] = NAN;
    }
    return completed;
}

static void free_completed(batching_completed completed) {
    free((void *)completed.arrival_time);
    free((void *)completed.start_time);
    free((void *)completed.first_token_time);
    free((void *)completed.end_time);
    free((void *)completed.tokens_generated);
}

static void fuzz_metrics(struct input *input) {
    batching_completed completed = input_completed(input);
    batching_batch_metrics metrics;
    REQUIRE(batching_batch_metrics_init(&metrics, sizeof metrics) == BATCHING_OK);
    double total_time = input_seconds(input);
    batching_completed *given_completed = input_struct(input, &completed, sizeof completed);
    struct output_struct given_metrics = output_struct(input, &metrics, sizeof metrics);
    if (succeeded(batching_batch_metrics_calculate(given_completed, total_time, given_metrics.value))) {
        take_output(&metrics, sizeof metrics, given_metrics);
        require_metrics(&metrics);
    } else {
        REQUIRE(is_untouched(given_metrics));
    }
    free(given_completed);
    free_output_struct(given_metrics);
    free_completed(completed);
}

static void fuzz_latencies(struct input *input) {
    batching_completed completed = input_completed(input);
    int64_t columns = completed.count >= 0 && completed.count <= INT64_MAX / 8 ? completed.count : 0;
    batching_latencies latencies;
    REQUIRE(batching_latencies_init(&latencies, sizeof latencies) == BATCHING_OK);
    latencies.capacity = input_chance(input, 32) ? columns - 1 - input_byte(input) : columns;
    latencies.queue_time = output_column(columns, sizeof(double));
    latencies.processing_time = output_column(columns, sizeof(double));
    latencies.total_latency = output_column(columns, sizeof(double));
    latencies.time_to_first_token = output_column(columns, sizeof(double));
    batching_completed *given_completed = input_struct(input, &completed, sizeof completed);
    batching_latencies *given_latencies = input_struct(input, &latencies, sizeof latencies);
    if (succeeded(batching_latencies_calculate(given_completed, given_latencies))) {
        for (int64_t index = 0; index < columns; index++) {
            double queue_time = latencies.queue_time[index], processing_time = latencies.processing_time[index];
            double total_latency = latencies.total_latency[index];
            REQUIRE(queue_time >= 0.0 && processing_time >= 0.0);
            REQUIRE(is_not_before(queue_time + processing_time, total_latency));
            REQUIRE(is_not_before(total_latency, queue_time + processing_time));
            REQUIRE(is_not_before(latencies.time_to_first_token[index], queue_time));
            REQUIRE(is_not_before(total_latency, latencies.time_to_first_token[index]));
        }
    } else {
        REQUIRE(output_is_untouched(latencies.queue_time, columns, sizeof(double)));
        REQUIRE(output_is_untouched(latencies.processing_time, columns, sizeof(double)));
        REQUIRE(output_is_untouched(latencies.total_latency, columns, sizeof(double)));
        REQUIRE(output_is_untouched(latencies.time_to_first_token, columns, sizeof(double)));
    }
    free(given_completed);
    free(given_latencies);
    free(latencies.queue_time);
    free(latencies.processing_time);
    free(latencies.total_latency);
    free(latencies.time_to_first_token);
    free_completed(completed);
}

/* A distribution that is told: its figures are in order, and so are its percentiles where they were asked for so. */
static void require_distribution(const batching_distribution *told, const double *percentiles) {
    REQUIRE(told->count >= 0 && told->min <= told->max && told->std >= 0.0);
    REQUIRE(told->min <= told->mean && told->mean <= told->max);
    REQUIRE(told->min <= told->median && told->median <= told->max);
    REQUIRE(percentiles == NULL || (percentiles[0] <= percentiles[1] && percentiles[0] >= told->min));
}

static void fuzz_serving_metrics(struct input *input) {
    batching_recorded recorded;
    REQUIRE(batching_recorded_init(&recorded, sizeof recorded) == BATCHING_OK);
    int64_t count = input_count(input);
    double *arrival_time = input_times(input, count);
    double *start_time = input_chance(input, 2) ? NULL : input_later_times(input, count, arrival_time);
    double *first_token_time =
        input_chance(input, 2) ? NULL : input_later_times(input, count, start_time ? start_time : arrival_time);
    double *end_time = input_later_times(input, count, first_token_time ? first_token_time : arrival_time);
    int32_t *prompt_length = input_lengths(input, count, 0);
    int32_t *output_length = input_lengths(input, count, 0);
    uint8_t *success = input_chance(input, 2) ? NULL : allocate((size_t)count);
    for (int64_t index = 0; success != NULL && index < count; index++) {
        success[index] = input_chance(input, 64) ? 7 : input_byte(input) & 1;
    }
    /* Two tokens a request: its arrival and its end, which are in order if anything is. */
    double *token_times = NULL;
    int64_t *token_offsets = NULL;
    if (input_chance(input, 2) && end_time != NULL) {
        token_times = allocate((size_t)(2 * count) * sizeof *token_times);
        token_offsets = allocate((size_t)(count + 1) * sizeof *token_offsets);
        for (int64_t index = 0; index < count; index++) {
            token_offsets[index] = 2 * index;
            token_times[2 * index] = arrival_time ? arrival_time[index] : 0.0;
            token_times[2 * index + 1] = end_time[index];
        }
        token_offsets[count] = 2 * count;
    }
    recorded.count = input_chance(input, 32) ? input_impossible_count(input) : count;
    recorded.arrival_time = arrival_time;
    recorded.start_time = start_time;
    recorded.first_token_time = first_token_time;
    recorded.end_time = end_time;
    recorded.prompt_length = prompt_length;
    recorded.output_length = output_length;
    recorded.success = success;
    /* Also of clients that should have sent before they were asked. */
    double *client_arrival_time = input_chance(input, 2) ? NULL : input_times(input, count);
    recorded.client_arrival_time =
        client_arrival_time != NULL && input_chance(input, 2) ? arrival_time : client_arrival_time;
    recorded.token_times = token_times;
    recorded.token_offsets = token_offsets;

    double percentiles[2] = {25.0, 99.0}, results[2] = {-7.0, -7.0};
    batching_serving_metrics_config options;
    REQUIRE(batching_serving_metrics_config_init(&options, sizeof options) == BATCHING_OK);
    if (input_chance(input, 8)) {
        percentiles[1] = input_double(input);
    }
    options.convention = (input_byte(input) % 3) * 100;
    options.percentile_method = input_chance(input, 2) ? 0 : 100 + 10 * (input_byte(input) & 1);
    options.percentiles = percentiles;
    options.percentile_count = 2;
    options.duration = input_chance(input, 2) ? 0.0 : input_seconds(input);
    options.slo_ttft = input_chance(input, 2) ? 0.0 : input_seconds(input);
    options.slo_tpot = input_chance(input, 2) ? 0.0 : input_seconds(input);
    options.slo_itl = input_chance(input, 2) ? 0.0 : input_seconds(input);
    options.slo_e2e = input_chance(input, 2) ? 0.0 : input_seconds(input);
    options.slo_due_by = input_chance(input, 2) ? 0.0 : input_seconds(input);
    batching_distribution told[8];
    batching_serving_metrics metrics;
    REQUIRE(batching_serving_metrics_init(&metrics, sizeof metrics) == BATCHING_OK);
    batching_distribution **wanted[8] = {&metrics.ttft,
                                         &metrics.tpot,
                                         &metrics.itl,
                                         &metrics.e2e,
                                         &metrics.queue_time,
                                         &metrics.normalized_latency,
                                         &metrics.client_queue_time,
                                         &metrics.e2e_including_client_queue};
    for (int sample = 0; sample < 8; sample++) {
        REQUIRE(batching_distribution_init(&told[sample], sizeof told[sample]) == BATCHING_OK);
        *wanted[sample] = input_chance(input, 4) ? NULL : &told[sample];
    }
    told[3].percentiles = results;
    batching_recorded *given = input_struct(input, &recorded, sizeof recorded);
    batching_serving_metrics_config *given_options = input_struct(input, &options, sizeof options);
    if (succeeded(batching_serving_metrics_calculate(given, given_options, &metrics))) {
        for (int sample = 0; sample < 8; sample++) {
            require_distribution(&told[sample], NULL);
        }
        if (metrics.e2e != NULL && percentiles[1] >= percentiles[0]) {
            require_distribution(&told[3], results);
        }
        REQUIRE(metrics.completed + metrics.failed == count && metrics.good <= metrics.completed);
        REQUIRE(metrics.good <= metrics.judged && metrics.judged <= count);
        REQUIRE(!(metrics.slo_attainment > metrics.slo_attainment_ttft));
    } else {
        REQUIRE(metrics.completed == 0 && results[0] == -7.0 && results[1] == -7.0);
    }
    free(given);
    free(given_options);
    free(client_arrival_time);
    free(arrival_time);
    free(start_time);
    free(first_token_time);
    free(end_time);
    free(prompt_length);
    free(output_length);
    free(success);
    free(token_times);
    free(token_offsets);
}

static void fuzz_remaining_tokens(struct input *input) {
    int64_t columns = input_count(input);
    int32_t *output_length = input_lengths(input, columns, 1);
    int32_t *tokens_generated = input_lengths(input, columns, 0);
    int32_t *remaining_tokens = input_chance(input, 16) ? NULL : output_column(columns, sizeof(int32_t));
    int64_t count = input_chance(input, 16) ? -1 - input_byte(input) : columns;
    if (succeeded(batching_remaining_tokens_calculate(count, output_length, tokens_generated, remaining_tokens))) {
        for (int64_t index = 0; index < columns; index++) {
            int64_t remaining = (int64_t)output_length[index] - tokens_generated[index];
            REQUIRE(remaining_tokens[index] == (remaining > 0 ? remaining : 0));
        }
    } else {
        REQUIRE(output_is_untouched(remaining_tokens, columns, sizeof(int32_t)));
    }
    free(output_length);
    free(tokens_generated);
    free(remaining_tokens);
}

static void fuzz_capacity(struct input *input) {
    static const double untouched = -7.0;
    double intensity = untouched;
    int64_t batch_size = input_size(input), max_seq_len = input_size(input), largest = -7;
    double first = input_double(input), second = input_double(input), third = input_double(input);
    bool wants = !input_chance(input, 16);
    if (succeeded(batching_arithmetic_intensity_calculate(batch_size, first, second, wants ? &intensity : NULL))) {
        REQUIRE(intensity == (double)batch_size * second);
    } else {
        REQUIRE(intensity == untouched);
    }
    if (succeeded(batching_optimal_batch_size_calculate(first, second, third, max_seq_len, wants ? &largest : NULL))) {
        /* Up to the rounding of these doubles. */
        REQUIRE(largest >= 0);
        REQUIRE(largest == 0 || second + (double)largest * (double)max_seq_len * third <= first * (1 + 1e-12));
    } else {
        REQUIRE(largest == -7);
    }
}

/* Any kind of workload: often one that is valid, with something of everything. */
static void input_workload(struct input *input, batching_workload *workload, int64_t samples) {
    static const int32_t ARRIVALS[] = {BATCHING_ARRIVALS_POISSON, BATCHING_ARRIVALS_GAMMA, BATCHING_ARRIVALS_CONSTANT,
                                       1};
    static const int32_t RAMPS[] = {BATCHING_RAMP_NONE, BATCHING_RAMP_LINEAR, BATCHING_RAMP_EXPONENTIAL, -1};
    static const int32_t LENGTHS[] = {BATCHING_LENGTHS_UNIFORM, BATCHING_LENGTHS_LOGNORMAL, BATCHING_LENGTHS_ZIPF,
                                      BATCHING_LENGTHS_EMPIRICAL};
    workload->arrivals = ARRIVALS[input_byte(input) & 3];
    workload->ramp = RAMPS[input_byte(input) & 3];
    workload->burstiness = input_double(input);
    workload->ramp_end_rate = input_double(input);
    workload->ramp_requests = input_size(input);
    workload->burst_size = input_size(input);
    workload->on_time = input_chance(input, 2) ? 0.0 : input_seconds(input);
    workload->off_time = input_chance(input, 2) ? 0.0 : input_seconds(input);
    workload->prompt_lengths = LENGTHS[input_byte(input) & 3];
    workload->output_lengths = LENGTHS[input_byte(input) & 3];
    workload->prompt_length_median = input_double(input);
    workload->prompt_length_sigma = input_double(input);
    workload->prompt_length_exponent = input_double(input);
    workload->output_length_median = input_double(input);
    workload->output_length_sigma = input_double(input);
    workload->output_length_exponent = input_double(input);
    workload->sample_count = samples;
    workload->samples_independent = input_byte(input) & 1;
    workload->prefix_groups = input_chance(input, 2) ? 0 : (int32_t)input_size(input);
    workload->prefix_length = (int32_t)input_size(input);
    workload->prefix_exponent = input_double(input);
    workload->hash_block_size = input_chance(input, 2) ? 0 : (int32_t)input_size(input);
    workload->turns_min = input_chance(input, 2) ? 0 : (int32_t)input_size(input);
    workload->turns_max = input_chance(input, 2) ? 0 : (int32_t)input_size(input);
    workload->think_time = input_chance(input, 2) ? 0.0 : input_seconds(input);
    static const int32_t THINK_TIMES[] = {BATCHING_THINK_TIMES_EXPONENTIAL, BATCHING_THINK_TIMES_CONSTANT,
                                          BATCHING_THINK_TIMES_LOGNORMAL, 1};
    workload->think_times = THINK_TIMES[input_byte(input) & 3];
    workload->think_time_sigma = input_chance(input, 2) ? (double)(input_byte(input) % 70) : input_double(input);
    workload->sessions_closed = input_byte(input) % 5 == 4 ? 2 : input_byte(input) & 1;
}

/* Sessions are numbered as they begin; closed ones follow each other, and only their later turns have delays. */
static void fuzz_sessions(struct input *input, const batching_workload *workload, int64_t count) {
    int64_t *session = input_chance(input, 4) ? NULL : output_column(count, sizeof(int64_t));
    double *delay = input_chance(input, 4) ? NULL : output_column(count, sizeof(double));
    if (succeeded(batching_workload_sessions_generate(workload, count, session, delay))) {
        int64_t sessions = 0;
        for (int64_t index = 0; index < count; index++) {
            const int is_first = session != NULL && session[index] == sessions;
            REQUIRE(session == NULL || (session[index] >= 0 && session[index] <= sessions));
            REQUIRE(session == NULL || workload->sessions_closed == 0 || session[index] >= sessions - 1);
            REQUIRE(delay == NULL || (delay[index] >= 0.0 && delay[index] <= BATCHING_TIME_MAX));
            REQUIRE(delay == NULL || (workload->sessions_closed != 0 && !is_first) || delay[index] == 0.0 ||
                    session == NULL);
            sessions += is_first;
        }
    } else {
        REQUIRE(output_is_untouched(session, count, sizeof(int64_t)));
        REQUIRE(output_is_untouched(delay, count, sizeof(double)));
    }
    free(session);
    free(delay);
}

/* Indices that rise, and all of them where as many are wanted as there are. */
static void fuzz_sample(struct input *input) {
    const int64_t most = input_count(input), count = input_chance(input, 16) ? input_impossible_count(input) : most;
    const int64_t n = input_chance(input, 16) ? input_impossible_count(input) : most / (1 + (input_byte(input) & 3));
    int64_t *indices = input_chance(input, 8) ? NULL : output_column(most, sizeof(int64_t));
    if (succeeded(batching_sample_generate(input_word(input), count, n, indices))) {
        REQUIRE(n >= 0 && n <= count && (indices != NULL || n == 0));
        for (int64_t index = 0; index < n; index++) {
            REQUIRE(indices[index] > (index > 0 ? indices[index - 1] : -1) && indices[index] < count);
            REQUIRE(n < count || indices[index] == index);
        }
    } else {
        REQUIRE(output_is_untouched(indices, most, sizeof(int64_t)));
    }
    free(indices);
}

/* Hash ids that lie where the offsets say, or nothing at all. */
static void fuzz_hashes(struct input *input, const batching_workload *workload, int64_t count) {
    int64_t capacity = input_count(input);
    int64_t *offsets = output_column(count + 1, sizeof(int64_t));
    int64_t *ids = input_chance(input, 4) ? NULL : output_column(capacity, sizeof(int64_t));
    int64_t needed = -7;
    if (succeeded(batching_workload_hashes_generate(workload, count, offsets, capacity, ids, &needed))) {
        REQUIRE(offsets[0] == 0 && offsets[count] == needed && (ids == NULL || needed <= capacity));
        for (int64_t index = 0; index < count; index++) {
            REQUIRE(offsets[index] <= offsets[index + 1]);
        }
    } else {
        REQUIRE(needed == -7 && output_is_untouched(offsets, count + 1, sizeof(int64_t)));
        REQUIRE(output_is_untouched(ids, capacity, sizeof(int64_t)));
    }
    free(offsets);
    free(ids);
}

static void fuzz_workload(struct input *input) {
    batching_workload workload;
    REQUIRE(batching_workload_init(&workload, sizeof workload) == BATCHING_OK);
    int64_t columns = input_count(input);
    workload.seed = input_word(input);
    if (input_chance(input, 2)) {
        workload.prompt_length_min = (int32_t)input_word(input);
        workload.prompt_length_max = (int32_t)input_word(input);
        workload.output_length_min = (int32_t)(input_word(input) & 0xFFFF);
        workload.output_length_max = INT32_MAX - input_byte(input);
    }
    if (input_chance(input, 2)) {
        workload.arrival_rate = input_double(input);
    }
    int64_t samples = input_count(input);
    int32_t *sample_prompt_length = input_lengths(input, samples, 0);
    int32_t *sample_output_length = input_lengths(input, samples, 1);
    if (input_chance(input, 2)) {
        input_workload(input, &workload, samples);
        workload.sample_prompt_length = sample_prompt_length;
        workload.sample_output_length = sample_output_length;
    }
    /* A prompt of a group or a session is longer than what is drawn. */
    int is_shared = workload.prefix_groups > 0 || workload.turns_max > 1 || workload.turns_min > 1;
    int32_t *prompt_length = input_chance(input, 4) ? NULL : output_column(columns, sizeof(int32_t));
    int32_t *output_length = input_chance(input, 4) ? NULL : output_column(columns, sizeof(int32_t));
    double *arrival_time = input_chance(input, 4) ? NULL : output_column(columns, sizeof(double));
    int64_t count = input_chance(input, 32) ? -1 - input_byte(input) : columns;
    batching_workload *given = input_struct(input, &workload, sizeof workload);
    if (succeeded(batching_workload_generate(given, count, prompt_length, output_length, arrival_time))) {
        for (int64_t index = 0; index < columns; index++) {
            REQUIRE(prompt_length == NULL || (prompt_length[index] >= workload.prompt_length_min &&
                                              (is_shared || prompt_length[index] <= workload.prompt_length_max)));
            REQUIRE(output_length == NULL || (output_length[index] >= workload.output_length_min &&
                                              output_length[index] <= workload.output_length_max));
            /* Also of closed sessions: the turns of one have the same. */
            REQUIRE(arrival_time == NULL || (arrival_time[index] >= (index > 0 ? arrival_time[index - 1] : 0.0) &&
                                             arrival_time[index] <= BATCHING_TIME_MAX));
        }
    } else {
        REQUIRE(output_is_untouched(prompt_length, columns, sizeof(int32_t)));
        REQUIRE(output_is_untouched(output_length, columns, sizeof(int32_t)));
        REQUIRE(output_is_untouched(arrival_time, columns, sizeof(double)));
    }
    fuzz_hashes(input, given, columns);
    fuzz_sessions(input, given, columns);
    fuzz_sample(input);
    free(given);
    free(sample_prompt_length);
    free(sample_output_length);
    free(prompt_length);
    free(output_length);
    free(arrival_time);
}

#define INIT(type)                                                                                                     \
    static batching_status init_##type(void *value, uint32_t size) {                                                   \
        return batching_##type##_init(value, size);                                                                    \
    }
INIT(requests)
INIT(results)
INIT(summary)
INIT(completed)
INIT(latencies)
INIT(batch_metrics)
INIT(comparison)
INIT(workload)
INIT(engine_config)
INIT(iteration_log)
INIT(decision_log)
INIT(accumulator_config)
INIT(accumulator_events)
INIT(accumulator_state)
INIT(attribution)
INIT(recorded)
INIT(load_config)
INIT(load)
INIT(load_timeline)
INIT(attribution_bands)
INIT(client)
INIT(roofline)
INIT(time_table)
INIT(iterations)
INIT(gpu)
INIT(model)
INIT(deployment)
INIT(deployment_memory)
INIT(calibration_config)
INIT(calibration)
INIT(live_calibration_state)
INIT(live_calibration_log)
INIT(profile_facts)

static void fuzz_init(struct input *input) {
    static batching_status (*const inits[])(void *, uint32_t) = {
        init_requests,
        init_results,
        init_summary,
        init_completed,
        init_latencies,
        init_batch_metrics,
        init_comparison,
        init_workload,
        init_engine_config,
        init_iteration_log,
        init_decision_log,
        init_attribution,
        init_attribution_bands,
        init_recorded,
        init_load_config,
        init_load,
        init_load_timeline,
        init_accumulator_config,
        init_accumulator_events,
        init_accumulator_state,
        init_client,
        init_roofline,
        init_time_table,
        init_iterations,
        init_gpu,
        init_model,
        init_deployment,
        init_deployment_memory,
        init_calibration_config,
        init_calibration,
        init_live_calibration_state,
        init_live_calibration_log,
        init_profile_facts,
    };
    uint32_t size = input_chance(input, 2) ? (uint32_t)input_word(input) : (uint32_t)input_byte(input) * 8;
    size_t held = size > 4096 ? 0 : size;
    void *value = output_column((int64_t)held, 1);
    size_t which = input_byte(input) % (sizeof inits / sizeof *inits);
    if (succeeded(inits[which](value, size))) {
        uint32_t claimed;
        memcpy(&claimed, value, sizeof claimed);
        REQUIRE(claimed == size && size % 8 == 0 && size <= 4096);
    } else {
        REQUIRE(output_is_untouched(value, (int64_t)held, 1));
    }
    REQUIRE(inits[which](NULL, size) == BATCHING_ERROR_NULL_POINTER);
    free(value);
}

/* Nothing can go wrong with these, and nothing may. */
static void fuzz_version(struct input *input) {
    REQUIRE(strlen(batching_status_name((batching_status)input_word(input))) > 0);
    REQUIRE(batching_version_number() == BATCHING_VERSION_NUMBER);
    REQUIRE(strlen(batching_version()) >= strlen("0.0.0"));
    REQUIRE(batching_last_error() != NULL);
}

static void fuzz_null(struct input *input) {
    int64_t size = input_size(input);
    double seconds = input_double(input);
    REQUIRE(batching_static_simulate(NULL, size, seconds, NULL, NULL) != BATCHING_OK);
    REQUIRE(batching_continuous_simulate(NULL, size, seconds, NULL, NULL) != BATCHING_OK);
    REQUIRE(batching_strategies_compare(NULL, size, seconds, NULL) != BATCHING_OK);
    REQUIRE(batching_simulate(NULL, NULL, NULL, NULL) != BATCHING_OK);
    REQUIRE(batching_latencies_calculate(NULL, NULL) != BATCHING_OK);
    REQUIRE(batching_load_calculate(NULL, NULL, NULL, NULL) != BATCHING_OK);
    REQUIRE(batching_attribution_bands_calculate(NULL, size, NULL, NULL, size, NULL) != BATCHING_OK);
    REQUIRE(batching_batch_metrics_calculate(NULL, seconds, NULL) != BATCHING_OK);
    REQUIRE(batching_iteration_times_calculate(NULL, NULL, NULL) != BATCHING_OK);
    REQUIRE(batching_iteration_time_calibrate(NULL, NULL, NULL, NULL) != BATCHING_OK);
    REQUIRE(batching_live_calibration_create(NULL, size, NULL) != BATCHING_OK);
    REQUIRE(batching_profile_create(NULL, size, NULL) != BATCHING_OK);
    REQUIRE(batching_profile_get(NULL, NULL, NULL) != BATCHING_OK && batching_profile_destroy(NULL) == BATCHING_OK);
    REQUIRE(batching_gpus_count(NULL) != BATCHING_OK && batching_models_count(NULL) != BATCHING_OK);
    REQUIRE(batching_gpu_get(size, NULL) != BATCHING_OK && batching_model_get(size, NULL) != BATCHING_OK);
    REQUIRE(batching_gpu_find(NULL, NULL) != BATCHING_OK && batching_model_find("", NULL) != BATCHING_OK);
    REQUIRE(batching_deployment_memory_calculate(NULL, NULL) != BATCHING_OK);
    REQUIRE(batching_deployment_roofline_calculate(NULL, NULL) != BATCHING_OK);
    REQUIRE(size == 0 || batching_remaining_tokens_calculate(size, NULL, NULL, NULL) != BATCHING_OK);
    int64_t count = input_impossible_count(input);
    REQUIRE(batching_workload_generate(NULL, count < 0 ? count : -1, NULL, NULL, NULL) != BATCHING_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static void (*const functions[])(struct input *) = {
        fuzz_static,
        fuzz_continuous,
        fuzz_continuous,
        fuzz_compare,
        fuzz_metrics,
        fuzz_latencies,
        fuzz_capacity,
        fuzz_serving_metrics,
        fuzz_remaining_tokens,
        fuzz_workload,
        fuzz_init,
        fuzz_version,
        fuzz_null,
        fuzz_load,
        fuzz_load,
        fuzz_routers,
        fuzz_routers,
        fuzz_routers,
        fuzz_fleet,
        fuzz_fleet,
        fuzz_autoscalers,
        fuzz_autoscalers,
        fuzz_accumulator,
        fuzz_accumulator,
        fuzz_live_engine,
        fuzz_live_engine,
        fuzz_live_engine,
        fuzz_attribution_bands,
        fuzz_iteration_times,
        fuzz_iteration_times,
        fuzz_calibration,
        fuzz_live_calibration,
        fuzz_catalogue,
        fuzz_profile,
        fuzz_engine,
        fuzz_engine,
        fuzz_engine,
        fuzz_engine,
        fuzz_engine,
        fuzz_engine,
    };
    struct input input = {bytes, size};
    functions[input_byte(&input) % (sizeof functions / sizeof *functions)](&input);
    return 0;
}
