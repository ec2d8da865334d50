/* Autoscalers: every error of a configuration, with its sentence. What fails leaves the outputs as they were. */
#include <math.h>

#include "autoscaler_support.h"

static void set_bad(batching_autoscaler_config *of, const char *field, double value) {
    FIELD(int32_t, autoscaler)
    FIELD(int32_t, scaling_metric)
    FIELD(int64_t, min_replicas)
    FIELD(int64_t, max_replicas)
    FIELD(double, interval)
    FIELD(double, target)
    FIELD(double, tolerance)
    FIELD(double, up_window)
    FIELD(double, down_window)
    FIELD(double, up_percent)
    FIELD(int64_t, up_replicas)
    FIELD(double, up_period)
    FIELD(double, down_percent)
    FIELD(int64_t, down_replicas)
    FIELD(double, down_period)
    FIELD(double, activation)
    FIELD(double, cooldown)
    FIELD(int64_t, max_kv_tokens)
    FIELD(int32_t, component)
    FIELD(int32_t, scaling_target)
    FIELD(int32_t, no_load_step)
    FIELD(int32_t, while_starting)
    FIELD(int64_t, context_length)
    FIELD(int64_t, min_endpoint)
    FIELD(int64_t, prefill_up_tokens)
    FIELD(int64_t, prefill_down_tokens)
    FIELD(double, decode_up_percent)
    FIELD(double, decode_down_percent)
    FIELD(double, ttft_sla)
    FIELD(double, itl_sla)
    FIELD(double, down_sensitivity)
    FIELD(double, throughput_interval)
    FIELD(int64_t, throughput_step)
    FIELD(int64_t, gpu_budget)
    FIELD(int64_t, gpus_per_replica)
    FIELD(double, kv_threshold)
    FIELD(double, queue_threshold)
    FIELD(double, up_threshold)
    FIELD(double, down_boundary)
    FIELD(int64_t, max_num_batched_tokens)
    FIELD(int64_t, max_num_seqs)
    fail_msg("there is no field %s", field);
}

static const struct {
    const char *field;
    double value;
    const char *sentence;
} BAD_FIELDS[] = {
    {"autoscaler", 1, "autoscaler is 1: must be one of 0, 100, 200, 210"},
    {"scaling_metric", 7, "scaling_metric is 7: must be one of 0, 100, 110, 120, 130, 140"},
    {"min_replicas", -2, "min_replicas is -2: must be at least 0, or -1 for 0"},
    {"min_replicas", 65537, "min_replicas is 65537: must be in 0..max_replicas, which is 65536"},
    {"max_replicas", -1, "max_replicas is -1: must be in 1..65536"},
    {"max_replicas", 65537, "max_replicas is 65537: must be in 1..65536"},
    {"interval", -1, "interval is -1.0: must be more than 0"},
    {"interval", NAN, "interval is nan: must be more than 0"},
    {"target", -1, "target is -1.0: must be in 0..1e15"},
    {"target", NAN, "target is nan: must be in 0..1e15"},
    {"target", 1e16, "target is 1e+16: must be in 0..1e15"},
    {"tolerance", -2, "tolerance is -2.0: must be at least 0, or -1 for 0"},
    {"tolerance", NAN, "tolerance is nan: must be at least 0, or -1 for 0"},
    {"tolerance", 1, "tolerance is 1.0: must be at least 0 and less than 1"},
    {"up_window", -1, "up_window is -1.0: must be between 0 and"},
    {"up_window", NAN, "up_window is nan: must be between 0 and"},
    {"down_window", -2, "down_window is -2.0: must be at least 0, or -1 for 0"},
    {"down_window", INFINITY, "down_window is inf: must be between 0 and"},
    {"up_percent", -2, "up_percent is -2.0: must be at least 0, or -1 for 0"},
    {"up_percent", INFINITY, "up_percent is inf: must be in 0..1e15"},
    {"up_replicas", -2, "up_replicas is -2: must be at least 0, or -1 for 0"},
    {"up_replicas", 65537, "up_replicas is 65537: must be in 0..65536"},
    {"up_period", -1, "up_period is -1.0: must be more than 0"},
    {"down_percent", NAN, "down_percent is nan: must be at least 0, or -1 for 0"},
    {"down_percent", 101, "down_percent is 101.0: must be in 0..100"},
    {"down_replicas", -1, "down_replicas is -1: must be in 0..65536"},
    {"down_period", NAN, "down_period is nan: must be more than 0"},
    {"activation", -1, "activation is -1.0: must be in 0..1e15"},
    {"cooldown", -2, "cooldown is -2.0: must be at least 0, or -1 for 0"},
    {"cooldown", 1e10, "cooldown is 10000000000.0: must be between 0 and"},
    {"max_kv_tokens", -1, "max_kv_tokens is -1: must be in 0..2^40"},
    {"component", 1, "component is 1: must be one of 0, 100, 110"},
    {"scaling_target", 1, "scaling_target is 1: must be one of 0, 100, 110, 120"},
    {"no_load_step", 2, "no_load_step is 2: must be 0 or 1"},
    {"while_starting", -1, "while_starting is -1: must be 0 or 1"},
    {"context_length", -1, "context_length is -1: must be in 0..2^40"},
    {"min_endpoint", -1, "min_endpoint is -1: must be in 1..65536"},
    {"min_endpoint", 9, "gpu_budget is 8: must be at least min_endpoint x gpus_per_replica, which is 9"},
    {"prefill_up_tokens", -1, "prefill_up_tokens is -1: must be in 0..2^40"},
    {"prefill_down_tokens", -1, "prefill_down_tokens is -1: must be in 0..2^40"},
    {"decode_up_percent", NAN, "decode_up_percent is nan: must be in 0..1e15"},
    {"decode_down_percent", -1, "decode_down_percent is -1.0: must be in 0..1e15"},
    {"ttft_sla", -1, "ttft_sla is -1.0: must be more than 0"},
    {"itl_sla", NAN, "itl_sla is nan: must be more than 0"},
    {"down_sensitivity", 1.5, "down_sensitivity is 1.5: must be in 0..1"},
    {"throughput_interval", -1, "throughput_interval is -1.0: must be more than 0"},
    {"throughput_step", -1, "throughput_step is -1: must be in 1..65536"},
    {"gpu_budget", -2, "gpu_budget is -2: must be at least min_endpoint x gpus_per_replica, which is 1"},
    {"gpus_per_replica", -1, "gpus_per_replica is -1: must be in 1..65536"},
    {"kv_threshold", 1.5, "kv_threshold is 1.5: must be more than 0 and at most 1"},
    {"queue_threshold", -1, "queue_threshold is -1.0: must be in 0..1e15"},
    {"up_threshold", NAN, "up_threshold is nan: must be more than 0 and at most 1"},
    {"down_boundary", 0.9, "down_boundary is 0.9: must be more than 0 and at most up_threshold, which is 0.85"},
    {"down_boundary", -0.5, "down_boundary is -0.5: must be more than 0"},
    {"max_num_batched_tokens", -1, "max_num_batched_tokens is -1: must be in 0..2^40"},
    {"max_num_batched_tokens", 8, "max_num_seqs is 0: must be at least 1 where max_num_batched_tokens is 8"},
    {"max_num_seqs", -1, "max_num_seqs is -1: must be in 0..2^40"},
};

