#include "cbatching_float_mode.h"

uint32_t cbatching_unusual_threads;

/* With KNOWN the mode of the host while its thread is in a call; 0: the standard one. */
#define KNOWN (UINT64_C(1) << 63)
static _Thread_local uint64_t host_mode;

static void keep_host_mode(uint64_t kept) {
    if (kept != 0 && host_mode == 0) {
        (void)__atomic_add_fetch(&cbatching_unusual_threads, 1, __ATOMIC_RELAXED);
    } else if (kept == 0 && host_mode != 0) {
        (void)__atomic_sub_fetch(&cbatching_unusual_threads, 1, __ATOMIC_RELAXED);
    }
    host_mode = kept;
}

/* The host's mode is `mode`, which is left for the standard one. */
static void come_from(uint64_t mode) {
    if (mode == CBATCHING_STANDARD_MODE) {
        keep_host_mode(0);
    } else {
        keep_host_mode(mode | KNOWN);
        cbatching_set_mode(CBATCHING_STANDARD_MODE);
    }
}

static void return_to_host(void) {
    if (host_mode != 0) {
        cbatching_set_mode(host_mode & ~KNOWN);
    }
}

uint64_t cbatching_enter_unusual(uint64_t mode) {
    const uint64_t outer = host_mode;
    come_from(mode);
    return outer;
}

void cbatching_leave_unusual(uint64_t outer) {
    return_to_host();
    keep_host_mode(outer);
}

void cbatching_begin_unusual_callback(void) {
    return_to_host();
}

void cbatching_end_unusual_callback(uint64_t mode) {
    come_from(mode);
}
