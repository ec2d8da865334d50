/*
 * batching.h: what happens to latency, throughput and GPU use if requests to a language model are batched differently?
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * libbatching simulates how a server batches requests, and measures what the batching did. It lives inside other
 * people's programs: it starts no threads, opens no files, talks to no network, reads no clock, keeps no global state
 * and depends on nothing but the C library and the GCC runtime libraries.
 *
 * Contents, from easy to hard:
 *
 *   1. Conventions            what holds for every function
 *   2. Version                which library is this?
 *   3. Status and last error  did it work, and if not, why?
 *   4. Columns                requests in, results out
 *   5. Simulators             static and continuous batching
 *   6. Metrics                the latency of a request, the metrics of a batch
 *   7. Capacity               arithmetic intensity, the largest batch that fits
 *   8. Workloads              seeded synthetic requests
 *
 * A first program: examples/c/quickstart.c.
 */
#ifndef BATCHING_H
#define BATCHING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ================================================================================================================
 * 1. Conventions
 *
 * Columns. Many requests are a struct of arrays, never an array of structs: element i of every column belongs to
 * request i. The caller owns every column; the library borrows it for the duration of the call, never copies it and
 * keeps no pointer. A NULL input column stands for its documented default, a NULL output column means "not wanted".
 * Output columns must not overlap each other or any input.
 *
 * Units. Times are double seconds, lengths are int32_t tokens, memory is double bytes (or any one unit used
 * throughout). Inside, a time is a whole number of nanoseconds: it is rounded once, to the nearest (ties to even), as
 * it comes in, and from there on only integers are added. 100 iterations of 0.01 s are exactly 1.0 s. A time must be
 * finite and between 0 and BATCHING_TIME_MAX. Timestamps since 1970 are fine, but a double holds those only to about
 * 0.2 microseconds.
 *
 * Errors. Every function that can fail returns a batching_status. Unless it is BATCHING_OK, no output was written,
 * and batching_last_error() says why in one sentence. No input, however broken, stops the process, as long as each
 * pointer is NULL or points to as many elements as its count says.
 *
 * Structs. Every struct begins with struct_size and may grow at its end in later versions. Fill it with its _init
 * function, passing sizeof, then set what you need. A library newer than its caller treats the fields the caller does
 * not know as 0, which means their default. A library older than its caller accepts the longer struct only if
 * the fields it does not know are all 0, and otherwise returns BATCHING_ERROR_STRUCT_SIZE.
 *
 * Threads. All functions may be called from any number of threads at once, as long as no two calls write the same
 * column. The text of the last error is kept for each thread.
 *
 * Determinism. The same input gives the same bytes: in every thread, process, language and machine.
 * ================================================================================================================ */

/** The longest time, in seconds, that the clock can hold: about 292 years in nanoseconds. */
#define BATCHING_TIME_MAX 9223372036.0

/** The most requests that columns may hold. With all results they take 88 GB. */
#define BATCHING_COUNT_MAX 2000000000

/* ================================================================================================================
 * 2. Version
 * ================================================================================================================ */

#define BATCHING_VERSION_MAJOR 0
#define BATCHING_VERSION_MINOR 1
#define BATCHING_VERSION_PATCH 0

/** major * 1000000 + minor * 1000 + patch, to compare versions with < and >. */
#define BATCHING_VERSION_NUMBER                                                                                        \
    (BATCHING_VERSION_MAJOR * 1000000 + BATCHING_VERSION_MINOR * 1000 + BATCHING_VERSION_PATCH)

/**
 * The version of the library that is loaded, in the form of BATCHING_VERSION_NUMBER.
 *
 * Before 1.0 a new minor version may change the ABI, and then changes the SONAME too; a patch version never does.
 */
int32_t batching_version_number(void);

/** The version of the library that is loaded, as text: "0.1.0". Never NULL; valid for ever. */
const char *batching_version(void);

/* ================================================================================================================
 * 3. Status and last error
 * ================================================================================================================ */

/** What a function returns. The values are fixed for ever; new ones may be added between them. */
typedef int32_t batching_status;

