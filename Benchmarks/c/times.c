/* What models of the iteration time cost: the same workload by an affine model, a roofline and a table. */
#include <math.h>
#include <stdio.h>

#include "columns.h"
#include "engine_workloads.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

enum { repetitions = 15, places = 64, sequences = 24, contexts = 32, chunks = 20 };

/** An 8-billion-parameter model in 16 bits on an H100. */
static batching_roofline roofline_make(void) {
    batching_roofline roofline;
    require_ok(batching_roofline_init(&roofline, sizeof roofline), "batching_roofline_init");
    roofline.layers = 32;
    roofline.linear_bytes = roofline.linear_flops = 14e9;
    roofline.head_bytes = roofline.head_flops = 1.05e9;
    roofline.kv_bytes = 131072;
    roofline.attention_flops = 4.0 * 32 * 4096;
    roofline.memory_bandwidth = 3.35e12;
    roofline.linear_peak = roofline.head_peak = roofline.attention_peak = 9.89e14;
    roofline.bandwidth_share = 0.75;
    roofline.gemm_share = 0.8;
    roofline.head_share = 0.7;
    roofline.kv_share = 0.72;
    roofline.attention_share = 0.5;
    roofline.per_iteration = 1e-3;
    roofline.per_layer = 15e-6;
    roofline.per_sequence = 5e-6;
    return roofline;
}

/** As many places as a profile has, and what the roofline says at each. */
typedef struct table_columns {
    double tokens[places], linear[places], head[places];
    double decode_sequences[sequences], decode_contexts[contexts], decode[sequences * contexts];
    double prefill_tokens[chunks], prefill_contexts[contexts], prefill[chunks * contexts];
} table_columns;

static batching_time_table table_make(table_columns *columns, const batching_roofline *roofline) {
    const double bandwidth = roofline->memory_bandwidth, peak = roofline->linear_peak;
    batching_time_table table;
    require_ok(batching_time_table_init(&table, sizeof table), "batching_time_table_init");
    for (int at = 0; at < places; at++) {
        const double tokens = columns->tokens[at] = floor(at < 16 ? at + 1 : 16 * pow(1.12, at - 15) + at);
        columns->linear[at] = hypot(roofline->linear_bytes / (bandwidth * roofline->bandwidth_share),
                                    tokens * roofline->linear_flops / (peak * roofline->gemm_share));
        columns->head[at] = hypot(roofline->head_bytes / (bandwidth * roofline->bandwidth_share),
                                  tokens * roofline->head_flops / (peak * roofline->head_share));
    }
    for (int column = 0; column < contexts; column++) {
        columns->decode_contexts[column] = 16 * pow(1.47, column);
        columns->prefill_contexts[column] = 128.0 * column;
    }
    for (int row = 0; row < sequences; row++) {
        columns->decode_sequences[row] = floor(row < 8 ? row + 1 : 8 * pow(1.25, row - 7) + row);
        for (int column = 0; column < contexts; column++) {
            columns->decode[row * contexts + column] =
                1e-4 + columns->decode_contexts[column] * roofline->kv_bytes / (bandwidth * roofline->kv_share);
        }
    }
    for (int row = 0; row < chunks; row++) {
        const double tokens = columns->prefill_tokens[row] = 16 * pow(1.35, row);
        for (int column = 0; column < contexts; column++) {
            columns->prefill[row * contexts + column] =
                1e-4 + tokens * (columns->prefill_contexts[column] + tokens / 2) * roofline->attention_flops /
                           (peak * roofline->attention_share);
        }
    }
    table.linear_count = table.head_count = places;
    table.linear_tokens = table.head_sequences = columns->tokens;
    table.linear_seconds = columns->linear;
    table.head_seconds = columns->head;
    table.decode_sequence_count = sequences;
    table.decode_context_count = table.prefill_context_count = contexts;
    table.decode_sequences = columns->decode_sequences;
    table.decode_contexts = columns->decode_contexts;
    table.decode_seconds = columns->decode;
    table.prefill_token_count = chunks;
    table.prefill_tokens = columns->prefill_tokens;
    table.prefill_contexts = columns->prefill_contexts;
    table.prefill_seconds = columns->prefill;
    table.per_iteration = roofline->per_iteration + roofline->layers * roofline->per_layer;
    table.per_sequence = roofline->per_sequence;
    return table;
}

static void row_print(const char *name, batching_engine_config config, const batching_requests *requests,
                      double least) {
    batching_engine_config affine = server_config();
    engine_work work = engine_work_make(&config, requests, NULL);
    engine_work affine_work = engine_work_make(&affine, requests, NULL);
    const measurement_pair pair =
        measure_in_turn(engine_work_run, &work, engine_work_run, &affine_work, repetitions, requests->count);
    const double ratio = pair.second.median / pair.first.median;
    printf("%-10s %8.1f /%7.1f  beside affine %8.1f /%7.1f  %lld iterations, %lld\n", name, pair.first.best,
           pair.first.median, pair.second.best, pair.second.median, (long long)work.summary.iterations,
           (long long)affine_work.summary.iterations);
    report_target(ratio >= least, "%s: %.2f of affine's requests a second, at least %.1f", name, ratio, least);
}

void times_section(int64_t count) {
    batching_requests requests;
    fixed_requests_generate(&requests, count, 20);
    report_heading(
        "Models of the iteration time, %s requests of 512 + 128 tokens at 20 a second: nanoseconds a request, "
        "best / median of %d",
        grouped(count), repetitions);
    const batching_roofline roofline = roofline_make();
    batching_engine_config config = server_config();
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = &roofline;
    row_print("roofline", config, &requests, 0.8);
    static table_columns columns;
    const batching_time_table table = table_make(&columns, &roofline);
    config.time_model = BATCHING_TIME_TABLE;
    config.time_table = &table;
    row_print("table", config, &requests, 0.6);
    engine_requests_free(&requests);
}
