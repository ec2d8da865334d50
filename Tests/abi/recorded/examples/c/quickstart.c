/*
 * The four requests of a first lesson through both kinds of batching.
 *
 *     cc quickstart.c -o quickstart $(pkg-config --cflags --libs batching)
 *
 * By hand: two at a time, 0.01 s a token. The first static batch starts when request 1 arrives, at 0.1, and takes as
 * long as its longest member, 200 x 0.01; the second takes 150 x 0.01: 3.6 s for 430 tokens. Continuous batching gives
 * request 2 the slot of request 0 at 0.5, and request 3 takes it over at 0.8 until 2.3.
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

int main(void) {
    const int32_t output_length[4] = {50, 200, 30, 150};
    const double arrival_time[4] = {0.0, 0.1, 0.2, 0.3};
    batching_requests requests;
    check(batching_requests_init(&requests, sizeof requests));
    requests.count = 4;
    requests.output_length = output_length;
    requests.arrival_time = arrival_time;

    double end_time[4];
    batching_results results;
    check(batching_results_init(&results, sizeof results));
    results.capacity = 4;
    results.end_time = end_time;

    batching_summary summary;
    check(batching_summary_init(&summary, sizeof summary));
    check(batching_static_simulate(&requests, 2, 0.01, &results, &summary));
    printf("static:     ends at %.1f %.1f %.1f %.1f s, %.1f tokens/s\n", end_time[0], end_time[1], end_time[2],
           end_time[3], summary.throughput);
    check(batching_continuous_simulate(&requests, 2, 0.01, &results, &summary));
    printf("continuous: ends at %.1f %.1f %.1f %.1f s, %.1f tokens/s\n", end_time[0], end_time[1], end_time[2],
           end_time[3], summary.throughput);

    batching_comparison comparison;
    check(batching_comparison_init(&comparison, sizeof comparison));
    check(batching_strategies_compare(&requests, 2, 0.01, &comparison));
    printf("continuous wins: throughput x %.2f, mean latency %.3f s instead of %.3f s\n",
           comparison.throughput_improvement, comparison.continuous_avg_latency, comparison.static_avg_latency);

    /* What a mistake looks like: no output is written, and the sentence says what was wrong. */
    if (batching_static_simulate(&requests, 0, 0.01, &results, &summary) != BATCHING_OK) {
        printf("a mistake: %s\n", batching_last_error());
    }
    return EXIT_SUCCESS;
}
