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
 *   4. Engine      a modern scheduler, with functions of the caller for the iteration time, the progress and the logs
 *   5. Textbook    the simulators over std::vector<batching::request>, one object a request
 *   6. Metrics     of serving runs, capacity and workloads
 *   7. Accumulator the metrics of live traffic
 *
 * First programs: examples/cpp/compare.cpp, examples/cpp/engine.cpp.
 */
#ifndef BATCHING_HPP
#define BATCHING_HPP

#include "batching.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
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

/// A function of the caller returned false, and so stopped the run. (What such a function throws comes out as it is.)
class cancelled : public std::runtime_error, public error {
  public:
    cancelled(batching_status status, const std::string &sentence)
        : std::runtime_error(sentence), error(status, sentence) {}
    const char *what() const noexcept override { return error::what(); }
};

/// The handle is in use by another call.
class busy : public std::runtime_error, public error {
  public:
    busy(batching_status status, const std::string &sentence) : std::runtime_error(sentence), error(status, sentence) {}
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

/// What became of a request.
enum class request_status : std::int32_t {
    finished = BATCHING_REQUEST_FINISHED,
    unfinished = BATCHING_REQUEST_UNFINISHED,
    stuck = BATCHING_REQUEST_STUCK,
    aborted = BATCHING_REQUEST_ABORTED,
    rejected_model_length = BATCHING_REQUEST_REJECTED_MODEL_LENGTH,
    rejected_kv_memory = BATCHING_REQUEST_REJECTED_KV_MEMORY,
    rejected_token_budget = BATCHING_REQUEST_REJECTED_TOKEN_BUDGET,
};

/// batching_requests: as many requests as its columns have elements, all the same number, but for the hashes.
struct requests_view {
    optional_column<const std::int32_t> prompt_length; ///< tokens, each at least 0
    optional_column<const std::int32_t> output_length; ///< tokens, each at least 1
    optional_column<const double> arrival_time;        ///< seconds

    // For the engine.
    optional_column<const std::int32_t> priority = {};     ///< lower is more urgent
    optional_column<const std::int64_t> tie_break = {};    ///< lower goes first where priority and arrival are equal
    optional_column<const std::int64_t> hash_ids = {};     ///< those of all requests, one request after the other
    optional_column<const std::int64_t> hash_offsets = {}; ///< where the ids of each begin, and the last end
    std::int32_t hash_block_size = 0;                      ///< tokens that one hash id stands for, a multiple of
                                                           ///< block_size or a divisor; 0: block_size
    bool hash_covers_output = false;                       ///< whether the hash ids go on over the output
    optional_column<const std::int32_t> max_tokens = {};   ///< tokens asked for, each at least its output_length
    optional_column<const double> abort_time = {};         ///< seconds at which the client leaves; NaN: never
};

/// batching_results: columns of the caller with at least as many elements as there are requests.
struct results_view {
    optional_column<double> start_time;             ///< seconds
    optional_column<double> first_token_time;       ///< seconds
    optional_column<double> end_time;               ///< seconds
    optional_column<std::int32_t> tokens_generated; ///< tokens
    optional_column<std::int64_t> completion_order; ///< indices of the requests; -1 for those that do not complete

    optional_column<std::int32_t> preemptions = {};          ///< how often each was preempted
    optional_column<std::int32_t> prefix_cached_tokens = {}; ///< tokens found in the prefix cache on first admission
    optional_column<request_status> status = {};             ///< what became of it
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

namespace detail {

/// A column, left out if it has no elements.
template <class Container> auto unless_empty(Container &elements) {
    using view = column<std::remove_pointer_t<decltype(std::data(elements))>>;
    return std::size(elements) == 0 ? std::nullopt : std::optional<view>(elements);
}

} // namespace detail

/// Requests that own their columns. Those that are empty, other than output_length, are left out: their defaults hold.
struct requests {
    std::vector<std::int32_t> prompt_length;
    std::vector<std::int32_t> output_length;
    std::vector<double> arrival_time;

    // For the engine.
    std::vector<std::int32_t> priority = {};
    std::vector<std::int64_t> tie_break = {};
    std::vector<std::int64_t> hash_ids = {};
    std::vector<std::int64_t> hash_offsets = {};
    std::int32_t hash_block_size = 0;
    bool hash_covers_output = false;
    std::vector<std::int32_t> max_tokens = {};
    std::vector<double> abort_time = {};

    operator requests_view() const {
        return {detail::unless_empty(prompt_length),
                output_length,
                detail::unless_empty(arrival_time),
                detail::unless_empty(priority),
                detail::unless_empty(tie_break),
                detail::unless_empty(hash_ids),
                detail::unless_empty(hash_offsets),
                hash_block_size,
                hash_covers_output,
                detail::unless_empty(max_tokens),
                detail::unless_empty(abort_time)};
    }
};

/// Results that own their columns.
struct results {
    std::vector<double> start_time;
    std::vector<double> first_token_time;
    std::vector<double> end_time;
    std::vector<std::int32_t> tokens_generated;
    std::vector<std::int64_t> completion_order;

    // Of the engine; empty: left out.
    std::vector<std::int32_t> preemptions = {};
    std::vector<std::int32_t> prefix_cached_tokens = {};
    std::vector<request_status> status = {};

    operator results_view() {
        return {start_time,
                first_token_time,
                end_time,
                tokens_generated,
                completion_order,
                detail::unless_empty(preemptions),
                detail::unless_empty(prefix_cached_tokens),
                detail::unless_empty(status)};
    }
};

/// Completed requests that own their columns.
struct completed {
    std::vector<double> arrival_time;
    std::vector<double> start_time;
    std::vector<double> first_token_time;
    std::vector<double> end_time;
    std::vector<std::int32_t> tokens_generated;

    operator completed_view() const { return {arrival_time, start_time, first_token_time, end_time, tokens_generated}; }
};

/// The latencies of requests, with columns that they own.
struct latencies {
    std::vector<double> queue_time;
    std::vector<double> processing_time;
    std::vector<double> total_latency;
    std::vector<double> time_to_first_token;

    operator latencies_view() { return {queue_time, processing_time, total_latency, time_to_first_token}; }
};

/// batching_recorded: as many requests as its columns have elements, all the same number, but for the token times.
struct recorded_view {
    optional_column<const double> arrival_time;        ///< seconds
    optional_column<const double> start_time;          ///< seconds; NaN: unknown
    optional_column<const double> first_token_time;    ///< seconds; NaN: unknown
    optional_column<const double> end_time;            ///< seconds; required
    optional_column<const std::int32_t> prompt_length; ///< tokens
    optional_column<const std::int32_t> output_length; ///< tokens; required

    optional_column<const std::uint8_t> success = {};       ///< 1 or 0; left out: all 1
    optional_column<const double> token_times = {};         ///< seconds, those of a request one after the other
    optional_column<const std::int64_t> token_offsets = {}; ///< where those of each request begin, and the last end
};

/// Whose definitions hold where benchmark tools differ.
enum class convention : std::int32_t {
    vllm = BATCHING_CONVENTION_VLLM,
    sglang = BATCHING_CONVENTION_SGLANG,
    aiperf = BATCHING_CONVENTION_AIPERF,
};

/// How percentiles are taken.
enum class percentile_method : std::int32_t {
    linear = BATCHING_PERCENTILE_LINEAR,
    inverse_cdf = BATCHING_PERCENTILE_INVERSE_CDF,
    nearest = BATCHING_PERCENTILE_NEAREST,
};

/// batching_serving_metrics_config.
struct serving_metrics_config {
    batching::convention convention = batching::convention::vllm;
    batching::percentile_method percentile_method = batching::percentile_method::linear;
    std::optional<double> duration = {};  ///< seconds; left out: what the convention takes
    std::vector<double> percentiles = {}; ///< each in [0, 100]
    std::optional<double> slo_ttft = {};  ///< seconds, above 0
    std::optional<double> slo_tpot = {};  ///< seconds, above 0
    std::optional<double> slo_itl = {};   ///< seconds, above 0
    std::optional<double> slo_e2e = {};   ///< seconds, above 0

