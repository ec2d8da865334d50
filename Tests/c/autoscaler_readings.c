/* Autoscalers: every error of readings, with its sentence. What fails leaves the autoscaler, and the outputs, as they were. */
#include <math.h>
#include <stdio.h>

#include "autoscaler_support.h"

static void set_bad_reading(batching_scaling_readings *of, const char *field, double value) {
    static int64_t counts[2];
    static double numbers[2];
    counts[1] = value == INFINITY || isnan(value) ? 0 : (int64_t)value;
    numbers[1] = value;
    if (strncmp(field, "column ", 7) == 0) {
        field += 7;
#define COLUMN(name, column)                                                                                           \
    if (strcmp(field, #name) == 0) {                                                                                   \
        of->name = column;                                                                                             \
        return;                                                                                                        \
    }
        COLUMN(waiting, counts)
        COLUMN(running, counts)
        COLUMN(queued_prefill_tokens, counts)
        COLUMN(scheduled_kv_tokens, counts)
        COLUMN(queued_kv_tokens, counts)
        COLUMN(kv_usage, numbers)
        COLUMN(estimated_ttft, numbers)
        COLUMN(estimated_itl, numbers)
        COLUMN(merged_ttft, numbers)
        COLUMN(own_ttft, numbers)
        COLUMN(merged_itl, numbers)
        COLUMN(metric, numbers)
    }
    FIELD(double, time)
    FIELD(int64_t, count)
    FIELD(int64_t, starting)
    FIELD(double, metric_outside)
    FIELD(int64_t, queued_requests)
    FIELD(double, mean_prompt_length)
    FIELD(double, mean_output_length)
    FIELD(double, demand)
    FIELD(double, capacity)
    fail_msg("there is no field %s", field);
}

static const struct {
    const char *field;
    double value;
    const char *sentence;
} BAD_READINGS[] = {
    {"time", -1, "time is -1.0: must be between 0 and"},
    {"time", NAN, "time is nan: must be between 0 and"},
    {"time", 99, "time is 99.0: must not be before that of the decision before, which is 100.0"},
    {"count", -1, "count is -1: must be in 0..65536"},
    {"count", 65537, "count is 65537: must be in 0..65536"},
    {"starting", -1, "starting is -1: must be in 0..65534, as there are 2 ready ones"},
    {"starting", 65535, "starting is 65535: must be in 0..65534, as there are 2 ready ones"},
    {"column waiting", -1, "waiting[1] is -1: must be in 0..2^50"},
    {"column running", 0x1p51, "running[1] is 2251799813685248: must be in 0..2^50"},
    {"column queued_prefill_tokens", -1, "queued_prefill_tokens[1] is -1: must be in 0..2^50"},
    {"column scheduled_kv_tokens", -1, "scheduled_kv_tokens[1] is -1: must be in 0..2^50"},
    {"column queued_kv_tokens", -1, "queued_kv_tokens[1] is -1: must be in 0..2^50"},
    {"column kv_usage", 1.5, "kv_usage[1] is 1.5: must be in 0..1"},
    {"column kv_usage", NAN, "kv_usage[1] is nan: must be in 0..1"},
    {"column estimated_ttft", -1, "estimated_ttft[1] is -1.0: must be in 0..1e15, or NaN"},
    {"column estimated_itl", INFINITY, "estimated_itl[1] is inf: must be in 0..1e15, or NaN"},
    {"column merged_ttft", -1, "merged_ttft[1] is -1.0: must be in 0..1e15, or NaN"},
    {"column own_ttft", -1, "own_ttft[1] is -1.0: must be in 0..1e15, or NaN"},
    {"column merged_itl", -1, "merged_itl[1] is -1.0: must be in 0..1e15, or NaN"},
    {"column metric", 1e16, "metric[1] is 1e+16: must be in 0..1e15, or NaN"},
    {"metric_outside", NAN, "metric_outside is nan: must be in 0..1e15"},
    {"queued_requests", -1, "queued_requests is -1: must be in 0..2^50"},
    {"mean_prompt_length", -1, "mean_prompt_length is -1.0: must be in 0..1e15"},
    {"mean_output_length", NAN, "mean_output_length is nan: must be in 0..1e15"},
    {"demand", -1, "demand is -1.0: must be in 0..1e15"},
    {"capacity", INFINITY, "capacity is inf: must be in 0..1e15"},
};

static void every_reading_has_its_range(void **state) {
    (void)state;
    static const int64_t none[2];
    static const double usage[2];
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        batching_autoscaler *autoscaler = created(RULES[rule]);
        INITIALIZED(batching_scaling_readings, right);
        right.time = 100;
        right.count = 2;
        right.waiting = right.running = right.queued_prefill_tokens = none;
        right.kv_usage = usage;
        int64_t desired = -7;
        assert_succeeds(batching_autoscaler_decide(autoscaler, &right, &desired));
        for (size_t i = 0; i < sizeof BAD_READINGS / sizeof *BAD_READINGS; i++) {
            batching_scaling_readings readings = right;
            readings.time = 200;
            desired = -7;
            set_bad_reading(&readings, BAD_READINGS[i].field, BAD_READINGS[i].value);
            assert_fails(batching_autoscaler_decide(autoscaler, &readings, &desired), BATCHING_ERROR_INVALID_ARGUMENT,
                         BAD_READINGS[i].sentence);
            assert_int_equal(desired, -7);
        }
        /* Time has not gone on. */
        right.time = 101;
        assert_succeeds(batching_autoscaler_decide(autoscaler, &right, &desired));
        assert_succeeds(batching_autoscaler_destroy(autoscaler));
    }
}

