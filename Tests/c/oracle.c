#include "oracle.h"

#include <math.h>
#include <stdbool.h>

enum { NOBODY = -1 };

/* The request that arrived first of those not yet taken; of two at the same time, the one given first. */
static int next_in_order(int count, const int64_t *arrival, const bool *taken) {
    int next = NOBODY;
    for (int index = 0; index < count; index++) {
        if (!taken[index] && (next == NOBODY || arrival[index] < arrival[next])) {
            next = index;
        }
    }
    return next;
}

void oracle_static(int count, const int32_t *output_length, const int64_t *arrival, int batch_size, int64_t step,
                   struct oracle_run *run) {
    *run = (struct oracle_run){0};
    bool taken[ORACLE_CAPACITY] = {false};
    int64_t engine_is_free = 0;
    for (int completed = 0; completed < count;) {
        int64_t batch[ORACLE_CAPACITY];
        int members = 0;
        int64_t start = engine_is_free;
        int32_t iterations = 0;
        while (members < batch_size && completed + members < count) {
            int index = next_in_order(count, arrival, taken);
            taken[index] = true;
            batch[members++] = index;
            start = arrival[index] > start ? arrival[index] : start;
            iterations = output_length[index] > iterations ? output_length[index] : iterations;
        }
        engine_is_free = start;
        for (int32_t iteration = 0; iteration < iterations; iteration++) {
            engine_is_free += step;
        }
        for (int member = 0; member < members; member++) {
            int64_t index = batch[member];
            run->start[index] = start;
            run->first_token[index] = start + step;
            run->end[index] = engine_is_free;
            run->completion_order[completed++] = index;
            run->total_tokens += output_length[index];
        }
        run->iterations += iterations;
    }
    run->total_time = engine_is_free;
}

void oracle_continuous(int count, const int32_t *output_length, const int64_t *arrival, int max_batch_size,
                       int64_t step, struct oracle_run *run) {
    *run = (struct oracle_run){0};
    bool taken[ORACLE_CAPACITY] = {false};
    int running[ORACLE_CAPACITY];
    int32_t generated[ORACLE_CAPACITY] = {0};
    int slots_used = 0;
    int completed = 0;
    int64_t now = 0;
    while (completed < count) {
        int waiting = next_in_order(count, arrival, taken);
        if (slots_used == 0 && arrival[waiting] > now) {
            now = arrival[waiting];
        }
        while (waiting != NOBODY && arrival[waiting] <= now && slots_used < max_batch_size) {
            taken[waiting] = true;
            running[slots_used++] = waiting;
            run->start[waiting] = now;
            waiting = next_in_order(count, arrival, taken);
        }
        now += step;
        run->iterations++;
        /* Those that run stay in the order in which they were admitted. */
        int still_running = 0;
        for (int slot = 0; slot < slots_used; slot++) {
            int index = running[slot];
            generated[index]++;
            run->total_tokens++;
            if (generated[index] == 1) {
                run->first_token[index] = now;
            }
            if (generated[index] == output_length[index]) {
                run->end[index] = now;
                run->completion_order[completed++] = index;
            } else {
                running[still_running++] = index;
            }
        }
        slots_used = still_running;
    }
    run->total_time = now;
}

static double percentile(int count, const int64_t *sorted, double share) {
    double rank = share * (count - 1);
    int below = (int)floor(rank);
    int above = below + 1 < count ? below + 1 : below;
    return ((double)sorted[below] + (rank - below) * (double)(sorted[above] - sorted[below])) / 1e9;
}

/* How much of [0, total_time] lies in any of the intervals: the ends of all of them cut it into pieces. */
static int64_t covered(int count, const struct oracle_run *run, int64_t total_time) {
    int64_t cuts[2 * ORACLE_CAPACITY + 1];
    int cut_count = 0;
    cuts[cut_count++] = total_time;
    for (int index = 0; index < count; index++) {
        cuts[cut_count++] = run->start[index];
        cuts[cut_count++] = run->end[index];
    }
    int64_t sum = 0;
    for (int64_t from = 0; from < total_time;) {
        int64_t to = total_time;
        bool is_covered = false;
        for (int cut = 0; cut < cut_count; cut++) {
            to = cuts[cut] > from && cuts[cut] < to ? cuts[cut] : to;
        }
        for (int index = 0; index < count; index++) {
            is_covered = is_covered || (run->start[index] <= from && to <= run->end[index]);
        }
        sum += is_covered ? to - from : 0;
        from = to;
    }
    return sum;
}

void oracle_metrics(int count, const int64_t *arrival, const struct oracle_run *run, int64_t total_time,
                    struct oracle_metrics *metrics) {
    int64_t sorted[ORACLE_CAPACITY] = {0};
    double latency = 0.0, queue_time = 0.0, time_to_first_token = 0.0;
    for (int index = 0; index < count; index++) {
        latency += (double)(run->end[index] - arrival[index]) / 1e9;
        queue_time += (double)(run->start[index] - arrival[index]) / 1e9;
        time_to_first_token += (double)(run->first_token[index] - arrival[index]) / 1e9;
        int at = index;
        for (; at > 0 && sorted[at - 1] > run->end[index] - arrival[index]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = run->end[index] - arrival[index];
    }
    metrics->avg_latency = latency / count;
    metrics->p50_latency = percentile(count, sorted, 0.50);
    metrics->p95_latency = percentile(count, sorted, 0.95);
    metrics->p99_latency = percentile(count, sorted, 0.99);
    metrics->avg_queue_time = queue_time / count;
    metrics->avg_time_to_first_token = time_to_first_token / count;
    metrics->gpu_utilization = (double)covered(count, run, total_time) / (double)total_time;
}
