/* How requests are sent: closed loops, sessions, clients. Iterations of one second, so that their number is their time. */
#include "engine_support.h"

/* What a run with clients writes besides. */
struct loop {
    struct engine engine;
    batching_client client;
    double arrival_time[ENGINE_CAPACITY];
    double sent_time[ENGINE_CAPACITY];
};

static void loop_init(struct loop *loop, int64_t count) {
    engine_init(&loop->engine, count);
    assert_succeeds(batching_client_init(&loop->client, sizeof loop->client));
    loop->engine.requests.client = &loop->client;
    loop->engine.results.arrival_time = loop->arrival_time;
    loop->engine.results.sent_time = loop->sent_time;
}

static void an_open_loop_sends_each_request_as_it_arrives(void **state) {
    (void)state;
    struct loop loop;
    loop_init(&loop, 3);
    loop.engine.requests.arrival_time = TIMES(2.5, 0.0, 7.25);
    loop.engine.config.time_limit = 3.0;
    engine_run(&loop.engine);
    assert_times(loop.arrival_time, 2.5, 0.0, 7.25);
    assert_times(loop.sent_time, 2.5, 0.0, 7.25);
    assert_integers(loop.engine.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_FINISHED,
                    BATCHING_REQUEST_UNFINISHED);
    assert_int_equal(loop.engine.summary.not_sent, 0);
    assert_int_equal(loop.engine.summary.unfinished, 1);
    loop.engine.requests.arrival_time = NULL;
    engine_run(&loop.engine);
    assert_times(loop.sent_time, 0.0, 0.0, 0.0);
}

static void the_textbook_simulators_write_the_arrival_times(void **state) {
    (void)state;
    struct loop loop;
    loop_init(&loop, 2);
    loop.engine.requests.arrival_time = TIMES(2.5, 0.0);
    loop.client.max_concurrency = 1;
    assert_succeeds(batching_continuous_simulate(&loop.engine.requests, 1, 1.0, &loop.engine.results, NULL));
    assert_times(loop.arrival_time, 2.5, 0.0);
    assert_times(loop.sent_time, 2.5, 0.0);
}

static void a_request_waits_at_its_client_while_as_many_are_in_flight_as_may_be(void **state) {
    (void)state;
    /* Two in flight. 0 and 1 are sent as they arrive; 2 arrives first of those that wait, and is sent as 1 ends at 2, and
     * 3 as 0 ends at 3. 4 arrives when nothing is in flight any more. */
    struct loop loop;
    loop_init(&loop, 5);
    loop.client.max_concurrency = 2;
    loop.engine.requests.output_length = LENGTHS(3, 1, 2, 1, 1);
    loop.engine.requests.arrival_time = TIMES(0.0, 0.5, 1.0, 1.0, 9.5);
    engine_run(&loop.engine);
    assert_times(loop.sent_time, 0.0, 0.5, 2.0, 3.0, 9.5);
    assert_times(loop.arrival_time, 0.0, 0.5, 1.0, 1.0, 9.5);
    assert_times(loop.engine.start_time, 0.0, 1.0, 2.0, 3.0, 9.5);
    assert_times(loop.engine.end_time, 3.0, 2.0, 4.0, 4.0, 10.5);
    assert_int_equal(loop.engine.summary.finished, 5);
}