static void what_a_rule_looks_at_is_required(void **state) {
    (void)state;
    static const struct {
        int32_t rule, metric, component, target;
        const char *column;
    } NEEDED[] = {
        {BATCHING_AUTOSCALER_HPA, BATCHING_SCALING_METRIC_WAITING, 0, 0, "waiting"},
        {BATCHING_AUTOSCALER_HPA, BATCHING_SCALING_METRIC_RUNNING, 0, 0, "running"},
        {BATCHING_AUTOSCALER_QUEUE_LENGTH, BATCHING_SCALING_METRIC_IN_FLIGHT, 0, 0, "waiting"},
        {BATCHING_AUTOSCALER_HPA, BATCHING_SCALING_METRIC_KV_USAGE, 0, 0, "kv_usage"},
        {BATCHING_AUTOSCALER_QUEUE_LENGTH, BATCHING_SCALING_METRIC_QUEUED_TOKENS, 0, 0, "queued_prefill_tokens"},
        {BATCHING_AUTOSCALER_HPA, BATCHING_SCALING_METRIC_GIVEN, 0, 0, "metric"},
        {BATCHING_AUTOSCALER_DYNAMO_PLANNER, 0, BATCHING_COMPONENT_PREFILL, 0, "queued_prefill_tokens"},
        {BATCHING_AUTOSCALER_DYNAMO_PLANNER, 0, BATCHING_COMPONENT_DECODE, 0, "scheduled_kv_tokens"},
        {BATCHING_AUTOSCALER_DYNAMO_PLANNER, 0, BATCHING_COMPONENT_PREFILL, BATCHING_SCALING_TARGET_SLA,
         "estimated_ttft"},
        {BATCHING_AUTOSCALER_DYNAMO_PLANNER, 0, BATCHING_COMPONENT_DECODE, BATCHING_SCALING_TARGET_SLA,
         "estimated_itl"},
        {BATCHING_AUTOSCALER_DYNAMO_PLANNER, 0, BATCHING_COMPONENT_AGGREGATED, BATCHING_SCALING_TARGET_SLA,
         "estimated_ttft"},
        {BATCHING_AUTOSCALER_LLM_D, 0, 0, 0, "waiting"},
    };
    for (size_t i = 0; i < sizeof NEEDED / sizeof *NEEDED; i++) {
        batching_autoscaler_config config = good(NEEDED[i].rule);
        config.scaling_metric = NEEDED[i].metric;
        config.component = NEEDED[i].component;
        config.scaling_target = NEEDED[i].target;
        batching_autoscaler *autoscaler = NULL;
        assert_succeeds(batching_autoscaler_create(&config, &autoscaler));
        INITIALIZED(batching_scaling_readings, readings);
        readings.count = 2;
        int64_t desired = -7;
        char sentence[128];
        snprintf(sentence, sizeof sentence, "%s is NULL: it is required where count is 2", NEEDED[i].column);
        assert_fails(batching_autoscaler_decide(autoscaler, &readings, &desired), BATCHING_ERROR_NULL_POINTER,
                     sentence);
        assert_int_equal(desired, -7);
        /* Of no replicas there are no columns. */
        readings.count = 0;
        assert_succeeds(batching_autoscaler_decide(autoscaler, &readings, &desired));
        assert_succeeds(batching_autoscaler_destroy(autoscaler));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reading_has_its_range),
        cmocka_unit_test(what_a_rule_looks_at_is_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