    std::optional<double> slo_due_by = {}; ///< seconds, above 0: only requests whose objectives were due are judged
};

/// batching_distribution, with its percentiles in the order in which they were asked for.
struct distribution : ::batching_distribution {
    std::vector<double> values_at_percentiles;
};

/// batching_serving_metrics, with all of its distributions. Its pointers to them are NULL.
struct serving_metrics : ::batching_serving_metrics {
    batching::distribution time_to_first_token;
    batching::distribution time_per_output_token;
    batching::distribution inter_token_latency;
    batching::distribution end_to_end;
    batching::distribution queueing;
    batching::distribution normalized;
};

// The structs without columns are those of C; their struct_size is set.
using summary = ::batching_summary;
using batch_metrics = ::batching_batch_metrics;
using comparison = ::batching_comparison;
using workload = ::batching_workload;

namespace detail {

[[noreturn]] inline void throw_error(batching_status status, const std::string &sentence) {
    // New statuses are added between the old ones: whatever lies beside one is of its kind.
    if (status >= BATCHING_ERROR_BUSY) {
        throw busy(status, sentence);
    }
    if (status >= BATCHING_ERROR_CANCELLED) {
        throw cancelled(status, sentence);
    }
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

/// The elements of a column of enumerators as what the library writes: their underlying type.
template <class Enumeration> std::int32_t *underlying(Enumeration *elements) {
    static_assert(std::is_same_v<std::underlying_type_t<Enumeration>, std::int32_t>);
    return reinterpret_cast<std::int32_t *>(elements);
}

/// The same of a column that is only read.
template <class Enumeration> const std::int32_t *underlying(const Enumeration *elements) {
    static_assert(std::is_same_v<std::underlying_type_t<Enumeration>, std::int32_t>);
    return reinterpret_cast<const std::int32_t *>(elements);
}

/// So many elements, in a sentence.
inline std::string elements(std::size_t size) {
    return std::to_string(size) + (size == 1 ? " element" : " elements");
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

    /// The pointer of a column that has one element more than the others.
    const std::int64_t *offsets(const char *name, const optional_column<const std::int64_t> &given) {
        if (!given) {
            return nullptr;
        }
        const std::size_t size = given->size();
        if (name_ == nullptr && size > 0) {
            name_ = name;
            size_ = size - 1;
        } else if (size != size_ + 1) {
            throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT, std::string(name) + " has " + elements(size) +
                                                                        ": must be " + std::to_string(size_ + 1) +
                                                                        ", one more than there are requests");
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
        throw invalid_argument(status, std::string(name) + " has " + elements(size) + ", but " + name_ + " has " +
                                           std::to_string(size_));
    }

    const char *name_ = nullptr;
    std::size_t size_ = 0;
};

/// Throws unless there are as many hash ids as the offsets say.
inline void check_hashes(const requests_view &view) {
    if (!view.hash_ids || !view.hash_offsets) {
        return;
    }
    const std::size_t last = view.hash_offsets->size() - 1;
    const std::int64_t end = (*view.hash_offsets)[last];
    if (end < 0 || static_cast<std::uint64_t>(end) != view.hash_ids->size()) {
        throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT, "hash_offsets[" + std::to_string(last) + "] is " +
                                                                    std::to_string(end) + ", but hash_ids has " +
                                                                    elements(view.hash_ids->size()));
    }
}

inline batching_requests borrow(const requests_view &view, column_sizes &sizes) {
    auto borrowed = initialized(batching_requests_init);
    borrowed.prompt_length = sizes.input("prompt_length", view.prompt_length);
    borrowed.output_length = sizes.input("output_length", view.output_length);
    borrowed.arrival_time = sizes.input("arrival_time", view.arrival_time);
    borrowed.priority = sizes.input("priority", view.priority);
    borrowed.tie_break = sizes.input("tie_break", view.tie_break);
    borrowed.max_tokens = sizes.input("max_tokens", view.max_tokens);
    borrowed.abort_time = sizes.input("abort_time", view.abort_time);
    borrowed.hash_offsets = sizes.offsets("hash_offsets", view.hash_offsets);
    check_hashes(view);
    borrowed.hash_ids = view.hash_ids ? view.hash_ids->data() : nullptr;
    borrowed.hash_block_size = view.hash_block_size;
    borrowed.hash_covers_output = view.hash_covers_output;
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
    borrowed.preemptions = sizes.output("preemptions", view.preemptions);
    borrowed.prefix_cached_tokens = sizes.output("prefix_cached_tokens", view.prefix_cached_tokens);
    borrowed.status = underlying(sizes.output("status", view.status));
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

inline batching_recorded borrow(const recorded_view &given, column_sizes &sizes) {
    auto recorded = initialized(batching_recorded_init);
    recorded.arrival_time = sizes.input("arrival_time", given.arrival_time);
    recorded.start_time = sizes.input("start_time", given.start_time);
    recorded.first_token_time = sizes.input("first_token_time", given.first_token_time);
    recorded.end_time = sizes.input("end_time", given.end_time);
    recorded.prompt_length = sizes.input("prompt_length", given.prompt_length);
    recorded.output_length = sizes.input("output_length", given.output_length);
    recorded.success = sizes.input("success", given.success);
    recorded.count = sizes.count();
    if (given.token_times) {
        const std::size_t offsets = given.token_offsets ? given.token_offsets->size() : 0;
        if (offsets != static_cast<std::size_t>(recorded.count) + 1 ||
            given.token_offsets->begin()[offsets - 1] != static_cast<std::int64_t>(given.token_times->size())) {
            throw_error(BATCHING_ERROR_INVALID_ARGUMENT,
                        "token_offsets must have one more element than there are requests, and end at the "
                        "number of token_times");
        }
        recorded.token_times = given.token_times->data();
        recorded.token_offsets = given.token_offsets->data();
    }
    return recorded;
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
 * 4. Engine
 * ================================================================================================================ */

/// How an engine schedules: see "Engine" in batching.h.
enum class policy : std::int32_t {
    vllm = BATCHING_POLICY_VLLM,
    static_batching = BATCHING_POLICY_STATIC,
    dynamic_batching = BATCHING_POLICY_DYNAMIC,
    continuous_batching = BATCHING_POLICY_CONTINUOUS,
    orca = BATCHING_POLICY_ORCA,
    custom = BATCHING_POLICY_CUSTOM,
};

/// In which order the waiting are admitted.
enum class queue_order : std::int32_t {
    arrival = BATCHING_QUEUE_ARRIVAL,
    priority = BATCHING_QUEUE_PRIORITY,
    shortest_output = BATCHING_QUEUE_SHORTEST_OUTPUT,
};

/// Why a run ended.
enum class end_reason : std::int32_t {
    completed = BATCHING_END_COMPLETED,
    time_limit = BATCHING_END_TIME_LIMIT,
    iteration_limit = BATCHING_END_ITERATION_LIMIT,
    stuck = BATCHING_END_STUCK,
};

/// What a row of a decision log tells.
enum class event : std::int32_t {
    rejected = BATCHING_EVENT_REJECTED,
    preempted = BATCHING_EVENT_PREEMPTED,
    admitted = BATCHING_EVENT_ADMITTED,
    resumed = BATCHING_EVENT_RESUMED,
    scheduled = BATCHING_EVENT_SCHEDULED,
    running = BATCHING_EVENT_RUNNING,
    waiting = BATCHING_EVENT_WAITING,
    first_token = BATCHING_EVENT_FIRST_TOKEN, ///< of a live engine
    finished = BATCHING_EVENT_FINISHED,
    aborted = BATCHING_EVENT_ABORTED,
};

// What the functions of the caller are given: the structs of C.
using iteration = ::batching_iteration;
using progress = ::batching_progress;

/**
 * A function of the caller: anything that can be called, whether it can be copied or only moved. Copies of a callback
 * share it, with its state; std::ref(function) leaves it where it is.
 *
 * What it throws stops the run, and comes out of the call that made the run. One that answers with a bool stops the run
 * with false, and the call throws cancelled; it may as well return nothing, and then always goes on.
 */
template <class Signature> class callback;

template <class Answer, class... Arguments> class callback<Answer(Arguments...)> {
    template <class Callable> static constexpr bool accepts() {
        using answer = std::invoke_result<Callable &, Arguments...>;
        if constexpr (!std::is_invocable_v<Callable &, Arguments...>) {
            return false;
        } else if constexpr (std::is_same_v<Answer, bool>) {
            // No int: in C, 0 goes on.
            return std::is_same_v<typename answer::type, bool> || std::is_void_v<typename answer::type>;
        } else {
            return std::is_convertible_v<typename answer::type, Answer>;
        }
    }

  public:
    template <class Callable, class Stored = std::decay_t<Callable>,
              class = std::enable_if_t<!std::is_same_v<Stored, callback> && accepts<Stored>()>>
    callback(Callable &&function)
        : function_(std::make_shared<Stored>(std::forward<Callable>(function))), call_(call<Stored>) {}

    // Without moves, there is none that is empty.
    callback(const callback &) = default;
    callback &operator=(const callback &) = default;

    Answer operator()(Arguments... arguments) const { return call_(function_.get(), arguments...); }

  private:
    template <class Stored> static Answer call(void *function, Arguments... arguments) {
        auto &stored = *static_cast<Stored *>(function);
        if constexpr (std::is_void_v<std::invoke_result_t<Stored &, Arguments...>>) {
            std::invoke(stored, arguments...);
            return true;
        } else {
            return static_cast<Answer>(std::invoke(stored, arguments...));
        }
    }

    std::shared_ptr<void> function_;
    Answer (*call_)(void *, Arguments...);
};

/// How long an iteration takes by BATCHING_TIME_AFFINE, in seconds: each at least 0.
struct affine_time {
    double base = 0.0;                ///< of each iteration
    double per_prefill_token = 0.0;   ///< a token of a prefill chunk
    double per_decode_token = 0.0;    ///< a sequence that decodes
    double per_context_token = 0.0;   ///< a token that those attend to
    double per_prefill_context = 0.0; ///< x the sum over chunks of tokens x context
};

/// batching_policy_view: what a policy of your own is shown. Its columns are valid until the policy returns.
struct policy_view {
    explicit policy_view(const ::batching_policy_view &told) : told_(&told) {}

    const ::batching_policy_view *operator->() const { return told_; }

    /// Tokens that a row has yet to compute before it generates another: the most that it can be given.
    std::int64_t uncomputed_tokens(std::int64_t row) const {
        return std::int64_t{told_->prompt_tokens[row]} + told_->generated_tokens[row] - told_->computed_tokens[row];
    }

    /// KV blocks that a row needs, beyond those it holds, to compute so many tokens.
    std::int64_t kv_blocks_needed(std::int64_t row, std::int64_t tokens) const {
        return (told_->computed_tokens[row] + tokens + told_->block_size - 1) / told_->block_size -
               told_->kv_blocks[row];
    }

  private:
    const ::batching_policy_view *told_;
};

/// batching_policy_decision: what a policy of your own decides. Empty when it is asked.
class policy_decision {
  public:
    explicit policy_decision(::batching_policy_decision &written) : written_(&written) {}

    /// For the switches: decision->decode_rest = 1.
    ::batching_policy_decision *operator->() { return written_; }

    /// The row computes so many tokens. Throws invalid_argument if as many rows are scheduled as there are.
    void schedule(std::int64_t row, std::int64_t tokens) {
        check(written_->scheduled_count, "scheduled");
        // What does not fit is more than any row has to compute, and is refused as such.
        const auto least = std::int64_t{std::numeric_limits<std::int32_t>::min()};
        const auto most = std::int64_t{std::numeric_limits<std::int32_t>::max()};
        written_->scheduled_row[written_->scheduled_count] = row;
        written_->scheduled_tokens[written_->scheduled_count++] =
            static_cast<std::int32_t>(std::min(std::max(tokens, least), most));
    }

    /// The row, which runs, loses its KV blocks and waits again. Throws as schedule does.
    void preempt(std::int64_t row) {
        check(written_->preempted_count, "preempted");
        written_->preempted_row[written_->preempted_count++] = row;
    }

  private:
    void check(std::int64_t count, const char *what) const {
        if (count < 0 || count >= written_->capacity) {
            throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT, "a row more than there are is " +
                                                                        std::string(what) + ": must be at most " +
                                                                        std::to_string(written_->capacity));
        }
    }

    ::batching_policy_decision *written_;
};

/// A policy of your own: it looks at the view, and fills the decision. See "Your own policy" in batching.h.
using custom_policy = callback<bool(const policy_view &, policy_decision &)>;

/// Seconds; or an affine model; or a function that is asked once for each iteration that computes.
using iteration_time_model = std::variant<double, affine_time, callback<double(const iteration &)>>;

/// batching_engine_config, by which names errors call it: time_base is a constant iteration_time, time_callback a function.
/// Where 0 means a default there, that default stands here, and 0 is an error.
struct engine_config {
    // Scheduling

    batching::policy policy = batching::policy::vllm;
    std::optional<batching::custom_policy> custom_policy; ///< custom: asked for each iteration
    batching::queue_order queue_order = batching::queue_order::arrival;
    std::int64_t max_num_seqs = 256; ///< the most requests that run at once; the batch of static, dynamic
    /// vllm: the most tokens in an iteration; at least max_num_seqs. Not given: 2048, or max_num_seqs if that is more.
    std::optional<std::int64_t> max_num_batched_tokens;
    std::int64_t long_prefill_token_threshold = 0; ///< vllm: as that, of one request; 0: no such limit
    std::optional<std::int64_t> max_model_len;     ///< the most tokens of a request
    bool disable_chunked_prefill = false;          ///< vllm: a prompt is computed in one iteration or not yet
    bool disable_reserve_full_isl = false;         ///< vllm: admitted as soon as the first chunk fits
    bool async_scheduling = false;                 ///< vllm: k+1 is scheduled before the output of k is known
    bool instant_prefill = false;                  ///< prompts cost neither tokens nor time
    double max_queue_delay = 0.0; ///< dynamic: seconds after which a batch starts though it is not full

    // Memory

    std::optional<std::int64_t> num_gpu_blocks; ///< KV blocks, vLLM's null block included; at least 2
    std::int32_t block_size = 16;               ///< tokens in a KV block, in 1..65536
    bool enable_prefix_caching = false;         ///< vllm: blocks are found again by their content
    double watermark = 0.0;                     ///< vllm: the share of blocks that stays free on admission, in [0, 1)
    bool admit_oversized = false;               ///< a request that can never fit is not rejected

    iteration_time_model iteration_time = 0.01; ///< of each iteration; here 0.0 is no time, not a default

    // Ending a run early

    std::optional<double> time_limit;                                   ///< seconds: no iteration starts then or later
    std::optional<std::int64_t> iteration_limit;                        ///< no more iterations than this
    std::optional<callback<bool(const batching::progress &)>> progress; ///< called every progress_interval iterations
    std::int64_t progress_interval = 4096;                              ///< iterations between two calls of progress
};

/// What the engine tells of the whole run: batching_summary, and of its logs.
struct engine_summary : ::batching_summary {
    std::int64_t iteration_log_rows = 0; ///< rows of the whole run, kept or not; 0 without that log
    std::int64_t decision_log_rows = 0;  ///< rows of the whole run, kept or not; 0 without that log

    /// end_reason, as an enumerator.
    batching::end_reason reason() const noexcept { return static_cast<batching::end_reason>(end_reason); }
};

/// batching_iteration_log: columns of the caller, all of one size. Rows beyond it are counted, but not kept.
struct iteration_log_view {
    optional_column<double> time;                 ///< seconds: when the iteration was scheduled
    optional_column<double> start_time;           ///< seconds: when it began to run
    optional_column<double> duration;             ///< seconds
    optional_column<std::int64_t> running;        ///< requests running
    optional_column<std::int64_t> waiting;        ///< requests waiting after the scheduling
    optional_column<std::int64_t> prefill_tokens; ///< tokens of all prefill chunks
    optional_column<std::int64_t> decode_tokens;  ///< sequences that decode
    optional_column<std::int64_t> kv_blocks_used; ///< KV blocks in use after the scheduling
    optional_column<std::int64_t> kv_blocks_kept; ///< KV blocks in use after those who finished gave theirs back
    optional_column<std::int64_t> preemptions;    ///< requests that it preempted
    optional_column<std::int64_t> finished;       ///< requests whose last token it gave
};

/// batching_decision_log: columns of the caller, all of one size. Rows beyond it are counted, but not kept.
struct decision_log_view {
    optional_column<std::int64_t> iteration; ///< the number of the iteration; of the next one for a rejection
    optional_column<std::int64_t> request;   ///< the index of the request
    optional_column<batching::event> event;  ///< what happened
    optional_column<std::int32_t> tokens;    ///< see BATCHING_EVENT_...
};

/// An iteration log that owns its columns.
struct iteration_log {
    using view = iteration_log_view;

    std::vector<double> time;
    std::vector<double> start_time;
    std::vector<double> duration;
    std::vector<std::int64_t> running;
    std::vector<std::int64_t> waiting;
    std::vector<std::int64_t> prefill_tokens;
    std::vector<std::int64_t> decode_tokens;
    std::vector<std::int64_t> kv_blocks_used;
    std::vector<std::int64_t> kv_blocks_kept;
    std::vector<std::int64_t> preemptions;
    std::vector<std::int64_t> finished;

    /// Rows.
    std::size_t size() const noexcept { return time.size(); }

    operator iteration_log_view() {
        return {time,          start_time,     duration,       running,     waiting, prefill_tokens,
                decode_tokens, kv_blocks_used, kv_blocks_kept, preemptions, finished};
    }

    /// Calls visit with a pointer to each member that is a column.
    template <class Visit> static void for_each_column(Visit visit) {
        visit(&iteration_log::time);
        visit(&iteration_log::start_time);
        visit(&iteration_log::duration);
        visit(&iteration_log::running);
        visit(&iteration_log::waiting);
        visit(&iteration_log::prefill_tokens);
        visit(&iteration_log::decode_tokens);
        visit(&iteration_log::kv_blocks_used);
        visit(&iteration_log::kv_blocks_kept);
        visit(&iteration_log::preemptions);
        visit(&iteration_log::finished);
    }
};

/// A decision log that owns its columns.
struct decision_log {
    using view = decision_log_view;

    std::vector<std::int64_t> iteration;
    std::vector<std::int64_t> request;
    std::vector<batching::event> event;
    std::vector<std::int32_t> tokens;

    /// Rows.
    std::size_t size() const noexcept { return iteration.size(); }

    operator decision_log_view() { return {iteration, request, event, tokens}; }

    /// Calls visit with a pointer to each member that is a column.
    template <class Visit> static void for_each_column(Visit visit) {
        visit(&decision_log::iteration);
        visit(&decision_log::request);
        visit(&decision_log::event);
        visit(&decision_log::tokens);
    }
};

/// batching_attribution: columns of the caller with at least as many elements as there are requests, in seconds.
struct attribution_view {
    optional_column<double> waiting_for_slot;   ///< for a slot, tokens, the iteration or batch under way, a full batch
    optional_column<double> waiting_for_memory; ///< while nobody was admitted for want of KV blocks
    optional_column<double> prefill;            ///< to its first token
    optional_column<double> decode;             ///< to its last, as long as that would have taken without prefill
    optional_column<double> slowed_by_prefill;  ///< what the prefill of others added
    optional_column<double> preempted;          ///< from being preempted until it decoded again
    optional_column<double> held_in_batch;      ///< after its last token, in a batch that was not done
};

/// Into which parts the time of each request falls, with columns that it owns.
struct attribution {
    std::vector<double> waiting_for_slot;
    std::vector<double> waiting_for_memory;
    std::vector<double> prefill;
    std::vector<double> decode;
    std::vector<double> slowed_by_prefill;
    std::vector<double> preempted;
    std::vector<double> held_in_batch;

    attribution() = default;
    /// Room for so many requests.
    explicit attribution(std::size_t count)
        : waiting_for_slot(count), waiting_for_memory(count), prefill(count), decode(count), slowed_by_prefill(count),
          preempted(count), held_in_batch(count) {}

    /// Requests.
    std::size_t size() const noexcept { return decode.size(); }

    operator attribution_view() {
        return {waiting_for_slot, waiting_for_memory, prefill, decode, slowed_by_prefill, preempted, held_in_batch};
    }
};

/// One value for each part, in seconds.
struct attribution_parts {
    double waiting_for_slot;
    double waiting_for_memory;
    double prefill;
    double decode;
    double slowed_by_prefill;
    double preempted;
    double held_in_batch;
};

/// The requests whose time from arrival to end lies between two percentiles: see batching_attribution_bands_calculate.
struct attribution_band {
    std::int64_t count;     ///< requests; if none, the times are 0.0
    double shortest;        ///< seconds
    double longest;         ///< seconds
    double mean_total;      ///< seconds: the mean of their times
    attribution_parts mean; ///< the mean of each part
};

/// Where the rows of a log go: nowhere; into columns of the caller; or to a function of the caller, a few thousand rows
/// at a time, of which none are kept.
template <class Log>
using log_destination = std::variant<std::monostate, typename Log::view, callback<bool(const Log &)>>;

/// Where the logs of a run go.
struct log_destinations {
    log_destination<iteration_log> iterations = {};
    log_destination<decision_log> decisions = {};
    bool include_queues = false; ///< decisions: also who is running and who is waiting, after each scheduling
};

/// Which logs a run with results of its own keeps.
struct kept_logs {
    bool iterations = false;
    bool decisions = false;
    bool include_queues = false; ///< decisions: also who is running and who is waiting, after each scheduling
    bool attribution = false;    ///< into which parts the time of each request falls
};

namespace detail {

template <class... Kinds> struct overloaded : Kinds... { using Kinds::operator()...; };
template <class... Kinds> overloaded(Kinds...) -> overloaded<Kinds...>;

/// Calls functions of the caller from within the library: none of their exceptions may pass through it.
class callback_guard {
  public:
    /// That of the call that this thread has made, for callbacks that outlive it.
    static callback_guard *&current() noexcept {
        static thread_local callback_guard *guard = nullptr;
        return guard;
    }

    /// What a callback of the C interface returns, after it has called `function`, which is called `name`.
    template <class Function> std::int32_t call(const char *name, Function function) noexcept {
        try {
            if (function()) {
                return 0;
            }
            stopped_by_ = name;
        } catch (...) {
            exception_ = std::current_exception();
        }
        return 1;
    }

    /// Throws what a function of the caller threw, or what its answer or the status says.
    void check(batching_status status) const {
        if (exception_) {
            std::rethrow_exception(exception_);
        }
        if (stopped_by_ != nullptr) {
            throw cancelled(BATCHING_ERROR_CANCELLED,
                            std::string(stopped_by_) + " returned false: the run was stopped");
        }
        detail::check(status);
    }

  private:
    std::exception_ptr exception_;
    const char *stopped_by_ = nullptr;
};

inline batching_iteration_log borrow(const iteration_log_view &view) {
    column_sizes sizes;
    auto borrowed = initialized(batching_iteration_log_init);
    borrowed.time = sizes.input("time", view.time);
    borrowed.start_time = sizes.input("start_time", view.start_time);
    borrowed.duration = sizes.input("duration", view.duration);
    borrowed.running = sizes.input("running", view.running);
    borrowed.waiting = sizes.input("waiting", view.waiting);
    borrowed.prefill_tokens = sizes.input("prefill_tokens", view.prefill_tokens);
    borrowed.decode_tokens = sizes.input("decode_tokens", view.decode_tokens);
    borrowed.kv_blocks_used = sizes.input("kv_blocks_used", view.kv_blocks_used);
    borrowed.kv_blocks_kept = sizes.input("kv_blocks_kept", view.kv_blocks_kept);
    borrowed.preemptions = sizes.input("preemptions", view.preemptions);
    borrowed.finished = sizes.input("finished", view.finished);
    borrowed.capacity = sizes.count();
    return borrowed;
}

inline batching_decision_log borrow(const decision_log_view &view) {
    column_sizes sizes;
    auto borrowed = initialized(batching_decision_log_init);
    borrowed.iteration = sizes.input("iteration", view.iteration);
    borrowed.request = sizes.input("request", view.request);
    borrowed.event = underlying(sizes.input("event", view.event));
    borrowed.tokens = sizes.input("tokens", view.tokens);
    borrowed.capacity = sizes.count();
    return borrowed;
}

/// `pointer` is column_sizes::input or column_sizes::output of those columns.
template <class Pointer> batching_attribution borrow(const attribution_view &view, Pointer pointer) {
    auto borrowed = initialized(batching_attribution_init);
    borrowed.waiting_for_slot = pointer("waiting_for_slot", view.waiting_for_slot);
    borrowed.waiting_for_memory = pointer("waiting_for_memory", view.waiting_for_memory);
    borrowed.prefill = pointer("prefill", view.prefill);
    borrowed.decode = pointer("decode", view.decode);
    borrowed.slowed_by_prefill = pointer("slowed_by_prefill", view.slowed_by_prefill);
    borrowed.preempted = pointer("preempted", view.preempted);
    borrowed.held_in_batch = pointer("held_in_batch", view.held_in_batch);
    return borrowed;
}

/// Whether any part is wanted.
inline bool is_wanted(const attribution_view &view) {
    return view.waiting_for_slot || view.waiting_for_memory || view.prefill || view.decode || view.slowed_by_prefill ||
           view.preempted || view.held_in_batch;
}

template <class Log> void resize(Log &log, std::size_t rows) {
    Log::for_each_column([&](auto column) { (log.*column).resize(rows); });
}

template <class Log> void append(Log &log, const Log &rows) {
    Log::for_each_column(
        [&](auto column) { (log.*column).insert((log.*column).end(), (rows.*column).begin(), (rows.*column).end()); });
}

/// A log of one run, as the library takes it.
template <class Log> class borrowed_log {
    using borrowed = decltype(borrow(std::declval<typename Log::view>()));

  public:
    borrowed_log(const char *name, const log_destination<Log> &destination, callback_guard &guard)
        : name_(name), guard_(guard) {
        std::visit(overloaded{[](std::monostate) {}, //
                              [this](const typename Log::view &columns) { borrowed_ = borrow(columns); },
                              [this](const callback<bool(const Log &)> &take) { borrow_rows(take); }},
                   destination);
    }

    // The library holds its address.
    borrowed_log(const borrowed_log &) = delete;
    borrowed_log &operator=(const borrowed_log &) = delete;

    /// For the config; null: not wanted.
    borrowed *get() { return borrowed_ ? &*borrowed_ : nullptr; }

    std::int64_t row_count() const { return borrowed_ ? borrowed_->count : 0; }

  private:
    static constexpr std::size_t rows_at_a_time = 4096;

    void borrow_rows(const callback<bool(const Log &)> &take) {
        take_ = &take;
        resize(rows_, rows_at_a_time);
        borrowed_ = borrow(rows_);
        borrowed_->user_data = this;
        borrowed_->callback = [](std::int64_t row_count, void *log) noexcept {
            return static_cast<borrowed_log *>(log)->flush(static_cast<std::size_t>(row_count));
        };
    }

    std::int32_t flush(std::size_t row_count) noexcept {
        return guard_.call(name_, [this, row_count] {
            // Only the last rows are fewer: no column moves, and none is written again.
            resize(rows_, row_count);
            return (*take_)(rows_);
        });
    }

    const char *name_;
    callback_guard &guard_;
    const callback<bool(const Log &)> *take_ = nullptr;
    Log rows_;
    std::optional<borrowed> borrowed_;
};

/// A callback of the caller together with the guard of the run, as user_data.
template <class Callback> struct guarded_callback {
    const Callback *callback;
    callback_guard *own_guard; ///< null: that of the call

    callback_guard &guard() const noexcept { return own_guard != nullptr ? *own_guard : *callback_guard::current(); }
};

/// Throws if a value is 0, which would be a default in the C interface.
template <class Value> Value not_zero(const char *name, Value value, const char *requirement) {
    if (value == 0) {
        throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT, std::string(name) + " is 0: must be " + requirement);
    }
    return value;
}

/// 0 if it is left out.
template <class Value> Value not_zero(const char *name, const std::optional<Value> &value, const char *requirement) {
    return value ? not_zero(name, *value, requirement) : Value{0};
}

/// A config of one run, as the library takes it.
class borrowed_config {
  public:
    /// `guard` is null if the config outlives the call.
    borrowed_config(const engine_config &given, callback_guard *guard)
        : borrowed_(initialized(batching_engine_config_init)) {
        set_scheduling(given);
        set_memory(given);
        std::visit(overloaded{[this](double seconds) { set_constant_time(seconds); },
                              [this](const affine_time &model) { set_affine_time(model); },
                              [&](const callback<double(const iteration &)> &ask) { set_time_callback(ask, guard); }},
                   given.iteration_time);
        borrowed_.time_limit = not_zero("time_limit", given.time_limit, "above 0");
        borrowed_.iteration_limit = not_zero("iteration_limit", given.iteration_limit, "at least 1");
        borrowed_.progress_interval = not_zero("progress_interval", given.progress_interval, "at least 1");
        if (given.progress) {
            set_progress_callback(*given.progress, guard);
        }
        if (given.custom_policy) {
            set_policy_callback(*given.custom_policy, guard);
        }
    }

    // The library holds its address.
    borrowed_config(const borrowed_config &) = delete;
    borrowed_config &operator=(const borrowed_config &) = delete;

    batching_engine_config *operator->() { return &borrowed_; }
    const batching_engine_config *get() const { return &borrowed_; }

  private:
    void set_scheduling(const engine_config &given) {
        borrowed_.policy = static_cast<std::int32_t>(given.policy);
        borrowed_.queue_order = static_cast<std::int32_t>(given.queue_order);
        borrowed_.max_num_seqs = not_zero("max_num_seqs", given.max_num_seqs, "at least 1");
        borrowed_.max_num_batched_tokens =
            not_zero("max_num_batched_tokens", given.max_num_batched_tokens, "at least 1");
        borrowed_.long_prefill_token_threshold = given.long_prefill_token_threshold;
        borrowed_.max_model_len = not_zero("max_model_len", given.max_model_len, "at least 1");
        borrowed_.disable_chunked_prefill = given.disable_chunked_prefill;
        borrowed_.disable_reserve_full_isl = given.disable_reserve_full_isl;
        borrowed_.async_scheduling = given.async_scheduling;
        borrowed_.instant_prefill = given.instant_prefill;
        borrowed_.max_queue_delay = given.max_queue_delay;
    }

    void set_memory(const engine_config &given) {
        borrowed_.num_gpu_blocks = not_zero("num_gpu_blocks", given.num_gpu_blocks, "at least 2");
        borrowed_.block_size = not_zero("block_size", given.block_size, "between 1 and 65536");
        borrowed_.enable_prefix_caching = given.enable_prefix_caching;
        borrowed_.watermark = given.watermark;
        borrowed_.admit_oversized = given.admit_oversized;
    }

    void set_constant_time(double seconds) {
        borrowed_.time_model = BATCHING_TIME_CONSTANT;
        borrowed_.time_base = seconds;
    }

    void set_affine_time(const affine_time &model) {
        borrowed_.time_model = BATCHING_TIME_AFFINE;
        borrowed_.time_base = model.base;
        borrowed_.time_per_prefill_token = model.per_prefill_token;
        borrowed_.time_per_decode_token = model.per_decode_token;
        borrowed_.time_per_context_token = model.per_context_token;
        borrowed_.time_per_prefill_context = model.per_prefill_context;
    }

    void set_time_callback(const callback<double(const iteration &)> &ask, callback_guard *guard) {
        iteration_time_ = {&ask, guard};
        borrowed_.time_model = BATCHING_TIME_CALLBACK;
        borrowed_.time_user_data = &iteration_time_;
        borrowed_.time_callback = [](const iteration *iteration, double *seconds, void *user_data) noexcept {
            const auto &guarded = *static_cast<const decltype(iteration_time_) *>(user_data);
            return guarded.guard().call("iteration_time", [&] {
                *seconds = (*guarded.callback)(*iteration);
                return true;
            });
        };
    }

    void set_progress_callback(const callback<bool(const progress &)> &tell, callback_guard *guard) {
        progress_ = {&tell, guard};
        borrowed_.progress_user_data = &progress_;
        borrowed_.progress_callback = [](const progress *progress, void *user_data) noexcept {
            const auto &guarded = *static_cast<const decltype(progress_) *>(user_data);
            return guarded.guard().call("progress", [&] { return (*guarded.callback)(*progress); });
        };
    }

    void set_policy_callback(const custom_policy &decide, callback_guard *guard) {
        policy_ = {&decide, guard};
        borrowed_.policy_user_data = &policy_;
        borrowed_.policy_callback = [](const batching_policy_view *view, batching_policy_decision *decision,
                                       void *user_data) noexcept {
            const auto &guarded = *static_cast<const decltype(policy_) *>(user_data);
            return guarded.guard().call("custom_policy", [&] {
                policy_decision decided(*decision);
                return (*guarded.callback)(policy_view(*view), decided);
            });
        };
    }

    batching_engine_config borrowed_;
    guarded_callback<custom_policy> policy_{};
    guarded_callback<callback<double(const iteration &)>> iteration_time_{};
    guarded_callback<callback<bool(const progress &)>> progress_{};
};

} // namespace detail

/**
 * batching_simulate into columns of the caller. Allocates nothing here, but for a log that goes to a function.
 *
 * A run that ends with an exception on its way may have written rows of logs and elements of results.
 */
inline engine_summary simulate_into(const requests_view &requests, const engine_config &config,
                                    const results_view &results = {}, const log_destinations &logs = {},
                                    const attribution_view &attribution = {}) {
    detail::column_sizes sizes;
    const auto borrowed_requests = detail::borrow(requests, sizes);
    const auto borrowed_results = detail::borrow(results, sizes);
    detail::callback_guard guard;
    detail::borrowed_config borrowed_config(config, &guard);
    detail::borrowed_log<iteration_log> iterations("the iteration log's function", logs.iterations, guard);
    detail::borrowed_log<decision_log> decisions("the decision log's function", logs.decisions, guard);
    borrowed_config->iteration_log = iterations.get();
    borrowed_config->decision_log = decisions.get();
    if (decisions.get() != nullptr) {
        decisions.get()->include_queues = logs.include_queues;
    }
    auto borrowed_attribution =
        detail::borrow(attribution, [&](const char *name, const auto &column) { return sizes.output(name, column); });
    borrowed_attribution.capacity = sizes.count();
    if (detail::is_wanted(attribution)) {
        borrowed_config->attribution = &borrowed_attribution;
    }
    engine_summary result{detail::initialized(batching_summary_init)};
    guard.check(batching_simulate(borrowed_config.get(), &borrowed_requests, &borrowed_results, &result));
    result.iteration_log_rows = iterations.row_count();
    result.decision_log_rows = decisions.row_count();
    return result;
}

/// What the engine tells: of each request, in the order of the requests, of the whole run, and of its course.
struct engine_result {
    batching::results results;
    engine_summary summary;
    batching::iteration_log iteration_log;  ///< empty unless kept
    batching::decision_log decision_log;    ///< empty unless kept
    batching::attribution attribution = {}; ///< empty unless kept

