/* Measures runs: one after the other from the standard input, of each how many requests there are, the objectives for
 * TTFT and E2E latency, and a line for each request. Prints completed, failed, judged, good and output tokens. */
#include "batching.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void require(int holds) {
    if (!holds) {
        fprintf(stderr, "views: %s\n", batching_last_error());
        exit(1);
    }
}

int main(void) {
    size_t count;
    batching_serving_metrics_config options;
    require(batching_serving_metrics_config_init(&options, sizeof options) == BATCHING_OK);
    while (scanf("%zu %lf %lf", &count, &options.slo_ttft, &options.slo_e2e) == 3) {
        double *times = calloc(3 * count + 1, sizeof *times);
        int32_t *lengths = calloc(2 * count + 1, sizeof *lengths);
        uint8_t *success = calloc(count + 1, sizeof *success);
        require(times != NULL && lengths != NULL && success != NULL);
        for (size_t i = 0; i < count; i++)
            require(scanf("%lf %lf %lf %" SCNd32 " %" SCNd32 " %" SCNu8, &times[i], &times[count + i],
                          &times[2 * count + i], &lengths[i], &lengths[count + i], &success[i]) == 6);
        batching_recorded recorded;
        batching_serving_metrics metrics;
        require(batching_recorded_init(&recorded, sizeof recorded) == BATCHING_OK);
        require(batching_serving_metrics_init(&metrics, sizeof metrics) == BATCHING_OK);
        recorded.count = (int64_t)count;
        recorded.arrival_time = times;
        recorded.first_token_time = times + count;
        recorded.end_time = times + 2 * count;
        recorded.prompt_length = lengths;
        recorded.output_length = lengths + count;
        recorded.success = success;
        require(batching_serving_metrics_calculate(&recorded, &options, &metrics) == BATCHING_OK);
        printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", metrics.completed, metrics.failed,
               metrics.judged, metrics.good, metrics.total_output_tokens);
        free(times);
        free(lengths);
        free(success);
    }
    return 0;
}
