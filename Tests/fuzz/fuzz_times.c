/*
 * Drives batching_iteration_times_calculate with any model of the time of iterations, and makes such models for the
 * engines of the other targets: rooflines and tables with columns of exactly their size.
 */
#include <math.h>

#include "checks.h"

enum { MOST_PLACES = 7, MOST_ITERATIONS = 24 };

/* Where what kind of number stands among the doubles of a roofline. */
enum { WORK = 0, PARALLEL = 15, SPEEDS = 16, SHARES = 22, OVERHEADS = 30, FIELDS = 35 };

batching_roofline input_roofline(struct input *input) {
    batching_roofline roofline;
    REQUIRE(batching_roofline_init(&roofline, sizeof roofline) == BATCHING_OK);
    double fields[FIELDS];
    REQUIRE(sizeof fields == sizeof roofline - 2 * sizeof(uint32_t));
    for (int field = 0; field < FIELDS; field++) {
        const uint8_t byte = input_byte(input);
        fields[field] = field < PARALLEL    ? byte % 8 == 0 ? 0.0 : ldexp(1 + byte % 8, byte / 8)
                           : field == PARALLEL ? byte % 8 == 0 ? 0.0 : (double)(1 << byte % 8)
                           : field < SHARES ? ldexp(1 + byte % 8, 20 + byte / 8)
                        : field < OVERHEADS ? (1 + byte) / 256.0
                                            : 1e-6 * byte;
    }
    memcpy((char *)&roofline + 2 * sizeof(uint32_t), fields, sizeof fields);
    roofline.layers = 1 + input_byte(input) % 128;
    roofline.experts = input_chance(input, 2) ? input_byte(input) * 256.0 : 0.0;
    roofline.experts_per_token = roofline.experts * input_byte(input) / 255.0;
    roofline.window = input_chance(input, 2) ? 0.5 * input_byte(input) : 0.0;
    while (input_chance(input, 8)) {
        const size_t field = input_byte(input) % FIELDS;
        const double value = input_double(input);
        memcpy((char *)&roofline + 2 * sizeof(uint32_t) + field * sizeof value, &value, sizeof value);
    }
    return roofline;
}

/* Places that rise; and now and then one that does not. */
static double *input_axis(struct input *input, int64_t count, bool has_zero) {
    double *places = allocate((size_t)count * sizeof *places);
    const double unit = ldexp(1.0, input_byte(input) % 12 - 2);
    double place = has_zero ? 0.0 : unit;
    for (int64_t index = 0; index < count; index++) {
        places[index] = place;
        place += unit * (1 + input_byte(input) % 16);
    }
    if (count > 0 && input_chance(input, 16)) {
        places[input_byte(input) % count] = input_double(input);
    }
    return places;
}

/* Seconds that fall on neither axis; and now and then one that does. */
static double *input_grid(struct input *input, int64_t rows, int64_t columns) {
    double *seconds = allocate((size_t)(rows * columns) * sizeof *seconds);
    const double unit = input_chance(input, 8) ? input_seconds(input) : 1e-5;
    for (int64_t index = 0; index < rows * columns; index++) {
        const double left = index % columns > 0 ? seconds[index - 1] : 0.0;
        const double above = index >= columns ? seconds[index - columns] : 0.0;
        seconds[index] = fmax(left, above) + unit * (input_byte(input) % 32);
    }
    if (rows * columns > 0 && input_chance(input, 16)) {
        seconds[input_byte(input) % (rows * columns)] = input_double(input);
    }
    return seconds;
}

/* The library has to refuse a count that is not that of the columns before it reads them. */
static void input_lies(struct input *input, int64_t *count) {
    if (input_chance(input, 64)) {
        *count = input_chance(input, 2) ? input_impossible_count(input) : BATCHING_TABLE_AXIS_MAX + 1;
    }
}