    /// The requests that have all their tokens, in the order of the requests. `requests` are those that were simulated.
    batching::completed completed(const requests_view &requests) const {
        detail::column_sizes sizes;
        sizes.input<const request_status>("status", column<const request_status>(results.status));
        const double *arrival_time = sizes.input("arrival_time", requests.arrival_time);
        batching::completed finished;
        for (std::size_t index = 0; index < results.status.size(); ++index) {
            if (results.status[index] == request_status::finished) {
                finished.arrival_time.push_back(arrival_time == nullptr ? 0.0 : arrival_time[index]);
                finished.start_time.push_back(results.start_time[index]);
                finished.first_token_time.push_back(results.first_token_time[index]);
                finished.end_time.push_back(results.end_time[index]);
                finished.tokens_generated.push_back(results.tokens_generated[index]);
            }
        }
        return finished;
    }
};

/// batching_simulate with results of its own, and with the logs that it shall keep.
inline engine_result simulate(const requests_view &requests, const engine_config &config = {},
                              const kept_logs &keep = {}) {
    detail::column_sizes sizes;
    const auto count = static_cast<std::size_t>(detail::borrow(requests, sizes).count);
    engine_result run{{std::vector<double>(count), std::vector<double>(count), std::vector<double>(count),
                       std::vector<std::int32_t>(count), std::vector<std::int64_t>(count),
                       std::vector<std::int32_t>(count), std::vector<std::int32_t>(count),
                       std::vector<request_status>(count)},
                      {},
                      {},
                      {}};
    log_destinations logs;
    logs.include_queues = keep.include_queues;
    if (keep.iterations) {
        logs.iterations = [&run](const iteration_log &rows) { detail::append(run.iteration_log, rows); };
    }
    if (keep.decisions) {
        logs.decisions = [&run](const decision_log &rows) { detail::append(run.decision_log, rows); };
    }
    if (keep.attribution) {
        run.attribution = attribution(count);
    }
    run.summary = simulate_into(requests, config, run.results, logs,
                                keep.attribution ? attribution_view(run.attribution) : attribution_view{});
    return run;
}

/**
 * batching_attribution_bands_calculate: what dominates the slowest.
 *
 * All columns of the attribution are required. Without a status all requests are looked at of which the parts are
 * known, with it only those that have all their tokens.
 */
inline std::vector<attribution_band>
calculate_attribution_bands(const attribution_view &attribution, column<const double> percentiles,
                            const optional_column<const request_status> &status = std::nullopt) {
    if (percentiles.size() == 0) {
        throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT, "percentiles is empty: must have at least one element");
    }
    detail::column_sizes sizes;
    auto borrowed =
        detail::borrow(attribution, [&](const char *name, const auto &column) { return sizes.input(name, column); });
    borrowed.capacity = sizes.count();
    const auto *const status_column = detail::underlying(sizes.input("status", status));
    const std::size_t count = percentiles.size() - 1;
    std::vector<std::int64_t> counts(count);
    std::vector<double> shortest(count), longest(count), mean_total(count);
    batching::attribution mean(count);
    auto bands = detail::initialized(batching_attribution_bands_init);
    bands.capacity = static_cast<std::int64_t>(count);
    bands.count = counts.data();
    bands.shortest = shortest.data();
    bands.longest = longest.data();
    bands.mean_total = mean_total.data();
    bands.waiting_for_slot = mean.waiting_for_slot.data();
    bands.waiting_for_memory = mean.waiting_for_memory.data();
    bands.prefill = mean.prefill.data();
    bands.decode = mean.decode.data();
    bands.slowed_by_prefill = mean.slowed_by_prefill.data();
    bands.preempted = mean.preempted.data();
    bands.held_in_batch = mean.held_in_batch.data();
    detail::check(batching_attribution_bands_calculate(&borrowed, sizes.count(), status_column, percentiles.data(),
                                                       bands.capacity, &bands));
    std::vector<attribution_band> result;
    for (std::size_t band = 0; band < count; ++band) {
        result.push_back(
            {counts[band],
             shortest[band],
             longest[band],
             mean_total[band],
             {mean.waiting_for_slot[band], mean.waiting_for_memory[band], mean.prefill[band], mean.decode[band],
              mean.slowed_by_prefill[band], mean.preempted[band], mean.held_in_batch[band]}});
    }
    return result;
}

/* ================================================================================================================
 * 5. The textbook form: one object a request
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
struct textbook_result {
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

inline textbook_result simulate(simulator policy, const std::vector<request> &given, std::int64_t batch_size,
                                double time_per_token) {
    const simulation run = simulate(policy, columns_of(given), batch_size, time_per_token);
    textbook_result result{{}, run.summary.total_time, run.summary.throughput};
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

inline void append(completed &columns, const request &of) {
    columns.arrival_time.push_back(of.arrival_time);
    columns.start_time.push_back(known_time("start_time", of.start_time, of));
    columns.end_time.push_back(known_time("end_time", of.end_time, of));
    columns.first_token_time.push_back(of.first_token_time.value_or(std::numeric_limits<double>::quiet_NaN()));
    columns.tokens_generated.push_back(of.tokens_generated);
}

} // namespace detail

/// Static batching. The given requests are not modified; an error names the index in them.
inline textbook_result static_batch_simulation(const std::vector<request> &requests, std::int64_t batch_size,
                                               double time_per_token = 0.01) {
    return detail::simulate(batching_static_simulate, requests, batch_size, time_per_token);
}

/// Continuous batching. The given requests are not modified; an error names the index in them.
inline textbook_result continuous_batch_simulation(const std::vector<request> &requests, std::int64_t max_batch_size,
                                                   double time_per_token = 0.01) {
    return detail::simulate(batching_continuous_simulate, requests, max_batch_size, time_per_token);
}

/// Where the request's time went. Throws invalid_argument if it has no start_time or end_time.
inline request_latency calculate_request_latency(const request &completed) {
    batching::completed columns;
    detail::append(columns, completed);
    const latencies calculated = calculate_latencies(columns);
    return {calculated.queue_time[0], calculated.processing_time[0], calculated.total_latency[0],
            calculated.time_to_first_token[0], completed.tokens_generated};
}

/// The metrics of a batch. Throws invalid_argument if a request has no start_time or end_time.
inline batch_metrics calculate_batch_metrics(const std::vector<request> &completed_requests, double total_time) {
    completed columns;
    for (const request &each : completed_requests) {
        detail::append(columns, each);
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
 * 6. Serving metrics, capacity and workloads
 * ================================================================================================================ */

namespace detail {

/// An objective or a duration, of which 0 would be none.
inline double unless_left_out(const char *name, const std::optional<double> &given) {
    if (given && *given == 0.0) {
        throw_error(BATCHING_ERROR_INVALID_ARGUMENT, std::string(name) + " is 0.0: must be greater than 0");
    }
    return given.value_or(0.0);
}

/// The options as C has them. They point to the percentiles of `given`.
inline batching_serving_metrics_config c_options(const serving_metrics_config &given) {
    auto options = initialized(batching_serving_metrics_config_init);
    options.convention = static_cast<std::int32_t>(given.convention);
    options.percentile_method = static_cast<std::int32_t>(given.percentile_method);
    options.duration = unless_left_out("duration", given.duration);
    options.percentiles = given.percentiles.data();
    options.percentile_count = static_cast<std::int64_t>(given.percentiles.size());
    options.slo_ttft = unless_left_out("slo_ttft", given.slo_ttft);
    options.slo_tpot = unless_left_out("slo_tpot", given.slo_tpot);
    options.slo_itl = unless_left_out("slo_itl", given.slo_itl);
    options.slo_e2e = unless_left_out("slo_e2e", given.slo_e2e);
    options.slo_due_by = unless_left_out("slo_due_by", given.slo_due_by);
    return options;
}

/// A distribution with room for its percentiles.
inline batching_distribution *prepare(distribution &wanted, std::size_t percentile_count) {
    check(batching_distribution_init(&wanted, sizeof(batching_distribution)));
    wanted.values_at_percentiles.resize(percentile_count);
    wanted.percentiles = wanted.values_at_percentiles.data();
    return &wanted;
}

/// What a function that fills batching_serving_metrics tells, with all distributions.
template <class Calculate> serving_metrics measured(std::size_t percentiles, Calculate calculate) {
    serving_metrics told;
    check(batching_serving_metrics_init(&told, sizeof(batching_serving_metrics)));
    told.ttft = prepare(told.time_to_first_token, percentiles);
    told.tpot = prepare(told.time_per_output_token, percentiles);
    told.itl = prepare(told.inter_token_latency, percentiles);
    told.e2e = prepare(told.end_to_end, percentiles);
    told.queue_time = prepare(told.queueing, percentiles);
    told.normalized_latency = prepare(told.normalized, percentiles);
    check(calculate(&told));
    // They would dangle once this is copied.
    told.ttft = told.tpot = told.itl = told.e2e = told.queue_time = told.normalized_latency = nullptr;
    for (auto *part : {&told.time_to_first_token, &told.time_per_output_token, &told.inter_token_latency,
                       &told.end_to_end, &told.queueing, &told.normalized}) {
        part->percentiles = nullptr;
    }
    return told;
}

} // namespace detail

/// batching_serving_metrics_calculate, with all distributions.
inline serving_metrics measure(const recorded_view &given, const serving_metrics_config &options = {}) {
    detail::column_sizes sizes;
    const auto recorded = detail::borrow(given, sizes);
    const auto c_options = detail::c_options(options);
    return detail::measured(options.percentiles.size(), [&](batching_serving_metrics *told) {
        return batching_serving_metrics_calculate(&recorded, &c_options, told);
    });
}

/// From when to when the load is looked at, and of how many slots.
struct load_config {
    double window_start = 0.0;                          ///< seconds; only with window_end
    std::optional<double> window_end;                   ///< seconds; left out: from the first arrival to the last end
    std::optional<std::int64_t> slots;                  ///< requests that the server can run at once
    optional_column<const double> last_token_time = {}; ///< seconds; NaN: its end; left out: all their ends
};

using load = ::batching_load;

/// The load as it changes: see batching_load_timeline.
struct load_timeline {
    std::vector<double> time;
    std::vector<double> running;
    std::vector<double> waiting;
    std::vector<double> tokens;
    std::vector<std::int64_t> peak_running;
    std::vector<std::int64_t> peak_waiting;
    std::vector<std::int64_t> peak_tokens;

