// A scheduler of your own against vLLM's: a fair share for each tenant, by the Virtual Token Counter (VTC; Sheng et
// al., "Fairness in Serving Large Language Models", OSDI 2024).
//
//     c++ -std=c++17 policy.cpp -o policy $(pkg-config --cflags --libs batching)
//
// A counter for each tenant adds up what it was served: one for a prompt token, two for an output token. Of the
// requests that wait, those of the tenant with the least go first. A tenant that had nothing to do is lifted to the
// least of those that have, so that it saves up no claim.
//
// policy.expected: the requests, the replica and the policy are those of examples/python/policy.py, and so are the
// numbers. Tenant 0 sends ten requests for each one of tenant 1. First come, first served, both wait in one queue, as
// long for one as for the other. Under VTC the light tenant, which asks for less than half of what is served, waits for
// little more than a free slot; the heavy one waits for its own requests, and hardly longer than before. No
// request is preempted and no slot is left empty, so that the end and the throughput stay.
#include <batching.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <numeric>

namespace {

constexpr double input_weight = 1.0, output_weight = 2.0;

std::size_t tenant_of(std::int64_t request) {
    return request % 11 == 10 ? 1 : 0;
}

class virtual_token_counter {
  public:
    void operator()(const batching::policy_view &view, batching::policy_decision &decision) {
        lift(view);
        // The running first: every request that decodes, and the prompt that the budget has cut, if there is one.
        auto budget = view->max_num_batched_tokens;
        decision->decode_rest = 1;
        for (std::int64_t row = 0; row < view->running_count; ++row) {
            if (view.uncomputed_tokens(row) == 1) {
                budget -= 1;
                counters_[tenant_of(view->request[row])] += output_weight;
            }
        }
        for (std::int64_t row = 0; row < view->running_count; ++row) {
            if (view.uncomputed_tokens(row) > 1) {
                budget -= compute(decision, row, std::min(view.uncomputed_tokens(row), budget));
            }
        }
        // Then the waiting, each time of the tenant with the least counter.
        std::array<std::deque<std::int64_t>, 2> queues;
        for (std::int64_t row = view->running_count; row < view->count; ++row) {
            queues[tenant_of(view->request[row])].push_back(row);
        }
        auto slots = view->max_num_seqs - view->running_count;
        for (; budget > 0 && slots > 0 && !(queues[0].empty() && queues[1].empty()); --slots) {
            const bool second = queues[0].empty() || (!queues[1].empty() && counters_[1] < counters_[0]);
            const std::size_t tenant = second ? 1 : 0;
            const auto row = queues[tenant].front();
            queues[tenant].pop_front();
            // And for the first output token, which the prompt yields.
            counters_[tenant] += input_weight * view->prompt_tokens[row] + output_weight;
            budget -= compute(decision, row, std::min(view.uncomputed_tokens(row), budget));
        }
    }

  private:
    static std::int64_t compute(batching::policy_decision &decision, std::int64_t row, std::int64_t tokens) {
        if (tokens > 0) {
            decision.schedule(row, tokens);
        }
        return tokens;
    }

    void lift(const batching::policy_view &view) {
        std::array<bool, 2> has_requests = {false, false};
        for (std::int64_t row = 0; row < view->count; ++row) {
            has_requests[tenant_of(view->request[row])] = true;
        }
        for (const std::size_t tenant : {0, 1}) {
            if (has_requests[tenant] && !had_requests_[tenant] && had_requests_[1 - tenant]) {
                counters_[tenant] = std::max(counters_[tenant], counters_[1 - tenant]);
            }
        }
        had_requests_ = has_requests;
    }

    std::array<double, 2> counters_ = {0.0, 0.0};
    std::array<bool, 2> had_requests_ = {false, false};
};

void report(const char *name, const batching::requests &trace, const batching::engine_config &config) {
    const auto run = batching::simulate(trace, config);
    std::array<double, 2> sums = {0.0, 0.0};
    std::array<int, 2> counts = {0, 0};
    for (std::size_t request = 0; request < trace.arrival_time.size(); ++request) {
        const auto tenant = tenant_of(static_cast<std::int64_t>(request));
        sums[tenant] += run.results.end_time[request] - trace.arrival_time[request];
        ++counts[tenant];
    }
    std::printf("%-5s mean E2E: the heavy tenant %5.2f s, the light one %5.2f s\n", name, sums[0] / counts[0],
                sums[1] / counts[1]);
    std::printf("      all of it served after %.1f s, throughput %.0f tokens/s\n", run.summary.total_time,
                run.summary.throughput);
}

} // namespace

int main() {
    try {
        batching::workload kind;
        kind.seed = 3;
        kind.arrival_rate = 22.0;
        kind.prompt_length_min = kind.prompt_length_max = 200;
        kind.output_length_min = kind.output_length_max = 100;
        const auto trace = batching::generate_workload(660, kind);

        batching::engine_config config;
        config.max_num_seqs = 16;
        config.set_iteration_time(batching::affine_time{0.008, 20e-6, 100e-6});
        report("vllm", trace, config);
        config.set_policy_callback(virtual_token_counter());
        report("VTC", trace, config);
        return EXIT_SUCCESS;
    } catch (const batching::error &error) {
        std::fprintf(stderr, "%s: %s\n", batching_status_name(error.status()), error.what());
        return EXIT_FAILURE;
    }
}
