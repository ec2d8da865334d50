/*
 * Live engines under traffic that goes on and on: now calm, now more than they can serve, now none at all; with clients
 * that go away, lengths that are corrected, questions, and copies. After every call, all that a host may rely on is
 * required.
 *
 *     soak [HOURS]    of simulated time, for each of the configurations; 1 if nothing is said
 */
#include <malloc.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine_support.h"
#include "random.h"

enum {
    /* A host that sends no more than this at a time: what an engine needs is then bounded. */
    MOST_IN_FLIGHT = 400,
    MOST_AT_ONCE = 4,
    MOST_POLLED = 64,
    MOST_HASHES = 12,
    HASH_TOKENS = 16,
    LONGEST_PROMPT = 180,
    LONGEST_OUTPUT = 60,
    /* One in so many calls, beside those that submit and advance. */
    EVERY_ABORT = 23,
    EVERY_LENGTH = 19,
    EVERY_ESTIMATE = 199,
    EVERY_COPY = 499,
};

/* What a configuration is here for, beside the traffic itself. */
struct expected {
    bool preempts, caches, rejects;
};

/* ---------------------------------------------------------------------------------------------------------------------
 * What is known of each request: from what was submitted, and from the events.
 * ------------------------------------------------------------------------------------------------------------------ */

enum stage { GONE, SUBMITTED, RUNNING, PREEMPTED };

struct request {
    int64_t id;
    enum stage stage;
    bool has_first_token;
    double arrival_time;
    int32_t prompt_length;
    /* What it was said to generate: once, or also as corrected since. */
    int32_t least_output, most_output;
    int32_t most_told;
};

struct soak {
    const char *name;
    const batching_engine_config *config;
    struct expected expected;
    uint64_t random;
    batching_live_engine *engine;
    /* A copy to which the same is done, for some time. */
    batching_live_engine *copy;
    int64_t calls_until_copy_ends;
    batching_live_engine_state state;
    double last_event;
    /* No request arrives later than this so far. */
    double horizon;
    struct request requests[MOST_IN_FLIGHT];
    int64_t in_flight, last_id;
    /* Of what was told. */
    int64_t running, finished, rejected, aborted, preemptions, cached_tokens;
    int64_t calls, most_waiting, idle_calls;
    int64_t estimates, copies;
};

#define REQUIRE(soak, condition)                                                                                       \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fail_msg("%s, call %lld, at %.9f s: not so: %s (last error: %s)", (soak)->name, (long long)(soak)->calls,  \
                     (soak)->state.clock, #condition, batching_last_error());                                          \
        }                                                                                                              \
    } while (0)

static bool pads_batch(const batching_engine_config *config) {
    return config->policy == BATCHING_POLICY_STATIC || config->policy == BATCHING_POLICY_DYNAMIC;
}

static bool one_in(struct soak *soak, int64_t every) {
    return random_between(&soak->random, 1, every) == 1;
}

static struct request *request_of(struct soak *soak, int64_t id) {
    for (int64_t index = 0; index < soak->in_flight; index++) {
        if (soak->requests[index].id == id) {
            return &soak->requests[index];
        }
    }
    fail_msg("%s: something was told of request %lld, which is not in flight", soak->name, (long long)id);
    return NULL;
}

/* The last takes its place. */
static void request_leaves(struct soak *soak, struct request *request) {
    *request = soak->requests[--soak->in_flight];
}

/* The tokens that it may have in the end. (A request with too long a prompt will have none.) */
static int32_t within_model_length(const struct soak *soak, int64_t prompt, int64_t output) {
    const int64_t most = soak->config->max_model_len;
    return (int32_t)(most > prompt && prompt + output > most ? most - prompt : output);
}

/* ---------------------------------------------------------------------------------------------------------------------
 * What is told
 * ------------------------------------------------------------------------------------------------------------------ */

struct told {
    double time[MOST_POLLED];
    int64_t request[MOST_POLLED];
    int32_t event[MOST_POLLED], tokens[MOST_POLLED];
    int64_t count, remaining;
};

