/*
 * What a router may ask before it changes a replica: the same traffic under vLLM's scheduler, in static batches, and
 * under vLLM's scheduler with half of the KV memory.
 *
 *     cc engine.c -o engine $(pkg-config --cflags --libs batching)
 *
 * engine.expected: static batching makes requests wait for a batch to form and for its longest member. With 1000 blocks
 * the prompts and outputs of those running no longer fit: some are preempted, and compute their tokens again. The slow
 * engine of the tests, which walks every request through every iteration, gives these numbers.
 */
#include <stdio.h>
#include <stdlib.h>

#include <batching.h>

enum { COUNT = 300 };

static int32_t prompt_length[COUNT], output_length[COUNT];
static double arrival_time[COUNT], start_time[COUNT], first_token_time[COUNT], end_time[COUNT];
static int32_t tokens_generated[COUNT];

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

/* Five requests a second, of 100 to 1500 prompt tokens and 50 to 450 output tokens. */
static void generate_trace(void) {
    batching_workload workload;
    check(batching_workload_init(&workload, sizeof workload));
    workload.seed = 7;
    workload.arrival_rate = 5.0;
    workload.prompt_length_min = 100;
    workload.prompt_length_max = 1500;
    workload.output_length_min = 50;
    workload.output_length_max = 450;
    check(batching_workload_generate(&workload, COUNT, prompt_length, output_length, arrival_time));
}

static void simulate(const char *name, const batching_engine_config *config) {
    batching_requests requests;
    check(batching_requests_init(&requests, sizeof requests));
    requests.count = COUNT;
    requests.prompt_length = prompt_length;
    requests.output_length = output_length;
    requests.arrival_time = arrival_time;

    batching_results results;
    check(batching_results_init(&results, sizeof results));
    results.capacity = COUNT;
    results.start_time = start_time;
    results.first_token_time = first_token_time;
    results.end_time = end_time;
    results.tokens_generated = tokens_generated;

    batching_summary summary;
    check(batching_summary_init(&summary, sizeof summary));
    check(batching_simulate(config, &requests, &results, &summary));

    /* All have finished, as nothing ends this run before. Those that have not must be left out: their end is NaN. */
    batching_completed completed;
    check(batching_completed_init(&completed, sizeof completed));
    completed.count = COUNT;
    completed.arrival_time = arrival_time;
    completed.start_time = start_time;
    completed.first_token_time = first_token_time;
    completed.end_time = end_time;
    completed.tokens_generated = tokens_generated;

    batching_batch_metrics metrics;
    check(batching_batch_metrics_init(&metrics, sizeof metrics));
    check(batching_batch_metrics_calculate(&completed, summary.total_time, &metrics));
    printf("%-18s  %7.2f s  %7.2f s  %11d  %10.0f %%\n", name, metrics.avg_time_to_first_token, metrics.p99_latency,
           (int)summary.preemptions, 100.0 * summary.peak_kv_use);
}

int main(void) {
    generate_trace();

    batching_engine_config config;
    check(batching_engine_config_init(&config, sizeof config));
    config.max_num_seqs = 32;
    config.num_gpu_blocks = 2000;
    /* An iteration reads the weights in 8 ms, and computes 20,000 prompt tokens a second. */
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = 0.008;
    config.time_per_prefill_token = 50e-6;
    config.time_per_decode_token = 100e-6;

    printf("                    mean TTFT    p99 E2E  preemptions  peak KV use\n");
    config.policy = BATCHING_POLICY_VLLM;
    simulate("vllm, 2000 blocks", &config);
    config.policy = BATCHING_POLICY_STATIC;
    simulate("static, 2000", &config);
    config.policy = BATCHING_POLICY_VLLM;
    config.num_gpu_blocks = 1000;
    simulate("vllm, 1000", &config);
    return EXIT_SUCCESS;
}
