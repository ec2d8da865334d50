/*
 * The same bytes in every floating-point mode of the host: all four rounding modes, each with subnormal numbers kept,
 * flushed where they are results, where they are operands, and both. The host has its mode back after every call, and
 * in every callback, and none of its exception flags is cleared.
 */
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
/* Bits of MXCSR: results are flushed, operands are, and neither. */
static const unsigned FLUSHES[] = {0, 0x8000, 0x0040, 0x8040};
#else
static const unsigned FLUSHES[] = {0};
#endif
static const int ROUNDINGS[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

struct mode {
    int rounding;
    unsigned flush;
};

static void mode_set(struct mode mode) {
    (void)fesetround(mode.rounding);
#if defined(__x86_64__)
    _mm_setcsr((_mm_getcsr() & ~0x8040u) | mode.flush);
#endif
}

static struct mode mode_now(void) {
    struct mode mode = {.rounding = fegetround()};
#if defined(__x86_64__)
    mode.flush = _mm_getcsr() & 0x8040u;
#endif
    return mode;
}

static const struct mode STANDARD = {.rounding = FE_TONEAREST};
/* That of the host in the scenario that runs. */
static struct mode host;

static void require_host(const char *where) {
    const struct mode now = mode_now();
    if (now.rounding != host.rounding || now.flush != host.flush) {
        mode_set(STANDARD);
        fail_msg("%s: the mode is %d and %x, not the host's %d and %x", where, now.rounding, now.flush, host.rounding,
                 host.flush);
    }
}

/* What a scenario was told, byte for byte. */
enum { MOST_BYTES = 1 << 20, COUNT = 96, BANDS = 3, PERCENTILES = 3 };
struct told {
    unsigned char bytes[MOST_BYTES];
    size_t size;
};

static void tell(struct told *told, const void *bytes, size_t size) {
    assert_true(told->size + size <= MOST_BYTES);
    memcpy(told->bytes + told->size, bytes, size);
    told->size += size;
}

#define TELL(value) tell(told, &(value), sizeof(value))
#define CALL(...)                                                                                                      \
    do {                                                                                                               \
        const batching_status status_of_call = (__VA_ARGS__);                                                          \
        require_host(#__VA_ARGS__);                                                                                    \
        TELL(status_of_call);                                                                                          \
        if (status_of_call != BATCHING_OK) {                                                                           \
            tell(told, batching_last_error(), strlen(batching_last_error()));                                          \
        }                                                                                                              \
    } while (0)
#define MADE(type, name)                                                                                               \
    type name;                                                                                                         \
    memset(&name, 0, sizeof name);                                                                                     \
    CALL(type##_init(&name, sizeof name))

/* Inputs, made once in the standard mode. */
static int32_t prompt[COUNT], output[COUNT];
static int64_t ids[COUNT];
static double arrival[COUNT], begun[COUNT], first[COUNT], last_token[COUNT], ended[COUNT], any[COUNT];
static const double EDGES[BANDS + 1] = {0, 33.3, 66.6, 100};
static const double PERCENTS[PERCENTILES] = {10, 50, 99};

static void make_inputs(void) {
    for (int i = 0; i < COUNT; i++) {
        ids[i] = i;
        prompt[i] = 1 + i * 37 % 200;
        output[i] = 1 + i * 11 % 23;
        arrival[i] = i * 0.0137 + 1e-9 / 3;
        begun[i] = arrival[i] + 0.1 / 3;
        first[i] = begun[i] + 0.2 / 7;
        last_token[i] = first[i] + 0.01 * output[i] / 3;
        ended[i] = last_token[i] + (i % 5 == 0 ? 1 / 3.0 : 0);
        any[i] = i % 3 == 0 ? DBL_TRUE_MIN * (i + 1) : i % 3 == 1 ? -1 / (i + 3.0) : 1e9 + i * 1.2e-7;
    }
}

static batching_requests requests(struct told *told) {
    MADE(batching_requests, requests);
    requests.count = COUNT;
    requests.prompt_length = prompt;
    requests.output_length = output;
    requests.arrival_time = arrival;
    return requests;
}

struct columns {
    double start[COUNT], first_token[COUNT], end[COUNT];
    double parts[7][COUNT];
    double logged[3][4096];
};

static batching_results results(struct told *told, struct columns *columns) {
    MADE(batching_results, results);
    memset(columns, 0, sizeof *columns);
    results.capacity = COUNT;
    results.start_time = columns->start;
    results.first_token_time = columns->first_token;
    results.end_time = columns->end;
    return results;
}

static batching_attribution attribution(struct told *told, struct columns *columns) {
    MADE(batching_attribution, attribution);
    attribution.capacity = COUNT;
    attribution.waiting_for_slot = columns->parts[0];
    attribution.waiting_for_memory = columns->parts[1];
    attribution.prefill = columns->parts[2];
    attribution.decode = columns->parts[3];
    attribution.slowed_by_prefill = columns->parts[4];
    attribution.preempted = columns->parts[5];
    attribution.held_in_batch = columns->parts[6];
    return attribution;
}

/* --- Callbacks, which run in the host's mode -----------------------------------------------------------------------
 */

/* Adds in the host's mode what rounds otherwise in each: the answer is the same because it is not used. */
static volatile double third = 3.0;

static int32_t time_of_iteration(const batching_iteration *iteration, double *seconds, void *user_data) {
    require_host("time_callback");
    *(volatile double *)user_data += 1.0 / third;
    /* A callback may call the library, which then has this mode around it, too. */
    double intensity = 0;
    assert_int_equal(batching_arithmetic_intensity_calculate(3, 1e9, 0.1, &intensity), BATCHING_OK);
    require_host("a call in time_callback");
    *seconds = iteration->prefill_tokens > 0 ? 0.0123456789012 : 0.00123456789012;
    return 0;
}

static int32_t progress(const batching_progress *progress, void *user_data) {
    require_host("progress_callback");
    *(volatile double *)user_data += progress->time / third;
    return 0;
}

static int32_t log_rows(int64_t rows, void *user_data) {
    require_host("the callback of a log");
    *(volatile double *)user_data += (double)rows / third;
    return 0;
}

static int32_t schedule(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    require_host("policy_callback");
    *(volatile double *)user_data += view->time / third;
    for (int64_t row = 0; row < view->count && row < view->max_num_seqs; row++) {
        decision->scheduled_row[row] = row;
        decision->scheduled_tokens[row] =
            (int32_t)(view->prompt_tokens[row] + view->generated_tokens[row] - view->computed_tokens[row]);
        decision->scheduled_count++;
    }
    return 0;
}

static volatile double of_the_host;

static batching_engine_config config(struct told *told) {
    MADE(batching_engine_config, config);
    config.max_num_seqs = 16;
    config.max_num_batched_tokens = 1 << 20;
    config.time_model = BATCHING_TIME_CALLBACK;
    config.time_callback = time_of_iteration;
    config.time_user_data = (void *)&of_the_host;
    config.progress_callback = progress;
    config.progress_user_data = (void *)&of_the_host;
    config.progress_interval = 7;
    return config;
}

/* --- Scenarios: together they call every function that returns a status ------------------------------------------- */

static void simulate_with(struct told *told, batching_engine_config config) {
    struct columns *columns = malloc(sizeof *columns);
    const batching_requests given = requests(told);
    const batching_results written = results(told, columns);
    MADE(batching_iteration_log, iterations);
    iterations.capacity = 16;
    iterations.callback = log_rows;
    iterations.user_data = (void *)&of_the_host;
    iterations.time = columns->logged[0];
    iterations.duration = columns->logged[1];
    MADE(batching_decision_log, decisions);
    decisions.capacity = 16;
    decisions.callback = log_rows;
    decisions.user_data = (void *)&of_the_host;
    MADE(batching_summary, summary);
    const batching_attribution parts = attribution(told, columns);
    config.iteration_log = &iterations;
    config.decision_log = &decisions;
    config.attribution = &parts;
    CALL(batching_simulate(&config, &given, &written, &summary));
    TELL(summary);
    TELL(*columns);
    MADE(batching_attribution_bands, bands);
    double figures[4][BANDS];
    bands.capacity = BANDS;
    bands.shortest = figures[0];
    bands.longest = figures[1];
    bands.mean_total = figures[2];
    bands.decode = figures[3];
    CALL(batching_attribution_bands_calculate(&parts, COUNT, NULL, EDGES, BANDS, &bands));
    TELL(figures);
    free(columns);
}

static void engine_with_callbacks(struct told *told) {
    simulate_with(told, config(told));
}

static void engine_with_a_policy(struct told *told) {
    batching_engine_config given = config(told);
    given.policy = BATCHING_POLICY_CUSTOM;
    given.policy_callback = schedule;
    given.policy_user_data = (void *)&of_the_host;
    simulate_with(told, given);
}

static void engine_with_affine_time(struct told *told) {
    batching_engine_config given = config(told);
    given.time_model = BATCHING_TIME_AFFINE;
    given.time_base = 0.001 / 3;
    given.time_per_prefill_token = 1e-5 / 7;
    given.time_per_context_token = 1e-7 / 3;
    simulate_with(told, given);
}

/* Experts, a window and all-reduces, of numbers whose quotients have no end. */
static batching_roofline roofline(struct told *told) {
    MADE(batching_gpu, gpu);
    MADE(batching_model, model);
    MADE(batching_deployment, deployment);
    MADE(batching_deployment_memory, memory);
    MADE(batching_roofline, roofline);
    CALL(batching_gpu_find("h100 sxm", &gpu));
    CALL(batching_model_find("mixtral-8x7b", &model));
    CALL(batching_gpu_find("h1000", &gpu));
    deployment.gpu = &gpu;
    deployment.model = &model;
    deployment.tensor_parallel = 4;
    deployment.weight_dtype = BATCHING_DTYPE_FP8;
    deployment.gpu_memory_utilization = 0.1 * 7;
    CALL(batching_deployment_memory_calculate(&deployment, &memory));
    TELL(memory);
    CALL(batching_deployment_roofline_calculate(&deployment, &roofline));
    /* What is computed here must not depend on the mode. */
    roofline.window = 33.3;
    roofline.window_bytes = roofline.kv_bytes * 0.25;
    roofline.window_attention_flops = roofline.attention_flops * 0.5;
    /* Below what an operand is flushed at, too. */
    roofline.per_sequence = DBL_MIN / 3;
    TELL(roofline);
    return roofline;
}

static batching_time_table table(struct told *told) {
    static const double places[] = {1, 3, 50, 300};
    static const double seconds[] = {1e-3 / 3,   1e-3 / 2,   1.1e-3 / 2, 1.1e-3,     1e-3 / 3, 2e-3 / 3,
                                     2e-3 / 3,   2.3e-3,     1.3e-3 / 3, 2.1e-3 / 3, 2.2e-3,   3e-3,
                                     1.7e-3 / 3, 2.3e-3 / 3, 7.2e-3 / 3, 4e-3};
    MADE(batching_time_table, table);
    table.linear_count = table.head_count = table.decode_sequence_count = table.decode_context_count =
        table.prefill_token_count = table.prefill_context_count = 4;
    table.linear_tokens = table.head_sequences = table.decode_sequences = table.decode_contexts = table.prefill_tokens =
        table.prefill_contexts = places;
    table.linear_seconds = table.head_seconds = seconds;
    table.decode_seconds = table.prefill_seconds = seconds;
    table.decode_scale = 1 / 0.3;
    table.per_sequence = DBL_TRUE_MIN;
    return table;
}

/* In a run, and of iterations one by one: also of more than was measured. */
static void times_of(struct told *told, const batching_engine_config *given) {
    simulate_with(told, *given);
    int64_t prefill[COUNT], chunks[COUNT], decodes[COUNT], contexts[COUNT];
    double seconds[COUNT], prefill_contexts[COUNT];
    for (int i = 0; i < COUNT; i++) {
        prefill[i] = i % 4 == 0 ? 0 : prompt[i];
        chunks[i] = i % 4 == 0 ? 0 : 1 + i % 3 % prompt[i];
        prefill_contexts[i] = (double)prefill[i] * (double)prefill[i] * (0.5 + i % 5);
        decodes[i] = i % 7;
        contexts[i] = i % 7 == 0 ? 0 : i % 7 + i * 31;
    }
    MADE(batching_iterations, iterations);
    iterations.count = COUNT;
    iterations.prefill_tokens = prefill;
    iterations.decode_tokens = decodes;
    CALL(batching_iteration_times_calculate(given, &iterations, seconds));
    TELL(seconds);
    iterations.prefill_chunks = chunks;
    iterations.context_tokens = contexts;
    iterations.prefill_context = prefill_contexts;
    CALL(batching_iteration_times_calculate(given, &iterations, seconds));
    TELL(seconds);
}

static void engine_with_a_roofline(struct told *told) {
    batching_engine_config given = config(told);
    const batching_roofline time = roofline(told);
    given.time_model = BATCHING_TIME_ROOFLINE;
    given.time_roofline = &time;
    times_of(told, &given);
}

static void engine_with_a_table(struct told *told) {
    batching_engine_config given = config(told);
    const batching_time_table time = table(told);
    given.time_model = BATCHING_TIME_TABLE;
    given.time_table = &time;
    times_of(told, &given);
}

static int32_t is_enough(const batching_calibration_progress *progress, int32_t *is_enough, void *user_data) {
    require_host("the callback of a calibration");
    *(volatile double *)user_data += progress->loss / third;
    *is_enough = progress->simulations == progress->most;
    return 0;
}

static void calibration(struct told *told) {
    MADE(batching_recorded, recorded);
    MADE(batching_calibration_config, given);
    MADE(batching_calibration, found);
    const batching_requests asked = requests(told);
    const batching_roofline expected = roofline(told);
    recorded.count = COUNT;
    recorded.first_token_time = first;
    recorded.end_time = last_token;
    recorded.output_length = output;
    given.simulations = 60;
    given.callback = is_enough;
    given.user_data = (void *)&of_the_host;
    CALL(batching_iteration_time_calibrate(&given, &asked, &recorded, &found));
    TELL(found);
    given.roofline = &expected;
    CALL(batching_iteration_time_calibrate(&given, &asked, &recorded, &found));
    TELL(found);
}

/* Told of the same requests as they come and end, one of which fails. */
static void live_calibration(struct told *told) {
    MADE(batching_calibration_config, given);
    MADE(batching_calibration, found);
    MADE(batching_live_calibration_state, state);
    MADE(batching_live_calibration_log, log);
    const batching_requests asked = requests(told);
    batching_live_calibration *live = NULL, *copy = NULL;
    double times[COUNT];
    int32_t outputs[COUNT];
    given.simulations = 60;
    given.callback = is_enough;
    given.user_data = (void *)&of_the_host;
    CALL(batching_live_calibration_create(&given, 300, &live));
    for (int64_t request = 0; request < COUNT; request++) {
        CALL(batching_live_calibration_arrived(live, request, asked.arrival_time[request], 100, 0, NULL, 0));
        CALL(batching_live_calibration_first_token(live, request, first[request]));
        if (request > 0) {
            CALL(batching_live_calibration_finished(live, request, last_token[request], output[request]));
        }
    }
    CALL(batching_live_calibration_failed(live, 0, last_token[0]));
    CALL(batching_live_calibration_observe(live, &state));
    TELL(state);
    log.capacity = COUNT;
    log.arrival_time = times;
    log.output_length = outputs;
    CALL(batching_live_calibration_log_write(live, &log));
    TELL(times);
    TELL(outputs);
    CALL(batching_live_calibration_fork(live, &copy));
    CALL(batching_live_calibration_fit(copy, 0, NULL, NULL, &found));
    TELL(found);
    CALL(batching_live_calibration_destroy(copy));
    CALL(batching_live_calibration_destroy(live));
}

static void textbook(struct told *told) {
    struct columns *columns = malloc(sizeof *columns);
    const batching_requests given = requests(told);
    const batching_results written = results(told, columns);
    MADE(batching_summary, summary);
    MADE(batching_comparison, comparison);
    CALL(batching_static_simulate(&given, 7, 0.01 / 3, &written, &summary));
    TELL(summary);
    TELL(columns->end);
    CALL(batching_continuous_simulate(&given, 7, 0.01 / 3, &written, &summary));
    TELL(summary);
    TELL(columns->end);
    CALL(batching_strategies_compare(&given, 7, 0.01 / 3, &comparison));
    TELL(comparison);
    free(columns);
}

static void columns_of_completed_requests(struct told *told) {
    MADE(batching_completed, completed);
    completed.count = COUNT;
    completed.arrival_time = arrival;
    completed.start_time = begun;
    completed.end_time = ended;
    completed.tokens_generated = output;
    double parts[4][COUNT];
    MADE(batching_latencies, latencies);
    latencies.capacity = COUNT;
    latencies.queue_time = parts[0];
    latencies.processing_time = parts[1];
    latencies.total_latency = parts[2];
    latencies.time_to_first_token = parts[3];
    CALL(batching_latencies_calculate(&completed, &latencies));
    TELL(parts);
    MADE(batching_batch_metrics, metrics);
    CALL(batching_batch_metrics_calculate(&completed, 2.3456789, &metrics));
    TELL(metrics);
    int32_t remaining[COUNT];
    CALL(batching_remaining_tokens_calculate(COUNT, output, prompt, remaining));
    TELL(remaining);
}

static void serving(struct told *told) {
    MADE(batching_recorded, recorded);
    recorded.count = COUNT;
    recorded.arrival_time = arrival;
    recorded.start_time = begun;
    recorded.first_token_time = first;
    recorded.end_time = ended;
    recorded.prompt_length = prompt;
    recorded.output_length = output;
    MADE(batching_serving_metrics_config, options);
    options.percentiles = PERCENTS;
    options.percentile_count = PERCENTILES;
    options.slo_ttft = 0.1 / 3;
    options.slo_e2e = 0.4 / 3;
    double percentiles[PERCENTILES];
    MADE(batching_distribution, distribution);
    distribution.percentiles = percentiles;
    MADE(batching_serving_metrics, metrics);
    metrics.tpot = &distribution;
    CALL(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    TELL(metrics.duration);
    TELL(metrics.total_token_throughput);
    TELL(metrics.concurrency);
    TELL(metrics.slo_attainment_ttft);
    TELL(percentiles);
    TELL(distribution.mean);
    TELL(distribution.std);
    CALL(batching_distribution_calculate(COUNT, any, &options, &distribution));
    TELL(percentiles);
    TELL(distribution.mean);
    TELL(distribution.std);
    TELL(distribution.sum);
    MADE(batching_load_config, window);
    window.slots = 16;
    window.last_token_time = last_token;
    MADE(batching_load, load);
    MADE(batching_load_timeline, timeline);
    double running[10];
    timeline.capacity = 10;
    timeline.bins = 10;
    timeline.running = running;
    CALL(batching_load_calculate(&recorded, &window, &load, &timeline));
    TELL(load);
    TELL(running);
}

static void capacity(struct told *told) {
    double intensity = 0;
    CALL(batching_arithmetic_intensity_calculate(3, 1e9, 0.1, &intensity));
    TELL(intensity);
    CALL(batching_arithmetic_intensity_calculate(3, 1e9, DBL_TRUE_MIN, &intensity));
    TELL(intensity);
    int64_t size = 0;
    CALL(batching_optimal_batch_size_calculate(1e-310, 0, 1e-312, 3, &size));
    TELL(size);
    CALL(batching_optimal_batch_size_calculate(1e-310, NAN, 1e-312, 3, &size));
}

static void workloads(struct told *told) {
    static const int32_t LENGTHS[] = {BATCHING_LENGTHS_UNIFORM, BATCHING_LENGTHS_LOGNORMAL, BATCHING_LENGTHS_ZIPF};
    static const int32_t ARRIVALS[] = {BATCHING_ARRIVALS_POISSON, BATCHING_ARRIVALS_GAMMA, BATCHING_ARRIVALS_CONSTANT};
    int32_t prompts[COUNT], outputs[COUNT];
    double times[COUNT];
    int64_t offsets[COUNT + 1], hashes[4096], needed = 0;
    for (int which = 0; which < 3; which++) {
        MADE(batching_workload, workload);
        workload.prompt_lengths = workload.output_lengths = LENGTHS[which];
        workload.prompt_length_median = workload.output_length_median = 77.7;
        workload.prompt_length_sigma = workload.output_length_sigma = 0.9;
        workload.prompt_length_exponent = workload.output_length_exponent = 1.1;
        workload.arrivals = ARRIVALS[which];
        workload.burstiness = which == 1 ? 0.3 : 0;
        workload.turns_max = 3;
        workload.think_time = 1.0;
        workload.prefix_groups = 3;
        workload.prefix_length = 40;
        workload.prefix_exponent = 0.7;
        CALL(batching_workload_generate(&workload, COUNT, prompts, outputs, times));
        TELL(prompts);
        TELL(outputs);
        TELL(times);
        memset(hashes, 0, sizeof hashes);
        CALL(batching_workload_hashes_generate(&workload, COUNT, offsets, 4096, hashes, &needed));
        TELL(offsets);
        TELL(hashes);
    }
}

static void accumulator(struct told *told) {
    MADE(batching_accumulator_config, given);
    given.slo_ttft = 0.1 / 3;
    given.max_requests = 128;
    batching_accumulator *live = NULL, *copy = NULL;
    CALL(batching_accumulator_create(&given, &live));
    for (int i = 0; i < COUNT; i++) {
        CALL(batching_accumulator_arrived(live, i, arrival[i], prompt[i]));
        CALL(batching_accumulator_started(live, i, begun[i]));
        CALL(batching_accumulator_tokens(live, i, first[i], 1));
        CALL(batching_accumulator_tokens(live, i, last_token[i], output[i]));
        if (i % 7 == 0) {
            CALL(batching_accumulator_failed(live, i, ended[i], BATCHING_FAILED_ABORT));
        } else if (i % 7 > 1) {
            CALL(batching_accumulator_finished(live, i, ended[i], BATCHING_FINISHED_STOP));
        }
    }
    MADE(batching_accumulator_events, events);
    events.count = 1;
    events.request = ids + 1;
    events.time = ended + 1;
    CALL(batching_accumulator_add(live, &events, NULL));
    CALL(batching_accumulator_advance(live, 10 + 1e-9 / 3));
    MADE(batching_accumulator_state, state);
    CALL(batching_accumulator_observe(live, &state));
    TELL(state);
    double percentiles[PERCENTILES];
    MADE(batching_serving_metrics_config, options);
    options.percentiles = PERCENTS;
    options.percentile_count = PERCENTILES;
    MADE(batching_distribution, distribution);
    distribution.percentiles = percentiles;
    MADE(batching_serving_metrics, metrics);
    metrics.tpot = &distribution;
    CALL(batching_accumulator_measure(live, BATCHING_ACCUMULATOR_START, &options, &metrics));
    TELL(metrics.request_throughput);
    TELL(percentiles);
    TELL(distribution.mean);
    TELL(distribution.std);
    int64_t size = 0, length = 0;
    CALL(batching_accumulator_save(live, NULL, 0, &size));
    uint8_t *bytes = malloc((size_t)size);
    CALL(batching_accumulator_save(live, bytes, size, NULL));
    tell(told, bytes, (size_t)size);
    CALL(batching_accumulator_load(bytes, size, &copy));
    CALL(batching_accumulator_prometheus(copy, "m", "0", 100, NULL, 0, &length));
    char *text = malloc((size_t)length);
    CALL(batching_accumulator_prometheus(copy, "m", "0", 100, text, length, NULL));
    tell(told, text, (size_t)length);
    CALL(batching_accumulator_merge(live, copy));
    free(text);
    free(bytes);
    CALL(batching_accumulator_destroy(copy));
    CALL(batching_accumulator_destroy(live));
}

/* Shares, averages, a softmax: whatever rounds. */
static void routers(struct told *told) {
    static const int32_t RULES[] = {
        BATCHING_ROUTER_DYNAMO_KV, BATCHING_ROUTER_SCORERS,       BATCHING_ROUTER_CACHE_AWARE,
        BATCHING_ROUTER_SESSION,   BATCHING_ROUTER_PREFIX_TRIE,   BATCHING_ROUTER_RAY_PREFIX,
        BATCHING_ROUTER_VLLM_DP,   BATCHING_ROUTER_AIBRIX_PREFIX, BATCHING_ROUTER_VTC,
        BATCHING_ROUTER_RANDOM,    BATCHING_ROUTER_LEAST_REQUESTS};
    static const int64_t WAITING[3] = {3, 7, 1}, WEIGHT[3] = {3, 7, 11};
    static const double USAGE[3] = {1.0 / 3, 0.7, DBL_TRUE_MIN};
    static const uint64_t HASHES[6] = {1, 2, 3, 4, 5, 6};
    for (size_t rule = 0; rule < sizeof RULES / sizeof *RULES; rule++) {
        MADE(batching_router_config, config);
        config.router = RULES[rule];
        config.workers = 3;
        config.weight = WEIGHT;
        config.temperature = rule == 0 ? 0.3 : 0;
        config.overlap_score_credit_decay = 0.7;
        config.queue_threshold = 0.1;
        batching_router *router = NULL;
        CALL(batching_router_create(&config, &router));
        MADE(batching_worker_metrics, metrics);
        metrics.count = 3;
        metrics.waiting = metrics.running = WAITING;
        metrics.kv_usage = USAGE;
        CALL(batching_router_observe(router, &metrics));
        CALL(batching_router_stored(router, 1, HASHES, 4, 1));
        for (int64_t id = 0; id < 24; id++) {
            MADE(batching_routing_request, request);
            request.request = id;
            request.time = 0.1 * (double)id + 1e-9 / 3;
            request.prompt_length = 96;
            request.output_length = (int32_t)(1 + id);
            request.hash_ids = HASHES;
            request.hash_count = 1 + id % 6;
            request.text = id % 2 == 0 ? "a text of some length, which others begin with" : NULL;
            request.text_size = id % 2 == 0 ? 20 + id : 0;
            request.session = id % 3 == 0 ? "user" : NULL;
            int32_t allowed[3] = {0};
            double score[3] = {0};
            int64_t worker = -7, released = -7;
            CALL(batching_router_explain(router, &request, allowed, score));
            TELL(allowed);
            TELL(score);
            if (id % 5 == 4) {
                CALL(batching_router_book(router, &request, 2));
            } else {
                CALL(batching_router_route(router, &request, &worker));
            }
            TELL(worker);
            CALL(batching_router_output_block(router, id, 1.0 / 3));
            if (id % 2 == 0) {
                CALL(batching_router_first_token(router, id, request.time));
            }
            CALL(batching_router_release(router, &released, &worker));
            TELL(released);
            if (id % 3 == 2) {
                CALL(batching_router_finished(router, id, request.time));
            }
            CALL(batching_router_set_worker(router, id % 3, id % 4 == 0, request.time));
            CALL(batching_router_set_worker(router, id % 3, 1, request.time));
        }
        int64_t requests[3], tokens[3], waiting = 0;
        CALL(batching_router_load(router, requests, tokens, &waiting));
        TELL(requests);
        TELL(tokens);
        batching_router *copy = NULL;
        CALL(batching_router_fork(router, &copy));
        CALL(batching_router_destroy(copy));
        CALL(batching_router_removed(router, 1, HASHES, 2));
        CALL(batching_router_evict(router, 10));
        CALL(batching_router_destroy(router));
    }
}

/* Ratios, thresholds, means: whatever rounds. */
static void autoscalers(struct told *told) {
    static const int32_t RULES[] = {BATCHING_AUTOSCALER_HPA, BATCHING_AUTOSCALER_QUEUE_LENGTH,
                                    BATCHING_AUTOSCALER_DYNAMO_PLANNER, BATCHING_AUTOSCALER_LLM_D};
    static const int32_t TARGETS[] = {BATCHING_SCALING_TARGET_THROUGHPUT, BATCHING_SCALING_TARGET_SLA};
    for (size_t rule = 0; rule < 8; rule++) {
        MADE(batching_autoscaler_config, config);
        config.autoscaler = RULES[rule / 2];
        config.scaling_metric = BATCHING_SCALING_METRIC_GIVEN;
        config.target = 1.0 / 3;
        config.down_window = -1;
        config.max_kv_tokens = 700;
        config.component = BATCHING_COMPONENT_AGGREGATED;
        config.scaling_target = TARGETS[rule % 2];
        config.kv_threshold = 0.7;
        config.max_num_batched_tokens = 100;
        config.max_num_seqs = 7;
        config.gpu_budget = -1;
        batching_autoscaler *autoscaler = NULL;
        CALL(batching_autoscaler_create(&config, &autoscaler));
        for (int64_t step = 0; step < 60; step++) {
            double numbers[3], usage[3], estimates[3];
            int64_t counts[3];
            for (int64_t at = 0; at < 3; at++) {
                counts[at] = (step * 7 + at * 11) % 31 * (1 + step % 5 * 20);
                usage[at] = (double)((step + at) % 10) / 9;
                numbers[at] = at == 2 ? DBL_TRUE_MIN : 1.0 / (double)(1 + (step + at) % 7);
                estimates[at] = 0.01 * (double)((step * 3 + at) % 70);
            }
            MADE(batching_scaling_readings, readings);
            readings.time = 20.1 * (double)step;
            readings.count = 3;
            readings.starting = step % 4 == 3;
            readings.waiting = readings.scheduled_kv_tokens = counts;
            readings.kv_usage = usage;
            readings.metric = numbers;
            readings.estimated_ttft = readings.estimated_itl = estimates;
            readings.merged_ttft = readings.merged_itl = numbers;
            readings.mean_prompt_length = 100.0 / 3;
            readings.mean_output_length = 10.0 / 3;
            readings.demand = 1.0 / 3 * (double)step;
            readings.capacity = 1.0 / 3;
            int64_t desired = -7;
            CALL(batching_autoscaler_decide(autoscaler, &readings, &desired));
            TELL(desired);
        }
        CALL(batching_autoscaler_destroy(autoscaler));
    }
}

/* The one after the next, in the host's mode. */
static int32_t route(const batching_router_view *view, int64_t *worker, void *user_data) {
    require_host("router_callback");
    *(volatile double *)user_data += view->time / third;
    *worker = view->request * 2 % view->count;
    while (!view->is_up[*worker]) {
        *worker = (*worker + 1) % view->count;
    }
    return 0;
}

enum { MOST_REPLICAS = 4 };

static void simulate_fleet(struct told *told, const batching_fleet_config *config, const batching_requests *requests) {
    struct columns columns;
    const batching_results written = results(told, &columns);
    const batching_attribution parts = attribution(told, &columns);
    double by_request[8][COUNT], by_replica[5][MOST_REPLICAS], scaling_time[COUNT];
    int64_t tokens[MOST_REPLICAS], scaling_replicas[COUNT], scaling_count = -7;
    int32_t replica[COUNT], attempts[COUNT];
    memset(by_request, 0, sizeof by_request);
    memset(by_replica, 0, sizeof by_replica);
    memset(scaling_time, 0, sizeof scaling_time);
    memset(tokens, 0, sizeof tokens);
    memset(scaling_replicas, 0, sizeof scaling_replicas);
    memset(replica, 0, sizeof replica);
    memset(attempts, 0, sizeof attempts);
    MADE(batching_fleet_results, fleet);
    fleet.capacity = fleet.scaling_capacity = COUNT;
    fleet.replica_capacity = MOST_REPLICAS;
    fleet.replica = replica;
    fleet.attempts = attempts;
    fleet.routed_time = by_request[0];
    fleet.held_time = by_request[1];
    fleet.reserved_time = by_request[2];
    fleet.activated_time = by_request[3];
    fleet.decode_start_time = by_request[4];
    fleet.released_time = by_request[5];
    fleet.waiting_for_router = by_request[6];
    fleet.transfer = by_request[7];
    fleet.tokens = tokens;
    fleet.busy_time = by_replica[0];
    fleet.duration = by_replica[1];
    fleet.mean_running = by_replica[2];
    fleet.mean_kv_use = by_replica[3];
    fleet.up_time = by_replica[4];
    fleet.scaling_time = scaling_time;
    fleet.scaling_replicas = scaling_replicas;
    fleet.scaling_count = &scaling_count;
    fleet.attribution = &parts;
    MADE(batching_summary, summary);
    CALL(batching_fleet_simulate(config, requests, &written, &fleet, &summary));
    TELL(columns);
    TELL(by_request);
    TELL(by_replica);
    TELL(scaling_time);
    TELL(tokens);
    TELL(scaling_replicas);
    TELL(scaling_count);
    TELL(replica);
    TELL(attempts);
    TELL(summary);
}

/* Apart, with transfers that share a link; and with admission, retries, random faults and an autoscaler, by each chooser. */
static void fleets(struct told *told) {
    batching_engine_config engine = config(told);
    engine.time_model = BATCHING_TIME_AFFINE;
    engine.time_base = 0.01 / 3;
    engine.time_per_prefill_token = 1e-5 / 7;
    engine.time_per_decode_token = 1e-3 / 3;
    engine.num_gpu_blocks = 100;
    engine.enable_prefix_caching = 1;
    engine.progress_callback = NULL;
    const batching_engine_config *const engines[] = {&engine, &engine};
    const int64_t replicas[] = {2, 2};
    const int32_t roles[] = {BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE};
    static const int32_t CHOOSERS[] = {BATCHING_CHOOSER_ROUTER, BATCHING_CHOOSER_ESTIMATED_TTFT,
                                       BATCHING_CHOOSER_CALLBACK};
    static const int32_t PRESETS[] = {BATCHING_PRESET_DYNAMO, BATCHING_PRESET_VLLM_NIXL, BATCHING_PRESET_SGLANG_PD};
    const batching_requests sent = requests(told);
    MADE(batching_router_config, router);
    router.router = BATCHING_ROUTER_POWER_OF_TWO;
    MADE(batching_disaggregation_config, disaggregation);
    disaggregation.kv_bytes_per_token = 1e6 / 3;
    disaggregation.link_bandwidth = 1e9 / 7;
    disaggregation.link_latency = 1e-3 / 3;
    disaggregation.sharing = BATCHING_SHARING_SOURCE;
    MADE(batching_admission_config, admission);
    admission.bucket_capacity = 1000.0 / 3;
    admission.bucket_rate = 2e4 / 3;
    admission.bucket_cost = BATCHING_BUCKET_COST_PROMPT_TOKENS;
    admission.retries = 1;
    admission.retry_base = 0.01 / 3;
    admission.retry_factor = 4.0 / 3;
    admission.e2e_timeout = 0.4 / 3;
    MADE(batching_fault_config, faults);
    faults.mean_up_time = 0.7;
    faults.mean_down_time = 0.1 / 3;
    faults.notice_delay = 1e-3 / 3;
    MADE(batching_autoscaler_config, autoscaler);
    autoscaler.max_replicas = MOST_REPLICAS;
    autoscaler.scaling_metric = BATCHING_SCALING_METRIC_KV_USAGE;
    autoscaler.target = 0.1 / 3;
    autoscaler.interval = 0.1 / 3;
    autoscaler.down_window = 0.1;
    MADE(batching_fleet_scaling_config, scaling);
    scaling.autoscaler = &autoscaler;
    scaling.startup_time = 0.02 / 3;
    MADE(batching_fleet_config, fleet);
    fleet.router = &router;
    fleet.pool_count = 2;
    fleet.engine = engines;
    fleet.replicas = replicas;
    fleet.routing_delay = 1e-3 / 7;
    fleet.router_callback = route;
    fleet.router_user_data = (void *)&of_the_host;
    for (size_t kind = 0; kind < 3; kind++) {
        fleet.chooser = CHOOSERS[kind];
        fleet.role = roles;
        fleet.disaggregation = &disaggregation;
        fleet.admission = NULL;
        fleet.faults = NULL;
        fleet.scaling = NULL;
        disaggregation.preset = PRESETS[kind];
        simulate_fleet(told, &fleet, &sent);
        fleet.role = NULL;
        fleet.disaggregation = NULL;
        fleet.admission = &admission;
        fleet.faults = &faults;
        fleet.scaling = &scaling;
        simulate_fleet(told, &fleet, &sent);
    }
}

static void live_engine(struct told *told) {
    batching_engine_config given = config(told);
    given.policy = BATCHING_POLICY_CUSTOM;
    given.policy_callback = schedule;
    given.policy_user_data = (void *)&of_the_host;
    batching_live_engine *engine = NULL, *copy = NULL, *loaded = NULL;
    CALL(batching_live_engine_create(&given, &engine));
    const batching_requests submitted = requests(told);
    CALL(batching_live_engine_submit(engine, &submitted, ids));
    CALL(batching_live_engine_advance(engine, 0.5 / 3, 0));
    CALL(batching_live_engine_abort(engine, 0));
    CALL(batching_live_engine_set_output_length(engine, COUNT - 1, 5));
    CALL(batching_live_engine_fork(engine, &copy));
    int64_t size = 0;
    CALL(batching_live_engine_save(engine, NULL, 0, &size));
    uint8_t *bytes = malloc((size_t)size);
    CALL(batching_live_engine_save(engine, bytes, size, NULL));
    tell(told, bytes, (size_t)size);
    CALL(batching_live_engine_load(bytes, size, &given, &loaded));
    batching_requests candidate = requests(told);
    candidate.count = 1;
    candidate.arrival_time = NULL;
    struct columns *columns = malloc(sizeof *columns);
    const batching_results written = results(told, columns);
    CALL(batching_live_engine_estimate(loaded, &candidate, &written));
    TELL(columns->end);
    CALL(batching_live_engine_advance(loaded, 100 / 3.0, 0));
    double times[COUNT];
    MADE(batching_live_engine_events, events);
    memset(times, 0, sizeof times);
    events.capacity = COUNT;
    events.time = times;
    CALL(batching_live_engine_poll(loaded, &events));
    TELL(times);
    MADE(batching_live_engine_state, state);
    CALL(batching_live_engine_observe(loaded, &state));
    TELL(state);
    free(columns);
    free(bytes);
    CALL(batching_live_engine_destroy(loaded));
    CALL(batching_live_engine_destroy(copy));
    CALL(batching_live_engine_destroy(engine));
}

/* Numbers that are rounded, up or down, or are subnormal. */
static void profile(struct told *told) {
    static const char json[] =
        "{\"format\": \"batching profile\", \"version\": 1, \"client_delay\": 0.1, \"iteration_time\": {"
        "\"model\": \"table\", \"linear_tokens\": [1e-320, 0.1, 9007199254740.993, 72057594037927.933],"
        "\"linear_seconds\": [4.9406564584124654e-324, 2.2250738585072011e-308, 1.2345678901234567e-20, 0.3],"
        "\"per_iteration\": 0.02000000000000000041633363423443370, \"per_sequence\": 1e-29}}";
    MADE(batching_engine_config, config);
    MADE(batching_profile_facts, facts);
    MADE(batching_iterations, iterations);
    batching_profile *profile = NULL;
    CALL(batching_profile_create(json, sizeof json - 1, &profile));
    CALL(batching_profile_get(profile, &config, &facts));
    TELL(facts.client_delay);
    tell(told, config.time_table->linear_tokens, 4 * sizeof(double));
    tell(told, config.time_table->linear_seconds, 4 * sizeof(double));
    TELL(config.time_table->per_iteration);
    TELL(config.time_table->per_sequence);
    const int64_t decodes = 3;
    double seconds = 0;
    iterations.count = 1;
    iterations.decode_tokens = &decodes;
    CALL(batching_iteration_times_calculate(&config, &iterations, &seconds));
    TELL(seconds);
    CALL(batching_profile_destroy(profile));
    CALL(batching_profile_create("0.1", 3, &profile));
}

static const struct {
    const char *name;
    void (*run)(struct told *told);
} SCENARIOS[] = {
    {"the engine with callbacks", engine_with_callbacks},
    {"the engine with a policy", engine_with_a_policy},
    {"the engine with affine time", engine_with_affine_time},
    {"the engine with a roofline", engine_with_a_roofline},
    {"the engine with a table", engine_with_a_table},
    {"calibration", calibration},
    {"calibration on live traffic", live_calibration},
    {"a profile", profile},
    {"the textbook simulators", textbook},
    {"columns of completed requests", columns_of_completed_requests},
    {"serving metrics and load", serving},
    {"capacity", capacity},
    {"workloads", workloads},
    {"the accumulator", accumulator},
    {"routers", routers},
    {"autoscalers", autoscalers},
    {"the live engine", live_engine},
    {"fleets", fleets},
};
enum { SCENARIO_COUNT = sizeof SCENARIOS / sizeof *SCENARIOS };

static struct told expected, told;

static void run_in(size_t scenario, struct mode mode, struct told *into) {
    into->size = 0;
    host = mode;
    mode_set(mode);
    SCENARIOS[scenario].run(into);
    mode_set(STANDARD);
}

static void every_function_gives_the_same_bytes_in_every_mode(void **state) {
    (void)state;
    make_inputs();
    for (size_t scenario = 0; scenario < SCENARIO_COUNT; scenario++) {
        run_in(scenario, STANDARD, &expected);
        for (size_t rounding = 0; rounding < sizeof ROUNDINGS / sizeof *ROUNDINGS; rounding++) {
            for (size_t flush = 0; flush < sizeof FLUSHES / sizeof *FLUSHES; flush++) {
                run_in(scenario, (struct mode){ROUNDINGS[rounding], FLUSHES[flush]}, &told);
                if (told.size != expected.size || memcmp(told.bytes, expected.bytes, told.size) != 0) {
                    fail_msg("%s: other bytes with rounding mode %d and flush %x", SCENARIOS[scenario].name,
                             ROUNDINGS[rounding], FLUSHES[flush]);
                }
            }
        }
    }
}

/* A callback that leaves its thread in another mode: the library does not compute in it, and the host gets it back. */
static int32_t change_mode(const batching_progress *progress, void *user_data) {
    (void)progress;
    (void)user_data;
    (void)fesetround(FE_UPWARD);
    return 0;
}

static void a_mode_that_a_callback_sets_is_the_hosts(void **state) {
    (void)state;
    double ends[2][COUNT];
    for (int changes = 0; changes < 2; changes++) {
        INITIALIZED(batching_engine_config, given);
        INITIALIZED(batching_requests, submitted);
        INITIALIZED(batching_results, written);
        given.time_model = BATCHING_TIME_CONSTANT;
        given.time_base = 0.01 / 3;
        given.progress_interval = 1;
        given.progress_callback = changes ? change_mode : NULL;
        submitted.count = COUNT;
        submitted.arrival_time = arrival;
        submitted.output_length = output;
        written.capacity = COUNT;
        written.end_time = ends[changes];
        assert_succeeds(batching_simulate(&given, &submitted, &written, NULL));
        const int left_in = fegetround();
        (void)fesetround(FE_TONEAREST);
        assert_int_equal(left_in, changes ? FE_UPWARD : FE_TONEAREST);
    }
    assert_memory_equal(ends[0], ends[1], sizeof ends[0]);
}

static void exception_flags_are_not_cleared(void **state) {
    (void)state;
    for (size_t rounding = 0; rounding < sizeof ROUNDINGS / sizeof *ROUNDINGS; rounding++) {
        (void)fesetround(ROUNDINGS[rounding]);
        (void)feclearexcept(FE_ALL_EXCEPT);
        (void)feraiseexcept(FE_DIVBYZERO | FE_INVALID);
        double intensity = 0;
        const batching_status status = batching_arithmetic_intensity_calculate(3, 1e9, 0.1, &intensity);
        const int flags = fetestexcept(FE_DIVBYZERO | FE_INVALID);
        (void)fesetround(FE_TONEAREST);
        assert_int_equal(status, BATCHING_OK);
        assert_int_equal(flags, FE_DIVBYZERO | FE_INVALID);
    }
    (void)feclearexcept(FE_ALL_EXCEPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_gives_the_same_bytes_in_every_mode),
        cmocka_unit_test(a_mode_that_a_callback_sets_is_the_hosts),
        cmocka_unit_test(exception_flags_are_not_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
