/*
 * batching.h: what happens to latency, throughput and GPU use if requests to a language model are batched differently?
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * libbatching simulates how a server batches requests, and measures what the batching did. It lives inside other
 * people's programs: it starts no threads, opens no files, talks to no network, reads no clock, keeps no global state
 * and depends on nothing but the C library and the GCC runtime libraries.
 *
 * Contents, from easy to hard. A section holds all that is its own: rules, constants, structs and functions.
 *
 *   Conventions          what holds for every function
 *   Version              which library is this?
 *   Status               did a call work, and if not, why?
 *   Textbook simulators  static and continuous batching: the first simulators
 *   Batch metrics        the latency of each request, the metrics of a batch
 *   Capacity             arithmetic intensity, the largest batch that fits
 *   Workloads            seeded synthetic requests
 *   Serving metrics      TTFT, TPOT, ITL, E2E, goodput, as the benchmark tools define them
 *   Load                 how busy a server was, as a function of time
 *   Engine               a modern scheduler: chunked prefill, paged KV cache, preemption, prefix caching
 *   Engine: iteration times  how long an iteration takes: from a model and a GPU, or as measured
 *   Models and GPUs      by name: how fast, how large, how many KV blocks
 *   Engine: clients      closed loops: what is sent depends on what was answered
 *   Calibration          iteration times from the log of a server
 *   Calibration: live    the same from its traffic, as it runs
 *   Profiles             a deployment as a file keeps it: its settings and its iteration times
 *   Engine: logs         what the engine decided in each iteration
 *   Engine: attribution  where the time of each request goes
 *   Engine: your policy  a scheduler of your own, as a callback
 *   Live engine          a twin of a running server: what has happened, and what would
 *   Routers              which replica gets a request: the rules of real routers
 *   Autoscalers          how many replicas there should be: the rules of real autoscalers
 *   Fleet                several replicas on one clock, behind a router
 *   Accumulator          the metrics of live traffic, from its events
 *   Hosts                interrupting calls, fork, floating-point modes, versions of structs
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
 * Conventions
 *
 * Columns. Many requests are a struct of arrays, never an array of structs: element i of every column belongs to
 * request i. The caller owns every column; the library borrows it for the duration of the call and keeps no pointer.
 * A NULL input column stands for its documented default, a NULL output column is not wanted. Output columns must not
 * overlap each other or any input.
 *
 * Units. Times are double seconds, lengths are int32_t tokens, memory is double bytes (or any one unit used
 * throughout). A time is finite and in [0, BATCHING_TIME_MAX]. It is rounded once, as it comes in, to whole nanoseconds
 * (ties to even); from there on only integers are added: 100 iterations of 0.01 s are exactly 1.0 s. Timestamps since
 * 1970 are fine, but a double holds those only to about 0.2 microseconds.
 *
 * Errors. Every function that can fail returns a batching_status. If that is not BATCHING_OK, no output was written
 * unless the function says otherwise, and batching_last_error() says why in one sentence. As long as each pointer is
 * NULL or points to as many elements as its count says, no input and no failed allocation stops the process.
 *
 * Structs. Every struct begins with struct_size and may grow at its end in later versions. Its _init function sets
 * struct_size and sets all else to 0 or NULL, which mean the documented defaults; then set what you need:
 *
 *     batching_requests requests;
 *     batching_requests_init(&requests, sizeof requests);
 *
 * Errors of every _init function: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE if struct_size is smaller
 * than the struct was in the first version that had it, larger than 4096, or no multiple of 8.
 *
 * Callbacks. Every callback takes, last, the user_data that stands beside it, and returns an int32_t: 0 goes on,
 * anything else stops the call, which then returns BATCHING_ERROR_CANCELLED. What a callback is given is valid until it
 * returns. What it answers is checked like any other input. It must return: no longjmp, no exception.
 *
 * Threads. Any number of threads may call any functions at once, as long as no two calls write the same column or use
 * the same handle. Each thread has its own last error.
 *
 * Determinism. The same input gives the same bytes: in every thread, process, language and machine.
 * ================================================================================================================ */

/** The longest time, in seconds, that the clock can hold: about 292 years in nanoseconds. */
#define BATCHING_TIME_MAX 9223372036.0

/** The most requests that columns may hold. With all results they take 88 GB. */
#define BATCHING_COUNT_MAX 2000000000

/* ================================================================================================================
 * Version
 * ================================================================================================================ */

#define BATCHING_VERSION_MAJOR 0
#define BATCHING_VERSION_MINOR 2
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

/** The version of the library that is loaded, as text: "0.2.0". Never NULL; always valid. */
const char *batching_version(void);

/* ================================================================================================================
 * Status
 * ================================================================================================================ */

/** What a function returns. The values never change; new ones may be added between them. */
typedef int32_t batching_status;

/** The call worked; the outputs are written. */
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
/** The system refused the memory that the call needs. The call can be made again. */
#define BATCHING_ERROR_OUT_OF_MEMORY 600
/** A callback stopped the call. The library itself never stops one with this status. */
#define BATCHING_ERROR_CANCELLED 700
/** The handle is in use by another call. */
#define BATCHING_ERROR_BUSY 800

/** The name of a status: "BATCHING_OK", or "unknown status" for other values. Never NULL; always valid. */
const char *batching_status_name(batching_status status);

/**
 * One sentence on the last call of this thread that failed: it names the argument, the index and the value, as in
 * "output_length[17] is -3: must be at least 1". Empty if no call of this thread has failed. Calls that succeed leave
 * it as it is. Never NULL; valid until the next call of this thread fails, or the thread ends. UTF-8.
 */
const char *batching_last_error(void);

/* ================================================================================================================
 * Textbook simulators
 *
 * Static and continuous batching with a constant iteration time and unlimited memory. Each iteration generates one
 * token for every running request. Requests are taken in order of arrival, ties in the given order.
 * ================================================================================================================ */

struct batching_client;

/** Requests to simulate. */
typedef struct batching_requests {
    uint32_t struct_size;         /**< sizeof(batching_requests) of the caller; set by the _init function. */
    uint32_t reserved;            /**< Must be 0. */
    int64_t count;                /**< Requests in each column, in 0..BATCHING_COUNT_MAX. */
    const int32_t *prompt_length; /**< [count] prompt tokens, each at least 0. NULL: all 0. */
    const int32_t *output_length; /**< [count] tokens to generate, each at least 1. NULL: all 1. */
    const double *arrival_time;   /**< [count] seconds, each in [0, BATCHING_TIME_MAX], in any order. NULL: all 0.0. */

    /* The rest is for engines: see "Engine". The textbook simulators do not look at it. */

    const int32_t *priority;     /**< [count] lower is more urgent. NULL: all 0. */
    const int64_t *tie_break;    /**< [count] lower goes first where priority and arrival are equal. NULL: index. */
    const int64_t *hash_ids;     /**< [hash_offsets[count]] see "Prefix caching". NULL: nothing is shared. */
    const int64_t *hash_offsets; /**< [count + 1] from 0, never falling: request i has hash_ids[hash_offsets[i]] to
                                      hash_ids[hash_offsets[i + 1] - 1]. Required with hash_ids. */
    int32_t hash_block_size;     /**< Tokens of one hash id: a multiple or a divisor of block_size. 0: block_size. */
    int32_t hash_covers_output;  /**< 0: the hash ids are those of the prompt. 1: of prompt and output. */
    const int32_t *max_tokens;   /**< [count] tokens that the client allows, each at least output_length: see "Ends of
                                      answers". NULL: output_length. */
    const double *abort_time;    /**< [count] seconds at which the client leaves, each not before its arrival_time; NaN:
                                      never. NULL: all NaN. */
    const int64_t *session;      /**< [count] requests of one value are the turns of a conversation, in the given order:
                                      see "Engine: clients". NULL: each request is its own. */
    const double *delay; /**< [count] seconds from the end of the turn before to the arrival of this one, each at
                                      least 0; of a first turn 0, unless there are clients. NULL: all 0.0. */
    const struct batching_client *client; /**< How they are sent: see "Engine: clients". NULL: as they arrive. */
} batching_requests;

batching_status batching_requests_init(batching_requests *requests, uint32_t struct_size);

/** What a simulator writes of each request, in the order of the requests. The struct itself is only read. */
typedef struct batching_results {
    uint32_t struct_size;      /**< sizeof(batching_results) of the caller; set by the _init function. */
    uint32_t reserved;         /**< Must be 0. */
    int64_t capacity;          /**< Elements in each column; at least the count of the requests. */
    double *start_time;        /**< [capacity] seconds at which the request joins a batch. */
    double *first_token_time;  /**< [capacity] seconds at which its first token is there. */
    double *end_time;          /**< [capacity] seconds at which it leaves the batch. */
    int32_t *tokens_generated; /**< [capacity] tokens generated: output_length; fewer if it did not finish. */
    int64_t *completion_order; /**< [capacity] indices of the requests in order of completion; ties: of admission. -1
                                    at the end for those that do not complete. */

    /* The rest is for engines. The textbook simulators write 0, and the arrival times into the last two. */

    int32_t *preemptions;          /**< [capacity] how often the request was preempted. */
    int32_t *prefix_cached_tokens; /**< [capacity] tokens found in the prefix cache at its first admission. */
    int32_t *status;               /**< [capacity] what became of the request: BATCHING_REQUEST_... See "Engine". */
    double *arrival_time; /**< [capacity] seconds at which the request arrived at its client: as given, but for later
                               turns and with clients. NaN: it never did. */
    double *sent_time;    /**< [capacity] seconds at which it was sent: see "Engine: clients". NaN: it never was. */
} batching_results;

batching_status batching_results_init(batching_results *results, uint32_t struct_size);

/** What a simulator writes of the whole run. */
typedef struct batching_summary {
    uint32_t struct_size; /**< sizeof(batching_summary) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    double total_time;    /**< Seconds: the end of the last completion, on a clock that starts at 0. 0.0 if none. */
    double throughput;    /**< total_tokens / total_time, in tokens per second. 0.0 if there are no requests. */
    int64_t total_tokens; /**< Tokens generated by all requests. */
    int64_t iterations;   /**< Forward passes. */
    double busy_time;     /**< Seconds in which a batch was running: the sum of the iterations' durations. */

    /* The rest is for engines. The textbook simulators leave it 0. */

    double duration;              /**< Seconds: the clock at the end of the run. Not before total_time or an abort. */
    int32_t end_reason;           /**< Why the run ended: BATCHING_END_... See "Engine". */
    uint32_t reserved_2;          /**< 0. */
    int64_t finished;             /**< Requests that have all their tokens. */
    int64_t rejected;             /**< Requests that were rejected on arrival. */
    int64_t unfinished;           /**< Requests left at a limit, or stuck, that were sent. */
    int64_t prefill_tokens;       /**< Tokens computed in prefills, recomputed ones included. */
    int64_t decode_tokens;        /**< Sequences decoded, summed over the iterations. */
    int64_t preemptions;          /**< How often a request was preempted. */
    int64_t recomputed_tokens;    /**< Tokens computed once more after a preemption: those not found in the cache. */
    double mean_running;          /**< Requests running, averaged over [0, duration]. */
    int64_t peak_running;         /**< The most requests running in an iteration. */
    int64_t peak_waiting;         /**< The most requests left waiting by the scheduling of an iteration. */
    double mean_kv_use;           /**< Share of KV blocks in use, averaged over [0, duration]. 0.0 without a limit. */
    double peak_kv_use;           /**< The largest share of KV blocks in use after scheduling. 0.0 without a limit. */
    int64_t prefix_cache_queries; /**< Tokens looked up in the prefix cache: N of each first admission. */
    int64_t prefix_cache_hits;    /**< Tokens found there, or in tiers: see "Engine: KV offload". */
    int64_t aborted;              /**< Requests whose clients left before they had all their tokens. */
    int64_t not_sent;             /**< Requests that were not sent: see "Engine: clients". */

    /* With kv_offload */

    int64_t host_kv_hits;           /**< Tokens of prefix_cache_hits that were found in host memory. */
    int64_t disk_kv_hits;           /**< Those that were found on disk. */
    int64_t host_kv_loaded;         /**< Tokens loaded from host memory, also for requests that come back. */
    int64_t disk_kv_loaded;         /**< Tokens loaded from disk, the same. */
    int64_t host_kv_blocks_written; /**< KV blocks written to host memory. */
    int64_t disk_kv_blocks_written; /**< KV blocks written to disk. */
    double kv_load_time;            /**< Seconds: the sum over the iterations of the time that their loads took. */
} batching_summary;

batching_status batching_summary_init(batching_summary *summary, uint32_t struct_size);

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
 * Errors: BATCHING_ERROR_NULL_POINTER if requests is NULL; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT
 * if a value is out of its range; BATCHING_ERROR_CAPACITY if results->capacity is smaller than requests->count;
 * BATCHING_ERROR_OVERFLOW if the clock would pass BATCHING_TIME_MAX; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: O(count). Memory: under 1 MB + 32 bytes x min(batch_size, count). Requests that are not in order of arrival
 * cost 24 bytes a request more, and a sort.
 */
batching_status batching_static_simulate(const batching_requests *requests, int64_t batch_size, double time_per_token,
                                         const batching_results *results, batching_summary *summary);

/**
 * Continuous batching (iteration-level scheduling, as in Orca: Yu et al., OSDI 2022): a request joins at the next
 * iteration boundary at which a slot is free, and leaves as soon as it has all its tokens.
 *
 * At each boundary the finished requests leave first. Then the waiting ones join in order of arrival while fewer than
 * max_batch_size are running, those that arrive exactly then included; a slot that becomes free is taken in the very
 * next iteration. An idle engine starts the moment a request arrives. The first token is there one iteration after the
 * start.
 *
 *   max_batch_size  slots: requests that may run at once; at least 1.
 *
 * The other parameters, the errors and the memory are those of batching_static_simulate. Time: O(count), independent of
 * max_batch_size and of the lengths; requests with more than 16,383 output tokens cost O(log(max_batch_size)) each.
 */
batching_status batching_continuous_simulate(const batching_requests *requests, int64_t max_batch_size,
                                             double time_per_token, const batching_results *results,
                                             batching_summary *summary);

/** Static against continuous batching on the same requests. Each figure is 0 if there are no requests. */
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

batching_status batching_comparison_init(batching_comparison *comparison, uint32_t struct_size);

/**
 * Both simulators on the same requests, and how much better continuous batching does.
 *
 *   requests        the requests; not modified.
 *   batch_size      the batch of static batching, the slots of continuous batching; at least 1.
 *   time_per_token  seconds an iteration takes; as in batching_static_simulate.
 *   comparison      filled; must not be NULL.
 *
 * Errors, time and memory: as the two simulators.
 */
batching_status batching_strategies_compare(const batching_requests *requests, int64_t batch_size,
                                            double time_per_token, batching_comparison *comparison);

/* ================================================================================================================
 * Batch metrics
 *
 * These functions take requests that have completed, wherever they ran: they know nothing of the simulators.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_CAPACITY;
 * BATCHING_ERROR_INVALID_ARGUMENT if a time is out of its range, if arrival <= start <= first token <= end does not
 * hold, or if a request has neither a first_token_time nor a token.
 * ================================================================================================================ */

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

batching_status batching_completed_init(batching_completed *completed, uint32_t struct_size);

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

batching_status batching_latencies_init(batching_latencies *latencies, uint32_t struct_size);

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

batching_status batching_batch_metrics_init(batching_batch_metrics *metrics, uint32_t struct_size);

/**
 * The metrics of a batch, or of any set of completed requests.
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
 * Capacity
 * ================================================================================================================ */

/**
 * Arithmetic intensity of decoding a batch: floating-point operations per byte of weights read.
 *
 * One forward pass reads the weights once, model_memory_bytes, and does flops_per_token x model_memory_bytes
 * operations for each of the batch_size tokens. So the intensity is flops_per_token x batch_size, whatever the model's
 * size (Williams et al., "Roofline", CACM 2009, on when that makes memory or arithmetic the limit).
 *
 *   batch_size            sequences decoded together; at least 1.
 *   model_memory_bytes    bytes of weights; finite, above 0.
 *   flops_per_token       operations per byte of weights and token; finite, above 0. Usual: 2.0, a multiply and an add.
 *   arithmetic_intensity  written; must not be NULL.
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
 * Workloads
 *
 * Seeded synthetic requests, in order of arrival. Each purpose (the gaps, each length, the choice of a group, the
 * turns, the think times) has a random stream of its own: xoshiro256++ (Blackman and Vigna, 2019) seeded by SplitMix64.
 * So one column more or fewer never changes another, and the first n requests are the same for every count. The
 * functions behind the distributions (logarithm, exponential, normal, gamma, zipf) are computed in the library from
 * additions, multiplications, divisions and square roots: the same seed gives the same bytes on every platform.
 *
 *   arrivals  The first request arrives after one gap. Gaps have mean 1 / rate. With burst_size they are between bursts
 *             and burst_size times as long, so that the rate remains. With on_time and off_time the clock of the
 *             arrivals stands still in the off times: the rate is that of the on times. Gamma deviates: Marsaglia and
 *             Tsang, "A Simple Method for Generating Gamma Variables", 2000.
 *
 *   lengths   Normal deviates: Marsaglia and Bray's polar method, 1964. Zipf: rejection-inversion, Hoermann and
 *             Derflinger, 1996.
 *
 *   prefixes  A request belongs to a group. Its prompt is prefix_length tokens, which it shares with its group, and
 *             as many more as are drawn.
 *
 *   sessions  The arrivals at arrival_rate are those of sessions. Each turn of a session is a request: its prompt is
 *             all of the turn before, prompt and output, and as many more tokens as are drawn. The prefix is that of
 *             the first turn. The generator does not know when the output of a turn is there. So either think times
 *             count from the turn's arrival, and the requests are in order of arrival, sessions mixed. Or, with
 *             sessions_closed, they are delays that the engine counts from the turn's end ("Engine: clients"): then the
 *             turns of a session follow each other, and arrival_time is that of its first turn for all.
 * ================================================================================================================ */

/**
 * What kind of requests batching_workload_generate makes. batching_workload_init sets the initial values given here;
 * the fields after arrival_rate are 0 or NULL then, and 0 stands for the default given here.
 */
typedef struct batching_workload {
    uint32_t struct_size;      /**< sizeof(batching_workload) of the caller; set by the _init function. */
    uint32_t reserved;         /**< Must be 0. */
    uint64_t seed;             /**< Same seed, same requests. Initially 42. */
    int32_t prompt_length_min; /**< Tokens; at least 0. Initially 50. */
    int32_t prompt_length_max; /**< Tokens, included; at least prompt_length_min. Initially 200. */
    int32_t output_length_min; /**< Tokens; at least 1. Initially 20. */
    int32_t output_length_max; /**< Tokens, included; at least output_length_min. Initially 500. */
    double arrival_rate;       /**< Requests per second, above 0; infinity: all arrive at 0.0. Initially 10.0. */

    /* Arrivals */

    int32_t arrivals;      /**< BATCHING_ARRIVALS_...: how the gaps between arrivals vary. 0: Poisson. */
    int32_t ramp;          /**< BATCHING_RAMP_...: how the rate changes. 0: it does not. */
    double burstiness;     /**< gamma: the shape of the gaps, above 0; their CV is 1 / sqrt(burstiness). 0: 1.0.
                                Infinity: all gaps are equal, as with constant. */
    double ramp_end_rate;  /**< ramp: requests per second at its end, above 0 and finite. */
    int64_t ramp_requests; /**< ramp: requests over which the rate goes from arrival_rate to ramp_end_rate; then it
                                stays. At least 2. */
    int64_t burst_size;    /**< Requests that arrive together, at one time. 0: 1. */
    double on_time;        /**< Seconds in which requests arrive, before off_time seconds in which none do, in turns. 0:
                                they always do. At least 1 nanosecond if off_time is not 0. */
    double off_time;       /**< Seconds without arrivals between two on_times. */

    /* Lengths */

    int32_t prompt_lengths;              /**< BATCHING_LENGTHS_...: how prompt lengths are distributed. 0: uniform. */
    int32_t output_lengths;              /**< BATCHING_LENGTHS_...: how output lengths are distributed. 0: uniform. */
    double prompt_length_median;         /**< lognormal: tokens, above 0. */
    double prompt_length_sigma;          /**< lognormal: standard deviation of the length's logarithm, at least 0. */
    double prompt_length_exponent;       /**< zipf: in (0, 64]. */
    double output_length_median;         /**< lognormal: tokens, above 0. */
    double output_length_sigma;          /**< lognormal: standard deviation of the length's logarithm, at least 0. */
    double output_length_exponent;       /**< zipf: in (0, 64]. */
    int64_t sample_count;                /**< empirical: elements of each sample column; at least 1. */
    const int32_t *sample_prompt_length; /**< [sample_count] tokens, each at least 0. */
    const int32_t *sample_output_length; /**< [sample_count] tokens, each at least 1. */
    int32_t samples_independent; /**< 0: where both lengths are empirical, both are those of one sample. 1: of two. */

    /* What prompts have in common */

    int32_t prefix_groups;   /**< Groups of requests whose prompts begin with the same tokens. 0: none. */
    int32_t prefix_length;   /**< Tokens that those of a group share, before what is drawn as prompt length. */
    int32_t hash_block_size; /**< Tokens that one hash id stands for. 0: 16. */
    double prefix_exponent;  /**< How unequally groups are chosen: group g, from 0, in proportion to (g + 1)^-exponent;
                                  at most 64. 0: all alike. */

    /* Conversations */

    int32_t turns_min; /**< Turns of a session; at least 1. 0: 1. */
    int32_t turns_max; /**< Turns of a session, included; at least turns_min. 0: turns_min. */
    double think_time; /**< Mean seconds between turns: see sessions_closed. 0: none. */

    int32_t think_times;     /**< BATCHING_THINK_TIMES_...: how think times are distributed. 0: exponential. */
    int32_t sessions_closed; /**< 0: think times go from one turn's arrival to the next one's. 1: from a turn's end to
                                  the next one's arrival: they are the delays of batching_workload_sessions_generate. */
    double think_time_sigma; /**< lognormal: standard deviation of the think time's logarithm, in [0, 64]. */
} batching_workload;

batching_status batching_workload_init(batching_workload *workload, uint32_t struct_size);

/** Exponential gaps: a Poisson process. */
#define BATCHING_ARRIVALS_POISSON 0
/** Gamma-distributed gaps of shape burstiness, as `vllm bench serve --burstiness`: below 1 clumped, above 1 even. */
#define BATCHING_ARRIVALS_GAMMA 100
/** Equal gaps. */
#define BATCHING_ARRIVALS_CONSTANT 110

/** The rate is arrival_rate. */
#define BATCHING_RAMP_NONE 0
/** The rate of request i is arrival_rate + (ramp_end_rate - arrival_rate) x i / (ramp_requests - 1). */
#define BATCHING_RAMP_LINEAR 100
/** The rate of request i is arrival_rate x (ramp_end_rate / arrival_rate)^(i / (ramp_requests - 1)). */
#define BATCHING_RAMP_EXPONENTIAL 110

/** All integers from min to max alike; a fixed length where they are equal. */
#define BATCHING_LENGTHS_UNIFORM 0
/** median x exp(sigma x standard normal), to the nearest integer; what is below min or above max becomes that. */
#define BATCHING_LENGTHS_LOGNORMAL 100
/** The k-th integer from min on, to max, in proportion to k^-exponent. */
#define BATCHING_LENGTHS_ZIPF 200
/** Those of a sample, drawn with replacement; what is below min or above max becomes that. */
#define BATCHING_LENGTHS_EMPIRICAL 300

/**
 * Generates requests.
 *
 *   workload       what to generate. NULL: the initial values.
 *   count          requests, in 0..BATCHING_COUNT_MAX. Elements in each column.
 *   prompt_length  [count] written, or NULL.
 *   output_length  [count] written, or NULL.
 *   arrival_time   [count] seconds, written, or NULL.
 *
 * Errors: BATCHING_ERROR_INVALID_ARGUMENT; BATCHING_ERROR_NULL_POINTER if a length is empirical and its sample column
 * is NULL; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_OVERFLOW if an arrival would be beyond BATCHING_TIME_MAX, or a
 * prompt and its output longer than an int32_t holds; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: O(count), with sessions O(log(sessions that go on)) a request. Memory: 40 bytes for each session that goes on;
 * without sessions nothing is allocated.
 */
batching_status batching_workload_generate(const batching_workload *workload, int64_t count, int32_t *prompt_length,
                                           int32_t *output_length, double *arrival_time);

/**
 * The hash ids of the same requests, for batching_requests: which full blocks of hash_block_size tokens they share. A
 * request without a session has ids for the full blocks of its prefix; one of a workload with sessions (turns_max above
 * 1) has ids for all full blocks of its prompt and output, so that hash_covers_output must be set to 1 with them.
 *
 *   workload      what to generate. NULL: the initial values, which share nothing.
 *   count         requests, in 0..BATCHING_COUNT_MAX.
 *   hash_offsets  [count + 1] written, or NULL.
 *   capacity      elements of hash_ids; at least 0.
 *   hash_ids      [capacity] the first *needed elements are written, or NULL: only hash_offsets and needed are wanted.
 *   needed        hash ids of all requests; must not be NULL.
 *
 * Errors: those of batching_workload_generate; BATCHING_ERROR_CAPACITY if hash_ids is not NULL and capacity is smaller
 * than *needed; BATCHING_ERROR_NULL_POINTER if needed is NULL. Time: O(count + *needed).
 */
batching_status batching_workload_hashes_generate(const batching_workload *workload, int64_t count,
                                                  int64_t *hash_offsets, int64_t capacity, int64_t *hash_ids,
                                                  int64_t *needed);

/**
 * The sessions of the same requests, for batching_requests: which turns belong together, and, with sessions_closed, how
 * long after the end of the turn before each arrives.
 *
 *   workload  what to generate. NULL: the initial values, of which every request is a session of one turn.
 *   count     requests, in 0..BATCHING_COUNT_MAX. Elements in each column.
 *   session   [count] 0, 1, 2, ... in order of the sessions' arrivals; written, or NULL.
 *   delay     [count] seconds; 0 for first turns and without sessions_closed; written, or NULL.
 *
 * Errors, time and memory: those of batching_workload_generate.
 */
batching_status batching_workload_sessions_generate(const batching_workload *workload, int64_t count, int64_t *session,
                                                    double *delay);

/**
 * A sample of requests, without replacement: which n of `count`.
 *
 *   seed     same seed, same sample.
 *   count    requests to choose from, in 0..BATCHING_COUNT_MAX.
 *   n        requests to choose, in 0..count.
 *   indices  [n] written: indices in 0..count - 1, rising.
 *
 * Every set of n requests is equally likely (selection sampling: Knuth, The Art of Computer Programming 2, 3.4.2,
 * algorithm S). Errors: BATCHING_ERROR_INVALID_ARGUMENT; BATCHING_ERROR_NULL_POINTER if indices is NULL and n is not 0.
 * Time: O(count). Allocates nothing.
 */
batching_status batching_sample_generate(uint64_t seed, int64_t count, int64_t n, int64_t *indices);

/* ================================================================================================================
 * Serving metrics
 *
 * What the field's benchmark tools print, of any serving run, simulated or recorded from live traffic: of columns of
 * requests, with the times of their tokens if they are known. Only requests that were answered are in the samples and
 * in the throughputs.
 *
 * Where the tools differ, a convention says whose definition holds.
 *
 *                            vllm                          sglang                        aiperf
 *   duration, if not given   first arrival to last end of  as vllm                       of the answered alone
 *                            all requests
 *   answered, 0 tokens       count as 1 token              count as 0                    count as 0
 *   one token, SLO on TPOT   met                           met                           not met
 *   (TPOT itself)            has none: not in the sample   as vllm                       as vllm
 *
 * (vLLM and SGLang take the duration from the client's clock: give it to get their figures.) Percentiles, mean and
 * standard deviation are NumPy's in all three: linear, and of the population.
 *
 * Objectives are compared in whole nanoseconds, without rounding: a latency that equals its objective meets it. A
 * request meets an objective on ITL if no gap between its tokens is longer; that needs token_times. A request whose
 * first token is unknown does not meet an objective on TTFT, nor, if it has more tokens, on TPOT.
 *
 * A request that was sent and has no answer has failed, and meets no objective; that holds for a run cut short, too. Of
 * a simulated run take every request, with success 1 where its status is BATCHING_REQUEST_FINISHED and 0 elsewhere, but
 * leave out those that had not been sent: the status is BATCHING_REQUEST_NOT_SENT; or BATCHING_REQUEST_UNFINISHED, and
 * arrival_time after the end of the run, which is its duration, or its time_limit where that is later and ended the run.
 * Their arrival_time is the sent_time of the results, and client_arrival_time the arrival_time there.
 *
 * With slo_due_by, requests that were sent too late to be judged at that time do not count as judged or good: those
 * whose arrival plus the longer of the objectives on TTFT and E2E is after it. How they ended does not matter, since to
 * leave out only those without an answer would favour the quick.
 * ================================================================================================================ */

/**
 * Requests that were answered, or failed, wherever they ran. A required column may be NULL where count is 0.
 *
 * Of a request that failed only arrival_time and, if known, end_time are looked at.
 */
typedef struct batching_recorded {
    uint32_t struct_size;           /**< sizeof(batching_recorded) of the caller; set by the _init function. */
    uint32_t reserved;              /**< Must be 0. */
    int64_t count;                  /**< Requests in each column, in 0..BATCHING_COUNT_MAX. */
    const double *arrival_time;     /**< [count] seconds: when it was sent. NULL: all 0.0. */
    const double *start_time;       /**< [count] seconds: when it joined a batch; NaN: unknown. NULL: all unknown. */
    const double *first_token_time; /**< [count] seconds; NaN: none, or unknown. NULL: that of the first of its token
                                         times, if there are any. */
    const double *end_time;         /**< [count] seconds: when its last token was there. NaN: never, if it failed.
                                         Required. arrival <= start <= first token <= end. */
    const int32_t *prompt_length;   /**< [count] prompt tokens, each at least 0. NULL: all 0. */
    const int32_t *output_length;   /**< [count] tokens generated, each at least 0. Required. */
    const uint8_t *success;         /**< [count] 1: answered. 0: failed. NULL: all 1. */
    const double *token_times;      /**< [token_offsets[count]] seconds at which each chunk of output was there, the
                                         first included, never falling within a request. NULL: unknown. */
    const int64_t *token_offsets;   /**< [count + 1] from 0, never falling: request i has token_times[token_offsets[i]]
                                         to token_times[token_offsets[i + 1] - 1]. Required with token_times. */
    const double *client_arrival_time; /**< [count] seconds, none after its arrival_time: when it arrived at its client,
                                            which sent it later; NaN: unknown. NULL: all unknown. */
} batching_recorded;

