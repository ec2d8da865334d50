// The metrics of serving runs, on three requests to check by hand: those of Tests/c/serving_metrics.c.
#include "batching.hpp"

#include <cmath>
#include <doctest/doctest.h>

namespace {

const std::vector<double> arrivals{0.0, 0.25, 1.0}, first_tokens{0.5, 1.0, 1.25}, ends{1.0, 1.5, 1.25};
const std::vector<double> tokens{0.5, 0.625, 0.75, 0.875, 1.0, 1.0, 1.25, 1.5, 1.25};
const std::vector<std::int64_t> offsets{0, 5, 8, 9};
const std::vector<std::int32_t> prompts{10, 20, 30}, outputs{5, 3, 1};

batching::recorded_view three() {
    batching::recorded_view recorded;
    recorded.arrival_time = arrivals;
    recorded.first_token_time = first_tokens;
    recorded.end_time = ends;
    recorded.prompt_length = prompts;
    recorded.output_length = outputs;
    recorded.token_times = tokens;
    recorded.token_offsets = offsets;
    return recorded;
}

} // namespace

TEST_CASE("a serving run is measured") {
    batching::serving_metrics_config options;
    options.percentiles = {100.0, 25.0};
    const auto metrics = batching::measure(three(), options);
    CHECK(metrics.request_throughput == 2.0);
    CHECK(metrics.time_to_first_token.mean == 0.5);
    CHECK(metrics.time_to_first_token.values_at_percentiles == std::vector<double>{0.75, 0.375});
    CHECK(metrics.time_per_output_token.count == 2);
    CHECK(metrics.inter_token_latency.count == 6);
    CHECK(metrics.end_to_end.max == 1.25);
    CHECK(metrics.queueing.count == 0);
    CHECK(std::isnan(metrics.request_goodput));
}

TEST_CASE("objectives, and whose definitions hold") {
    batching::serving_metrics_config options;
    options.slo_ttft = 0.5;
    options.slo_tpot = 0.15;
    CHECK(batching::measure(three(), options).good == 2);
    options.convention = batching::convention::aiperf;
    CHECK(batching::measure(three(), options).good == 1);
}

// The second of the three failed, and the third arrived at 1.0: due at 1.5 with an objective of 0.5.
TEST_CASE("requests without an answer have failed, and those not due can be left out") {
    const std::vector<std::uint8_t> success{1, 0, 1};
    auto recorded = three();
    recorded.success = success;
    batching::serving_metrics_config options;
    options.slo_ttft = 0.5;
    auto metrics = batching::measure(recorded, options);
    CHECK((metrics.failed == 1 && metrics.judged == 3 && metrics.slo_attainment == 2 / 3.0));
    options.slo_due_by = 1.4;
    metrics = batching::measure(recorded, options);
    CHECK((metrics.failed == 1 && metrics.judged == 2 && metrics.slo_attainment == 0.5));
    options.slo_due_by = 0.0;
    CHECK_THROWS_AS(batching::measure(recorded, options), batching::invalid_argument);
}

TEST_CASE("mistakes in serving runs are exceptions") {
    batching::serving_metrics_config options;
    options.slo_itl = 0.0;
    CHECK_THROWS_WITH_AS(batching::measure(three(), options), "slo_itl is 0.0: must be greater than 0",
                         batching::invalid_argument);
    auto recorded = three();
    const std::vector<std::int64_t> short_offsets{0, 9};
    recorded.token_offsets = short_offsets;
    CHECK_THROWS_AS(batching::measure(recorded), batching::invalid_argument);
    recorded = three();
    recorded.end_time = first_tokens;
    recorded.first_token_time = ends;
    CHECK_THROWS_AS(batching::measure(recorded), batching::invalid_argument);
}
