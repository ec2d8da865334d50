/*
 * Fuzzes autoscalers: any rule with any settings, and a sequence of decisions. A number lies within its bounds, the same
 * readings give the same in another that was told the same, and a call that fails changes nothing.
 */
#include <math.h>

#include "checks.h"

enum { MOST_REPLICAS = 12, MOST_DECISIONS = 64 };

static const int32_t RULES[] = {BATCHING_AUTOSCALER_HPA, BATCHING_AUTOSCALER_QUEUE_LENGTH,
                                BATCHING_AUTOSCALER_DYNAMO_PLANNER, BATCHING_AUTOSCALER_LLM_D};
static const int32_t VARIANTS[] = {0, 100, 110, 120, 130, 140};

static int32_t variant(struct input *input, uint32_t count) {
    return input_chance(input, 64) ? (int32_t)input_word(input) : VARIANTS[input_byte(input) % count];
}

static double number(struct input *input) {
    static const double NUMBERS[] = {0, -1, 0.1, 0.5, 0.8, 1, 10, 100, 1e15};
    return input_chance(input, 32) ? input_double(input) : NUMBERS[input_byte(input) % 9];
}

static int64_t count(struct input *input) {
    static const int64_t COUNTS[] = {0, 0, -1, 1, 2, 8, 1000, 65536};
    return input_chance(input, 32) ? (int64_t)input_word(input) : COUNTS[input_byte(input) % 8];
}

static double seconds(struct input *input) {
    return input_chance(input, 32) ? input_double(input) : input_chance(input, 2) ? input_byte(input) : 0;
}

static batching_autoscaler_config input_config(struct input *input) {
    batching_autoscaler_config config;
    REQUIRE(batching_autoscaler_config_init(&config, sizeof config) == BATCHING_OK);
    config.autoscaler = RULES[input_byte(input) % 4];
    config.scaling_metric = variant(input, 6);
    config.min_replicas = count(input);
    config.max_replicas = input_chance(input, 2) ? count(input) : 20;
    config.interval = seconds(input);
    config.target = input_chance(input, 8) ? number(input) : 1 + input_byte(input) % 16;
    config.tolerance = input_chance(input, 2) ? number(input) : 0;
    config.up_window = seconds(input);
    config.down_window = input_chance(input, 2) ? seconds(input) : -1;
    config.up_percent = number(input);
    config.up_replicas = count(input);
    config.up_period = seconds(input);
    config.down_percent = input_chance(input, 2) ? number(input) : 0;
    config.down_replicas = input_byte(input) % 8;
    config.down_period = seconds(input);
    config.activation = input_byte(input) % 8;
    config.cooldown = seconds(input);
    config.max_kv_tokens = input_chance(input, 8) ? count(input) : 1 + input_byte(input);
    config.component = variant(input, 3);
    config.scaling_target = variant(input, 4);
    config.no_load_step = input_byte(input) % 4 == 1;
    config.while_starting = input_byte(input) & 1;
    config.context_length = input_chance(input, 8) ? count(input) : 1 + input_byte(input);
    config.min_endpoint = input_byte(input) % 4;
    config.prefill_up_tokens = 1 + input_byte(input);
    config.prefill_down_tokens = input_byte(input) / 2;
    config.decode_up_percent = 1 + input_byte(input) % 100;
    config.decode_down_percent = input_byte(input) % 50;
    config.down_sensitivity = input_chance(input, 2) ? number(input) : 0;
    config.throughput_interval = seconds(input);
    config.throughput_step = input_byte(input) % 16;
    config.gpu_budget = input_chance(input, 2) ? -1 : 0;
    config.gpus_per_replica = input_byte(input) % 3;
    config.kv_threshold = input_chance(input, 8) ? number(input) : 0;
    config.queue_threshold = input_byte(input) % 8;
    config.max_num_batched_tokens = input_byte(input);
    config.max_num_seqs = 1 + input_byte(input) % 16;
    return config;
}

struct columns {
    int64_t counts[5][MOST_REPLICAS];
    double numbers[7][MOST_REPLICAS];
};

static const int64_t *counts_of(struct input *input, int64_t *column, int64_t replicas) {
    if (input_chance(input, 16)) {
        return NULL;
    }
    for (int64_t replica = 0; replica < replicas; replica++) {
        column[replica] = input_chance(input, 32) ? (int64_t)input_word(input) : input_byte(input);
    }
    return column;
}

