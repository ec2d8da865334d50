// Views, and the functions over columns.
#include "batching.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <limits>
#include <type_traits>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace {

const std::array<std::int32_t, 4> output_length{50, 200, 30, 150};
const std::vector<double> arrival_time{0.0, 0.1, 0.2, 0.3};

batching::requests_view lesson() {
    batching::requests_view requests;
    requests.set_output_length(output_length);
    requests.set_arrival_time(arrival_time);
    return requests;
}

template <class From, class Element> constexpr bool converts = std::is_convertible_v<From, batching::column<Element>>;

// Containers with a name and of the same element, nothing else.
static_assert(converts<std::vector<double> &, double>);
static_assert(converts<const std::vector<double> &, const double>);
static_assert(converts<std::array<double, 3> &, const double>);
static_assert(converts<double (&)[3], double>);
static_assert(converts<batching::column<double>, const double>);
static_assert(!converts<batching::column<const double>, double>);
static_assert(!converts<const std::vector<double> &, double>);
static_assert(!converts<std::vector<float> &, const double>);
static_assert(!converts<std::vector<std::int64_t> &, const std::int32_t>);
static_assert(!converts<std::vector<double>, const double>);

} // namespace

TEST_CASE("a column sees the elements it was made from") {
    std::vector<double> vector{1.0, 2.0, 3.0};
    const batching::column<double> whole = vector;
    CHECK(whole.data() == vector.data());
    CHECK(whole.size() == 3);
    whole[1] = 5.0;
    CHECK(vector[1] == 5.0);
    const batching::column<const double> part(vector.data() + 1, 2);
    CHECK(std::vector<double>(part.begin(), part.end()) == std::vector<double>{5.0, 3.0});
#if __cplusplus >= 202002L
    std::span<double> span = vector;
    CHECK(batching::column<const double>(span).data() == vector.data());
#endif
}

TEST_CASE("requests leave out the columns that they do not have") {
    batching::requests requests;
    requests.output_length = {3, 1};
    // By hand: both at 0, one slot, 10 ms a token.
    const auto run = batching::continuous_batch_simulation(requests, 1, 0.01);
    CHECK(run.results.end_time == std::vector<double>{0.03, 0.04});
    const auto metrics = batching::calculate_batch_metrics(run.completed(requests), run.summary.total_time);
    CHECK(metrics.avg_latency == doctest::Approx(0.035));
    batching::live_engine engine;
    engine.submit(requests);
    CHECK(engine.observe().submitted == 2);
    CHECK_NOTHROW(batching::static_batch_simulation(batching::requests{}, 1, 0.01));
    requests.arrival_time = {0.0};
    CHECK_THROWS_WITH(batching::continuous_batch_simulation(requests, 1, 0.01),
                      "arrival_time has 1 element, but output_length has 2");
}

TEST_CASE("simulators write into the caller's columns") {
    std::vector<double> end_time(4), start_time(9, -1.0);
    std::array<std::int64_t, 4> completion_order{};
    batching::results_view results;
    results.set_start_time(start_time);
    results.set_end_time(end_time);
    results.set_completion_order(completion_order);

    const auto static_summary = batching::static_simulate(lesson(), 2, 0.01, results);
    CHECK(static_summary.total_time == 3.6);
    CHECK(end_time == std::vector<double>{2.1, 2.1, 3.6, 3.6});

    const auto continuous_summary = batching::continuous_simulate(lesson(), 2, 0.01, results);
    CHECK(continuous_summary.total_time == 2.3);
    CHECK(continuous_summary.throughput == 430 / 2.3);
    CHECK(end_time == std::vector<double>{0.5, 2.1, 0.8, 2.3});
    CHECK(completion_order == std::array<std::int64_t, 4>{0, 2, 1, 3});
    // A column may have room for more.
    CHECK(start_time == std::vector<double>{0.0, 0.1, 0.5, 0.8, -1.0, -1.0, -1.0, -1.0, -1.0});

    CHECK(batching::continuous_simulate(lesson(), 2).total_time == 2.3);
}

TEST_CASE("a simulation owns its results") {
    const auto run = batching::continuous_batch_simulation(lesson(), 2);
    CHECK(run.results.start_time == std::vector<double>{0.0, 0.1, 0.5, 0.8});
    CHECK(run.results.first_token_time == std::vector<double>{0.01, 0.11, 0.51, 0.81});
    CHECK(run.results.end_time == std::vector<double>{0.5, 2.1, 0.8, 2.3});
    CHECK(run.results.tokens_generated == std::vector<std::int32_t>{50, 200, 30, 150});
    CHECK(run.summary.total_tokens == 430);

    const auto latencies = batching::calculate_latencies(run.completed(lesson()));
    CHECK(latencies.queue_time == std::vector<double>{0.0, 0.0, 0.3, 0.5});
    CHECK(latencies.processing_time == std::vector<double>{0.5, 2.0, 0.3, 1.5});
    CHECK(latencies.total_latency == std::vector<double>{0.5, 2.0, 0.6, 2.0});
    CHECK(latencies.time_to_first_token == std::vector<double>{0.01, 0.01, 0.31, 0.51});

    const auto metrics = batching::calculate_batch_metrics(run.completed(lesson()), run.summary.total_time);
    CHECK(metrics.avg_latency == 1.275);
    CHECK(metrics.avg_queue_time == 0.2);
    CHECK(metrics.gpu_utilization == 1.0);

    const auto static_run = batching::static_batch_simulation(lesson(), 2);
    CHECK(static_run.summary.total_time == 3.6);
}

