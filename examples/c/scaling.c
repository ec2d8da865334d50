/*
 * The loop of a program that scales: what NVIDIA Dynamo's planner and Kubernetes' HPA would do with the same load.
 *
 *     cc scaling.c -o scaling $(pkg-config --cflags --libs batching)
 *
 * scaling.expected: KV tokens of 100,000 fit each replica, and the load is spread evenly. The planner adds one replica
 * while any is above 40 %, and takes one away once all are below 10 %. The HPA wants 30 % of each at once: of one at
 * 90 % it makes three, of three at 50 % five; and in 300 s it goes no lower than what it wanted in them.
 */
#include <stdio.h>
#include <stdlib.h>

#include <batching.h>

enum { MOST = 16, CAPACITY = 100000 };

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

/* How many replicas there should be, if so many have so many tokens together. */
static int64_t ask(batching_autoscaler *autoscaler, double time, int64_t replicas, int64_t tokens) {
    int64_t scheduled[MOST], desired;
    double usage[MOST];
    batching_scaling_readings readings;
    for (int64_t replica = 0; replica < replicas; replica++) {
        scheduled[replica] = tokens / replicas;
        usage[replica] = (double)scheduled[replica] / CAPACITY;
    }
    check(batching_scaling_readings_init(&readings, sizeof readings));
    readings.time = time;
    readings.count = replicas;
    readings.scheduled_kv_tokens = scheduled;
    readings.kv_usage = usage;
    check(batching_autoscaler_decide(autoscaler, &readings, &desired));
    return desired;
}

int main(void) {
    static const int64_t TOKENS[] = {30000, 90000, 150000, 150000, 60000, 10000};
    batching_autoscaler_config config;
    batching_autoscaler *planner, *hpa;
    int64_t planned = 1, scaled = 1;

    check(batching_autoscaler_config_init(&config, sizeof config));
    config.max_replicas = MOST;
    config.autoscaler = BATCHING_AUTOSCALER_DYNAMO_PLANNER;
    config.component = BATCHING_COMPONENT_DECODE;
    config.scaling_target = BATCHING_SCALING_TARGET_LATENCY;
    config.max_kv_tokens = CAPACITY;
    check(batching_autoscaler_create(&config, &planner));
    config.autoscaler = BATCHING_AUTOSCALER_HPA;
    config.scaling_metric = BATCHING_SCALING_METRIC_KV_USAGE;
    config.target = 0.3;
    check(batching_autoscaler_create(&config, &hpa));

    for (int minute = 0; minute < 6; minute++) {
        planned = ask(planner, 60.0 * minute, planned, TOKENS[minute]);
        scaled = ask(hpa, 60.0 * minute, scaled, TOKENS[minute]);
        printf("%3d s: %6lld KV tokens: planner %lld, HPA %lld\n", 60 * minute, (long long)TOKENS[minute],
               (long long)planned, (long long)scaled);
    }
    check(batching_autoscaler_destroy(planner));
    check(batching_autoscaler_destroy(hpa));
    return EXIT_SUCCESS;
}
