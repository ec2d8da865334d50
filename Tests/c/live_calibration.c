/* Calibration on live traffic: what is fitted to is the log that a slow model keeps, and the fit is the one to that log. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "random.h"
#include "support.h"

enum { REQUESTS = 200, BLOCK_SIZE = 16, MOST_HASHES = 60 };

/* --- A server, and what happens at it ------------------------------------------------------------------------------- */

enum what { ARRIVED, FIRST_TOKEN, FINISHED, FAILED };

struct event {
    int64_t nanoseconds;
    enum what what;
    int request;
};

struct server {
    batching_engine_config config;
    int32_t prompt_length[REQUESTS], output_length[REQUESTS], hash_count[REQUESTS];
    int64_t hash_ids[REQUESTS][MOST_HASHES];
    double arrival_time[REQUESTS], first_token_time[REQUESTS], end_time[REQUESTS];
    struct event events[3 * REQUESTS];
    int event_count;
};

/* Seconds that all events are later than on the clock of the simulation. */
#define OFFSET INT64_C(1000000000)

static batching_engine_config limits(void) {
    INITIALIZED(batching_engine_config, config);
    config.max_num_seqs = 16;
    config.max_num_batched_tokens = 512;
    config.block_size = BLOCK_SIZE;
    return config;
}

static int in_order(const void *left, const void *right) {
    const struct event *first = left, *second = right;
    if (first->nanoseconds != second->nanoseconds) {
        return first->nanoseconds < second->nanoseconds ? -1 : 1;
    }
    return first->what != second->what ? (int)first->what - (int)second->what : first->request - second->request;
}

static int64_t nanoseconds(double seconds) {
    return llround(seconds * 1e9);
}

/* Runs it. With a failure period, of every so many requests one fails as it would have finished. */
static void server_run(struct server *server, bool caches, int failure_period) {
    server->config = limits();
    server->config.time_model = BATCHING_TIME_AFFINE;
    server->config.time_base = 8e-3;
    server->config.time_per_prefill_token = 4e-5;
    server->config.time_per_decode_token = 6e-5;
    server->config.time_per_context_token = 2e-7;
    server->config.num_gpu_blocks = caches ? 2000 : 0;
    server->config.enable_prefix_caching = caches;
    INITIALIZED(batching_workload, workload);
    workload.prompt_length_min = 20;
    workload.prompt_length_max = 600;
    workload.output_length_min = 5;
    workload.output_length_max = 150;
    workload.arrival_rate = 5;
    assert_succeeds(batching_workload_generate(&workload, REQUESTS, server->prompt_length, server->output_length,
                                               server->arrival_time));
    int64_t offsets[REQUESTS + 1] = {0}, *ids = malloc(sizeof *ids * REQUESTS * MOST_HASHES);
    assert_non_null(ids);
    for (int index = 0; index < REQUESTS; index++) {
        server->hash_count[index] = caches ? server->prompt_length[index] / BLOCK_SIZE : 0;
        for (int block = 0; block < server->hash_count[index]; block++) {
            /* Every third shares its first ten blocks. */
            const int64_t id = index % 3 == 0 && block < 10 ? block : 1000 * (index + 1) + block;
            server->hash_ids[index][block] = ids[offsets[index] + block] = id;
        }
        offsets[index + 1] = offsets[index] + server->hash_count[index];
    }
    INITIALIZED(batching_requests, requests);
    requests.count = REQUESTS;
    requests.prompt_length = server->prompt_length;
    requests.output_length = server->output_length;
    requests.arrival_time = server->arrival_time;
    requests.hash_ids = caches ? ids : NULL;
    requests.hash_offsets = offsets;
    INITIALIZED(batching_results, results);
    results.capacity = REQUESTS;
    results.first_token_time = server->first_token_time;
    results.end_time = server->end_time;
    assert_succeeds(batching_simulate(&server->config, &requests, &results, NULL));
    free(ids);
    server->event_count = 0;
    for (int index = 0; index < REQUESTS; index++) {
        const struct event events[] = {
            {nanoseconds(server->arrival_time[index]), ARRIVED, index},
            {nanoseconds(server->first_token_time[index]), FIRST_TOKEN, index},
            {nanoseconds(server->end_time[index]),
             failure_period > 0 && index % failure_period == 3 ? FAILED : FINISHED, index},
        };
        for (int event = 0; event < 3; event++) {
            server->events[server->event_count] = events[event];
            server->events[server->event_count++].nanoseconds += 5 * OFFSET;
        }
    }
    qsort(server->events, (size_t)server->event_count, sizeof *server->events, in_order);
}

/* --- What is to be kept of it, the slow way ------------------------------------------------------------------------- */

struct known {
    int64_t id, arrival, first_token, end;
    int32_t prompt_length, output_length;
    bool has_ended, has_failed;
    const int64_t *hash_ids;
    int64_t hash_count;
};

enum { MOST_KNOWN = 4 * REQUESTS };

/* Those that ended first stand first; then those in flight, as they came. */
struct model {
    int64_t window, forgotten_until;
    int count;
    struct known known[MOST_KNOWN];
    /* Of each, how many arrived before it. */
    int64_t rank[MOST_KNOWN], arrived;
};