static batching_time_table input_table(struct input *input) {
    batching_time_table table;
    REQUIRE(batching_time_table_init(&table, sizeof table) == BATCHING_OK);
    const int64_t linear = input_byte(input) % MOST_PLACES, head = input_byte(input) % MOST_PLACES;
    const int64_t rows = input_byte(input) % MOST_PLACES, tokens = input_byte(input) % MOST_PLACES;
    const int64_t contexts = input_chance(input, 32) ? 0 : 1 + input_byte(input) % (MOST_PLACES - 1);
    const int64_t before = input_chance(input, 32) ? 0 : 1 + input_byte(input) % (MOST_PLACES - 1);
    table.linear_count = linear;
    table.linear_tokens = input_axis(input, linear, input_byte(input) & 1);
    table.linear_seconds = input_grid(input, linear, 1);
    table.head_count = head;
    table.head_sequences = input_axis(input, head, input_byte(input) & 1);
    table.head_seconds = input_grid(input, head, 1);
    table.decode_sequence_count = rows;
    table.decode_context_count = rows == 0 ? 0 : contexts;
    table.decode_sequences = input_axis(input, rows, false);
    table.decode_contexts = input_axis(input, table.decode_context_count, false);
    table.decode_seconds = input_grid(input, rows, table.decode_context_count);
    table.prefill_token_count = tokens;
    table.prefill_context_count = tokens == 0 ? 0 : before;
    table.prefill_tokens = input_axis(input, tokens, false);
    table.prefill_contexts = input_axis(input, table.prefill_context_count, input_byte(input) & 1);
    table.prefill_seconds = input_grid(input, tokens, table.prefill_context_count);
    double *const numbers[] = {&table.linear_scale,         &table.head_scale,    &table.decode_scale,
                               &table.prefill_scale,        &table.per_iteration, &table.per_sequence,
                               &table.per_prefill_iteration};
    for (size_t which = 0; which < sizeof numbers / sizeof *numbers; which++) {
        *numbers[which] = input_chance(input, 16) ? input_double(input) : input_byte(input) / (which < 4 ? 64.0 : 1e5);
    }
    return table;
}

/* Counts of no columns, and columns left out. */
static void input_wild_table(struct input *input, batching_time_table *table) {
    int64_t *const counts[] = {&table->linear_count,          &table->head_count,
                               &table->decode_sequence_count, &table->decode_context_count,
                               &table->prefill_token_count,   &table->prefill_context_count};
    for (size_t which = 0; which < sizeof counts / sizeof *counts; which++) {
        input_lies(input, counts[which]);
    }
    const double **const columns[] = {&table->linear_tokens,  &table->linear_seconds,   &table->head_sequences,
                                      &table->head_seconds,   &table->decode_sequences, &table->decode_contexts,
                                      &table->decode_seconds, &table->prefill_tokens,   &table->prefill_contexts,
                                      &table->prefill_seconds};
    const size_t left_out = input_byte(input) % 10;
    if (input_chance(input, 32)) {
        free((void *)*columns[left_out]);
        *columns[left_out] = NULL;
    }
}

void input_time_models(struct input *input, batching_engine_config *config) {
    const bool has_both = input_chance(input, 32);
    if (config->time_model == BATCHING_TIME_ROOFLINE || has_both) {
        const batching_roofline roofline = input_roofline(input);
        config->time_roofline = input_chance(input, 64) ? NULL : input_struct(input, &roofline, sizeof roofline);
    }
    if (config->time_model == BATCHING_TIME_TABLE || has_both) {
        batching_time_table table = input_table(input);
        input_wild_table(input, &table);
        /* All of it, so that its columns are found again. */
        config->time_table = memcpy(allocate(sizeof table), &table, sizeof table);
    }
}

static int64_t values(int64_t rows, int64_t columns) {
    return rows <= 0 || columns <= 0 || rows > MOST_PLACES || columns > MOST_PLACES ? 0 : rows * columns;
}

void spoil_time_models(const batching_engine_config *config) {
    const batching_time_table *table = config->time_table;
    if (table == NULL) {
        return;
    }
    const int64_t rows = table->decode_sequence_count, tokens = table->prefill_token_count;
    const struct {
        const double *column;
        int64_t count;
    } columns[] = {
        {table->linear_tokens, values(table->linear_count, 1)},
        {table->linear_seconds, values(table->linear_count, 1)},
        {table->head_seconds, values(table->head_count, 1)},
        {table->decode_seconds, values(rows, table->decode_context_count)},
        {table->prefill_seconds, values(tokens, table->prefill_context_count)},
    };
    for (size_t which = 0; which < sizeof columns / sizeof *columns; which++) {
        if (columns[which].column != NULL) {
            memset((void *)columns[which].column, 0xff, (size_t)columns[which].count * sizeof(double));
        }
    }
}

