/* Section: what a router asks of a live engine, and what keeping one beside a server costs. */
#include "allocations.h"
#include "columns.h"
#include "engine_workloads.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    repetitions = 21,
    steady_repetitions = 5,
    calls = 200,
    prompt_tokens = 512,
    tokens_per_hash = 16,
    hashes_per_request = prompt_tokens / tokens_per_hash,
    estimated_output = 1000,
    poll_capacity = 64,
    memory_first = 100000,
    router_output = 224,
    cache_fillers = 1000,
    first_filler = 2000000,
};

#define TARGET_ESTIMATE_MICROSECONDS 20.0
#define TARGET_DRAIN_RATIO           1.1
#define ARRIVAL_RATE                 20.0

static batching_engine_config live_config(int caches) {
    batching_engine_config config = server_config();
    config.max_num_seqs = 512;
    config.enable_prefix_caching = caches;
    return config;
}

static batching_live_engine *engine_make(const batching_engine_config *config) {
    batching_live_engine *engine;
    require_ok(batching_live_engine_create(config, &engine), "batching_live_engine_create");
    return engine;
}

static batching_live_engine_state engine_observe(batching_live_engine *engine) {
    batching_live_engine_state state;
    require_ok(batching_live_engine_state_init(&state, sizeof state), "batching_live_engine_state_init");
    require_ok(batching_live_engine_observe(engine, &state), "batching_live_engine_observe");
    return state;
}

/** The columns of one request of this section: 512 tokens of prompt, and a hash id of its own for every block. */
typedef struct one_request {
    batching_requests requests;
    int32_t prompt_length, output_length;
    double arrival_time;
    int64_t hash_offsets[2];
    int64_t hash_ids[hashes_per_request];
} one_request;

/** Sets one up, where it stays: it points into itself. */
static void one_request_set(one_request *one, int64_t index, int32_t output_length, double arrival_time) {
    require_ok(batching_requests_init(&one->requests, sizeof one->requests), "batching_requests_init");
    one->prompt_length = prompt_tokens;
    one->output_length = output_length;
    one->arrival_time = arrival_time;
    one->hash_offsets[0] = 0;
    one->hash_offsets[1] = hashes_per_request;
    for (int64_t i = 0; i < hashes_per_request; i++) {
        one->hash_ids[i] = (int64_t)((uint64_t)(index * hashes_per_request + i + 1) * 0x9e3779b97f4a7c15u);
    }
    one->requests.count = 1;
    one->requests.prompt_length = &one->prompt_length;
    one->requests.output_length = &one->output_length;
    one->requests.arrival_time = &one->arrival_time;
    one->requests.hash_ids = one->hash_ids;
    one->requests.hash_offsets = one->hash_offsets;
    one->requests.hash_block_size = tokens_per_hash;
}

/** Serves requests whose prompts are more than a cache of 28,000 blocks holds. */
static void cache_fill(batching_live_engine *engine) {
    one_request one;
    for (int64_t i = 0; i < cache_fillers; i++) {
        one_request_set(&one, first_filler + i, 1, engine_observe(engine).clock);
        require_ok(batching_live_engine_submit(engine, &one.requests, NULL), "batching_live_engine_submit");
        require_ok(batching_live_engine_advance(engine, INFINITY, 0), "batching_live_engine_advance");
    }
}

/** An engine in which so many decode, each of them for another 800 iterations or some more; if it caches prefixes, with
 *  content in every block. */
static batching_live_engine *busy_engine_make(int64_t running, int caches) {
    const batching_engine_config config = live_config(caches);
    batching_live_engine *engine = engine_make(&config);
    if (caches) {
        cache_fill(engine);
    }
    const double start = engine_observe(engine).clock;
    one_request one;
    for (int64_t i = 0; i < running; i++) {
        one_request_set(&one, i, (int32_t)(800 + i), start);
        require_ok(batching_live_engine_submit(engine, &one.requests, NULL), "batching_live_engine_submit");
    }
    /* Their prompts take a quarter of an iteration each. */
    require_ok(batching_live_engine_advance(engine, INFINITY, running / 4 + 20), "batching_live_engine_advance");
    if (engine_observe(engine).running != running) {
        fprintf(stderr, "bench: WRONG: not all of the %s requests run\n", grouped(running));
        exit(1);
    }
    return engine;
}

typedef struct live_work {
    batching_live_engine *engine;
    one_request question;
    double end_time;
} live_work;

static void estimate_ask(live_work *work) {
    batching_results results;
    require_ok(batching_results_init(&results, sizeof results), "batching_results_init");
    results.capacity = 1;
    results.end_time = &work->end_time;
    require_ok(batching_live_engine_estimate(work->engine, &work->question.requests, &results),
               "batching_live_engine_estimate");
}

