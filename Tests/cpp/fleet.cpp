// Fleets: one replica is a run of the engine, and what replicas did adds up.
#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "batching.hpp"

using batching::fleet_pool;
using batching::router_config;
using batching::router_name;

namespace {

batching::requests some_requests() {
    batching::requests requests;
    for (int i = 0; i < 40; ++i) {
        requests.prompt_length.push_back(1 + i * 37 % 60);
        requests.output_length.push_back(1 + i * 11 % 23);
        requests.arrival_time.push_back(i * 0.015625);
    }
    return requests;
}

batching::engine_config some_engine() {
    batching::engine_config config;
    config.max_num_seqs = 3;
    config.time_model = BATCHING_TIME_AFFINE;
    config.time_base = 0.01;
    config.time_per_prefill_token = 1e-4;
    return config;
}

} // namespace

TEST_CASE("one replica is a run of the engine") {
    const auto requests = some_requests();
    const auto config = some_engine();
    const auto alone = batching::simulate(requests, config);
    const auto fleet = batching::simulate_fleet(requests, {{config, 1}}, router_config(router_name::least_requests, 0));
    CHECK(fleet.results.start_time == alone.results.start_time);
    CHECK(fleet.results.end_time == alone.results.end_time);
    CHECK(fleet.results.completion_order == alone.results.completion_order);
    CHECK(fleet.summary.duration == alone.summary.duration);
    CHECK(fleet.routed_time == requests.arrival_time);
    CHECK(fleet.replicas.size() == 1);
    CHECK(fleet.replicas[0].iterations == alone.summary.iterations);
}

TEST_CASE("round robin goes through pools of replicas in order") {
    const auto requests = some_requests();
    const auto fleet = batching::simulate_fleet(requests, {{some_engine(), 2}, {some_engine(), 1}});
    for (std::size_t i = 0; i < fleet.replica.size(); ++i) {
        CHECK(fleet.replica[i] == static_cast<std::int32_t>(i % 3));
    }
    std::int64_t tokens = 0, routed = 0;
    for (const auto &replica : fleet.replicas) {
        tokens += replica.tokens;
        routed += replica.requests;
    }
    CHECK(tokens == fleet.summary.total_tokens);
    CHECK(routed == 40);
}

TEST_CASE("what a fleet cannot be is an exception") {
    const auto requests = some_requests();
    CHECK_THROWS_WITH_AS(batching::simulate_fleet(requests, {}), doctest::Contains("pool_count is 0"), batching::error);
    CHECK_THROWS_WITH_AS(batching::simulate_fleet(requests, {{some_engine(), 0}}),
                         doctest::Contains("replicas[0] is 0"), batching::error);
}