    /// Intervals.
    std::size_t size() const noexcept { return time.size(); }
};

namespace detail {

inline load calculate_load(const recorded_view &given, const load_config &options, batching_load_timeline *timeline) {
    column_sizes sizes;
    const auto recorded = borrow(given, sizes);
    auto config = initialized(batching_load_config_init);
    config.window_start = options.window_start;
    config.window_end = not_zero("window_end", options.window_end, "above 0");
    config.slots = not_zero("slots", options.slots, "at least 1");
    config.last_token_time = sizes.input("last_token_time", options.last_token_time);
    auto result = initialized(batching_load_init);
    check(batching_load_calculate(&recorded, &config, &result, timeline));
    return result;
}

} // namespace detail

/// batching_load_calculate: how loaded a server was over time.
inline load calculate_load(const recorded_view &recorded, const load_config &options = {}) {
    return detail::calculate_load(recorded, options, nullptr);
}

/// The timeline of batching_load_calculate: a row wherever the load changes, or for each of so many equal bins.
inline load_timeline calculate_load_timeline(const recorded_view &recorded, const load_config &options = {},
                                             std::optional<std::int64_t> bins = std::nullopt) {
    auto borrowed = detail::initialized(batching_load_timeline_init);
    if (bins) {
        borrowed.bins = borrowed.count = detail::not_zero("bins", *bins, "at least 1");
    } else {
        // Once to count the rows, and once to write them.
        detail::calculate_load(recorded, options, &borrowed);
    }
    const auto rows = static_cast<std::size_t>(std::max<std::int64_t>(borrowed.count, 0));
    load_timeline timeline{std::vector<double>(rows),       std::vector<double>(rows),
                           std::vector<double>(rows),       std::vector<double>(rows),
                           std::vector<std::int64_t>(rows), std::vector<std::int64_t>(rows),
                           std::vector<std::int64_t>(rows)};
    borrowed.capacity = borrowed.count;
    borrowed.time = timeline.time.data();
    borrowed.running = timeline.running.data();
    borrowed.waiting = timeline.waiting.data();
    borrowed.tokens = timeline.tokens.data();
    borrowed.peak_running = timeline.peak_running.data();
    borrowed.peak_waiting = timeline.peak_waiting.data();
    borrowed.peak_tokens = timeline.peak_tokens.data();
    detail::calculate_load(recorded, options, &borrowed);
    if (borrowed.count == 0) {
        // A window without length has no bins.
        timeline = {};
    }
    return timeline;
}

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

/// A workload with columns of its own, and the hash ids of what its requests share, if they share anything.
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
    if (kind.prefix_groups > 0 || kind.turns_min > 1 || kind.turns_max > 1) {
        std::int64_t needed = 0;
        detail::check(batching_workload_hashes_generate(&kind, num_requests, nullptr, 0, nullptr, &needed));
        generated.hash_offsets.resize(count + 1);
        // Never empty, so that the column is not left out.
        generated.hash_ids.resize(std::max<std::size_t>(1, static_cast<std::size_t>(needed)));
        detail::check(batching_workload_hashes_generate(&kind, num_requests, generated.hash_offsets.data(), needed,
                                                        generated.hash_ids.data(), &needed));
        generated.hash_block_size = kind.hash_block_size == 0 ? 16 : kind.hash_block_size;
        generated.hash_covers_output = kind.turns_min > 1 || kind.turns_max > 1;
    }
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

/* ================================================================================================================
 * 7. Accumulator
 * ================================================================================================================ */

/// batching_accumulator_config. Where 0 means a default there, that default stands here.
struct accumulator_config {
    double window = 60.0;                      ///< seconds that the window covers
    std::int32_t slot_count = 30;              ///< slots of the window
    std::int64_t max_requests = 4096;          ///< requests in flight
    std::optional<std::int64_t> max_gaps = {}; ///< gaps between their tokens; left out: 256 for each of max_requests
    std::optional<double> slo_ttft = {};       ///< seconds, above 0
    std::optional<double> slo_tpot = {};       ///< seconds, above 0
    std::optional<double> slo_itl = {};        ///< seconds, above 0
    std::optional<double> slo_e2e = {};        ///< seconds, above 0
};

/// What happened to a request.
enum class accumulator_event : std::int32_t {
    arrived = BATCHING_ACCUMULATOR_ARRIVED,
    started = BATCHING_ACCUMULATOR_STARTED,
    tokens = BATCHING_ACCUMULATOR_TOKENS,
    finished = BATCHING_ACCUMULATOR_FINISHED,
    failed = BATCHING_ACCUMULATOR_FAILED,
};

/// Which requests are measured.
enum class accumulator_scope : std::int32_t {
    start = BATCHING_ACCUMULATOR_START,
    window = BATCHING_ACCUMULATOR_WINDOW,
};

/// Why a request finished.
enum class finish_reason : std::int32_t { stop = BATCHING_FINISHED_STOP, length = BATCHING_FINISHED_LENGTH };

/// Why a request failed.
enum class failure_reason : std::int32_t { error = BATCHING_FAILED_ERROR, abort = BATCHING_FAILED_ABORT };

/// batching_accumulator_events: as many events as its columns have elements, all the same number.
struct accumulator_events_view {
    optional_column<const accumulator_event> event; ///< left out: all tokens
    optional_column<const std::int64_t> request;    ///< required
    optional_column<const double> time;             ///< seconds; required
    optional_column<const std::int32_t> value;      ///< see BATCHING_ACCUMULATOR_...; left out: all 1
};

using accumulator_state = ::batching_accumulator_state;

/// A batching_accumulator, which it owns. It can be moved; one that was moved from can only be assigned to or
/// destroyed.
class accumulator {
  public:
    explicit accumulator(const accumulator_config &given = {}) {
        auto config = detail::initialized(batching_accumulator_config_init);
        config.window = detail::not_zero("window", given.window, "greater than 0");
        config.slot_count = detail::not_zero("slot_count", given.slot_count, "greater than 0");
        config.max_requests = detail::not_zero("max_requests", given.max_requests, "greater than 0");
        config.max_gaps = detail::not_zero("max_gaps", given.max_gaps, "greater than 0");
        config.slo_ttft = detail::unless_left_out("slo_ttft", given.slo_ttft);
        config.slo_tpot = detail::unless_left_out("slo_tpot", given.slo_tpot);
        config.slo_itl = detail::unless_left_out("slo_itl", given.slo_itl);
        config.slo_e2e = detail::unless_left_out("slo_e2e", given.slo_e2e);
        batching_accumulator *made = nullptr;
        detail::check(batching_accumulator_create(&config, &made));
        handle_.reset(made);
    }

