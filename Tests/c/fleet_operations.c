/* Admission, timeouts, retries, faults and scaling of fleets, and a router of the caller's, by hand: iterations of a second. */
#include "fleet_support.h"

/* One pool of replicas, with what may be set. */
struct pool {
    batching_engine_config engine;
    const batching_engine_config *engines[1];
    int64_t replicas[1];
    batching_admission_config admission;
    batching_fault_config faults;
    batching_router_config router;
    batching_fleet_config config;
};

static void make(struct pool *pool, int64_t replicas, int64_t slots) {
    pool->engine = a_second();
    pool->engine.max_num_seqs = slots;
    pool->engines[0] = &pool->engine;
    pool->replicas[0] = replicas;
    assert_succeeds(batching_admission_config_init(&pool->admission, sizeof pool->admission));
    assert_succeeds(batching_fault_config_init(&pool->faults, sizeof pool->faults));
    assert_succeeds(batching_router_config_init(&pool->router, sizeof pool->router));
    assert_succeeds(batching_fleet_config_init(&pool->config, sizeof pool->config));
    pool->config.pool_count = 1;
    pool->config.engine = pool->engines;
    pool->config.replicas = pool->replicas;
    pool->config.router = &pool->router;
    pool->config.admission = &pool->admission;
}

enum {
    FINISHED = BATCHING_REQUEST_FINISHED,
    REJECTED = BATCHING_REQUEST_REJECTED_ADMISSION,
    LATE = BATCHING_REQUEST_TIMED_OUT,
    LOST = BATCHING_REQUEST_LOST
};

/* Two come at 0; the third finds them. At 2.5 the first has ended. */
static void a_fleet_takes_so_many_requests_at_a_time(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 1, 1);
    pool.admission.max_in_flight = 2;
    const batching_requests requests = requests_of(4, NULL, LENGTHS(2, 2, 2, 2), TIMES(0, 0, 0.5, 2.5));
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, FINISHED, FINISHED, REJECTED, FINISHED);
    assert_column(told.end_time, 2, 4, 0.5, 6);
    assert_column(told.attempts, 1, 1, 0, 1);
    assert_column(told.replica, 0, 0, -1, 0);
    assert_column(told.routed_time, 0, 0, NAN, 2.5);
    assert_int_equal(told.summary.rejected, 1);
}

/* 60 and 60 are in the fleet when the third comes, 100 or more. At 1 both have their first token. */
static void a_fleet_takes_so_many_prompt_tokens_at_a_time(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 1, 4);
    pool.admission.max_queued_tokens = 100;
    const batching_requests requests =
        requests_of(4, LENGTHS(60, 60, 1, 1), LENGTHS(3, 3, 3, 3), TIMES(0, 0, 0.5, 1.5));
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, FINISHED, FINISHED, REJECTED, FINISHED);
}

/* 2 at first and 0.5 a second: 1 and 0 are left, and there are 0.5 at 1 s and 1.25 at 2.5 s. */
static void a_token_bucket_fills_and_is_emptied(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 1, 4);
    pool.admission.bucket_capacity = 2;
    pool.admission.bucket_rate = 0.5;
    const batching_requests requests = requests_of(5, NULL, LENGTHS(1, 1, 1, 1, 1), TIMES(0, 0, 0, 1, 2.5));
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, FINISHED, FINISHED, REJECTED, REJECTED, FINISHED);

    /* By tokens, 100 at first and 10 a second: 40 are left of 60; there are 45 at 0.5 s, and 50 at 1 s. */
    pool.admission.bucket_capacity = 100;
    pool.admission.bucket_rate = 10;
    pool.admission.bucket_cost = BATCHING_BUCKET_COST_PROMPT_TOKENS;
    const batching_requests long_ones = requests_of(3, LENGTHS(60, 46, 49), LENGTHS(1, 1, 1), TIMES(0, 0.5, 1));
    run_fleet(&told, &pool.config, &long_ones);
    assert_column(told.status, FINISHED, REJECTED, FINISHED);
}

