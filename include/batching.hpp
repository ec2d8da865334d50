/*
 * batching.hpp: batching.h for C++17 and later, with views, vectors and exceptions.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * Header only, over the C functions: link libbatching as from C. The sections are those of batching.h. What each
 * function computes, and what each field and choice means, its unit, range and default, stand there and hold here. A
 * field, a column or a choice that is new there is here at once. This header adds, and nothing else:
 *
 *   structs     What is set and what is told derives from the struct of C, made by its _init function: its fields are
 *               the fields of C, and 0 is the default there.
 *   choices     batching::policy::orca for BATCHING_POLICY_ORCA: int32_t values, as the fields are.
 *   columns     Views, with setters instead of pointers and counts: sizes that contradict each other are an error. And
 *               structs of std::vector that own their columns, and convert to views.
 *   functions   Callables of the caller for the iteration time, the progress, the policy, the logs and the interruption
 *               of calls. They are kept alive, and what they throw comes out of the call.
 *   exceptions  instead of statuses
 *   handles     that are destroyed with their objects
 *   objects     batching::request, one for each request, for the textbook simulators
 *
 * First programs: examples/cpp/compare.cpp, examples/cpp/engine.cpp.
 */
#ifndef BATCHING_HPP
#define BATCHING_HPP

#include "batching.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace batching {

/* ================================================================================================================
 * Conventions
 * ================================================================================================================ */

/**
 * A view of elements that it does not own, as std::span of C++20: a pointer and a size. Made from a std::vector,
 * std::array, array or std::span that has a name; a temporary would be gone before the view is used.
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

/* ================================================================================================================
 * Version
 * ================================================================================================================ */

/// batching_version_number: of the library that is loaded. That of this header is BATCHING_VERSION_NUMBER.
inline std::int32_t version_number() noexcept {
    return batching_version_number();
}

/// batching_version: the same as text.
inline const char *version() noexcept {
    return batching_version();
}

/* ================================================================================================================
 * Status
 * ================================================================================================================ */

/// batching_status_name.
inline const char *status_name(batching_status status) noexcept {
    return batching_status_name(status);
}

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

/// What the function of an interruption threw, which stopped a call of this thread.
inline std::exception_ptr &thrown_by_interruption() noexcept {
    static thread_local std::exception_ptr thrown;
    return thrown;
}

inline void check(batching_status status) {
    if (status == BATCHING_ERROR_CANCELLED && thrown_by_interruption()) {
        std::rethrow_exception(std::exchange(thrown_by_interruption(), nullptr));
    }
    if (status != BATCHING_OK) {
        throw_error(status, batching_last_error());
    }
}

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

} // namespace detail

/* ================================================================================================================
 * How the structs are made
 *
 * A struct here has the fields of the struct of C from which it derives. A view has, for each column of its struct of C,
 * a function that sets it: requests_view().set_priority(column) takes any container with a name, or std::nullopt, which
 * leaves the column out. A struct that owns its columns has a std::vector of the same name for each.
 * ================================================================================================================ */

namespace detail {

/// The struct that an _init function makes.
template <class Init> struct made_by;
template <class Struct> struct made_by<batching_status (*)(Struct *, std::uint32_t)> { using type = Struct; };

/// A struct of C as its _init function makes it.
template <auto init> struct initialized : made_by<decltype(init)>::type {
    using c_struct = typename made_by<decltype(init)>::type;

    initialized() : c_struct() { check(init(this, sizeof(c_struct))); }
};

/// What a pointer of C points to.
template <class Pointer> using element_of = std::remove_pointer_t<Pointer>;

/// A column, left out if it has no elements.
template <class Container> auto unless_empty(Container &elements) {
    using view = column<std::remove_pointer_t<decltype(std::data(elements))>>;
    return std::size(elements) == 0 ? std::nullopt : std::optional<view>(elements);
}

/// So many elements, in a sentence.
inline std::string elements(std::size_t size) {
    return std::to_string(size) + (size == 1 ? " element" : " elements");
}

/// The name of a column, and of how many requests or rows it tells.
struct named_size {
    const char *name;
    std::size_t size;
    bool is_offsets = false; ///< it has one element more
};

[[noreturn]] inline void throw_sizes(batching_status status, const named_size &one, const named_size &other) {
    throw invalid_argument(status, std::string(one.name) + " has " + elements(one.size) + ", but " + other.name +
                                       (other.is_offsets ? " is for " : " has ") + std::to_string(other.size));
}

/// The sizes of the columns that a struct was given, in the order in which they were given.
class column_sizes {
  public:
    /// No struct has as many pointers.
    static constexpr std::size_t most = 24;

    void set(const named_size &column) {
        named_size *const place = find(column.name);
        count_ += place == end() ? 1 : 0;
        *place = column;
    }

    void remove(const char *name) {
        named_size *const place = find(name);
        if (place != end()) {
            std::copy(place + 1, end(), place);
            --count_;
        }
    }

    /// Null: there is none.
    const named_size *first() const { return count_ == 0 ? nullptr : begin(); }

    /// The first with another name; null: there is none.
    const named_size *first_but(const char *name) const {
        for (const named_size &each : *this) {
            if (std::strcmp(each.name, name) != 0) {
                return &each;
            }
        }
        return nullptr;
    }

    /// The first with the fewest elements; null: there is none.
    const named_size *shortest() const {
        const named_size *found = first();
        for (const named_size &each : *this) {
            found = each.size < found->size ? &each : found;
        }
        return found;
    }

    /// Throws unless all are of one size.
    void require_equal() const {
        for (const named_size &each : *this) {
            if (each.size != first()->size) {
                throw_sizes(BATCHING_ERROR_INVALID_ARGUMENT, each, *first());
            }
        }
    }

    const named_size *begin() const { return columns_; }
    const named_size *end() const { return columns_ + count_; }

  private:
    named_size *end() { return columns_ + count_; }

    /// The end: there is none.
    named_size *find(const char *name) {
        named_size *place = columns_;
        while (place != end() && std::strcmp(place->name, name) != 0) {
            ++place;
        }
        return place;
    }

    named_size columns_[most]{};
    std::size_t count_ = 0;
};

/// A struct of C with columns of one size, which stands in its field `size`: requests to read, or rows to write.
template <auto init, auto size> class equal_columns : public initialized<init> {
  public:
    using typename initialized<init>::c_struct;

    const column_sizes &sizes() const noexcept { return sizes_; }

  protected:
    template <class Element>
    void set(const char *name, Element *c_struct::*field, const optional_column<Element> &given) {
        if (given) {
            const named_size *const other = sizes_.first_but(name);
            if (other != nullptr && other->size != given->size()) {
                throw_sizes(BATCHING_ERROR_INVALID_ARGUMENT, {name, given->size()}, *other);
            }
        }
        put(name, field, given);
    }

    /// A column with some values for each request, one request after the other, and where the values of each begin.
    template <class Value>
    void set_ragged(const char *values_name, const Value *c_struct::*values_field,
                    const optional_column<const Value> &values, const char *offsets_name,
                    const std::int64_t *c_struct::*offsets_field, const optional_column<const std::int64_t> &offsets) {
        optional_column<const std::int64_t> starts;
        if (offsets) {
            const named_size *const other = sizes_.first_but(offsets_name);
            const std::size_t requests = other != nullptr ? other->size : std::max<std::size_t>(offsets->size(), 1) - 1;
            if (offsets->size() != requests + 1) {
                throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT,
                                       std::string(offsets_name) + " has " + elements(offsets->size()) + ": must be " +
                                           std::to_string(requests + 1) + ", one more than there are requests");
            }
            const std::int64_t last = (*offsets)[requests];
            if (values && (last < 0 || static_cast<std::uint64_t>(last) != values->size())) {
                throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT,
                                       std::string(offsets_name) + "[" + std::to_string(requests) + "] is " +
                                           std::to_string(last) + ", but " + values_name + " has " +
                                           elements(values->size()));
            }
            starts.emplace(offsets->data(), requests);
        }
        put(offsets_name, offsets_field, starts, true);
        this->*values_field = values ? values->data() : nullptr;
    }

  private:
    template <class Element>
    void put(const char *name, Element *c_struct::*field, const optional_column<Element> &given,
             bool is_offsets = false) {
        if (given) {
            sizes_.set({name, given->size(), is_offsets});
        } else {
            sizes_.remove(name);
        }
        this->*field = given ? given->data() : nullptr;
        this->*size = static_cast<std::int64_t>(sizes_.first() == nullptr ? 0 : sizes_.first()->size);
    }

    static_assert(sizeof(c_struct) / sizeof(void *) <= column_sizes::most);
    column_sizes sizes_;
};

/// A struct of C with columns to write, each with room for an element of every request.
template <auto init> class output_columns : public initialized<init> {
  public:
    using typename initialized<init>::c_struct;

    const column_sizes &sizes() const noexcept { return sizes_; }

    /// Whether anything was set.
    bool is_wanted() const {
        const initialized<init> untouched;
        const c_struct &one = *this, &other = untouched;
        return std::memcmp(&one, &other, sizeof(c_struct)) != 0;
    }

    /// As the library takes it for such requests. Throws if a column has fewer elements than there are requests.
    template <class Requests> c_struct for_each_of(const Requests &requests) const {
        const named_size *const shortest = sizes_.shortest(), *const first = requests.sizes().first();
        if (shortest != nullptr && first != nullptr && shortest->size < first->size) {
            throw_sizes(BATCHING_ERROR_CAPACITY, *shortest, *first);
        }
        c_struct borrowed = *this;
        if (!is_wanted()) {
            borrowed.capacity = requests.count;
        }
        return borrowed;
    }

  protected:
    template <class Element>
    void set(const char *name, Element *c_struct::*field, const optional_column<Element> &given) {
        if (given) {
            sizes_.set({name, given->size()});
        } else {
            sizes_.remove(name);
        }
        this->*field = given ? given->data() : nullptr;
        this->capacity = static_cast<std::int64_t>(sizes_.first() == nullptr ? 0 : sizes_.shortest()->size);
    }

  private:
    static_assert(sizeof(c_struct) / sizeof(void *) <= column_sizes::most);
    column_sizes sizes_;
};

} // namespace detail

/*
 * The columns of a struct stand in a list of their names in C, of which the views and vectors are made. The lists are
 * written from batching.h, so that a column which is new there is here at once. `c_struct` is the struct of C.
 */

// Generated from include/batching.h by `make generate`, columns: change that, not this.
// clang-format off
#define BATCHING_HPP_REQUESTS(column) \
    column(prompt_length) column(output_length) column(arrival_time) column(priority) column(tie_break) \
    column(max_tokens) column(abort_time) column(session) column(delay)
#define BATCHING_HPP_RESULTS(column) \
    column(start_time) column(first_token_time) column(end_time) column(tokens_generated) column(completion_order) \
    column(preemptions) column(prefix_cached_tokens) column(status) column(arrival_time) column(sent_time)
#define BATCHING_HPP_COMPLETED(column) \
    column(arrival_time) column(start_time) column(first_token_time) column(end_time) column(tokens_generated)
#define BATCHING_HPP_LATENCIES(column) \
    column(queue_time) column(processing_time) column(total_latency) column(time_to_first_token)
#define BATCHING_HPP_RECORDED(column) \
    column(arrival_time) column(start_time) column(first_token_time) column(end_time) column(prompt_length) \
    column(output_length) column(success) column(client_arrival_time)
#define BATCHING_HPP_SERVING_METRICS(column) \
    column(ttft) column(tpot) column(itl) column(e2e) column(queue_time) column(normalized_latency) \
    column(client_queue_time) column(e2e_including_client_queue)
#define BATCHING_HPP_LOAD_CONFIG(column) \
    column(last_token_time)
#define BATCHING_HPP_LOAD_TIMELINE(column) \
    column(time) column(running) column(waiting) column(tokens) column(peak_running) column(peak_waiting) \
    column(peak_tokens)
#define BATCHING_HPP_ITERATIONS(column) \
    column(prefill_tokens) column(prefill_chunks) column(decode_tokens) column(context_tokens) column(prefill_context)
#define BATCHING_HPP_LIVE_CALIBRATION_LOG(column) \
    column(request) column(prompt_length) column(output_length) column(arrival_time) column(abort_time) \
    column(first_token_time) column(end_time) column(success)
#define BATCHING_HPP_ITERATION_LOG(column) \
    column(time) column(start_time) column(duration) column(running) column(waiting) column(prefill_tokens) \
    column(decode_tokens) column(kv_blocks_used) column(kv_blocks_kept) column(preemptions) column(finished)
#define BATCHING_HPP_DECISION_LOG(column) \
    column(iteration) column(request) column(event) column(tokens)
#define BATCHING_HPP_ATTRIBUTION(column) \
    column(waiting_for_slot) column(waiting_for_memory) column(prefill) column(decode) column(slowed_by_prefill) \
    column(preempted) column(held_in_batch) column(waiting_for_client)
#define BATCHING_HPP_ATTRIBUTION_BANDS(column) \
    column(count) column(shortest) column(longest) column(mean_total) column(waiting_for_slot) \
    column(waiting_for_memory) column(prefill) column(decode) column(slowed_by_prefill) column(preempted) \
    column(held_in_batch) column(waiting_for_client)
#define BATCHING_HPP_LIVE_ENGINE_EVENTS(column) \
    column(time) column(request) column(event) column(tokens)
#define BATCHING_HPP_WORKER_METRICS(column) \
    column(waiting) column(running) column(kv_usage) column(in_flight_requests) column(in_flight_tokens)
#define BATCHING_HPP_SCALING_READINGS(column) \
    column(waiting) column(running) column(queued_prefill_tokens) column(scheduled_kv_tokens) column(queued_kv_tokens) \
    column(kv_usage) column(estimated_ttft) column(estimated_itl) column(merged_ttft) column(own_ttft) \
    column(merged_itl) column(metric)
#define BATCHING_HPP_FLEET_RESULTS(column) \
    column(replica) column(routed_time) column(prefill_replica) column(held_time) column(reserved_time) \
    column(activated_time) column(decode_start_time) column(released_time) column(attempts) column(waiting_for_router) \
    column(transfer) column(waiting_for_decode)
#define BATCHING_HPP_FLEET_EVENTS(column) \
    column(time) column(request) column(event) column(tokens) column(replica)
#define BATCHING_HPP_FLEET_STATE(column) \
    column(waiting) column(running) column(kv_use) column(routed) column(queued_tokens) column(is_up)
#define BATCHING_HPP_ACCUMULATOR_EVENTS(column) \
    column(event) column(request) column(time) column(value)
// clang-format on
// End of what is generated, columns.

// In a view: view.set_NAME(column), for any container with a name; std::nullopt leaves the column out.
#define BATCHING_HPP_SETTER(name)                                                                                      \
    auto &set_##name(const optional_column<detail::element_of<decltype(c_struct::name)>> &given) {                     \
        set(#name, &c_struct::name, given);                                                                            \
        return *this;                                                                                                  \
    }

// In a struct that owns its columns: a std::vector for each. It becomes a view column by column.
#define BATCHING_HPP_VECTOR(name)                                                                                      \
    std::vector<std::remove_const_t<detail::element_of<decltype(c_struct::name)>>> name = {};
#define BATCHING_HPP_SET(name)              view.set_##name(name);
#define BATCHING_HPP_SET_UNLESS_EMPTY(name) view.set_##name(detail::unless_empty(name));
#define BATCHING_HPP_RESIZE(name)           name.resize(rows);
#define BATCHING_HPP_APPEND(name)           name.insert(name.end(), rows.name.begin(), rows.name.end());

// In a struct that is one row: a value for each column.
#define BATCHING_HPP_VALUE(name) std::remove_const_t<detail::element_of<decltype(c_struct::name)>> name = {};

/* ================================================================================================================
 * Choices
 *
 * The constants of batching.h, as values of its fields: policy::orca is BATCHING_POLICY_ORCA, which says there what it
 * is. The type of a parameter is policy::value.
 * ================================================================================================================ */

// Generated from include/batching.h by `make generate`, choices: change that, not this.
/// How the gaps between arrivals vary: `arrivals` of batching_workload.
struct arrivals {
    enum value : std::int32_t {
        poisson = BATCHING_ARRIVALS_POISSON,
        gamma = BATCHING_ARRIVALS_GAMMA,
        constant = BATCHING_ARRIVALS_CONSTANT,
    };
};

/// How the rate changes: `ramp` of batching_workload.
struct ramp {
    enum value : std::int32_t {
        none = BATCHING_RAMP_NONE,
        linear = BATCHING_RAMP_LINEAR,
        exponential = BATCHING_RAMP_EXPONENTIAL,
    };
};

/// How prompt lengths are distributed: `prompt_lengths` of batching_workload.
struct lengths {
    enum value : std::int32_t {
        uniform = BATCHING_LENGTHS_UNIFORM,
        lognormal = BATCHING_LENGTHS_LOGNORMAL,
        zipf = BATCHING_LENGTHS_ZIPF,
        empirical = BATCHING_LENGTHS_EMPIRICAL,
    };
};

