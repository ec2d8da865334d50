/*
 * A model on a GPU by name: how many KV blocks there are, and how long iterations take, from spec sheets.
 *
 *     cc deployment.c -o deployment $(pkg-config --cflags --libs batching)
 *     ./deployment Qwen3-32B H200
 *
 * By hand, for Llama-3.1-8B on an H100 in 16 bits: of 0.9 x (81,559 - 479) MiB, weights take 2 x 8,030,261,248 bytes,
 * hidden states of 2,048 tokens and 256 sequences 8,192 x 2,304, their logits 38 x 256 x 128,256, libraries 150 MB; the
 * rest is 28,152 blocks of 16 x 131,072 bytes. An iteration reads 13.96 GB of layers and 1.05 GB of output head at 0.75 of
 * 3,350 GB/s, which takes 5.97 ms; 1.48 ms and 5 us a sequence are fixed, and KV is read at 0.72: of 1,000 tokens in
 * 0.05 ms. With 2,048 prefill tokens, arithmetic takes longer than reading: 2 x 6.98e9 x 2,112 FLOPs at 0.8 of 989 TFLOP/s
 * are 37.3 ms.
 */
#include <stdio.h>
#include <stdlib.h>

#include <batching.h>

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    batching_model model;
    check(batching_model_init(&model, sizeof model));
    check(batching_model_find(argc > 1 ? argv[1] : "meta-llama/Llama-3.1-8B-Instruct", &model));
    batching_gpu gpu;
    check(batching_gpu_init(&gpu, sizeof gpu));
    check(batching_gpu_find(argc > 2 ? argv[2] : "H100", &gpu));

    batching_deployment deployment;
    check(batching_deployment_init(&deployment, sizeof deployment));
    deployment.model = &model;
    deployment.gpu = &gpu;

    batching_deployment_memory memory;
    check(batching_deployment_memory_init(&memory, sizeof memory));
    check(batching_deployment_memory_calculate(&deployment, &memory));
    printf("%s on %s: weights %.1f GB, KV %.1f GB, %lld blocks\n", model.name, gpu.name, memory.weight_bytes / 1e9,
           memory.kv_bytes / 1e9, (long long)memory.num_gpu_blocks);

    batching_roofline roofline;
    check(batching_roofline_init(&roofline, sizeof roofline));
    check(batching_deployment_roofline_calculate(&deployment, &roofline));
    batching_engine_config config;
    check(batching_engine_config_init(&config, sizeof config));
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = &roofline;

    /* So many sequences decode, each with 1,000 tokens of context; the last iteration prefills 2,048 tokens, too. */
    const int64_t decode_tokens[4] = {1, 16, 64, 64}, context_tokens[4] = {1000, 16000, 64000, 64000};
    const int64_t prefill_tokens[4] = {0, 0, 0, 2048};
    batching_iterations iterations;
    check(batching_iterations_init(&iterations, sizeof iterations));
    iterations.count = 4;
    iterations.decode_tokens = decode_tokens;
    iterations.context_tokens = context_tokens;
    iterations.prefill_tokens = prefill_tokens;
    double seconds[4];
    check(batching_iteration_times_calculate(&config, &iterations, seconds));
    for (int i = 0; i < 4; i++) {
        printf("%2lld decode, %4lld prefill tokens: %.1f ms\n", (long long)decode_tokens[i],
               (long long)prefill_tokens[i], 1e3 * seconds[i]);
    }
    printf("from spec sheets: expect +-10%%\n");
    return EXIT_SUCCESS;
}