    /// From what save gave.
    static accumulator load(column<const std::uint8_t> bytes) {
        batching_accumulator *made = nullptr;
        detail::check(batching_accumulator_load(bytes.data(), static_cast<std::int64_t>(bytes.size()), &made));
        return accumulator(made);
    }

    void arrived(std::int64_t request, double time, std::int32_t prompt_tokens = 0) {
        detail::check(batching_accumulator_arrived(handle_.get(), request, time, prompt_tokens));
    }
    void started(std::int64_t request, double time) {
        detail::check(batching_accumulator_started(handle_.get(), request, time));
    }
    void tokens(std::int64_t request, double time, std::int32_t count = 1) {
        detail::check(batching_accumulator_tokens(handle_.get(), request, time, count));
    }
    void finished(std::int64_t request, double time, finish_reason reason = finish_reason::stop) {
        detail::check(batching_accumulator_finished(handle_.get(), request, time, static_cast<std::int32_t>(reason)));
    }
    void failed(std::int64_t request, double time, failure_reason reason = failure_reason::error) {
        detail::check(batching_accumulator_failed(handle_.get(), request, time, static_cast<std::int32_t>(reason)));
    }

    /// Many events, up to the first that is in error; `accepted`, if given, is told how many were taken, then too.
    void add(const accumulator_events_view &view, std::int64_t *accepted = nullptr) {
        detail::column_sizes sizes;
        auto events = detail::initialized(batching_accumulator_events_init);
        events.request = sizes.input("request", view.request);
        events.time = sizes.input("time", view.time);
        const auto *event = sizes.input("event", view.event);
        events.event = reinterpret_cast<const std::int32_t *>(event);
        events.value = sizes.input("value", view.value);
        events.count = sizes.count();
        detail::check(batching_accumulator_add(handle_.get(), &events, accepted));
    }