static void estimate_run(void *context) {
    for (int i = 0; i < calls; i++) {
        estimate_ask(context);
    }
}

static void fork_run(void *context) {
    live_work *work = context;
    for (int i = 0; i < calls; i++) {
        batching_live_engine *copy;
        require_ok(batching_live_engine_fork(work->engine, &copy), "batching_live_engine_fork");
        require_ok(batching_live_engine_destroy(copy), "batching_live_engine_destroy");
    }
}

static void observe_run(void *context) {
    live_work *work = context;
    for (int i = 0; i < calls; i++) {
        engine_observe(work->engine);
    }
}

/** Sends the request that was asked about, to see that it ends when the estimate has said. */
static void estimate_require(live_work *work) {
    require_ok(batching_live_engine_submit(work->engine, &work->question.requests, &(int64_t){-1}),
               "batching_live_engine_submit");
    require_ok(batching_live_engine_advance(work->engine, INFINITY, 0), "batching_live_engine_advance");
    double time[poll_capacity];
    int64_t request[poll_capacity];
    int32_t event[poll_capacity];
    batching_live_engine_events events;
    require_ok(batching_live_engine_events_init(&events, sizeof events), "batching_live_engine_events_init");
    events.capacity = poll_capacity;
    events.time = time;
    events.request = request;
    events.event = event;
    do {
        require_ok(batching_live_engine_poll(work->engine, &events), "batching_live_engine_poll");
        for (int64_t row = 0; row < events.count; row++) {
            if (request[row] == -1 && event[row] == BATCHING_EVENT_FINISHED && time[row] == work->end_time) {
                return;
            }
        }
    } while (events.remaining > 0);
    fprintf(stderr, "bench: WRONG: the request does not end at %.9f, as estimated\n", work->end_time);
    exit(1);
}

static void questions_print(int64_t running, int caches) {
    live_work work = {.engine = busy_engine_make(running, caches)};
    one_request_set(&work.question, 1000000, estimated_output, engine_observe(work.engine).clock);
    const measurement estimate = measure(estimate_run, &work, repetitions, calls);
    const measurement fork = measure(fork_run, &work, repetitions, calls);
    const measurement observe = measure(observe_run, &work, repetitions, calls);
    printf("%7s  %-14s %8.1f /%6.1f %8.1f /%6.1f %8.3f /%6.3f\n", grouped(running), caches ? "prefix caching" : "none",
           estimate.best / 1e3, estimate.median / 1e3, fork.best / 1e3, fork.median / 1e3, observe.best / 1e3,
           observe.median / 1e3);
    if (running == 64) {
        report_target(estimate.median / 1e3 <= TARGET_ESTIMATE_MICROSECONDS,
                      "estimate at 64 running%s: %.1f us, at most %.0f", caches ? ", prefix caching" : "",
                      estimate.median / 1e3, TARGET_ESTIMATE_MICROSECONDS);
    }
    estimate_require(&work);
    require_ok(batching_live_engine_destroy(work.engine), "batching_live_engine_destroy");
}

/** A live engine that is told of each request as it arrives, and asked each time what has happened. */
typedef struct steady_work {
    const batching_engine_config *config;
    const batching_requests *requests;
    double *end_time;
} steady_work;

static void events_take(batching_live_engine *engine, double *end_time) {
    double time[poll_capacity];
    int64_t request[poll_capacity];
    int32_t event[poll_capacity], tokens[poll_capacity];
    batching_live_engine_events events;
    require_ok(batching_live_engine_events_init(&events, sizeof events), "batching_live_engine_events_init");
    events.capacity = poll_capacity;
    events.time = time;
    events.request = request;
    events.event = event;
    events.tokens = tokens;
    do {
        require_ok(batching_live_engine_poll(engine, &events), "batching_live_engine_poll");
        for (int64_t row = 0; end_time != NULL && row < events.count; row++) {
            if (event[row] == BATCHING_EVENT_FINISHED) {
                end_time[request[row]] = time[row];
            }
        }
    } while (events.remaining > 0);
}

static void steady_run(void *context) {
    steady_work *work = context;
    const batching_requests *all = work->requests;
    batching_live_engine *engine = engine_make(work->config);
    batching_requests one = *all;
    one.count = 1;
    for (int64_t i = 0; i < all->count; i++) {
        one.prompt_length = all->prompt_length + i;
        one.output_length = all->output_length + i;
        one.arrival_time = all->arrival_time + i;
        int64_t offsets[2] = {0, 0};
        if (all->hash_ids != NULL) {
            one.hash_ids = all->hash_ids + all->hash_offsets[i];
            offsets[1] = all->hash_offsets[i + 1] - all->hash_offsets[i];
            one.hash_offsets = offsets;
        }
        require_ok(batching_live_engine_submit(engine, &one, NULL), "batching_live_engine_submit");
        require_ok(batching_live_engine_advance(engine, all->arrival_time[i], 0), "batching_live_engine_advance");
        events_take(engine, work->end_time);
    }
    require_ok(batching_live_engine_advance(engine, INFINITY, 0), "batching_live_engine_advance");
    events_take(engine, work->end_time);
    require_ok(batching_live_engine_destroy(engine), "batching_live_engine_destroy");
}

