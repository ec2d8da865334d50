/* How long iterations take: the models by hand, and against the formulas of the header, written down once more here. */
#include <stdbool.h>
#include <stdlib.h>

#include "engine_support.h"
#include "random.h"

/* What an iteration computes: prefill tokens in chunks, sequences that decode, their context, tokens x context. */
struct work {
    int64_t prefill, chunks, decodes, context;
    double prefill_context;
};

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double smaller(double a, double b) {
    return a < b ? a : b;
}

/* Roofline: as the header says it. */

static double time_of(double work, double speed) {
    return work == 0 ? 0 : work / speed;
}

static double overlap(double memory, double arithmetic) {
    return sqrt(memory * memory + arithmetic * arithmetic);
}

static double power(double base, int64_t exponent) {
    double result = 1;
    for (; exponent > 0; exponent >>= 1, base *= base) {
        result *= exponent & 1 ? base : 1;
    }
    return result;
}

static double roofline_seconds(const batching_roofline *r, struct work w) {
    const double tokens = (double)(w.prefill + w.decodes), sequences = (double)(w.chunks + w.decodes);
    const double weights = r->memory_bandwidth * r->bandwidth_share, kv = r->memory_bandwidth * r->kv_share;
    double seconds =
        overlap(time_of(r->linear_bytes, weights), tokens * time_of(r->linear_flops, r->linear_peak * r->gemm_share));
    if (r->experts > 0) {
        const double read = r->experts * (1 - power(1 - r->experts_per_token / r->experts, w.prefill + w.decodes));
        seconds +=
            overlap(read * time_of(r->expert_bytes, r->memory_bandwidth * r->expert_bandwidth_share),
                    tokens * time_of(r->expert_flops * r->experts_per_token, r->expert_peak * r->expert_gemm_share));
    }
    seconds +=
        overlap(time_of(r->head_bytes, weights), sequences * time_of(r->head_flops, r->head_peak * r->head_share));
    if (r->tensor_parallel > 1) {
        const double gpus = r->tensor_parallel;
        seconds += 2 * r->layers * (r->allreduce_latency * log2(gpus)) +
                   tokens * (2 * r->layers *
                             time_of(2 * (gpus - 1) / gpus * r->allreduce_bytes, r->link_bandwidth * r->link_share));
    }
    seconds += r->per_iteration + r->per_layer * r->layers + r->per_sequence * sequences;
    seconds += w.prefill > 0 ? r->per_prefill_iteration : 0;
    const double token = time_of(r->kv_bytes, kv), window_token = time_of(r->window_bytes, kv);
    const double most = (double)w.decodes * r->window, context = (double)w.context;
    if (window_token == 0 || context >= most) {
        seconds = seconds + most * window_token + token * context;
    } else {
        seconds = seconds + (token + window_token) * context;
    }
    if (w.prefill > 0) {
        const double p = (double)w.prefill, c = (double)w.chunks, mean = w.prefill_context / p;
        const double pairs = larger(w.prefill_context - p * p / (2 * c), 0);
        const double attention = r->attention_peak * r->attention_share;
        seconds += larger(pairs * time_of(r->attention_flops, attention) +
                              smaller(pairs, r->window * p) * time_of(r->window_attention_flops, attention),
                          c * (mean * token + smaller(mean, r->window) * window_token));
    }
    return seconds;
}

/* Numbers of the size of a model of 8 billion parameters on a large GPU; each kind of work may be missing. */
static batching_roofline random_roofline(uint64_t *random) {
    INITIALIZED(batching_roofline, r);
    const bool has_experts = next_random(random) % 2, has_window = next_random(random) % 2;
    r.layers = (double)random_between(random, 1, 80);
    r.linear_bytes = (double)random_between(random, 0, 16000) * 1e6;
    r.linear_flops = r.linear_bytes;
    r.tensor_parallel = (double)(1 << random_between(random, 0, 3));
    if (has_experts) {
        r.experts = (double)random_between(random, 1, 256);
        r.experts_per_token = (double)random_between(random, 1, (int64_t)r.experts);
        r.expert_bytes = 1e8;
        r.expert_flops = 1e8;
    }
    r.head_bytes = 1e9;
    r.head_flops = 1e9;
    r.kv_bytes = (double)random_between(random, 0, 200000);
    if (has_window) {
        r.window_bytes = (double)random_between(random, 1, 200000);
        r.window = (double)random_between(random, 1, 300);
        r.window_attention_flops = 3e5;
    }
    r.attention_flops = 5e5;
    r.allreduce_bytes = 8192;
    r.memory_bandwidth = 3.35e12;
    r.linear_peak = r.expert_peak = r.head_peak = r.attention_peak = 9.89e14;
    r.link_bandwidth = 4.5e11;
    r.bandwidth_share = 0.75;
    r.gemm_share = 0.8;
    r.expert_bandwidth_share = 0.5;
    r.expert_gemm_share = 0.4;
    r.head_share = 0.7;
    r.kv_share = 0.72;
    r.attention_share = 0.5;
    r.link_share = 0.5;
    r.allreduce_latency = 8e-6;
    r.per_iteration = 1e-3;
    r.per_layer = 15e-6;
    r.per_sequence = 5e-6;
    r.per_prefill_iteration = (double)random_between(random, 0, 3) * 1e-3;
    return r;
}

