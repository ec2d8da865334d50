/* Section: how independent calls scale with the threads that make them. */
#include "columns.h"
#include "engine_workloads.h"
#include "measure.h"
#include "report.h"
#include "sections.h"
#include "work.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { repetitions = 25, threads_max = 256, plain_steps = 20, plain_chains = 6 };

/*
 * Linear: N threads do N times the work of one in the same time. A shared machine does not always give N cores, so the
 * best of many runs counts; and where a loop without memory and without the library, run in turn, gains too
 * little even at its best, the cores were not there, and nothing is said of the library.
 */
#define TARGET_EFFICIENCY 0.9
#define CORES_NEEDED      0.95

/** What one thread works on. Its columns are its own: threads share the requests, which none writes. */
typedef struct thread_work {
    void (*run)(struct thread_work *work);
    const batching_engine_config *config;
    const batching_requests *requests;
    batching_results results;
    batching_accumulator *accumulator;
    int64_t events;
    /** The number of its core. */
    int core;
    /** Where plain_run leaves its result, so that the compiler keeps the loop. */
    volatile uint64_t plain;
} thread_work;

/** Threads that do the same at the same time, each on its own. */
typedef struct team {
    int count;
    thread_work *works;
} team;

static void engine_run(thread_work *work) {
    engine_work engine = engine_work_make(work->config, work->requests, &work->results);
    engine_work_run(&engine);
}

/** Requests one after the other, of 8 tokens each. */
static void accumulator_run(thread_work *work) {
    require_ok(batching_accumulator_create(NULL, &work->accumulator), "batching_accumulator_create");
    for (int64_t i = 0; i < work->events; i++) {
        const int64_t request = i / 10;
        const double time = (double)i * 1e-3;
        const int step = (int)(i % 10);
        if (step == 0) {
            require_ok(batching_accumulator_arrived(work->accumulator, request, time, 100), "an arrival");
        } else if (step < 9) {
            require_ok(batching_accumulator_tokens(work->accumulator, request, time, 1), "a token");
        } else {
            require_ok(batching_accumulator_finished(work->accumulator, request, time, BATCHING_FINISHED_STOP),
                       "an end");
        }
    }
    require_ok(batching_accumulator_destroy(work->accumulator), "batching_accumulator_destroy");
}

/**
 * What needs nothing but its core, and needs it whole: chains that do not wait for each other, so that two hardware
 * threads of one core are no faster than one. Some 30 ns each of the events.
 */
static void plain_run(thread_work *work) {
    uint64_t state[plain_chains];
    for (int chain = 0; chain < plain_chains; chain++) {
        state[chain] = (uint64_t)work->events + (uint64_t)chain;
    }
    for (int64_t i = 0; i < work->events * plain_steps; i++) {
        for (int chain = 0; chain < plain_chains; chain++) {
            state[chain] = state[chain] * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        }
    }
    work->plain = 0;
    for (int chain = 0; chain < plain_chains; chain++) {
        work->plain += state[chain];
    }
}

/** On a core of its own: left alone, Linux moves a thread to a free core only after a while. */
static void *thread_start(void *context) {
    thread_work *work = context;
    cpu_set_t core;
    CPU_ZERO(&core);
    CPU_SET((unsigned)work->core, &core);
    pthread_setaffinity_np(pthread_self(), sizeof core, &core);
    work->run(work);
    return NULL;
}

/** Starting threads is part of what is measured: some 20 us each. */
static void team_run(void *context) {
    team *all = context;
    pthread_t threads[threads_max];
    for (int i = 0; i < all->count; i++) {
        if (pthread_create(&threads[i], NULL, thread_start, &all->works[i]) != 0) {
            fprintf(stderr, "bench: no thread\n");
            exit(1);
        }
    }
    for (int i = 0; i < all->count; i++) {
        pthread_join(threads[i], NULL);
    }
}

/** Nanoseconds of one thread, and of all, for each of what a thread does: the best so far. */
typedef struct scaling {
    double one;
    double all;
} scaling;