void free_time_models(batching_engine_config *config) {
    const batching_time_table *table = config->time_table;
    if (table != NULL) {
        free((void *)table->linear_tokens);
        free((void *)table->linear_seconds);
        free((void *)table->head_sequences);
        free((void *)table->head_seconds);
        free((void *)table->decode_sequences);
        free((void *)table->decode_contexts);
        free((void *)table->decode_seconds);
        free((void *)table->prefill_tokens);
        free((void *)table->prefill_contexts);
        free((void *)table->prefill_seconds);
    }
    free((void *)table);
    free((void *)config->time_roofline);
    free((void *)config->kv_offload);
    config->kv_offload = NULL;
    config->time_table = NULL;
    config->time_roofline = NULL;
}

int64_t saved_time_model_size(const batching_engine_config *config) {
    const batching_time_table *table = config->time_table;
    if (config->time_model == BATCHING_TIME_ROOFLINE) {
        return FIELDS * 8;
    }
    if (config->time_model != BATCHING_TIME_TABLE) {
        return 8 * 8;
    }
    /* Numbers and counts, then the columns. */
    return 8 * (7 + 6 + 2 * (table->linear_count + table->head_count) + table->decode_sequence_count +
                table->decode_context_count + table->decode_sequence_count * table->decode_context_count +
                table->prefill_token_count + table->prefill_context_count +
                table->prefill_token_count * table->prefill_context_count);
}

/* What iterations compute: mostly such as can be. */
struct work {
    int64_t prefill_tokens[MOST_ITERATIONS], prefill_chunks[MOST_ITERATIONS];
    int64_t decode_tokens[MOST_ITERATIONS], context_tokens[MOST_ITERATIONS];
    double prefill_context[MOST_ITERATIONS];
};

/* Few tokens, many, and as many as there may be. */
static int64_t input_tokens(struct input *input) {
    const uint8_t kind = input_byte(input);
    return kind < 64 ? 0 : kind < 192 ? kind % 32 : kind < 248 ? (int64_t)kind << kind % 32 : (int64_t)1 << 53;
}

static void input_work(struct input *input, struct work *work, int64_t index) {
    const int64_t most = (int64_t)1 << 53;
    const int64_t prefill = input_tokens(input), decode = input_tokens(input), more = input_tokens(input);
    work->prefill_tokens[index] = prefill;
    work->prefill_chunks[index] = prefill == 0 ? 0 : 1 + (int64_t)(input_byte(input) % prefill);
    work->decode_tokens[index] = decode;
    work->context_tokens[index] = decode == 0 ? 0 : decode + (more > most - decode ? 0 : more);
    work->prefill_context[index] =
        prefill == 0 ? 0.0 : (double)prefill * (double)prefill * (1 + input_byte(input)) / 64.0;
    if (input_chance(input, 64)) {
        int64_t *const columns[] = {work->prefill_tokens, work->prefill_chunks, work->decode_tokens,
                                    work->context_tokens};
        columns[input_byte(input) % 4][index] = input_size(input);
    }
    if (prefill != 0 && input_chance(input, 32)) {
        work->prefill_context[index] = input_double(input);
    }
}

static batching_iterations iterations_of(const struct work *work, int64_t first, int64_t count) {
    batching_iterations iterations;
    REQUIRE(batching_iterations_init(&iterations, sizeof iterations) == BATCHING_OK);
    iterations.count = count;
    iterations.prefill_tokens = work->prefill_tokens + first;
    iterations.prefill_chunks = work->prefill_chunks + first;
    iterations.decode_tokens = work->decode_tokens + first;
    iterations.context_tokens = work->context_tokens + first;
    iterations.prefill_context = work->prefill_context + first;
    return iterations;
}

