/*
 * Live fleets: what two replicas tell of three requests, by hand; that slices give what a run gives, copies what goes on, and
 * estimates what would be; and the sentences of errors.
 */
#include <math.h>
#include <stdlib.h>

#include "random.h"
#include "support.h"

enum { COUNT = 60, ROWS = 600, REPLICAS = 3 };

/* One slot; an iteration takes 0.25 s, and a prompt with its first token one of them. */
static batching_engine_config one_slot(void) {
    INITIALIZED(batching_engine_config, engine);
    engine.max_num_seqs = 1;
    engine.time_model = BATCHING_TIME_CONSTANT;
    engine.time_base = 0.25;
    return engine;
}

static batching_fleet *fleet_of(const batching_engine_config *engine, int64_t replicas, int32_t rule) {
    INITIALIZED(batching_router_config, router);
    router.router = rule;
    router.no_kv_events = 1;
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    config.engine = &engine;
    config.replicas = &replicas;
    config.router = &router;
    batching_fleet *fleet = NULL;
    assert_succeeds(batching_fleet_create(&config, &fleet));
    return fleet;
}

/* What it tells, as columns. */
struct told {
    double time[ROWS], arrival_time[ROWS], sent_time[ROWS], start_time[ROWS], first_token_time[ROWS], end_time[ROWS],
        routed_time[ROWS];
    int64_t request[ROWS];
    int32_t event[ROWS], tokens[ROWS], replica[ROWS], generated[ROWS], status[ROWS], where[ROWS], attempts[ROWS];
    batching_results results;
    batching_fleet_results fleet_results;
    batching_fleet_events events;
};

static void told_init(struct told *told) {
    memset(told, UNTOUCHED, sizeof *told);
    assert_succeeds(batching_results_init(&told->results, sizeof told->results));
    assert_succeeds(batching_fleet_results_init(&told->fleet_results, sizeof told->fleet_results));
    assert_succeeds(batching_fleet_events_init(&told->events, sizeof told->events));
    told->results.capacity = told->fleet_results.capacity = told->events.capacity = ROWS;
    told->results.arrival_time = told->arrival_time;
    told->results.sent_time = told->sent_time;
    told->results.start_time = told->start_time;
    told->results.first_token_time = told->first_token_time;
    told->results.end_time = told->end_time;
    told->results.tokens_generated = told->generated;
    told->results.status = told->status;
    told->fleet_results.replica = told->where;
    told->fleet_results.routed_time = told->routed_time;
    told->fleet_results.attempts = told->attempts;
    told->events.time = told->time;
    told->events.request = told->request;
    told->events.event = told->event;
    told->events.tokens = told->tokens;
    told->events.replica = told->replica;
    told->events.results = &told->results;
    told->events.fleet_results = &told->fleet_results;
}

/* Request 7 goes to replica 0, and -8 to replica 1; 9 to the first of equals, where it waits. */
static batching_fleet *lesson(void) {
    static const int32_t prompt[] = {10, 10, 10}, output[] = {3, 2, 1};
    static const double arrival[] = {1.0, 1.0, 1.1};
    static const int64_t ids[] = {7, -8, 9};
    const batching_engine_config engine = one_slot();
    batching_fleet *fleet = fleet_of(&engine, 2, BATCHING_ROUTER_LEAST_REQUESTS);
    INITIALIZED(batching_requests, requests);
    requests.count = 3;
    requests.prompt_length = prompt;
    requests.output_length = output;
    requests.arrival_time = arrival;
    assert_succeeds(batching_fleet_submit(fleet, &requests, ids));
    return fleet;
}

struct row {
    double time;
    int64_t request;
    int32_t event, tokens, replica;
};

static void assert_rows(const struct told *told, const struct row *rows, int64_t count) {
    assert_int_equal(told->events.count, count);
    assert_int_equal(told->events.remaining, 0);
    for (int64_t i = 0; i < count; i++) {
        assert_double_equal(told->time[i], rows[i].time);
        assert_int_equal(told->request[i], rows[i].request);
        assert_int_equal(told->event[i], rows[i].event);
        assert_int_equal(told->tokens[i], rows[i].tokens);
        assert_int_equal(told->replica[i], rows[i].replica);
    }
}