static const double *numbers_of(struct input *input, double *column, int64_t replicas) {
    if (input_chance(input, 16)) {
        return NULL;
    }
    for (int64_t replica = 0; replica < replicas; replica++) {
        column[replica] = input_chance(input, 32)  ? input_double(input)
                          : input_chance(input, 8) ? (double)NAN
                                                   : (double)input_byte(input) / 255;
    }
    return column;
}

static batching_scaling_readings input_readings(struct input *input, struct columns *columns, double *time) {
    batching_scaling_readings readings;
    REQUIRE(batching_scaling_readings_init(&readings, sizeof readings) == BATCHING_OK);
    *time += input_chance(input, 8) ? input_byte(input) : input_byte(input) % 16;
    readings.time = input_chance(input, 64) ? input_double(input) : *time;
    readings.count = input_byte(input) % (MOST_REPLICAS + 1);
    readings.starting = input_chance(input, 3) ? input_byte(input) % 4 : input_chance(input, 64) ? count(input) : 0;
    const int64_t replicas = readings.count;
    readings.waiting = counts_of(input, columns->counts[0], replicas);
    readings.running = counts_of(input, columns->counts[1], replicas);
    readings.queued_prefill_tokens = counts_of(input, columns->counts[2], replicas);
    readings.scheduled_kv_tokens = counts_of(input, columns->counts[3], replicas);
    readings.queued_kv_tokens = counts_of(input, columns->counts[4], replicas);
    readings.kv_usage = numbers_of(input, columns->numbers[0], replicas);
    for (int64_t replica = 0; readings.kv_usage != NULL && replica < replicas && !input_chance(input, 64); replica++) {
        columns->numbers[0][replica] = fmin(fmax(columns->numbers[0][replica], 0), 1);
    }
    readings.estimated_ttft = numbers_of(input, columns->numbers[1], replicas);
    readings.estimated_itl = numbers_of(input, columns->numbers[2], replicas);
    readings.merged_ttft = numbers_of(input, columns->numbers[3], replicas);
    readings.own_ttft = numbers_of(input, columns->numbers[4], replicas);
    readings.merged_itl = numbers_of(input, columns->numbers[5], replicas);
    readings.metric = numbers_of(input, columns->numbers[6], replicas);
    readings.metric_outside = fabs(number(input));
    readings.queued_requests = input_chance(input, 4) ? input_byte(input) : 0;
    readings.mean_prompt_length = fabs(number(input));
    readings.mean_output_length = fabs(number(input));
    readings.demand = fabs(number(input));
    readings.capacity = fabs(number(input));
    return readings;
}

static void require_within(const batching_autoscaler_config *config, const batching_scaling_readings *readings,
                           int64_t desired) {
    const int64_t least = config->min_replicas == 0 ? 1 : config->min_replicas == -1 ? 0 : config->min_replicas;
    const int64_t most = config->max_replicas == 0 ? 65536 : config->max_replicas;
    if (config->autoscaler == BATCHING_AUTOSCALER_HPA && readings->count + readings->starting == 0) {
        REQUIRE(desired == 0);
    } else {
        REQUIRE(desired >= least && desired <= most);
    }
}

void fuzz_autoscalers(struct input *input) {
    const batching_autoscaler_config config = input_config(input);
    batching_autoscaler *autoscalers[2] = {NULL, NULL};
    batching_autoscaler_config *given = input_struct(input, &config, sizeof config);
    if (batching_autoscaler_create(given, &autoscalers[0]) != BATCHING_OK) {
        REQUIRE(autoscalers[0] == NULL);
        free(given);
        return;
    }
    REQUIRE(batching_autoscaler_create(given, &autoscalers[1]) == BATCHING_OK);
    free(given);
    struct columns columns;
    double time = input_chance(input, 16) ? BATCHING_TIME_MAX - 100 : 0;
    for (int decision = 0; decision < MOST_DECISIONS && input->left > 0; decision++) {
        const batching_scaling_readings readings = input_readings(input, &columns, &time);
        int64_t desired[2] = {-7, -7};
        const batching_status status = batching_autoscaler_decide(autoscalers[0], &readings, &desired[0]);
        /* The other is not asked what was refused: it must not differ from then on. */
        if (status == BATCHING_OK) {
            REQUIRE(batching_autoscaler_decide(autoscalers[1], &readings, &desired[1]) == BATCHING_OK);
            require_within(&config, &readings, desired[0]);
        }
        REQUIRE(desired[0] == desired[1]);
    }
    REQUIRE(batching_autoscaler_destroy(autoscalers[0]) == BATCHING_OK);
    REQUIRE(batching_autoscaler_destroy(autoscalers[1]) == BATCHING_OK);
}