static void columns_that_are_not_wanted_change_nothing(void **state) {
    (void)state;
    /* By priority a queue looks at the times at which requests were sent, whether they are written or not: 3 and 2 are
     * sent as 0 and 1 end, and 3 is the more urgent. */
    for (int is_wanted = 0; is_wanted < 2; is_wanted++) {
        struct loop loop;
        loop_init(&loop, 4);
        loop.client.max_concurrency = 2;
        loop.engine.config.max_num_seqs = 1;
        loop.engine.config.queue_order = BATCHING_QUEUE_PRIORITY;
        loop.engine.requests.priority = LENGTHS(1, 0, 1, 0);
        loop.engine.requests.output_length = LENGTHS(1, 2, 1, 1);
        if (!is_wanted) {
            loop.engine.results.sent_time = loop.engine.results.arrival_time = NULL;
        }
        double at_client[4], for_slot[4];
        batching_attribution attribution;
        assert_succeeds(batching_attribution_init(&attribution, sizeof attribution));
        attribution.capacity = 4;
        attribution.waiting_for_client = at_client;
        attribution.waiting_for_slot = for_slot;
        loop.engine.config.attribution = &attribution;
        engine_run(&loop.engine);
        /* 1 runs first, to 2. Then 2 is sent; 0 was sent before it, and goes first, to 3; then 3 is sent, and goes before
         * 2. */
        assert_times(loop.engine.end_time, 3.0, 2.0, 5.0, 4.0);
        assert_times(at_client, 0.0, 0.0, 2.0, 3.0);
        assert_times(for_slot, 2.0, 0.0, 2.0, 0.0);
        if (is_wanted) {
            assert_times(loop.sent_time, 0.0, 0.0, 2.0, 3.0);
        }
    }
}

static void turns_arrive_after_their_delay(void **state) {
    (void)state;
    /* The first session: 0 ends at 1; 2 arrives at 1 + 0.5, when the engine is idle, and ends at 2.5; 4 arrives at 2.5 +
     * 0.25, but not before 7.5. The other: 1 arrives at 2, joins at 2.5 and ends at 3.5, and 3 follows at once. The ids may
     * be any. */
    for (int is_small = 0; is_small < 2; is_small++) {
        struct loop loop;
        loop_init(&loop, 5);
        loop.engine.requests.client = NULL;
        loop.engine.requests.session =
            is_small ? IDS(4, 0, 4, 0, 4) : IDS(INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX);
        loop.engine.requests.delay = TIMES(0.0, 0.0, 0.5, 0.0, 0.25);
        loop.engine.requests.arrival_time = TIMES(0.0, 2.0, 0.0, 2.0, 7.5);
        engine_run(&loop.engine);
        assert_times(loop.arrival_time, 0.0, 2.0, 1.5, 3.5, 7.5);
        assert_times(loop.sent_time, 0.0, 2.0, 1.5, 3.5, 7.5);
        assert_times(loop.engine.end_time, 1.0, 3.5, 2.5, 4.5, 8.5);
    }
}

static void a_turn_that_fails_ends_its_session(void **state) {
    (void)state;
    /* 1 is too long, and is rejected as it arrives, at 1 + 0.5, which the engine looks at at once, being idle. */
    struct loop loop;
    loop_init(&loop, 4);
    loop.engine.config.max_model_len = 8;
    loop.engine.requests.prompt_length = LENGTHS(1, 9, 1, 1);
    loop.engine.requests.session = IDS(0, 0, 0, 1);
    loop.engine.requests.delay = TIMES(0.0, 0.5, 2.0, 0.0);
    engine_run(&loop.engine);
    assert_integers(loop.engine.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_REJECTED_MODEL_LENGTH,
                    BATCHING_REQUEST_NOT_SENT, BATCHING_REQUEST_FINISHED);
    assert_times(loop.sent_time, 0.0, 1.5, NAN, 0.0);
    assert_times(loop.arrival_time, 0.0, 1.5, NAN, 0.0);
    assert_times(loop.engine.start_time, 0.0, NAN, NAN, 0.0);
    assert_times(loop.engine.end_time, 1.0, NAN, NAN, 1.0);
    assert_integers(loop.engine.tokens_generated, 1, 0, 0, 1);
    assert_int_equal(loop.engine.summary.not_sent, 1);
    assert_int_equal(loop.engine.summary.unfinished, 0);
    assert_int_equal(loop.engine.summary.end_reason, BATCHING_END_COMPLETED);

    loop.client.sessions_go_on = 1;
    engine_run(&loop.engine);
    assert_times(loop.sent_time, 0.0, 1.5, 3.5, 0.0);
    assert_times(loop.engine.end_time, 1.0, NAN, 4.5, 1.0);
    assert_int_equal(loop.engine.summary.not_sent, 0);
}