/// Whose definitions hold: `convention` of batching_serving_metrics_config.
struct convention {
    enum value : std::int32_t {
        vllm = BATCHING_CONVENTION_VLLM,
        sglang = BATCHING_CONVENTION_SGLANG,
        aiperf = BATCHING_CONVENTION_AIPERF,
    };
};

/// How percentiles are taken: `percentile_method` of batching_serving_metrics_config.
struct percentile_method {
    enum value : std::int32_t {
        linear = BATCHING_PERCENTILE_LINEAR,
        inverse_cdf = BATCHING_PERCENTILE_INVERSE_CDF,
        nearest = BATCHING_PERCENTILE_NEAREST,
    };
};

/// What became of the request: `status` of batching_results.
struct request_status {
    enum value : std::int32_t {
        finished = BATCHING_REQUEST_FINISHED,
        unfinished = BATCHING_REQUEST_UNFINISHED,
        stuck = BATCHING_REQUEST_STUCK,
        aborted = BATCHING_REQUEST_ABORTED,
        not_sent = BATCHING_REQUEST_NOT_SENT,
        lost = BATCHING_REQUEST_LOST,
        timed_out = BATCHING_REQUEST_TIMED_OUT,
        rejected_model_length = BATCHING_REQUEST_REJECTED_MODEL_LENGTH,
        rejected_kv_memory = BATCHING_REQUEST_REJECTED_KV_MEMORY,
        rejected_token_budget = BATCHING_REQUEST_REJECTED_TOKEN_BUDGET,
        rejected_admission = BATCHING_REQUEST_REJECTED_ADMISSION,
    };
};

/// Why the run ended: `end_reason` of batching_summary.
struct end_reason {
    enum value : std::int32_t {
        completed = BATCHING_END_COMPLETED,
        time_limit = BATCHING_END_TIME_LIMIT,
        iteration_limit = BATCHING_END_ITERATION_LIMIT,
        stuck = BATCHING_END_STUCK,
    };
};

/// How it schedules: `policy` of batching_engine_config.
struct policy {
    enum value : std::int32_t {
        vllm = BATCHING_POLICY_VLLM,
        static_batching = BATCHING_POLICY_STATIC,
        dynamic_batching = BATCHING_POLICY_DYNAMIC,
        continuous_batching = BATCHING_POLICY_CONTINUOUS,
        orca = BATCHING_POLICY_ORCA,
        custom = BATCHING_POLICY_CUSTOM,
    };
};

/// In which order the waiting are admitted: `queue_order` of batching_engine_config.
struct queue_order {
    enum value : std::int32_t {
        arrival = BATCHING_QUEUE_ARRIVAL,
        priority = BATCHING_QUEUE_PRIORITY,
        shortest_output = BATCHING_QUEUE_SHORTEST_OUTPUT,
    };
};

/// How long iterations take: `time_model` of batching_engine_config.
struct time_model {
    enum value : std::int32_t {
        default_time = BATCHING_TIME_DEFAULT,
        constant = BATCHING_TIME_CONSTANT,
        affine = BATCHING_TIME_AFFINE,
        roofline = BATCHING_TIME_ROOFLINE,
        table = BATCHING_TIME_TABLE,
        callback = BATCHING_TIME_CALLBACK,
    };
};

/// Of linear layers and experts: `weight_dtype` of batching_deployment.
struct dtype {
    enum value : std::int32_t {
        bf16 = BATCHING_DTYPE_BF16,
        fp8 = BATCHING_DTYPE_FP8,
        int8 = BATCHING_DTYPE_INT8,
        fp4 = BATCHING_DTYPE_FP4,
        int4 = BATCHING_DTYPE_INT4,
    };
};

/// One of the constants: `memory_type` of batching_gpu.
struct memory_type {
    enum value : std::int32_t {
        hbm = BATCHING_MEMORY_HBM,
        gddr = BATCHING_MEMORY_GDDR,
    };
};

/// One of the constants: `link_type` of batching_gpu.
struct link_type {
    enum value : std::int32_t {
        none = BATCHING_LINK_NONE,
        nvlink = BATCHING_LINK_NVLINK,
        pcie = BATCHING_LINK_PCIE,
    };
};

/// How think times are distributed: `think_times` of batching_workload, batching_client.
struct think_times {
    enum value : std::int32_t {
        exponential = BATCHING_THINK_TIMES_EXPONENTIAL,
        constant = BATCHING_THINK_TIMES_CONSTANT,
        lognormal = BATCHING_THINK_TIMES_LOGNORMAL,
    };
};

/// Which ways to schedule are tried: `scheduling` of batching_calibration_config.
struct scheduling {
    enum value : std::int32_t {
        both = BATCHING_SCHEDULING_BOTH,
        given = BATCHING_SCHEDULING_GIVEN,
    };
};

/// What happened: `event` of batching_decision_log, batching_live_engine_events, batching_fleet_events.
struct event {
    enum value : std::int32_t {
        rejected = BATCHING_EVENT_REJECTED,
        preempted = BATCHING_EVENT_PREEMPTED,
        admitted = BATCHING_EVENT_ADMITTED,
        resumed = BATCHING_EVENT_RESUMED,
        scheduled = BATCHING_EVENT_SCHEDULED,
        routed = BATCHING_EVENT_ROUTED,
        first_token = BATCHING_EVENT_FIRST_TOKEN,
        running = BATCHING_EVENT_RUNNING,
        waiting = BATCHING_EVENT_WAITING,
        finished = BATCHING_EVENT_FINISHED,
        aborted = BATCHING_EVENT_ABORTED,
    };
};

/// Its rule: `router` of batching_router_config.
struct router_name {
    enum value : std::int32_t {
        round_robin = BATCHING_ROUTER_ROUND_ROBIN,
        random = BATCHING_ROUTER_RANDOM,
        power_of_two = BATCHING_ROUTER_POWER_OF_TWO,
        least_requests = BATCHING_ROUTER_LEAST_REQUESTS,
        least_tokens = BATCHING_ROUTER_LEAST_TOKENS,
        session = BATCHING_ROUTER_SESSION,
        dynamo_kv = BATCHING_ROUTER_DYNAMO_KV,
        vllm_dp = BATCHING_ROUTER_VLLM_DP,
        cache_aware = BATCHING_ROUTER_CACHE_AWARE,
        bucket = BATCHING_ROUTER_BUCKET,
        prefix_trie = BATCHING_ROUTER_PREFIX_TRIE,
        ray_prefix = BATCHING_ROUTER_RAY_PREFIX,
        scorers = BATCHING_ROUTER_SCORERS,
        aibrix_prefix = BATCHING_ROUTER_AIBRIX_PREFIX,
        vtc = BATCHING_ROUTER_VTC,
    };
};

/// Which of equals least_requests takes: `ties` of batching_router_config.
struct ties {
    enum value : std::int32_t {
        first = BATCHING_TIES_FIRST,
        random = BATCHING_TIES_RANDOM,
        nginx = BATCHING_TIES_NGINX,
        haproxy = BATCHING_TIES_HAPROXY,
    };
};

/// How round robin counts: `round_robin_rule` of batching_router_config.
struct round_robin_rule {
    enum value : std::int32_t {
        counter = BATCHING_ROUND_ROBIN_RULE_COUNTER,
        sets = BATCHING_ROUND_ROBIN_RULE_SETS,
        smooth = BATCHING_ROUND_ROBIN_RULE_SMOOTH,
    };
};

/// Of which vLLM vllm_dp is: `vllm_dp_rule` of batching_router_config.
struct vllm_dp_rule {
    enum value : std::int32_t {
        from_0_27 = BATCHING_VLLM_DP_RULE_FROM_0_27,
        until_0_26 = BATCHING_VLLM_DP_RULE_UNTIL_0_26,
    };
};

/// Of which gateway cache_aware is: `cache_aware_rule` of batching_router_config.
struct cache_aware_rule {
    enum value : std::int32_t {
        sglang = BATCHING_CACHE_AWARE_RULE_SGLANG,
        vllm = BATCHING_CACHE_AWARE_RULE_VLLM,
        smg = BATCHING_CACHE_AWARE_RULE_SMG,
    };
};

/// Which waiting request is next: `waiting_order` of batching_router_config.
struct waiting_order {
    enum value : std::int32_t {
        fcfs = BATCHING_WAITING_ORDER_FCFS,
        lcfs = BATCHING_WAITING_ORDER_LCFS,
        wspt = BATCHING_WAITING_ORDER_WSPT,
    };
};

/// What is scored: `scorer` of batching_router_config.
struct scorer {
    enum value : std::int32_t {
        queue = BATCHING_SCORER_QUEUE,
        running = BATCHING_SCORER_RUNNING,
        kv_usage = BATCHING_SCORER_KV_USAGE,
        load_aware = BATCHING_SCORER_LOAD_AWARE,
        active = BATCHING_SCORER_ACTIVE,
        token_load = BATCHING_SCORER_TOKEN_LOAD,
        prefix = BATCHING_SCORER_PREFIX,
        precise_prefix = BATCHING_SCORER_PRECISE_PREFIX,
    };
};

/// Its rule: `autoscaler` of batching_autoscaler_config.
struct autoscaler_name {
    enum value : std::int32_t {
        hpa = BATCHING_AUTOSCALER_HPA,
        queue_length = BATCHING_AUTOSCALER_QUEUE_LENGTH,
        dynamo_planner = BATCHING_AUTOSCALER_DYNAMO_PLANNER,
        llm_d = BATCHING_AUTOSCALER_LLM_D,
    };
};

/// What hpa and queue_length measure: `scaling_metric` of batching_autoscaler_config.
struct scaling_metric {
    enum value : std::int32_t {
        waiting = BATCHING_SCALING_METRIC_WAITING,
        running = BATCHING_SCALING_METRIC_RUNNING,
        in_flight = BATCHING_SCALING_METRIC_IN_FLIGHT,
        kv_usage = BATCHING_SCALING_METRIC_KV_USAGE,
        queued_tokens = BATCHING_SCALING_METRIC_QUEUED_TOKENS,
        given = BATCHING_SCALING_METRIC_GIVEN,
    };
};

/// Which workers these are: `component` of batching_autoscaler_config.
struct component {
    enum value : std::int32_t {
        prefill = BATCHING_COMPONENT_PREFILL,
        decode = BATCHING_COMPONENT_DECODE,
        aggregated = BATCHING_COMPONENT_AGGREGATED,
    };
};

/// What its load step compares: `scaling_target` of batching_autoscaler_config.
struct scaling_target {
    enum value : std::int32_t {
        throughput = BATCHING_SCALING_TARGET_THROUGHPUT,
        latency = BATCHING_SCALING_TARGET_LATENCY,
        load = BATCHING_SCALING_TARGET_LOAD,
        sla = BATCHING_SCALING_TARGET_SLA,
    };
};

/// What replicas do of a request: `role` of batching_fleet_config.
struct role {
    enum value : std::int32_t {
        both = BATCHING_ROLE_BOTH,
        prefill = BATCHING_ROLE_PREFILL,
        decode = BATCHING_ROLE_DECODE,
    };
};

/// What the next fields are where they are 0: `preset` of batching_disaggregation_config.
struct preset {
    enum value : std::int32_t {
        dynamo = BATCHING_PRESET_DYNAMO,
        vllm_nixl = BATCHING_PRESET_VLLM_NIXL,
        sglang_pd = BATCHING_PRESET_SGLANG_PD,
        llm_d = BATCHING_PRESET_LLM_D,
    };
};

/// Whether the prompt is computed elsewhere: `decider` of batching_disaggregation_config.
struct decider {
    enum value : std::int32_t {
        preset = BATCHING_DECIDER_PRESET,
        always = BATCHING_DECIDER_ALWAYS,
        never = BATCHING_DECIDER_NEVER,
        prefix_threshold = BATCHING_DECIDER_PREFIX_THRESHOLD,
        dynamo_conditional = BATCHING_DECIDER_DYNAMO_CONDITIONAL,
    };
};

/// When the target is chosen; on arrival where the decider looks at it, or it reserves before the prompt is done:
/// `decode_choice` of batching_disaggregation_config.
struct decode_choice {
    enum value : std::int32_t {
        preset = BATCHING_DECODE_CHOICE_PRESET,
        after_prefill = BATCHING_DECODE_CHOICE_AFTER_PREFILL,
        at_arrival = BATCHING_DECODE_CHOICE_AT_ARRIVAL,
    };
};

/// What is sent: `transfer_tokens` of batching_disaggregation_config.
struct transfer_tokens {
    enum value : std::int32_t {
        preset = BATCHING_TRANSFER_TOKENS_PRESET,
        full = BATCHING_TRANSFER_TOKENS_FULL,
        missing = BATCHING_TRANSFER_TOKENS_MISSING,
    };
};

/// What is sent before the prompt is done: `overlap` of batching_disaggregation_config.
struct overlap {
    enum value : std::int32_t {
        preset = BATCHING_OVERLAP_PRESET,
        none = BATCHING_OVERLAP_NONE,
        chunk = BATCHING_OVERLAP_CHUNK,
        layer = BATCHING_OVERLAP_LAYER,
    };
};

/// When the target reserves blocks: `reserve` of batching_disaggregation_config.
struct reserve {
    enum value : std::int32_t {
        preset = BATCHING_RESERVE_PRESET,
        start = BATCHING_RESERVE_START,
        admission = BATCHING_RESERVE_ADMISSION,
        prefill = BATCHING_RESERVE_PREFILL,
    };
};

/// When the source frees: `source_release` of batching_disaggregation_config.
struct source_release {
    enum value : std::int32_t {
        preset = BATCHING_SOURCE_RELEASE_PRESET,
        activation = BATCHING_SOURCE_RELEASE_ACTIVATION,
        read_done = BATCHING_SOURCE_RELEASE_READ_DONE,
    };
};

/// Where the first token comes from: `first_token` of batching_disaggregation_config.
struct first_token {
    enum value : std::int32_t {
        preset = BATCHING_FIRST_TOKEN_PRESET,
        prefill = BATCHING_FIRST_TOKEN_PREFILL,
        decode = BATCHING_FIRST_TOKEN_DECODE,
    };
};

/// What transfers share: `sharing` of batching_disaggregation_config.
struct sharing {
    enum value : std::int32_t {
        none = BATCHING_SHARING_NONE,
        source = BATCHING_SHARING_SOURCE,
        pair = BATCHING_SHARING_PAIR,
    };
};

/// What a request takes of it, or is rejected: `bucket_cost` of batching_admission_config.
struct bucket_cost {
    enum value : std::int32_t {
        request = BATCHING_BUCKET_COST_REQUEST,
        prompt_tokens = BATCHING_BUCKET_COST_PROMPT_TOKENS,
    };
};

/// What happens to it: `fault_kind` of batching_fault_config.
struct fault_kind {
    enum value : std::int32_t {
        down = BATCHING_FAULT_KIND_DOWN,
        up = BATCHING_FAULT_KIND_UP,
        slow = BATCHING_FAULT_KIND_SLOW,
    };
};

/// What decides; anything but router only counts with it: `chooser` of batching_fleet_config.
struct chooser {
    enum value : std::int32_t {
        router = BATCHING_CHOOSER_ROUTER,
        estimated_ttft = BATCHING_CHOOSER_ESTIMATED_TTFT,
        estimated_e2e = BATCHING_CHOOSER_ESTIMATED_E2E,
        callback = BATCHING_CHOOSER_CALLBACK,
    };
};

/// Why it finished: `reason` of batching_accumulator_finished.
struct finish_reason {
    enum value : std::int32_t {
        stop = BATCHING_FINISHED_STOP,
        length = BATCHING_FINISHED_LENGTH,
    };
};

/// Why it failed: `reason` of batching_accumulator_failed.
struct failure_reason {
    enum value : std::int32_t {
        error = BATCHING_FAILED_ERROR,
        abort = BATCHING_FAILED_ABORT,
    };
};

/// What happened: `event` of batching_accumulator_events.
struct accumulator_event {
    enum value : std::int32_t {
        arrived = BATCHING_ACCUMULATOR_ARRIVED,
        started = BATCHING_ACCUMULATOR_STARTED,
        tokens = BATCHING_ACCUMULATOR_TOKENS,
        finished = BATCHING_ACCUMULATOR_FINISHED,
        failed = BATCHING_ACCUMULATOR_FAILED,
    };
};

/// Which requests are measured: `scope` of batching_accumulator_measure.
struct accumulator_scope {
    enum value : std::int32_t {
        start = BATCHING_ACCUMULATOR_START,
        window = BATCHING_ACCUMULATOR_WINDOW,
    };
};
// End of what is generated, choices.

/* ================================================================================================================
 * Textbook simulators
 * ================================================================================================================ */

/// batching_client: how requests are sent in a closed loop.
struct client : detail::initialized<batching_client_init> {};

/// batching_requests: as many requests as its columns have elements, all the same number.
struct requests_view : detail::equal_columns<batching_requests_init, &batching_requests::count> {
    BATCHING_HPP_REQUESTS(BATCHING_HPP_SETTER)

    /// How they are sent; it is borrowed, as the columns are.
    requests_view &set_client(const batching_client &given) noexcept {
        batching_requests::client = &given;
        return *this;
    }

    requests_view() = default;
    requests_view(const optional_column<const std::int32_t> &prompts,
                  const optional_column<const std::int32_t> &outputs, const optional_column<const double> &arrivals) {
        set_prompt_length(prompts).set_output_length(outputs).set_arrival_time(arrivals);
    }