/** It worked; the outputs are written. */
#define BATCHING_OK 0
/** A value is out of its range, or two values contradict each other. */
#define BATCHING_ERROR_INVALID_ARGUMENT 100
/** A pointer that must not be NULL is NULL. */
#define BATCHING_ERROR_NULL_POINTER 200
/** struct_size is not one that this library knows, or a field that it does not know is not 0. */
#define BATCHING_ERROR_STRUCT_SIZE 300
/** An output column has fewer elements than the call would write. */
#define BATCHING_ERROR_CAPACITY 400
/** A result is beyond what its type, or the clock, can hold. */
#define BATCHING_ERROR_OVERFLOW 500
/** The memory that the call needs could not be had. */
#define BATCHING_ERROR_OUT_OF_MEMORY 600

/** The name of a status: "BATCHING_OK", or "unknown status" for a value not listed above. Never NULL; valid for ever.
 */
const char *batching_status_name(batching_status status);

/**
 * One sentence on the last call of this thread that failed: it names the argument, the index and the value, as in
 * "output_length[17] is -3: must be at least 1". Empty if no call of this thread has failed. Calls that succeed leave
 * it as it is. Never NULL; valid until the next call of this thread fails, or the thread ends. UTF-8.
 */
const char *batching_last_error(void);

/* ================================================================================================================
 * 4. Columns
 * ================================================================================================================ */

/** Requests to simulate. */
typedef struct batching_requests {
    uint32_t struct_size;         /**< sizeof(batching_requests) of the caller; set by the _init function. */
    uint32_t reserved;            /**< Must be 0. */
    int64_t count;                /**< Requests in each column, in 0..BATCHING_COUNT_MAX. */
    const int32_t *prompt_length; /**< [count] prompt tokens, each at least 0. NULL: all 0. */
    const int32_t *output_length; /**< [count] tokens to generate, each at least 1. NULL: all 1. */
    const double *arrival_time;   /**< [count] seconds, each in [0, BATCHING_TIME_MAX], in any order. NULL: all 0.0. */
} batching_requests;

/**
 * What a simulator tells of each request, in the order of the requests. The struct itself is only read.
 */
typedef struct batching_results {
    uint32_t struct_size;      /**< sizeof(batching_results) of the caller; set by the _init function. */
    uint32_t reserved;         /**< Must be 0. */
    int64_t capacity;          /**< Elements in each column; at least the count of the requests. */
    double *start_time;        /**< [capacity] seconds at which the request joins a batch. */
    double *first_token_time;  /**< [capacity] seconds at which its first token is there. */
    double *end_time;          /**< [capacity] seconds at which it leaves the batch. */
    int32_t *tokens_generated; /**< [capacity] tokens generated: its output_length. */
    int64_t *completion_order; /**< [capacity] indices of the requests in order of completion; ties: of admission. */
} batching_results;

/** What a simulator tells of the whole run. */
typedef struct batching_summary {
    uint32_t struct_size; /**< sizeof(batching_summary) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    double total_time;    /**< Seconds: the end of the last completion, on a clock that starts at 0. 0.0 if none. */
    double throughput;    /**< total_tokens / total_time, in tokens per second. 0.0 if there are no requests. */
    int64_t total_tokens; /**< Tokens generated by all requests. */
    int64_t iterations;   /**< Forward passes. */
    double busy_time;     /**< Seconds in which a batch was running: iterations x time_per_token. */
} batching_summary;

/** Requests that have completed, simulated or real. A required column may be NULL where count is 0. */
typedef struct batching_completed {
    uint32_t struct_size;            /**< sizeof(batching_completed) of the caller; set by the _init function. */
    uint32_t reserved;               /**< Must be 0. */
    int64_t count;                   /**< Requests in each column, in 0..BATCHING_COUNT_MAX. */
    const double *arrival_time;      /**< [count] seconds. NULL: all 0.0. */
    const double *start_time;        /**< [count] seconds, none before its arrival_time. Required. */
    const double *first_token_time;  /**< [count] seconds in [start_time, end_time]; NaN: unknown. NULL: all unknown. */
    const double *end_time;          /**< [count] seconds, none before its start_time. Required. */
    const int32_t *tokens_generated; /**< [count] tokens, each at least 0. Required. */
} batching_completed;

