/* Arguments out of arbitrary bytes: mostly such that a call may succeed, now and then as bad as they come. */
#ifndef BATCHING_FUZZ_INPUT_H
#define BATCHING_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *bytes;
    size_t left;
};

/* When the bytes have run out, every further one is 0. */
uint8_t input_byte(struct input *input);
uint64_t input_word(struct input *input);
/* One time in `every`, if the bytes say so. Never when they have run out. */
bool input_chance(struct input *input, uint8_t every);

/* Any value of the type, or one at the edge of what a function accepts, or an ordinary one. */
int64_t input_size(struct input *input);
double input_seconds(struct input *input);
double input_double(struct input *input);

/* One of the numbers beside which a sum or a counter ends, or one close to it. */
uint64_t input_limit_of_numbers(struct input *input);

/* How many elements a column has: few enough to be quick, and enough for several batches. */
int64_t input_count(struct input *input);
/* A count that no column in memory can have: the library has to refuse it before it reads an element. */
int64_t input_impossible_count(struct input *input);

/* Columns in memory of exactly their size, so that AddressSanitizer sees a step beyond; NULL where the bytes say so. */
int32_t *input_lengths(struct input *input, int64_t count, int32_t least);
double *input_times(struct input *input, int64_t count);
/* Times of which none lies before that in `earliest` (NULL: before 0). */
double *input_later_times(struct input *input, int64_t count, const double *earliest);

/*
 * The struct in memory of exactly the size that it claims; now and then it claims another, or has something in
 * `reserved` or beyond the fields that the library knows.
 */
void *input_struct(struct input *input, const void *value, uint32_t size);

/* Memory for an output column, filled with a pattern that output_is_untouched finds again. */
void *output_column(int64_t count, size_t element_size);
bool output_is_untouched(const void *column, int64_t count, size_t element_size);

void *allocate(size_t size);

/* Numbers in saved bytes, and the checksum that stands behind all others, which is made right again. */
uint64_t saved_number(const uint8_t *bytes);
void save_number(uint8_t *bytes, uint64_t value);
void save_checksum(uint8_t *bytes, int64_t size);

#endif
