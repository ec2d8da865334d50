// Live engines: an owner of its handle, which says what the C functions say, and lets exceptions of callbacks through.
#include "engine_cases.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>
#include <utility>

namespace {

/// A row of what an engine tells.
struct told {
    double time;
    std::int64_t request;
    std::int32_t event;
    std::int32_t tokens;

    bool operator==(const told &other) const {
        return time == other.time && request == other.request && event == other.event && tokens == other.tokens;
    }
};

std::vector<told> poll(batching::live_engine &engine) {
    std::vector<told> rows;
    for (const auto &event : engine.poll()) {
        rows.push_back({event.time, event.request, event.event, event.tokens});
    }
    return rows;
}

using kind = batching::event;

batching::engine_config two_slots() {
    batching::engine_config config;
    config.max_num_seqs = 2;
    config.set_iteration_time(0.25);
    return config;
}

/// Two slots and three requests at 0.0, of 10, 4 and 5 tokens; an iteration takes 0.25 s.
batching::live_engine lesson(const batching::engine_config &config = two_slots()) {
    batching::live_engine engine(config);
    engine.submit(batching::requests{{10, 10, 10}, {10, 4, 5}, {0.0, 0.0, 0.0}});
    return engine;
}

/// One token of prompt, three of output.
batching::live_engine one_request(const batching::engine_config &config) {
    batching::live_engine engine(config);
    engine.submit(7, 1, 3);
    return engine;
}

} // namespace

TEST_CASE("a live engine tells what happens as time goes by") {
    auto engine = lesson();
    engine.advance(0.6);
    CHECK(poll(engine) == std::vector<told>{{0.0, 0, kind::admitted, 0},
                                            {0.0, 1, kind::admitted, 0},
                                            {0.25, 0, kind::first_token, 1},
                                            {0.25, 1, kind::first_token, 1}});
    const auto state = engine.observe();
    CHECK(state.clock == 0.6);
    CHECK(state.running == 2);
    CHECK(state.waiting == 1);
    CHECK(state.iterations == 3);
    CHECK(state.next_iteration_end == 0.75);
    CHECK(state.events == 0);
    engine.advance(9.0, 1);
    CHECK(engine.observe().clock == 1.0);
    engine.advance();
    CHECK(poll(engine) == std::vector<told>{{1.0, 1, kind::finished, 4},
                                            {1.0, 2, kind::admitted, 0},
                                            {1.25, 2, kind::first_token, 1},
                                            {2.25, 2, kind::finished, 5},
                                            {2.5, 0, kind::finished, 10}});
    CHECK(engine.observe().finished == 3);
    CHECK(engine.poll().empty());
}

TEST_CASE("a live engine tells its logs, call by call") {
    for (const int async : {0, 1}) {
        auto config = two_slots();
        config.async_scheduling = async;
        batching::kept_logs keep;
        keep.iterations = keep.decisions = keep.include_queues = true;
        const auto whole =
            batching::simulate(batching::requests{{10, 10, 10}, {10, 4, 5}, {0.0, 0.0, 0.0}}, config, keep);
        batching::iteration_log iterations;
        batching::decision_log decisions;
        batching::log_destinations logs;
        logs.include_queues = true;
        logs.iterations = [&](const batching::iteration_log &rows) { iterations.append(rows); };
        logs.decisions = [&](const batching::decision_log &rows) { decisions.append(rows); };
        auto engine = lesson(config);
        batching::log_rows sum;
        for (const double time : {0.1, 0.25, 0.3, 1.7, 1.75, std::numeric_limits<double>::infinity()}) {
            const auto rows = engine.advance(time, {}, logs);
            sum.iterations += rows.iterations;
            sum.decisions += rows.decisions;
        }
        CHECK(sum.iterations == whole.summary.iteration_log_rows);
        CHECK(sum.decisions == whole.summary.decision_log_rows);
        CHECK(iterations.time == whole.iteration_log.time);
        CHECK(iterations.start_time == whole.iteration_log.start_time);
        CHECK(iterations.finished == whole.iteration_log.finished);
        CHECK(decisions.iteration == whole.decision_log.iteration);
        CHECK(decisions.request == whole.decision_log.request);
        CHECK(decisions.event == whole.decision_log.event);
        CHECK(decisions.tokens == whole.decision_log.tokens);
    }
}

