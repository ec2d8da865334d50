/*
 * No allocation that fails ends the process: the call returns BATCHING_ERROR_OUT_OF_MEMORY, writes nothing, leaves its
 * handles as they were, and made once more it does what it would have done. For each row of calls, and there is a row
 * for every function, each allocation of the call fails in turn, in a child process. What is made at the first use is
 * made anew in each child. The exceptions are those of the header.
 *
 *     failing_allocations FUNCTIONS   FUNCTIONS: a file with the names of all functions, one a line
 */
#include "failing_allocations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ALLOCATIONS = 5000, SECONDS = 60, UNTOUCHED = 0xA5 };

/* --- The allocator, which fails when it is told to
 * ------------------------------------------------------------------*/

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* How many allocations succeed before one fails; negative: all succeed. */
static _Thread_local int64_t until_failure = -1;

static bool fails(void) {
    return until_failure >= 0 && until_failure-- == 0;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size) {
    return fails() ? NULL : __libc_realloc(pointer, size);
}

void *memalign(size_t alignment, size_t size) {
    return fails() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    void *memory = memalign(alignment, size);
    if (memory == NULL) {
        return ENOMEM;
    }
    *pointer = memory;
    return 0;
}

/* --- One call ------------------------------------------------------------------------------------------------------*/

struct outputs outputs;
batching_live_engine *engine;
batching_accumulator *accumulator, *other;
batching_live_calibration *calibration;
batching_router *router;
batching_autoscaler *autoscaler;
batching_fleet *fleet;

void must(batching_status status) {
    if (status != BATCHING_OK) {
        printf("a preparation failed: %s: %s\n", batching_status_name(status), batching_last_error());
        fflush(stdout);
        _exit(EXIT_FAILURE);
    }
}

static void reset_outputs(const struct choice *choice) {
    memset(&outputs, UNTOUCHED, sizeof outputs);
    for (int i = 0; i < 8; i++) {
        must(batching_distribution_init(&outputs.distributions[i], sizeof outputs.distributions[i]));
        outputs.distributions[i].percentiles = outputs.percentiles[i];
        outputs.distributions[i].mean = -7;
    }
    must(batching_summary_init(&outputs.summary, sizeof outputs.summary));
    must(batching_serving_metrics_init(&outputs.metrics, sizeof outputs.metrics));
    must(batching_batch_metrics_init(&outputs.batch_metrics, sizeof outputs.batch_metrics));
    must(batching_comparison_init(&outputs.comparison, sizeof outputs.comparison));
    must(batching_load_init(&outputs.load, sizeof outputs.load));
    must(batching_load_timeline_init(&outputs.timeline, sizeof outputs.timeline));
    must(batching_iteration_log_init(&outputs.iteration_log, sizeof outputs.iteration_log));
    must(batching_decision_log_init(&outputs.decision_log, sizeof outputs.decision_log));
    must(batching_accumulator_state_init(&outputs.accumulator_state, sizeof outputs.accumulator_state));
    must(batching_live_engine_state_init(&outputs.engine_state, sizeof outputs.engine_state));
    must(batching_live_engine_events_init(&outputs.events, sizeof outputs.events));
    must(batching_live_calibration_state_init(&outputs.calibration_state, sizeof outputs.calibration_state));
    must(batching_live_calibration_log_init(&outputs.log, sizeof outputs.log));
    must(batching_calibration_init(&outputs.found, sizeof outputs.found));
    /* What no call writes, so that a write of zeros is seen, too. */
    outputs.summary.iterations = outputs.metrics.completed = outputs.batch_metrics.total_tokens = -7;
    outputs.comparison.static_throughput = outputs.load.peak_running = -7;
    outputs.timeline.count = outputs.iteration_log.count = outputs.decision_log.count = -7;
    outputs.accumulator_state.arrived = outputs.engine_state.submitted = outputs.events.count = -7;
    outputs.calibration_state.finished = outputs.log.count = outputs.found.simulations = -7;
    outputs.metrics.ttft = &outputs.distributions[0];
    outputs.metrics.tpot = &outputs.distributions[1];
    outputs.metrics.itl = &outputs.distributions[2];
    outputs.metrics.e2e = &outputs.distributions[3];
    outputs.metrics.queue_time = &outputs.distributions[4];
    outputs.metrics.normalized_latency = &outputs.distributions[5];
    outputs.metrics.client_queue_time = &outputs.distributions[6];
    outputs.metrics.e2e_including_client_queue = &outputs.distributions[7];
    outputs.timeline.capacity = outputs.iteration_log.capacity = outputs.events.capacity = ROWS;
    outputs.timeline.time = outputs.iteration_log.time = outputs.events.time = outputs.seconds[12];
    outputs.timeline.running = outputs.iteration_log.duration = outputs.seconds[13];
    outputs.iteration_log.running = outputs.events.request = outputs.numbers[8];
    outputs.events.event = outputs.small[4];
    outputs.timeline.bins = choice->kind;
    set_log_callbacks();
    outputs.decision_log.include_queues = 1;
    /* Few, so that they are flushed often. */
    outputs.decision_log.capacity = 64;
    outputs.decision_log.iteration = outputs.numbers[9];
    outputs.decision_log.request = outputs.numbers[10];
    outputs.decision_log.event = outputs.small[5];
    outputs.decision_log.tokens = outputs.small[6];
}