TEST_CASE("strategies are compared over columns") {
    const auto comparison = batching::compare_batching_strategies(lesson(), 2);
    CHECK(comparison.static_avg_latency == 2.7);
    CHECK(comparison.continuous_avg_latency == 1.275);
    CHECK(comparison.latency_improvement == 2.7 / 1.275);
}

TEST_CASE("columns of different sizes are refused, and both are named") {
    const std::vector<double> three{0.0, 0.1, 0.2};
    auto requests = lesson();
    CHECK_THROWS_WITH_AS(requests.set_arrival_time(three), "arrival_time has 3 elements, but output_length has 4",
                         batching::invalid_argument);
    // What was refused was not set.
    CHECK(requests.arrival_time == arrival_time.data());
    CHECK(requests.count == 4);
    const batching::requests owned{{}, {1, 1, 1, 1}, three};
    CHECK_THROWS_AS(batching::static_simulate(owned, 2), batching::invalid_argument);
    CHECK_THROWS_AS(batching::continuous_batch_simulation(owned, 2), batching::invalid_argument);
    CHECK_THROWS_AS(batching::compare_batching_strategies(owned, 2), batching::invalid_argument);

    // A column without elements is not a column left out.
    const std::vector<double> none;
    CHECK_THROWS_WITH_AS(requests.set_arrival_time(none), "arrival_time has 0 elements, but output_length has 4",
                         batching::invalid_argument);

    std::vector<double> short_column(3, -1.0);
    batching::results_view results;
    results.set_end_time(short_column);
    CHECK_THROWS_WITH_AS(batching::static_simulate(lesson(), 2, 0.01, results),
                         "end_time has 3 elements, but output_length has 4", batching::invalid_argument);
    CHECK(short_column == std::vector<double>(3, -1.0));

    const auto run = batching::static_batch_simulation(lesson(), 2);
    auto completed = run.completed(lesson());
    CHECK_THROWS_WITH_AS(completed.set_first_token_time(three), "first_token_time has 3 elements, but start_time has 4",
                         batching::invalid_argument);
    batching::completed own{{}, {0.0}, {0.0}, {1.0}, {1}};
    CHECK_THROWS_AS(batching::calculate_batch_metrics(own, 1.0), batching::invalid_argument);
    CHECK_THROWS_AS(batching::calculate_latencies(own), batching::invalid_argument);
    own.arrival_time = {0.0};
    CHECK(batching::calculate_latencies(own).total_latency == std::vector<double>{1.0});
}

TEST_CASE("columns can be set again, or left out again") {
    auto requests = lesson();
    const std::array<double, 2> two_times{0.0, 0.1};
    const std::array<std::int32_t, 2> two_lengths{1, 2};
    requests.set_arrival_time(std::nullopt);
    CHECK(requests.count == 4);
    requests.set_output_length(two_lengths).set_arrival_time(two_times);
    CHECK(requests.count == 2);
    CHECK_THROWS_WITH_AS(requests.set_output_length(output_length),
                         "output_length has 4 elements, but arrival_time has 2", batching::invalid_argument);
    CHECK(batching::continuous_simulate(requests, 2).total_tokens == 3);
    requests.set_output_length(std::nullopt);
    CHECK(batching::continuous_simulate(requests, 2).total_tokens == 2);
    requests.set_arrival_time({});
    CHECK(requests.count == 0);

    std::array<double, 1> short_column{};
    std::array<double, 9> long_column{};
    batching::results_view results;
    results.set_end_time(short_column).set_start_time(long_column);
    CHECK(results.capacity == 1);
    CHECK_THROWS_AS(batching::static_simulate(lesson(), 2, 0.01, results), batching::invalid_argument);
    results.set_end_time(std::nullopt);
    CHECK(results.capacity == 9);
    CHECK(batching::static_simulate(lesson(), 2, 0.01, results).total_time == 3.6);
    CHECK(long_column[2] == 2.1);
}

TEST_CASE("results that own their columns fill those that have elements") {
    batching::results results;
    CHECK_THROWS_WITH_AS(batching::static_simulate(lesson(), 2, 0.01, results),
                         "start_time has 0 elements, but output_length has 4", batching::invalid_argument);
    results.end_time.resize(4);
    batching::static_simulate(lesson(), 2, 0.01, results);
    CHECK(results.end_time == std::vector<double>{2.1, 2.1, 3.6, 3.6});
    CHECK(results.start_time.empty());
}

