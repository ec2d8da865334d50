// The engine over views and with results of its own: it gives what the C function gives, and refuses columns of sizes
// that contradict each other.
#include "engine_cases.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <limits>
#include <random>

namespace {

/// The call in C.
engine_case in_c(const batching_engine_config *config, const batching::requests &given) {
    batching_requests requests;
    batching_requests_init(&requests, sizeof requests);
    requests.count = static_cast<std::int64_t>(given.output_length.size());
    requests.prompt_length = given.prompt_length.data();
    requests.output_length = given.output_length.data();
    requests.arrival_time = given.arrival_time.data();
    requests.priority = given.priority.empty() ? nullptr : given.priority.data();
    requests.tie_break = given.tie_break.empty() ? nullptr : given.tie_break.data();
    requests.hash_ids = given.hash_ids.empty() ? nullptr : given.hash_ids.data();
    requests.hash_offsets = given.hash_ids.empty() ? nullptr : given.hash_offsets.data();
    requests.hash_block_size = given.hash_block_size;
    requests.hash_covers_output = given.hash_covers_output;
    requests.max_tokens = given.max_tokens.empty() ? nullptr : given.max_tokens.data();
    requests.abort_time = given.abort_time.empty() ? nullptr : given.abort_time.data();
    engine_case run(given.output_length.size());
    batching_results results;
    batching_results_init(&results, sizeof results);
    results.capacity = requests.count;
    results.start_time = run.start_time.data();
    results.first_token_time = run.first_token_time.data();
    results.end_time = run.end_time.data();
    results.tokens_generated = run.tokens_generated.data();
    results.completion_order = run.completion_order.data();
    results.preemptions = run.preemptions.data();
    results.prefix_cached_tokens = run.prefix_cached_tokens.data();
    results.status = run.status.data();
    batching_summary_init(&run.summary, sizeof run.summary);
    REQUIRE(batching_simulate(config, &requests, &results, &run.summary) == BATCHING_OK);
    return run;
}

batching_engine_config c_defaults() {
    batching_engine_config config;
    batching_engine_config_init(&config, sizeof config);
    return config;
}

/// Requests that share prefixes, of a few blocks of 4 tokens each. Some answers end early, and some clients leave.
batching::requests random_requests(std::mt19937 &random) {
    const auto below = [&random](std::uint32_t bound) { return static_cast<std::int32_t>(random() % bound); };
    batching::requests requests;
    requests.hash_offsets.push_back(0);
    requests.hash_block_size = 4;
    for (int index = 0; index < 40; ++index) {
        const std::int32_t blocks = below(5);
        requests.prompt_length.push_back(4 * blocks + below(4));
        requests.output_length.push_back(1 + below(20));
        requests.arrival_time.push_back(0.01 * below(50));
        requests.priority.push_back(below(3));
        requests.tie_break.push_back(below(1000));
        requests.max_tokens.push_back(requests.output_length.back() + below(3));
        requests.abort_time.push_back(below(4) == 0 ? requests.arrival_time.back() + 0.01 * below(30)
                                                    : std::numeric_limits<double>::quiet_NaN());
        // Chained: an id names its conversation and its place.
        const std::int64_t conversation = below(4);
        for (std::int32_t block = 0; block < blocks; ++block) {
            requests.hash_ids.push_back(conversation * 100 + block);
        }
        requests.hash_offsets.push_back(static_cast<std::int64_t>(requests.hash_ids.size()));
    }
    return requests;
}

} // namespace

static_assert(std::is_same_v<std::underlying_type_t<batching::policy::value>, std::int32_t>);
static_assert(std::is_same_v<std::underlying_type_t<batching::queue_order::value>, std::int32_t>);
static_assert(std::is_same_v<std::underlying_type_t<batching::request_status::value>, std::int32_t>);
static_assert(std::is_same_v<std::underlying_type_t<batching::end_reason::value>, std::int32_t>);
static_assert(std::is_same_v<std::underlying_type_t<batching::event::value>, std::int32_t>);

