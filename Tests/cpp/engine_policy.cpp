// A policy of the caller's: a lambda that decides which requests compute how many tokens.
#include "engine_cases.hpp"

#include <doctest/doctest.h>
#include <memory>

namespace {

/// Not a std::exception: any object can be thrown.
struct another_opinion {};

using decide = batching::custom_policy;
static_assert(std::is_constructible_v<decide, void (*)(const batching::policy_view &, batching::policy_decision &)>);
static_assert(std::is_constructible_v<decide, bool (*)(const batching::policy_view &, batching::policy_decision &)>);
// In C, 0 goes on and 1 stops.
static_assert(!std::is_constructible_v<decide, int (*)(const batching::policy_view &, batching::policy_decision &)>);
static_assert(!std::is_constructible_v<decide, void (*)(const batching::policy_view &)>);

batching::engine_config asking(batching::custom_policy policy) {
    auto config = four_blocks();
    config.policy = batching::policy::custom;
    config.set_policy_callback(policy);
    return config;
}

/// The running first, the last of them preempted if there are not enough blocks; then the waiting ones that there is room for.
void first_come(const batching::policy_view &view, batching::policy_decision &decision) {
    auto free = view->kv_blocks_free;
    auto kept = view->running_count;
    const auto needed = [&view](std::int64_t row) { return view.kv_blocks_needed(row, view.uncomputed_tokens(row)); };
    const auto needed_by = [&](std::int64_t rows) {
        std::int64_t sum = 0;
        for (std::int64_t row = 0; row < rows; ++row) {
            sum += needed(row);
        }
        return sum;
    };
    while (needed_by(kept) > free) {
        decision.preempt(--kept);
        free += view->kv_blocks[kept];
    }
    free -= needed_by(kept);
    for (std::int64_t row = 0; row < kept; ++row) {
        decision.schedule(row, view.uncomputed_tokens(row));
    }
    for (auto row = view->running_count; kept == view->running_count && row < view->count; ++row) {
        if (needed(row) > free) {
            break;
        }
        free -= needed(row);
        decision.schedule(row, view.uncomputed_tokens(row));
    }
}

} // namespace

TEST_CASE("a lambda that decides as vllm does gives the same bits") {
    const auto requests = two_requests();
    const auto vllm = batching::simulate(requests, four_blocks());
    const auto own = batching::simulate(requests, asking(first_come));
    CHECK(engine_case(own) == engine_case(vllm));
    CHECK(own.summary.preemptions == 1);
}

TEST_CASE("a policy may keep a state, and be moved only") {
    auto calls = std::make_unique<int>(0);
    int *const counted = calls.get();
    const auto config =
        asking([calls = std::move(calls)](const batching::policy_view &view, batching::policy_decision &decision) {
            ++*calls;
            first_come(view, decision);
        });
    const auto run = batching::simulate(two_requests(), config);
    CHECK(*counted == run.summary.iterations);
}

TEST_CASE("what a policy throws comes out of the call") {
    const auto config =
        asking([](const batching::policy_view &, batching::policy_decision &) { throw another_opinion(); });
    CHECK_THROWS_AS(batching::simulate(two_requests(), config), another_opinion);
}

TEST_CASE("a policy that returns false stops the run") {
    const auto config = asking([](const batching::policy_view &, batching::policy_decision &) { return false; });
    CHECK_THROWS_WITH_AS(batching::simulate(two_requests(), config),
                         "policy_callback returned false: the run was stopped", batching::cancelled);
}

TEST_CASE("a decision that is not valid is refused with a sentence") {
    const auto refused = [](batching::custom_policy policy) {
        return refusal([&] { batching::simulate(two_requests(), asking(policy)); });
    };
    CHECK(refused([](const batching::policy_view &, batching::policy_decision &decision) {
              decision.schedule(7, 1);
          }) == "the policy's answer for iteration 0: scheduled_row[0] is 7: must be at least 0 and less than the "
                "number of rows of the view, 2");
    // 2^32 + 1 is not 1.
    CHECK(refused([](const batching::policy_view &, batching::policy_decision &decision) {
              decision.schedule(0, 4294967297);
          }) ==
          "the policy's answer for iteration 0: scheduled_tokens[0] is 2147483647: must be between 1 and the 3 that "
          "request 0 has yet to compute");
    CHECK(refused([](const batching::policy_view &, batching::policy_decision &decision) {
              for (int i = 0; i < 3; ++i) {
                  decision.preempt(0);
              }
          }) == "a row more than there are is preempted: must be at most 2");
    CHECK(refused([](const batching::policy_view &, batching::policy_decision &decision) {
              decision->decode_rest = 3;
          }) == "the policy's answer for iteration 0: decode_rest is 3: must be 0 or 1");
}

TEST_CASE("a request that was preempted finds what it had computed") {
    // A prompt of five tokens and the token that follows it fill three blocks of two; one token has to be computed.
    batching::requests requests;
    requests.prompt_length = {5};
    requests.output_length = {3};
    std::vector<std::int64_t> found, unshared;
    auto config = asking([&](const batching::policy_view &view, batching::policy_decision &decision) {
        const auto hit = view.look_up(0);
        found.push_back(hit.cached_tokens);
        unshared.push_back(hit.unshared_kv_blocks);
        if (view->iteration == 1) {
            decision.preempt(0);
        } else {
            decision.schedule(0, view.uncomputed_tokens(0) - hit.cached_tokens);
        }
        CHECK(refusal([&view] { view.look_up(1); }) ==
              "rows[0] is 1: must be at least 0 and less than the number of rows of the view, 1");
    });
    config.enable_prefix_caching = 1;
    const auto run = batching::simulate(requests, config);
    CHECK(found == std::vector<std::int64_t>{0, 0, 4, 0});
    CHECK(unshared == std::vector<std::int64_t>{0, 3, 2, 3});
    CHECK(run.summary.prefill_tokens == 5 + 2);
    CHECK(run.summary.recomputed_tokens == 1);
}

TEST_CASE("a policy that is missing is named") {
    auto config = four_blocks();
    config.policy = batching::policy::custom;
    CHECK(refusal([&] { batching::simulate(two_requests(), config); }) == "policy_callback is NULL: it is required");
}