static void model_move(struct model *model, int from, int to) {
    const struct known moved = model->known[from];
    const int64_t rank = model->rank[from];
    for (int place = from; place > to; place--) {
        model->known[place] = model->known[place - 1];
        model->rank[place] = model->rank[place - 1];
    }
    model->known[to] = moved;
    model->rank[to] = rank;
}

static int model_ended(const struct model *model) {
    int ended = 0;
    while (ended < model->count && model->known[ended].has_ended) {
        ended++;
    }
    return ended;
}

static int model_find(const struct model *model, int64_t id) {
    for (int place = model_ended(model); place < model->count; place++) {
        if (model->known[place].id == id) {
            return place;
        }
    }
    return -1;
}

static void model_arrived(struct model *model, const struct known *request) {
    assert_true(model->count < MOST_KNOWN);
    model->rank[model->count] = model->arrived++;
    model->known[model->count++] = *request;
}

static void model_ends(struct model *model, int64_t id, int64_t now, int32_t output_length) {
    const int place = model_find(model, id), ended = model_ended(model);
    struct known *request = &model->known[place];
    request->has_ended = true;
    request->has_failed = output_length == 0;
    request->end = now;
    if (!request->has_failed) {
        request->output_length = output_length;
        request->first_token = request->first_token < 0 ? now : request->first_token;
    }
    model_move(model, place, ended);
    if (ended + 1 > model->window) {
        if (model->known[0].end > model->forgotten_until) {
            model->forgotten_until = model->known[0].end;
        }
        for (int index = 1; index < model->count; index++) {
            model->known[index - 1] = model->known[index];
            model->rank[index - 1] = model->rank[index];
        }
        model->count--;
    }
}

/* The columns of a log; `hash_ids` are those of MOST_KNOWN requests. */
struct columns {
    int64_t count, hash_count;
    double first_arrival;
    int64_t request[MOST_KNOWN];
    int32_t prompt_length[MOST_KNOWN], output_length[MOST_KNOWN];
    double arrival_time[MOST_KNOWN], abort_time[MOST_KNOWN], first_token_time[MOST_KNOWN], end_time[MOST_KNOWN];
    uint8_t success[MOST_KNOWN];
    int64_t hash_offsets[MOST_KNOWN + 1], hash_ids[MOST_KNOWN * MOST_HASHES];
    int counting, failed;
};

static double seconds(int64_t count) {
    return (double)count / 1e9;
}

static void model_log(const struct model *model, struct columns *log) {
    int order[MOST_KNOWN];
    double sum = 0;
    int finished = 0;
    for (int index = 0; index < model->count; index++) {
        int place = index;
        while (place > 0 && (model->known[order[place - 1]].arrival > model->known[index].arrival ||
                             (model->known[order[place - 1]].arrival == model->known[index].arrival &&
                              model->rank[order[place - 1]] > model->rank[index]))) {
            order[place] = order[place - 1];
            place--;
        }
        order[place] = index;
        if (model->known[index].has_ended && !model->known[index].has_failed) {
            sum += model->known[index].output_length;
            finished++;
        }
    }
    /* In the mode of rounding that all tests have: ties to even. */
    const double mean = finished == 0 ? 1 : fmax(1, nearbyint(sum / finished));
    log->count = model->count;
    log->hash_count = log->counting = log->failed = 0;
    log->hash_offsets[0] = 0;
    const int64_t first = model->count == 0 ? 0 : model->known[order[0]].arrival;
    log->first_arrival = model->count == 0 ? NAN : seconds(first);
    for (int row = 0; row < model->count; row++) {
        const struct known *request = &model->known[order[row]];
        const bool counts = request->has_ended && !request->has_failed && request->arrival >= model->forgotten_until;
        log->request[row] = request->id;
        log->prompt_length[row] = request->prompt_length;
        log->output_length[row] = request->output_length == 0 ? (int32_t)mean : request->output_length;
        log->arrival_time[row] = seconds(request->arrival - first);
        log->abort_time[row] = request->has_failed ? seconds(request->end - first) : NAN;
        log->first_token_time[row] = counts ? seconds(request->first_token - first) : NAN;
        log->end_time[row] = counts ? seconds(request->end - first) : NAN;
        log->success[row] = counts;
        for (int64_t block = 0; block < request->hash_count; block++) {
            log->hash_ids[log->hash_count++] = request->hash_ids[block];
        }
        log->hash_offsets[row + 1] = log->hash_count;
        log->counting += counts;
        log->failed += request->has_failed;
    }
}

static bool same_time(double first, double second) {
    return memcmp(&first, &second, sizeof first) == 0 || (isnan(first) && isnan(second));
}

static batching_live_calibration_log wanted(struct columns *columns) {
    INITIALIZED(batching_live_calibration_log, log);
    log.capacity = MOST_KNOWN;
    log.hash_capacity = (int64_t)MOST_KNOWN * MOST_HASHES;
    log.request = columns->request;
    log.prompt_length = columns->prompt_length;
    log.output_length = columns->output_length;
    log.arrival_time = columns->arrival_time;
    log.abort_time = columns->abort_time;
    log.first_token_time = columns->first_token_time;
    log.end_time = columns->end_time;
    log.success = columns->success;
    log.hash_offsets = columns->hash_offsets;
    log.hash_ids = columns->hash_ids;
    return log;
}

