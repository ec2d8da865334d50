/*
 * Drives the catalogue of models and GPUs, what follows for a deployment, and calibration: on logs of runs of the engine,
 * which other noise and other errors were put into.
 */
#include <math.h>
#include <stddef.h>

#include "checks.h"

/* --- Catalogue and deployments -------------------------------------------------------------------------------------- */

/* A name of the catalogue with other letters in it, or any bytes. */
static char *input_name(struct input *input, const char *known) {
    const size_t length = input_chance(input, 4) ? input_byte(input) * 2u : strlen(known);
    char *name = allocate(length + 1);
    for (size_t at = 0; at < length; at++) {
        name[at] = at < strlen(known) ? known[at] : (char)input_byte(input);
        name[at] = input_chance(input, 8) ? (char)(input_byte(input) | 1) : name[at];
    }
    name[length] = '\0';
    return name;
}

static void require_gpu(const batching_gpu *gpu) {
    REQUIRE(strlen(gpu->name) > 0 && strlen(gpu->source) > 0);
    REQUIRE(gpu->memory_bytes > 0 && gpu->memory_bandwidth > 0 && gpu->bf16_peak > 0);
}

static void require_model(const batching_model *model) {
    REQUIRE(strlen(model->name) > 0 && strlen(model->source) > 0);
    REQUIRE(model->num_hidden_layers > 0 && model->hidden_size > 0 && model->vocab_size > 0);
}

/* Int32 fields, one of them now and then any. */
static void input_damage(struct input *input, void *fields, size_t size) {
    while (input_chance(input, 6)) {
        const size_t place = input_byte(input) % (size / sizeof(int32_t));
        const int32_t value = input_chance(input, 2) ? (int32_t)input_size(input) : input_byte(input);
        memcpy((int32_t *)fields + place, &value, sizeof value);
    }
}

static batching_gpu input_gpu(struct input *input) {
    batching_gpu gpu;
    int64_t count = 0;
    REQUIRE(batching_gpus_count(&count) == BATCHING_OK && count > 0);
    REQUIRE(batching_gpu_init(&gpu, sizeof gpu) == BATCHING_OK);
    REQUIRE(batching_gpu_get(input_byte(input) % count, &gpu) == BATCHING_OK);
    require_gpu(&gpu);
    double *const numbers[] = {&gpu.memory_bytes, &gpu.driver_bytes, &gpu.memory_bandwidth, &gpu.bf16_peak,
                               &gpu.fp8_peak,     &gpu.int8_peak,    &gpu.fp4_peak,         &gpu.link_bandwidth};
    while (input_chance(input, 6)) {
        *numbers[input_byte(input) % 8] = input_double(input);
    }
    input_damage(input, &gpu.memory_type, 2 * sizeof(int32_t));
    return gpu;
}

static batching_model input_model(struct input *input) {
    batching_model model;
    int64_t count = 0;
    REQUIRE(batching_models_count(&count) == BATCHING_OK && count > 0);
    REQUIRE(batching_model_init(&model, sizeof model) == BATCHING_OK);
    REQUIRE(batching_model_get(input_byte(input) % count, &model) == BATCHING_OK);
    require_model(&model);
    input_damage(input, &model.num_hidden_layers, sizeof model - offsetof(batching_model, num_hidden_layers));
    return model;
}

