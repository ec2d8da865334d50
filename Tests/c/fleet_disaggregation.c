/* Prefill and decode apart, by hand: iterations of a second, and transfers whose bytes and bandwidth are round numbers. */
#include "fleet_support.h"

/* One replica that prefills, 0, and some that decode, from 1 on. */
struct apart {
    batching_engine_config engine;
    const batching_engine_config *engines[2];
    int64_t replicas[2];
    int32_t roles[2];
    batching_disaggregation_config disaggregation;
    batching_fleet_config config;
};

static void make(struct apart *apart, int64_t targets) {
    apart->engine = a_second();
    apart->engines[0] = apart->engines[1] = &apart->engine;
    apart->replicas[0] = 1;
    apart->replicas[1] = targets;
    apart->roles[0] = BATCHING_ROLE_PREFILL;
    apart->roles[1] = BATCHING_ROLE_DECODE;
    assert_succeeds(batching_disaggregation_config_init(&apart->disaggregation, sizeof apart->disaggregation));
    apart->disaggregation.preset = BATCHING_PRESET_VLLM_NIXL;
    apart->disaggregation.kv_bytes_per_token = 1000;
    apart->disaggregation.link_bandwidth = 192000;
    assert_succeeds(batching_fleet_config_init(&apart->config, sizeof apart->config));
    apart->config.pool_count = 2;
    apart->config.engine = apart->engines;
    apart->config.replicas = apart->replicas;
    apart->config.role = apart->roles;
    apart->config.disaggregation = &apart->disaggregation;
}

/* The first comes at 0 and has 96 prompt and 3 output tokens, the second at 0.5 and has 48 and 2. */
static batching_requests two_requests(void) {
    static const int32_t prompt[] = {96, 48}, output[] = {3, 2};
    static const double arrival[] = {0, 0.5};
    return requests_of(2, prompt, output, arrival);
}

/*
 * The first prompt is computed until 1. The target is idle and reserves at once; 96 tokens of 1,000 bytes at 192,000 bytes
 * a second and the latency take 0.5 + 0.25 s: it is there at 1.75, and has its tokens at 2.75, 3.75 and 4.75. The source
 * reads another prompt from 1 to 2, and frees the blocks that were sent by 1.75 then.
 *
 * The second prompt is done at 2. The target is in an iteration until 2.75, and reserves after it; 48 tokens take
 * 0.25 + 0.25 s, until 3.25, when the source, which is idle, frees them. The target takes it in between two iterations, at
 * 3.75, and it has its tokens at 4.75 and 5.75.
 */
static void each_step_of_a_hand_over_has_its_time(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 1);
    apart.disaggregation.link_latency = 0.25;
    const batching_requests requests = two_requests();
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.routed_time, 0, 0.5);
    assert_column(told.held_time, 1, 2);
    assert_column(told.reserved_time, 1, 2.75);
    assert_column(told.activated_time, 1.75, 3.75);
    assert_column(told.decode_start_time, 1.75, 3.75);
    assert_column(told.first_token_time, 2.75, 4.75);
    assert_column(told.end_time, 4.75, 5.75);
    assert_column(told.released_time, 2, 3.25);
    assert_column(told.prefill_replica, 0, 0);
    assert_column(told.replica, 1, 1);
    /* From held_time to activated_time. */
    assert_column(told.transfer, 0.75, 1.75);
    assert_column(told.waiting_for_decode, 0, 0);

    /* Without bytes a transfer takes the latency: from 1 to 1.25, and, as the target reserves at 2.25, to 2.5. */
    apart.disaggregation.kv_bytes_per_token = apart.disaggregation.link_bandwidth = 0;
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.activated_time, 1.25, 3.25);
    assert_column(told.released_time, 2, 2.5);
}

/*
 * As above, but the target has one slot, which the first request holds until 4.75, and Dynamo reserves all the same: the second is
 * there at 3.75, and decodes from 4.75 on. The source frees only as it is there.
 */
static void a_request_may_wait_for_a_slot_where_it_decodes(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 1);
    batching_engine_config narrow = a_second();
    narrow.max_num_seqs = 1;
    apart.engines[1] = &narrow;
    apart.disaggregation.preset = BATCHING_PRESET_DYNAMO;
    apart.disaggregation.link_latency = 0.25;
    const batching_requests requests = two_requests();
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.reserved_time, 1, 2.75);
    assert_column(told.activated_time, 1.75, 3.75);
    assert_column(told.decode_start_time, 1.75, 4.75);
    assert_column(told.waiting_for_decode, 0, 1);
    assert_column(told.first_token_time, 2.75, 5.75);
    assert_column(told.end_time, 4.75, 6.75);
    assert_column(told.released_time, 2, 3.75);
}

