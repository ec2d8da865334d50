// What if a deployment that was calibrated ran more requests at once? Reads a profile that `batching calibrate -o
// profile.json` wrote, or takes one that stands here.
//
//     c++ -std=c++17 profile.cpp -o profile $(pkg-config --cflags --libs batching)
//     ./profile profile.json
//
// By hand, for the one that stands here: 8 requests of 100 prompt tokens and 2 output tokens come at once. With one at once,
// each takes 8 + 100 x 0.02 = 10 ms to its first token, and 8.1 ms to its second: the last has its first token after
// 7 x 18.1 + 10 = 136.7 ms. With 8 at once all are prefilled in one iteration of 8 + 800 x 0.02 = 24 ms.
#include <batching.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

const std::string built_in = R"({"format": "batching profile", "version": 1, "model": "Llama-3.1-8B", "gpu": "L4",
    "iteration_time": {"base": 0.008, "per_prefill_token": 2e-5, "per_decode_token": 1e-4}})";

int main(int argc, char **argv) {
    std::string text = built_in;
    if (argc > 1) {
        std::ifstream file(argv[1], std::ios::binary);
        text.assign(std::istreambuf_iterator<char>(file), {});
    }
    try {
        const batching::profile profile(text);
        auto config = profile.engine_config();
        const batching::requests requests(std::vector<std::int32_t>(8, 100), std::vector<std::int32_t>(8, 2), {});
        std::printf("%s on %s\n", profile.facts().model, profile.facts().gpu);
        for (const int at_once : {1, 8}) {
            config.max_num_seqs = at_once;
            const auto run = batching::simulate(requests, config);
            const auto &first = run.results.first_token_time;
            const auto last = *std::max_element(first.begin(), first.end());
            std::printf("%d at once: the last TTFT is %.1f ms\n", at_once, 1e3 * last);
        }
    } catch (const batching::invalid_argument &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
