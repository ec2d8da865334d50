/*
 * What fuzz_complexity.c grows: inputs whose columns are shapes over their size, so that the same bytes say what they
 * are with n requests, 4n, 16n and 64n; and the work that a call does with them, in comparisons executed and memory
 * moved, which count.c counts.
 */
#ifndef BATCHING_FUZZ_GROWN_H
#define BATCHING_FUZZ_GROWN_H

#include "checks.h"

/* Between the two, the work of the library is counted. A callback of the caller's is none: it begins with the one and
 * ends with the other. */
void work_end(void);
void work_begin(void);
/* What was counted since the last call. */
double work_taken(void);

/* A column as it depends on the place of an element and on how many there are: the first few may differ. */
struct shape {
    uint8_t kind, value;
};
struct column {
    struct shape first, others;
    uint8_t first_count;
};
struct column input_column(struct input *input);
/* From `least` to `least` + most. */
int64_t column_at(struct column column, int64_t index, int64_t n, int64_t least, int64_t most);
/* The same of all n, to be freed. */
int32_t *column_lengths(struct column column, int64_t n, int32_t least, int64_t most);
double *column_times(struct column column, int64_t n, double unit);

/* One of these, by a byte. */
int64_t input_one_of(struct input *input, const int64_t *choices, uint8_t count);
#define ONE_OF(input, ...)                                                                                             \
    input_one_of(input, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* A configuration for n requests, of which each iteration takes 0.01 seconds, and what is documented of it. */
batching_engine_config grown_config(struct input *input, int64_t n);

/* A request that begins to run takes some hundred comparisons until it has ended, and so does an iteration in which one
 * waits or prefills; one that no request joins or leaves takes seven. If all were one unit, a unit would cost more
 * where more of the requests run, or of the iterations have to be scheduled. */
enum { SERVING = 32 };

/* The work that was done, and for how many documented units of it: what the header says is O(1) each. */
struct cost {
    double work, units;
};
typedef struct cost (*grown)(struct input input, int64_t n);

struct cost grown_run(struct input input, int64_t n);
struct cost grown_live_engine(struct input input, int64_t n);
struct cost grown_accumulator(struct input input, int64_t n);
struct cost grown_columns(struct input input, int64_t n);

/* A policy of the caller's that is as cheap as can be: the first that wait are admitted, one an iteration, and all
 * others decode. */
int32_t cheap_policy(const batching_policy_view *view, batching_policy_decision *decision, void *user_data);

#endif
