// Calibration on live traffic, in C++.
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <batching.hpp>

namespace {

// A server whose requests are told one after the other. Every tenth fails, from the third on.
struct live_server {
    static constexpr std::int64_t count = 120;
    batching::engine_config config;
    batching::requests requests;
    batching::engine_result run;

    live_server() {
        batching::workload workload;
        workload.prompt_length_min = 20;
        workload.prompt_length_max = 600;
        workload.output_length_min = 10;
        workload.output_length_max = 100;
        workload.arrival_rate = 6;
        requests = batching::generate_workload(count, workload);
        config.max_num_seqs = 16;
        config.max_num_batched_tokens = 512;
        config.num_gpu_blocks = 4000;
        config.enable_prefix_caching = 1;
        config.set_iteration_time(batching::affine_time{8e-3, 4e-5, 6e-5, 2e-7});
        run = batching::simulate(requests, config);
    }

    void tell(batching::live_calibration &live) const {
        const std::vector<std::int64_t> hashes{1, 2};
        for (std::size_t index = 0; index < count; index++) {
            const auto request = static_cast<std::int64_t>(index);
            const double first = run.results.first_token_time[index], end = run.results.end_time[index];
            live.arrived(request, requests.arrival_time[index], requests.prompt_length[index],
                         requests.output_length[index], hashes);
            live.first_token(request, first);
            if (index % 10 == 2) {
                live.failed(request, end);
            } else {
                live.finished(request, end, requests.output_length[index]);
            }
        }
    }

    batching::calibration_config quick() const {
        batching::calibration_config quick(config);
        quick.scheduling = batching::scheduling::given;
        quick.simulations = 20;
        return quick;
    }
};

bool are_same(const batching::calibration &first, const batching::calibration &second) {
    return std::memcmp(static_cast<const batching_calibration *>(&first),
                       static_cast<const batching_calibration *>(&second), sizeof(batching_calibration)) == 0;
}

} // namespace

TEST_CASE("a fit is that of calibrate on the log") {
    const live_server server;
    batching::live_calibration live(server.quick(), 60);
    server.tell(live);
    live.arrived(1000, server.requests.arrival_time.back(), 5);
    const auto state = live.observe();
    CHECK(state.in_flight == 1);
    CHECK(state.finished + state.failed == 60);
    CHECK(state.failed == 6);
    CHECK(state.hash_ids == 2 * 60);
    const auto log = live.log();
    CHECK(log.request.size() == 61);
    CHECK(log.hash_offsets.back() == 120);
    CHECK(log.arrival_time.front() == 0.0);
    CHECK(log.first_arrival > 0.0);
    const auto found = live.fit();
    CHECK(found.simulations == 20);
    CHECK(are_same(found, batching::calibrate(log.requests(), log.recorded(), server.quick())));
}

TEST_CASE("a copy is fitted, and the original goes on") {
    const live_server server;
    batching::live_calibration live(server.quick());
    server.tell(live);
    const auto copy = live.fork();
    live.arrived(1000, 0.0, 600, 100);
    CHECK(live.observe().in_flight == 1);
    CHECK(copy.observe().in_flight == 0);
    CHECK(are_same(copy.fit(6), live.fork().fit(6)) == false); // one request more, from the start
    batching::live_calibration moved = std::move(live);
    CHECK(moved.fit(2).simulations == 2);
    CHECK_THROWS_AS(live.observe(), batching::invalid_argument); // NOLINT(bugprone-use-after-move)
}

TEST_CASE("a budget ends a fit: a number, a time, a function") {
    const live_server server;
    auto config = server.quick();
    config.set_callback([](const batching::calibration_progress &progress) { return progress.simulations < 5; });
    batching::live_calibration live(config);
    server.tell(live);
    CHECK(live.fit().simulations == 5);
    CHECK(live.fork().fit().simulations == 5);
    CHECK(live.fit(3).simulations == 3);
    CHECK(live.fit_within(std::chrono::seconds(0)).simulations == 1);
    CHECK(live.fit_within(std::chrono::hours(1), 4).simulations == 4);
    const auto goes_on = [](const batching::calibration_progress &progress) { return progress.simulations < 9; };
    CHECK(live.fit(goes_on).simulations == 9);
    const auto throws = [](const batching::calibration_progress &) -> bool {
        throw std::runtime_error("no more of this");
    };
    CHECK_THROWS_WITH_AS(live.fit(throws), "no more of this", std::runtime_error);
    CHECK_THROWS_WITH_AS(live.fit(0), "simulations is 0: must be at least 1", batching::invalid_argument);
}

TEST_CASE("what is wrong is thrown") {
    CHECK_THROWS_WITH_AS(batching::live_calibration({}, 3), "window is 3: must be between 16 and 500000",
                         batching::invalid_argument);
    batching::live_calibration live;
    live.arrived(1, 2.0);
    CHECK_THROWS_WITH_AS(live.arrived(1, 3.0), "request is 1: must not be in flight already",
                         batching::invalid_argument);
    CHECK_THROWS_WITH_AS(live.arrived(2, 3.0, 5, 0), "expected_output_length is 0: must be at least 1",
                         batching::invalid_argument);
    CHECK_THROWS_WITH_AS(live.finished(2, 3.0, 4), "request is 2: must be in flight", batching::invalid_argument);
    CHECK_THROWS_AS(live.fit(), batching::invalid_argument);
    CHECK(std::isnan(live.observe().forgotten_until));
    CHECK(live.log().request == std::vector<std::int64_t>{1});
}
