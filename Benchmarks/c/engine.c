/* Section: the engine on the workloads that its speed is promised for. */
#include "columns.h"
#include "engine_workloads.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { repetitions = 5 };

typedef struct engine_row {
    /** Nanoseconds a request. */
    measurement time;
    double nanoseconds_per_iteration;
} engine_row;

/** Measures one workload and prints its row; frees the requests. */
static engine_row row_print(const char *name, const batching_engine_config *config, batching_requests *requests) {
    const int64_t count = requests->count;
    batching_results results;
    results_allocate(&results, count);
    results_add_engine_columns(&results);
    engine_work work = engine_work_make(config, requests, &results);
    engine_row row = {measure(engine_work_run, &work, repetitions, count), 0};
    const batching_summary *summary = &work.summary;
    const double per_request = (double)summary->iterations / (double)count;
    row.nanoseconds_per_iteration = row.time.median / per_request;
    printf("%-30s %11s %8.1f /%8.1f %9.2f %9.1f %8.1f %7.1f%% %10s  %016" PRIx64 "\n", name,
           grouped((int64_t)(1e9 / row.time.median)), row.time.best, row.time.median, per_request,
           row.nanoseconds_per_iteration, summary->mean_running, 100 * summary->mean_kv_use,
           grouped(summary->preemptions), results_checksum(&results, count));
    fflush(stdout);
    results_free(&results);
    engine_requests_free(requests);
    return row;
}

static void target_print(const char *name, engine_row row, int64_t target) {
    const int64_t reached = (int64_t)(1e9 / row.time.median);
    report_target(reached >= target, "%s: %s requests/s, at least %s", name, grouped(reached), grouped(target));
}

/** What stands behind a row: its configuration and its target, in requests a second. */
typedef struct engine_case {
    const char *name;
    batching_engine_config config;
    int64_t target;
    double arrival_rate;
    int has_hashes;
    /** Users with one request in flight each; 0: requests are sent as they arrive. */
    int64_t clients;
} engine_case;

static void generated_cases_run(int64_t count, engine_row *rows, const engine_case *cases, int case_count) {
    for (int i = 0; i < case_count; i++) {
        batching_requests requests;
        fixed_requests_generate(&requests, count, cases[i].arrival_rate);
        if (cases[i].has_hashes) {
            distinct_hashes_add(&requests);
        }
        batching_client client;
        require_ok(batching_client_init(&client, sizeof client), "batching_client_init");
        client.clients = cases[i].clients;
        requests.client = &client;
        rows[i] = row_print(cases[i].name, &cases[i].config, &requests);
    }
}

/** Nanoseconds of an iteration in which no request joins or leaves, which is all but a few of this run's. */
static double quiet_iteration_measure(void) {
    enum { running = 256, output_length = 100000 };
    batching_requests requests;
    fixed_requests_generate(&requests, running, 1e9);
    for (int i = 0; i < running; i++) {
        ((int32_t *)requests.output_length)[i] = output_length;
    }
    batching_engine_config config = server_config();
    config.num_gpu_blocks = 0;
    engine_work work = engine_work_make(&config, &requests, NULL);
    const measurement time = measure(engine_work_run, &work, repetitions, 1);
    engine_requests_free(&requests);
    return time.median / (double)work.summary.iterations;
}

/** What the time goes to: the rows of the first workload without and with prefix caching, taken apart. */
static void costs_print(int64_t count, const engine_row *plain, const engine_row *caching) {
    enum { blocks_per_request = (512 + 128) / 16 };
    const double quiet = quiet_iteration_measure();
    const double iterations = plain->time.median / plain->nanoseconds_per_iteration;
    const double of_request = plain->time.median - iterations * quiet;
    const double of_block = (caching->time.median - plain->time.median) / blocks_per_request;
    printf("\nWhat limits it, on the first workload (%s requests):\n", grouped(count));
    printf(
        "  %5.1f ns  an iteration in which nobody joins or leaves: about 60 instructions, of which the time model and\n"
        "            its rounding are a third; %.0f%% of the time\n",
        quiet, 100 * iterations * quiet / plain->time.median);
    printf(
        "  %5.1f ns  a request besides: about 600 instructions in the iterations in which it joins and leaves, and\n"
        "            mispredicted branches, on how many arrive, join and leave in an iteration; %.0f%% of the time\n",
        of_request, 100 * of_request / plain->time.median);
    printf(
        "  %5.1f ns  with prefix caching, each of %d KV blocks of a request: taken from the free ones and the index,\n"
        "            put into the index, given back; two cache lines, as far as they do not fit the caches\n",
        of_block, blocks_per_request);
}

