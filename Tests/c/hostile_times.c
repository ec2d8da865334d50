/*
 * Wild values in each field of what the times of iterations, deployments and calibrations are told; hostile_inputs.c tries
 * them. A row is a field: where it stands, and of what type it is. Whatever it holds, each call that is given it ends in
 * a status, and one that fails writes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

enum type { A_DOUBLE, AN_INT64, AN_INT32, A_UINT32, A_POINTER };

static const double WILD_DOUBLES[] = {NAN,     INFINITY, -INFINITY, -0.0,   0.0,    -1.0,      -DBL_TRUE_MIN,
                                      DBL_MAX, DBL_MIN,  1e300,     1e-300, 0x1p53, 0x1p63,    DBL_TRUE_MIN,
                                      3.0,     1e9,      2049.0,    65537,  5e-10,  9223372037};
/* None that columns of 4 elements could have. */
static const int64_t WILD_INT64[] = {-1, INT64_MIN, INT64_MAX, 65537, (INT64_C(1) << 53) + 1, INT64_MAX / 8 + 1, 0};
static const int32_t WILD_INT32[] = {-1, INT32_MIN, INT32_MAX, 7, 0, 1, 65537, 1 << 30};
static const uint32_t WILD_UINT32[] = {UINT32_MAX, 1, 4, 7, 4104, 1u << 31};

#define MOST(values) (sizeof values / sizeof *values)

/* Writes the n-th wild value of a type; false: there are no more. */
static bool write_wild(void *at, int64_t type, size_t n) {
    switch (type) {
    case A_DOUBLE:
        return n < MOST(WILD_DOUBLES) && memcpy(at, &WILD_DOUBLES[n], sizeof(double));
    case AN_INT64:
        return n < MOST(WILD_INT64) && memcpy(at, &WILD_INT64[n], sizeof(int64_t));
    case AN_INT32:
        return n < MOST(WILD_INT32) && memcpy(at, &WILD_INT32[n], sizeof(int32_t));
    case A_UINT32:
        return n < MOST(WILD_UINT32) && memcpy(at, &WILD_UINT32[n], sizeof(uint32_t));
    default:
        return n == 0 && memset(at, 0, sizeof(void *));
    }
}

/* A status that is known, with a sentence if it is none of success, and outputs as they were. */
static bool is_told(batching_status status, const void *output, const void *before, size_t size) {
    if (status == BATCHING_OK) {
        return true;
    }
    if (strcmp(batching_status_name(status), "unknown status") == 0 || batching_last_error()[0] == '\0') {
        printf("status %d says nothing\n", status);
        return false;
    }
    if (memcmp(output, before, size) != 0) {
        printf("an output was written though the call failed: %s\n", batching_last_error());
        return false;
    }
    return true;
}

/* --- The times of iterations ---------------------------------------------------------------------------------------- */

static bool times_are_told(const batching_engine_config *config, const batching_iterations *iterations) {
    const double untouched[3] = {UNTOUCHED, UNTOUCHED, UNTOUCHED};
    double seconds[3] = {UNTOUCHED, UNTOUCHED, UNTOUCHED};
    const batching_status status = batching_iteration_times_calculate(config, iterations, seconds);
    for (int index = 0; status == BATCHING_OK && index < 3; index++) {
        if (!(seconds[index] >= 0.0 && seconds[index] <= BATCHING_TIME_MAX) && seconds[index] != UNTOUCHED) {
            printf("an iteration takes %g seconds\n", seconds[index]);
            return false;
        }
    }
    return is_told(status, seconds, untouched, sizeof untouched);
}

static batching_iterations some_iterations(void) {
    static const int64_t prefill[] = {0, 700, INT64_C(1) << 53}, chunks[] = {0, 3, 1}, decodes[] = {8, 0, 1 << 20},
                         contexts[] = {5000, 0, INT64_C(1) << 53};
    static const double tokens_times_context[] = {0, 600000, 1e30};
    batching_iterations iterations;
    batching_iterations_init(&iterations, sizeof iterations);
    iterations.count = 3;
    iterations.prefill_tokens = prefill;
    iterations.prefill_chunks = chunks;
    iterations.decode_tokens = decodes;
    iterations.context_tokens = contexts;
    iterations.prefill_context = tokens_times_context;
    return iterations;
}

