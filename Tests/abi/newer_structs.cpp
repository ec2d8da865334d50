// Compiled against the header of a later version (grow_header.py), with batching.hpp as it is: a field that is new in
// batching.h can be set and read in C++ at once. What is set gets to the library, which refuses it since it is older.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include <batching.hpp>

namespace {

/// Everything in C++ that is a struct of C. A struct that is new in batching.h is to be added here.
using structs =
    std::tuple<batching::requests_view, batching::requests, batching::results_view, batching::summary,
               batching::engine_summary, batching::comparison, batching::completed_view, batching::latencies_view,
               batching::batch_metrics, batching::workload, batching::recorded_view, batching::serving_metrics_config,
               batching::serving_metrics, batching::distribution, batching::load_config, batching::load,
               batching::load_timeline_view, batching::engine_config, batching::client, batching::iteration_log_view,
               batching::decision_log_view, batching::attribution_view, batching::live_engine_state,
               batching::accumulator_config, batching::accumulator_events_view, batching::accumulator_state,
               batching::gpu, batching::model, batching::deployment, batching::deployment_memory, batching::roofline,
               batching::kv_offload, batching::iterations_view, batching::calibration_config, batching::calibration,
               batching::live_calibration_state, batching::profile_facts, batching::router_config,
               batching::routing_request, batching::worker_metrics_view, batching::autoscaler_config,
               batching::disaggregation_config, batching::admission_config, batching::fault_config,
               batching::fleet_scaling_config, batching::live_fleet_state, batching::scaling_readings_view>;

template <class... Structs> constexpr bool any_is_a(batching_attribution_bands *, std::tuple<Structs...> *) {
    return true; // told in rows: batching::attribution_band
}
template <class... Structs> constexpr bool any_is_a(batching_live_engine_events *, std::tuple<Structs...> *) {
    return true; // told in rows: batching::live_engine_event
}
template <class... Structs> constexpr bool any_is_a(batching_live_calibration_log *, std::tuple<Structs...> *) {
    return true; // with columns of its own: batching::live_calibration_log
}
template <class... Structs> constexpr bool any_is_a(batching_fleet_config *, std::tuple<Structs...> *) {
    return true; // arguments: batching::simulate_fleet
}
template <class... Structs> constexpr bool any_is_a(batching_fleet_results *, std::tuple<Structs...> *) {
    return true; // with columns of its own: batching::fleet_result
}
template <class... Structs> constexpr bool any_is_a(batching_fleet_events *, std::tuple<Structs...> *) {
    return true; // told in rows: batching::live_fleet_event
}
template <class... Structs> constexpr bool any_is_a(batching_time_table *, std::tuple<Structs...> *) {
    return true; // with columns of its own: batching::table_time
}
template <class Struct, class... Structs> constexpr bool any_is_a(Struct *, std::tuple<Structs...> *) {
    return (std::is_base_of_v<Struct, Structs> || ...);
}

#define IS_IN_CPP(name)                                                                                                \
    static_assert(any_is_a(static_cast<batching_##name *>(nullptr), static_cast<structs *>(nullptr)),                  \
                  "batching_" #name " has an _init function, but no struct of C++");
EVERY_INIT(IS_IN_CPP)

const std::array<std::int32_t, 2> output_length{2, 3};
const std::array<double, 2> start_time{0.0, 0.5}, end_time{1.0, 2.0};
const std::array<std::int64_t, 2> ids{0, 1};

batching::requests_view two_requests() {
    batching::requests_view requests;
    requests.set_output_length(output_length);
    return requests;
}

batching::completed_view two_completed() {
    batching::completed_view completed;
    completed.set_start_time(start_time).set_end_time(end_time).set_tokens_generated(output_length);
    return completed;
}

batching::recorded_view two_recorded() {
    batching::recorded_view recorded;
    recorded.set_end_time(end_time).set_output_length(output_length);
    return recorded;
}

const double later_value = 1.0;

/// That a call works as long as what is new in `given` is 0, and that it is told what is set there.
template <class Struct, class Call> void gets_to_the_library(const std::string &argument, Struct given, Call call) {
    CAPTURE(argument);
    CHECK_NOTHROW(call(given));
    const auto is_refused = [&] {
        try {
            call(given);
        } catch (const batching::invalid_argument &error) {
            return error.status() == BATCHING_ERROR_STRUCT_SIZE &&
                   std::string(error.what()).find(argument + ".struct_size is ") == 0;
        }
        return false;
    };
    given.later_number = 1;
    CHECK(is_refused());
    given.later_number = 0;
    given.later_column = &later_value;
    CHECK(is_refused());
}

} // namespace

TEST_CASE_TEMPLATE_DEFINE("a later field is there in every struct", Struct, every_struct) {
    Struct made;
    CHECK(made.later_number == 0);
    CHECK(made.later_column == nullptr);
    CHECK(made.struct_size == sizeof(typename Struct::c_struct));
    made.later_number = 7;
    const Struct copy = made;
    CHECK(copy.later_number == 7);
}
TEST_CASE_TEMPLATE_APPLY(every_struct, structs);

TEST_CASE("what is set in a later field of an input gets to the library") {
    const auto run = [](const auto &requests) { batching::simulate(requests); };
    gets_to_the_library("requests", two_requests(), run);
    gets_to_the_library("requests", batching::requests({}, {2, 3}, {}), run);
    gets_to_the_library("requests", two_requests(),
                        [](const auto &requests) { batching::continuous_simulate(requests, 1); });
    gets_to_the_library("client", batching::client(),
                        [](const auto &client) { batching::simulate(two_requests().set_client(client)); });
    gets_to_the_library("config", batching::engine_config(),
                        [](const auto &config) { batching::simulate(two_requests(), config); });
    gets_to_the_library("config", batching::engine_config(), [](const auto &config) { batching::live_engine{config}; });
    gets_to_the_library("workload", batching::workload(),
                        [](const auto &kind) { batching::generate_workload(2, kind); });
    gets_to_the_library("completed", two_completed(),
                        [](const auto &completed) { batching::calculate_batch_metrics(completed, 2.0); });
    gets_to_the_library("recorded", two_recorded(), [](const auto &recorded) { batching::measure(recorded); });
    gets_to_the_library("config", batching::serving_metrics_config(),
                        [](const auto &config) { batching::measure(two_recorded(), config); });
    gets_to_the_library("config", batching::load_config(),
                        [](const auto &config) { batching::calculate_load(two_recorded(), config); });
    gets_to_the_library("config", batching::accumulator_config(),
                        [](const auto &config) { batching::accumulator{config}; });
    const auto known_model = batching::find_model("Yi-34B");
    const auto known_gpu = batching::find_gpu("L4");
    gets_to_the_library("deployment", batching::deployment(known_model, known_gpu),
                        [](const auto &deployment) { batching::calculate_memory(deployment); });
    gets_to_the_library("model", known_model,
                        [&](const auto &model) { batching::calculate_memory(batching::deployment(model, known_gpu)); });
    gets_to_the_library("gpu", known_gpu,
                        [&](const auto &gpu) { batching::calculate_roofline(batching::deployment(known_model, gpu)); });
    batching::iterations_view iterations;
    iterations.set_decode_tokens(ids);
    gets_to_the_library("iterations", iterations, [](const auto &given) {
        batching::calculate_iteration_times(batching::engine_config(), given);
    });
    std::vector<std::int32_t> lengths;
    std::vector<double> first, end;
    for (int at = 0; at < 16; at++) {
        lengths.push_back(1 + at);
        first.push_back(0.1 + 0.01 * at);
        end.push_back(0.5 + 0.02 * at);
    }
    batching::calibration_config quick;
    quick.simulations = 1;
    gets_to_the_library("config", quick, [&](const auto &config) {
        batching::recorded_view log;
        log.set_first_token_time(first).set_end_time(end).set_output_length(lengths);
        batching::calibrate(batching::requests_view({}, lengths, {}), log, config);
    });
    gets_to_the_library("config", batching::calibration_config(),
                        [](const auto &config) { batching::live_calibration{config}; });
    gets_to_the_library("config", batching::router_config(), [](const auto &config) {
        auto of_two = config;
        of_two.workers = 2;
        batching::router{of_two};
    });
    gets_to_the_library("request", batching::routing_request(1), [](const auto &request) {
        batching::router(batching::router_config(batching::router_name::round_robin, 2)).route(request);
    });
    batching::worker_metrics_view metrics;
    metrics.set_waiting(ids);
    gets_to_the_library("metrics", metrics, [](const auto &told) {
        batching::router(batching::router_config(batching::router_name::round_robin, 2)).observe(told);
    });
    batching::autoscaler_config replicas(batching::autoscaler_name::hpa);
    replicas.target = 1;
    gets_to_the_library("config", replicas, [](const auto &config) { batching::autoscaler{config}; });
    gets_to_the_library("readings", batching::scaling_readings_view(),
                        [&](const auto &readings) { batching::autoscaler(replicas).decide(readings); });
    batching::accumulator_events_view events;
    events.set_request(ids).set_time(start_time);
    gets_to_the_library("events", events, [](const auto &told) {
        batching::accumulator live;
        live.arrived(0, 0.0);
        live.arrived(1, 0.0);
        live.add(told);
    });
}

TEST_CASE("what is set in a later field of columns to write gets to the library") {
    std::vector<double> column(2);
    batching::results_view results;
    results.set_end_time(column);
    gets_to_the_library("results", results,
                        [](const auto &wanted) { batching::simulate_into(two_requests(), {}, wanted); });
    batching::attribution_view attribution;
    attribution.set_decode(column);
    gets_to_the_library("attribution", attribution,
                        [](const auto &wanted) { batching::simulate_into(two_requests(), {}, {}, {}, wanted); });
    gets_to_the_library("iteration_log", batching::iteration_log_view(), [](const auto &log) {
        batching::simulate_into(two_requests(), {}, {}, {log, {}});
    });
    gets_to_the_library("decision_log", batching::decision_log_view(), [](const auto &log) {
        batching::simulate_into(two_requests(), {}, {}, {{}, log});
    });
    batching::latencies_view latencies;
    latencies.set_queue_time(column);
    gets_to_the_library("latencies", latencies,
                        [](const auto &wanted) { batching::latencies_calculate(two_completed(), wanted); });
    gets_to_the_library("timeline", batching::load_timeline_view(),
                        [](auto timeline) { batching::calculate_load(two_recorded(), {}, &timeline); });
}

TEST_CASE("a later field of what is told can be read, and is 0 of a library that does not know it") {
    const auto run = batching::simulate(two_requests());
    CHECK(run.summary.later_number == 0);
    CHECK(run.summary.finished == 2);
    CHECK(batching::continuous_simulate(two_requests(), 2).later_number == 0);
    CHECK(batching::compare_batching_strategies(two_requests(), 2).later_number == 0);
    CHECK(batching::calculate_batch_metrics(two_completed(), 2.0).later_number == 0);
    const auto metrics = batching::measure(two_recorded());
    CHECK(metrics.later_number == 0);
    CHECK(metrics.e2e.later_number == 0);
    CHECK(metrics.e2e.mean == 1.5);
    CHECK(batching::calculate_load(two_recorded()).later_number == 0);
    const auto model = batching::find_model("Yi-34B");
    const auto gpu = batching::find_gpu("L4");
    CHECK(model.later_number == 0);
    CHECK(gpu.later_number == 0);
    const batching::deployment deployment(model, gpu);
    CHECK(batching::calculate_memory(deployment).later_number == 0);
    CHECK(batching::calculate_roofline(deployment).later_number == 0);
    const batching::profile profile(R"({"format": "batching profile", "version": 1, "iteration_time": 1})");
    CHECK(profile.facts().later_number == 0);
    CHECK(profile.engine_config().later_number == 0);
    CHECK(batching::live_engine().observe().later_number == 0);
    CHECK(batching::live_fleet({batching::fleet_pool()}).observe().later_number == 0);
    CHECK(batching::accumulator().observe().later_number == 0);
    CHECK(batching::live_calibration().observe().later_number == 0);
}
