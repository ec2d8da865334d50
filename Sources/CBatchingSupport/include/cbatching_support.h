/* The few lines of C that Swift lacks: text of a thread, text that stays for ever, a lock, and what makes it ready. */
#ifndef CBATCHING_SUPPORT_H
#define CBATCHING_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "cbatching_float_mode.h"

/* The version of the library, from the macros of batching.h. */
const char *cbatching_version(void);

/* The calling thread's error text: what was last set, cut to 1,023 bytes between two characters. */
const char *cbatching_error(void);
void cbatching_set_error(const unsigned char *utf8, size_t length);

/* Takes a lock that is 0 when it is free: 1 if it was, 0 if it is taken. It never waits. */
static inline int32_t cbatching_try_lock(int32_t *lock) {
    return __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void cbatching_unlock(int32_t *lock) {
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/*
 * Calls the library's functions in every way that makes the Swift runtime make something: see ready.c. Written in
 * Swift, so that a copy of the library calls itself and no other copy. `scratch`: room for the columns.
 */
enum { CBATCHING_SCRATCH_BYTES = 32768 };
int32_t cbatching_use_everything(void *scratch);

#endif
