/*
 * Runs the cases of cases.txt, which says what it and the output mean, and prints the bits of every result. The Swift
 * and Python programs print the same lines.
 *
 *     differential Tests/differential/cases.txt
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batching.h"

struct columns {
    int32_t *prompt_length, *output_length, *tokens_generated;
    double *arrival_time, *start_time, *first_token_time, *end_time;
    int64_t *completion_order;
};

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

static void *allocate(int64_t count, size_t element_size) {
    /* One more than asked for: an allocation of nothing may be NULL. */
    void *column = calloc((size_t)count + 1, element_size);
    if (column == NULL) {
        perror("calloc");
        exit(EXIT_FAILURE);
    }
    return column;
}

static struct columns allocate_columns(int64_t count) {
    return (struct columns){
        .prompt_length = allocate(count, sizeof(int32_t)),
        .output_length = allocate(count, sizeof(int32_t)),
        .tokens_generated = allocate(count, sizeof(int32_t)),
        .arrival_time = allocate(count, sizeof(double)),
        .start_time = allocate(count, sizeof(double)),
        .first_token_time = allocate(count, sizeof(double)),
        .end_time = allocate(count, sizeof(double)),
        .completion_order = allocate(count, sizeof(int64_t)),
    };
}

static void free_columns(struct columns columns) {
    free(columns.prompt_length);
    free(columns.output_length);
    free(columns.tokens_generated);
    free(columns.arrival_time);
    free(columns.start_time);
    free(columns.first_token_time);
    free(columns.end_time);
    free(columns.completion_order);
}

static const uint64_t FNV_OFFSET_BASIS = 0xcbf29ce484222325;
static const uint64_t FNV_PRIME = 0x100000001b3;

/* The hash so far, and the bytes of one more column: this machine's own, which has to be little-endian. */
static uint64_t hash_column(uint64_t hash, const void *column, int64_t count, size_t element_size) {
    const unsigned char *bytes = column;
    for (size_t at = 0; at < (size_t)count * element_size; at++) {
        hash = (hash ^ bytes[at]) * FNV_PRIME;
    }
    return hash;
}

static uint64_t bits(double value) {
    uint64_t pattern;
    memcpy(&pattern, &value, sizeof pattern);
    return pattern;
}

static uint64_t hash_workload(int64_t count, struct columns columns) {
    uint64_t hash = FNV_OFFSET_BASIS;
    hash = hash_column(hash, columns.prompt_length, count, sizeof(int32_t));
    hash = hash_column(hash, columns.output_length, count, sizeof(int32_t));
    return hash_column(hash, columns.arrival_time, count, sizeof(double));
}

static uint64_t hash_run(int64_t count, struct columns columns) {
    uint64_t hash = FNV_OFFSET_BASIS;
    hash = hash_column(hash, columns.start_time, count, sizeof(double));
    hash = hash_column(hash, columns.first_token_time, count, sizeof(double));
    hash = hash_column(hash, columns.end_time, count, sizeof(double));
    return hash_column(hash, columns.completion_order, count, sizeof(int64_t));
}

static void print_run(int number, const char *kind, int64_t count, struct columns columns,
                      const batching_summary *summary) {
    printf("case %d %s total=%016" PRIx64 " throughput=%016" PRIx64 " hash=%016" PRIx64 "\n", number, kind,
           bits(summary->total_time), bits(summary->throughput), hash_run(count, columns));
}

static void print_metrics(int number, const batching_batch_metrics *metrics) {
    printf("case %d metrics throughput=%016" PRIx64 " total_tokens=%016" PRIx64 " avg_latency=%016" PRIx64
           " p50_latency=%016" PRIx64 " p95_latency=%016" PRIx64 " p99_latency=%016" PRIx64
           " avg_queue_time=%016" PRIx64 " avg_time_to_first_token=%016" PRIx64 " gpu_utilization=%016" PRIx64 "\n",
           number, bits(metrics->throughput), (uint64_t)metrics->total_tokens, bits(metrics->avg_latency),
           bits(metrics->p50_latency), bits(metrics->p95_latency), bits(metrics->p99_latency),
           bits(metrics->avg_queue_time), bits(metrics->avg_time_to_first_token), bits(metrics->gpu_utilization));
}