/* Iterations that compute a little more of one thing take no less, up to what their sums are rounded by. */
static void require_growth(struct input *input, const batching_engine_config *config, struct work work, int64_t count,
                           const double *seconds) {
    const uint8_t which = input_byte(input) % 4;
    const int64_t step = 1 + input_byte(input) * (int64_t)input_byte(input);
    for (int64_t index = 0; index < count; index++) {
        const int64_t prefill = work.prefill_tokens[index], decode = work.decode_tokens[index];
        if (which == 0 && prefill > 0) {
            work.prefill_context[index] *= 1.0 + 1.0 / (double)step;
        } else if (which == 1 && work.prefill_chunks[index] < prefill) {
            work.prefill_chunks[index]++;
        } else if (which == 2 && decode > 0 && work.context_tokens[index] <= ((int64_t)1 << 53) - step) {
            work.context_tokens[index] += step;
        } else if (which == 3 && decode > 0 && decode + step <= work.context_tokens[index]) {
            work.decode_tokens[index] += step;
        }
    }
    double more[MOST_ITERATIONS];
    const batching_iterations iterations = iterations_of(&work, 0, count);
    if (!succeeded(batching_iteration_times_calculate(config, &iterations, more))) {
        return;
    }
    for (int64_t index = 0; index < count; index++) {
        REQUIRE(more[index] + 1.1e-9 + 1e-12 * seconds[index] >= seconds[index]);
    }
}

static int32_t answer(const batching_iteration *iteration, double *seconds, void *user_data) {
    STOP_WITHOUT(user_data);
    REQUIRE(iteration->struct_size == sizeof *iteration && iteration->prefill_chunks <= iteration->prefill_tokens);
    REQUIRE(iteration->prefill_tokens + iteration->decode_tokens > 0 && iteration->number > 0);
    *seconds = input_seconds(user_data);
    return input_chance(user_data, 64);
}

void fuzz_iteration_times(struct input *input) {
    batching_engine_config config = input_engine_config(input);
    config.time_callback = answer;
    config.time_user_data = input;
    const int64_t count = input_byte(input) % (MOST_ITERATIONS + 1);
    struct work work;
    for (int64_t index = 0; index < count; index++) {
        input_work(input, &work, index);
    }
    batching_iterations iterations = iterations_of(&work, 0, count);
    iterations.prefill_chunks = input_chance(input, 8) ? NULL : iterations.prefill_chunks;
    iterations.decode_tokens = input_chance(input, 16) ? NULL : iterations.decode_tokens;
    iterations.context_tokens = input_chance(input, 8) ? NULL : iterations.context_tokens;
    iterations.prefill_context = input_chance(input, 8) ? NULL : iterations.prefill_context;
    const bool has_all = iterations.prefill_chunks && iterations.decode_tokens && iterations.context_tokens &&
                         iterations.prefill_context;
    iterations.count = input_chance(input, 64) ? input_impossible_count(input) : count;
    double *seconds = output_column(count, sizeof *seconds);
    batching_engine_config *given_config = input_struct(input, &config, sizeof config);
    batching_iterations *given = input_struct(input, &iterations, sizeof iterations);
    const bool is_called = config.time_model == BATCHING_TIME_CALLBACK;
    if (succeeded(batching_iteration_times_calculate(given_config, given, seconds))) {
        const bool is_whole = given->struct_size >= sizeof iterations && given_config->struct_size >= sizeof config;
        for (int64_t index = 0; index < count; index++) {
            REQUIRE(seconds[index] >= 0.0 && seconds[index] <= BATCHING_TIME_MAX);
            if (is_whole && has_all && !is_called) {
                /* One by one they take as long. */
                const batching_iterations one = iterations_of(&work, index, 1);
                double alone = -7.0;
                REQUIRE(batching_iteration_times_calculate(&config, &one, &alone) == BATCHING_OK);
                REQUIRE(alone == seconds[index]);
                REQUIRE(work.prefill_tokens[index] + work.decode_tokens[index] > 0 || alone == 0.0);
            }
        }
        if (is_whole && has_all && !is_called) {
            require_growth(input, &config, work, count, seconds);
        }
    } else {
        REQUIRE(is_called || output_is_untouched(seconds, count, sizeof *seconds));
    }
    free(seconds);
    free(given);
    free(given_config);
    free_time_models(&config);
}
