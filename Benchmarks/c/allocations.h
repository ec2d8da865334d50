/* Counts every byte that a thread, the library included, takes from the C library's allocator. */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdint.h>

/** Bytes that this thread has allocated and not freed. */
int64_t allocated_bytes(void);

/** The most bytes allocated at one time since allocations_peak_reset. */
int64_t allocations_peak(void);
void allocations_peak_reset(void);

#endif