/* Table: as the header says it. */

enum { PLACES = 6 };

struct table {
    batching_time_table table;
    double linear_tokens[PLACES], linear_seconds[PLACES], head_sequences[PLACES], head_seconds[PLACES];
    double decode_sequences[PLACES], decode_contexts[PLACES], decode_seconds[PLACES * PLACES];
    double prefill_tokens[PLACES], prefill_contexts[PLACES], prefill_seconds[PLACES * PLACES];
};

static void random_axis(uint64_t *random, double *places, int64_t count, int64_t least, int64_t step) {
    for (int64_t at = 0; at < count; at++) {
        places[at] = (double)(least += at > 0 ? random_between(random, 1, step) : 0);
    }
}

static void random_grid(uint64_t *random, double *seconds, int64_t rows, int64_t columns) {
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t column = 0; column < columns; column++) {
            double least = 0;
            least = row > 0 ? larger(least, seconds[(row - 1) * columns + column]) : least;
            least = column > 0 ? larger(least, seconds[row * columns + column - 1]) : least;
            seconds[row * columns + column] = least + (double)random_between(random, 0, 1000) * 1e-6;
        }
    }
}

static struct table *random_table(uint64_t *random) {
    struct table *made = calloc(1, sizeof *made);
    assert_non_null(made);
    batching_time_table *table = &made->table;
    assert_succeeds(batching_time_table_init(table, sizeof *table));
    table->linear_count = random_between(random, 0, PLACES);
    table->head_count = random_between(random, 0, PLACES);
    table->decode_sequence_count = random_between(random, 1, PLACES);
    table->decode_context_count = random_between(random, 1, PLACES);
    table->prefill_token_count = random_between(random, 1, PLACES);
    table->prefill_context_count = random_between(random, 1, PLACES);
    if (next_random(random) % 8 == 0) {
        table->decode_sequence_count = table->decode_context_count = 0;
    }
    if (next_random(random) % 8 == 0) {
        table->prefill_token_count = table->prefill_context_count = 0;
    }
    random_axis(random, made->linear_tokens, PLACES, 1, 100);
    random_axis(random, made->head_sequences, PLACES, 1, 8);
    random_axis(random, made->decode_sequences, PLACES, 1, 6);
    random_axis(random, made->decode_contexts, PLACES, 16, 4000);
    random_axis(random, made->prefill_tokens, PLACES, 1, 80);
    random_axis(random, made->prefill_contexts, PLACES, 0, 80);
    random_grid(random, made->linear_seconds, 1, PLACES);
    random_grid(random, made->head_seconds, 1, PLACES);
    random_grid(random, made->decode_seconds, table->decode_sequence_count, table->decode_context_count);
    random_grid(random, made->prefill_seconds, table->prefill_token_count, table->prefill_context_count);
    table->linear_tokens = made->linear_tokens;
    table->linear_seconds = made->linear_seconds;
    table->head_sequences = made->head_sequences;
    table->head_seconds = made->head_seconds;
    table->decode_sequences = made->decode_sequences;
    table->decode_contexts = made->decode_contexts;
    table->decode_seconds = made->decode_seconds;
    table->prefill_tokens = made->prefill_tokens;
    table->prefill_contexts = made->prefill_contexts;
    table->prefill_seconds = made->prefill_seconds;
    table->linear_scale = (double)random_between(random, 0, 2) * 0.7;
    table->decode_scale = (double)random_between(random, 0, 2) * 0.9;
    table->prefill_scale = (double)random_between(random, 0, 2) * 1.1;
    table->per_iteration = (double)random_between(random, 0, 2) * 1e-3;
    table->per_sequence = (double)random_between(random, 0, 2) * 1e-5;
    table->per_prefill_iteration = (double)random_between(random, 0, 2) * 1e-4;
    return made;
}

/* The last place that is not above a value; 0 if all are. */
static int64_t last_place(const double *places, int64_t count, double value) {
    int64_t found = 0;
    for (int64_t at = 0; at < count; at++) {
        found = places[at] <= value ? at : found;
    }
    return found;
}

static double curve_seconds(const double *places, const double *seconds, int64_t count, double scale, double value) {
    if (count == 0) {
        return 0;
    }
    const double factor = scale == 0 ? 1 : scale;
    if (count == 1 || value <= places[0]) {
        return factor * seconds[0];
    }
    int64_t at = last_place(places, count, value);
    at = at == count - 1 ? at - 1 : at;
    return factor *
           (seconds[at] + (seconds[at + 1] - seconds[at]) / (places[at + 1] - places[at]) * (value - places[at]));
}

