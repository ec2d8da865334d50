/*
 * Drives the reader of profiles: on texts that are put together from what profiles have, of which some bytes are others, or
 * on any bytes. What is taken is the same the next time, and a run with it ends.
 */
#include <math.h>

#include "checks.h"

enum { MOST_BYTES = 1 << 14 };

struct text {
    char *bytes;
    size_t size;
};

static void add(struct text *text, const char *words) {
    const size_t length = strlen(words);
    if (text->size + length <= MOST_BYTES) {
        memcpy(text->bytes + text->size, words, length);
        text->size += length;
    }
}

#define CHOSEN(input, words) words[input_byte(input) % (sizeof words / sizeof *words)]

static void add_number(struct input *input, struct text *text) {
    static const char *const known[] = {"0",      "1",
                                        "16",     "0.01",
                                        "1e-5",   "2.5e-3",
                                        "100",    "4096",
                                        "-0.0",   "1e-320",
                                        "1e+400", "1e-99999999",
                                        "5e-324", "9007199254740993",
                                        "-1",     "123456789012345678901234567890"};
    char number[64];
    switch (input_byte(input) % 4) {
    case 0:
        add(text, CHOSEN(input, known));
        return;
    case 1:
        snprintf(number, sizeof number, "%.17g", fabs(input_double(input)));
        break;
    case 2:
        snprintf(number, sizeof number, "%u.%ue-%u", input_byte(input), input_byte(input), input_byte(input));
        break;
    default:
        snprintf(number, sizeof number, "%u", input_byte(input));
    }
    add(text, number);
}

static void add_value(struct input *input, struct text *text) {
    static const char *const known[] = {"true",        "false",
                                        "null",        "\"vllm\"",
                                        "\"orca\"",    "\"priority\"",
                                        "\"\\u00e9\"", "\"\\ud83d\\ude00\"",
                                        "\"\\ud800\"", "\"\xc3\xa9\\n\"",
                                        "{}",          "[]",
                                        "[[],{}]",     "{\"a\":[1,{\"b\":null}]}",
                                        "\"table\"",   "\"roofline\"",
                                        "\"affine\""};
    if (input_chance(input, 3)) {
        add(text, CHOSEN(input, known));
    } else {
        add_number(input, text);
    }
}

/* Numbers that rise, mostly. */
static void add_column(struct input *input, struct text *text, unsigned count) {
    add(text, "[");
    for (unsigned index = 0; index < count; index++) {
        char number[32];
        snprintf(number, sizeof number, "%s%u.%u", index > 0 ? "," : "", index + 1, input_byte(input));
        add(text, number);
    }
    add(text, "]");
}

static void add_table(struct input *input, struct text *text) {
    const unsigned rows = input_byte(input) % 4, columns = input_byte(input) % 4, line = input_byte(input) % 6;
    add(text, "{\"model\":\"table\",\"linear_tokens\":");
    add_column(input, text, line);
    add(text, ",\"linear_seconds\":");
    add_column(input, text, input_chance(input, 8) ? 3 : line);
    add(text, ",\"decode_sequences\":");
    add_column(input, text, rows);
    add(text, ",\"decode_contexts\":");
    add_column(input, text, columns);
    add(text, ",\"decode_seconds\":[");
    for (unsigned row = 0; row < rows; row++) {
        add(text, row > 0 ? "," : "");
        add_column(input, text, columns);
    }
    add(text, input_chance(input, 4) ? "],\"decode_scale\":" : "],\"per_sequence\":");
    add_number(input, text);
    add(text, "}");
}

/* Mostly a value of the kind that the first letter of a field says. */
static void add_value_of(struct input *input, struct text *text, char kind) {
    static const char *const policies[] = {"\"vllm\"", "\"static\"", "\"dynamic\"", "\"continuous\"", "\"orca\""};
    static const char *const orders[] = {"\"arrival\"", "\"priority\"", "\"shortest_output\""};
    static const char *const flags[] = {"true", "false"};
    static const char *const texts[] = {"\"\"", "\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\\n\""};
    static const char *const integers[] = {"1", "2", "16", "17", "40", "300", "5000", "65536", "2000000000"};
    static const char *const numbers[] = {"0", "0.5", "1e-3", "1e-9", "0.99", "1e-320", "1.25e-300", "3e12"};
    static const char *const tiers[] = {
        "null", "{\"host_tokens\":80,\"host_read_bandwidth\":1e3,\"kv_bytes_per_token\":2,\"loads_block\":true}",
        "{\"disk_tokens\":1e9}", "{\"disk_tokens\":160,\"disk_write_bandwidth\":-1}", "{\"host\":1}"};
    static const char *const objects[] = {"{}", "{\"a\":[[],{\"b\":null}]}"};
    switch (input_chance(input, 12) ? '?' : kind) {
    case 'p':
        add(text, CHOSEN(input, policies));
        break;
    case 'q':
        add(text, CHOSEN(input, orders));
        break;
    case 'b':
        add(text, CHOSEN(input, flags));
        break;
    case 't':
        add(text, CHOSEN(input, texts));
        break;
    case 'i':
        add(text, CHOSEN(input, integers));
        break;
    case 'n':
        add(text, CHOSEN(input, numbers));
        break;
    case 'o':
        add(text, CHOSEN(input, objects));
        break;
    case 'k':
        add(text, CHOSEN(input, tiers));
        break;
    default:
        add_value(input, text);
    }
}

