/*
 * Live engines that are used more and more: see fuzz_complexity.c. A program of a few calls is run n times, or each of
 * its calls n times before the next.
 */
#include <math.h>

#include "grown.h"

enum { MOST_CALLS = 6 };

enum call_kind { SUBMIT, SUBMIT_MANY, ABORT, SET_OUTPUT, ADVANCE, POLL, OBSERVE, ESTIMATE, FORK, SAVE_AND_LOAD, KINDS };

struct call {
    enum call_kind kind;
    /* What they are depends on the call: lengths, times, ids. */
    struct column one, two, three;
    uint8_t unit;
};

struct host {
    batching_live_engine *engine;
    batching_engine_config config;
    int64_t n;
    double units;
    /* What is known of the engine before the call. */
    batching_live_engine_state state;
    double last_pending, prefills, held_blocks;
    int64_t leaving;
};

/* Which id has a number: in order, or chosen so that a simple hash puts them all in one place. */
static int64_t id_of(const struct call *call, int64_t number) {
    static const int SHIFTS[] = {0, 0, 8, 20, 32, 40};
    return (int64_t)((uint64_t)number << SHIFTS[call->unit % 6]);
}

static batching_requests requests_of(const struct host *host, const struct call *call, int64_t round, int64_t count) {
    batching_requests requests;
    REQUIRE(batching_requests_init(&requests, sizeof requests) == BATCHING_OK);
    requests.count = count;
    const int64_t n = host->n;
    int32_t *prompts = allocate((size_t)count * sizeof *prompts), *outputs = allocate((size_t)count * sizeof *outputs);
    int32_t *priorities = allocate((size_t)count * sizeof *priorities);
    double *arrivals = allocate((size_t)count * sizeof *arrivals);
    int64_t *offsets = allocate((size_t)(count + 1) * sizeof *offsets),
            *ids = allocate((size_t)(8 * count) * sizeof *ids);
    static const double UNITS[] = {0, 0, 0.001, 0.01, 1};
    offsets[0] = 0;
    for (int64_t index = 0; index < count; index++) {
        const int64_t at = count == 1 ? round : index;
        prompts[index] = (int32_t)column_at(call->one, at, n, 1, n);
        outputs[index] = (int32_t)column_at(call->two, at, n, 1, n);
        priorities[index] = (int32_t)column_at(call->three, at, n, 0, n);
        arrivals[index] = host->state.clock + UNITS[call->unit % 5] * (double)column_at(call->three, at, n, 0, 4 * n);
        const int64_t hashes = prompts[index] < 8 ? prompts[index] : 8;
        offsets[index + 1] = offsets[index] + hashes;
        for (int64_t block = 0; block < hashes; block++) {
            ids[offsets[index] + block] = (column_at(call->two, at, n, 0, n) << 32) + block;
        }
    }
    requests.prompt_length = prompts;
    requests.output_length = outputs;
    requests.priority = priorities;
    requests.arrival_time = arrivals;
    if (host->config.enable_prefix_caching) {
        requests.hash_ids = ids;
        requests.hash_offsets = offsets;
    } else {
        free(ids);
        free(offsets);
    }
    return requests;
}

static void free_all(batching_requests requests) {
    free_requests(requests);
    free((void *)requests.priority);
    free((void *)requests.hash_ids);
    free((void *)requests.hash_offsets);
}

static double in_flight(const struct host *host) {
    return (double)(host->state.pending + host->state.waiting + host->state.running);
}

/* How often a request may prefill a part of its prompt, and what its blocks cost. */
static double prefill_units(const struct host *host, int32_t prompt) {
    const int64_t threshold = host->config.long_prefill_token_threshold;
    return threshold == 0 ? 1 : 1 + (double)prompt / (double)threshold;
}

static double block_units(const struct host *host, int32_t prompt, int32_t output) {
    return host->config.enable_prefix_caching ? 2 + 2 * ((double)prompt + output) / host->config.block_size : 0;
}