static void assert_log(batching_live_calibration *live, const struct columns *expected) {
    static struct columns told;
    batching_live_calibration_log log = wanted(&told);
    assert_succeeds(batching_live_calibration_log_write(live, &log));
    assert_int_equal(log.count, expected->count);
    assert_int_equal(log.hash_count, expected->hash_count);
    assert_true(same_time(log.first_arrival, expected->first_arrival));
    const size_t count = (size_t)log.count;
    assert_memory_equal(told.request, expected->request, count * sizeof *told.request);
    assert_memory_equal(told.prompt_length, expected->prompt_length, count * sizeof *told.prompt_length);
    assert_memory_equal(told.output_length, expected->output_length, count * sizeof *told.output_length);
    assert_memory_equal(told.success, expected->success, count);
    assert_memory_equal(told.hash_offsets, expected->hash_offsets, (count + 1) * sizeof *told.hash_offsets);
    assert_memory_equal(told.hash_ids, expected->hash_ids, (size_t)log.hash_count * sizeof *told.hash_ids);
    for (size_t row = 0; row < count; row++) {
        assert_double_equal(told.arrival_time[row], expected->arrival_time[row]);
        assert_true(same_time(told.abort_time[row], expected->abort_time[row]));
        assert_true(same_time(told.first_token_time[row], expected->first_token_time[row]));
        assert_true(same_time(told.end_time[row], expected->end_time[row]));
    }
    INITIALIZED(batching_live_calibration_state, state);
    assert_succeeds(batching_live_calibration_observe(live, &state));
    assert_int_equal(state.in_flight + state.finished + state.failed, expected->count);
    assert_int_equal(state.failed, expected->failed);
    assert_int_equal(state.counting, expected->counting);
    assert_int_equal(state.hash_ids, expected->hash_count);
}

/* --- Telling both --------------------------------------------------------------------------------------------------- */

static void tell(batching_live_calibration *live, const struct server *server, int begin, int end) {
    for (int index = begin; index < end; index++) {
        const struct event *event = &server->events[index];
        const int request = event->request;
        const double time = seconds(event->nanoseconds);
        switch (event->what) {
        case ARRIVED:
            assert_succeeds(batching_live_calibration_arrived(live, request, time, server->prompt_length[request],
                                                              request % 2 == 0 ? 40 : 0, server->hash_ids[request],
                                                              server->hash_count[request]));
            break;
        case FIRST_TOKEN:
            assert_succeeds(batching_live_calibration_first_token(live, request, time));
            break;
        case FINISHED:
            assert_succeeds(batching_live_calibration_finished(live, request, time, server->output_length[request]));
            break;
        case FAILED:
            assert_succeeds(batching_live_calibration_failed(live, request, time));
            break;
        }
    }
}

static void model_tell(struct model *model, const struct server *server, int begin, int end) {
    for (int index = begin; index < end; index++) {
        const struct event *event = &server->events[index];
        const int request = event->request;
        if (event->what == ARRIVED) {
            const struct known known = {request,
                                        event->nanoseconds,
                                        -1,
                                        -1,
                                        server->prompt_length[request],
                                        request % 2 == 0 ? 40 : 0,
                                        false,
                                        false,
                                        server->hash_ids[request],
                                        server->hash_count[request]};
            model_arrived(model, &known);
        } else if (event->what == FIRST_TOKEN) {
            model->known[model_find(model, request)].first_token = event->nanoseconds;
        } else {
            model_ends(model, request, event->nanoseconds,
                       event->what == FINISHED ? server->output_length[request] : 0);
        }
    }
}

static batching_live_calibration *live_made(const batching_calibration_config *config, int64_t window) {
    batching_live_calibration *live = NULL;
    assert_succeeds(batching_live_calibration_create(config, window, &live));
    assert_non_null(live);
    return live;
}

/* What a calibration on the log of the model finds. */
static batching_calibration fitted(const batching_calibration_config *config, struct columns *log) {
    INITIALIZED(batching_requests, requests);
    INITIALIZED(batching_recorded, recorded);
    INITIALIZED(batching_calibration, found);
    requests.count = recorded.count = log->count;
    requests.prompt_length = log->prompt_length;
    requests.output_length = recorded.output_length = log->output_length;
    requests.arrival_time = log->arrival_time;
    requests.abort_time = log->failed > 0 ? log->abort_time : NULL;
    if (log->hash_count > 0) {
        requests.hash_ids = log->hash_ids;
        requests.hash_offsets = log->hash_offsets;
    }
    recorded.first_token_time = log->first_token_time;
    recorded.end_time = log->end_time;
    recorded.success = log->success;
    assert_succeeds(batching_iteration_time_calibrate(config, &requests, &recorded, &found));
    return found;
}

static struct server server;
static struct model model;
static struct columns expected;

static void model_reset(int64_t window) {
    model = (struct model){.window = window, .forgotten_until = -1};
}

static batching_calibration_config quick(const batching_engine_config *engine) {
    INITIALIZED(batching_calibration_config, config);
    config.engine = engine;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    config.simulations = 30;
    return config;
}

/* --- What it keeps, and finds --------------------------------------------------------------------------------------- */