    /// Moves the clock on without an event.
    void advance(double time) { detail::check(batching_accumulator_advance(handle_.get(), time)); }

    accumulator_state state() const {
        auto told = detail::initialized(batching_accumulator_state_init);
        detail::check(batching_accumulator_observe(handle_.get(), &told));
        return told;
    }

    /// batching_accumulator_measure, with all distributions.
    serving_metrics measure(accumulator_scope scope = accumulator_scope::start,
                            const serving_metrics_config &options = {}) const {
        const auto c_options = detail::c_options(options);
        return detail::measured(options.percentiles.size(), [&](batching_serving_metrics *told) {
            return batching_accumulator_measure(handle_.get(), static_cast<std::int32_t>(scope), &c_options, told);
        });
    }

    /// Adds what the other was told.
    void merge(const accumulator &other) {
        detail::check(batching_accumulator_merge(handle_.get(), other.handle_.get()));
    }

    std::vector<std::uint8_t> save() const {
        std::int64_t needed = 0;
        detail::check(batching_accumulator_save(handle_.get(), nullptr, 0, &needed));
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(needed));
        detail::check(batching_accumulator_save(handle_.get(), bytes.data(), needed, nullptr));
        return bytes;
    }

    /// The Prometheus text; `max_model_len` left out: buckets up to 2,000,000,000 tokens.
    std::string prometheus(const std::string &model_name, const std::string &engine = "0",
                           std::optional<std::int64_t> max_model_len = {}) const {
        const auto longest = detail::not_zero("max_model_len", max_model_len, "greater than 0");
        std::int64_t needed = 0;
        detail::check(batching_accumulator_prometheus(handle_.get(), model_name.c_str(), engine.c_str(), longest,
                                                      nullptr, 0, &needed));
        std::string text(static_cast<std::size_t>(needed), '\0');
        detail::check(batching_accumulator_prometheus(handle_.get(), model_name.c_str(), engine.c_str(), longest,
                                                      text.data(), needed, nullptr));
        text.pop_back();
        return text;
    }

