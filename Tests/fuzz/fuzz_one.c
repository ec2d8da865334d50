/* A program whose bytes all go to one function, which fuzz_functions gives only some of them: TARGET is its name. */
#include "checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct input input = {bytes, size};
    TARGET(&input);
    return 0;
}
