// Exceptions: what they are, what they say, and what becomes of a status.
#include "lesson.hpp"

#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <sys/resource.h>

namespace {

template <class Exception, class Call> bool is_caught_as(Call call) {
    try {
        call();
    } catch (const Exception &) {
        return true;
    } catch (...) {
        return false;
    }
    return false;
}

} // namespace

TEST_CASE("an error names the argument, the index and the value") {
    auto requests = lesson_requests();
    requests[2].output_length = -3;
    try {
        batching::static_batch_simulation(requests, 2);
        FAIL("nothing was thrown");
    } catch (const batching::invalid_argument &error) {
        CHECK(error.status() == BATCHING_ERROR_INVALID_ARGUMENT);
        CHECK(std::string(error.what()).find("output_length[2] is -3") == 0);
    }
}

TEST_CASE("every exception is a batching::error and a standard exception of its kind") {
    const auto invalid = [] { batching::static_batch_simulation(lesson_requests(), 0); };
    CHECK(is_caught_as<batching::error>(invalid));
    CHECK(is_caught_as<std::exception>(invalid));
    CHECK(is_caught_as<std::invalid_argument>(invalid));
    CHECK(is_caught_as<batching::invalid_argument>(invalid));

    const auto overflow = [] { batching::static_batch_simulation(lesson_requests(), 2, BATCHING_TIME_MAX); };
    CHECK(is_caught_as<batching::error>(overflow));
    CHECK(is_caught_as<std::exception>(overflow));
    CHECK(is_caught_as<std::overflow_error>(overflow));
    CHECK_FALSE(is_caught_as<std::invalid_argument>(overflow));

    const auto memory = [] { batching::simulate_workload(std::numeric_limits<std::int64_t>::max()); };
    CHECK(is_caught_as<batching::error>(memory));
    CHECK(is_caught_as<std::exception>(memory));
    CHECK(is_caught_as<std::bad_alloc>(memory));

    const auto cancelled = [] {
        batching::engine_config config;
        config.progress_interval = 1;
        config.set_progress_callback([](const batching::progress &) { return false; });
        batching::simulate(batching::requests{{1}, {9}, {0.0}}, config);
    };
    CHECK(is_caught_as<batching::error>(cancelled));
    CHECK(is_caught_as<std::exception>(cancelled));
    CHECK(is_caught_as<std::runtime_error>(cancelled));
    CHECK(is_caught_as<batching::cancelled>(cancelled));
}

TEST_CASE("a status becomes the exception of its kind, also one that a later library adds") {
    const auto kind_of = [](batching_status status) {
        const auto raise = [status] { batching::detail::throw_error(status, "why"); };
        return std::string(is_caught_as<batching::invalid_argument>(raise) ? "invalid argument"
                           : is_caught_as<batching::overflow_error>(raise) ? "overflow"
                           : is_caught_as<batching::out_of_memory>(raise)  ? "out of memory"
                           : is_caught_as<batching::cancelled>(raise)      ? "cancelled"
                           : is_caught_as<batching::busy>(raise)           ? "busy"
                                                                           : "nothing");
    };
    CHECK(kind_of(BATCHING_ERROR_INVALID_ARGUMENT) == "invalid argument");
    CHECK(kind_of(BATCHING_ERROR_NULL_POINTER) == "invalid argument");
    CHECK(kind_of(BATCHING_ERROR_STRUCT_SIZE) == "invalid argument");
    CHECK(kind_of(BATCHING_ERROR_CAPACITY) == "invalid argument");
    CHECK(kind_of(BATCHING_ERROR_CAPACITY + 50) == "invalid argument");
    CHECK(kind_of(BATCHING_ERROR_OVERFLOW) == "overflow");
    CHECK(kind_of(BATCHING_ERROR_OVERFLOW + 50) == "overflow");
    CHECK(kind_of(BATCHING_ERROR_OUT_OF_MEMORY) == "out of memory");
    CHECK(kind_of(BATCHING_ERROR_OUT_OF_MEMORY + 50) == "out of memory");
    CHECK(kind_of(BATCHING_ERROR_CANCELLED) == "cancelled");
    CHECK(kind_of(BATCHING_ERROR_CANCELLED + 50) == "cancelled");
    CHECK(kind_of(BATCHING_ERROR_BUSY) == "busy");
}

TEST_CASE("a lack of memory is a std::bad_alloc, and leaves the other handles as they are") {
    batching::accumulator live;
    live.arrived(7, 0.0, 100);

    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_DATA, &before) == 0);
    rlimit little = before;
    little.rlim_cur = rlim_t{1} << 30;
    REQUIRE(setrlimit(RLIMIT_DATA, &little) == 0);
    // Of 3,600 slots, with 169,000 bins each for the samples of six metrics, the counters alone take 2.4 GB.
    const auto create = [] {
        batching::accumulator_config config;
        config.slot_count = 3600;
        batching::accumulator{config};
    };
    const bool is_bad_alloc = is_caught_as<std::bad_alloc>(create);
    const bool is_out_of_memory = is_caught_as<batching::out_of_memory>(create);
    REQUIRE(setrlimit(RLIMIT_DATA, &before) == 0);
    CHECK(is_bad_alloc);
    CHECK(is_out_of_memory);

    live.tokens(7, 0.25, 1);
    live.finished(7, 0.5);
    CHECK(live.observe().arrived == 1);
}

TEST_CASE("an exception keeps its sentence when another error follows") {
    try {
        batching::optimal_batch_size(-1.0, 1.0, 1.0, 1);
        FAIL("nothing was thrown");
    } catch (const batching::error &error) {
        CHECK_THROWS_AS(batching::optimal_batch_size(1.0, 1.0, 1.0, 0), batching::error);
        CHECK(std::string(error.what()).find("memory_budget is -1.0") == 0);
    }
}

TEST_CASE("a negative number of requests is refused before memory is asked for") {
    CHECK_THROWS_WITH_AS(batching::generate_workload(-1), "num_requests is -1: must be at least 0",
                         batching::invalid_argument);
}

TEST_CASE("missing required columns are refused") {
    const std::vector<double> time{0.0};
    batching::completed_view completed;
    completed.set_start_time(time);
    try {
        batching::calculate_batch_metrics(completed, 1.0);
        FAIL("nothing was thrown");
    } catch (const batching::invalid_argument &error) {
        CHECK(error.status() == BATCHING_ERROR_NULL_POINTER);
        CHECK(std::string(error.what()).find("end_time is NULL") != std::string::npos);
    }
}