TEST_CASE("no requests give zeros") {
    const std::vector<std::int32_t> none;
    batching::requests_view requests;
    CHECK(batching::static_simulate(requests, 2).total_time == 0.0);
    requests.set_output_length(none);
    const auto run = batching::continuous_batch_simulation(requests, 2);
    CHECK(run.results.end_time.empty());
    CHECK(run.summary.throughput == 0.0);
    CHECK(batching::calculate_batch_metrics(run.completed(requests), 0.0).avg_latency == 0.0);
    CHECK(batching::calculate_latencies(run.completed(requests)).total_latency.empty());
    std::vector<std::int32_t> remaining;
    batching::remaining_tokens_calculate(none, none, remaining);
    CHECK(remaining.empty());
}

TEST_CASE("remaining tokens") {
    const std::vector<std::int32_t> generated{0, 250, 30, 149};
    std::vector<std::int32_t> remaining(4, -1);
    batching::remaining_tokens_calculate(output_length, generated, remaining);
    CHECK(remaining == std::vector<std::int32_t>{50, 0, 0, 1});
    std::vector<std::int32_t> too_short(3, -1);
    CHECK_THROWS_AS(batching::remaining_tokens_calculate(output_length, generated, too_short),
                    batching::invalid_argument);
}

TEST_CASE("workloads are generated into columns of the caller and of their own") {
    batching::workload kind;
    CHECK(kind.seed == 42);
    kind.output_length_min = kind.output_length_max = 7;
    kind.arrival_rate = std::numeric_limits<double>::infinity();
    const auto generated = batching::generate_workload(100, kind);
    CHECK(generated.output_length == std::vector<std::int32_t>(100, 7));
    CHECK(generated.arrival_time == std::vector<double>(100, 0.0));
    CHECK(generated.prompt_length.size() == 100);

    std::vector<std::int32_t> prompt_length(40);
    batching::workload_view columns;
    columns.prompt_length = prompt_length;
    batching::workload_generate(kind, columns);
    CHECK(prompt_length ==
          std::vector<std::int32_t>(generated.prompt_length.begin(), generated.prompt_length.begin() + 40));

    // All at 0.0, 7 tokens each, ten at a time: 10 batches of 7 iterations, whatever the policy.
    CHECK(batching::static_simulate(generated, 10).total_time == 0.7);
    CHECK(batching::continuous_simulate(generated, 10).total_time == 0.7);
}

TEST_CASE("closed sessions bring their turns and delays, and a sample is in order") {
    batching::workload kind;
    kind.turns_min = kind.turns_max = 3;
    kind.think_time = 2.0;
    kind.think_times = batching::think_times::constant;
    kind.sessions_closed = 1;
    const auto generated = batching::generate_workload(7, kind);
    CHECK(generated.session == std::vector<std::int64_t>{0, 0, 0, 1, 1, 1, 2});
    CHECK(generated.delay == std::vector<double>{0.0, 2.0, 2.0, 0.0, 2.0, 2.0, 0.0});
    CHECK(generated.arrival_time[2] == generated.arrival_time[0]);
    kind.sessions_closed = 0;
    CHECK(batching::generate_workload(7, kind).session.empty());

    const auto all = batching::sample(3, 3, 1);
    CHECK(all == std::vector<std::int64_t>{0, 1, 2});
    const auto some = batching::sample(20, 1000);
    CHECK(std::is_sorted(some.begin(), some.end()));
    CHECK(some.size() == 20);
    CHECK(some != batching::sample(20, 1000, 43));
    CHECK_THROWS_AS(batching::sample(4, 3), batching::invalid_argument);
    CHECK_THROWS_AS(batching::sample(-1, 3), batching::invalid_argument);
}

TEST_CASE("a workload that shares prefixes brings its hash ids") {
    batching::workload kind;
    kind.prefix_groups = 1;
    kind.prefix_length = 33;
    kind.arrivals = BATCHING_ARRIVALS_CONSTANT;
    kind.arrival_rate = 0.01;
    const auto generated = batching::generate_workload(50, kind);
    // Two full blocks of 16 each, the same for all; the engine finds them from the second request on.
    CHECK(generated.hash_offsets.back() == 100);
    CHECK(generated.hash_block_size == 16);
    CHECK_FALSE(generated.hash_covers_output);
    batching::engine_config config;
    config.num_gpu_blocks = 1000;
    config.enable_prefix_caching = true;
    const auto run = batching::simulate(static_cast<batching::requests_view>(generated), config);
    CHECK(run.results.prefix_cached_tokens[0] == 0);
    CHECK(std::all_of(run.results.prefix_cached_tokens.begin() + 1, run.results.prefix_cached_tokens.end(),
                      [](std::int32_t tokens) { return tokens == 32; }));
    kind.turns_min = 2;
    CHECK(batching::generate_workload(50, kind).hash_covers_output);
}

TEST_CASE("a workload whose prefix is shorter than a block shares nothing") {
    batching::workload kind;
    kind.prefix_groups = 2;
    kind.prefix_length = 3;
    const auto generated = batching::generate_workload(10, kind);
    CHECK(generated.hash_ids.empty());
    CHECK(generated.hash_offsets == std::vector<std::int64_t>(11, 0));
    CHECK(batching::simulate(generated).summary.finished == 10);
}