/* In flight, failed and forgotten requests, with and without hash ids; to the last bit. */
static void a_fit_is_the_one_to_the_log_made_by_hand(void **state) {
    (void)state;
    for (int caches = 0; caches < 2; caches++) {
        server_run(&server, caches != 0, 7);
        const batching_calibration_config config = quick(&server.config);
        const int64_t windows[] = {60, 500};
        for (int window = 0; window < 2; window++) {
            batching_live_calibration *live = live_made(&config, windows[window]);
            model_reset(windows[window]);
            int told = 0;
            const int stops[] = {0, 1, 200, 450, server.event_count};
            for (int stop = 0; stop < 5; told = stops[stop++]) {
                tell(live, &server, told, stops[stop]);
                model_tell(&model, &server, told, stops[stop]);
                model_log(&model, &expected);
                assert_log(live, &expected);
                if (stop >= 3) {
                    INITIALIZED(batching_calibration, found);
                    assert_succeeds(batching_live_calibration_fit(live, 0, NULL, NULL, &found));
                    const batching_calibration by_hand = fitted(&config, &expected);
                    assert_memory_equal(&found, &by_hand, sizeof found);
                }
            }
            /* There was something of each kind to be told. */
            assert_true(expected.failed > 0 && expected.counting >= 16);
            assert_int_equal(expected.count, windows[window] == 60 ? 60 : REQUESTS);
            assert_true(windows[window] == 500 || expected.counting + expected.failed < 60);
            assert_succeeds(batching_live_calibration_destroy(live));
        }
    }
}

/* The times of the server: of an iteration with 8 or 16 decodes and one with a chunk, within 2%. */
static void it_finds_the_times_of_the_server(void **state) {
    (void)state;
    server_run(&server, false, 0);
    const batching_engine_config engine = limits();
    batching_calibration_config config = quick(&engine);
    config.simulations = 400;
    batching_live_calibration *live = live_made(&config, 300);
    tell(live, &server, 0, 500);
    INITIALIZED(batching_calibration, found);
    assert_succeeds(batching_live_calibration_fit(live, 0, NULL, NULL, &found));
    const double decodes[][4] = {{0, 0, 8, 3200}, {0, 0, 16, 6400}, {400, 1, 8, 3200}};
    for (int row = 0; row < 3; row++) {
        const double *work = decodes[row];
        const double truth = 8e-3 + 4e-5 * work[0] + 6e-5 * work[2] + 2e-7 * work[3];
        const double seconds_found =
            found.time_base + found.time_per_prefill_token * work[0] + found.time_per_decode_token * work[2] +
            found.time_per_context_token * work[3] + found.time_per_prefill_context * work[0] * work[0] +
            (work[1] > 0 ? found.time_per_prefill_iteration : 0) + found.time_per_prefill_chunk * work[1];
        assert_true(fabs(seconds_found / truth - 1) < 0.02);
    }
    assert_succeeds(batching_live_calibration_destroy(live));
}

/* Sixteen are kept. The seventeenth that ends drives out the first, which ended at 2: those that arrived before 2 do not
 * count any more, and what arrived just then does. */
static void those_beside_forgotten_ones_do_not_count(void **state) {
    (void)state;
    batching_live_calibration *live = live_made(NULL, 16);
    INITIALIZED(batching_live_calibration_state, told);
    assert_succeeds(batching_live_calibration_observe(live, &told));
    assert_true(isnan(told.forgotten_until));
    for (int request = 0; request < 17; request++) {
        const double arrival = request < 4 ? 1.0 : request == 4 ? 2.0 : 3.0;
        assert_succeeds(batching_live_calibration_arrived(live, request, arrival, 10, 0, NULL, 0));
    }
    for (int request = 0; request < 16; request++) {
        assert_succeeds(batching_live_calibration_finished(live, request, request == 0 ? 2.0 : 4.0, 3));
    }
    assert_succeeds(batching_live_calibration_observe(live, &told));
    assert_int_equal(told.in_flight, 1);
    assert_int_equal(told.finished, 16);
    assert_int_equal(told.counting, 16);
    assert_true(isnan(told.forgotten_until));
    assert_succeeds(batching_live_calibration_failed(live, 16, 5.0));
    assert_succeeds(batching_live_calibration_observe(live, &told));
    assert_int_equal(told.in_flight, 0);
    assert_int_equal(told.finished, 15);
    assert_int_equal(told.failed, 1);
    assert_int_equal(told.counting, 12);
    assert_double_equal(told.forgotten_until, 2.0);
    INITIALIZED(batching_calibration, found);
    assert_fails(batching_live_calibration_fit(live, 0, NULL, NULL, &found), BATCHING_ERROR_INVALID_ARGUMENT,
                 "counting is 12: must be at least 16");
    assert_succeeds(batching_live_calibration_destroy(live));
}