static void an_abort_ends_a_session_and_makes_room(void **state) {
    (void)state;
    /* One in flight. 0 is aborted at 1.5, which takes effect at 2, where 2 is sent; its next turn, 1, is not. 3 has been
     * left before it is sent, at 3, and is gone at once; so 4 is sent at 3, too. */
    struct loop loop;
    loop_init(&loop, 5);
    loop.client.max_concurrency = 1;
    loop.engine.requests.output_length = LENGTHS(5, 1, 1, 1, 1);
    loop.engine.requests.session = IDS(0, 0, 1, 2, 3);
    loop.engine.requests.abort_time = TIMES(1.5, NAN, NAN, 2.5, NAN);
    engine_run(&loop.engine);
    assert_integers(loop.engine.status, BATCHING_REQUEST_ABORTED, BATCHING_REQUEST_NOT_SENT, BATCHING_REQUEST_FINISHED,
                    BATCHING_REQUEST_ABORTED, BATCHING_REQUEST_FINISHED);
    assert_times(loop.sent_time, 0.0, NAN, 2.0, 3.0, 3.0);
    assert_times(loop.engine.end_time, 2.0, NAN, 3.0, 3.0, 4.0);
    assert_integers(loop.engine.tokens_generated, 1, 0, 1, 0, 1);
}

static void what_a_run_that_is_cut_short_has_not_sent_is_told(void **state) {
    (void)state;
    /* One in flight. 0 is running at the limit; 1 has arrived at its client, 2 would arrive later, and 3 follows 0. */
    struct loop loop;
    loop_init(&loop, 4);
    loop.client.max_concurrency = 1;
    loop.engine.requests.output_length = LENGTHS(9, 1, 1, 1);
    loop.engine.requests.session = IDS(0, 1, 2, 0);
    loop.engine.requests.arrival_time = TIMES(0.0, 1.0, 6.0, 0.0);
    loop.engine.config.time_limit = 4.0;
    engine_run(&loop.engine);
    assert_integers(loop.engine.status, BATCHING_REQUEST_UNFINISHED, BATCHING_REQUEST_NOT_SENT,
                    BATCHING_REQUEST_NOT_SENT, BATCHING_REQUEST_NOT_SENT);
    assert_times(loop.sent_time, 0.0, NAN, NAN, NAN);
    assert_times(loop.arrival_time, 0.0, 1.0, NAN, NAN);
    assert_int_equal(loop.engine.summary.unfinished, 1);
    assert_int_equal(loop.engine.summary.not_sent, 3);
}

static void clients_take_one_request_after_the_other(void **state) {
    (void)state;
    /* Two clients, the second from 2 on (4 x 1 / 2). The first has 0, ends at 3, thinks 0.5 + 0.25, and sends 2 at 3.75,
     * which runs from 4 to 5; it then takes the last, 4. The second sends 1 at 2, which ends at 4, and then 3 at 4.5. */
    struct loop loop;
    loop_init(&loop, 5);
    loop.client.clients = 2;
    loop.client.ramp_up = 4.0;
    loop.client.think_time = 0.5;
    loop.client.think_times = BATCHING_THINK_TIMES_CONSTANT;
    loop.engine.requests.output_length = LENGTHS(3, 2, 1, 1, 1);
    loop.engine.requests.delay = TIMES(8.0, 8.0, 0.25, 0.0, 3.0);
    engine_run(&loop.engine);
    assert_times(loop.sent_time, 0.0, 2.0, 3.75, 4.5, 8.5);
    assert_times(loop.engine.end_time, 3.0, 4.0, 5.0, 6.0, 9.5);
    /* More clients than requests. */
    loop.client.clients = BATCHING_COUNT_MAX;
    loop.client.ramp_up = 0.0;
    engine_run(&loop.engine);
    assert_times(loop.sent_time, 0.0, 0.0, 0.0, 0.0, 0.0);
}

