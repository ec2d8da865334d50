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

TEST_CASE("prefill and decode apart: a request goes from one replica to the other") {
    // 1 s an iteration: the prompt is done at 1, 100 tokens of 1,000 bytes over 200,000 bytes a second take 0.5 s, and its two
    // tokens come at 2.5 and 3.5.
    auto engine = some_engine();
    engine.time_model = BATCHING_TIME_CONSTANT;
    engine.time_base = 1;
    std::vector<std::int32_t> prompt{100}, output{2};
    batching::requests requests;
    requests.prompt_length = prompt;
    requests.output_length = output;
    batching::disaggregation_config apart;
    apart.kv_bytes_per_token = 1000;
    apart.link_bandwidth = 200000;
    batching::fleet_options options;
    options.disaggregation = &apart;
    const auto fleet = batching::simulate_fleet(
        requests, {{engine, 1, batching::role::prefill}, {engine, 1, batching::role::decode}}, {}, options);
    CHECK(fleet.held_time[0] == 1);
    CHECK(fleet.activated_time[0] == 1.5);
    CHECK(fleet.results.first_token_time[0] == 2.5);
    CHECK(fleet.results.end_time[0] == 3.5);
    CHECK(fleet.prefill_replica[0] == 0);
    CHECK(fleet.replica[0] == 1);
}

TEST_CASE("a replica that is lost takes its request with it, or gives it back") {
    // 1 s an iteration: at 2.5 s, in the third of its four, the replica is lost.
    auto engine = some_engine();
    engine.time_model = BATCHING_TIME_CONSTANT;
    engine.time_base = 1;
    std::vector<std::int32_t> output{4};
    batching::requests requests;
    requests.output_length = output;
    const double at = 2.5;
    const std::int32_t which = 0;
    batching::fault_config faults;
    faults.fault_count = 1;
    faults.fault_time = &at;
    faults.fault_replica = &which;
    batching::admission_config admission;
    batching::fleet_options options;
    options.faults = &faults;
    options.admission = &admission;
    const auto lost = batching::simulate_fleet(requests, {{engine, 2}}, {}, options);
    CHECK(lost.results.status[0] == BATCHING_REQUEST_LOST);
    CHECK(lost.results.end_time[0] == 2.5);
    CHECK(lost.replicas[0].up_time == 2.5);
    // After 0.5 s it is sent to the other, and has its tokens 4 s later.
    admission.retries = 1;
    admission.retry_base = 0.5;
    admission.retry_jitter = -1;
    const auto again = batching::simulate_fleet(requests, {{engine, 2}}, {}, options);
    CHECK(again.results.status[0] == BATCHING_REQUEST_FINISHED);
    CHECK(again.results.end_time[0] == 7);
    CHECK(again.attempts[0] == 2);
    CHECK(again.replica[0] == 1);
}