/* With that of the source, which it has at held_time, only the others are to come from the target. */
static void the_first_token_may_come_from_the_source(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 1);
    apart.disaggregation.first_token = BATCHING_FIRST_TOKEN_PREFILL;
    const batching_requests requests = two_requests();
    run_fleet(&told, &apart.config, &requests);
    /* Sent by 1.5: tokens at 2.5 and 3.5. The second is reserved at 2.5, sent by 2.75, and has its other token after 3.5. */
    assert_column(told.first_token_time, 1, 2);
    assert_column(told.activated_time, 1.5, 3.5);
    assert_column(told.end_time, 3.5, 4.5);
}

/*
 * Two prompts are done in one iteration, at 1: 96,000 bytes for the first target and 48,000 for the second. Alone they take 0.5
 * and 0.25 s. In equal parts the second takes 0.5 s; then the first has 48,000 bytes left, for 0.25 s of the whole bandwidth.
 * The source is idle from 1 on, and frees what is sent.
 */
static void transfers_share_what_they_are_said_to_share(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 2);
    const batching_requests requests = requests_of(2, LENGTHS(96, 48), LENGTHS(1, 1), NULL);
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.replica, 1, 2);
    assert_column(told.released_time, 1.5, 1.25);
    apart.disaggregation.sharing = BATCHING_SHARING_PAIR;
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.released_time, 1.5, 1.25);
    apart.disaggregation.sharing = BATCHING_SHARING_SOURCE;
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.released_time, 1.75, 1.5);
    /* To one target both share the pair, too. */
    make(&apart, 1);
    apart.disaggregation.sharing = BATCHING_SHARING_PAIR;
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.released_time, 1.75, 1.5);
}

/* 100 tokens at 0.005 s; or the blocks that they are in, 7 of 16 tokens. */
static void whole_blocks_or_the_tokens_are_sent(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 1);
    apart.disaggregation.link_bandwidth = 200000;
    const batching_requests requests = requests_of(1, LENGTHS(100), LENGTHS(1), NULL);
    apart.disaggregation.transfer_tokens = BATCHING_TRANSFER_TOKENS_FULL;
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.transfer, 0.5);
    apart.disaggregation.transfer_tokens = BATCHING_TRANSFER_TOKENS_MISSING;
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.transfer, 0.56);
}

/* A prompt of fewer than decider_tokens is left to the target: it has no source, and no hand-over. */
static void the_decider_leaves_short_prompts_whole(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 1);
    apart.disaggregation.decider = BATCHING_DECIDER_PREFIX_THRESHOLD;
    apart.disaggregation.decider_tokens = 60;
    const batching_requests requests = two_requests();
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.prefill_replica, 0, -1);
    assert_column(told.held_time, 1, NAN);
    /*
     * The second is on the target from 0.5 to 2.5. So the target reserves for the first at 1.5, which is sent by 2, and taken
     * in at 2.5.
     */
    assert_column(told.start_time, 0, 0.5);
    assert_column(told.released_time, 2, NAN);
    assert_column(told.transfer, 1.5, NAN);
    assert_column(told.end_time, 5.5, 2.5);
}

/*
 * As in the first test the second prompt is done at 2, and the target could reserve at 2.75: with a lease of 0.5 s the source frees its
 * blocks at 2.5. The target computes the prompt itself, from 2.75 on, and has the tokens at 3.75 and 4.75.
 */
static void what_is_not_sent_within_the_lease_is_computed_again(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 1);
    apart.disaggregation.link_latency = 0.25;
    apart.disaggregation.lease = 0.5;
    const batching_requests requests = two_requests();
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.held_time, 1, 2);
    assert_column(told.released_time, 2, 2.5);
    assert_column(told.first_token_time, 2.75, 3.75);
    assert_column(told.end_time, 4.75, 4.75);
}