static void clients_and_sessions_are_held_back_together(void **state) {
    (void)state;
    /* Two clients, one request in flight. The clients begin with sessions 0 (rows 0 and 2) and 1 (row 1): 0 is sent, 1 at
     * its end, at 1. Row 2 arrives at 1 + 0.5 and waits until 1 ends, at 2. Session 2 (row 3) is taken by the client of 1
     * at 2, when 2 had been waiting. */
    struct loop loop;
    loop_init(&loop, 4);
    loop.client.clients = 2;
    loop.client.max_concurrency = 1;
    loop.engine.requests.session = IDS(0, 1, 0, 2);
    loop.engine.requests.delay = TIMES(0.0, 0.0, 0.5, 0.0);
    engine_run(&loop.engine);
    assert_times(loop.arrival_time, 0.0, 0.0, 1.5, 2.0);
    assert_times(loop.sent_time, 0.0, 1.0, 2.0, 3.0);
}

static void a_static_batch_does_not_wait_for_what_waits_for_it(void **state) {
    (void)state;
    /* Batches of 4, but 2 in flight: no more can come before these end. 2 arrives at 9, which is known: 3 waits for it. */
    struct loop loop;
    loop_init(&loop, 4);
    loop.client.max_concurrency = 2;
    loop.engine.config.policy = BATCHING_POLICY_STATIC;
    loop.engine.config.max_num_seqs = 4;
    loop.engine.requests.output_length = LENGTHS(2, 1, 1, 1);
    loop.engine.requests.arrival_time = TIMES(0.0, 0.0, 0.0, 9.0);
    engine_run(&loop.engine);
    assert_times(loop.engine.start_time, 0.0, 0.0, 9.0, 9.0);
    assert_times(loop.sent_time, 0.0, 0.0, 2.0, 9.0);
}

static void what_cannot_be_is_refused_with_a_sentence(void **state) {
    (void)state;
    struct loop loop;
    loop_init(&loop, 3);
    batching_requests *const requests = &loop.engine.requests;
    batching_client *const client = &loop.client;
#define REFUSES(sentence, change)                                                                                      \
    do {                                                                                                               \
        const batching_requests requests_before = *requests;                                                           \
        const batching_client client_before = *client;                                                                 \
        change;                                                                                                        \
        assert_int_equal(batching_simulate(&loop.engine.config, requests, &loop.engine.results, &loop.engine.summary), \
                         BATCHING_ERROR_INVALID_ARGUMENT);                                                             \
        assert_string_equal(batching_last_error(), sentence);                                                          \
        *requests = requests_before;                                                                                   \
        *client = client_before;                                                                                       \
    } while (0)
    requests->session = IDS(6, 6, 7);
    REFUSES("delay[1] is -1.0: must be between 0 and 9223372036 seconds", requests->delay = TIMES(0.0, -1.0, 0.0));
    REFUSES("delay[2] is nan: must be between 0 and 9223372036 seconds", requests->delay = TIMES(0.0, 0.0, NAN));
    REFUSES("delay[2] is 0.5: must be 0 for the first turn of a session, unless there are clients",
            requests->delay = TIMES(0.0, 1.0, 0.5));
    REFUSES(
        "arrival_time[1] is 1.0: must not be before that of the turn before it in session 6, arrival_time[0], which "
        "is 2.0",
        requests->arrival_time = TIMES(2.0, 1.0, 0.0));
    REFUSES("client.max_concurrency is -1: must be at least 0", client->max_concurrency = -1);
    REFUSES("client.clients is -3: must be at least 0", client->clients = -3);
    REFUSES("max_concurrency is 2000000001: must be at most 2000000000", client->max_concurrency = 2000000001);
    REFUSES("clients is 9223372036854775807: must be at most 2000000000", client->clients = INT64_MAX);
    REFUSES("ramp_up is 1.0: must be 0 without clients", client->ramp_up = 1.0);
    REFUSES("think_time is 1.0: must be 0 without clients", client->think_time = 1.0);
    client->clients = 2;
    REFUSES("ramp_up is inf: must be between 0 and 9223372036 seconds", client->ramp_up = INFINITY);
    REFUSES("think_time is -1.0: must be between 0 and 9223372036 seconds", client->think_time = -1.0);
    REFUSES("think_times is 7: must be one of 0, 100, 200", client->think_times = 7);
    REFUSES("sessions_go_on is 2: must be 0 or 1", client->sessions_go_on = 2);
    client->think_times = BATCHING_THINK_TIMES_LOGNORMAL;
    REFUSES("think_time_sigma is 65.0: must be between 0 and 64", client->think_time_sigma = 65.0);
#undef REFUSES
    client->struct_size = 8;
    assert_int_equal(batching_simulate(&loop.engine.config, requests, NULL, NULL), BATCHING_ERROR_STRUCT_SIZE);
}

