// Fleets: one replica is a run of the engine, what replicas did adds up, and small ones by hand.
#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <optional>
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

namespace {

/// 1 s an iteration.
batching::engine_config a_second() {
    batching::engine_config engine;
    engine.time_model = BATCHING_TIME_CONSTANT;
    engine.time_base = 1;
    return engine;
}

/// Not a std::exception: any object can be thrown.
struct change_of_mind {};

} // namespace

TEST_CASE("a router of one's own is shown the replicas, and decides") {
    // Request 0 computes its prompt on replica 1 until 1, and ends at 4; request 1 comes at 0.5, joins it at 1, and ends at 2.
    // Request 2 comes at 2.5 to replica 0, and ends at 4.5.
    batching::requests requests;
    requests.prompt_length = {10, 20, 5};
    requests.output_length = {4, 1, 2};
    requests.arrival_time = {0.0, 0.5, 2.5};
    struct shown {
        std::int64_t request, prompt_length, output_length, session, count;
        double time;
        std::vector<std::int64_t> in_flight, queued_tokens, running;
    };
    std::vector<shown> asked;
    batching::fleet_options options;
    options.router_callback = [&asked](const batching::router_view &view) {
        const auto of = [&view](const std::int64_t *column) { return std::vector(column, column + view.count); };
        asked.push_back({view.request, view.prompt_length, view.output_length, view.session, view.count, view.time,
                         of(view.in_flight), of(view.queued_tokens), of(view.running)});
        return view.request < 2 ? 1 : 0;
    };
    const auto fleet = batching::simulate_fleet(requests, {{a_second(), 2}}, {}, options);
    CHECK(fleet.replica == std::vector<std::int32_t>{1, 1, 0});
    CHECK(fleet.results.end_time == std::vector<double>{4, 2, 4.5});
    REQUIRE(asked.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(asked[i].request == static_cast<std::int64_t>(i));
        CHECK(asked[i].time == requests.arrival_time[i]);
        CHECK(asked[i].prompt_length == requests.prompt_length[i]);
        CHECK(asked[i].output_length == requests.output_length[i]);
        CHECK(asked[i].session == -1);
        CHECK(asked[i].count == 2);
    }
    using counts = std::vector<std::int64_t>;
    CHECK(asked[0].in_flight == counts{0, 0});
    CHECK(asked[1].in_flight == counts{0, 1});
    CHECK(asked[2].in_flight == counts{0, 1});
    CHECK(asked[1].queued_tokens == counts{0, 10}); // its first token comes at 1
    CHECK(asked[2].queued_tokens == counts{0, 0});
    CHECK(asked[1].running == counts{0, 1});
    CHECK(asked[2].running == counts{0, 1});

    // With another name for what decides it is not asked.
    asked.clear();
    options.decides = batching::chooser::estimated_ttft;
    batching::simulate_fleet(requests, {{a_second(), 2}}, {}, options);
    CHECK(asked.empty());
}

TEST_CASE("what a router of one's own throws comes out of the run") {
    const auto requests = some_requests();
    int calls = 0;
    batching::fleet_options options;
    options.router_callback = [&calls](const batching::router_view &) -> std::int64_t {
        if (++calls == 3) {
            throw change_of_mind();
        }
        return 0;
    };
    CHECK_THROWS_AS(batching::simulate_fleet(requests, {{some_engine(), 2}}, {}, options), change_of_mind);
    CHECK(calls == 3);
    // A worker that is not there.
    options.router_callback = [](const batching::router_view &view) { return view.count; };
    CHECK_THROWS_WITH_AS(batching::simulate_fleet(requests, {{some_engine(), 2}}, {}, options),
                         doctest::Contains("request 0 is 2: must be a worker in 0..1"), batching::invalid_argument);
    options.router_callback = std::nullopt;
    options.decides = batching::chooser::callback;
    CHECK_THROWS_WITH_AS(batching::simulate_fleet(requests, {{some_engine(), 2}}, {}, options),
                         doctest::Contains("router_callback is NULL"), batching::error);
}