static void poll(batching_live_engine *engine, int64_t capacity, struct told *told) {
    INITIALIZED(batching_live_engine_events, events);
    events.capacity = capacity;
    events.time = told->time;
    events.request = told->request;
    events.event = told->event;
    events.tokens = told->tokens;
    assert_succeeds(batching_live_engine_poll(engine, &events));
    told->count = events.count;
    told->remaining = events.remaining;
}

/* One event: of its request, the only one possible. */
static void take(struct soak *soak, int64_t id, int32_t event, int32_t tokens, double time) {
    struct request *request = request_of(soak, id);
    REQUIRE(soak, time >= soak->last_event && time <= soak->state.clock && tokens >= 0);
    REQUIRE(soak, time >= request->arrival_time || event == BATCHING_EVENT_ABORTED);
    soak->last_event = time;
    switch (event) {
    case BATCHING_EVENT_ADMITTED:
        REQUIRE(soak, request->stage == SUBMITTED);
        request->stage = RUNNING;
        soak->running++;
        soak->cached_tokens += tokens;
        break;
    case BATCHING_EVENT_FIRST_TOKEN:
        /* A batch in flight gives its tokens also to one that was preempted meanwhile. */
        REQUIRE(soak, request->stage == RUNNING || (request->stage == PREEMPTED && soak->config->async_scheduling));
        REQUIRE(soak, !request->has_first_token && tokens == 1);
        request->has_first_token = true;
        request->most_told = request->most_told > 1 ? request->most_told : 1;
        break;
    case BATCHING_EVENT_PREEMPTED:
        REQUIRE(soak, request->stage == RUNNING && soak->expected.preempts);
        /* Those of the batch in flight included, be it the last. */
        REQUIRE(soak, tokens >= request->most_told);
        REQUIRE(soak, tokens < request->most_output + soak->config->async_scheduling);
        request->most_told = tokens;
        request->stage = PREEMPTED;
        soak->running--;
        soak->preemptions++;
        break;
    case BATCHING_EVENT_RESUMED:
        REQUIRE(soak, request->stage == PREEMPTED);
        request->stage = RUNNING;
        soak->running++;
        break;
    case BATCHING_EVENT_FINISHED:
        /* One that was preempted may have finished as its length was corrected. */
        REQUIRE(soak, request->stage == RUNNING || request->stage == PREEMPTED);
        REQUIRE(soak, request->has_first_token && tokens >= request->most_told);
        REQUIRE(soak, tokens >= request->least_output && tokens <= request->most_output);
        soak->running -= request->stage == RUNNING;
        soak->finished++;
        request_leaves(soak, request);
        break;
    case BATCHING_EVENT_ABORTED:
        /* One that was preempted was told with the token of the batch in flight, which is lost if it leaves before. */
        REQUIRE(soak, tokens + (request->stage == PREEMPTED && soak->config->async_scheduling) >= request->most_told);
        /* Only in a batch that goes on for others can it have had them all. */
        REQUIRE(soak, tokens < request->most_output + pads_batch(soak->config));
        REQUIRE(soak, request->stage != SUBMITTED || tokens == 0);
        soak->running -= request->stage == RUNNING;
        soak->aborted++;
        request_leaves(soak, request);
        break;
    default:
        REQUIRE(soak, event == BATCHING_EVENT_REJECTED && request->stage == SUBMITTED && soak->expected.rejects);
        REQUIRE(soak, tokens == BATCHING_REQUEST_REJECTED_MODEL_LENGTH);
        soak->rejected++;
        request_leaves(soak, request);
    }
}

static void take_events(struct soak *soak) {
    static struct told told, of_copy;
    do {
        const int64_t capacity = random_between(&soak->random, 1, MOST_POLLED);
        poll(soak->engine, capacity, &told);
        for (int64_t row = 0; row < told.count; row++) {
            take(soak, told.request[row], told.event[row], told.tokens[row], told.time[row]);
        }
        if (soak->copy != NULL) {
            poll(soak->copy, capacity, &of_copy);
            REQUIRE(soak, of_copy.count == told.count && of_copy.remaining == told.remaining);
            const size_t count = (size_t)told.count;
            REQUIRE(soak, memcmp(of_copy.time, told.time, count * sizeof *told.time) == 0);
            REQUIRE(soak, memcmp(of_copy.request, told.request, count * sizeof *told.request) == 0);
            REQUIRE(soak, memcmp(of_copy.event, told.event, count * sizeof *told.event) == 0);
            REQUIRE(soak, memcmp(of_copy.tokens, told.tokens, count * sizeof *told.tokens) == 0);
        }
    } while (told.remaining > 0);
}