    /// hash_ids, those of one request after the other, and hash_offsets, where those of each begin and the last end.
    requests_view &set_hashes(const optional_column<const std::int64_t> &ids,
                              const optional_column<const std::int64_t> &offsets) {
        set_ragged("hash_ids", &c_struct::hash_ids, ids, "hash_offsets", &c_struct::hash_offsets, offsets);
        return *this;
    }
};

/// Requests that own their columns. Those that are empty, other than output_length, are left out: their defaults hold.
/// The C functions take a requests_view of it, and refuse the struct itself.
struct requests : detail::initialized<batching_requests_init> {
    requests() { count = -1; }

    requests(std::vector<std::int32_t> prompts, std::vector<std::int32_t> outputs, std::vector<double> arrivals)
        : requests() {
        prompt_length = std::move(prompts);
        output_length = std::move(outputs);
        arrival_time = std::move(arrivals);
    }

    BATCHING_HPP_REQUESTS(BATCHING_HPP_VECTOR)
    BATCHING_HPP_VECTOR(hash_ids)
    BATCHING_HPP_VECTOR(hash_offsets)
    /// How they are sent; left out: as they arrive.
    std::optional<batching::client> client = {};

    operator requests_view() const {
        requests_view view;
        static_cast<batching_requests &>(view) = *this;
        if (client) {
            view.set_client(*client);
        }
        BATCHING_HPP_REQUESTS(BATCHING_HPP_SET_UNLESS_EMPTY)
        view.set_output_length(output_length);
        if (!hash_ids.empty() || !hash_offsets.empty()) {
            view.set_hashes(hash_ids, detail::unless_empty(hash_offsets));
        }
        return view;
    }
};

/// batching_results: columns of the caller with at least as many elements as there are requests.
struct results_view : detail::output_columns<batching_results_init> {
    BATCHING_HPP_RESULTS(BATCHING_HPP_SETTER)
};

/// Results that own their columns. Those that are empty are left out, unless all are.
struct results {
    using c_struct = batching_results;

    BATCHING_HPP_RESULTS(BATCHING_HPP_VECTOR)

    void resize(std::size_t rows) { BATCHING_HPP_RESULTS(BATCHING_HPP_RESIZE) }

    operator results_view() {
        results_view view;
        BATCHING_HPP_RESULTS(BATCHING_HPP_SET_UNLESS_EMPTY)
        if (!view.is_wanted()) {
            BATCHING_HPP_RESULTS(BATCHING_HPP_SET)
        }
        return view;
    }
};

/// batching_summary.
struct summary : detail::initialized<batching_summary_init> {};

struct completed_view;

/// What a simulator tells: of each request, in the order of the requests, and of the whole run.
struct simulation {
    batching::results results;
    batching::summary summary;

    /// The run as completed requests, for the metrics. `requests` are those that were simulated.
    completed_view completed(const requests_view &requests) const;
};

namespace detail {

using simulator = batching_status (*)(const batching_requests *, std::int64_t, double, const batching_results *,
                                      batching_summary *);

inline summary simulate(simulator policy, const requests_view &requests, std::int64_t batch_size, double time_per_token,
                        const results_view &results) {
    const auto borrowed = results.for_each_of(requests);
    summary result;
    check(policy(&requests, batch_size, time_per_token, &borrowed, &result));
    return result;
}

inline simulation simulate(simulator policy, const requests_view &requests, std::int64_t batch_size,
                           double time_per_token) {
    const auto count = static_cast<std::size_t>(requests.count);
    simulation run;
    run.results.start_time.resize(count);
    run.results.first_token_time.resize(count);
    run.results.end_time.resize(count);
    run.results.tokens_generated.resize(count);
    run.results.completion_order.resize(count);
    run.summary = simulate(policy, requests, batch_size, time_per_token, run.results);
    return run;
}

} // namespace detail

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

/// batching_comparison.
struct comparison : detail::initialized<batching_comparison_init> {};

/// batching_strategies_compare.
inline comparison compare_batching_strategies(const requests_view &requests, std::int64_t batch_size,
                                              double time_per_token = 0.01) {
    comparison result;
    detail::check(batching_strategies_compare(&requests, batch_size, time_per_token, &result));
    return result;
}

/// A request as an object, and after a simulation what became of it.
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

/// What the simulators return for objects.
struct textbook_result {
    std::vector<request> completed_requests; ///< new requests, in order of completion; ties: of admission
    double total_time;                       ///< seconds: the end of the last completion
    double throughput;                       ///< tokens per second
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

/// Both simulators on the same requests, and how much better continuous batching does.
inline comparison compare_batching_strategies(const std::vector<request> &requests, std::int64_t batch_size,
                                              double time_per_token = 0.01) {
    const auto columns = detail::columns_of(requests);
    return compare_batching_strategies(static_cast<requests_view>(columns), batch_size, time_per_token);
}

/* ================================================================================================================
 * Batch metrics
 * ================================================================================================================ */

/// batching_completed: as many requests as its columns have elements, all the same number.
struct completed_view : detail::equal_columns<batching_completed_init, &batching_completed::count> {
    BATCHING_HPP_COMPLETED(BATCHING_HPP_SETTER)
};

/// Completed requests that own their columns.
struct completed {
    using c_struct = batching_completed;

    BATCHING_HPP_COMPLETED(BATCHING_HPP_VECTOR)

    operator completed_view() const {
        completed_view view;
        BATCHING_HPP_COMPLETED(BATCHING_HPP_SET)
        return view;
    }
};

/// batching_latencies: columns of the caller with at least as many elements as there are requests.
struct latencies_view : detail::output_columns<batching_latencies_init> {
    BATCHING_HPP_LATENCIES(BATCHING_HPP_SETTER)
};

/// The latencies of requests, with columns that they own.
struct latencies {
    using c_struct = batching_latencies;

    BATCHING_HPP_LATENCIES(BATCHING_HPP_VECTOR)

    void resize(std::size_t rows) { BATCHING_HPP_LATENCIES(BATCHING_HPP_RESIZE) }