/* One column of a grid, between rows; beyond the last as in the last. */
static double column_seconds(const double *rows, const double *seconds, int64_t count, int64_t columns, int64_t column,
                             double row) {
    if (row <= rows[0]) {
        return seconds[column];
    }
    if (row >= rows[count - 1]) {
        return seconds[(count - 1) * columns + column];
    }
    const int64_t at = last_place(rows, count, row);
    const double low = seconds[at * columns + column], high = seconds[(at + 1) * columns + column];
    return row == rows[at] ? low : low + (row - rows[at]) / (rows[at + 1] - rows[at]) * (high - low);
}

/* Prefill attention of so many tokens with so many before them, from no row beyond the last. */
static double prefill_seconds(const batching_time_table *t, double tokens, double before) {
    const double scale = t->prefill_scale == 0 ? 1 : t->prefill_scale;
    const double *contexts = t->prefill_contexts;
    const int64_t rows = t->prefill_token_count, columns = t->prefill_context_count;
    const int64_t at = last_place(contexts, columns, before);
    const double low = column_seconds(t->prefill_tokens, t->prefill_seconds, rows, columns, at, tokens);
    if (at == columns - 1) {
        return contexts[at] > 0 && before >= contexts[at] ? scale * (before / contexts[at] * low) : scale * low;
    }
    if (before <= contexts[at]) {
        return scale * low;
    }
    const double high = column_seconds(t->prefill_tokens, t->prefill_seconds, rows, columns, at + 1, tokens);
    return scale * (low + (before - contexts[at]) / (contexts[at + 1] - contexts[at]) * (high - low));
}

static double table_seconds(const batching_time_table *t, struct work w) {
    const double sequences = (double)(w.chunks + w.decodes);
    double seconds = curve_seconds(t->linear_tokens, t->linear_seconds, t->linear_count, t->linear_scale,
                                   (double)(w.prefill + w.decodes)) +
                     curve_seconds(t->head_sequences, t->head_seconds, t->head_count, t->head_scale, sequences) +
                     (t->per_iteration + t->per_sequence * sequences);
    seconds += w.prefill > 0 ? t->per_prefill_iteration : 0;
    if (w.decodes > 0 && t->decode_sequence_count > 0) {
        const double scale = t->decode_scale == 0 ? 1 : t->decode_scale, n = (double)w.decodes;
        const double *contexts = t->decode_contexts, context = (double)w.context;
        const int64_t rows = t->decode_sequence_count, columns = t->decode_context_count;
        const int64_t at = last_place(contexts, columns, context);
        const double low = column_seconds(t->decode_sequences, t->decode_seconds, rows, columns, at, n);
        if (at == columns - 1 && context >= contexts[at]) {
            seconds += scale * low / contexts[at] * context;
        } else if (context < contexts[0]) {
            seconds += scale * low;
        } else {
            const double high = column_seconds(t->decode_sequences, t->decode_seconds, rows, columns, at + 1, n);
            const double rise = scale * (high - low) / (contexts[at + 1] - contexts[at]);
            seconds = seconds + (scale * low - rise * contexts[at]) + rise * context;
        }
    }
    if (w.prefill > 0 && t->prefill_token_count > 0) {
        const double p = (double)w.prefill, pairs = larger(w.prefill_context - p * p / (2 * (double)w.chunks), 0);
        const double size = smaller(p, t->prefill_tokens[t->prefill_token_count - 1]);
        const double before = pairs / p - size / 2;
        if (before >= 0) {
            seconds += p / size * prefill_seconds(t, size, before);
        } else {
            const double first = (t->prefill_scale == 0 ? 1 : t->prefill_scale) * t->prefill_seconds[0];
            seconds += p / size * (first + (prefill_seconds(t, size, 0) - first) * (pairs / (p * size / 2)));
        }
    }
    return seconds;
}

/* A model of either kind, and what it should say. */

struct model {
    batching_roofline roofline;
    struct table *table;
};

static double model_seconds(const struct model *model, struct work work) {
    return model->table != NULL ? table_seconds(&model->table->table, work) : roofline_seconds(&model->roofline, work);
}

static void model_set(const struct model *model, batching_engine_config *config) {
    config->time_model = model->table != NULL ? BATCHING_TIME_TABLE : BATCHING_TIME_ROOFLINE;
    config->time_roofline = &model->roofline;
    config->time_table = model->table != NULL ? &model->table->table : NULL;
}

static int32_t ask_formula(const batching_iteration *iteration, double *seconds, void *model) {
    const struct work work = {iteration->prefill_tokens, iteration->prefill_chunks, iteration->decode_tokens,
                              iteration->context_tokens, iteration->prefill_context};
    *seconds = larger(model_seconds(model, work), 0);
    return 0;
}

static void model_ask(struct model *model, batching_engine_config *config) {
    config->time_model = BATCHING_TIME_CALLBACK;
    config->time_callback = ask_formula;
    config->time_user_data = model;
}