TEST_CASE("what was evicted is loaded from host memory") {
    // Blocks of 4 tokens and 400 bytes, of which the GPU holds four. The first request has two full blocks, the second takes
    // all that the GPU has, the third begins as the first: 800 bytes take 2 s.
    batching::requests requests;
    requests.prompt_length = {8, 16, 9};
    requests.output_length = {1, 1, 1};
    requests.arrival_time = {0.0, 1.0, 4.0};
    requests.hash_ids = {1, 2, 11, 12, 13, 14, 1, 2};
    requests.hash_offsets = {0, 2, 6, 8};
    batching::engine_config config;
    config.set_iteration_time(1.0);
    config.num_gpu_blocks = 5;
    config.block_size = 4;
    config.enable_prefix_caching = 1;
    {
        batching::kv_offload tiers;
        tiers.host_tokens = 400;
        tiers.host_read_bandwidth = tiers.host_write_bandwidth = 400;
        tiers.kv_bytes_per_token = 100;
        config.set_kv_offload(tiers);
    }
    const batching::engine_config copy = config;
    const auto run = batching::simulate(requests, copy);
    CHECK(run.results.end_time == std::vector<double>{1.0, 2.0, 6.0});
    CHECK(run.results.prefix_cached_tokens == std::vector<std::int32_t>{0, 0, 8});
    CHECK(run.summary.host_kv_hits == 8);
    CHECK(run.summary.kv_load_time == 2.0);
}

TEST_CASE("when blocks run out the last admitted is preempted, and computes its tokens again") {
    const auto run = batching::simulate(two_requests(), four_blocks());
    // The first keeps its 3 blocks until it ends with iteration 3; the second, which lost its blocks in iteration 2
    // with 2 of its tokens generated, computes its 5 known tokens in iteration 4, for the third, and has its fourth
    // in 5.
    CHECK(run.results.start_time == std::vector<double>{0.0, 0.0});
    CHECK(run.results.first_token_time == std::vector<double>{1.0, 1.0});
    CHECK(run.results.end_time == std::vector<double>{4.0, 6.0});
    CHECK(run.results.tokens_generated == std::vector<std::int32_t>{4, 4});
    CHECK(run.results.completion_order == std::vector<std::int64_t>{0, 1});
    CHECK(run.results.preemptions == std::vector<std::int32_t>{0, 1});
    CHECK(run.results.prefix_cached_tokens == std::vector<std::int32_t>{0, 0});
    CHECK(run.results.status == std::vector<std::int32_t>(2, batching::request_status::finished));
    CHECK(run.summary.end_reason == batching::end_reason::completed);
    CHECK(run.summary.iterations == 6);
    CHECK(run.summary.total_time == 6.0);
    CHECK(run.summary.preemptions == 1);
    CHECK(run.summary.peak_kv_use == 1.0);
    CHECK(run.iteration_log.size() == 0);
    CHECK(run.decision_log.size() == 0);

    const auto finished = run.completed(two_requests());
    CHECK(finished.end_time == std::vector<double>{4.0, 6.0});
    // Latencies 4 and 6.
    CHECK(batching::calculate_batch_metrics(finished, run.summary.total_time).avg_latency == 5.0);
}

TEST_CASE("the engine writes into the caller's columns") {
    std::array<std::int32_t, 2> status{batching::request_status::stuck, batching::request_status::stuck};
    std::vector<std::int32_t> preemptions(3, -1), prefix_cached_tokens(2, -1);
    batching::results_view results;
    results.set_status(status);
    results.set_preemptions(preemptions);
    results.set_prefix_cached_tokens(prefix_cached_tokens);
    const auto summary = batching::simulate_into(two_requests(), four_blocks(), results);
    CHECK(summary.total_time == 6.0);
    CHECK(status[0] == batching::request_status::finished);
    CHECK(preemptions == std::vector<std::int32_t>{0, 1, -1});
    CHECK(prefix_cached_tokens == std::vector<std::int32_t>{0, 0});
    CHECK(batching::simulate_into(two_requests(), four_blocks()).total_time == 6.0);
}