    /// The handle, for the C functions; it stays with this object.
    batching_accumulator *get() const noexcept { return handle_.get(); }

  private:
    struct destroy {
        void operator()(batching_accumulator *handle) const noexcept { batching_accumulator_destroy(handle); }
    };

    explicit accumulator(batching_accumulator *handle) noexcept : handle_(handle) {}

    std::unique_ptr<batching_accumulator, destroy> handle_;
};

/* ================================================================================================================
 * 8. Live engine
 * ================================================================================================================ */

/// What happened to a request: a row of batching_live_engine_events.
struct live_engine_event {
    double time = 0.0;          ///< seconds
    std::int64_t request = 0;   ///< its id
    batching::event event = {}; ///< admitted, resumed, preempted, first_token, finished, aborted or rejected
    std::int32_t tokens = 0;    ///< found in the prefix cache; the status, if rejected; otherwise generated
};

using live_engine_state = ::batching_live_engine_state;

/// What would become of a request. Times are seconds; NaN where it would not get that far.
struct engine_estimate {
    double time_to_first_token = 0.0; ///< from its arrival
    double end_to_end = 0.0;          ///< from its arrival
    double start_time = 0.0;
    double first_token_time = 0.0;
    double end_time = 0.0;
    request_status status = {};
};

/// A batching_live_engine, which it owns: see "Live engine" in batching.h. It can be moved; one that was moved from can only
/// be assigned to or destroyed. The callbacks of its config are kept, and shared with its forks.
class live_engine {
  public:
    explicit live_engine(const engine_config &given = {}) : kept_(std::make_shared<kept>(given)) {
        batching_live_engine *made = nullptr;
        detail::check(batching_live_engine_create(kept_->borrowed.get(), &made));
        handle_.reset(made);
    }

