/* Random numbers for tests: the same in every run. */
#ifndef BATCHING_TESTS_RANDOM_H
#define BATCHING_TESTS_RANDOM_H

#include <stdint.h>

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t next_random(uint64_t *state) {
    uint64_t bits = (*state += 0x9E3779B97F4A7C15);
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
    return bits ^ (bits >> 31);
}

static inline int64_t random_between(uint64_t *state, int64_t least, int64_t most) {
    return least + (int64_t)(next_random(state) % (uint64_t)(most - least + 1));
}

#endif
