/* Autoscalers: what each decides, by hand, and what all have in common. Against slow restatements and recordings:
 * Tests/conformance/autoscalers.py. */
#include <math.h>

#include "support.h"

static batching_autoscaler *created(const batching_autoscaler_config *config) {
    batching_autoscaler *autoscaler = NULL;
    assert_succeeds(batching_autoscaler_create(config, &autoscaler));
    return autoscaler;
}

static void destroy(batching_autoscaler *autoscaler) {
    assert_succeeds(batching_autoscaler_destroy(autoscaler));
}

static batching_autoscaler_config config_of(int32_t rule) {
    INITIALIZED(batching_autoscaler_config, config);
    config.autoscaler = rule;
    config.target = 10;
    config.max_kv_tokens = 1000;
    config.context_length = 1000;
    return config;
}

static batching_scaling_readings readings_of(double time, int64_t ready) {
    INITIALIZED(batching_scaling_readings, readings);
    readings.time = time;
    readings.count = ready;
    return readings;
}

static int64_t decided(batching_autoscaler *autoscaler, const batching_scaling_readings *readings) {
    int64_t desired = -7;
    assert_succeeds(batching_autoscaler_decide(autoscaler, readings, &desired));
    return desired;
}

/* What is decided where each of so many replicas has so many waiting requests. */
static int64_t with_waiting(batching_autoscaler *autoscaler, double time, int64_t ready, int64_t each) {
    int64_t waiting[64];
    assert_true(ready <= 64);
    for (int64_t i = 0; i < ready; i++) {
        waiting[i] = each;
    }
    batching_scaling_readings readings = readings_of(time, ready);
    readings.waiting = waiting;
    return decided(autoscaler, &readings);
}

/* --- hpa -----------------------------------------------------------------------------------------------------------*/

static void hpa_goes_up_at_once_and_down_after_its_window(void **state) {
    (void)state;
    const batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_HPA);
    batching_autoscaler *autoscaler = created(&config);
    /* 1.5 times the target in two: ceil(1.5 x 2). */
    assert_int_equal(with_waiting(autoscaler, 0, 2, 15), 3);
    assert_int_equal(with_waiting(autoscaler, 15, 3, 0), 3);
    assert_int_equal(with_waiting(autoscaler, 299.999999999, 3, 0), 3);
    /* What was wanted exactly 300 s ago is over. */
    assert_int_equal(with_waiting(autoscaler, 300, 3, 0), 1);
    destroy(autoscaler);
}

static void hpa_does_nothing_within_its_tolerance(void **state) {
    (void)state;
    const batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_HPA);
    batching_autoscaler *autoscaler = created(&config);
    assert_int_equal(with_waiting(autoscaler, 0, 4, 11), 4);
    assert_int_equal(with_waiting(autoscaler, 1, 4, 9), 4);
    assert_int_equal(with_waiting(autoscaler, 2, 4, 12), 5);
    destroy(autoscaler);
    batching_autoscaler_config strict = config;
    strict.tolerance = -1;
    autoscaler = created(&strict);
    assert_int_equal(with_waiting(autoscaler, 0, 4, 11), 5);
    destroy(autoscaler);
}

static void hpa_adds_no_more_than_it_may_in_a_period(void **state) {
    (void)state;
    const batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_HPA);
    batching_autoscaler *autoscaler = created(&config);
    /* 30 are wanted: 4 more are more than 100 % of 1. */
    assert_int_equal(with_waiting(autoscaler, 0, 1, 300), 5);
    assert_int_equal(with_waiting(autoscaler, 14, 5, 300), 5);
    /* The period has begun anew, with 5: 100 % more. */
    assert_int_equal(with_waiting(autoscaler, 15, 5, 300), 10);
    destroy(autoscaler);
}

static void hpa_removes_no_more_than_it_may_in_a_period(void **state) {
    (void)state;
    batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_HPA);
    config.down_window = -1;
    config.down_percent = 10;
    config.down_replicas = 2;
    config.down_period = 60;
    batching_autoscaler *autoscaler = created(&config);
    /* 10 % of 30 are more than 2. */
    assert_int_equal(with_waiting(autoscaler, 0, 30, 0), 27);
    assert_int_equal(with_waiting(autoscaler, 59, 27, 0), 27);
    /* Of 27 they would leave 24.3. */
    assert_int_equal(with_waiting(autoscaler, 60, 27, 0), 24);
    destroy(autoscaler);
}