static struct model random_model(uint64_t *random) {
    struct model model = {.roofline = random_roofline(random)};
    model.table = next_random(random) % 2 ? random_table(random) : NULL;
    return model;
}

static struct work random_work(uint64_t *random) {
    struct work work = {0};
    if (next_random(random) % 3 > 0) {
        work.chunks = random_between(random, 1, 8);
        work.prefill = work.chunks * random_between(random, 1, 300) + random_between(random, 0, work.chunks - 1);
        const double chunk = (double)work.prefill / (double)work.chunks;
        work.prefill_context = (double)work.prefill * (chunk + (double)random_between(random, 0, 600));
    }
    if (work.prefill == 0 || next_random(random) % 2) {
        work.decodes = random_between(random, 1, 300);
        work.context = work.decodes * random_between(random, 1, 700) + random_between(random, 0, work.decodes - 1);
    }
    return work;
}

static double calculated(const batching_engine_config *config, struct work work) {
    INITIALIZED(batching_iterations, iterations);
    iterations.count = 1;
    iterations.prefill_tokens = &work.prefill;
    iterations.prefill_chunks = &work.chunks;
    iterations.decode_tokens = &work.decodes;
    iterations.context_tokens = &work.context;
    iterations.prefill_context = &work.prefill_context;
    double seconds = -1;
    assert_succeeds(batching_iteration_times_calculate(config, &iterations, &seconds));
    return seconds;
}

static void models_say_what_their_formulas_say(void **state) {
    (void)state;
    uint64_t random = 1;
    for (int round = 0; round < 2000; round++) {
        struct model model = random_model(&random);
        INITIALIZED(batching_engine_config, config);
        INITIALIZED(batching_engine_config, asking);
        model_set(&model, &config);
        model_ask(&model, &asking);
        for (int each = 0; each < 10; each++) {
            const struct work work = random_work(&random);
            assert_double_equal(calculated(&config, work), calculated(&asking, work));
        }
        free(model.table);
    }
}

/* No iteration takes less time with more in it. A nanosecond is what rounding may do. */
static void more_work_takes_no_less_time(void **state) {
    (void)state;
    uint64_t random = 2;
    for (int round = 0; round < 2000; round++) {
        struct model model = random_model(&random);
        INITIALIZED(batching_engine_config, config);
        model_set(&model, &config);
        for (int each = 0; each < 10; each++) {
            const struct work work = random_work(&random);
            struct work more = work;
            switch (random_between(&random, 0, 4)) {
            case 0: /* Sequences, each with a token of what is attended to in all. */
                more.decodes +=
                    work.context > work.decodes ? random_between(&random, 1, work.context - work.decodes) : 0;
                break;
            case 1: /* Tokens of context. */
                more.context += work.decodes > 0 ? random_between(&random, 1, 500) : 0;
                break;
            case 2: /* The same tokens in more chunks. */
                more.chunks += work.prefill > work.chunks ? random_between(&random, 1, work.prefill - work.chunks) : 0;
                break;
            case 3: /* Longer contexts of the chunks. */
                more.prefill_context += (double)(work.prefill * random_between(&random, 0, 100));
                break;
            default: /* A token at the end of a chunk, with its context. */
                if (work.chunks == 1 && model.table == NULL) {
                    const double context = floor(work.prefill_context / (double)work.prefill) + 1;
                    more.prefill += 1;
                    more.prefill_context = (double)more.prefill * context;
                }
                break;
            }
            const double seconds = calculated(&config, work);
            assert_true(isfinite(seconds) && seconds >= 0);
            assert_true(calculated(&config, more) >= seconds - 2e-9);
        }
        free(model.table);
    }
}

enum { REQUESTS = 400 };

struct columns {
    int32_t prompt_length[REQUESTS], output_length[REQUESTS];
    double arrival_time[REQUESTS], first_token_time[REQUESTS], end_time[REQUESTS];
};

static batching_requests columns_generate(struct columns *columns, uint64_t seed) {
    INITIALIZED(batching_workload, workload);
    workload.seed = seed;
    workload.prompt_length_min = 1;
    workload.prompt_length_max = 400;
    workload.output_length_min = 1;
    workload.output_length_max = 120;
    workload.arrival_rate = 60;
    assert_succeeds(batching_workload_generate(&workload, REQUESTS, columns->prompt_length, columns->output_length,
                                               columns->arrival_time));
    INITIALIZED(batching_requests, requests);
    requests.count = REQUESTS;
    requests.prompt_length = columns->prompt_length;
    requests.output_length = columns->output_length;
    requests.arrival_time = columns->arrival_time;
    return requests;
}

static void columns_simulate(const batching_engine_config *config, const batching_requests *requests,
                             struct columns *columns) {
    INITIALIZED(batching_results, results);
    results.capacity = REQUESTS;
    results.first_token_time = columns->first_token_time;
    results.end_time = columns->end_time;
    INITIALIZED(batching_summary, summary);
    assert_succeeds(batching_simulate(config, requests, &results, &summary));
}

