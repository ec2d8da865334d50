/* Profiles: what each field of a text becomes, what is wrong with others, and that a run takes what it is given. */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

#define HEAD  "{\"format\": \"batching profile\", \"version\": 1, "
#define AFTER ", \"iteration_time\": 0.5}"

static batching_profile *profile_of(const char *json) {
    batching_profile *profile = NULL;
    assert_succeeds(batching_profile_create(json, (int64_t)strlen(json), &profile));
    assert_non_null(profile);
    return profile;
}

/* All that there is: the fields of an engine, another value in each than is there by default. */
static const char ALL[] =
    "{ \"notes\": {\"errors\": [1e5, null, {\"x\": \"\\u00e9\"}]},\n"
    "  \"iteration_time\": {\"model\": \"affine\", \"base\": 0.25, \"per_prefill_token\": 1e-5,\n"
    "    \"per_decode_token\": 2.5e-4, \"per_context_token\": 3E-8, \"per_prefill_context\": 4e-10,\n"
    "    \"per_prefill_iteration\": 5.0e-3, \"per_prefill_chunk\": 6e-3, \"startup\": 7},\n"
    "  \"engine\": {\"policy\": \"dynamic\", \"queue_order\": \"shortest_output\", \"max_num_seqs\": 11,\n"
    "    \"max_num_batched_tokens\": 12, \"long_prefill_token_threshold\": 13, \"max_model_len\": 14,\n"
    "    \"enable_chunked_prefill\": false, \"scheduler_reserve_full_isl\": false, \"async_scheduling\": true,\n"
    "    \"instant_prefill\": true, \"max_queue_delay\": 0.5, \"num_gpu_blocks\": 15, \"block_size\": 17,\n"
    "    \"enable_prefix_caching\": true, \"watermark\": 0.125, \"admit_oversized\": true},\n"
    "  \"client_delay\": 0.0625, \"gpu\": \"H100 \\\"SXM\\\"\", \"model\": \"M\\u00e9\\ud83d\\ude00\\t/\",\n"
    "  \"version\": 1, \"format\": \"batching profile\"}\n";

static void every_field_is_read(void **state) {
    (void)state;
    batching_profile *profile = profile_of(ALL);
    INITIALIZED(batching_engine_config, config);
    INITIALIZED(batching_profile_facts, facts);
    assert_succeeds(batching_profile_get(profile, &config, &facts));
    INITIALIZED(batching_engine_config, expected);
    expected.policy = BATCHING_POLICY_DYNAMIC;
    expected.queue_order = BATCHING_QUEUE_SHORTEST_OUTPUT;
    expected.max_num_seqs = 11;
    expected.max_num_batched_tokens = 12;
    expected.long_prefill_token_threshold = 13;
    expected.max_model_len = 14;
    expected.disable_chunked_prefill = expected.disable_reserve_full_isl = 1;
    expected.async_scheduling = expected.instant_prefill = 1;
    expected.max_queue_delay = 0.5;
    expected.num_gpu_blocks = 15;
    expected.block_size = 17;
    expected.enable_prefix_caching = expected.admit_oversized = 1;
    expected.watermark = 0.125;
    expected.time_model = BATCHING_TIME_AFFINE;
    expected.time_base = 0.25;
    expected.time_per_prefill_token = 1e-5;
    expected.time_per_decode_token = 2.5e-4;
    expected.time_per_context_token = 3e-8;
    expected.time_per_prefill_context = 4e-10;
    expected.time_per_prefill_iteration = 5e-3;
    expected.time_per_prefill_chunk = 6e-3;
    expected.time_startup = 7;
    assert_memory_equal(&config, &expected, sizeof config);
    assert_string_equal(facts.model, "M\xc3\xa9\xf0\x9f\x98\x80\t/");
    assert_string_equal(facts.gpu, "H100 \"SXM\"");
    assert_double_equal(facts.client_delay, 0.0625);
    assert_succeeds(batching_profile_destroy(profile));
}