/** `continuous` through the engine, beside the textbook simulator on the same requests, in turn. */
static void textbook_print(int64_t count) {
    batching_requests requests;
    batching_results results;
    batching_results textbook_results;
    requests_generate(&requests, count, BENCHMARK_TARGET_BATCH_SIZE);
    results_allocate(&results, count);
    results_allocate(&textbook_results, count);
    batching_engine_config config;
    require_ok(batching_engine_config_init(&config, sizeof config), "batching_engine_config_init");
    config.policy = BATCHING_POLICY_CONTINUOUS;
    config.max_num_seqs = BENCHMARK_TARGET_BATCH_SIZE;
    config.instant_prefill = 1;
    config.time_model = BATCHING_TIME_CONSTANT;
    config.time_base = BENCHMARK_TIME_PER_TOKEN;
    engine_work engine = engine_work_make(&config, &requests, &results);
    simulation_work textbook = simulation_work_make(&requests, BENCHMARK_TARGET_BATCH_SIZE, &textbook_results);
    const measurement_pair pair =
        measure_in_turn(engine_work_run, &engine, continuous_work_run, &textbook, repetitions, count);
    require_same_results(&results, &textbook_results, count, "continuous", BENCHMARK_TARGET_BATCH_SIZE);
    printf(
        "\nThe textbook workload of %s requests: %.1f /%.1f through the engine, %.1f /%.1f by the textbook simulator;\n"
        "every column is equal, to the bit.\n",
        grouped(count), pair.first.best, pair.first.median, pair.second.best, pair.second.median);
    results_free(&textbook_results);
    results_free(&results);
    requests_free(&requests);
    const double ratio = pair.first.median / pair.second.median;
    report_target(ratio <= 2, "continuous through the engine: %.1f times the textbook simulator's time, at most 2",
                  ratio);
}

void engine_section(int64_t count, const char *traces) {
    batching_engine_config server = server_config();
    batching_engine_config asynchronous = server;
    batching_engine_config caching = server;
    batching_engine_config overloaded = server;
    asynchronous.async_scheduling = 1;
    caching.enable_prefix_caching = 1;
    overloaded.num_gpu_blocks = 4000;
    const engine_case cases[] = {
        {"512 + 128 tokens, 20/s", server, 6000000, 20, 0, 0},
        {"the same, asynchronous", asynchronous, 5000000, 20, 0, 0},
        {"prefix caching, all distinct", caching, 800000, 20, 1, 0},
        {"the same without hash ids", caching, 800000, 20, 0, 0},
        {"40/s, 4,000 blocks", overloaded, 500000, 40, 0, 0},
        {"256 clients, one after another", server, 4000000, INFINITY, 0, 256},
    };
    enum { generated = sizeof cases / sizeof *cases };
    engine_row rows[generated];

    report_heading("Engine, %s requests: nanoseconds a request, best / median of %d", grouped(count), repetitions);
    printf("%-30s %11s %18s %9s %9s %8s %8s %10s  %s\n", "workload", "requests/s", "ns a request", "iterations",
           "ns each", "running", "KV use", "preempted", "checksum");
    generated_cases_run(count, rows, cases, generated);

    char path[4096];
    batching_requests requests;
    engine_row azure = {{0, 0}, 0};
    engine_row mooncake = {{0, 0}, 0};
    snprintf(path, sizeof path, "%s/azure.columns", traces);
    const int has_azure = trace_read(&requests, path, count);
    if (has_azure) {
        azure = row_print("Azure conversations, repeated", &server, &requests);
    }
    snprintf(path, sizeof path, "%s/mooncake.columns", traces);
    const int has_mooncake = trace_read(&requests, path, 0);
    if (has_mooncake) {
        mooncake = row_print("Mooncake, prefix caching", &caching, &requests);
    }
    sessions_generate(&requests, count);
    const engine_row sessions = row_print("sessions of 10 turns, caching", &caching, &requests);
    printf("\n");
    target_print("sessions of 10 turns, turns", sessions, 500000);
    for (int i = 0; i < generated; i++) {
        target_print(cases[i].name, rows[i], cases[i].target);
    }
    if (has_azure) {
        target_print("Azure conversations", azure, 4000000);
    }
    if (has_mooncake) {
        target_print("Mooncake, prefix caching", mooncake, 40000);
    }
    if (!has_azure || !has_mooncake) {
        printf("SKIPPED      %s: the traces below BATCHING_DATA are not there\n",
               has_azure ? "Mooncake" : (has_mooncake ? "Azure" : "Azure and Mooncake"));
    }
    costs_print(count, &rows[0], &rows[2]);
    textbook_print(count * 10);
}
