/* Iteration times from a log: what a simulated server took is found again, and bad logs are told. */
#include <stdbool.h>
#include <stdlib.h>

#include "engine_support.h"
#include "random.h"

enum { REQUESTS = 240 };

/* A log: what was asked, and what became of it. */
struct server_log {
    int32_t prompt_length[REQUESTS], output_length[REQUESTS];
    double arrival_time[REQUESTS], first_token_time[REQUESTS], end_time[REQUESTS];
    uint8_t success[REQUESTS];
    batching_requests requests;
    batching_recorded recorded;
};

static batching_engine_config server_config(void) {
    INITIALIZED(batching_engine_config, config);
    config.max_num_seqs = 32;
    config.max_num_batched_tokens = 512;
    config.num_gpu_blocks = 900;
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = 8e-3;
    config.time_per_prefill_token = 4e-5;
    config.time_per_decode_token = 6e-5;
    config.time_per_context_token = 2e-7;
    config.time_per_prefill_context = 2e-9;
    config.time_per_prefill_iteration = 1e-3;
    return config;
}

static void log_record(struct server_log *log, const batching_engine_config *config) {
    INITIALIZED(batching_workload, workload);
    workload.prompt_length_min = 20;
    workload.prompt_length_max = 900;
    workload.output_length_min = 1;
    workload.output_length_max = 200;
    workload.arrival_rate = 6;
    assert_succeeds(
        batching_workload_generate(&workload, REQUESTS, log->prompt_length, log->output_length, log->arrival_time));
    assert_succeeds(batching_requests_init(&log->requests, sizeof log->requests));
    assert_succeeds(batching_recorded_init(&log->recorded, sizeof log->recorded));
    log->requests.count = log->recorded.count = REQUESTS;
    log->requests.prompt_length = log->prompt_length;
    log->requests.output_length = log->recorded.output_length = log->output_length;
    log->requests.arrival_time = log->arrival_time;
    log->recorded.first_token_time = log->first_token_time;
    log->recorded.end_time = log->end_time;
    INITIALIZED(batching_results, results);
    results.capacity = REQUESTS;
    results.first_token_time = log->first_token_time;
    results.end_time = log->end_time;
    assert_succeeds(batching_simulate(config, &log->requests, &results, NULL));
}

/* What becomes of its requests. */
static void log_simulate(struct server_log *log, const batching_engine_config *config) {
    INITIALIZED(batching_results, results);
    results.capacity = REQUESTS;
    results.first_token_time = log->first_token_time;
    results.end_time = log->end_time;
    assert_succeeds(batching_simulate(config, &log->requests, &results, NULL));
}

/* Calmly enough that hardly any waits in the queue: so many seconds for each of 6 requests/s. */
static void log_record_slowly(struct server_log *log, const batching_engine_config *config, double slower) {
    log_record(log, config);
    for (int index = 0; index < REQUESTS; index++) {
        log->arrival_time[index] *= slower;
    }
    log_simulate(log, config);
}

/* As a client has it that is so many seconds away, there and back. */
static void log_delay(struct server_log *log, double seconds) {
    for (int index = 0; index < REQUESTS; index++) {
        log->first_token_time[index] += seconds;
        log->end_time[index] += seconds;
    }
}

/* The configuration with the times that were found. */
static batching_engine_config calibrated(batching_engine_config config, const batching_calibration *found) {
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = found->time_base;
    config.time_per_prefill_token = found->time_per_prefill_token;
    config.time_per_decode_token = found->time_per_decode_token;
    config.time_per_context_token = found->time_per_context_token;
    config.time_per_prefill_context = found->time_per_prefill_context;
    config.time_per_prefill_iteration = found->time_per_prefill_iteration;
    config.time_per_prefill_chunk = found->time_per_prefill_chunk;
    config.time_startup = found->time_startup;
    config.async_scheduling = found->async_scheduling;
    return config;
}

static double mean_ttft(const struct server_log *log) {
    double sum = 0;
    for (int index = 0; index < REQUESTS; index++) {
        sum += log->first_token_time[index] - log->arrival_time[index];
    }
    return sum / REQUESTS;
}

static double mean_e2e(const struct server_log *log) {
    double sum = 0;
    for (int index = 0; index < REQUESTS; index++) {
        sum += log->end_time[index] - log->arrival_time[index];
    }
    return sum / REQUESTS;
}

static void assert_near(double actual, double expected, double share) {
    if (!(fabs(actual - expected) <= share * expected)) {
        fail_msg("%g is not within %g of %g", actual, share, expected);
    }
}

