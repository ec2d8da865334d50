/*
 * batching.hpp: batching.h for C++17 and later, with views, vectors and exceptions.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * Header only, over the C functions: link libbatching as from C. What each function computes, its units, ranges and
 * complexity stand in batching.h and hold here. This header adds, and nothing else:
 *
 *   1. Errors      exceptions instead of statuses
 *   2. Columns     views instead of pointers and counts; sizes that contradict each other are an error
 *   3. Simulators  and metrics over columns: nothing is copied; the caller may bring the result columns too
 *   4. Textbook    the same over std::vector<batching::request>, one object a request
 *   5. Capacity    and workloads
 *
 * A first program: examples/cpp/compare.cpp.
 */
#ifndef BATCHING_HPP
#define BATCHING_HPP

#include "batching.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace batching {

/* ================================================================================================================
 * 1. Errors
 * ================================================================================================================ */

/**
 * What every exception of this library is, beside the standard exception of its kind: so both
 * `catch (const batching::error &)` and `catch (const std::exception &)` catch them all, and a host that already
 * handles std::bad_alloc or std::invalid_argument needs nothing new. (It is not a std::exception itself, since an
 * object with two of these is caught as neither.)
 */
class error {
  public:
    virtual ~error() = default;

    /// One sentence that names the argument, the index and the value.
    virtual const char *what() const noexcept { return sentence_.what(); }

    /// The status that the C function returned.
    batching_status status() const noexcept { return status_; }

  protected:
    error(batching_status status, const std::string &sentence) : status_(status), sentence_(sentence) {}

  private:
    batching_status status_;
    // A standard exception keeps its text such that copying it cannot fail, which std::string does not.
    std::runtime_error sentence_;
};

/// An argument is out of its range, missing, too short, or contradicts another one.
class invalid_argument : public std::invalid_argument, public error {
  public:
    invalid_argument(batching_status status, const std::string &sentence)
        : std::invalid_argument(sentence), error(status, sentence) {}
    const char *what() const noexcept override { return error::what(); }
};

/// A result is beyond what its type, or the clock, can hold.
class overflow_error : public std::overflow_error, public error {
  public:
    overflow_error(batching_status status, const std::string &sentence)
        : std::overflow_error(sentence), error(status, sentence) {}
    const char *what() const noexcept override { return error::what(); }
};

/// The memory that the library needs could not be had. The vectors of this header throw plain std::bad_alloc.
class out_of_memory : public std::bad_alloc, public error {
  public:
    out_of_memory(batching_status status, const std::string &sentence) : error(status, sentence) {}
    const char *what() const noexcept override { return error::what(); }
};

/* ================================================================================================================
 * 2. Columns
 * ================================================================================================================ */

/**
 * A view of someone else's elements, as std::span of C++20: a pointer and a size. Made from a std::vector, std::array,
 * array or std::span that has a name; a temporary would be gone before the view is used.
 *
 * column<const double> is read, column<double> is written.
 */
template <class Element> class column {
    template <class Other>
    static constexpr bool points_to = std::is_convertible_v<std::remove_pointer_t<Other> (*)[], Element (*)[]>;

  public:
    constexpr column(Element *data, std::size_t size) noexcept : data_(data), size_(size) {}

    template <class Container, class = std::enable_if_t<points_to<decltype(std::data(std::declval<Container &>()))>>>
    constexpr column(Container &container) noexcept : data_(std::data(container)), size_(std::size(container)) {}

    template <class Other, class = std::enable_if_t<points_to<Other *>>>
    constexpr column(const column<Other> &other) noexcept : data_(other.data()), size_(other.size()) {}

    constexpr Element *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr Element *begin() const noexcept { return data_; }
    constexpr Element *end() const noexcept { return data_ + size_; }
    constexpr Element &operator[](std::size_t index) const { return data_[index]; }

  private:
    Element *data_;
    std::size_t size_;
};

/// A column that may be left out: an input then has its default, an output is not wanted.
template <class Element> using optional_column = std::optional<column<Element>>;

/// batching_requests: as many requests as its columns have elements, all the same number.
struct requests_view {
    optional_column<const std::int32_t> prompt_length; ///< tokens, each at least 0
    optional_column<const std::int32_t> output_length; ///< tokens, each at least 1
    optional_column<const double> arrival_time;        ///< seconds
};

