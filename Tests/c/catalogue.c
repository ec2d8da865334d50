/* GPUs and models by name, and what follows for a model on a GPU. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "support.h"

static batching_gpu gpu_named(const char *name) {
    INITIALIZED(batching_gpu, gpu);
    assert_succeeds(batching_gpu_find(name, &gpu));
    return gpu;
}

static batching_model model_named(const char *name) {
    INITIALIZED(batching_model, model);
    assert_succeeds(batching_model_find(name, &model));
    return model;
}

static batching_deployment_memory memory_of(const batching_deployment *deployment) {
    INITIALIZED(batching_deployment_memory, memory);
    assert_succeeds(batching_deployment_memory_calculate(deployment, &memory));
    return memory;
}

static batching_roofline roofline_of(const batching_deployment *deployment) {
    INITIALIZED(batching_roofline, roofline);
    assert_succeeds(batching_deployment_roofline_calculate(deployment, &roofline));
    return roofline;
}

static void all_are_found_by_their_names_which_are_in_order(void **state) {
    (void)state;
    int64_t count = -7;
    assert_succeeds(batching_gpus_count(&count));
    assert_int_equal(count, 25);
    const char *before = "";
    for (int64_t index = 0; index < count; index++) {
        INITIALIZED(batching_gpu, gpu);
        assert_succeeds(batching_gpu_get(index, &gpu));
        assert_true(strcasecmp(before, gpu.name) < 0);
        assert_true(strlen(gpu.source) > 0);
        const batching_gpu found = gpu_named(gpu.name);
        assert_memory_equal(&found, &gpu, sizeof gpu);
        before = gpu.name;
    }
    assert_succeeds(batching_models_count(&count));
    assert_int_equal(count, 31);
    before = "";
    for (int64_t index = 0; index < count; index++) {
        INITIALIZED(batching_model, model);
        assert_succeeds(batching_model_get(index, &model));
        assert_true(strcasecmp(before, model.name) < 0);
        assert_true(strlen(model.source) > 0);
        const batching_model found = model_named(model.name);
        assert_memory_equal(&found, &model, sizeof model);
        before = model.name;
    }
}

static void names_are_found_as_others_write_them(void **state) {
    (void)state;
    assert_string_equal(gpu_named("h100 sxm").name, "H100-SXM");
    assert_string_equal(gpu_named("NVIDIA GeForce RTX 4090").name, "RTX-4090");
    assert_string_equal(model_named("meta-llama/Llama-3.1-8B").name, "Llama-3.1-8B");
    assert_string_equal(model_named("Llama-3.1-8B-Instruct").name, "Llama-3.1-8B");
    assert_string_equal(model_named("mirror/meta-llama/Meta-Llama-3.1-8B-Instruct").name, "Llama-3.1-8B");
}

/* nvidia-smi tells 24,564 and 81,559 MiB. */
static void a_gpu_is_what_its_data_sheet_says(void **state) {
    (void)state;
    const batching_gpu gpu = gpu_named("RTX-4090");
    assert_double_equal(gpu.memory_bytes, 24564.0 * 1048576);
    assert_double_equal(gpu.driver_bytes, 480.0 * 1048576);
    assert_double_equal(gpu.memory_bandwidth, 1008e9);
    assert_double_equal(gpu.bf16_peak, 165.2e12);
    assert_double_equal(gpu.fp8_peak, 330.3e12);
    assert_double_equal(gpu.fp4_peak, 0.0);
    assert_double_equal(gpu.power, 450.0);
    assert_int_equal(gpu.memory_type, BATCHING_MEMORY_GDDR);
    assert_int_equal(gpu.link_type, BATCHING_LINK_PCIE);
    assert_double_equal(gpu_named("H100-SXM").memory_bytes, 81559.0 * 1048576);
    assert_int_equal(gpu_named("H100-SXM").memory_type, BATCHING_MEMORY_HBM);
    assert_int_equal(gpu_named("H100-SXM").link_type, BATCHING_LINK_NVLINK);
}