static void hpa_counts_replicas_that_start_as_idle_and_never_turns_round(void **state) {
    (void)state;
    const batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_HPA);
    batching_autoscaler *autoscaler = created(&config);
    const int64_t waiting[2] = {30, 30};
    batching_scaling_readings readings = readings_of(0, 2);
    readings.waiting = waiting;
    readings.starting = 2;
    /* 60 in 4 are 1.5 times the target: ceil(1.5 x 4). */
    assert_int_equal(decided(autoscaler, &readings), 6);
    /* 60 in 7 are less than the target, but those in two were more. */
    readings.time = 15;
    readings.starting = 5;
    assert_int_equal(decided(autoscaler, &readings), 7);
    destroy(autoscaler);
}

static void hpa_takes_missing_values_for_what_moves_it_least(void **state) {
    (void)state;
    batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_HPA);
    config.scaling_metric = BATCHING_SCALING_METRIC_GIVEN;
    config.down_window = -1;
    batching_autoscaler *autoscaler = created(&config);
    batching_scaling_readings readings = readings_of(0, 4);
    /* Up: the missing is idle: 60 in 4, ceil(1.5 x 4). */
    readings.metric = (double[]){20, 20, 20, NAN};
    assert_int_equal(decided(autoscaler, &readings), 6);
    /* Down: it is at the target: 16 in 4, ceil(0.4 x 4). */
    readings.metric = (double[]){2, 2, 2, NAN};
    assert_int_equal(decided(autoscaler, &readings), 2);
    /* Nothing is measured: no change. */
    readings.metric = (double[]){NAN, NAN, NAN, NAN};
    assert_int_equal(decided(autoscaler, &readings), 4);
    destroy(autoscaler);
}

static void hpa_without_replicas_is_off(void **state) {
    (void)state;
    const batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_HPA);
    batching_autoscaler *autoscaler = created(&config);
    const batching_scaling_readings readings = readings_of(0, 0);
    assert_int_equal(decided(autoscaler, &readings), 0);
    destroy(autoscaler);
}

/* --- queue_length --------------------------------------------------------------------------------------------------*/

static void queue_length_goes_to_none_after_its_cooldown_and_back(void **state) {
    (void)state;
    batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_QUEUE_LENGTH);
    config.min_replicas = -1;
    batching_autoscaler *autoscaler = created(&config);
    batching_scaling_readings readings = readings_of(0, 0);
    assert_int_equal(decided(autoscaler, &readings), 0);
    readings.time = 30;
    readings.queued_requests = 35;
    assert_int_equal(decided(autoscaler, &readings), 1);
    /* ceil(35 / 10), within 4 more. */
    readings.time = 60;
    readings.count = 1;
    readings.waiting = (int64_t[]){0};
    assert_int_equal(decided(autoscaler, &readings), 4);
    readings.queued_requests = 0;
    readings.time = 360;
    assert_int_equal(decided(autoscaler, &readings), 1);
    /* More than 300 s since there was something last. */
    readings.time = 360.000000001;
    assert_int_equal(decided(autoscaler, &readings), 0);
    destroy(autoscaler);
}

/* --- dynamo_planner ------------------------------------------------------------------------------------------------*/

static void the_planner_goes_up_if_any_is_over_and_down_if_all_are_under(void **state) {
    (void)state;
    const batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_DYNAMO_PLANNER);
    batching_autoscaler *autoscaler = created(&config);
    batching_scaling_readings readings = readings_of(0, 2);
    readings.queued_prefill_tokens = (int64_t[]){0, 1000};
    assert_int_equal(decided(autoscaler, &readings), 3);
    readings.queued_prefill_tokens = (int64_t[]){0, 100};
    assert_int_equal(decided(autoscaler, &readings), 2);
    readings.queued_prefill_tokens = (int64_t[]){0, 99};
    assert_int_equal(decided(autoscaler, &readings), 1);
    /* A change is under way. */
    readings.starting = 1;
    assert_int_equal(decided(autoscaler, &readings), 3);
    destroy(autoscaler);
}

