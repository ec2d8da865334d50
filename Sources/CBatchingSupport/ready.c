/*
 * Makes the library ready as it is loaded, so that a process may fork at any moment, whatever its threads are doing.
 *
 * The Swift runtime makes the metadata of a type when it is first needed, and a second thread waits for the first. A
 * child that is forked in between lacks the first thread, and would wait for ever. Besides, the runtime's lock knows
 * its owner by a thread number that it remembers across a fork, where it is wrong: two threads of a child that meet at
 * such a lock both wait for ever. While a library is loaded no other thread can use it: what is made then needs no lock
 * later.
 */
#include "cbatching_support.h"

/* Not from the allocator, which may have nothing to give. */
static _Alignas(16) unsigned char scratch[CBATCHING_SCRATCH_BYTES];

__attribute__((constructor)) static void make_ready(void) {
    (void)cbatching_use_everything(scratch);
    /* The thread that loads the library has made no error. */
    cbatching_set_error((const unsigned char *)"", 0);
}