static void require_refused(const batching_autoscaler_config *config, const char *sentence) {
    batching_autoscaler *autoscaler = (batching_autoscaler *)(intptr_t)-7;
    assert_fails(batching_autoscaler_create(config, &autoscaler), BATCHING_ERROR_INVALID_ARGUMENT, sentence);
    assert_true(autoscaler == (batching_autoscaler *)(intptr_t)-7);
}

/* Whether or not the rule looks at the field. */
static void every_field_has_its_range(void **state) {
    (void)state;
    for (size_t rule = 0; rule < RULE_COUNT; rule++) {
        for (size_t i = 0; i < sizeof BAD_FIELDS / sizeof *BAD_FIELDS; i++) {
            batching_autoscaler_config config = good(RULES[rule]);
            set_bad(&config, BAD_FIELDS[i].field, BAD_FIELDS[i].value);
            require_refused(&config, BAD_FIELDS[i].sentence);
        }
    }
}

static void what_a_rule_compares_with_is_required(void **state) {
    (void)state;
    batching_autoscaler_config config = good(BATCHING_AUTOSCALER_HPA);
    config.target = 0;
    require_refused(&config, "target is 0.0: must be at least 0.001: hpa compares with it");
    config.autoscaler = BATCHING_AUTOSCALER_QUEUE_LENGTH;
    require_refused(&config, "target is 0.0: must be at least 0.001: queue_length compares with it");
    config = good(BATCHING_AUTOSCALER_LLM_D);
    config.max_kv_tokens = 0;
    require_refused(&config, "max_kv_tokens is 0: must be at least 1: llm_d compares with it");
    config = good(BATCHING_AUTOSCALER_DYNAMO_PLANNER);
    config.context_length = 0;
    require_refused(&config, "context_length is 0: must be at least 1: dynamo_planner compares with it");
    config.scaling_target = BATCHING_SCALING_TARGET_LOAD;
    config.prefill_up_tokens = 0;
    require_refused(&config, "prefill_up_tokens is 0: must be more than prefill_down_tokens, which is 0");
    config.component = BATCHING_COMPONENT_DECODE;
    config.decode_down_percent = 80;
    require_refused(&config, "decode_up_percent is 80.0: must be more than decode_down_percent, which is 80.0");
    config.max_kv_tokens = 0;
    require_refused(&config, "max_kv_tokens is 0: must be at least 1: dynamo_planner compares with it");
    config.min_replicas = 3;
    config.max_replicas = 2;
    require_refused(&config, "min_replicas is 3: must be in 0..max_replicas, which is 2");
}

static void null_is_refused_but_to_destroy(void **state) {
    (void)state;
    batching_autoscaler *autoscaler = created(BATCHING_AUTOSCALER_HPA), *other = NULL;
    const batching_autoscaler_config config = good(BATCHING_AUTOSCALER_HPA);
    INITIALIZED(batching_scaling_readings, readings);
    int64_t desired = -7;
    const batching_status null = BATCHING_ERROR_NULL_POINTER;
    assert_fails(batching_autoscaler_create(NULL, &other), null, "config is NULL");
    assert_fails(batching_autoscaler_create(&config, NULL), null, "autoscaler is NULL");
    assert_fails(batching_autoscaler_decide(NULL, &readings, &desired), null, "autoscaler is NULL");
    assert_fails(batching_autoscaler_decide(autoscaler, NULL, &desired), null, "readings is NULL");
    assert_fails(batching_autoscaler_decide(autoscaler, &readings, NULL), null, "desired is NULL");
    assert_int_equal(desired, -7);
    assert_null(other);
    assert_succeeds(batching_autoscaler_destroy(NULL));
    assert_succeeds(batching_autoscaler_destroy(autoscaler));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_its_range),
        cmocka_unit_test(what_a_rule_compares_with_is_required),
        cmocka_unit_test(null_is_refused_but_to_destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
