// Where the time of each request goes, in C++.
#include "engine_cases.hpp"

#include <array>
#include <cmath>
#include <doctest/doctest.h>

namespace {

using times = std::vector<double>;

// As the C tests tell: request 1 is preempted in [2, 4), recomputes in [4, 5) and decodes in [5, 6).
const times decode{3.0, 2.0};
const times preempted{0.0, 3.0};

} // namespace

TEST_CASE("a run tells where the time went if it is kept") {
    batching::kept_logs keep;
    CHECK(batching::simulate(two_requests(), four_blocks(), keep).attribution.size() == 0);
    keep.attribution = true;
    const auto run = batching::simulate(two_requests(), four_blocks(), keep);
    CHECK(run.attribution.size() == 2);
    CHECK(run.attribution.waiting_for_slot == times{0.0, 0.0});
    CHECK(run.attribution.waiting_for_memory == times{0.0, 0.0});
    CHECK(run.attribution.prefill == times{1.0, 1.0});
    CHECK(run.attribution.decode == decode);
    CHECK(run.attribution.slowed_by_prefill == times{0.0, 0.0});
    CHECK(run.attribution.preempted == preempted);
    CHECK(run.attribution.held_in_batch == times{0.0, 0.0});
    // And nothing else changes.
    CHECK(engine_case(run) == engine_case(batching::simulate(two_requests(), four_blocks())));
}

TEST_CASE("any of the columns can be the caller's") {
    std::array<double, 3> column{-1.0, -1.0, -1.0};
    batching::attribution_view view;
    view.set_preempted(column);
    batching::simulate_into(two_requests(), four_blocks(), {}, {}, view);
    CHECK(column == std::array<double, 3>{0.0, 3.0, -1.0});
    std::array<double, 1> short_column{};
    view.set_preempted(short_column);
    CHECK(refusal([&] { batching::simulate_into(two_requests(), four_blocks(), {}, {}, view); }) ==
          "preempted has 1 element, but prompt_length has 2");
}

TEST_CASE("bands tell what dominates") {
    batching::kept_logs keep;
    keep.attribution = true;
    auto run = batching::simulate(two_requests(), four_blocks(), keep);
    // The requests took 4 and 6 s.
    const std::array<double, 3> percentiles{0, 50, 100};
    const auto bands = batching::calculate_attribution_bands(run.attribution, percentiles);
    REQUIRE(bands.size() == 2);
    CHECK(bands[0].count == 1);
    CHECK(bands[0].shortest == 4.0);
    CHECK(bands[0].longest == 4.0);
    CHECK(bands[0].mean_total == 4.0);
    CHECK(bands[0].mean.decode == 3.0);
    CHECK(bands[1].count == 1);
    CHECK(bands[1].mean_total == 6.0);
    CHECK(bands[1].mean.preempted == 3.0);
    CHECK(bands[1].mean.prefill == 1.0);
}

TEST_CASE("bands can be of those that have finished") {
    batching::kept_logs keep;
    keep.attribution = true;
    auto config = four_blocks();
    config.time_limit = 4.0;
    auto run = batching::simulate(two_requests(), config, keep);
    const std::array<double, 2> all{0, 100};
    CHECK(batching::calculate_attribution_bands(run.attribution, all)[0].count == 2);
    CHECK(batching::calculate_attribution_bands(run.attribution, all, run.results.status)[0].count == 1);
}

TEST_CASE("bands are refused with the sentence of the library") {
    batching::attribution attribution(2);
    const std::array<double, 2> falling{100, 0};
    const std::array<double, 0> none{};
    const std::array<double, 2> all{0, 100};
    CHECK(refusal([&] { batching::calculate_attribution_bands(attribution, falling); }) ==
          "percentiles[1] is 0.0: must be above percentiles[0], which is 100.0");
    CHECK(refusal([&] { batching::calculate_attribution_bands(attribution, none); }) ==
          "percentiles is empty: must have at least one element");
    attribution.decode.resize(1);
    CHECK(refusal([&] { batching::calculate_attribution_bands(attribution, all); }) ==
          "decode has 1 element, but waiting_for_slot has 2");
    attribution.decode.resize(2);
    const std::array<std::int32_t, 1> status{};
    CHECK(refusal([&] { batching::calculate_attribution_bands(attribution, all, status); }) ==
          "status has 1 element, but waiting_for_slot has 2");
    batching::attribution_view view = attribution;
    view.set_prefill(std::nullopt);
    CHECK(refusal([&] { batching::calculate_attribution_bands(view, all); }) ==
          "attribution.prefill is NULL: it is required");
}