    /// Requests come. `ids` left out: each has the number of those submitted before it.
    void submit(const requests_view &requests, const optional_column<const std::int64_t> &ids = {}) {
        detail::column_sizes sizes;
        const auto borrowed = detail::borrow(requests, sizes);
        const auto *names = sizes.input("ids", ids);
        detail::check(batching_live_engine_submit(handle_.get(), &borrowed, names));
    }

    /// One request comes, now or at `arrival_time`.
    void submit(std::int64_t id, std::int32_t prompt_length, std::int32_t output_length,
                const std::optional<double> &arrival_time = {}) {
        const auto borrowed = single(prompt_length, output_length, arrival_time);
        detail::check(batching_live_engine_submit(handle_.get(), &borrowed, &id));
    }

    /// Moves the clock on; infinity: until nothing is left to do. Throws what a callback throws, or invalid_argument
    /// if what it answers is not valid; nothing is done of that, and it can be called again.
    void advance(double time = std::numeric_limits<double>::infinity(),
                 const std::optional<std::int64_t> &iterations = {}) {
        const auto most = detail::not_zero("iterations", iterations, "at least 1");
        guarded([&] { return batching_live_engine_advance(handle_.get(), time, most); });
    }

    /// What happened since it was last asked.
    std::vector<live_engine_event> poll() {
        const auto count = static_cast<std::size_t>(state().events);
        std::vector<double> time(count);
        std::vector<std::int64_t> request(count);
        std::vector<std::int32_t> event(count), tokens(count);
        auto told = detail::initialized(batching_live_engine_events_init);
        told.capacity = static_cast<std::int64_t>(count);
        told.time = time.data();
        told.request = request.data();
        told.event = event.data();
        told.tokens = tokens.data();
        detail::check(batching_live_engine_poll(handle_.get(), &told));
        // Another thread may have taken some since they were counted.
        std::vector<live_engine_event> events(static_cast<std::size_t>(told.count));
        for (std::size_t row = 0; row < events.size(); ++row) {
            events[row] = {time[row], request[row], static_cast<batching::event>(event[row]), tokens[row]};
        }
        return events;
    }

    void abort(std::int64_t request) { detail::check(batching_live_engine_abort(handle_.get(), request)); }

    void set_output_length(std::int64_t request, std::int32_t output_length) {
        detail::check(batching_live_engine_set_output_length(handle_.get(), request, output_length));
    }

    live_engine_state state() const {
        auto told = detail::initialized(batching_live_engine_state_init);
        detail::check(batching_live_engine_observe(handle_.get(), &told));
        return told;
    }

    /// What would become of each of `requests` if it, and nobody else, came; into columns of the caller.
    void estimate_into(const requests_view &requests, const results_view &results) const {
        detail::column_sizes sizes;
        const auto borrowed = detail::borrow(requests, sizes);
        const auto columns = detail::borrow(results, sizes);
        guarded([&] { return batching_live_engine_estimate(handle_.get(), &borrowed, &columns); });
    }

    /// What would become of one request if it, and nobody else, came.
    engine_estimate estimate(std::int32_t prompt_length, std::int32_t output_length,
                             const std::optional<double> &arrival_time = {}) const {
        const double arrival = arrival_time ? *arrival_time : state().clock;
        const std::optional<double> given = arrival;
        const auto borrowed = single(prompt_length, output_length, given);
        engine_estimate told;
        std::int32_t status = 0;
        auto results = detail::initialized(batching_results_init);
        results.capacity = 1;
        results.start_time = &told.start_time;
        results.first_token_time = &told.first_token_time;
        results.end_time = &told.end_time;
        results.status = &status;
        guarded([&] { return batching_live_engine_estimate(handle_.get(), &borrowed, &results); });
        told.time_to_first_token = told.first_token_time - arrival;
        told.end_to_end = told.end_time - arrival;
        told.status = static_cast<request_status>(status);
        return told;
    }

    /// What would become of each of `requests`, with their hash ids, if it, and nobody else, came: in one call.
    std::vector<engine_estimate> estimate(const requests_view &requests) const {
        detail::column_sizes sizes;
        auto borrowed = detail::borrow(requests, sizes);
        const auto count = static_cast<std::size_t>(borrowed.count);
        std::vector<double> now;
        if (borrowed.arrival_time == nullptr) {
            now.assign(count, state().clock);
            borrowed.arrival_time = now.data();
        }
        std::vector<double> start(count), first_token(count), end(count);
        std::vector<std::int32_t> status(count);
        auto results = detail::initialized(batching_results_init);
        results.capacity = borrowed.count;
        results.start_time = start.data();
        results.first_token_time = first_token.data();
        results.end_time = end.data();
        results.status = status.data();
        guarded([&] { return batching_live_engine_estimate(handle_.get(), &borrowed, &results); });
        std::vector<engine_estimate> told(count);
        for (std::size_t row = 0; row < count; ++row) {
            const double arrival = borrowed.arrival_time[row];
            told[row] = {first_token[row] - arrival, end[row] - arrival, start[row],
                         first_token[row],           end[row],           static_cast<request_status>(status[row])};
        }
        return told;
    }

    /// An independent copy, which has no events to tell yet.
    live_engine fork() const {
        batching_live_engine *copy = nullptr;
        detail::check(batching_live_engine_fork(handle_.get(), &copy));
        return live_engine(copy, kept_);
    }

    /// Everything but its callbacks, events that were not polled included: load makes an engine that goes on as
    /// this one would, in this process or another.
    std::vector<std::uint8_t> save() const {
        std::int64_t needed = 0;
        detail::check(batching_live_engine_save(handle_.get(), nullptr, 0, &needed));
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(needed));
        detail::check(batching_live_engine_save(handle_.get(), bytes.data(), needed, nullptr));
        return bytes;
    }

    /// From what save gave. Of `callbacks` nothing is taken but the callbacks.
    static live_engine load(column<const std::uint8_t> bytes, const engine_config &callbacks = {}) {
        auto shared = std::make_shared<kept>(callbacks);
        batching_live_engine *made = nullptr;
        detail::check(batching_live_engine_load(bytes.data(), static_cast<std::int64_t>(bytes.size()),
                                                shared->borrowed.get(), &made));
        return live_engine(made, std::move(shared));
    }

    /// The handle, for the C functions; it stays with this object.
    batching_live_engine *get() const noexcept { return handle_.get(); }

  private:
    struct destroy {
        void operator()(batching_live_engine *handle) const noexcept { batching_live_engine_destroy(handle); }
    };

    /// What the library keeps pointers to.
    struct kept {
        explicit kept(const engine_config &config) : given(config), borrowed(given, nullptr) {}
        engine_config given;
        detail::borrowed_config borrowed;
    };

    live_engine(batching_live_engine *handle, std::shared_ptr<kept> shared) noexcept
        : kept_(std::move(shared)), handle_(handle) {}

    /// Makes a call that may call back.
    template <class Call> static void guarded(Call call) {
        detail::callback_guard guard;
        detail::callback_guard *const outer = std::exchange(detail::callback_guard::current(), &guard);
        const batching_status status = call();
        detail::callback_guard::current() = outer;
        guard.check(status);
    }

    /// One request, as the library takes it, whose fields stay with the caller.
    static batching_requests single(const std::int32_t &prompt_length, const std::int32_t &output_length,
                                    const std::optional<double> &arrival_time) {
        auto borrowed = detail::initialized(batching_requests_init);
        borrowed.count = 1;
        borrowed.prompt_length = &prompt_length;
        borrowed.output_length = &output_length;
        borrowed.arrival_time = arrival_time ? &*arrival_time : nullptr;
        return borrowed;
    }

    std::shared_ptr<kept> kept_;
    std::unique_ptr<batching_live_engine, destroy> handle_;
};

} // namespace batching

#endif /* BATCHING_HPP */
