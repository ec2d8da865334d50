/*
 * A program may fork at any moment, and the child may use the library: also if the library was never used before, or is
 * being used for the first time by another thread, whose half-done work the child inherits without the thread.
 *
 * The process of the tests itself never calls the library before its first child does, so that each child finds it as
 * it was loaded.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

enum {
    COUNT = 300,
    SECONDS_UNTIL_IT_HANGS = 30,
    /* Children that fork while a thread makes its first calls, which take some 500 us. */
    FIRST_USES = 200,
    MICROSECONDS_OF_FIRST_USE = 600,
    THREADS = 4,
    FORKS_A_THREAD = 25,
};

static uint64_t mixed(uint64_t digest, const void *bytes, size_t size) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ byte[i]) * UINT64_C(0x100000001b3);
    }
    return digest;
}

/* Ends the process: a child cannot report a failure otherwise. */
static void require(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "processes: %s: %s\n", batching_status_name(status), batching_last_error());
        _exit(3);
    }
}

static uint64_t live_traffic_digest(void) {
    batching_accumulator *live = NULL;
    require(batching_accumulator_create(NULL, &live));
    for (int64_t request = 0; request < 20; request++) {
        require(batching_accumulator_arrived(live, request, (double)request, 100));
        require(batching_accumulator_tokens(live, request, (double)request + 0.125 * (double)(request % 5), 1));
        require(batching_accumulator_finished(live, request, (double)request + 0.75, BATCHING_FINISHED_STOP));
    }
    int64_t size = 0;
    require(batching_accumulator_save(live, NULL, 0, &size));
    unsigned char *bytes = malloc((size_t)size);
    if (bytes == NULL) {
        _exit(3);
    }
    require(batching_accumulator_save(live, bytes, size, &size));
    uint64_t digest = mixed(0, bytes, (size_t)size);
    free(bytes);
    require(batching_accumulator_destroy(live));
    return digest;
}

/* Of what the engine, the metrics and the accumulator tell of one workload. */
static uint64_t digest_of_everything(void) {
    static _Thread_local int32_t prompt_length[COUNT], output_length[COUNT];
    static _Thread_local double arrival_time[COUNT], end_time[COUNT], first_token_time[COUNT], start_time[COUNT];
    batching_workload workload;
    require(batching_workload_init(&workload, sizeof workload));
    workload.arrivals = BATCHING_ARRIVALS_GAMMA;
    require(batching_workload_generate(&workload, COUNT, prompt_length, output_length, arrival_time));

    batching_requests requests;
    require(batching_requests_init(&requests, sizeof requests));
    requests.count = COUNT;
    requests.prompt_length = prompt_length;
    requests.output_length = output_length;
    requests.arrival_time = arrival_time;
    batching_engine_config config;
    require(batching_engine_config_init(&config, sizeof config));
    config.max_num_seqs = 32;
    config.num_gpu_blocks = 400;
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = 0.005;
    config.time_per_context_token = 1e-7;
    batching_results results;
    require(batching_results_init(&results, sizeof results));
    results.capacity = COUNT;
    results.start_time = start_time;
    results.first_token_time = first_token_time;
    results.end_time = end_time;
    batching_summary summary;
    require(batching_summary_init(&summary, sizeof summary));
    require(batching_simulate(&config, &requests, &results, &summary));
    uint64_t digest = mixed(live_traffic_digest(), end_time, sizeof end_time);
    digest = mixed(digest, &summary, sizeof summary);

    batching_completed completed;
    require(batching_completed_init(&completed, sizeof completed));
    completed.count = COUNT;
    completed.arrival_time = arrival_time;
    completed.start_time = start_time;
    completed.first_token_time = first_token_time;
    completed.end_time = end_time;
    completed.tokens_generated = output_length;
    batching_batch_metrics metrics;
    require(batching_batch_metrics_init(&metrics, sizeof metrics));
    require(batching_batch_metrics_calculate(&completed, summary.total_time, &metrics));
    digest = mixed(digest, &metrics, sizeof metrics);

    /* An error, and its sentence. */
    if (batching_simulate(&config, NULL, NULL, NULL) != BATCHING_ERROR_NULL_POINTER) {
        _exit(3);
    }
    return mixed(digest, batching_last_error(), strlen(batching_last_error()));
}

/* Forks; the child is ended by a signal if it hangs. Returns 0 in it. */
static pid_t child_start(void) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(SECONDS_UNTIL_IT_HANGS);
    }
    return child;
}

/* What a child exited with; 128 + the number of the signal that ended it. */
static int child_end(pid_t child) {
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Made by a child of its own, so that this process stays one that has not used the library. */
static uint64_t expected_digest(void) {
    uint64_t *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    pid_t child = child_start();
    if (child == 0) {
        *shared = digest_of_everything();
        _exit(0);
    }
    assert_int_equal(child_end(child), 0);
    uint64_t digest = *shared;
    munmap(shared, sizeof *shared);
    return digest;
}

static void *digest_in_a_thread(void *digest) {
    *(uint64_t *)digest = digest_of_everything();
    return NULL;
}

static void wait_busily(int64_t microseconds) {
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000000 + (now.tv_nsec - begin.tv_nsec) / 1000 < microseconds);
}

/* A process that forks while its other thread uses the library for the first time: 0 if all is as expected. */
static int fork_in_first_use(uint64_t expected, int64_t microseconds) {
    uint64_t in_thread = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, digest_in_a_thread, &in_thread) != 0) {
        return 2;
    }
    wait_busily(microseconds);
    pid_t grandchild = child_start();
    if (grandchild == 0) {
        _exit(digest_of_everything() == expected ? 0 : 1);
    }
    int ended = child_end(grandchild);
    pthread_join(thread, NULL);
    return in_thread == expected ? ended : 1;
}

static void a_child_can_use_the_library_whatever_its_parent_was_at(void **state) {
    (void)state;
    const uint64_t expected = expected_digest();
    for (int round = 0; round < FIRST_USES; round++) {
        pid_t child = child_start();
        if (child == 0) {
            _exit(fork_in_first_use(expected, (int64_t)round * MICROSECONDS_OF_FIRST_USE / FIRST_USES));
        }
        assert_int_equal(child_end(child), 0);
    }
}

struct forking {
    uint64_t expected;
    _Atomic int *wrong;
};

static void *fork_and_run(void *context) {
    struct forking *forking = context;
    for (int i = 0; i < FORKS_A_THREAD; i++) {
        pid_t child = child_start();
        if (child == 0) {
            _exit(digest_of_everything() == forking->expected ? 0 : 1);
        }
        if (digest_of_everything() != forking->expected || child_end(child) != 0) {
            atomic_fetch_add(forking->wrong, 1);
        }
    }
    return NULL;
}

static void threads_can_fork_while_others_run(void **state) {
    (void)state;
    _Atomic int wrong = 0;
    struct forking forking = {expected_digest(), &wrong};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, fork_and_run, &forking), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_can_use_the_library_whatever_its_parent_was_at),
        cmocka_unit_test(threads_can_fork_while_others_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