static void a_model_is_what_its_config_says(void **state) {
    (void)state;
    const batching_model model = model_named("DeepSeek-V3");
    assert_int_equal(model.num_hidden_layers, 61);
    assert_int_equal(model.num_experts, 256);
    assert_int_equal(model.dense_layers, 3);
    assert_int_equal(model.kv_lora_rank, 512);
    assert_int_equal(model.q_lora_rank, 1536);
    assert_int_equal(model.qk_rope_head_dim, 64);
    assert_int_equal(model.qk_nope_head_dim, 128);
    assert_int_equal(model.v_head_dim, 128);
    assert_int_equal(model_named("DeepSeek-V2-Lite").q_lora_rank, 0);
    assert_int_equal(model_named("gpt-oss-20b").sliding_window, 128);
    assert_int_equal(model_named("Qwen3-0.6B").tie_word_embeddings, 1);
}

/* Llama-3.1-8B: vocabulary and head 2 x 128,256 x 4,096; in 32 layers queries and outputs 2 x 4,096 x 4,096, keys and
   values 2 x 4,096 x 1,024, feed-forward 3 x 4,096 x 14,336, two norms of 4,096; one norm more. */
static void parameters_are_counted(void **state) {
    (void)state;
    const int64_t layer = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336 + 2 * 4096;
    const int64_t embedding = 128256 * 4096, parameters = 2 * embedding + 32 * layer + 4096;
    assert_int_equal(parameters, 8030261248);
    INITIALIZED(batching_deployment, deployment);
    const batching_model model = model_named("Llama-3.1-8B");
    const batching_gpu gpu = gpu_named("H100-SXM");
    deployment.model = &model;
    deployment.gpu = &gpu;
    const batching_deployment_memory memory = memory_of(&deployment);
    assert_double_equal(memory.parameters, (double)parameters);
    assert_double_equal(memory.active_parameters, (double)(parameters - embedding));
    assert_double_equal(memory.weight_bytes, 2.0 * (double)parameters);
    assert_double_equal(memory.kv_bytes_per_token, 131072.0);
    assert_double_equal(memory.block_bytes, 16 * 131072.0);
    assert_double_equal(memory.ridge_point, 989.4e12 / 3350e9);
}

/* All that is estimated, given: 0.5 of (1000 - 100) bytes, less 2 bytes of each weight and what is given. */
static void blocks_are_what_is_left(void **state) {
    (void)state;
    INITIALIZED(batching_model, model);
    model.num_hidden_layers = 1;
    model.hidden_size = 2;
    model.num_attention_heads = 2;
    model.intermediate_size = 1;
    model.vocab_size = 1;
    INITIALIZED(batching_gpu, gpu);
    gpu.memory_bytes = 1000;
    gpu.driver_bytes = 100;
    gpu.memory_bandwidth = gpu.bf16_peak = 1;
    INITIALIZED(batching_deployment, deployment);
    deployment.model = &model;
    deployment.gpu = &gpu;
    deployment.gpu_memory_utilization = 0.5;
    deployment.activation_bytes = 100;
    deployment.graph_bytes = 30;
    deployment.other_bytes = 20;
    deployment.block_size = 4;
    /* Four matrices of 2 x 2, three of 2 x 1, embedding and head of 2, three norms of 2: 32 parameters. A token has a key
       and a value of 1 in 2 heads: 8 bytes. 450 - 64 - 150 = 236 bytes are 7 blocks of 32. */
    batching_deployment_memory memory = memory_of(&deployment);
    assert_double_equal(memory.parameters, 32.0);
    assert_double_equal(memory.weight_bytes, 64.0);
    assert_double_equal(memory.kv_bytes, 236.0);
    assert_double_equal(memory.kv_bytes_per_token, 8.0);
    assert_int_equal(memory.num_gpu_blocks, 7);
    model.tie_word_embeddings = 1;
    memory = memory_of(&deployment);
    assert_double_equal(memory.parameters, 30.0);
    assert_double_equal(memory.active_parameters, 30.0);
    /* One block is none: the engine keeps it. With 172 of activations 450 - 60 - 222 = 168 are left. */
    deployment.activation_bytes = 172;
    assert_int_equal(memory_of(&deployment).num_gpu_blocks, 5);
    deployment.activation_bytes = 172 + 168 - 64;
    assert_int_equal(memory_of(&deployment).num_gpu_blocks, 2);
    deployment.activation_bytes = 172 + 168 - 63;
    assert_int_equal(memory_of(&deployment).num_gpu_blocks, 0);
    deployment.activation_bytes = 1e300;
    memory = memory_of(&deployment);
    assert_double_equal(memory.kv_bytes, 0.0);
    assert_int_equal(memory.num_gpu_blocks, 0);
}