/** The requests of a section, and what batching_simulate makes of them: what a live engine is compared with. */
typedef struct compared_run {
    batching_requests requests;
    batching_engine_config config;
    batching_results results;
    engine_work at_once;
} compared_run;

/** Sets one up, where it stays: it points into itself. */
static void compared_run_set(compared_run *run, int64_t count, int caches) {
    fixed_requests_generate(&run->requests, count, ARRIVAL_RATE);
    if (caches) {
        distinct_hashes_add(&run->requests);
    }
    run->config = server_config();
    run->config.enable_prefix_caching = caches;
    results_allocate(&run->results, count);
    run->at_once = engine_work_make(&run->config, &run->requests, &run->results);
}

static void compared_run_free(compared_run *run) {
    results_free(&run->results);
    engine_requests_free(&run->requests);
}

/** Requires that batching_simulate, which has run, ended the requests at these times. */
static void ends_require(const compared_run *run, const double *end_time) {
    if (memcmp(end_time, run->results.end_time, (size_t)run->requests.count * sizeof(double)) != 0) {
        fprintf(stderr, "bench: WRONG: a live engine ends requests at other times than batching_simulate\n");
        exit(1);
    }
}

static void steady_print(int64_t count, int caches) {
    compared_run run;
    compared_run_set(&run, count, caches);
    steady_work live = {&run.config, &run.requests, touched_memory((size_t)count * sizeof(double))};
    const measurement_pair measured =
        measure_in_turn(engine_work_run, &run.at_once, steady_run, &live, steady_repetitions, count);
    ends_require(&run, live.end_time);
    printf("%-14s %10.1f /%7.1f %10.1f /%7.1f %8.2f\n", caches ? "prefix caching" : "none", measured.second.best,
           measured.second.median, measured.first.best, measured.first.median,
           measured.second.median / measured.first.median);
    free(live.end_time);
    compared_run_free(&run);
}

/** A live engine that is given all requests at once, and advanced, or not, until none is left. */
typedef struct drain_work {
    const batching_engine_config *config;
    const batching_requests *requests;
    int advances;
} drain_work;

static batching_live_engine *drained_engine_make(const drain_work *work) {
    batching_live_engine *engine = engine_make(work->config);
    require_ok(batching_live_engine_submit(engine, work->requests, NULL), "batching_live_engine_submit");
    if (work->advances) {
        require_ok(batching_live_engine_advance(engine, INFINITY, 0), "batching_live_engine_advance");
    }
    return engine;
}

static void drain_run(void *context) {
    require_ok(batching_live_engine_destroy(drained_engine_make(context)), "batching_live_engine_destroy");
}

static void drain_print(int64_t count, int caches) {
    compared_run run;
    compared_run_set(&run, count, caches);
    drain_work drained = {&run.config, &run.requests, 1};
    drain_work submitted = {&run.config, &run.requests, 0};
    const measurement_pair whole =
        measure_in_turn(engine_work_run, &run.at_once, drain_run, &drained, steady_repetitions, count);
    const measurement submit = measure(drain_run, &submitted, steady_repetitions, count);

    double *end_time = touched_memory((size_t)count * sizeof(double));
    batching_live_engine *engine = drained_engine_make(&drained);
    events_take(engine, end_time);
    require_ok(batching_live_engine_destroy(engine), "batching_live_engine_destroy");
    ends_require(&run, end_time);
    const double advance = whole.second.median - submit.median;
    const double ratio = advance / whole.first.median;
    printf("%-14s %10.1f /%7.1f %10.1f /%7.1f %10.1f /%7.1f %8.2f\n", caches ? "prefix caching" : "none", submit.best,
           submit.median, whole.second.best - submit.best, advance, whole.first.best, whole.first.median, ratio);
    report_target(ratio <= TARGET_DRAIN_RATIO, "advanced to infinity%s: %.2f times batching_simulate, at most %.1f",
                  caches ? ", prefix caching" : "", ratio, TARGET_DRAIN_RATIO);
    free(end_time);
    compared_run_free(&run);
}

/** A router: each request is submitted, the clock moved to its arrival, and the events taken; then, or not, it is asked
 *  what the next one would meet here. */
typedef struct router_work {
    int64_t count;
    int caches;
    int asks;
    int64_t running;
} router_work;