/* Iterations as they come in such a run: what the coefficients say of them together. */
static void assert_same_predictions(const batching_engine_config *actual, const batching_engine_config *expected,
                                    double share) {
    static const int64_t prefill[] = {0, 0, 0, 480, 496, 200}, chunks[] = {0, 0, 0, 1, 2, 1};
    static const int64_t decodes[] = {8, 16, 32, 16, 16, 24}, context[] = {4800, 9600, 19200, 9600, 9600, 14400};
    INITIALIZED(batching_iterations, iterations);
    iterations.count = 6;
    iterations.prefill_tokens = prefill;
    iterations.prefill_chunks = chunks;
    iterations.decode_tokens = decodes;
    iterations.context_tokens = context;
    double actual_seconds[6], expected_seconds[6];
    assert_succeeds(batching_iteration_times_calculate(actual, &iterations, actual_seconds));
    assert_succeeds(batching_iteration_times_calculate(expected, &iterations, expected_seconds));
    for (int index = 0; index < 6; index++) {
        assert_near(actual_seconds[index], expected_seconds[index], share);
    }
}

/* With nothing known but the limits; with either way to schedule. */
static void a_simulated_log_gives_its_times_back(void **state) {
    (void)state;
    static struct server_log log, again;
    for (int asynchronous = 0; asynchronous < 2; asynchronous++) {
        batching_engine_config server = server_config();
        server.async_scheduling = asynchronous;
        log_record(&log, &server);
        INITIALIZED(batching_calibration_config, config);
        INITIALIZED(batching_calibration, found);
        batching_engine_config limits = server_config();
        config.engine = &limits;
        assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
        assert_int_equal(found.async_scheduling, asynchronous);
        assert_true(found.loss < found.loss_of_other_scheduling);
        assert_int_equal(found.is_complete, 1);
        assert_double_equal(found.time_startup, 0);
        assert_true(found.told_base > 0.5 && found.told_base <= 1);
        const batching_engine_config fitted = calibrated(server, &found);
        assert_same_predictions(&fitted, &server, 0.005);
        log_record(&again, &fitted);
        assert_near(mean_ttft(&again), mean_ttft(&log), 0.005);
        assert_near(mean_e2e(&again), mean_e2e(&log), 0.005);
    }
}

static void a_start_up_is_found(void **state) {
    (void)state;
    static struct server_log log;
    batching_engine_config server = server_config();
    server.time_startup = 0.8;
    log_record(&log, &server);
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    config.engine = &server;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
    assert_near(found.time_startup, 0.8, 0.05);
    assert_true(isnan(found.loss_of_other_scheduling));
}

/* The delay of a client is not the engine's: a log that is lightly loaded tells them apart. */
static void a_delay_of_clients_is_found_in_a_lightly_loaded_log(void **state) {
    (void)state;
    static struct server_log log, again;
    batching_engine_config server = server_config();
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    config.engine = &server;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    config.simulations = 300;
    for (int asynchronous = 0; asynchronous < 2; asynchronous++) {
        server.async_scheduling = asynchronous;
        log_record_slowly(&log, &server, 3);
        log_delay(&log, 0.02);
        assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
        assert_true(found.share_without_queueing >= 0.5);
        assert_near(found.client_delay, 0.02, 0.02);
        assert_true(found.told_client_delay > 0.5 && found.told_client_delay <= 1);
        assert_true(fabs(found.correlation_base_delay) < 0.9);
        assert_true(fabs(found.correlation_prefill_iteration_delay) < 0.9);
        assert_true(found.client_delay_least <= found.client_delay && found.client_delay <= found.client_delay_most);
        const batching_engine_config fitted = calibrated(server, &found);
        log_record_slowly(&again, &fitted, 3);
        log_delay(&again, found.client_delay);
        assert_near(mean_ttft(&again), mean_ttft(&log), 0.005);
        assert_near(mean_e2e(&again), mean_e2e(&log), 0.005);
        /* The same without: nothing is found that is not there. */
        log_delay(&log, -0.02);
        assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
        assert_true(found.client_delay < 1e-4);
    }
}