batching_status batching_recorded_init(batching_recorded *recorded, uint32_t struct_size);

/** What a sample of values looks like. All figures are 0 if there are no values. */
typedef struct batching_distribution {
    uint32_t struct_size; /**< sizeof(batching_distribution) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    int64_t count;        /**< Written: values. */
    double mean;          /**< Written. */
    double median;        /**< Written: interpolated linearly, whatever the percentile_method. */
    double std;           /**< Written: of the population, that is divided by count. */
    double min;           /**< Written. */
    double max;           /**< Written. */
    double sum;           /**< Written. */
    double *percentiles;  /**< [percentile_count of the config] written, in the order of the config; or NULL. */
} batching_distribution;

batching_status batching_distribution_init(batching_distribution *distribution, uint32_t struct_size);

/** How metrics are taken. 0 and NULL are the defaults given here. */
typedef struct batching_serving_metrics_config {
    uint32_t struct_size;      /**< sizeof(batching_serving_metrics_config) of the caller; set by the _init function. */
    uint32_t reserved;         /**< Must be 0. */
    int32_t convention;        /**< BATCHING_CONVENTION_...: whose definitions hold. 0: vLLM's. */
    int32_t percentile_method; /**< BATCHING_PERCENTILE_...: how percentiles are taken. 0: linear. */
    double duration;           /**< Seconds that the run took, by its client's clock. 0: what the convention takes. */
    const double *percentiles; /**< [percentile_count] each in [0, 100], in any order. NULL: none. */
    int64_t percentile_count;  /**< At most 1000. */
    double slo_ttft;           /**< Seconds: the longest TTFT that is good. 0: no such objective. */
    double slo_tpot;           /**< Seconds: the longest TPOT that is good. 0: no such objective. */
    double slo_itl;            /**< Seconds: the longest gap between a request's tokens that is good. 0: none. */
    double slo_e2e;            /**< Seconds: the longest E2E latency that is good. 0: no such objective. */
    double slo_due_by;         /**< Seconds: only requests whose objectives were due by then are judged: see above. 0:
                                    all are. */
} batching_serving_metrics_config;

batching_status batching_serving_metrics_config_init(batching_serving_metrics_config *config, uint32_t struct_size);

/** vLLM's `bench serve` (0.33, vllm/benchmarks/serve.py). */
#define BATCHING_CONVENTION_VLLM 0
/** SGLang's bench_serving (0.5.23, sglang/benchmark/serving.py and goodput.py). */
#define BATCHING_CONVENTION_SGLANG 100
/** NVIDIA's AIPerf (0.13). */
#define BATCHING_CONVENTION_AIPERF 200

/** Between the two closest ranks: NumPy's default; Hyndman and Fan 1996, type 7. */
#define BATCHING_PERCENTILE_LINEAR 0
/** The smallest value with at least that share of the values at or below it: NumPy's "inverted_cdf"; type 1. */
#define BATCHING_PERCENTILE_INVERSE_CDF 100
/** The value whose rank is nearest to (count - 1) x share, ties to even: NumPy's "nearest". */
#define BATCHING_PERCENTILE_NEAREST 110

/**
 * The metrics of a serving run. All is written but for the pointers, which the caller sets: distributions that are
 * wanted, each made by batching_distribution_init; NULL: not wanted.
 */
typedef struct batching_serving_metrics {
    uint32_t struct_size;          /**< sizeof(batching_serving_metrics) of the caller; set by the _init function. */
    uint32_t reserved;             /**< Must be 0. */
    double duration;               /**< Seconds. */
    int64_t completed;             /**< Requests that were answered. */
    int64_t failed;                /**< Requests that were sent and have no answer. */
    int64_t total_input_tokens;    /**< Prompt tokens of the answered. */
    int64_t total_output_tokens;   /**< Output tokens of the answered. */
    double request_throughput;     /**< completed / duration. Each throughput is 0.0 if the duration is. */
    double input_throughput;       /**< total_input_tokens / duration. */
    double output_throughput;      /**< total_output_tokens / duration. */
    double total_token_throughput; /**< Both / duration. */
    double concurrency;            /**< The sum of all E2E latencies / duration: the mean number in the system. */
    int64_t good;                  /**< Answered requests that meet all objectives. 0 without objectives. */
    double request_goodput;        /**< good / duration. NaN without objectives. */
    double slo_attainment;         /**< good / judged, in which failed requests count. NaN without objectives. */
    double slo_attainment_ttft;    /**< The share that meets this objective. NaN without it. */
    double slo_attainment_tpot;    /**< As slo_attainment_ttft. */
    double slo_attainment_itl;     /**< As slo_attainment_ttft. */
    double slo_attainment_e2e;     /**< As slo_attainment_ttft. */
    batching_distribution *ttft;   /**< Seconds: first token - arrival. */
    batching_distribution *tpot;   /**< Seconds: (end - first token) / (output_length - 1) where that is above 0. */
    batching_distribution *itl;    /**< Seconds: the gaps between a request's token_times, of all requests together. */
    batching_distribution *e2e;    /**< Seconds: end - arrival. */
    batching_distribution *queue_time;         /**< Seconds: start - arrival, where the start is known. */
    batching_distribution *normalized_latency; /**< Seconds: (end - arrival) / output_length where that is above 0. */
    int64_t judged; /**< Requests held against the objectives: completed + failed, less what slo_due_by leaves out. 0
                         without objectives. */
    batching_distribution *client_queue_time;          /**< Seconds: arrival - client arrival, where that is known. */
    batching_distribution *e2e_including_client_queue; /**< Seconds: end - client arrival, where that is known. */
} batching_serving_metrics;

batching_status batching_serving_metrics_init(batching_serving_metrics *metrics, uint32_t struct_size);

/**
 * The metrics of a serving run.
 *
 *   recorded  the requests, in any order.
 *   config    NULL: all defaults.
 *   metrics   written; must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_OUT_OF_MEMORY;
 * BATCHING_ERROR_INVALID_ARGUMENT if a value is out of its range, a request's times are out of order, or slo_itl is
 * given without token_times; BATCHING_ERROR_OVERFLOW if there are more than 4294967295 gaps between tokens, and their
 * distribution is wanted.
 *
 * Time: O(requests + token times), by selection, not by sorting; more than a few dozen percentiles cost their logarithm
 * more. Memory: 8 bytes for each value of the largest sample that is wanted, and 64 KiB for each percentile.
 */
batching_status batching_serving_metrics_calculate(const batching_recorded *recorded,
                                                   const batching_serving_metrics_config *config,
                                                   batching_serving_metrics *metrics);

/**
 * What a sample of any values looks like.
 *
 *   count         values, in 0..BATCHING_COUNT_MAX.
 *   values        [count] finite or infinite, not NaN; not modified.
 *   config        for its percentiles; the rest is not looked at. NULL: none.
 *   distribution  written; must not be NULL.
 *
 * Where a value is infinite, so are mean and sum (NaN where values of both signs are), and std is NaN. A sum beyond a
 * double is infinite; mean, std and percentiles of finite values are finite. Errors, time and memory as
 * batching_serving_metrics_calculate.
 */
batching_status batching_distribution_calculate(int64_t count, const double *values,
                                                const batching_serving_metrics_config *config,
                                                batching_distribution *distribution);

/* ================================================================================================================
 * Load
 *
 * How loaded a server was, as step functions of time, from the columns of the requests alone:
 *
 *   running(t)  requests with start <= t < end
 *   waiting(t)  requests with arrival <= t < start
 *   tokens(t)   prompt and output tokens of the running, all of them from start to end: the room that they would need
 *               if it were given to them in advance
 *   held(t)     requests with last token <= t < end: their slot is taken, but generates nothing
 *
 * So a request that ends at t and another that starts at t do not overlap, and a request that starts and ends at the
 * same nanosecond is never running. Means are over the time of the window, peaks over its instants.
 *
 *   utilization         share of the window with running(t) > 0
 *   slot_utilization    mean of running(t) / slots. Above 1 if more run than there are slots: the time from start to
 *                       end of a simulated request includes that in which it was preempted.
 *   held_slot_time      integral of held(t)
 *   unfilled_slot_time  integral of min(max(0, slots - running(t)), waiting(t)): slots that a waiting request could
 *                       have had
 *   wasted_slot_share   both, divided by slots x window: near 0 for continuous batching. Static batching wastes the
 *                       time for which it holds its shorter members, and the slots that are free until a batch is full.
 *
 * A request whose start_time is unknown counts as running from its arrival: running(t) is then the number of requests
 * in the system. Requests that failed are left out. first_token_time and the token times are checked, and change
 * nothing here.
 * ================================================================================================================ */

/** The window of time over which the load is taken, and the slots. 0 and NULL are the defaults given here. */
typedef struct batching_load_config {
    uint32_t struct_size; /**< sizeof(batching_load_config) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    double window_start;  /**< Seconds. Only with window_end. */
    double window_end;    /**< Seconds, not before window_start. 0: from the first arrival to the last end. */
    int64_t slots;        /**< Requests that the server can run at once. 0: unknown. */
    /** [count] seconds in [start, end] of the request: when it had its own last token, after which it was held in its
     *  batch; NaN: its end. NULL: all their ends. */
    const double *last_token_time;
} batching_load_config;

batching_status batching_load_config_init(batching_load_config *config, uint32_t struct_size);

/** How loaded a server was over a window of time. */
typedef struct batching_load {
    uint32_t struct_size;      /**< sizeof(batching_load) of the caller; set by the _init function. */
    uint32_t reserved;         /**< Must be 0. */
    double window_start;       /**< Seconds: the window that was taken. */
    double window_end;         /**< Seconds. */
    int64_t requests;          /**< Requests that were not left out. */
    double mean_running;       /**< Requests running, averaged over the window. */
    double mean_waiting;       /**< Requests waiting, averaged over the window. */
    double mean_tokens;        /**< Tokens in flight, averaged over the window. */
    int64_t peak_running;      /**< The most requests running at any instant of the window. */
    int64_t peak_waiting;      /**< The most requests waiting. */
    int64_t peak_tokens;       /**< The most tokens in flight. */
    double utilization;        /**< Share of the window in which any request runs. */
    double slot_utilization;   /**< mean_running / slots. NaN without slots. */
    double held_slot_time;     /**< Slots x seconds held by requests that have their last token. */
    double unfilled_slot_time; /**< Slots x seconds that were free while a request waited. NaN without slots. */
    double wasted_slot_share;  /**< (held_slot_time + unfilled_slot_time) / (slots x window). NaN without slots. */
} batching_load;

batching_status batching_load_init(batching_load *load, uint32_t struct_size);

/**
 * The load as it changes: one row an interval of time. The intervals follow each other without gaps, and the last ends
 * with the window. Columns are the caller's; NULL columns are not wanted.
 */
typedef struct batching_load_timeline {
    uint32_t struct_size; /**< sizeof(batching_load_timeline) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    int64_t capacity;     /**< Elements in each column; with bins at least as many as those. */
    int64_t count;        /**< Written: rows in all. Those beyond capacity are counted, but not kept. */
    int64_t bins;    /**< 0: a row wherever running, waiting or tokens change; at most 3 x count + 1. Otherwise that
                                many intervals of equal length, to the nanosecond rounded down; at most the nanoseconds
                                of the window, and none if that has no length. */
    double *time;    /**< [capacity] seconds: where the interval begins. */
    double *running; /**< [capacity] requests running, averaged over the interval. */
    double *waiting; /**< [capacity] requests waiting, averaged over the interval. */
    double *tokens;  /**< [capacity] tokens in flight, averaged over the interval. */
    int64_t *peak_running; /**< [capacity] the most requests running at any instant of the interval. */
    int64_t *peak_waiting; /**< [capacity] the most requests waiting. */
    int64_t *peak_tokens;  /**< [capacity] the most tokens in flight. */
} batching_load_timeline;

batching_status batching_load_timeline_init(batching_load_timeline *timeline, uint32_t struct_size);

/**
 * The load of a server: the step functions above, over a window.
 *
 *   recorded  the requests, in any order.
 *   config    NULL: all defaults.
 *   load      filled, or NULL.
 *   timeline  columns to fill, or NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_CAPACITY;
 * BATCHING_ERROR_INVALID_ARGUMENT if a time is out of its range, arrival <= start <= last token <= end does not hold, a
 * length is negative, or the window is none; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: O(count), and O(1) for each bin of a timeline with columns. Memory: none for columns of times that do not fall
 * (arrival, start, last token, end, each by itself); each other one costs a sort in 24 bytes a request, of which 4 are
 * kept until the end.
 */
batching_status batching_load_calculate(const batching_recorded *recorded, const batching_load_config *config,
                                        batching_load *load, batching_load_timeline *timeline);

/* ================================================================================================================
 * Engine
 *
 * One call, batching_simulate, simulates a serving engine on a trace, iteration by iteration. In each iteration the
 * policy decides which requests compute, and how many tokens each; the iteration-time model says how long that takes;
 * then the clock moves on. A request that arrives during an iteration joins at the start of the next one at the
 * earliest; one that arrives exactly then, joins.
 *
 * A request is its tokens: N known ones (prompt and generated), C of them computed, their KV in memory. Scheduling
 * brings C closer to N. When C reaches N, one token is generated at the end of the iteration, so a prompt that is
 * completed yields its first token there. A request *decodes* when N - C is 1 and it has generated before; everything
 * else, recomputation after a preemption included, is *prefill*. It ends when it has output_length tokens, or
 * max_model_len in all. The KV of the last token is never computed. A prompt_length of 0 counts as 1: at least one
 * token must be computed.
 *
 * Policies
 *
 *   vllm        What vLLM 0.33's V1 scheduler decides (vllm/v1/core/sched/scheduler.py), step by step. First come the
 *               running requests, in order of admission. Each gets min(N - C, long_prefill_token_threshold, what is
 *               left of max_num_batched_tokens) tokens, and the KV blocks that these need. If too few blocks are free,
 *               the last of the running is preempted (with BATCHING_QUEUE_PRIORITY: the least urgent, then the latest
 *               to arrive; among equals the first of the running): it loses its blocks and waits again, before all
 *               that never ran, to recompute all its tokens. If none was preempted, the waiting requests are admitted
 *               in order until one does not fit: it needs a slot, tokens, and blocks for all its known tokens beside
 *               the watermark. The threshold does not hold while at most one request is in the system.
 *   continuous  The same without a token budget: every prompt is computed whole in the iteration that admits it.
 *   orca        As continuous, but a request is admitted only when blocks for its prompt and output are free, which are
 *               then reserved (Yu et al., OSDI 2022).
 *   static      A batch forms when max_num_seqs requests have arrived, or none are left to come, and none is running;
 *               it takes as many as KV blocks for their prompts and outputs can be reserved for. All members compute
 *               until the longest is done, the others as padding, and end together.
 *   dynamic     A batch forms when max_num_seqs requests wait, or the oldest of fewer has waited max_queue_delay. It
 *               then runs as with static.
 *   custom      What policy_callback decides: see "Engine: your policy".
 *
 *   With constant iteration time and no memory limit, static and continuous give to the last bit what
 *   batching_static_simulate and batching_continuous_simulate give.
 *
 * Ends of answers
 *
 *   max_tokens   What the client allows; output_length is where the answer ends. With async_scheduling the next
 *                batch is scheduled before it is known that the token under way is the last. So a request whose answer
 *                ends before max_tokens is in one batch more: that token counts in the budget and in the time of the
 *                batch, may take a KV block, and may preempt another request. It is in no answer. When the last token
 *                is there, the request gives back its slot and all blocks. Nothing else looks at max_tokens: policies
 *                that reserve KV blocks reserve them for output_length.
 *
 *   abort_time   When the client leaves. As in vLLM that takes effect between the arrivals and the scheduling of an
 *                iteration, and at the end of an iteration, before its output is processed. So the token under way is
 *                lost, also if it was the last one, and slot and KV blocks are free for the iteration that is scheduled
 *                next. That holds in every policy; in a static or dynamic batch the place stays empty until the batch
 *                is done, which runs on as it was formed. The request is marked BATCHING_REQUEST_ABORTED, with the
 *                tokens that it got, and with end_time when the abort took effect. It is no answer: it has failed every
 *                SLO.
 *
 * Prefix caching (vllm, custom)
 *
 *   A full KV block is found again by its content, that is by all tokens from the start of the request to the end of
 *   the block. Hash ids say what is in a request, one for each hash_block_size tokens, chained: two requests have
 *   the same id at the same place only if all their tokens up to the end of that place are the same (hash_ids in
 *   Mooncake's traces). Where an id stands for several KV blocks, they are shared with it; where a KV block has several
 *   ids, its last one names it, since they are chained. A last id may stand for fewer tokens; ids beyond the request's
 *   tokens are ignored. With hash_covers_output the ids go on over the output, so that a later turn of a conversation
 *   finds what an earlier one generated. Tokens without an id are unlike any other request's, but a preempted request
 *   finds its own again. Blocks that no request uses stay until they are needed; the least recently released goes
 *   first, a request's tail before its head.
 *
 * Asynchronous scheduling (vllm, custom)
 *
 *   As vLLM's AsyncScheduler with two batches in flight, on an idealised clock: scheduling takes no time, and the
 *   device runs the batches in order. Batch k+1 is scheduled when the output of batch k-1 has been processed, and
 *   starts when batch k ends. So a request that finishes keeps its slot and its blocks for one more iteration, and
 *   one that arrives joins one iteration later. Where nothing can be scheduled, up to four empty batches of no
 *   duration follow.
 *
 * Where no more progress is possible
 *
 *   With admit_oversized a request may wait for what will never be free; and requests may preempt each other, or
 *   themselves, without end. As such count 1,000 preemptions, and 100 more for each request running, without a
 *   token in between. Then the clock goes on to the next arrival, which may change something; if none is left, the
 *   run ends with BATCHING_END_STUCK, and the requests that are left are marked BATCHING_REQUEST_STUCK. So every
 *   run ends.
 *
 * Where a default differs from vLLM's
 *
 *   synchronous       vLLM schedules asynchronously by default. Here a schedule that can be checked by hand.
 *   no prefix cache   vLLM caches by default. Without hash ids there is next to nothing to find, and it costs time.
 *   oversized         vLLM refuses to start if max_model_len does not fit the KV memory, or, without chunked prefill,
 *                     the token budget. Here each request that does not fit is rejected; admit_oversized forces it.
 *   no max_model_len  vLLM has the model's. Here there is no model.
 *   num_gpu_blocks    vLLM measures what is free. Here 0 is no limit.
 *   sizes             256 and 2048 are what vLLM takes on most GPUs; it takes 1024 and 8192 on an H100 or better.
 *   ties              vLLM breaks them by the request's id as a string ("r10" before "r2"). Here ids are indices, which
 *                     go in order of their number; tie_break gives any other order.
 *   empty prompts     vLLM rejects them. Here they count as one token, so that a trace without prompts can be run.
 *   livelock          vLLM goes on without end. Here a run always ends: see above.
 * ================================================================================================================ */

/** Its status: it has all its tokens. */
#define BATCHING_REQUEST_FINISHED 0
/** The run ended before, at a limit. Each time that it did not reach is NaN. */
#define BATCHING_REQUEST_UNFINISHED 100
/** It was waiting or running when no more progress was possible: see above. */
#define BATCHING_REQUEST_STUCK 110
/** Its client left, at abort_time, before it had all its tokens: end_time says when that took effect. */
#define BATCHING_REQUEST_ABORTED 120
/**
 * It was not sent: a turn before it failed, or the run ended before the engine looked at it. Its times are NaN, but for
 * an arrival_time before the end of the run. Only where there are sessions, clients or a max_concurrency: see "Engine:
 * clients".
 */
#define BATCHING_REQUEST_NOT_SENT 130
/** In a fleet: its replica was lost, or none was there, and it was not sent again. end_time is when that was. */
#define BATCHING_REQUEST_LOST 140
/** In a fleet: it had no first token, or not all of them, in time. end_time is when it left. */
#define BATCHING_REQUEST_TIMED_OUT 150
/** Rejected on arrival: prompt_length is not below max_model_len. Its times are NaN. */
#define BATCHING_REQUEST_REJECTED_MODEL_LENGTH 200
/** Rejected on arrival: it needs more KV blocks than there are. Its times are NaN. */
#define BATCHING_REQUEST_REJECTED_KV_MEMORY 210
/** Rejected on arrival: chunked prefill is disabled and it is longer than max_num_batched_tokens. Its times are NaN. */
#define BATCHING_REQUEST_REJECTED_TOKEN_BUDGET 220
/** Rejected on arrival by a fleet: see batching_admission_config. end_time is its arrival. */
#define BATCHING_REQUEST_REJECTED_ADMISSION 230

/** Why the run ended: every request has finished, was rejected or was aborted, or is one that will never be sent. */
#define BATCHING_END_COMPLETED 0
/** The next iteration would have started at or after time_limit. */
#define BATCHING_END_TIME_LIMIT 100
/** iteration_limit iterations have run. */
#define BATCHING_END_ITERATION_LIMIT 110
/** Requests are left, none will arrive, and no iteration can change anything: see above. */
#define BATCHING_END_STUCK 200

/** One iteration (a forward pass of the model), as the callbacks of a run see it. */
typedef struct batching_iteration {
    uint32_t struct_size;   /**< sizeof(batching_iteration) of the library. */
    uint32_t reserved;      /**< 0. */
    int64_t number;         /**< 0, 1, 2, ... */
    double time;            /**< Seconds: when it was scheduled. */
    int64_t running;        /**< Requests running, those that get nothing in this iteration included. */
    int64_t waiting;        /**< Requests waiting after the scheduling. */
    int64_t prefill_tokens; /**< Tokens of all prefill chunks, those of recomputation included. */
    int64_t decode_tokens;  /**< Sequences that decode: each computes one token. */
    int64_t context_tokens; /**< Over those sequences: the sum of the tokens each attends to, its newest included. */
    double prefill_context; /**< Over the chunks: the sum of tokens x context, where a chunk's context is the number of
                                 its request's tokens whose KV is there after it: those before it and itself. */
    int64_t kv_blocks_used; /**< KV blocks in use after the scheduling. */
    int64_t preemptions;    /**< Requests that it preempted. */
    int64_t prefill_chunks; /**< Prefill chunks: the requests that prefill_tokens belong to. */
} batching_iteration;

/** Writes how many seconds the iteration takes: finite, at least 0, rounded to whole nanoseconds. */
typedef int32_t (*batching_iteration_time_callback)(const batching_iteration *iteration, double *seconds,
                                                    void *user_data);

/** How far a run has come. */
typedef struct batching_progress {
    uint32_t struct_size; /**< sizeof(batching_progress) of the library. */
    uint32_t reserved;    /**< 0. */
    int64_t iterations;   /**< Iterations so far. */
    double time;          /**< Seconds on the clock of the run. */
    int64_t arrived;      /**< Requests that have arrived, rejected ones included. */
    int64_t finished;     /**< Requests that have all their tokens. */
    int64_t count;        /**< Requests in all; of a live engine, those submitted so far. */
} batching_progress;

/** A run that may end near BATCHING_TIME_MAX is tried first without outputs, and so reports its progress twice. */
typedef int32_t (*batching_progress_callback)(const batching_progress *progress, void *user_data);

/* What stands in the sections that follow: see "Engine: iteration times", "Engine: logs", "Engine: attribution" and
   "Engine: your policy". */

struct batching_iteration_log;
struct batching_decision_log;
struct batching_attribution;
struct batching_policy_view;
struct batching_policy_decision;
struct batching_roofline;
struct batching_time_table;
struct batching_kv_offload;

/** Decides what each request computes in the iteration that the view shows: see "Engine: your policy". */
typedef int32_t (*batching_policy_callback)(const struct batching_policy_view *view,
                                            struct batching_policy_decision *decision, void *user_data);

/** How an engine schedules, what it has, and how long an iteration takes. 0 and NULL are the defaults given here. */
typedef struct batching_engine_config {
    uint32_t struct_size; /**< sizeof(batching_engine_config) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */

    /* Scheduling */

    int32_t policy;                 /**< BATCHING_POLICY_...: how it schedules. 0: BATCHING_POLICY_VLLM. */
    int32_t queue_order;            /**< BATCHING_QUEUE_...: in which order the waiting are admitted. 0: by arrival. */
    int64_t max_num_seqs;           /**< The most requests that run at once; the batch of static and dynamic. At most
                                         BATCHING_COUNT_MAX. 0: 256. */
    int64_t max_num_batched_tokens; /**< vllm: the most tokens in an iteration; at least max_num_seqs. 0: 2048,
                                         or max_num_seqs if that is more. */
    int64_t long_prefill_token_threshold; /**< vllm: the most tokens of one request in an iteration, unless it is alone.
                                               0: no such limit. */
    int64_t max_model_len;                /**< The most tokens of a request, prompt and output: one whose prompt is not
                                           shorter is rejected, any other ends there. 0: no limit. */
    int32_t disable_chunked_prefill;      /**< vllm: 1: a prompt is computed in one iteration or not yet. */
    int32_t disable_reserve_full_isl; /**< vllm: 1: a request is admitted as soon as its first chunk fits, though its
                                           whole prompt may not (vLLM's scheduler_reserve_full_isl=False). */
    int32_t async_scheduling; /**< vllm, custom: 1: iteration k+1 is scheduled before the output of k is known. */
    int32_t instant_prefill;  /**< 1: prompts cost neither tokens nor time: a request decodes at once, as in a
                                           replica that gets its prefills from elsewhere. */
    double max_queue_delay;   /**< dynamic: seconds after which a batch starts though it is not full. */

    /* Memory */

    int64_t num_gpu_blocks; /**< KV blocks, vLLM's null block included, so that one fewer can be used; from 2
                                        to BATCHING_COUNT_MAX. 0: no limit. */
    int32_t block_size;     /**< Tokens in a KV block, at most 65,536. 0: 16. */
    int32_t
        enable_prefix_caching; /**< vllm, custom: 1: blocks are found again by their content. Needs num_gpu_blocks. */
    double watermark;          /**< vllm: the share of num_gpu_blocks that must stay free when a request is admitted
                                        beside others, in [0, 1). */
    int32_t admit_oversized;   /**< 1: a request that can never fit is not rejected; it waits, or preempts itself,
                                        without end, as in a vLLM forced past its own start-up check. */

    /* Iteration time */

    int32_t time_model;              /**< BATCHING_TIME_...: how long iterations take. 0: BATCHING_TIME_DEFAULT. */
    double time_base;                /**< constant, affine: seconds of each iteration; 0 is no time. */
    double time_per_prefill_token;   /**< affine: seconds a token of a prefill chunk. */
    double time_per_decode_token;    /**< affine: seconds a sequence that decodes. */
    double time_per_context_token;   /**< affine: seconds a token that those attend to. */
    double time_per_prefill_context; /**< affine: seconds x the sum over chunks of tokens x context. */
    batching_iteration_time_callback time_callback; /**< callback: asked for each iteration that computes. */
    void *time_user_data;                           /**< For time_callback. */

    /* Ending a run early */

    double time_limit;       /**< No iteration starts at or after this many seconds. 0: no limit. */
    int64_t iteration_limit; /**< No more iterations than this. 0: no limit. */
    batching_progress_callback progress_callback; /**< Called every progress_interval iterations; or NULL. */
    void *progress_user_data;                     /**< For progress_callback. */
    int64_t progress_interval;                    /**< Iterations between two calls. 0: 4096. */

    /* What else is wanted of the run; costs nothing if not wanted */

    struct batching_iteration_log *iteration_log;   /**< A row an iteration, or NULL: see "Engine: logs". */
    struct batching_decision_log *decision_log;     /**< A row an event, or NULL: see "Engine: logs". */
    const struct batching_attribution *attribution; /**< The parts of each request's time, or NULL: see "Engine:
                                                         attribution". Written as the columns of the results are. */

    /* A policy of your own */

    batching_policy_callback policy_callback; /**< custom: asked for each iteration. See "Engine: your policy". */
    void *policy_user_data;                   /**< For policy_callback. */

    /* What else is wanted of a live engine: see there. For batching_simulate it changes nothing. */

    int32_t keep_attribution; /**< 1: the event that ends a request has the parts of its time. */
    uint32_t reserved_2;      /**< Must be 0. */

    /* Iteration time: what else the models need */

    double time_per_prefill_iteration; /**< affine: seconds of each iteration that has a prefill chunk. */
    double time_per_prefill_chunk;     /**< affine: seconds a prefill chunk. */
    double time_startup;               /**< affine: seconds that the first iteration of a run takes longer. */
    const struct batching_roofline *time_roofline; /**< roofline: the model and the GPUs. */
    const struct batching_time_table *time_table;  /**< table: the seconds that were measured. */

    /* Memory: where KV blocks stay that leave it */

    const struct batching_kv_offload
        *kv_offload; /**< Host memory and a disk, or NULL: see "Engine: KV offload". Needs enable_prefix_caching. */
} batching_engine_config;

batching_status batching_engine_config_init(batching_engine_config *config, uint32_t struct_size);

/** vLLM V1's scheduler. */
#define BATCHING_POLICY_VLLM 0
/** A batch is filled, runs until its longest member is done, and only then makes room. */
#define BATCHING_POLICY_STATIC 100
/** A batch forms when it is full or its oldest member has waited max_queue_delay; then as static. */
#define BATCHING_POLICY_DYNAMIC 110
/** A request joins whenever a slot is free and leaves when it is done. */
#define BATCHING_POLICY_CONTINUOUS 200
/** As continuous, with KV memory reserved for prompt and output on admission: nothing is ever preempted. */
#define BATCHING_POLICY_ORCA 210
/** What policy_callback decides. */
#define BATCHING_POLICY_CUSTOM 300

