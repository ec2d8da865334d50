// Static against continuous batching on a generated workload: 200 requests at 2.5 a second, 8 at a time: more than
// static batching can take, and less than continuous batching can.
//
//     c++ -std=c++17 compare.cpp -o compare $(pkg-config --cflags --libs batching)
//
// compare.expected: the same seed gives the same requests everywhere, and Tests/c/oracle.c, which walks every request
// through every iteration, gives these numbers for them.
#include <batching.hpp>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr int BATCH_SIZE = 8;
constexpr double TIME_PER_TOKEN = 0.01;

void print(const char *policy, const batching::requests &requests, const batching::simulation &run) {
    const auto metrics = batching::calculate_batch_metrics(run.completed(requests), run.summary.total_time);
    std::printf(
        "%-10s  %6.1f tokens/s  latency mean %6.2f s  p50 %6.2f s  p99 %6.2f s  first token %6.2f s  total %.2f s\n",
        policy, metrics.throughput, metrics.avg_latency, metrics.p50_latency, metrics.p99_latency,
        metrics.avg_time_to_first_token, run.summary.total_time);
}

} // namespace

int main() {
    try {
        batching::workload kind;
        kind.seed = 7;
        kind.arrival_rate = 2.5;
        const auto requests = batching::generate_workload(200, kind);

        const auto static_run = batching::static_batch_simulation(requests, BATCH_SIZE, TIME_PER_TOKEN);
        const auto continuous_run = batching::continuous_batch_simulation(requests, BATCH_SIZE, TIME_PER_TOKEN);
        print("static", requests, static_run);
        print("continuous", requests, continuous_run);

        const auto comparison = batching::compare_batching_strategies(requests, BATCH_SIZE, TIME_PER_TOKEN);
        std::printf("continuous wins: throughput x %.2f, mean latency / %.2f\n", comparison.throughput_improvement,
                    comparison.latency_improvement);
        return EXIT_SUCCESS;
    } catch (const batching::error &error) {
        std::fprintf(stderr, "%s: %s\n", batching_status_name(error.status()), error.what());
        return EXIT_FAILURE;
    }
}
