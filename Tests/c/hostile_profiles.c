/*
 * Texts that are no profiles, or hardly: nested without end, of numbers and names without end, and a profile of which each
 * byte is any other; hostile_inputs.c tries them all. One that is taken has to simulate, or to say why not.
 */
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

#define HEAD "{\"format\":\"batching profile\",\"version\":1,"

static const char PLAIN[] =
    HEAD "\"model\":\"M\\u00e9\",\"gpu\":\"\xc3\xa9\",\"client_delay\":1e-3,\"notes\":{\"a\":[1,null,true]},"
         "\"engine\":{\"policy\":\"vllm\",\"max_num_seqs\":4,\"num_gpu_blocks\":90,\"watermark\":0.01},"
         "\"iteration_time\":{\"base\":0.01,\"per_context_token\":1e-7}}";

static const char TABLE[] =
    HEAD "\"iteration_time\":{\"model\":\"table\",\"linear_tokens\":[1,70],\"linear_seconds\":[1e-3,2e-3],"
         "\"decode_sequences\":[1,2],\"decode_contexts\":[9,99],\"decode_seconds\":[[1e-3,2e-3],[1e-3,3e-3]]}}";

static batching_status run_text(const char *json, size_t size) {
    batching_profile *profile = NULL;
    batching_status status = batching_profile_create(json, (int64_t)size, &profile);
    if (status != BATCHING_OK) {
        return profile == NULL ? status : (batching_status)-1;
    }
    batching_engine_config config;
    batching_profile_facts facts;
    batching_requests requests;
    batching_engine_config_init(&config, sizeof config);
    batching_profile_facts_init(&facts, sizeof facts);
    batching_requests_init(&requests, sizeof requests);
    status = batching_profile_get(profile, &config, &facts);
    if (status == BATCHING_OK && !(strlen(facts.model) <= size && facts.client_delay >= 0)) {
        status = -1;
    }
    static const int32_t lengths[3] = {3, 1, 2};
    requests.count = 3;
    requests.output_length = lengths;
    /* A limit, since one that has no blocks may go on for ever. */
    config.iteration_limit = 100;
    batching_simulate(&config, &requests, NULL, NULL);
    batching_profile_destroy(profile);
    return status;
}

/* Each byte as any other, in memory of the text's size. */
static batching_status run_bytes(const struct input *given) {
    const char *plain = given->wants_columns ? TABLE : PLAIN;
    const size_t size = strlen(plain);
    char *text = malloc(size);
    for (size_t place = 0; place < size; place++) {
        for (int byte = 0; byte < 256; byte++) {
            memcpy(text, plain, size);
            text[place] = (char)byte;
            const batching_status status = run_text(text, size);
            if (status != BATCHING_OK && status != BATCHING_ERROR_INVALID_ARGUMENT) {
                free(text);
                return -1;
            }
        }
    }
    free(text);
    return BATCHING_OK;
}

/* A text that begins and ends with some words, and has one so often between. */
static batching_status repeated(const char *before, const char *middle, size_t times, const char *after) {
    const size_t first = strlen(before), each = strlen(middle), last = strlen(after);
    char *text = malloc(first + each * times + last);
    memcpy(text, before, first);
    for (size_t time = 0; time < times; time++) {
        memcpy(text + first + each * time, middle, each);
    }
    memcpy(text + first + each * times, after, last);
    const batching_status status = run_text(text, first + each * times + last);
    free(text);
    return status;
}

#define TIME ",\"iteration_time\":1}"

enum { OFTEN = 300000 };