/* Tokens: 1, 2, 2 have the mean 1.67; 1 and 2 have 1.5, a tie that goes to 2; 2 and 3 have 2.5, which goes to 2. */
static void an_unknown_output_is_the_mean_of_those_that_finished(void **state) {
    (void)state;
    static const struct {
        int count;
        int32_t outputs[3], expected;
    } rows[] = {{0, {0}, 1}, {3, {1, 2, 2}, 2}, {2, {1, 2}, 2}, {2, {2, 3}, 2}, {1, {2147483647}, 2147483647}};
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        batching_live_calibration *live = live_made(NULL, 16);
        for (int index = 0; index < rows[row].count; index++) {
            assert_succeeds(batching_live_calibration_arrived(live, index, 2, 1, 9, NULL, 0));
            assert_succeeds(batching_live_calibration_finished(live, index, 3, rows[row].outputs[index]));
        }
        assert_succeeds(batching_live_calibration_arrived(live, 100, 1.5, 1, 0, NULL, 0));
        assert_succeeds(batching_live_calibration_arrived(live, 101, 1.5, 1, 7, NULL, 0));
        static struct columns told;
        batching_live_calibration_log log = wanted(&told);
        assert_succeeds(batching_live_calibration_log_write(live, &log));
        assert_int_equal(log.count, rows[row].count + 2);
        assert_int_equal(told.request[0], 100);
        assert_int_equal(told.output_length[0], rows[row].expected);
        assert_int_equal(told.output_length[1], 7);
        assert_double_equal(log.first_arrival, 1.5);
        assert_double_equal(told.arrival_time[1], 0);
        assert_succeeds(batching_live_calibration_destroy(live));
    }
}

/* Any events in any order, with ids that are used again, and hash ids whose room is used again. */
static void what_is_kept_is_what_a_slow_model_keeps(void **state) {
    (void)state;
    uint64_t random = 5;
    static int64_t ids[MOST_HASHES];
    for (int index = 0; index < MOST_HASHES; index++) {
        ids[index] = (int64_t)next_random(&random);
    }
    batching_engine_config engine = limits();
    engine.enable_prefix_caching = 1;
    engine.num_gpu_blocks = 1000;
    const batching_calibration_config config = quick(&engine);
    for (int64_t window = 16; window <= 100; window += 28) {
        batching_live_calibration *live = live_made(&config, window);
        model_reset(window);
        for (int step = 0; step < 20000; step++) {
            const int64_t id = random_between(&random, -20, 60) * INT64_C(1000000007);
            const int place = model_find(&model, id);
            if (place < 0) {
                const struct known request = {
                    id,
                    random_between(&random, 0, 2000),
                    -1,
                    -1,
                    (int32_t)random_between(&random, 0, 900),
                    (int32_t)random_between(&random, 0, 3),
                    false,
                    false,
                    ids,
                    random_between(&random, 0, 3) == 0 ? random_between(&random, 0, MOST_HASHES) : 0};
                model_arrived(&model, &request);
                assert_succeeds(batching_live_calibration_arrived(live, id, seconds(request.arrival),
                                                                  request.prompt_length, request.output_length, ids,
                                                                  request.hash_count));
                continue;
            }
            struct known *request = &model.known[place];
            const int64_t last = request->first_token < 0 ? request->arrival : request->first_token;
            const int64_t now = last + random_between(&random, 0, 500);
            const int64_t choice = random_between(&random, 0, 3);
            if (choice < 2) {
                if (request->first_token < 0) {
                    request->first_token = now;
                    assert_succeeds(batching_live_calibration_first_token(live, id, seconds(now)));
                }
            } else if (choice == 2) {
                const int32_t output = (int32_t)random_between(&random, 1, 20);
                model_ends(&model, id, now, output);
                assert_succeeds(batching_live_calibration_finished(live, id, seconds(now), output));
            } else {
                model_ends(&model, id, now, 0);
                assert_succeeds(batching_live_calibration_failed(live, id, seconds(now)));
            }
            if (step % 97 == 0) {
                model_log(&model, &expected);
                assert_log(live, &expected);
                batching_live_calibration *copy = NULL;
                assert_succeeds(batching_live_calibration_fork(live, &copy));
                assert_log(copy, &expected);
                /* The copy goes on, as it is the same. */
                assert_succeeds(batching_live_calibration_destroy(live));
                live = copy;
            }
        }
        assert_succeeds(batching_live_calibration_destroy(live));
    }
}

/* Without a prefix cache hash ids are not kept. */
static void hash_ids_without_a_cache_are_not_kept(void **state) {
    (void)state;
    batching_live_calibration *live = live_made(NULL, 16);
    const int64_t ids[] = {1, 2, 3};
    assert_succeeds(batching_live_calibration_arrived(live, 1, 0, 48, 5, ids, 3));
    INITIALIZED(batching_live_calibration_state, told);
    assert_succeeds(batching_live_calibration_observe(live, &told));
    assert_int_equal(told.hash_ids, 0);
    assert_succeeds(batching_live_calibration_destroy(live));
}

static void a_copy_goes_its_own_way(void **state) {
    (void)state;
    server_run(&server, true, 7);
    const batching_calibration_config config = quick(&server.config);
    batching_live_calibration *live = live_made(&config, 80), *copy = NULL;
    model_reset(80);
    tell(live, &server, 0, 400);
    model_tell(&model, &server, 0, 400);
    model_log(&model, &expected);
    assert_succeeds(batching_live_calibration_fork(live, &copy));
    tell(live, &server, 400, server.event_count);
    assert_log(copy, &expected);
    const batching_calibration by_hand = fitted(&config, &expected);
    model_tell(&model, &server, 400, server.event_count);
    model_log(&model, &expected);
    assert_log(live, &expected);
    assert_succeeds(batching_live_calibration_destroy(live));
    INITIALIZED(batching_calibration, found);
    assert_succeeds(batching_live_calibration_fit(copy, 0, NULL, NULL, &found));
    assert_memory_equal(&found, &by_hand, sizeof found);
    tell(copy, &server, 400, server.event_count);
    assert_log(copy, &expected);
    assert_succeeds(batching_live_calibration_destroy(copy));
}