/* ---------------------------------------------------------------------------------------------------------------------
 * What holds after every call
 * ------------------------------------------------------------------------------------------------------------------ */

static batching_live_engine_state state_of(batching_live_engine *engine) {
    INITIALIZED(batching_live_engine_state, state);
    assert_succeeds(batching_live_engine_observe(engine, &state));
    return state;
}

static void require_within_limits(const struct soak *soak, const batching_live_engine_state *now) {
    REQUIRE(soak, now->pending >= 0 && now->waiting >= 0 && now->running >= 0);
    REQUIRE(soak, now->submitted ==
                      now->pending + now->waiting + now->running + now->finished + now->rejected + now->aborted);
    REQUIRE(soak, now->running <= soak->config->max_num_seqs);
    REQUIRE(soak, now->kv_blocks_used >= 0 && now->tokens_in_flight >= 0);
    REQUIRE(soak, now->kv_blocks_usable < 0 || now->kv_blocks_used <= now->kv_blocks_usable);
    /* Each block in use has a token, or is given for one that comes with the iteration under way. */
    REQUIRE(soak, now->running > 0 || (now->kv_blocks_used == 0 && now->tokens_in_flight == 0));
    REQUIRE(soak, isnan(now->next_iteration_end) || now->next_iteration_end >= now->clock);
    REQUIRE(soak, !now->is_stuck);
}

static void require_sense(struct soak *soak) {
    const batching_live_engine_state before = soak->state, now = state_of(soak->engine);
    REQUIRE(soak, now.clock >= before.clock && now.submitted >= before.submitted);
    REQUIRE(soak, now.finished >= before.finished && now.rejected >= before.rejected && now.aborted >= before.aborted);
    REQUIRE(soak, now.iterations >= before.iterations && now.preemptions >= before.preemptions);
    soak->state = now;
    require_within_limits(soak, &now);
    if (now.events == 0) {
        /* All is told: what was told and what is there are the same. */
        REQUIRE(soak, now.running == soak->running && now.finished == soak->finished);
        REQUIRE(soak, now.rejected == soak->rejected && now.aborted == soak->aborted);
        REQUIRE(soak, now.preemptions == soak->preemptions);
        REQUIRE(soak, now.pending + now.waiting + now.running == soak->in_flight);
    }
    if (soak->copy != NULL) {
        const batching_live_engine_state of_copy = state_of(soak->copy);
        REQUIRE(soak, memcmp(&of_copy, &now, sizeof now) == 0);
    }
    soak->most_waiting = now.waiting > soak->most_waiting ? now.waiting : soak->most_waiting;
    soak->idle_calls += now.running == 0;
    soak->calls++;
}

static void require_unchanged(struct soak *soak) {
    const batching_live_engine_state now = state_of(soak->engine);
    REQUIRE(soak, memcmp(&now, &soak->state, sizeof now) == 0);
}

/* ---------------------------------------------------------------------------------------------------------------------
 * Requests
 * ------------------------------------------------------------------------------------------------------------------ */

struct few {
    int32_t prompt_length[MOST_AT_ONCE], output_length[MOST_AT_ONCE], priority[MOST_AT_ONCE];
    double arrival_time[MOST_AT_ONCE];
    int64_t hash_offsets[MOST_AT_ONCE + 1], hash_ids[MOST_AT_ONCE * MOST_HASHES], id[MOST_AT_ONCE];
};

/* Requests a second, of which some 60 can be served: calm for 40 seconds, too many for 12, none for 8. */
static double rate_at(double time) {
    const double of_minute = fmod(time, 60.0);
    return of_minute < 40.0 ? 45.0 : of_minute < 52.0 ? 130.0 : 0.0;
}

/* To whole numbers of nanoseconds that are doubles as well, so that a time is told as it was given; never earlier. */
static double rounded(double time) {
    return ceil(time * 512.0) / 512.0;
}