static void fuzz_names(struct input *input) {
    const batching_gpu one = input_gpu(input);
    const batching_model other = input_model(input);
    char *name = input_name(input, input_chance(input, 2) ? one.name : other.name);
    batching_gpu gpu;
    batching_model model;
    REQUIRE(batching_gpu_init(&gpu, sizeof gpu) == BATCHING_OK);
    REQUIRE(batching_model_init(&model, sizeof model) == BATCHING_OK);
    struct output_struct given_gpu = output_struct(input, &gpu, sizeof gpu);
    struct output_struct given_model = output_struct(input, &model, sizeof model);
    if (succeeded(batching_gpu_find(name, given_gpu.value))) {
        take_output(&gpu, sizeof gpu, given_gpu);
        REQUIRE(given_gpu.size < sizeof gpu || (require_gpu(&gpu), true));
    } else {
        REQUIRE(is_untouched(given_gpu));
    }
    if (succeeded(batching_model_find(name, given_model.value))) {
        take_output(&model, sizeof model, given_model);
        REQUIRE(given_model.size < sizeof model || (require_model(&model), true));
    } else {
        REQUIRE(is_untouched(given_model));
    }
    gpu.struct_size = sizeof gpu;
    model.struct_size = sizeof model;
    const int64_t index = input_size(input);
    succeeded(batching_gpu_get(index, &gpu));
    succeeded(batching_model_get(index, &model));
    free(name);
    free_output_struct(given_gpu);
    free_output_struct(given_model);
}

static void require_memory(const batching_deployment *deployment, const batching_deployment_memory *memory) {
    const double numbers[] = {memory->parameters,       memory->active_parameters, memory->weight_bytes,
                              memory->activation_bytes, memory->graph_bytes,       memory->other_bytes,
                              memory->kv_bytes,         memory->block_bytes,       memory->kv_bytes_per_token};
    for (size_t which = 0; which < sizeof numbers / sizeof *numbers; which++) {
        REQUIRE(numbers[which] >= 0.0 && numbers[which] < INFINITY);
    }
    /* A quotient of what the GPU is said to have: that may be any. */
    REQUIRE(memory->ridge_point >= 0.0);
    REQUIRE(memory->parameters > 0 && memory->kv_bytes_per_token > 0);
    REQUIRE(memory->num_gpu_blocks == 0 || memory->num_gpu_blocks >= 2);
    /* One more block than fits would be too much, up to the rounding of these doubles. */
    REQUIRE((double)memory->num_gpu_blocks * memory->block_bytes <= memory->kv_bytes * (1 + 1e-12));
    REQUIRE(memory->kv_bytes <= deployment->gpu->memory_bytes);
}

/* What is written for a deployment is what the engine takes; an engine takes at least as long as nothing. */
static void require_roofline(const batching_roofline *roofline) {
    batching_engine_config config;
    batching_iterations iterations;
    REQUIRE(batching_engine_config_init(&config, sizeof config) == BATCHING_OK);
    REQUIRE(batching_iterations_init(&iterations, sizeof iterations) == BATCHING_OK);
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = roofline;
    const int64_t prefill = 77, decode = 5, context = 1234;
    double seconds = -7.0;
    iterations.count = 1;
    iterations.prefill_tokens = &prefill;
    iterations.decode_tokens = &decode;
    iterations.context_tokens = &context;
    if (succeeded(batching_iteration_times_calculate(&config, &iterations, &seconds))) {
        REQUIRE(seconds >= 0.001 && seconds <= BATCHING_TIME_MAX);
    }
}

