/*
 * Logs of fleets: each replica has its own, by hand; those that are not wanted; rows that do not fit; what is refused.
 */
#include "support.h"

enum { ROWS = 16, REPLICAS = 2 };

struct rows {
    double time[ROWS];
    int64_t iteration[ROWS], request[ROWS];
    int32_t event[ROWS];
};

/* Two replicas with a slot each, and half a second an iteration. */
struct scene {
    batching_engine_config engine;
    const batching_engine_config *engines[1];
    int64_t replicas[1];
    int32_t output[3];
    batching_requests requests;
    batching_fleet_config config;
    struct rows rows[REPLICAS];
    batching_iteration_log iterations[REPLICAS], *iteration_logs[REPLICAS];
    batching_decision_log decisions[REPLICAS], *decision_logs[REPLICAS];
};

static void scene_init(struct scene *scene) {
    memset(scene, 0, sizeof *scene);
    assert_succeeds(batching_engine_config_init(&scene->engine, sizeof scene->engine));
    scene->engine.max_num_seqs = 1;
    scene->engine.time_model = BATCHING_TIME_CONSTANT;
    scene->engine.time_base = 0.5;
    scene->engines[0] = &scene->engine;
    scene->replicas[0] = REPLICAS;
    const int32_t output[] = {2, 1, 1};
    memcpy(scene->output, output, sizeof output);
    assert_succeeds(batching_requests_init(&scene->requests, sizeof scene->requests));
    scene->requests.count = 3;
    scene->requests.output_length = scene->output;
    assert_succeeds(batching_fleet_config_init(&scene->config, sizeof scene->config));
    scene->config.pool_count = 1;
    scene->config.engine = scene->engines;
    scene->config.replicas = scene->replicas;
    scene->config.iteration_log = scene->iteration_logs;
    scene->config.decision_log = scene->decision_logs;
    for (int replica = 0; replica < REPLICAS; replica++) {
        batching_iteration_log *iterations = &scene->iterations[replica];
        assert_succeeds(batching_iteration_log_init(iterations, sizeof *iterations));
        iterations->capacity = ROWS;
        iterations->time = scene->rows[replica].time;
        scene->iteration_logs[replica] = iterations;
        batching_decision_log *decisions = &scene->decisions[replica];
        assert_succeeds(batching_decision_log_init(decisions, sizeof *decisions));
        decisions->capacity = ROWS;
        decisions->iteration = scene->rows[replica].iteration;
        decisions->request = scene->rows[replica].request;
        decisions->event = scene->rows[replica].event;
        scene->decision_logs[replica] = decisions;
    }
}

static batching_status simulate(struct scene *scene) {
    return batching_fleet_simulate(&scene->config, &scene->requests, NULL, NULL, NULL);
}

/* Round robin: requests 0 and 2 go to replica 0, one after the other, and request 1 to replica 1. */
static void by_hand(void **state) {
    (void)state;
    static struct scene scene;
    const int32_t routers[] = {BATCHING_ROUTER_ROUND_ROBIN, BATCHING_ROUTER_LEAST_REQUESTS};
    for (int router = 0; router < 2; router++) {
        scene_init(&scene);
        INITIALIZED(batching_router_config, routed);
        routed.router = routers[router];
        scene.config.router = &routed;
        assert_succeeds(simulate(&scene));
        assert_int_equal(scene.iterations[0].count, 3);
        assert_int_equal(scene.iterations[1].count, 1);
        for (int row = 0; row < 3; row++) {
            assert_true(scene.rows[0].time[row] == 0.5 * row);
        }
        const int64_t iteration[] = {0, 0, 1, 1, 2, 2, 2}, request[] = {0, 0, 0, 0, 2, 2, 2};
        const int32_t event[] = {BATCHING_EVENT_ADMITTED, BATCHING_EVENT_SCHEDULED, BATCHING_EVENT_SCHEDULED,
                                 BATCHING_EVENT_FINISHED, BATCHING_EVENT_ADMITTED,  BATCHING_EVENT_SCHEDULED,
                                 BATCHING_EVENT_FINISHED};
        assert_int_equal(scene.decisions[0].count, 7);
        assert_memory_equal(scene.rows[0].iteration, iteration, sizeof iteration);
        assert_memory_equal(scene.rows[0].request, request, sizeof request);
        assert_memory_equal(scene.rows[0].event, event, sizeof event);
        assert_int_equal(scene.decisions[1].count, 3);
        for (int row = 0; row < 3; row++) {
            assert_int_equal(scene.rows[1].request[row], 1);
        }
    }
}