TEST_CASE("a live engine tells the parts of the time of each request as it ends") {
    auto config = two_slots();
    batching::kept_logs keep;
    keep.attribution = true;
    const auto whole = batching::simulate(batching::requests{{10, 10, 10}, {10, 4, 5}, {0.0, 0.0, 0.0}}, config, keep);
    config.keep_attribution = 1;
    auto engine = lesson(config);
    engine.advance(0.6);
    const auto bytes = engine.save();
    engine = batching::live_engine::load(bytes);
    engine.advance();
    CHECK(engine.observe().keeps_attribution == 1);
    std::size_t ended = 0;
    for (const auto &event : engine.poll()) {
        CHECK(event.attribution.has_value() == (event.event == kind::finished));
        if (event.attribution) {
            const auto request = static_cast<std::size_t>(event.request);
            CHECK(event.attribution->waiting_for_slot == whole.attribution.waiting_for_slot[request]);
            CHECK(event.attribution->prefill == whole.attribution.prefill[request]);
            CHECK(event.attribution->decode == whole.attribution.decode[request]);
            ++ended;
        }
    }
    CHECK(ended == 3);
    auto plain = lesson();
    plain.advance();
    for (const auto &event : plain.poll()) {
        CHECK_FALSE(event.attribution.has_value());
    }
}

TEST_CASE("the logs of a live engine go into columns of the caller, or nowhere") {
    auto engine = lesson();
    std::array<double, 2> time{-1.0, -1.0};
    batching::iteration_log_view view;
    view.set_time(time);
    batching::log_destinations logs;
    logs.iterations = view;
    auto rows = engine.advance(0.6, {}, logs);
    CHECK(rows.iterations == 2);
    CHECK(rows.decisions == 0);
    CHECK(time == std::array<double, 2>{0.0, 0.25});
    // More than there is room for are counted.
    rows = engine.advance(9.0, 3, logs);
    CHECK(rows.iterations == 4);
    CHECK(time == std::array<double, 2>{0.5, 0.75});
    CHECK(engine.advance(9.0, 1, {}).iterations == 0);
    CHECK(refusal([&] { engine.advance(9.0, 0, logs); }) == "iterations is 0: must be at least 1");
}

TEST_CASE("what ends a call to a live engine comes out after what was told") {
    int asked = 0;
    batching::engine_config config;
    config.set_iteration_time([&asked](const batching::iteration &) {
        if (++asked == 3) {
            throw std::runtime_error("asked three times");
        }
        return 0.25;
    });
    auto engine = one_request(config);
    std::vector<double> time;
    batching::log_destinations logs;
    logs.iterations = [&](const batching::iteration_log &rows) {
        time.insert(time.end(), rows.time.begin(), rows.time.end());
    };
    const double forever = std::numeric_limits<double>::infinity();
    CHECK_THROWS_AS(engine.advance(forever, {}, logs), std::runtime_error);
    CHECK(time == std::vector<double>{0.0, 0.25});
    engine.advance(forever, {}, logs);
    CHECK(time == std::vector<double>{0.0, 0.25, 0.5});
    auto other = lesson();
    logs.iterations = [](const batching::iteration_log &) { throw std::logic_error("no room"); };
    CHECK_THROWS_AS(other.advance(forever, {}, logs), std::logic_error);
    CHECK_THROWS_AS(other.advance(), batching::cancelled);
    CHECK(other.poll().size() > 2);
}

TEST_CASE("requests leave a live engine, and get another length") {
    auto engine = lesson();
    engine.advance(0.6);
    engine.poll();
    engine.abort(0);
    engine.set_output_length(1, 6);
    engine.advance();
    // 0 leaves with the iteration under way; 2 takes its slot; 1 has its sixth token at 1.5.
    CHECK(poll(engine) == std::vector<told>{{0.75, 0, kind::aborted, 2},
                                            {0.75, 2, kind::admitted, 0},
                                            {1.0, 2, kind::first_token, 1},
                                            {1.5, 1, kind::finished, 6},
                                            {2.0, 2, kind::finished, 5}});
}

