/* The few lines of C that Swift lacks: text that belongs to a thread, and text that stays for ever. */
#ifndef CBATCHING_SUPPORT_H
#define CBATCHING_SUPPORT_H

#include <stddef.h>

/* The version of the library, from the macros of batching.h. */
const char *cbatching_version(void);

/* The calling thread's error text: what was last set, cut to 1,023 bytes between two characters. */
const char *cbatching_error(void);
void cbatching_set_error(const unsigned char *utf8, size_t length);

#endif
