/*
 * A gateway that watches its own traffic, and adds a replica when too few requests meet their objective.
 *
 *     cc gateway.c -o gateway $(pkg-config --cflags --libs batching)
 *
 * A request arrives every half second, and gets five tokens, 1/16 s apart. From 25 s on the server is overloaded, and
 * the first token takes 0.75 s instead of 0.25 s. Two workers share the requests; each tells its accumulator what
 * happens. Every ten seconds the gateway merges the two, and looks at the last ten seconds.
 *
 * gateway.expected: at 10 s the window goes back to 1 s, and 19 requests ended in it, at 1.0, 1.5, ... and 10.0 s; as
 * many at 20 s. At 30 s it holds nine good ones, which ended at 21.0, 21.5, ... and 25.0 s, and nine bad ones, at 26.0
 * to 30.0 s. Those of 29.5 and 30.0 s are still under way. At 40 s it holds 19 good ones, 31.0 to 40.0 s, and the last
 * bad one, which had arrived at 30.0 s.
 */
#include <stdio.h>
#include <stdlib.h>

#include <batching.h>

enum { WORKERS = 2, REQUESTS = 80, TICKS_PER_SECOND = 16, TOKENS = 5 };

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

/* Looks back 10 s, in slots of 1 s. */
static batching_accumulator *new_accumulator(void) {
    batching_accumulator_config config;
    check(batching_accumulator_config_init(&config, sizeof config));
    config.window = 10.0;
    config.slot_count = 10;
    config.slo_ttft = 0.5;
    batching_accumulator *accumulator;
    check(batching_accumulator_create(&config, &accumulator));
    return accumulator;
}

/* What happens to a request in this tick, if anything. first_token: ticks after its arrival. */
static void tell(batching_accumulator *worker, int64_t request, double now, int age, int first_token) {
    if (age == 0) {
        check(batching_accumulator_arrived(worker, request, now, 100));
    }
    if (age >= first_token && age < first_token + TOKENS) {
        check(batching_accumulator_tokens(worker, request, now, 1));
    }
    if (age == first_token + TOKENS - 1) {
        check(batching_accumulator_finished(worker, request, now, BATCHING_FINISHED_STOP));
    }
}

/* The share of the requests that met their objective, as all workers saw them. */
static double attainment(batching_accumulator *const workers[WORKERS], double now) {
    batching_accumulator *all = new_accumulator();
    for (int worker = 0; worker < WORKERS; worker++) {
        check(batching_accumulator_merge(all, workers[worker]));
    }
    check(batching_accumulator_advance(all, now));

    batching_distribution ttft;
    check(batching_distribution_init(&ttft, sizeof ttft));
    batching_serving_metrics metrics;
    check(batching_serving_metrics_init(&metrics, sizeof metrics));
    metrics.ttft = &ttft;
    check(batching_accumulator_measure(all, BATCHING_ACCUMULATOR_WINDOW, NULL, &metrics));
    batching_accumulator_state state;
    check(batching_accumulator_state_init(&state, sizeof state));
    check(batching_accumulator_observe(all, &state));
    check(batching_accumulator_destroy(all));

    printf("%2.0f s: %d requests, median TTFT %.2f s, %.0f %% good, %d in flight\n", now, (int)metrics.completed,
           ttft.median, 100.0 * metrics.slo_attainment, (int)(state.running + state.waiting));
    return metrics.slo_attainment;
}

int main(void) {
    batching_accumulator *const workers[WORKERS] = {new_accumulator(), new_accumulator()};
    int first_token[REQUESTS];
    int replicas = 1;

    for (int tick = 0; tick <= 40 * TICKS_PER_SECOND; tick++) {
        const double now = (double)tick / TICKS_PER_SECOND;
        for (int request = 0; request < REQUESTS; request++) {
            const int age = tick - request * TICKS_PER_SECOND / 2;
            if (age == 0) {
                first_token[request] = now >= 25.0 && replicas == 1 ? 12 : 4;
            }
            if (age >= 0) {
                tell(workers[request % WORKERS], request, now, age, first_token[request]);
            }
        }
        if (tick > 0 && tick % (10 * TICKS_PER_SECOND) == 0 && attainment(workers, now) < 0.9) {
            replicas++;
            printf("      too few: now there are %d replicas\n", replicas);
        }
    }

    for (int worker = 0; worker < WORKERS; worker++) {
        check(batching_accumulator_destroy(workers[worker]));
    }
    return EXIT_SUCCESS;
}