/** First come, first served. */
#define BATCHING_QUEUE_ARRIVAL 0
/** Lowest priority value first, then arrival, then tie_break. When blocks run out, the least urgent is preempted. */
#define BATCHING_QUEUE_PRIORITY 100
/** Shortest output first, then arrival, then tie_break: an oracle, since no server knows the output's length. */
#define BATCHING_QUEUE_SHORTEST_OUTPUT 200

/** 0.01 seconds an iteration: a placeholder, of no model or GPU. time_base and all time_per_... must be 0. */
#define BATCHING_TIME_DEFAULT 0
/** time_base. With 0 an iteration takes no time, and only the wait for arrivals does. */
#define BATCHING_TIME_CONSTANT 50
/**
 * time_base + time_per_prefill_token x prefill_tokens + time_per_decode_token x decode_tokens
 * + time_per_context_token x context_tokens + time_per_prefill_context x prefill_context + time_per_prefill_chunk
 * x prefill_chunks, and time_per_prefill_iteration if there is any, and time_startup in the first iteration of a run, in
 * that order, in double.
 */
#define BATCHING_TIME_AFFINE 100
/** What follows from a model and a GPU, time_roofline: see "Engine: iteration times". */
#define BATCHING_TIME_ROOFLINE 120
/** What was measured, time_table: see "Engine: iteration times". */
#define BATCHING_TIME_TABLE 140
/** What time_callback answers. */
#define BATCHING_TIME_CALLBACK 200

/**
 * Simulates an engine on requests.
 *
 *   config    NULL: all defaults.
 *   requests  the requests, in any order of arrival; not modified.
 *   results   columns to fill, or NULL.
 *   summary   filled, or NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER if requests is NULL, hash_ids has no hash_offsets, the time model is
 * BATCHING_TIME_CALLBACK without one, or the policy is BATCHING_POLICY_CUSTOM without one; BATCHING_ERROR_STRUCT_SIZE;
 * BATCHING_ERROR_INVALID_ARGUMENT if a value is out of its range, or two contradict each other; BATCHING_ERROR_CAPACITY
 * if results->capacity is smaller than requests->count; BATCHING_ERROR_OVERFLOW if the clock would pass
 * BATCHING_TIME_MAX; BATCHING_ERROR_OUT_OF_MEMORY; BATCHING_ERROR_CANCELLED if a callback stopped the run.
 *
 * A run that fails on its way (it is cancelled, a callback's answer is invalid, the clock passes its maximum, memory
 * runs out) may have written rows of logs and elements of results, but not the summary.
 *
 * Time: O(1) for each iteration and each request, and for each request that prefills in an iteration, however many are
 * running; O(running) for an iteration in which KV blocks or the token budget run short, or that is logged with its
 * decisions (with include_queues O(running + waiting)), and by priority for each preemption; with prefix caching O(1) a
 * KV block that is taken, published or given back, and for each that a request finds in the cache whenever it becomes
 * the first of the waiting; with kv_offload for each that it finds there whenever it may be admitted. A queue other than
 * by arrival costs O(log(waiting)) a request, and again for each that is
 * logged in it; O(waiting) for one that is preempted with its last token on its way, as happens with async_scheduling.
 * None of this depends on what the hash ids are: an index in which they collide takes another hash. In a closed loop a
 * request costs O(log(n)) more, n being the open sessions, clients, and places that are free.
 *
 * Memory: about 100 bytes for each request that is running or preempted, and with prefix caching 48 for each KV block
 * that was ever in use, and 4 for each block of those running; 48 for each one waiting in a queue that is not by
 * arrival. Requests that are not given in order of arrival cost 24 bytes a request more, and a sort; so does
 * abort_time, and then 8 bytes a request until the end. include_queues costs 4 bytes a request once one has been
 * rejected or has left. Sessions and clients cost 4 bytes a request, sessions 4 more, and 16 for each open session and
 * client; while sessions are read whose values are not all in 0..count - 1, up to 16 for each session. Without the column
 * sent_time a closed loop costs 8 bytes a request where attribution, policies other than vllm, continuous and orca, or a
 * queue other than by arrival look at it.
 */
batching_status batching_simulate(const batching_engine_config *config, const batching_requests *requests,
                                  const batching_results *results, batching_summary *summary);

/* ================================================================================================================
 * Engine: iteration times
 *
 * How long an iteration takes follows from what it computes (batching_iteration): p prefill tokens in c chunks, n
 * sequences that decode, C tokens of context that those attend to, and Q, the sum over chunks of tokens x context. In
 * all, T = p + n tokens go through the linear layers, and S = n + c sequences through the output head, as vLLM computes
 * logits for every request that is scheduled. There are four models, and a callback:
 *
 *   constant  each takes as long: for schedules that are checked by hand.
 *   affine    a sum of terms that are proportional to these: what a request log can be fitted to.
 *   roofline  from a model, a GPU and tensor parallelism, as data sheets have them, and the shares of it that kernels
 *             reach: see "Models and GPUs" for those known by name.
 *   table     the seconds that parts of an iteration took where they were measured.
 *
 * All are computed in double by +, -, x, / and square root, so that every machine gives the same bits, and the sum is
 * rounded once to whole nanoseconds. An iteration that computes nothing takes no time. None takes less time than one with
 * a smaller n, C, c or Q that is the same in all else. A larger p with the same Q means shorter contexts, which may take
 * less; one more token in the only chunk, with its context, does not.
 *
 * Roofline (Williams et al., CACM 2009), in this order. The seconds of one unit of work (a token, a sequence, an expert, a
 * token of context, a pair) are divided out first, and then multiplied by how many there are:
 *
 *   linear layers      hypot(linear_bytes / (memory_bandwidth x bandwidth_share), linear_flops x T / (linear_peak
 *                      x gemm_share)), where hypot(a, b) is the square root of a x a + b x b: memory and arithmetic
 *                      overlap, but not without loss.
 *   experts            the same with experts x (1 - (1 - experts_per_token / experts)^T) experts that are read, of
 *                      expert_bytes each, and expert_flops x experts_per_token x T; with the shares of experts. As if
 *                      tokens chose their experts independently and evenly.
 *   output head        the same with head_bytes, head_flops x S, head_peak and head_share.
 *   all-reduces        two a layer, if tensor_parallel is above 1: allreduce_latency x log2(tensor_parallel)
 *                      + 2 x (tensor_parallel - 1) / tensor_parallel x T x allreduce_bytes / (link_bandwidth
 *                      x link_share).
 *   fixed times        per_iteration + per_layer x layers + per_sequence x S + per_prefill_iteration, if p > 0.
 *   decode attention   kv_bytes x C + min(window_bytes x C, window_bytes x window x n), over memory_bandwidth x kv_share.
 *   prefill attention  the larger of its arithmetic, attention_flops x A + window_attention_flops x min(A, window x p)
 *                      over attention_peak x attention_share, with A = max(Q - p x p / (2 x c), 0), the pairs of a token
 *                      and one that it attends to; and of reading KV, (kv_bytes x Q / p + window_bytes x min(Q / p,
 *                      window)) x c over memory_bandwidth x kv_share.
 *
 * Table, in this order; scales of 0 are 1:
 *
 *   linear(T) x linear_scale + head(S) x head_scale + per_iteration + per_sequence x S + per_prefill_iteration, if p > 0,
 *   + decode(n, C) x decode_scale + prefill(p, before) x prefill_scale. All chunks count as one with as many tokens and
 *   as many pairs, A as above, of a token and one that it attends to: before = A / p - p / 2. Where that is below 0, it
 *   is first + (prefill(p, 0) - first) x A / (p x p / 2), first being the first value of prefill_seconds. A chunk of more
 *   tokens than the last row, P, takes p / P times what P tokens do, with as many pairs in all.
 *
 *   Values are interpolated linearly between those measured. Below the first place of an axis they are as at it. Beyond
 *   the last, linear and head go on as between the last two places (with one place: as at it); decode stays as it is
 *   for more sequences with as many tokens of context in all, and is in proportion to those; prefill is in proportion
 *   to the tokens before (if the last place of those is 0: as at it).
 * ================================================================================================================ */

/**
 * What the roofline is computed from: a model as one of its GPUs holds it, the GPUs, and what kernels reach of them.
 * Written by batching_deployment_roofline_calculate, fitted by calibration; or fill in your own. All values are finite
 * and at least 0; what is divided by (memory_bandwidth, and each peak, bandwidth and share whose work is not 0) is
 * above 0.
 */
typedef struct batching_roofline {
    uint32_t struct_size; /**< sizeof(batching_roofline) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */

    /* The model, as each of tensor_parallel GPUs holds it */

    double layers;                 /**< Layers. */
    double linear_bytes;           /**< Bytes of weights that each iteration reads: without experts and output head. */
    double linear_flops;           /**< FLOPs a token with these weights. */
    double experts;                /**< Experts a layer; 0: none. At most 65,536. */
    double experts_per_token;      /**< Experts that a token goes through; at most experts. */
    double expert_bytes;           /**< Bytes of one expert of each layer. */
    double expert_flops;           /**< FLOPs of a token in one expert of each layer. */
    double head_bytes;             /**< Bytes of the output head. */
    double head_flops;             /**< FLOPs of the output head for a sequence. */
    double kv_bytes;               /**< Bytes of KV that are read a token of context: layers with full attention. */
    double window_bytes;           /**< The same of layers with a sliding window. */
    double window;                 /**< Tokens of that window. */
    double attention_flops;        /**< FLOPs of a token that attends to one: layers with full attention. */
    double window_attention_flops; /**< The same of layers with a sliding window. */
    double allreduce_bytes;        /**< Bytes a token of one all-reduce; of them there are two a layer. */
    double tensor_parallel;        /**< GPUs that share each layer: a power of two, at most 1,024. 0: 1. */

    /* The GPUs */

    double memory_bandwidth; /**< Bytes a second. */
    double linear_peak;      /**< FLOPs a second, in the type that linear layers are computed in. */
    double expert_peak;      /**< The same for experts. */
    double head_peak;        /**< The same for the output head. */
    double attention_peak;   /**< The same for prefill attention. */
    double link_bandwidth;   /**< Bytes a second from one GPU to the others, in one direction. */

    /* What kernels reach of it, from 0 to 1 by nature, which is not checked */

    double bandwidth_share;        /**< Of memory_bandwidth: reading weights. */
    double gemm_share;             /**< Of linear_peak. */
    double expert_bandwidth_share; /**< Of memory_bandwidth: reading experts. */
    double expert_gemm_share;      /**< Of expert_peak. */
    double head_share;             /**< Of head_peak. */
    double kv_share;               /**< Of memory_bandwidth: reading KV. */
    double attention_share;        /**< Of attention_peak. */
    double link_share;             /**< Of link_bandwidth. */

    /* Seconds, whatever the GPU */

    double allreduce_latency;     /**< Each all-reduce of two GPUs; of more times their logarithm to base 2. */
    double per_iteration;         /**< Each iteration. */
    double per_layer;             /**< Each layer. */
    double per_sequence;          /**< Each sequence or chunk that is scheduled. */
    double per_prefill_iteration; /**< Each iteration that has a prefill chunk. */
} batching_roofline;

batching_status batching_roofline_init(batching_roofline *roofline, uint32_t struct_size);

/** The most places of an axis of a table; and the most values of a grid. */
#define BATCHING_TABLE_AXIS_MAX   65536
#define BATCHING_TABLE_VALUES_MAX 16777216

/**
 * Seconds that parts of an iteration took. The places of each axis rise; a value is finite, at least 0, and not below
 * the one before it on either axis. A part without places takes no time. The columns are borrowed for the call that they
 * are given to; a live engine copies them.
 */
typedef struct batching_time_table {
    uint32_t struct_size; /**< sizeof(batching_time_table) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */

    int64_t linear_count;        /**< Places of linear. */
    const double *linear_tokens; /**< [linear_count] tokens. */
    const double
        *linear_seconds; /**< [linear_count] seconds of all linear layers, and of all else that each token costs. */

    int64_t head_count;           /**< Places of head. */
    const double *head_sequences; /**< [head_count] sequences that sample. */
    const double *head_seconds;   /**< [head_count] seconds of output head and sampling. */

    int64_t decode_sequence_count;  /**< Rows of decode. */
    int64_t decode_context_count;   /**< Columns of decode. */
    const double *decode_sequences; /**< [decode_sequence_count] sequences that decode; above 0. */
    const double *decode_contexts; /**< [decode_context_count] the sum of the contexts that those attend to; above 0. */
    const double *
        decode_seconds; /**< [decode_sequence_count x decode_context_count] seconds of decode attention in all layers, row by row. */

    int64_t prefill_token_count;    /**< Rows of prefill. */
    int64_t prefill_context_count;  /**< Columns of prefill. */
    const double *prefill_tokens;   /**< [prefill_token_count] tokens of a chunk; above 0. */
    const double *prefill_contexts; /**< [prefill_context_count] tokens before it. */
    const double *
        prefill_seconds; /**< [prefill_token_count x prefill_context_count] seconds of prefill attention in all layers, row by row. */

    double linear_scale;  /**< linear is multiplied by it. 0: 1. */
    double head_scale;    /**< head is multiplied by it. 0: 1. */
    double decode_scale;  /**< decode is multiplied by it. 0: 1. */
    double prefill_scale; /**< prefill is multiplied by it. 0: 1. */

    double per_iteration;         /**< Seconds of each iteration. */
    double per_sequence;          /**< Seconds of each sequence or chunk that is scheduled. */
    double per_prefill_iteration; /**< Seconds of each iteration that has a prefill chunk. */
} batching_time_table;

batching_status batching_time_table_init(batching_time_table *table, uint32_t struct_size);

/** What iterations compute, one an element: what a model of their time looks at. */
typedef struct batching_iterations {
    uint32_t struct_size;          /**< sizeof(batching_iterations) of the caller; set by the _init function. */
    uint32_t reserved;             /**< Must be 0. */
    int64_t count;                 /**< How many; from 0 to BATCHING_COUNT_MAX. */
    const int64_t *prefill_tokens; /**< [count] as in batching_iteration; at most 2^53 each. NULL: 0. */
    const int64_t
        *prefill_chunks; /**< [count] from 1 to prefill_tokens; 0 where that is 0. NULL: 1 where there are tokens. */
    const int64_t *decode_tokens; /**< [count] at most 2^53. NULL: 0. */
    const int64_t
        *context_tokens; /**< [count] at least decode_tokens, at most 2^53; 0 where those are 0. NULL: as many. */
    const double *prefill_context; /**< [count] finite, at least 0; 0 where prefill_tokens is 0. NULL: prefill_tokens
                                         x prefill_tokens / prefill_chunks, chunks of one size with no context before. */
} batching_iterations;

batching_status batching_iterations_init(batching_iterations *iterations, uint32_t struct_size);

/**
 * How long iterations take, as an engine of this configuration takes them.
 *
 *   config      only its iteration time counts; must not be NULL.
 *   iterations  what they compute; must not be NULL.
 *   seconds     written, one element an iteration, as if another had run before. With BATCHING_TIME_CALLBACK the callback
 *               is asked for each, with the iteration's index + 1 as number; elements before one that fails are then
 *               written.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT if a value is out of
 * its range; BATCHING_ERROR_OVERFLOW if one takes longer than BATCHING_TIME_MAX; BATCHING_ERROR_CANCELLED if the callback
 * stopped it. Time: O(1) an iteration, with a table O(log(places)).
 */
batching_status batching_iteration_times_calculate(const batching_engine_config *config,
                                                   const batching_iterations *iterations, double *seconds);

/* ================================================================================================================
 * Engine: KV offload
 *
 * Two tiers beside the prefix cache: host memory, then a disk. A tier holds KV blocks by their content.
 *
 *   Writes  A block that has become full, and can be found in the prefix cache, is written to each tier, in the background: it
 *           takes no time of the iteration. A tier is written block by block, in the order in which they become full (of
 *           those of one iteration: in the order of admission of the requests, and of their tokens), each block_size
 *           x kv_bytes_per_token / write_bandwidth after the one before it, or after it became full. From then on it can be
 *           read. A block that is there already, or on its way, is not written again, but used.
 *   LRU     A full tier gives up the block that was used longest ago: that was written, was to be written again, or was
 *           loaded. Of those used at one time the first goes first.
 *   Loads   When a request is admitted, the full blocks behind those that it finds in the prefix cache are looked up, each in
 *           the first tier from which it can be read by then, up to the first that is in none. As in the prefix cache, at
 *           least one token is left to compute. What is found is not computed: it counts as a hit of the prefix cache, and
 *           takes KV blocks of the GPU as what is computed does. A request that comes back after a preemption finds its own.
 *   Time    The loads of an iteration are those of the requests that it admits: bytes / read_bandwidth for each tier, one tier
 *           after the other, each rounded to whole nanoseconds. They overlap with computing, as where KV is loaded layer by
 *           layer: the iteration takes the longer of the two. With loads_block it computes after them: it takes the sum.
 *
 * Attribution counts loads as prefill. time_callback is not told of them. Routers are told nothing of tiers: KV events and
 * cached_tokens speak of the prefix cache. In a fleet each replica has tiers of its own, which it loses with its prefix cache.
 * ================================================================================================================ */

/** Where KV blocks stay that leave the memory of the GPU. 0: no such tier, or no such time. */
typedef struct batching_kv_offload {
    uint32_t struct_size; /**< sizeof(batching_kv_offload) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */

    int64_t host_tokens;        /**< Tokens that host memory holds, in whole KV blocks: at least block_size, and at most
                                      BATCHING_COUNT_MAX blocks. 0: it holds none. */
    double host_read_bandwidth; /**< Bytes a second from host memory, at most 1e18. 0: it takes no time. */
    double host_write_bandwidth; /**< Bytes a second to host memory, the same. */
    int64_t disk_tokens;         /**< Tokens that the disk holds, as host_tokens. 0: it holds none. */
    double disk_read_bandwidth;  /**< Bytes a second from the disk, the same. */
    double disk_write_bandwidth; /**< Bytes a second to the disk, the same. */
    double
        kv_bytes_per_token; /**< Bytes of the KV cache a token, on all GPUs, at most 1e15. Required with a bandwidth. */
    int32_t loads_block;    /**< 1: an iteration computes after its loads. 0: meanwhile. */
    uint32_t reserved_2;    /**< Must be 0. */
} batching_kv_offload;

batching_status batching_kv_offload_init(batching_kv_offload *offload, uint32_t struct_size);

/* ================================================================================================================
 * Models and GPUs
 *
 * What architectures and data sheets say, by name, and what follows from it for a model on a GPU: the bytes of weights
 * and of KV, the KV blocks that vLLM would have, and the times of iterations.
 *
 * From spec sheets, times are right within about 10% for a dense model on one GPU or over NVLink, within about 25% for a
 * mixture of experts or over PCIe. Calibrate on a log of your own where more is needed.
 *
 * Memory, as vLLM's V1 engine divides it (gpu_worker.py, determine_available_memory), on each GPU:
 *
 *   taken       gpu_memory_utilization x (memory_bytes - driver_bytes).
 *   weights     layers in weight_dtype, with embedding, output head and norms in 16 bits; of fp4 and int4 with their
 *               scales. Split by tensor_parallel: but KV heads are held again where there are fewer than GPUs, and norms,
 *               routers and what leads to the latents of MLA are held by each.
 *   activation  what the profile run peaks at: hidden states of 2 x hidden_size x (T + S) bytes, and the larger of the
 *               sampler's 38 x S x vocab_size bytes (logits in 16 and in 32 bits, and what sorting them takes) and of one
 *               layer's 2 x T x width bytes; with T = max_num_batched_tokens, S = max_num_seqs, at most T, and width the
 *               numbers that a layer holds of a token: gate, up and their product, of each expert that the token goes
 *               through, too, with what comes out of it. The 38 is from logs of six models on an H100 (llm-d-benchmark,
 *               empirical-vllm-memory-results.md), which the whole meets within 1.2%.
 *   others      150 MB, and 450 MB more if tensor_parallel is above 1: what the same logs call non-torch memory.
 *   KV          what is left. A block has block_size x kv_bytes_per_token bytes. The latent of MLA is not split.
 * ================================================================================================================ */

/** Numbers of 16 bits: bfloat16, or float16. */
#define BATCHING_DTYPE_BF16 0
/** Numbers of 8 bits with a floating point. */
#define BATCHING_DTYPE_FP8 100
/** Integers of 8 bits. */
#define BATCHING_DTYPE_INT8 110
/** Numbers of 4 bits with a floating point, and a scale of 8 bits for each 16: NVFP4. */
#define BATCHING_DTYPE_FP4 200
/** Integers of 4 bits, and a scale of 16 bits for each 128: as AWQ and GPTQ have them; computed in bf16. */
#define BATCHING_DTYPE_INT4 210

/** Stacked memory on the GPU's package. */
#define BATCHING_MEMORY_HBM 0
/** Memory chips beside the GPU. */
#define BATCHING_MEMORY_GDDR 100

/** No link is known: for one GPU only. */
#define BATCHING_LINK_NONE 0
/** A link that is made for it: NVLink, AMD's Infinity Fabric, a TPU's ICI. */
#define BATCHING_LINK_NVLINK 100
/** PCI Express: how fast that is differs from one host to another. */
#define BATCHING_LINK_PCIE 200

/** A GPU, as its data sheet says. 0 is the default given here; your own numbers are as good as those of a name. */
typedef struct batching_gpu {
    uint32_t struct_size; /**< sizeof(batching_gpu) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    const char *name;     /**< As the catalogue calls it; NULL for one of your own. The library's, and never freed. */
    const char *source;   /**< Where the numbers stand; or NULL. The library's, and never freed. */
    double memory_bytes;  /**< As the driver tells it: nvidia-smi. At most 2^53. */
    double driver_bytes;  /**< Of those, what the driver keeps for itself: what nvidia-smi counts and a program does not
                               see. 0: nothing. */
    double memory_bandwidth; /**< Bytes a second. */
    double bf16_peak;        /**< Dense FLOPs a second of the tensor cores, accumulated in 32 bits, without sparsity. */
    double fp8_peak;         /**< The same in fp8. 0: computed in bf16. */
    double int8_peak;        /**< Operations a second with int8. 0: computed in bf16. */
    double fp4_peak;         /**< The same as bf16_peak in fp4. 0: computed in bf16. */
    double link_bandwidth;   /**< Bytes a second from one GPU to the others, in one direction. 0: not known. */
    double power;            /**< Watts: the thermal design power. 0: not known. */
    int32_t memory_type;     /**< BATCHING_MEMORY_... */
    int32_t link_type;       /**< BATCHING_LINK_... */
} batching_gpu;

batching_status batching_gpu_init(batching_gpu *gpu, uint32_t struct_size);

/**
 * How many GPUs the catalogue has.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER if count is NULL.
 */
batching_status batching_gpus_count(int64_t *count);

/**
 * One of them, in order of name.
 *
 *   index  from 0 to the count - 1.
 *   gpu    written.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT.
 */
batching_status batching_gpu_get(int64_t index, batching_gpu *gpu);

/**
 * The GPU of a name. Case does not count, nor does what is neither a letter nor a digit: "h100 sxm" is H100-SXM.
 *
 *   name  at most 255 bytes.
 *   gpu   written.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT if there is none: the
 * sentence lists names that are near.
 */
batching_status batching_gpu_find(const char *name, batching_gpu *gpu);

/**
 * The architecture of a model, in the words of Hugging Face's config.json. 0 is the default given here; a struct of your
 * own is as good as one found by name. All are at least 0; lengths at most 2^31 - 1.
 */
typedef struct batching_model {
    uint32_t struct_size; /**< sizeof(batching_model) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    const char *name;     /**< As the catalogue calls it; NULL for one of your own. The library's, and never freed. */
    const char *source;   /**< Where the numbers stand; or NULL. The library's, and never freed. */

    int32_t num_hidden_layers;   /**< At least 1. */
    int32_t hidden_size;         /**< At least 1. */
    int32_t num_attention_heads; /**< At least 1. */
    int32_t num_key_value_heads; /**< 0: as many as num_attention_heads. */
    int32_t head_dim;            /**< 0: hidden_size / num_attention_heads. */
    int32_t intermediate_size;   /**< Of the feed-forward layers without experts. */
    int32_t vocab_size;          /**< At least 1. */
    int32_t tie_word_embeddings; /**< 1: the output head is the embedding. */

    int32_t num_experts;                     /**< Routed experts of a layer that has them. 0: none. */
    int32_t num_experts_per_tok;             /**< Routed experts that a token goes through. */
    int32_t moe_intermediate_size;           /**< Of one routed expert. */
    int32_t shared_expert_intermediate_size; /**< Of all shared experts together. 0: none. */
    int32_t dense_layers;                    /**< Layers without experts. Not looked at if num_experts is 0. */

    int32_t kv_lora_rank;     /**< MLA: the latent that stands for keys and values. 0: no MLA. */
    int32_t q_lora_rank;      /**< MLA: the latent of queries. 0: none. */
    int32_t qk_rope_head_dim; /**< MLA: dimensions of a key with position. */
    int32_t qk_nope_head_dim; /**< MLA: dimensions of a key without. */
    int32_t v_head_dim;       /**< MLA: dimensions of a value. */

    int32_t sliding_window;        /**< Tokens that layers with a window attend to. 0: all layers attend to all. */
    int32_t full_attention_layers; /**< Layers that attend to all, if there is a window. */
} batching_model;

batching_status batching_model_init(batching_model *model, uint32_t struct_size);

/**
 * How many models the catalogue has.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER if count is NULL.
 */
batching_status batching_models_count(int64_t *count);

/**
 * One of them, in order of name.
 *
 *   index  from 0 to the count - 1.
 *   model  written.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT.
 */
batching_status batching_model_get(int64_t index, batching_model *model);

/**
 * The model of a name, as batching_gpu_find finds a GPU. What stands before a "/" does not count:
 * "meta-llama/Llama-3.1-8B" is Llama-3.1-8B, and so is "Llama-3.1-8B-Instruct".
 *
 *   name   at most 255 bytes.
 *   model  written.
 *
 * Errors: as batching_gpu_find.
 */
batching_status batching_model_find(const char *name, batching_model *model);

/** A model on GPUs. 0 and NULL are the defaults given here. */
typedef struct batching_deployment {
    uint32_t struct_size;           /**< sizeof(batching_deployment) of the caller; set by the _init function. */
    uint32_t reserved;              /**< Must be 0. */
    const batching_model *model;    /**< Must not be NULL. */
    const batching_gpu *gpu;        /**< Must not be NULL. */
    int32_t tensor_parallel;        /**< GPUs that share each layer: a power of two, at most 1,024, that divides the
                                         attention heads, and divides the KV heads or is a multiple of them. 0: 1. */
    int32_t weight_dtype;           /**< BATCHING_DTYPE_...: of linear layers and experts. Embedding, output head and
                                         norms are of 16 bits. */
    int32_t kv_dtype;               /**< BATCHING_DTYPE_BF16, or one of 8 bits: of the KV cache. */
    int32_t block_size;             /**< Tokens in a KV block, at most 65,536. 0: 16. */
    int64_t max_num_seqs;           /**< For the peak of activations. 0: 256. */
    int64_t max_num_batched_tokens; /**< For the peak of activations. 0: 2048, or max_num_seqs if that is more. */
    double gpu_memory_utilization;  /**< Share of the memory that the server may take, in (0, 1]. 0: 0.9. */
    double activation_bytes;        /**< The peak of activations. 0: estimated, as said above. */
    double graph_bytes;             /**< What CUDA graphs take out of that share. 0: as vLLM counts it, nothing. */
    double other_bytes;             /**< What else is taken out of it: libraries, communication. 0: estimated, too. */
} batching_deployment;

batching_status batching_deployment_init(batching_deployment *deployment, uint32_t struct_size);

/** What fits into the memory of each GPU. */
typedef struct batching_deployment_memory {
    uint32_t struct_size;      /**< sizeof(batching_deployment_memory) of the caller; set by the _init function. */
    uint32_t reserved;         /**< 0. */
    double parameters;         /**< Of the whole model. */
    double active_parameters;  /**< Of those, what a token goes through, without the embedding, with the output head. */
    double weight_bytes;       /**< Of weights on each GPU. */
    double activation_bytes;   /**< The peak of activations: given, or estimated. */
    double graph_bytes;        /**< Of CUDA graphs. */
    double other_bytes;        /**< What else is taken: given, or estimated. */
    double kv_bytes;           /**< What is left for KV blocks: at least 0. */
    double kv_bytes_per_token; /**< What one token of context adds on each GPU, in all layers; vLLM gives blocks to
                                    windows, too, as if they attended to all. */
    double block_bytes;        /**< Of one KV block. */
    int64_t num_gpu_blocks;    /**< KV blocks; 0 if not even two fit. */
    double ridge_point;        /**< FLOPs a byte: the arithmetic intensity from which on linear layers are limited by
                                    arithmetic. */
} batching_deployment_memory;

batching_status batching_deployment_memory_init(batching_deployment_memory *memory, uint32_t struct_size);

/**
 * The KV blocks that vLLM would have: what is taken of the memory, less weights, peak of activations, CUDA graphs and
 * others, over the bytes of a block.
 *
 *   deployment  must not be NULL.
 *   memory      written; must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT.
 */
batching_status batching_deployment_memory_calculate(const batching_deployment *deployment,
                                                     batching_deployment_memory *memory);

/**
 * The times of iterations that follow from data sheets, and from what vLLM's kernels reach of them: medians over
 * measured kernels. Linear layers reach 0.8 of the peak in 16 bits and 0.6 in fewer; where the GPU has no peak for
 * weight_dtype, and with int4, only the weights are short, and arithmetic is that of 16 bits. The output head reaches 0.7
 * of the peak in 16 bits, prefill attention 0.5 of the same, experts 0.5 of both their peak and the bandwidth. Weights are
 * read at 0.75 of the bandwidth (0.9 with GDDR), KV at 0.72 (0.8), and 0.5 of the link is used. An iteration takes 1 ms
 * besides, a layer 15 us, a sequence 5 us, an all-reduce of two GPUs 8 us. Decodes of MLA may be limited by arithmetic with
 * the latents: kv_bytes is then what takes as long to read.
 *
 *   deployment  must not be NULL.
 *   roofline    written; must not be NULL.
 *
 * Errors: as batching_deployment_memory_calculate; and if the GPU has no link, but tensor_parallel is above 1.
 */