    operator latencies_view() {
        latencies_view view;
        BATCHING_HPP_LATENCIES(BATCHING_HPP_SET)
        return view;
    }
};

namespace detail {

/// The arrival times of such requests, if they are given.
inline optional_column<const double> arrival_times(const requests_view &requests) {
    if (requests.arrival_time == nullptr) {
        return std::nullopt;
    }
    return column<const double>(requests.arrival_time, static_cast<std::size_t>(requests.count));
}

} // namespace detail

inline completed_view simulation::completed(const requests_view &requests) const {
    completed_view view;
    view.set_start_time(results.start_time)
        .set_first_token_time(results.first_token_time)
        .set_end_time(results.end_time)
        .set_tokens_generated(results.tokens_generated)
        .set_arrival_time(detail::arrival_times(requests));
    return view;
}

/// batching_latencies_calculate into columns of the caller. Allocates nothing.
inline void latencies_calculate(const completed_view &completed, const latencies_view &latencies) {
    const auto borrowed = latencies.for_each_of(completed);
    detail::check(batching_latencies_calculate(&completed, &borrowed));
}

/// The latencies of completed requests, with columns of their own.
inline latencies calculate_latencies(const completed_view &completed) {
    latencies result;
    result.resize(static_cast<std::size_t>(completed.count));
    latencies_calculate(completed, result);
    return result;
}

/// batching_batch_metrics.
struct batch_metrics : detail::initialized<batching_batch_metrics_init> {};

/// batching_batch_metrics_calculate.
inline batch_metrics calculate_batch_metrics(const completed_view &completed, double total_time) {
    batch_metrics metrics;
    detail::check(batching_batch_metrics_calculate(&completed, total_time, &metrics));
    return metrics;
}

/// batching_remaining_tokens_calculate into a column of the caller. Allocates nothing.
inline void remaining_tokens_calculate(column<const std::int32_t> output_length,
                                       column<const std::int32_t> tokens_generated,
                                       column<std::int32_t> remaining_tokens) {
    const detail::named_size requests{"output_length", output_length.size()};
    if (tokens_generated.size() != requests.size) {
        detail::throw_sizes(BATCHING_ERROR_INVALID_ARGUMENT, {"tokens_generated", tokens_generated.size()}, requests);
    }
    if (remaining_tokens.size() < requests.size) {
        detail::throw_sizes(BATCHING_ERROR_CAPACITY, {"remaining_tokens", remaining_tokens.size()}, requests);
    }
    detail::check(batching_remaining_tokens_calculate(static_cast<std::int64_t>(requests.size), output_length.data(),
                                                      tokens_generated.data(), remaining_tokens.data()));
}

/// Where a request's time went, in seconds. See batching_latencies_calculate.
struct request_latency {
    double queue_time;
    double processing_time;
    double total_latency;
    double time_to_first_token;
    std::int32_t tokens_generated;
};

namespace detail {

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

/* ================================================================================================================
 * Capacity
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

/* ================================================================================================================
 * Models and GPUs
 * ================================================================================================================ */

/// batching_gpu: its name and source belong to the library, and are never freed.
struct gpu : detail::initialized<batching_gpu_init> {};

/// batching_model: its name and source belong to the library, and are never freed.
struct model : detail::initialized<batching_model_init> {};

/// batching_deployment: a model on GPUs, both borrowed.
struct deployment : detail::initialized<batching_deployment_init> {
    deployment() = default;
    deployment(const batching_model &of_model, const batching_gpu &on_gpu) {
        batching_deployment::model = &of_model;
        batching_deployment::gpu = &on_gpu;
    }
    deployment(const batching_model &&, const batching_gpu &) = delete;
    deployment(const batching_model &, const batching_gpu &&) = delete;
    deployment(const batching_model &&, const batching_gpu &&) = delete;
};

/// batching_deployment_memory: what fits into the memory of each GPU.
struct deployment_memory : detail::initialized<batching_deployment_memory_init> {};

/// batching_kv_offload: where KV blocks stay that leave the memory of the GPU.
struct kv_offload : detail::initialized<batching_kv_offload_init> {};

/// batching_roofline: what the times of iterations are computed from.
struct roofline : detail::initialized<batching_roofline_init> {};

namespace detail {

/// All that a catalogue has.
template <class Entry, class Get> std::vector<Entry> all(batching_status (*tell)(std::int64_t *), Get get) {
    std::int64_t count = 0;
    check(tell(&count));
    std::vector<Entry> entries(static_cast<std::size_t>(count));
    for (std::size_t index = 0; index < entries.size(); index++) {
        check(get(static_cast<std::int64_t>(index), &entries[index]));
    }
    return entries;
}

} // namespace detail

/// batching_gpus_count and batching_gpu_get: all GPUs that are known by name.
inline std::vector<gpu> gpus() {
    return detail::all<gpu>(batching_gpus_count, batching_gpu_get);
}

/// batching_gpu_find: the GPU of a name.
inline gpu find_gpu(const std::string &name) {
    gpu found;
    detail::check(batching_gpu_find(name.c_str(), &found));
    return found;
}

/// batching_models_count and batching_model_get: all models that are known by name.
inline std::vector<model> models() {
    return detail::all<model>(batching_models_count, batching_model_get);
}

/// batching_model_find: the model of a name.
inline model find_model(const std::string &name) {
    model found;
    detail::check(batching_model_find(name.c_str(), &found));
    return found;
}

/// batching_deployment_memory_calculate: the KV blocks that vLLM would have, and what else is in the memory.
inline deployment_memory calculate_memory(const batching_deployment &of) {
    deployment_memory memory;
    detail::check(batching_deployment_memory_calculate(&of, &memory));
    return memory;
}

/// batching_deployment_roofline_calculate: the times of iterations that follow from data sheets.
inline roofline calculate_roofline(const batching_deployment &of) {
    roofline times;
    detail::check(batching_deployment_roofline_calculate(&of, &times));
    return times;
}

/* ================================================================================================================
 * Workloads
 * ================================================================================================================ */

/// batching_workload.
struct workload : detail::initialized<batching_workload_init> {};

/// Columns of the caller for a workload, all of one size: as many requests are generated.
struct workload_view {
    optional_column<std::int32_t> prompt_length; ///< tokens
    optional_column<std::int32_t> output_length; ///< tokens
    optional_column<double> arrival_time;        ///< seconds
};

/// batching_workload_generate into columns of the caller. Allocates nothing.
inline void workload_generate(const workload &kind, const workload_view &columns) {
    detail::column_sizes sizes;
    const auto pointer = [&sizes](const char *name, const auto &given) {
        if (given) {
            sizes.set({name, given->size()});
        }
        return given ? given->data() : nullptr;
    };
    auto *const prompt_length = pointer("prompt_length", columns.prompt_length);
    auto *const output_length = pointer("output_length", columns.output_length);
    auto *const arrival_time = pointer("arrival_time", columns.arrival_time);
    sizes.require_equal();
    const auto count = static_cast<std::int64_t>(sizes.first() == nullptr ? 0 : sizes.first()->size);
    detail::check(batching_workload_generate(&kind, count, prompt_length, output_length, arrival_time));
}

/// A workload with columns of its own, the hash ids of what its requests share, if they share anything, and, of closed
/// sessions, their sessions and delays.
inline requests generate_workload(std::int64_t num_requests, const workload &kind = {}) {
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
        generated.hash_ids.resize(static_cast<std::size_t>(needed));
        detail::check(batching_workload_hashes_generate(&kind, num_requests, generated.hash_offsets.data(), needed,
                                                        generated.hash_ids.data(), &needed));
        generated.hash_block_size = kind.hash_block_size == 0 ? 16 : kind.hash_block_size;
        generated.hash_covers_output = kind.turns_min > 1 || kind.turns_max > 1;
    }
    if (kind.sessions_closed != 0) {
        generated.session.resize(count);
        generated.delay.resize(count);
        detail::check(
            batching_workload_sessions_generate(&kind, num_requests, generated.session.data(), generated.delay.data()));
    }
    return generated;
}

/// batching_sample_generate: n of the indices 0..count - 1, rising, without replacement.
inline std::vector<std::int64_t> sample(std::int64_t n, std::int64_t count, std::uint64_t seed = 42) {
    std::vector<std::int64_t> indices(n > 0 && n <= count ? static_cast<std::size_t>(n) : 0);
    detail::check(batching_sample_generate(seed, count, n, indices.data()));
    return indices;
}

/// The ends of a range of lengths, both included.
using length_range = std::pair<std::int32_t, std::int32_t>;

/// A workload as objects with the ids 0, 1, 2, … in order of arrival.
inline std::vector<request> simulate_workload(std::int64_t num_requests, length_range prompt_length_range = {50, 200},
                                              length_range output_length_range = {20, 500}, double arrival_rate = 10.0,
                                              std::uint64_t seed = 42) {
    workload kind;
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
 * Serving metrics
 * ================================================================================================================ */

/// batching_recorded: as many requests as its columns have elements, all the same number.
struct recorded_view : detail::equal_columns<batching_recorded_init, &batching_recorded::count> {
    BATCHING_HPP_RECORDED(BATCHING_HPP_SETTER)

    /// token_times, one request after the other, and token_offsets, where those of each begin and the last end.
    recorded_view &set_token_times(const optional_column<const double> &times,
                                   const optional_column<const std::int64_t> &offsets) {
        set_ragged("token_times", &c_struct::token_times, times, "token_offsets", &c_struct::token_offsets, offsets);
        return *this;
    }
};

/// batching_serving_metrics_config.
class serving_metrics_config : public detail::initialized<batching_serving_metrics_config_init> {
  public:
    serving_metrics_config() = default;
    // Without moves, none is left that points to percentiles which it does not keep.
    serving_metrics_config(const serving_metrics_config &) = default;
    serving_metrics_config &operator=(const serving_metrics_config &) = default;

    /// Sets percentiles and percentile_count. They are kept; copies of the config share them.
    serving_metrics_config &set_percentiles(std::vector<double> wanted) {
        kept_ = std::make_shared<const std::vector<double>>(std::move(wanted));
        percentiles = kept_->data();
        percentile_count = static_cast<std::int64_t>(kept_->size());
        return *this;
    }

  private:
    std::shared_ptr<const std::vector<double>> kept_;
};

/// batching_distribution, with percentiles that it owns, in the order in which they were asked for.
struct distribution : detail::initialized<batching_distribution_init> {
    std::vector<double> percentiles;
};

/// batching_serving_metrics, with distributions that it owns.
struct serving_metrics : detail::initialized<batching_serving_metrics_init> {
#define BATCHING_HPP_OWN(name) distribution name;
    BATCHING_HPP_SERVING_METRICS(BATCHING_HPP_OWN)
#undef BATCHING_HPP_OWN
};

namespace detail {

/// A distribution to be written, with room for the percentiles; release takes the pointer to them back.
inline batching_distribution *lend(distribution &told, const serving_metrics_config &config) {
    told.percentiles.resize(static_cast<std::size_t>(std::max<std::int64_t>(0, config.percentile_count)));
    batching_distribution &written = told;
    written.percentiles = told.percentiles.data();
    return &written;
}

/// It would dangle once the distribution is copied.
inline void release(batching_distribution &written) {
    written.percentiles = nullptr;
}

/// What a function that fills batching_serving_metrics tells, with all distributions.
template <class Calculate> serving_metrics measured(const serving_metrics_config &config, Calculate calculate) {
    serving_metrics told;
    batching_serving_metrics &written = told;
#define BATCHING_HPP_LEND(name) written.name = lend(told.name, config);
    BATCHING_HPP_SERVING_METRICS(BATCHING_HPP_LEND)
#undef BATCHING_HPP_LEND
    check(calculate(&written));
#define BATCHING_HPP_RELEASE(name) release(*std::exchange(written.name, nullptr));
    BATCHING_HPP_SERVING_METRICS(BATCHING_HPP_RELEASE)
#undef BATCHING_HPP_RELEASE
    return told;
}

} // namespace detail

/// batching_distribution_calculate: of any values. Of the config only the percentiles are looked at.
inline distribution calculate_distribution(column<const double> values, const serving_metrics_config &config = {}) {
    distribution told;
    detail::check(batching_distribution_calculate(static_cast<std::int64_t>(values.size()), values.data(), &config,
                                                  detail::lend(told, config)));
    detail::release(told);
    return told;
}

/// batching_serving_metrics_calculate, with all distributions.
inline serving_metrics measure(const recorded_view &recorded, const serving_metrics_config &config = {}) {
    return detail::measured(config, [&](batching_serving_metrics *told) {
        return batching_serving_metrics_calculate(&recorded, &config, told);
    });
}

/* ================================================================================================================
 * Load
 * ================================================================================================================ */

/// batching_load_config.
class load_config : public detail::initialized<batching_load_config_init> {
  public:
    /// A column with an element of every request.
    load_config &set_last_token_time(const optional_column<const double> &given) {
        size_ = given ? std::optional<std::size_t>(given->size()) : std::nullopt;
        last_token_time = given ? given->data() : nullptr;
        return *this;
    }

    /// Throws if there is such a column, and it is not of that many requests.
    void require(const recorded_view &recorded) const {
        const auto *const first = recorded.sizes().first();
        if (size_ && *size_ != (first == nullptr ? 0 : first->size)) {
            detail::throw_sizes(BATCHING_ERROR_INVALID_ARGUMENT, {"last_token_time", *size_},
                                first == nullptr ? detail::named_size{"end_time", 0} : *first);
        }
    }

  private:
    std::optional<std::size_t> size_;
};

/// batching_load.
struct load : detail::initialized<batching_load_init> {};

/// batching_load_timeline: columns of the caller, all of one size. Rows beyond it are counted, but not kept.
struct load_timeline_view : detail::equal_columns<batching_load_timeline_init, &batching_load_timeline::capacity> {
    BATCHING_HPP_LOAD_TIMELINE(BATCHING_HPP_SETTER)
};

/// The load as it changes, with columns that it owns.
struct load_timeline {
    using c_struct = batching_load_timeline;

    BATCHING_HPP_LOAD_TIMELINE(BATCHING_HPP_VECTOR)

    /// Intervals.
    std::size_t size() const noexcept { return time.size(); }
    void resize(std::size_t rows) { BATCHING_HPP_LOAD_TIMELINE(BATCHING_HPP_RESIZE) }

    operator load_timeline_view() {
        load_timeline_view view;
        BATCHING_HPP_LOAD_TIMELINE(BATCHING_HPP_SET)
        return view;
    }
};

/// batching_load_calculate: how loaded a server was over time; and the timeline into columns of the caller, if given.
inline load calculate_load(const recorded_view &recorded, const load_config &config = {},
                           batching_load_timeline *timeline = nullptr) {
    config.require(recorded);
    load result;
    detail::check(batching_load_calculate(&recorded, &config, &result, timeline));
    return result;
}

/// The timeline of batching_load_calculate: a row wherever the load changes, or for each of so many equal bins.
inline load_timeline calculate_load_timeline(const recorded_view &recorded, const load_config &config = {},
                                             std::optional<std::int64_t> bins = std::nullopt) {
    load_timeline_view counted;
    if (bins) {
        counted.capacity = counted.count = counted.bins = detail::not_zero("bins", *bins, "at least 1");
    }
    if (counted.bins <= 0) {
        // Once to count the rows, and once to write them.
        calculate_load(recorded, config, &counted);
    }
    load_timeline timeline;
    timeline.resize(static_cast<std::size_t>(counted.count));
    load_timeline_view rows = timeline;
    rows.bins = counted.bins;
    calculate_load(recorded, config, &rows);
    // A window without length has no bins.
    timeline.resize(static_cast<std::size_t>(rows.count));
    return timeline;
}

/* ================================================================================================================
 * Engine
 * ================================================================================================================ */

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

namespace detail {

template <class... Kinds> struct overloaded : Kinds... { using Kinds::operator()...; };
template <class... Kinds> overloaded(Kinds...) -> overloaded<Kinds...>;

/// A call of this thread whose functions may throw: none of their exceptions may pass through the library.
class callback_guard {
  public:
    callback_guard() noexcept : outer_(std::exchange(current(), this)) {}
    callback_guard(const callback_guard &) = delete;
    callback_guard &operator=(const callback_guard &) = delete;
    ~callback_guard() { current() = outer_; }

    /// What a callback of the C interface returns, after it has called `function`, which is called `name`.
    template <class Function> static std::int32_t call(const char *name, Function function) noexcept {
        // Null: a function of C was called as in C. It returns BATCHING_ERROR_CANCELLED, and nothing is thrown.
        callback_guard *const guard = current();
        try {
            if (function()) {
                return 0;
            }
            if (guard != nullptr) {
                guard->stopped_by_ = name;
            }
        } catch (...) {
            if (guard != nullptr) {
                guard->exception_ = std::current_exception();
            }
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
    static callback_guard *&current() noexcept {
        static thread_local callback_guard *guard = nullptr;
        return guard;
    }

    callback_guard *outer_;
    std::exception_ptr exception_;
    const char *stopped_by_ = nullptr;
};

/// Makes a call that may call back.
template <class Call> void guarded(Call call) {
    callback_guard guard;
    guard.check(call());
}

} // namespace detail

/// The coefficients of BATCHING_TIME_AFFINE: seconds, each at least 0.
struct affine_time {
    double base = 0.0;                  ///< time_base
    double per_prefill_token = 0.0;     ///< time_per_prefill_token
    double per_decode_token = 0.0;      ///< time_per_decode_token
    double per_context_token = 0.0;     ///< time_per_context_token
    double per_prefill_context = 0.0;   ///< time_per_prefill_context
    double per_prefill_iteration = 0.0; ///< time_per_prefill_iteration
    double per_prefill_chunk = 0.0;     ///< time_per_prefill_chunk
    double startup = 0.0;               ///< time_startup
};

/// Measured seconds of one part of an iteration: as many as places, which rise.
struct time_curve {
    std::vector<double> places = {};
    std::vector<double> seconds = {};
};

/// The same over two axes: rows x columns seconds, row by row.
struct time_grid {
    std::vector<double> rows = {};
    std::vector<double> columns = {};
    std::vector<double> seconds = {};
};

/// batching_time_table with columns of its own. What is empty takes no time.
struct table_time {
    time_curve linear = {};             ///< over tokens
    time_curve head = {};               ///< over sequences that sample
    time_grid decode = {};              ///< over sequences that decode, and the sum of their contexts
    time_grid prefill = {};             ///< over the tokens of a chunk, and those before it
    double linear_scale = 1.0;          ///< linear is multiplied by it; above 0
    double head_scale = 1.0;            ///< head is multiplied by it; above 0
    double decode_scale = 1.0;          ///< decode is multiplied by it; above 0
    double prefill_scale = 1.0;         ///< prefill is multiplied by it; above 0
    double per_iteration = 0.0;         ///< seconds
    double per_sequence = 0.0;          ///< seconds
    double per_prefill_iteration = 0.0; ///< seconds
};

namespace detail {

/// A table and the struct of C that points to its columns. It is not moved.
class kept_table {
  public:
    explicit kept_table(table_time time) : time_(std::move(time)) {
        check(batching_time_table_init(&table_, sizeof table_));
        set(time_.linear, "linear", table_.linear_count, table_.linear_tokens, table_.linear_seconds);
        set(time_.head, "head", table_.head_count, table_.head_sequences, table_.head_seconds);
        set(time_.decode, "decode", table_.decode_sequence_count, table_.decode_context_count, table_.decode_sequences,
            table_.decode_contexts, table_.decode_seconds);
        set(time_.prefill, "prefill", table_.prefill_token_count, table_.prefill_context_count, table_.prefill_tokens,
            table_.prefill_contexts, table_.prefill_seconds);
        table_.linear_scale = time_.linear_scale;
        table_.head_scale = time_.head_scale;
        table_.decode_scale = time_.decode_scale;
        table_.prefill_scale = time_.prefill_scale;
        table_.per_iteration = time_.per_iteration;
        table_.per_sequence = time_.per_sequence;
        table_.per_prefill_iteration = time_.per_prefill_iteration;
    }
    kept_table(const kept_table &) = delete;
    kept_table &operator=(const kept_table &) = delete;

    const batching_time_table *get() const noexcept { return &table_; }

  private:
    static void check_size(const char *part, std::size_t values, std::size_t places) {
        if (values != places) {
            throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT, std::string(part) + ".seconds has " +
                                                                        std::to_string(values) + " elements: must be " +
                                                                        std::to_string(places) + ", as its places say");
        }
    }

    static void set(const time_curve &curve, const char *part, std::int64_t &count, const double *&places,
                    const double *&seconds) {
        check_size(part, curve.seconds.size(), curve.places.size());
        count = static_cast<std::int64_t>(curve.places.size());
        places = curve.places.data();
        seconds = curve.seconds.data();
    }

    static void set(const time_grid &grid, const char *part, std::int64_t &row_count, std::int64_t &column_count,
                    const double *&rows, const double *&columns, const double *&seconds) {
        check_size(part, grid.seconds.size(), grid.rows.size() * grid.columns.size());
        row_count = static_cast<std::int64_t>(grid.rows.size());
        column_count = static_cast<std::int64_t>(grid.columns.size());
        rows = grid.rows.data();
        columns = grid.columns.data();
        seconds = grid.seconds.data();
    }

    table_time time_;
    batching_time_table table_;
};

} // namespace detail

class policy_view;
class policy_decision;
class profile;

/// A policy of your own: it looks at the view, and fills the decision. See "Engine: your policy".
using custom_policy = callback<bool(const policy_view &, policy_decision &)>;

/// Seconds of every iteration, of which 0.0 is no time; or an affine model; or what follows from a model and GPUs; or what
/// was measured; or a function that is asked once for each iteration that computes.
using iteration_time_model =
    std::variant<double, affine_time, roofline, table_time, callback<double(const iteration &)>>;

/**
 * batching_engine_config, with functions of the caller as its callbacks. It keeps them, and its copies share them, as they
 * do a roofline, a table, or tiers.
 * What they throw comes out of the call that made the run; given to a function of C, that returns
 * BATCHING_ERROR_CANCELLED.
 */
class engine_config : public detail::initialized<batching_engine_config_init> {
  public:
    engine_config() = default;
    // Without moves, none is left that points to functions which it does not keep.
    engine_config(const engine_config &) = default;
    engine_config &operator=(const engine_config &) = default;

    /// Sets time_model, and what belongs to it.
    engine_config &set_iteration_time(const iteration_time_model &model) {
        std::visit(detail::overloaded{[this](double seconds) { set_constant_time(seconds); },
                                      [this](const affine_time &affine) { set_affine_time(affine); },
                                      [this](const roofline &times) { set_roofline(times); },
                                      [this](const table_time &times) { set_table(times); },
                                      [this](const callback<double(const iteration &)> &ask) { set_asked_time(ask); }},
                   model);
        return *this;
    }

    /// Sets kv_offload.
    engine_config &set_kv_offload(const batching::kv_offload &tiers) {
        offload_ = std::make_shared<const batching::kv_offload>(tiers);
        kv_offload = offload_.get();
        return *this;
    }

    /// Sets progress_callback: called every progress_interval iterations.
    engine_config &set_progress_callback(const callback<bool(const progress &)> &tell) {
        progress_ = std::make_shared<callback<bool(const progress &)>>(tell);
        progress_user_data = progress_.get();
        progress_callback = [](const progress *so_far, void *user_data) noexcept {
            return detail::callback_guard::call("progress_callback", [&] {
                return (*static_cast<const callback<bool(const progress &)> *>(user_data))(*so_far);
            });
        };
        return *this;
    }

    /// Sets policy_callback, and policy to custom.
    engine_config &set_policy_callback(const custom_policy &decide);

  private:
    void set_constant_time(double seconds) {
        set_affine_time({seconds});
        time_model = BATCHING_TIME_CONSTANT;
    }

    void set_affine_time(const affine_time &affine) {
        time_model = BATCHING_TIME_AFFINE;
        time_base = affine.base;
        time_per_prefill_token = affine.per_prefill_token;
        time_per_decode_token = affine.per_decode_token;
        time_per_context_token = affine.per_context_token;
        time_per_prefill_context = affine.per_prefill_context;
        time_per_prefill_iteration = affine.per_prefill_iteration;
        time_per_prefill_chunk = affine.per_prefill_chunk;
        time_startup = affine.startup;
    }

    void set_roofline(const roofline &times) {
        roofline_ = std::make_shared<const roofline>(times);
        time_model = BATCHING_TIME_ROOFLINE;
        time_roofline = roofline_.get();
    }

    void set_table(const table_time &times) {
        table_ = std::make_shared<const detail::kept_table>(times);
        time_model = BATCHING_TIME_TABLE;
        time_table = table_->get();
    }

    void set_asked_time(const callback<double(const iteration &)> &ask) {
        asked_time_ = std::make_shared<callback<double(const iteration &)>>(ask);
        time_model = BATCHING_TIME_CALLBACK;
        time_user_data = asked_time_.get();
        time_callback = [](const iteration *scheduled, double *seconds, void *user_data) noexcept {
            return detail::callback_guard::call("time_callback", [&] {
                *seconds = (*static_cast<const callback<double(const iteration &)> *>(user_data))(*scheduled);
                return true;
            });
        };
    }

    std::shared_ptr<const roofline> roofline_;
    std::shared_ptr<const batching::kv_offload> offload_;
    std::shared_ptr<const detail::kept_table> table_;
    std::shared_ptr<callback<double(const iteration &)>> asked_time_;
    std::shared_ptr<callback<bool(const progress &)>> progress_;
    std::shared_ptr<custom_policy> policy_;
    std::shared_ptr<batching_profile> profile_;

    friend class profile;
};

/// batching_iterations: columns of the caller, all of one size.
struct iterations_view : detail::equal_columns<batching_iterations_init, &batching_iterations::count> {
    BATCHING_HPP_ITERATIONS(BATCHING_HPP_SETTER)
};

/// batching_iteration_times_calculate: how long iterations take, in seconds, as an engine of this configuration takes them.
inline std::vector<double> calculate_iteration_times(const engine_config &config, const iterations_view &iterations) {
    std::vector<double> seconds(static_cast<std::size_t>(iterations.count));
    detail::guarded([&] { return batching_iteration_times_calculate(&config, &iterations, seconds.data()); });
    return seconds;
}

/* ================================================================================================================
 * Calibration
 * ================================================================================================================ */

/// batching_calibration_progress: how far a calibration has come.
using calibration_progress = batching_calibration_progress;

/// batching_calibration_config: the engine's configuration and the roofline are borrowed; a function of the caller is kept,
/// and copies share it.
class calibration_config : public detail::initialized<batching_calibration_config_init> {
  public:
    calibration_config() = default;
    // Without moves, none is left that points to a function which it does not keep.
    calibration_config(const calibration_config &) = default;
    calibration_config &operator=(const calibration_config &) = default;

    /// How the server schedules, and what it has.
    explicit calibration_config(const batching_engine_config &server) { engine = &server; }
    explicit calibration_config(const batching_engine_config &&) = delete;

    /// Sets callback: called after each simulation, it says whether to go on; if not, what was found is enough. What it
    /// throws comes out of the call.
    calibration_config &set_callback(const batching::callback<bool(const calibration_progress &)> &goes_on) {
        goes_on_ = std::make_shared<batching::callback<bool(const calibration_progress &)>>(goes_on);
        user_data = goes_on_.get();
        batching_calibration_config::callback = [](const calibration_progress *so_far, std::int32_t *is_enough,
                                                   void *function) noexcept {
            return detail::callback_guard::call("callback", [&] {
                const auto &ask =
                    *static_cast<const batching::callback<bool(const calibration_progress &)> *>(function);
                *is_enough = ask(*so_far) ? 0 : 1;
                return true;
            });
        };
        return *this;
    }

  private:
    std::shared_ptr<batching::callback<bool(const calibration_progress &)>> goes_on_;
};

/// batching_calibration: what was found.
struct calibration : detail::initialized<batching_calibration_init> {
    /// For engine_config::set_iteration_time. async_scheduling is to be set beside it.
    affine_time iteration_time() const noexcept {
        return {time_base,
                time_per_prefill_token,
                time_per_decode_token,
                time_per_context_token,
                time_per_prefill_context,
                time_per_prefill_iteration,
                time_per_prefill_chunk,
                time_startup};
    }
};

/// batching_iteration_time_calibrate: the times of iterations from the log of a server.
inline calibration calibrate(const requests_view &requests, const recorded_view &recorded,
                             const calibration_config &config = {}) {
    calibration found;
    detail::guarded([&] { return batching_iteration_time_calibrate(&config, &requests, &recorded, &found); });
    return found;
}

/* ================================================================================================================
 * Calibration: live
 * ================================================================================================================ */

/// batching_live_calibration_state.
struct live_calibration_state : detail::initialized<batching_live_calibration_state_init> {};

/// batching_live_calibration_log, with columns of its own.
struct live_calibration_log {
    using c_struct = batching_live_calibration_log;

    BATCHING_HPP_LIVE_CALIBRATION_LOG(BATCHING_HPP_VECTOR)
    BATCHING_HPP_VECTOR(hash_offsets)
    BATCHING_HPP_VECTOR(hash_ids)
    double first_arrival = std::numeric_limits<double>::quiet_NaN(); ///< seconds; NaN: there are no requests

    void resize(std::size_t rows, std::size_t hashes) {
        BATCHING_HPP_LIVE_CALIBRATION_LOG(BATCHING_HPP_RESIZE)
        hash_offsets.resize(rows + 1);
        hash_ids.resize(hashes);
    }

    /// For calibrate: views of these columns.
    requests_view requests() const {
        requests_view view(prompt_length, output_length, arrival_time);
        if (std::any_of(abort_time.begin(), abort_time.end(), [](double time) { return !std::isnan(time); })) {
            view.set_abort_time(abort_time);
        }
        if (!hash_ids.empty()) {
            view.set_hashes(hash_ids, hash_offsets);
        }
        return view;
    }

    /// For calibrate: views of these columns.
    recorded_view recorded() const {
        recorded_view view;
        view.set_first_token_time(first_token_time).set_end_time(end_time).set_output_length(output_length);
        view.set_success(success);
        return view;
    }
};

/// A batching_live_calibration, which it owns. It can be moved; one that was moved from can only be assigned to or
/// destroyed. What the config points to is copied, but for its function, which is kept, and shared with forks.
class live_calibration {
  public:
    explicit live_calibration(const calibration_config &config = {}, std::int64_t window = 300) : functions_(config) {
        batching_live_calibration *made = nullptr;
        detail::check(batching_live_calibration_create(&config, window, &made));
        handle_.reset(made);
        functions_.engine = nullptr;
        functions_.roofline = nullptr;
    }

    /// A request was sent to the server; `expected_output_length` left out: it is not known.
    void arrived(std::int64_t request, double time, std::int32_t prompt_length = 0,
                 const std::optional<std::int32_t> &expected_output_length = {},
                 const optional_column<const std::int64_t> &hash_ids = {}) {
        const auto expected =
            static_cast<std::int32_t>(detail::not_zero("expected_output_length", expected_output_length, "at least 1"));
        detail::check(batching_live_calibration_arrived(handle_.get(), request, time, prompt_length, expected,
                                                        hash_ids ? hash_ids->data() : nullptr,
                                                        hash_ids ? static_cast<std::int64_t>(hash_ids->size()) : 0));
    }
    void first_token(std::int64_t request, double time) {
        detail::check(batching_live_calibration_first_token(handle_.get(), request, time));
    }
    void finished(std::int64_t request, double time, std::int32_t output_length) {
        detail::check(batching_live_calibration_finished(handle_.get(), request, time, output_length));
    }
    void failed(std::int64_t request, double time) {
        detail::check(batching_live_calibration_failed(handle_.get(), request, time));
    }

    live_calibration_state observe() const {
        live_calibration_state told;
        detail::check(batching_live_calibration_observe(handle_.get(), &told));
        return told;
    }

    /// What a fit is made to.
    live_calibration_log log() const {
        live_calibration_log columns;
        detail::initialized<batching_live_calibration_log_init> told;
        detail::check(batching_live_calibration_log_write(handle_.get(), &told));
        columns.resize(static_cast<std::size_t>(told.count), static_cast<std::size_t>(told.hash_count));
        told.capacity = told.count;
        told.hash_capacity = told.hash_count;
#define BATCHING_HPP_WANT(name) told.name = columns.name.data();
        BATCHING_HPP_LIVE_CALIBRATION_LOG(BATCHING_HPP_WANT)
        BATCHING_HPP_WANT(hash_offsets)
        BATCHING_HPP_WANT(hash_ids)
#undef BATCHING_HPP_WANT
        detail::check(batching_live_calibration_log_write(handle_.get(), &told));
        columns.first_arrival = told.first_arrival;
        return columns;
    }

    /// An independent copy, to fit in another thread.
    live_calibration fork() const {
        batching_live_calibration *copy = nullptr;
        detail::check(batching_live_calibration_fork(handle_.get(), &copy));
        return live_calibration(copy, functions_);
    }

    /// Calibrates on what is kept; `simulations` left out: as many as the config has.
    calibration fit(const std::optional<std::int64_t> &simulations = {}) const {
        return fitted(simulations, nullptr, nullptr);
    }

    /// The same; the function is called after each simulation, and says whether to go on, instead of that of the config.
    /// What it throws comes out of the call.
    calibration fit(const callback<bool(const calibration_progress &)> &goes_on,
                    const std::optional<std::int64_t> &simulations = {}) const {
        calibration_config asked;
        asked.set_callback(goes_on);
        return fitted(simulations, asked.batching_calibration_config::callback, asked.user_data);
    }

    /// The same for so long, on a clock that does not go back: the simulation under way then is the last.
    template <class Rep, class Period>
    calibration fit_within(const std::chrono::duration<Rep, Period> &budget,
                           const std::optional<std::int64_t> &simulations = {}) const {
        const auto begin = std::chrono::steady_clock::now();
        return fit([&](const calibration_progress &) { return std::chrono::steady_clock::now() - begin < budget; },
                   simulations);
    }

    /// The handle, for the C functions; it stays with this object.
    batching_live_calibration *get() const noexcept {
        return handle_.get();
    }

  private:
    struct destroy {
        void operator()(batching_live_calibration *handle) const noexcept { batching_live_calibration_destroy(handle); }
    };

    live_calibration(batching_live_calibration *handle, const calibration_config &functions)
        : functions_(functions), handle_(handle) {}

    calibration fitted(const std::optional<std::int64_t> &simulations, batching_calibration_callback callback,
                       void *user_data) const {
        const auto most = detail::not_zero("simulations", simulations, "at least 1");
        calibration found;
        detail::guarded(
            [&] { return batching_live_calibration_fit(handle_.get(), most, callback, user_data, &found); });
        return found;
    }

    /// The library keeps a pointer to its function.
    calibration_config functions_;
    std::unique_ptr<batching_live_calibration, destroy> handle_;
};

/// What the engine tells of the whole run: batching_summary, and of its logs.
struct engine_summary : summary {
    std::int64_t iteration_log_rows = 0; ///< rows of the whole run, kept or not; 0 without that log
    std::int64_t decision_log_rows = 0;  ///< rows of the whole run, kept or not; 0 without that log
};

/// The rows of the logs of one call to a live engine.
struct log_rows {
    std::int64_t iterations = 0; ///< of the iteration log, kept or not; 0 without it
    std::int64_t decisions = 0;  ///< of the decision log, kept or not; 0 without it
};

/* ================================================================================================================
 * Profiles
 * ================================================================================================================ */

/// batching_profile_facts: what a profile is of. Its texts are there as long as the profile.
struct profile_facts : detail::initialized<batching_profile_facts_init> {};

/// What a file keeps of a deployment: its bytes are read by the caller. Copies share it.
class profile {
  public:
    /// batching_profile_create. Throws invalid_argument if it is no JSON, or no profile.
    explicit profile(std::string_view json) {
        batching_profile *made = nullptr;
        // An empty view may have no address.
        const char *const text = json.empty() ? "" : json.data();
        detail::check(batching_profile_create(text, static_cast<std::int64_t>(json.size()), &made));
        handle_ = std::shared_ptr<batching_profile>(
            made, [](batching_profile *handle) noexcept { batching_profile_destroy(handle); });
    }

    /// How its engine is set, its iteration time included. It, and its copies, keep what they need of the profile.
    batching::engine_config engine_config() const {
        batching::engine_config config;
        detail::check(batching_profile_get(handle_.get(), &config, nullptr));
        config.profile_ = handle_;
        return config;
    }

    /// What it is of.
    profile_facts facts() const {
        profile_facts told;
        detail::check(batching_profile_get(handle_.get(), nullptr, &told));
        return told;
    }

  private:
    std::shared_ptr<batching_profile> handle_;
};

/* ================================================================================================================
 * Engine: logs
 * ================================================================================================================ */

/// batching_iteration_log: columns of the caller, all of one size. Rows beyond it are counted, but not kept.
struct iteration_log_view : detail::equal_columns<batching_iteration_log_init, &batching_iteration_log::capacity> {
    BATCHING_HPP_ITERATION_LOG(BATCHING_HPP_SETTER)
};

/// An iteration log that owns its columns.
struct iteration_log {
    using c_struct = batching_iteration_log;
    using view_type = iteration_log_view;

    BATCHING_HPP_ITERATION_LOG(BATCHING_HPP_VECTOR)

    /// Rows.
    std::size_t size() const noexcept { return time.size(); }
    void resize(std::size_t rows) { BATCHING_HPP_ITERATION_LOG(BATCHING_HPP_RESIZE) }
    void append(const iteration_log &rows) { BATCHING_HPP_ITERATION_LOG(BATCHING_HPP_APPEND) }

    operator iteration_log_view() {
        iteration_log_view view;
        BATCHING_HPP_ITERATION_LOG(BATCHING_HPP_SET)
        return view;
    }
};

/// batching_decision_log: columns of the caller, all of one size. Rows beyond it are counted, but not kept.
struct decision_log_view : detail::equal_columns<batching_decision_log_init, &batching_decision_log::capacity> {
    BATCHING_HPP_DECISION_LOG(BATCHING_HPP_SETTER)
};

/// A decision log that owns its columns.
struct decision_log {
    using c_struct = batching_decision_log;
    using view_type = decision_log_view;

    BATCHING_HPP_DECISION_LOG(BATCHING_HPP_VECTOR)

    /// Rows.
    std::size_t size() const noexcept { return iteration.size(); }
    void resize(std::size_t rows) { BATCHING_HPP_DECISION_LOG(BATCHING_HPP_RESIZE) }
    void append(const decision_log &rows) { BATCHING_HPP_DECISION_LOG(BATCHING_HPP_APPEND) }

    operator decision_log_view() {
        decision_log_view view;
        BATCHING_HPP_DECISION_LOG(BATCHING_HPP_SET)
        return view;
    }
};

/// Where the rows of a log go: nowhere else than the config says; into columns of the caller; or to a function of the
/// caller, a few thousand rows at a time, of which none are kept.
template <class Log>
using log_destination = std::variant<std::monostate, typename Log::view_type, callback<bool(const Log &)>>;

/// Where the logs of a run go.
struct log_destinations {
    log_destination<iteration_log> iterations = {};
    log_destination<decision_log> decisions = {};
    bool include_queues = false; ///< decisions: also which requests run and which wait, after each scheduling
};

/// Which logs a run with results of its own keeps.
struct kept_logs {
    bool iterations = false;
    bool decisions = false;
    bool include_queues = false; ///< decisions: also which requests run and which wait, after each scheduling
    bool attribution = false;    ///< into which parts the time of each request falls
};

namespace detail {

/// A log of one run, as the library takes it.
template <class Log> class borrowed_log {
    using c_struct = typename Log::c_struct;

  public:
    borrowed_log(const char *name, const log_destination<Log> &destination, std::size_t rows_at_a_time = 4096)
        : name_(name) {
        const auto borrow = [this, rows_at_a_time](const callback<bool(const Log &)> &take) {
            borrow_rows(take, rows_at_a_time);
        };
        std::visit(overloaded{[](std::monostate) {}, //
                              [this](const typename Log::view_type &columns) { borrowed_ = columns; }, borrow},
                   destination);
    }

    // The library holds its address.
    borrowed_log(const borrowed_log &) = delete;
    borrowed_log &operator=(const borrowed_log &) = delete;

    /// For the config, which has `otherwise`.
    c_struct *instead_of(c_struct *otherwise) { return borrowed_ ? &*borrowed_ : otherwise; }

  private:
    void borrow_rows(const callback<bool(const Log &)> &take, std::size_t rows_at_a_time) {
        take_ = &take;
        rows_.resize(rows_at_a_time);
        borrowed_ = static_cast<typename Log::view_type>(rows_);
        borrowed_->user_data = this;
        borrowed_->callback = [](std::int64_t row_count, void *log) noexcept {
            return static_cast<borrowed_log *>(log)->flush(static_cast<std::size_t>(row_count));
        };
    }

    std::int32_t flush(std::size_t row_count) noexcept {
        return callback_guard::call(name_, [this, row_count] {
            // Only the last rows are fewer: no column moves, and none is written again.
            rows_.resize(row_count);
            return (*take_)(rows_);
        });
    }

    const char *name_;
    const callback<bool(const Log &)> *take_ = nullptr;
    Log rows_;
    std::optional<c_struct> borrowed_;
};

} // namespace detail

/* ================================================================================================================
 * Engine: attribution
 * ================================================================================================================ */

/// batching_attribution: columns of the caller with at least as many elements as there are requests.
struct attribution_view : detail::output_columns<batching_attribution_init> {
    BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_SETTER)
};

/// Into which parts the time of each request falls, with columns that it owns.
struct attribution {
    using c_struct = batching_attribution;

    attribution() = default;
    /// Room for so many requests.
    explicit attribution(std::size_t rows){BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_RESIZE)}

    BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_VECTOR)