/* null is no limit, and what is not there is as by default: 256 requests, blocks of 16 tokens. */
static void what_is_not_there_is_as_by_default(void **state) {
    (void)state;
    static const char *const texts[] = {
        HEAD "\"iteration_time\": 0.5}",
        HEAD "\"engine\": {\"max_num_batched_tokens\": null, \"max_model_len\": null, \"num_gpu_blocks\": null},"
             "\"iteration_time\": 5e-1, \"model\": \"\", \"gpu\": \"\", \"notes\": {}}",
    };
    for (size_t which = 0; which < 2; which++) {
        batching_profile *profile = profile_of(texts[which]);
        /* What was in it is gone. */
        INITIALIZED(batching_engine_config, config);
        config.policy_user_data = &config;
        config.time_startup = 7;
        INITIALIZED(batching_profile_facts, facts);
        facts.client_delay = 7;
        assert_succeeds(batching_profile_get(profile, &config, NULL));
        assert_succeeds(batching_profile_get(profile, NULL, &facts));
        assert_succeeds(batching_profile_get(profile, NULL, NULL));
        INITIALIZED(batching_engine_config, expected);
        expected.max_num_seqs = 256;
        expected.block_size = 16;
        expected.time_model = BATCHING_TIME_CONSTANT;
        expected.time_base = 0.5;
        assert_memory_equal(&config, &expected, sizeof config);
        assert_string_equal(facts.model, "");
        assert_string_equal(facts.gpu, "");
        assert_double_equal(facts.client_delay, 0.0);
        assert_succeeds(batching_profile_destroy(profile));
    }
}

static void policies_and_orders_are_words(void **state) {
    (void)state;
    static const struct {
        const char *word;
        int32_t number;
    } policies[] = {{"vllm", BATCHING_POLICY_VLLM},
                    {"static", BATCHING_POLICY_STATIC},
                    {"dynamic", BATCHING_POLICY_DYNAMIC},
                    {"continuous", BATCHING_POLICY_CONTINUOUS},
                    {"orca", BATCHING_POLICY_ORCA}},
      orders[] = {{"arrival", BATCHING_QUEUE_ARRIVAL},
                  {"priority", BATCHING_QUEUE_PRIORITY},
                  {"shortest_output", BATCHING_QUEUE_SHORTEST_OUTPUT}};
    char json[256];
    for (size_t which = 0; which < 5; which++) {
        snprintf(json, sizeof json, HEAD "\"engine\": {\"policy\": \"%s\", \"queue_order\": \"%s\"}" AFTER,
                 policies[which].word, orders[which % 3].word);
        batching_profile *profile = profile_of(json);
        INITIALIZED(batching_engine_config, config);
        assert_succeeds(batching_profile_get(profile, &config, NULL));
        assert_int_equal(config.policy, policies[which].number);
        assert_int_equal(config.queue_order, orders[which % 3].number);
        assert_succeeds(batching_profile_destroy(profile));
    }
}

/* "model" need not come first. Of what is missing tensor_parallel is 1, and all else 0. */
static void a_roofline_is_read(void **state) {
    (void)state;
    batching_profile *profile =
        profile_of(HEAD "\"iteration_time\": {\"layers\": 32, \"per_layer\": 1e-5, \"memory_bandwidth\": 3.35e12,"
                        "\"source\": \"by hand\", \"expected_error\": null, \"model\": \"roofline\"}}");
    INITIALIZED(batching_engine_config, config);
    INITIALIZED(batching_roofline, expected);
    assert_succeeds(batching_profile_get(profile, &config, NULL));
    expected.layers = 32;
    expected.per_layer = 1e-5;
    expected.memory_bandwidth = 3.35e12;
    expected.tensor_parallel = 1;
    assert_int_equal(config.time_model, BATCHING_TIME_ROOFLINE);
    /* As much as the library knows of it. */
    assert_memory_equal(&config.time_roofline->reserved, &expected.reserved,
                        config.time_roofline->struct_size - offsetof(batching_roofline, reserved));
    assert_null(config.time_table);
    assert_succeeds(batching_profile_destroy(profile));
}

