/*
 * A closed loop: what is sent depends on what was answered.
 *
 *     cc closed_loop.c -o closed_loop $(pkg-config --cflags --libs batching)
 *
 * Two conversations and a single request, at most two requests in flight. An iteration takes 0.25 s, and gives every
 * running request a token. First batching_simulate plays the clients. Then the host of a live engine does, by the same
 * rules; what happens is the same.
 *
 * closed_loop.expected: the first turns of both conversations arrive at 0 s and are sent. The single request arrives at
 * 0.1 s, when two are in flight, and waits. The turn of 4 tokens ends at 1 s, and the single request is sent. The turn
 * of 8 tokens ends at 2 s; the next turn of that conversation arrives 0.5 s later. The single request, of 2 tokens, has
 * ended at 1.5 s, before the other conversation goes on at 1 + 2 = 3 s. The second turns, of 4 tokens each, are sent as
 * they arrive, at 2.5 s and 3 s, and join the iterations that begin then.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <batching.h>

enum { REQUESTS = 5, MAX_CONCURRENCY = 2, NONE = -1 };

static const int32_t output_length[REQUESTS] = {4, 8, 2, 4, 4};
static const double arrival_time[REQUESTS] = {0.0, 0.0, 0.1, 0.0, 0.0};
static const int64_t session[REQUESTS] = {7, 8, 9, 7, 8};
static const double delay[REQUESTS] = {0.0, 0.0, 0.0, 2.0, 0.5};

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

static batching_engine_config quarter_second(void) {
    batching_engine_config config;
    check(batching_engine_config_init(&config, sizeof config));
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 0.25;
    return config;
}

static void simulate(double *sent_time, double *end_time) {
    const batching_engine_config config = quarter_second();
    batching_client client;
    check(batching_client_init(&client, sizeof client));
    client.max_concurrency = MAX_CONCURRENCY;
    batching_requests requests;
    check(batching_requests_init(&requests, sizeof requests));
    requests.count = REQUESTS;
    requests.output_length = output_length;
    requests.arrival_time = arrival_time;
    requests.session = session;
    requests.delay = delay;
    requests.client = &client;
    batching_results results;
    check(batching_results_init(&results, sizeof results));
    results.capacity = REQUESTS;
    results.sent_time = sent_time;
    results.end_time = end_time;
    check(batching_simulate(&config, &requests, &results, NULL));
}

/* The turn after a request in its session, or NONE. */
static int next_turn(int request) {
    for (int other = request + 1; other < REQUESTS; other++) {
        if (session[other] == session[request]) {
            return other;
        }
    }
    return NONE;
}

/* Which request arrives first of those that have not been sent, or NONE: in the given order at equal times. */
static int first_to_arrive(const double *arrives, const double *sent_time) {
    int first = NONE;
    for (int request = 0; request < REQUESTS; request++) {
        if (isnan(sent_time[request]) && !isnan(arrives[request]) &&
            (first == NONE || arrives[request] < arrives[first])) {
            first = request;
        }
    }
    return first;
}

static void host(double *sent_time, double *end_time) {
    const batching_engine_config config = quarter_second();
    batching_live_engine *engine;
    check(batching_live_engine_create(&config, &engine));
    /* When each arrives at its client; NaN: a turn that waits for the one before. */
    double arrives[REQUESTS];
    for (int request = 0; request < REQUESTS; request++) {
        arrives[request] = request < 3 ? arrival_time[request] : NAN;
        sent_time[request] = end_time[request] = NAN;
    }
    int in_flight = 0, ended = 0;
    double clock = 0.0;
    while (ended < REQUESTS) {
        int next = first_to_arrive(arrives, sent_time);
        while (next != NONE && arrives[next] <= clock && in_flight < MAX_CONCURRENCY) {
            /* It is sent now, or, within an iteration, was sent when it arrived. */
            const int64_t id = next;
            batching_requests request;
            check(batching_requests_init(&request, sizeof request));
            request.count = 1;
            request.output_length = &output_length[next];
            request.arrival_time = &clock;
            check(batching_live_engine_submit(engine, &request, &id));
            sent_time[next] = clock;
            in_flight++;
            next = first_to_arrive(arrives, sent_time);
        }
        /* To the next arrival, but no further than the end of the next iteration. */
        const int can_send = next != NONE && in_flight < MAX_CONCURRENCY;
        check(batching_live_engine_advance(engine, can_send ? arrives[next] : BATCHING_TIME_MAX, 1));
        batching_live_engine_state state;
        check(batching_live_engine_state_init(&state, sizeof state));
        check(batching_live_engine_observe(engine, &state));
        clock = state.clock;
        double time[8];
        int64_t request[8];
        int32_t event[8];
        batching_live_engine_events events;
        check(batching_live_engine_events_init(&events, sizeof events));
        events.capacity = 8;
        events.time = time;
        events.request = request;
        events.event = event;
        do {
            check(batching_live_engine_poll(engine, &events));
            for (int64_t row = 0; row < events.count; row++) {
                if (event[row] != BATCHING_EVENT_FINISHED) {
                    continue;
                }
                end_time[request[row]] = time[row];
                in_flight--;
                ended++;
                const int turn = next_turn((int)request[row]);
                if (turn != NONE) {
                    arrives[turn] = time[row] + delay[turn];
                }
            }
        } while (events.remaining > 0);
    }
    check(batching_live_engine_destroy(engine));
}

int main(void) {
    double sent_time[2][REQUESTS], end_time[2][REQUESTS];
    simulate(sent_time[0], end_time[0]);
    host(sent_time[1], end_time[1]);
    puts("request  session     simulated         by a host");
    puts("                   sent     end      sent     end");
    for (int request = 0; request < REQUESTS; request++) {
        printf("%7d  %7d  %.2f s  %.2f s  %.2f s  %.2f s\n", request, (int)session[request], sent_time[0][request],
               end_time[0][request], sent_time[1][request], end_time[1][request]);
    }
    return EXIT_SUCCESS;
}