TEST_CASE("requests that are rejected or cut off are not among the completed") {
    auto requests = two_requests();
    // Ten tokens and the first output need 5 blocks of 2; there are 4.
    requests.prompt_length[0] = 10;
    const auto run = batching::simulate(requests, four_blocks());
    CHECK(run.results.status ==
          std::vector<std::int32_t>{batching::request_status::rejected_kv_memory, batching::request_status::finished});
    CHECK(run.summary.rejected == 1);
    CHECK(run.completed(requests).end_time == std::vector<double>{4.0});
    CHECK(run.completed(requests).arrival_time == std::vector<double>{0.0});

    auto config = four_blocks();
    config.time_limit = 2.0;
    const auto cut_off = batching::simulate(requests, config);
    CHECK(cut_off.summary.end_reason == batching::end_reason::time_limit);
    CHECK(cut_off.results.status[1] == batching::request_status::unfinished);
    CHECK(cut_off.completed(requests).end_time.empty());
    config = four_blocks();
    config.iteration_limit = 2;
    CHECK(batching::simulate(requests, config).summary.end_reason == batching::end_reason::iteration_limit);
}

TEST_CASE("asynchronously an answer that ends before what was asked for is in one batch more") {
    batching::requests requests{{4}, {3}, {0.0}};
    requests.max_tokens = {100};
    batching::engine_config config;
    config.set_iteration_time(1.0);
    // The prompt gives the first token, two decodes the others.
    CHECK(batching::simulate(requests, config).summary.decode_tokens == 2);
    config.async_scheduling = true;
    // The batch behind the last was scheduled before that was known.
    const auto run = batching::simulate(requests, config);
    CHECK(run.results.end_time == std::vector<double>{3.0});
    CHECK(run.results.tokens_generated == std::vector<std::int32_t>{3});
    CHECK(run.summary.decode_tokens == 3);
    requests.max_tokens = {3};
    CHECK(batching::simulate(requests, config).summary.decode_tokens == 2);
    requests.max_tokens = {2};
    CHECK(refusal([&] { batching::simulate(requests, config); }) ==
          "max_tokens[0] is 2: must be at least output_length[0], which is 3");
}

TEST_CASE("a client that leaves has the tokens of the iterations that were over, and is no completed request") {
    batching::requests requests{{1, 1}, {10, 2}, {0.0, 0.0}};
    // Iteration 2, from 2.0 to 3.0, is under way: its token is lost. Then its slot is free.
    requests.abort_time = {2.5, std::numeric_limits<double>::quiet_NaN()};
    batching::engine_config config;
    config.set_iteration_time(1.0);
    config.max_num_seqs = 1;
    const auto run = batching::simulate(requests, config, {false, true});
    CHECK(run.results.status ==
          std::vector<std::int32_t>{batching::request_status::aborted, batching::request_status::finished});
    CHECK(run.results.tokens_generated == std::vector<std::int32_t>{2, 2});
    CHECK(run.results.start_time == std::vector<double>{0.0, 3.0});
    CHECK(run.results.end_time == std::vector<double>{3.0, 5.0});
    CHECK(run.results.completion_order == std::vector<std::int64_t>{1, -1});
    CHECK(run.summary.aborted == 1);
    CHECK(run.summary.finished == 1);
    CHECK(run.summary.unfinished == 0);
    CHECK(run.completed(requests).end_time == std::vector<double>{5.0});
    CHECK(std::count(run.decision_log.event.begin(), run.decision_log.event.end(), batching::event::aborted) == 1);
    requests.abort_time = {2.5};
    CHECK(refusal([&] { batching::simulate(requests, config); }) ==
          "abort_time has 1 element, but prompt_length has 2");
}

TEST_CASE("a client sends requests as those before them end, turn by turn") {
    // Iterations of a second. Two in flight: the turns 0 and 1; then 2, which waited at its client since 0.5; then 3,
    // the turn after 0, which arrives 0.25 after its end.
    batching::requests requests{{1, 1, 1, 1}, {2, 1, 3, 1}, {0.0, 0.0, 0.5, 0.0}};
    requests.session = {4, 5, 6, 4};
    requests.delay = {0.0, 0.0, 0.0, 0.25};
    requests.client.emplace();
    requests.client->max_concurrency = 2;
    batching::engine_config config;
    config.set_iteration_time(1.0);
    batching::kept_logs keep;
    keep.attribution = true;
    const auto run = batching::simulate(requests, config, keep);
    CHECK(run.results.arrival_time == std::vector<double>{0.0, 0.0, 0.5, 2.25});
    CHECK(run.results.sent_time == std::vector<double>{0.0, 0.0, 1.0, 2.25});
    CHECK(run.results.end_time == std::vector<double>{2.0, 1.0, 4.0, 4.0});
    CHECK(run.attribution.waiting_for_client == std::vector<double>{0.0, 0.0, 0.5, 0.0});
    CHECK(run.completed(requests).arrival_time == run.results.sent_time);
    CHECK(run.summary.not_sent == 0);

    // A view borrows the client.
    batching::client client;
    client.max_concurrency = 1;
    const std::vector<std::int32_t> output_length(3, 2);
    batching::requests_view view;
    view.set_output_length(output_length).set_client(client);
    CHECK(batching::simulate(view, config).results.sent_time == std::vector<double>{0.0, 2.0, 4.0});
    client.think_times = 3;
    CHECK(refusal([&] { batching::simulate(view, config); }) == "think_times is 3: must be one of 0, 100, 200");
}

