#include "input.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "batching.h"

enum { PATTERN = 0xA5, MOST_ELEMENTS = 96, LARGEST_STRUCT = 4096 };

uint8_t input_byte(struct input *input) {
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->bytes++;
}

uint64_t input_word(struct input *input) {
    uint64_t word = 0;
    for (int byte = 0; byte < 8; byte++) {
        word = word << 8 | input_byte(input);
    }
    return word;
}

bool input_chance(struct input *input, uint8_t every) {
    uint8_t byte = input_byte(input);
    return byte != 0 && byte % every == 0;
}

int64_t input_size(struct input *input) {
    static const int64_t EDGES[] = {0, -1, 1, INT64_MIN, INT64_MAX, INT32_MAX, INT64_MAX / 8 + 1, 1LL << 53};
    uint8_t kind = input_byte(input);
    if (kind < 192) {
        return 1 + kind;
    }
    return kind < 224 ? EDGES[kind % 8] : (int64_t)input_word(input);
}

double input_double(struct input *input) {
    static const double EDGES[] = {0.0,          -0.0,    1.0,          -1.0,  INFINITY, -INFINITY, NAN,
                                   DBL_MAX,      DBL_MIN, DBL_TRUE_MIN, 5e-10, 1e-9,     1e-300,    BATCHING_TIME_MAX,
                                   9223372037.0, 1.7e9};
    uint8_t kind = input_byte(input);
    if (kind < 128) {
        return (double)(input_word(input) >> (kind & 63)) / 65536.0;
    }
    if (kind < 192) {
        return EDGES[kind % 16];
    }
    uint64_t word = input_word(input);
    double value;
    memcpy(&value, &word, sizeof value);
    return value;
}

double input_seconds(struct input *input) {
    return input_chance(input, 4) ? input_double(input) : 0.001 * (1 + input_byte(input));
}

uint64_t input_limit_of_numbers(struct input *input) {
    /* Of counters, of sums, of the clock, of doubles that tell whole numbers apart, and the last double below 2^63. */
    static const uint64_t LIMITS[] = {(uint64_t)1 << 31,
                                      (uint64_t)1 << 32,
                                      (uint64_t)1 << 40,
                                      (uint64_t)1 << 53,
                                      (uint64_t)1 << 62,
                                      (uint64_t)1 << 63,
                                      0,
                                      (uint64_t)1 << 61,
                                      9223372036000000000,
                                      0x43dfffffffffffff,
                                      (((uint64_t)1 << 6) + 1) << 56};
    const uint8_t kind = input_byte(input);
    return LIMITS[kind % 11] + (uint64_t)(kind / 11 % 5) - 3;
}

int64_t input_count(struct input *input) {
    return input_byte(input) % (MOST_ELEMENTS + 1);
}

int64_t input_impossible_count(struct input *input) {
    int64_t any = (int64_t)input_word(input);
    return any < 0 || any > INT64_MAX / 8 ? any : -1 - any;
}

void *allocate(size_t size) {
    /* malloc(0) may be NULL, which stands for a column left out. */
    void *memory = malloc(size == 0 ? 1 : size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

int32_t *input_lengths(struct input *input, int64_t count, int32_t least) {
    if (input_chance(input, 8)) {
        return NULL;
    }
    int32_t *lengths = allocate((size_t)count * sizeof *lengths);
    uint8_t kind = input_byte(input);
    for (int64_t index = 0; index < count; index++) {
        int32_t small = input_byte(input);
        if (kind < 160) {
            lengths[index] = least + small;
        } else if (kind < 224) {
            /* Around 16,383 tokens the continuous simulator takes another path, and far beyond it the same. */
            lengths[index] = 16384 + (small - 128) * (kind % 2 ? 1 : 100000);
        } else if (kind < 240) {
            lengths[index] = INT32_MAX - small;
        } else {
            lengths[index] = (int32_t)input_word(input);
        }
    }
    return lengths;
}

double *input_later_times(struct input *input, int64_t count, const double *earliest) {
    double *times = allocate((size_t)count * sizeof *times);
    uint8_t kind = input_byte(input);
    /* A sixteenth of a second and the iteration of a 0.0625 s policy have many ties; a millisecond has few. */
    double unit = kind & 1 ? 0.0625 : 0.001;
    double now = kind & 8 && kind & 16 ? BATCHING_TIME_MAX - 8.0 : kind & 2 ? 1.7e9 : 0.0;
    for (int64_t index = 0; index < count; index++) {
        double step = unit * input_byte(input);
        double base = earliest != NULL ? earliest[index] : now;
        times[index] = base + step;
        if (earliest == NULL && (kind & 4) == 0) {
            now = times[index];
        }
        if (kind >= 224) {
            times[index] = input_double(input);
        }
    }
    return times;
}

double *input_times(struct input *input, int64_t count) {
    return input_chance(input, 8) ? NULL : input_later_times(input, count, NULL);
}

void *input_struct(struct input *input, const void *value, uint32_t size) {
    uint32_t claimed = size;
    if (input_chance(input, 16)) {
        claimed = input_chance(input, 2) ? (uint32_t)input_word(input) : (uint32_t)input_byte(input) * 8;
    }
    /* No more than the size itself may be read if it is none that a struct can have. */
    size_t held = claimed > LARGEST_STRUCT || claimed < sizeof(uint32_t) ? sizeof(uint32_t) : claimed;
    unsigned char *copy = allocate(held);
    memset(copy, 0, held);
    memcpy(copy, value, held < size ? held : size);
    memcpy(copy, &claimed, sizeof claimed);
    if (input_chance(input, 16)) {
        size_t field = sizeof(uint32_t) + input_word(input) % (LARGEST_STRUCT - sizeof(uint32_t));
        /* Anywhere but among the fields that the library knows: those hold pointers and counts of columns. */
        if (field < held && (field < 2 * sizeof(uint32_t) || field >= size)) {
            copy[field] = input_byte(input);
        }
    }
    return copy;
}

uint64_t saved_number(const uint8_t *bytes) {
    uint64_t value = 0;
    for (int byte = 7; byte >= 0; byte--) {
        value = value << 8 | bytes[byte];
    }
    return value;
}

void save_number(uint8_t *bytes, uint64_t value) {
    for (int byte = 0; byte < 8; byte++) {
        bytes[byte] = (uint8_t)(value >> (8 * byte));
    }
}

/* FNV-1a. */
void save_checksum(uint8_t *bytes, int64_t size) {
    uint64_t checksum = UINT64_C(0xcbf29ce484222325);
    for (int64_t index = 0; index < size - 8; index++) {
        checksum = (checksum ^ bytes[index]) * UINT64_C(0x100000001b3);
    }
    save_number(bytes + size - 8, checksum);
}

void *output_column(int64_t count, size_t element_size) {
    size_t size = (size_t)count * element_size;
    return memset(allocate(size), PATTERN, size == 0 ? 1 : size);
}

bool output_is_untouched(const void *column, int64_t count, size_t element_size) {
    const unsigned char *bytes = column;
    for (size_t at = 0; bytes != NULL && at < (size_t)count * element_size; at++) {
        if (bytes[at] != PATTERN) {
            return false;
        }
    }
    return true;
}