TEST_CASE("requests are submitted one by one, in columns, and under names") {
    batching::live_engine engine(two_slots());
    engine.submit(-5, 1, 1, 2.0);
    engine.advance(1.0);
    // Without a time it comes now.
    engine.submit(70, 1, 1);
    const std::array<std::int32_t, 2> lengths{1, 1};
    const std::array<std::int64_t, 2> names{8, 9};
    engine.submit({lengths, lengths, {}}, names);
    engine.submit({lengths, lengths, {}});
    // The numbers of the last two are those of the fourth and fifth submitted.
    CHECK(engine.observe().submitted == 6);
    engine.advance();
    std::vector<std::pair<double, std::int64_t>> admitted;
    for (const auto &event : engine.poll()) {
        if (event.event == kind::admitted) {
            admitted.emplace_back(event.time, event.request);
        }
    }
    CHECK(admitted ==
          std::vector<std::pair<double, std::int64_t>>{{1.0, 70}, {1.0, 8}, {1.25, 9}, {1.25, 4}, {1.5, 5}, {2.0, -5}});

    const std::array<std::int64_t, 1> too_few{1};
    CHECK_THROWS_AS(engine.submit({lengths, lengths, {}}, too_few), batching::invalid_argument);
    const std::array<std::int32_t, 3> too_many{1, 1, 1};
    CHECK_THROWS_AS(engine.submit({lengths, too_many, {}}), batching::invalid_argument);
    CHECK(engine.observe().submitted == 6);
}

TEST_CASE("an estimate is what happens if the request is sent") {
    auto engine = lesson();
    engine.advance(0.6);
    const auto estimate = engine.estimate(10, 2);
    // 2 has the slot of 1 from 1.0 to 2.25.
    CHECK(estimate.start_time == 2.25);
    CHECK(estimate.first_token_time == 2.5);
    CHECK(estimate.end_time == 2.75);
    CHECK(estimate.ttft == 2.5 - 0.6);
    CHECK(estimate.e2e == 2.75 - 0.6);
    CHECK(estimate.status == batching::request_status::finished);
    const auto later = engine.estimate(10, 2, 5.0);
    CHECK(later.ttft == 0.25);
    CHECK(later.e2e == 0.5);

    const std::array<std::int32_t, 2> prompts{10, 10}, outputs{2, 1};
    std::array<double, 2> ends{};
    std::array<std::int32_t, 2> statuses{};
    batching::results_view columns{};
    columns.set_end_time(ends);
    columns.set_status(statuses);
    engine.estimate_into({prompts, outputs, {}}, columns);
    CHECK(ends == std::array<double, 2>{2.75, 2.5});
    CHECK(statuses[1] == batching::request_status::finished);

    engine.poll();
    engine.submit(9, 10, 2);
    engine.advance();
    std::vector<told> of_it;
    for (const auto &row : poll(engine)) {
        if (row.request == 9) {
            of_it.push_back(row);
        }
    }
    CHECK(of_it == std::vector<told>{{estimate.start_time, 9, kind::admitted, 0},
                                     {estimate.first_token_time, 9, kind::first_token, 1},
                                     {estimate.end_time, 9, kind::finished, 2}});
}

TEST_CASE("an estimate of what can never be served has no times") {
    auto config = two_slots();
    config.max_model_len = 20;
    const auto engine = lesson(config);
    const auto estimate = engine.estimate(20, 1);
    CHECK(estimate.status == batching::request_status::rejected_model_length);
    CHECK(std::isnan(estimate.ttft));
    CHECK(std::isnan(estimate.end_time));
}

TEST_CASE("what a function throws comes out of a live engine, which goes on where it was") {
    std::vector<std::int64_t> asked;
    bool throws = true;
    batching::engine_config config;
    config.set_iteration_time([&](const batching::iteration &iteration) {
        asked.push_back(iteration.number);
        if (iteration.number == 1 && throws) {
            throw std::domain_error("once");
        }
        return 0.5;
    });
    auto engine = one_request(config);
    CHECK_THROWS_WITH_AS(engine.estimate(1, 2), "once", std::domain_error);
    CHECK_THROWS_WITH_AS(engine.advance(), "once", std::domain_error);
    CHECK(engine.observe().clock == 0.5);
    throws = false;
    engine.advance();
    CHECK(asked == std::vector<std::int64_t>{0, 1, 0, 1, 1, 2});
    CHECK(poll(engine) ==
          std::vector<told>{{0.0, 7, kind::admitted, 0}, {0.5, 7, kind::first_token, 1}, {1.5, 7, kind::finished, 3}});
}