/* When the next arrives after another, as a Poisson process. */
static double next_arrival(struct soak *soak, double time) {
    const double rate = rate_at(time);
    if (rate == 0.0) {
        return (floor(time / 60.0) + 1.0) * 60.0;
    }
    const double uniform = (double)(next_random(&soak->random) >> 11) * 0x1p-53;
    return rounded(time - log1p(-uniform) / rate);
}

/* The first blocks of a prompt are those of one of a few groups, the others its own. */
static void fill_hashes(struct soak *soak, struct few *few, int64_t index) {
    const int64_t full = few->prompt_length[index] / HASH_TOKENS;
    const int64_t group = random_between(&soak->random, 1, 12), shared = random_between(&soak->random, 0, 6);
    int64_t *ids = few->hash_ids + few->hash_offsets[index];
    for (int64_t block = 0; block < full; block++) {
        ids[block] = block < shared ? group * 1000 + block : (int64_t)next_random(&soak->random);
    }
    few->hash_offsets[index + 1] = few->hash_offsets[index] + full;
}

static void fill(struct soak *soak, struct few *few, int64_t count) {
    few->hash_offsets[0] = 0;
    for (int64_t index = 0; index < count; index++) {
        few->prompt_length[index] = (int32_t)random_between(&soak->random, 1, LONGEST_PROMPT);
        few->output_length[index] = (int32_t)random_between(&soak->random, 1, LONGEST_OUTPUT);
        few->priority[index] = (int32_t)random_between(&soak->random, 0, 3);
        few->id[index] = soak->last_id + 1 + index;
        fill_hashes(soak, few, index);
    }
}

static batching_requests requests_in(const struct few *few, int64_t count) {
    INITIALIZED(batching_requests, requests);
    requests.count = count;
    requests.prompt_length = few->prompt_length;
    requests.output_length = few->output_length;
    requests.arrival_time = few->arrival_time;
    requests.priority = few->priority;
    requests.hash_ids = few->hash_ids;
    requests.hash_offsets = few->hash_offsets;
    return requests;
}

/* Of few, one alone. */
static struct few one_of(const struct few *few, int64_t index) {
    struct few one = {
        .prompt_length = {few->prompt_length[index]},
        .output_length = {few->output_length[index]},
        .priority = {few->priority[index]},
        .arrival_time = {few->arrival_time[index]},
        .id = {few->id[index]},
    };
    one.hash_offsets[1] = few->hash_offsets[index + 1] - few->hash_offsets[index];
    memcpy(one.hash_ids, few->hash_ids + few->hash_offsets[index], (size_t)one.hash_offsets[1] * sizeof *one.hash_ids);
    return one;
}

/* They arrive one after the other, but for some that are out of order. */
static void fill_times(struct soak *soak, struct few *few, int64_t count) {
    const double clock = soak->state.clock;
    for (int64_t index = 0; index < count; index++) {
        soak->horizon = few->arrival_time[index] = next_arrival(soak, fmax(soak->horizon, clock));
        if (one_in(soak, 8)) {
            const double share = (double)random_between(&soak->random, 0, 8) / 8.0;
            few->arrival_time[index] = rounded(clock + share * (soak->horizon - clock));
        }
    }
}

/* One of them has the id of a request in flight: then none of them is taken. */
static void submit_in_vain(struct soak *soak, struct few few, const batching_requests *requests) {
    const struct request *taken = &soak->requests[random_between(&soak->random, 0, soak->in_flight - 1)];
    if (soak->state.events == 0) {
        few.id[requests->count - 1] = taken->id;
        assert_int_equal(batching_live_engine_submit(soak->engine, requests, few.id), BATCHING_ERROR_INVALID_ARGUMENT);
        require_unchanged(soak);
    }
}