/*
 * One at a time, of two seconds each. The first runs until 2. Two wait, and the fourth finds the queue full; the second is taken at
 * 2, and the third leaves 3 s after it came, at 3.5. The last comes when the queue is empty, and is taken at 4.
 *
 * Then clients leave: that of the second at 2.25, while it runs, so that it ends at 3; and that of the third as it comes.
 */
static void what_is_too_much_waits_for_its_turn(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 1, 4);
    pool.admission.max_in_flight = 1;
    pool.admission.max_queued_requests = 2;
    pool.admission.queue_timeout = 3;
    batching_requests requests = requests_of(5, NULL, LENGTHS(2, 2, 2, 2, 2), TIMES(0, 0.25, 0.5, 0.75, 3.75));
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, FINISHED, FINISHED, LATE, REJECTED, FINISHED);
    assert_column(told.routed_time, 0, 2, NAN, NAN, 4);
    assert_column(told.end_time, 2, 4, 3.5, 0.75, 6);
    assert_column(told.waiting_for_router, 0, 1.75, NAN, NAN, 0.25);
    assert_column(told.attempts, 1, 1, 0, 0, 1);

    requests.abort_time = TIMES(NAN, 2.25, 0.5, NAN, NAN);
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, FINISHED, BATCHING_REQUEST_ABORTED, BATCHING_REQUEST_ABORTED, FINISHED, FINISHED);
    /* The third leaves as it comes, and makes room for the fourth, which is taken at 3. */
    assert_column(told.end_time, 2, 3, 0.5, 5, 7);
    assert_column(told.routed_time, 0, 2, NAN, 3, 5);
    assert_int_equal(told.summary.aborted, 2);
}

/* Of one slot, and a queue that is full at 2: the third of priority 0 makes it so, and what is less urgent is not taken then. */
static void what_is_less_urgent_is_shed_while_queues_are_long(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 1, 1);
    pool.admission.sheds = 1;
    pool.admission.shed_priority = 1;
    pool.admission.saturation_queue = 2;
    batching_requests requests =
        requests_of(6, NULL, LENGTHS(4, 4, 4, 4, 4, 4), TIMES(0, 0.125, 0.25, 0.375, 0.5, 0.625));
    requests.priority = LENGTHS(0, 1, 0, 1, 0, 2);
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, FINISHED, FINISHED, FINISHED, REJECTED, FINISHED, REJECTED);
}

/* The first needs 4 s. The second, behind it, would have its first token at 5. */
static void clients_leave_when_they_have_waited_for_too_long(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 1, 1);
    pool.admission.ttft_timeout = 1.25;
    const batching_requests requests = requests_of(2, NULL, LENGTHS(4, 4), TIMES(0, 0.5));
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, FINISHED, LATE);
    assert_column(told.end_time, 4, 1.75);
    /* The first leaves at the end of its iteration, and the second has from 3 to 3.25 of its own 2.75 s. */
    pool.admission.ttft_timeout = 0;
    pool.admission.e2e_timeout = 2.75;
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, LATE, LATE);
    assert_column(told.end_time, 3, 4);
    assert_int_equal(told.summary.aborted, 2);
}

static void set_faults(struct pool *pool, int64_t count, const double *time, const int32_t *replica,
                       const int32_t *kind) {
    pool->faults.fault_count = count;
    pool->faults.fault_time = time;
    pool->faults.fault_replica = replica;
    pool->faults.fault_kind = kind;
    pool->config.faults = &pool->faults;
}

enum { DOWN = BATCHING_FAULT_KIND_DOWN, UP = BATCHING_FAULT_KIND_UP, SLOW = BATCHING_FAULT_KIND_SLOW };

/*
 * Request 0 goes to replica 0, which is lost at 1.5; after 0.5 s it is sent to replica 1, which is lost at 3.25 with both requests.
 * Request 0 waits 3 times as long, but at most 1 s, and finds none up at 4.25: it has had its two retries. Request 1 finds none at
 * 3.75, waits 1 s, and at 4.75 replica 0 is back, since 4.5: it begins anew, and has its 4 tokens at 8.75.
 */
