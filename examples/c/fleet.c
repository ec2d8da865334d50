/*
 * Does it help to route by prefix, and to compute prompts apart from decoding? One workload through three fleets of
 * two replicas.
 *
 *     cc fleet.c -o fleet $(pkg-config --cflags --libs batching)
 *
 * Three conversations, A, B and C, have three turns of 5 tokens each. The prompt of a turn is that of the one before
 * and 64 tokens more. A and B send theirs at 0, 10 and 20 s, C 0.6 s later. An iteration takes 0.25 s, and 0.2 s more
 * for each 64 prompt tokens that are not in the prefix cache. A turn is over before the next one comes.
 *
 * fleet.expected, of each turn from its own start:
 *
 * round_robin: three conversations on two replicas change places each turn; A and C share one, B has the other. The
 * first turn computes 64 tokens. A and B have their first token at 0.45 s. C joins at 0.7 s, and has its own at 1.15
 * s, after 0.55 s; that iteration is 0.2 s longer, so that A ends at 1.65 s with a TPOT of 0.3 s, and the others with
 * 0.25. In the second turn nothing is cached where it goes; in the third the 64 tokens of the first turn are. Both
 * compute 128: A and B have their first token at 0.65 s, C at 1.3 s, after 0.7 s, and the TPOT of A is 0.35 s. So the
 * mean TTFT is (1.45 + 2 x 2.0) / 9, the mean TPOT (0.8 + 2 x 0.85) / 9, and 3 x 64 of 1152 prompt tokens were cached.
 *
 * cache_aware: of the first prompts nothing is known, and the fewest requests decide; that gives the same places. The
 * later ones follow their beginnings, so that each turn is as the first one above, and 3 x (64 + 128) tokens are
 * cached.
 *
 * Prefill and decode apart: A and B are computed together until 0.65 s. The target lacks 64 tokens of each, which take
 * 0.05 s to send, and has a token of both every 0.25 s from 0.7 s on: the first at 0.95 s. The prompt of C is done at
 * 1.1 s. The target reserves its blocks between two iterations, at 1.2 s; it is sent at 1.25 s, joins at 1.45 s, and
 * has its first token at 1.7 s, after 1.1 s. No prompt makes an iteration longer in which requests decode: each TPOT
 * is 0.25 s. But one replica has all prompts, and each waits for its transfer: the mean TTFT is (2 x 0.95 + 1.1) / 3.
 */
#include <stdio.h>
#include <stdlib.h>

#include <batching.h>

enum { CONVERSATIONS = 3, TURNS = 3, COUNT = CONVERSATIONS * TURNS, BLOCK = 16, BLOCKS_OF_A_TURN = 4 };

static void check(batching_status status) {
    if (status != BATCHING_OK) {
        fprintf(stderr, "%s: %s\n", batching_status_name(status), batching_last_error());
        exit(EXIT_FAILURE);
    }
}

/* The requests, in order of arrival, with what their columns point to. */
struct workload {
    int32_t prompt_length[COUNT], output_length[COUNT];
    double arrival_time[COUNT];
    int64_t session[COUNT], hash_offsets[COUNT + 1], hash_ids[COUNT * TURNS * BLOCKS_OF_A_TURN];
    batching_requests requests;
};

static void fill(struct workload *load) {
    int64_t ids = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        for (int conversation = 0; conversation < CONVERSATIONS; conversation++) {
            const int row = turn * CONVERSATIONS + conversation;
            const int blocks = (turn + 1) * BLOCKS_OF_A_TURN;
            load->session[row] = conversation;
            load->arrival_time[row] = 10.0 * turn + (conversation == 2 ? 0.6 : 0.0);
            load->prompt_length[row] = blocks * BLOCK;
            load->output_length[row] = 5;
            /* Prompts share the blocks of which they have the same ids, from the first one on. */
            load->hash_offsets[row] = ids;
            for (int block = 0; block < blocks; block++) {
                load->hash_ids[ids++] = 1000 * conversation + block;
            }
        }
    }
    load->hash_offsets[COUNT] = ids;
    check(batching_requests_init(&load->requests, sizeof load->requests));
    load->requests.count = COUNT;
    load->requests.prompt_length = load->prompt_length;
    load->requests.output_length = load->output_length;
    load->requests.arrival_time = load->arrival_time;
    load->requests.session = load->session;
    load->requests.hash_ids = load->hash_ids;
    load->requests.hash_offsets = load->hash_offsets;
    load->requests.hash_block_size = BLOCK;
}