batching_status batching_deployment_roofline_calculate(const batching_deployment *deployment,
                                                       batching_roofline *roofline);

/* ================================================================================================================
 * Engine: clients
 *
 * In an open loop requests are sent at their arrival times, whatever the engine does. Most benchmarks are closed loops,
 * and so is the traffic of conversations and agents: what is sent depends on what was answered. batching_simulate does
 * both. A request arrives at its client, which sends it, then or later. TTFT and E2E are taken from the time at which it
 * is sent; the time between the two is the queue time of the client.
 *
 *   max_concurrency  At most so many requests are in flight: sent, and neither finished, rejected nor aborted. A request
 *                    that arrives while that many are waits at the client, and is sent at the end of one of them.
 *                    Requests without arrival times are sent as fast as that allows.
 *   sessions         Rows with the same value in requests->session are the turns of one conversation, in that order. The
 *                    first arrives at its arrival_time. Each later one arrives when the turn before has ended and its
 *                    delay is over (the time to think, or that of a tool), but not before its own arrival_time. That
 *                    must not be before the arrival_time of the turn before.
 *   clients          So many users, each with one request in flight. A client takes the next session, or the next
 *                    request that is its own, in order of arrival; when its last turn has ended, it takes the one after.
 *                    Client k starts at ramp_up x k / clients, and its first request arrives then. The first turn of
 *                    each later session arrives when the client has thought, for think_time and the turn's delay. None
 *                    arrives before its arrival_time.
 *
 * Together: clients and sessions make requests arrive, max_concurrency holds them back.
 *
 * Order. Requests are sent in order of arrival at the client; those that arrive at one time in the given order. Those
 * that are sent at one time come to the engine in the order in which they are sent. A request that is sent as an
 * iteration ends joins the next one at the earliest, as any that arrives then.
 *
 * Ends. A request ends for its client when it finishes, when its abort takes effect, and, if it is rejected, when the
 * engine looks at it: at the first iteration that begins after it was sent. A turn that was rejected or aborted has
 * failed: it ends its session, of which no more is sent (BATCHING_REQUEST_NOT_SENT); with sessions_go_on the session goes
 * on as if the turn had been answered. A request whose abort_time has come when it is sent leaves as soon as the engine
 * looks at it.
 *
 * Other tools. `vllm bench serve` and SGLang's bench_serving hold requests back by an asyncio.Semaphore of
 * max_concurrency, which is granted in order of arrival, and take TTFT and E2E from the time after it was granted, as
 * here. docs/guide says how each tool's options are written here, and where they differ.
 *
 * A live engine is told of each request by its host, which decides when to send it: it refuses session, delay and client.
 * Its host can send by the same rules: what then happens is what batching_simulate says (examples/c/closed_loop.c). Only
 * of a rejection its event tells too late; batching_live_engine_estimate tells before.
 * ================================================================================================================ */

/** How requests are sent. 0 is the default given here; all 0: as they arrive. */
typedef struct batching_client {
    uint32_t struct_size;    /**< sizeof(batching_client) of the caller; set by the _init function. */
    uint32_t reserved;       /**< Must be 0. */
    int64_t max_concurrency; /**< The most requests in flight; at most BATCHING_COUNT_MAX. 0: no limit. */
    int64_t clients;         /**< Users with one request in flight each; at most BATCHING_COUNT_MAX. 0: none, and
                                  sessions begin at their arrival times. */
    double ramp_up;          /**< clients: seconds over which they start, one after the other. 0: all start at 0.0. */
    double think_time;       /**< clients: mean seconds from the end of one session to the start of the next. */
    double think_time_sigma; /**< lognormal: standard deviation of the think time's logarithm, in [0, 64]. */
    int32_t think_times;     /**< BATCHING_THINK_TIMES_...: how think times are distributed. 0: exponential. */
    int32_t sessions_go_on;  /**< 1: a session goes on after a turn that failed. 0: it ends. */
    uint64_t seed;           /**< Of the think times: same seed, same times. 0 is a seed like any other. */
} batching_client;

batching_status batching_client_init(batching_client *client, uint32_t struct_size);

/** Exponentially distributed: memoryless. */
#define BATCHING_THINK_TIMES_EXPONENTIAL 0
/** All equal to their mean. */
#define BATCHING_THINK_TIMES_CONSTANT 100
/** mean x exp(sigma x standard normal - sigma^2 / 2): many short ones, few long ones. */
#define BATCHING_THINK_TIMES_LOGNORMAL 200

/* ================================================================================================================
 * Calibration
 *
 * Fits the times of iterations to what a server did: to a log of requests, when each came, had its first token, and
 * ended. What is found is an affine model, for time_model, with which a simulated run is near the log.
 *
 * How. Residuals are the relative error of the time from the first token to the end, of each request with more than 8
 * output tokens, and the error of TTFT / (TTFT + 0.3 s). Each counts as its square up to 0.05, and in proportion beyond
 * (Huber, 1964). To their sum comes, for each coefficient, the square of the logarithm of coefficient / expected, over
 * twice the square of a sigma: 0.15 for time_base, 0.25 for prefill tokens and context, 1 for the others; that is
 * weighed by how many requests share their iterations, and how large residuals are. What is expected follows from
 * roofline, if it is given; else from an 8B model on an H100, scaled to the log, with a sigma of 1 for all. Without
 * that, coefficients could not be told apart which a log shows only together.
 *
 *   1. The schedule that the engine would make with the present coefficients says what each residual's span had to
 *      compute: coefficients that fit best to those sums, none negative, are the next, half way, for some rounds.
 *   2. From the best, many small random steps, each with some rounds of the same: another schedule may fit better.
 *   3. Nelder and Mead's simplex in the logarithms, restarted.
 *   4. Both again with steps of other sizes, as long as simulations are left and any of that gains something.
 *
 * search_num_gpu_blocks looks for num_gpu_blocks first, where requests waited though slots were free: on a grid around where
 * it begins, then in steps down to one block, each with a few rounds of the first kind, some 165 simulations in all.
 *
 * A start-up, the seconds that the first iteration took longer, is looked for, and taken if the sum falls by more than 6.
 * Without scheduling both ways, synchronous and asynchronous, are fitted, and the better is kept.
 *
 * A client's delay, the seconds that network, HTTP and tokenizer add to each TTFT, there and back, changes nothing in the
 * engine: a run in which all arrive later by the same is the same run, later. The delay that fits best to a run follows
 * from it, and is looked for only where the log is lightly loaded: at least half of the requests whose TTFT counts begin in
 * the first iteration that could have them. It is taken if the sum falls by more than 6, and the log tells it by itself,
 * whatever was expected of the coefficients: it is at least twice its standard deviation, and its correlations with time_base
 * and time_per_prefill_iteration are below 0.9. Where requests wait in the queue, or all have prompts alike, it is 0.
 *
 * What must be right. The engine's limits must be the server's: max_num_seqs, max_num_batched_tokens and, if the KV memory
 * was ever full, num_gpu_blocks: 2% wrong makes percentiles up to 8% wrong. Hash ids, if it had a prefix cache.
 * ================================================================================================================ */

/** Both ways to schedule are tried, and the one that fits better is kept. */
#define BATCHING_SCHEDULING_BOTH 0
/** async_scheduling is that of the engine's configuration. */
#define BATCHING_SCHEDULING_GIVEN 100

/** How far a calibration has come. */
typedef struct batching_calibration_progress {
    uint32_t struct_size; /**< sizeof(batching_calibration_progress) of the library. */
    uint32_t reserved;    /**< 0. */
    int64_t simulations;  /**< Simulations so far. */
    int64_t most;         /**< The most that there will be. */
    double loss;          /**< The best sum so far; infinity if there is none. */
} batching_calibration_progress;

/** Called after each simulation. Writes 1 to is_enough, which is 0, to end with the best that was found. */
typedef int32_t (*batching_calibration_callback)(const batching_calibration_progress *progress, int32_t *is_enough,
                                                 void *user_data);

/** How to calibrate. 0 and NULL are the defaults given here. */
typedef struct batching_calibration_config {
    uint32_t struct_size; /**< sizeof(batching_calibration_config) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    const batching_engine_config *engine; /**< How the server schedules, and what it has; its times, time limits, logs,
                                               attribution and callbacks are not looked at. NULL: all defaults. */
    const batching_roofline *roofline;    /**< What the model and GPUs let expect. NULL: nothing is known of them. */
    int32_t scheduling;                   /**< BATCHING_SCHEDULING_...: which ways to schedule are tried. 0: both. */
    int32_t
        search_num_gpu_blocks; /**< 1: the engine's num_gpu_blocks is where a search begins, if the log shows that KV blocks ran out; 0 there: at what the log lets guess. */
    uint64_t seed;             /**< Of the random steps: same seed, same result. 0 is a seed like any other. */
    double observed_until;     /**< Seconds: what happened after it is not known yet. 0: all is. */
    int64_t simulations;       /**< The most simulations. 0: 2,000. */
    batching_calibration_callback callback; /**< Called after each simulation; or NULL. */
    void *user_data;                        /**< For callback. */
} batching_calibration_config;

batching_status batching_calibration_config_init(batching_calibration_config *config, uint32_t struct_size);

/** What was found. */
typedef struct batching_calibration {
    uint32_t struct_size; /**< sizeof(batching_calibration) of the caller; set by the _init function. */
    uint32_t reserved;    /**< 0. */

    /* For the fields of batching_engine_config with the same names, with time_model BATCHING_TIME_AFFINE */

    double time_base;                  /**< Seconds. */
    double time_per_prefill_token;     /**< Seconds. */
    double time_per_decode_token;      /**< Seconds. */
    double time_per_context_token;     /**< Seconds. */
    double time_per_prefill_context;   /**< Seconds. */
    double time_per_prefill_iteration; /**< Seconds. */
    double time_per_prefill_chunk;     /**< Seconds. */
    double time_startup;               /**< Seconds. */
    int32_t async_scheduling;          /**< 1: asynchronous scheduling fits better, or is given. */

    /* How good it is */

    int32_t is_complete;             /**< 0: it ended before 4, by callback or at the most simulations. */
    int64_t simulations;             /**< Simulations in all. */
    int64_t residuals;               /**< Spans of requests that count. */
    double loss;                     /**< The sum that is least; of the data alone, in units of 0.05. */
    double loss_of_other_scheduling; /**< The same of the other way to schedule; NaN if it was not tried. */
    double spread;                   /**< The usual size of a residual: 1.4826 x the median of their magnitudes. */

    /* KV blocks: those of the engine, or what was found */

    int64_t num_gpu_blocks;       /**< The best. 0: no limit. */
    int64_t num_gpu_blocks_least; /**< The least that is about as good. */
    int64_t num_gpu_blocks_most;  /**< The most that is about as good. */

    /* How much the log says of each coefficient, from 0 (nothing: it is what is expected) to 1 (all) */

    double told_base;                  /**< Of time_base. */
    double told_per_prefill_token;     /**< Of time_per_prefill_token. */
    double told_per_decode_token;      /**< Of time_per_decode_token. */
    double told_per_context_token;     /**< Of time_per_context_token. */
    double told_per_prefill_context;   /**< Of time_per_prefill_context. */
    double told_per_prefill_iteration; /**< Of time_per_prefill_iteration. */
    double told_per_prefill_chunk;     /**< Of time_per_prefill_chunk. */

    /* What the log says only together: near -1 or 1, one coefficient may be larger if the other is smaller */

    double correlation_base_decode;     /**< Of time_base and time_per_decode_token. */
    double correlation_base_context;    /**< Of time_base and time_per_context_token. */
    double correlation_decode_context;  /**< Of time_per_decode_token and time_per_context_token. */
    double correlation_prefill_context; /**< Of time_per_prefill_token and time_per_prefill_context. */

    /* What a client sees beside the engine */

    double client_delay;      /**< Seconds that each TTFT and E2E is longer than the engine's. 0: none was found. */
    double told_client_delay; /**< 1 - its standard deviation / itself, by the log alone; 0 if none was found. */
    double share_without_queueing; /**< Of the requests whose TTFT counts: those that begin in the first iteration that
                                        could have them, as simulated before a delay is looked for. */
    double correlation_base_delay; /**< Of time_base and client_delay, by the log alone; also of one that was
                                        refused, as the log does not tell it apart; 0 if there was none. */
    double correlation_prefill_iteration_delay; /**< Of time_per_prefill_iteration and client_delay; likewise. */

    /* How far fits differ that are about as good: those at which steps of 2, 3 and 4 ended with a sum of at most 6 more than
       the best. They begin at what had been found, so that there may be others. */

    int64_t fits;                       /**< How many they are, the best included. */
    double base_least;                  /**< Seconds: the least time_base among them. */
    double base_most;                   /**< The most. */
    double per_prefill_token_least;     /**< Seconds: the least time_per_prefill_token among them. */
    double per_prefill_token_most;      /**< The most. */
    double per_decode_token_least;      /**< Seconds: the least time_per_decode_token among them. */
    double per_decode_token_most;       /**< The most. */
    double per_context_token_least;     /**< Seconds: the least time_per_context_token among them. */
    double per_context_token_most;      /**< The most. */
    double per_prefill_context_least;   /**< Seconds: the least time_per_prefill_context among them. */
    double per_prefill_context_most;    /**< The most. */
    double per_prefill_iteration_least; /**< Seconds: the least time_per_prefill_iteration among them. */
    double per_prefill_iteration_most;  /**< The most. */
    double per_prefill_chunk_least;     /**< Seconds: the least time_per_prefill_chunk among them. */
    double per_prefill_chunk_most;      /**< The most. */
    double startup_least;               /**< Seconds: the least time_startup among them. */
    double startup_most;                /**< The most. */
    double client_delay_least;          /**< Seconds: the least client_delay among them. */
    double client_delay_most;           /**< The most. */
    double mean_ttft_least; /**< Seconds: the least mean of the simulated TTFTs that count, client_delay included. */
    double mean_ttft_most;  /**< The most. */
    double
        mean_e2e_least; /**< Seconds: the least mean of the simulated E2Es of requests whose decoding counts, likewise. */
    double mean_e2e_most; /**< The most. */
} batching_calibration;

batching_status batching_calibration_init(batching_calibration *calibration, uint32_t struct_size);

/**
 * Calibrates the times of iterations on a log.
 *
 *   config       NULL: all defaults.
 *   requests     what the server was asked, with arrival times, lengths, and hash ids if it had a prefix cache; no client
 *                and no sessions. Must not be NULL; at most 1,000,000.
 *   recorded     what became of the same requests, in the same order: first_token_time, end_time, output_length, which
 *                must be that of requests, and success. Its arrival_time is not looked at. Must not be NULL.
 *   calibration  written; must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER, also if recorded has no first_token_time; BATCHING_ERROR_STRUCT_SIZE;
 * BATCHING_ERROR_INVALID_ARGUMENT if a value is out of its range, the two do not have the same requests, or too few
 * count: there must be 16 residuals, and all must not be the same; BATCHING_ERROR_OUT_OF_MEMORY;
 * BATCHING_ERROR_CANCELLED if the callback stopped it.
 *
 * Time: simulations x what one takes, twice with the looking at what each computes. Memory: 450 bytes a request, 300 an
 * iteration, and 50 a simulation.
 */
batching_status batching_iteration_time_calibrate(const batching_calibration_config *config,
                                                  const batching_requests *requests, const batching_recorded *recorded,
                                                  batching_calibration *calibration);

/* ================================================================================================================
 * Calibration: live
 *
 * Calibrates on the traffic of a server as it runs, so that a twin of it stays true: a handle is told of requests as
 * they arrive and end, keeps the newest, and fits the times of iterations to them whenever it is asked.
 *
 *     batching_live_calibration_arrived(live, 7, now, 512, 0, NULL, 0);         as requests arrive
 *     batching_live_calibration_first_token(live, 7, now);                      as each has its first token
 *     batching_live_calibration_finished(live, 7, now, 130);                    as each ends
 *     batching_live_calibration_fit(live, 0, is_enough, &deadline, &found);     every so often
 *
 * Window. It keeps the requests in flight, and of those that ended the `window` of whose ends it was told last; the
 * others are forgotten.
 *
 * What it fits to. All requests that it keeps are simulated. Compared are those that count: they have finished, and
 * arrived no earlier than the last of the forgotten ended. Others may have run beside requests that are not simulated
 * any more. A request that failed is aborted in the simulation when it failed. A request in flight, or that failed, has
 * the output that was expected of it when it arrived; where nothing was, the mean of those that finished, to the nearest
 * token. Requests that arrive at the same time do so in the order in which it was told of them. 0 on the clock of the
 * simulation is the earliest arrival. batching_live_calibration_log writes all of this.
 *
 * Events. The caller chooses the id of each request, which is free again once the request has ended. Events of
 * different requests may come in any order, however late; those of one request must not go back in time. A request that
 * finishes without batching_live_calibration_first_token has had all its tokens at once.
 *
 * Budget. A fit ends after so many simulations, or when its callback has enough: the library has no clock, so a time
 * limit is a callback that looks at one. It ends after the simulation under way, with the best that was found.
 *
 * Threads. One thread at a time uses a handle; a call on one that is in use, be it from its callback, returns
 * BATCHING_ERROR_BUSY, and does nothing. To fit in another thread while requests go on, fit on a copy:
 * batching_live_calibration_fork takes microseconds. A call that fails leaves the handle as it was.
 *
 * Memory. About 100 bytes for each request that is kept, and with enable_prefix_caching 8 to 32 for each of their hash
 * ids. What was once needed is kept for later requests.
 * ================================================================================================================ */

/** A handle: see above. */
typedef struct batching_live_calibration batching_live_calibration;

/**
 * Makes a live calibration, which was told of nothing yet.
 *
 *   config       as for batching_iteration_time_calibrate, and copied with all that it points to but user_data.
 *                observed_until must be 0: what has happened is what was told. NULL: all defaults.
 *   window       requests that are kept once they have ended, in 16..500000.
 *   calibration  written: the new handle, for batching_live_calibration_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT;
 * BATCHING_ERROR_OUT_OF_MEMORY.
 */
batching_status batching_live_calibration_create(const batching_calibration_config *config, int64_t window,
                                                 batching_live_calibration **calibration);

/** Gives back what create or fork made. NULL is fine. BATCHING_ERROR_BUSY: it is in use, and still there. */
batching_status batching_live_calibration_destroy(batching_live_calibration *calibration);

/*
 * One event: see above. Errors of all four: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY;
 * BATCHING_ERROR_INVALID_ARGUMENT if a time or a value is out of its range, the time is before that of the last event
 * of the request, or its id is not in flight (arrived: is).
 *
 * Time: O(1), and O(hash_count). The last three allocate nothing.
 */

/**
 * A request was sent to the server.
 *
 *   prompt_length           tokens; at least 0.
 *   expected_output_length  tokens; at least 1. 0: not known.
 *   hash_ids                [hash_count] one for each block_size tokens of its prompt: see "Prefix caching". Not looked
 *                           at without enable_prefix_caching. NULL if hash_count is 0.
 *
 * Errors: also BATCHING_ERROR_CAPACITY if 500000 are in flight; BATCHING_ERROR_OUT_OF_MEMORY.
 */
batching_status batching_live_calibration_arrived(batching_live_calibration *calibration, int64_t request, double time,
                                                  int32_t prompt_length, int32_t expected_output_length,
                                                  const int64_t *hash_ids, int64_t hash_count);

/** A request has its first token. BATCHING_ERROR_INVALID_ARGUMENT also if it has one already. */
batching_status batching_live_calibration_first_token(batching_live_calibration *calibration, int64_t request,
                                                      double time);

/** A request has all its tokens. output_length: how many; at least 1. */
batching_status batching_live_calibration_finished(batching_live_calibration *calibration, int64_t request, double time,
                                                   int32_t output_length);

/** A request will have no more tokens: its client has left, or the server has failed it. */
batching_status batching_live_calibration_failed(batching_live_calibration *calibration, int64_t request, double time);

/** What a live calibration holds now. */
typedef struct batching_live_calibration_state {
    uint32_t struct_size;   /**< sizeof(batching_live_calibration_state) of the caller; set by the _init function. */
    uint32_t reserved;      /**< Must be 0. */
    int64_t in_flight;      /**< Requests that have arrived and not ended. */
    int64_t finished;       /**< Requests that are kept and have finished. */
    int64_t failed;         /**< Requests that are kept and have failed. */
    int64_t counting;       /**< Of those that have finished, those that count: a fit needs 16. */
    int64_t hash_ids;       /**< Hash ids of all requests that are kept. */
    double forgotten_until; /**< Seconds: when the last of the forgotten ended. NaN: none is forgotten. */
} batching_live_calibration_state;

batching_status batching_live_calibration_state_init(batching_live_calibration_state *state, uint32_t struct_size);

/** What it holds now. state is filled; it must not be NULL. Time: O(window). */
batching_status batching_live_calibration_observe(batching_live_calibration *calibration,
                                                  batching_live_calibration_state *state);

/**
 * What a fit is made to, in order of arrival: columns of batching_requests and batching_recorded by their names there.
 * The struct is written but for the capacities and pointers, which the caller sets. A NULL column is not wanted.
 */
typedef struct batching_live_calibration_log {
    uint32_t struct_size;   /**< sizeof(batching_live_calibration_log) of the caller; set by the _init function. */
    uint32_t reserved;      /**< Must be 0. */
    int64_t capacity;       /**< Elements in each column but hash_ids; in hash_offsets there is one more. */
    int64_t count;          /**< Written: how many requests there are; also if capacity is smaller. */
    int64_t hash_capacity;  /**< Elements in hash_ids. */
    int64_t hash_count;     /**< Written: how many hash ids there are; also if hash_capacity is smaller. */
    double first_arrival;   /**< Written: seconds: the earliest arrival, where the clock of the log is 0. NaN: none. */
    int64_t *request;       /**< [capacity] the id of each. */
    int32_t *prompt_length; /**< [capacity] tokens. */
    int32_t *output_length; /**< [capacity] tokens: generated, or expected. */
    double *arrival_time;   /**< [capacity] seconds on the clock of the log. */
    double *abort_time;     /**< [capacity] seconds at which it failed; NaN: it did not. */
    double *first_token_time; /**< [capacity] seconds; NaN: it does not count. */
    double *end_time;         /**< [capacity] seconds; NaN: it does not count. */
    uint8_t *success;         /**< [capacity] 1: it counts; 0: it does not. */
    int64_t *hash_offsets;    /**< [capacity + 1] where in hash_ids those of each request begin, and end. */
    int64_t *hash_ids;        /**< [hash_capacity] those of all requests. */
} batching_live_calibration_log;

batching_status batching_live_calibration_log_init(batching_live_calibration_log *log, uint32_t struct_size);

/**
 * Writes what a fit is made to: batching_iteration_time_calibrate with it finds the same, to the last bit. (With it
 * abort_time and hash_ids are left out where there are none.)
 *
 *   log  which columns are wanted; written. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT
 * if a capacity is negative; BATCHING_ERROR_CAPACITY if a column that is wanted is too small: count and hash_count are
 * written then, too; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: O(n log n) for n requests that are kept, and O(hash_count).
 */
batching_status batching_live_calibration_log_write(batching_live_calibration *calibration,
                                                    batching_live_calibration_log *log);

/**
 * Makes an independent copy, to fit in another thread. Its callback is the same.
 *
 *   copy  written: the new handle, for batching_live_calibration_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_OUT_OF_MEMORY. Time: a copy of what is kept,
 * at the speed of memory.
 */
batching_status batching_live_calibration_fork(batching_live_calibration *calibration,
                                               batching_live_calibration **copy);

/**
 * Calibrates on what is kept; the handle stays as it is.
 *
 *   simulations  the most of them. 0: as many as config has.
 *   callback     called after each simulation, and writes 1 to is_enough when the time is up. NULL: that of config.
 *   user_data    for callback.
 *   found        written; must not be NULL.
 *
 * Errors: those of batching_iteration_time_calibrate; BATCHING_ERROR_BUSY. BATCHING_ERROR_INVALID_ARGUMENT also if
 * fewer than 16 requests count: see batching_live_calibration_observe.
 *
 * Time and memory: those of batching_live_calibration_log_write and batching_iteration_time_calibrate.
 */
batching_status batching_live_calibration_fit(batching_live_calibration *calibration, int64_t simulations,
                                              batching_calibration_callback callback, void *user_data,
                                              batching_calibration *found);

/* ================================================================================================================
 * Profiles
 *
 * What a file keeps of a deployment: how its engine is set, how long its iterations take, and what is known about that. It
 * is a JSON object. The command `batching calibrate -o profile.json` and Python's Profile.write write one; "File formats" in
 * the manual has every key. The library opens no files: a program reads the bytes, and hands them over.
 *
 *     batching_profile *profile;
 *     batching_profile_create(json, size, &profile);
 *     batching_profile_get(profile, &config, NULL);
 *     batching_simulate(&config, &requests, &results, &summary);
 *     batching_profile_destroy(profile);
 *
 * What is read is JSON as RFC 8259 has it, in UTF-8, without a byte order mark, and nested at most 128 deep. Numbers are
 * rounded to the nearest double, ties to even. A field that a profile does not have, that it has twice, or that is of
 * another type is an error, which is named by its path: "engine.max_num_seqs is "8": must be an integer. So is a value
 * out of its range. What two values must be together is checked where they are used: a program may replace some first.
 * `notes` may hold anything.
 *
 * client_delay is what a network and a tokenizer take, say, before a request arrives at the engine and on the way back. No
 * simulated time has it in it: a program that compares with what clients saw adds it to each TTFT and each E2E.
 * ================================================================================================================ */

/** A handle: see above. */
typedef struct batching_profile batching_profile;

/** What a profile is of. */
typedef struct batching_profile_facts {
    uint32_t struct_size; /**< sizeof(batching_profile_facts) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    const char *model;    /**< Written: what is served; "" if that is not said. UTF-8. Valid as long as the profile. */
    const char *gpu;      /**< Written: what it runs on; the same. */
    double client_delay;  /**< Written: seconds that clients saw each TTFT longer than it was. 0: none, or unknown. */
} batching_profile_facts;

batching_status batching_profile_facts_init(batching_profile_facts *facts, uint32_t struct_size);

/**
 * Makes a profile of the bytes of a file.
 *
 *   json     [size] the text; it needs no 0 at its end. It is not needed afterwards. Must not be NULL.
 *   size     bytes; at least 0.
 *   profile  written: the new handle, for batching_profile_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_INVALID_ARGUMENT if it is no JSON (the sentence says at which byte),
 * no profile, of another version, or a field is wrong; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: O(size). Memory: 8 to 16 bytes for each number of a table.
 */
batching_status batching_profile_create(const char *json, int64_t size, batching_profile **profile);

/** Gives back what create made, and what was got of it. NULL is fine. BATCHING_ERROR_BUSY: it is in use, and still there. */
batching_status batching_profile_destroy(batching_profile *profile);

/**
 * What a profile says.
 *
 *   config  filled: each field that a profile may have, as it says or as by default; all others are 0 or NULL. What
 *           time_roofline or time_table points to is valid as long as the profile; so a run needs the profile, but a live
 *           engine only as it is created. NULL: not wanted.
 *   facts   filled. NULL: not wanted.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_STRUCT_SIZE, also if config, as an older caller
 * knows it, lacks a field that the profile needs. Time: O(1).
 */
batching_status batching_profile_get(batching_profile *profile, batching_engine_config *config,
                                     batching_profile_facts *facts);

/* ================================================================================================================
 * Engine: logs
 *
 * What the engine decided in each iteration: config->iteration_log has a row an iteration, config->decision_log a row
 * an event.
 *
 * Rows go into the columns, which the caller owns; NULL columns are not wanted. Without a callback the rows beyond
 * capacity are counted, but not kept. A callback is called whenever all capacity rows are filled, and once at the end
 * for the rest; so a log of any length passes through columns of any size.
 *
 * A live engine writes the same with batching_live_engine_advance_logged, call by call; a fleet has a log for each
 * replica (see batching_fleet_config).
 * ================================================================================================================ */

/** The first row_count rows of a log are filled; when it returns, the log is empty again. */
typedef int32_t (*batching_log_callback)(int64_t row_count, void *user_data);

/** What happened in each iteration: one row an iteration, in order. */
typedef struct batching_iteration_log {
    uint32_t struct_size;           /**< sizeof(batching_iteration_log) of the caller; set by the _init function. */
    uint32_t reserved;              /**< Must be 0. */
    int64_t capacity;               /**< Elements in each column; at least 0, with a callback at least 1. */
    int64_t count;                  /**< Written: rows of the whole run, or call, kept or not. */
    batching_log_callback callback; /**< Called when the columns are full, and at the end; or NULL. */
    void *user_data;                /**< For the callback. */
    double *time;                   /**< [capacity] seconds: when the iteration was scheduled. */
    double *start_time;             /**< [capacity] seconds: when it began to run. The same, unless asynchronous. */
    double *duration;               /**< [capacity] seconds. */
    int64_t *running;               /**< [capacity] requests running, as in batching_iteration. */
    int64_t *waiting;               /**< [capacity] requests waiting after the scheduling. */
    int64_t *prefill_tokens;        /**< [capacity] tokens of all prefill chunks. */
    int64_t *decode_tokens;         /**< [capacity] sequences that decode. */
    int64_t *kv_blocks_used;        /**< [capacity] KV blocks in use after the scheduling. */
    int64_t *kv_blocks_kept;        /**< [capacity] KV blocks in use after the finished requests gave theirs back. */
    int64_t *preemptions;           /**< [capacity] requests that it preempted. */
    int64_t *finished;              /**< [capacity] requests whose last token it gave. */
} batching_iteration_log;

batching_status batching_iteration_log_init(batching_iteration_log *iteration_log, uint32_t struct_size);

/**
 * What happened to which request: one row an event, in the order in which things happen.
 *
 * Within an iteration: the preempted requests, in that order; then the scheduled ones, in the order of the scheduler
 * (the running first, then the admitted, each admission right before its tokens); then the queues, if wanted; then the
 * finished, in the order of the running. With async_scheduling the finished follow what the next iteration scheduled.
 */
