/*
 * Drives live calibrations with events in any order, and holds what they keep against the same requests in an array: an
 * event is refused exactly if its request is not in flight, its time goes back, or a value cannot be.
 */
#include <math.h>

#include "checks.h"

enum { MOST_IDS = 96, MOST_EVENTS = 400, MOST_HASHES = 8 };

/* What is in flight, and when its last event was; NaN: it is not. */
struct in_flight {
    double last[MOST_IDS];
    bool has_first_token[MOST_IDS];
    int64_t count, ended;
};

static const int64_t HASHES[MOST_HASHES] = {1, 2, 3, 4, 5, 6, 7, 8};

static batching_live_calibration_state calibration_state(batching_live_calibration *live) {
    batching_live_calibration_state state;
    REQUIRE(batching_live_calibration_state_init(&state, sizeof state) == BATCHING_OK);
    REQUIRE(batching_live_calibration_observe(live, &state) == BATCHING_OK);
    return state;
}

static bool is_time(double seconds) {
    return seconds >= 0 && seconds <= BATCHING_TIME_MAX;
}

/* That time goes back within a nanosecond is not seen. */
static bool goes_on(const struct in_flight *known, int64_t id, double time) {
    return !isnan(known->last[id]) && is_time(time) && time >= known->last[id];
}

static void tell(struct input *input, batching_live_calibration *live, struct in_flight *known, double *now) {
    const int64_t id = input_byte(input) % MOST_IDS;
    const int kind = input_byte(input) % 5;
    *now += 1e-3 * input_byte(input);
    const double time = input_chance(input, 32) ? input_double(input) : *now;
    const int32_t length = input_chance(input, 32) ? (int32_t)input_word(input) : 1 + input_byte(input) % 64;
    if (isnan(known->last[id]) || kind == 4) {
        const int64_t hashes =
            input_chance(input, 64) ? input_impossible_count(input) : input_byte(input) % MOST_HASHES;
        const bool has_hashes = !input_chance(input, 8);
        const batching_status status = batching_live_calibration_arrived(
            live, id, time, length, input_chance(input, 2) ? length : 0, has_hashes ? HASHES : NULL,
            has_hashes && hashes < 0 ? hashes
            : has_hashes             ? hashes % MOST_HASHES
                                     : 0);
        const bool is_right = isnan(known->last[id]) && is_time(time) && length >= 0 && (!has_hashes || hashes >= 0);
        REQUIRE(succeeded(status) == is_right);
        if (is_right) {
            known->last[id] = time;
            known->has_first_token[id] = false;
            known->count++;
        }
    } else if (kind < 2) {
        const bool is_right = goes_on(known, id, time) && !known->has_first_token[id];
        REQUIRE(succeeded(batching_live_calibration_first_token(live, id, time)) == is_right);
        if (is_right) {
            known->last[id] = time;
            known->has_first_token[id] = true;
        }
    } else {
        const bool fails = kind == 3, is_right = goes_on(known, id, time) && (fails || length >= 1);
        const batching_status status = fails ? batching_live_calibration_failed(live, id, time)
                                             : batching_live_calibration_finished(live, id, time, length);
        REQUIRE(succeeded(status) == is_right);
        if (is_right) {
            known->last[id] = NAN;
            known->count--;
            known->ended++;
        }
    }
}

