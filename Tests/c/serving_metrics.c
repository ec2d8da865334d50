/* The metrics of a serving run, on three requests to check by hand. */
#include "engine_support.h"

/*
 * Three requests: tokens at 0.5, 0.625, 0.75, 0.875 and 1.0; at 1.0, 1.25 and 1.5; at 1.25. They arrive at 0.0, 0.25
 * and 1.0. TTFT 0.5, 0.75, 0.25; TPOT 0.125, 0.25, none; E2E 1.0, 1.25, 0.25.
 */
static const double ARRIVALS[] = {0.0, 0.25, 1.0}, FIRST_TOKENS[] = {0.5, 1.0, 1.25}, ENDS[] = {1.0, 1.5, 1.25};
static const double TOKENS[] = {0.5, 0.625, 0.75, 0.875, 1.0, 1.0, 1.25, 1.5, 1.25};
static const int64_t OFFSETS[] = {0, 5, 8, 9};
static const int32_t PROMPTS[] = {10, 20, 30}, OUTPUTS[] = {5, 3, 1};

static batching_recorded three(void) {
    INITIALIZED(batching_recorded, recorded);
    recorded.count = 3;
    recorded.arrival_time = ARRIVALS;
    recorded.first_token_time = FIRST_TOKENS;
    recorded.end_time = ENDS;
    recorded.prompt_length = PROMPTS;
    recorded.output_length = OUTPUTS;
    recorded.token_times = TOKENS;
    recorded.token_offsets = OFFSETS;
    return recorded;
}

static void distributions_and_throughputs(void **state) {
    (void)state;
    batching_recorded recorded = three();
    static const double percentiles[] = {100.0, 50.0, 25.0};
    INITIALIZED(batching_serving_metrics_config, options);
    options.percentiles = percentiles;
    options.percentile_count = 3;
    double of_ttft[3];
    INITIALIZED(batching_distribution, ttft);
    INITIALIZED(batching_distribution, tpot);
    INITIALIZED(batching_distribution, itl);
    ttft.percentiles = of_ttft;
    INITIALIZED(batching_serving_metrics, metrics);
    metrics.ttft = &ttft;
    metrics.tpot = &tpot;
    metrics.itl = &itl;
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_true(metrics.duration == 1.5);
    assert_int_equal(metrics.completed, 3);
    assert_int_equal(metrics.total_input_tokens, 60);
    assert_int_equal(metrics.total_output_tokens, 9);
    assert_true(metrics.request_throughput == 2.0 && metrics.total_token_throughput == 46.0);
    assert_true(isnan(metrics.request_goodput) && isnan(metrics.slo_attainment));
    assert_int_equal(ttft.count, 3);
    assert_true(ttft.mean == 0.5 && ttft.min == 0.25 && ttft.max == 0.75 && ttft.sum == 1.5);
    assert_true(of_ttft[0] == 0.75 && of_ttft[1] == 0.5 && of_ttft[2] == 0.375);
    assert_int_equal(tpot.count, 2);
    assert_true(tpot.mean == 0.1875 && tpot.std == 0.0625 && tpot.median == 0.1875);
    assert_int_equal(itl.count, 6);
    assert_true(itl.max == 0.25 && itl.min == 0.125);
}

/* TTFT of at most 0.5: the first with equality, and the third; its TPOT counts as met, but not for AIPerf. */
static void objectives_are_met_with_equality(void **state) {
    (void)state;
    batching_recorded recorded = three();
    INITIALIZED(batching_serving_metrics_config, options);
    options.slo_ttft = 0.5;
    options.slo_tpot = 0.15;
    INITIALIZED(batching_serving_metrics, metrics);
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_int_equal(metrics.good, 2);
    assert_true(metrics.request_goodput == 2 / 1.5 && metrics.slo_attainment == 2 / 3.0);
    assert_true(metrics.slo_attainment_tpot == 2 / 3.0 && isnan(metrics.slo_attainment_e2e));
    options.convention = BATCHING_CONVENTION_AIPERF;
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_int_equal(metrics.good, 1);
}

/*
 * Slots for one, iterations of 1 s, until 4 s: request 0 ends at 2, request 1 runs from 2 and request 2 waits when the
 * run ends, request 3 would have come at 9, and request 4 is too long. Of the four that were sent one has an answer.
 */
