// The accumulator: an owner of its handle, which says what the C functions say.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "batching.hpp"

namespace {

// Two requests of a gateway, of which the second fails.
batching::accumulator lesson() {
    batching::accumulator_config config;
    config.slo_ttft = 0.5;
    batching::accumulator live(config);
    live.arrived(1, 0.0, 100);
    live.arrived(2, 0.25, 50);
    live.started(1, 0.125);
    live.tokens(1, 0.5);
    live.tokens(1, 0.75, 2);
    live.tokens(2, 0.75);
    live.failed(2, 1.0, batching::failure_reason::abort);
    live.tokens(1, 1.5);
    live.finished(1, 1.5, batching::finish_reason::length);
    return live;
}

} // namespace

TEST_CASE("an accumulator measures those that finished") {
    const auto live = lesson();
    batching::serving_metrics_config options;
    options.set_percentiles({0.0, 100.0});
    const auto metrics = live.measure(batching::accumulator_scope::start, options);
    CHECK(metrics.completed == 1);
    CHECK(metrics.failed == 1);
    CHECK(metrics.duration == 1.5);
    CHECK(metrics.total_output_tokens == 4);
    CHECK(metrics.good == 1);
    CHECK(metrics.slo_attainment == 0.5);
    CHECK(metrics.ttft.mean == 0.5);
    CHECK(metrics.queue_time.mean == 0.125);
    CHECK(metrics.e2e.mean == 1.5);
    // (1.5 - 0.5) / 3, and gaps of 0.25 and 0.75.
    CHECK(metrics.tpot.mean == doctest::Approx(1.0 / 3.0).epsilon(1e-12));
    CHECK(metrics.itl.count == 2);
    CHECK(metrics.itl.percentiles == std::vector<double>{0.25, 0.75});
    CHECK(live.measure(batching::accumulator_scope::window).completed == 1);
}

TEST_CASE("events in columns are the same, and stop at the first in error") {
    using event = batching::accumulator_event;
    const std::array<std::int32_t, 4> events{event::arrived, event::tokens, event::tokens, event::finished};
    const std::array<std::int64_t, 4> request{7, 7, 8, 7};
    const std::array<double, 4> time{0.0, 1.0, 1.0, 1.0};
    const std::array<std::int32_t, 4> value{10, 1, 1, 0};
    batching::accumulator live;
    std::int64_t accepted = -1;
    CHECK_THROWS_AS(live.add({events, request, time, value}, &accepted), batching::invalid_argument);
    CHECK(accepted == 2);
    CHECK(live.observe().running == 1);
    const std::array<double, 3> too_few{};
    CHECK_THROWS_AS(live.add({events, request, too_few, value}), batching::invalid_argument);
}

TEST_CASE("it goes to bytes and back, and merges") {
    auto live = lesson();
    const auto bytes = live.save();
    auto copy = batching::accumulator::load(bytes);
    CHECK(copy.save() == bytes);
    live.merge(copy);
    CHECK(live.measure().completed == 2);
    auto changed = bytes;
    changed[40] ^= 1U;
    CHECK_THROWS_AS(batching::accumulator::load(changed), batching::invalid_argument);
    CHECK_THROWS_AS(live.merge(live), batching::invalid_argument);
}

TEST_CASE("it renders Prometheus text") {
    const auto text = lesson().prometheus("a \"model\"", "0", 100);
    CHECK(text.find(
              "vllm:request_success_total{engine=\"0\",model_name=\"a \\\"model\\\"\",finished_reason=\"abort\"} 1") !=
          std::string::npos);
    CHECK(text.back() == '\n');
}

TEST_CASE("it can be moved") {
    auto live = lesson();
    batching::accumulator other = std::move(live);
    CHECK(other.measure().completed == 1);
    live = std::move(other);
    CHECK(live.measure().completed == 1);
}

TEST_CASE("0 is the default that batching.h names") {
    const auto bytes = batching::accumulator().save();
    batching::accumulator_config config;
    config.window = 60.0;
    config.slot_count = 30;
    config.max_requests = 4096;
    config.max_gaps = 256 * 4096;
    CHECK(batching::accumulator(config).save() == bytes);
    config = {};
    config.window = 0.0;
    config.slo_e2e = 0.0;
    CHECK(batching::accumulator(config).save() == bytes);
    config.window = -1.0;
    CHECK_THROWS_AS(batching::accumulator{config}, batching::invalid_argument);
    config = {};
    config.slo_e2e = -1.0;
    CHECK_THROWS_AS(batching::accumulator{config}, batching::invalid_argument);
}

TEST_CASE("a reason to finish is no reason to fail") {
    using batching::accumulator;
    CHECK(std::is_invocable_v<decltype(&accumulator::failed), accumulator &, std::int64_t, double,
                              batching::failure_reason::value>);
    CHECK_FALSE(std::is_invocable_v<decltype(&accumulator::failed), accumulator &, std::int64_t, double,
                                    batching::finish_reason::value>);
}