enum { PARTS = 7 };

static void print_load(int number, int64_t count, const batching_load *load, double *const *parts) {
    uint64_t hash = FNV_OFFSET_BASIS;
    for (int part = 0; part < PARTS; part++) {
        hash = hash_column(hash, parts[part], parts[part] == NULL ? 0 : count, sizeof(double));
    }
    printf("case %d load mean_running=%016" PRIx64 " mean_waiting=%016" PRIx64 " mean_tokens=%016" PRIx64
           " peak_tokens=%016" PRIx64 " wasted_slot_share=%016" PRIx64 " attribution=%016" PRIx64 "\n",
           number, bits(load->mean_running), bits(load->mean_waiting), bits(load->mean_tokens),
           (uint64_t)load->peak_tokens, bits(load->wasted_slot_share), hash);
}

struct differential_case {
    char kind[16];
    uint64_t seed;
    int64_t count;
    int64_t batch;
    double time_per_token;
    double rate;
};

static void generate(const struct differential_case *given, struct columns columns) {
    batching_workload workload;
    check(batching_workload_init(&workload, sizeof workload));
    workload.seed = given->seed;
    workload.prompt_length_min = 50;
    workload.prompt_length_max = 200;
    workload.output_length_min = 1;
    workload.output_length_max = 400;
    workload.arrival_rate = given->rate;
    check(batching_workload_generate(&workload, given->count, columns.prompt_length, columns.output_length,
                                     columns.arrival_time));
}

static batching_engine_config engine_config(const struct differential_case *given) {
    batching_engine_config config;
    check(batching_engine_config_init(&config, sizeof config));
    config.max_num_seqs = given->batch;
    config.async_scheduling = strcmp(given->kind, "async") == 0;
    config.num_gpu_blocks = 200;
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = given->time_per_token;
    config.time_per_prefill_token = 2e-5;
    config.time_per_decode_token = 5e-5;
    config.time_per_context_token = 4e-8;
    config.time_per_prefill_context = 4.6e-10;
    return config;
}

