// The textbook functions on objects.
#include "lesson.hpp"

#include <doctest/doctest.h>
#include <limits>

namespace {

std::vector<std::int64_t> ids(const std::vector<batching::request> &requests) {
    std::vector<std::int64_t> result;
    for (const auto &request : requests) {
        result.push_back(request.id);
    }
    return result;
}

} // namespace

TEST_CASE("a request knows what remains of it") {
    batching::request request;
    request.output_length = 5;
    CHECK(request.remaining_tokens() == 5);
    CHECK_FALSE(request.is_complete());
    request.tokens_generated = 5;
    CHECK(request.remaining_tokens() == 0);
    CHECK(request.is_complete());
    request.tokens_generated = 6;
    CHECK(request.remaining_tokens() == 0);
    request.output_length = std::numeric_limits<std::int32_t>::max();
    request.tokens_generated = std::numeric_limits<std::int32_t>::min();
    CHECK(request.remaining_tokens() == 4294967295);
}

TEST_CASE("simulators return new requests in order of completion") {
    const auto requests = lesson_requests();
    const auto run = batching::continuous_batch_simulation(requests, 2);
    CHECK(run.total_time == 2.3);
    CHECK(run.throughput == 430 / 2.3);
    CHECK(ids(run.completed_requests) == std::vector<std::int64_t>{100, 102, 101, 103});
    const auto &third = run.completed_requests[1];
    CHECK(third.prompt_length == 10);
    CHECK(third.output_length == 30);
    CHECK(third.arrival_time == 0.2);
    CHECK(*third.start_time == 0.5);
    CHECK(*third.first_token_time == 0.51);
    CHECK(*third.end_time == 0.8);
    CHECK(third.is_complete());
    CHECK_FALSE(requests[2].start_time);

    const auto static_run = batching::static_batch_simulation(requests, 2);
    CHECK(static_run.total_time == 3.6);
    CHECK(ids(static_run.completed_requests) == std::vector<std::int64_t>{100, 101, 102, 103});
}

TEST_CASE("the latency of a request") {
    const auto run = batching::continuous_batch_simulation(lesson_requests(), 2);
    auto request = run.completed_requests[1];
    const auto latency = batching::calculate_request_latency(request);
    CHECK(latency.queue_time == 0.3);
    CHECK(latency.processing_time == 0.3);
    CHECK(latency.total_latency == 0.6);
    CHECK(latency.time_to_first_token == 0.31);
    CHECK(latency.tokens_generated == 30);

    // Thirty equal steps in 0.3 s, the first at 0.01 s: the same; three steps: 0.1 s each.
    request.first_token_time.reset();
    CHECK(batching::calculate_request_latency(request).time_to_first_token == 0.31);
    request.tokens_generated = 3;
    CHECK(batching::calculate_request_latency(request).time_to_first_token == 0.4);
}

TEST_CASE("a request that was not simulated has no latency") {
    auto request = lesson_requests()[2];
    CHECK_THROWS_WITH_AS(batching::calculate_request_latency(request),
                         "start_time of request 102 is missing: it has not been simulated", batching::invalid_argument);
    request.start_time = 0.2;
    CHECK_THROWS_WITH_AS(batching::calculate_request_latency(request),
                         "end_time of request 102 is missing: it has not been simulated", batching::invalid_argument);
    CHECK_THROWS_AS(batching::calculate_batch_metrics(lesson_requests(), 1.0), batching::invalid_argument);
}

TEST_CASE("the metrics of a batch") {
    const auto run = batching::continuous_batch_simulation(lesson_requests(), 2);
    const auto metrics = batching::calculate_batch_metrics(run.completed_requests, run.total_time);
    CHECK(metrics.throughput == run.throughput);
    CHECK(metrics.total_tokens == 430);
    CHECK(metrics.avg_latency == 1.275);
    CHECK(metrics.p50_latency == doctest::Approx(1.3).epsilon(1e-12));
    CHECK(metrics.p99_latency == doctest::Approx(2.0).epsilon(1e-12));
    CHECK(metrics.avg_time_to_first_token == 0.21);
    CHECK(metrics.gpu_utilization == 1.0);
}

TEST_CASE("continuous batching wins") {
    const auto comparison = batching::compare_batching_strategies(lesson_requests(), 2);
    CHECK(comparison.throughput_improvement == (430 / 2.3) / (430 / 3.6));
    CHECK(comparison.latency_improvement == 2.7 / 1.275);
}

TEST_CASE("no requests") {
    const std::vector<batching::request> none;
    const auto run = batching::static_batch_simulation(none, 2);
    CHECK(run.completed_requests.empty());
    CHECK(run.total_time == 0.0);
    CHECK(run.throughput == 0.0);
    CHECK(batching::calculate_batch_metrics(none, 0.0).avg_latency == 0.0);
    CHECK(batching::simulate_workload(0).empty());
}

TEST_CASE("capacity") {
    CHECK(batching::calculate_arithmetic_intensity_with_batch(32, 14e9) == 64.0);
    // 66e9 / (2048 x 512000) = 62.9
    CHECK(batching::optimal_batch_size(80e9, 14e9, 512000.0, 2048) == 62);
}

TEST_CASE("workloads are seeded, sorted and in their ranges") {
    const auto requests = batching::simulate_workload(1000, {1, 2}, {3, 3}, 5.0, 7);
    REQUIRE(requests.size() == 1000);
    double before = 0.0;
    for (std::size_t index = 0; index < requests.size(); ++index) {
        CHECK(requests[index].id == static_cast<std::int64_t>(index));
        CHECK((requests[index].prompt_length == 1 || requests[index].prompt_length == 2));
        CHECK(requests[index].output_length == 3);
        CHECK(requests[index].arrival_time >= before);
        before = requests[index].arrival_time;
    }
    // A thousand gaps of mean 0.2: standard error 6.3 s of 200.
    CHECK(before == doctest::Approx(200.0).epsilon(5 * 0.0316));
    CHECK(batching::simulate_workload(1000, {1, 2}, {3, 3}, 5.0, 7)[999].arrival_time == before);
    CHECK(batching::simulate_workload(1000, {1, 2}, {3, 3}, 5.0, 8)[999].arrival_time != before);
}
