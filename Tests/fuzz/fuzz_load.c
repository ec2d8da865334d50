/* The load over time, and the bands of an attribution: any columns, and what must hold of what comes out. */
#include <math.h>

#include "checks.h"

static batching_recorded input_recorded(struct input *input) {
    batching_recorded recorded;
    REQUIRE(batching_recorded_init(&recorded, sizeof recorded) == BATCHING_OK);
    if (input_chance(input, 32)) {
        recorded.count = input_impossible_count(input);
        return recorded;
    }
    recorded.count = input_count(input);
    recorded.arrival_time = input_times(input, recorded.count);
    recorded.start_time =
        input_chance(input, 4) ? NULL : input_later_times(input, recorded.count, recorded.arrival_time);
    recorded.end_time = input_later_times(input, recorded.count,
                                          recorded.start_time != NULL ? recorded.start_time : recorded.arrival_time);
    recorded.prompt_length = input_chance(input, 4) ? NULL : input_lengths(input, recorded.count, 0);
    recorded.output_length = input_lengths(input, recorded.count, 0);
    if (input_chance(input, 2)) {
        uint8_t *success = allocate((size_t)recorded.count);
        for (int64_t index = 0; index < recorded.count; index++) {
            success[index] = input_chance(input, 64) ? input_byte(input) : !input_chance(input, 4);
        }
        recorded.success = success;
    }
    return recorded;
}

static void free_recorded(batching_recorded recorded) {
    free((void *)recorded.arrival_time);
    free((void *)recorded.start_time);
    free((void *)recorded.end_time);
    free((void *)recorded.prompt_length);
    free((void *)recorded.output_length);
    free((void *)recorded.success);
}

static void require_a_load(const batching_load *load, const batching_load_config *config) {
    /* A mean is a rounded quotient: it may exceed the largest of its elements by its last bits. */
    const double rounding = 1 + 1e-12;
    const double window = load->window_end - load->window_start;
    REQUIRE(load->window_start >= 0.0 && window >= 0.0 && load->window_end <= BATCHING_TIME_MAX);
    REQUIRE(load->mean_running >= 0.0 && load->mean_running <= (double)load->peak_running * rounding);
    REQUIRE(load->mean_waiting >= 0.0 && load->mean_waiting <= (double)load->peak_waiting * rounding);
    REQUIRE(load->mean_tokens >= 0.0 && load->mean_tokens <= (double)load->peak_tokens * rounding);
    REQUIRE(load->peak_running <= load->requests && load->peak_waiting <= load->requests);
    REQUIRE(load->utilization >= 0.0 && load->utilization <= 1.0);
    REQUIRE((load->utilization > 0.0) == (load->peak_running > 0));
    REQUIRE(load->held_slot_time >= 0.0);
    REQUIRE(isnan(load->slot_utilization) == (config->slots == 0));
    REQUIRE(isnan(load->unfilled_slot_time) == (config->slots == 0));
    REQUIRE(isnan(load->wasted_slot_share) == (config->slots == 0));
}

/* The rows follow each other, and are the load. */
static void require_a_timeline(const batching_load_timeline *timeline, const batching_load *load, int64_t count) {
    const int64_t rows = timeline->count;
    REQUIRE(rows >= 0 && rows <= (timeline->bins > 0 ? timeline->bins : 3 * count + 1));
    if (rows > timeline->capacity) {
        return;
    }
    int64_t peak_running = 0, peak_waiting = 0, peak_tokens = 0;
    for (int64_t row = 0; row < rows; row++) {
        REQUIRE(row == 0 ? timeline->time[0] == load->window_start : timeline->time[row - 1] <= timeline->time[row]);
        REQUIRE(timeline->time[row] <= load->window_end);
        REQUIRE(timeline->running[row] >= 0.0 && timeline->waiting[row] >= 0.0 && timeline->tokens[row] >= 0.0);
        peak_running = timeline->peak_running[row] > peak_running ? timeline->peak_running[row] : peak_running;
        peak_waiting = timeline->peak_waiting[row] > peak_waiting ? timeline->peak_waiting[row] : peak_waiting;
        peak_tokens = timeline->peak_tokens[row] > peak_tokens ? timeline->peak_tokens[row] : peak_tokens;
    }
    REQUIRE(peak_running == load->peak_running && peak_waiting == load->peak_waiting);
    REQUIRE(peak_tokens == load->peak_tokens);
}

