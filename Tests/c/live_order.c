/*
 * Requests come to a live engine in any order, and some leave before they arrive: what happens is what happens in an
 * engine to which they come one by one, and in one that is never told of those that leave. How many are to
 * come is counted here, one by one.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "engine_support.h"
#include "random.h"

enum { STEPS = 600, MOST_AT_ONCE = 12, REQUESTS = STEPS * MOST_AT_ONCE };

/* What is known of each request, by its id. */
struct host {
    uint64_t random;
    double clock;
    int64_t submitted;
    double arrival_time[REQUESTS];
    bool is_to_come[REQUESTS];
};

/* The engine that is told as its host says, the one that is told one by one, and the one that is told only of those
 * that arrive. */
struct engines {
    batching_live_engine *told, *one_by_one, *undisturbed;
};

static int64_t to_come(const struct host *host) {
    int64_t count = 0;
    for (int64_t id = 0; id < host->submitted; id++) {
        count += host->is_to_come[id] && host->arrival_time[id] > host->clock;
    }
    return count;
}

/* Some requests, of which a quarter leaves again at once, unless it has arrived: ties are common. */
static void submit(struct host *host, struct engines engines) {
    const int64_t count = random_between(&host->random, 1, MOST_AT_ONCE);
    for (int64_t index = 0; index < count; index++) {
        const int64_t id = host->submitted + index;
        host->arrival_time[id] = host->clock + 0.25 * (double)random_between(&host->random, 0, 40);
        host->is_to_come[id] = host->arrival_time[id] > host->clock && random_between(&host->random, 0, 3) > 0;
    }
    INITIALIZED(batching_requests, requests);
    int64_t ids[MOST_AT_ONCE], stays[MOST_AT_ONCE];
    int32_t prompts[MOST_AT_ONCE], outputs[MOST_AT_ONCE];
    for (int64_t index = 0; index < count; index++) {
        ids[index] = host->submitted + index;
        prompts[index] = (int32_t)random_between(&host->random, 1, 110);
        outputs[index] = (int32_t)random_between(&host->random, 1, 9);
        stays[index] = host->is_to_come[ids[index]] || host->arrival_time[ids[index]] == host->clock;
    }
    requests.count = count;
    requests.prompt_length = prompts;
    requests.output_length = outputs;
    requests.priority = outputs;
    requests.arrival_time = host->arrival_time + host->submitted;
    assert_succeeds(batching_live_engine_submit(engines.told, &requests, ids));
    requests.count = 1;
    for (int64_t index = 0; index < count; index++) {
        requests.prompt_length = prompts + index;
        requests.output_length = requests.priority = outputs + index;
        requests.arrival_time = host->arrival_time + ids[index];
        assert_succeeds(batching_live_engine_submit(engines.one_by_one, &requests, ids + index));
        if (stays[index]) {
            assert_succeeds(batching_live_engine_submit(engines.undisturbed, &requests, ids + index));
        }
    }
    host->submitted += count;
    for (int64_t index = 0; index < count; index++) {
        if (!stays[index]) {
            assert_succeeds(batching_live_engine_abort(engines.told, ids[index]));
            assert_succeeds(batching_live_engine_abort(engines.one_by_one, ids[index]));
        }
    }
}

/* What happened, but for aborts: at most so many rows. */
static int64_t poll(batching_live_engine *engine, double *time, int64_t *request, int32_t *event, int64_t capacity) {
    INITIALIZED(batching_live_engine_events, events);
    events.capacity = capacity;
    events.time = time;
    events.request = request;
    events.event = event;
    assert_succeeds(batching_live_engine_poll(engine, &events));
    assert_int_equal(events.remaining, 0);
    int64_t kept = 0;
    for (int64_t row = 0; row < events.count; row++) {
        if (event[row] != BATCHING_EVENT_ABORTED) {
            time[kept] = time[row];
            request[kept] = request[row];
            event[kept++] = event[row];
        }
    }
    return kept;
}

enum { MOST_EVENTS = 4 * REQUESTS };