typedef struct batching_decision_log {
    uint32_t struct_size;           /**< sizeof(batching_decision_log) of the caller; set by the _init function. */
    uint32_t reserved;              /**< Must be 0. */
    int64_t capacity;               /**< Elements in each column; at least 0, with a callback at least 1. */
    int64_t count;                  /**< Written: rows of the whole run, or call, kept or not. */
    batching_log_callback callback; /**< Called when the columns are full, and at the end; or NULL. */
    void *user_data;                /**< For the callback. */
    int64_t *iteration;             /**< [capacity] the number of the iteration; of the next one for a rejection. */
    int64_t *request; /**< [capacity] the index of the request, in those of the fleet; of a live engine, its id. */
    int32_t *event;   /**< [capacity] what happened: BATCHING_EVENT_... */
    int32_t *tokens;  /**< [capacity] see BATCHING_EVENT_...; 0 where nothing is said there. */
    int32_t include_queues; /**< 1: also a row for each running and each waiting request, after each scheduling.
                                         0: no. */
    uint32_t reserved_2;    /**< Must be 0. */
} batching_decision_log;

batching_status batching_decision_log_init(batching_decision_log *decision_log, uint32_t struct_size);

/** It was rejected on arrival; its status says why. */
#define BATCHING_EVENT_REJECTED 100
/** It was preempted: it lost its KV blocks and waits again. */
#define BATCHING_EVENT_PREEMPTED 200
/** It joins the running for the first time; tokens: found in the prefix cache. */
#define BATCHING_EVENT_ADMITTED 300
/** It joins the running again after a preemption; tokens: found in the prefix cache. */
#define BATCHING_EVENT_RESUMED 310
/** It is scheduled; tokens: how many it computes in this iteration. */
#define BATCHING_EVENT_SCHEDULED 400
/** It is running, where queues are logged: one row each, in the order of the running. */
#define BATCHING_EVENT_RUNNING 500
/** It is waiting, where queues are logged: one row each, in the order in which they would be admitted. */
#define BATCHING_EVENT_WAITING 510
/** It has its last token; tokens: how many it generated. */
#define BATCHING_EVENT_FINISHED 600
/** Its client left; tokens: how many it generated. The iteration is the one that was over, or is scheduled next. */
#define BATCHING_EVENT_ABORTED 610

/* ================================================================================================================
 * Engine: attribution
 *
 * config->attribution splits the time of each request from its arrival to its end into parts, each a whole number of
 * nanoseconds, that add up to it exactly. At any instant a request is in just one part. The part changes only where an
 * iteration begins to run, or ends; with asynchronous scheduling, too, it is the running that counts, not the
 * scheduling.
 *
 *   waiting_for_client   From its arrival to the time at which it is sent: see "Engine: clients". All that follows is
 *       counted from there. 0 in an open loop.
 *   waiting_for_slot and waiting_for_memory   From its arrival to the beginning of the iteration that first admits it.
 *       Every request in the queue waits for memory from the beginning of an iteration whose scheduling preempted a
 *       request, or refused the first of the waiting for want of free KV blocks though slots and budget were there. It
 *       does so until the beginning of the next iteration; if that scheduling formed a static or dynamic batch, until
 *       the end of the batch; and if aborts then leave too few requests for the next batch, until the engine begins to
 *       wait for more. All other time is for a slot. A request that arrives while an iteration runs is in the queue
 *       from the next iteration on: until then it waits for a slot.
 *   prefill   From there until it decodes for the first time: until the end of the iteration that gives its first
 *       token. It includes iterations in which others left it no tokens. With instant_prefill there is none.
 *   decode and slowed_by_prefill   From there to its last token. Of each iteration, slowed_by_prefill has its duration
 *       less what the model of time says for the same iteration without prefill: with prefill_tokens and
 *       prefill_context 0, and everything else as it was; at least 0. If no request decodes in the iteration, since the
 *       prefill of others took the budget, that is all of it. What is left is decode.
 *   preempted   From the beginning of the iteration that preempted it until it next decodes. It waits again, for slot
 *       or memory, and computes again what it had lost, and, if it was preempted before its first token, the rest of
 *       its prompt. If all but the newest token is found in the prefix cache, it decodes at once.
 *   held_in_batch   From its own last token to the end of its batch. 0 but for static and dynamic.
 *
 * A request that never ends is split up to the end of the run, summary.duration; one that arrives after that has 0 in
 * all parts, and one that was rejected or not sent NaN. A time callback is asked a second time, right after the first, for each
 * iteration that has both prefill and decodes, for what it would take without prefill. As doubles, parts below 104
 * days are exact to the nanosecond.
 *
 * A live engine that was made with config->keep_attribution has the same parts with the event that ends a request:
 * see batching_live_engine_events. One that is aborted before it arrives has 0 in all parts. The parts so far of a
 * request in flight are told by a copy, in which it is aborted: see batching_live_engine_fork.
 * ================================================================================================================ */

/**
 * The parts of each request's time, in the order of the requests. The struct itself is only read; NULL columns are not
 * wanted.
 */
typedef struct batching_attribution {
    uint32_t struct_size;       /**< sizeof(batching_attribution) of the caller; set by the _init function. */
    uint32_t reserved;          /**< Must be 0. */
    int64_t capacity;           /**< Elements in each column; at least the count of the requests. */
    double *waiting_for_slot;   /**< [capacity] seconds that it waited for a slot, for tokens of the budget, for the
                                     iteration or the batch under way to end, or for a batch to form. */
    double *waiting_for_memory; /**< [capacity] seconds in which no request was admitted for want of KV blocks. */
    double *prefill;            /**< [capacity] seconds in which it prefilled. */
    double *decode;            /**< [capacity] seconds in which it decoded, as long as without the prefill of others. */
    double *slowed_by_prefill; /**< [capacity] seconds that the prefill of others added to those. */
    double *preempted;         /**< [capacity] seconds from being preempted until it decoded again. */
    double *held_in_batch;     /**< [capacity] seconds after its last token, in a batch that was not done. */
    double *waiting_for_client; /**< [capacity] seconds that it waited at its client. */
} batching_attribution;

batching_status batching_attribution_init(batching_attribution *attribution, uint32_t struct_size);

/**
 * What dominates the slowest: bands of requests by how long they took, one element a band. The struct itself is only
 * read; NULL columns are not wanted. All but count are seconds, and 0 for a band without requests.
 */
typedef struct batching_attribution_bands {
    uint32_t struct_size;       /**< sizeof(batching_attribution_bands) of the caller; set by the _init function. */
    uint32_t reserved;          /**< Must be 0. */
    int64_t capacity;           /**< Elements in each column; at least the number of bands. */
    int64_t *count;             /**< [capacity] requests in the band. */
    double *shortest;           /**< [capacity] the shortest time from arrival to end. */
    double *longest;            /**< [capacity] the longest time from arrival to end. */
    double *mean_total;         /**< [capacity] mean time from arrival to end: the sum of the parts. */
    double *waiting_for_slot;   /**< [capacity] mean of this part, as all that follow. */
    double *waiting_for_memory; /**< [capacity] */
    double *prefill;            /**< [capacity] */
    double *decode;             /**< [capacity] */
    double *slowed_by_prefill;  /**< [capacity] */
    double *preempted;          /**< [capacity] */
    double *held_in_batch;      /**< [capacity] */
    double *waiting_for_client; /**< [capacity] */
} batching_attribution_bands;

batching_status batching_attribution_bands_init(batching_attribution_bands *bands, uint32_t struct_size);

/**
 * Which parts of their time dominate the slowest requests: the means of the parts, for bands of requests by how long
 * they took from arrival to end, which is the sum of their parts.
 *
 * The edge at percentile p is the smallest time that at least p % of the requests do not exceed: of N times in order,
 * that at place ceil(N x p / 100), computed in double in that order; at p = 0 it is below all of them. Band i holds the
 * requests above the edge at percentiles[i], and not above that at percentiles[i + 1]. So requests that took equally
 * long are in the same band, and with 0 and 100 at the ends every request is in just one.
 *
 *   attribution  as batching_simulate has filled it; all columns are required where count is above 0, but for
 *                waiting_for_client, of which NULL is all 0.0. Requests with a NaN are left out.
 *   count        requests, in 0..BATCHING_COUNT_MAX.
 *   status       [count] of the results: those that are not BATCHING_REQUEST_FINISHED are left out. NULL: none is.
 *   percentiles  [band_count + 1] rising, each in [0, 100]: 0, 50, 90, 99, 100 are four bands.
 *   band_count   in 0..1000.
 *   bands        columns to fill.
 *
 * A mean is the exact sum of whole nanoseconds, divided in double by their number and by 1e9.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_CAPACITY if the columns of
 * attribution have fewer elements than count, or those of bands fewer than band_count; BATCHING_ERROR_INVALID_ARGUMENT
 * if a value is out of its range, or the parts of a request add up to more than BATCHING_TIME_MAX;
 * BATCHING_ERROR_OUT_OF_MEMORY. Time: O(count). Memory: 32 KiB a band.
 */
batching_status batching_attribution_bands_calculate(const batching_attribution *attribution, int64_t count,
                                                     const int32_t *status, const double *percentiles,
                                                     int64_t band_count, const batching_attribution_bands *bands);

/* ================================================================================================================
 * Engine: your policy
 *
 * With BATCHING_POLICY_CUSTOM, policy_callback is asked at the beginning of each iteration. The view shows it a row for
 * each request in the system. Its decision names the rows that compute and how many tokens each, and the rows that are
 * preempted, in any order. A running row gets the KV blocks for its tokens. A waiting row that is given tokens is
 * admitted, with blocks for them alone, and keeps its place among the running until it finishes or is preempted. A
 * preempted row loses its blocks, and waits again to recompute all its tokens. A row that is not named goes on running
 * without a token, or waiting. With decode_rest, though, every running row that decodes computes its one token unnamed:
 * an iteration in which nothing happens is answered with one number.
 *
 * The decision is checked. The run ends with BATCHING_ERROR_INVALID_ARGUMENT, and a sentence that names the iteration,
 * the element and the value, if
 *   - a count is below 0, or above the rows that it can name; or a row is none of the view's;
 *   - a row is named twice: scheduled, preempted, or one of each; or a row is preempted that does not run;
 *   - a row is given less than 1 token, or more than it has yet to compute;
 *   - all tokens together exceed max_num_batched_tokens, those of decode_rest included;
 *   - more requests would run than max_num_seqs;
 *   - more KV blocks are needed than are free once the preempted rows have given theirs back;
 *   - a switch is neither 0 nor 1; or wait_until is no time after now, or stands beside a row or decode_rest.
 * A callback that returns anything but 0 stops the run: BATCHING_ERROR_CANCELLED.
 *
 * Where no row is scheduled or preempted, nothing happens before the next arrival or abort_time; if none is left, the
 * run ends with BATCHING_END_STUCK. A policy that answers with wait_until 1,000 times, and 100 times more for each
 * request running, without a token or an arrival in between, counts as waiting without end; so does one that preempts
 * so often.
 *
 * max_num_seqs, max_num_batched_tokens, max_model_len, num_gpu_blocks, block_size, admit_oversized, instant_prefill,
 * enable_prefix_caching and async_scheduling hold for a policy of your own, too; queue_order must be 0; the other
 * settings of vllm and dynamic are not looked at. The callback is asked in the order of the iterations, at most once
 * for each. A run of the same answers gives the same bytes, with logs or without.
 *
 * With enable_prefix_caching a waiting row that is admitted finds what the cache has of it: batching_policy_look_up
 * says what. Those tokens are computed with its admission, so that it can be given from 1 to N less them. It shares
 * the KV blocks that it finds, and needs new ones for the rest. A block is free only if no request holds it: one that
 * is found no longer is, and one that a preempted row gives back is unless another row holds it, or finds it. All rows
 * of a decision find what is there when the callback is asked, before any block is taken. With policy vllm one also
 * finds what another computes in the same iteration; here it does not.
 *
 * With async_scheduling the view shows what will be when the batch under way is over: generated_tokens counts the token
 * on its way, but for the last of a request. Then N - C is 0: the row computes no more, keeps its slot and its blocks
 * until that token is there, and finishes even if it is preempted. That an answer ends before its max_tokens cannot be
 * seen: the row decodes on until then. A decision without a row is a batch of no duration. With wait_until none follows
 * the batch under way; unless that was such a one, the callback is asked again once it is over, be the time reached or
 * not.
 *
 * Asking costs about 40 ns beside the callback's own time, and, since the columns are kept from one iteration to the
 * next, 0.3 ns for each running request and nothing for those that wait; an answer about 3 ns for each row that it
 * names, and with enable_prefix_caching O(1) for each KV block that an admitted row finds or a preempted one holds.
 * Iterations that until_change covers cost what they do with the other policies.
 * ================================================================================================================ */

/**
 * What the policy is shown when an iteration is scheduled: a row for each request in the system, and the limits.
 *
 * The first running_count rows run, in order of admission; the others wait: first the preempted ones, the one preempted
 * last before the others, then those that never ran, in order of arrival. The columns are the library's: they are only
 * read, and valid until the callback returns.
 */
typedef struct batching_policy_view {
    uint32_t struct_size;            /**< sizeof(batching_policy_view) of the library. */
    uint32_t reserved;               /**< 0. */
    int64_t iteration;               /**< The iteration that is scheduled: 0, 1, 2, ... */
    double time;                     /**< Seconds: now. */
    int64_t count;                   /**< Rows: requests that have arrived and are neither rejected nor finished. */
    int64_t running_count;           /**< Rows that run. */
    const int64_t *request;          /**< [count] its index in the requests of the run; of a live engine, its id. */
    const double *arrival_time;      /**< [count] seconds. */
    const int32_t *prompt_tokens;    /**< [count] at least 1. */
    const int32_t *generated_tokens; /**< [count] tokens generated. With prompt_tokens: N, its known tokens. */
    const int64_t *computed_tokens;  /**< [count] C, the known tokens whose KV is there: 0 while it waits, or N - 1 with
                                          instant_prefill. */
    const int64_t *kv_blocks;        /**< [count] KV blocks that it holds: C / block_size, rounded up. 0 while it
                                          waits. */
    const int32_t *priority;         /**< [count] as given; lower is more urgent. */
    const int64_t *tie_break;        /**< [count] as given; if none was given its index, or, of a live engine, how many
                                          were submitted before it. */
    const int32_t *oracle_output_tokens; /**< [count] tokens that it will have generated in the end. A policy that looks
                                              here is an oracle: no real scheduler knows them. */
    int64_t max_num_seqs;                /**< The most requests that run at once. */
    int64_t max_num_batched_tokens;      /**< The most tokens of an iteration. */
    int64_t kv_blocks_free;              /**< KV blocks that no request holds; INT64_MAX without a limit. */
    int64_t kv_blocks_usable;            /**< KV blocks in all; INT64_MAX without a limit. */
    int64_t block_size;                  /**< Tokens in a KV block. */
    void *prefix_cache;                  /**< For batching_policy_look_up. NULL: there is no prefix cache. */
} batching_policy_view;

/**
 * What the prefix cache has of rows, and what of their KV blocks they share.
 *
 *   view            as it was handed to the callback, which has not returned yet. Must not be NULL.
 *   rows            [count] of the view, in any order.
 *   count           at least 0.
 *   cached_tokens   [count] written: tokens that a waiting row need not compute if it is admitted in this iteration.
 *                   They fill KV blocks, and are at most N - 1. 0 for a row that runs, and without
 *                   enable_prefix_caching.
 *   unshared_kv_blocks  [count] NULL, or written: of the KV blocks with these tokens, or of those that a running row
 *                   holds, the ones that no other request holds. They are taken from kv_blocks_free when the row is
 *                   admitted, and given back when it is preempted. Blocks that are loaded from tiers are among both.
 *
 * Errors, with nothing written: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_INVALID_ARGUMENT if count is below 0 or a
 * row is none of the view's.
 *
 * Time: O(KV blocks found, or held).
 */
batching_status batching_policy_look_up(const batching_policy_view *view, const int64_t *rows, int64_t count,
                                        int64_t *cached_tokens, int64_t *unshared_kv_blocks);

/**
 * What the policy decides. Everything is 0 when the callback is asked; the columns are the library's, for the callback
 * to write. A decision that is not valid ends a run, but not a live engine.
 */
typedef struct batching_policy_decision {
    uint32_t struct_size;   /**< sizeof(batching_policy_decision) of the library. */
    uint32_t reserved;      /**< 0. */
    int64_t capacity;       /**< Elements of each column: the view's count. No more may be written. */
    int64_t *scheduled_row; /**< [capacity] rows that compute, each once. Waiting ones are admitted, in this order. */
    int32_t *scheduled_tokens; /**< [capacity] how many tokens: from 1 to the N - C that it has yet to compute. */
    int64_t *preempted_row;    /**< [capacity] running rows that lose their KV blocks and wait again. */
    int64_t scheduled_count;   /**< To be written: elements of scheduled_row and scheduled_tokens. */
    int64_t preempted_count;   /**< To be written: elements of preempted_row. */
    int32_t decode_rest;       /**< 1: every other running row that decodes computes its one token, too. */
    int32_t until_change;      /**< 1: do not ask again while all running requests decode, none arrives or finishes, and
                                    the KV blocks suffice: each then computes its one token. */
    int32_t short_of_memory;   /**< 1: the requests that still wait lack KV blocks. Only batching_attribution looks at
                                    it; an iteration that preempts counts as short in any case. */
    uint32_t reserved_2;       /**< Must stay 0. */
    double wait_until;         /**< Seconds, after now: where no row is scheduled or preempted, no iteration happens
                                    before then, unless a request arrives. 0: no such time. */
} batching_policy_decision;

/* ================================================================================================================
 * Live engine
 *
 * An engine that runs as its host's time goes by, as a twin of a real server: a router has one for each of its
 * replicas. Requests are submitted while it runs, are aborted, or get another length. It says what has happened, and,
 * for a request that was not sent yet, what would happen.
 *
 *     batching_live_engine_submit(engine, &requests, NULL);         as requests arrive
 *     batching_live_engine_advance(engine, now, 0);                 as time goes by
 *     batching_live_engine_poll(engine, &events);                   which started, had a first token, finished
 *     batching_live_engine_estimate(engine, &requests, &results);   and if I sent this one?
 *
 * batching_live_engine_advance_logged writes, besides, each iteration and each decision: see "Engine: logs".
 *
 * The clock begins at 0, and is where batching_live_engine_advance has moved it. All that happens before it has been
 * decided: an iteration that starts before the clock and ends after it is under way. What its end brings is told once
 * the clock is there. Requests can be submitted in any order as long as none arrives before the clock: that is the
 * horizon. A host that learns of its requests late keeps the clock that much behind.
 *
 * In whatever slices requests are submitted and the clock is moved, the decisions are those of batching_simulate with
 * all of them, to the last bit. (Static batching starts a batch that is not full when no more requests will come: at
 * batching_live_engine_advance to infinity.)
 *
 * Ids. The caller chooses the id of each request; an id is free again once its request has finished, was aborted or
 * rejected.
 *
 * Events. They are kept until batching_live_engine_poll takes them, 24 bytes each; with keep_attribution an event that
 * ends a request takes 56 more. They are in order of time; at the same time in the order in which they happen. With
 * async_scheduling the tokens of a request that is preempted, or that leaves after it was, may count the token that is
 * on its way.
 *
 * Output lengths. What a real server will generate is not known: submit what is expected, and correct it with
 * batching_live_engine_set_output_length as the request finishes earlier, or goes on longer. The engine knows the
 * length; no policy looks at it but those that reserve memory or form batches by it (see "Engine").
 *
 * Your own policy. policy_callback is asked when, and shown what, it would be in batching_simulate with the same
 * requests, in whatever slices; but the column request has the ids of submit. A wait_until may lie beyond where the
 * clock stops: it is kept. What only a host can do counts as a change, as an arrival does: a request that is aborted
 * leaves the rows, a corrected length stands in oracle_output_tokens, and both end until_change, wait_until and being
 * stuck.
 *
 * Estimates and copies made by batching_live_engine_fork ask the same callbacks with the same user_data, about what
 * would be; the request of an estimate has an id that no other has. A policy that decides by the view alone need not
 * know. For a policy that remembers something from one call to the next, such as the service counters of fair queueing,
 * the host keeps the two apart: it sets aside what policy_user_data points to before it calls
 * batching_live_engine_estimate, or advances a copy, and puts it back afterwards. The same holds for the other
 * callbacks.
 *
 * Memory. About 200 bytes a request in flight, and what "Engine" says; with policy_callback about 100 more for each
 * that runs or waits, and with keep_attribution about 130. What was once needed is kept for later requests. KV blocks
 * that were never in use take address space only. The first estimate makes a copy, which is kept, of all of it but the
 * prefix cache, and room to note what an estimate changes in the cache: up to 84 bytes a KV block, of which only those
 * are touched that an estimate has needed.
 *
 * Handles. One thread at a time uses a handle; a call on one that is in use, be it from one of its own callbacks,
 * returns BATCHING_ERROR_BUSY, and does nothing. Different handles are independent. A call that fails for its arguments
 * leaves the engine as it was. If a callback stops batching_live_engine_advance, or its answer is not valid, the answer
 * has no effect; advance can be called again, and goes on where it was by asking again. After BATCHING_ERROR_OVERFLOW
 * or BATCHING_ERROR_OUT_OF_MEMORY in it an engine can only be observed, polled and destroyed: every other call returns
 * that error. A handle that was destroyed must not be used again, which cannot be noticed.
 * ================================================================================================================ */

/** A handle: see above. */
typedef struct batching_live_engine batching_live_engine;

/**
 * Makes an engine, with its clock at 0.
 *
 *   config  NULL: all defaults. Its callbacks are called by advance and estimate, for as long as the engine lives.
 *           time_limit and iteration_limit must be 0, and iteration_log, decision_log and attribution NULL: logs are
 *           asked for by batching_live_engine_advance_logged, attribution with keep_attribution.
 *   engine  written: the new handle, for batching_live_engine_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT;
 * BATCHING_ERROR_OUT_OF_MEMORY.
 */
batching_status batching_live_engine_create(const batching_engine_config *config, batching_live_engine **engine);

/** Gives back what create, fork or load made. NULL is fine. BATCHING_ERROR_BUSY: it is in use, and still there. */
batching_status batching_live_engine_destroy(batching_live_engine *engine);

/**
 * Submits requests: all of them, or, with an error, none. A request that can never be served is rejected when it
 * arrives, which is an event and no error.
 *
 *   requests  copied. A NULL arrival_time means the clock, now. hash_block_size and hash_covers_output must be the same
 *             for all that have hash_ids. Where there is an abort_time, all must be NaN: batching_live_engine_abort
 *             says which request leaves. Without max_tokens they are always the output length, also once that was
 *             corrected.
 *   ids       [requests->count] any, but none that is in flight. NULL: the id of each request is the number of requests
 *             submitted before it.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT
 * if a value is out of its range, an id is in flight, or an arrival before the clock; BATCHING_ERROR_OVERFLOW if there
 * would be more than 2^62 requests in all; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: O(1) a request, a sort for those that are not given in order of arrival, and O(1) for each pending request that
 * arrives after the first of them. Memory: see above; 8 bytes a hash id.
 */
batching_status batching_live_engine_submit(batching_live_engine *engine, const batching_requests *requests,
                                            const int64_t *ids);

/**
 * Moves the clock on, and does what happens until then.
 *
 *   time        seconds. If the clock is there already, nothing happens. INFINITY: until nothing is left to do, and
 *               no more requests come; the clock is then at the end of the last iteration.
 *   iterations  the most iterations that it schedules; the clock is then where the next would be. 0: no limit.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT;
 * BATCHING_ERROR_CANCELLED; BATCHING_ERROR_OVERFLOW (of an engine that has run 2^62 iterations: nothing is done, and
 * it stays usable); BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: as batching_simulate.
 */
batching_status batching_live_engine_advance(batching_live_engine *engine, double time, int64_t iterations);

/**
 * The same with logs of what it does: see "Engine: logs".
 *
 *   iteration_log  a row for each iteration that ends in this call; NULL: not wanted.
 *   decision_log   a row for each event of this call, whose request has the id of submit; NULL: not wanted.
 *
 * The rows of all calls, one call after the other, are those of batching_simulate with all requests, to the last bit,
 * also where a copy goes on, or an engine from bytes. Two things have no row. What happens in a call without the log
 * has none, nor may an iteration that is under way as the log begins. And what another call does at once has none: a
 * request that waits is aborted, or one gets the length that it has. Its event says so.
 *
 * No row is told twice. So a call that fails on its way has told what happened up to there: its rows are in the
 * columns, or with the callback, and count says how many they are. A call that fails for its arguments has written 0
 * in count, or nothing if a struct is not understood.
 *
 * Errors: those of batching_live_engine_advance; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT, too, if
 * a log has an impossible capacity or include_queues. The callback of a log is called within an iteration: if it stops
 * the call, the engine can only be observed, polled and destroyed.
 *
 * Time: as batching_simulate with the same logs.
 */
batching_status batching_live_engine_advance_logged(batching_live_engine *engine, double time, int64_t iterations,
                                                    batching_iteration_log *iteration_log,
                                                    batching_decision_log *decision_log);

/** What happened: the first count rows are written. NULL columns are not wanted. */
typedef struct batching_live_engine_events {
    uint32_t struct_size; /**< sizeof(batching_live_engine_events) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    int64_t capacity;     /**< Elements in each column; at least 0. */
    int64_t count;        /**< Written: rows. */
    int64_t remaining;    /**< Written: events that are kept for the next call. */
    double *time;         /**< [capacity] seconds. */
    int64_t *request;     /**< [capacity] the id of the request. */
    int32_t *event;       /**< [capacity] BATCHING_EVENT_ADMITTED, _RESUMED, _PREEMPTED, _FIRST_TOKEN, _FINISHED,
                               _ABORTED or _REJECTED. */
    int32_t *tokens;      /**< [capacity] admitted, resumed: found in the prefix cache; rejected: its
                               BATCHING_REQUEST_... status; otherwise: tokens that it has generated. */
    const batching_attribution *attribution; /**< Its columns, each at least as long, are written: in the row of an
                               event that a request has finished or was aborted, the parts of its time, as
                               batching_simulate writes them; NaN in any other row. NULL: not wanted, as it must be
                               unless the engine was made with keep_attribution. */
} batching_live_engine_events;

batching_status batching_live_engine_events_init(batching_live_engine_events *events, uint32_t struct_size);

/** It has its first token. (The other events are those of batching_decision_log.) */
#define BATCHING_EVENT_FIRST_TOKEN 450

/**
 * Takes the oldest events that were not taken yet, as many as there is room for. events must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_BUSY;
 * BATCHING_ERROR_INVALID_ARGUMENT; BATCHING_ERROR_CAPACITY if the columns of attribution have fewer elements than
 * capacity.
 */
batching_status batching_live_engine_poll(batching_live_engine *engine, batching_live_engine_events *events);

/**
 * A request leaves, with all that it holds: its client is gone. If it runs, it leaves at the end of the iteration under
 * way, before the output of that is processed: the token under way is lost, also if it is the last, and slot and KV
 * blocks are free for the iteration that is scheduled next. If it waits, it leaves at once. In a static or dynamic
 * batch its place stays empty until the batch is done.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT if it is not in flight;
 * BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: O(1), taken over many, and O(1) a KV block that it holds; O(log(waiting)) in a queue other than by arrival;
 * O(running + waiting) with policy_callback, whose rows close up.
 */
batching_status batching_live_engine_abort(batching_live_engine *engine, int64_t request);

/**
 * How many tokens a request will have generated in the end; at least 1. If it has as many, it has finished: now, or, if
 * it runs, at the end of the iteration under way, with what it has then: of several calls until then the last holds.
 * max_model_len holds.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT if it is not in flight,
 * could never be served with so many, was given fewer max_tokens, runs in a static or dynamic batch, or, with
 * async_scheduling, has its last token on its way; BATCHING_ERROR_CAPACITY if orca cannot reserve more blocks for it.
 *
 * Time: as batching_live_engine_abort, and O(1) for each request that leaves at the end of the iteration under way.
 */
batching_status batching_live_engine_set_output_length(batching_live_engine *engine, int64_t request,
                                                       int32_t output_length);

/** What an engine holds now, as of its clock. */
typedef struct batching_live_engine_state {
    uint32_t struct_size;     /**< sizeof(batching_live_engine_state) of the caller; set by the _init function. */
    uint32_t reserved;        /**< Must be 0. */
    double clock;             /**< Seconds. */
    int64_t submitted;        /**< Requests ever submitted: the sum of the next six. */
    int64_t pending;          /**< Requests that have not arrived yet. */
    int64_t waiting;          /**< Requests that wait, preempted ones included. */
    int64_t running;          /**< Requests that run. */
    int64_t finished;         /**< Requests that have finished. */
    int64_t rejected;         /**< Requests that were rejected. */
    int64_t aborted;          /**< Requests that were aborted. */
    int64_t tokens_in_flight; /**< Tokens of the running whose KV is there; those of the iteration under way are not. */
    int64_t kv_blocks_used;   /**< KV blocks in use, those for the iteration under way included. */
    int64_t kv_blocks_usable; /**< KV blocks in all; -1: no limit. */
    int64_t iterations;       /**< Iterations that have begun. */
    int64_t preemptions;      /**< Preemptions so far. */
    double next_iteration_end; /**< Seconds: when the iteration under way ends. NaN: none is. */
    int32_t is_stuck;          /**< 1: there are requests, but nothing goes on until one arrives or leaves. */
    uint32_t reserved_2;       /**< 0. */
    int64_t events;            /**< Events that were not polled. */
    int32_t keeps_attribution; /**< 1: it was made with keep_attribution. */
    uint32_t reserved_3;       /**< 0. */

    /* With kv_offload */

    int64_t host_kv_blocks;         /**< KV blocks in host memory, or on their way there. */
    int64_t disk_kv_blocks;         /**< KV blocks on disk, or on their way there. */
    int64_t host_kv_hits;           /**< As in batching_summary, so far; and so on. */
    int64_t disk_kv_hits;           /**< Tokens found on disk. */
    int64_t host_kv_loaded;         /**< Tokens loaded from host memory. */
    int64_t disk_kv_loaded;         /**< Tokens loaded from disk. */
    int64_t host_kv_blocks_written; /**< KV blocks written to host memory. */
    int64_t disk_kv_blocks_written; /**< KV blocks written to disk. */
    double kv_load_time;            /**< Seconds that loads took. */
} batching_live_engine_state;

