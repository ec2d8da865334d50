#include "cbatching_thread.h"

#include <string.h>

struct sentence {
    uint64_t number;
    size_t count;
    uint8_t utf8[CBATCHING_SENTENCE_BYTES];
};

static _Thread_local struct sentence sentences[CBATCHING_SENTENCES];
static _Thread_local size_t oldest;

/* 0 is no sentence. One count for all threads, so that a sentence of another thread is not found in its place. */
static uint64_t kept;

uint64_t cbatching_sentence_keep(const uint8_t *utf8, size_t count) {
    struct sentence *sentence = &sentences[oldest];
    oldest = (oldest + 1) % CBATCHING_SENTENCES;
    sentence->number = __atomic_add_fetch(&kept, 1, __ATOMIC_RELAXED);
    sentence->count = count < CBATCHING_SENTENCE_BYTES ? count : CBATCHING_SENTENCE_BYTES;
    memcpy(sentence->utf8, utf8, sentence->count);
    return sentence->number;
}

const uint8_t *cbatching_sentence(uint64_t number, size_t *count) {
    for (size_t place = 0; place < CBATCHING_SENTENCES; place++) {
        if (sentences[place].number == number) {
            *count = sentences[place].count;
            return sentences[place].utf8;
        }
    }
    return NULL;
}