static void requests_without_an_answer_have_failed(void **state) {
    (void)state;
    struct engine engine;
    engine_init(&engine, 5);
    engine.requests.output_length = LENGTHS(2, 5, 5, 1, 1);
    engine.requests.prompt_length = LENGTHS(1, 1, 1, 1, 99);
    engine.requests.arrival_time = TIMES(0.0, 0.0, 0.5, 9.0, 3.5);
    engine.config.max_num_seqs = 1;
    engine.config.max_model_len = 50;
    engine.config.time_limit = 4.0;
    engine_run(&engine);
    assert_true(engine.summary.duration == 4.0);

    double arrival[5], end[5];
    int32_t output[5];
    uint8_t success[5];
    INITIALIZED(batching_recorded, recorded);
    recorded.arrival_time = arrival;
    recorded.end_time = end;
    recorded.output_length = output;
    recorded.success = success;
    for (int index = 0; index < 5; index++) {
        if (engine.status[index] == BATCHING_REQUEST_UNFINISHED &&
            engine.requests.arrival_time[index] > engine.summary.duration) {
            continue;
        }
        arrival[recorded.count] = engine.requests.arrival_time[index];
        end[recorded.count] = engine.end_time[index];
        output[recorded.count] = engine.tokens_generated[index];
        success[recorded.count++] = engine.status[index] == BATCHING_REQUEST_FINISHED;
    }
    INITIALIZED(batching_serving_metrics_config, options);
    options.slo_e2e = 3.75;
    INITIALIZED(batching_serving_metrics, metrics);
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_true(metrics.completed == 1 && metrics.failed == 3 && metrics.judged == 4 && metrics.good == 1);
    assert_true(metrics.slo_attainment == 0.25 && metrics.slo_attainment_e2e == 0.25);
    /* Due at 4 s, and not a nanosecond later: those that arrived by 0.25 s, one of which has failed. */
    options.slo_due_by = 4.0;
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_true(metrics.failed == 3 && metrics.judged == 2 && metrics.slo_attainment == 0.5);
    /* The longer objective counts. None was due at 1 s: not even the request that was answered is judged. */
    options.slo_ttft = 1.0;
    options.slo_due_by = 1.0;
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_true(metrics.judged == 0 && metrics.good == 0 && metrics.slo_attainment == 0.0);
    options.slo_due_by = -1.0;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "slo_due_by is -1.0");
}

static void mistakes_are_named_and_nothing_is_written(void **state) {
    (void)state;
    INITIALIZED(batching_distribution, ttft);
    INITIALIZED(batching_serving_metrics, metrics);
    metrics.ttft = &ttft;
    double of_ttft[1] = {-7.0};
    ttft.percentiles = of_ttft;
    static const double bad_percentile[] = {100.5};
    INITIALIZED(batching_serving_metrics_config, options);
    batching_recorded recorded = three();
    options.percentiles = bad_percentile;
    options.percentile_count = 1;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "percentiles[0] is 100.5");
    options.percentiles = NULL;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_NULL_POINTER,
                 "percentiles is NULL");
    options.percentile_count = 0;
    options.convention = 7;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "convention is 7: must be one of 0, 100, 200");
    options.convention = 0;
    options.percentile_method = 1;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "percentile_method is 1");
    options.percentile_method = 0;
    options.slo_itl = NAN;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "slo_itl is nan");
    options.slo_itl = 0.0;
    recorded.token_offsets = NULL;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_NULL_POINTER,
                 "token_offsets is NULL");
    recorded = three();
    static const int64_t falling[] = {0, 5, 4, 9};
    recorded.token_offsets = falling;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "token_offsets[2] is 4");
    recorded = three();
    static const uint8_t strange[] = {1, 2, 0};
    recorded.success = strange;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "success[1] is 2");
    recorded = three();
    recorded.end_time = NULL;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_NULL_POINTER,
                 "recorded.end_time is NULL");
    recorded.count = -1;
    recorded.end_time = ENDS;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "recorded.count is -1");
    assert_fails(batching_serving_metrics_calculate(NULL, &options, &metrics), BATCHING_ERROR_NULL_POINTER,
                 "recorded is NULL");
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, NULL), BATCHING_ERROR_NULL_POINTER,
                 "metrics is NULL");
    const double values[] = {1.0, NAN};
    assert_fails(batching_distribution_calculate(2, values, NULL, &ttft), BATCHING_ERROR_INVALID_ARGUMENT,
                 "values[1] is nan");
    assert_fails(batching_distribution_calculate(2, NULL, NULL, &ttft), BATCHING_ERROR_NULL_POINTER, "values is NULL");
    assert_true(of_ttft[0] == -7.0 && ttft.count == 0 && metrics.completed == 0);
}

/*
 * The first of the three waited 0.25 s at its client before it came at 0.5, the second is not known, the third was sent
 * as it arrived. Of one that has failed the wait is known, but is in no sample.
 */