/* Some of the fields, each mostly once. Before a name stands what its values are. */
static void add_fields(struct input *input, struct text *text, const char *const *names, size_t count) {
    const char *separator = "\"";
    for (size_t name = 0; name < count; name++) {
        if (input_chance(input, 2)) {
            const char *field = names[input_chance(input, 30) ? input_byte(input) % count : name];
            add(text, separator);
            add(text, field + 1);
            add(text, "\":");
            add_value_of(input, text, *field);
            separator = ",\"";
        }
    }
}

static void add_time(struct input *input, struct text *text) {
    static const char *const names[] = {
        "nbase",    "nper_prefill_token",     "nper_decode_token",  "nper_context_token",
        "nstartup", "nper_prefill_iteration", "nper_prefill_chunk", "nper_prefill_context"};
    static const char *const rooflines[] = {"nlayers",           "nper_layer",    "nper_iteration",
                                            "nmemory_bandwidth", "nlinear_bytes", "nbandwidth_share",
                                            "itensor_parallel",  "tsource"};
    switch (input_byte(input) % 4) {
    case 0:
        add_table(input, text);
        return;
    case 1:
        add(text, "{");
        add_fields(input, text, names, sizeof names / sizeof *names);
        break;
    case 2:
        add(text, "{");
        add_fields(input, text, rooflines, sizeof rooflines / sizeof *rooflines);
        add(text, text->bytes[text->size - 1] == '{' ? "" : ",");
        add(text, "\"per_sequence\":1e-4,\"model\":\"roofline\",\"expected_error\":null");
        break;
    default:
        add_value(input, text);
        return;
    }
    add(text, "}");
}

static struct text input_text(struct input *input) {
    static const char *const settings[] = {"ppolicy",
                                           "qqueue_order",
                                           "imax_num_seqs",
                                           "imax_num_batched_tokens",
                                           "imax_model_len",
                                           "nmax_queue_delay",
                                           "inum_gpu_blocks",
                                           "iblock_size",
                                           "nwatermark",
                                           "badmit_oversized",
                                           "binstant_prefill",
                                           "benable_prefix_caching",
                                           "basync_scheduling",
                                           "benable_chunked_prefill",
                                           "bscheduler_reserve_full_isl",
                                           "kkv_offload"};
    static const char *const others[] = {"tmodel", "nclient_delay", "onotes", "tmod\\u0065l", "?x"};
    struct text text = {allocate(MOST_BYTES), 0};
    if (input_chance(input, 16)) {
        while (input->left > 0 && text.size < MOST_BYTES) {
            text.bytes[text.size++] = (char)input_byte(input);
        }
        return text;
    }
    add(&text, "{\"format\":\"batching profile\",\"version\":1,\"iteration_time\":");
    add_time(input, &text);
    add(&text, ",\"engine\":{");
    add_fields(input, &text, settings, sizeof settings / sizeof *settings);
    add(&text, "},");
    add_fields(input, &text, others, input_chance(input, 8) ? sizeof others / sizeof *others : 3);
    add(&text, text.bytes[text.size - 1] == ',' ? "\"gpu\":\"\\u00e9\\ud800\"}" : ",\"gpu\":\"\"}");
    while (input_chance(input, 5)) {
        text.bytes[((size_t)input_byte(input) << 8 | input_byte(input)) % text.size] = (char)input_byte(input);
    }
    if (input_chance(input, 16)) {
        text.size = ((size_t)input_byte(input) << 8 | input_byte(input)) % (text.size + 1);
    }
    return text;
}