        /// Requests.
        std::size_t size() const noexcept {
        return decode.size();
    }

    operator attribution_view() {
        attribution_view view;
        BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_SET)
        return view;
    }
};

/// One value for each part.
struct attribution_parts {
    using c_struct = batching_attribution;

    BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_VALUE)
};

/// A row of batching_attribution_bands: the requests whose time from arrival to end lies between two percentiles.
struct attribution_band {
    std::int64_t count = 0;      ///< requests; if none, the times are 0.0
    double shortest = 0.0;       ///< seconds
    double longest = 0.0;        ///< seconds
    double mean_total = 0.0;     ///< seconds: the mean of their times
    attribution_parts mean = {}; ///< the mean of each part
};

/**
 * batching_attribution_bands_calculate: what dominates the slowest.
 *
 * All columns of the attribution are required. Without a status all requests are looked at of which the parts are
 * known, with it only those that have all their tokens.
 */
inline std::vector<attribution_band>
calculate_attribution_bands(const attribution_view &attribution, column<const double> percentiles,
                            const optional_column<const std::int32_t> &status = std::nullopt) {
    if (percentiles.size() == 0) {
        throw invalid_argument(BATCHING_ERROR_INVALID_ARGUMENT, "percentiles is empty: must have at least one element");
    }
    attribution.sizes().require_equal();
    const auto *const first = attribution.sizes().first();
    if (status && first != nullptr && status->size() != first->size) {
        detail::throw_sizes(BATCHING_ERROR_INVALID_ARGUMENT, {"status", status->size()}, *first);
    }
    const std::size_t rows = percentiles.size() - 1;
    std::vector<std::int64_t> counts(rows);
    std::vector<double> shortest(rows), longest(rows), mean_total(rows);
    batching::attribution mean(rows);
    detail::initialized<batching_attribution_bands_init> bands;
    bands.capacity = static_cast<std::int64_t>(rows);
    bands.count = counts.data();
    bands.shortest = shortest.data();
    bands.longest = longest.data();
    bands.mean_total = mean_total.data();
#define BATCHING_HPP_WANT(name) bands.name = mean.name.data();
    BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_WANT)
#undef BATCHING_HPP_WANT
    detail::check(batching_attribution_bands_calculate(&attribution, attribution.capacity,
                                                       status ? status->data() : nullptr, percentiles.data(),
                                                       bands.capacity, &bands));
    std::vector<attribution_band> result(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        attribution_band &band = result[row];
        band.count = counts[row];
        band.shortest = shortest[row];
        band.longest = longest[row];
        band.mean_total = mean_total[row];
#define BATCHING_HPP_TAKE(name) band.mean.name = mean.name[row];
        BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_TAKE)
#undef BATCHING_HPP_TAKE
    }
    return result;
}

/* ================================================================================================================
 * Engine: your policy
 * ================================================================================================================ */

/// What the prefix cache has of a row: see batching_policy_look_up.
struct prefix_hit {
    std::int64_t cached_tokens = 0;
    std::int64_t unshared_kv_blocks = 0;
};

/// batching_policy_view: what a policy of your own is shown. Its columns are valid until the policy returns.
class policy_view {
  public:
    explicit policy_view(const ::batching_policy_view &told) : told_(&told) {}

    const ::batching_policy_view *operator->() const { return told_; }