batching_status batching_live_engine_state_init(batching_live_engine_state *state, uint32_t struct_size);

/** What it holds now. state is filled; it must not be NULL. Time: O(1), and O(1) for each request that prefills. */
batching_status batching_live_engine_observe(batching_live_engine *engine, batching_live_engine_state *state);

/**
 * What would become of each of `requests` if it came, and no other; the engine stays as it is. TTFT is its
 * first_token_time - its arrival.
 *
 *   requests  as for submit.
 *   results   start_time, first_token_time, end_time, tokens_generated and status are written, if wanted.
 *
 * Errors: those of submit and advance, but the engine stays usable; BATCHING_ERROR_CAPACITY.
 *
 * Time: a copy of what is in flight, and what it takes to run that to the end of the request. With prefix caching the
 * cache is not copied: what the run changes in it is undone. As long as any request waits, or is to come, it is run as
 * batching_live_engine_advance would; from then on, unless KV blocks run out or time_callback is asked, blocks are only
 * counted, as without a cache. Callbacks are called; where blocks run out after all, progress_callback for the same
 * iterations again.
 */
batching_status batching_live_engine_estimate(batching_live_engine *engine, const batching_requests *requests,
                                              const batching_results *results);

/**
 * Makes an independent copy, for a what-if. It has no events yet. Its callbacks are the same.
 *
 *   copy  written: the new handle, for batching_live_engine_destroy. Must not be NULL.
 *
 * Time: a copy of what is in flight, and with prefix caching of the cache, 40 bytes for each KV block that was ever in
 * use, and 50 for each in a tier, at the speed of memory.
 */
batching_status batching_live_engine_fork(batching_live_engine *engine, batching_live_engine **copy);

/**
 * The whole engine as bytes: its configuration, all that is in flight or in the prefix cache, and the events that were
 * not polled. The same state gives the same bytes, in whatever process; they are little-endian, and carry a version and
 * a checksum. Callbacks and their user_data are not among them.
 *
 *   buffer    [capacity] written, or NULL.
 *   capacity  bytes; at least 0.
 *   needed    written, also when capacity is too small: how many bytes there are. NULL: not wanted.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_CAPACITY if they do not fit; with a NULL
 * buffer only needed is written, and that is no error. BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Size: about 90 bytes a request in flight, 24 an event, 8 a hash id; 4 a KV block in use, and 16 one with content,
 * with prefix caching, and 20 one in a tier; with keep_attribution about 80 more a request that runs and 56 an event that ends one. Time:
 * O(that).
 */
batching_status batching_live_engine_save(batching_live_engine *engine, uint8_t *buffer, int64_t capacity,
                                          int64_t *needed);

/**
 * Makes an engine that goes on as the one that was saved would have, to the last bit.
 *
 *   bytes      [size] what batching_live_engine_save wrote. It may lie anywhere; it is not needed afterwards.
 *   callbacks  of it are taken: time_callback and policy_callback, which are required where the engine that was saved
 *              had them, and progress_callback with progress_interval; nothing else of it is looked at. NULL: none.
 *   engine     written: the new handle, for batching_live_engine_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT if they are not what
 * batching_live_engine_save of this version wrote, or were changed since; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time and memory: O(size), and at most 1 MB for block_size, whatever the bytes say; address space as
 * batching_live_engine_create.
 */
batching_status batching_live_engine_load(const uint8_t *bytes, int64_t size, const batching_engine_config *callbacks,
                                          batching_live_engine **engine);

/* ================================================================================================================
 * Routers
 *
 * Which worker (a replica, an engine) gets the next request? A router is the rule of a real one, with its own picture
 * of the workers, made of what it is told. It stands alone, for a gateway that routes, or for a program that asks what
 * another router would have done; it talks to no network.
 *
 *   round_robin     One after the other. round_robin_rule: a counter over the workers that are up (sglang-router,
 *                   Dynamo), a counter for each set of workers that are up, in the order of their names (vLLM
 *                   production-stack), or NGINX's smooth weighted round robin.
 *   random          Each worker is as likely.
 *   power_of_two    Two different workers at random, the one with fewer requests in flight; equal: the first drawn (Ray
 *                   Serve 2.60).
 *   least_requests  Fewest requests in flight over weight. ties: the first in order, at random, NGINX's least_conn
 *                   (1.22), HAProxy's leastconn (2.6).
 *   least_tokens    Fewest prompt and output tokens in flight; the first of equals.
 *   session         Consistent hashing of the session's name over the workers' names (vLLM production-stack); without a
 *                   session, the fewest requests a second over stats_window.
 *   dynamo_kv       NVIDIA Dynamo's KV router (1.6.1): the least of prefill tokens that are still to be computed and KV
 *                   blocks in use, less what is cached. With queue_threshold, requests wait while all workers are busy.
 *   vllm_dp         vLLM's internal data-parallel balancer (0.33, or 0.11), from counts that are told now and then.
 *   cache_aware     One radix tree over the prompts that were routed, and thresholds of balance: sglang-router 0.3.2,
 *                   vllm-router 0.1.17, or smg 1.13.0.
 *   bucket          sglang-router's, for prefill workers, until its first adjustment: the fewest characters where they
 *                   differ much, else the first worker.
 *   prefix_trie     vLLM production-stack's prefix-aware routing (2026-08): a trie over chunks of the prompt.
 *   ray_prefix      Ray Serve LLM's prefix-aware router (2.60).
 *   scorers         llm-d's endpoint picker (2026-05): the highest weighted sum of scores.
 *   aibrix_prefix   AIBrix' prefix-cache (2026-08). From its source: no recording proves it.
 *   vtc             AIBrix' vtc-basic: fair among users. From its source: no recording proves it.
 *
 * Prompts. What a router compares is text, by character, or else the hash ids of the prompt's blocks, block_size tokens
 * each, one element a block. A chunk or block of a rule (prefix_trie, scorers, aibrix_prefix) is then one hash id. Hash
 * ids are chained: two prompts with the same id at a place are equal up to there. dynamo_kv takes hash ids only, and
 * those of whole blocks only.
 *
 * What it knows. Requests in flight are its own counts: from the decision until batching_router_finished. Where it
 * waits for first tokens (dynamo_kv), batching_router_first_token tells of them. Metrics are what
 * batching_router_observe told last, KV events what batching_router_stored and batching_router_removed told.
 *
 * Ties. Where the rule leaves several workers, the first in order is taken or one at random, as the real one does;
 * random draws come from a stream of the router's own, seeded. Where the real rule depends on the order of the workers,
 * it is that of their numbers, from 0.
 *
 * Handles. As of "Live engine": one thread at a time; a call that fails leaves the router as it was. Times are of any
 * clock that does not go back.
 *
 * Memory. About 100 bytes a request in flight; dynamo_kv, cache_aware and the others that compare prompts keep these,
 * too.
 * ================================================================================================================ */

/** One after the other. */
#define BATCHING_ROUTER_ROUND_ROBIN 0
/** Each as likely. */
#define BATCHING_ROUTER_RANDOM 100
/** The less loaded of two. */
#define BATCHING_ROUTER_POWER_OF_TWO 110
/** Fewest requests in flight. */
#define BATCHING_ROUTER_LEAST_REQUESTS 120
/** Fewest tokens in flight. */
#define BATCHING_ROUTER_LEAST_TOKENS 130
/** Consistent hashing of sessions. */
#define BATCHING_ROUTER_SESSION 140
/** NVIDIA Dynamo's KV router. */
#define BATCHING_ROUTER_DYNAMO_KV 200
/** vLLM's internal data-parallel balancer. */
#define BATCHING_ROUTER_VLLM_DP 210
/** A radix tree over what was routed, and thresholds of balance. */
#define BATCHING_ROUTER_CACHE_AWARE 220
/** sglang-router's bucket. */
#define BATCHING_ROUTER_BUCKET 230
/** vLLM production-stack's prefix-aware routing. */
#define BATCHING_ROUTER_PREFIX_TRIE 240
/** Ray Serve LLM's prefix-aware router. */
#define BATCHING_ROUTER_RAY_PREFIX 250
/** llm-d's endpoint picker. */
#define BATCHING_ROUTER_SCORERS 260
/** AIBrix' prefix-cache. */
#define BATCHING_ROUTER_AIBRIX_PREFIX 270
/** AIBrix' vtc-basic. */
#define BATCHING_ROUTER_VTC 280

/** The first in order. */
#define BATCHING_TIES_FIRST 0
/** At random. */
#define BATCHING_TIES_RANDOM 100
/** A smooth weighted round robin among the equals, as NGINX. */
#define BATCHING_TIES_NGINX 110
/** The one whose load changed longest ago, as HAProxy. */
#define BATCHING_TIES_HAPROXY 120

/** One counter over the workers that are up. */
#define BATCHING_ROUND_ROBIN_RULE_COUNTER 0
/** A counter for each set of workers that are up, in the order of their names. */
#define BATCHING_ROUND_ROBIN_RULE_SETS 100
/** NGINX's smooth weighted round robin. */
#define BATCHING_ROUND_ROBIN_RULE_SMOOTH 110

/** That of vLLM from 0.27.1 on; recorded of 0.33. */
#define BATCHING_VLLM_DP_RULE_FROM_0_27 0
/** That of vLLM until 0.26.0; recorded of 0.11. */
#define BATCHING_VLLM_DP_RULE_UNTIL_0_26 100

/** sglang-router 0.3.2. */
#define BATCHING_CACHE_AWARE_RULE_SGLANG 0
/** vllm-router 0.1.17. */
#define BATCHING_CACHE_AWARE_RULE_VLLM 100
/** smg 1.13.0. */
#define BATCHING_CACHE_AWARE_RULE_SMG 110

/** By arrival less priority_jump. */
#define BATCHING_WAITING_ORDER_FCFS 0
/** The reverse. */
#define BATCHING_WAITING_ORDER_LCFS 100
/** Most (1 + priority_jump) / tokens to compute first, as on arrival. */
#define BATCHING_WAITING_ORDER_WSPT 110

/** Waiting requests: linear from the most (0) to the fewest (1); all equal: 1. */
#define BATCHING_SCORER_QUEUE 0
/** Running requests: the same. */
#define BATCHING_SCORER_RUNNING 100
/** 1 - KV usage. */
#define BATCHING_SCORER_KV_USAGE 110
/** 0.5 x (1 - min(waiting, threshold) / threshold). */
#define BATCHING_SCORER_LOAD_AWARE 120
/** In flight: 1 up to the threshold, else (most - in flight) / most x max_busy. */
#define BATCHING_SCORER_ACTIVE 130
/** 1 - min(tokens in flight, threshold) / threshold. */
#define BATCHING_SCORER_TOKEN_LOAD 140
/** The share of the prompt's blocks that a worker has, as the router's own index has it. */
#define BATCHING_SCORER_PREFIX 150
/** The same from KV events, linear from the fewest (0) to the most (1); all equal: 1. From its source: no recording. */
#define BATCHING_SCORER_PRECISE_PREFIX 160

/**
 * A router: its rule and its workers. 0 and NULL are the defaults given here. Where a default is not 0 and 0 has a
 * meaning, -1 says it. Counts are at most 2^40, factors and scores 1e9, unless another limit is given.
 */
typedef struct batching_router_config {
    uint32_t struct_size;    /**< sizeof(batching_router_config) of the caller; set by the _init function. */
    uint32_t reserved;       /**< Must be 0. */
    int32_t router;          /**< BATCHING_ROUTER_...: its rule. 0: round robin. */
    int32_t ties;            /**< BATCHING_TIES_...: which of equals least_requests takes. 0: the first in order. */
    int64_t workers;         /**< Workers; in 1..65536. */
    const int64_t *weight;   /**< [workers] least_requests, round_robin (smooth): in 1..2^31 - 1. NULL: all 1. */
    const char *const *name; /**< [workers] session, round_robin (sets): NUL-terminated. NULL: "worker-0", ... */
    uint64_t seed;           /**< Of random draws: same seed, same draws. 0 is a seed like any other. */
    int64_t block_size;      /**< Tokens of a block of hash_ids; at most 65,536. 0: 16. */
    double stats_window;     /**< session, prefix_trie: seconds over which requests a second are counted. 0: 60. */

    /* round_robin, vllm_dp, cache_aware */

    int32_t round_robin_rule; /**< BATCHING_ROUND_ROBIN_RULE_...: how round robin counts. 0: one counter. */
    int32_t vllm_dp_rule;     /**< BATCHING_VLLM_DP_RULE_...: of which vLLM vllm_dp is. 0: from 0.27 on. */
    int32_t cache_aware_rule; /**< BATCHING_CACHE_AWARE_RULE_...: of which gateway cache_aware is. 0: sglang-router. */
    int32_t client_count;     /**< vllm_dp: API-server processes; at most 65,536. 0: 1. */
    int32_t client_index;     /**< vllm_dp: which of them it is, from 0. */

    /* dynamo_kv */

    int32_t no_kv_events;                /**< 1: workers hold what was routed to them, not what KV events tell. */
    int32_t no_prefill_tokens;           /**< 1: prefill tokens do not count, as for Dynamo's decode workers. */
    int32_t no_kv_reuse;                 /**< 1: requests share no blocks. */
    double overlap_score_credit;         /**< Credit for a block that is cached. 0: 1.0; -1: 0. */
    double overlap_score_credit_decay;   /**< By how much the credit falls with the backlog. */
    double prefill_load_scale;           /**< What a block to prefill costs. 0: 1.0; -1: 0. */
    double decode_active_request_weight; /**< What a request in flight costs. */
    double temperature;                  /**< Of the softmax over the costs; in [0, 1000]. 0: the least cost. */
    double queue_threshold;         /**< Busy: prefill tokens above this x max_num_batched_tokens. 0: never; -1: 0. */
    int64_t max_num_batched_tokens; /**< Of each worker, for queue_threshold. 0: 8192. */
    int32_t waiting_order;          /**< BATCHING_WAITING_ORDER_...: which waiting request is next. 0: by arrival. */
    uint32_t reserved_2;            /**< Must be 0. */
    double index_ttl;               /**< no_kv_events: seconds until a block that was routed is forgotten. 0: 120. */

    /* cache_aware, bucket, ray_prefix, prefix_trie, aibrix_prefix */

    double cache_threshold;          /**< cache_aware: a match is more than this share of a prompt. 0: 0.3; -1: 0. */
    int64_t balance_abs_threshold;   /**< cache_aware, bucket: out of balance: loads differ by more. 0: 64; -1: 0. */
    double balance_rel_threshold;    /**< cache_aware, bucket: and by more than this factor. 0: 1.5; -1: 0. */
    double eviction_interval;        /**< cache_aware: seconds between evictions. 0: 60; -1: none by itself. */
    int64_t max_tree_size;           /**< cache_aware: what eviction leaves of a worker. 0: 67,108,864; -1: 0. */
    double match_rate_threshold;     /**< ray_prefix: a match is at least this share of a prompt. 0: 0.1; -1: 0. */
    int64_t imbalanced_threshold;    /**< ray_prefix: out of balance: queues differ by more. 0: never; -1: 0. */
    int64_t chunk_size;              /**< prefix_trie (0: 128), aibrix_prefix (0: 4): characters; at most 2^20. */
    int64_t prefix_min_match_length; /**< prefix_trie: characters (or hash ids) that must match. */
    int64_t aibrix_imbalance;        /**< aibrix_prefix: out of balance: requests differ by more. 0: 8; -1: 0. */

    /* scorers */

    int64_t scorer_count;  /**< At most 64. 0: prefix, queue and kv_usage, weighted 3, 2 and 2. */
    const int32_t *scorer; /**< [scorer_count] BATCHING_SCORER_...: what is scored. Required unless there are 0. */
    const double *scorer_weight;    /**< [scorer_count] Of each score in the sum; may be negative. NULL: all 1. */
    const double *scorer_threshold; /**< [scorer_count] 0: 128 (load_aware), 4,194,304 (token_load), 0 (active). */
    const double *scorer_max_busy;  /**< [scorer_count] active: the score of the least busy. NULL, 0: 1; -1: 0. */
    int64_t max_prefix_blocks;      /**< Blocks of a prompt that are looked up; at most 2^20. 0: 256. */
    int64_t lru_blocks_per_worker;  /**< Blocks that the index keeps of each worker; at most 2^30. 0: 31,250. */
} batching_router_config;

batching_status batching_router_config_init(batching_router_config *config, uint32_t struct_size);

/** A request that is to be routed. 0 and NULL are the defaults given here. */
typedef struct batching_routing_request {
    uint32_t struct_size;     /**< sizeof(batching_routing_request) of the caller; set by the _init function. */
    uint32_t reserved;        /**< Must be 0. */
    int64_t request;          /**< Its id: any that is not in flight. */
    double time;              /**< Seconds. */
    int32_t prompt_length;    /**< Tokens. */
    int32_t output_length;    /**< Tokens that are expected. 0: unknown. */
    const uint64_t *hash_ids; /**< [hash_count] The chained hashes of its blocks. */
    int64_t hash_count;       /**< At most 2^31 - 1. */
    const char *text;         /**< [text_size] UTF-8: the prompt, for routers that compare characters. */
    int64_t text_size;        /**< Bytes; at most 2^31 - 1. */
    const char *session;      /**< session, vtc: the name of its session or user, NUL-terminated. NULL: it has none. */
    double priority_jump;     /**< dynamo_kv with a queue: seconds by which it goes ahead. */
    int64_t strict_priority;  /**< dynamo_kv with a queue: larger goes before all smaller. */
} batching_routing_request;

batching_status batching_routing_request_init(batching_routing_request *request, uint32_t struct_size);

/** What workers tell of themselves, or what was scraped from them. A NULL column leaves what was told before. */
typedef struct batching_worker_metrics {
    uint32_t struct_size;              /**< sizeof(batching_worker_metrics) of the caller; set by the _init function. */
    uint32_t reserved;                 /**< Must be 0. */
    int64_t count;                     /**< Workers: that of the router. */
    const int64_t *waiting;            /**< [count] Requests that wait; at most 2^50, as all counts here. */
    const int64_t *running;            /**< [count] Requests that run. */
    const double *kv_usage;            /**< [count] The share of KV blocks in use, in [0, 1]. */
    const int64_t *in_flight_requests; /**< [count] scorers: instead of the router's own count, until the next. */
    const int64_t *in_flight_tokens;   /**< [count] scorers: the same of tokens. */
} batching_worker_metrics;

batching_status batching_worker_metrics_init(batching_worker_metrics *metrics, uint32_t struct_size);

/** A handle: see above. */
typedef struct batching_router batching_router;

/** Where a request goes that waits in the router's queue: to none yet. */
#define BATCHING_WORKER_NONE (-1)

/**
 * Makes a router. All workers are up, and idle.
 *
 *   config  must not be NULL: it says how many workers there are. Copied.
 *   router  written: the new handle, for batching_router_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT;
 * BATCHING_ERROR_OUT_OF_MEMORY.
 */
batching_status batching_router_create(const batching_router_config *config, batching_router **router);

/** Gives back what create made. NULL is fine. BATCHING_ERROR_BUSY: it is in use, and still there. */
batching_status batching_router_destroy(batching_router *router);

/*
 * Errors of all that follow: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_BUSY;
 * BATCHING_ERROR_INVALID_ARGUMENT if a value is out of its range, an id is in flight (route, book) or is not
 * (first_token, output_block, finished), or text is not UTF-8; BATCHING_ERROR_OVERFLOW if there would be more than 2^30
 * requests in flight; BATCHING_ERROR_OUT_OF_MEMORY.
 */

/**
 * Decides which worker gets a request, and counts it there.
 *
 *   request  its id must not be in flight, nor wait.
 *   worker   written: its number; BATCHING_WORKER_NONE: it waits, and batching_router_release will tell. Must not be
 *            NULL.
 *
 * Errors: BATCHING_ERROR_INVALID_ARGUMENT, too, if no worker is up.
 *
 * Time: O(workers), and O(elements of the prompt) for those that compare prompts.
 */
batching_status batching_router_route(batching_router *router, const batching_routing_request *request,
                                      int64_t *worker);

/**
 * Tells which workers the rule allows, and how it scores each, and changes nothing. The id of the request may be in
 * flight. power_of_two: all that some pair allows.
 *
 *   allowed  [workers] written: 1: it could go there; 0: not. All 0: it would wait, or no worker is up. NULL: not
 *            wanted.
 *   score    [workers] written: what the rule compares: costs (dynamo_kv), scores (scorers, vllm_dp), requests in
 *            flight and the like; NaN where it looks at none. NULL: not wanted.
 */
batching_status batching_router_explain(batching_router *router, const batching_routing_request *request,
                                        int32_t *allowed, double *score);

/**
 * Counts a request at a worker that its host has chosen, whatever the rule says, as if it had been routed there. The
 * worker must be up.
 */
batching_status batching_router_book(batching_router *router, const batching_routing_request *request, int64_t worker);

/**
 * A request that waited has been routed: call it after first_token, finished, stored, and set_worker, until there is
 * none.
 *
 *   request  written, if there is one: its id. Must not be NULL.
 *   worker   written: its worker; BATCHING_WORKER_NONE: there is none. Must not be NULL.
 */
batching_status batching_router_release(batching_router *router, int64_t *request, int64_t *worker);

/** A request has its first token: its prefill is complete. Its id must be in flight. */
batching_status batching_router_first_token(batching_router *router, int64_t request, double time);

/**
 * A request has begun another block of output (dynamo_kv).
 *
 *   weight  by which all its output blocks, and those of its prompt that no other request in flight has, count from now
 *           on, in [0, 1]; NaN: as before.
 */
batching_status batching_router_output_block(batching_router *router, int64_t request, double weight);

/**
 * A request is not in flight any more: it has its last token, has failed, was aborted, or waits no more. Its id is free
 * again.
 */
batching_status batching_router_finished(batching_router *router, int64_t request, double time);

/**
 * A worker is up (1) or down (0). One that is down gets no requests; those it has stay counted until they finish. What a
 * worker is already changes nothing: KV events of a worker that is down count once it is up.
 *
 * Time: O(workers).
 */
batching_status batching_router_set_worker(batching_router *router, int64_t worker, int32_t is_up, double time);

/** What workers tell of themselves, or what was scraped. metrics must not be NULL. */
batching_status batching_router_observe(batching_router *router, const batching_worker_metrics *metrics);

/**
 * A worker has stored blocks in its prefix cache (KV events).
 *
 *   hash_ids  [count] of a prompt, from its beginning. NULL only where count is 0.
 *   count     in 0..2^31 - 1.
 *   first     hash_ids[first], ..., hash_ids[count - 1] were stored; in 0..count.
 */
batching_status batching_router_stored(batching_router *router, int64_t worker, const uint64_t *hash_ids, int64_t count,
                                       int64_t first);

/** A worker has removed blocks from its prefix cache: hash_ids, [count], as for batching_router_stored. */
batching_status batching_router_removed(batching_router *router, int64_t worker, const uint64_t *hash_ids,
                                        int64_t count);

/** cache_aware: evicts until each worker has at most so many elements in the tree; at least 0. */
batching_status batching_router_evict(batching_router *router, int64_t max_tree_size);

/**
 * How many requests are in flight at each worker, as the router counts them.
 *
 *   requests        [workers] written. NULL: not wanted.
 *   prefill_tokens  [workers] written: of requests without a first token, less what was cached. NULL: not wanted.
 *   waiting         written: requests that wait in its queue. NULL: not wanted.
 */
batching_status batching_router_load(batching_router *router, int64_t *requests, int64_t *prefill_tokens,
                                     int64_t *waiting);

/**
 * Makes an independent copy, for a what-if: with its seed and all that it remembers, so that it decides as the router does
 * if both are told the same from then on.
 *
 *   copy  written: the new handle, for batching_router_destroy. Must not be NULL.
 *
 * Errors: out of memory; the interrupt callback stopped it. The router is as it was, in any case.
 * Time and memory: a copy of all that the router keeps (requests in flight, tables of blocks, trees of prompts), at the
 * speed of memory.
 */
batching_status batching_router_fork(batching_router *router, batching_router **copy);

/* ================================================================================================================
 * Autoscalers
 *
 * How many replicas should there be? An autoscaler is the rule of a real one: it is given readings of the replicas now
 * and then, and says how many it wants. It stands alone, for a program that scales, or for one that asks what another
 * autoscaler would have done; it starts and stops nothing, and reads no clock.
 *
 *   hpa             Kubernetes' HorizontalPodAutoscaler with one metric per pod: ceil(replicas x mean / target), unless
 *                   that is within a tolerance; down to the highest of the last down_window only; limits for a period.
 *   queue_length    KEDA: ceil(total / target), with the windows and limits of hpa; to 0 after a cooldown, if
 *                   min_replicas allows it, and back as soon as there is something.
 *   dynamo_planner  NVIDIA Dynamo's planner (1.6.1), one pool: its load step, one replica at a time, and the floor or
 *                   the number of its throughput step.
 *   llm_d           llm-d's workload variant autoscaler (2026-05), saturation V2, one variant: tokens demanded against
 *                   tokens that the replicas can hold.
 *
 * The load step of dynamo_planner is recorded. The others are from documentation and source: no recording proves them.
 *
 * Replicas. "Ready" are those that serve, "starting" those that will; the current number is both. An answer that is the
 * current number changes nothing. The caller does what it is told, or its next readings say what it did instead; the
 * limits of hpa count what was answered as done.
 *
 * Bounds. Every answer is within min_replicas and max_replicas, but that hpa is off while there are no replicas at all:
 * then its answer is 0.
 *
 * Handles. As of "Live engine": one thread at a time; a call that fails leaves the autoscaler as it was. Times are of
 * any clock that does not go back.
 *
 * Memory. hpa, queue_length: at most 32 bytes x max_replicas and 10 KB, llm_d: 512 KB, whatever is asked.
 * ================================================================================================================ */

/** Kubernetes' HorizontalPodAutoscaler. */
#define BATCHING_AUTOSCALER_HPA 0
/** KEDA, on a total. */
#define BATCHING_AUTOSCALER_QUEUE_LENGTH 100
/** NVIDIA Dynamo's planner. */
#define BATCHING_AUTOSCALER_DYNAMO_PLANNER 200
/** llm-d's workload variant autoscaler. */
#define BATCHING_AUTOSCALER_LLM_D 210

/** Waiting requests. */
#define BATCHING_SCALING_METRIC_WAITING 0
/** Running requests. */
#define BATCHING_SCALING_METRIC_RUNNING 100
/** Both. */
#define BATCHING_SCALING_METRIC_IN_FLIGHT 110
/** The share of KV blocks in use. */
#define BATCHING_SCALING_METRIC_KV_USAGE 120
/** Prompt tokens of waiting requests. */
#define BATCHING_SCALING_METRIC_QUEUED_TOKENS 130
/** The column metric of the readings. */
#define BATCHING_SCALING_METRIC_GIVEN 140

/** Prefill workers. */
#define BATCHING_COMPONENT_PREFILL 0
/** Decode workers. */
#define BATCHING_COMPONENT_DECODE 100
/** Workers that do both. */
#define BATCHING_COMPONENT_AGGREGATED 110

/** Built-in thresholds for throughput. */
#define BATCHING_SCALING_TARGET_THROUGHPUT 0
/** Built-in thresholds for latency. */
#define BATCHING_SCALING_TARGET_LATENCY 100
/** Thresholds of the caller's. */
#define BATCHING_SCALING_TARGET_LOAD 110
/** Estimates of TTFT and ITL against what is agreed. */
#define BATCHING_SCALING_TARGET_SLA 120

/**
 * An autoscaler. 0 and NULL are the defaults given here. Where a default is not 0 and 0 has a meaning, -1 says it.
 * Replicas are at most 65,536, tokens 2^40, other numbers 1e15, times BATCHING_TIME_MAX.
 */
typedef struct batching_autoscaler_config {
    uint32_t struct_size;   /**< sizeof(batching_autoscaler_config) of the caller; set by the _init function. */
    uint32_t reserved;      /**< Must be 0. */
    int32_t autoscaler;     /**< BATCHING_AUTOSCALER_...: its rule. 0: hpa. */
    int32_t scaling_metric; /**< BATCHING_SCALING_METRIC_...: what hpa and queue_length measure. 0: waiting. */
    int64_t min_replicas;   /**< 0: 1; -1: 0. */
    int64_t max_replicas;   /**< At least min_replicas. 0: 65,536. */
    double interval;        /**< Seconds between decisions, for a fleet; others call as they want. 0: hpa 15,
                                queue_length and llm_d 30, dynamo_planner 5. */

    /* hpa, queue_length */

    double target;         /**< Of the metric, for each replica. Required. */
    double tolerance;      /**< No change while mean / target is within 1 - and 1 + this; below 1. 0: 0.1; -1: 0. */
    double up_window;      /**< Seconds: up to the lowest of what was wanted in the last. 0: at once. */
    double down_window;    /**< Seconds: down to the highest of what was wanted in the last. 0: 300; -1: at once. */
    double up_percent;     /**< By so much at most in up_period, or by up_replicas, if that is more. 0: 100; -1: 0. */
    int64_t up_replicas;   /**< 0: 4; -1: 0. */
    double up_period;      /**< Seconds. 0: 15. */
    double down_percent;   /**< The same down; at most 100. 0: 100; -1: 0. */
    int64_t down_replicas; /**< So many at most. */
    double down_period;    /**< Seconds. 0: 15. */

    /* queue_length */

    double activation; /**< Something is there if the total is more than this. */
    double cooldown;   /**< Seconds without anything until there are 0 replicas, if min_replicas is 0. 0: 300; -1: 0. */

    /* dynamo_planner, llm_d */

    int64_t
        max_kv_tokens; /**< Tokens that the KV cache of a replica holds. Required, but by prefill workers and with an
                                SLA. */

    /* dynamo_planner */

    int32_t component;           /**< BATCHING_COMPONENT_...: which workers these are. 0: prefill. */
    int32_t scaling_target;      /**< BATCHING_SCALING_TARGET_...: what its load step compares. 0: throughput. */
    int32_t no_load_step;        /**< 1: the throughput step alone decides. */
    int32_t while_starting;      /**< 1: its load step decides also while replicas start. */
    int64_t context_length;      /**< Tokens. Required for prefill workers with throughput or latency as the target. */
    int64_t min_endpoint;        /**< Its steps go down to so many. 0: 1. */
    int64_t prefill_up_tokens;   /**< load, prefill: up if queued tokens of any are at least this. Required there. */
    int64_t prefill_down_tokens; /**< load, prefill: down if those of all are at most this; below prefill_up_tokens. */
    double decode_up_percent; /**< load, else: up if KV tokens of any are at least this many percent. Required there. */
    double decode_down_percent; /**< load, else: down if those of all are at most this; below decode_up_percent. */
    double ttft_sla;            /**< sla: seconds. 0: 0.5. */
    double itl_sla;             /**< sla: seconds. 0: 0.05. */
    double down_sensitivity;    /**< sla: down if what remains is below this share of it; at most 1. 0: 0.8; -1: 0. */
    double throughput_interval; /**< Seconds between throughput steps. 0: 180. */
    int64_t throughput_step;    /**< Replicas by which one changes at most. 0: 8. */
    int64_t gpu_budget;         /**< GPUs of all replicas at most. 0: 8; -1: no such limit. */
    int64_t gpus_per_replica;   /**< 0: 1. */

    /* llm_d */

    double kv_threshold;            /**< The share of max_kv_tokens that counts as capacity; at most 1. 0: 0.8. */
    double queue_threshold;         /**< So many waiting requests, and KV tokens in use are the capacity. 0: 5. */
    double up_threshold;            /**< Up if demand is more than this share of the capacity; at most 1. 0: 0.85. */
    double down_boundary;           /**< Down by what is beyond demand / this; at most up_threshold. 0: 0.7. */
    int64_t max_num_batched_tokens; /**< Of a replica: the capacity is estimated before one was seen. 0: it is not. */
    int64_t max_num_seqs;           /**< Of a replica. Required with max_num_batched_tokens. */
} batching_autoscaler_config;

