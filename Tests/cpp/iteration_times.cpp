// Models of the iteration time, as C++ sets them.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include <batching.hpp>

namespace {

// Two sequences that decode with 10 tokens of context.
double decode_time(const batching::engine_config &config) {
    const std::vector<std::int64_t> decodes{2}, context{10};
    batching::iterations_view iterations;
    iterations.set_decode_tokens(decodes).set_context_tokens(context);
    const auto seconds = batching::calculate_iteration_times(config, iterations);
    REQUIRE(seconds.size() == 1);
    return seconds[0];
}

} // namespace

TEST_CASE("an affine model counts chunks and iterations that prefill") {
    batching::engine_config config;
    config.set_iteration_time(batching::affine_time{1.0, 0.25, 0.5, 0.125, 0.0625, 100.0, 10.0});
    const std::vector<std::int64_t> tokens{8, 0}, chunks{2, 0}, decodes{3, 3}, context{16, 16};
    const std::vector<double> prefill_context{32.0, 0.0};
    batching::iterations_view iterations;
    iterations.set_prefill_tokens(tokens).set_prefill_chunks(chunks).set_decode_tokens(decodes);
    iterations.set_context_tokens(context).set_prefill_context(prefill_context);
    CHECK(batching::calculate_iteration_times(config, iterations) == std::vector<double>{128.5, 4.5});
}

TEST_CASE("a configuration keeps its roofline, and so do its copies") {
    auto config = std::make_unique<batching::engine_config>();
    {
        batching::roofline times;
        times.kv_bytes = 1.0;
        times.memory_bandwidth = times.kv_share = 1.0;
        config->set_iteration_time(times);
    }
    CHECK(decode_time(*config) == 10.0);
    const batching::engine_config copy = *config;
    config.reset();
    CHECK(decode_time(copy) == 10.0);
}

TEST_CASE("a configuration keeps its table, and so do its copies") {
    auto config = std::make_unique<batching::engine_config>();
    {
        batching::table_time times;
        times.linear = {{1.0, 3.0}, {10.0, 20.0}};
        times.decode = {{1.0, 2.0}, {5.0, 15.0}, {1.0, 2.0, 3.0, 5.0}};
        times.linear_scale = 2.0;
        config->set_iteration_time(times);
    }
    // 2 tokens are half way from 1 to 3, 10 of context half way from 5 to 15.
    CHECK(decode_time(*config) == 30.0 + 4.0);
    const batching::engine_config copy = *config;
    config.reset();
    CHECK(decode_time(copy) == 34.0);
}

TEST_CASE("a table needs a value for each place") {
    batching::engine_config config;
    batching::table_time times;
    times.decode = {{1.0, 2.0}, {5.0, 15.0}, {1.0, 2.0, 3.0}};
    CHECK_THROWS_WITH_AS(config.set_iteration_time(times),
                         "decode.seconds has 3 elements: must be 4, as its places say", batching::invalid_argument);
    times.decode.seconds = {1.0, 2.0, 3.0, 2.0};
    config.set_iteration_time(times);
    CHECK_THROWS_WITH_AS(decode_time(config),
                         "time_table.decode_seconds[3] is 2.0: must be at least element 2, which is 3.0",
                         batching::invalid_argument);
}

TEST_CASE("a callback is asked for each iteration, and what it throws comes out") {
    batching::engine_config config;
    config.set_iteration_time([](const batching::iteration &iteration) {
        return static_cast<double>(iteration.decode_tokens + iteration.context_tokens);
    });
    CHECK(decode_time(config) == 12.0);
    config.set_iteration_time([](const batching::iteration &) -> double { throw 7; });
    CHECK_THROWS_AS(decode_time(config), int);
}