static batching_requests some_requests(void) {
    static const int32_t prompts[] = {100, 3000, 1, 40}, outputs[] = {20, 3, 90, 1};
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = 4;
    requests.prompt_length = prompts;
    requests.output_length = outputs;
    return requests;
}

/* In calculation, in a run, and in a live engine. */
static batching_status ends_everywhere(const batching_engine_config *config) {
    const batching_iterations iterations = some_iterations();
    const batching_requests requests = some_requests();
    batching_summary summary, before;
    batching_summary_init(&summary, sizeof summary);
    before = summary;
    if (!times_are_told(config, &iterations) ||
        !is_told(batching_simulate(config, &requests, NULL, &summary), &summary, &before, sizeof before)) {
        return -1;
    }
    batching_live_engine *engine = NULL, *const nothing = NULL;
    const batching_status status = batching_live_engine_create(config, &engine);
    if (status != BATCHING_OK) {
        return is_told(status, &engine, &nothing, sizeof engine) ? BATCHING_OK : -1;
    }
    batching_live_engine_submit(engine, &requests, NULL);
    batching_live_engine_estimate(engine, &requests, NULL);
    batching_live_engine_advance(engine, INFINITY, 0);
    return batching_live_engine_destroy(engine);
}

static batching_engine_config some_config(int32_t model) {
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    config.time_model = model;
    return config;
}

static batching_roofline some_roofline(void) {
    batching_gpu gpu;
    batching_model model;
    batching_deployment deployment;
    batching_roofline roofline;
    batching_gpu_init(&gpu, sizeof gpu);
    batching_model_init(&model, sizeof model);
    batching_deployment_init(&deployment, sizeof deployment);
    batching_roofline_init(&roofline, sizeof roofline);
    batching_gpu_find("H100-SXM", &gpu);
    batching_model_find("Mixtral-8x7B", &model);
    deployment.gpu = &gpu;
    deployment.model = &model;
    deployment.tensor_parallel = 2;
    batching_deployment_roofline_calculate(&deployment, &roofline);
    roofline.window = 300;
    roofline.window_bytes = roofline.kv_bytes;
    roofline.window_attention_flops = roofline.attention_flops;
    return roofline;
}

static batching_status run_roofline(const struct input *given) {
    batching_engine_config config = some_config(BATCHING_TIME_ROOFLINE);
    batching_roofline roofline;
    config.time_roofline = &roofline;
    for (size_t n = 0; roofline = some_roofline(), write_wild((char *)&roofline + given->count, given->capacity, n);
         n++) {
        if (ends_everywhere(&config) != BATCHING_OK) {
            return -1;
        }
    }
    return BATCHING_OK;
}

static batching_time_table some_table(void) {
    static const double places[] = {1, 5, 90, 700}, seconds[16] = {1e-3, 1e-3, 2e-3, 3e-3, 1e-3, 2e-3, 2e-3, 3e-3,
                                                                   2e-3, 2e-3, 2e-3, 4e-3, 2e-3, 2e-3, 3e-3, 5e-3};
    batching_time_table table;
    batching_time_table_init(&table, sizeof table);
    table.linear_count = table.head_count = table.decode_sequence_count = table.decode_context_count =
        table.prefill_token_count = table.prefill_context_count = 4;
    table.linear_tokens = table.head_sequences = table.decode_sequences = table.decode_contexts = table.prefill_tokens =
        table.prefill_contexts = places;
    table.linear_seconds = table.head_seconds = table.decode_seconds = table.prefill_seconds = seconds;
    return table;
}

static batching_status run_table(const struct input *given) {
    batching_engine_config config = some_config(BATCHING_TIME_TABLE);
    batching_time_table table;
    config.time_table = &table;
    for (size_t n = 0; table = some_table(), write_wild((char *)&table + given->count, given->capacity, n); n++) {
        if (ends_everywhere(&config) != BATCHING_OK) {
            return -1;
        }
    }
    return BATCHING_OK;
}

/* Grids with one column, and curves with one place: what is NULL of them is still missed. */
static batching_status run_narrow_table(const struct input *given) {
    batching_engine_config config = some_config(BATCHING_TIME_TABLE);
    batching_time_table table = some_table();
    table.linear_count = table.head_count = table.decode_context_count = table.prefill_context_count = 1;
    memset((char *)&table + given->count, 0, sizeof(void *));
    config.time_table = &table;
    const batching_iterations iterations = some_iterations();
    double seconds[3] = {UNTOUCHED};
    return unless_written(batching_iteration_times_calculate(&config, &iterations, seconds), seconds[0]);
}