/* Takes what both have to tell, or what one has. */
static void assert_tell_the_same(batching_live_engine *one, batching_live_engine *other) {
    static double times[2][MOST_EVENTS];
    static int64_t requests[2][MOST_EVENTS];
    static int32_t events[2][MOST_EVENTS];
    const int64_t count = poll(one, times[0], requests[0], events[0], MOST_EVENTS);
    if (other == NULL) {
        return;
    }
    assert_int_equal(poll(other, times[1], requests[1], events[1], MOST_EVENTS), count);
    assert_memory_equal(times[0], times[1], (size_t)count * sizeof(double));
    assert_memory_equal(requests[0], requests[1], (size_t)count * sizeof(int64_t));
    assert_memory_equal(events[0], events[1], (size_t)count * sizeof(int32_t));
}

static void assert_same_bytes(batching_live_engine *one, batching_live_engine *other) {
    int64_t size[2] = {0, 0};
    assert_succeeds(batching_live_engine_save(one, NULL, 0, &size[0]));
    assert_succeeds(batching_live_engine_save(other, NULL, 0, &size[1]));
    assert_int_equal(size[0], size[1]);
    uint8_t *bytes[2] = {malloc((size_t)size[0]), malloc((size_t)size[1])};
    assert_succeeds(batching_live_engine_save(one, bytes[0], size[0], NULL));
    assert_succeeds(batching_live_engine_save(other, bytes[1], size[1], NULL));
    assert_memory_equal(bytes[0], bytes[1], (size_t)size[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static batching_live_engine_state state_of(batching_live_engine *engine) {
    INITIALIZED(batching_live_engine_state, state);
    assert_succeeds(batching_live_engine_observe(engine, &state));
    return state;
}

static void advance(struct host *host, struct engines engines, double time) {
    assert_succeeds(batching_live_engine_advance(engines.told, time, 0));
    assert_succeeds(batching_live_engine_advance(engines.one_by_one, time, 0));
    assert_succeeds(batching_live_engine_advance(engines.undisturbed, time, 0));
    host->clock = time;
    assert_same_bytes(engines.told, engines.one_by_one);
    assert_tell_the_same(engines.told, engines.undisturbed);
    assert_tell_the_same(engines.one_by_one, NULL);
}

static void run(const batching_engine_config *config, uint64_t seed) {
    struct host *host = calloc(1, sizeof *host);
    assert_non_null(host);
    host->random = seed;
    struct engines engines;
    assert_succeeds(batching_live_engine_create(config, &engines.told));
    assert_succeeds(batching_live_engine_create(config, &engines.one_by_one));
    assert_succeeds(batching_live_engine_create(config, &engines.undisturbed));
    for (int step = 0; step < STEPS; step++) {
        if (random_between(&host->random, 0, 2) > 0) {
            submit(host, engines);
        } else {
            advance(host, engines, host->clock + 0.125 * (double)random_between(&host->random, 0, 48));
        }
        assert_int_equal(state_of(engines.told).pending, to_come(host));
        assert_int_equal(state_of(engines.undisturbed).pending, to_come(host));
    }
    advance(host, engines, 1e6);
    assert_int_equal(state_of(engines.told).pending, 0);
    assert_int_equal(state_of(engines.told).waiting + state_of(engines.told).running, 0);
    assert_succeeds(batching_live_engine_destroy(engines.told));
    assert_succeeds(batching_live_engine_destroy(engines.one_by_one));
    assert_succeeds(batching_live_engine_destroy(engines.undisturbed));
    free(host);
}

/* At 0.25 seconds an iteration queues come and go; at 0.9 they grow. Those of more than 100 prompt tokens are rejected
 * as they arrive. */
static void in_any_order(void **state) {
    (void)state;
    INITIALIZED(batching_engine_config, config);
    config.max_num_seqs = 8;
    config.num_gpu_blocks = 40;
    config.max_model_len = 100;
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = 0.25;
    run(&config, 1);
    config.async_scheduling = 1;
    run(&config, 2);
    config.time_base = 0.9;
    config.queue_order = BATCHING_QUEUE_PRIORITY;
    run(&config, 3);
    config.async_scheduling = 0;
    config.policy = BATCHING_POLICY_DYNAMIC;
    config.max_queue_delay = 2;
    run(&config, 4);
    config.policy = BATCHING_POLICY_CONTINUOUS;
    config.queue_order = BATCHING_QUEUE_ARRIVAL;
    run(&config, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_any_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