/*
 * Two targets, in turn. Target 1 is lost at 1.125, while the KV of the first request is on its way to it. The first is sent again at
 * 1.625: the source, which computes the second prompt from 1 to 2, computes it again until 3. The second decodes in target 2 from
 * 2.25 on. That is in an iteration until 3.25, and reserves then; a transfer takes 0.25 s, until 3.5, and the next iteration ends at
 * 4.25, with the second token of the second. So the first has its tokens at 5.25, 6.25 and 7.25.
 */
static void a_target_that_is_lost_takes_what_is_on_its_way(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 2);
    apart.disaggregation.link_latency = 0.25;
    apart.disaggregation.kv_bytes_per_token = apart.disaggregation.link_bandwidth = 0;
    INITIALIZED(batching_admission_config, admission);
    admission.retries = 1;
    admission.retry_base = 0.5;
    admission.retry_jitter = -1;
    INITIALIZED(batching_fault_config, faults);
    faults.fault_count = 1;
    faults.fault_time = TIMES(1.125);
    faults.fault_replica = LENGTHS(1);
    apart.config.admission = &admission;
    apart.config.faults = &faults;
    const batching_requests requests = two_requests();
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.status, BATCHING_REQUEST_FINISHED, BATCHING_REQUEST_FINISHED);
    assert_column(told.attempts, 2, 1);
    assert_column(told.replica, 2, 2);
    assert_column(told.held_time, 3, 2);
    assert_column(told.reserved_time, 3.25, 2);
    assert_column(told.activated_time, 4.25, 2.25);
    assert_column(told.end_time, 7.25, 4.25);

    /* Without a retry it is lost then, and all is free. */
    apart.config.admission = NULL;
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.status, BATCHING_REQUEST_LOST, BATCHING_REQUEST_FINISHED);
    assert_column(told.end_time, 1.125, 4.25);
    assert_column(told.held_time, NAN, 2);
    assert_int_equal(told.summary.aborted, 1);
}

/*
 * A transfer takes two seconds: that of the first request from 1 to 3, that of the second from 2 to 4. A target in which more than one
 * request waits is one too few; those wait there that are on their way. At 1.75 and 3.5 one is, at 5.25 none, at 2.5 both are.
 * Nothing waits at the source.
 */
static void each_role_has_an_autoscaler(void **state) {
    (void)state;
    static struct apart apart;
    static struct told told;
    make(&apart, 2);
    apart.disaggregation.kv_bytes_per_token = apart.disaggregation.link_bandwidth = 0;
    apart.disaggregation.link_latency = 2;
    INITIALIZED(batching_autoscaler_config, autoscaler);
    autoscaler.autoscaler = BATCHING_AUTOSCALER_QUEUE_LENGTH;
    autoscaler.target = 1;
    autoscaler.interval = 1.75;
    INITIALIZED(batching_fleet_scaling_config, scaling);
    scaling.autoscaler = &autoscaler;
    autoscaler.max_replicas = 2;
    apart.config.scaling = apart.config.decode_scaling = &scaling;
    const batching_requests requests = two_requests();
    run_fleet(&told, &apart.config, &requests);
    assert_int_equal(told.scaling_count, 6);
    assert_column(told.scaling_time, 1.75, 1.75, 3.5, 3.5, 5.25, 5.25);
    assert_column(told.scaling_replicas, 1, 1, 1, 1, 1, 1);
    assert_column(told.scaling_role, BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE);
    assert_column(told.up_time, 6, 6, 0);
    autoscaler.interval = 2.5;
    run_fleet(&told, &apart.config, &requests);
    assert_column(told.scaling_time, 2.5, 2.5);
    assert_column(told.scaling_replicas, 1, 2);
    assert_column(told.replica, 1, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_of_a_hand_over_has_its_time),
        cmocka_unit_test(a_request_may_wait_for_a_slot_where_it_decodes),
        cmocka_unit_test(the_first_token_may_come_from_the_source),
        cmocka_unit_test(transfers_share_what_they_are_said_to_share),
        cmocka_unit_test(whole_blocks_or_the_tokens_are_sent),
        cmocka_unit_test(the_decider_leaves_short_prompts_whole),
        cmocka_unit_test(what_is_not_sent_within_the_lease_is_computed_again),
        cmocka_unit_test(a_target_that_is_lost_takes_what_is_on_its_way),
        cmocka_unit_test(each_role_has_an_autoscaler),
    };
    return cmocka_run_group_tests_name("fleet_disaggregation", tests, NULL, NULL);
}