static void submit(struct soak *soak) {
    static struct few few;
    const int64_t room = MOST_IN_FLIGHT - soak->in_flight, wanted = random_between(&soak->random, 1, MOST_AT_ONCE);
    const int64_t count = wanted < room ? wanted : room;
    fill(soak, &few, count);
    fill_times(soak, &few, count);
    batching_requests requests = requests_in(&few, count);
    const bool is_now = one_in(soak, 16);
    requests.arrival_time = is_now ? NULL : requests.arrival_time;
    if (one_in(soak, 16) && soak->in_flight > 0 && count > 0) {
        submit_in_vain(soak, few, &requests);
    }
    assert_succeeds(batching_live_engine_submit(soak->engine, &requests, few.id));
    if (soak->copy != NULL) {
        assert_succeeds(batching_live_engine_submit(soak->copy, &requests, few.id));
    }
    for (int64_t index = 0; index < count; index++) {
        const int32_t output = within_model_length(soak, few.prompt_length[index], few.output_length[index]);
        soak->requests[soak->in_flight++] = (struct request){
            .id = few.id[index],
            .stage = SUBMITTED,
            .arrival_time = is_now ? soak->state.clock : few.arrival_time[index],
            .prompt_length = few.prompt_length[index],
            .least_output = output,
            .most_output = output,
        };
    }
    soak->last_id += count;
}

/* Any request whose end was not polled yet, or NULL. */
static struct request *any_request(struct soak *soak) {
    return soak->in_flight == 0 ? NULL : &soak->requests[random_between(&soak->random, 0, soak->in_flight - 1)];
}

static void abort_a_request(struct soak *soak) {
    const struct request *request = any_request(soak);
    const int64_t id = request == NULL ? soak->last_id : request->id;
    const batching_status status = batching_live_engine_abort(soak->engine, id);
    REQUIRE(soak, soak->copy == NULL || batching_live_engine_abort(soak->copy, id) == status);
    if (status != BATCHING_OK) {
        REQUIRE(soak, status == BATCHING_ERROR_INVALID_ARGUMENT && (request == NULL || soak->state.events > 0));
        require_unchanged(soak);
    }
}

static void correct_a_length(struct soak *soak) {
    struct request *request = any_request(soak);
    if (request == NULL) {
        return;
    }
    const int32_t output = (int32_t)random_between(&soak->random, 1, LONGEST_OUTPUT);
    const batching_status status = batching_live_engine_set_output_length(soak->engine, request->id, output);
    REQUIRE(soak,
            soak->copy == NULL || batching_live_engine_set_output_length(soak->copy, request->id, output) == status);
    if (status == BATCHING_OK) {
        const int32_t limited = within_model_length(soak, request->prompt_length, output);
        request->least_output = limited < request->least_output ? limited : request->least_output;
        request->most_output = limited > request->most_output ? limited : request->most_output;
    } else {
        REQUIRE(soak, status == BATCHING_ERROR_INVALID_ARGUMENT ||
                          (status == BATCHING_ERROR_CAPACITY && soak->config->policy == BATCHING_POLICY_ORCA));
        require_unchanged(soak);
    }
}

/* ---------------------------------------------------------------------------------------------------------------------
 * The clock, questions, and copies
 * ------------------------------------------------------------------------------------------------------------------ */

static void advance(struct soak *soak) {
    const double clock = soak->state.clock;
    /* Mostly less than an iteration; to the time up to which all is submitted; or a moment that is past. */
    double time = clock + (double)random_between(&soak->random, 0, 32) / 1024.0;
    if (one_in(soak, 4)) {
        time = fmax(clock, soak->horizon);
    } else if (one_in(soak, 32)) {
        time = clock / 2.0;
    }
    const int64_t iterations = one_in(soak, 4) ? random_between(&soak->random, 1, 6) : 0;
    assert_succeeds(batching_live_engine_advance(soak->engine, time, iterations));
    if (soak->copy != NULL) {
        assert_succeeds(batching_live_engine_advance(soak->copy, time, iterations));
    }
    const batching_live_engine_state now = state_of(soak->engine);
    /* A time is rounded to a nanosecond. */
    const double late = now.clock - fmax(clock, time);
    REQUIRE(soak, late <= 1e-9 && (iterations > 0 || late >= -1e-9));
    REQUIRE(soak, iterations == 0 || now.iterations - soak->state.iterations <= iterations);
}

/* What becomes of one request, as asked and as it happens. */
struct fate {
    double start_time, first_token_time, end_time;
    int32_t tokens, status;
};

