/* The workloads of the engine's benchmarks: what is simulated, and with which configuration. */
#ifndef ENGINE_WORKLOADS_H
#define ENGINE_WORKLOADS_H

#include "batching.h"

/** Seconds of an iteration near those of an 8-billion-parameter model in 16 bits on an H100. */
void set_h100_time(batching_engine_config *config);

/** 256 sequences, 2,048 tokens, 28,000 KV blocks of 16 tokens, and the time above. */
batching_engine_config server_config(void);

/** Requests of 512 prompt and 128 output tokens that arrive as a Poisson process, in columns of their own. */
void fixed_requests_generate(batching_requests *requests, int64_t count, double arrival_rate);

/** Gives each request hash ids of its own: one for each 16 tokens of its prompt. */
void distinct_hashes_add(batching_requests *requests);

/**
 * Reads requests from a file that python/traces.py has written, and repeats them, one run after the other, until there
 * are `count`; 0: as often as they are there. Returns 0 if there is no such file.
 */
int trace_read(batching_requests *requests, const char *path, int64_t count);

/**
 * Turns of sessions of 10, each 64 tokens and an answer of 32 more than the one before: 20 sessions begin a second, and
 * their users think for a second in the mean between turns.
 */
void sessions_generate(batching_requests *requests, int64_t count);

/** Frees the columns of any of these. */
void engine_requests_free(batching_requests *requests);

#endif
