/*
 * A deployment as a file keeps it: reads a profile that `batching calibrate -o profile.json` wrote, or one that stands here,
 * and simulates a few requests.
 *
 *     cc profile.c -o profile $(pkg-config --cflags --libs batching)
 *     ./profile profile.json
 *
 * By hand, for the one that stands here: an iteration takes 8 ms, 20 us more for each prefill token and 100 us for each
 * sequence that decodes. The first prompt, of 1,000 tokens, takes 28 ms. The second came after 10 ms: it waits for 18, and
 * is prefilled beside the first, which decodes: 8 + 10 + 0.1 = 18.1 ms later it has its first token. The third came
 * after 20 ms; two are the most that run. The first needs 2 more tokens of 8.2 ms each, 62.5 ms in all; then the third is
 * prefilled beside the second: 8 + 2 + 0.1 = 10.1 ms later, 52.6 ms after it came, it has its first token. Its client saw
 * 3 ms more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <batching.h>

static const char BUILT_IN[] =
    "{\"format\": \"batching profile\", \"version\": 1, \"model\": \"Llama-3.1-8B\", \"gpu\": \"L4\","
    " \"client_delay\": 0.003,"
    " \"iteration_time\": {\"base\": 0.008, \"per_prefill_token\": 2e-5, \"per_decode_token\": 1e-4},"
    " \"engine\": {\"max_num_seqs\": 2}, \"notes\": {\"remarks\": [\"made by hand\"]}}";

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

static void fail(const char *path) {
    perror(path);
    exit(EXIT_FAILURE);
}

/* All bytes of a file. */
static char *bytes_of(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail(path);
    }
    size_t capacity = 4096;
    char *bytes = malloc(capacity);
    *size = 0;
    for (size_t read = 1; bytes != NULL && read > 0; *size += read) {
        if (*size == capacity) {
            capacity *= 2;
            char *larger = realloc(bytes, capacity);
            if (larger == NULL) {
                free(bytes);
            }
            bytes = larger;
        }
        read = bytes == NULL ? 0 : fread(bytes + *size, 1, capacity - *size, file);
    }
    if (bytes == NULL || ferror(file)) {
        fail(path);
    }
    fclose(file);
    return bytes;
}

int main(int argc, char **argv) {
    size_t size = strlen(BUILT_IN);
    char *bytes = argc > 1 ? bytes_of(argv[1], &size) : NULL;
    batching_profile *profile;
    check(batching_profile_create(bytes != NULL ? bytes : BUILT_IN, (int64_t)size, &profile));
    free(bytes);

    batching_engine_config config;
    batching_profile_facts facts;
    check(batching_engine_config_init(&config, sizeof config));
    check(batching_profile_facts_init(&facts, sizeof facts));
    check(batching_profile_get(profile, &config, &facts));
    printf("%s on %s: at most %lld at once\n", *facts.model != 0 ? facts.model : "some model",
           *facts.gpu != 0 ? facts.gpu : "some GPU", (long long)config.max_num_seqs);

    enum { COUNT = 3 };
    const int32_t prompts[COUNT] = {1000, 500, 100}, outputs[COUNT] = {4, 5, 3};
    const double arrivals[COUNT] = {0.0, 0.010, 0.020};
    double first_token[COUNT];
    batching_requests requests;
    batching_results results;
    check(batching_requests_init(&requests, sizeof requests));
    check(batching_results_init(&results, sizeof results));
    requests.count = results.capacity = COUNT;
    requests.prompt_length = prompts;
    requests.output_length = outputs;
    requests.arrival_time = arrivals;
    results.first_token_time = first_token;
    check(batching_simulate(&config, &requests, &results, NULL));
    for (int i = 0; i < COUNT; i++) {
        const double ttft = first_token[i] - arrivals[i];
        printf("request %d: TTFT %.1f ms, at its client %.1f ms\n", i, 1e3 * ttft, 1e3 * (ttft + facts.client_delay));
    }
    /* The run is over: what config points to may go. */
    check(batching_profile_destroy(profile));
    return EXIT_SUCCESS;
}