static batching_live_engine *fork_of(batching_live_engine *engine) {
    batching_live_engine *copy = NULL;
    assert_succeeds(batching_live_engine_fork(engine, &copy));
    assert_non_null(copy);
    return copy;
}

/* A copy that went through its bytes. */
static batching_live_engine *loaded_from(batching_live_engine *engine) {
    int64_t size = 0;
    assert_succeeds(batching_live_engine_save(engine, NULL, 0, &size));
    uint8_t *bytes = malloc((size_t)size);
    assert_non_null(bytes);
    assert_succeeds(batching_live_engine_save(engine, bytes, size, NULL));
    batching_live_engine *copy = NULL;
    assert_succeeds(batching_live_engine_load(bytes, size, NULL, &copy));
    free(bytes);
    return copy;
}

/* Sends it to a copy, to which no other request comes. */
static struct fate fate_in_a_copy(struct soak *soak, const struct few *few) {
    struct fate fate = {NAN, NAN, NAN, 0, BATCHING_REQUEST_UNFINISHED};
    batching_live_engine *copy = fork_of(soak->engine);
    const batching_requests requests = requests_in(few, 1);
    assert_succeeds(batching_live_engine_submit(copy, &requests, few->id));
    assert_succeeds(batching_live_engine_advance(copy, INFINITY, 0));
    static struct told told;
    do {
        poll(copy, MOST_POLLED, &told);
        for (int64_t row = 0; row < told.count; row++) {
            if (told.request[row] != few->id[0]) {
                continue;
            }
            switch (told.event[row]) {
            case BATCHING_EVENT_ADMITTED:
                fate.start_time = told.time[row];
                break;
            case BATCHING_EVENT_FIRST_TOKEN:
                fate.first_token_time = told.time[row];
                break;
            case BATCHING_EVENT_REJECTED:
                fate.status = told.tokens[row];
                break;
            case BATCHING_EVENT_FINISHED:
                fate.end_time = told.time[row];
                fate.tokens = told.tokens[row];
                fate.status = BATCHING_REQUEST_FINISHED;
                break;
            default:
                break;
            }
        }
    } while (told.remaining > 0);
    /* All the others were served as well. */
    const batching_live_engine_state end = state_of(copy);
    REQUIRE(soak, end.pending + end.waiting + end.running == 0);
    require_within_limits(soak, &end);
    assert_succeeds(batching_live_engine_destroy(copy));
    return fate;
}

static bool is_same_time(double one, double other) {
    return one == other || (isnan(one) && isnan(other));
}

/* What would become of a few requests: that of one of them is then seen. */
static void estimate(struct soak *soak) {
    static struct few few;
    const int64_t count = random_between(&soak->random, 1, MOST_AT_ONCE);
    fill(soak, &few, count);
    const double horizon = soak->horizon;
    fill_times(soak, &few, count);
    soak->horizon = horizon;
    double start_time[MOST_AT_ONCE], first_token_time[MOST_AT_ONCE], end_time[MOST_AT_ONCE];
    int32_t tokens_generated[MOST_AT_ONCE], status[MOST_AT_ONCE];
    INITIALIZED(batching_results, results);
    results.capacity = count;
    results.start_time = start_time;
    results.first_token_time = first_token_time;
    results.end_time = end_time;
    results.tokens_generated = tokens_generated;
    results.status = status;
    const batching_requests requests = requests_in(&few, count);
    assert_succeeds(batching_live_engine_estimate(soak->engine, &requests, &results));
    require_unchanged(soak);
    const int64_t index = random_between(&soak->random, 0, count - 1);
    const struct few one = one_of(&few, index);
    const struct fate fate = fate_in_a_copy(soak, &one);
    require_unchanged(soak);
    REQUIRE(soak, status[index] == fate.status);
    REQUIRE(soak, tokens_generated[index] == fate.tokens);
    REQUIRE(soak, is_same_time(start_time[index], fate.start_time));
    REQUIRE(soak, is_same_time(first_token_time[index], fate.first_token_time));
    REQUIRE(soak, is_same_time(end_time[index], fate.end_time));
    soak->estimates++;
}