static void three_requests_by_hand(void **state) {
    (void)state;
    batching_fleet *fleet = lesson();
    struct told *told = malloc(sizeof *told);
    told_init(told);
    assert_succeeds(batching_fleet_advance(fleet, 1.3));
    assert_succeeds(batching_fleet_poll(fleet, &told->events));
    static const struct row first[] = {
        {1.0, 7, BATCHING_EVENT_ROUTED, 0, 0},       {1.0, 7, BATCHING_EVENT_ADMITTED, 0, 0},
        {1.0, -8, BATCHING_EVENT_ROUTED, 0, 1},      {1.0, -8, BATCHING_EVENT_ADMITTED, 0, 1},
        {1.1, 9, BATCHING_EVENT_ROUTED, 0, 0},       {1.25, 7, BATCHING_EVENT_FIRST_TOKEN, 1, 0},
        {1.25, -8, BATCHING_EVENT_FIRST_TOKEN, 1, 1}};
    assert_rows(told, first, 7);
    /* None of them ends its request. */
    for (int i = 0; i < 7; i++) {
        assert_int_equal(told->status[i], BATCHING_REQUEST_UNFINISHED);
        assert_int_equal(told->where[i], -1);
        assert_true(isnan(told->arrival_time[i]));
    }
    int64_t waiting[2], running[2], routed[2], queued_tokens[2];
    double kv_use[2];
    int32_t is_up[2];
    INITIALIZED(batching_fleet_state, held);
    held.capacity = 2;
    held.waiting = waiting;
    held.running = running;
    held.kv_use = kv_use;
    held.routed = routed;
    held.queued_tokens = queued_tokens;
    held.is_up = is_up;
    assert_succeeds(batching_fleet_observe(fleet, &held));
    assert_double_equal(held.clock, 1.3);
    assert_int_equal(held.submitted, 3);
    assert_int_equal(held.pending, 0);
    assert_int_equal(held.in_flight, 3);
    assert_int_equal(held.queued, 0);
    assert_int_equal(held.finished + held.rejected + held.aborted, 0);
    assert_int_equal(held.events, 0);
    assert_int_equal(held.replicas, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(waiting[i], i == 0 ? 1 : 0);
        assert_int_equal(running[i], 1);
        assert_int_equal(routed[i], i == 0 ? 2 : 1);
        assert_int_equal(is_up[i], 1);
        assert_double_equal(kv_use[i], 0.0);
    }
    assert_succeeds(batching_fleet_advance(fleet, INFINITY));
    /* Two first, and then the rest. */
    told_init(told);
    told->events.capacity = 2;
    assert_succeeds(batching_fleet_poll(fleet, &told->events));
    assert_int_equal(told->events.count, 2);
    assert_int_equal(told->events.remaining, 3);
    assert_int_equal(told->request[0], -8);
    assert_double_equal(told->end_time[0], 1.5);
    assert_int_equal(told->where[0], 1);
    told_init(told);
    assert_succeeds(batching_fleet_poll(fleet, &told->events));
    static const struct row last[] = {{1.75, 9, BATCHING_EVENT_ADMITTED, 0, 0},
                                      {2.0, 9, BATCHING_EVENT_FIRST_TOKEN, 1, 0},
                                      {2.0, 9, BATCHING_EVENT_FINISHED, 1, 0}};
    assert_rows(told, last, 3);
    assert_int_equal(told->status[2], BATCHING_REQUEST_FINISHED);
    assert_double_equal(told->arrival_time[2], 1.1);
    assert_double_equal(told->sent_time[2], 1.1);
    assert_double_equal(told->routed_time[2], 1.1);
    assert_double_equal(told->start_time[2], 1.75);
    assert_double_equal(told->first_token_time[2], 2.0);
    assert_double_equal(told->end_time[2], 2.0);
    assert_int_equal(told->generated[2], 1);
    assert_int_equal(told->where[2], 0);
    assert_int_equal(told->attempts[2], 1);
    assert_succeeds(batching_fleet_observe(fleet, &held));
    assert_double_equal(held.clock, 2.0);
    assert_int_equal(held.finished, 3);
    free(told);
    assert_succeeds(batching_fleet_destroy(fleet));
}

