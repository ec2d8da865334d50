// Live fleets: an owner of its handle, which says what the C functions say, and lets exceptions of callbacks through.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "batching.hpp"

namespace {

using kind = batching::event;

/// One slot; an iteration takes 0.25 s, and a prompt with its first token one of them.
batching::engine_config one_slot() {
    batching::engine_config config;
    config.max_num_seqs = 1;
    config.set_iteration_time(0.25);
    return config;
}

/// Request 7 goes to replica 0, and -8 to replica 1; 9 to the first of equals, where it waits.
batching::live_fleet lesson(const batching::engine_config &config = one_slot()) {
    batching::live_fleet fleet({{config, 2}}, batching::router_config(batching::router_name::least_requests, 0));
    const std::vector<std::int64_t> ids{7, -8, 9};
    fleet.submit(batching::requests{{10, 10, 10}, {3, 2, 1}, {1.0, 1.0, 1.1}}, ids);
    return fleet;
}

/// A row of what a fleet tells.
struct told {
    double time;
    std::int64_t request;
    std::int32_t event;
    std::int32_t tokens;
    std::int32_t replica;

    bool operator==(const told &other) const {
        return time == other.time && request == other.request && event == other.event && tokens == other.tokens &&
               replica == other.replica;
    }
};

std::vector<told> rows_of(const std::vector<batching::live_fleet_event> &events) {
    std::vector<told> rows;
    for (const auto &event : events) {
        rows.push_back({event.time, event.request, event.event, event.tokens, event.replica});
    }
    return rows;
}

} // namespace

TEST_CASE("a live fleet tells what happens as time goes by") {
    auto fleet = lesson();
    CHECK(fleet.observe().pending == 3);
    fleet.advance(1.3);
    CHECK(rows_of(fleet.poll()) == std::vector<told>{{1.0, 7, kind::routed, 0, 0},
                                                     {1.0, 7, kind::admitted, 0, 0},
                                                     {1.0, -8, kind::routed, 0, 1},
                                                     {1.0, -8, kind::admitted, 0, 1},
                                                     {1.1, 9, kind::routed, 0, 0},
                                                     {1.25, 7, kind::first_token, 1, 0},
                                                     {1.25, -8, kind::first_token, 1, 1}});
    const auto state = fleet.observe();
    CHECK(state.clock == 1.3);
    CHECK(state.in_flight == 3);
    CHECK(state.events == 0);
    const auto replicas = fleet.replicas();
    REQUIRE(replicas.size() == 2);
    CHECK(replicas[0].running == 1);
    CHECK(replicas[0].waiting == 1);
    CHECK(replicas[0].routed == 2);
    CHECK(replicas[1].waiting == 0);
    CHECK(replicas[1].is_up == 1);
    fleet.advance();
    const auto events = fleet.poll();
    CHECK(rows_of(events) == std::vector<told>{{1.5, -8, kind::finished, 2, 1},
                                               {1.75, 7, kind::finished, 3, 0},
                                               {1.75, 9, kind::admitted, 0, 0},
                                               {2.0, 9, kind::first_token, 1, 0},
                                               {2.0, 9, kind::finished, 1, 0}});
    CHECK(!events[2].outcome);
    REQUIRE(events[4].outcome);
    const auto &outcome = *events[4].outcome;
    CHECK(outcome.status == batching::request_status::finished);
    CHECK(outcome.arrival_time == 1.1);
    CHECK(outcome.start_time == 1.75);
    CHECK(outcome.end_time == 2.0);
    CHECK(outcome.tokens_generated == 1);
    CHECK(outcome.replica == 0);
    CHECK(outcome.attempts == 1);
    CHECK(!outcome.attribution);
    CHECK(fleet.observe().clock == 2.0);
}

