/* Section: what it costs to ask a policy of the caller's in each iteration. */
#include "columns.h"
#include "engine_workloads.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <stdio.h>

enum { repetitions = 5 };

/** All decode, in one number. */
static int32_t decode_all(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)view;
    (void)user_data;
    decision->decode_rest = 1;
    return 0;
}

/** The same, with every row named. */
static int32_t name_all(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    (void)user_data;
    for (int64_t row = 0; row < view->running_count; row++) {
        decision->scheduled_row[row] = row;
        decision->scheduled_tokens[row] = 1;
    }
    decision->scheduled_count = view->running_count;
    return 0;
}

/** The same, and not asked again before something happens. */
static int32_t decode_until_change(const batching_policy_view *view, batching_policy_decision *decision,
                                   void *user_data) {
    decision->until_change = 1;
    return decode_all(view, decision, user_data);
}

/** First come first served with chunked prefill: the decodes, then prompts as far as budget and KV blocks go. */
static int32_t first_come(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    int64_t budget = view->max_num_batched_tokens;
    int64_t blocks = view->kv_blocks_free;
    int64_t running = view->running_count;
    int64_t count = 0;
    (void)user_data;
    decision->decode_rest = 1;
    for (int64_t row = 0; row < view->running_count; row++) {
        budget -= view->prompt_tokens[row] + view->generated_tokens[row] - view->computed_tokens[row] == 1;
        blocks -= view->computed_tokens[row] % view->block_size == 0;
    }
    for (int64_t row = 0; row < view->count && budget > 0; row++) {
        const int64_t left = view->prompt_tokens[row] + view->generated_tokens[row] - view->computed_tokens[row];
        if (row < view->running_count && left == 1) {
            continue;
        }
        const int64_t tokens = left < budget ? left : budget;
        if (row >= view->running_count) {
            const int64_t needed = (left + view->block_size - 1) / view->block_size;
            if (needed > blocks || running == view->max_num_seqs) {
                break;
            }
            blocks -= needed;
            running++;
        }
        decision->scheduled_row[count] = row;
        decision->scheduled_tokens[count++] = (int32_t)tokens;
        budget -= tokens;
    }
    decision->scheduled_count = count;
    decision->until_change = count == 0;
    return 0;
}

/** Starts all requests in the first iteration, with the whole prompt, and then answers as `then` does. */
typedef struct starting_policy {
    batching_policy_callback then;
} starting_policy;

static int32_t start_all(const batching_policy_view *view, batching_policy_decision *decision, void *user_data) {
    const starting_policy *policy = user_data;
    if (view->running_count < view->count) {
        int64_t budget = view->max_num_batched_tokens - view->running_count;
        int64_t count = 0;
        for (int64_t row = view->running_count; row < view->count && budget >= view->prompt_tokens[row]; row++) {
            decision->scheduled_row[count] = row;
            decision->scheduled_tokens[count++] = view->prompt_tokens[row];
            budget -= view->prompt_tokens[row];
        }
        decision->scheduled_count = count;
        decision->decode_rest = 1;
        return 0;
    }
    return policy->then(view, decision, user_data);
}

/**
 * Nanoseconds of an iteration in which `running` requests decode; `then` NULL: by the policy vllm. `is_logged`: with a
 * log of no rows, for which each iteration is scheduled by itself.
 */
static double quiet_iteration_measure(int running, int64_t iterations, batching_policy_callback then, int is_logged) {
    batching_requests requests;
    fixed_requests_generate(&requests, running, 1e9);
    for (int i = 0; i < running; i++) {
        ((int32_t *)requests.output_length)[i] = (int32_t)iterations;
    }
    batching_engine_config config = server_config();
    config.max_num_seqs = running;
    config.max_num_batched_tokens = 8192;
    starting_policy policy = {then};
    config.num_gpu_blocks = 0;
    if (then != NULL) {
        config.policy = BATCHING_POLICY_CUSTOM;
        config.policy_callback = start_all;
        config.policy_user_data = &policy;
    }
    batching_iteration_log log;
    require_ok(batching_iteration_log_init(&log, sizeof log), "batching_iteration_log_init");
    config.iteration_log = is_logged ? &log : NULL;
    engine_work work = engine_work_make(&config, &requests, NULL);
    const measurement time = measure(engine_work_run, &work, repetitions, 1);
    engine_requests_free(&requests);
    return time.median / (double)work.summary.iterations;
}

static void quiet_row_print(int running) {
    const int64_t iterations = 20000000 / (running + 64);
    const double scheduled = quiet_iteration_measure(running, iterations, NULL, 1);
    const double rest = quiet_iteration_measure(running, iterations, decode_all, 0);
    printf("%12s %10.1f %16.1f %14.1f %16.1f %14.1f\n", grouped(running),
           quiet_iteration_measure(running, iterations, NULL, 0), scheduled, rest,
           quiet_iteration_measure(running, iterations, name_all, 0),
           quiet_iteration_measure(running, iterations, decode_until_change, 0));
    fflush(stdout);
    if (running == 16) {
        report_target(rest - scheduled < 30,
                      "16 requests running: %.1f ns more than an iteration that vllm schedules, below 30",
                      rest - scheduled);
    }
}

/** The first workload of the engine's section, by the policy vllm and by the same rules in a callback. */
static void trace_print(int64_t count) {
    batching_requests requests;
    fixed_requests_generate(&requests, count, 20);
    batching_engine_config vllm = server_config();
    batching_engine_config custom = vllm;
    custom.policy = BATCHING_POLICY_CUSTOM;
    custom.policy_callback = first_come;
    batching_results results;
    batching_results custom_results;
    results_allocate(&results, count);
    results_allocate(&custom_results, count);
    engine_work own = engine_work_make(&vllm, &requests, &results);
    engine_work asked = engine_work_make(&custom, &requests, &custom_results);
    const measurement_pair pair = measure_in_turn(engine_work_run, &own, engine_work_run, &asked, repetitions, count);
    require_same_results(&results, &custom_results, count, "a policy of the caller's", 256);
    printf("\n512 + 128 tokens, 20/s, %s requests: %.1f /%.1f ns a request by vllm, %.1f /%.1f by the same rules in a\n"
           "callback that says when it need not be asked; every column is equal, to the bit.\n",
           grouped(count), pair.first.best, pair.first.median, pair.second.best, pair.second.median);
    results_free(&custom_results);
    results_free(&results);
    engine_requests_free(&requests);
}

void policy_section(int64_t count) {
    report_heading("A policy of the caller's: nanoseconds an iteration in which everyone decodes, median of %d",
                   repetitions);
    printf("%12s %10s %16s %14s %16s %14s\n", "", "vllm:", "each iteration", "a policy of the", "caller's: each", "");
    printf("%12s %10s %16s %14s %16s %14s\n", "running", "coasting", "scheduled", "decode_rest", "row named",
           "until_change");
    const int sizes[] = {1, 16, 64, 256, 1024, 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        quiet_row_print(sizes[i]);
    }
    trace_print(count);
}