/* At 1.3 s replica 1 has one request, to 1.5 s, and replica 0 two. At 5 s all is done. */
static void estimates_by_hand(void **state) {
    (void)state;
    batching_fleet *fleet = lesson();
    assert_succeeds(batching_fleet_advance(fleet, 1.3));
    static const int32_t prompt[] = {10, 10}, output[] = {2, 1};
    static const double arrival[] = {1.3, 5.0};
    double start[2], end[2], arrived[2];
    int32_t replica[2], status[2];
    INITIALIZED(batching_requests, requests);
    INITIALIZED(batching_results, results);
    INITIALIZED(batching_fleet_results, fleet_results);
    requests.count = results.capacity = fleet_results.capacity = 2;
    requests.prompt_length = prompt;
    requests.output_length = output;
    requests.arrival_time = arrival;
    results.start_time = start;
    results.end_time = end;
    results.arrival_time = arrived;
    results.status = status;
    fleet_results.replica = replica;
    assert_succeeds(batching_fleet_estimate(fleet, &requests, &results, &fleet_results));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(replica[i], 1 - i);
        assert_int_equal(status[i], BATCHING_REQUEST_FINISHED);
        assert_double_equal(arrived[i], arrival[i]);
        assert_double_equal(start[i], i == 0 ? 1.5 : 5.0);
        assert_double_equal(end[i], i == 0 ? 2.0 : 5.25);
    }
    /* Now: as at the clock. */
    requests.count = 1;
    requests.arrival_time = NULL;
    memset(end, UNTOUCHED, sizeof end);
    assert_succeeds(batching_fleet_estimate(fleet, &requests, &results, NULL));
    assert_double_equal(end[0], 2.0);
    assert_double_equal(arrived[0], 1.3);
    INITIALIZED(batching_fleet_state, held);
    assert_succeeds(batching_fleet_observe(fleet, &held));
    assert_int_equal(held.submitted, 3);
    assert_double_equal(held.clock, 1.3);
    assert_succeeds(batching_fleet_destroy(fleet));
}

static batching_engine_config few_blocks(void) {
    INITIALIZED(batching_engine_config, engine);
    engine.max_num_seqs = 3;
    engine.block_size = 4;
    engine.num_gpu_blocks = 30;
    engine.time_model = BATCHING_TIME_AFFINE;
    engine.time_base = 0.01;
    engine.time_per_prefill_token = 1e-4;
    return engine;
}

static int compare_requests(const void *one, const void *other) {
    return (*(const int64_t *)one > *(const int64_t *)other) - (*(const int64_t *)one < *(const int64_t *)other);
}

/* Where, and when, those ended that have since the last call. */
static void take_ends(batching_fleet *fleet, struct told *told, double *end, int32_t *replica, int *ends) {
    told_init(told);
    assert_succeeds(batching_fleet_poll(fleet, &told->events));
    assert_int_equal(told->events.remaining, 0);
    for (int64_t i = 0; i < told->events.count; i++) {
        if (told->event[i] == BATCHING_EVENT_FINISHED || told->event[i] == BATCHING_EVENT_REJECTED) {
            end[told->request[i]] = told->end_time[i];
            replica[told->request[i]] = told->where[i];
            ends[told->request[i]]++;
        }
    }
}