/* A live engine in slices, saved and loaded on its way, while the table that it was made with is gone. */
static void columns_follow(batching_engine_config config, const batching_requests *requests, struct columns *columns,
                           uint64_t *random) {
    struct table *own = NULL;
    if (config.time_table != NULL) {
        own = malloc(sizeof *own);
        assert_non_null(own);
        memcpy(own, (const struct table *)config.time_table, sizeof *own);
        config.time_table = &own->table;
    }
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_create(&config, &engine));
    if (own != NULL) {
        memset(own, 0xAA, sizeof *own);
        free(own);
    }
    config.time_table = NULL;
    config.time_roofline = NULL;
    assert_succeeds(batching_live_engine_submit(engine, requests, NULL));
    for (double time = 0; time < 8; time += (double)random_between(random, 1, 100) * 1e-2) {
        assert_succeeds(batching_live_engine_advance(engine, time, 0));
        if (next_random(random) % 4 == 0) {
            int64_t size = 0;
            assert_succeeds(batching_live_engine_save(engine, NULL, 0, &size));
            uint8_t *bytes = malloc((size_t)size);
            assert_non_null(bytes);
            assert_succeeds(batching_live_engine_save(engine, bytes, size, &size));
            batching_live_engine *loaded = NULL;
            assert_succeeds(batching_live_engine_load(bytes, size, NULL, &loaded));
            free(bytes);
            assert_succeeds(batching_live_engine_destroy(engine));
            engine = loaded;
        } else if (next_random(random) % 4 == 0) {
            batching_live_engine *copy = NULL;
            assert_succeeds(batching_live_engine_fork(engine, &copy));
            /* Its events are the original's to tell. */
            assert_succeeds(batching_live_engine_advance(copy, time + 1, 0));
            assert_succeeds(batching_live_engine_destroy(copy));
        }
    }
    assert_succeeds(batching_live_engine_advance(engine, INFINITY, 0));
    enum { EVENTS = 4 * REQUESTS };
    static int64_t request[EVENTS];
    static int32_t event[EVENTS];
    static double at[EVENTS];
    INITIALIZED(batching_live_engine_events, events);
    events.capacity = EVENTS;
    events.request = request;
    events.event = event;
    events.time = at;
    assert_succeeds(batching_live_engine_poll(engine, &events));
    for (int64_t row = 0; row < events.count; row++) {
        if (event[row] == BATCHING_EVENT_FIRST_TOKEN) {
            columns->first_token_time[request[row]] = at[row];
        } else if (event[row] == BATCHING_EVENT_FINISHED) {
            columns->end_time[request[row]] = at[row];
        }
    }
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void runs_take_the_times_of_the_formulas(void **state) {
    (void)state;
    uint64_t random = 3;
    static struct columns expected, actual;
    const int32_t policies[] = {BATCHING_POLICY_VLLM, BATCHING_POLICY_STATIC, BATCHING_POLICY_CONTINUOUS,
                                BATCHING_POLICY_ORCA};
    for (int round = 0; round < 120; round++) {
        struct model model = random_model(&random);
        const batching_requests requests = columns_generate(&expected, (uint64_t)round);
        columns_generate(&actual, (uint64_t)round);
        INITIALIZED(batching_engine_config, config);
        config.policy = policies[random_between(&random, 0, 3)];
        config.async_scheduling = config.policy == BATCHING_POLICY_VLLM && next_random(&random) % 2;
        config.max_num_seqs = random_between(&random, 1, 64);
        config.max_num_batched_tokens = random_between(&random, 64, 500);
        config.num_gpu_blocks = random_between(&random, 60, 1000);
        model_ask(&model, &config);
        columns_simulate(&config, &requests, &expected);
        model_set(&model, &config);
        config.time_callback = NULL;
        columns_simulate(&config, &requests, &actual);
        assert_memory_equal(&actual, &expected, sizeof actual);

        if (config.policy == BATCHING_POLICY_STATIC) {
            free(model.table);
            continue; /* A live engine does not know that no request will fill its last batch. */
        }
        memset(actual.first_token_time, 0, sizeof actual.first_token_time);
        memset(actual.end_time, 0, sizeof actual.end_time);
        columns_follow(config, &requests, &actual, &random);
        for (int index = 0; index < REQUESTS; index++) {
            if (!isnan(expected.end_time[index])) {
                assert_double_equal(actual.first_token_time[index], expected.first_token_time[index]);
                assert_double_equal(actual.end_time[index], expected.end_time[index]);
            }
        }
        free(model.table);
    }
}

/* By hand */

static void affine_counts_chunks_and_iterations_that_prefill(void **state) {
    (void)state;
    INITIALIZED(batching_engine_config, config);
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = 1;
    config.time_per_prefill_token = 0.25;
    config.time_per_decode_token = 0.5;
    config.time_per_context_token = 0.125;
    config.time_per_prefill_context = 0.0625;
    config.time_per_prefill_iteration = 100;
    config.time_per_prefill_chunk = 10;
    /* 1 + 8 x 0.25 + 3 x 0.5 + 16 x 0.125 + 32 x 0.0625 + 2 x 10 + 100. */
    assert_double_equal(calculated(&config, (struct work){8, 2, 3, 16, 32}), 128.5);
    assert_double_equal(calculated(&config, (struct work){0, 0, 3, 16, 0}), 4.5);
    assert_double_equal(calculated(&config, (struct work){0}), 0);
}