/* Of 8 KV heads each of 8 GPUs has one, and each of 16, too. */
static void kv_heads_are_held_again_where_there_are_fewer_than_gpus(void **state) {
    (void)state;
    INITIALIZED(batching_deployment, deployment);
    const batching_model model = model_named("Llama-3.1-70B");
    const batching_gpu gpu = gpu_named("H100-SXM");
    deployment.model = &model;
    deployment.gpu = &gpu;
    deployment.weight_dtype = BATCHING_DTYPE_FP8;
    deployment.kv_dtype = BATCHING_DTYPE_FP8;
    const double one_head = 80.0 * 2 * 128;
    const struct {
        int32_t gpus;
        double heads;
    } cases[] = {{0, 8}, {1, 8}, {2, 4}, {8, 1}, {16, 1}, {64, 1}};
    for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
        deployment.tensor_parallel = cases[which].gpus;
        assert_double_equal(memory_of(&deployment).kv_bytes_per_token, cases[which].heads * one_head);
        assert_double_equal(roofline_of(&deployment).kv_bytes, cases[which].heads * one_head);
    }
    const batching_model latent = model_named("DeepSeek-V3");
    deployment.model = &latent;
    deployment.tensor_parallel = 8;
    assert_double_equal(memory_of(&deployment).kv_bytes_per_token, 61.0 * (512 + 64));
}

/* A token of Llama-3.1-8B that decodes alone after 1,000 others: what the formula of the header says. */
static void the_roofline_gives_the_times_of_an_engine(void **state) {
    (void)state;
    INITIALIZED(batching_deployment, deployment);
    const batching_model model = model_named("Llama-3.1-8B");
    const batching_gpu gpu = gpu_named("H100-SXM");
    deployment.model = &model;
    deployment.gpu = &gpu;
    const batching_roofline roofline = roofline_of(&deployment);
    INITIALIZED(batching_engine_config, config);
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = &roofline;
    const int64_t one = 1, context = 1000;
    INITIALIZED(batching_iterations, iterations);
    iterations.count = 1;
    iterations.decode_tokens = &one;
    iterations.context_tokens = &context;
    double seconds = -7;
    assert_succeeds(batching_iteration_times_calculate(&config, &iterations, &seconds));
    const double layers = 32.0 * (41943040.0 + 3.0 * 4096 * 14336), head = 128256.0 * 4096;
    const double linear = hypot(2 * layers / (0.75 * 3350e9), 2 * layers / (0.8 * 989.4e12));
    const double output = hypot(2 * head / (0.75 * 3350e9), 2 * head / (0.7 * 989.4e12));
    const double expected = linear + output + 1e-3 + 32 * 15e-6 + 5e-6 + 1000 * 131072.0 / (0.72 * 3350e9);
    assert_true(fabs(seconds - expected) <= 1e-9);
}

