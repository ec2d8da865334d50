// The load over time, on four requests to check by hand: those of Tests/c/load.c.
#include "engine_cases.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>

namespace {

const std::vector<double> arrivals{0.0, 1.0, 1.0, 3.0}, starts{0.0, 1.0, 2.0, 4.0}, ends{4.0, 2.0, 6.0, 5.0};
const std::vector<double> last_tokens{3.0, std::numeric_limits<double>::quiet_NaN(), 6.0, 5.0};
const std::vector<std::int32_t> prompts{100, 10, 20, 5}, outputs{40, 10, 30, 5};

batching::recorded_view four() {
    batching::recorded_view recorded;
    recorded.set_arrival_time(arrivals);
    recorded.set_start_time(starts);
    recorded.set_end_time(ends);
    recorded.set_prompt_length(prompts);
    recorded.set_output_length(outputs);
    return recorded;
}

} // namespace

TEST_CASE("the load of a serving run") {
    batching::load_config options;
    options.slots = 3;
    options.set_last_token_time(last_tokens);
    const batching::load load = batching::calculate_load(four(), options);
    CHECK(load.requests == 4);
    CHECK(load.mean_running == 10.0 / 6);
    CHECK(load.peak_tokens == 190);
    CHECK(load.held_slot_time == 1.0);
    CHECK(load.unfilled_slot_time == 2.0);
    CHECK(load.wasted_slot_share == 3.0 / 6 / 3);
    options = {};
    options.window_start = 3.0;
    options.window_end = 9.0;
    CHECK(batching::calculate_load(four(), options).utilization == 0.5);
    CHECK(std::isnan(batching::calculate_load(four(), options).slot_utilization));
}

TEST_CASE("the load as it changes") {
    const auto changes = batching::calculate_load_timeline(four());
    CHECK(changes.size() == 6);
    CHECK(changes.time == std::vector<double>{0, 1, 2, 3, 4, 5});
    CHECK(changes.running == std::vector<double>{1, 2, 2, 2, 2, 1});
    CHECK(changes.peak_waiting == std::vector<std::int64_t>{0, 1, 0, 1, 0, 0});
    const auto bins = batching::calculate_load_timeline(four(), {}, 4);
    CHECK(bins.time == std::vector<double>{0.0, 1.5, 3.0, 4.5});
    CHECK(bins.waiting == std::vector<double>{0.5 / 1.5, 0.5 / 1.5, 1 / 1.5, 0.0});
    CHECK(bins.tokens == std::vector<double>{220 / 1.5, 270 / 1.5, 220 / 1.5, 80 / 1.5});
    CHECK(bins.peak_tokens == std::vector<std::int64_t>{160, 190, 190, 60});
    CHECK(batching::calculate_load_timeline({}, {}, 4).size() == 0);
    CHECK(batching::calculate_load_timeline({}).size() == 0);
}

TEST_CASE("the load as it changes in the caller's columns, of which rows beyond their size are counted") {
    std::vector<double> time(4, -1.0), running(4);
    batching::load_timeline_view rows;
    rows.set_time(time).set_running(running);
    CHECK(batching::calculate_load(four(), {}, &rows).requests == 4);
    CHECK(rows.count == 6);
    CHECK(time == std::vector<double>{0, 1, 2, 3});
    CHECK(running == std::vector<double>{1, 2, 2, 2});
    rows.bins = 4;
    batching::calculate_load(four(), {}, &rows);
    CHECK(rows.count == 4);
    CHECK(time == std::vector<double>{0.0, 1.5, 3.0, 4.5});
}

TEST_CASE("loads are refused with the sentence of the library") {
    batching::load_config options;
    CHECK(refusal([&] { batching::calculate_load(four(), options); }).empty());
    options.set_last_token_time(arrivals);
    CHECK(refusal([&] { batching::calculate_load(four(), options); }) ==
          "last_token_time[2] is 1.0: must be between the start and the end of the request, which are 2.0 and 6.0");
    const std::vector<double> short_column{1.0};
    options.set_last_token_time(short_column);
    CHECK(refusal([&] { batching::calculate_load(four(), options); }) ==
          "last_token_time has 1 element, but arrival_time has 4");
    options = {};
    options.slots = -1;
    CHECK(refusal([&] { batching::calculate_load(four(), options); }).find("slots is -1") == 0);
    options = {};
    options.window_end = -1.0;
    CHECK(refusal([&] { batching::calculate_load(four(), options); }).find("window_end is -1.0") == 0);
    options.window_end = 0.0; // to the last end
    CHECK(batching::calculate_load(four(), options).window_end == 6.0);
    CHECK(refusal([&] { batching::calculate_load_timeline(four(), {}, -1); }) ==
          "timeline.capacity is -1: must be at least 0");
    CHECK(refusal([&] { batching::calculate_load_timeline(four(), {}, 0); }) == "bins is 0: must be at least 1");
}
