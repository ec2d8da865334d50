/*
 * A twin that calibrates itself: it estimates what becomes of each request, and learns from the answers how long the
 * iterations of its server take.
 *
 *     cc live_calibration.c -o live_calibration $(pkg-config --cflags --libs batching) -lm
 *
 * In place of a server there is a live engine whose times the twin does not know: it begins with iterations of 20 ms. A
 * live calibration is told of each request as it arrives, has its first token and ends. After every hundred requests the
 * times are fitted to the newest 150 answers, in at most 100 simulations, and a new twin goes on with them.
 *
 * live_calibration.expected: an iteration with 8 sequences of 400 tokens takes the server 8 + 8 x 0.06 + 3200 x 0.0002 =
 * 9.12 ms. The first twin is too slow for the requests that come: its queue grows, and its estimates are off by three
 * times the TTFT. The later ones have the times of the server. They are still off by where in an iteration the server is
 * as a request arrives: a new twin begins with the requests in flight alone.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <batching.h>

enum { REQUESTS = 400, EVERY = 100, ROWS = 64, KEPT = 150, SIMULATIONS = 100 };

static int32_t prompt_length[REQUESTS], output_length[REQUESTS];
static double arrival_time[REQUESTS], first_token_time[REQUESTS], estimated[REQUESTS];
static int is_at_server[REQUESTS], is_in_twin[REQUESTS];

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

/* What is known of the server: its limits. */
static batching_engine_config limits(void) {
    batching_engine_config config;
    check(batching_engine_config_init(&config, sizeof config));
    config.max_num_seqs = 8;
    config.max_num_batched_tokens = 512;
    config.time_model = BATCHING_TIME_AFFINE;
    return config;
}

static batching_live_engine *engine_with(const batching_engine_config *config) {
    batching_live_engine *engine = NULL;
    check(batching_live_engine_create(config, &engine));
    return engine;
}

/* One request, as the library takes it. */
static batching_requests one(int64_t id) {
    batching_requests requests;
    check(batching_requests_init(&requests, sizeof requests));
    requests.count = 1;
    requests.prompt_length = &prompt_length[id];
    requests.output_length = &output_length[id];
    requests.arrival_time = &arrival_time[id];
    return requests;
}

static void submit(batching_live_engine *engine, int64_t id) {
    const batching_requests requests = one(id);
    check(batching_live_engine_submit(engine, &requests, &id));
}

/* Moves the server on. What it brings is told to the calibration; the twin does not go on with what has ended. */
static void hear(batching_live_engine *server, batching_live_engine *twin, batching_live_calibration *live,
                 double now) {
    double time[ROWS];
    int64_t request[ROWS];
    int32_t event[ROWS];
    batching_live_engine_events events;
    check(batching_live_engine_events_init(&events, sizeof events));
    events.capacity = ROWS;
    events.time = time;
    events.request = request;
    events.event = event;
    check(batching_live_engine_advance(twin, now, 0));
    do {
        check(batching_live_engine_poll(twin, &events));
        for (int64_t row = 0; row < events.count; row++) {
            if (event[row] == BATCHING_EVENT_FINISHED) {
                is_in_twin[request[row]] = 0;
            }
        }
    } while (events.remaining > 0);
    check(batching_live_engine_advance(server, now, 0));
    do {
        check(batching_live_engine_poll(server, &events));
        for (int64_t row = 0; row < events.count; row++) {
            const int64_t id = request[row];
            if (event[row] == BATCHING_EVENT_FIRST_TOKEN) {
                check(batching_live_calibration_first_token(live, id, time[row]));
                first_token_time[id] = time[row];
            } else if (event[row] == BATCHING_EVENT_FINISHED) {
                check(batching_live_calibration_finished(live, id, time[row], output_length[id]));
                is_at_server[id] = 0;
                if (is_in_twin[id]) {
                    check(batching_live_engine_abort(twin, id));
                    is_in_twin[id] = 0;
                }
            }
        }
    } while (events.remaining > 0);
}

