// What a host asks of the library itself: which version it is, and how its calls are stopped.
#include "batching.hpp"

#include <doctest/doctest.h>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

// Asks at least twice: once in 2^17 requests.
constexpr std::int64_t many = 300'000;

struct enough : std::runtime_error {
    enough() : std::runtime_error("enough") {}
};

} // namespace

TEST_CASE("the library that is loaded is that of the header") {
    CHECK(batching::version_number() == BATCHING_VERSION_NUMBER);
    CHECK(batching::version() == std::to_string(BATCHING_VERSION_MAJOR) + "." + std::to_string(BATCHING_VERSION_MINOR) +
                                     "." + std::to_string(BATCHING_VERSION_PATCH));
    CHECK(batching::status_name(BATCHING_ERROR_BUSY) == std::string("BATCHING_ERROR_BUSY"));
}

TEST_CASE("an interruption that answers false stops the calls of its thread for as long as it lives") {
    {
        const batching::interruption stop([] { return false; });
        CHECK_THROWS_WITH_AS(batching::generate_workload(many), "the interrupt callback stopped the call",
                             batching::cancelled);
        std::size_t elsewhere = 0;
        std::thread([&] { elsewhere = batching::generate_workload(many).arrival_time.size(); }).join();
        CHECK(elsewhere == many);
    }
    CHECK(batching::generate_workload(many).arrival_time.size() == many);
}

TEST_CASE("an interruption that answers nothing, or true, is asked and stops nothing") {
    int asked = 0;
    const batching::interruption count([&] { ++asked; });
    const auto requests = batching::generate_workload(many);
    CHECK(asked >= 2);
    asked = 0;
    const batching::interruption go_on([&] { return ++asked > 0; });
    batching::static_simulate(requests, 8);
    CHECK(asked >= 2);
}

TEST_CASE("what an interruption throws comes out of the call") {
    const auto requests = batching::generate_workload(many);
    batching::accumulator live;
    {
        const batching::interruption stop([]() -> bool { throw enough(); });
        CHECK_THROWS_AS(batching::static_simulate(requests, 8), enough);
        // The engine's calls have functions of their own, which may throw, too.
        CHECK_THROWS_AS(batching::simulate(requests), enough);
        batching::engine_config config;
        config.progress_interval = 1;
        config.set_progress_callback([](const batching::progress &) { return false; });
        CHECK_THROWS_AS(batching::simulate(batching::requests{{1}, {9}, {0.0}}, config), batching::cancelled);
    }
    CHECK_THROWS_AS(batching::optimal_batch_size(1.0, 1.0, 1.0, 0), batching::invalid_argument);
}

TEST_CASE("of several interruptions the last holds, and then the one before again") {
    int outer = 0, inner = 0;
    const batching::interruption one([&] { ++outer; });
    {
        const batching::interruption other([&] { ++inner; });
        batching::generate_workload(many);
    }
    CHECK((outer == 0 && inner > 0));
    inner = 0;
    batching::generate_workload(many);
    CHECK((outer > 0 && inner == 0));
}

TEST_CASE("an interruption may call the library") {
    std::int64_t fits = 0;
    const batching::interruption ask([&] { fits = batching::optimal_batch_size(10.0, 4.0, 1.0, 2); });
    batching::generate_workload(many);
    CHECK(fits == 3);
}