/// batching_results: columns of the caller with at least as many elements as there are requests.
struct results_view {
    optional_column<double> start_time;             ///< seconds
    optional_column<double> first_token_time;       ///< seconds
    optional_column<double> end_time;               ///< seconds
    optional_column<std::int32_t> tokens_generated; ///< tokens
    optional_column<std::int64_t> completion_order; ///< indices of the requests
};

/// batching_completed: as many requests as its columns have elements, all the same number.
struct completed_view {
    optional_column<const double> arrival_time;           ///< seconds
    optional_column<const double> start_time;             ///< seconds; required
    optional_column<const double> first_token_time;       ///< seconds; NaN: unknown
    optional_column<const double> end_time;               ///< seconds; required
    optional_column<const std::int32_t> tokens_generated; ///< tokens; required
};

/// batching_latencies: columns of the caller with at least as many elements as there are requests.
struct latencies_view {
    optional_column<double> queue_time;          ///< seconds
    optional_column<double> processing_time;     ///< seconds
    optional_column<double> total_latency;       ///< seconds
    optional_column<double> time_to_first_token; ///< seconds
};

/// Requests that own their columns.
struct requests {
    std::vector<std::int32_t> prompt_length;
    std::vector<std::int32_t> output_length;
    std::vector<double> arrival_time;

    operator requests_view() const { return {prompt_length, output_length, arrival_time}; }
};

/// Results that own their columns.
struct results {
    std::vector<double> start_time;
    std::vector<double> first_token_time;
    std::vector<double> end_time;
    std::vector<std::int32_t> tokens_generated;
    std::vector<std::int64_t> completion_order;

    operator results_view() { return {start_time, first_token_time, end_time, tokens_generated, completion_order}; }
};

/// The latencies of requests, with columns that they own.
struct latencies {
    std::vector<double> queue_time;
    std::vector<double> processing_time;
    std::vector<double> total_latency;
    std::vector<double> time_to_first_token;

    operator latencies_view() { return {queue_time, processing_time, total_latency, time_to_first_token}; }
};

// The structs without columns are those of C; their struct_size is set.
using summary = ::batching_summary;
using batch_metrics = ::batching_batch_metrics;
using comparison = ::batching_comparison;
using workload = ::batching_workload;

namespace detail {

[[noreturn]] inline void throw_error(batching_status status, const std::string &sentence) {
    // New statuses are added between the old ones: whatever lies beside one is of its kind.
    if (status >= BATCHING_ERROR_OUT_OF_MEMORY) {
        throw out_of_memory(status, sentence);
    }
    if (status >= BATCHING_ERROR_OVERFLOW) {
        throw overflow_error(status, sentence);
    }
    throw invalid_argument(status, sentence);
}

inline void check(batching_status status) {
    if (status != BATCHING_OK) {
        throw_error(status, batching_last_error());
    }
}

/// A C struct as its _init function makes it.
template <class Struct> Struct initialized(batching_status (*init)(Struct *, std::uint32_t)) {
    Struct value;
    check(init(&value, sizeof value));
    return value;
}

/// Finds out how many requests there are, and that all columns agree on it.
class column_sizes {
  public:
    /// The column's pointer, if it has the size of every input column before it.
    template <class Element> Element *input(const char *name, const optional_column<Element> &given) {
        if (!given) {
            return nullptr;
        }
        if (name_ == nullptr) {
            name_ = name;
            size_ = given->size();
        } else if (given->size() != size_) {
            disagree(BATCHING_ERROR_INVALID_ARGUMENT, name, given->size());
        }
        return given->data();
    }

    /// The column's pointer, if it has room for an element of every request.
    template <class Element> Element *output(const char *name, const optional_column<Element> &given) const {
        if (!given) {
            return nullptr;
        }
        if (given->size() < size_) {
            disagree(BATCHING_ERROR_CAPACITY, name, given->size());
        }
        return given->data();
    }

    std::int64_t count() const { return static_cast<std::int64_t>(size_); }