static void what_is_not_in_the_catalogue_is_told_with_what_is_near(void **state) {
    (void)state;
    INITIALIZED(batching_gpu, gpu);
    INITIALIZED(batching_model, model);
    const batching_gpu gpu_before = gpu;
    const batching_model model_before = model;
    char longest[256], longer[4096];
    memset(longest, 'x', 255);
    longest[255] = 0;
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
#define REFUSED(call, sentence)                                                                                        \
    do {                                                                                                               \
        assert_int_equal((call), BATCHING_ERROR_INVALID_ARGUMENT);                                                     \
        assert_string_equal(batching_last_error(), (sentence));                                                        \
    } while (0)
    REFUSED(batching_gpu_find("H100-SMX", &gpu),
            "name is \"H100-SMX\": must be one of the catalogue's 25 GPUs; near it "
            "are H100-SXM, H100-NVL, H200-SXM, H100-PCIe");
    REFUSED(batching_gpu_find("", &gpu), "name is \"\": must be one of the catalogue's 25 GPUs");
    REFUSED(batching_model_find("gpt-4", &model),
            "name is \"gpt-4\": must be one of the catalogue's 31 models; near it "
            "are gpt-oss-20b, gpt-oss-120b");
    REFUSED(batching_model_find("/", &model), "name is \"/\": must be one of the catalogue's 31 models");
    REFUSED(batching_model_find("\"\t\xff\xc3\xa9\n", &model),
            "name is \"\"?????\": must be one of the catalogue's 31 models");
    assert_fails(batching_model_find(longest, &model), BATCHING_ERROR_INVALID_ARGUMENT, "name is \"xxx");
    REFUSED(batching_model_find(longer, &model), "the length of name is 256: must be at most 255 bytes");
    REFUSED(batching_gpu_get(-1, &gpu), "index is -1: must be from 0 to 24");
    REFUSED(batching_gpu_get(25, &gpu), "index is 25: must be from 0 to 24");
    REFUSED(batching_model_get(31, &model), "index is 31: must be from 0 to 30");
    REFUSED(batching_model_get(INT64_MIN, &model), "index is -9223372036854775808: must be from 0 to 30");
    REFUSED(batching_model_get(INT64_MAX, &model), "index is 9223372036854775807: must be from 0 to 30");
    assert_fails(batching_gpu_find(NULL, &gpu), BATCHING_ERROR_NULL_POINTER, "name is NULL");
    assert_fails(batching_model_find(NULL, &model), BATCHING_ERROR_NULL_POINTER, "name is NULL");
    assert_fails(batching_gpu_find("L4", NULL), BATCHING_ERROR_NULL_POINTER, "gpu is NULL");
    assert_fails(batching_model_find("Yi-34B", NULL), BATCHING_ERROR_NULL_POINTER, "model is NULL");
    assert_fails(batching_gpu_get(0, NULL), BATCHING_ERROR_NULL_POINTER, "gpu is NULL");
    assert_fails(batching_model_get(0, NULL), BATCHING_ERROR_NULL_POINTER, "model is NULL");
    assert_fails(batching_gpus_count(NULL), BATCHING_ERROR_NULL_POINTER, "count is NULL");
    assert_fails(batching_models_count(NULL), BATCHING_ERROR_NULL_POINTER, "count is NULL");
    assert_memory_equal(&gpu, &gpu_before, sizeof gpu);
    assert_memory_equal(&model, &model_before, sizeof model);
}

/* A deployment on GPUs with links, of which one value is changed: the sentence that says what is wrong. */
struct scene {
    batching_model model;
    batching_gpu gpu;
    batching_deployment deployment;
};

static void set_the_scene(struct scene *scene, const char *model) {
    scene->model = model_named(model);
    scene->gpu = gpu_named("H100-SXM");
    assert_succeeds(batching_deployment_init(&scene->deployment, sizeof scene->deployment));
    scene->deployment.model = &scene->model;
    scene->deployment.gpu = &scene->gpu;
}

static void assert_refused(const struct scene *scene, const char *sentence) {
    INITIALIZED(batching_deployment_memory, memory);
    INITIALIZED(batching_roofline, roofline);
    const batching_deployment_memory memory_before = memory;
    const batching_roofline roofline_before = roofline;
    assert_int_equal(batching_deployment_memory_calculate(&scene->deployment, &memory),
                     BATCHING_ERROR_INVALID_ARGUMENT);
    assert_string_equal(batching_last_error(), sentence);
    assert_int_equal(batching_deployment_roofline_calculate(&scene->deployment, &roofline),
                     BATCHING_ERROR_INVALID_ARGUMENT);
    assert_string_equal(batching_last_error(), sentence);
    assert_memory_equal(&memory, &memory_before, sizeof memory);
    assert_memory_equal(&roofline, &roofline_before, sizeof roofline);
}

#define WRONG(model, field, value, sentence)                                                                           \
    do {                                                                                                               \
        struct scene scene;                                                                                            \
        set_the_scene(&scene, model);                                                                                  \
        scene.field = value;                                                                                           \
        assert_refused(&scene, sentence);                                                                              \
    } while (0)