static void output_timeline(struct input *input, batching_load_timeline *timeline, int64_t rows) {
    REQUIRE(batching_load_timeline_init(timeline, sizeof *timeline) == BATCHING_OK);
    timeline->capacity = input_chance(input, 32) ? -1 - input_byte(input) : rows;
    timeline->bins = input_chance(input, 2) ? input_byte(input) : (input_chance(input, 16) ? input_size(input) : 0);
    timeline->count = -7;
    timeline->time = output_column(rows, sizeof(double));
    timeline->running = output_column(rows, sizeof(double));
    timeline->waiting = output_column(rows, sizeof(double));
    timeline->tokens = output_column(rows, sizeof(double));
    timeline->peak_running = output_column(rows, sizeof(int64_t));
    timeline->peak_waiting = output_column(rows, sizeof(int64_t));
    timeline->peak_tokens = output_column(rows, sizeof(int64_t));
}

static void free_timeline(const batching_load_timeline *timeline) {
    free(timeline->time);
    free(timeline->running);
    free(timeline->waiting);
    free(timeline->tokens);
    free(timeline->peak_running);
    free(timeline->peak_waiting);
    free(timeline->peak_tokens);
}

void fuzz_load(struct input *input) {
    batching_recorded recorded = input_recorded(input);
    const int64_t count = recorded.end_time != NULL ? recorded.count : 0;
    batching_load_config config;
    REQUIRE(batching_load_config_init(&config, sizeof config) == BATCHING_OK);
    if (input_chance(input, 2)) {
        config.window_start = input_seconds(input);
        config.window_end = input_chance(input, 4) ? input_seconds(input) : config.window_start + input_byte(input);
    }
    config.slots = input_chance(input, 2) ? input_size(input) : 0;
    double *last_token_time = input_chance(input, 2) ? input_later_times(input, count, recorded.start_time) : NULL;
    for (int64_t index = 0; last_token_time != NULL && index < count; index++) {
        /* Mostly not after its end. */
        if (last_token_time[index] > recorded.end_time[index] && !input_chance(input, 16)) {
            last_token_time[index] = input_chance(input, 2) ? NAN : recorded.end_time[index];
        }
    }
    config.last_token_time = last_token_time;
    batching_load load;
    REQUIRE(batching_load_init(&load, sizeof load) == BATCHING_OK);
    const int64_t rows = input_chance(input, 2) ? 3 * count + 256 : input_byte(input);
    batching_load_timeline timeline;
    output_timeline(input, &timeline, rows);

    batching_recorded *given_recorded = input_struct(input, &recorded, sizeof recorded);
    batching_load_config *given_config = input_struct(input, &config, sizeof config);
    struct output_struct given_load = output_struct(input, &load, sizeof load);
    struct output_struct given_timeline = output_struct(input, &timeline, sizeof timeline);
    bool has_timeline = input_chance(input, 2);
    if (succeeded(batching_load_calculate(given_recorded, given_config, given_load.value,
                                          has_timeline ? given_timeline.value : NULL))) {
        take_output(&load, sizeof load, given_load);
        if (given_load.size >= sizeof load) {
            require_a_load(&load, &config);
        }
        if (has_timeline && given_timeline.size >= sizeof timeline && given_load.size >= sizeof load) {
            take_output(&timeline, sizeof timeline, given_timeline);
            require_a_timeline(&timeline, &load, count);
        }
    } else {
        REQUIRE(is_untouched(given_load) && is_untouched(given_timeline));
        REQUIRE(output_is_untouched(timeline.time, rows, sizeof(double)));
        REQUIRE(output_is_untouched(timeline.peak_tokens, rows, sizeof(int64_t)));
    }
    free(given_recorded);
    free(given_config);
    free_output_struct(given_load);
    free_output_struct(given_timeline);
    free(last_token_time);
    free_timeline(&timeline);
    free_recorded(recorded);
}