static void a_request_in_two_chunks_is_counted_as_one_chunk_twice(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 2);
    engine.requests.prompt_length = LENGTHS(6, 2);
    engine.requests.output_length = LENGTHS(1, 1);
    engine.config.max_num_seqs = 2;
    engine.config.max_num_batched_tokens = 4;
    engine.config.time_model = BATCHING_TIME_AFFINE;
    engine.config.time_base = 0;
    engine.config.time_per_prefill_chunk = 1;
    engine_run(&engine);
    /* 4 tokens of the first; then its other 2 and the 2 of the second. */
    assert_times(engine.first_token_time, 3.0, 3.0);
}

static void a_roofline_by_hand(void **state) {
    (void)state;
    INITIALIZED(batching_roofline, roofline);
    roofline.layers = 2;
    roofline.linear_bytes = 6;
    roofline.linear_flops = 2;
    roofline.head_bytes = 2;
    roofline.kv_bytes = 1;
    roofline.attention_flops = 1;
    roofline.allreduce_bytes = 1;
    roofline.tensor_parallel = 4;
    roofline.memory_bandwidth = 4;
    roofline.linear_peak = 2;
    roofline.attention_peak = 8;
    roofline.link_bandwidth = 3;
    roofline.bandwidth_share = roofline.gemm_share = 0.5;
    roofline.kv_share = roofline.attention_share = 0.5;
    roofline.link_share = 1;
    roofline.allreduce_latency = 0.25;
    roofline.per_layer = 0.5;
    roofline.per_prefill_iteration = 7;
    INITIALIZED(batching_engine_config, config);
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = &roofline;
    /* 2 decode: sqrt(3^2 + 4^2) + 1 + 4 all-reduces x (2 x 0.25 + 2 x 3/4 x 2 / 3) + 2 x 0.5 + 10 of context / 2. */
    assert_double_equal(calculated(&config, (struct work){.decodes = 2, .context = 10}), 5 + 1 + 6 + 1 + 5);
    /* A chunk of 2 behind 6: 7 more; pairs: 16 - 2, of which 4 take a second; to read 8 of context takes 4. */
    assert_double_equal(calculated(&config, (struct work){2, 1, 0, 0, 16}), 5 + 1 + 6 + 1 + 7 + 4);
    /* Two chunks of 1 with 8 each: the same tokens, but 16 of context are read. */
    assert_double_equal(calculated(&config, (struct work){2, 2, 0, 0, 16}), 5 + 1 + 6 + 1 + 7 + 8);
}

static void experts_are_read_that_tokens_choose(void **state) {
    (void)state;
    INITIALIZED(batching_roofline, roofline);
    roofline.experts = 4;
    roofline.experts_per_token = 2;
    roofline.expert_bytes = 1;
    roofline.memory_bandwidth = 1;
    roofline.expert_bandwidth_share = 1;
    INITIALIZED(batching_engine_config, config);
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = &roofline;
    /* Of 4 experts one token reads 2; two read 4 x (1 - 1/4); three read 4 x (1 - 1/8). */
    assert_double_equal(calculated(&config, (struct work){.decodes = 1, .context = 1}), 2.0);
    assert_double_equal(calculated(&config, (struct work){.decodes = 2, .context = 2}), 3.0);
    assert_double_equal(calculated(&config, (struct work){3, 1, 0, 0, 9}), 3.5);
}

static void a_window_bounds_what_is_read(void **state) {
    (void)state;
    INITIALIZED(batching_roofline, roofline);
    roofline.window_bytes = 1;
    roofline.window = 8;
    roofline.memory_bandwidth = roofline.kv_share = 1;
    INITIALIZED(batching_engine_config, config);
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = &roofline;
    assert_double_equal(calculated(&config, (struct work){.decodes = 2, .context = 15}), 15);
    assert_double_equal(calculated(&config, (struct work){.decodes = 2, .context = 17}), 16);
    assert_double_equal(calculated(&config, (struct work){2, 1, 0, 0, 200}), 8);
}

