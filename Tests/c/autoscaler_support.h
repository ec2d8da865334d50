/* What the tests of the errors of autoscalers share. */
#ifndef BATCHING_TESTS_AUTOSCALER_SUPPORT_H
#define BATCHING_TESTS_AUTOSCALER_SUPPORT_H

#include "support.h"

static const int32_t RULES[] = {BATCHING_AUTOSCALER_HPA, BATCHING_AUTOSCALER_QUEUE_LENGTH,
                                BATCHING_AUTOSCALER_DYNAMO_PLANNER, BATCHING_AUTOSCALER_LLM_D};
enum { RULE_COUNT = sizeof RULES / sizeof *RULES };

/* One that each rule takes. */
static inline batching_autoscaler_config good(int32_t rule) {
    INITIALIZED(batching_autoscaler_config, config);
    config.autoscaler = rule;
    config.target = 10;
    config.max_kv_tokens = 1000;
    config.context_length = 1000;
    config.prefill_up_tokens = 100;
    config.decode_up_percent = 80;
    return config;
}

static inline batching_autoscaler *created(int32_t rule) {
    const batching_autoscaler_config config = good(rule);
    batching_autoscaler *autoscaler = NULL;
    assert_succeeds(batching_autoscaler_create(&config, &autoscaler));
    return autoscaler;
}

/* Sets one field of what is called `of`. */
#define FIELD(type, name)                                                                                              \
    if (strcmp(field, #name) == 0) {                                                                                   \
        of->name = (type)value;                                                                                        \
        return;                                                                                                        \
    }

#endif