/* Simulates a fleet, and prints its row of the table. */
static void compare(const char *name, const batching_fleet_config *config, const struct workload *load) {
    double first_token_time[COUNT], end_time[COUNT];
    int32_t tokens[COUNT], cached_tokens[COUNT], replica[COUNT];
    batching_results results;
    check(batching_results_init(&results, sizeof results));
    results.capacity = COUNT;
    results.first_token_time = first_token_time;
    results.end_time = end_time;
    results.tokens_generated = tokens;
    results.prefix_cached_tokens = cached_tokens;
    batching_fleet_results fleet_results;
    check(batching_fleet_results_init(&fleet_results, sizeof fleet_results));
    fleet_results.capacity = COUNT;
    fleet_results.replica_capacity = 2;
    fleet_results.replica = replica;
    check(batching_fleet_simulate(config, &load->requests, &results, &fleet_results, NULL));

    /* What was simulated is measured as what a benchmark has recorded. */
    batching_recorded recorded;
    check(batching_recorded_init(&recorded, sizeof recorded));
    recorded.count = COUNT;
    recorded.arrival_time = load->arrival_time;
    recorded.first_token_time = first_token_time;
    recorded.end_time = end_time;
    recorded.output_length = tokens;
    batching_distribution ttft, tpot;
    check(batching_distribution_init(&ttft, sizeof ttft));
    check(batching_distribution_init(&tpot, sizeof tpot));
    batching_serving_metrics metrics;
    check(batching_serving_metrics_init(&metrics, sizeof metrics));
    metrics.ttft = &ttft;
    metrics.tpot = &tpot;
    check(batching_serving_metrics_calculate(&recorded, NULL, &metrics));

    int cached = 0, prompts = 0;
    for (int row = 0; row < COUNT; row++) {
        cached += cached_tokens[row];
        prompts += load->prompt_length[row];
    }
    printf("%-12s %8.1f %8.1f %9.1f %%  ", name, 1e3 * ttft.mean, 1e3 * tpot.mean, 100.0 * cached / prompts);
    for (int row = 0; row < COUNT; row++) {
        printf("%s%d", row % CONVERSATIONS == 0 ? " " : "", (int)replica[row]);
    }
    printf("\n");
}

int main(void) {
    static struct workload load;
    fill(&load);

    batching_engine_config engine;
    check(batching_engine_config_init(&engine, sizeof engine));
    engine.num_gpu_blocks = 1000;
    engine.enable_prefix_caching = 1;
    engine.time_model = BATCHING_TIME_AFFINE;
    engine.time_base = 0.25;
    engine.time_per_prefill_token = 0.2 / 64;

    /* One pool of two replicas, alike. Without a router it is round robin. */
    const batching_engine_config *engines[] = {&engine, &engine};
    const int64_t both[] = {2};
    batching_fleet_config config;
    check(batching_fleet_config_init(&config, sizeof config));
    config.pool_count = 1;
    config.engine = engines;
    config.replicas = both;
    printf("              TTFT ms  TPOT ms  cached      replica of A, B, C\n");
    compare("round_robin", &config, &load);

    batching_router_config router;
    check(batching_router_config_init(&router, sizeof router));
    router.router = BATCHING_ROUTER_CACHE_AWARE;
    config.router = &router;
    compare("cache_aware", &config, &load);

    /* Two pools of one replica each: the first computes prompts, and sends their KV caches to the second. */
    const int64_t one_each[] = {1, 1};
    const int32_t roles[] = {BATCHING_ROLE_PREFILL, BATCHING_ROLE_DECODE};
    batching_disaggregation_config disaggregation;
    check(batching_disaggregation_config_init(&disaggregation, sizeof disaggregation));
    disaggregation.preset = BATCHING_PRESET_VLLM_NIXL; /* blocks that the target has cached are not sent */
    disaggregation.kv_bytes_per_token = 131072;
    disaggregation.link_bandwidth = 131072 * 64 / 0.05;
    config.pool_count = 2;
    config.replicas = one_each;
    config.role = roles;
    config.disaggregation = &disaggregation;
    compare("apart", &config, &load);
    return EXIT_SUCCESS;
}