static void a_table_is_read_and_a_run_takes_its_times(void **state) {
    (void)state;
    batching_profile *profile = profile_of(
        HEAD "\"iteration_time\": {\"model\": \"table\", \"decode_seconds\": [[1, 2], [3, 4.5], [5, 6]],"
             "\"linear_tokens\": [-0.0, 4], \"linear_seconds\": [0.25, 0.5], \"head_sequences\": [1],"
             "\"head_seconds\": [0.125], \"decode_sequences\": [1, 2, 4], \"decode_contexts\": [10, 20],"
             "\"prefill_tokens\": [], \"prefill_contexts\": [], \"prefill_seconds\": [], \"decode_scale\": 2,"
             "\"per_iteration\": 0.0625, \"per_sequence\": 0.5, \"per_prefill_iteration\": 8, \"source\": \"x\"}}");
    INITIALIZED(batching_engine_config, config);
    assert_succeeds(batching_profile_get(profile, &config, NULL));
    assert_int_equal(config.time_model, BATCHING_TIME_TABLE);
    const batching_time_table *table = config.time_table;
    assert_in_range(table->struct_size, 192, sizeof *table);
    assert_int_equal(table->linear_count, 2);
    assert_doubles_equal(table->linear_tokens, ((double[]){0.0, 4.0}), 2);
    assert_doubles_equal(table->linear_seconds, ((double[]){0.25, 0.5}), 2);
    assert_int_equal(table->head_count, 1);
    assert_doubles_equal(table->head_sequences, ((double[]){1.0}), 1);
    assert_doubles_equal(table->head_seconds, ((double[]){0.125}), 1);
    assert_int_equal(table->decode_sequence_count, 3);
    assert_int_equal(table->decode_context_count, 2);
    assert_doubles_equal(table->decode_sequences, ((double[]){1.0, 2.0, 4.0}), 3);
    assert_doubles_equal(table->decode_contexts, ((double[]){10.0, 20.0}), 2);
    assert_doubles_equal(table->decode_seconds, ((double[]){1.0, 2.0, 3.0, 4.5, 5.0, 6.0}), 6);
    assert_int_equal(table->prefill_token_count, 0);
    assert_int_equal(table->prefill_context_count, 0);
    assert_double_equal(table->linear_scale, 1.0);
    assert_double_equal(table->head_scale, 1.0);
    assert_double_equal(table->decode_scale, 2.0);
    assert_double_equal(table->prefill_scale, 1.0);
    assert_double_equal(table->per_iteration, 0.0625);
    assert_double_equal(table->per_sequence, 0.5);
    assert_double_equal(table->per_prefill_iteration, 8.0);
    /* Two sequences with 15 tokens of context: linear 0.375, head 0.125, fixed 0.0625 + 2 x 0.5, decode 2 x 3.75. */
    const int64_t decodes = 2, context = 15;
    INITIALIZED(batching_iterations, iterations);
    iterations.count = 1;
    iterations.decode_tokens = &decodes;
    iterations.context_tokens = &context;
    double seconds = 0;
    assert_succeeds(batching_iteration_times_calculate(&config, &iterations, &seconds));
    assert_double_equal(seconds, 0.375 + 0.125 + 0.0625 + 1.0 + 7.5);
    /* A live engine copies it: it runs on without the profile. */
    batching_live_engine *engine = NULL;
    assert_succeeds(batching_live_engine_create(&config, &engine));
    assert_succeeds(batching_profile_destroy(profile));
    const int32_t length = 1, prompt = 4;
    INITIALIZED(batching_requests, requests);
    requests.count = 1;
    requests.output_length = &length;
    requests.prompt_length = &prompt;
    assert_succeeds(batching_live_engine_submit(engine, &requests, NULL));
    assert_succeeds(batching_live_engine_advance(engine, 1e6, 0));
    INITIALIZED(batching_live_engine_state, told);
    assert_succeeds(batching_live_engine_observe(engine, &told));
    assert_int_equal(told.finished, 1);
    assert_succeeds(batching_live_engine_destroy(engine));
}