static void fuzz_deployment(struct input *input) {
    static const int32_t DTYPES[] = {BATCHING_DTYPE_BF16, BATCHING_DTYPE_FP8,  BATCHING_DTYPE_INT8,
                                     BATCHING_DTYPE_FP4,  BATCHING_DTYPE_INT4, 1};
    const batching_gpu gpu = input_gpu(input);
    const batching_model model = input_model(input);
    batching_gpu *given_gpu = input_struct(input, &gpu, sizeof gpu);
    batching_model *given_model = input_struct(input, &model, sizeof model);
    batching_deployment deployment;
    REQUIRE(batching_deployment_init(&deployment, sizeof deployment) == BATCHING_OK);
    deployment.model = input_chance(input, 64) ? NULL : given_model;
    deployment.gpu = input_chance(input, 64) ? NULL : given_gpu;
    deployment.tensor_parallel = input_chance(input, 2) ? 1 << input_byte(input) % 5 : 0;
    deployment.weight_dtype = DTYPES[input_byte(input) % 6];
    deployment.kv_dtype = DTYPES[input_byte(input) % 3];
    double *const numbers[] = {&deployment.gpu_memory_utilization, &deployment.activation_bytes,
                               &deployment.graph_bytes, &deployment.other_bytes};
    for (int number = 0; number < 4; number++) {
        *numbers[number] = input_chance(input, 8) ? input_double(input) : number == 0 ? input_byte(input) / 255.0 : 0.0;
    }
    deployment.max_num_seqs = input_chance(input, 4) ? input_size(input) : 0;
    deployment.max_num_batched_tokens = input_chance(input, 4) ? input_size(input) : 0;
    input_damage(input, &deployment.tensor_parallel, 4 * sizeof(int32_t));
    batching_deployment *given = input_struct(input, &deployment, sizeof deployment);
    batching_deployment_memory memory;
    batching_roofline roofline;
    REQUIRE(batching_deployment_memory_init(&memory, sizeof memory) == BATCHING_OK);
    REQUIRE(batching_roofline_init(&roofline, sizeof roofline) == BATCHING_OK);
    struct output_struct given_memory = output_struct(input, &memory, sizeof memory);
    struct output_struct given_roofline = output_struct(input, &roofline, sizeof roofline);
    if (succeeded(batching_deployment_memory_calculate(given, given_memory.value))) {
        take_output(&memory, sizeof memory, given_memory);
        REQUIRE(given_memory.size < sizeof memory || (require_memory(&deployment, &memory), true));
    } else {
        REQUIRE(is_untouched(given_memory));
    }
    if (succeeded(batching_deployment_roofline_calculate(given, given_roofline.value))) {
        take_output(&roofline, sizeof roofline, given_roofline);
        roofline.struct_size = sizeof roofline;
        REQUIRE(given_roofline.size < sizeof roofline || (require_roofline(&roofline), true));
    } else {
        REQUIRE(is_untouched(given_roofline));
    }
    free(given_gpu);
    free(given_model);
    free(given);
    free_output_struct(given_memory);
    free_output_struct(given_roofline);
}

void fuzz_catalogue(struct input *input) {
    if (input_chance(input, 3)) {
        fuzz_names(input);
    } else {
        fuzz_deployment(input);
    }
}

/* --- Calibration ---------------------------------------------------------------------------------------------------- */

enum { MOST_SERVED = 64 };

/* What a server was asked, and what became of it. */
struct served {
    int64_t count;
    int32_t prompt[MOST_SERVED], output[MOST_SERVED], generated[MOST_SERVED];
    double arrival[MOST_SERVED], first_token[MOST_SERVED], end[MOST_SERVED];
    uint8_t success[MOST_SERVED];
};

static int32_t stop_or_not(const batching_calibration_progress *progress, int32_t *is_enough, void *user_data) {
    REQUIRE(progress->struct_size == sizeof *progress && progress->reserved == 0 && *is_enough == 0);
    REQUIRE(progress->simulations > 0 && progress->simulations <= progress->most && progress->loss >= 0.0);
    *is_enough = input_chance(user_data, 8) ? (int32_t)input_word(user_data) : input_chance(user_data, 16);
    return input_chance(user_data, 32);
}

static batching_requests requests_of(const struct served *served) {
    batching_requests requests;
    REQUIRE(batching_requests_init(&requests, sizeof requests) == BATCHING_OK);
    requests.count = served->count;
    requests.prompt_length = served->prompt;
    requests.output_length = served->output;
    requests.arrival_time = served->arrival;
    return requests;
}

