// What two routers would do with the same requests: NVIDIA Dynamo's, which knows from KV events what replicas hold, and
// one that only counts.
//
//     c++ -std=c++17 routing.cpp -o routing $(pkg-config --cflags --libs batching)
//
// routing.expected: each prompt has 64 tokens, four blocks of 16. Replica 1 has stored all of the first prompt. Dynamo's
// router counts blocks: on replica 0 the first costs 4 of prefill and 4 in use, on replica 1 only the 4 in use. Of the
// second nothing is cached: 8 on replica 0; on replica 1, too, 4 to prefill and 4 in use, beside the 4 of the first.
#include <cstdint>
#include <cstdio>
#include <vector>

#include <batching.hpp>

int main() {
    using batching::router_name;
    batching::router dynamo(batching::router_config(router_name::dynamo_kv, 2));
    batching::router least(batching::router_config(router_name::least_requests, 2));
    const std::vector<std::uint64_t> prompts[] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
    dynamo.stored(1, prompts[0]);

    for (std::int64_t id = 0; id < 2; id++) {
        const auto request = batching::routing_request(id, 0.0, 64).set_hash_ids(prompts[id]);
        const auto costs = dynamo.explain(request).score;
        const auto with_dynamo = dynamo.route(request).value(), counted = least.route(request).value();
        std::printf("request %lld: dynamo_kv costs %g and %g: replica %lld; least_requests: replica %lld\n",
                    static_cast<long long>(id), costs[0], costs[1], static_cast<long long>(with_dynamo),
                    static_cast<long long>(counted));
    }
}
