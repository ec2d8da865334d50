// Profiles: texts that become the configuration of an engine, which keeps what it needs of them.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include <batching.hpp>

namespace {

const std::string table = R"({"format": "batching profile", "version": 1, "model": "Llama-3.1-8B", "gpu": "L4",
    "client_delay": 0.25, "engine": {"max_num_seqs": 1}, "iteration_time":
    {"model": "table", "linear_tokens": [1, 11], "linear_seconds": [0.5, 1.5]}})";

} // namespace

TEST_CASE("a profile says what it is of") {
    const batching::profile profile(table);
    CHECK(profile.facts().model == std::string("Llama-3.1-8B"));
    CHECK(profile.facts().gpu == std::string("L4"));
    CHECK(profile.facts().client_delay == 0.25);
}

TEST_CASE("a configuration of a profile keeps its table, and so do its copies") {
    auto profile = std::make_unique<batching::profile>(table);
    auto config = std::make_unique<batching::engine_config>(profile->engine_config());
    profile.reset();
    const batching::engine_config copy = *config;
    config.reset();
    // One after the other: 5 prefill tokens take 0.9 s, each of the others 0.5 s.
    const auto run = batching::simulate(batching::requests({5, 5}, {2, 1}, {}), copy);
    CHECK(run.summary.total_time == doctest::Approx(0.9 + 0.5 + 0.9).epsilon(1e-12));
    batching::engine_config changed = copy;
    changed.max_num_seqs = 2;
    changed.set_iteration_time(2.0);
    CHECK(batching::simulate(batching::requests({5, 5}, {2, 1}, {}), changed).summary.total_time == 4.0);
}

TEST_CASE("what is no profile is an exception") {
    CHECK_THROWS_WITH_AS(batching::profile(""), "json is no JSON: it ends at byte 0, within a value",
                         batching::invalid_argument);
    CHECK_THROWS_WITH_AS(batching::profile({}), "json is no JSON: it ends at byte 0, within a value",
                         batching::invalid_argument);
    CHECK_THROWS_WITH_AS(batching::profile("[]"),
                         "json is an array: must be an object whose format is \"batching profile\"",
                         batching::invalid_argument);
}