TEST_CASE("a live fleet tells the parts of the time of a request") {
    auto config = one_slot();
    config.keep_attribution = 1;
    auto fleet = lesson(config);
    fleet.advance();
    const auto last = fleet.poll().back();
    REQUIRE(last.outcome);
    REQUIRE(last.outcome->attribution);
    // It waits from 1.1 s to 1.75 s.
    CHECK(last.outcome->attribution->waiting_for_slot == 0.65);
    CHECK(last.outcome->attribution->prefill == 0.25);
    CHECK(last.outcome->attribution->decode == 0.0);
}

TEST_CASE("a live fleet says what would become of a request, and stays as it is") {
    auto fleet = lesson();
    fleet.advance(1.3);
    // Replica 1 has one request in flight, to 1.5 s, replica 0 two.
    const auto now = fleet.estimate(10, 2);
    CHECK(now.replica == 1);
    CHECK(now.prefill_replica == -1);
    CHECK(now.start_time == 1.5);
    CHECK(now.ttft == 1.75 - 1.3);
    CHECK(now.e2e == 2.0 - 1.3);
    CHECK(now.status == batching::request_status::finished);
    const auto many = fleet.estimate(batching::requests{{10, 10}, {2, 1}, {1.3, 5.0}});
    REQUIRE(many.size() == 2);
    CHECK(many[0].end_time == now.end_time);
    // At 5 s all is done: it goes to the first of equals.
    CHECK(many[1].replica == 0);
    CHECK(many[1].ttft == 0.25);
    CHECK(fleet.observe().submitted == 3);
    CHECK_THROWS_WITH_AS(fleet.estimate(10, 1, 1.0), doctest::Contains("must not be before the clock of the fleet"),
                         batching::error);
}

TEST_CASE("a fork of a live fleet goes on by itself") {
    auto fleet = lesson();
    fleet.advance(1.3);
    auto copy = fleet.fork();
    CHECK(copy.poll().empty());
    fleet.poll();
    copy.advance();
    CHECK(fleet.observe().clock == 1.3);
    fleet.advance();
    CHECK(rows_of(copy.poll()) == rows_of(fleet.poll()));
    CHECK(copy.get() != fleet.get());
}

TEST_CASE("a live fleet can be moved") {
    auto fleet = lesson();
    auto moved = std::move(fleet);
    moved.advance();
    CHECK(moved.observe().finished == 3);
    CHECK(fleet.get() == nullptr); // NOLINT: that is what is looked at
    fleet = lesson();
    CHECK(fleet.observe().pending == 3);
}

TEST_CASE("what a callback of a live fleet throws comes out of advance") {
    auto config = one_slot();
    config.set_iteration_time([](const batching_iteration &iteration) -> double {
        if (iteration.time > 1.2) {
            throw std::runtime_error("no time");
        }
        return 0.25;
    });
    auto fleet = lesson(config);
    CHECK_THROWS_WITH_AS(fleet.advance(), "no time", std::runtime_error);
    CHECK(!fleet.poll().empty());
    CHECK_THROWS_AS(fleet.advance(), batching::error);
}

TEST_CASE("what a live fleet cannot be or take is an exception") {
    CHECK_THROWS_WITH_AS(batching::live_fleet({}), doctest::Contains("pool_count is 0"), batching::error);
    batching::fleet_options options;
    options.preferred_replica = {0};
    CHECK_THROWS_WITH_AS(batching::live_fleet({{one_slot(), 2}}, {}, options),
                         doctest::Contains("preferred_replica is given: must be NULL"), batching::error);
    auto fleet = lesson();
    CHECK_THROWS_WITH_AS(fleet.submit(7, 1, 1), doctest::Contains("ids[0] is 7"), batching::error);
    fleet.advance(1.3);
    CHECK_THROWS_WITH_AS(fleet.submit(1, 1, 1, 1.0), doctest::Contains("must not be before the clock of the fleet"),
                         batching::error);
    const std::vector<std::int64_t> ids{1};
    CHECK_THROWS_AS(fleet.submit(batching::requests{{1, 1}, {1, 1}, {2.0, 2.0}}, ids), batching::error);
    CHECK(fleet.observe().submitted == 3);
}