    /// Tokens that a row has yet to compute before it generates another: the most that it can be given, less what it
    /// finds in a prefix cache. 0 with async_scheduling, while its last token is on its way.
    std::int64_t uncomputed_tokens(std::int64_t row) const {
        return std::int64_t{told_->prompt_tokens[row]} + told_->generated_tokens[row] - told_->computed_tokens[row];
    }

    /// KV blocks that a row needs, beyond those it holds, to compute so many tokens.
    std::int64_t kv_blocks_needed(std::int64_t row, std::int64_t tokens) const {
        return (told_->computed_tokens[row] + tokens + told_->block_size - 1) / told_->block_size -
               told_->kv_blocks[row];
    }

    /// What the prefix cache has of a row that waits; nothing of one that runs. Time: O(KV blocks found).
    prefix_hit look_up(std::int64_t row) const {
        prefix_hit hit;
        detail::check(batching_policy_look_up(told_, &row, 1, &hit.cached_tokens, &hit.unshared_kv_blocks));
        return hit;
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

inline engine_config &engine_config::set_policy_callback(const custom_policy &decide) {
    policy_ = std::make_shared<custom_policy>(decide);
    policy = batching::policy::custom;
    policy_user_data = policy_.get();
    policy_callback = [](const batching_policy_view *view, batching_policy_decision *decision,
                         void *user_data) noexcept {
        return detail::callback_guard::call("policy_callback", [&] {
            policy_decision decided(*decision);
            return (*static_cast<const custom_policy *>(user_data))(policy_view(*view), decided);
        });
    };
    return *this;
}

/* ================================================================================================================
 * Engine: a run
 * ================================================================================================================ */

/**
 * batching_simulate into columns of the caller. Allocates nothing here, but for a log that goes to a function.
 *
 * A run that ends with an exception on its way may have written rows of logs and elements of results.
 */
inline engine_summary simulate_into(const requests_view &requests, const engine_config &config,
                                    const results_view &results = {}, const log_destinations &logs = {},
                                    const attribution_view &attribution = {}) {
    batching_engine_config borrowed = config;
    detail::borrowed_log<iteration_log> iterations("the iteration log's function", logs.iterations);
    detail::borrowed_log<decision_log> decisions("the decision log's function", logs.decisions);
    borrowed.iteration_log = iterations.instead_of(config.iteration_log);
    borrowed.decision_log = decisions.instead_of(config.decision_log);
    if (logs.include_queues && borrowed.decision_log != nullptr) {
        borrowed.decision_log->include_queues = 1;
    }
    const auto columns = results.for_each_of(requests);
    const auto parts = attribution.for_each_of(requests);
    if (attribution.is_wanted()) {
        borrowed.attribution = &parts;
    }
    engine_summary result;
    detail::guarded([&] { return batching_simulate(&borrowed, &requests, &columns, &result); });
    result.iteration_log_rows = borrowed.iteration_log == nullptr ? 0 : borrowed.iteration_log->count;
    result.decision_log_rows = borrowed.decision_log == nullptr ? 0 : borrowed.decision_log->count;
    return result;
}

struct completed;

/// What the engine tells: of each request, in the order of the requests, of the whole run, and of its course.
struct engine_result {
    batching::results results;
    engine_summary summary;
    batching::iteration_log iteration_log;  ///< empty unless kept
    batching::decision_log decision_log;    ///< empty unless kept
    batching::attribution attribution = {}; ///< empty unless kept

    /// The requests that have all their tokens, in the order of the requests. `requests` are those that were simulated.
    batching::completed completed(const requests_view &requests) const;
};

/// batching_simulate with results of its own, and with the logs that it shall keep.
inline engine_result simulate(const requests_view &requests, const engine_config &config = {},
                              const kept_logs &keep = {}) {
    engine_result run;
    run.results.resize(static_cast<std::size_t>(requests.count));
    log_destinations logs;
    logs.include_queues = keep.include_queues;
    if (keep.iterations) {
        logs.iterations = [&run](const iteration_log &rows) { run.iteration_log.append(rows); };
    }
    if (keep.decisions) {
        logs.decisions = [&run](const decision_log &rows) { run.decision_log.append(rows); };
    }
    attribution_view parts;
    if (keep.attribution) {
        run.attribution = attribution(static_cast<std::size_t>(requests.count));
        parts = run.attribution;
    }
    run.summary = simulate_into(requests, config, run.results, logs, parts);
    return run;
}

inline completed engine_result::completed(const requests_view &requests) const {
    const auto arrival_time = detail::arrival_times(requests);
    if (arrival_time && arrival_time->size() != results.status.size()) {
        detail::throw_sizes(BATCHING_ERROR_INVALID_ARGUMENT, {"arrival_time", arrival_time->size()},
                            {"status", results.status.size()});
    }
    batching::completed finished;
    for (std::size_t index = 0; index < results.status.size(); ++index) {
        if (results.status[index] == request_status::finished) {
            finished.arrival_time.push_back(results.sent_time[index]);
            finished.start_time.push_back(results.start_time[index]);
            finished.first_token_time.push_back(results.first_token_time[index]);
            finished.end_time.push_back(results.end_time[index]);
            finished.tokens_generated.push_back(results.tokens_generated[index]);
        }
    }
    return finished;
}

/* ================================================================================================================
 * Live engine
 * ================================================================================================================ */

/// What happened to a request: a row of batching_live_engine_events.
struct live_engine_event {
    using c_struct = batching_live_engine_events;

    BATCHING_HPP_LIVE_ENGINE_EVENTS(BATCHING_HPP_VALUE)
    /// Of one that has finished or was aborted, if the engine was made with keep_attribution.
    std::optional<attribution_parts> attribution = {};
};

/// batching_live_engine_state.
struct live_engine_state : detail::initialized<batching_live_engine_state_init> {};

/// What would become of a request. Times are seconds; NaN where it would not get that far.
struct engine_estimate {
    double ttft = 0.0; ///< from its arrival
    double e2e = 0.0;  ///< from its arrival
    double start_time = 0.0;
    double first_token_time = 0.0;
    double end_time = 0.0;
    std::int32_t status = 0; ///< request_status
};

namespace detail {

/// One request, as the library takes it, whose fields stay with the caller.
inline initialized<batching_requests_init> single(const std::int32_t &prompt_length, const std::int32_t &output_length,
                                                  const std::optional<double> &arrival_time) {
    initialized<batching_requests_init> borrowed;
    borrowed.count = 1;
    borrowed.prompt_length = &prompt_length;
    borrowed.output_length = &output_length;
    borrowed.arrival_time = arrival_time ? &*arrival_time : nullptr;
    return borrowed;
}

/// `ids` left out: none.
inline const std::int64_t *ids_of(const requests_view &requests, const optional_column<const std::int64_t> &ids) {
    const auto *const first = requests.sizes().first();
    if (ids && first != nullptr && ids->size() != first->size) {
        throw_sizes(BATCHING_ERROR_INVALID_ARGUMENT, {"ids", ids->size()}, *first);
    }
    return ids ? ids->data() : nullptr;
}

} // namespace detail

/// A batching_live_engine, which it owns. It can be moved; one that was moved from can only be assigned to or
/// destroyed. The functions of its config are kept, and shared with its forks.
class live_engine {
  public:
    explicit live_engine(const engine_config &config = {}) : config_(std::make_shared<const engine_config>(config)) {
        batching_live_engine *made = nullptr;
        detail::check(batching_live_engine_create(config_.get(), &made));
        handle_.reset(made);
    }

    /// Requests come. `ids` left out: each has the number of those submitted before it.
    void submit(const requests_view &requests, const optional_column<const std::int64_t> &ids = {}) {
        detail::check(batching_live_engine_submit(handle_.get(), &requests, detail::ids_of(requests, ids)));
    }

    /// One request comes, now or at `arrival_time`.
    void submit(std::int64_t id, std::int32_t prompt_length, std::int32_t output_length,
                const std::optional<double> &arrival_time = {}) {
        const auto borrowed = detail::single(prompt_length, output_length, arrival_time);
        detail::check(batching_live_engine_submit(handle_.get(), &borrowed, &id));
    }

    /// Moves the clock on; infinity: until nothing is left to do. Throws what a callback throws, or invalid_argument
    /// if what it answers is not valid; nothing is done of that, and it can be called again.
    void advance(double time = std::numeric_limits<double>::infinity(),
                 const std::optional<std::int64_t> &iterations = {}) {
        const auto most = detail::not_zero("iterations", iterations, "at least 1");
        detail::guarded([&] { return batching_live_engine_advance(handle_.get(), time, most); });
    }

    /// The same with logs of what it does in this call, whose requests have their ids. A function gets the rows a few
    /// hundred at a time, and the rest at the end, also if an exception ends the call: what happened is told once. If
    /// that function throws, or stops the call, the engine can only be observed, polled and destroyed.
    log_rows advance(double time, const std::optional<std::int64_t> &iterations, const log_destinations &logs) {
        const auto most = detail::not_zero("iterations", iterations, "at least 1");
        // A call may have few rows, or none.
        constexpr std::size_t rows = 256;
        detail::borrowed_log<iteration_log> told("the iteration log's function", logs.iterations, rows);
        detail::borrowed_log<decision_log> decided("the decision log's function", logs.decisions, rows);
        auto *const iteration_log = told.instead_of(nullptr);
        auto *const decision_log = decided.instead_of(nullptr);
        if (logs.include_queues && decision_log != nullptr) {
            decision_log->include_queues = 1;
        }
        detail::guarded([&] {
            return batching_live_engine_advance_logged(handle_.get(), time, most, iteration_log, decision_log);
        });
        return {iteration_log == nullptr ? 0 : iteration_log->count, decision_log == nullptr ? 0 : decision_log->count};
    }

    /// What happened since it was last asked.
    std::vector<live_engine_event> poll() {
        const auto state = observe();
        const auto count = static_cast<std::size_t>(state.events);
        batching::attribution parts(state.keeps_attribution != 0 ? count : 0);
        const auto attributed = static_cast<attribution_view>(parts);
        detail::initialized<batching_live_engine_events_init> told;
        told.capacity = static_cast<std::int64_t>(count);
        told.attribution = state.keeps_attribution != 0 ? &attributed : nullptr;
#define BATCHING_HPP_WANT(name)                                                                                        \
    std::vector<decltype(live_engine_event::name)> name##_column(count);                                               \
    told.name = name##_column.data();
        BATCHING_HPP_LIVE_ENGINE_EVENTS(BATCHING_HPP_WANT)
#undef BATCHING_HPP_WANT
        detail::check(batching_live_engine_poll(handle_.get(), &told));
        // Another thread may have taken some since they were counted.
        std::vector<live_engine_event> events(static_cast<std::size_t>(told.count));
        for (std::size_t row = 0; row < events.size(); ++row) {
#define BATCHING_HPP_TAKE(name) events[row].name = name##_column[row];
            BATCHING_HPP_LIVE_ENGINE_EVENTS(BATCHING_HPP_TAKE)
#undef BATCHING_HPP_TAKE
            if (told.attribution != nullptr && !std::isnan(parts.decode[row])) {
                auto &own = events[row].attribution.emplace();
#define BATCHING_HPP_TAKE(name) own.name = parts.name[row];
                BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_TAKE)
#undef BATCHING_HPP_TAKE
            }
        }
        return events;
    }

    void abort(std::int64_t request) {
        detail::check(batching_live_engine_abort(handle_.get(), request));
    }

    void set_output_length(std::int64_t request, std::int32_t output_length) {
        detail::check(batching_live_engine_set_output_length(handle_.get(), request, output_length));
    }

    live_engine_state observe() const {
        live_engine_state told;
        detail::check(batching_live_engine_observe(handle_.get(), &told));
        return told;
    }

    /// What would become of each of `requests` if it came, and no other; into columns of the caller.
    void estimate_into(const requests_view &requests, const results_view &results) const {
        const auto columns = results.for_each_of(requests);
        detail::guarded([&] { return batching_live_engine_estimate(handle_.get(), &requests, &columns); });
    }

    /// What would become of one request if it came, and no other.
    engine_estimate estimate(std::int32_t prompt_length, std::int32_t output_length,
                             const std::optional<double> &arrival_time = {}) const {
        const std::optional<double> arrival = arrival_time ? *arrival_time : observe().clock;
        return estimates(detail::single(prompt_length, output_length, arrival)).front();
    }

    /// What would become of each of `requests`, with their hash ids, if it came, and no other: in one call.
    std::vector<engine_estimate> estimate(const requests_view &requests) const {
        batching_requests borrowed = requests;
        std::vector<double> now;
        if (borrowed.arrival_time == nullptr) {
            now.assign(static_cast<std::size_t>(borrowed.count), observe().clock);
            borrowed.arrival_time = now.data();
        }
        return estimates(borrowed);
    }

    /// An independent copy, which has no events yet.
    live_engine fork() const {
        batching_live_engine *copy = nullptr;
        detail::check(batching_live_engine_fork(handle_.get(), &copy));
        return live_engine(copy, config_);
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
        auto shared = std::make_shared<const engine_config>(callbacks);
        batching_live_engine *made = nullptr;
        detail::check(
            batching_live_engine_load(bytes.data(), static_cast<std::int64_t>(bytes.size()), shared.get(), &made));
        return live_engine(made, std::move(shared));
    }

    /// The handle, for the C functions; it stays with this object.
    batching_live_engine *get() const noexcept {
        return handle_.get();
    }

  private:
    struct destroy {
        void operator()(batching_live_engine *handle) const noexcept { batching_live_engine_destroy(handle); }
    };

    live_engine(batching_live_engine *handle, std::shared_ptr<const engine_config> config) noexcept
        : config_(std::move(config)), handle_(handle) {}

    /// Of requests that say when they arrive.
    std::vector<engine_estimate> estimates(const batching_requests &requests) const {
        const auto count = static_cast<std::size_t>(requests.count);
        std::vector<double> start(count), first_token(count), end(count);
        std::vector<std::int32_t> status(count);
        detail::initialized<batching_results_init> results;
        results.capacity = requests.count;
        results.start_time = start.data();
        results.first_token_time = first_token.data();
        results.end_time = end.data();
        results.status = status.data();
        detail::guarded([&] { return batching_live_engine_estimate(handle_.get(), &requests, &results); });
        std::vector<engine_estimate> told(count);
        for (std::size_t row = 0; row < count; ++row) {
            const double arrival = requests.arrival_time[row];
            told[row] = {first_token[row] - arrival, end[row] - arrival, start[row],
                         first_token[row],           end[row],           status[row]};
        }
        return told;
    }

    /// The library keeps pointers to its functions.
    std::shared_ptr<const engine_config> config_;
    std::unique_ptr<batching_live_engine, destroy> handle_;
};

/* ================================================================================================================
 * Routers
 * ================================================================================================================ */

/// batching_router_config: its columns are borrowed until a router is made of it.
struct router_config : detail::initialized<batching_router_config_init> {
    router_config() = default;
    explicit router_config(router_name::value rule, std::int64_t count = 1) {
        router = rule;
        workers = count;
    }
};

/// batching_routing_request: what it points to is borrowed.
struct routing_request : detail::initialized<batching_routing_request_init> {
    routing_request() = default;
    explicit routing_request(std::int64_t id, double at = 0, std::int32_t prompt_tokens = 0,
                             std::int32_t output_tokens = 0) {
        request = id;
        time = at;
        prompt_length = prompt_tokens;
        output_length = output_tokens;
    }

    routing_request &set_hash_ids(column<const std::uint64_t> ids) {
        hash_ids = ids.data();
        hash_count = static_cast<std::int64_t>(ids.size());
        return *this;
    }
    /// For any string with a name, or a literal.
    routing_request &set_text(std::string_view prompt) {
        text = prompt.data();
        text_size = static_cast<std::int64_t>(prompt.size());
        return *this;
    }
    routing_request &set_session(const char *name) {
        session = name;
        return *this;
    }
};

/// batching_worker_metrics: as many workers as its columns have elements, all the same number.
struct worker_metrics_view : detail::equal_columns<batching_worker_metrics_init, &batching_worker_metrics::count> {
    BATCHING_HPP_WORKER_METRICS(BATCHING_HPP_SETTER)
};

/// What a router thinks of a request: see batching_router_explain.
struct explanation {
    std::vector<bool> allowed;
    std::vector<double> score;
};

/// What is in flight, as a router counts it: see batching_router_load.
struct router_load {
    std::vector<std::int64_t> requests;
    std::vector<std::int64_t> prefill_tokens;
    std::int64_t waiting = 0;
};

/// A request that waited and has been routed.
struct released_request {
    std::int64_t request;
    std::int64_t worker;
};

/// A batching_router, which it owns. It can be moved; one that was moved from can only be assigned to or destroyed.
class router {
  public:
    explicit router(const router_config &config) : workers_(config.workers) {
        batching_router *made = nullptr;
        detail::check(batching_router_create(&config, &made));
        handle_.reset(made);
    }

    std::int64_t workers() const noexcept { return workers_; }

    /// The worker that gets a request; none: it waits. Allocates nothing here.
    std::optional<std::int64_t> route(const routing_request &request) {
        std::int64_t worker = BATCHING_WORKER_NONE;
        detail::check(batching_router_route(handle_.get(), &request, &worker));
        return worker == BATCHING_WORKER_NONE ? std::nullopt : std::optional<std::int64_t>(worker);
    }