static void a_gpu_that_is_none_is_refused(void **state) {
    (void)state;
    const char *dense = "Llama-3.1-8B";
    WRONG(dense, gpu.memory_bytes, 0, "gpu.memory_bytes is 0.0: must be finite and above 0");
    WRONG(dense, gpu.memory_bytes, 0x1p54, "gpu.memory_bytes is 1.8014398509481984e+16: must be at most 2^53");
    WRONG(dense, gpu.memory_bytes, NAN, "gpu.memory_bytes is nan: must be finite and above 0");
    WRONG(dense, gpu.driver_bytes, -1, "gpu.driver_bytes is -1.0: must be finite and at least 0");
    WRONG(dense, gpu.driver_bytes, 81559 * 1048576.0,
          "gpu.driver_bytes is 85520809984.0: must be less than memory_bytes, which is 85520809984.0");
    WRONG(dense, gpu.memory_bandwidth, 0, "gpu.memory_bandwidth is 0.0: must be finite and above 0");
    WRONG(dense, gpu.bf16_peak, INFINITY, "gpu.bf16_peak is inf: must be finite and above 0");
    WRONG(dense, gpu.fp8_peak, -1, "gpu.fp8_peak is -1.0: must be finite and at least 0");
    WRONG(dense, gpu.int8_peak, -1, "gpu.int8_peak is -1.0: must be finite and at least 0");
    WRONG(dense, gpu.fp4_peak, -1, "gpu.fp4_peak is -1.0: must be finite and at least 0");
    WRONG(dense, gpu.link_bandwidth, NAN, "gpu.link_bandwidth is nan: must be finite and at least 0");
    WRONG(dense, gpu.power, -1, "gpu.power is -1.0: must be finite and at least 0");
    WRONG(dense, gpu.memory_type, 1, "gpu.memory_type is 1: must be one of 0, 100");
    WRONG(dense, gpu.link_type, 1, "gpu.link_type is 1: must be one of 0, 100, 200");
}

static void a_model_that_is_none_is_refused(void **state) {
    (void)state;
    const char *dense = "Llama-3.1-8B", *sparse = "Qwen3-30B-A3B", *latent = "DeepSeek-V3";
    WRONG(dense, model.num_hidden_layers, 0, "model.num_hidden_layers is 0: must be at least 1");
    WRONG(dense, model.hidden_size, INT32_MIN, "model.hidden_size is -2147483648: must be at least 1");
    WRONG(dense, model.num_attention_heads, 0, "model.num_attention_heads is 0: must be at least 1");
    WRONG(dense, model.num_key_value_heads, -1, "model.num_key_value_heads is -1: must be at least 0");
    WRONG(dense, model.num_key_value_heads, 33,
          "model.num_key_value_heads is 33: must be at most num_attention_heads, which is 32");
    WRONG(dense, model.head_dim, -1, "model.head_dim is -1: must be at least 0");
    WRONG(dense, model.intermediate_size, -1, "model.intermediate_size is -1: must be at least 0");
    WRONG(dense, model.intermediate_size, 0,
          "model.intermediate_size is 0: must be at least 1 where layers have no experts");
    WRONG(dense, model.vocab_size, 0, "model.vocab_size is 0: must be at least 1");
    WRONG(dense, model.tie_word_embeddings, 2, "model.tie_word_embeddings is 2: must be 0 or 1");
    WRONG(sparse, model.num_experts, -1, "model.num_experts is -1: must be at least 0");
    WRONG(sparse, model.num_experts, 65537, "model.num_experts is 65537: must be at most 65536");
    WRONG(sparse, model.num_experts_per_tok, 0, "model.num_experts_per_tok is 0: must be at least 1");
    WRONG(sparse, model.num_experts_per_tok, 129,
          "model.num_experts_per_tok is 129: must be at most num_experts, which is 128");
    WRONG(sparse, model.moe_intermediate_size, 0, "model.moe_intermediate_size is 0: must be at least 1");
    WRONG(sparse, model.shared_expert_intermediate_size, -1,
          "model.shared_expert_intermediate_size is -1: must be at least 0");
    WRONG(sparse, model.dense_layers, -1, "model.dense_layers is -1: must be at least 0");
    WRONG(sparse, model.dense_layers, 49, "model.dense_layers is 49: must be at most num_hidden_layers, which is 48");
    WRONG(sparse, model.dense_layers, 1,
          "model.intermediate_size is 0: must be at least 1 where layers have no experts");
    WRONG(latent, model.kv_lora_rank, -1, "model.kv_lora_rank is -1: must be at least 0");
    WRONG(latent, model.q_lora_rank, -1, "model.q_lora_rank is -1: must be at least 0");
    WRONG(latent, model.qk_rope_head_dim, -1, "model.qk_rope_head_dim is -1: must be at least 0");
    WRONG(latent, model.qk_nope_head_dim, 0, "model.qk_nope_head_dim is 0: must be at least 1");
    WRONG(latent, model.v_head_dim, 0, "model.v_head_dim is 0: must be at least 1");
    WRONG(dense, model.sliding_window, -1, "model.sliding_window is -1: must be at least 0");
    WRONG(dense, model.full_attention_layers, -1, "model.full_attention_layers is -1: must be at least 0");
    WRONG(dense, model.full_attention_layers, 33,
          "model.full_attention_layers is 33: must be at most num_hidden_layers, which is 32");
    struct scene scene;
    set_the_scene(&scene, dense);
    scene.model.head_dim = 0;
    scene.model.hidden_size = 31;
    assert_refused(&scene,
                   "model.hidden_size is 31: must be at least num_attention_heads, which is 32, where head_dim is 0");
}