/* A wild value in each place of a column. */
static batching_status run_column(const struct input *given) {
    batching_engine_config config = some_config(BATCHING_TIME_TABLE);
    for (size_t n = 0; n < MOST(WILD_DOUBLES); n++) {
        for (int place = 0; place < 4; place++) {
            batching_time_table table = some_table();
            double column[16];
            const double *original;
            memcpy(&original, (char *)&table + given->count, sizeof original);
            memcpy(column, original, 4 * sizeof *column);
            memcpy(column + 4, table.linear_seconds + 4, 12 * sizeof *column);
            column[place] = WILD_DOUBLES[n];
            const double *changed = column;
            memcpy((char *)&table + given->count, &changed, sizeof changed);
            config.time_table = &table;
            if (ends_everywhere(&config) != BATCHING_OK) {
                return -1;
            }
        }
    }
    return BATCHING_OK;
}

static batching_status run_affine(const struct input *given) {
    batching_engine_config config;
    for (size_t n = 0;
         config = some_config(BATCHING_TIME_AFFINE), write_wild((char *)&config + given->count, given->capacity, n);
         n++) {
        if (ends_everywhere(&config) != BATCHING_OK) {
            return -1;
        }
    }
    return BATCHING_OK;
}

static batching_status run_iterations(const struct input *given) {
    static const int32_t MODELS[] = {BATCHING_TIME_AFFINE, BATCHING_TIME_ROOFLINE, BATCHING_TIME_TABLE};
    const batching_roofline roofline = some_roofline();
    const batching_time_table table = some_table();
    batching_iterations iterations;
    for (size_t n = 0;
         iterations = some_iterations(), write_wild((char *)&iterations + given->count, given->capacity, n); n++) {
        for (int model = 0; model < 3; model++) {
            batching_engine_config config = some_config(MODELS[model]);
            config.time_roofline = &roofline;
            config.time_table = &table;
            if (!times_are_told(&config, &iterations)) {
                return -1;
            }
        }
    }
    return BATCHING_OK;
}

/* --- Deployments ---------------------------------------------------------------------------------------------------- */

struct hardware {
    batching_gpu gpu;
    batching_model model;
    batching_deployment deployment;
};

static void some_hardware(struct hardware *hardware, int which) {
    static const char *const MODELS[] = {"Llama-3.1-8B", "DeepSeek-V3", "Mixtral-8x7B", "Gemma-3-27B"};
    batching_gpu_init(&hardware->gpu, sizeof hardware->gpu);
    batching_model_init(&hardware->model, sizeof hardware->model);
    batching_deployment_init(&hardware->deployment, sizeof hardware->deployment);
    batching_gpu_find("H100-SXM", &hardware->gpu);
    batching_model_find(MODELS[which], &hardware->model);
    hardware->deployment.gpu = &hardware->gpu;
    hardware->deployment.model = &hardware->model;
    hardware->deployment.tensor_parallel = 8;
}

static batching_status run_hardware(const struct input *given) {
    struct hardware hardware;
    for (int which = 0; which < 4; which++) {
        for (size_t n = 0;
             some_hardware(&hardware, which), write_wild((char *)&hardware + given->count, given->capacity, n); n++) {
            batching_deployment_memory memory, no_memory;
            batching_roofline roofline, no_roofline;
            batching_deployment_memory_init(&memory, sizeof memory);
            batching_roofline_init(&roofline, sizeof roofline);
            no_memory = memory;
            no_roofline = roofline;
            const batching_status status = batching_deployment_roofline_calculate(&hardware.deployment, &roofline);
            if (!is_told(batching_deployment_memory_calculate(&hardware.deployment, &memory), &memory, &no_memory,
                         sizeof memory) ||
                !is_told(status, &roofline, &no_roofline, sizeof roofline)) {
                return -1;
            }
            batching_engine_config config = some_config(BATCHING_TIME_ROOFLINE);
            config.time_roofline = &roofline;
            if (status == BATCHING_OK && ends_everywhere(&config) != BATCHING_OK) {
                return -1;
            }
        }
    }
    return BATCHING_OK;
}

/* --- Calibration ---------------------------------------------------------------------------------------------------- */

enum { SERVED = 24 };

struct observed {
    double arrival[SERVED], first_token[SERVED], end[SERVED];
    int32_t prompt[SERVED], output[SERVED], generated[SERVED];
    batching_calibration_config config;
};