batching_status batching_autoscaler_config_init(batching_autoscaler_config *config, uint32_t struct_size);

/**
 * What an autoscaler is told. A column that its rule looks at is required unless a default is given; the others may be
 * NULL. Counts are at most 2^50, numbers 1e15.
 */
typedef struct batching_scaling_readings {
    uint32_t struct_size; /**< sizeof(batching_scaling_readings) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    double time;          /**< Seconds; not before that of the decision before. */
    int64_t count;        /**< Replicas that are ready. */
    int64_t starting;     /**< Replicas that are not yet; count + starting is at most 65,536. */

    /* hpa, queue_length, llm_d */

    const int64_t *waiting; /**< [count] Requests that wait. */
    const int64_t *running; /**< [count] Requests that run. */

    /* All but queue_length */

    const int64_t *queued_prefill_tokens; /**< [count] Prompt tokens of waiting requests. Aggregated: NULL: all 0. */
    const int64_t *scheduled_kv_tokens;   /**< [count] KV tokens of running requests. llm_d: NULL: from kv_usage. */
    const int64_t *queued_kv_tokens;      /**< [count] KV tokens that waiting requests will need. NULL: all 0. */
    const double *kv_usage;               /**< [count] The share of KV blocks in use, in [0, 1]. */

    /* dynamo_planner with an SLA: seconds. NaN: unknown */

    const double *estimated_ttft; /**< [count] TTFT of a next request. Decode: not looked at. */
    const double *estimated_itl;  /**< [count] ITL. Prefill: not looked at. */
    const double *merged_ttft;    /**< [count] TTFT, were there one replica less. NULL: unknown; then not down. */
    const double *own_ttft;       /**< [count] What of merged_ttft it would take without a queue. NULL: 0. */
    const double *merged_itl;     /**< [count] ITL, were there one replica less. NULL: unknown; then not down. */

    /* hpa, queue_length: scaling_metric given */

    const double *metric;  /**< [count] What is measured. NaN: missing. */
    double metric_outside; /**< queue_length: what no ready replica has of it. */

    int64_t queued_requests;   /**< queue_length (waiting, in_flight), llm_d: requests that have no replica yet. */
    double mean_prompt_length; /**< llm_d: tokens of a request. 0: unknown: requests that wait count nothing. */
    double mean_output_length; /**< llm_d: tokens of a request. 0: unknown. */
    double demand;             /**< dynamo_planner: requests a second that are predicted. */
    double capacity;           /**< dynamo_planner: those that a replica can serve. 0: unknown: no throughput step. */
} batching_scaling_readings;

batching_status batching_scaling_readings_init(batching_scaling_readings *readings, uint32_t struct_size);

/** A handle: see above. */
typedef struct batching_autoscaler batching_autoscaler;

/**
 * Makes an autoscaler, which has decided nothing yet.
 *
 *   config      must not be NULL. Copied.
 *   autoscaler  written: the new handle, for batching_autoscaler_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT;
 * BATCHING_ERROR_OUT_OF_MEMORY.
 */
batching_status batching_autoscaler_create(const batching_autoscaler_config *config, batching_autoscaler **autoscaler);

/** Gives back what create made. NULL is fine. BATCHING_ERROR_BUSY: it is in use, and still there. */
batching_status batching_autoscaler_destroy(batching_autoscaler *autoscaler);

/**
 * Decides how many replicas there should be.
 *
 *   readings  must not be NULL.
 *   desired   written: a number of replicas; count + starting: no change. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER, also if a required column is NULL; BATCHING_ERROR_STRUCT_SIZE;
 * BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT if a value is out of its range, or the time goes back.
 *
 * Time: O(count), llm_d: O(count log count). Allocates nothing.
 */
batching_status batching_autoscaler_decide(batching_autoscaler *autoscaler, const batching_scaling_readings *readings,
                                           int64_t *desired);

/* ================================================================================================================
 * Fleet
 *
 * Several replicas on one clock, behind one router: how many replicas are needed, and does it help to route by prefix?
 *
 * A fleet is pools of replicas; those of a pool are alike. They are numbered from 0, one pool after the other; that is the
 * order of the router's workers. Each replica is an engine of its own, as of batching_simulate. A request arrives, or is sent
 * by its client, is routed at that time, and arrives at its replica at once.
 *
 * The router knows, when it decides, what has happened up to then: requests that it has routed, first tokens, ends. At
 * one time first comes what happens at the replicas, by replica, in the order in which it happens there; then what arrives, in
 * order of arrival. A request that its replica rejects as it arrives has ended before the next one is routed. So one
 * replica gives what batching_simulate gives, to the last bit, and round robin over n replicas what n runs of
 * batching_simulate give on every n-th request.
 *
 * Routers. Those of "Routers". Where they are told KV events (dynamo_kv without no_kv_events, scorers with
 * BATCHING_SCORER_PRECISE_PREFIX) they are told which hash ids came into the prefix cache of a replica, and left it, kv_event_lag
 * after the end of the iteration that changed it; then hash_block_size must be a multiple of block_size. vllm_dp and scorers that
 * look at metrics see those of metrics_interval. A block_size of 0 is that of the hash ids; sessions have their numbers as
 * names.
 *
 * Clients. At abort_time, or when it is sent if that is later, a request leaves as by batching_fleet_abort: at once where it
 * waits, at the end of the iteration under way where it runs.
 *
 * Prefill and decode apart. Pools have roles: BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE, or neither has one. router chooses among
 * the replicas that prefill, decode_router among those that decode. Of each request:
 *
 *   it arrives -> its prompt is computed -> held_time: it is done, and the source holds its KV blocks -> reserved_time: the
 *   target has reserved blocks -> transfer -> activated_time: it is among the target's requests -> decode_start_time -> its end
 *
 * What the target computes first is one token, which counts as a decode. batching_disaggregation_config says when each of
 * these happens; its presets are Dynamo's replay (recorded), and from their sources vLLM with NIXL, SGLang and llm-d. The decider
 * may leave a request whole to the replica that decodes: prefill_replica is -1. At one time: what ends at the replicas; then,
 * in this order, prompts that are done; transfers, links and leases; metrics; arrivals. A preset of Dynamo starts an iteration
 * before what arrives at the same time is there, as its replay does. A request that is preempted where it decodes computes its
 * prompt again there. start_time and prefix_cached_tokens are those of the source; tokens of the sources are not counted.
 * Both pools schedule as vllm or continuous.
 *
 * Admission, faults, scaling. What comes to a fleet is taken or rejected first
 * (batching_admission_config), then routed. A replica that fails loses its requests and its prefix cache. The router does not
 * know it before notice_delay: what it sends there meanwhile is lost, too. What is lost is sent again, to where the router
 * then decides, as long as it has retries; else its status is BATCHING_REQUEST_LOST. A request begins anew each time: start_time and
 * first_token_time are those of the last. With no worker up it is lost at once. An autoscaler (batching_fleet_scaling_config)
 * decides every interval: the replicas of the fleet are the most that there can be. A new one takes startup_time; one that is
 * not wanted takes no new requests, and leaves once it has none. Of more than one at a time the lowest number starts first, and
 * the highest leaves first. At one time these come in the order in which they were known, after what ends at the replicas, and
 * before what arrives. Every request ends in exactly one status; in the summary those that were lost or late count as aborted.
 *
 * The same where prefill and decode are apart. Each role has an autoscaler of its own (scaling, decode_scaling). A source leaves
 * once none of its prompts is computed or held any more, a target once no request is to decode there, or does: from the choice of the
 * target on. A target's requests that wait, as its autoscaler sees them, include those whose prompts are held for it; their
 * prompts are its queued KV tokens. Saturation is that of the role that is fuller. A request is lost with its source as long as that computes
 * its prompt, holds it or sends it, and with its target from its choice on; both free what they hold for it at once. If the target is
 * lost while the source computes the prompt, the request leaves that as one that is late does, and is lost then. What is lost
 * begins anew, with a new prefill. It is also lost if no replica of the role is up that it needs next. KV that is at its target does
 * not need its source any more. A request that is late, or whose client is gone, on its way from one to the other, leaves once its
 * KV is there. retries_elsewhere and circuit breakers hold for both; a source succeeds with each prompt. The columns tell of the
 * last attempt.
 * ================================================================================================================ */

/** Each replica does all of a request. */
#define BATCHING_ROLE_BOTH 0
/** Its prompt. */
#define BATCHING_ROLE_PREFILL 100
/** What follows. */
#define BATCHING_ROLE_DECODE 110

/** NVIDIA Dynamo 1.6.1, as its offline replay: always apart; the target is chosen, and then reserves, once the prompt is done, one
    for each iteration that ends, hand-over to an idle target, and request that joins it; all tokens; the source frees as the
    request joins the target, which generates all its tokens. */
#define BATCHING_PRESET_DYNAMO 0
/** vLLM 0.33 with its NIXL connector behind a proxy: the target reserves as it would admit; missing blocks; the source frees when
    the transfer is over. */
#define BATCHING_PRESET_VLLM_NIXL 100
/** SGLang: both are chosen on arrival; the target reserves before the prompt is done, and leaves reserved_decode_tokens for each
    request; chunks are sent as they are computed; the first token comes from the source. */
#define BATCHING_PRESET_SGLANG_PD 110
/** llm-d: the target is chosen first, and the prompt is computed elsewhere from decider_tokens on; else as vLLM. */
#define BATCHING_PRESET_LLM_D 120

/** As the preset says. */
#define BATCHING_DECIDER_PRESET 0
/** Prefill is always apart. */
#define BATCHING_DECIDER_ALWAYS 100
/** It never is. */
#define BATCHING_DECIDER_NEVER 110
/** It is where the prompt, and what of it the target has not cached, are both at least decider_tokens; of 0: never. */
#define BATCHING_DECIDER_PREFIX_THRESHOLD 120
/** It is not where what the target has not cached is below decider_tokens, and below decider_ratio of the prompt. */
#define BATCHING_DECIDER_DYNAMO_CONDITIONAL 130

/** As the preset says. */
#define BATCHING_DECODE_CHOICE_PRESET 0
/** The target is chosen when the prompt is done. */
#define BATCHING_DECODE_CHOICE_AFTER_PREFILL 100
/** It is chosen on arrival. */
#define BATCHING_DECODE_CHOICE_AT_ARRIVAL 110

/** As the preset says. */
#define BATCHING_TRANSFER_TOKENS_PRESET 0
/** The whole prompt is sent. */
#define BATCHING_TRANSFER_TOKENS_FULL 100
/** The blocks that are not in the target's prefix cache when it reserves. */
#define BATCHING_TRANSFER_TOKENS_MISSING 110

/** As the preset says. */
#define BATCHING_OVERLAP_PRESET 0
/** Nothing is sent before the prompt is done. */
#define BATCHING_OVERLAP_NONE 100
/** Where blocks were reserved before, only the last chunk is sent after it. */
#define BATCHING_OVERLAP_CHUNK 110
/** Where blocks were reserved before, only the last of layers. */
#define BATCHING_OVERLAP_LAYER 120

/** As the preset says. */
#define BATCHING_RESERVE_PRESET 0
/** Between two iterations of the target once the prompt is done, as Dynamo. */
#define BATCHING_RESERVE_START 100
/** The same, as many as there are free blocks and max_num_seqs for. */
#define BATCHING_RESERVE_ADMISSION 110
/** The same, from the arrival on, as long as there is enough left for those that decode. */
#define BATCHING_RESERVE_PREFILL 120

/** As the preset says. */
#define BATCHING_SOURCE_RELEASE_PRESET 0
/** The source frees when the request joins the target. */
#define BATCHING_SOURCE_RELEASE_ACTIVATION 100
/** It frees when the transfer is over. */
#define BATCHING_SOURCE_RELEASE_READ_DONE 110

/** As the preset says. */
#define BATCHING_FIRST_TOKEN_PRESET 0
/** From the source, when the prompt is done. */
#define BATCHING_FIRST_TOKEN_PREFILL 100
/** From the target: that of the source is not used. */
#define BATCHING_FIRST_TOKEN_DECODE 110

/** Each transfer has the whole bandwidth. */
#define BATCHING_SHARING_NONE 0
/** Those from one source share it, in equal parts at each moment. */
#define BATCHING_SHARING_SOURCE 100
/** Those from one source to one target share it. At most 2^20 pairs. */
#define BATCHING_SHARING_PAIR 110

/** How prefill and decode are split: see above. 0 is the default given here. */
typedef struct batching_disaggregation_config {
    uint32_t struct_size; /**< sizeof(batching_disaggregation_config) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    int32_t preset;       /**< BATCHING_PRESET_...: what the next fields are where they are 0. 0: Dynamo's. */
    int32_t decider;      /**< BATCHING_DECIDER_...: whether the prompt is computed elsewhere. 0: as the preset says. */
    int32_t
        decode_choice; /**< BATCHING_DECODE_CHOICE_...: when the target is chosen; on arrival where the decider looks at it, or
                                 it reserves before the prompt is done. 0: as the preset says. */
    int32_t transfer_tokens; /**< BATCHING_TRANSFER_TOKENS_...: what is sent. 0: as the preset says. */
    int32_t overlap;        /**< BATCHING_OVERLAP_...: what is sent before the prompt is done. 0: as the preset says. */
    int32_t reserve;        /**< BATCHING_RESERVE_...: when the target reserves blocks. 0: as the preset says. */
    int32_t source_release; /**< BATCHING_SOURCE_RELEASE_...: when the source frees. 0: as the preset says. */
    int32_t first_token;    /**< BATCHING_FIRST_TOKEN_...: where the first token comes from. 0: as the preset says. */
    int32_t sharing;        /**< BATCHING_SHARING_...: what transfers share. 0: nothing. */
    uint32_t reserved_2;    /**< Must be 0. */
    double
        kv_bytes_per_token; /**< Bytes of the KV cache a token, in [0, 1e15]: 2 x layers x KV heads x head size x bytes of a
                                    number. 0: a transfer takes link_latency. */
    double link_bandwidth;  /**< Bytes a second, in (0, 1e18]. Required with kv_bytes_per_token. */
    double link_latency;    /**< Seconds that each transfer takes beside. */
    int64_t decider_tokens; /**< See the deciders; -1: 0. 0: 16, or 2,048 for Dynamo's. */
    double decider_ratio;   /**< See the deciders, in (0, 1]; -1: 0. 0: 0.7. */
    int64_t layers;         /**< BATCHING_OVERLAP_LAYER: layers of the model, in 1..65536. 0: 1. */
    int64_t
        reserved_decode_tokens; /**< BATCHING_RESERVE_PREFILL: tokens of each request that decodes, or will, that are left
                                         free; -1: 0. 0: 512. */
    double
        lease; /**< Seconds after held_time at which the source frees blocks whose transfer has not begun: the target then
                       computes the prompt itself. 0: never, as heartbeats extend it. */
} batching_disaggregation_config;

batching_status batching_disaggregation_config_init(batching_disaggregation_config *config, uint32_t struct_size);

/** One for each request. */
#define BATCHING_BUCKET_COST_REQUEST 0
/** Its prompt tokens. */
#define BATCHING_BUCKET_COST_PROMPT_TOKENS 100

/** Which requests a fleet takes, how long they may take, and how often they are sent. 0: the default given here. */
typedef struct batching_admission_config {
    uint32_t struct_size;  /**< sizeof(batching_admission_config) of the caller; set by the _init function. */
    uint32_t reserved;     /**< Must be 0. */
    int64_t max_in_flight; /**< Requests in the fleet, at most 2^50: others are rejected. 0: no limit. */
    int64_t
        max_queued_tokens; /**< A request is rejected if the prompts of those in the fleet without a first token have so many
                                    tokens, at most 2^50: vLLM's max_num_queued_tokens. 0: no limit. */
    double bucket_capacity;  /**< A token bucket: what it holds, full at first, at most 1e15. 0: there is none. */
    double bucket_rate;      /**< What flows into it each second. Required with bucket_capacity. */
    int32_t bucket_cost;     /**< BATCHING_BUCKET_COST_...: what a request takes of it, or is rejected. 0: one. */
    int32_t sheds;           /**< 1: requests with a priority of at least shed_priority are rejected while the mean over
                                    the replicas of max(waiting / saturation_queue, KV use / saturation_kv) is at least 1. */
    int64_t shed_priority;   /**< See sheds: as everywhere lower is more urgent. */
    double saturation_queue; /**< Requests. 0: 5. */
    double saturation_kv;    /**< A share. 0: 0.8. */
    double ttft_timeout;     /**< Seconds from the arrival until a request without a first token leaves. 0: never. */
    double e2e_timeout;      /**< Seconds from the arrival until it leaves in any case. 0: never. */
    int64_t retries;         /**< How often a request is sent again that was lost, in 0..1000. */
    double retry_base;       /**< Seconds before the first time, ... 0: 0.05; -1: 0. */
    double retry_factor;     /**< ... by how much longer each time, in 1..1e6, ... 0: 1.5. */
    double retry_cap;        /**< ... and at most. 0: 30. */
    double retry_jitter;     /**< By what part of it it differs at random either way, at most 1. 0: 0.2; -1: 0. */
    uint64_t seed;           /**< Of the random draws. */
    int32_t
        retries_elsewhere; /**< 1: where the router would send it to the replica that has lost it, it goes to another that is
                                    up, if there is one: that with the fewest requests in flight, of equals the first. */
    uint32_t reserved_2; /**< Must be 0. */
    int64_t
        breaker_failures; /**< Circuit breakers: so many requests, at most 1000, that a replica loses ... 0: there are none. */
    double breaker_window; /**< ... within so many seconds open its breaker: the router sends none there ... 0: 120. */
    double
        breaker_open_time; /**< ... for so many seconds. Then it is half open: one more that is lost opens it again, ... 0: 60. */
    int64_t breaker_successes; /**< ... and so many that finish there close it. 0: 3. */
    int64_t
        max_queued_requests; /**< So many requests, at most 2^50, that would be too much for max_in_flight, max_queued_tokens or
                                  the bucket wait until there is room: in order of arrival; where sheds is 1, of priority
                                  first. Others are rejected, and so is what costs more than the bucket holds. 0: none waits. */
    double queue_timeout; /**< Seconds from the arrival until one that waits so leaves. 0: never. */
} batching_admission_config;

batching_status batching_admission_config_init(batching_admission_config *config, uint32_t struct_size);

/** A replica is lost, with its requests and its prefix cache. One that is not there stays so. */
#define BATCHING_FAULT_KIND_DOWN 0
/** One that was lost is back, empty. */
#define BATCHING_FAULT_KIND_UP 100
/** Its iterations take fault_factor times as long from the next one on, until it is lost or that changes. */
#define BATCHING_FAULT_KIND_SLOW 110

/** Which replicas of a fleet fail, and when. 0 and NULL are the defaults given here. */
typedef struct batching_fault_config {
    uint32_t struct_size;         /**< sizeof(batching_fault_config) of the caller; set by the _init function. */
    uint32_t reserved;            /**< Must be 0. */
    int64_t fault_count;          /**< Faults that are given, at most 16,777,216. */
    const double *fault_time;     /**< [fault_count] seconds. Required with fault_count. */
    const int32_t *fault_replica; /**< [fault_count] its replica. Required with fault_count. */
    const int32_t *fault_kind;    /**< [fault_count] BATCHING_FAULT_KIND_...: what happens to it. NULL: each is lost. */
    const double *fault_factor;   /**< [fault_count] of those that are slow, in 1..1e6. */
    double
        mean_up_time; /**< Mean seconds until a replica is lost by itself, exponentially distributed, as long as there is
                                       anything to do. 0: it is not. */
    double mean_down_time; /**< Mean seconds until it is back then, the same. 0: 60; -1: 0. */
    double notice_delay;   /**< Seconds until the router knows that a replica is lost, or back. */
    uint64_t seed;         /**< Of the random draws. */
} batching_fault_config;

batching_status batching_fault_config_init(batching_fault_config *config, uint32_t struct_size);

/**
 * Writes how many replicas there are to be, with those that are starting: at least min_replicas of the autoscaler, at most its
 * max_replicas. The columns are valid during the call; those that a fleet does not know are NULL. Returns 0; anything else stops
 * the run.
 */
typedef int32_t (*batching_scaling_callback)(const batching_scaling_readings *readings, int64_t *desired,
                                             void *user_data);

/**
 * How many replicas of a fleet there are at a time. The autoscaler is shown, of each replica that is ready, requests that wait and
 * run, prompt tokens of requests without a first token, tokens in KV blocks in use, KV use; and requests that wait at the router,
 * mean lengths of what has arrived, and arrivals a second since its last decision as the demand.
 */
typedef struct batching_fleet_scaling_config {
    uint32_t struct_size; /**< sizeof(batching_fleet_scaling_config) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    const batching_autoscaler_config
        *autoscaler; /**< Which decides; of its max_replicas no more than the replicas count. Must not be NULL. */
    int64_t initial_replicas; /**< Replicas at first; at most the replicas; -1: none. 0: min_replicas. */
    double startup_time;      /**< Seconds until a replica that was started is ready. */
    batching_scaling_callback
        scaling_callback;    /**< Asked instead of the rule of autoscaler, whose interval, min_replicas and
                                                     max_replicas hold. NULL: the rule. */
    void *scaling_user_data; /**< Its last argument. */
} batching_fleet_scaling_config;

batching_status batching_fleet_scaling_config_init(batching_fleet_scaling_config *config, uint32_t struct_size);

/** What router says. */
#define BATCHING_CHOOSER_ROUTER 0
/** The replica in which the request would have its first token first if no other came: a copy of each runs on until then. */
#define BATCHING_CHOOSER_ESTIMATED_TTFT 100
/** The replica in which it would end first, the same. */
#define BATCHING_CHOOSER_ESTIMATED_E2E 110
/** router_callback. */
#define BATCHING_CHOOSER_CALLBACK 120

/** The replicas as a router of yours sees them. Columns are valid during the call. */
typedef struct batching_router_view {
    uint32_t struct_size;         /**< sizeof(batching_router_view) of the library: fields beyond it are not there. */
    uint32_t reserved;            /**< 0. */
    int64_t request;              /**< The index of the request. */
    double time;                  /**< Seconds: now. */
    int64_t prompt_length;        /**< Its prompt tokens. */
    int64_t output_length;        /**< Tokens that it will generate: what no real router knows. */
    int64_t session;              /**< Its session; -1: it has none. */
    int64_t count;                /**< Workers: the replicas, or those that prefill. */
    const int32_t *is_up;         /**< [count] 1: it can be chosen. */
    const int64_t *in_flight;     /**< [count] requests that went there and have not ended. */
    const int64_t *queued_tokens; /**< [count] prompt tokens of those of them without a first token. */
    const int64_t *waiting;       /**< [count] requests that wait there. */
    const int64_t *running;       /**< [count] requests that run there. */
    const double *kv_use;         /**< [count] share of its KV blocks in use; 0 without a limit. */
    const int64_t *cached_tokens; /**< [count] tokens at the start of this prompt that are in its prefix cache. */
} batching_router_view;

/** Writes the worker that a request goes to, one that is up. Returns 0; anything else stops the run. */
typedef int32_t (*batching_router_callback)(const batching_router_view *view, int64_t *worker, void *user_data);

/** A fleet: its replicas and their router. 0 and NULL are the defaults given here. */
typedef struct batching_fleet_config {
    uint32_t struct_size; /**< sizeof(batching_fleet_config) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    const batching_router_config
        *router;        /**< Its workers must be 0, or as many as the replicas, or those that prefill. NULL: round
                                               robin. */
    int64_t pool_count; /**< Pools; at most 65,536. */
    const batching_engine_config *const
        *engine; /**< [pool_count] how the replicas of each pool schedule, what they have, and how long
                                             an iteration takes; without logs, attribution and limits. NULL: all defaults. */
    const int64_t
        *replicas; /**< [pool_count] how many each pool has: at least 1, at most 65,536 in all. NULL: 1 each. */
    double
        metrics_interval; /**< Seconds between two times at which the router is told what waits, what runs and KV use. 0: 0.1. */
    const int32_t *role; /**< [pool_count] BATCHING_ROLE_...: what replicas do of a request. NULL: all of it. */
    const batching_router_config
        *decode_router; /**< Where a request decodes whose prompt is computed elsewhere: its workers
                                                      must be 0, or the replicas that decode. NULL: by the rule of router, with its settings; of
                                                      dynamo_kv as Dynamo sets it: no credit, no prefill, nothing shared, no queue. */
    const batching_disaggregation_config *disaggregation; /**< How prefill and decode are split. NULL: all defaults. */
    double
        kv_event_lag; /**< Seconds from the end of an iteration until routers are told how it changed the prefix cache. */
    const int32_t
        *preferred_replica; /**< [requests->count] the replica that a request goes to where the rule of router allows
                                           several and would draw one of them, as one that was recorded; -1: none. NULL: none. */
    const int32_t *preferred_decode_replica; /**< [requests->count] the same of decode_router. */
    double routing_delay; /**< Seconds from the decision of a router until the request is at its replica. */
    const batching_admission_config
        *admission;                      /**< Which requests are taken, timeouts, retries. NULL: all, none, none. */
    const batching_fault_config *faults; /**< Which replicas fail. NULL: none. */
    const batching_fleet_scaling_config *scaling; /**< How many replicas there are at a time. NULL: all, always. */
    int32_t chooser;     /**< BATCHING_CHOOSER_...: what decides; anything but router only counts with it. 0: router. */
    uint32_t reserved_2; /**< Must be 0. */
    batching_router_callback router_callback; /**< Asked for each request with BATCHING_CHOOSER_CALLBACK. */
    void *router_user_data;                   /**< Its last argument. */
    batching_iteration_log **
        iteration_log; /**< [replicas in all] the log of the iterations of each replica: see "Engine: logs"; NULL: none of this
                            one. No log twice. An iteration in which a replica is lost has no row, and the next has its number.
                            NULL: none. Of a live fleet it must be NULL, as the next. */
    batching_decision_log **decision_log; /**< The same of decisions: requests are told by their index. */
    const batching_fleet_scaling_config *
        decode_scaling; /**< Where prefill and decode are apart: how many of the replicas that decode there are at a time;
                              scaling is of those that prefill then. NULL: all, always. */
} batching_fleet_config;

batching_status batching_fleet_config_init(batching_fleet_config *config, uint32_t struct_size);

/** What a fleet tells beside what an engine tells. NULL columns are not wanted. */
typedef struct batching_fleet_results {
    uint32_t struct_size;     /**< sizeof(batching_fleet_results) of the caller; set by the _init function. */
    uint32_t reserved;        /**< Must be 0. */
    int64_t capacity;         /**< Elements of the columns by request: at least requests->count. */
    int64_t replica_capacity; /**< Elements of the columns by replica: at least the replicas. */

    int32_t *
        replica; /**< [capacity] the replica of each request, of one that was lost the last; -1: it was never routed. */
    double *routed_time; /**< [capacity] seconds at which it was routed, the last time. NaN: it never was. */

    int64_t *requests; /**< [replica_capacity] requests that were routed to it. */
    int64_t *
        finished; /**< [replica_capacity] those of them that have all their tokens; of a source those whose prompts are done. */
    int64_t *tokens;       /**< [replica_capacity] tokens that it generated. */
    int64_t *iterations;   /**< [replica_capacity] its iterations. */
    double *busy_time;     /**< [replica_capacity] seconds in which it computed. */
    double *duration;      /**< [replica_capacity] seconds: the end of its last iteration. */
    double *mean_running;  /**< [replica_capacity] requests that ran, on average over [0, duration]. */
    double *mean_kv_use;   /**< [replica_capacity] the share of its KV blocks in use, the same. */
    int64_t *peak_waiting; /**< [replica_capacity] the most requests left waiting by the scheduling of an iteration. */
    int64_t *preemptions;  /**< [replica_capacity] how often it preempted a request. */
    int64_t *prefix_cache_queries; /**< [replica_capacity] tokens looked up in its prefix cache at first admissions. */
    int64_t *prefix_cache_hits;    /**< [replica_capacity] tokens found there. */

    /* Where prefill and decode are apart: replica is that in which a request decodes */

    int32_t *prefill_replica;  /**< [capacity] the replica that computed its prompt; -1: the other, or none. */
    double *held_time;         /**< [capacity] seconds at which its prompt was done there. NaN: it never was. */
    double *reserved_time;     /**< [capacity] seconds at which blocks were reserved where it decodes. NaN: never. */
    double *activated_time;    /**< [capacity] seconds at which it was among the requests there. NaN: it never was. */
    double *decode_start_time; /**< [capacity] seconds at which it started there. NaN: it never did. */
    double *
        released_time; /**< [capacity] seconds at which the source freed its blocks: at the end of its iteration, if one
                                    was under way. NaN: it never did. */

    /* With admission, faults or scaling */

    int32_t *attempts; /**< [capacity] how often a request was sent to a replica, or found none; 0: it was not taken. */
    double *
        up_time; /**< [replica_capacity] seconds that a replica was there: from its start until it was lost, or was not wanted
                             and had no more requests. */
    int64_t scaling_capacity;  /**< Elements of the next two, and of scaling_role. */
    double *scaling_time;      /**< [scaling_capacity] seconds of each decision of the autoscaler. */
    int64_t *scaling_replicas; /**< [scaling_capacity] replicas that there are to be from then on. */
    int64_t *scaling_count;    /**< Decisions: those beyond scaling_capacity are not written. */

    /* Where the time of requests goes that have ended at a replica */

    const batching_attribution
        *attribution; /**< Columns to fill, of which capacity is at least requests->count: see "Engine:
                                                  attribution". Where prefill and decode are apart, the sums of both replicas but for
                                                  waiting_for_decode. NULL: not wanted. */
    double *
        waiting_for_router; /**< [capacity] seconds from when it was sent (with clients, by the results' sent_time) until it was
                                     at its replica, the last time. NaN: it never was. */
    double *transfer; /**< [capacity] seconds from held_time to activated_time. NaN: there was none. */
    double *
        waiting_for_decode; /**< [capacity] seconds from activated_time until it decodes; with attribution. NaN: there were none. */
    int32_t *scaling_role; /**< [scaling_capacity] BATCHING_ROLE_...: of which replicas each decision is. */
} batching_fleet_results;