/* Where requests wait in the queue, what waits is not told from who waits. */
static void no_delay_is_looked_for_where_requests_wait_in_the_queue(void **state) {
    (void)state;
    static struct server_log log;
    batching_engine_config server = server_config();
    server.max_num_seqs = 8;
    log_record(&log, &server);
    log_delay(&log, 0.02);
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    config.engine = &server;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    config.simulations = 100;
    assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
    assert_true(found.share_without_queueing < 0.5);
    assert_double_equal(found.client_delay, 0);
    assert_double_equal(found.told_client_delay, 0);
    assert_double_equal(found.correlation_prefill_iteration_delay, 0);
}

/* One at a time, each with one chunk: a delay is as long as what each iteration with prefill takes. */
static void no_delay_is_taken_that_is_not_told_apart(void **state) {
    (void)state;
    static struct server_log log;
    batching_engine_config server = server_config();
    server.max_num_batched_tokens = 2048;
    log_record(&log, &server);
    for (int index = 0; index < REQUESTS; index++) {
        log.arrival_time[index] = 10.0 * index;
    }
    log_simulate(&log, &server);
    log_delay(&log, 0.02);
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    config.engine = &server;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    config.simulations = 100;
    assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
    assert_double_equal(found.share_without_queueing, 1);
    assert_double_equal(found.client_delay, 0);
    assert_true(found.correlation_prefill_iteration_delay < -0.9);
    assert_near(found.time_per_prefill_iteration, 0.021, 0.1);
}

/* Of the fits that are about as good, it tells the least and the most. */
static void how_far_fits_differ_is_told(void **state) {
    (void)state;
    static struct server_log log;
    const batching_engine_config server = server_config();
    log_record(&log, &server);
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    config.engine = &server;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    config.simulations = 1;
    for (int many = 0; many < 2; many++) {
        assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
        const double ranges[][3] = {
            {found.base_least, found.time_base, found.base_most},
            {found.per_prefill_token_least, found.time_per_prefill_token, found.per_prefill_token_most},
            {found.per_decode_token_least, found.time_per_decode_token, found.per_decode_token_most},
            {found.per_context_token_least, found.time_per_context_token, found.per_context_token_most},
            {found.per_prefill_context_least, found.time_per_prefill_context, found.per_prefill_context_most},
            {found.per_prefill_iteration_least, found.time_per_prefill_iteration, found.per_prefill_iteration_most},
            {found.per_prefill_chunk_least, found.time_per_prefill_chunk, found.per_prefill_chunk_most},
            {found.startup_least, found.time_startup, found.startup_most},
            {found.client_delay_least, found.client_delay, found.client_delay_most},
        };
        for (size_t row = 0; row < sizeof ranges / sizeof *ranges; row++) {
            assert_true(ranges[row][0] <= ranges[row][1] && ranges[row][1] <= ranges[row][2]);
            assert_true(many || ranges[row][0] == ranges[row][2]);
        }
        if (many) {
            assert_true(found.fits > 1);
            assert_true(found.base_least < found.base_most);
            /* Each is near the log, which it was fitted to. */
            assert_near(found.mean_ttft_least, mean_ttft(&log), 0.05);
            assert_near(found.mean_ttft_most, mean_ttft(&log), 0.05);
            assert_true(found.mean_ttft_least < found.mean_ttft_most);
            assert_true(found.mean_e2e_least < found.mean_e2e_most);
        } else {
            assert_int_equal(found.fits, 1);
        }
        config.simulations = 300;
    }
}

/* What is not known yet is not looked at: the first half, and no more. */
static void what_has_not_been_observed_does_not_count(void **state) {
    (void)state;
    static struct server_log log, changed;
    const batching_engine_config server = server_config();
    log_record(&log, &server);
    log_record(&changed, &server);
    const double until = log.arrival_time[REQUESTS / 2];
    for (int index = 0; index < REQUESTS; index++) {
        changed.end_time[index] += changed.end_time[index] > until ? 100 : 0;
        changed.first_token_time[index] += changed.first_token_time[index] > until ? 50 : 0;
    }
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    INITIALIZED(batching_calibration, also);
    config.engine = &server;
    config.observed_until = until;
    config.simulations = 60;
    assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
    assert_succeeds(batching_iteration_time_calibrate(&config, &changed.requests, &changed.recorded, &also));
    assert_memory_equal(&found, &also, sizeof found);
    assert_int_equal(found.simulations, 60);
    assert_int_equal(found.is_complete, 0);
}