TEST_CASE("priority decides which request goes first, then arrival, then tie_break") {
    batching::engine_config config;
    config.max_num_seqs = 1;
    config.queue_order = batching::queue_order::priority;
    const std::vector<std::int32_t> output_length(3, 1), priority{2, 0, 1};
    batching::requests_view requests;
    requests.set_output_length(output_length);
    requests.set_priority(priority);
    CHECK(batching::simulate(requests, config).results.completion_order == std::vector<std::int64_t>{1, 2, 0});
    const std::vector<std::int64_t> tie_break{3, 2, 1};
    requests.set_priority(std::nullopt);
    requests.set_tie_break(tie_break);
    CHECK(batching::simulate(requests, config).results.completion_order == std::vector<std::int64_t>{2, 1, 0});
}

TEST_CASE("a request finds the blocks of an earlier one by their hash ids") {
    batching::requests requests{{4, 4}, {1, 1}, {0.0, 5.0}};
    requests.hash_ids = {7, 8, 7, 8};
    requests.hash_offsets = {0, 2, 4};
    auto config = four_blocks();
    config.enable_prefix_caching = true;
    const auto run = batching::simulate(requests, config);
    // One of its 4 tokens must be computed, so one of its two blocks of 2 can be found.
    CHECK(run.results.prefix_cached_tokens == std::vector<std::int32_t>{0, 2});
    CHECK(run.summary.prefix_cache_queries == 8);
    CHECK(run.summary.prefix_cache_hits == 2);
    // The same, as one id for four tokens: it stands for two blocks.
    requests.hash_ids = {9, 9};
    requests.hash_offsets = {0, 1, 2};
    requests.hash_block_size = 4;
    CHECK(batching::simulate(requests, config).results.prefix_cached_tokens == std::vector<std::int32_t>{0, 2});
}

TEST_CASE("a later turn of a conversation finds what an earlier one generated, if the hash ids cover it") {
    batching::requests requests{{4, 8}, {4, 1}, {0.0, 50.0}};
    requests.hash_ids = {1, 2, 3, 4, 1, 2, 3, 4};
    requests.hash_offsets = {0, 4, 8};
    auto config = four_blocks();
    config.num_gpu_blocks = 20;
    config.enable_prefix_caching = true;
    // The prompt of the first is two blocks of 2. The last of its 8 tokens was never computed: three blocks are full.
    CHECK(batching::simulate(requests, config).results.prefix_cached_tokens == std::vector<std::int32_t>{0, 4});
    requests.hash_covers_output = true;
    CHECK(batching::simulate(requests, config).results.prefix_cached_tokens == std::vector<std::int32_t>{0, 6});
}

