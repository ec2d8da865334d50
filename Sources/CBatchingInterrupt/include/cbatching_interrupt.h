/* What a thread asks while it works: whether to go on. Swift has no variables of a thread without Foundation. */
#ifndef CBATCHING_INTERRUPT_H
#define CBATCHING_INTERRUPT_H

#include <stdint.h>

typedef int32_t (*cbatching_interrupt_callback)(void *user_data);

/* Units of work from one call of the callback to the next. */
enum { CBATCHING_WORK_INTERVAL = 1 << 19 };

/* The callback of the calling thread, from now on; NULL: none. Returns the one before. */
cbatching_interrupt_callback cbatching_interrupt_set(cbatching_interrupt_callback callback, void *user_data);

/*
 * So many units of work are done: at most CBATCHING_WORK_INTERVAL. Calls the callback of the thread if it is due, and
 * returns what that does; otherwise 0. While the callback runs, its thread has none.
 */
int32_t cbatching_work_done(int64_t units);

#endif
