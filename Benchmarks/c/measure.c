/* The measurements of measure.h. */
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_in_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void *left, const void *right) {
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double elapsed_in(void (*work)(void *context), void *context) {
    const double started = now_in_nanoseconds();
    work(context);
    return now_in_nanoseconds() - started;
}

static measurement measurement_of(double *elapsed, int repetitions, int64_t count) {
    qsort(elapsed, (size_t)repetitions, sizeof *elapsed, ascending);
    return (measurement){elapsed[0] / (double)count, elapsed[repetitions / 2] / (double)count};
}

measurement measure(void (*work)(void *context), void *context, int repetitions, int64_t count) {
    double elapsed[MEASURE_REPETITIONS_MAX];
    for (int repetition = 0; repetition < repetitions; repetition++) {
        elapsed[repetition] = elapsed_in(work, context);
    }
    return measurement_of(elapsed, repetitions, count);
}

measurement_pair measure_in_turn(void (*first)(void *context), void *first_context, void (*second)(void *context),
                                 void *second_context, int repetitions, int64_t count) {
    double first_elapsed[MEASURE_REPETITIONS_MAX];
    double second_elapsed[MEASURE_REPETITIONS_MAX];
    for (int repetition = 0; repetition < repetitions; repetition++) {
        first_elapsed[repetition] = elapsed_in(first, first_context);
        second_elapsed[repetition] = elapsed_in(second, second_context);
    }
    return (measurement_pair){measurement_of(first_elapsed, repetitions, count),
                              measurement_of(second_elapsed, repetitions, count)};
}

/** The value of "field:  1234 kB" in one of the files of /proc, in bytes. */
static int64_t proc_field_read(const char *path, const char *field) {
    char line[256];
    const size_t length = strlen(field);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        int64_t kilobytes;
        if (strncmp(line, field, length) == 0 && sscanf(line + length, ": %" SCNd64 " kB", &kilobytes) == 1) {
            fclose(file);
            return kilobytes * 1024;
        }
    }
    fprintf(stderr, "bench: %s does not tell %s; the benchmarks need Linux\n", path, field);
    exit(1);
}

int64_t resident_bytes(void) {
    return proc_field_read("/proc/self/status", "VmRSS");
}

int64_t resident_peak(void) {
    return proc_field_read("/proc/self/status", "VmHWM");
}

void resident_peak_reset(void) {
    /* 5: see proc(5). */
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file == NULL || fputs("5", file) == EOF || fclose(file) != 0) {
        fprintf(stderr, "bench: the peak cannot be reset: /proc/self/clear_refs\n");
        exit(1);
    }
}

int64_t available_memory_read(void) {
    return proc_field_read("/proc/meminfo", "MemAvailable");
}