static void the_wait_at_the_client_comes_before_the_arrival(void **state) {
    (void)state;
    batching_recorded recorded = three();
    static const double arrivals[] = {0.5, 0.75, 1.0};
    double clients[] = {0.25, NAN, 1.0};
    recorded.arrival_time = arrivals;
    recorded.client_arrival_time = clients;
    static const double percentiles[] = {100.0, 25.0};
    INITIALIZED(batching_serving_metrics_config, options);
    options.percentiles = percentiles;
    options.percentile_count = 2;
    double of_queue[2], of_e2e[2];
    INITIALIZED(batching_distribution, queue);
    INITIALIZED(batching_distribution, with_queue);
    INITIALIZED(batching_distribution, e2e);
    queue.percentiles = of_queue;
    with_queue.percentiles = of_e2e;
    INITIALIZED(batching_serving_metrics, metrics);
    metrics.client_queue_time = &queue;
    metrics.e2e_including_client_queue = &with_queue;
    metrics.e2e = &e2e;
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_int_equal(queue.count, 2);
    assert_true(queue.max == 0.25 && queue.min == 0.0 && queue.sum == 0.25 && queue.median == 0.125);
    assert_true(of_queue[0] == 0.25 && of_queue[1] == 0.0625);
    /* 1.0 - 0.25 and 1.25 - 1.0. */
    assert_int_equal(with_queue.count, 2);
    assert_true(with_queue.max == 0.75 && with_queue.min == 0.25 && with_queue.mean == 0.5);
    assert_true(of_e2e[0] == 0.75 && of_e2e[1] == 0.375);
    /* The other metrics begin where the request was sent. */
    assert_true(e2e.count == 3 && e2e.max == 0.75 && e2e.min == 0.25 && e2e.sum == 1.5);
    assert_true(metrics.duration == 1.0);

    static const uint8_t success[] = {0, 1, 1};
    recorded.success = success;
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_true(queue.count == 1 && queue.max == 0.0 && with_queue.max == 0.25);
    /* Nor are they known at all. */
    recorded.client_arrival_time = NULL;
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    assert_true(queue.count == 0 && with_queue.count == 0 && queue.max == 0.0 && of_e2e[0] == 0.0);

    recorded.client_arrival_time = clients;
    /* Also of a request that has failed. Less than half a nanosecond later is the same time. */
    clients[0] = 0.5 + 0.4e-9;
    assert_succeeds(batching_serving_metrics_calculate(&recorded, &options, &metrics));
    clients[0] = 0.5 + 0.6e-9;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "client_arrival_time[0] is 0.5000000006: must not be after arrival_time[0], which is 0.5");
    clients[0] = -1.0;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "client_arrival_time[0] is -1.0: must be between 0 and 9223372036 seconds");
    clients[0] = 0.0;
    clients[2] = INFINITY;
    assert_fails(batching_serving_metrics_calculate(&recorded, &options, &metrics), BATCHING_ERROR_INVALID_ARGUMENT,
                 "client_arrival_time[2] is inf");
}

/* An accumulator is told of no clients: their distributions are empty, and all of their fields are written. */
static void an_accumulator_knows_no_clients(void **state) {
    (void)state;
    batching_accumulator *live;
    assert_succeeds(batching_accumulator_create(NULL, &live));
    assert_succeeds(batching_accumulator_arrived(live, 1, 0.0, 5));
    assert_succeeds(batching_accumulator_tokens(live, 1, 1.0, 1));
    assert_succeeds(batching_accumulator_finished(live, 1, 2.0, BATCHING_FINISHED_STOP));
    static const double percentiles[] = {50.0};
    INITIALIZED(batching_serving_metrics_config, options);
    options.percentiles = percentiles;
    options.percentile_count = 1;
    INITIALIZED(batching_serving_metrics, metrics);
    double of_queue[1] = {-7.0};
    INITIALIZED(batching_distribution, queue);
    INITIALIZED(batching_distribution, with_queue);
    INITIALIZED(batching_distribution, e2e);
    queue.percentiles = of_queue;
    queue.count = with_queue.count = -7;
    queue.mean = with_queue.max = -7.0;
    metrics.client_queue_time = &queue;
    metrics.e2e_including_client_queue = &with_queue;
    metrics.e2e = &e2e;
    for (int32_t scope = BATCHING_ACCUMULATOR_START; scope <= BATCHING_ACCUMULATOR_WINDOW;
         scope += BATCHING_ACCUMULATOR_WINDOW - BATCHING_ACCUMULATOR_START) {
        assert_succeeds(batching_accumulator_measure(live, scope, &options, &metrics));
        assert_true(e2e.count == 1 && e2e.max == 2.0);
        assert_true(queue.count == 0 && queue.mean == 0.0 && of_queue[0] == 0.0);
        assert_true(with_queue.count == 0 && with_queue.max == 0.0);
    }
    assert_succeeds(batching_accumulator_destroy(live));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions_and_throughputs),
        cmocka_unit_test(objectives_are_met_with_equality),
        cmocka_unit_test(requests_without_an_answer_have_failed),
        cmocka_unit_test(mistakes_are_named_and_nothing_is_written),
        cmocka_unit_test(the_wait_at_the_client_comes_before_the_arrival),
        cmocka_unit_test(an_accumulator_knows_no_clients),
    };
    return cmocka_run_group_tests_name("serving_metrics", tests, NULL, NULL);
}