/* What it gives out is in its range, and a run with it ends. */
static void require_profile(batching_profile *profile, size_t size) {
    batching_engine_config config;
    batching_profile_facts facts;
    REQUIRE(batching_engine_config_init(&config, sizeof config) == BATCHING_OK);
    REQUIRE(batching_profile_facts_init(&facts, sizeof facts) == BATCHING_OK);
    REQUIRE(batching_profile_get(profile, &config, &facts) == BATCHING_OK);
    REQUIRE(strlen(facts.model) <= size && strlen(facts.gpu) <= size);
    REQUIRE(facts.client_delay >= 0 && facts.client_delay <= BATCHING_TIME_MAX);
    REQUIRE(config.max_num_seqs >= 1 && config.block_size >= 1 && config.watermark >= 0 && config.watermark < 1);
    REQUIRE(config.time_model == BATCHING_TIME_CONSTANT || config.time_model == BATCHING_TIME_AFFINE ||
            (config.time_model == BATCHING_TIME_ROOFLINE && config.time_roofline != NULL) ||
            (config.time_model == BATCHING_TIME_TABLE && config.time_table != NULL));
    REQUIRE(config.policy != BATCHING_POLICY_CUSTOM && config.time_callback == NULL && config.policy_callback == NULL);
    const int64_t prefill = 70, decode = 3, context = 500;
    batching_iterations iterations;
    REQUIRE(batching_iterations_init(&iterations, sizeof iterations) == BATCHING_OK);
    iterations.count = 1;
    iterations.prefill_tokens = &prefill;
    iterations.decode_tokens = &decode;
    iterations.context_tokens = &context;
    double seconds = 0;
    const batching_status status = batching_iteration_times_calculate(&config, &iterations, &seconds);
    REQUIRE(status == BATCHING_OK || status == BATCHING_ERROR_OVERFLOW);
    REQUIRE(seconds >= 0 && seconds <= BATCHING_TIME_MAX);
    const int32_t lengths[4] = {1, 30, 7, 2};
    batching_requests requests;
    REQUIRE(batching_requests_init(&requests, sizeof requests) == BATCHING_OK);
    requests.count = 4;
    requests.output_length = requests.prompt_length = lengths;
    /* One that can never fit may wait without end. */
    config.iteration_limit = 300;
    /* With a prefix cache each block takes memory. */
    config.num_gpu_blocks = config.num_gpu_blocks > 100000 ? 100000 : config.num_gpu_blocks;
    succeeded(batching_simulate(&config, &requests, NULL, NULL));
}

/* The same text gives the same: but for pointers, which are not looked at. */
static void require_same(batching_profile *profile, batching_profile *again) {
    batching_engine_config one, other;
    REQUIRE(batching_engine_config_init(&one, sizeof one) == BATCHING_OK);
    REQUIRE(batching_engine_config_init(&other, sizeof other) == BATCHING_OK);
    REQUIRE(batching_profile_get(profile, &one, NULL) == BATCHING_OK);
    REQUIRE(batching_profile_get(again, &other, NULL) == BATCHING_OK);
    if (one.time_roofline != NULL) {
        REQUIRE(memcmp(one.time_roofline, other.time_roofline, sizeof *one.time_roofline) == 0);
    }
    if (one.time_table != NULL) {
        REQUIRE(one.time_table->linear_count == other.time_table->linear_count);
        for (int64_t place = 0; place < one.time_table->linear_count; place++) {
            REQUIRE(one.time_table->linear_seconds[place] == other.time_table->linear_seconds[place]);
        }
    }
    one.time_roofline = other.time_roofline = NULL;
    one.time_table = other.time_table = NULL;
    if (one.kv_offload != NULL) {
        REQUIRE(memcmp(one.kv_offload, other.kv_offload, sizeof *one.kv_offload) == 0);
    }
    one.kv_offload = other.kv_offload = NULL;
    REQUIRE(memcmp(&one, &other, sizeof one) == 0);
}

void fuzz_profile(struct input *input) {
    struct text text = input_text(input);
    /* In memory of its size. */
    char *json = allocate(text.size + 1);
    json = realloc(json, text.size > 0 ? text.size : 1);
    memcpy(json, text.bytes, text.size);
    free(text.bytes);
    batching_profile *profile = NULL, *again = NULL;
    if (succeeded(batching_profile_create(json, (int64_t)text.size, &profile))) {
        REQUIRE(batching_profile_create(json, (int64_t)text.size, &again) == BATCHING_OK);
        free(json);
        require_profile(profile, text.size);
        require_same(profile, again);
        batching_engine_config config;
        REQUIRE(batching_engine_config_init(&config, sizeof config) == BATCHING_OK);
        struct output_struct given = output_struct(input, &config, sizeof config);
        if (!succeeded(batching_profile_get(profile, given.value, NULL))) {
            REQUIRE(is_untouched(given));
        }
        free_output_struct(given);
    } else {
        free(json);
        REQUIRE(profile == NULL);
    }
    REQUIRE(batching_profile_destroy(profile) == BATCHING_OK);
    REQUIRE(batching_profile_destroy(again) == BATCHING_OK);
}
