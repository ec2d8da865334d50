/* Clocks, and what Linux tells of memory. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

/** Nanoseconds a request: the best repetition and the median one. */
typedef struct measurement {
    double best;
    double median;
} measurement;

/** Most repetitions that `measure` takes. */
#define MEASURE_REPETITIONS_MAX 201

/** Runs `work` on `context` `repetitions` times, an odd number, and divides each time by `count` requests. */
measurement measure(void (*work)(void *context), void *context, int repetitions, int64_t count);

/** The same of two, in turn, so that what a neighbour does to the machine is done to both. */
typedef struct measurement_pair {
    measurement first;
    measurement second;
} measurement_pair;

measurement_pair measure_in_turn(void (*first)(void *context), void *first_context, void (*second)(void *context),
                                 void *second_context, int repetitions, int64_t count);

/** Bytes that this process has in memory, and the most it has had since resident_peak_reset. */
int64_t resident_bytes(void);
int64_t resident_peak(void);
void resident_peak_reset(void);

/** Bytes that this machine can still give without swapping. */
int64_t available_memory_read(void);

#endif
