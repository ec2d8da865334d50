/*
 * The floating-point mode of a thread: how it rounds, and whether it flushes subnormal numbers. A host may have changed
 * its own (fesetround, -ffast-math). The library computes in the standard mode, rounding to nearest, flushing nothing
 * and trapping nothing, and a callback runs in the host's.
 *
 * What is standard costs a look at a register; only what is not is kept for the thread, until the call returns. The
 * flags of exceptions are never cleared.
 */
#ifndef CBATCHING_FLOAT_MODE_H
#define CBATCHING_FLOAT_MODE_H

#include <stdint.h>

#if defined(__x86_64__)

/* MXCSR: all but the six flags of exceptions. The x87 unit, with a mode of its own, is not used. */
#define CBATCHING_STANDARD_MODE UINT64_C(0x1F80)

static inline uint64_t cbatching_mode(void) {
    uint32_t mode;
    __asm__ volatile("stmxcsr %0" : "=m"(mode));
    return mode & ~UINT32_C(0x3F);
}

static inline void cbatching_set_mode(uint64_t mode) {
    uint32_t now;
    __asm__ volatile("stmxcsr %0" : "=m"(now));
    now = (uint32_t)mode | (now & 0x3F);
    __asm__ volatile("ldmxcsr %0" : : "m"(now) : "memory");
}

#elif defined(__aarch64__)

/* FPCR: the flags of exceptions are in another register. */
#define CBATCHING_STANDARD_MODE UINT64_C(0)

static inline uint64_t cbatching_mode(void) {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}

static inline void cbatching_set_mode(uint64_t mode) {
    __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory");
}

#else

#include <fenv.h>

#define CBATCHING_STANDARD_MODE ((uint64_t)FE_TONEAREST)

static inline uint64_t cbatching_mode(void) {
    return (uint64_t)fegetround();
}

static inline void cbatching_set_mode(uint64_t mode) {
    (void)fesetround((int)mode);
}

#endif

/* How many threads are in a call with a mode of the host's that is not the standard one. */
extern uint32_t cbatching_unusual_threads;

/* What the following do once a mode is not the standard one. */
uint64_t cbatching_enter_unusual(uint64_t mode);
void cbatching_leave_unusual(uint64_t outer);
void cbatching_begin_unusual_callback(void);
void cbatching_end_unusual_callback(uint64_t mode);

static inline int cbatching_some_are_unusual(void) {
    return __builtin_expect(__atomic_load_n(&cbatching_unusual_threads, __ATOMIC_RELAXED) != 0, 0);
}

/* From the host into the library. What is returned is for leaving it: a callback may call the library, too. */
static inline uint64_t cbatching_enter(void) {
    const uint64_t mode = cbatching_mode();
    if (__builtin_expect(mode != CBATCHING_STANDARD_MODE, 0) || cbatching_some_are_unusual()) {
        return cbatching_enter_unusual(mode);
    }
    return 0;
}

static inline void cbatching_leave(uint64_t outer) {
    if (cbatching_some_are_unusual()) {
        cbatching_leave_unusual(outer);
    }
}

/* From the library into a function of the host's, and back: it may have changed its mode. */
static inline void cbatching_begin_callback(void) {
    if (cbatching_some_are_unusual()) {
        cbatching_begin_unusual_callback();
    }
}

static inline void cbatching_end_callback(void) {
    const uint64_t mode = cbatching_mode();
    if (__builtin_expect(mode != CBATCHING_STANDARD_MODE, 0) || cbatching_some_are_unusual()) {
        cbatching_end_unusual_callback(mode);
    }
}

#endif