TEST_CASE("a default config is that of C") {
    // Prompts that fill the budget, and some beyond it.
    std::mt19937 random(1);
    batching::requests requests;
    for (int index = 0; index < 600; ++index) {
        requests.prompt_length.push_back(static_cast<std::int32_t>(random() % 3000));
        requests.output_length.push_back(1 + static_cast<std::int32_t>(random() % 50));
        requests.arrival_time.push_back(0.0);
    }
    CHECK(engine_case(batching::simulate(requests)) == in_c(nullptr, requests));
    const auto defaults = c_defaults();
    CHECK(engine_case(batching::simulate(requests)) == in_c(&defaults, requests));

    // The slots show where the budget does not run out first: 300 prompts of one token.
    const batching::requests short_prompts{std::vector<std::int32_t>(300, 1), std::vector<std::int32_t>(300, 5),
                                           std::vector<double>(300, 0.0)};
    const auto in_slots = batching::simulate(short_prompts);
    CHECK(in_slots.summary.peak_running == 256);
    CHECK(engine_case(in_slots) == in_c(nullptr, short_prompts));
    // More slots than the usual budget need no other one.
    batching::engine_config many_slots;
    many_slots.max_num_seqs = 3000;
    CHECK(batching::simulate(short_prompts, many_slots).summary.peak_running == 300);

    // The size of a block shows where there are few of them: enough for the longest prompt, not for three.
    auto with_blocks = c_defaults();
    with_blocks.num_gpu_blocks = 400;
    batching::engine_config config;
    config.num_gpu_blocks = 400;
    const auto run = batching::simulate(requests, config);
    CHECK(engine_case(run) == in_c(&with_blocks, requests));
    CHECK(run.summary.preemptions > 0);

    // 5000 iterations: progress is told once, after 4096.
    const batching::requests long_request{{1}, {5000}, {0.0}};
    auto with_progress = c_defaults();
    std::vector<std::int64_t> told_to_c, told_to_cpp;
    with_progress.progress_user_data = &told_to_c;
    with_progress.progress_callback = [](const batching_progress *progress, void *told) {
        static_cast<std::vector<std::int64_t> *>(told)->push_back(progress->iterations);
        return 0;
    };
    in_c(&with_progress, long_request);
    config.set_progress_callback(
        [&told_to_cpp](const batching::progress &progress) { told_to_cpp.push_back(progress.iterations); });
    batching::simulate(long_request, config);
    CHECK(told_to_cpp == std::vector<std::int64_t>{4096});
    CHECK(told_to_cpp == told_to_c);
}

TEST_CASE("on random requests and configs the engine gives what the C function gives") {
    std::mt19937 random(2);
    const auto below = [&random](std::uint32_t bound) { return static_cast<std::int32_t>(random() % bound); };
    const auto either = [&random] { return random() % 2 == 1; };
    for (int number = 0; number < 300; ++number) {
        CAPTURE(number);
        const auto requests = random_requests(random);
        const std::array policies{batching::policy::vllm, batching::policy::static_batching,
                                  batching::policy::dynamic_batching, batching::policy::continuous_batching,
                                  batching::policy::orca};
        const std::array queue_orders{batching::queue_order::arrival, batching::queue_order::priority,
                                      batching::queue_order::shortest_output};
        batching::engine_config config;
        auto expected = c_defaults();
        config.policy = policies[random() % 2 == 0 ? 0 : random() % policies.size()];
        expected.policy = static_cast<std::int32_t>(config.policy);
        config.queue_order = queue_orders[random() % queue_orders.size()];
        expected.queue_order = static_cast<std::int32_t>(config.queue_order);
        config.max_num_seqs = expected.max_num_seqs = 1 + below(12);
        config.max_num_batched_tokens = expected.max_num_batched_tokens = 12 + below(30);
        config.long_prefill_token_threshold = expected.long_prefill_token_threshold = below(3) * 4;
        config.disable_chunked_prefill = either();
        expected.disable_chunked_prefill = config.disable_chunked_prefill;
        config.disable_reserve_full_isl = either();
        expected.disable_reserve_full_isl = config.disable_reserve_full_isl;
        config.async_scheduling = either();
        expected.async_scheduling = config.async_scheduling;
        config.admit_oversized = either();
        expected.admit_oversized = config.admit_oversized;
        config.max_queue_delay = expected.max_queue_delay = 0.01 * below(9);
        config.block_size = expected.block_size = 1 << below(3);
        config.watermark = expected.watermark = 0.1 * below(2);
        if (either()) {
            config.max_model_len = expected.max_model_len = 10 + below(20);
        }
        if (below(3) > 0) {
            config.num_gpu_blocks = expected.num_gpu_blocks = 10 + below(40);
            config.enable_prefix_caching = config.policy == batching::policy::vllm && either();
            expected.enable_prefix_caching = config.enable_prefix_caching;
        }
        config.instant_prefill = !config.enable_prefix_caching && below(4) == 0;
        expected.instant_prefill = config.instant_prefill;
        if (below(4) == 0) {
            config.time_limit = expected.time_limit = 0.3;
        }
        if (below(4) == 0) {
            config.iteration_limit = expected.iteration_limit = 25;
        }
        if (either()) {
            config.set_iteration_time(batching::affine_time{0.001, 1e-5, 1e-4, 1e-6, 1e-7});
            expected.time_model = BATCHING_TIME_AFFINE;
            expected.time_base = 0.001;
            expected.time_per_prefill_token = 1e-5;
            expected.time_per_decode_token = 1e-4;
            expected.time_per_context_token = 1e-6;
            expected.time_per_prefill_context = 1e-7;
        }
        CHECK(engine_case(batching::simulate(requests, config)) == in_c(&expected, requests));
    }
}

