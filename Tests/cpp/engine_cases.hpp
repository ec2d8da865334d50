// What the tests of the engine share.
#pragma once

#include "batching.hpp"

#include <cstring>
#include <string>
#include <vector>

/// Two prompts of three tokens, and four to generate for each.
inline batching::requests two_requests() {
    return {{3, 3}, {4, 4}, {0.0, 0.0}};
}

/// Four KV blocks of two tokens, beside the null block; a second an iteration.
inline batching::engine_config four_blocks() {
    batching::engine_config config;
    config.num_gpu_blocks = 5;
    config.block_size = 2;
    config.set_iteration_time(1.0);
    return config;
}

/// All that a run tells, as the C function fills it in. Equal if every bit is.
struct engine_case {
    std::vector<double> start_time, first_token_time, end_time;
    std::vector<std::int32_t> tokens_generated, preemptions, prefix_cached_tokens, status;
    std::vector<std::int64_t> completion_order;
    batching_summary summary{};

    explicit engine_case(std::size_t count)
        : start_time(count), first_token_time(count), end_time(count), tokens_generated(count), preemptions(count),
          prefix_cached_tokens(count), status(count), completion_order(count) {}

    explicit engine_case(const batching::engine_result &run)
        : start_time(run.results.start_time), first_token_time(run.results.first_token_time),
          end_time(run.results.end_time), tokens_generated(run.results.tokens_generated),
          preemptions(run.results.preemptions), prefix_cached_tokens(run.results.prefix_cached_tokens),
          completion_order(run.results.completion_order), summary(run.summary) {
        for (const auto each : run.results.status) {
            status.push_back(static_cast<std::int32_t>(each));
        }
    }

    bool operator==(const engine_case &other) const {
        // NaN is not equal to itself, but has the same bits.
        const auto same_bits = [](const std::vector<double> &one, const std::vector<double> &two) {
            return one.size() == two.size() &&
                   (one.empty() || std::memcmp(one.data(), two.data(), one.size() * sizeof(double)) == 0);
        };
        return same_bits(start_time, other.start_time) && same_bits(first_token_time, other.first_token_time) &&
               same_bits(end_time, other.end_time) && tokens_generated == other.tokens_generated &&
               preemptions == other.preemptions && prefix_cached_tokens == other.prefix_cached_tokens &&
               status == other.status && completion_order == other.completion_order &&
               std::memcmp(&summary, &other.summary, sizeof summary) == 0;
    }
};

/// What the call's batching::invalid_argument says; "" if it throws none.
template <class Call> std::string refusal(Call call) {
    try {
        call();
    } catch (const batching::invalid_argument &error) {
        return error.what();
    }
    return "";
}