/* Two iterations a token, one after the other. */
static void some_log(struct observed *log) {
    for (int index = 0; index < SERVED; index++) {
        log->arrival[index] = 0.1 * index;
        log->prompt[index] = 50 + 7 * index;
        log->output[index] = log->generated[index] = 10 + index % 5;
        log->first_token[index] = log->arrival[index] + 0.02 + 0.001 * index;
        log->end[index] = log->first_token[index] + 0.01 * (9 + index % 5);
    }
    batching_calibration_config_init(&log->config, sizeof log->config);
    log->config.simulations = 2;
}

static int32_t it_is_enough(const batching_calibration_progress *progress, int32_t *is_enough, void *user_data) {
    (void)user_data;
    *is_enough = progress->simulations >= 2;
    return 0;
}

static bool calibration_is_told(const struct observed *log) {
    batching_requests requests;
    batching_recorded recorded;
    batching_calibration found, before;
    batching_requests_init(&requests, sizeof requests);
    batching_recorded_init(&recorded, sizeof recorded);
    batching_calibration_init(&found, sizeof found);
    before = found;
    requests.count = recorded.count = SERVED;
    requests.arrival_time = log->arrival;
    requests.prompt_length = log->prompt;
    requests.output_length = log->output;
    recorded.first_token_time = log->first_token;
    recorded.end_time = log->end;
    recorded.output_length = log->generated;
    const batching_status status = batching_iteration_time_calibrate(&log->config, &requests, &recorded, &found);
    return is_told(status, &found, &before, sizeof found);
}

/* As many requests as there cannot be, in both. */
static batching_status run_calibration_of(const struct input *given) {
    batching_requests requests;
    batching_recorded recorded;
    batching_calibration found;
    const double times[4] = {0};
    const int32_t lengths[4] = {1, 1, 1, 1};
    batching_requests_init(&requests, sizeof requests);
    batching_recorded_init(&recorded, sizeof recorded);
    batching_calibration_init(&found, sizeof found);
    requests.count = recorded.count = given->count;
    recorded.first_token_time = recorded.end_time = times;
    recorded.output_length = lengths;
    found.loss = UNTOUCHED;
    return unless_written(batching_iteration_time_calibrate(NULL, &requests, &recorded, &found), found.loss);
}

/* A field of the configuration, or one element of a column. */
static batching_status run_calibration(const struct input *given) {
    struct observed log;
    const batching_roofline roofline = some_roofline();
    const batching_engine_config engine = some_config(0);
    for (size_t n = 0; some_log(&log), log.config.callback = it_is_enough, log.config.roofline = &roofline,
                log.config.engine = &engine, write_wild((char *)&log + given->count, given->capacity, n);
         n++) {
        if (!calibration_is_told(&log)) {
            return -1;
        }
    }
    return BATCHING_OK;
}

static batching_status run_calibration_with_roofline(const struct input *given) {
    struct observed log;
    batching_roofline roofline;
    for (size_t n = 0; some_log(&log), roofline = some_roofline(), log.config.roofline = &roofline,
                write_wild((char *)&roofline + given->count, given->capacity, n);
         n++) {
        if (!calibration_is_told(&log)) {
            return -1;
        }
    }
    return BATCHING_OK;
}

/* --- The fields ----------------------------------------------------------------------------------------------------- */

#define FIELD(type, of, name)                                                                                          \
    {                                                                                                                  \
#name, BATCHING_OK, {                                                                                          \
            .count = (int64_t)offsetof(of, name), .capacity = type                                                     \
        }                                                                                                              \
    }