static void the_text_is_not_needed_afterwards_and_has_no_zero_at_its_end(void **state) {
    (void)state;
    const size_t size = strlen(ALL);
    char *text = malloc(size);
    assert_non_null(text);
    memcpy(text, ALL, size);
    batching_profile *profile = NULL;
    assert_succeeds(batching_profile_create(text, (int64_t)size, &profile));
    memset(text, UNTOUCHED, size);
    free(text);
    INITIALIZED(batching_profile_facts, facts);
    assert_succeeds(batching_profile_get(profile, NULL, &facts));
    assert_string_equal(facts.gpu, "H100 \"SXM\"");
    assert_succeeds(batching_profile_destroy(profile));
}

/* Numbers whose nearest double a rounding on the way, or too few digits, would miss: as the compiler reads them. */
static void numbers_are_rounded_once(void **state) {
    (void)state;
#define NUMBER(number)                                                                                                 \
    { #number, number }
    static const struct {
        const char *text;
        double value;
    } numbers[] = {
        NUMBER(2.2250738585072011e-308),
        NUMBER(2.2250738585072014e-308),
        NUMBER(4.9406564584124654e-324),
        NUMBER(2.4703282292062328e-324),
        NUMBER(1.7976931348623157e308),
        NUMBER(9007199254740993.0),
        NUMBER(9007199254740992.5),
        NUMBER(5.5e0),
        NUMBER(0.1E-4),
        NUMBER(1e23),
        NUMBER(8.41e+21),
        NUMBER(1.2345678901234567e-27),
        NUMBER(3.1415926535897932384626433832795028841971693993751),
        NUMBER(6929495644600919.5e10),
        NUMBER(1090544144181609348835077142190e-300),
        {"1e-400", 0.0},
        {"0e99999999999999999999", 0.0},
        {"2.4703282292062327208e-324", 0.0},
    };
    for (size_t which = 0; which < sizeof numbers / sizeof *numbers; which++) {
        char json[256];
        snprintf(json, sizeof json, HEAD "\"iteration_time\": {\"model\": \"roofline\", \"layers\": %s}}",
                 numbers[which].text);
        batching_profile *profile = profile_of(json);
        INITIALIZED(batching_engine_config, config);
        assert_succeeds(batching_profile_get(profile, &config, NULL));
        assert_double_equal(config.time_roofline->layers, numbers[which].value);
        assert_succeeds(batching_profile_destroy(profile));
    }
}

static const struct {
    const char *json, *sentence;
} WRONG[] = {
    {"", "json is no JSON: it ends at byte 0, within a value"},
    {"  {", "json is no JSON: it ends at byte 3, within a value"},
    {"{\"a\" 1}", "json is no JSON: byte 5 is '1': must be a colon"},
    {"{\"a\": tru}", "json is no JSON: byte 9 is '}': must go on with true"},
    {"[1, ]", "json is no JSON: byte 4 is ']': must begin a value, as JSON has them"},
    {"[1 2]", "json is no JSON: byte 3 is '2': must be a comma, or ]"},
    {"[1.]", "json is no JSON: byte 3 is ']': must be a digit"},
    {"[-]", "json is no JSON: byte 2 is ']': must be a digit"},
    {"[\"\\u12x4\"]", "json is no JSON: byte 6 is 'x': must be a hexadecimal digit"},
    {"[\"\\'\"]", "json is no JSON: byte 3 is ''': must be an escape that JSON has"},
    {"[\"\n\"]", "json is no JSON: byte 2 is 10: must be escaped in a string"},
    {"[\"\xed\xa0\x80\"]", "json is no JSON: byte 3 is 160: must be UTF-8"},
    {"[\"\xf5\"]", "json is no JSON: byte 2 is 245: must be UTF-8"},
    {"\xef\xbb\xbf{}", "json is no JSON: byte 0 is 239: must begin a value, as JSON has them"},
    {"{} {", "json is no JSON: byte 3 is '{': must be the end: there is one value"},
    {"\"text\"", "json is \"text\": must be an object whose format is \"batching profile\""},
    {"{\"version\": 1}", "format is missing: must be \"batching profile\""},
    {"{\"format\": [1]}", "format is an array: must be \"batching profile\""},
    {"{\"format\": \"batching profile\"}", "version is missing: must be 1"},
    {"{\"format\": \"batching profile\", \"version\": 2}", "version is 2: must be 1"},
    {HEAD "\"engine\": {}}", "iteration_time is missing: a profile must have it"},
    {HEAD "\"speed\": 1" AFTER, "speed is unknown: there is no such field"},
    {HEAD "\"engine\": {\"policy_callback\": 1}" AFTER, "engine.policy_callback is unknown: there is no such"},
    {HEAD "\"engine\": {\"block_size\": 8, \"block_size\": 8}" AFTER, "engine.block_size is there twice: must be"},
    {HEAD "\"engine\": {\"block_size\": \"8\"}" AFTER, "engine.block_size is \"8\": must be an integer"},
    {HEAD "\"engine\": {\"block_size\": 0}" AFTER, "engine.block_size is 0: must be between 1 and 65536"},
    {HEAD "\"engine\": {\"policy\": \"custom\"}" AFTER,
     "engine.policy is \"custom\": must be one of \"vllm\", \"static\""},
    {HEAD "\"iteration_time\": 1e300}", "iteration_time is 1e+300: must be between 0 and 9223372036 seconds"},
    {HEAD "\"iteration_time\": {\"base\": {}}}", "iteration_time.base is an object: must be a number"},
    {HEAD "\"iteration_time\": {\"model\": \"table\", \"linear_tokens\": [1, 9007199254740993]}}",
     "iteration_time.linear_tokens[1] is 9007199254740993: must be a value that a double holds exactly"},
    {HEAD "\"iteration_time\": {\"model\": \"table\", \"linear_tokens\": [1, 2], \"linear_seconds\": [2, 1]}}",
     "iteration_time.linear_seconds[1] is 1.0: must be at least element 0, which is 2.0"},
    {HEAD "\"model\": \"a\\u0000b\"" AFTER, "model has the character U+0000: must have none"},
};

static void what_is_wrong_is_told_by_its_place(void **state) {
    (void)state;
    for (size_t which = 0; which < sizeof WRONG / sizeof *WRONG; which++) {
        batching_profile *profile = (batching_profile *)&which;
        assert_fails(batching_profile_create(WRONG[which].json, (int64_t)strlen(WRONG[which].json), &profile),
                     BATCHING_ERROR_INVALID_ARGUMENT, WRONG[which].sentence);
        assert_ptr_equal(profile, &which);
    }
}

/* Every beginning of a profile, in memory of its size. */
static void whatever_is_cut_off_is_refused(void **state) {
    (void)state;
    /* The last line end is not part of it. */
    const size_t size = strlen(ALL) - 1;
    for (size_t end = 0; end < size; end++) {
        char *text = malloc(end + 1);
        assert_non_null(text);
        memcpy(text, ALL, end);
        batching_profile *profile = NULL;
        char sentence[64];
        snprintf(sentence, sizeof sentence, "json is no JSON: it ends at byte %zu, within a value", end);
        assert_fails(batching_profile_create(text, (int64_t)end, &profile), BATCHING_ERROR_INVALID_ARGUMENT, sentence);
        assert_null(profile);
        free(text);
    }
}

static void an_older_struct_that_lacks_what_the_profile_needs_is_refused(void **state) {
    (void)state;
    enum { OLD = 216 };
    batching_profile *affine = profile_of(ALL), *constant = profile_of(HEAD "\"iteration_time\": 0.5}");
    union {
        batching_engine_config config;
        unsigned char bytes[sizeof(batching_engine_config)];
    } old, before;
    memset(&old, UNTOUCHED, sizeof old);
    assert_succeeds(batching_engine_config_init(&old.config, OLD));
    before = old;
    INITIALIZED(batching_profile_facts, facts);
    facts.client_delay = -7;
    assert_fails(batching_profile_get(affine, &old.config, &facts), BATCHING_ERROR_STRUCT_SIZE,
                 "config.struct_size is 216: must be larger, as the profile has a value that a struct of that size");
    assert_memory_equal(&old, &before, sizeof old);
    assert_double_equal(facts.client_delay, -7.0);
    /* What needs no more is written, as far as the struct goes. */
    assert_succeeds(batching_profile_get(constant, &old.config, &facts));
    assert_double_equal(old.config.time_base, 0.5);
    assert_int_equal(old.config.struct_size, OLD);
    for (size_t offset = OLD; offset < sizeof old; offset++) {
        assert_int_equal(old.bytes[offset], UNTOUCHED);
    }
    assert_succeeds(batching_profile_destroy(affine));
    assert_succeeds(batching_profile_destroy(constant));
}

static void pointers_and_sizes_are_checked(void **state) {
    (void)state;
    batching_profile *profile = NULL;
    assert_fails(batching_profile_create(NULL, 5, &profile), BATCHING_ERROR_NULL_POINTER, "json is NULL");
    assert_fails(batching_profile_create(ALL, 5, NULL), BATCHING_ERROR_NULL_POINTER, "profile is NULL");
    assert_fails(batching_profile_create(ALL, -1, &profile), BATCHING_ERROR_INVALID_ARGUMENT, "size is -1");
    assert_fails(batching_profile_create(ALL, INT64_MIN, &profile), BATCHING_ERROR_INVALID_ARGUMENT, "size is -9223");
    assert_fails(batching_profile_create(ALL, 0, &profile), BATCHING_ERROR_INVALID_ARGUMENT, "it ends at byte 0");
    assert_null(profile);
    INITIALIZED(batching_engine_config, config);
    assert_fails(batching_profile_get(NULL, &config, NULL), BATCHING_ERROR_NULL_POINTER, "profile is NULL");
    assert_succeeds(batching_profile_destroy(NULL));
    profile = profile_of(ALL);
    INITIALIZED(batching_profile_facts, facts);
    facts.struct_size = 7;
    const batching_engine_config before = config;
    assert_fails(batching_profile_get(profile, &config, &facts), BATCHING_ERROR_STRUCT_SIZE, "facts.struct_size is 7");
    assert_memory_equal(&config, &before, sizeof config);
    assert_succeeds(batching_profile_destroy(profile));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(what_is_not_there_is_as_by_default),
        cmocka_unit_test(policies_and_orders_are_words),
        cmocka_unit_test(a_roofline_is_read),
        cmocka_unit_test(a_table_is_read_and_a_run_takes_its_times),
        cmocka_unit_test(the_text_is_not_needed_afterwards_and_has_no_zero_at_its_end),
        cmocka_unit_test(numbers_are_rounded_once),
        cmocka_unit_test(what_is_wrong_is_told_by_its_place),
        cmocka_unit_test(whatever_is_cut_off_is_refused),
        cmocka_unit_test(an_older_struct_that_lacks_what_the_profile_needs_is_refused),
        cmocka_unit_test(pointers_and_sizes_are_checked),
    };
    return cmocka_run_group_tests_name("profiles", tests, NULL, NULL);
}