static void router_run(void *context) {
    router_work *work = context;
    const batching_engine_config config = live_config(work->caches);
    live_work asked = {.engine = engine_make(&config)};
    one_request one;
    int64_t running = 0;
    for (int64_t i = 0; i < work->count; i++) {
        one_request_set(&one, i, router_output, (double)i / ARRIVAL_RATE);
        require_ok(batching_live_engine_submit(asked.engine, &one.requests, NULL), "batching_live_engine_submit");
        require_ok(batching_live_engine_advance(asked.engine, one.arrival_time, 0), "batching_live_engine_advance");
        events_take(asked.engine, NULL);
        if (work->asks) {
            one_request_set(&asked.question, i + 1, estimated_output, one.arrival_time);
            estimate_ask(&asked);
        } else if (i % 100 == 99) {
            running += engine_observe(asked.engine).running;
        }
    }
    work->running = running / (work->count / 100);
    require_ok(batching_live_engine_destroy(asked.engine), "batching_live_engine_destroy");
}

static void router_print(int64_t count, int caches) {
    router_work silent = {count, caches, 0, 0};
    router_work asking = {count, caches, 1, 0};
    const measurement_pair measured =
        measure_in_turn(router_run, &silent, router_run, &asking, steady_repetitions, count);
    const double best = (measured.second.best - measured.first.best) / 1e3;
    const double median = (measured.second.median - measured.first.median) / 1e3;
    printf("%-14s %8s %8.1f /%6.1f\n", caches ? "prefix caching" : "none", grouped(silent.running), best, median);
    report_target(median <= TARGET_ESTIMATE_MICROSECONDS, "estimate after each request%s: %.1f us, at most %.0f",
                  caches ? ", prefix caching" : "", median, TARGET_ESTIMATE_MICROSECONDS);
}

/** Requests go through an engine for as long as it takes: what is allocated must not depend on how many there were. */
static void memory_print(const char *name, batching_engine_config config, int64_t count) {
    const int64_t before = allocated_bytes();
    batching_live_engine *engine = engine_make(&config);
    one_request one;
    int64_t after_first = 0;
    const int64_t first = count / 10 < memory_first ? count / 10 : memory_first;
    for (int64_t i = 0; i < count; i++) {
        /* Lengths that come again after 97 requests, so that the most in flight do so, too. */
        one_request_set(&one, i, (int32_t)(64 + i * 31 % 97), (double)i / ARRIVAL_RATE);
        require_ok(batching_live_engine_submit(engine, &one.requests, NULL), "batching_live_engine_submit");
        require_ok(batching_live_engine_advance(engine, one.arrival_time, 0), "batching_live_engine_advance");
        events_take(engine, NULL);
        if (i + 1 == first) {
            after_first = allocated_bytes() - before;
        }
    }
    const int64_t after_all = allocated_bytes() - before;
    require_ok(batching_live_engine_destroy(engine), "batching_live_engine_destroy");
    report_target(after_all == after_first, "%s: %s bytes after %s requests, %s after %s (target: the same)", name,
                  grouped(after_first), grouped(first), grouped(after_all), grouped(count));
    if (allocated_bytes() != before) {
        fprintf(stderr, "bench: WRONG: %s bytes are left when an engine is gone\n",
                grouped(allocated_bytes() - before));
        exit(1);
    }
}

void live_section(int64_t count) {
    report_heading("Live engine: microseconds a call, best / median of %d x %d; an estimate of %d output tokens",
                   repetitions, calls, estimated_output);
    printf("running  caching               estimate   fork and destroy          observe\n");
    for (int caches = 0; caches <= 1; caches++) {
        questions_print(64, caches);
        questions_print(256, caches);
    }
    report_heading("Live engine, an estimate of %d output tokens after each of %s requests, 512 + %d tokens, 20/s: "
                   "microseconds it adds, best / median of %d",
                   estimated_output, grouped(count / 100), router_output, steady_repetitions);
    printf("caching         running         estimate\n");
    router_print(count / 100, 0);
    router_print(count / 100, 1);
    report_heading("Live engine, %s requests one by one, 512 + 128 tokens, 20/s: nanoseconds a request, best / median "
                   "of %d",
                   grouped(count / 10), steady_repetitions);
    printf("caching        submit, advance, poll  batching_simulate    ratio\n");
    steady_print(count / 10, 0);
    steady_print(count / 10, 1);
    report_heading("Live engine, %s requests at once, advanced to infinity: nanoseconds a request, best / median of %d",
                   grouped(count / 10), steady_repetitions);
    printf("caching          create and submit             advance  batching_simulate    ratio\n");
    drain_print(count / 10, 0);
    drain_print(count / 10, 1);
    printf("\n");
    memory_print("live engine", live_config(0), 10 * count);
    batching_engine_config asynchronous = live_config(0);
    asynchronous.async_scheduling = 1;
    memory_print("asynchronous", asynchronous, count);
    memory_print("prefix caching", live_config(1), count);
}
