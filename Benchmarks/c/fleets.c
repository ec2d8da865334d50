/* Section: fleets on the workloads that their speed is promised for. One core. */
#include "columns.h"
#include "engine_workloads.h"
#include "measure.h"
#include "report.h"
#include "sections.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { repetitions = 5 };

/** Requests a second and replica: those of the engine's first workload. */
static const double ARRIVAL_RATE = 20;

/** The context of a call of batching_fleet_simulate. */
typedef struct fleet_work {
    batching_fleet_config config;
    const batching_requests *requests;
    const batching_results *results;
    batching_fleet_results fleet_results;
    batching_summary summary;
} fleet_work;

static void fleet_work_run(void *context) {
    fleet_work *work = context;
    require_ok(batching_summary_init(&work->summary, sizeof work->summary), "batching_summary_init");
    require_ok(
        batching_fleet_simulate(&work->config, work->requests, work->results, &work->fleet_results, &work->summary),
        "batching_fleet_simulate");
}

/** A row of the table, and its target in requests a second; 0: it has none. */
typedef struct fleet_case {
    const char *name;
    int32_t router;
    int64_t replicas;
    int64_t target;
    int64_t prefill; /**< Of the replicas, those that compute prompts for the others; 0: each does all. */
} fleet_case;

/** Measures one fleet and prints its row. */
static measurement row_print(const fleet_case *fleet, const batching_engine_config *engine,
                             const batching_requests *requests) {
    const int64_t count = requests->count;
    batching_router_config router;
    require_ok(batching_router_config_init(&router, sizeof router), "batching_router_config_init");
    router.router = fleet->router;
    router.no_kv_events = 1;
    batching_results results;
    results_allocate(&results, count);
    results_add_engine_columns(&results);
    fleet_work work = {.requests = requests, .results = &results};
    require_ok(batching_fleet_config_init(&work.config, sizeof work.config), "batching_fleet_config_init");
    const batching_engine_config *engines[] = {engine, engine};
    const int64_t pools[] = {fleet->replicas - fleet->prefill, fleet->prefill};
    static const int32_t ROLES[] = {BATCHING_ROLE_DECODE, BATCHING_ROLE_PREFILL};
    batching_disaggregation_config split;
    require_ok(batching_disaggregation_config_init(&split, sizeof split), "batching_disaggregation_config_init");
    // An 8B model of 16 bits a number, over 200 Gbit/s.
    split.kv_bytes_per_token = 131072;
    split.link_bandwidth = 25e9;
    work.config.router = &router;
    work.config.engine = engines;
    work.config.replicas = pools;
    work.config.pool_count = 1;
    if (fleet->prefill > 0) {
        work.config.pool_count = 2;
        work.config.role = ROLES;
        work.config.disaggregation = &split;
    }
    require_ok(batching_fleet_results_init(&work.fleet_results, sizeof work.fleet_results),
               "batching_fleet_results_init");
    work.fleet_results.capacity = count;
    work.fleet_results.replica_capacity = fleet->replicas;
    work.fleet_results.replica = touched_memory((size_t)count * sizeof *work.fleet_results.replica);
    work.fleet_results.routed_time = touched_memory((size_t)count * sizeof *work.fleet_results.routed_time);
    work.fleet_results.requests = touched_memory((size_t)fleet->replicas * sizeof *work.fleet_results.requests);
    const measurement time = measure(fleet_work_run, &work, repetitions, count);
    const batching_summary *summary = &work.summary;
    int64_t least = count;
    int64_t most = 0;
    for (int64_t replica = 0; replica < fleet->replicas; replica++) {
        const int64_t routed = work.fleet_results.requests[replica];
        least = routed < least ? routed : least;
        most = routed > most ? routed : most;
    }
    const int is_even = fleet->router == BATCHING_ROUTER_ROUND_ROBIN && fleet->prefill == 0;
    if (summary->finished != count || (is_even && most - least > 1)) {
        printf("WRONG: %s: %s requests finished, %s to %s of a replica\n", fleet->name, grouped(summary->finished),
               grouped(least), grouped(most));
        exit(1);
    }
    printf("%-38s %8s %11s %8.1f /%8.1f %9.2f %8.1f %7.1f%% %10s %10s  %016" PRIx64 "\n", fleet->name,
           grouped(fleet->replicas), grouped((int64_t)(1e9 / time.median)), time.best, time.median,
           (double)summary->iterations / (double)count, summary->mean_running, 100 * summary->mean_kv_use,
           grouped(least), grouped(most), results_checksum(&results, count));
    fflush(stdout);
    free(work.fleet_results.replica);
    free(work.fleet_results.routed_time);
    free(work.fleet_results.requests);
    results_free(&results);
    return time;
}

static void target_print(const fleet_case *fleet, measurement time) {
    const int64_t reached = (int64_t)(1e9 / time.median);
    report_target(reached >= fleet->target, "%s, %s replicas: %s requests/s, at least %s", fleet->name,
                  grouped(fleet->replicas), grouped(reached), grouped(fleet->target));
}

void fleets_section(int64_t count, const char *traces) {
    static const fleet_case GENERATED[] = {
        {"512 + 128 tokens, round_robin", BATCHING_ROUTER_ROUND_ROBIN, 8, 4000000, 0},
        {"512 + 128 tokens, least_requests", BATCHING_ROUTER_LEAST_REQUESTS, 64, 2000000, 0},
        {"512 + 128 tokens, least_requests", BATCHING_ROUTER_LEAST_REQUESTS, 1024, 1000000, 0},
        {"512 + 128 tokens, 4 prefill, 4 decode", BATCHING_ROUTER_ROUND_ROBIN, 8, 1000000, 4},
    };
    static const fleet_case MOONCAKE[] = {
        {"Mooncake, dynamo_kv", BATCHING_ROUTER_DYNAMO_KV, 16, 20000, 0},
        {"Mooncake, cache_aware", BATCHING_ROUTER_CACHE_AWARE, 16, 20000, 0},
    };
    enum { generated = sizeof GENERATED / sizeof *GENERATED, mooncake = sizeof MOONCAKE / sizeof *MOONCAKE };
    measurement times[generated + mooncake];
    const batching_engine_config server = server_config();
    batching_requests requests;

    report_heading("Fleets, %s requests, 20/s for each replica: nanoseconds a request, best / median of %d",
                   grouped(count), repetitions);
    printf("%-38s %8s %11s %18s %9s %8s %8s %10s %10s  %s\n", "workload and router", "replicas", "requests/s",
           "ns a request", "iterations", "running", "KV use", "fewest", "most", "checksum");
    for (int i = 0; i < generated; i++) {
        fixed_requests_generate(&requests, count, ARRIVAL_RATE * (double)GENERATED[i].replicas);
        times[i] = row_print(&GENERATED[i], &server, &requests);
        engine_requests_free(&requests);
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/mooncake.columns", traces);
    const int has_mooncake = trace_read(&requests, path, 0);
    if (has_mooncake) {
        batching_engine_config caching = server;
        caching.enable_prefix_caching = 1;
        for (int i = 0; i < mooncake; i++) {
            times[generated + i] = row_print(&MOONCAKE[i], &caching, &requests);
        }
        engine_requests_free(&requests);
    }
    printf("\n");
    for (int i = 0; i < generated; i++) {
        target_print(&GENERATED[i], times[i]);
    }
    for (int i = 0; has_mooncake && i < mooncake; i++) {
        target_print(&MOONCAKE[i], times[generated + i]);
    }
    if (!has_mooncake) {
        printf("SKIPPED      Mooncake: the traces below BATCHING_DATA are not there\n");
    }
}