enum { PARTS = 7 };

void fuzz_attribution_bands(struct input *input) {
    const int64_t count = input_count(input);
    const int64_t band_count = input_byte(input) % 8;
    double *parts[PARTS];
    for (int part = 0; part < PARTS; part++) {
        parts[part] = allocate((size_t)count * sizeof(double));
        for (int64_t index = 0; index < count; index++) {
            parts[part][index] = input_chance(input, 64) ? input_double(input) : (double)input_byte(input) * 1e-9;
        }
    }
    int32_t *status = input_chance(input, 2) ? allocate((size_t)count * sizeof *status) : NULL;
    for (int64_t index = 0; status != NULL && index < count; index++) {
        status[index] = input_chance(input, 4) ? BATCHING_REQUEST_UNFINISHED : BATCHING_REQUEST_FINISHED;
    }
    double *percentiles = allocate((size_t)(band_count + 1) * sizeof *percentiles);
    for (int64_t edge = 0; edge <= band_count; edge++) {
        percentiles[edge] = input_chance(input, 64) ? input_double(input) : (double)edge * 100 / 7;
    }
    batching_attribution attribution;
    REQUIRE(batching_attribution_init(&attribution, sizeof attribution) == BATCHING_OK);
    attribution.capacity = input_chance(input, 64) ? input_size(input) % (count + 1) : count;
    attribution.waiting_for_slot = parts[0];
    attribution.waiting_for_memory = parts[1];
    attribution.prefill = parts[2];
    attribution.decode = parts[3];
    attribution.slowed_by_prefill = parts[4];
    attribution.preempted = parts[5];
    attribution.held_in_batch = input_chance(input, 64) ? NULL : parts[6];
    batching_attribution_bands bands;
    REQUIRE(batching_attribution_bands_init(&bands, sizeof bands) == BATCHING_OK);
    bands.capacity = band_count;
    bands.count = output_column(band_count, sizeof(int64_t));
    bands.shortest = output_column(band_count, sizeof(double));
    bands.longest = output_column(band_count, sizeof(double));
    bands.mean_total = output_column(band_count, sizeof(double));
    bands.decode = output_column(band_count, sizeof(double));

    batching_attribution *given_attribution = input_struct(input, &attribution, sizeof attribution);
    batching_attribution_bands *given_bands = input_struct(input, &bands, sizeof bands);
    if (succeeded(batching_attribution_bands_calculate(given_attribution, count, status, percentiles, band_count,
                                                       given_bands))) {
        int64_t in_bands = 0;
        double longest = 0.0;
        for (int64_t band = 0; band < band_count; band++) {
            in_bands += bands.count[band];
            REQUIRE(bands.count[band] >= 0 && bands.shortest[band] <= bands.longest[band]);
            REQUIRE(bands.decode[band] >= 0.0 && bands.decode[band] <= bands.mean_total[band]);
            REQUIRE(is_not_before(bands.longest[band], bands.mean_total[band]));
            REQUIRE(is_not_before(bands.mean_total[band], bands.shortest[band]));
            if (bands.count[band] > 0) {
                /* Each band is of longer times than those before it. */
                REQUIRE(bands.shortest[band] > longest || longest == 0.0 || longest > TELLS_NANOSECONDS_APART);
                longest = bands.longest[band];
            }
        }
        REQUIRE(in_bands <= count);
    } else {
        REQUIRE(output_is_untouched(bands.count, band_count, sizeof(int64_t)));
        REQUIRE(output_is_untouched(bands.mean_total, band_count, sizeof(double)));
    }
    REQUIRE(batching_attribution_bands_calculate(given_attribution, count, status, NULL, band_count, given_bands) !=
            BATCHING_OK);
    free(given_attribution);
    free(given_bands);
    free(bands.count);
    free(bands.shortest);
    free(bands.longest);
    free(bands.mean_total);
    free(bands.decode);
    free(percentiles);
    free(status);
    for (int part = 0; part < PARTS; part++) {
        free(parts[part]);
    }
}