static void scaling_measure(scaling *best, thread_work *works, int threads, int64_t count,
                            void (*run)(struct thread_work *work)) {
    for (int i = 0; i < threads; i++) {
        works[i].run = run;
    }
    team one = {1, works}, all = {threads, works};
    const measurement_pair measured = measure_in_turn(team_run, &one, team_run, &all, 1, count);
    best->one = fmin(best->one, measured.first.best);
    best->all = fmin(best->all, measured.second.best);
}

/**
 * One line for each number of threads: 2, 4, 8, … and all cores. Returns the worst share of linear scaling; infinity if
 * nothing can be said.
 */
static double scaling_print(const char *what, thread_work *works, int cores, int64_t count,
                            void (*run)(struct thread_work *work)) {
    double worst = INFINITY;
    for (int threads = 2; threads <= cores; threads = threads < cores && threads * 2 > cores ? cores : threads * 2) {
        scaling library = {INFINITY, INFINITY}, plain = {INFINITY, INFINITY};
        for (int repetition = 0; repetition < repetitions; repetition++) {
            scaling_measure(&library, works, threads, count, run);
            scaling_measure(&plain, works, threads, count, plain_run);
        }
        const double speedup = threads * library.one / library.all;
        const double linear = threads * plain.one / plain.all;
        printf("%-12s %7d %11.1f %12.1f %8.2f %11.2f %9.0f%%\n", what, threads, library.one, library.all / threads,
               speedup, linear, 100.0 * speedup / threads);
        if (linear >= CORES_NEEDED * threads) {
            worst = fmin(worst, speedup / threads);
        }
    }
    return worst;
}

static void scaling_report(const char *what, double efficiency, int cores) {
    if (isinf(efficiency)) {
        printf("not judged   %s: this machine gave the work of fewer than %d cores\n", what, cores < 2 ? 2 : cores);
        return;
    }
    report_target(efficiency >= TARGET_EFFICIENCY, "%s: %.0f%% of linear scaling on %d cores, at least %.0f%%", what,
                  100.0 * efficiency, cores, 100.0 * TARGET_EFFICIENCY);
}

/** Every thread must have come to the same bytes. */
static void require_same_bytes(const thread_work *works, int threads, int64_t count) {
    for (int i = 1; i < threads; i++) {
        if (results_checksum(&works[i].results, count) != results_checksum(&works[0].results, count)) {
            fprintf(stderr, "bench: WRONG: thread %d gives other results than thread 0\n", i);
            exit(1);
        }
    }
}

/** The numbers of the cores that this process may use. */
static int cores_read(int core[threads_max]) {
    cpu_set_t usable;
    int count = 0;
    if (sched_getaffinity(0, sizeof usable, &usable) == 0) {
        for (int i = 0; i < CPU_SETSIZE && count < threads_max; i++) {
            if (CPU_ISSET((unsigned)i, &usable)) {
                core[count++] = i;
            }
        }
    }
    if (count == 0) {
        fprintf(stderr, "bench: the cores of this process cannot be told\n");
        exit(1);
    }
    return count;
}

void threads_section(int64_t count) {
    int core[threads_max];
    const int cores = cores_read(core);
    const batching_engine_config config = server_config();
    batching_requests requests;
    fixed_requests_generate(&requests, count, 20.0);
    thread_work *works = calloc((size_t)cores, sizeof *works);
    if (works == NULL) {
        fprintf(stderr, "bench: no memory for %d threads\n", cores);
        exit(1);
    }
    for (int i = 0; i < cores; i++) {
        works[i] = (thread_work){.config = &config, .requests = &requests, .events = count, .core = core[i]};
        results_allocate(&works[i].results, count);
    }

    report_heading("Threads, %s requests or events each: nanoseconds for one, best of %d", grouped(count), repetitions);
    printf("what         threads  one thread  all threads  speedup  plain loop  of linear\n");
    const double engine = scaling_print("engine", works, cores, count, engine_run);
    require_same_bytes(works, cores, count);
    const double accumulator = scaling_print("accumulator", works, cores, count, accumulator_run);
    printf("\n");
    scaling_report("engine", engine, cores);
    scaling_report("accumulator", accumulator, cores);
    for (int i = 0; i < cores; i++) {
        results_free(&works[i].results);
    }
    free(works);
    engine_requests_free(&requests);
}