namespace {

/// Every row, with all that there is to compute.
void schedule_all(const batching::policy_view &view, batching::policy_decision &decision) {
    for (std::int64_t row = 0; row < view->count; ++row) {
        decision.schedule(row, view.uncomputed_tokens(row));
    }
}

batching::engine_config asking(batching::custom_policy policy) {
    batching::engine_config config;
    config.policy = batching::policy::custom;
    config.set_policy_callback(policy);
    config.set_iteration_time(0.25);
    return config;
}

} // namespace

TEST_CASE("a live engine asks a lambda, which sees the ids") {
    std::vector<std::vector<std::int64_t>> seen;
    auto engine = lesson(asking([&seen](const batching::policy_view &view, batching::policy_decision &decision) {
        seen.emplace_back(view->request, view->request + view->count);
        schedule_all(view, decision);
    }));
    engine.submit(-7, 1, 1, 0.5);
    engine.advance(0.4);
    engine.abort(1);
    engine.advance(0.6);
    CHECK(seen == std::vector<std::vector<std::int64_t>>{{0, 1, 2}, {0, 1, 2}, {0, 2, -7}});
    const auto estimate = engine.estimate(1, 2);
    CHECK(estimate.ttft == 0.4);
    CHECK(seen.back().size() == 3);
    engine.advance();
    CHECK(engine.observe().finished == 3);
}

TEST_CASE("what a policy throws comes out of a live engine, which goes on where it was") {
    int calls = 0;
    auto engine = one_request(asking([&calls](const batching::policy_view &view, batching::policy_decision &decision) {
        switch (calls++) {
        case 1:
            throw std::runtime_error("enough");
        case 2:
            return false;
        case 3:
            decision.schedule(3, 1);
            return true;
        default:
            schedule_all(view, decision);
            return true;
        }
    }));
    CHECK_THROWS_WITH_AS(engine.advance(), "enough", std::runtime_error);
    CHECK_THROWS_WITH_AS(engine.advance(), "policy_callback returned false: the run was stopped", batching::cancelled);
    CHECK(refusal([&] { engine.advance(); }) == "the policy's answer for iteration 1: scheduled_row[0] is 3: must be "
                                                "at least 0 and less than the number of rows of the view, 1");
    engine.advance();
    CHECK(poll(engine).back() == told{0.75, 7, kind::finished, 3});
    CHECK(calls == 6);
}

TEST_CASE("a live engine is stopped by its progress function, and goes on") {
    auto config = two_slots();
    int calls = 0;
    config.set_progress_callback([&calls](const batching::progress &) { return ++calls > 1; });
    config.progress_interval = 2;
    auto engine = lesson(config);
    CHECK_THROWS_AS(engine.advance(), batching::cancelled);
    CHECK(engine.observe().clock == 0.5);
    engine.advance();
    CHECK(engine.observe().clock == 2.5);
    CHECK(calls > 2);
}

TEST_CASE("a function cannot use the live engine that asks it") {
    batching::live_engine *self = nullptr;
    int refused = 0;
    batching::engine_config config;
    config.set_iteration_time([&](const batching::iteration &) {
        CHECK_THROWS_AS(self->observe(), batching::busy);
        CHECK_THROWS_AS(self->advance(9.0), batching::busy);
        CHECK_THROWS_AS(self->fork(), batching::busy);
        CHECK_THROWS_AS(self->poll(), batching::busy);
        ++refused;
        return 0.25;
    });
    auto engine = one_request(config);
    self = &engine;
    engine.advance();
    CHECK(refused == 3);
    CHECK(engine.observe().clock == 0.75);
}

