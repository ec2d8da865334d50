/* What the worst inputs of the functions and those of the engine share. */
#ifndef BATCHING_TESTS_HOSTILE_H
#define BATCHING_TESTS_HOSTILE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "batching.h"

/* A row begins with inputs that are in order and then names those that are not. */
#pragma GCC diagnostic ignored "-Woverride-init"

struct input {
    int64_t count;
    int64_t capacity;
    int64_t batch_size;
    double time_per_token;
    double total_time;
    const int32_t *prompt_length;
    const int32_t *output_length;
    const double *arrival_time;
    const double *start_time;
    const double *first_token_time;
    const double *end_time;
    const int32_t *tokens_generated;
    double memory_budget;
    double model_memory;
    double kv_cache_per_token;
    int64_t max_seq_len;
    double flops_per_token;
    int32_t length_min;
    int32_t length_max;
    double arrival_rate;
    bool wants_columns;
    batching_engine_config config;
    const int32_t *priority;
    const int64_t *tie_break;
    const int64_t *hash_ids;
    const int64_t *hash_offsets;
    int32_t hash_block_size;
    int32_t hash_covers_output;
    const struct fleet *fleet; /* see hostile_fleet.c */
};

typedef batching_status run(const struct input *);

struct row {
    const char *name;
    batching_status expected;
    struct input given;
};

struct table {
    const char *function;
    run *call;
    const struct row *rows;
    size_t count;
    /* It takes memory away, or much time: not for a process that goes on, nor for valgrind. */
    bool needs_a_child;
};

#define ROWS(rows) rows, sizeof rows / sizeof *rows

extern const struct table ENGINE_TABLES[];
extern const size_t ENGINE_TABLE_COUNT;
extern const struct table FLEET_TABLES[];
extern const size_t FLEET_TABLE_COUNT;
extern const struct table ACCUMULATOR_TABLES[];
extern const size_t ACCUMULATOR_TABLE_COUNT;
extern const struct table LIVE_ENGINE_TABLES[];
extern const size_t LIVE_ENGINE_TABLE_COUNT;
extern const struct table PROFILE_TABLES[];
extern const size_t PROFILE_TABLE_COUNT;
extern const struct table TIME_TABLES[];
extern const size_t TIME_TABLE_COUNT;

/* From here on this process can have only a few megabytes more. */
void leave_little_memory(void);

/* Outputs hold this; a call that fails leaves it. */
static const double UNTOUCHED = -7.0;

static inline batching_status unless_written(batching_status status, double output) {
    if (status != BATCHING_OK && output != UNTOUCHED) {
        printf("an output was written though the call failed\n");
        return -1;
    }
    return status;
}

#define COLUMN(type, ...) ((const type[]){__VA_ARGS__})
#define DOUBLES(...)      COLUMN(double, __VA_ARGS__)
#define LENGTHS(...)      COLUMN(int32_t, __VA_ARGS__)
#define IDS(...)          COLUMN(int64_t, __VA_ARGS__)
#define LONGEST           LENGTHS(INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX)
#define MIXED             LENGTHS(INT32_MAX, 1, INT32_MAX - 1, 16384)

#endif
