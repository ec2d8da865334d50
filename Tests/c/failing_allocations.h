/* What failing_allocations.c and its rows of calls share: inputs that no call changes, and outputs that one comparison
 * covers. */
#ifndef BATCHING_TESTS_FAILING_ALLOCATIONS_H
#define BATCHING_TESTS_FAILING_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batching.h"

/* More requests than the first buffers of a run hold, so that those grow on the way. */
enum { REQUESTS = 400, ROWS = 1600, PERCENTILES = 3, HASH_IDS = 6 };

/* In what the calls of a function differ. */
struct choice {
    int32_t policy;
    int32_t queue_order;
    int32_t asynchronous;
    int32_t caches_prefixes;
    /* So few KV blocks that some requests are preempted. */
    bool short_of_blocks;
    bool asks_for_time;
    bool tells_progress;
    bool logs;
    bool attributes;
    /* max_tokens and abort_time. */
    bool ends_early;
    bool unordered;
    /* Sessions, sent by clients. */
    bool is_closed;
    /* A convention, a scope, a kind of arrivals, whatever the function takes. */
    int32_t kind;
};

struct row {
    const char *function;
    const char *what;
    /* Makes the handles; NULL: there are none. */
    void (*prepare)(const struct choice *choice);
    batching_status (*call)(const struct choice *choice);
    struct choice choice;
};

struct table {
    const struct row *rows;
    size_t count;
};

/* All that calls write: first the columns of runs. */
struct outputs {
    double seconds[16][ROWS];
    int64_t numbers[12][ROWS];
    int32_t small[8][ROWS];
    uint8_t bytes[1 << 18];
    double percentiles[8][PERCENTILES];
    batching_distribution distributions[8];
    batching_summary summary;
    batching_serving_metrics metrics;
    batching_batch_metrics batch_metrics;
    batching_comparison comparison;
    batching_load load;
    batching_load_timeline timeline;
    batching_iteration_log iteration_log;
    batching_decision_log decision_log;
    batching_accumulator_state accumulator_state;
    batching_live_engine_state engine_state;
    batching_live_engine_events events;
    double number;
    int64_t needed;
    /* What a call makes. */
    batching_live_engine *engine;
    batching_accumulator *accumulator;
    batching_live_calibration *calibration;
    batching_live_calibration_state calibration_state;
    batching_live_calibration_log log;
    batching_calibration found;
    batching_router *router;
    batching_autoscaler *autoscaler;
    batching_fleet *fleet;
};

extern struct outputs outputs;

/* On what calls are made. */
extern batching_live_engine *engine;
extern batching_accumulator *accumulator, *other;
extern batching_live_calibration *calibration;
extern batching_router *router;
extern batching_autoscaler *autoscaler;
extern batching_fleet *fleet;

/* Ends the test unless a call of a preparation, which has all the memory it wants, succeeds. */
void must(batching_status status);

/* What a live calibration keeps, as a number; failing_live_calibration.c. */
uint64_t sum_of_calibration(batching_live_calibration *told);

/* What the rows begin with; failing_inputs.c. */
batching_requests some_requests(const struct choice *choice);
batching_engine_config some_config(const struct choice *choice);
batching_results some_results(void);
batching_recorded some_recorded(void);
batching_completed some_completed(void);
batching_serving_metrics_config some_options(int32_t convention);
/* Those of the logs in the outputs. */
void set_log_callbacks(void);

extern const struct table SIMULATION_CALLS, METRIC_CALLS, ACCUMULATOR_CALLS, LIVE_ENGINE_CALLS, LIVE_CALIBRATION_CALLS,
    ROUTER_CALLS, AUTOSCALER_CALLS, FLEET_CALLS, OTHER_CALLS;

/* All that a router tells, into a checksum; failing_routers.c. */
uint64_t told_by_router(batching_router *router);

/* The same of a live fleet; and whether one that has failed can only be observed, polled and destroyed, which is done;
 * failing_fleets.c. */
uint64_t told_by_fleet(batching_fleet *told);
bool is_fleet_worn_out(void);

#endif