/* Its engine and its roofline are gone; they were not the defaults. */
static void the_configuration_is_copied(void **state) {
    (void)state;
    server_run(&server, false, 7);
    batching_engine_config engine = limits();
    INITIALIZED(batching_roofline, roofline);
    roofline.per_iteration = 0.02;
    batching_calibration_config config = quick(&engine);
    config.roofline = &roofline;
    config.seed = 9;
    batching_live_calibration *live = live_made(&config, 300);
    model_reset(300);
    tell(live, &server, 0, 400);
    model_tell(&model, &server, 0, 400);
    model_log(&model, &expected);
    const batching_calibration by_hand = fitted(&config, &expected);
    memset(&engine, UNTOUCHED, sizeof engine);
    memset(&roofline, UNTOUCHED, sizeof roofline);
    memset(&config, UNTOUCHED, sizeof config);
    INITIALIZED(batching_calibration, found);
    assert_succeeds(batching_live_calibration_fit(live, 0, NULL, NULL, &found));
    assert_memory_equal(&found, &by_hand, sizeof found);
    assert_succeeds(batching_live_calibration_destroy(live));
}

/* --- Budgets, callbacks and errors ---------------------------------------------------------------------------------- */

struct watch {
    batching_live_calibration *live;
    int64_t calls, enough_at, stop_at, most;
    int32_t answer;
    bool was_busy;
};

static int32_t watch_fit(const batching_calibration_progress *progress, int32_t *is_enough, void *user_data) {
    struct watch *watch = user_data;
    watch->calls++;
    watch->most = progress->most;
    *is_enough = watch->answer != 0 ? watch->answer : watch->calls == watch->enough_at;
    if (watch->live != NULL) {
        INITIALIZED(batching_live_calibration_state, state);
        batching_live_calibration *copy = NULL;
        watch->was_busy =
            batching_live_calibration_observe(watch->live, &state) == BATCHING_ERROR_BUSY &&
            batching_live_calibration_arrived(watch->live, 900, 100, 1, 1, NULL, 0) == BATCHING_ERROR_BUSY &&
            batching_live_calibration_fork(watch->live, &copy) == BATCHING_ERROR_BUSY &&
            batching_live_calibration_destroy(watch->live) == BATCHING_ERROR_BUSY;
    }
    return watch->calls == watch->stop_at ? 3 : 0;
}

static void a_budget_ends_a_fit(void **state) {
    (void)state;
    server_run(&server, false, 7);
    struct watch own = {.enough_at = 5}, other = {.enough_at = 12};
    batching_calibration_config config = quick(&server.config);
    config.callback = watch_fit;
    config.user_data = &own;
    batching_live_calibration *live = live_made(&config, 300);
    tell(live, &server, 0, 300);
    INITIALIZED(batching_calibration, found);

    assert_succeeds(batching_live_calibration_fit(live, 0, NULL, NULL, &found));
    assert_int_equal(found.simulations, 5);
    assert_int_equal(own.most, 30);
    assert_int_equal(found.is_complete, 0);
    other.live = live;
    assert_succeeds(batching_live_calibration_fit(live, 20, watch_fit, &other, &found));
    assert_int_equal(found.simulations, 12);
    assert_int_equal(other.most, 20);
    assert_true(other.was_busy);
    assert_int_equal(own.calls, 5);
    other = (struct watch){.enough_at = -1};
    assert_succeeds(batching_live_calibration_fit(live, 3, watch_fit, &other, &found));
    assert_int_equal(found.simulations, 3);

    const batching_calibration before = found;
    other = (struct watch){.stop_at = 2};
    assert_fails(batching_live_calibration_fit(live, 0, watch_fit, &other, &found), BATCHING_ERROR_CANCELLED,
                 "callback returned 3");
    other = (struct watch){.answer = 2};
    assert_fails(batching_live_calibration_fit(live, 0, watch_fit, &other, &found), BATCHING_ERROR_INVALID_ARGUMENT,
                 "is_enough is 2");
    assert_fails(batching_live_calibration_fit(live, -1, NULL, NULL, &found), BATCHING_ERROR_INVALID_ARGUMENT,
                 "simulations is -1");
    assert_memory_equal(&found, &before, sizeof found);
    assert_succeeds(batching_live_calibration_destroy(live));
}

