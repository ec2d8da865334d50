/*
 * The allocator of allocations.h: glibc's own, with a counter before it. The dynamic linker gives the functions of the
 * executable to the library as well. No locks: neither the benchmarks nor the library start threads.
 */
#include "allocations.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

/* Of each thread, so that counting costs no thread another's cache line. */
static _Thread_local int64_t allocated;
static _Thread_local int64_t peak;

int64_t allocated_bytes(void) {
    return allocated;
}

int64_t allocations_peak(void) {
    return peak;
}

void allocations_peak_reset(void) {
    peak = allocated;
}

static void *counted(void *memory) {
    allocated += (int64_t)malloc_usable_size(memory);
    if (allocated > peak) {
        peak = allocated;
    }
    return memory;
}

void *malloc(size_t size) {
    return counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    return counted(__libc_calloc(count, size));
}

void *memalign(size_t alignment, size_t size) {
    return counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *aligned = memalign(alignment, size);
    if (aligned == NULL) {
        return ENOMEM;
    }
    *memory = aligned;
    return 0;
}

void *realloc(void *memory, size_t size) {
    const int64_t before = (int64_t)malloc_usable_size(memory);
    void *resized = __libc_realloc(memory, size);
    if (resized != NULL || size == 0) {
        allocated -= before;
        counted(resized);
    }
    return resized;
}

void free(void *memory) {
    allocated -= (int64_t)malloc_usable_size(memory);
    __libc_free(memory);
}
