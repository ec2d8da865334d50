// Functions of the caller in a run of the engine: the iteration time, the progress, and the logs.
#include "engine_cases.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <memory>

namespace {

/// Not a std::exception: any object can be thrown.
struct change_of_mind {};

double half_a_second(const batching::iteration &) {
    return 0.5;
}

template <class Callback, class Function> constexpr bool accepts = std::is_constructible_v<Callback, Function>;

using ask = batching::callback<double(const batching::iteration &)>;
using tell = batching::callback<bool(const batching::progress &)>;

static_assert(accepts<ask, double (*)(const batching::iteration &)>);
static_assert(accepts<ask, std::int64_t (*)(const batching::iteration &)>);
static_assert(!accepts<ask, void (*)(const batching::iteration &)>);
static_assert(!accepts<ask, double (*)(std::string)>);
static_assert(accepts<tell, bool (*)(const batching::progress &)>);
static_assert(accepts<tell, void (*)(const batching::progress &)>);
// In C, 0 goes on and 1 stops.
static_assert(!accepts<tell, int (*)(const batching::progress &)>);

/// The rows of a decision log.
struct decision {
    std::int64_t iteration, request;
    std::int32_t event;
    std::int32_t tokens;

    bool operator==(const decision &other) const {
        return iteration == other.iteration && request == other.request && event == other.event &&
               tokens == other.tokens;
    }
};

std::vector<decision> rows(const batching::decision_log &log) {
    std::vector<decision> rows;
    for (std::size_t row = 0; row < log.size(); ++row) {
        rows.push_back({log.iteration[row], log.request[row], log.event[row], log.tokens[row]});
    }
    return rows;
}

/// One request that decodes for ten thousand iterations: more than fit into a log's buffer at once.
batching::requests long_request() {
    return {{1}, {10000}, {0.0}};
}

} // namespace

TEST_CASE("a function tells how long each iteration takes") {
    batching::engine_config config;
    std::vector<batching::iteration> asked;
    config.set_iteration_time([&asked](const batching::iteration &iteration) {
        asked.push_back(iteration);
        return iteration.prefill_tokens > 0 ? 0.5 : 0.25;
    });
    const auto run = batching::simulate(two_requests(), config);
    // One prefill of both prompts, then three decodes of both.
    CHECK(run.results.first_token_time == std::vector<double>{0.5, 0.5});
    CHECK(run.results.end_time == std::vector<double>{1.25, 1.25});
    REQUIRE(asked.size() == 4);
    CHECK(asked[0].prefill_tokens == 6);
    CHECK(asked[0].prefill_context == 18.0); // 3 x 3 for each
    CHECK(asked[1].time == 0.5);
    CHECK(asked[1].decode_tokens == 2);
    CHECK(asked[1].context_tokens == 8); // the prompt and the first token of each

    config.set_iteration_time(half_a_second);
    CHECK(batching::simulate(two_requests(), config).summary.duration == 2.0);
}

TEST_CASE("a function may be one that can only be moved, and keeps its state") {
    auto config = four_blocks();
    auto seconds = std::make_unique<double>(1.0);
    config.set_iteration_time([seconds = std::move(seconds)](const batching::iteration &) { return *seconds; });
    CHECK(batching::simulate(two_requests(), config).summary.duration == 6.0);

    // Copies share the function.
    config.set_iteration_time([calls = 0](const batching::iteration &) mutable { return ++calls; });
    const auto copy = config;
    // 1 + 2 + ... + 6 s, then from 7 s on.
    CHECK(batching::simulate(two_requests(), config).summary.duration == 21.0);
    CHECK(batching::simulate(two_requests(), copy).summary.duration == 7 + 8 + 9 + 10 + 11 + 12);

    struct counter {
        int calls = 0;
        double operator()(const batching::iteration &) { return ++calls; }
    } count;
    config.set_iteration_time(std::ref(count));
    batching::simulate(two_requests(), config);
    CHECK(count.calls == 6);

    auto moved = std::move(config);
    CHECK(batching::simulate(two_requests(), moved).summary.iterations == 6);
}

TEST_CASE("progress is told") {
    auto config = four_blocks();
    std::vector<batching::progress> told;
    config.set_progress_callback([&told](const batching::progress &progress) { told.push_back(progress); });
    config.progress_interval = 2;
    batching::simulate(two_requests(), config);
    REQUIRE(told.size() >= 2);
    CHECK(told[0].iterations == 2);
    CHECK(told[0].time == 2.0);
    CHECK(told[0].arrived == 2);
    CHECK(told[0].count == 2);
    CHECK(told[1].iterations == 4);
    CHECK(told[1].finished == 1);
}