static void wrong_events_are_refused_and_change_nothing(void **state) {
    (void)state;
    const batching_status invalid = BATCHING_ERROR_INVALID_ARGUMENT;
    batching_engine_config engine = limits();
    engine.enable_prefix_caching = 1;
    engine.num_gpu_blocks = 100;
    const batching_calibration_config config = quick(&engine);
    batching_live_calibration *live = live_made(&config, 16);
    const int64_t ids[] = {1, 2};
    assert_succeeds(batching_live_calibration_arrived(live, 1, 5.0, 10, 3, ids, 2));
    assert_succeeds(batching_live_calibration_arrived(live, 2, 5.0, 10, 3, NULL, 0));
    assert_succeeds(batching_live_calibration_first_token(live, 2, 6.5));
    static struct columns before;
    batching_live_calibration_log log = wanted(&before);
    assert_succeeds(batching_live_calibration_log_write(live, &log));
    before.count = log.count;
    before.hash_count = log.hash_count;
    before.first_arrival = log.first_arrival;
    before.counting = before.failed = 0;

    assert_fails(batching_live_calibration_arrived(live, 1, 6, 10, 3, NULL, 0), invalid,
                 "request is 1: must not be in flight already");
    assert_fails(batching_live_calibration_arrived(live, 3, NAN, 10, 3, NULL, 0), invalid, "time is nan");
    assert_fails(batching_live_calibration_arrived(live, 3, -1, 10, 3, NULL, 0), invalid, "time is -1.0");
    assert_fails(batching_live_calibration_arrived(live, 3, 1e10, 10, 3, NULL, 0), invalid, "time is 1");
    assert_fails(batching_live_calibration_arrived(live, 3, 6, -1, 3, NULL, 0), invalid, "prompt_length is -1");
    assert_fails(batching_live_calibration_arrived(live, 3, 6, 1, -1, NULL, 0), invalid,
                 "expected_output_length is -1");
    assert_fails(batching_live_calibration_arrived(live, 3, 6, 1, 1, ids, -1), invalid, "hash_count is -1");
    assert_fails(batching_live_calibration_arrived(live, 3, 6, 1, 1, NULL, 1), BATCHING_ERROR_NULL_POINTER,
                 "hash_ids is NULL");
    assert_fails(batching_live_calibration_arrived(live, 3, 6, 1, 1, ids, INT64_MAX), BATCHING_ERROR_OUT_OF_MEMORY,
                 "not enough memory");
    assert_fails(batching_live_calibration_arrived(live, 3, 6, 1, 1, ids, INT64_MAX / 16), BATCHING_ERROR_OUT_OF_MEMORY,
                 "not enough memory");
    assert_fails(batching_live_calibration_first_token(live, 7, 6), invalid, "request is 7: must be in flight");
    assert_fails(batching_live_calibration_finished(live, 7, 6, 3), invalid, "request is 7: must be in flight");
    assert_fails(batching_live_calibration_failed(live, 7, 6), invalid, "request is 7: must be in flight");
    assert_fails(batching_live_calibration_first_token(live, 1, 4.5), invalid,
                 "time is 4.5: must not be before the last event of request 1, at 5.0");
    assert_fails(batching_live_calibration_first_token(live, 2, 7), invalid, "must not have a first token already");
    assert_fails(batching_live_calibration_finished(live, 2, 6, 3), invalid, "at 6.5");
    assert_fails(batching_live_calibration_finished(live, 2, 7, 0), invalid, "output_length is 0");
    assert_fails(batching_live_calibration_failed(live, 2, 6), invalid, "at 6.5");
    assert_fails(batching_live_calibration_failed(live, 2, INFINITY), invalid, "time is inf");
    assert_log(live, &before);

    /* An id is free again. */
    assert_succeeds(batching_live_calibration_finished(live, 2, 7, 4));
    assert_fails(batching_live_calibration_finished(live, 2, 7, 4), invalid, "request is 2: must be in flight");
    assert_succeeds(batching_live_calibration_arrived(live, 2, 6, 1, 1, NULL, 0));
    assert_succeeds(batching_live_calibration_destroy(live));
}

static void wrong_arguments_are_refused(void **state) {
    (void)state;
    const batching_status invalid = BATCHING_ERROR_INVALID_ARGUMENT, null = BATCHING_ERROR_NULL_POINTER;
    batching_live_calibration *live = NULL;
    batching_engine_config engine = limits();
    batching_calibration_config config = quick(&engine);
    assert_fails(batching_live_calibration_create(NULL, 15, &live), invalid, "window is 15: must be between 16 and");
    assert_fails(batching_live_calibration_create(NULL, 500001, &live), invalid, "window is 500001");
    assert_fails(batching_live_calibration_create(NULL, INT64_MIN, &live), invalid, "window is");
    assert_fails(batching_live_calibration_create(NULL, 16, NULL), null, "calibration is NULL");
    config.observed_until = 3;
    assert_fails(batching_live_calibration_create(&config, 16, &live), invalid, "observed_until is 3.0: must be 0");
    config.observed_until = 0;
    config.simulations = -1;
    assert_fails(batching_live_calibration_create(&config, 16, &live), invalid, "simulations is -1");
    config.simulations = 0;
    engine.max_num_seqs = -1;
    assert_fails(batching_live_calibration_create(&config, 16, &live), invalid, "max_num_seqs is -1");
    engine.max_num_seqs = 4;
    INITIALIZED(batching_roofline, roofline);
    roofline.per_iteration = NAN;
    config.roofline = &roofline;
    assert_fails(batching_live_calibration_create(&config, 16, &live), invalid, "per_iteration");
    config.roofline = NULL;
    config.struct_size = 8;
    assert_fails(batching_live_calibration_create(&config, 16, &live), BATCHING_ERROR_STRUCT_SIZE, "struct_size is 8");
    assert_null(live);
    /* A search needs no number to begin with. */
    config.struct_size = sizeof config;
    config.search_num_gpu_blocks = 1;
    assert_succeeds(batching_live_calibration_create(&config, 500000, &live));

    INITIALIZED(batching_live_calibration_state, told);
    INITIALIZED(batching_live_calibration_log, log);
    INITIALIZED(batching_calibration, found);
    batching_live_calibration *copy = NULL;
    assert_fails(batching_live_calibration_arrived(NULL, 1, 0, 1, 1, NULL, 0), null, "calibration is NULL");
    assert_fails(batching_live_calibration_first_token(NULL, 1, 0), null, "calibration is NULL");
    assert_fails(batching_live_calibration_finished(NULL, 1, 0, 1), null, "calibration is NULL");
    assert_fails(batching_live_calibration_failed(NULL, 1, 0), null, "calibration is NULL");
    assert_fails(batching_live_calibration_observe(NULL, &told), null, "calibration is NULL");
    assert_fails(batching_live_calibration_observe(live, NULL), null, "state is NULL");
    assert_fails(batching_live_calibration_log_write(NULL, &log), null, "calibration is NULL");
    assert_fails(batching_live_calibration_log_write(live, NULL), null, "log is NULL");
    assert_fails(batching_live_calibration_fork(NULL, &copy), null, "calibration is NULL");
    assert_fails(batching_live_calibration_fork(live, NULL), null, "copy is NULL");
    assert_fails(batching_live_calibration_fit(NULL, 0, NULL, NULL, &found), null, "calibration is NULL");
    assert_fails(batching_live_calibration_fit(live, 0, NULL, NULL, NULL), null, "found is NULL");
    assert_fails(batching_live_calibration_fit(live, 0, NULL, NULL, &found), invalid, "counting is 0");
    log.capacity = -1;
    assert_fails(batching_live_calibration_log_write(live, &log), invalid, "log.capacity is -1");
    log.capacity = 0;
    log.hash_capacity = -1;
    assert_fails(batching_live_calibration_log_write(live, &log), invalid, "log.hash_capacity is -1");
    assert_succeeds(batching_live_calibration_destroy(NULL));
    assert_succeeds(batching_live_calibration_destroy(live));
}

