/* The rows of failing_allocations.c for autoscalers. To decide allocates nothing, with any rule, after any number of decisions. */
#include "failing_allocations.h"

enum { REPLICAS = 5 };

/* kind: a rule. Its windows have room for what was wanted. */
static batching_autoscaler_config config_of(const struct choice *choice) {
    batching_autoscaler_config config;
    must(batching_autoscaler_config_init(&config, sizeof config));
    config.autoscaler = choice->kind;
    config.target = 3;
    config.up_window = 30;
    config.max_kv_tokens = config.context_length = 1000;
    return config;
}

static batching_status decide_at(double time, int64_t *desired) {
    static int64_t counts[REPLICAS];
    for (int64_t replica = 0; replica < REPLICAS; replica++) {
        counts[replica] = ((int64_t)time * 7 + replica * 13) % 40;
    }
    batching_scaling_readings readings;
    must(batching_scaling_readings_init(&readings, sizeof readings));
    readings.time = time;
    readings.count = REPLICAS;
    readings.waiting = readings.queued_prefill_tokens = readings.scheduled_kv_tokens = counts;
    return batching_autoscaler_decide(autoscaler, &readings, desired);
}

static void make_autoscaler(const struct choice *choice) {
    const batching_autoscaler_config config = config_of(choice);
    must(batching_autoscaler_create(&config, &autoscaler));
    for (int64_t time = 0; time < 500; time++) {
        int64_t desired;
        must(decide_at((double)time, &desired));
    }
}

static batching_status create(const struct choice *choice) {
    const batching_autoscaler_config config = config_of(choice);
    return batching_autoscaler_create(&config, &outputs.autoscaler);
}

static batching_status destroy(const struct choice *choice) {
    (void)choice;
    batching_autoscaler *destroyed = autoscaler;
    autoscaler = NULL;
    return batching_autoscaler_destroy(destroyed);
}

static batching_status decide(const struct choice *choice) {
    (void)choice;
    return decide_at(1000, &outputs.needed);
}

#define ROW(call, prepare, rule)                                                                                       \
    {                                                                                                                  \
        "batching_autoscaler_" #call, #rule, prepare, call, {                                                          \
            .kind = BATCHING_AUTOSCALER_##rule                                                                         \
        }                                                                                                              \
    }
#define CALLS(rule) ROW(create, NULL, rule), ROW(destroy, make_autoscaler, rule), ROW(decide, make_autoscaler, rule)

static const struct row autoscaler_rows[] = {CALLS(HPA), CALLS(QUEUE_LENGTH), CALLS(DYNAMO_PLANNER), CALLS(LLM_D)};
const struct table AUTOSCALER_CALLS = {autoscaler_rows, sizeof autoscaler_rows / sizeof *autoscaler_rows};
