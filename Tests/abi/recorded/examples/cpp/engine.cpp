// How a replica fares when its KV memory is halved: vLLM's scheduler on one trace, with an iteration-time model of our
// own, and the log of its iterations.
//
//     c++ -std=c++17 engine.cpp -o engine $(pkg-config --cflags --libs batching)
//
// engine.expected: the requests and the model are those of examples/c/engine.c, and so are the numbers that both print.
// The slow engine of the tests, which walks every request through every iteration, gives these numbers.
#include <batching.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

batching::requests generate_trace() {
    batching::workload kind;
    kind.seed = 7;
    kind.arrival_rate = 5.0;
    kind.prompt_length_min = 100;
    kind.prompt_length_max = 1500;
    kind.output_length_min = 50;
    kind.output_length_max = 450;
    return batching::generate_workload(300, kind);
}

// Seconds in which a request had to wait.
double time_with_queue(const batching::iteration_log &log) {
    double seconds = 0.0;
    for (std::size_t row = 0; row < log.size(); ++row) {
        seconds += log.waiting[row] > 0 ? log.duration[row] : 0.0;
    }
    return seconds;
}

void report(const batching::requests &trace, const batching::engine_config &config) {
    const auto run = batching::simulate(trace, config, {/* iterations */ true});
    const auto metrics = batching::calculate_batch_metrics(run.completed(trace), run.summary.total_time);
    std::printf("%d blocks: mean TTFT %.2f s, p99 E2E %.2f s, %d preemptions\n",
                static_cast<int>(config.num_gpu_blocks), metrics.avg_time_to_first_token, metrics.p99_latency,
                static_cast<int>(run.summary.preemptions));

    const auto &log = run.iteration_log;
    std::printf("  %d iterations, up to %d requests in one, a queue for %.0f of %.0f s\n", static_cast<int>(log.size()),
                static_cast<int>(*std::max_element(log.running.begin(), log.running.end())), time_with_queue(log),
                run.summary.duration);
    const auto first =
        std::find_if(log.preemptions.begin(), log.preemptions.end(), [](auto count) { return count > 0; });
    if (first != log.preemptions.end()) {
        const auto row = static_cast<std::size_t>(first - log.preemptions.begin());
        std::printf("  the first preemption comes after %.1f s\n", log.time[row]);
    }
}

} // namespace

int main() {
    try {
        const auto trace = generate_trace();
        batching::engine_config config;
        config.max_num_seqs = 32;
        // An iteration reads the weights in 8 ms, and computes 20,000 prompt tokens a second.
        config.set_iteration_time([](const batching::iteration &iteration) {
            return 0.008 + 50e-6 * static_cast<double>(iteration.prefill_tokens) +
                   100e-6 * static_cast<double>(iteration.decode_tokens);
        });
        for (const int blocks : {2000, 1000}) {
            config.num_gpu_blocks = blocks;
            report(trace, config);
        }
        return EXIT_SUCCESS;
    } catch (const batching::error &error) {
        std::fprintf(stderr, "%s: %s\n", batching_status_name(error.status()), error.what());
        return EXIT_FAILURE;
    }
}
