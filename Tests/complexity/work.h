/*
 * How much work a call does: the instructions that it executes, counted by callgrind, which is the same on any machine
 * and however busy that is. A scenario does all that is not to be counted outside work_begin and work_end.
 */
#ifndef BATCHING_COMPLEXITY_WORK_H
#define BATCHING_COMPLEXITY_WORK_H

#include <batching.h>
#include <stddef.h>
#include <stdint.h>

/* What callgrind writes begins with this: its option --callgrind-out-file. */
void work_files(const char *prefix);
void work_begin(void);
void work_end(void);
/* The instructions between the two, of all pairs since the last call. */
double work_take(void);

void *allocate(size_t size);
/* Ends the program unless a call has worked. */
void require(batching_status status);

struct scenario {
    const char *name;
    void (*run)(int64_t size);
    int64_t smallest; /* It is run at this size, twice and four times that. */
    double most;      /* How many times the work may be with four times the size. */
};

/* As documented: O(size log(size)) allows up to 5 at these sizes, O(size^2) is 16. And what does not depend on the
 * size. */
#define LINEAR   6.0
#define CONSTANT 1.3

/* Runs a scenario at its three sizes. Returns 0 if the work grows as it may. */
int scenario_check(const struct scenario *scenario);

#endif