static void what_is_lost_is_sent_again_as_often_as_is_said(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 2, 4);
    pool.admission.retries = 2;
    pool.admission.retry_base = 0.5;
    pool.admission.retry_factor = 3;
    pool.admission.retry_cap = 1;
    pool.admission.retry_jitter = -1;
    set_faults(&pool, 3, TIMES(1.5, 3.25, 4.5), LENGTHS(0, 1, 0), LENGTHS(DOWN, DOWN, UP));
    const batching_requests requests = requests_of(2, NULL, LENGTHS(4, 4), NULL);
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, LOST, FINISHED);
    assert_column(told.end_time, 4.25, 8.75);
    assert_column(told.attempts, 3, 3);
    assert_int_equal(told.replica[1], 0);
    assert_double_equal(told.routed_time[1], 4.75);
    assert_double_equal(told.start_time[1], 4.75);
    assert_double_equal(told.first_token_time[1], 5.75);
    /* 1.5 s, and from 4.5 s to the end. */
    assert_column(told.up_time, 5.75, 3.25);
    assert_int_equal(told.summary.aborted, 1);

    /* Without retries what was there is lost at once. */
    pool.admission.retries = 0;
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, LOST, LOST);
    assert_column(told.end_time, 1.5, 3.25);
    assert_column(told.attempts, 1, 1);
}

/*
 * Replica 0 is lost at 1, and the router learns it at 3. In turn it sends request 2 there, which is lost as it comes at 1.5. At 3.5 only
 * replica 1 is up.
 */
static void the_router_learns_later_what_was_lost(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 2, 4);
    pool.faults.notice_delay = 2;
    set_faults(&pool, 1, TIMES(1), LENGTHS(0), NULL);
    const batching_requests requests = requests_of(5, NULL, LENGTHS(2, 2, 2, 2, 2), TIMES(0, 0.25, 1.5, 2, 3.5));
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.status, LOST, FINISHED, LOST, FINISHED, FINISHED);
    assert_column(told.attempts, 1, 1, 1, 1, 1);
    assert_int_equal(told.replica[1], 1);
    assert_int_equal(told.replica[3], 1);
    assert_int_equal(told.replica[4], 1);
    assert_int_equal(told.requests[1], 3);
    assert_double_equal(told.end_time[0], 1);
    assert_double_equal(told.end_time[2], 1.5);
}

/* The iteration of 0 to 1 goes on as it was; each later one takes 2.5 s, until the replica is lost. Once it is back it is as before. */
static void a_slow_replica_takes_longer_from_its_next_iteration_on(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 1, 4);
    set_faults(&pool, 3, TIMES(0.5, 6.5, 7), LENGTHS(0, 0, 0), LENGTHS(SLOW, DOWN, UP));
    pool.faults.fault_factor = TIMES(2.5, 1, 1);
    const batching_requests requests = requests_of(2, NULL, LENGTHS(3, 2), TIMES(0, 8));
    run_fleet(&told, &pool.config, &requests);
    assert_column(told.first_token_time, 1, 9);
    assert_column(told.end_time, 6, 10);
}

/*
 * One slot a replica, 4 s a request; five are there from the start, on replica 0. The autoscaler looks every 3.5 s, and wants a replica
 * for every two that wait.
 *
 *    3.5  four wait: 2 replicas. Replica 1 is ready at 4.5
 *    5.25 request 5, of 8 s, goes there
 *    7    three wait: 2
 *   10.5  two wait: 1. Replica 1 is not wanted, and has request 5 until 13.25
 *   11    request 6, of 2 s, goes to replica 0 all the same, where three are
 *   14    two wait: 1
 *   17.5  one waits: 1
 *   21    none waits, and 1 is the least. The last one ends at 22
 */