/** The parts of each request's latency, in the order of the requests. The struct itself is only read. */
typedef struct batching_latencies {
    uint32_t struct_size;        /**< sizeof(batching_latencies) of the caller; set by the _init function. */
    uint32_t reserved;           /**< Must be 0. */
    int64_t capacity;            /**< Elements in each column; at least the count of the requests. */
    double *queue_time;          /**< [capacity] seconds: start - arrival. */
    double *processing_time;     /**< [capacity] seconds: end - start. */
    double *total_latency;       /**< [capacity] seconds: end - arrival. */
    double *time_to_first_token; /**< [capacity] seconds: see batching_latencies_calculate. */
} batching_latencies;

/** The metrics of a batch of completed requests. Each is 0 if there are no requests. */
typedef struct batching_batch_metrics {
    uint32_t struct_size;           /**< sizeof(batching_batch_metrics) of the caller; set by the _init function. */
    uint32_t reserved;              /**< Must be 0. */
    double throughput;              /**< total_tokens / total_time, in tokens per second. */
    int64_t total_tokens;           /**< Tokens generated by all requests. */
    double avg_latency;             /**< Mean of end - arrival, in seconds. */
    double p50_latency;             /**< Median of end - arrival, in seconds. */
    double p95_latency;             /**< 95th percentile of end - arrival, in seconds. */
    double p99_latency;             /**< 99th percentile of end - arrival, in seconds. */
    double avg_queue_time;          /**< Mean of start - arrival, in seconds. */
    double avg_time_to_first_token; /**< Mean time to first token, in seconds. */
    double gpu_utilization;         /**< Share of [0, total_time] in which a request was processed, in [0, 1]. */
} batching_batch_metrics;

/** Static against continuous batching on the same requests. Each is 0 if there are no requests. */
typedef struct batching_comparison {
    uint32_t struct_size;          /**< sizeof(batching_comparison) of the caller; set by the _init function. */
    uint32_t reserved;             /**< Must be 0. */
    double static_throughput;      /**< Tokens per second. */
    double continuous_throughput;  /**< Tokens per second. */
    double static_avg_latency;     /**< Mean of end - arrival, in seconds. */
    double continuous_avg_latency; /**< Mean of end - arrival, in seconds. */
    double throughput_improvement; /**< continuous_throughput / static_throughput. */
    double latency_improvement;    /**< static_avg_latency / continuous_avg_latency. */
} batching_comparison;

/** What kind of requests batching_workload_generate makes. */
typedef struct batching_workload {
    uint32_t struct_size;      /**< sizeof(batching_workload) of the caller; set by the _init function. */
    uint32_t reserved;         /**< Must be 0. */
    uint64_t seed;             /**< Same seed, same requests. Initially 42. */
    int32_t prompt_length_min; /**< Tokens; at least 0. Initially 50. */
    int32_t prompt_length_max; /**< Tokens, included; at least prompt_length_min. Initially 200. */
    int32_t output_length_min; /**< Tokens; at least 1. Initially 20. */
    int32_t output_length_max; /**< Tokens, included; at least output_length_min. Initially 500. */
    double arrival_rate;       /**< Requests per second, above 0; infinity: all arrive at 0.0. Initially 10.0. */
} batching_workload;

/**
 * Each _init function sets struct_size, and everything else to 0 or NULL, except that batching_workload_init sets the
 * initial values given above. Pass sizeof the struct: that is how a later library knows which fields your program was
 * compiled with.
 *
 *     batching_requests requests;
 *     batching_requests_init(&requests, sizeof requests);
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE if struct_size is smaller than the struct was in the
 * first version that had it, larger than 4096, or no multiple of 8.
 */
batching_status batching_requests_init(batching_requests *requests, uint32_t struct_size);
batching_status batching_results_init(batching_results *results, uint32_t struct_size);
batching_status batching_summary_init(batching_summary *summary, uint32_t struct_size);
batching_status batching_completed_init(batching_completed *completed, uint32_t struct_size);
batching_status batching_latencies_init(batching_latencies *latencies, uint32_t struct_size);
batching_status batching_batch_metrics_init(batching_batch_metrics *metrics, uint32_t struct_size);
batching_status batching_comparison_init(batching_comparison *comparison, uint32_t struct_size);
batching_status batching_workload_init(batching_workload *workload, uint32_t struct_size);

