// On which GPUs does Llama-3.1-70B fit in fp8, and for how many conversations of 8,192 tokens is there room?
//
//     c++ -std=c++17 deployment.cpp -o deployment $(pkg-config --cflags --libs batching)
//
// By hand, on two H100: of 0.9 x (81,559 - 479) MiB each, weights take 36.3 GB (half of 68.45 billion parameters of layers
// of one byte, half of embedding and output head of two, and the norms), hidden states 16,384 x 2,304 bytes, logits 38 x 256
// x 128,256, libraries and communication 600 MB. A block has 16 x 80 x 2 x 4 x 128 x 2 bytes: 14,610 of them are left, and
// a conversation takes 512.
#include <batching.hpp>

#include <cstdio>
#include <cstdlib>
#include <utility>

int main() {
    const auto model = batching::find_model("Llama-3.1-70B");
    for (const auto &[name, gpus] : {std::pair{"H100", 1}, {"H100", 2}, {"H200", 1}, {"A100-80-SXM", 4}, {"L40S", 4}}) {
        const auto gpu = batching::find_gpu(name);
        batching::deployment deployment(model, gpu);
        deployment.tensor_parallel = gpus;
        deployment.weight_dtype = batching::dtype::fp8;
        const auto memory = batching::calculate_memory(deployment);
        std::printf("%d x %-11s %5lld blocks, %3lld conversations, ridge point %.0f FLOPs/byte\n", gpus, gpu.name,
                    static_cast<long long>(memory.num_gpu_blocks), static_cast<long long>(memory.num_gpu_blocks / 512),
                    memory.ridge_point);
    }
    try {
        batching::find_gpu("H100-SMX");
    } catch (const batching::invalid_argument &error) {
        std::printf("%s\n", error.what());
    }
    return EXIT_SUCCESS;
}