static void an_autoscaler_adds_replicas_and_takes_them_away(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 3, 1);
    pool.router.router = BATCHING_ROUTER_LEAST_REQUESTS;
    INITIALIZED(batching_autoscaler_config, autoscaler);
    autoscaler.autoscaler = BATCHING_AUTOSCALER_QUEUE_LENGTH;
    autoscaler.max_replicas = 3;
    autoscaler.target = 2;
    autoscaler.interval = 3.5;
    autoscaler.down_window = -1;
    INITIALIZED(batching_fleet_scaling_config, scaling);
    scaling.autoscaler = &autoscaler;
    scaling.initial_replicas = 1;
    scaling.startup_time = 1;
    pool.config.scaling = &scaling;
    const batching_requests requests =
        requests_of(7, NULL, LENGTHS(4, 4, 4, 4, 4, 8, 2), TIMES(0, 0, 0, 0, 0, 5.25, 11));
    run_fleet(&told, &pool.config, &requests);
    assert_int_equal(told.scaling_count, 6);
    assert_column(told.scaling_time, 3.5, 7, 10.5, 14, 17.5, 21);
    assert_column(told.scaling_replicas, 2, 2, 1, 1, 1, 1);
    assert_column(told.replica, 0, 0, 0, 0, 0, 1, 0);
    assert_column(told.end_time, 4, 8, 12, 16, 20, 13.25, 22);
    /* From the decision at 3.5 on, the start included, until 13.25. */
    assert_column(told.up_time, 22, 9.75, 0);

    /* Beyond their room decisions are counted, and not written. */
    told_init(&told);
    told.fleet_results.scaling_capacity = 2;
    const double untouched = told.scaling_time[2];
    assert_succeeds(batching_fleet_simulate(&pool.config, &requests, NULL, &told.fleet_results, NULL));
    assert_int_equal(told.scaling_count, 6);
    assert_column(told.scaling_time, 3.5, 7, untouched);
    assert_memory_equal(&told.scaling_time[2], &untouched, sizeof untouched);
}

/* What a router of the caller's was shown, and what it answers. */
struct asked {
    int calls, stops_at;
    int64_t answer[FEW];
    batching_router_view view[FEW];
    int32_t is_up[FEW][2];
    int64_t in_flight[FEW][2], queued_tokens[FEW][2], waiting[FEW][2], running[FEW][2], cached_tokens[FEW][2];
    double kv_use[FEW][2];
};

static int32_t answer(const batching_router_view *view, int64_t *worker, void *user_data) {
    struct asked *asked = user_data;
    const int call = asked->calls++;
    asked->view[call] = *view;
    for (int at = 0; at < 2; at++) {
        asked->is_up[call][at] = view->is_up[at];
        asked->in_flight[call][at] = view->in_flight[at];
        asked->queued_tokens[call][at] = view->queued_tokens[at];
        asked->waiting[call][at] = view->waiting[at];
        asked->running[call][at] = view->running[at];
        asked->cached_tokens[call][at] = view->cached_tokens[at];
        asked->kv_use[call][at] = view->kv_use[at];
    }
    *worker = asked->answer[call];
    return asked->calls == asked->stops_at;
}

/*
 * One slot a replica. Request 0 is on replica 1 from 0 to 4, with 32 prompt tokens in 2 of 100 blocks, and a third for what it
 * generates. Request 1 comes at 0.5, and waits for it. Request 2 begins as request 0 by one block, which replica 1 has cached by 2.5;
 * it goes to replica 0. Replica 0 is lost at 3, and request 3 at 3.25 can only go to replica 1.
 */