/* Some requests failed: nothing is known of them but that they came. */
static void failed_requests_are_simulated_and_do_not_count(void **state) {
    (void)state;
    static struct server_log log;
    const batching_engine_config server = server_config();
    log_record(&log, &server);
    for (int index = 0; index < REQUESTS; index++) {
        log.success[index] = index % 3 != 0;
        if (index % 3 == 0) {
            log.first_token_time[index] = log.end_time[index] = NAN;
        }
    }
    log.recorded.success = log.success;
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    config.engine = &server;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
    const batching_engine_config fitted = calibrated(server, &found);
    assert_same_predictions(&fitted, &server, 0.01);
}

/* KV blocks ran out: which requests were preempted says how many there were. */
static void the_number_of_kv_blocks_is_found(void **state) {
    (void)state;
    static struct server_log log;
    batching_engine_config server = server_config();
    server.num_gpu_blocks = 200;
    server.async_scheduling = 1;
    log_record(&log, &server);
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    batching_engine_config limits = server_config();
    config.engine = &limits;
    config.search_num_gpu_blocks = 1;
    config.simulations = 250;
    const int64_t starts[] = {0, 200, 185, 5000};
    for (int start = 0; start < 4; start++) {
        limits.num_gpu_blocks = starts[start];
        assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
        assert_true(found.num_gpu_blocks_least <= found.num_gpu_blocks);
        assert_true(found.num_gpu_blocks <= found.num_gpu_blocks_most);
        /* Few run, of some 36 blocks each: so many more or fewer change nothing. */
        assert_in_range(found.num_gpu_blocks, 194, 206);
    }
    /* Where they never ran out, nothing is searched. */
    server.num_gpu_blocks = 100000;
    log_record(&log, &server);
    limits.num_gpu_blocks = 9000;
    assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
    assert_int_equal(found.num_gpu_blocks, 9000);
    assert_int_equal(found.num_gpu_blocks_least, 9000);
}

struct watch {
    int64_t calls, enough_at, stop_at;
    double loss;
};

static int32_t watch_progress(const batching_calibration_progress *progress, int32_t *is_enough, void *user_data) {
    struct watch *watch = user_data;
    assert_in_range(progress->struct_size, 32, sizeof *progress);
    assert_int_equal(progress->simulations, ++watch->calls);
    assert_int_equal(progress->most, 2000);
    assert_int_equal(*is_enough, 0);
    assert_true(progress->loss <= watch->loss);
    watch->loss = progress->loss;
    *is_enough = watch->calls == watch->enough_at;
    return watch->calls == watch->stop_at ? 5 : 0;
}

static void a_caller_may_end_it(void **state) {
    (void)state;
    static struct server_log log;
    const batching_engine_config server = server_config();
    log_record(&log, &server);
    INITIALIZED(batching_calibration_config, config);
    INITIALIZED(batching_calibration, found);
    config.engine = &server;
    struct watch watch = {.enough_at = 40, .loss = INFINITY};
    config.callback = watch_progress;
    config.user_data = &watch;
    assert_succeeds(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found));
    assert_int_equal(watch.calls, 40);
    assert_int_equal(found.simulations, 40);
    assert_int_equal(found.is_complete, 0);
    assert_true(found.time_base > 0);

    const batching_calibration before = found;
    watch = (struct watch){.stop_at = 3, .loss = INFINITY};
    assert_fails(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, &found),
                 BATCHING_ERROR_CANCELLED, "callback returned 5");
    assert_memory_equal(&found, &before, sizeof found);
}

/* Bad input */

static batching_calibration_config config;
static batching_calibration found;

static void assert_refused(const struct server_log *log, batching_status status, const char *why) {
    const batching_calibration before = found;
    assert_fails(batching_iteration_time_calibrate(&config, &log->requests, &log->recorded, &found), status, why);
    assert_memory_equal(&found, &before, sizeof found);
}