static const struct row ROOFLINE[] = {
    FIELD(A_UINT32, batching_roofline, struct_size),
    FIELD(A_UINT32, batching_roofline, reserved),
    FIELD(A_DOUBLE, batching_roofline, layers),
    FIELD(A_DOUBLE, batching_roofline, linear_bytes),
    FIELD(A_DOUBLE, batching_roofline, linear_flops),
    FIELD(A_DOUBLE, batching_roofline, experts),
    FIELD(A_DOUBLE, batching_roofline, experts_per_token),
    FIELD(A_DOUBLE, batching_roofline, expert_bytes),
    FIELD(A_DOUBLE, batching_roofline, expert_flops),
    FIELD(A_DOUBLE, batching_roofline, head_bytes),
    FIELD(A_DOUBLE, batching_roofline, head_flops),
    FIELD(A_DOUBLE, batching_roofline, kv_bytes),
    FIELD(A_DOUBLE, batching_roofline, window_bytes),
    FIELD(A_DOUBLE, batching_roofline, window),
    FIELD(A_DOUBLE, batching_roofline, attention_flops),
    FIELD(A_DOUBLE, batching_roofline, window_attention_flops),
    FIELD(A_DOUBLE, batching_roofline, allreduce_bytes),
    FIELD(A_DOUBLE, batching_roofline, tensor_parallel),
    FIELD(A_DOUBLE, batching_roofline, memory_bandwidth),
    FIELD(A_DOUBLE, batching_roofline, linear_peak),
    FIELD(A_DOUBLE, batching_roofline, expert_peak),
    FIELD(A_DOUBLE, batching_roofline, head_peak),
    FIELD(A_DOUBLE, batching_roofline, attention_peak),
    FIELD(A_DOUBLE, batching_roofline, link_bandwidth),
    FIELD(A_DOUBLE, batching_roofline, bandwidth_share),
    FIELD(A_DOUBLE, batching_roofline, gemm_share),
    FIELD(A_DOUBLE, batching_roofline, expert_bandwidth_share),
    FIELD(A_DOUBLE, batching_roofline, expert_gemm_share),
    FIELD(A_DOUBLE, batching_roofline, head_share),
    FIELD(A_DOUBLE, batching_roofline, kv_share),
    FIELD(A_DOUBLE, batching_roofline, attention_share),
    FIELD(A_DOUBLE, batching_roofline, link_share),
    FIELD(A_DOUBLE, batching_roofline, allreduce_latency),
    FIELD(A_DOUBLE, batching_roofline, per_iteration),
    FIELD(A_DOUBLE, batching_roofline, per_layer),
    FIELD(A_DOUBLE, batching_roofline, per_sequence),
    FIELD(A_DOUBLE, batching_roofline, per_prefill_iteration),
};

static const struct row TABLE[] = {
    FIELD(A_UINT32, batching_time_table, struct_size),
    FIELD(A_UINT32, batching_time_table, reserved),
    FIELD(AN_INT64, batching_time_table, linear_count),
    FIELD(A_POINTER, batching_time_table, linear_tokens),
    FIELD(A_POINTER, batching_time_table, linear_seconds),
    FIELD(AN_INT64, batching_time_table, head_count),
    FIELD(A_POINTER, batching_time_table, head_sequences),
    FIELD(A_POINTER, batching_time_table, head_seconds),
    FIELD(AN_INT64, batching_time_table, decode_sequence_count),
    FIELD(AN_INT64, batching_time_table, decode_context_count),
    FIELD(A_POINTER, batching_time_table, decode_sequences),
    FIELD(A_POINTER, batching_time_table, decode_contexts),
    FIELD(A_POINTER, batching_time_table, decode_seconds),
    FIELD(AN_INT64, batching_time_table, prefill_token_count),
    FIELD(AN_INT64, batching_time_table, prefill_context_count),
    FIELD(A_POINTER, batching_time_table, prefill_tokens),
    FIELD(A_POINTER, batching_time_table, prefill_contexts),
    FIELD(A_POINTER, batching_time_table, prefill_seconds),
    FIELD(A_DOUBLE, batching_time_table, linear_scale),
    FIELD(A_DOUBLE, batching_time_table, head_scale),
    FIELD(A_DOUBLE, batching_time_table, decode_scale),
    FIELD(A_DOUBLE, batching_time_table, prefill_scale),
    FIELD(A_DOUBLE, batching_time_table, per_iteration),
    FIELD(A_DOUBLE, batching_time_table, per_sequence),
    FIELD(A_DOUBLE, batching_time_table, per_prefill_iteration),
};

static const struct row COLUMNS[] = {
    FIELD(A_POINTER, batching_time_table, linear_tokens),    FIELD(A_POINTER, batching_time_table, linear_seconds),
    FIELD(A_POINTER, batching_time_table, head_sequences),   FIELD(A_POINTER, batching_time_table, head_seconds),
    FIELD(A_POINTER, batching_time_table, decode_sequences), FIELD(A_POINTER, batching_time_table, decode_contexts),
    FIELD(A_POINTER, batching_time_table, decode_seconds),   FIELD(A_POINTER, batching_time_table, prefill_tokens),
    FIELD(A_POINTER, batching_time_table, prefill_contexts), FIELD(A_POINTER, batching_time_table, prefill_seconds),
};