    explanation explain(const routing_request &request) const {
        std::vector<std::int32_t> allowed(size());
        explanation told{std::vector<bool>(size()), std::vector<double>(size())};
        detail::check(batching_router_explain(handle_.get(), &request, allowed.data(), told.score.data()));
        std::transform(allowed.begin(), allowed.end(), told.allowed.begin(), [](std::int32_t one) { return one == 1; });
        return told;
    }

    /// Counts a request at a worker that was chosen otherwise.
    void book(const routing_request &request, std::int64_t worker) {
        detail::check(batching_router_book(handle_.get(), &request, worker));
    }

    /// A request that waited has been routed; none: there is none.
    std::optional<released_request> release() {
        released_request told{0, BATCHING_WORKER_NONE};
        detail::check(batching_router_release(handle_.get(), &told.request, &told.worker));
        return told.worker == BATCHING_WORKER_NONE ? std::nullopt : std::optional<released_request>(told);
    }

    void first_token(std::int64_t request, double time = 0) {
        detail::check(batching_router_first_token(handle_.get(), request, time));
    }
    /// `weight` left out: as before.
    void output_block(std::int64_t request, std::optional<double> weight = {}) {
        const double value = weight.value_or(std::numeric_limits<double>::quiet_NaN());
        detail::check(batching_router_output_block(handle_.get(), request, value));
    }
    void finished(std::int64_t request, double time = 0) {
        detail::check(batching_router_finished(handle_.get(), request, time));
    }
    void set_worker(std::int64_t worker, bool is_up, double time = 0) {
        detail::check(batching_router_set_worker(handle_.get(), worker, is_up ? 1 : 0, time));
    }
    void observe(const worker_metrics_view &metrics) {
        detail::check(batching_router_observe(handle_.get(), &metrics));
    }
    /// hash_ids[first], ... were stored.
    void stored(std::int64_t worker, column<const std::uint64_t> hash_ids, std::int64_t first = 0) {
        const auto count = static_cast<std::int64_t>(hash_ids.size());
        detail::check(batching_router_stored(handle_.get(), worker, hash_ids.data(), count, first));
    }
    void removed(std::int64_t worker, column<const std::uint64_t> hash_ids) {
        const auto count = static_cast<std::int64_t>(hash_ids.size());
        detail::check(batching_router_removed(handle_.get(), worker, hash_ids.data(), count));
    }
    void evict(std::int64_t max_tree_size) { detail::check(batching_router_evict(handle_.get(), max_tree_size)); }

    router_load load() const {
        router_load told{std::vector<std::int64_t>(size()), std::vector<std::int64_t>(size()), 0};
        detail::check(
            batching_router_load(handle_.get(), told.requests.data(), told.prefill_tokens.data(), &told.waiting));
        return told;
    }

    /// An independent copy, which decides as this one does if both are told the same from now on.
    router fork() const {
        batching_router *copy = nullptr;
        detail::check(batching_router_fork(handle_.get(), &copy));
        return router(copy, workers_);
    }

    /// The handle, for the C functions; it stays with this object.
    batching_router *get() const noexcept { return handle_.get(); }

  private:
    struct destroy {
        void operator()(batching_router *handle) const noexcept { batching_router_destroy(handle); }
    };

    router(batching_router *handle, std::int64_t workers) noexcept : handle_(handle), workers_(workers) {}

    std::size_t size() const noexcept { return static_cast<std::size_t>(workers_); }

    std::unique_ptr<batching_router, destroy> handle_;
    std::int64_t workers_;
};

/* ================================================================================================================
 * Autoscalers
 * ================================================================================================================ */

/// batching_autoscaler_config.
struct autoscaler_config : detail::initialized<batching_autoscaler_config_init> {
    autoscaler_config() = default;
    explicit autoscaler_config(autoscaler_name::value rule) { autoscaler = rule; }
};

/// batching_scaling_readings: as many ready replicas as its columns have elements, all the same number; what they are made
/// of is borrowed.
struct scaling_readings_view
    : detail::equal_columns<batching_scaling_readings_init, &batching_scaling_readings::count> {
    scaling_readings_view() = default;
    explicit scaling_readings_view(double at, std::int64_t not_ready = 0) {
        time = at;
        starting = not_ready;
    }

    BATCHING_HPP_SCALING_READINGS(BATCHING_HPP_SETTER)
};

/// A batching_autoscaler, which it owns. It can be moved; one that was moved from can only be assigned to or destroyed.
class autoscaler {
  public:
    explicit autoscaler(const autoscaler_config &config) {
        batching_autoscaler *made = nullptr;
        detail::check(batching_autoscaler_create(&config, &made));
        handle_.reset(made);
    }

    /// How many replicas there should be; ready and starting ones together: no change. Allocates nothing here.
    std::int64_t decide(const scaling_readings_view &readings) {
        std::int64_t desired = 0;
        detail::check(batching_autoscaler_decide(handle_.get(), &readings, &desired));
        return desired;
    }

    /// The handle, for the C functions; it stays with this object.
    batching_autoscaler *get() const noexcept { return handle_.get(); }

  private:
    struct destroy {
        void operator()(batching_autoscaler *handle) const noexcept { batching_autoscaler_destroy(handle); }
    };

    std::unique_ptr<batching_autoscaler, destroy> handle_;
};

/* ================================================================================================================
 * Fleet
 * ================================================================================================================ */

/// Replicas that are alike.
struct fleet_pool {
    engine_config engine = {};
    std::int64_t replicas = 1;
    role::value does = {}; ///< what each does of a request; by default all of it
};

/// batching_disaggregation_config.
struct disaggregation_config : detail::initialized<batching_disaggregation_config_init> {};

/// batching_admission_config.
struct admission_config : detail::initialized<batching_admission_config_init> {};

/// batching_fault_config: its columns are borrowed.
struct fault_config : detail::initialized<batching_fault_config_init> {};

/// batching_fleet_scaling_config: its autoscaler is borrowed.
struct fleet_scaling_config : detail::initialized<batching_fleet_scaling_config_init> {};

/// batching_router_view: the replicas as a router of your own sees them. Its columns are valid until the router returns.
using router_view = ::batching_router_view;

/// A router of your own: says which worker a request goes to, one that is up.
using custom_router = callback<std::int64_t(const router_view &)>;

/// What a fleet may have beyond pools and a router; all of it is borrowed for the call. nullptr and 0: as batching_fleet_config.
struct fleet_options {
    const batching_router_config *decode_router = nullptr;
    const batching_disaggregation_config *disaggregation = nullptr;
    const batching_admission_config *admission = nullptr;
    const batching_fault_config *faults = nullptr;
    const batching_fleet_scaling_config *scaling = nullptr;        ///< with roles, of those that prefill
    const batching_fleet_scaling_config *decode_scaling = nullptr; ///< of those that decode
    chooser::value decides = {}; ///< what decides; by default the router, or router_callback where there is one
    /// Asked for each request; the router then only counts. What it throws comes out of simulate_fleet.
    std::optional<custom_router> router_callback = {};
    bool attribution = false;    ///< into which parts the time of each request falls
    double metrics_interval = 0; ///< seconds
    double kv_event_lag = 0;     ///< seconds
    double routing_delay = 0;    ///< seconds
    /// Of each request the replica that it goes to where the rule would draw one of several; -1: none. Empty: none.
    std::vector<std::int32_t> preferred_replica = {};
    std::vector<std::int32_t> preferred_decode_replica = {}; ///< the same of where it decodes
    bool iteration_logs = false;                             ///< a row for each iteration of each replica
    bool decision_logs = false;                              ///< a row for each decision of each replica
    bool include_queues = false; ///< decisions: also which requests run and which wait, after each scheduling
};

/// What one replica of a fleet did: a row of batching_fleet_results.
struct replica_result {
    std::int64_t requests = 0;             ///< that were routed to it
    std::int64_t finished = 0;             ///< those of them that have all their tokens
    std::int64_t tokens = 0;               ///< that it generated
    std::int64_t iterations = 0;           ///< its iterations
    double busy_time = 0;                  ///< seconds in which it computed
    double duration = 0;                   ///< seconds: the end of its last iteration
    double mean_running = 0;               ///< requests that ran, on average over [0, duration]
    double mean_kv_use = 0;                ///< the share of its KV blocks in use, the same
    std::int64_t peak_waiting = 0;         ///< the most requests left waiting by the scheduling of an iteration
    std::int64_t preemptions = 0;          ///< how often it preempted a request
    std::int64_t prefix_cache_queries = 0; ///< tokens looked up in its prefix cache at first admissions
    std::int64_t prefix_cache_hits = 0;    ///< tokens found there
    double up_time = 0;                    ///< seconds that it was there
};

/// What a fleet tells: of each request, in the order of the requests, of the whole run, and of each replica.
struct fleet_result {
    using c_struct = batching_fleet_results;

    batching::results results;
    batching::summary summary;
    BATCHING_HPP_FLEET_RESULTS(BATCHING_HPP_VECTOR)
    std::vector<replica_result> replicas = {};
    batching::attribution attribution = {};          ///< empty unless asked for
    std::int64_t scaling_count = 0;                  ///< decisions of the autoscaler
    std::vector<double> scaling_time = {};           ///< seconds of each of them, at most the first 4,194,304
    std::vector<std::int64_t> scaling_replicas = {}; ///< replicas that there are to be from then on
    std::vector<iteration_log> iteration_logs = {};  ///< one for each replica; empty unless asked for
    std::vector<decision_log> decision_logs = {};    ///< the same of decisions
    std::vector<std::int32_t> scaling_role = {};     ///< BATCHING_ROLE_...: of which replicas each is
};

namespace detail {

/// The struct of C that says what a fleet is made of. It borrows its arguments.
class fleet_structure : public initialized<batching_fleet_config_init> {
  public:
    fleet_structure(const std::vector<fleet_pool> &pools, const router_config &routing, const fleet_options &options) {
        for (const fleet_pool &pool : pools) {
            engines_.push_back(&pool.engine);
            roles_.push_back(pool.does);
            counts_.push_back(pool.replicas);
            // What is out of range is refused by the library, which says where.
            total_ += pool.replicas >= 1 && pool.replicas <= 65536 ? static_cast<std::size_t>(pool.replicas) : 0;
        }
        router = &routing;
        pool_count = static_cast<std::int64_t>(pools.size());
        engine = engines_.data();
        replicas = counts_.data();
        role = roles_.data();
        metrics_interval = options.metrics_interval;
        kv_event_lag = options.kv_event_lag;
        routing_delay = options.routing_delay;
        decode_router = options.decode_router;
        disaggregation = options.disaggregation;
        admission = options.admission;
        faults = options.faults;
        scaling = options.scaling;
        decode_scaling = options.decode_scaling;
        chooser = options.decides;
        if (options.router_callback) {
            asked_ = std::make_shared<const custom_router>(*options.router_callback);
            if (chooser == batching::chooser::router) {
                chooser = batching::chooser::callback;
            }
            // The struct of C wants it without const.
            router_user_data = const_cast<custom_router *>(asked_.get());
            router_callback = [](const router_view *view, std::int64_t *worker, void *user_data) noexcept {
                return callback_guard::call("router_callback", [&] {
                    *worker = (*static_cast<const custom_router *>(user_data))(*view);
                    return true;
                });
            };
        }
        const auto given = [](const std::vector<std::int32_t> &column) {
            return column.empty() ? nullptr : column.data();
        };
        preferred_replica = given(options.preferred_replica);
        preferred_decode_replica = given(options.preferred_decode_replica);
    }

    fleet_structure(const fleet_structure &) = delete;
    fleet_structure &operator=(const fleet_structure &) = delete;

    /// Replicas.
    std::size_t total() const noexcept { return total_; }

    /// The router of your own, for as long as the library has its address; nullptr: none.
    const std::shared_ptr<const custom_router> &asked() const noexcept { return asked_; }

  private:
    std::vector<const batching_engine_config *> engines_;
    std::vector<std::int64_t> counts_;
    std::vector<std::int32_t> roles_;
    std::size_t total_ = 0;
    std::shared_ptr<const custom_router> asked_;
};

} // namespace detail

namespace detail {

/// Keeps a log of each replica, whose rows come a few at a time.
template <class Log> class replica_logs {
  public:
    replica_logs(const char *name, std::vector<Log> &kept, std::size_t replicas) : kept_(kept) {
        kept_.resize(replicas);
        // So many rows in all pass at a time, and a few of each log.
        const std::size_t rows = std::max<std::size_t>(64, 65536 / std::max<std::size_t>(replicas, 1));
        for (std::size_t replica = 0; replica < replicas; ++replica) {
            Log &own = kept_[replica];
            takes_.push_back(std::make_unique<log_destination<Log>>([&own](const Log &told) { own.append(told); }));
            borrowed_.push_back(
                std::make_unique<borrowed_log<Log>>(name, *takes_.back(), std::min<std::size_t>(rows, 4096)));
            told_.push_back(borrowed_.back()->instead_of(nullptr));
        }
    }

    /// For the config. nullptr: none are wanted.
    typename Log::c_struct **data() noexcept { return told_.empty() ? nullptr : told_.data(); }

    void include_queues() {
        for (auto *const log : told_) {
            log->include_queues = 1;
        }
    }

  private:
    std::vector<Log> &kept_;
    std::vector<std::unique_ptr<log_destination<Log>>> takes_;
    std::vector<std::unique_ptr<borrowed_log<Log>>> borrowed_;
    std::vector<typename Log::c_struct *> told_;
};

} // namespace detail

/**
 * batching_fleet_simulate.
 *
 * router: its workers may be 0; round robin by default.
 */
inline fleet_result simulate_fleet(const requests_view &requests, const std::vector<fleet_pool> &pools,
                                   const router_config &router = router_config(), const fleet_options &options = {}) {
    detail::fleet_structure config(pools, router, options);
    const std::size_t total = config.total();
    const auto rows = static_cast<std::size_t>(requests.count);
    for (const std::vector<std::int32_t> *given : {&options.preferred_replica, &options.preferred_decode_replica}) {
        if (!given->empty() && given->size() != rows) {
            throw std::invalid_argument("a preferred replica is needed for each request, or for none");
        }
    }
    fleet_result run;
    run.results.resize(rows);
    std::vector<std::int64_t> numbers(8 * total);
    std::vector<double> seconds(5 * total);
    detail::initialized<batching_fleet_results_init> columns;
    columns.capacity = requests.count;
    columns.replica_capacity = static_cast<std::int64_t>(total);
#define BATCHING_HPP_ROOM(column)                                                                                      \
    run.column.resize(rows);                                                                                           \
    columns.column = run.column.data();
    BATCHING_HPP_FLEET_RESULTS(BATCHING_HPP_ROOM)
#undef BATCHING_HPP_ROOM
    std::int64_t **const counted[] = {&columns.requests,
                                      &columns.finished,
                                      &columns.tokens,
                                      &columns.iterations,
                                      &columns.peak_waiting,
                                      &columns.preemptions,
                                      &columns.prefix_cache_queries,
                                      &columns.prefix_cache_hits};
    for (std::size_t at = 0; at < 8; ++at) {
        *counted[at] = numbers.data() + at * total;
    }
    double **const timed[] = {&columns.busy_time, &columns.duration, &columns.mean_running, &columns.mean_kv_use,
                              &columns.up_time};
    for (std::size_t at = 0; at < 5; ++at) {
        *timed[at] = seconds.data() + at * total;
    }
    batching_attribution parts{};
    if (options.attribution) {
        run.attribution = attribution(rows);
        parts = static_cast<attribution_view>(run.attribution).for_each_of(requests);
        columns.attribution = &parts;
    }
    // How many decisions there will be is not known before, and asking twice would ask a callback twice: there is room for
    // many, which is not memory before it is written.
    std::unique_ptr<double[]> decided;
    std::unique_ptr<std::int64_t[]> wanted;
    std::unique_ptr<std::int32_t[]> roles;
    if (options.scaling != nullptr || options.decode_scaling != nullptr) {
        constexpr std::int64_t most = 1 << 22;
        decided.reset(new double[most]);
        wanted.reset(new std::int64_t[most]);
        roles.reset(new std::int32_t[most]);
        columns.scaling_capacity = most;
        columns.scaling_time = decided.get();
        columns.scaling_replicas = wanted.get();
        columns.scaling_role = roles.get();
        columns.scaling_count = &run.scaling_count;
    }
    detail::replica_logs<iteration_log> iterations("the iteration logs", run.iteration_logs,
                                                   options.iteration_logs ? total : 0);
    detail::replica_logs<decision_log> decisions("the decision logs", run.decision_logs,
                                                 options.decision_logs || options.include_queues ? total : 0);
    if (options.include_queues) {
        decisions.include_queues();
    }
    config.iteration_log = iterations.data();
    config.decision_log = decisions.data();
    const results_view view = run.results;
    const auto written = view.for_each_of(requests);
    detail::guarded([&] { return batching_fleet_simulate(&config, &requests, &written, &columns, &run.summary); });
    const auto kept = std::min(run.scaling_count, columns.scaling_capacity);
    if (kept > 0) {
        run.scaling_time.assign(decided.get(), decided.get() + kept);
        run.scaling_replicas.assign(wanted.get(), wanted.get() + kept);
        run.scaling_role.assign(roles.get(), roles.get() + kept);
    }
    run.replicas.resize(total);
    for (std::size_t at = 0; at < total; ++at) {
        run.replicas[at] = {columns.requests[at],
                            columns.finished[at],
                            columns.tokens[at],
                            columns.iterations[at],
                            columns.busy_time[at],
                            columns.duration[at],
                            columns.mean_running[at],
                            columns.mean_kv_use[at],
                            columns.peak_waiting[at],
                            columns.preemptions[at],
                            columns.prefix_cache_queries[at],
                            columns.prefix_cache_hits[at],
                            columns.up_time[at]};
    }
    return run;
}

/* ================================================================================================================
 * Live fleet
 * ================================================================================================================ */

/// What became of a request of a live fleet: what fleet_result tells of it.
struct live_fleet_outcome {
    using c_struct = batching_fleet_results;

