#include "cbatching_thread.h"

struct interrupt {
    cbatching_interrupt_callback callback;
    void *user_data;
    /* Units of work until the callback is due. */
    int64_t left;
};

static _Thread_local struct interrupt interrupt;

cbatching_interrupt_callback cbatching_interrupt_set(cbatching_interrupt_callback callback, void *user_data) {
    cbatching_interrupt_callback before = interrupt.callback;
    interrupt.callback = callback;
    interrupt.user_data = user_data;
    interrupt.left = CBATCHING_WORK_INTERVAL;
    return before;
}

int32_t cbatching_work_done(int64_t units) {
    if (interrupt.callback == 0)
        return 0;
    interrupt.left -= units;
    if (interrupt.left > 0)
        return 0;
    /* It may call the library on other handles, and set another callback for that. */
    struct interrupt asked = interrupt;
    interrupt.callback = 0;
    int32_t answer = asked.callback(asked.user_data);
    (void)cbatching_interrupt_set(asked.callback, asked.user_data);
    return answer;
}