static void some_replicas_have_none(void **state) {
    (void)state;
    static struct scene scene;
    scene_init(&scene);
    scene.iteration_logs[0] = NULL;
    scene.decision_logs[1] = NULL;
    scene.iterations[0].count = scene.decisions[1].count = -7;
    assert_succeeds(simulate(&scene));
    assert_int_equal(scene.iterations[0].count, -7);
    assert_int_equal(scene.decisions[1].count, -7);
    assert_int_equal(scene.iterations[1].count, 1);
    assert_int_equal(scene.decisions[0].count, 7);
    scene.config.decision_log = NULL;
    scene.decisions[0].count = -7;
    assert_succeeds(simulate(&scene));
    assert_int_equal(scene.decisions[0].count, -7);
}

static void rows_beyond_the_capacity_are_counted(void **state) {
    (void)state;
    static struct scene scene;
    scene_init(&scene);
    scene.decisions[0].capacity = 2;
    scene.rows[0].request[2] = -7;
    assert_succeeds(simulate(&scene));
    assert_int_equal(scene.decisions[0].count, 7);
    assert_int_equal(scene.rows[0].request[2], -7);
}

struct calls {
    int64_t rows, most;
};

static int32_t take(int64_t row_count, void *user_data) {
    struct calls *calls = user_data;
    calls->rows += row_count;
    return calls->rows > calls->most ? 1 : 0;
}

static void rows_pass_through_columns_of_any_size(void **state) {
    (void)state;
    static struct scene scene;
    for (int64_t most = 100; most >= 0; most -= 100) {
        scene_init(&scene);
        struct calls calls = {0, most};
        scene.decisions[0].capacity = 2;
        scene.decisions[0].callback = take;
        scene.decisions[0].user_data = &calls;
        const batching_status status = simulate(&scene);
        assert_int_equal(status, most == 100 ? BATCHING_OK : BATCHING_ERROR_CANCELLED);
        assert_int_equal(calls.rows, most == 100 ? 7 : 2);
    }
}

static void bad_logs_are_refused_in_a_sentence(void **state) {
    (void)state;
    static struct scene scene;
    scene_init(&scene);
    scene.iterations[1].capacity = -1;
    assert_fails(simulate(&scene), BATCHING_ERROR_INVALID_ARGUMENT,
                 "replica 1: iteration_log.capacity is -1: must be at least 0");
    scene_init(&scene);
    scene.decisions[1].struct_size = 3;
    assert_fails(simulate(&scene), BATCHING_ERROR_STRUCT_SIZE, "replica 1: decision_log.struct_size is 3");
    scene_init(&scene);
    batching_fleet *fleet = NULL;
    assert_fails(batching_fleet_create(&scene.config, &fleet), BATCHING_ERROR_INVALID_ARGUMENT,
                 "config.iteration_log is given: must be NULL in a live fleet");
    scene.config.iteration_log = NULL;
    assert_fails(batching_fleet_create(&scene.config, &fleet), BATCHING_ERROR_INVALID_ARGUMENT,
                 "config.decision_log is given: must be NULL in a live fleet");
    assert_null(fleet);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(some_replicas_have_none),
        cmocka_unit_test(rows_beyond_the_capacity_are_counted),
        cmocka_unit_test(rows_pass_through_columns_of_any_size),
        cmocka_unit_test(bad_logs_are_refused_in_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