TEST_CASE("each decision of the autoscaler is told") {
    // One request runs at a time, of 4 s each; all five are there from the start, on replica 0. At 3.5 s four wait, and 2 are
    // wanted for each replica: two replicas. At 7 s three wait, which is two again; at 10.5 s two do: one. It stays one at 14
    // and, of the least, at 17.5 s; the last ends at 20. Replica 1 was there from 3.5 to 10.5 s.
    auto engine = a_second();
    engine.max_num_seqs = 1;
    batching::requests requests;
    requests.output_length = {4, 4, 4, 4, 4};
    batching::autoscaler_config autoscaler;
    autoscaler.autoscaler = BATCHING_AUTOSCALER_QUEUE_LENGTH;
    autoscaler.max_replicas = 3;
    autoscaler.target = 2;
    autoscaler.interval = 3.5;
    autoscaler.down_window = -1;
    batching::fleet_scaling_config scaling;
    scaling.autoscaler = &autoscaler;
    batching::fleet_options options;
    options.scaling = &scaling;
    const auto fleet = batching::simulate_fleet(requests, {{engine, 3}}, {}, options);
    CHECK(fleet.scaling_count == 5);
    CHECK(fleet.scaling_time == std::vector<double>{3.5, 7, 10.5, 14, 17.5});
    CHECK(fleet.scaling_replicas == std::vector<std::int64_t>{2, 2, 1, 1, 1});
    CHECK(fleet.scaling_role == std::vector<std::int32_t>(5, BATCHING_ROLE_BOTH));
    CHECK(fleet.replicas[0].up_time == 20);
    CHECK(fleet.replicas[1].up_time == 7);
    CHECK(fleet.replicas[2].up_time == 0);

    const auto constant = batching::simulate_fleet(requests, {{engine, 3}});
    CHECK(constant.scaling_count == 0);
    CHECK(constant.scaling_time.empty());
    CHECK(constant.scaling_replicas.empty());
}

TEST_CASE("where the time of each request goes is told of a fleet, too") {
    // One slot, and half a second until a request is at its replica. The first prefills until 1.5 s and decodes until 2.5 s.
    // The second waits for the slot until then.
    auto engine = a_second();
    engine.max_num_seqs = 1;
    batching::requests requests;
    requests.output_length = {2, 2};
    batching::fleet_options options;
    options.routing_delay = 0.5;
    options.attribution = true;
    const auto fleet = batching::simulate_fleet(requests, {{engine, 1}}, {}, options);
    CHECK(fleet.results.end_time == std::vector<double>{2.5, 4.5});
    CHECK(fleet.waiting_for_router == std::vector<double>{0.5, 0.5});
    CHECK(fleet.attribution.waiting_for_slot == std::vector<double>{0, 2});
    CHECK(fleet.attribution.prefill == std::vector<double>{1, 1});
    CHECK(fleet.attribution.decode == std::vector<double>{1, 1});
    CHECK(fleet.attribution.waiting_for_memory == std::vector<double>{0, 0});

    options.attribution = false;
    CHECK(batching::simulate_fleet(requests, {{engine, 1}}, {}, options).attribution.size() == 0);
}

TEST_CASE("each replica of a fleet keeps logs of its own") {
    // Round robin: replica 0 has requests 0 and 2, of two tokens and of one, one after the other.
    auto engine = a_second();
    engine.max_num_seqs = 1;
    batching::requests requests;
    requests.output_length = {2, 1, 1};
    batching::fleet_options options;
    options.iteration_logs = true;
    options.decision_logs = true;
    const auto fleet = batching::simulate_fleet(requests, {{engine, 2}}, {}, options);
    REQUIRE(fleet.iteration_logs.size() == 2);
    REQUIRE(fleet.decision_logs.size() == 2);
    CHECK(fleet.iteration_logs[0].time == std::vector<double>{0, 1, 2});
    CHECK(fleet.iteration_logs[1].time == std::vector<double>{0});
    CHECK(fleet.decision_logs[0].request == std::vector<std::int64_t>{0, 0, 0, 0, 2, 2, 2});
    CHECK(fleet.decision_logs[1].request == std::vector<std::int64_t>{1, 1, 1});

    // A row more for the one that runs, in each iteration.
    batching::fleet_options queues;
    queues.include_queues = true;
    const auto queued = batching::simulate_fleet(requests, {{engine, 2}}, {}, queues);
    CHECK(queued.iteration_logs.empty());
    REQUIRE(queued.decision_logs.size() == 2);
    CHECK(queued.decision_logs[1].size() == 4);

    // More rows than pass at a time.
    requests.output_length = {10000};
    const auto longer = batching::simulate_fleet(requests, {{engine, 1}}, {}, options);
    CHECK(longer.iteration_logs[0].size() == 10000);
    CHECK(longer.iteration_logs[0].time[9999] == 9999);
    CHECK(batching::simulate_fleet(requests, {{engine, 1}}).iteration_logs.empty());
}