/* What handles hold, as bytes. */
struct state {
    int64_t size[5];
    uint64_t checksum[7];
    uint64_t told_by_routers[2];
    uint64_t told_by_fleets[2];
};

static uint8_t *scratch;
static int64_t scratch_size;

static void sum_up(struct state *state, int place, batching_live_engine *saved, batching_accumulator *traffic) {
    int64_t needed = 0;
    state->size[place] = -1;
    state->checksum[place] = 0;
    if (saved == NULL && traffic == NULL) {
        return;
    }
    must(saved != NULL ? batching_live_engine_save(saved, NULL, 0, &needed)
                       : batching_accumulator_save(traffic, NULL, 0, &needed));
    if (needed > scratch_size) {
        scratch = realloc(scratch, (size_t)needed);
        scratch_size = needed;
    }
    must(saved != NULL ? batching_live_engine_save(saved, scratch, needed, NULL)
                       : batching_accumulator_save(traffic, scratch, needed, NULL));
    uint64_t checksum = 14695981039346656037u;
    for (int64_t i = 0; i < needed; i++) {
        checksum = (checksum ^ scratch[i]) * 1099511628211u;
    }
    state->size[place] = needed;
    state->checksum[place] = checksum;
}

static struct state state_of_handles(bool made) {
    struct state state;
    sum_up(&state, 0, engine, NULL);
    sum_up(&state, 1, NULL, accumulator);
    sum_up(&state, 2, NULL, other);
    static uint8_t untouched[sizeof(void *)];
    memset(untouched, UNTOUCHED, sizeof untouched);
    bool has_engine = made && memcmp(&outputs.engine, untouched, sizeof untouched) != 0;
    bool has_accumulator = made && memcmp(&outputs.accumulator, untouched, sizeof untouched) != 0;
    sum_up(&state, 3, has_engine ? outputs.engine : NULL, NULL);
    bool has_router = made && memcmp(&outputs.router, untouched, sizeof untouched) != 0;
    sum_up(&state, 4, NULL, has_accumulator ? outputs.accumulator : NULL);
    bool has_calibration = made && memcmp(&outputs.calibration, untouched, sizeof untouched) != 0;
    state.checksum[5] = calibration != NULL ? sum_of_calibration(calibration) : 0;
    state.checksum[6] = has_calibration ? sum_of_calibration(outputs.calibration) : 0;
    state.told_by_routers[0] = told_by_router(router);
    state.told_by_routers[1] = told_by_router(has_router ? outputs.router : NULL);
    bool has_fleet = made && memcmp(&outputs.fleet, untouched, sizeof untouched) != 0;
    state.told_by_fleets[0] = told_by_fleet(fleet);
    state.told_by_fleets[1] = told_by_fleet(has_fleet ? outputs.fleet : NULL);
    return state;
}