  private:
    [[noreturn]] void disagree(batching_status status, const char *name, std::size_t size) const {
        throw invalid_argument(status, std::string(name) + " has " + std::to_string(size) + " elements, but " + name_ +
                                           " has " + std::to_string(size_));
    }

    const char *name_ = nullptr;
    std::size_t size_ = 0;
};

inline batching_requests borrow(const requests_view &view, column_sizes &sizes) {
    auto borrowed = initialized(batching_requests_init);
    borrowed.prompt_length = sizes.input("prompt_length", view.prompt_length);
    borrowed.output_length = sizes.input("output_length", view.output_length);
    borrowed.arrival_time = sizes.input("arrival_time", view.arrival_time);
    borrowed.count = sizes.count();
    return borrowed;
}

inline batching_results borrow(const results_view &view, const column_sizes &sizes) {
    auto borrowed = initialized(batching_results_init);
    borrowed.start_time = sizes.output("start_time", view.start_time);
    borrowed.first_token_time = sizes.output("first_token_time", view.first_token_time);
    borrowed.end_time = sizes.output("end_time", view.end_time);
    borrowed.tokens_generated = sizes.output("tokens_generated", view.tokens_generated);
    borrowed.completion_order = sizes.output("completion_order", view.completion_order);
    borrowed.capacity = sizes.count();
    return borrowed;
}

inline batching_completed borrow(const completed_view &view, column_sizes &sizes) {
    auto borrowed = initialized(batching_completed_init);
    borrowed.start_time = sizes.input("start_time", view.start_time);
    borrowed.end_time = sizes.input("end_time", view.end_time);
    borrowed.tokens_generated = sizes.input("tokens_generated", view.tokens_generated);
    borrowed.arrival_time = sizes.input("arrival_time", view.arrival_time);
    borrowed.first_token_time = sizes.input("first_token_time", view.first_token_time);
    borrowed.count = sizes.count();
    return borrowed;
}

inline batching_latencies borrow(const latencies_view &view, const column_sizes &sizes) {
    auto borrowed = initialized(batching_latencies_init);
    borrowed.queue_time = sizes.output("queue_time", view.queue_time);
    borrowed.processing_time = sizes.output("processing_time", view.processing_time);
    borrowed.total_latency = sizes.output("total_latency", view.total_latency);
    borrowed.time_to_first_token = sizes.output("time_to_first_token", view.time_to_first_token);
    borrowed.capacity = sizes.count();
    return borrowed;
}

using simulator = batching_status (*)(const batching_requests *, std::int64_t, double, const batching_results *,
                                      batching_summary *);

inline summary simulate(simulator policy, const requests_view &requests, std::int64_t batch_size, double time_per_token,
                        const results_view &results) {
    column_sizes sizes;
    const auto borrowed_requests = borrow(requests, sizes);
    const auto borrowed_results = borrow(results, sizes);
    auto result = initialized(batching_summary_init);
    check(policy(&borrowed_requests, batch_size, time_per_token, &borrowed_results, &result));
    return result;
}

} // namespace detail

/* ================================================================================================================
 * 3. Simulators and metrics over columns
 * ================================================================================================================ */

/// batching_static_simulate into columns of the caller. Allocates nothing here.
inline summary static_simulate(const requests_view &requests, std::int64_t batch_size, double time_per_token = 0.01,
                               const results_view &results = {}) {
    return detail::simulate(batching_static_simulate, requests, batch_size, time_per_token, results);
}

/// batching_continuous_simulate into columns of the caller. Allocates nothing here.
inline summary continuous_simulate(const requests_view &requests, std::int64_t max_batch_size,
                                   double time_per_token = 0.01, const results_view &results = {}) {
    return detail::simulate(batching_continuous_simulate, requests, max_batch_size, time_per_token, results);
}

/// batching_latencies_calculate into columns of the caller. Allocates nothing.
inline void latencies_calculate(const completed_view &completed, const latencies_view &latencies) {
    detail::column_sizes sizes;
    const auto borrowed_completed = detail::borrow(completed, sizes);
    const auto borrowed_latencies = detail::borrow(latencies, sizes);
    detail::check(batching_latencies_calculate(&borrowed_completed, &borrowed_latencies));
}