/* The times that fit to what the calibration has heard. It is a copy that is fitted, as a thread would. */
static batching_engine_config fitted(batching_live_calibration *live) {
    batching_live_calibration *copy = NULL;
    batching_calibration found;
    check(batching_calibration_init(&found, sizeof found));
    check(batching_live_calibration_fork(live, &copy));
    check(batching_live_calibration_fit(copy, SIMULATIONS, NULL, NULL, &found));
    check(batching_live_calibration_destroy(copy));
    batching_engine_config config = limits();
    config.time_base = found.time_base;
    config.time_per_prefill_token = found.time_per_prefill_token;
    config.time_per_decode_token = found.time_per_decode_token;
    config.time_per_context_token = found.time_per_context_token;
    config.time_per_prefill_context = found.time_per_prefill_context;
    config.time_per_prefill_iteration = found.time_per_prefill_iteration;
    config.time_per_prefill_chunk = found.time_per_prefill_chunk;
    config.time_startup = found.time_startup;
    return config;
}

/* A new twin, to which comes all that the server has. */
static batching_live_engine *replaced(batching_live_engine *twin, const batching_engine_config *config) {
    check(batching_live_engine_destroy(twin));
    twin = engine_with(config);
    for (int64_t id = 0; id < REQUESTS; id++) {
        is_in_twin[id] = is_at_server[id];
        if (is_at_server[id]) {
            submit(twin, id);
        }
    }
    return twin;
}

/* Milliseconds that an iteration takes in which 8 sequences of 400 tokens decode. */
static double iteration_time(const batching_engine_config *config) {
    const int64_t decode_tokens = 8, context_tokens = 3200;
    double seconds = 0;
    batching_iterations iterations;
    check(batching_iterations_init(&iterations, sizeof iterations));
    iterations.count = 1;
    iterations.decode_tokens = &decode_tokens;
    iterations.context_tokens = &context_tokens;
    check(batching_iteration_times_calculate(config, &iterations, &seconds));
    return 1e3 * seconds;
}

int main(void) {
    batching_workload workload;
    check(batching_workload_init(&workload, sizeof workload));
    workload.prompt_length_min = 50;
    workload.prompt_length_max = 600;
    workload.output_length_min = 20;
    workload.output_length_max = 200;
    workload.arrival_rate = 5;
    check(batching_workload_generate(&workload, REQUESTS, prompt_length, output_length, arrival_time));

    const batching_engine_config known = limits();
    batching_engine_config truth = limits(), guess = limits();
    truth.time_base = 8e-3;
    truth.time_per_prefill_token = 4e-5;
    truth.time_per_decode_token = 6e-5;
    truth.time_per_context_token = 2e-7;
    guess.time_base = 20e-3;
    batching_live_engine *server = engine_with(&truth), *twin = engine_with(&guess);

    batching_live_calibration *live = NULL;
    batching_calibration_config config;
    check(batching_calibration_config_init(&config, sizeof config));
    config.engine = &known;
    config.scheduling = BATCHING_SCHEDULING_GIVEN;
    check(batching_live_calibration_create(&config, KEPT, &live));

    double iteration_times[REQUESTS / EVERY];
    for (int64_t id = 0; id < REQUESTS; id++) {
        if (id % EVERY == 0) {
            if (id > 0) {
                guess = fitted(live);
                twin = replaced(twin, &guess);
            }
            iteration_times[id / EVERY] = iteration_time(&guess);
        }
        hear(server, twin, live, arrival_time[id]);
        const batching_requests asked = one(id);
        batching_results results;
        check(batching_results_init(&results, sizeof results));
        results.capacity = 1;
        results.first_token_time = &estimated[id];
        check(batching_live_engine_estimate(twin, &asked, &results));
        submit(server, id);
        submit(twin, id);
        is_at_server[id] = is_in_twin[id] = 1;
        /* The expected length as the client's max_tokens. */
        check(batching_live_calibration_arrived(live, id, arrival_time[id], prompt_length[id], output_length[id], NULL,
                                                0));
    }
    hear(server, twin, live, arrival_time[REQUESTS - 1] + 60);

    printf("requests    iteration of the twin    its estimates of TTFT are off by\n");
    for (int64_t first = 0; first < REQUESTS; first += EVERY) {
        double error = 0, latency = 0;
        for (int64_t id = first; id < first + EVERY; id++) {
            error += fabs(estimated[id] - first_token_time[id]);
            latency += first_token_time[id] - arrival_time[id];
        }
        printf("%3d to %3d  %18.1f ms    %28.0f %%\n", (int)first, (int)first + EVERY - 1,
               iteration_times[first / EVERY], 100 * error / latency);
    }
    printf("the server  %18.1f ms\n", iteration_time(&truth));

    check(batching_live_calibration_destroy(live));
    check(batching_live_engine_destroy(server));
    check(batching_live_engine_destroy(twin));
    return EXIT_SUCCESS;
}