/* What a call gives that has all the memory it wants, from one process to the others. */
struct expected {
    struct outputs outputs;
    struct state before, after;
};
static struct expected *expected;
static struct outputs untouched;

static void make(const struct row *row) {
    if (row->prepare != NULL) {
        row->prepare(&row->choice);
    }
    reset_outputs(&row->choice);
    untouched = outputs;
}

static void take_outputs(struct outputs *taken) {
    *taken = outputs;
    taken->engine = NULL;
    taken->accumulator = NULL;
    taken->calibration = NULL;
    taken->router = NULL;
    taken->autoscaler = NULL;
    taken->fleet = NULL;
}

static bool tells_logs(const struct row *row) {
    return strcmp(row->function, "batching_live_engine_advance_logged") == 0;
}

static bool advances_fleet(const struct row *row) {
    return strcmp(row->function, "batching_fleet_advance") == 0 || strcmp(row->function, "batching_fleet_abort") == 0;
}

/* A run that fails on its way may have written columns; an engine that does is of no more use. */
static bool writes_columns(const struct row *row) {
    return strcmp(row->function, "batching_simulate") == 0 || strcmp(row->function, "batching_fleet_simulate") == 0 ||
           tells_logs(row);
}

static bool wears_out(const struct row *row) {
    return strcmp(row->function, "batching_live_engine_advance") == 0 || tells_logs(row);
}

enum { PASSES, FAILS, HAS_NO_MORE_ALLOCATIONS };

static int call_undisturbed(const struct row *row) {
    make(row);
    expected->before = state_of_handles(false);
    must(row->call(&row->choice));
    expected->after = state_of_handles(true);
    take_outputs(&expected->outputs);
    return PASSES;
}

static int complain(const char *what) {
    printf("%s; the last error: %s\n", what, batching_last_error());
    return FAILS;
}

/* It can only be observed, polled and destroyed. */
static int check_worn_out(void) {
    batching_live_engine *copy = NULL;
    int64_t needed = -7;
    if (batching_live_engine_observe(engine, &outputs.engine_state) != BATCHING_OK ||
        batching_live_engine_poll(engine, &outputs.events) != BATCHING_OK) {
        return complain("an engine that has failed cannot be observed and polled");
    }
    if (batching_live_engine_advance(engine, 1e6, 0) != BATCHING_ERROR_OUT_OF_MEMORY ||
        batching_live_engine_fork(engine, &copy) != BATCHING_ERROR_OUT_OF_MEMORY || copy != NULL ||
        batching_live_engine_abort(engine, 0) != BATCHING_ERROR_OUT_OF_MEMORY ||
        batching_live_engine_set_output_length(engine, 0, 1) != BATCHING_ERROR_OUT_OF_MEMORY ||
        batching_live_engine_save(engine, NULL, 0, &needed) != BATCHING_ERROR_OUT_OF_MEMORY || needed != -7) {
        return complain("an engine that has failed does not say so");
    }
    must(batching_live_engine_destroy(engine));
    return PASSES;
}