/* ================================================================================================================
 * 5. Simulators
 *
 * Both give every request its tokens one iteration at a time; an iteration takes time_per_token seconds however many
 * requests are in it, and the prompt costs nothing. Both take requests in order of arrival, ties in the given order.
 *
 * Errors of both: BATCHING_ERROR_NULL_POINTER if requests is NULL; BATCHING_ERROR_STRUCT_SIZE;
 * BATCHING_ERROR_INVALID_ARGUMENT if a value is out of its range; BATCHING_ERROR_CAPACITY if results->capacity is
 * smaller than requests->count; BATCHING_ERROR_OVERFLOW if the clock would pass BATCHING_TIME_MAX;
 * BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Memory: under 1 MB + 32 bytes x min(batch size, count). Requests that are not in order of arrival cost 24 bytes a
 * request more, and a sort.
 * ================================================================================================================ */

/**
 * Static batching: a batch is filled, runs until its longest member is done, and only then makes room for the next.
 *
 * A batch waits until batch_size requests have arrived; when no more will come, those left form the last batch. It
 * starts at max(end of the batch before, arrival of its last member) and runs max(output_length) iterations; all its
 * members end when the batch ends. The first token of each is there one iteration after the start.
 *
 *   requests        the requests; not modified.
 *   batch_size      requests in a batch; at least 1.
 *   time_per_token  seconds an iteration takes; rounded to whole nanoseconds, at least one. Usual: 0.01.
 *   results         columns to fill, or NULL.
 *   summary         filled, or NULL.
 *
 * Time: O(count).
 */
batching_status batching_static_simulate(const batching_requests *requests, int64_t batch_size, double time_per_token,
                                         const batching_results *results, batching_summary *summary);

/**
 * Continuous batching (iteration-level scheduling, as in Orca: Yu et al., OSDI 2022): a request joins at the next
 * iteration boundary at which a slot is free, and leaves as soon as it has all its tokens.
 *
 * At each boundary first the finished leave, then the waiting join in order of arrival while fewer than max_batch_size
 * are running, those that arrive exactly then included; a slot that becomes free is taken in the very next iteration.
 * An idle engine starts the moment a request arrives. The first token is there one iteration after the start.
 *
 *   max_batch_size  slots: requests that may run at once; at least 1.
 *
 * The other parameters are those of batching_static_simulate. Time: O(count), independent of max_batch_size and of
 * the lengths; requests with more than 16,383 output tokens cost O(log(max_batch_size)) each.
 */
batching_status batching_continuous_simulate(const batching_requests *requests, int64_t max_batch_size,
                                             double time_per_token, const batching_results *results,
                                             batching_summary *summary);

/**
 * Both simulators on the same requests, and how much better continuous batching does.
 *
 *   batch_size  the batch of the one, the slots of the other.
 *
 * The other parameters and the errors are those of batching_static_simulate. comparison must not be NULL.
 */
batching_status batching_strategies_compare(const batching_requests *requests, int64_t batch_size,
                                            double time_per_token, batching_comparison *comparison);

/* ================================================================================================================
 * 6. Metrics
 *
 * These take requests that have completed, wherever they ran: they know nothing of the simulators.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_CAPACITY;
 * BATCHING_ERROR_INVALID_ARGUMENT if a time is out of its range, if arrival <= start <= first token <= end does not
 * hold, or if a request has neither a first_token_time nor a token.
 * ================================================================================================================ */

/**
 * Where each request's time went.
 *
 *   queue_time           = start - arrival
 *   processing_time      = end - start
 *   total_latency        = end - arrival
 *   time_to_first_token  = first_token_time - arrival where it is known, else
 *                          queue_time + processing_time / tokens_generated: equal steps from start to end
 *
 * Time: O(count). Allocates nothing.
 */
batching_status batching_latencies_calculate(const batching_completed *completed, const batching_latencies *latencies);

/**
 * The metrics of a batch, or of any set of completed requests. For the definitions see batching_batch_metrics.
 *
 * Percentiles interpolate linearly between the two closest ranks (NumPy's default; Hyndman and Fan 1996, type 7).
 * gpu_utilization is the length of the union of all [start, end], cut to [0, total_time], divided by total_time.
 *
 *   completed   the requests, in any order.
 *   total_time  seconds; above 0 if there are requests. BATCHING_ERROR_INVALID_ARGUMENT otherwise.
 *   metrics     filled; must not be NULL.
 *
 * Time: O(count). Memory: under 1 MB if the start times or the end times do not decrease (as in a run's results, and
 * as in order of completion), else 24 bytes a request more, or BATCHING_ERROR_OUT_OF_MEMORY.
 */
