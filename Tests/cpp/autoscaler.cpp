// Autoscalers: an owner of its handle, which says what the C functions say.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "batching.hpp"

using batching::autoscaler_config;
using batching::autoscaler_name;
using batching::scaling_readings_view;

namespace {

autoscaler_config hpa_of(double target) {
    autoscaler_config config(autoscaler_name::hpa);
    config.target = target;
    return config;
}

} // namespace

TEST_CASE("an autoscaler answers with a number of replicas") {
    batching::autoscaler autoscaler(hpa_of(10));
    const std::vector<std::int64_t> long_queues{30, 0}, none{0, 0, 0};
    // 1.5 times the target in two: ceil(1.5 x 2); down after 300 s only.
    CHECK(autoscaler.decide(scaling_readings_view(0).set_waiting(long_queues)) == 3);
    CHECK(autoscaler.decide(scaling_readings_view(15).set_waiting(none)) == 3);
    CHECK(autoscaler.decide(scaling_readings_view(300).set_waiting(none)) == 1);
}

TEST_CASE("replicas that start are told beside those that are ready") {
    autoscaler_config config(autoscaler_name::queue_length);
    config.target = 10;
    batching::autoscaler autoscaler(config);
    scaling_readings_view readings(0, 1);
    readings.queued_requests = 35;
    // ceil(35 / 10).
    CHECK(autoscaler.decide(readings) == 4);
}

TEST_CASE("the errors of autoscalers are exceptions") {
    CHECK_THROWS_WITH_AS(batching::autoscaler(hpa_of(0)), "target is 0.0: must be at least 0.001: hpa compares with it",
                         batching::invalid_argument);
    batching::autoscaler autoscaler(hpa_of(1));
    const std::array<double, 1> usage{2.0};
    CHECK_THROWS_WITH_AS(autoscaler.decide(scaling_readings_view(0).set_kv_usage(usage)),
                         "kv_usage[0] is 2.0: must be in 0..1", batching::invalid_argument);
    const std::array<std::int64_t, 2> two{1, 1};
    CHECK_THROWS_AS(scaling_readings_view(0).set_kv_usage(usage).set_waiting(two), batching::invalid_argument);
}

TEST_CASE("an autoscaler can be moved") {
    batching::autoscaler first(hpa_of(10));
    batching::autoscaler second(std::move(first));
    const std::array<std::int64_t, 1> waiting{20};
    CHECK(second.get() != nullptr);
    CHECK(second.decide(scaling_readings_view(0).set_waiting(waiting)) == 2);
}