static int call_with_failure(const struct row *row, int64_t allocation) {
    make(row);
    until_failure = allocation;
    batching_status status = row->call(&row->choice);
    bool failed = until_failure < 0;
    until_failure = -1;
    if (!failed) {
        return status == BATCHING_OK ? HAS_NO_MORE_ALLOCATIONS : complain("a call that has its memory fails");
    }
    if (status != BATCHING_ERROR_OUT_OF_MEMORY) {
        return complain(batching_status_name(status));
    }
    if (strstr(batching_last_error(), "memory") == NULL) {
        return complain("the sentence does not speak of memory");
    }
    if (tells_logs(row)) {
        /* What they were given they have counted. */
        if (outputs.iteration_log.count < 0 || outputs.decision_log.count < 0) {
            return complain("a log was not counted");
        }
        outputs.iteration_log.count = untouched.iteration_log.count;
        outputs.decision_log.count = untouched.decision_log.count;
    }
    size_t first = writes_columns(row) ? offsetof(struct outputs, bytes) : 0;
    if (memcmp((char *)&outputs + first, (char *)&untouched + first, sizeof outputs - first) != 0) {
        return complain("an output was written");
    }
    if (advances_fleet(row)) {
        return is_fleet_worn_out() ? PASSES : complain("a fleet that has failed does not say so");
    }
    if (wears_out(row)) {
        return check_worn_out();
    }
    struct state before = state_of_handles(false);
    if (memcmp(&before, &expected->before, sizeof before) != 0) {
        return complain("a handle was changed");
    }
    must(row->call(&row->choice));
    struct state after = state_of_handles(true);
    if (memcmp(&after, &expected->after, sizeof after) != 0) {
        return complain("the same call then leaves handles otherwise");
    }
    static struct outputs then;
    take_outputs(&then);
    if (memcmp(&then, &expected->outputs, sizeof then) != 0) {
        return complain("the same call then writes something else");
    }
    return PASSES;
}

/* --- All calls -----------------------------------------------------------------------------------------------------*/

static int in_child(const struct row *row, int64_t allocation) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        /* What the Swift runtime says of an abort is no help. */
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(FAILS);
        }
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)4 << 30, (rlim_t)4 << 30});
        alarm(SECONDS);
        int result = allocation < 0 ? call_undisturbed(row) : call_with_failure(row, allocation);
        fflush(stdout);
        _exit(result);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("child process");
        return FAILS;
    }
    if (WIFSIGNALED(status)) {
        printf("ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
        return FAILS;
    }
    return WEXITSTATUS(status);
}

static int calls, allocations, failures;

static void try_row(const struct row *row) {
    calls++;
    if (in_child(row, -1) != PASSES) {
        printf("FAILED: %s (%s)\n", row->function, row->what);
        failures++;
        return;
    }
    for (int64_t allocation = 0; allocation <= MOST_ALLOCATIONS; allocation++) {
        int result = allocation < MOST_ALLOCATIONS ? in_child(row, allocation) : FAILS;
        if (result == HAS_NO_MORE_ALLOCATIONS) {
            return;
        }
        allocations++;
        if (result != PASSES) {
            printf("FAILED: %s (%s), allocation %lld\n", row->function, row->what, (long long)allocation);
            failures++;
        }
    }
}

static const struct table *const TABLES[] = {
    &SIMULATION_CALLS, &METRIC_CALLS,     &ACCUMULATOR_CALLS, &LIVE_ENGINE_CALLS, &LIVE_CALIBRATION_CALLS,
    &ROUTER_CALLS,     &AUTOSCALER_CALLS, &FLEET_CALLS,       &OTHER_CALLS};
enum { TABLE_COUNT = sizeof TABLES / sizeof *TABLES };

static bool has_row(const char *function) {
    for (int i = 0; i < TABLE_COUNT; i++) {
        for (size_t j = 0; j < TABLES[i]->count; j++) {
            if (strcmp(TABLES[i]->rows[j].function, function) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void check_functions(const char *path) {
    FILE *names = fopen(path, "r");
    char name[256];
    int count = 0;
    while (names != NULL && fscanf(names, "%255s", name) == 1) {
        count++;
        if (!has_row(name)) {
            printf("FAILED: %s has no row\n", name);
            failures++;
        }
    }
    if (count == 0) {
        printf("FAILED: %s names no function\n", path);
        failures++;
    }
    if (names != NULL) {
        fclose(names);
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) {
        fprintf(stderr, "usage: %s FUNCTIONS\n", arguments[0]);
        return EXIT_FAILURE;
    }
    check_functions(arguments[1]);
    expected = mmap(NULL, sizeof *expected, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (expected == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    for (int i = 0; i < TABLE_COUNT; i++) {
        for (size_t j = 0; j < TABLES[i]->count; j++) {
            try_row(&TABLES[i]->rows[j]);
        }
    }
    printf("failing allocations: %d calls, %d allocations, failures: %d\n", calls, allocations, failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