/// batching_remaining_tokens_calculate into a column of the caller. Allocates nothing.
inline void remaining_tokens_calculate(column<const std::int32_t> output_length,
                                       column<const std::int32_t> tokens_generated,
                                       column<std::int32_t> remaining_tokens) {
    detail::column_sizes sizes;
    const auto *output = sizes.input<const std::int32_t>("output_length", output_length);
    const auto *generated = sizes.input<const std::int32_t>("tokens_generated", tokens_generated);
    auto *remaining = sizes.output<std::int32_t>("remaining_tokens", remaining_tokens);
    detail::check(batching_remaining_tokens_calculate(sizes.count(), output, generated, remaining));
}

/// batching_batch_metrics_calculate.
inline batch_metrics calculate_batch_metrics(const completed_view &completed, double total_time) {
    detail::column_sizes sizes;
    const auto borrowed = detail::borrow(completed, sizes);
    auto metrics = detail::initialized(batching_batch_metrics_init);
    detail::check(batching_batch_metrics_calculate(&borrowed, total_time, &metrics));
    return metrics;
}

/// batching_strategies_compare.
inline comparison compare_batching_strategies(const requests_view &requests, std::int64_t batch_size,
                                              double time_per_token = 0.01) {
    detail::column_sizes sizes;
    const auto borrowed = detail::borrow(requests, sizes);
    auto result = detail::initialized(batching_comparison_init);
    detail::check(batching_strategies_compare(&borrowed, batch_size, time_per_token, &result));
    return result;
}

/// What a simulator tells: of each request, in the order of the requests, and of the whole run.
struct simulation {
    batching::results results;
    batching::summary summary;

    /// The run as completed requests, for the metrics. `requests` are those that were simulated.
    completed_view completed(const requests_view &requests) const {
        return {requests.arrival_time, results.start_time, results.first_token_time, results.end_time,
                results.tokens_generated};
    }
};

namespace detail {

inline simulation simulate(simulator policy, const requests_view &requests, std::int64_t batch_size,
                           double time_per_token) {
    column_sizes sizes;
    const auto count = static_cast<std::size_t>(borrow(requests, sizes).count);
    simulation run{{std::vector<double>(count), std::vector<double>(count), std::vector<double>(count),
                    std::vector<std::int32_t>(count), std::vector<std::int64_t>(count)},
                   {}};
    run.summary = simulate(policy, requests, batch_size, time_per_token, run.results);
    return run;
}

} // namespace detail

/// Static batching, with results of its own.
inline simulation static_batch_simulation(const requests_view &requests, std::int64_t batch_size,
                                          double time_per_token = 0.01) {
    return detail::simulate(batching_static_simulate, requests, batch_size, time_per_token);
}

/// Continuous batching, with results of its own.
inline simulation continuous_batch_simulation(const requests_view &requests, std::int64_t max_batch_size,
                                              double time_per_token = 0.01) {
    return detail::simulate(batching_continuous_simulate, requests, max_batch_size, time_per_token);
}

/// The latencies of completed requests, with columns of their own.
inline latencies calculate_latencies(const completed_view &completed) {
    detail::column_sizes sizes;
    const auto count = static_cast<std::size_t>(detail::borrow(completed, sizes).count);
    latencies result{std::vector<double>(count), std::vector<double>(count), std::vector<double>(count),
                     std::vector<double>(count)};
    latencies_calculate(completed, result);
    return result;
}

/* ================================================================================================================
 * 4. The textbook form: one object a request
 * ================================================================================================================ */

/// A request, and after a simulation what became of it.
struct request {
    std::int64_t id = 0;
    std::int32_t prompt_length = 0;         ///< tokens, at least 0
    std::int32_t output_length = 1;         ///< tokens, at least 1
    double arrival_time = 0.0;              ///< seconds
    std::optional<double> start_time;       ///< seconds; filled by the simulators
    std::optional<double> end_time;         ///< seconds; filled by the simulators
    std::int32_t tokens_generated = 0;      ///< tokens; filled by the simulators
    std::optional<double> first_token_time; ///< seconds; filled by the simulators

    bool is_complete() const noexcept { return tokens_generated >= output_length; }

    /// Never negative.
    std::int64_t remaining_tokens() const noexcept {
        return std::max<std::int64_t>(0, std::int64_t{output_length} - tokens_generated);
    }
};