/* From here on the same is done to a copy, for some time. */
static void copy_begins(struct soak *soak) {
    take_events(soak);
    soak->copy = one_in(soak, 2) ? fork_of(soak->engine) : loaded_from(soak->engine);
    soak->calls_until_copy_ends = random_between(&soak->random, 1, 200);
    soak->copies++;
}

/* The two are equal: either goes on. */
static void copy_ends(struct soak *soak) {
    batching_live_engine *ends = soak->copy;
    if (one_in(soak, 2)) {
        ends = soak->engine;
        soak->engine = soak->copy;
    }
    soak->copy = NULL;
    assert_succeeds(batching_live_engine_destroy(ends));
}

/* ---------------------------------------------------------------------------------------------------------------------
 * The run
 * ------------------------------------------------------------------------------------------------------------------ */

static void call(struct soak *soak) {
    if (one_in(soak, EVERY_ABORT)) {
        abort_a_request(soak);
    } else if (one_in(soak, EVERY_LENGTH)) {
        correct_a_length(soak);
    } else if (one_in(soak, EVERY_ESTIMATE)) {
        estimate(soak);
    } else if (soak->copy == NULL && one_in(soak, EVERY_COPY)) {
        copy_begins(soak);
    } else if (one_in(soak, 4)) {
        take_events(soak);
    } else if (soak->horizon <= soak->state.clock + 0.5 && one_in(soak, 2)) {
        submit(soak);
    } else {
        advance(soak);
    }
    require_sense(soak);
    if (soak->copy != NULL && --soak->calls_until_copy_ends == 0) {
        copy_ends(soak);
    }
}

static void run_until(struct soak *soak, double end, size_t *most_memory) {
    while (soak->state.clock < end) {
        call(soak);
        if (soak->copy == NULL && soak->calls % 64 == 0) {
            const size_t memory = mallinfo2().uordblks;
            *most_memory = memory > *most_memory ? memory : *most_memory;
        }
    }
}

static void require_what_it_is_here_for(const struct soak *soak) {
    REQUIRE(soak, soak->estimates > 0 && soak->copies > 0 && soak->aborted > 0);
    /* More requests than can run at once waited; at other times none did. */
    REQUIRE(soak, soak->most_waiting > soak->config->max_num_seqs && soak->idle_calls > 0);
    REQUIRE(soak, (soak->preemptions > 0) == soak->expected.preempts);
    REQUIRE(soak, (soak->cached_tokens > 0) == soak->expected.caches);
    REQUIRE(soak, (soak->rejected > 0) == soak->expected.rejects);
}

static double hours_of_a_run = 1.0;

static void soak(const char *name, const batching_engine_config *config, struct expected expected) {
    struct soak *soak = calloc(1, sizeof *soak);
    assert_non_null(soak);
    soak->name = name;
    soak->config = config;
    soak->expected = expected;
    soak->random = 1;
    assert_succeeds(batching_live_engine_create(config, &soak->engine));
    soak->state = state_of(soak->engine);
    const double end = 3600.0 * hours_of_a_run;
    size_t of_first_half = 0, of_second_half = 0;
    run_until(soak, end / 2.0, &of_first_half);
    run_until(soak, end, &of_second_half);
    /* No more requests come: those that are there are served. */
    assert_succeeds(batching_live_engine_advance(soak->engine, INFINITY, 0));
    if (soak->copy != NULL) {
        assert_succeeds(batching_live_engine_advance(soak->copy, INFINITY, 0));
    }
    require_sense(soak);
    take_events(soak);
    require_sense(soak);
    REQUIRE(soak, soak->in_flight == 0 && soak->running == 0);
    require_what_it_is_here_for(soak);
    /* However many have come and gone. (Nothing is counted under valgrind.) */
    REQUIRE(soak, (double)of_second_half <= 1.25 * (double)of_first_half);
    print_message("%s: %lld requests in %lld calls, %lld estimates and %lld copies seen to be right\n", name,
                  (long long)soak->state.submitted, (long long)soak->calls, (long long)soak->estimates,
                  (long long)soak->copies);
    assert_succeeds(batching_live_engine_destroy(soak->copy));
    assert_succeeds(batching_live_engine_destroy(soak->engine));
    free(soak);
}

/* So few that running requests have to give theirs up. */
enum { FEW_BLOCKS = 120 };

