// Models and GPUs by name, and what follows for a model on a GPU.
#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include <batching.hpp>

TEST_CASE("all GPUs and models are there, and are found by their names") {
    const auto gpus = batching::gpus();
    CHECK(gpus.size() == 25);
    CHECK(batching::find_gpu(gpus.back().name).memory_bytes == gpus.back().memory_bytes);
    const auto models = batching::models();
    CHECK(models.size() == 31);
    CHECK(batching::find_model(models.front().name).hidden_size == models.front().hidden_size);
    CHECK(batching::find_model("meta-llama/Llama-3.1-8B-Instruct").name == std::string("Llama-3.1-8B"));
}

TEST_CASE("a name that is not there is told with those that are near") {
    CHECK_THROWS_WITH_AS(
        batching::find_gpu("H100-SMX"),
        "name is \"H100-SMX\": must be one of the catalogue's 25 GPUs; near it are H100-SXM, H100-NVL, "
        "H200-SXM, H100-PCIe",
        batching::invalid_argument);
    CHECK_THROWS_AS(batching::find_model("none"), batching::invalid_argument);
}

TEST_CASE("a deployment has memory and times") {
    const auto model = batching::find_model("Llama-3.1-8B");
    const auto gpu = batching::find_gpu("H100-SXM");
    batching::deployment deployment(model, gpu);
    deployment.weight_dtype = batching::dtype::fp8;
    const auto memory = batching::calculate_memory(deployment);
    CHECK(memory.parameters == 8030261248.0);
    CHECK(memory.kv_bytes_per_token == 131072.0);
    CHECK(memory.num_gpu_blocks > 0);
    const auto times = batching::calculate_roofline(deployment);
    CHECK(times.linear_bytes == 32 * (41943040.0 + 3.0 * 4096 * 14336));
    CHECK(times.gemm_share == 0.6);
    batching::engine_config config;
    config.time_model = batching::time_model::roofline;
    config.time_roofline = &times;
    batching::requests requests({}, {2}, {});
    CHECK(batching::simulate(requests, config).summary.finished == 1);
    deployment.tensor_parallel = 3;
    CHECK_THROWS_WITH_AS(batching::calculate_memory(deployment),
                         "deployment.tensor_parallel is 3: must be a power of two from 1 to 1024",
                         batching::invalid_argument);
}

// It borrows the two, so that neither may be gone at once.
static_assert(!std::is_constructible_v<batching::deployment, batching::model, const batching::gpu &>);
static_assert(!std::is_constructible_v<batching::deployment, const batching::model &, batching::gpu>);