/// What the textbook simulators return.
struct textbook_simulation {
    std::vector<request> completed_requests; ///< new requests, in order of completion; ties: of admission
    double total_time;                       ///< seconds: the end of the last completion
    double throughput;                       ///< tokens per second
};

/// Where a request's time went, in seconds. See batching_latencies_calculate.
struct request_latency {
    double queue_time;
    double processing_time;
    double total_latency;
    double time_to_first_token;
    std::int32_t tokens_generated;
};

namespace detail {

inline requests columns_of(const std::vector<request> &given) {
    requests columns;
    columns.prompt_length.reserve(given.size());
    columns.output_length.reserve(given.size());
    columns.arrival_time.reserve(given.size());
    for (const request &each : given) {
        columns.prompt_length.push_back(each.prompt_length);
        columns.output_length.push_back(each.output_length);
        columns.arrival_time.push_back(each.arrival_time);
    }
    return columns;
}

inline textbook_simulation simulate(simulator policy, const std::vector<request> &given, std::int64_t batch_size,
                                    double time_per_token) {
    const simulation run = simulate(policy, columns_of(given), batch_size, time_per_token);
    textbook_simulation result{{}, run.summary.total_time, run.summary.throughput};
    result.completed_requests.reserve(given.size());
    for (const std::int64_t completed : run.results.completion_order) {
        const auto index = static_cast<std::size_t>(completed);
        request each = given[index];
        each.start_time = run.results.start_time[index];
        each.first_token_time = run.results.first_token_time[index];
        each.end_time = run.results.end_time[index];
        each.tokens_generated = run.results.tokens_generated[index];
        result.completed_requests.push_back(each);
    }
    return result;
}

inline double known_time(const char *name, const std::optional<double> &time, const request &of) {
    if (!time) {
        throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT, std::string(name) + " of request " +
                                                                    std::to_string(of.id) +
                                                                    " is missing: it has not been simulated");
    }
    return *time;
}

/// The columns of completed requests, and the view of them.
struct completed_columns {
    std::vector<double> arrival_time, start_time, first_token_time, end_time;
    std::vector<std::int32_t> tokens_generated;

    void append(const request &completed) {
        arrival_time.push_back(completed.arrival_time);
        start_time.push_back(known_time("start_time", completed.start_time, completed));
        end_time.push_back(known_time("end_time", completed.end_time, completed));
        first_token_time.push_back(completed.first_token_time.value_or(std::numeric_limits<double>::quiet_NaN()));
        tokens_generated.push_back(completed.tokens_generated);
    }

    operator completed_view() const { return {arrival_time, start_time, first_token_time, end_time, tokens_generated}; }
};

} // namespace detail

/// Static batching. The given requests are not modified; an error names the index in them.
inline textbook_simulation static_batch_simulation(const std::vector<request> &requests, std::int64_t batch_size,
                                                   double time_per_token = 0.01) {
    return detail::simulate(batching_static_simulate, requests, batch_size, time_per_token);
}

/// Continuous batching. The given requests are not modified; an error names the index in them.
inline textbook_simulation continuous_batch_simulation(const std::vector<request> &requests,
                                                       std::int64_t max_batch_size, double time_per_token = 0.01) {
    return detail::simulate(batching_continuous_simulate, requests, max_batch_size, time_per_token);
}

/// Where the request's time went. Throws invalid_argument if it has no start_time or end_time.
inline request_latency calculate_request_latency(const request &completed) {
    detail::completed_columns columns;
    columns.append(completed);
    const latencies calculated = calculate_latencies(columns);
    return {calculated.queue_time[0], calculated.processing_time[0], calculated.total_latency[0],
            calculated.time_to_first_token[0], completed.tokens_generated};
}

/// The metrics of a batch. Throws invalid_argument if a request has no start_time or end_time.
inline batch_metrics calculate_batch_metrics(const std::vector<request> &completed_requests, double total_time) {
    detail::completed_columns columns;
    for (const request &each : completed_requests) {
        columns.append(each);
    }
    return calculate_batch_metrics(static_cast<completed_view>(columns), total_time);
}