static void vllm(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.max_model_len = 170;
    soak("vllm", &config, (struct expected){.rejects = true});
    config.queue_order = BATCHING_QUEUE_SHORTEST_OUTPUT;
    soak("vllm, shortest output", &config, (struct expected){.rejects = true});
}

static void vllm_short_of_memory(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.num_gpu_blocks = FEW_BLOCKS;
    soak("vllm, few blocks", &config, (struct expected){.preempts = true});
    config.queue_order = BATCHING_QUEUE_PRIORITY;
    soak("vllm, few blocks, priority", &config, (struct expected){.preempts = true});
}

static void vllm_asynchronously(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.async_scheduling = 1;
    soak("vllm, asynchronous", &config, (struct expected){.preempts = false});
    config.num_gpu_blocks = FEW_BLOCKS;
    soak("vllm, asynchronous, few blocks", &config, (struct expected){.preempts = true});
}

static void vllm_with_prefix_caching(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.num_gpu_blocks = FEW_BLOCKS;
    config.enable_prefix_caching = 1;
    soak("vllm, prefix caching", &config, (struct expected){.preempts = true, .caches = true});
    config.async_scheduling = 1;
    config.queue_order = BATCHING_QUEUE_PRIORITY;
    soak("vllm, prefix caching, asynchronous, priority", &config, (struct expected){.preempts = true, .caches = true});
}

static void the_other_policies(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    config.policy = BATCHING_POLICY_CONTINUOUS;
    config.num_gpu_blocks = FEW_BLOCKS;
    soak("continuous", &config, (struct expected){.preempts = true});
    config.policy = BATCHING_POLICY_ORCA;
    config.num_gpu_blocks = 200;
    soak("orca", &config, (struct expected){.preempts = false});
    config.policy = BATCHING_POLICY_STATIC;
    soak("static", &config, (struct expected){.preempts = false});
    config.policy = BATCHING_POLICY_DYNAMIC;
    config.max_queue_delay = 0.05;
    soak("dynamic", &config, (struct expected){.preempts = false});
}

/* About as fast as the others: 8 to 20 ms an iteration. The columns are gone once the engine is there. */
static void other_times(void **state) {
    (void)state;
    batching_engine_config config = small_server();
    INITIALIZED(batching_roofline, roofline);
    roofline.memory_bandwidth = roofline.linear_peak = roofline.attention_peak = 1e12;
    roofline.bandwidth_share = roofline.gemm_share = roofline.kv_share = roofline.attention_share = 1;
    roofline.linear_bytes = 8e9;
    roofline.linear_flops = 3e7;
    roofline.kv_bytes = 1e6;
    roofline.attention_flops = 1e6;
    config.time_model = BATCHING_TIME_ROOFLINE;
    config.time_roofline = &roofline;
    config.time_base = config.time_per_prefill_token = 0;
    config.num_gpu_blocks = FEW_BLOCKS;
    soak("vllm, few blocks, roofline", &config, (struct expected){.preempts = true});
    static const double tokens[] = {1, 40}, linear[] = {0.008, 0.009}, sequences[] = {1, 6}, contexts[] = {30, 900};
    static const double decode[] = {0.0001, 0.001, 0.0003, 0.0013};
    INITIALIZED(batching_time_table, table);
    table.linear_count = table.decode_sequence_count = table.decode_context_count = 2;
    table.linear_tokens = tokens;
    table.linear_seconds = linear;
    table.decode_sequences = sequences;
    table.decode_contexts = contexts;
    table.decode_seconds = decode;
    config.time_model = BATCHING_TIME_TABLE;
    config.time_roofline = NULL;
    config.time_table = &table;
    config.async_scheduling = 1;
    soak("vllm, asynchronous, few blocks, table", &config, (struct expected){.preempts = true});
}

int main(int argument_count, char **arguments) {
    if (argument_count > 1) {
        hours_of_a_run = strtod(arguments[1], NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vllm),
        cmocka_unit_test(vllm_short_of_memory),
        cmocka_unit_test(vllm_asynchronously),
        cmocka_unit_test(vllm_with_prefix_caching),
        cmocka_unit_test(the_other_policies),
        cmocka_unit_test(other_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