static void logs_that_say_nothing_are_refused(void **state) {
    (void)state;
    static struct server_log log;
    const batching_engine_config server = server_config();
    assert_succeeds(batching_calibration_config_init(&config, sizeof config));
    assert_succeeds(batching_calibration_init(&found, sizeof found));
    config.engine = &server;

    log_record(&log, &server);
    log.requests.count = log.recorded.count = 5;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "there must be at least 16");
    log.recorded.count = 4;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "recorded.count is 4: must be requests.count, which is 5");
    log.requests.count = log.recorded.count = REQUESTS;

    log.recorded.first_token_time = NULL;
    assert_refused(&log, BATCHING_ERROR_NULL_POINTER, "recorded.first_token_time is NULL");
    log.recorded.first_token_time = log.first_token_time;
    log.first_token_time[7] = NAN;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "recorded.first_token_time[7] is nan");
    log.first_token_time[7] = 0;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT,
                   "recorded.first_token_time[7] is 0.0: must be at least arrival_time");
    log.first_token_time[7] = log.end_time[7] + 1;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "must be at least first_token_time");
    log_record(&log, &server);
    int32_t lengths[REQUESTS];
    memcpy(lengths, log.output_length, sizeof lengths);
    lengths[3] += 1;
    log.recorded.output_length = lengths;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "recorded.output_length[3] is");
    log.recorded.output_length = log.output_length;
    const int64_t sessions[REQUESTS] = {0};
    log.requests.session = sessions;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "requests.session is given");
    log.requests.session = NULL;
    INITIALIZED(batching_client, client);
    log.requests.client = &client;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "requests.client is given");
    log.requests.client = NULL;

    config.scheduling = 3;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "scheduling is 3");
    config.scheduling = 0;
    config.simulations = -1;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "simulations is -1");
    config.simulations = 0;
    config.observed_until = -2;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "observed_until is -2");
    config.observed_until = 0;
    batching_engine_config wrong = server;
    wrong.max_num_seqs = -1;
    config.engine = &wrong;
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "max_num_seqs is -1");
    config.engine = &server;
    assert_fails(batching_iteration_time_calibrate(&config, NULL, &log.recorded, &found), BATCHING_ERROR_NULL_POINTER,
                 "requests is NULL");
    assert_fails(batching_iteration_time_calibrate(&config, &log.requests, NULL, &found), BATCHING_ERROR_NULL_POINTER,
                 "recorded is NULL");
    assert_fails(batching_iteration_time_calibrate(&config, &log.requests, &log.recorded, NULL),
                 BATCHING_ERROR_NULL_POINTER, "calibration is NULL");

    /* All the same: one after the other, each as long. */
    for (int index = 0; index < REQUESTS; index++) {
        log.prompt_length[index] = log.output_length[index] = 16;
        log.arrival_time[index] = index;
        log.first_token_time[index] = index + 0.25;
        log.end_time[index] = index + 0.5;
    }
    assert_refused(&log, BATCHING_ERROR_INVALID_ARGUMENT, "the same TTFT and the same time to decode");
}

/* Every request alone: base, decode and prefill cannot be told apart, but what comes out is right. */
static void a_log_without_waiting_gives_its_own_times_back(void **state) {
    (void)state;
    static struct server_log log, again;
    const batching_engine_config server = server_config();
    log_record(&log, &server);
    for (int index = 0; index < REQUESTS; index++) {
        log.arrival_time[index] = 10.0 * index;
    }
    INITIALIZED(batching_results, results);
    results.capacity = REQUESTS;
    results.first_token_time = log.first_token_time;
    results.end_time = log.end_time;
    assert_succeeds(batching_simulate(&server, &log.requests, &results, NULL));
    INITIALIZED(batching_calibration_config, alone);
    INITIALIZED(batching_calibration, told);
    alone.engine = &server;
    alone.simulations = 300;
    assert_succeeds(batching_iteration_time_calibrate(&alone, &log.requests, &log.recorded, &told));
    assert_true(told.told_per_decode_token < 0.5);
    const batching_engine_config fitted = calibrated(server, &told);
    memcpy(&again, &log, sizeof again);
    results.first_token_time = again.first_token_time;
    results.end_time = again.end_time;
    assert_succeeds(batching_simulate(&fitted, &log.requests, &results, NULL));
    assert_near(mean_ttft(&again), mean_ttft(&log), 0.01);
    assert_near(mean_e2e(&again), mean_e2e(&log), 0.01);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simulated_log_gives_its_times_back),
        cmocka_unit_test(a_start_up_is_found),
        cmocka_unit_test(a_delay_of_clients_is_found_in_a_lightly_loaded_log),
        cmocka_unit_test(no_delay_is_looked_for_where_requests_wait_in_the_queue),
        cmocka_unit_test(no_delay_is_taken_that_is_not_told_apart),
        cmocka_unit_test(how_far_fits_differ_is_told),
        cmocka_unit_test(what_has_not_been_observed_does_not_count),
        cmocka_unit_test(failed_requests_are_simulated_and_do_not_count),
        cmocka_unit_test(the_number_of_kv_blocks_is_found),
        cmocka_unit_test(a_caller_may_end_it),
        cmocka_unit_test(logs_that_say_nothing_are_refused),
        cmocka_unit_test(a_log_without_waiting_gives_its_own_times_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