static const struct row AFFINE[] = {
    FIELD(A_DOUBLE, batching_engine_config, time_base),
    FIELD(A_DOUBLE, batching_engine_config, time_per_prefill_token),
    FIELD(A_DOUBLE, batching_engine_config, time_per_decode_token),
    FIELD(A_DOUBLE, batching_engine_config, time_per_context_token),
    FIELD(A_DOUBLE, batching_engine_config, time_per_prefill_context),
    FIELD(A_DOUBLE, batching_engine_config, time_per_prefill_iteration),
    FIELD(A_DOUBLE, batching_engine_config, time_per_prefill_chunk),
    FIELD(A_DOUBLE, batching_engine_config, time_startup),
};

static const struct row ITERATIONS[] = {
    FIELD(A_UINT32, batching_iterations, struct_size),     FIELD(A_UINT32, batching_iterations, reserved),
    FIELD(AN_INT64, batching_iterations, count),           FIELD(A_POINTER, batching_iterations, prefill_tokens),
    FIELD(A_POINTER, batching_iterations, prefill_chunks), FIELD(A_POINTER, batching_iterations, decode_tokens),
    FIELD(A_POINTER, batching_iterations, context_tokens), FIELD(A_POINTER, batching_iterations, prefill_context),
};

static const struct row HARDWARE[] = {
    FIELD(A_UINT32, struct hardware, gpu.struct_size),
    FIELD(A_UINT32, struct hardware, gpu.reserved),
    FIELD(A_DOUBLE, struct hardware, gpu.memory_bytes),
    FIELD(A_DOUBLE, struct hardware, gpu.driver_bytes),
    FIELD(A_DOUBLE, struct hardware, gpu.memory_bandwidth),
    FIELD(A_DOUBLE, struct hardware, gpu.bf16_peak),
    FIELD(A_DOUBLE, struct hardware, gpu.fp8_peak),
    FIELD(A_DOUBLE, struct hardware, gpu.int8_peak),
    FIELD(A_DOUBLE, struct hardware, gpu.fp4_peak),
    FIELD(A_DOUBLE, struct hardware, gpu.link_bandwidth),
    FIELD(A_DOUBLE, struct hardware, gpu.power),
    FIELD(AN_INT32, struct hardware, gpu.memory_type),
    FIELD(AN_INT32, struct hardware, gpu.link_type),
    FIELD(A_UINT32, struct hardware, model.struct_size),
    FIELD(A_UINT32, struct hardware, model.reserved),
    FIELD(AN_INT32, struct hardware, model.num_hidden_layers),
    FIELD(AN_INT32, struct hardware, model.hidden_size),
    FIELD(AN_INT32, struct hardware, model.num_attention_heads),
    FIELD(AN_INT32, struct hardware, model.num_key_value_heads),
    FIELD(AN_INT32, struct hardware, model.head_dim),
    FIELD(AN_INT32, struct hardware, model.intermediate_size),
    FIELD(AN_INT32, struct hardware, model.vocab_size),
    FIELD(AN_INT32, struct hardware, model.tie_word_embeddings),
    FIELD(AN_INT32, struct hardware, model.num_experts),
    FIELD(AN_INT32, struct hardware, model.num_experts_per_tok),
    FIELD(AN_INT32, struct hardware, model.moe_intermediate_size),
    FIELD(AN_INT32, struct hardware, model.shared_expert_intermediate_size),
    FIELD(AN_INT32, struct hardware, model.dense_layers),
    FIELD(AN_INT32, struct hardware, model.kv_lora_rank),
    FIELD(AN_INT32, struct hardware, model.q_lora_rank),
    FIELD(AN_INT32, struct hardware, model.qk_rope_head_dim),
    FIELD(AN_INT32, struct hardware, model.qk_nope_head_dim),
    FIELD(AN_INT32, struct hardware, model.v_head_dim),
    FIELD(AN_INT32, struct hardware, model.sliding_window),
    FIELD(AN_INT32, struct hardware, model.full_attention_layers),
    FIELD(A_UINT32, struct hardware, deployment.struct_size),
    FIELD(A_UINT32, struct hardware, deployment.reserved),
    FIELD(A_POINTER, struct hardware, deployment.model),
    FIELD(A_POINTER, struct hardware, deployment.gpu),
    FIELD(AN_INT32, struct hardware, deployment.tensor_parallel),
    FIELD(AN_INT32, struct hardware, deployment.weight_dtype),
    FIELD(AN_INT32, struct hardware, deployment.kv_dtype),
    FIELD(AN_INT32, struct hardware, deployment.block_size),
    FIELD(AN_INT64, struct hardware, deployment.max_num_seqs),
    FIELD(AN_INT64, struct hardware, deployment.max_num_batched_tokens),
    FIELD(A_DOUBLE, struct hardware, deployment.gpu_memory_utilization),
    FIELD(A_DOUBLE, struct hardware, deployment.activation_bytes),
    FIELD(A_DOUBLE, struct hardware, deployment.graph_bytes),
    FIELD(A_DOUBLE, struct hardware, deployment.other_bytes),
};

