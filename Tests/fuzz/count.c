/*
 * Counts work: the linker puts these functions in front of those that the fuzzer's instrumentation calls at every
 * comparison, and AddressSanitizer's at every move of memory (see `--wrap` in Tests/native.mk). No loop goes without a
 * comparison; 64 bytes moved count as one. The same input does the same work on any machine, however busy that is.
 */
#include "grown.h"

static double counted;
static bool counts;

void work_begin(void) {
    counts = true;
}

void work_end(void) {
    counts = false;
}

double work_taken(void) {
    const double taken = counted;
    counted = 0;
    return taken;
}

#define COMPARISON(name, type)                                                                                         \
    void __real_##name(type, type);                                                                                    \
    void __wrap_##name(type, type);                                                                                    \
    __attribute__((no_sanitize("address", "coverage"))) void __wrap_##name(type one, type other) {                     \
        counted += counts;                                                                                             \
        __real_##name(one, other);                                                                                     \
    }

COMPARISON(__sanitizer_cov_trace_cmp1, uint8_t)
COMPARISON(__sanitizer_cov_trace_cmp2, uint16_t)
COMPARISON(__sanitizer_cov_trace_cmp4, uint32_t)
COMPARISON(__sanitizer_cov_trace_cmp8, uint64_t)
COMPARISON(__sanitizer_cov_trace_const_cmp1, uint8_t)
COMPARISON(__sanitizer_cov_trace_const_cmp2, uint16_t)
COMPARISON(__sanitizer_cov_trace_const_cmp4, uint32_t)
COMPARISON(__sanitizer_cov_trace_const_cmp8, uint64_t)

#define MOVE(name, type)                                                                                               \
    void *__real_##name(void *, type, size_t);                                                                         \
    void *__wrap_##name(void *, type, size_t);                                                                         \
    __attribute__((no_sanitize("address", "coverage"))) void *__wrap_##name(void *to, type from, size_t size) {        \
        counted += counts ? (double)size / 64 : 0;                                                                     \
        return __real_##name(to, from, size);                                                                          \
    }

MOVE(__asan_memcpy, const void *)
MOVE(__asan_memmove, const void *)
MOVE(__asan_memset, int)