static void submit(struct host *host, const struct call *call, int64_t round, int64_t count) {
    const batching_requests requests = requests_of(host, call, round, count);
    double earliest = INFINITY, latest = 0;
    host->units += (double)count;
    for (int64_t index = 0; index < count; index++) {
        earliest = fmin(earliest, requests.arrival_time[index]);
        latest = fmax(latest, requests.arrival_time[index]);
        host->prefills += prefill_units(host, requests.prompt_length[index]);
        host->held_blocks += block_units(host, requests.prompt_length[index], requests.output_length[index]);
    }
    if (earliest < host->last_pending) {
        host->units += (double)host->state.pending;
    }
    host->last_pending = fmax(host->last_pending, latest);
    work_begin();
    (void)succeeded(batching_live_engine_submit(host->engine, &requests, NULL));
    work_end();
    free_all(requests);
}

/* With ids of the caller's: those that a simple hash cannot tell apart. */
static void submit_named(struct host *host, const struct call *call, int64_t round) {
    const batching_requests requests = requests_of(host, call, round, 1);
    const int64_t id = id_of(call, host->state.submitted);
    host->units += 1 + (double)(requests.arrival_time[0] < host->last_pending ? host->state.pending : 0);
    host->prefills += prefill_units(host, requests.prompt_length[0]);
    host->held_blocks += block_units(host, requests.prompt_length[0], requests.output_length[0]);
    host->last_pending = fmax(host->last_pending, requests.arrival_time[0]);
    work_begin();
    (void)succeeded(batching_live_engine_submit(host->engine, &requests, &id));
    work_end();
    free_all(requests);
}

static void advance(struct host *host, const struct call *call, int64_t round) {
    const double time = host->state.clock + 0.005 * (double)column_at(call->one, round, host->n, 0, 64);
    /* Each iteration lets the interrupt be asked, and no run is without end. */
    const int64_t iterations = 1 + column_at(call->two, round, host->n, 0, 8);
    const batching_live_engine_state before = host->state;
    work_begin();
    (void)succeeded(batching_live_engine_advance(host->engine, call->unit % 4 == 0 ? INFINITY : time, iterations));
    work_end();
    const batching_live_engine_state after = state_of(host->engine);
    const double ran = (double)(after.iterations - before.iterations);
    const double preempted = (double)(after.preemptions - before.preemptions);
    host->units += 1 + (1 + preempted) * (double)host->leaving;
    host->units += before.pending + before.waiting + after.waiting > 0 ? SERVING * ran : ran;
    host->leaving = 0;
    /* A preempted request may prefill once more, and its iteration is walked. */
    host->units += preempted * (1 + in_flight(host));
    if (host->config.enable_prefix_caching) {
        host->units += preempted * ((double)host->n / host->config.block_size + 1);
    }
    if (host->config.policy == BATCHING_POLICY_CUSTOM || host->config.max_num_batched_tokens < 1 << 30) {
        host->units += (ran + 1) * in_flight(host);
    }
}

static void estimate(struct host *host, const struct call *call, int64_t round) {
    const batching_requests requests = requests_of(host, call, round, 1);
    double end[1] = {NAN};
    batching_results results;
    REQUIRE(batching_results_init(&results, sizeof results) == BATCHING_OK);
    results.capacity = 1;
    results.end_time = end;
    work_begin();
    (void)succeeded(batching_live_engine_estimate(host->engine, &requests, &results));
    work_end();
    /* A copy, and the iterations to its end, each of which may be short of something. */
    const double ran =
        isnan(end[0]) ? 64.0 * (double)host->n : (end[0] - host->state.clock) / host->config.time_base + 2;
    host->units += 64 + in_flight(host) + ran * (1 + in_flight(host)) + host->held_blocks;
    free_all(requests);
}

static void fork_it(struct host *host, const struct call *call) {
    batching_live_engine *copy = NULL;
    work_begin();
    (void)succeeded(batching_live_engine_fork(host->engine, &copy));
    work_end();
    host->units += 64 + in_flight(host) + host->held_blocks + host->prefills;
    if (copy != NULL && call->unit % 2) {
        batching_live_engine *kept = copy;
        copy = host->engine;
        host->engine = kept;
    }
    REQUIRE(batching_live_engine_destroy(copy) == BATCHING_OK);
}

