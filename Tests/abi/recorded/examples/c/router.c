/*
 * A router that asks a twin of each of its replicas before it sends a request.
 *
 *     cc router.c -o router $(pkg-config --cflags --libs batching)
 *
 * Both replicas run two requests at a time, a token in 0.25 s. The first has two requests of 8 and 12 tokens from the
 * start, the second one of 4. Then a request of 4 tokens arrives every 0.5 s, from 0.1 s on.
 *
 * router.expected: at 0.1 s the iteration to 0.25 s is under way. On the first replica a slot is free at 2.0 s, and the
 * request would end at 3.0 s; on the second it joins at 0.25 s, and ends at 1.25 s. At 0.6 s both slots of the second
 * are taken until 1.0 s: the end would be 2.0 s, sooner than on the first. At 1.1 s the slot of the request of 0.1 s is
 * free at 1.25 s, but the one that came at 0.6 s has the other: the end is 2.25 s. At 1.6 s one is free at 2.0 s on
 * either replica, and both say 3.0 s: the first is taken. At 2.1 s the one of 1.6 s runs there, beside that of 12
 * tokens, and a slot is free at 3.0 s; on the second at 2.25 s, and the end is 3.25 s.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <batching.h>

enum { REPLICAS = 2, REQUESTS = 5 };

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

static batching_live_engine *new_replica(void) {
    batching_engine_config config;
    check(batching_engine_config_init(&config, sizeof config));
    config.max_num_seqs = 2;
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 0.25;
    batching_live_engine *engine;
    check(batching_live_engine_create(&config, &engine));
    return engine;
}

/* Requests of the same prompt that arrive now. */
static batching_requests requests_of(int64_t count, const int32_t *output_length) {
    batching_requests requests;
    check(batching_requests_init(&requests, sizeof requests));
    requests.count = count;
    requests.output_length = output_length;
    return requests;
}

static double estimated_end(batching_live_engine *engine, const batching_requests *request) {
    double end_time;
    batching_results results;
    check(batching_results_init(&results, sizeof results));
    results.capacity = 1;
    results.end_time = &end_time;
    check(batching_live_engine_estimate(engine, request, &results));
    return end_time;
}

/* What has finished since the last look. */
static void report(batching_live_engine *engine, int replica) {
    double time[16];
    int64_t request[16];
    int32_t event[16];
    batching_live_engine_events events;
    check(batching_live_engine_events_init(&events, sizeof events));
    events.capacity = 16;
    events.time = time;
    events.request = request;
    events.event = event;
    do {
        check(batching_live_engine_poll(engine, &events));
        for (int64_t row = 0; row < events.count; row++) {
            if (event[row] == BATCHING_EVENT_FINISHED && request[row] < REQUESTS) {
                printf("replica %d: request %d finished at %.2f s\n", replica, (int)request[row], time[row]);
            }
        }
    } while (events.remaining > 0);
}

int main(void) {
    batching_live_engine *replicas[REPLICAS] = {new_replica(), new_replica()};
    const int32_t busy[3] = {8, 12, 4};
    const int64_t names[3] = {100, 101, 102};
    const batching_requests two = requests_of(2, busy), one = requests_of(1, busy + 2);
    check(batching_live_engine_submit(replicas[0], &two, names));
    check(batching_live_engine_submit(replicas[1], &one, names + 2));

    const int32_t output_length = 4;
    const batching_requests request = requests_of(1, &output_length);
    for (int64_t id = 0; id < REQUESTS; id++) {
        const double now = 0.1 + 0.5 * (double)id;
        double ends[REPLICAS];
        for (int replica = 0; replica < REPLICAS; replica++) {
            check(batching_live_engine_advance(replicas[replica], now, 0));
            ends[replica] = estimated_end(replicas[replica], &request);
        }
        const int best = ends[1] < ends[0] ? 1 : 0;
        printf("%.1f s: request %d would end at %.2f or %.2f s: to replica %d\n", now, (int)id, ends[0], ends[1], best);
        check(batching_live_engine_submit(replicas[best], &request, &id));
    }
    for (int replica = 0; replica < REPLICAS; replica++) {
        check(batching_live_engine_advance(replicas[replica], INFINITY, 0));
        report(replicas[replica], replica);
        check(batching_live_engine_destroy(replicas[replica]));
    }
    return EXIT_SUCCESS;
}