static void a_table_by_hand(void **state) {
    (void)state;
    INITIALIZED(batching_time_table, table);
    table.linear_count = 3;
    table.linear_tokens = TIMES(1, 3, 7);
    table.linear_seconds = TIMES(10, 20, 24);
    table.head_count = 1;
    table.head_sequences = TIMES(4);
    table.head_seconds = TIMES(100);
    table.decode_sequence_count = 2;
    table.decode_context_count = 2;
    table.decode_sequences = TIMES(2, 4);
    table.decode_contexts = TIMES(10, 20);
    table.decode_seconds = TIMES(1000, 3000, 2000, 6000);
    table.prefill_token_count = 2;
    table.prefill_context_count = 2;
    table.prefill_tokens = TIMES(1, 5);
    table.prefill_contexts = TIMES(0, 8);
    table.prefill_seconds = TIMES(10000, 30000, 20000, 50000);
    INITIALIZED(batching_engine_config, config);
    config.time_model = BATCHING_TIME_TABLE;
    config.time_table = &table;
    /* Between 1 and 3 tokens 5 seconds each; beyond 7 one each, as from 3 to 7. Below 10 of context as at 10. */
    assert_double_equal(calculated(&config, (struct work){.decodes = 2, .context = 2}), 15 + 100 + 1000);
    assert_double_equal(calculated(&config, (struct work){.decodes = 2, .context = 15}), 15 + 100 + 2000);
    /* 3 sequences are half way between the rows; beyond 20 of context in proportion: 25 / 20 of 4500. */
    assert_double_equal(calculated(&config, (struct work){.decodes = 3, .context = 25}), 20 + 100 + 5625);
    /* More sequences than in the last row, with as much context. */
    assert_double_equal(calculated(&config, (struct work){.decodes = 8, .context = 10}), 25 + 100 + 2000);
    /* A chunk of 3 behind 4: half way between the rows, 15000 and 40000, and half way between those. */
    assert_double_equal(calculated(&config, (struct work){3, 1, 0, 0, 21}), 20 + 100 + 27500);
    /* Two chunks of 1 and 2 behind 2 and 4: Q = 3 + 12, A = 15 - 9 / 4, as one of 3 behind 12.75 / 3 - 1.5 = 2.75. */
    assert_double_equal(calculated(&config, (struct work){3, 2, 0, 0, 15}), 20 + 100 + 15000 + 25000 * 2.75 / 8);
    /* Two chunks of 2 and 2 behind nothing: A = 8 - 4, of the 8 pairs of a chunk of 4, which takes 17500. */
    assert_double_equal(calculated(&config, (struct work){4, 2, 0, 0, 8}), 21 + 100 + 10000 + 7500.0 / 2);
    /* A chunk of 10 is two of 5, each with 25 of its 50 pairs: behind 5 - 2.5. */
    assert_double_equal(calculated(&config, (struct work){10, 1, 0, 0, 100}), 27 + 100 + 2 * (20000 + 30000 * 2.5 / 8));
    table.linear_scale = 2;
    table.head_scale = 0.5;
    table.decode_scale = 3;
    table.per_iteration = 0.25;
    table.per_sequence = 0.125;
    table.per_prefill_iteration = 9;
    assert_double_equal(calculated(&config, (struct work){.decodes = 2, .context = 2}), 30 + 50 + 0.5 + 3000);
}

/* Bad input */

static void assert_no_times(const batching_engine_config *config, const batching_iterations *iterations,
                            batching_status expected, const char *why) {
    double seconds[4] = {-1, -1, -1, -1};
    assert_fails(batching_iteration_times_calculate(config, iterations, seconds), expected, why);
    assert_double_equal(seconds[0], -1);
}

static void iterations_that_cannot_be_are_refused(void **state) {
    (void)state;
    INITIALIZED(batching_engine_config, config);
    INITIALIZED(batching_iterations, iterations);
    double seconds[2];
    assert_fails(batching_iteration_times_calculate(NULL, &iterations, seconds), BATCHING_ERROR_NULL_POINTER,
                 "config is NULL");
    assert_fails(batching_iteration_times_calculate(&config, NULL, seconds), BATCHING_ERROR_NULL_POINTER,
                 "iterations is NULL");
    assert_succeeds(batching_iteration_times_calculate(&config, &iterations, NULL));
    iterations.count = 2;
    assert_fails(batching_iteration_times_calculate(&config, &iterations, NULL), BATCHING_ERROR_NULL_POINTER,
                 "seconds is NULL");
    iterations.prefill_tokens = IDS(3, -1);
    assert_no_times(&config, &iterations, BATCHING_ERROR_INVALID_ARGUMENT, "iterations.prefill_tokens[1] is -1");
    iterations.prefill_tokens = IDS(3, 4);
    iterations.prefill_chunks = IDS(1, 5);
    assert_no_times(&config, &iterations, BATCHING_ERROR_INVALID_ARGUMENT,
                    "iterations.prefill_chunks[1] is 5: must be between 1 and 4");
    iterations.prefill_chunks = NULL;
    iterations.decode_tokens = IDS(1, 0);
    iterations.context_tokens = IDS(9, 9);
    assert_no_times(&config, &iterations, BATCHING_ERROR_INVALID_ARGUMENT,
                    "iterations.context_tokens[1] is 9: must be between 0 and 0");
    iterations.context_tokens = NULL;
    iterations.prefill_context = TIMES(9, NAN);
    assert_no_times(&config, &iterations, BATCHING_ERROR_INVALID_ARGUMENT, "iterations.prefill_context[1] is nan");
    iterations.prefill_context = NULL;
    iterations.count = -1;
    assert_no_times(&config, &iterations, BATCHING_ERROR_INVALID_ARGUMENT, "iterations.count is -1");
    iterations.count = 2;
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_per_prefill_token = BATCHING_TIME_MAX;
    assert_no_times(&config, &iterations, BATCHING_ERROR_OVERFLOW, "iteration 0 takes longer");
    config.time_per_prefill_chunk = -1;
    assert_no_times(&config, &iterations, BATCHING_ERROR_INVALID_ARGUMENT, "time_per_prefill_chunk is -1");
}