static void save_and_load(struct host *host) {
    int64_t size = 0;
    work_begin();
    const bool is_saved = succeeded(batching_live_engine_save(host->engine, NULL, 0, &size));
    work_end();
    if (!is_saved) {
        return;
    }
    uint8_t *bytes = allocate((size_t)size);
    batching_live_engine *loaded = NULL;
    work_begin();
    REQUIRE(batching_live_engine_save(host->engine, bytes, size, NULL) == BATCHING_OK);
    REQUIRE(batching_live_engine_load(bytes, size, &host->config, &loaded) == BATCHING_OK);
    work_end();
    host->units += (double)size / 8 + (host->config.block_size > 1024 ? 4096 : 64);
    REQUIRE(batching_live_engine_destroy(host->engine) == BATCHING_OK);
    host->engine = loaded;
    free(bytes);
}

static void poll(struct host *host, const struct call *call) {
    double time[16];
    batching_live_engine_events events;
    REQUIRE(batching_live_engine_events_init(&events, sizeof events) == BATCHING_OK);
    events.capacity = call->unit % 17;
    events.time = time;
    work_begin();
    REQUIRE(batching_live_engine_poll(host->engine, &events) == BATCHING_OK);
    work_end();
    host->units += 1 + (double)events.count;
}

static void do_call(struct host *host, const struct call *call, int64_t round) {
    const batching_live_engine_state before = host->state = state_of(host->engine);
    const int64_t id = column_at(call->one, round, host->n, 0, INT32_MAX);
    switch (call->kind) {
    case SUBMIT:
        if (call->unit % 2) {
            submit_named(host, call, round);
        } else {
            submit(host, call, round, 1);
        }
        break;
    case SUBMIT_MANY:
        if (round == 0) {
            submit(host, call, round, host->n);
        }
        break;
    case ABORT:
        work_begin();
        (void)succeeded(batching_live_engine_abort(host->engine, id_of(call, id)));
        work_end();
        host->units += 1 + (host->config.policy == BATCHING_POLICY_CUSTOM ? in_flight(host) : 0);
        host->leaving++;
        break;
    case SET_OUTPUT:
        work_begin();
        (void)succeeded(batching_live_engine_set_output_length(
            host->engine, id_of(call, id), (int32_t)column_at(call->two, round, host->n, 1, host->n)));
        work_end();
        host->units +=
            1 + (double)host->leaving + (host->config.policy == BATCHING_POLICY_CUSTOM ? in_flight(host) : 0);
        host->leaving++;
        break;
    case ADVANCE:
        advance(host, call, round);
        break;
    case POLL:
        poll(host, call);
        break;
    case OBSERVE: {
        batching_live_engine_state state = before;
        work_begin();
        REQUIRE(batching_live_engine_observe(host->engine, &state) == BATCHING_OK);
        work_end();
        host->units += 1;
        break;
    }
    case ESTIMATE:
        estimate(host, call, round);
        break;
    case FORK:
        fork_it(host, call);
        break;
    default:
        save_and_load(host);
    }
}

struct cost grown_live_engine(struct input input, int64_t n) {
    struct host host = {.n = n, .config = grown_config(&input, n)};
    struct call calls[MOST_CALLS];
    const int count = 1 + input_byte(&input) % MOST_CALLS;
    const bool repeats_each = ONE_OF(&input, 0, 1);
    for (int call = 0; call < count; call++) {
        calls[call].kind = (enum call_kind)(input_byte(&input) % KINDS);
        calls[call].one = input_column(&input);
        calls[call].two = input_column(&input);
        calls[call].three = input_column(&input);
        calls[call].unit = input_byte(&input);
    }
    struct cost cost = {0, 0};
    if (!succeeded(batching_live_engine_create(&host.config, &host.engine))) {
        return cost;
    }
    for (int64_t step = 0; step < n * count; step++) {
        const int64_t round = repeats_each ? step % n : step / count;
        do_call(&host, &calls[repeats_each ? step / n : step % count], round);
        cost.units = host.units + host.prefills + host.held_blocks;
        if (cost.units > 1e6) {
            break;
        }
    }
    const batching_live_engine_state state = state_of(host.engine);
    cost.units += SERVING * (double)(state.running + state.finished + state.aborted);
    REQUIRE(batching_live_engine_destroy(host.engine) == BATCHING_OK);
    cost.work = work_taken();
    return cost;
}