TEST_CASE("what a function throws stops the run and comes out of it") {
    const auto requests = two_requests();
    int calls = 0;
    const auto change_mind = [&calls](const auto &) -> bool {
        ++calls;
        throw change_of_mind();
    };
    auto config = four_blocks();
    config.progress_interval = 1;
    config.set_progress_callback(change_mind);
    CHECK_THROWS_AS(batching::simulate(requests, config), change_of_mind);
    CHECK(calls == 1);

    config = four_blocks();
    config.set_iteration_time([&calls](const batching::iteration &iteration) {
        ++calls;
        if (iteration.number == 2) {
            throw std::out_of_range("the third iteration");
        }
        return 1.0;
    });
    CHECK_THROWS_WITH_AS(batching::simulate(requests, config), "the third iteration", std::out_of_range);
    CHECK(calls == 4);

    batching::log_destinations logs;
    logs.iterations = change_mind;
    CHECK_THROWS_AS(batching::simulate_into(requests, four_blocks(), {}, logs), change_of_mind);
    CHECK(calls == 5);
    logs.iterations = {};
    logs.decisions = change_mind;
    CHECK_THROWS_AS(batching::simulate_into(requests, four_blocks(), {}, logs), change_of_mind);
    CHECK(calls == 6);

    config.set_iteration_time(std::function<double(const batching::iteration &)>());
    CHECK_THROWS_AS(batching::simulate(requests, config), std::bad_function_call);
}

TEST_CASE("a function that returns false stops the run, which is cancelled") {
    const auto never = [](const auto &) { return false; };
    auto config = four_blocks();
    config.progress_interval = 1;
    config.set_progress_callback(never);
    try {
        batching::simulate(two_requests(), config);
        FAIL("nothing was thrown");
    } catch (const batching::cancelled &error) {
        CHECK(error.status() == BATCHING_ERROR_CANCELLED);
        CHECK(std::string(error.what()) == "progress_callback returned false: the run was stopped");
    }
    batching::log_destinations logs;
    logs.iterations = never;
    CHECK_THROWS_WITH_AS(batching::simulate_into(two_requests(), four_blocks(), {}, logs),
                         "the iteration log's function returned false: the run was stopped", batching::cancelled);
    logs.iterations = {};
    logs.decisions = never;
    CHECK_THROWS_WITH_AS(batching::simulate_into(two_requests(), four_blocks(), {}, logs),
                         "the decision log's function returned false: the run was stopped", batching::cancelled);

    config.set_progress_callback([](const batching::progress &) { return true; });
    CHECK(batching::simulate(two_requests(), config).summary.iterations == 6);
}

TEST_CASE("an iteration time that is none is refused") {
    batching::engine_config config;
    config.set_iteration_time([](const batching::iteration &iteration) { return iteration.number == 1 ? -1.0 : 1.0; });
    CHECK(refusal([&] {
              batching::simulate(two_requests(), config);
          }).find("time_callback's answer for iteration 1 is -1.0") == 0);
}

TEST_CASE("a run keeps the logs that are wanted") {
    const auto run = batching::simulate(two_requests(), four_blocks(), {true, true});
    CHECK(run.summary.iteration_log_rows == 6);
    CHECK(run.iteration_log.time == std::vector<double>{0, 1, 2, 3, 4, 5});
    CHECK(run.iteration_log.start_time == run.iteration_log.time);
    CHECK(run.iteration_log.duration == std::vector<double>(6, 1.0));
    // Both run, until the first needs its third block in iteration 2; the other comes back when the first has gone.
    CHECK(run.iteration_log.running == std::vector<std::int64_t>{2, 2, 1, 1, 1, 1});
    CHECK(run.iteration_log.waiting == std::vector<std::int64_t>{0, 0, 1, 1, 0, 0});
    CHECK(run.iteration_log.prefill_tokens == std::vector<std::int64_t>{6, 0, 0, 0, 5, 0});
    CHECK(run.iteration_log.decode_tokens == std::vector<std::int64_t>{0, 2, 1, 1, 0, 1});
    CHECK(run.iteration_log.kv_blocks_used == std::vector<std::int64_t>{4, 4, 3, 3, 3, 3});
    CHECK(run.iteration_log.kv_blocks_kept == std::vector<std::int64_t>{4, 4, 3, 0, 3, 0});
    CHECK(run.iteration_log.preemptions == std::vector<std::int64_t>{0, 0, 1, 0, 0, 0});
    CHECK(run.iteration_log.finished == std::vector<std::int64_t>{0, 0, 0, 1, 0, 1});

    using batching::event;
    CHECK(rows(run.decision_log) == std::vector<decision>{{0, 0, event::admitted, 0},
                                                          {0, 0, event::scheduled, 3},
                                                          {0, 1, event::admitted, 0},
                                                          {0, 1, event::scheduled, 3},
                                                          {1, 0, event::scheduled, 1},
                                                          {1, 1, event::scheduled, 1},
                                                          {2, 1, event::preempted, 0},
                                                          {2, 0, event::scheduled, 1},
                                                          {3, 0, event::scheduled, 1},
                                                          {3, 0, event::finished, 4},
                                                          {4, 1, event::resumed, 0},
                                                          {4, 1, event::scheduled, 5},
                                                          {5, 1, event::scheduled, 1},
                                                          {5, 1, event::finished, 4}});
    CHECK(run.summary.decision_log_rows == 14);

    // Which run and which wait: 2 rows in iterations 0 to 3, and 1 in 4 and 5.
    const auto with_queues = batching::simulate(two_requests(), four_blocks(), {false, true, true});
    CHECK(with_queues.iteration_log.size() == 0);
    CHECK(with_queues.decision_log.size() == 14 + 10);
}