static int is_kind(const char *kind) {
    static const char *const kinds[] = {"static", "continuous", "vllm", "async"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static batching_recorded recorded_of(int64_t count, struct columns columns) {
    batching_recorded recorded;
    check(batching_recorded_init(&recorded, sizeof recorded));
    recorded.count = count;
    recorded.arrival_time = columns.arrival_time;
    recorded.start_time = columns.start_time;
    recorded.end_time = columns.end_time;
    recorded.prompt_length = columns.prompt_length;
    recorded.output_length = columns.tokens_generated;
    return recorded;
}

static batching_load load_of(const struct differential_case *given, struct columns columns) {
    batching_recorded recorded = recorded_of(given->count, columns);
    batching_load_config config;
    batching_load load;
    check(batching_load_config_init(&config, sizeof config));
    check(batching_load_init(&load, sizeof load));
    config.slots = given->batch;
    check(batching_load_calculate(&recorded, &config, &load, NULL));
    return load;
}

/* The parts are allocated for the engine, and stay NULL otherwise. */
static batching_summary simulate(const struct differential_case *given, struct columns columns, double **parts) {
    batching_requests requests;
    batching_results results;
    batching_summary summary;
    check(batching_requests_init(&requests, sizeof requests));
    check(batching_results_init(&results, sizeof results));
    check(batching_summary_init(&summary, sizeof summary));
    requests.count = results.capacity = given->count;
    requests.prompt_length = columns.prompt_length;
    requests.output_length = columns.output_length;
    requests.arrival_time = columns.arrival_time;
    results.start_time = columns.start_time;
    results.first_token_time = columns.first_token_time;
    results.end_time = columns.end_time;
    results.tokens_generated = columns.tokens_generated;
    results.completion_order = columns.completion_order;
    if (strcmp(given->kind, "static") == 0) {
        check(batching_static_simulate(&requests, given->batch, given->time_per_token, &results, &summary));
    } else if (strcmp(given->kind, "continuous") == 0) {
        check(batching_continuous_simulate(&requests, given->batch, given->time_per_token, &results, &summary));
    } else {
        batching_engine_config config = engine_config(given);
        batching_attribution attribution;
        check(batching_attribution_init(&attribution, sizeof attribution));
        for (int part = 0; part < PARTS; part++) {
            parts[part] = calloc((size_t)given->count + 1, sizeof(double));
        }
        attribution.capacity = given->count;
        attribution.waiting_for_slot = parts[0];
        attribution.waiting_for_memory = parts[1];
        attribution.prefill = parts[2];
        attribution.decode = parts[3];
        attribution.slowed_by_prefill = parts[4];
        attribution.preempted = parts[5];
        attribution.held_in_batch = parts[6];
        config.attribution = &attribution;
        check(batching_simulate(&config, &requests, &results, &summary));
    }
    return summary;
}

static batching_batch_metrics measure(int64_t count, struct columns columns, double total_time) {
    batching_completed completed;
    batching_batch_metrics metrics;
    check(batching_completed_init(&completed, sizeof completed));
    check(batching_batch_metrics_init(&metrics, sizeof metrics));
    completed.count = count;
    completed.arrival_time = columns.arrival_time;
    completed.start_time = columns.start_time;
    completed.first_token_time = columns.first_token_time;
    completed.end_time = columns.end_time;
    completed.tokens_generated = columns.tokens_generated;
    check(batching_batch_metrics_calculate(&completed, total_time, &metrics));
    return metrics;
}

static void print_accumulator(int number, const struct differential_case *given, struct columns columns) {
    batching_accumulator_config config;
    batching_accumulator *accumulator;
    check(batching_accumulator_config_init(&config, sizeof config));
    config.slo_ttft = 0.5;
    check(batching_accumulator_create(&config, &accumulator));
    for (int64_t index = 0; index < given->count; index++) {
        const double end = columns.end_time[index];
        check(batching_accumulator_arrived(accumulator, index, columns.arrival_time[index],
                                           columns.prompt_length[index]));
        check(batching_accumulator_started(accumulator, index, columns.start_time[index]));
        check(batching_accumulator_tokens(accumulator, index, columns.first_token_time[index], 1));
        check(batching_accumulator_tokens(accumulator, index, end, columns.tokens_generated[index] - 1));
        check(batching_accumulator_finished(accumulator, index, end, BATCHING_FINISHED_STOP));
    }
    int64_t size, length;
    check(batching_accumulator_save(accumulator, NULL, 0, &size));
    check(batching_accumulator_prometheus(accumulator, "m", "0", 0, NULL, 0, &length));
    uint8_t *bytes = malloc((size_t)size);
    char *text = malloc((size_t)length);
    check(batching_accumulator_save(accumulator, bytes, size, NULL));
    check(batching_accumulator_prometheus(accumulator, "m", "0", 0, text, length, NULL));
    printf("case %d accumulator state=%016" PRIx64 " prometheus=%016" PRIx64 "\n", number,
           hash_column(FNV_OFFSET_BASIS, bytes, size, 1), hash_column(FNV_OFFSET_BASIS, text, length - 1, 1));
    free(bytes);
    free(text);
    check(batching_accumulator_destroy(accumulator));
}

static uint64_t hash_integer(uint64_t hash, int64_t value) {
    return hash_column(hash, &value, 1, sizeof value);
}

static uint64_t hash_double(uint64_t hash, double value) {
    return hash_column(hash, &value, 1, sizeof value);
}

static uint64_t hash_totals(const batching_serving_metrics *metrics) {
    uint64_t hash = hash_double(FNV_OFFSET_BASIS, metrics->duration);
    hash = hash_integer(hash, metrics->completed);
    hash = hash_integer(hash, metrics->failed);
    hash = hash_integer(hash, metrics->total_input_tokens);
    hash = hash_integer(hash, metrics->total_output_tokens);
    hash = hash_double(hash, metrics->request_throughput);
    hash = hash_double(hash, metrics->input_throughput);
    hash = hash_double(hash, metrics->output_throughput);
    hash = hash_double(hash, metrics->total_token_throughput);
    hash = hash_double(hash, metrics->concurrency);
    hash = hash_integer(hash, metrics->judged);
    hash = hash_integer(hash, metrics->good);
    hash = hash_double(hash, metrics->request_goodput);
    hash = hash_double(hash, metrics->slo_attainment);
    hash = hash_double(hash, metrics->slo_attainment_ttft);
    hash = hash_double(hash, metrics->slo_attainment_tpot);
    hash = hash_double(hash, metrics->slo_attainment_itl);
    return hash_double(hash, metrics->slo_attainment_e2e);
}

static uint64_t hash_distribution(uint64_t hash, const batching_distribution *distribution, int64_t percentile_count) {
    hash = hash_integer(hash, distribution->count);
    hash = hash_double(hash, distribution->mean);
    hash = hash_double(hash, distribution->median);
    hash = hash_double(hash, distribution->std);
    hash = hash_double(hash, distribution->min);
    hash = hash_double(hash, distribution->max);
    hash = hash_double(hash, distribution->sum);
    return hash_column(hash, distribution->percentiles, percentile_count, sizeof(double));
}

enum { SAMPLES = 6, PERCENTILES = 3 };

static void print_serving(int number, int64_t count, struct columns columns) {
    static const double wanted[PERCENTILES] = {50, 90, 99};
    batching_recorded recorded = recorded_of(count, columns);
    double *token_times = allocate(2 * count, sizeof(double));
    int64_t *token_offsets = allocate(count + 1, sizeof(int64_t));
    for (int64_t index = 0; index < count; index++) {
        token_times[2 * index] = columns.first_token_time[index];
        token_times[2 * index + 1] = columns.end_time[index];
        token_offsets[index + 1] = 2 * (index + 1);
    }
    recorded.first_token_time = columns.first_token_time;
    recorded.token_times = token_times;
    recorded.token_offsets = token_offsets;

    batching_serving_metrics_config options;
    check(batching_serving_metrics_config_init(&options, sizeof options));
    options.percentiles = wanted;
    options.percentile_count = PERCENTILES;
    options.slo_ttft = 0.5;
    options.slo_tpot = 0.02;
    options.slo_itl = 1;
    options.slo_e2e = 10;
    options.slo_due_by = 20;

    batching_serving_metrics metrics;
    batching_distribution samples[SAMPLES];
    double percentiles[SAMPLES][PERCENTILES];
    check(batching_serving_metrics_init(&metrics, sizeof metrics));
    for (int sample = 0; sample < SAMPLES; sample++) {
        check(batching_distribution_init(&samples[sample], sizeof samples[sample]));
        samples[sample].percentiles = percentiles[sample];
    }
    metrics.ttft = &samples[0];
    metrics.tpot = &samples[1];
    metrics.itl = &samples[2];
    metrics.e2e = &samples[3];
    metrics.queue_time = &samples[4];
    metrics.normalized_latency = &samples[5];
    check(batching_serving_metrics_calculate(&recorded, &options, &metrics));

    uint64_t distributions = FNV_OFFSET_BASIS;
    for (int sample = 0; sample < SAMPLES; sample++) {
        distributions = hash_distribution(distributions, &samples[sample], PERCENTILES);
    }
    printf("case %d serving totals=%016" PRIx64 " distributions=%016" PRIx64 "\n", number, hash_totals(&metrics),
           distributions);
    free(token_times);
    free(token_offsets);
}

static void print_shaped(int number, const struct differential_case *given) {
    batching_workload workload;
    check(batching_workload_init(&workload, sizeof workload));
    workload.seed = given->seed;
    workload.prompt_length_min = 50;
    workload.prompt_length_max = 200;
    workload.output_length_min = 1;
    workload.output_length_max = 400;
    workload.arrival_rate = 10;
    workload.arrivals = BATCHING_ARRIVALS_GAMMA;
    workload.burstiness = 0.5;
    workload.ramp = BATCHING_RAMP_LINEAR;
    workload.ramp_end_rate = 20;
    workload.ramp_requests = 100;
    workload.burst_size = 2;
    workload.on_time = 30;
    workload.off_time = 5;
    workload.prompt_lengths = BATCHING_LENGTHS_LOGNORMAL;
    workload.prompt_length_median = 100;
    workload.prompt_length_sigma = 1;
    workload.output_lengths = BATCHING_LENGTHS_ZIPF;
    workload.output_length_exponent = 1.1;
    workload.prefix_groups = 10;
    workload.prefix_length = 64;
    workload.prefix_exponent = 1;
    workload.turns_min = 1;
    workload.turns_max = 4;
    workload.think_time = 5;

    struct columns columns = allocate_columns(given->count);
    check(batching_workload_generate(&workload, given->count, columns.prompt_length, columns.output_length,
                                     columns.arrival_time));
    int64_t needed;
    check(batching_workload_hashes_generate(&workload, given->count, NULL, 0, NULL, &needed));
    int64_t *hash_offsets = allocate(given->count + 1, sizeof(int64_t));
    int64_t *hash_ids = allocate(needed, sizeof(int64_t));
    check(batching_workload_hashes_generate(&workload, given->count, hash_offsets, needed, hash_ids, &needed));
    uint64_t hash = hash_column(FNV_OFFSET_BASIS, hash_offsets, given->count + 1, sizeof(int64_t));
    printf("case %d shaped workload=%016" PRIx64 " hash_ids=%016" PRIx64 "\n", number,
           hash_workload(given->count, columns), hash_column(hash, hash_ids, needed, sizeof(int64_t)));
    free(hash_offsets);
    free(hash_ids);
    free_columns(columns);
}

static void print_live(int number, const struct differential_case *given, struct columns columns) {
    static const int32_t prompt_length = 100, output_length = 50;
    const batching_engine_config config = engine_config(given);
    batching_live_engine *engine;
    batching_requests requests;
    check(batching_requests_init(&requests, sizeof requests));
    requests.count = given->count;
    requests.prompt_length = columns.prompt_length;
    requests.output_length = columns.output_length;
    requests.arrival_time = columns.arrival_time;
    check(batching_live_engine_create(&config, &engine));
    check(batching_live_engine_submit(engine, &requests, NULL));
    const double middle = given->count == 0 ? 0.0 : columns.arrival_time[given->count / 2];
    check(batching_live_engine_advance(engine, middle + 1.0, 0));

    int64_t size;
    check(batching_live_engine_save(engine, NULL, 0, &size));
    uint8_t *bytes = malloc((size_t)size);
    check(batching_live_engine_save(engine, bytes, size, NULL));

    double times[3];
    batching_results results;
    check(batching_results_init(&results, sizeof results));
    requests.count = results.capacity = 1;
    requests.prompt_length = &prompt_length;
    requests.output_length = &output_length;
    requests.arrival_time = NULL;
    results.start_time = &times[0];
    results.first_token_time = &times[1];
    results.end_time = &times[2];
    check(batching_live_engine_estimate(engine, &requests, &results));
    printf("case %d live state=%016" PRIx64 " estimate=%016" PRIx64 "\n", number,
           hash_column(FNV_OFFSET_BASIS, bytes, size, 1), hash_column(FNV_OFFSET_BASIS, times, 3, sizeof *times));
    free(bytes);
    check(batching_live_engine_destroy(engine));
}

static void print_ends(int number, const struct differential_case *given, struct columns columns) {
    const batching_engine_config config = engine_config(given);
    const int64_t count = given->count;
    struct columns ends = allocate_columns(count);
    int32_t *max_tokens = allocate(count, sizeof(int32_t)), *request_status = allocate(count, sizeof(int32_t));
    double *abort_time = allocate(count, sizeof(double));
    for (int64_t index = 0; index < count; index++) {
        max_tokens[index] = columns.output_length[index] + (int32_t)(index % 3);
        abort_time[index] = index % 7 == 3 ? columns.arrival_time[index] + (double)(index % 11) / 4 : NAN;
    }
    batching_requests requests;
    batching_results results;
    batching_summary summary;
    check(batching_requests_init(&requests, sizeof requests));
    check(batching_results_init(&results, sizeof results));
    check(batching_summary_init(&summary, sizeof summary));
    requests.count = results.capacity = count;
    requests.prompt_length = columns.prompt_length;
    requests.output_length = columns.output_length;
    requests.arrival_time = columns.arrival_time;
    requests.max_tokens = max_tokens;
    requests.abort_time = abort_time;
    results.start_time = ends.start_time;
    results.first_token_time = ends.first_token_time;
    results.end_time = ends.end_time;
    results.completion_order = ends.completion_order;
    results.tokens_generated = ends.tokens_generated;
    results.status = request_status;
    check(batching_simulate(&config, &requests, &results, &summary));
    uint64_t hash = hash_run(count, ends);
    hash = hash_column(hash, ends.tokens_generated, count, sizeof(int32_t));
    hash = hash_column(hash, request_status, count, sizeof(int32_t));
    printf("case %d ends hash=%016" PRIx64 " aborted=%016" PRIx64 "\n", number, hash, (uint64_t)summary.aborted);
    free(max_tokens);
    free(request_status);
    free(abort_time);
    free_columns(ends);
}

/* Seven sessions that clients send, of which some think for long, and few may be in flight. */
static void print_closed(int number, const struct differential_case *given, struct columns columns) {
    batching_engine_config config = engine_config(given);
    const int64_t count = given->count;
    double *told[4];
    int64_t *session = allocate(count, sizeof(int64_t));
    int32_t *tokens = allocate(count, sizeof(int32_t)), *request_status = allocate(count, sizeof(int32_t));
    double *delay = allocate(count, sizeof(double));
    for (int column = 0; column < 4; column++) {
        told[column] = allocate(count, sizeof(double));
    }
    for (int64_t index = 0; index < count; index++) {
        session[index] = index % 7;
        delay[index] = (double)(index % 4) / 8;
    }
    batching_client client;
    check(batching_client_init(&client, sizeof client));
    client.max_concurrency = 3;
    client.clients = 5;
    client.ramp_up = 1.0;
    client.think_time = 0.5;
    client.think_times = BATCHING_THINK_TIMES_LOGNORMAL;
    client.think_time_sigma = 1.0;
    client.seed = 9;
    batching_requests requests;
    batching_results results;
    batching_summary summary;
    batching_attribution attribution;
    check(batching_requests_init(&requests, sizeof requests));
    check(batching_results_init(&results, sizeof results));
    check(batching_summary_init(&summary, sizeof summary));
    check(batching_attribution_init(&attribution, sizeof attribution));
    requests.count = results.capacity = attribution.capacity = count;
    requests.prompt_length = columns.prompt_length;
    requests.output_length = columns.output_length;
    requests.session = session;
    requests.delay = delay;
    requests.client = &client;
    results.arrival_time = told[0];
    results.sent_time = told[1];
    results.end_time = told[2];
    attribution.waiting_for_client = told[3];
    results.tokens_generated = tokens;
    results.status = request_status;
    config.attribution = &attribution;
    check(batching_simulate(&config, &requests, &results, &summary));
    uint64_t hash = FNV_OFFSET_BASIS;
    for (int column = 0; column < 4; column++) {
        hash = hash_column(hash, told[column], count, sizeof(double));
        free(told[column]);
    }
    hash = hash_column(hash, tokens, count, sizeof(int32_t));
    hash = hash_column(hash, request_status, count, sizeof(int32_t));
    printf("case %d closed hash=%016" PRIx64 " not_sent=%016" PRIx64 "\n", number, hash, (uint64_t)summary.not_sent);
    free(session);
    free(delay);
    free(tokens);
    free(request_status);
}

/* The whole workload with another model of times: what becomes of it. */
static uint64_t hash_with_times(const struct differential_case *given, const batching_roofline *roofline,
                                const batching_time_table *table, struct columns columns) {
    batching_engine_config config;
    check(batching_engine_config_init(&config, sizeof config));
    config.max_num_seqs = given->batch;
    config.async_scheduling = strcmp(given->kind, "async") == 0;
    config.num_gpu_blocks = 200;
    config.time_model = roofline != NULL ? BATCHING_TIME_ROOFLINE : BATCHING_TIME_TABLE;
    config.time_roofline = roofline;
    config.time_table = table;
    struct columns run = allocate_columns(given->count);
    batching_requests requests;
    batching_results results;
    check(batching_requests_init(&requests, sizeof requests));
    check(batching_results_init(&results, sizeof results));
    requests.count = results.capacity = given->count;
    requests.prompt_length = columns.prompt_length;
    requests.output_length = columns.output_length;
    requests.arrival_time = columns.arrival_time;
    results.start_time = run.start_time;
    results.first_token_time = run.first_token_time;
    results.end_time = run.end_time;
    results.completion_order = run.completion_order;
    check(batching_simulate(&config, &requests, &results, NULL));
    const uint64_t hash = hash_run(given->count, run);
    free_columns(run);
    return hash;
}

/* Of a model on two GPUs, and of a table. */
static void print_times(int number, const struct differential_case *given, struct columns columns) {
    batching_gpu gpu;
    batching_model model;
    batching_deployment deployment;
    batching_roofline roofline;
    batching_time_table table;
    check(batching_gpu_init(&gpu, sizeof gpu));
    check(batching_model_init(&model, sizeof model));
    check(batching_deployment_init(&deployment, sizeof deployment));
    check(batching_roofline_init(&roofline, sizeof roofline));
    check(batching_time_table_init(&table, sizeof table));
    check(batching_gpu_find("H100-SXM", &gpu));
    check(batching_model_find("Mixtral-8x7B", &model));
    deployment.gpu = &gpu;
    deployment.model = &model;
    deployment.tensor_parallel = 2;
    deployment.weight_dtype = BATCHING_DTYPE_FP8;
    check(batching_deployment_roofline_calculate(&deployment, &roofline));
    static const double tokens[] = {1, 64, 512}, linear[] = {0.004, 0.005, 0.0131}, sequences[] = {1, 48};
    static const double head[] = {0.0002, 0.00031}, contexts[] = {100, 7000, 20000};
    static const double decode[] = {0.0001, 0.0007, 0.0019, 0.0003, 0.0009, 0.0021}, chunks[] = {16, 300};
    static const double before[] = {0, 1000}, prefill[] = {0.0001, 0.0003, 0.0011, 0.0047};
    table.linear_count = table.decode_context_count = 3;
    table.head_count = table.decode_sequence_count = table.prefill_token_count = table.prefill_context_count = 2;
    table.linear_tokens = tokens;
    table.linear_seconds = linear;
    table.head_sequences = table.decode_sequences = sequences;
    table.head_seconds = head;
    table.decode_contexts = contexts;
    table.decode_seconds = decode;
    table.prefill_tokens = chunks;
    table.prefill_contexts = before;
    table.prefill_seconds = prefill;
    table.decode_scale = 1.1;
    table.per_iteration = 0.001;
    table.per_sequence = 5e-6;
    table.per_prefill_iteration = 0.0003;
    printf("case %d times roofline=%016" PRIx64 " table=%016" PRIx64 "\n", number,
           hash_with_times(given, &roofline, NULL, columns), hash_with_times(given, NULL, &table, columns));
}

static void run_case(int number, const struct differential_case *given) {
    struct columns columns = allocate_columns(given->count);
    generate(given, columns);
    printf("case %d workload hash=%016" PRIx64 "\n", number, hash_workload(given->count, columns));
    double *parts[PARTS] = {0};
    batching_summary summary = simulate(given, columns, parts);
    print_run(number, given->kind, given->count, columns, &summary);
    batching_batch_metrics metrics = measure(given->count, columns, summary.total_time);
    print_metrics(number, &metrics);
    batching_load load = load_of(given, columns);
    print_load(number, given->count, &load, parts);
    print_accumulator(number, given, columns);
    print_serving(number, given->count, columns);
    print_shaped(number, given);
    print_live(number, given, columns);
    print_ends(number, given, columns);
    print_closed(number, given, columns);
    print_times(number, given, columns);
    for (int part = 0; part < PARTS; part++) {
        free(parts[part]);
    }
    free_columns(columns);
}

int main(int argument_count, char **arguments) {
    FILE *cases = argument_count == 2 ? fopen(arguments[1], "r") : NULL;
    if (cases == NULL) {
        fprintf(stderr, "usage: differential CASES\n");
        return EXIT_FAILURE;
    }
    char line[1024];
    int number = 0;
    while (fgets(line, sizeof line, cases) != NULL) {
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        struct differential_case given;
        if (sscanf(line, "%15s %" SCNu64 " %" SCNd64 " %" SCNd64 " %lf %lf", given.kind, &given.seed, &given.count,
                   &given.batch, &given.time_per_token, &given.rate) != 6 ||
            given.count < 0 || !is_kind(given.kind)) {
            fprintf(stderr, "not a case: %s", line);
            return EXIT_FAILURE;
        }
        run_case(++number, &given);
    }
    fclose(cases);
    return EXIT_SUCCESS;
}