/* By the engine, with noise and errors. */
static struct served input_served(struct input *input) {
    struct served served = {.count = 4 + input_byte(input) % (MOST_SERVED - 3)};
    const double unit = input_chance(input, 8) ? 1.0 : input_chance(input, 4) ? 0.1 : 0.001;
    double now = input_chance(input, 8) ? 1.7e9 : 0.0;
    for (int64_t index = 0; index < served.count; index++) {
        now += unit * input_byte(input);
        served.arrival[index] = now;
        served.prompt[index] = 8 * input_byte(input);
        served.output[index] = 1 + input_byte(input) % 48;
        served.success[index] = !input_chance(input, 32);
    }
    batching_engine_config config;
    batching_results results;
    REQUIRE(batching_engine_config_init(&config, sizeof config) == BATCHING_OK);
    REQUIRE(batching_results_init(&results, sizeof results) == BATCHING_OK);
    config.max_num_seqs = 1 + input_byte(input) % 64;
    config.num_gpu_blocks = input_chance(input, 2) ? 135 + input_byte(input) : 0;
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = 1e-4 * input_byte(input);
    config.time_per_prefill_token = 1e-6 * input_byte(input);
    config.time_per_context_token = 1e-8 * input_byte(input);
    config.time_startup = input_chance(input, 4) ? 0.25 : 0.0;
    results.capacity = served.count;
    results.first_token_time = served.first_token;
    results.end_time = served.end;
    results.tokens_generated = served.generated;
    const batching_requests requests = requests_of(&served);
    REQUIRE(batching_simulate(&config, &requests, &results, NULL) == BATCHING_OK);
    for (int64_t index = 0; index < served.count; index++) {
        const double noise = input_chance(input, 2) ? 1e-4 * input_byte(input) : 0.0;
        served.first_token[index] += noise;
        served.end[index] += 2 * noise;
    }
    while (input_chance(input, 8)) {
        double *const columns[] = {served.first_token, served.end, served.arrival};
        columns[input_byte(input) % 3][input_byte(input) % served.count] = input_double(input);
    }
    if (input_chance(input, 16)) {
        served.generated[input_byte(input) % served.count] = (int32_t)input_word(input);
    }
    return served;
}

static void require_calibration(const batching_calibration *found, const batching_calibration_config *config) {
    const double coefficients[] = {found->time_base,
                                   found->time_per_prefill_token,
                                   found->time_per_decode_token,
                                   found->time_per_context_token,
                                   found->time_per_prefill_context,
                                   found->time_per_prefill_iteration,
                                   found->time_per_prefill_chunk,
                                   found->time_startup,
                                   found->spread,
                                   found->loss,
                                   found->client_delay};
    for (size_t which = 0; which < sizeof coefficients / sizeof *coefficients; which++) {
        REQUIRE(coefficients[which] >= 0.0 && coefficients[which] < INFINITY);
    }
    const double told[] = {found->told_base,
                           found->told_per_prefill_token,
                           found->told_per_decode_token,
                           found->told_per_context_token,
                           found->told_per_prefill_context,
                           found->told_per_prefill_iteration,
                           found->told_per_prefill_chunk,
                           found->told_client_delay,
                           found->share_without_queueing};
    for (size_t which = 0; which < sizeof told / sizeof *told; which++) {
        REQUIRE(told[which] >= 0.0 && told[which] <= 1.0);
    }
    const double correlations[] = {found->correlation_base_decode,    found->correlation_base_context,
                                   found->correlation_decode_context, found->correlation_prefill_context,
                                   found->correlation_base_delay,     found->correlation_prefill_iteration_delay};
    for (size_t which = 0; which < sizeof correlations / sizeof *correlations; which++) {
        REQUIRE(fabs(correlations[which]) <= 1.0);
    }
    const double *const ranges[] = {&found->base_least,
                                    &found->per_prefill_token_least,
                                    &found->per_decode_token_least,
                                    &found->per_context_token_least,
                                    &found->per_prefill_context_least,
                                    &found->per_prefill_iteration_least,
                                    &found->per_prefill_chunk_least,
                                    &found->startup_least,
                                    &found->client_delay_least};
    for (size_t which = 0; which < sizeof ranges / sizeof *ranges; which++) {
        const double value = which < 8 ? coefficients[which] : found->client_delay;
        REQUIRE(ranges[which][0] <= value && value <= ranges[which][1]);
    }
    REQUIRE(!(found->mean_ttft_least > found->mean_ttft_most) && !(found->mean_e2e_least > found->mean_e2e_most));
    REQUIRE(found->fits >= 1 && found->fits <= 1 + found->simulations);
    REQUIRE(found->client_delay == 0.0 || (found->told_client_delay >= 0.5 && found->share_without_queueing >= 0.5));
    REQUIRE(found->num_gpu_blocks_least <= found->num_gpu_blocks && found->num_gpu_blocks >= 0);
    REQUIRE(found->num_gpu_blocks_most >= found->num_gpu_blocks);
    REQUIRE(found->simulations >= 1 && found->simulations <= config->simulations && found->residuals >= 16);
    REQUIRE(config->scheduling != BATCHING_SCHEDULING_GIVEN || isnan(found->loss_of_other_scheduling));
    REQUIRE((found->async_scheduling & ~1) == 0 && (found->is_complete & ~1) == 0);
}