TEST_CASE("an iteration may take no time") {
    batching::engine_config config;
    config.set_iteration_time(0.0);
    CHECK(batching::simulate(two_requests(), config).summary.duration == 0.0);
    config.set_iteration_time(0.5);
    // Four tokens each, all together.
    CHECK(batching::simulate(two_requests(), config).summary.duration == 2.0);
}

TEST_CASE("0 is the default that batching.h names") {
    std::mt19937 random(3);
    const auto requests = random_requests(random);
    auto config = four_blocks();
    config.num_gpu_blocks = 30;
    // The value gives another run, and 0 gives the first again.
    const auto is_default = [&](auto field, auto value) {
        const engine_case with_defaults(batching::simulate(requests, config));
        auto other = config;
        other.*field = value;
        const engine_case with_value(batching::simulate(requests, other));
        other.*field = 0;
        return engine_case(batching::simulate(requests, other)) == with_defaults && !(with_value == with_defaults);
    };
    using batching::engine_config;
    CHECK(is_default(&engine_config::max_num_seqs, 2));
    CHECK(is_default(&engine_config::max_model_len, 10));
    CHECK(is_default(&engine_config::time_limit, 5.0));
    CHECK(is_default(&engine_config::iteration_limit, 5));
    config.max_num_seqs = 8;
    CHECK(is_default(&engine_config::max_num_batched_tokens, 8));
    CHECK(engine_case(batching::simulate(requests, config)).summary.preemptions > 0);
    config.num_gpu_blocks = 0;
    CHECK(engine_case(batching::simulate(requests, config)).summary.preemptions == 0);
    config = {};
    config.num_gpu_blocks = 400;
    const engine_case in_blocks_of_16(batching::simulate(requests, config));
    config.block_size = 0;
    CHECK(engine_case(batching::simulate(requests, config)) == in_blocks_of_16);
    std::vector<std::int64_t> told;
    config.set_progress_callback([&told](const batching::progress &progress) { told.push_back(progress.iterations); });
    config.progress_interval = 0;
    batching::simulate(batching::requests{{1}, {5000}, {0.0}}, config);
    CHECK(told == std::vector<std::int64_t>{4096});
}

TEST_CASE("what the library refuses is an exception with its sentence") {
    const auto sentence = [](auto set) {
        batching::engine_config config;
        set(config);
        return refusal([&] { batching::simulate(two_requests(), config); });
    };
    using config = batching::engine_config;
    CHECK(sentence([](config &is) { is.max_num_seqs = -1; }).find("max_num_seqs is -1") == 0);
    CHECK(sentence([](config &is) { is.max_num_batched_tokens = -1; }).find("max_num_batched_tokens is -1") == 0);
    CHECK(sentence([](config &is) { is.max_model_len = -1; }).find("max_model_len is -1") == 0);
    CHECK(sentence([](config &is) { is.num_gpu_blocks = 1; }) == "num_gpu_blocks is 1: must be at least 2");
    CHECK(sentence([](config &is) { is.block_size = -1; }).find("block_size is -1") == 0);
    CHECK(sentence([](config &is) { is.time_limit = -1.0; }).find("time_limit is -1.0") == 0);
    CHECK(sentence([](config &is) { is.iteration_limit = -1; }).find("iteration_limit is -1") == 0);
    CHECK(sentence([](config &is) { is.progress_interval = -1; }).find("progress_interval is -1") == 0);
    CHECK(sentence([](config &is) { is.set_iteration_time(-1.0); }).find("time_base is -1.0") == 0);
    CHECK(sentence([](config &is) { is.policy = 7; }).find("policy is 7") == 0);
}