/* How much room there must be is told where there is too little, and where nothing is wanted. */
static void a_log_without_room_is_refused(void **state) {
    (void)state;
    server_run(&server, true, 7);
    const batching_calibration_config config = quick(&server.config);
    batching_live_calibration *live = live_made(&config, 300);
    tell(live, &server, 0, server.event_count);
    int64_t hashes = 0;
    for (int index = 0; index < REQUESTS; index++) {
        hashes += server.hash_count[index];
    }
    static struct columns told, untouched;
    memset(&told, UNTOUCHED, sizeof told);
    untouched = told;
    batching_live_calibration_log log = wanted(&told);
    log.capacity = REQUESTS - 1;
    assert_fails(batching_live_calibration_log_write(live, &log), BATCHING_ERROR_CAPACITY,
                 "log.capacity is 199: must be at least 200");
    assert_int_equal(log.count, REQUESTS);
    assert_int_equal(log.hash_count, hashes);
    log.capacity = REQUESTS;
    log.hash_capacity = hashes - 1;
    log.count = log.hash_count = 0;
    assert_fails(batching_live_calibration_log_write(live, &log), BATCHING_ERROR_CAPACITY, "log.hash_capacity is");
    assert_int_equal(log.count, REQUESTS);
    assert_int_equal(log.hash_count, hashes);
    assert_memory_equal(&told, &untouched, sizeof told);
    log.hash_capacity = hashes;
    assert_succeeds(batching_live_calibration_log_write(live, &log));
    INITIALIZED(batching_live_calibration_log, nothing);
    assert_succeeds(batching_live_calibration_log_write(live, &nothing));
    assert_int_equal(nothing.count, REQUESTS);
    assert_int_equal(nothing.hash_count, hashes);
    assert_double_equal(nothing.first_arrival, seconds(server.events[0].nanoseconds));
    assert_succeeds(batching_live_calibration_destroy(live));
}

/* Twice as many events as there may be requests; memory that does not grow once all rows were used is seen by others. */
static void no_more_are_in_flight_than_there_may_be(void **state) {
    (void)state;
    batching_live_calibration *live = live_made(NULL, 16);
    for (int64_t request = 0; request < 500000; request++) {
        assert_succeeds(batching_live_calibration_arrived(live, request, 1, 1, 1, NULL, 0));
    }
    assert_fails(batching_live_calibration_arrived(live, 500000, 1, 1, 1, NULL, 0), BATCHING_ERROR_CAPACITY,
                 "request is 500000: 500000 are in flight already");
    assert_succeeds(batching_live_calibration_failed(live, 77, 1));
    assert_succeeds(batching_live_calibration_arrived(live, 500000, 1, 1, 1, NULL, 0));
    assert_succeeds(batching_live_calibration_destroy(live));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_is_the_one_to_the_log_made_by_hand),
        cmocka_unit_test(it_finds_the_times_of_the_server),
        cmocka_unit_test(those_beside_forgotten_ones_do_not_count),
        cmocka_unit_test(an_unknown_output_is_the_mean_of_those_that_finished),
        cmocka_unit_test(what_is_kept_is_what_a_slow_model_keeps),
        cmocka_unit_test(hash_ids_without_a_cache_are_not_kept),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(the_configuration_is_copied),
        cmocka_unit_test(a_budget_ends_a_fit),
        cmocka_unit_test(wrong_events_are_refused_and_change_nothing),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(a_log_without_room_is_refused),
        cmocka_unit_test(no_more_are_in_flight_than_there_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
