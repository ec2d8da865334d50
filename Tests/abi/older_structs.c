/*
 * Compiled against the recorded header, run with the library as it is: it knows every struct at the size it had then.
 * The recorded examples use only some of them.
 */
#include <stdio.h>

#include "batching.h"

/* EVERY_INIT(X): the structs of the recorded header that have an _init function. */
#include "every_init.h"

static int failures;

#define INITIALIZE(type)                                                                                               \
    {                                                                                                                  \
        batching_##type value;                                                                                         \
        if (batching_##type##_init(&value, sizeof value) != BATCHING_OK || value.struct_size != sizeof value) {        \
            fprintf(stderr, "batching_" #type " of %zu bytes: %s\n", sizeof value, batching_last_error());             \
            failures++;                                                                                                \
        }                                                                                                              \
    }

int main(void) {
    EVERY_INIT(INITIALIZE)
    return failures > 0;
}