/// Both simulators on the same requests, and how much better continuous batching does.
inline comparison compare_batching_strategies(const std::vector<request> &requests, std::int64_t batch_size,
                                              double time_per_token = 0.01) {
    const auto columns = detail::columns_of(requests);
    return compare_batching_strategies(static_cast<requests_view>(columns), batch_size, time_per_token);
}

/* ================================================================================================================
 * 5. Capacity and workloads
 * ================================================================================================================ */

/// batching_arithmetic_intensity_calculate.
inline double calculate_arithmetic_intensity_with_batch(std::int64_t batch_size, double model_memory_bytes,
                                                        double flops_per_token = 2.0) {
    double intensity = 0.0;
    detail::check(batching_arithmetic_intensity_calculate(batch_size, model_memory_bytes, flops_per_token, &intensity));
    return intensity;
}

/// batching_optimal_batch_size_calculate.
inline std::int64_t optimal_batch_size(double memory_budget, double model_memory, double kv_cache_per_token,
                                       std::int64_t max_seq_len) {
    std::int64_t batch_size = 0;
    detail::check(batching_optimal_batch_size_calculate(memory_budget, model_memory, kv_cache_per_token, max_seq_len,
                                                        &batch_size));
    return batch_size;
}

/// The workload of batching_workload_init.
inline workload initial_workload() {
    return detail::initialized(batching_workload_init);
}

/// Columns of the caller for a workload, all of one size: as many requests are generated.
struct workload_view {
    optional_column<std::int32_t> prompt_length; ///< tokens
    optional_column<std::int32_t> output_length; ///< tokens
    optional_column<double> arrival_time;        ///< seconds
};

/// batching_workload_generate into columns of the caller. Allocates nothing.
inline void workload_generate(const workload &kind, const workload_view &columns) {
    detail::column_sizes sizes;
    auto *prompt_length = sizes.input("prompt_length", columns.prompt_length);
    auto *output_length = sizes.input("output_length", columns.output_length);
    auto *arrival_time = sizes.input("arrival_time", columns.arrival_time);
    detail::check(batching_workload_generate(&kind, sizes.count(), prompt_length, output_length, arrival_time));
}

/// A workload with columns of its own.
inline requests generate_workload(std::int64_t num_requests, const workload &kind = initial_workload()) {
    requests generated;
    const auto count = static_cast<std::size_t>(num_requests);
    if (num_requests < 0) {
        detail::throw_error(BATCHING_ERROR_INVALID_ARGUMENT,
                            "num_requests is " + std::to_string(num_requests) + ": must be at least 0");
    }
    if (count > generated.arrival_time.max_size()) {
        detail::throw_error(BATCHING_ERROR_OUT_OF_MEMORY,
                            "num_requests is " + std::to_string(num_requests) + ": beyond the memory there is");
    }
    generated.prompt_length.resize(count);
    generated.output_length.resize(count);
    generated.arrival_time.resize(count);
    workload_generate(kind, {generated.prompt_length, generated.output_length, generated.arrival_time});
    return generated;
}

/// The ends of a range of lengths, both included.
using length_range = std::pair<std::int32_t, std::int32_t>;

/// A workload as requests with the ids 0, 1, 2, … in order of arrival.
inline std::vector<request> simulate_workload(std::int64_t num_requests, length_range prompt_length_range = {50, 200},
                                              length_range output_length_range = {20, 500}, double arrival_rate = 10.0,
                                              std::uint64_t seed = 42) {
    workload kind = initial_workload();
    kind.seed = seed;
    std::tie(kind.prompt_length_min, kind.prompt_length_max) = prompt_length_range;
    std::tie(kind.output_length_min, kind.output_length_max) = output_length_range;
    kind.arrival_rate = arrival_rate;
    const requests columns = generate_workload(num_requests, kind);
    std::vector<request> generated(columns.arrival_time.size());
    for (std::size_t index = 0; index < generated.size(); ++index) {
        generated[index].id = static_cast<std::int64_t>(index);
        generated[index].prompt_length = columns.prompt_length[index];
        generated[index].output_length = columns.output_length[index];
        generated[index].arrival_time = columns.arrival_time[index];
    }
    return generated;
}

} // namespace batching

#endif /* BATCHING_HPP */