TEST_CASE("a function may run another live engine, whose exceptions are its own") {
    auto inner_config = two_slots();
    inner_config.set_iteration_time([](const batching::iteration &) -> double { throw std::domain_error("inner"); });
    auto inner = one_request(inner_config);
    batching::engine_config config;
    int caught = 0;
    config.set_iteration_time([&](const batching::iteration &iteration) {
        try {
            inner.advance();
        } catch (const std::domain_error &) {
            ++caught;
        }
        if (iteration.number == 2) {
            throw std::out_of_range("outer");
        }
        return 0.25;
    });
    auto engine = one_request(config);
    CHECK_THROWS_WITH_AS(engine.advance(), "outer", std::out_of_range);
    CHECK(caught == 3);
}

TEST_CASE("a live engine can be moved, and what was moved from assigned to") {
    auto engine = lesson();
    engine.advance(0.6);
    batching::live_engine moved = std::move(engine);
    CHECK(moved.observe().running == 2);
    // It has no handle: every call says so, and none is harmful.
    CHECK(engine.get() == nullptr); // NOLINT(bugprone-use-after-move)
    CHECK_THROWS_AS(engine.observe(), batching::invalid_argument);
    CHECK_THROWS_AS(engine.advance(), batching::invalid_argument);
    engine = std::move(moved);
    engine.advance();
    CHECK(engine.observe().finished == 3);
}

TEST_CASE("copies in threads share a function, and keep apart what it throws") {
    constexpr int threads = 2, rounds = 200;
    std::atomic<int> asked{0};
    const std::thread::id no_thread;
    std::array<std::thread::id, threads> thrown_in{};
    std::array<int, threads> caught{};
    {
        batching::engine_config config;
        config.set_iteration_time([&asked](const batching::iteration &iteration) {
            ++asked;
            if (iteration.number % 2 == 1) {
                throw std::this_thread::get_id();
            }
            return 0.25;
        });
        std::vector<batching::live_engine> copies;
        {
            const auto engine = one_request(config);
            for (int each = 0; each < threads; ++each) {
                copies.push_back(engine.fork());
            }
        }
        // What they were copied from, and the config, are gone.
        config = {};
        std::vector<std::thread> running;
        for (std::size_t each = 0; each < threads; ++each) {
            running.emplace_back([&, each] {
                for (int round = 0; round < rounds; ++round) {
                    auto copy = copies[each].fork();
                    try {
                        copy.advance();
                    } catch (const std::thread::id &id) {
                        thrown_in[each] = id;
                        caught[each] += id == std::this_thread::get_id() ? 1 : 0;
                    }
                }
            });
        }
        for (auto &each : running) {
            each.join();
        }
    }
    CHECK(caught == std::array<int, threads>{rounds, rounds});
    const bool in_both = thrown_in[0] != no_thread && thrown_in[0] != thrown_in[1];
    CHECK(in_both);
    CHECK(asked == threads * rounds * 2);
}

TEST_CASE("a copy of a live engine goes its own way") {
    auto engine = lesson();
    engine.advance(0.6);
    auto copy = engine.fork();
    CHECK(copy.poll().empty());
    copy.abort(1);
    copy.advance(0.8);
    CHECK(poll(copy) == std::vector<told>{{0.75, 1, kind::aborted, 2}, {0.75, 2, kind::admitted, 0}});
    CHECK(engine.observe().waiting == 1);
    CHECK(engine.observe().aborted == 0);
    CHECK(engine.poll().size() == 4);
}

TEST_CASE("a live engine goes on from its bytes") {
    // The lesson: 1 is done at 1.0, 2 at 2.25 and 0 at 2.5.
    auto engine = lesson();
    engine.advance(0.6);
    auto bytes = engine.save();
    auto loaded = batching::live_engine::load(bytes);
    CHECK(loaded.save() == bytes);
    CHECK(loaded.observe().clock == 0.6);
    CHECK(loaded.observe().running == 2);
    // Events that were not polled come along.
    CHECK(poll(loaded) == poll(engine));
    loaded.advance(2.3);
    CHECK(poll(loaded) == std::vector<told>{{1.0, 1, kind::finished, 4},
                                            {1.0, 2, kind::admitted, 0},
                                            {1.25, 2, kind::first_token, 1},
                                            {2.25, 2, kind::finished, 5}});
    bytes.back() ^= 1;
    CHECK_THROWS_WITH_AS(batching::live_engine::load(bytes),
                         "bytes are not what was saved, or were changed since: the checksum is wrong",
                         std::invalid_argument);
}

