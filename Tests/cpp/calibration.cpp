// Iteration times from a log, in C++.
#include <doctest/doctest.h>

#include <stdexcept>
#include <type_traits>

#include <batching.hpp>

namespace {

// A server, what it was asked, and what it did.
struct server_log {
    batching::engine_config server;
    batching::requests requests;
    batching::engine_result run;

    server_log() {
        batching::workload workload;
        workload.prompt_length_min = 20;
        workload.prompt_length_max = 900;
        workload.output_length_min = 1;
        workload.output_length_max = 200;
        workload.arrival_rate = 6;
        requests = batching::generate_workload(200, workload);
        server.max_num_seqs = 32;
        server.max_num_batched_tokens = 512;
        server.set_iteration_time(batching::affine_time{8e-3, 4e-5, 6e-5, 2e-7, 2e-9, 1e-3});
        run = batching::simulate(requests, server);
    }

    batching::recorded_view recorded() const {
        batching::recorded_view view;
        view.set_first_token_time(run.results.first_token_time).set_end_time(run.results.end_time);
        view.set_output_length(requests.output_length);
        return view;
    }
};

} // namespace

TEST_CASE("the times of a simulated server are found again") {
    const server_log log;
    const auto found = batching::calibrate(log.requests, log.recorded(), batching::calibration_config(log.server));
    CHECK(found.is_complete == 1);
    CHECK(found.async_scheduling == 0);
    CHECK(found.client_delay < 1e-4);
    CHECK(found.base_least <= found.time_base);
    CHECK(found.time_base <= found.base_most);
    auto fitted = log.server;
    fitted.set_iteration_time(found.iteration_time());
    const auto again = batching::simulate(log.requests, fitted);
    CHECK(again.summary.total_time == doctest::Approx(log.run.summary.total_time).epsilon(0.005));
}

TEST_CASE("a function says when it is enough, and what it throws comes out") {
    const server_log log;
    batching::calibration_config config(log.server);
    config.set_callback([](const batching::calibration_progress &progress) { return progress.simulations < 20; });
    const auto copy = config;
    const auto found = batching::calibrate(log.requests, log.recorded(), copy);
    CHECK(found.simulations == 20);
    CHECK(found.is_complete == 0);
    config.set_callback(
        [](const batching::calibration_progress &) -> bool { throw std::runtime_error("no more of this"); });
    CHECK_THROWS_WITH_AS(batching::calibrate(log.requests, log.recorded(), config), "no more of this",
                         std::runtime_error);
}

TEST_CASE("a log of few requests says nothing") {
    batching::recorded_view recorded;
    CHECK_THROWS_WITH_AS(batching::calibrate(batching::requests({}, {}, {}), recorded),
                         "recorded.first_token_time is NULL: it is required", batching::invalid_argument);
}

// It borrows the server's configuration, which may not be gone at once.
static_assert(!std::is_constructible_v<batching::calibration_config, batching::engine_config>);