static void a_deployment_that_is_none_is_refused(void **state) {
    (void)state;
    const char *dense = "Llama-3.1-8B";
    const char *powers = "deployment.tensor_parallel is %d: must be a power of two from 1 to 1024";
    const int32_t no_powers[] = {-1, 3, 12, 2048, INT32_MIN, INT32_MAX};
    for (size_t which = 0; which < sizeof no_powers / sizeof *no_powers; which++) {
        char sentence[128];
        snprintf(sentence, sizeof sentence, powers, no_powers[which]);
        WRONG(dense, deployment.tensor_parallel, no_powers[which], sentence);
    }
    WRONG(dense, deployment.tensor_parallel, 64,
          "deployment.tensor_parallel is 64: must divide the model's attention heads, of which there are 32");
    struct scene scene;
    set_the_scene(&scene, dense);
    scene.model.num_key_value_heads = 10;
    scene.deployment.tensor_parallel = 4;
    assert_refused(&scene,
                   "deployment.tensor_parallel is 4: must divide the model's KV heads, or be a multiple of them; "
                   "there are 10");
    WRONG(dense, deployment.weight_dtype, 7, "deployment.weight_dtype is 7: must be one of 0, 100, 110, 200, 210");
    WRONG(dense, deployment.kv_dtype, 7, "deployment.kv_dtype is 7: must be one of 0, 100, 110, 200, 210");
    WRONG(dense, deployment.kv_dtype, BATCHING_DTYPE_FP4,
          "deployment.kv_dtype is 200: must be of 16 bits, 0, or of 8 bits, 100 or 110");
    WRONG(dense, deployment.block_size, -1, "deployment.block_size is -1: must be from 1 to 65536");
    WRONG(dense, deployment.block_size, 65537, "deployment.block_size is 65537: must be from 1 to 65536");
    WRONG(dense, deployment.max_num_seqs, -1, "deployment.max_num_seqs is -1: must be at least 1");
    WRONG(dense, deployment.max_num_batched_tokens, -1, "deployment.max_num_batched_tokens is -1: must be at least 1");
    WRONG(dense, deployment.gpu_memory_utilization, 1.5,
          "deployment.gpu_memory_utilization is 1.5: must be above 0 and at most 1");
    WRONG(dense, deployment.gpu_memory_utilization, NAN,
          "deployment.gpu_memory_utilization is nan: must be above 0 and at most 1");
    WRONG(dense, deployment.activation_bytes, -1, "deployment.activation_bytes is -1.0: must be finite and at least 0");
    WRONG(dense, deployment.graph_bytes, INFINITY, "deployment.graph_bytes is inf: must be finite and at least 0");
    WRONG(dense, deployment.other_bytes, -1, "deployment.other_bytes is -1.0: must be finite and at least 0");
    set_the_scene(&scene, dense);
    INITIALIZED(batching_deployment_memory, memory);
    INITIALIZED(batching_roofline, roofline);
    assert_fails(batching_deployment_memory_calculate(NULL, &memory), BATCHING_ERROR_NULL_POINTER,
                 "deployment is NULL");
    assert_fails(batching_deployment_roofline_calculate(NULL, &roofline), BATCHING_ERROR_NULL_POINTER,
                 "deployment is NULL");
    assert_fails(batching_deployment_memory_calculate(&scene.deployment, NULL), BATCHING_ERROR_NULL_POINTER,
                 "memory is NULL");
    assert_fails(batching_deployment_roofline_calculate(&scene.deployment, NULL), BATCHING_ERROR_NULL_POINTER,
                 "roofline is NULL");
    scene.deployment.model = NULL;
    assert_fails(batching_deployment_memory_calculate(&scene.deployment, &memory), BATCHING_ERROR_NULL_POINTER,
                 "deployment.model is NULL");
    scene.deployment.model = &scene.model;
    scene.deployment.gpu = NULL;
    assert_fails(batching_deployment_memory_calculate(&scene.deployment, &memory), BATCHING_ERROR_NULL_POINTER,
                 "deployment.gpu is NULL");
}

