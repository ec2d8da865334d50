// Routers: an owner of its handle, which says what the C functions say.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "batching.hpp"

using batching::router_config;
using batching::router_name;
using batching::routing_request;

TEST_CASE("a router spreads requests, and counts them until they have finished") {
    batching::router router(router_config(router_name::least_requests, 2));
    CHECK(router.workers() == 2);
    CHECK(router.route(routing_request(7, 0.0, 100)) == 0);
    CHECK(router.route(routing_request(8, 0.0, 50)) == 1);
    CHECK(router.route(routing_request(9)) == 0);
    router.first_token(7, 0.5);
    const auto load = router.load();
    CHECK(load.requests == std::vector<std::int64_t>{2, 1});
    CHECK(load.prefill_tokens == std::vector<std::int64_t>{0, 50});
    CHECK(load.waiting == 0);
    router.finished(7, 1.0);
    router.finished(9, 1.0);
    const auto explained = router.explain(routing_request(10));
    CHECK(explained.allowed == std::vector<bool>{true, false});
    CHECK(explained.score == std::vector<double>{0.0, 1.0});
    router.set_worker(0, false, 2.0);
    CHECK(router.route(routing_request(10)) == 1);
    CHECK(!router.release());
}

TEST_CASE("a prompt goes where its beginning is known") {
    batching::router router(router_config(router_name::cache_aware, 3));
    const std::string prompt = "Once upon a time there was a router.", longer = prompt + " It";
    router.book(routing_request(1).set_text(prompt), 2);
    CHECK(router.route(routing_request(2).set_text(longer)) == 2);
    const std::vector<std::uint64_t> ids{1, 2, 3, 4}, more{1, 2, 3, 4, 5};
    router.book(routing_request(3).set_hash_ids(ids), 1);
    CHECK(router.route(routing_request(4).set_hash_ids(more)) == 1);
    router.evict(0);
}

TEST_CASE("what workers tell is looked at") {
    router_config config(router_name::scorers, 2);
    const std::array<std::int32_t, 1> scorer{batching::scorer::queue};
    config.scorer = scorer.data();
    config.scorer_count = 1;
    batching::router router(config);
    const std::array<std::int64_t, 2> waiting{5, 3};
    router.observe(batching::worker_metrics_view().set_waiting(waiting));
    // Linear from the most, 0, to the fewest, 1.
    CHECK(router.explain(routing_request(1)).score == std::vector<double>{0.0, 1.0});
    CHECK(router.route(routing_request(1)) == 1);
    const std::array<std::int64_t, 3> three{1, 2, 3};
    CHECK_THROWS_WITH_AS(router.observe(batching::worker_metrics_view().set_waiting(three)),
                         "metrics.count is 3: must be the workers of the router, which are 2",
                         batching::invalid_argument);
}

TEST_CASE("requests wait while all workers are busy") {
    router_config config(router_name::dynamo_kv, 1);
    config.queue_threshold = 1.0;
    config.max_num_batched_tokens = 100;
    batching::router router(config);
    CHECK(router.route(routing_request(1, 0.0, 150)) == 0);
    CHECK(router.route(routing_request(2, 0.1, 10)) == std::nullopt);
    CHECK(router.load().waiting == 1);
    CHECK(!router.release());
    router.first_token(1, 0.2);
    const auto released = router.release();
    REQUIRE(released);
    CHECK(released->request == 2);
    CHECK(released->worker == 0);
    CHECK(!router.release());
    router.output_block(1, 0.5);
    router.output_block(1);
    const std::vector<std::uint64_t> ids{1, 2};
    router.stored(0, ids, 1);
    router.removed(0, ids);
}

TEST_CASE("a copy goes on by itself") {
    batching::router router(router_config(router_name::round_robin, 3));
    CHECK(router.route(routing_request(1)) == 0);
    batching::router copy = router.fork();
    CHECK(copy.workers() == 3);
    // The second has its turn in both.
    CHECK(copy.route(routing_request(2)) == 1);
    CHECK(copy.route(routing_request(3)) == 2);
    CHECK(router.route(routing_request(2)) == 1);
    CHECK(router.load().requests == std::vector<std::int64_t>{1, 1, 0});
    router = std::move(copy);
    CHECK(router.load().requests == std::vector<std::int64_t>{1, 1, 1});
}

TEST_CASE("errors are exceptions, and leave a router as it is") {
    CHECK_THROWS_WITH_AS(batching::router(router_config(router_name::random, 0)), "workers is 0: must be in 1..65536",
                         batching::invalid_argument);
    batching::router router(router_config(router_name::round_robin, 2));
    CHECK(router.route(routing_request(1)) == 0);
    CHECK_THROWS_WITH_AS(router.route(routing_request(1)), "request is 1: must be an id that is not in flight",
                         batching::invalid_argument);
    CHECK_THROWS_AS(router.finished(2), batching::invalid_argument);
    batching::router moved = std::move(router);
    CHECK(moved.route(routing_request(2)) == 1);
    CHECK(moved.get() != nullptr);
}
