/*
 * What is kept for each thread: the callback that may stop its calls, and the sentences of its last errors. Swift has
 * no variables of a thread without Foundation.
 */
#ifndef CBATCHING_THREAD_H
#define CBATCHING_THREAD_H

#include <stddef.h>
#include <stdint.h>

typedef int32_t (*cbatching_interrupt_callback)(void *user_data);

/* Units of work from one call of the callback to the next. */
enum { CBATCHING_WORK_INTERVAL = 1 << 16 };

/* The callback of the calling thread, from now on; NULL: none. Returns the one before. */
cbatching_interrupt_callback cbatching_interrupt_set(cbatching_interrupt_callback callback, void *user_data);

/*
 * So many units of work are done: at most CBATCHING_WORK_INTERVAL. Calls the callback of the thread if it is due, and
 * returns what that does; otherwise 0. While the callback runs, its thread has none.
 */
int32_t cbatching_work_done(int64_t units);

/* Sentences that a thread keeps, and the bytes of one. */
enum { CBATCHING_SENTENCES = 16, CBATCHING_SENTENCE_BYTES = 504 };

/* Keeps a sentence of at most CBATCHING_SENTENCE_BYTES, in place of the oldest. Returns its number, which no other has.
 */
uint64_t cbatching_sentence_keep(const uint8_t *utf8, size_t count);

/* A sentence of the calling thread, valid until it keeps the next; NULL if it is kept no longer. */
const uint8_t *cbatching_sentence(uint64_t number, size_t *count);

/* Asks for the memory at an address, which will be read soon. */
static inline void cbatching_prefetch(const void *address) {
    __builtin_prefetch(address);
}

#endif