TEST_CASE("a log goes into columns of the caller, and the rows beyond them are counted") {
    std::vector<std::int64_t> running(4, -1), iteration(20, -1);
    std::vector<std::int32_t> event(20);
    batching::iteration_log_view iterations;
    iterations.set_running(running);
    batching::decision_log_view decisions;
    decisions.set_iteration(iteration);
    decisions.set_event(event);
    const auto summary = batching::simulate_into(two_requests(), four_blocks(), {}, {iterations, decisions});
    CHECK(running == std::vector<std::int64_t>{2, 2, 1, 1});
    CHECK(summary.iteration_log_rows == 6);
    CHECK(summary.decision_log_rows == 14);
    CHECK(event[13] == batching::event::finished);
    CHECK(iteration[13] == 5);
    CHECK(iteration[14] == -1);

    // Without columns rows are only counted.
    CHECK(batching::simulate_into(two_requests(), four_blocks(), {}, {batching::iteration_log_view{}})
              .iteration_log_rows == 6);
}

TEST_CASE("columns of a log that differ in size are refused, and both are named") {
    std::vector<double> two(2), three(3);
    std::vector<std::int64_t> three_long(3), two_long(2);
    std::vector<std::int32_t> two_events(2);
    std::vector<std::int32_t> two_tokens(2);
    const auto iterations = [&](auto set) {
        return refusal([&] {
            batching::iteration_log_view view;
            view.set_time(two);
            set(view);
        });
    };
    using iteration_view = batching::iteration_log_view;
    CHECK(iterations([&](iteration_view &is) { is.set_start_time(three); }) ==
          "start_time has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_duration(three); }) == "duration has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_running(three_long); }) ==
          "running has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_waiting(three_long); }) ==
          "waiting has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_prefill_tokens(three_long); }) ==
          "prefill_tokens has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_decode_tokens(three_long); }) ==
          "decode_tokens has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_kv_blocks_used(three_long); }) ==
          "kv_blocks_used has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_kv_blocks_kept(three_long); }) ==
          "kv_blocks_kept has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_preemptions(three_long); }) ==
          "preemptions has 3 elements, but time has 2");
    CHECK(iterations([&](iteration_view &is) { is.set_finished(three_long); }) ==
          "finished has 3 elements, but time has 2");

    const auto decisions = [&](auto set) {
        return refusal([&] {
            batching::decision_log_view view;
            view.set_iteration(three_long);
            set(view);
        });
    };
    using decision_view = batching::decision_log_view;
    CHECK(decisions([&](decision_view &is) { is.set_request(two_long); }) ==
          "request has 2 elements, but iteration has 3");
    CHECK(decisions([&](decision_view &is) { is.set_event(two_events); }) ==
          "event has 2 elements, but iteration has 3");
    CHECK(decisions([&](decision_view &is) { is.set_tokens(two_tokens); }) ==
          "tokens has 2 elements, but iteration has 3");
}