    std::int32_t status = 0; ///< request_status
    double arrival_time = 0.0;
    double start_time = 0.0;
    double first_token_time = 0.0;
    double end_time = 0.0;
    std::int32_t tokens_generated = 0;
    std::int32_t preemptions = 0;
    std::int32_t prefix_cached_tokens = 0;
    BATCHING_HPP_FLEET_RESULTS(BATCHING_HPP_VALUE)
    /// Of one that has ended at a replica, if all pools were made with keep_attribution.
    std::optional<attribution_parts> attribution = {};
};

/// What happened to a request: a row of batching_fleet_events.
struct live_fleet_event {
    using c_struct = batching_fleet_events;

    BATCHING_HPP_FLEET_EVENTS(BATCHING_HPP_VALUE)
    /// Of an event that ends its request.
    std::optional<live_fleet_outcome> outcome = {};
};

/// batching_fleet_state, without columns.
struct live_fleet_state : detail::initialized<batching_fleet_state_init> {};

/// What a replica holds: a row of batching_fleet_state.
struct live_fleet_replica {
    using c_struct = batching_fleet_state;

    BATCHING_HPP_FLEET_STATE(BATCHING_HPP_VALUE)
};

/// What would become of a request of a fleet. Times are seconds; NaN where it would not get that far.
struct live_fleet_estimate {
    double ttft = 0.0; ///< from its arrival
    double e2e = 0.0;  ///< from its arrival
    double start_time = 0.0;
    double first_token_time = 0.0;
    double end_time = 0.0;
    std::int32_t status = 0;           ///< request_status
    std::int32_t replica = -1;         ///< where it would go; -1: nowhere
    std::int32_t prefill_replica = -1; ///< where its prompt would be computed, if that is elsewhere
};

/// A batching_fleet, which it owns. It can be moved; one that was moved from can only be assigned to or destroyed. The
/// functions of its pools are kept, and shared with its forks.
class live_fleet {
  public:
    /// Of the options no replica may be preferred.
    explicit live_fleet(const std::vector<fleet_pool> &pools, const router_config &router = router_config(),
                        const fleet_options &options = {})
        : pools_(std::make_shared<const std::vector<fleet_pool>>(pools)) {
        const detail::fleet_structure config(*pools_, router, options);
        batching_fleet *made = nullptr;
        detail::check(batching_fleet_create(&config, &made));
        handle_.reset(made);
        asked_ = config.asked();
    }

    /// Requests come. `ids` left out: each has the number of those submitted before it.
    void submit(const requests_view &requests, const optional_column<const std::int64_t> &ids = {}) {
        detail::check(batching_fleet_submit(handle_.get(), &requests, detail::ids_of(requests, ids)));
    }

    /// One request comes, now or at `arrival_time`.
    void submit(std::int64_t id, std::int32_t prompt_length, std::int32_t output_length,
                const std::optional<double> &arrival_time = {}) {
        const auto borrowed = detail::single(prompt_length, output_length, arrival_time);
        detail::check(batching_fleet_submit(handle_.get(), &borrowed, &id));
    }

    /// Moves the clock on; infinity: until nothing is left to do. Throws what a callback throws; what has happened up
    /// to there can be polled and observed then, and nothing else be done.
    void advance(double time = std::numeric_limits<double>::infinity()) {
        detail::guarded([&] { return batching_fleet_advance(handle_.get(), time); });
    }

    /// A request leaves: its client is gone.
    void abort(std::int64_t request) { detail::check(batching_fleet_abort(handle_.get(), request)); }

    /// What happened since it was last asked.
    std::vector<live_fleet_event> poll() {
        const auto count = static_cast<std::size_t>(observe().events);
        const bool is_attributed = keeps_attribution();
        batching::attribution parts(is_attributed ? count : 0);
        const auto attributed = static_cast<attribution_view>(parts);
        detail::initialized<batching_fleet_results_init> fleet_results;
        fleet_results.capacity = static_cast<std::int64_t>(count);
        fleet_results.attribution = is_attributed ? &attributed : nullptr;
        detail::initialized<batching_results_init> results;
        results.capacity = fleet_results.capacity;
        detail::initialized<batching_fleet_events_init> told;
        told.capacity = fleet_results.capacity;
        told.results = &results;
        told.fleet_results = &fleet_results;
#define BATCHING_HPP_WANT(name)                                                                                        \
    std::vector<decltype(live_fleet_event::name)> told_##name(count);                                                  \
    told.name = told_##name.data();
        BATCHING_HPP_FLEET_EVENTS(BATCHING_HPP_WANT)
#undef BATCHING_HPP_WANT
#define BATCHING_HPP_WANT(name)                                                                                        \
    std::vector<decltype(live_fleet_outcome::name)> name##_column(count);                                              \
    fleet_results.name = name##_column.data();
        BATCHING_HPP_FLEET_RESULTS(BATCHING_HPP_WANT)
#undef BATCHING_HPP_WANT
        std::vector<double> arrival(count), start(count), first_token(count), end(count);
        std::vector<std::int32_t> generated(count), preemptions(count), cached(count), status(count);
        results.arrival_time = arrival.data();
        results.start_time = start.data();
        results.first_token_time = first_token.data();
        results.end_time = end.data();
        results.tokens_generated = generated.data();
        results.preemptions = preemptions.data();
        results.prefix_cached_tokens = cached.data();
        results.status = status.data();
        detail::check(batching_fleet_poll(handle_.get(), &told));
        // Another thread may have taken some since they were counted.
        std::vector<live_fleet_event> events(static_cast<std::size_t>(told.count));
        for (std::size_t row = 0; row < events.size(); ++row) {
#define BATCHING_HPP_TAKE(name) events[row].name = told_##name[row];
            BATCHING_HPP_FLEET_EVENTS(BATCHING_HPP_TAKE)
#undef BATCHING_HPP_TAKE
            if (events[row].event != event::finished && events[row].event != event::aborted &&
                events[row].event != event::rejected) {
                continue;
            }
            auto &outcome = events[row].outcome.emplace();
            outcome.status = status[row];
            outcome.arrival_time = arrival[row];
            outcome.start_time = start[row];
            outcome.first_token_time = first_token[row];
            outcome.end_time = end[row];
            outcome.tokens_generated = generated[row];
            outcome.preemptions = preemptions[row];
            outcome.prefix_cached_tokens = cached[row];
#define BATCHING_HPP_TAKE(name) outcome.name = name##_column[row];
            BATCHING_HPP_FLEET_RESULTS(BATCHING_HPP_TAKE)
#undef BATCHING_HPP_TAKE
            if (is_attributed && !std::isnan(parts.decode[row])) {
                auto &own = outcome.attribution.emplace();
#define BATCHING_HPP_TAKE(name) own.name = parts.name[row];
                BATCHING_HPP_ATTRIBUTION(BATCHING_HPP_TAKE)
#undef BATCHING_HPP_TAKE
            }
        }
        return events;
    }

    live_fleet_state observe() const {
        live_fleet_state told;
        detail::check(batching_fleet_observe(handle_.get(), &told));
        return told;
    }

    /// What each replica holds.
    std::vector<live_fleet_replica> replicas() const {
        live_fleet_state told = observe();
        const auto count = static_cast<std::size_t>(told.replicas);
        told.capacity = told.replicas;
#define BATCHING_HPP_WANT(name)                                                                                        \
    std::vector<decltype(live_fleet_replica::name)> name##_column(count);                                              \
    told.name = name##_column.data();
        BATCHING_HPP_FLEET_STATE(BATCHING_HPP_WANT)
#undef BATCHING_HPP_WANT
        detail::check(batching_fleet_observe(handle_.get(), &told));
        std::vector<live_fleet_replica> held(count);
        for (std::size_t row = 0; row < count; ++row) {
#define BATCHING_HPP_TAKE(name) held[row].name = name##_column[row];
            BATCHING_HPP_FLEET_STATE(BATCHING_HPP_TAKE)
#undef BATCHING_HPP_TAKE
        }
        return held;
    }

    /// What would become of one request if it came, and no other but those that are pending.
    live_fleet_estimate estimate(std::int32_t prompt_length, std::int32_t output_length,
                                 const std::optional<double> &arrival_time = {}) const {
        return estimates(detail::single(prompt_length, output_length, arrival_time)).front();
    }

    /// What would become of each of `requests` if it came, and no other but those that are pending: in one call.
    std::vector<live_fleet_estimate> estimate(const requests_view &requests) const {
        return estimates(requests);
    }

    /// An independent copy, which has no events yet.
    live_fleet fork() const {
        batching_fleet *copy = nullptr;
        detail::check(batching_fleet_fork(handle_.get(), &copy));
        return live_fleet(copy, pools_, asked_);
    }

    /// The handle, for the C functions; it stays with this object.
    batching_fleet *get() const noexcept {
        return handle_.get();
    }

  private:
    struct destroy {
        void operator()(batching_fleet *handle) const noexcept { batching_fleet_destroy(handle); }
    };

    live_fleet(batching_fleet *handle, std::shared_ptr<const std::vector<fleet_pool>> pools,
               std::shared_ptr<const custom_router> asked) noexcept
        : pools_(std::move(pools)), asked_(std::move(asked)), handle_(handle) {}

    bool keeps_attribution() const {
        for (const fleet_pool &pool : *pools_) {
            if (pool.engine.keep_attribution == 0) {
                return false;
            }
        }
        return true;
    }

    std::vector<live_fleet_estimate> estimates(const batching_requests &requests) const {
        const auto count = static_cast<std::size_t>(requests.count);
        std::vector<double> arrival(count), start(count), first_token(count), end(count);
        std::vector<std::int32_t> status(count), replica(count), prefill_replica(count);
        detail::initialized<batching_results_init> results;
        results.capacity = requests.count;
        // Of those that are given no time that of the clock.
        results.arrival_time = arrival.data();
        results.start_time = start.data();
        results.first_token_time = first_token.data();
        results.end_time = end.data();
        results.status = status.data();
        detail::initialized<batching_fleet_results_init> fleet_results;
        fleet_results.capacity = requests.count;
        fleet_results.replica = replica.data();
        fleet_results.prefill_replica = prefill_replica.data();
        detail::guarded([&] { return batching_fleet_estimate(handle_.get(), &requests, &results, &fleet_results); });
        std::vector<live_fleet_estimate> told(count);
        for (std::size_t row = 0; row < count; ++row) {
            told[row] = {first_token[row] - arrival[row],
                         end[row] - arrival[row],
                         start[row],
                         first_token[row],
                         end[row],
                         status[row],
                         replica[row],
                         prefill_replica[row]};
        }
        return told;
    }

    /// The library keeps pointers to its functions.
    std::shared_ptr<const std::vector<fleet_pool>> pools_;
    std::shared_ptr<const custom_router> asked_;
    std::unique_ptr<batching_fleet, destroy> handle_;
};

/* ================================================================================================================
 * Accumulator
 * ================================================================================================================ */

/// batching_accumulator_config.
struct accumulator_config : detail::initialized<batching_accumulator_config_init> {};

/// batching_accumulator_events: as many events as its columns have elements, all the same number.
struct accumulator_events_view
    : detail::equal_columns<batching_accumulator_events_init, &batching_accumulator_events::count> {
    BATCHING_HPP_ACCUMULATOR_EVENTS(BATCHING_HPP_SETTER)

    accumulator_events_view() = default;
    accumulator_events_view(const optional_column<const std::int32_t> &events,
                            const optional_column<const std::int64_t> &requests,
                            const optional_column<const double> &times,
                            const optional_column<const std::int32_t> &values) {
        set_event(events).set_request(requests).set_time(times).set_value(values);
    }
};

/// batching_accumulator_state.
struct accumulator_state : detail::initialized<batching_accumulator_state_init> {};

/// A batching_accumulator, which it owns. It can be moved; one that was moved from can only be assigned to or
/// destroyed.
class accumulator {
  public:
    explicit accumulator(const accumulator_config &config = {}) {
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
    void finished(std::int64_t request, double time, finish_reason::value reason = finish_reason::stop) {
        detail::check(batching_accumulator_finished(handle_.get(), request, time, reason));
    }
    void failed(std::int64_t request, double time, failure_reason::value reason = failure_reason::error) {
        detail::check(batching_accumulator_failed(handle_.get(), request, time, reason));
    }

    /// Many events, up to the first that is in error; `accepted`, if given, gets how many were taken, then too.
    void add(const accumulator_events_view &events, std::int64_t *accepted = nullptr) {
        detail::check(batching_accumulator_add(handle_.get(), &events, accepted));
    }

    /// Moves the clock on without an event.
    void advance(double time) { detail::check(batching_accumulator_advance(handle_.get(), time)); }

    accumulator_state observe() const {
        accumulator_state told;
        detail::check(batching_accumulator_observe(handle_.get(), &told));
        return told;
    }

    /// batching_accumulator_measure, with all distributions.
    serving_metrics measure(accumulator_scope::value scope = accumulator_scope::start,
                            const serving_metrics_config &config = {}) const {
        return detail::measured(config, [&](batching_serving_metrics *told) {
            return batching_accumulator_measure(handle_.get(), scope, &config, told);
        });
    }

    /// Adds the events of the other.
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
 * Hosts
 * ================================================================================================================ */

/**
 * batching_interrupt_set for as long as this object lives: the calls of the thread that made it ask a function whether
 * to go on, again and again. With false the call throws cancelled; what the function throws comes out of the call.
 *
 * Destroyed by that thread, the last one first: then the one before holds again. A callback that was set by
 * batching_interrupt_set itself is gone.
 */
class interruption {
  public:
    /// From now on `go_on` is asked: anything that can be called, and answers with a bool or with nothing.
    explicit interruption(const callback<bool()> &go_on) : go_on_(go_on), outer_(std::exchange(current(), this)) {
        batching_interrupt_set(ask, this);
    }

    // The library holds its address.
    interruption(const interruption &) = delete;
    interruption &operator=(const interruption &) = delete;

    ~interruption() {
        current() = outer_;
        batching_interrupt_set(outer_ == nullptr ? nullptr : ask, outer_);
        detail::thrown_by_interruption() = nullptr;
    }

  private:
    static interruption *&current() noexcept {
        static thread_local interruption *innermost = nullptr;
        return innermost;
    }

    static std::int32_t ask(void *asked) noexcept {
        detail::thrown_by_interruption() = nullptr;
        try {
            return static_cast<const interruption *>(asked)->go_on_() ? 0 : 1;
        } catch (...) {
            detail::thrown_by_interruption() = std::current_exception();
            return 1;
        }
    }

    callback<bool()> go_on_;
    interruption *outer_;
};

// The macros are for this header alone.
// Generated from include/batching.h by `make generate`, no more columns: change that, not this.
#undef BATCHING_HPP_ACCUMULATOR_EVENTS
#undef BATCHING_HPP_ATTRIBUTION
#undef BATCHING_HPP_ATTRIBUTION_BANDS
#undef BATCHING_HPP_COMPLETED
#undef BATCHING_HPP_DECISION_LOG
#undef BATCHING_HPP_FLEET_EVENTS
#undef BATCHING_HPP_FLEET_RESULTS
#undef BATCHING_HPP_FLEET_STATE
#undef BATCHING_HPP_ITERATION_LOG
#undef BATCHING_HPP_ITERATIONS
#undef BATCHING_HPP_LATENCIES
#undef BATCHING_HPP_LIVE_CALIBRATION_LOG
#undef BATCHING_HPP_LIVE_ENGINE_EVENTS
#undef BATCHING_HPP_LOAD_CONFIG
#undef BATCHING_HPP_LOAD_TIMELINE
#undef BATCHING_HPP_RECORDED
#undef BATCHING_HPP_REQUESTS
#undef BATCHING_HPP_RESULTS
#undef BATCHING_HPP_SCALING_READINGS
#undef BATCHING_HPP_SERVING_METRICS
#undef BATCHING_HPP_WORKER_METRICS
// End of what is generated, no more columns.
#undef BATCHING_HPP_APPEND
#undef BATCHING_HPP_RESIZE
#undef BATCHING_HPP_SET
#undef BATCHING_HPP_SETTER
#undef BATCHING_HPP_SET_UNLESS_EMPTY
#undef BATCHING_HPP_VALUE
#undef BATCHING_HPP_VECTOR

} // namespace batching

#endif /* BATCHING_HPP */