TEST_CASE("a live engine gets its function again with its bytes") {
    auto config = two_slots();
    config.set_iteration_time([](const batching::iteration &) { return 0.25; });
    auto engine = one_request(config);
    engine.advance(0.3);
    const auto bytes = engine.save();
    CHECK_THROWS_WITH_AS(batching::live_engine::load(bytes),
                         "time_callback is NULL: the engine that was saved has one, so it is required",
                         std::invalid_argument);
    // What the caller gave may go; the engine keeps it.
    auto loaded = [&] {
        batching::engine_config slower;
        slower.set_iteration_time([](const batching::iteration &) { return 2.0; });
        return batching::live_engine::load(bytes, slower);
    }();
    // The second iteration, under way, ends at 0.5, and the third takes as long as is said now.
    loaded.advance();
    CHECK(loaded.observe().clock == 2.5);
}

TEST_CASE("errors of a live engine are exceptions that say why") {
    auto engine = lesson();
    engine.advance(0.5);
    CHECK(refusal([&] { engine.submit(7, 1, 1, 0.25); }) ==
          "arrival_time[0] is 0.25: must not be before the clock of the engine, which is at 0.5 seconds");
    CHECK(refusal([&] { engine.submit(0, 1, 1); }) == "ids[0] is 0: must not be the id of a request in flight");
    CHECK(refusal([&] { engine.abort(7); }) == "request is 7: must be the id of a request in flight");
    CHECK(refusal([&] { engine.set_output_length(0, 0); }) == "output_length is 0: must be at least 1");
    CHECK(refusal([&] { engine.advance(-1.0); }).find("time is -1.0: must be between 0") == 0);
    CHECK(refusal([&] { engine.advance(1.0, 0); }).find("iterations is 0") == 0);
    CHECK(refusal([&] { engine.estimate(1, 0); }) == "output_length[0] is 0: must be at least 1");
    CHECK(engine.observe().submitted == 3);
    batching::engine_config config;
    config.iteration_limit = 5;
    CHECK(refusal([&] { batching::live_engine{config}; }).find("iteration_limit is 5: must be 0 for a live engine") ==
          0);

    // 2 x 5e9 s are beyond the clock; from then on it can only be looked at.
    config = two_slots();
    config.set_iteration_time(5e9);
    auto endless = lesson(config);
    CHECK_THROWS_AS(endless.advance(), batching::overflow_error);
    CHECK_THROWS_AS(endless.fork(), batching::overflow_error);
    CHECK(endless.observe().running == 2);
    CHECK(endless.poll().size() == 4);
}

TEST_CASE("an estimate with hash ids finds the prompt in the cache") {
    // 64 tokens are four blocks, of which the last must leave a token to compute: three are found, 16 tokens are left.
    batching::engine_config config;
    config.num_gpu_blocks = 101;
    config.enable_prefix_caching = true;
    batching::affine_time time;
    time.per_prefill_token = 0.25;
    config.set_iteration_time(time);
    batching::live_engine engine(config);
    const std::vector<std::int32_t> prompt{64}, output{1}, prompts{64, 64}, outputs{1, 1};
    const std::vector<std::int64_t> ids{1, 2, 3, 4}, offsets{0, 4}, both{1, 2, 3, 4, 9, 9, 9, 9}, both_offsets{0, 4, 8};
    batching::requests_view sent{prompt, output, {}};
    sent.set_hashes(ids, offsets);
    engine.submit(sent);
    engine.advance();
    batching::requests_view asked{prompts, outputs, {}};
    asked.set_hashes(both, both_offsets);
    const auto told = engine.estimate(asked);
    REQUIRE(told.size() == 2);
    CHECK(told[0].ttft == 16 * 0.25);
    CHECK(told[1].ttft == 64 * 0.25);
    CHECK(told[1].end_time == told[1].start_time + 64 * 0.25);
    CHECK(engine.estimate(64, 1).ttft == 64 * 0.25);
}
