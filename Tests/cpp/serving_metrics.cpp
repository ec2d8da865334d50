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
    recorded.set_arrival_time(arrivals);
    recorded.set_first_token_time(first_tokens);
    recorded.set_end_time(ends);
    recorded.set_prompt_length(prompts);
    recorded.set_output_length(outputs);
    recorded.set_token_times(tokens, offsets);
    return recorded;
}

} // namespace

TEST_CASE("a serving run is measured") {
    batching::serving_metrics_config options;
    options.set_percentiles({100.0, 25.0});
    const auto metrics = batching::measure(three(), options);
    CHECK(metrics.request_throughput == 2.0);
    CHECK(metrics.ttft.mean == 0.5);
    CHECK(metrics.ttft.percentiles == std::vector<double>{0.75, 0.375});
    CHECK(metrics.tpot.count == 2);
    CHECK(metrics.itl.count == 6);
    CHECK(metrics.e2e.max == 1.25);
    CHECK(metrics.queue_time.count == 0);
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
    recorded.set_success(success);
    batching::serving_metrics_config options;
    options.slo_ttft = 0.5;
    auto metrics = batching::measure(recorded, options);
    CHECK((metrics.failed == 1 && metrics.judged == 3 && metrics.slo_attainment == 2 / 3.0));
    options.slo_due_by = 1.4;
    metrics = batching::measure(recorded, options);
    CHECK((metrics.failed == 1 && metrics.judged == 2 && metrics.slo_attainment == 0.5));
    options.slo_due_by = 0.0; // all are judged
    CHECK(batching::measure(recorded, options).judged == 3);
}

TEST_CASE("mistakes in serving runs are exceptions") {
    batching::serving_metrics_config options;
    options.slo_itl = 0.0; // no objective
    CHECK(std::isnan(batching::measure(three(), options).request_goodput));
    options.slo_itl = -1.0;
    CHECK_THROWS_WITH_AS(batching::measure(three(), options),
                         "slo_itl is -1.0: must be between 0 and 9223372036 seconds", batching::invalid_argument);
    auto recorded = three();
    const std::vector<std::int64_t> short_offsets{0, 9}, short_end{0, 5, 8, 8};
    CHECK_THROWS_WITH_AS(recorded.set_token_times(tokens, short_offsets),
                         "token_offsets has 2 elements: must be 4, one more than there are requests",
                         batching::invalid_argument);
    CHECK_THROWS_WITH_AS(recorded.set_token_times(tokens, short_end),
                         "token_offsets[3] is 8, but token_times has 9 elements", batching::invalid_argument);
    // What was refused was not set.
    CHECK(batching::measure(recorded).itl.count == 6);
    recorded.set_end_time(first_tokens);
    recorded.set_first_token_time(ends);
    CHECK_THROWS_AS(batching::measure(recorded), batching::invalid_argument);
}

TEST_CASE("percentiles are kept by the config, and shared by its copies") {
    batching::serving_metrics_config copy;
    {
        batching::serving_metrics_config options;
        options.set_percentiles({100.0, 25.0});
        copy = options;
        options.set_percentiles({});
        CHECK(batching::measure(three(), options).ttft.percentiles.empty());
    }
    auto metrics = batching::measure(three(), copy);
    CHECK(metrics.ttft.percentiles == std::vector<double>{0.75, 0.375});
    // A distribution owns what it tells, and so does its copy.
    const auto ttft = metrics.ttft;
    metrics = {};
    CHECK(ttft.percentiles == std::vector<double>{0.75, 0.375});
    CHECK(ttft.mean == 0.5);
}

// Of 1, 1, 3 and 3: 62.5 % of the way from the first to the last is 1.875 of 3 steps, 7/8 of the way from 1 to 3.
TEST_CASE("a sample of any values is described") {
    const std::vector<double> values{3.0, 1.0, 1.0, 3.0};
    batching::serving_metrics_config config;
    config.set_percentiles({62.5, 0.0});
    const auto told = batching::calculate_distribution(values, config);
    CHECK((told.count == 4 && told.sum == 8.0 && told.mean == 2.0 && told.median == 2.0));
    CHECK((told.std == 1.0 && told.min == 1.0 && told.max == 3.0));
    CHECK(told.percentiles == std::vector<double>{2.75, 1.0});
    const auto copy = told;
    CHECK(copy.percentiles == told.percentiles);
    const batching_distribution &in_c = copy;
    CHECK(in_c.percentiles == nullptr);

    CHECK(batching::calculate_distribution(values).percentiles.empty());
    const std::vector<double> none, unknown{1.0, std::nan("")};
    CHECK(batching::calculate_distribution(none).count == 0);
    CHECK_THROWS_WITH_AS(batching::calculate_distribution(unknown), "values[1] is nan: must be a number",
                         batching::invalid_argument);
}