batching_status batching_fleet_results_init(batching_fleet_results *results, uint32_t struct_size);

/**
 * Simulates a fleet on requests.
 *
 *   config         must not be NULL.
 *   requests       as of batching_simulate, with sessions and client.
 *   results        columns to fill, or NULL: as of batching_simulate. completion_order is that of the fleet.
 *   fleet_results  columns to fill, or NULL.
 *   summary        filled, or NULL: sums over the replicas; total_time and duration are the latest, mean_running and mean_kv_use
 *                  over duration and all replicas, peaks the largest of a replica.
 *
 * Errors: as of batching_simulate, and BATCHING_ERROR_INVALID_ARGUMENT where an engine has a limit, a log, or
 * attribution, or the router is not for as many workers. Of a log the sentence begins with its replica.
 *
 * Time: as the runs of the replicas, O(log(replicas)) for each iteration in which a request joins or leaves, O(replicas)
 * for each metrics_interval in which a replica has something to do, if the router looks at metrics, and for each
 * request what its router takes: O(replicas), and a run of each to the end of the request, for an estimate. O(replicas)
 * for each decision of an autoscaler, and O(1) for each failure by mean_up_time, as long as anything is left to do or to come;
 * O(requests there) for a replica that is lost.
 * Memory: that of a live engine for each replica, and 4 bytes a request; 12 more where prefill and decode are apart, or
 * where anything is asked for beside routing. An error of a callback in mid-run leaves columns written up to there.
 */
batching_status batching_fleet_simulate(const batching_fleet_config *config, const batching_requests *requests,
                                        const batching_results *results, const batching_fleet_results *fleet_results,
                                        batching_summary *summary);

/* ================================================================================================================
 * Live fleet
 *
 * A fleet that runs as its host's time goes by, as a twin of a real one: the replicas behind a router or a gateway, with what
 * they have in flight. An autoscaler or a router asks it what would become of the next request.
 *
 *     batching_fleet_submit(fleet, &requests, NULL);            as requests arrive at the router
 *     batching_fleet_advance(fleet, now);                       as time goes by
 *     batching_fleet_poll(fleet, &events);                      which were routed where, had a first token, ended
 *     batching_fleet_estimate(fleet, &requests, &results, &fleet_results);   and if this one came?
 *
 * The clock begins at 0, and is where batching_fleet_advance has moved it. All that happens up to it has happened, but for what
 * arrives at it: requests can be submitted in any order as long as none arrives before the clock. In whatever slices requests
 * are submitted and the clock is moved, what becomes of each is what batching_fleet_simulate with all of them gives, to the last
 * bit. (A batch of the policy static that is not full, and autoscalers and faults once nothing is left to do, wait for
 * batching_fleet_advance to infinity, or for the next request.)
 *
 * Ids. The caller chooses the id of each request; an id is free again once its request has ended. A router_callback is told the
 * row of a request, a number that is used again.
 *
 * Events are kept until batching_fleet_poll takes them, 40 bytes each, and for each request that has ended 260 bytes more. They
 * are in order of time; of those of one call of batching_fleet_advance at one time, by replica, in the order in which they
 * happened there, and those without a replica last.
 *
 * Sessions. The host sends each turn when it arrives. session is what a router by session looks at: given in all calls of submit
 * or in none.
 *
 * Attribution is kept where all pools have keep_attribution.
 *
 * Memory: that of a live engine for each replica and its requests in flight, about 400 bytes more for each of these, and what the
 * router remembers.
 *
 * Handles. One thread at a time uses a handle; a call on one that is in use, be it from one of its own callbacks, returns
 * BATCHING_ERROR_BUSY, and does nothing. Different handles are independent. A call that fails for its arguments leaves the fleet
 * as it was. Where anything else stops batching_fleet_advance or batching_fleet_abort, a callback or memory that runs out, what has happened up to there
 * can be polled and observed, and every other call returns the same error.
 * ================================================================================================================ */

/** A handle: see above. */
typedef struct batching_fleet batching_fleet;

/**
 * Makes a fleet without requests, at time 0.
 *
 *   config  must not be NULL. Copied, with all that it points to but user_data. preferred_replica and preferred_decode_replica
 *           must be NULL. A router's block_size of 0 is the block_size of the pools, which must then be one; hash ids of
 *           requests must stand for as many tokens.
 *   fleet   written: the new handle, for batching_fleet_destroy. Must not be NULL.
 *
 * Errors: as of batching_fleet_simulate for its configuration; BATCHING_ERROR_OUT_OF_MEMORY.
 */
batching_status batching_fleet_create(const batching_fleet_config *config, batching_fleet **fleet);

/** Gives back what create or fork made. NULL is fine. BATCHING_ERROR_BUSY: it is in use, and still there. */
batching_status batching_fleet_destroy(batching_fleet *fleet);

/**
 * Submits requests: all of them, or, with an error, none.
 *
 *   requests  copied. A NULL arrival_time means the clock, now. hash_block_size and hash_covers_output must be the same for all
 *             that have hash_ids. client, delay and abort_time must be NULL.
 *   ids       [requests->count] any, but none that is in flight. NULL: the id of each request is the number of requests
 *             submitted before it.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT if a
 * value is out of its range, an id is in flight, or an arrival before the clock; BATCHING_ERROR_OVERFLOW if there would be more
 * than 2^54 requests in all; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: O(log(pending)) a request, and O(1) a hash id.
 */
batching_status batching_fleet_submit(batching_fleet *fleet, const batching_requests *requests, const int64_t *ids);

/**
 * Moves the clock on, and does what happens until then.
 *
 *   time  seconds. If the clock is there already, nothing happens. INFINITY: until nothing is left to do, and no more requests
 *         come; the clock is then where the last thing happened.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT; BATCHING_ERROR_CANCELLED;
 * BATCHING_ERROR_OVERFLOW; BATCHING_ERROR_OUT_OF_MEMORY: see "Handles" above.
 *
 * Time: as batching_fleet_simulate, O(replicas) for each call, and O(n log(n)) for its n events.
 */
batching_status batching_fleet_advance(batching_fleet *fleet, double time);

/**
 * A request leaves, wherever it is: its client is gone. It leaves a replica as batching_live_engine_abort says. Where prefill and
 * decode are apart, one whose KV is on its way leaves once it is there.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT if it is not in flight or pending;
 * BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: as batching_live_engine_abort; O(pending) for one that has not arrived.
 */
batching_status batching_fleet_abort(batching_fleet *fleet, int64_t request);

/** It goes to a replica: the one that computes its prompt, or, once its KV is there, the one in which it decodes. */
#define BATCHING_EVENT_ROUTED 420

/** What happened: the first count rows are written. NULL columns are not wanted. */
typedef struct batching_fleet_events {
    uint32_t struct_size; /**< sizeof(batching_fleet_events) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    int64_t capacity;     /**< Elements in each column; at least 0. */
    int64_t count;        /**< Written: rows. */
    int64_t remaining;    /**< Written: events that are kept for the next call. */
    double *time;         /**< [capacity] seconds. */
    int64_t *request;     /**< [capacity] the id of the request. */
    int32_t *event;  /**< [capacity] BATCHING_EVENT_ROUTED, or of those of a live engine. One that was lost or late is
                               aborted: the status in results says which. */
    int32_t *tokens; /**< [capacity] as of a live engine; of one that was routed 0. */
    int32_t *
        replica; /**< [capacity] the replica that tells it, or that it goes to; -1: it ends at the router, or on its way
                               from one replica to another. */
    const batching_results
        *results; /**< Its columns by request, each at least as long, are written: in the row of an event that
                               ends a request, what became of it; in any other row, as of a request to which nothing happened.
                               completion_order must be NULL. NULL: not wanted. */
    const batching_fleet_results
        *fleet_results; /**< The same of its columns by request; those by replica and of scaling are not
                               written, and replica_capacity is not looked at. attribution must be NULL unless the fleet keeps
                               it. NULL: not wanted. */
} batching_fleet_events;

batching_status batching_fleet_events_init(batching_fleet_events *events, uint32_t struct_size);

/**
 * Takes the oldest events that were not taken yet, as many as there is room for. events must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT;
 * BATCHING_ERROR_CAPACITY if the columns of results have fewer elements than capacity.
 */
batching_status batching_fleet_poll(batching_fleet *fleet, batching_fleet_events *events);

/** What a fleet holds now, as of its clock. */
typedef struct batching_fleet_state {
    uint32_t struct_size; /**< sizeof(batching_fleet_state) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    double clock;         /**< Written, as all up to replicas. Seconds. */
    int64_t submitted; /**< Requests ever submitted: the sum of pending, those in flight, and those that have ended. */
    int64_t pending;   /**< Requests that have not arrived yet. */
    int64_t in_flight; /**< Requests that have arrived and not ended. */
    int64_t queued;    /**< Those of them that wait in the queue of the router. */
    int64_t finished;  /**< Requests that have finished. */
    int64_t rejected;  /**< Requests that were rejected. */
    int64_t aborted;   /**< Requests that were aborted, lost, or late. */
    int64_t events;    /**< Events that were not polled. */
    int64_t replicas;  /**< Replicas. */
    int64_t capacity;  /**< Elements of the columns; at least the replicas, if any is given. */
    int64_t *waiting;  /**< [capacity] requests that wait at each replica. NULL: not wanted, as of the next. */
    int64_t *running;  /**< [capacity] requests that run there. */
    double *kv_use;    /**< [capacity] the share of its KV blocks in use; 0 without a limit. */
    int64_t *routed;   /**< [capacity] requests in flight that the router counts there. */
    int64_t *
        queued_tokens; /**< [capacity] prompt tokens of those of them without a first token, as the router counts them. */
    int32_t *is_up;    /**< [capacity] 1: the router may send requests there. */
} batching_fleet_state;

batching_status batching_fleet_state_init(batching_fleet_state *state, uint32_t struct_size);

/**
 * What it holds now. state is filled; it must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_BUSY; BATCHING_ERROR_CAPACITY if a column is
 * given and capacity is less than the replicas.
 *
 * Time: O(1), and O(replicas) with a column.
 */
batching_status batching_fleet_observe(batching_fleet *fleet, batching_fleet_state *state);

/**
 * What would become of each of `requests` if it came, and no other but those that are pending; the fleet stays as it is.
 *
 *   requests       as for submit.
 *   results        columns to fill, or NULL: as of batching_fleet_simulate; completion_order must be NULL.
 *   fleet_results  columns to fill, or NULL: those by request. replica_capacity is not looked at.
 *
 * Errors: those of submit and advance, but the fleet stays usable; BATCHING_ERROR_CAPACITY.
 *
 * Time: for each request a copy, as batching_fleet_fork, and what it takes to run that to the end of the request. Where faults,
 * retries and a router's random draws come into it, those that would come.
 */
batching_status batching_fleet_estimate(batching_fleet *fleet, const batching_requests *requests,
                                        const batching_results *results, const batching_fleet_results *fleet_results);

/**
 * Makes an independent copy, for a what-if. It has no events yet. Its callbacks are the same.
 *
 *   copy  written: the new handle, for batching_fleet_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Time: that of batching_live_engine_fork for each replica, and a copy of what the router remembers.
 */
batching_status batching_fleet_fork(batching_fleet *fleet, batching_fleet **copy);

/* ================================================================================================================
 * Accumulator
 *
 * Measures live traffic: it is told the events of requests as they happen, one at a time or in columns, and gives at
 * any moment the metrics of a sliding window and of all since the start. Its memory is fixed when it is created.
 *
 * Events. Of each request: it arrived; it started (joined a batch; may be left out); tokens came, any number of times;
 * it finished or failed. The first event with tokens is the first token. The caller chooses the id, which is free again
 * once the request has finished or failed. Events of different requests may come in any order, however late. Those of
 * one request must not go back in time; equal times are fine.
 *
 * Metrics. Those of "Serving metrics" by the convention vllm, of the requests that ended: a request is measured when it
 * finishes. A request that failed is counted as failed, and gives no sample, whatever was told of it before. Of a
 * request that finished, output_length is the sum of what its tokens events brought, and each event with tokens is one
 * of its token times, however many tokens came with it: each gap between two is one sample of ITL. Its end is when it
 * finished, so tell that at the time of its last token, as vLLM's client does. It has a queue time if it was told that
 * it started. SLOs are fixed when the accumulator is made.
 *
 * Window. The clock is the latest time of any event or batching_accumulator_advance; it does not tick by itself. Time
 * is cut into slots of window / slot_count, from 0 on. The window is the slot of the clock and the slot_count - 1
 * before it, so it covers the last window seconds less what is still to come of the newest slot. A request belongs to
 * the slot in which it finished or failed. A request that does so before the window counts since the start only.
 *
 * Percentiles. Up to 1,024 samples are kept, and give exact percentiles. Of more, a histogram is kept with 512 bins for
 * each power of two nanoseconds (as DDSketch, Masson et al., VLDB 2019, but with bins that are linear within a power of
 * two, as HdrHistogram's): of the values between which a percentile lies each is within 0.1% of the sample with that
 * rank, or within half a nanosecond if that is more, for all times that the clock holds. All else is exact until it is
 * rounded to a double; only the quotients (TPOT, normalized latency) are rounded once more before, to 2^-24 ns.
 *
 * Merging. What accumulators of several threads, processes or machines say of different requests adds up to exactly
 * what one accumulator would say of all of them, to the last byte of batching_accumulator_save: however the
 * requests are split, and in whatever order the parts are merged.
 *
 * Handles. One thread at a time uses a handle; a call on one that is in use returns BATCHING_ERROR_BUSY, and does
 * nothing. Different handles are independent. Events allocate nothing. A call that fails leaves the accumulator as it
 * was.
 * ================================================================================================================ */

/** A handle: see above. */
typedef struct batching_accumulator batching_accumulator;

/** What an accumulator keeps. 0 is the default given here. */
typedef struct batching_accumulator_config {
    uint32_t struct_size; /**< sizeof(batching_accumulator_config) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    double window;        /**< Seconds that the window covers; at least slot_count nanoseconds. 0: 60.0. */
    int32_t slot_count;   /**< Slots of the window, in 1..3600; rounded up, a slot is whole nanoseconds. 0: 30. */
    uint32_t reserved_2;  /**< Must be 0. */
    int64_t max_requests; /**< Requests in flight, in 1..16777216. 0: 4096. */
    int64_t max_gaps;     /**< Gaps between tokens of requests in flight, in 1..2^31. 0: 256 x max_requests, or 2^31. */
    double slo_ttft;      /**< Seconds. 0: no SLO. */
    double slo_tpot;      /**< Seconds. 0: no SLO. */
    double slo_itl;       /**< Seconds. 0: no SLO. */
    double slo_e2e;       /**< Seconds. 0: no SLO. */
} batching_accumulator_config;

batching_status batching_accumulator_config_init(batching_accumulator_config *config, uint32_t struct_size);

/**
 * Makes an accumulator.
 *
 *   config       NULL: all defaults.
 *   accumulator  written: the new handle, for batching_accumulator_destroy. Must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_INVALID_ARGUMENT;
 * BATCHING_ERROR_OUT_OF_MEMORY.
 *
 * Memory: 730 kB a slot, 1.6 MB, about 340 bytes for each of max_requests, and 8 for each of max_gaps. It is
 * zeroed by the system: what no request has touched takes address space only. Slots whose latencies lie within
 * few powers of two take some 10 to 100 kB.
 */
batching_status batching_accumulator_create(const batching_accumulator_config *config,
                                            batching_accumulator **accumulator);

/** Gives back what create or load made. NULL is fine. BATCHING_ERROR_BUSY: it is in use, and still there. */
batching_status batching_accumulator_destroy(batching_accumulator *accumulator);

/*
 * One event: see above. Errors of all five: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY;
 * BATCHING_ERROR_INVALID_ARGUMENT if a time or a value is out of its range, the time is before that of the last event
 * of the request, its id is not in flight (arrived: is), it has already started or has tokens (started), or it would
 * have more than 2147483647 tokens; BATCHING_ERROR_CAPACITY if there are already max_requests (arrived) or max_gaps
 * (tokens); BATCHING_ERROR_OVERFLOW if there would be more than 2^62 tokens or gaps between them, or 2^40 requests, in
 * all (arrived), or more than 4294967295 samples in one slot (finished).
 *
 * Time: O(1), and O(1) more for each of its gaps when a request finishes, and for each slot of the window that ended
 * since the last one did. Allocates nothing.
 */

/** A request arrived. prompt_tokens: at least 0. */
batching_status batching_accumulator_arrived(batching_accumulator *accumulator, int64_t request, double time,
                                             int32_t prompt_tokens);

/** A request joined a batch. */
batching_status batching_accumulator_started(batching_accumulator *accumulator, int64_t request, double time);

/** Tokens came. tokens: how many; at least 0. */
batching_status batching_accumulator_tokens(batching_accumulator *accumulator, int64_t request, double time,
                                            int32_t tokens);

/** It finished by itself: the end of the text, or a stop string. */
#define BATCHING_FINISHED_STOP 0
/** It finished at a limit on its length. */
#define BATCHING_FINISHED_LENGTH 100

/** A request finished. reason: BATCHING_FINISHED_...: why it finished. */
batching_status batching_accumulator_finished(batching_accumulator *accumulator, int64_t request, double time,
                                              int32_t reason);

/** It failed for another reason than the next. */
#define BATCHING_FAILED_ERROR 0
/** It was aborted: its client left. */
#define BATCHING_FAILED_ABORT 100

/** A request failed. reason: BATCHING_FAILED_...: why it failed. */
batching_status batching_accumulator_failed(batching_accumulator *accumulator, int64_t request, double time,
                                            int32_t reason);

/** Many events, in the order in which they are given. */
typedef struct batching_accumulator_events {
    uint32_t struct_size;   /**< sizeof(batching_accumulator_events) of the caller; set by the _init function. */
    uint32_t reserved;      /**< Must be 0. */
    int64_t count;          /**< Events in each column, in 0..BATCHING_COUNT_MAX. A column may be NULL where it is 0. */
    const int32_t *event;   /**< [count] what happened: BATCHING_ACCUMULATOR_ARRIVED and so on. NULL: all TOKENS. */
    const int64_t *request; /**< [count] the id of its request. Required. */
    const double *time;     /**< [count] seconds. Required. */
    const int32_t *value;   /**< [count] see there. NULL: all 1. Required unless event is NULL. */
} batching_accumulator_events;

batching_status batching_accumulator_events_init(batching_accumulator_events *events, uint32_t struct_size);

/** It arrived; value: its prompt tokens. */
#define BATCHING_ACCUMULATOR_ARRIVED 100
/** It started: it joined a batch; value: 0. */
#define BATCHING_ACCUMULATOR_STARTED 200
/** Tokens came; value: how many, at least 0. */
#define BATCHING_ACCUMULATOR_TOKENS 300
/** It finished; value: why, BATCHING_FINISHED_... */
#define BATCHING_ACCUMULATOR_FINISHED 400
/** It failed; value: why, BATCHING_FAILED_... */
#define BATCHING_ACCUMULATOR_FAILED 500

/**
 * Many events, as if given one after the other, up to the first that is in error.
 *
 *   events    in the order in which they are given; must not be NULL.
 *   accepted  written, in error too: how many were taken, and so the index of the one in error. NULL: not wanted.
 *
 * Errors: those of the events, and BATCHING_ERROR_STRUCT_SIZE.
 */
batching_status batching_accumulator_add(batching_accumulator *accumulator, const batching_accumulator_events *events,
                                         int64_t *accepted);

/** Moves the clock on to `time` without an event, if it is not there yet. */
batching_status batching_accumulator_advance(batching_accumulator *accumulator, double time);

/** What an accumulator holds now. */
typedef struct batching_accumulator_state {
    uint32_t struct_size; /**< sizeof(batching_accumulator_state) of the caller; set by the _init function. */
    uint32_t reserved;    /**< Must be 0. */
    double first_arrival; /**< Seconds: the earliest arrival. 0.0 if there was none. */
    double clock;         /**< Seconds: the latest time of any event or batching_accumulator_advance. */
    double window_begin;  /**< Seconds: where the window begins; 0.0 if that is before time begins. */
    int64_t arrived;      /**< Requests that arrived since the start: completed + failed + running + waiting. */
    int64_t running;      /**< Requests in flight that have started or have tokens. */
    int64_t waiting;      /**< Requests in flight that have not. */
    int64_t gaps;         /**< Gaps between tokens of requests in flight: see max_gaps. */
} batching_accumulator_state;

batching_status batching_accumulator_state_init(batching_accumulator_state *state, uint32_t struct_size);

/** What it holds now. state is filled; it must not be NULL. */
batching_status batching_accumulator_observe(batching_accumulator *accumulator, batching_accumulator_state *state);

/** All since the start. */
#define BATCHING_ACCUMULATOR_START 0
/** The sliding window. */
#define BATCHING_ACCUMULATOR_WINDOW 100

/**
 * The metrics of the requests that ended: see "Serving metrics". Requests in flight are in no figure: tell
 * batching_accumulator_failed of each once no answer will come, as when a run is cut short.
 *
 *   scope    BATCHING_ACCUMULATOR_START or BATCHING_ACCUMULATOR_WINDOW: which requests are measured.
 *   config   which percentiles, by which method; and the duration: if that is 0, it is from the first arrival or the
 *            begin of the window, whichever is later, to the clock. The convention must be vllm, and all slo_ fields
 *            0: they are those of the accumulator. NULL: no percentiles.
 *   metrics  written; must not be NULL.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_STRUCT_SIZE; BATCHING_ERROR_BUSY;
 * BATCHING_ERROR_INVALID_ARGUMENT.
 *
 * Time: O(slot_count + the bins in use): 0.01 to 1 ms a distribution.
 */
batching_status batching_accumulator_measure(batching_accumulator *accumulator, int32_t scope,
                                             const batching_serving_metrics_config *config,
                                             batching_serving_metrics *metrics);

/**
 * Adds what `other` was told to `accumulator`; `other` stays as it is. Requests in flight are taken over, too: from
 * then on tell their events to one of the two.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT if the two are the same, if
 * window, slot_count or an SLO differ, or if a request is in flight in both; BATCHING_ERROR_CAPACITY if there would be
 * more than max_requests or max_gaps in flight; BATCHING_ERROR_OVERFLOW.
 */
batching_status batching_accumulator_merge(batching_accumulator *accumulator, batching_accumulator *other);

/**
 * The whole accumulator, requests in flight included, as bytes: the same state gives the same bytes. They are
 * little-endian, and carry a version and a checksum.
 *
 *   buffer    [capacity] written, or NULL.
 *   capacity  bytes; at least 0.
 *   needed    written, also when capacity is too small: how many bytes there are. NULL: not wanted.
 *
 * Errors: BATCHING_ERROR_CAPACITY if they do not fit; with a NULL buffer only needed is written, and that is no error.
 */
batching_status batching_accumulator_save(batching_accumulator *accumulator, uint8_t *buffer, int64_t capacity,
                                          int64_t *needed);

/**
 * Makes an accumulator from bytes. What batching_accumulator_save did not write, or was changed since, is
 * BATCHING_ERROR_INVALID_ARGUMENT.
 *
 *   bytes        [size] what batching_accumulator_save wrote; it is not needed afterwards.
 *   accumulator  written: the new handle, for batching_accumulator_destroy. Must not be NULL.
 *
 * Time: O(size). Memory: as for batching_accumulator_create, of which no more is touched than the bytes fill.
 */
batching_status batching_accumulator_load(const uint8_t *bytes, int64_t size, batching_accumulator **accumulator);

/**
 * Everything since the start in the Prometheus text format (0.0.4), by the names and with the buckets of vLLM 0.33's
 * server (vllm/v1/metrics/loggers.py), and by its convention: what is observed at a token is there as soon as the token
 * is, whatever becomes of the request. Bucket counts are exact.
 *
 *   vllm:num_requests_running              gauge, now
 *   vllm:num_requests_waiting              gauge, now
 *   vllm:prompt_tokens_total               counted at the first token
 *   vllm:generation_tokens_total           counted at each token
 *   vllm:request_success_total             by finished_reason: stop, length; abort and error are those that failed
 *   vllm:time_to_first_token_seconds       observed at the first token
 *   vllm:inter_token_latency_seconds       observed at each further event with tokens
 *   vllm:e2e_request_latency_seconds       of those that finished, as all that follow
 *   vllm:request_prompt_tokens             prompt tokens of a request
 *   vllm:request_generation_tokens         output tokens of a request
 *   vllm:request_time_per_output_token_seconds   those with a first token: to the last token; 0 with fewer than 2
 *   vllm:request_decode_time_seconds       the same requests: last token - first token
 *   vllm:request_queue_time_seconds        those that were told that they started: start - arrival
 *   vllm:request_prefill_time_seconds      those with both: first token - start
 *   vllm:request_inference_time_seconds    those with both: last token - start
 *
 * Each has two labels, which are escaped as the format asks.
 *
 *   model_name     label, UTF-8. Must not be NULL.
 *   engine         label, as model_name.
 *   max_model_len  the buckets of the token counts, 1, 2, 5, 10, ..., go up to it; at least 1. 0: 2000000000.
 *   buffer         [capacity] written with a 0 at the end, or NULL.
 *   capacity       bytes; at least 0.
 *   needed         written, also when capacity is too small: bytes, the 0 at the end included. NULL: not wanted.
 *
 * Errors: BATCHING_ERROR_NULL_POINTER; BATCHING_ERROR_BUSY; BATCHING_ERROR_INVALID_ARGUMENT if a label is not UTF-8;
 * BATCHING_ERROR_CAPACITY if it does not fit; with a NULL buffer only needed is written, and that is no error.
 */
batching_status batching_accumulator_prometheus(batching_accumulator *accumulator, const char *model_name,
                                                const char *engine, int64_t max_model_len, char *buffer,
                                                int64_t capacity, int64_t *needed);

/* ================================================================================================================
 * Hosts
 *
 * What a program that lives long, has many threads or loads other versions of the library should know.
 *
 * Versions of structs. struct_size tells the library which fields your program was compiled with. A library newer than
 * its caller treats the fields that the caller does not know as 0, which means their default. A library older than its
 * caller accepts the longer struct only if the fields that it does not know are all 0, and otherwise returns
 * BATCHING_ERROR_STRUCT_SIZE.
 *
 * Memory. A call whose allocation fails returns BATCHING_ERROR_OUT_OF_MEMORY: no output was written, handles are as
 * before the call, and it can be made again. There are two exceptions: batching_simulate may have written some of its
 * columns, and an engine whose batching_live_engine_advance ran out of memory on its way can only be observed, polled
 * and destroyed (its logs, if any, have told what had happened). What the runtime of the library needs once is made as
 * the library is loaded.
 *
 * Processes. After fork() the child may call any function, whatever the threads of its parent were doing; its handles
 * are copies. A handle that another thread was using just then stays BATCHING_ERROR_BUSY in the child.
 *
 * Floating-point mode. Every call computes in the standard mode (to nearest, subnormal numbers kept, no exception
 * trapped), whatever rounding (fesetround) or flushing of subnormal numbers (-ffast-math) the calling thread has set. A
 * callback runs in the thread's own mode, which it has again when the call returns. A call may raise the status flags
 * of exceptions, as any arithmetic does, and clears none.
 * ================================================================================================================ */

/** Whether a call goes on: 0, or anything else to stop it. */
typedef int32_t (*batching_interrupt_callback)(void *user_data);

/**
 * Lets the calling thread stop its own calls, of whatever function, before they are done. A host whose signals,
 * deadlines or users may end a call sets a callback before it, and sets NULL after. Returns the callback that was set
 * before, or NULL.
 *
 *   callback   asked by every later call of this thread, again and again. If it returns anything but 0, the call
 *              returns BATCHING_ERROR_CANCELLED. NULL: none.
 *   user_data  for callback.
 *
 * When it is asked: after a bounded amount of work, which is counted in requests, iterations, blocks and bytes, not in
 * time; on usual machines every few milliseconds. Calls that only take constant time do not ask, and an engine does not
 * ask within an iteration: that takes some 20 ms where it looks at 100,000 requests one by one. What a call writes does
 * not depend on whether it asks.
 *
 * A call that was stopped may have written some of its output columns. A handle is as before the call, with two
 * exceptions: batching_live_engine_advance has come some of the way, and batching_accumulator_add has taken the events
 * that it counts in accepted. A batching_live_engine_submit that is stopped takes its requests back, for about as long
 * as it had taken them in.
 *
 * While the callback runs, its thread has no such callback. It may call the library, but not with the handle of the
 * call that asks: that returns BATCHING_ERROR_BUSY.
 */
batching_interrupt_callback batching_interrupt_set(batching_interrupt_callback callback, void *user_data);

#ifdef __cplusplus
}
#endif

#endif /* BATCHING_H */