TEST_CASE("a log of any length passes through a function, and is kept whole") {
    std::size_t calls = 0, largest = 0;
    batching::iteration_log collected;
    batching::log_destinations logs;
    logs.iterations = [&](const batching::iteration_log &rows) {
        ++calls;
        largest = std::max(largest, rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) {
            collected.time.push_back(rows.time[row]);
            collected.decode_tokens.push_back(rows.decode_tokens[row]);
            collected.finished.push_back(rows.finished[row]);
        }
    };
    const auto summary = batching::simulate_into(long_request(), {}, {}, logs);
    CHECK(summary.iteration_log_rows == 10000);
    CHECK(calls > 1);
    CHECK(largest < 10000);

    const auto run = batching::simulate(long_request(), {}, {true});
    REQUIRE(run.iteration_log.size() == 10000);
    CHECK(collected.time == run.iteration_log.time);
    CHECK(collected.decode_tokens == run.iteration_log.decode_tokens);
    CHECK(collected.finished == run.iteration_log.finished);
    // The first iteration computes the prompt, each other one token; the last ends it.
    CHECK(run.iteration_log.prefill_tokens[0] == 1);
    CHECK(run.iteration_log.decode_tokens[9999] == 1);
    CHECK(run.iteration_log.time[9999] == 99.99);
    CHECK(run.iteration_log.finished[9999] == 1);
}

TEST_CASE("a log of the config goes into columns of the caller, as in C") {
    std::vector<std::int64_t> running(4, -1);
    batching::iteration_log_view iterations;
    iterations.set_running(running);
    batching::decision_log_view decisions;
    auto config = four_blocks();
    config.iteration_log = &iterations;
    config.decision_log = &decisions;
    const auto run = batching::simulate(two_requests(), config);
    CHECK(running == std::vector<std::int64_t>{2, 2, 1, 1});
    CHECK(iterations.count == 6);
    CHECK(run.summary.iteration_log_rows == 6);
    CHECK(run.summary.decision_log_rows == 14);
    decisions.include_queues = 1;
    CHECK(batching::simulate(two_requests(), config).summary.decision_log_rows == 14 + 10);
    // What the call says goes first.
    running.assign(4, -1);
    CHECK(batching::simulate(two_requests(), config, {true}).iteration_log.size() == 6);
    CHECK(running == std::vector<std::int64_t>(4, -1));
}

TEST_CASE("the structs are those of C, for its functions too") {
    std::vector<double> end_time(2);
    const auto requests = two_requests();
    batching::requests_view view = requests;
    batching::results_view results;
    results.set_end_time(end_time);
    auto config = four_blocks();
    int calls = 0;
    config.set_iteration_time([&calls](const batching::iteration &) {
        ++calls;
        return 1.0;
    });
    batching::summary summary;
    CHECK(batching_simulate(&config, &view, &results, &summary) == BATCHING_OK);
    CHECK(end_time == std::vector<double>{4.0, 6.0});
    CHECK(summary.iterations == 6);
    CHECK(calls == 6);
    // No exception passes through a function of C.
    config.set_iteration_time([](const batching::iteration &) -> double { throw change_of_mind(); });
    CHECK(batching_simulate(&config, &view, nullptr, nullptr) == BATCHING_ERROR_CANCELLED);
    config.set_iteration_time(1.0).set_progress_callback([](const batching::progress &) { return false; });
    config.progress_interval = 1;
    CHECK(batching_simulate(&config, &view, nullptr, nullptr) == BATCHING_ERROR_CANCELLED);
    config.progress_callback = nullptr;
    CHECK(batching_simulate(&config, &view, nullptr, nullptr) == BATCHING_OK);
    // Requests that own their columns are no columns of C before they are a view.
    CHECK(batching_simulate(&config, &requests, nullptr, nullptr) == BATCHING_ERROR_INVALID_ARGUMENT);
    CHECK(std::string(batching_last_error()).find("requests.count is -1") == 0);
}

TEST_CASE("an iteration time replaces the one before") {
    auto config = four_blocks();
    config.set_iteration_time([](const batching::iteration &) { return 5.0; });
    config.set_iteration_time(batching::affine_time{0.5, 0.25});
    CHECK(config.time_per_prefill_token == 0.25);
    // 6 iterations, and 6 + 5 tokens of prefill.
    CHECK(batching::simulate(two_requests(), config).summary.duration == 6 * 0.5 + 11 * 0.25);
    config.set_iteration_time(2.0);
    CHECK(batching::simulate(two_requests(), config).summary.duration == 12.0);
    // The fields of C are the same thing.
    config.time_model = batching::time_model::affine;
    config.time_base = 0.5;
    config.time_per_decode_token = 0.25;
    // 2, 1, 1 and 1 sequences decode.
    CHECK(batching::simulate(two_requests(), config).summary.duration == 6 * 0.5 + 5 * 0.25);
    // A time without its model is refused; without both an iteration takes 0.01 s.
    config.time_model = batching::time_model::default_time;
    CHECK(refusal([&] { batching::simulate(two_requests(), config); }) ==
          "time_base is 0.5: must be 0 without a time_model");
    config.time_base = config.time_per_decode_token = 0.0;
    CHECK(batching::simulate(two_requests(), config).summary.duration == 0.06);
}