static void the_throughput_step_sets_a_floor_for_180_seconds(void **state) {
    (void)state;
    const batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_DYNAMO_PLANNER);
    batching_autoscaler *autoscaler = created(&config);
    batching_scaling_readings readings = readings_of(0, 2);
    readings.queued_prefill_tokens = (int64_t[]){0, 0};
    readings.demand = 11;
    readings.capacity = 2;
    /* ceil(11 / 2); the load step would have one. */
    assert_int_equal(decided(autoscaler, &readings), 6);
    readings.demand = 1;
    readings.time = 179;
    assert_int_equal(decided(autoscaler, &readings), 6);
    readings.time = 180;
    assert_int_equal(decided(autoscaler, &readings), 1);
    /* 8 GPUs are all that there are. */
    readings.demand = 100;
    readings.time = 360;
    assert_int_equal(decided(autoscaler, &readings), 8);
    destroy(autoscaler);
}

static void with_an_sla_all_must_be_late_to_go_up(void **state) {
    (void)state;
    batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_DYNAMO_PLANNER);
    config.scaling_target = BATCHING_SCALING_TARGET_SLA;
    batching_autoscaler *autoscaler = created(&config);
    batching_scaling_readings readings = readings_of(0, 2);
    readings.estimated_ttft = (double[]){0.6, 0.5};
    assert_int_equal(decided(autoscaler, &readings), 2);
    readings.estimated_ttft = (double[]){0.6, 0.51};
    assert_int_equal(decided(autoscaler, &readings), 3);
    /* With 0.1 of its own it may queue for 0.8 x 0.4 s. */
    readings.estimated_ttft = (double[]){0.2, 0.2};
    readings.own_ttft = (double[]){0.1, 0.1};
    readings.merged_ttft = (double[]){0.41, 0.43};
    assert_int_equal(decided(autoscaler, &readings), 2);
    readings.merged_ttft = (double[]){0.41, 0.41};
    assert_int_equal(decided(autoscaler, &readings), 1);
    destroy(autoscaler);
}

/* --- llm_d ---------------------------------------------------------------------------------------------------------*/

static void llm_d_compares_tokens_with_what_replicas_can_hold(void **state) {
    (void)state;
    const batching_autoscaler_config config = config_of(BATCHING_AUTOSCALER_LLM_D);
    batching_autoscaler *autoscaler = created(&config);
    batching_scaling_readings readings = readings_of(0, 1);
    readings.waiting = (int64_t[]){0, 0, 0};
    readings.kv_usage = (double[]){0.5};
    /* Of 800 tokens 500 are less than 85 % and more than 70 % less one replica. */
    assert_int_equal(decided(autoscaler, &readings), 1);
    /* 700 + 3 x 200: 1,300 / 0.85 are 730 more than 800. */
    readings.kv_usage = (double[]){0.7};
    readings.waiting = (int64_t[]){3};
    readings.mean_prompt_length = 200;
    assert_int_equal(decided(autoscaler, &readings), 2);
    /* 2,400 less 300 / 0.7 are 2.46 replicas. */
    readings.count = 3;
    readings.kv_usage = (double[]){0.1, 0.1, 0.1};
    readings.waiting = (int64_t[]){0, 0, 0};
    assert_int_equal(decided(autoscaler, &readings), 1);
    /* Where many wait, what is held is what can be: 400 each; 2 x (400 + 5 x 200) / 0.85 need 8.2. */
    readings.count = 2;
    readings.kv_usage = (double[]){0.4, 0.4};
    readings.waiting = (int64_t[]){5, 5};
    assert_int_equal(decided(autoscaler, &readings), 9);
    destroy(autoscaler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hpa_goes_up_at_once_and_down_after_its_window),
        cmocka_unit_test(hpa_does_nothing_within_its_tolerance),
        cmocka_unit_test(hpa_adds_no_more_than_it_may_in_a_period),
        cmocka_unit_test(hpa_removes_no_more_than_it_may_in_a_period),
        cmocka_unit_test(hpa_counts_replicas_that_start_as_idle_and_never_turns_round),
        cmocka_unit_test(hpa_takes_missing_values_for_what_moves_it_least),
        cmocka_unit_test(hpa_without_replicas_is_off),
        cmocka_unit_test(queue_length_goes_to_none_after_its_cooldown_and_back),
        cmocka_unit_test(the_planner_goes_up_if_any_is_over_and_down_if_all_are_under),
        cmocka_unit_test(the_throughput_step_sets_a_floor_for_180_seconds),
        cmocka_unit_test(with_an_sla_all_must_be_late_to_go_up),
        cmocka_unit_test(llm_d_compares_tokens_with_what_replicas_can_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