static void several_gpus_need_a_link_for_times_but_not_for_memory(void **state) {
    (void)state;
    struct scene scene;
    set_the_scene(&scene, "Llama-3.1-8B");
    scene.deployment.tensor_parallel = 2;
    scene.gpu.link_type = BATCHING_LINK_NONE;
    INITIALIZED(batching_roofline, roofline);
    assert_int_equal(batching_deployment_roofline_calculate(&scene.deployment, &roofline),
                     BATCHING_ERROR_INVALID_ARGUMENT);
    assert_string_equal(batching_last_error(),
                        "gpu.link_type is 0: must be that of a link if deployment.tensor_parallel "
                        "is above 1, which is 2");
    scene.gpu.link_type = BATCHING_LINK_NVLINK;
    scene.gpu.link_bandwidth = 0;
    assert_int_equal(batching_deployment_roofline_calculate(&scene.deployment, &roofline),
                     BATCHING_ERROR_INVALID_ARGUMENT);
    assert_string_equal(batching_last_error(),
                        "gpu.link_bandwidth is 0.0: must be above 0 if deployment.tensor_parallel "
                        "is above 1, which is 2");
    assert_true(memory_of(&scene.deployment).num_gpu_blocks > 0);
    scene.deployment.tensor_parallel = 1;
    assert_succeeds(batching_deployment_roofline_calculate(&scene.deployment, &roofline));
}

/* The largest architecture that can be written down: no number overflows, and nothing is left for KV. */
static void the_largest_values_are_calculated(void **state) {
    (void)state;
    struct scene scene;
    set_the_scene(&scene, "DeepSeek-V3");
    int32_t *const fields = &scene.model.num_hidden_layers;
    const size_t count = (size_t)(&scene.model.full_attention_layers - fields) + 1;
    for (size_t field = 0; field < count; field++) {
        fields[field] = INT32_MAX;
    }
    scene.model.tie_word_embeddings = 1;
    scene.model.num_experts = scene.model.num_experts_per_tok = 65536;
    scene.deployment.max_num_seqs = scene.deployment.max_num_batched_tokens = INT64_MAX;
    batching_deployment_memory memory = memory_of(&scene.deployment);
    assert_true(isfinite(memory.parameters) && isfinite(memory.activation_bytes) && isfinite(memory.block_bytes));
    assert_int_equal(memory.num_gpu_blocks, 0);
    assert_true(isfinite(roofline_of(&scene.deployment).linear_bytes));
    /* And the smallest: one byte a token in the largest memory. */
    memset(fields, 0, count * sizeof *fields);
    scene.model.num_hidden_layers = scene.model.hidden_size = scene.model.num_attention_heads = 1;
    scene.model.vocab_size = scene.model.intermediate_size = 1;
    scene.gpu.memory_bytes = 0x1p53;
    scene.gpu.driver_bytes = 0;
    scene.deployment.kv_dtype = BATCHING_DTYPE_INT8;
    scene.deployment.block_size = 1;
    scene.deployment.gpu_memory_utilization = 1;
    scene.deployment.activation_bytes = scene.deployment.other_bytes = DBL_TRUE_MIN;
    memory = memory_of(&scene.deployment);
    /* Four matrices of 1, three of 1, embedding and head, three norms: 12 of 2 bytes. A key and a value of a byte. */
    assert_int_equal(memory.num_gpu_blocks, (INT64_C(1) << 52) - 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_found_by_their_names_which_are_in_order),
        cmocka_unit_test(names_are_found_as_others_write_them),
        cmocka_unit_test(a_gpu_is_what_its_data_sheet_says),
        cmocka_unit_test(a_model_is_what_its_config_says),
        cmocka_unit_test(parameters_are_counted),
        cmocka_unit_test(blocks_are_what_is_left),
        cmocka_unit_test(kv_heads_are_held_again_where_there_are_fewer_than_gpus),
        cmocka_unit_test(the_roofline_gives_the_times_of_an_engine),
        cmocka_unit_test(what_is_not_in_the_catalogue_is_told_with_what_is_near),
        cmocka_unit_test(a_gpu_that_is_none_is_refused),
        cmocka_unit_test(a_model_that_is_none_is_refused),
        cmocka_unit_test(a_deployment_that_is_none_is_refused),
        cmocka_unit_test(several_gpus_need_a_link_for_times_but_not_for_memory),
        cmocka_unit_test(the_largest_values_are_calculated),
    };
    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