/* As many rows as there are requests, in order of arrival, and hash ids of each. */
static void require_log(struct input *input, batching_live_calibration *live) {
    const batching_live_calibration_state state = calibration_state(live);
    const int64_t rows = state.in_flight + state.finished + state.failed;
    batching_live_calibration_log log;
    REQUIRE(batching_live_calibration_log_init(&log, sizeof log) == BATCHING_OK);
    log.capacity = input_chance(input, 8) ? rows - 1 : rows;
    log.hash_capacity = state.hash_ids;
    double *arrival = output_column(rows, sizeof *arrival), *end = output_column(rows, sizeof *end);
    int32_t *output = output_column(rows, sizeof *output);
    uint8_t *success = output_column(rows, sizeof *success);
    int64_t *offsets = output_column(rows + 1, sizeof *offsets),
            *hashes = output_column(state.hash_ids, sizeof *hashes);
    log.arrival_time = arrival;
    log.end_time = end;
    log.output_length = output;
    log.success = success;
    log.hash_offsets = offsets;
    log.hash_ids = hashes;
    const bool fits = log.capacity == rows;
    REQUIRE(succeeded(batching_live_calibration_log_write(live, &log)) == fits);
    if (fits) {
        REQUIRE(log.count == rows && log.hash_count == state.hash_ids && offsets[rows] == state.hash_ids);
        int64_t counting = 0;
        for (int64_t row = 0; row < rows; row++) {
            REQUIRE(arrival[row] >= (row == 0 ? 0 : arrival[row - 1]) && output[row] >= 1);
            REQUIRE(success[row] == 1 ? end[row] >= arrival[row] : isnan(end[row]));
            REQUIRE(offsets[row] <= offsets[row + 1]);
            for (int64_t at = offsets[row]; at < offsets[row + 1]; at++) {
                REQUIRE(hashes[at] == HASHES[at - offsets[row]]);
            }
            counting += success[row];
        }
        REQUIRE(counting == state.counting);
    }
    free(arrival);
    free(end);
    free(output);
    free(success);
    free(offsets);
    free(hashes);
}

void fuzz_live_calibration(struct input *input) {
    batching_calibration_config config;
    batching_engine_config engine;
    batching_calibration found;
    batching_live_calibration *live = NULL, *copy = NULL;
    REQUIRE(batching_calibration_config_init(&config, sizeof config) == BATCHING_OK);
    REQUIRE(batching_engine_config_init(&engine, sizeof engine) == BATCHING_OK);
    REQUIRE(batching_calibration_init(&found, sizeof found) == BATCHING_OK);
    engine.max_num_seqs = 1 + input_byte(input) % 16;
    engine.enable_prefix_caching = input_chance(input, 2);
    engine.num_gpu_blocks = engine.enable_prefix_caching ? 200 : 0;
    config.engine = &engine;
    config.simulations = 1 + input_byte(input) % 8;
    config.search_num_gpu_blocks = input_chance(input, 8);
    const int64_t window = input_chance(input, 32) ? input_size(input) : 16 + input_byte(input) % 32;
    if (!succeeded(batching_live_calibration_create(&config, window, &live))) {
        REQUIRE(live == NULL);
        return;
    }
    REQUIRE(window >= 16 && window <= 500000);
    struct in_flight known = {.count = 0};
    for (int64_t id = 0; id < MOST_IDS; id++) {
        known.last[id] = NAN;
    }
    double now = input_chance(input, 8) ? 1.7e9 : 0.0;
    for (int event = 0; event < MOST_EVENTS && input->left > 0; event++) {
        tell(input, live, &known, &now);
        const batching_live_calibration_state state = calibration_state(live);
        REQUIRE(state.in_flight == known.count);
        REQUIRE(state.finished + state.failed == (known.ended < window ? known.ended : window));
        REQUIRE(isnan(state.forgotten_until) == (known.ended <= window));
        if (input_chance(input, 32)) {
            require_log(input, live);
        }
        if (input_chance(input, 64)) {
            REQUIRE(batching_live_calibration_fork(live, &copy) == BATCHING_OK);
            batching_live_calibration *const ended = input_chance(input, 2) ? live : copy;
            live = ended == live ? copy : live;
            REQUIRE(batching_live_calibration_destroy(ended) == BATCHING_OK);
        }
    }
    require_log(input, live);
    if (succeeded(batching_live_calibration_fit(live, 0, NULL, NULL, &found))) {
        REQUIRE(calibration_state(live).counting >= 16);
        REQUIRE(found.simulations >= 1 && found.simulations <= config.simulations && found.residuals >= 16);
        REQUIRE(found.loss >= 0.0 && found.loss < INFINITY && found.time_base >= 0.0);
    }
    REQUIRE(batching_live_calibration_destroy(live) == BATCHING_OK);
}