static void a_router_of_the_callers_sees_the_replicas(void **state) {
    (void)state;
    static struct pool pool;
    static struct told told;
    make(&pool, 2, 1);
    /* One of them is the null block of vLLM. */
    pool.engine.num_gpu_blocks = 101;
    pool.engine.enable_prefix_caching = 1;
    set_faults(&pool, 1, TIMES(3), LENGTHS(0), NULL);
    static struct asked asked = {.answer = {1, 1, 0, 1}};
    pool.config.chooser = BATCHING_CHOOSER_CALLBACK;
    pool.config.router_callback = answer;
    pool.config.router_user_data = &asked;
    batching_requests requests = requests_of(4, LENGTHS(32, 16, 32, 16), LENGTHS(4, 1, 4, 1), TIMES(0, 0.5, 2.5, 3.25));
    requests.hash_offsets = (const int64_t[]){0, 2, 3, 5, 6};
    requests.hash_ids = (const int64_t[]){1, 2, 3, 1, 4, 5};
    requests.session = (const int64_t[]){7, 8, 9, 10};
    run_fleet(&told, &pool.config, &requests);
    assert_int_equal(asked.calls, 4);
    for (int call = 0; call < 4; call++) {
        /* Of the library, which may know fewer fields than this program; but not than the first had. */
        assert_in_range(asked.view[call].struct_size, 112, sizeof(batching_router_view));
        assert_int_equal(asked.view[call].request, call);
        assert_double_equal(asked.view[call].time, requests.arrival_time[call]);
        assert_int_equal(asked.view[call].prompt_length, requests.prompt_length[call]);
        assert_int_equal(asked.view[call].output_length, requests.output_length[call]);
        assert_int_equal(asked.view[call].session, 7 + call);
        assert_int_equal(asked.view[call].count, 2);
        assert_column(asked.is_up[call], call < 3, 1);
    }
    assert_column(asked.in_flight[0], 0, 0);
    assert_column(asked.in_flight[1], 0, 1);
    assert_column(asked.in_flight[2], 0, 2);
    assert_column(asked.queued_tokens[1], 0, 32);
    assert_column(asked.queued_tokens[2], 0, 16);
    assert_column(asked.running[1], 0, 1);
    assert_column(asked.waiting[1], 0, 0);
    assert_column(asked.running[2], 0, 1);
    assert_column(asked.waiting[2], 0, 1);
    /* At 2.5 two tokens are generated, and the third is in the iteration: a third block. */
    assert_column(asked.kv_use[2], 0, 0.03);
    assert_column(asked.cached_tokens[1], 0, 0);
    assert_column(asked.cached_tokens[2], 0, 16);
    assert_column(told.requests, 1, 3);
    assert_column(told.status, FINISHED, FINISHED, LOST, FINISHED);
    assert_column(told.end_time, 4, 5, 3, 6);

    /* One that is down, and one that is not there, cannot be chosen. */
    asked = (struct asked){.answer = {1, 1, 0, 0}};
    told_init(&told);
    assert_fails(batching_fleet_simulate(&pool.config, &requests, &told.results, NULL, NULL),
                 BATCHING_ERROR_INVALID_ARGUMENT, "router_callback's answer for request 3 is 0");
    asked = (struct asked){.answer = {1, -1}};
    assert_fails(batching_fleet_simulate(&pool.config, &requests, &told.results, NULL, NULL),
                 BATCHING_ERROR_INVALID_ARGUMENT, "router_callback's answer for request 1 is -1");
    /* Another answer than 0 stops the run. */
    asked = (struct asked){.answer = {1, 1, 0, 1}, .stops_at = 2};
    assert_fails(batching_fleet_simulate(&pool.config, &requests, NULL, NULL, NULL), BATCHING_ERROR_CANCELLED,
                 "router_callback");
    assert_int_equal(asked.calls, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet_takes_so_many_requests_at_a_time),
        cmocka_unit_test(a_fleet_takes_so_many_prompt_tokens_at_a_time),
        cmocka_unit_test(a_token_bucket_fills_and_is_emptied),
        cmocka_unit_test(what_is_too_much_waits_for_its_turn),
        cmocka_unit_test(what_is_less_urgent_is_shed_while_queues_are_long),
        cmocka_unit_test(clients_leave_when_they_have_waited_for_too_long),
        cmocka_unit_test(what_is_lost_is_sent_again_as_often_as_is_said),
        cmocka_unit_test(the_router_learns_later_what_was_lost),
        cmocka_unit_test(a_slow_replica_takes_longer_from_its_next_iteration_on),
        cmocka_unit_test(an_autoscaler_adds_replicas_and_takes_them_away),
        cmocka_unit_test(a_router_of_the_callers_sees_the_replicas),
    };
    return cmocka_run_group_tests_name("fleet_operations", tests, NULL, NULL);
}