TEST_CASE("input columns of sizes that contradict each other are refused") {
    const std::vector<std::int32_t> three(3, 1);
    const std::vector<std::int64_t> three_long(3, 0), none;
    const auto sentence = [](auto set) {
        return refusal([&] {
            const auto requests = two_requests();
            batching::requests_view view = requests;
            set(view);
            batching::simulate(view);
        });
    };
    using view = batching::requests_view;
    CHECK(sentence([&](view &is) { is.set_priority(three); }) == "priority has 3 elements, but prompt_length has 2");
    CHECK(sentence([&](view &is) { is.set_tie_break(three_long); }) ==
          "tie_break has 3 elements, but prompt_length has 2");

    const std::vector<std::int64_t> ids{1, 2, 3}, two_offsets{0, 3}, short_end{0, 1, 2}, negative_end{0, 1, -3},
        long_end{0, 1, 4}, falling{0, 4, 3};
    const auto hashes = [&](const std::vector<std::int64_t> &offsets) {
        return sentence([&](view &is) { is.set_hashes(ids, offsets); });
    };
    CHECK(hashes(two_offsets) == "hash_offsets has 2 elements: must be 3, one more than there are requests");
    CHECK(hashes(none) == "hash_offsets has 0 elements: must be 3, one more than there are requests");
    CHECK(hashes(short_end) == "hash_offsets[2] is 2, but hash_ids has 3 elements");
    CHECK(hashes(long_end) == "hash_offsets[2] is 4, but hash_ids has 3 elements");
    CHECK(hashes(negative_end) == "hash_offsets[2] is -3, but hash_ids has 3 elements");
    CHECK(hashes(falling).find("hash_offsets[2] is 3: must not be smaller than hash_offsets[1]") == 0);
    CHECK(sentence([&](view &is) { is.set_hashes(ids, std::nullopt); }).find("hash_offsets is NULL") == 0);

    // The offsets alone say how many requests there are, unless they have no element.
    view only_hashes;
    only_hashes.set_hashes(ids, two_offsets);
    CHECK(batching::simulate(only_hashes).results.status.size() == 1);
    CHECK(refusal([&] { only_hashes.set_hashes(ids, none); }) ==
          "hash_offsets has 0 elements: must be 1, one more than there are requests");
    CHECK(refusal([&] { only_hashes.set_priority(three); }) == "priority has 3 elements, but hash_offsets is for 1");
}

TEST_CASE("output columns that are too short are refused, and nothing is written") {
    std::vector<std::int32_t> one(1, -1);
    std::vector<std::int32_t> one_status(1, batching::request_status::stuck);
    const auto sentence = [](auto set) {
        batching::results_view view;
        set(view);
        return refusal([&] { batching::simulate_into(two_requests(), {}, view); });
    };
    using view = batching::results_view;
    CHECK(sentence([&](view &is) { is.set_preemptions(one); }) == "preemptions has 1 element, but prompt_length has 2");
    CHECK(sentence([&](view &is) { is.set_prefix_cached_tokens(one); }) ==
          "prefix_cached_tokens has 1 element, but prompt_length has 2");
    CHECK(sentence([&](view &is) { is.set_status(one_status); }) == "status has 1 element, but prompt_length has 2");
    CHECK(one == std::vector<std::int32_t>{-1});
    CHECK(one_status == std::vector<std::int32_t>{batching::request_status::stuck});

    const auto run = batching::simulate(two_requests());
    const std::vector<double> three(3, 0.0);
    batching::requests_view others;
    others.set_arrival_time(three);
    CHECK(refusal([&] { run.completed(others); }) == "arrival_time has 3 elements, but status has 2");
}

TEST_CASE("no requests make an engine that does nothing") {
    const auto run = batching::simulate(batching::requests{});
    CHECK(run.results.status.empty());
    CHECK(run.summary.iterations == 0);
    CHECK(run.summary.end_reason == batching::end_reason::completed);
    CHECK(run.completed(batching::requests{}).end_time.empty());
}
