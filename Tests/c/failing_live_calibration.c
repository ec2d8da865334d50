/* The rows of failing_allocations.c for live calibrations. */
#include "failing_allocations.h"

enum { KEPT = 40, HASHES = 3, MOST_KEPT = 256 };

static const int64_t hashes[HASHES] = {1, 2, 3};

/* More have ended than are kept; of those that have not, 1000 has its first token. As many as the first buffers hold are
 * in flight, so that the next needs larger ones. */
static void make_calibration(const struct choice *choice) {
    batching_calibration_config config;
    batching_engine_config server;
    must(batching_calibration_config_init(&config, sizeof config));
    must(batching_engine_config_init(&server, sizeof server));
    server.enable_prefix_caching = choice->caches_prefixes;
    server.num_gpu_blocks = 1000;
    config.engine = &server;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    config.simulations = 3;
    must(batching_live_calibration_create(&config, KEPT, &calibration));
    for (int64_t request = 0; request < 2 * KEPT; request++) {
        const double time = 0.1 * (double)request;
        must(batching_live_calibration_arrived(calibration, request, time, 48, 0, hashes, HASHES));
        must(batching_live_calibration_first_token(calibration, request, time + 0.02 + 0.001 * (double)(request % 9)));
        if (request % 9 == 5) {
            must(batching_live_calibration_failed(calibration, request, time + 0.2));
        } else {
            must(batching_live_calibration_finished(calibration, request, time + 0.2, 10 + (int32_t)(request % 4)));
        }
    }
    for (int64_t request = 1000; request < 1064; request++) {
        must(batching_live_calibration_arrived(calibration, request, 8, 5, 9, hashes, HASHES));
    }
    must(batching_live_calibration_first_token(calibration, 1000, 8.1));
}

static batching_status calibration_create(const struct choice *choice) {
    batching_calibration_config config;
    must(batching_calibration_config_init(&config, sizeof config));
    (void)choice;
    return batching_live_calibration_create(&config, KEPT, &outputs.calibration);
}

static batching_status calibration_destroy(const struct choice *choice) {
    (void)choice;
    batching_live_calibration *destroyed = calibration;
    calibration = NULL;
    return batching_live_calibration_destroy(destroyed);
}

static batching_status arrived(const struct choice *choice) {
    (void)choice;
    return batching_live_calibration_arrived(calibration, 2000, 9, 48, 7, hashes, HASHES);
}

static batching_status first_token(const struct choice *choice) {
    (void)choice;
    return batching_live_calibration_first_token(calibration, 1001, 9);
}

static batching_status finished(const struct choice *choice) {
    (void)choice;
    return batching_live_calibration_finished(calibration, 1000, 9, 4);
}

static batching_status failed(const struct choice *choice) {
    (void)choice;
    return batching_live_calibration_failed(calibration, 1001, 9);
}

static batching_status observe(const struct choice *choice) {
    (void)choice;
    return batching_live_calibration_observe(calibration, &outputs.calibration_state);
}

static batching_status log_write(const struct choice *choice) {
    (void)choice;
    outputs.log.capacity = outputs.log.hash_capacity = ROWS - 1;
    outputs.log.arrival_time = outputs.seconds[0];
    outputs.log.output_length = outputs.small[0];
    outputs.log.hash_offsets = outputs.numbers[0];
    outputs.log.hash_ids = outputs.numbers[1];
    const batching_status status = batching_live_calibration_log_write(calibration, &outputs.log);
    outputs.log.capacity = outputs.log.hash_capacity = 0;
    outputs.log.arrival_time = NULL;
    outputs.log.output_length = NULL;
    outputs.log.hash_offsets = outputs.log.hash_ids = NULL;
    return status;
}

static batching_status fork_calibration(const struct choice *choice) {
    (void)choice;
    return batching_live_calibration_fork(calibration, &outputs.calibration);
}

static batching_status fit(const struct choice *choice) {
    (void)choice;
    return batching_live_calibration_fit(calibration, 0, NULL, NULL, &outputs.found);
}

uint64_t sum_of_calibration(batching_live_calibration *told) {
    static double times[4][MOST_KEPT];
    static int32_t lengths[2][MOST_KEPT];
    static int64_t numbers[3][MOST_KEPT * HASHES];
    static uint8_t success[MOST_KEPT];
    batching_live_calibration_log log;
    must(batching_live_calibration_log_init(&log, sizeof log));
    log.capacity = MOST_KEPT;
    log.hash_capacity = MOST_KEPT * HASHES;
    log.request = numbers[0];
    log.hash_offsets = numbers[1];
    log.hash_ids = numbers[2];
    log.prompt_length = lengths[0];
    log.output_length = lengths[1];
    log.arrival_time = times[0];
    log.abort_time = times[1];
    log.first_token_time = times[2];
    log.end_time = times[3];
    log.success = success;
    must(batching_live_calibration_log_write(told, &log));
    const struct {
        const void *bytes;
        size_t size;
    } parts[] = {{&log.count, 5 * sizeof log.count},
                 {times, sizeof times},
                 {lengths, sizeof lengths},
                 {numbers, sizeof numbers},
                 {success, sizeof success}};
    uint64_t sum = 14695981039346656037u;
    for (size_t part = 0; part < sizeof parts / sizeof *parts; part++) {
        for (size_t at = 0; at < parts[part].size; at++) {
            sum = (sum ^ ((const uint8_t *)parts[part].bytes)[at]) * 1099511628211u;
        }
    }
    return sum;
}

#define CACHED                                                                                                         \
    { .caches_prefixes = 1 }
#define BOTH(function, call)                                                                                           \
    {function, "plain", make_calibration, call, {0}}, {                                                                \
        function, "prefix caching", make_calibration, call, CACHED                                                     \
    }

static const struct row rows[] = {
    {"batching_live_calibration_create", "", NULL, calibration_create, {0}},
    BOTH("batching_live_calibration_destroy", calibration_destroy),
    BOTH("batching_live_calibration_arrived", arrived),
    BOTH("batching_live_calibration_first_token", first_token),
    BOTH("batching_live_calibration_finished", finished),
    BOTH("batching_live_calibration_failed", failed),
    BOTH("batching_live_calibration_observe", observe),
    BOTH("batching_live_calibration_log_write", log_write),
    BOTH("batching_live_calibration_fork", fork_calibration),
    BOTH("batching_live_calibration_fit", fit),
};
const struct table LIVE_CALIBRATION_CALLS = {rows, sizeof rows / sizeof *rows};