static batching_status run_arrays(const struct input *given) {
    return repeated(HEAD "\"notes\":{\"a\":", "[", (size_t)given->count, TIME);
}
static batching_status run_objects(const struct input *given) {
    return repeated(HEAD "\"notes\":{\"a\":", "{\"\":", (size_t)given->count, TIME);
}
static batching_status run_space(const struct input *given) {
    return repeated(HEAD, "\n", (size_t)given->count, "\"iteration_time\":1}");
}
static batching_status run_notes(const struct input *given) {
    return repeated(HEAD "\"notes\":{\"a\":[1", ",{\"a\":-0.5e-7}", (size_t)given->count, "]}" TIME);
}
static batching_status run_text_of_notes(const struct input *given) {
    return repeated(HEAD "\"notes\":{\"a\":\"", "\\ud800", (size_t)given->count, "\"}" TIME);
}
static batching_status run_name(const struct input *given) {
    return repeated(HEAD "\"model\":\"", "\\u00e9", (size_t)given->count, "\"" TIME);
}
static batching_status run_field(const struct input *given) {
    return repeated(HEAD "\"", "a", (size_t)given->count, "\":1" TIME);
}
static batching_status run_same_field(const struct input *given) {
    return repeated(HEAD "\"gpu\":\"\"", ",\"gpu\":\"\"", (size_t)given->count, TIME);
}
static batching_status run_digits(const struct input *given) {
    return repeated(HEAD "\"iteration_time\":1.", "7", (size_t)given->count, "}");
}
static batching_status run_zeros(const struct input *given) {
    return repeated(HEAD "\"iteration_time\":0.", "0", (size_t)given->count, "1}");
}
static batching_status run_zeros_and_exponent(const struct input *given) {
    return repeated(HEAD "\"iteration_time\":1", "0", (size_t)given->count, "e-300000}");
}
static batching_status run_exponent(const struct input *given) {
    return repeated(HEAD "\"iteration_time\":0e", "9", (size_t)given->count, "}");
}
static batching_status run_integer(const struct input *given) {
    return repeated(HEAD "\"engine\":{\"max_num_seqs\":", "9", (size_t)given->count, "}" TIME);
}
static batching_status run_places(const struct input *given) {
    return repeated(HEAD "\"iteration_time\":{\"model\":\"table\",\"linear_tokens\":[1", ",1e-300",
                    (size_t)given->count, "]}}");
}
static batching_status run_rows(const struct input *given) {
    return repeated(HEAD "\"iteration_time\":{\"model\":\"table\",\"decode_seconds\":[[]", ",[]", (size_t)given->count,
                    "]}}");
}
static batching_status run_places_with_little_memory(const struct input *given) {
    leave_little_memory();
    /* 3 bytes each become 8 to 16. */
    return repeated(HEAD "\"iteration_time\":{\"model\":\"table\",\"linear_tokens\":[1", ",1", (size_t)given->count,
                    "]}}");
}

static const struct row BYTES[] = {
    {"of a plain one", BATCHING_OK, {.wants_columns = false}},
    {"of one with a table", BATCHING_OK, {.wants_columns = true}},
};
static const struct row SO_MANY[] = {{"so many", BATCHING_OK, {.count = OFTEN}}};
static const struct row TOO_MANY[] = {{"too many", BATCHING_ERROR_INVALID_ARGUMENT, {.count = OFTEN}}};
static const struct row NO_MEMORY[] = {{"in 32 MB", BATCHING_ERROR_OUT_OF_MEMORY, {.count = 25 * OFTEN}}};

const struct table PROFILE_TABLES[] = {
    {"a byte of a profile", run_bytes, ROWS(BYTES), false},
    {"arrays within each other", run_arrays, ROWS(TOO_MANY), false},
    {"objects within each other", run_objects, ROWS(TOO_MANY), false},
    {"space", run_space, ROWS(SO_MANY), false},
    {"notes", run_notes, ROWS(SO_MANY), false},
    {"a text in notes", run_text_of_notes, ROWS(SO_MANY), false},
    {"a name", run_name, ROWS(SO_MANY), false},
    {"a name of a field", run_field, ROWS(TOO_MANY), false},
    {"a field again and again", run_same_field, ROWS(TOO_MANY), false},
    {"digits", run_digits, ROWS(SO_MANY), false},
    {"zeros after the point", run_zeros, ROWS(SO_MANY), false},
    {"zeros that the exponent takes away", run_zeros_and_exponent, ROWS(SO_MANY), false},
    {"digits of an exponent", run_exponent, ROWS(SO_MANY), false},
    {"digits of an integer", run_integer, ROWS(TOO_MANY), false},
    {"places of a table", run_places, ROWS(TOO_MANY), false},
    {"rows of a table", run_rows, ROWS(SO_MANY), false},
    {"places with little memory", run_places_with_little_memory, ROWS(NO_MEMORY), true},
};
const size_t PROFILE_TABLE_COUNT = sizeof PROFILE_TABLES / sizeof *PROFILE_TABLES;