static void assert_refused(const batching_engine_config *config, batching_status expected, const char *why) {
    INITIALIZED(batching_requests, requests);
    assert_fails(batching_simulate(config, &requests, NULL, NULL), expected, why);
    batching_live_engine *engine = NULL;
    assert_fails(batching_live_engine_create(config, &engine), expected, why);
    assert_null(engine);
}

static void rooflines_that_cannot_be_are_refused(void **state) {
    (void)state;
    uint64_t random = 4;
    INITIALIZED(batching_engine_config, config);
    batching_roofline roofline = random_roofline(&random);
    config.time_roofline = &roofline;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_roofline is given: must be NULL");
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = NULL;
    assert_refused(&config, BATCHING_ERROR_NULL_POINTER, "roofline is NULL");
    config.time_roofline = &roofline;
    roofline.layers = -1;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_roofline.layers is -1.0");
    roofline.layers = 32;
    roofline.kv_share = NAN;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_roofline.kv_share is nan");
    roofline.kv_bytes = 1;
    roofline.kv_share = 0;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT,
                   "time_roofline.kv_bytes is not 0, but memory_bandwidth x kv_share is too small");
    roofline.kv_share = 1;
    roofline.tensor_parallel = 3;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT,
                   "time_roofline.tensor_parallel is 3.0: must be a power of two, at most 1024");
    roofline.tensor_parallel = 2;
    roofline.experts = 2;
    roofline.experts_per_token = 3;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_roofline.experts_per_token is 3.0");
    roofline.experts = 65537;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_roofline.experts is 65537.0");
}

static void tables_that_cannot_be_are_refused(void **state) {
    (void)state;
    INITIALIZED(batching_engine_config, config);
    INITIALIZED(batching_time_table, table);
    config.time_table = &table;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_table is given: must be NULL");
    config.time_model = BATCHING_TIME_TABLE;
    table.linear_count = -1;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_table.linear_count is -1");
    table.linear_count = 65537;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_table.linear_count is 65537");
    table.linear_count = 2;
    assert_refused(&config, BATCHING_ERROR_NULL_POINTER, "time_table.linear_tokens is NULL");
    table.linear_tokens = TIMES(1, 1);
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT,
                   "time_table.linear_tokens[1] is 1.0: must be above the one before it, which is 1.0");
    table.linear_tokens = TIMES(1, 2);
    assert_refused(&config, BATCHING_ERROR_NULL_POINTER, "time_table.linear_seconds is NULL");
    table.linear_seconds = TIMES(2, 1);
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT,
                   "time_table.linear_seconds[1] is 1.0: must be at least element 0, which is 2.0");
    table.linear_seconds = TIMES(2, INFINITY);
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_table.linear_seconds[1] is inf");
    table.linear_count = 0;
    table.decode_sequence_count = 2;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_table.decode_context_count is 0");
    table.decode_context_count = 1;
    table.decode_sequences = TIMES(1, 2);
    table.decode_contexts = TIMES(0);
    table.decode_seconds = TIMES(2, 1);
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_table.decode_seconds[1] is 1.0");
    table.decode_seconds = TIMES(1, 1);
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_table.decode_contexts[0] is 0.0: must be above 0");
    table.decode_contexts = TIMES(1);
    table.per_sequence = -1;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT, "time_table.per_sequence is -1.0");
    table.per_sequence = 0;
    table.decode_sequence_count = table.decode_context_count = 65536;
    assert_refused(&config, BATCHING_ERROR_INVALID_ARGUMENT,
                   "time_table.decode_context_count is 65536: must be at most");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_say_what_their_formulas_say),
        cmocka_unit_test(more_work_takes_no_less_time),
        cmocka_unit_test(runs_take_the_times_of_the_formulas),
        cmocka_unit_test(affine_counts_chunks_and_iterations_that_prefill),
        cmocka_unit_test(a_request_in_two_chunks_is_counted_as_one_chunk_twice),
        cmocka_unit_test(a_roofline_by_hand),
        cmocka_unit_test(experts_are_read_that_tokens_choose),
        cmocka_unit_test(a_window_bounds_what_is_read),
        cmocka_unit_test(a_table_by_hand),
        cmocka_unit_test(iterations_that_cannot_be_are_refused),
        cmocka_unit_test(rooflines_that_cannot_be_are_refused),
        cmocka_unit_test(tables_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