batching_status batching_batch_metrics_calculate(const batching_completed *completed, double total_time,
                                                 batching_batch_metrics *metrics);

/**
 * How many tokens each request still has to generate: max(0, output_length - tokens_generated). A request is complete
 * when that is 0.
 *
 *   count             requests in each column, in 0..BATCHING_COUNT_MAX.
 *   output_length     [count] tokens, each at least 1.
 *   tokens_generated  [count] tokens, each at least 0.
 *   remaining_tokens  [count] written.
 *
 * The columns may be NULL where count is 0.
 */
batching_status batching_remaining_tokens_calculate(int64_t count, const int32_t *output_length,
                                                    const int32_t *tokens_generated, int32_t *remaining_tokens);

/* ================================================================================================================
 * 7. Capacity
 * ================================================================================================================ */

/**
 * Arithmetic intensity of decoding a batch: floating-point operations per byte of weights read.
 *
 * One forward pass reads the weights once, model_memory_bytes, and does flops_per_token x model_memory_bytes
 * operations for each of the batch_size tokens: so the intensity is flops_per_token x batch_size, whatever the model's
 * size (Williams et al., "Roofline", CACM 2009, on when that makes memory or arithmetic the limit).
 *
 *   batch_size           sequences decoded together; at least 1.
 *   model_memory_bytes   bytes of weights; finite, above 0.
 *   flops_per_token      operations per byte of weights and token; finite, above 0. Usual: 2.0 (a multiply and an add).
 *   arithmetic_intensity written; must not be NULL.
 *
 * Errors: BATCHING_ERROR_INVALID_ARGUMENT, BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_OVERFLOW if the result is
 * beyond a double.
 */
batching_status batching_arithmetic_intensity_calculate(int64_t batch_size, double model_memory_bytes,
                                                        double flops_per_token, double *arithmetic_intensity);

/**
 * The largest number of sequences whose KV cache fits beside the model: the largest n with
 *
 *     model_memory + n x max_seq_len x kv_cache_per_token <= memory_budget
 *
 * decided without rounding: exact at the boundary for all doubles. 0 if not even one sequence fits.
 *
 *   memory_budget       bytes; finite, at least 0.
 *   model_memory        bytes; finite, at least 0.
 *   kv_cache_per_token  bytes; finite, above 0.
 *   max_seq_len         tokens, prompt and output together; at least 1.
 *   batch_size          written; must not be NULL.
 *
 * Errors: BATCHING_ERROR_INVALID_ARGUMENT, BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_OVERFLOW if n is beyond an
 * int64_t.
 */
batching_status batching_optimal_batch_size_calculate(double memory_budget, double model_memory,
                                                      double kv_cache_per_token, int64_t max_seq_len,
                                                      int64_t *batch_size);

/* ================================================================================================================
 * 8. Workloads
 * ================================================================================================================ */

/**
 * Seeded synthetic requests in order of arrival: a Poisson process of arrivals (the first after one gap), and lengths
 * that are uniform over the integers of their range, both ends included.
 *
 * The stream of each column is its own, xoshiro256++ (Blackman and Vigna, 2019) seeded by SplitMix64, so that wanting
 * one column more or fewer never changes another, and the first n requests are the same for every count. The logarithm
 * behind the exponential gaps is computed in the library: the same seed gives the same bytes on every platform.
 *
 *   workload       what to generate. NULL: the initial values.
 *   count          requests, in 0..BATCHING_COUNT_MAX. Elements in each column.
 *   prompt_length  [count] written, or NULL.
 *   output_length  [count] written, or NULL.
 *   arrival_time   [count] seconds, written, or NULL.
 *
 * Errors: BATCHING_ERROR_INVALID_ARGUMENT; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_OVERFLOW if an arrival would be
 * beyond BATCHING_TIME_MAX. Time: O(count). Allocates nothing.
 */
batching_status batching_workload_generate(const batching_workload *workload, int64_t count, int32_t *prompt_length,
                                           int32_t *output_length, double *arrival_time);

#ifdef __cplusplus
}
#endif

#endif /* BATCHING_H */