static void slices_give_what_a_run_gives(void **state) {
    (void)state;
    static const int32_t rules[] = {BATCHING_ROUTER_ROUND_ROBIN, BATCHING_ROUTER_LEAST_REQUESTS,
                                    BATCHING_ROUTER_DYNAMO_KV, BATCHING_ROUTER_RANDOM};
    struct told *told = malloc(sizeof *told);
    uint64_t random = 1;
    for (int round = 0; round < 40; round++) {
        int32_t prompt[COUNT], output[COUNT];
        double arrival[COUNT];
        int64_t tick[COUNT];
        for (int i = 0; i < COUNT; i++) {
            prompt[i] = (int32_t)random_between(&random, 1, 40);
            output[i] = (int32_t)random_between(&random, 1, 20);
            tick[i] = random_between(&random, 0, 100);
        }
        qsort(tick, COUNT, sizeof *tick, compare_requests);
        for (int i = 0; i < COUNT; i++) {
            arrival[i] = (double)tick[i] / 64;
        }
        const batching_engine_config engine = few_blocks();
        const batching_engine_config *engines[] = {&engine};
        const int64_t replicas[] = {REPLICAS};
        INITIALIZED(batching_router_config, router);
        router.router = rules[round % 4];
        /* A run would else count in the router's own blocks where requests have no hash ids. */
        router.block_size = 4;
        router.no_kv_events = 1;
        INITIALIZED(batching_fleet_config, config);
        config.pool_count = 1;
        config.engine = engines;
        config.replicas = replicas;
        config.router = &router;
        INITIALIZED(batching_requests, requests);
        requests.count = COUNT;
        requests.prompt_length = prompt;
        requests.output_length = output;
        requests.arrival_time = arrival;
        double expected[COUNT], end[COUNT], copied[COUNT];
        int32_t expected_replica[COUNT], replica[COUNT], copied_replica[COUNT];
        int ends[COUNT] = {0}, copied_ends[COUNT];
        INITIALIZED(batching_results, results);
        INITIALIZED(batching_fleet_results, fleet_results);
        results.capacity = fleet_results.capacity = COUNT;
        results.end_time = expected;
        fleet_results.replica = expected_replica;
        fleet_results.replica_capacity = REPLICAS;
        assert_succeeds(batching_fleet_simulate(&config, &requests, &results, &fleet_results, NULL));
        batching_fleet *fleet = NULL, *copy = NULL;
        assert_succeeds(batching_fleet_create(&config, &fleet));
        int next = 0;
        while (next < COUNT) {
            batching_requests some = requests;
            some.count = random_between(&random, 1, COUNT - next);
            some.prompt_length += next;
            some.output_length += next;
            some.arrival_time += next;
            assert_succeeds(batching_fleet_submit(fleet, &some, NULL));
            next += (int)some.count;
            const double until = next < COUNT ? arrival[next] : arrival[COUNT - 1];
            assert_succeeds(batching_fleet_advance(fleet, until * (double)random_between(&random, 0, 64) / 64));
            take_ends(fleet, told, end, replica, ends);
        }
        memcpy(copied, end, sizeof end);
        memcpy(copied_replica, replica, sizeof replica);
        memcpy(copied_ends, ends, sizeof ends);
        assert_succeeds(batching_fleet_fork(fleet, &copy));
        assert_succeeds(batching_fleet_advance(fleet, INFINITY));
        take_ends(fleet, told, end, replica, ends);
        assert_succeeds(batching_fleet_destroy(fleet));
        assert_succeeds(batching_fleet_advance(copy, INFINITY));
        take_ends(copy, told, copied, copied_replica, copied_ends);
        assert_succeeds(batching_fleet_destroy(copy));
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(ends[i], 1);
            assert_int_equal(copied_ends[i], 1);
        }
        assert_doubles_equal(end, expected, COUNT);
        assert_doubles_equal(copied, expected, COUNT);
        assert_memory_equal(replica, expected_replica, sizeof replica);
        assert_memory_equal(copied_replica, expected_replica, sizeof replica);
    }
    free(told);
}

static void create_refuses(void **state) {
    (void)state;
    const batching_engine_config engine = one_slot();
    const batching_engine_config *engines[] = {&engine};
    const int64_t replicas[] = {2};
    const int32_t preferred[] = {0};
    INITIALIZED(batching_fleet_config, config);
    config.engine = engines;
    config.replicas = replicas;
    batching_fleet *fleet = NULL;
    assert_fails(batching_fleet_create(&config, &fleet), BATCHING_ERROR_INVALID_ARGUMENT, "pool_count is 0");
    config.pool_count = 1;
    assert_fails(batching_fleet_create(&config, NULL), BATCHING_ERROR_NULL_POINTER, "fleet");
    assert_fails(batching_fleet_create(NULL, &fleet), BATCHING_ERROR_NULL_POINTER, "config");
    config.preferred_replica = preferred;
    assert_fails(batching_fleet_create(&config, &fleet), BATCHING_ERROR_INVALID_ARGUMENT,
                 "preferred_replica is given: must be NULL for a live fleet");
    config.preferred_replica = NULL;
    config.preferred_decode_replica = preferred;
    assert_fails(batching_fleet_create(&config, &fleet), BATCHING_ERROR_INVALID_ARGUMENT,
                 "preferred_decode_replica is given: must be NULL for a live fleet");
    assert_null(fleet);
    assert_succeeds(batching_fleet_destroy(NULL));
}

