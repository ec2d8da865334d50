#include "cbatching_support.h"

#include <string.h>

#include "../../include/batching.h"

#define TEXT(value)                  #value
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

static _Thread_local char error_text[1024];

const char *cbatching_version(void) {
    return VERSION(BATCHING_VERSION_MAJOR, BATCHING_VERSION_MINOR, BATCHING_VERSION_PATCH);
}

const char *cbatching_error(void) {
    return error_text;
}

void cbatching_set_error(const unsigned char *utf8, size_t length) {
    if (length >= sizeof error_text) {
        length = sizeof error_text - 1;
        /* Do not cut a character: a byte 10xxxxxx continues the one before it. */
        while (length > 0 && (utf8[length] & 0xC0) == 0x80)
            length--;
    }
    memcpy(error_text, utf8, length);
    error_text[length] = '\0';
}