static const struct row CALIBRATION[] = {
    FIELD(A_UINT32, struct observed, config.struct_size),
    FIELD(A_UINT32, struct observed, config.reserved),
    FIELD(A_POINTER, struct observed, config.engine),
    FIELD(A_POINTER, struct observed, config.roofline),
    FIELD(AN_INT32, struct observed, config.scheduling),
    FIELD(AN_INT32, struct observed, config.search_num_gpu_blocks),
    FIELD(AN_INT64, struct observed, config.seed),
    FIELD(A_DOUBLE, struct observed, config.observed_until),
    FIELD(AN_INT64, struct observed, config.simulations),
    FIELD(A_DOUBLE, struct observed, arrival[0]),
    FIELD(A_DOUBLE, struct observed, arrival[11]),
    FIELD(A_DOUBLE, struct observed, first_token[0]),
    FIELD(A_DOUBLE, struct observed, first_token[11]),
    FIELD(A_DOUBLE, struct observed, end[0]),
    FIELD(A_DOUBLE, struct observed, end[11]),
    FIELD(AN_INT32, struct observed, output[3]),
    FIELD(AN_INT32, struct observed, generated[3]),
};

#define MISSING(name)                                                                                                  \
    {                                                                                                                  \
#name " of a narrow table", BATCHING_ERROR_NULL_POINTER, {                                                     \
            .count = (int64_t)offsetof(batching_time_table, name)                                                      \
        }                                                                                                              \
    }

static const struct row NARROW[] = {
    MISSING(linear_tokens),    MISSING(linear_seconds),  MISSING(head_sequences), MISSING(head_seconds),
    MISSING(decode_sequences), MISSING(decode_contexts), MISSING(decode_seconds), MISSING(prefill_tokens),
    MISSING(prefill_contexts), MISSING(prefill_seconds),
};

static const struct row COUNTS[] = {
    {"-1 requests", BATCHING_ERROR_INVALID_ARGUMENT, {.count = -1}},
    {"the least", BATCHING_ERROR_INVALID_ARGUMENT, {.count = INT64_MIN}},
    {"the most", BATCHING_ERROR_INVALID_ARGUMENT, {.count = INT64_MAX}},
    {"2^31 - 1", BATCHING_ERROR_INVALID_ARGUMENT, {.count = INT32_MAX}},
    {"a million and one", BATCHING_ERROR_INVALID_ARGUMENT, {.count = 1000001}},
    {"none", BATCHING_ERROR_INVALID_ARGUMENT, {.count = 0}},
    {"too few", BATCHING_ERROR_INVALID_ARGUMENT, {.count = 4}},
};

const struct table TIME_TABLES[] = {
    {"a roofline", run_roofline, ROWS(ROOFLINE), false},
    {"a table", run_table, ROWS(TABLE), false},
    {"a column of a table", run_column, ROWS(COLUMNS), false},
    {"a narrow table", run_narrow_table, ROWS(NARROW), false},
    {"affine times", run_affine, ROWS(AFFINE), false},
    {"iteration_times_calculate", run_iterations, ROWS(ITERATIONS), false},
    {"a deployment", run_hardware, ROWS(HARDWARE), false},
    {"iteration_time_calibrate", run_calibration, ROWS(CALIBRATION), false},
    {"iteration_time_calibrate of so many", run_calibration_of, ROWS(COUNTS), false},
    {"iteration_time_calibrate with a roofline", run_calibration_with_roofline, ROWS(ROOFLINE), false},
};
const size_t TIME_TABLE_COUNT = sizeof TIME_TABLES / sizeof *TIME_TABLES;