static void a_turn_beyond_the_clock_is_an_overflow(void **state) {
    (void)state;
    struct loop loop;
    loop_init(&loop, 2);
    loop.engine.requests.session = IDS(0, 0);
    loop.engine.requests.delay = TIMES(0.0, BATCHING_TIME_MAX);
    assert_int_equal(batching_simulate(&loop.engine.config, &loop.engine.requests, &loop.engine.results, NULL),
                     BATCHING_ERROR_OVERFLOW);
    assert_string_equal(batching_last_error(), "request 1 arrives 9223372036.0 seconds after 1.0: the clock would pass "
                                               "9223372036 seconds");
}

static void a_live_engine_has_no_client(void **state) {
    (void)state;
    struct loop loop;
    loop_init(&loop, 2);
    batching_live_engine *engine;
    assert_succeeds(batching_live_engine_create(&loop.engine.config, &engine));
    batching_requests requests = loop.engine.requests;
    assert_int_equal(batching_live_engine_submit(engine, &requests, NULL), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_string_equal(batching_last_error(),
                        "requests.client is given: must be NULL for a live engine, whose host sends each request");
    requests.client = NULL;
    requests.session = IDS(0, 0);
    assert_int_equal(batching_live_engine_submit(engine, &requests, NULL), BATCHING_ERROR_INVALID_ARGUMENT);
    assert_string_equal(batching_last_error(), "session is given: must be left out for a live engine, whose host sends "
                                               "each turn when it arrives");
    requests.session = NULL;
    requests.delay = TIMES(0.0, 0.0);
    assert_int_equal(batching_live_engine_estimate(engine, &requests, &loop.engine.results),
                     BATCHING_ERROR_INVALID_ARGUMENT);
    assert_succeeds(batching_live_engine_destroy(engine));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_loop_sends_each_request_as_it_arrives),
        cmocka_unit_test(the_textbook_simulators_write_the_arrival_times),
        cmocka_unit_test(a_request_waits_at_its_client_while_as_many_are_in_flight_as_may_be),
        cmocka_unit_test(columns_that_are_not_wanted_change_nothing),
        cmocka_unit_test(turns_arrive_after_their_delay),
        cmocka_unit_test(a_turn_that_fails_ends_its_session),
        cmocka_unit_test(an_abort_ends_a_session_and_makes_room),
        cmocka_unit_test(what_a_run_that_is_cut_short_has_not_sent_is_told),
        cmocka_unit_test(clients_take_one_request_after_the_other),
        cmocka_unit_test(clients_and_sessions_are_held_back_together),
        cmocka_unit_test(a_static_batch_does_not_wait_for_what_waits_for_it),
        cmocka_unit_test(what_cannot_be_is_refused_with_a_sentence),
        cmocka_unit_test(a_turn_beyond_the_clock_is_an_overflow),
        cmocka_unit_test(a_live_engine_has_no_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
