/* Section: events a second of the accumulator, one call an event and many events a call. */
#include "allocations.h"
#include "columns.h"
#include "measure.h"
#include "report.h"
#include "sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    repetitions = 5,
    in_flight = 256,
    tokens_per_request = 128,
    events_per_request = tokens_per_request + 3,
    events_per_call = 4096,
};

#define TARGET_EVENTS_PER_SECOND 20e6

/** Events of requests of which `in_flight` run at a time, each with a token every 20 ms or so. */
typedef struct event_columns {
    int64_t count;
    int32_t *event;
    int64_t *request;
    double *time;
    int32_t *value;
} event_columns;

static event_columns events_make(int64_t count) {
    const event_columns events = {
        .count = count,
        .event = calloc((size_t)count, sizeof(int32_t)),
        .request = calloc((size_t)count, sizeof(int64_t)),
        .time = calloc((size_t)count, sizeof(double)),
        .value = calloc((size_t)count, sizeof(int32_t)),
    };
    if (events.event == NULL || events.request == NULL || events.time == NULL || events.value == NULL) {
        fprintf(stderr, "bench: not enough memory for %s events\n", grouped(count));
        exit(1);
    }
    /* Those of slot s have s % 64 tokens fewer, so that some arrive and finish at all times. */
    int64_t steps[in_flight], requests[in_flight];
    for (int s = 0; s < in_flight; s++) {
        steps[s] = 0;
        requests[s] = s;
    }
    uint64_t state = 42;
    for (int64_t i = 0; i < count; i++) {
        const int s = (int)(i % in_flight);
        const int64_t iteration = i / in_flight;
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        events.request[i] = requests[s];
        events.time[i] = (double)iteration * 0.02 + (double)s * 1e-6 + (double)(state >> 44) * 1e-9;
        events.value[i] = 1;
        if (steps[s] == 0) {
            events.event[i] = BATCHING_ACCUMULATOR_ARRIVED;
            events.value[i] = 500;
        } else if (steps[s] == 1) {
            events.event[i] = BATCHING_ACCUMULATOR_STARTED;
            events.value[i] = 0;
        } else if (steps[s] == events_per_request - 1 - s % 64) {
            events.event[i] = BATCHING_ACCUMULATOR_FINISHED;
            events.value[i] = BATCHING_FINISHED_STOP;
        } else {
            events.event[i] = BATCHING_ACCUMULATOR_TOKENS;
        }
        steps[s]++;
        if (events.event[i] == BATCHING_ACCUMULATOR_FINISHED) {
            steps[s] = 0;
            requests[s] += in_flight;
        }
    }
    return events;
}

static void events_free(event_columns events) {
    free(events.event);
    free(events.request);
    free(events.time);
    free(events.value);
}

typedef struct accumulator_work {
    event_columns events;
    batching_accumulator *accumulator;
} accumulator_work;

static void accumulator_renew(accumulator_work *work) {
    require_ok(batching_accumulator_destroy(work->accumulator), "batching_accumulator_destroy");
    require_ok(batching_accumulator_create(NULL, &work->accumulator), "batching_accumulator_create");
}

static batching_status event_tell(batching_accumulator *accumulator, const event_columns *events, int64_t i) {
    const int64_t request = events->request[i];
    const double time = events->time[i];
    const int32_t value = events->value[i];
    switch (events->event[i]) {
    case BATCHING_ACCUMULATOR_ARRIVED:
        return batching_accumulator_arrived(accumulator, request, time, value);
    case BATCHING_ACCUMULATOR_STARTED:
        return batching_accumulator_started(accumulator, request, time);
    case BATCHING_ACCUMULATOR_TOKENS:
        return batching_accumulator_tokens(accumulator, request, time, value);
    default:
        return batching_accumulator_finished(accumulator, request, time, value);
    }
}

static void one_by_one_run(void *context) {
    accumulator_work *work = context;
    accumulator_renew(work);
    for (int64_t i = 0; i < work->events.count; i++) {
        require_ok(event_tell(work->accumulator, &work->events, i), "an event");
    }
}

static void in_columns_run(void *context) {
    accumulator_work *work = context;
    accumulator_renew(work);
    batching_accumulator_events given;
    require_ok(batching_accumulator_events_init(&given, sizeof given), "batching_accumulator_events_init");
    for (int64_t begin = 0; begin < work->events.count; begin += events_per_call) {
        const int64_t left = work->events.count - begin;
        given.count = left < events_per_call ? left : events_per_call;
        given.event = work->events.event + begin;
        given.request = work->events.request + begin;
        given.time = work->events.time + begin;
        given.value = work->events.value + begin;
        require_ok(batching_accumulator_add(work->accumulator, &given, NULL), "batching_accumulator_add");
    }
}

static int64_t saved(batching_accumulator *accumulator, uint8_t **bytes) {
    int64_t size = 0;
    require_ok(batching_accumulator_save(accumulator, NULL, 0, &size), "batching_accumulator_save");
    *bytes = malloc((size_t)size);
    require_ok(batching_accumulator_save(accumulator, *bytes, size, &size), "batching_accumulator_save");
    return size;
}

void accumulator_section(int64_t count) {
    accumulator_work one_by_one = {.events = events_make(count)};
    accumulator_work in_columns = {.events = one_by_one.events};
    report_heading("Accumulator, %d requests in flight, %s events: nanoseconds an event, best / median of %d",
                   in_flight, grouped(count), repetitions);
    const measurement_pair measured =
        measure_in_turn(one_by_one_run, &one_by_one, in_columns_run, &in_columns, repetitions, count);
    printf("one call an event    %6.1f /%6.1f\n", measured.first.best, measured.first.median);
    printf("%d events a call   %6.1f /%6.1f\n", events_per_call, measured.second.best, measured.second.median);
    report_target(1e9 / measured.first.median >= TARGET_EVENTS_PER_SECOND,
                  "%.1f million events/s, one call an event (target: %.0f)", 1e3 / measured.first.median,
                  TARGET_EVENTS_PER_SECOND / 1e6);
    report_target(1e9 / measured.second.median >= TARGET_EVENTS_PER_SECOND,
                  "%.1f million events/s in columns (target: %.0f)", 1e3 / measured.second.median,
                  TARGET_EVENTS_PER_SECOND / 1e6);

    accumulator_renew(&one_by_one);
    allocations_peak_reset();
    const int64_t before = allocated_bytes();
    for (int64_t i = 0; i < count; i++) {
        require_ok(event_tell(one_by_one.accumulator, &one_by_one.events, i), "an event");
    }
    const int64_t allocated = allocations_peak() - before;
    report_target(allocated == 0, "%s bytes allocated by events (target: 0)", grouped(allocated));

    uint8_t *first, *second;
    const int64_t first_size = saved(one_by_one.accumulator, &first);
    const int64_t second_size = saved(in_columns.accumulator, &second);
    if (first_size != second_size || memcmp(first, second, (size_t)first_size) != 0) {
        fprintf(stderr, "bench: WRONG: events in columns give another accumulator than one by one\n");
        exit(1);
    }
    printf("saved: %s bytes\n", grouped(first_size));
    free(first);
    free(second);
    require_ok(batching_accumulator_destroy(one_by_one.accumulator), "batching_accumulator_destroy");
    require_ok(batching_accumulator_destroy(in_columns.accumulator), "batching_accumulator_destroy");
    events_free(one_by_one.events);
}
