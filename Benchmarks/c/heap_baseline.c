/* The two simulators of heap_baseline.h. */
#include "heap_baseline.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/**
 * Seconds to nanoseconds, ties to even. From 2^50 on, 13 days, the product of two doubles is too coarse; long double
 * tells the nearest nanosecond up to 2^23 seconds, 97 days, beyond which a double no longer tells one from the next.
 */
static inline int64_t nanoseconds(double seconds) {
    const double scaled = seconds * 1e9;
    return scaled < 0x1p50 ? llrint(scaled) : llrintl((long double)seconds * 1e9L);
}

/** Nanoseconds to the nearest double. From 2^53 on the conversion to double would round first, and the division again.
 */
static inline double seconds(int64_t nanoseconds) {
    if (nanoseconds <= INT64_C(1) << 53) {
        return (double)nanoseconds / 1e9;
    }
    return (double)(nanoseconds / 1000000000) + (double)(nanoseconds % 1000000000) / 1e9;
}

static inline int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void summarize(batching_summary *summary, int64_t total_time, int64_t total_tokens, int64_t iterations,
                      int64_t step) {
    summary->total_time = seconds(total_time);
    summary->throughput = total_tokens > 0 ? (double)total_tokens / summary->total_time : 0.0;
    summary->total_tokens = total_tokens;
    summary->iterations = iterations;
    summary->busy_time = seconds(iterations * step);
}

int plain_static_simulate(const batching_requests *requests, int64_t batch_size, double time_per_token,
                          const batching_results *results, batching_summary *summary) {
    const int64_t step = nanoseconds(time_per_token);
    int64_t now = 0;
    int64_t total_tokens = 0;
    int64_t iterations = 0;

    for (int64_t first = 0; first < requests->count;) {
        const int64_t left = requests->count - first;
        const int64_t next = first + (batch_size < left ? batch_size : left);
        int32_t longest = 0;
        for (int64_t i = first; i < next; i++) {
            const int32_t output = requests->output_length[i];
            longest = output > longest ? output : longest;
            total_tokens += output;
        }
        const int64_t start = larger(now, nanoseconds(requests->arrival_time[next - 1]));
        now = start + longest * step;
        iterations += longest;

        const double start_time = seconds(start);
        const double first_token_time = seconds(start + step);
        const double end_time = seconds(now);
        for (int64_t i = first; i < next; i++) {
            results->start_time[i] = start_time;
            results->first_token_time[i] = first_token_time;
            results->end_time[i] = end_time;
            results->tokens_generated[i] = requests->output_length[i];
            results->completion_order[i] = i;
        }
        first = next;
    }
    summarize(summary, now, total_tokens, iterations, step);
    return 0;
}

/** A running request. Ends may be equal: the request admitted first then completes first. */
typedef struct running {
    int64_t end;
    int64_t request;
} running;

/** The running requests as a binary heap: the next to complete is entries[0]. */
typedef struct running_heap {
    running *entries;
    int64_t count;
} running_heap;

static inline int completes_before(running a, running b) {
    return a.end < b.end || (a.end == b.end && a.request < b.request);
}

static inline void heap_push(running_heap *heap, running added) {
    int64_t hole = heap->count++;
    while (hole > 0) {
        const int64_t parent = (hole - 1) / 2;
        if (!completes_before(added, heap->entries[parent])) {
            break;
        }
        heap->entries[hole] = heap->entries[parent];
        hole = parent;
    }
    heap->entries[hole] = added;
}

static inline void heap_pop(running_heap *heap) {
    const running moved = heap->entries[--heap->count];
    int64_t hole = 0;
    for (;;) {
        int64_t child = 2 * hole + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && completes_before(heap->entries[child + 1], heap->entries[child])) {
            child++;
        }
        if (!completes_before(heap->entries[child], moved)) {
            break;
        }
        heap->entries[hole] = heap->entries[child];
        hole = child;
    }
    heap->entries[hole] = moved;
}

/** Lets all that have ended by `boundary` leave; returns the next free place in the completion order. */
static inline int64_t *complete_until(running_heap *heap, int64_t boundary, int64_t *completed) {
    while (heap->count > 0 && heap->entries[0].end <= boundary) {
        *completed++ = heap->entries[0].request;
        heap_pop(heap);
    }
    return completed;
}

int heap_continuous_simulate(const batching_requests *requests, int64_t max_batch_size, double time_per_token,
                             const batching_results *results, batching_summary *summary) {
    const int64_t step = nanoseconds(time_per_token);
    const int64_t slots = max_batch_size < requests->count ? max_batch_size : requests->count;
    running_heap heap = {malloc((size_t)slots * sizeof(running)), 0};
    if (heap.entries == NULL && slots > 0) {
        return -1;
    }
    int64_t *completed = results->completion_order;
    /* The engine has been busy since period_start, and will be until last_end if no request comes. */
    int64_t period_start = 0;
    int64_t last_end = 0;
    int64_t boundary = 0;
    int64_t total_tokens = 0;
    int64_t iterations = 0;

    for (int64_t i = 0; i < requests->count; i++) {
        const int64_t arrival = nanoseconds(requests->arrival_time[i]);
        if (arrival >= last_end) {
            completed = complete_until(&heap, last_end, completed);
            iterations += (last_end - period_start) / step;
            period_start = boundary = arrival;
        } else {
            if (arrival > boundary) {
                boundary = period_start + (arrival - period_start + step - 1) / step * step;
            }
            completed = complete_until(&heap, boundary, completed);
            if (heap.count == slots) {
                boundary = heap.entries[0].end;
                completed = complete_until(&heap, boundary, completed);
            }
        }
        const int32_t output = requests->output_length[i];
        const int64_t end = boundary + output * step;
        heap_push(&heap, (running){end, i});
        last_end = larger(last_end, end);
        total_tokens += output;

        results->start_time[i] = seconds(boundary);
        results->first_token_time[i] = seconds(boundary + step);
        results->end_time[i] = seconds(end);
        results->tokens_generated[i] = output;
    }
    complete_until(&heap, last_end, completed);
    iterations += (last_end - period_start) / step;
    free(heap.entries);
    summarize(summary, last_end, total_tokens, iterations, step);
    return 0;
}