void fuzz_calibration(struct input *input) {
    const struct served served = input_served(input);
    batching_requests requests = requests_of(&served);
    batching_recorded recorded;
    batching_calibration_config config;
    batching_calibration found, again;
    REQUIRE(batching_recorded_init(&recorded, sizeof recorded) == BATCHING_OK);
    REQUIRE(batching_calibration_config_init(&config, sizeof config) == BATCHING_OK);
    REQUIRE(batching_calibration_init(&found, sizeof found) == BATCHING_OK);
    REQUIRE(batching_calibration_init(&again, sizeof again) == BATCHING_OK);
    recorded.count = input_chance(input, 64) ? input_impossible_count(input) : served.count;
    if (input_chance(input, 64)) {
        requests.count = recorded.count = input_impossible_count(input);
    }
    recorded.first_token_time = input_chance(input, 64) ? NULL : served.first_token;
    recorded.end_time = input_chance(input, 64) ? NULL : served.end;
    recorded.output_length = served.generated;
    recorded.success = input_chance(input, 2) ? served.success : NULL;

    batching_engine_config engine = input_engine_config(input);
    const batching_roofline roofline = input_roofline(input);
    /* Without end it would go round in circles until the last arrives. */
    engine.admit_oversized = 0;
    batching_engine_config *given_engine = input_struct(input, &engine, sizeof engine);
    batching_roofline *given_roofline = input_struct(input, &roofline, sizeof roofline);
    config.engine = input_chance(input, 2) ? given_engine : NULL;
    config.roofline = input_chance(input, 3) ? given_roofline : NULL;
    config.scheduling = input_chance(input, 2) ? BATCHING_SCHEDULING_GIVEN : input_chance(input, 32);
    config.search_num_gpu_blocks = input_chance(input, 2);
    config.seed = input_word(input);
    config.observed_until = input_chance(input, 8) ? input_seconds(input) : 0.0;
    config.simulations =
        input_chance(input, 32) ? -input_byte(input) - 1 : 1 + input_byte(input) % (input_chance(input, 8) ? 60 : 3);
    const bool is_called = input_chance(input, 4);
    config.callback = is_called ? stop_or_not : NULL;
    config.user_data = input;

    batching_requests *given_requests = input_struct(input, &requests, sizeof requests);
    batching_recorded *given_recorded = input_struct(input, &recorded, sizeof recorded);
    batching_calibration_config *given = input_struct(input, &config, sizeof config);
    struct output_struct given_found = output_struct(input, &found, sizeof found);
    /* A shorter struct has no limit of simulations: by default there are 2,000. */
    const bool is_whole = given->struct_size >= sizeof config;
    if (is_whole &&
        succeeded(batching_iteration_time_calibrate(given, given_requests, given_recorded, given_found.value))) {
        take_output(&found, sizeof found, given_found);
        if (given_found.size >= sizeof found) {
            require_calibration(&found, &config);
        }
        if (!is_called && given_found.size >= sizeof found) {
            REQUIRE(batching_iteration_time_calibrate(given, given_requests, given_recorded, &again) == BATCHING_OK);
            found.struct_size = again.struct_size;
            REQUIRE(memcmp(&found, &again, sizeof found) == 0);
        }
    } else {
        REQUIRE(is_untouched(given_found));
    }
    free(given_engine);
    free(given_roofline);
    free(given_requests);
    free(given_recorded);
    free(given);
    free_output_struct(given_found);
    free_time_models(&engine);
}