static void submit_refuses(void **state) {
    (void)state;
    batching_fleet *fleet = lesson();
    assert_succeeds(batching_fleet_advance(fleet, 1.3));
    const int32_t output[] = {1, 1};
    const double times[] = {2.0, 1.0};
    const int64_t ids[] = {4, 9}, sessions[] = {0, 1};
    INITIALIZED(batching_client, client);
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.output_length = output;
    assert_fails(batching_fleet_submit(NULL, &requests, NULL), BATCHING_ERROR_NULL_POINTER, "fleet");
    assert_fails(batching_fleet_submit(fleet, NULL, NULL), BATCHING_ERROR_NULL_POINTER, "requests");
    assert_fails(batching_fleet_submit(fleet, &requests, ids), BATCHING_ERROR_INVALID_ARGUMENT,
                 "ids[1] is 9: must not be the id of a request in flight");
    requests.arrival_time = times;
    assert_fails(batching_fleet_submit(fleet, &requests, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "arrival_time[1] is 1.0: must not be before the clock of the fleet, which is at 1.3 seconds");
    requests.arrival_time = NULL;
    requests.session = sessions;
    assert_fails(batching_fleet_submit(fleet, &requests, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "session is given: must be NULL, as before");
    requests.session = NULL;
    requests.abort_time = times;
    assert_fails(batching_fleet_submit(fleet, &requests, NULL), BATCHING_ERROR_INVALID_ARGUMENT, "abort_time");
    requests.abort_time = NULL;
    requests.client = &client;
    assert_fails(batching_fleet_submit(fleet, &requests, NULL), BATCHING_ERROR_INVALID_ARGUMENT, "client");
    INITIALIZED(batching_fleet_state, held);
    assert_succeeds(batching_fleet_observe(fleet, &held));
    assert_int_equal(held.submitted, 3);
    requests.client = NULL;
    assert_succeeds(batching_fleet_submit(fleet, &requests, NULL));
    assert_succeeds(batching_fleet_destroy(fleet));
}

static void other_calls_refuse(void **state) {
    (void)state;
    batching_fleet *fleet = lesson(), *copy = NULL;
    assert_fails(batching_fleet_advance(NULL, 1.0), BATCHING_ERROR_NULL_POINTER, "fleet");
    assert_fails(batching_fleet_advance(fleet, NAN), BATCHING_ERROR_INVALID_ARGUMENT, "time is nan");
    assert_fails(batching_fleet_advance(fleet, -1.0), BATCHING_ERROR_INVALID_ARGUMENT, "time is -1");
    assert_fails(batching_fleet_fork(NULL, &copy), BATCHING_ERROR_NULL_POINTER, "fleet");
    assert_fails(batching_fleet_fork(fleet, NULL), BATCHING_ERROR_NULL_POINTER, "copy");
    assert_null(copy);
    int64_t column[1];
    INITIALIZED(batching_fleet_state, held);
    held.capacity = 1;
    held.waiting = column;
    assert_fails(batching_fleet_observe(fleet, &held), BATCHING_ERROR_CAPACITY, "state.capacity is 1");
    assert_fails(batching_fleet_observe(fleet, NULL), BATCHING_ERROR_NULL_POINTER, "state");
    INITIALIZED(batching_fleet_events, events);
    assert_fails(batching_fleet_poll(fleet, NULL), BATCHING_ERROR_NULL_POINTER, "events");
    events.capacity = -1;
    assert_fails(batching_fleet_poll(fleet, &events), BATCHING_ERROR_INVALID_ARGUMENT, "events.capacity is -1");
    events.capacity = 2;
    INITIALIZED(batching_results, results);
    results.capacity = 1;
    events.results = &results;
    assert_fails(batching_fleet_poll(fleet, &events), BATCHING_ERROR_CAPACITY, "results.capacity is 1");
    results.capacity = 2;
    results.completion_order = column;
    assert_fails(batching_fleet_poll(fleet, &events), BATCHING_ERROR_INVALID_ARGUMENT,
                 "completion_order is given: must be NULL for a live fleet");
    events.results = NULL;
    INITIALIZED(batching_attribution, attribution);
    INITIALIZED(batching_fleet_results, fleet_results);
    attribution.capacity = fleet_results.capacity = 2;
    fleet_results.attribution = &attribution;
    events.fleet_results = &fleet_results;
    assert_fails(batching_fleet_poll(fleet, &events), BATCHING_ERROR_INVALID_ARGUMENT,
                 "attribution is given: must be NULL for a fleet whose pools have no keep_attribution");
    const int32_t output[] = {1};
    const double early[] = {0.5};
    INITIALIZED(batching_requests, requests);
    requests.count = 1;
    requests.output_length = output;
    requests.arrival_time = early;
    assert_succeeds(batching_fleet_advance(fleet, 1.3));
    results.completion_order = NULL;
    assert_fails(batching_fleet_estimate(fleet, &requests, &results, NULL), BATCHING_ERROR_INVALID_ARGUMENT,
                 "arrival_time[0] is 0.5");
    requests.arrival_time = NULL;
    results.capacity = 0;
    assert_fails(batching_fleet_estimate(fleet, &requests, &results, NULL), BATCHING_ERROR_CAPACITY,
                 "results.capacity is 0");
    assert_succeeds(batching_fleet_destroy(fleet));
}

static int32_t stop(const batching_router_view *view, int64_t *worker, void *user_data) {
    *worker = 1;
    batching_fleet *const *const own = user_data;
    if (batching_fleet_advance(*own, 9.0) != BATCHING_ERROR_BUSY) {
        return 2;
    }
    return view->time >= 1.1 ? 1 : 0;
}

static void a_callback_that_stops_it_leaves_what_has_happened(void **state) {
    (void)state;
    const batching_engine_config engine = one_slot();
    const batching_engine_config *engines[] = {&engine};
    const int64_t replicas[] = {2};
    batching_fleet *fleet = NULL, *copy = NULL;
    INITIALIZED(batching_fleet_config, config);
    config.pool_count = 1;
    config.engine = engines;
    config.replicas = replicas;
    config.chooser = BATCHING_CHOOSER_CALLBACK;
    config.router_callback = stop;
    config.router_user_data = &fleet;
    assert_succeeds(batching_fleet_create(&config, &fleet));
    const int32_t output[] = {1, 1};
    const double arrival[] = {0.5, 1.1};
    INITIALIZED(batching_requests, requests);
    requests.count = 2;
    requests.output_length = output;
    requests.arrival_time = arrival;
    assert_succeeds(batching_fleet_submit(fleet, &requests, NULL));
    assert_string_equal(batching_status_name(batching_fleet_advance(fleet, INFINITY)),
                        batching_status_name(BATCHING_ERROR_CANCELLED));
    struct told *told = malloc(sizeof *told);
    told_init(told);
    assert_succeeds(batching_fleet_poll(fleet, &told->events));
    static const struct row rows[] = {{0.5, 0, BATCHING_EVENT_ROUTED, 0, 1},
                                      {0.5, 0, BATCHING_EVENT_ADMITTED, 0, 1},
                                      {0.75, 0, BATCHING_EVENT_FIRST_TOKEN, 1, 1},
                                      {0.75, 0, BATCHING_EVENT_FINISHED, 1, 1}};
    assert_rows(told, rows, 4);
    free(told);
    INITIALIZED(batching_fleet_state, held);
    assert_succeeds(batching_fleet_observe(fleet, &held));
    assert_int_equal(held.finished, 1);
    assert_int_equal(batching_fleet_advance(fleet, INFINITY), BATCHING_ERROR_CANCELLED);
    requests.arrival_time = NULL;
    assert_int_equal(batching_fleet_submit(fleet, &requests, NULL), BATCHING_ERROR_CANCELLED);
    assert_int_equal(batching_fleet_estimate(fleet, &requests, NULL, NULL), BATCHING_ERROR_CANCELLED);
    assert_int_equal(batching_fleet_fork(fleet, &copy), BATCHING_ERROR_CANCELLED);
    assert_null(copy);
    assert_succeeds(batching_fleet_destroy(fleet));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_requests_by_hand),
        cmocka_unit_test(estimates_by_hand),
        cmocka_unit_test(slices_give_what_a_run_gives),
        cmocka_unit_test(create_refuses),
        cmocka_unit_test(submit_refuses),
        cmocka_unit_test(other_calls_refuse),
        cmocka_unit_test(a_callback_that_stops_it_leaves_what_has_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
