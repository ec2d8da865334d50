/* What the fuzz targets share: requirements, and the columns and structs of a call. */
#ifndef BATCHING_FUZZ_CHECKS_H
#define BATCHING_FUZZ_CHECKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batching.h"
#include "input.h"

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #condition,                    \
                    batching_last_error());                                                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A struct that claims to end behind its callback has no user data: the callback can only stop the call. */
#define STOP_WITHOUT(user_data)                                                                                        \
    do {                                                                                                               \
        if ((user_data) == NULL) {                                                                                     \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

static inline bool succeeded(batching_status status) {
    if (status == BATCHING_OK) {
        return true;
    }
    REQUIRE(strcmp(batching_status_name(status), "unknown status") != 0);
    REQUIRE(strlen(batching_last_error()) > 10);
    return false;
}

static inline batching_live_engine_state state_of(batching_live_engine *engine) {
    batching_live_engine_state state;
    REQUIRE(batching_live_engine_state_init(&state, sizeof state) == BATCHING_OK);
    REQUIRE(batching_live_engine_observe(engine, &state) == BATCHING_OK);
    return state;
}

/* A struct for an output: its first bytes as given, so that the library finds its size, and a copy to compare with. */
struct output_struct {
    void *value;
    void *before;
    size_t size;
};

static inline struct output_struct output_struct(struct input *input, const void *initialized, uint32_t size) {
    struct output_struct output = {.value = input_struct(input, initialized, size)};
    uint32_t claimed;
    memcpy(&claimed, output.value, sizeof claimed);
    output.size = claimed < sizeof claimed || claimed > 4096 ? sizeof claimed : claimed;
    output.before = memcpy(allocate(output.size), output.value, output.size);
    return output;
}

static inline bool is_untouched(struct output_struct output) {
    return memcmp(output.value, output.before, output.size) == 0;
}

/* What the library wrote: all of it, or as much as the struct claimed to have. */
static inline void take_output(void *value, size_t size, struct output_struct output) {
    memcpy(value, output.value, output.size < size ? output.size : size);
}

static inline void free_output_struct(struct output_struct output) {
    free(output.value);
    free(output.before);
}

/* Rounding to a nanosecond moves a time by half of one; a late time has no more digits than its double. */
static inline bool is_not_before(double later, double earlier) {
    return later + 1e-9 + earlier * 1e-15 >= earlier;
}

/* Up to here two times that are a nanosecond apart differ as doubles. */
static const double TELLS_NANOSECONDS_APART = 4e6;

/* Requests, in columns that free_requests frees; or a count that cannot be, without columns. */
static inline batching_requests input_requests(struct input *input) {
    batching_requests requests;
    REQUIRE(batching_requests_init(&requests, sizeof requests) == BATCHING_OK);
    if (input_chance(input, 32)) {
        requests.count = input_impossible_count(input);
        return requests;
    }
    requests.count = input_count(input);
    requests.prompt_length = input_chance(input, 2) ? input_lengths(input, requests.count, 0) : NULL;
    requests.output_length = input_lengths(input, requests.count, 1);
    requests.arrival_time = input_times(input, requests.count);
    return requests;
}

static inline void free_requests(batching_requests requests) {
    free((void *)requests.prompt_length);
    free((void *)requests.output_length);
    free((void *)requests.arrival_time);
}

static inline batching_results output_results(int64_t count) {
    batching_results results;
    REQUIRE(batching_results_init(&results, sizeof results) == BATCHING_OK);
    results.capacity = count;
    results.start_time = output_column(count, sizeof(double));
    results.first_token_time = output_column(count, sizeof(double));
    results.end_time = output_column(count, sizeof(double));
    results.tokens_generated = output_column(count, sizeof(int32_t));
    results.completion_order = output_column(count, sizeof(int64_t));
    results.preemptions = output_column(count, sizeof(int32_t));
    results.prefix_cached_tokens = output_column(count, sizeof(int32_t));
    results.status = output_column(count, sizeof(int32_t));
    results.arrival_time = output_column(count, sizeof(double));
    results.sent_time = output_column(count, sizeof(double));
    return results;
}

static inline void free_results(batching_results results) {
    free(results.start_time);
    free(results.first_token_time);
    free(results.end_time);
    free(results.tokens_generated);
    free(results.completion_order);
    free(results.preemptions);
    free(results.prefix_cached_tokens);
    free(results.status);
    free(results.arrival_time);
    free(results.sent_time);
}

static inline bool results_are_untouched(batching_results results, int64_t count) {
    return output_is_untouched(results.start_time, count, sizeof(double)) &&
           output_is_untouched(results.first_token_time, count, sizeof(double)) &&
           output_is_untouched(results.end_time, count, sizeof(double)) &&
           output_is_untouched(results.tokens_generated, count, sizeof(int32_t)) &&
           output_is_untouched(results.completion_order, count, sizeof(int64_t)) &&
           output_is_untouched(results.preemptions, count, sizeof(int32_t)) &&
           output_is_untouched(results.prefix_cached_tokens, count, sizeof(int32_t)) &&
           output_is_untouched(results.status, count, sizeof(int32_t)) &&
           output_is_untouched(results.arrival_time, count, sizeof(double)) &&
           output_is_untouched(results.sent_time, count, sizeof(double));
}

/* batching_simulate: see fuzz_engine.c. */
void fuzz_engine(struct input *input);
/* Any configuration, without callbacks. Its models of time, and its tiers, are freed by free_time_models. */
batching_engine_config input_engine_config(struct input *input);

/* batching_iteration_times_calculate: see fuzz_times.c. */
void fuzz_iteration_times(struct input *input);
batching_roofline input_roofline(struct input *input);
/* What the model of a configuration needs, in memory of its own. */
void input_time_models(struct input *input, batching_engine_config *config);
/* The columns hold no seconds any more: what has copied them does not mind. */
void spoil_time_models(const batching_engine_config *config);
void free_time_models(batching_engine_config *config);
/* The bytes that a live engine saves its model in. */
int64_t saved_time_model_size(const batching_engine_config *config);

/* batching_iteration_time_calibrate; models, GPUs and deployments: see fuzz_hardware.c. */
void fuzz_calibration(struct input *input);

/* batching_live_calibration_...: see fuzz_live_calibration.c. */
void fuzz_live_calibration(struct input *input);
void fuzz_catalogue(struct input *input);

/* batching_profile_...: see fuzz_profile.c. */
void fuzz_profile(struct input *input);

/* What a policy is shown adds up, and all of it can be read. ahead: last tokens may be on their way. */
void require_view(const batching_policy_view *view, int ahead);

/* An answer of a policy: mostly one that is valid, and now and then anything. */
void input_decision(struct input *input, const batching_policy_view *view, batching_policy_decision *decision);

/* batching_live_engine_...: see fuzz_live_engine.c. */
void fuzz_live_engine(struct input *input);

/* The same engine, saved and loaded: see fuzz_engine_bytes.c. The one that is given is gone. */
batching_live_engine *fuzz_saved_engine(batching_live_engine *engine, const batching_engine_config *callbacks);
/* What becomes of its bytes when they are damaged; the engine itself stays as it is. */
void fuzz_damaged_engine(struct input *input, batching_live_engine *engine, const batching_engine_config *given);

/* batching_load_calculate and batching_attribution_bands_calculate: see fuzz_load.c. */
void fuzz_load(struct input *input);
void fuzz_attribution_bands(struct input *input);

/* batching_router_...: see fuzz_routers.c. */
void fuzz_routers(struct input *input);
/* batching_autoscaler_...: see fuzz_autoscalers.c. */
void fuzz_autoscalers(struct input *input);
/* batching_fleet_simulate: see fuzz_fleet.c. */
void fuzz_fleet(struct input *input);
/* batching_accumulator_...: see fuzz_accumulator.c. */
void fuzz_accumulator(struct input *input);

/* Work against size: see fuzz_complexity.c. */
void fuzz_complexity(struct input *input);

#endif
